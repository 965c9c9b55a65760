//! Times of the attention, row, pooling, indexing, sorting, scanning and random kernels: `cargo bench -p tenfold-cpu --bench families`.
//!
//! Prints the smallest of several times in milliseconds: with `TENFOLD_THREADS=1` of the thread's processor time,
//! which a busy machine disturbs less. `benchmarks/families.py` times the same in PyTorch.

use std::time::{Duration, Instant};

use smallvec::SmallVec;
use tenfold_cpu::backend::view::{Input, OutputView};
use tenfold_cpu::threads::thread_count;
use tenfold_cpu::{attention, index, pool, random, rows, scan, sort};
use tenfold_ir::kernel::{
    Attention, AttentionKind, Distribution, Index, Pool, PoolKind, Random, RowOperation, Rows, Scan,
    ScanOperation, ScatterMode, Side, Sort,
};
use tenfold_ir::{Core, DType, Layout, Shape, Spec};

/// An operand with its memory.
struct Given {
    dtype: DType,
    layout: Layout,
    words: Vec<u128>,
}

impl Given {
    fn new(shape: &[usize], dtype: DType, draw: Distribution) -> Given {
        let shape = Shape::new(shape);
        let mut words = vec![0u128; (shape.elements() * dtype.size()).div_ceil(16)];
        let core = Random { distribution: draw, seed: 1, offset: 0, shape: shape.clone(), dtype };
        let bytes = bytemuck::cast_slice_mut(&mut words);
        random::run(&core, &[], &mut [OutputView { dtype, shape: shape.clone(), bytes }]).unwrap();
        Given { dtype, layout: Layout::dense(shape), words }
    }

    fn floats(shape: &[usize]) -> Given {
        Given::new(shape, DType::Float32, Distribution::Normal)
    }

