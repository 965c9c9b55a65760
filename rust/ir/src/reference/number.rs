//! Numbers that are wider than any dtype, and the one rounding at the end.

use std::cmp::Ordering;

use crate::element::odd_f32;
use crate::{Category, Complex, DType, Element, Scalar, bf16, f16, with_element};

/// The real numbers that the reference computes with.
pub(super) type Exact = f64;

/// A number of the dtype as a wide one, without error.
pub(super) fn exact(value: Scalar) -> Exact {
    Exact::from(value.to_f64())
}

/// The whole number as a wide one.
pub(super) fn whole(value: usize) -> Exact {
    Exact::from(value as f64)
}

/// The number of a floating dtype that is nearest, ties to even: one rounding, also for narrow dtypes.
pub(super) fn round(value: Exact, dtype: DType) -> f64 {
    let (high, low) = (value, 0.0);
    if !high.is_finite() || dtype == DType::Float64 {
        return high;
    }
    let odd = odd_f64(high, low);
    match dtype {
        DType::Float16 => f16::from_f32(odd_f32(odd)).to_f64(),
        DType::Bfloat16 => bf16::from_f32(odd_f32(odd)).to_f64(),
        _ => f64::from(odd as f32),
    }
}

/// `high + low` rounded to odd: exact, or the odd one of the two neighbours. A later rounding to at least two bits
/// less is then as if from the sum itself (Boldo and Melquiond 2008).
fn odd_f64(high: f64, low: f64) -> f64 {
    if low == 0.0 || high.to_bits() & 1 == 1 {
        high
    } else if low > 0.0 {
        high.next_up()
    } else {
        high.next_down()
    }
}

/// The number in another dtype, by the table of corner cases: integers wrap, floats saturate, NaN gives 0.
pub(super) fn cast(value: Scalar, dtype: DType) -> Scalar {
    with_element!(dtype, T => T::from_scalar(value).to_scalar())
}

/// True for NaN; never for integers and truth values.
pub(super) fn is_nan(value: Scalar) -> bool {
    matches!(value, Scalar::Float(value) if value.is_nan())
}

/// The order of sorting: NaN above every number, −0 equal to 0, false below true. Not for complex numbers.
pub(super) fn order(a: Scalar, b: Scalar) -> Ordering {
    match (a, b) {
        (Scalar::Float(x), Scalar::Float(y)) => {
            x.partial_cmp(&y).unwrap_or_else(|| x.is_nan().cmp(&y.is_nan()))
        }
        _ => a.to_i128().cmp(&b.to_i128()),
    }
}

/// What sums and products accumulate in: integers exactly (modulo 2¹²⁸), real and complex numbers widely.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wide {
    Integer(i128),
    Real(Exact),
    Complex(Exact, Exact),
}

impl Wide {
    /// A number, in the arithmetic of the dtype.
    pub fn of(value: Scalar, dtype: DType) -> Wide {
        match dtype.category() {
            Category::Boolean | Category::Integer => Wide::Integer(value.to_i128()),
            Category::Floating => Wide::Real(exact(value)),
            Category::Complex => {
                let value = value.to_complex();
                Wide::Complex(Exact::from(value.re), Exact::from(value.im))
            }
        }
    }

    pub fn add(self, other: Wide) -> Wide {
        match (self, other) {
            (Wide::Integer(a), Wide::Integer(b)) => Wide::Integer(a.wrapping_add(b)),
            (Wide::Real(a), Wide::Real(b)) => Wide::Real(a + b),
            (Wide::Complex(a, b), Wide::Complex(c, d)) => Wide::Complex(a + c, b + d),
            _ => unreachable!("both have one dtype"),
        }
    }

    pub fn multiply(self, other: Wide) -> Wide {
        match (self, other) {
            (Wide::Integer(a), Wide::Integer(b)) => Wide::Integer(a.wrapping_mul(b)),
            (Wide::Real(a), Wide::Real(b)) => Wide::Real(a * b),
            (Wide::Complex(a, b), Wide::Complex(c, d)) => Wide::Complex(a * c - b * d, a * d + b * c),
            _ => unreachable!("both have one dtype"),
        }
    }

    /// The number in the dtype: the one rounding.
    pub fn round(self, dtype: DType) -> Scalar {
        match self {
            Wide::Integer(value) => cast(Scalar::Int(value), dtype),
            Wide::Real(value) => Scalar::Float(round(value, dtype)),
            Wide::Complex(re, im) => {
                Scalar::Complex(Complex::new(round(re, dtype.real()), round(im, dtype.real())))
            }
        }
    }
}
