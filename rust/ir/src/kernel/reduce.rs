//! Reductions.

use super::{Spec, Specs};
use crate::{Axes, Category, DType, Error, Result, Shape};

/// What a reduction computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reduction {
    /// The sum; of nothing 0. Half precisions add in float32.
    Sum,
    /// The product; of nothing 1. Half precisions multiply in float32.
    Product,
    /// The largest element; NaN if any is NaN.
    Max,
    /// The smallest element; NaN if any is NaN.
    Min,
    /// True where any element is true (bool input).
    Any,
    /// True where all elements are true (bool input).
    All,
    /// The index of the first largest element in row-major order of the reduced axes (int64); of the first NaN.
    ArgMax,
    /// The index of the first smallest element in row-major order of the reduced axes (int64); of the first NaN.
    ArgMin,
    /// Two results: the mean, and the sum of squared distances from it (floating input; computed in one sweep by
    /// combining chunks after Chan, Golub and LeVeque 1979).
    Moments,
    /// Two results from g, x, m and r of one shape: `Σ g` and `Σ g·((x − m)·r)`, the gradients of bias and weight of a
    /// normalisation. All computing and both results are in the compute dtype of x, which m and r have.
    GradientSums,
}

impl Reduction {
    /// The name in messages and reports.
    pub fn name(self) -> &'static str {
        match self {
            Reduction::Sum => "sum",
            Reduction::Product => "prod",
            Reduction::Max => "max",
            Reduction::Min => "min",
            Reduction::Any => "any",
            Reduction::All => "all",
            Reduction::ArgMax => "argmax",
            Reduction::ArgMin => "argmin",
            Reduction::Moments => "moments",
            Reduction::GradientSums => "gradient_sums",
        }
    }

    /// True where nothing has no result.
    pub fn needs_elements(self) -> bool {
        matches!(self, Reduction::Max | Reduction::Min | Reduction::ArgMax | Reduction::ArgMin)
    }
}

/// A reduction over axes; the results lack these axes.
///
/// The order of a floating sum is fixed by shape and axes (see the reference interpreter).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reduce {
    /// What is computed.
    pub operation: Reduction,
    /// The axes, sorted. None: each element is reduced alone.
    pub axes: Axes,
}

impl Reduce {
    pub(super) fn results(&self, inputs: &[Spec]) -> Result<Specs> {
        let input = &inputs[0];
        let name = self.operation.name();
        let refuse = || Err(Error::dtype(name, format!("not defined for {}", input.dtype)));
        match self.operation {
            Reduction::Sum | Reduction::Product if input.dtype == DType::Bool => return refuse(),
            Reduction::Any | Reduction::All if input.dtype != DType::Bool => return refuse(),
            Reduction::Max | Reduction::Min | Reduction::ArgMax | Reduction::ArgMin
                if input.dtype.is_complex() =>
            {
                return refuse();
            }
            Reduction::Moments if input.dtype.category() != Category::Floating => return refuse(),
            Reduction::GradientSums => {
                let wide = input.dtype.compute();
                let fits = |other: &Spec| other.shape == input.shape && other.dtype.compute() == wide;
                if !input.dtype.is_floating() || inputs.len() != 4 || !inputs.iter().all(fits) {
                    return Err(Error::state(name, "needs four floating tensors of one shape"));
                }
            }
            _ => {}
        }
        let shape: Shape = (0..input.shape.rank())
            .filter(|axis| !self.axes.contains(axis))
            .map(|axis| input.shape[axis])
            .collect();
        let reduced: usize = self.axes.iter().map(|&axis| input.shape[axis]).product();
        if reduced == 0 && !shape.is_empty_tensor() && self.operation.needs_elements() {
            return Err(Error::value(
                name,
                format!("nothing to reduce; got a tensor of shape {}", input.shape),
            ));
        }
        let dtype = match self.operation {
            Reduction::ArgMax | Reduction::ArgMin => DType::Int64,
            Reduction::GradientSums => input.dtype.compute(),
            _ => input.dtype,
        };
        let one = Spec::new(shape, dtype);
        Ok(match self.operation {
            Reduction::Moments | Reduction::GradientSums => Specs::from_vec(vec![one.clone(), one]),
            _ => Specs::from_iter([one]),
        })
    }
}
