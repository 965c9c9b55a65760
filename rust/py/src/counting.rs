//! Methods that compare, count and combine whole tensors, with torch's arguments.

use pyo3::prelude::*;
use pyo3::types::PyTuple;
use tenfold::{Between, Distinct, Error, Tensor, functional, matrix};

use crate::convert::{PyArgument, ScalarArgument, TensorArgument};
use crate::dtype::DTypeArgument;
use crate::errors::{Named, Outcome, to_python};
use crate::functions::repeated;
use crate::tensor::PyTensor;

fn between(interpolation: &str) -> tenfold::Result<Between> {
    Ok(match interpolation {
        "linear" => Between::Linear,
        "lower" => Between::Lower,
        "higher" => Between::Higher,
        "nearest" => Between::Nearest,
        "midpoint" => Between::Midpoint,
        other => {
            let names = "interpolation is 'linear', 'lower', 'higher', 'midpoint' or 'nearest'";
            return Err(Error::state("quantile", format!("{names}; got '{other}'")));
        }
    })
}

/// The values, and where it was asked for the inverse and the counts.
fn found<'py>(
    py: Python<'py>,
    distinct: &Distinct,
    return_inverse: bool,
    return_counts: bool,
) -> PyResult<Bound<'py, PyAny>> {
    let mut results = vec![PyTensor::from(distinct.values.clone())];
    if return_inverse {
        results.push(distinct.inverse().map_err(to_python)?.into());
    }
    if return_counts {
        results.push(distinct.counts().map_err(to_python)?.into());
    }
    match results.len() {
        1 => Ok(results.remove(0).into_object(py)?.into_any()),
        _ => Ok(PyTuple::new(py, results)?.into_any()),
    }
}

/// `value + scale · a · b`, or the quotient of `a` and `b`.
fn plus_scaled(
    value: &Tensor,
    a: &Tensor,
    b: &Tensor,
    scale: Option<ScalarArgument>,
    divided: bool,
) -> tenfold::Result<Tensor> {
    if divided && !(a.dtype().is_floating() || b.dtype().is_floating() || value.dtype().is_complex()) {
        return Err(Error::dtype(
            "addcdiv",
            "integers do not divide here. Hint: convert one to a floating dtype",
        ));
    }
    let scaled = scale.map_or(Ok(a.clone()), |scale| a.multiply(scale.0))?;
    value.add(&if divided { scaled.divide(b)? } else { scaled.multiply(b)? })
}

#[pymethods]
impl PyTensor {
    /// True if both have the same shape and equal elements; NaN equals nothing. (The function `equal` compares element by
    /// element, as `eq` does.)
    fn equal(&self, other: TensorArgument) -> Outcome<bool> {
        let value = self.cell.value()?.detach();
        if value.shape() != other.0.shape() {
            return Ok(false);
        }
        let same = value.equal(&other.0.detach()).named("equal")?;
        Ok(same.all(None, false).named("equal")?.item()?.to_bool())
    }

    /// The number of elements.
    fn nelement(&self) -> Outcome<usize> {
        Ok(self.cell.value()?.elements())
    }

    /// The number of axes.
    fn ndimension(&self) -> Outcome<usize> {
        Ok(self.cell.value()?.rank())
    }

    /// `exp(x) / Σ exp(x)` along `dim`; converted to `dtype` first, where given.
    #[pyo3(signature = (dim, dtype=None))]
    fn softmax(&self, dim: i64, dtype: Option<DTypeArgument>) -> Outcome<PyTensor> {
        Ok(functional::softmax(&self.cell.value()?, dim, dtype.map(|dtype| dtype.0))?.into())
    }

    /// `x − log Σ exp(x)` along `dim`; converted to `dtype` first, where given.
    #[pyo3(signature = (dim, dtype=None))]
    fn log_softmax(&self, dim: i64, dtype: Option<DTypeArgument>) -> Outcome<PyTensor> {
        Ok(functional::log_softmax(&self.cell.value()?, dim, dtype.map(|dtype| dtype.0))?.into())
    }

    /// With `value · tensor1 · tensor2` added.
    #[pyo3(signature = (tensor1, tensor2, *, value=None))]
    fn addcmul(
        &self,
        tensor1: TensorArgument,
        tensor2: TensorArgument,
        value: Option<ScalarArgument>,
    ) -> Outcome<PyTensor> {
        Ok(plus_scaled(&self.cell.value()?, &tensor1.0, &tensor2.0, value, false).named("addcmul")?.into())
    }

