//! Dilated and strided convolutions by Winograd: pixels are sorted by the rest of their places by the dilation or stride.
//!
//! Under a dilation the pixels of a rest are convolved among each other, so each rest is an image of its own. Under a
//! stride the taps of a rest see the pixels of one rest, so each rest is a channel of its own, with every so manyth tap
//! of the filter, and zeros where there is none.
//!
//! Operands are copied apart, and results put together: that is a pass each beside the multiplications saved.

use tenfold_ir::Result;

use super::geometry::{Axis, Geometry};
use super::window::Shared;
use super::{Call, Kind, defined, finish, numbers, numbers_mut, winograd};
use crate::memory::HostBuffer;
use crate::simd::{Tiered, on_tier};
use crate::threads::for_each_chunk;

/// A dense convolution in place of one with steps, and what of its tensors lies apart for it.
pub(super) struct Apart {
    geometry: Geometry,
    input: Option<Planes>,
    output: Option<Planes>,
    weights: Option<Filters>,
}

impl Apart {
    /// The dense convolution, where Winograd serves it: by shape alone.
    pub fn of(geometry: &Geometry) -> Option<Apart> {
        let [z, y, x] = geometry.axes;
        let steps = [y.stride * y.dilation, x.stride * x.dilation];
        if z != Axis::UNIT || steps == [1, 1] {
            None
        } else if y.stride * x.stride == 1 {
            Apart::dilated(geometry)
        } else if y.dilation * x.dilation == 1 {
            Apart::strided(geometry)
        } else {
            None
        }
    }

    /// For images that fall into as many alike.
    fn dilated(geometry: &Geometry) -> Option<Apart> {
        let [z, y, x] = geometry.axes;
        let divides = |axis: Axis| {
            [axis.input, axis.output, axis.before].iter().all(|extent| extent.is_multiple_of(axis.dilation))
        };
        if !divides(y) || !divides(x) {
            return None;
        }
        let divided = |axis: Axis| Axis {
            input: axis.input / axis.dilation,
            output: axis.output / axis.dilation,
            before: axis.before / axis.dilation,
            dilation: 1,
            ..axis
        };
        let images = geometry.images.checked_mul(y.dilation * x.dilation)?;
        let dense = Geometry { images, axes: [z, divided(y), divided(x)], ..*geometry };
        let planes = |channels: usize, whole: [usize; 2]| Planes {
            images: geometry.images,
            channels: geometry.groups * channels,
            whole,
            step: [y.dilation, x.dilation],
            origin: [0, 0],
            rests: Rests::Images,
        };
        winograd::serves(&dense).then(|| Apart {
            geometry: dense,
            input: Some(planes(geometry.input_channels, [y.input, x.input])),
            output: Some(planes(geometry.output_channels, [y.output, x.output])),
            weights: None,
        })
    }

    fn strided(geometry: &Geometry) -> Option<Apart> {
        let [z, y, x] = geometry.axes;
        let (step, origin) = ([y.stride, x.stride], [y.before % y.stride, x.before % x.stride]);
        let phases = y.stride * x.stride;
        let dense = |axis: Axis| Axis {
            input: (axis.input + axis.before % axis.stride).div_ceil(axis.stride),
            kernel: axis.kernel.div_ceil(axis.stride),
            before: axis.before / axis.stride,
            stride: 1,
            ..axis
        };
        let input_channels = geometry.input_channels.checked_mul(phases)?;
        let dense = Geometry { input_channels, axes: [z, dense(y), dense(x)], ..*geometry };
        let input = Planes {
            images: geometry.images,
            channels: geometry.groups * geometry.input_channels,
            whole: [y.input, x.input],
            step,
            origin,
            rests: Rests::Channels,
        };
        winograd::pays(&dense, [y.kernel * x.kernel, phases]).then(|| Apart {
            geometry: dense,
            input: Some(input),
            output: None,
            weights: Some(Filters::new([y.kernel, x.kernel], step)),
        })
    }

