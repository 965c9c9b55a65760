//! The nodes that a flush has taken, with what the planner asks of them.

use super::node::{Input, Node, Place, Slot};

/// An output of a node of a batch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Value {
    /// The node that computes it.
    pub node: u32,
    /// A tensor held it when the batch was taken: it must be stored.
    pub held: bool,
    /// A tensor holds it, but it may wait for the next flush where no kernel needs it in memory.
    pub waits: bool,
    /// How many inputs of the batch's nodes read it.
    pub uses: u32,
}

/// Nodes in the order of recording. Their outputs, the *values*, are numbered through.
#[derive(Debug)]
pub(crate) struct Batch {
    /// A copy of what waits in the arena, which is not going to be run.
    pub is_copy: bool,
    /// `None` for those that have run.
    pub nodes: Vec<Option<Box<Node>>>,
    /// All outputs.
    pub values: Vec<Value>,
    /// The number of a node's first value, and behind the last node their count.
    pub first_value: Vec<u32>,
    /// For each input of each node the value that it reads, unless that was computed before.
    pub origins: Vec<Option<u32>>,
    /// The place of a node's first input in `origins`, and behind the last node their count.
    pub first_origin: Vec<u32>,
}

impl Default for Batch {
    fn default() -> Batch {
        Batch {
            is_copy: false,
            nodes: Vec::new(),
            values: Vec::new(),
            first_value: vec![0],
            origins: Vec::new(),
            first_origin: vec![0],
        }
    }
}

impl Batch {
    /// An empty batch, with room for that many nodes (of one output and two inputs).
    pub fn with_capacity(nodes: usize) -> Batch {
        let mut batch = Batch::default();
        batch.nodes.reserve(nodes);
        batch.values.reserve(nodes);
        batch.first_value.reserve(nodes);
        batch.origins.reserve(2 * nodes);
        batch.first_origin.reserve(nodes);
        batch
    }

    /// Adds the next node. `value_of` tells the value that a slot is, `standing` whether tensors hold a slot and how
    /// many inputs read it.
    pub fn push(
        &mut self,
        node: Box<Node>,
        value_of: impl Fn(Slot) -> Option<u32>,
        standing: impl Fn(Slot) -> (bool, u32),
    ) {
        for input in &node.inputs {
            self.origins.push(match input.place {
                Place::Pending(slot) => value_of(slot),
                Place::Ready(_) | Place::Claimed => None,
            });
        }
        self.first_origin.push(self.origins.len() as u32);
        for &slot in &node.outputs {
            let (held, uses) = standing(slot);
            self.values.push(Value { node: self.nodes.len() as u32, held, waits: false, uses });
        }
        self.first_value.push(self.values.len() as u32);
        self.nodes.push(Some(node));
    }

    /// How many nodes were taken.
    pub fn len(&self) -> u32 {
        self.nodes.len() as u32
    }

    /// A node that has not run.
    pub fn node(&self, node: u32) -> &Node {
        self.nodes[node as usize].as_ref().expect("a node runs once")
    }

    /// The values of a node.
    pub fn values_of(&self, node: u32) -> std::ops::Range<u32> {
        self.first_value[node as usize]..self.first_value[node as usize + 1]
    }

    /// The inputs of a node, each with the value of the batch that it reads.
    pub fn inputs_of(&self, node: u32) -> impl Iterator<Item = (&Input, Option<u32>)> {
        let origins =
            self.first_origin[node as usize] as usize..self.first_origin[node as usize + 1] as usize;
        self.node(node).inputs.iter().zip(self.origins[origins].iter().copied())
    }
}
