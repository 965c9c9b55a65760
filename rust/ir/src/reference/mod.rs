//! The reference interpreter: what every kernel must compute.
//!
//! Each operation is evaluated from operands already rounded to their dtype, in arithmetic that is exact or much wider
//! than the dtype, and its result is rounded once. Simple loops over lists of numbers; no concern for speed. It is
//! the oracle of the tests, and [`check`] holds another backend's outputs against it.

mod apply;
mod attention;
mod check;
mod convolution;
mod evaluate;
mod gemm;
mod host;
mod index;
mod number;
mod pool;
mod random;
mod recurrent;
mod reduce;
mod resample;
mod rows;
mod scan;
mod sort;
mod tensor;

pub use check::check;
use evaluate::{Environment, evaluate};
use tensor::Tensor;

use crate::backend::PlainStorage;
use crate::kernel::{Kernel, Spec};
use crate::{Backend, Buffer, Core, Error, Expr, Result, Shape, Source};

/// The reference interpreter as a backend over plain memory.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reference;

impl Backend for Reference {
    fn name(&self) -> &'static str {
        "reference"
    }

    fn allocate(&self, bytes: usize) -> Result<Buffer> {
        Ok(Buffer::new(PlainStorage::zeros(bytes)?))
    }

    fn can_share(&self, _kernel: &Kernel, _operand: usize, _output: usize) -> bool {
        false
    }

    fn run(&self, kernel: &Kernel, sources: &[Source<'_>], outputs: &mut [Buffer]) -> Result<()> {
        // Everything is read before anything is written: an operand may lie in an output.
        let operands = read_operands(kernel, sources, outputs)?;
        for (tensor, buffer) in interpret(kernel, &operands)?.iter().zip(outputs) {
            let size = tensor.spec.bytes();
            let room = buffer.size();
            let bytes = buffer.bytes_mut()?.get_mut(..size).ok_or_else(|| {
                Error::state(
                    kernel.core.name().to_owned(),
                    format!("an output needs {size} bytes; got {room}"),
                )
            })?;
            tensor.write(bytes);
        }
        Ok(())
    }
}

/// The operands as tensors of the spaces that read them.
fn read_operands(kernel: &Kernel, sources: &[Source<'_>], outputs: &[Buffer]) -> Result<Vec<Tensor>> {
    let operands = kernel.operands.iter().zip(sources).map(|(operand, source)| {
        let buffer = match *source {
            Source::Buffer(buffer) => buffer,
            Source::Output(output) => &outputs[output],
        };
        let spec = Spec::new(operand.layout.shape().clone(), operand.dtype);
        Tensor::read(spec, &operand.layout, buffer.bytes()?)
    });
    operands.collect()
}

/// The outputs of a kernel.
fn interpret(kernel: &Kernel, operands: &[Tensor]) -> Result<Vec<Tensor>> {
    let inputs = prologues(kernel, operands)?;
    let results = core(&kernel.core, &inputs)?;
    match &kernel.epilogue {
        None => Ok(results),
        Some(expr) => epilogue(kernel, expr, operands, results),
    }
}

/// The inputs of the core.
fn prologues(kernel: &Kernel, operands: &[Tensor]) -> Result<Vec<Tensor>> {
    let environment = Environment { operands, results: &[], scalars: &kernel.scalars };
    let mut inputs = Vec::with_capacity(kernel.prologues.len());
    for (expr, spec) in kernel.prologues.iter().zip(kernel.core_inputs()) {
        inputs.extend(evaluate(expr, &spec.shape, &environment)?);
    }
    Ok(inputs)
}

/// The outputs from the results of the core.
fn epilogue(kernel: &Kernel, expr: &Expr, operands: &[Tensor], results: Vec<Tensor>) -> Result<Vec<Tensor>> {
    epilogue_with(kernel, expr, results, Tensor::broadcast_along, |shape, results| {
        evaluate(expr, shape, &Environment { operands, results, scalars: &kernel.scalars })
    })
}

/// As [`epilogue`], for anything that stands for a tensor.
///
/// A result with one number a row counts as broadcast along the row, except where it is handed on as it is.
fn epilogue_with<T: Clone>(
    kernel: &Kernel,
    expr: &Expr,
    results: Vec<T>,
    broadcast_along: impl Fn(&T, usize, &Shape) -> T,
    evaluate: impl FnOnce(&Shape, &[T]) -> Result<Vec<T>>,
) -> Result<Vec<T>> {
    let evaluated = match (0..kernel.outputs.len()).find(|&output| expr.handed_on(output).is_none()) {
        None => Vec::new(),
        Some(output) => {
            let shape = &kernel.outputs[output].shape;
            let broadcast: Vec<T> = results
                .iter()
                .map(|result| match &kernel.core {
                    Core::Rows(core) => broadcast_along(result, core.axis, shape),
                    _ => result.clone(),
                })
                .collect();
            evaluate(shape, &broadcast)?
        }
    };
    Ok((0..kernel.outputs.len())
        .map(|output| {
            expr.handed_on(output).map_or_else(|| &evaluated[output], |index| &results[index]).clone()
        })
        .collect())
}

/// The results of a core.
fn core(core: &Core, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
    let specs: Vec<Spec> = inputs.iter().map(|input| input.spec.clone()).collect();
    let results = core.results(&specs)?;
    Ok(match core {
        Core::Map => Vec::new(),
        Core::Reduce(core) => reduce::reduce(core, inputs, &results),
        Core::Scan(core) => scan::scan(core, inputs, &results),
        Core::Rows(core) => rows::rows(core, inputs, &results),
        Core::Gemm(_) => gemm::gemm(inputs, &results),
        Core::Convolution(core) => convolution::convolution(core, inputs, &results),
        Core::Recurrent(core) => recurrent::recurrent(core, inputs, &results),
        Core::Attention(core) => attention::attention(core, inputs, &results),
        Core::Pool(core) => pool::pool(core, inputs, &results)?,
        Core::Resample(core) => resample::resample(core, &inputs[0], &results),
        Core::Index(core) => index::index(core, inputs, &results)?,
        Core::Sort(core) => sort::sort(core, inputs, &results),
        Core::Random(core) => random::random(core, &results),
        Core::Host(core) => host::host(core, inputs, &results)?,
    })
}
