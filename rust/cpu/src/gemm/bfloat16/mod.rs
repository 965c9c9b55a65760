//! Products by instructions for bfloat16, where [`Precision::Bfloat16`] allows them and the processor has them.
//!
//! Operands of float32 are rounded while they are packed. An element of C is one float32 sum over the depth, whose order
//! depends on the instruction alone: neither on strides nor on threads.

mod pack;
#[cfg(test)]
mod tests;

use std::ops::Range;

use tenfold_ir::kernel::Precision;

use super::blocks::{DEPTH_BLOCK, FINISHED_COLUMNS, Target, depth_blocks, even_pieces};
use super::micro_kernel::pairs::{EDGE, PairKernel, PairTile, STEPS};
#[cfg(target_arch = "x86_64")]
use super::micro_kernel::{amx, avx512_bf16};
use super::parts::{Factors, multiply_by};
use super::scratch::Scratch;
use super::{CheckedOutput, Epilogue, Gemm};
#[cfg(target_arch = "x86_64")]
use crate::simd::{Tier, tier};
use pack::{Narrow, Side, pack, packed_bytes};

/// With fewer rows, columns or steps than this, tiles would be mostly empty.
const LEAST_EXTENT: usize = 8;

/// Rows of A packed at once: 128 × 256 take 64 KB.
const ROW_BLOCK: usize = 128;

/// Columns of B packed at once: 256 × 1024 take 512 KB.
const COLUMN_BLOCK: usize = 1024;

/// Rows and columns of a panel: two tiles.
const PANEL: usize = 2 * EDGE;

/// Computes the product where it is allowed, large enough and this processor has an instruction for it; tells whether.
pub(super) fn multiply<S: Narrow>(
    gemm: &Gemm<'_, S>,
    c: CheckedOutput<S>,
    epilogue: Option<&Epilogue<'_, S>>,
) -> bool {
    let least = gemm.rows.min(gemm.columns).min(gemm.depth);
    if gemm.precision != Precision::Bfloat16 || least < LEAST_EXTENT {
        return false;
    }
    #[cfg(target_arch = "x86_64")]
    if tier() == Tier::Avx512 {
        if amx::is_available() {
            multiply_with::<S, amx::Amx>(gemm, c, epilogue);
            return true;
        }
        if avx512_bf16::is_available() {
            multiply_with::<S, avx512_bf16::Avx512Bfloat16>(gemm, c, epilogue);
            return true;
        }
    }
    let _ = (c, epilogue);
    false
}

/// The product by a kernel that this processor has.
fn multiply_with<S: Narrow, K: PairKernel>(
    gemm: &Gemm<'_, S>,
    c: CheckedOutput<S>,
    epilogue: Option<&Epilogue<'_, S>>,
) {
    let speed = (K::PRODUCTS_PER_NANOSECOND, PANEL);
    multiply_by(gemm, c, epilogue, speed, None, packed_product::<S, K>);
}

