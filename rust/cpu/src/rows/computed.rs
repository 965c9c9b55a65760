//! Rows that an expression gives: computed a few at a time, right before they are worked on.

use bytemuck::Zeroable;

use super::element::RowElement;
use super::group::Row;
use crate::elementwise::evaluate::{Evaluator, Tiling};
use crate::elementwise::program::TILE;

/// Hands out rows along the last axis of an expression's space, one after the other.
pub struct ComputedRows<'e, 'v, E: RowElement> {
    evaluator: &'e mut Evaluator<'v>,
    tiling: Tiling,
    length: usize,
    /// The rows that have not been computed yet.
    next: usize,
    end: usize,
    /// The rows of a tile, or a longer one.
    rows: Vec<E>,
    /// Which of them comes next, and how many there are.
    at: usize,
    computed: usize,
    /// A row of half precisions, widened.
    wide: Vec<E::Wide>,
}

impl<'e, 'v, E: RowElement> ComputedRows<'e, 'v, E> {
    /// Rows `start .. start + count` of `length` elements each.
    pub fn new(evaluator: &'e mut Evaluator<'v>, length: usize, start: usize, count: usize) -> Self {
        let together = (TILE / length.max(1)).clamp(1, count.max(1));
        let wide = if E::as_wide(&[]).is_some() { 0 } else { length };
        ComputedRows {
            tiling: evaluator.tiling(),
            evaluator,
            length,
            next: start,
            end: start + count,
            rows: vec![E::zeroed(); together * length],
            at: 0,
            computed: 0,
            wide: vec![E::Wide::zeroed(); wide],
        }
    }

    /// The next row.
    #[inline(always)]
    pub fn next_row(&mut self) -> Row<'_, E::Wide> {
        if self.at == self.computed {
            self.compute();
        }
        let row = &self.rows[self.at * self.length..][..self.length];
        self.at += 1;
        Row::alone(match E::as_wide(row) {
            Some(values) => values,
            None => {
                E::widen_slice(row, &mut self.wide);
                &self.wide
            }
        })
    }

    /// Computes as many rows as there is room for.
    #[inline(never)]
    fn compute(&mut self) {
        let count = (self.rows.len() / self.length.max(1)).clamp(1, self.end - self.next);
        let (first, end) = (self.next * self.length, (self.next + count) * self.length);
        let mut start = first;
        while start < end {
            let count = self.tiling.count(start, end);
            let tile = self.rows[start - first..][..count].as_mut_ptr();
            // SAFETY: the slice holds `count` elements of the expression's dtype, which is the rows'.
            unsafe { self.evaluator.run(start, count, &[tile.cast()]) };
            start += count;
        }
        (self.next, self.at, self.computed) = (self.next + count, 0, count);
    }
}
