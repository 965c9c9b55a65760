//! Movement: the same elements in another layout. Nothing is computed, except where a reshape needs a copy.

use smallvec::SmallVec;
use tenfold_ir::kernel::Index;
use tenfold_ir::{Core, DType, Error, Layout, Result, Shape, Spec, Specs, normalize_axis};

use super::Tensor;
use crate::autograd::{Context, Derivative, Gradients, record_gradient};
use crate::graph::NodeOperation;

/// How a movement is undone for gradients.
#[derive(Clone, Debug)]
enum Movement {
    /// Axes in a new order.
    Permute(SmallVec<[usize; 4]>),
    /// The shape before.
    Reshape(Shape),
    /// The shape before broadcasting.
    Broadcast(Shape),
    /// A layout over the dense tensor before, of that shape.
    Region(Layout, Shape),
}

impl Derivative for Movement {
    fn name(&self) -> &str {
        "view"
    }

    fn gradients(&self, context: &Context<'_>) -> Result<Gradients> {
        let gradient = context.gradient(0);
        let back = match self {
            Movement::Permute(order) => {
                let mut inverse: SmallVec<[usize; 4]> = SmallVec::from_elem(0, order.len());
                for (to, &from) in order.iter().enumerate() {
                    inverse[from] = to;
                }
                gradient.permuted(&inverse)?
            }
            Movement::Reshape(shape) => gradient.reshaped(shape)?,
            Movement::Broadcast(shape) => gradient.sum_to(shape)?,
            Movement::Region(region, shape) => gradient.spread(region, shape)?,
        };
        Ok(Gradients::from_iter([Some(back)]))
    }

    fn part(&self) -> Option<&Layout> {
        match self {
            Movement::Region(region, _) => Some(region),
            _ => None,
        }
    }
}

/// The gradient of [`Tensor::spread`].
#[derive(Debug)]
struct SpreadDerivative(Layout);

impl Derivative for SpreadDerivative {
    fn name(&self) -> &str {
        "spread"
    }

    fn gradients(&self, context: &Context<'_>) -> Result<Gradients> {
        let gradient = context.gradient(0);
        Ok(Gradients::from_iter([Some(gradient.region(&self.0)?)]))
    }
}

/// The gradient of [`Tensor::overlay`].
#[derive(Debug)]
struct OverlayDerivative(Layout);

impl Derivative for OverlayDerivative {
    fn name(&self) -> &str {
        "overlay"
    }

    fn gradients(&self, context: &Context<'_>) -> Result<Gradients> {
        let gradient = context.gradient(0);
        let zeros = Tensor::zeros(self.0.shape(), gradient.dtype())?;
        Ok(Gradients::from_iter([Some(gradient.overlay(&self.0, &zeros)?), Some(gradient.region(&self.0)?)]))
    }
}

/// The gradient of a copy.
#[derive(Debug)]
struct CastDerivative(DType);

impl Derivative for CastDerivative {
    fn name(&self) -> &str {
        "cast"
    }

    fn gradients(&self, context: &Context<'_>) -> Result<Gradients> {
        let gradient = context.gradient(0);
        let gradient = if gradient.dtype().is_complex() && !self.0.is_complex() {
            gradient.real()?
        } else {
            gradient.clone()
        };
        Ok(Gradients::from_iter([Some(gradient.cast(self.0)?)]))
    }
}

impl Tensor {
    fn moved(&self, layout: Layout, movement: impl FnOnce() -> Movement) -> Tensor {
        let mut result = self.with_layout(layout);
        if self.requires_grad() && crate::autograd::is_enabled() {
            record_gradient(std::slice::from_mut(&mut result), &[self], movement(), &[]);
        }
        result
    }

    /// The elements in another dtype (see the corner table of the operation table's documentation); the same tensor
    /// where it has that dtype.
    pub fn cast(&self, dtype: DType) -> Result<Tensor> {
        if self.dtype() == dtype { Ok(self.clone()) } else { self.copied(dtype) }
    }

    /// A dense copy.
    pub fn copy(&self) -> Result<Tensor> {
        self.copied(self.dtype())
    }

