//! Batched matrix products.

use super::{Spec, Specs};
use crate::{DType, Error, Result, Shape};

/// `C[b…, m, n] = Σ A[b…, m, k] · B[b…, k, n]`: inputs with equal batch axes (broadcast by stride 0) in front.
///
/// Both inputs have the same dtype, any but bool, which is that of C as well, but int32 for int8. Half precisions accumulate in float32 and round once. The sum
/// over k is ascending in blocks of [`Gemm::BLOCK_K`]: a fresh accumulator a block, fused multiply-adds, the first
/// block stored, the later ones added. What [`Gemm::precision`] allows may take other ways.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Gemm {
    /// How exact the product must be.
    pub precision: Precision,
}

/// What a product may give up for speed, because the user asked for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Precision {
    /// Nothing: the bits are those of the definition.
    #[default]
    Exact,
    /// Operands of float32 may be rounded to bfloat16; for those and operands of bfloat16 the sums are float32 in any
    /// order, and numbers below the smallest normal one may count as zero. Other dtypes stay exact.
    Bfloat16,
}

impl Gemm {
    /// Elements of k that are accumulated before they are added to the result.
    pub const BLOCK_K: usize = 256;

    /// The dtype of a product of such operands.
    pub fn product_dtype(operands: DType) -> DType {
        if operands == DType::Int8 { DType::Int32 } else { operands }
    }

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
        Ok(Specs::from_iter([Spec::new(Shape::checked("matmul", &shape)?, Gemm::product_dtype(a.dtype))]))
    }
}
