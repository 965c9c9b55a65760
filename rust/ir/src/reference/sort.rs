//! Sorting and searching.

use std::cmp::Ordering;

use super::number::order;
use super::tensor::{Tensor, points, with};
use crate::Scalar;
use crate::kernel::{Side, Sort, Specs};

pub(super) fn sort(core: &Sort, inputs: &[Tensor], results: &Specs) -> Vec<Tensor> {
    match *core {
        Sort::Sort { axis, descending } => {
            let count = inputs[0].shape()[axis];
            first_of_sorted(&inputs[0], axis, descending, count, results)
        }
        Sort::TopK { axis, count, largest } => first_of_sorted(&inputs[0], axis, largest, count, results),
        Sort::Search { side } => {
            let (sorted, values) = (&inputs[0], &inputs[1]);
            let last = sorted.shape().rank() - 1;
            let found = points(values.shape())
                .map(|point| {
                    let value = values.at(&point);
                    let mut row = (0..sorted.shape()[last]).map(|index| {
                        let mut place = point.clone();
                        place[last] = index;
                        sorted.at(&place)
                    });
                    let before = |element: Scalar| match side {
                        Side::Left => order(element, value) == Ordering::Less,
                        Side::Right => order(element, value) != Ordering::Greater,
                    };
                    let end = sorted.shape()[last];
                    Scalar::from(row.position(|element| !before(element)).unwrap_or(end))
                })
                .collect();
            vec![Tensor::new(results[0].clone(), found)]
        }
    }
}

/// The first elements of each sorted line, and where they came from.
fn first_of_sorted(
    input: &Tensor,
    axis: usize,
    descending: bool,
    count: usize,
    results: &Specs,
) -> Vec<Tensor> {
    let mut values = Tensor::filled(results[0].clone(), Scalar::Int(0));
    let mut indices = Tensor::filled(results[1].clone(), Scalar::Int(0));
    for outer in points(&input.shape().without(axis)) {
        let line: Vec<Scalar> =
            (0..input.shape()[axis]).map(|index| input.at(&with(&outer, axis, index))).collect();
        let mut sorted: Vec<usize> = (0..line.len()).collect();
        sorted.sort_by(|&a, &b| {
            let order = order(line[a], line[b]);
            if descending { order.reverse() } else { order }
        });
        for (place, &from) in sorted.iter().take(count).enumerate() {
            *values.at_mut(&with(&outer, axis, place)) = line[from];
            *indices.at_mut(&with(&outer, axis, place)) = Scalar::from(from);
        }
    }
    vec![values, indices]
}
