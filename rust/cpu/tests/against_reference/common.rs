//! Operands drawn at random, and kernels held against the reference.

use smallvec::SmallVec;
use tenfold_ir::backend::Storage;
use tenfold_ir::kernel::*;
use tenfold_ir::reference::check;
use tenfold_ir::{
    Buffer, Category, Complex, Core, DType, Element, Expr, Kernel, Layout, Operand, Operation, Scalar, Shape,
    Source, with_element,
};

/// A small generator of random numbers (xorshift), so that every run tests the same.
pub struct Draw(pub u64);

impl Draw {
    pub fn bits(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
    pub fn below(&mut self, bound: usize) -> usize {
        (((self.bits() >> 32) * bound as u64) >> 32) as usize
    }
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * ((self.bits() >> 11) as f64 / (1u64 << 53) as f64)
    }
}

/// Memory that ends where its elements do, so that valgrind sees every access behind them.
struct Exact {
    words: Vec<u128>,
    size: usize,
}

impl Exact {
    fn zeros(size: usize) -> Buffer {
        Buffer::new(Exact { words: vec![0; size.div_ceil(16)], size })
    }
}

impl Storage for Exact {
    fn bytes(&self) -> Option<&[u8]> {
        let bytes: &[u8] = bytemuck::cast_slice(&self.words);
        Some(&bytes[bytes.len() - self.size..])
    }

    fn bytes_mut(&mut self) -> Option<&mut [u8]> {
        let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut self.words);
        let start = bytes.len() - self.size;
        Some(&mut bytes[start..])
    }

    fn size(&self) -> usize {
        self.size
    }
}

/// An operand of that shape in a layout drawn at random, over numbers from `number`.
pub fn operand(
    draw: &mut Draw,
    dtype: DType,
    shape: &[usize],
    number: &mut dyn FnMut(&mut Draw) -> Scalar,
) -> (Operand, Buffer) {
    let rank = shape.len();
    let shape = Shape::new(shape);
    let layout = match draw.below(4) {
        // Transposed, reversed, every second element of a longer axis, or dense.
        0 if rank >= 2 => {
            let order: Vec<usize> = (0..rank).rev().collect();
            Layout::dense(order.iter().map(|&axis| shape[axis]).collect()).permute(&order)
        }
        1 if rank >= 1 => Layout::dense(shape.clone()).flip(draw.below(rank)),
        2 if rank >= 1 => {
            let axis = draw.below(rank);
            let wide = shape.replaced(axis, 2 * shape[axis] + 1);
            Layout::dense(wide).slice(axis, 1, 2, shape[axis])
        }
        _ => Layout::dense(shape),
    };
    let elements = layout.span().map_or(0, |(_, high)| high as usize + 1);
    let mut buffer = Exact::zeros(elements * dtype.size());
    for element in buffer.bytes_mut().unwrap().chunks_exact_mut(dtype.size()) {
        let value = number(draw);
        with_element!(dtype, T => element.copy_from_slice(bytemuck::bytes_of(&T::from_scalar(value))));
    }
    (Operand { dtype, layout }, buffer)
}

/// Numbers around 0 of any category, now and then a special one.
pub fn any_number(dtype: DType, low: f64, high: f64) -> impl FnMut(&mut Draw) -> Scalar {
    move |draw| {
        let real = |draw: &mut Draw| match draw.below(12) {
            0 => [0.0, -0.0, 1.0, -1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY][draw.below(7)],
            _ => draw.between(low, high),
        };
        match dtype.category() {
            Category::Boolean => Scalar::Bool(draw.below(2) == 1),
            Category::Integer => Scalar::Int(draw.bits() as i128 >> draw.below(64)),
            Category::Floating => Scalar::Float(real(draw)),
            Category::Complex => {
                Scalar::Complex(Complex::new(draw.between(low, high), draw.between(low, high)))
            }
        }
    }
}

