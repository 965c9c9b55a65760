//! Convolutions of small images: those of a batch side by side are the columns of one product.
//!
//! An image of few pixels fills no vector, and reads all weights for little work. Here the same pixel of all images lies
//! together, `(channel, pixel, image)`, and a column of the product is a pixel of an image. What the windows see of the
//! images is packed as the product goes, some columns and steps at a time.
//!
//! The order of every sum follows from the shapes, blocked as in [`crate::gemm`]. Forward: channels, then taps. Input's
//! gradient: output channels within each tap, then the taps. Weights' gradient: pixels, then images. Taps that meet
//! padding alone take no part.

use std::borrow::Cow;
use std::ops::Range;

use super::geometry::{Axis, Geometry, Planes, copy_row};
use super::window::Shared;
use super::{Call, Kind};
use crate::backend::disjoint::for_each_part;
use crate::gemm::blocks::{FINISHED_COLUMNS, Operands, Target, even_pieces, packed_product};
use crate::gemm::micro_kernel::Real;
use crate::gemm::pack::{Source, Strided, Widen};
use crate::gemm::scratch::Scratch;
use crate::gemm::unpacked::{SmallOperand, unpacked_product};
use crate::gemm::{Block, Epilogue};
use crate::threads::{for_each_chunk, thread_count};

/// With more pixels of the output, an image alone fills vectors well.
const MOST_PIXELS: usize = 36;

/// Pixels of the input: few beside those of the output, since all of them are copied.
const MOST_INPUTS: usize = 8 * MOST_PIXELS;

/// With fewer channels on either side there is little that columns could share.
const LEAST_CHANNELS: usize = 8;

/// Columns that are computed together: weights are read once for them, and their images stay in a usual L2.
const COLUMNS: usize = 1024;

/// Rows of a task: a block of the product's, so that its results are still in cache when they are stored.
const ROWS: usize = 168;

/// Numbers that a task moves where that is all it does, about one a nanosecond.
const MOVED: usize = 8192;

/// True where this path computes the convolution: by shape alone, as it decides the bits.
pub(super) fn serves(geometry: &Geometry) -> bool {
    geometry.images > 1
        && (1..=MOST_PIXELS).contains(&geometry.output_pixels())
        && geometry.input_channels.min(geometry.output_channels) >= LEAST_CHANNELS
        && (1..=MOST_INPUTS).contains(&geometry.input_pixels())
}

/// One of the three products.
pub(super) fn run<S: Widen<T>, T: Real>(mut call: Call<'_, S>) {
    let (whole, taps) = (call.geometry, UsedTaps::of(&call.geometry));
    let weights = call.second;
    call.geometry = taps.trim(&whole);
    match call.kind {
        Kind::Forward => forward::<S, T>(call, &taps.weights(&whole, weights)),
        Kind::InputGradient => input_gradient::<S, T>(call, &taps.weights(&whole, weights)),
        Kind::WeightGradient if call.geometry == whole => weight_gradient::<S, T>(call),
        Kind::WeightGradient => {
            let (count, epilogue) =
                (whole.groups * whole.output_channels * whole.input_channels, call.epilogue);
            let zero = S::round(T::default());
            let mut used = vec![zero; count * call.geometry.taps()];
            let Call { kind, geometry, first, second, output, .. } = call;
            weight_gradient::<S, T>(Call {
                kind,
                geometry,
                first,
                second,
                output: &mut used,
                epilogue: None,
            });
            output.fill(zero);
            let numbers = output.chunks_exact_mut(whole.taps()).zip(used.chunks_exact(geometry.taps()));
            for (all, used) in numbers {
                taps.indices(&whole).zip(used).for_each(|(tap, &number)| all[tap] = number);
            }
            let columns = whole.input_channels * whole.taps();
            for group in 0..whole.groups {
                for some in even_pieces(0..columns, FINISHED_COLUMNS, 1) {
                    if let Some(epilogue) = epilogue {
                        let start = group * whole.output_channels * columns + some.start;
                        let rows = 0..whole.output_channels;
                        epilogue(&mut Block::new(group, (rows, some), output.as_mut_ptr(), start, columns));
                    }
                }
            }
        }
    }
}

