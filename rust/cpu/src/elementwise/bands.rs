//! The way through a space in which an operand lies transposed: rows of tiles go through it 16 at a time.
//!
//! A tile of such an operand has one element in each cache line that it touches. So 16 rows along the axis on which
//! the operand's neighbours lie are read together, a whole line at each place, and turned around into 16 tiles.

use smallvec::SmallVec;
use tenfold_ir::{Layout, Shape};

use crate::backend::transpose::transpose;

/// Rows of a band: the lines of 64 bytes that 16 numbers of 4 bytes fill.
pub const BAND: usize = 16;

/// Columns of a band at most: a band of 4-byte elements then takes half of the first-level cache.
const COLUMNS: usize = 256;

/// Bytes from a row of a band to the next where it is turned around: not a power of two, which would put all rows into few
/// places of the cache.
pub fn pitch(element_bytes: usize) -> usize {
    COLUMNS * element_bytes + 64
}

/// Rows shorter than this stay in the order of the space: their tiles touch few lines each.
const SHORTEST_ROW: usize = 32;

/// A space cut into bands of rows by stretches of columns.
pub struct Bands {
    /// Axes but for those of the rows and the columns: extents, and elements of the space between neighbours.
    outer: SmallVec<[(usize, usize); 4]>,
    /// The axis of the rows.
    axis: usize,
    rows: usize,
    row_step: usize,
    columns: usize,
}

/// Tiles below one another: rows of equally many columns.
pub struct Band {
    /// The first element.
    pub first: usize,
    /// Rows, at most [`BAND`].
    pub rows: usize,
    /// Elements of the space from a row to the next.
    pub row_step: usize,
    /// Columns, at most [`COLUMNS`].
    pub columns: usize,
}

impl Bands {
    /// The bands that suit the first operand that lies transposed in the space, if there is one.
    pub fn new<'a>(shape: &Shape, mut layouts: impl Iterator<Item = &'a Layout>) -> Option<Bands> {
        let last = shape.iter().rposition(|&extent| extent > 1)?;
        if shape[last] < SHORTEST_ROW {
            return None;
        }
        let axis = layouts.find_map(|layout| {
            (0..last).find(|&axis| shape[axis] >= BAND && is_transposed(layout, axis, last))
        })?;
        let mut steps: SmallVec<[usize; 4]> = SmallVec::from_elem(1, shape.rank());
        for at in (0..last).rev() {
            steps[at] = steps[at + 1] * shape[at + 1];
        }
        let outer = (0..last).filter(|&at| at != axis).map(|at| (shape[at], steps[at])).collect();
        Some(Bands { outer, axis, rows: shape[axis], row_step: steps[axis], columns: shape[last] })
    }

    /// True where an operand lies such that a band of it is to be turned around.
    pub fn suits(&self, layout: &Layout) -> bool {
        let last = layout.shape().iter().rposition(|&extent| extent > 1);
        last.is_some_and(|last| is_transposed(layout, self.axis, last))
    }

    /// Elements of a whole band.
    pub fn elements(&self) -> usize {
        BAND * COLUMNS.min(self.columns)
    }

    /// The number of bands.
    pub fn count(&self) -> usize {
        let outer: usize = self.outer.iter().map(|axis| axis.0).product();
        outer * self.columns.div_ceil(COLUMNS) * self.rows.div_ceil(BAND)
    }

    /// Band `number`; neighbouring numbers lie below one another, so that a reader stays on its pages.
    pub fn band(&self, number: usize) -> Band {
        let bands = self.rows.div_ceil(BAND);
        let (row, rest) = (number % bands * BAND, number / bands);
        let stretches = self.columns.div_ceil(COLUMNS);
        let (column, mut rest) = (rest % stretches * COLUMNS, rest / stretches);
        let mut first = row * self.row_step + column;
        for &(extent, step) in self.outer.iter().rev() {
            first += rest % extent * step;
            rest /= extent;
        }
        Band {
            first,
            rows: BAND.min(self.rows - row),
            row_step: self.row_step,
            columns: COLUMNS.min(self.columns - column),
        }
    }
}

/// True where neighbours in memory lie along `axis`, and far apart along the last axis.
fn is_transposed(layout: &Layout, axis: usize, last: usize) -> bool {
    let strides = layout.strides();
    strides[axis] == 1 && strides[last].unsigned_abs() >= BAND as u64
}

/// Copies `columns` lines of `rows` elements of `size` bytes, `stride` elements apart, to rows of [`pitch`] bytes.
///
/// # Safety
/// The lines can be read, the rows hold `columns` elements, and both are aligned for the size.
pub unsafe fn turn(size: usize, from: *const u8, stride: i64, (rows, columns): (usize, usize), to: *mut u8) {
    let (stride, pitch) = (stride as isize, (pitch(size) / size) as isize);
    // SAFETY: the caller's promise.
    unsafe {
        match size {
            1 => transpose::<u8>(from, stride, columns, rows, to, pitch),
            2 => transpose::<u16>(from.cast(), stride, columns, rows, to.cast(), pitch),
            4 => transpose::<u32>(from.cast(), stride, columns, rows, to.cast(), pitch),
            8 => transpose::<u64>(from.cast(), stride, columns, rows, to.cast(), pitch),
            _ => transpose::<[u64; 2]>(from.cast(), stride, columns, rows, to.cast(), pitch),
        }
    }
}
