//! Formulas that are worth a loop of their own: written once, recorded as an expression and compiled for lanes.

use std::cell::RefCell;
use std::ops::{Add, Div, Mul, Sub};

use crate::expr::Value;
use crate::lanes::Lane;
use crate::operations::body;
use crate::{DType, Expr, Operation};

/// What a formula computes with: a value of an expression that is being recorded, or numbers.
pub trait Arithmetic:
    Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self>
{
    /// The square root.
    fn sqrt(self) -> Self;
    /// The larger of both.
    fn maximum(self, other: Self) -> Self;
    /// The smaller of both.
    fn minimum(self, other: Self) -> Self;
    /// The absolute value.
    fn abs(self) -> Self;
    /// `then` where this value compares so to `other`, else `otherwise`.
    fn choose(self, comparison: Comparison, other: Self, then: Self, otherwise: Self) -> Self;
    /// From this value towards `end`, by a fraction.
    fn lerp(self, end: Self, fraction: Self) -> Self;
    /// The logistic function.
    fn sigmoid(self) -> Self;
    /// The distribution function of the standard normal distribution.
    fn ndtr(self) -> Self;
    /// The density of the standard normal distribution.
    fn normal_pdf(self) -> Self;
}

/// How [`Arithmetic::choose`] compares.
#[derive(Clone, Copy, Debug)]
pub enum Comparison {
    /// `<`
    Less,
    /// `<=`
    LessEqual,
    /// `>=`
    GreaterEqual,
}

impl Comparison {
    /// Compares numbers.
    #[inline(always)]
    pub fn holds<T: PartialOrd>(self, left: T, right: T) -> bool {
        match self {
            Comparison::Less => left < right,
            Comparison::LessEqual => left <= right,
            Comparison::GreaterEqual => left >= right,
        }
    }

    /// The operation that compares so.
    pub fn operation(self) -> Operation {
        match self {
            Comparison::Less => Operation::less,
            Comparison::LessEqual => Operation::less_equal,
            Comparison::GreaterEqual => Operation::greater_equal,
        }
    }
}

macro_rules! arithmetic_of_lanes {
    ($($type:ty),*) => {
        $(impl Arithmetic for $type {
            #[inline(always)]
            fn sqrt(self) -> $type {
                Lane::sqrt(self)
            }
            #[inline(always)]
            fn maximum(self, other: $type) -> $type {
                body::maximum::float(self, other)
            }
            #[inline(always)]
            fn minimum(self, other: $type) -> $type {
                body::minimum::float(self, other)
            }
            #[inline(always)]
            fn abs(self) -> $type {
                <$type>::abs(self)
            }
            #[inline(always)]
            fn choose(self, comparison: Comparison, other: $type, then: $type, otherwise: $type) -> $type {
                Lane::select(comparison.holds(self, other), then, otherwise)
            }
            #[inline(always)]
            fn lerp(self, end: $type, fraction: $type) -> $type {
                body::lerp::float(self, end, fraction)
            }
            #[inline(always)]
            fn sigmoid(self) -> $type {
                Lane::sigmoid(self)
            }
            #[inline(always)]
            fn ndtr(self) -> $type {
                Lane::ndtr(self)
            }
            #[inline(always)]
            fn normal_pdf(self) -> $type {
                Lane::normal_pdf(self)
            }
        })*
    };
}
arithmetic_of_lanes!(f32, f64);

/// A float32 value of an expression that is being recorded.
#[derive(Clone, Copy, Debug)]
pub struct Recorded<'e> {
    expr: &'e RefCell<Expr>,
    /// Its number.
    pub value: Value,
}

