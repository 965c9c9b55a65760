//! Reducing, scanning and sorting methods, with torch's arguments; `axis` and `keepdims` are accepted too.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple};
use tenfold::{Error, Tensor};

use crate::convert::{Integers, PyArgument, ScalarArgument, either};
use crate::dtype::DTypeArgument;
use crate::errors::{Outcome, to_python};
use crate::tensor::PyTensor;

/// A named pair of results, as torch returns them: `values` and `indices`.
pub fn pair<'py>(
    py: Python<'py>,
    name: &'static str,
    values: Tensor,
    indices: Tensor,
) -> PyResult<Bound<'py, PyAny>> {
    static CLASSES: PyOnceLock<Py<PyDict>> = PyOnceLock::new();
    let classes = CLASSES.get_or_init(py, || PyDict::new(py).unbind()).bind(py);
    let class = match classes.get_item(name)? {
        Some(class) => class,
        None => {
            let keywords = PyDict::new(py);
            keywords.set_item("module", "tenfold")?;
            let fields = PyTuple::new(py, ["values", "indices"])?;
            let class =
                py.import("collections")?.call_method("namedtuple", (name, fields), Some(&keywords))?;
            classes.set_item(name, &class)?;
            class
        }
    };
    class.call1((PyTensor::from(values), PyTensor::from(indices)))
}

/// The axes of a reduction from torch's and the array API's arguments.
pub struct Over {
    /// None: all axes.
    pub axes: Option<Vec<i64>>,
    /// Keeps them with extent 1.
    pub keep: bool,
}

impl Over {
    pub fn new(
        operation: &'static str,
        dim: Option<Integers>,
        axis: Option<Integers>,
        keepdim: bool,
        keepdims: Option<bool>,
    ) -> PyResult<Over> {
        let axes = either(operation, ["dim", "axis"], dim, axis)?.map(|axes| axes.0);
        Ok(Over { axes, keep: keepdim || keepdims.unwrap_or(false) })
    }
}

