//! Reductions to positions: where the first of the largest or smallest elements stands.
//!
//! Neither taking nor joining depends on an order, so that runs and lines are compared as vectors. Numbers and positions
//! are kept apart, in arrays of their own.

use std::marker::PhantomData;

use smallvec::SmallVec;
use tenfold_ir::Result;

use super::accumulate::{lines, next_run};
use super::sweep::{Sweep, Unit};
use crate::backend::disjoint::Disjoint;
use crate::backend::view::OutputView;
use crate::elementwise::evaluate::Evaluator;
use crate::simd::{Tiered, on_tier, prefetch};
use crate::threads::thread_count;

/// An element and its position.
type Found<T> = (T, i64);

/// An index that no element has: of the best of nothing, which loses against every element.
const NOWHERE: i64 = i64::MAX;

/// Elements that are compared at once.
const PIECE: usize = 32;

/// So many elements further on in a row are asked for.
const AHEAD: usize = 2048;

/// Numbers whose extremes have positions.
pub trait Compared: Copy + Send + Sync + 'static {
    /// Something to begin with; never compared.
    const ANY: Self;
    /// Which is larger; a NaN surpasses all others, in either direction.
    fn is_above(self, other: Self) -> bool;
    /// Which is smaller, likewise.
    fn is_below(self, other: Self) -> bool;
    /// One comparison that is true where [`Compared::is_above`] is, and for some more NaNs.
    fn may_be_above(self, other: Self) -> bool;
    /// The same of [`Compared::is_below`].
    fn may_be_below(self, other: Self) -> bool;
}

macro_rules! compared {
    ($($type:ty: $any:expr, $is_nan:expr;)*) => {
        $(impl Compared for $type {
            const ANY: $type = $any;
            #[inline(always)]
            fn is_above(self, other: $type) -> bool {
                (self > other) | ($is_nan(self) & !$is_nan(other))
            }
            #[inline(always)]
            fn is_below(self, other: $type) -> bool {
                (self < other) | ($is_nan(self) & !$is_nan(other))
            }
            #[inline(always)]
            #[allow(clippy::neg_cmp_op_on_partial_ord, reason = "true for NaN, as it says")]
            fn may_be_above(self, other: $type) -> bool {
                !(self <= other)
            }
            #[inline(always)]
            #[allow(clippy::neg_cmp_op_on_partial_ord, reason = "true for NaN, as it says")]
            fn may_be_below(self, other: $type) -> bool {
                !(self >= other)
            }
        })*
    };
}
compared! {
    i64: 0, |_| false; u64: 0, |_| false;
    f32: 0.0, f32::is_nan; f64: 0.0, f64::is_nan;
}

/// Which extreme is looked for.
pub trait Extreme: 'static {
    /// True where an element is better than the best before it.
    fn surpasses<T: Compared>(element: T, best: T) -> bool;
    /// True where it is, and where that is to be looked at.
    fn may_surpass<T: Compared>(element: T, best: T) -> bool;
}

