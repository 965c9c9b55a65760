//! The arithmetic of one row. Everything is inlined into the code of a tier; sums are in the order of
//! [`crate::reduction::order`].
//!
//! The sweeps over a row ask for the next row on their way ([`Row::touch`]), a stretch of one input at a time and where
//! there is arithmetic to do meanwhile: a core waits for some twenty lines at once, and for one more with everything.

use tenfold_ir::lanes::Lane;

use super::group::{Row, STRETCH};
use crate::reduction::order::{Accumulators, BLOCK, GROUPS, LANES, LaneSum, join_groups, join_one};

#[inline(always)]
fn zero<T: Lane>() -> T {
    T::constant(0.0)
}

#[inline(always)]
fn one<T: Lane>() -> T {
    T::constant(1.0)
}

/// The larger of both; one of them where the other is NaN. (What is made of a row with a NaN becomes NaN by its sum.)
#[inline(always)]
pub fn larger<T: Lane>(so_far: T, value: T) -> T {
    T::select(value > so_far, value, so_far)
}

/// Stretches of a row of that length: start and number of elements.
#[inline(always)]
fn stretches(length: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..length).step_by(STRETCH).map(move |start| (start, STRETCH.min(length - start)))
}

/// The largest element; of nothing −∞. In any order, and some twice: the last group ends with the row.
#[inline(always)]
fn max<T: Lane>(x: &[T]) -> T {
    let Some(last) = x.last_chunk::<LANES>() else {
        return x.iter().fold(-T::INFINITY, |so_far, &value| larger(so_far, value));
    };
    let mut largest = [[-T::INFINITY; LANES]; GROUPS];
    let (blocks, rest) = x.as_chunks::<BLOCK>();
    for block in blocks {
        for group in 0..GROUPS {
            for lane in 0..LANES {
                largest[group][lane] = larger(largest[group][lane], block[group * LANES + lane]);
            }
        }
    }
    let mut lanes = *last;
    for group in rest.as_chunks::<LANES>().0 {
        for lane in 0..LANES {
            lanes[lane] = larger(lanes[lane], group[lane]);
        }
    }
    if !blocks.is_empty() {
        let joined = join_groups(&largest, BLOCK, larger);
        for lane in 0..LANES {
            lanes[lane] = larger(lanes[lane], joined[lane]);
        }
    }
    join_one(lanes, larger)
}

/// `Σ map(x)`, by way of a stretch in the first-level cache: a sum of what is mapped in the same loop leaves the vectors.
#[inline(always)]
fn sum_of<T: Lane>(x: Row<'_, T>, map: impl Fn(T) -> T) -> T {
    let mut sum = LaneSum::new();
    let mut mapped = [zero::<T>(); STRETCH];
    for (start, count) in stretches(x.values.len()) {
        x.touch(start, count);
        let mapped = &mut mapped[..count];
        for (out, &x) in mapped.iter_mut().zip(&x.values[start..start + count]) {
            *out = map(x);
        }
        sum.add(mapped);
    }
    sum.finish()
}

/// `Σ map(x)` of a few cheap operations.
#[inline(always)]
fn sum_of_cheap<T: Lane>(x: Row<'_, T>, map: impl Fn(T) -> T) -> T {
    let mut sum = LaneSum::new();
    for (start, count) in stretches(x.values.len()) {
        x.touch(start, count);
        sum.add_of(&x.values[start..start + count], &map);
    }
    sum.finish()
}

/// `Σ map(x, y)` of a few cheap operations.
#[inline(always)]
fn sum_of_two<T: Lane>(x: Row<'_, T>, y: Row<'_, T>, map: impl Fn(T, T) -> T) -> T {
    let mut sum = LaneSum::new();
    for (start, count) in stretches(x.values.len()) {
        x.touch(start, count);
        y.touch(start, count);
        sum.add_of_two(&x.values[start..start + count], &y.values[start..start + count], &map);
    }
    sum.finish()
}

/// `Σ x`
#[inline(always)]
fn sum<T: Lane>(x: Row<'_, T>) -> T {
    let mut sum = LaneSum::new();
    for (start, count) in stretches(x.values.len()) {
        x.touch(start, count);
        sum.add(&x.values[start..start + count]);
    }
    sum.finish()
}

