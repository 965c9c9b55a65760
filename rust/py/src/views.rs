//! Methods that give views: the same elements in another layout. As in PyTorch, changing a view changes its base.

use std::sync::Arc;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use tenfold::ir::normalize_axis;
use tenfold::{Error, Layout, Shape};

use crate::cell::{make_view, region_of, region_of_moved};
use crate::convert::{Integers, either, integers_of};
use crate::errors::{Named, Outcome, to_python};
use crate::tensor::PyTensor;

/// A view under another shape, or a tensor of its own where that needs a copy.
pub fn reshaped(slf: &Bound<'_, PyTensor>, extents: &[i64]) -> Outcome<PyTensor> {
    let value = slf.get().cell.value()?;
    let result = value.reshape(extents)?;
    let region = match region_of_moved(slf.get(), &value, &result) {
        Some(known) => Some(known),
        None => region_of(slf.get())?.reshape(result.shape()).map(Arc::new),
    };
    match region {
        Some(region) => Ok(make_view(slf, result, region, false)),
        None => Ok(result.into()),
    }
}

/// A view under another shape; an error where that needs a copy.
pub fn viewed(slf: &Bound<'_, PyTensor>, extents: &[i64]) -> Outcome<PyTensor> {
    let value = slf.get().cell.value()?;
    let wanted = value.reshape(extents).named("view")?;
    match region_of(slf.get())?.reshape(wanted.shape()) {
        Some(region) => Ok(make_view(slf, wanted, region, false)),
        None => {
            Err(Error::shape("view", format!("shape {extents:?} needs a copy; got shape {}", value.shape()))
                .hint("use reshape")
                .into())
        }
    }
}

/// A view with the axes in a new order.
pub fn permuted(slf: &Bound<'_, PyTensor>, axes: &[i64]) -> Outcome<PyTensor> {
    let rank = rank(slf)?;
    // The engine checks that each axis is named once.
    slf.get().cell.value()?.permute(axes)?;
    let order: Vec<usize> =
        axes.iter().map(|&axis| normalize_axis("permute", axis, rank)).collect::<tenfold::Result<_>>()?;
    reordered(slf, &order)
}

/// A view repeated along axes of extent 1; −1 keeps an extent.
pub fn expanded(slf: &Bound<'_, PyTensor>, sizes: &[i64]) -> Outcome<PyTensor> {
    let value = slf.get().cell.value()?;
    let wrong = || Error::shape("expand", format!("shape {} does not expand to {sizes:?}", value.shape()));
    let shift = sizes.len().checked_sub(value.rank()).ok_or_else(wrong)?;
    let mut extents = Vec::new();
    for (axis, &size) in sizes.iter().enumerate() {
        extents.push(match size {
            -1 if axis >= shift => value.shape()[axis - shift],
            0.. => size as usize,
            _ => return Err(wrong().into()),
        });
    }
    let moved = value.broadcast_to(&extents).map_err(|_| wrong())?;
    let region = region_of(slf.get())?.broadcast_to(moved.shape()).ok_or_else(wrong)?;
    Ok(make_view(slf, moved, region, false))
}

/// The views along an axis, without it.
pub fn unbound<'py>(slf: &Bound<'py, PyTensor>, dim: i64) -> Outcome<Vec<PyTensor>> {
    let value = slf.get().cell.value()?;
    let axis = normalize_axis("unbind", dim, value.rank())?;
    (0..value.shape()[axis] as i64).map(|index| PyTensor::select(slf, dim, index)).collect()
}

fn reordered(slf: &Bound<'_, PyTensor>, order: &[usize]) -> Outcome<PyTensor> {
    let axes: Vec<i64> = order.iter().map(|&axis| axis as i64).collect();
    PyTensor::moved(slf, |value| value.permute(&axes), |region| region.permute(order))
}

/// The shape of a tensor as extents that a view may take.
fn extents_of(tensor: &Bound<'_, PyTensor>) -> Outcome<Vec<i64>> {
    Ok(tensor.get().cell.value()?.shape().iter().map(|&extent| extent as i64).collect())
}

