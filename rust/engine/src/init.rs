//! Initial values of parameters, with the gains and fans of `torch.nn.init`.

use tenfold_ir::{DType, Error, Result, Shape};

use crate::random::Generator;
use crate::{Tensor, matrix};

/// What follows a layer, for the gain of its initial weights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Nonlinearity {
    /// Nothing, a convolution or a sigmoid: 1.
    Linear,
    /// 5/3.
    Tanh,
    /// √2.
    Relu,
    /// √(2 / (1 + slope²)).
    LeakyRelu(f64),
    /// 3/4.
    Selu,
}

impl Nonlinearity {
    /// The nonlinearity of PyTorch's name; `slope` is for `leaky_relu` alone (default 0.01).
    pub fn from_name(name: &str, slope: Option<f64>) -> Result<Nonlinearity> {
        Ok(match name {
            "linear" | "conv1d" | "conv2d" | "conv3d" | "conv_transpose1d" | "conv_transpose2d"
            | "conv_transpose3d" | "sigmoid" => Nonlinearity::Linear,
            "tanh" => Nonlinearity::Tanh,
            "relu" => Nonlinearity::Relu,
            "leaky_relu" => Nonlinearity::LeakyRelu(slope.unwrap_or(0.01)),
            "selu" => Nonlinearity::Selu,
            other => {
                return Err(Error::value("calculate_gain", format!("unsupported nonlinearity {other:?}"))
                    .hint("linear, sigmoid, tanh, relu, leaky_relu, selu or the name of a convolution"));
            }
        })
    }

    /// By what the standard deviation of weights is scaled.
    pub fn gain(self) -> f64 {
        match self {
            Nonlinearity::Linear => 1.0,
            Nonlinearity::Tanh => 5.0 / 3.0,
            Nonlinearity::Relu => 2f64.sqrt(),
            Nonlinearity::LeakyRelu(slope) => (2.0 / (1.0 + slope * slope)).sqrt(),
            Nonlinearity::Selu => 0.75,
        }
    }
}

/// Which side of a weight keeps its variance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FanMode {
    /// The forward pass: inputs of an output.
    In,
    /// The backward pass: outputs of an input.
    Out,
}

/// Inputs and outputs of one element of a weight `(out, in, kernel…)`: (fan in, fan out).
pub fn fans(shape: &[usize]) -> Result<(usize, usize)> {
    if shape.len() < 2 {
        return Err(Error::value(
            "init",
            format!("fan in and fan out need at least 2 axes; got shape {}", Shape::new(shape)),
        ));
    }
    let field: usize = shape[2..].iter().product();
    Ok((shape[1] * field, shape[0] * field))
}

/// `value` everywhere.
pub fn constant(shape: &[usize], value: f64, dtype: DType) -> Result<Tensor> {
    Tensor::full(shape, value, dtype)
}

/// Uniform from `low` to `high`.
pub fn uniform(
    shape: &[usize],
    low: f64,
    high: f64,
    dtype: DType,
    generator: Option<&mut Generator>,
) -> Result<Tensor> {
    Tensor::uniform(low, high, shape, dtype, generator)
}

/// Normal with that mean and standard deviation.
pub fn normal(
    shape: &[usize],
    mean: f64,
    deviation: f64,
    dtype: DType,
    generator: Option<&mut Generator>,
) -> Result<Tensor> {
    Tensor::normal(mean, deviation, shape, dtype, generator)
}

