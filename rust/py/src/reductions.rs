//! Reducing, scanning and sorting methods, with torch's arguments; `axis` and `keepdims` are accepted too.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple};
use tenfold::{Error, Tensor};

use crate::convert::{Integers, PyArgument, ScalarArgument, either};
use crate::dtype::DTypeArgument;
use crate::errors::{Named, Outcome, to_python};
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
                Ok(self.value()?.$method(over.axes.as_deref(), over.keep).named($python)?.into())
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

macro_rules! spreads {
    ($($(#[$doc:meta])* $name:ident;)*) => {
        #[pymethods]
        impl PyTensor {
            $($(#[$doc])*
            #[pyo3(
                signature = (dim=None, unbiased=None, keepdim=false, *, correction=None, axis=None, keepdims=None)
            )]
            fn $name(
                &self,
                dim: Option<Integers>,
                unbiased: Option<bool>,
                keepdim: bool,
                correction: Option<f64>,
                axis: Option<Integers>,
                keepdims: Option<bool>,
            ) -> PyResult<PyTensor> {
                let over = Over::new(stringify!($name), dim, axis, keepdim, keepdims)?;
                let correction = correction_of(correction, unbiased);
                let spread = self.value()?.$name(over.axes.as_deref(), correction, over.keep);
                Ok(spread.named(stringify!($name))?.into())
            })*
        }
    };
}
spreads! {
    /// The variance over axes, divided by count − `correction` (1 unless given; 0 for `unbiased=False`).
    var;
    /// The standard deviation over axes: the root of `var`.
    std;
}

macro_rules! extremes {
    ($(
        $(#[$doc:meta])* $name:ident
        $(#[$index_doc:meta])* $index:ident
        $(#[$running_doc:meta])* $running:ident;
    )*) => {
        #[pymethods]
        impl PyTensor {
            $($(#[$doc])*
            #[pyo3(signature = (dim=None, keepdim=false, *, axis=None, keepdims=None))]
            fn $name<'py>(
                slf: &Bound<'py, Self>,
                dim: Option<&Bound<'py, PyAny>>,
                keepdim: bool,
                axis: Option<i64>,
                keepdims: Option<bool>,
            ) -> PyResult<Bound<'py, PyAny>> {
                extreme(slf, stringify!($name), dim, axis, keepdim || keepdims.unwrap_or(false))
            }

            $(#[$index_doc])*
            #[pyo3(signature = (dim=None, keepdim=false, *, axis=None, keepdims=None))]
            fn $index(
                &self,
                dim: Option<i64>,
                keepdim: bool,
                axis: Option<i64>,
                keepdims: Option<bool>,
            ) -> PyResult<PyTensor> {
                let axis = either(stringify!($index), ["dim", "axis"], dim, axis)?;
                let indices = self.value()?.$index(axis, keepdim || keepdims.unwrap_or(false));
                Ok(indices.named(stringify!($index))?.into())
            }

            $(#[$running_doc])*
            fn $running<'py>(&self, py: Python<'py>, dim: i64) -> PyResult<Bound<'py, PyAny>> {
                let (values, indices) = self.value()?.$running(dim).named(stringify!($running))?;
                pair(py, stringify!($running), values, indices)
            })*
        }
    };
}
extremes! {
    /// The largest element; along `dim` the largest ones and their indices; with a tensor the element-wise maximum.
    max
    /// The index of the first largest element: along `dim`, or in row-major order.
    argmax
    /// Running maxima along an axis, and their indices.
    cummax;
    /// The smallest element; along `dim` the smallest ones and their indices; with a tensor the element-wise minimum.
    min
    /// The index of the first smallest element: along `dim`, or in row-major order.
    argmin
    /// Running minima along an axis, and their indices.
    cummin;
}

macro_rules! running {
    ($($(#[$doc:meta])* $name:ident;)*) => {
        #[pymethods]
        impl PyTensor {
            $($(#[$doc])*
            #[pyo3(signature = (dim=None, *, dtype=None, axis=None))]
            fn $name(
                &self,
                dim: Option<i64>,
                dtype: Option<DTypeArgument>,
                axis: Option<i64>,
            ) -> PyResult<PyTensor> {
                let axis = needed_axis(stringify!($name), dim, axis)?;
                Ok(self.value()?.$name(axis, dtype.map(|dtype| dtype.0)).named(stringify!($name))?.into())
            })*
        }
    };
}
running! {
    /// Running sums along an axis.
    cumsum;
    /// Running products along an axis.
    cumprod;
}

macro_rules! scaled_sums {
    ($($(#[$doc:meta])* $name:ident $in_place:ident negative $negative:literal;)*) => {
        #[pymethods]
        impl PyTensor {
            $($(#[$doc])*
            #[pyo3(signature = (other, *, alpha=None))]
            fn $name(&self, other: PyArgument, alpha: Option<ScalarArgument>) -> PyResult<PyTensor> {
                Ok(scaled_sum(&self.value()?, &other, alpha, $negative).named(stringify!($name))?.into())
            }

            #[doc = "In place: see the method without `_`."]
            #[pyo3(signature = (other, *, alpha=None))]
            fn $in_place<'py>(
                slf: &Bound<'py, Self>,
                other: PyArgument,
                alpha: Option<ScalarArgument>,
            ) -> Outcome<Bound<'py, Self>> {
                PyTensor::update_beside(slf, stringify!($name), &[other.as_argument()], |value| {
                    scaled_sum(value, &other, alpha, $negative)
                })
            })*
        }
    };
}
scaled_sums! {
    /// The sum of `self` and `alpha` times `other`.
    add add_ negative false;
    /// The difference of `self` and `alpha` times `other`.
    subtract subtract_ negative true;
    /// The same as `subtract`.
    sub sub_ negative true;
}

macro_rules! quotients {
    ($($(#[$doc:meta])* $name:ident $in_place:ident;)*) => {
        #[pymethods]
        impl PyTensor {
            $($(#[$doc])*
            #[pyo3(signature = (other, *, rounding_mode=None))]
            fn $name(&self, other: PyArgument, rounding_mode: Option<&str>) -> PyResult<PyTensor> {
                Ok(quotient(&self.value()?, &other, rounding_mode).named(stringify!($name))?.into())
            }

            #[doc = "In place: see the method without `_`."]
            #[pyo3(signature = (other, *, rounding_mode=None))]
            fn $in_place<'py>(
                slf: &Bound<'py, Self>,
                other: PyArgument,
                rounding_mode: Option<&str>,
            ) -> Outcome<Bound<'py, Self>> {
                PyTensor::update_beside(slf, stringify!($name), &[other.as_argument()], |value| {
                    quotient(value, &other, rounding_mode)
                })
            })*
        }
    };
}
quotients! {
    /// The quotient; rounded with `rounding_mode` "trunc" or "floor".
    divide divide_;
    /// The same as `divide`.
    div div_;
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
        let (values, indices) = slf.get().value()?.median(dim, keepdim).named("median")?;
        match dim {
            None => Ok(PyTensor::from(values).into_object(slf.py())?.into_any()),
            Some(_) => pair(slf.py(), "median", values, indices),
        }
    }

    /// The elements limited to `min` and `max`: numbers or tensors.
    #[pyo3(signature = (min=None, max=None))]
    fn clamp(&self, min: Option<PyArgument>, max: Option<PyArgument>) -> PyResult<PyTensor> {
        Ok(clamped(&self.value()?, &min, &max).named("clamp")?.into())
    }

    /// The same as `clamp`.
    #[pyo3(signature = (min=None, max=None))]
    fn clip(&self, min: Option<PyArgument>, max: Option<PyArgument>) -> PyResult<PyTensor> {
        Ok(clamped(&self.value()?, &min, &max).named("clip")?.into())
    }

    /// In place: see `clamp`.
    #[pyo3(signature = (min=None, max=None))]
    fn clamp_<'py>(
        slf: &Bound<'py, Self>,
        min: Option<PyArgument>,
        max: Option<PyArgument>,
    ) -> Outcome<Bound<'py, Self>> {
        let bounds: Vec<_> = [&min, &max].into_iter().flatten().map(PyArgument::as_argument).collect();
        PyTensor::update_beside(slf, "clamp", &bounds, |value| clamped(value, &min, &max))
    }

    /// The same as `divide`, without rounding.
    fn true_divide(&self, other: PyArgument) -> PyResult<PyTensor> {
        Ok(quotient(&self.value()?, &other, None).named("true_divide")?.into())
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

/// What `max` and `min` give: the one element, those along an axis with their indices, or of two tensors.
pub fn extreme<'py>(
    slf: &Bound<'py, PyTensor>,
    name: &'static str,
    dim: Option<&Bound<'py, PyAny>>,
    axis: Option<i64>,
    keep: bool,
) -> PyResult<Bound<'py, PyAny>> {
    let py = slf.py();
    let value = slf.get().value()?;
    let tensor = |value: tenfold::Result<Tensor>| -> PyResult<Bound<'py, PyAny>> {
        Ok(PyTensor::from(value.named(name)?).into_object(py)?.into_any())
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
            let (values, indices) = found.named(name)?;
            pair(py, name, values, indices)
        }
    }
}

fn clamped(value: &Tensor, min: &Option<PyArgument>, max: &Option<PyArgument>) -> tenfold::Result<Tensor> {
    value.clamp(min.as_ref().map(PyArgument::as_argument), max.as_ref().map(PyArgument::as_argument))
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
