//! Cuts products into parts of C for the threads, and chooses the path of each part.

use std::ops::Range;

use super::batches::SmallProducts;
use super::blocks::{Columns, Operands, Target, even_pieces, packed_product};
use super::columns::PackedColumns;
use super::generic::{Ring, RingProduct};
use super::micro_kernel::Real;
use super::micro_kernel::lines::LINES;
use super::pack::{Strided, Widen};
use super::unpacked::{RowProduct, SHALLOW_DEPTH, SmallOperand, line_product, unpacked_product};
use super::{BatchOffsets, Block, CheckedOutput, Epilogue, Gemm};
use crate::memory::HostBuffer;
use crate::simd::{Tiered, on_tier};
use crate::threads::{for_each_chunk, thread_count};

/// Up to this many multiplications, packing A costs more than it gains.
const UNPACKED_PRODUCTS: usize = 1 << 24;

/// Numbers of B from which a single row reads it in long runs, as it comes from memory.
const ROW_PRODUCT_NUMBERS: usize = 1 << 16;

/// With fewer columns than this, and more rows, the transposed product fills vectors better.
const FEW_COLUMNS: usize = 8;

/// True for a product that is computed transposed: see [`FEW_COLUMNS`].
pub(super) fn is_narrow(rows: usize, columns: usize) -> bool {
    columns < FEW_COLUMNS && rows > columns
}

/// A part is worth a thread from this many nanoseconds.
const LEAST_PART_NANOSECONDS: u64 = 10_000;

/// From this many nanoseconds there are two parts a thread, to balance uneven progress.
const BALANCED_NANOSECONDS: u64 = 4_000_000;

/// What each product takes beside its multiplications, which is most of the time of very small ones.
const PRODUCT_NANOSECONDS: u64 = 80;

/// Why a product that is computed in another type than it is stored in could not begin.
const NO_MEMORY: &str = "matmul: no memory for sums of a product of half precision";

/// A part of one product of the batch.
pub(super) struct Part {
    pub batch: usize,
    pub rows: Range<usize>,
    pub columns: Range<usize>,
}

/// Bytes of an operand that a core reads in a nanosecond.
pub(crate) const BYTES_PER_NANOSECOND: usize = 20;

/// Estimated time of a product of real numbers (about 100 GFLOP/s a core) or of others: that of its multiplications, or
/// with few rows or columns that of reading the larger operand.
fn estimate<T>(gemm: &Gemm<'_, T>, products_per_nanosecond: u64) -> u64 {
    let (rows, columns, depth) = (gemm.rows, gemm.columns, gemm.depth.max(1));
    let products = rows as u128 * columns as u128 * depth as u128;
    let bytes = rows.max(columns) as u128 * depth as u128 * size_of::<T>() as u128;
    let nanoseconds =
        (products / u128::from(products_per_nanosecond)).max(bytes / BYTES_PER_NANOSECOND as u128);
    nanoseconds.try_into().unwrap_or(u64::MAX / 1024)
}

/// The time of one product, and the parts that all of them are worth.
pub(super) fn wanted_parts<T>(gemm: &Gemm<'_, T>, products_per_nanosecond: u64) -> (u64, usize) {
    let nanoseconds = PRODUCT_NANOSECONDS + estimate(gemm, products_per_nanosecond);
    let total = nanoseconds.saturating_mul(gemm.batches.len() as u64);
    let threads = thread_count() as u64;
    let wanted = if total >= BALANCED_NANOSECONDS { 2 * threads } else { threads };
    (nanoseconds, wanted.min(total / LEAST_PART_NANOSECONDS).max(1) as usize)
}

/// Runs `body` for parts that cover all products, in several threads where it pays.
///
/// `row_unit` are the rows of a tile.
pub(super) fn for_each_part<T>(
    gemm: &Gemm<'_, T>,
    products_per_nanosecond: u64,
    row_unit: usize,
    body: &(dyn Fn(Part) + Sync),
) {
    let (rows, columns, batches) = (gemm.rows, gemm.columns, gemm.batches.len());
    let (nanoseconds, wanted) = wanted_parts(gemm, products_per_nanosecond);
    if batches >= wanted {
        return for_batches(batches, nanoseconds, wanted, &|some| {
            some.for_each(|batch| body(Part { batch, rows: 0..rows, columns: 0..columns }));
        });
    }
    let wanted = wanted.div_ceil(batches.max(1));
    // Pieces of the longer side: each packs its own share of it, and all of the shorter one.
    let (side, unit) = if rows >= columns { (rows, row_unit) } else { (columns, 64) };
    let pieces: Vec<Range<usize>> = even_pieces(0..side, side.div_ceil(wanted).max(1), unit).collect();
    for_each_chunk(batches * pieces.len(), nanoseconds / pieces.len() as u64, &|chunk| {
        let (batch, piece) = (chunk / pieces.len(), pieces[chunk % pieces.len()].clone());
        body(match rows >= columns {
            true => Part { batch, rows: piece, columns: 0..columns },
            false => Part { batch, rows: 0..rows, columns: piece },
        });
    });
}

