//! The operation table: every scalar operation of the engine, one row each.
//!
//! The rows stand in the family files beside this one, as one exported macro list that every crate expands:
//! [`for_each_operation!`] hands all rows to a macro of the caller's. A row reads
//!
//! ```text
//! {
//!     /// What it computes (the documentation in Rust and Python).
//!     name(x, …): Rule -> Result;
//!     float { fn(x: T) -> T { … } }        body over real lanes (`T: Lane`: f32, f64, the exact reference)
//!     complex { fn(x: C) -> C { … } }      body over complex lanes
//!     integer { fn(x: T) -> T { … } }      body over integers (`T: Integer`)
//!     boolean { fn(x: bool) -> bool { … } }
//!     partial { |x, y| [dy/dx, …] }        holomorphic derivatives (y is the result), or
//!     gradient { |x, y, g| [gx, …] }       the gradients of the arguments, from that of the result
//!     domain { [(low, high), …] }          where tests draw each argument from
//!     accuracy { ulp, absolute }           bound of the error: ULP, or multiples of epsilon near zeros; behind them
//!                                          `vanishes` where it gives 0 instead of a subnormal float32
//!     oracle { "numpy.name" }              a Python expression that computes the same
//!     wgsl { "name(x)" }                   the body on a GPU
//!     aliases { other_name, … }            further names in Rust and Python
//! }
//! ```
//!
//! A category of dtypes without a body does not take the operation. `Rule` says how the dtypes of the arguments
//! become the one in which it computes, `Result` what comes out; see [`Rule`] and [`ResultType`].

mod activation;
mod arithmetic;
mod bitwise;
mod comparison;
mod exponential;
mod per_argument;
mod rounding;
mod special;
mod trigonometric;

pub use per_argument::PerArgument;

use crate::lanes::Lane;
use crate::lanes::complex::Complex;
use crate::lanes::integer::Integer;
use crate::{Category, DType, Error, Result, promote_types};

/// Hands every row of the operation table to a macro: `for_each_operation! { [path::of::callback] }`.
#[macro_export]
macro_rules! for_each_operation {
    ($callback:tt) => {
        $crate::arithmetic_operations! { $callback }
    };
}

/// How the dtypes of the arguments become the dtype that an operation computes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// All arguments meet in their promoted dtype.
    Promote,
    /// As `Promote`; integers and bool become float32.
    Floating,
    /// Every argument becomes bool.
    Logical,
    /// The first argument becomes bool, the others meet in their promoted dtype.
    Choose,
}

/// What comes out of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResultType {
    /// The dtype that it computes in.
    Same,
    /// bool.
    Bool,
    /// The real dtype of the parts.
    Real,
}

/// The bound of an operation's error.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Accuracy {
    /// In units in the last place of the exact result.
    pub ulp: f64,
    /// In multiples of the dtype's epsilon, where the result is near a zero of the function.
    pub absolute: f64,
    /// The result is 0 where a float32 would be subnormal: see `lanes/float32/normal.rs`.
    pub vanishes: bool,
}

/// The dtypes of one call of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signature {
    /// What each argument is converted to.
    pub arguments: PerArgument<DType>,
    /// What comes out.
    pub result: DType,
}

/// Everything that a row says beside its bodies and derivative.
#[derive(Debug)]
pub struct Row {
    /// The name in Rust, Python and messages.
    pub name: &'static str,
    /// Further names.
    pub aliases: &'static [&'static str],
    /// The documentation, one paragraph.
    pub documentation: &'static str,
    /// The names of the arguments.
    pub arguments: &'static [&'static str],
    /// See [`Rule`].
    pub rule: Rule,
    /// See [`ResultType`].
    pub result: ResultType,
    /// Which categories of dtypes have a body, indexed by [`Category`].
    pub takes: [bool; 4],
    /// Where tests draw each argument from.
    pub domain: &'static [(f64, f64)],
    /// The bound of the error.
    pub accuracy: Accuracy,
    /// A Python expression that computes the same.
    pub oracle: &'static str,
    /// The body on a GPU.
    pub wgsl: &'static str,
    /// True where the row has a derivative.
    pub differentiable: bool,
}

