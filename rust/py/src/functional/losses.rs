//! Losses. `size_average` and `reduce` are torch's old names for `reduction`.

use pyo3::exceptions::PyUserWarning;
use pyo3::prelude::*;
use tenfold::Tensor;
use tenfold::functional::{self, ClassOptions, LossReduction};

use super::{optional, wrapped};
use crate::convert::TensorArgument;
use crate::errors::to_python;
use crate::tensor::PyTensor;

/// The reduction, also under its old names.
pub(super) fn reduction_of(
    operation: &'static str,
    size_average: Option<bool>,
    reduce: Option<bool>,
    reduction: &str,
) -> PyResult<LossReduction> {
    if size_average.is_none() && reduce.is_none() {
        return LossReduction::from_name(operation, reduction).map_err(to_python);
    }
    Ok(match (size_average.unwrap_or(true), reduce.unwrap_or(true)) {
        (_, false) => LossReduction::None,
        (true, true) => LossReduction::Mean,
        (false, true) => LossReduction::Sum,
    })
}

/// Differing shapes broadcast, which is seldom meant.
fn warn_of_broadcast(py: Python<'_>, input: &Tensor, target: &Tensor) -> PyResult<()> {
    if input.shape() == target.shape() {
        return Ok(());
    }
    let message = format!(
        "loss: the target has shape {}, the input {}: they broadcast. Hint: give both the same shape",
        target.shape(),
        input.shape()
    );
    let message = std::ffi::CString::new(message)?;
    PyErr::warn(py, &py.get_type::<PyUserWarning>(), &message, 1)
}

/// Losses of the differences of two tensors.
macro_rules! difference_losses {
    ($($(#[$doc:meta])* $name:ident ($($argument:ident: $type:ty = $default:literal),*) old($($old:ident),*);)*) => {
        $(
            $(#[$doc])*
            #[pyfunction]
            #[pyo3(signature = (input, target, $($old=None,)* reduction="mean", $($argument=$default,)* weight=None))]
            #[allow(clippy::too_many_arguments)]
            fn $name(
                py: Python<'_>,
                input: TensorArgument,
                target: TensorArgument,
                $($old: Option<bool>,)*
                reduction: &str,
                $($argument: $type,)*
                weight: Option<TensorArgument>,
            ) -> PyResult<PyTensor> {
                let old: [Option<bool>; 2] = {
                    let given: &[Option<bool>] = &[$($old),*];
                    [given.first().copied().flatten(), given.get(1).copied().flatten()]
                };
                let reduction = reduction_of(stringify!($name), old[0], old[1], reduction)?;
                warn_of_broadcast(py, &input.0, &target.0)?;
                let Some(weight) = weight else {
                    return wrapped(functional::$name(&input.0, &target.0, reduction $(, $argument)*));
                };
                let compute = || {
                    let elements = functional::$name(&input.0, &target.0, LossReduction::None $(, $argument)*)?;
                    let elements = elements.multiply(&weight.0)?;
                    match reduction {
                        LossReduction::None => Ok(elements),
                        LossReduction::Sum => elements.sum(None, false, None),
                        // The weights count once an element.
                        LossReduction::Mean => {
                            let weights = weight.0.broadcast_to(elements.shape())?.sum(None, false, None)?;
                            elements.sum(None, false, None)?.divide(&weights)
                        }
                    }
                };
                wrapped(compute())
            }
        )*

        fn add_differences(module: &Bound<'_, PyModule>) -> PyResult<()> {
            $(module.add_function(wrap_pyfunction!($name, module)?)?;)*
            Ok(())
        }
    };
}
difference_losses! {
    /// The squared differences, reduced (`'mean'`, `'sum'` or `'none'`).
    mse_loss() old(size_average, reduce);
    /// The absolute differences, reduced (`'mean'`, `'sum'` or `'none'`).
    l1_loss() old(size_average, reduce);
    /// `0.5 * d**2 / beta` where the absolute difference d is below `beta`, else `d - 0.5 * beta`.
    smooth_l1_loss(beta: f64 = 1.0) old(size_average, reduce);
    /// `0.5 * d**2` where the absolute difference d is at most `delta`, else `delta * (d - 0.5 * delta)`.
    huber_loss(delta: f64 = 1.0) old();
}

/// The cross-entropy of class scores `(C)`, `(N, C)` or `(N, C, ...)` with class numbers, or with probabilities in the shape
/// of the scores.
#[pyfunction]
#[pyo3(signature = (
    input, target, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction="mean",
    label_smoothing=0.0
))]
#[allow(clippy::too_many_arguments)]
fn cross_entropy(
    input: TensorArgument,
    target: TensorArgument,
    weight: Option<TensorArgument>,
    size_average: Option<bool>,
    ignore_index: i64,
    reduce: Option<bool>,
    reduction: &str,
    label_smoothing: f64,
) -> PyResult<PyTensor> {
    let reduction = reduction_of("cross_entropy", size_average, reduce, reduction)?;
    let options = ClassOptions { weight: optional(&weight), ignore_index, reduction, label_smoothing };
    wrapped(functional::cross_entropy(&input.0, &target.0, &options))
}

