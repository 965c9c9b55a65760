//! One step of each scan.

use num_complex::Complex;
use tenfold_ir::lanes::integer::Integer;
use tenfold_ir::operations::body;
use tenfold_ir::{Boolean, Element, bf16, f16};

/// How a running result takes up the next element.
pub trait Step<E> {
    /// What is carried along: wider than the elements for half precisions.
    type Total: Copy;
    /// Any value, before the first element.
    const START: Self::Total;
    /// Nanoseconds an element, roughly.
    const NANOSECONDS: u64;
    /// The result of the first element.
    fn first(value: E) -> Self::Total;
    /// The result after one more.
    fn next(total: Self::Total, value: E) -> Self::Total;
    /// The result as an element.
    fn result(total: Self::Total) -> E;
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
                value.into()
            }
            #[inline(always)]
            fn next(total: $total, value: $type) -> $total {
                $next(total, <$total>::from(value))
            }
            #[inline(always)]
            fn result(total: $total) -> $type {
                Narrow::<$type>::narrow(total)
            }
        })*)*
    };
}

/// Rounding of a running result to an element.
trait Narrow<E> {
    fn narrow(self) -> E;
}

impl<T> Narrow<T> for T {
    #[inline(always)]
    fn narrow(self) -> T {
        self
    }
}

impl Narrow<f16> for f32 {
    #[inline(always)]
    fn narrow(self) -> f16 {
        f16::from_f32(self)
    }
}

impl Narrow<bf16> for f32 {
    #[inline(always)]
    fn narrow(self) -> bf16 {
        bf16::from_f32(self)
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
integer_steps!(i8, i16, i32, i64, u8, u16, u32, u64);

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

/// A dtype with an order.
pub trait Extreme: Element {
    /// True where `value` takes the place of `best`: at least as large (small), or NaN.
    fn replaces<const LARGEST: bool>(value: Self, best: Self) -> bool;
}

macro_rules! extremes {
    ($($type:ty, $is_nan:expr, $key:expr);*) => {
        $(impl Extreme for $type {
            #[inline(always)]
            fn replaces<const LARGEST: bool>(value: $type, best: $type) -> bool {
                let better = if LARGEST { $key(value) >= $key(best) } else { $key(value) <= $key(best) };
                better | $is_nan(value)
            }
        })*
    };
}
fn same<T>(value: T) -> T {
    value
}
extremes!(i8, |_| false, same; i16, |_| false, same; i32, |_| false, same; i64, |_| false, same);
extremes!(u8, |_| false, same; u16, |_| false, same; u32, |_| false, same; u64, |_| false, same);
extremes!(f16, f16::is_nan, f16::to_f32; bf16, bf16::is_nan, bf16::to_f32);
extremes!(f32, f32::is_nan, same; f64, f64::is_nan, same; Boolean, |_| false, Boolean::get);
