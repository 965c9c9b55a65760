//! From the kernel form to the families of kernels.
//!
//! A family computes from plain inputs (layouts over memory) to dense outputs. Prologues that do more than load
//! and epilogues are evaluated around it, unless the family takes them in itself.

mod convolution;
pub(crate) mod dense;
pub mod disjoint;
pub(crate) mod epilogue;
mod gemm;
#[cfg(test)]
pub(crate) mod testing;
pub mod transpose;
pub mod view;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use smallvec::SmallVec;
use tenfold_ir::expr::Value;
use tenfold_ir::kernel::{AttentionKind, Host, HostInput, HostOutput};
use tenfold_ir::{
    Backend, Buffer, Core, Error, Expr, Instruction, Kernel, Layout, Result, Shape, Source, Spec,
};

use epilogue::Finish;

use crate::elementwise::evaluate::Evaluation;
use crate::elementwise::operand::Operand;
use crate::elementwise::program::{Program, Store};
use crate::memory::HostBuffer;
use crate::threads::{FloatControl, Interrupted, unstoppable};
use crate::{
    attention, elementwise, index, pool, random, recurrent, reduction, resample, rows, scan, simd, sort,
};
use reduction::Prologue;
use view::{Input, Memory, OutputView};

/// The kernels of this crate as a [`Backend`].
pub struct Cpu;

impl Backend for Cpu {
    fn name(&self) -> &'static str {
        "cpu"
    }

    fn allocate(&self, bytes: usize) -> Result<Buffer> {
        Ok(Buffer::new(HostBuffer::new(bytes)?))
    }

    fn can_share(&self, kernel: &Kernel, operand: usize, output: usize) -> bool {
        if let (Core::Map, Some(expr)) = (&kernel.core, &kernel.epilogue) {
            return overwrites_after_reading(expr, operand, output);
        }
        if let Some(epilogue) = kernel.epilogue.as_ref().filter(|_| finishes_blocks(&kernel.core)) {
            // What the core does not read, in the memory of an output that it does not write.
            let is_read = kernel.prologues.iter().any(|prologue| loads(prologue, operand));
            return !is_read
                && epilogue.handed_on(output).is_none()
                && overwrites_after_reading(epilogue, operand, output)
                && kernel.core.results(&kernel.core_inputs()).is_ok_and(|results| {
                    let place =
                        |index| epilogue::place_of_result(epilogue, index, &results[index], &kernel.outputs);
                    (0..results.len()).all(|index| place(index) != Some(output))
                });
        }
        // Elsewhere only an operand that is a core's input as it is, with results that are outputs as they are.
        let input = (0..kernel.prologues.len())
            .find(|&input| kernel.plain_input(input).is_some_and(|(plain, _)| plain == operand));
        match (input, &kernel.epilogue, &kernel.core) {
            (Some(input), None, Core::Rows(core)) => rows::can_share(core.operation, input, output),
            (Some(input), None, Core::Scan(_)) => scan::can_share(input, output),
            (Some(input), None, Core::Index(core)) => index::can_share(core, input),
            _ => false,
        }
    }

    fn run(&self, kernel: &Kernel, sources: &[Source<'_>], outputs: &mut [Buffer]) -> Result<()> {
        let _float_control = FloatControl::set_default();
        // What has overwritten a part of its operands cannot be begun again.
        let overwrites = sources.iter().any(|source| matches!(source, Source::Output(_)));
        let computed = catch_unwind(AssertUnwindSafe(|| match overwrites {
            true => unstoppable(|| run(kernel, sources, outputs)),
            false => run(kernel, sources, outputs),
        }));
        computed.unwrap_or_else(|payload| match payload.downcast::<Interrupted>() {
            Ok(_) => Err(Error::interrupted(kernel.core.name().to_owned(), "stopped by the user")),
            Err(payload) => resume_unwind(payload),
        })
    }
}

/// True where an operand can be overwritten with an output of an expression: a tile is written when all steps that compute
/// have read it, but another output that is the operand itself would be copied from there only afterwards.
fn overwrites_after_reading(expr: &Expr, operand: usize, output: usize) -> bool {
    let mut others = expr.outputs().iter().enumerate().filter(|&(other, _)| other != output);
    !others.any(|(_, &value)| is_load(&expr.instructions()[usize::from(value)], operand))
}