fn swapped(slf: &Bound<'_, PyTensor>, a: usize, b: usize) -> Outcome<PyTensor> {
    let mut order: Vec<usize> = (0..slf.get().cell.value()?.rank()).collect();
    order.swap(a, b);
    reordered(slf, &order)
}

fn rank(slf: &Bound<'_, PyTensor>) -> Outcome<usize> {
    Ok(slf.get().cell.value()?.rank())
}

#[pymethods]
impl PyTensor {
    /// The elements under another shape; one extent may be −1. A view where that needs no copy.
    #[pyo3(signature = (*shape))]
    fn reshape(slf: &Bound<'_, Self>, shape: &Bound<'_, PyTuple>) -> PyResult<PyTensor> {
        Ok(reshaped(slf, &integers_of(shape)?)?)
    }

    /// A view under the shape of another tensor, or a copy.
    fn reshape_as(slf: &Bound<'_, Self>, other: &Bound<'_, Self>) -> PyResult<PyTensor> {
        Ok(reshaped(slf, &extents_of(other)?).named("reshape_as")?)
    }

    /// A view under another shape (one extent may be −1); an error where that needs a copy.
    #[pyo3(signature = (*shape))]
    fn view(slf: &Bound<'_, Self>, shape: &Bound<'_, PyTuple>) -> PyResult<PyTensor> {
        if shape.len() == 1
            && let Ok(dtype) = shape.get_item(0)?.extract::<PyRef<'_, crate::dtype::PyDType>>()
        {
            return Err(to_python(Error::not_implemented(
                "view",
                format!("a view in another dtype ({})", dtype.0),
            )));
        }
        Ok(viewed(slf, &integers_of(shape)?)?)
    }

    /// A view under the shape of another tensor.
    fn view_as(slf: &Bound<'_, Self>, other: &Bound<'_, Self>) -> PyResult<PyTensor> {
        Ok(viewed(slf, &extents_of(other)?).named("view_as")?)
    }

    /// Axes `start_dim` to `end_dim` as one.
    #[pyo3(signature = (start_dim=0, end_dim=-1))]
    fn flatten(slf: &Bound<'_, Self>, start_dim: i64, end_dim: i64) -> Outcome<PyTensor> {
        let value = slf.get().cell.value()?;
        if value.rank() == 0 {
            return reshaped(slf, &[1]);
        }
        let start = normalize_axis("flatten", start_dim, value.rank())?;
        let end = normalize_axis("flatten", end_dim, value.rank())?;
        if start > end {
            return Err(Error::value(
                "flatten",
                format!("start_dim {start_dim} lies behind end_dim {end_dim}"),
            )
            .into());
        }
        let shape = value.shape();
        let mut extents: Vec<i64> = shape[..start].iter().map(|&extent| extent as i64).collect();
        extents.push(shape[start..=end].iter().product::<usize>() as i64);
        extents.extend(shape[end + 1..].iter().map(|&extent| extent as i64));
        reshaped(slf, &extents)
    }

    /// One axis as several, of extents `sizes` (one may be −1).
    fn unflatten(slf: &Bound<'_, Self>, dim: i64, sizes: Integers) -> Outcome<PyTensor> {
        let value = slf.get().cell.value()?;
        let axis = normalize_axis("unflatten", dim, value.rank())?;
        let extent = value.shape()[axis] as i64;
        let known: i64 =
            sizes.0.iter().filter(|&&size| size != -1).fold(1, |all, &size| all.saturating_mul(size));
        let open = sizes.0.iter().filter(|&&size| size == -1).count();
        let fits = match open {
            0 => known == extent,
            1 => known != 0 && extent % known == 0,
            _ => false,
        };
        if !fits || sizes.0.iter().any(|&size| size < -1) {
            return Err(Error::shape(
                "unflatten",
                format!("sizes {:?} do not make axis {axis} of extent {extent}", sizes.0),
            )
            .into());
        }
        let mut extents: Vec<i64> = value.shape()[..axis].iter().map(|&extent| extent as i64).collect();
        extents.extend(sizes.0.iter().map(|&size| if size == -1 { extent / known } else { size }));
        extents.extend(value.shape()[axis + 1..].iter().map(|&extent| extent as i64));
        reshaped(slf, &extents)
    }

