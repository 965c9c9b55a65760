//! The gradients of attention: probabilities are computed again, block of queries by block of keys.
//!
//! A thread takes a head of keys with all heads of queries that look at it, block of queries after block of queries, so
//! that each sum has one order.

use std::ops::Range;

use tenfold_ir::kernel::Attention;

use super::mask::KEYS_AT_ONCE;
use super::product::{Left, Right, product};
use super::softmax::{AddMask, ColumnDots, Scale, SoftmaxGradient};
use super::{Matrices, Number, Problem, Run};
use crate::backend::disjoint::Disjoint;
use crate::gemm::blocks::Target;
use crate::gemm::pack::{Source, Strided};
use crate::gemm::scratch::{Scratch, aligned_bytes};
use crate::simd::on_tier;
use crate::threads::for_each_chunk;

const KEYS: usize = Attention::BLOCK;
const QUERIES: usize = Attention::GRADIENT_QUERIES;

/// Between rows of scores: not a power of two, whose rows would share cache lines.
const ROW: usize = QUERIES + 16;

/// Queries that see the same keys where scores are computed, whatever the tier: see [`TILE`].
const GRAIN: usize = 16;

/// Columns of the panels in which right operands lie: those of the widest tile.
fn panel_columns<T: Number>() -> usize {
    T::kernels().columns().next_multiple_of(GRAIN)
}

/// Queries, or keys, that are treated alike where only some look at others: what they may not look at counts as 0 times
/// a number, so that it must not depend on the tier.
const TILE: usize = 32;

/// Computes the gradients of queries, keys and values from the output, its gradient, and the logarithms of the sums.
pub(super) fn run<T: Number>(
    problem: &Problem<'_, T>,
    [output, gradient]: [Matrices<'_, T>; 2],
    logarithms: Matrices<'_, T>,
    results: [&mut [T]; 3],
) {
    let queries = problem.group * problem.queries;
    let nanoseconds = problem.estimate(queries, 3 * problem.depth + 2 * problem.width);
    let [of_q, of_k, of_v] = results.map(Disjoint::new);
    let sizes = [queries * problem.depth, problem.keys * problem.depth, problem.keys * problem.width];
    for_each_chunk(problem.key_heads, nanoseconds, &|key_head| {
        // SAFETY: the results of a head of keys, and of the queries that look at it, lie side by side, and each is
        // taken once.
        let [of_q, of_k, of_v] = unsafe {
            let part = |all: &Disjoint<'_, T>, size: usize| -> *mut T {
                let part = all.range(key_head * size, size);
                part.fill(T::default());
                part.as_mut_ptr()
            };
            [part(&of_q, sizes[0]), part(&of_k, sizes[1]), part(&of_v, sizes[2])]
        };
        if queries * problem.keys == 0 {
            return;
        }
        let mut scratch = Scratch::take(Blocks::<T>::bytes(problem));
        let blocks = Blocks::new(problem, &mut scratch);
        for head in 0..problem.group {
            for first in (0..problem.queries).step_by(QUERIES) {
                let count = QUERIES.min(problem.queries - first);
                let run = Run { head: key_head * problem.group + head, query: first, count, column: 0 };
                let of_q = of_q.wrapping_add((head * problem.queries + first) * problem.depth);
                // SAFETY: the operands were checked; the results lie within the parts above.
                unsafe {
                    blocks.begin(&run, &output, &gradient, &logarithms);
                    let end = if problem.causal { (first + count).min(problem.keys) } else { problem.keys };
                    for key in (0..end).step_by(KEYS) {
                        let keys = key..(key + KEYS).min(end);
                        blocks.step(&run, key_head, keys, [of_q, of_k, of_v]);
                    }
                }
            }
        }
        scratch.give_back();
    });
}

/// Memory for a block of queries and a block of keys.
struct Blocks<'a, 'b, T> {
    problem: &'a Problem<'b, T>,
    /// `scale · q` and the gradient as columns of panels.
    query_columns: *mut T,
    gradient_columns: *mut T,
    /// q, the gradient and keys as rows of panels.
    query_rows: *mut T,
    gradient_rows: *mut T,
    key_rows: *mut T,
    /// A row a key.
    scores: *mut T,
    gradients: *mut T,
    bias: *mut T,
    lines: *mut T,
    /// The output as columns of a panel.
    outputs: *mut T,
    /// One number a query.
    logarithms: *mut T,
    along: *mut T,
}

