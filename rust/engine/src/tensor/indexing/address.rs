//! Reading and writing at the places that index tensors name, and the gradients of both.

use smallvec::SmallVec;
use tenfold_ir::kernel::{Index, ScatterMode};
use tenfold_ir::{Core, DType, Error, Result, Shape};

use crate::Tensor;
use crate::autograd::{Context, Derivative, Gradients, Saved, record_gradient};

/// How index tensors name the elements of a tensor.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Address {
    /// That many index tensors of one shape, one for each leading axis.
    Leading(usize),
    /// One index tensor of the tensor's rank, for this axis; along the others an element keeps its place.
    Along(usize),
}

impl Address {
    /// The number of index tensors.
    fn count(self) -> usize {
        match self {
            Address::Leading(count) => count,
            Address::Along(_) => 1,
        }
    }

    /// `x` at `indices` (int64, checked).
    pub fn read(self, x: &Tensor, indices: &[Tensor]) -> Result<Tensor> {
        let core = match self {
            Address::Leading(axes) => Index::Gather { axes },
            Address::Along(axis) => Index::TakeAlong { axis },
        };
        let inputs: SmallVec<[&Tensor; 4]> = std::iter::once(x).chain(indices).collect();
        let mut results = Tensor::record_core(Core::Index(core), &inputs)?;
        let saved: SmallVec<[Saved; 4]> = (1..=indices.len()).map(Saved::Input).collect();
        let derivative = ReadDerivative { address: self, shape: x.shape().clone() };
        record_gradient(&mut results, &inputs, derivative, &saved);
        Ok(results.remove(0))
    }

    /// `base` with `values` (of the dtype of `base`) written at `indices` (int64, checked).
    pub fn write(
        self,
        base: &Tensor,
        indices: &[Tensor],
        values: &Tensor,
        mode: ScatterMode,
    ) -> Result<Tensor> {
        let core = match self {
            Address::Leading(axes) => Index::Scatter { axes, mode },
            Address::Along(axis) => Index::PutAlong { axis, mode },
        };
        let inputs: SmallVec<[&Tensor; 4]> =
            std::iter::once(base).chain(indices).chain(std::iter::once(values)).collect();
        let mut results = Tensor::record_core(Core::Index(core), &inputs)?;
        let mut saved: SmallVec<[Saved; 6]> = (1..=indices.len()).map(Saved::Input).collect();
        match mode {
            ScatterMode::Assign | ScatterMode::Add => {}
            ScatterMode::Multiply => saved.extend([Saved::Input(0), Saved::Input(inputs.len() - 1)]),
            ScatterMode::Max | ScatterMode::Min => {
                saved.extend([Saved::Input(0), Saved::Input(inputs.len() - 1), Saved::Output(0)]);
            }
        }
        let derivative = WriteDerivative { address: self, mode };
        record_gradient(&mut results, &inputs, derivative, &saved);
        Ok(results.remove(0))
    }

    /// Zeros of `shape` with `values` added at `indices`. Halves are added in float32 and rounded once.
    pub fn sum(self, shape: &Shape, indices: &[Tensor], values: &Tensor) -> Result<Tensor> {
        let dtype = values.dtype();
        let zeros = Tensor::zeros(shape, dtype.compute())?;
        self.write(&zeros, indices, &values.cast(dtype.compute())?, ScatterMode::Add)?.cast(dtype)
    }

    /// For each written value, whether it is the one that stays (the last of those with its place); in a shape that
    /// broadcasts to that of the values.
    fn stays(self, base: &Shape, indices: &[Tensor], values: &Shape) -> Result<Tensor> {
        let places = match self {
            Address::Leading(count) => Shape::new(&base[..count]),
            Address::Along(_) => base.clone(),
        };
        let shape = indices[0].shape();
        let numbers =
            Tensor::arange(0.into(), shape.elements().into(), 1.into(), DType::Int64)?.reshaped(shape)?;
        let board = Tensor::zeros(&places, DType::Int64)?;
        let last = self.read(&self.write(&board, indices, &numbers, ScatterMode::Assign)?, indices)?;
        let mut broadcastable = shape.clone();
        while broadcastable.rank() < values.rank() {
            broadcastable = broadcastable.with(broadcastable.rank(), 1);
        }
        last.equal(&numbers)?.reshaped(&broadcastable)
    }
}

/// The gradient of a read: added up where it was read from.
#[derive(Debug)]
struct ReadDerivative {
    address: Address,
    shape: Shape,
}

impl Derivative for ReadDerivative {
    fn name(&self) -> &str {
        "gather"
    }

    fn gradients(&self, context: &Context<'_>) -> Result<Gradients> {
        let indices: SmallVec<[Tensor; 3]> =
            (0..self.address.count()).map(|index| context.saved(index).clone()).collect();
        let sum = self.address.sum(&self.shape, &indices, context.gradient(0))?;
        Ok(Gradients::from_iter([Some(sum)]))
    }
}

