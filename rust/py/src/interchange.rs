//! Between tensors and other libraries' memory, by Python's buffer protocol: nothing is copied unless asked for.

use std::ffi::{CStr, CString, c_int, c_void};
use std::ptr;

use pyo3::exceptions::{PyBufferError, PyTypeError};
use pyo3::ffi;
use pyo3::prelude::*;
use tenfold::ir::{Buffer, Storage};
use tenfold::{DType, Error, Layout, Shape, Tensor};

use crate::dtype::DTypeArgument;
use crate::errors::to_python;
use crate::tensor::PyTensor;

/// Memory that a Python object lends.
struct BorrowedMemory {
    view: Box<ffi::Py_buffer>,
    /// The lowest address and the number of bytes that the view reaches.
    start: *const u8,
    size: usize,
}

// SAFETY: the memory stays where it is until the view is released, which happens with the interpreter attached; it is
// only read, and every read happens while its owner is attached to the call that caused it (see `is_borrowed`).
unsafe impl Send for BorrowedMemory {}
// SAFETY: as above; there is no interior mutability on our side.
unsafe impl Sync for BorrowedMemory {}

impl Storage for BorrowedMemory {
    fn bytes(&self) -> Option<&[u8]> {
        if self.size == 0 {
            return Some(&[]);
        }
        // SAFETY: `start` and `size` were computed from the view's shape and strides, which the exporter guarantees to
        // lie in its memory for as long as the view is held.
        Some(unsafe { std::slice::from_raw_parts(self.start, self.size) })
    }

    fn bytes_mut(&mut self) -> Option<&mut [u8]> {
        None
    }

    fn size(&self) -> usize {
        self.size
    }

    fn is_borrowed(&self) -> bool {
        true
    }
}

impl Drop for BorrowedMemory {
    fn drop(&mut self) {
        // An interpreter that is shutting down releases nothing any more.
        let _detached = Python::try_attach(|_| {
            // SAFETY: the view was filled by PyObject_GetBuffer and is released once.
            unsafe { ffi::PyBuffer_Release(&mut *self.view) }
        });
    }
}

/// The dtype of a buffer's format code, in the native byte order.
fn dtype_of_format(format: &str, item_size: usize) -> Option<DType> {
    let code = format.trim_start_matches(['@', '=']);
    let code = if cfg!(target_endian = "little") { code.trim_start_matches('<') } else { code };
    let signed = |size| match size {
        1 => Some(DType::Int8),
        2 => Some(DType::Int16),
        4 => Some(DType::Int32),
        8 => Some(DType::Int64),
        _ => None,
    };
    let unsigned = |size| match size {
        1 => Some(DType::Uint8),
        2 => Some(DType::Uint16),
        4 => Some(DType::Uint32),
        8 => Some(DType::Uint64),
        _ => None,
    };
    let dtype = match code {
        "?" => Some(DType::Bool),
        "b" | "h" | "i" | "l" | "q" | "n" => signed(item_size),
        "B" | "H" | "I" | "L" | "Q" | "N" => unsigned(item_size),
        "e" => Some(DType::Float16),
        "f" => Some(DType::Float32),
        "d" => Some(DType::Float64),
        "Zf" => Some(DType::Complex64),
        "Zd" => Some(DType::Complex128),
        _ => None,
    }?;
    (dtype.size() == item_size).then_some(dtype)
}

fn format_of_dtype(dtype: DType) -> Option<&'static CStr> {
    Some(match dtype {
        DType::Bool => c"?",
        DType::Int8 => c"b",
        DType::Int16 => c"h",
        DType::Int32 => c"i",
        DType::Int64 => c"q",
        DType::Uint8 => c"B",
        DType::Uint16 => c"H",
        DType::Uint32 => c"I",
        DType::Uint64 => c"Q",
        DType::Float16 => c"e",
        DType::Bfloat16 => return None,
        DType::Float32 => c"f",
        DType::Float64 => c"d",
        DType::Complex64 => c"Zf",
        DType::Complex128 => c"Zd",
    })
}

