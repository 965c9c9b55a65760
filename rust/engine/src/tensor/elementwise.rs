//! Scalar operations on tensors: every method here comes from the operation table.

use std::borrow::Cow;
use std::sync::Arc;

use smallvec::SmallVec;
use tenfold_ir::{
    DType, Error, Layout, Operation, Result, Scalar, Spec, broadcast_shapes, for_each_operation,
    promote_types,
};

use super::Tensor;
use crate::autograd::{self, ApplyDerivative};
use crate::batch::Levels;
use crate::graph::{Node, NodeOperation, current_shard};

/// An argument of a scalar operation: a tensor, or a number that takes the dtype of the tensors it meets.
#[derive(Clone, Copy)]
pub enum Argument<'a> {
    /// A tensor.
    Tensor(&'a Tensor),
    /// A number.
    Scalar(Scalar),
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
        let name = operation.name();
        if arguments.len() != operation.arity() {
            return Err(Error::type_(
                name,
                format!("takes {} arguments; got {}", operation.arity(), arguments.len()),
            ));
        }
        let promoted = meeting_dtype(operation, arguments)?;
        let signature = operation.signature(promoted)?;
        if let Some(exact) = exact_power(operation, arguments, signature.result) {
            return exact;
        }

        let differentiable = arguments
            .iter()
            .any(|argument| matches!(argument, Argument::Tensor(tensor) if tensor.requires_grad()))
            && signature.result.is_differentiable()
            && autograd::is_enabled();
        let (layout, is_uniform) = common_layout(name, arguments)?;
        let shape = layout.shape();
        let levels = Levels::of(tensors_among(arguments));

        let shard = current_shard();
        let compute = *signature.arguments.last().expect("operations have arguments");
        let mut node = Node::new(NodeOperation::Apply { operation, compute, scalars: 0 });
        let mut operands: SmallVec<[Cow<'_, Tensor>; 3]> = SmallVec::new();
        let mut scalar_mask = 0u8;
        for (index, (argument, &dtype)) in arguments.iter().zip(signature.arguments.iter()).enumerate() {
            match argument {
                Argument::Tensor(tensor) if differentiable => {
                    // Conversion and broadcasting are nodes of their own, for their own gradients.
                    let operand = if tensor.dtype() == dtype && tensor.shape() == shape {
                        Cow::Borrowed(*tensor)
                    } else {
                        Cow::Owned(tensor.cast(dtype)?.broadcast(shape).expect("shapes broadcast"))
                    };
                    operand.read_by(&mut node, shard, &levels)?;
                    operands.push(operand);
                }
                Argument::Tensor(tensor) if is_uniform => tensor.read_by(&mut node, shard, &levels)?,
                Argument::Tensor(tensor) => tensor.read_broadcast_by(&mut node, shard, &levels, shape)?,
                Argument::Scalar(scalar) => {
                    scalar.check_fits(name, dtype)?;
                    node.scalars.push(*scalar);
                    scalar_mask |= 1 << index;
                }
            }
        }
        node.operation = NodeOperation::Apply { operation, compute, scalars: scalar_mask };
        node.specs.push(Spec::new(levels.before(shape), signature.result));
        if !differentiable {
            return Tensor::record_single(shard, node, layout, signature.result, &levels);
        }
        let scalars = node.scalars.clone();
        let mut result = Tensor::record_single(shard, node, layout, signature.result, &levels)?;
        let references: SmallVec<[&Tensor; 3]> = operands.iter().map(|operand| &**operand).collect();
        let results = std::slice::from_mut(&mut result);
        ApplyDerivative::record(operation, scalar_mask, scalars, compute, &references, results)?;
        Ok(result)
    }
}

fn tensors_among<'a>(arguments: &'a [Argument<'a>]) -> impl Iterator<Item = &'a Tensor> + Clone {
    arguments.iter().filter_map(|argument| match argument {
        Argument::Tensor(tensor) => Some(*tensor),
        Argument::Scalar(_) => None,
    })
}

/// The dense layout of the shape to which all tensors among the arguments broadcast, and whether all have that shape.
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
fn meeting_dtype(operation: Operation, arguments: &[Argument<'_>]) -> Result<DType> {
    let values = match operation.row().rule {
        tenfold_ir::operations::Rule::Choose => &arguments[1..],
        _ => arguments,
    };
    let mut promoted: Option<DType> = None;
    for argument in values {
        if let Argument::Tensor(tensor) = argument {
            promoted = Some(match promoted {
                None => tensor.dtype(),
                Some(so_far) => promote_types(so_far, tensor.dtype())
                    .map_err(|error| error.in_operation(operation.name()))?,
            });
        }
    }
    for argument in values {
        if let Argument::Scalar(scalar) = argument {
            promoted = Some(match promoted {
                None => scalar.default_dtype(),
                Some(so_far) => scalar.meets(so_far),
            });
        }
    }
    promoted.ok_or_else(|| Error::type_(operation.name(), "takes at least one argument"))
}

/// Powers that a scalar exponent names exactly: they need no logarithm.
fn exact_power(operation: Operation, arguments: &[Argument<'_>], result: DType) -> Option<Result<Tensor>> {
    let (Operation::pow, [Argument::Tensor(base), Argument::Scalar(exponent)]) = (operation, arguments)
    else {
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
