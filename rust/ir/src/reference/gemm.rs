//! Batched matrix products.

use super::number::Wide;
use super::tensor::{Tensor, points};
use crate::Scalar;
use crate::kernel::Specs;

pub(super) fn gemm(inputs: &[Tensor], results: &Specs) -> Vec<Tensor> {
    let [a, b] = inputs else { unreachable!("the shape rule asked for two inputs") };
    let (spec, dtype) = (results[0].clone(), results[0].dtype);
    let inner = a.shape()[a.shape().rank() - 1];
    let values = points(&spec.shape)
        .map(|point| {
            let (mut left, mut right) = (point.clone(), point.clone());
            let mut total = Wide::of(Scalar::Int(0), dtype);
            for k in 0..inner {
                left[point.len() - 1] = k;
                right[point.len() - 2] = k;
                let product = Wide::of(a.at(&left), dtype).multiply(Wide::of(b.at(&right), dtype));
                total = total.add(product);
            }
            total.round(dtype)
        })
        .collect();
    vec![Tensor::new(spec, values)]
}