/// Runs `body` for ranges that cover a batch of products that take so many nanoseconds each, as `wanted` parts.
fn for_batches(batches: usize, nanoseconds: u64, wanted: usize, body: &(dyn Fn(Range<usize>) + Sync)) {
    let group = batches.div_ceil(if wanted == 1 { 1 } else { 2 * wanted });
    let time = nanoseconds.saturating_mul(group as u64);
    for_each_chunk(batches.div_ceil(group), time, &|chunk| {
        body(chunk * group..((chunk + 1) * group).min(batches));
    });
}

/// C of one batch, written to block by block from any thread.
pub(super) struct Writer<'a, S> {
    pub c: CheckedOutput<S>,
    pub batches: &'a [BatchOffsets],
    pub epilogue: Option<&'a Epilogue<'a, S>>,
}

// SAFETY: parts of C do not overlap, and the epilogue may be called from any thread.
unsafe impl<S: Send + Sync> Sync for Writer<'_, S> {}

impl<S: Copy> Writer<'_, S> {
    /// The address of an element of C.
    pub(super) fn at(&self, batch: usize, row: usize, column: usize) -> *mut S {
        // SAFETY: the output was checked to hold all elements of C.
        unsafe { self.c.data.add(self.index(batch, row, column)) }
    }

    /// The index of an element of C in the output.
    fn index(&self, batch: usize, row: usize, column: usize) -> usize {
        self.batches[batch].c + row * self.c.row_stride + column
    }

    /// Runs the epilogue on a finished block.
    pub(super) fn finish(&self, batch: usize, rows: Range<usize>, columns: Range<usize>) {
        if let Some(epilogue) = self.epilogue {
            let start = self.index(batch, rows.start, columns.start);
            epilogue(&mut Block::new(batch, (rows, columns), self.c.data, start, self.c.row_stride));
        }
    }

    /// Gives a part of C that no product reaches (the depth is 0) its value.
    pub(super) fn clear(&self, part: &Part, zero: S) {
        for row in part.rows.clone() {
            let target = self.at(part.batch, row, part.columns.start);
            for column in 0..part.columns.len() {
                // SAFETY: within the row of C.
                unsafe { target.add(column).write(zero) };
            }
        }
        self.finish_all(part);
    }

    /// Finishes a part in blocks of few columns.
    fn finish_all(&self, part: &Part) {
        for columns in even_pieces(part.columns.clone(), super::blocks::FINISHED_COLUMNS, 1) {
            self.finish(part.batch, part.rows.clone(), columns);
        }
    }
}

/// Sums of a block that are rounded to rows of C. The sums and the rows must be there.
pub(super) struct Rounded<T, S> {
    pub sums: *const T,
    /// From a row of sums to the next, and from a column to the next.
    pub steps: (usize, usize),
    pub target: *mut S,
    pub row_stride: usize,
    pub rows: usize,
    pub columns: usize,
}

impl<T: Copy, S: Widen<T>> Tiered for Rounded<T, S> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for row in 0..self.rows {
            // SAFETY: whose this is vouches for the sums and for the rows of C.
            unsafe {
                let sums = self.sums.add(row * self.steps.0);
                let target = self.target.add(row * self.row_stride);
                if self.steps.1 == 1 {
                    for column in 0..self.columns {
                        target.add(column).write(S::round(sums.add(column).read()));
                    }
                } else {
                    for column in 0..self.columns {
                        target.add(column).write(S::round(sums.add(column * self.steps.1).read()));
                    }
                }
            }
        }
    }
}

/// Operands of a batch as lines along the depth.
pub(super) fn lines<S>(gemm: &Gemm<'_, S>, batch: usize) -> (Strided<S>, Strided<S>) {
    let offsets = gemm.batches[batch];
    // The offsets were checked, except where nothing is read.
    let a = Strided {
        data: gemm.a.data.as_ptr().wrapping_add(offsets.a),
        line_stride: gemm.a.row_stride,
        depth_stride: gemm.a.column_stride,
    };
    let b = Strided {
        data: gemm.b.data.as_ptr().wrapping_add(offsets.b),
        line_stride: gemm.b.column_stride,
        depth_stride: gemm.b.row_stride,
    };
    (a, b)
}

