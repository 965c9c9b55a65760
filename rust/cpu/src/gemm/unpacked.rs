//! Products that do not pay for packing: small ones, and a row times a large matrix.

use std::ops::Range;

use super::blocks::{FINISHED_COLUMNS, Target, depth_blocks, even_pieces};
use super::micro_kernel::lines::{LINES, LineTile};
use super::micro_kernel::{LineKernel, Real, Tile};
use super::pack::{Source, Strided};
use super::scratch::Scratch;
use crate::simd::{Tiered, on_tier, prefetch};

/// B of an unpacked product.
pub(crate) enum SmallOperand<'a, T> {
    /// Rows are contiguous and read in place: column `c` of a part at `data + c`, which need not be valid for others.
    InPlace { data: *const T, depth_stride: isize },
    /// Packed panel by panel.
    Packed(&'a dyn Source<T>),
}

/// Computes the part `rows × columns` of C, reading A in place. `finished` as for
/// [`super::blocks::packed_product`].
///
/// # Safety
/// The ranges lie within the operands, and `c` has room for the part.
pub(crate) unsafe fn unpacked_product<T: Real>(
    a: &Strided<T>,
    b: &SmallOperand<'_, T>,
    depth: usize,
    rows: Range<usize>,
    columns: Range<usize>,
    c: Target<T>,
    finished: &mut dyn FnMut(Range<usize>, Range<usize>),
) {
    if let SmallOperand::InPlace { data, depth_stride } = *b
        && depth <= SHALLOW_DEPTH
    {
        // SAFETY: the caller's.
        return unsafe { shallow_product(a, (data, depth_stride), depth, rows, columns, c, finished) };
    }
    let kernels = T::kernels();
    // A single row reads each panel once: narrow ones are transposed from fewer places of memory at once.
    let widest = match b {
        SmallOperand::Packed(_) if rows.len() == 1 => kernels.lanes,
        _ => kernels.columns(),
    };
    let mut scratch = match b {
        SmallOperand::InPlace { .. } => None,
        SmallOperand::Packed(_) => {
            let steps = depth.min(super::blocks::DEPTH_BLOCK);
            Some(Scratch::take(kernels.columns() * steps * size_of::<T>()))
        }
    };
    for some in even_pieces(columns.clone(), FINISHED_COLUMNS, kernels.columns()) {
        for panel in some.clone().step_by(widest) {
            let panel = panel..(panel + widest).min(some.end);
            let vectors = kernels.vectors_for(panel.len());
            for steps in depth_blocks(depth) {
                // SAFETY: the scratch holds a panel; the tiles lie within the part.
                unsafe {
                    let (b, b_depth_stride) = match (b, &mut scratch) {
                        (SmallOperand::InPlace { data, depth_stride }, _) => {
                            let first = steps.start as isize * depth_stride + panel.start as isize;
                            (data.wrapping_offset(first), *depth_stride)
                        }
                        (SmallOperand::Packed(source), Some(scratch)) => {
                            let width = kernels.panel_width(panel.len());
                            source.pack(panel.clone(), steps.clone(), width, scratch.as_mut_ptr());
                            (scratch.as_mut_ptr::<T>().cast_const(), width as isize)
                        }
                        (SmallOperand::Packed(_), None) => unreachable!("packing takes scratch memory"),
                    };
                    for tile_rows in even_pieces(rows.clone(), kernels.rows, 1) {
                        let first = (tile_rows.start - rows.start) as isize * c.row_stride
                            + (panel.start - columns.start) as isize;
                        let tile = Tile {
                            depth: steps.len(),
                            a: a.data.offset(
                                tile_rows.start as isize * a.line_stride
                                    + steps.start as isize * a.depth_stride,
                            ),
                            a_row_stride: a.line_stride,
                            a_depth_stride: a.depth_stride,
                            b,
                            b_depth_stride,
                            c: c.data.offset(first),
                            c_row_stride: c.row_stride,
                            last_columns: panel.len() - (vectors - 1) * kernels.lanes,
                            accumulate: steps.start > 0,
                        };
                        kernels.unpacked(tile_rows.len(), vectors)(&tile);
                    }
                }
            }
        }
        finished(rows.clone(), some);
    }
    if let Some(scratch) = scratch {
        scratch.give_back();
    }
}

