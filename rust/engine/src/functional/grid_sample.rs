//! Sampling images at any positions.

use smallvec::SmallVec;
use tenfold_ir::{DType, Error, Result, Scalar, Shape};

use super::check_same_dtype;
use crate::Tensor;

const NAME: &str = "grid_sample";

/// How [`grid_sample`] finds values between pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GridMode {
    /// Linear along each axis.
    Linear,
    /// The nearest pixel; no gradient flows to the grid.
    Nearest,
    /// Cubic convolution along each axis (R. G. Keys 1981, with a = −0.75).
    Cubic,
}

/// What [`grid_sample`] finds outside of the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GridPadding {
    /// Zeros.
    Zeros,
    /// The nearest border pixel.
    Border,
    /// The image, mirrored at its border as often as it takes.
    Reflection,
}

/// The elements between which positions lie along an axis: their whole positions and their weights (`None`: 1).
type Taps = SmallVec<[(Tensor, Option<Tensor>); 4]>;

/// One axis of the image.
#[derive(Clone, Copy)]
struct Axis {
    extent: usize,
    padding: GridPadding,
    align_corners: bool,
}

impl Axis {
    /// Coordinates from −1 to 1 in pixels.
    fn pixels(&self, coordinate: &Tensor) -> Result<Tensor> {
        let extent = self.extent as f64;
        match self.align_corners {
            true => coordinate.add(1.0)?.multiply((extent - 1.0) / 2.0),
            false => coordinate.add(1.0)?.multiply(extent / 2.0)?.subtract(0.5),
        }
    }

    /// Positions inside of the image, where the padding has them there. What is moved to the border has no gradient.
    fn inside(&self, position: &Tensor) -> Result<Tensor> {
        let position = match self.padding {
            GridPadding::Zeros => return Ok(position.clone()),
            GridPadding::Border => position.clone(),
            GridPadding::Reflection => self.mirrored(position)?,
        };
        let last = (self.extent - 1) as f64;
        let below = position.greater(0.0)?.where_(&position, 0.0)?;
        position.less(last)?.where_(&below, last)
    }

    fn mirrored(&self, position: &Tensor) -> Result<Tensor> {
        // The mirrors stand at the centres of the border pixels, or at their outer edges.
        let (low, span) = match self.align_corners {
            true => (0.0, (self.extent - 1) as f64),
            false => (-0.5, self.extent as f64),
        };
        if span == 0.0 {
            return position.multiply(0.0);
        }
        let distance = position.subtract(low)?.abs()?;
        let flips = distance.detach().divide(span)?.floor()?;
        let rest = distance.subtract(&flips.multiply(span)?)?;
        let odd = flips.subtract(&flips.multiply(0.5)?.floor()?.multiply(2.0)?)?.greater(0.5)?;
        odd.where_(&rest.negative()?.add(span + low)?, &rest.add(low)?)
    }

    /// Whole positions as indices, and whether the image has them.
    fn index(&self, position: &Tensor) -> Result<(Tensor, Tensor)> {
        let last = (self.extent - 1) as f64;
        let position = position.detach();
        let has = position.greater_equal(0.0)?.logical_and(&position.less_equal(last)?)?;
        // Only what the image has is converted: neither NaN nor the infinite is an index.
        Ok((has.where_(&position, 0.0)?.cast(DType::Int64)?, has))
    }

    /// The elements between which positions lie, in order.
    fn taps(&self, position: &Tensor, mode: GridMode) -> Result<Taps> {
        Ok(match mode {
            GridMode::Nearest => {
                let place = self.inside(position)?.detach().round()?;
                // The gradient of the grid is zeros, not none: a weight of 1 that the position has no part in.
                let weight = || position.detach().less(f64::NEG_INFINITY)?.where_(position, 1.0);
                let weight = position.requires_grad().then(weight).transpose()?;
                SmallVec::from_iter([(place, weight)])
            }
            GridMode::Linear => {
                let position = self.inside(position)?;
                let first = position.detach().floor()?;
                let fraction = position.subtract(&first)?;
                let second = first.add(1.0)?;
                SmallVec::from_iter([(first, Some(fraction.negative()?.add(1.0)?)), (second, Some(fraction))])
            }
            GridMode::Cubic => {
                let floor = position.detach().floor()?;
                let fraction = position.subtract(&floor)?;
                let weights = cubic_weights(&fraction)?;
                let mut taps = SmallVec::new();
                for (tap, weight) in weights.into_iter().enumerate() {
                    // Each neighbour is looked for on its own.
                    let place = self.inside(&floor.add(tap as f64 - 1.0)?)?;
                    // Mirrored positions may be off by rounding.
                    taps.push((place.round()?, Some(weight)));
                }
                taps
            }
        })
    }
}

