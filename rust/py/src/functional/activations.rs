//! Activation functions.

use pyo3::exceptions::PyUserWarning;
use pyo3::prelude::*;
use tenfold::functional::{self, Gelu};
use tenfold::{DType, Error, Tensor};

use super::{computed, wrapped};
use crate::convert::TensorArgument;
use crate::dtype::DTypeArgument;
use crate::errors::to_python;
use crate::tensor::PyTensor;

/// Functions with an argument `inplace` and a variant `name_` that always works in place.
macro_rules! activations {
    ($($(#[$doc:meta])* $name:ident $in_place:ident $python:literal
        ($($argument:ident: $type:ty = $default:literal),*) => |$x:ident| $body:expr;)*) => {
        $(
            $(#[$doc])*
            #[pyfunction]
            #[pyo3(signature = (input, $($argument=$default,)* inplace=false))]
            fn $name<'py>(
                input: &Bound<'py, PyTensor>,
                $($argument: $type,)*
                inplace: bool,
            ) -> PyResult<Bound<'py, PyTensor>> {
                computed(input, stringify!($name), inplace, |$x| $body)
            }

            $(#[$doc])*
            ///
            /// In place.
            #[pyfunction]
            #[pyo3(name = $python, signature = (input, $($argument=$default),*))]
            fn $in_place<'py>(
                input: &Bound<'py, PyTensor>,
                $($argument: $type,)*
            ) -> PyResult<Bound<'py, PyTensor>> {
                computed(input, $python, true, |$x| $body)
            }
        )*

        fn add_in_place(module: &Bound<'_, PyModule>) -> PyResult<()> {
            $(
                module.add_function(wrap_pyfunction!($name, module)?)?;
                module.add_function(wrap_pyfunction!($in_place, module)?)?;
            )*
            Ok(())
        }
    };
}
activations! {
    /// The larger of the number and 0.
    relu relu_in_place "relu_" () => |x| x.relu();
    /// The number, held between 0 and 6.
    relu6 relu6_in_place "relu6_" () => |x| functional::relu6(x);
    /// `x` where positive, else `alpha * (exp(x) - 1)`.
    elu elu_in_place "elu_" (alpha: f64 = 1.0) => |x| functional::elu(x, alpha);
    /// ELU scaled so that mean and variance are kept.
    selu selu_in_place "selu_" () => |x| functional::selu(x);
    /// `x` where positive, else `alpha * (exp(x / alpha) - 1)`.
    celu celu_in_place "celu_" (alpha: f64 = 1.0) => |x| functional::celu(x, alpha);
    /// `x` where positive, else `negative_slope * x`.
    leaky_relu leaky_relu_in_place "leaky_relu_" (negative_slope: f64 = 0.01) =>
        |x| functional::leaky_relu(x, negative_slope);
    /// `x * sigmoid(x)`.
    silu silu_in_place "silu_" () => |x| x.silu();
    /// `x * tanh(softplus(x))`.
    mish mish_in_place "mish_" () => |x| functional::mish(x);
    /// The number, held between two bounds.
    hardtanh hardtanh_in_place "hardtanh_" (min_val: f64 = -1.0, max_val: f64 = 1.0) =>
        |x| functional::hardtanh(x, min_val, max_val);
    /// `x * relu6(x + 3) / 6`.
    hardswish hardswish_in_place "hardswish_" () => |x| functional::hardswish(x);
    /// `relu6(x + 3) / 6`.
    hardsigmoid hardsigmoid_in_place "hardsigmoid_" () => |x| functional::hardsigmoid(x);
}

