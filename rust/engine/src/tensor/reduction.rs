//! Reductions over axes.

use tenfold_ir::kernel::{Reduce, Reduction};
use tenfold_ir::{Axes, Core, DType, Error, Result, Shape, normalize_axes};

use super::{Tensor, Tensors};
use crate::autograd::{Context, Derivative, Gradients, Saved, record_gradient};

/// The shape with the extents of the reduced axes set to 1.
fn kept_shape(shape: &Shape, axes: &[usize]) -> Shape {
    shape.iter().enumerate().map(|(axis, &extent)| if axes.contains(&axis) { 1 } else { extent }).collect()
}

/// The gradient of a sum: the same for every element.
#[derive(Debug)]
struct SumDerivative {
    shape: Shape,
    axes: Axes,
}

impl Derivative for SumDerivative {
    fn name(&self) -> &str {
        "sum"
    }

    fn gradients(&self, context: &Context<'_>) -> Result<Gradients> {
        let kept = context.gradient(0).reshaped(&kept_shape(&self.shape, &self.axes))?;
        Ok(Gradients::from_iter([kept.broadcast(&self.shape)]))
    }
}

/// The gradient of a maximum or minimum: shared evenly by the elements that reach it.
#[derive(Debug)]
struct ExtremeDerivative {
    axes: Axes,
}

impl Derivative for ExtremeDerivative {
    fn name(&self) -> &str {
        "amax"
    }

    fn gradients(&self, context: &Context<'_>) -> Result<Gradients> {
        let (x, extreme) = (context.saved(0), context.saved(1));
        let kept = kept_shape(x.shape(), &self.axes);
        let hits = x.equal(&extreme.reshaped(&kept)?)?.cast(x.dtype())?;
        let share =
            context.gradient(0).reshaped(&kept)?.divide(&hits.sum_axes(&self.axes)?.reshaped(&kept)?)?;
        Ok(Gradients::from_iter([Some(hits.multiply(&share)?)]))
    }
}

impl Tensor {
    /// Axes from the user's: none means all.
    pub(crate) fn reduction_axes(&self, operation: &'static str, axes: Option<&[i64]>) -> Result<Axes> {
        match axes {
            Some(axes) => normalize_axes(operation, axes, self.rank()),
            None => Ok((0..self.rank()).collect()),
        }
    }

    pub(crate) fn reduce(&self, operation: Reduction, axes: &[usize]) -> Result<Tensors> {
        // Also where the result has no elements, as in PyTorch.
        if operation.needs_elements() && axes.iter().any(|&axis| self.shape()[axis] == 0) {
            let detail = format!("nothing to reduce; got a tensor of shape {}", self.shape());
            return Err(if axes.len() == self.rank() {
                Error::shape(operation.name(), detail)
            } else {
                Error::index(operation.name(), detail)
            });
        }
        Tensor::record_core(Core::Reduce(Reduce { operation, axes: Axes::from_slice(axes) }), &[self])
    }

    pub(crate) fn kept(&self, source: &Tensor, axes: &[usize], keep: bool) -> Result<Tensor> {
        if keep { self.reshaped(&kept_shape(source.shape(), axes)) } else { Ok(self.clone()) }
    }

    /// The sum over axes counted from the front, in the tensor's own dtype.
    pub(crate) fn sum_axes(&self, axes: &[usize]) -> Result<Tensor> {
        if axes.is_empty() {
            return Ok(self.clone());
        }
        let mut results = self.reduce(Reduction::Sum, axes)?;
        let derivative = SumDerivative { shape: self.shape().clone(), axes: Axes::from_slice(axes) };
        record_gradient(&mut results, &[self], derivative, &[]);
        Ok(results.remove(0))
    }

    /// The sum over axes (none: all of them) in `dtype`; by default int64 for integers and bool, else the own dtype.
    pub fn sum(&self, axes: Option<&[i64]>, keep_axes: bool, dtype: Option<DType>) -> Result<Tensor> {
        let axes = self.reduction_axes("sum", axes)?;
        let dtype =
            dtype.unwrap_or(if self.dtype().is_differentiable() { self.dtype() } else { DType::Int64 });
        if dtype == DType::Bool {
            return self.cast(DType::Bool)?.any_axes(&axes)?.kept(self, &axes, keep_axes);
        }
        self.cast(dtype)?.sum_axes(&axes)?.kept(self, &axes, keep_axes)
    }

    /// The mean over axes (none: all of them); NaN of nothing. Needs a floating or complex dtype.
    pub fn mean(&self, axes: Option<&[i64]>, keep_axes: bool) -> Result<Tensor> {
        let axes = self.reduction_axes("mean", axes)?;
        if !self.dtype().is_differentiable() {
            return Err(Error::dtype(
                "mean",
                format!("needs a floating or complex dtype; got {}", self.dtype()),
            )
            .hint("convert first, or give dtype"));
        }
        let count: usize = axes.iter().map(|&axis| self.shape()[axis]).product();
        // Halves add and divide in float32, so that the sum cannot overflow.
        let wide = self.cast(self.dtype().compute())?;
        wide.sum_axes(&axes)?.divide(count as f64)?.cast(self.dtype())?.kept(self, &axes, keep_axes)
    }

