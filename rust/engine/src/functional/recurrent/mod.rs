//! Recurrent layers and cells: Elman networks, LSTM, GRU.
//!
//! Sequences are rows sorted by time: step t holds the rows of those sequences that are still running, longest first,
//! as in PyTorch's packed sequences. A dense `(T, N, F)` is the case in which all run to the end.

mod composed;
mod layer;
mod packing;
mod step;

use std::sync::Arc;

pub use tenfold_ir::kernel::Recurrence;
use tenfold_ir::{Error, Result, Shape};

use super::{check_floating, check_same_dtype, dropout};
use crate::{Tensor, autocast};
use layer::Layer;
pub use packing::{Packed, pack_padded_sequence, pad_packed_sequence};

/// The name of a cell's function.
fn cell_name(recurrence: Recurrence) -> &'static str {
    match recurrence {
        Recurrence::Tanh => "rnn_tanh_cell",
        Recurrence::Relu => "rnn_relu_cell",
        Recurrence::Lstm => "lstm_cell",
        Recurrence::Gru => "gru_cell",
    }
}

/// The settings of [`recurrent`].
#[derive(Clone, Copy, Debug)]
pub struct RecurrentOptions {
    /// The formula.
    pub recurrence: Recurrence,
    /// Each layer's weights include biases.
    pub biases: bool,
    /// Layers on top of each other.
    pub num_layers: usize,
    /// Dropout between layers.
    pub dropout: f64,
    /// Whether dropout is active.
    pub training: bool,
    /// Each layer also runs backwards in time; the results stand side by side.
    pub bidirectional: bool,
}

/// What [`recurrent`] gives.
pub struct RecurrentResult {
    /// The last layer's states at all steps, shaped as the input but for the features.
    pub output: Tensor,
    /// The states after the last step of each sequence: `(layers · directions, N, H)`.
    pub hidden: Tensor,
    /// The LSTM's cells then.
    pub cell: Option<Tensor>,
}

/// The weights of one direction of one layer.
#[derive(Clone, Copy)]
struct Weights<'a> {
    input: &'a Tensor,
    hidden: &'a Tensor,
    biases: Option<(&'a Tensor, &'a Tensor)>,
    projection: Option<&'a Tensor>,
}

/// The weights by layer and direction, checked against each other.
fn sorted_weights<'a>(
    name: &'static str,
    input: &Tensor,
    weights: &[&'a Tensor],
    options: &RecurrentOptions,
) -> Result<Vec<Weights<'a>>> {
    let directions = 1 + usize::from(options.bidirectional);
    let cells = options.num_layers * directions;
    let least = if options.biases { 4 } else { 2 };
    let projects = options.recurrence == Recurrence::Lstm && weights.len() == cells * (least + 1);
    if cells == 0 || !(projects || weights.len() == cells * least) {
        return Err(Error::value(
            name,
            format!("{cells} layers and directions need {least} weights each; got {} in all", weights.len()),
        ));
    }
    let mut features = input.shape()[input.rank() - 1];
    let mut sorted = Vec::with_capacity(cells);
    for (cell, own) in weights.chunks(weights.len() / cells).enumerate() {
        let part = Weights {
            input: own[0],
            hidden: own[1],
            biases: options.biases.then(|| (own[2], own[3])),
            projection: projects.then(|| own[own.len() - 1]),
        };
        let state = part.hidden.shape().last().copied().unwrap_or(0);
        let inner = part.projection.map_or(state, |weight| weight.shape().last().copied().unwrap_or(0));
        let rows = inner * options.recurrence.gates();
        let fits = part.input.shape()[..] == [rows, features]
            && part.hidden.shape()[..] == [rows, state]
            && part.biases.is_none_or(|(a, b)| a.shape()[..] == [rows] && b.shape()[..] == [rows])
            && part.projection.is_none_or(|weight| weight.shape()[..] == [state, inner]);
        if !fits {
            let shapes: Vec<String> = own.iter().map(|weight| weight.shape().to_string()).collect();
            return Err(Error::shape(
                name,
                format!(
                    "{features} input features do not fit the weights of layer {}; got shapes {}",
                    cell / directions,
                    shapes.join(", ")
                ),
            ));
        }
        for weight in own {
            check_same_dtype(name, input, weight)?;
        }
        sorted.push(part);
        if cell % directions == directions - 1 {
            features = state * directions;
        }
    }
    Ok(sorted)
}

