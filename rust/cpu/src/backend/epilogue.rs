//! Epilogues in cache: what a core has just computed passes through an expression block by block.

use std::sync::Arc;

use smallvec::SmallVec;
use tenfold_ir::expr::Value;
use tenfold_ir::{Expr, Kernel, Layout, Result, Scalar, Shape, Spec};

use super::view::{Input, Memory, OutputView};
use crate::elementwise::Target;
use crate::elementwise::evaluate::Evaluation;
use crate::elementwise::operand::Operand;
use crate::elementwise::program::{Program, Store, TILE};
use crate::gemm::Block;
use crate::simd;

/// Which output's memory a result of the core is written to: one that hands it on as it is, else, for the first result, one
/// that can be computed in its place.
pub fn place_of_result(epilogue: &Expr, index: usize, result: &Spec, outputs: &[Spec]) -> Option<usize> {
    let takes_over =
        |&output: &usize| index == 0 && epilogue.handed_on(output).is_none() && outputs[output] == *result;
    let mut all = 0..outputs.len();
    all.clone().find(|&output| epilogue.handed_on(output) == Some(index)).or_else(|| all.find(takes_over))
}

/// What is done with each finished block of a core's first result. Others are handed on at most.
pub struct Finish {
    program: Arc<Program>,
    scalars: SmallVec<[Scalar; 2]>,
    operands: SmallVec<[Operand; 4]>,
    /// Bytes of an element of the result.
    size: usize,
    shape: Shape,
    /// The memory of the outputs that are computed; `None` for the one whose memory the result has.
    targets: SmallVec<[Option<Target>; 2]>,
}

impl Finish {
    /// Compiles the epilogue of a kernel; the first result of its core lies in output `place` or in memory of its own.
    pub fn new(
        kernel: &Kernel,
        epilogue: &Expr,
        result: &Spec,
        place: Option<usize>,
        inputs: &[Input<'_>],
        outputs: &mut [OutputView<'_>],
    ) -> Result<Finish> {
        // A second output that hands the first result on is a copy.
        let is_computed = |output: usize| match epilogue.handed_on(output) {
            Some(0) => Some(output) != place,
            result => result.is_none(),
        };
        let computed: SmallVec<[usize; 2]> =
            (0..outputs.len()).filter(|&output| is_computed(output)).collect();
        let wanted: SmallVec<[Value; 2]> =
            computed.iter().map(|&output| epilogue.outputs()[output]).collect();
        let is_overwritten = |(index, input): (usize, &Input<'_>)| {
            super::loads(epilogue, index) && matches!(input.memory, Memory::Output(_))
        };
        let in_place = place.is_some_and(|place| computed.contains(&place))
            || inputs.iter().enumerate().any(is_overwritten);
        let count = kernel.operands.len();
        let program = Program::of(epilogue, &wanted, count, Store::Memory, in_place, simd::tier())?;
        let mut targets: SmallVec<[Option<Target>; 2]> = SmallVec::new();
        for &output in &computed {
            targets.push(match Some(output) == place {
                true => None,
                false => Some(Target::of(&mut outputs[output])?),
            });
        }
        let target = |output: usize| {
            computed.iter().position(|&computed| computed == output).and_then(|at| targets[at])
        };
        // SAFETY: the kernel's inputs and outputs are borrowed while it runs, and so is the epilogue used; a program that reads
        // what it overwrites is compiled for it.
        let mut operands = unsafe { Operand::of_inputs(inputs, |index| program.reads(index), target)? };
        let size = result.dtype.size();
        operands.push(Operand::block(size, Layout::dense(result.shape.clone())));
        Ok(Finish {
            program,
            scalars: kernel.scalars.clone(),
            operands,
            size,
            shape: result.shape.clone(),
            targets,
        })
    }

    /// Evaluates the epilogue on a block of the result.
    pub fn block<T>(&self, block: &mut Block<'_, T>) {
        let (start, rows, columns) = (block.start(), block.rows.len(), block.columns.len());
        let row_stride = block.row_stride();
        let base = block.as_mut_ptr().cast::<u8>().wrapping_sub(start * self.size);
        let evaluation = Evaluation::new(&self.program, &self.scalars, &self.operands, &self.shape);
        // Rows that touch are one where a tile holds several.
        let joins = columns == row_stride && columns <= TILE / 2;
        let (rows, columns) = if joins { (1, rows * columns) } else { (rows, columns) };
        evaluation.with_block(base, |evaluator| {
            for row in 0..rows {
                let mut at = start + row * row_stride;
                let end = at + columns;
                while at < end {
                    let count = TILE.min(end - at);
                    let is_last = at + count == end;
                    evaluator.expect((is_last && row + 1 < rows).then(|| start + (row + 1) * row_stride));
                    let outputs: SmallVec<[*mut u8; 2]> = self
                        .targets
                        .iter()
                        .map(|target| match target {
                            Some(target) => target.at(at),
                            None => base.wrapping_add(at * self.size),
                        })
                        .collect();
                    // SAFETY: the block is its owner's alone, and so are the same elements of the other outputs,
                    // which have the shape of the result; a program that writes over the result is compiled for it.
                    unsafe { evaluator.run(at, count, &outputs) };
                    at += count;
                }
            }
        });
    }
}
