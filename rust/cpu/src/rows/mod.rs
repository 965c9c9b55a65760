//! Operations on whole rows: softmax, normalisation and cross-entropy, forward and backward.
//!
//! A row is read once from memory; what follows sweeps over it in cache. Rows that do not lie densely, or whose
//! elements are half precisions, go through scratch memory, several neighbours at a time.

mod affine;
mod arithmetic;
mod computed;
pub(crate) mod element;
mod group;
mod grouped;
mod lines;

#[cfg(test)]
mod tests;

use tenfold_ir::kernel::{RowOperation, Rows};
use tenfold_ir::lanes::Lane;
use tenfold_ir::{DType, Error, Result, Shape, bf16, f16};

use crate::backend::disjoint::{Disjoint, for_each_range};
use crate::backend::view::{Input, OutputView, RowLayout, Walk};
use crate::elementwise::evaluate::Evaluation;
use crate::reduction::fold::{Fold, Sum};
use crate::simd::{Tiered, on_tier};
use computed::Compute;
use element::RowElement;
use group::{Row, RowSource, RowTarget};

/// Work that is handed to a thread at a time.
const CHUNK_NANOSECONDS: u64 = 25_000;

/// Computes a row operation. The first input is `first` where that is given, which needs [`takes_prologue`]; its own
/// memory is not read then.
pub fn run(
    core: &Rows,
    inputs: &[Input<'_>],
    outputs: &mut [OutputView<'_>],
    first: Option<&Evaluation<'_>>,
) -> Result<()> {
    match inputs[0].dtype {
        DType::Float16 => run_typed::<f16>(core, inputs, outputs, first),
        DType::Bfloat16 => run_typed::<bf16>(core, inputs, outputs, first),
        DType::Float32 => run_typed::<f32>(core, inputs, outputs, first),
        DType::Float64 => run_typed::<f64>(core, inputs, outputs, first),
        other => Err(Error::dtype(core.operation.name(), format!("not defined for {other}"))),
    }
}

/// True where the operation can have its input `index` in the memory of output `output`: rows are read before they
/// are written.
pub fn can_share(operation: RowOperation, index: usize, output: usize) -> bool {
    output == 0 && row_inputs(operation).contains(&index) && gives_rows(operation)
}

/// True where the operation can compute its first input row by row: rows along the last axis, which nothing sums over.
pub fn takes_prologue(core: &Rows, shape: &Shape) -> bool {
    let sums_over_rows = matches!(
        core.operation,
        RowOperation::AffineLayerNormGradient
            | RowOperation::AffineRmsNormGradient
            | RowOperation::GroupNormGradient
    );
    core.axis + 1 == shape.rank() && !sums_over_rows
}

/// Which inputs are rows; the others are one number a row.
fn row_inputs(operation: RowOperation) -> &'static [usize] {
    match operation {
        RowOperation::SoftmaxGradient | RowOperation::LogSoftmaxGradient => &[0, 1],
        RowOperation::LayerNormGradient => &[0, 3],
        RowOperation::AffineLayerNormGradient | RowOperation::GroupNormGradient => &[0, 4],
        RowOperation::RmsNormGradient => &[0, 2],
        RowOperation::AffineRmsNormGradient => &[0, 3],
        _ => &[0],
    }
}

/// True where the first result is rows, not one number a row.
fn gives_rows(operation: RowOperation) -> bool {
    !matches!(operation, RowOperation::LogSumExp | RowOperation::CrossEntropy)
}

/// Nanoseconds for eight elements of a row, roughly.
fn cost_of_eight(operation: RowOperation) -> u64 {
    match operation {
        RowOperation::SoftmaxGradient
        | RowOperation::LayerNorm { .. }
        | RowOperation::LayerNormGradient
        | RowOperation::AffineLayerNorm { .. }
        | RowOperation::GroupNorm { .. }
        | RowOperation::RmsNorm { .. }
        | RowOperation::RmsNormGradient
        | RowOperation::AffineRmsNorm { .. } => 2,
        _ => 4,
    }
}

/// One number a row, as an input.
struct Numbers<'a, T> {
    values: &'a [T],
    layout: RowLayout,
}

