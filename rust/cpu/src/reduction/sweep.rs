//! Walking a tensor for a reduction.
//!
//! The space is permuted so that either the reduced axes come last (*rows*: the elements of one result follow each
//! other) or first (*columns*: neighbouring results are taken side by side, each with accumulators of its own).
//! Which one is chosen follows from where neighbours lie in memory and changes no bit. A unit of work is a chunk of
//! the reduced elements of one row, or of a block of columns.

use std::sync::Arc;

use smallvec::SmallVec;
use tenfold_ir::kernel::Reduce;
use tenfold_ir::{Element, Error, Instruction, Result, Scalar, Shape};

use super::accumulate::{ROWS_TOGETHER, columns, row, short_rows};
use super::fold::Fold;
use super::order::{CHUNK, PairwiseTree};
use super::{Prologue, split_axes, streams};
use crate::backend::disjoint::{Disjoint, for_each_part, for_each_range};
use crate::backend::view::{Memory, OutputView};
use crate::elementwise::evaluate::{Evaluation, Evaluator};
use crate::elementwise::operand::Operand;
use crate::elementwise::program::{Origin, Program, Store, TILE};
use crate::elementwise::tiling::{Tiling, even_share};
use crate::simd::{self, Tiered, on_tier};
use crate::threads::thread_count;

/// Bytes of a line of accumulators, of results that are computed side by side. Lines of 256 bytes keep all accumulators
/// in the first-level cache, but each line of memory then costs a page for four cache lines: along axis 0 of 4096² that
/// took three times as long.
const LINE_BYTES: usize = 2048;

/// What a thread should have to do at a time, in nanoseconds.
pub(super) const CHUNK_NANOSECONDS: u64 = 50_000;

/// A reduction made ready to run.
pub struct Sweep {
    program: Arc<Program>,
    scalars: SmallVec<[Scalar; 2]>,
    pub(super) operands: SmallVec<[Operand; 4]>,
    /// The permuted shape.
    shape: Shape,
    pub(super) by_columns: bool,
    /// Elements of the result, and elements that each is reduced from.
    pub(super) results: usize,
    pub(super) reduced: usize,
    name: &'static str,
}

impl Sweep {
    /// Compiles the prologue and decides how to walk.
    pub fn new(core: &Reduce, shape: &Shape, prologue: Prologue<'_>) -> Result<Sweep> {
        let Prologue { expr, scalars, inputs } = prologue;
        let [kept, reduced] = split_axes(core, shape.rank());
        let extent = |axes: &[usize]| axes.iter().map(|&axis| shape[axis]).product::<usize>();
        let by_columns = lies_by_columns(prologue, shape, &kept, &reduced);
        let order: SmallVec<[usize; 4]> = if by_columns {
            [&reduced[..], &kept].concat().into()
        } else {
            [&kept[..], &reduced].concat().into()
        };
        let mut program = Program::of(expr, expr.outputs(), inputs.len(), Store::View, false, simd::tier())?;
        if program.origins.iter().any(|origin| matches!(origin, Origin::Coordinate(_))) {
            for origin in &mut Arc::make_mut(&mut program).origins {
                if let Origin::Coordinate(axis) = origin {
                    *axis = order.iter().position(|at| at == axis).unwrap_or(*axis);
                }
            }
        }
        let operands = inputs.iter().enumerate().map(|(index, input)| match input.memory {
            _ if !program.origins.contains(&Origin::Operand(index)) => Ok(Operand::unused()),
            // SAFETY: the borrow keeps the memory alive and unwritten.
            Memory::Bytes(bytes) => unsafe {
                Operand::new(input.dtype, input.layout.permute(&order), bytes.as_ptr(), bytes.len())
            },
            Memory::Output(_) => Err(Error::state(core.operation.name(), "cannot work in place")),
        });
        Ok(Sweep {
            operands: operands.collect::<Result<_>>()?,
            program,
            scalars: scalars.into(),
            shape: order.iter().map(|&axis| shape[axis]).collect(),
            by_columns,
            results: extent(&kept),
            reduced: extent(&reduced),
            name: core.operation.name(),
        })
    }

    /// Reduces with `F` and stores what `finish` makes of each result. `T` is the type of the expression's tiles.
    pub fn fold<T: Copy + Sync, F: Fold<T>, E: Element>(
        &self,
        output: &mut OutputView<'_>,
        finish: impl Fn(F::State) -> E + Sync,
    ) -> Result<()> {
        self.finish(&self.folded::<T, F>()?, F::identity(), F::join, output, finish)
    }

