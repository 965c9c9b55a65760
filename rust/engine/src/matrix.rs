//! What orthogonal matrices are made with: Householder reflections, the exponential, and linear equations.
//!
//! Matrices are the last two axes; axes before them are batches.

use std::sync::Arc;

use tenfold_ir::kernel::{HostFunction, HostInput, HostOutput, Spec};
use tenfold_ir::{DType, Error, Result, Shape};

use crate::{HostDerivative, Tensor};

/// An error unless the tensor holds real floating matrices; their numbers of rows and columns.
fn check_matrices(operation: &'static str, x: &Tensor) -> Result<(usize, usize)> {
    if !x.dtype().is_floating() {
        return Err(Error::dtype(operation, format!("needs a floating dtype; got {}", x.dtype())));
    }
    match x.shape()[..] {
        [.., rows, columns] => Ok((rows, columns)),
        _ => Err(Error::shape(operation, format!("needs at least 2 axes; got shape {}", x.shape()))),
    }
}

fn check_square(operation: &'static str, x: &Tensor) -> Result<usize> {
    let (rows, columns) = check_matrices(operation, x)?;
    if rows == columns {
        return Ok(rows);
    }
    Err(Error::shape(operation, format!("needs square matrices; got shape {}", x.shape())))
}

/// The decomposition into reflections: see [`reflections`].
struct Reflections;

impl HostFunction for Reflections {
    fn name(&self) -> &str {
        "reflections"
    }

    fn outputs(&self, inputs: &[Spec]) -> Result<Vec<Spec>> {
        let shape = &inputs[0].shape;
        let rank = shape.rank();
        let width = shape[rank - 2].min(shape[rank - 1]);
        let scales = shape.without(rank - 1).replaced(rank - 2, width);
        Ok(vec![inputs[0].clone(), Spec::new(scales, DType::Float64)])
    }

    fn run(&self, inputs: &[HostInput<'_>], outputs: &mut [HostOutput<'_>]) -> Result<()> {
        let mut matrices = inputs[0].elements::<f64>().into_owned();
        let shape = &inputs[0].spec.shape;
        let (rows, columns) = (shape[shape.rank() - 2], shape[shape.rank() - 1]);
        let width = rows.min(columns);
        let [reduced, scales] = outputs else {
            return Err(Error::state("reflections", "needs two outputs"));
        };
        let scales: &mut [f64] = bytemuck::cast_slice_mut(scales.bytes);
        if width > 0 {
            let parts = matrices.chunks_exact_mut(rows * columns).zip(scales.chunks_exact_mut(width));
            parts.for_each(|(matrix, scales)| reflect(matrix, rows, columns, scales));
        }
        reduced.bytes.copy_from_slice(bytemuck::cast_slice(&matrices));
        Ok(())
    }
}

/// Reduces one matrix in place: R on and above the diagonal, the reflections' vectors below it.
fn reflect(matrix: &mut [f64], rows: usize, columns: usize, scales: &mut [f64]) {
    for (k, scale) in scales.iter_mut().enumerate() {
        let at = |row: usize, column: usize| row * columns + column;
        let below: f64 = (k + 1..rows).map(|row| matrix[at(row, k)].powi(2)).sum();
        let head = matrix[at(k, k)];
        if below == 0.0 {
            *scale = 0.0;
            continue;
        }
        // The sign that does not cancel.
        let length = -(head * head + below).sqrt().copysign(head);
        *scale = (length - head) / length;
        for row in k + 1..rows {
            matrix[at(row, k)] /= head - length;
        }
        matrix[at(k, k)] = length;
        for column in k + 1..columns {
            let along: f64 = (k + 1..rows).map(|row| matrix[at(row, k)] * matrix[at(row, column)]).sum();
            let amount = *scale * (matrix[at(k, column)] + along);
            matrix[at(k, column)] -= amount;
            for row in k + 1..rows {
                matrix[at(row, column)] -= amount * matrix[at(row, k)];
            }
        }
    }
}

/// The QR decomposition as Householder reflections: a tensor in the shape of `x` with R on and above the diagonal and, in
/// each column below it, the vector of a reflection `I − scale · v · vᵀ` (whose first element, 1, is left out); and the
/// scales. It has no gradient.
pub fn reflections(x: &Tensor) -> Result<(Tensor, Tensor)> {
    check_matrices("reflections", x)?;
    let wide = x.detach().cast(DType::Float64)?;
    let mut results = Tensor::host(Arc::new(Reflections), None, &[&wide])?;
    let scales = results.remove(1).cast(x.dtype())?;
    Ok((results.remove(0).cast(x.dtype())?, scales))
}

