//! Attention forward: for each block of keys, panels of queries take a step of the online softmax.

use std::ops::Range;

use tenfold_ir::kernel::Attention;

use super::mask::KEYS_AT_ONCE;
use super::product::{Left, Right, pack_left, panels_size, product};
use super::softmax::{AddMask, AddScaled, Divide, Logarithms, OnlineSoftmax, Rescale, RowSoftmax, Scale};
use super::{Number, Problem, Run, runs};
use crate::backend::disjoint::Disjoint;
use crate::backend::epilogue::Finish;
use crate::gemm::Block;
use crate::gemm::blocks::{Target, even_pieces};
use crate::gemm::micro_kernel::LineKernel;
use crate::gemm::pack::{Strided, clear_padding};
use crate::gemm::scratch::{Scratch, aligned_bytes};
use crate::gemm::unpacked::{RowProduct, SHORT_ROW, ShortRowProduct, line_product};
use crate::simd::on_tier;
use crate::threads::{for_each_chunk, thread_count};

const BLOCK: usize = Attention::BLOCK;

/// Queries that look at the same keys under causality, those of them that they may not see included: they count in a
/// product as 0 times a value, so that which these are must not depend on the tier.
const TILE: usize = 32;

/// Queries that a thread takes at a time, at most: enough to pay for packing keys and values, few enough that their
/// sums stay in L2, of which processors with vectors of 512 bits have twice as much.
fn chunk_columns<T: Number>() -> usize {
    if T::kernels().lanes * size_of::<T>() > 32 { 1024 } else { 512 }
}

/// Up to this many columns read keys and values where they lie, a row of values at a time: when a model generates, one
/// query looks at a long cache, and what counts is reading that once, in long runs. More columns pay for packing.
const FEW: usize = 8;

/// Computes the output, each chunk of which passes through `finish`, and the logarithms of the sums.
pub(super) fn run<T: Number>(
    problem: &Problem<'_, T>,
    output: &mut [T],
    logarithms: &mut [T],
    finish: Option<&Finish>,
) {
    let columns = problem.group * problem.queries;
    if columns * problem.key_heads == 0 {
        return;
    }
    let wanted = (2 * thread_count()).div_ceil(problem.key_heads);
    let pieces: Vec<Range<usize>> =
        even_pieces(0..columns, chunk_columns::<T>().min(columns.div_ceil(wanted)).max(TILE), TILE).collect();
    let nanoseconds = problem.estimate(columns.div_ceil(pieces.len()), problem.depth + problem.width);
    let (output, logarithms) = (Disjoint::new(output), Disjoint::new(logarithms));
    for_each_chunk(problem.key_heads * pieces.len(), nanoseconds, &|chunk| {
        let (key_head, piece) = (chunk / pieces.len(), pieces[chunk % pieces.len()].clone());
        let mut chunk = Chunk::new(problem, key_head, piece);
        // SAFETY: the chunk's memory was made for it, and the operands were checked.
        unsafe {
            chunk.compute();
            chunk.write(&output, &logarithms);
        }
        if let Some(finish) = finish {
            let first = key_head * columns + chunk.columns.start;
            let (rows, width) = (chunk.columns.len(), problem.width);
            let start = output.pointer(0, output.elements());
            let mut block = Block::new(0, (first..first + rows, 0..width), start, first * width, width);
            finish.block(&mut block);
        }
        chunk.scratch.give_back();
    });
}

/// Columns of a micro-kernel's panel that are processed together: scores of a block of keys then stay in L1.
fn panel_columns<T: Number>() -> usize {
    T::kernels().columns().min(TILE)
}

/// Some columns of a group of heads, and the memory for them.
struct Chunk<'a, 'b, T> {
    problem: &'a Problem<'b, T>,
    key_head: usize,
    columns: Range<usize>,
    panels: Vec<Panel>,
    scratch: Scratch,
    /// For each panel queries, results, maxima and sums.
    states: *mut T,
    keys: *mut T,
    values: *mut T,
    scores: *mut T,
    bias: *mut T,
    lines: *mut T,
    /// A row of a few columns' results, see [`FEW`].
    row: *mut T,
}

/// Neighbouring columns.
struct Panel {
    columns: Range<usize>,
    /// Columns with those that fill the last vector.
    width: usize,
    /// Keys before this one are looked at.
    key_end: usize,
    /// The first key that one of the columns may not look at.
    all_until: usize,
}

