//! Operands of a tile program: checked memory, and how a tile of it is had.

use std::ptr;

use smallvec::SmallVec;
use tenfold_ir::{DType, Error, Layout, Result, Shape};

use super::Target;
use super::program::TILE;
use crate::backend::view::{Input, Memory, Rows, Walk};
use crate::simd::{Tiered, on_tier, prefetch};

/// An operand of a program: checked memory and how it is walked.
#[derive(Clone)]
pub struct Operand {
    base: *const u8,
    pub(super) size: usize,
    pub(super) layout: Layout,
    pub(super) access: Access,
    /// The run of neighbours that is repeated throughout the space, where that is all that a walk does.
    pub(super) period: Option<usize>,
    /// Stretches of one element each, where the space has nothing else.
    pub(super) stretches: Option<Stretches>,
    /// Too large for the first-level cache.
    pub(super) is_far: bool,
}

/// Operands and outputs from so many bytes on come from farther than the first-level cache.
pub(super) const FAR_BYTES: usize = 64 << 10;

/// Stretches of the space throughout which an operand has one element, such as the planes of a channel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stretches {
    /// Elements of the space in each.
    length: usize,
    /// How many there are until they begin again.
    count: usize,
    /// From the element of one to that of the next.
    stride: i64,
    offset: i64,
}

/// How a tile of an operand is had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// Its elements lie in the order of the space: read where they are.
    Linear,
    /// One element for all.
    Single,
    /// Walked; read in place where the tile lies within a run of neighbours.
    Strided,
    /// Dense, in memory that is known with each block of an epilogue.
    Block,
}

// SAFETY: an operand only reads memory that its maker keeps alive and unwritten, or that is written by the thread
// that reads the same tile.
unsafe impl Send for Operand {}
// SAFETY: as above.
unsafe impl Sync for Operand {}

impl Operand {
    /// An operand over memory of `bytes` bytes at `base`.
    ///
    /// # Errors
    /// Where the layout reaches outside.
    ///
    /// # Safety
    /// The memory is aligned for the dtype and stays alive and unwritten while the operand is used, but for
    /// tiles that the program itself writes in place.
    pub unsafe fn new(dtype: DType, layout: Layout, base: *const u8, bytes: usize) -> Result<Operand> {
        layout.check_within("kernel", bytes / dtype.size())?;
        if !base.is_null() && !base.addr().is_multiple_of(dtype.size().min(8)) {
            return Err(Error::state("kernel", "the memory of an operand is not aligned"));
        }
        let access = if layout.is_contiguous() {
            Access::Linear
        } else if layout.is_single() {
            Access::Single
        } else {
            Access::Strided
        };
        let is_far = layout.elements() * dtype.size() >= FAR_BYTES;
        let (period, stretches) = match access {
            Access::Strided => {
                // Where a tile holds several.
                let period = repeated_run(&layout).filter(|length| (2..=TILE / 2).contains(length));
                (period, Stretches::of(&layout))
            }
            _ => (None, None),
        };
        Ok(Operand { base, size: dtype.size(), layout, access, period, stretches, is_far })
    }

