//! Which nodes share a kernel.
//!
//! Nodes are gone through in the order of recording, and each begins a group. It draws the groups of its inputs into its
//! own where the rules allow it: they then run when the new node would have run, which is possible because nothing
//! else has read them. What is left are groups in an order in which they can run.

use std::sync::Arc;

use smallvec::{SmallVec, smallvec};
use tenfold_ir::{Core, Instruction, Layout, Scalar};

use super::build::origin;
use super::{Origin, rules};
use crate::graph::{Batch, Input, LayoutId, NodeOperation};

/// What a node is within its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Computed before the core, for its first input.
    Prologue,
    /// The core of the group.
    Core,
    /// Elementwise on the outputs' shape: the whole of a map, or behind the core.
    Epilogue,
}

/// An operand of a group, by where it comes from and how it is read.
pub(crate) type Load = (Origin, LayoutId);

/// Nodes that share a kernel.
#[derive(Debug)]
pub(crate) struct Group {
    /// The nodes, in no order while groups are formed.
    pub nodes: SmallVec<[u32; 4]>,
    /// The node with the core, where there is one.
    pub core: Option<u32>,
    /// Where the group runs: in ascending order of this number, which is that of its last node when it was formed.
    pub position: u32,
    /// All groups that it reads run before this position.
    pub after: u32,
    /// A group that stays apart reads one of its values, and runs after it.
    pub read_elsewhere: bool,
    /// Instructions of its expressions, about.
    pub instructions: usize,
    /// What it reads that it does not compute itself, each once.
    pub loads: SmallVec<[Load; 4]>,
}

/// Groups while they are formed, and afterwards.
pub(crate) struct Groups<'a> {
    pub batch: &'a Batch,
    /// Values that repeat others stand for these.
    pub same: &'a [u32],
    /// The group of each node.
    pub group_of: Vec<u32>,
    /// What each node is in its group.
    pub roles: Vec<Role>,
    /// For a node that is computed in the space of a node that reads it, not in its own: the movement between them, as
    /// a layout over the dense tensor of its own shape.
    pub views: Vec<Option<Arc<Layout>>>,
    /// All groups; those whose nodes were drawn away are empty.
    pub groups: Vec<Group>,
    /// For each value how many inputs read it.
    pub uses: Vec<u32>,
}

/// Forms the groups of a batch; without fusion each node is one.
pub(crate) fn form<'a>(batch: &'a Batch, same: &'a [u32], fuse: bool) -> Groups<'a> {
    let count = batch.len() as usize;
    let mut groups = Groups {
        batch,
        same,
        group_of: vec![0; count],
        roles: vec![Role::Epilogue; count],
        views: vec![None; count],
        groups: Vec::with_capacity(count),
        uses: batch.values.iter().map(|value| value.uses).collect(),
    };
    groups.count_uses_of_repeated_values();
    for node in 0..batch.len() {
        if !groups.is_repeated(node) {
            groups.add(node, fuse);
        }
    }
    groups
}

impl<'a> Groups<'a> {
    /// True where another node computes the same.
    pub fn is_repeated(&self, node: u32) -> bool {
        let first = self.batch.first_value[node as usize];
        self.same[first as usize] != first
    }

    /// What reads a value that repeats another reads the other; and repeated nodes read nothing.
    fn count_uses_of_repeated_values(&mut self) {
        for value in 0..self.same.len() {
            let original = self.same[value] as usize;
            if original != value {
                self.uses[original] += self.uses[value];
                self.uses[value] = 0;
            }
        }
        for node in 0..self.batch.len() {
            if self.is_repeated(node) {
                for (_, origin) in self.batch.inputs_of(node) {
                    if let Some(value) = origin {
                        self.uses[self.same[value as usize] as usize] -= 1;
                    }
                }
            }
        }
    }

    /// The value of the batch that each input of a node reads. *Constants are written where they are read*: an
    /// elementwise node needs no value for one, in whatever shape it is read.
    pub fn values_read(&self, node: u32) -> impl Iterator<Item = Option<u32>> + use<'a, '_> {
        let elementwise = !matches!(self.batch.node(node).operation, NodeOperation::Core(_));
        self.batch.inputs_of(node).map(move |(_, origin)| {
            let value = self.same[origin? as usize];
            if elementwise && self.constant(value).is_some() { None } else { Some(value) }
        })
    }