impl<'a, T: tenfold_ir::Element> Numbers<'a, T> {
    fn new(input: &Input<'a>) -> Result<Numbers<'a, T>> {
        let layout = RowLayout { outer: input.layout.clone(), length: 1, stride: 1 };
        Ok(Numbers { values: input.values()?, layout })
    }

    fn walk(&self, start: usize) -> Walk {
        Walk::new(&self.layout.outer, start)
    }
}

/// The buffers of one call.
struct Job<'a, E: RowElement> {
    operation: RowOperation,
    first: RowSource<'a, E>,
    second: Option<RowSource<'a, E>>,
    third: Option<RowSource<'a, E>>,
    /// One number a row in the wide dtype: means and scales, or logarithms of sums.
    wide: [Option<Numbers<'a, E::Wide>>; 2],
    /// One number a row in the dtype of the rows: the gradient of a loss.
    narrow: Option<Numbers<'a, E>>,
    targets: Option<Numbers<'a, i64>>,
    rows_out: Option<RowTarget<'a, E>>,
    narrow_out: Option<Disjoint<'a, E>>,
    wide_out: [Option<Disjoint<'a, E::Wide>>; 2],
}

fn run_typed<E: RowElement>(
    core: &Rows,
    inputs: &[Input<'_>],
    outputs: &mut [OutputView<'_>],
    computed: Option<&Evaluation<'_>>,
) -> Result<()>
where
    Sum<E::Wide>: Fold<E::Wide, State = E::Wide>,
{
    if lines::suits::<E>(core, inputs) {
        return lines::run::<E>(core, inputs, &mut outputs[0]);
    }
    let operation = core.operation;
    let source = |index: usize| RowSource::<E>::new(&inputs[index], core.axis);
    let wide = |index: usize| Numbers::<E::Wide>::new(&inputs[index]).map(Some);
    let (mut first_out, mut rest) = (None, [None, None]);
    for (index, output) in outputs.iter_mut().enumerate() {
        if index == 0 {
            first_out =
                Some((RowLayout::dense(&inputs[0].shape().clone(), core.axis), output.values::<E>()?));
        } else {
            rest[index - 1] = Some(Disjoint::new(output.values::<E::Wide>()?));
        }
    }
    let Some((layout, memory)) = first_out else {
        return Err(Error::state(operation.name(), "no output was given"));
    };
    let (rows_out, narrow_out) = match gives_rows(operation) {
        true => (Some(RowTarget::new(memory, layout)), None),
        false => (None, Some(Disjoint::new(memory))),
    };
    let mut job = Job {
        operation,
        first: match computed {
            Some(_) => RowSource::computed(inputs[0].shape(), core.axis),
            None => source(0)?,
        },
        second: None,
        third: None,
        wide: [None, None],
        narrow: None,
        targets: None,
        rows_out,
        narrow_out,
        wide_out: rest,
    };
    match operation {
        RowOperation::SoftmaxGradient | RowOperation::LogSoftmaxGradient => job.second = Some(source(1)?),
        RowOperation::LayerNormGradient => {
            job.wide = [wide(1)?, wide(2)?];
            job.second = Some(source(3)?);
        }
        RowOperation::AffineLayerNorm { .. } | RowOperation::GroupNorm { .. } => {
            job.second = Some(source(1)?);
            job.third = Some(source(2)?);
        }
        RowOperation::AffineLayerNormGradient => {
            job.wide = [wide(1)?, wide(2)?];
            job.second = Some(source(3)?);
            job.third = Some(source(4)?);
            return affine::run(&job);
        }
        RowOperation::GroupNormGradient => {
            job.wide = [wide(1)?, wide(2)?];
            job.second = Some(source(3)?);
            job.third = Some(source(4)?);
            grouped::run(&job, &RowLayout::dense(inputs[3].shape(), core.axis));
            return Ok(());
        }
        RowOperation::RmsNormGradient => {
            job.wide[0] = wide(1)?;
            job.second = Some(source(2)?);
        }
        RowOperation::AffineRmsNorm { .. } => job.second = Some(source(1)?),
        RowOperation::AffineRmsNormGradient => {
            job.wide[0] = wide(1)?;
            job.second = Some(source(2)?);
            job.third = Some(source(3)?);
            return affine::run(&job);
        }
        RowOperation::CrossEntropy => job.targets = Some(Numbers::new(&inputs[1])?),
        RowOperation::CrossEntropyGradient => {
            job.targets = Some(Numbers::new(&inputs[1])?);
            job.wide[0] = wide(2)?;
            job.narrow = Some(Numbers::new(&inputs[3])?);
        }
        _ => {}
    }
    let (rows, length) = (job.first.layout.rows(), job.first.layout.length);
    let computing = computed.map_or(0, |first| first.picoseconds_per_element() * length as u64 / 1_000);
    let cost = 10 + length as u64 * cost_of_eight(operation) / 8 + computing;
    for_each_range(rows, cost, CHUNK_NANOSECONDS, &|start, count| match computed {
        None => job.run(start, count, None),
        Some(first) => first.with(|evaluator| {
            job.run(start, count, Some(&mut computed::compute::<E>(evaluator, length)));
        }),
    });
    Ok(())
}

impl<E: RowElement> Job<'_, E> {
    /// Works on rows `start .. start + count`; `first` computes those of the first input, where they have no memory.
    fn run<'a>(&'a self, start: usize, count: usize, first: Option<&'a mut Compute<'a, E::Wide>>) {
        on_tier(SomeRows { job: self, start, count, first });
    }
}

/// Rows `start .. start + count` of a job.
struct SomeRows<'a, 'b, E: RowElement> {
    job: &'a Job<'b, E>,
    start: usize,
    count: usize,
    first: Option<&'a mut Compute<'a, E::Wide>>,
}

impl<E: RowElement> Tiered for SomeRows<'_, '_, E> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let SomeRows { job, start, count, first } = self;
        let output = job.rows_out.as_ref();
        let mut first = job.first.reader_of(start, count, first);
        let mut second = job.second.as_ref().map(|source| source.reader(start, count));
        let mut third = job.third.as_ref().map(|source| source.reader(start, count));
        let mut writer = output.map(|target| target.writer(start, count));
        let mut means = job.wide[0].as_ref().map(|numbers| numbers.walk(start));
        let mut scales = job.wide[1].as_ref().map(|numbers| numbers.walk(start));
        let mut gradients = job.narrow.as_ref().map(|numbers| numbers.walk(start));
        let mut targets = job.targets.as_ref().map(|numbers| numbers.walk(start));
        let zero = E::Wide::constant(0.0);
        for row in start..start + count {
            let mean = next_number(&mut means, &job.wide[0]);
            let scale = next_number(&mut scales, &job.wide[1]);
            let gradient = match (&mut gradients, &job.narrow) {
                (Some(walk), Some(numbers)) => walk.take(numbers.values).widen(),
                _ => zero,
            };
            let target = match (&mut targets, &job.targets) {
                (Some(walk), Some(numbers)) => walk.take(numbers.values),
                _ => -1,
            };
            let x = first.next_row(output);
            let g = second.as_mut().map_or(Row::default(), |reader| reader.next_row(output));
            let b = third.as_mut().map_or(Row::default(), |reader| reader.next_row(output));
            let row_out = writer.as_mut().map_or(&mut [][..], |writer| writer.row());
            let mut numbers = [zero; 2];
            match job.operation {
                RowOperation::Softmax => arithmetic::softmax(x, row_out),
                RowOperation::LogSoftmax => arithmetic::log_softmax(x, row_out),
                RowOperation::LogSumExp => numbers[0] = arithmetic::log_sum_exp(x),
                RowOperation::SoftmaxGradient => arithmetic::softmax_gradient(x, g, row_out),
                RowOperation::LogSoftmaxGradient => arithmetic::log_softmax_gradient(x, g, row_out),
                RowOperation::LayerNorm { epsilon } => numbers = arithmetic::layer_norm(x, epsilon, row_out),
                RowOperation::AffineLayerNorm { epsilon } => {
                    numbers = arithmetic::affine_layer_norm(x, g.values, b.values, epsilon, row_out);
                }
                RowOperation::GroupNorm { epsilon } => {
                    numbers = arithmetic::group_norm(x, g.values, b.values, epsilon, row_out);
                }
                // Have sums as further results: see `affine` and `grouped`.
                RowOperation::AffineLayerNormGradient
                | RowOperation::AffineRmsNormGradient
                | RowOperation::GroupNormGradient => {}
                RowOperation::AffineRmsNorm { epsilon } => {
                    numbers[0] = arithmetic::affine_rms_norm(x, g.values, epsilon, row_out);
                }
                RowOperation::LayerNormGradient => {
                    arithmetic::layer_norm_gradient(x, mean, scale, g, row_out)
                }
                RowOperation::RmsNorm { epsilon } => numbers[0] = arithmetic::rms_norm(x, epsilon, row_out),
                RowOperation::RmsNormGradient => arithmetic::rms_norm_gradient(x, mean, g, row_out),
                RowOperation::CrossEntropy => numbers = arithmetic::cross_entropy(x, target),
                RowOperation::CrossEntropyGradient => {
                    arithmetic::cross_entropy_gradient(x, target, mean, gradient, row_out)
                }
            }
            if let Some(writer) = &mut writer {
                writer.end_row();
            }
            // What goes to the outputs of one number a row, in order.
            let mut given = numbers.into_iter();
            if let (Some(out), Some(number)) = (&job.narrow_out, given_if(&job.narrow_out, &mut given)) {
                // SAFETY: each row belongs to one range.
                unsafe { out.write(row, E::narrow(number)) };
            }
            for out in job.wide_out.iter().flatten() {
                // SAFETY: each row belongs to one range.
                unsafe { out.write(row, given.next().unwrap_or(zero)) };
            }
        }
    }
}

/// The next number of an input that has one a row; 0 without it.
#[inline(always)]
fn next_number<T: Lane + tenfold_ir::Element>(
    walk: &mut Option<Walk>,
    numbers: &Option<Numbers<'_, T>>,
) -> T {
    match (walk, numbers) {
        (Some(walk), Some(numbers)) => walk.take(numbers.values),
        _ => T::constant(0.0),
    }
}

/// The next number where there is an output for it.
#[inline(always)]
fn given_if<O, T>(output: &Option<O>, numbers: &mut impl Iterator<Item = T>) -> Option<T> {
    output.as_ref().and_then(|_| numbers.next())
}