impl<'a, 'b, T: Number> Chunk<'a, 'b, T> {
    fn new(problem: &'a Problem<'b, T>, key_head: usize, columns: Range<usize>) -> Chunk<'a, 'b, T> {
        let most = panel_columns::<T>();
        let lanes = T::kernels().lanes.max(4).min(most);
        let mut panels = Vec::with_capacity(columns.len().div_ceil(most));
        for tile in columns.clone().step_by(TILE) {
            let tile = tile..(tile + TILE).min(columns.end);
            let (key_end, _) = seen_keys(problem, &tile);
            for first in tile.clone().step_by(most) {
                let columns = first..(first + most).min(tile.end);
                let width = columns.len().next_multiple_of(lanes);
                let (_, all_until) = seen_keys(problem, &columns);
                panels.push(Panel { columns, width, key_end, all_until });
            }
        }
        let block = BLOCK.min(problem.keys);
        let state = Self::state_size(problem);
        let masked = if problem.mask.is_some() { block.min(KEYS_AT_ONCE) * most } else { 0 };
        let sizes = [
            state * panels.len(),
            panels_size::<T>(block, problem.depth),
            panels_size::<T>(problem.width, block),
            block * most,
            masked,
            masked,
            problem.width,
        ];
        let mut scratch = Scratch::take(sizes.iter().map(|&size| aligned_bytes::<T>(size)).sum());
        let mut next = scratch.as_mut_ptr::<u8>();
        let mut part = |size: usize| {
            let start = next;
            next = next.wrapping_add(aligned_bytes::<T>(size));
            start.cast::<T>()
        };
        let [states, keys, values, scores, bias, lines, row] = sizes.map(&mut part);
        Chunk { problem, key_head, columns, panels, scratch, states, keys, values, scores, bias, lines, row }
    }

    /// Numbers of a panel's queries, results, maxima, sums and factors.
    fn state_size(problem: &Problem<'_, T>) -> usize {
        (problem.depth + problem.width + 3) * panel_columns::<T>()
    }

    fn state(&self, panel: usize) -> State<T> {
        let (problem, width) = (self.problem, self.panels[panel].width);
        let start = self.states.wrapping_add(panel * Self::state_size(problem));
        let results = start.wrapping_add(problem.depth * width);
        let maxima = results.wrapping_add(problem.width * width);
        State {
            queries: start,
            results,
            maxima,
            sums: maxima.wrapping_add(width),
            factors: maxima.wrapping_add(2 * width),
        }
    }

    fn are_few(&self) -> bool {
        self.columns.len() <= FEW
    }

    fn runs(&self, columns: &Range<usize>) -> smallvec::SmallVec<[Run; 2]> {
        runs(columns.clone(), self.key_head * self.problem.group, self.problem.queries)
    }

    /// # Safety
    /// As for all methods: the operands were checked.
    unsafe fn compute(&mut self) {
        // SAFETY: the caller's; every part of the scratch has room for what is written to it.
        unsafe {
            for panel in 0..self.panels.len() {
                self.begin(panel);
            }
            match T::line_kernel() {
                Some(kernel) if self.are_few() && self.problem.k.column_stride == 1 => {
                    return self.compute_few(kernel);
                }
                _ => {}
            }
            let all = 0..self.problem.keys;
            for first in all.clone().step_by(BLOCK) {
                let block = first..(first + BLOCK).min(all.end);
                if self.panels.iter().all(|panel| panel.key_end <= first) {
                    continue;
                }
                let [keys, values] = self.operands(&block);
                for panel in 0..self.panels.len() {
                    let block = first..block.end.min(self.panels[panel].key_end);
                    if !block.is_empty() {
                        self.step(panel, block, &keys, &values);
                    }
                }
            }
        }
    }

    /// The queries, times the scale, as columns; results of nothing.
    unsafe fn begin(&self, index: usize) {
        let (problem, panel, state) = (self.problem, &self.panels[index], self.state(index));
        let width = panel.width;
        // SAFETY: the state has room for the panel.
        unsafe {
            for run in self.runs(&panel.columns) {
                let rows = problem.q.rows(run.head, run.query);
                rows.write_lines(0..run.count, 0..problem.depth, width, state.queries.add(run.column));
            }
            clear_padding(panel.columns.len(), problem.depth, width, state.queries);
            let numbers = std::slice::from_raw_parts_mut(state.queries, problem.depth * width);
            on_tier(Scale { numbers, factor: problem.scale });
            std::slice::from_raw_parts_mut(state.results, problem.width * width).fill(T::default());
            std::slice::from_raw_parts_mut(state.maxima, width).fill(-T::INFINITY);
            std::slice::from_raw_parts_mut(state.sums, width).fill(T::default());
        }
    }

    /// Keys as rows, and values as columns, of the left operands.
    unsafe fn operands(&self, block: &Range<usize>) -> [Left<T>; 2] {
        let (problem, count) = (self.problem, block.len());
        let keys = problem.k.rows(self.key_head, block.start);
        let values = problem.v.rows(self.key_head, block.start).turned();
        if self.are_few() {
            return [Left::InPlace(keys), Left::InPlace(values)];
        }
        // SAFETY: the panels have room for a block.
        unsafe {
            pack_left(&keys, count, problem.depth, self.keys);
            pack_left(&values, problem.width, count, self.values);
        }
        [Left::Panels(self.keys, problem.depth), Left::Panels(self.values, count)]
    }

