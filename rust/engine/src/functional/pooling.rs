//! Maximum and average pooling over one to three spatial axes.

use smallvec::SmallVec;
use tenfold_ir::kernel::{Pool, PoolKind};
use tenfold_ir::{Core, Error, Result, Shape};

use super::check_floating;
use super::convolution::{batched, expand};
use crate::Tensor;
use crate::autograd::{Context, Derivative, Gradients, Saved, record_gradient};

/// The settings of a pooling; a list with one number counts for all spatial axes.
#[derive(Clone, Debug)]
pub struct PoolOptions {
    /// Extents of the window.
    pub kernel_size: Vec<usize>,
    /// Step between windows; empty: the window.
    pub stride: Vec<usize>,
    /// Room around the input, at most half the window.
    pub padding: Vec<usize>,
    /// Step between elements of a window (maximum only).
    pub dilation: Vec<usize>,
    /// The last window may reach beyond the end.
    pub ceil_mode: bool,
    /// Padding counts in the divisor (average only).
    pub count_include_pad: bool,
    /// Divides by this instead (average only).
    pub divisor_override: Option<usize>,
}

impl PoolOptions {
    /// Windows of this extent along each spatial axis, side by side.
    pub fn new(kernel_size: usize) -> PoolOptions {
        PoolOptions {
            kernel_size: vec![kernel_size],
            stride: Vec::new(),
            padding: vec![0],
            dilation: vec![1],
            ceil_mode: false,
            count_include_pad: true,
            divisor_override: None,
        }
    }
}

/// The gradient of maximum pooling goes to where the maxima were; the inputs are x and the indices.
#[derive(Debug)]
struct MaxPoolDerivative(Pool);

impl Derivative for MaxPoolDerivative {
    fn name(&self) -> &str {
        "max_pool"
    }

    fn gradients(&self, context: &Context<'_>) -> Result<Gradients> {
        let (indices, gradient) = (context.saved(0), context.gradient(0));
        let mut results = Tensor::record_core(Core::Pool(self.0.clone()), &[gradient, indices])?;
        record_gradient(&mut results, &[gradient, indices], MaxPoolGradientDerivative, &[Saved::Input(1)]);
        Ok(Gradients::from_iter([Some(results.remove(0)), None]))
    }
}

/// The gradient of the gradient of maximum pooling: what is at the maxima.
#[derive(Debug)]
struct MaxPoolGradientDerivative;

impl Derivative for MaxPoolGradientDerivative {
    fn name(&self) -> &str {
        "max_pool_gradient"
    }

    fn gradients(&self, context: &Context<'_>) -> Result<Gradients> {
        let (indices, gradient) = (context.saved(0), context.gradient(0));
        let picked = flat(gradient)?.gather(2, &flat(indices)?)?.reshaped(indices.shape())?;
        Ok(Gradients::from_iter([Some(picked), None]))
    }
}

/// `(N, C, spatial…)` with the spatial axes as one.
pub(super) fn flat(tensor: &Tensor) -> Result<Tensor> {
    let inner: usize = tensor.shape()[2..].iter().product();
    tensor.reshaped(&Shape::from([tensor.shape()[0], tensor.shape()[1], inner]))
}

/// Average pooling and its gradient are linear: each is the other's derivative.
#[derive(Debug)]
struct AveragePoolDerivative {
    back: Pool,
    forth: Pool,
}

impl Derivative for AveragePoolDerivative {
    fn name(&self) -> &str {
        self.forth.kind.name()
    }

    fn gradients(&self, context: &Context<'_>) -> Result<Gradients> {
        let result = linear_pool(context.gradient(0), self.back.clone(), self.forth.clone())?;
        Ok(Gradients::from_iter([Some(result)]))
    }
}

fn linear_pool(x: &Tensor, forth: Pool, back: Pool) -> Result<Tensor> {
    let mut results = Tensor::record_core(Core::Pool(forth.clone()), &[x])?;
    record_gradient(&mut results, &[x], AveragePoolDerivative { back, forth }, &[]);
    Ok(results.remove(0))
}

/// Elements of a window: more would overflow estimates of work.
const LARGEST_WINDOW: usize = 1 << 31;

