//! The accuracy of `f32` lanes over a stratified sample of bit patterns, against double precision.
//!
//! The reference is the `libm` crate, or the scalar `f64` lanes where it lacks the function: both compute with
//! other methods than the `f32` lanes.

use tenfold_ir::lanes::Lane;

/// Every 32,768th pattern, displaced pseudo-randomly, and the neighbourhood of values where methods change.
fn sample() -> Vec<f32> {
    let mut state = 1u32;
    let mut values: Vec<f32> = (0..1u32 << 17)
        .map(|index| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            f32::from_bits((index << 15) | (state >> 17))
        })
        .collect();
    let edges = [
        0.0,
        f32::MIN_POSITIVE,
        1e-8,
        0.25,
        0.346,
        0.5,
        0.693,
        0.707,
        0.785,
        1.0,
        1.414,
        1.4616,
        1.57,
        2.0,
        std::f32::consts::PI,
        4.0,
        8.0,
        9.0,
        10.05,
        11.0,
        12.949952,
        13.14668,
        17.3,
        18.0,
        36.04,
        87.33,
        88.722,
        89.4,
        103.97,
        104.0,
        126.0,
        128.0,
        149.0,
        150.0,
        1.07e9,
        1.7e7,
        8388608.0,
        f32::MAX,
        f32::INFINITY,
    ];
    for edge in edges {
        for offset in -40i32..=40 {
            let near = f32::from_bits(edge.to_bits().saturating_add_signed(offset));
            values.extend([near, -near]);
        }
    }
    // Uniform values where most functions are curved.
    values.extend((-20_000..20_000).map(|i| i as f32 * 6.1e-4));
    values
}

/// |got − exact| in units of the last place of `exact` rounded to f32.
fn ulps(got: f32, exact: f64) -> f64 {
    let rounded = exact as f32;
    if got.is_nan() || rounded.is_nan() || got.is_infinite() || rounded.is_infinite() {
        return if got.is_nan() && rounded.is_nan() || got == rounded {
            0.0
        } else if rounded.is_infinite() && got.abs() == f32::MAX
            || got.is_infinite() && rounded.abs() == f32::MAX
        {
            1.0
        } else {
            f64::INFINITY
        };
    }
    let unit = f64::from(rounded.abs().max(f32::MIN_POSITIVE).log2().floor() as i32 - 23).exp2();
    (f64::from(got) - exact).abs() / unit
}

/// Asserts `bound` ULP or, near zeros of the function, `absolute`.
fn check(name: &str, bound: f64, absolute: f64, function: fn(f32) -> f32, exact: fn(f64) -> f64) {
    let mut worst = (0.0, 0.0);
    for x in sample() {
        let (got, want) = (function(x), exact(f64::from(x)));
        let error = ulps(got, want);
        if error > worst.0 && ((f64::from(got) - want).abs() > absolute || got.is_nan() || want.is_nan()) {
            worst = (error, x);
        }
        if want == 0.0 && !got.is_nan() {
            assert_eq!(
                got.is_sign_negative(),
                want.is_sign_negative(),
                "{name}({x:e}) has the wrong sign of 0"
            );
        }
    }
    println!("{name}: {:.3} ULP at {:e}", worst.0, worst.1);
    assert!(worst.0 <= bound, "{name}({:e}) is off by {} ULP", worst.1, worst.0);
}

fn logistic(x: f64) -> f64 {
    let decay = libm::exp(-x.abs());
    if x < 0.0 { decay / (1.0 + decay) } else { 1.0 / (1.0 + decay) }
}

/// Where a subnormal result is 0 instead.
fn normal_or_zero(x: f64) -> f64 {
    if x < f64::from(f32::MIN_POSITIVE) { 0.0 } else { x }
}

macro_rules! accuracy {
    ($($name:ident: $bound:expr, $absolute:expr, $exact:expr;)*) => {
        $(
            #[test]
            fn $name() {
                check(stringify!($name), $bound, $absolute, Lane::$name, $exact);
            }
        )*
    };
}

