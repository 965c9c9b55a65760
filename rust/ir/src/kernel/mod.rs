//! The one kernel form: what the planner makes and every backend runs.
//!
//! A kernel has a *core* (a reduction, a product, a convolution …). Each input of the core is a *prologue*
//! expression over the kernel's operands; what the core computes passes through an *epilogue* expression, which
//! may load further operands, and its values are the kernel's outputs. `Map` is the core that computes nothing:
//! its epilogue is all there is.
//!
//! Operands are layouts over buffers, already broadcast to the space of the expression that loads them: those of
//! prologue `i` to the shape of core input `i`, those of the epilogue to the shape of the outputs. Outputs are
//! dense and row-major. Shapes, strides and scalars are run-time values.

mod attention;
mod convolution;
mod gemm;
mod host;
mod index;
mod pool;
mod random;
mod recurrent;
mod reduce;
mod resample;
mod rows;
mod scan;
mod sort;

pub use attention::{Attention, AttentionKind};
pub use convolution::{Convolution, ConvolutionKind};
pub use gemm::{Gemm, Precision};
pub use host::{Host, HostFunction, HostInput, HostOutput};
pub use index::{Index, ScatterMode};
pub use pool::{Pool, PoolKind};
pub use random::{Distribution, Random};
pub use recurrent::{Recurrence, Recurrent, RecurrentKind, Step};
pub use reduce::{Reduce, Reduction};
pub use resample::{Resample, WeightTable};
pub use rows::{RowOperation, Rows};
pub use scan::{Scan, ScanOperation};
pub use sort::{Side, Sort};

use smallvec::SmallVec;

use crate::expr::{Expr, Instruction};
use crate::{DType, Layout, Result, Scalar, Shape};

/// Shape and dtype of a tensor.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Spec {
    /// The extents.
    pub shape: Shape,
    /// The dtype.
    pub dtype: DType,
}

impl Spec {
    /// Shape and dtype.
    pub fn new(shape: Shape, dtype: DType) -> Spec {
        Spec { shape, dtype }
    }

    /// Bytes of a dense tensor.
    pub fn bytes(&self) -> usize {
        self.shape.elements() * self.dtype.size()
    }
}

/// Specs of the results of a core, or the outputs of a kernel.
pub type Specs = SmallVec<[Spec; 2]>;

/// A buffer as a kernel reads it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Operand {
    /// The dtype of the elements.
    pub dtype: DType,
    /// Where they lie, broadcast to the space that reads them.
    pub layout: Layout,
}

/// What a kernel computes between prologues and epilogue.
#[derive(Clone, Debug)]
pub enum Core {
    /// Nothing: the epilogue is evaluated at each point of the output shape.
    Map,
    /// A reduction over axes.
    Reduce(Reduce),
    /// A cumulative reduction along an axis.
    Scan(Scan),
    /// Softmax, layer norm and their like: one pass over each row.
    Rows(Rows),
    /// Batched matrix products.
    Gemm(Gemm),
    /// Convolution and its gradients.
    Convolution(Convolution),
    /// Recurrent layers over all time steps, and their gradients.
    Recurrent(Recurrent),
    /// Scaled dot-product attention and its gradient.
    Attention(Attention),
    /// Pooling and its gradients.
    Pool(Pool),
    /// Weighted sums of a few elements along an axis.
    Resample(Resample),
    /// Reading and writing by index, and assembling.
    Index(Index),
    /// Sorting and searching.
    Sort(Sort),
    /// Random numbers.
    Random(Random),
    /// A function of the host's, see [`HostFunction`].
    Host(Host),
}

impl Core {
    /// The results from the inputs: the shape rule. Errors are mistakes of the caller, in words of the operation.
    pub fn results(&self, inputs: &[Spec]) -> Result<Specs> {
        match self {
            Core::Map => Ok(Specs::new()),
            Core::Reduce(core) => core.results(inputs),
            Core::Scan(core) => core.results(inputs),
            Core::Rows(core) => core.results(inputs),
            Core::Gemm(core) => core.results(inputs),
            Core::Convolution(core) => core.results(inputs),
            Core::Recurrent(core) => core.results(inputs),
            Core::Attention(core) => core.results(inputs),
            Core::Pool(core) => core.results(inputs),
            Core::Resample(core) => core.results(inputs),
            Core::Index(core) => core.results(inputs),
            Core::Sort(core) => core.results(inputs),
            Core::Random(core) => core.results(inputs),
            Core::Host(core) => core.results(inputs),
        }
    }