/// Computes the part of a single row, A's first, whose columns of B are `lines` that are contiguous along the depth.
/// Where the lines come `from_memory`, far ahead is asked for them; where they are in a cache, that takes longer than it
/// saves.
///
/// # Safety
/// As for [`unpacked_product`]; the kernel is one of the current tier.
pub(crate) unsafe fn line_product<T: Real>(
    kernel: LineKernel<T>,
    a: &Strided<T>,
    lines: &Strided<T>,
    depth: usize,
    columns: Range<usize>,
    c: *mut T,
    from_memory: bool,
) {
    if depth == 0 {
        // SAFETY: the caller's.
        unsafe { std::slice::from_raw_parts_mut(c, columns.len()) }.fill(T::default());
    }
    for first in columns.clone().step_by(LINES) {
        for steps in depth_blocks(depth) {
            // SAFETY: the caller's.
            unsafe {
                kernel(&LineTile {
                    depth: steps.len(),
                    a: a.data.offset(steps.start as isize * a.depth_stride),
                    a_stride: a.depth_stride,
                    b: lines.data.offset(first as isize * lines.line_stride).add(steps.start),
                    line_stride: lines.line_stride,
                    lines: LINES.min(columns.end - first),
                    following: from_memory.then_some((columns.end - first).saturating_sub(LINES)),
                    c: c.add(first - columns.start),
                    accumulate: steps.start > 0,
                });
            }
        }
    }
}

/// Up to this depth, writing C costs more than computing it.
pub(super) const SHALLOW_DEPTH: usize = 16;

/// Outer products and their like: C is written row by row, in the order of memory.
///
/// # Safety
/// As for [`unpacked_product`].
unsafe fn shallow_product<T: Real>(
    a: &Strided<T>,
    (b, b_depth_stride): (*const T, isize),
    depth: usize,
    rows: Range<usize>,
    columns: Range<usize>,
    c: Target<T>,
    finished: &mut dyn FnMut(Range<usize>, Range<usize>),
) {
    let kernels = T::kernels();
    for tile_rows in even_pieces(rows.clone(), kernels.rows, 1) {
        for some in even_pieces(columns.clone(), FINISHED_COLUMNS, kernels.columns()) {
            for panel in some.clone().step_by(kernels.columns()) {
                let panel = panel..(panel + kernels.columns()).min(some.end);
                let vectors = kernels.vectors_for(panel.len());
                // SAFETY: the tiles lie within the part.
                unsafe {
                    kernels.unpacked(tile_rows.len(), vectors)(&Tile {
                        depth,
                        a: a.data.offset(tile_rows.start as isize * a.line_stride),
                        a_row_stride: a.line_stride,
                        a_depth_stride: a.depth_stride,
                        b: b.wrapping_add(panel.start),
                        b_depth_stride,
                        c: c.data.offset(
                            (tile_rows.start - rows.start) as isize * c.row_stride
                                + (panel.start - columns.start) as isize,
                        ),
                        c_row_stride: c.row_stride,
                        last_columns: panel.len() - (vectors - 1) * kernels.lanes,
                        accumulate: false,
                    });
                }
            }
            finished(tile_rows.clone(), some);
        }
    }
}

/// Columns of a row product whose sums are kept in L1.
const ROW_COLUMNS: usize = 2048;

/// Rows of B in one pass over the sums: fewer passes, and still few enough streams for prefetching.
const ROW_STREAMS: usize = 8;

/// No processor guesses that further rows follow when rows of so many columns end: their memory is asked for.
pub(crate) const SHORT_ROW: usize = 256;

/// A row of A times B with contiguous rows, too large for the cache: B is read in long runs, once.
pub(crate) struct RowProduct<T> {
    /// Step `d` of the row lies at `d · a_stride`.
    pub a: *const T,
    pub a_stride: isize,
    pub b: *const T,
    pub b_depth_stride: isize,
    pub c: *mut T,
    pub depth: usize,
    pub columns: usize,
}

impl<T: Real> RowProduct<T> {
    /// Computes the row.
    ///
    /// # Safety
    /// All elements of the operands and of C are valid.
    pub unsafe fn run(self) {
        on_tier(self);
    }
}

impl<T: Real> Tiered for RowProduct<T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let mut sums = [T::default(); ROW_COLUMNS];
        for first in (0..self.columns).step_by(ROW_COLUMNS) {
            let count = ROW_COLUMNS.min(self.columns - first);
            let sums = &mut sums[..count];
            // SAFETY: who made the value vouches for its elements (see `RowProduct::run`).
            let c = unsafe { std::slice::from_raw_parts_mut(self.c.add(first), count) };
            for steps in depth_blocks(self.depth) {
                sums.fill(T::default());
                let mut step = steps.start;
                while step < steps.end {
                    let streams = if step + ROW_STREAMS <= steps.end { ROW_STREAMS } else { 1 };
                    // SAFETY: as above; `step + stream` stays below the depth.
                    let factor = |stream: usize| unsafe {
                        self.a.offset((step + stream) as isize * self.a_stride).read()
                    };
                    // SAFETY: as above.
                    let row = |stream: usize| unsafe {
                        let start = self.b.offset((step + stream) as isize * self.b_depth_stride).add(first);
                        std::slice::from_raw_parts(start, count)
                    };
                    if streams == ROW_STREAMS {
                        let factors: [T; ROW_STREAMS] = std::array::from_fn(factor);
                        let rows: [&[T]; ROW_STREAMS] = std::array::from_fn(row);
                        if count <= SHORT_ROW {
                            for row in rows {
                                let later =
                                    row.as_ptr().wrapping_offset(ROW_STREAMS as isize * self.b_depth_stride);
                                prefetch(later.cast(), size_of_val(row));
                            }
                        }
                        for (index, sum) in sums.iter_mut().enumerate() {
                            let mut total = *sum;
                            for stream in 0..ROW_STREAMS {
                                total = factors[stream].mul_add(rows[stream][index], total);
                            }
                            *sum = total;
                        }
                    } else {
                        let factor = factor(0);
                        for (sum, &number) in sums.iter_mut().zip(row(0)) {
                            *sum = factor.mul_add(number, *sum);
                        }
                    }
                    step += streams;
                }
                if steps.start == 0 {
                    c.copy_from_slice(sums);
                } else {
                    for (c, &sum) in c.iter_mut().zip(sums.iter()) {
                        *c = *c + sum;
                    }
                }
            }
        }
    }
}

