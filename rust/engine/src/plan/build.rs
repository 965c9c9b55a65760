//! From groups to kernels.

use std::borrow::Cow;

use smallvec::SmallVec;
use tenfold_ir::expr::Value;
use tenfold_ir::{Core, DType, Expr, Instruction, Kernel, Layout, Operand, Scalar, Spec, Specs};

use super::groups::{Groups, Role};
use super::{Origin, Read, Step};
use crate::graph::{Input, Node, NodeOperation};

/// The kernels of all groups, in the order in which they run.
pub(super) fn steps(groups: Groups<'_>) -> Vec<Step> {
    let mut order: Vec<u32> = (0..groups.groups.len() as u32)
        .filter(|&group| !groups.groups[group as usize].nodes.is_empty())
        .collect();
    order.sort_unstable_by_key(|&group| groups.groups[group as usize].position);
    let mut builder = Builder::new(&groups);
    let mut steps: Vec<Step> = Vec::with_capacity(order.len());
    let mut step_of: Vec<Option<u32>> = vec![None; groups.groups.len()];
    let mut unneeded: SmallVec<[u32; 4]> = SmallVec::new();
    for group in order {
        let step = builder.step(group);
        if step.outputs.is_empty() {
            unneeded.extend(step.nodes);
            continue;
        }
        step_of[group as usize] = Some(steps.len() as u32);
        steps.push(step);
    }
    // Constants that are written where they are read are done with when all that read them has run.
    if let Some(last) = steps.last_mut() {
        last.nodes.extend(unneeded);
    }
    // Nodes that repeat others are done with them.
    for node in (0..groups.batch.len()).filter(|&node| groups.is_repeated(node)) {
        for value in groups.batch.values_of(node) {
            let original = groups.same[value as usize];
            // One that repeats a constant is done with at the end, like the constant.
            let step = match step_of[groups.group_of_value(original) as usize] {
                Some(step) => steps.get_mut(step as usize),
                None => steps.last_mut(),
            };
            let Some(step) = step else { continue };
            if let Some(&(_, output)) = step.outputs.iter().find(|output| output.0 == original) {
                step.outputs.push((value, output));
            }
            if value == groups.batch.first_value[node as usize] {
                step.nodes.push(node);
            }
        }
    }
    steps
}

struct Builder<'g, 'b> {
    groups: &'g Groups<'b>,
    /// Values that need memory of their own.
    stored: Vec<bool>,
    /// What a value of the present group is called in the expression that is being written.
    names: Vec<Value>,
}

impl<'g, 'b> Builder<'g, 'b> {
    fn new(groups: &'g Groups<'b>) -> Builder<'g, 'b> {
        let batch = groups.batch;
        let mut stored: Vec<bool> = batch.values.iter().map(|value| value.held).collect();
        for node in (0..batch.len()).filter(|&node| !groups.is_repeated(node)) {
            for value in groups.values_read(node).flatten() {
                if !groups.is_inner(node, value) {
                    stored[value as usize] = true;
                }
            }
        }
        Builder { groups, stored, names: vec![0; batch.values.len()] }
    }