    /// A panel looks at some keys.
    unsafe fn step(&self, index: usize, block: Range<usize>, keys: &Left<T>, values: &Left<T>) {
        let (problem, panel, state) = (self.problem, &self.panels[index], self.state(index));
        let (width, count) = (panel.width, block.len());
        let target = |data: *mut T| Target { data, row_stride: width as isize };
        let right = |data: *mut T| Right { data, row_stride: width };
        let mut last_keys = [0i32; TILE];
        // SAFETY: the operands hold the block, and the scratch has room for it.
        unsafe {
            product(keys, right(state.queries), (count, problem.depth, width), target(self.scores), false);
            if let Some(mask) = &problem.mask {
                for first in block.clone().step_by(KEYS_AT_ONCE) {
                    let some = first..(first + KEYS_AT_ONCE).min(block.end);
                    mask.write(&self.runs(&panel.columns), some.clone(), width, self.bias, self.lines);
                    let size = some.len() * width;
                    on_tier(AddMask {
                        scores: std::slice::from_raw_parts_mut(
                            self.scores.add((first - block.start) * width),
                            size,
                        ),
                        bias: std::slice::from_raw_parts(self.bias.cast_const(), size),
                        width,
                        columns: width,
                    });
                }
            }
            let forbids = problem.causal && panel.all_until < block.end;
            let last_keys = forbids.then(|| {
                for (last, column) in last_keys.iter_mut().zip(panel.columns.clone()) {
                    *last = (column % problem.queries) as i32 - block.start as i32;
                }
                (&last_keys[..width], panel.all_until.saturating_sub(block.start))
            });
            let factors = std::slice::from_raw_parts_mut(state.factors, width);
            let changed = on_tier(OnlineSoftmax {
                scores: std::slice::from_raw_parts_mut(self.scores, count * width),
                width,
                last_keys,
                maxima: std::slice::from_raw_parts_mut(state.maxima, width),
                sums: std::slice::from_raw_parts_mut(state.sums, width),
                factors,
            });
            if self.are_few() {
                for column in 0..panel.columns.len() {
                    let scores = Right { data: self.scores.add(column).cast_const(), row_stride: width };
                    self.add_row(values, (count, 0), column, scores, &state);
                }
                return;
            }
            if changed {
                let numbers = std::slice::from_raw_parts_mut(state.results, problem.width * width);
                on_tier(Rescale { numbers, factors });
            }
            product(values, right(self.scores), (problem.width, count, width), target(state.results), true);
        }
    }

    /// A few columns, with keys whose numbers lie side by side: a row of scores a column.
    ///
    /// One column reads the keys of many blocks before their values, so that memory is read in long runs; more of them
    /// read a block again while it is in the cache.
    unsafe fn compute_few(&self, kernel: LineKernel<T>) {
        let (problem, panel, state) = (self.problem, &self.panels[0], self.state(0));
        let few = panel.columns.len();
        let at_once = if few == 1 { BLOCK * panel_columns::<T>() } else { BLOCK };
        // SAFETY: a tier with such kernels has wide panels, so that these columns are one; the scratch has room for rows
        // of as many scores, and the operands hold the keys. The queries lie in columns.
        unsafe {
            for first in (0..panel.key_end).step_by(at_once) {
                let all = first..(first + at_once).min(panel.key_end);
                let keys = problem.k.rows(self.key_head, first);
                let scores = |column: usize| self.scores.add(column * all.len());
                for column in 0..few {
                    let query = Strided {
                        data: state.queries.add(column).cast_const(),
                        line_stride: 1,
                        depth_stride: panel.width as isize,
                    };
                    line_product(
                        kernel,
                        &query,
                        &keys,
                        problem.depth,
                        0..all.len(),
                        scores(column),
                        column == 0,
                    );
                }
                for block in all.clone().step_by(BLOCK) {
                    let block = block..(block + BLOCK).min(all.end);
                    let values = Left::InPlace(problem.v.rows(self.key_head, block.start).turned());
                    for column in 0..few {
                        let data = scores(column).add(block.start - first);
                        let row = std::slice::from_raw_parts_mut(data, block.len());
                        self.restrict_row(panel.columns.start + column, &block, row);
                        on_tier(RowSoftmax {
                            scores: row,
                            maximum: &mut *state.maxima.add(column),
                            sum: &mut *state.sums.add(column),
                            factor: &mut *state.factors.add(column),
                        });
                        let scores = Right { data: data.cast_const(), row_stride: 1 };
                        // Values of the next blocks are asked for while those of this one are read.
                        let rows = if column == 0 { all.end - block.start } else { 0 };
                        self.add_row(&values, (block.len(), rows), column, scores, &state);
                    }
                }
            }
        }
    }

