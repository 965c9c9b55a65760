//! What is recorded: pending work, as plain values.

use std::sync::Arc;

use smallvec::SmallVec;
use tenfold_ir::{Buffer, Core, DType, Expr, Operation, Scalar};

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

/// The memory that a node reads.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    /// An output of an earlier node of the same shard; and once a flush has taken both, the number of that value in the
    /// batch.
    Pending(Slot, Option<u32>),
    /// A buffer.
    Ready(Arc<Buffer>),
    /// Given to the kernel that is running.
    Claimed,
}

impl Place {
    /// True for memory that is there.
    pub fn is_buffer(&self) -> bool {
        matches!(self, Place::Ready(_))
    }
}

/// An input of a node: memory, and the layout in which it is read.
#[derive(Clone, Debug)]
pub(crate) struct Input {
    /// The memory.
    pub place: Place,
    /// The dtype of its elements.
    pub dtype: DType,
    /// How it is read.
    pub layout: LayoutId,
}

impl Input {
    /// The value of the batch that it is, unless that was computed before.
    #[inline]
    pub fn value(&self) -> Option<u32> {
        match self.place {
            Place::Pending(_, value) => value,
            Place::Ready(_) | Place::Claimed => None,
        }
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