/// True where an expression reads an operand.
fn loads(expr: &Expr, operand: usize) -> bool {
    expr.instructions().iter().any(|instruction| is_load(instruction, operand))
}

fn is_load(instruction: &Instruction, operand: usize) -> bool {
    matches!(*instruction, Instruction::Load { operand: read } if usize::from(read) == operand)
}

/// True for a core that hands each block of its first result to the epilogue as soon as that is finished.
fn finishes_blocks(core: &Core) -> bool {
    match core {
        Core::Gemm(_) | Core::Convolution(_) => true,
        Core::Attention(core) => core.kind == AttentionKind::Forward,
        _ => false,
    }
}

fn run(kernel: &Kernel, sources: &[Source<'_>], outputs: &mut [Buffer]) -> Result<()> {
    let mut views: SmallVec<[OutputView<'_>; 2]> = SmallVec::new();
    for (spec, buffer) in kernel.outputs.iter().zip(outputs) {
        views.push(OutputView { dtype: spec.dtype, shape: spec.shape.clone(), bytes: buffer.bytes_mut()? });
    }
    let inputs = kernel.operands.iter().zip(sources).map(|(operand, source)| {
        let memory = match source {
            Source::Buffer(buffer) => Memory::Bytes(buffer.bytes()?),
            Source::Output(output) => Memory::Output(*output),
        };
        // A view of no elements may begin behind its memory: kernels find none from the start.
        let layout = match operand.layout.elements() {
            0 => Layout::dense(operand.layout.shape().clone()),
            _ => operand.layout.clone(),
        };
        Ok(Input { dtype: operand.dtype, layout, memory })
    });
    let inputs: SmallVec<[Input<'_>; 4]> = inputs.collect::<Result<_>>()?;
    match (&kernel.core, &kernel.epilogue) {
        (Core::Map, Some(epilogue)) => elementwise::map(
            epilogue,
            epilogue.outputs(),
            kernel.operands.len(),
            &kernel.scalars,
            &inputs,
            &mut views,
        ),
        (_, None) => run_core(kernel, &inputs, &mut views, None),
        (_, Some(epilogue)) => run_with_epilogue(kernel, epilogue, &inputs, &mut views),
    }
}

/// Runs the core into memory of its own and the epilogue from there.
///
/// A result with one number a row counts as broadcast along the row, except where it is handed on as it is.
fn run_with_epilogue(
    kernel: &Kernel,
    epilogue: &Expr,
    inputs: &[Input<'_>],
    outputs: &mut [OutputView<'_>],
) -> Result<()> {
    let results = kernel.core.results(&kernel.core_inputs())?;
    if finishes_blocks(&kernel.core) {
        return run_in_blocks(kernel, epilogue, &results, inputs, outputs);
    }
    let mut memory: SmallVec<[HostBuffer; 2]> = SmallVec::new();
    for spec in &results {
        memory.push(HostBuffer::new(spec.bytes())?);
    }
    run_core(kernel, inputs, &mut views_of(&results, &mut memory), None)?;
    let mut computed: SmallVec<[Value; 2]> = SmallVec::new();
    let mut targets: SmallVec<[OutputView<'_>; 2]> = SmallVec::new();
    for (index, (output, &value)) in outputs.iter_mut().zip(epilogue.outputs()).enumerate() {
        if let Some(result) = epilogue.handed_on(index) {
            output.checked_bytes(output.dtype.size())?.copy_from_slice(memory[result].as_slice());
        } else {
            computed.push(value);
            let (dtype, shape) = (output.dtype, output.shape.clone());
            targets.push(OutputView { dtype, shape, bytes: &mut *output.bytes });
        }
    }
    let Some(shape) = targets.first().map(|target| target.shape.clone()) else { return Ok(()) };
    let mut all: SmallVec<[Input<'_>; 4]> = SmallVec::from(inputs);
    for (spec, buffer) in results.iter().zip(&memory) {
        let dense = Layout::dense(spec.shape.clone());
        let layout = match &kernel.core {
            Core::Rows(core) if spec.shape.rank() < shape.rank() => {
                dense.insert_axis(core.axis).broadcast_to(&shape).unwrap_or(dense)
            }
            _ => dense,
        };
        all.push(Input::new(spec.dtype, layout, buffer.as_slice()));
    }
    elementwise::map(epilogue, &computed, inputs.len(), &kernel.scalars, &all, &mut targets)
}

/// Runs a core whose first result passes through the epilogue block by block, while it is in cache.
fn run_in_blocks(
    kernel: &Kernel,
    epilogue: &Expr,
    results: &[Spec],
    inputs: &[Input<'_>],
    outputs: &mut [OutputView<'_>],
) -> Result<()> {
    let place = |index: usize| epilogue::place_of_result(epilogue, index, &results[index], &kernel.outputs);
    let places: SmallVec<[Option<usize>; 2]> = (0..results.len()).map(place).collect();
    let finish = Finish::new(kernel, epilogue, &results[0], places[0], inputs, outputs)?;
    let mut memory: SmallVec<[Option<HostBuffer>; 2]> = SmallVec::new();
    for (spec, place) in results.iter().zip(&places) {
        memory.push(if place.is_none() { Some(HostBuffer::new(spec.bytes())?) } else { None });
    }
    let mut outputs: SmallVec<[Option<&mut OutputView<'_>>; 2]> = outputs.iter_mut().map(Some).collect();
    let mut views: SmallVec<[OutputView<'_>; 2]> = SmallVec::new();
    for ((spec, place), own) in results.iter().zip(&places).zip(&mut memory) {
        let bytes = match place.and_then(|place| outputs[place].take()) {
            Some(output) => &mut *output.bytes,
            None => own.as_mut().map_or(&mut [][..], HostBuffer::as_mut_slice),
        };
        views.push(OutputView { dtype: spec.dtype, shape: spec.shape.clone(), bytes });
    }
    run_core(kernel, inputs, &mut views, Some(&finish))
}

fn views_of<'a>(specs: &[Spec], memory: &'a mut [HostBuffer]) -> SmallVec<[OutputView<'a>; 2]> {
    let views = specs.iter().zip(memory).map(|(spec, buffer)| OutputView {
        dtype: spec.dtype,
        shape: spec.shape.clone(),
        bytes: buffer.as_mut_slice(),
    });
    views.collect()
}

/// Evaluates the prologues that do more than load, and hands plain inputs to the family of the core.
fn run_core(
    kernel: &Kernel,
    inputs: &[Input<'_>],
    outputs: &mut [OutputView<'_>],
    finish: Option<&Finish>,
) -> Result<()> {
    let specs = kernel.core_inputs();
    if let Core::Reduce(core) = &kernel.core {
        let expr = &*reduction::reduced_expression(core, &kernel.prologues);
        let prologue = Prologue { expr, scalars: &kernel.scalars, inputs };
        return reduction::run(core, &specs[0].shape, prologue, outputs);
    }
    let in_rows = RowPrologue::new(kernel, &specs, inputs)?;
    let mut memory: SmallVec<[Option<HostBuffer>; 3]> = SmallVec::new();
    for (index, spec) in specs.iter().enumerate() {
        memory.push(match kernel.plain_input(index) {
            Some(_) => None,
            None if index == 0 && in_rows.is_some() => None,
            None => Some(evaluate_prologue(kernel, index, spec, inputs)?),
        });
    }
    let plain = specs.iter().zip(&memory).enumerate().map(|(index, (spec, buffer))| {
        match (buffer, kernel.plain_input(index)) {
            (None, Some((operand, _))) => inputs[operand].clone(),
            // What is computed row by row has no memory.
            (buffer, _) => {
                let bytes = buffer.as_ref().map_or(&[][..], HostBuffer::as_slice);
                Input::new(spec.dtype, Layout::dense(spec.shape.clone()), bytes)
            }
        }
    });
    let plain: SmallVec<[Input<'_>; 3]> = plain.collect();
    match (&kernel.core, &in_rows) {
        (Core::Rows(core), Some(prologue)) => {
            rows::run(core, &plain, outputs, Some(&prologue.evaluation(kernel, &specs[0].shape)))
        }
        (core, _) => dispatch(core, &plain, outputs, finish),
    }
}

/// The prologue of the first input of a row operation that computes it row by row.
struct RowPrologue {
    program: Arc<Program>,
    operands: SmallVec<[Operand; 4]>,
}

impl RowPrologue {
    /// `None` where there is none, or its values are better computed in memory before.
    fn new(kernel: &Kernel, specs: &[Spec], inputs: &[Input<'_>]) -> Result<Option<RowPrologue>> {
        let Core::Rows(core) = &kernel.core else { return Ok(None) };
        let shape = &specs[0].shape;
        if kernel.plain_input(0).is_some() || !rows::takes_prologue(core, shape) {
            return Ok(None);
        }
        let expr = &kernel.prologues[0];
        let program = Program::of(expr, expr.outputs(), inputs.len(), Store::Memory, false, simd::tier())?;
        // SAFETY: the kernel's inputs are borrowed while it runs, and so is the prologue used.
        let operands = unsafe { Operand::of_inputs(inputs, |index| program.reads(index), |_| None)? };
        let prologue = RowPrologue { program, operands };
        // Operands that lie transposed are read in bands across many rows.
        let in_bands = prologue.evaluation(kernel, shape).bands().is_some();
        Ok((!in_bands).then_some(prologue))
    }

    fn evaluation<'a>(&'a self, kernel: &'a Kernel, shape: &'a Shape) -> Evaluation<'a> {
        Evaluation::new(&self.program, &kernel.scalars, &self.operands, shape)
    }
}

fn evaluate_prologue(kernel: &Kernel, index: usize, spec: &Spec, inputs: &[Input<'_>]) -> Result<HostBuffer> {
    let mut buffer = HostBuffer::new(spec.bytes())?;
    let expr = &kernel.prologues[index];
    let mut view =
        [OutputView { dtype: spec.dtype, shape: spec.shape.clone(), bytes: buffer.as_mut_slice() }];
    elementwise::map(expr, expr.outputs(), inputs.len(), &kernel.scalars, inputs, &mut view)?;
    Ok(buffer)
}

/// One line a family. Those that finish their result in blocks take the epilogue in.
fn dispatch(
    core: &Core,
    inputs: &[Input<'_>],
    outputs: &mut [OutputView<'_>],
    finish: Option<&Finish>,
) -> Result<()> {
    match core {
        Core::Map | Core::Reduce(_) => {
            Err(Error::state(core.name().to_owned(), "has an expression of its own"))
        }
        Core::Scan(core) => scan::run(core, inputs, outputs),
        Core::Rows(core) => rows::run(core, inputs, outputs, None),
        Core::Gemm(core) => gemm::run(core.precision, inputs, outputs, finish),
        Core::Convolution(core) => convolution::run(core, inputs, outputs, finish),
        Core::Recurrent(core) => recurrent::run(core, inputs, outputs),
        Core::Attention(core) => attention::run(core, inputs, outputs, finish),
        Core::Pool(core) => pool::run(core, inputs, outputs),
        Core::Resample(core) => resample::run(core, inputs, outputs),
        Core::Index(core) => index::run(core, inputs, outputs),
        Core::Sort(core) => sort::run(core, inputs, outputs),
        Core::Random(core) => random::run(core, inputs, outputs),
        Core::Host(core) => run_host(core, inputs, outputs),
    }
}

/// Calls a function of the host's.
fn run_host(core: &Host, inputs: &[Input<'_>], outputs: &mut [OutputView<'_>]) -> Result<()> {
    let mut host_inputs: Vec<HostInput<'_>> = Vec::with_capacity(inputs.len());
    for input in inputs {
        let Memory::Bytes(bytes) = input.memory else {
            return Err(Error::state("kernel", "an input that must not share an output's memory does"));
        };
        let spec = Spec::new(input.shape().clone(), input.dtype);
        host_inputs.push(HostInput { spec, layout: input.layout.clone(), bytes });
    }
    let mut host_outputs: Vec<HostOutput<'_>> = Vec::with_capacity(outputs.len());
    for output in outputs {
        let spec = Spec::new(output.shape.clone(), output.dtype);
        let size = output.dtype.size();
        host_outputs.push(HostOutput { spec, bytes: output.checked_bytes(size)? });
    }
    core.function().run(&host_inputs, &mut host_outputs)
}
