//! One direction of one layer over all time steps.

use std::sync::Arc;

use tenfold_ir::kernel::{Recurrence, Recurrent, RecurrentKind};
use tenfold_ir::{Core, Result, Shape};

use super::Weights;
use super::composed::composed;
use crate::Tensor;
use crate::autograd::{self, Context, Derivative, Gradients, Saved, record_gradient};
use crate::functional::linear;

/// A layer's pass over rows sorted by time.
#[derive(Clone, Debug)]
pub(super) struct Layer {
    pub recurrence: Recurrence,
    /// Time runs backwards.
    pub reverse: bool,
    /// The rows of each step, none more than the step before.
    pub sizes: Arc<[usize]>,
}

/// States at all steps `(ΣN, H)` and after the last one `(N, H)`.
pub(super) struct LayerResult {
    pub output: Tensor,
    pub hidden: Tensor,
    pub cell: Option<Tensor>,
}

/// What a layer computes from, in the dtype that it computes in.
struct Operands<'a> {
    sequence: &'a Tensor,
    input_weight: &'a Tensor,
    hidden_weight: &'a Tensor,
    biases: Option<(&'a Tensor, &'a Tensor)>,
    hidden: &'a Tensor,
    cell: Option<&'a Tensor>,
}

impl<'a> Operands<'a> {
    /// In the order in which the gradient edge has them.
    fn list(&self) -> Vec<&'a Tensor> {
        let mut list = vec![self.sequence, self.input_weight, self.hidden_weight, self.hidden];
        list.extend(self.cell);
        list.extend(self.biases.iter().flat_map(|&(a, b)| [a, b]));
        list
    }

    fn of_list(list: &'a [Tensor], recurrence: Recurrence) -> Operands<'a> {
        let cells = usize::from(recurrence == Recurrence::Lstm);
        Operands {
            sequence: &list[0],
            input_weight: &list[1],
            hidden_weight: &list[2],
            hidden: &list[3],
            cell: (cells > 0).then(|| &list[4]),
            biases: list.get(5 + cells).map(|last| (&list[4 + cells], last)),
        }
    }

    /// The input's projection with what can be added to it at once, and the bias of the recurrent product.
    fn projected(&self, recurrence: Recurrence) -> Result<(Tensor, Option<Tensor>)> {
        let (bias, of_hidden) = match self.biases {
            None => (None, None),
            // Only the GRU's new gate tells the two biases apart.
            Some((a, b)) if recurrence == Recurrence::Gru => (Some(a.clone()), Some(b.clone())),
            Some((a, b)) => (Some(a.add(b)?), None),
        };
        Ok((linear(self.sequence, self.input_weight, bias.as_ref())?, of_hidden))
    }
}

impl Layer {
    /// Runs the layer over `sequence` `(ΣN, F)` from the given states.
    pub fn run(
        &self,
        sequence: &Tensor,
        weights: &Weights<'_>,
        hidden: &Tensor,
        cell: Option<&Tensor>,
    ) -> Result<LayerResult> {
        let compute = sequence.dtype();
        let biases = weights.biases.map(|(a, b)| Ok((a.cast(compute)?, b.cast(compute)?))).transpose()?;
        let operands = Operands {
            sequence,
            input_weight: &weights.input.cast(compute)?,
            hidden_weight: &weights.hidden.cast(compute)?,
            biases: biases.as_ref().map(|(a, b)| (a, b)),
            hidden,
            cell,
        };
        match weights.projection {
            None => self.fused(&operands),
            Some(projection) => self.composed(&operands, Some(&projection.cast(compute)?)),
        }
    }

    fn composed(&self, operands: &Operands<'_>, projection: Option<&Tensor>) -> Result<LayerResult> {
        let (projected, bias) = operands.projected(self.recurrence)?;
        let (weight, hidden, cell) = (operands.hidden_weight, operands.hidden, operands.cell);
        composed(self, &projected, weight, bias.as_ref(), projection, hidden, cell)
    }

    fn core(&self, kind: RecurrentKind) -> Core {
        let (recurrence, reverse) = (self.recurrence, self.reverse);
        Core::Recurrent(Recurrent { recurrence, kind, reverse, sizes: self.sizes.clone() })
    }

