//! Convolutions of small images: those of a batch side by side are the columns of one product.
//!
//! An image of few pixels fills no vector, and reads all weights for little work. Here the same pixel of all images lies
//! together, `(channel, pixel, image)`, and a column of the product is a pixel of an image. What the windows see of the
//! images is packed as the product goes, some columns and steps at a time.
//!
//! The order of every sum follows from the shapes, blocked as in [`crate::gemm`]. Forward: channels, then taps. Input's
//! gradient: output channels within each tap, then the taps. Weights' gradient: pixels, then images. Taps that meet
//! padding alone take no part.

mod forward;
mod input_gradient;
mod together;
mod used_taps;
mod weight_gradient;

use std::ops::Range;

use super::geometry::Geometry;
use super::{Call, Kind, finish};
use crate::gemm::blocks::even_pieces;
use crate::gemm::micro_kernel::Real;
use crate::gemm::pack::Widen;
use crate::threads::{for_each_chunk, thread_count};
use used_taps::UsedTaps;

/// With more pixels of the output, an image alone fills vectors well.
const MOST_PIXELS: usize = 49;

/// With so few, an image alone leaves vectors nearly empty.
const FEW_PIXELS: usize = 9;

/// Multiplications that each number that is moved must be worth where there are more pixels.
const LEAST_REUSE: usize = 256;

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
    let Geometry { images, input_channels, output_channels, .. } = *geometry;
    let (pixels, weights) = (geometry.output_pixels(), input_channels * output_channels * geometry.taps());
    images > 1
        && (1..=MOST_PIXELS).contains(&pixels)
        && (pixels <= FEW_PIXELS || weights >= LEAST_REUSE * (input_channels + output_channels))
        && input_channels.min(output_channels) >= LEAST_CHANNELS
        && (1..=MOST_INPUTS).contains(&geometry.input_pixels())
}

/// One of the three products.
pub(super) fn run<S: Widen<T>, T: Real>(mut call: Call<'_, S>) {
    let (whole, taps) = (call.geometry, UsedTaps::of(&call.geometry));
    let weights = call.second;
    call.geometry = taps.trim(&whole);
    match call.kind {
        Kind::Forward => forward::run::<S, T>(call, &taps.weights(&whole, weights)),
        Kind::InputGradient => input_gradient::run::<S, T>(call, &taps.weights(&whole, weights)),
        Kind::WeightGradient if call.geometry == whole => weight_gradient::run::<S, T>(call),
        Kind::WeightGradient => {
            let mut used = vec![S::round(T::default()); weights_of(&call.geometry)];
            let Call { kind, geometry, first, second, output, epilogue } = call;
            let of_used = Call { kind, geometry, first, second, output: &mut used, epilogue: None };
            weight_gradient::run::<S, T>(of_used);
            taps.spread(&whole, &used, S::round(T::default()), output);
            let columns = whole.input_channels * whole.taps();
            finish([whole.groups, whole.output_channels, columns], output, epilogue);
        }
    }
}

/// Weights of all groups.
fn weights_of(geometry: &Geometry) -> usize {
    geometry.groups * geometry.output_channels * geometry.input_channels * geometry.taps()
}

/// A group's rows that are a task's.
struct Task {
    group: usize,
    rows: Range<usize>,
}

/// Runs `body` for pieces of all groups' rows, at most so many each, in parallel. A group takes so long.
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
