//! Exact functions against values from mpmath, and their special values.

use tenfold_ir::exact::DoubleDouble;
use tenfold_ir::lanes::Lane;
use tenfold_ir::lanes::complex::Complex;
use tenfold_ir::operations::body;
use tenfold_ir::{bf16, f16};

type Unary = fn(DoubleDouble) -> DoubleDouble;
type Binary = fn(DoubleDouble, DoubleDouble) -> DoubleDouble;

fn unary(name: &str) -> Option<Unary> {
    Some(match name.trim_end_matches("_absolute") {
        "sqrt" => Lane::sqrt,
        "cbrt" => Lane::cbrt,
        "exp" => Lane::exp,
        "exp2" => Lane::exp2,
        "expm1" => Lane::expm1,
        "log" => Lane::log,
        "log2" => Lane::log2,
        "log10" => Lane::log10,
        "log1p" => Lane::log1p,
        "sin" => Lane::sin,
        "cos" => Lane::cos,
        "tan" => Lane::tan,
        "asin" => Lane::asin,
        "acos" => Lane::acos,
        "atan" => Lane::atan,
        "sinh" => Lane::sinh,
        "cosh" => Lane::cosh,
        "tanh" => Lane::tanh,
        "asinh" => Lane::asinh,
        "acosh" => Lane::acosh,
        "atanh" => Lane::atanh,
        "sigmoid" => Lane::sigmoid,
        "erf" => Lane::erf,
        "erfc" => Lane::erfc,
        "ndtr" => Lane::ndtr,
        "normal_pdf" => Lane::normal_pdf,
        "erfinv" => Lane::erfinv,
        "lgamma" => Lane::lgamma,
        "digamma" => Lane::digamma,
        "trigamma" => Lane::trigamma,
        "i0" => Lane::i0,
        "i1" => Lane::i1,
        _ => return None,
    })
}

fn binary(name: &str) -> Binary {
    match name {
        "pow" => Lane::pow,
        "atan2" => Lane::atan2,
        "hypot" => Lane::hypot,
        "fmod" => Lane::fmod,
        "divide" => |x, y| x / y,
        "multiply" => |x, y| x * y,
        other => panic!("no function {other}"),
    }
}

fn number(value: f64) -> DoubleDouble {
    DoubleDouble::from(value)
}

/// The largest relative error that a function of the table may have: 28 digits, fewer where a difference of large
/// terms is what the function is.
fn tolerance(name: &str) -> f64 {
    match name {
        "erfc" | "ndtr" => 1e-25,
        "multiply" | "divide" | "sqrt" | "cbrt" | "hypot" => 1e-31,
        "fmod" => 0.0,
        _ => 1e-28,
    }
}

#[test]
fn functions_agree_with_a_table_of_high_precision() {
    let mut failures = Vec::new();
    for line in include_str!("exact_values.txt").lines() {
        let mut fields = line.split(' ');
        let name = fields.next().unwrap();
        let values: Vec<f64> = fields.map(|field| field.parse().unwrap()).collect();
        let arguments = &values[..values.len() - 2];
        let (high, low) = (values[values.len() - 2], values[values.len() - 1]);
        let result = match unary(name) {
            Some(function) => function(number(arguments[0])),
            None => binary(name)(number(arguments[0]), number(arguments[1])),
        };
        let difference = ((result.hi() - high) + (result.lo() - low)).abs();
        let scale = if name.ends_with("_absolute") { high.abs().max(1.0) } else { high.abs() };
        // Below 1e-290 the second part is subnormal.
        let enough = difference <= tolerance(name) * scale || (high.abs() < 1e-285 && result.hi() == high);
        if !enough {
            failures.push(format!(
                "{line}: {:e} {:e}, error {:e}",
                result.hi(),
                result.lo(),
                difference / scale
            ));
        }
    }
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}

/// Equal as floats that know the sign of zero; all NaN are one.
fn same(a: f64, b: f64) -> bool {
    (a.is_nan() && b.is_nan()) || a.to_bits() == b.to_bits()
}

