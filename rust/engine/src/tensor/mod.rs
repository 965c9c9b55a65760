//! The tensor: a value with a shape, a dtype and a place in the graph.

mod assemble;
mod bounds;
mod contraction;
mod convert;
mod counting;
mod creation;
mod distinct;
mod elementwise;
mod host;
mod indexing;
mod matmul;
mod movement;
mod operators;
mod reduction;
mod scanning;
mod shared;
mod sorting;

use std::sync::Arc;

use smallvec::SmallVec;
use tenfold_ir::{Core, DType, Error, Expr, Layout, Result, Scalar, Shape, Spec, Specs};

use crate::autograd::EdgeRef;
use crate::batch::{self, BatchAxes, Levels};
use crate::graph::{Arena, Handle, Node, NodeOperation, Shard, Slot, current_shard, give_up};
use shared::Shared;

pub use assemble::{Padding, Repeats};
pub use counting::Between;
pub use distinct::Distinct;
pub use elementwise::Argument;
pub use host::HostDerivative;
pub use indexing::{IndexItem, ScatterReduce};

/// An n-dimensional array of numbers of one dtype: an immutable value.
///
/// Cloning is cheap and shares the value. Operations are recorded and run when somebody looks at a result (or at
/// once, in immediate mode; see [`crate::switches`]); an error comes from the call that made it.
///
/// ```
/// use tenfold::Tensor;
/// let x = Tensor::from_slice(&[1.0f32, 2.0, 3.0], &[3])?;
/// let y = x.multiply(2.0)?.add(&x)?;
/// assert_eq!(y.to_vec::<f32>()?, [3.0, 6.0, 9.0]);
/// # Ok::<(), tenfold::Error>(())
/// ```
#[derive(Clone)]
pub struct Tensor {
    body: Shared<Body>,
}

/// What the copies of a tensor share: copying and dropping one costs a count, and no lock. All of it, so that a tensor is
/// one word and moves in a register: larger ones are written by words and read by vectors, which the processor waits for.
struct Body {
    value: Handle,
    /// Of one sample, where the tensor is batched.
    layout: Arc<Layout>,
    batch: BatchAxes,
    dtype: DType,
    edge: Option<EdgeRef>,
}

/// The dense layout of all samples of these levels, from that of one.
#[inline]
fn layout_of_samples(layout: &Arc<Layout>, levels: &Levels) -> Result<Arc<Layout>> {
    if levels.is_empty() {
        return Ok(layout.clone());
    }
    let shape = Shape::checked("vmap", &levels.before(layout.shape()))?;
    Ok(Arc::new(Layout::dense(shape)))
}

/// One or more results of an operation.
pub type Tensors = SmallVec<[Tensor; 2]>;

impl Tensor {
    /// The extents.
    #[inline]
    pub fn shape(&self) -> &Shape {
        self.body.layout.shape()
    }

    /// The number of axes.
    #[inline]
    pub fn rank(&self) -> usize {
        self.body.layout.rank()
    }

    /// The number of elements.
    #[inline]
    pub fn elements(&self) -> usize {
        self.body.layout.elements()
    }

    /// The dtype of the elements.
    #[inline]
    pub fn dtype(&self) -> DType {
        self.body.dtype
    }

    /// How the elements lie in the value's buffer.
    #[inline]
    pub fn layout(&self) -> &Layout {
        &self.body.layout
    }

    /// The same, to be shared.
    #[inline]
    pub fn shared_layout(&self) -> &Arc<Layout> {
        &self.body.layout
    }

    /// The batch axes, which stand beside the layout: see [`crate::batch`].
    #[inline]
    pub(crate) fn batch(&self) -> &BatchAxes {
        &self.body.batch
    }

