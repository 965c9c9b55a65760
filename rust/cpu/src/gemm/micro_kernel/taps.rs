//! The micro-kernel of a depthwise convolution's weight gradient: one number a tap, summed over pixels.
//!
//! Such a product has no columns to fill a vector with. Each tap has [`SUMS`] sums instead: lane `i` takes the pixels
//! `i`, `i + 16`, … of each row of the output, rows ascending.

use super::Vector;

/// Sums of a tap, on every tier.
pub(crate) const SUMS: usize = 16;

/// Taps that are summed side by side: a row of a filter of 3, whose sums stay in registers.
const TOGETHER: usize = 3;

/// One call of the kernel: a channel of an image, and of the gradient of the output.
pub(crate) struct Taps<T> {
    /// The first window's first pixel.
    pub pixels: *const T,
    /// Each tap's distance from a window's first pixel.
    pub offsets: *const usize,
    /// Taps.
    pub count: usize,
    /// Distances of slices and of rows of windows.
    pub strides: [usize; 2],
    /// The gradient, dense.
    pub gradient: *const T,
    /// Slices, rows and columns of the gradient.
    pub extents: [usize; 3],
    /// [`SUMS`] sums a tap, which are added to.
    pub sums: *mut T,
}

/// The body; the [`SUMS`] of a tap are `VECTORS` vectors.
///
/// # Safety
/// The CPU has `V`'s instructions, and all elements that the taps name are valid.
#[inline(always)]
pub(super) unsafe fn taps_kernel<V: Vector, const VECTORS: usize>(taps: &Taps<V::Element>) {
    let whole = taps.count / TOGETHER * TOGETHER;
    // SAFETY: the caller's.
    unsafe {
        for first in (0..whole).step_by(TOGETHER) {
            sum_taps::<V, VECTORS, TOGETHER>(taps, first);
        }
        for first in whole..taps.count {
            sum_taps::<V, VECTORS, 1>(taps, first);
        }
    }
}

/// # Safety
/// As for [`taps_kernel`]; there are `TAPS` taps from `first` on.
#[expect(clippy::needless_range_loop, reason = "iterators are calls that keep the sums out of registers")]
#[inline(always)]
unsafe fn sum_taps<V: Vector, const VECTORS: usize, const TAPS: usize>(
    taps: &Taps<V::Element>,
    first: usize,
) {
    // SAFETY: the caller vouches for every element.
    unsafe {
        let mut pixels = [taps.pixels; TAPS];
        let mut sums = [[V::zero(); VECTORS]; TAPS];
        for tap in 0..TAPS {
            pixels[tap] = taps.pixels.add(taps.offsets.add(first + tap).read());
            for vector in 0..VECTORS {
                sums[tap][vector] = V::load(taps.sums.add((first + tap) * SUMS + vector * V::LANES));
            }
        }
        let [slices, rows, columns] = taps.extents;
        let whole = columns / SUMS * SUMS;
        for slice in 0..slices {
            for row in 0..rows {
                let gradient = taps.gradient.add((slice * rows + row) * columns);
                let place = slice * taps.strides[0] + row * taps.strides[1];
                for column in (0..whole).step_by(SUMS) {
                    for vector in 0..VECTORS {
                        let at = column + vector * V::LANES;
                        let gradient = V::load(gradient.add(at));
                        for tap in 0..TAPS {
                            let pixels = V::load(pixels[tap].add(place + at));
                            sums[tap][vector] = pixels.mul_add(gradient, sums[tap][vector]);
                        }
                    }
                }
                for vector in 0..VECTORS {
                    let at = whole + vector * V::LANES;
                    if at < columns {
                        // The other lanes take a product of zeros.
                        let mask = V::mask((columns - at).min(V::LANES));
                        let gradient = V::load_masked(gradient.add(at), mask);
                        for tap in 0..TAPS {
                            let pixels = V::load_masked(pixels[tap].add(place + at), mask);
                            sums[tap][vector] = pixels.mul_add(gradient, sums[tap][vector]);
                        }
                    }
                }
            }
        }
        for tap in 0..TAPS {
            for vector in 0..VECTORS {
                sums[tap][vector].store(taps.sums.add((first + tap) * SUMS + vector * V::LANES));
            }
        }
    }
}
