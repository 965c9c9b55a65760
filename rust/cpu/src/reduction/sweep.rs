//! Walking a tensor for a reduction.
//!
//! The space is permuted so that either the reduced axes come last (*rows*: the elements of one result follow each
//! other) or first (*columns*: neighbouring results are taken side by side, each with accumulators of its own).
//! Which one is chosen follows from where neighbours lie in memory and changes no bit. A unit of work is a chunk of
//! the reduced elements of one row, or of a block of columns.

use smallvec::SmallVec;
use tenfold_ir::kernel::Reduce;
use tenfold_ir::lanes::Lane;
use tenfold_ir::{Element, Error, Instruction, Result, Shape};

use super::fold::{Fold, Sum};
use super::order::{Accumulators, BLOCK, CHUNK, GROUPS, LANES, PairwiseTree, join_lanes};
use super::{Prologue, split_axes};
use crate::backend::disjoint::{Disjoint, for_each_part, for_each_range};
use crate::backend::view::{Memory, OutputView};
use crate::elementwise::evaluate::{Evaluation, Evaluator, Operand};
use crate::elementwise::program::{Origin, Program, Store, TILE};
use crate::simd::{self, Tiered, on_tier};

/// Results that are computed side by side: their accumulators fill half of a small first-level cache.
const COLUMNS: usize = 64;

/// What a thread should have to do at a time, in nanoseconds.
const CHUNK_NANOSECONDS: u64 = 50_000;

/// A reduction made ready to run.
pub struct Sweep {
    program: Program,
    operands: SmallVec<[Operand; 4]>,
    /// The permuted shape.
    shape: Shape,
    by_columns: bool,
    /// Elements of the result, and elements that each is reduced from.
    results: usize,
    reduced: usize,
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
        let mut program =
            Program::new(expr, expr.outputs(), inputs.len(), scalars, Store::View, false, simd::tier())?;
        for origin in &mut program.origins {
            if let Origin::Coordinate(axis) = origin {
                *axis = order.iter().position(|at| at == axis).unwrap_or(*axis);
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
            shape: order.iter().map(|&axis| shape[axis]).collect(),
            by_columns,
            results: extent(&kept),
            reduced: extent(&reduced),
            name: core.operation.name(),
        })
    }

    /// Reduces with `F` and stores what `finish` makes of each result. `T` is the type of the expression's tiles.
    pub fn fold<T: Copy, F: Fold<T>, E: Element>(
        &self,
        output: &mut OutputView<'_>,
        finish: impl Fn(F::State) -> E + Sync,
    ) -> Result<()> {
        let states = self.states(F::identity(), |evaluator, unit, target| {
            on_tier(FoldUnit::<T, F> {
                evaluator,
                sweep: self,
                unit,
                target,
                element: std::marker::PhantomData,
            });
        })?;
        let chunks = self.chunks();
        for_each_part(output.values::<E>()?, 4_096, 4_096 * 4, &|start, part| {
            for (index, value) in part.iter_mut().enumerate() {
                let states = &states[(start + index) * chunks..][..chunks];
                *value = finish(join_chunks(states, F::identity(), F::join));
            }
        });
        Ok(())
    }

    /// The mean, and the sum of squared distances from it: of each chunk in two passes, joined after Chan, Golub
    /// and LeVeque 1979.
    pub fn moments<T: Lane + Element, E: Element>(
        &self,
        mean: &mut OutputView<'_>,
        squares: &mut OutputView<'_>,
        finish: impl Fn(T) -> E + Sync,
    ) -> Result<()>
    where
        Sum<T>: Fold<T, State = T>,
    {
        let zero = T::constant(0.0);
        let nothing = Moments { count: zero, mean: T::NAN, squares: zero };
        let states = self.states(nothing, |evaluator, unit, target| {
            on_tier(MomentsUnit::<T> { evaluator, sweep: self, unit, target });
        })?;
        let chunks = self.chunks();
        let shared = Disjoint::new(squares.values::<E>()?);
        for_each_part(mean.values::<E>()?, 4_096, 4_096 * 4, &|start, part| {
            // SAFETY: parts do not overlap, and both results have the same elements.
            let squares = unsafe { shared.range(start, part.len()) };
            for (index, (mean, squares)) in part.iter_mut().zip(squares).enumerate() {
                let states = &states[(start + index) * chunks..][..chunks];
                let joined = join_chunks(states, nothing, Moments::join);
                *mean = finish(joined.mean);
                *squares = finish(joined.squares);
            }
        });
        Ok(())
    }

    /// Chunks of a result.
    fn chunks(&self) -> usize {
        self.reduced.div_ceil(CHUNK)
    }

    /// Runs `body` on all units in parallel. A unit stores the state of result `k` and chunk `c` at `k · chunks + c`.
    fn states<S: Copy + Send + Sync>(
        &self,
        identity: S,
        body: impl Fn(&mut Evaluator<'_>, &Unit, &Disjoint<'_, S>) + Sync,
    ) -> Result<Vec<S>> {
        let chunks = self.chunks();
        let mut states = Vec::new();
        states.try_reserve_exact(self.results * chunks).map_err(|_| {
            Error::memory(
                self.name,
                format!("no memory left; got {} results of {chunks} chunks", self.results),
            )
        })?;
        states.resize(self.results * chunks, identity);
        let evaluation = Evaluation::new(&self.program, &self.operands, &self.shape);
        let width = if self.by_columns { COLUMNS.min(self.results) } else { self.rows_per_tile() };
        let blocks = self.results.div_ceil(width.max(1));
        let elements = (width * self.reduced.min(CHUNK)) as u64;
        let nanoseconds = elements * (evaluation.picoseconds_per_element() + 100) / 1_000;
        let target = Disjoint::new(&mut states);
        for_each_range(blocks * chunks, nanoseconds + 1, CHUNK_NANOSECONDS, &|start, count| {
            evaluation.with(|evaluator| {
                for index in start..start + count {
                    let (block, chunk) = (index / chunks, index % chunks);
                    let first = block * width;
                    let begin = chunk * CHUNK;
                    let unit = Unit {
                        first,
                        width: width.min(self.results - first),
                        chunk,
                        begin,
                        length: CHUNK.min(self.reduced - begin),
                    };
                    body(evaluator, &unit, &target);
                }
            });
        });
        Ok(states)
    }

    /// Rows that fit a tile together.
    fn rows_per_tile(&self) -> usize {
        (TILE / self.reduced.max(1)).max(1)
    }
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
struct Unit {
    first: usize,
    width: usize,
    chunk: usize,
    begin: usize,
    length: usize,
}

