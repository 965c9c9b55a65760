//! Pooling and its gradients.

use smallvec::SmallVec;

use super::{Spec, Specs};
use crate::{DType, Error, Result, Shape};

/// What a window becomes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PoolKind {
    /// `(N, C, spatial…) → maxima, and their indices (int64) within the flattened spatial axes`. NaN wins; the first
    /// of equals is taken.
    Max,
    /// As `Max`, over windows that divide the axes: window i of the n that `Pool::window` asks for goes from
    /// ⌊i·extent/n⌋ to ⌈(i+1)·extent/n⌉. Stride, padding and dilation have no meaning.
    AdaptiveMax,
    /// `gradient (N, C, out…), indices → (N, C, spatial…)`.
    MaxGradient {
        /// The spatial extents of the input.
        input: SmallVec<[usize; 3]>,
    },
    /// `(N, C, spatial…) → averages`.
    Average {
        /// Padding counts as zeros in the divisor.
        count_padding: bool,
        /// Divides by this instead.
        divisor: Option<usize>,
    },
    /// `gradient (N, C, out…) → (N, C, spatial…)`.
    AverageGradient {
        /// As in `Average`.
        count_padding: bool,
        /// As in `Average`.
        divisor: Option<usize>,
        /// The spatial extents of the input.
        input: SmallVec<[usize; 3]>,
    },
}

impl PoolKind {
    /// The name in messages and reports.
    pub fn name(&self) -> &'static str {
        match self {
            PoolKind::Max => "max_pool",
            PoolKind::AdaptiveMax => "adaptive_max_pool",
            PoolKind::MaxGradient { .. } => "max_pool_gradient",
            PoolKind::Average { .. } => "avg_pool",
            PoolKind::AverageGradient { .. } => "avg_pool_gradient",
        }
    }
}

/// Pooling over 1 to 3 spatial axes behind batch and channels.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pool {
    /// What a window becomes.
    pub kind: PoolKind,
    /// Extents of the window.
    pub window: SmallVec<[usize; 3]>,
    /// Step between windows.
    pub stride: SmallVec<[usize; 3]>,
    /// Room before and after each spatial axis, never chosen by max.
    pub padding: SmallVec<[usize; 3]>,
    /// Step between elements of a window.
    pub dilation: SmallVec<[usize; 3]>,
    /// The last window may reach beyond the end (but starts within the input or the left padding).
    pub ceil_mode: bool,
}

impl Pool {
    /// The number of windows along a spatial axis, or `None` where none fits.
    pub fn output_extent(&self, axis: usize, input: usize) -> Option<usize> {
        if self.kind == PoolKind::AdaptiveMax {
            return Some(self.window[axis]).filter(|_| input > 0);
        }
        let reach = self.dilation[axis].checked_mul(self.window[axis].checked_sub(1)?)?.checked_add(1)?;
        let room = (input + 2 * self.padding[axis]).checked_sub(reach);
        let stride = self.stride[axis];
        if !self.ceil_mode {
            return Some(room? / stride + 1);
        }
        // Signed: in ceil mode a window that starts within the input may be wider than it.
        let room = (input + 2 * self.padding[axis]) as i64 - reach as i64;
        let count = (room + stride as i64 - 1).div_euclid(stride as i64) + 1;
        let starts_inside = (count - 1) * (stride as i64) < (input + self.padding[axis]) as i64;
        let count = if starts_inside { count } else { count - 1 };
        usize::try_from(count).ok().filter(|&count| count > 0)
    }

    /// The elements of window `index` of an adaptive pooling along an axis of that extent.
    pub fn adaptive_window(&self, axis: usize, extent: usize, index: usize) -> std::ops::Range<usize> {
        let count = self.window[axis];
        index * extent / count..((index + 1) * extent).div_ceil(count)
    }

    pub(super) fn results(&self, inputs: &[Spec]) -> Result<Specs> {
        let first = &inputs[0];
        let name = self.kind.name();
        let maxima = matches!(self.kind, PoolKind::Max | PoolKind::AdaptiveMax);
        if !(first.dtype.is_floating() || maxima && first.dtype.is_integer()) {
            return Err(Error::dtype(name, format!("not defined for {}", first.dtype)));
        }
        let spatial = self.window.len();
        let with_spatial =
            |extents: &[usize]| -> Shape { first.shape[..2].iter().chain(extents).copied().collect() };
        if first.shape.rank() != spatial + 2 {
            return Err(Error::shape(name, format!("needs {} axes; got shape {}", spatial + 2, first.shape)));
        }
        Ok(match &self.kind {
            PoolKind::Max | PoolKind::AdaptiveMax | PoolKind::Average { .. } => {
                let mut extents: SmallVec<[usize; 3]> = SmallVec::new();
                for axis in 0..spatial {
                    extents.push(self.output_extent(axis, first.shape[axis + 2]).ok_or_else(|| {
                        Error::shape(
                            name,
                            format!("the window {:?} does not fit; got shape {}", self.window, first.shape),
                        )
                    })?);
                }
                let shape = with_spatial(&extents);
                if maxima {
                    Specs::from_vec(vec![
                        Spec::new(shape.clone(), first.dtype),
                        Spec::new(shape, DType::Int64),
                    ])
                } else {
                    Specs::from_iter([Spec::new(shape, first.dtype)])
                }
            }
            PoolKind::MaxGradient { input } | PoolKind::AverageGradient { input, .. } => {
                Specs::from_iter([Spec::new(with_spatial(input), first.dtype)])
            }
        })
    }
}