#[test]
fn special_values_follow_annex_f() {
    let (inf, nan, pi) = (f64::INFINITY, f64::NAN, std::f64::consts::PI);
    let unary_cases: &[(&str, f64, f64)] = &[
        ("sqrt", -0.0, -0.0),
        ("sqrt", -1.0, nan),
        ("sqrt", inf, inf),
        ("cbrt", -0.0, -0.0),
        ("cbrt", -inf, -inf),
        ("exp", -0.0, 1.0),
        ("exp", -inf, 0.0),
        ("exp", inf, inf),
        ("exp", 710.0, inf),
        ("exp", -746.0, 0.0),
        ("exp", -745.0, 5e-324),
        ("exp", 1e300, inf),
        ("exp", nan, nan),
        ("exp2", 3.0, 8.0),
        ("exp2", 1024.0, inf),
        ("exp2", -1074.0, 5e-324),
        ("exp2", -inf, 0.0),
        ("expm1", -0.0, -0.0),
        ("expm1", -inf, -1.0),
        ("expm1", inf, inf),
        ("log", -0.0, -inf),
        ("log", 0.0, -inf),
        ("log", -1.0, nan),
        ("log", inf, inf),
        ("log", 1.0, 0.0),
        ("log2", 8.0, 3.0),
        ("log2", 5e-324, -1074.0),
        ("log10", 1e15, 15.0),
        ("log1p", -0.0, -0.0),
        ("log1p", -1.0, -inf),
        ("log1p", -2.0, nan),
        ("log1p", inf, inf),
        ("sin", -0.0, -0.0),
        ("sin", inf, nan),
        ("cos", 0.0, 1.0),
        ("cos", -inf, nan),
        ("tan", -0.0, -0.0),
        ("tan", inf, nan),
        ("asin", -0.0, -0.0),
        ("asin", 1.5, nan),
        ("asin", 1.0, pi / 2.0),
        ("acos", 1.0, 0.0),
        ("acos", -1.0, pi),
        ("acos", -1.5, nan),
        ("atan", -0.0, -0.0),
        ("atan", -inf, -pi / 2.0),
        ("sinh", -0.0, -0.0),
        ("sinh", -inf, -inf),
        ("sinh", 711.0, inf),
        ("cosh", -inf, inf),
        ("cosh", 0.0, 1.0),
        ("tanh", -0.0, -0.0),
        ("tanh", inf, 1.0),
        ("tanh", -inf, -1.0),
        ("asinh", -0.0, -0.0),
        ("asinh", -inf, -inf),
        ("acosh", 1.0, 0.0),
        ("acosh", 0.5, nan),
        ("acosh", inf, inf),
        ("atanh", -0.0, -0.0),
        ("atanh", 1.0, inf),
        ("atanh", -1.0, -inf),
        ("atanh", 1.5, nan),
        ("sigmoid", -inf, 0.0),
        ("sigmoid", inf, 1.0),
        ("sigmoid", 0.0, 0.5),
        ("erf", -0.0, -0.0),
        ("erf", inf, 1.0),
        ("erf", -inf, -1.0),
        ("erfc", inf, 0.0),
        ("erfc", -inf, 2.0),
        ("erfinv", -0.0, -0.0),
        ("erfinv", 1.0, inf),
        ("erfinv", -1.0, -inf),
        ("erfinv", 1.5, nan),
        ("lgamma", 1.0, 0.0),
        ("lgamma", 2.0, 0.0),
        ("lgamma", 0.0, inf),
        ("lgamma", -3.0, inf),
        ("lgamma", -inf, inf),
        ("lgamma", inf, inf),
        ("lgamma", 1e306, inf),
        ("digamma", 0.0, -inf),
        ("digamma", -0.0, inf),
        ("digamma", -1.0, nan),
        ("digamma", inf, inf),
        ("trigamma", 0.0, inf),
        ("trigamma", -2.0, inf),
        ("trigamma", inf, 0.0),
        ("i0", 0.0, 1.0),
        ("i0", -inf, inf),
        ("i1", -0.0, -0.0),
        ("i1", -inf, -inf),
    ];
    for &(name, x, expected) in unary_cases {
        let result = unary(name).unwrap()(number(x)).to_f64();
        assert!(same(result, expected), "{name}({x}) = {result}, not {expected}");
        assert!(unary(name).unwrap()(number(nan)).is_nan(), "{name}(NaN)");
    }
    let binary_cases: &[(&str, f64, f64, f64)] = &[
        ("pow", nan, 0.0, 1.0),
        ("pow", 1.0, nan, 1.0),
        ("pow", -1.0, inf, 1.0),
        ("pow", 0.5, inf, 0.0),
        ("pow", 0.5, -inf, inf),
        ("pow", -0.0, 3.0, -0.0),
        ("pow", -0.0, 2.0, 0.0),
        ("pow", -0.0, -3.0, -inf),
        ("pow", 0.0, -0.5, inf),
        ("pow", -inf, 3.0, -inf),
        ("pow", -inf, -3.0, -0.0),
        ("pow", -inf, 2.5, inf),
        ("pow", -2.0, 0.5, nan),
        ("pow", -2.0, 3.0, -8.0),
        ("pow", 2.0, 1024.0, inf),
        ("pow", 2.0, -1074.0, 5e-324),
        ("pow", 10.0, 400.0, inf),
        ("pow", 1e300, 1e300, inf),
        ("pow", nan, 1.0, nan),
        ("atan2", 0.0, -0.0, pi),
        ("atan2", -0.0, -1.0, -pi),
        ("atan2", -0.0, 1.0, -0.0),
        ("atan2", 1.0, 0.0, pi / 2.0),
        ("atan2", inf, -inf, 0.75 * pi),
        ("atan2", -inf, inf, -pi / 4.0),
        ("atan2", -1.0, inf, -0.0),
        ("atan2", 1.0, -inf, pi),
        ("hypot", -inf, nan, inf),
        ("hypot", nan, 1.0, nan),
        ("hypot", 3.0, -4.0, 5.0),
        ("fmod", -0.0, 1.0, -0.0),
        ("fmod", 5.5, -2.0, 1.5),
        ("fmod", -5.5, 2.0, -1.5),
        ("fmod", 1.0, 0.0, nan),
        ("fmod", inf, 1.0, nan),
        ("fmod", 1.0, -inf, 1.0),
        ("divide", 1.0, -0.0, -inf),
        ("divide", 0.0, 0.0, nan),
        ("divide", 1.0, -inf, -0.0),
        ("divide", 5e-324, 2e-323, 0.25),
        ("multiply", -0.0, 2.0, -0.0),
        ("multiply", inf, 0.0, nan),
        ("multiply", 1e200, 1e200, inf),
    ];
    for &(name, x, y, expected) in binary_cases {
        let result = binary(name)(number(x), number(y)).to_f64();
        assert!(same(result, expected), "{name}({x}, {y}) = {result}, not {expected}");
    }
    assert!(same((number(-0.0) + number(-0.0)).to_f64(), -0.0));
    assert!(same((number(1.5) - number(1.5)).to_f64(), 0.0));
    assert!((number(inf) - number(inf)).is_nan());
}