    /// Applies the mask and causality to the scores of a column.
    unsafe fn restrict_row(&self, column: usize, block: &Range<usize>, scores: &mut [T]) {
        if let Some(mask) = &self.problem.mask {
            // SAFETY: the memory for some keys of a panel has room for a column of all of a block.
            let bias = unsafe {
                mask.write(&self.runs(&(column..column + 1)), block.clone(), 1, self.bias, self.lines);
                std::slice::from_raw_parts(self.bias.cast_const(), block.len())
            };
            let width = scores.len();
            on_tier(AddMask { scores: &mut *scores, bias, width, columns: width });
        }
        if self.problem.causal {
            let seen = (column % self.problem.queries + 1).saturating_sub(block.start);
            scores[seen.min(block.len())..].fill(-T::INFINITY);
        }
    }

    /// As the rest of [`Chunk::step`], for one of a few columns, whose results lie side by side.
    /// `rows`: values that come from memory, those of the keys and what is read behind them, or 0.
    unsafe fn add_row(
        &self,
        values: &Left<T>,
        (keys, rows): (usize, usize),
        column: usize,
        scores: Right<T>,
        state: &State<T>,
    ) {
        let length = self.problem.width;
        // SAFETY: the operands hold the keys, and the scratch has room for a row; the results of a column lie within
        // the panel's.
        unsafe {
            let results = std::slice::from_raw_parts_mut(state.results.add(column * length), length);
            match values {
                Left::InPlace(values) if values.line_stride == 1 => {
                    let product = RowProduct {
                        a: scores.data,
                        a_stride: scores.row_stride as isize,
                        b: values.data,
                        b_depth_stride: values.depth_stride,
                        c: self.row,
                        depth: keys,
                        columns: length,
                    };
                    match rows {
                        1.. if length <= SHORT_ROW => ShortRowProduct { product, rows }.run(),
                        _ => product.run(),
                    }
                }
                // Each value is a row of a product with one column.
                values => {
                    let target = Target { data: self.row, row_stride: 1 };
                    product(values, scores, (length, keys, 1), target, false);
                }
            }
            let added = std::slice::from_raw_parts(self.row.cast_const(), length);
            on_tier(AddScaled { numbers: results, factor: state.factors.add(column).read(), added });
        }
    }

    /// Writes the results of all panels.
    unsafe fn write(&self, output: &Disjoint<'_, T>, logarithms: &Disjoint<'_, T>) {
        let problem = self.problem;
        for (index, panel) in self.panels.iter().enumerate() {
            let (state, width) = (self.state(index), panel.width);
            // Heads of a group follow one another in the results.
            let first = self.key_head * problem.group * problem.queries + panel.columns.start;
            let count = panel.columns.len();
            // SAFETY: the state has room for the panel; each column belongs to one chunk.
            unsafe {
                let numbers = std::slice::from_raw_parts_mut(state.results, problem.width * width);
                let maxima = std::slice::from_raw_parts(state.maxima.cast_const(), width);
                let sums = std::slice::from_raw_parts_mut(state.sums, width);
                let output = output.range(first * problem.width, count * problem.width);
                if self.are_few() {
                    output.copy_from_slice(&numbers[..count * problem.width]);
                    for (row, &sum) in output.chunks_exact_mut(problem.width.max(1)).zip(&*sums) {
                        on_tier(Divide { numbers: row, sums: &[sum] });
                    }
                } else {
                    on_tier(Divide { numbers, sums });
                    let numbers =
                        Strided { data: numbers.as_ptr(), line_stride: width as isize, depth_stride: 1 };
                    numbers.write_lines(0..problem.width, 0..count, problem.width, output.as_mut_ptr());
                }
                on_tier(Logarithms { maxima, sums: &mut *sums });
                logarithms.range(first, count).copy_from_slice(&sums[..count]);
            }
        }
    }
}

/// A panel's part of the scratch memory.
struct State<T> {
    queries: *mut T,
    results: *mut T,
    maxima: *mut T,
    sums: *mut T,
    factors: *mut T,
}

/// The end of the keys that some columns look at, and the first key that one of them may not.
fn seen_keys<T>(problem: &Problem<'_, T>, columns: &Range<usize>) -> (usize, usize) {
    if !problem.causal {
        return (problem.keys, problem.keys);
    }
    let (first, last) = (columns.start % problem.queries, (columns.end - 1) % problem.queries);
    // Columns of several heads begin again at the first query.
    let (least, most) =
        if first + columns.len() > problem.queries { (0, problem.queries - 1) } else { (first, last) };
    ((most + 1).min(problem.keys), (least + 1).min(problem.keys))
}