/// Normal, but only from `low` to `high`: by the inverse of the distribution function.
pub fn truncated_normal(
    shape: &[usize],
    mean: f64,
    deviation: f64,
    (low, high): (f64, f64),
    dtype: DType,
    generator: Option<&mut Generator>,
) -> Result<Tensor> {
    if [deviation, low, high].iter().any(|number| number.is_nan()) || deviation < 0.0 || low > high {
        return Err(Error::value(
            "trunc_normal",
            format!("needs std ≥ 0 and a ≤ b; got {deviation}, {low} and {high}"),
        ));
    }
    if !dtype.is_floating() {
        return Err(Error::dtype("trunc_normal", format!("needs a floating dtype; got {dtype}")));
    }
    // erf at the bounds: twice the distribution function, less 1. The tails need more bits than float32 has.
    let at = |bound: f64| {
        Tensor::scalar((bound - mean) / (deviation * std::f64::consts::SQRT_2), DType::Float64)?.erf()?.item()
    };
    let (from, to) = (at(low)?.to_f64(), at(high)?.to_f64());
    let quantiles = Tensor::uniform(from, to, shape, DType::Float64, generator)?;
    let drawn = quantiles.erfinv()?.multiply(deviation * std::f64::consts::SQRT_2)?.add(mean)?;
    drawn.maximum(low)?.minimum(high)?.cast(dtype)
}

/// Uniform with variance `2 gain² / (fan in + fan out)` (Glorot and Bengio 2010).
pub fn xavier_uniform(
    shape: &[usize],
    gain: f64,
    dtype: DType,
    generator: Option<&mut Generator>,
) -> Result<Tensor> {
    let (inputs, outputs) = fans(shape)?;
    let bound = 3f64.sqrt() * gain * (2.0 / (inputs + outputs) as f64).sqrt();
    bounded(shape, bound, dtype, generator)
}

/// Normal with variance `2 gain² / (fan in + fan out)` (Glorot and Bengio 2010).
pub fn xavier_normal(
    shape: &[usize],
    gain: f64,
    dtype: DType,
    generator: Option<&mut Generator>,
) -> Result<Tensor> {
    let (inputs, outputs) = fans(shape)?;
    spread(shape, gain * (2.0 / (inputs + outputs) as f64).sqrt(), dtype, generator)
}

fn kaiming_deviation(shape: &[usize], mode: FanMode, nonlinearity: Nonlinearity) -> Result<f64> {
    let (inputs, outputs) = fans(shape)?;
    let fan = if mode == FanMode::In { inputs } else { outputs };
    Ok(nonlinearity.gain() / (fan as f64).sqrt())
}

/// Uniform with variance `gain² / fan` (He et al. 2015).
pub fn kaiming_uniform(
    shape: &[usize],
    mode: FanMode,
    nonlinearity: Nonlinearity,
    dtype: DType,
    generator: Option<&mut Generator>,
) -> Result<Tensor> {
    let bound = 3f64.sqrt() * kaiming_deviation(shape, mode, nonlinearity)?;
    bounded(shape, bound, dtype, generator)
}

/// Normal with variance `gain² / fan` (He et al. 2015).
pub fn kaiming_normal(
    shape: &[usize],
    mode: FanMode,
    nonlinearity: Nonlinearity,
    dtype: DType,
    generator: Option<&mut Generator>,
) -> Result<Tensor> {
    spread(shape, kaiming_deviation(shape, mode, nonlinearity)?, dtype, generator)
}

/// Uniform from `−bound` to `bound`; a weight without elements has no bound.
fn bounded(shape: &[usize], bound: f64, dtype: DType, generator: Option<&mut Generator>) -> Result<Tensor> {
    if shape.contains(&0) {
        return Tensor::zeros(shape, dtype);
    }
    uniform(shape, -bound, bound, dtype, generator)
}

/// Normal with mean 0; a weight without elements has no deviation.
fn spread(
    shape: &[usize],
    deviation: f64,
    dtype: DType,
    generator: Option<&mut Generator>,
) -> Result<Tensor> {
    if shape.contains(&0) {
        return Tensor::zeros(shape, dtype);
    }
    normal(shape, 0.0, deviation, dtype, generator)
}

/// Ones on the diagonal of a matrix.
pub fn eye(shape: &[usize], dtype: DType) -> Result<Tensor> {
    match shape {
        &[rows, columns] => Tensor::eye(rows, columns, 0, dtype),
        _ => Err(Error::value("eye", format!("needs 2 axes; got shape {}", Shape::new(shape)))),
    }
}

