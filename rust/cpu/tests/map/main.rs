//! Maps through the backend, against scalar loops over the same layouts.

mod formulas;

use tenfold_cpu::simd::{Tier, detected, set_tier};
use tenfold_cpu::threads::set_thread_count;
use tenfold_ir::expr::Expr;
use tenfold_ir::kernel::Spec;
use tenfold_ir::{
    Buffer, Core, DType, Element, Kernel, Layout, Operand, Operation, Scalar, Shape, Source, Strides, bf16,
    f16,
};

fn buffer_of<T: Element>(values: &[T]) -> Buffer {
    let bytes = bytemuck::cast_slice::<T, u8>(values);
    let mut buffer = tenfold_cpu::backend().allocate(bytes.len()).unwrap();
    buffer.bytes_mut().unwrap().copy_from_slice(bytes);
    buffer
}

fn values_of<T: Element>(buffer: &Buffer) -> Vec<T> {
    bytemuck::cast_slice(buffer.bytes().unwrap()).to_vec()
}

fn kernel_of(expr: Expr, operands: &[(DType, Layout)], scalars: &[Scalar], shape: &[usize]) -> Kernel {
    let outputs = expr.output_dtypes().map(|dtype| Spec::new(Shape::new(shape), dtype)).collect();
    Kernel {
        core: Core::Map,
        prologues: Default::default(),
        epilogue: Some(expr),
        operands: operands
            .iter()
            .map(|(dtype, layout)| Operand { dtype: *dtype, layout: layout.clone() })
            .collect(),
        scalars: scalars.iter().copied().collect(),
        outputs,
    }
}

