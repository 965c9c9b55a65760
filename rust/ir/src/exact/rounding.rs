//! Rounding: to whole numbers, and to the narrower formats with one rounding.

use half::{bf16, f16};

use super::DoubleDouble;
use super::arithmetic::two_sum;

impl DoubleDouble {
    /// Floor or ceiling.
    pub(super) fn rounded_by(self, round: impl Fn(f64) -> f64) -> DoubleDouble {
        let whole = round(self.hi);
        // Only where the first part is whole does the second decide.
        if whole != self.hi || self.lo == 0.0 {
            return DoubleDouble::from(whole);
        }
        two_sum(whole, round(self.lo))
    }

    /// The nearest whole number, halves to the even one.
    pub(super) fn round_half_even(self) -> DoubleDouble {
        let whole = self.hi.round_ties_even();
        if self.lo == 0.0 || !self.hi.is_finite() {
            return DoubleDouble::from(whole);
        }
        if whole == self.hi {
            // Shifted by one where the first part is odd, so that a half goes to the even sum.
            let odd = (whole % 2.0).abs();
            return two_sum(whole, (self.lo + odd).round_ties_even() - odd);
        }
        if (self.hi - self.hi.trunc()).abs() == 0.5 {
            let up = self.lo > 0.0;
            return DoubleDouble::from(if up { self.hi.ceil() } else { self.hi.floor() }.copysign(self.hi));
        }
        DoubleDouble::from(whole)
    }

    /// The nearest `f64`.
    pub fn to_f64(self) -> f64 {
        self.hi
    }

    /// The nearest `f32`.
    pub fn to_f32(self) -> f32 {
        self.to_odd_f64() as f32
    }

    /// The nearest `f16`.
    pub fn to_f16(self) -> f16 {
        f16::from_f32(self.to_odd_f32())
    }

    /// The nearest `bf16`.
    pub fn to_bf16(self) -> bf16 {
        bf16::from_f32(self.to_odd_f32())
    }

    /// An `f64` rounded to odd: where bits are lost, the last one says so.
    ///
    /// Rounding it again to a format narrower by two bits or more gives what rounding at once would (Boldo and
    /// Melquiond 2008).
    fn to_odd_f64(self) -> f64 {
        let bits = self.hi.to_bits();
        if self.lo == 0.0 || bits & 1 == 1 || !self.hi.is_finite() {
            return self.hi;
        }
        let away = (self.lo > 0.0) == (self.hi > 0.0);
        f64::from_bits(if away { bits + 1 } else { bits - 1 })
    }

    /// An `f32` rounded to odd.
    fn to_odd_f32(self) -> f32 {
        let exact = self.to_odd_f64();
        let nearest = exact as f32;
        let bits = nearest.to_bits();
        if f64::from(nearest) == exact || bits & 1 == 1 || exact.is_nan() {
            return nearest;
        }
        let away = exact.abs() > f64::from(nearest).abs();
        // Beside 0 the sign is that of the number; beside infinity the neighbour is the largest finite one.
        f32::from_bits(if away { bits + 1 } else { bits - 1 })
    }
}
