//! The convolution itself: weights times what windows see.

use super::together::{Layout, Results, Together};
use super::{ROWS, Task, batches, for_each_task, nanoseconds};
use crate::convolution::Call;
use crate::convolution::window::Shared;
use crate::gemm::blocks::{Columns, Operands, Target, packed_product};
use crate::gemm::micro_kernel::Real;
use crate::gemm::pack::{Strided, Widen};
use crate::gemm::scratch::Scratch;
use crate::gemm::unpacked::{SmallOperand, unpacked_product};

pub(super) fn run<S: Widen<T>, T: Real>(call: Call<'_, S>, weights: &[S]) {
    let geometry = &call.geometry;
    let (channels, outputs, pixels) =
        (geometry.input_channels, geometry.output_channels, geometry.output_pixels());
    let (layout, depth) = (Layout::new(geometry), channels * geometry.taps());
    let output = Results {
        groups: geometry.groups,
        epilogue: call.epilogue,
        output: Shared(call.output.as_mut_ptr()),
        rows: outputs,
        pixels,
    };
    for images in batches(geometry) {
        let input = Together::new(
            call.first,
            geometry.input_pixels(),
            &layout.places,
            images.clone(),
            geometry.images,
        );
        let columns = images.len() * pixels;
        for_each_task(geometry, outputs, ROWS, nanoseconds(geometry, columns), &|Task { group, rows }| {
            let a = Strided {
                data: weights[group * outputs * depth..].as_ptr(),
                line_stride: depth as isize,
                depth_stride: 1,
            };
            let seen = input.seen(group * channels..(group + 1) * channels, &layout);
            let mut scratch = Scratch::take(rows.len() * columns * size_of::<T>());
            let sums = scratch.as_mut_ptr::<T>();
            let c = Target { data: sums, row_stride: columns as isize };
            // SAFETY: the operands were checked, the scratch has room; tasks write different rows of the output.
            unsafe {
                match S::as_computed(a.data).filter(|_| columns <= T::kernels().columns()) {
                    Some(data) => {
                        let a = Strided { data, line_stride: a.line_stride, depth_stride: 1 };
                        let b = SmallOperand::Packed(&seen);
                        unpacked_product(&a, &b, depth, rows.clone(), 0..columns, c, &mut |_, _| {});
                    }
                    None => {
                        let operands = Operands { a: &a, b: Columns::Source(&seen), depth };
                        packed_product(&operands, rows.clone(), 0..columns, c, &mut |_, _| {});
                    }
                }
                output.store(group, rows, images.clone(), sums);
            }
            scratch.give_back();
        });
    }
}
