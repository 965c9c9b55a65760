//! Activation functions made of scalar operations.

use std::f64::consts::FRAC_2_PI;

use tenfold_ir::{DType, Error, Result, normalize_axis};

use super::check_floating;
use super::normalization::by_channel;
use super::softmax::softmax;
use crate::Tensor;
use crate::autograd::{Context, Derivative, Gradients, Saved, recomputed, record_gradient};
use crate::random::Generator;

/// Computes in float32 at least, and rounds once.
fn widened(name: &'static str, x: &Tensor, body: impl FnOnce(&Tensor) -> Result<Tensor>) -> Result<Tensor> {
    check_floating(name, x)?;
    body(&x.cast(x.dtype().compute())?)?.cast(x.dtype())
}

/// The same for a function whose values are computed again for the gradient.
fn widened_again(
    name: &'static str,
    x: &Tensor,
    body: impl Fn(&Tensor) -> Result<Tensor> + Send + Sync + 'static,
) -> Result<Tensor> {
    check_floating(name, x)?;
    recomputed(name, x, move |x| body(&x.cast(x.dtype().compute())?)?.cast(x.dtype()))
}

/// The number where it is at most 0, else 0: what an exponential of the negative side may see.
fn negative_side(x: &Tensor) -> Result<Tensor> {
    x.greater(0.0)?.where_(0.0, x)
}

/// The slopes of activations that are made of straight or simple pieces: one short expression, where the rules of the
/// comparisons and choices that compute the value would ask for several.
#[derive(Clone, Copy, Debug)]
enum Slope {
    /// 1 between two bounds, 0 at and beyond them.
    Hardtanh(f64, f64),
    Hardsigmoid,
    Hardswish,
    /// 0 up to this distance from 0, else 1.
    Softshrink(f64),
    /// This where not positive, else 1.
    LeakyRelu(f64),
}

impl Derivative for Slope {
    fn name(&self) -> &str {
        match self {
            Slope::Hardtanh(..) => "hardtanh",
            Slope::Hardsigmoid => "hardsigmoid",
            Slope::Hardswish => "hardswish",
            Slope::Softshrink(_) => "softshrink",
            Slope::LeakyRelu(_) => "leaky_relu",
        }
    }

    fn gradients(&self, context: &Context<'_>) -> Result<Gradients> {
        let (x, gradient) = (context.saved(0), context.gradient(0));
        let of_x = match *self {
            Slope::Hardtanh(low, high) => {
                let below_high = x.greater_equal(high)?.where_(0.0, gradient)?;
                x.less_equal(low)?.where_(0.0, &below_high)?
            }
            Slope::Hardsigmoid => x.abs()?.less(3.0)?.where_(&gradient.divide(6.0)?, 0.0)?,
            Slope::Hardswish => {
                let beyond = x.less(0.0)?.where_(0.0, gradient)?;
                let inside = gradient.multiply(&x.divide(3.0)?.add(0.5)?)?;
                x.abs()?.less(3.0)?.where_(&inside, &beyond)?
            }
            Slope::Softshrink(lambda) => x.abs()?.less_equal(lambda)?.where_(0.0, gradient)?,
            Slope::LeakyRelu(slope) => x.greater(0.0)?.where_(gradient, &gradient.multiply(slope)?)?,
        };
        Ok(Gradients::from_iter([Some(of_x)]))
    }
}

impl Slope {
    /// The value that `body` computes from x, with this slope.
    fn of(self, x: &Tensor, body: impl FnOnce(&Tensor) -> Result<Tensor>) -> Result<Tensor> {
        let mut results = [body(&x.detach())?];
        record_gradient(&mut results, &[x], self, &[Saved::Input(0)]);
        let [result] = results;
        Ok(result)
    }
}

/// Which form of [`gelu`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gelu {
    /// `x · Φ(x)` with the normal distribution function Φ.
    Exact,
    /// `0.5 · x · (1 + tanh(√(2/π) · (x + 0.044715 x³)))`.
    Tanh,
}

