//! Functions of the top level that reduce or accumulate over axes.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use tenfold::{DType, Tensor};

use super::{Object, wrapped};
use crate::convert::{Integers, either};
use crate::dtype::DTypeArgument;
use crate::reductions::{Over, extreme};
use crate::tensor::PyTensor;

macro_rules! reductions {
    ($($(#[$doc:meta])* $name:ident $python:literal => $method:ident;)*) => {
        $($(#[$doc])*
        #[pyfunction]
        #[pyo3(name = $python, signature = (x, /, dim=None, keepdim=false, *, axis=None, keepdims=None))]
        pub fn $name(
            x: &Object<'_>,
            dim: Option<Integers>,
            keepdim: bool,
            axis: Option<Integers>,
            keepdims: Option<bool>,
        ) -> PyResult<PyTensor> {
            let over = Over::new($python, dim, axis, keepdim, keepdims)?;
            wrapped($python, x.get().value()?.$method(over.axes.as_deref(), over.keep))
        })*
    };
}
reductions! {
    /// The mean over axes.
    mean_of "mean" => mean;
    /// True where all elements over axes are true.
    all_of "all" => all;
    /// True where any element over axes is true.
    any_of "any" => any;
    /// How many elements over axes are not zero.
    count_nonzero_of "count_nonzero" => count_nonzero;
}

macro_rules! extremes {
    ($($(#[$doc:meta])* $name:ident $python:literal;)*) => {
        $($(#[$doc])*
        #[pyfunction]
        #[pyo3(signature = (x, /, dim=None, keepdim=false, *, axis=None, keepdims=None))]
        pub fn $name<'py>(
            x: &Object<'py>,
            dim: Option<&Bound<'py, PyAny>>,
            keepdim: bool,
            axis: Option<Integers>,
            keepdims: Option<bool>,
        ) -> PyResult<Bound<'py, PyAny>> {
            extreme_of(x, $python, dim, axis, keepdim || keepdims.unwrap_or(false))
        })*
    };
}
extremes! {
    /// The largest element over `axis` (NaN if any is NaN); with `dim` as the method: the values and their indices, or with
    /// a tensor the element-wise maximum.
    max "max";
    /// The smallest element over `axis` (NaN if any is NaN); with `dim` as the method: the values and their indices, or with
    /// a tensor the element-wise minimum.
    min "min";
}

fn extreme_of<'py>(
    x: &Object<'py>,
    name: &'static str,
    dim: Option<&Bound<'py, PyAny>>,
    axis: Option<Integers>,
    keep: bool,
) -> PyResult<Bound<'py, PyAny>> {
    if dim.is_some() {
        if axis.is_some() {
            return Err(PyTypeError::new_err(format!("{name}: give dim or axis, not both")));
        }
        return extreme(x, name, dim, None, keep);
    }
    let value = x.get().value()?;
    let axes = axis.map(|axis| axis.0);
    let found = match name {
        "max" => value.amax(axes.as_deref(), keep),
        _ => value.amin(axes.as_deref(), keep),
    };
    Ok(wrapped(name, found)?.into_object(x.py())?.into_any())
}

/// The standard's dtype of sums and products: int64 and uint64 for smaller integers.
fn accumulated(x: &Tensor, dtype: Option<DTypeArgument>) -> Option<DType> {
    let default = if x.dtype().is_unsigned_integer() { Some(DType::Uint64) } else { None };
    dtype.map(|dtype| dtype.0).or(default)
}

macro_rules! sums {
    ($($(#[$doc:meta])* $name:ident $python:literal => $method:ident;)*) => {
        $($(#[$doc])*
        #[pyfunction]
        #[pyo3(name = $python, signature = (x, /, dim=None, keepdim=false, *, axis=None, dtype=None, keepdims=None))]
        pub fn $name(
            x: &Object<'_>,
            dim: Option<Integers>,
            keepdim: bool,
            axis: Option<Integers>,
            dtype: Option<DTypeArgument>,
            keepdims: Option<bool>,
        ) -> PyResult<PyTensor> {
            let over = Over::new($python, dim, axis, keepdim, keepdims)?;
            let value = x.get().value()?;
            let dtype = accumulated(&value, dtype);
            wrapped($python, value.$method(over.axes.as_deref(), over.keep, dtype))
        })*
    };
}
sums! {
    /// The sum over axes, in int64 (uint64) for integers unless `dtype` says otherwise.
    sum_of "sum" => sum;
    /// The product over axes, in int64 (uint64) for integers unless `dtype` says otherwise.
    prod_of "prod" => prod;
}

macro_rules! spreads {
    ($($(#[$doc:meta])* $name:ident $python:literal => $method:ident;)*) => {
        $($(#[$doc])*
        #[pyfunction]
        #[pyo3(name = $python, signature = (x, /, *, axis=None, correction=0.0, keepdims=false))]
        pub fn $name(x: &Object<'_>, axis: Option<Integers>, correction: f64, keepdims: bool) -> PyResult<PyTensor> {
            wrapped($python, x.get().value()?.$method(axis.map(|axis| axis.0).as_deref(), correction, keepdims))
        })*
    };
}
spreads! {
    /// The variance over axes, divided by count − `correction`.
    var_of "var" => var;
    /// The standard deviation over axes: the root of `var`.
    std_of "std" => std;
}

macro_rules! cumulative {
    ($($(#[$doc:meta])* $name:ident => $method:ident;)*) => {
        $($(#[$doc])*
        #[pyfunction]
        #[pyo3(signature = (x, /, *, axis=None, dtype=None, include_initial=false))]
        pub fn $name(
            x: &Object<'_>,
            axis: Option<i64>,
            dtype: Option<DTypeArgument>,
            include_initial: bool,
        ) -> PyResult<PyTensor> {
            let value = x.get().value()?;
            let dtype = accumulated(&value, dtype);
            wrapped(stringify!($name), value.$method(axis, dtype, include_initial))
        })*
    };
}
cumulative! {
    /// Running sums along an axis; with `include_initial` they begin with 0.
    cumulative_sum => cumulative_sum;
    /// Running products along an axis; with `include_initial` they begin with 1.
    cumulative_prod => cumulative_prod;
}

/// The index of the first largest element along an axis, or in row-major order.
#[pyfunction]
#[pyo3(signature = (x, /, dim=None, keepdim=false, *, axis=None, keepdims=None))]
pub fn argmax(
    x: &Object<'_>,
    dim: Option<i64>,
    keepdim: bool,
    axis: Option<i64>,
    keepdims: Option<bool>,
) -> PyResult<PyTensor> {
    let axis = either("argmax", ["dim", "axis"], dim, axis)?;
    wrapped("argmax", x.get().value()?.argmax(axis, keepdim || keepdims.unwrap_or(false)))
}

/// The index of the first smallest element along an axis, or in row-major order.
#[pyfunction]
#[pyo3(signature = (x, /, dim=None, keepdim=false, *, axis=None, keepdims=None))]
pub fn argmin(
    x: &Object<'_>,
    dim: Option<i64>,
    keepdim: bool,
    axis: Option<i64>,
    keepdims: Option<bool>,
) -> PyResult<PyTensor> {
    let axis = either("argmin", ["dim", "axis"], dim, axis)?;
    wrapped("argmin", x.get().value()?.argmin(axis, keepdim || keepdims.unwrap_or(false)))
}

/// Adds the functions to the module.
pub fn add(module: &Bound<'_, PyModule>) -> PyResult<()> {
    macro_rules! add {
        ($($name:ident)*) => { $(module.add_function(wrap_pyfunction!($name, module)?)?;)* };
    }
    add! {
        max min mean_of all_of any_of count_nonzero_of sum_of prod_of var_of std_of cumulative_sum cumulative_prod
        argmax argmin
    }
    Ok(())
}