/// Functions of a tensor and numbers.
macro_rules! functions {
    ($($(#[$doc:meta])* $name:ident ($($argument:ident: $type:ty = $default:literal),*) => |$x:ident| $body:expr;)*) => {
        $(
            $(#[$doc])*
            #[pyfunction]
            #[pyo3(signature = (input, $($argument=$default),*))]
            fn $name(input: TensorArgument, $($argument: $type),*) -> PyResult<PyTensor> {
                let $x = &input.0;
                wrapped($body)
            }
        )*

        fn add_functions(module: &Bound<'_, PyModule>) -> PyResult<()> {
            $(module.add_function(wrap_pyfunction!($name, module)?)?;)*
            Ok(())
        }
    };
}
functions! {
    /// `log(1 + exp(beta * x)) / beta`; x itself where `beta * x` exceeds `threshold`.
    softplus(beta: f64 = 1.0, threshold: f64 = 20.0) => |x| functional::softplus(x, beta, threshold);
    /// `x / (1 + |x|)`.
    softsign() => |x| functional::softsign(x);
    /// 0 where |x| is at most `lambd`, else x.
    hardshrink(lambd: f64 = 0.5) => |x| functional::hardshrink(x, lambd);
    /// x moved towards 0 by `lambd`; 0 where |x| is at most `lambd`.
    softshrink(lambd: f64 = 0.5) => |x| functional::softshrink(x, lambd);
    /// `x - tanh(x)`.
    tanhshrink() => |x| functional::tanhshrink(x);
    /// The first half along `dim`, times the logistic function of the second half.
    glu(dim: i64 = -1) => |x| functional::glu(x, dim);
    /// The logarithm of the logistic function.
    logsigmoid() => |x| x.log_sigmoid();
    /// The logistic function.
    sigmoid() => |x| x.sigmoid();
    /// The hyperbolic tangent.
    tanh() => |x| x.tanh();
}

/// The Gaussian error linear unit: `x * Phi(x)`, or with `approximate='tanh'` its approximation by tanh.
#[pyfunction]
#[pyo3(signature = (input, approximate="none"))]
fn gelu(input: TensorArgument, approximate: &str) -> PyResult<PyTensor> {
    let form = match approximate {
        "none" => Gelu::Exact,
        "tanh" => Gelu::Tanh,
        other => {
            return Err(to_python(Error::state(
                "gelu",
                format!("approximate must be none or tanh; got {other:?}"),
            )));
        }
    };
    wrapped(functional::gelu(&input.0, form))
}

/// `x` where positive, else `weight * x`, with one weight for all or one a channel (axis 1).
#[pyfunction]
fn prelu(input: TensorArgument, weight: TensorArgument) -> PyResult<PyTensor> {
    wrapped(functional::prelu(&input.0, &weight.0))
}

/// x where it exceeds `threshold`, else `value`.
#[pyfunction]
#[pyo3(name = "threshold", signature = (input, threshold, value, inplace=false))]
fn threshold_of<'py>(
    input: &Bound<'py, PyTensor>,
    threshold: f64,
    value: f64,
    inplace: bool,
) -> PyResult<Bound<'py, PyTensor>> {
    computed(input, "threshold", inplace, |x| functional::threshold(x, threshold, value))
}

/// x where it exceeds `threshold`, else `value`, in place.
#[pyfunction]
#[pyo3(name = "threshold_")]
fn threshold_in_place<'py>(
    input: &Bound<'py, PyTensor>,
    threshold: f64,
    value: f64,
) -> PyResult<Bound<'py, PyTensor>> {
    computed(input, "threshold_", true, |x| functional::threshold(x, threshold, value))
}

/// `x` where positive, else x times a slope: drawn between `lower` and `upper` in training, else their mean.
#[pyfunction]
#[pyo3(signature = (input, lower=0.125, upper=0.333_333_333_333_333_3, training=false, inplace=false))]
fn rrelu<'py>(
    input: &Bound<'py, PyTensor>,
    lower: f64,
    upper: f64,
    training: bool,
    inplace: bool,
) -> PyResult<Bound<'py, PyTensor>> {
    computed(input, "rrelu", inplace, |x| functional::rrelu(x, lower, upper, training, None))
}

