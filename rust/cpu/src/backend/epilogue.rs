//! Epilogues in cache: what a core has just computed passes through an expression block by block.

use std::sync::Arc;

use smallvec::SmallVec;
use tenfold_ir::expr::Value;
use tenfold_ir::{Expr, Instruction, Kernel, Layout, Result, Scalar, Shape, Spec};

use super::view::{Input, Memory, OutputView};
use crate::elementwise::Target;
use crate::elementwise::evaluate::Evaluation;
use crate::elementwise::operand::Operand;
use crate::elementwise::program::{Program, Store, TILE};
use crate::gemm::Block;
use crate::simd;

/// Which output's memory the core's one result is written to: one that hands it on as it is, else one that can be
/// computed in its place.
pub fn place_of_result(epilogue: &Expr, result: &Spec, outputs: &[Spec]) -> Option<usize> {
    let hands_on =
        |&value: &Value| matches!(epilogue.instructions()[usize::from(value)], Instruction::Result { .. });
    epilogue.outputs().iter().position(hands_on).or_else(|| outputs.iter().position(|spec| spec == result))
}

/// What is done with each finished block of a core's one result.
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
    /// Compiles the epilogue of a kernel whose core has one result, which lies in output `place` or in memory of its
    /// own.
    pub fn new(
        kernel: &Kernel,
        epilogue: &Expr,
        result: &Spec,
        place: Option<usize>,
        inputs: &[Input<'_>],
        outputs: &mut [OutputView<'_>],
    ) -> Result<Finish> {
        let is_computed = |output: usize| {
            let value = usize::from(epilogue.outputs()[output]);
            Some(output) != place || !matches!(epilogue.instructions()[value], Instruction::Result { .. })
        };
        let computed: SmallVec<[usize; 2]> =
            (0..outputs.len()).filter(|&output| is_computed(output)).collect();
        let wanted: SmallVec<[Value; 2]> =
            computed.iter().map(|&output| epilogue.outputs()[output]).collect();
        let in_place = place.is_some_and(|place| computed.contains(&place));
        let count = kernel.operands.len();
        let program = Program::of(epilogue, &wanted, count, Store::Memory, in_place, simd::tier())?;
        let mut targets: SmallVec<[Option<Target>; 2]> = SmallVec::new();
        for &output in &computed {
            targets.push(match Some(output) == place {
                true => None,
                false => Some(Target::of(&mut outputs[output])?),
            });
        }
        let mut operands: SmallVec<[Operand; 4]> = SmallVec::new();
        for (index, input) in inputs.iter().enumerate() {
            operands.push(match input.memory {
                // SAFETY: the borrow keeps the memory alive and unwritten.
                Memory::Bytes(bytes) if program.reads(index) => unsafe {
                    Operand::new(input.dtype, input.layout.clone(), bytes.as_ptr(), bytes.len())?
                },
                _ => Operand::unused(),
            });
        }
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