    /// Axes in a new order.
    #[pyo3(signature = (*dims))]
    fn permute(slf: &Bound<'_, Self>, dims: &Bound<'_, PyTuple>) -> PyResult<PyTensor> {
        Ok(permuted(slf, &integers_of(dims)?)?)
    }

    /// Two axes exchanged.
    fn transpose(slf: &Bound<'_, Self>, dim0: i64, dim1: i64) -> Outcome<PyTensor> {
        let rank = rank(slf)?;
        swapped(slf, normalize_axis("transpose", dim0, rank)?, normalize_axis("transpose", dim1, rank)?)
    }

    /// Two axes exchanged.
    fn swapaxes(slf: &Bound<'_, Self>, axis0: i64, axis1: i64) -> Outcome<PyTensor> {
        PyTensor::transpose(slf, axis0, axis1).named("swapaxes")
    }

    /// Two axes exchanged.
    fn swapdims(slf: &Bound<'_, Self>, dim0: i64, dim1: i64) -> Outcome<PyTensor> {
        PyTensor::transpose(slf, dim0, dim1).named("swapdims")
    }

    /// A matrix transposed; a tensor with fewer axes as it is.
    fn t(slf: &Bound<'_, Self>) -> Outcome<PyTensor> {
        match rank(slf)? {
            0 | 1 => reordered(slf, &(0..rank(slf)?).collect::<Vec<_>>()),
            2 => swapped(slf, 0, 1),
            rank => Err(Error::shape("t", format!("needs at most 2 axes; got {rank}"))
                .hint("use mT or transpose")
                .into()),
        }
    }

    /// A matrix transposed (array API: exactly two axes).
    #[getter]
    #[pyo3(name = "T")]
    fn transposed(slf: &Bound<'_, Self>) -> Outcome<PyTensor> {
        match rank(slf)? {
            2 => swapped(slf, 0, 1),
            rank => Err(Error::shape("T", format!("needs exactly 2 axes; got {rank}"))
                .hint("use mT or permute")
                .into()),
        }
    }

    /// Matrices transposed: the last two axes exchanged.
    #[getter]
    #[pyo3(name = "mT")]
    pub fn matrices_transposed(slf: &Bound<'_, Self>) -> Outcome<PyTensor> {
        match rank(slf)? {
            0 | 1 => Err(Error::shape("mT", "needs at least 2 axes").into()),
            rank => swapped(slf, rank - 2, rank - 1),
        }
    }

    /// Axes moved to other places.
    pub fn movedim(slf: &Bound<'_, Self>, source: Integers, destination: Integers) -> Outcome<PyTensor> {
        let rank = rank(slf)?;
        let (from, to) = (&source.0, &destination.0);
        if from.len() != to.len() {
            return Err(Error::value(
                "movedim",
                format!("needs as many sources as destinations; got {from:?}, {to:?}"),
            )
            .into());
        }
        let places = |axes: &[i64]| -> tenfold::Result<Vec<usize>> {
            let mut places = Vec::new();
            for &axis in axes {
                let axis = normalize_axis("movedim", axis, rank)?;
                if places.contains(&axis) {
                    return Err(Error::value("movedim", format!("axis {axis} appears twice; got {axes:?}")));
                }
                places.push(axis);
            }
            Ok(places)
        };
        let (from, to) = (places(from)?, places(to)?);
        let mut rest = (0..rank).filter(|axis| !from.contains(axis));
        let order: Vec<usize> = (0..rank)
            .map(|place| match to.iter().position(|&target| target == place) {
                Some(index) => from[index],
                None => rest.next().expect("as many axes as places"),
            })
            .collect();
        reordered(slf, &order)
    }

    /// Repeated along axes of extent 1 without a copy; −1 keeps an extent.
    #[pyo3(signature = (*sizes))]
    fn expand(slf: &Bound<'_, Self>, sizes: &Bound<'_, PyTuple>) -> PyResult<PyTensor> {
        Ok(expanded(slf, &integers_of(sizes)?)?)
    }

