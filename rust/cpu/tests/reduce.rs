//! Reductions through the backend, against the reference and in every way of walking.

use proptest::prelude::*;
use smallvec::{SmallVec, smallvec};
use tenfold_cpu::simd::{Tier, detected, set_tier};
use tenfold_cpu::threads::set_thread_count;
use tenfold_ir::expr::Expr;
use tenfold_ir::kernel::{Reduce, Reduction, Spec};
use tenfold_ir::{
    Axes, Buffer, Core, DType, Element, Kernel, Layout, Operand, Operation, Scalar, Shape, Source, reference,
};

const ALL: [Reduction; 10] = [
    Reduction::Sum,
    Reduction::Product,
    Reduction::Max,
    Reduction::Min,
    Reduction::Any,
    Reduction::All,
    Reduction::ArgMax,
    Reduction::ArgMin,
    Reduction::Moments,
    Reduction::GradientSums,
];

fn buffer_of<T: Element>(values: &[T]) -> Buffer {
    let bytes = bytemuck::cast_slice::<T, u8>(values);
    let mut buffer = tenfold_cpu::backend().allocate(bytes.len()).unwrap();
    buffer.bytes_mut().unwrap().copy_from_slice(bytes);
    buffer
}

/// `operation` of the operand (squared, where that is asked for) over `axes`; `None` where it does not exist.
fn kernel_of(
    operation: Reduction,
    dtype: DType,
    layout: &Layout,
    axes: &[usize],
    squared: bool,
) -> Option<Kernel> {
    let mut expr = Expr::new();
    let mut value = expr.load(0, dtype);
    if squared && dtype != DType::Bool {
        value = expr.apply(Operation::multiply, &[value, value]);
    }
    expr.output(value);
    let core = Core::Reduce(Reduce { operation, axes: Axes::from_slice(axes) });
    let mut prologues: SmallVec<[Expr; 3]> = smallvec![expr];
    if operation == Reduction::GradientSums && dtype != DType::Bool {
        // Of g, x, m and r the second and the last are the operand, the third its square.
        let mut square = Expr::new();
        let value = square.load(0, dtype);
        let value = square.apply(Operation::multiply, &[value, value]);
        square.output(value);
        let load = Expr::load_of(0, dtype);
        prologues.extend([load.clone(), square, load]);
    }
    let specs = vec![Spec::new(layout.shape().clone(), dtype); prologues.len()];
    let outputs = core.results(&specs).ok()?;
    Some(Kernel {
        core,
        prologues,
        epilogue: None,
        operands: [Operand { dtype, layout: layout.clone() }].into_iter().collect(),
        scalars: Default::default(),
        outputs,
    })
}

fn run(kernel: &Kernel, source: &Buffer) -> Vec<Buffer> {
    let backend = tenfold_cpu::backend();
    let mut outputs: Vec<Buffer> =
        kernel.outputs.iter().map(|spec| backend.allocate(spec.bytes()).unwrap()).collect();
    backend.run(kernel, &[Source::Buffer(source)], &mut outputs).unwrap();
    outputs
}

fn bytes_of(outputs: &[Buffer]) -> Vec<Vec<u8>> {
    outputs.iter().map(|output| output.bytes().unwrap().to_vec()).collect()
}

