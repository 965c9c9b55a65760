//! Every core and every row of the operation table, on operands of many layouts, against the reference interpreter.

use smallvec::SmallVec;
use tenfold_ir::backend::{PlainStorage, Storage};
use tenfold_ir::kernel::*;
use tenfold_ir::reference::check;
use tenfold_ir::{
    Boolean, Buffer, Category, Complex, Core, DType, Element, Expr, Kernel, Layout, Operand, Operation,
    Scalar, Shape, Source, with_element,
};

/// A small generator of random numbers (xorshift), so that every run tests the same.
struct Draw(u64);

impl Draw {
    fn bits(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
    fn below(&mut self, bound: usize) -> usize {
        (((self.bits() >> 32) * bound as u64) >> 32) as usize
    }
    fn between(&mut self, low: f64, high: f64) -> f64 {
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
fn operand(
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
fn any_number(dtype: DType, low: f64, high: f64) -> impl FnMut(&mut Draw) -> Scalar {
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
fn finite(dtype: DType, low: f64, high: f64) -> impl FnMut(&mut Draw) -> Scalar {
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
    if let Err(error) = result {
        let dtypes: Vec<DType> = kernel.operands.iter().map(|operand| operand.dtype).collect();
        failures.push(format!("{error}\n    {:?} of {dtypes:?}", kernel.core));
    }
}

/// A kernel that runs `core` on operands as they are, checked.
fn check_core(core: Core, operands: Vec<(Operand, Buffer)>, failures: &mut Vec<String>) {
    let specs: Vec<Spec> = operands
        .iter()
        .map(|(operand, _)| Spec::new(operand.layout.shape().clone(), operand.dtype))
        .collect();
    let outputs = core.results(&specs).unwrap();
    let (operands, buffers): (SmallVec<[Operand; 4]>, Vec<Buffer>) = operands.into_iter().unzip();
    let prologues =
        operands.iter().enumerate().map(|(i, operand)| Expr::load_of(i as u16, operand.dtype)).collect();
    let kernel = Kernel { core, prologues, epilogue: None, operands, scalars: SmallVec::new(), outputs };
    run_checked(&kernel, &buffers, failures);
}

fn check_map(expr: Expr, operands: Vec<(Operand, Buffer)>, failures: &mut Vec<String>) {
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

fn report(failures: Vec<String>) {
    assert!(failures.is_empty(), "{} kernels differ:\n{}", failures.len(), failures.join("\n"));
}

const NUMBERS: [DType; 14] = {
    let [_, rest @ ..] = DType::ALL;
    rest
};
const FLOATS: [DType; 4] = [DType::Float16, DType::Bfloat16, DType::Float32, DType::Float64];

#[test]
fn every_operation_in_every_dtype() {
    let (mut draw, mut failures) = (Draw(1), Vec::new());
    for &operation in Operation::ALL {
        for dtype in DType::ALL {
            let Ok(signature) = operation.signature(dtype) else { continue };
            if signature.arguments[operation.arity() - 1] != dtype {
                continue;
            }
            let operands: Vec<(Operand, Buffer)> = signature
                .arguments
                .iter()
                .zip(operation.row().domain)
                .map(|(&dtype, &(low, high))| {
                    operand(&mut draw, dtype, &[7, 29], &mut any_number(dtype, low, high))
                })
                .collect();
            let mut expr = Expr::new();
            let arguments: Vec<u16> = operands
                .iter()
                .enumerate()
                .map(|(i, operand)| expr.load(i as u16, operand.0.dtype))
                .collect();
            let result = expr.apply(operation, &arguments);
            expr.output(result);
            let before = failures.len();
            check_map(expr, operands, &mut failures);
            for failure in &mut failures[before..] {
                *failure = format!("{} {failure}", operation.name());
            }
        }
    }
    report(failures);
}

#[test]
fn every_cast() {
    let (mut draw, mut failures) = (Draw(2), Vec::new());
    for from in DType::ALL {
        for to in DType::ALL {
            let given = operand(&mut draw, from, &[5, 41], &mut any_number(from, -300.0, 300.0));
            let mut expr = Expr::new();
            let loaded = expr.load(0, from);
            let result = expr.cast(loaded, to);
            expr.output(result);
            check_map(expr, vec![given], &mut failures);
        }
    }
    report(failures);
}

#[test]
fn reductions_over_any_axes() {
    let (mut draw, mut failures) = (Draw(3), Vec::new());
    use Reduction::*;
    for dtype in DType::ALL {
        for operation in [Sum, Product, Max, Min, Any, All, ArgMax, ArgMin, Moments] {
            for axes in [&[] as &[usize], &[0], &[1], &[2], &[0, 2], &[1, 2], &[0, 1, 2]] {
                let shape = [3, 1 + draw.below(40), 1 + draw.below(70)];
                let core = Core::Reduce(Reduce { operation, axes: axes.iter().copied().collect() });
                if core.results(&[Spec::new(Shape::new(&shape), dtype)]).is_err() {
                    continue;
                }
                let special = matches!(operation, Max | Min | ArgMax | ArgMin);
                let given = match special {
                    true => operand(&mut draw, dtype, &shape, &mut any_number(dtype, -9.0, 9.0)),
                    false => operand(&mut draw, dtype, &shape, &mut finite(dtype, -1.5, 1.5)),
                };
                check_core(core, vec![given], &mut failures);
            }
        }
    }
    let long = operand(&mut draw, DType::Float32, &[70_000], &mut finite(DType::Float32, -1.0, 3.0));
    check_core(
        Core::Reduce(Reduce { operation: Sum, axes: [0].into_iter().collect() }),
        vec![long],
        &mut failures,
    );
    report(failures);
}

#[test]
fn scans_along_any_axis() {
    let (mut draw, mut failures) = (Draw(4), Vec::new());
    use ScanOperation::*;
    for dtype in DType::ALL {
        for operation in [Sum, Product, Max, Min, LogSumExp] {
            for axis in 0..2 {
                let core = Core::Scan(Scan { operation, axis, reverse: draw.below(2) == 1 });
                let shape = [1 + draw.below(20), 1 + draw.below(20)];
                if core.results(&[Spec::new(Shape::new(&shape), dtype)]).is_err() {
                    continue;
                }
                let special = matches!(operation, Max | Min);
                let given = match special {
                    true => operand(&mut draw, dtype, &shape, &mut any_number(dtype, -9.0, 9.0)),
                    false => operand(&mut draw, dtype, &shape, &mut finite(dtype, -1.5, 1.5)),
                };
                check_core(core, vec![given], &mut failures);
            }
        }
    }
    report(failures);
}

#[test]
fn rows_forward_and_backward() {
    let (mut draw, mut failures) = (Draw(5), Vec::new());
    use RowOperation::*;
    let operations = [
        Softmax,
        LogSoftmax,
        LogSumExp,
        SoftmaxGradient,
        LogSoftmaxGradient,
        LayerNorm { epsilon: 1e-5 },
        LayerNormGradient,
        AffineLayerNorm { epsilon: 1e-5 },
        AffineLayerNormGradient,
        RmsNorm { epsilon: 1e-6 },
        RmsNormGradient,
        AffineRmsNorm { epsilon: 1e-6 },
        AffineRmsNormGradient,
        CrossEntropy,
        CrossEntropyGradient,
    ];
    for dtype in FLOATS {
        for operation in operations {
            for axis in 0..2 {
                let shape = [1 + draw.below(30), 1 + draw.below(200)];
                let outer = [shape[1 - axis]];
                let wide = dtype.compute();
                let row =
                    |draw: &mut Draw, low, high| operand(draw, dtype, &shape, &mut finite(dtype, low, high));
                let x = row(&mut draw, -8.0, 8.0);
                let one =
                    |draw: &mut Draw, low, high| operand(draw, wide, &outer, &mut finite(wide, low, high));
                let target = |draw: &mut Draw| {
                    let extent = shape[axis];
                    operand(draw, DType::Int64, &outer, &mut |draw| {
                        Scalar::Int(draw.below(extent + 1) as i128 - 1)
                    })
                };
                let inputs = match operation {
                    Softmax | LogSoftmax | LogSumExp | LayerNorm { .. } | RmsNorm { .. } => vec![x],
                    SoftmaxGradient => vec![row(&mut draw, 0.0, 1.0), row(&mut draw, -2.0, 2.0)],
                    LogSoftmaxGradient => vec![row(&mut draw, -5.0, 0.0), row(&mut draw, -2.0, 2.0)],
                    LayerNormGradient => {
                        vec![
                            x,
                            one(&mut draw, -0.5, 0.5),
                            one(&mut draw, 0.1, 0.3),
                            row(&mut draw, -2.0, 2.0),
                        ]
                    }
                    AffineLayerNorm { .. } => vec![x, row(&mut draw, 0.5, 2.0), row(&mut draw, -2.0, 2.0)],
                    AffineLayerNormGradient => {
                        vec![
                            x,
                            one(&mut draw, -0.5, 0.5),
                            one(&mut draw, 0.1, 0.3),
                            row(&mut draw, 0.5, 2.0),
                            row(&mut draw, -2.0, 2.0),
                        ]
                    }
                    RmsNormGradient => vec![x, one(&mut draw, 0.1, 0.3), row(&mut draw, -2.0, 2.0)],
                    AffineRmsNorm { .. } => vec![x, row(&mut draw, 0.5, 2.0)],
                    AffineRmsNormGradient => {
                        vec![x, one(&mut draw, 0.1, 0.3), row(&mut draw, 0.5, 2.0), row(&mut draw, -2.0, 2.0)]
                    }
                    CrossEntropy => vec![x, target(&mut draw)],
                    CrossEntropyGradient => {
                        let gradient = operand(&mut draw, dtype, &outer, &mut finite(dtype, -2.0, 2.0));
                        vec![x, target(&mut draw), one(&mut draw, 8.0, 13.0), gradient]
                    }
                };
                check_core(Core::Rows(Rows { operation, axis }), inputs, &mut failures);
            }
        }
    }
    report(failures);
}

#[test]
fn products_of_any_shape() {
    let (mut draw, mut failures) = (Draw(6), Vec::new());
    for dtype in NUMBERS {
        for _ in 0..6 {
            let (batch, m) = (1 + draw.below(2), 1 + draw.below(20));
            let (k, n) = (draw.below(40), 1 + draw.below(40));
            let mut part = |shape: &[usize]| operand(&mut draw, dtype, shape, &mut finite(dtype, -2.0, 2.0));
            let inputs = vec![part(&[batch, m, k]), part(&[batch, k, n])];
            check_core(Core::Gemm(Gemm), inputs, &mut failures);
        }
    }
    let mut part =
        |shape: &[usize]| operand(&mut draw, DType::Float32, shape, &mut finite(DType::Float32, -1.0, 1.0));
    check_core(Core::Gemm(Gemm), vec![part(&[60, 600]), part(&[600, 70])], &mut failures);
    report(failures);
}

#[test]
fn convolutions_of_one_to_three_axes() {
    let (mut draw, mut failures) = (Draw(7), Vec::new());
    for dtype in FLOATS {
        for spatial in 1..=3 {
            for _ in 0..6 {
                let groups = 1 + draw.below(2);
                let (batch, channels, outputs) =
                    (1 + draw.below(2), groups * (1 + draw.below(4)), groups * (1 + draw.below(5)));
                let mut three = |low: usize, more: usize| -> SmallVec<[usize; 3]> {
                    (0..spatial).map(|_| low + draw.below(more)).collect()
                };
                let (input, kernel) = (three(3, 8), three(1, 3));
                let (stride, dilation, before, after) = (three(1, 2), three(1, 2), three(0, 3), three(0, 3));
                let core = |kind| Convolution {
                    kind,
                    stride: stride.clone(),
                    padding: before.iter().copied().zip(after.iter().copied()).collect(),
                    dilation: dilation.clone(),
                    groups,
                };
                let forward = core(ConvolutionKind::Forward);
                let Some(output) = (0..spatial)
                    .map(|axis| forward.output_extent(axis, input[axis], kernel[axis]))
                    .collect::<Option<Vec<usize>>>()
                else {
                    continue;
                };
                let with = |first: usize, second: usize, rest: &[usize]| [&[first, second], rest].concat();
                let mut part =
                    |shape: Vec<usize>| operand(&mut draw, dtype, &shape, &mut finite(dtype, -1.0, 1.0));
                let x = with(batch, channels, &input);
                let w = with(outputs, channels / groups, &kernel);
                let g = with(batch, outputs, &output);
                check_core(Core::Convolution(forward), vec![part(x.clone()), part(w.clone())], &mut failures);
                let kind = ConvolutionKind::InputGradient { input: input.clone() };
                check_core(Core::Convolution(core(kind)), vec![part(g.clone()), part(w)], &mut failures);
                let kind = ConvolutionKind::WeightGradient { kernel: kernel.clone() };
                check_core(Core::Convolution(core(kind)), vec![part(x), part(g)], &mut failures);
            }
        }
        // The case that has an algorithm of its own.
        let core = Convolution {
            kind: ConvolutionKind::Forward,
            stride: SmallVec::from_slice(&[1, 1]),
            padding: SmallVec::from_slice(&[(1, 1), (1, 1)]),
            dilation: SmallVec::from_slice(&[1, 1]),
            groups: 1,
        };
        let mut part = |shape: &[usize]| operand(&mut draw, dtype, shape, &mut finite(dtype, -1.0, 1.0));
        let inputs = vec![part(&[1, 16, 13, 14]), part(&[17, 16, 3, 3])];
        check_core(Core::Convolution(core), inputs, &mut failures);
    }
    report(failures);
}

#[test]
fn recurrent_layers_and_their_gradients() {
    use Recurrence::*;
    let (mut draw, mut failures) = (Draw(17), Vec::new());
    for (recurrence, dtype) in
        [Tanh, Relu, Lstm, Gru].into_iter().flat_map(|r| [(r, DType::Float32), (r, DType::Float64)])
    {
        for (units, sizes) in [(1, vec![1]), (7, vec![3, 3, 1]), (13, vec![5, 2]), (20, vec![8, 8])] {
            let (rows, sequences): (usize, usize) = (sizes.iter().sum(), sizes[0]);
            let (wide, kept) = (units * recurrence.gates(), units * recurrence.kept());
            let reverse = draw.below(2) == 1;
            let mut given = |shapes: &[[usize; 2]]| -> Vec<(Operand, Buffer)> {
                shapes
                    .iter()
                    .map(|shape| operand(&mut draw, dtype, shape, &mut finite(dtype, -0.5, 0.5)))
                    .collect()
            };
            let (all, each) = ([rows, units], [sequences, units]);
            let mut of_forward = given(&[[rows, wide], [wide, units], each]);
            let mut of_gradient = given(&[[wide, units], each, all, all, each]);
            if kept > 0 {
                of_gradient.extend(given(&[[rows, kept]]));
            }
            if recurrence == Lstm {
                of_forward.extend(given(&[each]));
                of_gradient.extend(given(&[each, all, each]));
            }
            let forward = RecurrentKind::Forward { keep: units != 7, bias: false };
            for (kind, operands) in [(forward, of_forward), (RecurrentKind::Gradient, of_gradient)] {
                let core = Recurrent { recurrence, kind, reverse, sizes: sizes.clone().into() };
                check_core(Core::Recurrent(core), operands, &mut failures);
            }
        }
    }
    report(failures);
}

#[test]
fn attention_and_its_gradient() {
    let (mut draw, mut failures) = (Draw(11), Vec::new());
    for dtype in [DType::Float32, DType::Float64] {
        for _ in 0..12 {
            let (outer, groups, ratio) = (1 + draw.below(2), 1 + draw.below(2), 1 + draw.below(3));
            let heads = groups * ratio;
            let (queries, keys) = (1 + draw.below(40), 1 + draw.below(40));
            let (depth, width) = (1 + draw.below(20), 1 + draw.below(20));
            let causal = draw.below(2) == 1;
            let core = |kind| Core::Attention(Attention { kind, causal, scale: 0.5 });
            let output = [outer, heads, queries, width];
            let shapes = [
                vec![outer, heads, queries, depth],
                vec![outer, groups, keys, depth],
                vec![outer, groups, keys, width],
                output.to_vec(),
                // Logarithms that a forward pass could have given: above most scores.
                output[..3].to_vec(),
                output.to_vec(),
            ];
            let mut part = |index: usize| {
                let (low, high) = if index == 4 { (2.0, 5.0) } else { (-1.0, 1.0) };
                operand(&mut draw, dtype, &shapes[index], &mut finite(dtype, low, high))
            };
            let mut forward: Vec<_> = (0..3).map(&mut part).collect();
            let mut gradient: Vec<_> = (0..6).map(&mut part).collect();
            if draw.below(2) == 1 {
                let shape = [outer, heads, queries, keys];
                let dtype = if draw.below(2) == 1 { DType::Bool } else { dtype };
                let mut mask = || operand(&mut draw, dtype, &shape, &mut any_mask(dtype));
                forward.push(mask());
                gradient.push(mask());
            }
            check_core(core(AttentionKind::Forward), forward, &mut failures);
            check_core(core(AttentionKind::Gradient), gradient, &mut failures);
        }
    }
    report(failures);
}

/// Truth values, or numbers of which some are −∞.
fn any_mask(dtype: DType) -> impl FnMut(&mut Draw) -> Scalar {
    move |draw| match (dtype, draw.below(3)) {
        (DType::Bool, drawn) => Scalar::Bool(drawn > 0),
        (_, 0) => Scalar::Float(f64::NEG_INFINITY),
        _ => finite(dtype, -2.0, 2.0)(draw),
    }
}

#[test]
fn pools_and_their_gradients() {
    let (mut draw, mut failures) = (Draw(8), Vec::new());
    for dtype in FLOATS {
        for spatial in 1..=3 {
            for _ in 0..6 {
                let mut three = |low: usize, more: usize| -> SmallVec<[usize; 3]> {
                    (0..spatial).map(|_| low + draw.below(more)).collect()
                };
                let (input, window, stride) = (three(3, 6), three(1, 3), three(1, 3));
                let padding: SmallVec<[usize; 3]> =
                    window.iter().map(|&extent| draw.below(extent / 2 + 1)).collect();
                let (ceil_mode, count_padding) = (draw.below(2) == 1, draw.below(2) == 1);
                let divisor = (draw.below(3) == 0).then_some(3);
                let core = |kind| Pool {
                    kind,
                    window: window.clone(),
                    stride: stride.clone(),
                    padding: padding.clone(),
                    dilation: SmallVec::from_elem(1, spatial),
                    ceil_mode,
                };
                let max = core(PoolKind::Max);
                let Some(output) = (0..spatial)
                    .map(|axis| max.output_extent(axis, input[axis]))
                    .collect::<Option<Vec<usize>>>()
                else {
                    continue;
                };
                let (x, g) = ([&[2, 2], &input[..]].concat(), [&[2, 2], &output[..]].concat());
                let special = operand(&mut draw, dtype, &x, &mut any_number(dtype, -3.0, 3.0));
                check_core(Core::Pool(max), vec![special], &mut failures);
                let mut part =
                    |shape: &[usize]| operand(&mut draw, dtype, shape, &mut finite(dtype, -3.0, 3.0));
                let average = PoolKind::Average { count_padding, divisor };
                check_core(Core::Pool(core(average)), vec![part(&x)], &mut failures);
                let average = PoolKind::AverageGradient { count_padding, divisor, input: input.clone() };
                check_core(Core::Pool(core(average)), vec![part(&g)], &mut failures);
                let gradient = part(&g);
                let plane: usize = input.iter().product();
                let indices =
                    operand(&mut draw, DType::Int64, &g, &mut |draw| Scalar::Int(draw.below(plane) as i128));
                let max = PoolKind::MaxGradient { input: input.clone() };
                check_core(Core::Pool(core(max)), vec![gradient, indices], &mut failures);
            }
        }
    }
    report(failures);
}

#[test]
fn indexing_in_every_mode() {
    let (mut draw, mut failures) = (Draw(9), Vec::new());
    use ScatterMode::*;
    for dtype in DType::ALL {
        let numbers =
            |draw: &mut Draw, shape: &[usize]| operand(draw, dtype, shape, &mut finite(dtype, -3.0, 3.0));
        let indices = |draw: &mut Draw, shape: &[usize], extent: usize| {
            operand(draw, DType::Int64, shape, &mut |draw| {
                Scalar::Int(draw.below(2 * extent) as i128 - extent as i128)
            })
        };
        for axes in 1..=2 {
            let mut inputs = vec![numbers(&mut draw, &[5, 6, 7])];
            let given: Vec<_> = (0..axes).map(|axis| indices(&mut draw, &[3, 4], 5 + axis)).collect();
            inputs.extend(given);
            check_core(Core::Index(Index::Gather { axes }), inputs, &mut failures);
        }
        check_core(
            Core::Index(Index::TakeAlong { axis: 1 }),
            vec![numbers(&mut draw, &[5, 6, 7]), indices(&mut draw, &[4, 9, 7], 6)],
            &mut failures,
        );
        for mode in [Assign, Add, Multiply, Max, Min] {
            for core in [Index::Scatter { axes: 1, mode }, Index::PutAlong { axis: 0, mode }] {
                let spec = Spec::new(Shape::from([5, 3]), dtype);
                if Core::Index(core.clone()).results(&[spec]).is_err() {
                    continue;
                }
                let (index, values): (&[usize], &[usize]) = match core {
                    Index::Scatter { .. } => (&[9], &[9, 3]),
                    _ => (&[9, 2], &[10, 3]),
                };
                let inputs = vec![
                    numbers(&mut draw, &[5, 3]),
                    indices(&mut draw, index, 5),
                    numbers(&mut draw, values),
                ];
                check_core(Core::Index(core), inputs, &mut failures);
            }
        }
        let region = Layout::dense(Shape::from([6, 7])).slice(1, 5, -2, 3).slice(0, 1, 1, 4);
        let inputs = vec![numbers(&mut draw, &[6, 7]), numbers(&mut draw, &[4, 3])];
        check_core(Core::Index(Index::Overlay { region: region.clone() }), inputs, &mut failures);
        if dtype != DType::Bool {
            let windows = Layout::dense(Shape::from([6, 7])).unfold(1, 3, 2);
            for (region, shape) in [(region, vec![4, 3]), (windows, vec![6, 3, 3])] {
                let spread = Index::Spread { region, shape: Shape::from([6, 7]) };
                check_core(Core::Index(spread), vec![numbers(&mut draw, &shape)], &mut failures);
            }
        }
        let parts = vec![
            numbers(&mut draw, &[3, 2, 4]),
            numbers(&mut draw, &[3, 0, 4]),
            numbers(&mut draw, &[3, 5, 4]),
        ];
        check_core(Core::Index(Index::Concatenate { axis: 1 }), parts, &mut failures);
    }
    let mask = operand(&mut draw, DType::Bool, &[7, 9], &mut |draw| Scalar::Bool(draw.below(2) == 1));
    let bytes = mask.1.bytes().unwrap();
    let count = mask.0.layout.positions().filter(|&position| Boolean(bytes[position]).get()).count();
    check_core(Core::Index(Index::NonZero { count }), vec![mask], &mut failures);
    report(failures);
}

#[test]
fn sorting_and_searching() {
    let (mut draw, mut failures) = (Draw(10), Vec::new());
    for dtype in DType::ALL.into_iter().filter(|dtype| !dtype.is_complex()) {
        for axis in 0..2 {
            let numbers =
                |draw: &mut Draw| operand(draw, dtype, &[23, 19], &mut any_number(dtype, -3.0, 3.0));
            for descending in [false, true] {
                let given = numbers(&mut draw);
                check_core(Core::Sort(Sort::Sort { axis, descending }), vec![given], &mut failures);
                let given = numbers(&mut draw);
                let top = Sort::TopK { axis, count: 1 + draw.below(19), largest: descending };
                check_core(Core::Sort(top), vec![given], &mut failures);
            }
        }
        let mut next = -20;
        let sorted = operand(&mut draw, dtype, &[1, 40], &mut |draw| {
            next += draw.below(3) as i128;
            Scalar::Int(next.clamp(dtype.integer_range().map_or(-20, |range| range.0), 100))
        });
        for side in [Side::Left, Side::Right] {
            let values = operand(&mut draw, dtype, &[1, 30], &mut finite(dtype, -25.0, 60.0));
            let row = (Operand { dtype, layout: Layout::dense(Shape::from([1, 40])) }, {
                let mut copy = Buffer::new(PlainStorage::zeros(40 * dtype.size()).unwrap());
                copy.bytes_mut().unwrap().copy_from_slice(&sorted.1.bytes().unwrap()[..40 * dtype.size()]);
                copy
            });
            check_core(Core::Sort(Sort::Search { side }), vec![row, values], &mut failures);
        }
    }
    report(failures);
}

#[test]
fn random_numbers() {
    let mut failures = Vec::new();
    for dtype in DType::ALL {
        for distribution in [
            Distribution::Uniform,
            Distribution::Normal,
            Distribution::Integer { low: 3, high: 100 },
            Distribution::Integer { low: i64::MIN, high: 1 << 63 },
            Distribution::Bernoulli { probability: 0.3 },
            Distribution::Permutation,
        ] {
            let shape = Shape::from([if distribution == Distribution::Permutation { 77 } else { 1001 }]);
            let core = Core::Random(Random { distribution, seed: 5, offset: u64::MAX - 7, shape, dtype });
            if core.results(&[]).is_ok() {
                check_core(core, Vec::new(), &mut failures);
            }
        }
    }
    report(failures);
}
