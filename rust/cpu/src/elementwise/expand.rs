//! Operands that repeat in short runs, such as a number for each channel of small planes: laid out once instead of being
//! copied together tile by tile.

use super::operand::{Access, Operand, gather};
use super::program::TILE;
use super::tiling::run_length;
use crate::backend::view::Walk;
use crate::memory::HostBuffer;

/// Bytes of all operands that are laid out for a kernel, at most: a second-level cache.
const MOST_BYTES: usize = 512 << 10;

/// An operand that repeats less often is copied as often as it is read.
const LEAST_REPEATS: usize = 4;

/// Memory of the operands of a kernel that were laid out.
#[derive(Default)]
pub(super) struct Expanded {
    buffers: Vec<HostBuffer>,
    bytes: usize,
}

impl Expanded {
    /// Lays an operand out if that pays: it repeats along leading axes, and its elements lie in shorter runs than a tile
    /// but take little memory. The operand must not be used for longer than `self`.
    pub fn lay_out(&mut self, operand: &mut Operand) {
        let layout = &operand.layout;
        if operand.access != Access::Strided || run_length(layout).is_some_and(|run| run >= TILE) {
            return;
        }
        let leading = layout.strides().iter().position(|&stride| stride != 0).unwrap_or(0);
        let repeats: usize = layout.shape()[..leading].iter().product();
        let elements: usize = layout.shape()[leading..].iter().product();
        let bytes = elements * operand.size;
        if repeats < LEAST_REPEATS || elements < TILE || self.bytes + bytes > MOST_BYTES {
            return;
        }
        let Ok(mut buffer) = HostBuffer::new(bytes) else { return };
        let target = buffer.as_mut_slice().as_mut_ptr();
        let mut walk = Walk::new(layout, 0);
        let mut done = 0;
        while done < elements {
            let rows = walk.take_rows(elements - done);
            // SAFETY: the positions are the layout's, and the buffer holds all elements.
            unsafe { gather(operand, rows, target.add(done * operand.size)) };
            done += rows.length * rows.count;
        }
        operand.repeat(target, leading);
        self.bytes += bytes;
        self.buffers.push(buffer);
    }
}
