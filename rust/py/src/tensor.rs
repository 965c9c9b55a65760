//! The class `tenfold.Tensor`: object, properties, operators.

use std::sync::Arc;

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::pyclass::CompareOp;
use pyo3::types::{PyTuple, PyType};
use tenfold::{Argument, Error, Layout, Operation, Scalar, Shape, Tensor};

use crate::cell::{Cell, Operand, make_view, region_of, region_of_moved};
use crate::convert::{PyArgument, plain_number};
use crate::dtype::{PyDType, dtype_object};
use crate::errors::{Named, Outcome, to_python};

/// An n-dimensional array of numbers of one dtype, with gradients.
// With its base named, the class leaves the way to a Python object to us: see `into_object`.
#[pyclass(name = "Tensor", module = "tenfold", frozen, subclass, weakref, extends = PyAny)]
pub struct PyTensor {
    pub(crate) cell: Cell,
}

impl<'py> IntoPyObject<'py> for PyTensor {
    type Target = PyTensor;
    type Output = Bound<'py, PyTensor>;
    type Error = PyErr;

    fn into_pyobject(self, py: Python<'py>) -> PyResult<Bound<'py, PyTensor>> {
        self.into_object(py)
    }
}

impl From<Tensor> for PyTensor {
    fn from(value: Tensor) -> PyTensor {
        PyTensor::of_cell(Cell::new(value))
    }
}

impl PyTensor {
    pub(crate) fn of_cell(cell: Cell) -> PyTensor {
        PyTensor { cell }
    }

    /// A plain tensor, which Python's collector leaves alone: it can be part of no cycle that the collector could
    /// break, and going through many thousands of tensors costs more than making them did.
    pub(crate) fn into_object(self, py: Python<'_>) -> PyResult<Bound<'_, PyTensor>> {
        let object = Bound::new(py, self)?;
        // SAFETY: the object was made with a collector's header, as all objects of this class are, and nobody else
        // knows it yet.
        unsafe { pyo3::ffi::PyObject_GC_UnTrack(object.as_ptr().cast()) };
        Ok(object)
    }

    /// The present value with its gradient edge.
    #[inline]
    pub(crate) fn value(&self) -> PyResult<Tensor> {
        self.cell.value().map_err(to_python)
    }

    /// The same for an operation that only reads it.
    #[inline]
    pub(crate) fn operand<'py>(&'py self, py: Python<'py>) -> PyResult<Operand<'py>> {
        self.cell.operand(py).map_err(to_python)
    }

    /// An in-place operation: replaces the value by `compute` of it, converted to the tensor's dtype.
    pub(crate) fn update<'py>(
        slf: &Bound<'py, Self>,
        operation: &'static str,
        compute: impl FnOnce(&Tensor) -> tenfold::Result<Tensor>,
    ) -> Outcome<Bound<'py, Self>> {
        PyTensor::update_beside(slf, operation, &[], compute)
    }

    /// The same of an operation on further operands, which must not broadcast the tensor itself: asked before anything is
    /// recorded, for a large result would be computed at once.
    pub(crate) fn update_beside<'py>(
        slf: &Bound<'py, Self>,
        operation: &'static str,
        operands: &[Argument<'_>],
        compute: impl FnOnce(&Tensor) -> tenfold::Result<Tensor>,
    ) -> Outcome<Bound<'py, Self>> {
        let before = slf.get().cell.value()?;
        for operand in operands {
            if let Argument::Tensor(operand) = operand
                && let Some(shape) = before.shape().broadcast(operand.shape())
                && shape != *before.shape()
            {
                return Err(does_not_fit(operation, &shape, before.shape()).into());
            }
        }
        let result = compute(&before).named(operation)?;
        PyTensor::store(slf, operation, &before, &result)?;
        Ok(slf.clone())
    }

    /// Replaces the value `before` by `result`, converted to the tensor's dtype: apart from what computes it, for there is
    /// one of that for each operation.
    fn store(
        slf: &Bound<'_, Self>,
        operation: &'static str,
        before: &Tensor,
        result: &Tensor,
    ) -> Outcome<()> {
        if result.shape() != before.shape() {
            return Err(does_not_fit(operation, result.shape(), before.shape()).into());
        }
        let (from, to) = (result.dtype(), before.dtype());
        if from.category() > to.category() && to != from {
            return Err(Error::dtype(
                operation,
                format!("a result of dtype {from} cannot be stored in {to}"),
            )
            .into());
        }
        slf.get().cell.assign(operation, result.cast(to)?)?;
        Ok(())
    }

    /// A view by a movement that is the same on values and layouts.
    pub(crate) fn moved(
        slf: &Bound<'_, Self>,
        value: impl FnOnce(&Tensor) -> tenfold::Result<Tensor>,
        region: impl FnOnce(&Layout) -> Layout,
    ) -> Outcome<PyTensor> {
        let source = slf.get().cell.value()?;
        let moved = value(&source)?;
        let region = match region_of_moved(slf.get(), &source, &moved) {
            Some(known) => known,
            None => Arc::new(region(&region_of(slf.get())?)),
        };
        Ok(make_view(slf, moved, region, false))
    }
}