/// The Gaussian error linear unit (Hendrycks and Gimpel 2016).
pub fn gelu(input: &Tensor, form: Gelu) -> Result<Tensor> {
    widened_again("gelu", input, move |x| match form {
        Gelu::Exact => x.multiply(&x.ndtr()?),
        Gelu::Tanh => {
            let cubic = x.multiply(&x.square()?)?.multiply(0.044715)?;
            let inner = x.add(&cubic)?.multiply(FRAC_2_PI.sqrt())?;
            x.multiply(0.5)?.multiply(&inner.tanh()?.add(1.0)?)
        }
    })
}

/// `x` where positive, else `alpha · (exp(x) − 1)`.
pub fn elu(input: &Tensor, alpha: f64) -> Result<Tensor> {
    widened_again("elu", input, move |x| {
        let negative = negative_side(x)?.expm1()?.multiply(alpha)?;
        x.greater(0.0)?.where_(x, &negative)
    })
}

/// [`elu`] scaled so that mean and variance are kept (Klambauer et al. 2017).
pub fn selu(input: &Tensor) -> Result<Tensor> {
    const ALPHA: f64 = 1.673_263_242_354_377_2;
    const SCALE: f64 = 1.050_700_987_355_480_5;
    widened_again("selu", input, move |x| elu(x, ALPHA)?.multiply(SCALE))
}

/// `x` where positive, else `alpha · (exp(x / alpha) − 1)`.
pub fn celu(input: &Tensor, alpha: f64) -> Result<Tensor> {
    if alpha == 0.0 {
        return Err(Error::state("celu", "alpha must not be 0"));
    }
    widened_again("celu", input, move |x| {
        let negative = negative_side(x)?.divide(alpha)?.expm1()?.multiply(alpha)?;
        x.greater(0.0)?.where_(x, &negative)
    })
}

/// `x` where positive, else `negative_slope · x`.
pub fn leaky_relu(input: &Tensor, negative_slope: f64) -> Result<Tensor> {
    widened("leaky_relu", input, |x| {
        Slope::LeakyRelu(negative_slope).of(x, |x| x.greater(0.0)?.where_(x, &x.multiply(negative_slope)?))
    })
}

/// `x` where positive, else `weight · x`, with one weight for all or one a channel (axis 1).
pub fn prelu(input: &Tensor, weight: &Tensor) -> Result<Tensor> {
    let name = "prelu";
    super::check_same_dtype(name, input, weight)?;
    let channels = if input.rank() < 2 { 1 } else { input.shape()[1] };
    let slope = if weight.elements() == 1 {
        weight.reshape(&[])?
    } else if weight.rank() == 1 && weight.elements() == channels {
        by_channel(weight, input.rank())?
    } else {
        return Err(Error::shape(
            name,
            format!("the weight needs 1 or {channels} elements; got shape {}", weight.shape()),
        ));
    };
    input.greater(0.0)?.where_(input, &input.multiply(&slope)?)
}

/// `log(1 + exp(beta · x)) / beta`; x itself where `beta · x` exceeds `threshold`.
pub fn softplus(input: &Tensor, beta: f64, threshold: f64) -> Result<Tensor> {
    widened_again("softplus", input, move |x| {
        let scaled = x.multiply(beta)?;
        let linear = scaled.greater(threshold)?;
        // Where it is linear the exponential must not overflow: its gradient would be NaN.
        let curved = linear.where_(0.0, &scaled)?.exp()?.log1p()?.divide(beta)?;
        linear.where_(x, &curved)
    })
}

/// `x / (1 + |x|)`.
pub fn softsign(input: &Tensor) -> Result<Tensor> {
    widened("softsign", input, |x| x.divide(&x.abs()?.add(1.0)?))
}

