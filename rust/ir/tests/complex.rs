//! Complex lanes against values from mpmath and against the special cases of the Python array API standard.

use tenfold_ir::exact::DoubleDouble;
use tenfold_ir::lanes::Lane;
use tenfold_ir::lanes::complex::Complex;

/// Defines the list of functions of one argument, and the look-up by name.
macro_rules! functions {
    ($($name:ident)*) => {
        const FUNCTIONS: &[&str] = &[$(stringify!($name)),*];

        fn unary<T: Lane>(name: &str) -> fn(Complex<T>) -> Complex<T> {
            match name {
                $(stringify!($name) => Complex::$name,)*
                other => panic!("no function {other}"),
            }
        }
    };
}

functions! {
    sqrt exp exp2 expm1 log log2 log10 log1p sin cos tan sinh cosh tanh asin acos atan asinh acosh atanh sigmoid
    reciprocal sign square
}

fn evaluate<T: Lane>(name: &str, arguments: &[Complex<T>]) -> Complex<T> {
    match (name, arguments) {
        ("divide", [x, y]) => *x / *y,
        ("multiply", [x, y]) => *x * *y,
        ("pow", [x, y]) => x.pow(*y),
        (_, [x]) => unary(name)(*x),
        _ => panic!("{name} takes another number of arguments"),
    }
}

/// What the tests ask of a lane: its numbers as the exact sum of two f64, and the size of its last place.
trait Tested: Lane {
    /// Bits of precision.
    const PRECISION: i32;
    /// The exponent of the smallest normal number.
    const LEAST_EXPONENT: i32 = -1022;
    fn parts(self) -> (f64, f64);
}

impl Tested for f32 {
    const PRECISION: i32 = 24;
    const LEAST_EXPONENT: i32 = -126;
    fn parts(self) -> (f64, f64) {
        (f64::from(self), 0.0)
    }
}

impl Tested for f64 {
    const PRECISION: i32 = 53;
    fn parts(self) -> (f64, f64) {
        (self, 0.0)
    }
}

impl Tested for DoubleDouble {
    // The functions are accurate to fewer bits than the sum of two f64 could hold.
    const PRECISION: i32 = 98;
    fn parts(self) -> (f64, f64) {
        (self.hi(), self.lo())
    }
}

/// The distance from the expected number in units in its last place.
fn error<T: Tested>(result: T, high: f64, low: f64) -> f64 {
    let (result_high, result_low) = result.parts();
    if T::constant(high.abs()) == T::INFINITY && result_high.abs() == f64::INFINITY {
        return 0.0;
    }
    let exponent = (high.abs().log2().floor() as i32).max(T::LEAST_EXPONENT);
    ((result_high - high) + (result_low - low)).abs() / 2f64.powi(exponent) * 2f64.powi(T::PRECISION - 1)
}

/// The largest error of a part in ULP: twice what was seen with real functions that err by less than one.
fn bound(name: &str) -> f64 {
    match name {
        "pow" => 12.0,
        _ => 7.0,
    }
}