/// The weights of the four neighbours of a position, the second of which is `fraction` before it.
fn cubic_weights(fraction: &Tensor) -> Result<[Tensor; 4]> {
    const A: f64 = -0.75;
    // The kernel of Keys within distance 1, and between 1 and 2.
    let near = |x: &Tensor| x.multiply(A + 2.0)?.subtract(A + 3.0)?.multiply(&x.square()?)?.add(1.0);
    let far =
        |x: &Tensor| x.subtract(5.0)?.multiply(x)?.add(8.0)?.multiply(x)?.multiply(A)?.subtract(4.0 * A);
    let rest = fraction.negative()?.add(1.0)?;
    Ok([far(&fraction.add(1.0)?)?, near(fraction)?, near(&rest)?, far(&rest.add(1.0)?)?])
}

/// The image `(N, C, H, W)` (or `(N, C, D, H, W)`) at the positions `grid` `(N, …, 2)` (or 3): `(N, C, …)`. The last axis
/// of the grid is x, y (and z), from −1 to 1 over the width, height (and depth): with `align_corners` between the centres
/// of the border pixels, else between their outer edges.
///
/// M. Jaderberg et al., "Spatial transformer networks", 2015.
pub fn grid_sample(
    input: &Tensor,
    grid: &Tensor,
    mode: GridMode,
    padding: GridPadding,
    align_corners: bool,
) -> Result<Tensor> {
    check_same_dtype(NAME, input, grid)?;
    let spatial = input.rank().saturating_sub(2);
    if !(2..=3).contains(&spatial)
        || grid.rank() != input.rank()
        || grid.shape()[0] != input.shape()[0]
        || grid.shape()[spatial + 1] != spatial
    {
        return Err(Error::shape(
            NAME,
            format!(
                "needs (N, C, H, W) with a grid (N, …, 2), or (N, C, D, H, W) with (N, …, 3); got shapes {} and {}",
                input.shape(),
                grid.shape()
            ),
        ));
    }
    let extents = &input.shape()[2..];
    if extents.contains(&0) {
        return Err(Error::shape(NAME, format!("needs spatial elements; got shape {}", input.shape())));
    }
    let (images, channels) = (input.shape()[0], input.shape()[1]);
    let result: Shape = [images, channels].iter().chain(&grid.shape()[1..=spatial]).copied().collect();
    let points = grid.shape()[1..=spatial].iter().product::<usize>();
    let wide = DType::compute(input.dtype());
    let grid = grid.cast(wide)?.reshaped(&Shape::from([images, points, spatial]))?;
    let mut axes: SmallVec<[Taps; 3]> = SmallVec::new();
    let all: SmallVec<[Axis; 3]> =
        extents.iter().map(|&extent| Axis { extent, padding, align_corners }).collect();
    for (number, axis) in all.iter().enumerate() {
        let coordinate = grid.select(2, (spatial - 1 - number) as i64)?;
        axes.push(axis.taps(&axis.pixels(&coordinate)?, mode)?);
    }
    // Pixels with their channels side by side, so that a sample is one stretch; behind them a pixel of zeros.
    let pixels = extents.iter().product::<usize>();
    let rows = input
        .cast(wide)?
        .reshaped(&Shape::from([images, channels, pixels]))?
        .permuted(&[0, 2, 1])?
        .reshaped(&Shape::from([images * pixels, channels]))?;
    let rows = Tensor::concatenate(&[&rows, &Tensor::zeros(&[1, channels], wide)?], Some(0))?;
    let count = Scalar::from(images * pixels);
    let first = Tensor::arange(0.into(), Scalar::from(images), 1.into(), DType::Int64)?
        .multiply(Scalar::from(pixels))?
        .reshaped(&Shape::from([images, 1]))?;
    let mut total: Option<Tensor> = None;
    let combinations = axes.iter().map(SmallVec::len).product::<usize>();
    for number in 0..combinations {
        let (mut place, mut known, mut weight) = (first.clone(), None::<Tensor>, None::<Tensor>);
        let (mut left, mut pitch) = (number, pixels);
        for (axis, taps) in all.iter().zip(&axes) {
            pitch /= axis.extent;
            let (position, of_tap) = &taps[left % taps.len()];
            left /= taps.len();
            let (index, has) = axis.index(position)?;
            place = place.add(&index.multiply(Scalar::from(pitch))?)?;
            known = Some(known.map_or(Ok(has.clone()), |known| known.logical_and(&has))?);
            weight = match (weight, of_tap) {
                (Some(weight), Some(other)) => Some(weight.multiply(other)?),
                (weight, other) => weight.or_else(|| other.clone()),
            };
        }
        let place = match known {
            Some(known) => known.where_(&place, count)?,
            None => place,
        };
        let samples = rows.index_select(0, &place.reshaped(&Shape::from([images * points]))?)?;
        let samples = match weight {
            Some(weight) => samples.multiply(&weight.reshaped(&Shape::from([images * points, 1]))?)?,
            None => samples,
        };
        total = Some(match total {
            Some(total) => total.add(&samples)?,
            None => samples,
        });
    }
    total
        .expect("each axis has a tap")
        .reshaped(&Shape::from([images, points, channels]))?
        .permuted(&[0, 2, 1])?
        .reshaped(&result)?
        .cast(input.dtype())
}