    /// Gives the value another layout and other batch axes; the gradient edge stays.
    pub(crate) fn replace_layout(&mut self, layout: Arc<Layout>, batch: BatchAxes) {
        let Body { value, dtype, edge, .. } = &*self.body;
        let (value, edge, dtype) = (value.clone(), edge.clone(), *dtype);
        self.body = Shared::new(|| Body { value, layout, batch, dtype, edge });
    }

    /// The counted reference to the value.
    fn value(&self) -> &Handle {
        &self.body.value
    }

    /// Shape and dtype.
    pub fn spec(&self) -> Spec {
        // A copy of the slice: a third of what the list's own clone costs.
        Spec::new(Shape::new(self.shape()), self.dtype())
    }

    /// True where one was cloned from the other, directly or not.
    #[inline]
    pub fn is_copy_of(&self, other: &Tensor) -> bool {
        self.body.is_same(&other.body)
    }

    /// True where both are the same elements of one value.
    pub fn is_same_view_as(&self, other: &Tensor) -> bool {
        self.value().is_same(other.value())
            && self.layout() == other.layout()
            && self.batch() == other.batch()
    }

    /// True where the value is computed.
    pub fn is_ready(&self) -> bool {
        self.value().is_ready()
    }

    /// What computing the value would run: the kernels of everything that this thread has recorded and somebody still
    /// holds, in order, with what was fused into each and why the rest was not.
    ///
    /// ```
    /// use tenfold::{DType, Tensor};
    /// tenfold::switches::set_immediate(false);
    /// let x = Tensor::ones(&[100], DType::Float32)?;
    /// let y = x.multiply(2.0)?.tanh()?.sum(None, false, None)?;
    /// assert_eq!(y.explain()?.kernels.len(), 1);
    /// # Ok::<(), tenfold::Error>(())
    /// ```
    pub fn explain(&self) -> Result<crate::Explanation> {
        Ok(if self.is_ready() { crate::Explanation { kernels: Vec::new() } } else { self.value().explain() })
    }

    /// True where the elements lie in memory that somebody else may write to.
    pub(crate) fn is_borrowed(&self) -> Result<bool> {
        self.value().is_borrowed()
    }

    /// The tensor as nodes of a shard read it: a value of that shard (one that is pending in another is run first), with
    /// all samples of these levels.
    #[inline]
    fn for_nodes_of(&self, shard: &'static Shard, levels: &Levels) -> Result<Tensor> {
        if self.is_ready_for(shard) && levels.is_empty() {
            return Ok(self.clone());
        }
        let layout = self.layout_of_all(levels);
        let value = self.value();
        let value = if value.is_of(shard) { value.clone() } else { value.moved_to(shard)? };
        Ok(Tensor::of_layout(value, layout, self.dtype(), BatchAxes::default()))
    }

    /// True where nodes of a shard can read the tensor as it is.
    #[inline]
    fn is_ready_for(&self, shard: &'static Shard) -> bool {
        self.value().is_of(shard) && !self.is_batched()
    }

    /// Makes the tensor an input of a node of its shard: see [`Arena::read`].
    #[inline(always)]
    fn read_by(&self, arena: &mut Arena, node: &mut Node) -> Result<bool> {
        arena.read(node, self.value(), self.dtype(), self.shared_layout())
    }

    /// The same elements in the layout in which a tensor of this shape, which it broadcasts to, reads them.
    fn in_shape(&self, shape: &Shape) -> Tensor {
        let layout = Arc::new(self.layout().broadcast_to(shape).expect("shapes broadcast"));
        let mut wide = self.detach();
        wide.replace_layout(layout, self.batch().clone());
        wide
    }

    /// True where the shapes are equal, which shared layouts tell at once.
    #[inline]
    fn has_shape_of(&self, other: &Tensor) -> bool {
        Arc::ptr_eq(&self.body.layout, &other.body.layout) || self.shape() == other.shape()
    }

    /// True where both have one dtype and one shape.
    #[inline]
    fn is_like(&self, other: &Tensor) -> bool {
        self.dtype() == other.dtype() && self.has_shape_of(other)
    }

