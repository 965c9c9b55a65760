//! Edges: what a result depends on.

use std::any::Any;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use smallvec::SmallVec;
use tenfold_ir::{DType, Error, Layout, Result};

use super::checkpoint::Kept;
use crate::Tensor;
use crate::batch::BatchAxes;

/// The gradients of an operation's inputs; `None` where none flows.
pub type Gradients = SmallVec<[Option<Tensor>; 3]>;

/// The derivative of an operation: a plain record, without closures over tensors.
pub trait Derivative: Send + Sync + 'static {
    /// The operation's name, for messages.
    fn name(&self) -> &str;
    /// The gradients of the inputs, in order, from those of the outputs.
    fn gradients(&self, context: &Context<'_>) -> Result<Gradients>;
    /// Where the output's gradient is that of a part of the only input: the part, as a layout over its dense elements.
    fn part(&self) -> Option<&Layout> {
        None
    }
}

/// What a derivative may look at.
pub struct Context<'a> {
    pub(super) saved: &'a [Tensor],
    pub(super) gradients: &'a [Option<Tensor>],
    pub(super) needs: &'a [bool],
}

impl Context<'_> {
    /// The saved value of that number.
    pub fn saved(&self, index: usize) -> &Tensor {
        &self.saved[index]
    }

    /// The gradient of an output that is known to have one (any only output).
    pub fn gradient(&self, output: usize) -> &Tensor {
        self.gradients[output].as_ref().expect("the output has a gradient")
    }

    /// The gradient of an output; `None` where nothing depends on it.
    pub fn gradient_if_any(&self, output: usize) -> Option<&Tensor> {
        self.gradients[output].as_ref()
    }

    /// True where the gradient of this input is wanted.
    pub fn needs(&self, input: usize) -> bool {
        self.needs[input]
    }
}

/// A value that a derivative needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Saved {
    /// An input of the operation.
    Input(usize),
    /// A result of the operation.
    Output(usize),
}

/// Changes or watches a gradient on its way; what it returns replaces the gradient.
pub type Hook = Arc<dyn Fn(&Tensor) -> Result<Option<Tensor>> + Send + Sync>;

/// The values that a derivative asked for, with their edges.
pub(super) type SavedTensors = SmallVec<[Tensor; 3]>;

#[derive(Clone)]
struct SavedValue {
    kept: Kept,
    /// Set for a result of the edge's own operation: stored without the edge, which would keep itself alive.
    own_output: Option<usize>,
}

enum Kind {
    /// A tensor that gradients end at, and whose it is.
    Leaf(OnceLock<Arc<dyn Any + Send + Sync>>),
    /// An operation.
    Operation {
        derivative: Box<dyn Derivative>,
        parents: SmallVec<[Option<EdgeRef>; 3]>,
        /// `None` once freed.
        saved: Mutex<Option<SmallVec<[SavedValue; 2]>>>,
    },
}

/// Shape, dtype and batch axes of an output.
#[derive(Clone)]
pub(super) struct Output {
    pub layout: Arc<Layout>,
    pub dtype: DType,
    pub batch: BatchAxes,
}

/// One operation (or leaf) in the record of what was computed from what.
pub struct Edge {
    /// Ascending in the order of recording: every edge is larger than its parents. See [`Tensor::number_behind`].
    sequence: AtomicU64,
    /// What each is.
    outputs: SmallVec<[Output; 1]>,
    kind: Kind,
    hooks: Mutex<Vec<(u64, usize, Hook)>>,
}

/// One output of an edge.
#[derive(Clone)]
pub struct EdgeRef {
    pub(super) edge: Arc<Edge>,
    pub(super) output: usize,
}

/// From one edge's number to the next one's.
const NUMBERS_APART: u64 = 8;

fn next_number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(NUMBERS_APART, Ordering::Relaxed)
}

impl EdgeRef {
    fn leaf(output: Output) -> EdgeRef {
        let edge = Edge {
            sequence: AtomicU64::new(next_number()),
            outputs: SmallVec::from_iter([output]),
            kind: Kind::Leaf(OnceLock::new()),
            hooks: Mutex::default(),
        };
        EdgeRef { edge: Arc::new(edge), output: 0 }
    }

    /// True for a tensor that gradients end at.
    pub fn is_leaf(&self) -> bool {
        matches!(self.edge.kind, Kind::Leaf(_))
    }

    /// True for the same output of the same edge.
    pub fn is_same(&self, other: &EdgeRef) -> bool {
        Arc::ptr_eq(&self.edge, &other.edge) && self.output == other.output
    }

