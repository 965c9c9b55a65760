//! Batches of small products: a panel of columns wide, a block of the depth deep.
//!
//! A product of 8×8×8 is 10 ns of multiplications. Which tiles it has and which kernel computes each follows from the
//! shape, and is settled once for all of them.

use std::ops::Range;

use smallvec::SmallVec;

use super::Gemm;
use super::blocks::{DEPTH_BLOCK, even_pieces};
use super::micro_kernel::{MicroKernel, Real, Tile};
use super::pack::Widen;
use super::parts::{Writer, is_narrow};

/// Of more tiles a product is long enough to settle them itself.
const MOST_TILES: usize = 16;

/// The tiles of each product of a batch: B is read in place, and there is one panel of its columns.
pub(super) struct SmallProducts<'a, S, T> {
    gemm: &'a Gemm<'a, S>,
    a: *const T,
    b: *const T,
    /// The first row of each tile, and its kernel.
    tiles: SmallVec<[(usize, MicroKernel<T>); MOST_TILES]>,
    last_columns: usize,
}

// SAFETY: the addresses are those of the operands, which are shared and only read.
unsafe impl<S: Sync, T: Sync> Sync for SmallProducts<'_, S, T> {}

impl<'a, S: Widen<T>, T: Real> SmallProducts<'a, S, T> {
    /// The products, where they are small ones of numbers that need no conversion.
    pub fn of(gemm: &'a Gemm<'a, S>) -> Option<SmallProducts<'a, S, T>> {
        let kernels = T::kernels();
        let a = S::as_computed(gemm.a.data.as_ptr())?;
        let b = S::as_computed(gemm.b.data.as_ptr())?;
        let is_small = gemm.batches.len() > 1
            && (1..=DEPTH_BLOCK).contains(&gemm.depth)
            && (1..=kernels.columns()).contains(&gemm.columns)
            && gemm.rows <= MOST_TILES * kernels.rows
            && gemm.b.column_stride == 1;
        if !is_small || is_narrow(gemm.rows, gemm.columns) {
            return None;
        }
        let vectors = kernels.vectors_for(gemm.columns);
        let pieces = even_pieces(0..gemm.rows, kernels.rows, 1);
        let tiles = pieces.map(|rows| (rows.start, kernels.unpacked(rows.len(), vectors))).collect();
        let last_columns = gemm.columns - (vectors - 1) * kernels.lanes;
        Some(SmallProducts { gemm, a, b, tiles, last_columns })
    }

    /// Computes some products of the batch.
    ///
    /// # Safety
    /// The operands were checked.
    pub unsafe fn run(&self, writer: &Writer<'_, S>, batches: Range<usize>) {
        let Gemm { a, b, depth, .. } = *self.gemm;
        for batch in batches {
            let offsets = self.gemm.batches[batch];
            for &(row, kernel) in &self.tiles {
                // `of` has seen that numbers are stored as they are computed.
                let c = writer.at(batch, row, 0).cast::<T>();
                // SAFETY: the caller's: each tile lies within one product.
                unsafe {
                    kernel(&Tile {
                        depth,
                        a: self.a.add(offsets.a).offset(row as isize * a.row_stride),
                        a_row_stride: a.row_stride,
                        a_depth_stride: a.column_stride,
                        b: self.b.add(offsets.b),
                        b_depth_stride: b.row_stride,
                        c,
                        c_row_stride: writer.c.row_stride as isize,
                        last_columns: self.last_columns,
                        accumulate: false,
                    });
                }
            }
            writer.finish(batch, 0..self.gemm.rows, 0..self.gemm.columns);
        }
    }
}