    /// One of the three products.
    pub fn run(self, call: Call<'_, f32>) -> Result<()> {
        let Apart { geometry: dense, input, output, weights } = self;
        let [input, output, weights] = [
            input.as_ref().map(|planes| planes as &dyn TakenApart),
            output.as_ref().map(|planes| planes as &dyn TakenApart),
            weights.as_ref().map(|filters| filters as &dyn TakenApart),
        ];
        let Call { kind, geometry, first, second, output: results, epilogue } = call;
        let [of_first, of_second, of_results] = match kind {
            Kind::Forward => [input, weights, output],
            Kind::InputGradient => [output, weights, input],
            Kind::WeightGradient => [input, output, weights],
        };
        let apart =
            |of: Option<&dyn TakenApart>, whole: &[f32]| of.map(|of| of.taken_apart(whole)).transpose();
        let (first_apart, second_apart) = (apart(of_first, first)?, apart(of_second, second)?);
        let dense_first = first_apart.as_ref().map_or(first, numbers);
        let dense_second = second_apart.as_ref().map_or(second, numbers);
        let length = results.len();
        let definition = || {
            let defined = defined(kind, &geometry, first, second, length)?;
            Ok(apart(of_results, numbers(&defined))?.unwrap_or(defined))
        };
        let call = |output, epilogue| Call {
            kind,
            geometry: dense,
            first: dense_first,
            second: dense_second,
            output,
            epilogue,
        };
        let Some(of_results) = of_results else {
            return winograd::run(call(results, epilogue), &definition);
        };
        let mut buffer = HostBuffer::new(of_results.numbers(length) * size_of::<f32>())?;
        winograd::run(call(numbers_mut(&mut buffer), None), &definition)?;
        of_results.put_together(numbers(&buffer), results);
        let Geometry { images, groups, input_channels, output_channels, .. } = geometry;
        let extents = match kind {
            Kind::Forward => [images * groups, output_channels, geometry.output_pixels()],
            Kind::InputGradient => [images * groups, input_channels, geometry.input_pixels()],
            Kind::WeightGradient => [groups, output_channels, input_channels * geometry.taps()],
        };
        finish(extents, results, epilogue);
        Ok(())
    }
}

/// A tensor that is sorted by rests.
trait TakenApart {
    /// Numbers of the tensor apart, which has so many when it is whole.
    fn numbers(&self, whole: usize) -> usize;

    /// The tensor apart. Places without a number of the whole are zero.
    fn taken_apart(&self, whole: &[f32]) -> Result<HostBuffer>;

    /// The tensor whole again.
    fn put_together(&self, apart: &[f32], whole: &mut [f32]);
}

/// What the rests of a channel become.
#[derive(Clone, Copy)]
enum Rests {
    Images,
    Channels,
}

/// Planes of some channels of some images, whose pixels are taken apart by the rests of their places.
#[derive(Clone, Copy)]
struct Planes {
    images: usize,
    channels: usize,
    /// Rows and columns.
    whole: [usize; 2],
    /// Distance of pixels with the same rest, along rows and columns.
    step: [usize; 2],
    /// The place of the first pixel; less than a step.
    origin: [usize; 2],
    rests: Rests,
}

impl Planes {
    /// Rows and columns of the plane of a rest.
    fn apart(&self) -> [usize; 2] {
        std::array::from_fn(|axis| (self.whole[axis] + self.origin[axis]).div_ceil(self.step[axis]))
    }

    /// Moves the planes of each channel, all rests of it, between `whole` and `apart`.
    fn for_each_plane<const WHOLE: bool>(&self, whole: *mut f32, apart: *mut f32) {
        let (whole, apart) = (Shared(whole), Shared(apart));
        let pixels = self.whole[0] * self.whole[1];
        for_each_chunk(self.images * self.channels, pixels as u64, &|index| {
            on_tier(Plane::<WHOLE> { planes: self, index, whole: whole.get(), apart: apart.get() });
        });
    }
}

impl TakenApart for Planes {
    fn numbers(&self, _: usize) -> usize {
        let [rows, columns] = self.apart();
        self.images * self.channels * self.step[0] * self.step[1] * rows * columns
    }

    fn taken_apart(&self, whole: &[f32]) -> Result<HostBuffer> {
        let mut buffer = HostBuffer::new(self.numbers(whole.len()) * size_of::<f32>())?;
        self.for_each_plane::<false>(whole.as_ptr().cast_mut(), numbers_mut(&mut buffer).as_mut_ptr());
        Ok(buffer)
    }

    fn put_together(&self, apart: &[f32], whole: &mut [f32]) {
        self.for_each_plane::<true>(whole.as_mut_ptr(), apart.as_ptr().cast_mut());
    }
}

/// A channel of an image, whole and apart. `WHOLE`: it is put together, else taken apart.
struct Plane<'a, const WHOLE: bool> {
    planes: &'a Planes,
    index: usize,
    whole: *mut f32,
    apart: *mut f32,
}

impl<const WHOLE: bool> Tiered for Plane<'_, WHOLE> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        // Steps that the compiler knows become shuffles.
        match self.planes.step[1] {
            1 => self.lines::<1>(),
            2 => self.lines::<2>(),
            3 => self.lines::<3>(),
            4 => self.lines::<4>(),
            _ => self.lines::<0>(),
        }
    }
}

