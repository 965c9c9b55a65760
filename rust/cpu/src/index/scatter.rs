//! Writing by index.

use bytemuck::Pod;
use smallvec::SmallVec;
use tenfold_ir::{Layout, Result};

use super::addresses::{Addresses, FirstFailure, normalized, out_of_range};
use super::assemble::copy_base;
use super::combine::Combine;
use super::{CHUNK_NANOSECONDS, MOST_BYTES_AHEAD, ROWS_AHEAD};
use crate::backend::disjoint::{Disjoint, for_each_range};
use crate::backend::view::{Input, OutputView, RowLayout, Walk};
use crate::simd::prefetch;
use crate::threads::{for_each_chunk, thread_count};

/// Rows of at least this many bytes are split between threads by column, shorter ones by row.
const WIDE_ROW_BYTES: usize = 1024;
/// Bytes of a row that a thread takes at least.
const COLUMN_BYTES: usize = 256;

/// `base` with `values[b, rest]` combined into row `[i₁[b], …, i_k[b]]`, in order of b.
pub fn scatter<T: Pod + Send + Sync>(
    how: impl Combine<T>,
    axes: usize,
    inputs: &[Input<'_>],
    output: &mut OutputView<'_>,
) -> Result<()> {
    let shape = inputs[0].shape().clone();
    let strides = shape.dense_strides();
    let addresses = Addresses::new("scatter", &inputs[1..=axes], &shape[..axes], &strides[..axes])?;
    let values = &inputs[axes + 1];
    let memory = values.plain::<T>()?;
    let length: usize = shape[axes..].iter().product();
    let rows = row_numbers(&addresses, length)?;
    copy_base::<T>(&inputs[0], output)?;
    if length == 0 || rows.is_empty() {
        return Ok(());
    }
    // Which rows and columns of the result each part owns.
    let threads = thread_count();
    let by_column = length * size_of::<T>() >= WIDE_ROW_BYTES;
    let destinations: usize = shape[..axes].iter().product();
    let parts = match by_column {
        true => threads.min(length * size_of::<T>() / COLUMN_BYTES),
        false => threads.min(destinations),
    }
    .max(1);
    let batch_rank = values.layout.rank() - (shape.rank() - axes);
    let part_of = |axes: std::ops::Range<usize>, offset: i64| {
        let strides = values.layout.strides()[axes.clone()].into();
        Layout::strided(values.shape()[axes].into(), strides, offset)
    };
    let outer = part_of(0..batch_rank, values.layout.offset());
    let rest = part_of(batch_rank..values.layout.rank(), 0);
    let unit = rest.is_contiguous();
    let out = Disjoint::new(output.plain::<T>()?);
    let total = rows.len() as u64 * (2 + (length * size_of::<T>()) as u64 / 8);
    for_each_chunk(parts, total / parts as u64, &|part| {
        let share = |whole: usize| (whole * part / parts, whole * (part + 1) / parts);
        let (first_column, last_column) = if by_column { share(length) } else { (0, length) };
        let (first_row, last_row) = if by_column { (0, destinations) } else { share(destinations) };
        let columns = last_column - first_column;
        if length == 1 && outer.is_contiguous() {
            // SAFETY: this part alone owns these rows.
            let own = unsafe { out.range(first_row, last_row - first_row) };
            for (&row, &value) in rows.iter().zip(&memory[outer.offset() as usize..]) {
                if let Some(there) = own.get_mut(row.wrapping_sub(first_row)) {
                    *there = how.combine(*there, value);
                }
            }
            return;
        }
        let mut walk = Walk::new(&outer, 0);
        let mut scratch: Vec<T> = Vec::new();
        for (number, &row) in rows.iter().enumerate() {
            let from = walk.position();
            walk.advance();
            if let Some(&next) =
                rows.get(number + ROWS_AHEAD).filter(|&&next| (first_row..last_row).contains(&next))
            {
                let bytes = (columns * size_of::<T>()).min(MOST_BYTES_AHEAD);
                prefetch(out.pointer(next * length + first_column, columns).cast(), bytes);
            }
            if row < first_row || row >= last_row {
                continue;
            }
            // SAFETY: this part alone owns these rows and columns.
            let there = unsafe { out.range(row * length + first_column, columns) };
            let written = if unit {
                &memory[from + first_column..from + last_column]
            } else {
                scratch.resize(columns, memory[from]);
                let mut inner = Walk::new(&rest, first_column);
                inner.shift(from as i64);
                inner.copy_to(memory, &mut scratch);
                &scratch
            };
            for (there, &value) in there.iter_mut().zip(written) {
                *there = how.combine(*there, value);
            }
        }
    });
    Ok(())
}

/// The row that each address names, or the error of the first that names none.
fn row_numbers(addresses: &Addresses<'_>, length: usize) -> Result<Vec<usize>> {
    let mut rows = vec![0usize; addresses.count()];
    let failure = FirstFailure::none();
    let shared = Disjoint::new(&mut rows);
    for_each_range(shared.elements(), 3, CHUNK_NANOSECONDS, &|start, count| {
        if let Some((indices, extent, _)) = addresses.single_dense() {
            // SAFETY: each address belongs to one range.
            let rows = unsafe { shared.range(start, count) };
            for (number, (row, &index)) in rows.iter_mut().zip(&indices[start..start + count]).enumerate() {
                match normalized(index, extent) {
                    Some(index) => *row = index,
                    None => return failure.report(start + number),
                }
            }
            return;
        }
        let mut walk = addresses.walk(start);
        // SAFETY: each address belongs to one range.
        for (number, row) in unsafe { shared.range(start, count) }.iter_mut().enumerate() {
            match walk.next_position() {
                Some(position) => *row = position as usize / length.max(1),
                None => return failure.report(start + number),
            }
        }
    });
    match failure.get() {
        None => Ok(rows),
        Some(number) => Err(addresses.error_at(number)),
    }
}

/// The number of the first index that is none of the extent's.
fn first_outside(index: &Input<'_>, indices: &[i64], extent: usize) -> Option<usize> {
    let failure = FirstFailure::none();
    for_each_range(index.layout.elements(), 1, CHUNK_NANOSECONDS, &|start, count| {
        if index.layout.is_contiguous() {
            let indices = &indices[index.layout.offset() as usize + start..][..count];
            if let Some(number) = indices.iter().position(|&index| normalized(index, extent).is_none()) {
                failure.report(start + number);
            }
            return;
        }
        let mut walk = Walk::new(&index.layout, start);
        for number in start..start + count {
            if normalized(walk.take(indices), extent).is_none() {
                return failure.report(number);
            }
        }
    });
    failure.get()
}

/// `base` with `values[i, j, …]` combined into `[…, index[i, j, …], …]`, in row-major order of the index.
pub fn put_along<T: Pod + Send + Sync>(
    how: impl Combine<T>,
    axis: usize,
    inputs: &[Input<'_>],
    output: &mut OutputView<'_>,
) -> Result<()> {
    let [base, index, values] = inputs else {
        return Err(tenfold_ir::Error::state("put_along", "needs three inputs"));
    };
    let memory = values.plain::<T>()?;
    let indices = index.values::<i64>()?;
    let extent = base.shape()[axis];
    // All are checked before anything is written.
    if let Some(number) = first_outside(index, indices, extent) {
        let wrong = Walk::new(&index.layout, number).take(indices);
        return Err(out_of_range("put_along", wrong, axis, extent));
    }
    copy_base::<T>(base, output)?;
    // Elements that share a destination have equal indices along the other axes: they lie in one row along `axis`.
    let as_index = |layout: &Layout| -> Layout {
        let strides: SmallVec<[i64; 4]> = layout.strides().into();
        Layout::strided(index.shape().clone(), strides, layout.offset())
    };
    let from = RowLayout::new(&as_index(&values.layout), axis);
    let to = RowLayout::new(&as_index(&Layout::dense(base.shape().clone())), axis);
    let along = RowLayout::new(&index.layout, axis);
    if along.length == 0 {
        // Without elements, layouts say nothing of where rows lie.
        return Ok(());
    }
    let out = Disjoint::new(output.plain::<T>()?);
    let side_by_side = [&from, &to, &along].iter().all(|rows| rows.stride == 1);
    for_each_range(along.rows(), 5 + 4 * along.length as u64, CHUNK_NANOSECONDS, &|start, count| {
        let mut walks = [&from, &to, &along].map(|rows| Walk::new(&rows.outer, start));
        for _ in 0..count {
            let [value, target, place] = walks.each_ref().map(|walk| walk.position() as i64);
            if side_by_side {
                // SAFETY: only this row of the index writes to this row of the result.
                let row = unsafe { out.range(target as usize, extent) };
                let places = &indices[place as usize..][..along.length];
                for (&index, &value) in places.iter().zip(&memory[value as usize..]) {
                    let index = normalized(index, extent);
                    if let Some(there) = index.and_then(|index| row.get_mut(index)) {
                        *there = how.combine(*there, value);
                    }
                }
                walks.iter_mut().for_each(Walk::advance);
                continue;
            }
            for at in 0..along.length as i64 {
                let index = indices[(place + at * along.stride) as usize];
                let Some(index) = normalized(index, extent) else { continue };
                let position = (target + index as i64 * to.stride) as usize;
                let value = memory[(value + at * from.stride) as usize];
                // SAFETY: only this row of the index writes to this row of the result.
                unsafe { out.write(position, how.combine(out.read(position), value)) };
            }
            walks.iter_mut().for_each(Walk::advance);
        }
    });
    Ok(())
}
