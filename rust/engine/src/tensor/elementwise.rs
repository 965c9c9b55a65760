//! Scalar operations on tensors: every method here comes from the operation table.

use std::sync::Arc;

use smallvec::SmallVec;
use tenfold_ir::operations::Rule;
use tenfold_ir::{
    DType, Error, Layout, Operation, Result, Scalar, Shape, broadcast_shapes, for_each_operation,
    promote_types,
};

use super::{Tensor, layout_of_samples};
use crate::autograd::{self, ApplyDerivative};
use crate::batch::{BatchAxes, Levels};
use crate::graph::{Handle, NodeOperation, Shard, current_shard, give_up};

/// An argument of a scalar operation: a tensor, or a number that takes the dtype of the tensors it meets.
#[derive(Clone, Copy)]
pub enum Argument<'a> {
    /// A tensor.
    Tensor(&'a Tensor),
    /// A number.
    Scalar(Scalar),
}

impl<'a> Argument<'a> {
    fn tensor(&self) -> Option<&'a Tensor> {
        match self {
            Argument::Tensor(tensor) => Some(tensor),
            Argument::Scalar(_) => None,
        }
    }
}

impl<'a> From<&'a Tensor> for Argument<'a> {
    fn from(tensor: &'a Tensor) -> Argument<'a> {
        Argument::Tensor(tensor)
    }
}

impl<T: Into<Scalar>> From<T> for Argument<'_> {
    fn from(number: T) -> Argument<'static> {
        Argument::Scalar(number.into())
    }
}

