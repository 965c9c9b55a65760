//! Dilated 3×3 convolutions by Winograd: pixels whose places leave the same rest by the dilation are convolved among each
//! other, so each rest is an image of its own, without dilation.
//!
//! The images are copied apart, and the results back; that is two passes beside a quarter of the multiplications.

use tenfold_ir::Result;

use super::geometry::{Axis, Geometry};
use super::window::Shared;
use super::{Call, Kind, winograd};
use crate::gemm::Block;
use crate::gemm::blocks::{FINISHED_COLUMNS, even_pieces};
use crate::memory::HostBuffer;
use crate::threads::for_each_chunk;

/// The convolution without dilation of the images apart, where they are alike and Winograd serves them: by shape alone.
pub(super) fn apart(geometry: &Geometry) -> Option<Geometry> {
    let [_, y, x] = geometry.axes;
    let rests = y.dilation * x.dilation;
    let divides = |axis: Axis| {
        [axis.input, axis.output, axis.before].iter().all(|extent| extent.is_multiple_of(axis.dilation))
    };
    if rests <= 1 || !divides(y) || !divides(x) {
        return None;
    }
    let divided = |axis: Axis| Axis {
        input: axis.input / axis.dilation,
        output: axis.output / axis.dilation,
        before: axis.before / axis.dilation,
        dilation: 1,
        ..axis
    };
    let images = geometry.images.checked_mul(rests)?;
    let apart = Geometry { images, axes: [geometry.axes[0], divided(y), divided(x)], ..*geometry };
    winograd::serves(&apart).then_some(apart)
}

/// One of the three products, of the images `apart`.
pub(super) fn run(call: Call<'_, f32>, apart: Geometry) -> Result<()> {
    let Call { kind, geometry, first, second, output, epilogue } = call;
    let [of_input, of_output] = [Images::input(&geometry), Images::output(&geometry)];
    match kind {
        Kind::WeightGradient => {
            let (input, gradient) = (of_input.taken_apart(first)?, of_output.taken_apart(second)?);
            let (first, second) = (numbers(&input), numbers(&gradient));
            winograd::run(Call { kind, geometry: apart, first, second, output, epilogue })
        }
        Kind::Forward | Kind::InputGradient => {
            let (given, results) = match kind {
                Kind::Forward => (of_input, of_output),
                _ => (of_output, of_input),
            };
            let given = given.taken_apart(first)?;
            let mut buffer = HostBuffer::new(size_of_val(output))?;
            let apart_output = numbers_mut(&mut buffer);
            let call = Call {
                kind,
                geometry: apart,
                first: numbers(&given),
                second,
                output: apart_output,
                epilogue: None,
            };
            winograd::run(call)?;
            results.put_together(numbers(&buffer), output);
            let Some(epilogue) = epilogue else { return Ok(()) };
            let (rows, columns) = (results.channels / geometry.groups, results.rows * results.columns);
            let memory = Shared(output.as_mut_ptr());
            for_each_chunk(geometry.images * geometry.groups, (rows * columns) as u64, &|batch| {
                for some in even_pieces(0..columns, FINISHED_COLUMNS, 1) {
                    let start = batch * rows * columns + some.start;
                    epilogue(&mut Block::new(batch, (0..rows, some), memory.get(), start, columns));
                }
            });
            Ok(())
        }
    }
}

/// The numbers of a buffer.
fn numbers(buffer: &HostBuffer) -> &[f32] {
    // SAFETY: the buffer is aligned for any number, holds so many bytes, and all bits are numbers.
    unsafe { std::slice::from_raw_parts(buffer.pointer().as_ptr().cast(), buffer.size() / size_of::<f32>()) }
}

/// The numbers of a buffer, to be written.
fn numbers_mut(buffer: &mut HostBuffer) -> &mut [f32] {
    // SAFETY: as above, and the buffer is borrowed alone.
    unsafe {
        std::slice::from_raw_parts_mut(buffer.pointer().as_ptr().cast(), buffer.size() / size_of::<f32>())
    }
}