/// The first columns of the product of reflections `I − scale · v · vᵀ`: vectors are the columns of `x` `(…, n, k)` below
/// the diagonal, with a 1 on it, and scales have shape `(…, k)`.
pub fn householder_product(x: &Tensor, scales: &Tensor) -> Result<Tensor> {
    let name = "householder_product";
    let (rows, columns) = check_matrices(name, x)?;
    let expected = x.shape().without(x.rank() - 1).replaced(x.rank() - 2, columns);
    if rows < columns || *scales.shape() != expected {
        return Err(Error::shape(
            name,
            format!(
                "needs vectors (…, n, k) with n at least k, and scales (…, k); got shapes {} and {}",
                x.shape(),
                scales.shape()
            ),
        ));
    }
    let identity = Tensor::eye(rows, columns, 0, x.dtype())?;
    let vectors = x.tril(-1)?.add(&identity)?;
    let mut product = identity.broadcast_to(x.shape())?;
    for k in (0..columns).rev() {
        let vector = vectors.slice(-1, k, 1, 1)?;
        let along = vector.matrix_transpose()?.matmul(&product)?;
        let scale = scales.slice(-1, k, 1, 1)?.unsqueeze(-1)?;
        product = product.subtract(&vector.multiply(&scale)?.matmul(&along)?)?;
    }
    Ok(product)
}

/// The exponential of square matrices, by scaling, a polynomial of degree 18, and squaring.
///
/// Higham 2008, "Functions of matrices", chapter 10. With a norm of at most 1/2 the remainder is below 1e-22.
pub fn matrix_exp(x: &Tensor) -> Result<Tensor> {
    const DEGREE: u32 = 18;
    let size = check_square("matrix_exp", x)?;
    if x.elements() == 0 {
        return Ok(x.clone());
    }
    let wide = x.cast(x.dtype().compute())?;
    let norm = wide
        .detach()
        .every_sample()
        .abs()?
        .sum(Some(&[-1]), false, None)?
        .amax(None, false)?
        .item()?
        .to_f64();
    if !norm.is_finite() {
        return x.multiply(f64::NAN);
    }
    let squarings = (2.0 * norm).log2().ceil().max(0.0) as u32;
    let scaled = wide.multiply(0.5f64.powi(squarings as i32))?;
    let identity = Tensor::eye(size, size, 0, wide.dtype())?;
    let mut sum = identity.broadcast_to(x.shape())?;
    for degree in (1..=DEGREE).rev() {
        sum = scaled.matmul(&sum)?.divide(f64::from(degree))?.add(&identity)?;
    }
    for _ in 0..squarings {
        sum = sum.matmul(&sum)?;
    }
    sum.cast(x.dtype())
}

/// Gaussian elimination: see [`solve`].
struct Solve;

impl HostFunction for Solve {
    fn name(&self) -> &str {
        "solve"
    }

    fn outputs(&self, inputs: &[Spec]) -> Result<Vec<Spec>> {
        Ok(vec![inputs[1].clone()])
    }

    fn run(&self, inputs: &[HostInput<'_>], outputs: &mut [HostOutput<'_>]) -> Result<()> {
        let (mut matrices, mut sides) =
            (inputs[0].elements::<f64>().into_owned(), inputs[1].elements::<f64>().into_owned());
        let shape = &inputs[1].spec.shape;
        let (size, columns) = (shape[shape.rank() - 2], shape[shape.rank() - 1]);
        if size > 0 && columns > 0 {
            let parts = matrices.chunks_exact_mut(size * size).zip(sides.chunks_exact_mut(size * columns));
            parts.for_each(|(matrix, side)| eliminate(matrix, side, size, columns));
        }
        outputs[0].bytes.copy_from_slice(bytemuck::cast_slice(&sides));
        Ok(())
    }
}

/// Brings the largest element of column `k`, from row `k` on, to row `k`; gives the row that it came from.
fn take_pivot(matrix: &mut [f64], size: usize, k: usize) -> usize {
    let larger = |a: &usize, b: &usize| matrix[a * size + k].abs().total_cmp(&matrix[b * size + k].abs());
    let pivot = (k..size).max_by(larger).unwrap_or(k);
    if pivot != k {
        (0..size).for_each(|column| matrix.swap(k * size + column, pivot * size + column));
    }
    pivot
}

/// Takes row `k` from the rows below it so that their column `k` is 0; `also` is told by which factors.
fn clear_below(matrix: &mut [f64], size: usize, k: usize, mut also: impl FnMut(usize, f64)) {
    for row in k + 1..size {
        let factor = matrix[row * size + k] / matrix[k * size + k];
        (k..size).for_each(|column| matrix[row * size + column] -= factor * matrix[k * size + column]);
        also(row, factor);
    }
}

/// Solves one system in place, with the largest element of each column as the pivot.
fn eliminate(matrix: &mut [f64], side: &mut [f64], size: usize, columns: usize) {
    for k in 0..size {
        let pivot = take_pivot(matrix, size, k);
        if pivot != k {
            (0..columns).for_each(|column| side.swap(k * columns + column, pivot * columns + column));
        }
        clear_below(matrix, size, k, |row, factor| {
            (0..columns)
                .for_each(|column| side[row * columns + column] -= factor * side[k * columns + column]);
        });
    }
    for row in (0..size).rev() {
        for column in 0..columns {
            let known: f64 =
                (row + 1..size).map(|next| matrix[row * size + next] * side[next * columns + column]).sum();
            let rest = side[row * columns + column] - known;
            side[row * columns + column] = rest / matrix[row * size + row];
        }
    }
}

