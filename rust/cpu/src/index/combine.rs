//! What a write does to the element that is there.

use num_complex::Complex;
use tenfold_ir::lanes::integer::Integer;
use tenfold_ir::{bf16, f16};

/// A way to combine the element that is there with the one that is written.
pub trait Combine<T>: Copy + Sync {
    /// The new element.
    fn combine(self, there: T, value: T) -> T;
}

/// A way that is called by its address: the loops for those that are seldom asked for are one.
pub struct Called<T>(fn(T, T) -> T);

impl<T> Clone for Called<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Called<T> {}

impl<T> Combine<T> for Called<T> {
    fn combine(self, there: T, value: T) -> T {
        self.0(there, value)
    }
}

impl<T> Called<T> {
    /// That way, by its address.
    pub fn of<C: Combine<T> + Default>(_: C) -> Called<T> {
        Called(|there, value| C::default().combine(there, value))
    }
}

/// The value replaces what is there.
#[derive(Clone, Copy, Default)]
pub struct Assign;
/// Sums.
#[derive(Clone, Copy, Default)]
pub struct Add;
/// Products.
#[derive(Clone, Copy, Default)]
pub struct Multiply;
/// The larger; NaN wins.
#[derive(Clone, Copy, Default)]
pub struct Max;
/// The smaller; NaN wins.
#[derive(Clone, Copy, Default)]
pub struct Min;

impl<T> Combine<T> for Assign {
    #[inline(always)]
    fn combine(self, _: T, value: T) -> T {
        value
    }
}

macro_rules! combinations {
    ($($types:ty),* ; $add:expr, $multiply:expr) => {
        $(impl Combine<$types> for Add {
            #[inline(always)]
            fn combine(self, there: $types, value: $types) -> $types {
                $add(there, value)
            }
        }
        impl Combine<$types> for Multiply {
            #[inline(always)]
            fn combine(self, there: $types, value: $types) -> $types {
                $multiply(there, value)
            }
        })*
    };
}
combinations!(i8, i16, i32, i64, u8, u16, u32, u64; Integer::add, Integer::multiply);
combinations!(f32, f64, Complex<f32>, Complex<f64>; |a, b| a + b, |a, b| a * b);
combinations!(f16; |a: f16, b: f16| f16::from_f32(a.to_f32() + b.to_f32()),
    |a: f16, b: f16| f16::from_f32(a.to_f32() * b.to_f32()));
combinations!(bf16; |a: bf16, b: bf16| bf16::from_f32(a.to_f32() + b.to_f32()),
    |a: bf16, b: bf16| bf16::from_f32(a.to_f32() * b.to_f32()));

macro_rules! ordered {
    ($($type:ty, $is_nan:expr);*) => {
        $(impl Combine<$type> for Max {
            #[inline(always)]
            fn combine(self, there: $type, value: $type) -> $type {
                if value > there || $is_nan(value) { value } else { there }
            }
        }
        impl Combine<$type> for Min {
            #[inline(always)]
            fn combine(self, there: $type, value: $type) -> $type {
                if value < there || $is_nan(value) { value } else { there }
            }
        })*
    };
}
ordered!(i8, |_| false; i16, |_| false; i32, |_| false; i64, |_| false);
ordered!(u8, |_| false; u16, |_| false; u32, |_| false; u64, |_| false);
ordered!(f16, f16::is_nan; bf16, bf16::is_nan; f32, f32::is_nan; f64, f64::is_nan);

/// A combination, by its address where it is seldom asked for.
macro_rules! way {
    (Assign) => {
        $crate::index::combine::Assign
    };
    (Add) => {
        $crate::index::combine::Add
    };
    ($combination:ident) => {
        $crate::index::combine::Called::of($crate::index::combine::$combination)
    };
}
pub(super) use way;

/// Binds `T` to the element type of a dtype (a plain word for assignment) and `how` to the combination of a mode.
macro_rules! with_combination {
    ($mode:expr, $dtype:expr, $T:ident, $how:ident => $body:expr) => {{
        use tenfold_ir::kernel::ScatterMode;
        use tenfold_ir::{Complex, DType, bf16, f16};
        macro_rules! bound {
            ($type:ty, $combination:ident) => {{
                type $T = $type;
                let $how = $crate::index::combine::way!($combination);
                $body
            }};
        }
        macro_rules! real {
            ($combination:ident, $other:expr) => {
                match $dtype {
                    DType::Int8 => bound!(i8, $combination),
                    DType::Int16 => bound!(i16, $combination),
                    DType::Int32 => bound!(i32, $combination),
                    DType::Int64 => bound!(i64, $combination),
                    DType::Uint8 => bound!(u8, $combination),
                    DType::Uint16 => bound!(u16, $combination),
                    DType::Uint32 => bound!(u32, $combination),
                    DType::Uint64 => bound!(u64, $combination),
                    DType::Float16 => bound!(f16, $combination),
                    DType::Bfloat16 => bound!(bf16, $combination),
                    DType::Float32 => bound!(f32, $combination),
                    DType::Float64 => bound!(f64, $combination),
                    _ => $other,
                }
            };
        }
        macro_rules! arithmetic {
            ($combination:ident) => {
                real!(
                    $combination,
                    match $dtype {
                        DType::Complex64 => bound!(Complex<f32>, $combination),
                        DType::Complex128 => bound!(Complex<f64>, $combination),
                        other => Err(Error::dtype("scatter", format!("not defined for {other}"))),
                    }
                )
            };
        }
        macro_rules! ordered {
            ($combination:ident) => {
                real!($combination, Err(Error::dtype("scatter", format!("not defined for {}", $dtype))))
            };
        }
        match $mode {
            ScatterMode::Assign => match $dtype.size() {
                1 => bound!(u8, Assign),
                2 => bound!(u16, Assign),
                4 => bound!(u32, Assign),
                8 => bound!(u64, Assign),
                _ => bound!([u64; 2], Assign),
            },
            ScatterMode::Add => arithmetic!(Add),
            ScatterMode::Multiply => arithmetic!(Multiply),
            ScatterMode::Max => ordered!(Max),
            ScatterMode::Min => ordered!(Min),
        }
    }};
}
pub(super) use with_combination;
