//! Building and running small kernels.

use smallvec::SmallVec;
use tenfold_ir::backend::PlainStorage;
use tenfold_ir::kernel::{Kernel, Spec, Specs};
use tenfold_ir::reference::{Reference, check};
use tenfold_ir::{
    Backend, Buffer, Core, DType, Element, Expr, Layout, Operand, Result, Scalar, Shape, Source,
};

/// A dense tensor in memory.
pub struct Given {
    pub dtype: DType,
    pub shape: Shape,
    pub buffer: Buffer,
}

/// A dense tensor of these elements.
pub fn given<T: Element>(shape: &[usize], values: &[T]) -> Given {
    let shape = Shape::new(shape);
    assert_eq!(shape.elements(), values.len());
    let mut buffer = Buffer::new(PlainStorage::zeros(size_of_val(values)).unwrap());
    buffer.bytes_mut().unwrap().copy_from_slice(bytemuck::cast_slice(values));
    Given { dtype: T::DTYPE, shape, buffer }
}

/// A kernel that runs `core` on dense inputs.
pub fn plain_kernel(core: Core, inputs: &[Given]) -> Result<Kernel> {
    let specs: Vec<Spec> = inputs.iter().map(|input| Spec::new(input.shape.clone(), input.dtype)).collect();
    let outputs = core.results(&specs)?;
    Ok(Kernel {
        core,
        prologues: (0..inputs.len()).map(|input| Expr::load_of(input as u16, inputs[input].dtype)).collect(),
        epilogue: None,
        operands: inputs
            .iter()
            .map(|input| Operand { dtype: input.dtype, layout: Layout::dense(input.shape.clone()) })
            .collect(),
        scalars: SmallVec::new(),
        outputs,
    })
}

/// A kernel that evaluates an expression over dense inputs of one shape.
pub fn map_kernel(expr: Expr, inputs: &[Given], scalars: &[Scalar]) -> Kernel {
    let shape = inputs[0].shape.clone();
    let outputs: Specs = expr.output_dtypes().map(|dtype| Spec::new(shape.clone(), dtype)).collect();
    Kernel {
        core: Core::Map,
        prologues: SmallVec::new(),
        epilogue: Some(expr),
        operands: inputs
            .iter()
            .map(|input| Operand { dtype: input.dtype, layout: Layout::dense(input.shape.clone()) })
            .collect(),
        scalars: SmallVec::from_slice(scalars),
        outputs,
    }
}

/// Runs a kernel with each operand in a buffer of its own; the check must agree with the reference itself.
pub fn run_kernel(kernel: &Kernel, inputs: &[Given]) -> Result<Vec<Buffer>> {
    let sources: Vec<Source> = inputs.iter().map(|input| Source::Buffer(&input.buffer)).collect();
    let mut outputs: Vec<Buffer> =
        kernel.outputs.iter().map(|spec| Reference.allocate(spec.bytes()).unwrap()).collect();
    Reference.run(kernel, &sources, &mut outputs)?;
    check(kernel, &sources, &outputs).unwrap();
    Ok(outputs)
}

/// Runs a core on dense inputs.
pub fn run(core: Core, inputs: &[Given]) -> Result<Vec<Buffer>> {
    run_kernel(&plain_kernel(core, inputs)?, inputs)
}

/// The elements of a buffer.
pub fn values<T: Element>(buffer: &Buffer) -> Vec<T> {
    bytemuck::cast_slice(buffer.bytes().unwrap()).to_vec()
}

/// True where numbers agree to a few units in the last place of float64.
pub fn close(got: &[f64], expected: &[f64]) -> bool {
    got.len() == expected.len()
        && got.iter().zip(expected).all(|(&a, &b)| {
            a == b || a.is_nan() && b.is_nan() || (a - b).abs() <= 4.0 * f64::EPSILON * b.abs().max(1e-300)
        })
}