/// Finite numbers.
pub fn finite(dtype: DType, low: f64, high: f64) -> impl FnMut(&mut Draw) -> Scalar {
    move |draw| match dtype.category() {
        Category::Boolean => Scalar::Bool(draw.below(2) == 1),
        Category::Integer => Scalar::Int(draw.below(200) as i128 - 100),
        Category::Floating => Scalar::Float(draw.between(low, high)),
        Category::Complex => Scalar::Complex(Complex::new(draw.between(low, high), draw.between(low, high))),
    }
}

fn run_checked(kernel: &Kernel, buffers: &[Buffer], failures: &mut Vec<String>) {
    let backend = tenfold_cpu::backend();
    let sources: Vec<Source> = buffers.iter().map(Source::Buffer).collect();
    let mut outputs: Vec<Buffer> = kernel.outputs.iter().map(|spec| Exact::zeros(spec.bytes())).collect();
    let result = backend.run(kernel, &sources, &mut outputs).and_then(|()| {
        // Under valgrind the accesses matter, and the reference would take hours.
        if std::env::var_os("ACCESSES_ONLY").is_some() { Ok(()) } else { check(kernel, &sources, &outputs) }
    });
    let mut fail = |what: String| {
        let dtypes: Vec<DType> = kernel.operands.iter().map(|operand| operand.dtype).collect();
        failures.push(format!("{what}\n    {:?} of {dtypes:?}", kernel.core));
    };
    if let Err(error) = result {
        return fail(error.to_string());
    }
    // Where an operand may lie in an output's memory, the results are the same.
    for (index, operand) in
        kernel.operands.iter().enumerate().filter(|(_, operand)| operand.layout.is_dense())
    {
        let own = Spec::new(operand.layout.shape().clone(), operand.dtype);
        let is_own = |output: usize| kernel.outputs[output] == own && buffers[index].size() == own.bytes();
        for shared in (0..outputs.len()).filter(|&output| is_own(output)) {
            if !backend.can_share(kernel, index, shared) {
                continue;
            }
            let mut again: Vec<Buffer> =
                kernel.outputs.iter().map(|spec| Exact::zeros(spec.bytes())).collect();
            again[shared].bytes_mut().unwrap().copy_from_slice(buffers[index].bytes().unwrap());
            let mut sources: Vec<Source> = buffers.iter().map(Source::Buffer).collect();
            sources[index] = Source::Output(shared);
            let ran = backend.run(kernel, &sources, &mut again);
            let bytes = |outputs: &[Buffer]| -> Vec<Vec<u8>> {
                outputs.iter().map(|output| output.bytes().unwrap().to_vec()).collect()
            };
            if ran.is_err() || bytes(&again) != bytes(&outputs) {
                fail(format!("other results with operand {index} in the memory of output {shared}"));
            }
        }
    }
}

/// A kernel that runs `core` on operands as they are.
fn kernel_of(core: Core, operands: Vec<(Operand, Buffer)>) -> (Kernel, Vec<Buffer>) {
    let specs: Vec<Spec> = operands
        .iter()
        .map(|(operand, _)| Spec::new(operand.layout.shape().clone(), operand.dtype))
        .collect();
    let outputs = core.results(&specs).unwrap();
    let (operands, buffers): (SmallVec<[Operand; 4]>, Vec<Buffer>) = operands.into_iter().unzip();
    let prologues =
        operands.iter().enumerate().map(|(i, operand)| Expr::load_of(i as u16, operand.dtype)).collect();
    (Kernel { core, prologues, epilogue: None, operands, scalars: SmallVec::new(), outputs }, buffers)
}

/// A kernel that runs `core` on operands as they are, checked.
pub fn check_core(core: Core, operands: Vec<(Operand, Buffer)>, failures: &mut Vec<String>) {
    let (kernel, buffers) = kernel_of(core, operands);
    run_checked(&kernel, &buffers, failures);
}

