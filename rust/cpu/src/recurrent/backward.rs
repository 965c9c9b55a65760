//! The gradient: through the steps in the opposite order, at each the gates, then the product with the weights.

use tenfold_ir::Result;
use tenfold_ir::kernel::{Recurrence, Recurrent};

use super::weights::Weights;
use super::{
    RecurrentElement, Rows, all_rows, for_each_part, gates, has_cells, nanoseconds_of, numbers_of,
    outputs_of, scratch,
};
use crate::backend::disjoint::Disjoint;
use crate::backend::view::{Input, OutputView};
use crate::gemm::pack::Strided;

pub fn run<T: RecurrentElement>(
    core: &Recurrent,
    inputs: &[Input<'_>],
    outputs: &mut [OutputView<'_>],
) -> Result<()> {
    let (recurrence, cells) = (core.recurrence, has_cells(core.recurrence));
    let (sequences, units) = (outputs[1].shape[0], outputs[1].shape[1]);
    let wide = units * recurrence.gates();
    let weights = {
        let (memory, layout) = (inputs[0].values::<T>()?, &inputs[0].layout);
        let [step, line] = [layout.strides()[0] as isize, layout.strides()[1] as isize];
        let data = memory.as_ptr().wrapping_add(layout.offset() as usize);
        let source = Strided { data, line_stride: line, depth_stride: step };
        // SAFETY: the input has this shape, and is borrowed until the end.
        unsafe { Weights::pack(source, (wide, units), sequences, core.steps().len())? }
    };
    let rows = all_rows::<T>(&inputs[1..])?;
    let [first_state, states, of_states, of_last] = [&rows[0], &rows[1], &rows[2], &rows[3]];
    let kept = rows.get(4);

    let mut outputs = outputs_of::<T>(outputs)?;
    for (row, target) in outputs[1].chunks_exact_mut(units).enumerate() {
        target.copy_from_slice(of_last.row(row));
    }
    if cells {
        for (row, target) in outputs[3].chunks_exact_mut(units).enumerate() {
            target.copy_from_slice(rows[7].row(row));
        }
    }
    let stride = weights.stride();
    let mut products = scratch::<T>(sequences * stride)?;
    let products = Disjoint::new(numbers_of::<T>(&mut products, sequences * stride));
    let mut outputs = outputs.iter_mut().map(|output| Disjoint::new(output));
    let mut next = || outputs.next().expect("one by the shape rule");
    let (of_projected, of_state, before_steps) = (next(), next(), next());
    let of_cell = cells.then(&mut next);
    let of_product = (recurrence == Recurrence::Gru).then(&mut next);
    let steps = core.steps();

    for_each_part(sequences, nanoseconds_of(core, units), &|first, count| {
        // SAFETY: these rows of the scratch and of the gradients of the first states are this part's alone.
        let (product, carried) = unsafe {
            (products.range(first * stride, count * stride), of_state.range(first * units, count * units))
        };
        for (number, step) in steps.iter().enumerate().rev() {
            let running = step.rows.saturating_sub(first).min(count);
            if running == 0 {
                continue;
            }
            let earlier = number.checked_sub(1).map(|number| steps[number]);
            for row in first..first + running {
                let at = step.start + row;
                let previous = |all: &'_ Rows<'_, T>, initial: &'_ Rows<'_, T>, target: &mut [T]| {
                    target.copy_from_slice(match earlier {
                        Some(earlier) if row < earlier.rows => all.row(earlier.start + row),
                        _ => initial.row(row),
                    });
                };
                // SAFETY: of each step these rows are this part's alone.
                let (before, out) =
                    unsafe { (before_steps.range(at * units, units), of_projected.range(at * wide, wide)) };
                previous(states, first_state, before);
                let carried = &mut carried[(row - first) * units..][..units];
                let g = of_states.row(at);
                match recurrence {
                    Recurrence::Tanh => gates::tanh_gradient(states.row(at), g, carried, out),
                    Recurrence::Relu => gates::relu_gradient(states.row(at), g, carried, out),
                    Recurrence::Lstm => {
                        let (Some(kept), Some(of_cell)) = (kept, &of_cell) else {
                            unreachable!("an LSTM has gates and cells")
                        };
                        let cell_before = match earlier {
                            Some(earlier) if row < earlier.rows => rows[6].row(earlier.start + row),
                            _ => rows[5].row(row),
                        };
                        // SAFETY: as above.
                        let of_cell = unsafe { of_cell.range(row * units, units) };
                        let (cell_rows, gradients) = ([cell_before, rows[6].row(at)], [g, &*carried]);
                        gates::lstm_gradient(kept.row(at), cell_rows, gradients, of_cell, out);
                    }
                    Recurrence::Gru => {
                        let (Some(kept), Some(of_product)) = (kept, &of_product) else {
                            unreachable!("a GRU has gates")
                        };
                        // SAFETY: as above.
                        let inner = unsafe { of_product.range(at * wide, wide) };
                        gates::gru_gradient(kept.row(at), before, g, carried, out, inner);
                    }
                }
            }
            // SAFETY: of each step these rows are this part's alone.
            let gradient = unsafe {
                of_product
                    .as_ref()
                    .unwrap_or(&of_projected)
                    .range((step.start + first) * wide, running * wide)
            };
            weights.multiply(gradient, running, product);
            for (product, carried) in
                product.chunks_exact(stride).zip(carried.chunks_exact_mut(units)).take(running)
            {
                match recurrence {
                    Recurrence::Gru => gates::add_to(&product[..units], carried),
                    _ => carried.copy_from_slice(&product[..units]),
                }
            }
        }
    });
    Ok(())
}