/// The grid at which [`grid_sample`] applies the affine map `theta` `(N, 2, 3)` (or `(N, 3, 4)`) to images of `size`
/// `(N, C, H, W)` (or `(N, C, D, H, W)`): `(N, H, W, 2)` (or `(N, D, H, W, 3)`).
pub fn affine_grid(theta: &Tensor, size: &[usize], align_corners: bool) -> Result<Tensor> {
    let name = "affine_grid";
    if !theta.dtype().is_floating() {
        return Err(Error::value(name, format!("theta must be floating; got {}", theta.dtype())));
    }
    let spatial = match size.len() {
        4 | 5 => size.len() - 2,
        _ => {
            return Err(Error::not_implemented(
                name,
                format!("takes sizes (N, C, H, W) and (N, C, D, H, W); got {size:?}"),
            ));
        }
    };
    if theta.shape()[..] != [size[0], spatial, spatial + 1] {
        return Err(Error::shape(
            name,
            format!(
                "theta for size {size:?} needs shape ({}, {spatial}, {}); got {}",
                size[0],
                spatial + 1,
                theta.shape()
            ),
        ));
    }
    if size.contains(&0) {
        return Err(Error::value(name, format!("extents must be positive; got {size:?}")));
    }
    let wide = theta.dtype().compute();
    let grid: Shape = size[2..].iter().copied().collect();
    let mut columns: SmallVec<[Tensor; 4]> = SmallVec::new();
    for axis in (0..spatial).rev() {
        let extent = size[axis + 2];
        let along = match (extent, align_corners) {
            (1, _) => Tensor::zeros(&[1], wide)?,
            (_, true) => Tensor::linspace(-1.0, 1.0, extent, true, wide)?,
            (_, false) => {
                let edge = (extent - 1) as f64 / extent as f64;
                Tensor::linspace(-edge, edge, extent, true, wide)?
            }
        };
        let mut shape = Shape::from_iter(std::iter::repeat_n(1, spatial));
        shape.extents_mut()[axis] = extent;
        columns.push(along.reshaped(&shape)?.broadcast(&grid).expect("ones broadcast"));
    }
    columns.push(Tensor::ones(&grid, wide)?);
    let columns: SmallVec<[&Tensor; 4]> = columns.iter().collect();
    let points = grid.elements();
    let base = Tensor::stack(&columns, -1)?.reshaped(&Shape::from([1, points, spatial + 1]))?;
    let result: Shape = [size[0]].into_iter().chain(size[2..].iter().copied()).chain([spatial]).collect();
    base.matmul(&theta.cast(wide)?.transpose(1, 2)?)?.reshaped(&result)?.cast(theta.dtype())
}
