//! Convolutions of dense images `(N, C, z, y, x)` and their gradients, without an im2col buffer.
//!
//! Forward and the input's gradient are products of packed weights with windows of padded planes: a step
//! of the depth is a (channel, tap), and its pixels lie side by side in the plane, so that they are read in
//! place. A stride splits the planes by phase. The weights' gradient is a product of such windows, read one
//! pixel at a time, with the packed gradient of the output.
//!
//! The order of every sum follows from the shapes alone. Forward: channels of the group, then taps, ascending,
//! blocked as in [`crate::gemm`]. Input's gradient: output channels, then the taps that reach the element.
//! Weights' gradient: see [`weight_gradient`]. Small images have orders of their own: see [`batched`]; so have filters of two
//! to five elements along rows and columns, see [`winograd`], and those that come to such by way of their dilation or
//! stride, see [`apart`]. f16 and bf16 are computed in f32 and rounded once.

mod apart;
mod bands;
mod batched;
mod depthwise;
mod forward;
mod geometry;
mod input_gradient;
mod packed;
mod single;
mod taps;
mod weight_gradient;
mod window;
mod winograd;

use std::ops::Range;
use std::sync::atomic::{AtomicU8, Ordering};

use apart::Apart;
use half::{bf16, f16};
use tenfold_ir::{Error, Result};

pub use geometry::{Axis, Geometry};

use crate::gemm::blocks::{FINISHED_COLUMNS, even_pieces};
use crate::gemm::micro_kernel::Real;
use crate::gemm::pack::Widen;
use crate::gemm::{Block, Epilogue};
use crate::memory::HostBuffer;
use crate::threads::for_each_chunk;
use window::Shared;

/// An element type with convolutions.
pub trait ConvolutionElement: Copy + Send + Sync + 'static {
    /// Runs a checked convolution.
    #[doc(hidden)]
    fn run(call: Call<'_, Self>) -> Result<()>;
}

/// A checked convolution: the operands have the lengths that the geometry asks for.
#[doc(hidden)]
pub struct Call<'a, S> {
    kind: Kind,
    geometry: Geometry,
    first: &'a [S],
    second: &'a [S],
    output: &'a mut [S],
    epilogue: Option<&'a Epilogue<'a, S>>,
}

#[derive(Clone, Copy)]
enum Kind {
    Forward,
    InputGradient,
    WeightGradient,
}

/// By the definition, whatever the shapes.
fn run_directly<S: Widen<T>, T: Real>(call: Call<'_, S>) -> Result<()> {
    match (call.kind, depthwise::serves(&call.geometry)) {
        _ if call.output.is_empty() => {}
        _ if batched::serves(&call.geometry) => batched::run::<S, T>(call),
        (Kind::Forward, true) => depthwise::forward(call),
        (Kind::Forward, false) => forward::run(call),
        (Kind::InputGradient, true) => depthwise::input_gradient(call),
        (Kind::InputGradient, false) => input_gradient::run(call),
        (Kind::WeightGradient, _) => weight_gradient::run(call),
    }
    Ok(())
}

/// The results by the definition, so many, without an epilogue.
fn defined(
    kind: Kind,
    geometry: &Geometry,
    first: &[f32],
    second: &[f32],
    length: usize,
) -> Result<HostBuffer> {
    let mut buffer = HostBuffer::new(length * size_of::<f32>())?;
    let output = numbers_mut(&mut buffer);
    run_directly::<f32, f32>(Call { kind, geometry: *geometry, first, second, output, epilogue: None })?;
    Ok(buffer)
}

/// The numbers of a buffer.
fn numbers(buffer: &HostBuffer) -> &[f32] {
    bytemuck::cast_slice(buffer.as_slice())
}

/// The numbers of a buffer, to be written.
fn numbers_mut(buffer: &mut HostBuffer) -> &mut [f32] {
    bytemuck::cast_slice_mut(buffer.as_mut_slice())
}

