//! The module `tenfold._core.nn_functional`: the functional layers with torch's names, arguments and defaults.

mod activations;
mod attention;
mod distances;
mod dropout;
mod embedding;
mod folding;
mod layers;
mod losses;
mod margin_losses;
mod normalization;
mod pooling;
mod recurrent;
mod resizing;
mod unpooling;

use pyo3::prelude::*;
use tenfold::{Error, Tensor};

use crate::convert::{Integers, TensorArgument};
use crate::errors::to_python;
use crate::tensor::PyTensor;

/// The object of a new value.
fn wrapped(value: tenfold::Result<Tensor>) -> PyResult<PyTensor> {
    Ok(value.map_err(to_python)?.into())
}

/// The value of an optional tensor.
fn optional(tensor: &Option<TensorArgument>) -> Option<&Tensor> {
    tensor.as_ref().map(|tensor| &tensor.0)
}

/// Extents, steps and widths, none of them negative.
fn sizes(operation: &'static str, numbers: &Integers) -> PyResult<Vec<usize>> {
    let size = |&number: &i64| {
        usize::try_from(number).map_err(|_| {
            to_python(Error::shape(operation, format!("extents are not negative; got {:?}", numbers.0)))
        })
    };
    numbers.0.iter().map(size).collect()
}

/// The result of a function in a new tensor or, in place, in the input.
fn computed<'py>(
    input: &Bound<'py, PyTensor>,
    operation: &'static str,
    inplace: bool,
    compute: impl FnOnce(&Tensor) -> tenfold::Result<Tensor>,
) -> PyResult<Bound<'py, PyTensor>> {
    if inplace {
        return Ok(PyTensor::update(input, operation, compute)?);
    }
    wrapped(compute(&input.get().value()?))?.into_object(input.py())
}

/// Adds the module.
pub fn add_functional(parent: &Bound<'_, PyModule>) -> PyResult<()> {
    let module = PyModule::new(parent.py(), "nn_functional")?;
    activations::add_activations(&module)?;
    distances::add_distances(&module)?;
    attention::add_attention(&module)?;
    dropout::add_dropout(&module)?;
    embedding::add_embedding(&module)?;
    folding::add_folding(&module)?;
    layers::add_layers(&module)?;
    losses::add_losses(&module)?;
    margin_losses::add_margin_losses(&module)?;
    normalization::add_normalization(&module)?;
    pooling::add_pooling(&module)?;
    recurrent::add_recurrent(&module)?;
    resizing::add_resizing(&module)?;
    unpooling::add_unpooling(&module)?;
    parent.add_submodule(&module)
}
