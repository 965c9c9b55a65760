//! Matrix products `C = A · B`, batched, with operands of any strides.
//!
//! For real numbers the result is defined per element: the depth is cut into blocks of
//! 256; in each block a fresh sum begins at +0 and takes `mul_add(a, b, sum)` in ascending order;
//! the first block's sum is stored and later ones are added. Every path (packed, unpacked, a single
//! row) and every tier keeps to this, so that neither strides nor threads change a bit. f16 and bf16
//! are widened to f32, and rounded once. Only where [`Precision::Bfloat16`] is asked for may the processor's instructions
//! for bfloat16 add in their own order. Integers wrap, sums of int8 in int32; complex numbers take four products and
//! plain additions in ascending order.

mod batches;
pub(crate) mod blocks;
pub(crate) mod columns;
mod generic;
pub(crate) mod micro_kernel;
pub(crate) mod pack;
pub(crate) mod parts;
pub(crate) mod scratch;
pub(crate) mod unpacked;
mod words;

use std::ops::Range;

use half::{bf16, f16};
use num_complex::Complex;
pub use tenfold_ir::kernel::Precision;
use tenfold_ir::{Error, Result};

/// A matrix within a slice. Strides are in elements, of any sign; 0 repeats.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a, T> {
    /// The memory that holds the matrix.
    pub data: &'a [T],
    /// Distance of neighbouring rows.
    pub row_stride: isize,
    /// Distance of neighbouring columns.
    pub column_stride: isize,
}

/// Where the first elements of a batch's matrices lie in their slices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BatchOffsets {
    /// Element (0, 0) of A.
    pub a: usize,
    /// Element (0, 0) of B.
    pub b: usize,
    /// Element (0, 0) of C.
    pub c: usize,
}

/// Products of equal shape: A of `(rows, depth)` times B of `(depth, columns)`.
#[derive(Clone, Copy, Debug)]
pub struct Gemm<'a, T> {
    /// Rows of A and C.
    pub rows: usize,
    /// Columns of B and C.
    pub columns: usize,
    /// Columns of A, rows of B. Without any, C is zero.
    pub depth: usize,
    /// The left operand.
    pub a: Matrix<'a, T>,
    /// The right operand.
    pub b: Matrix<'a, T>,
    /// One entry a product.
    pub batches: &'a [BatchOffsets],
    /// What may be given up for speed.
    pub precision: Precision,
}

/// The memory of C. Columns are contiguous.
#[derive(Debug)]
pub struct Output<'a, T> {
    /// The memory that the products are written to.
    pub data: &'a mut [T],
    /// Distance of neighbouring rows, at least the number of columns.
    pub row_stride: usize,
}

/// A finished block of C, still in cache: what an epilogue works on.
#[derive(Debug)]
pub struct Block<'a, T> {
    /// The index of the product in [`Gemm::batches`].
    pub batch: usize,
    /// The block's rows of C.
    pub rows: Range<usize>,
    /// The block's columns of C.
    pub columns: Range<usize>,
    start: usize,
    data: *mut T,
    row_stride: usize,
    memory: std::marker::PhantomData<&'a mut [T]>,
}

impl<T> Block<'_, T> {
    /// The block whose first element is `output[start]`. The output must hold it, and nothing else may
    /// refer to its elements while it lives.
    pub(crate) fn new(
        batch: usize,
        (rows, columns): (Range<usize>, Range<usize>),
        output: *mut T,
        start: usize,
        row_stride: usize,
    ) -> Self {
        let data = output.wrapping_add(start);
        Block { batch, rows, columns, start, data, row_stride, memory: std::marker::PhantomData }
    }

    /// The index of the block's first element in the output's memory; rows lie [`Block::row_stride`] apart.
    pub fn start(&self) -> usize {
        self.start
    }

    /// The part of row `index` of C that lies in the block, for an index in [`Block::rows`].
    pub fn row(&mut self, index: usize) -> &mut [T] {
        assert!(self.rows.contains(&index), "row {index} is not in the block of rows {:?}", self.rows);
        // SAFETY: the block lies within C, and nothing else refers to it meanwhile.
        unsafe {
            let start = self.data.add((index - self.rows.start) * self.row_stride);
            std::slice::from_raw_parts_mut(start, self.columns.len())
        }
    }

    /// The block's first element; rows lie [`Block::row_stride`] elements apart.
    pub fn as_mut_ptr(&mut self) -> *mut T {
        self.data
    }

    /// Distance of neighbouring rows.
    pub fn row_stride(&self) -> usize {
        self.row_stride
    }
}

/// Work on finished blocks of C, from any thread. Each element is in exactly one block; a block has
/// at most 512 columns.
pub type Epilogue<'a, T> = dyn Fn(&mut Block<'_, T>) + Sync + 'a;