    /// The number that a value has throughout, where it was recorded as that.
    pub fn constant(&self, value: u32) -> Option<Scalar> {
        let maker = self.batch.node(self.batch.values[value as usize].node);
        matches!(maker.operation, NodeOperation::Fill).then(|| maker.scalars[0])
    }

    /// The group that computes a value.
    pub fn group_of_value(&self, value: u32) -> u32 {
        self.group_of[self.batch.values[value as usize].node as usize]
    }

    /// True where a tensor holds the value or one that repeats it.
    pub fn is_held(&self, value: u32) -> bool {
        self.batch.values[value as usize].held
    }

    fn add(&mut self, node: u32, fuse: bool) {
        let recorded = self.batch.node(node);
        let core = matches!(recorded.operation, NodeOperation::Core(_));
        let id = self.groups.len() as u32;
        self.groups.push(Group {
            nodes: smallvec![node],
            core: core.then_some(node),
            position: node,
            after: 0,
            read_elsewhere: false,
            instructions: match &recorded.operation {
                NodeOperation::Expression(expr) => expr.instructions().len(),
                _ => 1,
            },
            loads: SmallVec::new(),
        });
        self.group_of[node as usize] = id;
        if core {
            self.roles[node as usize] = Role::Core;
        }
        let mut read: SmallVec<[u32; 4]> = SmallVec::new();
        let mut loads: SmallVec<[Load; 4]> = SmallVec::new();
        for ((input, _), value) in self.batch.inputs_of(node).zip(self.values_read(node)) {
            read.extend(value);
            add_load(&mut loads, (origin(input, value), input.layout));
        }
        self.groups[id as usize].loads = loads;
        if fuse {
            match (core, read.as_slice()) {
                (true, &[value, ..]) => rules::take_prologue(self, id, node, value),
                (true, []) => {}
                (false, read) => self.draw_in(node, read),
            }
        }
        self.note_reads(node, &read);
        if fuse && !core {
            rules::join_earlier(self, node, &read);
        }
    }

    /// Takes what computes the node's inputs into its group, as far as the rules go.
    fn draw_in(&mut self, node: u32, read: &[u32]) {
        for &value in read {
            let (from, into) = (self.group_of_value(value), self.group_of[node as usize]);
            if from == into {
                continue;
            }
            if !rules::can_draw_in(self, from, into, node) {
                let Some(view) = rules::can_see_through(self, from, into, node) else { continue };
                self.move_into(from, &view);
            }
            self.merge(from, into, self.groups[into as usize].position);
        }
    }

    /// True for a node whose elements depend on where they stand.
    pub fn reads_coordinates(&self, node: u32) -> bool {
        let is_coordinate = |instruction: &Instruction| matches!(instruction, Instruction::Coordinate { .. });
        match &self.batch.node(node).operation {
            NodeOperation::Expression(expr) => expr.instructions().iter().any(is_coordinate),
            _ => false,
        }
    }

    /// The nodes of an elementwise group are computed where `view`, over the group's space, is read.
    pub fn move_into(&mut self, group: u32, view: &Layout) {
        for &member in &self.groups[group as usize].nodes {
            let own = &mut self.views[member as usize];
            *own = Some(Arc::new(match own {
                Some(inner) => inner.compose(view).expect("views of a group are checked before"),
                None => view.clone(),
            }));
        }
    }

    /// The layout in which a node's kernel reads one of the node's inputs; `view` is a further movement. `None` where
    /// there is none with strides.
    pub fn layout_read(&self, node: u32, input: &Input, view: Option<&Layout>) -> Option<Layout> {
        let mut layout = Layout::clone(self.batch.layout(input.layout));
        for view in self.views[node as usize].as_deref().into_iter().chain(view) {
            layout = layout.compose(view)?;
        }
        Some(layout)
    }

