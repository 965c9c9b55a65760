//! Recurrent layers: all time steps of one direction of one layer.

use std::sync::Arc;

use super::{Spec, Specs};
use crate::{Error, Result, Shape};

/// The formula of a recurrent layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Recurrence {
    /// `tanh` of the sum of both projections (Elman 1990).
    Tanh,
    /// `relu` of the sum of both projections.
    Relu,
    /// Long short-term memory (Hochreiter and Schmidhuber 1997; Gers et al. 2000).
    Lstm,
    /// Gated recurrent unit (Cho et al. 2014), with the reset gate behind the recurrent product.
    Gru,
}

impl Recurrence {
    /// The number of gates: how many times wider than the state the projections are.
    pub fn gates(self) -> usize {
        match self {
            Recurrence::Tanh | Recurrence::Relu => 1,
            Recurrence::Lstm => 4,
            Recurrence::Gru => 3,
        }
    }

    /// The name of the layers' function.
    pub fn name(self) -> &'static str {
        match self {
            Recurrence::Tanh => "rnn_tanh",
            Recurrence::Relu => "rnn_relu",
            Recurrence::Lstm => "lstm",
            Recurrence::Gru => "gru",
        }
    }

    /// The name of the gradient in messages and reports.
    fn gradient_name(self) -> &'static str {
        match self {
            Recurrence::Tanh => "rnn_tanh_gradient",
            Recurrence::Relu => "rnn_relu_gradient",
            Recurrence::Lstm => "lstm_gradient",
            Recurrence::Gru => "gru_gradient",
        }
    }

    /// Numbers a unit that the gradient needs beside the states: the gates, and the GRU's recurrent part of the new gate.
    pub fn kept(self) -> usize {
        match self {
            Recurrence::Tanh | Recurrence::Relu => 0,
            Recurrence::Lstm | Recurrence::Gru => 4,
        }
    }
}

/// The pass forward, or its gradient. ΣN rows are sorted by time; H units, G gates; N sequences.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RecurrentKind {
    /// `projected (ΣN, G·H), weight (G·H, H), state (N, H)`, an LSTM's `cell (N, H)`, a GRU's `bias (G·H)` of the
    /// recurrent product `→ states (ΣN, H), last state (N, H)`, an LSTM's `last cell (N, H)`; and with `keep` what the
    /// gradient needs: `gates (ΣN, 4·H)` of LSTM and GRU (input, forget, cell, output; reset, update, new, and the
    /// recurrent part of new) and an LSTM's `cells (ΣN, H)`.
    Forward {
        /// The results include what the gradient needs.
        keep: bool,
        /// There is a bias (of a GRU; the others add theirs to `projected`).
        bias: bool,
    },
    /// `weight, state, states, gradient of states, gradient of last state`, of LSTM and GRU `gates`, and an LSTM's
    /// `cell, cells, gradient of last cell → gradient of projected (ΣN, G·H), gradient of state (N, H), the states before
    /// each step (ΣN, H)`, an LSTM's `gradient of cell (N, H)`, a GRU's `gradient of the recurrent product (ΣN, G·H)`,
    /// which of the others is that of `projected`.
    Gradient,
}

/// One direction of one recurrent layer over all time steps. All inputs have one dtype, float32 or float64.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Recurrent {
    /// The formula.
    pub recurrence: Recurrence,
    /// Forward, or the gradient.
    pub kind: RecurrentKind,
    /// Time runs backwards.
    pub reverse: bool,
    /// The rows of each step, none more than the step before: those of the sequences that still run.
    pub sizes: Arc<[usize]>,
}

impl Recurrent {
    /// The name in messages and reports.
    pub fn name(&self) -> &'static str {
        match self.kind {
            RecurrentKind::Forward { .. } => self.recurrence.name(),
            RecurrentKind::Gradient => self.recurrence.gradient_name(),
        }
    }

    /// The rows of all steps, and the sequences.
    fn rows(&self) -> (usize, usize) {
        (self.sizes.iter().sum(), self.sizes.first().copied().unwrap_or(0))
    }

    /// The first row of each step and the number of its rows, in the order in which the steps run.
    pub fn steps(&self) -> Vec<Step> {
        let mut start = 0;
        let mut steps: Vec<Step> = Vec::with_capacity(self.sizes.len());
        for &rows in self.sizes.iter() {
            steps.push(Step { start, rows });
            start += rows;
        }
        if self.reverse {
            steps.reverse();
        }
        steps
    }

    /// Floating-point operations of the recurrent products.
    pub(super) fn flops(&self, inputs: &[Spec]) -> usize {
        let weight = &inputs[if self.kind == RecurrentKind::Gradient { 0 } else { 1 }];
        2 * self.rows().0 * weight.shape.elements()
    }

    pub(super) fn results(&self, inputs: &[Spec]) -> Result<Specs> {
        let name = self.name();
        let (rows, sequences) = self.rows();
        let (lstm, gru) = (self.recurrence == Recurrence::Lstm, self.recurrence == Recurrence::Gru);
        let weight = inputs.get(if self.kind == RecurrentKind::Gradient { 0 } else { 1 });
        let units = weight.and_then(|weight| weight.shape.last().copied()).unwrap_or(0);
        let wide = units * self.recurrence.gates();
        let kept = units * self.recurrence.kept();
        let all = |width: usize| Shape::from([rows, width]);
        let each = Shape::from([sequences, units]);
        let matrix = Shape::from([wide, units]);
        let (mut expected, mut results): (Vec<Shape>, Vec<Shape>);
        match self.kind {
            RecurrentKind::Forward { keep, bias } => {
                expected = vec![all(wide), matrix, each.clone()];
                results = vec![all(units), each.clone()];
                if lstm {
                    expected.push(each.clone());
                    results.push(each);
                }
                if bias {
                    expected.push(Shape::from([wide]));
                }
                if keep && kept > 0 {
                    results.push(all(kept));
                }
                if keep && lstm {
                    results.push(all(units));
                }
            }
            RecurrentKind::Gradient => {
                expected = vec![matrix, each.clone(), all(units), all(units), each.clone()];
                results = vec![all(wide), each.clone(), all(units)];
                if kept > 0 {
                    expected.push(all(kept));
                }
                if lstm {
                    expected.extend([each.clone(), all(units), each.clone()]);
                    results.push(each);
                }
                if gru {
                    results.push(all(wide));
                }
            }
        }
        let fits = inputs.len() == expected.len()
            && inputs.iter().zip(&expected).all(|(input, shape)| input.shape == *shape)
            && self.sizes.windows(2).all(|pair| pair[0] >= pair[1]);
        if !fits {
            let shapes: Vec<String> = inputs.iter().map(|input| input.shape.to_string()).collect();
            return Err(Error::shape(name, format!("shapes do not fit; got {}", shapes.join(", "))));
        }
        let dtype = inputs[0].dtype;
        if !dtype.is_floating() || dtype.compute() != dtype || inputs.iter().any(|input| input.dtype != dtype)
        {
            return Err(Error::dtype(name, format!("needs float32 or float64 throughout; got {dtype}")));
        }
        results.into_iter().map(|shape| Ok(Spec::new(Shape::checked(name, &shape)?, dtype))).collect()
    }
}

/// A step: its first row and the number of its rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The first row.
    pub start: usize,
    /// The rows.
    pub rows: usize,
}
