//! One direction of one layer over all time steps.

use tenfold_ir::Result;

use super::step::step;
use super::{Recurrence, Weights};
use crate::Tensor;
use crate::functional::linear;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Forward,
    Backward,
}

/// A layer's pass over rows sorted by time.
pub(super) struct Layer<'a> {
    pub recurrence: Recurrence,
    pub direction: Direction,
    /// The rows of each step, none more than the step before.
    pub sizes: &'a [usize],
}

/// States at all steps `(ΣN, H)` and after the last one `(N, H)`.
pub(super) struct LayerResult {
    pub output: Tensor,
    pub hidden: Tensor,
    pub cell: Option<Tensor>,
}

fn first_rows(tensor: &Tensor, count: usize) -> Result<Tensor> {
    tensor.slice(0, 0, 1, count)
}

/// A tensor with the rows that another one has beyond its own.
fn lengthened(tensor: &Tensor, source: &Tensor, count: usize) -> Result<Tensor> {
    let own = tensor.shape()[0];
    Tensor::concatenate(&[tensor, &source.slice(0, own, 1, count - own)?], Some(0))
}

impl Layer<'_> {
    /// Runs the layer over `sequence` `(ΣN, F)` from the given states.
    pub fn run(
        &self,
        sequence: &Tensor,
        weights: &Weights<'_>,
        hidden: &Tensor,
        cell: Option<&Tensor>,
    ) -> Result<LayerResult> {
        let compute = sequence.dtype();
        let (of_input, of_hidden) = match weights.biases {
            None => (None, None),
            // Only the GRU's new gate tells the two biases apart.
            Some((a, b)) if self.recurrence == Recurrence::Gru => {
                (Some(a.cast(compute)?), Some(b.cast(compute)?))
            }
            Some((a, b)) => (Some(a.cast(compute)?.add(&b.cast(compute)?)?), None),
        };
        let projected = linear(sequence, &weights.input.cast(compute)?, of_input.as_ref())?;
        let recurrent = weights.hidden.cast(compute)?;
        let projection = weights.projection.map(|weight| weight.cast(compute)).transpose()?;
        self.composed(&projected, &recurrent, of_hidden.as_ref(), projection.as_ref(), hidden, cell)
    }

    /// The pass as one operation after the other.
    fn composed(
        &self,
        projected: &Tensor,
        recurrent: &Tensor,
        bias: Option<&Tensor>,
        projection: Option<&Tensor>,
        first_hidden: &Tensor,
        first_cell: Option<&Tensor>,
    ) -> Result<LayerResult> {
        let steps = self.sizes.len();
        let mut starts: Vec<usize> = Vec::with_capacity(steps);
        let mut rows = 0;
        for size in self.sizes {
            starts.push(rows);
            rows += size;
        }
        let running = match self.direction {
            Direction::Forward => self.sizes[0],
            Direction::Backward => self.sizes[steps - 1],
        };
        let mut hidden = first_rows(first_hidden, running)?;
        let mut cell = first_cell.map(|cell| first_rows(cell, running)).transpose()?;
        let mut outputs = vec![None; steps];
        // The states of sequences that have ended, last ones first.
        let (mut ended, mut ended_cells) = (Vec::new(), Vec::new());
        for number in 0..steps {
            let time = if self.direction == Direction::Forward { number } else { steps - 1 - number };
            let (size, own) = (self.sizes[time], hidden.shape()[0]);
            if size < own {
                ended.push(hidden.slice(0, size, 1, own - size)?);
                hidden = first_rows(&hidden, size)?;
                if let Some(cells) = cell {
                    ended_cells.push(cells.slice(0, size, 1, own - size)?);
                    cell = Some(first_rows(&cells, size)?);
                }
            } else if size > own {
                hidden = lengthened(&hidden, first_hidden, size)?;
                if let (Some(cells), Some(first)) = (&cell, first_cell) {
                    cell = Some(lengthened(cells, first, size)?);
                }
            }
            let of_input = projected.slice(0, starts[time], 1, size)?;
            let of_hidden = linear(&hidden, recurrent, bias)?;
            (hidden, cell) = step(self.recurrence, &of_input, &of_hidden, &hidden, cell.as_ref())?;
            if let Some(projection) = projection {
                hidden = linear(&hidden, projection, None)?;
            }
            outputs[time] = Some(hidden.clone());
        }
        let outputs: Vec<&Tensor> = outputs.iter().flatten().collect();
        let whole = |last: Tensor, ended: Vec<Tensor>| {
            let pieces: Vec<&Tensor> = std::iter::once(&last).chain(ended.iter().rev()).collect();
            Tensor::concatenate(&pieces, Some(0))
        };
        Ok(LayerResult {
            output: Tensor::concatenate(&outputs, Some(0))?,
            hidden: whole(hidden, ended)?,
            cell: cell.map(|cell| whole(cell, ended_cells)).transpose()?,
        })
    }
}
