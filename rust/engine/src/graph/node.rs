//! What is recorded: pending work, as plain values.

use std::sync::Arc;

use smallvec::SmallVec;
use tenfold_ir::{Core, DType, Expr, Operation, Scalar};

use super::LayoutId;

/// The number of an output within its shard's arena.
pub(crate) type Slot = u32;

/// What a node computes.
#[derive(Clone, Debug)]
pub(crate) enum NodeOperation {
    /// A scalar operation; where bit i of `scalars` is set, argument i is the node's next scalar.
    Apply {
        /// The row.
        operation: Operation,
        /// What the arguments are converted to, where they have another dtype.
        compute: DType,
        /// Which arguments are scalars.
        scalars: u8,
    },
    /// The input converted to the output's dtype (a plain copy where they are equal).
    Copy,
    /// The one scalar of the node everywhere.
    Fill,
    /// An expression over the inputs (with one or more outputs).
    Expression(Arc<Expr>),
    /// Any other core.
    Core(Arc<Core>),
}

/// What stands in the slot that an input names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Nobody has asked: no flush has taken the node.
    Unknown,
    /// The value of that number of the batch that the node is in.
    Value(u32),
    /// A value that was computed before the batch was taken; whether a tensor holds it.
    Computed { is_held: bool },
    /// Nothing any more, for this input: the memory was given to the kernel that is running.
    Claimed,
}

/// An input of a node: the slot of a value, which counts it among its uses, and the layout in which it is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Input {
    /// The slot, in the node's shard.
    pub slot: Slot,
    /// What stands there.
    pub standing: Standing,
    /// The dtype of its elements.
    pub dtype: DType,
    /// How it is read.
    pub layout: LayoutId,
}

impl Input {
    /// The value of the batch that it is, unless that was computed before.
    #[inline]
    pub fn value(&self) -> Option<u32> {
        match self.standing {
            Standing::Value(value) => Some(value),
            _ => None,
        }
    }

    /// True where it counts among the uses of its slot.
    #[inline]
    pub fn is_counted(&self) -> bool {
        self.standing != Standing::Claimed
    }

    /// True where it is memory that was there before the batch was taken.
    pub fn is_computed(&self) -> bool {
        matches!(self.standing, Standing::Computed { .. })
    }
}

/// An output of a node.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    /// Where its value will be.
    pub slot: Slot,
    /// The dtype of its elements.
    pub dtype: DType,
    /// The dense layout of its shape.
    pub layout: LayoutId,
}

/// A pending piece of work.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// What it computes.
    pub operation: NodeOperation,
    /// What it reads.
    pub inputs: SmallVec<[Input; 3]>,
    /// Its run-time scalars.
    pub scalars: SmallVec<[Scalar; 2]>,
    /// What it makes.
    pub outputs: SmallVec<[Output; 2]>,
    /// It was taken by a flush before that did not compute it for its own sake.
    pub has_waited: bool,
    /// Bytes that its outputs take, while it waits.
    pub bytes: usize,
    /// Who recorded it, while kernels are profiled.
    pub site: Option<Arc<str>>,
}

impl Node {
    /// A node without inputs, scalars and outputs, which are added where it lies: it is large.
    pub fn empty() -> Box<Node> {
        Box::new(Node {
            operation: NodeOperation::Fill,
            inputs: SmallVec::new(),
            scalars: SmallVec::new(),
            outputs: SmallVec::new(),
            has_waited: false,
            bytes: 0,
            site: None,
        })
    }
}