/// `x · tanh(softplus(x))` (Misra 2019).
pub fn mish(input: &Tensor) -> Result<Tensor> {
    widened_again("mish", input, move |x| x.multiply(&softplus(x, 1.0, 20.0)?.tanh()?))
}

/// The number, held between two bounds; the gradient at and beyond them is 0.
pub fn hardtanh(input: &Tensor, min_val: f64, max_val: f64) -> Result<Tensor> {
    let name = "hardtanh";
    if min_val > max_val {
        return Err(Error::value(
            name,
            format!("min_val must not exceed max_val; got {min_val} and {max_val}"),
        ));
    }
    check_floating(name, input)?;
    Slope::Hardtanh(min_val, max_val).of(input, |x| x.maximum(min_val)?.minimum(max_val))
}

/// The number, held between 0 and 6.
pub fn relu6(input: &Tensor) -> Result<Tensor> {
    hardtanh(input, 0.0, 6.0).map_err(|error| error.in_operation("relu6"))
}

/// `x · relu6(x + 3) / 6` (Howard et al. 2019).
pub fn hardswish(input: &Tensor) -> Result<Tensor> {
    widened("hardswish", input, |x| {
        Slope::Hardswish.of(x, |x| {
            let gate = x.add(3.0)?.maximum(0.0)?.minimum(6.0)?.divide(6.0)?;
            // The gate is 0 below −3, and −∞ times 0 would be NaN.
            x.maximum(-3.0)?.multiply(&gate)
        })
    })
}

/// `relu6(x + 3) / 6`.
pub fn hardsigmoid(input: &Tensor) -> Result<Tensor> {
    widened("hardsigmoid", input, |x| {
        Slope::Hardsigmoid.of(x, |x| x.add(3.0)?.maximum(0.0)?.minimum(6.0)?.divide(6.0))
    })
}

/// 0 where |x| is at most `lambda`, else x.
pub fn hardshrink(input: &Tensor, lambda: f64) -> Result<Tensor> {
    check_floating("hardshrink", input)?;
    input.abs()?.less_equal(lambda)?.where_(0.0, input)
}

/// x moved towards 0 by `lambda`; 0 where |x| is at most `lambda`.
pub fn softshrink(input: &Tensor, lambda: f64) -> Result<Tensor> {
    if lambda.is_nan() || lambda < 0.0 {
        return Err(Error::state("softshrink", format!("lambda must not be negative; got {lambda}")));
    }
    widened("softshrink", input, |x| {
        Slope::Softshrink(lambda).of(x, |x| x.subtract(&x.maximum(-lambda)?.minimum(lambda)?))
    })
}

/// `x − tanh(x)`.
pub fn tanhshrink(input: &Tensor) -> Result<Tensor> {
    widened("tanhshrink", input, |x| x.subtract(&x.tanh()?))
}

/// x where it exceeds `threshold`, else `value`.
pub fn threshold(input: &Tensor, threshold: f64, value: f64) -> Result<Tensor> {
    check_floating("threshold", input)?;
    input.less_equal(threshold)?.where_(value, input)
}

/// `x` where positive, else x times a slope: in training one drawn for each element between `lower` and `upper`, else
/// their mean (Xu et al. 2015).
pub fn rrelu(
    input: &Tensor,
    lower: f64,
    upper: f64,
    training: bool,
    generator: Option<&mut Generator>,
) -> Result<Tensor> {
    let name = "rrelu";
    if lower.is_nan() || upper.is_nan() || lower > upper {
        return Err(Error::state(name, format!("lower must not exceed upper; got {lower} and {upper}")));
    }
    if !training {
        return leaky_relu(input, f64::midpoint(lower, upper)).map_err(|error| error.in_operation(name));
    }
    widened(name, input, |x| {
        let slope = Tensor::uniform(lower, upper, x.shape(), x.dtype(), generator)?;
        x.greater(0.0)?.where_(x, &x.multiply(&slope)?)
    })
}