/// `Σ exp(x − shift)`
#[inline(always)]
fn sum_of_exponentials<T: Lane>(x: Row<'_, T>, shift: T) -> T {
    sum_of(x, |x| (x - shift).exp_decay())
}

/// `out = map(x)`
#[inline(always)]
fn write<T: Lane>(x: Row<'_, T>, out: &mut [T], map: impl Fn(T) -> T) {
    for (start, count) in stretches(out.len()) {
        x.touch(start, count);
        for (out, &x) in out[start..start + count].iter_mut().zip(&x.values[start..start + count]) {
            *out = map(x);
        }
    }
}

/// `out = map(x, y)`
#[inline(always)]
fn write_two<T: Lane>(x: &[T], y: &[T], out: &mut [T], map: impl Fn(T, T) -> T) {
    for ((out, &x), &y) in out.iter_mut().zip(x).zip(y) {
        *out = map(x, y);
    }
}

/// `x → exp(x − max) / Σ exp(x − max)`
#[inline(always)]
pub fn softmax<T: Lane>(x: Row<'_, T>, out: &mut [T]) {
    let max = max(x.values);
    let mut sum = LaneSum::new();
    for (start, count) in stretches(out.len()) {
        x.touch(start, count);
        let out = &mut out[start..start + count];
        for (out, &x) in out.iter_mut().zip(&x.values[start..start + count]) {
            *out = (x - max).exp_decay();
        }
        sum.add(out);
    }
    let share = one::<T>() / sum.finish();
    for value in out {
        *value = *value * share;
    }
}

/// `x → x − max − log Σ exp(x − max)`
#[inline(always)]
pub fn log_softmax<T: Lane>(x: Row<'_, T>, out: &mut [T]) {
    let max = max(x.values);
    let log = sum_of_exponentials(x, max).log();
    write(x.still(), out, |x| x - max - log);
}

/// `x → log Σ exp(x)`
#[inline(always)]
pub fn log_sum_exp<T: Lane>(x: Row<'_, T>) -> T {
    let max = max(x.values);
    // An infinite maximum would make NaN of ∞ − ∞; the infinity itself is the result, unless there is a NaN.
    if max.abs() == T::INFINITY {
        return max + sum_of(x.still(), |x| T::select(x.is_nan(), x, zero()));
    }
    max + sum_of_exponentials(x, max).log()
}

/// `y, g → y · (g − Σ g·y)`
#[inline(always)]
pub fn softmax_gradient<T: Lane>(y: Row<'_, T>, g: Row<'_, T>, out: &mut [T]) {
    let sum = sum_of_two(y, g, |y, g| g * y);
    write_two(y.values, g.values, out, |y, g| y * (g - sum));
}

/// `y, g → g − exp(y) · Σ g`
#[inline(always)]
pub fn log_softmax_gradient<T: Lane>(y: Row<'_, T>, g: Row<'_, T>, out: &mut [T]) {
    let sum = sum_of_two(y, g, |_, g| g);
    write_two(y.values, g.values, out, |y, g| g - y.exp_decay() * sum);
}

/// `[mean, r]` of a row, with `r = 1 / sqrt(variance + epsilon)`.
#[inline(always)]
fn moments<T: Lane>(x: Row<'_, T>, epsilon: f64) -> [T; 2] {
    let count = T::constant(x.values.len() as f64);
    let mean = sum(x.share(0, 2)) / count;
    let variance = sum_of_cheap(x.share(1, 2), |x| (x - mean) * (x - mean)) / count;
    [mean, one::<T>() / (variance + T::constant(epsilon)).sqrt()]
}

/// `x → (x − mean) · r`, and `[mean, r]`
#[inline(always)]
pub fn layer_norm<T: Lane>(x: Row<'_, T>, epsilon: f64, out: &mut [T]) -> [T; 2] {
    let [mean, scale] = moments(x, epsilon);
    write(x.still(), out, |x| (x - mean) * scale);
    [mean, scale]
}

