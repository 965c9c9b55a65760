//! Parameters, modules and optimizers for Rust programs.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tenfold_ir::{DType, Result};

use super::{AdamSettings, AdamState, SgdSettings, adam_step, sgd_step};
use crate::random::Generator;
use crate::{Tensor, autograd, functional, init};

/// A value that training changes, with the gradient that was found for it: a cell that modules and optimizers share.
///
/// ```
/// use tenfold::{Tensor, optim::Parameter};
/// let weight = Parameter::new(Tensor::from_slice(&[3.0f32], &[1])?)?;
/// let loss = weight.value().square()?.sum(None, false, None)?;
/// Parameter::backward(&loss)?;
/// assert_eq!(weight.gradient().unwrap().to_vec::<f32>()?, [6.0]);
/// # tenfold::Result::Ok(())
/// ```
#[derive(Clone)]
pub struct Parameter(Arc<Mutex<State>>);

struct State {
    value: Tensor,
    gradient: Option<Tensor>,
}

impl Parameter {
    /// A parameter that starts with this value (floating or complex).
    pub fn new(value: Tensor) -> Result<Parameter> {
        let parameter = Parameter(Arc::new(Mutex::new(State { value: value.detach(), gradient: None })));
        parameter.set_value(value)?;
        Ok(parameter)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The present value: a leaf that gradients flow to.
    pub fn value(&self) -> Tensor {
        self.state().value.clone()
    }

    /// Replaces the value.
    pub fn set_value(&self, value: Tensor) -> Result<()> {
        let leaf = value.requires_gradient()?;
        if let Some(edge) = leaf.gradient_edge() {
            // Weak: the cell holds the leaf.
            edge.set_owner(Arc::new(Arc::downgrade(&self.0)));
        }
        let before = std::mem::replace(&mut self.state().value, leaf);
        drop(before);
        Ok(())
    }

    /// What [`Parameter::backward`] has found since [`Parameter::clear_gradient`].
    pub fn gradient(&self) -> Option<Tensor> {
        self.state().gradient.clone()
    }

    /// Forgets the gradient.
    pub fn clear_gradient(&self) {
        let before = self.state().gradient.take();
        drop(before);
    }

    /// Adds the gradients of a loss (one number) to those of the parameters that it depends on.
    pub fn backward(loss: &Tensor) -> Result<()> {
        for (leaf, gradient) in autograd::backward(&[(loss, None)], false, false)? {
            let owner = leaf.owner().and_then(|owner| owner.downcast_ref::<Weak<Mutex<State>>>());
            let Some(parameter) = owner.and_then(Weak::upgrade).map(Parameter) else { continue };
            let sum = match parameter.gradient() {
                Some(before) => autograd::no_grad(|| before.add(&gradient))?,
                None => gradient,
            };
            let before = parameter.state().gradient.replace(sum);
            drop(before);
        }
        Ok(())
    }
}

/// Something with parameters that maps a tensor to another.
pub trait Module {
    /// The result for an input.
    fn forward(&self, input: &Tensor) -> Result<Tensor>;
    /// The parameters with their names.
    fn named_parameters(&self) -> Vec<(String, Parameter)>;

    /// The parameters.
    fn parameters(&self) -> Vec<Parameter> {
        self.named_parameters().into_iter().map(|(_, parameter)| parameter).collect()
    }
}

/// `x · weightᵀ + bias`, initialised as PyTorch's.
pub struct Linear {
    /// `(out, in)`.
    pub weight: Parameter,
    /// `(out)`.
    pub bias: Parameter,
}

impl Linear {
    /// A layer of float32 numbers.
    pub fn new(inputs: usize, outputs: usize, generator: &mut Generator) -> Result<Linear> {
        let gain = init::Nonlinearity::LeakyRelu(5f64.sqrt());
        let shape = [outputs, inputs];
        let weight =
            init::kaiming_uniform(&shape, init::FanMode::In, gain, DType::Float32, Some(&mut *generator))?;
        let bound = if inputs > 0 { 1.0 / (inputs as f64).sqrt() } else { 0.0 };
        let bias = init::uniform(&[outputs], -bound, bound, DType::Float32, Some(generator))?;
        Ok(Linear { weight: Parameter::new(weight)?, bias: Parameter::new(bias)? })
    }
}

impl Module for Linear {
    fn forward(&self, input: &Tensor) -> Result<Tensor> {
        functional::linear(input, &self.weight.value(), Some(&self.bias.value()))
    }

    fn named_parameters(&self) -> Vec<(String, Parameter)> {
        vec![("weight".into(), self.weight.clone()), ("bias".into(), self.bias.clone())]
    }
}

/// Stochastic gradient descent over parameters.
pub struct Sgd {
    parameters: Vec<(Parameter, Option<Tensor>)>,
    /// May be changed between steps.
    pub settings: SgdSettings,
}

impl Sgd {
    /// An optimizer of these parameters.
    pub fn new(parameters: Vec<Parameter>, settings: SgdSettings) -> Sgd {
        Sgd { parameters: parameters.into_iter().map(|parameter| (parameter, None)).collect(), settings }
    }

    /// Changes every parameter that has a gradient.
    pub fn step(&mut self) -> Result<()> {
        for (parameter, buffer) in &mut self.parameters {
            let Some(gradient) = parameter.gradient() else { continue };
            let (value, next) = sgd_step(&parameter.value(), &gradient, buffer.as_ref(), &self.settings)?;
            parameter.set_value(value)?;
            *buffer = next;
        }
        crate::synchronize()
    }

    /// Forgets the gradients.
    pub fn zero_grad(&self) {
        self.parameters.iter().for_each(|(parameter, _)| parameter.clear_gradient());
    }
}

/// Adam over parameters.
pub struct Adam {
    parameters: Vec<(Parameter, Option<(AdamState, u64)>)>,
    /// May be changed between steps.
    pub settings: AdamSettings,
}

impl Adam {
    /// An optimizer of these parameters.
    pub fn new(parameters: Vec<Parameter>, settings: AdamSettings) -> Adam {
        Adam { parameters: parameters.into_iter().map(|parameter| (parameter, None)).collect(), settings }
    }

    /// Changes every parameter that has a gradient.
    pub fn step(&mut self) -> Result<()> {
        for (parameter, state) in &mut self.parameters {
            let Some(gradient) = parameter.gradient() else { continue };
            let value = parameter.value();
            let (before, steps) = match state.as_ref() {
                Some((before, steps)) => (before.clone(), *steps),
                None => {
                    let zeros = value.detach().zeros_like()?;
                    let average = zeros.clone();
                    (AdamState { average, square_average: zeros, largest_square_average: None }, 0)
                }
            };
            let (value, next) = adam_step(&value, &gradient, &before, steps + 1, &self.settings)?;
            parameter.set_value(value)?;
            *state = Some((next, steps + 1));
        }
        crate::synchronize()
    }

    /// Forgets the gradients.
    pub fn zero_grad(&self) {
        self.parameters.iter().for_each(|(parameter, _)| parameter.clear_gradient());
    }
}