/// The elements of an object with a buffer (NumPy's arrays, `array.array`, `memoryview`): shared where `share` says
/// so and its alignment allows it, else copied.
pub fn tensor_of_buffer(object: &Bound<'_, PyAny>, share: bool) -> PyResult<Tensor> {
    let mut view: Box<ffi::Py_buffer> = Box::new(ffi::Py_buffer::new());
    // SAFETY: `view` is a Py_buffer to be filled; the object is alive. On failure nothing needs to be released.
    let outcome = unsafe { ffi::PyObject_GetBuffer(object.as_ptr(), &mut *view, ffi::PyBUF_FULL_RO) };
    if outcome != 0 {
        return Err(PyErr::fetch(object.py()));
    }
    let mut memory = BorrowedMemory { view, start: ptr::null(), size: 0 };
    let item_size = memory.view.itemsize as usize;
    let rank = memory.view.ndim as usize;
    let format = if memory.view.format.is_null() {
        "B".to_string()
    } else {
        // SAFETY: a format that is not null is a C string that lives as long as the view.
        unsafe { CStr::from_ptr(memory.view.format) }.to_string_lossy().into_owned()
    };
    let dtype = dtype_of_format(&format, item_size).ok_or_else(|| {
        PyTypeError::new_err(format!(
            "from_buffer: the format '{format}' with {item_size} bytes has no dtype. Hint: convert to native byte order and a numeric dtype first"
        ))
    })?;
    let (mut extents, mut strides) = (vec![0usize; rank], vec![0i64; rank]);
    let (mut low, mut high) = (0i64, 0i64);
    let mut even = true;
    for axis in 0..rank {
        // SAFETY: PyBUF_FULL_RO asks for shape and strides, which have `ndim` entries.
        let (extent, stride) = unsafe { (*memory.view.shape.add(axis), *memory.view.strides.add(axis)) };
        extents[axis] = extent as usize;
        even &= stride as i64 % item_size as i64 == 0 || extent <= 1;
        strides[axis] = stride as i64 / item_size as i64;
        let reach = (extent as i64 - 1).max(0) * stride as i64;
        if reach < 0 {
            low += reach;
        } else {
            high += reach;
        }
    }
    let shape = Shape::checked("from_buffer", &extents).map_err(to_python)?;
    if shape.is_empty_tensor() {
        return Tensor::zeros(&shape, dtype).map_err(to_python);
    }
    memory.size = (high - low) as usize + item_size;
    // SAFETY: `low` is the offset of the lowest element that shape and strides name, so it lies in the same memory.
    memory.start = unsafe { (memory.view.buf as *const u8).offset(low as isize) };
    let aligned =
        (memory.start as usize).is_multiple_of(dtype.size().min(8)) && even && low % item_size as i64 == 0;
    if !aligned {
        // Elements that do not lie on their boundaries are copied one by one.
        let bytes = copy_unaligned(&memory, &extents, item_size);
        return Tensor::from_bytes(&bytes, &shape, dtype).map_err(to_python);
    }
    let layout = Layout::strided(shape, strides.into_iter().collect(), -low / item_size as i64);
    let borrowed = Tensor::from_strided_buffer(Buffer::new(memory), layout, dtype).map_err(to_python)?;
    if share { Ok(borrowed) } else { borrowed.copy().map_err(to_python) }
}

fn copy_unaligned(memory: &BorrowedMemory, extents: &[usize], item_size: usize) -> Vec<u8> {
    let elements: usize = extents.iter().product();
    let mut bytes = Vec::with_capacity(elements * item_size);
    let mut index = vec![0usize; extents.len()];
    for _ in 0..elements {
        let mut offset = 0isize;
        for (axis, &position) in index.iter().enumerate() {
            // SAFETY: strides have an entry an axis.
            offset += position as isize * unsafe { *memory.view.strides.add(axis) };
        }
        // SAFETY: the element at an index within the shape lies in the exporter's memory.
        let element =
            unsafe { std::slice::from_raw_parts((memory.view.buf as *const u8).offset(offset), item_size) };
        bytes.extend_from_slice(element);
        for axis in (0..extents.len()).rev() {
            index[axis] += 1;
            if index[axis] < extents[axis] {
                break;
            }
            index[axis] = 0;
        }
    }
    bytes
}

/// What a handed-out buffer needs to stay alive.
struct Export {
    buffer: std::sync::Arc<Buffer>,
    shape: Vec<ffi::Py_ssize_t>,
    strides: Vec<ffi::Py_ssize_t>,
    format: CString,
}