/// An error unless an initial state has the shape of all cells' states.
fn check_state(name: &'static str, what: &str, state: &Tensor, shape: [usize; 3]) -> Result<()> {
    if state.shape()[..] == shape {
        return Ok(());
    }
    Err(Error::shape(name, format!("{what} must have shape {}; got {}", Shape::from(shape), state.shape())))
}

/// Layers of a recurrent network over `input`: `(T, N, F)`, or with `batch_sizes` packed rows `(ΣN, F)` where step t has
/// `batch_sizes[t]` rows, not more than the step before.
///
/// `weights` has, for each layer and direction, `W_ih` `(gates · H, F)`, `W_hh` `(gates · H, H)`, with biases `b_ih` and
/// `b_hh`, and `W_hr` for an LSTM that projects its state; gates in PyTorch's order (input, forget, cell, output;
/// reset, update, new). States begin as `hidden` (and `cell`) `(layers · directions, N, H)`, or zero. Half precisions are
/// computed in float32 and rounded once.
pub fn recurrent(
    input: &Tensor,
    batch_sizes: Option<&[usize]>,
    hidden: Option<&Tensor>,
    cell: Option<&Tensor>,
    weights: &[&Tensor],
    options: &RecurrentOptions,
) -> Result<RecurrentResult> {
    let name = options.recurrence.name();
    let input = &*autocast::lowered(input)?;
    let (hidden, cell) = (autocast::lowered_option(hidden)?, autocast::lowered_option(cell)?);
    let (hidden, cell) = (hidden.as_deref(), cell.as_deref());
    let weights = weights.iter().map(|weight| autocast::lowered(weight)).collect::<Result<Vec<_>>>()?;
    let weights: &[&Tensor] = &weights.iter().map(|weight| &**weight).collect::<Vec<_>>();
    let _lowered_once = autocast::Off::enter();
    check_floating(name, input)?;
    let axes = if batch_sizes.is_some() { 2 } else { 3 };
    if input.rank() != axes {
        return Err(Error::shape(name, format!("the input needs {axes} axes; got shape {}", input.shape())));
    }
    let sizes = match batch_sizes {
        Some(sizes) => packing::checked_sizes(name, sizes, input.shape()[0])?,
        None => vec![input.shape()[1]; input.shape()[0]],
    };
    let Some(&batch) = sizes.first() else {
        return Err(Error::state(
            name,
            format!("the input needs at least one step; got shape {}", input.shape()),
        ));
    };
    let parts = sorted_weights(name, input, weights, options)?;
    let state = parts[0].hidden.shape()[1];
    let inner = parts[0].projection.map_or(state, |weight| weight.shape()[1]);
    let (dtype, compute) = (input.dtype(), input.dtype().compute());
    let initial = |what: &str, given: Option<&Tensor>, width: usize| match given {
        Some(given) => {
            check_same_dtype(name, input, given)?;
            check_state(name, what, given, [parts.len(), batch, width])?;
            given.cast(compute)
        }
        None => Tensor::zeros(&[parts.len(), batch, width], compute),
    };
    let hidden = initial("hx", hidden, state)?;
    let cells = match options.recurrence {
        Recurrence::Lstm => Some(initial("cx", cell, inner)?),
        _ => None,
    };

    let rows: usize = sizes.iter().sum();
    let sizes: Arc<[usize]> = sizes.into();
    let directions = 1 + usize::from(options.bidirectional);
    let mut sequence = input.cast(compute)?.reshaped(&Shape::from([rows, input.shape()[axes - 1]]))?;
    let (mut hiddens, mut last_cells) = (Vec::new(), Vec::new());
    for (number, both) in parts.chunks(directions).enumerate() {
        if number > 0 && options.training {
            sequence = dropout(&sequence, options.dropout, true, None)?;
        }
        let mut outputs = Vec::with_capacity(directions);
        for (direction, part) in both.iter().enumerate() {
            let place = (number * directions + direction) as i64;
            let layer =
                Layer { recurrence: options.recurrence, reverse: direction == 1, sizes: sizes.clone() };
            let cell = cells.as_ref().map(|cells| cells.select(0, place)).transpose()?;
            let result = layer.run(&sequence, part, &hidden.select(0, place)?, cell.as_ref())?;
            outputs.push(result.output);
            hiddens.push(result.hidden);
            last_cells.extend(result.cell);
        }
        sequence = match outputs.as_slice() {
            [only] => only.clone(),
            several => Tensor::concatenate(&several.iter().collect::<Vec<_>>(), Some(-1))?,
        };
    }
    let shape: Shape = input.shape()[..axes - 1].iter().copied().chain([state * directions]).collect();
    let stacked = |tensors: &[Tensor]| Tensor::stack(&tensors.iter().collect::<Vec<_>>(), 0)?.cast(dtype);
    Ok(RecurrentResult {
        output: sequence.reshaped(&shape)?.cast(dtype)?,
        hidden: stacked(&hiddens)?,
        cell: cells.map(|_| stacked(&last_cells)).transpose()?,
    })
}