    /// Groups that stay apart are read by the node's from now on.
    fn note_reads(&mut self, node: u32, read: &[u32]) {
        let own = self.group_of[node as usize];
        for &value in read {
            let from = self.group_of_value(value);
            if from != own {
                self.groups[from as usize].read_elsewhere = true;
                let position = self.groups[from as usize].position;
                let group = &mut self.groups[own as usize];
                group.after = group.after.max(position + 1);
            }
        }
    }

    /// Makes one group of two, to run at `position`.
    pub fn merge(&mut self, one: u32, other: u32, position: u32) {
        // The nodes of the smaller one move, so that a node moves seldom.
        let larger = self.groups[one as usize].nodes.len() > self.groups[other as usize].nodes.len();
        let (from, into) = if larger { (other, one) } else { (one, other) };
        let source = &mut self.groups[from as usize];
        let nodes = std::mem::take(&mut source.nodes);
        let (core, after, read_elsewhere) = (source.core.take(), source.after, source.read_elsewhere);
        let (instructions, loads) = (source.instructions, std::mem::take(&mut source.loads));
        for &node in &nodes {
            self.group_of[node as usize] = into;
        }
        let target = &mut self.groups[into as usize];
        target.nodes.extend_from_slice(&nodes);
        target.core = target.core.or(core);
        target.position = position;
        target.after = target.after.max(after);
        target.read_elsewhere |= read_elsewhere;
        target.instructions += instructions;
        for load in loads {
            add_load(&mut target.loads, load);
        }
        // What the group computes itself is no operand.
        let (batch, group_of) = (self.batch, &self.group_of);
        target.loads.retain(|load| match load.0 {
            Origin::Value(value) => group_of[batch.values[value as usize].node as usize] != into,
            Origin::Slot(_) => true,
        });
    }

    /// The core of a group.
    pub fn core(&self, group: u32) -> Option<&'a Core> {
        let node = self.groups[group as usize].core?;
        match &self.batch.node(node).operation {
            NodeOperation::Core(core) => Some(core),
            _ => None,
        }
    }

    /// True where the node reads every value that the group computes as it lies: dense, and in the group's own space.
    pub fn reads_as_it_lies(&self, node: u32, group: u32) -> bool {
        self.batch.inputs_of(node).all(|(input, origin)| {
            let Some(value) = origin.map(|value| self.same[value as usize]) else { return true };
            let maker = self.batch.values[value as usize].node;
            self.group_of[maker as usize] != group
                || (self.views[node as usize].is_none()
                    && self.roles[maker as usize] != Role::Prologue
                    && self.is_of_the_space(value)
                    && self.is_whole(value, input.layout))
        })
    }

    /// False for a further result of a core that has another shape than its first, such as one number a row.
    fn is_of_the_space(&self, value: u32) -> bool {
        let maker = self.batch.values[value as usize].node;
        let output = (value - self.batch.first_value[maker as usize]) as usize;
        output == 0 || self.batch.shape_of(maker, output) == self.batch.shape_of(maker, 0)
    }

    /// True where a node reads a value within their kernel: the value needs no memory for that.
    pub fn is_inner(&self, reader: u32, value: u32) -> bool {
        let maker = self.batch.values[value as usize].node;
        let roles = (self.roles[maker as usize], self.roles[reader as usize]);
        self.group_of[maker as usize] == self.group_of[reader as usize]
            && !matches!(roles, (Role::Prologue, Role::Epilogue))
    }

    /// True where a layout shows a value of the batch as it is.
    pub fn is_whole(&self, value: u32, layout: LayoutId) -> bool {
        let maker = self.batch.values[value as usize].node;
        let output = value - self.batch.first_value[maker as usize];
        if layout == self.batch.node(maker).outputs[output as usize].layout {
            return true;
        }
        let layout = self.batch.layout(layout);
        layout.is_dense() && layout.shape() == self.batch.shape_of(maker, output as usize)
    }
}

/// Adds an operand to a list that has each once.
fn add_load(loads: &mut SmallVec<[Load; 4]>, load: Load) {
    if !loads.contains(&load) {
        loads.push(load);
    }
}
