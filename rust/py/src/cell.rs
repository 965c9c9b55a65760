//! The cell behind a Python tensor: a value that may change, shared by its views.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use pyo3::prelude::*;
use tenfold::autograd::{self, EdgeRef};
use tenfold::batch;
use tenfold::{Error, Layout, Result, Tensor};

use crate::tensor::PyTensor;

/// A value that changes by in-place operations, and how often it did.
struct State {
    value: Tensor,
    version: u64,
}

/// What a view is a view of.
pub struct View {
    /// The tensor whose cell holds the value (never a view itself).
    pub base: Py<PyTensor>,
    /// Which of its elements, over the dense tensor of the base's shape.
    pub region: Arc<Layout>,
    /// No gradient flows through it, and writing through it is allowed on leaves: `detach()` and `.data`.
    pub detached: bool,
}

/// The state of a Python tensor.
pub struct Cell {
    /// A base's value; a view's value as of a version of the base.
    state: Mutex<State>,
    view: Option<Box<View>>,
    /// Made for tensors that have or expect a gradient.
    grad: OnceLock<Arc<Gradient>>,
    /// The innermost `vmap` at that time: only those that were active then may give it a value a sample.
    level: u64,
}

/// The place of a tensor's accumulated gradient, always the same object. The tensor owns it; the edge of a leaf knows it.
#[derive(Default)]
pub struct Gradient(Mutex<Option<Py<PyTensor>>>);

impl Gradient {
    /// The gradient object.
    pub fn get(&self, py: Python<'_>) -> Option<Py<PyTensor>> {
        locked(&self.0).as_ref().map(|grad| grad.clone_ref(py))
    }

    /// Sets or removes the gradient object.
    pub fn set(&self, grad: Option<Py<PyTensor>>) {
        let before = std::mem::replace(&mut *locked(&self.0), grad);
        drop(before);
    }
}

