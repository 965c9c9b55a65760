//! A box of values in a frame of one number: a padded tensor, or the gradient of a slice, written in one pass.

use bytemuck::Pod;
use smallvec::SmallVec;
use tenfold_ir::{Layout, Shape};

use super::CHUNK_NANOSECONDS;
use crate::backend::disjoint::{Disjoint, for_each_range};
use crate::elementwise::STREAMED_BYTES;
use crate::simd::{stream, stream_fence};

/// Bytes that are put together in cache before they are written: whole lines, however long rows are.
const PIECE_BYTES: usize = 4096;

/// What an axis of the result has of the values.
#[derive(Clone, Copy)]
struct Axis {
    extent: usize,
    /// The first index that has values, and how many have.
    begin: usize,
    length: usize,
    /// From a value to the next along this axis, in the memory of the values.
    step: i64,
}

impl Axis {
    /// Which of the values stands at an index.
    fn value_at(&self, index: usize) -> Option<usize> {
        index.checked_sub(self.begin).filter(|&at| at < self.length)
    }
}

/// The values' place in a result of some shape, all other elements of which are one number.
pub struct Framed {
    axes: SmallVec<[Axis; 4]>,
    /// Of the first value, in their memory.
    offset: i64,
}

impl Framed {
    /// `None` where `region` is no box, of steps of 1, of a dense tensor of `shape`.
    pub fn new(region: &Layout, values: &Layout, shape: &Shape) -> Option<Framed> {
        if region.elements() == 0 || shape.rank() == 0 {
            return None;
        }
        let dense = Layout::dense(shape.clone());
        let extents = region.shape().iter().zip(region.strides().iter().zip(values.strides()));
        let mut extents = extents.filter(|extent| *extent.0 != 1).peekable();
        let mut left = region.offset();
        let mut axes: SmallVec<[Axis; 4]> = SmallVec::new();
        for (&extent, &stride) in shape.iter().zip(dense.strides()) {
            // An axis that the region lacks, or has with extent 1, has one index.
            let own = if extent > 1 { extents.next_if(|own| *own.1.0 == stride) } else { None };
            let (length, step) = own.map_or((1, 0), |(&length, (_, &step))| (length, step));
            let begin = (left / stride) as usize;
            left %= stride;
            if begin + length > extent {
                return None;
            }
            axes.push(Axis { extent, begin, length, step });
        }
        extents.peek().is_none().then_some(Framed { axes, offset: values.offset() })
    }

    /// Writes the result: `around`, and where a value belongs what `combine` makes of both.
    pub fn write<T: Pod + Send + Sync>(
        &self,
        around: T,
        memory: &[T],
        out: &mut [T],
        combine: impl Fn(T, T) -> T + Sync,
    ) {
        let streamed = size_of_val(out) >= STREAMED_BYTES;
        let piece = PIECE_BYTES / size_of::<T>();
        let out = Disjoint::new(out);
        let pieces = out.elements().div_ceil(piece);
        for_each_range(pieces, PIECE_BYTES as u64 / 10, CHUNK_NANOSECONDS, &|start, count| {
            let mut line = if streamed { vec![T::zeroed(); piece] } else { Vec::new() };
            for index in start..start + count {
                let first = index * piece;
                // SAFETY: each piece belongs to one range.
                let target = unsafe { out.range(first, piece.min(out.elements() - first)) };
                if streamed {
                    let line = &mut line[..target.len()];
                    self.write_piece(around, memory, first, line, &combine);
                    stream(line, target);
                } else {
                    self.write_piece(around, memory, first, target, &combine);
                }
            }
            if streamed {
                stream_fence();
            }
        });
    }

    /// Elements of the result from number `first` on.
    fn write_piece<T: Copy>(
        &self,
        around: T,
        memory: &[T],
        mut first: usize,
        mut target: &mut [T],
        combine: &impl Fn(T, T) -> T,
    ) {
        let Some((columns, _)) = self.axes.split_last() else { return };
        while !target.is_empty() {
            let (row, column) = (first / columns.extent, first % columns.extent);
            let count = (columns.extent - column).min(target.len());
            let (part, rest) = std::mem::take(&mut target).split_at_mut(count);
            let begin = columns.begin.clamp(column, column + count);
            let end = (columns.begin + columns.length).clamp(column, column + count);
            match self.row_of_values(row) {
                Some(position) if begin < end => {
                    let from = position + (begin - columns.begin) as i64 * columns.step;
                    let (before, part) = part.split_at_mut(begin - column);
                    let (values, after) = part.split_at_mut(end - begin);
                    before.fill(around);
                    after.fill(around);
                    if columns.step == 1 {
                        let memory = &memory[from as usize..][..values.len()];
                        for (target, &value) in values.iter_mut().zip(memory) {
                            *target = combine(around, value);
                        }
                    } else {
                        for (at, target) in values.iter_mut().enumerate() {
                            *target = combine(around, memory[(from + at as i64 * columns.step) as usize]);
                        }
                    }
                }
                _ => part.fill(around),
            }
            (first, target) = (first + count, rest);
        }
    }

    /// Where the values of a row of the result begin in their memory, if it has any.
    fn row_of_values(&self, mut row: usize) -> Option<i64> {
        let (_, outer) = self.axes.split_last()?;
        let mut position = self.offset;
        for axis in outer.iter().rev() {
            position += axis.value_at(row % axis.extent)? as i64 * axis.step;
            row /= axis.extent;
        }
        Some(position)
    }
}
