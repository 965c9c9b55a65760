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
    /// From this value towards `end`, by a fraction.
    fn lerp(self, end: Self, fraction: Self) -> Self;
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
            fn lerp(self, end: $type, fraction: $type) -> $type {
                body::lerp::float(self, end, fraction)
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
    fn lerp(self, end: Self, fraction: Self) -> Self {
        self.apply(Operation::lerp, [self, end, fraction])
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
