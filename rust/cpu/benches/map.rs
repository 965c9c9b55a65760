//! Times of maps: `cargo bench -p tenfold-cpu --bench map`.

use std::time::Instant;

use tenfold_ir::expr::Expr;
use tenfold_ir::kernel::Spec;
use tenfold_ir::{Buffer, Core, DType, Kernel, Layout, Operand, Operation, Scalar, Shape, Source};

fn buffer_of(values: &[f32]) -> Buffer {
    let mut buffer = tenfold_cpu::backend().allocate(values.len() * 4).unwrap();
    buffer.bytes_mut().unwrap().copy_from_slice(bytemuck::cast_slice(values));
    buffer
}

fn map(expr: Expr, operands: &[Layout], scalars: &[Scalar], shape: &[usize]) -> Kernel {
    let dtype = expr.output_dtypes().next().unwrap();
    Kernel {
        core: Core::Map,
        prologues: Default::default(),
        epilogue: Some(expr),
        operands: operands
            .iter()
            .map(|layout| Operand { dtype: DType::Float32, layout: layout.clone() })
            .collect(),
        scalars: scalars.iter().copied().collect(),
        outputs: [Spec::new(Shape::new(shape), dtype)].into_iter().collect(),
    }
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

fn main() {
    let backend = tenfold_cpu::backend();
    let time = |name: &str, kernel: &Kernel, sources: &[Source<'_>], out: &mut Vec<Buffer>, flops: usize| {
        let mut best = f64::MAX;
        for _ in 0..15 {
            let begin = Instant::now();
            backend.run(kernel, sources, out).unwrap();
            best = best.min(begin.elapsed().as_secs_f64());
        }
        println!("{name}: {:.3} ms, {:.3} ns/element", best * 1e3, best * 1e9 / flops as f64);
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
        }
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
