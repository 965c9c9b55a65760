//! Poolings made of others: unpooling, powers and random windows.

use pyo3::prelude::*;
use tenfold::functional::{self, PoolOptions};
use tenfold::{Error, Tensor};

use super::pooling::{options, with_indices};
use super::resizing::Numbers;
use super::{optional, sizes, wrapped};
use crate::convert::{Integers, TensorArgument};
use crate::errors::to_python;
use crate::tensor::PyTensor;

macro_rules! unpoolings {
    ($($spatial:literal $unpool:ident $power:ident;)*) => {
        $(
            /// Zeros with the elements of `(N, C, ...)` or `(C, ...)` at the indices that max pooling of the same
            /// settings gave.
            #[pyfunction]
            #[pyo3(signature = (
                input, indices, kernel_size, stride=None, padding=Integers(vec![0]), output_size=None
            ))]
            fn $unpool(
                input: TensorArgument,
                indices: TensorArgument,
                kernel_size: Integers,
                stride: Option<Integers>,
                padding: Integers,
                output_size: Option<Integers>,
            ) -> PyResult<PyTensor> {
                let name = stringify!($unpool);
                let options = options(name, &kernel_size, stride.as_ref(), &padding, false)?;
                let size = output_size.map(|size| sizes(name, &size)).transpose()?;
                wrapped(functional::max_unpool(&input.0, &indices.0, $spatial, &options, size.as_deref()))
            }

            /// The `norm_type`-th root of the sum of powers over each window of `(N, C, ...)` or `(C, ...)`.
            #[pyfunction]
            #[pyo3(signature = (input, norm_type, kernel_size, stride=None, ceil_mode=false))]
            fn $power(
                input: TensorArgument,
                norm_type: f64,
                kernel_size: Integers,
                stride: Option<Integers>,
                ceil_mode: bool,
            ) -> PyResult<PyTensor> {
                let zero = Integers(vec![0]);
                let options: PoolOptions =
                    options(stringify!($power), &kernel_size, stride.as_ref(), &zero, ceil_mode)?;
                wrapped(functional::lp_pool(&input.0, norm_type, $spatial, &options))
            }
        )*

        fn add_families(module: &Bound<'_, PyModule>) -> PyResult<()> {
            $(
                module.add_function(wrap_pyfunction!($unpool, module)?)?;
                module.add_function(wrap_pyfunction!($power, module)?)?;
            )*
            Ok(())
        }
    };
}
unpoolings! {
    1 max_unpool1d lp_pool1d;
    2 max_unpool2d lp_pool2d;
    3 max_unpool3d lp_pool3d;
}

/// The output extents, given themselves or as shares of the input's.
fn fractional_size(
    name: &'static str,
    input: &Tensor,
    spatial: usize,
    output_size: Option<Integers>,
    output_ratio: Option<Numbers>,
) -> PyResult<Vec<usize>> {
    match (output_size, output_ratio) {
        (Some(size), None) => {
            let size = sizes(name, &size)?;
            Ok(if let [one] = size[..] { vec![one; spatial] } else { size })
        }
        (None, Some(ratio)) => {
            let ratio = ratio.each(spatial);
            let extents = &input.shape()[input.rank().saturating_sub(spatial)..];
            Ok(extents.iter().zip(ratio).map(|(&extent, ratio)| (extent as f64 * ratio) as usize).collect())
        }
        _ => Err(to_python(Error::value(name, "give one of output_size and output_ratio"))),
    }
}

macro_rules! fractional {
    ($($spatial:literal $name:ident $with:ident;)*) => {
        $(
            /// The largest element of each of `output_size` windows at random places (or of as many as `output_ratio`
            /// times the extents); with `return_indices` also where it is within the flattened spatial axes.
            #[pyfunction]
            #[pyo3(signature = (
                input, kernel_size, output_size=None, output_ratio=None, return_indices=false, _random_samples=None
            ))]
            fn $name(
                py: Python<'_>,
                input: TensorArgument,
                kernel_size: Integers,
                output_size: Option<Integers>,
                output_ratio: Option<Numbers>,
                return_indices: bool,
                _random_samples: Option<TensorArgument>,
            ) -> PyResult<Py<PyAny>> {
                let name = stringify!($name);
                let (x, window) = (&input.0, sizes(name, &kernel_size)?);
                let size = fractional_size(name, x, $spatial, output_size, output_ratio)?;
                let samples = optional(&_random_samples);
                with_indices(py, functional::fractional_max_pool(x, &window, &size, samples), return_indices)
            }

            /// The largest element of each of `output_size` windows at random places (or of as many as `output_ratio`
            /// times the extents), and where it is within the flattened spatial axes.
            #[pyfunction]
            #[pyo3(signature = (
                input, kernel_size, output_size=None, output_ratio=None, return_indices=false, _random_samples=None
            ))]
            fn $with(
                py: Python<'_>,
                input: TensorArgument,
                kernel_size: Integers,
                output_size: Option<Integers>,
                output_ratio: Option<Numbers>,
                return_indices: bool,
                _random_samples: Option<TensorArgument>,
            ) -> PyResult<Py<PyAny>> {
                // As in PyTorch, where the argument stands in the signature alone.
                let _always_returned = return_indices;
                $name(py, input, kernel_size, output_size, output_ratio, true, _random_samples)
            }
        )*

        /// Adds the functions to the module.
        pub(super) fn add_unpooling(module: &Bound<'_, PyModule>) -> PyResult<()> {
            add_families(module)?;
            $(
                module.add_function(wrap_pyfunction!($name, module)?)?;
                module.add_function(wrap_pyfunction!($with, module)?)?;
            )*
            Ok(())
        }
    };
}
fractional! {
    2 fractional_max_pool2d fractional_max_pool2d_with_indices;
    3 fractional_max_pool3d fractional_max_pool3d_with_indices;
}
