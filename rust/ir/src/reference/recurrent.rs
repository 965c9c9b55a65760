//! Recurrent layers: the textbook's loop over time, rows and units.
//!
//! Written once over an [`Arithmetic`]: wide numbers for the results, numbers with radii for their bounds.

use super::number::{Exact, exact, round};
use super::tensor::Tensor;
use crate::Scalar;
use crate::kernel::{Recurrence, Recurrent, RecurrentKind, Specs, Step};
use crate::lanes::Lane;

/// What the formulas need of numbers.
pub(super) trait Arithmetic {
    type Number: Copy;
    fn constant(&self, value: f64) -> Self::Number;
    fn add(&self, a: Self::Number, b: Self::Number) -> Self::Number;
    fn subtract(&self, a: Self::Number, b: Self::Number) -> Self::Number;
    fn multiply(&self, a: Self::Number, b: Self::Number) -> Self::Number;
    fn sigmoid(&self, x: Self::Number) -> Self::Number;
    fn tanh(&self, x: Self::Number) -> Self::Number;
    fn relu(&self, x: Self::Number) -> Self::Number;
    /// `g` where `y` is greater than 0, else 0.
    fn where_positive(&self, y: Self::Number, g: Self::Number) -> Self::Number;
    /// The sum of products.
    fn dot(&self, terms: &mut dyn Iterator<Item = (Self::Number, Self::Number)>) -> Self::Number;
}

struct Wide;

impl Arithmetic for Wide {
    type Number = Exact;
    fn constant(&self, value: f64) -> Exact {
        Exact::constant(value)
    }
    fn add(&self, a: Exact, b: Exact) -> Exact {
        a + b
    }
    fn subtract(&self, a: Exact, b: Exact) -> Exact {
        a - b
    }
    fn multiply(&self, a: Exact, b: Exact) -> Exact {
        a * b
    }
    fn sigmoid(&self, x: Exact) -> Exact {
        x.sigmoid()
    }
    fn tanh(&self, x: Exact) -> Exact {
        x.tanh()
    }
    fn relu(&self, x: Exact) -> Exact {
        if x <= Exact::constant(0.0) { Exact::constant(0.0) } else { x }
    }
    fn where_positive(&self, y: Exact, g: Exact) -> Exact {
        if y > Exact::constant(0.0) { g } else { Exact::constant(0.0) }
    }
    fn dot(&self, terms: &mut dyn Iterator<Item = (Exact, Exact)>) -> Exact {
        terms.fold(Exact::constant(0.0), |sum, (a, b)| sum + a * b)
    }
}

pub(super) fn recurrent(core: &Recurrent, inputs: &[Tensor], results: &Specs) -> Vec<Tensor> {
    let numbers: Vec<Vec<Exact>> =
        inputs.iter().map(|input| input.values.iter().map(|&value| exact(value)).collect()).collect();
    let units = results[1].shape[1];
    compute(&Wide, core, units, &numbers)
        .into_iter()
        .zip(results)
        .map(|(values, spec)| {
            let values = values.into_iter().map(|value| Scalar::Float(round(value, spec.dtype))).collect();
            Tensor::new(spec.clone(), values)
        })
        .collect()
}

/// All results of the core, from its inputs as lists in row-major order.
pub(super) fn compute<A: Arithmetic>(
    arithmetic: &A,
    core: &Recurrent,
    units: usize,
    inputs: &[Vec<A::Number>],
) -> Vec<Vec<A::Number>> {
    let pass = Pass { arithmetic, core, units, steps: core.steps() };
    match core.kind {
        RecurrentKind::Forward { keep, bias } => pass.forward(inputs, keep, bias),
        RecurrentKind::Gradient => pass.gradient(inputs),
    }
}

struct Pass<'a, A> {
    arithmetic: &'a A,
    core: &'a Recurrent,
    units: usize,
    steps: Vec<Step>,
}

