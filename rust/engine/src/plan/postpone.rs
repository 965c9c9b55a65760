//! Named temporaries may wait.
//!
//! A tensor that a program merely names on the way to what it looks at need not be written: writing every name of
//! `tanh(x * 1.5 + y)` costs twice the time of the chain. Its node waits for one more flush. By then the name is mostly
//! gone, and the node with it; whoever still holds it gets it then.

use smallvec::{SmallVec, smallvec};

use crate::graph::{Batch, Node, NodeOperation, Slot, Standing};

/// Nodes that are run twice for one name, at most.
const MOST_NODES: u32 = 16;

/// Marks the values that wait, where a look at `asked` began the flush: elementwise values that are read on the way and
/// can be computed later from what stays alive anyway, and what lies between. Names that wait count as not held.
pub(super) fn mark(batch: &mut Batch, same: &[u32], asked: Slot) {
    if !batch.values.iter().any(|value| value.held && value.uses > 0) {
        return;
    }
    let is_read = read_values(batch, same);
    // How many nodes it takes to compute a value later; `None` where that is not possible.
    let mut nodes_later: Vec<Option<u32>> = vec![None; batch.values.len()];
    for node in 0..batch.len() {
        let value = batch.first_value[node as usize];
        let recorded = batch.node(node);
        if !is_elementwise(recorded) {
            continue;
        }
        let nodes = recorded.inputs.iter().map(|input| match input.standing {
            Standing::Value(origin) => {
                let original = same[origin as usize];
                let maker = &batch.values[original as usize];
                match maker.held {
                    true => Some(0),
                    // What repeats a value that waits is gone.
                    false if original != origin => None,
                    false if maker.waits => Some(0),
                    false => nodes_later[origin as usize],
                }
            }
            Standing::Computed { is_held } => is_held.then_some(0),
            Standing::Unknown | Standing::Claimed => {
                unreachable!("planning follows taking and precedes running")
            }
        });
        let nodes = nodes.sum::<Option<u32>>().map(|inputs| inputs + 1).filter(|&nodes| nodes <= MOST_NODES);
        nodes_later[value as usize] = nodes;
        let is_asked = matches!(*recorded.outputs, [output] if output.slot == asked);
        if nodes.is_some()
            && batch.values[value as usize].held
            && is_read[value as usize]
            && !recorded.has_waited
            && !is_asked
        {
            batch.values[value as usize].held = false;
            mark_cone(batch, value);
        }
    }
}

/// Lets a value wait, with the values that only computing it later needs.
fn mark_cone(batch: &mut Batch, value: u32) {
    let mut work: SmallVec<[u32; 8]> = smallvec![value];
    while let Some(value) = work.pop() {
        if std::mem::replace(&mut batch.values[value as usize].waits, true) {
            continue;
        }
        let inputs = batch.inputs_of(batch.values[value as usize].node);
        work.extend(
            inputs.filter_map(|(_, origin)| origin).filter(|&origin| !batch.values[origin as usize].held),
        );
    }
}

/// Which values some node reads that runs. What repeats a value gets its memory: such a value is none of them.
fn read_values(batch: &Batch, same: &[u32]) -> Vec<bool> {
    let mut is_read = vec![false; batch.values.len()];
    for node in 0..batch.len() {
        let first = batch.first_value[node as usize];
        if same[first as usize] == first {
            for value in batch.inputs_of(node).filter_map(|(_, origin)| origin) {
                is_read[same[value as usize] as usize] = true;
            }
        }
    }
    for (value, &original) in same.iter().enumerate() {
        if original as usize != value {
            is_read[original as usize] = false;
        }
    }
    is_read
}

fn is_elementwise(node: &Node) -> bool {
    match node.operation {
        NodeOperation::Apply { .. } | NodeOperation::Copy => true,
        // A constant needs no memory where it is read, and expressions are no names of a program.
        NodeOperation::Fill | NodeOperation::Expression(_) | NodeOperation::Core(_) => false,
    }
}
