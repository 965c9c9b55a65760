//! The arena's part of a flush: nodes are taken, and their slots get what became of them.

use std::collections::HashMap;
use std::sync::Arc;

use smallvec::SmallVec;
use tenfold_ir::{Buffer, Error, Result};

use super::arena::{Entry, Flusher, State};
use super::{Arena, Batch, Garbage, Layouts, Node, Slot, Standing};

/// The layouts of a batch are kept for the next one unless they are more.
const MOST_LAYOUTS: usize = 128;

impl Arena {
    /// Takes all nodes, to be run: their outputs are in flight then.
    ///
    /// A node with an input that could not be computed fails as well; it is not among them.
    pub fn take(&mut self, garbage: &mut Garbage) -> Batch {
        let mut batch = Batch::new(std::mem::take(&mut self.layouts), self.nodes.len());
        while let Some(front) = self.nodes.pop_front() {
            self.first += 1;
            let Some(mut node) = front else { continue };
            self.pending_bytes -= node.bytes;
            let stands = |slot: Slot| {
                let entry = &self.entries[slot as usize];
                (&entry.state, entry.handles > 0)
            };
            match number_inputs(&mut node, stands) {
                Ok(()) => batch.push(node, |slot, value| {
                    let entry = &mut self.entries[slot as usize];
                    entry.state = State::InFlight(u64::from(value));
                    (entry.handles > 0, entry.uses)
                }),
                Err(error) => self.fail(node, &error, garbage),
            }
        }
        self.kept_bytes = 0;
        batch
    }

    /// A copy of what waits, as [`Arena::take`] would give it.
    pub fn peek(&self) -> Batch {
        let mut batch = Batch::new(self.layouts.clone(), self.nodes.len());
        let mut taken: HashMap<Slot, State> = HashMap::new();
        for node in self.nodes.iter().flatten() {
            let mut node = node.clone();
            let stands = |slot: Slot| {
                let entry = &self.entries[slot as usize];
                (taken.get(&slot).unwrap_or(&entry.state), entry.handles > 0)
            };
            if number_inputs(&mut node, stands).is_ok() {
                batch.push(node, |slot, value| {
                    taken.insert(slot, State::InFlight(u64::from(value)));
                    let entry = &self.entries[slot as usize];
                    (entry.handles > 0, entry.uses)
                });
            }
        }
        batch
    }

    /// Keeps the layouts of a batch that has run for the nodes that come: a program does much the same again and again.
    pub fn keep_layouts(&mut self, layouts: Layouts) {
        if self.nodes.is_empty() && layouts.len() <= MOST_LAYOUTS {
            self.layouts = layouts;
        }
    }

    /// The buffer of a slot, for an input that reads it, which counts no longer. Where nobody else needs the slot, it is free
    /// and the buffer is the caller's alone. `claimed` is what another input of the same kernel got from it.
    pub fn claim(&mut self, slot: Slot, claimed: Option<Arc<Buffer>>) -> Arc<Buffer> {
        let entry = self.entry(slot);
        entry.uses -= 1;
        let alone = entry.handles == 0 && entry.uses == 0;
        match &entry.state {
            State::Ready(buffer) if !alone => claimed.unwrap_or_else(|| buffer.clone()),
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
        self.free_slot(slot);
    }

    /// A slot for a buffer that is given back: one node's input reads it, no tensor holds it.
    pub fn put_back(&mut self, buffer: Arc<Buffer>) -> Slot {
        let slot = self.new_slot(State::Ready(buffer));
        let entry = self.entry(slot);
        (entry.handles, entry.uses) = (0, 1);
        slot
    }

    /// A copy of a node that was taken, to wait for the next flush while the node itself runs.
    pub fn postpone(&mut self, node: &Node) -> Box<Node> {
        for input in node.inputs.iter().filter(|input| input.is_counted()) {
            self.entry(input.slot).uses += 1;
        }
        Box::new(Node { has_waited: true, ..node.clone() })
    }

    /// Puts nodes that were taken but not run back in front of the others, in their order. They name `layouts`.
    pub fn restart(&mut self, nodes: SmallVec<[Box<Node>; 4]>, layouts: &Layouts, garbage: &mut Garbage) {
        let outputs: Vec<Slot> =
            nodes.iter().flat_map(|node| node.outputs.iter().map(|output| output.slot)).collect();
        for mut node in nodes.into_iter().rev() {
            self.first -= 1;
            let first = self.first;
            for input in &mut node.inputs {
                input.layout = self.layouts.id(&layouts[input.layout]);
            }
            for output in &mut node.outputs {
                output.layout = self.layouts.id(&layouts[output.layout]);
                self.entry(output.slot).state = State::Pending(first);
            }
            self.pending_bytes += node.bytes;
            self.nodes.push_front(Some(node));
        }
        // Some may have lost their last handle meanwhile.
        outputs.into_iter().for_each(|slot| self.collect(slot, garbage));
    }

    /// A node could not be run: whoever looks at its outputs gets the error.
    pub fn fail(&mut self, node: Box<Node>, error: &Error, garbage: &mut Garbage) {
        self.release_inputs(&node, garbage);
        for output in &node.outputs {
            self.fail_slot(output.slot, error, garbage);
        }
        self.retire(node, garbage);
    }

    fn fail_slot(&mut self, slot: Slot, error: &Error, garbage: &mut Garbage) {
        self.entry(slot).state = State::Failed(error.clone());
        self.collect(slot, garbage);
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
        slots.into_iter().for_each(|slot| self.fail_slot(slot, error, garbage));
    }
}

/// Tells each input what stands in its slot, of which `stands` gives the state, and whether a tensor holds it. An error
/// where one could not be computed.
fn number_inputs<'a>(node: &mut Node, stands: impl Fn(Slot) -> (&'a State, bool)) -> Result<()> {
    for input in &mut node.inputs {
        let (state, is_held) = stands(input.slot);
        input.standing = match state {
            State::InFlight(value) => Standing::Value(*value as u32),
            State::Failed(error) => return Err(error.clone()),
            _ => Standing::Computed { is_held },
        };
    }
    Ok(())
}
