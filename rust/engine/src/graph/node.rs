//! What is recorded: pending work, as plain values.

use std::cell::RefCell;
use std::sync::Arc;

use smallvec::SmallVec;
use tenfold_ir::{Buffer, Core, DType, Expr, Layout, Operation, Scalar, Specs};

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
    /// An output of an earlier node of the same shard.
    Pending(Slot),
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

    /// True for memory that somebody else may write to.
    pub fn is_borrowed(&self) -> bool {
        match self {
            Place::Pending(_) | Place::Claimed => false,
            Place::Ready(buffer) => buffer.is_borrowed(),
        }
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
    pub layout: Arc<Layout>,
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
    /// Shape and dtype of each output.
    pub specs: Specs,
    /// The slots of its outputs.
    pub outputs: SmallVec<[Slot; 2]>,
    /// It was taken by a flush before that did not compute it for its own sake.
    pub has_waited: bool,
    /// Bytes that its outputs take, while it waits.
    pub bytes: usize,
    /// Who recorded it, while kernels are profiled.
    pub site: Option<Arc<str>>,
}

/// Nodes of a thread that are done with, for later ones. A chain of a thousand nodes is a thousand pieces of memory that are
/// asked for in a row and given back in a row, the worst case of a general allocator.
const MOST_SPARE: usize = 1024;

thread_local! {
    #[allow(clippy::vec_box, reason = "the boxes are what is kept")]
    static SPARE: RefCell<Vec<Box<Node>>> = const { RefCell::new(Vec::new()) };
}

impl Node {
    /// A node to which inputs, scalars and specs are yet to be added (where it lies: it is large).
    pub fn new(operation: NodeOperation) -> Box<Node> {
        if let Some(mut node) = SPARE.try_with(|spare| spare.borrow_mut().pop()).ok().flatten() {
            node.operation = operation;
            node.site = crate::profile::site();
            return node;
        }
        Box::new(Node {
            operation,
            inputs: SmallVec::new(),
            scalars: SmallVec::new(),
            specs: Specs::new(),
            outputs: SmallVec::new(),
            has_waited: false,
            bytes: 0,
            site: crate::profile::site(),
        })
    }

    /// Lets go of what the node holds, and keeps its memory for another one.
    pub fn recycle(mut node: Box<Node>) {
        node.operation = NodeOperation::Fill;
        node.inputs.clear();
        node.scalars.clear();
        node.specs.clear();
        node.outputs.clear();
        node.has_waited = false;
        node.site = None;
        let _gone = SPARE.try_with(|spare| {
            let mut spare = spare.borrow_mut();
            if spare.len() < MOST_SPARE {
                spare.push(node);
            }
        });
    }
}