impl<'a, 'b, T: Number> Blocks<'a, 'b, T> {
    fn sizes(problem: &Problem<'_, T>) -> [usize; 12] {
        let (queries, keys) = (QUERIES.min(problem.queries), KEYS.min(problem.keys));
        let panel = panel_columns::<T>();
        let across = queries.next_multiple_of(panel);
        let [depth, width] = [problem.depth, problem.width].map(|length| length.next_multiple_of(panel));
        let masked = if problem.mask.is_some() { keys.min(KEYS_AT_ONCE) * ROW } else { 0 };
        [
            depth * across,
            width * across,
            queries * depth,
            queries * width,
            keys * depth,
            keys * ROW,
            keys * ROW,
            masked,
            masked,
            width * panel,
            ROW,
            ROW,
        ]
    }

    fn bytes(problem: &Problem<'_, T>) -> usize {
        Self::sizes(problem).iter().map(|&size| aligned_bytes::<T>(size)).sum()
    }

    fn new(problem: &'a Problem<'b, T>, scratch: &mut Scratch) -> Blocks<'a, 'b, T> {
        let mut next = scratch.as_mut_ptr::<u8>();
        let mut part = |size: usize| {
            let start = next;
            next = next.wrapping_add(aligned_bytes::<T>(size));
            start.cast::<T>()
        };
        let [
            query_columns,
            gradient_columns,
            query_rows,
            gradient_rows,
            key_rows,
            scores,
            gradients,
            bias,
            lines,
            outputs,
            logarithms,
            along,
        ] = Self::sizes(problem).map(&mut part);
        Blocks {
            problem,
            query_columns,
            gradient_columns,
            query_rows,
            gradient_rows,
            key_rows,
            scores,
            gradients,
            bias,
            lines,
            outputs,
            logarithms,
            along,
        }
    }

    /// Lays a block of queries out, with all that belongs to them.
    ///
    /// # Safety
    /// The operands were checked to hold them.
    unsafe fn begin(
        &self,
        run: &Run,
        output: &Matrices<'_, T>,
        gradient: &Matrices<'_, T>,
        logarithms: &Matrices<'_, T>,
    ) {
        let (problem, count, panel) = (self.problem, run.count, panel_columns::<T>());
        let [q, o, g] = [&problem.q, output, gradient].map(|matrices| matrices.rows(run.head, run.query));
        let l = logarithms.rows(run.head, run.query);
        let [logarithms, along] = [self.logarithms, self.along].map(|numbers| {
            // SAFETY: the memory has room for a row.
            unsafe { std::slice::from_raw_parts_mut(numbers, ROW) }
        });
        // What may look at nothing, and what is no query, has probabilities exp(−∞).
        logarithms.fill(T::INFINITY);
        along.fill(T::default());
        // SAFETY: the panels have room for the block.
        unsafe {
            for (index, logarithm) in logarithms[..count].iter_mut().enumerate() {
                let number = l.data.offset(index as isize * l.line_stride).read();
                *logarithm = T::select(number == -T::INFINITY, T::INFINITY, number);
            }
            pack_columns(&q, count, problem.depth, self.query_columns);
            let size = problem.depth * count.next_multiple_of(panel);
            let numbers = std::slice::from_raw_parts_mut(self.query_columns, size);
            on_tier(Scale { numbers, factor: problem.scale });
            pack_columns(&g, count, problem.width, self.gradient_columns);
            pack_rows(&q, count, problem.depth, self.query_rows);
            pack_rows(&g, count, problem.width, self.gradient_rows);
            for first in (0..count).step_by(panel) {
                let columns = first..(first + panel).min(count);
                let size = problem.width * panel;
                o.pack(columns, 0..problem.width, panel, self.outputs);
                on_tier(ColumnDots {
                    a: std::slice::from_raw_parts(self.gradient_columns.add(first * problem.width), size),
                    b: std::slice::from_raw_parts(self.outputs, size),
                    sums: &mut along[first..first + panel],
                });
            }
        }
    }

