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

/// The lanes of each tap, over one image.
pub(super) struct Taps<'a, T> {
    pub geometry: &'a Geometry,
    pub planes: &'a Planes,
    /// Each tap's distance from the first pixel.
    pub offsets: &'a [usize],
    pub pixels: *const T,
    pub gradient: *const T,
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
        let [z, y, x] = self.geometry.axes.map(|axis| axis.output);
        for (&offset, sums) in self.offsets.iter().zip(self.sums) {
            let mut lanes = *sums;
            for slice in 0..z {
                for line in 0..y {
                    let place = slice * self.planes.slice_pitch() + line * self.planes.row_pitch();
                    let row = (slice * y + line) * x;
                    for first in (0..x).step_by(LANES) {
                        // SAFETY: who made the value vouches for its pixels and the lanes behind them
                        // (see `Taps::add`).
                        let (pixels, gradient) = unsafe {
                            let pixels = self.pixels.add(offset + place + first).cast::<[T; LANES]>();
                            let gradient = self.gradient.add(row + first).cast::<[T; LANES]>();
                            (pixels.read_unaligned(), gradient.read_unaligned())
                        };
                        // Lanes beyond the row hold other pixels, which must not count.
                        let count = x - first;
                        for lane in 0..LANES {
                            let sum = pixels[lane].mul_add(gradient[lane], lanes[lane]);
                            lanes[lane] = if lane < count { sum } else { lanes[lane] };
                        }
                    }
                }
            }
            *sums = lanes;
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
