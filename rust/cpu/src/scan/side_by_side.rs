//! Scanning some rows side by side, each in its own order.
//!
//! A *line* holds an element of each row, all of the same index. Where neighbouring rows are neighbours in memory, lines
//! are read and written where they lie. Otherwise blocks of a few rows are transposed, so that their lines are vectors.

use std::marker::PhantomData;

use smallvec::SmallVec;
use tenfold_ir::Element;

use super::block::{self, Block, Extent};
use super::is_tiered;
use super::places::{Group, Places};
use super::step::Step;
use crate::backend::disjoint::Disjoint;
use crate::simd::{Tiered, prefetch, stream};

/// Elements of a line that are worked on at once, while as many of the next line are asked for.
const PIECE: usize = 32;

/// A scan of rows from memory to memory.
pub struct Rows<'a, E, S> {
    pub places: &'a Places,
    /// The input, `None` where it lies in the memory of the results.
    pub memory: Option<&'a [E]>,
    pub out: &'a Disjoint<'a, E>,
    /// Where the indices of the results go, of a scan that tells them.
    pub found: &'a Disjoint<'a, i64>,
    /// Results go past the caches.
    pub streamed: bool,
    pub step: PhantomData<S>,
}

/// Some of its rows.
pub struct SideBySide<'a, E, S> {
    pub rows: &'a Rows<'a, E, S>,
    pub group: Group,
}

impl<E: Element, S: Step<E>> Tiered for SideBySide<'_, E, S> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        match self.rows.places.by_lines {
            true => self.scan_lines(),
            false if is_tiered::<E>() => self.scan_blocks(),
            false => self.scan_rows(),
        }
    }
}

impl<E: Element, S: Step<E>> SideBySide<'_, E, S> {
    /// Scans rows that are neighbours, line by line.
    #[inline(always)]
    fn scan_lines(&self) {
        let Rows { places, memory, out, found: out_found, streamed, .. } = *self.rows;
        let streamed = is_tiered::<E>() && streamed;
        let rows = self.group.rows;
        let mut totals: SmallVec<[S::Total; 64]> = SmallVec::from_elem(S::START, rows);
        let mut found: SmallVec<[i64; 64]> = SmallVec::from_elem(0, rows);
        let mut scratch: SmallVec<[E; 64]> = SmallVec::from_elem(E::zeroed(), rows);
        for done in 0..places.from.length {
            let to = (self.group.to + done as i64 * places.to.stride) as usize;
            // SAFETY: each row belongs to one group.
            let target = unsafe { out.range(to, rows) };
            let (values, results) = match memory {
                Some(memory) => {
                    let from = (self.group.from + done as i64 * places.from.stride) as usize;
                    (&memory[from..from + rows], if streamed { &mut scratch[..] } else { &mut *target })
                }
                None => {
                    scratch.copy_from_slice(target);
                    (&scratch[..], &mut *target)
                }
            };
            let index = places.index(done);
            if done == 0 {
                begin::<E, S>(&mut totals, &mut found, values, results, index);
            } else {
                let next = match memory {
                    Some(_) => values.as_ptr().wrapping_offset(places.from.stride as isize),
                    None => results.as_ptr().wrapping_offset(places.to.stride as isize),
                };
                take_line::<E, S>(&mut totals, &mut found, values, results, index, next);
            }
            if streamed {
                stream(&scratch, target);
            }
            if S::PLACES {
                // SAFETY: as above.
                let target = unsafe { out_found.range(to, rows) };
                if streamed { stream(&found, target) } else { target.copy_from_slice(&found) }
            }
        }
    }

    /// Scans one row after the other.
    #[inline(always)]
    fn scan_rows(&self) {
        let Rows { places, memory, out, found: out_found, .. } = *self.rows;
        let Group { from, from_step, to, to_step, rows } = self.group;
        for row in 0..rows as i64 {
            let (mut total, mut found) = (S::START, 0);
            for done in 0..places.from.length {
                let at =
                    |start: i64, step: i64, stride: i64| (start + row * step + done as i64 * stride) as usize;
                let (from, to) = (at(from, from_step, places.from.stride), at(to, to_step, places.to.stride));
                // SAFETY: this row's own element, which nobody else touches.
                let value = memory.map_or_else(|| unsafe { out.read(from) }, |memory| memory[from]);
                if done == 0 || S::PLACES && S::replaces(total, value) {
                    found = places.index(done);
                }
                total = if done == 0 { S::first(value) } else { S::next(total, value) };
                // SAFETY: each row belongs to one group.
                unsafe { out.write(to, S::result(total)) };
                if S::PLACES {
                    // SAFETY: as above.
                    unsafe { out_found.write(to, found) };
                }
            }
        }
    }

    /// Scans at most [`block::ROWS`] rows, block by block.
    #[inline(always)]
    fn scan_blocks(&self) {
        let Rows { places, memory, out, found: out_found, streamed, .. } = *self.rows;
        let Group { from, from_step, to, to_step, rows } = self.group;
        let values_to = out.pointer(0, out.elements());
        let found_to = out_found.pointer(0, out_found.elements());
        let memory = memory.map_or(values_to.cast_const(), <[E]>::as_ptr);
        let (mut totals, mut found) = ([S::START; block::ROWS], [0; block::ROWS]);
        let mut values: Block<E> = [[E::zeroed(); block::ROWS]; block::COLUMNS];
        let mut indices: Block<i64> = [[0; block::ROWS]; block::COLUMNS];
        for start in (0..places.from.length).step_by(block::COLUMNS) {
            let columns = block::COLUMNS.min(places.from.length - start);
            let extent = |row_step: i64, column_step: i64| Extent {
                rows,
                row_step: row_step as isize,
                columns,
                column_step: column_step as isize,
            };
            let from = (from + start as i64 * places.from.stride) as isize;
            // SAFETY: the layout was checked to lie within the memory; in place each row belongs to one group.
            unsafe { block::read(&mut values, memory.offset(from), extent(from_step, places.from.stride)) };
            let mut lines = values[..columns].iter_mut().zip(&mut indices).zip(start..);
            if start == 0
                && let Some(((line, line_found), _)) = lines.next()
            {
                let values = *line;
                begin::<E, S>(&mut totals[..rows], &mut found, &values, line, places.index(0));
                *line_found = found;
            }
            if rows == block::ROWS {
                // In arrays that no index reaches but constants, so that they stay in registers.
                let (mut local, mut local_found) = (totals, found);
                for ((line, line_found), done) in lines {
                    let values = *line;
                    take::<E, S>(&mut local, &mut local_found, &values, line, places.index(done));
                    *line_found = local_found;
                }
                (totals, found) = (local, local_found);
            } else {
                for ((line, line_found), done) in lines {
                    let values = *line;
                    take::<E, S>(&mut totals[..rows], &mut found, &values, line, places.index(done));
                    *line_found = found;
                }
            }
            let to = (to + start as i64 * places.to.stride) as isize;
            let target = extent(to_step, places.to.stride);
            // SAFETY: the outputs are as large as their dense layout, and each row belongs to one group.
            unsafe {
                block::write(&mut values, values_to.offset(to), target, streamed);
                if S::PLACES {
                    block::write(&mut indices, found_to.offset(to), target, streamed);
                }
            }
        }
    }
}

