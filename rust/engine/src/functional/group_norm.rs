//! Normalisation over groups of channels of each sample: group and instance norm.

use smallvec::SmallVec;
use tenfold_ir::formulas::{normalized, normalized_gradient};
use tenfold_ir::kernel::{Reduce, Reduction, RowOperation, Rows};
use tenfold_ir::{Core, DType, Error, Result, Shape};

use super::check_floating;
use super::normalization::{by_channel, check_parameter, standardized, standardized_gradient};
use crate::Tensor;
use crate::autograd::{self, Context, Derivative, Gradients, Saved, record_gradient};
use crate::formula::Formula;

/// `(N, groups, channels of a group, inner)` for a shape `(N, C, …)`.
fn grouped(shape: &Shape, groups: usize) -> Shape {
    let inner: usize = shape[2..].iter().product();
    Shape::from([shape[0], groups, shape[1] / groups, inner])
}

/// One number a sample and group, along the axes of [`grouped`].
fn by_group(numbers: &Tensor) -> Result<Tensor> {
    numbers.reshaped(&Shape::from([numbers.shape()[0], numbers.shape()[1], 1, 1]))
}

/// One number a channel, along the axes of [`grouped`].
fn by_channel_of_group(parameter: &Tensor, shape: &Shape) -> Result<Tensor> {
    parameter.detach().reshaped(&Shape::from([1, shape[1], shape[2], 1]))
}

/// A group is worked on as a row up to so many bytes: with its gradient it then stays in the second-level cache between
/// the sweeps over it. Larger ones are shared between threads, each part a pass of its own.
const LARGEST_ROW: usize = 256 << 10;

/// True where a group of that shape is worked on as a row.
fn fits_cache(shape: &Shape, wide: DType) -> bool {
    shape[2] * shape[3] * wide.size() <= LARGEST_ROW
}

/// `(N, groups, elements of a group)`
fn rows_of(shape: &Shape) -> Shape {
    Shape::from([shape[0], shape[1], shape[2] * shape[3]])
}

/// One number a channel, for each of [`rows_of`].
fn weights_of_rows(parameter: &Tensor, shape: &Shape, wide: DType) -> Result<Tensor> {
    let weights = parameter.detach().cast(wide)?.reshaped(&Shape::from([1, shape[1], shape[2]]))?;
    Ok(weights
        .broadcast(&Shape::from([shape[0], shape[1], shape[2]]))
        .expect("the samples' weights are the same"))
}

/// `r·w` for each sample and channel, from the numbers of each along the axes of [`grouped`].
fn scale_of(weights: &Tensor, r: &Tensor, wide: DType) -> Result<Tensor> {
    let shape = Shape::from([r.shape()[0], r.shape()[1], weights.shape()[2], 1]);
    Formula::single(&shape, wide, wide, |formula| Ok((formula.load(weights) * formula.load(r)).value()))
}

/// The gradient of group norm. The inputs are x, weight, bias and, one number a sample and group, the mean and
/// `r = 1 / sqrt(variance + epsilon)`.
#[derive(Debug)]
struct GroupNormDerivative {
    groups: usize,
    epsilon: f64,
    bias: DType,
}

impl GroupNormDerivative {
    /// As differentiable operations.
    fn composed(&self, context: &Context<'_>) -> Result<Gradients> {
        let (x, weight) = (context.saved(0), context.saved(1));
        let wide = x.dtype().compute();
        let shape = grouped(x.shape(), self.groups);
        let rows = Shape::from([shape[0] * shape[1], shape[2] * shape[3]]);
        let (n, r) = standardized(&x.cast(wide)?.reshaped(&rows)?, &[1], self.epsilon)?;
        let gradient = context.gradient(0).cast(wide)?;
        let weighted = gradient.multiply(&by_channel(weight, x.rank())?.cast(wide)?)?.reshaped(&rows)?;
        let of_x = standardized_gradient(&n, &r, &weighted, &[1])?;
        let axes: SmallVec<[usize; 4]> = (0..x.rank()).filter(|&axis| axis != 1).collect();
        let of_weight = gradient.multiply(&n.reshaped(x.shape())?)?.sum_axes(&axes)?;
        Ok(Gradients::from_iter([
            Some(of_x.reshaped(x.shape())?.cast(x.dtype())?),
            Some(of_weight.cast(weight.dtype())?),
            Some(gradient.sum_axes(&axes)?.cast(self.bias)?),
            None,
            None,
        ]))
    }

