//! Weighted sums along an axis.

use super::number::{Exact, exact, round};
use super::tensor::{Tensor, points};
use crate::Scalar;
use crate::kernel::{Resample, Specs};
use crate::lanes::Lane;

pub(super) fn resample(core: &Resample, input: &Tensor, results: &Specs) -> Vec<Tensor> {
    let spec = results[0].clone();
    let values = points(&spec.shape)
        .map(|mut point| {
            let (indices, weights) = core.table.row(point[core.axis]);
            let mut total = Exact::constant(0.0);
            for (&index, &weight) in indices.iter().zip(weights) {
                point[core.axis] = index as usize;
                // The weight is one of the dtype.
                let weight = Exact::from(round(Exact::from(weight), spec.dtype));
                total = total + exact(input.at(&point)) * weight;
            }
            Scalar::Float(round(total, spec.dtype))
        })
        .collect();
    vec![Tensor::new(spec, values)]
}
