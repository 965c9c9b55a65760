//! The rules of fusion, each with its reason.

use smallvec::SmallVec;
use tenfold_ir::kernel::{AttentionKind, Reduction};
use tenfold_ir::{Core, Layout};

use super::groups::{Groups, Role};
use crate::graph::LayoutId;

/// Instructions of a group, at most: what a longer one saves is little beside its own work.
const MOST_INSTRUCTIONS: usize = 256;

/// Operands of a group, at most: each needs a register of the tile program, and a stream from memory.
const MOST_LOADS: usize = 24;

/// A group that would run so many nodes later than it was recorded keeps what it reads alive meanwhile.
const FAR: u32 = 32;

/// A node that would run so many nodes earlier fills memory that nobody reads yet.
const NEAR: u32 = 8;

/// *Producers join their reader.* What a node reads as it lies is computed in its kernel and never stored, unless a
/// tensor holds it. Possible where nothing else has read the producers' group; then it can run at the node's place.
pub(super) fn can_draw_in(groups: &Groups<'_>, from: u32, into: u32, node: u32) -> bool {
    let (source, target) = (&groups.groups[from as usize], &groups.groups[into as usize]);
    // One core a kernel.
    let cores_fit = match groups.core(from) {
        None => true,
        Some(core) => target.core.is_none() && takes_epilogue(core),
    };
    // Waiting must not keep more memory alive than running early would fill.
    let waits_cheaply = target.position - source.position <= FAR || source.loads.len() <= 1;
    !source.read_elsewhere
        && cores_fit
        && fits(groups, from, into)
        && waits_cheaply
        && groups.reads_as_it_lies(node, from)
}

/// *Movement between elementwise nodes is folded in.* What only this node reads, transposed, sliced or in another shape,
/// is computed where it is read, from operands that are moved likewise: the layout of that is the result. Not where the
/// node reads elements more than once, nor from so many operands that reading all of them out of order could cost more
/// than storing one result.
pub(super) fn can_see_through(groups: &Groups<'_>, from: u32, into: u32, node: u32) -> Option<Layout> {
    const MOST_MOVED: usize = 2;
    let source = &groups.groups[from as usize];
    if source.core.is_some()
        || source.read_elsewhere
        || source.loads.len() > MOST_MOVED
        || !fits(groups, from, into)
    {
        return None;
    }
    let waits_cheaply =
        groups.groups[into as usize].position - source.position <= FAR || source.loads.len() <= 1;
    // The one layout in which the node reads the group.
    let mut view: Option<LayoutId> = None;
    let mut reads: SmallVec<[u32; 4]> = SmallVec::new();
    for ((input, _), value) in groups.batch.inputs_of(node).zip(groups.values_read(node)) {
        let Some(value) = value.filter(|&value| groups.group_of_value(value) == from) else { continue };
        if view.is_some_and(|view| view != input.layout) {
            return None;
        }
        view = Some(input.layout);
        reads.push(value);
    }
    let view = &**groups.batch.layout(view?);
    let elements = |value: u32| {
        let maker = groups.batch.values[value as usize].node;
        groups.batch.shape_of(maker, 0).elements()
    };
    let repeats = reads.iter().any(|&value| view.elements() > elements(value));
    if !waits_cheaply || repeats || groups.views[node as usize].is_some() {
        return None;
    }
    let mut reads_something = false;
    for &member in &source.nodes {
        // An index along an axis has no meaning in another space.
        let moves = groups.roles[member as usize] == Role::Epilogue && !groups.reads_coordinates(member);
        if !moves || groups.batch.values_of(member).any(|made| groups.is_held(made)) {
            return None;
        }
        for ((input, _), value) in groups.batch.inputs_of(member).zip(groups.values_read(member)) {
            match value {
                Some(value) if groups.group_of_value(value) == from => reads.push(value),
                None if !input.is_computed() => {}
                _ => {
                    groups.layout_read(member, input, Some(view))?;
                    reads_something = true;
                }
            }
        }
        if let Some(own) = &groups.views[member as usize] {
            own.compose(view)?;
        }
    }
    // Nobody else needs any of it. (A kernel's spaces are known by its operands: one without any stays apart.)
    let exclusive = source.nodes.iter().flat_map(|&member| groups.batch.values_of(member)).all(|made| {
        reads.iter().filter(|&&value| value == made).count() as u32 == groups.uses[made as usize]
    });
    (exclusive && reads_something).then(|| view.clone())
}

/// *A reader joins producers that others have read too*, soon after them: it has its input at hand while that is
/// computed. Possible where all else that it reads is there by then.
pub(super) fn join_earlier(groups: &mut Groups<'_>, node: u32, read: &[u32]) {
    let own = groups.group_of[node as usize];
    let other = read.iter().map(|&value| groups.group_of_value(value)).filter(|&group| group != own);
    let Some(latest) = other.max_by_key(|&group| groups.groups[group as usize].position) else { return };
    let (group, earlier) = (&groups.groups[own as usize], &groups.groups[latest as usize]);
    // A core of its own might read what the earlier group computes: only elementwise nodes join.
    let cores_fit = group.core.is_none() && groups.core(latest).is_none_or(takes_epilogue);
    if cores_fit
        && group.after == earlier.position + 1
        && group.position - earlier.position <= NEAR
        && fits(groups, own, latest)
        && group.nodes.iter().all(|&member| groups.reads_as_it_lies(member, latest))
    {
        groups.merge(own, latest, earlier.position);
    }
}

