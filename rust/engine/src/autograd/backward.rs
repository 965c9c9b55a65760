//! The walk from results to leaves.

use std::collections::{BinaryHeap, HashMap, HashSet};
use std::sync::Arc;

use smallvec::SmallVec;
use tenfold_ir::{Error, Layout, Result, Shape};

use super::Guard;
use super::edge::{Context, Derivative, Edge, EdgeRef, Gradients, Output, record_gradient};
use crate::Tensor;
use crate::batch::BatchAxes;

/// Gradients that arrived at leaves, each with its leaf.
pub type Collected = Vec<(EdgeRef, Tensor)>;

/// An edge in the order in which it is visited: latest first.
struct Visit(Arc<Edge>);

impl PartialEq for Visit {
    fn eq(&self, other: &Visit) -> bool {
        self.0.sequence() == other.0.sequence()
    }
}
impl Eq for Visit {}
impl PartialOrd for Visit {
    fn partial_cmp(&self, other: &Visit) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Visit {
    fn cmp(&self, other: &Visit) -> std::cmp::Ordering {
        self.0.sequence().cmp(&other.0.sequence())
    }
}

/// A gradient while others may still arrive at the same place.
struct Sum {
    gradient: Tensor,
    /// Where it consists of the gradients of parts that lie apart, and is zero elsewhere: the parts.
    parts: SmallVec<[Layout; 4]>,
}

impl Sum {
    fn whole(gradient: Tensor) -> Sum {
        Sum { gradient, parts: SmallVec::new() }
    }

    /// The gradient of a part of a tensor of that shape.
    fn part(shape: &Shape, part: &Layout, gradient: &Tensor) -> Result<Sum> {
        let parts = if part.is_injective() { SmallVec::from_iter([part.clone()]) } else { SmallVec::new() };
        Ok(Sum { gradient: gradient.spread(part, shape)?, parts })
    }

    fn add(self, gradient: &Tensor) -> Result<Sum> {
        Ok(Sum::whole(self.gradient.add(gradient)?))
    }

    /// Adds the gradient of a part, to that part alone: the pieces of a tensor that was split do not cost the whole each.
    fn add_part(mut self, part: &Layout, gradient: &Tensor) -> Result<Sum> {
        let is_apart = !self.parts.is_empty() && self.parts.iter().all(|known| known.is_apart_from(part));
        if is_apart {
            self.gradient = self.gradient.overlay(part, gradient)?;
            self.parts.push(part.clone());
            return Ok(self);
        }
        if !part.is_injective() {
            let spread = gradient.spread(part, self.gradient.shape())?;
            return self.add(&spread);
        }
        let there = self.gradient.region(part)?.add(gradient)?;
        Ok(Sum::whole(self.gradient.overlay(part, &there)?))
    }
}

/// The gradient of each output of an edge, where one has arrived.
type Arrived<G = Sum> = SmallVec<[Option<G>; 2]>;

/// Gradients on their way: what has arrived at each edge so far.
#[derive(Default)]
struct Arrivals {
    /// The edges that are visited, where not all are.
    visited: Option<HashSet<*const Edge>>,
    by_edge: HashMap<*const Edge, Arrived>,
    order: BinaryHeap<Visit>,
}

impl Arrivals {
    fn wants(&self, edge: &EdgeRef) -> bool {
        self.visited.as_ref().is_none_or(|visited| visited.contains(&Arc::as_ptr(&edge.edge)))
    }

    fn add(&mut self, edge: &EdgeRef, gradient: Tensor) -> Result<()> {
        if !self.wants(edge) {
            return Ok(());
        }
        let Output { layout, dtype, batch } = &edge.edge.outputs()[edge.output];
        if gradient.shape() != layout.shape() || gradient.dtype() != *dtype {
            return Err(Error::shape(
                "backward",
                format!(
                    "{} got a gradient of shape {} and dtype {} for a result of shape {} and dtype {}",
                    edge.name().unwrap_or("a leaf"),
                    gradient.shape(),
                    gradient.dtype(),
                    layout.shape(),
                    dtype
                ),
            ));
        }
        let gradient = fitted(gradient, batch)?;
        let slot = self.slot(edge);
        *slot = Some(match slot.take() {
            None => Sum::whole(gradient),
            Some(sum) => sum.add(&gradient)?,
        });
        Ok(())
    }