impl<const WHOLE: bool> Plane<'_, WHOLE> {
    /// Copies all lines. Places apart that have no pixel become zero. `STEP`: the distance along a line, or 0 for any.
    #[inline(always)]
    fn lines<const STEP: usize>(&self) {
        let Planes { channels, whole: [rows, columns], step: [down, across], origin, rests, .. } =
            *self.planes;
        let across = if STEP == 0 { across } else { STEP };
        let [apart_rows, apart_columns] = self.planes.apart();
        for place in 0..apart_rows * down {
            let line_of = |rest: usize| {
                let rest = place % down * across + rest;
                let plane = match rests {
                    Rests::Images => {
                        (self.index / channels * down * across + rest) * channels + self.index % channels
                    }
                    Rests::Channels => self.index * down * across + rest,
                };
                self.apart.wrapping_add((plane * apart_rows + place / down) * apart_columns)
            };
            let clear = |rest: usize| {
                // SAFETY: the line is of this channel, which nothing else touches.
                unsafe { std::slice::from_raw_parts_mut(line_of(rest), apart_columns) }.fill(0.0);
            };
            let Some(row) = place.checked_sub(origin[0]).filter(|&row| row < rows) else {
                if !WHOLE {
                    (0..across).for_each(clear);
                }
                continue;
            };
            let whole = self.whole.wrapping_add((self.index * rows + row) * columns);
            for first in 0..across {
                let (rest, skipped) = ((first + origin[1]) % across, (first + origin[1]) / across);
                let count = columns.saturating_sub(first).div_ceil(across);
                // SAFETY: both lines are of this channel, which nothing else touches.
                unsafe {
                    if WHOLE {
                        let line = std::slice::from_raw_parts(line_of(rest).add(skipped), count);
                        put::<STEP>(line, std::slice::from_raw_parts_mut(whole, columns), first, across);
                    } else {
                        if (skipped, count) != (0, apart_columns) {
                            clear(rest);
                        }
                        let line = std::slice::from_raw_parts_mut(line_of(rest).add(skipped), count);
                        take::<STEP>(std::slice::from_raw_parts(whole, columns), line, first, across);
                    }
                }
            }
        }
    }
}

/// Takes every so manyth pixel of a line, from number `first` on.
#[inline(always)]
fn take<const STEP: usize>(whole: &[f32], line: &mut [f32], first: usize, step: usize) {
    let (pieces, rest) = if STEP == 0 { (&[][..], whole) } else { whole.as_chunks::<STEP>() };
    for (place, piece) in line.iter_mut().zip(pieces) {
        *place = piece[first];
    }
    let line = line.iter_mut().skip(pieces.len());
    line.zip(rest.iter().skip(first).step_by(step)).for_each(|(place, pixel)| *place = *pixel);
}

/// Puts them back.
#[inline(always)]
fn put<const STEP: usize>(line: &[f32], whole: &mut [f32], first: usize, step: usize) {
    let (pieces, rest) = if STEP == 0 { (&mut [][..], whole) } else { whole.as_chunks_mut::<STEP>() };
    let behind = line.iter().skip(pieces.len());
    for (piece, place) in pieces.iter_mut().zip(line) {
        piece[first] = *place;
    }
    rest.iter_mut().skip(first).step_by(step).zip(behind).for_each(|(pixel, place)| *pixel = *place);
}

/// Filters whose taps are sorted by the rests of their places.
struct Filters {
    /// Taps of a filter that is whole.
    taps: usize,
    /// The tap at each place of the filters apart, if there is one.
    places: Vec<Option<usize>>,
}

impl Filters {
    /// Of filters of so many rows and columns.
    fn new([rows, columns]: [usize; 2], [down, across]: [usize; 2]) -> Filters {
        let (apart_rows, apart_columns) = (rows.div_ceil(down), columns.div_ceil(across));
        let place = |index: usize| {
            let (rest, place) = (index / (apart_rows * apart_columns), index % (apart_rows * apart_columns));
            let row = place / apart_columns * down + rest / across;
            let column = place % apart_columns * across + rest % across;
            (row < rows && column < columns).then_some(row * columns + column)
        };
        let places = (0..down * across * apart_rows * apart_columns).map(place).collect();
        Filters { taps: rows * columns, places }
    }
}

impl TakenApart for Filters {
    fn numbers(&self, whole: usize) -> usize {
        whole / self.taps * self.places.len()
    }

    fn taken_apart(&self, whole: &[f32]) -> Result<HostBuffer> {
        let mut buffer = HostBuffer::new(self.numbers(whole.len()) * size_of::<f32>())?;
        let apart = numbers_mut(&mut buffer).chunks_exact_mut(self.places.len());
        for (apart, whole) in apart.zip(whole.chunks_exact(self.taps)) {
            for (to, place) in apart.iter_mut().zip(&self.places) {
                *to = place.map_or(0.0, |tap| whole[tap]);
            }
        }
        Ok(buffer)
    }

    fn put_together(&self, apart: &[f32], whole: &mut [f32]) {
        let filters = whole.chunks_exact_mut(self.taps).zip(apart.chunks_exact(self.places.len()));
        for (whole, apart) in filters {
            for (&from, place) in apart.iter().zip(&self.places) {
                if let Some(tap) = *place {
                    whole[tap] = from;
                }
            }
        }
    }
}
