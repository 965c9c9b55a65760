//! How far the results of recurrent layers may be off: the reference's own loop over numbers with radii.
//!
//! Each step of the formulas adds its rounding to what the radii of its operands move. A sum of n products is off by at
//! most (n + 2)·u·Σ|a·b| in any order (Higham 2002, section 3.1).

use super::cores::{rounding, roundoff};
use super::{Bounded, magnitude, smallest_normal};
use crate::kernel::Recurrent;
use crate::reference::recurrent::{Arithmetic, compute};
use crate::reference::tensor::Tensor;
use crate::{DType, Scalar};

/// A few roundings of a function: more than any row of the operation table allows.
const FEW: f64 = 16.0;

#[derive(Clone, Copy)]
struct Ball {
    value: f64,
    radius: f64,
}

/// Arithmetic of a dtype with that unit roundoff.
struct Balls {
    unit: f64,
    /// What an underflow can lose.
    least: f64,
}

impl Balls {
    fn of(&self, value: f64, moved: f64) -> Ball {
        Ball { value, radius: moved + self.unit * (value.abs() + moved) + self.least }
    }
}

impl Arithmetic for Balls {
    type Number = Ball;
    fn constant(&self, value: f64) -> Ball {
        Ball { value, radius: 0.0 }
    }
    fn add(&self, a: Ball, b: Ball) -> Ball {
        self.of(a.value + b.value, a.radius + b.radius)
    }
    fn subtract(&self, a: Ball, b: Ball) -> Ball {
        self.of(a.value - b.value, a.radius + b.radius)
    }
    fn multiply(&self, a: Ball, b: Ball) -> Ball {
        self.of(a.value * b.value, a.value.abs() * b.radius + (b.value.abs() + b.radius) * a.radius)
    }
    fn sigmoid(&self, x: Ball) -> Ball {
        let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
        // The steepest place within the radius.
        let nearest = sigmoid((x.value.abs() - x.radius).max(0.0));
        let (value, moved) = (sigmoid(x.value), (x.radius * nearest * (1.0 - nearest)).min(1.0));
        Ball { value, radius: moved + FEW * self.unit * (value + moved) + self.least }
    }
    fn tanh(&self, x: Ball) -> Ball {
        let nearest = (x.value.abs() - x.radius).max(0.0).tanh();
        let (value, moved) = (x.value.tanh(), (x.radius * (1.0 - nearest * nearest)).min(2.0));
        Ball { value, radius: moved + FEW * self.unit * (value.abs() + moved) + self.least }
    }
    fn relu(&self, x: Ball) -> Ball {
        Ball { value: if x.value <= 0.0 { 0.0 } else { x.value }, radius: x.radius }
    }
    fn where_positive(&self, y: Ball, g: Ball) -> Ball {
        // Within the radius of 0 it may be one or the other.
        let open = if y.radius > 0.0 && y.value.abs() <= y.radius { g.value.abs() } else { 0.0 };
        Ball { value: if y.value > 0.0 { g.value } else { 0.0 }, radius: g.radius + open }
    }
    fn dot(&self, terms: &mut dyn Iterator<Item = (Ball, Ball)>) -> Ball {
        let (mut count, mut value, mut scale, mut moved) = (0.0, 0.0, 0.0, 0.0);
        for (a, b) in terms {
            count += 1.0;
            value += a.value * b.value;
            scale += (a.value.abs() + a.radius) * (b.value.abs() + b.radius);
            moved += a.value.abs() * b.radius + (b.value.abs() + b.radius) * a.radius;
        }
        Ball { value, radius: moved + (count + 2.0) * (self.unit * scale + self.least) }
    }
}

pub(super) fn recurrent(core: &Recurrent, inputs: &[Bounded], results: &[Tensor], radii: &mut [Vec<f64>]) {
    let dtype = results[0].spec.dtype;
    let balls = Balls { unit: roundoff(dtype), least: smallest_normal(dtype) };
    let ball = |(&value, &radius): (&Scalar, &f64)| Ball { value: value.to_f64(), radius };
    let numbers: Vec<Vec<Ball>> = inputs
        .iter()
        .map(|input| input.tensor.values.iter().zip(&input.radius).map(ball).collect())
        .collect();
    let units = results[1].shape()[1];
    let bounds = compute(&balls, core, units, &numbers);
    for ((bounds, result), radii) in bounds.iter().zip(results).zip(radii) {
        for ((bound, &value), radius) in bounds.iter().zip(&result.values).zip(radii) {
            *radius = bound.radius + rounding(value, dtype);
            // Something on the way overflows or is not a number: then nothing is promised of finite results.
            let is_wild =
                !bound.radius.is_finite() || overflows(bound, dtype) && magnitude(value).is_finite();
            if is_wild {
                *radius = f64::INFINITY;
            }
        }
    }
}

fn overflows(bound: &Ball, dtype: DType) -> bool {
    bound.value.abs() + bound.radius > super::largest(dtype)
}