fn numbers(dtype: DType, count: usize) -> Buffer {
    tenfold_ir::with_element!(dtype, T => {
        let values: Vec<T> = (0..count as u64)
            .map(|index| {
                let mixed = (index + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
                T::from_scalar(Scalar::Float(if dtype == DType::Bool { (mixed % 2) as f64 } else { mixed as f64 / 4e6 - 2.0 }))
            })
            .collect();
        buffer_of(&values)
    })
}

/// So many cases, or what `PROPTEST_CASES` says.
fn cases(usual: u32) -> ProptestConfig {
    let given = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    ProptestConfig::with_cases(given.unwrap_or(usual))
}

proptest! {
    #![proptest_config(cases(60))]

    #[test]
    fn every_reduction_is_what_the_reference_says(
        extents in prop::collection::vec(prop_oneof![1..5_usize, 20..40_usize], 0..4),
        mask in any::<u8>(),
        backwards in any::<bool>(),
        squared in any::<bool>(),
        dtype in prop::sample::select(DType::ALL.to_vec()),
        operation in prop::sample::select(ALL.to_vec()),
    ) {
        prop_assume!(extents.iter().product::<usize>() <= 8_000);
        let rank = extents.len();
        let axes: Vec<usize> = (0..rank).filter(|axis| mask >> axis & 1 == 1).collect();
        let order: Vec<usize> = (0..rank).rev().collect();
        let dense = Layout::dense(Shape::new(&extents));
        let layout = if backwards {
            Layout::dense(order.iter().map(|&axis| extents[axis]).collect()).permute(&order)
        } else {
            dense
        };
        if let Some(kernel) = kernel_of(operation, dtype, &layout, &axes, squared) {
            let source = numbers(dtype, layout.elements());
            let outputs = run(&kernel, &source);
            reference::check(&kernel, &[Source::Buffer(&source)], &outputs).map_err(|error| {
                TestCaseError::fail(format!("{dtype} {extents:?} {axes:?}: {error}"))
            })?;
        }
    }
}

/// Rows, columns, narrow columns and several chunks all take the elements in one order.
#[test]
fn the_bits_do_not_depend_on_layout_tier_or_threads() {
    for (extents, axes) in [
        (&[40_000, 3][..], &[0][..]),
        (&[20_000, 100], &[0]),
        (&[70, 200], &[0]),
        (&[9, 500], &[1]),
        (&[30, 7, 200], &[0, 2]),
        (&[40, 3, 784], &[0, 2]),
        // Few lines, whose elements are joined as they are read.
        (&[1, 50], &[0]),
        (&[2, 40], &[0]),
        (&[15, 40], &[0]),
        (&[17, 40], &[0]),
        (&[48, 40], &[0]),
        (&[5, 0], &[0]),
        (&[5, 3, 0], &[1]),
        (&[33, 83], &[0]),
        (&[64, 300], &[0]),
        (&[65, 300], &[0]),
        // Columns in runs.
        (&[5, 49, 37], &[1]),
        (&[3, 300, 600], &[1]),
        (&[2, 5_000, 40], &[1]),
        (&[4, 7, 6, 130], &[1, 2]),
        (&[100_000], &[0]),
        // More than the caches hold.
        (&[520, 4_099], &[1]),
        (&[3, 700_001], &[1]),
    ] {
        let operations =
            [Reduction::Sum, Reduction::Moments, Reduction::GradientSums, Reduction::ArgMax, Reduction::Max];
        for operation in operations {
            let shape = Shape::new(extents);
            let count = shape.elements();
            let source = numbers(DType::Float32, count);
            let order: Vec<usize> = (0..extents.len()).rev().collect();
            let mut expected: Option<Vec<Vec<u8>>> = None;
            let dense = Layout::dense(shape.clone());
            // The same numbers once more, stored the other way around.
            let turned = Layout::dense(order.iter().map(|&axis| extents[axis]).collect()).permute(&order);
            let values: &[f32] = bytemuck::cast_slice(source.bytes().unwrap());
            let mut moved = vec![0.0_f32; count];
            dense.positions().zip(turned.positions()).for_each(|(from, to)| moved[to] = values[from]);
            let moved = buffer_of(&moved);
            for (layout, source) in [(&dense, &source), (&turned, &moved)] {
                let kernel = kernel_of(operation, DType::Float32, layout, axes, false).unwrap();
                for threads in [1, 2] {
                    for &tier in Tier::available() {
                        set_thread_count(threads);
                        set_tier(tier).unwrap();
                        let bytes = bytes_of(&run(&kernel, source));
                        assert_eq!(
                            &bytes,
                            expected.get_or_insert_with(|| bytes.clone()),
                            "{extents:?} {operation:?}"
                        );
                    }
                }
            }
        }
    }
    set_tier(detected()).unwrap();
}

/// Sums of a normalisation's gradients from tensors where they lie: line by line, or turned, which computes their terms in tiles.
#[test]
fn sums_of_gradients_do_not_depend_on_how_the_operands_lie() {
    for [rows, columns] in [[1, 5], [63, 7], [70, 200], [300, 1_100], [20_000, 100], [7, 0], [0, 7]] {
        let shape = Shape::new(&[rows, columns]);
        let sources = [3, 5, 7, 11].map(|step| -> Vec<f32> {
            (0..rows * columns).map(|index| (index * step % 1_013) as f32 / 64.0 - 7.0).collect()
        });
        let [g, x, m, r] = &sources;
        let turn = |values: &[f32]| -> Vec<f32> {
            (0..rows * columns).map(|index| values[index % rows * columns + index / rows]).collect()
        };
        let dense = Layout::dense(shape.clone());
        let turned = Layout::dense(Shape::new(&[columns, rows])).permute(&[1, 0]);
        let repeated = Layout::strided(shape.clone(), smallvec![0, 1], 0);
        let core = Core::Reduce(Reduce { operation: Reduction::GradientSums, axes: Axes::from_slice(&[0]) });
        let outputs = core.results(&vec![Spec::new(shape.clone(), DType::Float32); 4]).unwrap();
        let run = |layouts: [&Layout; 4], buffers: [&[f32]; 4]| {
            let kernel = Kernel {
                core: core.clone(),
                prologues: (0..4).map(|operand| Expr::load_of(operand, DType::Float32)).collect(),
                epilogue: None,
                operands: layouts
                    .map(|layout| Operand { dtype: DType::Float32, layout: layout.clone() })
                    .into_iter()
                    .collect(),
                scalars: Default::default(),
                outputs: outputs.clone(),
            };
            let backend = tenfold_cpu::backend();
            let buffers = buffers.map(buffer_of);
            let sources: Vec<Source<'_>> = buffers.iter().map(Source::Buffer).collect();
            let mut results: Vec<Buffer> =
                kernel.outputs.iter().map(|spec| backend.allocate(spec.bytes()).unwrap()).collect();
            backend.run(&kernel, &sources, &mut results).unwrap();
            bytes_of(&results)
        };
        let (turned_g, turned_x) = (turn(g), turn(x));
        let first_line = |values: &[f32]| values[..columns.min(values.len())].repeat(rows);
        let (lines_m, lines_r) = (first_line(m), first_line(r));
        let expected = run([&turned, &turned, &repeated, &repeated], [&turned_g, &turned_x, m, r]);
        for threads in [1, 2] {
            for &tier in Tier::available() {
                set_thread_count(threads);
                set_tier(tier).unwrap();
                let lines = run([&dense, &dense, &repeated, &repeated], [g, x, m, r]);
                assert_eq!(lines, expected, "{shape}, repeated");
                let written_out = run([&dense, &dense, &dense, &repeated], [g, x, &lines_m, r]);
                assert_eq!(written_out, expected, "{shape}, means written out");
                let partly = run([&turned, &dense, &repeated, &dense], [&turned_g, x, m, &lines_r]);
                assert_eq!(partly, expected, "{shape}, gradients turned");
            }
        }
        for (which, sums) in expected.iter().enumerate() {
            for (column, bytes) in sums.as_chunks().0.iter().enumerate() {
                let sum = f32::from_ne_bytes(*bytes);
                let terms = (0..rows).map(|row| {
                    let at = row * columns + column;
                    let normalized = f64::from(x[at] - m[column]) * f64::from(r[column]);
                    f64::from(g[at]) * if which == 0 { 1.0 } else { normalized }
                });
                let (exact, size) =
                    terms.fold((0.0, 0.0), |(sum, size), term| (sum + term, size + f64::abs(term)));
                let bound = 32.0 * f64::from(f32::EPSILON) * size;
                assert!((f64::from(sum) - exact).abs() <= bound, "{shape}, {which} of column {column}");
            }
        }
    }
    set_tier(detected()).unwrap();
}

#[test]
fn nan_wins_and_the_first_of_equals_is_found() {
    let mut values = vec![1.0_f32; 1_000];
    values[300] = 5.0;
    values[700] = 5.0;
    let layout = Layout::dense(Shape::new(&[values.len()]));
    let index = |values: &[f32], operation| {
        let kernel = kernel_of(operation, DType::Float32, &layout, &[0], false).unwrap();
        let outputs = run(&kernel, &buffer_of(values));
        bytemuck::cast_slice::<u8, i64>(outputs[0].bytes().unwrap())[0]
    };
    assert_eq!(index(&values, Reduction::ArgMax), 300);
    assert_eq!(index(&values, Reduction::ArgMin), 0);
    values[900] = f32::NAN;
    values[800] = f32::NAN;
    assert_eq!(index(&values, Reduction::ArgMax), 800);
    assert_eq!(index(&values, Reduction::ArgMin), 800);
}

/// Rows are compared in runs of many elements, columns in lines: wherever the extreme, its equals and NaN lie in them.
#[test]
fn positions_in_rows_and_columns_are_those_of_a_plain_loop() {
    let mut state = 1_u64;
    let mut below = |bound: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        ((state >> 33) % bound as u64) as usize
    };
    let long_rows = [1, 2, 31, 32, 33, 65, 255, 257, 1_000, 16_384, 16_385, 40_000].map(|length| (2, length));
    for (rows, length) in long_rows.into_iter().chain([(70, 33), (1_100, 5), (129, 300)]) {
        for kind in ["equals", "NaN", "rising"] {
            // Few different numbers, so that most extremes have equals; zeros of both signs are equal.
            let mut values: Vec<f32> = (0..rows * length)
                .map(|_| [-0.0, 0.0, 1.0, -1.0, 2.0, f32::NEG_INFINITY][below(6)])
                .collect();
            match kind {
                "NaN" => (0..rows + 1).for_each(|_| values[below(rows * length)] = f32::NAN),
                "rising" => values.iter_mut().enumerate().for_each(|(at, value)| *value = at as f32),
                _ => {}
            }
            let turned: Vec<f32> =
                (0..rows * length).map(|at| values[at % rows * length + at / rows]).collect();
            for (operation, as_columns) in [Reduction::ArgMax, Reduction::ArgMin]
                .into_iter()
                .flat_map(|operation| [(operation, false), (operation, true)])
            {
                let (shape, axis, stored) =
                    if as_columns { ([length, rows], 0, &turned) } else { ([rows, length], 1, &values) };
                let layout = Layout::dense(Shape::new(&shape));
                let kernel = kernel_of(operation, DType::Float32, &layout, &[axis], false).unwrap();
                let outputs = run(&kernel, &buffer_of(stored));
                let found: &[i64] = bytemuck::cast_slice(outputs[0].bytes().unwrap());
                for (row, &found) in values.chunks(length).zip(found) {
                    let nan = row.iter().position(|value| value.is_nan());
                    let better = |value: f32, best: f32| match operation {
                        Reduction::ArgMax => value > best,
                        _ => value < best,
                    };
                    let expected = nan.unwrap_or_else(|| {
                        (0..length).fold(0, |best, at| if better(row[at], row[best]) { at } else { best })
                    });
                    assert_eq!(found, expected as i64, "{operation:?} of {length}, as columns: {as_columns}");
                }
            }
        }
    }
}

#[test]
fn nothing_has_a_sum_and_no_largest_element() {
    let layout = Layout::dense(Shape::new(&[0, 2]));
    let source = numbers(DType::Float32, 4);
    let sum = run(&kernel_of(Reduction::Sum, DType::Float32, &layout, &[0], false).unwrap(), &source);
    assert_eq!(sum[0].bytes().unwrap(), [0; 8]);
    let product = run(&kernel_of(Reduction::Product, DType::Int16, &layout, &[0], false).unwrap(), &source);
    assert_eq!(product[0].bytes().unwrap(), [1, 0, 1, 0]);
    assert!(kernel_of(Reduction::Max, DType::Float32, &layout, &[0], false).is_none());
}