macro_rules! define_operations {
    ($({
        $(#[doc = $doc:literal])*
        $name:ident ( $($argument:ident),* ) : $rule:ident -> $result:ident ;
        $($field:ident $value:tt)*
    })*) => {
        /// A scalar operation: one row of the table.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[allow(non_camel_case_types, reason = "a variant has the operation's name as users write it")]
        #[repr(u8)]
        pub enum Operation {
            $($(#[doc = $doc])* $name,)*
        }

        impl Operation {
            /// Every operation, in the order of the table.
            pub const ALL: &'static [Operation] = &[$(Operation::$name),*];
        }

        const ROWS: &[Row] = &[$({
            #[allow(unused_mut)]
            let mut row = Row {
                name: trim_underscore(stringify!($name)),
                aliases: &[],
                documentation: concat!($($doc),*),
                arguments: &[$(stringify!($argument)),*],
                rule: Rule::$rule,
                result: ResultType::$result,
                takes: [false; 4],
                domain: &[],
                accuracy: Accuracy { ulp: 0.0, absolute: 0.0, vanishes: false },
                oracle: "",
                wgsl: "",
                differentiable: false,
            };
            $(row_field!(row $field $value);)*
            row
        }),*];

        /// The bodies of the operations: a module each, with a function for each category of dtypes.
        #[allow(non_snake_case, missing_docs)]
        pub mod body {
            $(pub mod $name {
                #[allow(unused_imports)]
                use super::super::{Complex, Integer, Lane};
                $(body_function! { $field $value })*
            })*
        }
    };
}

macro_rules! row_field {
    ($row:ident float $body:tt) => { $row.takes[Category::Floating as usize] = true; };
    ($row:ident complex $body:tt) => { $row.takes[Category::Complex as usize] = true; };
    ($row:ident integer $body:tt) => { $row.takes[Category::Integer as usize] = true; };
    ($row:ident boolean $body:tt) => { $row.takes[Category::Boolean as usize] = true; };
    ($row:ident partial $body:tt) => { $row.differentiable = true; };
    ($row:ident gradient $body:tt) => { $row.differentiable = true; };
    ($row:ident domain { $list:expr }) => { $row.domain = &$list; };
    ($row:ident accuracy { $ulp:literal, $absolute:literal }) => {
        $row.accuracy = Accuracy { ulp: $ulp, absolute: $absolute, vanishes: false };
    };
    ($row:ident accuracy { $ulp:literal, $absolute:literal, vanishes }) => {
        $row.accuracy = Accuracy { ulp: $ulp, absolute: $absolute, vanishes: true };
    };
    ($row:ident oracle { $text:literal }) => { $row.oracle = $text; };
    ($row:ident wgsl { $text:literal }) => { $row.wgsl = $text; };
    ($row:ident aliases { $($name:ident),* }) => { $row.aliases = &[$(stringify!($name)),*]; };
}

macro_rules! body_function {
    (float { fn($($argument:ident: $type:ty),*) -> $result:ty $body:block }) => {
        #[inline(always)]
        pub fn float<T: Lane>($($argument: $type),*) -> $result $body
    };
    (complex { fn($($argument:ident: $type:ty),*) -> $result:ty $body:block }) => {
        #[inline(always)]
        pub fn complex<T: Lane>($($argument: $type),*) -> $result $body
    };
    (integer { fn($($argument:ident: $type:ty),*) -> $result:ty $body:block }) => {
        #[inline(always)]
        pub fn integer<T: Integer>($($argument: $type),*) -> $result $body
    };
    (boolean { fn($($argument:ident: $type:ty),*) -> $result:ty $body:block }) => {
        #[inline(always)]
        pub fn boolean($($argument: $type),*) -> $result $body
    };
    ($other:ident $value:tt) => {};
}

for_each_operation! { [define_operations] }

/// A name that ends in `_` because it is a keyword of Rust, without the `_`.
const fn trim_underscore(name: &'static str) -> &'static str {
    match name.as_bytes() {
        [rest @ .., b'_'] => match std::str::from_utf8(rest) {
            Ok(trimmed) => trimmed,
            Err(_) => name,
        },
        _ => name,
    }
}

impl Operation {
    /// What its row says.
    #[inline]
    pub fn row(self) -> &'static Row {
        &ROWS[self as usize]
    }

    /// The name in Rust, Python and messages.
    #[inline]
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// The number of arguments.
    #[inline]
    pub fn arity(self) -> usize {
        self.row().arguments.len()
    }

    /// The operation of that name or alias.
    pub fn from_name(name: &str) -> Option<Operation> {
        Operation::ALL
            .iter()
            .copied()
            .find(|operation| operation.name() == name || operation.row().aliases.contains(&name))
    }

    /// The dtype that comes out when it computes in `compute`.
    #[inline]
    pub fn result_dtype(self, compute: DType) -> DType {
        match self.row().result {
            ResultType::Same => compute,
            ResultType::Bool => DType::Bool,
            ResultType::Real => compute.real(),
        }
    }

    /// What the arguments are converted to, and what comes out.
    ///
    /// `promoted` is the dtype in which the arguments meet (without the condition of a `Choose` row), after
    /// scalars have taken part.
    #[inline]
    pub fn signature(self, promoted: DType) -> Result<Signature> {
        let row = self.row();
        let Some(compute) = self.compute_dtype(promoted) else {
            return Err(Error::dtype(row.name, format!("not defined for {promoted}")));
        };
        let mut arguments = PerArgument::repeat(compute, self.arity());
        if row.rule == Rule::Choose {
            arguments[0] = DType::Bool;
        }
        Ok(Signature { arguments, result: self.result_dtype(compute) })
    }

    /// The dtype of the arguments of a signature (but a condition): what they are converted to. `None` where there is none.
    #[inline]
    pub fn compute_dtype(self, promoted: DType) -> Option<DType> {
        let row = self.row();
        let compute = match row.rule {
            Rule::Promote | Rule::Choose => promoted,
            Rule::Floating => promoted.to_floating(),
            Rule::Logical => DType::Bool,
        };
        row.takes[compute.category() as usize].then_some(compute)
    }

    /// As [`Operation::signature`], from the dtypes of tensors alone.
    pub fn signature_of(self, dtypes: &[DType]) -> Result<Signature> {
        let values = if self.row().rule == Rule::Choose { &dtypes[1..] } else { dtypes };
        let mut promoted = values[0];
        for &dtype in &values[1..] {
            promoted = promote_types(promoted, dtype).map_err(|error| error.in_operation(self.name()))?;
        }
        self.signature(promoted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_complete() {
        for &operation in Operation::ALL {
            let row = operation.row();
            assert!(!row.documentation.trim().is_empty(), "{}", row.name);
            assert!(row.takes.contains(&true), "{}", row.name);
            assert_eq!(row.domain.len(), row.arguments.len(), "{}", row.name);
            assert!(!row.oracle.is_empty(), "{}", row.name);
            assert!(!row.wgsl.is_empty(), "{}", row.name);
            assert_eq!(Operation::from_name(row.name), Some(operation));
        }
    }

    #[test]
    fn dtype_rules() {
        let signature = |operation: Operation, dtypes: &[DType]| operation.signature_of(dtypes);
        assert_eq!(signature(Operation::tanh, &[DType::Int8]).unwrap().result, DType::Float32);
        assert_eq!(
            signature(Operation::equal, &[DType::Int8, DType::Float64]).unwrap().arguments[0],
            DType::Float64
        );
        assert_eq!(signature(Operation::abs, &[DType::Complex128]).unwrap().result, DType::Float64);
        assert!(signature(Operation::bitwise_and, &[DType::Float32, DType::Int8]).is_err());
        let chosen = signature(Operation::where_, &[DType::Float32, DType::Int8, DType::Float16]).unwrap();
        assert_eq!(*chosen.arguments, [DType::Bool, DType::Float16, DType::Float16]);
    }
}