/// Joins the chunks of one result.
fn join_chunks<S: Copy>(states: &[S], identity: S, join: impl Fn(S, S) -> S) -> S {
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
            let mut accumulators = column_accumulators::<T, F>(unit);
            columns::<T, F>(evaluator, sweep, unit, &mut accumulators, |_, element| element);
            (0..unit.width).for_each(|column| put(column, accumulators[column]));
        } else if sweep.reduced <= TILE {
            let values = evaluator.view::<T>(unit.first * sweep.reduced, unit.width * sweep.reduced);
            for row in 0..unit.width {
                put(
                    row,
                    short_row::<T, F>(&values[row * sweep.reduced..][..sweep.reduced], |element| element),
                );
            }
        } else {
            put(0, row::<T, F>(evaluator, sweep, unit, |element| element));
        }
    }
}

/// Mean and sum of squared distances of so many elements.
#[derive(Clone, Copy)]
struct Moments<T> {
    count: T,
    mean: T,
    squares: T,
}

impl<T: Lane> Moments<T> {
    fn join(self, other: Moments<T>) -> Moments<T> {
        let count = self.count + other.count;
        let apart = other.mean - self.mean;
        let share = other.count / count;
        Moments {
            count,
            mean: self.mean + apart * share,
            squares: self.squares + other.squares + apart * apart * (self.count * share),
        }
    }
}

/// One unit of the moments.
struct MomentsUnit<'a, 'e, T> {
    evaluator: &'a mut Evaluator<'e>,
    sweep: &'a Sweep,
    unit: &'a Unit,
    target: &'a Disjoint<'a, Moments<T>>,
}

impl<T: Lane + Element> Tiered for MomentsUnit<'_, '_, T>
where
    Sum<T>: Fold<T, State = T>,
{
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let MomentsUnit { evaluator, sweep, unit, target } = self;
        let chunks = sweep.chunks();
        let count = T::constant(unit.length as f64);
        let put = |index: usize, mean: T, squares: T| {
            let state = Moments { count, mean, squares };
            // SAFETY: the states of a unit are its own.
            unsafe { target.write((unit.first + index) * chunks + unit.chunk, state) };
        };
        let squared = |distance: T| distance * distance;
        if sweep.by_columns {
            let mut means = column_accumulators::<T, Sum<T>>(unit);
            columns::<T, Sum<T>>(evaluator, sweep, unit, &mut means, |_, element| element);
            means.truncate(unit.width);
            means.iter_mut().for_each(|mean| *mean = *mean / count);
            let mut squares = column_accumulators::<T, Sum<T>>(unit);
            columns::<T, Sum<T>>(evaluator, sweep, unit, &mut squares, |column, element| {
                squared(element - means[column])
            });
            (0..unit.width).for_each(|column| put(column, means[column], squares[column]));
        } else if sweep.reduced <= TILE {
            let values = evaluator.view::<T>(unit.first * sweep.reduced, unit.width * sweep.reduced);
            for index in 0..unit.width {
                let row = &values[index * sweep.reduced..][..sweep.reduced];
                let mean = short_row::<T, Sum<T>>(row, |element| element) / count;
                put(index, mean, short_row::<T, Sum<T>>(row, |element| squared(element - mean)));
            }
        } else {
            let mean = row::<T, Sum<T>>(evaluator, sweep, unit, |element| element) / count;
            put(0, mean, row::<T, Sum<T>>(evaluator, sweep, unit, |element| squared(element - mean)));
        }
    }
}

