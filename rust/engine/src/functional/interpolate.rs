//! Resizing images, series and volumes.

use tenfold_ir::kernel::WeightTable;
use tenfold_ir::{Error, Result, Shape};

use super::adaptive::adaptive_avg_pool;
use super::check_floating;
use super::resample::resample_last;
use crate::Tensor;

const NAME: &str = "interpolate";

/// How [`interpolate`] finds the elements between those of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interpolation {
    /// The element whose index is the scaled one rounded down.
    Nearest,
    /// The element whose centre is nearest.
    NearestExact,
    /// Linear along each axis.
    Linear,
    /// Cubic convolution along each of two axes (R. G. Keys 1981, with a = −0.75, and −0.5 with `antialias`).
    Cubic,
    /// Means over windows, as adaptive average pooling.
    Area,
}

/// The extents that [`interpolate`] gives the spatial axes.
#[derive(Clone, Debug)]
pub enum OutputSize {
    /// These.
    Extents(Vec<usize>),
    /// Those of the input times these, rounded down. Positions are scaled by the same numbers, unless `recompute`: then
    /// by the ratio of the extents.
    Scaled {
        /// One an axis.
        factors: Vec<f64>,
        /// Positions go by the extents.
        recompute: bool,
    },
}

/// Resizes the spatial axes of `(N, C, spatial…)`, one to three of them.
///
/// With `align_corners` the first and last elements of input and output coincide, else their outer edges do; `antialias`
/// widens the filter by the factor by which the image shrinks (linear and cubic, two axes).
///
/// ```
/// use tenfold::{Tensor, functional::{self, Interpolation, OutputSize}};
/// let x = Tensor::from_slice(&[0.0f32, 4.0], &[1, 1, 2])?;
/// let y = functional::interpolate(&x, &OutputSize::Extents(vec![4]), Interpolation::Linear, false, false)?;
/// assert_eq!(y.to_vec::<f32>()?, [0.0, 1.0, 3.0, 4.0]);
/// # tenfold::Result::Ok(())
/// ```
pub fn interpolate(
    input: &Tensor,
    size: &OutputSize,
    mode: Interpolation,
    align_corners: bool,
    antialias: bool,
) -> Result<Tensor> {
    let Some(spatial) = input.rank().checked_sub(2).filter(|spatial| (1..=3).contains(spatial)) else {
        return Err(Error::not_implemented(
            NAME,
            format!("takes (N, C, spatial…) with one to three spatial axes; got shape {}", input.shape()),
        ));
    };
    if antialias && !(matches!(mode, Interpolation::Linear | Interpolation::Cubic) && spatial == 2) {
        return Err(Error::value(
            NAME,
            "antialias is for the modes bilinear and bicubic, with two spatial axes",
        ));
    }
    if mode == Interpolation::Cubic && spatial != 2 {
        return Err(Error::not_implemented(NAME, format!("bicubic takes two spatial axes; got {spatial}")));
    }
    let extents = &input.shape()[2..];
    let (output, factors) = output_of(extents, size)?;
    let whole: Shape = input.shape()[..2].iter().chain(&output).copied().collect();
    Shape::checked(NAME, &whole)?;
    if output.contains(&0) || extents.contains(&0) {
        return Err(Error::shape(
            NAME,
            format!("input and output need spatial elements; got {extents:?} and {output:?}"),
        ));
    }
    if mode == Interpolation::Area {
        let output: Vec<Option<usize>> = output.into_iter().map(Some).collect();
        return adaptive_avg_pool(input, &output).map_err(|error| error.in_operation(NAME));
    }
    let axes = (0..spatial).map(|axis| Axis {
        input: extents[axis],
        output: output[axis],
        scale: factors[axis],
        align_corners,
        of_image: spatial == 2,
    });
    let nearest = matches!(mode, Interpolation::Nearest | Interpolation::NearestExact);
    if nearest && !input.dtype().is_floating() {
        return axes.enumerate().try_fold(input.clone(), |x, (number, axis)| {
            let places: Vec<i64> = axis.nearest(mode).map(|place| place as i64).collect();
            x.index_select(number as i64 + 2, &Tensor::from_slice(&places, &[places.len()])?)
        });
    }
    check_floating(NAME, input)?;
    let tables = axes.map(|axis| match mode {
        // Every way leaves such an axis as it is.
        _ if axis.is_kept() => Ok(None),
        // As in PyTorch, whatever the factor was.
        Interpolation::Linear if !antialias && axis.input == axis.output => Ok(None),
        _ if nearest => axis.table(axis.nearest(mode).map(|place| [(place, 1.0)])),
        Interpolation::Linear if antialias => axis.filtered(2.0, triangle),
        Interpolation::Linear => axis.table((0..axis.output).map(|place| axis.linear(place))),
        _ if antialias => axis.filtered(4.0, |distance| cubic(distance, -0.5)),
        _ => axis.table((0..axis.output).map(|place| axis.cubic(place))),
    });
    let tables = tables.collect::<Result<Vec<Option<WeightTable>>>>()?;
    resample_last(input, tables)
}

