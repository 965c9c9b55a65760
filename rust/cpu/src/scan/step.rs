//! One step of each scan.

use num_complex::Complex;
use tenfold_ir::lanes::cast::{bf16_to_f32, f16_to_f32, f32_to_bf16, f32_to_f16};
use tenfold_ir::lanes::integer::Integer;
use tenfold_ir::operations::body;
use tenfold_ir::{Boolean, Element, bf16, f16};

/// How a running result takes up the next element.
pub trait Step<E>: Sync {
    /// What is carried along: wider than the elements for half precisions.
    type Total: Copy;
    /// Any value, before the first element.
    const START: Self::Total;
    /// Nanoseconds an element, roughly.
    const NANOSECONDS: u64;
    /// True where the second output says which element the result is.
    const PLACES: bool = false;
    /// The result of the first element.
    fn first(value: E) -> Self::Total;
    /// The result after one more.
    fn next(total: Self::Total, value: E) -> Self::Total;
    /// The result as an element.
    fn result(total: Self::Total) -> E;
    /// True where the next element is the result from then on.
    #[inline(always)]
    fn replaces(_total: Self::Total, _value: E) -> bool {
        false
    }
}

/// Running sums.
pub struct Sum;
/// Running products.
pub struct Product;
/// Running logarithms of sums of exponentials.
pub struct LogSumExp;

macro_rules! steps {
    ($($step:ident, $nanoseconds:literal, $total:ty, $($type:ty),* : $start:expr, $next:expr;)*) => {
        $($(impl Step<$type> for $step {
            type Total = $total;
            const START: $total = $start;
            const NANOSECONDS: u64 = $nanoseconds;
            #[inline(always)]
            fn first(value: $type) -> $total {
                Total::<$total>::widen(value)
            }
            #[inline(always)]
            fn next(total: $total, value: $type) -> $total {
                $next(total, Total::<$total>::widen(value))
            }
            #[inline(always)]
            fn result(total: $total) -> $type {
                Total::<$total>::narrow(total)
            }
        })*)*
    };
}

/// Elements whose running results are of type `T`.
trait Total<T>: Sized {
    fn widen(self) -> T;
    fn narrow(total: T) -> Self;
}

impl<T> Total<T> for T {
    #[inline(always)]
    fn widen(self) -> T {
        self
    }
    #[inline(always)]
    fn narrow(total: T) -> T {
        total
    }
}

impl Total<f32> for f16 {
    #[inline(always)]
    fn widen(self) -> f32 {
        f16_to_f32(self)
    }
    #[inline(always)]
    fn narrow(total: f32) -> f16 {
        f32_to_f16(total)
    }
}

impl Total<f32> for bf16 {
    #[inline(always)]
    fn widen(self) -> f32 {
        bf16_to_f32(self)
    }
    #[inline(always)]
    fn narrow(total: f32) -> bf16 {
        f32_to_bf16(total)
    }
}

macro_rules! integer_steps {
    ($($type:ident),*) => {
        steps! { $(
            Sum, 1, $type, $type: 0, Integer::add;
            Product, 1, $type, $type: 0, Integer::multiply;
        )* }
    };
}
integer_steps!(u8, u16, u32, u64);

steps! {
    Sum, 1, f32, f16, bf16, f32: 0.0, |a: f32, b: f32| a + b;
    Sum, 1, f64, f64: 0.0, |a: f64, b: f64| a + b;
    Sum, 2, Complex<f32>, Complex<f32>: Complex { re: 0.0, im: 0.0 }, |a: Complex<f32>, b: Complex<f32>| a + b;
    Sum, 2, Complex<f64>, Complex<f64>: Complex { re: 0.0, im: 0.0 }, |a: Complex<f64>, b: Complex<f64>| a + b;
    Product, 1, f32, f16, bf16, f32: 0.0, |a: f32, b: f32| a * b;
    Product, 1, f64, f64: 0.0, |a: f64, b: f64| a * b;
    Product, 3, Complex<f32>, Complex<f32>: Complex { re: 0.0, im: 0.0 }, |a: Complex<f32>, b: Complex<f32>| a * b;
    Product, 3, Complex<f64>, Complex<f64>: Complex { re: 0.0, im: 0.0 }, |a: Complex<f64>, b: Complex<f64>| a * b;
    LogSumExp, 20, f32, f16, bf16, f32: 0.0, body::logaddexp::float::<f32>;
    LogSumExp, 20, f64, f64: 0.0, body::logaddexp::float::<f64>;
}

/// Running maxima, or minima.
pub struct Extreme<const LARGEST: bool>;

impl<E: Ordered, const LARGEST: bool> Step<E> for Extreme<LARGEST> {
    type Total = E;
    const START: E = E::ANY;
    const NANOSECONDS: u64 = 2;
    const PLACES: bool = true;
    #[inline(always)]
    fn first(value: E) -> E {
        value
    }
    #[inline(always)]
    fn next(total: E, value: E) -> E {
        if Self::replaces(total, value) { value } else { total }
    }
    #[inline(always)]
    fn result(total: E) -> E {
        total
    }
    /// At least as large (small), or NaN.
    #[inline(always)]
    fn replaces(total: E, value: E) -> bool {
        let better = if LARGEST { value.key() >= total.key() } else { value.key() <= total.key() };
        better | value.is_nan()
    }
}

/// A dtype with an order.
pub trait Ordered: Element {
    /// Any value.
    const ANY: Self;
    /// What is compared.
    type Key: PartialOrd;
    /// What is compared of this element.
    fn key(self) -> Self::Key;
    /// True for a NaN.
    fn is_nan(self) -> bool;
}

macro_rules! ordered {
    ($($type:ty: $any:expr, $key:ty, $to_key:expr, $is_nan:expr;)*) => {
        $(impl Ordered for $type {
            const ANY: $type = $any;
            type Key = $key;
            #[inline(always)]
            fn key(self) -> $key {
                $to_key(self)
            }
            #[inline(always)]
            fn is_nan(self) -> bool {
                $is_nan(self)
            }
        })*
    };
}
#[inline(always)]
fn same<T>(value: T) -> T {
    value
}
ordered! {
    i8: 0, i8, same, |_| false; i16: 0, i16, same, |_| false; i32: 0, i32, same, |_| false;
    i64: 0, i64, same, |_| false; u8: 0, u8, same, |_| false; u16: 0, u16, same, |_| false;
    u32: 0, u32, same, |_| false; u64: 0, u64, same, |_| false;
    f16: f16::ZERO, f32, f16_to_f32, f16::is_nan; bf16: bf16::ZERO, f32, bf16_to_f32, bf16::is_nan;
    f32: 0.0, f32, same, f32::is_nan; f64: 0.0, f64, same, f64::is_nan;
    Boolean: Boolean(0), bool, Boolean::get, |_| false;
}