    /// The operands of a program over inputs; `reads` says which it reads, and `target` is the memory of an output in which an
    /// input may lie.
    ///
    /// # Errors
    /// Where a layout reaches outside, or an input lies in an output without such memory.
    ///
    /// # Safety
    /// The memory of the inputs stays alive while the operands are used, and unwritten but for tiles that the program
    /// itself writes in place.
    pub(crate) unsafe fn of_inputs(
        inputs: &[Input<'_>],
        reads: impl Fn(usize) -> bool,
        target: impl Fn(usize) -> Option<Target>,
    ) -> Result<SmallVec<[Operand; 4]>> {
        let operand = |(index, input): (usize, &Input<'_>)| {
            if !reads(index) {
                return Ok(Operand::unused());
            }
            let (base, bytes) = match input.memory {
                Memory::Bytes(bytes) => (bytes.as_ptr(), bytes.len()),
                Memory::Output(output) => match target(output) {
                    Some(target) => {
                        (target.at(0).cast_const(), input.shape().elements() * input.dtype.size())
                    }
                    None => return Err(Error::state("kernel", "cannot work in place")),
                },
            };
            // SAFETY: the caller's promise; buffers are aligned for every dtype.
            unsafe { Operand::new(input.dtype, input.layout.clone(), base, bytes) }
        };
        inputs.iter().enumerate().map(operand).collect()
    }

    /// Stands where the program reads nothing.
    pub fn unused() -> Operand {
        Operand {
            base: ptr::null(),
            size: 1,
            layout: Layout::dense(Shape::default()),
            access: Access::Single,
            period: None,
            stretches: None,
            is_far: false,
        }
    }

    /// The result that an epilogue works on block by block: dense, of elements of `size` bytes.
    pub fn block(size: usize, layout: Layout) -> Operand {
        Operand { size, layout, access: Access::Block, ..Operand::unused() }
    }

    /// Reads from `base` instead, where the elements behind the first `leading` axes lie dense.
    pub(super) fn repeat(&mut self, base: *const u8, leading: usize) {
        let shape = self.layout.shape().clone();
        let dense = Layout::dense(shape[leading..].iter().copied().collect());
        let strides = std::iter::repeat_n(0, leading).chain(dense.strides().iter().copied());
        self.layout = Layout::strided(shape, strides.collect(), 0);
        self.base = base;
        self.stretches = None;
    }

    /// Its elements where the space is lines of that many: those of all lines behind each other, or of one that is every
    /// line; with how far apart lines begin.
    pub fn lines<T: Copy>(&self, length: usize) -> Option<(&[T], usize)> {
        let elements = self.layout.shape().elements();
        let (count, step) = match self.access {
            _ if self.size != size_of::<T>() => return None,
            Access::Linear => (elements, length),
            Access::Strided if repeated_run(&self.layout) == Some(length) => (length, 0),
            _ => return None,
        };
        let first = self.address(self.layout.offset()).cast::<T>();
        // SAFETY: the layout was checked to lie within the memory, which nobody writes while the operand is borrowed: it is
        // not written by the program that reads lines.
        Some((unsafe { std::slice::from_raw_parts(first, count) }, step))
    }

    /// How far apart lines of so many elements, which the last axes are, lie in memory, where that is one distance.
    pub(super) fn distance_of_lines(&self, length: usize) -> Option<usize> {
        let (shape, strides) = (self.layout.shape(), self.layout.strides());
        let mut inner = 1;
        let mut axis = shape.rank();
        while inner < length && axis > 0 {
            axis -= 1;
            inner *= shape[axis];
        }
        let mut outer = (0..axis).rev().filter(|&axis| shape[axis] != 1);
        let Some(nearest) = outer.next() else { return (inner == length).then_some(0) };
        let distance = strides[nearest];
        let mut next = distance * shape[nearest] as i64;
        let is_even = outer.all(|axis| {
            let goes_on = strides[axis] == next;
            next *= shape[axis] as i64;
            goes_on
        });
        if is_even && inner == length { usize::try_from(distance).ok() } else { None }
    }

    /// Where the element at `position` lies, or would if there were one.
    pub(super) fn address(&self, position: i64) -> *const u8 {
        self.base.wrapping_offset(position as isize * self.size as isize)
    }
}

impl Stretches {
    /// The stretches of a layout whose axes, joined, are one that counts before one that repeats, behind at most another
    /// that repeats.
    fn of(layout: &Layout) -> Option<Stretches> {
        let walk = Walk::new(layout, 0);
        let (extents, strides) = walk.axes();
        let ([.., count, length], [outer @ .., stride, 0]) = (extents, strides) else { return None };
        let is_all = matches!(outer, [] | [0]);
        is_all.then_some(Stretches {
            length: *length,
            count: *count,
            stride: *stride,
            offset: layout.offset(),
        })
    }