/// The extents of the output, and by what positions are scaled where it was given.
fn output_of(input: &[usize], size: &OutputSize) -> Result<(Vec<usize>, Vec<Option<f64>>)> {
    let given = match size {
        OutputSize::Extents(extents) => extents.len(),
        OutputSize::Scaled { factors, .. } => factors.len(),
    };
    if given != input.len() {
        return Err(Error::value(
            NAME,
            format!("needs {} numbers for the spatial axes; got {given}", input.len()),
        ));
    }
    match size {
        OutputSize::Extents(extents) => Ok((extents.clone(), vec![None; extents.len()])),
        OutputSize::Scaled { factors, recompute } => {
            if let Some(wrong) = factors.iter().find(|factor| !(**factor > 0.0 && factor.is_finite())) {
                return Err(Error::shape(NAME, format!("scale factors must be positive; got {wrong}")));
            }
            let scaled = input.iter().zip(factors).map(|(&extent, factor)| (extent as f64 * factor) as usize);
            let used = factors.iter().map(|&factor| Some(factor).filter(|_| !recompute)).collect();
            Ok((scaled.collect(), used))
        }
    }
}

/// One axis to be resized.
#[derive(Clone, Copy)]
struct Axis {
    input: usize,
    output: usize,
    /// By what the caller said that the axis grows.
    scale: Option<f64>,
    align_corners: bool,
    /// One of two spatial axes.
    of_image: bool,
}

impl Axis {
    /// True where every output is the input at its place.
    fn is_kept(&self) -> bool {
        self.input == self.output && self.scale.is_none_or(|scale| scale == 1.0)
    }

    fn table<R: IntoIterator<Item = (usize, f64)>>(
        &self,
        rows: impl Iterator<Item = R>,
    ) -> Result<Option<WeightTable>> {
        WeightTable::new(self.input, rows).map(Some).map_err(|error| error.in_operation(NAME))
    }

    /// Which input each output is; in single precision, as in PyTorch, so that ties fall alike. An axis of an image that
    /// keeps or doubles its extent does so whatever the scale was, as there.
    fn nearest(self, mode: Interpolation) -> impl Iterator<Item = usize> {
        let step = self.scale.map_or(self.input as f32 / self.output as f32, |scale| (1.0 / scale) as f32);
        let shift = if mode == Interpolation::NearestExact { 0.5 } else { 0.0 };
        (0..self.output).map(move |place| match mode {
            Interpolation::Nearest if self.of_image && self.output == self.input => place,
            Interpolation::Nearest if self.of_image && self.output == 2 * self.input => place / 2,
            _ => (((place as f32 + shift) * step).floor() as usize).min(self.input - 1),
        })
    }

    /// How far neighbouring outputs are apart in the input.
    fn step(&self) -> f64 {
        match (self.align_corners, self.scale) {
            (true, _) if self.output > 1 => (self.input - 1) as f64 / (self.output - 1) as f64,
            (true, _) => 0.0,
            (false, Some(scale)) => 1.0 / scale,
            (false, None) => self.input as f64 / self.output as f64,
        }
    }

    /// Where an output lies in the input.
    fn position(&self, place: usize) -> f64 {
        let place = place as f64;
        if self.align_corners { self.step() * place } else { self.step() * (place + 0.5) - 0.5 }
    }

    /// The two neighbours of an output and their weights.
    fn linear(&self, place: usize) -> [(usize, f64); 2] {
        let position = self.position(place).max(0.0);
        let first = (position as usize).min(self.input - 1);
        let second = (first + 1).min(self.input - 1);
        let fraction = (position - first as f64).clamp(0.0, 1.0);
        [(first, 1.0 - fraction), (second, fraction)]
    }

    /// The four neighbours of an output and their weights; the border is repeated.
    fn cubic(&self, place: usize) -> [(usize, f64); 4] {
        let position = self.position(place);
        let floor = position.floor();
        std::array::from_fn(|tap| {
            let neighbour = floor + tap as f64 - 1.0;
            let index = neighbour.clamp(0.0, (self.input - 1) as f64) as usize;
            (index, cubic(position - neighbour, -0.75))
        })
    }

    /// Rows of a filter of that width, stretched by the step where the axis shrinks; each row adds up to 1.
    fn filtered(&self, width: f64, filter: impl Fn(f64) -> f64) -> Result<Option<WeightTable>> {
        let stretch = self.step().max(1.0);
        let reach = width / 2.0 * stretch;
        let rows = (0..self.output).map(|place| {
            let centre = self.step() * (place as f64 + 0.5);
            let first = (centre - reach + 0.5).max(0.0) as usize;
            let end = ((centre + reach + 0.5) as usize).min(self.input);
            let weights: Vec<(usize, f64)> =
                (first..end).map(|index| (index, filter((index as f64 - centre + 0.5) / stretch))).collect();
            let total: f64 = weights.iter().map(|(_, weight)| weight).sum();
            let scale = if total == 0.0 { 1.0 } else { 1.0 / total };
            weights.into_iter().map(move |(index, weight)| (index, weight * scale))
        });
        self.table(rows)
    }
}

/// 1 at 0, falling to 0 at distance 1.
fn triangle(distance: f64) -> f64 {
    (1.0 - distance.abs()).max(0.0)
}

/// The kernel of cubic convolution: R. G. Keys, "Cubic convolution interpolation for digital image processing", 1981.
pub(super) fn cubic(distance: f64, a: f64) -> f64 {
    let x = distance.abs();
    if x < 1.0 {
        ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        ((x - 5.0) * x + 8.0) * x * a - 4.0 * a
    } else {
        0.0
    }
}