    /// A group at a time.
    fn by_rows(&self, context: &Context<'_>) -> Result<Gradients> {
        let (x, weight, mean, r) = (context.saved(0), context.saved(1), context.saved(2), context.saved(3));
        let (shape, wide) = (grouped(x.shape(), self.groups), x.dtype().compute());
        let rows = rows_of(&shape);
        let weights = weights_of_rows(weight, &shape, wide)?;
        let (x_rows, gradient) =
            (x.cast(wide)?.reshaped(&rows)?, context.gradient(0).cast(wide)?.reshaped(&rows)?);
        let core = Core::Rows(Rows { operation: RowOperation::GroupNormGradient, axis: 2 });
        let results = Tensor::record_core(core, &[&x_rows, mean, r, &weights, &gradient])?;
        let of_parameter = |sums: &Tensor, dtype: DType| -> Result<Tensor> {
            sums.sum_axes(&[0])?.reshaped(weight.shape())?.cast(dtype)
        };
        let (of_weight, of_bias) =
            (of_parameter(&results[1], weight.dtype())?, of_parameter(&results[2], self.bias)?);
        let of_x = results[0].reshaped(x.shape())?.cast(x.dtype())?;
        Ok(Gradients::from_iter([Some(of_x), Some(of_weight), Some(of_bias), None, None]))
    }

    /// In few kernels: all sums follow from those over each channel of each sample.
    fn by_parts(&self, context: &Context<'_>) -> Result<Gradients> {
        let (x, weight, mean, r) = (context.saved(0), context.saved(1), context.saved(2), context.saved(3));
        let wide = x.dtype().compute();
        let shape = grouped(x.shape(), self.groups);
        let (channels, count) = (weight.shape(), (shape[2] * shape[3]) as f64);
        let (x4, gradient) = (x.reshaped(&shape)?, context.gradient(0).reshaped(&shape)?);
        let (mean, r) = (by_group(mean)?, by_group(r)?);

        // Σ g and Σ g·n with the normalised n.
        let core = Core::Reduce(Reduce { operation: Reduction::GradientSums, axes: [3].as_slice().into() });
        let spread = |numbers: &Tensor| numbers.broadcast(&shape).expect("one number a group");
        let sums = Tensor::record_core(core, &[&gradient, &x4, &spread(&mean), &spread(&r)])?;
        let of_parameter = |sums: &Tensor, dtype: DType| -> Result<Tensor> {
            sums.sum_axes(&[0])?.reshaped(channels)?.cast(dtype)
        };
        let of_bias = of_parameter(&sums[0], self.bias)?;
        let of_weight = of_parameter(&sums[1], weight.dtype())?;
        let of_x = context.needs(0).then(|| -> Result<Tensor> {
            let weights = by_channel_of_group(weight, &shape)?;
            // The means of h = g·w, and of h·n, over a group.
            let mean_of = |sums: &Tensor| -> Result<Tensor> {
                let weighted = sums.multiply(&weights.squeeze(&[3])?.cast(wide)?)?;
                by_group(&weighted.sum_axes(&[2])?.divide(count)?)
            };
            let (along, across) = (mean_of(&sums[1])?, mean_of(&sums[0])?);
            let scale = scale_of(&weights, &r, wide)?;
            let numbers = Formula::new(r.shape(), wide);
            let r = numbers.load(&r);
            numbers.output(r * r * numbers.load(&along), wide);
            numbers.output(r * numbers.load(&across), wide);
            let numbers = numbers.record()?;
            let of_x = Formula::single(&shape, wide, x.dtype(), |formula| {
                let [g, scale, x, mean] = [&gradient, &scale, &x4, &mean].map(|tensor| formula.load(tensor));
                let [slope, shift] = [0, 1].map(|at| formula.load(&numbers[at]));
                Ok(normalized_gradient(g, scale, x, mean, slope, shift).value())
            })?;
            of_x.reshaped(x.shape())
        });
        Ok(Gradients::from_iter([of_x.transpose()?, Some(of_weight), Some(of_bias), None, None]))
    }
}

impl Derivative for GroupNormDerivative {
    fn name(&self) -> &str {
        "group_norm"
    }

    fn gradients(&self, context: &Context<'_>) -> Result<Gradients> {
        let x = context.saved(0);
        if autograd::is_enabled() {
            self.composed(context)
        } else if fits_cache(&grouped(x.shape(), self.groups), x.dtype().compute()) {
            self.by_rows(context)
        } else {
            self.by_parts(context)
        }
    }
}

