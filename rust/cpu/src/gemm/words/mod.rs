//! Products by instructions that multiply two or four steps at once (see [`super::micro_kernel::words`]): of bfloat16,
//! where [`Precision::Bfloat16`] allows them, and of int8, whose sums in int32 are exact in any order.
//!
//! Operands of float32 are rounded while they are packed. An element of C is one sum over the depth, whose order depends on
//! the instruction alone: neither on strides nor on threads. It stays in registers or in memory that holds panels of sums,
//! and is stored once: rows of C may lie so that they share few sets of the cache.

mod pack;
#[cfg(test)]
mod tests;

use std::marker::PhantomData;
use std::ops::Range;

use tenfold_ir::kernel::Precision;

use super::blocks::{FINISHED_COLUMNS, even_pieces};
use super::columns::MOST_BYTES;
#[cfg(target_arch = "x86_64")]
use super::micro_kernel::amx;
#[cfg(target_arch = "x86_64")]
use super::micro_kernel::word_vectors::{
    Avx2Int16, Avx512Bfloat16, Avx512Int16, Avx512Vnni, has_bfloat16, has_int16_of_256, has_int16_of_512,
    has_vnni,
};
use super::micro_kernel::words::{EDGE, PANEL, PANEL_SUMS, ROW_BYTES, TILE_BYTES, Tiles, WordKernel};
use super::pack::{Strided, Widen};
use super::parts::{Part, Rounded, Writer, for_each_part, lines, wanted_parts};
use super::scratch::Scratch;
use super::{CheckedOutput, Epilogue, Gemm};
use crate::memory::HostBuffer;
use crate::simd::{Tier, on_tier, tier};
use crate::threads::for_each_chunk;
use pack::{Narrow, Side, pack};

/// With fewer rows, columns or steps than this, tiles would be mostly empty.
const LEAST_EXTENT: usize = 8;

/// Bytes of A packed at once: with the panels of sums they stay in L2 while B passes.
const A_BYTES: usize = 1 << 20;

/// Bytes of a panel of B that is multiplied by all panels of A before the next ones: it stays in L1 beside what passes of A.
const B_BYTES: usize = 16 << 10;

/// Columns of B packed at once, where parts do not share it.
const COLUMN_BLOCK: usize = 2048;

/// Bytes of a line of an operand packed at once.
const DEPTH_BYTES: usize = 4096;

/// Bytes that are packed in a nanosecond.
const PACKED_BYTES_PER_NANOSECOND: usize = 4;

/// Computes the product of bfloat16 or float32 where it is allowed, large enough and this processor has an instruction for
/// it; tells whether.
pub(super) fn multiply_bfloat16<S: Narrow<u16> + Widen<f32>>(
    gemm: &Gemm<'_, S>,
    c: CheckedOutput<S>,
    epilogue: Option<&Epilogue<'_, S>>,
) -> bool {
    if gemm.precision != Precision::Bfloat16 || !is_large(gemm) {
        return false;
    }
    #[cfg(target_arch = "x86_64")]
    if tier() == Tier::Avx512 {
        if amx::is_available() {
            multiply_by::<S, S, amx::AmxBfloat16>(gemm, c, epilogue);
            return true;
        }
        if has_bfloat16() {
            multiply_by::<S, S, Avx512Bfloat16>(gemm, c, epilogue);
            return true;
        }
    }
    let _ = (c, epilogue);
    false
}

