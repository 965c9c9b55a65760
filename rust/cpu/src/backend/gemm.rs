//! Matrix products: from the kernel form to [`crate::gemm`].

use smallvec::SmallVec;
use tenfold_ir::{Complex, DType, Element, Error, Layout, Result, Shape, bf16, f16};

use super::epilogue::Finish;
use super::view::{Input, OutputView, Walk};
use crate::gemm::{BatchOffsets, Gemm, GemmElement, Matrix, Output, Precision, gemm};

/// `(batch…, rows, depth)` times `(batch…, depth, columns)`, with operands of any strides.
pub fn run(
    precision: Precision,
    inputs: &[Input<'_>],
    outputs: &mut [OutputView<'_>],
    finish: Option<&Finish>,
) -> Result<()> {
    match inputs[0].dtype {
        DType::Bool => Err(Error::dtype("matmul", "not defined for bool")),
        DType::Int8 => multiply::<i8>(precision, inputs, outputs, finish),
        DType::Int16 => multiply::<i16>(precision, inputs, outputs, finish),
        DType::Int32 => multiply::<i32>(precision, inputs, outputs, finish),
        DType::Int64 => multiply::<i64>(precision, inputs, outputs, finish),
        DType::Uint8 => multiply::<u8>(precision, inputs, outputs, finish),
        DType::Uint16 => multiply::<u16>(precision, inputs, outputs, finish),
        DType::Uint32 => multiply::<u32>(precision, inputs, outputs, finish),
        DType::Uint64 => multiply::<u64>(precision, inputs, outputs, finish),
        DType::Float16 => multiply::<f16>(precision, inputs, outputs, finish),
        DType::Bfloat16 => multiply::<bf16>(precision, inputs, outputs, finish),
        DType::Float32 => multiply::<f32>(precision, inputs, outputs, finish),
        DType::Float64 => multiply::<f64>(precision, inputs, outputs, finish),
        DType::Complex64 => multiply::<Complex<f32>>(precision, inputs, outputs, finish),
        DType::Complex128 => multiply::<Complex<f64>>(precision, inputs, outputs, finish),
    }
}

fn multiply<T: Element + GemmElement<Product: Element>>(
    precision: Precision,
    inputs: &[Input<'_>],
    outputs: &mut [OutputView<'_>],
    finish: Option<&Finish>,
) -> Result<()> {
    let ([left, right], [output]) = (inputs, outputs) else {
        return Err(Error::state("matmul", "needs two inputs and an output"));
    };
    let rank = output.shape.rank();
    let columns = output.shape[rank - 1];
    let depth = left.shape()[rank - 1];
    let (axes, rows, row_stride) = joined_rows(left, right, &output.shape);
    let batch = Shape::new(&output.shape[..axes]);
    let count = batch.elements();
    let outer = |layout: &Layout| {
        let strides = layout.strides()[..axes].iter().copied().collect();
        Walk::new(&Layout::strided(batch.clone(), strides, layout.offset()), 0)
    };
    let (mut a, mut b) = (outer(&left.layout), outer(&right.layout));
    let mut batches: SmallVec<[BatchOffsets; 1]> = SmallVec::with_capacity(count);
    for index in 0..count {
        batches.push(BatchOffsets { a: a.position(), b: b.position(), c: index * rows * columns });
        a.advance();
        b.advance();
    }
    let (a, b) = (Matrix { row_stride, ..matrix_of::<T>(left)? }, matrix_of(right)?);
    let product = Gemm { rows, columns, depth, a, b, batches: &batches, precision };
    let output = Output { data: output.values::<T::Product>()?, row_stride: columns };
    match finish {
        None => gemm(&product, output, None),
        Some(finish) => gemm(&product, output, Some(&|block| finish.block(block))),
    }
}

/// Batch axes in front of the rows that share their right matrix are more rows of one product, where rows are the same
/// distance apart throughout: the axes that are left, the rows and their distance.
fn joined_rows(left: &Input<'_>, right: &Input<'_>, shape: &Shape) -> (usize, usize, isize) {
    let (a, b) = (left.layout.strides(), right.layout.strides());
    let mut axes = shape.rank() - 2;
    let (mut rows, mut row_stride) = (shape[axes], a[axes]);
    while axes > 0 {
        let extent = shape[axes - 1];
        let goes_on = rows == 1 || a[axes - 1] == row_stride * rows as i64;
        if extent != 1 && (b[axes - 1] != 0 || !goes_on) {
            break;
        }
        axes -= 1;
        if extent != 1 {
            row_stride = if rows == 1 { a[axes] } else { row_stride };
            rows *= extent;
        }
    }
    (axes, rows, row_stride as isize)
}

fn matrix_of<'a, T: Element>(input: &Input<'a>) -> Result<Matrix<'a, T>> {
    let strides = input.layout.strides();
    let [row_stride, column_stride] = [strides[strides.len() - 2], strides[strides.len() - 1]];
    Ok(Matrix {
        data: input.values::<T>()?,
        row_stride: row_stride as isize,
        column_stride: column_stride as isize,
    })
}
