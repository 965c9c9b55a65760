//! The cell behind a Python tensor: a value that may change, shared by its views.

use std::cell::{Cell as Plain, OnceCell, RefCell};
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::sync::Arc;

use pyo3::prelude::*;
use tenfold::autograd::{self, EdgeRef};
use tenfold::batch;
use tenfold::{Error, Layout, Result, Tensor};

use crate::tensor::PyTensor;

/// A value that changes by in-place operations, and how often it did.
struct State {
    value: RefCell<Tensor>,
    version: Plain<u64>,
    /// How many [`Operand`]s stand for the value.
    borrows: Plain<u32>,
    /// Values that were replaced while operands stood for them.
    replaced: Plain<Option<Box<Replaced>>>,
}

/// A value that goes with the last operand that stands for it, and those that were replaced before it.
struct Replaced {
    value: Tensor,
    borrows: u32,
    earlier: Option<Box<Replaced>>,
}

impl State {
    fn new(value: Tensor, version: u64) -> State {
        State {
            value: RefCell::new(value),
            version: Plain::new(version),
            borrows: Plain::new(0),
            replaced: Plain::new(None),
        }
    }

    /// Puts another value in place of this one, which is given back, to be dropped where that may run foreign code; unless
    /// operands stand for it.
    fn replace(&self, value: Tensor) -> Option<Tensor> {
        let before = self.value.replace(value);
        let borrows = self.borrows.replace(0);
        if borrows == 0 {
            return Some(before);
        }
        self.replaced.set(Some(Box::new(Replaced { value: before, borrows, earlier: self.replaced.take() })));
        None
    }

    /// An operand is gone that stood for this value.
    #[inline]
    fn give_back(&self, value: &Tensor) {
        match self.replaced.take() {
            None => self.borrows.set(self.borrows.get() - 1),
            Some(replaced) => drop(self.give_back_one_of(replaced, value)),
        }
    }

    /// The same where values were replaced. What nobody needs any longer is the caller's, to be dropped.
    #[cold]
    fn give_back_one_of(&self, replaced: Box<Replaced>, value: &Tensor) -> Option<Tensor> {
        let mut first = Some(replaced);
        let mut last = None;
        if self.borrows.get() > 0 && self.value.borrow().is_copy_of(value) {
            self.borrows.set(self.borrows.get() - 1);
        } else {
            let mut place = &mut first;
            while let Some(mut kept) = place.take() {
                if !kept.value.is_copy_of(value) {
                    place = &mut place.insert(kept).earlier;
                    continue;
                }
                kept.borrows -= 1;
                if kept.borrows > 0 {
                    *place = Some(kept);
                } else {
                    let Replaced { value, earlier, .. } = *kept;
                    (*place, last) = (earlier, Some(value));
                }
                break;
            }
        }
        self.replaced.set(first);
        last
    }
}

/// What threads look at only while they are attached to the interpreter: its lock, which one of them has at a time, guards
/// it. (The module says that it needs that lock, where an interpreter can do without.) A lock of its own would be half of
/// what an addition of two tensors costs.
///
/// Our own hook around long kernels lets the interpreter go, too, and leaves its caller's frames as they are: what these go
/// on with, they go on with when they are attached again.
#[derive(Default)]
struct Guarded<T>(T);

// SAFETY: `get` and `with` hand a reference to attached threads alone. One that lets the interpreter go meanwhile cannot use
// it there: `detach` takes closures that are `Send`, and a reference to what is not `Sync` is none.
unsafe impl<T: Send> Sync for Guarded<T> {}

impl<T> Guarded<T> {
    #[inline]
    fn get<'py>(&'py self, _attached: Python<'py>) -> &'py T {
        &self.0
    }

    /// For callers that have no token of their being attached at hand.
    #[inline]
    fn with<R>(&self, body: impl FnOnce(&T) -> R) -> R {
        Python::attach(|_| body(&self.0))
    }
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
    state: Guarded<State>,
    view: Option<Box<View>>,
    /// Made for tensors that have or expect a gradient.
    grad: Guarded<OnceCell<Arc<Gradient>>>,
    /// The innermost `vmap` at that time: only those that were active then may give it a value a sample.
    level: u64,
}

/// The place of a tensor's accumulated gradient, always the same object. The tensor owns it; the edge of a leaf knows it.
#[derive(Default)]
pub struct Gradient(Guarded<RefCell<Option<Py<PyTensor>>>>);

impl Gradient {
    /// The gradient object.
    pub fn get(&self, py: Python<'_>) -> Option<Py<PyTensor>> {
        self.0.get(py).borrow().as_ref().map(|grad| grad.clone_ref(py))
    }

    /// Sets or removes the gradient object.
    pub fn set(&self, grad: Option<Py<PyTensor>>) {
        let before = self.0.with(|place| place.replace(grad));
        drop(before);
    }
}

impl Cell {
    /// A cell of its own.
    pub fn new(value: Tensor) -> Cell {
        Cell::made(State::new(value, 0), None)
    }

    /// A view, with its present value.
    fn view(value: Tensor, version: u64, view: View) -> Cell {
        Cell::made(State::new(value, version), Some(Box::new(view)))
    }

    #[inline]
    fn made(state: State, view: Option<Box<View>>) -> Cell {
        Cell { state: Guarded(state), view, grad: Guarded(OnceCell::new()), level: batch::innermost() }
    }

