//! Connectionist temporal classification.
//!
//! Graves, Fernández, Gomez and Schmidhuber 2006, "Connectionist temporal classification: labelling unsegmented sequence
//! data with recurrent neural networks". All sums are over logarithms of probabilities, in float64.

use std::sync::{Arc, Mutex, PoisonError};

use tenfold_cpu::threads::for_each_chunk;
use tenfold_ir::kernel::{HostFunction, HostInput, HostOutput, Spec};
use tenfold_ir::{DType, Error, Result, Shape};

use super::check_floating;
use super::loss::LossReduction;
use crate::{HostDerivative, Tensor, autocast, batch};

const NAME: &str = "ctc_loss";
/// What one step of a recursion takes, roughly: two exponentials and a logarithm.
const NANOSECONDS_PER_STATE: usize = 30;

/// What to align with what: the labels of each sample, and how many steps it has.
struct Alignment {
    labels: Vec<Vec<usize>>,
    steps: Vec<usize>,
    blank: usize,
    /// Extents of the log-probabilities: steps, samples, classes.
    extents: [usize; 3],
}

impl Alignment {
    /// A blank before, between and after the labels, for the longest of them.
    fn states(&self) -> usize {
        2 * self.labels.iter().map(Vec::len).max().unwrap_or(0) + 1
    }

    /// The class of a state.
    fn class(&self, sample: usize, state: usize) -> usize {
        if state.is_multiple_of(2) { self.blank } else { self.labels[sample][state / 2] }
    }

    /// True where a state may follow the last but one: no blank needs to stand between.
    fn skips(&self, sample: usize, state: usize) -> bool {
        state % 2 == 1 && state >= 3 && self.labels[sample][state / 2] != self.labels[sample][state / 2 - 1]
    }

    fn states_of(&self, sample: usize) -> usize {
        2 * self.labels[sample].len() + 1
    }

    /// The log-probabilities of a step of a sample, by class.
    fn row<'a>(&self, log_probabilities: &'a [f64], step: usize, sample: usize) -> &'a [f64] {
        let [_, samples, classes] = self.extents;
        &log_probabilities[(step * samples + sample) * classes..][..classes]
    }

    fn cost(&self) -> u64 {
        (self.extents[0] * self.states() * NANOSECONDS_PER_STATE) as u64
    }

    fn check_inputs(&self, inputs: &[Spec]) -> Result<()> {
        if inputs.iter().all(|spec| spec.dtype == DType::Float64) && inputs[0].shape[..] == self.extents {
            return Ok(());
        }
        Err(Error::shape(NAME, "log-probabilities that the alignment was not made for"))
    }

    /// Writes the logarithms of the forward probabilities `(steps, states)` of a sample; gives its loss.
    fn forward(&self, sample: usize, log_probabilities: &[f64], alpha: &mut [f64]) -> f64 {
        let (width, states, steps) = (self.states(), self.states_of(sample), self.steps[sample]);
        alpha.fill(f64::NEG_INFINITY);
        if steps == 0 {
            return if states == 1 { 0.0 } else { f64::INFINITY };
        }
        let first = self.row(log_probabilities, 0, sample);
        for (state, start) in alpha[..states.min(2)].iter_mut().enumerate() {
            *start = first[self.class(sample, state)];
        }
        for step in 1..steps {
            let (before, now) = alpha[(step - 1) * width..].split_at_mut(width);
            let row = self.row(log_probabilities, step, sample);
            for state in 0..states {
                let mut sum = before[state];
                if state >= 1 {
                    sum = log_add(sum, before[state - 1]);
                }
                if self.skips(sample, state) {
                    sum = log_add(sum, before[state - 2]);
                }
                now[state] = sum + row[self.class(sample, state)];
            }
        }
        let last = &alpha[(steps - 1) * width..];
        let end = last[states - 1];
        -if states > 1 { log_add(end, last[states - 2]) } else { end }
    }

    /// Adds the probability of each class at each step, given the labels, to `posterior` (one slice a step).
    fn posterior(
        &self,
        sample: usize,
        log_probabilities: &[f64],
        alpha: &[f64],
        loss: f64,
        posterior: &mut [f64],
    ) {
        let (width, states, steps) = (self.states(), self.states_of(sample), self.steps[sample]);
        let classes = self.extents[2];
        // The logarithm of the probability of everything after the step, from each state.
        let mut beta = vec![f64::NEG_INFINITY; states];
        for step in (0..steps).rev() {
            if step + 1 == steps {
                beta[states.saturating_sub(2)..].fill(0.0);
            } else {
                let row = self.row(log_probabilities, step + 1, sample);
                let ahead: Vec<f64> =
                    (0..states).map(|state| beta[state] + row[self.class(sample, state)]).collect();
                for state in 0..states {
                    let mut sum = ahead[state];
                    if state + 1 < states {
                        sum = log_add(sum, ahead[state + 1]);
                    }
                    if state + 2 < states && self.skips(sample, state + 2) {
                        sum = log_add(sum, ahead[state + 2]);
                    }
                    beta[state] = sum;
                }
            }
            let row = &mut posterior[step * classes..][..classes];
            for state in 0..states {
                let share = alpha[step * width + state] + beta[state] + loss;
                row[self.class(sample, state)] += share.exp();
            }
        }
    }
}

