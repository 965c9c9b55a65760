//! The product of a part of C: loops over cache blocks around the micro-kernels.
//!
//! Blocking as in Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication"
//! (2008); here a panel of B is packed right before its first use.

use std::ops::Range;

use super::columns::PackedColumns;
use super::micro_kernel::{MicroKernels, Real, Tile};
use super::pack::Source;
use super::scratch::{Scratch, aligned_bytes};
use crate::simd::prefetch;

/// Depth of a block. Part of the definition of the result: each block has a fresh accumulator, so
/// this must never depend on the machine.
pub(crate) const DEPTH_BLOCK: usize = 256;

/// Rows of A packed at once: 168 × 256 f32 are 168 KB, which stay in L2 beside B's panels.
const ROW_BLOCK: usize = 168;

/// Bytes of B packed at once: B streams from L2 or L3, and is packed once per row strip.
const COLUMN_BLOCK_BYTES: usize = 1 << 20;

/// Columns that are finished together, so that an epilogue finds them in L2.
pub(crate) const FINISHED_COLUMNS: usize = 512;

/// Operands of a product of `depth` steps, as computed numbers.
pub(crate) struct Operands<'a, T> {
    pub a: &'a dyn Source<T>,
    pub b: Columns<'a, T>,
    pub depth: usize,
}

