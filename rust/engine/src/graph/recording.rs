//! Adding a node to the arena.
//!
//! A step for each of its parts, inlined where a node is recorded: it is filled where it lies, and what the steps give stays
//! in registers. Structures that are put together elsewhere would be copied right after they were written.

use std::sync::Arc;

use tenfold_ir::{DType, Error, Layout, Result};

use super::arena::State;
use super::node::{Input, Output, Standing};
use super::{Arena, ArenaGuard, Garbage, Handle, Node, NodeOperation, Slot};

/// What recording a node gave.
pub(crate) struct Recorded {
    /// It reads memory that somebody else may write to.
    pub reads_borrowed: bool,
    /// See [`Arena::pending`].
    pub pending_nodes: usize,
    /// See [`Arena::pending`].
    pub pending_bytes: usize,
}

impl Arena {
    /// A node without inputs, scalars and outputs. `site` is who records it: asked for without the lock, because it may ask
    /// the caller's interpreter.
    #[inline(always)]
    pub fn begin(&mut self, operation: NodeOperation, site: Option<Arc<str>>) -> Box<Node> {
        let mut node = self.spare.pop().unwrap_or_else(Node::empty);
        node.operation = operation;
        node.site = site;
        node
    }

    /// The node reads a value of the shard. True for memory that somebody else may write to; an error where the value could
    /// not be computed.
    #[inline(always)]
    pub fn read(
        &mut self,
        node: &mut Node,
        value: &Handle,
        dtype: DType,
        layout: &Arc<Layout>,
    ) -> Result<bool> {
        let layout = self.layouts.id(layout);
        let slot = value.slot();
        let entry = &mut self.entries[slot as usize];
        let is_borrowed = match &entry.state {
            State::Ready(buffer) => buffer.is_borrowed(),
            State::Failed(error) => return Err(error.clone()),
            _ => false,
        };
        entry.uses += 1;
        node.inputs.push(Input { slot, standing: Standing::Unknown, dtype, layout });
        Ok(is_borrowed)
    }

    /// The node has an output of this dense layout: its slot, with one handle, which is the caller's once the node is added.
    #[inline(always)]
    pub fn write(&mut self, node: &mut Node, dtype: DType, layout: &Arc<Layout>) -> Slot {
        let sequence = self.end();
        let slot = self.new_slot(State::Pending(sequence));
        let layout = self.layouts.id(layout);
        node.outputs.push(Output { slot, dtype, layout });
        node.bytes += self.layouts.elements(layout) * dtype.size();
        slot
    }

    /// Adds the node.
    #[inline(always)]
    pub fn add(&mut self, node: Box<Node>, reads_borrowed: bool) -> Recorded {
        self.pending_bytes += node.bytes;
        self.nodes.push_back(Some(node));
        let (pending_nodes, pending_bytes) = self.pending();
        Recorded { reads_borrowed, pending_nodes, pending_bytes }
    }
}

/// Lets a node go that has no outputs yet. Gives the error for which it does.
#[cold]
pub(crate) fn give_up(mut arena: ArenaGuard<'_>, node: Box<Node>, error: Error) -> Error {
    let mut garbage = Garbage::default();
    arena.release_inputs(&node, &mut garbage);
    arena.retire(node, &mut garbage);
    // The garbage is dropped after it.
    drop(arena);
    error
}