    /// Adds what a block of queries and one of keys give.
    ///
    /// # Safety
    /// The operands were checked; the results, those of the first query, and of the first key of the head, have room.
    unsafe fn step(&self, run: &Run, key_head: usize, keys: Range<usize>, results: [*mut T; 3]) {
        let (problem, queries, count) = (self.problem, run.count, keys.len());
        let (depth, width) = (problem.depth, problem.width);
        let panel = panel_columns::<T>();
        let k = problem.k.rows(key_head, keys.start);
        let v = problem.v.rows(key_head, keys.start);
        let [of_q, of_k, of_v] = results;
        // How many of the keys a query looks at.
        let seen = |query: usize| match problem.causal {
            true => (run.query + query + 1).saturating_sub(keys.start).min(count),
            false => count,
        };
        // SAFETY: the caller's; blocks have room for as many queries and keys.
        unsafe {
            pack_rows(&k, count, depth, self.key_rows);
            self.by_columns(&k, self.query_columns, (count, depth, queries), seen, self.scores);
            let g = self.gradient_columns;
            self.by_columns(&v, g, (count, width, queries), seen, self.gradients);
            let columns = queries.next_multiple_of(GRAIN);
            if let Some(mask) = &problem.mask {
                for first in keys.clone().step_by(KEYS_AT_ONCE) {
                    let some = first..(first + KEYS_AT_ONCE).min(keys.end);
                    mask.write(std::slice::from_ref(run), some.clone(), ROW, self.bias, self.lines);
                    let scores = self.scores.add((first - keys.start) * ROW);
                    on_tier(AddMask {
                        scores: std::slice::from_raw_parts_mut(scores, some.len() * ROW),
                        bias: std::slice::from_raw_parts(self.bias.cast_const(), some.len() * ROW),
                        width: ROW,
                        columns,
                    });
                }
            }
            let mut last_keys = [0i32; ROW];
            let last_keys = (problem.causal && run.query + 1 < keys.end).then(|| {
                for (index, last) in last_keys.iter_mut().enumerate() {
                    *last = (run.query + index) as i32 - keys.start as i32;
                }
                (&last_keys[..], (run.query + 1).saturating_sub(keys.start))
            });
            on_tier(SoftmaxGradient {
                scores: std::slice::from_raw_parts_mut(self.scores, count * ROW),
                gradients: std::slice::from_raw_parts_mut(self.gradients, count * ROW),
                width: ROW,
                columns,
                last_keys,
                logarithms: std::slice::from_raw_parts(self.logarithms.cast_const(), ROW),
                along: std::slice::from_raw_parts(self.along.cast_const(), ROW),
                scale: problem.scale,
            });
            let probabilities = |data: *mut T| Strided {
                data: data.cast_const(),
                line_stride: ROW as isize,
                depth_stride: 1,
            };
            let of_keys = probabilities(self.gradients);
            let of_values = probabilities(self.scores);
            // Keys that all queries look at, and those behind them with the queries that do.
            for (keys_seen, first) in parts(seen(0), count, queries, &seen) {
                let rest = queries - first;
                let row = keys_seen.start;
                let part =
                    |matrix: &Strided<T>| Left::InPlace(matrix.turned().behind(row).turned().behind(first));
                let rows = |panels: *mut T| (panels.wrapping_add(first * panel), queries * panel);
                let of_v = of_v.wrapping_add((keys.start + row) * width);
                self.by_rows(
                    &part(&of_values),
                    rows(self.gradient_rows),
                    (keys_seen.len(), rest, width),
                    of_v,
                );
                let of_k = of_k.wrapping_add((keys.start + row) * depth);
                self.by_rows(&part(&of_keys), rows(self.query_rows), (keys_seen.len(), rest, depth), of_k);
            }
            let of_queries = probabilities(self.gradients).turned();
            let seen_until = |end: usize| seen(end.min(queries) - 1);
            let mut first = 0;
            while first < queries {
                let keys_seen = seen_until(first + TILE);
                let mut end = first + TILE;
                while end < queries && seen_until(end + TILE) == keys_seen {
                    end += TILE;
                }
                let some = end.min(queries) - first;
                let part = Left::InPlace(of_queries.turned().behind(first).turned());
                let rows = (self.key_rows, count * panel);
                self.by_rows(&part, rows, (some, keys_seen, depth), of_q.wrapping_add(first * depth));
                first = end;
            }
        }
    }

