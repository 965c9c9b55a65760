//! The pass forward: at each step the product with the states before, then the gates.

use tenfold_ir::Result;
use tenfold_ir::kernel::{Recurrence, Recurrent};

use super::weights::Weights;
use super::{
    RecurrentElement, all_rows, for_each_part, gates, has_cells, nanoseconds_of, numbers_of, outputs_of,
    scratch,
};
use crate::backend::disjoint::Disjoint;
use crate::backend::view::{Input, OutputView};
use crate::gemm::pack::Strided;

pub fn run<T: RecurrentElement>(
    core: &Recurrent,
    keep: bool,
    has_bias: bool,
    inputs: &[Input<'_>],
    outputs: &mut [OutputView<'_>],
) -> Result<()> {
    let (recurrence, cells) = (core.recurrence, has_cells(core.recurrence));
    let (sequences, units) = (outputs[1].shape[0], outputs[1].shape[1]);
    let (wide, kept) = (units * recurrence.gates(), units * recurrence.kept());
    let steps = core.steps();
    let weights = {
        let (memory, layout) = (inputs[1].values::<T>()?, &inputs[1].layout);
        let [line, step] = [layout.strides()[0] as isize, layout.strides()[1] as isize];
        let data = memory.as_ptr().wrapping_add(layout.offset() as usize);
        let source = Strided { data, line_stride: line, depth_stride: step };
        // SAFETY: the input has this shape, and is borrowed until the end.
        unsafe { Weights::pack(source, (units, wide), sequences, steps.len())? }
    };
    let bias = match has_bias {
        true => Some(crate::backend::dense::Dense::new(&inputs[inputs.len() - 1])?),
        false => None,
    };
    let bias: Option<&[T]> = bias.as_ref().map(|bias| bias.values()).transpose()?;
    let rows = all_rows::<T>(&inputs[..if has_bias { inputs.len() - 1 } else { inputs.len() }])?;

    let mut outputs = outputs_of::<T>(outputs)?;
    for (output, input) in [(1, 2), (2, 3)].into_iter().take(1 + usize::from(cells)) {
        for (row, target) in outputs[output].chunks_exact_mut(units).enumerate() {
            target.copy_from_slice(rows[input].row(row));
        }
    }
    let stride = weights.stride();
    let (mut products, mut gate_rows) = (scratch::<T>(sequences * stride)?, scratch::<T>(sequences * kept)?);
    let products = Disjoint::new(numbers_of::<T>(&mut products, sequences * stride));
    let gate_rows = Disjoint::new(numbers_of::<T>(&mut gate_rows, sequences * kept));
    let mut outputs = outputs.iter_mut().map(|output| Disjoint::new(output));
    let mut next = || outputs.next().expect("one by the shape rule");
    let (states, state) = (next(), next());
    let cell = cells.then(&mut next);
    let all_gates = (keep && kept > 0).then(&mut next);
    let all_cells = (keep && cells).then(&mut next);

    for_each_part(sequences, nanoseconds_of(core, units), &|first, count| {
        // SAFETY: these rows of the states and of the scratch are this part's alone.
        let (state, product) = unsafe {
            (state.range(first * units, count * units), products.range(first * stride, count * stride))
        };
        for step in &steps {
            let running = step.rows.saturating_sub(first).min(count);
            if running == 0 {
                continue;
            }
            weights.multiply(state, running, product);
            for row in 0..running {
                let at = step.start + first + row;
                let (p, q) = (rows[0].row(at), &product[row * stride..][..wide]);
                let state = &mut state[row * units..][..units];
                // SAFETY: of each step these rows are this part's alone.
                let (states, gates_of_row, cell) = unsafe {
                    let gates = match &all_gates {
                        Some(all) => all.range(at * kept, kept),
                        None => gate_rows.range((first + row) * kept, kept),
                    };
                    let cell = cell.as_ref().map(|cell| cell.range((first + row) * units, units));
                    (states.range(at * units, units), gates, cell)
                };
                match (recurrence, cell) {
                    (Recurrence::Tanh, _) => gates::tanh_of_sum(p, q, state),
                    (Recurrence::Relu, _) => gates::relu_of_sum(p, q, state),
                    (Recurrence::Gru, _) => gates::gru(p, q, bias, gates_of_row, state),
                    (Recurrence::Lstm, Some(cell)) => {
                        gates::lstm(p, q, gates_of_row, cell, state);
                        if let Some(all) = &all_cells {
                            // SAFETY: as above.
                            unsafe { all.range(at * units, units) }.copy_from_slice(cell);
                        }
                    }
                    (Recurrence::Lstm, None) => unreachable!("an LSTM has cells"),
                }
                states.copy_from_slice(state);
            }
        }
    });
    Ok(())
}