    /// True where the layout is that of a new tensor of this shape, the strides of axes of extent 1 included.
    pub fn has_dense_layout(&self) -> bool {
        let (shape, strides) = (self.shape(), self.layout().strides());
        let mut step = 1;
        for axis in (0..shape.rank()).rev() {
            if strides[axis] != step {
                return false;
            }
            step *= shape[axis].max(1) as i64;
        }
        self.layout().offset() == 0
    }

    /// The dense layout of this tensor's shape: its own, where that is it.
    #[inline]
    fn dense_layout(&self) -> Arc<Layout> {
        if self.has_dense_layout() {
            return self.body.layout.clone();
        }
        Arc::new(Layout::dense(self.shape().clone()))
    }

    /// Records a node over `inputs` and wraps its outputs; no gradient. Of an elementwise operation the specs are those of
    /// one sample, where inputs are batched.
    pub(crate) fn record(
        operation: NodeOperation,
        inputs: &[&Tensor],
        scalars: &[Scalar],
        specs: Specs,
    ) -> Result<Tensors> {
        let shard = current_shard();
        let levels = Levels::of(inputs.iter().copied());
        let inputs = inputs.iter().map(|tensor| tensor.for_nodes_of(shard, &levels));
        let inputs = inputs.collect::<Result<SmallVec<[Tensor; 4]>>>()?;
        let dtypes: SmallVec<[DType; 2]> = specs.iter().map(|spec| spec.dtype).collect();
        let layouts: SmallVec<[Arc<Layout>; 2]> =
            specs.into_iter().map(|spec| Arc::new(Layout::dense(spec.shape))).collect();
        let of_samples = layouts.iter().map(|layout| layout_of_samples(layout, &levels));
        let of_samples = of_samples.collect::<Result<SmallVec<[Arc<Layout>; 2]>>>()?;
        let site = crate::profile::site();
        let mut arena = shard.arena();
        let mut node = arena.begin(operation, site);
        let mut reads_borrowed = false;
        for input in &inputs {
            match input.read_by(&mut arena, &mut node) {
                Ok(is_borrowed) => reads_borrowed |= is_borrowed,
                Err(error) => return Err(give_up(arena, node, error)),
            }
        }
        node.scalars.extend_from_slice(scalars);
        let slots =
            of_samples.iter().zip(&dtypes).map(|(layout, &dtype)| arena.write(&mut node, dtype, layout));
        let slots: SmallVec<[Slot; 2]> = slots.collect();
        let recorded = arena.add(node, reads_borrowed);
        drop(arena);
        let mut outputs = Tensors::new();
        for ((&slot, layout), &dtype) in slots.iter().zip(layouts).zip(&dtypes) {
            let batch = levels.dense_axes(layout.shape());
            outputs.push(Tensor::of_layout(Handle::of_output(shard, slot), layout, dtype, batch));
        }
        crate::run::after_recording(shard, &recorded)?;
        Ok(outputs)
    }

    /// Records a core over `inputs`, after its shape rule; no gradient.
    pub(crate) fn record_core(core: Core, inputs: &[&Tensor]) -> Result<Tensors> {
        let levels = Levels::of(inputs.iter().copied());
        if !levels.is_empty() {
            return batch::record_core(core, inputs, &levels);
        }
        let specs: SmallVec<[Spec; 3]> = inputs.iter().map(|tensor| tensor.spec()).collect();
        let results = core.results(&specs)?;
        Tensor::record(NodeOperation::Core(Arc::new(core)), inputs, &[], results)
    }