#[pymethods]
impl PyTensor {
    /// The elements by the buffer protocol, read-only and without a copy.
    ///
    /// # Safety
    /// Called by Python with a Py_buffer to be filled.
    unsafe fn __getbuffer__(slf: Bound<'_, Self>, view: *mut ffi::Py_buffer, flags: c_int) -> PyResult<()> {
        if view.is_null() {
            return Err(PyBufferError::new_err("buffer: the view is null"));
        }
        if flags & ffi::PyBUF_WRITABLE == ffi::PyBUF_WRITABLE {
            return Err(PyBufferError::new_err("buffer: a tensor's elements are read-only. Hint: copy them"));
        }
        let value = slf.get().value()?;
        let format = format_of_dtype(value.dtype()).ok_or_else(|| {
            PyBufferError::new_err("buffer: bfloat16 has no format. Hint: convert with .float()")
        })?;
        let (buffer, layout) = value.buffer().map_err(to_python)?;
        let item = value.dtype().size();
        let contiguous = layout.is_contiguous();
        if !contiguous && flags & ffi::PyBUF_STRIDES != ffi::PyBUF_STRIDES {
            return Err(PyBufferError::new_err("buffer: the elements are not contiguous"));
        }
        let export = Box::new(Export {
            shape: layout.shape().iter().map(|&extent| extent as ffi::Py_ssize_t).collect(),
            strides: layout
                .strides()
                .iter()
                .map(|&stride| (stride * item as i64) as ffi::Py_ssize_t)
                .collect(),
            format: format.to_owned(),
            buffer,
        });
        let bytes = export.buffer.bytes().map_err(to_python)?;
        let start = if layout.elements() == 0 { 0 } else { layout.offset() as usize * item };
        let with = |flag: c_int, pointer: *mut ffi::Py_ssize_t| {
            if flags & flag == flag { pointer } else { ptr::null_mut() }
        };
        // SAFETY: Python hands a valid view; the pointers stay valid until `__releasebuffer__` drops the export. The
        // start lies within the buffer, whose layout was checked when the tensor was made.
        unsafe {
            (*view).buf = bytes.as_ptr().add(start.min(bytes.len())) as *mut c_void;
            (*view).len = (layout.elements() * item) as ffi::Py_ssize_t;
            (*view).readonly = 1;
            (*view).itemsize = item as ffi::Py_ssize_t;
            (*view).format = if flags & ffi::PyBUF_FORMAT == ffi::PyBUF_FORMAT {
                export.format.as_ptr() as *mut _
            } else {
                ptr::null_mut()
            };
            (*view).ndim = layout.rank() as c_int;
            (*view).shape = with(ffi::PyBUF_ND, export.shape.as_ptr() as *mut _);
            (*view).strides = with(ffi::PyBUF_STRIDES, export.strides.as_ptr() as *mut _);
            (*view).suboffsets = ptr::null_mut();
            (*view).internal = Box::into_raw(export) as *mut c_void;
            (*view).obj = slf.clone().into_any().into_ptr();
        }
        Ok(())
    }

    /// Gives a buffer back.
    ///
    /// # Safety
    /// Called by Python with a view that `__getbuffer__` has filled.
    unsafe fn __releasebuffer__(&self, view: *mut ffi::Py_buffer) {
        // SAFETY: `internal` is the box that `__getbuffer__` has put there; Python releases a view once.
        drop(unsafe { Box::from_raw((*view).internal as *mut Export) });
    }