/// The taps along each axis that meet a pixel in any window.
struct UsedTaps([Range<usize>; 3]);

impl UsedTaps {
    fn of(geometry: &Geometry) -> UsedTaps {
        UsedTaps(geometry.axes.each_ref().map(|axis| {
            let meets = |tap: usize| {
                (0..axis.output).any(|window| {
                    let place = window * axis.stride + tap * axis.dilation;
                    (axis.before..axis.before + axis.input).contains(&place)
                })
            };
            let Some(first) = (0..axis.kernel).find(|&tap| meets(tap)) else { return 0..axis.kernel };
            let last = (first..axis.kernel).rfind(|&tap| meets(tap)).unwrap_or(first);
            first.min(axis.before / axis.dilation)..last + 1
        }))
    }

    /// The convolution by these taps alone.
    fn trim(&self, geometry: &Geometry) -> Geometry {
        let axes = std::array::from_fn(|index| {
            let (axis, taps) = (geometry.axes[index], &self.0[index]);
            Axis { kernel: taps.len(), before: axis.before - taps.start * axis.dilation, ..axis }
        });
        Geometry { axes, ..*geometry }
    }

    /// Their indices among all taps.
    fn indices(&self, geometry: &Geometry) -> impl Iterator<Item = usize> {
        let [z, y, x] = self.0.clone();
        let [_, rows, columns] = geometry.axes.map(|axis| axis.kernel);
        z.flat_map(move |z| {
            let x = x.clone();
            y.clone().flat_map(move |y| x.clone().map(move |x| (z * rows + y) * columns + x))
        })
    }

    /// Their weights.
    fn weights<'a, S: Copy + Send + Sync>(&self, geometry: &Geometry, weights: &'a [S]) -> Cow<'a, [S]> {
        let used: Vec<usize> = self.indices(geometry).collect();
        let all = geometry.taps();
        let Some(&any) = weights.first().filter(|_| used.len() < all) else { return Cow::Borrowed(weights) };
        let mut kept = vec![any; weights.len() / all * used.len()];
        let filters = MOVED / used.len().max(1);
        for_each_part(&mut kept, filters * used.len(), MOVED as u64, &|first, part| {
            let from = &weights[first / used.len() * all..];
            for (kept, weights) in part.chunks_exact_mut(used.len()).zip(from.chunks_exact(all)) {
                kept.iter_mut().zip(&used).for_each(|(kept, &tap)| *kept = weights[tap]);
            }
        });
        Cow::Owned(kept)
    }
}

/// Images `(N, channels, pixels)` with the same pixel of all of them together: `(channels, places, N)`.
struct Together<T> {
    numbers: Vec<T>,
    images: usize,
    /// Numbers of a channel.
    channel: usize,
}

impl<T: Real> Together<T> {
    /// Some images whose channels become `places`: a pixel, or padding.
    fn new<S: Widen<T>>(
        source: &[S],
        pixels: usize,
        places: &[Option<usize>],
        images: Range<usize>,
        of: usize,
    ) -> Self {
        let (count, channels) = (images.len(), source.len() / (of * pixels));
        let channel = places.len() * count;
        let mut together =
            Together { numbers: vec![T::default(); channels * channel], images: count, channel };
        for_each_part(&mut together.numbers, channel * (MOVED / channel).max(1), MOVED as u64, &|first, part| {
            for (index, numbers) in part.chunks_exact_mut(channel).enumerate() {
                let first = images.start * channels + first / channel + index;
                for (numbers, place) in numbers.chunks_exact_mut(count).zip(places) {
                    let Some(pixel) = place else { continue };
                    let stored = source[first * pixels + pixel..].iter().step_by(channels * pixels);
                    numbers.iter_mut().zip(stored).for_each(|(number, stored)| *number = stored.widen());
                }
            }
        });
        together
    }

    fn channels(&self, channels: Range<usize>) -> &[T] {
        &self.numbers[channels.start * self.channel..channels.end * self.channel]
    }
}