#[inline]
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics under these locks.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Cell {
    /// A cell of its own.
    pub fn new(value: Tensor) -> Cell {
        Cell::made(State { value, version: 0 }, None)
    }

    /// A view, with its present value.
    fn view(value: Tensor, version: u64, view: View) -> Cell {
        Cell::made(State { value, version }, Some(Box::new(view)))
    }

    #[inline]
    fn made(state: State, view: Option<Box<View>>) -> Cell {
        Cell { state: Mutex::new(state), view, grad: OnceLock::new(), level: batch::innermost() }
    }

    /// The value with its gradient edge.
    #[inline]
    pub fn value(&self) -> Result<Tensor> {
        match &self.view {
            None => Ok(locked(&self.state).value.clone()),
            Some(view) => self.value_of_view(view),
        }
    }

    /// The same of a tensor that is no view: nothing can fail.
    #[inline]
    pub fn own_value(&self) -> Option<Tensor> {
        self.view.is_none().then(|| locked(&self.state).value.clone())
    }

    fn value_of_view(&self, view: &View) -> Result<Tensor> {
        let base = &view.base.get().cell;
        let now = base.version();
        {
            let cached = locked(&self.state);
            if cached.version == now {
                return Ok(cached.value.clone());
            }
        }
        let (base, version) = base.value_and_version()?;
        let source = if view.detached { base.detach() } else { base };
        // Whoever looks first, and within `no_grad` or not, must not decide whether a gradient flows through the view.
        let mut value = {
            let _recording = autograd::Guard::new(true);
            let region = source.region(&view.region)?;
            region.number_behind(&source);
            region
        };
        let mut cached = locked(&self.state);
        // A detached view that was made a leaf of its own stays that leaf.
        let own_edge = cached.value.gradient_edge().filter(|edge| edge.is_leaf() && view.detached).cloned();
        if own_edge.is_some() {
            value = value.with_gradient_edge(own_edge);
        }
        let before = std::mem::replace(&mut *cached, State { value: value.clone(), version });
        drop(cached);
        drop(before);
        Ok(value)
    }

    /// A base's value and version.
    fn value_and_version(&self) -> Result<(Tensor, u64)> {
        let state = locked(&self.state);
        Ok((state.value.clone(), state.version))
    }

    /// How often the value was changed in place.
    pub fn version(&self) -> u64 {
        match &self.view {
            Some(view) => view.base.get().cell.version(),
            None => locked(&self.state).version,
        }
    }

    /// What it is a view of.
    pub fn viewed(&self) -> Option<&View> {
        self.view.as_deref()
    }

    /// Changes the value: an in-place operation. Shape and dtype stay.
    ///
    /// A leaf that requires a gradient may only be changed while gradients are not recorded; it stays a leaf. A view
    /// in which one element of the base stands at several places is not written.
    pub fn assign(&self, operation: &'static str, value: Tensor) -> Result<()> {
        if self.repeats_elements() {
            return Err(Error::state(
                operation,
                "more than one element of the written-to tensor refers to a single memory location",
            )
            .hint("clone() the tensor before the operation"));
        }
        self.assign_uniform(operation, value)
    }

    /// True for a view in which one element of the base stands at several places: an expanded one.
    pub fn repeats_elements(&self) -> bool {
        self.view.as_ref().is_some_and(|view| {
            let (shape, strides) = (view.region.shape(), view.region.strides());
            !shape.is_empty_tensor()
                && shape.iter().zip(strides).any(|(&extent, &stride)| extent > 1 && stride == 0)
        })
    }

    /// As [`Cell::assign`], of a value that is the same everywhere: where elements stand does not matter then.
    pub fn assign_uniform(&self, operation: &'static str, value: Tensor) -> Result<()> {
        match &self.view {
            None => self.assign_base(operation, value, false),
            Some(view) => {
                let own_leaf = locked(&self.state).value.gradient_edge().is_some_and(EdgeRef::is_leaf);
                if own_leaf && view.detached && autograd::is_enabled() {
                    return Err(leaf_error(operation));
                }
                let base = &view.base.get().cell;
                let (before, _) = base.value_and_version()?;
                let whole = view.region.is_dense() && view.region.shape() == before.shape();
                let after = if whole {
                    value
                } else {
                    let source = if view.detached { before.detach() } else { before };
                    source.overlay(&view.region, &value)?
                };
                base.assign_base(operation, after, view.detached)
            }
        }
    }

    fn assign_base(&self, operation: &'static str, value: Tensor, detached: bool) -> Result<()> {
        let mut state = locked(&self.state);
        if state.value.shape() != value.shape() || state.value.dtype() != value.dtype() {
            return Err(Error::shape(
                operation,
                format!(
                    "the result of shape {} and dtype {} cannot replace a tensor of shape {} and dtype {}",
                    value.shape(),
                    value.dtype(),
                    state.value.shape(),
                    state.value.dtype()
                ),
            ));
        }
        if value.is_batched() && value.levels().iter().any(|level| level.number() > self.level) {
            return Err(Error::state(
                operation,
                "a tensor from outside of vmap cannot be given a value for each sample in place",
            )
            .hint("use the operation that is not in place, or make the tensor inside the mapped function"));
        }
        let edge = state.value.gradient_edge().cloned();
        let recording = autograd::is_enabled() && !detached;
        if recording && edge.as_ref().is_some_and(EdgeRef::is_leaf) {
            return Err(leaf_error(operation));
        }
        let value = if recording { value } else { value.with_gradient_edge(edge) };
        let before = std::mem::replace(&mut state.value, value);
        state.version += 1;
        drop(state);
        drop(before);
        Ok(())
    }

    /// Replaces value and gradient edge, whatever the shape: `requires_grad_`, `.data = …`. A view becomes a tensor of
    /// its own by that, as far as its edge goes: it keeps showing its base's elements.
    pub fn set_leaf(&self, value: Tensor) {
        let mut state = locked(&self.state);
        let before = std::mem::replace(&mut state.value, value);
        if self.view.is_none() {
            state.version += 1;
        }
        drop(state);
        drop(before);
    }

    /// The gradient object.
    pub fn grad(&self, py: Python<'_>) -> Option<Py<PyTensor>> {
        self.grad.get()?.get(py)
    }

    /// Sets or removes the gradient object.
    pub fn set_grad(&self, grad: Option<Py<PyTensor>>) {
        if grad.is_some() || self.grad.get().is_some() {
            self.gradient().set(grad);
        }
    }

    /// The place of the gradient.
    pub fn gradient(&self) -> &Arc<Gradient> {
        self.grad.get_or_init(Arc::default)
    }
}

fn leaf_error(operation: &'static str) -> Error {
    Error::state(operation, "a leaf tensor that requires a gradient was changed in place")
        .hint("do it inside no_grad()")
}

/// Where the elements of `tensor` lie in the dense tensor of its base's shape.
pub fn region_of(tensor: &PyTensor) -> Result<Layout> {
    match &tensor.cell.view {
        Some(view) => Ok((*view.region).clone()),
        None => Ok(Layout::dense(tensor.cell.value()?.shape().clone())),
    }
}

/// The region of `moved`, which came from `source`, the value of `tensor`, by a movement; `None` where the same movement
/// of [`region_of`] the tensor has to tell. Most values lie densely: then the layout of the one is that of the other.
pub fn region_of_moved(tensor: &PyTensor, source: &Tensor, moved: &Tensor) -> Option<Arc<Layout>> {
    let same = tensor.cell.view.is_none() && source.has_dense_layout();
    same.then(|| moved.shared_layout().clone())
}

/// A new tensor object that is a view of `tensor`: `value` is its present value, `region` the movement that made it,
/// applied to [`region_of`] the tensor.
pub fn make_view(
    tensor: &Bound<'_, PyTensor>,
    value: Tensor,
    region: impl Into<Arc<Layout>>,
    detached: bool,
) -> PyTensor {
    let cell = &tensor.get().cell;
    let (base, detached) = match &cell.view {
        None => (tensor.clone().unbind(), detached),
        Some(view) => (view.base.clone_ref(tensor.py()), detached || view.detached),
    };
    PyTensor::of_cell(Cell::view(value, cell.version(), View { base, region: region.into(), detached }))
}