    /// Adds the gradient of a part of an edge's result.
    fn add_part(&mut self, edge: &EdgeRef, part: &Layout, gradient: &Tensor) -> Result<()> {
        if !self.wants(edge) {
            return Ok(());
        }
        let Output { layout, dtype, batch } = &edge.edge.outputs()[edge.output];
        debug_assert!(gradient.shape() == part.shape() && gradient.dtype() == *dtype);
        let gradient = &fitted(gradient.clone(), batch)?;
        let slot = self.slot(edge);
        *slot = Some(match slot.take() {
            None => Sum::part(layout.shape(), part, gradient)?,
            Some(sum) => sum.add_part(part, gradient)?,
        });
        Ok(())
    }

    /// What has arrived at an edge, which is queued with the first gradient.
    fn slot(&mut self, edge: &EdgeRef) -> &mut Option<Sum> {
        let slots = self.by_edge.entry(Arc::as_ptr(&edge.edge)).or_insert_with(|| {
            self.order.push(Visit(edge.edge.clone()));
            edge.edge.outputs().iter().map(|_| None).collect()
        });
        &mut slots[edge.output]
    }

    fn next(&mut self) -> Option<(Arc<Edge>, Arrived<Tensor>)> {
        let Visit(edge) = self.order.pop()?;
        let sums = self.by_edge.remove(&Arc::as_ptr(&edge)).expect("queued with its gradients");
        Some((edge, sums.into_iter().map(|sum| sum.map(|sum| sum.gradient)).collect()))
    }
}

/// A gradient with the batch axes of the result that it belongs to.
#[inline]
fn fitted(gradient: Tensor, batch: &BatchAxes) -> Result<Tensor> {
    if gradient.batch().is_empty() && batch.is_empty() { Ok(gradient) } else { gradient.fitted_to(batch) }
}

/// The gradient to start from: the one given, or 1 for a result with one element.
fn starting_gradient(root: &Tensor, given: Option<&Tensor>) -> Result<Tensor> {
    match given {
        Some(gradient) => {
            if gradient.shape() != root.shape() {
                return Err(Error::shape(
                    "backward",
                    format!("the gradient has shape {}, the tensor {}", gradient.shape(), root.shape()),
                ));
            }
            gradient.cast(root.dtype())
        }
        None if root.elements() == 1 => {
            if root.dtype().is_complex() {
                return Err(Error::state("backward", "a complex result needs an explicit gradient"));
            }
            root.detach().ones_like()
        }
        None => Err(Error::state(
            "backward",
            format!("a gradient is created for results with one element only; got shape {}", root.shape()),
        )
        .hint("give the gradient, or reduce the result (sum, mean) first")),
    }
}

/// The edges on the ways from `roots` to the `wanted` ones. What else the roots depend on is not asked for its values, which
/// may be freed.
fn edges_between(roots: &[(&Tensor, Option<&Tensor>)], wanted: &[EdgeRef]) -> HashSet<*const Edge> {
    // Every edge is younger than what it depends on: none of the wanted ones lies beyond the oldest of them.
    let oldest = wanted.iter().map(|wanted| wanted.edge.sequence()).min().unwrap_or(0);
    let mut seen = HashSet::new();
    let mut is_new = |edge: &&EdgeRef| edge.edge.sequence() >= oldest && seen.insert(Arc::as_ptr(&edge.edge));
    let mut edges: Vec<&EdgeRef> =
        roots.iter().filter_map(|(root, _)| root.edge()).filter(&mut is_new).collect();
    let mut next = 0;
    while let Some(edge) = edges.get(next) {
        edges.extend(edge.parents().iter().flatten().filter(&mut is_new));
        next += 1;
    }
    edges.sort_unstable_by_key(|edge| edge.edge.sequence());
    let mut between: HashSet<*const Edge> = wanted.iter().map(|wanted| Arc::as_ptr(&wanted.edge)).collect();
    for edge in edges {
        let leads_on = |parent: &EdgeRef| between.contains(&Arc::as_ptr(&parent.edge));
        if edge.parents().iter().flatten().any(leads_on) {
            between.insert(Arc::as_ptr(&edge.edge));
        }
    }
    between
}

/// Walks from `roots`; `wanted` are edges at which gradients are also picked up on their way, or at which it ends.
fn walk(
    roots: &[(&Tensor, Option<&Tensor>)],
    retain_graph: bool,
    create_graph: bool,
    wanted: &[EdgeRef],
    ends_there: bool,
) -> Result<(Collected, Vec<Option<Tensor>>)> {
    // The dtypes were chosen on the way forward.
    let _as_recorded = crate::autocast::Off::enter();
    let visited = if wanted.is_empty() { None } else { Some(edges_between(roots, wanted)) };
    let mut arrivals = Arrivals { visited, ..Arrivals::default() };
    {
        let _mode = Guard::new(create_graph);
        for (root, gradient) in roots {
            let edge = root.edge().ok_or_else(|| {
                Error::state(
                    "backward",
                    "the tensor does not require a gradient and depends on none that does",
                )
                .hint("set requires_grad on an input before computing")
            })?;
            arrivals.add(edge, starting_gradient(root, *gradient)?)?;
        }
    }
    let _mode = Guard::new(create_graph);
    let mut leaves = Collected::new();
    let mut found: Vec<Option<Tensor>> = vec![None; wanted.len()];
    while let Some((edge, mut gradients)) = arrivals.next() {
        if ends_there && wanted.iter().any(|wanted| Arc::ptr_eq(&wanted.edge, &edge)) {
            for (place, wanted) in found.iter_mut().zip(wanted) {
                if Arc::ptr_eq(&wanted.edge, &edge) {
                    *place = gradients[wanted.output].take();
                }
            }
            continue;
        }
        for (output, gradient) in gradients.iter_mut().enumerate() {
            if gradient.is_none() {
                continue;
            }
            for hook in edge.hooks(output) {
                let current = gradient.as_ref().expect("checked above");
                if let Some(changed) = hook(current)? {
                    *gradient = Some(changed);
                }
            }
            for (place, wanted) in found.iter_mut().zip(wanted) {
                if Arc::ptr_eq(&wanted.edge, &edge) && wanted.output == output {
                    place.clone_from(gradient);
                }
            }
        }
        let this = EdgeRef { edge: edge.clone(), output: 0 };
        let is_needed =
            |parent: &Option<EdgeRef>| parent.as_ref().is_some_and(|parent| arrivals.wants(parent));
        let needs: SmallVec<[bool; 4]> = this.parents().iter().map(is_needed).collect();
        if !wanted.is_empty() && !needs.contains(&true) {
            continue;
        }
        match edge.operation(retain_graph || create_graph)? {
            None => {
                let gradient = gradients.remove(0).expect("a leaf is visited when its gradient arrives");
                leaves.push((this, gradient));
            }
            Some((derivative, saved)) => {
                if let (Some(part), [parent]) = (derivative.part(), this.parents()) {
                    if let (Some(parent), Some(gradient)) = (parent, &gradients[0]) {
                        arrivals.add_part(parent, part, gradient)?;
                    }
                    continue;
                }
                let context = Context { saved: &saved, gradients: &gradients, needs: &needs };
                let results = derivative.gradients(&context)?;
                for (parent, gradient) in this.parents().iter().zip(results) {
                    if let (Some(parent), Some(gradient)) = (parent, gradient) {
                        arrivals.add(parent, gradient)?;
                    }
                }
            }
        }
    }
    Ok((leaves, found))
}

/// The gradients of `roots` (weighted by the given gradients; 1 for a single number) at every leaf that they depend
/// on.
///
/// Frees what the derivatives have saved, unless `retain_graph`. With `create_graph` the gradients can be
/// differentiated themselves.
pub fn backward(
    roots: &[(&Tensor, Option<&Tensor>)],
    retain_graph: bool,
    create_graph: bool,
) -> Result<Collected> {
    Ok(walk(roots, retain_graph, create_graph, &[], false)?.0)
}

/// The gradients of `roots` at `inputs`; `None` at one that they do not depend on. Leaves keep their gradients.
pub fn gradients(
    roots: &[(&Tensor, Option<&Tensor>)],
    inputs: &[&Tensor],
    retain_graph: bool,
    create_graph: bool,
) -> Result<Vec<Option<Tensor>>> {
    let wanted = inputs
        .iter()
        .map(|input| {
            input.edge().cloned().ok_or_else(|| Error::state("grad", "an input does not require a gradient"))
        })
        .collect::<Result<Vec<EdgeRef>>>()?;
    Ok(walk(roots, retain_graph, create_graph, &wanted, false)?.1)
}

/// The gradient of `root`, weighted by `gradient`, at `input` from which it was computed, and no further: what lies before
/// is neither visited nor freed. `None` where it does not depend on it.
pub(super) fn gradient_at(
    root: &Tensor,
    gradient: &Tensor,
    input: &Tensor,
    create_graph: bool,
) -> Result<Option<Tensor>> {
    let (Some(edge), true) = (input.edge().cloned(), root.edge().is_some()) else { return Ok(None) };
    Ok(walk(&[(root, Some(gradient))], false, create_graph, &[edge], true)?.1.remove(0))
}

/// True where some of the tensors depend on a leaf other than those of `own`: whether somebody else may differentiate them.
pub fn depend_on_others(tensors: &[&Tensor], own: &[&Tensor]) -> bool {
    let is_own = |edge: &EdgeRef| own.iter().any(|leaf| leaf.edge().is_some_and(|own| own.is_same(edge)));
    let mut visited = std::collections::HashSet::new();
    let mut waiting: Vec<EdgeRef> = tensors.iter().filter_map(|tensor| tensor.edge().cloned()).collect();
    while let Some(edge) = waiting.pop() {
        if !visited.insert(Arc::as_ptr(&edge.edge)) {
            continue;
        }
        if edge.is_leaf() {
            if !is_own(&edge) {
                return true;
            }
            continue;
        }
        waiting.extend(edge.parents().iter().flatten().cloned());
    }
    false
}

/// The edge of a value that is handed on as it is.
#[derive(Debug)]
struct Identity;

impl Derivative for Identity {
    fn name(&self) -> &str {
        "identity"
    }