    /// The value with its gradient edge.
    #[inline]
    pub fn value(&self) -> Result<Tensor> {
        match &self.view {
            None => Ok(self.present()),
            Some(view) => self.value_of_view(view),
        }
    }

    /// What stands in the cell.
    #[inline]
    fn present(&self) -> Tensor {
        self.state.with(|state| state.value.borrow().clone())
    }

    /// The value as an operand of what the caller is about to do, without counting a reference to it.
    #[inline]
    pub fn operand<'py>(&'py self, py: Python<'py>) -> Result<Operand<'py>> {
        if let Some(view) = &self.view {
            let value = ManuallyDrop::new(self.value_of_view(view)?);
            return Ok(Operand { value, owner: None, _attached: py });
        }
        let state = self.state.get(py);
        state.borrows.set(state.borrows.get() + 1);
        // SAFETY: the bits of a reference that the cell keeps alive until the operand is gone, and which the operand does
        // not let go of: the value stays in the cell, or among those that were replaced while it was borrowed.
        let value = unsafe { ManuallyDrop::new(state.value.as_ptr().read()) };
        Ok(Operand { value, owner: Some(state), _attached: py })
    }

    fn value_of_view(&self, view: &View) -> Result<Tensor> {
        let base = &view.base.get().cell;
        let now = base.version();
        let cached =
            self.state.with(|cached| (cached.version.get() == now).then(|| cached.value.borrow().clone()));
        if let Some(value) = cached {
            return Ok(value);
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
        // A detached view that was made a leaf of its own stays that leaf.
        let own_edge = self.own_edge().filter(|edge| edge.is_leaf() && view.detached);
        if own_edge.is_some() {
            value = value.with_gradient_edge(own_edge);
        }
        let before = self.state.with(|cached| {
            cached.version.set(version);
            cached.replace(value.clone())
        });
        drop(before);
        Ok(value)
    }

    /// A base's value and version.
    fn value_and_version(&self) -> Result<(Tensor, u64)> {
        Ok(self.state.with(|state| (state.value.borrow().clone(), state.version.get())))
    }

    fn own_edge(&self) -> Option<EdgeRef> {
        self.state.with(|state| state.value.borrow().gradient_edge().cloned())
    }

    /// How often the value was changed in place.
    pub fn version(&self) -> u64 {
        match &self.view {
            Some(view) => view.base.get().cell.version(),
            None => self.state.with(|state| state.version.get()),
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
                let own_leaf = self.own_edge().as_ref().is_some_and(EdgeRef::is_leaf);
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
        let before = self.present();
        if before.shape() != value.shape() || before.dtype() != value.dtype() {
            return Err(Error::shape(
                operation,
                format!(
                    "the result of shape {} and dtype {} cannot replace a tensor of shape {} and dtype {}",
                    value.shape(),
                    value.dtype(),
                    before.shape(),
                    before.dtype()
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
        let edge = before.gradient_edge().cloned();
        let recording = autograd::is_enabled() && !detached;
        if recording && edge.as_ref().is_some_and(EdgeRef::is_leaf) {
            return Err(leaf_error(operation));
        }
        self.replace(if recording { value } else { value.with_gradient_edge(edge) }, true);
        Ok(())
    }

    /// Replaces value and gradient edge, whatever the shape: `requires_grad_`, `.data = …`. A view becomes a tensor of
    /// its own by that, as far as its edge goes: it keeps showing its base's elements.
    pub fn set_leaf(&self, value: Tensor) {
        self.replace(value, self.view.is_none());
    }

    fn replace(&self, value: Tensor, is_change: bool) {
        let before = self.state.with(|state| {
            state.version.set(state.version.get() + u64::from(is_change));
            state.replace(value)
        });
        drop(before);
    }

    /// The gradient object.
    pub fn grad(&self, py: Python<'_>) -> Option<Py<PyTensor>> {
        self.grad.get(py).get()?.get(py)
    }

    /// Sets or removes the gradient object.
    pub fn set_grad(&self, grad: Option<Py<PyTensor>>) {
        if grad.is_some() || self.grad.with(|place| place.get().is_some()) {
            self.gradient().set(grad);
        }
    }

    /// The place of the gradient.
    pub fn gradient(&self) -> Arc<Gradient> {
        self.grad.with(|place| place.get_or_init(Arc::default).clone())
    }
}

/// A value that an operation reads, for as long as the caller is attached to the interpreter. Where it is that of a cell,
/// which nearly all are, it is borrowed: another thread may replace it meanwhile, and it is kept until here.
pub struct Operand<'py> {
    value: ManuallyDrop<Tensor>,
    /// The state that keeps it alive; `None` for a value of one's own.
    owner: Option<&'py State>,
    /// The token itself, so that nobody takes an operand to where the thread is not attached.
    _attached: Python<'py>,
}

impl Deref for Operand<'_> {
    type Target = Tensor;

    #[inline]
    fn deref(&self) -> &Tensor {
        &self.value
    }
}

impl Drop for Operand<'_> {
    #[inline]
    fn drop(&mut self) {
        match self.owner {
            Some(state) => state.give_back(&self.value),
            // SAFETY: a value of its own, which nobody sees any more.
            None => unsafe { ManuallyDrop::drop(&mut self.value) },
        }
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