/// Takes elements, the first of which is number `index` (a multiple of [`BLOCK`]).
#[inline(always)]
fn take_block<T: Copy, F: Fold<T>>(
    accumulators: &mut Accumulators<F::State>,
    values: &[T],
    index: usize,
    map: impl Fn(T) -> T,
) {
    let mut local = *accumulators;
    let mut blocks = values.chunks_exact(BLOCK);
    let mut start = index;
    for block in &mut blocks {
        for (group, lanes) in local.iter_mut().enumerate() {
            for (lane, state) in lanes.iter_mut().enumerate() {
                let at = group * LANES + lane;
                *state = F::take(*state, map(block[at]), start + at);
            }
        }
        start += BLOCK;
    }
    for (at, &element) in blocks.remainder().iter().enumerate() {
        let state = &mut local[at / LANES][at % LANES];
        *state = F::take(*state, map(element), start + at);
    }
    *accumulators = local;
}

/// Reduces a row of at most a tile.
#[inline(always)]
fn short_row<T: Copy, F: Fold<T>>(values: &[T], map: impl Fn(T) -> T) -> F::State {
    if let [only] = values {
        return F::take(F::identity(), map(*only), 0);
    }
    let mut accumulators = [[F::identity(); LANES]; GROUPS];
    take_block::<T, F>(&mut accumulators, values, 0, map);
    join_lanes(&accumulators, F::join)
}

/// Reduces one chunk of a row.
#[inline(always)]
fn row<T: Copy, F: Fold<T>>(
    evaluator: &mut Evaluator<'_>,
    sweep: &Sweep,
    unit: &Unit,
    map: impl Fn(T) -> T,
) -> F::State {
    let start = unit.first * sweep.reduced + unit.begin;
    let mut accumulators = [[F::identity(); LANES]; GROUPS];
    let mut done = 0;
    while done < unit.length {
        let count = TILE.min(unit.length - done);
        let values = evaluator.view::<T>(start + done, count);
        take_block::<T, F>(&mut accumulators, values, unit.begin + done, &map);
        done += count;
    }
    join_lanes(&accumulators, F::join)
}

/// Accumulators of a block of columns: number `i mod 64` of column `c` at `(i mod 64) · width + c`.
#[inline(always)]
fn column_accumulators<T, F: Fold<T>>(unit: &Unit) -> SmallVec<[F::State; 64]> {
    SmallVec::from_elem(F::identity(), unit.length.min(BLOCK) * unit.width)
}

/// Reduces one chunk of a block of columns. The results are the first `width` accumulators.
#[inline(always)]
fn columns<T: Copy, F: Fold<T>>(
    evaluator: &mut Evaluator<'_>,
    sweep: &Sweep,
    unit: &Unit,
    accumulators: &mut [F::State],
    map: impl Fn(usize, T) -> T,
) {
    let width = unit.width;
    // Where a block is all there is, rows follow each other and a tile takes several.
    let whole = width == sweep.results;
    let rows_per_tile = if whole { (TILE / width).clamp(1, BLOCK) } else { 1 };
    let mut done = 0;
    while done < unit.length {
        let slot = done % BLOCK;
        let rows = rows_per_tile.min(unit.length - done).min(BLOCK - slot);
        let start = (unit.begin + done) * sweep.results + unit.first;
        let values = evaluator.view::<T>(start, rows * width);
        for row in 0..rows {
            let states = &mut accumulators[(slot + row) * width..][..width];
            let values = &values[row * width..][..width];
            for column in 0..width {
                let element = map(column, values[column]);
                states[column] = F::take(states[column], element, unit.begin + done + row);
            }
        }
        done += rows;
    }
    join_columns::<T, F>(accumulators, width, unit.length.min(BLOCK));
}

/// Joins the accumulators of each column as [`join_lanes`] does; those behind `used` are identities, which change
/// nothing.
#[inline(always)]
fn join_columns<T, F: Fold<T>>(accumulators: &mut [F::State], width: usize, used: usize) {
    let mut join = |into: usize, from: usize| {
        if from < used {
            let (head, tail) = accumulators.split_at_mut(from * width);
            let target = &mut head[into * width..][..width];
            let source = &tail[..width];
            for column in 0..width {
                target[column] = F::join(target[column], source[column]);
            }
        }
    };
    for lane in 0..LANES {
        join(lane, LANES + lane);
        join(2 * LANES + lane, 3 * LANES + lane);
        join(lane, 2 * LANES + lane);
    }
    let mut half = LANES / 2;
    while half > 0 {
        for lane in 0..half {
            join(lane, lane + half);
        }
        half /= 2;
    }
}