/// The columns of B.
#[derive(Clone, Copy)]
pub(crate) enum Columns<'a, T> {
    /// Packed panel by panel, each while the one before it is multiplied.
    Source(&'a dyn Source<T>),
    /// Packed before.
    Packed(&'a PackedColumns<T>),
}

/// Where a part of C goes: element (0, 0) of the part, and the distance of its rows.
#[derive(Clone, Copy)]
pub(crate) struct Target<T> {
    pub data: *mut T,
    pub row_stride: isize,
}

/// Pieces of `range` of nearly equal length, at most `most`, all but the last a multiple of `unit`. A short last one shares
/// with the one before it: a tile of very few rows has too few sums to hide the latency of a multiply-add.
pub(crate) fn even_pieces(
    range: Range<usize>,
    most: usize,
    unit: usize,
) -> impl Iterator<Item = Range<usize>> {
    // Most ranges are one piece, and divisions would take longer than a small product.
    let (length, pieces) = if range.len() <= most {
        (range.len(), usize::from(!range.is_empty()))
    } else {
        let length = range.len().div_ceil(range.len().div_ceil(most).max(1)).next_multiple_of(unit).max(1);
        (length, range.len().div_ceil(length))
    };
    let mut last = range.start + pieces.saturating_sub(1) * length;
    if pieces > 1 && 3 * (range.end - last) < 2 * length {
        let both = range.end - last + length;
        last = range.end.min(last - length + both.div_ceil(2).next_multiple_of(unit));
    }
    let bound = move |piece: usize| match pieces - piece {
        0 => range.end,
        1 => last,
        _ => range.start + piece * length,
    };
    (0..pieces).map(move |piece| bound(piece)..bound(piece + 1))
}

/// Computes the part `rows × columns` of C with packed operands. `finished` is told each block of
/// rows and columns of the part (counted in C) once its last sum is stored.
///
/// # Safety
/// The ranges lie within the operands, and `c` has room for the part.
pub(crate) unsafe fn packed_product<T: Real>(
    operands: &Operands<'_, T>,
    rows: Range<usize>,
    columns: Range<usize>,
    c: Target<T>,
    finished: &mut dyn FnMut(Range<usize>, Range<usize>),
) {
    let kernels = T::kernels();
    let column_block =
        (COLUMN_BLOCK_BYTES / (DEPTH_BLOCK * size_of::<T>())).next_multiple_of(kernels.columns());
    let depth_block = DEPTH_BLOCK.min(operands.depth);
    let one_row_block = rows.len() <= ROW_BLOCK;
    let packed_columns = match operands.b {
        Columns::Packed(_) => 0,
        // A single block of rows uses each panel of B once: two places, for all of them in turn, stay in L1.
        Columns::Source(_) if one_row_block => 2 * kernels.columns(),
        Columns::Source(_) => column_block.min(columns.len()),
    };
    let packed_columns = packed_columns.next_multiple_of(kernels.columns());
    let a_bytes = aligned_bytes::<T>(ROW_BLOCK.next_multiple_of(kernels.rows).min(rows.len()) * depth_block);
    let mut scratch = Scratch::take(a_bytes + aligned_bytes::<T>(packed_columns * depth_block));
    let packed_a = scratch.as_mut_ptr::<T>();
    // SAFETY: `a_bytes` is within the scratch and keeps the alignment.
    let packed_b = unsafe { scratch.as_mut_ptr::<u8>().add(a_bytes).cast::<T>() };

    for column_block in even_pieces(columns.clone(), column_block, kernels.columns()) {
        for depth in depth_blocks(operands.depth) {
            let last = depth.end == operands.depth;
            for row_block in even_pieces(rows.clone(), ROW_BLOCK, kernels.rows) {
                // SAFETY: the scratch has room for a block of rows, and for the panels of a block of
                // columns; the caller vouches for the rest.
                unsafe {
                    operands.a.pack_panels(row_block.clone(), depth.clone(), kernels.rows, packed_a);
                    let pack_b = row_block.start == rows.start;
                    for some in even_pieces(column_block.clone(), FINISHED_COLUMNS, kernels.columns()) {
                        let behind = (some.start - column_block.start) * depth.len();
                        let (packed_b, b) = match operands.b {
                            Columns::Packed(all) => (all.panel(some.start, &depth).cast_mut(), None),
                            Columns::Source(b) if one_row_block => (packed_b, Some(b)),
                            Columns::Source(b) => (packed_b.add(behind), Some(b).filter(|_| pack_b)),
                        };
                        let panels = Panels { packed_a, packed_b, in_turn: one_row_block && b.is_some(), b };
                        let part = Target {
                            data: c.data.offset(
                                (row_block.start - rows.start) as isize * c.row_stride
                                    + (some.start - columns.start) as isize,
                            ),
                            row_stride: c.row_stride,
                        };
                        multiply_panels(kernels, &panels, row_block.len(), some.clone(), depth.clone(), part);
                        if last {
                            finished(row_block.clone(), some);
                        }
                    }
                }
            }
        }
    }
    scratch.give_back();
}

/// The blocks of the depth, in order.
pub(crate) fn depth_blocks(depth: usize) -> impl Iterator<Item = Range<usize>> {
    (0..depth).step_by(DEPTH_BLOCK).map(move |start| start..(start + DEPTH_BLOCK).min(depth))
}

/// Packed operands of some columns.
struct Panels<'a, T> {
    packed_a: *const T,
    packed_b: *mut T,
    /// All panels of B take turns in two places.
    in_turn: bool,
    /// What to pack B from, when this is its first use.
    b: Option<&'a dyn Source<T>>,
}

/// A panel of B that is packed a few steps at a time, while the panel before it is multiplied: a panel's rows lie far
/// apart, so that no processor asks for them by itself.
struct Panel<'a, T> {
    b: &'a dyn Source<T>,
    columns: Range<usize>,
    /// The steps that are not packed yet.
    depth: Range<usize>,
    width: usize,
    /// Where the next step goes.
    packed: *mut T,
}

impl<T> Panel<'_, T> {
    /// Packs the next steps, and asks for as many behind them.
    ///
    /// # Safety
    /// The panel has room, and the ranges lie within the operand.
    unsafe fn pack(&mut self, steps: usize) {
        let behind = |step: usize| (step + steps).min(self.depth.end);
        let (now, later) = (self.depth.start, behind(self.depth.start));
        if now < later {
            // SAFETY: the caller's; the place moves on by what was packed.
            unsafe {
                self.b.pack(self.columns.clone(), now..later, self.width, self.packed);
                self.packed = self.packed.add((later - now) * self.width);
            }
            self.b.ask(self.columns.clone(), later..behind(later));
            self.depth.start = later;
        }
    }
}

