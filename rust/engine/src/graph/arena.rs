//! The arena of a shard: slots of values with plain counts, and the nodes that will fill them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use smallvec::SmallVec;
use tenfold_ir::{Buffer, DType, Error, Layout, Result, Scalar};

use super::Layouts;
use super::node::{Input, Node, NodeOperation, Output, Place, Slot};
use crate::plan::Plans;

/// The place of a node in the order of recording.
type Sequence = u64;

/// Where a value stands.
#[derive(Debug)]
pub(super) enum State {
    /// Nobody's; may be given out again.
    Free,
    /// Not computed; the node waits in the arena.
    Pending(Sequence),
    /// Taken by a flush; the number of the value in its batch.
    InFlight(u32),
    /// Computed.
    Ready(Arc<Buffer>),
    /// Could not be computed.
    Failed(Error),
}

#[derive(Debug)]
pub(super) struct Entry {
    /// Tensors that hold the value.
    pub(super) handles: u32,
    /// Pending nodes that read it.
    pub(super) uses: u32,
    pub(super) state: State,
    /// Smallest and largest element, where it once was checked as an index.
    index_range: Option<(i64, i64)>,
}

/// Nodes that are done with and are kept for later ones, at most. A chain of a thousand nodes is a thousand pieces of memory
/// that are asked for in a row and given back in a row, the worst case of a general allocator.
const MOST_SPARE: usize = 1024;

/// Held by the thread that runs a shard's nodes, with the plans that it has made.
pub(crate) type Flusher = &'static Mutex<Plans>;

/// Slots and pending nodes. A slot with neither handles nor uses is free, and what it kept alive goes with it.
#[derive(Default)]
pub(crate) struct Arena {
    pub(super) entries: Vec<Entry>,
    pub(super) free: Vec<Slot>,
    /// Pending nodes in the order of recording, from number `first` on; `None` where one has died.
    pub(super) nodes: VecDeque<Option<Box<Node>>>,
    pub(super) first: Sequence,
    /// The layouts that the nodes name.
    pub(super) layouts: Layouts,
    /// Nodes to be used again.
    #[allow(clippy::vec_box, reason = "the boxes are what is kept")]
    spare: Vec<Box<Node>>,
    /// Bytes of the outputs of pending nodes.
    pub(super) pending_bytes: usize,
    /// Bytes of buffers that only pending nodes keep alive, at most.
    pub(super) kept_bytes: usize,
    /// See [`Arena::flusher`]; made at the first flush.
    pub(super) flusher: Option<Flusher>,
}

impl Arena {
    #[inline]
    pub(super) fn entry(&mut self, slot: Slot) -> &mut Entry {
        &mut self.entries[slot as usize]
    }

    fn new_slot(&mut self, state: State) -> Slot {
        match self.free.pop() {
            Some(slot) => {
                // Field by field: an entry that is put together elsewhere would be copied right after it was written.
                let entry = self.entry(slot);
                entry.handles = 1;
                entry.uses = 0;
                entry.state = state;
                entry.index_range = None;
                slot
            }
            None => {
                self.entries.push(Entry { handles: 1, uses: 0, state, index_range: None });
                (self.entries.len() - 1) as Slot
            }
        }
    }