    fn copied(&self, dtype: DType) -> Result<Tensor> {
        let specs = Specs::from_iter([Spec::new(self.shape().clone(), dtype)]);
        let mut results = Tensor::record(NodeOperation::Copy, &[self], &[], specs)?;
        if dtype.is_differentiable() && self.dtype().is_differentiable() {
            record_gradient(&mut results, &[self], CastDerivative(self.dtype()), &[]);
        }
        Ok(results.remove(0))
    }

    /// The same elements, dense and row-major from the start of their buffer: itself or a copy.
    pub fn contiguous(&self) -> Result<Tensor> {
        if self.layout().is_dense() { Ok(self.clone()) } else { self.copy() }
    }

    /// Under another shape with as many elements; a copy where the layout needs one.
    pub(crate) fn reshaped(&self, shape: &Shape) -> Result<Tensor> {
        match self.viewed(shape) {
            Some(view) => Ok(view),
            None => Ok(self.copy()?.viewed(shape).expect("a dense tensor takes any shape")),
        }
    }

    /// Under another shape with as many elements, where that needs no copy.
    pub(crate) fn viewed(&self, shape: &Shape) -> Option<Tensor> {
        let layout = self.layout().reshape(shape)?;
        Some(self.moved(layout, || Movement::Reshape(self.shape().clone())))
    }

    /// The shape that `extents` asks for: one of them may be −1.
    fn resolve_shape(&self, operation: &'static str, extents: &[i64]) -> Result<Shape> {
        let wrong = || {
            Error::shape(
                operation,
                format!("shape {extents:?} does not fit a tensor of shape {}", self.shape()),
            )
        };
        let mut known = 1usize;
        let mut open = None;
        for (axis, &extent) in extents.iter().enumerate() {
            match extent {
                -1 if open.is_none() => open = Some(axis),
                0.. => known = known.checked_mul(extent as usize).ok_or_else(wrong)?,
                _ => return Err(wrong().hint("only one extent may be −1, the others are not negative")),
            }
        }
        let mut shape: Shape = extents.iter().map(|&extent| extent.max(0) as usize).collect();
        if let Some(axis) = open {
            if known == 0 || !self.elements().is_multiple_of(known) {
                return Err(wrong());
            }
            shape.extents_mut()[axis] = self.elements() / known;
        } else if known != self.elements() {
            return Err(wrong());
        }
        Ok(shape)
    }

    /// Under another shape; one extent may be −1. A copy where the layout needs one.
    pub fn reshape(&self, extents: &[i64]) -> Result<Tensor> {
        self.reshaped(&self.resolve_shape("reshape", extents)?)
    }

    /// Under another shape without a copy, or an error.
    pub fn view(&self, extents: &[i64]) -> Result<Tensor> {
        self.viewed(&self.resolve_shape("view", extents)?).ok_or_else(|| {
            Error::shape(
                "view",
                format!(
                    "shape {extents:?} needs a copy; got shape {} with strides {:?}",
                    self.shape(),
                    self.layout().strides()
                ),
            )
            .hint("use reshape")
        })
    }

    /// Axes in a new order, counted from the front.
    pub(crate) fn permuted(&self, order: &[usize]) -> Result<Tensor> {
        Ok(self.moved(self.layout().permute(order), || Movement::Permute(SmallVec::from_slice(order))))
    }

    /// Axes in a new order: axis i of the result is axis `order[i]`.
    pub fn permute(&self, order: &[i64]) -> Result<Tensor> {
        let mut axes: SmallVec<[usize; 4]> = SmallVec::new();
        for &axis in order {
            axes.push(normalize_axis("permute", axis, self.rank())?);
        }
        let mut sorted = axes.clone();
        sorted.sort_unstable();
        if sorted.iter().copied().ne(0..self.rank()) {
            return Err(Error::value(
                "permute",
                format!("needs each of the {} axes once; got {order:?}", self.rank()),
            ));
        }
        self.permuted(&axes)
    }

