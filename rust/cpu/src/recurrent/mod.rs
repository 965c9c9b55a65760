//! Recurrent layers over all time steps, and their gradients.
//!
//! The recurrent weights are packed once. Rows of the batch do not depend on each other, so threads take rows and go
//! through all time steps alone; a few rows stay together, and threads then share the columns of each step's product.
//! The product takes its sums in the order of [`crate::gemm`], and the gates are those of the operation table, so the
//! results are those of the operations one after the other.

mod backward;
mod forward;
mod gates;
mod lanes;
#[cfg(test)]
mod tests;
mod weights;

use tenfold_ir::kernel::{Recurrence, Recurrent, RecurrentKind};
use tenfold_ir::lanes::Lane;
use tenfold_ir::{DType, Element, Error, Result};

use crate::backend::dense::Dense;
use crate::backend::view::{Input, OutputView};
use crate::gemm::micro_kernel::Real;
use crate::gemm::pack::Widen;
use crate::memory::HostBuffer;
use crate::threads::{for_each_chunk, thread_count};

/// Fewer rows than this stay with one thread: they would share too little of what is read of the weights.
const LEAST_ROWS: usize = 4;

/// More rows than this are split, so that their gates stay in the second-level cache.
const MOST_ROWS: usize = 96;

/// A number that recurrent layers compute with.
pub(crate) trait RecurrentElement: Element + Lane + Real + Widen<Self> + bytemuck::Pod {}
impl RecurrentElement for f32 {}
impl RecurrentElement for f64 {}

/// The pass forward or the gradient.
pub fn run(core: &Recurrent, inputs: &[Input<'_>], outputs: &mut [OutputView<'_>]) -> Result<()> {
    match inputs[0].dtype {
        DType::Float32 => run_as::<f32>(core, inputs, outputs),
        DType::Float64 => run_as::<f64>(core, inputs, outputs),
        other => Err(Error::dtype(core.name(), format!("not defined for {other}"))),
    }
}

fn run_as<T: RecurrentElement>(
    core: &Recurrent,
    inputs: &[Input<'_>],
    outputs: &mut [OutputView<'_>],
) -> Result<()> {
    if outputs[1].shape.elements() == 0 {
        return Ok(());
    }
    match core.kind {
        RecurrentKind::Forward { keep, bias } => forward::run::<T>(core, keep, bias, inputs, outputs),
        RecurrentKind::Gradient => backward::run::<T>(core, inputs, outputs),
    }
}

/// An input with an axis of rows and contiguous columns; rows may lie anywhere.
struct Rows<'a, T> {
    data: Dense<'a>,
    /// Where the first row begins, and the distance of rows.
    place: Option<(&'a [T], usize, usize)>,
    width: usize,
}

impl<'a, T: RecurrentElement> Rows<'a, T> {
    fn new(input: &Input<'a>) -> Result<Rows<'a, T>> {
        let (shape, strides) = (input.shape(), input.layout.strides());
        let width = shape[1];
        if strides[1] == 1 && strides[0] >= 0 {
            let place = (input.values::<T>()?, input.layout.offset() as usize, strides[0] as usize);
            return Ok(Rows { data: Dense::Own(&[]), place: Some(place), width });
        }
        Ok(Rows { data: Dense::new(input)?, place: None, width })
    }

    #[inline]
    fn row(&self, index: usize) -> &[T] {
        match self.place {
            Some((memory, start, stride)) => &memory[start + index * stride..][..self.width],
            None => &self.dense()[index * self.width..][..self.width],
        }
    }

    fn dense(&self) -> &[T] {
        self.data.values().expect("checked when it was made")
    }
}

/// The inputs as rows.
fn all_rows<'a, T: RecurrentElement>(inputs: &[Input<'a>]) -> Result<Vec<Rows<'a, T>>> {
    inputs.iter().map(Rows::new).collect()
}

/// Runs `body(first sequence, sequences)` for all sequences, in parallel where that pays.
fn for_each_part(sequences: usize, nanoseconds: u64, body: &(dyn Fn(usize, usize) + Sync)) {
    let by_threads = thread_count().min(sequences / LEAST_ROWS);
    let parts = by_threads.max(sequences.div_ceil(MOST_ROWS)).max(1);
    for_each_chunk(parts, nanoseconds / parts as u64, &|part| {
        let start = part * sequences / parts;
        body(start, (part + 1) * sequences / parts - start);
    });
}

/// What the pass costs on one thread, about: products at 50 FLOP/ns, and the gates.
fn nanoseconds_of(core: &Recurrent, units: usize) -> u64 {
    let rows: usize = core.sizes.iter().sum();
    let gates = core.recurrence.gates();
    (rows * units * gates) as u64 * (units as u64 / 25 + 2)
}

/// Scratch memory for `count` numbers.
fn scratch<T: RecurrentElement>(count: usize) -> Result<HostBuffer> {
    HostBuffer::new(count * size_of::<T>())
}

/// The numbers in scratch memory, which is aligned for all of them.
fn numbers_of<T: RecurrentElement>(buffer: &mut HostBuffer, count: usize) -> &mut [T] {
    &mut bytemuck::cast_slice_mut(&mut buffer.as_mut_slice()[..count * size_of::<T>()])[..count]
}

/// Number `index` of the outputs, as numbers.
fn outputs_of<'o, T: RecurrentElement>(outputs: &'o mut [OutputView<'_>]) -> Result<Vec<&'o mut [T]>> {
    outputs.iter_mut().map(|output| output.values::<T>()).collect()
}

/// True where the formula has cells beside its states.
fn has_cells(recurrence: Recurrence) -> bool {
    recurrence == Recurrence::Lstm
}
