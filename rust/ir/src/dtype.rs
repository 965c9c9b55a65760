//! Data types, their categories and promotion.

use std::fmt;

use crate::{Error, Result};

/// The type of a tensor's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum DType {
    /// Truth value, stored as one byte that is 0 or 1.
    Bool,
    /// Signed integer of 8 bits.
    Int8,
    /// Signed integer of 16 bits.
    Int16,
    /// Signed integer of 32 bits.
    Int32,
    /// Signed integer of 64 bits.
    Int64,
    /// Unsigned integer of 8 bits.
    Uint8,
    /// Unsigned integer of 16 bits.
    Uint16,
    /// Unsigned integer of 32 bits.
    Uint32,
    /// Unsigned integer of 64 bits.
    Uint64,
    /// IEEE half precision.
    Float16,
    /// The upper half of a `Float32`.
    Bfloat16,
    /// IEEE single precision.
    Float32,
    /// IEEE double precision.
    Float64,
    /// Two `Float32`: real and imaginary part.
    Complex64,
    /// Two `Float64`: real and imaginary part.
    Complex128,
}

/// What sort of numbers a dtype holds, in order of promotion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Category {
    /// `Bool`.
    Boolean,
    /// Signed and unsigned integers.
    Integer,
    /// Real floating point.
    Floating,
    /// Complex floating point.
    Complex,
}

impl DType {
    /// Every dtype, in the order of the enum.
    pub const ALL: [DType; 15] = {
        use DType::*;
        [
            Bool, Int8, Int16, Int32, Int64, Uint8, Uint16, Uint32, Uint64, Float16, Bfloat16, Float32,
            Float64, Complex64, Complex128,
        ]
    };