    /// The position of the one element of `count` elements of the space from `start` on.
    #[inline]
    pub fn position(&self, start: usize, count: usize) -> Option<i64> {
        let (stretch, within) = (start / self.length, start % self.length);
        (within + count <= self.length).then(|| self.offset + (stretch % self.count) as i64 * self.stride)
    }
}

/// The length of the run of neighbours along the last axes that the axes in front repeat.
fn repeated_run(layout: &Layout) -> Option<usize> {
    let mut axes = layout.shape().iter().zip(layout.strides()).rev().filter(|&(&extent, _)| extent != 1);
    let mut length = 1;
    let first_repeated = axes.by_ref().find(|&(&extent, &stride)| {
        let is_neighbour = stride == length as i64;
        length *= if is_neighbour { extent } else { 1 };
        !is_neighbour
    });
    let repeats =
        first_repeated.is_some_and(|(_, &stride)| stride == 0) && axes.all(|(_, &stride)| stride == 0);
    repeats.then_some(length)
}

/// Copies rows behind each other.
///
/// # Safety
/// The positions are the operand's, and `target` is aligned and holds all elements.
pub(super) unsafe fn gather(operand: &Operand, rows: Rows, target: *mut u8) {
    // SAFETY: the caller's promise.
    unsafe {
        let from = operand.address(rows.position);
        match operand.size {
            1 => copy_rows::<u8>(from, rows, target),
            2 => copy_rows::<u16>(from.cast(), rows, target.cast()),
            4 => on_tier(Gather { from: from.cast::<u32>(), rows, target: target.cast() }),
            8 => copy_rows::<u64>(from.cast(), rows, target.cast()),
            _ => copy_rows::<[u64; 2]>(from.cast(), rows, target.cast()),
        }
    }
}

/// [`copy_rows`] of the most usual size.
struct Gather {
    from: *const u32,
    rows: Rows,
    target: *mut u32,
}

impl Tiered for Gather {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        // SAFETY: the promise of the caller of `gather`, who alone makes one.
        unsafe { copy_rows(self.from, self.rows, self.target) }
    }
}

/// How many rows ahead memory is asked for: where rows lie far apart no processor guesses the next one, and each would be
/// waited for.
const ROWS_AHEAD: isize = 5;

/// Copies rows, the first of which begins at `from`. In loops: closures handed to iterators are not compiled for the tier.
///
/// # Safety
/// All elements of the rows may be read, and `target` is apart from them and holds as many.
#[inline(always)]
unsafe fn copy_rows<T: Copy>(from: *const T, rows: Rows, target: *mut T) {
    let Rows { stride, length, apart, count, .. } = rows;
    // SAFETY: the caller's promise.
    unsafe {
        let ends = |row: usize| (from.offset(apart as isize * row as isize), target.add(row * length));
        match stride {
            1 => {
                for row in 0..count {
                    let (from, target) = ends(row);
                    let later = from.wrapping_offset(apart as isize * ROWS_AHEAD);
                    prefetch(later.cast(), length * size_of::<T>());
                    copy_run(from, target, length);
                }
            }
            0 => {
                for row in 0..count {
                    let (from, target) = ends(row);
                    fill_run(*from, target, length);
                }
            }
            _ => {
                for row in 0..count {
                    let (from, target) = ends(row);
                    for index in 0..length {
                        target.add(index).write(*from.offset(stride as isize * index as isize));
                    }
                }
            }
        }
    }
}

/// Elements of a piece of a short run: half a cache line of 4 bytes each.
const PIECE: usize = 8;
/// Runs up to here are copied in pieces: calling a function for each costs more than the pieces.
const SHORT: usize = 8 * PIECE;

/// Copies a run of neighbours.
///
/// # Safety
/// Both lie in memory for `length` elements and do not overlap.
#[inline(always)]
unsafe fn copy_run<T: Copy>(from: *const T, target: *mut T, length: usize) {
    // SAFETY: every piece lies within the run, the last one ends with it.
    unsafe {
        if (PIECE..=SHORT).contains(&length) {
            let piece = |at: usize| {
                target
                    .add(at)
                    .cast::<[T; PIECE]>()
                    .write_unaligned(from.add(at).cast::<[T; PIECE]>().read_unaligned());
            };
            for index in 0..length / PIECE {
                piece(index * PIECE);
            }
            piece(length - PIECE);
        } else {
            ptr::copy_nonoverlapping(from, target, length);
        }
    }
}

/// Fills a run with one element.
///
/// # Safety
/// `target` holds `length` elements.
#[inline(always)]
unsafe fn fill_run<T: Copy>(value: T, target: *mut T, length: usize) {
    // SAFETY: every piece lies within the run, the last one ends with it.
    unsafe {
        if length >= PIECE {
            let piece = |at: usize| target.add(at).cast::<[T; PIECE]>().write_unaligned([value; PIECE]);
            for index in 0..length / PIECE {
                piece(index * PIECE);
            }
            piece(length - PIECE);
        } else {
            for index in 0..length {
                target.add(index).write(value);
            }
        }
    }
}
