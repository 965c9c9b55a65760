//! The module `tenfold._core._matrix`: what `nn.utils.parametrizations.orthogonal` is made with.

use pyo3::prelude::*;
use tenfold::matrix;

use crate::convert::TensorArgument;
use crate::errors::Outcome;
use crate::tensor::PyTensor;

/// The QR decomposition as Householder reflections: R with the vectors below its diagonal, and the scales.
#[pyfunction]
fn reflections(x: TensorArgument) -> Outcome<(PyTensor, PyTensor)> {
    let (reduced, scales) = matrix::reflections(&x.0)?;
    Ok((reduced.into(), scales.into()))
}

/// The first columns of the product of reflections.
#[pyfunction]
fn householder_product(x: TensorArgument, scales: TensorArgument) -> Outcome<PyTensor> {
    Ok(matrix::householder_product(&x.0, &scales.0)?.into())
}

/// The exponential of square matrices.
#[pyfunction]
fn matrix_exp(x: TensorArgument) -> Outcome<PyTensor> {
    Ok(matrix::matrix_exp(&x.0)?.into())
}

/// X with A X = B.
#[pyfunction]
fn solve(a: TensorArgument, b: TensorArgument) -> Outcome<PyTensor> {
    Ok(matrix::solve(&a.0, &b.0)?.into())
}

/// Adds the module.
pub fn add_matrix(parent: &Bound<'_, PyModule>) -> PyResult<()> {
    let module = PyModule::new(parent.py(), "_matrix")?;
    module.add_function(wrap_pyfunction!(reflections, &module)?)?;
    module.add_function(wrap_pyfunction!(householder_product, &module)?)?;
    module.add_function(wrap_pyfunction!(matrix_exp, &module)?)?;
    module.add_function(wrap_pyfunction!(solve, &module)?)?;
    parent.add_submodule(&module)
}