    /// The name in Python and in messages.
    pub const fn name(self) -> &'static str {
        match self {
            DType::Bool => "bool",
            DType::Int8 => "int8",
            DType::Int16 => "int16",
            DType::Int32 => "int32",
            DType::Int64 => "int64",
            DType::Uint8 => "uint8",
            DType::Uint16 => "uint16",
            DType::Uint32 => "uint32",
            DType::Uint64 => "uint64",
            DType::Float16 => "float16",
            DType::Bfloat16 => "bfloat16",
            DType::Float32 => "float32",
            DType::Float64 => "float64",
            DType::Complex64 => "complex64",
            DType::Complex128 => "complex128",
        }
    }

    /// The dtype of that name.
    pub fn from_name(name: &str) -> Option<DType> {
        DType::ALL.into_iter().find(|dtype| dtype.name() == name)
    }

    /// Bytes an element.
    #[inline]
    pub const fn size(self) -> usize {
        match self {
            DType::Bool | DType::Int8 | DType::Uint8 => 1,
            DType::Int16 | DType::Uint16 | DType::Float16 | DType::Bfloat16 => 2,
            DType::Int32 | DType::Uint32 | DType::Float32 => 4,
            DType::Int64 | DType::Uint64 | DType::Float64 | DType::Complex64 => 8,
            DType::Complex128 => 16,
        }
    }

    /// The sort of numbers.
    #[inline]
    pub const fn category(self) -> Category {
        match self {
            DType::Bool => Category::Boolean,
            DType::Float16 | DType::Bfloat16 | DType::Float32 | DType::Float64 => Category::Floating,
            DType::Complex64 | DType::Complex128 => Category::Complex,
            _ => Category::Integer,
        }
    }

    /// True for real floating-point dtypes.
    #[inline]
    pub const fn is_floating(self) -> bool {
        matches!(self.category(), Category::Floating)
    }

    /// True for complex dtypes.
    #[inline]
    pub const fn is_complex(self) -> bool {
        matches!(self.category(), Category::Complex)
    }

    /// True for integers; false for bool.
    pub const fn is_integer(self) -> bool {
        matches!(self.category(), Category::Integer)
    }

    /// True for signed integers.
    pub const fn is_signed_integer(self) -> bool {
        matches!(self, DType::Int8 | DType::Int16 | DType::Int32 | DType::Int64)
    }

    /// True for unsigned integers.
    pub const fn is_unsigned_integer(self) -> bool {
        matches!(self, DType::Uint8 | DType::Uint16 | DType::Uint32 | DType::Uint64)
    }

    /// True where a gradient can exist: floating or complex.
    #[inline]
    pub const fn is_differentiable(self) -> bool {
        matches!(self.category(), Category::Floating | Category::Complex)
    }

    /// The dtype of a complex dtype's parts; itself for any other.
    #[inline]
    pub const fn real(self) -> DType {
        match self {
            DType::Complex64 => DType::Float32,
            DType::Complex128 => DType::Float64,
            other => other,
        }
    }

    /// The complex dtype whose parts can hold this one's values.
    pub const fn complex(self) -> DType {
        match self {
            DType::Float64 | DType::Complex128 => DType::Complex128,
            _ => DType::Complex64,
        }
    }

    /// The dtype that operations compute in: half precisions widen to `Float32`.
    pub const fn compute(self) -> DType {
        match self {
            DType::Float16 | DType::Bfloat16 => DType::Float32,
            other => other,
        }
    }

    /// The dtype itself where it is floating or complex; `Float32` for integers and bool.
    #[inline]
    pub const fn to_floating(self) -> DType {
        if self.is_differentiable() { self } else { DType::Float32 }
    }

    /// The smallest and largest value of an integer dtype or bool.
    #[inline]
    pub const fn integer_range(self) -> Option<(i128, i128)> {
        Some(match self {
            DType::Bool => (0, 1),
            DType::Int8 => (i8::MIN as i128, i8::MAX as i128),
            DType::Int16 => (i16::MIN as i128, i16::MAX as i128),
            DType::Int32 => (i32::MIN as i128, i32::MAX as i128),
            DType::Int64 => (i64::MIN as i128, i64::MAX as i128),
            DType::Uint8 => (0, u8::MAX as i128),
            DType::Uint16 => (0, u16::MAX as i128),
            DType::Uint32 => (0, u32::MAX as i128),
            DType::Uint64 => (0, u64::MAX as i128),
            _ => return None,
        })
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The dtype that two tensors of these dtypes meet in.
///
/// The Python array API standard's table; where it is silent, torch's: a floating dtype wins over an integer
/// one as it is, and `Float16` with `Bfloat16` gives `Float32`. `Uint64` with a signed integer has no common
/// dtype and is an error.
///
/// ```
/// use tenfold_ir::{DType, promote_types};
/// assert_eq!(promote_types(DType::Int8, DType::Uint8), Ok(DType::Int16));
/// assert_eq!(promote_types(DType::Int64, DType::Float32), Ok(DType::Float32));
/// assert!(promote_types(DType::Uint64, DType::Int8).is_err());
/// ```
pub fn promote_types(a: DType, b: DType) -> Result<DType> {
    use DType::*;
    if a == b {
        return Ok(a);
    }
    let (low, high) = if (a.category(), a) <= (b.category(), b) { (a, b) } else { (b, a) };
    if low.category() != high.category() {
        // A float64 joins complex64 in complex128; other lower categories change nothing.
        return Ok(if low == Float64 { high.real_at_least_double() } else { high });
    }
    match (low, high) {
        (Float16, Bfloat16) => Ok(Float32),
        _ if low.is_signed_integer() && high.is_unsigned_integer() => match high {
            Uint64 => {
                Err(Error::dtype("result_type", format!("no integer dtype holds both {low} and uint64"))
                    .hint("convert one of them with astype/to first"))
            }
            _ => {
                let needed = if high.size() >= low.size() { high.size() * 2 } else { low.size() };
                Ok(match needed {
                    2 => Int16,
                    4 => Int32,
                    _ => Int64,
                })
            }
        },
        _ => Ok(if low.size() > high.size() { low } else { high }),
    }
}

impl DType {
    const fn real_at_least_double(self) -> DType {
        match self {
            DType::Complex64 => DType::Complex128,
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn promotion_is_commutative_and_idempotent() {
        for a in DType::ALL {
            for b in DType::ALL {
                assert_eq!(promote_types(a, b).ok(), promote_types(b, a).ok(), "{a} {b}");
                if let Ok(c) = promote_types(a, b) {
                    assert_eq!(promote_types(a, c), Ok(c), "{a} {b}");
                }
            }
        }
    }

    #[test]
    fn names_are_found_again() {
        for dtype in DType::ALL {
            assert_eq!(DType::from_name(dtype.name()), Some(dtype));
        }
    }
}