/// The result of a binary operator: `NotImplemented` where the other operand is none of ours.
fn binary(
    operation: Operation,
    slf: &PyTensor,
    other: &Bound<'_, PyAny>,
    reflected: bool,
) -> PyResult<Py<PyAny>> {
    let py = other.py();
    // Numbers first: to see that they are no tensor is to go through the bases of their class.
    if let Some(number) = plain_number(other) {
        let value = slf.operand(py)?;
        let (own, other) = (Argument::Tensor(&value), Argument::Scalar(number));
        return applied(py, operation, &if reflected { [other, own] } else { [own, other] });
    }
    if let Ok(tensor) = other.cast::<PyTensor>() {
        let (own, other) = (slf.operand(py)?, tensor.get().operand(py)?);
        let operands = if reflected { [&*other, &*own] } else { [&*own, &*other] };
        return applied(py, operation, &operands.map(Argument::Tensor));
    }
    let argument = match PyArgument::of_other(other) {
        Ok(argument) => argument,
        // A number too large for any dtype is a mistake, not another type.
        Err(error) if other.is_instance_of::<pyo3::types::PyInt>() => return Err(error),
        Err(_) => return Ok(py.NotImplemented()),
    };
    let value = slf.value()?;
    let (own, other) = (Argument::Tensor(&value), argument.as_argument());
    applied(py, operation, &if reflected { [other, own] } else { [own, other] })
}

/// The error for an in-place operation that would change a tensor's shape.
fn does_not_fit(operation: &'static str, result: &Shape, tensor: &Shape) -> Error {
    Error::shape(operation, format!("the result of shape {result} does not fit the tensor of shape {tensor}"))
}

/// The object of the result of a binary operation.
#[inline]
fn applied(py: Python<'_>, operation: Operation, operands: &[Argument<'_>; 2]) -> PyResult<Py<PyAny>> {
    let result = Tensor::apply(operation, operands).map_err(to_python)?;
    Ok(PyTensor::from(result).into_object(py)?.into_any().unbind())
}

macro_rules! operators {
    ($($name:ident $reflected:ident $in_place:ident => $operation:ident;)*) => {
        #[pymethods]
        impl PyTensor {
            $(
                fn $name(&self, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
                    binary(Operation::$operation, self, other, false)
                }
                fn $reflected(&self, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
                    binary(Operation::$operation, self, other, true)
                }
                fn $in_place(slf: &Bound<'_, Self>, other: PyArgument) -> Outcome<()> {
                    PyTensor::update_beside(slf, stringify!($operation), &[other.as_argument()], |value| {
                        Tensor::apply(Operation::$operation, &[value.into(), other.as_argument()])
                    })?;
                    Ok(())
                }
            )*
        }
    };
}
operators! {
    __add__ __radd__ __iadd__ => add;
    __sub__ __rsub__ __isub__ => subtract;
    __mul__ __rmul__ __imul__ => multiply;
    __truediv__ __rtruediv__ __itruediv__ => divide;
    __floordiv__ __rfloordiv__ __ifloordiv__ => floor_divide;
    __mod__ __rmod__ __imod__ => remainder;
    __and__ __rand__ __iand__ => bitwise_and;
    __or__ __ror__ __ior__ => bitwise_or;
    __xor__ __rxor__ __ixor__ => bitwise_xor;
    __lshift__ __rlshift__ __ilshift__ => bitwise_left_shift;
    __rshift__ __rrshift__ __irshift__ => bitwise_right_shift;
}

