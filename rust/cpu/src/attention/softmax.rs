//! What happens to blocks of scores between the products. A block is a row of columns a key; a column is a query.
//!
//! The compiler widens the loops for each tier, as long as they are over flat runs of numbers.

use tenfold_ir::lanes::Lane;

use crate::simd::Tiered;

/// Adds a mask to the first `columns` of rows of `width` scores.
pub(super) struct AddMask<'a, T> {
    pub scores: &'a mut [T],
    pub bias: &'a [T],
    pub width: usize,
    pub columns: usize,
}

impl<T: Lane> Tiered for AddMask<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let AddMask { scores, bias, width, columns } = self;
        for (scores, bias) in scores.chunks_exact_mut(width).zip(bias.chunks_exact(width)) {
            for (score, &bias) in scores[..columns].iter_mut().zip(&bias[..columns]) {
                // −∞ forbids whatever the score is.
                *score = T::select(bias == -T::INFINITY, bias, *score + bias);
            }
        }
    }
}

/// Applies causality to the first `columns` of rows of `width` scores.
#[inline(always)]
fn restrict<T: Lane>(scores: &mut [T], (width, columns): (usize, usize), last_keys: Option<(&[i32], usize)>) {
    if let Some((last_keys, first)) = last_keys {
        for (key, row) in scores.chunks_exact_mut(width).enumerate().skip(first) {
            for (score, &last) in row[..columns].iter_mut().zip(last_keys) {
                *score = T::select(key as i32 > last, -T::INFINITY, *score);
            }
        }
    }
}

/// The numbers of a row from `start` on.
#[inline(always)]
fn lanes<T, const LANES: usize>(numbers: &[T], start: usize) -> &[T; LANES] {
    numbers[start..].first_chunk().expect("whole groups of columns")
}

/// As [`lanes`].
#[inline(always)]
fn lanes_mut<T, const LANES: usize>(numbers: &mut [T], start: usize) -> &mut [T; LANES] {
    numbers[start..].first_chunk_mut().expect("whole groups of columns")
}

/// The greater of two; NaN is none. An array that is returned stays in registers.
#[inline(always)]
fn greater<T: Lane, const LANES: usize>(mut most: [T; LANES], numbers: &[T; LANES]) -> [T; LANES] {
    for lane in 0..LANES {
        most[lane] = T::select(numbers[lane] > most[lane], numbers[lane], most[lane]);
    }
    most
}

/// The greatest number of each of some columns.
#[inline(always)]
fn greatest<T: Lane, const LANES: usize>(scores: &[T], width: usize, column: usize) -> [T; LANES] {
    // Four rows take turns: in a chain, each would wait for the one before.
    let none = [-T::INFINITY; LANES];
    let (mut a, mut b, mut c, mut d) = (none, none, none, none);
    let mut rows = scores.chunks_exact(4 * width);
    for four in &mut rows {
        a = greater(a, lanes(four, column));
        b = greater(b, lanes(four, width + column));
        c = greater(c, lanes(four, 2 * width + column));
        d = greater(d, lanes(four, 3 * width + column));
    }
    for row in rows.remainder().chunks_exact(width) {
        a = greater(a, lanes(row, column));
    }
    greater(greater(a, &b), &greater(c, &d))
}

/// A step of the online softmax: scores become exponentials over the running maximum.
pub(super) struct OnlineSoftmax<'a, T> {
    /// `(keys, width)`
    pub scores: &'a mut [T],
    pub width: usize,
    /// The last key that each column may look at, and the first key that one of them may not.
    pub last_keys: Option<(&'a [i32], usize)>,
    /// Running maxima and sums of each column.
    pub maxima: &'a mut [T],
    pub sums: &'a mut [T],
    /// By what earlier results of each column are to be multiplied.
    pub factors: &'a mut [T],
}

impl<T: Lane> Tiered for OnlineSoftmax<'_, T> {
    /// True where a factor is not 1.
    type Output = bool;

    #[inline(always)]
    fn run(self) -> bool {
        match self.width {
            width if width.is_multiple_of(16) => self.columns::<16>(),
            width if width.is_multiple_of(8) => self.columns::<8>(),
            _ => self.columns::<4>(),
        }
    }
}

impl<T: Lane> OnlineSoftmax<'_, T> {
    /// The step for columns in groups of `LANES`.
    #[inline(always)]
    fn columns<const LANES: usize>(self) -> bool {
        let OnlineSoftmax { scores, width, last_keys, maxima, sums, factors } = self;
        restrict(scores, (width, width), last_keys);
        let zero = T::constant(0.0);
        let mut changed = false;
        for column in (0..width).step_by(LANES) {
            let most = greatest::<T, LANES>(scores, width, column);
            let maxima = lanes_mut::<T, LANES>(maxima, column);
            let factors = lanes_mut::<T, LANES>(factors, column);
            let sums = lanes_mut::<T, LANES>(sums, column);
            let mut shifts = [zero; LANES];
            for lane in 0..LANES {
                let before = maxima[lane];
                let now = T::select(most[lane] > before, most[lane], before);
                // While nothing may be looked at, −∞ − (−∞) would be NaN.
                let shift = T::select(now == -T::INFINITY, zero, now);
                // −∞ before: there is nothing yet that a factor would change.
                changed |= before != now && before != -T::INFINITY;
                maxima[lane] = now;
                factors[lane] = (before - shift).exp_decay();
                shifts[lane] = shift;
            }
            let mut sum = [zero; LANES];
            for row in scores.chunks_exact_mut(width) {
                let row = lanes_mut::<T, LANES>(row, column);
                for lane in 0..LANES {
                    // The sum waits for the one before; meanwhile the next rows' exponentials are computed.
                    let power = (row[lane] - shifts[lane]).exp_decay();
                    row[lane] = power;
                    sum[lane] = sum[lane] + power;
                }
            }
            for lane in 0..LANES {
                sums[lane] = sums[lane] * factors[lane] + sum[lane];
            }
        }
        changed
    }
}

