//! What a plan would do, in words and numbers.

use std::fmt;

use smallvec::SmallVec;
use tenfold_ir::Core;

use super::{Origin, Step, rules};
use crate::graph::{Batch, Node, NodeOperation};

/// A kernel of a plan.
#[derive(Clone, Debug)]
pub struct KernelReport {
    /// The core, and the operations that share its kernel.
    pub name: String,
    /// What is stored: shape and dtype of each output.
    pub outputs: Vec<String>,
    /// Bytes read and written, each operand's elements once.
    pub bytes: usize,
    /// Floating-point operations, about: a call of a function counts as one.
    pub flops: usize,
    /// For each input that another kernel of the plan stores, why the two are not one.
    pub apart: Vec<String>,
}

impl fmt::Display for KernelReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outputs = self.outputs.join(", ");
        write!(
            f,
            "{} -> {outputs}  {}, {}",
            self.name,
            with_unit(self.bytes, "B"),
            with_unit(self.flops, "FLOP")
        )?;
        self.apart.iter().try_for_each(|reason| write!(f, "\n    {reason}"))
    }
}

/// What would run.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// The kernels in the order in which they run.
    pub kernels: Vec<KernelReport>,
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.kernels.is_empty() {
            return write!(f, "nothing is pending");
        }
        for (index, kernel) in self.kernels.iter().enumerate() {
            let end = if index + 1 == self.kernels.len() { "" } else { "\n" };
            write!(f, "{:>3}  {kernel}{end}", index + 1)?;
        }
        Ok(())
    }
}

/// Describes the kernels of a plan.
pub(crate) fn explain(batch: &Batch, steps: &[Step]) -> Explanation {
    let mut maker: Vec<Option<usize>> = vec![None; batch.values.len()];
    let mut readers: Vec<usize> = vec![0; batch.values.len()];
    for (number, step) in steps.iter().enumerate() {
        step.outputs.iter().for_each(|output| maker[output.0 as usize] = Some(number));
        let mut values: SmallVec<[u32; 4]> = step.operands.iter().filter_map(value_of).collect();
        values.dedup();
        values.iter().for_each(|&value| readers[value as usize] += 1);
    }
    let kernels = steps.iter().map(|step| {
        let mut apart = Vec::new();
        for (operand, origin) in step.operands.iter().enumerate() {
            let Some(value) = value_of(origin) else { continue };
            let Some(made) = maker[value as usize] else { continue };
            let why = why_apart(batch, &steps[made], step, operand, value, readers[value as usize]);
            apart.push(format!("reads the result of kernel {}: {why}", made + 1));
        }
        KernelReport {
            name: name(batch, step),
            outputs: step
                .kernel
                .outputs
                .iter()
                .map(|spec| format!("{} {}", spec.dtype, spec.shape))
                .collect(),
            bytes: step.kernel.bytes(),
            flops: step.kernel.flops(),
            apart,
        }
    });
    Explanation { kernels: kernels.collect() }
}

fn value_of(origin: &Origin) -> Option<u32> {
    match *origin {
        Origin::Value(value) => Some(value),
        Origin::Slot(_) => None,
    }
}

/// The core's name and those of the elementwise operations, in the order of recording.
pub(crate) fn name(batch: &Batch, step: &Step) -> String {
    let core = match &step.kernel.core {
        Core::Map => None,
        core => Some(core.name()),
    };
    let mut names: Vec<&str> = Vec::new();
    for &node in &step.nodes {
        if let Some(node) = &batch.nodes[node as usize] {
            names.extend(elementwise_name(node));
        }
    }
    match (core, names.is_empty()) {
        (Some(core), true) => core.to_owned(),
        (Some(core), false) => format!("{core} [{}]", names.join(" ")),
        (None, _) => format!("map [{}]", names.join(" ")),
    }
}

fn elementwise_name(node: &Node) -> Option<&'static str> {
    match &node.operation {
        NodeOperation::Apply { operation, .. } => Some(operation.name()),
        NodeOperation::Copy => Some("copy"),
        NodeOperation::Fill => Some("fill"),
        NodeOperation::Expression(_) => Some("expression"),
        NodeOperation::Core(_) => None,
    }
}

fn why_apart(batch: &Batch, made: &Step, reads: &Step, operand: usize, value: u32, readers: usize) -> String {
    let takes_epilogue = matches!(made.kernel.core, Core::Map) || rules::takes_epilogue(&made.kernel.core);
    let layout = &reads.kernel.operands[operand].layout;
    // An input of the core, or read by an expression.
    let kernel = &reads.kernel;
    let mut inputs = 0..kernel.prologues.len();
    let input = inputs.find(|&input| kernel.plain_input(input).is_some_and(|(plain, _)| plain == operand));
    let takes_prologue = input.is_none_or(|input| rules::takes_prologue(&kernel.core, input, layout.rank()));
    let output = made.outputs.iter().find(|output| output.0 == value).map_or(0, |output| output.1);
    if !takes_epilogue {
        format!("{} stores its results", made.kernel.core.name())
    } else if !takes_prologue {
        format!("{} reads its inputs from memory", reads.kernel.core.name())
    } else if !layout.is_dense() || *layout.shape() != made.kernel.outputs[output as usize].shape {
        "it is read in another shape or order".to_owned()
    } else if readers > 1 {
        format!("{readers} kernels read it")
    } else if batch.values[value as usize].held {
        "a tensor holds it, and the kernel cannot have both".to_owned()
    } else if !matches!(made.kernel.core, Core::Map) && !matches!(reads.kernel.core, Core::Map) {
        "each has a core of its own".to_owned()
    } else {
        "one kernel would be too large, or keep memory alive too long".to_owned()
    }
}

/// The nodes of a batch, a line each: what was recorded.
pub(crate) fn graph(batch: &Batch) -> String {
    let mut lines = String::new();
    for node in 0..batch.len() {
        let recorded = batch.node(node);
        let name = match &recorded.operation {
            NodeOperation::Core(core) => core.name().to_owned(),
            _ => elementwise_name(recorded).unwrap_or_default().to_owned(),
        };
        let inputs: Vec<String> = batch
            .inputs_of(node)
            .map(|(input, origin)| match origin {
                Some(value) => format!("%{value}"),
                None => format!("{} {}", input.dtype, batch.layout(input.layout).shape()),
            })
            .collect();
        for (value, output) in batch.values_of(node).zip(&recorded.outputs) {
            let held = if batch.values[value as usize].held { "  held" } else { "" };
            let (dtype, shape) = (output.dtype, batch.layout(output.layout).shape());
            lines += &format!("%{value} = {name}({}): {dtype} {shape}{held}\n", inputs.join(", "));
        }
    }
    lines
}

fn with_unit(number: usize, unit: &str) -> String {
    match number {
        0..1_000 => format!("{number} {unit}"),
        1_000..1_000_000 => format!("{:.1} k{unit}", number as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} M{unit}", number as f64 / 1e6),
        _ => format!("{:.1} G{unit}", number as f64 / 1e9),
    }
}
