//! The accuracy of `f64` lanes: against values with 30 digits from mpmath (`lanes_float64.py` writes them), and in
//! bulk against the `libm` crate, whose own errors below 1 ULP are added to the bound.

use tenfold_ir::lanes::Lane;

/// One ULP of `value`.
fn unit(value: f64) -> f64 {
    let bits = value.abs().max(f64::MIN_POSITIVE).to_bits() & 0x7ff0_0000_0000_0000;
    f64::from_bits(bits) * f64::EPSILON
}

/// The function, its bound in ULP, and an absolute bound near its zeros.
fn function(name: &str) -> (fn(f64) -> f64, f64, f64) {
    match name {
        "exp" => (Lane::exp, 1.1, 0.0),
        "exp2" => (Lane::exp2, 1.1, 0.0),
        "expm1" => (Lane::expm1, 1.5, 0.0),
        "log" => (Lane::log, 1.0, 0.0),
        "log2" => (Lane::log2, 1.0, 0.0),
        "log10" => (Lane::log10, 1.0, 0.0),
        "log1p" => (Lane::log1p, 1.0, 0.0),
        "sinh" => (Lane::sinh, 2.0, 0.0),
        "cosh" => (Lane::cosh, 1.5, 0.0),
        "tanh" => (Lane::tanh, 2.5, 0.0),
        "asinh" => (Lane::asinh, 2.5, 0.0),
        "acosh" => (Lane::acosh, 2.5, 0.0),
        "atanh" => (Lane::atanh, 2.5, 0.0),
        "sigmoid" => (Lane::sigmoid, 2.5, 0.0),
        "erfinv" => (Lane::erfinv, 4.0, 0.0),
        "digamma" => (Lane::digamma, 4.0, 2e-15),
        "trigamma" => (Lane::trigamma, 4.0, 0.0),
        "i0" => (Lane::i0, 6.0, 0.0),
        "i1" => (Lane::i1, 6.0, 0.0),
        "ndtr" => (Lane::ndtr, 2.5, 0.0),
        "normal_pdf" => (Lane::normal_pdf, 2.5, 0.0),
        _ => panic!("no function {name}"),
    }
}

#[test]
fn values_agree_with_multiple_precision() {
    let mut worst: Vec<(String, f64, f64, bool)> = Vec::new();
    for line in include_str!("lanes_float64.txt").lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        let number = |index: usize| -> f64 { fields[index].parse().expect("a number") };
        let (function, bound, absolute) = function(fields[0]);
        let error = ((function(number(1)) - number(2)) - number(3)).abs();
        let ulps = error / unit(number(2));
        let bad = !(ulps <= bound || error <= absolute);
        match worst.iter_mut().find(|entry| entry.0 == fields[0]) {
            Some(entry) if ulps <= entry.1 && !bad => {}
            Some(entry) => *entry = (entry.0.clone(), ulps, number(1), entry.3 || bad),
            None => worst.push((fields[0].to_owned(), ulps, number(1), bad)),
        }
    }
    for (name, ulps, x, _) in &worst {
        println!("{name}: {ulps:.3} ULP at {x:e}");
    }
    assert!(!worst.iter().any(|entry| entry.3), "over the bound: {worst:?}");
}

#[test]
fn values_agree_with_libm() {
    type Function = fn(f64) -> f64;
    let functions: [(&str, Function); 13] = [
        ("exp", libm::exp),
        ("exp2", libm::exp2),
        ("expm1", libm::expm1),
        ("log", libm::log),
        ("log2", libm::log2),
        ("log10", libm::log10),
        ("log1p", libm::log1p),
        ("sinh", libm::sinh),
        ("cosh", libm::cosh),
        ("tanh", libm::tanh),
        ("asinh", libm::asinh),
        ("acosh", |x| if x < 1.0 { f64::NAN } else { libm::acosh(x) }),
        ("atanh", libm::atanh),
    ];
    let mut state = 3u64;
    let mut sample: Vec<f64> = (0..60_000u64)
        .map(|index| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            // All patterns, then exponents around 1.
            let pattern = if index % 2 == 0 { state } else { (state >> 12) | ((state & 0x80f) << 52) };
            let shifted = if index % 2 == 0 { pattern } else { pattern.wrapping_add(0x3f70 << 48) };
            f64::from_bits(shifted)
        })
        .collect();
    let edges = [0.0, f64::MIN_POSITIVE, 1.0, 2.0, 709.78, 710.47, 745.13, 1024.0, 1074.0, 1075.0, f64::MAX];
    for edge in edges {
        for offset in -20i64..=20 {
            let near = f64::from_bits(f64::to_bits(edge).saturating_add_signed(offset));
            sample.extend([near, -near]);
        }
    }
    sample.extend([f64::INFINITY, -f64::INFINITY, f64::NAN]);
    for (name, reference) in functions {
        let (function, bound, _) = function(name);
        let mut worst = (0.0, 0.0);
        for &x in &sample {
            let (got, want) = (function(x), reference(x));
            let same = got == want && got.is_sign_negative() == want.is_sign_negative();
            let edge =
                got.abs() == f64::MAX && want.is_infinite() || got.is_infinite() && want.abs() == f64::MAX;
            if same || edge || got.is_nan() && want.is_nan() {
                continue;
            }
            let error = (got - want).abs() / unit(want);
            if error.is_nan() || error > worst.0 {
                worst = (error, x);
            }
        }
        println!("{name}: {:.2} ULP from libm at {:e}", worst.0, worst.1);
        assert!(worst.0 <= bound + 1.5, "{name}({:e}) is {} ULP from libm", worst.1, worst.0);
    }
}

#[test]
fn special_values() {
    let (infinity, nan) = (f64::INFINITY, f64::NAN);
    assert_eq!(Lane::exp(-infinity), 0.0);
    assert_eq!(Lane::sigmoid(infinity), 1.0);
    assert_eq!(Lane::sigmoid(-infinity), 0.0);
    assert_eq!(Lane::digamma(0.0), -infinity);
    assert_eq!(Lane::digamma(-0.0), infinity);
    assert!(Lane::digamma(-3.0).is_nan());
    assert_eq!(Lane::trigamma(-3.0), infinity);
    assert_eq!(Lane::erfinv(1.0), infinity);
    assert_eq!(Lane::erfinv(-1.0), -infinity);
    assert!(Lane::erfinv(1.5).is_nan());
    assert_eq!(Lane::i0(-infinity), infinity);
    assert_eq!(Lane::i1(-infinity), -infinity);
    let functions: [fn(f64) -> f64; 8] = [
        Lane::exp,
        Lane::log,
        Lane::tanh,
        Lane::sigmoid,
        Lane::erfinv,
        Lane::digamma,
        Lane::trigamma,
        Lane::i0,
    ];
    for function in functions {
        assert!(function(nan).is_nan());
    }
}

#[test]
fn nextafter_is_exact() {
    let values =
        [0.0, -0.0, f64::MIN_POSITIVE, -1.0, 1.0, 1.5, f64::MAX, -f64::MAX, f64::INFINITY, -f64::INFINITY];
    for x in values {
        for towards in values {
            assert_eq!(Lane::nextafter(x, towards).to_bits(), libm::nextafter(x, towards).to_bits());
        }
        assert!(Lane::nextafter(x, f64::NAN).is_nan() && Lane::nextafter(f64::NAN, x).is_nan());
    }
}
