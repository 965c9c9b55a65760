//! The module `tenfold._core._init`: initial values of parameters, in place.

use pyo3::prelude::*;
use tenfold::init::{self, FanMode, Nonlinearity};
use tenfold::random::Generator;
use tenfold::{DType, Error, Tensor, autograd};

use crate::errors::to_python;
use crate::random::PyGenerator;
use crate::tensor::PyTensor;

type Object<'py> = Bound<'py, PyTensor>;
type Random<'a, 'py> = Option<&'a Bound<'py, PyGenerator>>;

/// Replaces the values of a floating tensor, without gradients; returns it.
fn filled<'py>(
    tensor: &Object<'py>,
    operation: &'static str,
    generator: Random<'_, 'py>,
    compute: impl FnOnce(&[usize], DType, Option<&mut Generator>) -> tenfold::Result<Tensor>,
) -> PyResult<Object<'py>> {
    let _mode = autograd::Guard::new(false);
    let before = tensor.get().value()?;
    let assigned = PyGenerator::with(generator, |generator| {
        let value = compute(before.shape(), before.dtype(), generator)?;
        tensor.get().cell.assign(operation, value)
    });
    assigned.map_err(|error| to_python(error.in_operation(operation)))?;
    Ok(tensor.clone())
}

/// Uniform from `a` to `b`.
#[pyfunction]
#[pyo3(signature = (tensor, a=0.0, b=1.0, generator=None))]
fn uniform_<'py>(tensor: &Object<'py>, a: f64, b: f64, generator: Random<'_, 'py>) -> PyResult<Object<'py>> {
    filled(tensor, "uniform_", generator, |shape, dtype, random| init::uniform(shape, a, b, dtype, random))
}

/// Normal with that mean and standard deviation.
#[pyfunction]
#[pyo3(signature = (tensor, mean=0.0, std=1.0, generator=None))]
fn normal_<'py>(
    tensor: &Object<'py>,
    mean: f64,
    std: f64,
    generator: Random<'_, 'py>,
) -> PyResult<Object<'py>> {
    filled(tensor, "normal_", generator, |shape, dtype, random| init::normal(shape, mean, std, dtype, random))
}

/// Normal with that mean and standard deviation, but only from `a` to `b`.
#[pyfunction]
#[pyo3(signature = (tensor, mean=0.0, std=1.0, a=-2.0, b=2.0, generator=None))]
fn trunc_normal_<'py>(
    tensor: &Object<'py>,
    mean: f64,
    std: f64,
    a: f64,
    b: f64,
    generator: Random<'_, 'py>,
) -> PyResult<Object<'py>> {
    filled(tensor, "trunc_normal_", generator, |shape, dtype, random| {
        init::truncated_normal(shape, mean, std, (a, b), dtype, random)
    })
}

/// `val` everywhere.
#[pyfunction]
fn constant_<'py>(tensor: &Object<'py>, val: f64) -> PyResult<Object<'py>> {
    filled(tensor, "constant_", None, |shape, dtype, _| init::constant(shape, val, dtype))
}

/// Ones.
#[pyfunction]
fn ones_<'py>(tensor: &Object<'py>) -> PyResult<Object<'py>> {
    filled(tensor, "ones_", None, |shape, dtype, _| init::constant(shape, 1.0, dtype))
}

/// Zeros.
#[pyfunction]
fn zeros_<'py>(tensor: &Object<'py>) -> PyResult<Object<'py>> {
    filled(tensor, "zeros_", None, |shape, dtype, _| init::constant(shape, 0.0, dtype))
}

/// Ones on the diagonal of a matrix, zeros elsewhere.
#[pyfunction]
fn eye_<'py>(tensor: &Object<'py>) -> PyResult<Object<'py>> {
    filled(tensor, "eye_", None, |shape, dtype, _| init::eye(shape, dtype))
}

/// A convolution weight that hands on its input channels, in each of `groups`.
#[pyfunction]
#[pyo3(signature = (tensor, groups=1))]
fn dirac_<'py>(tensor: &Object<'py>, groups: usize) -> PyResult<Object<'py>> {
    filled(tensor, "dirac_", None, |shape, dtype, _| init::dirac(shape, groups, dtype))
}

/// Uniform with variance `2 * gain**2 / (fan_in + fan_out)`.
#[pyfunction]
#[pyo3(signature = (tensor, gain=1.0, generator=None))]
fn xavier_uniform_<'py>(
    tensor: &Object<'py>,
    gain: f64,
    generator: Random<'_, 'py>,
) -> PyResult<Object<'py>> {
    filled(tensor, "xavier_uniform_", generator, |shape, dtype, random| {
        init::xavier_uniform(shape, gain, dtype, random)
    })
}

/// Normal with variance `2 * gain**2 / (fan_in + fan_out)`.
#[pyfunction]
#[pyo3(signature = (tensor, gain=1.0, generator=None))]
fn xavier_normal_<'py>(tensor: &Object<'py>, gain: f64, generator: Random<'_, 'py>) -> PyResult<Object<'py>> {
    filled(tensor, "xavier_normal_", generator, |shape, dtype, random| {
        init::xavier_normal(shape, gain, dtype, random)
    })
}

