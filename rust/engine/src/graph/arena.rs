//! The arena of a shard: slots of values with plain counts, and the nodes that will fill them.

use std::collections::VecDeque;
use std::sync::Arc;

use smallvec::SmallVec;
use tenfold_ir::{Buffer, Error, Result};

use super::node::{Node, Place, Slot};

/// The place of a node in the order of recording.
pub(crate) type Sequence = u64;

/// Where a value stands.
#[derive(Debug)]
enum State {
    /// Nobody's; may be given out again.
    Free,
    /// Not computed; the node waits in the arena.
    Pending(Sequence),
    /// Being computed by a flush.
    InFlight,
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

/// Slots and pending nodes. A slot with neither handles nor uses is free, and what it kept alive goes with it.
#[derive(Debug, Default)]
pub(crate) struct Arena {
    entries: Vec<Entry>,
    free: Vec<Slot>,
    /// Pending nodes in the order of recording, from number `first` on; `None` where one has died.
    nodes: VecDeque<Option<Node>>,
    first: Sequence,
    pending_bytes: usize,
}

impl Arena {
    fn entry(&mut self, slot: Slot) -> &mut Entry {
        &mut self.entries[slot as usize]
    }

    fn new_slot(&mut self, state: State) -> Slot {
        let entry = Entry { handles: 1, uses: 0, state, index_range: None };
        match self.free.pop() {
            Some(slot) => {
                self.entries[slot as usize] = entry;
                slot
            }
            None => {
                self.entries.push(entry);
                (self.entries.len() - 1) as Slot
            }
        }
    }

    /// Adds a pending node; its outputs get slots with one handle each.
    pub fn record(&mut self, mut node: Node) -> SmallVec<[Slot; 2]> {
        for input in &node.inputs {
            if let Place::Pending(slot) = input.place {
                self.entry(slot).uses += 1;
            }
        }
        let sequence = self.end();
        for _ in 0..node.specs.len() {
            let slot = self.new_slot(State::Pending(sequence));
            node.outputs.push(slot);
        }
        self.pending_bytes += node.bytes();
        let outputs = node.outputs.clone();
        self.nodes.push_back(Some(node));
        outputs
    }

    /// A slot for a value that is there already.
    pub fn insert(&mut self, buffer: Arc<Buffer>) -> Slot {
        self.new_slot(State::Ready(buffer))
    }

    /// How a new node of this shard reads a slot.
    pub fn place(&self, slot: Slot) -> Result<Place> {
        match &self.entries[slot as usize].state {
            State::Ready(buffer) => Ok(Place::Ready(buffer.clone())),
            State::Failed(error) => Err(error.clone()),
            _ => Ok(Place::Pending(slot)),
        }
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

    /// A tensor lets the slot go. What is freed is handed to the caller, to be dropped without the lock.
    pub fn release(&mut self, slot: Slot) -> Garbage {
        let mut garbage = Garbage::default();
        self.entry(slot).handles -= 1;
        self.collect(slot, &mut garbage);
        garbage
    }

    /// Frees a slot that nobody needs, and in turn what only it needed (iteratively: chains may be long).
    fn collect(&mut self, slot: Slot, garbage: &mut Garbage) {
        let mut work: SmallVec<[Slot; 8]> = SmallVec::from_slice(&[slot]);
        while let Some(slot) = work.pop() {
            let entry = self.entry(slot);
            if entry.handles > 0 || entry.uses > 0 {
                continue;
            }
            match entry.state {
                // One in flight is collected by the flush that finds nobody waiting for it.
                State::Free | State::InFlight => {}
                State::Ready(_) | State::Failed(_) => {
                    if let State::Ready(buffer) = std::mem::replace(&mut entry.state, State::Free) {
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

    fn take_if_dead(&mut self, sequence: Sequence) -> Option<Node> {
        let index = (sequence - self.first) as usize;
        let entries = &self.entries;
        let dead = self.nodes[index].as_ref()?.outputs.iter().all(|&output| {
            let entry = &entries[output as usize];
            entry.handles == 0 && entry.uses == 0
        });
        let node = if dead { self.nodes[index].take() } else { None }?;
        self.pending_bytes -= node.bytes();
        Some(node)
    }

    /// The number that the next node will get.
    pub fn end(&self) -> Sequence {
        self.first + self.nodes.len() as Sequence
    }

    /// How many nodes wait (dead ones included), and the bytes of their outputs.
    pub fn pending(&self) -> (usize, usize) {
        (self.nodes.len(), self.pending_bytes)
    }

    /// Takes the first node recorded before `end`, to be run: its inputs are buffers then, its outputs in flight.
    ///
    /// An input that could not be computed makes the node fail as well; it is skipped.
    pub fn start(&mut self, end: Sequence, garbage: &mut Garbage) -> Option<Node> {
        while self.first < end {
            let front = self.nodes.pop_front()?;
            self.first += 1;
            let Some(mut node) = front else { continue };
            self.pending_bytes -= node.bytes();
            let mut failure = None;
            for input in &mut node.inputs {
                let Place::Pending(slot) = input.place else { continue };
                match &self.entries[slot as usize].state {
                    State::Ready(buffer) => input.place = Place::Ready(buffer.clone()),
                    State::Failed(error) => failure = Some(error.clone()),
                    _ => unreachable!("inputs are recorded, and so run, before the nodes that read them"),
                }
                self.entry(slot).uses -= 1;
                self.collect(slot, garbage);
            }
            match failure {
                Some(error) => self.fail(&node.outputs, &error),
                None => {
                    for &output in &node.outputs {
                        self.entry(output).state = State::InFlight;
                    }
                    return Some(node);
                }
            }
        }
        None
    }

    /// Puts a started node back in front of the others.
    pub fn restart(&mut self, node: Node) {
        self.first -= 1;
        let first = self.first;
        for &output in &node.outputs {
            self.entry(output).state = State::Pending(first);
        }
        self.pending_bytes += node.bytes();
        self.nodes.push_front(Some(node));
    }

    /// The results of a started node. Outputs that nobody wants are freed.
    pub fn finish(&mut self, outputs: &[Slot], buffers: Vec<Buffer>, garbage: &mut Garbage) {
        for (&slot, buffer) in outputs.iter().zip(buffers) {
            self.entry(slot).state = State::Ready(Arc::new(buffer));
            self.collect(slot, garbage);
        }
    }

    /// A started node could not be run: whoever looks at its outputs gets the error.
    pub fn fail(&mut self, outputs: &[Slot], error: &Error) {
        let mut garbage = Garbage::default();
        for &slot in outputs {
            self.entry(slot).state = State::Failed(error.clone());
            self.collect(slot, &mut garbage);
        }
    }

    /// Slots in use, for tests of leaks.
    #[cfg(test)]
    pub fn live_slots(&self) -> usize {
        self.entries.len() - self.free.len()
    }
}

/// What was freed under the lock and is dropped after it.
#[derive(Debug, Default)]
pub(crate) struct Garbage {
    /// Buffers that nobody holds any more.
    pub buffers: SmallVec<[Arc<Buffer>; 2]>,
    /// Nodes that died unrun.
    pub nodes: Vec<Node>,
}
