//! The gradients of layer and RMS norm with their weights: of the rows, and with them, while they are in cache, the sums
//! over rows that are the gradients of weight and bias.
//!
//! Rows are taken in blocks of a fixed number, each with sums of its own; these are joined as a pairwise tree. So the
//! order does not depend on threads.

use tenfold_ir::kernel::RowOperation;
use tenfold_ir::lanes::Lane;
use tenfold_ir::{Error, Result};

use super::element::RowElement;
use super::{CHUNK_NANOSECONDS, Job, arithmetic, next_number};
use crate::backend::disjoint::{Disjoint, for_each_range};
use crate::reduction::order::LANES;
use crate::simd::{Tiered, on_tier};

/// Rows that are added one after the other.
const BLOCK_ROWS: usize = 32;

/// Computes the rows of a job and the sums over them.
pub fn run<E: RowElement>(job: &Job<'_, E>) -> Result<()> {
    let (rows, length) = (job.first.layout.rows(), job.first.layout.length);
    let blocks = rows.div_ceil(BLOCK_ROWS);
    // The sums of a block, side by side.
    let width = job.wide_out.iter().flatten().count() * length;
    let mut sums: Vec<E::Wide> = Vec::new();
    // At least one block, whose sums of nothing are the results where there are no rows.
    let size = blocks.max(1) * width;
    sums.try_reserve_exact(size).map_err(|_| {
        Error::memory(job.operation.name(), format!("no memory left; got {rows} rows of {length}"))
    })?;
    sums.resize(size, E::Wide::constant(0.0));
    let shared = Disjoint::new(&mut sums);
    let nanoseconds = (10 + length as u64 / 2) * BLOCK_ROWS as u64;
    for_each_range(blocks, nanoseconds, CHUNK_NANOSECONDS, &|start, count| {
        for block in start..start + count {
            // SAFETY: each block belongs to one range.
            let sums = unsafe { shared.range(block * width, width) };
            let start = block * BLOCK_ROWS;
            on_tier(Block { job, start, count: BLOCK_ROWS.min(rows - start), sums });
        }
    });
    on_tier(Join { sums: &mut sums, length: width });
    for (out, sums) in job.wide_out.iter().flatten().zip(sums.chunks_exact(length.max(1))) {
        // SAFETY: no other thread works on the outputs any longer.
        unsafe { out.range(0, length) }.copy_from_slice(sums);
    }
    Ok(())
}

/// Rows `start .. start + count` of a job, and the sums over them.
struct Block<'a, 'b, E: RowElement> {
    job: &'a Job<'b, E>,
    start: usize,
    count: usize,
    sums: &'a mut [E::Wide],
}

impl<E: RowElement> Tiered for Block<'_, '_, E> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Block { job, start, count, sums } = self;
        let (Some(weights), Some(gradients), Some(target)) = (&job.second, &job.third, &job.rows_out) else {
            return;
        };
        let mut numbers =
            job.wide.each_ref().map(|numbers| numbers.as_ref().map(|numbers| numbers.walk(start)));
        let [mut x, mut weight, mut gradient] =
            [&job.first, weights, gradients].map(|source| source.reader(start, count));
        let mut writer = target.writer(start, count);
        for _ in 0..count {
            let [first, second] = [0, 1].map(|index| next_number(&mut numbers[index], &job.wide[index]));
            let rows = [&mut x, &mut weight, &mut gradient].map(|reader| reader.next_row(Some(target)));
            if job.operation == RowOperation::AffineLayerNormGradient {
                let (of_weight, of_bias) = sums.split_at_mut(sums.len() / 2);
                arithmetic::affine_layer_norm_gradient(
                    rows,
                    [first, second],
                    writer.row(),
                    [of_weight, of_bias],
                );
            } else {
                arithmetic::affine_rms_norm_gradient(rows, first, writer.row(), sums);
            }
            writer.end_row();
        }
    }
}

/// Joins lines of that length as a pairwise tree, neighbours first; an odd last one goes up alone.
struct Join<'a, T> {
    sums: &'a mut [T],
    length: usize,
}

impl<T: Lane> Tiered for Join<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Join { sums, length } = self;
        let lines = sums.len() / length.max(1);
        let mut apart = 1;
        while apart < lines {
            for line in (0..lines - apart).step_by(2 * apart) {
                let (into, from) = sums[line * length..].split_at_mut(apart * length);
                add(&mut into[..length], &from[..length]);
            }
            apart *= 2;
        }
    }
}

/// `into + from`, so many elements at a time that the compiler need not ask whether they overlap.
#[inline(always)]
fn add<T: Lane>(into: &mut [T], from: &[T]) {
    let (blocks, rest) = into.as_chunks_mut::<LANES>();
    let (from_blocks, from_rest) = from.as_chunks::<LANES>();
    for (into, from) in blocks.iter_mut().zip(from_blocks) {
        let (mut sum, from) = (*into, *from);
        for lane in 0..LANES {
            sum[lane] = sum[lane] + from[lane];
        }
        *into = sum;
    }
    for (into, &from) in rest.iter_mut().zip(from_rest) {
        *into = *into + from;
    }
}
