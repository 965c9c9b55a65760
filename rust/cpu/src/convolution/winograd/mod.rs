//! Winograd's F(4×4, 3×3): a quarter of the multiplications of a convolution 3×3 with stride 1, in f32.
//!
//! Tiles of 4 × 4 outputs see 6 × 6 inputs; both become 36 numbers a channel, and each of the 36 is a matrix
//! product over channels (Winograd, "Arithmetic Complexity of Computations", 1980; Lavin and Gray, 2016). The
//! input's gradient is a convolution with the filters turned around, the filters' gradient the adjoint.
//!
//! Every product is a chain as in [`crate::gemm`]; transforms are straight-line code over channels side by
//! side. The result depends on shapes alone. A tile of a channel with an output that is not finite, or near the largest
//! numbers, is computed again as the direct convolution would: the transforms mix infinities and NaNs, and the errors of
//! very large numbers, into neighbours, and overflow a little earlier.
//!
//! The error of an output: a term takes part in one rounding a step of its sum over `n` channels and in at most 4
//! a direction of each of the three transforms, so in `n + 24`, each of at most the unit roundoff; and the
//! magnitudes of all terms add up to the same transforms of magnitudes, `|Aᵀ|[(|G||g||Gᵀ|) ⊙ (|Bᵀ||d||B|)]|A|`
//! (Higham, "Accuracy and Stability of Numerical Algorithms", 2002, sections 3.1 and 3.5). This is what the tests
//! hold it to. It is at most `29.4² · Σ_c max|d_c| · Σ|g_c|`, far more than what is seen: about ten times the
//! error of the direct sum.

mod direct_tile;
mod forward;
mod lines;
mod transform;
mod weight_gradient;

use std::ops::Range;

use tenfold_ir::Result;

use super::geometry::{Axis, Geometry};
use super::{Call, Kind};

/// Outputs of a tile along an axis.
const TILE: usize = 4;

/// With fewer channels on either side the transforms cost more than the products save.
const LEAST_CHANNELS: usize = 16;

/// With fewer tiles, filters cost more to transform than their products save.
const LEAST_TILES: usize = 32;

/// True where this path computes the convolution: by shape alone, as it decides the bits.
pub(super) fn serves(geometry: &Geometry) -> bool {
    let [z, y, x] = geometry.axes;
    let three = |axis: Axis| (axis.kernel, axis.stride, axis.dilation) == (3, 1, 1);
    let tiles = y.output.div_ceil(TILE) * x.output.div_ceil(TILE);
    // Of 4 saved, at least 2 are left when the last tiles are not full.
    let filled = 2 * y.output * x.output >= tiles * TILE * TILE;
    z == Axis::UNIT
        && three(y)
        && three(x)
        && geometry.input_channels.min(geometry.output_channels) >= LEAST_CHANNELS
        && geometry.images.saturating_mul(tiles) >= LEAST_TILES
        && filled
}

/// One of the three products.
pub(super) fn run(call: Call<'_, f32>) -> Result<()> {
    match call.kind {
        Kind::Forward | Kind::InputGradient => forward::run(call),
        Kind::WeightGradient => weight_gradient::run(call),
    }
}

/// The channels of an image that are transformed: `(channels, height, width)`.
#[derive(Clone, Copy)]
struct Extents {
    channels: usize,
    height: usize,
    width: usize,
}

impl Extents {
    fn pixels(&self) -> usize {
        self.height * self.width
    }

    fn tile_pitch(&self) -> usize {
        tile_pitch(self.channels)
    }
}

/// f32 in a cache line, and in the widest vector.
const LINE: usize = 16;

/// Distance of neighbouring tiles in a plane: whole vectors of any tier, and an odd number of cache lines, so that a
/// column of tiles does not fall into few sets of the cache.
fn tile_pitch(channels: usize) -> usize {
    (channels.div_ceil(LINE) | 1) * LINE
}

/// Distance of neighbouring planes of so many numbers: as above, whatever a power of two they are.
fn plane_pitch(numbers: usize) -> usize {
    (numbers.div_ceil(LINE) | 1) * LINE
}

/// Rows of tiles that lie in one image, and the place of the first tile among all that are computed together.
struct Segment {
    image: usize,
    rows: Range<usize>,
    first_tile: usize,
}

/// Cuts rows of tiles, of all images one below the other, at the images.
fn segments(mut rows: Range<usize>, [image_rows, columns]: [usize; 2]) -> Vec<Segment> {
    let (start, mut segments) = (rows.start, Vec::new());
    while !rows.is_empty() {
        let (image, first) = (rows.start / image_rows, rows.start % image_rows);
        let count = rows.len().min(image_rows - first);
        segments.push(Segment {
            image,
            rows: first..first + count,
            first_tile: (rows.start - start) * columns,
        });
        rows.start += count;
    }
    segments
}
