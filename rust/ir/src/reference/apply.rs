//! One scalar operation: its row's body, evaluated over wide numbers and rounded once.

use super::number::{Exact, round};
use crate::lanes::complex::Complex;
use crate::lanes::integer::Integer;
use crate::operations::body;
use crate::{Category, DType, Element, Error, Operation, Result, Scalar, bf16, f16};

/// What bodies take.
trait Argument {
    fn of(value: Scalar) -> Self;
}

/// What bodies give, brought to the dtype of the result.
trait Outcome {
    fn rounded(self, dtype: DType) -> Scalar;
}

impl Argument for bool {
    fn of(value: Scalar) -> bool {
        value.to_bool()
    }
}

impl Outcome for bool {
    fn rounded(self, _dtype: DType) -> Scalar {
        Scalar::Bool(self)
    }
}

impl Argument for Exact {
    fn of(value: Scalar) -> Exact {
        Exact::from(value.to_f64())
    }
}

impl Outcome for Exact {
    fn rounded(self, dtype: DType) -> Scalar {
        Scalar::Float(round(self, dtype))
    }
}

impl Argument for Complex<Exact> {
    fn of(value: Scalar) -> Complex<Exact> {
        let value = value.to_complex();
        Complex::new(Exact::from(value.re), Exact::from(value.im))
    }
}

impl Outcome for Complex<Exact> {
    fn rounded(self, dtype: DType) -> Scalar {
        let part = dtype.real();
        Scalar::Complex(crate::Complex::new(round(self.re, part), round(self.im, part)))
    }
}

macro_rules! integers {
    ($($type:ident),*) => {
        $(
            impl Argument for $type {
                fn of(value: Scalar) -> $type {
                    <$type as Element>::from_scalar(value)
                }
            }
            impl Outcome for $type {
                fn rounded(self, _dtype: DType) -> Scalar {
                    self.to_scalar()
                }
            }
        )*
    };
}
integers!(i8, i16, i32, i64, u8, u16, u32, u64);

