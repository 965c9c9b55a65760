//! Optimizers: the arithmetic of their steps, and what holds parameters in Rust.
//!
//! A step is a function from values to values, one kernel a parameter. Formulas and the order of operations are those
//! of `torch.optim`.

mod adam;
mod adam_family;
mod adaptive;
mod averages;
mod matrices;
mod module;
mod sgd;
mod signs;

pub use adam::{AdamSettings, AdamState, adam_step};
pub use adam_family::{MomentSettings, adamax_step, nadam_step, radam_step};
pub use adaptive::{AdagradSettings, RmspropSettings, RmspropState, adagrad_step, rmsprop_step};
pub use averages::{AdadeltaSettings, AsgdNumbers, AsgdSettings, adadelta_step, asgd_step};
pub use matrices::{AdafactorSettings, AdafactorState, MuonSettings, adafactor_step, muon_step};
pub use module::{Adam, Linear, Module, Parameter, Sgd};
pub use sgd::{SgdSettings, sgd_step};
pub use signs::{LionSettings, RpropSettings, lion_step, rprop_step};

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

/// The results of a formula: the new parameter, and the new state.
fn outputs<const N: usize>(formula: Formula) -> Result<(Tensor, [Tensor; N])> {
    let mut results = formula.record()?.into_iter();
    let mut next = || results.next().expect("one result an output");
    Ok((next(), std::array::from_fn(|_| next())))
}
