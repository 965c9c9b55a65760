//! Weighted sums of a few elements along an axis.
//!
//! Where elements lie behind the axis, each output is a sum of whole stretches of them, a vector at a time; along the
//! last axis each output gathers its own terms. Every element is summed in the order of its terms either way.

#[cfg(test)]
mod tests;

use tenfold_ir::kernel::Resample;
use tenfold_ir::lanes::Lane;
use tenfold_ir::{DType, Element, Error, Result};

use crate::backend::dense::Dense;
use crate::backend::disjoint::{Disjoint, for_each_range};
use crate::backend::view::{Input, OutputView};
use crate::simd::{Tiered, on_tier};

/// Work that is handed to a thread at a time.
const CHUNK_NANOSECONDS: u64 = 25_000;

/// Elements that are summed side by side.
const LANES: usize = 16;

/// Computes the sums.
pub fn run(core: &Resample, inputs: &[Input<'_>], outputs: &mut [OutputView<'_>]) -> Result<()> {
    match inputs[0].dtype {
        DType::Float32 => resample::<f32>(core, inputs, outputs),
        DType::Float64 => resample::<f64>(core, inputs, outputs),
        other => Err(Error::dtype("resample", format!("not defined for {other}"))),
    }
}

fn resample<T: Element + Lane + Default>(
    core: &Resample,
    inputs: &[Input<'_>],
    outputs: &mut [OutputView<'_>],
) -> Result<()> {
    let shape = inputs[0].shape();
    let (count, inner) =
        (shape[..core.axis].iter().product::<usize>(), shape[core.axis + 1..].iter().product::<usize>());
    let table = &*core.table;
    let (indices, starts) = table.all_rows();
    let weights: Vec<T> = (0..table.outputs())
        .flat_map(|output| table.row(output).1)
        .map(|&weight| T::constant(weight))
        .collect();
    let dense = Dense::new(&inputs[0])?;
    let x = dense.values::<T>()?;
    let out = Disjoint::new(outputs[0].values::<T>()?);
    if out.elements() == 0 {
        return Ok(());
    }
    let terms = table.terms().div_ceil(table.outputs());
    if inner == 1 {
        let length = table.outputs();
        let terms_of_rows = table.even_rows();
        let runs = Runs::new(indices, &weights, terms_of_rows);
        let cost = (length * (1 + terms)) as u64;
        for_each_range(count, cost, CHUNK_NANOSECONDS, &|start, count| {
            let x = &x[start * table.inputs()..][..count * table.inputs()];
            // SAFETY: each line belongs to one range.
            let out = unsafe { out.range(start * length, count * length) };
            if !matches!(terms_of_rows, Some(1 | 2 | 4)) {
                let inputs = table.inputs();
                return on_tier(Lines { starts, indices, weights: &weights, inputs, x, out });
            }
            for (x, out) in x.chunks_exact(table.inputs()).zip(out.chunks_exact_mut(length)) {
                if let Some(runs) = &runs {
                    runs.copy(x, out);
                    continue;
                }
                match terms_of_rows {
                    Some(1) => on_tier(EvenLine::<T, 1>::new(indices, &weights, x, out)),
                    Some(2) => on_tier(EvenLine::<T, 2>::new(indices, &weights, x, out)),
                    _ => on_tier(EvenLine::<T, 4>::new(indices, &weights, x, out)),
                }
            }
        });
        return Ok(());
    }
    let cost = (1 + inner * (1 + terms) / 8) as u64;
    for_each_range(count * table.outputs(), cost, CHUNK_NANOSECONDS, &|start, count| {
        for place in start..start + count {
            let (outer, output) = (place / table.outputs(), place % table.outputs());
            let terms = starts[output]..starts[output + 1];
            let (indices, weights) = (&indices[terms.clone()], &weights[terms]);
            let x = &x[outer * table.inputs() * inner..][..table.inputs() * inner];
            // SAFETY: each stretch belongs to one range.
            let out = unsafe { out.range(place * inner, inner) };
            on_tier(Stretch { indices, weights, x, out });
        }
    });
    Ok(())
}

/// Outputs that are mostly runs of neighbouring inputs, as they are: the table of a padding.
struct Runs(Vec<(usize, usize)>);

impl Runs {
    /// Runs shorter than this on average are gathered.
    const SHORTEST: usize = 8;

    fn new<T: Lane>(indices: &[u32], weights: &[T], terms_of_rows: Option<usize>) -> Option<Runs> {
        if terms_of_rows != Some(1) || weights.iter().any(|&weight| weight != T::constant(1.0)) {
            return None;
        }
        let mut runs: Vec<(usize, usize)> = Vec::new();
        for &index in indices {
            match runs.last_mut() {
                Some((from, length)) if *from + *length == index as usize => *length += 1,
                _ => runs.push((index as usize, 1)),
            }
        }
        (runs.len() * Runs::SHORTEST <= indices.len()).then_some(Runs(runs))
    }

    fn copy<T: Copy>(&self, x: &[T], mut out: &mut [T]) {
        for &(from, length) in &self.0 {
            let (run, rest) = out.split_at_mut(length);
            match run {
                // At the borders mostly single elements.
                [one] => *one = x[from],
                run => run.copy_from_slice(&x[from..from + length]),
            }
            out = rest;
        }
    }
}

/// Lines whose sums are taken side by side: as many chains as hide the latency of an addition.
const LINES: usize = 8;

/// The outputs of lines, whose elements are neighbours.
struct Lines<'a, T> {
    starts: &'a [usize],
    indices: &'a [u32],
    weights: &'a [T],
    /// Inputs of a line.
    inputs: usize,
    x: &'a [T],
    out: &'a mut [T],
}

impl<T: Lane> Tiered for Lines<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Lines { starts, indices, weights, inputs, x, out } = self;
        let outputs = starts.len() - 1;
        let table = (starts, indices, weights);
        let (mut x, mut out) = (x, out);
        while out.len() >= LINES * outputs {
            let ((lines, others), (sums, rest)) =
                (x.split_at(LINES * inputs), out.split_at_mut(LINES * outputs));
            sum_lines::<T, LINES>(table, std::array::from_fn(|line| &lines[line * inputs..][..inputs]), sums);
            (x, out) = (others, rest);
        }
        for (line, sums) in x.chunks_exact(inputs).zip(out.chunks_exact_mut(outputs)) {
            sum_lines::<T, 1>(table, [line], sums);
        }
    }
}

