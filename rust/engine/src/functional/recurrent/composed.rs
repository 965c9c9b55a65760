//! A layer as one differentiable operation after the other: for LSTMs that project their state, for derivatives of
//! derivatives, and what the tests hold the fused operation against.

use tenfold_ir::Result;

use super::layer::{Layer, LayerResult};
use super::step::step;
use crate::Tensor;
use crate::functional::linear;

fn first_rows(tensor: &Tensor, count: usize) -> Result<Tensor> {
    tensor.slice(0, 0, 1, count)
}

/// A tensor with the rows that another one has beyond its own.
fn lengthened(tensor: &Tensor, source: &Tensor, count: usize) -> Result<Tensor> {
    let own = tensor.shape()[0];
    Tensor::concatenate(&[tensor, &source.slice(0, own, 1, count - own)?], Some(0))
}

/// The layer's pass over the input's projection `(ΣN, G·H)`.
pub(super) fn composed(
    layer: &Layer,
    projected: &Tensor,
    recurrent: &Tensor,
    bias: Option<&Tensor>,
    projection: Option<&Tensor>,
    first_hidden: &Tensor,
    first_cell: Option<&Tensor>,
) -> Result<LayerResult> {
    let (sizes, steps) = (&layer.sizes, layer.sizes.len());
    let mut starts: Vec<usize> = Vec::with_capacity(steps);
    let mut rows = 0;
    for size in sizes.iter() {
        starts.push(rows);
        rows += size;
    }
    let running = if layer.reverse { sizes[steps - 1] } else { sizes[0] };
    let mut hidden = first_rows(first_hidden, running)?;
    let mut cell = first_cell.map(|cell| first_rows(cell, running)).transpose()?;
    let mut outputs = vec![None; steps];
    // The states of sequences that have ended, last ones first.
    let (mut ended, mut ended_cells) = (Vec::new(), Vec::new());
    for number in 0..steps {
        let time = if layer.reverse { steps - 1 - number } else { number };
        let (size, own) = (sizes[time], hidden.shape()[0]);
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
        (hidden, cell) = step(layer.recurrence, &of_input, &of_hidden, &hidden, cell.as_ref())?;
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