    fn step(&mut self, group: u32) -> Step {
        let groups = self.groups;
        let batch = groups.batch;
        let mut nodes: SmallVec<[u32; 4]> = SmallVec::from_slice(&groups.groups[group as usize].nodes);
        if !nodes.is_sorted() {
            nodes.sort_unstable();
        }
        let mut parts = Parts::default();
        let with_role = |role| nodes.iter().copied().filter(move |&node| groups.roles[node as usize] == role);

        let core_node = groups.groups[group as usize].core;
        let mut prologues: SmallVec<[Expr; 3]> = SmallVec::new();
        if let Some(node) = core_node {
            for (index, (input, origin)) in batch.inputs_of(node).enumerate() {
                let value = origin.map(|value| groups.same[value as usize]);
                prologues.push(match value {
                    Some(value) if groups.is_inner(node, value) => {
                        let mut writer = Writer::default();
                        with_role(Role::Prologue).for_each(|node| self.write(node, &mut writer, &mut parts));
                        writer.expr.output(self.names[value as usize]);
                        writer.expr
                    }
                    _ => {
                        let layout = Layout::clone(batch.layout(input.layout));
                        Expr::load_of(parts.operand(node, index, input, layout, value), input.dtype)
                    }
                });
            }
        }

        // An instruction a node, and some loads.
        let mut writer = Writer { expr: Expr::with_capacity(nodes.len() + 8), ..Writer::default() };
        let mut has_epilogue = core_node.is_none();
        if let Some(node) = core_node {
            for (index, (value, output)) in batch.values_of(node).zip(&batch.node(node).outputs).enumerate() {
                self.names[value as usize] = writer.expr.result(index as u16, output.dtype);
            }
        }
        for node in with_role(Role::Epilogue) {
            self.write(node, &mut writer, &mut parts);
            has_epilogue = true;
        }

        // Without an epilogue the core hands on all its results, otherwise only what is needed is stored.
        let mut outputs: SmallVec<[(u32, u32); 2]> = SmallVec::new();
        let mut specs = Specs::new();
        for &node in nodes.iter().filter(|&&node| groups.roles[node as usize] != Role::Prologue) {
            for (value, output) in batch.values_of(node).zip(&batch.node(node).outputs) {
                if self.stored[value as usize] || !has_epilogue {
                    outputs.push((value, specs.len() as u32));
                    specs.push(Spec::new(batch.layout(output.layout).shape().clone(), output.dtype));
                    writer.expr.output(self.names[value as usize]);
                }
            }
        }
        let core = match groups.core(group) {
            Some(core) => core.clone(),
            None => Core::Map,
        };
        let epilogue = has_epilogue.then_some(writer.expr);
        let kernel = Kernel {
            core,
            prologues,
            epilogue,
            operands: parts.operands,
            scalars: parts.scalars,
            outputs: specs,
        };
        Step {
            kernel,
            nodes,
            operands: parts.origins,
            reads: parts.reads,
            outputs,
            scalars: parts.scalar_origins,
            core: core_node,
        }
    }

    /// Writes an elementwise node, and names its values.
    fn write(&mut self, number: u32, writer: &mut Writer, parts: &mut Parts) {
        let groups = self.groups;
        let node = groups.batch.node(number);
        let mut arguments: SmallVec<[Value; 4]> = SmallVec::new();
        for (index, (input, origin)) in groups.batch.inputs_of(number).enumerate() {
            let value = origin.map(|value| groups.same[value as usize]);
            arguments.push(match value {
                Some(value) if let Some(constant) = groups.constant(value) => {
                    let maker = groups.batch.values[value as usize].node;
                    writer.scalar(parts.scalar(maker, 0, constant), input.dtype)
                }
                Some(value) if groups.is_inner(number, value) => self.names[value as usize],
                _ => {
                    let layout = match groups.views[number as usize] {
                        None => Cow::Borrowed(&**groups.batch.layout(input.layout)),
                        Some(_) => Cow::Owned(
                            groups
                                .layout_read(number, input, None)
                                .expect("views are checked when nodes are drawn in"),
                        ),
                    };
                    writer.load(parts.shared_operand(number, index, input, layout, value), input.dtype)
                }
            });
        }
        let mut scalars: SmallVec<[u16; 4]> = SmallVec::new();
        for (index, &scalar) in node.scalars.iter().enumerate() {
            scalars.push(parts.scalar(number, index, scalar));
        }
        let names = writer.write(node, &arguments, &scalars);
        for (value, name) in groups.batch.values_of(number).zip(names) {
            self.names[value as usize] = name;
        }
    }
}

/// What the expressions of a kernel refer to.
#[derive(Default)]
struct Parts {
    operands: SmallVec<[Operand; 4]>,
    origins: SmallVec<[Origin; 4]>,
    reads: SmallVec<[Read; 6]>,
    scalars: SmallVec<[Scalar; 2]>,
    /// The first node that has each scalar, and which of its own it is.
    scalar_origins: SmallVec<[(u32, u32); 2]>,
}

impl Parts {
    /// The operand that an input of an elementwise node reads; inputs that read the same share one.
    fn shared_operand(
        &mut self,
        node: u32,
        index: usize,
        input: &Input,
        layout: Cow<'_, Layout>,
        value: Option<u32>,
    ) -> u16 {
        let origin = origin(input, value);
        let known = self.origins.iter().zip(&self.operands).position(|(known, operand)| {
            *known == origin && operand.dtype == input.dtype && operand.layout == *layout
        });
        match known {
            Some(operand) => {
                self.reads.push(Read { node, input: index as u32, operand: operand as u32 });
                operand as u16
            }
            None => self.operand(node, index, input, layout.into_owned(), value),
        }
    }