    /// In place: see `addcmul`.
    #[pyo3(signature = (tensor1, tensor2, *, value=None))]
    fn addcmul_<'py>(
        slf: &Bound<'py, Self>,
        tensor1: TensorArgument,
        tensor2: TensorArgument,
        value: Option<ScalarArgument>,
    ) -> Outcome<Bound<'py, Self>> {
        PyTensor::update_beside(slf, "addcmul", &[(&tensor1.0).into(), (&tensor2.0).into()], |before| {
            plus_scaled(before, &tensor1.0, &tensor2.0, value, false)
        })
    }

    /// With `value · tensor1 / tensor2` added.
    #[pyo3(signature = (tensor1, tensor2, *, value=None))]
    fn addcdiv(
        &self,
        tensor1: TensorArgument,
        tensor2: TensorArgument,
        value: Option<ScalarArgument>,
    ) -> Outcome<PyTensor> {
        Ok(plus_scaled(&self.cell.value()?, &tensor1.0, &tensor2.0, value, true).named("addcdiv")?.into())
    }

    /// In place: see `addcdiv`.
    #[pyo3(signature = (tensor1, tensor2, *, value=None))]
    fn addcdiv_<'py>(
        slf: &Bound<'py, Self>,
        tensor1: TensorArgument,
        tensor2: TensorArgument,
        value: Option<ScalarArgument>,
    ) -> Outcome<Bound<'py, Self>> {
        PyTensor::update_beside(slf, "addcdiv", &[(&tensor1.0).into(), (&tensor2.0).into()], |before| {
            plus_scaled(before, &tensor1.0, &tensor2.0, value, true)
        })
    }

    /// How often each number from 0 to the largest is in a vector of integers, or the sum of its `weights`; at least
    /// `minlength` bins.
    #[pyo3(signature = (weights=None, minlength=0))]
    fn bincount(&self, weights: Option<TensorArgument>, minlength: usize) -> Outcome<PyTensor> {
        let weights = weights.map(|weights| weights.0);
        Ok(self.cell.value()?.bincount(weights.as_ref(), minlength)?.into())
    }

    /// The distinct elements, or slices along `dim`, in ascending order; where asked for, which of them each element is,
    /// and how often each is there.
    #[pyo3(signature = (sorted=true, return_inverse=false, return_counts=false, dim=None))]
    fn unique<'py>(
        &self,
        py: Python<'py>,
        sorted: bool,
        return_inverse: bool,
        return_counts: bool,
        dim: Option<i64>,
    ) -> PyResult<Bound<'py, PyAny>> {
        // In order they always come: an unspecified order may be that one.
        let _any_order_will_do = !sorted;
        found(py, &self.value()?.unique(dim).map_err(to_python)?, return_inverse, return_counts)
    }

    /// The elements, or slices along `dim`, without those that equal the one before; where asked for, which of them each
    /// element is, and how often each is repeated.
    #[pyo3(signature = (return_inverse=false, return_counts=false, dim=None))]
    fn unique_consecutive<'py>(
        &self,
        py: Python<'py>,
        return_inverse: bool,
        return_counts: bool,
        dim: Option<i64>,
    ) -> PyResult<Bound<'py, PyAny>> {
        found(py, &self.value()?.unique_consecutive(dim).map_err(to_python)?, return_inverse, return_counts)
    }

    /// Each element, or slice along `dim`, repeated `repeats` times: a number or one each. Without `repeats` the elements
    /// themselves say how often each index is repeated.
    #[pyo3(signature = (repeats=None, dim=None, *, output_size=None))]
    fn repeat_interleave(
        slf: &Bound<'_, Self>,
        repeats: Option<&Bound<'_, PyAny>>,
        dim: Option<i64>,
        output_size: Option<usize>,
    ) -> PyResult<PyTensor> {
        let name = "repeat_interleave";
        let value = slf.get().value()?;
        let result = match repeats {
            Some(repeats) => repeated(&value, repeats, dim)?,
            None => {
                Tensor::arange(0.into(), (value.elements() as i64).into(), 1.into(), tenfold::DType::Int64)
                    .and_then(|places| places.repeat_interleave(tenfold::Repeats::List(&value), Some(0)))
            }
        };
        let result = result.named(name)?;
        let along = dim.map_or(Ok(0), |dim| tenfold::ir::normalize_axis(name, dim, value.rank()));
        let along = along.map_err(to_python)?;
        if let Some(size) = output_size.filter(|&size| result.shape()[along] != size) {
            let extent = result.shape()[along];
            return Err(to_python(Error::shape(name, format!("output_size must be {extent}; got {size}"))));
        }
        Ok(result.into())
    }

    /// The quantiles `q` (a number or a vector, from 0 to 1) along `dim`, or of all elements; NaN where any is NaN.
    #[pyo3(signature = (q, dim=None, keepdim=false, *, interpolation="linear"))]
    fn quantile(
        &self,
        q: PyArgument,
        dim: Option<i64>,
        keepdim: bool,
        interpolation: &str,
    ) -> Outcome<PyTensor> {
        let value = self.cell.value()?;
        let q = match q {
            PyArgument::Tensor(q) => q,
            PyArgument::Scalar(q) => Tensor::scalar(q, value.dtype())?,
        };
        Ok(value.quantile(&q, dim, keepdim, between(interpolation)?)?.into())
    }

    /// The sum of the diagonal of a matrix.
    fn trace(&self) -> Outcome<PyTensor> {
        Ok(self.cell.value()?.trace()?.into())
    }

    /// The inverse of square matrices; of a singular one not finite.
    fn inverse(&self) -> Outcome<PyTensor> {
        Ok(matrix::inverse(&self.cell.value()?)?.into())
    }

    /// The determinants of square matrices.
    fn det(&self) -> Outcome<PyTensor> {
        Ok(matrix::determinant(&self.cell.value()?).named("det")?.into())
    }
}
