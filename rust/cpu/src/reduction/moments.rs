//! The mean of elements, and the sum of their squared distances from it.

use tenfold_ir::lanes::Lane;
use tenfold_ir::{Element, Result};

use super::accumulate::{ROWS_TOGETHER, columns, next_run, row, runs_are_short, short_row, short_rows};
use super::fold::{Fold, Sum};
use super::streams::exceeds_caches;
use super::sweep::{Sweep, Unit, columns_together, join_chunks};
use crate::backend::disjoint::{Disjoint, for_each_part};
use crate::backend::view::OutputView;
use crate::elementwise::evaluate::Evaluator;
use crate::elementwise::program::TILE;
use crate::simd::{Tiered, on_tier};

impl Sweep {
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
        let states = self.states(
            nothing,
            columns_together(&nothing),
            self.rows_of_unit::<T>(),
            |evaluator, unit, target| {
                on_tier(MomentsUnit::<T> { evaluator, sweep: self, unit, target });
            },
        )?;
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
}

/// Elements in shorter runs are copied together before they are gone through twice.
const SHORTEST_RUN: usize = 512;

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
        let (count, zero) = (T::constant(unit.length as f64), T::constant(0.0));
        let put = |index: usize, mean: T, squares: T| {
            let state = Moments { count, mean, squares };
            // SAFETY: the states of a unit are its own.
            unsafe { target.write((unit.first + index) * chunks + unit.chunk, state) };
        };
        // Two passes over elements that are in cache.
        if sweep.by_columns {
            let mut means =
                columns::<T, Sum<T>, ()>(evaluator, sweep, unit, &vec![(); unit.width], |_, element| element);
            means.iter_mut().for_each(|mean| *mean = *mean / count);
            let squared = |mean: T, element: T| (element - mean) * (element - mean);
            let squares = columns::<T, Sum<T>, T>(evaluator, sweep, unit, &means, squared);
            (0..unit.width).for_each(|column| put(column, means[column], squares[column]));
        } else if sweep.reduced <= TILE {
            let values = sweep.rows::<T>(evaluator, unit);
            for first in (0..unit.width).step_by(ROWS_TOGETHER) {
                let (mut means, mut squares) = ([zero; ROWS_TOGETHER], [zero; ROWS_TOGETHER]);
                let rows = ROWS_TOGETHER.min(unit.width - first);
                let (values, length) = (&values[first * sweep.reduced..], sweep.reduced);
                let none = [(); ROWS_TOGETHER];
                short_rows::<T, Sum<T>, ()>(values, length, &none, &mut means[..rows], |_, element| element);
                means.iter_mut().for_each(|mean| *mean = *mean / count);
                let squared = |mean: T, element: T| (element - mean) * (element - mean);
                short_rows::<T, Sum<T>, T>(values, length, &means, &mut squares[..rows], squared);
                (0..rows).for_each(|row| put(first + row, means[row], squares[row]));
            }
        } else if runs_are_short::<T>(evaluator, sweep, unit, SHORTEST_RUN) {
            // Copied together or computed only once.
            let mut elements = Vec::with_capacity(unit.length);
            while elements.len() < unit.length {
                elements.extend_from_slice(next_run::<T>(evaluator, sweep, unit, elements.len()));
            }
            let mean = short_row::<T, Sum<T>>(&elements, |element| element) / count;
            put(0, mean, short_row::<T, Sum<T>>(&elements, |element| (element - mean) * (element - mean)));
        } else {
            // While it is gone through twice, the next chunk is fetched.
            let is_far = exceeds_caches::<T>(sweep);
            let [ahead, further] = [0, unit.length / 2].map(|first| is_far.then_some(first));
            let mean = row::<T, Sum<T>>(evaluator, sweep, unit, ahead, |element| element) / count;
            let squared = |element: T| (element - mean) * (element - mean);
            let squares = row::<T, Sum<T>>(evaluator, sweep, unit, further, squared);
            put(0, mean, squares);
        }
    }
}