/// `log(exp(a) + exp(b))`.
fn log_add(a: f64, b: f64) -> f64 {
    let (low, high) = if a < b { (a, b) } else { (b, a) };
    if low == f64::NEG_INFINITY { high } else { high + (low - high).exp().ln_1p() }
}

/// The elements of an input that is known to be float64, in logical order.
fn elements(input: &HostInput<'_>) -> Vec<f64> {
    let all: &[f64] = bytemuck::cast_slice(input.bytes);
    input.layout.positions().map(|position| all[position]).collect()
}

/// The loss of each sample `(N)`, and the forward log-probabilities `(N, T, states)`.
struct Forward(Arc<Alignment>);

impl HostFunction for Forward {
    fn name(&self) -> &str {
        NAME
    }

    fn outputs(&self, inputs: &[Spec]) -> Result<Vec<Spec>> {
        self.0.check_inputs(inputs)?;
        let [steps, samples, _] = self.0.extents;
        Ok(vec![
            Spec::new(Shape::from([samples]), DType::Float64),
            Spec::new(Shape::from([samples, steps, self.0.states()]), DType::Float64),
        ])
    }

    fn run(&self, inputs: &[HostInput<'_>], outputs: &mut [HostOutput<'_>]) -> Result<()> {
        let log_probabilities = elements(&inputs[0]);
        let [losses, alphas] = outputs else { return Err(Error::state(NAME, "needs two outputs")) };
        let losses: &mut [f64] = bytemuck::cast_slice_mut(losses.bytes);
        let alphas: &mut [f64] = bytemuck::cast_slice_mut(alphas.bytes);
        let size = self.0.extents[0] * self.0.states();
        let parts: Vec<_> = losses
            .iter_mut()
            .enumerate()
            .scan(alphas, |rest, (_, loss)| {
                let (alpha, tail) = std::mem::take(rest).split_at_mut(size);
                *rest = tail;
                Some(Mutex::new((loss, alpha)))
            })
            .collect();
        for_each_chunk(parts.len(), self.0.cost(), &|sample| {
            let mut part = parts[sample].lock().unwrap_or_else(PoisonError::into_inner);
            let (loss, alpha) = &mut *part;
            **loss = self.0.forward(sample, &log_probabilities, alpha);
        });
        Ok(())
    }
}

/// The probability of each class at each step given the labels, `(T, N, C)`: minus the gradient of the losses.
struct Posterior {
    alignment: Arc<Alignment>,
    zero_infinity: bool,
}

impl HostFunction for Posterior {
    fn name(&self) -> &str {
        "ctc_loss_backward"
    }

    fn outputs(&self, inputs: &[Spec]) -> Result<Vec<Spec>> {
        self.alignment.check_inputs(inputs)?;
        Ok(vec![Spec::new(Shape::from(self.alignment.extents), DType::Float64)])
    }

