//! From a recorded node to a kernel. Without fusion: one kernel a node.

use smallvec::{SmallVec, smallvec};
use tenfold_ir::{Core, Expr, Kernel, Operand};

use crate::graph::{Node, NodeOperation};

/// The kernel that computes a node. Operand i is the node's input i.
pub(crate) fn plan(node: &Node) -> Kernel {
    let operands = node
        .inputs
        .iter()
        .map(|input| Operand { dtype: input.dtype, layout: input.layout.clone() })
        .collect();
    let (core, epilogue) = match &node.operation {
        NodeOperation::Core(core) => ((**core).clone(), None),
        NodeOperation::Expression(expr) => (Core::Map, Some((**expr).clone())),
        elementwise => (Core::Map, Some(elementwise_expression(elementwise, node))),
    };
    let prologues = match core {
        Core::Map => SmallVec::new(),
        _ => {
            let load =
                |(index, input): (usize, &crate::graph::Input)| Expr::load_of(index as u16, input.dtype);
            node.inputs.iter().enumerate().map(load).collect()
        }
    };
    Kernel { core, prologues, epilogue, operands, scalars: node.scalars.clone(), outputs: node.specs.clone() }
}

fn elementwise_expression(operation: &NodeOperation, node: &Node) -> Expr {
    let mut expr = Expr::new();
    let result = match operation {
        NodeOperation::Apply { operation, compute, scalars } => {
            let (mut next_input, mut next_scalar) = (0u16, 0u16);
            let signature = operation.signature(*compute).expect("checked when recorded");
            let mut arguments: SmallVec<[u16; 3]> = smallvec![];
            for (argument, &dtype) in signature.arguments.iter().enumerate() {
                arguments.push(if scalars & (1 << argument) != 0 {
                    next_scalar += 1;
                    expr.scalar(next_scalar - 1, dtype)
                } else {
                    next_input += 1;
                    let loaded = expr.load(next_input - 1, node.inputs[next_input as usize - 1].dtype);
                    expr.cast(loaded, dtype)
                });
            }
            expr.apply(*operation, &arguments)
        }
        NodeOperation::Copy => {
            let loaded = expr.load(0, node.inputs[0].dtype);
            expr.cast(loaded, node.specs[0].dtype)
        }
        NodeOperation::Fill => expr.scalar(0, node.specs[0].dtype),
        NodeOperation::Expression(_) | NodeOperation::Core(_) => unreachable!("planned by the caller"),
    };
    expr.output(result);
    expr
}
