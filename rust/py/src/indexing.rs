//! Indexing and assignment between brackets.

use std::sync::Arc;

use pyo3::exceptions::{PyIndexError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyEllipsis, PyList, PySlice, PyTuple};
use tenfold::{DType, Error, IndexItem, Operation, Tensor};

use crate::cell::{make_view, region_of, region_of_moved};
use crate::convert::{PyArgument, TensorArgument};
use crate::create::tensor_of;
use crate::errors::{Named, Outcome, to_python};
use crate::tensor::PyTensor;

/// A bound of a slice: an integer, or anything with `__index__`.
fn bound(object: &Bound<'_, PyAny>, name: &str) -> PyResult<Option<i64>> {
    let value = object.getattr(name)?;
    if value.is_none() {
        return Ok(None);
    }
    if !value.hasattr("__index__")? {
        return Err(PyTypeError::new_err(format!(
            "index: slice bounds are integers; got {}",
            value.get_type().name()?
        )));
    }
    let wide: i128 = value.call_method0("__index__")?.extract()?;
    Ok(Some(wide.clamp(i64::MIN as i128, i64::MAX as i128) as i64))
}

fn item(object: &Bound<'_, PyAny>) -> PyResult<IndexItem> {
    if object.is_none() {
        return Ok(IndexItem::NewAxis);
    }
    if object.cast::<PyEllipsis>().is_ok() {
        return Ok(IndexItem::Ellipsis);
    }
    if object.cast::<PySlice>().is_ok() {
        return Ok(IndexItem::Slice {
            start: bound(object, "start")?,
            stop: bound(object, "stop")?,
            step: bound(object, "step")?,
        });
    }
    if let Ok(truth) = object.cast::<PyBool>() {
        return Tensor::scalar(truth.is_true(), DType::Bool).map(IndexItem::Tensor).map_err(to_python);
    }
    if let Ok(tensor) = object.cast::<PyTensor>() {
        return tensor_item(tensor.get().value()?);
    }
    if let Ok(index) = object.extract::<i64>() {
        return Ok(IndexItem::Integer(index));
    }
    let sequence = object.is_instance_of::<PyList>() || object.is_instance_of::<PyTuple>();
    if sequence || object.hasattr("__array_interface__")? || object.is_instance_of::<pyo3::types::PyRange>() {
        let values = tensor_of("index", object, None)?;
        // An empty list has no dtype of its own; as an index it is a list of integers.
        let values = if values.elements() == 0 && sequence {
            values.cast(DType::Int64).map_err(to_python)?
        } else {
            values
        };
        return tensor_item(values);
    }
    Err(PyIndexError::new_err(format!(
        "index: an index is an integer, slice, None, ..., bool, or a tensor or sequence of integers or bools; got {}",
        object.get_type().name()?
    )))
}

/// An index tensor; one integer without axes is a plain index.
fn tensor_item(tensor: Tensor) -> PyResult<IndexItem> {
    // Inside vmap each sample has an index of its own.
    if tensor.rank() == 0 && tensor.dtype().is_integer() && !tensor.is_batched() {
        let index = tensor.item().map_err(to_python)?.to_i128();
        return i64::try_from(index)
            .map(IndexItem::Integer)
            .map_err(|_| PyIndexError::new_err(format!("index: {index} is out of range")));
    }
    Ok(IndexItem::Tensor(tensor))
}

fn items(key: &Bound<'_, PyAny>) -> PyResult<Vec<IndexItem>> {
    match key.cast::<PyTuple>() {
        Ok(tuple) => tuple.iter().map(|object| item(&object)).collect(),
        Err(_) => Ok(vec![item(key)?]),
    }
}

/// Tensors for as many of the first axes; None names a whole one.
fn indices_of_axes(indices: &Bound<'_, PyAny>) -> PyResult<Vec<IndexItem>> {
    let one = |object: Bound<'_, PyAny>| {
        if object.is_none() {
            return Ok(IndexItem::ALL);
        }
        match object.cast::<PyTensor>() {
            Ok(tensor) => Ok(IndexItem::Tensor(tensor.get().value()?)),
            Err(_) => Err(PyTypeError::new_err(format!(
                "index_put: indices are tensors or None; got {}",
                object.get_type().name()?
            ))),
        }
    };
    if indices.is_instance_of::<PyTensor>() {
        return Err(PyTypeError::new_err("index_put: indices must be a tuple of tensors; got one tensor"));
    }
    indices.try_iter()?.map(|object| one(object?)).collect()
}

/// `before` with `values` written or added to the elements that `items` name.
fn put(before: &Tensor, items: &[IndexItem], values: &Tensor, accumulate: bool) -> tenfold::Result<Tensor> {
    if values.dtype().category() > before.dtype().category() {
        return Err(Error::dtype(
            "index_put",
            format!("values of dtype {} cannot be stored in {}", values.dtype(), before.dtype()),
        ));
    }
    before.index_put(items, values, accumulate)
}