#[pymethods]
impl PyTensor {
    fn __pow__(&self, other: &Bound<'_, PyAny>, modulo: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        if !modulo.is_none() {
            return Err(PyTypeError::new_err("pow: a modulus is not offered"));
        }
        binary(Operation::pow, self, other, false)
    }

    fn __rpow__(&self, other: &Bound<'_, PyAny>, modulo: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        if !modulo.is_none() {
            return Err(PyTypeError::new_err("pow: a modulus is not offered"));
        }
        binary(Operation::pow, self, other, true)
    }

    fn __ipow__(slf: &Bound<'_, Self>, other: PyArgument, _modulo: &Bound<'_, PyAny>) -> Outcome<()> {
        PyTensor::update_beside(slf, "pow", &[other.as_argument()], |value| {
            Tensor::apply(Operation::pow, &[value.into(), other.as_argument()])
        })?;
        Ok(())
    }

    fn __matmul__(&self, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let py = other.py();
        match other.extract::<PyArgument>() {
            Ok(PyArgument::Tensor(other)) => {
                let product = self.value()?.matmul(&other).map_err(to_python)?;
                Ok(PyTensor::from(product).into_object(py)?.into_any().unbind())
            }
            _ => Ok(py.NotImplemented()),
        }
    }

    fn __rmatmul__(&self, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let py = other.py();
        match other.extract::<PyArgument>() {
            Ok(PyArgument::Tensor(other)) => {
                let product = other.matmul(&self.value()?).map_err(to_python)?;
                Ok(PyTensor::from(product).into_object(py)?.into_any().unbind())
            }
            _ => Ok(py.NotImplemented()),
        }
    }

    fn __imatmul__(slf: &Bound<'_, Self>, other: crate::convert::TensorArgument) -> Outcome<()> {
        PyTensor::update(slf, "matmul", |value| value.matmul(&other.0))?;
        Ok(())
    }

    fn __richcmp__(&self, other: &Bound<'_, PyAny>, operator: CompareOp) -> PyResult<Py<PyAny>> {
        let operation = match operator {
            CompareOp::Eq => Operation::equal,
            CompareOp::Ne => Operation::not_equal,
            CompareOp::Lt => Operation::less,
            CompareOp::Le => Operation::less_equal,
            CompareOp::Gt => Operation::greater,
            CompareOp::Ge => Operation::greater_equal,
        };
        binary(operation, self, other, false)
    }

    fn __neg__(&self) -> Outcome<PyTensor> {
        Ok(self.cell.value()?.negative()?.into())
    }

    fn __pos__(&self) -> Outcome<PyTensor> {
        Ok(self.cell.value()?.positive()?.into())
    }

    fn __abs__(&self) -> Outcome<PyTensor> {
        Ok(self.cell.value()?.abs()?.into())
    }

    fn __invert__(&self) -> Outcome<PyTensor> {
        Ok(self.cell.value()?.bitwise_invert()?.into())
    }

    /// The object's identity: a tensor can be a key, and `==` compares elements.
    fn __hash__(slf: &Bound<'_, Self>) -> isize {
        slf.as_ptr() as isize >> 4
    }

    fn __bool__(&self) -> Outcome<bool> {
        let value = self.cell.value()?;
        if value.elements() != 1 {
            return Err(Error::value(
                "bool",
                format!("the truth of {} elements is ambiguous", value.elements()),
            )
            .hint("use any() or all()")
            .into());
        }
        Ok(value.item()?.to_bool())
    }

    fn __float__(&self) -> PyResult<f64> {
        match self.value()?.item().map_err(to_python)? {
            Scalar::Complex(_) => {
                Err(PyTypeError::new_err("float: a complex number has no single real value. Hint: use .real"))
            }
            scalar => Ok(scalar.to_f64()),
        }
    }

    fn __int__(&self) -> PyResult<i128> {
        match self.value()?.item().map_err(to_python)? {
            Scalar::Complex(_) => {
                Err(PyTypeError::new_err("int: a complex number has no single real value. Hint: use .real"))
            }
            Scalar::Float(value) if value.is_nan() => {
                Err(PyValueError::new_err("int: cannot convert NaN to an integer"))
            }
            Scalar::Float(value) if value.is_infinite() => {
                Err(pyo3::exceptions::PyOverflowError::new_err("int: cannot convert infinity to an integer"))
            }
            scalar => Ok(scalar.to_i128()),
        }
    }

    fn __complex__(&self) -> Outcome<tenfold::Complex<f64>> {
        Ok(self.cell.value()?.item()?.to_complex())
    }

    fn __index__(&self) -> PyResult<i128> {
        let value = self.value()?;
        if value.dtype().is_differentiable() || value.rank() != 0 && value.elements() != 1 {
            return Err(PyTypeError::new_err(format!(
                "index: only an integer tensor with one element is an index; got {} of shape {}",
                value.dtype(),
                value.shape()
            )));
        }
        Ok(value.item().map_err(to_python)?.to_i128())
    }

    fn __len__(&self) -> PyResult<usize> {
        let value = self.value()?;
        value
            .shape()
            .first()
            .copied()
            .ok_or_else(|| PyTypeError::new_err("len: a 0-dimensional tensor has no length"))
    }

    /// Extents along the axes, as a tuple.
    #[getter]
    fn shape<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.value()?.shape().iter())
    }

    /// The dtype of the elements.
    #[getter]
    fn dtype(&self, py: Python<'_>) -> PyResult<Py<PyDType>> {
        dtype_object(py, self.value()?.dtype())
    }

    /// The number of axes.
    #[getter]
    fn ndim(&self) -> PyResult<usize> {
        Ok(self.value()?.rank())
    }

    /// The number of axes.
    fn dim(&self) -> PyResult<usize> {
        self.ndim()
    }

    /// The number of elements.
    fn numel(&self) -> PyResult<usize> {
        Ok(self.value()?.elements())
    }

    /// Bytes an element.
    #[getter]
    fn itemsize(&self) -> PyResult<usize> {
        Ok(self.value()?.dtype().size())
    }

    /// Bytes of all elements.
    #[getter]
    fn nbytes(&self) -> PyResult<usize> {
        let value = self.value()?;
        Ok(value.elements() * value.dtype().size())
    }

    /// Strides in elements; along `dim` alone, where it is given.
    #[pyo3(signature = (dim=None))]
    fn stride<'py>(&self, py: Python<'py>, dim: Option<i64>) -> PyResult<Bound<'py, PyAny>> {
        let region = region_of(self).map_err(to_python)?;
        match dim {
            None => Ok(PyTuple::new(py, region.strides())?.into_any()),
            Some(axis) => {
                let axis = tenfold::ir::normalize_axis("stride", axis, region.rank()).map_err(to_python)?;
                Ok(region.strides()[axis].into_pyobject(py)?.into_any())
            }
        }
    }

    /// The place of the first element in the base's elements.
    fn storage_offset(&self) -> Outcome<i64> {
        Ok(region_of(self)?.offset())
    }

    /// True where the elements lie densely in row-major order.
    fn is_contiguous(&self) -> Outcome<bool> {
        Ok(region_of(self)?.is_contiguous())
    }

    /// The only element, as a Python number.
    fn item<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        scalar_object(py, self.value()?.item().map_err(to_python)?)
    }

    /// True where gradients flow through the tensor.
    #[getter]
    fn get_requires_grad(&self) -> PyResult<bool> {
        Ok(self.value()?.requires_grad())
    }

    #[setter]
    fn set_requires_grad(slf: &Bound<'_, Self>, on: bool) -> PyResult<()> {
        PyTensor::requires_grad_(slf, on).map(|_| ())
    }

    /// Lets gradients flow to the tensor, or not; it must be a leaf.
    #[pyo3(signature = (requires_grad=true))]
    fn requires_grad_<'py>(slf: &Bound<'py, Self>, requires_grad: bool) -> PyResult<Bound<'py, Self>> {
        let value = slf.get().value()?;
        if value.requires_grad() == requires_grad {
            return Ok(slf.clone());
        }
        if !value.is_leaf() {
            return Err(to_python(
                Error::state("requires_grad_", "only leaf tensors can stop requiring a gradient")
                    .hint("use detach()"),
            ));
        }
        let value =
            if requires_grad { value.requires_gradient().map_err(to_python)? } else { value.detach() };
        if let Some(edge) = value.gradient_edge() {
            edge.set_owner(Arc::new(Arc::downgrade(&slf.get().cell.gradient())));
        }
        slf.get().cell.set_leaf(value);
        Ok(slf.clone())
    }

    /// True for a tensor that no operation with gradients made.
    #[getter]
    fn is_leaf(&self) -> PyResult<bool> {
        Ok(self.value()?.is_leaf())
    }

    /// How often the value was changed in place.
    #[getter]
    fn _version(&self) -> u64 {
        self.cell.version()
    }

    /// The accumulated gradient, or None.
    #[getter]
    fn get_grad(&self, py: Python<'_>) -> Option<Py<PyTensor>> {
        self.cell.grad(py)
    }

    #[setter]
    fn set_grad(&self, grad: Option<&Bound<'_, PyTensor>>) -> PyResult<()> {
        if let Some(grad) = grad {
            let (own, new) = (self.value()?, grad.get().value()?);
            if own.shape() != new.shape() || own.dtype() != new.dtype() {
                return Err(to_python(Error::shape(
                    "grad",
                    format!(
                        "a gradient has shape and dtype of its tensor ({}, {}); got {}, {}",
                        own.shape(),
                        own.dtype(),
                        new.shape(),
                        new.dtype()
                    ),
                )));
            }
        }
        self.cell.set_grad(grad.map(|grad| grad.clone().unbind()));
        Ok(())
    }

    /// The same elements without gradient; changing one changes the other.
    fn detach(slf: &Bound<'_, Self>) -> Outcome<PyTensor> {
        let value = slf.get().cell.value()?.detach();
        Ok(make_view(slf, value, region_of(slf.get())?, true))
    }

    /// The same elements without gradient; changing one changes the other.
    #[getter]
    fn get_data(slf: &Bound<'_, Self>) -> Outcome<PyTensor> {
        PyTensor::detach(slf)
    }

    #[setter]
    fn set_data(slf: &Bound<'_, Self>, data: &Bound<'_, PyTensor>) -> PyResult<()> {
        let (old, new) = (slf.get().value()?, data.get().value()?.detach());
        let new = if old.requires_grad() { new.requires_gradient().map_err(to_python)? } else { new };
        if let Some(edge) = new.gradient_edge() {
            edge.set_owner(Arc::new(Arc::downgrade(&slf.get().cell.gradient())));
        }
        slf.get().cell.set_leaf(new);
        Ok(())
    }

    /// The name of the device that holds the elements.
    #[getter]
    fn device(&self) -> &'static str {
        "cpu"
    }

    /// The package, as the array API standard's namespace.
    #[pyo3(signature = (*, api_version=None))]
    fn __array_namespace__<'py>(
        &self,
        py: Python<'py>,
        api_version: Option<&str>,
    ) -> PyResult<Bound<'py, PyAny>> {
        if let Some(version) = api_version
            && !["2021.12", "2022.12", "2023.12", "2024.12"].contains(&version)
        {
            return Err(PyValueError::new_err(format!(
                "__array_namespace__: no such version of the standard; got '{version}'. Hint: 2024.12 is offered"
            )));
        }
        Ok(py.import("tenfold")?.into_any())
    }

    /// NumPy leaves operators with a tensor to the tensor.
    #[classattr]
    #[pyo3(name = "__array_priority__")]
    fn array_priority() -> f64 {
        1000.0
    }

    #[classmethod]
    fn __class_getitem__(class: &Bound<'_, PyType>, _item: &Bound<'_, PyAny>) -> Py<PyType> {
        class.clone().unbind()
    }
}

/// A Python number.
pub fn scalar_object<'py>(py: Python<'py>, scalar: Scalar) -> PyResult<Bound<'py, PyAny>> {
    Ok(match scalar {
        Scalar::Bool(value) => value.into_pyobject(py)?.to_owned().into_any(),
        Scalar::Int(value) => match i64::try_from(value) {
            // Much faster than a number of 128 bits.
            Ok(value) => value.into_pyobject(py)?.into_any(),
            Err(_) => value.into_pyobject(py)?.into_any(),
        },
        Scalar::Float(value) => value.into_pyobject(py)?.into_any(),
        Scalar::Complex(value) => value.into_pyobject(py)?.into_any(),
    })
}