    /// An operand for one input alone.
    fn operand(&mut self, node: u32, index: usize, input: &Input, layout: Layout, value: Option<u32>) -> u16 {
        self.operands.push(Operand { dtype: input.dtype, layout });
        self.origins.push(origin(input, value));
        let operand = self.operands.len() - 1;
        self.reads.push(Read { node, input: index as u32, operand: operand as u32 });
        operand as u16
    }

    /// The kernel's number for scalar `index` of a node.
    fn scalar(&mut self, node: u32, index: usize, scalar: Scalar) -> u16 {
        let known = self.scalars.iter().position(|&known| known == scalar);
        known.unwrap_or_else(|| {
            self.scalars.push(scalar);
            self.scalar_origins.push((node, index as u32));
            self.scalars.len() - 1
        }) as u16
    }
}

/// Where what a node reads comes from: `value` of the batch, or memory that was there before.
pub(super) fn origin(input: &Input, value: Option<u32>) -> Origin {
    value.map_or(Origin::Slot(input.slot), Origin::Value)
}

/// An expression that is being written. Loads and scalars are written once.
#[derive(Default)]
struct Writer {
    expr: Expr,
    loads: SmallVec<[(u16, Value); 4]>,
    scalars: SmallVec<[(u16, DType, Value); 4]>,
}

impl Writer {
    fn load(&mut self, operand: u16, dtype: DType) -> Value {
        if let Some(&(_, value)) = self.loads.iter().find(|load| load.0 == operand) {
            return value;
        }
        let value = self.expr.load(operand, dtype);
        self.loads.push((operand, value));
        value
    }

    fn scalar(&mut self, scalar: u16, dtype: DType) -> Value {
        if let Some(&(_, _, value)) = self.scalars.iter().find(|known| known.0 == scalar && known.1 == dtype)
        {
            return value;
        }
        let value = self.expr.scalar(scalar, dtype);
        self.scalars.push((scalar, dtype, value));
        value
    }

    /// Writes a node over arguments that are there already; gives its results.
    fn write(&mut self, node: &Node, inputs: &[Value], scalars: &[u16]) -> SmallVec<[Value; 2]> {
        let result = match &node.operation {
            NodeOperation::Apply { operation, compute, scalars: mask } => {
                let signature = operation.signature(*compute).expect("checked when recorded");
                let (mut inputs, mut scalars) = (inputs.iter(), scalars.iter());
                let mut argument = 0;
                let arguments = signature.arguments.map(|dtype| {
                    let is_scalar = mask & (1 << argument) != 0;
                    argument += 1;
                    if is_scalar {
                        self.scalar(*scalars.next().expect("a scalar a bit"), dtype)
                    } else {
                        self.expr.cast(*inputs.next().expect("an input an argument"), dtype)
                    }
                });
                self.expr.apply(*operation, &arguments)
            }
            NodeOperation::Copy => self.expr.cast(inputs[0], node.outputs[0].dtype),
            NodeOperation::Fill => self.scalar(scalars[0], node.outputs[0].dtype),
            NodeOperation::Expression(expr) => return self.splice(expr, inputs, scalars),
            NodeOperation::Core(_) => unreachable!("a core is no expression"),
        };
        SmallVec::from_slice(&[result])
    }

    /// Writes the instructions of an expression; its operands are `inputs`.
    fn splice(&mut self, expr: &Expr, inputs: &[Value], scalars: &[u16]) -> SmallVec<[Value; 2]> {
        let mut names: SmallVec<[Value; 16]> = SmallVec::new();
        for (instruction, &dtype) in expr.instructions().iter().zip(expr.dtypes()) {
            names.push(match instruction {
                Instruction::Load { operand } => inputs[*operand as usize],
                Instruction::Result { .. } => unreachable!("a recorded expression has no core"),
                Instruction::Scalar { index } => self.scalar(scalars[*index as usize], dtype),
                Instruction::Coordinate { axis } => self.expr.coordinate(*axis),
                Instruction::Apply { operation, arguments } => {
                    self.expr.apply(*operation, &arguments.map(|argument| names[argument as usize]))
                }
                Instruction::Cast { from } => self.expr.cast(names[*from as usize], dtype),
            });
        }
        expr.outputs().iter().map(|&output| names[output as usize]).collect()
    }
}