macro_rules! extremes {
    ($($(#[$doc:meta])* $name:ident: $surpasses:ident, $may_surpass:ident;)*) => {
        $(
            $(#[$doc])*
            pub struct $name;
            impl Extreme for $name {
                #[inline(always)]
                fn surpasses<T: Compared>(element: T, best: T) -> bool {
                    element.$surpasses(best)
                }
                #[inline(always)]
                fn may_surpass<T: Compared>(element: T, best: T) -> bool {
                    element.$may_surpass(best)
                }
            }
        )*
    };
}
extremes! {
    /// The largest element, or the first NaN.
    ArgMax: is_above, may_be_above;
    /// The smallest element, or the first NaN.
    ArgMin: is_below, may_be_below;
}

impl Sweep {
    /// Stores the position of the best element of each result. `T` is the type of the expression's tiles.
    pub fn positions<T: Compared, X: Extreme>(&self, output: &mut OutputView<'_>) -> Result<()> {
        // One best element a column: lines may be long, as long as each thread finds some.
        let together = self.results.div_ceil(2 * thread_count()).next_multiple_of(64);
        let states =
            self.states((T::ANY, NOWHERE), together, self.rows_per_tile(), |evaluator, unit, target| {
                on_tier(PositionUnit::<T, X> { evaluator, sweep: self, unit, target, extreme: PhantomData });
            })?;
        self.finish(&states, (T::ANY, NOWHERE), join::<T, X>, output, |(_, position)| position)
    }
}

/// One unit of a search.
struct PositionUnit<'a, 'e, T, X> {
    evaluator: &'a mut Evaluator<'e>,
    sweep: &'a Sweep,
    unit: &'a Unit,
    target: &'a Disjoint<'a, Found<T>>,
    extreme: PhantomData<X>,
}

impl<T: Compared, X: Extreme> Tiered for PositionUnit<'_, '_, T, X> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let PositionUnit { evaluator, sweep, unit, target, .. } = self;
        let place = |index: usize| (unit.first + index) * sweep.chunks() + unit.chunk;
        if sweep.by_columns {
            let mut best: SmallVec<[T; 64]> = SmallVec::from_elem(T::ANY, unit.width);
            let mut positions: SmallVec<[i64; 64]> = SmallVec::from_elem(NOWHERE, unit.width);
            let start = unit.begin * sweep.results + unit.first;
            if let Some((values, pitch)) = evaluator.lines::<T>(start, unit.width, unit.length, sweep.results)
            {
                for line in 0..unit.length {
                    let values = &values[line * pitch..][..unit.width];
                    let next = values.as_ptr().wrapping_add(pitch);
                    take_line::<T, X>(&mut best, &mut positions, values, unit.begin + line, next);
                }
            } else {
                lines::<T, 1>(evaluator, sweep, unit, |line, [values]| {
                    let next = values.as_ptr();
                    take_line::<T, X>(&mut best, &mut positions, values, unit.begin + line, next);
                });
            }
            for column in 0..unit.width {
                // SAFETY: the states of a unit are its own.
                unsafe { target.write(place(column), (best[column], positions[column])) };
            }
            return;
        }
        if unit.width > 1 {
            let values = evaluator.view::<T>(unit.first * sweep.reduced, unit.width * sweep.reduced);
            for row in 0..unit.width {
                let found =
                    take_run::<T, X>((T::ANY, NOWHERE), &values[row * sweep.reduced..][..sweep.reduced], 0);
                // SAFETY: as above.
                unsafe { target.write(place(row), found) };
            }
            return;
        }
        let (mut found, mut done) = ((T::ANY, NOWHERE), 0);
        while done < unit.length {
            let values = next_run::<T>(evaluator, sweep, unit, done);
            found = take_run::<T, X>(found, values, unit.begin + done);
            done += values.len();
        }
        // SAFETY: as above.
        unsafe { target.write(place(0), found) };
    }
}

/// The better of an element and the best before it.
#[inline(always)]
fn better<T: Compared, X: Extreme>(best: T, element: T) -> T {
    if X::surpasses(element, best) { element } else { best }
}

/// With the elements of a run, the first of which is number `index`. Of the pieces of a long row few have a better one: which
/// piece, is remembered, and where in it, is looked up in the end.
#[inline(always)]
fn take_run<T: Compared, X: Extreme>(found: Found<T>, elements: &[T], index: usize) -> Found<T> {
    let Some(&first) = elements.first() else { return found };
    let (pieces, rest) = elements.as_chunks::<PIECE>();
    let mut best = if found.1 == NOWHERE { first } else { found.0 };
    let mut place = if found.1 == NOWHERE { Some(0) } else { None };
    for (number, piece) in pieces.iter().enumerate() {
        prefetch(piece.as_ptr().wrapping_add(AHEAD).cast(), PIECE * size_of::<T>());
        let mut may_be_better = false;
        for lane in 0..PIECE {
            may_be_better |= X::may_surpass(piece[lane], best);
        }
        if may_be_better {
            let candidate = best_of::<T, X>(*piece);
            if X::surpasses(candidate, best) {
                (best, place) = (candidate, Some(number * PIECE));
            } else if X::may_surpass(best, best) {
                // Nothing is better than a NaN.
                break;
            }
        }
    }
    for (number, &element) in rest.iter().enumerate() {
        if X::surpasses(element, best) {
            (best, place) = (element, Some(pieces.len() * PIECE + number));
        }
    }
    let Some(mut place) = place else { return found };
    // The first that is as good: it is one of those that follow.
    while place + 1 < elements.len() && X::surpasses(best, elements[place]) {
        place += 1;
    }
    (best, (index + place) as i64)
}

/// The best of a piece.
#[inline(always)]
fn best_of<T: Compared, X: Extreme>(mut lanes: [T; PIECE]) -> T {
    for half in [PIECE / 2, PIECE / 4, PIECE / 8, PIECE / 16, PIECE / 32] {
        for lane in 0..half {
            lanes[lane] = better::<T, X>(lanes[lane], lanes[lane + half]);
        }
    }
    lanes[0]
}

/// With a line of elements, all of them number `index` of their columns. As much is asked for from `next` on.
#[inline(always)]
fn take_line<T: Compared, X: Extreme>(
    best: &mut [T],
    positions: &mut [i64],
    values: &[T],
    index: usize,
    next: *const T,
) {
    if positions.first() == Some(&NOWHERE) {
        best.copy_from_slice(values);
        positions.fill(index as i64);
        return;
    }
    let (best, best_rest) = best.as_chunks_mut::<PIECE>();
    let (positions, positions_rest) = positions.as_chunks_mut::<PIECE>();
    let (pieces, rest) = values.as_chunks::<PIECE>();
    for (piece, values) in pieces.iter().enumerate() {
        prefetch(next.wrapping_add(piece * PIECE).cast(), PIECE * size_of::<T>());
        // After some lines there is hardly ever a better one in a piece.
        let mut is_better = false;
        for column in 0..PIECE {
            is_better |= X::may_surpass(values[column], best[piece][column]);
        }
        if is_better {
            take_piece::<T, X>(&mut best[piece], &mut positions[piece], values, index);
        }
    }
    take_piece::<T, X>(best_rest, positions_rest, rest, index);
}

#[inline(always)]
fn take_piece<T: Compared, X: Extreme>(best: &mut [T], positions: &mut [i64], values: &[T], index: usize) {
    for column in 0..values.len() {
        let is_better = X::surpasses(values[column], best[column]);
        positions[column] = if is_better { index as i64 } else { positions[column] };
        best[column] = better::<T, X>(best[column], values[column]);
    }
}

/// Two results in one, in either order.
#[inline(always)]
fn join<T: Compared, X: Extreme>(first: Found<T>, second: Found<T>) -> Found<T> {
    let earlier = !X::surpasses(first.0, second.0) & (second.1 < first.1);
    let better = X::surpasses(second.0, first.0) | earlier;
    let second_counts = (second.1 != NOWHERE) & ((first.1 == NOWHERE) | better);
    if second_counts { second } else { first }
}
