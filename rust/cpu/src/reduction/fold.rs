//! What a reduction does with each element.

use std::marker::PhantomData;

use tenfold_ir::Complex;
use tenfold_ir::lanes::integer::Integer;
use tenfold_ir::operations::body;

/// A reduction of elements `T`.
pub trait Fold<T>: 'static {
    /// What is accumulated.
    type State: Copy + Send + Sync + 'static;
    /// The result of nothing; joined with anything it changes nothing.
    fn identity() -> Self::State;
    /// With one more element, number `index` of the reduced ones.
    fn take(state: Self::State, element: T, index: usize) -> Self::State;
    /// Two results in one, that of the earlier elements first.
    fn join(first: Self::State, second: Self::State) -> Self::State;
}

macro_rules! folds {
    ($($(#[$doc:meta])* $name:ident { $($type:ty: $identity:expr, $operation:expr;)* })*) => {
        $(
            $(#[$doc])*
            pub struct $name<T>(PhantomData<T>);
            $(impl Fold<$type> for $name<$type> {
                type State = $type;
                #[inline(always)]
                fn identity() -> $type {
                    $identity
                }
                #[inline(always)]
                fn take(state: $type, element: $type, _index: usize) -> $type {
                    $operation(state, element)
                }
                #[inline(always)]
                fn join(first: $type, second: $type) -> $type {
                    $operation(first, second)
                }
            })*
        )*
    };
}
folds! {
    /// The sum; integers wrap.
    Sum {
        i64: 0, Integer::add;
        f32: 0.0, body::add::float; f64: 0.0, body::add::float;
        Complex<f32>: Complex::new(0.0, 0.0), |a, b| a + b; Complex<f64>: Complex::new(0.0, 0.0), |a, b| a + b;
    }
    /// The product; integers wrap.
    Product {
        i64: 1, Integer::multiply;
        f32: 1.0, body::multiply::float; f64: 1.0, body::multiply::float;
        Complex<f32>: Complex::new(1.0, 0.0), |a, b| a * b; Complex<f64>: Complex::new(1.0, 0.0), |a, b| a * b;
    }
    /// The largest element, NaN if any is.
    Largest {
        i64: i64::MIN, Ord::max; u64: 0, Ord::max;
        f32: f32::NEG_INFINITY, body::maximum::float; f64: f64::NEG_INFINITY, body::maximum::float;
    }
    /// The smallest element, NaN if any is.
    Smallest {
        i64: i64::MAX, Ord::min; u64: u64::MAX, Ord::min;
        f32: f32::INFINITY, body::minimum::float; f64: f64::INFINITY, body::minimum::float;
    }
}

macro_rules! truth_folds {
    ($($(#[$doc:meta])* $name:ident: $identity:literal, $operation:expr;)*) => {
        $(
            $(#[$doc])*
            pub struct $name;
            impl Fold<u8> for $name {
                type State = u8;
                #[inline(always)]
                fn identity() -> u8 {
                    $identity
                }
                #[inline(always)]
                fn take(state: u8, element: u8, _index: usize) -> u8 {
                    $operation(state, (element != 0) as u8)
                }
                #[inline(always)]
                fn join(first: u8, second: u8) -> u8 {
                    $operation(first, second)
                }
            }
        )*
    };
}
truth_folds! {
    /// 1 where any element is true.
    Any: 0, |a: u8, b: u8| a | b;
    /// 1 where all elements are true.
    All: 1, |a: u8, b: u8| a & b;
}