    /// A product with columns that lie in panels, into rows of scores.
    ///
    /// # Safety
    /// As for [`product`].
    unsafe fn by_columns(
        &self,
        a: &Strided<T>,
        panels: *const T,
        (rows, depth, columns): (usize, usize, usize),
        seen: impl Fn(usize) -> usize,
        scores: *mut T,
    ) {
        let panel = panel_columns::<T>();
        let across = columns.next_multiple_of(GRAIN);
        for first in (0..across).step_by(panel) {
            let end = (first + panel).min(across);
            let panels = panels.wrapping_add(first * depth);
            // Keys that all queries of the panel look at, then those that fewer and fewer of them do.
            let mut row = 0;
            for grain in (first..end).step_by(GRAIN) {
                let b = Right { data: panels.wrapping_add(grain - first), row_stride: panel };
                let c = |row: usize| Target {
                    data: scores.wrapping_add(row * ROW + grain),
                    row_stride: ROW as isize,
                };
                let rows_seen = seen((grain + GRAIN).min(columns) - 1).max(row);
                // SAFETY: the caller's.
                unsafe {
                    let a = Left::InPlace(a.turned().behind(row).turned());
                    product(&a, b, (rows_seen - row, depth, end - grain), c(row), false);
                    for row in rows_seen..rows {
                        std::slice::from_raw_parts_mut(c(row).data, GRAIN).fill(T::default());
                    }
                }
                row = rows_seen;
            }
        }
    }

    /// Adds a product with rows that lie in panels, so far apart, to a result.
    ///
    /// # Safety
    /// As for [`product`].
    unsafe fn by_rows(
        &self,
        a: &Left<T>,
        (panels, distance): (*mut T, usize),
        (rows, depth, columns): (usize, usize, usize),
        result: *mut T,
    ) {
        let panel = panel_columns::<T>();
        for (index, first) in (0..columns).step_by(panel).enumerate() {
            let b = Right { data: panels.wrapping_add(index * distance).cast_const(), row_stride: panel };
            let c = Target { data: result.wrapping_add(first), row_stride: columns as isize };
            // SAFETY: the caller's.
            unsafe { product(a, b, (rows, depth, panel.min(columns - first)), c, true) };
        }
    }
}

/// The keys of a block in parts: those that all queries look at, then [`TILE`] at a time with the first query, a
/// multiple of as many, that may look at one of them.
fn parts(
    all: usize,
    keys: usize,
    queries: usize,
    seen: &impl Fn(usize) -> usize,
) -> impl Iterator<Item = (Range<usize>, usize)> {
    let whole = (all > 0).then_some((0..all, 0));
    let rest = (all..keys).step_by(TILE).map(move |start| {
        let first = (0..queries).step_by(TILE).find(|&first| seen((first + TILE).min(queries) - 1) > start);
        (start..(start + TILE).min(keys), first.unwrap_or(0))
    });
    whole.into_iter().chain(rest)
}

/// Writes the first rows of a matrix as columns of panels: one behind the other, a row of them a number.
///
/// # Safety
/// The matrix has them, and the panels room for whole ones.
unsafe fn pack_columns<T: Number>(matrix: &Strided<T>, rows: usize, length: usize, panels: *mut T) {
    let panel = panel_columns::<T>();
    for first in (0..rows).step_by(panel) {
        let lines = first..(first + panel).min(rows);
        // SAFETY: the caller's.
        unsafe { matrix.pack(lines, 0..length, panel, panels.add(first * length)) };
    }
}

/// Writes the first rows of a matrix to panels of some columns each.
///
/// # Safety
/// As for [`pack_columns`].
unsafe fn pack_rows<T: Number>(matrix: &Strided<T>, rows: usize, length: usize, panels: *mut T) {
    // SAFETY: the caller's.
    unsafe { pack_columns(&matrix.turned(), length, rows, panels) };
}