#[test]
fn products_and_quotients_are_correctly_rounded() {
    // Among them subnormal results and overflow: f64 itself is the oracle for f64 operands.
    let mut state = 1u64;
    for _ in 0..20_000 {
        let mut draw = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            f64::from_bits(state ^ (state >> 29))
        };
        let (x, y) = (draw(), draw());
        let (a, b) = (number(x), number(y));
        assert!(same((a * b).to_f64(), x * y), "{x:e} * {y:e}");
        assert!(same((a / b).to_f64(), x / y), "{x:e} / {y:e}");
        assert!(same((a + b).to_f64(), x + y), "{x:e} + {y:e}");
        assert!(same(a.sqrt().to_f64(), x.sqrt()), "sqrt({x:e})");
        assert!(same(a.fmod(b).to_f64(), x % y), "fmod({x:e}, {y:e})");
    }
}

#[test]
fn rounding_looks_at_both_parts() {
    let sum = |high: f64, low: f64| number(high) + number(low);
    assert_eq!(sum(3.0, -1e-20).floor().to_f64(), 2.0);
    assert_eq!(sum(3.0, 1e-20).ceil().to_f64(), 4.0);
    assert_eq!(sum(-3.0, 1e-20).trunc().to_f64(), -2.0);
    assert_eq!(sum(2.5, 1e-20).round().to_f64(), 3.0);
    assert_eq!(sum(2.5, 0.0).round().to_f64(), 2.0);
    assert_eq!(sum(3.5, -1e-20).round().to_f64(), 3.0);
    // 2^53 + 1 + 1/2 lies between an odd and an even number.
    let half = sum(9_007_199_254_740_992.0, 1.5).round();
    assert_eq!((half.hi() - 9_007_199_254_740_992.0) + half.lo(), 2.0);
    assert!(number(-0.3).round().sign_bit());
}

