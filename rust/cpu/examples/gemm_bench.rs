//! Prints GFLOP/s of products of usual sizes (t: transposed operand), of all or of those whose line contains the argument:
//! `gemm_bench "1024 nn f32"`. The minimum of several runs counts.

use std::time::{Duration, Instant};

use half::{bf16, f16};
use tenfold_cpu::gemm::{BatchOffsets, Gemm, GemmElement, Matrix, Output, Precision, gemm};

fn measure(batch: usize, extents: (usize, usize, usize), transposed: (bool, bool)) {
    measure_of((0.5f32, 0.25), batch, extents, transposed, Precision::Exact);
}

fn measure_of<T: GemmElement<Product: Default>>(
    (a, b): (T, T),
    batch: usize,
    (rows, depth, columns): (usize, usize, usize),
    (a_transposed, b_transposed): (bool, bool),
    precision: Precision,
) {
    let label = format!(
        "{batch} x {rows} {depth} {columns} {}{} {}",
        if a_transposed { 't' } else { 'n' },
        if b_transposed { 't' } else { 'n' },
        std::any::type_name::<T>()
    );
    if std::env::args().nth(1).is_some_and(|wanted| !label.contains(&wanted)) {
        return;
    }
    let a = vec![a; batch * rows * depth];
    let b = vec![b; batch * depth * columns];
    let mut c = vec![T::Product::default(); batch * rows * columns];
    let strides = |transposed: bool, rows: usize, columns: usize| match transposed {
        true => (1, rows as isize),
        false => (columns as isize, 1),
    };
    let (a_row, a_column) = strides(a_transposed, rows, depth);
    let (b_row, b_column) = strides(b_transposed, depth, columns);
    let batches: Vec<BatchOffsets> = (0..batch)
        .map(|index| BatchOffsets {
            a: index * rows * depth,
            b: index * depth * columns,
            c: index * rows * columns,
        })
        .collect();
    let problem = Gemm {
        rows,
        columns,
        depth,
        a: Matrix { data: &a, row_stride: a_row, column_stride: a_column },
        b: Matrix { data: &b, row_stride: b_row, column_stride: b_column },
        batches: &batches,
        precision,
    };
    let mut best = Duration::MAX;
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_millis(400) {
        let start = Instant::now();
        gemm(&problem, Output { data: &mut c, row_stride: columns }, None).expect("the operands are valid");
        best = best.min(start.elapsed());
    }
    let flops = 2.0 * (batch * rows * depth * columns) as f64;
    let seconds = best.as_secs_f64();
    println!("{label:50} {:10.1} us  {:7.1} GFLOP/s", seconds * 1e6, flops / seconds / 1e9);
}

fn main() {
    for size in [64, 256, 1024, 2048] {
        for transposed in [(false, false), (true, true)] {
            let extents = (size, size, size);
            measure_of((bf16::ONE, bf16::ONE), 1, extents, transposed, Precision::Bfloat16);
            measure_of((1.0f32, 1.0), 1, extents, transposed, Precision::Bfloat16);
            measure_of((f16::ONE, f16::ONE), 1, extents, transposed, Precision::Exact);
            measure_of((1i8, 1), 1, extents, transposed, Precision::Exact);
        }
    }
    for size in [16, 32, 64, 128, 256, 512, 1024] {
        measure(1, (size, size, size), (false, false));
        measure(1, (size, size, size), (false, true));
    }
    measure(1, (1024, 1024, 1024), (true, false));
    measure(1, (1000, 1000, 1000), (false, false));
    measure(1, (2048, 2048, 2048), (false, false));
    measure(128, (64, 64, 64), (false, false));
    measure(1, (32, 4096, 4096), (false, false));
    measure(1, (32, 4096, 4096), (false, true));
    measure(1, (1, 4096, 4096), (false, false));
    measure(1, (1, 4096, 4096), (false, true));
    measure(1, (4096, 4096, 1), (false, false));
    measure(1, (4096, 1, 4096), (false, false));
    measure(1, (128, 784, 512), (false, true));
    measure(1, (128, 512, 10), (false, true));
    measure(1, (512, 128, 784), (true, false));
    measure(1, (65536, 64, 64), (false, true));
}
