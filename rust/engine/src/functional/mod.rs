//! Functional layers and losses: what modules call, from Rust and from Python.
//!
//! Names, arguments, defaults and errors are those of `torch.nn.functional`. Every function can be differentiated
//! any number of times. Composites on half precisions compute in float32 and round once.

mod activation;
mod adaptive;
mod attention;
mod batch_norm;
mod convolution;
mod cross_entropy;
mod ctc;
mod distance;
mod dropout;
mod embedding;
mod folding;
mod grid_sample;
mod group_norm;
mod instance_statistics;
mod interpolate;
mod likelihood_loss;
mod linear;
mod linear_cross_entropy;
mod local_response_norm;
mod loss;
mod margin_loss;
mod multi_head_attention;
mod normalization;
mod padding;
mod pooling;
mod position;
mod recurrent;
mod resample;
mod softmax;
mod unpooling;

pub use activation::{
    Gelu, celu, elu, gelu, glu, gumbel_softmax, hardshrink, hardsigmoid, hardswish, hardtanh, leaky_relu,
    mish, prelu, relu6, rrelu, selu, softplus, softshrink, softsign, tanhshrink, threshold,
};
pub use adaptive::{adaptive_avg_pool, adaptive_max_pool};
pub use attention::{AttentionOptions, scaled_dot_product_attention};
pub use batch_norm::{BatchNorm, batch_norm};
pub use convolution::{ConvolutionOptions, ConvolutionPadding, TransposedOptions, conv, conv_transpose};
pub use cross_entropy::{ClassOptions, cross_entropy, nll_loss};
pub use ctc::{CtcOptions, ctc_loss};
pub use distance::{cosine_similarity, normalize, pairwise_distance, pdist};
pub use dropout::{alpha_dropout, dropout, feature_alpha_dropout, feature_dropout};
pub use embedding::{BagMode, BagOptions, embedding, embedding_bag, embedding_renorm};
pub use folding::{FoldOptions, channel_shuffle, fold, pixel_shuffle, pixel_unshuffle, unfold};
pub use grid_sample::{GridMode, GridPadding, affine_grid, grid_sample};
pub use group_norm::{group_norm, instance_norm};
pub use instance_statistics::instance_statistics;
pub use interpolate::{Interpolation, OutputSize, interpolate};
pub use likelihood_loss::{PoissonOptions, gaussian_nll_loss, poisson_nll_loss};
pub use linear::{bilinear, linear, one_hot};
pub use linear_cross_entropy::linear_cross_entropy;
pub use local_response_norm::local_response_norm;
pub use loss::{
    LossReduction, binary_cross_entropy, binary_cross_entropy_with_logits, huber_loss, kl_div, l1_loss,
    mse_loss, smooth_l1_loss,
};
pub use margin_loss::{
    MultiMarginOptions, TripletOptions, check_triplet, cosine_embedding_loss, hinge_embedding_loss,
    margin_ranking_loss, multi_margin_loss, multilabel_margin_loss, multilabel_soft_margin_loss,
    soft_margin_loss, triplet_margin_loss, triplet_margin_of_distances,
};
pub use multi_head_attention::{InputProjection, MultiHeadOptions, multi_head_attention};
pub use normalization::{layer_norm, rms_norm};
pub use padding::pad;
pub use pooling::{PoolOptions, avg_pool, max_pool};
pub use position::{rotary_embedding, sinusoidal_positions};
pub use recurrent::{
    Packed, Recurrence, RecurrentOptions, RecurrentResult, pack_padded_sequence, pad_packed_sequence,
    recurrent, recurrent_cell,
};
pub use softmax::{log_softmax, softmax, softmin};
pub use unpooling::{fractional_max_pool, lp_pool, max_unpool};

use tenfold_ir::{Error, Result};

use crate::Tensor;

/// An error unless the tensor is real and floating.
fn check_floating(operation: &'static str, tensor: &Tensor) -> Result<()> {
    if tensor.dtype().is_floating() {
        return Ok(());
    }
    Err(Error::dtype(operation, format!("needs a floating dtype; got {}", tensor.dtype())))
}

/// An error unless both tensors have one floating dtype.
fn check_same_dtype(operation: &'static str, a: &Tensor, b: &Tensor) -> Result<()> {
    check_floating(operation, a)?;
    if a.dtype() == b.dtype() {
        return Ok(());
    }
    Err(Error::dtype(
        operation,
        format!("operands must have the same dtype; got {} and {}", a.dtype(), b.dtype()),
    )
    .hint("convert one of them"))
}
