//! The arithmetic of one row. Everything is inlined into the code of a tier; sums are in the order of
//! [`crate::reduction::order`].

use tenfold_ir::lanes::Lane;

use crate::reduction::order::{BLOCK, GROUPS, LANES, LaneSum, join_lanes, sum};

/// Elements that are mapped before they are summed: in L1, a multiple of the sum's block.
const STRETCH: usize = 1024;

#[inline(always)]
fn zero<T: Lane>() -> T {
    T::constant(0.0)
}

/// The larger of both, NaN if either is.
#[inline(always)]
pub fn larger<T: Lane>(so_far: T, value: T) -> T {
    T::select(value > so_far || value.is_nan(), value, so_far)
}

/// The largest element, NaN if any is NaN; of nothing −∞.
#[inline(always)]
fn max<T: Lane>(x: &[T]) -> T {
    let mut accumulators = [[-T::INFINITY; LANES]; GROUPS];
    let (blocks, rest) = x.as_chunks::<BLOCK>();
    for block in blocks {
        for group in 0..GROUPS {
            for lane in 0..LANES {
                accumulators[group][lane] = larger(accumulators[group][lane], block[group * LANES + lane]);
            }
        }
    }
    for (at, &value) in rest.iter().enumerate() {
        let so_far = &mut accumulators[at / LANES][at % LANES];
        *so_far = larger(*so_far, value);
    }
    join_lanes(&accumulators, larger)
}

/// `Σ map(x)`
#[inline(always)]
fn sum_of<T: Lane>(x: &[T], map: impl Fn(T) -> T) -> T {
    let mut sum = LaneSum::new();
    let mut mapped = [zero::<T>(); STRETCH];
    for stretch in x.chunks(STRETCH) {
        let mapped = &mut mapped[..stretch.len()];
        for (out, &value) in mapped.iter_mut().zip(stretch) {
            *out = map(value);
        }
        sum.add(mapped);
    }
    sum.finish()
}

/// `Σ map(x, y)`
#[inline(always)]
fn sum_of_two<T: Lane>(x: &[T], y: &[T], map: impl Fn(T, T) -> T) -> T {
    let mut sum = LaneSum::new();
    let mut mapped = [zero::<T>(); STRETCH];
    for (x, y) in x.chunks(STRETCH).zip(y.chunks(STRETCH)) {
        let mapped = &mut mapped[..x.len()];
        for ((out, &x), &y) in mapped.iter_mut().zip(x).zip(y) {
            *out = map(x, y);
        }
        sum.add(mapped);
    }
    sum.finish()
}

