//! Types, operation table, kernel form and reference interpreter of Tenfold.
//!
//! Nothing in here knows a machine: `cpu` (and later `gpu`) runs what is described here, and the reference
//! interpreter says what must come out.
#![forbid(unsafe_code)]

pub mod backend;
mod dtype;
mod element;
mod error;
pub mod exact;
pub mod expr;
pub mod formulas;
pub mod kernel;
pub mod lanes;
mod layout;
pub mod operations;
pub mod random;
pub mod reference;
mod scalar;
mod shape;

pub use backend::{Backend, Buffer, Source, Storage};
pub use dtype::{Category, DType, promote_types};
pub use element::{Boolean, Element};
pub use error::{Error, ErrorKind, Result};
pub use expr::{Expr, Instruction};
pub use half::{bf16, f16};
pub use kernel::{Core, Kernel, Operand, Spec, Specs};
pub use layout::{Layout, Positions};
pub use num_complex::Complex;
pub use operations::Operation;
pub use scalar::Scalar;
pub use shape::{Axes, Shape, Strides, broadcast_shapes, normalize_axes, normalize_axis};
