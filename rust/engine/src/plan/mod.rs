//! From recorded nodes to kernels.
//!
//! [`repeats`] finds what is computed twice, [`postpone`] says which named values wait, [`groups`] decides which nodes
//! share a kernel, after the rules of [`rules`]; [`build`] writes the kernels, and [`reuse`] keeps them. Planning is linear in the number of nodes, and no rule changes a bit of a result: an expression rounds each step to the
//! node's dtype, and reductions and products take their terms in an order that the shape alone decides.

mod build;
mod explain;
mod groups;
mod postpone;
mod repeats;
mod reuse;
mod rules;

use std::hash::Hasher;

use smallvec::SmallVec;
use tenfold_ir::Kernel;

use crate::graph::{Batch, Slot};

pub use explain::{Explanation, KernelReport};
pub(crate) use explain::{explain, graph, name};
pub(crate) use reuse::Plans;

/// A kernel with what connects it to the batch.
pub(crate) struct Step {
    /// What is run.
    pub kernel: Kernel,
    /// The nodes that it computes, and those that repeat them.
    pub nodes: SmallVec<[u32; 4]>,
    /// Where each operand comes from.
    pub operands: SmallVec<[Origin; 4]>,
    /// Which inputs of the nodes are which operand.
    pub reads: SmallVec<[Read; 6]>,
    /// Values with the output that each of them is.
    pub outputs: SmallVec<[(u32, u32); 2]>,
    /// Which scalar of which node each of the kernel's is.
    pub scalars: SmallVec<[(u32, u32); 2]>,
    /// The node whose core the kernel has.
    pub core: Option<u32>,
}

/// Where an operand of a kernel comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A value that was computed before the batch was taken, in its slot.
    Slot(Slot),
    /// A value of the batch, by its number.
    Value(u32),
}

/// Input number `input` of a node is that operand of the kernel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Read {
    pub node: u32,
    pub input: u32,
    pub operand: u32,
}

/// The kernels of a batch in the order in which they run; with fusion, or one kernel a node. Where somebody `asked` for
/// a value, others may wait for the next flush (see [`postpone`]).
pub(crate) fn plan(batch: &mut Batch, fuse: bool, asked: Option<Slot>) -> Vec<Step> {
    let fuse = fuse && batch.len() > 1;
    let same = if fuse { repeats::find(batch) } else { (0..batch.values.len() as u32).collect() };
    if let Some(asked) = asked.filter(|_| fuse) {
        postpone::mark(batch, &same, asked);
    }
    build::steps(groups::form(batch, &same, fuse))
}

/// A multiply-and-rotate hash: the keys are small numbers and addresses, and no stranger chooses them.
#[derive(Default)]
pub(crate) struct Mixer(u64);

impl Hasher for Mixer {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }

    fn write_u8(&mut self, number: u8) {
        self.write_u64(u64::from(number));
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0.rotate_left(5) ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn write_u32(&mut self, number: u32) {
        self.write_u64(u64::from(number));
    }

    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }
}