/// The negative of the log-probability of each target class.
#[pyfunction]
#[pyo3(signature = (
    input, target, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction="mean"
))]
fn nll_loss(
    input: TensorArgument,
    target: TensorArgument,
    weight: Option<TensorArgument>,
    size_average: Option<bool>,
    ignore_index: i64,
    reduce: Option<bool>,
    reduction: &str,
) -> PyResult<PyTensor> {
    let reduction = reduction_of("nll_loss", size_average, reduce, reduction)?;
    let options = ClassOptions { weight: optional(&weight), ignore_index, reduction, label_smoothing: 0.0 };
    wrapped(functional::nll_loss(&input.0, &target.0, &options))
}

/// The Kullback-Leibler divergence of log-probabilities `input` from `target`. `reduction='batchmean'` divides the sum by
/// the batch size, as the definition does.
#[pyfunction]
#[pyo3(signature = (input, target, size_average=None, reduce=None, reduction="mean", log_target=false))]
fn kl_div(
    input: TensorArgument,
    target: TensorArgument,
    size_average: Option<bool>,
    reduce: Option<bool>,
    reduction: &str,
    log_target: bool,
) -> PyResult<PyTensor> {
    let (x, t) = (&input.0, &target.0);
    if reduction == "batchmean" && size_average.is_none() && reduce.is_none() {
        let batch = x.shape().first().copied().unwrap_or(1) as f64;
        return wrapped(
            functional::kl_div(x, t, LossReduction::Sum, log_target).and_then(|sum| sum.divide(batch)),
        );
    }
    let reduction = reduction_of("kl_div", size_average, reduce, reduction)?;
    wrapped(functional::kl_div(x, t, reduction, log_target))
}

/// `-(t * log(x) + (1 - t) * log(1 - x))` for probabilities x.
#[pyfunction]
#[pyo3(signature = (input, target, weight=None, size_average=None, reduce=None, reduction="mean"))]
fn binary_cross_entropy(
    input: TensorArgument,
    target: TensorArgument,
    weight: Option<TensorArgument>,
    size_average: Option<bool>,
    reduce: Option<bool>,
    reduction: &str,
) -> PyResult<PyTensor> {
    let reduction = reduction_of("binary_cross_entropy", size_average, reduce, reduction)?;
    wrapped(functional::binary_cross_entropy(&input.0, &target.0, optional(&weight), reduction))
}

/// The binary cross-entropy of `sigmoid(input)`; `pos_weight` weights the positive targets.
#[pyfunction]
#[pyo3(signature = (
    input, target, weight=None, size_average=None, reduce=None, reduction="mean", pos_weight=None
))]
fn binary_cross_entropy_with_logits(
    input: TensorArgument,
    target: TensorArgument,
    weight: Option<TensorArgument>,
    size_average: Option<bool>,
    reduce: Option<bool>,
    reduction: &str,
    pos_weight: Option<TensorArgument>,
) -> PyResult<PyTensor> {
    let reduction = reduction_of("binary_cross_entropy_with_logits", size_average, reduce, reduction)?;
    let (weight, pos_weight) = (optional(&weight), optional(&pos_weight));
    wrapped(functional::binary_cross_entropy_with_logits(&input.0, &target.0, weight, reduction, pos_weight))
}

/// Adds the functions to the module.
pub(super) fn add_losses(module: &Bound<'_, PyModule>) -> PyResult<()> {
    add_differences(module)?;
    module.add_function(wrap_pyfunction!(cross_entropy, module)?)?;
    module.add_function(wrap_pyfunction!(nll_loss, module)?)?;
    module.add_function(wrap_pyfunction!(kl_div, module)?)?;
    module.add_function(wrap_pyfunction!(binary_cross_entropy, module)?)?;
    module.add_function(wrap_pyfunction!(binary_cross_entropy_with_logits, module)?)
}