macro_rules! reductions {
    ($($(#[$doc:meta])* $name:ident $python:literal => $method:ident;)*) => {
        #[pymethods]
        impl PyTensor {
            $($(#[$doc])*
            #[pyo3(name = $python, signature = (dim=None, keepdim=false, *, axis=None, keepdims=None))]
            fn $name(
                &self,
                dim: Option<Integers>,
                keepdim: bool,
                axis: Option<Integers>,
                keepdims: Option<bool>,
            ) -> PyResult<PyTensor> {
                let over = Over::new($python, dim, axis, keepdim, keepdims)?;
                Ok(self.value()?.$method(over.axes.as_deref(), over.keep).map_err(to_python)?.into())
            })*
        }
    };
}
reductions! {
    /// The largest element over axes; equal largest elements share the gradient.
    amax_method "amax" => amax;
    /// The smallest element over axes; equal smallest elements share the gradient.
    amin_method "amin" => amin;
    /// True where any element over axes is true.
    any_method "any" => any;
    /// True where all elements over axes are true.
    all_method "all" => all;
    /// The logarithm of the sum of exponentials over axes, without overflow.
    logsumexp_method "logsumexp" => logsumexp;
    /// How many elements over axes are not zero.
    count_nonzero_method "count_nonzero" => count_nonzero;
}

macro_rules! sums {
    ($($(#[$doc:meta])* $name:ident $python:literal => $method:ident;)*) => {
        #[pymethods]
        impl PyTensor {
            $($(#[$doc])*
            #[pyo3(name = $python, signature = (dim=None, keepdim=false, *, dtype=None, axis=None, keepdims=None))]
            fn $name(
                &self,
                dim: Option<Integers>,
                keepdim: bool,
                dtype: Option<DTypeArgument>,
                axis: Option<Integers>,
                keepdims: Option<bool>,
            ) -> PyResult<PyTensor> {
                let over = Over::new($python, dim, axis, keepdim, keepdims)?;
                let dtype = dtype.map(|dtype| dtype.0);
                Ok(self.value()?.$method(over.axes.as_deref(), over.keep, dtype).map_err(to_python)?.into())
            })*
        }
    };
}
sums! {
    /// The sum over axes; int64 for integers and bool unless `dtype` says otherwise.
    sum_method "sum" => sum;
    /// The product over axes; int64 for integers and bool unless `dtype` says otherwise.
    prod_method "prod" => prod;
}

/// The correction of a variance from torch's arguments.
fn correction_of(correction: Option<f64>, unbiased: Option<bool>) -> f64 {
    match (correction, unbiased) {
        (Some(correction), _) => correction,
        (None, Some(false)) => 0.0,
        _ => 1.0,
    }
}

#[pymethods]
impl PyTensor {
    /// The mean over axes; needs a floating or complex dtype.
    #[pyo3(signature = (dim=None, keepdim=false, *, dtype=None, axis=None, keepdims=None))]
    fn mean(
        &self,
        dim: Option<Integers>,
        keepdim: bool,
        dtype: Option<DTypeArgument>,
        axis: Option<Integers>,
        keepdims: Option<bool>,
    ) -> PyResult<PyTensor> {
        let over = Over::new("mean", dim, axis, keepdim, keepdims)?;
        let value = self.value()?;
        let value = match dtype {
            Some(dtype) => value.cast(dtype.0).map_err(to_python)?,
            None => value,
        };
        Ok(value.mean(over.axes.as_deref(), over.keep).map_err(to_python)?.into())
    }

    /// The variance over axes, divided by count − `correction` (1 unless given; 0 for `unbiased=False`).
    #[pyo3(signature = (dim=None, unbiased=None, keepdim=false, *, correction=None, axis=None, keepdims=None))]
    fn var(
        &self,
        dim: Option<Integers>,
        unbiased: Option<bool>,
        keepdim: bool,
        correction: Option<f64>,
        axis: Option<Integers>,
        keepdims: Option<bool>,
    ) -> PyResult<PyTensor> {
        let over = Over::new("var", dim, axis, keepdim, keepdims)?;
        let correction = correction_of(correction, unbiased);
        Ok(self.value()?.var(over.axes.as_deref(), correction, over.keep).map_err(to_python)?.into())
    }

    /// The standard deviation over axes: the root of `var`.
    #[pyo3(signature = (dim=None, unbiased=None, keepdim=false, *, correction=None, axis=None, keepdims=None))]
    fn std(
        &self,
        dim: Option<Integers>,
        unbiased: Option<bool>,
        keepdim: bool,
        correction: Option<f64>,
        axis: Option<Integers>,
        keepdims: Option<bool>,
    ) -> PyResult<PyTensor> {
        let over = Over::new("std", dim, axis, keepdim, keepdims)?;
        let correction = correction_of(correction, unbiased);
        Ok(self.value()?.std(over.axes.as_deref(), correction, over.keep).map_err(to_python)?.into())
    }

    /// The largest element; along `dim` the largest ones and their indices; with a tensor the element-wise maximum.
    #[pyo3(signature = (dim=None, keepdim=false, *, axis=None, keepdims=None))]
    fn max<'py>(
        slf: &Bound<'py, Self>,
        dim: Option<&Bound<'py, PyAny>>,
        keepdim: bool,
        axis: Option<i64>,
        keepdims: Option<bool>,
    ) -> PyResult<Bound<'py, PyAny>> {
        extreme(slf, "max", dim, axis, keepdim || keepdims.unwrap_or(false))
    }

    /// The smallest element; along `dim` the smallest ones and their indices; with a tensor the element-wise minimum.
    #[pyo3(signature = (dim=None, keepdim=false, *, axis=None, keepdims=None))]
    fn min<'py>(
        slf: &Bound<'py, Self>,
        dim: Option<&Bound<'py, PyAny>>,
        keepdim: bool,
        axis: Option<i64>,
        keepdims: Option<bool>,
    ) -> PyResult<Bound<'py, PyAny>> {
        extreme(slf, "min", dim, axis, keepdim || keepdims.unwrap_or(false))
    }

    /// The index of the first largest element: along `dim`, or in row-major order.
    #[pyo3(signature = (dim=None, keepdim=false, *, axis=None, keepdims=None))]
    fn argmax(
        &self,
        dim: Option<i64>,
        keepdim: bool,
        axis: Option<i64>,
        keepdims: Option<bool>,
    ) -> PyResult<PyTensor> {
        let axis = either("argmax", ["dim", "axis"], dim, axis)?;
        Ok(self.value()?.argmax(axis, keepdim || keepdims.unwrap_or(false)).map_err(to_python)?.into())
    }

    /// The index of the first smallest element: along `dim`, or in row-major order.
    #[pyo3(signature = (dim=None, keepdim=false, *, axis=None, keepdims=None))]
    fn argmin(
        &self,
        dim: Option<i64>,
        keepdim: bool,
        axis: Option<i64>,
        keepdims: Option<bool>,
    ) -> PyResult<PyTensor> {
        let axis = either("argmin", ["dim", "axis"], dim, axis)?;
        Ok(self.value()?.argmin(axis, keepdim || keepdims.unwrap_or(false)).map_err(to_python)?.into())
    }

    /// The p-norm over axes (of all elements by default).
    #[pyo3(signature = (p=None, dim=None, keepdim=false, dtype=None))]
    fn norm(
        &self,
        p: Option<&Bound<'_, PyAny>>,
        dim: Option<Integers>,
        keepdim: bool,
        dtype: Option<DTypeArgument>,
    ) -> PyResult<PyTensor> {
        let order = match p {
            None => 2.0,
            Some(p) => match p.extract::<f64>() {
                Ok(order) => order,
                Err(_) if p.str()? == "fro" => 2.0,
                Err(_) => {
                    return Err(to_python(Error::not_implemented(
                        "norm",
                        format!("the order {}", p.repr()?),
                    )));
                }
            },
        };
        let value = self.value()?;
        let value = match dtype {
            Some(dtype) => value.cast(dtype.0).map_err(to_python)?,
            None => value,
        };
        Ok(value.norm(order, dim.map(|dim| dim.0).as_deref(), keepdim).map_err(to_python)?.into())
    }

    /// Running sums along an axis.
    #[pyo3(signature = (dim=None, *, dtype=None, axis=None))]
    fn cumsum(
        &self,
        dim: Option<i64>,
        dtype: Option<DTypeArgument>,
        axis: Option<i64>,
    ) -> PyResult<PyTensor> {
        let axis = needed_axis("cumsum", dim, axis)?;
        Ok(self.value()?.cumsum(axis, dtype.map(|dtype| dtype.0)).map_err(to_python)?.into())
    }

    /// Running products along an axis.
    #[pyo3(signature = (dim=None, *, dtype=None, axis=None))]
    fn cumprod(
        &self,
        dim: Option<i64>,
        dtype: Option<DTypeArgument>,
        axis: Option<i64>,
    ) -> PyResult<PyTensor> {
        let axis = needed_axis("cumprod", dim, axis)?;
        Ok(self.value()?.cumprod(axis, dtype.map(|dtype| dtype.0)).map_err(to_python)?.into())
    }

    /// Running maxima along an axis, and their indices.
    fn cummax<'py>(&self, py: Python<'py>, dim: i64) -> PyResult<Bound<'py, PyAny>> {
        let (values, indices) = self.value()?.cummax(dim).map_err(to_python)?;
        pair(py, "cummax", values, indices)
    }

    /// Running minima along an axis, and their indices.
    fn cummin<'py>(&self, py: Python<'py>, dim: i64) -> PyResult<Bound<'py, PyAny>> {
        let (values, indices) = self.value()?.cummin(dim).map_err(to_python)?;
        pair(py, "cummin", values, indices)
    }

    /// Running logarithms of sums of exponentials along an axis.
    fn logcumsumexp(&self, dim: i64) -> Outcome<PyTensor> {
        Ok(self.cell.value()?.logcumsumexp(dim)?.into())
    }

    /// Differences of neighbours along an axis, `n` times.
    #[pyo3(signature = (n=1, dim=-1))]
    fn diff(&self, n: usize, dim: i64) -> Outcome<PyTensor> {
        Ok(self.cell.value()?.diff(n, dim, None, None)?.into())
    }

    /// The elements in ascending order along an axis, and the indices that sort it. Always stable.
    #[pyo3(signature = (dim=-1, descending=false, stable=false))]
    fn sort<'py>(
        &self,
        py: Python<'py>,
        dim: i64,
        descending: bool,
        stable: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (values, indices) = self.value()?.sort(dim, descending, stable).map_err(to_python)?;
        pair(py, "sort", values, indices)
    }

    /// The indices that sort an axis. Always stable.
    #[pyo3(signature = (dim=-1, descending=false, stable=false))]
    fn argsort(&self, dim: i64, descending: bool, stable: bool) -> Outcome<PyTensor> {
        Ok(self.cell.value()?.argsort(dim, descending, stable)?.into())
    }

    /// The `k` largest (or smallest) elements along an axis in order, and their indices.
    #[pyo3(signature = (k, dim=-1, largest=true, sorted=true))]
    fn topk<'py>(
        &self,
        py: Python<'py>,
        k: usize,
        dim: i64,
        largest: bool,
        sorted: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        // In order they always come: an unspecified order may be that one.
        let _any_order_will_do = !sorted;
        let (values, indices) = self.value()?.topk(k, dim, largest).map_err(to_python)?;
        pair(py, "topk", values, indices)
    }

    /// The `k`-th smallest element along an axis, and its index.
    #[pyo3(signature = (k, dim=-1, keepdim=false))]
    fn kthvalue<'py>(
        &self,
        py: Python<'py>,
        k: usize,
        dim: i64,
        keepdim: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (values, indices) = self.value()?.kthvalue(k, dim, keepdim).map_err(to_python)?;
        pair(py, "kthvalue", values, indices)
    }

    /// The lower median: of all elements, or along an axis with its index.
    #[pyo3(signature = (dim=None, keepdim=false))]
    fn median<'py>(slf: &Bound<'py, Self>, dim: Option<i64>, keepdim: bool) -> PyResult<Bound<'py, PyAny>> {
        let (values, indices) = slf.get().value()?.median(dim, keepdim).map_err(to_python)?;
        match dim {
            None => Ok(PyTensor::from(values).into_object(slf.py())?.into_any()),
            Some(_) => pair(slf.py(), "median", values, indices),
        }
    }

    /// The elements limited to `min` and `max`: numbers or tensors.
    #[pyo3(signature = (min=None, max=None))]
    fn clamp(&self, min: Option<PyArgument>, max: Option<PyArgument>) -> PyResult<PyTensor> {
        clamped(&self.value()?, min, max)
    }

    /// The elements limited to `min` and `max`: numbers or tensors.
    #[pyo3(signature = (min=None, max=None))]
    fn clip(&self, min: Option<PyArgument>, max: Option<PyArgument>) -> PyResult<PyTensor> {
        clamped(&self.value()?, min, max)
    }

    /// In place: see `clamp`.
    #[pyo3(signature = (min=None, max=None))]
    fn clamp_<'py>(
        slf: &Bound<'py, Self>,
        min: Option<PyArgument>,
        max: Option<PyArgument>,
    ) -> Outcome<Bound<'py, Self>> {
        PyTensor::update(slf, "clamp", |value| {
            value.clamp(min.as_ref().map(PyArgument::as_argument), max.as_ref().map(PyArgument::as_argument))
        })
    }

    /// The sum of `self` and `alpha` times `other`.
    #[pyo3(signature = (other, *, alpha=None))]
    fn add(&self, other: PyArgument, alpha: Option<ScalarArgument>) -> PyResult<PyTensor> {
        Ok(scaled_sum(&self.value()?, &other, alpha, false).map_err(to_python)?.into())
    }

    /// In place: see `add`.
    #[pyo3(signature = (other, *, alpha=None))]
    fn add_<'py>(
        slf: &Bound<'py, Self>,
        other: PyArgument,
        alpha: Option<ScalarArgument>,
    ) -> Outcome<Bound<'py, Self>> {
        PyTensor::update(slf, "add", |value| scaled_sum(value, &other, alpha, false))
    }

    /// The difference of `self` and `alpha` times `other`.
    #[pyo3(signature = (other, *, alpha=None))]
    fn subtract(&self, other: PyArgument, alpha: Option<ScalarArgument>) -> PyResult<PyTensor> {
        Ok(scaled_sum(&self.value()?, &other, alpha, true).map_err(to_python)?.into())
    }

    /// In place: see `subtract`.
    #[pyo3(signature = (other, *, alpha=None))]
    fn subtract_<'py>(
        slf: &Bound<'py, Self>,
        other: PyArgument,
        alpha: Option<ScalarArgument>,
    ) -> Outcome<Bound<'py, Self>> {
        PyTensor::update(slf, "subtract", |value| scaled_sum(value, &other, alpha, true))
    }

    /// The same as `subtract`.
    #[pyo3(signature = (other, *, alpha=None))]
    fn sub(&self, other: PyArgument, alpha: Option<ScalarArgument>) -> PyResult<PyTensor> {
        self.subtract(other, alpha)
    }

    /// In place: see `subtract`.
    #[pyo3(signature = (other, *, alpha=None))]
    fn sub_<'py>(
        slf: &Bound<'py, Self>,
        other: PyArgument,
        alpha: Option<ScalarArgument>,
    ) -> Outcome<Bound<'py, Self>> {
        PyTensor::subtract_(slf, other, alpha)
    }

    /// The quotient; rounded with `rounding_mode` "trunc" or "floor".
    #[pyo3(signature = (other, *, rounding_mode=None))]
    fn divide(&self, other: PyArgument, rounding_mode: Option<&str>) -> PyResult<PyTensor> {
        Ok(quotient(&self.value()?, &other, rounding_mode).map_err(to_python)?.into())
    }

    /// In place: see `divide`.
    #[pyo3(signature = (other, *, rounding_mode=None))]
    fn divide_<'py>(
        slf: &Bound<'py, Self>,
        other: PyArgument,
        rounding_mode: Option<&str>,
    ) -> Outcome<Bound<'py, Self>> {
        PyTensor::update(slf, "divide", |value| quotient(value, &other, rounding_mode))
    }

    /// The same as `divide`.
    #[pyo3(signature = (other, *, rounding_mode=None))]
    fn div(&self, other: PyArgument, rounding_mode: Option<&str>) -> PyResult<PyTensor> {
        self.divide(other, rounding_mode)
    }

    /// In place: see `divide`.
    #[pyo3(signature = (other, *, rounding_mode=None))]
    fn div_<'py>(
        slf: &Bound<'py, Self>,
        other: PyArgument,
        rounding_mode: Option<&str>,
    ) -> Outcome<Bound<'py, Self>> {
        PyTensor::divide_(slf, other, rounding_mode)
    }

    /// The same as `divide`.
    fn true_divide(&self, other: PyArgument) -> PyResult<PyTensor> {
        self.divide(other, None)
    }

    /// The nearest whole number, or multiple of 10^−decimals; halves go to the even one.
    #[pyo3(signature = (*, decimals=0))]
    fn round(&self, decimals: i32) -> Outcome<PyTensor> {
        Ok(rounded(&self.cell.value()?, decimals)?.into())
    }

    /// In place: see `round`.
    #[pyo3(signature = (*, decimals=0))]
    fn round_<'py>(slf: &Bound<'py, Self>, decimals: i32) -> Outcome<Bound<'py, Self>> {
        PyTensor::update(slf, "round", |value| rounded(value, decimals))
    }

    /// `self` where the condition holds, else `other`.
    #[pyo3(name = "where")]
    fn where_method(&self, condition: &Bound<'_, PyTensor>, other: PyArgument) -> PyResult<PyTensor> {
        let value = self.value()?;
        Ok(condition.get().value()?.where_(&value, other.as_argument()).map_err(to_python)?.into())
    }
}