impl<'e> Recorded<'e> {
    /// Loads operand `index`.
    pub fn load(expr: &'e RefCell<Expr>, index: usize) -> Recorded<'e> {
        let value = expr.borrow_mut().load(index as u16, DType::Float32);
        Recorded { expr, value }
    }

    /// Takes scalar `index`.
    pub fn scalar(expr: &'e RefCell<Expr>, index: usize) -> Recorded<'e> {
        let value = expr.borrow_mut().scalar(index as u16, DType::Float32);
        Recorded { expr, value }
    }

    fn apply<const N: usize>(self, operation: Operation, arguments: [Self; N]) -> Self {
        let value = self.expr.borrow_mut().apply(operation, &arguments.map(|argument| argument.value));
        Recorded { value, ..self }
    }
}

impl Arithmetic for Recorded<'_> {
    fn sqrt(self) -> Self {
        self.apply(Operation::sqrt, [self])
    }
    fn maximum(self, other: Self) -> Self {
        self.apply(Operation::maximum, [self, other])
    }
    fn minimum(self, other: Self) -> Self {
        self.apply(Operation::minimum, [self, other])
    }
    fn abs(self) -> Self {
        self.apply(Operation::abs, [self])
    }
    fn choose(self, comparison: Comparison, other: Self, then: Self, otherwise: Self) -> Self {
        let holds = self.apply(comparison.operation(), [self, other]);
        self.apply(Operation::where_, [holds, then, otherwise])
    }
    fn lerp(self, end: Self, fraction: Self) -> Self {
        self.apply(Operation::lerp, [self, end, fraction])
    }
    fn sigmoid(self) -> Self {
        self.apply(Operation::sigmoid, [self])
    }
    fn ndtr(self) -> Self {
        self.apply(Operation::ndtr, [self])
    }
    fn normal_pdf(self) -> Self {
        self.apply(Operation::normal_pdf, [self])
    }
}

macro_rules! recorded_operators {
    ($($trait:ident $name:ident $operation:ident;)*) => {
        $(impl $trait for Recorded<'_> {
            type Output = Self;
            fn $name(self, other: Self) -> Self {
                self.apply(Operation::$operation, [self, other])
            }
        })*
    };
}
recorded_operators! {
    Add add add;
    Sub sub subtract;
    Mul mul multiply;
    Div div divide;
}

/// The numbers of a step of [`adam`].
#[derive(Clone, Copy, Debug)]
pub struct AdamNumbers<A> {
    /// The share of the running mean of gradients that is replaced.
    pub average_fraction: A,
    /// The share of the running mean of squares that is kept.
    pub squares_kept: A,
    /// The share of it that is replaced.
    pub squares_fraction: A,
    /// The length of the step over the bias correction of the running mean.
    pub step_size: A,
    /// The bias correction of the root of the running mean of squares.
    pub correction: A,
    /// Added to the denominator.
    pub eps: A,
}

/// What Adam keeps of a parameter.
#[derive(Clone, Copy, Debug)]
pub struct AdamState<A> {
    /// The running mean of gradients.
    pub average: A,
    /// The running mean of squares.
    pub squares: A,
    /// The largest running mean of squares so far (AMSGrad).
    pub largest: Option<A>,
}

/// The new parameter and state of Adam and AMSGrad.
#[inline(always)]
pub fn adam<A: Arithmetic>(
    parameter: A,
    gradient: A,
    state: AdamState<A>,
    numbers: &AdamNumbers<A>,
) -> (A, AdamState<A>) {
    let average = state.average.lerp(gradient, numbers.average_fraction);
    let squares = state.squares * numbers.squares_kept + gradient * gradient * numbers.squares_fraction;
    let largest = state.largest.map(|largest| largest.maximum(squares));
    let denominator = largest.unwrap_or(squares).sqrt() * numbers.correction + numbers.eps;
    let parameter = parameter - average * numbers.step_size / denominator;
    (parameter, AdamState { average, squares, largest })
}

/// The numbers of a step of [`momentum`].
#[derive(Clone, Copy, Debug)]
pub struct MomentumNumbers<A> {
    /// The share of the last direction that is kept.
    pub momentum: A,
    /// The share of the gradient that is added to it.
    pub gradient_fraction: A,
    /// Looks ahead along the new direction.
    pub nesterov: bool,
    /// The length of the step.
    pub learning_rate: A,
}