/// The checked pooling of a batched input.
fn pool(
    operation: &'static str,
    kind: PoolKind,
    input: &Tensor,
    spatial: usize,
    options: &PoolOptions,
) -> Result<Pool> {
    let window = expand(operation, "kernel_size", &options.kernel_size, spatial, 1)?;
    let stride = match options.stride.as_slice() {
        [] => window.clone(),
        stride => expand(operation, "stride", stride, spatial, 1)?,
    };
    if window
        .iter()
        .try_fold(1usize, |volume, &extent| volume.checked_mul(extent))
        .is_none_or(|v| v > LARGEST_WINDOW)
    {
        return Err(Error::shape(operation, format!("kernel_size has too many elements; got {window:?}")));
    }
    let padding = expand(operation, "padding", &options.padding, spatial, 0)?;
    let dilation = expand(operation, "dilation", &options.dilation, spatial, 1)?;
    if let Some(axis) = (0..spatial).find(|&axis| padding[axis] * 2 > window[axis]) {
        return Err(Error::shape(
            operation,
            format!(
                "padding must be at most half of kernel_size; got {} and {}",
                padding[axis], window[axis]
            ),
        ));
    }
    let pool = Pool { kind, window, stride, padding, dilation, ceil_mode: options.ceil_mode };
    for axis in 0..spatial {
        let extent = input.shape()[axis + 2];
        if extent == 0 || pool.output_extent(axis, extent).is_none() {
            return Err(Error::shape(
                operation,
                format!("a window of {:?} does not fit; got shape {}", pool.window, input.shape()),
            ));
        }
    }
    Ok(pool)
}

const MAX_NAMES: [&str; 3] = ["max_pool1d", "max_pool2d", "max_pool3d"];
const AVERAGE_NAMES: [&str; 3] = ["avg_pool1d", "avg_pool2d", "avg_pool3d"];

/// The largest element of each window over the last `spatial` axes of `(N, C, spatial…)` or `(C, spatial…)`, and its
/// index within the flattened spatial axes.
pub fn max_pool(input: &Tensor, spatial: usize, options: &PoolOptions) -> Result<(Tensor, Tensor)> {
    let name = MAX_NAMES[spatial - 1];
    let (input, unbatched) = batched(name, input, spatial)?;
    let forth = pool(name, PoolKind::Max, &input, spatial, options)?;
    let (values, indices) = maxima(&input, forth)?;
    if unbatched { Ok((values.squeeze(&[0])?, indices.squeeze(&[0])?)) } else { Ok((values, indices)) }
}

/// The largest element of each of so many windows an axis, which divide `(N, C, spatial…)`, and its index.
pub(super) fn max_pool_to(input: &Tensor, output: &[usize]) -> Result<(Tensor, Tensor)> {
    let ones = SmallVec::from_elem(1, output.len());
    let (stride, padding) = (ones.clone(), SmallVec::from_elem(0, output.len()));
    let window = SmallVec::from_slice(output);
    let kind = PoolKind::AdaptiveMax;
    maxima(input, Pool { kind, window, stride, padding, dilation: ones, ceil_mode: false })
}

/// Maxima and indices of a batched input.
fn maxima(input: &Tensor, forth: Pool) -> Result<(Tensor, Tensor)> {
    let mut results = Tensor::record_core(Core::Pool(forth.clone()), &[input])?;
    let indices = results.pop().expect("maxima and indices");
    let extents = SmallVec::from_slice(&input.shape()[2..]);
    let back = Pool { kind: PoolKind::MaxGradient { input: extents }, ..forth };
    record_gradient(&mut results, &[input, &indices], MaxPoolDerivative(back), &[Saved::Input(1)]);
    Ok((results.remove(0), indices))
}

/// The average of each window over the last `spatial` axes of `(N, C, spatial…)` or `(C, spatial…)`.
pub fn avg_pool(input: &Tensor, spatial: usize, options: &PoolOptions) -> Result<Tensor> {
    let name = AVERAGE_NAMES[spatial - 1];
    check_floating(name, input)?;
    if options.divisor_override == Some(0) {
        return Err(Error::shape(name, "divisor_override must not be 0"));
    }
    let (input, unbatched) = batched(name, input, spatial)?;
    let (count_padding, divisor) = (options.count_include_pad, options.divisor_override);
    let forth = pool(name, PoolKind::Average { count_padding, divisor }, &input, spatial, options)?;
    let extents = SmallVec::from_slice(&input.shape()[2..]);
    let back =
        Pool { kind: PoolKind::AverageGradient { count_padding, divisor, input: extents }, ..forth.clone() };
    let output = linear_pool(&input, forth, back)?;
    if unbatched { output.squeeze(&[0]) } else { Ok(output) }
}