/// Multiplies packed rows with the panels of some columns.
///
/// # Safety
/// The panels have room, the ranges lie within the operands, and C has room.
unsafe fn multiply_panels<T: Real>(
    kernels: &MicroKernels<T>,
    panels: &Panels<'_, T>,
    rows: usize,
    columns: Range<usize>,
    depth: Range<usize>,
    c: Target<T>,
) {
    let steps = depth.len();
    let share = steps.div_ceil(rows.div_ceil(kernels.rows)).next_multiple_of(T::TRANSPOSE_EDGE);
    // The columns of a panel, and its place: panels before it are full, so it begins at its column times the steps.
    let panel = |index: usize| {
        let start = columns.start + index * kernels.columns();
        let place = if panels.in_turn { index % 2 * kernels.columns() } else { start - columns.start };
        (start..(start + kernels.columns()).min(columns.end), place * steps)
    };
    let to_pack = |index: usize| {
        let (columns, place) = panel(index);
        let width = kernels.panel_width(columns.len());
        let packed = panels.packed_b.wrapping_add(place);
        panels.b.map(|b| Panel { b, columns, depth: depth.clone(), width, packed })
    };
    let count = columns.len().div_ceil(kernels.columns());
    let mut next = to_pack(0);
    for index in 0..count {
        if let Some(panel) = &mut next {
            // SAFETY: the panels have room for all columns.
            unsafe { panel.pack(steps) };
        }
        next = if index + 1 < count { to_pack(index + 1) } else { None };
        let (panel, place) = panel(index);
        let vectors = kernels.vectors_for(panel.len());
        for rows in even_pieces(0..rows, kernels.rows, 1) {
            // SAFETY: the tile lies within C and the panels.
            unsafe {
                let tile = Tile {
                    depth: steps,
                    a: panels.packed_a.add(rows.start * steps),
                    a_row_stride: 1,
                    a_depth_stride: rows.len() as isize,
                    b: panels.packed_b.add(place),
                    b_depth_stride: (vectors * kernels.lanes) as isize,
                    c: c.data
                        .offset(rows.start as isize * c.row_stride + (panel.start - columns.start) as isize),
                    c_row_stride: c.row_stride,
                    last_columns: panel.len() - (vectors - 1) * kernels.lanes,
                    accumulate: depth.start > 0,
                };
                for row in 0..rows.len() {
                    let row = tile.c.wrapping_offset(row as isize * c.row_stride);
                    prefetch(row.cast(), panel.len() * size_of::<T>());
                }
                kernels.packed(rows.len(), vectors)(&tile);
                if let Some(panel) = &mut next {
                    panel.pack(share);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_cover_the_range_and_none_is_much_shorter_than_the_others() {
        for (length, most, unit) in (0..200).flat_map(|length| {
            [(1, 1), (6, 1), (16, 1), (16, 8), (168, 6), (7, 3)].map(|(most, unit)| (length, most, unit))
        }) {
            let pieces: Vec<Range<usize>> = even_pieces(5..5 + length, most, unit).collect();
            let mut end = 5;
            for piece in &pieces {
                assert_eq!(piece.start, end);
                assert!(!piece.is_empty() && piece.len() <= most.next_multiple_of(unit));
                assert!((piece.start - 5).is_multiple_of(unit));
                end = piece.end;
            }
            assert_eq!(end, 5 + length);
            if let ([first, .., last], 1) = (&pieces[..], unit) {
                assert!(2 * last.len() >= first.len(), "{length} in pieces of {most}: {pieces:?}");
            }
        }
    }
}