/// Group norm of an input of the shape [`grouped`], a group at a time: its result, and the mean and r of each.
fn normalized_rows(
    input: &Tensor,
    shape: &Shape,
    weight: &Tensor,
    bias: &Tensor,
    epsilon: f64,
) -> Result<(Tensor, Tensor, Tensor)> {
    let wide = input.dtype().compute();
    let x = input.detach().cast(wide)?.reshaped(&rows_of(shape))?;
    let [weight, bias] = [weight, bias].map(|parameter| weights_of_rows(parameter, shape, wide));
    let core = Core::Rows(Rows { operation: RowOperation::GroupNorm { epsilon }, axis: 2 });
    let mut results = Tensor::record_core(core, &[&x, &weight?, &bias?])?;
    let result = results.remove(0).cast(input.dtype())?;
    Ok((result, results.remove(0), results.remove(0)))
}

/// The same in a reduction and a pass over all elements.
fn normalized_by_parts(
    input: &Tensor,
    shape: &Shape,
    weight: &Tensor,
    bias: &Tensor,
    epsilon: f64,
) -> Result<(Tensor, Tensor, Tensor)> {
    let wide = input.dtype().compute();
    let x = input.detach().reshaped(shape)?;
    let mut moments = x.cast(wide)?.reduce(Reduction::Moments, &[2, 3])?;
    let count = (shape[2] * shape[3]) as f64;
    let (mean, squares) = (moments.remove(0), moments.remove(0));
    let r = Formula::single(mean.shape(), wide, wide, |formula| {
        Ok((1.0 / (formula.load(&squares) / count + epsilon).sqrt()).value())
    })?;
    let scale = scale_of(&by_channel_of_group(weight, shape)?, &by_group(&r)?, wide)?;
    let result = Formula::single(shape, wide, input.dtype(), |formula| {
        let (means, biases) = (by_group(&mean)?, by_channel_of_group(bias, shape)?);
        let [x, mean, scale, shift] = [&x, &means, &scale, &biases].map(|tensor| formula.load(tensor));
        Ok(normalized(x, mean, scale, shift).value())
    })?;
    Ok((result, mean, r))
}

/// Mean 0 and variance 1 over each of `num_groups` groups of channels of `(N, C, …)`, then `· weight + bias` (C).
///
/// Wu and He 2018, "Group normalization".
pub fn group_norm(
    input: &Tensor,
    num_groups: usize,
    weight: Option<&Tensor>,
    bias: Option<&Tensor>,
    eps: f64,
) -> Result<Tensor> {
    let name = "group_norm";
    check_floating(name, input)?;
    if input.rank() < 2 {
        return Err(Error::shape(
            name,
            format!("needs at least 2 axes (N, C, …); got shape {}", input.shape()),
        ));
    }
    let channels = input.shape()[1];
    if num_groups == 0 || !channels.is_multiple_of(num_groups) {
        return Err(Error::shape(
            name,
            format!(
                "{channels} channels cannot be split into {num_groups} groups; got shape {}",
                input.shape()
            ),
        ));
    }
    check_parameter(name, "weight", weight, &[channels])?;
    check_parameter(name, "bias", bias, &[channels])?;
    let wide = input.dtype().compute();
    let ones = || Tensor::ones(&[channels], wide);
    let zeros = || Tensor::zeros(&[channels], wide);
    let weight = weight.cloned().map_or_else(ones, Ok)?;
    let bias = bias.cloned().map_or_else(zeros, Ok)?;

    let shape = grouped(input.shape(), num_groups);
    let (result, mean, r) = if fits_cache(&shape, wide) {
        normalized_rows(input, &shape, &weight, &bias, eps)?
    } else {
        normalized_by_parts(input, &shape, &weight, &bias, eps)?
    };
    let mut results = [result.reshaped(input.shape())?];
    let derivative = GroupNormDerivative { groups: num_groups, epsilon: eps, bias: bias.dtype() };
    let saved = [Saved::Input(0), Saved::Input(1), Saved::Input(3), Saved::Input(4)];
    record_gradient(&mut results, &[input, &weight, &bias, &mean, &r], derivative, &saved);
    let [result] = results;
    Ok(result)
}

/// Mean 0 and variance 1 over the spatial axes of each sample and channel of `(N, C, …)`, then `· weight + bias`.
///
/// Ulyanov, Vedaldi and Lempitsky 2016, "Instance normalization".
pub fn instance_norm(
    input: &Tensor,
    weight: Option<&Tensor>,
    bias: Option<&Tensor>,
    eps: f64,
) -> Result<Tensor> {
    let name = "instance_norm";
    if input.rank() < 3 || input.shape()[2..].iter().product::<usize>() == 1 {
        return Err(Error::shape(
            name,
            format!("needs more than one spatial element a channel; got shape {}", input.shape()),
        ));
    }
    group_norm(input, input.shape()[1], weight, bias, eps).map_err(|error| error.in_operation(name))
}