/// An element type with a matrix product.
pub trait GemmElement: Copy + Send + Sync + 'static {
    /// The type of C: the same, but int32 for int8, whose own sums would overflow at once.
    type Product: Copy + Send + Sync + 'static;

    /// Runs checked products.
    #[doc(hidden)]
    fn multiply(
        gemm: &Gemm<'_, Self>,
        c: CheckedOutput<Self::Product>,
        epilogue: Option<&Epilogue<'_, Self::Product>>,
    );
}

/// C's memory, found large enough for all batches, which do not overlap.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct CheckedOutput<T> {
    data: *mut T,
    row_stride: usize,
}

/// `C = A · B` for each batch, then the epilogue.
///
/// Batches must be in ascending order in C and not overlap there.
///
/// # Errors
/// When an operand or C reaches outside of its slice, or products overlap in C.
pub fn gemm<T: GemmElement>(
    gemm: &Gemm<'_, T>,
    output: Output<'_, T::Product>,
    epilogue: Option<&Epilogue<'_, T::Product>>,
) -> Result<()> {
    if gemm.rows == 0 || gemm.columns == 0 {
        return Ok(());
    }
    for batch in gemm.batches {
        if gemm.depth > 0 {
            check_extent("A", &gemm.a, batch.a, gemm.rows, gemm.depth)?;
            check_extent("B", &gemm.b, batch.b, gemm.depth, gemm.columns)?;
        }
    }
    check_output(gemm, &output)?;
    let c = CheckedOutput { data: output.data.as_mut_ptr(), row_stride: output.row_stride };
    T::multiply(gemm, c, epilogue);
    Ok(())
}

fn outside(operand: &str, rows: usize, columns: usize, length: usize) -> Error {
    Error::value(
        "matmul",
        format!("operand {operand} reaches outside of its memory; got {rows}×{columns} in {length} elements"),
    )
}

/// Checks that the least and the greatest index lie within the slice.
fn check_extent<T>(
    name: &str,
    matrix: &Matrix<'_, T>,
    offset: usize,
    rows: usize,
    columns: usize,
) -> Result<()> {
    let reach = |stride: isize, count: usize| stride as i128 * (count as i128 - 1);
    let (down, across) = (reach(matrix.row_stride, rows), reach(matrix.column_stride, columns));
    let least = offset as i128 + down.min(0) + across.min(0);
    let greatest = offset as i128 + down.max(0) + across.max(0);
    if least < 0 || greatest >= matrix.data.len() as i128 {
        return Err(outside(name, rows, columns, matrix.data.len()));
    }
    Ok(())
}

fn check_output<S, T>(gemm: &Gemm<'_, S>, output: &Output<'_, T>) -> Result<()> {
    let failed = || outside("C", gemm.rows, gemm.columns, output.data.len());
    if gemm.rows > 1 && output.row_stride < gemm.columns {
        return Err(Error::value(
            "matmul",
            format!("rows of C overlap; got {} columns at a distance of {}", gemm.columns, output.row_stride),
        ));
    }
    let extent = (gemm.rows - 1)
        .checked_mul(output.row_stride)
        .and_then(|last_row| last_row.checked_add(gemm.columns))
        .ok_or_else(failed)?;
    let mut free_from = 0;
    for batch in gemm.batches {
        if batch.c < free_from {
            return Err(Error::value("matmul", format!("products overlap in C; got one at {}", batch.c)));
        }
        free_from = batch.c.checked_add(extent).filter(|&end| end <= output.data.len()).ok_or_else(failed)?;
    }
    Ok(())
}

macro_rules! elements {
    ($($type:ty => $product:ty, |$gemm:ident, $c:ident, $epilogue:ident| $multiply:expr;)*) => {$(
        impl GemmElement for $type {
            type Product = $product;

            fn multiply(
                $gemm: &Gemm<'_, Self>,
                $c: CheckedOutput<$product>,
                $epilogue: Option<&Epilogue<'_, $product>>,
            ) {
                $multiply
            }
        }
    )*};
}

macro_rules! real_elements {
    ($($type:ty => $computed:ty $(, or $low:path)?;)*) => {
        elements! {$(
            $type => $type, |gemm, c, epilogue| {
                $(
                    if $low(gemm, c, epilogue) {
                        return;
                    }
                )?
                parts::multiply_real::<$type, $computed>(gemm, c, epilogue);
            };
        )*}
    };
}
real_elements! {
    f32 => f32, or words::multiply_bfloat16;
    f64 => f64;
    f16 => f32;
    bf16 => f32, or words::multiply_bfloat16;
}

macro_rules! ring_elements {
    ($($type:ty),*) => {
        elements! {$(
            $type => $type, |gemm, c, epilogue| parts::multiply_ring(gemm, c, epilogue);
        )*}
    };
}
ring_elements!(i16, i32, i64, u8, u16, u32, u64, Complex<f32>, Complex<f64>);

elements! {
    i8 => i32, |gemm, c, epilogue| {
        if !words::multiply_int8(gemm, c, epilogue) {
            parts::multiply_ring(gemm, c, epilogue);
        }
    };
}
