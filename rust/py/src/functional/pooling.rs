//! Pooling.

use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};
use tenfold::Tensor;
use tenfold::functional::{self, PoolOptions};

use super::{sizes, wrapped};
use crate::convert::{Integers, TensorArgument};
use crate::errors::to_python;
use crate::tensor::PyTensor;

/// Values, or values and indices.
pub(super) fn with_indices(
    py: Python<'_>,
    results: tenfold::Result<(Tensor, Tensor)>,
    return_indices: bool,
) -> PyResult<Py<PyAny>> {
    let (values, indices) = results.map_err(to_python)?;
    let values = PyTensor::from(values);
    if return_indices { (values, PyTensor::from(indices)).into_py_any(py) } else { values.into_py_any(py) }
}

/// What all poolings share.
pub(super) fn options(
    name: &'static str,
    kernel_size: &Integers,
    stride: Option<&Integers>,
    padding: &Integers,
    ceil_mode: bool,
) -> PyResult<PoolOptions> {
    Ok(PoolOptions {
        kernel_size: sizes(name, kernel_size)?,
        stride: stride.map(|stride| sizes(name, stride)).transpose()?.unwrap_or_default(),
        padding: sizes(name, padding)?,
        ceil_mode,
        ..PoolOptions::new(1)
    })
}

/// Output extents: a number for all axes, or one (or None: as it is) for each.
fn output_size(
    operation: &'static str,
    size: &Bound<'_, PyAny>,
    count: usize,
) -> PyResult<Vec<Option<usize>>> {
    let one = |item: &Bound<'_, PyAny>| -> PyResult<Option<usize>> {
        if item.is_none() {
            return Ok(None);
        }
        Ok(Some(sizes(operation, &Integers(vec![item.extract::<i64>()?]))?[0]))
    };
    let list: Vec<Option<usize>> = if let Ok(tuple) = size.cast::<PyTuple>() {
        tuple.iter().map(|item| one(&item)).collect::<PyResult<_>>()?
    } else if let Ok(list) = size.cast::<PyList>() {
        list.iter().map(|item| one(&item)).collect::<PyResult<_>>()?
    } else {
        vec![one(size)?; count]
    };
    match list.as_slice() {
        [one] => Ok(vec![*one; count]),
        _ if list.len() == count => Ok(list),
        _ => Err(to_python(tenfold::Error::shape(
            operation,
            format!("output_size needs {count} numbers; got {}", list.len()),
        ))),
    }
}