/// The new parameter and direction of stochastic gradient descent with momentum.
#[inline(always)]
pub fn momentum<A: Arithmetic>(
    parameter: A,
    gradient: A,
    direction: A,
    numbers: &MomentumNumbers<A>,
) -> (A, A) {
    let direction = direction * numbers.momentum + gradient * numbers.gradient_fraction;
    let step = if numbers.nesterov { gradient + direction * numbers.momentum } else { direction };
    (parameter - step * numbers.learning_rate, direction)
}

/// A normalised number, scaled and shifted.
#[inline(always)]
pub fn normalized<A: Arithmetic>(x: A, mean: A, scale: A, shift: A) -> A {
    (x - mean) * scale + shift
}

/// The gradient of a number that was normalised and scaled: less what it does by way of the statistics.
#[inline(always)]
pub fn normalized_gradient<A: Arithmetic>(gradient: A, scale: A, x: A, mean: A, slope: A, shift: A) -> A {
    gradient * scale - (x - mean) * slope - shift
}

/// A term of the gradient of a normalisation's weight.
#[inline(always)]
pub fn normalized_product<A: Arithmetic>(gradient: A, x: A, mean: A, r: A) -> A {
    gradient * ((x - mean) * r)
}

/// A number held between two bounds.
#[inline(always)]
pub fn hardtanh<A: Arithmetic>(x: A, low: A, high: A) -> A {
    x.maximum(low).minimum(high)
}

/// Its gradient: nothing at and beyond the bounds.
#[inline(always)]
pub fn hardtanh_gradient<A: Arithmetic>(x: A, gradient: A, low: A, high: A, zero: A) -> A {
    let below_high = x.choose(Comparison::GreaterEqual, high, zero, gradient);
    x.choose(Comparison::LessEqual, low, zero, below_high)
}

/// `relu6(x + 3) / 6`, from 3, 0, 6 and 6.
#[inline(always)]
pub fn hardsigmoid<A: Arithmetic>(x: A, [three, zero, six, divisor]: [A; 4]) -> A {
    hardtanh(x + three, zero, six) / divisor
}

/// Its gradient, from 3, 6 and 0.
#[inline(always)]
pub fn hardsigmoid_gradient<A: Arithmetic>(x: A, gradient: A, [three, six, zero]: [A; 3]) -> A {
    x.abs().choose(Comparison::Less, three, gradient / six, zero)
}

/// `x · relu6(x + 3) / 6`, from the numbers of [`hardsigmoid`] and −3, below which the result is 0 for −∞ too.
#[inline(always)]
pub fn hardswish<A: Arithmetic>(x: A, gate: [A; 4], least: A) -> A {
    x.maximum(least) * hardsigmoid(x, gate)
}

/// Its gradient, from 3, 3, one half and 0.
#[inline(always)]
pub fn hardswish_gradient<A: Arithmetic>(x: A, gradient: A, [three, divisor, half, zero]: [A; 4]) -> A {
    let inside = gradient * (x / divisor + half);
    let beyond = x.choose(Comparison::Less, zero, zero, gradient);
    x.abs().choose(Comparison::Less, three, inside, beyond)
}

/// A number moved towards 0, as far as 0.
#[inline(always)]
pub fn softshrink<A: Arithmetic>(x: A, low: A, high: A) -> A {
    x - hardtanh(x, low, high)
}

/// Its gradient.
#[inline(always)]
pub fn softshrink_gradient<A: Arithmetic>(x: A, gradient: A, distance: A, zero: A) -> A {
    x.abs().choose(Comparison::LessEqual, distance, zero, gradient)
}

/// The Gaussian error linear unit.
#[inline(always)]
pub fn gelu<A: Arithmetic>(x: A) -> A {
    x * x.ndtr()
}

/// Its gradient. Distribution function and density share their exponential.
#[inline(always)]
pub fn gelu_gradient<A: Arithmetic>(x: A, gradient: A) -> A {
    gradient * x.ndtr() + gradient * x * x.normal_pdf()
}

/// The gradient of the sigmoid linear unit, from twice 1.
#[inline(always)]
pub fn silu_gradient<A: Arithmetic>(x: A, gradient: A, ones: [A; 2]) -> A {
    let sigmoid = x.sigmoid();
    gradient * (sigmoid * (ones[0] + x * (ones[1] - sigmoid)))
}
