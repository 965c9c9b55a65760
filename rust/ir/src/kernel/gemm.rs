//! Batched matrix products.

use super::{Spec, Specs};
use crate::{DType, Error, Result, Shape};

/// `C[b…, m, n] = Σ A[b…, m, k] · B[b…, k, n]`: inputs with equal batch axes (broadcast by stride 0) in front.
///
/// Both inputs have the same dtype, any but bool. Half precisions accumulate in float32 and round once. The sum
/// over k is ascending in blocks of [`Gemm::BLOCK_K`]: a fresh accumulator a block, fused multiply-adds, the first
/// block stored, the later ones added.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Gemm;

impl Gemm {
    /// Elements of k that are accumulated before they are added to the result.
    pub const BLOCK_K: usize = 256;

    pub(super) fn results(&self, inputs: &[Spec]) -> Result<Specs> {
        let (a, b) = (&inputs[0], &inputs[1]);
        if a.dtype != b.dtype || a.dtype == DType::Bool {
            return Err(Error::dtype("matmul", format!("got {} and {}", a.dtype, b.dtype)));
        }
        let rank = a.shape.rank();
        let fits = rank >= 2
            && b.shape.rank() == rank
            && a.shape[..rank - 2] == b.shape[..rank - 2]
            && a.shape[rank - 1] == b.shape[rank - 2];
        if !fits {
            return Err(Error::shape(
                "matmul",
                format!("shapes do not fit; got {} and {}", a.shape, b.shape),
            ));
        }
        let mut shape = Shape::new(&a.shape);
        shape.extents_mut()[rank - 1] = b.shape[rank - 1];
        Ok(Specs::from_iter([Spec::new(Shape::checked("matmul", &shape)?, a.dtype)]))
    }
}