/// Functions from an operation and its arguments to the result of its body for one category of dtypes, with the type
/// `T` that the bodies name; `None` where the row has no such body.
macro_rules! define_applications {
    ($({
        $(#[doc = $doc:literal])*
        $name:ident ( $($argument:ident),* ) : $rule:ident -> $result:ident ;
        $($field:ident $value:tt)*
    })*) => {
        fn float(operation: Operation, arguments: &[Scalar], dtype: DType) -> Option<Scalar> {
            type T = Exact;
            match operation {
                $(Operation::$name => {
                    None$(.or_else(|| application!(float $name arguments dtype $field $value)))*
                })*
            }
        }

        fn complex(operation: Operation, arguments: &[Scalar], dtype: DType) -> Option<Scalar> {
            type T = Exact;
            match operation {
                $(Operation::$name => {
                    None$(.or_else(|| application!(complex $name arguments dtype $field $value)))*
                })*
            }
        }

        fn boolean(operation: Operation, arguments: &[Scalar], dtype: DType) -> Option<Scalar> {
            match operation {
                $(Operation::$name => {
                    None$(.or_else(|| application!(boolean $name arguments dtype $field $value)))*
                })*
            }
        }

        fn integer<T: Integer + Argument + Outcome>(
            operation: Operation,
            arguments: &[Scalar],
            dtype: DType,
        ) -> Option<Scalar> {
            match operation {
                $(Operation::$name => {
                    None$(.or_else(|| application!(integer $name arguments dtype $field $value)))*
                })*
            }
        }
    };
}

macro_rules! application {
    (float $name:ident $arguments:ident $dtype:ident
        float { fn($($argument:ident: $type:ty),*) -> $out:ty $body:block }) => {
        application!(@call $arguments $dtype (body::$name::float::<T>) $($argument: $type),*)
    };
    (complex $name:ident $arguments:ident $dtype:ident
        complex { fn($($argument:ident: $type:ty),*) -> $out:ty $body:block }) => {
        application!(@call $arguments $dtype (body::$name::complex::<T>) $($argument: $type),*)
    };
    (integer $name:ident $arguments:ident $dtype:ident
        integer { fn($($argument:ident: $type:ty),*) -> $out:ty $body:block }) => {
        application!(@call $arguments $dtype (body::$name::integer::<T>) $($argument: $type),*)
    };
    (boolean $name:ident $arguments:ident $dtype:ident
        boolean { fn($($argument:ident: $type:ty),*) -> $out:ty $body:block }) => {
        application!(@call $arguments $dtype (body::$name::boolean) $($argument: $type),*)
    };
    (@call $arguments:ident $dtype:ident ($($function:tt)*) $($argument:ident: $type:ty),*) => {
        {
            let mut given = $arguments.iter().copied();
            $(let $argument = <$type as Argument>::of(given.next()?);)*
            Some($($function)*($($argument),*).rounded($dtype))
        }
    };
    ($category:ident $name:ident $arguments:ident $dtype:ident $field:ident $value:tt) => {
        None
    };
}

crate::for_each_operation! { [define_applications] }

/// The operation on numbers of the dtype `compute`, rounded to `dtype`.
pub(super) fn apply(
    operation: Operation,
    arguments: &[Scalar],
    compute: DType,
    dtype: DType,
) -> Result<Scalar> {
    let result = match compute.category() {
        // Its result is a matter of the dtype's own neighbours, which a wider number does not have.
        Category::Floating if operation == Operation::nextafter => {
            Some(Scalar::Float(next_after(arguments[0].to_f64(), arguments[1].to_f64(), compute)))
        }
        Category::Floating => float(operation, arguments, dtype),
        Category::Complex => complex(operation, arguments, dtype),
        Category::Boolean => boolean(operation, arguments, dtype),
        Category::Integer => match compute {
            DType::Int8 => integer::<i8>(operation, arguments, dtype),
            DType::Int16 => integer::<i16>(operation, arguments, dtype),
            DType::Int32 => integer::<i32>(operation, arguments, dtype),
            DType::Int64 => integer::<i64>(operation, arguments, dtype),
            DType::Uint8 => integer::<u8>(operation, arguments, dtype),
            DType::Uint16 => integer::<u16>(operation, arguments, dtype),
            DType::Uint32 => integer::<u32>(operation, arguments, dtype),
            _ => integer::<u64>(operation, arguments, dtype),
        },
    };
    result.ok_or_else(|| Error::dtype(operation.name(), format!("not defined for {compute}")))
}

/// The neighbour of `x` in the direction of `y` among the numbers of a floating dtype.
fn next_after(x: f64, y: f64, dtype: DType) -> f64 {
    if x.is_nan() || y.is_nan() {
        return f64::NAN;
    }
    if x == y {
        return y;
    }
    // One step away from zero or towards it in the bits of the magnitude; zero steps to the smallest subnormal.
    let magnitude = x.abs();
    let away = x == 0.0 || (y > x) == (x > 0.0);
    let moved = match dtype {
        DType::Float16 => {
            let bits = f16::from_f64(magnitude).to_bits();
            f16::from_bits(if away { bits + 1 } else { bits - 1 }).to_f64()
        }
        DType::Bfloat16 => {
            let bits = bf16::from_f64(magnitude).to_bits();
            bf16::from_bits(if away { bits + 1 } else { bits - 1 }).to_f64()
        }
        DType::Float32 => {
            let bits = (magnitude as f32).to_bits();
            f32::from_bits(if away { bits + 1 } else { bits - 1 }).into()
        }
        _ => {
            let bits = magnitude.to_bits();
            f64::from_bits(if away { bits + 1 } else { bits - 1 })
        }
    };
    moved.copysign(if x == 0.0 { y } else { x })
}
