//! What a reduction does with each element.

use std::marker::PhantomData;

use tenfold_ir::Complex;
use tenfold_ir::lanes::integer::Integer;
use tenfold_ir::operations::body;

/// A reduction of elements `T`.
pub trait Fold<T>: 'static {
    /// What is accumulated.
    type State: Copy + Send + Sync + 'static;
    /// True where the order of taking and joining is of no account and [`Fold::take_run`] is quicker than single steps.
    const POSITIONS: bool = false;
    /// The result of nothing; joined with anything it changes nothing.
    fn identity() -> Self::State;
    /// With one more element, number `index` of the reduced ones.
    fn take(state: Self::State, element: T, index: usize) -> Self::State;
    /// With more elements, the first of which is number `index`.
    fn take_run(state: Self::State, elements: &[T], index: usize) -> Self::State
    where
        T: Copy,
    {
        elements.iter().zip(index..).fold(state, |state, (&element, at)| Self::take(state, element, at))
    }
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

/// An index that no element has: of the identity, which loses against every element.
const NOWHERE: i64 = i64::MAX;

/// Elements of a run that are compared side by side.
const RUN_LANES: usize = 32;

/// Numbers whose extremes have positions.
pub trait Compared: Copy + 'static {
    /// Something to begin with; never compared.
    const ANY: Self;
    /// Which is larger; a NaN surpasses all others, in either direction.
    fn is_above(self, other: Self) -> bool;
    /// Which is smaller, likewise.
    fn is_below(self, other: Self) -> bool;
}

macro_rules! compared {
    ($($type:ty: $any:expr, $is_nan:expr;)*) => {
        $(impl Compared for $type {
            const ANY: $type = $any;
            #[inline(always)]
            fn is_above(self, other: $type) -> bool {
                (self > other) | ($is_nan(self) & !$is_nan(other))
            }
            #[inline(always)]
            fn is_below(self, other: $type) -> bool {
                (self < other) | ($is_nan(self) & !$is_nan(other))
            }
        })*
    };
}
compared! {
    i64: 0, |_| false; u64: 0, |_| false;
    f32: 0.0, f32::is_nan; f64: 0.0, f64::is_nan;
}

macro_rules! position_folds {
    ($($(#[$doc:meta])* $name:ident: $surpasses:ident;)*) => {
        $(
            $(#[$doc])*
            pub struct $name<T>(PhantomData<T>);
            impl<T: Compared + Send + Sync> Fold<T> for $name<T> {
                type State = (T, i64);
                const POSITIONS: bool = true;
                #[inline(always)]
                fn identity() -> (T, i64) {
                    (T::ANY, NOWHERE)
                }
                #[inline(always)]
                fn take(state: (T, i64), element: T, index: usize) -> (T, i64) {
                    // Elements come in ascending order, so only a better one replaces what was found.
                    if (state.1 == NOWHERE) | element.$surpasses(state.0) { (element, index as i64) } else { state }
                }
                /// First the best element, which needs no positions, then its place, only where it is a better one.
                #[inline(always)]
                fn take_run(state: (T, i64), elements: &[T], index: usize) -> (T, i64) {
                    let better = |best: T, element: T| if element.$surpasses(best) { element } else { best };
                    let (blocks, rest) = elements.as_chunks::<RUN_LANES>();
                    let mut lanes = [elements.first().copied().unwrap_or(T::ANY); RUN_LANES];
                    for block in blocks {
                        for lane in 0..RUN_LANES {
                            lanes[lane] = better(lanes[lane], block[lane]);
                        }
                    }
                    let Some(best) = lanes.iter().chain(rest).copied().reduce(better) else { return state };
                    if elements.is_empty() | ((state.1 != NOWHERE) & !best.$surpasses(state.0)) {
                        return state;
                    }
                    match elements.iter().position(|&element| !best.$surpasses(element)) {
                        Some(place) => (elements[place], (index + place) as i64),
                        None => state,
                    }
                }
                #[inline(always)]
                fn join(first: (T, i64), second: (T, i64)) -> (T, i64) {
                    let earlier = !first.0.$surpasses(second.0) & (second.1 < first.1);
                    let better = second.0.$surpasses(first.0) | earlier;
                    let second_counts = (second.1 != NOWHERE) & ((first.1 == NOWHERE) | better);
                    if second_counts { second } else { first }
                }
            }
        )*
    };
}
position_folds! {
    /// The first position of the largest element, or of the first NaN.
    ArgMax: is_above;
    /// The first position of the smallest element, or of the first NaN.
    ArgMin: is_below;
}
