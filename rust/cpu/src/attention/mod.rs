//! Scaled dot-product attention, forward and backward, without a matrix of all scores.
//!
//! Scores are computed in blocks of keys by queries, *transposed*: a query is a column. So the softmax of many queries
//! goes down the columns of whole vectors, and a block of probabilities is, as it lies, an operand of the products that
//! follow. All products are micro-kernels of [`crate::gemm`]; the memory beside the results is one block a thread,
//! whatever the length. Blocks begin at fixed keys and queries, so that the order of every sum follows from the shape.
//!
//! Online softmax: Milakov and Gimelshein 2018; tiling and the backward pass: Dao 2023, "FlashAttention-2".

mod forward;
mod gradient;
mod mask;
mod product;
mod softmax;

#[cfg(test)]
mod tests;

use std::ops::Range;

use smallvec::SmallVec;
use tenfold_ir::kernel::{Attention, AttentionKind};
use tenfold_ir::lanes::Lane;
use tenfold_ir::{DType, Element, Error, Layout, Result, Shape};

use crate::backend::epilogue::Finish;
use crate::backend::view::{Input, OutputView, Walk};
use crate::gemm::micro_kernel::Real;
use crate::gemm::pack::{Strided, Widen};
use mask::Mask;

/// The numbers that attention is computed in.
trait Number: Real + Widen<Self> + Lane + Element {}
impl Number for f32 {}
impl Number for f64 {}

/// Computes attention or its gradient; `finish` is the epilogue of attention.
pub fn run(
    core: &Attention,
    inputs: &[Input<'_>],
    outputs: &mut [OutputView<'_>],
    finish: Option<&Finish>,
) -> Result<()> {
    match inputs[0].dtype {
        DType::Float32 => run_typed::<f32>(core, inputs, outputs, finish),
        DType::Float64 => run_typed::<f64>(core, inputs, outputs, finish),
        other => Err(Error::dtype(core.name(), format!("not defined for {other}"))),
    }
}

fn run_typed<T: Number>(
    core: &Attention,
    inputs: &[Input<'_>],
    outputs: &mut [OutputView<'_>],
    finish: Option<&Finish>,
) -> Result<()> {
    let problem = Problem::<T>::new(core, inputs)?;
    match (core.kind, outputs) {
        (AttentionKind::Forward, [output, logarithms]) => {
            forward::run(&problem, output.values()?, logarithms.values()?, finish);
            Ok(())
        }
        (AttentionKind::Gradient, [of_q, of_k, of_v]) => {
            let results = [Matrices::new(&inputs[3])?, Matrices::new(&inputs[5])?];
            let logarithms = Matrices::<T>::of_rows(&inputs[4])?;
            gradient::run(&problem, results, logarithms, [of_q.values()?, of_k.values()?, of_v.values()?]);
            Ok(())
        }
        _ => Err(Error::state(core.name(), "got the wrong number of outputs")),
    }
}

/// A matrix for each head, in any layout.
struct Matrices<'a, T> {
    data: &'a [T],
    heads: Layout,
    row_stride: isize,
    column_stride: isize,
}

impl<'a, T: bytemuck::Pod> Matrices<'a, T> {
    /// The last two axes are the matrices'.
    fn new(input: &Input<'a>) -> Result<Matrices<'a, T>> {
        let inner = input.layout.strides().len() - 2;
        let [row_stride, column_stride] =
            [input.layout.strides()[inner] as isize, input.layout.strides()[inner + 1] as isize];
        let heads = outer(&input.layout, inner);
        Ok(Matrices { data: input.plain()?, heads, row_stride, column_stride })
    }

    /// A number for each row, as matrices of one column.
    fn of_rows(input: &Input<'a>) -> Result<Matrices<'a, T>> {
        let inner = input.layout.strides().len() - 1;
        let row_stride = input.layout.strides()[inner] as isize;
        Ok(Matrices {
            data: input.plain()?,
            heads: outer(&input.layout, inner),
            row_stride,
            column_stride: 1,
        })
    }

    /// The matrix of a head from a row on.
    fn rows(&self, head: usize, row: usize) -> Strided<T> {
        let start = Walk::new(&self.heads, head).position() as isize + row as isize * self.row_stride;
        // Addresses within the slice, as the layout was checked to be; an empty one is not read.
        let data = self.data.as_ptr().wrapping_offset(start);
        Strided { data, line_stride: self.row_stride, depth_stride: self.column_stride }
    }
}

/// The first `rank` axes.
fn outer(layout: &Layout, rank: usize) -> Layout {
    let strides = layout.strides()[..rank].iter().copied().collect();
    Layout::strided(Shape::new(&layout.shape()[..rank]), strides, layout.offset())
}

/// What both directions share.
struct Problem<'a, T> {
    q: Matrices<'a, T>,
    k: Matrices<'a, T>,
    v: Matrices<'a, T>,
    mask: Option<Mask<'a, T>>,
    /// Heads of keys, those of all outer axes.
    key_heads: usize,
    /// Heads of queries that look at one head of keys.
    group: usize,
    queries: usize,
    keys: usize,
    /// Length of a query and a key.
    depth: usize,
    /// Length of a value.
    width: usize,
    causal: bool,
    scale: T,
}

impl<'a, T: Number> Problem<'a, T> {
    fn new(core: &Attention, inputs: &[Input<'a>]) -> Result<Problem<'a, T>> {
        let (q, k, v) = (inputs[0].shape(), inputs[1].shape(), inputs[2].shape());
        let rank = q.rank();
        let mask = core.mask(inputs.len()).map(|index| Mask::new(&inputs[index])).transpose()?;
        Ok(Problem {
            q: Matrices::new(&inputs[0])?,
            k: Matrices::new(&inputs[1])?,
            v: Matrices::new(&inputs[2])?,
            mask,
            key_heads: k[..rank - 2].iter().product(),
            group: q[rank - 3] / k[rank - 3].max(1),
            queries: q[rank - 2],
            keys: k[rank - 2],
            depth: q[rank - 1],
            width: v[rank - 1],
            causal: core.causal,
            scale: T::constant(core.scale),
        })
    }

    /// Nanoseconds of one product of `queries × keys` scores with vectors of that length, roughly.
    fn estimate(&self, queries: usize, length: usize) -> u64 {
        let pairs = queries as u64 * self.keys as u64 / if self.causal { 2 } else { 1 };
        pairs * length as u64 / 50
    }
}

/// Columns that belong to one head: queries side by side.
struct Run {
    head: usize,
    /// The first query.
    query: usize,
    count: usize,
    /// Where the first one stands among the columns.
    column: usize,
}

/// Columns of the heads of one group: head after head, query after query. Gives the runs of one head each.
fn runs(columns: Range<usize>, first_head: usize, queries: usize) -> SmallVec<[Run; 2]> {
    let mut found = SmallVec::new();
    let mut next = columns.start;
    while next < columns.end {
        let query = next % queries;
        let count = (queries - query).min(columns.end - next);
        found.push(Run { head: first_head + next / queries, query, count, column: next - columns.start });
        next += count;
    }
    found
}
