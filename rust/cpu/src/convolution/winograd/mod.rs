//! Winograd's F(7 − K, K): convolutions whose filters have K = 2 to 5 elements along rows and columns, or along rows
//! alone, by a quarter to a half of their multiplications, in f32.
//!
//! Tiles of outputs see 6 × 6 inputs; both become 36 numbers a channel (6 along one axis), and each of the 36 is a matrix
//! product over channels (Winograd, "Arithmetic Complexity of Computations", 1980; Lavin and Gray, 2016). Taps along the
//! depth are further terms of that product. The input's gradient is a convolution with the filters turned around, the
//! filters' gradient the adjoint.
//!
//! Every product is a chain as in [`crate::gemm`]; transforms are straight-line code over channels side by
//! side. The result depends on shapes alone. A tile with a result that is not finite, or near the largest numbers, is
//! replaced by that of the definition: the transforms mix infinities and NaNs, and the errors of very large numbers, into
//! neighbours, and overflow a little earlier.
//!
//! The error of an output: a term takes part in one rounding a step of its sum over `n` channels and taps of the depth
//! and in at most 4 a direction of each of the three transforms, so in `n + 24`, each of at most the unit roundoff; and the
//! magnitudes of all terms add up to the same transforms of magnitudes, `|Aᵀ|[(|G||g||Gᵀ|) ⊙ (|Bᵀ||d||B|)]|A|`
//! (Higham, "Accuracy and Stability of Numerical Algorithms", 2002, sections 3.1 and 3.5). This is what the tests
//! hold it to. It is at most `29.4² · Σ_c max|d_c| · Σ|g_c|`, far more than what is seen: three to five times the
//! error of the direct sum for numbers of both signs, ten for those of one.

mod forward;
mod lines;
mod tiles;
mod transform;
mod weight_gradient;

use tenfold_ir::Result;

use super::geometry::{Axis, Geometry};
use super::{Call, Kind};
use crate::memory::HostBuffer;
use tiles::Extents;
use transform::{MARGIN, Transforms};

/// What the transforms of the numbers of a channel take, beside the definition's products with one channel of the other
/// side. Measured, as the next two.
const TRANSFORMS: f64 = 5.0;

/// The part of the definition's time that tiles may take at most.
const WORTH: f64 = 0.9;

/// Multiplications that are saved for each number of a transformed filter, at least: else filters cost more to transform
/// and to read.
const LEAST_SAVED: usize = 128;

/// True where this path computes the convolution: by shape alone, as it decides the bits.
pub(super) fn serves(geometry: &Geometry) -> bool {
    let [_, y, x] = geometry.axes;
    pays(geometry, [y.kernel * x.kernel, 1])
}

/// True where tiles serve a convolution whose definition has `multiplications` for an output and each of its own channels,
/// of which each is some channels here.
pub(super) fn pays(geometry: &Geometry, [multiplications, channels]: [usize; 2]) -> bool {
    let [z, y, x] = geometry.axes;
    let Some(transforms) = Transforms::of([y.kernel, x.kernel]) else { return false };
    let dense = |axis: Axis| (axis.stride, axis.dilation) == (1, 1);
    // Planes without taps along the depth are images of their own.
    let planes = z.stride == 1 && (z.kernel > 1 || (z.input, z.before) == (z.output, 0));
    let [rows, columns] = transforms.tiles([y.output, x.output]);
    let planes_of_all = geometry.images.saturating_mul(z.output);
    let defined = (y.output * x.output * multiplications).saturating_mul(planes_of_all);
    let multiplied = (rows * columns * transforms.positions() * channels).saturating_mul(planes_of_all);
    let saved = defined.saturating_sub(multiplied);
    // What is left of the definition's time.
    let (inputs, outputs) = (geometry.input_channels * z.kernel, geometry.output_channels);
    let left = multiplied as f64 / defined as f64 + TRANSFORMS * (1.0 / inputs as f64 + 1.0 / outputs as f64);
    dense(y)
        && dense(x)
        && planes
        && left <= WORTH
        && saved >= LEAST_SAVED * transforms.positions() * channels
}

/// Computes results by the definition, laid out as the call's output.
pub(super) type Definition<'a> = &'a dyn Fn() -> Result<HostBuffer>;

/// One of the three products. Results that are not trusted are taken from the definition.
pub(super) fn run(call: Call<'_, f32>, definition: Definition<'_>) -> Result<()> {
    match call.kind {
        Kind::Forward | Kind::InputGradient => forward::run(call, definition),
        Kind::WeightGradient => weight_gradient::run(call, definition),
    }
}

/// False for a result near the largest numbers. All results that the transform mixed with it are taken from the definition:
/// what it leaves in those that it has no part in may be small.
fn is_trusted(result: f32) -> bool {
    (result * MARGIN).is_finite()
}

/// Rows and columns of the filters.
fn kernel(geometry: &Geometry) -> [usize; 2] {
    let [_, y, x] = geometry.axes;
    [y.kernel, x.kernel]
}
