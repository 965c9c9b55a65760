//! The gradient of the input: weights, transposed, times the output's gradient give a number for each tap of each window,
//! and those are added where the taps meet the input.

use super::together::{Layout, Results, Together, all_pixels};
use super::{ROWS, Task, batches, for_each_task, nanoseconds};
use crate::convolution::Call;
use crate::convolution::geometry::Geometry;
use crate::convolution::window::Shared;
use crate::gemm::blocks::{Columns, Operands, Target, packed_product};
use crate::gemm::micro_kernel::Real;
use crate::gemm::pack::{Strided, Widen};
use crate::gemm::scratch::Scratch;

pub(super) fn run<S: Widen<T>, T: Real>(call: Call<'_, S>, weights: &[S]) {
    let geometry = &call.geometry;
    let (channels, outputs, pixels) =
        (geometry.input_channels, geometry.output_channels, geometry.output_pixels());
    let taps = geometry.taps();
    let reached = reached_pixels(geometry);
    let places = all_pixels(pixels);
    let output = Results {
        groups: geometry.groups,
        epilogue: call.epilogue,
        output: Shared(call.output.as_mut_ptr()),
        rows: channels,
        pixels: geometry.input_pixels(),
    };
    for images in batches(geometry) {
        let gradient = Together::<T>::new(call.first, pixels, &places, images.clone(), geometry.images);
        let count = images.len();
        let (columns, inputs) = (count * pixels, count * geometry.input_pixels());
        let most = (ROWS / taps).max(1);
        for_each_task(geometry, channels, most, nanoseconds(geometry, columns), &|Task { group, rows }| {
            let a = Strided {
                data: weights[group * outputs * channels * taps..].as_ptr(),
                line_stride: 1,
                depth_stride: (channels * taps) as isize,
            };
            let b = Strided {
                data: gradient.channels(group * outputs..(group + 1) * outputs).as_ptr(),
                line_stride: 1,
                depth_stride: columns as isize,
            };
            let products = rows.len() * taps * columns;
            let mut scratch = Scratch::take((products + rows.len() * inputs) * size_of::<T>());
            let c = scratch.as_mut_ptr::<T>();
            // SAFETY: the operands were checked, the scratch has room for the products and the sums of their taps; tasks
            // write different rows of the output.
            unsafe {
                let target = Target { data: c, row_stride: columns as isize };
                let of_taps = rows.start * taps..rows.end * taps;
                packed_product(
                    &Operands { a: &a, b: Columns::Source(&b), depth: outputs },
                    of_taps,
                    0..columns,
                    target,
                    &mut |_, _| {},
                );
                let sums = std::slice::from_raw_parts_mut(c.add(products), rows.len() * inputs);
                sums.fill(T::default());
                let products = std::slice::from_raw_parts(c, products);
                for (sums, products) in
                    sums.chunks_exact_mut(inputs).zip(products.chunks_exact(taps * columns))
                {
                    let windows = products.chunks_exact(count).zip(&reached);
                    for (products, pixel) in
                        windows.filter_map(|(products, pixel)| Some((products, (*pixel)?)))
                    {
                        let sums = &mut sums[pixel * count..][..count];
                        sums.iter_mut().zip(products).for_each(|(sum, &product)| *sum = *sum + product);
                    }
                }
                output.store(group, rows, images.clone(), sums.as_ptr());
            }
            scratch.give_back();
        });
    }
}

/// The pixel of the input that each tap of each window meets: `(taps, windows)`.
fn reached_pixels(geometry: &Geometry) -> Vec<Option<usize>> {
    let layout = Layout::new(geometry);
    let Layout { places, windows, taps } = &layout;
    taps.iter().flat_map(|&tap| windows.iter().map(move |window| places[tap + window])).collect()
}
