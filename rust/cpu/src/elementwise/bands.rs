//! The way through a space in which an operand lies transposed: many rows of tiles at a time.
//!
//! A tile of such an operand has one element in each cache line that it touches. So many rows along the axis on which
//! the operand's neighbours lie are read together, whole lines at each place, and turned around into as many tiles.

use std::ops::Range;

use smallvec::SmallVec;
use tenfold_ir::{Layout, Shape};

use super::operand::Operand;
use super::program::TILE;
use crate::backend::transpose::transpose;
use crate::simd::prefetch;

/// Rows of a band at least: the lines of 64 bytes that 16 numbers of 4 bytes fill.
const LEAST_ROWS: usize = 16;

/// Bytes that a band reads behind each other at each place, where one operand lies transposed. In shorter runs (64 bytes)
/// memory takes twice the time; with longer ones bands would leave the second-level cache.
const RUN_BYTES: usize = 512;

/// Columns of a band at most.
const COLUMNS: usize = 256;

/// Rows shorter than this stay in the order of the space: their tiles touch few lines each.
const SHORTEST_ROW: usize = 32;

/// A space cut into bands of rows by stretches of columns.
pub struct Bands {
    /// Axes but for those of the rows and the columns: extents, and elements of the space between neighbours.
    outer: SmallVec<[(usize, usize); 4]>,
    /// The axes of the rows, which are one for the operands that lie transposed.
    axes: Range<usize>,
    rows: usize,
    row_step: usize,
    columns: usize,
    /// Rows of a band at most.
    height: usize,
}

/// Tiles below one another: rows of equally many columns.
pub struct Band {
    /// The first element.
    pub first: usize,
    /// Rows, at most [`Bands::height`].
    pub rows: usize,
    /// Elements of the space from a row to the next.
    pub row_step: usize,
    /// Columns, at most [`COLUMNS`].
    pub columns: usize,
}

