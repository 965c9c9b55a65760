//! Losses with margins, losses of predicted distributions, and connectionist temporal classification.

use pyo3::prelude::*;
use tenfold::functional::{
    self, ClassOptions, CtcOptions, LossReduction, MultiMarginOptions, PoissonOptions, TripletOptions,
};
use tenfold::{DType, Error, Tensor};

use super::losses::reduction_of;
use super::{optional, wrapped};
use crate::convert::{Integers, PyArgument, TensorArgument};
use crate::errors::to_python;
use crate::tensor::PyTensor;

/// Losses of two tensors with the arguments that all losses have.
macro_rules! losses {
    ($($(#[$doc:meta])* $name:ident $first:ident $second:ident
        ($($argument:ident: $type:ty = $default:literal),*) => |$reduction:ident| $body:expr;)*) => {
        $(
            $(#[$doc])*
            #[pyfunction]
            #[pyo3(signature = (
                $first, $second, $($argument=$default,)* size_average=None, reduce=None, reduction="mean"
            ))]
            fn $name(
                $first: TensorArgument,
                $second: TensorArgument,
                $($argument: $type,)*
                size_average: Option<bool>,
                reduce: Option<bool>,
                reduction: &str,
            ) -> PyResult<PyTensor> {
                let $reduction = reduction_of(stringify!($name), size_average, reduce, reduction)?;
                let ($first, $second) = (&$first.0, &$second.0);
                wrapped($body)
            }
        )*

        fn add_pairs(module: &Bound<'_, PyModule>) -> PyResult<()> {
            $(module.add_function(wrap_pyfunction!($name, module)?)?;)*
            Ok(())
        }
    };
}
losses! {
    /// The number where the target is 1, `max(0, margin - x)` where it is -1.
    hinge_embedding_loss input target (margin: f64 = 1.0) =>
        |reduction| functional::hinge_embedding_loss(input, target, margin, reduction);
    /// `log(1 + exp(-target * x))` for targets 1 and -1, without overflow.
    soft_margin_loss input target () => |reduction| functional::soft_margin_loss(input, target, reduction);
    /// The sum of `max(0, 1 - x[t] + x[i])` over the target classes t (up to the first -1) and the other classes i,
    /// divided by the number of classes.
    multilabel_margin_loss input target () =>
        |reduction| functional::multilabel_margin_loss(input, target, reduction);
}

/// Losses of two inputs and a target.
macro_rules! pair_losses {
    ($($(#[$doc:meta])* $name:ident;)*) => {
        $(
            $(#[$doc])*
            #[pyfunction]
            #[pyo3(signature = (
                input1, input2, target, margin=0.0, size_average=None, reduce=None, reduction="mean"
            ))]
            fn $name(
                input1: TensorArgument,
                input2: TensorArgument,
                target: TensorArgument,
                margin: f64,
                size_average: Option<bool>,
                reduce: Option<bool>,
                reduction: &str,
            ) -> PyResult<PyTensor> {
                let reduction = reduction_of(stringify!($name), size_average, reduce, reduction)?;
                wrapped(functional::$name(&input1.0, &input2.0, &target.0, margin, reduction))
            }
        )*

        fn add_ranking(module: &Bound<'_, PyModule>) -> PyResult<()> {
            $(module.add_function(wrap_pyfunction!($name, module)?)?;)*
            Ok(())
        }
    };
}
pair_losses! {
    /// `max(0, margin - target * (input1 - input2))`.
    margin_ranking_loss;
    /// `1 - cos(input1, input2)` where the target is 1, `max(0, cos(input1, input2) - margin)` where it is -1.
    cosine_embedding_loss;
}

/// The mean over classes of the binary cross-entropies of `sigmoid(input)`, times `weight`.
#[pyfunction]
#[pyo3(signature = (input, target, weight=None, size_average=None, reduce=None, reduction="mean"))]
fn multilabel_soft_margin_loss(
    input: TensorArgument,
    target: TensorArgument,
    weight: Option<TensorArgument>,
    size_average: Option<bool>,
    reduce: Option<bool>,
    reduction: &str,
) -> PyResult<PyTensor> {
    let reduction = reduction_of("multilabel_soft_margin_loss", size_average, reduce, reduction)?;
    wrapped(functional::multilabel_soft_margin_loss(&input.0, &target.0, optional(&weight), reduction))
}