/// Computes the product of int8 where it is large enough and this processor has an instruction for it; tells whether.
pub(super) fn multiply_int8(
    gemm: &Gemm<'_, i8>,
    c: CheckedOutput<i32>,
    epilogue: Option<&Epilogue<'_, i32>>,
) -> bool {
    if !is_large(gemm) {
        return false;
    }
    #[cfg(target_arch = "x86_64")]
    {
        let run: fn(&Gemm<'_, i8>, CheckedOutput<i32>, Option<&Epilogue<'_, i32>>) = match tier() {
            Tier::Avx512 if amx::is_available() => multiply_by::<i8, i32, amx::AmxInt8>,
            Tier::Avx512 if has_vnni() => multiply_by::<i8, i32, Avx512Vnni>,
            Tier::Avx512 if has_int16_of_512() => multiply_by::<i8, i32, Avx512Int16>,
            Tier::Avx512 | Tier::Avx2 if has_int16_of_256() => multiply_by::<i8, i32, Avx2Int16>,
            _ => return false,
        };
        run(gemm, c, epilogue);
        return true;
    }
    #[allow(unreachable_code, reason = "on other processors")]
    {
        let _ = (c, epilogue);
        false
    }
}

fn is_large<S>(gemm: &Gemm<'_, S>) -> bool {
    gemm.rows.min(gemm.columns).min(gemm.depth) >= LEAST_EXTENT
}

/// The product by a kernel that this processor has.
fn multiply_by<S: Narrow<K::Packed>, R: Widen<K::Sum>, K: WordKernel>(
    gemm: &Gemm<'_, S>,
    c: CheckedOutput<R>,
    epilogue: Option<&Epilogue<'_, R>>,
) {
    let writer = Writer { c, batches: gemm.batches, epilogue };
    let shared = SharedColumns::of_all::<S, K>(gemm);
    for_each_part(gemm, K::PRODUCTS_PER_NANOSECOND, PANEL, &|part| {
        if gemm.depth == 0 {
            return writer.clear(&part, R::round(K::Sum::default()));
        }
        let (a, b) = lines(gemm, part.batch);
        let product: Product<'_, S, R, K> = Product {
            a: &a,
            b: &b,
            depth: gemm.depth,
            part: &part,
            shared: shared.as_ref(),
            writer: &writer,
            kernel: PhantomData,
        };
        // SAFETY: `gemm` checked the operands, and the processor has the kernel's instruction.
        unsafe { product.run() }
    });
}

/// The bytes of a packed panel of so many lines over `steps` steps.
fn panel_bytes<K: WordKernel>(lines: usize, steps: usize) -> usize {
    lines.div_ceil(EDGE) * steps.div_ceil(K::STEPS) * TILE_BYTES
}

/// Panels of lines, one behind the other: all but the last are whole.
fn panel_of(lines: &Range<usize>, index: usize) -> Range<usize> {
    let first = lines.start + index * PANEL;
    first..(first + PANEL).min(lines.end)
}

/// B packed once for all parts of a product: parts that are rows of C would each pack all of it for themselves.
struct SharedColumns(HostBuffer);

impl SharedColumns {
    /// None where parts do not share it, where it is too much, or where there is no memory.
    fn of_all<S: Narrow<K::Packed>, K: WordKernel>(gemm: &Gemm<'_, S>) -> Option<SharedColumns> {
        let (_, parts) = wanted_parts(gemm, K::PRODUCTS_PER_NANOSECOND);
        let bytes = panel_bytes::<K>(PANEL, gemm.depth).checked_mul(gemm.columns.div_ceil(PANEL))?;
        let shared = parts > 1 && gemm.batches.len() == 1 && gemm.rows >= gemm.columns && gemm.depth > 0;
        if !shared || bytes > MOST_BYTES {
            return None;
        }
        let memory = SharedColumns(HostBuffer::new(bytes).ok()?);
        let (b, all) = (lines(gemm, 0).1, 0..gemm.columns);
        let panel = panel_bytes::<K>(PANEL, gemm.depth);
        let nanoseconds = (panel / PACKED_BYTES_PER_NANOSECOND) as u64;
        for_each_chunk(gemm.columns.div_ceil(PANEL), nanoseconds, &|index| {
            // SAFETY: `gemm` checked the operand; each chunk writes a panel of its own, for which there is room.
            unsafe {
                let target = memory.panels().add(index * panel);
                pack::<S, K::Packed>(&b, Side::B, panel_of(&all, index), 0..gemm.depth, target);
            }
        });
        Some(memory)
    }