fn run(kernel: &Kernel, sources: &[Source<'_>]) -> Vec<Buffer> {
    let backend = tenfold_cpu::backend();
    let mut outputs: Vec<Buffer> =
        kernel.outputs.iter().map(|spec| backend.allocate(spec.bytes()).unwrap()).collect();
    backend.run(kernel, sources, &mut outputs).unwrap();
    outputs
}

/// Runs on every tier with one and two threads, and asserts that the bytes are the same.
fn run_everywhere(kernel: &Kernel, sources: &[Source<'_>]) -> Vec<Buffer> {
    let mut first: Option<Vec<Buffer>> = None;
    for threads in [1, 2] {
        for &tier in Tier::available() {
            set_thread_count(threads);
            set_tier(tier).unwrap();
            let outputs = run(kernel, sources);
            let expected = first.get_or_insert_with(|| run(kernel, sources));
            for (output, expected) in outputs.iter().zip(expected) {
                assert_eq!(output.bytes().unwrap(), expected.bytes().unwrap(), "{} {threads}", tier.name());
            }
        }
    }
    set_tier(detected()).unwrap();
    first.unwrap()
}

/// Numbers between −1 and 1, different for each seed.
fn draws(count: usize, seed: usize) -> Vec<f32> {
    (0..count).map(|at| ((at * 37 + seed * 101) % 199) as f32 / 99.0 - 1.0).collect()
}

/// Layouts of a shape over a buffer of 4,096 elements: dense, permuted, flipped, broadcast, sliced.
fn layouts(shape: &Shape) -> Vec<Layout> {
    let rank = shape.rank();
    let dense = Layout::dense(shape.clone());
    let reversed: Vec<usize> = (0..rank).rev().collect();
    let backwards = Layout::dense(reversed.iter().map(|&axis| shape[axis]).collect()).permute(&reversed);
    let mut all = vec![dense.clone(), backwards.clone()];
    for axis in 0..rank {
        all.push(dense.flip(axis));
        all.push(backwards.flip(axis));
        let mut strides: Strides = dense.strides().iter().copied().collect();
        strides[axis] = 0;
        all.push(Layout::strided(shape.clone(), strides, 3));
    }
    all.push(Layout::strided(shape.clone(), (0..rank).map(|_| 0).collect(), 7));
    all.push(Layout::strided(shape.clone(), dense.strides().iter().map(|stride| stride * 2).collect(), 1));
    all
}

#[test]
fn any_layout_is_read_in_row_major_order() {
    let memory: Vec<i32> = (0..8_192).map(|index| index * 7 - 100).collect();
    let buffer = buffer_of(&memory);
    for extents in [
        &[][..],
        &[1],
        &[5],
        &[700],
        &[3, 1, 5],
        &[40, 33],
        &[2, 300],
        &[300, 2],
        &[2, 3, 4, 5, 6],
        &[0, 4],
        &[3, 2, 196],
        &[5, 70],
        &[2, 2, 300],
    ] {
        let shape = Shape::new(extents);
        for first in layouts(&shape) {
            for second in layouts(&shape) {
                let mut expr = Expr::new();
                let (a, b) = (expr.load(0, DType::Int32), expr.load(1, DType::Int32));
                let difference = expr.apply(Operation::subtract, &[a, b]);
                expr.output(difference);
                let kernel = kernel_of(
                    expr,
                    &[(DType::Int32, first.clone()), (DType::Int32, second.clone())],
                    &[],
                    extents,
                );
                let outputs = run(&kernel, &[Source::Buffer(&buffer), Source::Buffer(&buffer)]);
                let expected: Vec<i32> =
                    first.positions().zip(second.positions()).map(|(a, b)| memory[a] - memory[b]).collect();
                assert_eq!(values_of::<i32>(&outputs[0]), expected, "{first:?} {second:?}");
            }
        }
    }
}

/// Short runs that repeat: laid out once, copied together row by row, or filled, as their number and length say.
#[test]
fn operands_that_repeat_in_short_runs_are_read_right() {
    fn check<T: Element + PartialEq + std::fmt::Debug>(value: impl Fn(usize) -> T) {
        let elements: Vec<T> = (0..40_000).map(value).collect();
        let memory = buffer_of(&elements);
        let shapes: [[usize; 3]; 7] =
            [[7, 40, 13], [5, 11, 47], [3, 40, 13], [9, 2, 8], [6, 30, 65], [2, 3, 600], [40, 5, 1]];
        for shape in shapes {
            let [outer, channels, inner] = shape.map(|extent| extent as i64);
            let strides: [[i64; 3]; 7] = [
                [0, 1, 0],
                [0, 3, 0],
                [0, inner, 1],
                [0, 1, channels],
                [0, 0, 1],
                // A channel at a time, as a reduction walks.
                [inner, outer * inner, 1],
                [1, 0, 2],
            ];
            for strides in strides {
                let layout = Layout::strided(Shape::new(&shape), strides.iter().copied().collect(), 2);
                let mut expr = Expr::new();
                let one = expr.load(0, T::DTYPE);
                let other = expr.load(1, T::DTYPE);
                let larger = expr.apply(Operation::maximum, &[one, other]);
                expr.output(larger);
                let same = (T::DTYPE, layout.clone());
                let kernel = kernel_of(expr, &[same.clone(), same], &[], &shape);
                let outputs = run_everywhere(&kernel, &[Source::Buffer(&memory), Source::Buffer(&memory)]);
                let expected: Vec<T> = layout.positions().map(|at| elements[at]).collect();
                assert_eq!(values_of::<T>(&outputs[0])[..expected.len()], expected, "{shape:?} {strides:?}");
            }
        }
    }
    check(|index| index as f32);
    check(|index| index as f64);
    check(|index| index as u8);
    check(|index| index as i16);
}

/// A row for all rows, whose tiles are kept: they begin within the row where a thread's part does.
#[test]
fn a_row_is_repeated_through_all_parts() {
    for width in [2, 7, 100, 256, 511, 512, 513] {
        let rows = 300_000 / width;
        let row: Vec<f32> = (0..width + 1).map(|index| index as f32).collect();
        let numbers: Vec<f32> = (0..rows * width).map(|index| (index % 1013) as f32).collect();
        let shape = Shape::new(&[rows, width]);
        let repeated = Layout::strided(shape.clone(), [0, 1].into_iter().collect(), 1);
        let mut expr = Expr::new();
        let (one, other) = (expr.load(0, DType::Float32), expr.load(1, DType::Float32));
        let sum = expr.apply(Operation::add, &[one, other]);
        expr.output(sum);
        let operands = [(DType::Float32, Layout::dense(shape.clone())), (DType::Float32, repeated)];
        let kernel = kernel_of(expr, &operands, &[], &shape);
        let (numbers_buffer, row_buffer) = (buffer_of(&numbers), buffer_of(&row));
        let sources = [Source::Buffer(&numbers_buffer), Source::Buffer(&row_buffer)];
        let outputs = run_everywhere(&kernel, &sources);
        let expected: Vec<f32> =
            numbers.iter().enumerate().map(|(index, number)| number + row[1 + index % width]).collect();
        assert!(values_of::<f32>(&outputs[0])[..expected.len()] == expected, "rows of {width}");
    }
}

#[test]
fn coordinates_count_along_their_axis() {
    for extents in [&[5][..], &[7, 300], &[3, 4, 100], &[600, 2]] {
        for axis in 0..extents.len() {
            let mut expr = Expr::new();
            let coordinate = expr.coordinate(axis as u16);
            expr.output(coordinate);
            let outputs = run(&kernel_of(expr, &[], &[], extents), &[]);
            let inner: usize = extents[axis + 1..].iter().product();
            let elements: usize = extents.iter().product();
            let expected: Vec<i64> =
                (0..elements).map(|index| (index / inner % extents[axis]) as i64).collect();
            assert_eq!(values_of::<i64>(&outputs[0]), expected);
        }
    }
}

#[test]
fn several_outputs_share_values_and_may_be_inputs() {
    let count = 1_000;
    let values: Vec<f32> = (0..count).map(|index| index as f32 * 0.5 - 100.0).collect();
    let buffer = buffer_of(&values);
    let mut expr = Expr::new();
    let x = expr.load(0, DType::Float32);
    let two = expr.scalar(0, DType::Float32);
    let doubled = expr.apply(Operation::multiply, &[x, two]);
    let positive = expr.apply(Operation::greater, &[doubled, two]);
    let square = expr.apply(Operation::square, &[doubled]);
    for value in [square, doubled, positive, x, two, doubled] {
        expr.output(value);
    }
    let layout = Layout::dense(Shape::new(&[count]));
    let kernel = kernel_of(expr, &[(DType::Float32, layout)], &[Scalar::Int(2)], &[count]);
    let outputs = run_everywhere(&kernel, &[Source::Buffer(&buffer)]);
    let doubled: Vec<f32> = values.iter().map(|x| x * 2.0).collect();
    assert_eq!(values_of::<f32>(&outputs[0]), doubled.iter().map(|x| x * x).collect::<Vec<_>>());
    assert_eq!(values_of::<f32>(&outputs[1]), doubled);
    assert_eq!(values_of::<u8>(&outputs[2]), doubled.iter().map(|&x| (x > 2.0) as u8).collect::<Vec<_>>());
    assert_eq!(values_of::<f32>(&outputs[3]), values);
    assert_eq!(values_of::<f32>(&outputs[4]), vec![2.0; count]);
    assert_eq!(values_of::<f32>(&outputs[5]), doubled);
}

#[test]
fn an_operand_may_lie_in_the_output() {
    let count = 100_003;
    let values: Vec<f32> = (0..count).map(|index| (index as f32).sin()).collect();
    let other = buffer_of(&values);
    let mut expr = Expr::new();
    let (x, y) = (expr.load(0, DType::Float32), expr.load(1, DType::Float32));
    let sum = expr.apply(Operation::add, &[x, y]);
    let product = expr.apply(Operation::multiply, &[sum, x]);
    expr.output(product);
    let layout = Layout::dense(Shape::new(&[count]));
    let kernel =
        kernel_of(expr, &[(DType::Float32, layout.clone()), (DType::Float32, layout)], &[], &[count]);
    let mut outputs = vec![buffer_of(&values)];
    tenfold_cpu::backend().run(&kernel, &[Source::Output(0), Source::Buffer(&other)], &mut outputs).unwrap();
    assert_eq!(values_of::<f32>(&outputs[0]), values.iter().map(|x| (x + x) * x).collect::<Vec<_>>());
}

#[test]
fn an_operand_that_is_handed_on_is_read_before_another_output_overwrites_it() {
    let count = 1_000;
    let [first, second]: [Vec<f32>; 2] =
        [1.0, 7.0].map(|start| (0..count).map(|index| start + index as f32).collect());
    let mut expr = Expr::new();
    let (x, y) = (expr.load(0, DType::Float32), expr.load(1, DType::Float32));
    let sum = expr.apply(Operation::add, &[x, y]);
    for output in [sum, x, y] {
        expr.output(output);
    }
    let layout = Layout::dense(Shape::new(&[count]));
    let operands = [(DType::Float32, layout.clone()), (DType::Float32, layout)];
    let kernel = kernel_of(expr, &operands, &[], &[count]);
    // x lies where the sum is written, y where x is.
    let mut outputs = vec![buffer_of(&first), buffer_of(&second), buffer_of(&first)];
    tenfold_cpu::backend().run(&kernel, &[Source::Output(0), Source::Output(1)], &mut outputs).unwrap();
    let sums: Vec<f32> = first.iter().zip(&second).map(|(x, y)| x + y).collect();
    for (output, wanted) in outputs.iter().zip([sums, first, second]) {
        assert_eq!(values_of::<f32>(output), wanted);
    }
}

#[test]
fn half_precisions_round_after_each_operation() {
    let count = 3_000;
    let values: Vec<f16> = (0..count).map(|index| f16::from_f32((index as f32 * 0.7).sin() * 50.0)).collect();
    let buffer = buffer_of(&values);
    let mut expr = Expr::new();
    let x = expr.load(0, DType::Float16);
    let square = expr.apply(Operation::multiply, &[x, x]);
    let sum = expr.apply(Operation::add, &[square, x]);
    expr.output(sum);
    let wide = expr.cast(sum, DType::Bfloat16);
    expr.output(wide);
    let layout = Layout::dense(Shape::new(&[count]));
    let outputs = run_everywhere(
        &kernel_of(expr, &[(DType::Float16, layout)], &[], &[count]),
        &[Source::Buffer(&buffer)],
    );
    let expected: Vec<f16> = values
        .iter()
        .map(|x| f16::from_f32(f16::from_f32(x.to_f32() * x.to_f32()).to_f32() + x.to_f32()))
        .collect();
    assert_eq!(values_of::<f16>(&outputs[0]), expected);
    assert_eq!(
        values_of::<bf16>(&outputs[1]),
        expected.iter().map(|x| bf16::from_f32(x.to_f32())).collect::<Vec<_>>()
    );
}

#[test]
fn casts_follow_the_table_of_corner_cases() {
    let numbers = [
        0.0,
        -0.0,
        1.5,
        -1.5,
        127.5,
        -129.0,
        255.9,
        65_519.9,
        65_520.0,
        1e10,
        -1e20,
        f64::NAN,
        f64::INFINITY,
    ];
    let shape = Shape::new(&[numbers.len()]);
    for from in DType::ALL {
        for to in DType::ALL {
            let mut expr = Expr::new();
            let x = expr.load(0, from);
            let y = expr.cast(x, to);
            expr.output(y);
            let kernel = kernel_of(expr, &[(from, Layout::dense(shape.clone()))], &[], &shape);
            tenfold_ir::with_element!(from, From => {
                let values: Vec<From> = numbers.iter().map(|&number| From::from_scalar(Scalar::Float(number))).collect();
                let outputs = run_everywhere(&kernel, &[Source::Buffer(&buffer_of(&values))]);
                tenfold_ir::with_element!(to, To => {
                    let expected: Vec<To> = values.iter().map(|value| To::from_scalar(value.to_scalar())).collect();
                    let got = values_of::<To>(&outputs[0]);
                    assert_eq!(format!("{got:?}"), format!("{expected:?}"), "{from} to {to}");
                });
            });
        }
    }
}

/// Copies of operands whose neighbours lie along another axis than the last, beside a dense and a broadcast one.
#[test]
fn transposed_operands_are_read_in_bands() {
    fn check<T: Element + PartialEq + std::fmt::Debug>() {
        for shape in [&[300, 40][..], &[37, 523], &[3, 50, 70], &[2, 17, 3, 33], &[2, 19, 23, 48]] {
            let shape = Shape::new(shape);
            let rank = shape.rank();
            let elements = shape.elements();
            let numbers: Vec<T> =
                (0..elements).map(|at| T::from_scalar(Scalar::Int((at * 7 % 120) as i128))).collect();
            let buffer = buffer_of(&numbers);
            let dense = Layout::dense(shape.clone());
            let mut row_strides: Strides = dense.strides().iter().map(|_| 0).collect();
            row_strides[0] = 1;
            let column = Layout::strided(shape.clone(), row_strides, 0);
            // Neighbours lie along one axis, or several that are one in memory.
            let along =
                (0..rank - 1).map(|axis| [(0..axis).collect(), (axis + 1..rank).collect(), vec![axis]]);
            let joined =
                (0..rank - 1).map(|axis| [(0..axis).collect(), vec![rank - 1], (axis..rank - 1).collect()]);
            for order in along.chain(joined) {
                let order: Vec<usize> = order.concat();
                let inverse: Vec<usize> =
                    (0..rank).map(|at| order.iter().position(|&from| from == at).unwrap()).collect();
                let turned = Layout::dense(order.iter().map(|&from| shape[from]).collect()).permute(&inverse);
                let mut expr = Expr::new();
                let loads: Vec<u16> = (0..3).map(|operand| expr.load(operand, T::DTYPE)).collect();
                let larger = expr.apply(Operation::maximum, &[loads[0], loads[1]]);
                let largest = expr.apply(Operation::maximum, &[larger, loads[2]]);
                expr.output(loads[0]);
                expr.output(largest);
                let operands =
                    [(T::DTYPE, turned.clone()), (T::DTYPE, dense.clone()), (T::DTYPE, column.clone())];
                let kernel = kernel_of(expr, &operands, &[], &shape);
                let sources = [Source::Buffer(&buffer), Source::Buffer(&buffer), Source::Buffer(&buffer)];
                let outputs = run_everywhere(&kernel, &sources);
                let at = |layout: &Layout| -> Vec<T> { layout.positions().map(|at| numbers[at]).collect() };
                let (first, second, third) = (at(&turned), at(&dense), at(&column));
                assert_eq!(values_of::<T>(&outputs[0]), first);
                let largest: Vec<T> = (0..elements)
                    .map(|at| {
                        let numbers = [first[at], second[at], third[at]];
                        numbers[1..].iter().fold(numbers[0], |so_far, &number| {
                            if number.to_scalar().to_f64() > so_far.to_scalar().to_f64() {
                                number
                            } else {
                                so_far
                            }
                        })
                    })
                    .collect();
                assert_eq!(values_of::<T>(&outputs[1]), largest);
            }
        }
    }
    check::<u8>();
    check::<f16>();
    check::<i32>();
    check::<f32>();
    check::<f64>();
}

/// Bands of operands of several sizes lie behind each other, each aligned for its dtype.
#[test]
fn transposed_operands_of_several_sizes() {
    let shape = Shape::new(&[17, 37]);
    let turned = Layout::dense(Shape::new(&[37, 17])).permute(&[1, 0]);
    let small: Vec<u8> = (0..17 * 37).map(|at| (at % 251) as u8).collect();
    let large: Vec<f64> = (0..17 * 37).map(|at| at as f64).collect();
    let mut expr = Expr::new();
    let (a, b) = (expr.load(0, DType::Uint8), expr.load(1, DType::Float64));
    expr.output(a);
    expr.output(b);
    let operands = [(DType::Uint8, turned.clone()), (DType::Float64, turned.clone())];
    let kernel = kernel_of(expr, &operands, &[], &shape);
    let buffers = [buffer_of(&small), buffer_of(&large)];
    let outputs = run_everywhere(&kernel, &buffers.each_ref().map(Source::Buffer));
    let places: Vec<usize> = turned.positions().collect();
    assert_eq!(values_of::<u8>(&outputs[0]), places.iter().map(|&at| small[at]).collect::<Vec<_>>());
    assert_eq!(values_of::<f64>(&outputs[1]), places.iter().map(|&at| large[at]).collect::<Vec<_>>());
}

#[test]
fn results_beyond_the_caches_are_written_as_a_whole() {
    let (rows, columns) = (4_099, 1_031);
    let values = draws(rows * columns, 3);
    let line = draws(columns, 5);
    let mut expr = Expr::new();
    let (a, b) = (expr.load(0, DType::Float32), expr.load(1, DType::Float32));
    let sum = expr.apply(Operation::add, &[a, b]);
    let product = expr.apply(Operation::multiply, &[sum, a]);
    expr.output(product);
    let shape = Shape::new(&[rows, columns]);
    let spread = Layout::strided(shape.clone(), [0, 1].into_iter().collect(), 0);
    let operands = [(DType::Float32, Layout::dense(shape)), (DType::Float32, spread)];
    let kernel = kernel_of(expr, &operands, &[], &[rows, columns]);
    let buffers = [buffer_of(&values), buffer_of(&line)];
    let sources: Vec<Source<'_>> = buffers.iter().map(Source::Buffer).collect();
    let outputs = run(&kernel, &sources);
    let got = values_of::<f32>(&outputs[0]);
    let wanted = values.iter().enumerate().map(|(at, &value)| (value + line[at % columns]) * value);
    assert!(got.iter().zip(wanted).all(|(&got, wanted)| got.to_bits() == wanted.to_bits()));
}

#[test]
fn long_steps_end_where_their_tile_does() {
    use tenfold_ir::lanes::Lane;
    // Around the pieces that they are called for, around tiles, and so many that outputs are asked for ahead.
    for count in [1, 255, 256, 257, 1_023, 1_024, 1_025, 1_281, 40_001] {
        let x: Vec<f64> = (0..count).map(|at| (at * 37 % 1_999) as f64 / 300.0 - 3.1).collect();
        let y: Vec<f64> = (0..count).map(|at| (at * 41 % 1_997) as f64 / 300.0 - 3.1).collect();
        let mut expr = Expr::new();
        let [first, second] = [0, 1].map(|operand| expr.load(operand, DType::Float64));
        let sine = expr.apply(Operation::sin, &[first]);
        let scaled = expr.apply(Operation::multiply, &[sine, second]);
        let sum = expr.apply(Operation::add, &[scaled, second]);
        let narrow = expr.cast(sum, DType::Float32);
        let result = expr.apply(Operation::tanh, &[narrow]);
        expr.output(result);
        expr.output(sum);
        let dense = Layout::dense(Shape::new(&[count]));
        let kernel =
            kernel_of(expr, &[(DType::Float64, dense.clone()), (DType::Float64, dense)], &[], &[count]);
        let buffers = [buffer_of(&x), buffer_of(&y)];
        let outputs = run_everywhere(&kernel, &buffers.each_ref().map(Source::Buffer));
        let sums: Vec<f64> = x.iter().zip(&y).map(|(&x, &y)| Lane::sin(x) * y + y).collect();
        let bits = |numbers: &[f32]| numbers.iter().map(|number| number.to_bits()).collect::<Vec<_>>();
        let expected: Vec<f32> = sums.iter().map(|&sum| Lane::tanh(sum as f32)).collect();
        assert_eq!(bits(&values_of(&outputs[0])), bits(&expected), "{count}");
        assert_eq!(values_of::<f64>(&outputs[1]), sums, "{count}");
    }
}

#[test]
fn what_a_pair_reads_stays_until_its_second_operation() {
    use tenfold_ir::lanes::Lane;
    let x: Vec<f32> = (0..1_500).map(|at| (at * 37 % 1_999) as f32 / 900.0 - 1.1).collect();
    let mut expr = Expr::new();
    let loaded = expr.load(0, DType::Float32);
    let sine = expr.apply(Operation::sin, &[loaded]);
    // A product that only the last sum reads, while others read the sine for the last time in between.
    let product = expr.apply(Operation::multiply, &[sine, sine]);
    let root = expr.apply(Operation::abs, &[sine]);
    let cosine = expr.apply(Operation::cos, &[root]);
    let tangent = expr.apply(Operation::tanh, &[cosine]);
    let sum = expr.apply(Operation::subtract, &[tangent, product]);
    let result = expr.apply(Operation::negative, &[sum]);
    expr.output(result);
    let dense = Layout::dense(Shape::new(&[x.len()]));
    let kernel = kernel_of(expr, &[(DType::Float32, dense)], &[], &[x.len()]);
    let buffer = buffer_of(&x);
    let outputs = run_everywhere(&kernel, &[Source::Buffer(&buffer)]);
    let expected: Vec<f32> = x
        .iter()
        .map(|&x| {
            let sine = Lane::sin(x);
            -(Lane::tanh(Lane::cos(Lane::abs(sine))) - sine * sine)
        })
        .collect();
    assert_eq!(values_of::<f32>(&outputs[0]), expected);
}