/// Rows of a block that an epilogue is given of results that all lie there.
const FINISHED_ROWS: usize = 16;

/// Hands dense results, batches of rows and columns, to the epilogue.
fn finish<S: Send + Sync>(
    [batches, rows, columns]: [usize; 3],
    output: &mut [S],
    epilogue: Option<&Epilogue<'_, S>>,
) {
    let Some(epilogue) = epilogue else { return };
    let memory = Shared(output.as_mut_ptr());
    let pieces: Vec<Range<usize>> = even_pieces(0..rows, FINISHED_ROWS, 1).collect();
    for_each_chunk(batches * pieces.len(), (rows.min(FINISHED_ROWS) * columns) as u64, &|index| {
        let (batch, rows_of_it) = (index / pieces.len(), &pieces[index % pieces.len()]);
        for some in even_pieces(0..columns, FINISHED_COLUMNS, 1) {
            let start = (batch * rows + rows_of_it.start) * columns + some.start;
            epilogue(&mut Block::new(batch, (rows_of_it.clone(), some), memory.get(), start, columns));
        }
    });
}

impl ConvolutionElement for f32 {
    fn run(call: Call<'_, f32>) -> Result<()> {
        if is_direct() {
            run_directly::<f32, f32>(call)
        } else if winograd::serves(&call.geometry) {
            let Call { kind, geometry, first, second, .. } = call;
            let length = call.output.len();
            winograd::run(call, &|| defined(kind, &geometry, first, second, length))
        } else if let Some(apart) = Apart::of(&call.geometry) {
            apart.run(call)
        } else {
            run_directly::<f32, f32>(call)
        }
    }
}

macro_rules! direct_elements {
    ($($type:ty => $computed:ty),*) => {$(
        impl ConvolutionElement for $type {
            fn run(call: Call<'_, Self>) -> Result<()> {
                run_directly::<$type, $computed>(call)
            }
        }
    )*};
}
direct_elements!(f64 => f64, f16 => f32, bf16 => f32);

/// Not chosen yet; direct where possible; or by shape.
const UNSET: u8 = u8::MAX;

static DIRECT: AtomicU8 = AtomicU8::new(UNSET);

/// True where all convolutions are computed by their definition: `TENFOLD_CONV=direct`, or [`set_direct`].
pub fn is_direct() -> bool {
    match DIRECT.load(Ordering::Relaxed) {
        UNSET => {
            let direct = std::env::var("TENFOLD_CONV").is_ok_and(|value| value == "direct");
            // Another thread may have chosen meanwhile: its choice stands.
            let _ = DIRECT.compare_exchange(UNSET, direct as u8, Ordering::Relaxed, Ordering::Relaxed);
            DIRECT.load(Ordering::Relaxed) == 1
        }
        direct => direct == 1,
    }
}

/// Computes all convolutions by their definition (`true`), or those of many channels and short filters with fewer
/// multiplications and a larger error (`false`).
pub fn set_direct(direct: bool) {
    DIRECT.store(direct as u8, Ordering::Relaxed);
}

/// The convolution (cross-correlation) of `input (N, C, z, y, x)` with `weight (O, C / groups, kernel…)`:
/// `(N, O, output…)`.
///
/// The epilogue's blocks have output channels of a group as rows and pixels as columns; `batch` is
/// `image · groups + group`. Where groups have one channel on either side, rows go on through the following groups.
///
/// # Errors
/// When an operand's length is not what the geometry asks for, or the geometry does not hold.
pub fn forward<S: ConvolutionElement>(
    geometry: &Geometry,
    input: &[S],
    weight: &[S],
    output: &mut [S],
    epilogue: Option<&Epilogue<'_, S>>,
) -> Result<()> {
    let lengths = Lengths::of("convolution", geometry)?;
    lengths.check("input", input.len(), lengths.input)?;
    lengths.check("weight", weight.len(), lengths.weight)?;
    lengths.check("output", output.len(), lengths.output)?;
    S::run(Call { kind: Kind::Forward, geometry: *geometry, first: input, second: weight, output, epilogue })
}