fn needed_axis(operation: &'static str, dim: Option<i64>, axis: Option<i64>) -> PyResult<i64> {
    either(operation, ["dim", "axis"], dim, axis)?
        .ok_or_else(|| pyo3::exceptions::PyTypeError::new_err(format!("{operation}: needs dim")))
}

fn extreme<'py>(
    slf: &Bound<'py, PyTensor>,
    name: &'static str,
    dim: Option<&Bound<'py, PyAny>>,
    axis: Option<i64>,
    keep: bool,
) -> PyResult<Bound<'py, PyAny>> {
    let py = slf.py();
    let value = slf.get().value()?;
    let tensor = |value: tenfold::Result<Tensor>| -> PyResult<Bound<'py, PyAny>> {
        Ok(PyTensor::from(value.map_err(to_python)?).into_object(py)?.into_any())
    };
    if let Some(other) = dim.and_then(|dim| dim.cast::<PyTensor>().ok()) {
        let other = other.get().value()?;
        return tensor(if name == "max" { value.maximum(&other) } else { value.minimum(&other) });
    }
    let dim = dim.map(|dim| dim.extract::<i64>()).transpose()?;
    match either(name, ["dim", "axis"], dim, axis)? {
        None => tensor(if name == "max" { value.amax(None, keep) } else { value.amin(None, keep) }),
        Some(axis) => {
            let found = if name == "max" { value.max_along(axis, keep) } else { value.min_along(axis, keep) };
            let (values, indices) = found.map_err(to_python)?;
            pair(py, name, values, indices)
        }
    }
}