/// One step of a recurrent cell: `input` `(N, F)` or `(F)` with the state `(N, H)` or `(H)` (and the LSTM's `cell`) gives
/// the new state (and cell). Weights as one layer of [`recurrent`] has them.
pub fn recurrent_cell(
    recurrence: Recurrence,
    input: &Tensor,
    hidden: &Tensor,
    cell: Option<&Tensor>,
    weights: (&Tensor, &Tensor),
    biases: (Option<&Tensor>, Option<&Tensor>),
) -> Result<(Tensor, Option<Tensor>)> {
    let name = cell_name(recurrence);
    if input.rank() == 1 && hidden.rank() == 1 {
        let cell = cell.map(|cell| cell.unsqueeze(0)).transpose()?;
        let (input, hidden) = (input.unsqueeze(0)?, hidden.unsqueeze(0)?);
        let (hidden, cell) = recurrent_cell(recurrence, &input, &hidden, cell.as_ref(), weights, biases)?;
        return Ok((hidden.squeeze(&[0])?, cell.map(|cell| cell.squeeze(&[0])).transpose()?));
    }
    check_same_dtype(name, input, hidden)?;
    if cell.is_some() != (recurrence == Recurrence::Lstm) {
        return Err(Error::state(name, "an LSTM, and nothing else, has a cell beside its state"));
    }
    let (w_input, w_hidden) = weights;
    let rows = recurrence.gates() * w_hidden.shape().last().copied().unwrap_or(0);
    let fits = input.rank() == 2
        && hidden.rank() == 2
        && input.shape()[0] == hidden.shape()[0]
        && w_input.shape()[..] == [rows, input.shape()[1]]
        && w_hidden.shape()[..] == [rows, hidden.shape()[1]]
        && cell.is_none_or(|cell| cell.shape() == hidden.shape());
    if !fits {
        return Err(Error::shape(
            name,
            format!(
                "input {} and state {} do not fit weights of shapes {} and {}",
                input.shape(),
                hidden.shape(),
                w_input.shape(),
                w_hidden.shape()
            ),
        ));
    }
    for weight in [w_input, w_hidden].into_iter().chain(biases.0).chain(biases.1) {
        check_same_dtype(name, input, weight)?;
    }
    let shape = Shape::from([rows]);
    for bias in biases.0.iter().chain(&biases.1) {
        if *bias.shape() != shape {
            return Err(Error::shape(name, format!("a bias must have shape {shape}; got {}", bias.shape())));
        }
    }
    let (dtype, compute) = (input.dtype(), input.dtype().compute());
    let none = match biases {
        (Some(_), None) | (None, Some(_)) => Some(Tensor::zeros(&[rows], dtype)?),
        _ => None,
    };
    let weights = Weights {
        input: w_input,
        hidden: w_hidden,
        biases: biases.0.or(none.as_ref()).zip(biases.1.or(none.as_ref())),
        projection: None,
    };
    let cell = cell.map(|cell| cell.cast(compute)).transpose()?;
    let layer = Layer { recurrence, reverse: false, sizes: [input.shape()[0]].into() };
    let result = layer.run(&input.cast(compute)?, &weights, &hidden.cast(compute)?, cell.as_ref())?;
    Ok((result.hidden.cast(dtype)?, result.cell.map(|cell| cell.cast(dtype)).transpose()?))
}