    /// A short name for reports.
    pub fn name(&self) -> &str {
        match self {
            Core::Map => "map",
            Core::Reduce(core) => core.operation.name(),
            Core::Scan(core) => core.operation.name(),
            Core::Rows(core) => core.operation.name(),
            Core::Gemm(_) => "gemm",
            Core::Convolution(core) => core.kind.name(),
            Core::Recurrent(core) => core.name(),
            Core::Attention(core) => core.name(),
            Core::Pool(core) => core.kind.name(),
            Core::Resample(_) => "resample",
            Core::Index(core) => core.name(),
            Core::Sort(core) => core.name(),
            Core::Random(core) => core.distribution.name(),
            Core::Host(core) => core.function().name(),
        }
    }
}

/// A unit of work for a backend.
#[derive(Clone, Debug)]
pub struct Kernel {
    /// What is computed.
    pub core: Core,
    /// One expression an input of the core; each has one output.
    pub prologues: SmallVec<[Expr; 3]>,
    /// From the core's results to the outputs; `None` hands the results on as they are.
    pub epilogue: Option<Expr>,
    /// The buffers that the expressions load, in the order of the backend's inputs.
    pub operands: SmallVec<[Operand; 4]>,
    /// Run-time scalars of the expressions.
    pub scalars: SmallVec<[Scalar; 2]>,
    /// Shape and dtype of each output.
    pub outputs: Specs,
}

impl Kernel {
    /// Shape and dtype of each input of the core.
    pub fn core_inputs(&self) -> SmallVec<[Spec; 3]> {
        self.prologues
            .iter()
            .map(|prologue| {
                let operand = prologue.instructions().iter().find_map(|instruction| match instruction {
                    crate::expr::Instruction::Load { operand } => Some(*operand as usize),
                    _ => None,
                });
                let shape = operand
                    .map_or_else(Shape::default, |operand| self.operands[operand].layout.shape().clone());
                let dtype = prologue.dtypes()[prologue.outputs()[0] as usize];
                Spec { shape, dtype }
            })
            .collect()
    }

    /// The operand that is core input `index`, where its prologue only loads it.
    pub fn plain_input(&self, index: usize) -> Option<(usize, &Operand)> {
        let operand = self.prologues[index].is_load_of()? as usize;
        Some((operand, &self.operands[operand]))
    }

    /// Floating-point operations, about: each instruction of an expression counts as one, and so does each term of a
    /// reduction; a product of matrices counts two a term.
    pub fn flops(&self) -> usize {
        let instructions = |expr: &Expr| {
            let is_work = |step: &&Instruction| matches!(step, Instruction::Apply { .. });
            expr.instructions().iter().filter(is_work).count()
        };
        let inputs = self.core_inputs();
        let elements = |index: usize| inputs.get(index).map_or(0, |spec: &Spec| spec.shape.elements());
        let output = self.outputs.first().map_or(0, |spec| spec.shape.elements());
        let before: usize =
            self.prologues.iter().enumerate().map(|(index, expr)| instructions(expr) * elements(index)).sum();
        let after = self.epilogue.as_ref().map_or(0, instructions) * output;
        let core = match &self.core {
            Core::Map | Core::Index(_) | Core::Random(_) => 0,
            Core::Gemm(_) => {
                let depth = inputs[0].shape.last().copied().unwrap_or(0);
                2 * output * depth
            }
            Core::Convolution(core) => 2 * core.products(&inputs),
            Core::Recurrent(core) => core.flops(&inputs),
            Core::Attention(core) => core.flops(&inputs),
            _ => elements(0).max(output),
        };
        before + core + after
    }

    /// Bytes read and written, each operand's distinct elements once.
    pub fn bytes(&self) -> usize {
        let read: usize = self
            .operands
            .iter()
            .map(|operand| {
                let elements: usize = (0..operand.layout.rank())
                    .filter(|&axis| operand.layout.strides()[axis] != 0)
                    .map(|axis| operand.layout.shape()[axis])
                    .product();
                elements * operand.dtype.size()
            })
            .sum();
        read + self.outputs.iter().map(Spec::bytes).sum::<usize>()
    }
}