    /// A NumPy array of the elements: read-only, without a copy.
    fn numpy<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let value = slf.get().value()?;
        if value.requires_grad() && tenfold::autograd::is_enabled() {
            return Err(to_python(
                Error::state("numpy", "the tensor requires a gradient").hint("use detach().numpy()"),
            ));
        }
        if value.dtype() == DType::Bfloat16 {
            return Err(to_python(
                Error::dtype("numpy", "NumPy has no bfloat16").hint("convert with .float()"),
            ));
        }
        let view = memoryview_of(slf)?;
        slf.py().import("numpy")?.call_method1("asarray", (view,))
    }

    /// NumPy's conversion; a copy where another dtype is asked for or `copy=True`.
    #[pyo3(signature = (dtype=None, *, copy=None))]
    fn __array__<'py>(
        slf: &Bound<'py, Self>,
        dtype: Option<Bound<'py, PyAny>>,
        copy: Option<bool>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let array = PyTensor::numpy(&Bound::new(slf.py(), PyTensor::from(slf.get().value()?.detach()))?)?;
        let numpy = slf.py().import("numpy")?;
        let keywords = pyo3::types::PyDict::new(slf.py());
        if let Some(dtype) = dtype {
            keywords.set_item("dtype", dtype)?;
        }
        // NumPy's `array` copies unless told otherwise; the protocol copies only where it must.
        keywords.set_item("copy", copy)?;
        numpy.call_method("array", (array,), Some(&keywords))
    }
}

fn memoryview_of<'py>(tensor: &Bound<'py, PyTensor>) -> PyResult<Bound<'py, PyAny>> {
    Ok(pyo3::types::PyMemoryView::from(tensor.as_any())?.into_any())
}

/// A tensor over the memory of a NumPy array (or anything with a buffer), without a copy. The tensor's operations never
/// write there; in-place operations give the tensor memory of its own.
#[pyfunction]
#[pyo3(signature = (ndarray, /))]
pub fn from_numpy(ndarray: &Bound<'_, PyAny>) -> PyResult<PyTensor> {
    Ok(tensor_of_buffer(ndarray, true)?.into())
}

/// A vector of `count` elements (all by default) from byte `offset` on, of bytes or anything with a contiguous buffer,
/// whatever its own format. Like `from_numpy` without a copy, but for bool, float16, bfloat16 and complex dtypes.
#[pyfunction]
#[pyo3(signature = (buffer, *, dtype, count=-1, offset=0, requires_grad=false))]
pub fn frombuffer<'py>(
    buffer: &Bound<'py, PyAny>,
    dtype: DTypeArgument,
    count: i64,
    offset: i64,
    requires_grad: bool,
) -> PyResult<Bound<'py, PyTensor>> {
    let wrong = |what: String| to_python(Error::value("frombuffer", what));
    let bytes = pyo3::types::PyMemoryView::from(buffer)?.call_method1("cast", ("B",))?;
    let (length, item) = (bytes.len()?, dtype.0.size());
    if length == 0 || count == 0 {
        return Err(wrong(format!(
            "buffer and count must not be empty; got {length} bytes and count {count}"
        )));
    }
    let Some(rest) =
        usize::try_from(offset).ok().and_then(|offset| length.checked_sub(offset)).filter(|&rest| rest > 0)
    else {
        return Err(wrong(format!("offset must be from 0 to {}; got {offset}", length - 1)));
    };
    let elements = match usize::try_from(count) {
        Ok(count) if count.checked_mul(item).is_some_and(|size| size <= rest) => count,
        Ok(count) => {
            return Err(wrong(format!(
                "{count} elements of {item} bytes exceed the {rest} bytes after the offset"
            )));
        }
        Err(_) if rest % item == 0 => rest / item,
        Err(_) => {
            return Err(wrong(format!("the {rest} bytes after the offset are no multiple of {item} bytes")));
        }
    };
    let end = offset + (elements * item) as i64;
    let part = bytes.get_item(pyo3::types::PySlice::new(buffer.py(), offset as isize, end as isize, 1))?;
    let value = match dtype.0 {
        DType::Bool => tensor_of_buffer(&part, true)?.cast(DType::Bool),
        DType::Float16 | DType::Bfloat16 | DType::Complex64 | DType::Complex128 => {
            let copied: Vec<u8> = part.call_method0("tobytes")?.extract()?;
            Tensor::from_bytes(&copied, &[elements], dtype.0)
        }
        plain => {
            let format = format_of_dtype(plain).unwrap_or(c"B").to_string_lossy();
            Ok(tensor_of_buffer(&part.call_method1("cast", (format,))?, true)?)
        }
    };
    crate::create::finished(buffer.py(), "frombuffer", value, requires_grad)
}

/// Adds the functions to the module.
pub fn add_interchange(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(frombuffer, module)?)?;
    module.add_function(wrap_pyfunction!(from_numpy, module)?)
}
