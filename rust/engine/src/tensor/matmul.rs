//! Matrix products.

use tenfold_ir::kernel::{Gemm, Precision};
use tenfold_ir::{Core, Error, Result, Shape, promote_types};

use super::Tensor;
use crate::autocast;
use crate::autograd::{Context, Derivative, Gradients, Saved, record_gradient};

/// The gradients of a batched product: `gA = g Bᴴ`, `gB = Aᴴ g`.
///
/// They may be computed as the product itself.
#[derive(Debug)]
struct GemmDerivative(Precision);

impl Derivative for GemmDerivative {
    fn name(&self) -> &str {
        "matmul"
    }

    fn gradients(&self, context: &Context<'_>) -> Result<Gradients> {
        let gradient = context.gradient(0);
        let (a, b) = (context.saved(0), context.saved(1));
        let adjoint = |matrix: &Tensor| -> Result<Tensor> {
            let transposed = matrix.transpose(-2, -1)?;
            if matrix.dtype().is_complex() { transposed.conj() } else { Ok(transposed) }
        };
        let of_a = context.needs(0).then(|| gradient.gemm(&adjoint(b)?, self.0)).transpose()?;
        let of_b = context.needs(1).then(|| adjoint(a)?.gemm(gradient, self.0)).transpose()?;
        Ok(Gradients::from_iter([of_a, of_b]))
    }
}

/// The gradients of `x · wᵀ` for matrices: `gx = g w̄`, `gw = gᵀ x̄`.
#[derive(Debug)]
struct TransposedGemmDerivative(Precision);

impl Derivative for TransposedGemmDerivative {
    fn name(&self) -> &str {
        "matmul"
    }

    fn gradients(&self, context: &Context<'_>) -> Result<Gradients> {
        let gradient = context.gradient(0);
        let (x, w) = (context.saved(0), context.saved(1));
        let conjugate = |matrix: &Tensor| -> Result<Tensor> {
            if matrix.dtype().is_complex() { matrix.conj() } else { Ok(matrix.clone()) }
        };
        let of_x = context.needs(0).then(|| gradient.gemm(&conjugate(w)?, self.0)).transpose()?;
        let of_w =
            context.needs(1).then(|| gradient.permuted(&[1, 0])?.gemm(&conjugate(x)?, self.0)).transpose()?;
        Ok(Gradients::from_iter([of_x, of_w]))
    }
}

impl Tensor {
    /// `self · otherᵀ` for a matrix `other` of the same dtype: `(…, k)` and `(n, k)` give `(…, n)`.
    ///
    /// The gradient of `other` comes out dense, where that of a transposed matrix would be transposed itself.
    pub(crate) fn matmul_transposed(&self, other: &Tensor) -> Result<Tensor> {
        if self.rank() == 0 || self.dtype() == tenfold_ir::DType::Bool {
            return self.matmul(&other.transpose(0, 1)?);
        }
        let (n, k) = (other.shape()[0], other.shape()[1]);
        let outer = Shape::new(&self.shape()[..self.rank() - 1]);
        let x = self.reshaped(&Shape::from([outer.elements(), k]))?;
        let transposed = other.detach().permuted(&[1, 0])?;
        let precision = autocast::precision(self.dtype());
        let mut results = Tensor::record_core(Core::Gemm(Gemm { precision }), &[&x, &transposed])?;
        let saved = [Saved::Input(0), Saved::Input(1)];
        record_gradient(&mut results, &[&x, other], TransposedGemmDerivative(precision), &saved);
        results.remove(0).reshaped(&outer.with(outer.rank(), n))
    }

    /// The product of matrices with equal batch axes in front.
    fn gemm(&self, other: &Tensor, precision: Precision) -> Result<Tensor> {
        let mut results = Tensor::record_core(Core::Gemm(Gemm { precision }), &[self, other])?;
        let saved = [Saved::Input(0), Saved::Input(1)];
        record_gradient(&mut results, &[self, other], GemmDerivative(precision), &saved);
        Ok(results.remove(0))
    }

    /// The matrix product over the last two axes; batch axes in front broadcast. A tensor with one axis is a row on
    /// the left and a column on the right, and that axis is gone from the result.
    pub fn matmul(&self, other: &Tensor) -> Result<Tensor> {
        let wrong = |what: &str| {
            Error::shape("matmul", format!("{what}; got {} and {}", self.shape(), other.shape()))
        };
        if self.rank() == 0 || other.rank() == 0 {
            return Err(wrong("both operands need at least one axis"));
        }
        let (a, b) = (&*autocast::lowered(self)?, &*autocast::lowered(other)?);
        let dtype = promote_types(a.dtype(), b.dtype()).map_err(|error| error.in_operation("matmul"))?;
        if dtype == tenfold_ir::DType::Bool {
            return Err(
                Error::dtype("matmul", "not defined for bool").hint("convert to an integer dtype first")
            );
        }
        let precision = autocast::precision(dtype);
        let a = if a.rank() == 1 { a.unsqueeze(0)? } else { a.clone() }.cast(dtype)?;
        let b = if b.rank() == 1 { b.unsqueeze(1)? } else { b.clone() }.cast(dtype)?;
        let (m, k) = (a.shape()[a.rank() - 2], a.shape()[a.rank() - 1]);
        let n = b.shape()[b.rank() - 1];
        if b.shape()[b.rank() - 2] != k {
            return Err(wrong("inner extents differ")
                .hint("the last axis of the first must match the last but one of the second"));
        }
        let (a_batch, b_batch) =
            (Shape::new(&a.shape()[..a.rank() - 2]), Shape::new(&b.shape()[..b.rank() - 2]));

        let product = if b_batch.rank() == 0 && a_batch.rank() > 0 {
            // One matrix on the right: the batch joins the rows of one large product, however it lies; a copy is a
            // pass over it. One product a batch would sum the matrix's gradient in another order, and store each.
            let rows = a_batch.elements() * m;
            let flat = a.reshaped(&Shape::from([rows, k]))?.gemm(&b, precision)?;
            let shape: Shape = a_batch.iter().copied().chain([m, n]).collect();
            flat.reshaped(&shape)?
        } else {
            let batch = a_batch.broadcast(&b_batch).ok_or_else(|| wrong("batch axes do not broadcast"))?;
            let with_batch = |tensor: &Tensor| -> Tensor {
                let shape: Shape =
                    batch.iter().chain(&tensor.shape()[tensor.rank() - 2..]).copied().collect();
                tensor.broadcast(&shape).expect("the batch broadcasts")
            };
            with_batch(&a).gemm(&with_batch(&b), precision)?
        };
        match (self.rank(), other.rank()) {
            (1, 1) => product.squeeze(&[-2, -1]),
            (1, _) => product.squeeze(&[-2]),
            (_, 1) => product.squeeze(&[-1]),
            _ => Ok(product),
        }
    }
}