    /// The variance over axes (none: all of them), divided by count − `correction` (never below 0).
    pub fn var(&self, axes: Option<&[i64]>, correction: f64, keep_axes: bool) -> Result<Tensor> {
        let axes = self.reduction_axes("var", axes)?;
        if !self.dtype().is_floating() {
            return Err(Error::dtype("var", format!("needs a floating dtype; got {}", self.dtype())));
        }
        let count: usize = axes.iter().map(|&axis| self.shape()[axis]).product();
        let divisor = (count as f64 - correction).max(0.0);
        let wide = self.cast(self.dtype().compute())?;
        let result = if self.requires_grad() && crate::autograd::is_enabled() {
            let mean =
                wide.sum_axes(&axes)?.divide(count as f64)?.reshaped(&kept_shape(self.shape(), &axes))?;
            wide.subtract(&mean)?.square()?.sum_axes(&axes)?.divide(divisor)?
        } else {
            wide.reduce(Reduction::Moments, &axes)?[1].divide(divisor)?
        };
        result.cast(self.dtype())?.kept(self, &axes, keep_axes)
    }

    /// The standard deviation: the root of [`Tensor::var`].
    pub fn std(&self, axes: Option<&[i64]>, correction: f64, keep_axes: bool) -> Result<Tensor> {
        let var = self.var(axes, correction, keep_axes).map_err(|error| error.in_operation("std"))?;
        if !var.requires_grad() {
            return var.sqrt();
        }
        // The root has no finite derivative at 0; what is constant has the gradient 0 there, as in PyTorch.
        let constant = var.equal(0.0)?;
        let root = constant.where_(1.0, &var)?.sqrt()?;
        constant.where_(0.0, &root)
    }

    fn extreme(&self, operation: Reduction, axes: Option<&[i64]>, keep_axes: bool) -> Result<Tensor> {
        let axes = self.reduction_axes(operation.name(), axes)?;
        let mut results = self.reduce(operation, &axes)?;
        let derivative = ExtremeDerivative { axes: axes.clone() };
        record_gradient(&mut results, &[self], derivative, &[Saved::Input(0), Saved::Output(0)]);
        results.remove(0).kept(self, &axes, keep_axes)
    }

    /// The largest element over axes (none: all of them); NaN if any is NaN. Equal largest elements share the gradient.
    pub fn amax(&self, axes: Option<&[i64]>, keep_axes: bool) -> Result<Tensor> {
        self.extreme(Reduction::Max, axes, keep_axes)
    }

    /// The smallest element over axes (none: all of them); NaN if any is NaN. Equal smallest elements share the gradient.
    pub fn amin(&self, axes: Option<&[i64]>, keep_axes: bool) -> Result<Tensor> {
        self.extreme(Reduction::Min, axes, keep_axes)
    }

    fn index_of(&self, operation: Reduction, axis: Option<i64>, keep_axes: bool) -> Result<Tensor> {
        let axes = self.reduction_axes(operation.name(), axis.as_ref().map(std::slice::from_ref))?;
        self.reduce(operation, &axes)?.remove(0).kept(self, &axes, keep_axes)
    }

    /// The index (int64) of the first largest element along an axis, or in row-major order; NaN counts as largest.
    pub fn argmax(&self, axis: Option<i64>, keep_axes: bool) -> Result<Tensor> {
        self.index_of(Reduction::ArgMax, axis, keep_axes)
    }

    /// The index (int64) of the first smallest element along an axis, or in row-major order; NaN counts as smallest.
    pub fn argmin(&self, axis: Option<i64>, keep_axes: bool) -> Result<Tensor> {
        self.index_of(Reduction::ArgMin, axis, keep_axes)
    }

    fn any_axes(&self, axes: &[usize]) -> Result<Tensor> {
        Ok(self.reduce(Reduction::Any, axes)?.remove(0))
    }

    /// True where any element over axes (none: all of them) is true.
    pub fn any(&self, axes: Option<&[i64]>, keep_axes: bool) -> Result<Tensor> {
        let axes = self.reduction_axes("any", axes)?;
        self.cast(DType::Bool)?.any_axes(&axes)?.kept(self, &axes, keep_axes)
    }

    /// True where all elements over axes (none: all of them) are true.
    pub fn all(&self, axes: Option<&[i64]>, keep_axes: bool) -> Result<Tensor> {
        let axes = self.reduction_axes("all", axes)?;
        self.cast(DType::Bool)?.reduce(Reduction::All, &axes)?.remove(0).kept(self, &axes, keep_axes)
    }
}
