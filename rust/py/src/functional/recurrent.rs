//! Recurrent layers, cells and the packing of sequences.

use pyo3::IntoPyObjectExt;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use tenfold::functional::{self, Packed, Recurrence, RecurrentOptions};
use tenfold::{Error, Tensor};

use super::optional;
use crate::convert::{Integers, ScalarArgument, TensorArgument};
use crate::errors::to_python;
use crate::tensor::PyTensor;

/// Layers over `(T, N, F)`, over `(N, T, F)` or over packed rows; hidden states and cells alike.
#[allow(clippy::too_many_arguments)]
fn run(
    recurrence: Recurrence,
    input: &Tensor,
    hidden: Option<&Tensor>,
    cell: Option<&Tensor>,
    params: &[TensorArgument],
    has_biases: bool,
    num_layers: i64,
    dropout: f64,
    train: bool,
    bidirectional: bool,
    batch_first: bool,
    batch_sizes: Option<&Integers>,
) -> PyResult<(PyTensor, PyTensor, Option<PyTensor>)> {
    let name = recurrence.name();
    let num_layers = Integers(vec![num_layers]).extents(name)?[0];
    let options = RecurrentOptions {
        recurrence,
        biases: has_biases,
        num_layers,
        dropout,
        training: train,
        bidirectional,
    };
    let sizes = batch_sizes.map(|sizes| sizes.extents(name)).transpose()?;
    let weights: Vec<&Tensor> = params.iter().map(|weight| &weight.0).collect();
    let turned = batch_first && sizes.is_none() && input.rank() == 3;
    let compute = || -> tenfold::Result<_> {
        let input = if turned { input.transpose(0, 1)? } else { input.clone() };
        let result = functional::recurrent(&input, sizes.as_deref(), hidden, cell, &weights, &options)?;
        let output = if turned { result.output.transpose(0, 1)? } else { result.output };
        Ok((output.into(), result.hidden.into(), result.cell.map(PyTensor::from)))
    };
    compute().map_err(to_python)
}

macro_rules! layers {
    ($($(#[$doc:meta])* $name:ident $cell:ident $recurrence:ident;)*) => {
        $(
            $(#[$doc])*
            ///
            /// `input` is `(T, N, F)`, `(N, T, F)` where `batch_first`, or with `batch_sizes` the rows of a packed sequence;
            /// `hx` `(layers * directions, N, H)` begins as zeros. `params` are the weights by layer and direction: `W_ih`,
            /// `W_hh` and, with `has_biases`, `b_ih`, `b_hh`. Gives the states at all steps and the last ones.
            #[pyfunction]
            #[pyo3(signature = (
                input, hx, params, has_biases=true, num_layers=1, dropout=0.0, train=false, bidirectional=false,
                batch_first=false, batch_sizes=None
            ))]
            #[allow(clippy::too_many_arguments)]
            fn $name(
                input: TensorArgument,
                hx: Option<TensorArgument>,
                params: Vec<TensorArgument>,
                has_biases: bool,
                num_layers: i64,
                dropout: f64,
                train: bool,
                bidirectional: bool,
                batch_first: bool,
                batch_sizes: Option<Integers>,
            ) -> PyResult<(PyTensor, PyTensor)> {
                let (output, hidden, _) = run(
                    Recurrence::$recurrence, &input.0, optional(&hx), None, &params, has_biases, num_layers, dropout,
                    train, bidirectional, batch_first, batch_sizes.as_ref(),
                )?;
                Ok((output, hidden))
            }

            /// One step of the cell: `(N, F)` with the state `(N, H)`, or both without N, gives the new state.
            #[pyfunction]
            #[pyo3(signature = (input, hx, w_ih, w_hh, b_ih=None, b_hh=None))]
            fn $cell(
                input: TensorArgument,
                hx: TensorArgument,
                w_ih: TensorArgument,
                w_hh: TensorArgument,
                b_ih: Option<TensorArgument>,
                b_hh: Option<TensorArgument>,
            ) -> PyResult<PyTensor> {
                let (weights, biases) = ((&w_ih.0, &w_hh.0), (optional(&b_ih), optional(&b_hh)));
                let result =
                    functional::recurrent_cell(Recurrence::$recurrence, &input.0, &hx.0, None, weights, biases);
                Ok(result.map_err(to_python)?.0.into())
            }
        )*

        fn add_layers(module: &Bound<'_, PyModule>) -> PyResult<()> {
            $(
                module.add_function(wrap_pyfunction!($name, module)?)?;
                module.add_function(wrap_pyfunction!($cell, module)?)?;
            )*
            Ok(())
        }
    };
}
layers! {
    /// Layers of a recurrent network with tanh.
    rnn_tanh rnn_tanh_cell Tanh;
    /// Layers of a recurrent network with relu.
    rnn_relu rnn_relu_cell Relu;
    /// Layers of gated recurrent units.
    gru gru_cell Gru;
}