fn check_table<T: Tested>() {
    let mut failures = Vec::new();
    for line in include_str!("complex_values.txt").lines() {
        let mut fields = line.split(' ');
        let name = fields.next().unwrap();
        let values: Vec<f64> = fields.map(|field| field.parse().unwrap()).collect();
        let (arguments, expected) = values.split_at(values.len() - 4);
        let arguments: Vec<Complex<T>> = arguments
            .chunks(2)
            .map(|pair| Complex::new(T::constant(pair[0]), T::constant(pair[1])))
            .collect();
        let result = evaluate(name, &arguments);
        let mut errors =
            (error(result.re, expected[0], expected[1]), error(result.im, expected[2], expected[3]));
        if name == "pow" {
            // Accurate relative to the magnitude: in units of the larger part.
            let ratio = (expected[2] / expected[0]).abs();
            errors = (errors.0 / ratio.max(1.0), errors.1 * ratio.min(1.0));
        }
        if !(errors.0 <= bound(name) && errors.1 <= bound(name)) {
            failures.push(format!(
                "{line}: {:?} {:?}, errors {errors:.1?}",
                result.re.parts(),
                result.im.parts()
            ));
        }
    }
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn single_precision_agrees_with_the_table() {
    check_table::<f32>();
}

#[test]
fn double_precision_agrees_with_the_table() {
    check_table::<f64>();
}

#[test]
fn exact_functions_agree_with_the_table() {
    check_table::<DoubleDouble>();
}

/// The special cases of the standard, as it writes them: function, argument, result. `F` stands for positive finite
/// numbers, `N` for non-zero finite ones of either sign, `X` for any finite one, `A` for anything at all; `?` before a
/// number leaves its sign open. `cis` stands for infinity, or zero, times cos(b) + sin(b) j. The results at conj(z)
/// follow by conjugation.
const SPECIAL_CASES: &str = include_str!("complex_special_cases.txt");

fn candidates(pattern: &str) -> Vec<f64> {
    let (finite, inf) = (vec![0.5, 1.0, 3.0, 80.0], f64::INFINITY);
    let both = |values: &[f64]| values.iter().flat_map(|&value| [value, -value]).collect::<Vec<_>>();
    match pattern {
        "F" => finite,
        "N" => both(&finite),
        "X" => [both(&finite), vec![0.0, -0.0]].concat(),
        "A" => [both(&finite), vec![0.0, -0.0, inf, -inf, f64::NAN]].concat(),
        "±0" => vec![0.0, -0.0],
        "±inf" => vec![inf, -inf],
        "nan" => vec![f64::NAN],
        number => vec![number.parse().unwrap()],
    }
}

/// The number that a part of a result stands for.
fn expected_part(pattern: &str, b: f64, trigonometric: fn(f64) -> f64) -> f64 {
    match pattern {
        "nan" => f64::NAN,
        "π" => std::f64::consts::PI,
        "π/2" => std::f64::consts::FRAC_PI_2,
        "π/4" => std::f64::consts::FRAC_PI_4,
        "3π/4" => 3.0 * std::f64::consts::FRAC_PI_4,
        "inf*cis" => f64::INFINITY * trigonometric(b),
        "0*cis" => 0.0 * trigonometric(b),
        "inf*cis-1" => f64::INFINITY * trigonometric(b) - 1.0,
        "0*cis-1" => -1.0,
        number => number.parse().unwrap(),
    }
}

fn check_part<T: Tested>(result: T, pattern: &str, b: f64, trigonometric: fn(f64) -> f64) -> bool {
    let (pattern, any_sign) = match pattern.strip_prefix('?') {
        Some(rest) => (rest, true),
        None => (pattern, false),
    };
    let expected = expected_part(pattern, b, trigonometric);
    let value = result.parts().0;
    if expected.is_nan() {
        return value.is_nan();
    }
    let same_sign = any_sign || value.is_sign_negative() == expected.is_sign_negative();
    // The expected multiples of π have 53 bits; the exact functions give more, of which `value` is the first 53.
    let near = value.abs() == expected.abs()
        || (T::PRECISION <= 53 && error(result.abs(), expected.abs(), 0.0) <= 1.0);
    near && same_sign
}

fn check_special_cases<T: Tested>() {
    let mut failures = Vec::new();
    for line in SPECIAL_CASES.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [name, re, im, expected_re, expected_im] = fields[..] else { panic!("a line of five: {line}") };
        for a in candidates(re) {
            for b in candidates(im) {
                let argument = Complex::new(T::constant(a), T::constant(b));
                // At conj(z) the result is the conjugate (the sign of a NaN's part says nothing).
                for result in [evaluate(name, &[argument]), evaluate(name, &[argument.conj()]).conj()] {
                    let good = check_part(result.re, expected_re, b, f64::cos)
                        && check_part(result.im, expected_im, b, f64::sin);
                    if !good {
                        failures.push(format!(
                            "{line}: ({a}, {b}) gave {:?} {:?}",
                            result.re.parts(),
                            result.im.parts()
                        ));
                    }
                }
            }
        }
    }
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn special_cases_are_those_of_the_standard() {
    check_special_cases::<f32>();
    check_special_cases::<f64>();
    check_special_cases::<DoubleDouble>();
}

/// The points of the special cases, of both signs.
fn special_points() -> Vec<Complex<f64>> {
    let parts = [0.0, -0.0, 0.5, -3.0, f64::INFINITY, -f64::INFINITY, f64::NAN];
    parts.iter().flat_map(|&re| parts.map(|im| Complex::new(re, im))).collect()
}

fn same(x: Complex<f64>, y: Complex<f64>) -> bool {
    let same = |a: f64, b: f64| (a.is_nan() && b.is_nan()) || a.to_bits() == b.to_bits();
    same(x.re, y.re) && same(x.im, y.im)
}

#[test]
fn circular_functions_are_rotated_hyperbolic_ones() {
    let times_j = |z: Complex<f64>| Complex::new(-z.im, z.re);
    let times_minus_j = |z: Complex<f64>| Complex::new(z.im, -z.re);
    for z in special_points() {
        assert!(same(z.sin(), times_minus_j(times_j(z).sinh())), "sin {z:?}");
        assert!(same(z.cos(), times_j(z).cosh()), "cos {z:?}");
        assert!(same(z.tan(), times_minus_j(times_j(z).tanh())), "tan {z:?}");
        assert!(same(z.asin(), times_minus_j(times_j(z).asinh())), "asin {z:?}");
        assert!(same(z.atan(), times_minus_j(times_j(z).atanh())), "atan {z:?}");
    }
}

#[test]
fn odd_functions_are_odd() {
    for name in ["sinh", "tanh", "asinh", "atanh", "sin", "tan", "asin", "atan"] {
        // The sign of a number beside NaN is open.
        for z in special_points().into_iter().filter(|z| !z.is_nan()) {
            let (positive, negative) = (evaluate(name, &[z]), -evaluate(name, &[-z]));
            assert!(same(positive, negative), "{name} {z:?}: {positive:?} {negative:?}");
        }
    }
}

#[test]
fn the_sign_of_nan_does_not_matter() {
    let negated = |part: f64| if part.is_nan() { -part } else { part };
    for z in special_points() {
        let other = Complex::new(negated(z.re), negated(z.im));
        for &name in FUNCTIONS {
            let (result, expected) = (evaluate(name, &[other]), evaluate(name, &[z]));
            assert!(same(result, expected), "{name} {z:?}: {result:?} {expected:?}");
        }
        for y in special_points() {
            assert!(same(other * y, z * y) && same(other / y, z / y), "{z:?} {y:?}");
            assert!(same(y / other, y / z) && same(other.pow(y), z.pow(y)), "{z:?} {y:?}");
        }
    }
}

#[test]
fn infinite_operands_of_products_and_quotients() {
    let (inf, nan) = (f64::INFINITY, f64::NAN);
    let number = Complex::<f64>::new;
    // C99's Annex G: an infinite factor makes the product infinite, an infinite divisor a zero.
    assert!((number(inf, nan) * number(1.0, 2.0)).is_infinite());
    assert!((number(inf, inf) * number(1.0, 1.0)).is_infinite());
    assert!((number(inf, 1.0) / number(1.0, 2.0)).is_infinite());
    assert!(same(number(1.0, 2.0) / number(inf, inf), number(0.0, 0.0)));
    assert!((number(nan, nan) * number(nan, nan)).is_nan());
    assert!((number(nan, nan) / number(nan, nan)).is_nan());
    // The rows of the standard's tables with a real or imaginary operand.
    assert!(same(number(1.0, 2.0) / number(0.0, 0.0), number(inf, inf)));
    assert!(same(number(6.0, -2.0) / number(2.0, 0.0), number(3.0, -1.0)));
    assert!(same(number(6.0, -2.0) / number(0.0, 2.0), number(-1.0, -3.0)));
    assert!(number(inf, nan).square().is_infinite());
}

#[test]
fn extreme_operands_neither_overflow_nor_vanish() {
    let number = Complex::<f64>::new;
    let (huge, tiny) = (1e308, 5e-324f64);
    assert_eq!(number(huge, huge) / number(huge, huge), number(1.0, 0.0));
    assert_eq!(number(tiny, tiny) / number(tiny, tiny), number(1.0, 0.0));
    assert_eq!(number(huge, -huge) / number(2.0, 2.0), number(0.0, -5e307));
    assert_eq!(number(tiny, 0.0).sqrt(), number(tiny.sqrt(), 0.0));
    assert!((number(1.7e308, 1.7e308).sqrt().abs() / 1.5505e154 - 1.0).abs() < 1e-4);
    assert!(number(1.7e308, 1.7e308).log().is_finite());
    // |z| is √2 · 5e-324, which no f64 is near: ln √2 + ln 5e-324.
    assert!((number(tiny, tiny).log().re - (0.5f64.ln() * 1074.0 + 2f64.ln() / 2.0)).abs() < 1e-12);
    assert!((number(huge, huge).sign().re - std::f64::consts::FRAC_1_SQRT_2).abs() < 2.0 * f64::EPSILON);
    // exp(710) overflows, its product with cos(π/2) does not.
    assert!(number(710.0, std::f64::consts::FRAC_PI_2).exp().re.is_finite());
    assert!((number(1e308, 1e308).asinh().re - (1e308f64.ln() + 1.5 * 2f64.ln())).abs() < 1e-12);
    assert!((number(tiny, tiny).asin().re / tiny - 1.0).abs() < 1e-15);
    assert!((number(1e200, 1e200).atanh().re / 5e-201 - 1.0).abs() < 1e-15);
    let single = Complex::<f32>::new;
    assert_eq!(single(3e38, 3e38) / single(3e38, 3e38), single(1.0, 0.0));
    assert_eq!(single(1e-45, 1e-45) / single(1e-45, 1e-45), single(1.0, 0.0));
    assert!(single(3e38, 3e38).log().is_finite());
}

#[test]
fn signs_powers_and_tests() {
    let number = Complex::<f64>::new;
    let (inf, nan) = (f64::INFINITY, f64::NAN);
    assert!(same(number(-0.0, 0.0).sign(), number(0.0, 0.0)));
    assert!(number(nan, 1.0).sign().re.is_nan() && number(nan, 1.0).sign().im.is_nan());
    assert_eq!(number(3.0, -4.0).sign(), number(0.6, -0.8));
    assert_eq!(number(3.0, -4.0).abs(), 5.0);
    assert_eq!(number(-inf, nan).abs(), inf);
    assert_eq!(number(-1.0, -0.0).angle(), -std::f64::consts::PI);
    assert_eq!(number(0.0, 0.0).pow(number(0.0, 0.0)), number(1.0, 0.0));
    assert_eq!(number(0.0, 0.0).pow(number(2.0, 0.0)), number(0.0, 0.0));
    assert_eq!(number(1.0, 2.0).pow(number(2.0, 0.0)), number(-3.0, 4.0));
    assert_eq!(number(2.0, 0.0).pow(number(-1.0, 0.0)), number(0.5, 0.0));
    assert!(number(inf, nan).is_infinite() && number(inf, nan).is_nan() && !number(inf, 0.0).is_finite());
    assert!(number(nan, 0.0) != number(nan, 0.0) && number(0.0, 1.0) == number(-0.0, 1.0));
}