    /// Expanded to the shape of another tensor.
    fn expand_as(slf: &Bound<'_, Self>, other: &Bound<'_, Self>) -> PyResult<PyTensor> {
        Ok(expanded(slf, &extents_of(other)?).named("expand_as")?)
    }

    /// Without axes of extent 1: all of them, or the given ones among them.
    #[pyo3(signature = (dim=None))]
    pub fn squeeze(slf: &Bound<'_, Self>, dim: Option<Integers>) -> Outcome<PyTensor> {
        let value = slf.get().cell.value()?;
        let axes: Vec<i64> = match dim {
            None => (0..value.rank() as i64).filter(|&axis| value.shape()[axis as usize] == 1).collect(),
            Some(given) => {
                let axes = tenfold::ir::normalize_axes("squeeze", &given.0, value.rank())?;
                axes.iter().filter(|&&axis| value.shape()[axis] == 1).map(|&axis| axis as i64).collect()
            }
        };
        PyTensor::moved(
            slf,
            |value| value.squeeze(&axes),
            |region| axes.iter().rev().fold(region.clone(), |region, &axis| region.select(axis as usize, 0)),
        )
    }

    /// A new axis of extent 1.
    pub fn unsqueeze(slf: &Bound<'_, Self>, dim: i64) -> Outcome<PyTensor> {
        let axis = normalize_axis("unsqueeze", dim, rank(slf)? + 1)?;
        PyTensor::moved(slf, |value| value.unsqueeze(dim), |region| region.insert_axis(axis))
    }

    /// Without an axis, at an index along it.
    fn select(slf: &Bound<'_, Self>, dim: i64, index: i64) -> Outcome<PyTensor> {
        let value = slf.get().cell.value()?;
        let axis = normalize_axis("select", dim, value.rank())?;
        let extent = value.shape()[axis] as i64;
        PyTensor::moved(
            slf,
            |value| value.select(dim, index),
            |region| region.select(axis, (if index < 0 { index + extent } else { index }) as usize),
        )
    }

    /// `length` elements along an axis from `start`.
    fn narrow(slf: &Bound<'_, Self>, dim: i64, start: i64, length: usize) -> Outcome<PyTensor> {
        let value = slf.get().cell.value()?;
        let axis = normalize_axis("narrow", dim, value.rank())?;
        let extent = value.shape()[axis] as i64;
        let start = if start < 0 { start + extent } else { start };
        if start < 0 || start > extent || length > (extent - start) as usize {
            return Err(Error::index(
                "narrow",
                format!("{length} elements from {start} exceed axis {axis} of extent {extent}"),
            )
            .into());
        }
        let start = start as usize;
        PyTensor::moved(
            slf,
            |value| value.slice(dim, start, 1, length),
            |region| region.slice(axis, start, 1, length),
        )
    }

    /// The diagonal of two axes, as a new last axis.
    #[pyo3(signature = (offset=0, dim1=0, dim2=1))]
    fn diagonal(slf: &Bound<'_, Self>, offset: i64, dim1: i64, dim2: i64) -> Outcome<PyTensor> {
        let rank = rank(slf)?;
        let (a, b) = (normalize_axis("diagonal", dim1, rank)?, normalize_axis("diagonal", dim2, rank)?);
        PyTensor::moved(
            slf,
            |value| value.diagonal(offset, dim1, dim2),
            |region| region.diagonal(offset, a, b),
        )
    }

    /// All windows of `size` along an axis in steps of `step`, as a new last axis.
    fn unfold(slf: &Bound<'_, Self>, dimension: i64, size: usize, step: usize) -> Outcome<PyTensor> {
        let axis = normalize_axis("unfold", dimension, rank(slf)?)?;
        PyTensor::moved(
            slf,
            |value| value.unfold(dimension, size, step),
            |region| region.unfold(axis, size, step),
        )
    }

