//! Copies of tensors: by methods, by the module `copy`, and by pickling.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyTuple, PyType};
use tenfold::{DType, Error, Tensor};

use crate::cell::{make_view, region_of};
use crate::convert::TensorArgument;
use crate::create::finished;
use crate::dtype::{DTypeArgument, dtype_object};
use crate::errors::{Outcome, to_python};
use crate::tensor::PyTensor;

/// A leaf of class `class` (`Tensor` or a subclass of it) with this value.
fn leaf_of_class<'py>(
    class: &Bound<'py, PyType>,
    value: Tensor,
    requires_grad: bool,
) -> PyResult<Bound<'py, PyAny>> {
    let py = class.py();
    let base = py.get_type::<PyTensor>();
    let plain = PyTensor::from(value).into_object(py)?.into_any();
    // Not the subclass's own `__new__`: it may take other arguments.
    let object = if class.is(&base) { plain } else { base.call_method1("__new__", (class, plain))? };
    if requires_grad {
        object.call_method1("requires_grad_", (true,))?;
    }
    Ok(object)
}

/// The attributes that an object of a subclass has; None for a plain tensor.
fn attributes<'py>(object: &Bound<'py, PyTensor>) -> PyResult<Option<Bound<'py, PyDict>>> {
    let Some(attributes) = object.getattr_opt("__dict__")? else { return Ok(None) };
    let attributes = attributes.cast_into::<PyDict>()?;
    Ok(if attributes.is_empty() { None } else { Some(attributes) })
}

/// Makes a pickled tensor again.
#[pyfunction]
#[pyo3(name = "_rebuild_tensor", signature = (of_class, data, shape, dtype, requires_grad, /))]
fn rebuild_tensor<'py>(
    of_class: &Bound<'py, PyType>,
    data: &[u8],
    shape: Vec<usize>,
    dtype: DTypeArgument,
    requires_grad: bool,
) -> PyResult<Bound<'py, PyAny>> {
    let value = Tensor::from_bytes(data, &shape, dtype.0).map_err(to_python)?;
    leaf_of_class(of_class, value, requires_grad)
}

/// Adds the functions to the module.
pub fn add_copying(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(rebuild_tensor, module)?)
}

#[pymethods]
impl PyTensor {
    /// A copy; gradients flow through it.
    #[pyo3(name = "clone")]
    fn cloned(&self) -> Outcome<PyTensor> {
        Ok(self.cell.value()?.copy()?.into())
    }

    /// The tensor itself where its elements lie densely in row-major order, else a copy of which this holds.
    fn contiguous<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, Self>> {
        if region_of(slf.get()).map_err(to_python)?.is_contiguous() {
            return Ok(slf.clone());
        }
        finished(slf.py(), "contiguous", slf.get().value()?.copy(), false)
    }

    /// Takes the elements of `src`, broadcast to this shape and converted to this dtype.
    ///
    /// The copy is always complete when the call returns, `non_blocking` or not.
    #[pyo3(signature = (src, non_blocking=false))]
    fn copy_<'py>(
        slf: &Bound<'py, Self>,
        src: TensorArgument,
        non_blocking: bool,
    ) -> Outcome<Bound<'py, Self>> {
        let _same_either_way = non_blocking;
        PyTensor::update(slf, "copy_", |value| {
            let source = src.0.cast(value.dtype())?;
            source.broadcast_to(value.shape()).map_err(|error| error.in_operation("copy_"))
        })
    }

    /// The number of elements, which can also be called: `x.size()` is the shape, `x.size(0)` an extent of it.
    #[getter]
    fn size<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
        let class = CLASS.import(slf.py(), "tenfold._size", "Size")?;
        class.call1((slf.get().value()?.elements(), slf.getattr("_extents")?))
    }

    /// Another tensor over the same elements, as `copy.copy` makes it; a tensor of its own for a subclass.
    fn __copy__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let class = slf.get_type();
        let value = slf.get().value()?;
        if !class.is(slf.py().get_type::<PyTensor>()) {
            let object = leaf_of_class(&class, value.detach(), value.requires_grad())?;
            if let Some(attributes) = attributes(slf)? {
                object.getattr("__dict__")?.call_method1("update", (attributes,))?;
            }
            return Ok(object);
        }
        let region = region_of(slf.get()).map_err(to_python)?;
        let leaf = value.is_leaf();
        let requires_grad = value.requires_grad();
        let value = if leaf { value.detach() } else { value };
        let object = Bound::new(slf.py(), make_view(slf, value, region, leaf))?.into_any();
        if leaf && requires_grad {
            object.call_method1("requires_grad_", (true,))?;
        }
        Ok(object)
    }

    /// A tensor of its own with the same elements, gradient and attributes, as `copy.deepcopy` makes it.
    fn __deepcopy__<'py>(slf: &Bound<'py, Self>, memo: &Bound<'py, PyDict>) -> PyResult<Bound<'py, PyAny>> {
        let key = slf.as_ptr() as usize;
        if let Some(copied) = memo.get_item(key)? {
            return Ok(copied);
        }
        let value = slf.get().value()?;
        if !value.is_leaf() {
            return Err(to_python(
                Error::state("deepcopy", "only leaf tensors can be copied deeply; this one is a result")
                    .hint("use clone() or detach()"),
            ));
        }
        let plain = value.detach().copy().map_err(to_python)?;
        let object = leaf_of_class(&slf.get_type(), plain, value.requires_grad())?;
        memo.set_item(key, &object)?;
        let deepcopy = slf.py().import("copy")?.getattr("deepcopy")?;
        if let Some(grad) = slf.get().cell.grad(slf.py()) {
            object.setattr("grad", deepcopy.call1((grad, memo))?)?;
        }
        if let Some(attributes) = attributes(slf)? {
            object.getattr("__dict__")?.call_method1("update", (deepcopy.call1((attributes, memo))?,))?;
        }
        Ok(object)
    }

    /// Pickled as class, bytes, shape, dtype and whether it requires a gradient; a result comes back as a leaf.
    fn __reduce_ex__<'py>(
        slf: &Bound<'py, Self>,
        _protocol: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyTuple>> {
        let py = slf.py();
        let value = slf.get().value()?;
        let requires_grad = value.requires_grad();
        let dense = value.detach().contiguous().map_err(to_python)?;
        let data = bytes_of(py, &dense).map_err(to_python)?;
        let shape = PyTuple::new(py, dense.shape().iter())?;
        let dtype: DType = dense.dtype();
        let arguments = (slf.get_type(), data, shape, dtype_object(py, dtype)?, requires_grad);
        let rebuild = py.import("tenfold._core")?.getattr("_rebuild_tensor")?;
        (rebuild, arguments, attributes(slf)?).into_pyobject(py)
    }
}

/// The elements of a dense tensor.
fn bytes_of<'py>(py: Python<'py>, dense: &Tensor) -> tenfold::Result<Bound<'py, PyBytes>> {
    let (buffer, _) = dense.buffer()?;
    let size = dense.elements() * dense.dtype().size();
    Ok(PyBytes::new(py, &buffer.bytes()?[..size]))
}
