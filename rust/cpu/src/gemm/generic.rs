//! Products of integers, which wrap, and of complex numbers: a blocked loop that the compiler widens.

use std::ops::Range;

use num_complex::Complex;

use super::blocks::{Target, depth_blocks};
use super::pack::Strided;
use crate::simd::{Tiered, on_tier};

/// Numbers with a product that is added in ascending depth to a sum that begins at zero.
pub(crate) trait Ring: Copy + Default + Send + Sync + 'static {
    /// `self · factor + addend`.
    fn multiply_add(self, factor: Self, addend: Self) -> Self;
}

macro_rules! integer_ring {
    ($($type:ty)*) => {$(
        impl Ring for $type {
            #[inline(always)]
            fn multiply_add(self, factor: Self, addend: Self) -> Self {
                self.wrapping_mul(factor).wrapping_add(addend)
            }
        }
    )*};
}
integer_ring!(i8 i16 i32 i64 u8 u16 u32 u64);

macro_rules! complex_ring {
    ($($type:ty)*) => {$(
        impl Ring for Complex<$type> {
            /// Four products and plain additions, each rounded, in this order.
            #[inline(always)]
            fn multiply_add(self, factor: Self, addend: Self) -> Self {
                Complex::new(
                    addend.re + (self.re * factor.re - self.im * factor.im),
                    addend.im + (self.re * factor.im + self.im * factor.re),
                )
            }
        }
    )*};
}
complex_ring!(f32 f64);

/// Columns whose sums a row keeps in registers or L1.
const COLUMNS: usize = 64;

/// The part `rows × columns` of C.
pub(crate) struct RingProduct<'a, S, T> {
    pub a: &'a Strided<S>,
    pub b: &'a Strided<S>,
    pub depth: usize,
    pub rows: Range<usize>,
    pub columns: Range<usize>,
    pub c: Target<T>,
}

impl<S: Copy + Into<T>, T: Ring> RingProduct<'_, S, T> {
    /// Computes the part.
    ///
    /// # Safety
    /// The ranges lie within the operands, and C has room.
    pub unsafe fn run(self) {
        on_tier(self);
    }

    /// Copies a block of B to rows of `COLUMNS`, zero beyond its columns.
    #[inline(always)]
    fn pack(&self, steps: Range<usize>, columns: Range<usize>, packed: &mut [[T; COLUMNS]]) {
        for (step, row) in steps.zip(packed.iter_mut()) {
            row.fill(T::default());
            for (column, number) in columns.clone().zip(row.iter_mut()) {
                let index = step as isize * self.b.depth_stride + column as isize * self.b.line_stride;
                // SAFETY: who called `run` vouches for the operand.
                *number = unsafe { self.b.data.offset(index).read() }.into();
            }
        }
    }
}

impl<S: Copy + Into<T>, T: Ring> Tiered for RingProduct<'_, S, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let mut packed = vec![[T::default(); COLUMNS]; self.depth.min(super::blocks::DEPTH_BLOCK)];
        for first in self.columns.clone().step_by(COLUMNS) {
            let columns = first..(first + COLUMNS).min(self.columns.end);
            for steps in depth_blocks(self.depth) {
                self.pack(steps.clone(), columns.clone(), &mut packed);
                for row in self.rows.clone() {
                    // SAFETY: who called `run` vouches for C and A.
                    let c = unsafe {
                        let start = self.c.data.offset(
                            (row - self.rows.start) as isize * self.c.row_stride
                                + (first - self.columns.start) as isize,
                        );
                        std::slice::from_raw_parts_mut(start, columns.len())
                    };
                    let mut sums = [T::default(); COLUMNS];
                    if steps.start > 0 {
                        sums[..c.len()].copy_from_slice(c);
                    }
                    for (step, numbers) in steps.clone().zip(&packed) {
                        let index = row as isize * self.a.line_stride + step as isize * self.a.depth_stride;
                        // SAFETY: as above.
                        let factor: T = unsafe { self.a.data.offset(index).read() }.into();
                        for (sum, &number) in sums.iter_mut().zip(numbers) {
                            *sum = factor.multiply_add(number, *sum);
                        }
                    }
                    c.copy_from_slice(&sums[..c.len()]);
                }
            }
        }
    }
}