    /// Any strides over the base's elements.
    #[pyo3(signature = (size, stride, storage_offset=None))]
    fn as_strided(
        slf: &Bound<'_, Self>,
        size: Integers,
        stride: Integers,
        storage_offset: Option<i64>,
    ) -> PyResult<PyTensor> {
        let extents = size.extents("as_strided")?;
        if extents.len() != stride.0.len() {
            return Err(to_python(Error::value("as_strided", "needs as many strides as extents")));
        }
        let own = region_of(slf.get()).map_err(to_python)?;
        let offset = storage_offset.unwrap_or(own.offset());
        let shape = Shape::checked("as_strided", &extents).map_err(to_python)?;
        let region = Layout::strided(shape, stride.0.iter().copied().collect(), offset);
        let base = match slf.get().cell.viewed() {
            Some(view) => view.base.get().value()?,
            None => slf.get().value()?,
        };
        let value = base.region(&region).map_err(to_python)?;
        Ok(make_view(slf, value, region, false))
    }

    /// The elements along an axis, one tensor (view) each.
    #[pyo3(signature = (dim=0))]
    fn unbind<'py>(slf: &Bound<'py, Self>, dim: i64) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(slf.py(), unbound(slf, dim)?)
    }

    /// Views of `split_size_or_sections` elements each along an axis (the last may be shorter), or of the given sizes.
    #[pyo3(signature = (split_size_or_sections, dim=0))]
    fn split<'py>(
        slf: &Bound<'py, Self>,
        split_size_or_sections: Integers,
        dim: i64,
    ) -> PyResult<Bound<'py, PyTuple>> {
        let value = slf.get().value()?;
        let axis = normalize_axis("split", dim, value.rank()).map_err(to_python)?;
        let extent = value.shape()[axis];
        let sizes = split_size_or_sections.extents("split")?;
        let sizes = match sizes.as_slice() {
            [size] if *size > 0 && *size != extent => {
                (0..extent).step_by(*size).map(|start| (*size).min(extent - start)).collect()
            }
            _ => sizes,
        };
        if sizes.iter().sum::<usize>() != extent {
            return Err(to_python(Error::value(
                "split",
                format!("sizes {sizes:?} do not add up to the extent {extent} of axis {axis}"),
            )));
        }
        let mut start = 0;
        let mut parts = Vec::new();
        for size in sizes {
            parts.push(PyTensor::narrow(slf, dim, start, size)?);
            start += size as i64;
        }
        PyTuple::new(slf.py(), parts)
    }

    /// At most `chunks` views of equal length along an axis.
    #[pyo3(signature = (chunks, dim=0))]
    fn chunk<'py>(slf: &Bound<'py, Self>, chunks: usize, dim: i64) -> PyResult<Bound<'py, PyTuple>> {
        if chunks == 0 {
            return Err(to_python(Error::value("chunk", "needs at least one chunk")));
        }
        let value = slf.get().value()?;
        let axis = normalize_axis("chunk", dim, value.rank()).map_err(to_python)?;
        let size = value.shape()[axis].div_ceil(chunks).max(1);
        PyTensor::split(slf, Integers(vec![size as i64]), dim)
    }

    /// Iterates over the first axis.
    fn __iter__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        if slf.get().value()?.rank() == 0 {
            return Err(PyTypeError::new_err("iter: a 0-dimensional tensor cannot be iterated over"));
        }
        Ok(PyTensor::unbind(slf, 0)?.try_iter()?.into_any())
    }

    /// The extents as a tuple, or one of them.
    #[pyo3(name = "_extents", signature = (dim=None, axis=None))]
    fn extents<'py>(
        slf: &Bound<'py, Self>,
        dim: Option<i64>,
        axis: Option<i64>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let value = slf.get().value()?;
        match either("size", ["dim", "axis"], dim, axis)? {
            None => Ok(PyTuple::new(slf.py(), value.shape().iter())?.into_any()),
            Some(axis) => {
                let axis = normalize_axis("size", axis, value.rank()).map_err(to_python)?;
                Ok(value.shape()[axis].into_pyobject(slf.py())?.into_any())
            }
        }
    }
}