/// The same with half the first input plus `added` in its place.
pub fn check_with_prologue(
    core: Core,
    operands: Vec<(Operand, Buffer)>,
    added: (Operand, Buffer),
    failures: &mut Vec<String>,
) {
    let (mut kernel, mut buffers) = kernel_of(core, operands);
    let dtype = added.0.dtype;
    let mut expr = Expr::new();
    let (x, half) = (expr.load(0, dtype), expr.scalar(0, dtype));
    let other = expr.load(buffers.len() as u16, dtype);
    let scaled = expr.apply(Operation::multiply, &[x, half]);
    let sum = expr.apply(Operation::add, &[scaled, other]);
    expr.output(sum);
    kernel.prologues[0] = expr;
    kernel.scalars.push(Scalar::Float(0.5));
    kernel.operands.push(added.0);
    buffers.push(added.1);
    run_checked(&kernel, &buffers, failures);
}

/// [`check_core`], or with an epilogue that adds numbers of the result's shape.
pub fn check_with_and_without_epilogue(
    core: Core,
    operands: Vec<(Operand, Buffer)>,
    draw: &mut Draw,
    failures: &mut Vec<String>,
) {
    let (kernel, buffers) = kernel_of(core.clone(), operands);
    run_checked(&kernel, &buffers, failures);
    let Spec { shape, dtype } = kernel.outputs[0].clone();
    if dtype.is_floating() {
        let added = operand(draw, dtype, &shape, &mut finite(dtype, -1.0, 1.0));
        let operands = kernel.operands.into_iter().zip(buffers).collect();
        check_with_epilogue(core, operands, added, draw.below(2) == 1, failures);
    }
}

/// The same with half the first result plus `added` as a further output behind the results, or instead of the first one.
pub fn check_with_epilogue(
    core: Core,
    operands: Vec<(Operand, Buffer)>,
    added: (Operand, Buffer),
    keeps_first: bool,
    failures: &mut Vec<String>,
) {
    let (mut kernel, mut buffers) = kernel_of(core, operands);
    let mut expr = Expr::new();
    let results: Vec<_> =
        kernel.outputs.iter().enumerate().map(|(i, spec)| expr.result(i as u16, spec.dtype)).collect();
    let half = expr.scalar(0, added.0.dtype);
    let other = expr.load(buffers.len() as u16, added.0.dtype);
    let scaled = expr.apply(Operation::multiply, &[results[0], half]);
    let sum = expr.apply(Operation::add, &[scaled, other]);
    let kept = usize::from(!keeps_first);
    results[kept..].iter().for_each(|&result| expr.output(result));
    expr.output(sum);
    let computed = kernel.outputs[0].clone();
    kernel.outputs.drain(..kept);
    kernel.outputs.push(computed);
    kernel.epilogue = Some(expr);
    kernel.scalars.push(Scalar::Float(0.5));
    kernel.operands.push(added.0);
    buffers.push(added.1);
    run_checked(&kernel, &buffers, failures);
}

pub fn check_map(expr: Expr, operands: Vec<(Operand, Buffer)>, failures: &mut Vec<String>) {
    let shape = operands[0].0.layout.shape().clone();
    let outputs = expr.output_dtypes().map(|dtype| Spec::new(shape.clone(), dtype)).collect();
    let (operands, buffers): (SmallVec<[Operand; 4]>, Vec<Buffer>) = operands.into_iter().unzip();
    let kernel = Kernel {
        core: Core::Map,
        prologues: SmallVec::new(),
        epilogue: Some(expr),
        operands,
        scalars: SmallVec::new(),
        outputs,
    };
    run_checked(&kernel, &buffers, failures);
}

pub fn report(failures: Vec<String>) {
    assert!(failures.is_empty(), "{} kernels differ:\n{}", failures.len(), failures.join("\n"));
}

pub const NUMBERS: [DType; 14] = {
    let [_, rest @ ..] = DType::ALL;
    rest
};
pub const FLOATS: [DType; 4] = [DType::Float16, DType::Bfloat16, DType::Float32, DType::Float64];