    fn panels(&self) -> *mut u8 {
        self.0.pointer().as_ptr().cast()
    }
}

/// A part of one product.
struct Product<'a, S, R, K: WordKernel> {
    a: &'a Strided<S>,
    b: &'a Strided<S>,
    depth: usize,
    part: &'a Part,
    shared: Option<&'a SharedColumns>,
    writer: &'a Writer<'a, R>,
    kernel: PhantomData<K>,
}

/// Where panels lie that are multiplied: A's of a block of rows, and B's of a block of columns.
struct Panels {
    a: *mut u8,
    b: *mut u8,
    /// From a panel of B to the next.
    b_distance: usize,
    /// The first step of the block of the depth in B's panels.
    b_first: usize,
}

impl<S: Narrow<K::Packed>, R: Widen<K::Sum>, K: WordKernel> Product<'_, S, R, K> {
    /// Steps of a block of the depth.
    const DEPTH: usize = DEPTH_BYTES / size_of::<K::Packed>();

    /// Steps that a panel of B goes through at once.
    const STEPS: usize = B_BYTES / PANEL / ROW_BYTES * K::STEPS;

    /// Computes the part.
    ///
    /// # Safety
    /// The processor has the kernel's instruction, and the operands and C were checked.
    unsafe fn run(&self) {
        let (rows, columns) = (self.part.rows.clone(), self.part.columns.clone());
        let steps = self.depth.min(Self::DEPTH);
        let a_panel = panel_bytes::<K>(PANEL, steps);
        let row_block = (A_BYTES / a_panel).max(1) * PANEL;
        let column_block = if self.shared.is_some() { columns.len() } else { COLUMN_BLOCK };
        let a_bytes = rows.len().min(row_block).div_ceil(PANEL) * a_panel;
        let b_bytes = match self.shared {
            Some(_) => 0,
            None => columns.len().min(column_block).div_ceil(PANEL) * a_panel,
        };
        // With several blocks of the depth, the sums of a block of columns wait for the next.
        let waits = self.depth > Self::DEPTH;
        let sums_rows = if waits { rows.len() } else { rows.len().min(row_block) }.div_ceil(PANEL);
        let sums_columns = if waits { columns.len().min(column_block).div_ceil(PANEL) } else { 1 };
        let sums = sums_rows * sums_columns * PANEL_SUMS * size_of::<K::Sum>();
        let mut scratch = Scratch::take(a_bytes + b_bytes + sums);
        let a = scratch.as_mut_ptr::<u8>();
        // SAFETY: the scratch is that large.
        let (b, sums) = unsafe { (a.add(a_bytes), a.add(a_bytes + b_bytes).cast::<K::Sum>()) };
        // SAFETY: the caller vouches for the instruction.
        let kernel = unsafe { K::begin() };
        for column_block in even_pieces(columns.clone(), column_block, PANEL) {
            for first in (0..self.depth).step_by(Self::DEPTH) {
                let depth = first..(first + Self::DEPTH).min(self.depth);
                for row_block in even_pieces(rows.clone(), row_block, PANEL) {
                    // SAFETY: the caller's; the scratch has room for the panels of a block of rows and of one of columns.
                    unsafe {
                        let a_panel = panel_bytes::<K>(PANEL, depth.len());
                        for index in 0..row_block.len().div_ceil(PANEL) {
                            let lines = panel_of(&row_block, index);
                            pack::<S, K::Packed>(
                                self.a,
                                Side::A,
                                lines,
                                depth.clone(),
                                a.add(index * a_panel),
                            );
                        }
                        let panels = match self.shared {
                            Some(shared) => {
                                let b_distance = panel_bytes::<K>(PANEL, self.depth);
                                let b = shared.panels().add(column_block.start / PANEL * b_distance);
                                Panels { a, b, b_distance, b_first: depth.start }
                            }
                            None => Panels { a, b, b_distance: a_panel, b_first: 0 },
                        };
                        let pack_b = self.shared.is_none() && row_block.start == rows.start;
                        let row = (row_block.start - rows.start) / PANEL;
                        let (sums, distance) = match waits {
                            true => (sums.add(row * PANEL_SUMS), sums_rows * PANEL_SUMS),
                            false => (sums, 0),
                        };
                        let sums = Sums { first: sums, distance };
                        self.block(&kernel, &panels, pack_b, &row_block, &column_block, &depth, &sums);
                    }
                }
            }
        }
        drop(kernel);
        scratch.give_back();
    }

    /// Multiplies the panels of A of a block of rows by those of B of a block of columns, over a block of the depth.
    ///
    /// # Safety
    /// As for [`Product::run`]; the panels of A are packed.
    #[allow(clippy::too_many_arguments, reason = "the blocks of a product have three extents")]
    unsafe fn block(
        &self,
        kernel: &K,
        panels: &Panels,
        pack_b: bool,
        rows: &Range<usize>,
        columns: &Range<usize>,
        depth: &Range<usize>,
        sums: &Sums<K::Sum>,
    ) {
        let groups = depth.len().div_ceil(K::STEPS);
        let last = depth.end == self.depth;
        let row_panels = rows.len().div_ceil(PANEL);
        for some in even_pieces(columns.clone(), FINISHED_COLUMNS, PANEL) {
            for panel in some.clone().step_by(PANEL) {
                let index = (panel - columns.start) / PANEL;
                let panel = panel..(panel + PANEL).min(some.end);
                let column_tiles = panel.len().div_ceil(EDGE);
                // SAFETY: the caller's; each panel lies at its place, and the sums at theirs.
                unsafe {
                    let b = panels.b.add(index * panels.b_distance);
                    let b = b.add(panels.b_first / K::STEPS * column_tiles * TILE_BYTES);
                    let sums = sums.first.add(index * sums.distance);
                    for group in (0..groups).step_by(Self::STEPS / K::STEPS) {
                        let b = b.add(group * column_tiles * TILE_BYTES);
                        if pack_b {
                            let first = depth.start + group * K::STEPS;
                            let steps = first..(first + Self::STEPS).min(depth.end);
                            pack::<S, K::Packed>(self.b, Side::B, panel.clone(), steps, b);
                        }
                        for row_panel in 0..row_panels {
                            let row_tiles = panel_of(rows, row_panel).len().div_ceil(EDGE);
                            let a = panels.a.add(row_panel * panel_bytes::<K>(PANEL, depth.len()));
                            kernel.multiply(&Tiles {
                                groups: (Self::STEPS / K::STEPS).min(groups - group),
                                a: a.add(group * row_tiles * TILE_BYTES),
                                row_tiles,
                                b,
                                column_tiles,
                                sums: sums.add(row_panel * PANEL_SUMS),
                                accumulate: depth.start + group > 0,
                            });
                        }
                    }
                    if last {
                        self.store(rows, &panel, sums);
                    }
                }
            }
            if last {
                self.writer.finish(self.part.batch, rows.clone(), some);
            }
        }
    }

    /// Stores the sums of a panel of columns.
    ///
    /// # Safety
    /// The rows and columns lie within the part, and have sums.
    unsafe fn store(&self, rows: &Range<usize>, columns: &Range<usize>, sums: *const K::Sum) {
        let target = self.writer.at(self.part.batch, rows.start, columns.start);
        let row_stride = self.writer.c.row_stride;
        let steps = (PANEL, 1);
        on_tier(Rounded { sums, steps, target, row_stride, rows: rows.len(), columns: columns.len() });
    }
}

/// Where sums lie: a panel of rows behind the other, and from a panel of columns to the next.
struct Sums<T> {
    first: *mut T,
    distance: usize,
}