/// Rows from memory are asked for so many rows before they are read: that takes longer than the sums of a few of them.
const ROWS_AHEAD: usize = 4 * ROW_STREAMS;

/// Columns whose sums are computed between two requests for memory: a processor keeps few of them waiting.
const COLUMNS_A_REQUEST: usize = 16;

/// As [`RowProduct`], for at most a depth block of short rows that come from memory, not from a cache.
pub(crate) struct ShortRowProduct<T> {
    pub product: RowProduct<T>,
    /// Rows of B from the first one on that are read next, the depth or more.
    pub rows: usize,
}

impl<T: Real> ShortRowProduct<T> {
    /// Computes the row.
    ///
    /// # Safety
    /// As for [`RowProduct::run`]; the depth is at most a block, and there are at most [`SHORT_ROW`] columns.
    pub unsafe fn run(self) {
        on_tier(self);
    }
}

impl<T: Real> Tiered for ShortRowProduct<T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let ShortRowProduct { product, rows: rows_next } = self;
        let RowProduct { a, a_stride, b, b_depth_stride, c, depth, columns } = product;
        let mut sums = [T::default(); SHORT_ROW];
        let sums = &mut sums[..columns];
        // SAFETY: who made the value vouches for its elements (see `ShortRowProduct::run`).
        let factor = |step: usize| unsafe { a.offset(step as isize * a_stride).read() };
        let row = |step: usize| b.wrapping_offset(step as isize * b_depth_stride);
        // SAFETY: as above, for steps below the depth.
        let numbers = |step: usize| unsafe { std::slice::from_raw_parts(row(step), columns) };
        let turns = columns.div_ceil(COLUMNS_A_REQUEST);
        let mut step = 0;
        while step + ROW_STREAMS <= depth {
            let factors: [T; ROW_STREAMS] = std::array::from_fn(|stream| factor(step + stream));
            let rows: [&[T]; ROW_STREAMS] = std::array::from_fn(|stream| numbers(step + stream));
            for turn in 0..turns {
                for stream in ROW_STREAMS * turn / turns..ROW_STREAMS * (turn + 1) / turns {
                    let later = step + ROWS_AHEAD + stream;
                    if later < rows_next {
                        prefetch(row(later).cast(), columns * size_of::<T>());
                    }
                }
                let first = turn * COLUMNS_A_REQUEST;
                if first + COLUMNS_A_REQUEST <= columns {
                    add_rows(&factors, &rows, first..first + COLUMNS_A_REQUEST, sums);
                } else {
                    add_rows(&factors, &rows, first..columns, sums);
                }
            }
            step += ROW_STREAMS;
        }
        for step in step..depth {
            let factor = factor(step);
            for (sum, &number) in sums.iter_mut().zip(numbers(step)) {
                *sum = factor.mul_add(number, *sum);
            }
        }
        // SAFETY: as above.
        unsafe { std::slice::from_raw_parts_mut(c, columns) }.copy_from_slice(sums);
    }
}

/// Adds some rows times their factors to the sums of some columns.
#[inline(always)]
fn add_rows<T: Real>(
    factors: &[T; ROW_STREAMS],
    rows: &[&[T]; ROW_STREAMS],
    columns: Range<usize>,
    sums: &mut [T],
) {
    let sums = &mut sums[columns.clone()];
    let rows: [&[T]; ROW_STREAMS] = std::array::from_fn(|stream| &rows[stream][columns.clone()]);
    for (index, sum) in sums.iter_mut().enumerate() {
        let mut total = *sum;
        for stream in 0..ROW_STREAMS {
            total = factors[stream].mul_add(rows[stream][index], total);
        }
        *sum = total;
    }
}
