//! Matrix products.

use tenfold_ir::kernel::{Gemm, Precision};
use tenfold_ir::{Core, DType, Error, Result, Shape, promote_types};

use super::{Tensor, Tensors};
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
        let adjoint = |matrix: &Tensor| conjugate(&matrix.transpose(-2, -1)?);
        let of_a = context.needs(0).then(|| gradient.gemm(&adjoint(b)?, self.0)).transpose()?;
        let of_b = context.needs(1).then(|| adjoint(a)?.gemm(gradient, self.0)).transpose()?;
        Ok(Gradients::from_iter([of_a, of_b]))
    }
}

/// The gradients of rows times a matrix, `x · w`: `gx = g wᴴ`, `gw = xᴴ g` over all rows.
#[derive(Debug)]
struct RowsDerivative(Precision);

impl Derivative for RowsDerivative {
    fn name(&self) -> &str {
        "matmul"
    }

    fn gradients(&self, context: &Context<'_>) -> Result<Gradients> {
        let gradient = context.gradient(0);
        let (x, w) = (context.saved(0), context.saved(1));
        let adjoint = |matrix: &Tensor| conjugate(&matrix.permuted(&[1, 0])?);
        let of_x = context.needs(0).then(|| gradient.rows_times(&adjoint(w)?, self.0)).transpose()?;
        let of_w = context
            .needs(1)
            .then(|| adjoint(&x.as_matrix()?)?.gemm(&gradient.as_matrix()?, self.0))
            .transpose()?;
        Ok(Gradients::from_iter([of_x, of_w]))
    }
}

/// The gradients of `x · wᵀ`: `gx = g w̄`, `gw = gᵀ x̄` over all rows.
#[derive(Debug)]
struct TransposedRowsDerivative(Precision);

impl Derivative for TransposedRowsDerivative {
    fn name(&self) -> &str {
        "matmul"
    }

    fn gradients(&self, context: &Context<'_>) -> Result<Gradients> {
        let gradient = context.gradient(0);
        let (x, w) = (context.saved(0), context.saved(1));
        let of_x = context.needs(0).then(|| gradient.rows_times(&conjugate(w)?, self.0)).transpose()?;
        let of_w = context
            .needs(1)
            .then(|| gradient.as_matrix()?.permuted(&[1, 0])?.gemm(&conjugate(&x.as_matrix()?)?, self.0))
            .transpose()?;
        Ok(Gradients::from_iter([of_x, of_w]))
    }
}

fn conjugate(matrix: &Tensor) -> Result<Tensor> {
    if matrix.dtype().is_complex() { matrix.conj() } else { Ok(matrix.clone()) }
}

impl Tensor {
    /// `self · otherᵀ` for a matrix `other` of the same dtype: `(…, k)` and `(n, k)` give `(…, n)`.
    ///
    /// The gradient of `other` comes out dense, where that of a transposed matrix would be transposed itself.
    pub(crate) fn matmul_transposed(&self, other: &Tensor) -> Result<Tensor> {
        if self.rank() == 0 || self.dtype() == DType::Bool {
            return self.matmul(&other.transpose(0, 1)?);
        }
        let precision = autocast::precision(self.dtype());
        let x = if self.rank() == 1 { self.unsqueeze(0)? } else { self.in_rows()? };
        let mut results = x.record_rows(&other.detach().permuted(&[1, 0])?, precision)?;
        let saved = [Saved::Input(0), Saved::Input(1)];
        record_gradient(&mut results, &[&x, other], TransposedRowsDerivative(precision), &saved);
        let product = results.remove(0).cast(self.dtype())?;
        if self.rank() == 1 { product.squeeze(&[0]) } else { Ok(product) }
    }

    /// All axes but the last as one.
    fn as_matrix(&self) -> Result<Tensor> {
        let (rows, k) = (self.shape()[..self.rank() - 1].iter().product(), self.shape()[self.rank() - 1]);
        self.reshaped(&Shape::from([rows, k]))
    }

    /// The same tensor, copied if its rows are not the same distance apart throughout.
    pub(crate) fn in_rows(&self) -> Result<Tensor> {
        if self.rank() <= 2 { Ok(self.clone()) } else { self.as_matrix()?.reshaped(self.shape()) }
    }

    /// Records rows, the last axis, times a matrix. The backend joins axes in front of the rows that share a matrix to one
    /// large product; the result has them, so that what follows may be its epilogue.
    fn record_rows(&self, matrix: &Tensor, precision: Precision) -> Result<Tensors> {
        let batch = &self.shape()[..self.rank() - 2];
        let shape: Shape = batch.iter().chain(matrix.shape().iter()).copied().collect();
        let matrices = matrix.detach().broadcast(&shape).expect("axes in front");
        Tensor::record_core(Core::Gemm(Gemm { precision }), &[self, &matrices])
    }

    /// Rows, as [`Tensor::in_rows`] has them, times a matrix.
    fn rows_times(&self, matrix: &Tensor, precision: Precision) -> Result<Tensor> {
        let x = self.in_rows()?;
        let mut results = x.record_rows(matrix, precision)?;
        let saved = [Saved::Input(0), Saved::Input(1)];
        record_gradient(&mut results, &[&x, matrix], RowsDerivative(precision), &saved);
        Ok(results.remove(0))
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
        let product = self.wide_matmul(other)?;
        if product.dtype() != DType::Int32 {
            return Ok(product);
        }
        // Sums of int8 are wider than a product of int8 may be.
        product.cast(promote_types(self.dtype(), other.dtype())?)
    }

    /// As [`Tensor::matmul`], but the product of int8 is int32, in which it is summed.
    pub fn wide_matmul(&self, other: &Tensor) -> Result<Tensor> {
        let wrong = |what: &str| {
            Error::shape("matmul", format!("{what}; got {} and {}", self.shape(), other.shape()))
        };
        if self.rank() == 0 || other.rank() == 0 {
            return Err(wrong("both operands need at least one axis"));
        }
        let (a, b) = (&*autocast::lowered(self)?, &*autocast::lowered(other)?);
        let dtype = promote_types(a.dtype(), b.dtype()).map_err(|error| error.in_operation("matmul"))?;
        if dtype == DType::Bool {
            return Err(
                Error::dtype("matmul", "not defined for bool").hint("convert to an integer dtype first")
            );
        }
        let precision = autocast::precision(dtype);
        let a = if a.rank() == 1 { a.unsqueeze(0)? } else { a.clone() }.cast(dtype)?;
        let b = if b.rank() == 1 { b.unsqueeze(1)? } else { b.clone() }.cast(dtype)?;
        if b.shape()[b.rank() - 2] != a.shape()[a.rank() - 1] {
            return Err(wrong("inner extents differ")
                .hint("the last axis of the first must match the last but one of the second"));
        }
        let (a_batch, b_batch) =
            (Shape::new(&a.shape()[..a.rank() - 2]), Shape::new(&b.shape()[..b.rank() - 2]));

        let product = if b_batch.rank() == 0 && a_batch.rank() > 0 {
            // One matrix on the right: one product a batch would sum its gradient in another order, and store each.
            a.rows_times(&b, precision)?
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
