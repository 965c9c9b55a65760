//! Between tensors and other libraries' arrays by DLPack 1.0, in both directions, without copying.
//!
//! The structures are those of the DLPack specification (`dlpack.h`, versions 0.8 and 1.0). What is handed out is
//! read-only, unless a copy was asked for; what comes in is borrowed and never written.

use std::ffi::{CStr, c_void};
use std::sync::Arc;

use pyo3::exceptions::{PyBufferError, PyTypeError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use tenfold::ir::{Buffer, Storage};
use tenfold::{DType, Error, Layout, Shape, Tensor};

use crate::create::check_device;
use crate::errors::to_python;
use crate::tensor::PyTensor;

#[repr(C)]
#[derive(Clone, Copy)]
struct DlTensor {
    data: *mut c_void,
    device_type: i32,
    device_id: i32,
    ndim: i32,
    code: u8,
    bits: u8,
    lanes: u16,
    shape: *mut i64,
    strides: *mut i64,
    byte_offset: u64,
}

#[repr(C)]
struct Legacy {
    tensor: DlTensor,
    context: *mut c_void,
    deleter: Option<unsafe extern "C" fn(*mut Legacy)>,
}

#[repr(C)]
struct Versioned {
    major: u32,
    minor: u32,
    context: *mut c_void,
    deleter: Option<unsafe extern "C" fn(*mut Versioned)>,
    flags: u64,
    tensor: DlTensor,
}

const CPU: i32 = 1;
/// Memory of the host that a GPU can reach too.
const PINNED: i32 = 3;
const READ_ONLY: u64 = 1;
const IS_COPIED: u64 = 2;

/// The two structures behind a capsule.
trait Managed: Sized {
    /// The capsule's name, before and after somebody has taken the structure.
    const NAMES: [&'static CStr; 2];
    fn make(
        tensor: DlTensor,
        flags: u64,
        context: *mut c_void,
        deleter: unsafe extern "C" fn(*mut Self),
    ) -> Self;
    fn tensor(&self) -> &DlTensor;
    fn context(&self) -> *mut c_void;
    fn deleter(&self) -> Option<unsafe extern "C" fn(*mut Self)>;
}

impl Managed for Legacy {
    const NAMES: [&'static CStr; 2] = [c"dltensor", c"used_dltensor"];
    fn make(
        tensor: DlTensor,
        _: u64,
        context: *mut c_void,
        deleter: unsafe extern "C" fn(*mut Self),
    ) -> Self {
        Legacy { tensor, context, deleter: Some(deleter) }
    }
    fn tensor(&self) -> &DlTensor {
        &self.tensor
    }
    fn context(&self) -> *mut c_void {
        self.context
    }
    fn deleter(&self) -> Option<unsafe extern "C" fn(*mut Self)> {
        self.deleter
    }
}

impl Managed for Versioned {
    const NAMES: [&'static CStr; 2] = [c"dltensor_versioned", c"used_dltensor_versioned"];
    fn make(
        tensor: DlTensor,
        flags: u64,
        context: *mut c_void,
        deleter: unsafe extern "C" fn(*mut Self),
    ) -> Self {
        Versioned { major: 1, minor: 0, context, deleter: Some(deleter), flags, tensor }
    }
    fn tensor(&self) -> &DlTensor {
        &self.tensor
    }
    fn context(&self) -> *mut c_void {
        self.context
    }
    fn deleter(&self) -> Option<unsafe extern "C" fn(*mut Self)> {
        self.deleter
    }
}

/// DLPack's type code and bits.
fn code_of_dtype(dtype: DType) -> (u8, u8) {
    let bits = (dtype.size() * 8) as u8;
    let code = match dtype {
        DType::Bool => 6,
        DType::Int8 | DType::Int16 | DType::Int32 | DType::Int64 => 0,
        DType::Uint8 | DType::Uint16 | DType::Uint32 | DType::Uint64 => 1,
        DType::Float16 | DType::Float32 | DType::Float64 => 2,
        DType::Bfloat16 => 4,
        DType::Complex64 | DType::Complex128 => 5,
    };
    (code, bits)
}

// --- Handing out.

/// What a structure that was handed out points to.
struct Export<M> {
    managed: M,
    /// Keeps the elements alive.
    _buffer: Arc<Buffer>,
    shape: Vec<i64>,
    strides: Vec<i64>,
}

/// Called once by whoever has taken the structure.
unsafe extern "C" fn delete<M: Managed>(managed: *mut M) {
    // SAFETY: the context is the box that `capsule_of` has leaked; its taker deletes it once.
    drop(unsafe { Box::from_raw((*managed).context() as *mut Export<M>) });
}

/// Called by Python when a capsule dies; a structure that nobody has taken dies with it.
unsafe extern "C" fn destroy<M: Managed>(capsule: *mut ffi::PyObject) {
    // SAFETY: Python hands the dying capsule; one that still has its first name still owns its structure.
    unsafe {
        if ffi::PyCapsule_IsValid(capsule, M::NAMES[0].as_ptr()) == 1 {
            delete::<M>(ffi::PyCapsule_GetPointer(capsule, M::NAMES[0].as_ptr()) as *mut M);
        }
    }
}

fn capsule_of<'py, M: Managed>(py: Python<'py>, value: &Tensor, flags: u64) -> PyResult<Bound<'py, PyAny>> {
    let (buffer, layout) = value.buffer().map_err(to_python)?;
    let (code, bits) = code_of_dtype(value.dtype());
    let bytes = buffer.bytes().map_err(to_python)?;
    let start = (layout.offset() as usize * value.dtype().size()).min(bytes.len());
    let mut tensor = DlTensor {
        data: bytes[start..].as_ptr() as *mut c_void,
        device_type: CPU,
        device_id: 0,
        ndim: layout.rank() as i32,
        code,
        bits,
        lanes: 1,
        shape: std::ptr::null_mut(),
        strides: std::ptr::null_mut(),
        byte_offset: 0,
    };
    let mut shape: Vec<i64> = layout.shape().iter().map(|&extent| extent as i64).collect();
    let mut strides = layout.strides().to_vec();
    // Vectors keep their elements where they are when they move.
    (tensor.shape, tensor.strides) = (shape.as_mut_ptr(), strides.as_mut_ptr());
    let managed = M::make(tensor, flags, std::ptr::null_mut(), delete::<M>);
    let export = Box::into_raw(Box::new(Export { managed, _buffer: buffer, shape, strides }));
    // SAFETY: the box was just leaked and nobody else has it; it holds what the structure points to until `delete`
    // drops it. The capsule's name is static.
    unsafe {
        let export = &mut *export;
        export.managed = M::make(
            DlTensor {
                shape: export.shape.as_mut_ptr(),
                strides: export.strides.as_mut_ptr(),
                ..*export.managed.tensor()
            },
            flags,
            export as *mut Export<M> as *mut c_void,
            delete::<M>,
        );
        let pointer = &mut export.managed as *mut M as *mut c_void;
        let capsule = ffi::PyCapsule_New(pointer, M::NAMES[0].as_ptr(), Some(destroy::<M>));
        Bound::from_owned_ptr_or_err(py, capsule)
    }
}

#[pymethods]
impl PyTensor {
    /// The elements as a DLPack capsule, without a copy and read-only (a writable copy with `copy=True`).
    ///
    /// The capsule is versioned where the consumer says by `max_version` that it takes DLPack 1.0.
    #[pyo3(signature = (*, stream=None, max_version=None, dl_device=None, copy=None))]
    fn __dlpack__<'py>(
        slf: &Bound<'py, Self>,
        stream: Option<&Bound<'py, PyAny>>,
        max_version: Option<(u32, u32)>,
        dl_device: Option<(i32, i32)>,
        copy: Option<bool>,
    ) -> PyResult<Bound<'py, PyAny>> {
        if stream.is_some() {
            return Err(PyBufferError::new_err(
                "dlpack: a stream has no meaning on the CPU; give stream=None",
            ));
        }
        if dl_device.is_some_and(|device| device != (CPU, 0)) {
            return Err(PyBufferError::new_err(
                "dlpack: the elements are on the CPU, which is device (1, 0)",
            ));
        }
        let value = slf.get().value()?;
        if value.requires_grad() {
            return Err(PyBufferError::new_err("dlpack: the tensor requires a gradient. Hint: use detach()"));
        }
        let copied = copy == Some(true);
        let value = if copied { value.copy().map_err(to_python)? } else { value };
        if max_version.is_some_and(|(major, _)| major >= 1) {
            capsule_of::<Versioned>(slf.py(), &value, if copied { IS_COPIED } else { READ_ONLY })
        } else {
            capsule_of::<Legacy>(slf.py(), &value, 0)
        }
    }

    /// DLPack's name of the device: (1, 0), the CPU.
    fn __dlpack_device__(&self) -> (i32, i32) {
        (CPU, 0)
    }
}

