//! Nodes that compute what another node of the batch computes already.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash, Hasher};

use tenfold_ir::Core;

use super::Mixer;
use crate::graph::{Batch, Node, NodeOperation, Output};

/// For each value the first one that equals it. What is held of a repeated value counts for the first one.
///
/// Of two values that tensors hold each keeps memory of its own: one that is handed out may be written to.
pub(super) fn find(batch: &mut Batch) -> Vec<u32> {
    let mut same: Vec<u32> = (0..batch.values.len() as u32).collect();
    if batch.len() < 2 {
        return same;
    }
    let mut known: HashMap<u64, u32, BuildHasherDefault<Mixer>> =
        HashMap::with_capacity_and_hasher(batch.len() as usize, BuildHasherDefault::default());
    for node in 0..batch.len() {
        if !can_repeat(batch.node(node)) {
            continue;
        }
        let first = *known.entry(hash(batch, node, &same)).or_insert(node);
        let held = |node: u32| batch.values_of(node).any(|value| batch.values[value as usize].held);
        if first != node && !(held(first) && held(node)) && is_equal(batch, first, node, &same) {
            for (original, value) in batch.values_of(first).zip(batch.values_of(node)) {
                same[value as usize] = original;
                let held = batch.values[value as usize].held;
                batch.values[original as usize].held |= held;
            }
        }
    }
    same
}

/// Elementwise nodes, reductions and products: what derivatives tend to write twice.
fn can_repeat(node: &Node) -> bool {
    match &node.operation {
        NodeOperation::Apply { .. } | NodeOperation::Copy | NodeOperation::Fill => true,
        NodeOperation::Core(core) => matches!(**core, Core::Reduce(_) | Core::Gemm(_)),
        NodeOperation::Expression(_) => false,
    }
}

fn hash(batch: &Batch, node: u32, same: &[u32]) -> u64 {
    let mut hasher = Mixer::default();
    let recorded = batch.node(node);
    match &recorded.operation {
        NodeOperation::Apply { operation, scalars, .. } => (*operation as u32, *scalars).hash(&mut hasher),
        NodeOperation::Copy => 1u32.hash(&mut hasher),
        NodeOperation::Fill => 2u32.hash(&mut hasher),
        NodeOperation::Expression(_) | NodeOperation::Core(_) => 3u32.hash(&mut hasher),
    }
    for scalar in &recorded.scalars {
        scalar.to_f64().to_bits().hash(&mut hasher);
    }
    for (input, origin) in batch.inputs_of(node) {
        match origin {
            Some(value) => same[value as usize].hash(&mut hasher),
            None => input.slot.hash(&mut hasher),
        }
        input.layout.index().hash(&mut hasher);
    }
    hasher.finish()
}

fn is_equal(batch: &Batch, one: u32, other: u32, same: &[u32]) -> bool {
    let (a, b) = (batch.node(one), batch.node(other));
    let operations = match (&a.operation, &b.operation) {
        (
            NodeOperation::Apply { operation: first, compute: in_first, scalars: of_first },
            NodeOperation::Apply { operation: second, compute: in_second, scalars: of_second },
        ) => first == second && in_first == in_second && of_first == of_second,
        (NodeOperation::Copy, NodeOperation::Copy) | (NodeOperation::Fill, NodeOperation::Fill) => true,
        (NodeOperation::Core(first), NodeOperation::Core(second)) => match (&**first, &**second) {
            (Core::Reduce(first), Core::Reduce(second)) => first == second,
            (Core::Gemm(first), Core::Gemm(second)) => first == second,
            _ => false,
        },
        _ => false,
    };
    let spec = |output: &Output| (output.layout, output.dtype);
    operations
        && a.scalars == b.scalars
        && a.outputs.iter().map(spec).eq(b.outputs.iter().map(spec))
        && a.inputs.len() == b.inputs.len()
        && batch.inputs_of(one).zip(batch.inputs_of(other)).all(|((x, from_x), (y, from_y))| {
            let places = match (from_x, from_y) {
                (Some(p), Some(q)) => same[p as usize] == same[q as usize],
                (None, None) => x.slot == y.slot,
                _ => false,
            };
            places && x.dtype == y.dtype && x.layout == y.layout
        })
}