macro_rules! poolings {
    ($($spatial:literal $max:ident $max_with:ident $average:ident $adaptive_average:ident $adaptive_max:ident $adaptive_max_with:ident;)*) => {
        $(
            /// The largest element of each window of `(N, C, ...)` or `(C, ...)`; with `return_indices` also where it
            /// is within the flattened spatial axes.
            #[pyfunction]
            #[pyo3(signature = (
                input, kernel_size, stride=None, padding=Integers(vec![0]), dilation=Integers(vec![1]),
                ceil_mode=false, return_indices=false
            ))]
            #[allow(clippy::too_many_arguments)]
            fn $max(
                py: Python<'_>,
                input: TensorArgument,
                kernel_size: Integers,
                stride: Option<Integers>,
                padding: Integers,
                dilation: Integers,
                ceil_mode: bool,
                return_indices: bool,
            ) -> PyResult<Py<PyAny>> {
                let name = stringify!($max);
                let mut options = options(name, &kernel_size, stride.as_ref(), &padding, ceil_mode)?;
                options.dilation = sizes(name, &dilation)?;
                with_indices(py, functional::max_pool(&input.0, $spatial, &options), return_indices)
            }

            /// The largest element of each window of `(N, C, ...)` or `(C, ...)`, and where it is within the flattened
            /// spatial axes.
            #[pyfunction]
            #[pyo3(signature = (
                input, kernel_size, stride=None, padding=Integers(vec![0]), dilation=Integers(vec![1]),
                ceil_mode=false, return_indices=false
            ))]
            #[allow(clippy::too_many_arguments)]
            fn $max_with(
                py: Python<'_>,
                input: TensorArgument,
                kernel_size: Integers,
                stride: Option<Integers>,
                padding: Integers,
                dilation: Integers,
                ceil_mode: bool,
                return_indices: bool,
            ) -> PyResult<Py<PyAny>> {
                // As in PyTorch, where the argument stands in the signature alone.
                let _always_returned = return_indices;
                $max(py, input, kernel_size, stride, padding, dilation, ceil_mode, true)
            }

            /// The average of each window of `(N, C, ...)` or `(C, ...)`. Padding counts in the divisor unless
            /// `count_include_pad` is false; `divisor_override` replaces it.
            #[pyfunction]
            #[pyo3(signature = (
                input, kernel_size, stride=None, padding=Integers(vec![0]), ceil_mode=false, count_include_pad=true,
                divisor_override=None
            ))]
            #[allow(clippy::too_many_arguments)]
            fn $average(
                input: TensorArgument,
                kernel_size: Integers,
                stride: Option<Integers>,
                padding: Integers,
                ceil_mode: bool,
                count_include_pad: bool,
                divisor_override: Option<i64>,
            ) -> PyResult<PyTensor> {
                let name = stringify!($average);
                let mut options = options(name, &kernel_size, stride.as_ref(), &padding, ceil_mode)?;
                options.count_include_pad = count_include_pad;
                options.divisor_override = match divisor_override {
                    Some(divisor) => Some(sizes(name, &Integers(vec![divisor]))?[0]),
                    None => None,
                };
                wrapped(functional::avg_pool(&input.0, $spatial, &options))
            }

            /// Averages over windows that divide the spatial axes into `output_size` parts (None: as they are).
            #[pyfunction]
            fn $adaptive_average(input: TensorArgument, output_size: &Bound<'_, PyAny>) -> PyResult<PyTensor> {
                let size = self::output_size(stringify!($adaptive_average), output_size, $spatial)?;
                wrapped(functional::adaptive_avg_pool(&input.0, &size))
            }

            /// The largest element of windows that divide the spatial axes into `output_size` parts.
            #[pyfunction]
            #[pyo3(signature = (input, output_size, return_indices=false))]
            fn $adaptive_max(
                py: Python<'_>,
                input: TensorArgument,
                output_size: &Bound<'_, PyAny>,
                return_indices: bool,
            ) -> PyResult<Py<PyAny>> {
                let size = self::output_size(stringify!($adaptive_max), output_size, $spatial)?;
                with_indices(py, functional::adaptive_max_pool(&input.0, &size), return_indices)
            }

            /// The largest element of windows that divide the spatial axes into `output_size` parts, and where it is
            /// within the flattened spatial axes.
            #[pyfunction]
            #[pyo3(signature = (input, output_size, return_indices=false))]
            fn $adaptive_max_with(
                py: Python<'_>,
                input: TensorArgument,
                output_size: &Bound<'_, PyAny>,
                return_indices: bool,
            ) -> PyResult<Py<PyAny>> {
                // As in PyTorch, where the argument stands in the signature alone.
                let _always_returned = return_indices;
                $adaptive_max(py, input, output_size, true)
            }
        )*

        /// Adds the functions to the module.
        pub(super) fn add_pooling(module: &Bound<'_, PyModule>) -> PyResult<()> {
            $(
                module.add_function(wrap_pyfunction!($max, module)?)?;
                module.add_function(wrap_pyfunction!($max_with, module)?)?;
                module.add_function(wrap_pyfunction!($average, module)?)?;
                module.add_function(wrap_pyfunction!($adaptive_average, module)?)?;
                module.add_function(wrap_pyfunction!($adaptive_max, module)?)?;
                module.add_function(wrap_pyfunction!($adaptive_max_with, module)?)?;
            )*
            Ok(())
        }
    };
}
poolings! {
    1 max_pool1d max_pool1d_with_indices avg_pool1d
        adaptive_avg_pool1d adaptive_max_pool1d adaptive_max_pool1d_with_indices;
    2 max_pool2d max_pool2d_with_indices avg_pool2d
        adaptive_avg_pool2d adaptive_max_pool2d adaptive_max_pool2d_with_indices;
    3 max_pool3d max_pool3d_with_indices avg_pool3d
        adaptive_avg_pool3d adaptive_max_pool3d adaptive_max_pool3d_with_indices;
}