accuracy! {
    exp: 1.1, 0.0, libm::exp;
    exp2: 1.0, 0.0, libm::exp2;
    expm1: 1.5, 0.0, libm::expm1;
    log: 1.0, 0.0, libm::log;
    log2: 1.0, 0.0, libm::log2;
    log10: 1.0, 0.0, libm::log10;
    log1p: 1.0, 0.0, libm::log1p;
    cbrt: 0.6, 0.0, libm::cbrt;
    sin: 0.6, 0.0, libm::sin;
    cos: 0.6, 0.0, libm::cos;
    tan: 0.6, 0.0, libm::tan;
    asin: 0.6, 0.0, libm::asin;
    acos: 0.6, 0.0, libm::acos;
    atan: 0.6, 0.0, libm::atan;
    sinh: 2.0, 0.0, libm::sinh;
    cosh: 1.5, 0.0, libm::cosh;
    tanh: 2.5, 0.0, libm::tanh;
    asinh: 2.5, 0.0, libm::asinh;
    acosh: 2.5, 0.0, |x| if x < 1.0 { f64::NAN } else { libm::acosh(x) };
    atanh: 2.5, 0.0, libm::atanh;
    sigmoid: 2.5, 0.0, logistic;
    erf: 1.5, 0.0, libm::erf;
    erfc: 3.6, 0.0, libm::erfc;
    ndtr: 3.6, 0.0, |x| normal_or_zero(0.5 * libm::erfc(-x * std::f64::consts::FRAC_1_SQRT_2));
    normal_pdf: 1.4, 0.0, |x| normal_or_zero(libm::exp(-0.5 * x * x) * (1.0 / std::f64::consts::TAU.sqrt()));
    erfinv: 0.6, 0.0, Lane::erfinv;
    lgamma: 0.6, 1e-14, libm::lgamma;
    digamma: 0.6, 1e-14, Lane::digamma;
    trigamma: 0.6, 0.0, Lane::trigamma;
    i0: 0.6, 0.0, Lane::i0;
    i1: 0.6, 0.0, Lane::i1;
}

/// Pairs of special and ordinary values.
fn pairs() -> impl Iterator<Item = (f32, f32)> {
    let special = [
        0.0,
        1e-45,
        1e-38,
        1e-20,
        0.3,
        0.5,
        1.0 - f32::EPSILON / 2.0,
        1.0,
        1.0 + f32::EPSILON,
        1.5,
        2.0,
        3.0,
        3.5,
        17.0,
        127.0,
        128.0,
        1e4,
        16777215.0,
        1e20,
        f32::MAX,
        f32::INFINITY,
        f32::NAN,
    ];
    let signed: Vec<f32> = special.into_iter().flat_map(|x| [x, -x]).collect();
    let grid = signed.clone().into_iter().flat_map(move |x| signed.clone().into_iter().map(move |y| (x, y)));
    let mut state = 7u64;
    grid.chain((0..200_000).map(move |index| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (x, y) = ((state >> 32) as u32, (state >> 8) as u32);
        if index % 2 == 0 {
            (f32::from_bits(x), f32::from_bits(y))
        } else {
            (x as f32 * 1e-8, (y as i32) as f32 * 1e-8)
        }
    }))
}

fn check_pairs(name: &str, bound: f64, function: fn(f32, f32) -> f32, exact: fn(f64, f64) -> f64) {
    for (x, y) in pairs() {
        let (got, want) = (function(x, y), exact(f64::from(x), f64::from(y)));
        let error = ulps(got, want);
        assert!(error <= bound, "{name}({x:e}, {y:e}) = {got:e}, want {want:e}: {error} ULP");
        if want == 0.0 {
            assert_eq!(got.is_sign_negative(), want.is_sign_negative(), "{name}({x:e}, {y:e}): sign of 0");
        }
    }
}

#[test]
fn pow() {
    check_pairs("pow", 0.6, Lane::pow, libm::pow);
}

#[test]
fn atan2() {
    check_pairs("atan2", 0.6, Lane::atan2, libm::atan2);
}

#[test]
fn hypot() {
    check_pairs("hypot", 0.6, Lane::hypot, libm::hypot);
}

#[test]
fn nextafter_and_fmod_are_exact() {
    for (x, y) in pairs() {
        let next = Lane::nextafter(x, y);
        assert!(
            next.to_bits() == libm::nextafterf(x, y).to_bits() || next.is_nan() && (x.is_nan() || y.is_nan())
        );
        let rest = Lane::fmod(x, y);
        let want = libm::fmodf(x, y);
        assert!(rest.to_bits() == want.to_bits() || rest.is_nan() && want.is_nan(), "fmod({x:e}, {y:e})");
    }
}

#[test]
fn exact_arguments_give_exact_results() {
    for n in -149..128 {
        let power = Lane::exp2(n as f32);
        assert_eq!(f64::from(power), libm::exp2(f64::from(n)));
        assert_eq!(Lane::log2(power), n as f32);
    }
    for n in 0..11 {
        assert_eq!(Lane::log10(10f32.powi(n)), n as f32);
    }
}

#[test]
fn the_exponential_of_a_decay_has_the_bits_of_exp() {
    for x in sample().into_iter().filter(|x| x.is_nan() || *x <= 40.0) {
        let (decay, exp) = (Lane::exp_decay(x), Lane::exp(x));
        assert!(decay.to_bits() == exp.to_bits() || decay.is_nan() && exp.is_nan(), "exp({x:e})");
    }
}