/// Computes the part `rows × columns` of C. `finished` as for [`super::blocks::packed_product`].
///
/// # Safety
/// The processor has the kernel's instruction; the ranges lie within the operands, and `c` has room for the part.
unsafe fn packed_product<S: Narrow, K: PairKernel>(
    factors: &Factors<'_, S, f32>,
    rows: Range<usize>,
    columns: Range<usize>,
    c: Target<f32>,
    finished: &mut dyn FnMut(Range<usize>, Range<usize>),
) {
    let (a, b, depth) = (&factors.a, &factors.b, factors.depth);
    let steps = depth.min(DEPTH_BLOCK);
    let a_bytes = packed_bytes(rows.len().min(ROW_BLOCK), steps);
    let mut scratch = Scratch::take(a_bytes + packed_bytes(columns.len().min(COLUMN_BLOCK), steps));
    let packed_a = scratch.as_mut_ptr::<u16>();
    // SAFETY: the scratch is that large.
    let packed_b = unsafe { packed_a.byte_add(a_bytes) };
    // SAFETY: the caller vouches for the instruction.
    let kernel = unsafe { K::begin() };
    for column_block in even_pieces(columns.clone(), COLUMN_BLOCK, PANEL) {
        for steps in depth_blocks(depth) {
            // Numbers of a line in a panel.
            let line = steps.len().next_multiple_of(STEPS);
            for row_block in even_pieces(rows.clone(), ROW_BLOCK, PANEL) {
                // SAFETY: the caller vouches for the operands and for C; the scratch has room for a block of each
                // operand, whose panels are full but for the last, so that each begins at its first line.
                unsafe {
                    for panel in row_block.clone().step_by(PANEL) {
                        let target = packed_a.add((panel - row_block.start) * line);
                        let lines = panel..(panel + PANEL).min(row_block.end);
                        pack(a, Side::A, lines, steps.clone(), target);
                    }
                    for some in even_pieces(column_block.clone(), FINISHED_COLUMNS, PANEL) {
                        for panel in some.clone().step_by(PANEL) {
                            let packed_b = packed_b.add((panel - column_block.start) * line);
                            let panel = panel..(panel + PANEL).min(some.end);
                            if row_block.start == rows.start {
                                pack(b, Side::B, panel.clone(), steps.clone(), packed_b);
                            }
                            for row in row_block.clone().step_by(PANEL) {
                                let panel_c = Target {
                                    data: c.data.offset(
                                        (row - rows.start) as isize * c.row_stride
                                            + (panel.start - columns.start) as isize,
                                    ),
                                    row_stride: c.row_stride,
                                };
                                let block = PanelProduct {
                                    a: packed_a.add((row - row_block.start) * line),
                                    rows: PANEL.min(row_block.end - row),
                                    b: packed_b,
                                    columns: panel.len(),
                                    groups: line / STEPS,
                                    accumulate: steps.start > 0,
                                };
                                block.run(&kernel, panel_c);
                            }
                        }
                        if steps.end == depth {
                            finished(row_block.clone(), some);
                        }
                    }
                }
            }
        }
    }
    drop(kernel);
    scratch.give_back();
}

/// A panel of A times a panel of B.
struct PanelProduct {
    a: *const u16,
    rows: usize,
    b: *const u16,
    columns: usize,
    groups: usize,
    accumulate: bool,
}

impl PanelProduct {
    /// Computes the product, at the edges of C in memory of its own, since kernels write whole tiles.
    ///
    /// # Safety
    /// The panels hold whole tiles, and C has room for the rows and columns.
    unsafe fn run(&self, kernel: &impl PairKernel, c: Target<f32>) {
        let tile = |c: Target<f32>| PairTile {
            groups: self.groups,
            a: self.a,
            row_tiles: self.rows.div_ceil(EDGE),
            b: self.b,
            column_tiles: self.columns.div_ceil(EDGE),
            c: c.data,
            c_row_stride: c.row_stride,
            accumulate: self.accumulate,
        };
        // SAFETY: the caller's; rows and columns are at most those of the whole tiles.
        unsafe {
            if self.rows.is_multiple_of(EDGE) && self.columns.is_multiple_of(EDGE) {
                return kernel.multiply(&tile(c));
            }
            let mut whole = [[0.0f32; PANEL]; PANEL];
            if self.accumulate {
                for (row, sums) in whole.iter_mut().enumerate().take(self.rows) {
                    let from = c.data.offset(row as isize * c.row_stride);
                    from.copy_to_nonoverlapping(sums.as_mut_ptr(), self.columns);
                }
            }
            let edge = Target { data: whole.as_mut_ptr().cast(), row_stride: PANEL as isize };
            kernel.multiply(&tile(edge));
            for (row, sums) in whole.iter().enumerate().take(self.rows) {
                let to = c.data.offset(row as isize * c.row_stride);
                sums.as_ptr().copy_to_nonoverlapping(to, self.columns);
            }
        }
    }
}