    /// Two axes exchanged.
    pub fn transpose(&self, a: i64, b: i64) -> Result<Tensor> {
        let a = normalize_axis("transpose", a, self.rank())?;
        let b = normalize_axis("transpose", b, self.rank())?;
        let mut order: SmallVec<[usize; 4]> = (0..self.rank()).collect();
        order.swap(a, b);
        self.permuted(&order)
    }

    /// An axis moved to another place.
    pub fn move_axis(&self, from: i64, to: i64) -> Result<Tensor> {
        let from = normalize_axis("movedim", from, self.rank())?;
        let to = normalize_axis("movedim", to, self.rank())?;
        let mut order: SmallVec<[usize; 4]> = (0..self.rank()).filter(|&axis| axis != from).collect();
        order.insert(to, from);
        self.permuted(&order)
    }

    /// Broadcast to `shape`: axes of extent 1 are repeated, new ones come in front.
    pub fn broadcast_to(&self, shape: &[usize]) -> Result<Tensor> {
        let shape = Shape::checked("broadcast_to", shape)?;
        self.broadcast(&shape).ok_or_else(|| {
            Error::shape("broadcast_to", format!("shape {} does not broadcast to {shape}", self.shape()))
        })
    }

    pub(crate) fn broadcast(&self, shape: &Shape) -> Option<Tensor> {
        if self.shape() == shape {
            return Some(self.clone());
        }
        let layout = self.layout().broadcast_to(shape)?;
        Some(self.moved(layout, || Movement::Broadcast(self.shape().clone())))
    }

    /// Summed over the axes along which `shape` was broadcast to this tensor's.
    pub(crate) fn sum_to(&self, shape: &Shape) -> Result<Tensor> {
        if self.shape() == shape {
            return Ok(self.clone());
        }
        let shift = self.rank() - shape.rank();
        let axes: SmallVec<[usize; 4]> = (0..self.rank())
            .filter(|&axis| axis < shift || (shape[axis - shift] == 1 && self.shape()[axis] != 1))
            .collect();
        self.sum_axes(&axes)?.reshaped(shape)
    }

    /// A new axis of extent 1 before `axis`.
    pub fn unsqueeze(&self, axis: i64) -> Result<Tensor> {
        let axis = normalize_axis("unsqueeze", axis, self.rank() + 1)?;
        Ok(self.moved(self.layout().insert_axis(axis), || Movement::Reshape(self.shape().clone())))
    }

    /// Without these axes, which must have extent 1.
    pub fn squeeze(&self, axes: &[i64]) -> Result<Tensor> {
        let axes = tenfold_ir::normalize_axes("squeeze", axes, self.rank())?;
        if let Some(&axis) = axes.iter().find(|&&axis| self.shape()[axis] != 1) {
            return Err(Error::shape(
                "squeeze",
                format!("axis {axis} has extent {}, not 1; got shape {}", self.shape()[axis], self.shape()),
            ));
        }
        let layout = axes.iter().rev().fold(self.layout().clone(), |layout, &axis| layout.select(axis, 0));
        Ok(self.moved(layout, || Movement::Reshape(self.shape().clone())))
    }

    /// A movement that `layout` describes over a dense tensor of this shape: slices, diagonals, windows, any strides.
    pub fn region(&self, region: &Layout) -> Result<Tensor> {
        region.check_within("as_strided", self.elements())?;
        let source = match self.layout().compose(region) {
            Some(_) => self.clone(),
            None => self.copy()?,
        };
        let layout = source.layout().compose(region).expect("a dense tensor takes any layout");
        Ok(source.moved(layout, || Movement::Region(region.clone(), self.shape().clone())))
    }

    /// One movement of this tensor's layout, for which the same movement of a dense one gives the gradient.
    pub(super) fn strided(&self, movement: impl Fn(&Layout) -> Layout) -> Tensor {
        self.moved(movement(self.layout()), || {
            Movement::Region(movement(&Layout::dense(self.shape().clone())), self.shape().clone())
        })
    }