/// The first line.
#[inline(always)]
fn begin<E: Copy, S: Step<E>>(
    totals: &mut [S::Total],
    found: &mut [i64],
    values: &[E],
    results: &mut [E],
    index: i64,
) {
    for row in 0..totals.len() {
        totals[row] = S::first(values[row]);
        found[row] = index;
        results[row] = S::result(totals[row]);
    }
}

/// A line.
#[inline(always)]
fn take<E: Copy, S: Step<E>>(
    totals: &mut [S::Total],
    found: &mut [i64],
    values: &[E],
    results: &mut [E],
    index: i64,
) {
    let rows = totals.len();
    let (found, values, results) = (&mut found[..rows], &values[..rows], &mut results[..rows]);
    for row in 0..rows {
        let value = values[row];
        if S::PLACES {
            found[row] = if S::replaces(totals[row], value) { index } else { found[row] };
        }
        totals[row] = S::next(totals[row], value);
        results[row] = S::result(totals[row]);
    }
}

/// A long line, piece by piece. As much is asked for from `next` on: the processor does not guess the next line, which is
/// on another page, and asking for all of it at once would leave it idle afterwards.
#[inline(always)]
fn take_line<E: Copy, S: Step<E>>(
    totals: &mut [S::Total],
    found: &mut [i64],
    values: &[E],
    results: &mut [E],
    index: i64,
    next: *const E,
) {
    let whole = totals.len() - totals.len() % PIECE;
    let (totals, totals_rest) = totals.as_chunks_mut::<PIECE>();
    let (founds, found_rest) = found.as_chunks_mut::<PIECE>();
    let (pieces, values_rest) = values.as_chunks::<PIECE>();
    let (targets, results_rest) = results.as_chunks_mut::<PIECE>();
    let lines = totals.iter_mut().zip(founds).zip(pieces.iter().zip(targets)).enumerate();
    for (piece, ((totals, found), (values, results))) in lines {
        prefetch(next.wrapping_add(piece * PIECE).cast(), PIECE * size_of::<E>());
        take::<E, S>(totals, found, values, results, index);
    }
    prefetch(next.wrapping_add(whole).cast(), totals_rest.len() * size_of::<E>());
    take::<E, S>(totals_rest, found_rest, values_rest, results_rest, index);
}
