//! The gradient of the weights of a depthwise convolution: one number a tap, summed over pixels.
//!
//! Each tap has [`SUMS`] sums (see the micro-kernel), which take images ascending; they are added in pairs at the end,
//! sum `i` with `i + 8`, then `i + 4`, `i + 2`, `i + 1`.

use std::ops::Range;

use super::Call;
use super::geometry::Planes;
use crate::gemm::micro_kernel::Real;
use crate::gemm::micro_kernel::taps::{SUMS, Taps};
use crate::gemm::pack::Widen;
use crate::gemm::scratch::{Scratch, aligned_bytes};

/// Sums images of a group into a number a tap.
///
/// # Safety
/// The operands have the elements of the geometry, `result` has room for the taps.
pub(super) unsafe fn sum_images<S: Widen<T>, T: Real>(
    call: &Call<'_, S>,
    group: usize,
    images: Range<usize>,
    result: *mut T,
) {
    let geometry = &call.geometry;
    let planes = Planes::of_input(geometry, 1, 0..geometry.axes[1].output);
    let offsets: Vec<usize> = geometry.all_taps().map(|tap| planes.tap(geometry, tap)).collect();
    let mut sums = vec![[T::default(); SUMS]; offsets.len()];
    let (channel, outputs) = (aligned_bytes::<T>(planes.channel()), geometry.output_pixels());
    let mut scratch = Scratch::take(channel + outputs * size_of::<T>());
    let padded = scratch.as_mut_ptr::<T>();
    let first_image = images.start;
    for image in images {
        let plane = image * geometry.groups + group;
        // SAFETY: the caller's; the scratch has room for the planes, whose zeros the first image leaves, and behind them
        // for a gradient; the kernels are those of this CPU.
        unsafe {
            planes.fill(
                call.first.as_ptr().add(plane * geometry.input_pixels()),
                padded,
                image > first_image,
            );
            let gradient = call.second.as_ptr().add(plane * outputs);
            let gradient = S::as_computed(gradient).unwrap_or_else(|| {
                let widened = scratch.as_mut_ptr::<u8>().add(channel).cast::<T>();
                for pixel in 0..outputs {
                    widened.add(pixel).write(gradient.add(pixel).read().widen());
                }
                widened
            });
            (T::kernels().taps)(&Taps {
                pixels: padded,
                offsets: offsets.as_ptr(),
                count: offsets.len(),
                strides: [planes.slice_pitch(), planes.row_pitch()],
                gradient,
                extents: geometry.axes.map(|axis| axis.output),
                sums: sums.as_mut_ptr().cast(),
            });
        }
    }
    scratch.give_back();
    for (tap, sums) in sums.into_iter().enumerate() {
        // SAFETY: the caller's.
        unsafe { result.add(tap).write(total(sums)) };
    }
}

/// The sums of a tap added in the defined order.
fn total<T: Real>(mut sums: [T; SUMS]) -> T {
    let mut half = SUMS / 2;
    while half > 0 {
        for at in 0..half {
            sums[at] = sums[at] + sums[at + half];
        }
        half /= 2;
    }
    sums[0]
}