/// Images of some channels, as they lie.
#[derive(Clone, Copy)]
struct Images {
    images: usize,
    channels: usize,
    rows: usize,
    columns: usize,
    /// Along rows and columns.
    dilation: [usize; 2],
}

impl Images {
    fn input(geometry: &Geometry) -> Images {
        let [_, y, x] = geometry.axes;
        let channels = geometry.groups * geometry.input_channels;
        let dilation = [y.dilation, x.dilation];
        Images { images: geometry.images, channels, rows: y.input, columns: x.input, dilation }
    }

    fn output(geometry: &Geometry) -> Images {
        let [_, y, x] = geometry.axes;
        let channels = geometry.groups * geometry.output_channels;
        let dilation = [y.dilation, x.dilation];
        Images { images: geometry.images, channels, rows: y.output, columns: x.output, dilation }
    }

    /// The images apart: `(image, rest of the row, rest of the column, channel, row, column)`.
    fn taken_apart(&self, source: &[f32]) -> Result<HostBuffer> {
        let mut buffer = HostBuffer::new(size_of_val(source))?;
        let target = Shared(numbers_mut(&mut buffer).as_mut_ptr());
        self.for_each_line(&|whole, apart| {
            let line = &source[whole..whole + self.columns];
            for (rest, start) in apart.iter().enumerate() {
                // SAFETY: each line of a rest is written once; the buffer is as large as the source.
                let target = unsafe {
                    std::slice::from_raw_parts_mut(target.get().add(*start), self.columns / apart.len())
                };
                match apart.len() {
                    // Steps that the compiler knows become shuffles.
                    2 => every::<2>(line, rest, target),
                    4 => every::<4>(line, rest, target),
                    step => target
                        .iter_mut()
                        .zip(line[rest..].iter().step_by(step))
                        .for_each(|(to, &from)| *to = from),
                }
            }
        });
        Ok(buffer)
    }

    /// The images whole again.
    fn put_together(&self, source: &[f32], target: &mut [f32]) {
        let target = Shared(target.as_mut_ptr());
        self.for_each_line(&|whole, apart| {
            // SAFETY: each line is written once, and lies within the target.
            let line = unsafe { std::slice::from_raw_parts_mut(target.get().add(whole), self.columns) };
            let length = self.columns / apart.len();
            match *apart {
                [even, odd] => {
                    let sources = source[even..even + length].iter().zip(&source[odd..odd + length]);
                    for (pair, (&even, &odd)) in line.as_chunks_mut::<2>().0.iter_mut().zip(sources) {
                        *pair = [even, odd];
                    }
                }
                _ => {
                    for (rest, &start) in apart.iter().enumerate() {
                        let places = line[rest..].iter_mut().step_by(apart.len());
                        places.zip(&source[start..start + length]).for_each(|(to, &from)| *to = from);
                    }
                }
            }
        });
    }

    /// Calls `body` with the start of each line of the images, and those of its rests in the images apart.
    fn for_each_line(&self, body: &(dyn Fn(usize, &[usize]) + Sync)) {
        let Images { images, channels, rows, columns, dilation: [down, across] } = *self;
        let (pixels, apart_columns) = (rows * columns, columns / across);
        let apart_pixels = pixels / (down * across);
        for_each_chunk(images * channels, pixels as u64, &|index| {
            let (image, channel) = (index / channels, index % channels);
            let mut starts = vec![0; across];
            for row in 0..rows {
                for (rest, start) in starts.iter_mut().enumerate() {
                    let apart = (image * down + row % down) * across + rest;
                    *start = (apart * channels + channel) * apart_pixels + row / down * apart_columns;
                }
                body(index * pixels + row * columns, &starts);
            }
        });
    }
}

/// Every `STEP`th element of a line, from number `rest` on.
fn every<const STEP: usize>(line: &[f32], rest: usize, target: &mut [f32]) {
    for (to, from) in target.iter_mut().zip(line.as_chunks::<STEP>().0) {
        *to = from[rest];
    }
}