    /// Records an expression over tensors of one shape, of which each output has that shape; no gradient.
    pub(crate) fn record_expression(
        expr: Expr,
        shape: &Shape,
        inputs: &[&Tensor],
        scalars: &[Scalar],
    ) -> Result<Tensors> {
        let dtypes: SmallVec<[DType; 4]> = inputs.iter().map(|tensor| tensor.dtype()).collect();
        expr.check(&dtypes, &[], scalars.len(), shape.rank())?;
        let specs: Specs = expr.output_dtypes().map(|dtype| Spec::new(shape.clone(), dtype)).collect();
        Tensor::record(NodeOperation::Expression(Arc::new(expr)), inputs, scalars, specs)
    }

    fn of_handle(value: Handle, spec: Spec) -> Tensor {
        Tensor::of_layout(value, Arc::new(Layout::dense(spec.shape)), spec.dtype, BatchAxes::default())
    }

    #[inline]
    fn of_layout(value: Handle, layout: Arc<Layout>, dtype: DType, batch: BatchAxes) -> Tensor {
        Tensor { body: Shared::new(|| Body { value, layout, batch, dtype, edge: None }) }
    }

    /// The same value in another layout (of one sample); no gradient.
    pub(crate) fn with_layout(&self, layout: Layout) -> Tensor {
        Tensor::of_layout(self.value().clone(), Arc::new(layout), self.dtype(), self.batch().clone())
    }

    /// The edge through which gradients flow to where the tensor comes from.
    pub(crate) fn edge(&self) -> Option<&EdgeRef> {
        self.body.edge.as_ref()
    }

    /// Sets or removes the gradient edge.
    pub(crate) fn set_edge(&mut self, edge: Option<EdgeRef>) {
        match self.body.get_mut() {
            Some(body) => body.edge = edge,
            None => {
                let Body { value, layout, batch, dtype, .. } = &*self.body;
                let (value, layout, batch, dtype) = (value.clone(), layout.clone(), batch.clone(), *dtype);
                self.body = Shared::new(|| Body { value, layout, batch, dtype, edge });
            }
        }
    }

    /// Takes the gradient edge out where nobody shares the tensor.
    pub(crate) fn take_edge(&mut self) -> Option<EdgeRef> {
        self.body.get_mut()?.edge.take()
    }

    /// The value alone: no gradient flows through the result.
    pub fn detach(&self) -> Tensor {
        let Body { value, layout, batch, dtype, edge } = &*self.body;
        if edge.is_none() {
            return self.clone();
        }
        Tensor::of_layout(value.clone(), layout.clone(), *dtype, batch.clone())
    }

    /// True where a gradient flows through the tensor.
    pub fn requires_grad(&self) -> bool {
        self.body.edge.is_some()
    }

    /// True where it is a leaf or has no gradient.
    pub fn is_leaf(&self) -> bool {
        self.body.edge.as_ref().is_none_or(EdgeRef::is_leaf)
    }

    /// An error unless the dtype is floating or complex.
    pub(crate) fn check_differentiable(&self, operation: &'static str) -> Result<()> {
        if self.dtype().is_differentiable() {
            return Ok(());
        }
        Err(Error::dtype(
            operation,
            format!("only floating and complex tensors have gradients; got {}", self.dtype()),
        ))
    }

    /// The smallest and largest element of an integer tensor, found once a value; (0, −1) for an empty one. Of all
    /// samples, where it is batched.
    pub(crate) fn index_range(&self) -> Result<(i64, i64)> {
        if self.is_batched() {
            return self.every_sample().index_range();
        }
        if self.elements() == 0 {
            return Ok((0, -1));
        }
        let find = || {
            let values = self.cast(DType::Int64)?.to_vec::<i64>()?;
            let low = values.iter().copied().min().unwrap_or(0);
            let high = values.iter().copied().max().unwrap_or(-1);
            Ok((low, high))
        };
        // Remembered for the whole value only, a view of it may have a smaller range; and not for memory that may change.
        let buffer = self.value().buffer()?;
        let whole = self.layout().is_dense() && buffer.size() == self.spec().bytes();
        if whole && !buffer.is_borrowed() { self.value().index_range(find) } else { find() }
    }
}
