//! Rust's operators on tensors. They give `Result`s, as the methods do.

use std::ops::{Add, Div, Mul, Neg, Sub};

use tenfold_ir::Result;

use super::{Argument, Tensor};

macro_rules! operators {
    ($($trait:ident $operator:ident => $method:ident;)*) => {
        $(impl<'a, T: Into<Argument<'a>>> $trait<T> for &'a Tensor {
            type Output = Result<Tensor>;
            fn $operator(self, other: T) -> Result<Tensor> {
                self.$method(other)
            }
        })*
    };
}
operators! {
    Add add => add;
    Sub sub => subtract;
    Mul mul => multiply;
    Div div => divide;
}

impl Neg for &Tensor {
    type Output = Result<Tensor>;
    fn neg(self) -> Result<Tensor> {
        self.negative()
    }
}
