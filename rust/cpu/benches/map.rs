//! Times of maps: `cargo bench -p tenfold-cpu --bench map`.
//!
//! Prints the smallest of several times; on one thread of its processor time, which a busy machine disturbs less.
//! `by hand` is the formula as a loop that the compiler fused: the floor of the tile interpreter.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use tenfold_cpu::simd::{Tiered, on_tier};
use tenfold_cpu::threads::{for_each_chunk, thread_count};
use tenfold_ir::expr::Expr;
use tenfold_ir::formulas::{self, AdamNumbers, AdamState, Recorded};
use tenfold_ir::kernel::Spec;
use tenfold_ir::lanes::Lane;
use tenfold_ir::{Buffer, Core, DType, Kernel, Layout, Operand, Operation, Scalar, Shape, Source};

fn buffer_of(values: &[f32]) -> Buffer {
    let mut buffer = tenfold_cpu::backend().allocate(values.len() * 4).unwrap();
    buffer.bytes_mut().unwrap().copy_from_slice(bytemuck::cast_slice(values));
    buffer
}

fn map(expr: Expr, operands: &[Layout], scalars: &[Scalar], shape: &[usize]) -> Kernel {
    let outputs = expr.output_dtypes().map(|dtype| Spec::new(Shape::new(shape), dtype)).collect();
    Kernel {
        core: Core::Map,
        prologues: Default::default(),
        epilogue: Some(expr),
        operands: operands
            .iter()
            .map(|layout| Operand { dtype: DType::Float32, layout: layout.clone() })
            .collect(),
        scalars: scalars.iter().copied().collect(),
        outputs,
    }
}

fn floats(buffer: &Buffer) -> &[f32] {
    bytemuck::cast_slice(buffer.bytes().unwrap())
}

fn formula() -> (Expr, [Scalar; 2]) {
    let mut e = Expr::new();
    let x = e.load(0, DType::Float32);
    let y = e.load(1, DType::Float32);
    let a = e.scalar(0, DType::Float32);
    let b = e.scalar(1, DType::Float32);
    let ax = e.apply(Operation::multiply, &[x, a]);
    let axy = e.apply(Operation::add, &[ax, y]);
    let t = e.apply(Operation::tanh, &[axy]);
    let yb = e.apply(Operation::subtract, &[y, b]);
    let s = e.apply(Operation::sigmoid, &[yb]);
    let ts = e.apply(Operation::multiply, &[t, s]);
    let xx = e.apply(Operation::multiply, &[x, x]);
    let out = e.apply(Operation::add, &[ts, xx]);
    e.output(out);
    (e, [Scalar::Float(1.5), Scalar::Float(0.5)])
}

/// The formula over a part of its operands, as one loop.
struct ByHand<'a> {
    x: &'a [f32],
    y: &'a [f32],
    out: &'a mut [f32],
}

impl Tiered for ByHand<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for ((out, &x), &y) in self.out.iter_mut().zip(self.x).zip(self.y) {
            *out = Lane::tanh(x * 1.5 + y) * Lane::sigmoid(y - 0.5) + x * x;
        }
    }
}

/// The whole formula by hand, in chunks of as much work as those of the map.
fn by_hand(x: &[f32], y: &[f32], out: &mut [f32]) {
    const CHUNK: usize = 64 * 1024;
    struct Target(*mut f32);
    // SAFETY: each chunk is written by one thread.
    unsafe impl Sync for Target {}
    let (target, length) = (Target(out.as_mut_ptr()), out.len());
    let target = &target;
    for_each_chunk(length.div_ceil(CHUNK), 200_000, &|chunk| {
        let part = chunk * CHUNK..length.min((chunk + 1) * CHUNK);
        // SAFETY: chunks do not overlap and lie within the output.
        let out = unsafe { std::slice::from_raw_parts_mut(target.0.add(part.start), part.len()) };
        on_tier(ByHand { x: &x[part.clone()], y: &y[part], out });
    });
}