/// The mean over the other classes of `max(0, margin - x[t] + x[i]) ** p`, times the weight of the target class.
#[pyfunction]
#[pyo3(signature = (
    input, target, p=1, margin=1.0, weight=None, size_average=None, reduce=None, reduction="mean"
))]
#[allow(clippy::too_many_arguments)]
fn multi_margin_loss(
    input: TensorArgument,
    target: TensorArgument,
    p: i64,
    margin: f64,
    weight: Option<TensorArgument>,
    size_average: Option<bool>,
    reduce: Option<bool>,
    reduction: &str,
) -> PyResult<PyTensor> {
    let reduction = reduction_of("multi_margin_loss", size_average, reduce, reduction)?;
    let options = MultiMarginOptions { p, margin, weight: optional(&weight), reduction };
    wrapped(functional::multi_margin_loss(&input.0, &target.0, &options))
}

/// `max(0, margin + d(anchor, positive) - d(anchor, negative))` for p-norms d over the last axis; with `swap` the
/// distance of the two examples stands for the second one where it is shorter.
#[pyfunction]
#[pyo3(signature = (
    anchor, positive, negative, margin=1.0, p=2.0, eps=1e-6, swap=false, size_average=None, reduce=None,
    reduction="mean"
))]
#[allow(clippy::too_many_arguments)]
fn triplet_margin_loss(
    anchor: TensorArgument,
    positive: TensorArgument,
    negative: TensorArgument,
    margin: f64,
    p: f64,
    eps: f64,
    swap: bool,
    size_average: Option<bool>,
    reduce: Option<bool>,
    reduction: &str,
) -> PyResult<PyTensor> {
    let reduction = reduction_of("triplet_margin_loss", size_average, reduce, reduction)?;
    let options = TripletOptions { margin, p, eps, swap, reduction };
    wrapped(functional::triplet_margin_loss(&anchor.0, &positive.0, &negative.0, &options))
}

/// The triplet loss with the distances that `distance_function` gives (by default the 2-norm of the difference).
#[pyfunction]
#[pyo3(signature = (
    anchor, positive, negative, *, distance_function=None, margin=1.0, swap=false, reduction="mean"
))]
fn triplet_margin_with_distance_loss(
    anchor: &Bound<'_, PyTensor>,
    positive: &Bound<'_, PyTensor>,
    negative: &Bound<'_, PyTensor>,
    distance_function: Option<&Bound<'_, PyAny>>,
    margin: f64,
    swap: bool,
    reduction: &str,
) -> PyResult<PyTensor> {
    let name = "triplet_margin_with_distance_loss";
    let reduction = LossReduction::from_name(name, reduction).map_err(to_python)?;
    let value = |object: &Bound<'_, PyTensor>| object.get().value();
    functional::check_triplet(name, &value(anchor)?, &value(positive)?, &value(negative)?, margin)
        .map_err(to_python)?;
    let distance = |a: &Bound<'_, PyTensor>, b: &Bound<'_, PyTensor>| -> PyResult<Tensor> {
        match distance_function {
            Some(function) => Ok(function.call1((a, b))?.extract::<TensorArgument>()?.0),
            None => {
                functional::pairwise_distance(&value(a)?, &value(b)?, 2.0, 1e-6, false).map_err(to_python)
            }
        }
    };
    let (near, far) = (distance(anchor, positive)?, distance(anchor, negative)?);
    let between = if swap { Some(distance(positive, negative)?) } else { None };
    wrapped(functional::triplet_margin_of_distances(name, &near, &far, between.as_ref(), margin, reduction))
}

/// `exp(x) - t * x` for logarithms of rates x, `x - t * log(x + eps)` without `log_input`; `full` adds Stirling's
/// approximation of log(t!).
#[pyfunction]
#[pyo3(signature = (
    input, target, log_input=true, full=false, size_average=None, eps=1e-8, reduce=None, reduction="mean"
))]
#[allow(clippy::too_many_arguments)]
fn poisson_nll_loss(
    input: TensorArgument,
    target: TensorArgument,
    log_input: bool,
    full: bool,
    size_average: Option<bool>,
    eps: f64,
    reduce: Option<bool>,
    reduction: &str,
) -> PyResult<PyTensor> {
    let reduction = reduction_of("poisson_nll_loss", size_average, reduce, reduction)?;
    let options = PoissonOptions { log_input, full, eps, reduction };
    wrapped(functional::poisson_nll_loss(&input.0, &target.0, &options))
}

