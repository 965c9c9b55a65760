//! Formulas over whole rows, compiled for each tier.
//!
//! A formula reads and writes many rows at once. They go through arrays of [`LANES`] numbers, which nothing else can
//! refer to, so that the compiler widens the formula without comparing addresses, and short rows need no other code.

use tenfold_ir::lanes::Lane;

use crate::simd::{Tiered, on_tier};

/// Numbers that a formula takes at a time: one vector of f32 on the widest tier.
const LANES: usize = 16;

/// `outputs = formula(inputs, outputs)`, element by element of rows of one length.
#[inline]
pub fn update<T: Lane, const INPUTS: usize, const OUTPUTS: usize>(
    inputs: [&[T]; INPUTS],
    outputs: [&mut [T]; OUTPUTS],
    formula: impl Fn([T; INPUTS], [T; OUTPUTS]) -> [T; OUTPUTS],
) {
    on_tier(Update { inputs, outputs, formula });
}

struct Update<'a, T, F, const INPUTS: usize, const OUTPUTS: usize> {
    inputs: [&'a [T]; INPUTS],
    outputs: [&'a mut [T]; OUTPUTS],
    formula: F,
}

impl<T: Lane, F, const INPUTS: usize, const OUTPUTS: usize> Tiered for Update<'_, T, F, INPUTS, OUTPUTS>
where
    F: Fn([T; INPUTS], [T; OUTPUTS]) -> [T; OUTPUTS],
{
    type Output = ();

    #[inline(always)]
    fn run(mut self) {
        let length = self.outputs[0].len();
        let whole = length / LANES * LANES;
        for start in (0..whole).step_by(LANES) {
            self.step(start, LANES);
        }
        if whole < length {
            self.step(whole, length - whole);
        }
    }
}

impl<T: Lane, F, const INPUTS: usize, const OUTPUTS: usize> Update<'_, T, F, INPUTS, OUTPUTS>
where
    F: Fn([T; INPUTS], [T; OUTPUTS]) -> [T; OUTPUTS],
{
    /// Elements `start .. start + count`; further lanes are computed with zeros and dropped.
    #[inline(always)]
    fn step(&mut self, start: usize, count: usize) {
        let mut inputs = [[T::constant(0.0); LANES]; INPUTS];
        let mut outputs = [[T::constant(0.0); LANES]; OUTPUTS];
        for index in 0..INPUTS {
            inputs[index][..count].copy_from_slice(&self.inputs[index][start..start + count]);
        }
        for index in 0..OUTPUTS {
            outputs[index][..count].copy_from_slice(&self.outputs[index][start..start + count]);
        }
        let mut results = [[T::constant(0.0); LANES]; OUTPUTS];
        for lane in 0..LANES {
            let mut read = [T::constant(0.0); INPUTS];
            for index in 0..INPUTS {
                read[index] = inputs[index][lane];
            }
            let mut there = [T::constant(0.0); OUTPUTS];
            for index in 0..OUTPUTS {
                there[index] = outputs[index][lane];
            }
            let made = (self.formula)(read, there);
            for index in 0..OUTPUTS {
                results[index][lane] = made[index];
            }
        }
        for index in 0..OUTPUTS {
            self.outputs[index][start..start + count].copy_from_slice(&results[index][..count]);
        }
    }
}