/// The gradients of X in A·X = B: Aᵀ·dB = dX and dA = −dB·Xᵀ.
struct SolveDerivative;

impl HostDerivative for SolveDerivative {
    fn gradients(
        &self,
        inputs: &[Tensor],
        outputs: &[Tensor],
        gradients: &[Option<Tensor>],
    ) -> Result<Vec<Option<Tensor>>> {
        let Some(gradient) = &gradients[0] else { return Ok(vec![None, None]) };
        let of_side = solve(&inputs[0].matrix_transpose()?, gradient)?;
        let of_matrix = of_side.matmul(&outputs[0].matrix_transpose()?)?.negative()?;
        Ok(vec![Some(of_matrix), Some(of_side)])
    }
}

/// X with A·X = B, for square matrices A `(…, n, n)` and B `(…, n, k)` with the same batch axes, by Gaussian elimination
/// in float64. Where A is singular, elements are not finite.
pub fn solve(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let name = "solve";
    let size = check_square(name, a)?;
    let (rows, _) = check_matrices(name, b)?;
    let batch = |x: &Tensor| Shape::new(&x.shape()[..x.rank() - 2]);
    if rows != size || batch(a) != batch(b) {
        return Err(Error::shape(
            name,
            format!("needs matrices (…, n, n) and (…, n, k); got shapes {} and {}", a.shape(), b.shape()),
        ));
    }
    let (matrices, sides) = (a.cast(DType::Float64)?, b.cast(DType::Float64)?);
    let mut results = Tensor::host(Arc::new(Solve), Some(Arc::new(SolveDerivative)), &[&matrices, &sides])?;
    results.remove(0).cast(a.dtype())
}

/// The inverse of square matrices `(…, n, n)`, by Gaussian elimination in float64. Where one is singular, elements are
/// not finite.
pub fn inverse(x: &Tensor) -> Result<Tensor> {
    let size = check_square("inverse", x)?;
    let identity = Tensor::eye(size, size, 0, x.dtype())?.broadcast_to(x.shape())?;
    solve(x, &identity).map_err(|error| error.in_operation("inverse"))
}

/// The product of the pivots: see [`determinant`].
struct Determinant;

impl HostFunction for Determinant {
    fn name(&self) -> &str {
        "determinant"
    }

    fn outputs(&self, inputs: &[Spec]) -> Result<Vec<Spec>> {
        let shape = &inputs[0].shape;
        Ok(vec![Spec::new(Shape::new(&shape[..shape.rank() - 2]), DType::Float64)])
    }

    fn run(&self, inputs: &[HostInput<'_>], outputs: &mut [HostOutput<'_>]) -> Result<()> {
        let mut matrices = inputs[0].elements::<f64>().into_owned();
        let shape = &inputs[0].spec.shape;
        let size = shape[shape.rank() - 1];
        let results: &mut [f64] = bytemuck::cast_slice_mut(outputs[0].bytes);
        results.fill(1.0);
        if size > 0 {
            let parts = matrices.chunks_exact_mut(size * size).zip(results);
            parts.for_each(|(matrix, result)| *result = product_of_pivots(matrix, size));
        }
        Ok(())
    }
}

fn product_of_pivots(matrix: &mut [f64], size: usize) -> f64 {
    let mut product = 1.0;
    for k in 0..size {
        if take_pivot(matrix, size, k) != k {
            product = -product;
        }
        product *= matrix[k * size + k];
        if matrix[k * size + k] == 0.0 {
            return product;
        }
        clear_below(matrix, size, k, |_, _| {});
    }
    product
}

/// The gradient of det A, `det A · A⁻ᵀ`.
struct DeterminantDerivative;

impl HostDerivative for DeterminantDerivative {
    fn gradients(
        &self,
        inputs: &[Tensor],
        outputs: &[Tensor],
        gradients: &[Option<Tensor>],
    ) -> Result<Vec<Option<Tensor>>> {
        let Some(gradient) = &gradients[0] else { return Ok(vec![None]) };
        let scale = gradient.multiply(&outputs[0])?.unsqueeze(-1)?.unsqueeze(-1)?;
        Ok(vec![Some(inverse(&inputs[0])?.matrix_transpose()?.multiply(&scale)?)])
    }
}

/// The determinants of square matrices `(…, n, n)`, by Gaussian elimination in float64. The gradient of a singular matrix
/// is not finite.
pub fn determinant(x: &Tensor) -> Result<Tensor> {
    check_square("det", x)?;
    let wide = x.cast(DType::Float64)?;
    let mut results = Tensor::host(Arc::new(Determinant), Some(Arc::new(DeterminantDerivative)), &[&wide])?;
    results.remove(0).cast(x.dtype())
}