/// Writes `values` to the elements that `items` name.
fn assigned(slf: &Bound<'_, PyTensor>, items: &[IndexItem], before: &Tensor, values: &Tensor) -> Outcome<()> {
    let cell = &slf.get().cell;
    // What is written to one place of an expanded tensor shows at all of its places: written to the view of these.
    if cell.repeats_elements()
        && let Some(region) = Tensor::index_layout(&region_of(slf.get())?, items)?
    {
        let named = before.index(items)?;
        let written = values.cast(before.dtype())?.broadcast_to(named.shape())?;
        let view = make_view(slf, named, region, false);
        let result = if values.elements() == 1 {
            view.cell.assign_uniform("setitem", written)
        } else {
            view.cell.assign("setitem", written)
        };
        return Ok(result?);
    }
    Ok(cell.assign("setitem", before.index_put(items, values, false)?)?)
}

#[pymethods]
impl PyTensor {
    /// The elements that integers, slices, None, ..., masks and index tensors name. Without masks and index tensors the
    /// result is a view.
    fn __getitem__(slf: &Bound<'_, Self>, key: &Bound<'_, PyAny>) -> PyResult<PyTensor> {
        let items = items(key)?;
        let source = slf.get().value()?;
        let value = source.index(&items).map_err(to_python)?;
        if items.iter().any(|item| matches!(item, IndexItem::Tensor(_))) {
            return Ok(value.into());
        }
        let region = match region_of_moved(slf.get(), &source, &value) {
            Some(known) => Some(known),
            None => {
                let region = region_of(slf.get()).map_err(to_python)?;
                Tensor::index_layout(&region, &items).map_err(to_python)?.map(Arc::new)
            }
        };
        match region {
            Some(region) => Ok(make_view(slf, value, region, false)),
            None => Ok(value.into()),
        }
    }

    /// Writes to the elements that the key names; `value` broadcasts to them and is converted to the tensor's dtype.
    fn __setitem__(slf: &Bound<'_, Self>, key: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let items = items(key)?;
        let before = slf.get().value()?;
        let values = match value.extract::<PyArgument>() {
            Ok(PyArgument::Tensor(values)) => values,
            Ok(PyArgument::Scalar(scalar)) => {
                scalar.check_fits("setitem", before.dtype()).map_err(to_python)?;
                if scalar.category() == tenfold::ir::Category::Complex && !before.dtype().is_complex() {
                    return Err(PyTypeError::new_err(format!(
                        "setitem: a complex number cannot be stored in {}",
                        before.dtype()
                    )));
                }
                Tensor::scalar(scalar, before.dtype()).map_err(to_python)?
            }
            Err(_) => tensor_of("setitem", value, None)?,
        };
        Ok(assigned(slf, &items, &before, &values).named("setitem")?)
    }

    /// With `values` written to the elements that a tuple of tensors names: one for each of the first axes, integers or
    /// masks, as between brackets. `values` broadcasts to them. With `accumulate` it is added, as often as an element is
    /// named; else the last of several writes stays.
    #[pyo3(signature = (indices, values, accumulate=false))]
    fn index_put(
        &self,
        indices: &Bound<'_, PyAny>,
        values: TensorArgument,
        accumulate: bool,
    ) -> PyResult<PyTensor> {
        let items = indices_of_axes(indices)?;
        Ok(put(&self.value()?, &items, &values.0, accumulate).map_err(to_python)?.into())
    }

    /// In place: see `index_put`.
    #[pyo3(signature = (indices, values, accumulate=false))]
    fn index_put_<'py>(
        slf: &Bound<'py, Self>,
        indices: &Bound<'_, PyAny>,
        values: TensorArgument,
        accumulate: bool,
    ) -> PyResult<Bound<'py, Self>> {
        let items = indices_of_axes(indices)?;
        Ok(PyTensor::update(slf, "index_put", |before| put(before, &items, &values.0, accumulate))?)
    }

    fn __delitem__(&self, _key: &Bound<'_, PyAny>) -> PyResult<()> {
        Err(PyTypeError::new_err("delitem: elements of a tensor cannot be deleted"))
    }

    /// True where some element equals `value`.
    fn __contains__(&self, value: PyArgument) -> PyResult<bool> {
        let own = self.value()?;
        let equal = Tensor::apply(Operation::equal, &[(&own).into(), value.as_argument()]);
        let hits = equal.map_err(to_python)?;
        Ok(hits.any(None, false).and_then(|any| any.item()).map_err(to_python)?.to_bool())
    }
}
