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
    /// The planes hold the windows of all outputs, and the gradient is a channel of the output.
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
            for row in 0..z * y {
                let place = row / y * self.planes.slice_pitch() + row % y * self.planes.row_pitch();
                // SAFETY: who made the value vouches for its pixels (see `Taps::add`).
                let (pixels, gradient) = unsafe {
                    let pixels = std::slice::from_raw_parts(self.pixels.add(offset + place), x);
                    (pixels, std::slice::from_raw_parts(self.gradient.add(row * x), x))
                };
                let (pixel_chunks, pixel_rest) = pixels.as_chunks::<LANES>();
                let (gradient_chunks, gradient_rest) = gradient.as_chunks::<LANES>();
                for (pixels, gradient) in pixel_chunks.iter().zip(gradient_chunks) {
                    for lane in 0..LANES {
                        lanes[lane] = pixels[lane].mul_add(gradient[lane], lanes[lane]);
                    }
                }
                for (lane, (&pixel, &gradient)) in lanes.iter_mut().zip(pixel_rest.iter().zip(gradient_rest))
                {
                    *lane = pixel.mul_add(gradient, *lane);
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