    /// The name of the operation; `None` for a leaf.
    pub fn name(&self) -> Option<&str> {
        match &self.edge.kind {
            Kind::Leaf(_) => None,
            Kind::Operation { derivative, .. } => Some(derivative.name()),
        }
    }

    /// The edges that gradients flow on to; `None` for an input without a gradient.
    pub fn parents(&self) -> &[Option<EdgeRef>] {
        match &self.edge.kind {
            Kind::Leaf(_) => &[],
            Kind::Operation { parents, .. } => parents,
        }
    }

    /// Says whose leaf this is: what [`super::Collected`] hands back beside the gradient. The first owner stays.
    pub fn set_owner(&self, owner: Arc<dyn Any + Send + Sync>) {
        if let Kind::Leaf(cell) = &self.edge.kind {
            // A second owner is not an error: the leaf already reports to the first.
            let _already_owned = cell.set(owner);
        }
    }

    /// Whose leaf this is.
    pub fn owner(&self) -> Option<&Arc<dyn Any + Send + Sync>> {
        match &self.edge.kind {
            Kind::Leaf(cell) => cell.get(),
            Kind::Operation { .. } => None,
        }
    }

    /// True where a gradient that arrived has the batch axes of this output, and no others.
    pub fn is_batched_as(&self, gradient: &Tensor) -> bool {
        let own = &self.edge.outputs[self.output].batch;
        own.levels().count() == gradient.batch().levels().count()
    }

    /// Adds a hook on the gradient of this output; gives the number to remove it with.
    pub fn add_hook(&self, hook: Hook) -> u64 {
        let number = next_number();
        self.edge.hooks.lock().unwrap_or_else(PoisonError::into_inner).push((number, self.output, hook));
        number
    }

    /// Removes a hook.
    pub fn remove_hook(&self, number: u64) {
        self.edge.hooks.lock().unwrap_or_else(PoisonError::into_inner).retain(|hook| hook.0 != number);
    }
}

impl Edge {
    pub(super) fn sequence(&self) -> u64 {
        self.sequence.load(Ordering::Relaxed)
    }

    pub(super) fn outputs(&self) -> &[Output] {
        &self.outputs
    }

    /// Hooks on an output, copied out so that none runs under the lock.
    pub(super) fn hooks(&self, output: usize) -> Vec<Hook> {
        let hooks = self.hooks.lock().unwrap_or_else(PoisonError::into_inner);
        hooks.iter().filter(|hook| hook.1 == output).map(|hook| hook.2.clone()).collect()
    }

    /// The derivative with the values that it needs; frees them unless they are retained.
    pub(super) fn operation(
        self: &Arc<Edge>,
        retain: bool,
    ) -> Result<Option<(&dyn Derivative, SavedTensors)>> {
        let Kind::Operation { derivative, saved, .. } = &self.kind else { return Ok(None) };
        let mut slot = saved.lock().unwrap_or_else(PoisonError::into_inner);
        let values = slot.as_ref().ok_or_else(|| {
            Error::state("backward", "the saved values of the graph are already freed")
                .hint("give retain_graph=True to the first backward to go through the graph twice")
        })?;
        // What saved nothing can be gone through any number of times.
        let values =
            if retain || values.is_empty() { values.clone() } else { slot.take().unwrap_or_default() };
        drop(slot);
        let unpack = |value: &SavedValue| {
            let mut tensor = value.kept.get(retain)?;
            if let Some(output) = value.own_output {
                tensor.set_edge(Some(EdgeRef { edge: self.clone(), output }));
            }
            Ok(tensor)
        };
        let tensors = values.iter().map(unpack).collect::<Result<_>>()?;
        Ok(Some((&**derivative, tensors)))
    }

    fn take_links(&mut self, links: &mut Vec<EdgeRef>) {
        if let Kind::Operation { parents, saved, .. } = &mut self.kind {
            links.extend(parents.drain(..).flatten());
            if let Some(values) = saved.get_mut().unwrap_or_else(PoisonError::into_inner) {
                links.extend(values.iter_mut().filter_map(|value| value.kept.take_edge()));
            }
        }
    }
}

impl Drop for Edge {
    /// Iterative: a chain of a million edges must not overflow the stack.
    fn drop(&mut self) {
        let mut links = Vec::new();
        self.take_links(&mut links);
        while let Some(link) = links.pop() {
            if let Some(mut edge) = Arc::into_inner(link.edge) {
                edge.take_links(&mut links);
            }
        }
    }
}