    /// Adds a pending node; its outputs get slots with one handle each, which `give` takes. An input whose slot is computed
    /// by now is read from its buffer. An error where one could not be computed, and what else is to be dropped without the
    /// lock.
    #[inline]
    pub fn record<'a>(
        &mut self,
        operation: NodeOperation,
        site: Option<Arc<str>>,
        inputs: impl Iterator<Item = Reading<'a>>,
        scalars: impl Iterator<Item = Scalar>,
        outputs: impl Iterator<Item = (&'a Arc<Layout>, DType)>,
        mut give: impl FnMut(Slot),
    ) -> Result<Recorded, (Error, Garbage)> {
        // Filled where it lies: what is put together elsewhere would be copied right after it was written.
        let mut node = self.spare.pop().unwrap_or_else(Node::empty);
        node.operation = operation;
        node.site = site;
        let mut reads_borrowed = false;
        for Reading { slot, dtype, layout } in inputs {
            let layout = self.layouts.id(layout);
            let entry = &mut self.entries[slot as usize];
            let place = match &entry.state {
                State::Ready(buffer) => {
                    reads_borrowed |= buffer.is_borrowed();
                    Place::Ready(buffer.clone())
                }
                State::Failed(error) => {
                    let error = error.clone();
                    let mut garbage = Garbage::default();
                    self.release_inputs(&node, &mut garbage);
                    self.retire(node, &mut garbage);
                    return Err((error, garbage));
                }
                _ => {
                    entry.uses += 1;
                    Place::Pending(slot, None)
                }
            };
            node.inputs.push(Input { place, dtype, layout });
        }
        for scalar in scalars {
            node.scalars.push(scalar);
        }
        let sequence = self.end();
        node.bytes = 0;
        for (layout, dtype) in outputs {
            let slot = self.new_slot(State::Pending(sequence));
            node.outputs.push(Output { slot, dtype, layout: self.layouts.id(layout) });
            node.bytes += layout.elements() * dtype.size();
            give(slot);
        }
        self.pending_bytes += node.bytes;
        self.nodes.push_back(Some(node));
        let (nodes, bytes) = self.pending();
        Ok(Recorded { reads_borrowed, pending_nodes: nodes, pending_bytes: bytes })
    }

    /// Lets go of what a node that is done with holds, and keeps its memory for another one.
    pub fn retire(&mut self, mut node: Box<Node>, garbage: &mut Garbage) {
        while let Some(input) = node.inputs.pop() {
            if let Place::Ready(buffer) = input.place {
                garbage.buffers.push(buffer);
            }
        }
        match std::mem::replace(&mut node.operation, NodeOperation::Fill) {
            NodeOperation::Apply { .. } | NodeOperation::Copy | NodeOperation::Fill => {}
            // It may hold what belongs to its caller.
            shared @ (NodeOperation::Expression(_) | NodeOperation::Core(_)) => {
                garbage.operations.push(shared);
            }
        }
        node.scalars.clear();
        node.outputs.clear();
        node.has_waited = false;
        if self.spare.len() < MOST_SPARE {
            self.spare.push(node);
        }
    }

    /// A slot for a value that is there already.
    pub fn insert(&mut self, buffer: Arc<Buffer>) -> Slot {
        self.new_slot(State::Ready(buffer))
    }

    /// The buffer of a slot, where it is computed; the error, where it could not be.
    pub fn buffer(&self, slot: Slot) -> Result<Option<&Arc<Buffer>>> {
        match &self.entries[slot as usize].state {
            State::Ready(buffer) => Ok(Some(buffer)),
            State::Failed(error) => Err(error.clone()),
            _ => Ok(None),
        }
    }

    /// The remembered range of a slot's elements as indices.
    pub fn index_range(&mut self, slot: Slot) -> &mut Option<(i64, i64)> {
        &mut self.entry(slot).index_range
    }

    /// Another tensor holds the slot.
    pub fn retain(&mut self, slot: Slot) {
        self.entry(slot).handles += 1;
    }

    /// A tensor lets the slot go; true where nobody needs it any more, and it is to be collected.
    #[inline]
    pub fn release(&mut self, slot: Slot) -> bool {
        let entry = self.entry(slot);
        entry.handles -= 1;
        entry.handles == 0 && entry.uses == 0
    }

