//! Accumulating the elements of a unit, in the order of [`super::order`].

use smallvec::SmallVec;

use super::fold::Fold;
use super::order::{Accumulators, BLOCK, GROUPS, LANES, join_groups, join_halves, join_lanes, join_used};
use super::sweep::{Sweep, Unit};
use crate::elementwise::evaluate::Evaluator;
use crate::elementwise::program::TILE;
use crate::gemm::pack::transpose;
use crate::simd::prefetch;

/// Elements of a vector of float32, mostly.
const PIECE: usize = 8;

/// Takes elements, the first of which is number `index` (a multiple of [`BLOCK`]).
#[inline(always)]
pub(super) fn take_block<T: Copy, F: Fold<T>>(
    accumulators: &mut Accumulators<F::State>,
    values: &[T],
    index: usize,
    map: impl Fn(T) -> T,
) {
    let mut local = *accumulators;
    // Pieces of a fixed length, so that no index is checked, and one loop, see `take_some`: the loops are widened.
    let (blocks, rest) = values.as_chunks::<BLOCK>();
    let mut start = index;
    for block in blocks {
        let states = local.as_flattened_mut();
        for at in 0..BLOCK {
            states[at] = F::take(states[at], map(block[at]), start + at);
        }
        start += BLOCK;
    }
    if has_short_code::<T, F>() {
        if let Some(&any) = rest.first() {
            // A whole block, of which the places behind the last element are left out: no index that a loop does not
            // know, so that accumulators stay in registers.
            let mut elements = [any; BLOCK];
            let (pieces, last) = rest.as_chunks::<PIECE>();
            let (targets, _) = elements.as_chunks_mut::<PIECE>();
            targets.iter_mut().zip(pieces).for_each(|(target, piece)| *target = *piece);
            elements[pieces.len() * PIECE..]
                .iter_mut()
                .zip(last)
                .for_each(|(target, &element)| *target = element);
            take_some::<T, F>(&mut local, &elements, rest.len(), start, map);
        }
    } else {
        for (at, &element) in rest.iter().enumerate() {
            let state = &mut local[at / LANES][at % LANES];
            *state = F::take(*state, map(element), start + at);
        }
    }
    *accumulators = local;
}

/// True for float32 alone: for each further type it would be a kilobyte of code a tier.
#[inline(always)]
pub(super) fn has_short_code<T, F: Fold<T>>() -> bool {
    size_of::<(T, F::State)>() == 2 * size_of::<f32>()
}

/// Takes the first `length` of a block, the first of which is number `index`. In one loop: of two, the inner one is
/// unrolled, and the outer one is then what the compiler widens.
#[inline(always)]
fn take_some<T: Copy, F: Fold<T>>(
    accumulators: &mut Accumulators<F::State>,
    block: &[T; BLOCK],
    length: usize,
    index: usize,
    map: impl Fn(T) -> T,
) {
    let states = accumulators.as_flattened_mut();
    for at in 0..BLOCK {
        let taken = F::take(states[at], map(block[at]), index + at);
        states[at] = if at < length { taken } else { states[at] };
    }
}

/// Takes elements, the first of which is number `index`, any number.
#[inline(always)]
pub(super) fn take<T: Copy, F: Fold<T>>(
    accumulators: &mut Accumulators<F::State>,
    values: &[T],
    index: usize,
    map: impl Fn(T) -> T,
) {
    // Up to a group, up to a block, blocks.
    let mut at = index;
    let (head, values) = values.split_at((at.next_multiple_of(LANES) - at).min(values.len()));
    for &element in head {
        let state = &mut accumulators[at % BLOCK / LANES][at % LANES];
        *state = F::take(*state, map(element), at);
        at += 1;
    }
    let (head, values) = values.split_at((at.next_multiple_of(BLOCK) - at).min(values.len()));
    let (groups, rest) = head.as_chunks::<LANES>();
    for group in groups {
        let states = &mut accumulators[at % BLOCK / LANES];
        let mut local = *states;
        for lane in 0..LANES {
            local[lane] = F::take(local[lane], map(group[lane]), at + lane);
        }
        *states = local;
        at += LANES;
    }
    for &element in rest {
        let state = &mut accumulators[at % BLOCK / LANES][at % LANES];
        *state = F::take(*state, map(element), at);
        at += 1;
    }
    if !values.is_empty() {
        take_block::<T, F>(accumulators, values, at, map);
    }
}

