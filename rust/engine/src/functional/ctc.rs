//! Connectionist temporal classification.
//!
//! Graves, Fernández, Gomez and Schmidhuber 2006, "Connectionist temporal classification: labelling unsegmented sequence
//! data with recurrent neural networks". All sums are over logarithms of probabilities, in float64.

use std::sync::{Arc, Mutex, PoisonError};

use tenfold_cpu::simd::{Tiered, on_tier};
use tenfold_cpu::threads::for_each_chunk;
use tenfold_ir::kernel::{HostFunction, HostInput, HostOutput, Spec};
use tenfold_ir::lanes::Lane;
use tenfold_ir::{DType, Error, Result, Shape};

use super::check_floating;
use super::loss::LossReduction;
use crate::{HostDerivative, Tensor, autocast, batch};

const NAME: &str = "ctc_loss";
/// What one step of a recursion takes, roughly: three exponentials and a logarithm, some states side by side.
const NANOSECONDS_PER_STATE: usize = 15;

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

    /// The class of each state of a sample.
    fn classes(&self, sample: usize) -> Vec<usize> {
        (0..self.states_of(sample)).map(|state| self.class(sample, state)).collect()
    }

    /// For each state of a sample 0 where it may follow the last but one, else −∞; two more at the end.
    fn skip_costs(&self, sample: usize) -> Vec<f64> {
        let states = self.states_of(sample);
        let cost = |state| if state < states && self.skips(sample, state) { 0.0 } else { f64::NEG_INFINITY };
        (0..states + 2).map(cost).collect()
    }

    /// Writes the logarithms of the forward probabilities `(steps, states)` of a sample; gives its loss.
    fn forward(&self, sample: usize, log_probabilities: &[f64], alpha: &mut [f64]) -> f64 {
        let (width, states, steps) = (self.states(), self.states_of(sample), self.steps[sample]);
        alpha.fill(f64::NEG_INFINITY);
        if steps == 0 {
            return if states == 1 { 0.0 } else { f64::INFINITY };
        }
        let (classes, skips) = (self.classes(sample), self.skip_costs(sample));
        let first = self.row(log_probabilities, 0, sample);
        for (start, &class) in alpha[..states.min(2)].iter_mut().zip(&classes) {
            *start = first[class];
        }
        // What comes before the first state is impossible.
        let mut before = vec![f64::NEG_INFINITY; states + 2];
        for step in 1..steps {
            let (done, now) = alpha.split_at_mut(step * width);
            before[2..].copy_from_slice(&done[(step - 1) * width..][..states]);
            let (now, row) = (&mut now[..states], self.row(log_probabilities, step, sample));
            on_tier(LogSums { terms: [&before[2..], &before[1..], &before], costs: &skips, sums: now });
            now.iter_mut().zip(&classes).for_each(|(sum, &class)| *sum += row[class]);
        }
        let last = &alpha[(steps - 1) * width..];
        let end = last[states - 1];
        -if states > 1 { log_sum(end, last[states - 2], f64::NEG_INFINITY) } else { end }
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
        let all = self.extents[2];
        let (classes, skips) = (self.classes(sample), self.skip_costs(sample));
        // The logarithm of the probability of everything after the step, from each state.
        let mut beta = vec![f64::NEG_INFINITY; states];
        let mut ahead = vec![f64::NEG_INFINITY; states + 2];
        let mut shares = vec![0.0; states];
        for step in (0..steps).rev() {
            if step + 1 == steps {
                beta[states.saturating_sub(2)..].fill(0.0);
            } else {
                let row = self.row(log_probabilities, step + 1, sample);
                for (ahead, (&beta, &class)) in ahead.iter_mut().zip(beta.iter().zip(&classes)) {
                    *ahead = beta + row[class];
                }
                let terms = [&ahead[..], &ahead[1..], &ahead[2..]];
                on_tier(LogSums { terms, costs: &skips[2..], sums: &mut beta });
            }
            on_tier(Shares { alpha: &alpha[step * width..], beta: &beta, loss, shares: &mut shares });
            let row = &mut posterior[step * all..][..all];
            shares.iter().zip(&classes).for_each(|(&share, &class)| row[class] += share);
        }
    }
}

/// `log(exp(a) + exp(b) + exp(c))`.
#[inline(always)]
fn log_sum(a: f64, b: f64, c: f64) -> f64 {
    let pair = if a < b { b } else { a };
    let largest = if pair < c { c } else { pair };
    let shift = if largest == f64::NEG_INFINITY { 0.0 } else { largest };
    let exp = |x: f64| Lane::exp(x - shift);
    shift + Lane::log(exp(a) + exp(b) + exp(c))
}

/// The sums of probabilities given as logarithms, of which the third ones have a cost.
struct LogSums<'a> {
    terms: [&'a [f64]; 3],
    costs: &'a [f64],
    sums: &'a mut [f64],
}

impl Tiered for LogSums<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let count = self.sums.len();
        let [a, b, c] = self.terms.map(|terms| &terms[..count]);
        let costs = &self.costs[..count];
        for state in 0..count {
            self.sums[state] = log_sum(a[state], b[state], c[state] + costs[state]);
        }
    }
}

/// The probability of being in each state.
struct Shares<'a> {
    alpha: &'a [f64],
    beta: &'a [f64],
    loss: f64,
    shares: &'a mut [f64],
}

impl Tiered for Shares<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (share, (&alpha, &beta)) in self.shares.iter_mut().zip(self.alpha.iter().zip(self.beta)) {
            *share = Lane::exp(alpha + beta + self.loss);
        }
    }
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
        let log_probabilities = inputs[0].elements::<f64>();
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
            (log_probabilities.elements::<f64>(), losses.elements::<f64>(), alphas.elements::<f64>());
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
