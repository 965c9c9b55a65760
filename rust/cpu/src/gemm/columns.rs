//! B packed once for all parts of a product: parts that are rows of C would each pack all of it for themselves.

use std::marker::PhantomData;
use std::ops::Range;

use super::blocks::{FINISHED_COLUMNS, depth_blocks, even_pieces};
use super::micro_kernel::Real;
use super::pack::Source;
use crate::memory::HostBuffer;
use crate::threads::{for_each_chunk, thread_count};

/// More than this is not worth its memory.
pub(super) const MOST_BYTES: usize = 8 << 20;

/// Numbers that are packed in a nanosecond, most of which is waiting for memory.
const NUMBERS_PER_NANOSECOND: usize = 1;

/// All of B: blocks of the depth, and in each the panels of all columns.
pub(crate) struct PackedColumns<T> {
    memory: HostBuffer,
    /// Numbers of a step: columns in whole vectors.
    width: usize,
    numbers: PhantomData<T>,
}

impl<T: Real> PackedColumns<T> {
    /// Packs `columns` columns of `depth` steps in all threads. None where they are too many, or where there is no memory.
    ///
    /// # Safety
    /// The operand has them.
    pub unsafe fn new(b: &dyn Source<T>, columns: usize, depth: usize) -> Option<PackedColumns<T>> {
        let kernels = T::kernels();
        let width = kernels.panel_width(columns);
        let bytes =
            width.checked_mul(depth)?.checked_mul(size_of::<T>()).filter(|&bytes| bytes <= MOST_BYTES)?;
        let packed: PackedColumns<T> =
            PackedColumns { memory: HostBuffer::new(bytes).ok()?, width, numbers: PhantomData };
        let blocks: Vec<Range<usize>> = depth_blocks(depth).collect();
        let most = columns.div_ceil(thread_count().div_ceil(blocks.len())).min(FINISHED_COLUMNS);
        let groups: Vec<Range<usize>> = even_pieces(0..columns, most, kernels.columns()).collect();
        let numbers = depth.div_ceil(blocks.len()) * columns.div_ceil(groups.len());
        for_each_chunk(blocks.len() * groups.len(), (numbers / NUMBERS_PER_NANOSECOND) as u64, &|chunk| {
            let (depth, columns) =
                (blocks[chunk / groups.len()].clone(), groups[chunk % groups.len()].clone());
            let whole = columns.start + columns.len() / kernels.columns() * kernels.columns();
            // SAFETY: the operand has the columns; each chunk writes panels of its own, which the memory holds.
            unsafe {
                let first = packed.panel(columns.start, &depth).cast_mut();
                b.pack_panels(columns.start..whole, depth.clone(), kernels.columns(), first);
                if whole < columns.end {
                    let last = packed.panel(whole, &depth).cast_mut();
                    b.pack(whole..columns.end, depth, kernels.panel_width(columns.end - whole), last);
                }
            }
        });
        Some(packed)
    }

    /// The panel that begins with a column, and those behind it.
    pub fn panel(&self, column: usize, depth: &Range<usize>) -> *const T {
        self.memory
            .pointer()
            .as_ptr()
            .cast::<T>()
            .wrapping_add(depth.start * self.width + column * depth.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gemm::pack::Strided;

    #[test]
    fn each_panel_is_that_of_its_columns_alone() {
        let width = f32::kernels().columns();
        for (columns, depth) in [(1, 1), (7, 13), (width, 256), (3 * width + 1, 257), (600, 530)] {
            let numbers: Vec<f32> = (0..columns * depth).map(|index| index as f32).collect();
            for (line_stride, depth_stride) in [(1, columns as isize), (depth as isize, 1)] {
                let b = Strided { data: numbers.as_ptr(), line_stride, depth_stride };
                // SAFETY: the numbers are all columns.
                let packed = unsafe { PackedColumns::new(&b, columns, depth) }.unwrap();
                for steps in depth_blocks(depth) {
                    for first in (0..columns).step_by(width) {
                        let panel = first..columns.min(first + width);
                        let panel_width = f32::kernels().panel_width(panel.len());
                        let mut alone = vec![f32::NAN; panel_width * steps.len()];
                        // SAFETY: the panel is among the columns; either has room for it.
                        let found = unsafe {
                            b.pack(panel, steps.clone(), panel_width, alone.as_mut_ptr());
                            std::slice::from_raw_parts(packed.panel(first, &steps), alone.len())
                        };
                        assert_eq!(found, alone, "{columns} columns, {depth} steps, {first} {steps:?}");
                    }
                }
            }
        }
        let b = Strided { data: std::ptr::null::<f32>(), line_stride: 1, depth_stride: 1 };
        // SAFETY: nothing of what is too much is read.
        assert!(unsafe { PackedColumns::new(&b, MOST_BYTES, 2) }.is_none());
    }
}