/// The hidden states and cells of an LSTM, from a pair.
fn pair(operation: &str, hx: Option<Vec<TensorArgument>>) -> PyResult<Option<(Tensor, Tensor)>> {
    let Some(hx) = hx else { return Ok(None) };
    match <[TensorArgument; 2]>::try_from(hx) {
        Ok([hidden, cell]) => Ok(Some((hidden.0, cell.0))),
        Err(hx) => Err(PyTypeError::new_err(format!(
            "{operation}: hx must be a pair of states and cells; got {} tensors",
            hx.len()
        ))),
    }
}

/// Layers of long short-term memory.
///
/// As `gru`, with a pair of states and cells as `hx`; with projections, `params` has a `W_hr` a layer and direction too.
/// Gives the states at all steps, the last ones and the last cells.
#[pyfunction]
#[pyo3(signature = (
    input, hx, params, has_biases=true, num_layers=1, dropout=0.0, train=false, bidirectional=false,
    batch_first=false, batch_sizes=None
))]
#[allow(clippy::too_many_arguments)]
fn lstm(
    py: Python<'_>,
    input: TensorArgument,
    hx: Option<Vec<TensorArgument>>,
    params: Vec<TensorArgument>,
    has_biases: bool,
    num_layers: i64,
    dropout: f64,
    train: bool,
    bidirectional: bool,
    batch_first: bool,
    batch_sizes: Option<Integers>,
) -> PyResult<Py<PyAny>> {
    let hx = pair("lstm", hx)?;
    let (hidden, cell) = (hx.as_ref().map(|hx| &hx.0), hx.as_ref().map(|hx| &hx.1));
    let (output, hidden, cell) = run(
        Recurrence::Lstm,
        &input.0,
        hidden,
        cell,
        &params,
        has_biases,
        num_layers,
        dropout,
        train,
        bidirectional,
        batch_first,
        batch_sizes.as_ref(),
    )?;
    (output, hidden, cell).into_py_any(py)
}

/// One step of an LSTM: `(N, F)` with a pair of state and cell `(N, H)`, or all without N, gives the new pair.
#[pyfunction]
#[pyo3(signature = (input, hx, w_ih, w_hh, b_ih=None, b_hh=None))]
fn lstm_cell(
    py: Python<'_>,
    input: TensorArgument,
    hx: Vec<TensorArgument>,
    w_ih: TensorArgument,
    w_hh: TensorArgument,
    b_ih: Option<TensorArgument>,
    b_hh: Option<TensorArgument>,
) -> PyResult<Py<PyAny>> {
    let Some((hidden, cell)) = pair("lstm_cell", Some(hx))? else { unreachable!("given") };
    let (weights, biases) = ((&w_ih.0, &w_hh.0), (optional(&b_ih), optional(&b_hh)));
    let result =
        functional::recurrent_cell(Recurrence::Lstm, &input.0, &hidden, Some(&cell), weights, biases);
    let (hidden, cell) = result.map_err(to_python)?;
    (PyTensor::from(hidden), cell.map(PyTensor::from)).into_py_any(py)
}

/// The rows of padded sequences, and the number of them at each step; lengths must not grow.
#[pyfunction]
fn _pack_padded_sequence(
    input: TensorArgument,
    lengths: Integers,
    batch_first: bool,
) -> PyResult<(PyTensor, Vec<usize>)> {
    let name = "pack_padded_sequence";
    if let Some(wrong) = lengths.0.iter().find(|&&length| length <= 0) {
        return Err(to_python(Error::state(name, format!("every length must be positive; got {wrong}"))));
    }
    let packed = functional::pack_padded_sequence(&input.0, &lengths.extents(name)?, batch_first);
    let Packed { data, batch_sizes } = packed.map_err(to_python)?;
    Ok((data.into(), batch_sizes))
}

/// Sequences filled up to one length, and their lengths.
#[pyfunction]
fn _pad_packed_sequence(
    data: TensorArgument,
    batch_sizes: Integers,
    batch_first: bool,
    padding_value: ScalarArgument,
    total_length: Option<i64>,
) -> PyResult<(PyTensor, Vec<usize>)> {
    let name = "pad_packed_sequence";
    let packed = Packed { data: data.0, batch_sizes: batch_sizes.extents(name)? };
    let total =
        total_length.map(|total| Integers(vec![total]).extents(name)).transpose()?.map(|total| total[0]);
    let (padded, lengths) =
        functional::pad_packed_sequence(&packed, batch_first, padding_value.0, total).map_err(to_python)?;
    Ok((padded.into(), lengths))
}

/// Adds the functions to the module.
pub(super) fn add_recurrent(module: &Bound<'_, PyModule>) -> PyResult<()> {
    add_layers(module)?;
    module.add_function(wrap_pyfunction!(lstm, module)?)?;
    module.add_function(wrap_pyfunction!(lstm_cell, module)?)?;
    module.add_function(wrap_pyfunction!(_pack_padded_sequence, module)?)?;
    module.add_function(wrap_pyfunction!(_pad_packed_sequence, module)?)
}
