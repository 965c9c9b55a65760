//! A linear layer and the cross-entropy of what it gives.

use tenfold_ir::{Error, Result, Shape};

use super::cross_entropy::{ClassOptions, cross_entropy};
use super::linear::linear;
use crate::Tensor;

/// The cross-entropy of the scores `input · weightᵀ + bias`: `(…, in)` with a weight `(C, out…, in)` and a bias
/// `(C, out…)` gives scores `(…, C, out…)`.
pub fn linear_cross_entropy(
    input: &Tensor,
    linear_weight: &Tensor,
    linear_bias: Option<&Tensor>,
    target: &Tensor,
    options: &ClassOptions<'_>,
) -> Result<Tensor> {
    let name = "linear_cross_entropy";
    let named = |error: Error| error.in_operation(name);
    if linear_weight.rank() < 2 || input.rank() == 0 {
        return Err(Error::shape(
            name,
            format!(
                "needs an input (…, in) and a weight (C, out…, in); got shapes {} and {}",
                input.shape(),
                linear_weight.shape()
            ),
        ));
    }
    let (outputs, features) = linear_weight.shape().split_at(linear_weight.rank() - 1);
    if linear_bias.is_some_and(|bias| bias.shape()[..] != *outputs) {
        return Err(Error::shape(name, format!("linear_bias must have shape {}", Shape::new(outputs))));
    }
    let rows = outputs.iter().product();
    let weight = linear_weight.reshaped(&Shape::from([rows, features[0]]))?;
    let bias = linear_bias.map(|bias| bias.reshaped(&Shape::from([rows]))).transpose()?;
    let scores = linear(input, &weight, bias.as_ref()).map_err(named)?;
    let shape: Shape = input.shape()[..input.rank() - 1].iter().chain(outputs).copied().collect();
    cross_entropy(&scores.reshaped(&shape)?, target, options).map_err(named)
}
