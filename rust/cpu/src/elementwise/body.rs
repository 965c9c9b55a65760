//! From the body of an operation to a function over whole tiles, one a SIMD tier.
//!
//! A body is straight-line scalar code that inlines. Its loop is compiled three times, each under the target
//! features of a tier, and the compiler widens it.

use std::marker::PhantomData;

use tenfold_ir::lanes::complex as lanes;
use tenfold_ir::{Boolean, Complex, bf16, f16};

use crate::simd::Tier;

/// Computes `count` elements from up to three tiles: `(first, second, third, target, count)`.
///
/// # Safety
/// The pointers that the function uses are aligned for its types and hold `count` elements; the target either
/// coincides with an argument or does not overlap it.
pub type TileFunction = unsafe fn(*const u8, *const u8, *const u8, *mut u8, usize);

/// A number as bodies take it, and how it lies in a tile.
pub trait TileValue: Copy {
    /// The element of the tile.
    type Stored: Copy;
    /// Reads it.
    fn load(stored: Self::Stored) -> Self;
    /// Makes it.
    fn store(self) -> Self::Stored;
}

macro_rules! stored_as_itself {
    ($($type:ty),*) => {
        $(impl TileValue for $type {
            type Stored = $type;
            #[inline(always)]
            fn load(stored: $type) -> $type {
                stored
            }
            #[inline(always)]
            fn store(self) -> $type {
                self
            }
        })*
    };
}
stored_as_itself!(i8, i16, i32, i64, u8, u16, u32, u64, f32, f64, f16, bf16, Boolean);
stored_as_itself!(Complex<f32>, Complex<f64>, lanes::Complex<f32>, lanes::Complex<f64>);

impl TileValue for bool {
    type Stored = u8;
    #[inline(always)]
    fn load(stored: u8) -> bool {
        stored != 0
    }
    #[inline(always)]
    fn store(self) -> u8 {
        self as u8
    }
}

/// The arguments of a body.
pub trait Arguments {
    /// Reads element `index` of each tile.
    ///
    /// # Safety
    /// As for a [`TileFunction`] with more than `index` elements.
    unsafe fn load(tiles: [*const u8; 3], index: usize) -> Self;
}

macro_rules! arguments {
    ($($type:ident $tile:tt),*) => {
        impl<$($type: TileValue),*> Arguments for ($($type,)*) {
            #[inline(always)]
            unsafe fn load(tiles: [*const u8; 3], index: usize) -> Self {
                // SAFETY: the caller's promise.
                unsafe { ($($type::load(tiles[$tile].cast::<$type::Stored>().add(index).read()),)*) }
            }
        }
    };
}
arguments!(A 0);
arguments!(A 0, B 1);
arguments!(A 0, B 1, C 2);

/// An operation on elements of fixed types.
pub trait Body {
    /// What it takes.
    type Arguments: Arguments;
    /// What it makes.
    type Result: TileValue;
    /// The operation. Must inline.
    fn call(arguments: Self::Arguments) -> Self::Result;
}

#[inline(always)]
unsafe fn each<B: Body>(
    first: *const u8,
    second: *const u8,
    third: *const u8,
    target: *mut u8,
    count: usize,
) {
    let target = target.cast::<<B::Result as TileValue>::Stored>();
    for index in 0..count {
        // SAFETY: the promise of whoever calls a tile function.
        unsafe {
            let arguments = B::Arguments::load([first, second, third], index);
            target.add(index).write(B::call(arguments).store());
        }
    }
}

unsafe fn portable<B: Body>(
    first: *const u8,
    second: *const u8,
    third: *const u8,
    target: *mut u8,
    count: usize,
) {
    // SAFETY: the caller's promise.
    unsafe { each::<B>(first, second, third, target, count) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn avx2<B: Body>(
    first: *const u8,
    second: *const u8,
    third: *const u8,
    target: *mut u8,
    count: usize,
) {
    // SAFETY: the caller's promise.
    unsafe { each::<B>(first, second, third, target, count) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
unsafe fn avx512<B: Body>(
    first: *const u8,
    second: *const u8,
    third: *const u8,
    target: *mut u8,
    count: usize,
) {
    // SAFETY: the caller's promise.
    unsafe { each::<B>(first, second, third, target, count) }
}

/// The function of a body on a tier.
#[cfg(target_arch = "x86_64")]
pub fn function<B: Body>(tier: Tier) -> TileFunction {
    match tier {
        Tier::Portable => portable::<B>,
        Tier::Avx2 => avx2::<B>,
        Tier::Avx512 => avx512::<B>,
    }
}

/// The same where AVX-512 gains too little over AVX2 to be worth its code (the bits are the same).
#[cfg(target_arch = "x86_64")]
pub fn function_below_avx512<B: Body>(tier: Tier) -> TileFunction {
    match tier {
        Tier::Portable => portable::<B>,
        Tier::Avx2 | Tier::Avx512 => avx2::<B>,
    }
}

/// The function of a body; only the portable tier exists here.
#[cfg(not(target_arch = "x86_64"))]
pub fn function<B: Body>(_tier: Tier) -> TileFunction {
    portable::<B>
}

/// The function of a body; only the portable tier exists here.
#[cfg(not(target_arch = "x86_64"))]
pub fn function_below_avx512<B: Body>(_tier: Tier) -> TileFunction {
    portable::<B>
}

/// The body that hands its argument on.
pub struct Copying<T>(PhantomData<T>);

impl<T: TileValue> Body for Copying<T> {
    type Arguments = (T,);
    type Result = T;
    #[inline(always)]
    fn call((value,): (T,)) -> T {
        value
    }
}
