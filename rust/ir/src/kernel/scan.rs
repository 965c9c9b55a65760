//! Cumulative reductions.

use super::{Spec, Specs};
use crate::{DType, Error, Result};

/// What a scan accumulates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ScanOperation {
    /// Running sums. Half precisions add in float32 and round at each element.
    Sum,
    /// Running products.
    Product,
    /// Running maxima and their indices (two results; the latest index among equals, as in PyTorch).
    Max,
    /// Running minima and their indices (two results; the latest index among equals, as in PyTorch).
    Min,
    /// Running logarithms of sums of exponentials (floating input).
    LogSumExp,
}

impl ScanOperation {
    /// The name in messages and reports.
    pub fn name(self) -> &'static str {
        match self {
            ScanOperation::Sum => "cumsum",
            ScanOperation::Product => "cumprod",
            ScanOperation::Max => "cummax",
            ScanOperation::Min => "cummin",
            ScanOperation::LogSumExp => "logcumsumexp",
        }
    }
}

/// A cumulative reduction along an axis, in ascending order of the index, one element after the other.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Scan {
    /// What is accumulated.
    pub operation: ScanOperation,
    /// Along which axis.
    pub axis: usize,
    /// From the last element to the first.
    pub reverse: bool,
}

impl Scan {
    pub(super) fn results(&self, inputs: &[Spec]) -> Result<Specs> {
        let input = &inputs[0];
        let allowed = match self.operation {
            ScanOperation::Sum | ScanOperation::Product => input.dtype != DType::Bool,
            ScanOperation::Max | ScanOperation::Min => !input.dtype.is_complex(),
            ScanOperation::LogSumExp => input.dtype.is_floating(),
        };
        if !allowed {
            return Err(Error::dtype(self.operation.name(), format!("not defined for {}", input.dtype)));
        }
        let mut results = Specs::from_iter([input.clone()]);
        if matches!(self.operation, ScanOperation::Max | ScanOperation::Min) {
            results.push(Spec::new(input.shape.clone(), DType::Int64));
        }
        Ok(results)
    }
}
