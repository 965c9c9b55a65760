//! Reading and writing by index, and assembling tensors from pieces.

use super::{Spec, Specs};
use crate::{Boolean, DType, Element, Error, Layout, Result, Shape};

/// What a write does to the element that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ScatterMode {
    /// Replaces it; of several writes the last in row-major order of the indices stays.
    Assign,
    /// Adds to it, in row-major order of the indices. Half precisions round after each addition.
    Add,
    /// Multiplies it, in row-major order of the indices.
    Multiply,
    /// The larger of both; NaN wins.
    Max,
    /// The smaller of both; NaN wins.
    Min,
}

/// Operations that move elements by address. Indices are int64; negative ones count from the end. An index out of
/// range is an error and leaves the outputs undefined.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Index {
    /// `x (I₁ … I_k, rest…), k index tensors of shape B → (B…, rest…)`: `out[b] = x[i₁[b], …, i_k[b]]`.
    Gather {
        /// The number k of leading axes that are indexed.
        axes: usize,
    },
    /// `base (I₁ … I_k, rest…), k index tensors of shape B, values (B…, rest…) → as base`, with the values written.
    Scatter {
        /// The number k of leading axes that are indexed.
        axes: usize,
        /// What a write does.
        mode: ScatterMode,
    },
    /// `x, index → as index`: `out[i, j, …] = x[…, index[i, j, …], …]` with the index along `axis`. Other axes of the
    /// index are at most those of x.
    TakeAlong {
        /// The indexed axis.
        axis: usize,
    },
    /// `base, index, values (at least as long as index along each axis) → as base`: the reverse of `TakeAlong`.
    PutAlong {
        /// The indexed axis.
        axis: usize,
        /// What a write does.
        mode: ScatterMode,
    },
    /// `base, values → as base`, with the values written where `region` (a layout over the dense base) points.
    /// Overlapping writes: the last in row-major order stays.
    Overlay {
        /// Where in the base, in elements; has the shape of the values.
        region: Layout,
    },
    /// `values → zeros of shape`, with the values added where `region` points: the gradient of a view.
    Spread {
        /// Where, in elements; has the shape of the values.
        region: Layout,
        /// The shape of the result.
        shape: Shape,
    },
    /// Tensors of one dtype, equal but along `axis`, joined there.
    Concatenate {
        /// The axis along which they are joined.
        axis: usize,
    },
    /// `mask (bool) → (count, rank)` int64: the indices of the true elements in row-major order.
    NonZero {
        /// How many are true; found beforehand.
        count: usize,
    },
}

impl Index {
    /// The name in messages and reports.
    pub fn name(&self) -> &'static str {
        match self {
            Index::Gather { .. } => "gather",
            Index::Scatter { .. } => "scatter",
            Index::TakeAlong { .. } => "take_along",
            Index::PutAlong { .. } => "put_along",
            Index::Overlay { .. } => "overlay",
            Index::Spread { .. } => "spread",
            Index::Concatenate { .. } => "concatenate",
            Index::NonZero { .. } => "nonzero",
        }
    }

    pub(super) fn results(&self, inputs: &[Spec]) -> Result<Specs> {
        let first = &inputs[0];
        let same = Ok(Specs::from_iter([first.clone()]));
        match self {
            Index::Gather { axes } => {
                let shape: Shape = inputs[1].shape.iter().chain(&first.shape[*axes..]).copied().collect();
                Ok(Specs::from_iter([Spec::new(Shape::checked("index", &shape)?, first.dtype)]))
            }
            Index::TakeAlong { .. } => {
                Ok(Specs::from_iter([Spec::new(inputs[1].shape.clone(), first.dtype)]))
            }
            Index::Scatter { mode, .. } | Index::PutAlong { mode, .. } => {
                let ordered = matches!(mode, ScatterMode::Max | ScatterMode::Min);
                let arithmetic = !matches!(mode, ScatterMode::Assign);
                if (ordered && first.dtype.is_complex())
                    || (arithmetic && first.dtype == <Boolean as Element>::DTYPE)
                {
                    return Err(Error::dtype(
                        self.name(),
                        format!("{mode:?} is not defined for {}", first.dtype),
                    ));
                }
                same
            }
            Index::Overlay { .. } => same,
            Index::Spread { shape, .. } => Ok(Specs::from_iter([Spec::new(shape.clone(), first.dtype)])),
            Index::Concatenate { axis } => {
                let mut shape = first.shape.clone();
                shape.extents_mut()[*axis] = inputs.iter().map(|input| input.shape[*axis]).sum();
                Ok(Specs::from_iter([Spec::new(Shape::checked("concat", &shape)?, first.dtype)]))
            }
            Index::NonZero { count } => {
                Ok(Specs::from_iter([Spec::new(Shape::from([*count, first.shape.rank()]), DType::Int64)]))
            }
        }
    }
}
