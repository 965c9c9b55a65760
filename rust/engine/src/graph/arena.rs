//! The arena of a shard: slots of values with plain counts, and the nodes that will fill them.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use smallvec::SmallVec;
use tenfold_ir::{Buffer, Error, Result, Spec};

use super::batch::Batch;
use super::node::{Input, Node, Place, Slot};
use crate::plan::Plans;

/// The place of a node in the order of recording.
pub(crate) type Sequence = u64;

/// Where a value stands.
#[derive(Debug)]
enum State {
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
struct Entry {
    /// Tensors that hold the value.
    handles: u32,
    /// Pending nodes that read it.
    uses: u32,
    state: State,
    /// Smallest and largest element, where it once was checked as an index.
    index_range: Option<(i64, i64)>,
}

/// Held by the thread that runs a shard's nodes, with the plans that it has made.
pub(crate) type Flusher = &'static Mutex<Plans>;

/// Slots and pending nodes. A slot with neither handles nor uses is free, and what it kept alive goes with it.
#[derive(Default)]
pub(crate) struct Arena {
    entries: Vec<Entry>,
    free: Vec<Slot>,
    /// Pending nodes in the order of recording, from number `first` on; `None` where one has died.
    nodes: VecDeque<Option<Box<Node>>>,
    first: Sequence,
    /// Bytes of the outputs of pending nodes.
    pending_bytes: usize,
    /// Bytes of buffers that only pending nodes keep alive, at most.
    kept_bytes: usize,
    /// See [`Arena::flusher`]; made at the first flush.
    flusher: Option<Flusher>,
}

impl Arena {
    fn entry(&mut self, slot: Slot) -> &mut Entry {
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
    /// by now is read from its buffer. An error where one could not be computed, and the node, to be dropped without the
    /// lock.
    #[inline]
    pub fn record(
        &mut self,
        mut node: Box<Node>,
        mut give: impl FnMut(Slot),
    ) -> Result<Recorded, (Error, Box<Node>)> {
        let mut reads_borrowed = false;
        for index in 0..node.inputs.len() {
            let place = &mut node.inputs[index].place;
            if let Place::Pending(slot) = *place {
                let entry = &mut self.entries[slot as usize];
                match &entry.state {
                    State::Ready(buffer) => *place = Place::Ready(buffer.clone()),
                    State::Failed(error) => {
                        let error = error.clone();
                        self.forget_uses(&node.inputs[..index]);
                        return Err((error, node));
                    }
                    _ => {
                        entry.uses += 1;
                        continue;
                    }
                }
            }
            reads_borrowed |= place.is_borrowed();
        }
        let sequence = self.end();
        for _ in 0..node.specs.len() {
            let slot = self.new_slot(State::Pending(sequence));
            node.outputs.push(slot);
            give(slot);
        }
        node.bytes = node.specs.iter().map(Spec::bytes).sum();
        self.pending_bytes += node.bytes;
        self.nodes.push_back(Some(node));
        let (nodes, bytes) = self.pending();
        Ok(Recorded { reads_borrowed, pending_nodes: nodes, pending_bytes: bytes })
    }

    /// Takes back that a node which is not recorded after all reads these inputs.
    fn forget_uses(&mut self, inputs: &[Input]) {
        for input in inputs {
            if let Place::Pending(slot) = input.place {
                self.entry(slot).uses -= 1;
            }
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
                        for &output in &node.outputs {
                            self.entry(output).state = State::Free;
                            self.free.push(output);
                        }
                        for input in &node.inputs {
                            if let Place::Pending(from) = input.place {
                                self.entry(from).uses -= 1;
                                work.push(from);
                            }
                        }
                        garbage.nodes.push(node);
                    }
                }
            }
        }
    }

    fn take_if_dead(&mut self, sequence: Sequence) -> Option<Box<Node>> {
        let index = (sequence - self.first) as usize;
        let entries = &self.entries;
        let dead = self.nodes[index].as_ref()?.outputs.iter().all(|&output| {
            let entry = &entries[output as usize];
            entry.handles == 0 && entry.uses == 0
        });
        let node = if dead { self.nodes[index].take() } else { None }?;
        self.pending_bytes -= node.bytes;
        Some(node)
    }

    /// The number that the next node will get.
    pub fn end(&self) -> Sequence {
        self.first + self.nodes.len() as Sequence
    }

    /// How many nodes wait (dead ones included), and the bytes that they will need: what only they keep alive, and a
    /// quarter of their outputs, for most of these are fused away, and a flush in between would write them all.
    pub fn pending(&self) -> (usize, usize) {
        (self.nodes.len(), self.pending_bytes / 4 + self.kept_bytes)
    }

    /// Takes the nodes recorded before `end`, to be run: their outputs are in flight then.
    ///
    /// A node with an input that could not be computed fails as well; it is not among them.
    pub fn take(&mut self, end: Sequence, garbage: &mut Garbage) -> Batch {
        let mut batch = Batch::with_capacity((end - self.first) as usize);
        while self.first < end {
            let Some(front) = self.nodes.pop_front() else { break };
            self.first += 1;
            let Some(node) = front else { continue };
            self.pending_bytes -= node.bytes;
            match self.failure(&node) {
                Some(error) => {
                    self.release_inputs(&node, garbage);
                    self.fail(&node.outputs, &error, garbage);
                }
                None => self.add_to(&mut batch, node),
            }
        }
        self.kept_bytes = 0;
        batch
    }

    /// A copy of what waits, as [`Arena::take`] would give it.
    pub fn peek(&self) -> Batch {
        let mut batch = Batch { is_copy: true, ..Batch::default() };
        let mut values: HashMap<Slot, u32> = HashMap::new();
        for node in self.nodes.iter().flatten().filter(|node| self.failure(node).is_none()) {
            let first = batch.values.len() as u32;
            values.extend(node.outputs.iter().copied().zip(first..));
            let number = |slot: Slot| values.get(&slot).copied();
            batch.push(node.clone(), number, |slot| {
                let entry = &self.entries[slot as usize];
                (entry.handles > 0, entry.uses)
            });
        }
        batch
    }

    /// Why a node cannot be computed.
    fn failure(&self, node: &Node) -> Option<Error> {
        node.inputs.iter().find_map(|input| match input.place {
            Place::Pending(slot) => match &self.entries[slot as usize].state {
                State::Failed(error) => Some(error.clone()),
                _ => None,
            },
            Place::Ready(_) | Place::Claimed => None,
        })
    }

    fn add_to(&mut self, batch: &mut Batch, node: Box<Node>) {
        let (first, place) = (batch.values.len() as u32, batch.len());
        let number = |slot: Slot| match self.entries[slot as usize].state {
            State::InFlight(value) => Some(value),
            _ => None,
        };
        batch.push(node, number, |slot| {
            let entry = &self.entries[slot as usize];
            (entry.handles > 0, entry.uses)
        });
        for (value, &slot) in (first..).zip(&batch.node(place).outputs) {
            self.entry(slot).state = State::InFlight(value);
        }
    }

    /// The buffer of a slot for an input that reads it, which counts no longer. Where nobody else needs the slot, it
    /// is free and the buffer is the caller's alone.
    pub fn claim(&mut self, slot: Slot) -> Arc<Buffer> {
        let entry = self.entry(slot);
        entry.uses -= 1;
        let alone = entry.handles == 0 && entry.uses == 0;
        match &entry.state {
            State::Ready(buffer) if !alone => buffer.clone(),
            State::Ready(_) => {
                self.free.push(slot);
                match std::mem::replace(&mut self.entry(slot).state, State::Free) {
                    State::Ready(buffer) => buffer,
                    _ => unreachable!("looked at above"),
                }
            }
            _ => unreachable!("what a kernel reads is computed before it"),
        }
    }

    /// The result of a node that ran. A value that nobody wants is freed.
    pub fn finish(&mut self, slot: Slot, buffer: Arc<Buffer>, garbage: &mut Garbage) {
        self.entry(slot).state = State::Ready(buffer);
        self.collect(slot, garbage);
    }

    /// A value that was part of a kernel and has no memory: nobody holds it, and who read it has run.
    pub fn finish_inner(&mut self, slot: Slot) {
        let entry = self.entry(slot);
        debug_assert!(entry.handles == 0 && entry.uses == 0, "a value without memory is still wanted");
        entry.state = State::Free;
        self.free.push(slot);
    }

    /// A copy of a node that was taken, to wait for the next flush while the node itself runs.
    pub fn postpone(&mut self, node: &Node) -> Box<Node> {
        for input in &node.inputs {
            if let Place::Pending(slot) = input.place {
                self.entry(slot).uses += 1;
            }
        }
        Box::new(Node { has_waited: true, ..node.clone() })
    }

    /// Puts nodes that were taken but not run back in front of the others, in their order.
    pub fn restart(&mut self, nodes: SmallVec<[Box<Node>; 4]>, garbage: &mut Garbage) {
        let outputs: Vec<Slot> = nodes.iter().flat_map(|node| node.outputs.iter().copied()).collect();
        for node in nodes.into_iter().rev() {
            self.first -= 1;
            let first = self.first;
            for &output in &node.outputs {
                self.entry(output).state = State::Pending(first);
            }
            self.pending_bytes += node.bytes;
            self.nodes.push_front(Some(node));
        }
        // Some may have lost their last handle meanwhile.
        outputs.into_iter().for_each(|slot| self.collect(slot, garbage));
    }

    /// A node could not be run: whoever looks at its outputs gets the error.
    pub fn fail(&mut self, outputs: &[Slot], error: &Error, garbage: &mut Garbage) {
        for &slot in outputs {
            self.entry(slot).state = State::Failed(error.clone());
            self.collect(slot, garbage);
        }
    }

    /// A node that ran, or never will, reads its inputs no longer.
    pub fn release_inputs(&mut self, node: &Node, garbage: &mut Garbage) {
        for input in &node.inputs {
            if let Place::Pending(slot) = input.place {
                self.entry(slot).uses -= 1;
                self.collect(slot, garbage);
            }
        }
    }

    /// What a thread holds while it runs the nodes.
    pub fn flusher(&mut self) -> Flusher {
        self.flusher.get_or_insert_with(|| Box::leak(Box::default()))
    }

    /// The thread that ran the nodes exists no longer: what it was computing has failed, and others may run the rest.
    pub fn abandon(&mut self, error: &Error, garbage: &mut Garbage) {
        if self.flusher.take_if(|flusher| flusher.try_lock().is_err()).is_none() {
            return;
        }
        let lost = |entry: &Entry| matches!(entry.state, State::InFlight(_));
        let slots: Vec<Slot> = (0..self.entries.len())
            .filter(|&slot| lost(&self.entries[slot]))
            .map(|slot| slot as Slot)
            .collect();
        self.fail(&slots, error, garbage);
    }

    /// Slots in use, for tests of leaks.
    #[cfg(test)]
    pub fn live_slots(&self) -> usize {
        self.entries.len() - self.free.len()
    }
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

/// What was freed under the lock and is dropped after it.
#[derive(Debug, Default)]
pub(crate) struct Garbage {
    /// Buffers that nobody holds any more.
    pub buffers: SmallVec<[Arc<Buffer>; 2]>,
    /// Nodes that died unrun.
    pub nodes: SmallVec<[Box<Node>; 2]>,
}

impl Drop for Garbage {
    fn drop(&mut self) {
        self.nodes.drain(..).for_each(Node::recycle);
    }
}