    /// `length` elements along `axis` from `start` in steps of `step` (not 0; within the extent).
    pub fn slice(&self, axis: i64, start: usize, step: i64, length: usize) -> Result<Tensor> {
        let axis = normalize_axis("slice", axis, self.rank())?;
        let extent = self.shape()[axis] as i128;
        let last = start as i128 + (length as i128 - 1) * step as i128;
        if length > 0 && (start as i128 >= extent || !(0..extent).contains(&last)) {
            return Err(Error::index(
                "slice",
                format!(
                    "{length} elements from {start} in steps of {step} exceed axis {axis} of shape {}",
                    self.shape()
                ),
            ));
        }
        if step == 1 && start == 0 && length == self.shape()[axis] {
            return Ok(self.clone());
        }
        Ok(self.strided(|layout| layout.slice(axis, start, step, length)))
    }

    /// Without `axis`, at `index` along it; a negative index counts from the end.
    pub fn select(&self, axis: i64, index: i64) -> Result<Tensor> {
        let axis = normalize_axis("select", axis, self.rank())?;
        let extent = self.shape()[axis] as i64;
        if !(-extent..extent).contains(&index) {
            return Err(Error::index(
                "select",
                format!("index {index} is out of range for axis {axis} of extent {extent}"),
            ));
        }
        let index = if index < 0 { index + extent } else { index } as usize;
        Ok(self.strided(|layout| layout.select(axis, index)))
    }

    /// Reversed along these axes.
    pub fn flip(&self, axes: &[i64]) -> Result<Tensor> {
        let axes = tenfold_ir::normalize_axes("flip", axes, self.rank())?;
        Ok(self.strided(|layout| axes.iter().fold(layout.clone(), |layout, &axis| layout.flip(axis))))
    }

    /// The diagonal of two axes, as a new last axis.
    pub fn diagonal(&self, offset: i64, a: i64, b: i64) -> Result<Tensor> {
        let a = normalize_axis("diagonal", a, self.rank())?;
        let b = normalize_axis("diagonal", b, self.rank())?;
        if a == b {
            return Err(Error::value("diagonal", format!("needs two axes; got {a} twice")));
        }
        Ok(self.strided(|layout| layout.diagonal(offset, a, b)))
    }

    /// All windows of `size` along `axis` in steps of `step`, as a new last axis.
    pub fn unfold(&self, axis: i64, size: usize, step: usize) -> Result<Tensor> {
        let axis = normalize_axis("unfold", axis, self.rank())?;
        if size > self.shape()[axis] || step == 0 {
            return Err(Error::value(
                "unfold",
                format!(
                    "windows of {size} in steps of {step} do not fit axis {axis} of shape {}",
                    self.shape()
                ),
            ));
        }
        Ok(self.strided(|layout| layout.unfold(axis, size, step)))
    }

    /// Zeros of `shape`, with this tensor's elements added where `region` (over the dense result) points.
    pub fn spread(&self, region: &Layout, shape: &Shape) -> Result<Tensor> {
        region.check_within("spread", shape.elements())?;
        let core = Core::Index(Index::Spread { region: region.clone(), shape: shape.clone() });
        let mut results = Tensor::record_core(core, &[self])?;
        record_gradient(&mut results, &[self], SpreadDerivative(region.clone()), &[]);
        Ok(results.remove(0))
    }

    /// This tensor with `values` written where `region` (over the dense tensor) points.
    pub fn overlay(&self, region: &Layout, values: &Tensor) -> Result<Tensor> {
        region.check_within("overlay", self.elements())?;
        if values.shape() != region.shape() || values.dtype() != self.dtype() {
            return Err(Error::shape(
                "overlay",
                format!(
                    "values of shape {} and dtype {} for a region of shape {} in {}",
                    values.shape(),
                    values.dtype(),
                    region.shape(),
                    self.dtype()
                ),
            ));
        }
        let core = Core::Index(Index::Overlay { region: region.clone() });
        let mut results = Tensor::record_core(core, &[self, values])?;
        record_gradient(&mut results, &[self, values], OverlayDerivative(region.clone()), &[]);
        Ok(results.remove(0))
    }
}
