//! Windows as columns, and elements moved between channels and space.

use pyo3::prelude::*;
use tenfold::functional::{self, FoldOptions};

use super::{sizes, wrapped};
use crate::convert::{Integers, TensorArgument};
use crate::tensor::PyTensor;

fn options(
    name: &'static str,
    kernel_size: &Integers,
    dilation: &Integers,
    padding: &Integers,
    stride: &Integers,
) -> PyResult<FoldOptions> {
    Ok(FoldOptions {
        kernel_size: sizes(name, kernel_size)?,
        dilation: sizes(name, dilation)?,
        padding: sizes(name, padding)?,
        stride: sizes(name, stride)?,
    })
}

/// The windows of `(N, C, H, W)` or `(C, H, W)` as columns: `(N, C * kernel_h * kernel_w, windows)`.
#[pyfunction]
#[pyo3(signature = (
    input, kernel_size, dilation=Integers(vec![1]), padding=Integers(vec![0]), stride=Integers(vec![1])
))]
fn unfold(
    input: TensorArgument,
    kernel_size: Integers,
    dilation: Integers,
    padding: Integers,
    stride: Integers,
) -> PyResult<PyTensor> {
    wrapped(functional::unfold(&input.0, &options("unfold", &kernel_size, &dilation, &padding, &stride)?))
}

/// The sum of windows given as columns `(N, C * kernel_h * kernel_w, windows)`, batch optional: an image of
/// `output_size`.
#[pyfunction]
#[pyo3(signature = (
    input, output_size, kernel_size, dilation=Integers(vec![1]), padding=Integers(vec![0]), stride=Integers(vec![1])
))]
fn fold(
    input: TensorArgument,
    output_size: Integers,
    kernel_size: Integers,
    dilation: Integers,
    padding: Integers,
    stride: Integers,
) -> PyResult<PyTensor> {
    let options = options("fold", &kernel_size, &dilation, &padding, &stride)?;
    wrapped(functional::fold(&input.0, &sizes("fold", &output_size)?, &options))
}

/// A count, not negative.
fn count(name: &'static str, count: i64) -> PyResult<usize> {
    Ok(sizes(name, &Integers(vec![count]))?[0])
}

/// `(..., C * r * r, H, W)` to `(..., C, H * r, W * r)`: each element's channel says where in a block of pixels it goes.
#[pyfunction]
fn pixel_shuffle(input: TensorArgument, upscale_factor: i64) -> PyResult<PyTensor> {
    wrapped(functional::pixel_shuffle(&input.0, count("pixel_shuffle", upscale_factor)?))
}

/// `(..., C, H * r, W * r)` to `(..., C * r * r, H, W)`: the reverse of `pixel_shuffle`.
#[pyfunction]
fn pixel_unshuffle(input: TensorArgument, downscale_factor: i64) -> PyResult<PyTensor> {
    wrapped(functional::pixel_unshuffle(&input.0, count("pixel_unshuffle", downscale_factor)?))
}

/// `(N, C, ...)` with the channels of `groups` groups dealt out in turn.
#[pyfunction]
fn channel_shuffle(input: TensorArgument, groups: i64) -> PyResult<PyTensor> {
    wrapped(functional::channel_shuffle(&input.0, count("channel_shuffle", groups)?))
}

/// Adds the functions to the module.
pub(super) fn add_folding(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(unfold, module)?)?;
    module.add_function(wrap_pyfunction!(fold, module)?)?;
    module.add_function(wrap_pyfunction!(pixel_shuffle, module)?)?;
    module.add_function(wrap_pyfunction!(pixel_unshuffle, module)?)?;
    module.add_function(wrap_pyfunction!(channel_shuffle, module)?)
}
