//! Operations on whole rows: one pass over a row in cache.

use super::{Spec, Specs};
use crate::{DType, Error, Result};

/// What is computed for each row. `x`, `y`, `g` are rows; `m`, `r` one number a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RowOperation {
    /// `x → exp(x − max) / Σ exp(x − max)`
    Softmax,
    /// `x → x − max − log Σ exp(x − max)`
    LogSoftmax,
    /// `x → log Σ exp(x)`, one number a row.
    LogSumExp,
    /// `y, g → y · (g − Σ g·y)`, the gradient of softmax from its result.
    SoftmaxGradient,
    /// `y, g → g − exp(y) · Σ g`, the gradient of log-softmax from its result (which is at most 0).
    LogSoftmaxGradient,
    /// `x → (x − mean) · r, mean, r` with `r = 1 / sqrt(variance + epsilon)`: three results, the last two one number
    /// a row, in float32 for half precisions.
    LayerNorm {
        /// Added to the (biased) variance.
        epsilon: f64,
    },
    /// `x, m, r, g → r · (g − mean(g) − n · mean(g·n))` with `n = (x − m) · r`: the gradient of layer norm.
    LayerNormGradient,
    /// `x, w, b → (x − mean) · r · w + b, mean, r`: layer norm with weight and bias, all three of one shape.
    AffineLayerNorm {
        /// Added to the (biased) variance.
        epsilon: f64,
    },
    /// `x, m, r, w, g → r · (h − mean(h) − n · mean(h·n)), Σ g·n, Σ g` with `n = (x − m) · r` and `h = g · w`: the
    /// gradient of layer norm with weight and bias. The last two results are sums over all rows, as long as a row, in
    /// the compute dtype.
    AffineLayerNormGradient,
    /// `x, w, b → (x − mean) · r · w + b, mean, r`: as affine layer norm, where weight and bias have one number for each
    /// run of neighbours of a row: so many times shorter than the row.
    GroupNorm {
        /// Added to the (biased) variance.
        epsilon: f64,
    },
    /// `x, m, r, w, g → r · (h − mean(h) − n · mean(h·n)), Σ g·n, Σ g` with `n = (x − m) · r` and `h = g · w`: the
    /// gradient of group norm. The last two results are sums over each run, in the compute dtype, of w's shape; the means
    /// are taken of them, times their weights.
    GroupNormGradient,
    /// `x → x · r, r` with `r = 1 / sqrt(mean(x²) + epsilon)`: two results, the last one number a row.
    RmsNorm {
        /// Added to the mean square.
        epsilon: f64,
    },
    /// `x, r, g → r · (g − n · mean(g·n))` with `n = x · r`: the gradient of RMS norm.
    RmsNormGradient,
    /// `x, w → x · r · w, r`: RMS norm with weights, both of one shape.
    AffineRmsNorm {
        /// Added to the mean square.
        epsilon: f64,
    },
    /// `x, r, w, g → r · (h − n · mean(h·n)), Σ g·n` with `n = x · r` and `h = g · w`: the gradient of RMS norm with
    /// weights. The last result is a sum over all rows, as long as a row, in the compute dtype.
    AffineRmsNormGradient,
    /// `x, t → log Σ exp(x) − x[t], log Σ exp(x)` with an int64 target a row: cross-entropy; two results, one number
    /// a row. A target outside the row gives 0 for the first result (the ignored ones).
    CrossEntropy,
    /// `x, t, l, g → g · (exp(x − l) − [i = t])`, zeros where the target is outside the row: its gradient, from the
    /// second result `l` (which no x exceeds) and the gradient `g` of the first.
    CrossEntropyGradient,
}

impl RowOperation {
    /// The name in messages and reports.
    pub fn name(self) -> &'static str {
        match self {
            RowOperation::Softmax => "softmax",
            RowOperation::LogSoftmax => "log_softmax",
            RowOperation::LogSumExp => "logsumexp",
            RowOperation::SoftmaxGradient => "softmax_gradient",
            RowOperation::LogSoftmaxGradient => "log_softmax_gradient",
            RowOperation::LayerNorm { .. } => "layer_norm",
            RowOperation::LayerNormGradient => "layer_norm_gradient",
            RowOperation::AffineLayerNorm { .. } => "affine_layer_norm",
            RowOperation::AffineLayerNormGradient => "affine_layer_norm_gradient",
            RowOperation::GroupNorm { .. } => "group_norm",
            RowOperation::GroupNormGradient => "group_norm_gradient",
            RowOperation::RmsNorm { .. } => "rms_norm",
            RowOperation::RmsNormGradient => "rms_norm_gradient",
            RowOperation::AffineRmsNorm { .. } => "affine_rms_norm",
            RowOperation::AffineRmsNormGradient => "affine_rms_norm_gradient",
            RowOperation::CrossEntropy => "cross_entropy",
            RowOperation::CrossEntropyGradient => "cross_entropy_gradient",
        }
    }
}

/// A row operation along one axis of its first input; inputs and results of one number a row lack this axis.
///
/// All computing is in the compute dtype (float32 for half precisions); sums are in the order of [`super::Reduce`]
/// over that axis alone, but for sums over rows: they are taken in blocks of 32 rows, which are joined pairwise.
#[derive(Clone, Debug, PartialEq)]
pub struct Rows {
    /// What is computed.
    pub operation: RowOperation,
    /// The axis along which the rows lie.
    pub axis: usize,
}

impl Rows {
    pub(super) fn results(&self, inputs: &[Spec]) -> Result<Specs> {
        let x = &inputs[0];
        if !x.dtype.is_floating() {
            return Err(Error::dtype(
                self.operation.name(),
                format!("needs a floating dtype; got {}", x.dtype),
            ));
        }
        let outer = x.shape.without(self.axis);
        let one = |dtype: DType| Spec::new(outer.clone(), dtype);
        let wide = x.dtype.compute();
        let line = Spec::new([x.shape[self.axis]].into_iter().collect(), wide);
        Ok(match self.operation {
            RowOperation::LogSumExp => Specs::from_iter([one(x.dtype)]),
            RowOperation::LayerNorm { .. }
            | RowOperation::AffineLayerNorm { .. }
            | RowOperation::GroupNorm { .. } => Specs::from_vec(vec![x.clone(), one(wide), one(wide)]),
            RowOperation::GroupNormGradient => {
                let sums = Spec::new(inputs[3].shape.clone(), wide);
                Specs::from_vec(vec![x.clone(), sums.clone(), sums])
            }
            RowOperation::AffineLayerNormGradient => Specs::from_vec(vec![x.clone(), line.clone(), line]),
            RowOperation::AffineRmsNormGradient => Specs::from_vec(vec![x.clone(), line]),
            RowOperation::RmsNorm { .. } | RowOperation::AffineRmsNorm { .. } => {
                Specs::from_vec(vec![x.clone(), one(wide)])
            }
            RowOperation::CrossEntropy => Specs::from_vec(vec![one(x.dtype), one(wide)]),
            _ => Specs::from_iter([x.clone()]),
        })
    }
}