/// `out = map(x)`
#[inline(always)]
fn write<T: Lane>(x: &[T], out: &mut [T], map: impl Fn(T) -> T) {
    for (out, &x) in out.iter_mut().zip(x) {
        *out = map(x);
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
pub fn softmax<T: Lane>(x: &[T], out: &mut [T]) {
    let max = max(x);
    let mut sum = LaneSum::new();
    for (x, out) in x.chunks(STRETCH).zip(out.chunks_mut(STRETCH)) {
        write(x, out, |x| (x - max).exp());
        sum.add(out);
    }
    let sum = sum.finish();
    for value in out {
        *value = *value / sum;
    }
}

/// `x → x − max − log Σ exp(x − max)`
#[inline(always)]
pub fn log_softmax<T: Lane>(x: &[T], out: &mut [T]) {
    let max = max(x);
    let log = sum_of(x, |x| (x - max).exp()).log();
    write(x, out, |x| x - max - log);
}

/// `x → log Σ exp(x)`
#[inline(always)]
pub fn log_sum_exp<T: Lane>(x: &[T]) -> T {
    let max = max(x);
    // An infinite maximum would make NaN of ∞ − ∞; without the shift the result is the infinity itself.
    let shift = T::select(max.abs() == T::INFINITY, zero(), max);
    shift + sum_of(x, |x| (x - shift).exp()).log()
}

/// `y, g → y · (g − Σ g·y)`
#[inline(always)]
pub fn softmax_gradient<T: Lane>(y: &[T], g: &[T], out: &mut [T]) {
    let sum = sum_of_two(y, g, |y, g| g * y);
    write_two(y, g, out, |y, g| y * (g - sum));
}

/// `y, g → g − exp(y) · Σ g`
#[inline(always)]
pub fn log_softmax_gradient<T: Lane>(y: &[T], g: &[T], out: &mut [T]) {
    let sum = sum(g);
    write_two(y, g, out, |y, g| g - y.exp() * sum);
}

/// `x → (x − mean) · r`, and `[mean, r]`
#[inline(always)]
pub fn layer_norm<T: Lane>(x: &[T], epsilon: f64, out: &mut [T]) -> [T; 2] {
    let count = T::constant(x.len() as f64);
    let mean = sum(x) / count;
    let variance = sum_of(x, |x| (x - mean) * (x - mean)) / count;
    let scale = T::constant(1.0) / (variance + T::constant(epsilon)).sqrt();
    write(x, out, |x| (x - mean) * scale);
    [mean, scale]
}

/// `x, m, r, g → r · (g − mean(g) − n · mean(g·n))` with `n = (x − m) · r`
#[inline(always)]
pub fn layer_norm_gradient<T: Lane>(x: &[T], mean: T, scale: T, g: &[T], out: &mut [T]) {
    let count = T::constant(x.len() as f64);
    let mean_gradient = sum(g) / count;
    let mean_product = sum_of_two(x, g, |x, g| g * ((x - mean) * scale)) / count;
    write_two(x, g, out, |x, g| scale * (g - mean_gradient - (x - mean) * scale * mean_product));
}

/// `x, w, b → (x − mean) · r · w + b`, and `[mean, r]`
#[inline(always)]
pub fn affine_layer_norm<T: Lane>(x: &[T], weight: &[T], bias: &[T], epsilon: f64, out: &mut [T]) -> [T; 2] {
    let count = T::constant(x.len() as f64);
    let mean = sum(x) / count;
    let variance = sum_of(x, |x| (x - mean) * (x - mean)) / count;
    let scale = T::constant(1.0) / (variance + T::constant(epsilon)).sqrt();
    for (((out, &x), &weight), &bias) in out.iter_mut().zip(x).zip(weight).zip(bias) {
        *out = (x - mean) * scale * weight + bias;
    }
    [mean, scale]
}

/// `x, m, r, w, g → r · (h − mean(h) − n · mean(h·n))` with `n = (x − m) · r` and `h = g · w`; adds `g·n` and `g` to
/// `sums`.
#[inline(always)]
pub fn affine_layer_norm_gradient<T: Lane>(
    [x, weight, g]: [&[T]; 3],
    [mean, scale]: [T; 2],
    out: &mut [T],
    sums: [&mut [T]; 2],
) {
    let count = T::constant(x.len() as f64);
    let (mut sum, mut sum_of_products) = (LaneSum::new(), LaneSum::new());
    let mut weighted = [zero::<T>(); STRETCH];
    let mut products = [zero::<T>(); STRETCH];
    let [of_weight, of_bias] = sums;
    let stretches = x.chunks(STRETCH).zip(weight.chunks(STRETCH)).zip(g.chunks(STRETCH));
    let targets = of_weight.chunks_mut(STRETCH).zip(of_bias.chunks_mut(STRETCH));
    for (((x, weight), g), (of_weight, of_bias)) in stretches.zip(targets) {
        let (weighted, products) = (&mut weighted[..x.len()], &mut products[..x.len()]);
        write_two(g, weight, weighted, |g, weight| g * weight);
        for ((product, &x), &weighted) in products.iter_mut().zip(x).zip(&*weighted) {
            *product = weighted * ((x - mean) * scale);
        }
        for ((sum, &x), &g) in of_weight.iter_mut().zip(x).zip(g) {
            *sum = *sum + g * ((x - mean) * scale);
        }
        for (sum, &g) in of_bias.iter_mut().zip(g) {
            *sum = *sum + g;
        }
        sum.add(weighted);
        sum_of_products.add(products);
    }
    let (mean_gradient, mean_product) = (sum.finish() / count, sum_of_products.finish() / count);
    for (((out, &x), &weight), &g) in out.iter_mut().zip(x).zip(weight).zip(g) {
        *out = scale * (g * weight - mean_gradient - (x - mean) * scale * mean_product);
    }
}

/// `x → x · r`, and `r`
#[inline(always)]
pub fn rms_norm<T: Lane>(x: &[T], epsilon: f64, out: &mut [T]) -> T {
    let count = T::constant(x.len() as f64);
    let mean_square = sum_of(x, |x| x * x) / count;
    let scale = T::constant(1.0) / (mean_square + T::constant(epsilon)).sqrt();
    write(x, out, |x| x * scale);
    scale
}

/// `x, r, g → r · (g − n · mean(g·n))` with `n = x · r`
#[inline(always)]
pub fn rms_norm_gradient<T: Lane>(x: &[T], scale: T, g: &[T], out: &mut [T]) {
    let count = T::constant(x.len() as f64);
    let mean_product = sum_of_two(x, g, |x, g| g * (x * scale)) / count;
    write_two(x, g, out, |x, g| scale * (g - x * scale * mean_product));
}

/// The target where it lies within the row.
#[inline(always)]
fn target_within(target: i64, length: usize) -> Option<usize> {
    usize::try_from(target).ok().filter(|&target| target < length)
}

/// `x, t → [log Σ exp(x) − x[t], log Σ exp(x)]`; 0 first where the target lies outside.
#[inline(always)]
pub fn cross_entropy<T: Lane>(x: &[T], target: i64) -> [T; 2] {
    let log = log_sum_exp(x);
    match target_within(target, x.len()) {
        Some(target) => [log - x[target], log],
        None => [zero(), log],
    }
}

/// `x, t, l, g → g · (exp(x − l) − [i = t])`; zeros where the target lies outside.
#[inline(always)]
pub fn cross_entropy_gradient<T: Lane>(x: &[T], target: i64, log: T, gradient: T, out: &mut [T]) {
    match target_within(target, x.len()) {
        Some(target) => {
            write(x, out, |x| gradient * (x - log).exp());
            out[target] = gradient * ((x[target] - log).exp() - T::constant(1.0));
        }
        None => out.fill(zero()),
    }
}
