//! The arena of a shard: slots of values with plain counts, and the nodes that will fill them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use smallvec::SmallVec;
use tenfold_ir::{Buffer, Error, Result};

use super::Layouts;
use super::node::{Node, NodeOperation, Slot};
use crate::plan::Plans;

/// The place of a node in the order of recording.
type Sequence = u64;

/// Where a value stands. Each is a word beside the tag, so that both move in registers.
#[derive(Debug)]
pub(super) enum State {
    /// Nobody's; may be given out again.
    Free,
    /// Not computed; the node waits in the arena.
    Pending(Sequence),
    /// Taken by a flush; the number of the value in its batch, which has 32 bits.
    InFlight(u64),
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

impl Entry {
    /// Changes a state that holds nothing. Without the question what of it is to be dropped, which has the new one put
    /// together elsewhere and moved.
    #[inline]
    fn replace(&mut self, state: State) {
        let before = std::mem::replace(&mut self.state, state);
        debug_assert!(
            !matches!(before, State::Ready(_) | State::Failed(_)),
            "what it holds would be kept for ever"
        );
        std::mem::forget(before);
    }
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
    pub(super) spare: Vec<Box<Node>>,
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

    #[inline(always)]
    pub(super) fn new_slot(&mut self, state: State) -> Slot {
        match self.free.pop() {
            Some(slot) => {
                // Field by field: an entry that is put together elsewhere would be copied right after it was written.
                let entry = self.entry(slot);
                entry.handles = 1;
                entry.uses = 0;
                entry.replace(state);
                entry.index_range = None;
                slot
            }
            None => {
                self.entries.push(Entry { handles: 1, uses: 0, state, index_range: None });
                (self.entries.len() - 1) as Slot
            }
        }
    }

    /// Lets go of what a node that is done with holds, and keeps its memory for another one.
    pub fn retire(&mut self, mut node: Box<Node>, garbage: &mut Garbage) {
        if let NodeOperation::Expression(_) | NodeOperation::Core(_) = node.operation {
            // It may hold what belongs to its caller.
            garbage.operations.push(std::mem::replace(&mut node.operation, NodeOperation::Fill));
        }
        node.inputs.clear();
        node.scalars.clear();
        node.outputs.clear();
        node.has_waited = false;
        node.bytes = 0;
        if self.spare.len() < MOST_SPARE {
            self.spare.push(node);
        }
    }

    /// A slot is nobody's any longer. It held no buffer.
    #[inline]
    pub(super) fn free_slot(&mut self, slot: Slot) {
        self.entry(slot).replace(State::Free);
        self.free.push(slot);
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
        if entry.handles > 0 || entry.uses == 0 {
            return entry.handles == 0;
        }
        // Only nodes that wait keep its memory alive from now on.
        if let State::Ready(buffer) = &entry.state {
            let bytes = buffer.size();
            self.kept_bytes += bytes;
        }
        false
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
                        garbage.buffers.push(buffer);
                    }
                    self.free.push(slot);
                }
                State::Pending(sequence) => {
                    if let Some(node) = self.take_if_dead(sequence) {
                        for output in &node.outputs {
                            self.free_slot(output.slot);
                        }
                        for input in node.inputs.iter().filter(|input| input.is_counted()) {
                            let from = self.entry(input.slot);
                            from.uses -= 1;
                            if from.uses == 0 && from.handles == 0 {
                                work.push(input.slot);
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
        for input in node.inputs.iter().filter(|input| input.is_counted()) {
            let entry = self.entry(input.slot);
            entry.uses -= 1;
            // One in flight is done with when its own node is.
            let is_dead = entry.handles == 0 && entry.uses == 0;
            if is_dead && !matches!(entry.state, State::InFlight(_)) {
                self.collect(input.slot, garbage);
            }
        }
    }

    /// The number that the next node will get.
    pub(super) fn end(&self) -> Sequence {
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

/// What was freed under the lock and is dropped after it: it may hold what belongs to others.
#[derive(Debug, Default)]
pub(crate) struct Garbage {
    /// Buffers that nobody holds any more.
    pub buffers: SmallVec<[Arc<Buffer>; 2]>,
    /// Expressions and cores of nodes that are done with.
    pub operations: SmallVec<[NodeOperation; 2]>,
}