    /// The pass as one product for the input and one operation over all steps.
    fn fused(&self, operands: &Operands<'_>) -> Result<LayerResult> {
        let list = operands.list();
        let keep = autograd::is_enabled() && list.iter().any(|operand| operand.requires_grad());
        let mut results = {
            let _guard = autograd::Guard::new(false);
            let (projected, bias) = operands.projected(self.recurrence)?;
            let mut inputs = vec![&projected, operands.hidden_weight, operands.hidden];
            inputs.extend(operands.cell);
            inputs.extend(&bias);
            let core = self.core(RecurrentKind::Forward { keep, bias: bias.is_some() });
            Tensor::record_core(core, &inputs)?
        };
        let cells = self.recurrence == Recurrence::Lstm;
        let visible = 2 + usize::from(cells);
        if keep {
            // What only the gradient needs counts among the inputs, without an edge.
            let kept: Vec<Tensor> = results.drain(visible..).collect();
            let inputs: Vec<&Tensor> = list.iter().copied().chain(&kept).collect();
            let saved: Vec<Saved> = (0..inputs.len()).map(Saved::Input).chain([Saved::Output(0)]).collect();
            let derivative = LayerDerivative { layer: self.clone(), operands: list.len() };
            record_gradient(&mut results, &inputs, derivative, &saved);
        }
        let mut results = results.into_iter();
        let mut next = || results.next().expect("one by the shape rule");
        Ok(LayerResult { output: next(), hidden: next(), cell: cells.then(next) })
    }
}

/// The gradient of a layer. The inputs are its operands and what the pass kept for this.
#[derive(Debug)]
struct LayerDerivative {
    layer: Layer,
    operands: usize,
}

impl Derivative for LayerDerivative {
    fn name(&self) -> &str {
        self.layer.recurrence.name()
    }

    fn gradients(&self, context: &Context<'_>) -> Result<Gradients> {
        let operands: Vec<Tensor> = (0..self.operands).map(|index| context.saved(index).clone()).collect();
        let kept =
            self.layer.recurrence.kept().min(1) + usize::from(self.layer.recurrence == Recurrence::Lstm);
        let mut gradients = if autograd::is_enabled() {
            self.composed_gradients(context, &operands)?
        } else {
            self.fused_gradients(context, &operands)?
        };
        gradients.extend(std::iter::repeat_n(None, kept));
        Ok(gradients)
    }
}

impl LayerDerivative {
    fn fused_gradients(&self, context: &Context<'_>, operands: &[Tensor]) -> Result<Gradients> {
        let recurrence = self.layer.recurrence;
        let (lstm, gru) = (recurrence == Recurrence::Lstm, recurrence == Recurrence::Gru);
        let own = Operands::of_list(operands, recurrence);
        let states = context.saved(self.operands + recurrence.kept().min(1) + usize::from(lstm));
        let arrived = |output: usize, shape: &Shape| match context.gradient_if_any(output) {
            Some(gradient) => Ok(gradient.clone()),
            None => zeros_along_rows(shape, states),
        };
        let of_states = arrived(0, states.shape())?;
        let of_hidden = arrived(1, own.hidden.shape())?;
        let mut inputs = vec![own.hidden_weight, own.hidden, states, &of_states, &of_hidden];
        if recurrence.kept() > 0 {
            inputs.push(context.saved(self.operands));
        }
        let of_cell;
        if let Some(cell) = own.cell {
            of_cell = arrived(2, cell.shape())?;
            inputs.extend([cell, context.saved(self.operands + 1), &of_cell]);
        }
        let results = Tensor::record_core(self.layer.core(RecurrentKind::Gradient), &inputs)?;
        let (of_projected, before) = (&results[0], &results[2]);
        let of_product = if gru { &results[3] } else { of_projected };
        let across = |gradient: &Tensor, other: &Tensor| gradient.transpose(0, 1)?.matmul(other);
        let needed = |input: usize, gradient: &dyn Fn() -> Result<Tensor>| {
            if context.needs(input) { gradient().map(Some) } else { Ok(None) }
        };
        let mut gradients = Gradients::from_iter([
            needed(0, &|| of_projected.matmul(own.input_weight))?,
            needed(1, &|| across(of_projected, own.sequence))?,
            needed(2, &|| across(of_product, before))?,
            Some(results[1].clone()),
        ]);
        if lstm {
            gradients.push(Some(results[3].clone()));
        }
        if own.biases.is_some() {
            let sum = of_projected.sum_axes(&[0])?;
            let of_second = if gru { of_product.sum_axes(&[0])? } else { sum.clone() };
            gradients.extend([Some(sum), Some(of_second)]);
        }
        Ok(gradients)
    }

    /// The gradients through the operations one after the other, which can be differentiated again.
    fn composed_gradients(&self, context: &Context<'_>, operands: &[Tensor]) -> Result<Gradients> {
        let lstm = usize::from(self.layer.recurrence == Recurrence::Lstm);
        let arrived: Vec<Option<&Tensor>> =
            (0..2 + lstm).map(|output| context.gradient_if_any(output)).collect();
        autograd::gradients_through(operands, &arrived, |operands| {
            let operands = Operands::of_list(operands, self.layer.recurrence);
            let result = self.layer.composed(&operands, None)?;
            Ok([Some(result.output), Some(result.hidden), result.cell].into_iter().flatten().collect())
        })
    }
}

/// Zeros that are one row.
fn zeros_along_rows(shape: &Shape, like: &Tensor) -> Result<Tensor> {
    let row = Tensor::zeros(&shape[1..], like.dtype())?;
    Ok(row.broadcast(shape).expect("a row of that shape"))
}