/// `0.5 * (log(v) + (x - t)**2 / v)` with the variance v (a tensor or a number) held at `eps` at least; `full` adds the
/// constant.
#[pyfunction]
#[pyo3(signature = (input, target, var, full=false, eps=1e-6, reduction="mean"))]
fn gaussian_nll_loss(
    input: TensorArgument,
    target: TensorArgument,
    var: PyArgument,
    full: bool,
    eps: f64,
    reduction: &str,
) -> PyResult<PyTensor> {
    let reduction = LossReduction::from_name("gaussian_nll_loss", reduction).map_err(to_python)?;
    let variance = match var {
        PyArgument::Tensor(tensor) => tensor,
        PyArgument::Scalar(number) => Tensor::scalar(number, input.0.dtype()).map_err(to_python)?,
    };
    wrapped(functional::gaussian_nll_loss(&input.0, &target.0, &variance, full, eps, reduction))
}

/// Lengths as a tensor or as numbers.
struct Lengths(Vec<i64>);

impl<'py> FromPyObject<'_, 'py> for Lengths {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Lengths> {
        let Ok(tensor) = object.cast::<PyTensor>() else {
            return Ok(Lengths(object.extract::<Integers>()?.0));
        };
        let value = tensor.get().value()?;
        if !value.dtype().is_integer() {
            let detail = format!("lengths must be integers; got {}", value.dtype());
            return Err(to_python(Error::dtype("ctc_loss", detail)));
        }
        let numbers = value.detach().cast(DType::Int64).and_then(|numbers| numbers.to_vec::<i64>());
        Ok(Lengths(numbers.map_err(to_python)?))
    }
}

/// Connectionist temporal classification: minus the logarithm of the probability of the targets `(N, S)` (or all in one
/// row), given log-probabilities `(T, N, C)` or `(T, C)`.
#[pyfunction]
#[pyo3(signature = (
    log_probs, targets, input_lengths, target_lengths, blank=0, reduction="mean", zero_infinity=false
))]
fn ctc_loss(
    log_probs: TensorArgument,
    targets: TensorArgument,
    input_lengths: Lengths,
    target_lengths: Lengths,
    blank: i64,
    reduction: &str,
    zero_infinity: bool,
) -> PyResult<PyTensor> {
    let reduction = LossReduction::from_name("ctc_loss", reduction).map_err(to_python)?;
    // No class has a negative number: such a one is refused with those that are too large.
    let options =
        CtcOptions { blank: usize::try_from(blank).unwrap_or(usize::MAX), reduction, zero_infinity };
    wrapped(functional::ctc_loss(&log_probs.0, &targets.0, &input_lengths.0, &target_lengths.0, &options))
}

/// The cross-entropy of the scores that a linear layer gives: an input `(..., in)` with a weight `(C, out..., in)`.
/// `options` (of the chunks that PyTorch computes in) are not offered.
#[pyfunction]
#[pyo3(signature = (
    input, linear_weight, target, *, linear_bias=None, weight=None, reduction="mean", ignore_index=None,
    label_smoothing=0.0, options=None
))]
#[allow(clippy::too_many_arguments)]
fn linear_cross_entropy(
    input: TensorArgument,
    linear_weight: TensorArgument,
    target: TensorArgument,
    linear_bias: Option<TensorArgument>,
    weight: Option<TensorArgument>,
    reduction: &str,
    ignore_index: Option<i64>,
    label_smoothing: f64,
    options: Option<Bound<'_, PyAny>>,
) -> PyResult<PyTensor> {
    let name = "linear_cross_entropy";
    if options.is_some() {
        return Err(to_python(Error::not_implemented(name, "options is not offered")));
    }
    let reduction = LossReduction::from_name(name, reduction).map_err(to_python)?;
    let ignore_index = ignore_index.unwrap_or(-100);
    let class_options = ClassOptions { weight: optional(&weight), ignore_index, reduction, label_smoothing };
    wrapped(functional::linear_cross_entropy(
        &input.0,
        &linear_weight.0,
        optional(&linear_bias),
        &target.0,
        &class_options,
    ))
}

/// Adds the functions to the module.
pub(super) fn add_margin_losses(module: &Bound<'_, PyModule>) -> PyResult<()> {
    add_pairs(module)?;
    add_ranking(module)?;
    module.add_function(wrap_pyfunction!(multilabel_soft_margin_loss, module)?)?;
    module.add_function(wrap_pyfunction!(multi_margin_loss, module)?)?;
    module.add_function(wrap_pyfunction!(triplet_margin_loss, module)?)?;
    module.add_function(wrap_pyfunction!(triplet_margin_with_distance_loss, module)?)?;
    module.add_function(wrap_pyfunction!(poisson_nll_loss, module)?)?;
    module.add_function(wrap_pyfunction!(gaussian_nll_loss, module)?)?;
    module.add_function(wrap_pyfunction!(ctc_loss, module)?)?;
    module.add_function(wrap_pyfunction!(linear_cross_entropy, module)?)
}