/// A convolution weight `(out, in, kernel…)` that hands on its input channels, in each of `groups`.
pub fn dirac(shape: &[usize], groups: usize, dtype: DType) -> Result<Tensor> {
    let name = "dirac";
    if !(3..=5).contains(&shape.len()) {
        return Err(Error::value(name, format!("needs 3 to 5 axes; got shape {}", Shape::new(shape))));
    }
    if groups == 0 || !shape[0].is_multiple_of(groups) {
        return Err(Error::value(
            name,
            format!("{} output channels cannot be split into {groups} groups", shape[0]),
        ));
    }
    let per_group = shape[0] / groups;
    // 1 at the middle of the kernel, where the number of the output within its group is that of the input.
    let diagonal = Tensor::eye(per_group, shape[1], 0, dtype)?.unsqueeze(0)?;
    let repeated = diagonal
        .broadcast_to(&[groups, per_group, shape[1]])?
        .reshape(&[shape[0] as i64, shape[1] as i64])?;
    let mut weight = repeated;
    for &extent in &shape[2..] {
        let numbers = Tensor::arange(0.into(), extent.into(), 1.into(), DType::Int64)?;
        let middle = numbers.equal(extent / 2)?.cast(dtype)?;
        weight = weight.unsqueeze(-1)?.multiply(&middle)?;
    }
    Ok(weight)
}

/// Rows (or columns, where there are fewer of them) that are orthogonal and of length `gain`, with the axes after the
/// first as one: from the QR decomposition of normal numbers, with the signs that make it unique (Saxe et al. 2013).
pub fn orthogonal(
    shape: &[usize],
    gain: f64,
    dtype: DType,
    generator: Option<&mut Generator>,
) -> Result<Tensor> {
    let name = "orthogonal";
    let [rows, rest @ ..] = shape else {
        return Err(Error::value(name, "needs at least 2 axes; got shape ()"));
    };
    if rest.is_empty() {
        return Err(Error::value(name, format!("needs at least 2 axes; got shape {}", Shape::new(shape))));
    }
    let columns = rest.iter().product();
    let wide = dtype.compute();
    let drawn = normal(&[*rows, columns], 0.0, 1.0, wide, generator)?;
    if drawn.elements() == 0 {
        return Tensor::zeros(shape, dtype);
    }
    let high = if *rows < columns { drawn.transpose(0, 1)? } else { drawn };
    let (reduced, scales) = matrix::reflections(&high)?;
    let width = (*rows).min(columns);
    let signs = reduced.diagonal(0, 0, 1)?.slice(0, 0, 1, width)?.sign()?;
    let product = matrix::householder_product(&reduced, &scales)?.multiply(&signs)?;
    let product = if *rows < columns { product.transpose(0, 1)? } else { product };
    let extents: Vec<i64> = shape.iter().map(|&extent| extent as i64).collect();
    product.multiply(gain)?.reshape(&extents)?.cast(dtype)
}

/// Normal numbers in a matrix, of which the share `sparsity` (rounded up) of each column is 0 (Martens 2010).
pub fn sparse(
    shape: &[usize],
    sparsity: f64,
    deviation: f64,
    dtype: DType,
    mut generator: Option<&mut Generator>,
) -> Result<Tensor> {
    let name = "sparse";
    let &[rows, _] = shape else {
        return Err(Error::value(name, format!("needs 2 axes; got shape {}", Shape::new(shape))));
    };
    if !(0.0..=1.0).contains(&sparsity) {
        return Err(Error::value(name, format!("sparsity must be from 0 to 1; got {sparsity}")));
    }
    let zeros = (sparsity * rows as f64).ceil();
    let drawn = normal(shape, 0.0, deviation, dtype, generator.as_deref_mut())?;
    let keys = Tensor::rand(shape, DType::Float64, generator)?;
    let ranks = keys.argsort(0, false, true)?.argsort(0, false, true)?;
    ranks.greater_equal(zeros)?.where_(&drawn, 0.0)
}
