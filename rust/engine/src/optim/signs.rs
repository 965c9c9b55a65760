//! Optimizers that go by the sign of the gradient: Lion and Rprop.

use tenfold_ir::Result;

use super::check;
use crate::{Tensor, autograd};

/// The settings of [`lion_step`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LionSettings {
    /// The length of a step.
    pub learning_rate: f64,
    /// The shares of the running mean that are kept: for the step, and for the mean itself.
    pub betas: (f64, f64),
    /// The share by which a step of length 1 shrinks the parameter.
    pub weight_decay: f64,
    /// Climbs instead of descending.
    pub maximize: bool,
}

fn ascending(gradient: &Tensor, parameter: &Tensor, maximize: bool) -> Result<Tensor> {
    let gradient = gradient.cast(parameter.dtype().compute())?;
    if maximize { gradient.negative() } else { Ok(gradient) }
}

/// The new parameter and the new running mean of gradients (zeros at first).
///
/// Chen et al. 2023, "Symbolic discovery of optimization algorithms".
pub fn lion_step(
    parameter: &Tensor,
    gradient: &Tensor,
    average: &Tensor,
    settings: &LionSettings,
) -> Result<(Tensor, [Tensor; 1])> {
    check("lion", parameter, &[Some(gradient), Some(average)])?;
    autograd::no_grad(|| {
        let wide = parameter.dtype().compute();
        let gradient = ascending(gradient, parameter, settings.maximize)?;
        let (value, before) = (parameter.cast(wide)?, average.cast(wide)?);
        let mixed = |keep: f64| before.multiply(keep)?.add(&gradient.multiply(1.0 - keep)?);
        let step = mixed(settings.betas.0)?.sign()?.multiply(settings.learning_rate)?;
        let shrunk = value.multiply(1.0 - settings.learning_rate * settings.weight_decay)?;
        let value = shrunk.subtract(&step)?.cast(parameter.dtype())?;
        Ok((value, [mixed(settings.betas.1)?.cast(average.dtype())?]))
    })
}

/// The settings of [`rprop_step`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RpropSettings {
    /// The factors of a step's length where the sign of the gradient has changed, and where it has stayed.
    pub etas: (f64, f64),
    /// The shortest and the longest step.
    pub step_sizes: (f64, f64),
    /// Climbs instead of descending.
    pub maximize: bool,
}

/// The new parameter and state: the gradient before (zeros at first) and the length of each element's step (the learning
/// rate at first). Where the sign has changed there is no step, and the gradient counts as 0.
///
/// Riedmiller and Braun 1993, "A direct adaptive method for faster backpropagation learning: the RPROP algorithm".
pub fn rprop_step(
    parameter: &Tensor,
    gradient: &Tensor,
    state: [&Tensor; 2],
    settings: &RpropSettings,
) -> Result<(Tensor, [Tensor; 2])> {
    check("rprop", parameter, &[Some(gradient), Some(state[0]), Some(state[1])])?;
    autograd::no_grad(|| {
        let wide = parameter.dtype().compute();
        let gradient = ascending(gradient, parameter, settings.maximize)?;
        let along = gradient.multiply(&state[0].cast(wide)?)?;
        let (stayed, changed) = (along.greater(0.0)?, along.less(0.0)?);
        let sizes = state[1].cast(wide)?;
        let grown = stayed.where_(&sizes.multiply(settings.etas.1)?, &sizes)?;
        let sizes = changed.where_(&sizes.multiply(settings.etas.0)?, &grown)?;
        let (shortest, longest) = settings.step_sizes;
        let sizes = sizes.clamp(Some(shortest.into()), Some(longest.into()))?;
        let gradient = changed.where_(0.0, &gradient)?;
        let value = parameter.cast(wide)?.subtract(&gradient.sign()?.multiply(&sizes)?)?;
        let state = [gradient.cast(state[0].dtype())?, sizes.cast(state[1].dtype())?];
        Ok((value.cast(parameter.dtype())?, state))
    })
}