/// *What is reduced is not stored*, and neither are rows on their way to a softmax or a norm: the nodes whose results only
/// the core needs become its prologue.
pub(super) fn take_prologue(groups: &mut Groups<'_>, id: u32, node: u32, value: u32) {
    let from = groups.group_of_value(value);
    let Some(core) = groups.core(id) else { return };
    let Some(input) = groups.values_read(node).position(|read| read == Some(value)) else { return };
    let rank =
        groups.batch.inputs_of(node).nth(input).map(|(read, _)| groups.batch.layout(read.layout).rank());
    let in_rows = matches!(core, Core::Rows(_));
    // What stands behind another core is in cache there: rows leave it an epilogue.
    let stays_behind = in_rows && groups.groups[from as usize].core.is_some();
    if from == id || stays_behind || !takes_prologue(core, input, rank.unwrap_or(0)) {
        return;
    }
    if !groups.reads_as_it_lies(node, from) {
        let view = can_see_through(groups, from, id, node);
        // Rows are computed one after the other, in the order in which they lie.
        if let Some(view) = view.filter(|view| !in_rows || view.is_dense()) {
            groups.move_into(from, &view);
            for index in 0..groups.groups[from as usize].nodes.len() {
                let member = groups.groups[from as usize].nodes[index];
                groups.roles[member as usize] = Role::Prologue;
            }
            let position = groups.groups[id as usize].position;
            groups.merge(from, id, position);
        }
        return;
    }
    let cone = exclusive_cone(groups, from, value);
    if cone.is_empty() {
        return;
    }
    // What the cone reads of the group's other values must be stored: at most as much as is saved.
    let mut leaves: SmallVec<[u32; 4]> = SmallVec::new();
    let mut reads_something = false;
    for &member in &cone {
        for ((input, _), value) in groups.batch.inputs_of(member).zip(groups.values_read(member)) {
            let Some(value) = value else {
                reads_something |= input.is_computed();
                continue;
            };
            let maker = groups.batch.values[value as usize].node;
            if cone.contains(&maker) {
                continue;
            }
            reads_something = true;
            if groups.group_of[maker as usize] == from && !leaves.contains(&value) {
                debug_assert!(
                    groups.is_whole(value, input.layout),
                    "within a group values are read as they lie"
                );
                leaves.push(value);
            }
        }
    }
    let newly_stored = leaves.iter().filter(|&&leaf| !groups.is_held(leaf)).count();
    // A kernel's spaces are known by its operands: one without any stays apart.
    if newly_stored > 1 || !reads_something {
        return;
    }
    let source = &mut groups.groups[from as usize];
    source.nodes.retain(|member| !cone.contains(member));
    source.read_elsewhere |= !leaves.is_empty();
    let after = source.after.max(if leaves.is_empty() { 0 } else { source.position + 1 });
    let loads = source.loads.clone();
    let target = &mut groups.groups[id as usize];
    target.after = target.after.max(after);
    target.instructions += cone.len();
    target.loads.extend(loads);
    for &member in &cone {
        groups.group_of[member as usize] = id;
        groups.roles[member as usize] = Role::Prologue;
    }
    groups.groups[id as usize].nodes.extend(cone);
}

/// The elementwise nodes of a group from which nothing but `value` is made.
fn exclusive_cone(groups: &Groups<'_>, group: u32, value: u32) -> SmallVec<[u32; 8]> {
    let mut cone: SmallVec<[u32; 8]> = SmallVec::new();
    let mut members = groups.groups[group as usize].nodes.clone();
    members.sort_unstable_by(|a, b| b.cmp(a));
    // How often the cone (and the reduction) reads each value.
    let mut reads: SmallVec<[(u32, u32); 8]> = SmallVec::from_slice(&[(value, 1)]);
    for &member in &members {
        let exclusive = groups.roles[member as usize] == Role::Epilogue
            && groups.batch.values_of(member).all(|made| {
                let within = reads.iter().find(|read| read.0 == made).map_or(0, |read| read.1);
                within > 0 && !groups.is_held(made) && within == groups.uses[made as usize]
            });
        if !exclusive {
            continue;
        }
        cone.push(member);
        for value in groups.values_read(member).flatten() {
            match reads.iter_mut().find(|read| read.0 == value) {
                Some(read) => read.1 += 1,
                None => reads.push((value, 1)),
            }
        }
    }
    cone
}

/// Cores that compute an input themselves, which has that rank: what is reduced, once through, and the first input of rows
/// along the last axis.
pub(super) fn takes_prologue(core: &Core, input: usize, rank: usize) -> bool {
    match core {
        Core::Reduce(reduce) => reduce.operation != Reduction::Moments,
        Core::Rows(rows) => input == 0 && rows.axis + 1 == rank,
        _ => false,
    }
}

/// Cores whose (first) result passes through an epilogue while it is in cache.
pub(super) fn takes_epilogue(core: &Core) -> bool {
    match core {
        Core::Gemm(_) | Core::Convolution(_) | Core::Reduce(_) => true,
        Core::Attention(core) => core.kind == AttentionKind::Forward,
        _ => false,
    }
}

fn fits(groups: &Groups<'_>, one: u32, other: u32) -> bool {
    let (one, other) = (&groups.groups[one as usize], &groups.groups[other as usize]);
    one.instructions + other.instructions <= MOST_INSTRUCTIONS
        && one.loads.len() + other.loads.len() <= MOST_LOADS
}
