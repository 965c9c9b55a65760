//! Convolution and its gradients.

use smallvec::SmallVec;

use super::{Spec, Specs};
use crate::{Error, Result, Shape};

/// Which of the three products of a convolution.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ConvolutionKind {
    /// `input (N, C, spatial…), weight (O, C/groups, kernel…) → (N, O, out…)` (cross-correlation, as in PyTorch).
    Forward,
    /// `gradient (N, O, out…), weight → (N, C, spatial…)`; also the transposed convolution.
    InputGradient {
        /// The spatial extents of the input.
        input: SmallVec<[usize; 3]>,
    },
    /// `input, gradient → (O, C/groups, kernel…)`.
    WeightGradient {
        /// The spatial extents of the kernel.
        kernel: SmallVec<[usize; 3]>,
    },
}

impl ConvolutionKind {
    /// The name in messages and reports.
    pub fn name(&self) -> &'static str {
        match self {
            ConvolutionKind::Forward => "convolution",
            ConvolutionKind::InputGradient { .. } => "convolution_input_gradient",
            ConvolutionKind::WeightGradient { .. } => "convolution_weight_gradient",
        }
    }
}

/// A convolution over 1 to 3 spatial axes. All inputs have one floating dtype.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Convolution {
    /// Which product.
    pub kind: ConvolutionKind,
    /// Step between outputs, one a spatial axis.
    pub stride: SmallVec<[usize; 3]>,
    /// Zeros before and after each spatial axis.
    pub padding: SmallVec<[(usize, usize); 3]>,
    /// Step between elements of the kernel.
    pub dilation: SmallVec<[usize; 3]>,
    /// Channels are split into this many independent groups.
    pub groups: usize,
}

impl Convolution {
    /// The extent of the output along a spatial axis, or `None` where the kernel does not fit.
    pub fn output_extent(&self, axis: usize, input: usize, kernel: usize) -> Option<usize> {
        let (before, after) = self.padding[axis];
        let reach = self.dilation[axis].checked_mul(kernel.checked_sub(1)?)?.checked_add(1)?;
        let room = input.checked_add(before)?.checked_add(after)?.checked_sub(reach)?;
        Some(room / self.stride[axis] + 1)
    }

    /// Multiplications, those with padding included.
    pub(super) fn products(&self, inputs: &[Spec]) -> usize {
        let (first, second) = (&inputs[0].shape, &inputs[1].shape);
        let of = |extents: &[usize]| extents.iter().product::<usize>();
        match &self.kind {
            // Each filter over each pixel that comes out.
            ConvolutionKind::Forward => match self.results(inputs) {
                Ok(results) => results[0].shape.elements() * of(&second[1..]),
                Err(_) => 0,
            },
            ConvolutionKind::InputGradient { .. } => first.elements() * of(&second[1..]),
            ConvolutionKind::WeightGradient { kernel } => {
                second.elements() * of(kernel) * (first[1] / self.groups.max(1))
            }
        }
    }

    pub(super) fn results(&self, inputs: &[Spec]) -> Result<Specs> {
        let name = self.kind.name();
        let (first, second) = (&inputs[0], &inputs[1]);
        if !first.dtype.is_floating() || first.dtype != second.dtype {
            return Err(Error::dtype(
                name,
                format!("needs one floating dtype; got {} and {}", first.dtype, second.dtype),
            ));
        }
        let spatial = self.stride.len();
        let wrong =
            || Error::shape(name, format!("shapes do not fit; got {} and {}", first.shape, second.shape));
        if first.shape.rank() != spatial + 2 || second.shape.rank() != spatial + 2 {
            return Err(wrong());
        }
        let shape: Shape = match &self.kind {
            ConvolutionKind::Forward => {
                if first.shape[1] != second.shape[1] * self.groups
                    || !second.shape[0].is_multiple_of(self.groups)
                {
                    return Err(wrong());
                }
                let mut extents: SmallVec<[usize; 5]> =
                    SmallVec::from_slice(&[first.shape[0], second.shape[0]]);
                for axis in 0..spatial {
                    extents.push(
                        self.output_extent(axis, first.shape[axis + 2], second.shape[axis + 2])
                            .ok_or_else(wrong)?,
                    );
                }
                Shape::new(&extents)
            }
            ConvolutionKind::InputGradient { input } => {
                if first.shape[1] != second.shape[0] || !second.shape[0].is_multiple_of(self.groups) {
                    return Err(wrong());
                }
                [first.shape[0], second.shape[1] * self.groups]
                    .into_iter()
                    .chain(input.iter().copied())
                    .collect()
            }
            ConvolutionKind::WeightGradient { kernel } => {
                if first.shape[0] != second.shape[0] || !first.shape[1].is_multiple_of(self.groups) {
                    return Err(wrong());
                }
                [second.shape[1], first.shape[1] / self.groups]
                    .into_iter()
                    .chain(kernel.iter().copied())
                    .collect()
            }
        };
        Ok(Specs::from_iter([Spec::new(Shape::checked(name, &shape)?, first.dtype)]))
    }
}