fn fan_mode(operation: &'static str, mode: &str) -> PyResult<FanMode> {
    match mode {
        "fan_in" => Ok(FanMode::In),
        "fan_out" => Ok(FanMode::Out),
        other => {
            Err(to_python(Error::value(operation, format!("mode must be fan_in or fan_out; got {other:?}"))))
        }
    }
}

/// Uniform with variance `gain**2 / fan`; `a` is the slope of `leaky_relu`.
#[pyfunction]
#[pyo3(signature = (tensor, a=0.0, mode="fan_in", nonlinearity="leaky_relu", generator=None))]
fn kaiming_uniform_<'py>(
    tensor: &Object<'py>,
    a: f64,
    mode: &str,
    nonlinearity: &str,
    generator: Random<'_, 'py>,
) -> PyResult<Object<'py>> {
    let mode = fan_mode("kaiming_uniform_", mode)?;
    let nonlinearity = Nonlinearity::from_name(nonlinearity, Some(a)).map_err(to_python)?;
    filled(tensor, "kaiming_uniform_", generator, |shape, dtype, random| {
        init::kaiming_uniform(shape, mode, nonlinearity, dtype, random)
    })
}

/// Normal with variance `gain**2 / fan`; `a` is the slope of `leaky_relu`.
#[pyfunction]
#[pyo3(signature = (tensor, a=0.0, mode="fan_in", nonlinearity="leaky_relu", generator=None))]
fn kaiming_normal_<'py>(
    tensor: &Object<'py>,
    a: f64,
    mode: &str,
    nonlinearity: &str,
    generator: Random<'_, 'py>,
) -> PyResult<Object<'py>> {
    let mode = fan_mode("kaiming_normal_", mode)?;
    let nonlinearity = Nonlinearity::from_name(nonlinearity, Some(a)).map_err(to_python)?;
    filled(tensor, "kaiming_normal_", generator, |shape, dtype, random| {
        init::kaiming_normal(shape, mode, nonlinearity, dtype, random)
    })
}

/// Orthogonal rows or columns of length `gain`.
#[pyfunction]
#[pyo3(signature = (tensor, gain=1.0, generator=None))]
fn orthogonal_<'py>(tensor: &Object<'py>, gain: f64, generator: Random<'_, 'py>) -> PyResult<Object<'py>> {
    filled(tensor, "orthogonal_", generator, |shape, dtype, random| {
        init::orthogonal(shape, gain, dtype, random)
    })
}

/// Normal numbers, of which the share `sparsity` of each column is 0.
#[pyfunction]
#[pyo3(signature = (tensor, sparsity, std=0.01, generator=None))]
fn sparse_<'py>(
    tensor: &Object<'py>,
    sparsity: f64,
    std: f64,
    generator: Random<'_, 'py>,
) -> PyResult<Object<'py>> {
    filled(tensor, "sparse_", generator, |shape, dtype, random| {
        init::sparse(shape, sparsity, std, dtype, random)
    })
}

/// By what the standard deviation of weights before a nonlinearity is scaled.
#[pyfunction]
#[pyo3(signature = (nonlinearity, param=None))]
fn calculate_gain(nonlinearity: &str, param: Option<f64>) -> PyResult<f64> {
    Ok(Nonlinearity::from_name(nonlinearity, param).map_err(to_python)?.gain())
}

/// Inputs and outputs of one element of a weight: (fan in, fan out).
#[pyfunction]
fn _calculate_fan_in_and_fan_out(tensor: &Object<'_>) -> PyResult<(usize, usize)> {
    init::fans(tensor.get().value()?.shape()).map_err(to_python)
}

/// Adds the module.
pub fn add_init(parent: &Bound<'_, PyModule>) -> PyResult<()> {
    let module = PyModule::new(parent.py(), "_init")?;
    module.add_function(wrap_pyfunction!(uniform_, &module)?)?;
    module.add_function(wrap_pyfunction!(normal_, &module)?)?;
    module.add_function(wrap_pyfunction!(trunc_normal_, &module)?)?;
    module.add_function(wrap_pyfunction!(constant_, &module)?)?;
    module.add_function(wrap_pyfunction!(ones_, &module)?)?;
    module.add_function(wrap_pyfunction!(zeros_, &module)?)?;
    module.add_function(wrap_pyfunction!(eye_, &module)?)?;
    module.add_function(wrap_pyfunction!(dirac_, &module)?)?;
    module.add_function(wrap_pyfunction!(xavier_uniform_, &module)?)?;
    module.add_function(wrap_pyfunction!(xavier_normal_, &module)?)?;
    module.add_function(wrap_pyfunction!(kaiming_uniform_, &module)?)?;
    module.add_function(wrap_pyfunction!(kaiming_normal_, &module)?)?;
    module.add_function(wrap_pyfunction!(orthogonal_, &module)?)?;
    module.add_function(wrap_pyfunction!(sparse_, &module)?)?;
    module.add_function(wrap_pyfunction!(calculate_gain, &module)?)?;
    module.add_function(wrap_pyfunction!(_calculate_fan_in_and_fan_out, &module)?)?;
    parent.add_submodule(&module)
}
