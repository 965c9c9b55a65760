//! Cumulative reductions.

use std::cmp::Ordering;

use super::number::{Exact, Wide, exact, is_nan, order, round};
use super::rows::log_sum_exp;
use super::tensor::{Tensor, points, with};
use crate::kernel::{Scan, ScanOperation, Specs};
use crate::{DType, Scalar};

pub(super) fn scan(core: &Scan, inputs: &[Tensor], results: &Specs) -> Vec<Tensor> {
    let input = &inputs[0];
    let extent = input.shape()[core.axis];
    let mut outputs: Vec<Tensor> =
        results.iter().map(|spec| Tensor::filled(spec.clone(), Scalar::Int(0))).collect();
    for outer in points(&input.shape().without(core.axis)) {
        let mut direction: Vec<usize> = (0..extent).collect();
        if core.reverse {
            direction.reverse();
        }
        let elements: Vec<Scalar> =
            direction.iter().map(|&index| input.at(&with(&outer, core.axis, index))).collect();
        for (output, values) in
            outputs.iter_mut().zip(scan_elements(core.operation, &elements, input.spec.dtype))
        {
            for (&index, value) in direction.iter().zip(values) {
                *output.at_mut(&with(&outer, core.axis, index)) = value;
            }
        }
        // Indices were counted along the direction of the scan.
        if core.reverse
            && let Some(indices) = outputs.get_mut(1)
        {
            for index in 0..extent {
                let value = indices.at_mut(&with(&outer, core.axis, index));
                *value = Scalar::Int(extent as i128 - 1 - value.to_i128());
            }
        }
    }
    outputs
}

/// The results along one line, in the direction of the scan.
fn scan_elements(operation: ScanOperation, elements: &[Scalar], dtype: DType) -> Vec<Vec<Scalar>> {
    match operation {
        ScanOperation::Sum => vec![accumulate(elements, dtype, 0, Wide::add)],
        ScanOperation::Product => vec![accumulate(elements, dtype, 1, Wide::multiply)],
        ScanOperation::Max => extremes(elements, Ordering::Less),
        ScanOperation::Min => extremes(elements, Ordering::Greater),
        ScanOperation::LogSumExp => {
            let numbers: Vec<Exact> = elements.iter().map(|&element| exact(element)).collect();
            let sums = (1..=numbers.len())
                .map(|count| Scalar::Float(round(log_sum_exp(&numbers[..count]), dtype)))
                .collect();
            vec![sums]
        }
    }
}

fn accumulate(
    elements: &[Scalar],
    dtype: DType,
    start: i128,
    combine: impl Fn(Wide, Wide) -> Wide,
) -> Vec<Scalar> {
    let mut so_far = Wide::of(Scalar::Int(start), dtype);
    elements
        .iter()
        .map(|&element| {
            so_far = combine(so_far, Wide::of(element, dtype));
            so_far.round(dtype)
        })
        .collect()
}

/// Running extremes and their latest indices: a new element takes over unless it compares as `worse`. Once a NaN is
/// there, only NaN takes over.
fn extremes(elements: &[Scalar], worse: Ordering) -> Vec<Vec<Scalar>> {
    let mut found = 0;
    let mut indices = Vec::with_capacity(elements.len());
    for (index, &element) in elements.iter().enumerate() {
        let best = elements[found];
        if is_nan(element) || !is_nan(best) && order(element, best) != worse {
            found = index;
        }
        indices.push(found);
    }
    vec![
        indices.iter().map(|&index| elements[index]).collect(),
        indices.into_iter().map(Scalar::from).collect(),
    ]
}
