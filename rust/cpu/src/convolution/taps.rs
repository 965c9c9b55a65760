//! The gradient of the weights of a depthwise convolution: one number a tap, summed over pixels.
//!
//! Such a product has no columns to fill a vector with. Each tap has 16 sums instead: lane `i` takes the
//! pixels `i`, `i + 16`, … of each row of the output, rows and images ascending; the lanes are added in pairs
//! at the end, lane `i` with `i + 8`, then `i + 4`, `i + 2`, `i + 1`.

use super::geometry::{Geometry, Planes};
use crate::gemm::micro_kernel::Real;
use crate::simd::{Tiered, on_tier};

/// Sums of a tap, on every tier.
pub(super) const LANES: usize = 16;

/// Taps that are summed side by side: a row of a filter of 3, whose sums stay in registers.
const TOGETHER: usize = 3;

/// A channel of one image, and of the gradient of the output.
pub(super) struct Image<'a, T> {
    pub geometry: &'a Geometry,
    pub planes: &'a Planes,
    pub pixels: *const T,
    pub gradient: *const T,
}

/// The lanes of each tap, over one image.
pub(super) struct Taps<'a, T> {
    pub image: Image<'a, T>,
    /// Each tap's distance from the first pixel.
    pub offsets: &'a [usize],
    pub sums: &'a mut [[T; LANES]],
}

impl<T: Real> Taps<'_, T> {
    /// Adds the image.
    ///
    /// # Safety
    /// The planes hold the windows of all outputs, and the gradient is a channel of the output; behind each
    /// there are [`LANES`] more numbers.
    pub unsafe fn add(self) {
        on_tier(self);
    }
}

impl<T: Real> Tiered for Taps<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let (offsets, last_offsets) = self.offsets.as_chunks::<TOGETHER>();
        let (sums, last_sums) = self.sums.as_chunks_mut::<TOGETHER>();
        for (offsets, sums) in offsets.iter().zip(sums) {
            self.image.add_taps(offsets, sums);
        }
        for (offset, sums) in last_offsets.iter().zip(last_sums) {
            self.image.add_taps(std::array::from_ref(offset), std::array::from_mut(sums));
        }
    }
}

impl<T: Real> Image<'_, T> {
    #[inline(always)]
    fn add_taps<const TAPS: usize>(&self, offsets: &[usize; TAPS], sums: &mut [[T; LANES]; TAPS]) {
        let [z, y, x] = self.geometry.axes.map(|axis| axis.output);
        let mut lanes = *sums;
        for slice in 0..z {
            for line in 0..y {
                let place = slice * self.planes.slice_pitch() + line * self.planes.row_pitch();
                let row = (slice * y + line) * x;
                let whole = x / LANES * LANES;
                for first in (0..whole).step_by(LANES) {
                    self.add_lanes::<TAPS, true>(offsets, (place, row), first, LANES, &mut lanes);
                }
                if whole < x {
                    self.add_lanes::<TAPS, false>(offsets, (place, row), whole, x - whole, &mut lanes);
                }
            }
        }
        *sums = lanes;
    }

    /// Adds the pixels from `first` on of a row of the output; those behind the `count`th are others, which must not
    /// count.
    #[inline(always)]
    fn add_lanes<const TAPS: usize, const WHOLE: bool>(
        &self,
        offsets: &[usize; TAPS],
        (place, row): (usize, usize),
        first: usize,
        count: usize,
        lanes: &mut [[T; LANES]; TAPS],
    ) {
        // SAFETY: who made the value vouches for its pixels and the lanes behind them (see `Taps::add`).
        unsafe {
            let gradient = self.gradient.add(row + first).cast::<[T; LANES]>().read_unaligned();
            for tap in 0..TAPS {
                let pixels = self.pixels.add(offsets[tap] + place + first).cast::<[T; LANES]>();
                let pixels = pixels.read_unaligned();
                for lane in 0..LANES {
                    let sum = pixels[lane].mul_add(gradient[lane], lanes[tap][lane]);
                    lanes[tap][lane] = if WHOLE || lane < count { sum } else { lanes[tap][lane] };
                }
            }
        }
    }
}

/// The lanes of a tap added in the defined order.
pub(super) fn total<T: Real>(mut lanes: [T; LANES]) -> T {
    let mut half = LANES / 2;
    while half > 0 {
        for lane in 0..half {
            lanes[lane] = lanes[lane] + lanes[lane + half];
        }
        half /= 2;
    }
    lanes[0]
}