/// The sums of each row of the table, of `N` lines side by side.
#[inline(always)]
fn sum_lines<T: Lane, const N: usize>(
    (starts, indices, weights): (&[usize], &[u32], &[T]),
    lines: [&[T]; N],
    out: &mut [T],
) {
    let (inputs, outputs) = (lines[0].len(), starts.len() - 1);
    for (output, row) in starts.windows(2).enumerate() {
        let mut terms = indices[row[0]..row[1]].iter().zip(&weights[row[0]..row[1]]);
        let mut sums = [T::constant(0.0); N];
        if let Some((&index, &weight)) = terms.next() {
            let index = index as usize;
            assert!(index < inputs, "an index of the table outside its inputs");
            for line in 0..N {
                sums[line] = lines[line][..inputs][index] * weight;
            }
        }
        for (&index, &weight) in terms {
            let index = index as usize;
            assert!(index < inputs, "an index of the table outside its inputs");
            for line in 0..N {
                sums[line] = lines[line][..inputs][index].mul_add(weight, sums[line]);
            }
        }
        for line in 0..N {
            out[line * outputs + output] = sums[line];
        }
    }
}

/// The same where every row has `TERMS` of them.
struct EvenLine<'a, T, const TERMS: usize> {
    indices: &'a [[u32; TERMS]],
    weights: &'a [[T; TERMS]],
    x: &'a [T],
    out: &'a mut [T],
}

impl<'a, T, const TERMS: usize> EvenLine<'a, T, TERMS> {
    fn new(indices: &'a [u32], weights: &'a [T], x: &'a [T], out: &'a mut [T]) -> Self {
        EvenLine { indices: indices.as_chunks().0, weights: weights.as_chunks().0, x, out }
    }
}

impl<T: Lane, const TERMS: usize> Tiered for EvenLine<'_, T, TERMS> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for ((sum, indices), weights) in self.out.iter_mut().zip(self.indices).zip(self.weights) {
            let mut total = self.x[indices[0] as usize] * weights[0];
            for term in 1..TERMS {
                total = self.x[indices[term] as usize].mul_add(weights[term], total);
            }
            *sum = total;
        }
    }
}

/// The outputs of one row of the table, side by side.
struct Stretch<'a, T> {
    indices: &'a [u32],
    weights: &'a [T],
    /// Stretches of the length of the output, one an input.
    x: &'a [T],
    out: &'a mut [T],
}

impl<T: Lane> Tiered for Stretch<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let length = self.out.len();
        let (Some((&first, indices)), Some((&weight, weights))) =
            (self.indices.split_first(), self.weights.split_first())
        else {
            return self.out.fill(T::constant(0.0));
        };
        let stretch = |index: u32| &self.x[index as usize * length..][..length];
        let head = stretch(first);
        match (indices, weights) {
            ([], []) => {
                for (out, &x) in self.out.iter_mut().zip(head) {
                    *out = x * weight;
                }
            }
            (&[second], &[by]) => {
                for ((out, &x), &y) in self.out.iter_mut().zip(head).zip(stretch(second)) {
                    *out = y.mul_add(by, x * weight);
                }
            }
            _ => {
                let (blocks, tail) = self.out.as_chunks_mut::<LANES>();
                let from = blocks.len() * LANES;
                for (number, block) in blocks.iter_mut().enumerate() {
                    let part = |index: u32| &stretch(index)[number * LANES..][..LANES];
                    let mut sums = [T::constant(0.0); LANES];
                    for (sum, &x) in sums.iter_mut().zip(part(first)) {
                        *sum = x * weight;
                    }
                    for (&index, &weight) in indices.iter().zip(weights) {
                        for (sum, &x) in sums.iter_mut().zip(part(index)) {
                            *sum = x.mul_add(weight, *sum);
                        }
                    }
                    *block = sums;
                }
                for (number, out) in tail.iter_mut().enumerate() {
                    let mut sum = head[from + number] * weight;
                    for (&index, &weight) in indices.iter().zip(weights) {
                        sum = stretch(index)[from + number].mul_add(weight, sum);
                    }
                    *out = sum;
                }
            }
        }
    }
}