    /// Frees a slot that nobody needs, and in turn what only it needed (iteratively: chains may be long). What is freed is
    /// handed to the caller, to be dropped without the lock.
    pub fn collect(&mut self, slot: Slot, garbage: &mut Garbage) {
        let mut work: SmallVec<[Slot; 8]> = SmallVec::new();
        let mut next = Some(slot);
        while let Some(slot) = next.take().or_else(|| work.pop()) {
            let entry = self.entry(slot);
            if entry.handles > 0 || entry.uses > 0 {
                continue;
            }
            match entry.state {
                // One in flight is collected by the flush that finds nobody waiting for it.
                State::Free | State::InFlight(_) => {}
                State::Ready(_) | State::Failed(_) => {
                    if let State::Ready(buffer) = std::mem::replace(&mut entry.state, State::Free) {
                        // Nodes that wait keep it alive.
                        if Arc::strong_count(&buffer) > 1 {
                            self.kept_bytes += buffer.size();
                        }
                        garbage.buffers.push(buffer);
                    }
                    self.free.push(slot);
                }
                State::Pending(sequence) => {
                    if let Some(node) = self.take_if_dead(sequence) {
                        for output in &node.outputs {
                            self.entry(output.slot).state = State::Free;
                            self.free.push(output.slot);
                        }
                        for input in &node.inputs {
                            if let Place::Pending(from, _) = input.place {
                                self.entry(from).uses -= 1;
                                work.push(from);
                            }
                        }
                        self.retire(node, garbage);
                    }
                }
            }
        }
    }

    fn take_if_dead(&mut self, sequence: Sequence) -> Option<Box<Node>> {
        let index = (sequence - self.first) as usize;
        let entries = &self.entries;
        let dead = self.nodes[index].as_ref()?.outputs.iter().all(|output| {
            let entry = &entries[output.slot as usize];
            entry.handles == 0 && entry.uses == 0
        });
        let node = if dead { self.nodes[index].take() } else { None }?;
        self.pending_bytes -= node.bytes;
        Some(node)
    }

    /// A node that ran, or never will, reads its inputs no longer.
    pub fn release_inputs(&mut self, node: &Node, garbage: &mut Garbage) {
        for input in &node.inputs {
            if let Place::Pending(slot, _) = input.place {
                let entry = self.entry(slot);
                entry.uses -= 1;
                // One in flight is done with when its own node is.
                let is_dead = entry.handles == 0 && entry.uses == 0;
                if is_dead && !matches!(entry.state, State::InFlight(_)) {
                    self.collect(slot, garbage);
                }
            }
        }
    }

    /// The number that the next node will get.
    fn end(&self) -> Sequence {
        self.first + self.nodes.len() as Sequence
    }

    /// How many nodes wait (dead ones included), and the bytes that they will need: what only they keep alive, and a
    /// quarter of their outputs, for most of these are fused away, and a flush in between would write them all.
    pub fn pending(&self) -> (usize, usize) {
        (self.nodes.len(), self.pending_bytes / 4 + self.kept_bytes)
    }

    /// Slots in use, for tests of leaks.
    #[cfg(test)]
    pub fn live_slots(&self) -> usize {
        self.entries.len() - self.free.len()
    }
}

/// An input of a node that is to be recorded.
pub(crate) struct Reading<'a> {
    /// The slot, of the same shard.
    pub slot: Slot,
    /// The dtype of the elements.
    pub dtype: DType,
    /// How they are read.
    pub layout: &'a Arc<Layout>,
}

/// What recording a node gave.
pub(crate) struct Recorded {
    /// It reads memory that somebody else may write to.
    pub reads_borrowed: bool,
    /// See [`Arena::pending`].
    pub pending_nodes: usize,
    /// See [`Arena::pending`].
    pub pending_bytes: usize,
}

/// What was freed under the lock and is dropped after it: it may hold what belongs to others.
#[derive(Debug, Default)]
pub(crate) struct Garbage {
    /// Buffers that nobody holds any more.
    pub buffers: SmallVec<[Arc<Buffer>; 2]>,
    /// Expressions and cores of nodes that are done with.
    pub operations: SmallVec<[NodeOperation; 2]>,
}
