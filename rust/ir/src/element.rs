//! The Rust types behind the dtypes.

use bytemuck::{Pod, Zeroable};
use half::{bf16, f16};
use num_complex::Complex;

use crate::exact::DoubleDouble;
use crate::{DType, Scalar};

/// A truth value in memory: one byte, 0 or 1 (any other non-zero byte counts as true).
#[derive(Clone, Copy, Debug, Default, Pod, Zeroable)]
#[repr(transparent)]
pub struct Boolean(pub u8);

impl Boolean {
    /// The truth value.
    #[inline(always)]
    pub fn get(self) -> bool {
        self.0 != 0
    }
}

impl From<bool> for Boolean {
    #[inline(always)]
    fn from(value: bool) -> Boolean {
        Boolean(value as u8)
    }
}

impl PartialEq for Boolean {
    fn eq(&self, other: &Boolean) -> bool {
        self.get() == other.get()
    }
}

/// A Rust type that is the element of a dtype.
pub trait Element: Pod + Send + Sync + PartialEq + std::fmt::Debug {
    /// Its dtype.
    const DTYPE: DType;
    /// The number as a scalar, without loss.
    fn to_scalar(self) -> Scalar;
    /// The scalar in this type: wraps integers, saturates floats to integers, rounds once.
    fn from_scalar(scalar: Scalar) -> Self;
}

macro_rules! integers {
    ($($type:ty => $dtype:ident),* $(,)?) => {
        $(impl Element for $type {
            const DTYPE: DType = DType::$dtype;
            fn to_scalar(self) -> Scalar {
                Scalar::Int(self as i128)
            }
            fn from_scalar(scalar: Scalar) -> $type {
                match scalar {
                    Scalar::Float(value) => value as $type,
                    Scalar::Complex(value) => value.re as $type,
                    other => other.to_i128() as $type,
                }
            }
        })*
    };
}
integers!(i8 => Int8, i16 => Int16, i32 => Int32, i64 => Int64, u8 => Uint8, u16 => Uint16, u32 => Uint32, u64 => Uint64);

// `half` converts from f64 through f32, or without the low bits, as the machine has it: neither rounds once.
fn rounded_f16(value: f64) -> f16 {
    DoubleDouble::from(value).to_f16()
}

fn rounded_bf16(value: f64) -> bf16 {
    DoubleDouble::from(value).to_bf16()
}

macro_rules! floats {
    ($($type:ty => $dtype:ident, $to:expr, $from:expr, $from_int:expr);* $(;)?) => {
        $(impl Element for $type {
            const DTYPE: DType = DType::$dtype;
            fn to_scalar(self) -> Scalar {
                Scalar::Float($to(self))
            }
            fn from_scalar(scalar: Scalar) -> $type {
                match scalar {
                    Scalar::Int(value) => $from_int(value),
                    other => $from(other.to_f64()),
                }
            }
        })*
    };
}
floats! {
    f16 => Float16, f16::to_f64, rounded_f16, |value: i128| rounded_f16(value as f64);
    bf16 => Bfloat16, bf16::to_f64, rounded_bf16, |value: i128| rounded_bf16(value as f64);
    f32 => Float32, f64::from, |value: f64| value as f32, |value: i128| value as f32;
    f64 => Float64, |value: f64| value, |value: f64| value, |value: i128| value as f64;
}

macro_rules! complexes {
    ($($part:ty => $dtype:ident),*) => {
        $(impl Element for Complex<$part> {
            const DTYPE: DType = DType::$dtype;
            fn to_scalar(self) -> Scalar {
                Scalar::Complex(Complex::new(self.re.into(), self.im.into()))
            }
            fn from_scalar(scalar: Scalar) -> Complex<$part> {
                match scalar {
                    Scalar::Complex(value) => Complex::new(value.re as $part, value.im as $part),
                    other => Complex::new(<$part>::from_scalar(other), 0.0),
                }
            }
        })*
    };
}
complexes!(f32 => Complex64, f64 => Complex128);

impl Element for Boolean {
    const DTYPE: DType = DType::Bool;
    fn to_scalar(self) -> Scalar {
        Scalar::Bool(self.get())
    }
    fn from_scalar(scalar: Scalar) -> Boolean {
        scalar.to_bool().into()
    }
}

/// Runs an expression with a type parameter bound to the element type of a run-time dtype.
///
/// ```
/// use tenfold_ir::{DType, with_element};
/// let dtype = DType::Int16;
/// assert_eq!(with_element!(dtype, T => size_of::<T>()), 2);
/// ```
#[macro_export]
macro_rules! with_element {
    ($dtype:expr, $T:ident => $body:expr) => {{
        use $crate::DType;
        match $dtype {
            DType::Bool => {
                type $T = $crate::Boolean;
                $body
            }
            DType::Int8 => {
                type $T = i8;
                $body
            }
            DType::Int16 => {
                type $T = i16;
                $body
            }
            DType::Int32 => {
                type $T = i32;
                $body
            }
            DType::Int64 => {
                type $T = i64;
                $body
            }
            DType::Uint8 => {
                type $T = u8;
                $body
            }
            DType::Uint16 => {
                type $T = u16;
                $body
            }
            DType::Uint32 => {
                type $T = u32;
                $body
            }
            DType::Uint64 => {
                type $T = u64;
                $body
            }
            DType::Float16 => {
                type $T = $crate::f16;
                $body
            }
            DType::Bfloat16 => {
                type $T = $crate::bf16;
                $body
            }
            DType::Float32 => {
                type $T = f32;
                $body
            }
            DType::Float64 => {
                type $T = f64;
                $body
            }
            DType::Complex64 => {
                type $T = $crate::Complex<f32>;
                $body
            }
            DType::Complex128 => {
                type $T = $crate::Complex<f64>;
                $body
            }
        }
    }};
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_round_to_half_precision_once() {
        // Above a tie by less than f32 can tell.
        let above = |exponent: i32| Scalar::Float(1.0 + 2f64.powi(exponent) + 2f64.powi(-50));
        assert_eq!(f16::from_scalar(above(-11)), f16::from_f32(1.0 + 2f32.powi(-10)));
        assert_eq!(bf16::from_scalar(above(-8)), bf16::from_f32(1.0 + 2f32.powi(-7)));
    }
}