/// `x, m, r, g → r · (g − mean(g) − n · mean(g·n))` with `n = (x − m) · r`
#[inline(always)]
pub fn layer_norm_gradient<T: Lane>(x: Row<'_, T>, mean: T, scale: T, g: Row<'_, T>, out: &mut [T]) {
    let count = T::constant(x.values.len() as f64);
    let mean_gradient = sum(g) / count;
    let mean_product = sum_of_two(x, g.still(), |x, g| g * ((x - mean) * scale)) / count;
    write_two(x.values, g.values, out, |x, g| {
        scale * (g - mean_gradient - (x - mean) * scale * mean_product)
    });
}

/// `x, w, b → (x − mean) · r · w + b`, and `[mean, r]`
#[inline(always)]
pub fn affine_layer_norm<T: Lane>(
    x: Row<'_, T>,
    weight: &[T],
    bias: &[T],
    epsilon: f64,
    out: &mut [T],
) -> [T; 2] {
    let [mean, scale] = moments(x, epsilon);
    for (((out, &x), &weight), &bias) in out.iter_mut().zip(x.values).zip(weight).zip(bias) {
        *out = (x - mean) * scale * weight + bias;
    }
    [mean, scale]
}

/// `x, m, r, w, g → r · (h − mean(h) − n · mean(h·n))` with `n = (x − m) · r` and `h = g · w`; adds `g·n` and `g` to
/// `sums`.
#[inline(always)]
pub fn affine_layer_norm_gradient<T: Lane>(
    [x, weight, g]: [Row<'_, T>; 3],
    [mean, scale]: [T; 2],
    out: &mut [T],
    [of_weight, of_bias]: [&mut [T]; 2],
) {
    let count = T::constant(out.len() as f64);
    let normal = move |x: T| (x - mean) * scale;
    let (mut sum, mut sum_of_products) = (LaneSum::new(), LaneSum::new());
    for (start, length) in stretches(out.len()) {
        let end = start + length;
        let rows = [&x.values[start..end], &weight.values[start..end], &g.values[start..end]];
        let whole = length - length % BLOCK;
        // A half at a time, each of which asks for the other input's next row.
        let half = (whole / 2).next_multiple_of(BLOCK).min(whole);
        for (part, next) in [(0..half, x), (half..whole, g)] {
            next.touch(start, length);
            add_gradient_sums(
                rows.map(|row| &row[part.clone()]),
                [mean, scale],
                [sum.accumulators_for(part.len()), sum_of_products.accumulators_for(part.len())],
                [&mut of_weight[start..end][part.clone()], &mut of_bias[start..end][part.clone()]],
            );
        }
        if whole == length {
            continue;
        }
        let [x, weight, g] = rows.map(|row| &row[whole..]);
        sum.add_of_two(g, weight, |g, weight| g * weight);
        sum_of_products.add_of_three(x, weight, g, |x, weight, g| g * weight * normal(x));
        let lines = of_weight[start + whole..end].iter_mut().zip(&mut of_bias[start + whole..end]);
        for (((of_weight, of_bias), &x), &g) in lines.zip(x).zip(g) {
            *of_weight = *of_weight + g * normal(x);
            *of_bias = *of_bias + g;
        }
    }
    let (mean_gradient, mean_product) = (sum.finish() / count, sum_of_products.finish() / count);
    for (((out, &x), &weight), &g) in out.iter_mut().zip(x.values).zip(weight.values).zip(g.values) {
        *out = scale * (g * weight - mean_gradient - normal(x) * mean_product);
    }
}

/// All that the gradient of layer norm sums over whole blocks of a row, in one sweep: along the row h and h·n, across rows
/// g·n and g.
#[inline(always)]
fn add_gradient_sums<T: Lane>(
    [x, weight, g]: [&[T]; 3],
    [mean, scale]: [T; 2],
    [sum, sum_of_products]: [&mut Accumulators<T>; 2],
    [of_weight, of_bias]: [&mut [T]; 2],
) {
    let inputs =
        x.as_chunks::<LANES>().0.iter().zip(weight.as_chunks::<LANES>().0).zip(g.as_chunks::<LANES>().0);
    let lines = of_weight.as_chunks_mut::<LANES>().0.iter_mut().zip(of_bias.as_chunks_mut::<LANES>().0);
    for (at, (((x, weight), g), (of_weight, of_bias))) in inputs.zip(lines).enumerate() {
        let group = at % GROUPS;
        // Copies, of which the compiler need not ask whether they overlap.
        let (mut weights, mut biases): ([T; LANES], [T; LANES]) = (*of_weight, *of_bias);
        let (mut sums, mut products) = (sum[group], sum_of_products[group]);
        for lane in 0..LANES {
            let (n, h) = ((x[lane] - mean) * scale, g[lane] * weight[lane]);
            sums[lane] = sums[lane] + h;
            products[lane] = products[lane] + h * n;
            weights[lane] = weights[lane] + g[lane] * n;
            biases[lane] = biases[lane] + g[lane];
        }
        (*of_weight, *of_bias) = (weights, biases);
        (sum[group], sum_of_products[group]) = (sums, products);
    }
}

/// `x, w, b → (x − mean) · r · w + b`, and `[mean, r]`, with a weight and a bias for each run of neighbours.
#[inline(always)]
pub fn group_norm<T: Lane>(x: Row<'_, T>, weight: &[T], bias: &[T], epsilon: f64, out: &mut [T]) -> [T; 2] {
    let [mean, r] = moments(x, epsilon);
    let run = out.len() / weight.len().max(1);
    if run > 1 {
        let runs = out.chunks_exact_mut(run).zip(x.values.chunks_exact(run));
        for (((out, x), &weight), &bias) in runs.zip(weight).zip(bias) {
            for (out, &x) in out.iter_mut().zip(x) {
                *out = (x - mean) * r * weight + bias;
            }
        }
    } else {
        for (((out, &x), &weight), &bias) in out.iter_mut().zip(x.values).zip(weight).zip(bias) {
            *out = (x - mean) * r * weight + bias;
        }
    }
    [mean, r]
}

/// `x, m, r, w, g → r · (h − mean(h) − n · mean(h·n))` with `n = (x − m) · r` and `h = g · w`, a weight for each run of
/// neighbours; gives the sums of `g·n` and `g` over each run.
#[inline(always)]
pub fn group_norm_gradient<T: Lane>(
    [x, weight, g]: [Row<'_, T>; 3],
    [mean, r]: [T; 2],
    out: &mut [T],
    [of_weight, of_bias]: [&mut [T]; 2],
) {
    let weight = weight.values;
    let run = out.len() / weight.len().max(1);
    let count = T::constant(out.len() as f64);
    let normal = move |x: T| (x - mean) * r;
    if run > 1 {
        for (at, (product, sum)) in of_weight.iter_mut().zip(of_bias.iter_mut()).enumerate() {
            [*product, *sum] = sums_of_run(x, g, at * run, run, normal);
        }
    } else {
        for (((product, sum), &x), &g) in
            of_weight.iter_mut().zip(of_bias.iter_mut()).zip(x.values).zip(g.values)
        {
            [*product, *sum] = [g * normal(x), g];
        }
    }
    let (mut across, mut along) = (zero::<T>(), zero::<T>());
    for ((&weight, &product), &sum) in weight.iter().zip(&*of_weight).zip(&*of_bias) {
        across = across + weight * sum;
        along = along + weight * product;
    }
    let (along, across) = (along / count, across / count);
    if run > 1 {
        let runs = out.chunks_exact_mut(run).zip(x.values.chunks_exact(run)).zip(g.values.chunks_exact(run));
        for (((out, x), g), &weight) in runs.zip(weight) {
            for ((out, &x), &g) in out.iter_mut().zip(x).zip(g) {
                *out = r * (g * weight - across - normal(x) * along);
            }
        }
    } else {
        for (((out, &x), &g), &weight) in out.iter_mut().zip(x.values).zip(g.values).zip(weight) {
            *out = r * (g * weight - across - normal(x) * along);
        }
    }
}

/// Sums of `g·normal(x)` and `g` over the run of a row that begins at `start`.
#[inline(always)]
fn sums_of_run<T: Lane>(
    x: Row<'_, T>,
    g: Row<'_, T>,
    start: usize,
    run: usize,
    normal: impl Fn(T) -> T,
) -> [T; 2] {
    let (mut sum_of_products, mut sum) = (LaneSum::new(), LaneSum::new());
    for (part, length) in stretches(run) {
        let start = start + part;
        let (x_part, g_part) = (&x.values[start..start + length], &g.values[start..start + length]);
        x.touch(start, length);
        sum_of_products.add_of_two(x_part, g_part, |x, g| g * normal(x));
        g.touch(start, length);
        sum.add(g_part);
    }
    [sum_of_products.finish(), sum.finish()]
}

/// `r = 1 / sqrt(mean(x²) + epsilon)`
#[inline(always)]
fn reciprocal_root_mean_square<T: Lane>(x: Row<'_, T>, epsilon: f64) -> T {
    let mean_square = sum_of_cheap(x, |x| x * x) / T::constant(x.values.len() as f64);
    one::<T>() / (mean_square + T::constant(epsilon)).sqrt()
}

/// `x → x · r`, and `r`
#[inline(always)]
pub fn rms_norm<T: Lane>(x: Row<'_, T>, epsilon: f64, out: &mut [T]) -> T {
    let scale = reciprocal_root_mean_square(x, epsilon);
    write(x.still(), out, |x| x * scale);
    scale
}

/// `x, r, g → r · (g − n · mean(g·n))` with `n = x · r`
#[inline(always)]
pub fn rms_norm_gradient<T: Lane>(x: Row<'_, T>, scale: T, g: Row<'_, T>, out: &mut [T]) {
    let count = T::constant(x.values.len() as f64);
    let mean_product = sum_of_two(x, g, |x, g| g * (x * scale)) / count;
    write_two(x.values, g.values, out, |x, g| scale * (g - x * scale * mean_product));
}

/// `x, w → x · r · w`, and `r`
#[inline(always)]
pub fn affine_rms_norm<T: Lane>(x: Row<'_, T>, weight: &[T], epsilon: f64, out: &mut [T]) -> T {
    let scale = reciprocal_root_mean_square(x, epsilon);
    write_two(x.values, weight, out, |x, weight| x * scale * weight);
    scale
}

/// `x, r, w, g → r · (h − n · mean(h·n))` with `n = x · r` and `h = g · w`; adds `g·n` to `sums`.
#[inline(always)]
pub fn affine_rms_norm_gradient<T: Lane>(
    [x, weight, g]: [Row<'_, T>; 3],
    scale: T,
    out: &mut [T],
    sums: &mut [T],
) {
    let count = T::constant(out.len() as f64);
    let mut sum_of_products = LaneSum::new();
    for (start, length) in stretches(out.len()) {
        x.touch(start, length);
        let next_g = g;
        let [x, weight, g] = [x, weight, g].map(|row| &row.values[start..start + length]);
        sum_of_products.add_of_three(x, weight, g, |x, weight, g| g * weight * (x * scale));
        next_g.touch(start, length);
        for ((sum, &x), &g) in sums[start..start + length].iter_mut().zip(x).zip(g) {
            *sum = *sum + g * (x * scale);
        }
    }
    let mean_product = sum_of_products.finish() / count;
    for (((out, &x), &weight), &g) in out.iter_mut().zip(x.values).zip(weight.values).zip(g.values) {
        *out = scale * (g * weight - x * scale * mean_product);
    }
}

/// The target where it lies within the row.
#[inline(always)]
fn target_within(target: i64, length: usize) -> Option<usize> {
    usize::try_from(target).ok().filter(|&target| target < length)
}

/// `x, t → [log Σ exp(x) − x[t], log Σ exp(x)]`; 0 first where the target lies outside.
#[inline(always)]
pub fn cross_entropy<T: Lane>(x: Row<'_, T>, target: i64) -> [T; 2] {
    let log = log_sum_exp(x);
    match target_within(target, x.values.len()) {
        Some(target) => [log - x.values[target], log],
        None => [zero(), log],
    }
}

/// `x, t, l, g → g · (exp(x − l) − [i = t])`; zeros where the target lies outside.
#[inline(always)]
pub fn cross_entropy_gradient<T: Lane>(x: Row<'_, T>, target: i64, log: T, gradient: T, out: &mut [T]) {
    match target_within(target, x.values.len()) {
        Some(target) => {
            let hit = gradient * ((x.values[target] - log).exp_decay() - one());
            write(x, out, |x| gradient * (x - log).exp_decay());
            out[target] = hit;
        }
        None => out.fill(zero()),
    }
}
