//! What happens to blocks of scores between the products. A block is a row of columns a key; a column is a query.
//!
//! The compiler widens the loops for each tier, as long as they are over flat runs of numbers.

use tenfold_ir::lanes::Lane;

use crate::simd::Tiered;

/// Numbers that are mapped by one loop: a multiple of any panel's width.
const STRETCH: usize = 256;

/// Applies the mask and causality to scores of `width` columns.
#[inline(always)]
fn restrict<T: Lane>(
    scores: &mut [T],
    width: usize,
    bias: Option<&[T]>,
    last_keys: Option<&[i32]>,
    first: usize,
) {
    if let Some(bias) = bias {
        for (score, &bias) in scores.iter_mut().zip(bias) {
            // −∞ forbids whatever the score is.
            *score = T::select(bias == -T::INFINITY, bias, *score + bias);
        }
    }
    if let Some(last_keys) = last_keys {
        for (key, row) in scores.chunks_exact_mut(width).enumerate().skip(first) {
            for (score, &last) in row.iter_mut().zip(last_keys) {
                *score = T::select(key as i32 > last, -T::INFINITY, *score);
            }
        }
    }
}

/// A step of the online softmax: scores become exponentials over the running maximum.
pub(super) struct OnlineSoftmax<'a, T> {
    /// `(keys, width)`
    pub scores: &'a mut [T],
    pub width: usize,
    /// Added to the scores.
    pub bias: Option<&'a [T]>,
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
        let OnlineSoftmax { scores, width, bias, last_keys, maxima, sums, factors } = self;
        let (last_keys, first) = last_keys.unzip();
        restrict(scores, width, bias, last_keys, first.unwrap_or(0));
        let zero = T::constant(0.0);
        let mut shifts = [zero; STRETCH];
        let mut changed = false;
        for column in (0..width).step_by(LANES) {
            let mut most = [-T::INFINITY; LANES];
            for row in scores.chunks_exact(width) {
                let row = &row[column..column + LANES];
                for lane in 0..LANES {
                    most[lane] = T::select(row[lane] > most[lane], row[lane], most[lane]);
                }
            }
            for lane in 0..LANES {
                let before = maxima[column + lane];
                let now = T::select(most[lane] > before, most[lane], before);
                // While nothing may be looked at, −∞ − (−∞) would be NaN.
                let shift = T::select(now == -T::INFINITY, zero, now);
                let factor = (before - shift).exp();
                // −∞ before: there is nothing yet that a factor would change.
                changed |= before != now && before != -T::INFINITY;
                maxima[column + lane] = now;
                factors[column + lane] = factor;
                shifts[column + lane] = shift;
            }
        }
        for start in (width..STRETCH).step_by(width) {
            let (head, tail) = shifts.split_at_mut(start);
            let count = width.min(tail.len());
            tail[..count].copy_from_slice(&head[..count]);
        }
        // A stretch holds whole rows.
        let stretch = STRETCH / width * width;
        for scores in scores.chunks_mut(stretch) {
            for (score, &shift) in scores.iter_mut().zip(&shifts[..stretch]) {
                *score = (*score - shift).exp();
            }
        }
        for column in (0..width).step_by(LANES) {
            let mut sum = [zero; LANES];
            for row in scores.chunks_exact(width) {
                let row = &row[column..column + LANES];
                for lane in 0..LANES {
                    sum[lane] = sum[lane] + row[lane];
                }
            }
            for lane in 0..LANES {
                let at = column + lane;
                sums[at] = sums[at] * factors[at] + sum[lane];
            }
        }
        changed
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
    pub bias: Option<&'a [T]>,
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
        let SoftmaxGradient { scores, gradients, width, bias, last_keys, logarithms, along, scale } = self;
        let (last_keys, first) = last_keys.unzip();
        restrict(scores, width, bias, last_keys, first.unwrap_or(0));
        for (scores, gradients) in scores.chunks_exact_mut(width).zip(gradients.chunks_exact_mut(width)) {
            for (score, &logarithm) in scores.iter_mut().zip(logarithms) {
                *score = (*score - logarithm).exp();
            }
            for ((gradient, &probability), &along) in gradients.iter_mut().zip(&*scores).zip(along) {
                *gradient = probability * (*gradient - along) * scale;
            }
        }
    }
}