#[test]
fn narrow_formats_are_rounded_once() {
    let sum = |high: f64, low: f64| number(high) + number(low);
    // Halfway between 1 and the next f32, but for the second part.
    let half = 1.0 + f64::from(f32::EPSILON) / 2.0;
    assert_eq!(sum(half, 0.0).to_f32(), 1.0);
    assert_eq!(sum(half, 1e-30).to_f32(), 1.0 + f32::EPSILON);
    assert_eq!(sum(half, -1e-30).to_f32(), 1.0);
    // The same for f16 through f32: 1 + 2^-11 + 2^-40 is 1 + 2^-11 in f32, a tie in f16.
    assert_eq!(number(1.0 + 2f64.powi(-11) + 2f64.powi(-40)).to_f16(), f16::from_f32(1.0 + 2f32.powi(-10)));
    assert_eq!(sum(1.0 + 2f64.powi(-11), -1e-30).to_f16(), f16::ONE);
    assert_eq!(number(1.0 + 2f64.powi(-8) + 2f64.powi(-40)).to_bf16(), bf16::from_f32(1.0 + 2f32.powi(-7)));
    assert_eq!(number(65519.999999).to_f16(), f16::MAX);
    assert_eq!(number(65520.0).to_f16(), f16::INFINITY);
    assert_eq!(number(1e300).to_bf16(), bf16::INFINITY);
    assert_eq!(number(-1e300).to_f16(), f16::NEG_INFINITY);
    assert!(number(f64::NAN).to_f16().is_nan());
    assert_eq!(number(-1e-300).to_f16().to_bits(), 0x8000);
    // Just above half of the smallest subnormal of f16.
    assert_eq!(sum(2f64.powi(-25), 1e-40).to_f16().to_bits(), 1);
    assert_eq!(number(2f64.powi(-25)).to_f16().to_bits(), 0);
}

#[test]
fn constants_of_bodies_are_exact() {
    let pi: DoubleDouble = Lane::constant(std::f64::consts::PI);
    assert!(pi.sin().abs().to_f64() < 1e-31);
    let ln_2: DoubleDouble = Lane::constant(-std::f64::consts::LN_2);
    assert!(((ln_2.exp() - number(0.5)).to_f64()).abs() < 1e-31);
    assert_eq!(<DoubleDouble as Lane>::constant(0.1), number(0.1));
}

#[test]
fn small_whole_powers_are_exact_where_they_fit() {
    // A square of 53 bits has up to 106: a tie of f64 would go astray with any error.
    let x = 1.0 + f64::EPSILON * 3.0;
    let square = number(x).pow(number(2.0));
    assert_eq!((square.hi(), square.lo()), (x * x, x.mul_add(x, -(x * x))));
    assert_eq!(number(3.0).pow(number(5.0)), number(243.0));
}

#[test]
fn bodies_of_the_operation_table_evaluate_exactly() {
    let near = |result: DoubleDouble, high: f64, low: f64| {
        ((result.hi() - high) + (result.lo() - low)).abs() < 1e-30
    };
    // sin(π/2)/(π/2) = 2/π, and ln(e² + e) = 1 + ln(1 + e).
    let sinc = body::sinc::float(number(0.5));
    assert!(near(sinc, std::f64::consts::FRAC_2_PI, -3.935735335036497e-17));
    let sum = body::logaddexp::float(number(2.0), number(1.0));
    assert!(near(sum, 2.313261687518223, -1.9688590968725311e-16));
    let root = body::sqrt::complex(Complex::new(number(-4.0), number(0.0)));
    assert_eq!((root.re, root.im), (number(0.0), number(2.0)));
}
