//! The nodes that a flush has taken, with what the planner asks of them.

use std::sync::Arc;

use tenfold_ir::{Layout, Shape};

use super::node::{Input, Node, Slot};
use super::{LayoutId, Layouts};

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
    /// `None` for those that have run.
    pub nodes: Vec<Option<Box<Node>>>,
    /// All outputs.
    pub values: Vec<Value>,
    /// The number of a node's first value, and behind the last node their count.
    pub first_value: Vec<u32>,
    /// The layouts in which the nodes read and write.
    pub layouts: Layouts,
}

impl Batch {
    /// An empty batch, with room for that many nodes (of one output).
    pub fn new(layouts: Layouts, nodes: usize) -> Batch {
        let mut first_value = Vec::with_capacity(nodes + 1);
        first_value.push(0);
        Batch { nodes: Vec::with_capacity(nodes), values: Vec::with_capacity(nodes), first_value, layouts }
    }

    /// Adds the next node. `standing` tells whether tensors hold a slot and how many inputs read it, and is told the
    /// number of its value.
    #[inline]
    pub fn push(&mut self, node: Box<Node>, mut standing: impl FnMut(Slot, u32) -> (bool, u32)) {
        for output in &node.outputs {
            let (held, uses) = standing(output.slot, self.values.len() as u32);
            self.values.push(Value { node: self.nodes.len() as u32, held, waits: false, uses });
        }
        self.first_value.push(self.values.len() as u32);
        self.nodes.push(Some(node));
    }

    /// How many nodes were taken.
    #[inline]
    pub fn len(&self) -> u32 {
        self.nodes.len() as u32
    }

    /// A node that has not run.
    #[inline]
    pub fn node(&self, node: u32) -> &Node {
        self.nodes[node as usize].as_ref().expect("a node runs once")
    }

    /// The values of a node.
    #[inline]
    pub fn values_of(&self, node: u32) -> std::ops::Range<u32> {
        self.first_value[node as usize]..self.first_value[node as usize + 1]
    }

    /// The inputs of a node, each with the value of the batch that it reads.
    #[inline]
    pub fn inputs_of(&self, node: u32) -> impl Iterator<Item = (&Input, Option<u32>)> {
        self.node(node).inputs.iter().map(|input| (input, input.value()))
    }

    /// A layout in which a node reads or writes.
    #[inline]
    pub fn layout(&self, id: LayoutId) -> &Arc<Layout> {
        &self.layouts[id]
    }

    /// The shape of a node's output.
    pub fn shape_of(&self, node: u32, output: usize) -> &Shape {
        self.layouts[self.node(node).outputs[output].layout].shape()
    }
}
