//! Reading by index.

use bytemuck::Pod;
use smallvec::SmallVec;
use tenfold_ir::{Layout, Result};

use super::addresses::{Addresses, FirstFailure, normalized, out_of_range};
use super::{CHUNK_NANOSECONDS, ELEMENTS_AHEAD, FAR_BYTES, MOST_BYTES_AHEAD, ROWS_AHEAD};
use crate::backend::disjoint::{Disjoint, for_each_range};
use crate::backend::view::{Input, OutputView, Walk};
use crate::simd::prefetch;

/// `out[b, rest] = x[i₁[b], …, i_k[b], rest]`
pub fn gather<T: Pod + Send + Sync>(
    axes: usize,
    inputs: &[Input<'_>],
    output: &mut OutputView<'_>,
) -> Result<()> {
    let x = &inputs[0];
    let memory = x.plain::<T>()?;
    let (shape, strides) = (x.shape(), x.layout.strides());
    let addresses = Addresses::new("gather", &inputs[1..=axes], &shape[..axes], &strides[..axes])?;
    let rest = Layout::strided(shape[axes..].into(), strides[axes..].into(), 0);
    let (length, contiguous) = (rest.elements(), rest.is_contiguous());
    let out = Disjoint::new(output.plain::<T>()?);
    let failure = FirstFailure::none();
    let is_far = size_of_val(memory) >= FAR_BYTES;
    let cost = 3 + (length * size_of::<T>()) as u64 / if contiguous { 16 } else { 2 };
    for_each_range(addresses.count(), cost, CHUNK_NANOSECONDS, &|start, count| {
        if length == 1
            && let Some((indices, extent, stride)) = addresses.single_dense()
        {
            // SAFETY: each address belongs to one range.
            let out = unsafe { out.range(start, count) };
            let first = memory.as_ptr().wrapping_offset(x.layout.offset() as isize);
            for (number, (out, &index)) in out.iter_mut().zip(&indices[start..start + count]).enumerate() {
                // A load that waits holds up all behind it, a hint does not. An index that is none is found later.
                if is_far && let Some(&later) = indices.get(start + number + ELEMENTS_AHEAD) {
                    prefetch(first.wrapping_offset(later.wrapping_mul(stride) as isize).cast(), 1);
                }
                let Some(index) = normalized(index, extent) else {
                    return failure.report(start + number);
                };
                *out = memory[(x.layout.offset() + index as i64 * stride) as usize];
            }
            return;
        }
        let mut walk = addresses.walk(start);
        let ahead = addresses.single_dense().filter(|_| contiguous);
        for number in start..start + count {
            if let Some((indices, extent, stride)) = ahead
                && let Some(&index) = indices.get(number + ROWS_AHEAD)
                && let Some(index) = normalized(index, extent)
            {
                let row = (x.layout.offset() + index as i64 * stride) as usize;
                let bytes = (length * size_of::<T>()).min(MOST_BYTES_AHEAD);
                prefetch(memory.as_ptr().wrapping_add(row).cast(), bytes);
            }
            let Some(position) = walk.next_position() else {
                failure.report(number);
                return;
            };
            if length == 0 {
                continue;
            }
            let from = x.layout.offset() + position;
            if length == 1 {
                // SAFETY: each address belongs to one range.
                unsafe { out.write(number, memory[from as usize]) };
                continue;
            }
            // SAFETY: each address belongs to one range.
            let row = unsafe { out.range(number * length, length) };
            if contiguous {
                row.copy_from_slice(&memory[from as usize..from as usize + length]);
            } else {
                let mut inner = Walk::new(&rest, 0);
                inner.shift(from);
                inner.copy_to(memory, row);
            }
        }
    });
    failure.get().map_or(Ok(()), |number| Err(addresses.error_at(number)))
}

/// `out[i, j, …] = x[…, index[i, j, …], …]`
pub fn take_along<T: Pod + Send + Sync>(
    axis: usize,
    inputs: &[Input<'_>],
    output: &mut OutputView<'_>,
) -> Result<()> {
    let (x, index) = (&inputs[0], &inputs[1]);
    let memory = x.plain::<T>()?;
    let indices = index.values::<i64>()?;
    let (stride, extent) = (x.layout.strides()[axis], x.shape()[axis]);
    let mut strides: SmallVec<[i64; 4]> = x.layout.strides().into();
    strides[axis] = 0;
    // Where the element of each index lies, but for the index itself.
    let base = Layout::strided(index.shape().clone(), strides, x.layout.offset());
    let out = Disjoint::new(output.plain::<T>()?);
    let failure = FirstFailure::none();
    let is_far = size_of_val(memory) >= FAR_BYTES;
    for_each_range(index.layout.elements(), 3, CHUNK_NANOSECONDS, &|start, count| {
        let (mut bases, mut walk) = (Walk::new(&base, start), Walk::new(&index.layout, start));
        // SAFETY: each element belongs to one range.
        let target = unsafe { out.range(start, count) };
        let mut done = 0;
        while done < count {
            let ((base_step, base_run), (step, run)) = (bases.run(), walk.run());
            let run = run.min(base_run).min(count - done);
            let (from, place) = (bases.position() as i64, walk.position() as i64);
            for (number, target) in target[done..done + run].iter_mut().enumerate() {
                let index = indices[(place + number as i64 * step) as usize];
                if is_far && number + ELEMENTS_AHEAD < run {
                    let later = (number + ELEMENTS_AHEAD) as i64;
                    let element = indices[(place + later * step) as usize].wrapping_mul(stride);
                    let address = from.wrapping_add(later * base_step).wrapping_add(element);
                    prefetch(memory.as_ptr().wrapping_offset(address as isize).cast(), 1);
                }
                let Some(at) = normalized(index, extent) else {
                    failure.report(start + done + number);
                    return;
                };
                *target = memory[(from + number as i64 * base_step + at as i64 * stride) as usize];
            }
            bases.skip(run);
            walk.skip(run);
            done += run;
        }
    });
    match failure.get() {
        None => Ok(()),
        Some(number) => {
            let wrong = Walk::new(&index.layout, number).take(indices);
            Err(out_of_range("take_along", wrong, axis, extent))
        }
    }
}