/// A draw of a class along `dim`, relaxed so that it can be differentiated: `softmax((logits + g) / tau)` with g drawn
/// from Gumbel's distribution. With `hard` the result is 1 at the class and 0 elsewhere, and has the gradient of the
/// relaxed one.
///
/// Jang, Gu and Poole 2017, "Categorical reparameterization with Gumbel-softmax".
pub fn gumbel_softmax(
    logits: &Tensor,
    tau: f64,
    hard: bool,
    dim: i64,
    generator: Option<&mut Generator>,
) -> Result<Tensor> {
    let name = "gumbel_softmax";
    let axis = normalize_axis(name, dim, logits.rank().max(1))? as i64;
    widened(name, logits, |logits| {
        let waiting = Tensor::exponential(1.0, logits.shape(), logits.dtype(), generator)?;
        let noise = waiting.maximum(f64::from(f32::MIN_POSITIVE))?.log()?.negative()?;
        let soft = softmax(&logits.add(&noise)?.divide(tau)?, axis, None)?;
        if !hard {
            return Ok(soft);
        }
        let numbers = Tensor::arange(0.into(), soft.shape()[axis as usize].into(), 1.into(), DType::Int64)?;
        let extents: Vec<i64> =
            (0..soft.rank()).map(|other| if other == axis as usize { -1 } else { 1 }).collect();
        let drawn = soft.detach().argmax(Some(axis), true)?.equal(&numbers.reshape(&extents)?)?;
        drawn.cast(soft.dtype())?.add(&soft.subtract(&soft.detach())?)
    })
}

/// The first half along `dim`, times the logistic function of the second half (Dauphin et al. 2016).
pub fn glu(input: &Tensor, dim: i64) -> Result<Tensor> {
    let name = "glu";
    let axis = normalize_axis(name, dim, input.rank())?;
    let extent = input.shape()[axis];
    if !extent.is_multiple_of(2) {
        return Err(Error::shape(
            name,
            format!("needs an even extent along axis {axis}; got shape {}", input.shape()),
        ));
    }
    widened(name, input, |x| {
        let half = |start| x.slice(axis as i64, start, 1, extent / 2);
        half(0)?.multiply(&half(extent / 2)?.sigmoid()?)
    })
}

#[cfg(test)]
mod tests {
    use tenfold_cpu::elementwise::formulas_in;

    use super::{Gelu, gelu, hardsigmoid, hardswish, hardtanh, softshrink};
    use crate::autograd::backward;
    use crate::graph::current_shard;
    use crate::graph::testing::deferred;
    use crate::plan::plan;
    use crate::{DType, Result, Tensor, synchronize};

    #[test]
    fn activations_and_their_gradients_are_formulas() {
        type Activation = fn(&Tensor) -> Result<Tensor>;
        // With both in one formula, or in one each; the value of SiLU is an operation.
        let activations: [(Activation, usize); 6] = [
            (hardswish, 2),
            (hardsigmoid, 2),
            (|x| hardtanh(x, -1.0, 2.0), 2),
            (|x| softshrink(x, 0.5), 2),
            (|x| gelu(x, Gelu::Exact), 1),
            (Tensor::silu, 1),
        ];
        for (activation, formulas) in activations {
            deferred(move || {
                let [x, cotangent] = [0, 1].map(|seed| {
                    let start = Tensor::full(&[1000], seed, DType::Float32).unwrap();
                    start.add(&Tensor::ones(&[1000], DType::Float32).unwrap()).unwrap()
                });
                synchronize().unwrap();
                let x = x.requires_gradient().unwrap();
                let y = activation(&x).unwrap();
                let gradients = backward(&[(&y, Some(&cotangent))], false, false).unwrap();
                let steps = plan(&mut current_shard().arena().peek(), true, None);
                let found = steps.iter().filter_map(|step| step.kernel.epilogue.as_ref()).map(formulas_in);
                assert_eq!(found.sum::<usize>(), formulas);
                drop((y, gradients));
            });
        }
    }
}
