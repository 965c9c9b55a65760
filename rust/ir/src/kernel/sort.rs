//! Sorting and searching.

use super::{Spec, Specs};
use crate::{DType, Error, Result};

/// Which end of a run of equal elements a search finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The first position that keeps the order.
    Left,
    /// The last position that keeps the order.
    Right,
}

/// Sorting is stable; NaN counts as larger than every number, −0 equals 0; false is smaller than true.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Sort {
    /// `x → sorted along axis, and the indices (int64) that sort it`.
    Sort {
        /// Along which axis.
        axis: usize,
        /// Largest first; equal elements keep their order.
        descending: bool,
    },
    /// `x → the first `count` elements of the sorted axis, and their indices`.
    TopK {
        /// Along which axis.
        axis: usize,
        /// How many.
        count: usize,
        /// The largest ones, largest first; else the smallest, smallest first.
        largest: bool,
    },
    /// `sorted (…, n), values (…, m) → int64 (…, m)`: where each value would have to be inserted into its row.
    Search {
        /// Before or after equal elements.
        side: Side,
    },
}

impl Sort {
    /// The name in messages and reports.
    pub fn name(&self) -> &'static str {
        match self {
            Sort::Sort { .. } => "sort",
            Sort::TopK { .. } => "topk",
            Sort::Search { .. } => "searchsorted",
        }
    }

    pub(super) fn results(&self, inputs: &[Spec]) -> Result<Specs> {
        let first = &inputs[0];
        if first.dtype.is_complex() {
            return Err(Error::dtype(self.name(), format!("not defined for {}", first.dtype)));
        }
        Ok(match self {
            Sort::Sort { .. } => {
                Specs::from_vec(vec![first.clone(), Spec::new(first.shape.clone(), DType::Int64)])
            }
            Sort::TopK { axis, count, .. } => {
                let shape = first.shape.replaced(*axis, *count);
                Specs::from_vec(vec![Spec::new(shape.clone(), first.dtype), Spec::new(shape, DType::Int64)])
            }
            Sort::Search { .. } => Specs::from_iter([Spec::new(inputs[1].shape.clone(), DType::Int64)]),
        })
    }
}