macro_rules! define_methods {
    ($({
        $(#[doc = $doc:literal])*
        $name:ident ( $first:ident $(, $argument:ident)* ) : $rule:ident -> $result:ident ;
        $($field:ident $value:tt)*
    })*) => {
        /// The scalar operations, with broadcasting and promotion of dtypes.
        #[allow(clippy::needless_lifetimes, reason = "needed where there is a second argument")]
        impl Tensor {
            $(
                $(#[doc = $doc])*
                pub fn $name<'a>(&'a self $(, $argument: impl Into<Argument<'a>>)*) -> Result<Tensor> {
                    Tensor::apply(Operation::$name, &[self.into() $(, $argument.into())*])
                }
            )*
        }
    };
}
for_each_operation! { [define_methods] }

impl Tensor {
    /// A scalar operation on tensors and numbers, at least one of them a tensor.
    pub fn apply(operation: Operation, arguments: &[Argument<'_>]) -> Result<Tensor> {
        match apply_alike(operation, arguments) {
            Some(result) => result,
            None => Tensor::apply_any(operation, arguments),
        }
    }

    fn apply_any(operation: Operation, arguments: &[Argument<'_>]) -> Result<Tensor> {
        let name = operation.name();
        if arguments.len() != operation.arity() {
            return Err(Error::type_(
                name,
                format!("takes {} arguments; got {}", operation.arity(), arguments.len()),
            ));
        }
        let promoted = meeting_dtype(operation, arguments)?;
        let signature = operation.signature(promoted)?;
        if operation == Operation::pow
            && let Some(exact) = exact_power(arguments, signature.result)
        {
            return exact;
        }
        let differentiable = tensors_among(arguments).any(Tensor::requires_grad)
            && signature.result.is_differentiable()
            && autograd::is_enabled();
        let (layout, is_uniform) = common_layout(name, arguments)?;
        let mut scalars = 0u8;
        let mut fits = is_uniform;
        for (index, (argument, &dtype)) in arguments.iter().zip(signature.arguments.iter()).enumerate() {
            match argument {
                Argument::Tensor(tensor) => fits &= tensor.dtype() == dtype || !differentiable,
                Argument::Scalar(scalar) => {
                    scalar.check_fits(name, dtype)?;
                    scalars |= 1 << index;
                }
            }
        }
        let (fitted, replaced);
        let arguments = if fits {
            arguments
        } else {
            let fit =
                |(tensor, dtype): (&Tensor, DType)| tensor.fitted(layout.shape(), dtype, differentiable);
            let tensors = arguments.iter().zip(signature.arguments.iter());
            let tensors = tensors.filter_map(|(argument, &dtype)| Some((argument.tensor()?, dtype)));
            fitted = tensors.map(fit).collect::<Result<SmallVec<[Tensor; 3]>>>()?;
            replaced = replace_tensors(arguments, &fitted);
            &replaced
        };
        let compute = *signature.arguments.last().expect("operations have arguments");
        let node = NodeOperation::Apply { operation, compute, scalars };
        let result = record_apply(node, arguments, layout, signature.result)?;
        if differentiable {
            return result.with_derivative(operation, arguments, compute, scalars);
        }
        Ok(result)
    }

    /// The result of an operation on these arguments, with the derivative.
    fn with_derivative(
        mut self,
        operation: Operation,
        arguments: &[Argument<'_>],
        compute: DType,
        scalars: u8,
    ) -> Result<Tensor> {
        let operands: SmallVec<[&Tensor; 3]> = tensors_among(arguments).collect();
        let results = std::slice::from_mut(&mut self);
        let numbers = scalars_among(arguments).collect();
        ApplyDerivative::record(operation, scalars, numbers, compute, &operands, results)?;
        Ok(self)
    }

    /// The tensor as an operand of a scalar operation on this shape.
    fn fitted(&self, shape: &Shape, dtype: DType, differentiable: bool) -> Result<Tensor> {
        if self.shape() == shape && (self.dtype() == dtype || !differentiable) {
            Ok(self.clone())
        } else if differentiable {
            // Conversion and broadcasting are nodes of their own, for their own gradients.
            Ok(self.cast(dtype)?.broadcast(shape).expect("shapes broadcast"))
        } else {
            Ok(self.in_shape(shape))
        }
    }
}

/// The operation where its tensors are alike: of one dtype and one shape, as nodes of this thread read them. So are nearly
/// all, and nothing is to be promoted, broadcast, converted or moved then. `None` where they are not, and where there is an
/// error to tell.
fn apply_alike(operation: Operation, arguments: &[Argument<'_>]) -> Option<Result<Tensor>> {
    let row = operation.row();
    if arguments.len() != row.arguments.len() || row.rule == Rule::Choose || operation == Operation::pow {
        return None;
    }
    let shard = current_shard();
    let first = tensors_among(arguments).next()?;
    let (mut promoted, mut scalars, mut requires_grad) = (first.dtype(), 0, false);
    for (index, argument) in arguments.iter().enumerate() {
        match argument {
            Argument::Tensor(tensor) if tensor.is_like(first) && tensor.is_ready_for(shard) => {
                requires_grad |= tensor.requires_grad();
            }
            Argument::Tensor(_) => return None,
            Argument::Scalar(scalar) => {
                promoted = scalar.meets(promoted);
                scalars |= 1 << index;
            }
        }
    }
    let compute = operation.compute_dtype(promoted)?;
    let to = operation.result_dtype(compute);
    if scalars != 0 && scalars_among(arguments).any(|scalar| scalar.check_fits(row.name, compute).is_err()) {
        return None;
    }
    let differentiable = requires_grad && to.is_differentiable() && autograd::is_enabled();
    // A conversion is a node of its own, for its own gradient.
    if differentiable && compute != first.dtype() {
        return None;
    }
    let node = NodeOperation::Apply { operation, compute, scalars };
    let result = record_readable(shard, node, arguments, first.dense_layout(), to);
    if differentiable {
        return Some(result.and_then(|it| it.with_derivative(operation, arguments, compute, scalars)));
    }
    Some(result)
}

/// Records a scalar operation on tensors of one shape, whose result has the dense layout of that shape; no gradient.
fn record_apply(
    operation: NodeOperation,
    arguments: &[Argument<'_>],
    layout: Arc<Layout>,
    dtype: DType,
) -> Result<Tensor> {
    let shard = current_shard();
    if !tensors_among(arguments).all(|tensor| tensor.is_ready_for(shard)) {
        return record_apply_for(shard, operation, arguments, layout, dtype);
    }
    record_readable(shard, operation, arguments, layout, dtype)
}

/// The same over tensors that nodes of the shard can read as they are.
#[inline(always)]
fn record_readable(
    shard: &'static Shard,
    operation: NodeOperation,
    arguments: &[Argument<'_>],
    layout: Arc<Layout>,
    dtype: DType,
) -> Result<Tensor> {
    let site = crate::profile::site();
    let mut arena = shard.arena();
    let mut node = arena.begin(operation, site);
    let mut reads_borrowed = false;
    for argument in arguments {
        match argument {
            Argument::Tensor(tensor) => match tensor.read_by(&mut arena, &mut node) {
                Ok(is_borrowed) => reads_borrowed |= is_borrowed,
                Err(error) => return Err(give_up(arena, node, error)),
            },
            Argument::Scalar(scalar) => node.scalars.push(*scalar),
        }
    }
    let slot = arena.write(&mut node, dtype, &layout);
    let recorded = arena.add(node, reads_borrowed);
    drop(arena);
    let output = Handle::of_output(shard, slot);
    let output = Tensor::of_layout(output, layout, dtype, BatchAxes::default());
    crate::run::after_recording(shard, &recorded)?;
    Ok(output)
}

/// The same over tensors that nodes of the shard cannot read as they are.
#[cold]
fn record_apply_for(
    shard: &'static Shard,
    operation: NodeOperation,
    arguments: &[Argument<'_>],
    layout: Arc<Layout>,
    dtype: DType,
) -> Result<Tensor> {
    let levels = Levels::of(tensors_among(arguments));
    let readable = tensors_among(arguments).map(|tensor| tensor.for_nodes_of(shard, &levels));
    let readable = readable.collect::<Result<SmallVec<[Tensor; 3]>>>()?;
    let of_samples = layout_of_samples(&layout, &levels)?;
    let mut result = record_apply(operation, &replace_tensors(arguments, &readable), of_samples, dtype)?;
    let batch = levels.dense_axes(layout.shape());
    result.replace_layout(layout, batch);
    Ok(result)
}

/// The arguments with other tensors in place of their own.
fn replace_tensors<'a>(arguments: &[Argument<'a>], tensors: &'a [Tensor]) -> SmallVec<[Argument<'a>; 3]> {
    let mut tensors = tensors.iter();
    let replace = |&argument: &Argument<'a>| match argument {
        Argument::Tensor(_) => tensors.next().map(Argument::Tensor),
        Argument::Scalar(_) => Some(argument),
    };
    arguments.iter().filter_map(replace).collect()
}

fn scalars_among(arguments: &[Argument<'_>]) -> impl Iterator<Item = Scalar> {
    arguments.iter().filter_map(|argument| match argument {
        Argument::Tensor(_) => None,
        Argument::Scalar(scalar) => Some(*scalar),
    })
}

fn tensors_among<'a>(arguments: &[Argument<'a>]) -> impl Iterator<Item = &'a Tensor> + Clone {
    arguments.iter().filter_map(Argument::tensor)
}

/// The dense layout of the shape to which all tensors among the arguments broadcast, and whether all have that shape.
#[inline]
fn common_layout(name: &'static str, arguments: &[Argument<'_>]) -> Result<(Arc<Layout>, bool)> {
    let tensors = || tensors_among(arguments);
    let mut rest = tensors();
    match rest.next() {
        Some(first) if rest.all(|tensor| tensor.has_shape_of(first)) => Ok((first.dense_layout(), true)),
        _ => {
            let shape = broadcast_shapes(name, tensors().map(Tensor::shape))?;
            Ok((Arc::new(Layout::dense(shape)), false))
        }
    }
}

/// The dtype in which the arguments meet: that of the tensors among them, which numbers then join.
#[inline]
fn meeting_dtype(operation: Operation, arguments: &[Argument<'_>]) -> Result<DType> {
    let values = match operation.row().rule {
        Rule::Choose => &arguments[1..],
        _ => arguments,
    };
    let mut promoted: Option<DType> = None;
    for tensor in tensors_among(values) {
        promoted = Some(match promoted {
            None => tensor.dtype(),
            Some(so_far) if so_far == tensor.dtype() => so_far,
            Some(so_far) => {
                promote_types(so_far, tensor.dtype()).map_err(|error| error.in_operation(operation.name()))?
            }
        });
    }
    for scalar in scalars_among(values) {
        promoted = Some(promoted.map_or(scalar.default_dtype(), |so_far| scalar.meets(so_far)));
    }
    promoted.ok_or_else(|| Error::type_(operation.name(), "takes at least one argument"))
}

/// Powers that a scalar exponent names exactly: they need no logarithm.
fn exact_power(arguments: &[Argument<'_>], result: DType) -> Option<Result<Tensor>> {
    let [Argument::Tensor(base), Argument::Scalar(exponent)] = arguments else {
        return None;
    };
    if !result.is_differentiable() || exponent.category() == tenfold_ir::Category::Complex {
        return None;
    }
    let wide = base.cast(result);
    let with = |compute: fn(&Tensor) -> Result<Tensor>| Some(wide.and_then(|base| compute(&base)));
    match exponent.to_f64() {
        1.0 => with(|base| base.positive()),
        2.0 => with(|base| base.square()),
        0.5 if !result.is_complex() => with(|base| base.sqrt()),
        -1.0 => with(|base| base.reciprocal()),
        _ => None,
    }
}