/// What a part of C is computed from.
struct Factors<'a, S, T> {
    a: Strided<S>,
    b: Strided<S>,
    depth: usize,
    /// B once more, where it was packed for all parts.
    packed_b: Option<&'a PackedColumns<T>>,
}

/// Products a nanosecond of real numbers, and rows of a tile in a part.
const REAL: (u64, usize) = (50, 12);

/// Products of real numbers stored as `S` and computed as `T`.
pub(super) fn multiply_real<S: Widen<T>, T: Real>(
    gemm: &Gemm<'_, S>,
    c: CheckedOutput<S>,
    epilogue: Option<&Epilogue<'_, S>>,
) {
    let packed_b = columns_of_all(gemm);
    let writer = Writer { c, batches: gemm.batches, epilogue };
    let (nanoseconds, wanted) = wanted_parts(gemm, REAL.0);
    if gemm.batches.len() >= wanted
        && let Some(products) = SmallProducts::of(gemm)
    {
        // SAFETY: `gemm` checked the operands.
        return for_batches(gemm.batches.len(), nanoseconds, wanted, &|some| unsafe {
            products.run(&writer, some);
        });
    }
    for_each_part(gemm, REAL.0, REAL.1, &|part| {
        if gemm.depth == 0 {
            return writer.clear(&part, S::round(T::default()));
        }
        let (a, b) = lines(gemm, part.batch);
        let factors = Factors { a, b, depth: gemm.depth, packed_b: packed_b.as_ref() };
        // SAFETY: `gemm` checked the operands.
        unsafe { multiply_part::<S, T>(factors, &writer, &part) }
    });
}

/// B packed for all parts, where these are rows of one product and each would pack it.
fn columns_of_all<S: Widen<T>, T: Real>(gemm: &Gemm<'_, S>) -> Option<PackedColumns<T>> {
    let (_, parts) = wanted_parts(gemm, REAL.0);
    let products = gemm.rows.saturating_mul(gemm.columns).saturating_mul(gemm.depth) / parts;
    let shared = parts > 1
        && gemm.batches.len() == 1
        && gemm.rows >= gemm.columns
        && gemm.columns > T::kernels().columns()
        && gemm.depth > SHALLOW_DEPTH
        && products > UNPACKED_PRODUCTS;
    // SAFETY: `gemm` checked the operands.
    if shared { unsafe { PackedColumns::new(&lines(gemm, 0).1, gemm.columns, gemm.depth) } } else { None }
}

/// # Safety
/// The operands were checked.
unsafe fn multiply_part<S: Widen<T>, T: Real>(
    factors: Factors<'_, S, T>,
    writer: &Writer<'_, S>,
    part: &Part,
) {
    let (rows, columns) = (part.rows.clone(), part.columns.clone());
    let transposed = is_narrow(rows.len(), columns.len());
    // A transposed column is a row of C where C's rows touch.
    let in_order = !transposed || (columns.len() == 1 && writer.c.row_stride == 1);
    let direct = S::as_computed(writer.at(part.batch, rows.start, columns.start)).filter(|_| in_order);
    let buffer;
    let (target_columns, target) =
        if transposed { (rows.len(), columns.len()) } else { (columns.len(), rows.len()) };
    let c = match direct {
        Some(data) => {
            let row_stride = if transposed { rows.len() } else { writer.c.row_stride } as isize;
            Target { data: data.cast_mut(), row_stride }
        }
        None => {
            buffer = HostBuffer::new(target * target_columns * size_of::<T>()).expect(NO_MEMORY);
            Target { data: buffer.pointer().as_ptr().cast(), row_stride: target_columns as isize }
        }
    };
    let buffered = c;
    let mut finished = |first: Range<usize>, second: Range<usize>| {
        let (block_rows, block_columns) = if transposed { (second, first) } else { (first, second) };
        if direct.is_none() {
            let (row, column) = (block_rows.start - rows.start, block_columns.start - columns.start);
            let (steps, start) = match transposed {
                true => ((1, buffered.row_stride as usize), column * target_columns + row),
                false => ((buffered.row_stride as usize, 1), row * target_columns + column),
            };
            on_tier(Rounded {
                sums: buffered.data.wrapping_add(start).cast_const(),
                steps,
                target: writer.at(part.batch, block_rows.start, block_columns.start),
                row_stride: writer.c.row_stride,
                rows: block_rows.len(),
                columns: block_columns.len(),
            });
        }
        writer.finish(part.batch, block_rows, block_columns);
    };
    // SAFETY: the operands were checked, and the target has room for the part.
    unsafe {
        match transposed {
            false => multiply_lines(&factors, rows.clone(), columns.clone(), c, &mut finished),
            true => {
                let Factors { a, b, .. } = factors;
                let turned = Factors { a: b, b: a, packed_b: None, ..factors };
                multiply_lines(&turned, columns.clone(), rows.clone(), c, &mut finished);
            }
        }
    }
}

