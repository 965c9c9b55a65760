//! Images side by side: how they are brought together, what windows see of them, and how they are taken apart.

use std::ops::Range;

use super::MOVED;
use crate::backend::disjoint::for_each_part;
use crate::convolution::geometry::{Geometry, Planes, copy_row};
use crate::convolution::window::Shared;
use crate::gemm::micro_kernel::Real;
use crate::gemm::pack::{Source, Widen, clear_padding};
use crate::gemm::{Block, Epilogue};

/// Images `(N, channels, pixels)` with the same pixel of all of them together: `(channels, places, N)`.
pub(super) struct Together<T> {
    numbers: Vec<T>,
    images: usize,
    /// Numbers of a channel.
    channel: usize,
}

impl<T: Real> Together<T> {
    /// Some images of so many, whose channels become `places`: a pixel, or padding.
    pub fn new<S: Widen<T>>(
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
        for_each_part(
            &mut together.numbers,
            channel * (MOVED / channel).max(1),
            MOVED as u64,
            &|first, part| {
                for (index, numbers) in part.chunks_exact_mut(channel).enumerate() {
                    let first = images.start * channels + first / channel + index;
                    for (numbers, place) in numbers.chunks_exact_mut(count).zip(places) {
                        let Some(pixel) = place else { continue };
                        let stored = source[first * pixels + pixel..].iter().step_by(channels * pixels);
                        numbers.iter_mut().zip(stored).for_each(|(number, stored)| *number = stored.widen());
                    }
                }
            },
        );
        together
    }

    /// Some channels.
    pub fn channels(&self, channels: Range<usize>) -> &[T] {
        &self.numbers[channels.start * self.channel..channels.end * self.channel]
    }

    /// What windows see of some channels.
    pub fn seen<'a>(&'a self, channels: Range<usize>, layout: &'a Layout) -> Seen<'a, T> {
        Seen { channels: self.channels(channels), images: self.images, channel: self.channel, layout }
    }
}

/// All pixels, without padding.
pub(super) fn all_pixels(pixels: usize) -> Vec<Option<usize>> {
    (0..pixels).map(Some).collect()
}

/// The pixels of the input in its padded planes, and where windows and taps find them there.
pub(super) struct Layout {
    pub places: Vec<Option<usize>>,
    pub windows: Vec<usize>,
    pub taps: Vec<usize>,
}

impl Layout {
    pub fn new(geometry: &Geometry) -> Layout {
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
pub(super) struct Seen<'a, T> {
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
        for (step, index) in depth.clone().enumerate() {
            let mut line = lines.start;
            while line < lines.end {
                let (window, image) = (line / self.images, line % self.images);
                let images = &self.at(index, window)[image..];
                let count = images.len().min(lines.end - line);
                // SAFETY: the caller gives room for `width` lines of each step.
                unsafe { copy_row(images.as_ptr(), panel.add(step * width + line - lines.start), count) };
                line += count;
            }
        }
        // SAFETY: as above.
        unsafe { clear_padding(lines.len(), depth.len(), width, panel) };
    }
}

/// The same with columns as steps and steps as columns.
pub(super) struct SeenTurned<'a, T>(pub Seen<'a, T>);

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
        unsafe { clear_padding(count, depth.len(), width, panel) };
    }
}

/// Images that come out: `(N, groups · rows, pixels)`.
pub(super) struct Results<'a, S> {
    pub groups: usize,
    pub rows: usize,
    pub pixels: usize,
    pub output: Shared<S>,
    pub epilogue: Option<&'a Epilogue<'a, S>>,
}

impl<S: Copy + Send + Sync + 'static> Results<'_, S> {
    /// Stores a group's rows of some images, which lie as in [`Together`], and hands them to the epilogue.
    ///
    /// # Safety
    /// `sums` holds them, and nothing else writes these rows.
    pub unsafe fn store<T: Real>(
        &self,
        group: usize,
        rows: Range<usize>,
        images: Range<usize>,
        sums: *const T,
    ) where
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
