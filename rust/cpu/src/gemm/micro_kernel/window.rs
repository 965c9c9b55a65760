//! The micro-kernel of convolution: rows of B are windows of an image, found through a table.
//!
//! A step of the depth is a channel and a tap of the filter; its row of B are neighbouring pixels of that
//! channel, shifted by the tap. They are read where they lie, so nothing is packed nine times.

use smallvec::SmallVec;

use super::{TURN, Vector, add_step, for_each_step, store_sums};
use crate::simd::prefetch;

/// One call of the kernel. `rows` and `vectors` are the kernel's.
pub(crate) struct WindowTile<T> {
    /// Steps of the depth.
    pub depth: usize,
    /// A packed panel: row `r` of step `d` at `d · rows + r`.
    pub a: *const T,
    /// The first pixel of the tile, before any shift.
    pub b: *const T,
    /// Step `d` reads its row of B at this distance from `b`.
    pub offsets: *const usize,
    /// The tile of C.
    pub c: *mut T,
    /// Distance of rows of C.
    pub c_row_stride: isize,
    /// Columns in the last vector, 1 to the number of lanes; B is not read beyond them.
    pub last_columns: usize,
    /// Add to C instead of storing.
    pub accumulate: bool,
}

/// The body, with the order of [`super::micro_kernel`].
///
/// # Safety
/// The CPU has `V`'s instructions, and all elements that the tile names are valid.
#[inline(always)]
pub(super) unsafe fn window_kernel<V: Vector, const ROWS: usize, const VECTORS: usize>(
    tile: &WindowTile<V::Element>,
) {
    // SAFETY: the caller vouches for every element of the tile.
    unsafe {
        let mut sums = [[V::zero(); VECTORS]; ROWS];
        match tile.last_columns == V::LANES {
            true => add_steps::<V, ROWS, VECTORS, false>(&mut sums, tile),
            false => add_steps::<V, ROWS, VECTORS, true>(&mut sums, tile),
        }
        store_sums(&sums, tile.c, tile.c_row_stride, tile.last_columns, tile.accumulate);
    }
}

/// Adds all steps of a tile, whose last vector is whole where it is not masked.
///
/// # Safety
/// As for [`window_kernel`].
#[inline(always)]
unsafe fn add_steps<V: Vector, const ROWS: usize, const VECTORS: usize, const MASKED: bool>(
    sums: &mut [[V; VECTORS]; ROWS],
    tile: &WindowTile<V::Element>,
) {
    // SAFETY: the caller vouches for every element of the tile.
    unsafe {
        let mask = V::mask(tile.last_columns);
        let (mut a, mut offset) = (tile.a, tile.offsets);
        for_each_step!(tile.depth, TURN, {
            let b = tile.b.add(offset.read());
            add_step::<V, ROWS, VECTORS, MASKED>(sums, |row| a.add(row), b, mask);
            a = a.add(ROWS);
            offset = offset.add(1);
        });
    }
}

/// Windows that lie side by side.
#[derive(Clone, Copy)]
pub(crate) struct Run {
    /// The distance of the first one.
    pub first: usize,
    pub windows: usize,
}

/// Packs the windows of a tile for kernels that read packed panels.
pub(crate) struct WindowPanel<'a, T> {
    /// The distance of each step's row of B.
    pub offsets: &'a [usize],
    pub b: *const T,
    /// Each begins behind the end of the one before it.
    pub runs: &'a [Run],
    /// Numbers of a step in the panel, whole vectors: zeros stand behind the last window.
    pub width: usize,
    pub panel: *mut T,
}

/// Windows of a run in a vector.
#[derive(Clone, Copy)]
struct Piece {
    /// The place of the vector's first lane, were all of it windows of the run.
    place: isize,
    /// The lane behind the last one.
    end: usize,
}

/// # Safety
/// The CPU has `V`'s instructions, all windows are valid, and the panel has room.
#[inline(always)]
pub(super) unsafe fn pack_windows<V: Vector>(tile: &WindowPanel<'_, V::Element>) {
    let mut runs = tile.runs.iter().copied();
    let mut run = runs.next();
    let mut taken = 0;
    for first in (0..tile.width).step_by(V::LANES) {
        let mut pieces: SmallVec<[Piece; 16]> = SmallVec::new();
        let mut lane = 0;
        while let Some(Run { first, windows }) = run.filter(|_| lane < V::LANES) {
            let count = (windows - taken).min(V::LANES - lane);
            let place = (first + taken) as isize - lane as isize;
            pieces.push(Piece { place, end: lane + count });
            (lane, taken) = (lane + count, taken + count);
            if taken == windows {
                (run, taken) = (runs.next(), 0);
            }
        }
        // SAFETY: the caller's; the pieces are those of the vector.
        unsafe {
            match pieces[..] {
                [] => return,
                [one] => copy_vector::<V>(tile, first, one),
                // So few that their masks stay in registers.
                [one, two] => merge_pieces::<V>(tile, first, &[one, two]),
                [one, two, three] => merge_pieces::<V>(tile, first, &[one, two, three]),
                _ => merge_pieces::<V>(tile, first, &pieces),
            }
        }
    }
}

/// Packs the vector of each step whose first lane is window `first` of the tile: windows of a single run.
///
/// # Safety
/// As for [`pack_windows`]; the piece is that of the vector.
#[inline(always)]
unsafe fn copy_vector<V: Vector>(tile: &WindowPanel<'_, V::Element>, first: usize, piece: Piece) {
    // SAFETY: the caller's.
    unsafe {
        let mask = V::mask(piece.end);
        for (step, &offset) in tile.offsets.iter().enumerate() {
            let windows = tile.b.add(offset).wrapping_offset(piece.place);
            // Those of the next tile follow, in a line for each step: no processor guesses so many at once.
            prefetch(windows.wrapping_add(tile.width).cast(), 1);
            V::load_masked(windows, mask).store(tile.panel.add(step * tile.width + first));
        }
    }
}

/// The same for windows of several runs.
///
/// # Safety
/// As for [`pack_windows`]; the pieces are those of the vector.
#[inline(always)]
unsafe fn merge_pieces<V: Vector>(tile: &WindowPanel<'_, V::Element>, first: usize, pieces: &[Piece]) {
    let Some((last, others)) = pieces.split_last() else { return };
    for (step, &offset) in tile.offsets.iter().enumerate() {
        // SAFETY: the caller's; a piece reads lanes of runs before it, which the next pieces replace, from in front of its
        // own run.
        unsafe {
            let at = |piece: &Piece| tile.b.add(offset).wrapping_offset(piece.place);
            let mut windows = V::load_masked(at(last), V::mask(last.end));
            for piece in others.iter().rev() {
                windows = windows.merge_masked(at(piece), V::mask(piece.end));
            }
            windows.store(tile.panel.add(step * tile.width + first));
        }
    }
}
