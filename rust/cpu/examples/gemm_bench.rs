//! Prints GFLOP/s of f32 products: `gemm_bench [rows depth columns [n|t n|t]]…` (t: transposed operand).
//! Without arguments a list of usual sizes. The minimum of several runs counts.

use std::time::{Duration, Instant};

use tenfold_cpu::gemm::{BatchOffsets, Gemm, Matrix, Output, Precision, gemm};

fn measure(
    batch: usize,
    (rows, depth, columns): (usize, usize, usize),
    (a_transposed, b_transposed): (bool, bool),
) {
    let a = vec![0.5f32; batch * rows * depth];
    let b = vec![0.25f32; batch * depth * columns];
    let mut c = vec![0.0f32; batch * rows * columns];
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
        precision: Precision::Exact,
    };
    let mut best = Duration::MAX;
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_millis(400) {
        let start = Instant::now();
        gemm(&problem, Output { data: &mut c, row_stride: columns }, None).expect("the operands are valid");
        best = best.min(start.elapsed());
    }
    let flops = 2.0 * (batch * rows * depth * columns) as f64;
    println!(
        "{batch:4} x {rows:5} {depth:5} {columns:5} {}{}  {:10.1} us  {:7.1} GFLOP/s",
        if a_transposed { 't' } else { 'n' },
        if b_transposed { 't' } else { 'n' },
        best.as_secs_f64() * 1e6,
        flops / best.as_secs_f64() / 1e9
    );
}

fn main() {
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