impl fmt::Debug for EdgeRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Edge({}, output {})", self.name().unwrap_or("leaf"), self.output)
    }
}

/// Gives the results of an operation their gradient edge, where this thread records gradients and an input has one.
///
/// Results whose dtype has no gradient stay without.
pub fn record_gradient(
    outputs: &mut [Tensor],
    inputs: &[&Tensor],
    derivative: impl Derivative,
    saved: &[Saved],
) {
    if !inputs.iter().any(|input| input.requires_grad()) || !super::is_enabled() {
        return;
    }
    let value = |what: &Saved| match *what {
        Saved::Input(index) => {
            SavedValue { kept: Kept::of(inputs[index], || kept(inputs[index])), own_output: None }
        }
        Saved::Output(index) => SavedValue {
            kept: Kept::of(&outputs[index], || Ok(outputs[index].detach())),
            own_output: Some(index),
        },
    };
    let edge = Arc::new(Edge {
        sequence: AtomicU64::new(next_number()),
        outputs: outputs.iter().map(output_of).collect(),
        kind: Kind::Operation {
            derivative: Box::new(derivative),
            parents: inputs.iter().map(|input| input.edge().cloned()).collect(),
            saved: Mutex::new(Some(saved.iter().map(value).collect())),
        },
        hooks: Mutex::default(),
    });
    for (output, tensor) in outputs.iter_mut().enumerate() {
        if tensor.dtype().is_differentiable() {
            tensor.set_edge(Some(EdgeRef { edge: edge.clone(), output }));
        }
    }
}

fn output_of(tensor: &Tensor) -> Output {
    Output { layout: tensor.shared_layout().clone(), dtype: tensor.dtype(), batch: tensor.batch().clone() }
}

/// An input as a derivative keeps it: a copy where somebody else may write to its memory.
fn kept(input: &Tensor) -> Result<Tensor> {
    if !input.is_borrowed()? {
        return Ok(input.clone());
    }
    Ok(input.detach().copy()?.with_gradient_edge(input.edge().cloned()))
}

/// The gradient of the same tensor under another name.
struct AliasDerivative;

impl Derivative for AliasDerivative {
    fn name(&self) -> &str {
        "alias"
    }

    fn gradients(&self, context: &Context<'_>) -> Result<Gradients> {
        Ok(Gradients::from_iter([Some(context.gradient(0).clone())]))
    }
}

impl Tensor {
    /// The same value at a place of its own in the record, to differentiate with respect to: gradients that arrive there
    /// flow on to where the tensor comes from. A new leaf, where that is nowhere.
    pub fn alias(&self) -> Result<Tensor> {
        if !self.requires_grad() || !super::is_enabled() {
            return self.requires_gradient();
        }
        let mut result = [self.detach()];
        record_gradient(&mut result, &[self], AliasDerivative, &[]);
        let [result] = result;
        Ok(result)
    }

    /// Counts what leads here from `source`, of which alone this was made, as recorded right behind it, whenever that was. The
    /// order in which gradients are added must not depend on when somebody looks at a view.
    pub fn number_behind(&self, source: &Tensor) {
        let (Some(mut edge), Some(source)) = (self.edge(), source.edge()) else { return };
        let mut ways: SmallVec<[&Edge; 2]> = SmallVec::new();
        while !Arc::ptr_eq(&edge.edge, &source.edge) {
            ways.push(&edge.edge);
            let [Some(parent)] = edge.parents() else { return };
            edge = parent;
        }
        debug_assert!((ways.len() as u64) < NUMBERS_APART);
        for (edge, number) in ways.iter().rev().zip(source.edge.sequence() + 1..) {
            edge.sequence.store(number, Ordering::Relaxed);
        }
    }

    /// The value as a new leaf: gradients flow to it and end there.
    pub fn requires_gradient(&self) -> Result<Tensor> {
        self.check_differentiable("requires_grad")?;
        let mut leaf = self.detach();
        leaf.set_edge(Some(EdgeRef::leaf(output_of(self))));
        Ok(leaf)
    }

    /// The edge through which gradients flow to where the tensor comes from.
    pub fn gradient_edge(&self) -> Option<&EdgeRef> {
        self.edge()
    }

    /// The same value with the gradient edge of another tensor of its shape and dtype.
    pub fn with_gradient_edge(&self, edge: Option<EdgeRef>) -> Tensor {
        let mut tensor = self.detach();
        tensor.set_edge(edge);
        tensor
    }
}