fn clamped(value: &Tensor, min: Option<PyArgument>, max: Option<PyArgument>) -> PyResult<PyTensor> {
    let result =
        value.clamp(min.as_ref().map(PyArgument::as_argument), max.as_ref().map(PyArgument::as_argument));
    Ok(result.map_err(to_python)?.into())
}

fn scaled_sum(
    value: &Tensor,
    other: &PyArgument,
    alpha: Option<ScalarArgument>,
    negative: bool,
) -> tenfold::Result<Tensor> {
    let combine =
        |other: tenfold::Argument<'_>| if negative { value.subtract(other) } else { value.add(other) };
    match alpha {
        None => combine(other.as_argument()),
        Some(alpha) => {
            let scaled = match other {
                PyArgument::Tensor(other) => other.multiply(alpha.0)?,
                PyArgument::Scalar(other) => {
                    Tensor::scalar(*other, other.meets(value.dtype()))?.multiply(alpha.0)?
                }
            };
            combine((&scaled).into())
        }
    }
}

fn quotient(value: &Tensor, other: &PyArgument, rounding_mode: Option<&str>) -> tenfold::Result<Tensor> {
    match rounding_mode {
        None => value.divide(other.as_argument()),
        Some("floor") => value.floor_divide(other.as_argument()),
        Some("trunc") => {
            let exact = value.divide(other.as_argument())?.trunc()?;
            let integers = !value.dtype().is_differentiable()
                && match other {
                    PyArgument::Tensor(other) => !other.dtype().is_differentiable(),
                    PyArgument::Scalar(other) => other.category() <= tenfold::ir::Category::Integer,
                };
            if !integers {
                return Ok(exact);
            }
            // Exact for integers of any size: the quotient of the part that divides evenly.
            let rest = value.fmod(other.as_argument())?;
            value.subtract(&rest)?.floor_divide(other.as_argument())
        }
        Some(mode) => {
            Err(Error::value("divide", format!("rounding_mode is None, 'trunc' or 'floor'; got '{mode}'")))
        }
    }
}

fn rounded(value: &Tensor, decimals: i32) -> tenfold::Result<Tensor> {
    if decimals == 0 || !value.dtype().is_differentiable() {
        return value.round();
    }
    let scale = 10f64.powi(decimals.abs());
    if decimals > 0 {
        value.multiply(scale)?.round()?.divide(scale)
    } else {
        value.divide(scale)?.round()?.multiply(scale)
    }
}