impl Bands {
    /// The bands that suit the first operand that lies transposed in the space, if there is one.
    pub fn new<'a>(shape: &Shape, operands: impl Iterator<Item = &'a Operand> + Clone) -> Option<Bands> {
        let last = shape.iter().rposition(|&extent| extent > 1)?;
        if shape[last] < SHORTEST_ROW {
            return None;
        }
        let extent = |axes: &Range<usize>| shape[axes.clone()].iter().product::<usize>();
        let axes = operands.clone().find_map(|operand| {
            transposed_axes(&operand.layout, last).filter(|axes| extent(axes) >= LEAST_ROWS)
        })?;
        let mut steps: SmallVec<[usize; 4]> = SmallVec::from_elem(1, shape.rank());
        for at in (0..last).rev() {
            steps[at] = steps[at + 1] * shape[at + 1];
        }
        let outer = (0..last).filter(|at| !axes.contains(at)).map(|at| (shape[at], steps[at])).collect();
        let (rows, row_step) = (extent(&axes), steps[axes.end - 1]);
        let mut bands = Bands { outer, axes, rows, row_step, columns: shape[last], height: LEAST_ROWS };
        let row_bytes: usize =
            operands.filter(|operand| bands.suits(&operand.layout)).map(|operand| operand.size).sum();
        bands.height = (RUN_BYTES / row_bytes).max(LEAST_ROWS);
        Some(bands)
    }

    /// True where an operand lies such that a band of it is to be turned around.
    pub fn suits(&self, layout: &Layout) -> bool {
        let last = layout.shape().iter().rposition(|&extent| extent > 1);
        let axes = last.and_then(|last| transposed_axes(layout, last));
        axes.is_some_and(|axes| axes.end == self.axes.end && axes.start <= self.axes.start)
    }

    /// Rows of a whole band.
    pub fn height(&self) -> usize {
        self.height.min(self.rows)
    }

    /// Elements of a whole band.
    pub fn elements(&self) -> usize {
        self.height() * COLUMNS.min(self.columns)
    }

    /// The number of bands.
    pub fn count(&self) -> usize {
        let outer: usize = self.outer.iter().map(|axis| axis.0).product();
        outer * self.columns.div_ceil(COLUMNS) * self.rows.div_ceil(self.height)
    }

    /// Band `number`; neighbouring numbers lie below one another, so that a reader goes on where it was.
    pub fn band(&self, number: usize) -> Band {
        let bands = self.rows.div_ceil(self.height);
        let (row, rest) = (number % bands * self.height, number / bands);
        let stretches = self.columns.div_ceil(COLUMNS);
        let (column, mut rest) = (rest % stretches * COLUMNS, rest / stretches);
        let mut first = row * self.row_step + column;
        for &(extent, step) in self.outer.iter().rev() {
            first += rest % extent * step;
            rest /= extent;
        }
        Band {
            first,
            rows: self.height.min(self.rows - row),
            row_step: self.row_step,
            columns: COLUMNS.min(self.columns - column),
        }
    }

    /// Bytes from a row of a band to the next where it is turned around: dense where rows are short and touch in the space, so
    /// that several are a tile. Else not a power of two, which would put all rows into few places of the cache.
    pub fn pitch(&self, element_bytes: usize) -> usize {
        if self.rows_touch() { self.columns * element_bytes } else { COLUMNS * element_bytes + 64 }
    }

    /// Rows of a band that are computed at once.
    pub fn rows_at_once(&self) -> usize {
        if self.rows_touch() { TILE / self.columns } else { 1 }
    }

    fn rows_touch(&self) -> bool {
        self.row_step == self.columns && self.columns <= COLUMNS
    }

    /// Copies lines of an operand, a column of the band each and `stride` elements apart, to the rows of a panel. What is read
    /// next is asked for: other lines, or where the first ones go on.
    ///
    /// # Safety
    /// The lines can be read, the panel holds their elements, and both are aligned for the size.
    pub unsafe fn turn(&self, band: &Band, size: usize, from: *const u8, stride: i64, panel: *mut u8) {
        let (step, row_bytes) = (stride as isize * size as isize, band.rows * size);
        let line = |column: usize| from.wrapping_offset(column as isize * step);
        for column in (0..band.columns).step_by(LINES) {
            let next = column + LINES;
            for ahead in 0..LINES {
                match next < band.columns {
                    true => prefetch(line(next + ahead), row_bytes),
                    false => prefetch(line(ahead).wrapping_add(row_bytes), row_bytes),
                }
            }
            let extent = (band.rows, LINES.min(band.columns - column));
            // SAFETY: the caller's promise.
            unsafe {
                turn_lines(size, line(column), stride, extent, panel.add(column * size), self.pitch(size))
            }
        }
    }
}

/// The axes along which neighbours in memory lie, where those along the last axis lie far apart.
fn transposed_axes(layout: &Layout, last: usize) -> Option<Range<usize>> {
    let (shape, strides) = (layout.shape(), layout.strides());
    if strides[last].unsigned_abs() < LEAST_ROWS as u64 {
        return None;
    }
    let axis = (0..last).find(|&axis| strides[axis] == 1 && shape[axis] > 1)?;
    let mut first = axis;
    while first > 0 && strides[first - 1] == strides[first] * shape[first] as i64 {
        first -= 1;
    }
    Some(first..axis + 1)
}

/// Lines that are turned around at once.
const LINES: usize = 8;

/// Copies `columns` lines of `rows` elements of `size` bytes, `stride` elements apart, to rows `pitch` bytes apart.
///
/// # Safety
/// The lines can be read, the rows hold `columns` elements, and all are aligned for the size.
unsafe fn turn_lines(
    size: usize,
    from: *const u8,
    stride: i64,
    (rows, columns): (usize, usize),
    to: *mut u8,
    pitch: usize,
) {
    let (stride, pitch) = (stride as isize, (pitch / size) as isize);
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