    /// Joins the chunks of each result and stores what `finish` makes of it.
    pub(super) fn finish<S: Copy + Sync, E: Element>(
        &self,
        states: &[S],
        identity: S,
        join: fn(S, S) -> S,
        output: &mut OutputView<'_>,
        finish: impl Fn(S) -> E + Sync,
    ) -> Result<()> {
        let chunks = self.chunks();
        for_each_part(output.values::<E>()?, 4_096, 4_096 * 4, &|start, part| {
            if chunks == 1 {
                for (value, &state) in part.iter_mut().zip(&states[start..]) {
                    *value = finish(state);
                }
                return;
            }
            for (index, value) in part.iter_mut().enumerate() {
                let states = &states[(start + index) * chunks..][..chunks];
                *value = finish(join_chunks(states, identity, join));
            }
        });
        Ok(())
    }

    /// The states of all results and chunks: apart from [`Sweep::fold`], whose code is made for each dtype stored.
    fn folded<T: Copy + Sync, F: Fold<T>>(&self) -> Result<Vec<F::State>> {
        if let Some(states) = streams::fold::<T, F>(self)? {
            return Ok(states);
        }
        self.states(
            F::identity(),
            columns_together(&F::identity()),
            self.rows_of_unit::<T>(),
            |evaluator, unit, target| {
                on_tier(FoldUnit::<T, F> {
                    evaluator,
                    sweep: self,
                    unit,
                    target,
                    element: std::marker::PhantomData,
                });
            },
        )
    }

    /// Chunks of a result.
    pub(super) fn chunks(&self) -> usize {
        self.reduced.div_ceil(CHUNK)
    }

    /// A state for each chunk of each result.
    pub(super) fn untouched<S: Copy>(&self, identity: S) -> Result<Vec<S>> {
        let chunks = self.chunks();
        let mut states = Vec::new();
        states.try_reserve_exact(self.results * chunks).map_err(|_| {
            Error::memory(
                self.name,
                format!("no memory left; got {} results of {chunks} chunks", self.results),
            )
        })?;
        states.resize(self.results * chunks, identity);
        Ok(states)
    }

    /// The program on its operands.
    pub(super) fn evaluation(&self) -> Evaluation<'_> {
        Evaluation::new(&self.program, &self.scalars, &self.operands, &self.shape)
    }

    /// Runs `body` on all units in parallel, at most so many columns or rows in each. A unit stores the state of result `k` and
    /// chunk `c` at `k · chunks + c`.
    pub(super) fn states<S: Copy + Send + Sync>(
        &self,
        identity: S,
        columns: usize,
        rows: usize,
        body: impl Fn(&mut Evaluator<'_>, &Unit, &Disjoint<'_, S>) + Sync,
    ) -> Result<Vec<S>> {
        let (evaluation, chunks) = (self.evaluation(), self.chunks());
        let mut states = self.untouched(identity)?;
        // Columns of a unit are neighbours in memory, about equally many in each.
        let run = if self.by_columns { evaluation.run_of_columns(self.results) } else { self.results };
        let width = match self.by_columns {
            true => even_share(run, self.columns_of_a_unit(columns.min(TILE).min(run))),
            false => rows,
        };
        let blocks_of_run = run.div_ceil(width);
        let blocks = self.results / run.max(1) * blocks_of_run;
        let elements = (width * self.reduced.min(CHUNK)) as u64;
        let nanoseconds = elements * (evaluation.picoseconds_per_element() + 100) / 1_000;
        let target = Disjoint::new(&mut states);
        let tiling = evaluation.tiling();
        for_each_range(blocks * chunks, nanoseconds + 1, CHUNK_NANOSECONDS, &|start, count| {
            evaluation.with(|evaluator| {
                for index in start..start + count {
                    let (block, chunk) = (index / chunks, index % chunks);
                    let (past, within) = (block / blocks_of_run * run, block % blocks_of_run * width);
                    let begin = chunk * CHUNK;
                    let unit = Unit {
                        first: past + within,
                        width: width.min(run - within),
                        chunk,
                        begin,
                        length: CHUNK.min(self.reduced - begin),
                        tiling,
                    };
                    body(evaluator, &unit, &target);
                }
            });
        });
        Ok(states)
    }

    /// At most so many columns, and fewer where a thread would find none.
    fn columns_of_a_unit(&self, most: usize) -> usize {
        let threads = thread_count();
        match self.results.div_ceil(most.max(1)) * self.chunks() < threads {
            true => most.min(self.results.div_ceil(threads).next_multiple_of(FEWEST_COLUMNS)),
            false => most,
        }
    }

    /// Rows that fit a tile together, whole groups of [`ROWS_TOGETHER`] where it holds one.
    pub(super) fn rows_per_tile(&self) -> usize {
        let rows = (TILE / self.reduced.max(1)).max(1);
        if rows > ROWS_TOGETHER { rows - rows % ROWS_TOGETHER } else { rows }
    }

    /// Rows of a unit that are looked at with [`Sweep::rows`]: where they lie in memory, no tile has to hold them.
    pub(super) fn rows_of_unit<T: Copy>(&self) -> usize {
        let rows = self.rows_per_tile();
        let are_short = self.reduced <= TILE && self.evaluation().neighbours::<T>(0, 0).is_some();
        if are_short { rows.max(ROWS_TOGETHER) } else { rows }
    }

    /// The rows of a unit of [`Sweep::rows_of_unit`], none longer than a tile, one behind the other.
    pub(super) fn rows<'e, T: Copy>(&self, evaluator: &'e mut Evaluator<'_>, unit: &Unit) -> &'e [T] {
        let (start, count) = (unit.first * self.reduced, unit.width * self.reduced);
        match evaluator.neighbours(start, count) {
            Some(rows) => rows,
            None => evaluator.view(start, count),
        }
    }
}