/// Accumulators that nothing was taken into.
#[inline(always)]
pub(super) fn accumulators<T, F: Fold<T>>() -> Accumulators<F::State> {
    [[F::identity(); LANES]; GROUPS]
}

/// Reduces a row of at most a chunk that lies in memory.
#[inline(always)]
pub(super) fn short_row<T: Copy, F: Fold<T>>(values: &[T], map: impl Fn(T) -> T) -> F::State {
    if let [only] = values {
        return F::take(F::identity(), map(*only), 0);
    }
    let mut accumulators = accumulators::<T, F>();
    take_block::<T, F>(&mut accumulators, values, 0, map);
    join_used(&accumulators, values.len(), F::join)
}

/// Rows whose lanes are joined side by side: those of one fill ever less of a vector, and each join waits for the one before.
pub(super) const ROWS_TOGETHER: usize = 16;
/// Fewer are joined one after the other.
const FEWEST_ROWS: usize = 3;

/// Reduces what `map` makes of the elements of a few rows, and of a number a row: at most [`ROWS_TOGETHER`], one for each
/// result. They lie one behind the other and have `length` elements, at most a chunk.
#[inline(always)]
pub(super) fn short_rows<T: Copy, F: Fold<T>, S: Copy>(
    values: &[T],
    length: usize,
    numbers: &[S; ROWS_TOGETHER],
    results: &mut [F::State],
    map: impl Fn(S, T) -> T,
) {
    if !has_short_code::<T, F>() || length < 2 || results.len() < FEWEST_ROWS {
        for (row, result) in results.iter_mut().enumerate() {
            *result =
                short_row::<T, F>(&values[row * length..][..length], |element| map(numbers[row], element));
        }
        return;
    }
    let mut lanes = [[F::identity(); LANES]; ROWS_TOGETHER];
    for row in 0..results.len() {
        lanes[row] =
            lanes_of_row::<T, F>(&values[row * length..], length, |element| map(numbers[row], element));
    }
    let mut turned = [[F::identity(); ROWS_TOGETHER]; LANES];
    // SAFETY: states are as large as float32 here, and as such they are only moved.
    unsafe {
        let (from, to) = (lanes.as_ptr().cast::<f32>(), turned.as_mut_ptr().cast::<f32>());
        transpose(from, LANES as isize, ROWS_TOGETHER, LANES, ROWS_TOGETHER, to);
    }
    let joined = join_halves(&mut turned, F::join);
    results.copy_from_slice(&joined[..results.len()]);
}

/// The lanes of the first `length` of some elements. Where the last block is not whole, elements behind it are read, too, and
/// left out: a copy would be waited for.
#[inline(always)]
fn lanes_of_row<T: Copy, F: Fold<T>>(values: &[T], length: usize, map: impl Fn(T) -> T) -> [F::State; LANES] {
    if let Some(group) = values.first_chunk::<LANES>()
        && length <= LANES
    {
        let mut lanes = [F::identity(); LANES];
        for lane in 0..LANES {
            let taken = F::take(lanes[lane], map(group[lane]), lane);
            lanes[lane] = if lane < length { taken } else { lanes[lane] };
        }
        return lanes;
    }
    let mut accumulators = accumulators::<T, F>();
    let whole = length - length % BLOCK;
    match values[whole..].first_chunk::<BLOCK>() {
        Some(last) if whole < length => {
            take_block::<T, F>(&mut accumulators, &values[..whole], 0, &map);
            take_some::<T, F>(&mut accumulators, last, length - whole, whole, &map);
        }
        _ => take_block::<T, F>(&mut accumulators, &values[..length], 0, &map),
    }
    join_groups(&accumulators, length, F::join)
}

/// Neighbours fewer than this are copied together: groups of accumulators take them whole then.
const SHORTEST_RUN: usize = 2 * BLOCK;

/// True where the elements of a chunk of a row are not looked at where they lie, or lie there in runs of fewer than `least`.
#[inline(always)]
pub(super) fn runs_are_short<T: Copy>(
    evaluator: &mut Evaluator<'_>,
    sweep: &Sweep,
    unit: &Unit,
    least: usize,
) -> bool {
    let start = unit.first * sweep.reduced + unit.begin;
    !evaluator.has_neighbours::<T>(start, least, unit.length)
}

