//! The gradient of the weights: the output's gradient times what windows see, transposed.

use super::together::{Layout, SeenTurned, Together, all_pixels};
use super::{Task, for_each_task, nanoseconds};
use crate::convolution::Call;
use crate::convolution::window::Shared;
use crate::gemm::Block;
use crate::gemm::blocks::{Columns, FINISHED_COLUMNS, Operands, Target, packed_product};
use crate::gemm::micro_kernel::Real;
use crate::gemm::pack::{Strided, Widen};
use crate::gemm::scratch::Scratch;

pub(super) fn run<S: Widen<T>, T: Real>(call: Call<'_, S>) {
    let geometry = &call.geometry;
    let (channels, outputs, pixels) =
        (geometry.input_channels, geometry.output_channels, geometry.output_pixels());
    let (taps, all) = (geometry.taps(), 0..geometry.images);
    let layout = Layout::new(geometry);
    let input =
        Together::<T>::new(call.first, geometry.input_pixels(), &layout.places, all.clone(), geometry.images);
    let places = all_pixels(pixels);
    let gradient = Together::<T>::new(call.second, pixels, &places, all, geometry.images);
    let (depth, columns) = (geometry.images * pixels, channels * taps);
    let output = Shared(call.output.as_mut_ptr());
    let most = (FINISHED_COLUMNS / taps).max(1);
    for_each_task(geometry, channels, most, nanoseconds(geometry, depth), &|Task { group, rows: some }| {
        let a = Strided {
            data: gradient.channels(group * outputs..(group + 1) * outputs).as_ptr(),
            line_stride: depth as isize,
            depth_stride: 1,
        };
        let seen = input.seen(group * channels..(group + 1) * channels, &layout);
        let place = |row: usize, column: usize| (group * outputs + row) * columns + column;
        let some = some.start * taps..some.end * taps;
        let direct = S::as_computed(output.get().wrapping_add(place(0, some.start)));
        let mut scratch =
            Scratch::take(if direct.is_some() { 0 } else { outputs * some.len() * size_of::<T>() });
        let c = match direct {
            Some(data) => Target { data: data.cast_mut(), row_stride: columns as isize },
            None => Target { data: scratch.as_mut_ptr::<T>(), row_stride: some.len() as isize },
        };
        // SAFETY: the operands were checked, and the target has room; tasks write different columns of the output.
        unsafe {
            packed_product(
                &Operands { a: &a, b: Columns::Source(&SeenTurned(seen)), depth },
                0..outputs,
                some.clone(),
                c,
                &mut |rows, finished| {
                    if direct.is_none() {
                        for (row, column) in
                            rows.clone().flat_map(|row| finished.clone().map(move |column| (row, column)))
                        {
                            let sum =
                                c.data.offset(row as isize * c.row_stride).add(column - some.start).read();
                            output.get().add(place(row, column)).write(S::round(sum));
                        }
                    }
                    if let Some(epilogue) = call.epilogue {
                        let start = place(rows.start, finished.start);
                        epilogue(&mut Block::new(group, (rows, finished), output.get(), start, columns));
                    }
                },
            );
        }
        scratch.give_back();
    });
}
