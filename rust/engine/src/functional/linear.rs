//! Linear maps and look-ups.

use tenfold_ir::{DType, Error, Result, Shape};

use super::check_same_dtype;
use super::normalization::check_parameter;
use crate::{Tensor, autocast};

/// `input · weightᵀ + bias`: `(…, in)` with `weight` `(out, in)` and `bias` `(out)` gives `(…, out)`. A weight with one
/// axis `(in)` gives `(…)`.
///
/// ```
/// use tenfold::{Tensor, functional};
/// let x = Tensor::from_slice(&[1.0f32, 2.0], &[1, 2])?;
/// let weight = Tensor::from_slice(&[1.0f32, 0.0, 0.0, 1.0, 1.0, 1.0], &[3, 2])?;
/// assert_eq!(functional::linear(&x, &weight, None)?.to_vec::<f32>()?, [1.0, 2.0, 3.0]);
/// # tenfold::Result::Ok(())
/// ```
pub fn linear(input: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    let name = "linear";
    let (input, weight) = (&*autocast::lowered(input)?, &*autocast::lowered(weight)?);
    let bias = autocast::lowered_option(bias)?;
    let bias = bias.as_deref();
    check_same_dtype(name, input, weight)?;
    let features = weight.shape().last().copied();
    if !(1..=2).contains(&weight.rank()) || input.rank() == 0 || input.shape().last().copied() != features {
        return Err(Error::shape(
            name,
            format!(
                "the last axis of the input must match that of the weight (out, in); got shapes {} and {}",
                input.shape(),
                weight.shape()
            ),
        ));
    }
    let outputs = &weight.shape()[..weight.rank() - 1];
    check_parameter(name, "bias", bias.filter(|bias| bias.rank() > 0), outputs)?;
    let product = if weight.rank() == 2 { input.matmul_transposed(weight) } else { input.matmul(weight) };
    let product = product.map_err(|error| error.in_operation(name))?;
    match bias {
        Some(bias) => product.add(bias),
        None => Ok(product),
    }
}

/// `Σ_ij input1_i · weight_kij · input2_j + bias_k`: `(…, in1)` and `(…, in2)` with `weight` `(out, in1, in2)` give
/// `(…, out)`.
pub fn bilinear(input1: &Tensor, input2: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    let name = "bilinear";
    let (input1, input2) = (&*autocast::lowered(input1)?, &*autocast::lowered(input2)?);
    let (weight, bias) = (&*autocast::lowered(weight)?, autocast::lowered_option(bias)?);
    let bias = bias.as_deref();
    check_same_dtype(name, input1, weight)?;
    check_same_dtype(name, input2, weight)?;
    let outer = |tensor: &Tensor| Shape::new(&tensor.shape()[..tensor.rank().saturating_sub(1)]);
    let fits = weight.rank() == 3
        && input1.rank() > 0
        && input2.rank() > 0
        && outer(input1) == outer(input2)
        && input1.shape().last() == Some(&weight.shape()[1])
        && input2.shape().last() == Some(&weight.shape()[2]);
    if !fits {
        return Err(Error::shape(
            name,
            format!(
                "needs (…, in1), (…, in2) and a weight (out, in1, in2); got shapes {}, {} and {}",
                input1.shape(),
                input2.shape(),
                weight.shape()
            ),
        ));
    }
    check_parameter(name, "bias", bias, &weight.shape()[..1])?;
    let (outputs, first, second) = (weight.shape()[0], weight.shape()[1], weight.shape()[2]);
    let rows = outer(input1).elements();
    // (rows, in1) · (in1, out·in2), then over in2.
    let folded = weight.permute(&[1, 0, 2])?.reshaped(&Shape::from([first, outputs * second]))?;
    let half = input1.reshaped(&Shape::from([rows, first]))?.matmul(&folded)?;
    let half = half.reshaped(&Shape::from([rows, outputs, second]))?;
    let column = input2.reshaped(&Shape::from([rows, second, 1]))?;
    let product = half.matmul(&column)?.reshaped(&outer(input1).with(input1.rank() - 1, outputs))?;
    match bias {
        Some(bias) => product.add(bias),
        None => Ok(product),
    }
}

/// 1 at each class of `input` (integers of shape B), 0 elsewhere: int64 `(B…, num_classes)`. Without `num_classes`, one
/// more than the largest.
pub fn one_hot(input: &Tensor, num_classes: Option<usize>) -> Result<Tensor> {
    let name = "one_hot";
    if !input.dtype().is_integer() {
        return Err(Error::dtype(name, format!("classes must be integers; got {}", input.dtype())));
    }
    let (low, high) = input.index_range()?;
    let classes = match num_classes {
        Some(classes) => classes,
        None if input.elements() == 0 => {
            return Err(Error::state(name, "cannot infer num_classes from an empty tensor"));
        }
        None => high.saturating_add(1).max(0) as usize,
    };
    if low < 0 || high >= classes as i64 {
        let wrong = if low < 0 { low } else { high };
        return Err(Error::state(name, format!("class {wrong} is out of range for {classes} classes")));
    }
    let numbers = Tensor::arange(0.into(), classes.into(), 1.into(), DType::Int64)?;
    input.cast(DType::Int64)?.unsqueeze(-1)?.equal(&numbers)?.cast(DType::Int64)
}
