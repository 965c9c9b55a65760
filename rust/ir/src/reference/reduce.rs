//! Reductions.

use std::cmp::Ordering;

use super::number::{Exact, Wide, exact, is_nan, order, round, whole};
use super::tensor::{Tensor, points};
use crate::kernel::{Reduce, Reduction, Specs};
use crate::lanes::Lane;
use crate::{DType, Scalar};

pub(super) fn reduce(core: &Reduce, inputs: &[Tensor], results: &Specs) -> Vec<Tensor> {
    let input = &inputs[0];
    let mut outputs: Vec<Tensor> =
        results.iter().map(|spec| Tensor::filled(spec.clone(), Scalar::Int(0))).collect();
    let reduced: Vec<usize> = core.axes.iter().map(|&axis| input.shape()[axis]).collect();
    for (position, outer) in points(&results[0].shape).enumerate() {
        let elements_of = |input: &Tensor| -> Vec<Scalar> {
            points(&reduced)
                .map(|inner| {
                    let (mut inner, mut outer) = (inner.iter(), outer.iter());
                    let point: Vec<usize> = (0..input.shape().rank())
                        .filter_map(|axis| {
                            if core.axes.contains(&axis) { inner.next() } else { outer.next() }.copied()
                        })
                        .collect();
                    input.at(&point)
                })
                .collect()
        };
        let values = if core.operation == Reduction::GradientSums {
            let sums = gradient_sums([0, 1, 2, 3].map(|index| elements_of(&inputs[index])));
            sums.map(|sum| Scalar::Float(round(sum, results[0].dtype))).to_vec()
        } else {
            reduce_elements(core.operation, &elements_of(input), input.spec.dtype)
        };
        for (output, value) in outputs.iter_mut().zip(values) {
            output.values[position] = value;
        }
    }
    outputs
}

/// The results of one reduction.
fn reduce_elements(operation: Reduction, elements: &[Scalar], dtype: DType) -> Vec<Scalar> {
    let wide = elements.iter().map(|&element| Wide::of(element, dtype));
    match operation {
        Reduction::Sum => {
            vec![wide.fold(Wide::of(Scalar::Int(0), dtype), Wide::add).round(dtype)]
        }
        Reduction::Product => {
            vec![wide.fold(Wide::of(Scalar::Int(1), dtype), Wide::multiply).round(dtype)]
        }
        Reduction::Max => vec![elements[best(elements, Ordering::Greater)]],
        Reduction::Min => vec![elements[best(elements, Ordering::Less)]],
        Reduction::ArgMax => vec![Scalar::from(best(elements, Ordering::Greater))],
        Reduction::ArgMin => vec![Scalar::from(best(elements, Ordering::Less))],
        Reduction::Any => vec![Scalar::Bool(elements.iter().any(|element| element.to_bool()))],
        Reduction::All => vec![Scalar::Bool(elements.iter().all(|element| element.to_bool()))],
        Reduction::Moments => {
            let numbers: Vec<Exact> = elements.iter().map(|&element| exact(element)).collect();
            let (mean, squares) = moments(&numbers);
            vec![Scalar::Float(round(mean, dtype)), Scalar::Float(round(squares, dtype))]
        }
        Reduction::GradientSums => unreachable!("has four inputs"),
    }
}

/// `Σ g` and `Σ g·((x − m)·r)`.
fn gradient_sums([g, x, mean, scale]: [Vec<Scalar>; 4]) -> [Exact; 2] {
    let products =
        (0..g.len()).map(|at| exact(g[at]) * ((exact(x[at]) - exact(mean[at])) * exact(scale[at])));
    [sum(g.iter().map(|&g| exact(g))), sum(products)]
}

/// The index of the first NaN, else of the first element that no other surpasses.
pub(super) fn best(elements: &[Scalar], wanted: Ordering) -> usize {
    if let Some(index) = elements.iter().position(|&element| is_nan(element)) {
        return index;
    }
    let mut found = 0;
    for (index, &element) in elements.iter().enumerate() {
        if order(element, elements[found]) == wanted {
            found = index;
        }
    }
    found
}

/// The mean, and the sum of squared distances from it. Of nothing: NaN and 0.
pub(super) fn moments(numbers: &[Exact]) -> (Exact, Exact) {
    let mean = sum(numbers.iter().copied()) / whole(numbers.len());
    let squares = sum(numbers.iter().map(|&number| (number - mean) * (number - mean)));
    (mean, squares)
}

/// The sum; of nothing 0.
pub(super) fn sum(numbers: impl Iterator<Item = Exact>) -> Exact {
    numbers.fold(Exact::constant(0.0), |total, number| total + number)
}