    fn indices(shape: &[usize], limit: usize) -> Given {
        Given::new(shape, DType::Int64, Distribution::Integer { low: 0, high: limit as i128 })
    }
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

fn measure(name: &str, core: &Core, given: &[&Given]) {
    let specs: Vec<Spec> =
        given.iter().map(|given| Spec::new(given.layout.shape().clone(), given.dtype)).collect();
    let specs = core.results(&specs).unwrap();
    let mut memory: Vec<Vec<u128>> = specs.iter().map(|spec| vec![0; spec.bytes().div_ceil(16)]).collect();
    let inputs: Vec<Input<'_>> = given
        .iter()
        .map(|given| Input::new(given.dtype, given.layout.clone(), bytemuck::cast_slice(&given.words)))
        .collect();
    let mut outputs: Vec<OutputView<'_>> = specs
        .iter()
        .zip(&mut memory)
        .map(|(spec, words)| OutputView {
            dtype: spec.dtype,
            shape: spec.shape.clone(),
            bytes: bytemuck::cast_slice_mut(words),
        })
        .collect();
    let (mut best, begin) = (Duration::MAX, Instant::now());
    while begin.elapsed() < Duration::from_millis(400) {
        let start = now();
        match core {
            Core::Attention(core) => attention::run(core, &inputs, &mut outputs, None),
            Core::Rows(core) => rows::run(core, &inputs, &mut outputs, None),
            Core::Pool(core) => pool::run(core, &inputs, &mut outputs),
            Core::Index(core) => index::run(core, &inputs, &mut outputs),
            Core::Sort(core) => sort::run(core, &inputs, &mut outputs),
            Core::Scan(core) => scan::run(core, &inputs, &mut outputs),
            Core::Random(core) => random::run(core, &inputs, &mut outputs),
            other => panic!("{} has no benchmark here", other.name()),
        }
        .unwrap();
        best = best.min(now() - start);
    }
    println!("{name:32} {:9.3}", best.as_secs_f64() * 1e3);
}

fn row(name: &str, operation: RowOperation, axis: usize, given: &[&Given]) {
    measure(name, &Core::Rows(Rows { operation, axis }), given);
}

/// Attention of `(batch, heads, queries, depth)` to `key_heads` heads of keys, forward and backward.
fn attend(shape: [usize; 4], key_heads: usize, keys: usize, causal: bool, masked: bool) {
    let [batch, heads, queries, depth] = shape;
    let of_keys = Given::floats(&[batch, key_heads, keys, depth]);
    let (q, g, l) = (Given::floats(&shape), Given::floats(&shape), Given::floats(&shape[..3]));
    let mut mask = Given::floats(&[queries, keys]);
    mask.layout = mask.layout.broadcast_to(&Shape::from([batch, heads, queries, keys])).unwrap();
    let core = |kind| Core::Attention(Attention { kind, causal, scale: 1.0 / (depth as f64).sqrt() });
    let name = format!(
        "{}{}attention {shape:?}, {key_heads}×{keys}",
        if causal { "causal " } else { "" },
        if masked { "masked " } else { "" },
    );
    let mut forward = vec![&q, &of_keys, &of_keys];
    let mut gradient = vec![&q, &of_keys, &of_keys, &g, &l, &g];
    if masked {
        forward.push(&mask);
        gradient.push(&mask);
    }
    measure(&name, &core(AttentionKind::Forward), &forward);
    measure("    gradient", &core(AttentionKind::Gradient), &gradient);
}

fn pooling(kind: PoolKind, window: usize, stride: usize, padding: usize) -> Core {
    let both = |value: usize| -> SmallVec<[usize; 3]> { SmallVec::from_slice(&[value, value]) };
    Core::Pool(Pool {
        kind,
        window: both(window),
        stride: both(stride),
        padding: both(padding),
        dilation: both(1),
        ceil_mode: false,
    })
}

fn main() {
    let only = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    let wanted = |name: &str| name.contains(&only);
    if wanted("attention") {
        for causal in [false, true] {
            attend([4, 8, 1024, 64], 8, 1024, causal, false);
            attend([2, 8, 512, 64], 8, 512, causal, false);
        }
        attend([1, 32, 2048, 128], 32, 2048, true, false);
        attend([1, 32, 1024, 64], 8, 1024, true, false);
        attend([2, 8, 1024, 64], 8, 1024, false, true);
        attend([1, 32, 1, 128], 32, 4096, false, false);
        attend([1, 32, 1, 128], 8, 4096, false, false);
    }
    if wanted("rows") {
        let (x, g) = (Given::floats(&[4096, 1024]), Given::floats(&[4096, 1024]));
        let numbers = Given::floats(&[4096]);
        row("softmax 4096x1024", RowOperation::Softmax, 1, &[&x]);
        row("softmax 4096x1024 axis 0", RowOperation::Softmax, 0, &[&x]);
        row("log_softmax 4096x1024", RowOperation::LogSoftmax, 1, &[&x]);
        row("softmax gradient", RowOperation::SoftmaxGradient, 1, &[&x, &g]);
        row("layer_norm 4096x1024", RowOperation::LayerNorm { epsilon: 1e-5 }, 1, &[&x]);
        row("layer_norm gradient", RowOperation::LayerNormGradient, 1, &[&x, &numbers, &numbers, &g]);
        row("rms_norm 4096x1024", RowOperation::RmsNorm { epsilon: 1e-5 }, 1, &[&x]);
        let (logits, targets) = (Given::floats(&[512, 32_000]), Given::indices(&[512], 32_000));
        let numbers = Given::floats(&[512]);
        row("cross_entropy 512x32000", RowOperation::CrossEntropy, 1, &[&logits, &targets]);
        let gradient = RowOperation::CrossEntropyGradient;
        row("cross_entropy gradient", gradient, 1, &[&logits, &targets, &numbers, &numbers]);
        let small = Given::floats(&[100_000, 10]);
        row("softmax 100000x10", RowOperation::Softmax, 1, &[&small]);
        let half = Given::new(&[4096, 1024], DType::Bfloat16, Distribution::Normal);
        row("softmax bfloat16", RowOperation::Softmax, 1, &[&half]);
    }
    if wanted("pool") {
        let x = Given::floats(&[128, 32, 28, 28]);
        measure("max_pool 2x2 (128,32,28,28)", &pooling(PoolKind::Max, 2, 2, 0), &[&x]);
        measure("max_pool 3x3 stride 2", &pooling(PoolKind::Max, 3, 2, 1), &[&x]);
        let average = PoolKind::Average { count_padding: true, divisor: None };
        measure("avg_pool 2x2", &pooling(average.clone(), 2, 2, 0), &[&x]);
        measure("avg_pool 28x28", &pooling(average, 28, 28, 0), &[&x]);
        let (g, indices) = (Given::floats(&[128, 32, 14, 14]), Given::indices(&[128, 32, 14, 14], 784));
        let input: SmallVec<[usize; 3]> = SmallVec::from_slice(&[28, 28]);
        let gradient = PoolKind::MaxGradient { input };
        measure("max_pool gradient", &pooling(gradient, 2, 2, 0), &[&g, &indices]);
    }
    if wanted("index") {
        let (table, tokens) = (Given::floats(&[50_000, 768]), Given::indices(&[4096], 50_000));
        let values = Given::floats(&[4096, 768]);
        measure("embedding 4096 of 50000x768", &Core::Index(Index::Gather { axes: 1 }), &[&table, &tokens]);
        let (small, few) = (Given::floats(&[5_000, 768]), Given::indices(&[4096], 5_000));
        let add = Core::Index(Index::Scatter { axes: 1, mode: ScatterMode::Add });
        measure("index_add 4096 to 5000x768", &add, &[&small, &few, &values]);
        let (flat, many) = (Given::floats(&[1_000_000]), Given::indices(&[1_000_000], 1_000_000));
        measure("gather 1000000", &Core::Index(Index::Gather { axes: 1 }), &[&flat, &many]);
        let numbers = Given::floats(&[1_000_000]);
        measure("scatter_add 1000000", &add, &[&flat, &many, &numbers]);
        let half = Given::floats(&[1024, 1024]);
        measure(
            "concat 2 of 1024x1024 axis 1",
            &Core::Index(Index::Concatenate { axis: 1 }),
            &[&half, &half],
        );
    }
    if wanted("sort") {
        let (x, rows) = (Given::floats(&[1_000_000]), Given::floats(&[1000, 1000]));
        measure("sort 1000000", &Core::Sort(Sort::Sort { axis: 0, descending: false }), &[&x]);
        measure("sort 1000x1000", &Core::Sort(Sort::Sort { axis: 1, descending: false }), &[&rows]);
        let topk = Sort::TopK { axis: 1, count: 10, largest: true };
        measure("topk 10 of 1000x1000", &Core::Sort(topk), &[&rows]);
        let topk = Sort::TopK { axis: 0, count: 10, largest: true };
        measure("topk 10 of 1000000", &Core::Sort(topk), &[&x]);
        let (mut ascending, shape, dtype) =
            (Given::floats(&[1_000_000]), Shape::from([1_000_000]), DType::Int64);
        bytemuck::cast_slice_mut::<u128, f32>(&mut ascending.words).sort_by(f32::total_cmp);
        measure(
            "search 1000000 in 1000000",
            &Core::Sort(Sort::Search { side: Side::Left }),
            &[&ascending, &x],
        );
        let permutation =
            Random { distribution: Distribution::Permutation, seed: 1, offset: 0, shape, dtype };
        measure("permutation 1000000", &Core::Random(permutation), &[]);
    }
    if wanted("scan") {
        let x = Given::floats(&[1000, 1000]);
        for axis in [0, 1] {
            let scan = Scan { operation: ScanOperation::Sum, axis, reverse: false };
            measure(&format!("cumsum 1000x1000 axis {axis}"), &Core::Scan(scan), &[&x]);
        }
        let x = Given::floats(&[4096, 4096]);
        for operation in [ScanOperation::Sum, ScanOperation::Max, ScanOperation::LogSumExp] {
            for axis in [0, 1] {
                let scan = Scan { operation, axis, reverse: false };
                measure(&format!("{} 4096x4096 axis {axis}", operation.name()), &Core::Scan(scan), &[&x]);
            }
        }
    }
    if wanted("random") {
        for (name, distribution) in
            [("uniform 4000000", Distribution::Uniform), ("normal 4000000", Distribution::Normal)]
        {
            let (shape, dtype) = (Shape::from([4_000_000]), DType::Float32);
            measure(name, &Core::Random(Random { distribution, seed: 1, offset: 0, shape, dtype }), &[]);
        }
        let (shape, dtype) = (Shape::from([1_000_000]), DType::Int64);
        let order = Random { distribution: Distribution::Permutation, seed: 1, offset: 0, shape, dtype };
        measure("randperm 1000000", &Core::Random(order), &[]);
    }
}
