//! Dropout: draws from the thread's sequence of random numbers.

use pyo3::prelude::*;
use tenfold::functional;

use super::computed;
use crate::tensor::PyTensor;

/// In training each element is 0 with probability `p`, and the others are scaled by `1 / (1 - p)`.
#[pyfunction]
#[pyo3(name = "dropout", signature = (input, p=0.5, training=true, inplace=false))]
fn dropout_of<'py>(
    input: &Bound<'py, PyTensor>,
    p: f64,
    training: bool,
    inplace: bool,
) -> PyResult<Bound<'py, PyTensor>> {
    computed(input, "dropout", inplace, |x| functional::dropout(x, p, training, None))
}

/// Dropout that keeps the mean and variance of what selu gives.
#[pyfunction]
#[pyo3(signature = (input, p=0.5, training=false, inplace=false))]
fn alpha_dropout<'py>(
    input: &Bound<'py, PyTensor>,
    p: f64,
    training: bool,
    inplace: bool,
) -> PyResult<Bound<'py, PyTensor>> {
    computed(input, "alpha_dropout", inplace, |x| functional::alpha_dropout(x, p, training, None))
}

/// Alpha dropout of whole channels of `(N, C, ...)`.
#[pyfunction]
#[pyo3(signature = (input, p=0.5, training=false, inplace=false))]
fn feature_alpha_dropout<'py>(
    input: &Bound<'py, PyTensor>,
    p: f64,
    training: bool,
    inplace: bool,
) -> PyResult<Bound<'py, PyTensor>> {
    computed(input, "feature_alpha_dropout", inplace, |x| {
        functional::feature_alpha_dropout(x, p, training, None)
    })
}

macro_rules! feature_dropout {
    ($($(#[$doc:meta])* $name:ident $unbatched:literal;)*) => {
        $(
            $(#[$doc])*
            #[pyfunction]
            #[pyo3(signature = (input, p=0.5, training=true, inplace=false))]
            fn $name<'py>(
                input: &Bound<'py, PyTensor>,
                p: f64,
                training: bool,
                inplace: bool,
            ) -> PyResult<Bound<'py, PyTensor>> {
                computed(input, stringify!($name), inplace, |x| {
                    functional::feature_dropout(x, p, training, x.rank() != $unbatched, None)
                        .map_err(|error| error.in_operation(stringify!($name)))
                })
            }
        )*

        fn add_features(module: &Bound<'_, PyModule>) -> PyResult<()> {
            $(module.add_function(wrap_pyfunction!($name, module)?)?;)*
            Ok(())
        }
    };
}
feature_dropout! {
    /// Dropout of whole channels of `(N, C, L)` or `(C, L)`.
    dropout1d 2;
    /// Dropout of whole channels of `(N, C, H, W)`; three axes count as `(N, C, L)`, as in torch.
    dropout2d 0;
    /// Dropout of whole channels of `(N, C, D, H, W)` or `(C, D, H, W)`.
    dropout3d 4;
}

/// Adds the functions to the module.
pub(super) fn add_dropout(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(dropout_of, module)?)?;
    module.add_function(wrap_pyfunction!(alpha_dropout, module)?)?;
    module.add_function(wrap_pyfunction!(feature_alpha_dropout, module)?)?;
    add_features(module)
}