/// Elements of a chunk of a row from number `done` of it on, as many as lie side by side or fit a tile.
///
/// No closure takes them: it would not be compiled for the tier.
#[inline(always)]
pub(super) fn next_run<'v, T: Copy>(
    evaluator: &'v mut Evaluator<'_>,
    sweep: &Sweep,
    unit: &Unit,
    done: usize,
) -> &'v [T] {
    let (at, left) = (unit.first * sweep.reduced + unit.begin + done, unit.length - done);
    if evaluator.has_neighbours::<T>(at, SHORTEST_RUN, left) {
        let Some(values) = evaluator.run_of_neighbours::<T>(at, left) else { unreachable!("asked above") };
        return values;
    }
    evaluator.view::<T>(at, unit.count(at, left))
}

/// Elements of a run that are taken before more of what follows it is asked for.
const TURN: usize = 4 * BLOCK;

/// Reduces one chunk of a row. `ahead`: asks for half of the next chunk meanwhile, from that element of it on. A core's own
/// guesses end with a page.
#[inline(always)]
pub(super) fn row<T: Copy, F: Fold<T>>(
    evaluator: &mut Evaluator<'_>,
    sweep: &Sweep,
    unit: &Unit,
    ahead: Option<usize>,
    map: impl Fn(T) -> T,
) -> F::State {
    let mut accumulators = accumulators::<T, F>();
    let mut done = 0;
    while done < unit.length {
        let mut values = next_run::<T>(evaluator, sweep, unit, done);
        let end_of_turn = if ahead.is_some() { TURN } else { values.len() };
        let mut next = values.as_ptr().wrapping_add(unit.length + ahead.unwrap_or(0) - done / 2);
        while !values.is_empty() {
            let (turn, rest) = values.split_at(values.len().min(end_of_turn));
            if ahead.is_some() {
                prefetch(next.cast(), TURN / 2 * size_of::<T>());
                next = next.wrapping_add(TURN / 2);
            }
            take::<T, F>(&mut accumulators, turn, unit.begin + done, &map);
            values = rest;
            done += turn.len();
        }
    }
    join_lanes(&accumulators, F::join)
}

/// Accumulators of a block of columns: number `i mod 64` of column `c` at `(i mod 64) · width + c`.
#[inline(always)]
pub(super) fn column_accumulators<T, F: Fold<T>>(unit: &Unit) -> SmallVec<[F::State; 64]> {
    SmallVec::from_elem(F::identity(), unit.length.min(BLOCK) * unit.width)
}

/// Takes a line of elements, all of them number `index` of their columns.
#[inline(always)]
pub fn take_line<T: Copy, F: Fold<T>>(states: &mut [F::State], values: &[T], index: usize) {
    for (state, &element) in states.iter_mut().zip(values) {
        *state = F::take(*state, element, index);
    }
}

/// The same of what `map` makes of each element and the number of its column.
#[inline(always)]
fn take_mapped_line<T: Copy, F: Fold<T>, S: Copy>(
    states: &mut [F::State],
    numbers: &[S],
    values: &[T],
    index: usize,
    map: &impl Fn(S, T) -> T,
) {
    for ((state, &number), &element) in states.iter_mut().zip(numbers).zip(values) {
        *state = F::take(*state, map(number, element), index);
    }
}

/// Lines that go to the same accumulators, which are then loaded and stored once for all of them. With 2 KB a line this
/// took the sums of 4096² along axis 0 from 3.1 to 2.1 ms: before, the accumulators were half of the traffic.
const LINES_TOGETHER: usize = 4;

/// Takes [`LINES_TOGETHER`] lines, the first of which begins the slice; the others lie `pitch` apart, and are a block
/// further on in their columns each.
#[inline(always)]
fn take_lines<T: Copy, F: Fold<T>, S: Copy>(
    states: &mut [F::State],
    numbers: &[S],
    values: &[T],
    pitch: usize,
    index: usize,
    map: &impl Fn(S, T) -> T,
) {
    let width = states.len();
    let (first, second) = (&values[..width], &values[pitch..][..width]);
    let (third, fourth) = (&values[2 * pitch..][..width], &values[3 * pitch..][..width]);
    let lines = first.iter().zip(second).zip(third.iter().zip(fourth));
    let columns = states.iter_mut().zip(numbers);
    for ((state, &number), ((&first, &second), (&third, &fourth))) in columns.zip(lines) {
        let so_far = F::take(*state, map(number, first), index);
        let so_far = F::take(so_far, map(number, second), index + BLOCK);
        let so_far = F::take(so_far, map(number, third), index + 2 * BLOCK);
        *state = F::take(so_far, map(number, fourth), index + 3 * BLOCK);
    }
}

