//! Elementwise kernels: expressions run as tile programs.
//!
//! The space is walked in row-major order in tiles of some hundred elements. Operands whose elements lie in that order are
//! read where they are, others are gathered tile by tile; every scalar operation is one call of a function that
//! was compiled for the SIMD tier. Prologues and epilogues of other kernels use the same programs.

mod ahead;
mod bands;
mod body;
mod cast;
pub(crate) mod evaluate;
mod expand;
mod formulas;
pub(crate) mod operand;
mod pairs;
pub(crate) mod program;
mod table;
pub(crate) mod tiling;

use smallvec::SmallVec;
use tenfold_ir::expr::Value;
use tenfold_ir::{Expr, Instruction, Result, Scalar};

use crate::backend::disjoint::for_each_range;
use crate::backend::view::{Input, Memory, OutputView};
use crate::simd::{self, stream_fence};
use bands::Bands;
use evaluate::Evaluation;
use expand::Expanded;
use operand::{FAR_BYTES, Operand};
use program::{Program, Store, TILE};

/// What a chunk of a parallel kernel should cost, in nanoseconds: much more than claiming it.
const CHUNK_NANOSECONDS: u64 = 200_000;

/// Outputs of so many bytes would not be in cache any longer when they are read: they are written past it.
pub const STREAMED_BYTES: usize = 16 << 20;

/// Evaluates the `wanted` values of `expr` at each point of the outputs' common shape. The inputs, core results
/// behind the kernel's `operands` first ones, are broadcast to it.
pub fn map(
    expr: &Expr,
    wanted: &[Value],
    operands: usize,
    scalars: &[Scalar],
    inputs: &[Input<'_>],
    outputs: &mut [OutputView<'_>],
) -> Result<()> {
    let Some(first) = outputs.first() else { return Ok(()) };
    let shape = first.shape.clone();
    if shape.is_empty_tensor() {
        return Ok(());
    }
    let in_place = expr.instructions().iter().any(|instruction| match *instruction {
        Instruction::Load { operand } => matches!(inputs[usize::from(operand)].memory, Memory::Output(_)),
        _ => false,
    });
    // What is written in place is in cache because it was read.
    let bytes = if in_place { 0 } else { outputs.iter().map(|output| output.bytes.len()).sum() };
    let store = if bytes >= STREAMED_BYTES { Store::Stream } else { Store::Memory };
    let program = Program::of(expr, wanted, operands, store, in_place, simd::tier())?;
    let mut targets: SmallVec<[Target; 2]> = SmallVec::new();
    for output in outputs.iter_mut() {
        targets.push(Target::of(output)?);
    }
    // SAFETY: the borrows keep the memory alive and unwritten, but for what lies in outputs: the program is compiled to work in
    // place, and shared operands are dense, so that what a tile reads is written by the same tile after its reads.
    let mut operands = unsafe {
        Operand::of_inputs(inputs, |index| program.reads(index), |output| targets.get(output).copied())?
    };
    let mut expanded = Expanded::default();
    operands.iter_mut().for_each(|operand| expanded.lay_out(operand));
    let evaluation = Evaluation::new(&program, scalars, &operands, &shape);
    // Where memory is what a program waits for, the processor sees by itself what is written one behind the other.
    let outputs_are_far = store == Store::Memory && bytes >= FAR_BYTES && program.is_long;
    run(&evaluation.with_far_outputs(outputs_are_far), &targets, store);
    Ok(())
}

/// How many parts of an expression have a loop of their own: for tests of what records them, which nothing but its speed
/// would tell that a part has another form now.
pub fn formulas_in(expr: &Expr) -> usize {
    formulas::find(expr, expr.outputs()).len()
}

/// The memory of an output.
#[derive(Clone, Copy)]
pub(crate) struct Target {
    base: *mut u8,
    size: usize,
}

impl Target {
    /// The memory of a view, found large enough.
    pub fn of(output: &mut OutputView<'_>) -> Result<Target> {
        let size = output.dtype.size();
        Ok(Target { base: output.checked_bytes(size)?.as_mut_ptr(), size })
    }

    /// The address of an element.
    pub fn at(&self, element: usize) -> *mut u8 {
        self.base.wrapping_add(element * self.size)
    }
}

// SAFETY: threads write different tiles of the memory, which the kernel borrows exclusively.
unsafe impl Send for Target {}
// SAFETY: as above.
unsafe impl Sync for Target {}

/// Evaluates the whole space into the targets, chunks in parallel.
fn run(evaluation: &Evaluation<'_>, targets: &[Target], store: Store) {
    let elements = evaluation.elements();
    let cost = evaluation.picoseconds_per_element();
    if let Some(bands) = evaluation.bands() {
        return run_bands(evaluation, &bands, cost, targets, store);
    }
    let (tiling, one_loop) = (evaluation.tiling(), evaluation.is_one_loop());
    let tile_nanoseconds = (cost * TILE as u64).div_ceil(1_000);
    for_each_range(elements.div_ceil(TILE), tile_nanoseconds, CHUNK_NANOSECONDS, &|first, tiles| {
        let end = elements.min((first + tiles) * TILE);
        let mut start = first * TILE;
        evaluation.with(|evaluator| {
            while start < end {
                let count = if one_loop { end - start } else { tiling.count(start, end) };
                let outputs = targets.iter().map(|target| target.at(start));
                let outputs: SmallVec<[*mut u8; 2]> = outputs.collect();
                // SAFETY: the targets hold the whole space and each tile is computed by one chunk; operands that
                // share them are read by the same tile.
                unsafe { evaluator.run(start, count, &outputs) };
                start += count;
            }
        });
        if store == Store::Stream {
            stream_fence();
        }
    });
}

/// The same in bands, for operands that lie transposed.
fn run_bands(evaluation: &Evaluation<'_>, bands: &Bands, picoseconds: u64, targets: &[Target], store: Store) {
    let count = bands.count();
    let band_nanoseconds = (picoseconds * bands.elements() as u64).div_ceil(1_000);
    for_each_range(count, band_nanoseconds, CHUNK_NANOSECONDS, &|first, count| {
        evaluation.with_bands(bands, |evaluator| {
            for number in first..first + count {
                let outputs = |start: usize| targets.iter().map(|target| target.at(start)).collect();
                // SAFETY: the targets hold the whole space and each band is computed by one chunk; operands that
                // share them are read by the same tile.
                unsafe { evaluator.run_band(bands, &bands.band(number), outputs) };
            }
        });
        if store == Store::Stream {
            stream_fence();
        }
    });
}
