//! Optimizers: the arithmetic of their steps, and what holds parameters in Rust.
//!
//! A step is a function from values to values, one kernel a parameter. Formulas and the order of operations are those
//! of `torch.optim`.

mod adam;
mod adaptive;
mod module;
mod sgd;

pub use adam::{AdamSettings, AdamState, adam_step};
pub use adaptive::{AdagradSettings, RmspropSettings, RmspropState, adagrad_step, rmsprop_step};
pub use module::{Adam, Linear, Module, Parameter, Sgd};
pub use sgd::{SgdSettings, sgd_step};

use tenfold_ir::{Error, Result};

use crate::Tensor;
use crate::formula::{Formula, Variable};

/// An error unless the parameter is floating and the others have its shape.
fn check(operation: &'static str, parameter: &Tensor, others: &[Option<&Tensor>]) -> Result<()> {
    if !parameter.dtype().is_floating() {
        return Err(Error::dtype(
            operation,
            format!("needs a floating parameter; got {}", parameter.dtype()),
        ));
    }
    match others.iter().flatten().find(|other| other.shape() != parameter.shape()) {
        None => Ok(()),
        Some(other) => Err(Error::shape(
            operation,
            format!("a parameter of shape {} with a tensor of shape {}", parameter.shape(), other.shape()),
        )),
    }
}

/// Parameter and gradient in the formula of a step: the gradient in the direction of ascent, with weight decay.
fn start<'f>(
    formula: &'f Formula,
    parameter: &Tensor,
    gradient: &Tensor,
    maximize: bool,
    weight_decay: f64,
) -> (Variable<'f>, Variable<'f>) {
    let parameter = formula.load(parameter);
    let gradient = formula.load(gradient);
    let gradient = if maximize { -gradient } else { gradient };
    let gradient = if weight_decay != 0.0 { gradient + parameter * weight_decay } else { gradient };
    (parameter, gradient)
}
