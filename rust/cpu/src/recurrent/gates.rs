//! The formulas of one row: its gates and its new state, and their gradients.
//!
//! Each step rounds as the operations of the table do one after the other. A formula goes over the row in a few passes,
//! so that each keeps its constants in registers; the row stays in the first-level cache.

use tenfold_ir::lanes::Lane;
use tenfold_ir::operations::body::relu;

use super::lanes::update;

/// `out = sigmoid(p + q)`
fn sigmoid_of_sum<T: Lane>(p: &[T], q: &[T], out: &mut [T]) {
    update([p, q], [out], |[p, q], _| [(p + q).sigmoid()]);
}

/// `out = tanh(p + q)`
pub fn tanh_of_sum<T: Lane>(p: &[T], q: &[T], out: &mut [T]) {
    update([p, q], [out], |[p, q], _| [(p + q).tanh()]);
}

/// `out = relu(p + q)`
pub fn relu_of_sum<T: Lane>(p: &[T], q: &[T], out: &mut [T]) {
    update([p, q], [out], |[p, q], _| [relu::float(p + q)]);
}

/// From both projections `(4·H)` the gates, and the new cell and state in place of those before.
pub fn lstm<T: Lane>(p: &[T], q: &[T], gates: &mut [T], cell: &mut [T], state: &mut [T]) {
    let units = state.len();
    let (candidate, output) = (2 * units, 3 * units);
    sigmoid_of_sum(&p[..candidate], &q[..candidate], &mut gates[..candidate]);
    tanh_of_sum(&p[candidate..output], &q[candidate..output], &mut gates[candidate..output]);
    sigmoid_of_sum(&p[output..], &q[output..], &mut gates[output..]);
    let [input, forget, candidate, output] = parts(gates, units);
    update([input, forget, candidate, output], [cell, state], |[i, f, g, o], [c, _]| {
        let cell = f * c + i * g;
        [cell, o * cell.tanh()]
    });
}

/// From both projections `(3·H)` the gates and the recurrent part of the new gate `(4·H)`, and the new state in place of
/// the one before.
pub fn gru<T: Lane>(p: &[T], q: &[T], bias: Option<&[T]>, gates: &mut [T], state: &mut [T]) {
    let units = state.len();
    let (candidate, product) = (2 * units, 3 * units);
    match bias {
        None => sigmoid_of_sum(&p[..candidate], &q[..candidate], &mut gates[..candidate]),
        Some(bias) => {
            let inputs = [&p[..candidate], &q[..candidate], &bias[..candidate]];
            update(inputs, [&mut gates[..candidate]], |[p, q, b], _| [(p + (q + b)).sigmoid()]);
        }
    }
    match bias {
        None => gates[product..].copy_from_slice(&q[candidate..]),
        Some(bias) => {
            let inputs = [&q[candidate..], &bias[candidate..]];
            update(inputs, [&mut gates[product..]], |[q, b], _| [q + b]);
        }
    }
    let (sigmoids, rest) = gates.split_at_mut(candidate);
    let (new, inner) = rest.split_at_mut(units);
    let (reset, change) = sigmoids.split_at(units);
    update([&p[candidate..], reset, change, inner], [new, state], |[p, r, z, q], [_, h]| {
        let new = (p + r * q).tanh();
        [new, new + z * (h - new)]
    });
}

/// The four parts of a row.
fn parts<T>(row: &[T], units: usize) -> [&[T]; 4] {
    std::array::from_fn(|part| &row[part * units..(part + 1) * units])
}

/// `carried = g + carried`, the gradient of the state; then that of the sum before tanh.
pub fn tanh_gradient<T: Lane>(state: &[T], g: &[T], carried: &mut [T], out: &mut [T]) {
    update([state, g], [carried, out], |[y, g], [carried, _]| {
        let g = g + carried;
        [g, g * (T::constant(1.0) - y * y)]
    });
}

/// As [`tanh_gradient`], for relu.
pub fn relu_gradient<T: Lane>(state: &[T], g: &[T], carried: &mut [T], out: &mut [T]) {
    update([state, g], [carried, out], |[y, g], [carried, _]| {
        let g = g + carried;
        [g, T::select(y > T::constant(0.0), g, T::constant(0.0))]
    });
}

/// The gradients of the sums before the gates `(4·H)`; that of the cell before in place of that of the cell.
pub fn lstm_gradient<T: Lane>(
    gates: &[T],
    [before, cell]: [&[T]; 2],
    [g, carried]: [&[T]; 2],
    of_cell: &mut [T],
    out: &mut [T],
) {
    let [input, forget, candidate, output] = parts(gates, cell.len());
    let (of_input, rest) = out.split_at_mut(cell.len());
    let (of_forget, rest) = rest.split_at_mut(cell.len());
    let (of_candidate, of_output) = rest.split_at_mut(cell.len());
    let one = T::constant(1.0);
    update([cell, output, g, carried], [&mut *of_cell, of_output], |[c, o, g, carried], [of_cell, _]| {
        let (g, squashed) = (g + carried, c.tanh());
        let of_cell = of_cell + g * o * (one - squashed * squashed);
        [of_cell, g * squashed * (o * (one - o))]
    });
    update(
        [input, forget, candidate, before],
        [of_cell, of_input, of_forget, of_candidate],
        |[i, f, g, c], [of_cell, ..]| {
            [
                of_cell * f,
                of_cell * g * (i * (one - i)),
                of_cell * c * (f * (one - f)),
                of_cell * i * (one - g * g),
            ]
        },
    );
}

/// The gradients of the input's projection and of the recurrent product `(3·H)` each; in `carried` what flows past the
/// gates to the state before.
pub fn gru_gradient<T: Lane>(
    gates: &[T],
    before: &[T],
    g: &[T],
    carried: &mut [T],
    of_projected: &mut [T],
    of_product: &mut [T],
) {
    let units = before.len();
    let [reset, change, candidate, inner] = parts(gates, units);
    let (of_reset, rest) = of_projected.split_at_mut(units);
    let (of_change, of_new) = rest.split_at_mut(units);
    let one = T::constant(1.0);
    update(
        [reset, change, candidate, inner, before, g],
        [carried, &mut *of_reset, &mut *of_change, &mut *of_new, &mut of_product[2 * units..]],
        |[r, z, n, q, h, g], [carried, ..]| {
            let g = g + carried;
            let new = g * (one - z) * (one - n * n);
            [g * z, new * q * (r * (one - r)), g * (h - n) * (z * (one - z)), new, new * r]
        },
    );
    of_product[..units].copy_from_slice(of_reset);
    of_product[units..2 * units].copy_from_slice(of_change);
}

/// `out = a + out`
pub fn add_to<T: Lane>(a: &[T], out: &mut [T]) {
    update([a], [out], |[a], [out]| [out + a]);
}
