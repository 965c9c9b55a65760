//! Rows that an expression gives: computed a few at a time, right before they are worked on.

use super::element::RowElement;
use crate::elementwise::evaluate::Evaluator;
use crate::elementwise::program::TILE;

/// Computes rows, from one of that number on, into memory for some whole ones.
pub type Compute<'a, T> = dyn FnMut(usize, &mut [T]) + 'a;

/// How many rows of so many elements are computed together, of `count`: a tile of them.
pub fn rows_together(length: usize, count: usize) -> usize {
    (TILE / length.max(1)).clamp(1, count.max(1))
}

/// Computes the rows of `length` elements along the last axis of an expression's space.
pub fn compute<'e, E: RowElement>(
    evaluator: &'e mut Evaluator<'_>,
    length: usize,
) -> impl FnMut(usize, &mut [E::Wide]) + 'e {
    let tiling = evaluator.tiling();
    let mut narrow: Vec<E> = Vec::new();
    move |row, rows| {
        let mut fill = |rows: &mut [E]| {
            let first = row * length;
            let mut done = 0;
            while done < rows.len() {
                let count = tiling.count(first + done, first + rows.len());
                let tile = rows[done..done + count].as_mut_ptr();
                // SAFETY: the slice holds `count` elements of the expression's dtype, which is the rows'.
                unsafe { evaluator.run(first + done, count, &[tile.cast()]) };
                done += count;
            }
        };
        match bytemuck::try_cast_slice_mut(rows) {
            Ok(rows) if E::as_wide(&[]).is_some() => fill(rows),
            _ => {
                narrow.resize(rows.len(), E::zeroed());
                fill(&mut narrow);
                E::widen_slice(&narrow, rows);
            }
        }
    }
}