/// As `rrelu`, in place.
#[pyfunction]
#[pyo3(name = "rrelu_", signature = (input, lower=0.125, upper=0.333_333_333_333_333_3, training=false))]
fn rrelu_in_place<'py>(
    input: &Bound<'py, PyTensor>,
    lower: f64,
    upper: f64,
    training: bool,
) -> PyResult<Bound<'py, PyTensor>> {
    computed(input, "rrelu_", true, |x| functional::rrelu(x, lower, upper, training, None))
}

/// A draw of a class along `dim`, relaxed by Gumbel's distribution and softmax at temperature `tau`; with `hard` exactly
/// 1 at the class. `eps` has no effect, as in torch.
#[pyfunction]
#[pyo3(signature = (logits, tau=1.0, hard=false, eps=1e-10, dim=-1))]
fn gumbel_softmax(
    py: Python<'_>,
    logits: TensorArgument,
    tau: f64,
    hard: bool,
    eps: f64,
    dim: i64,
) -> PyResult<PyTensor> {
    if eps != 1e-10 {
        let message = c"gumbel_softmax: eps is deprecated and has no effect";
        PyErr::warn(py, &py.get_type::<PyUserWarning>(), message, 1)?;
    }
    wrapped(functional::gumbel_softmax(&logits.0, tau, hard, dim, None))
}

/// torch's choice where `dim` is not given, with a warning.
fn implicit_dim(py: Python<'_>, dim: Option<i64>, rank: usize) -> PyResult<i64> {
    if let Some(dim) = dim {
        return Ok(dim);
    }
    let message = c"softmax: the choice of an implicit dim is deprecated. Hint: give dim";
    PyErr::warn(py, &py.get_type::<PyUserWarning>(), message, 1)?;
    Ok(if matches!(rank, 0 | 1 | 3) { 0 } else { 1 })
}

macro_rules! softmax {
    ($($(#[$doc:meta])* $name:ident;)*) => {
        $(
            $(#[$doc])*
            #[pyfunction]
            #[pyo3(signature = (input, dim=None, *, dtype=None))]
            fn $name(
                py: Python<'_>,
                input: TensorArgument,
                dim: Option<i64>,
                dtype: Option<DTypeArgument>,
            ) -> PyResult<PyTensor> {
                let dim = implicit_dim(py, dim, input.0.rank())?;
                let dtype: Option<DType> = dtype.map(|dtype| dtype.0);
                let compute: fn(&Tensor, i64, Option<DType>) -> tenfold::Result<Tensor> = functional::$name;
                wrapped(compute(&input.0, dim, dtype))
            }
        )*

        fn add_softmax(module: &Bound<'_, PyModule>) -> PyResult<()> {
            $(module.add_function(wrap_pyfunction!($name, module)?)?;)*
            Ok(())
        }
    };
}
softmax! {
    /// `exp(x) / sum(exp(x))` along `dim`; converted to `dtype` first, where given.
    softmax;
    /// `x - log(sum(exp(x)))` along `dim`; converted to `dtype` first, where given.
    log_softmax;
    /// Softmax of the negated input along `dim`.
    softmin;
}

/// Adds the functions to the module.
pub(super) fn add_activations(module: &Bound<'_, PyModule>) -> PyResult<()> {
    add_in_place(module)?;
    add_functions(module)?;
    add_softmax(module)?;
    module.add_function(wrap_pyfunction!(gelu, module)?)?;
    module.add_function(wrap_pyfunction!(rrelu, module)?)?;
    module.add_function(wrap_pyfunction!(rrelu_in_place, module)?)?;
    module.add_function(wrap_pyfunction!(gumbel_softmax, module)?)?;
    module.add_function(wrap_pyfunction!(prelu, module)?)?;
    module.add_function(wrap_pyfunction!(threshold_of, module)?)?;
    module.add_function(wrap_pyfunction!(threshold_in_place, module)?)
}