impl<A: Arithmetic> Pass<'_, A> {
    fn zeros(&self, rows: usize, width: usize) -> Vec<A::Number> {
        vec![self.arithmetic.constant(0.0); rows * width * self.units]
    }

    fn forward(&self, inputs: &[Vec<A::Number>], keep: bool, has_bias: bool) -> Vec<Vec<A::Number>> {
        let (a, units) = (self.arithmetic, self.units);
        let (recurrence, rows) = (self.core.recurrence, self.core.sizes.iter().sum());
        let (gates, kept) = (recurrence.gates(), recurrence.kept());
        let (projected, weight) = (&inputs[0], &inputs[1]);
        let mut state = inputs[2].clone();
        let mut cell = if recurrence == Recurrence::Lstm { inputs[3].clone() } else { Vec::new() };
        let bias = if has_bias { inputs.last() } else { None };
        let (mut states, mut all_gates, mut cells) =
            (self.zeros(rows, 1), self.zeros(rows, kept), self.zeros(rows, 1));
        for step in &self.steps {
            for row in 0..step.rows {
                let before = state[row * units..][..units].to_vec();
                for unit in 0..units {
                    let of_input =
                        |gate: usize| projected[((step.start + row) * gates + gate) * units + unit];
                    let of_state = |gate: usize| {
                        let weights = &weight[(gate * units + unit) * units..][..units];
                        let sum = a.dot(&mut before.iter().copied().zip(weights.iter().copied()));
                        bias.map_or(sum, |bias| a.add(sum, bias[gate * units + unit]))
                    };
                    let both = |gate: usize| a.add(of_input(gate), of_state(gate));
                    let mut kept_numbers = [a.constant(0.0); 4];
                    let (new, place) = (&mut state[row * units + unit], (step.start + row) * units + unit);
                    match recurrence {
                        Recurrence::Tanh => *new = a.tanh(both(0)),
                        Recurrence::Relu => *new = a.relu(both(0)),
                        Recurrence::Lstm => {
                            let (input, forget) = (a.sigmoid(both(0)), a.sigmoid(both(1)));
                            let (candidate, output) = (a.tanh(both(2)), a.sigmoid(both(3)));
                            let cell = &mut cell[row * units + unit];
                            *cell = a.add(a.multiply(forget, *cell), a.multiply(input, candidate));
                            *new = a.multiply(output, a.tanh(*cell));
                            cells[place] = *cell;
                            kept_numbers = [input, forget, candidate, output];
                        }
                        Recurrence::Gru => {
                            let (reset, update, inner) =
                                (a.sigmoid(both(0)), a.sigmoid(both(1)), of_state(2));
                            let candidate = a.tanh(a.add(of_input(2), a.multiply(reset, inner)));
                            *new = a.add(candidate, a.multiply(update, a.subtract(*new, candidate)));
                            kept_numbers = [reset, update, candidate, inner];
                        }
                    }
                    states[place] = *new;
                    for number in 0..kept {
                        all_gates[((step.start + row) * kept + number) * units + unit] = kept_numbers[number];
                    }
                }
            }
        }
        let mut results = vec![states, state];
        if recurrence == Recurrence::Lstm {
            results.push(cell);
        }
        if keep && kept > 0 {
            results.push(all_gates);
        }
        if keep && recurrence == Recurrence::Lstm {
            results.push(cells);
        }
        results
    }

    fn gradient(&self, inputs: &[Vec<A::Number>]) -> Vec<Vec<A::Number>> {
        let (a, units) = (self.arithmetic, self.units);
        let (recurrence, rows) = (self.core.recurrence, self.core.sizes.iter().sum());
        let (gates, kept) = (recurrence.gates(), recurrence.kept());
        let (weight, first, states, of_states) = (&inputs[0], &inputs[1], &inputs[2], &inputs[3]);
        let mut carried = inputs[4].clone();
        let mut carried_cell = inputs.get(8).cloned().unwrap_or_default();
        let (mut of_projected, mut of_product) = (self.zeros(rows, gates), self.zeros(rows, gates));
        let mut before = self.zeros(rows, 1);
        let one = a.constant(1.0);
        // The slopes of sigmoid and tanh from their values.
        let of_sigmoid = |y: A::Number| a.multiply(y, a.subtract(one, y));
        let of_tanh = |y: A::Number| a.subtract(one, a.multiply(y, y));
        for number in (0..self.steps.len()).rev() {
            let step = self.steps[number];
            let earlier = number.checked_sub(1).map(|number| self.steps[number]);
            for row in 0..step.rows {
                let previous = |all: &[A::Number], first: &[A::Number], unit: usize| match earlier {
                    Some(earlier) if row < earlier.rows => all[(earlier.start + row) * units + unit],
                    _ => first[row * units + unit],
                };
                let at = step.start + row;
                let mut direct = vec![a.constant(0.0); units];
                for unit in 0..units {
                    let place = at * units + unit;
                    let gate = |gate: usize| inputs[5][(at * kept + gate) * units + unit];
                    before[place] = previous(states, first, unit);
                    let g = a.add(of_states[place], carried[row * units + unit]);
                    let (mut outer, mut inner) = ([a.constant(0.0); 4], None);
                    match recurrence {
                        Recurrence::Tanh => outer[0] = a.multiply(g, of_tanh(states[place])),
                        Recurrence::Relu => outer[0] = a.where_positive(states[place], g),
                        Recurrence::Lstm => {
                            let (input, forget, candidate, output) = (gate(0), gate(1), gate(2), gate(3));
                            let squashed = a.tanh(inputs[7][place]);
                            let cell = &mut carried_cell[row * units + unit];
                            let through = a.multiply(a.multiply(g, output), of_tanh(squashed));
                            let of_cell = a.add(*cell, through);
                            let before = previous(&inputs[7], &inputs[6], unit);
                            outer = [
                                a.multiply(a.multiply(of_cell, candidate), of_sigmoid(input)),
                                a.multiply(a.multiply(of_cell, before), of_sigmoid(forget)),
                                a.multiply(a.multiply(of_cell, input), of_tanh(candidate)),
                                a.multiply(a.multiply(g, squashed), of_sigmoid(output)),
                            ];
                            *cell = a.multiply(of_cell, forget);
                        }
                        Recurrence::Gru => {
                            let (reset, update, candidate, product) = (gate(0), gate(1), gate(2), gate(3));
                            let new = a.multiply(a.multiply(g, a.subtract(one, update)), of_tanh(candidate));
                            let difference = a.subtract(before[place], candidate);
                            outer[0] = a.multiply(a.multiply(new, product), of_sigmoid(reset));
                            outer[1] = a.multiply(a.multiply(g, difference), of_sigmoid(update));
                            outer[2] = new;
                            inner = Some(a.multiply(new, reset));
                            direct[unit] = a.multiply(g, update);
                        }
                    }
                    for gate in 0..gates {
                        let place = (at * gates + gate) * units + unit;
                        of_projected[place] = outer[gate];
                        of_product[place] = if gate == 2 { inner.unwrap_or(outer[2]) } else { outer[gate] };
                    }
                }
                for unit in 0..units {
                    let column =
                        |line: usize| (of_product[at * gates * units + line], weight[line * units + unit]);
                    let sum = a.dot(&mut (0..gates * units).map(column));
                    let is_gru = recurrence == Recurrence::Gru;
                    carried[row * units + unit] = if is_gru { a.add(direct[unit], sum) } else { sum };
                }
            }
        }
        let mut results = vec![of_projected, carried, before];
        match recurrence {
            Recurrence::Lstm => results.push(carried_cell),
            Recurrence::Gru => results.push(of_product),
            _ => {}
        }
        results
    }
}
