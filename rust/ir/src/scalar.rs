//! A number without a dtype of its own: a Python scalar, or a run-time argument of a kernel.

use num_complex::Complex;

use crate::{Category, DType, Error, Result};

/// A number that takes the dtype of the tensor it meets.
#[derive(Clone, Copy, Debug)]
pub enum Scalar {
    /// A truth value.
    Bool(bool),
    /// An integer of any 64-bit dtype, signed or not.
    Int(i128),
    /// A real number.
    Float(f64),
    /// A complex number.
    Complex(Complex<f64>),
}

impl PartialEq for Scalar {
    /// Equal kind and equal bits, so that NaN equals itself and −0 differs from 0.
    fn eq(&self, other: &Scalar) -> bool {
        match (self, other) {
            (Scalar::Bool(a), Scalar::Bool(b)) => a == b,
            (Scalar::Int(a), Scalar::Int(b)) => a == b,
            (Scalar::Float(a), Scalar::Float(b)) => a.to_bits() == b.to_bits(),
            (Scalar::Complex(a), Scalar::Complex(b)) => {
                a.re.to_bits() == b.re.to_bits() && a.im.to_bits() == b.im.to_bits()
            }
            _ => false,
        }
    }
}

impl Scalar {
    /// The category of dtypes that can hold it.
    #[inline]
    pub fn category(self) -> Category {
        match self {
            Scalar::Bool(_) => Category::Boolean,
            Scalar::Int(_) => Category::Integer,
            Scalar::Float(_) => Category::Floating,
            Scalar::Complex(_) => Category::Complex,
        }
    }

    /// The dtype of a tensor made of it alone: bool, int64, float32 or complex64.
    #[inline]
    pub fn default_dtype(self) -> DType {
        match self.category() {
            Category::Boolean => DType::Bool,
            Category::Integer => DType::Int64,
            Category::Floating => DType::Float32,
            Category::Complex => DType::Complex64,
        }
    }

    /// The dtype in which a tensor of dtype `with` meets this scalar: the tensor's own where its category
    /// suffices, else the default dtype of the scalar's category (complex for a float tensor keeps its precision).
    #[inline]
    pub fn meets(self, with: DType) -> DType {
        if self.category() <= with.category() {
            with
        } else if self.category() == Category::Complex && with.is_floating() {
            with.complex()
        } else {
            self.default_dtype()
        }
    }

    /// The value as a real number; the real part of a complex one.
    pub fn to_f64(self) -> f64 {
        match self {
            Scalar::Bool(value) => f64::from(u8::from(value)),
            Scalar::Int(value) => value as f64,
            Scalar::Float(value) => value,
            Scalar::Complex(value) => value.re,
        }
    }

    /// The value as a complex number.
    pub fn to_complex(self) -> Complex<f64> {
        match self {
            Scalar::Complex(value) => value,
            other => Complex::new(other.to_f64(), 0.0),
        }
    }

    /// The value as an integer: truncated and saturated to 64 bits from a float, NaN gives 0.
    pub fn to_i128(self) -> i128 {
        match self {
            Scalar::Bool(value) => i128::from(value),
            Scalar::Int(value) => value,
            Scalar::Float(value) => value as i64 as i128,
            Scalar::Complex(value) => value.re as i64 as i128,
        }
    }

    /// True unless zero.
    pub fn to_bool(self) -> bool {
        match self {
            Scalar::Bool(value) => value,
            Scalar::Int(value) => value != 0,
            Scalar::Float(value) => value != 0.0,
            Scalar::Complex(value) => value.re != 0.0 || value.im != 0.0,
        }
    }

    /// An `Overflow` error where an integer does not fit `dtype`.
    #[inline]
    pub fn check_fits(self, operation: &'static str, dtype: DType) -> Result<()> {
        if let Scalar::Int(value) = self
            && dtype.category() == Category::Integer
            && let Some((low, high)) = dtype.integer_range()
            && !(low..=high).contains(&value)
        {
            return Err(Error::overflow(
                operation,
                format!("{value} is out of range for {dtype} [{low}, {high}]"),
            ));
        }
        Ok(())
    }
}

macro_rules! from {
    ($($type:ty => $variant:ident),* $(,)?) => {
        $(impl From<$type> for Scalar {
            fn from(value: $type) -> Scalar {
                Scalar::$variant(value.into())
            }
        })*
    };
}
from!(bool => Bool, i8 => Int, i16 => Int, i32 => Int, i64 => Int, u8 => Int, u16 => Int, u32 => Int, u64 => Int);
from!(f32 => Float, f64 => Float, Complex<f64> => Complex);

impl From<usize> for Scalar {
    fn from(value: usize) -> Scalar {
        Scalar::Int(value as i128)
    }
}