/// Chooses the path for a part: none of them changes a bit of the result.
///
/// # Safety
/// The ranges lie within the operands, and `c` has room for the part.
unsafe fn multiply_lines<S: Widen<T>, T: Real>(
    factors: &Factors<'_, S, T>,
    rows: Range<usize>,
    columns: Range<usize>,
    c: Target<T>,
    finished: &mut dyn FnMut(Range<usize>, Range<usize>),
) {
    let Factors { a, b, depth, packed_b } = factors;
    let depth = *depth;
    // SAFETY: passed on.
    unsafe {
        if let Some(packed_b) = packed_b {
            let operands = Operands { a, b: Columns::Packed(packed_b), depth };
            return packed_product(&operands, rows, columns, c, finished);
        }
        if let (Some(a_data), Some(b_data)) = (S::as_computed(a.data), S::as_computed(b.data)) {
            let in_place = b.line_stride == 1 || columns.len() == 1;
            // Column `c` lies at `in_rows + c`: columns are neighbours, or there is one. Only there it is part of B.
            let in_rows = b_data.wrapping_offset(columns.start as isize * (b.line_stride - 1));
            if in_place && rows.len() == 1 && columns.len().saturating_mul(depth) >= ROW_PRODUCT_NUMBERS {
                let row = RowProduct {
                    a: a_data.offset(rows.start as isize * a.line_stride),
                    a_stride: a.depth_stride,
                    b: in_rows.wrapping_add(columns.start),
                    b_depth_stride: b.depth_stride,
                    c: c.data,
                    depth,
                    columns: columns.len(),
                };
                row.run();
                for some in even_pieces(columns, super::blocks::FINISHED_COLUMNS, 1) {
                    finished(rows.clone(), some);
                }
                return;
            }
            if let (false, 1, 1, Some(kernel)) = (in_place, rows.len(), b.depth_stride, T::line_kernel()) {
                let row = a_data.offset(rows.start as isize * a.line_stride);
                let a = Strided { data: row, line_stride: a.line_stride, depth_stride: a.depth_stride };
                let b = Strided { data: b_data, line_stride: b.line_stride, depth_stride: 1 };
                for some in even_pieces(columns.clone(), super::blocks::FINISHED_COLUMNS, LINES) {
                    let c = c.data.add(some.start - columns.start);
                    line_product(kernel, &a, &b, depth, some.clone(), c, false);
                    finished(rows.clone(), some);
                }
                return;
            }
            let products = rows.len().saturating_mul(columns.len()).saturating_mul(depth);
            let kernels = T::kernels();
            // Packing A pays only where it is read again, for another panel of B.
            let read_once = columns.len() <= kernels.columns() && a.depth_stride == 1;
            let shallow = in_place && depth <= SHALLOW_DEPTH;
            if products <= UNPACKED_PRODUCTS || rows.len() <= kernels.rows || read_once || shallow {
                let a = Strided { data: a_data, line_stride: a.line_stride, depth_stride: a.depth_stride };
                let b = match in_place {
                    true => SmallOperand::InPlace { data: in_rows, depth_stride: b.depth_stride },
                    false => SmallOperand::Packed(b),
                };
                return unpacked_product(&a, &b, depth, rows, columns, c, finished);
            }
        }
        packed_product(&Operands { a, b: Columns::Source(b), depth }, rows, columns, c, finished);
    }
}

/// Products of integers or complex numbers stored as `S` and computed as `T`.
pub(super) fn multiply_ring<S: Copy + Into<T> + Send + Sync, T: Ring>(
    gemm: &Gemm<'_, S>,
    c: CheckedOutput<T>,
    epilogue: Option<&Epilogue<'_, T>>,
) {
    let writer = Writer { c, batches: gemm.batches, epilogue };
    for_each_part(gemm, 8, 12, &|part| {
        if gemm.depth == 0 {
            return writer.clear(&part, T::default());
        }
        let (a, b) = lines(gemm, part.batch);
        let data = writer.at(part.batch, part.rows.start, part.columns.start);
        let product = RingProduct {
            a: &a,
            b: &b,
            depth: gemm.depth,
            rows: part.rows.clone(),
            columns: part.columns.clone(),
            c: Target { data, row_stride: writer.c.row_stride as isize },
        };
        // SAFETY: `gemm` checked the operands.
        unsafe { product.run() };
        writer.finish_all(&part);
    });
}