/// The pixels of the input in its padded planes, and where windows and taps find them there.
struct Layout {
    places: Vec<Option<usize>>,
    windows: Vec<usize>,
    taps: Vec<usize>,
}

impl Layout {
    fn new(geometry: &Geometry) -> Layout {
        let [z, y, x] = geometry.axes.map(|axis| axis.output);
        let planes = Planes::of_input(geometry, 1, 0..y);
        // The planes of an image whose pixels are their own numbers, from 1 on: 0 is padding.
        let numbers: Vec<f64> = (1..=geometry.input_pixels()).map(|number| number as f64).collect();
        let mut filled = vec![0.0; planes.channel()];
        // SAFETY: both have the lengths that the planes ask for.
        unsafe { planes.fill(numbers.as_ptr(), filled.as_mut_ptr(), false) };
        let windows = (0..z).flat_map(|z| (0..y).flat_map(move |y| (0..x).map(move |x| [z, y, x])));
        Layout {
            places: filled.iter().map(|&number: &f64| (number as usize).checked_sub(1)).collect(),
            windows: windows.map(|window| planes.place([0; 3], window)).collect(),
            taps: geometry.all_taps().map(|tap| planes.tap(geometry, tap)).collect(),
        }
    }
}

/// What windows see: step `(channel, tap)` of column `(window, image)`.
struct Seen<'a, T> {
    /// The channels of a group.
    channels: &'a [T],
    images: usize,
    channel: usize,
    layout: &'a Layout,
}

impl<T: Real> Seen<'_, T> {
    /// Where images see the pixel.
    fn at(&self, step: usize, window: usize) -> &[T] {
        let taps = &self.layout.taps;
        let place = taps[step % taps.len()] + self.layout.windows[window];
        &self.channels[step / taps.len() * self.channel + place * self.images..][..self.images]
    }
}

impl<T: Real> Source<T> for Seen<'_, T> {
    unsafe fn pack(&self, lines: Range<usize>, depth: Range<usize>, width: usize, panel: *mut T) {
        for (step, index) in depth.enumerate() {
            let mut line = lines.start;
            while line < lines.end {
                let (window, image) = (line / self.images, line % self.images);
                let images = &self.at(index, window)[image..];
                let count = images.len().min(lines.end - line);
                // SAFETY: the caller gives room for `width` lines of each step.
                unsafe { copy_row(images.as_ptr(), panel.add(step * width + line - lines.start), count) };
                line += count;
            }
            for line in lines.len()..width {
                // SAFETY: as above.
                unsafe { panel.add(step * width + line).write(T::default()) };
            }
        }
    }
}

/// The same with columns as steps and steps as columns.
struct SeenTurned<'a, T>(Seen<'a, T>);

impl<T: Real> Source<T> for SeenTurned<'_, T> {
    unsafe fn pack(&self, lines: Range<usize>, depth: Range<usize>, width: usize, panel: *mut T) {
        let count = lines.len();
        for (line, index) in lines.enumerate() {
            let mut step = depth.start;
            while step < depth.end {
                let (window, image) = (step / self.0.images, step % self.0.images);
                for &number in self.0.at(index, window)[image..].iter().take(depth.end - step) {
                    // SAFETY: the caller gives room for `width` lines of each step.
                    unsafe { panel.add((step - depth.start) * width + line).write(number) };
                    step += 1;
                }
            }
        }
        // SAFETY: as above.
        unsafe { crate::gemm::pack::clear_padding(count, depth.len(), width, panel) };
    }
}

/// A group's rows that are a task's.
struct Task {
    group: usize,
    rows: Range<usize>,
}

/// Runs `body` for pieces of all groups' rows, in parallel; a number of the product takes `depth` steps a column.
fn for_each_task(
    geometry: &Geometry,
    rows: usize,
    most: usize,
    nanoseconds: u64,
    body: &(dyn Fn(Task) + Sync),
) {
    let wanted = thread_count().div_ceil(geometry.groups);
    let most = most.min(rows.div_ceil(wanted)).max(1);
    let pieces: Vec<Range<usize>> = even_pieces(0..rows, most, 1).collect();
    for_each_chunk(geometry.groups * pieces.len(), nanoseconds / pieces.len() as u64, &|index| {
        body(Task { group: index / pieces.len(), rows: pieces[index % pieces.len()].clone() });
    });
}