/// Narrower columns would share cache lines with their neighbours'.
const FEWEST_COLUMNS: usize = 32;

/// Columns that are reduced together, each with accumulators like `identity`: whole cache lines of any dtype, which also cuts
/// numbers of columns that are powers of two evenly.
pub(super) fn columns_together<S>(identity: &S) -> usize {
    let columns = LINE_BYTES / size_of_val(identity);
    columns - columns % 64
}

/// True where the operand with the most elements has its nearest neighbours along the kept axes.
fn lies_by_columns(prologue: Prologue<'_>, shape: &Shape, kept: &[usize], reduced: &[usize]) -> bool {
    let loaded = prologue.expr.instructions().iter().filter_map(|instruction| match *instruction {
        Instruction::Load { operand } => Some(&prologue.inputs[usize::from(operand)].layout),
        _ => None,
    });
    let distinct = |strides: &[i64]| -> usize {
        (0..shape.rank()).filter(|&axis| strides[axis] != 0).map(|axis| shape[axis]).product()
    };
    let Some(main) = loaded.max_by_key(|layout| distinct(layout.strides())) else { return false };
    let nearest = |axes: &[usize]| {
        let wide = axes.iter().filter(|&&axis| shape[axis] > 1 && main.strides()[axis] != 0);
        wide.map(|&axis| main.strides()[axis].unsigned_abs()).min()
    };
    match (nearest(kept), nearest(reduced)) {
        (Some(kept), Some(reduced)) => kept < reduced,
        _ => false,
    }
}

/// Results `first .. first + width` of one chunk: reduced elements `begin .. begin + length`.
pub(super) struct Unit {
    pub first: usize,
    pub width: usize,
    pub chunk: usize,
    pub begin: usize,
    pub length: usize,
    /// How its elements are cut into tiles.
    pub tiling: Tiling,
}

impl Unit {
    /// Elements of the tile that begins at `start`, where `left` are left of a row.
    pub fn count(&self, start: usize, left: usize) -> usize {
        if self.tiling.is_even() { TILE.min(left) } else { self.tiling.count(start, start + left) }
    }
}

/// Joins the chunks of one result.
pub(super) fn join_chunks<S: Copy>(states: &[S], identity: S, join: impl Fn(S, S) -> S) -> S {
    match states {
        [] => identity,
        [only] => *only,
        _ => {
            let mut tree = PairwiseTree::default();
            states.iter().for_each(|&state| tree.push(state, &join));
            tree.finish(&join).unwrap_or(identity)
        }
    }
}

/// One unit of a fold.
struct FoldUnit<'a, 'e, T, F: Fold<T>> {
    evaluator: &'a mut Evaluator<'e>,
    sweep: &'a Sweep,
    unit: &'a Unit,
    target: &'a Disjoint<'a, F::State>,
    element: std::marker::PhantomData<T>,
}

impl<T: Copy, F: Fold<T>> Tiered for FoldUnit<'_, '_, T, F> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let FoldUnit { evaluator, sweep, unit, target, .. } = self;
        let chunks = sweep.chunks();
        // SAFETY: the states of a unit are its own.
        let put =
            |index: usize, state| unsafe { target.write((unit.first + index) * chunks + unit.chunk, state) };
        if sweep.by_columns {
            let columns =
                columns::<T, F, ()>(evaluator, sweep, unit, &vec![(); unit.width], |_, element| element);
            if chunks == 1 {
                // SAFETY: as above.
                unsafe { target.range(unit.first, unit.width).copy_from_slice(&columns) };
            } else {
                (0..unit.width).for_each(|column| put(column, columns[column]));
            }
        } else if sweep.reduced <= TILE {
            let values = sweep.rows::<T>(evaluator, unit);
            // SAFETY: as above; such a row is one chunk.
            let states = unsafe { target.range(unit.first, unit.width) };
            for (group, states) in states.chunks_mut(ROWS_TOGETHER).enumerate() {
                let values = &values[group * ROWS_TOGETHER * sweep.reduced..];
                short_rows::<T, F, ()>(values, sweep.reduced, &[(); ROWS_TOGETHER], states, |_, element| {
                    element
                });
            }
        } else {
            put(0, row::<T, F>(evaluator, sweep, unit, None, |element| element));
        }
    }
}
