//! Copying whole tensors into a result.

use bytemuck::Pod;
use tenfold_ir::Result;

use super::CHUNK_NANOSECONDS;
use crate::backend::disjoint::{Disjoint, for_each_range};
use crate::backend::view::{Input, OutputView, Walk};
use crate::elementwise::STREAMED_BYTES;
use crate::simd::{stream, stream_fence};

/// Copies a base to the output, unless it lies there already.
pub fn copy_base<T: Pod + Send + Sync>(base: &Input<'_>, output: &mut OutputView<'_>) -> Result<()> {
    if base.is_in_place(0) {
        return Ok(());
    }
    let memory = base.plain::<T>()?;
    let streamed = output.bytes.len() >= STREAMED_BYTES;
    let out = Disjoint::new(output.plain::<T>()?);
    let (items, step) = grain::<T>(base.layout.elements());
    for_each_range(
        items,
        copy_cost::<T>(step, base.layout.is_contiguous()),
        CHUNK_NANOSECONDS,
        &|start, count| {
            let (start, count) = (start * step, (count * step).min(out.elements() - start * step));
            // SAFETY: each element belongs to one range.
            let target = unsafe { out.range(start, count) };
            copy_next(&mut Walk::new(&base.layout, start), memory, target, streamed);
            if streamed {
                stream_fence();
            }
        },
    );
    Ok(())
}

/// Rows of at least so many bytes leave few lines that are written in two parts.
const STREAMED_ROW_BYTES: usize = 1024;

/// Copies the next elements of a walk; `streamed` past the caches, where they lie as they are copied.
fn copy_next<T: Pod>(walk: &mut Walk, memory: &[T], target: &mut [T], streamed: bool) {
    let (stride, left) = walk.run();
    if streamed && stride == 1 && left >= target.len() && size_of_val(target) >= STREAMED_ROW_BYTES {
        stream(&memory[walk.position()..][..target.len()], target);
        walk.skip(target.len());
    } else {
        walk.copy_to(memory, target);
    }
}

/// Elements of a page: what copies are counted in. The number of them, and elements of one.
fn grain<T>(elements: usize) -> (usize, usize) {
    let step = 4096 / size_of::<T>();
    (elements.div_ceil(step), step)
}

/// Nanoseconds for copying that many elements, roughly.
fn copy_cost<T>(elements: usize, contiguous: bool) -> u64 {
    let bytes = (elements * size_of::<T>()) as u64;
    if contiguous { bytes / 10 } else { bytes / 3 }
}

/// Tensors joined along an axis.
pub fn concatenate<T: Pod + Send + Sync>(
    axis: usize,
    inputs: &[Input<'_>],
    output: &mut OutputView<'_>,
) -> Result<()> {
    let streamed = output.bytes.len() >= STREAMED_BYTES;
    let inner: usize = output.shape[axis + 1..].iter().product();
    let row = output.shape[axis] * inner;
    let out = Disjoint::new(output.plain::<T>()?);
    let mut offset = 0;
    for input in inputs {
        let memory = input.plain::<T>()?;
        let part = input.shape()[axis] * inner;
        let (items, step) = grain::<T>(input.layout.elements());
        let elements = input.layout.elements();
        let cost = copy_cost::<T>(step, input.layout.is_contiguous());
        for_each_range(items, cost, CHUNK_NANOSECONDS, &|start, count| {
            let (mut at, end) = (start * step, ((start + count) * step).min(elements));
            let mut walk = Walk::new(&input.layout, at);
            while at < end {
                // As much of one row of the input as this range has.
                let within = at % part;
                let length = (part - within).min(end - at);
                // SAFETY: the parts of inputs in the result do not overlap, and each element belongs to one range.
                let target = unsafe { out.range(at / part * row + offset + within, length) };
                copy_next(&mut walk, memory, target, streamed);
                at += length;
            }
            if streamed {
                stream_fence();
            }
        });
        offset += part;
    }
    Ok(())
}