/// The gradient of the input, `(N, C, z, y, x)`, from `gradient (N, O, output…)` and
/// `weight (O, C / groups, kernel…)`; also the transposed convolution.
///
/// The epilogue's blocks have input channels of a group as rows and pixels as columns; `batch` is
/// `image · groups + group`, and rows go on as for [`forward`].
///
/// # Errors
/// As for [`forward`].
pub fn input_gradient<S: ConvolutionElement>(
    geometry: &Geometry,
    gradient: &[S],
    weight: &[S],
    output: &mut [S],
    epilogue: Option<&Epilogue<'_, S>>,
) -> Result<()> {
    let lengths = Lengths::of("convolution_input_gradient", geometry)?;
    lengths.check("gradient", gradient.len(), lengths.output)?;
    lengths.check("weight", weight.len(), lengths.weight)?;
    lengths.check("output", output.len(), lengths.input)?;
    let kind = Kind::InputGradient;
    S::run(Call { kind, geometry: *geometry, first: gradient, second: weight, output, epilogue })
}

/// The gradient of the weights, `(O, C / groups, kernel…)`, from `input (N, C, z, y, x)` and
/// `gradient (N, O, output…)`.
///
/// Images are cut into groups by the shapes; a group's sum takes its images in ascending order, each image
/// in blocks of whole rows of the output (a fresh accumulator a block); groups are added in ascending
/// order. With one channel a group on either side, a tap has 16 sums over the pixels of each row instead.
/// The epilogue's blocks have output channels of a group as rows and (channel, tap) as columns;
/// `batch` is the group.
///
/// # Errors
/// As for [`forward`].
pub fn weight_gradient<S: ConvolutionElement>(
    geometry: &Geometry,
    input: &[S],
    gradient: &[S],
    output: &mut [S],
    epilogue: Option<&Epilogue<'_, S>>,
) -> Result<()> {
    let lengths = Lengths::of("convolution_weight_gradient", geometry)?;
    lengths.check("input", input.len(), lengths.input)?;
    lengths.check("gradient", gradient.len(), lengths.output)?;
    lengths.check("output", output.len(), lengths.weight)?;
    let kind = Kind::WeightGradient;
    S::run(Call { kind, geometry: *geometry, first: input, second: gradient, output, epilogue })
}

/// Elements of a convolution's tensors.
struct Lengths {
    operation: &'static str,
    input: usize,
    weight: usize,
    output: usize,
}

impl Lengths {
    fn of(operation: &'static str, geometry: &Geometry) -> Result<Lengths> {
        for axis in &geometry.axes {
            if axis.stride == 0 || axis.dilation == 0 || axis.kernel == 0 {
                return Err(Error::value(
                    operation,
                    format!("stride, dilation and kernel must be positive; got {axis:?}"),
                ));
            }
        }
        let product = |factors: &[usize]| {
            factors.iter().try_fold(1usize, |product, &factor| product.checked_mul(factor))
        };
        let [z, y, x] = geometry.axes;
        let Geometry { images, groups, input_channels, output_channels, .. } = *geometry;
        let lengths = (|| {
            Some(Lengths {
                operation,
                input: product(&[images, groups, input_channels, z.input, y.input, x.input])?,
                weight: product(&[groups, output_channels, input_channels, z.kernel, y.kernel, x.kernel])?,
                output: product(&[images, groups, output_channels, z.output, y.output, x.output])?,
            })
        })();
        lengths.ok_or_else(|| Error::value(operation, format!("sizes are too large; got {geometry:?}")))
    }

    fn check(&self, name: &str, length: usize, expected: usize) -> Result<()> {
        if length == expected {
            return Ok(());
        }
        Err(Error::value(
            self.operation,
            format!("{name} has the wrong number of elements; got {length}, expected {expected}"),
        ))
    }
}