/// Reduces what `map` makes of one chunk of a block of columns, and of a number a column: a state a column.
#[inline(always)]
pub(super) fn columns<T: Copy, F: Fold<T>, S: Copy>(
    evaluator: &mut Evaluator<'_>,
    sweep: &Sweep,
    unit: &Unit,
    numbers: &[S],
    map: impl Fn(S, T) -> T,
) -> SmallVec<[F::State; 64]> {
    let width = unit.width;
    let start = unit.begin * sweep.results + unit.first;
    let in_memory = evaluator.lines::<T>(start, width, unit.length, sweep.results);
    if let Some((values, pitch)) = in_memory
        && has_short_code::<T, F>()
        && unit.length <= BLOCK
    {
        return few_lines::<T, F, S>(values, pitch, unit, numbers, map);
    }
    let mut accumulators = column_accumulators::<T, F>(unit);
    if let Some((values, pitch)) = in_memory {
        let mut line = 0;
        while line < unit.length {
            let states = &mut accumulators[line % BLOCK * width..][..width];
            let index = unit.begin + line;
            // All lines of a block, then those of the next that follow what was taken.
            let last_together = line + (LINES_TOGETHER - 1) * BLOCK;
            if last_together - line % BLOCK + BLOCK <= unit.length {
                take_lines::<T, F, S>(states, numbers, &values[line * pitch..], BLOCK * pitch, index, &map);
                line += if line % BLOCK + 1 == BLOCK { (LINES_TOGETHER - 1) * BLOCK + 1 } else { 1 };
            } else {
                take_mapped_line::<T, F, S>(states, numbers, &values[line * pitch..][..width], index, &map);
                line += 1;
            }
        }
    } else {
        lines::<T, 1>(evaluator, sweep, unit, |line, [values]| {
            let states = &mut accumulators[line % BLOCK * width..][..width];
            take_mapped_line::<T, F, S>(states, numbers, values, unit.begin + line, &map);
        });
    }
    join_columns::<T, F>(&mut accumulators, width, unit.length.min(BLOCK));
    accumulators.truncate(width);
    accumulators
}

/// Columns whose accumulators are joined in registers.
const COLUMNS_IN_REGISTERS: usize = 16;

/// The same of at most a block of lines, which leave each accumulator at most one element: they are joined as they are read.
#[inline(always)]
fn few_lines<T: Copy, F: Fold<T>, S: Copy>(
    values: &[T],
    pitch: usize,
    unit: &Unit,
    numbers: &[S],
    map: impl Fn(S, T) -> T,
) -> SmallVec<[F::State; 64]> {
    let width = numbers.len();
    // Columns beside these lie in pages that a core reads ahead of itself; other lines are asked for.
    let next = (width == pitch).then_some(unit.length * pitch);
    let lines = Lines { values, pitch, length: unit.length, next };
    let mut results = SmallVec::from_elem(F::identity(), width);
    let mut lanes = [[F::identity(); COLUMNS_IN_REGISTERS]; LANES];
    let whole = width - width % COLUMNS_IN_REGISTERS;
    for first in (0..whole).step_by(COLUMNS_IN_REGISTERS) {
        let joined = join_lines::<T, F, S, COLUMNS_IN_REGISTERS>(&mut lanes, &lines, first, numbers, &map);
        results[first..first + COLUMNS_IN_REGISTERS].copy_from_slice(&joined);
    }
    let mut lanes = [[F::identity(); 1]; LANES];
    for column in whole..width {
        [results[column]] = join_lines::<T, F, S, 1>(&mut lanes, &lines, column, numbers, &map);
    }
    results
}

/// Lines of elements that lie `pitch` apart; those so far behind are asked for as these are read.
struct Lines<'v, T> {
    values: &'v [T],
    pitch: usize,
    length: usize,
    next: Option<usize>,
}

