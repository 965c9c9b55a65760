//! Between tensors and other libraries' memory: the buffer protocol.

use pyo3::prelude::*;
use tenfold::Tensor;

/// The elements of an object with a buffer (NumPy's arrays, `array.array`, `memoryview`): a copy.
pub fn tensor_of_buffer(object: &Bound<'_, PyAny>, _share: bool) -> PyResult<Tensor> {
    Err(pyo3::exceptions::PyNotImplementedError::new_err(format!(
        "from_buffer: {}",
        object.get_type().name()?
    )))
}