/// As [`OnlineSoftmax`], for one column whose scores lie side by side, in the same order.
pub(super) struct RowSoftmax<'a, T> {
    pub scores: &'a mut [T],
    pub maximum: &'a mut T,
    pub sum: &'a mut T,
    pub factor: &'a mut T,
}

impl<T: Lane> Tiered for RowSoftmax<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let RowSoftmax { scores, maximum, sum, factor } = self;
        let zero = T::constant(0.0);
        let (groups, rest) = scores.as_chunks::<16>();
        let most = groups.iter().fold([-T::INFINITY; 16], greater);
        let most =
            most.iter().chain(rest).fold(*maximum, |most, &score| T::select(score > most, score, most));
        let shift = T::select(most == -T::INFINITY, zero, most);
        *factor = (*maximum - shift).exp_decay();
        *maximum = most;
        for score in scores.iter_mut() {
            *score = (*score - shift).exp_decay();
        }
        *sum = *sum * *factor + scores.iter().fold(zero, |sum, &power| sum + power);
    }
}

/// `x = x · f` for each row of columns.
pub(super) struct Rescale<'a, T> {
    pub numbers: &'a mut [T],
    pub factors: &'a [T],
}

impl<T: Lane> Tiered for Rescale<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for row in self.numbers.chunks_exact_mut(self.factors.len()) {
            for (number, &factor) in row.iter_mut().zip(self.factors) {
                *number = *number * factor;
            }
        }
    }
}

/// `x = x · f + y`
pub(super) struct AddScaled<'a, T> {
    pub numbers: &'a mut [T],
    pub factor: T,
    pub added: &'a [T],
}

impl<T: Lane> Tiered for AddScaled<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (number, &added) in self.numbers.iter_mut().zip(self.added) {
            *number = *number * self.factor + added;
        }
    }
}

/// Weighted sums of values become averages: rows of as many numbers as there are sums, or of one sum all.
pub(super) struct Divide<'a, T> {
    pub numbers: &'a mut [T],
    pub sums: &'a [T],
}

impl<T: Lane> Tiered for Divide<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let zero = T::constant(0.0);
        // A query that may look at nothing gives zero.
        let quotient = |number: T, sum: T| T::select(sum == zero, zero, number / sum);
        if let [sum] = *self.sums {
            for number in self.numbers {
                *number = quotient(*number, sum);
            }
            return;
        }
        for row in self.numbers.chunks_exact_mut(self.sums.len()) {
            for (number, &sum) in row.iter_mut().zip(self.sums) {
                *number = quotient(*number, sum);
            }
        }
    }
}

/// Sums of exponentials become `maximum + log(sum)`.
pub(super) struct Logarithms<'a, T> {
    pub maxima: &'a [T],
    pub sums: &'a mut [T],
}

impl<T: Lane> Tiered for Logarithms<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (sum, &most) in self.sums.iter_mut().zip(self.maxima) {
            *sum = T::select(*sum == T::constant(0.0), -T::INFINITY, most + sum.log());
        }
    }
}

/// `x = x · f`
pub(super) struct Scale<'a, T> {
    pub numbers: &'a mut [T],
    pub factor: T,
}

impl<T: Lane> Tiered for Scale<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for number in self.numbers {
            *number = *number * self.factor;
        }
    }
}

/// `Σ a · b` down the columns.
pub(super) struct ColumnDots<'a, T> {
    pub a: &'a [T],
    pub b: &'a [T],
    pub sums: &'a mut [T],
}

impl<T: Lane> Tiered for ColumnDots<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        self.sums.fill(T::constant(0.0));
        let width = self.sums.len();
        for (a, b) in self.a.chunks_exact(width).zip(self.b.chunks_exact(width)) {
            for ((sum, &a), &b) in self.sums.iter_mut().zip(a).zip(b) {
                *sum = *sum + a * b;
            }
        }
    }
}

/// Scores become probabilities `p = exp(s − l)`, and gradients of probabilities those of the scores before scaling:
/// `p · (g − d) · scale`.
pub(super) struct SoftmaxGradient<'a, T> {
    /// `(keys, width)`
    pub scores: &'a mut [T],
    pub gradients: &'a mut [T],
    pub width: usize,
    /// The first ones of a row, which count.
    pub columns: usize,
    pub last_keys: Option<(&'a [i32], usize)>,
    /// The logarithm of each column's sum; ∞ where it may look at nothing.
    pub logarithms: &'a [T],
    /// `Σ g·o` of each column.
    pub along: &'a [T],
    pub scale: T,
}

impl<T: Lane> Tiered for SoftmaxGradient<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let SoftmaxGradient { scores, gradients, width, columns, last_keys, logarithms, along, scale } = self;
        restrict(scores, (width, columns), last_keys);
        let (logarithms, along) = (&logarithms[..columns], &along[..columns]);
        for (scores, gradients) in scores.chunks_exact_mut(width).zip(gradients.chunks_exact_mut(width)) {
            let (scores, gradients) = (&mut scores[..columns], &mut gradients[..columns]);
            for (((score, &logarithm), gradient), &along) in
                scores.iter_mut().zip(logarithms).zip(gradients).zip(along)
            {
                let probability = (*score - logarithm).exp_decay();
                *score = probability;
                *gradient = probability * (*gradient - along) * scale;
            }
        }
    }
}