/// `N` neighbouring columns of few lines, joined as [`join_lanes`] does; accumulators that no line reaches are left out.
/// `lanes` is scratch memory.
#[inline(always)]
fn join_lines<T: Copy, F: Fold<T>, S: Copy, const N: usize>(
    lanes: &mut [[F::State; N]; LANES],
    lines: &Lines<'_, T>,
    first: usize,
    numbers: &[S],
    map: &impl Fn(S, T) -> T,
) -> [F::State; N] {
    let &Lines { values, pitch, length, next } = lines;
    let (values, Some(numbers)) = (&values[first..], numbers[first..].first_chunk::<N>()) else {
        return [F::identity(); N];
    };
    let taken = |line: usize| {
        let mut states = [F::identity(); N];
        let values = &values[line * pitch..];
        if let Some(next) = next {
            prefetch(values.as_ptr().wrapping_add(next).cast(), N * size_of::<T>());
        }
        if let Some(values) = values.first_chunk::<N>() {
            for column in 0..N {
                states[column] = F::take(states[column], map(numbers[column], values[column]), line);
            }
        }
        states
    };
    let used = length.min(LANES);
    for lane in 0..used {
        let [second, third, fourth] = [1, 2, 3].map(|group| lane + group * LANES);
        let mut joined = taken(lane);
        if second < length {
            joined = join_each::<T, F, N>(joined, taken(second));
        }
        if fourth < length {
            joined = join_each::<T, F, N>(joined, join_each::<T, F, N>(taken(third), taken(fourth)));
        } else if third < length {
            joined = join_each::<T, F, N>(joined, taken(third));
        }
        lanes[lane] = joined;
    }
    for half in [LANES / 2, LANES / 4, LANES / 8, LANES / 16] {
        for lane in 0..half.min(used.saturating_sub(half)) {
            lanes[lane] = join_each::<T, F, N>(lanes[lane], lanes[lane + half]);
        }
    }
    lanes[0]
}

/// The states of neighbouring columns, joined. Of copies, of which the compiler need not ask whether they overlap.
#[inline(always)]
fn join_each<T, F: Fold<T>, const N: usize>(
    mut first: [F::State; N],
    second: [F::State; N],
) -> [F::State; N] {
    for column in 0..N {
        first[column] = F::join(first[column], second[column]);
    }
    first
}

/// Hands out the lines of one chunk of a block of columns, of a program's first values, with their numbers.
#[inline(always)]
pub(super) fn lines<T: Copy, const N: usize>(
    evaluator: &mut Evaluator<'_>,
    sweep: &Sweep,
    unit: &Unit,
    mut take: impl FnMut(usize, [&[T]; N]),
) {
    let width = unit.width;
    // Where a block is all there is, lines follow each other and a tile takes several.
    let whole = width == sweep.results;
    let lines_per_tile = if whole { (TILE / width).max(1) } else { 1 };
    let mut done = 0;
    while done < unit.length {
        let count = lines_per_tile.min(unit.length - done);
        let start = (unit.begin + done) * sweep.results + unit.first;
        let values: [&[T]; N] = evaluator.views(start, count * width);
        for line in 0..count {
            take(done + line, values.map(|values| &values[line * width..][..width]));
        }
        done += count;
    }
}

/// The accumulators of [`join_lanes`] in its order: so many from the first on, each with the one that lies so far behind. One
/// loop for all: closures and calls from several places are not compiled for the tier.
const JOINS: [(usize, usize, usize); 7] = [
    (0, LANES, LANES),
    (2 * LANES, LANES, LANES),
    (0, 2 * LANES, LANES),
    (0, LANES / 2, LANES / 2),
    (0, LANES / 4, LANES / 4),
    (0, LANES / 8, LANES / 8),
    (0, LANES / 16, LANES / 16),
];

/// Joins the accumulators of each column as [`join_lanes`] does; those behind `used` are identities, which change
/// nothing.
#[inline(always)]
pub fn join_columns<T, F: Fold<T>>(accumulators: &mut [F::State], width: usize, used: usize) {
    for (first, apart, lanes) in JOINS {
        for into in first..first + lanes {
            let from = into + apart;
            if from < used {
                let (head, tail) = accumulators.split_at_mut(from * width);
                let target = &mut head[into * width..][..width];
                let source = &tail[..width];
                for column in 0..width {
                    target[column] = F::join(target[column], source[column]);
                }
            }
        }
    }
}