    fn gradients(&self, context: &Context<'_>) -> Result<Gradients> {
        Ok(Gradients::from_iter([Some(context.gradient(0).clone())]))
    }
}

/// The gradients of `compose(inputs)`, weighted by `arrived`, at the inputs, as differentiable operations: for the
/// derivative of a fused operation that is itself differentiated.
pub(crate) fn gradients_through(
    inputs: &[Tensor],
    arrived: &[Option<&Tensor>],
    compose: impl FnOnce(&[Tensor]) -> Result<Vec<Tensor>>,
) -> Result<Gradients> {
    // New edges in front of the inputs: the walk ends there.
    let fronts: Vec<Tensor> = inputs
        .iter()
        .map(|input| {
            let mut front = [input.detach()];
            record_gradient(&mut front, &[input], Identity, &[]);
            let [front] = front;
            front
        })
        .collect();
    let results = compose(&fronts)?;
    let roots: Vec<(&Tensor, Option<&Tensor>)> = results
        .iter()
        .zip(arrived)
        .filter(|(result, arrived)| arrived.is_some() && result.requires_grad())
        .map(|(result, arrived)| (result, *arrived))
        .collect();
    let wanted: Vec<EdgeRef> = fronts.iter().filter_map(|front| front.edge().cloned()).collect();
    if roots.is_empty() || wanted.is_empty() {
        return Ok(inputs.iter().map(|_| None).collect());
    }
    let mut found = walk(&roots, true, true, &wanted, true)?.1.into_iter();
    Ok(fronts.iter().map(|front| front.edge().and_then(|_| found.next().flatten())).collect())
}