/// Time of a group's product at about 80 GFLOP/s.
fn nanoseconds(geometry: &Geometry, columns: usize) -> u64 {
    (geometry.input_channels * geometry.output_channels * geometry.taps() * columns / 40) as u64
}

/// Images that are computed together.
fn batches(geometry: &Geometry) -> impl Iterator<Item = Range<usize>> {
    even_pieces(0..geometry.images, (COLUMNS / geometry.output_pixels()).max(2), 1)
}

fn forward<S: Widen<T>, T: Real>(call: Call<'_, S>, weights: &[S]) {
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
            let seen = Seen {
                channels: input.channels(group * channels..(group + 1) * channels),
                images: input.images,
                channel: input.channel,
                layout: &layout,
            };
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
                        let operands = Operands { a: &a, b: &seen, depth };
                        packed_product(&operands, rows.clone(), 0..columns, c, &mut |_, _| {});
                    }
                }
                output.store(group, rows, images.clone(), sums);
            }
            scratch.give_back();
        });
    }
}

fn input_gradient<S: Widen<T>, T: Real>(call: Call<'_, S>, weights: &[S]) {
    let geometry = &call.geometry;
    let (channels, outputs, pixels) =
        (geometry.input_channels, geometry.output_channels, geometry.output_pixels());
    let taps = geometry.taps();
    let reached = reached_pixels(geometry);
    let places: Vec<Option<usize>> = (0..pixels).map(Some).collect();
    let pixels_in = geometry.input_pixels();
    let output = Results {
        groups: geometry.groups,
        epilogue: call.epilogue,
        output: Shared(call.output.as_mut_ptr()),
        rows: channels,
        pixels: pixels_in,
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
                    &Operands { a: &a, b: &b, depth: outputs },
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

fn weight_gradient<S: Widen<T>, T: Real>(call: Call<'_, S>) {
    let geometry = &call.geometry;
    let (channels, outputs, pixels) =
        (geometry.input_channels, geometry.output_channels, geometry.output_pixels());
    let (taps, all) = (geometry.taps(), 0..geometry.images);
    let layout = Layout::new(geometry);
    let input =
        Together::<T>::new(call.first, geometry.input_pixels(), &layout.places, all.clone(), geometry.images);
    let places: Vec<Option<usize>> = (0..pixels).map(Some).collect();
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
        let seen = Seen {
            channels: input.channels(group * channels..(group + 1) * channels),
            images: input.images,
            channel: input.channel,
            layout: &layout,
        };
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
                &Operands { a: &a, b: &SeenTurned(seen), depth },
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

/// Images that come out: `(N, groups · rows, pixels)`.
struct Results<'a, S> {
    groups: usize,
    rows: usize,
    pixels: usize,
    output: Shared<S>,
    epilogue: Option<&'a Epilogue<'a, S>>,
}

impl<S: Copy + Send + Sync + 'static> Results<'_, S> {
    /// Stores a group's rows of some images, which lie as in [`Together`], and hands them to the epilogue.
    ///
    /// # Safety
    /// `sums` holds them, and nothing else writes these rows.
    unsafe fn store<T: Real>(&self, group: usize, rows: Range<usize>, images: Range<usize>, sums: *const T)
    where
        S: Widen<T>,
    {
        for (index, image) in images.clone().enumerate() {
            let batch = image * self.groups + group;
            let start = (batch * self.rows + rows.start) * self.pixels;
            // SAFETY: the caller's.
            unsafe {
                let target = self.output.get().add(start);
                for place in 0..rows.len() * self.pixels {
                    target.add(place).write(S::round(sums.add(place * images.len() + index).read()));
                }
            }
            if let Some(epilogue) = self.epilogue {
                let block = (rows.clone(), 0..self.pixels);
                epilogue(&mut Block::new(batch, block, self.output.get(), start, self.pixels));
            }
        }
    }
}