// --- Taking in.

/// Memory that another library lends by DLPack.
struct LentMemory<M: Managed + 'static> {
    managed: *mut M,
    start: *const u8,
    size: usize,
}

// SAFETY: the structure and its memory belong to us until the deleter is called, which happens once.
unsafe impl<M: Managed> Send for LentMemory<M> {}
// SAFETY: the memory is only read.
unsafe impl<M: Managed> Sync for LentMemory<M> {}

impl<M: Managed> Storage for LentMemory<M> {
    fn bytes(&self) -> Option<&[u8]> {
        if self.size == 0 {
            return Some(&[]);
        }
        // SAFETY: start and size were computed from shape and strides, which the lender guarantees to lie in its memory.
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

impl<M: Managed> Drop for LentMemory<M> {
    fn drop(&mut self) {
        // A lender in Python may need the interpreter; one that is shutting down takes nothing back any more.
        let _detached = Python::try_attach(|_| {
            // SAFETY: the structure is ours and deleted once.
            unsafe {
                if let Some(deleter) = (*self.managed).deleter() {
                    deleter(self.managed);
                }
            }
        });
    }
}

/// What a structure describes, checked.
struct Description {
    dtype: DType,
    shape: Shape,
    strides: Vec<i64>,
}

/// Reads shape, strides and dtype.
///
/// # Safety
/// `tensor` is a valid structure of DLPack.
unsafe fn describe(tensor: &DlTensor) -> PyResult<Description> {
    if !matches!(tensor.device_type, CPU | PINNED) {
        return Err(PyBufferError::new_err(format!(
            "from_dlpack: the elements are on device type {}, not on the CPU. Hint: move them to the CPU first",
            tensor.device_type
        )));
    }
    let kind = (tensor.code, tensor.bits);
    let dtype = DType::ALL
        .into_iter()
        .find(|&dtype| code_of_dtype(dtype) == kind && tensor.lanes == 1)
        .ok_or_else(|| {
            PyTypeError::new_err(format!(
                "from_dlpack: type code {} with {} bits and {} lanes has no dtype",
                kind.0, kind.1, tensor.lanes
            ))
        })?;
    let rank = tensor.ndim.max(0) as usize;
    let list = |pointer: *const i64| -> Vec<i64> {
        // SAFETY: shape and (where there are any) strides have `ndim` entries.
        (0..rank).map(|axis| unsafe { *pointer.add(axis) }).collect()
    };
    let extents: Vec<usize> = list(tensor.shape)
        .into_iter()
        .map(|extent| {
            usize::try_from(extent).map_err(|_| PyBufferError::new_err("from_dlpack: a negative extent"))
        })
        .collect::<PyResult<_>>()?;
    let shape = Shape::checked("from_dlpack", &extents).map_err(to_python)?;
    let strides =
        if tensor.strides.is_null() { shape.dense_strides().to_vec() } else { list(tensor.strides) };
    Ok(Description { dtype, shape, strides })
}

/// Takes the structure out of a capsule and makes a tensor over its memory; also whether the lender made a copy.
fn take<M: Managed + 'static>(capsule: &Bound<'_, PyAny>) -> PyResult<Tensor> {
    // SAFETY: the caller has seen the capsule's name, so it holds a structure of this kind that nobody has taken.
    let managed = unsafe { ffi::PyCapsule_GetPointer(capsule.as_ptr(), M::NAMES[0].as_ptr()) } as *mut M;
    // SAFETY: as above. What is wrong with the structure is said before it is taken.
    let (tensor, described) = unsafe { (*(*managed).tensor(), describe((*managed).tensor())?) };
    // SAFETY: the capsule is alive, the name is static; from here on the structure is ours.
    unsafe { ffi::PyCapsule_SetName(capsule.as_ptr(), M::NAMES[1].as_ptr()) };
    let mut memory = LentMemory { managed, start: std::ptr::null(), size: 0 };
    let Description { dtype, shape, strides } = described;
    if shape.is_empty_tensor() {
        return Tensor::zeros(&shape, dtype).map_err(to_python);
    }
    let (mut low, mut high) = (0i64, 0i64);
    for (&extent, &stride) in shape.iter().zip(&strides) {
        let reach = (extent as i64 - 1) * stride;
        low += reach.min(0);
        high += reach.max(0);
    }
    let item = dtype.size();
    memory.size = (high - low + 1) as usize * item;
    // SAFETY: `low` is the offset of the lowest element that shape and strides name.
    memory.start = unsafe {
        (tensor.data as *const u8).add(tensor.byte_offset as usize).offset(low as isize * item as isize)
    };
    let layout = Layout::strided(shape, strides.into_iter().collect(), -low);
    if !(memory.start as usize).is_multiple_of(item.min(8)) {
        // Elements that do not lie on their boundaries are copied.
        let bytes = memory.bytes().unwrap_or(&[]);
        let elements: Vec<u8> = layout
            .positions()
            .flat_map(|position| bytes[position * item..][..item].iter().copied())
            .collect();
        return Tensor::from_bytes(&elements, layout.shape(), dtype).map_err(to_python);
    }
    Tensor::from_strided_buffer(Buffer::new(memory), layout, dtype).map_err(to_python)
}

/// A tensor over the memory of an object with `__dlpack__`, without a copy unless `copy=True`.
///
/// The memory is never written: in-place operations give the tensor memory of its own.
#[pyfunction]
#[pyo3(signature = (x, /, *, device=None, copy=None))]
pub fn from_dlpack(
    x: &Bound<'_, PyAny>,
    device: Option<&Bound<'_, PyAny>>,
    copy: Option<bool>,
) -> PyResult<PyTensor> {
    let py = x.py();
    check_device("from_dlpack", device)?;
    if !x.hasattr("__dlpack__")? {
        return Err(PyTypeError::new_err(format!(
            "from_dlpack: needs an object with __dlpack__; got {}",
            x.get_type().name()?
        )));
    }
    let keywords = PyDict::new(py);
    keywords.set_item("max_version", (1, 0))?;
    if device.is_some() {
        keywords.set_item("dl_device", (CPU, 0))?;
    }
    if let Some(copy) = copy {
        keywords.set_item("copy", copy)?;
    }
    let capsule = match x.call_method("__dlpack__", (), Some(&keywords)) {
        // Libraries from before DLPack 1.0 do not know the arguments.
        Err(error) if error.is_instance_of::<PyTypeError>(py) => x.call_method0("__dlpack__")?,
        other => other?,
    };
    let is = |name: &CStr| {
        // SAFETY: any object may be asked, the name is static.
        unsafe { ffi::PyCapsule_IsValid(capsule.as_ptr(), name.as_ptr()) == 1 }
    };
    let mut lender_copied = false;
    let value = if is(Versioned::NAMES[0]) {
        // SAFETY: a capsule of that name holds such a structure; version and flags keep their place in all versions.
        let (major, flags) = unsafe {
            let pointer = ffi::PyCapsule_GetPointer(capsule.as_ptr(), Versioned::NAMES[0].as_ptr());
            let managed = pointer as *const Versioned;
            ((*managed).major, (*managed).flags)
        };
        if major != 1 {
            return Err(PyBufferError::new_err(format!("from_dlpack: DLPack version {major} is not known")));
        }
        lender_copied = flags & IS_COPIED != 0;
        take::<Versioned>(&capsule)?
    } else if is(Legacy::NAMES[0]) {
        take::<Legacy>(&capsule)?
    } else {
        return Err(to_python(Error::value("from_dlpack", "__dlpack__ gave no capsule that can be taken")));
    };
    match copy {
        Some(true) if !lender_copied => Ok(value.copy().map_err(to_python)?.into()),
        _ => Ok(value.into()),
    }
}

/// Adds the functions to the module.
pub fn add_dlpack(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(from_dlpack, module)?)
}
