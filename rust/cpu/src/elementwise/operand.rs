//! Operands of a tile program: checked memory, and how a tile of it is had.

use std::ptr;

use tenfold_ir::{DType, Error, Layout, Result, Shape};

/// An operand of a program: checked memory and how it is walked.
#[derive(Clone)]
pub struct Operand {
    base: *const u8,
    pub(super) size: usize,
    pub(super) layout: Layout,
    pub(super) access: Access,
    /// Too large for the first-level cache.
    pub(super) is_far: bool,
}

/// Operands from so many bytes on come from farther than the first-level cache.
const FAR_BYTES: usize = 64 << 10;

/// How a tile of an operand is had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// Its elements lie in the order of the space: read where they are.
    Linear,
    /// One element for all.
    Single,
    /// Walked; read in place where the tile lies within a run of neighbours.
    Strided,
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
        let single =
            layout.shape().iter().zip(layout.strides()).all(|(&extent, &stride)| extent == 1 || stride == 0);
        let access = if layout.is_contiguous() {
            Access::Linear
        } else if single {
            Access::Single
        } else {
            Access::Strided
        };
        let is_far = layout.elements() * dtype.size() >= FAR_BYTES;
        Ok(Operand { base, size: dtype.size(), layout, access, is_far })
    }

    /// Stands where the program reads nothing.
    pub fn unused() -> Operand {
        Operand {
            base: ptr::null(),
            size: 1,
            layout: Layout::dense(Shape::default()),
            access: Access::Single,
            is_far: false,
        }
    }

    /// A dense operand of elements of `size` bytes whose memory is set before it is used.
    pub fn dense_at_block(size: usize, layout: Layout) -> Operand {
        Operand { base: ptr::null(), size, layout, access: Access::Linear, is_far: false }
    }

    /// Sets the memory: where element 0 is, or would be if only some elements are read.
    pub fn set_base(&mut self, base: *const u8) {
        self.base = base;
    }

    /// The address of the element at `position`.
    ///
    /// # Safety
    /// The position is one of the layout's.
    pub(super) unsafe fn at(&self, position: i64) -> *const u8 {
        // SAFETY: the layout was checked to lie within the memory.
        unsafe { self.base.offset(position as isize * self.size as isize) }
    }
}

/// Copies `count` elements from `position` in steps of `stride`.
///
/// # Safety
/// The positions are the operand's, and `target` is aligned and holds `count` elements.
pub(super) unsafe fn gather(operand: &Operand, position: i64, stride: i64, target: *mut u8, count: usize) {
    #[inline(always)]
    unsafe fn copy<T: Copy>(from: *const T, stride: isize, target: *mut T, count: usize) {
        // SAFETY: the caller's promise.
        unsafe {
            match stride {
                1 => ptr::copy_nonoverlapping(from, target, count),
                0 => std::slice::from_raw_parts_mut(target.cast::<std::mem::MaybeUninit<T>>(), count)
                    .fill(std::mem::MaybeUninit::new(*from)),
                _ => {
                    for index in 0..count {
                        target.add(index).write(from.offset(stride * index as isize).read());
                    }
                }
            }
        }
    }
    let stride = stride as isize;
    // SAFETY: the caller's promise.
    unsafe {
        let from = operand.at(position);
        match operand.size {
            1 => copy::<u8>(from, stride, target, count),
            2 => copy::<u16>(from.cast(), stride, target.cast(), count),
            4 => copy::<u32>(from.cast(), stride, target.cast(), count),
            8 => copy::<u64>(from.cast(), stride, target.cast(), count),
            _ => copy::<[u64; 2]>(from.cast(), stride, target.cast(), count),
        }
    }
}
