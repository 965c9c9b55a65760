//! What the engine's tests share: tensors from numbers, and gradients against finite differences.
#![allow(dead_code, reason = "each test file uses its part of this module")]

use tenfold::{Result, Tensor, autograd};

/// Numbers that look random and repeat: a multiplicative sequence scaled to (−2, 2).
pub fn numbers(count: usize, seed: u64) -> Vec<f64> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    (0..count)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1u64 << 53) as f64 * 4.0 - 2.0
        })
        .collect()
}

/// A float64 tensor of [`numbers`].
pub fn tensor(shape: &[usize], seed: u64) -> Tensor {
    Tensor::from_slice(&numbers(shape.iter().product(), seed), shape).expect("numbers fit the shape")
}

/// An int64 tensor.
pub fn integers(values: &[i64], shape: &[usize]) -> Tensor {
    Tensor::from_slice(values, shape).expect("values fit the shape")
}

/// The elements of a float64 tensor.
pub fn floats(tensor: &Tensor) -> Vec<f64> {
    tensor.to_vec::<f64>().expect("float64")
}

fn weighted(outputs: &[Tensor]) -> Result<Tensor> {
    let mut total = Tensor::zeros(&[], tenfold::DType::Float64)?;
    for (number, output) in outputs.iter().enumerate() {
        let weights = tensor(output.shape(), 1000 + number as u64);
        total = total.add(&output.multiply(&weights)?.sum(None, false, None)?)?;
    }
    Ok(total)
}

/// Holds the gradients of `function` at `inputs` (float64) against central differences, for a random weighting of its
/// outputs; and, where `twice`, those of the gradients too.
///
/// Step 1e-6 on values of size 1: the truncation error is about 1e-12 times a third derivative, the rounding error
/// about 1e-10 times the result; 1e-6 leaves room for both.
pub fn check_gradients(inputs: &[Tensor], twice: bool, function: &dyn Fn(&[Tensor]) -> Result<Vec<Tensor>>) {
    let scalar = |inputs: &[Tensor]| weighted(&function(inputs)?);
    let leaves: Vec<Tensor> = inputs.iter().map(|input| input.requires_gradient().unwrap()).collect();
    let result = scalar(&leaves).unwrap();
    let references: Vec<&Tensor> = leaves.iter().collect();
    let gradients = autograd::gradients(&[(&result, None)], &references, true, twice).unwrap();
    for (number, gradient) in gradients.iter().enumerate() {
        let gradient = gradient.clone().unwrap_or_else(|| inputs[number].zeros_like().unwrap());
        let found = floats(&gradient);
        let expected = differences(inputs, number, &|inputs| scalar(inputs).map(|value| floats(&value)[0]));
        for (place, (found, expected)) in found.iter().zip(&expected).enumerate() {
            let allowed = 1e-6 * expected.abs().max(1.0);
            assert!(
                (found - expected).abs() <= allowed,
                "gradient {number} at {place}: {found}, by differences {expected}"
            );
        }
    }
    if twice {
        check_gradients(inputs, false, &|inputs| {
            let leaves: Vec<Tensor> = inputs
                .iter()
                .map(
                    |input| if input.requires_grad() { Ok(input.clone()) } else { input.requires_gradient() },
                )
                .collect::<Result<_>>()?;
            let references: Vec<&Tensor> = leaves.iter().collect();
            let gradients = autograd::gradients(&[(&scalar(&leaves)?, None)], &references, true, true)?;
            Ok(gradients.into_iter().flatten().collect())
        });
    }
}

fn differences(inputs: &[Tensor], number: usize, function: &dyn Fn(&[Tensor]) -> Result<f64>) -> Vec<f64> {
    const STEP: f64 = 1e-6;
    let values = floats(&inputs[number]);
    (0..values.len())
        .map(|place| {
            let at = |offset: f64| {
                let mut values = values.clone();
                values[place] += offset;
                let mut moved = inputs.to_vec();
                moved[number] = Tensor::from_slice(&values, inputs[number].shape()).unwrap();
                function(&moved).unwrap()
            };
            (at(STEP) - at(-STEP)) / (2.0 * STEP)
        })
        .collect()
}