/// The gradients of a write.
#[derive(Debug)]
struct WriteDerivative {
    address: Address,
    mode: ScatterMode,
}

impl WriteDerivative {
    /// The gradients of base and values.
    fn parts(&self, context: &Context<'_>, indices: &[Tensor]) -> Result<[Option<Tensor>; 2]> {
        let (address, gradient) = (self.address, context.gradient(0));
        let count = indices.len();
        let (needs_base, needs_values) = (context.needs(0), context.needs(count + 1));
        let wanted = |needed: bool, compute: &dyn Fn() -> Result<Tensor>| needed.then(compute).transpose();
        let read = |x: &Tensor| address.read(x, indices);
        Ok(match self.mode {
            ScatterMode::Add => {
                [wanted(needs_base, &|| Ok(gradient.clone()))?, wanted(needs_values, &|| read(gradient))?]
            }
            ScatterMode::Assign => {
                let shape = match address {
                    Address::Leading(axes) => {
                        indices[0].shape().iter().chain(&gradient.shape()[axes..]).copied().collect()
                    }
                    Address::Along(_) => indices[0].shape().clone(),
                };
                let of_base = || {
                    let zeros = Tensor::zeros(&shape, gradient.dtype())?;
                    address.write(gradient, indices, &zeros, ScatterMode::Assign)
                };
                let of_values = || {
                    let stays = address.stays(gradient.shape(), indices, &shape)?;
                    stays.where_(&read(gradient)?, 0)
                };
                [wanted(needs_base, &of_base)?, wanted(needs_values, &of_values)?]
            }
            ScatterMode::Multiply => {
                let (base, values) = (context.saved(count), context.saved(count + 1));
                let conj = |x: &Tensor| if x.dtype().is_complex() { x.conj() } else { Ok(x.clone()) };
                let of_base = || address.write(gradient, indices, &conj(values)?, ScatterMode::Multiply);
                let of_values = || {
                    // The product of the others: that of all over this one, or of all but the one 0.
                    let dtype = base.dtype();
                    let (zero_base, zero_values) = (base.equal(0)?, values.equal(0)?);
                    let safe = zero_values.where_(1, values)?;
                    let product =
                        address.write(&zero_base.where_(1, base)?, indices, &safe, ScatterMode::Multiply)?;
                    let is_zero = zero_values.cast(dtype)?;
                    let zeros =
                        address.write(&zero_base.cast(dtype)?, indices, &is_zero, ScatterMode::Add)?;
                    let other_zeros = read(&zeros)?.subtract(&is_zero)?;
                    let others = other_zeros.equal(0)?.where_(&read(&product)?.divide(&safe)?, 0)?;
                    read(gradient)?.multiply(&conj(&others)?)
                };
                [wanted(needs_base, &of_base)?, wanted(needs_values, &of_values)?]
            }
            ScatterMode::Max | ScatterMode::Min => {
                let (base, values) = (context.saved(count), context.saved(count + 1));
                let result = context.saved(count + 2);
                let dtype = base.dtype();
                let base_hits = base.equal(result)?.cast(dtype)?;
                let value_hits = values.equal(&read(result)?)?.cast(dtype)?;
                let ties = address.write(&base_hits, indices, &value_hits, ScatterMode::Add)?;
                let share = gradient.divide(&ties)?;
                [
                    wanted(needs_base, &|| base_hits.multiply(&share))?,
                    wanted(needs_values, &|| value_hits.multiply(&read(&share)?))?,
                ]
            }
        })
    }
}

impl Derivative for WriteDerivative {
    fn name(&self) -> &str {
        "scatter"
    }

    fn gradients(&self, context: &Context<'_>) -> Result<Gradients> {
        let indices: SmallVec<[Tensor; 3]> =
            (0..self.address.count()).map(|index| context.saved(index).clone()).collect();
        let [of_base, of_values] = self.parts(context, &indices)?;
        let mut gradients = Gradients::from_iter([of_base]);
        gradients.extend(indices.iter().map(|_| None));
        gradients.push(of_values);
        Ok(gradients)
    }
}

impl Tensor {
    /// This tensor as indices into `axis` of extent `extent`: int64, every element within −extent … extent − 1.
    pub(crate) fn as_indices(&self, operation: &'static str, axis: usize, extent: usize) -> Result<Tensor> {
        if self.elements() == 0 {
            // An empty list has no dtype of its own.
            return self.cast(DType::Int64);
        }
        if !self.dtype().is_integer() {
            return Err(Error::index(
                operation,
                format!("indices must be integers; got a tensor of dtype {}", self.dtype()),
            ));
        }
        let (low, high) = self.index_range()?;
        let limit = extent as i64;
        let wrong = if low < -limit { Some(low) } else { (high >= limit).then_some(high) };
        if let Some(index) = wrong {
            return Err(Error::index(
                operation,
                format!("index {index} is out of range for axis {axis} of extent {extent}"),
            ));
        }
        self.detach().cast(DType::Int64)
    }
}
