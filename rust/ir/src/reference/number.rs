//! Numbers that are wider than any dtype, and the one rounding at the end.

use std::cmp::Ordering;

use crate::exact::DoubleDouble;
use crate::{Category, Complex, DType, Element, Scalar, with_element};

/// The real numbers that the reference computes with: about 106 bits.
pub(super) type Exact = DoubleDouble;

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
    match dtype {
        DType::Float16 => value.to_f16().to_f64(),
        DType::Bfloat16 => value.to_bf16().to_f64(),
        DType::Float32 => value.to_f32().into(),
        _ => value.hi(),
    }
}

/// The number in another dtype, by the table of corner cases: integers wrap, floats saturate, NaN gives 0.
pub(super) fn cast(value: Scalar, dtype: DType) -> Scalar {
    match (value, dtype) {
        // A large integer would be rounded to float64 first.
        (Scalar::Int(value), DType::Float16 | DType::Bfloat16) => {
            Scalar::Float(round(exact_integer(value), dtype))
        }
        _ => with_element!(dtype, T => T::from_scalar(value).to_scalar()),
    }
}

/// An integer of at most 64 bits as a wide number, without error.
fn exact_integer(value: i128) -> Exact {
    let high = value as f64;
    Exact::from(high) + Exact::from((value - high as i128) as f64)
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
