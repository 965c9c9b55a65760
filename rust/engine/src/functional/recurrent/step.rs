//! One step of each recurrence, as differentiable operations.

use tenfold_ir::{Error, Result};

use super::Recurrence;
use crate::Tensor;

/// The new state `(N, H)`, and the LSTM's new cells, from both projections `(N, gates · H)` and the state before.
pub(super) fn step(
    recurrence: Recurrence,
    of_input: &Tensor,
    of_hidden: &Tensor,
    state: &Tensor,
    cell: Option<&Tensor>,
) -> Result<(Tensor, Option<Tensor>)> {
    match recurrence {
        Recurrence::Tanh => Ok((of_input.add(of_hidden)?.tanh()?, None)),
        Recurrence::Relu => Ok((of_input.add(of_hidden)?.relu()?, None)),
        Recurrence::Lstm => {
            let cell = cell.ok_or_else(|| Error::state("lstm", "an LSTM needs cells beside its state"))?;
            let gates = of_input.add(of_hidden)?.chunk(4, -1)?;
            let (input, forget, output) = (gates[0].sigmoid()?, gates[1].sigmoid()?, gates[3].sigmoid()?);
            let cell = forget.multiply(cell)?.add(&input.multiply(&gates[2].tanh()?)?)?;
            Ok((output.multiply(&cell.tanh()?)?, Some(cell)))
        }
        Recurrence::Gru => {
            let (a, b) = (of_input.chunk(3, -1)?, of_hidden.chunk(3, -1)?);
            let reset = a[0].add(&b[0])?.sigmoid()?;
            let update = a[1].add(&b[1])?.sigmoid()?;
            let new = a[2].add(&reset.multiply(&b[2])?)?.tanh()?;
            Ok((new.add(&update.multiply(&state.subtract(&new)?)?)?, None))
        }
    }
}