/// The time on the clock, or of this thread's processor where it is the only one.
fn now() -> Duration {
    let clock = match thread_count() {
        1 => libc::CLOCK_THREAD_CPUTIME_ID,
        _ => libc::CLOCK_MONOTONIC,
    };
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the clock exists, and the time is written to a local variable.
    unsafe { libc::clock_gettime(clock, &mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

fn best_of(mut body: impl FnMut()) -> f64 {
    let measure = |_| {
        let begin = now();
        body();
        (now() - begin).as_secs_f64()
    };
    (0..15).map(measure).fold(f64::MAX, f64::min)
}

/// A step of Adam on `n` parameters, its results in the memory of parameter and state.
fn adam(n: usize) -> (Kernel, usize) {
    let expr = RefCell::new(Expr::new());
    let load = |at| Recorded::load(&expr, at);
    let scalar = |at| Recorded::scalar(&expr, at);
    let numbers = AdamNumbers {
        average_fraction: scalar(0),
        squares_kept: scalar(1),
        squares_fraction: scalar(2),
        step_size: scalar(3),
        correction: scalar(4),
        eps: scalar(5),
    };
    let state = AdamState { average: load(2), squares: load(3), largest: None };
    let (value, state) = formulas::adam(load(0), load(1), state, &numbers);
    let results = [value, state.average, state.squares].map(|result| result.value);
    let mut expr = expr.into_inner();
    results.into_iter().for_each(|result| expr.output(result));
    let layout = Layout::dense(Shape::new(&[n]));
    let scalars = [0.1, 0.999, 0.001, 1e-3, 1.0, 1e-8].map(Scalar::Float);
    (map(expr, &[(); 4].map(|()| layout.clone()), &scalars, &[n]), n)
}

/// GELU of rows plus a bias, and its gradient.
fn gelu_with_gradient(rows: usize, columns: usize) -> Kernel {
    let expr = RefCell::new(Expr::new());
    let [x, bias, gradient] = [0, 1, 2].map(|at| Recorded::load(&expr, at));
    let sum = x + bias;
    let results = [formulas::gelu(sum), formulas::gelu_gradient(sum, gradient)].map(|result| result.value);
    let mut expr = expr.into_inner();
    results.into_iter().for_each(|result| expr.output(result));
    let shape = Shape::new(&[rows, columns]);
    let dense = Layout::dense(shape.clone());
    let row = Layout::dense(Shape::new(&[columns])).broadcast_to(&shape).unwrap();
    map(expr, &[dense.clone(), row, dense], &[], &[rows, columns])
}

fn main() {
    let backend = tenfold_cpu::backend();
    let print = |name: &str, seconds: f64, elements: usize| {
        println!("{name}: {:.3} ms, {:.3} ns/element", seconds * 1e3, seconds * 1e9 / elements as f64);
    };
    let time =
        |name: &str, kernel: &Kernel, sources: &[Source<'_>], out: &mut Vec<Buffer>, elements: usize| {
            print(name, best_of(|| backend.run(kernel, sources, out).unwrap()), elements);
        };
    for threads in [1, 2] {
        tenfold_cpu::threads::set_thread_count(threads);
        let n = 4_000_000;
        let x = buffer_of(&(0..n).map(|i| (i as f32 * 0.37).sin() * 3.0).collect::<Vec<_>>());
        let y = buffer_of(&(0..n).map(|i| (i as f32 * 0.11).cos() * 3.0).collect::<Vec<_>>());
        let dense = Layout::dense(Shape::new(&[n]));
        let (expr, scalars) = formula();
        let kernel = map(expr, &[dense.clone(), dense.clone()], &scalars, &[n]);
        let mut out = vec![backend.allocate(n * 4).unwrap()];
        for tier in tenfold_cpu::simd::Tier::available() {
            tenfold_cpu::simd::set_tier(*tier).unwrap();
            time(
                &format!("formula {threads} {}", tier.name()),
                &kernel,
                &[Source::Buffer(&x), Source::Buffer(&y)],
                &mut out,
                n,
            );
            let (x, y) = (floats(&x), floats(&y));
            let target = bytemuck::cast_slice_mut(&mut out[0].bytes_mut().unwrap()[..n * 4]);
            let seconds = best_of(|| by_hand(x, y, target));
            print(&format!("  by hand {threads} {}", tier.name()), seconds, n);
        }
        let (rows, columns) = (4096, 1024);
        let kernel = gelu_with_gradient(rows, columns);
        let draws = |seed: usize, count: usize| {
            let draw = |at| ((at * 37 + seed * 101) % 1999) as f32 / 400.0 - 2.5;
            buffer_of(&(0..count).map(draw).collect::<Vec<f32>>())
        };
        let operands = [draws(0, rows * columns), draws(1, columns), draws(2, rows * columns)];
        let sources: Vec<Source<'_>> = operands.iter().map(Source::Buffer).collect();
        let mut out: Vec<Buffer> = (0..2).map(|_| backend.allocate(rows * columns * 4).unwrap()).collect();
        time(&format!("gelu(x + b) with gradient {threads}"), &kernel, &sources, &mut out, rows * columns);
        let (kernel, parameters) = adam(1_000_000);
        let gradient = buffer_of(&vec![1.0; parameters]);
        // More than the caches hold, in turns.
        let mut sets: Vec<Vec<Buffer>> =
            (0..10).map(|_| (0..3).map(|_| buffer_of(&vec![1.0; parameters])).collect()).collect();
        let sources = [Source::Output(0), Source::Buffer(&gradient), Source::Output(1), Source::Output(2)];
        let seconds = best_of(|| {
            sets.iter_mut().for_each(|set| backend.run(&kernel, &sources, set).unwrap());
        });
        print(&format!("adam 10 x 1M {threads}"), seconds, 10 * parameters);
        let mut e = Expr::new();
        let (a, b) = (e.load(0, DType::Float32), e.load(1, DType::Float32));
        let c = e.apply(Operation::add, &[a, b]);
        e.output(c);
        let add = map(e.clone(), &[dense.clone(), dense.clone()], &[], &[n]);
        time(&format!("add 4M {threads}"), &add, &[Source::Buffer(&x), Source::Buffer(&y)], &mut out, n);
        let small = Layout::dense(Shape::new(&[8]));
        let tiny = map(e.clone(), &[small.clone(), small.clone()], &[], &[8]);
        let begin = Instant::now();
        for _ in 0..10000 {
            backend.run(&tiny, &[Source::Buffer(&x), Source::Buffer(&y)], &mut out).unwrap();
        }
        println!("add of 8: {:?}", begin.elapsed() / 10000);
        let big = 16 << 20;
        let dense = Layout::dense(Shape::new(&[big]));
        let (x, y) = (buffer_of(&vec![1.0; big]), buffer_of(&vec![2.0; big]));
        let mut out = vec![backend.allocate(big * 4).unwrap()];
        let add = map(e.clone(), &[dense.clone(), dense.clone()], &[], &[big]);
        time(&format!("add 16Mi {threads}"), &add, &[Source::Buffer(&x), Source::Buffer(&y)], &mut out, big);
        let mut shared = vec![buffer_of(&vec![1.0; big])];
        time(
            &format!("add 16Mi in place {threads}"),
            &add,
            &[Source::Output(0), Source::Buffer(&y)],
            &mut shared,
            big,
        );
        let mut e = Expr::new();
        let a = e.load(0, DType::Float32);
        e.output(a);
        let copy = map(e.clone(), std::slice::from_ref(&dense), &[], &[big]);
        time(&format!("copy 16Mi {threads}"), &copy, &[Source::Buffer(&x)], &mut out, big);
        let square = Layout::dense(Shape::new(&[4096, 4096])).permute(&[1, 0]);
        let transpose = map(e, &[square], &[], &[4096, 4096]);
        time(&format!("transpose 16Mi {threads}"), &transpose, &[Source::Buffer(&x)], &mut out, big);
        let begin = Instant::now();
        out[0].bytes_mut().unwrap()[..big * 4].copy_from_slice(&x.bytes().unwrap()[..big * 4]);
        println!("memcpy {:?}", begin.elapsed());
    }
}