    fn run(&self, inputs: &[HostInput<'_>], outputs: &mut [HostOutput<'_>]) -> Result<()> {
        let [log_probabilities, losses, alphas] = inputs else {
            return Err(Error::state(NAME, "needs three inputs"));
        };
        let (log_probabilities, losses, alphas) =
            (elements(log_probabilities), elements(losses), elements(alphas));
        let [steps, samples, classes] = self.alignment.extents;
        let size = steps * self.alignment.states();
        let found: Vec<Mutex<Vec<f64>>> = (0..samples).map(|_| Mutex::default()).collect();
        for_each_chunk(samples, 2 * self.alignment.cost(), &|sample| {
            let mut posterior = vec![0.0; steps * classes];
            let loss = losses[sample];
            if loss.is_finite() {
                let alpha = &alphas[sample * size..][..size];
                self.alignment.posterior(sample, &log_probabilities, alpha, loss, &mut posterior);
            } else if !self.zero_infinity {
                posterior[..self.alignment.steps[sample] * classes].fill(f64::NAN);
            }
            *found[sample].lock().unwrap_or_else(PoisonError::into_inner) = posterior;
        });
        let result: &mut [f64] = bytemuck::cast_slice_mut(outputs[0].bytes);
        for (sample, posterior) in found.into_iter().enumerate() {
            let posterior = posterior.into_inner().unwrap_or_else(PoisonError::into_inner);
            for step in 0..steps {
                result[(step * samples + sample) * classes..][..classes]
                    .copy_from_slice(&posterior[step * classes..][..classes]);
            }
        }
        Ok(())
    }
}

/// The gradient of the losses: minus the posterior.
struct ForwardDerivative {
    alignment: Arc<Alignment>,
    zero_infinity: bool,
}

impl HostDerivative for ForwardDerivative {
    fn gradients(
        &self,
        inputs: &[Tensor],
        outputs: &[Tensor],
        gradients: &[Option<Tensor>],
    ) -> Result<Vec<Option<Tensor>>> {
        let Some(gradient) = &gradients[0] else { return Ok(vec![None]) };
        let function = Posterior { alignment: self.alignment.clone(), zero_infinity: self.zero_infinity };
        let posterior = Tensor::host(
            Arc::new(function),
            Some(Arc::new(NoSecond)),
            &[&inputs[0], &outputs[0], &outputs[1]],
        )?
        .remove(0);
        Ok(vec![Some(posterior.multiply(&gradient.negative()?.reshape(&[1, -1, 1])?)?)])
    }
}

/// The gradient has none of its own, as in PyTorch.
struct NoSecond;

impl HostDerivative for NoSecond {
    fn gradients(
        &self,
        _inputs: &[Tensor],
        _outputs: &[Tensor],
        _gradients: &[Option<Tensor>],
    ) -> Result<Vec<Option<Tensor>>> {
        Err(Error::not_implemented(NAME, "the second derivative is not offered"))
    }
}

/// The settings of [`ctc_loss`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CtcOptions {
    /// The class that stands for no label.
    pub blank: usize,
    /// The mean is over samples, each divided by the number of its labels.
    pub reduction: LossReduction,
    /// Labels that do not fit in their steps count nothing, and not infinity.
    pub zero_infinity: bool,
}

/// An error unless there is a length for each sample, none negative and none above `most`.
fn checked_lengths(what: &str, lengths: &[i64], samples: usize, most: usize) -> Result<Vec<usize>> {
    if lengths.len() != samples {
        return Err(Error::state(
            NAME,
            format!("{samples} samples need as many {what}; got {}", lengths.len()),
        ));
    }
    lengths
        .iter()
        .map(|&length| {
            usize::try_from(length)
                .ok()
                .filter(|&length| length <= most)
                .ok_or_else(|| Error::state(NAME, format!("{what} must be from 0 to {most}; got {length}")))
        })
        .collect()
}

