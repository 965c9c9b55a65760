//! Random numbers, drawn by counter.

use super::{Spec, Specs};
use crate::{DType, Error};
use crate::{Result, Scalar, Shape};

/// From which distribution each element is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Distribution {
    /// Uniform in [0, 1): as many random bits as the dtype holds (24 for float32), see [`crate::random`].
    Uniform,
    /// Normal with mean 0 and variance 1 (Box and Muller 1958).
    Normal,
    /// Whole numbers from `low` (inclusive) to `high` (exclusive) by multiply-shift (Lemire 2019, without rejection).
    Integer {
        /// Smallest.
        low: i64,
        /// One above the largest.
        high: i128,
    },
    /// True (1) with the given probability.
    Bernoulli {
        /// From 0 to 1.
        probability: f64,
    },
    /// A random order of 0 … n−1 (int64, one axis), by sorting random keys.
    Permutation,
}

impl Distribution {
    /// The name in messages and reports.
    pub fn name(self) -> &'static str {
        match self {
            Distribution::Uniform => "uniform",
            Distribution::Normal => "normal",
            Distribution::Integer { .. } => "randint",
            Distribution::Bernoulli { .. } => "bernoulli",
            Distribution::Permutation => "randperm",
        }
    }
}

/// Random numbers of Philox 4×32-10 (Salmon et al. 2011): a function of seed, offset, shape and dtype alone.
#[derive(Clone, Debug, PartialEq)]
pub struct Random {
    /// From which distribution.
    pub distribution: Distribution,
    /// The key.
    pub seed: u64,
    /// The first block of the counter.
    pub offset: u64,
    /// The shape of the result.
    pub shape: Shape,
    /// The dtype of the result.
    pub dtype: DType,
}

impl Random {
    pub(super) fn results(&self, _inputs: &[Spec]) -> Result<Specs> {
        let name = self.distribution.name();
        let allowed = match self.distribution {
            Distribution::Uniform | Distribution::Normal => self.dtype.is_floating(),
            Distribution::Integer { low, high } => {
                if (low as i128) >= high {
                    return Err(Error::value(name, format!("low must be below high; got {low} and {high}")));
                }
                if !self.dtype.is_differentiable() {
                    Scalar::Int(low.into()).check_fits(name, self.dtype)?;
                    Scalar::Int(high - 1).check_fits(name, self.dtype)?;
                }
                !self.dtype.is_complex() && self.dtype != DType::Bool
            }
            Distribution::Bernoulli { probability } => {
                if !(0.0..=1.0).contains(&probability) {
                    return Err(Error::value(
                        name,
                        format!("the probability must be from 0 to 1; got {probability}"),
                    ));
                }
                !self.dtype.is_complex()
            }
            Distribution::Permutation => self.dtype == DType::Int64,
        };
        if !allowed {
            return Err(Error::dtype(name, format!("not defined for {}", self.dtype)));
        }
        Ok(Specs::from_iter([Spec::new(self.shape.clone(), self.dtype)]))
    }
}
