//! Values that are an operand's elements as they lie in memory.

use super::{Evaluation, Evaluator};
use crate::elementwise::operand::{Access, Operand};
use crate::elementwise::program::Origin;
use crate::simd::prefetch;

/// Bytes of the next run of neighbours that are asked for: of longer ones the processor fetches the rest in time.
const RUN_AHEAD: usize = 4096;

impl<'a> Evaluation<'a> {
    /// The operand that the only value is, and its source.
    fn plain_operand<T>(&self) -> Option<(usize, &'a Operand)> {
        let Evaluation { program, operands, .. } = self;
        let source = usize::from(*program.views.first()?);
        let Origin::Operand(operand) = *program.origins.get(source)? else { return None };
        let operand = &operands[operand];
        (program.steps.is_empty() && operand.size == size_of::<T>()).then_some((source, operand))
    }

    /// Elements `start .. start + count` of the only value, any number of them, where they are an operand's that lie
    /// in this order.
    pub fn neighbours<T: Copy>(&self, start: usize, count: usize) -> Option<&'a [T]> {
        let (_, operand) = self.plain_operand::<T>()?;
        debug_assert!(start + count <= self.elements);
        // SAFETY: the layout was checked to lie within the memory, which nobody writes: a program that is looked at
        // has no outputs.
        (operand.access == Access::Linear).then(|| unsafe {
            let first = operand.address(operand.layout.offset() + start as i64);
            std::slice::from_raw_parts(first.cast::<T>(), count)
        })
    }
}

impl<'a> Evaluator<'a> {
    /// See [`Evaluation::neighbours`].
    pub fn neighbours<T: Copy>(&self, start: usize, count: usize) -> Option<&'a [T]> {
        self.evaluation.neighbours(start, count)
    }

    /// So many lines of `width` elements of the only value, the first from element `start` on, where they are an operand's that
    /// lie evenly apart; a line of the whole space has `columns`. From the first element on, and the distance of lines.
    pub fn lines<T: Copy>(
        &mut self,
        start: usize,
        width: usize,
        lines: usize,
        columns: usize,
    ) -> Option<(&[T], usize)> {
        let (source, operand) = self.evaluation.plain_operand::<T>()?;
        let (position, pitch) = match operand.access {
            Access::Linear => (operand.layout.offset() + start as i64, columns),
            Access::Single | Access::Block => return None,
            Access::Strided => {
                let walk = self.cursors[source].walk_at(operand, start);
                let (stride, left) = walk.run();
                let are_neighbours = stride == 1 && left >= width;
                (walk.position() as i64, operand.distance_of_lines(columns).filter(|_| are_neighbours)?)
            }
        };
        let count = lines.saturating_sub(1) * pitch + width;
        // SAFETY: the first and the last element are the layout's, which was checked to lie within the memory; nobody writes it.
        unsafe { Some((std::slice::from_raw_parts(operand.address(position).cast::<T>(), count), pitch)) }
    }

    /// True where the only value is an operand's, whose elements from `start` on lie in this order: at least `least` of
    /// them or all `count`.
    pub fn has_neighbours<T: Copy>(&mut self, start: usize, least: usize, count: usize) -> bool {
        self.evaluation.plain_operand::<T>().is_some_and(|(source, operand)| match operand.access {
            Access::Linear => true,
            Access::Single | Access::Block => false,
            Access::Strided => {
                let (stride, left) = self.cursors[source].walk_at(operand, start).run();
                stride == 1 && left >= least.min(count)
            }
        })
    }

    /// Elements from `start` on, at most `count`, of the only value, where they are an operand's that lie in this order
    /// up to there.
    pub fn run_of_neighbours<T: Copy>(&mut self, start: usize, count: usize) -> Option<&[T]> {
        let (source, operand) = self.evaluation.plain_operand::<T>()?;
        if operand.access != Access::Strided {
            return self.neighbours(start, count);
        }
        let cursor = &mut self.cursors[source];
        let walk = cursor.walk_at(operand, start);
        let (stride, left) = walk.run();
        if stride != 1 {
            return None;
        }
        let (position, count) = (walk.position() as i64, count.min(left));
        walk.skip(count);
        let next = walk.position() as i64;
        cursor.element = start + count;
        if operand.is_far && next != position + count as i64 {
            // The processor foresees what follows, but not where the next run begins.
            prefetch(operand.address(next), (count * operand.size).min(RUN_AHEAD));
        }
        // SAFETY: the positions are the layout's, which was checked to lie within the memory; nobody writes it.
        unsafe { Some(std::slice::from_raw_parts(operand.address(position).cast::<T>(), count)) }
    }
}