/// The labels of each sample, out of a matrix with one row each or out of all of them in one row.
fn labels_of(targets: &Tensor, lengths: &[i64], samples: usize, classes: usize) -> Result<Vec<Vec<usize>>> {
    if !targets.dtype().is_integer() {
        return Err(Error::dtype(NAME, format!("targets must be integers; got {}", targets.dtype())));
    }
    let numbers = targets.cast(DType::Int64)?.to_vec::<i64>()?;
    let in_rows = targets.rank() == 2;
    let most = if in_rows { targets.shape()[1] } else { numbers.len() };
    let lengths = checked_lengths("target_lengths", lengths, samples, most)?;
    if in_rows && targets.shape()[0] != samples {
        return Err(Error::shape(
            NAME,
            format!("{samples} samples need as many rows of targets; got shape {}", targets.shape()),
        ));
    }
    if !in_rows && (targets.rank() != 1 || lengths.iter().sum::<usize>() != numbers.len()) {
        return Err(Error::shape(
            NAME,
            format!("targets need shape (N, S) or (sum of target_lengths); got {}", targets.shape()),
        ));
    }
    let mut start = 0;
    let mut labels = Vec::with_capacity(samples);
    for (sample, &length) in lengths.iter().enumerate() {
        let begin = if in_rows { sample * most } else { start };
        start += length;
        let row = numbers[begin..begin + length].iter().map(|&label| {
            usize::try_from(label).ok().filter(|&label| label < classes).ok_or_else(|| {
                Error::state(NAME, format!("label {label} is out of range for {classes} classes"))
            })
        });
        labels.push(row.collect::<Result<Vec<_>>>()?);
    }
    Ok(labels)
}

/// Minus the logarithm of the probability of the labels, over all ways of spreading them over the steps with blanks
/// between: log-probabilities `(T, N, C)` (or `(T, C)`) with targets `(N, S)`, or all in one row.
///
/// The gradient is that with respect to the log-probabilities alone. (PyTorch's is the same behind a log-softmax.)
pub fn ctc_loss(
    log_probabilities: &Tensor,
    targets: &Tensor,
    input_lengths: &[i64],
    target_lengths: &[i64],
    options: &CtcOptions,
) -> Result<Tensor> {
    let log_probabilities = &*autocast::raised(log_probabilities)?;
    let targets = &*autocast::raised(targets)?;
    check_floating(NAME, log_probabilities)?;
    if targets.is_batched() {
        let mut of_one = |sample: &[&Tensor]| {
            Ok(vec![ctc_loss(sample[0], sample[1], input_lengths, target_lengths, options)?])
        };
        return Ok(batch::each(NAME, &[log_probabilities, targets], &mut of_one)?.remove(0));
    }
    let unbatched = log_probabilities.rank() == 2;
    let batch = if unbatched { log_probabilities.unsqueeze(1)? } else { log_probabilities.clone() };
    let &[steps, samples, classes] = &batch.shape()[..] else {
        return Err(Error::shape(
            NAME,
            format!("needs log-probabilities (T, N, C) or (T, C); got shape {}", log_probabilities.shape()),
        ));
    };
    if options.blank >= classes {
        return Err(Error::state(NAME, format!("blank must be below {classes}; got {}", options.blank)));
    }
    let input_lengths = checked_lengths("input_lengths", input_lengths, samples, steps)?;
    let labels = labels_of(targets, target_lengths, samples, classes)?;
    let counts: Vec<f64> = labels.iter().map(|labels| labels.len().max(1) as f64).collect();
    let extents = [steps, samples, classes];
    let alignment = Arc::new(Alignment { labels, steps: input_lengths, blank: options.blank, extents });
    let derivative = ForwardDerivative { alignment: alignment.clone(), zero_infinity: options.zero_infinity };
    let wide = batch.cast(DType::Float64)?;
    let mut losses =
        Tensor::host(Arc::new(Forward(alignment)), Some(Arc::new(derivative)), &[&wide])?.remove(0);
    if options.zero_infinity {
        losses = losses.equal(f64::INFINITY)?.where_(0.0, &losses)?;
    }
    let reduced = match options.reduction {
        LossReduction::Mean => losses.divide(&Tensor::from_slice(&counts, &[samples])?)?.mean(None, false)?,
        LossReduction::None if unbatched => losses.reshape(&[])?,
        other => other.apply(&losses)?,
    };
    reduced.cast(log_probabilities.dtype())
}
