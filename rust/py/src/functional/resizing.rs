//! Resizing and sampling of images.

use pyo3::prelude::*;
use tenfold::Error;
use tenfold::functional::{self, GridMode, GridPadding, Interpolation, OutputSize};

use super::{sizes, wrapped};
use crate::convert::{Integers, TensorArgument};
use crate::errors::to_python;
use crate::tensor::PyTensor;

/// One number for all axes, or one an axis.
pub(super) enum Numbers {
    One(f64),
    Each(Vec<f64>),
}

impl Numbers {
    /// One an axis, where one was given for all.
    pub(super) fn each(self, axes: usize) -> Vec<f64> {
        match self {
            Numbers::One(one) => vec![one; axes],
            Numbers::Each(numbers) => numbers,
        }
    }
}

impl<'py> FromPyObject<'_, 'py> for Numbers {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Numbers> {
        match object.extract::<f64>() {
            Ok(one) => Ok(Numbers::One(one)),
            Err(_) => object.extract::<Vec<f64>>().map(Numbers::Each),
        }
    }
}

/// Extents, where one number counts for all axes.
fn for_all(extents: Vec<usize>, axes: usize) -> Vec<usize> {
    if let [one] = extents[..] { vec![one; axes] } else { extents }
}

const MODES: [&str; 7] = ["nearest", "nearest-exact", "linear", "bilinear", "bicubic", "trilinear", "area"];

/// The mode of that name, for inputs of that rank.
fn interpolation(mode: &str, rank: usize) -> PyResult<Interpolation> {
    Ok(match (mode, rank) {
        ("nearest", 3..=5) => Interpolation::Nearest,
        ("nearest-exact", 3..=5) => Interpolation::NearestExact,
        ("area", 3..=5) => Interpolation::Area,
        ("linear", 3) | ("bilinear", 4) | ("trilinear", 5) => Interpolation::Linear,
        ("bicubic", 4) => Interpolation::Cubic,
        (other, _) if !MODES.contains(&other) => {
            return Err(to_python(
                Error::value("interpolate", format!("no such mode; got {other:?}")).hint(MODES.join(", ")),
            ));
        }
        _ => {
            return Err(to_python(
                Error::not_implemented("interpolate", format!("no mode {mode:?} for inputs with {rank} axes"))
                    .hint("linear takes 3 axes, bilinear and bicubic 4, trilinear 5; nearest, nearest-exact and area any"),
            ));
        }
    })
}

/// Resizes the spatial axes of `(N, C, ...)` to `size` or by `scale_factor`. `mode` is `'nearest'`, `'nearest-exact'`,
/// `'linear'`, `'bilinear'`, `'bicubic'`, `'trilinear'` or `'area'`.
#[pyfunction]
#[pyo3(signature = (
    input, size=None, scale_factor=None, mode="nearest", align_corners=None, recompute_scale_factor=None,
    antialias=false
))]
fn interpolate(
    input: TensorArgument,
    size: Option<Integers>,
    scale_factor: Option<Numbers>,
    mode: &str,
    align_corners: Option<bool>,
    recompute_scale_factor: Option<bool>,
    antialias: bool,
) -> PyResult<PyTensor> {
    let (input, name) = (&input.0, "interpolate");
    let recompute = recompute_scale_factor.unwrap_or(false);
    let wrong = |what: &str| Err(to_python(Error::value(name, what)));
    if align_corners.is_some() && matches!(mode, "nearest" | "nearest-exact" | "area") {
        return wrong("align_corners is for the modes linear, bilinear, bicubic and trilinear");
    }
    if antialias && !(matches!(mode, "bilinear" | "bicubic") && input.rank() == 4) {
        return wrong("antialias is for the modes bilinear and bicubic, with inputs (N, C, H, W)");
    }
    let spatial = input.rank().saturating_sub(2);
    let size = match (size, scale_factor) {
        (Some(_), None) if recompute => return wrong("recompute_scale_factor needs a scale_factor"),
        (Some(size), None) => OutputSize::Extents(for_all(sizes(name, &size)?, spatial)),
        (None, Some(factors)) => OutputSize::Scaled { factors: factors.each(spatial), recompute },
        _ => return wrong("give one of size and scale_factor"),
    };
    let given = match &size {
        OutputSize::Extents(extents) => extents.len(),
        OutputSize::Scaled { factors, .. } => factors.len(),
    };
    if given != spatial {
        return wrong("size and scale_factor need one number, or one a spatial axis");
    }
    let mode = interpolation(mode, input.rank())?;
    wrapped(functional::interpolate(input, &size, mode, align_corners.unwrap_or(false), antialias))
}

/// The image `(N, C, H, W)` (or `(N, C, D, H, W)`) at the positions `grid` `(N, ..., 2)` (or 3): x, y (and z) from -1 to
/// 1. `mode` is `'bilinear'`, `'nearest'` or `'bicubic'`, `padding_mode` `'zeros'`, `'border'` or `'reflection'`.
#[pyfunction]
#[pyo3(signature = (input, grid, mode="bilinear", padding_mode="zeros", align_corners=None))]
fn grid_sample(
    input: TensorArgument,
    grid: TensorArgument,
    mode: &str,
    padding_mode: &str,
    align_corners: Option<bool>,
) -> PyResult<PyTensor> {
    let unknown = |what: &str, given: &str, known: &str| {
        Err(to_python(
            Error::value("grid_sample", format!("no such {what}; got {given:?}")).hint(known.to_owned()),
        ))
    };
    let mode = match mode {
        "bilinear" => GridMode::Linear,
        "nearest" => GridMode::Nearest,
        "bicubic" => GridMode::Cubic,
        other => return unknown("mode", other, "bilinear, nearest or bicubic"),
    };
    let padding = match padding_mode {
        "zeros" => GridPadding::Zeros,
        "border" => GridPadding::Border,
        "reflection" => GridPadding::Reflection,
        other => return unknown("padding_mode", other, "zeros, border or reflection"),
    };
    wrapped(functional::grid_sample(&input.0, &grid.0, mode, padding, align_corners.unwrap_or(false)))
}

/// The grid at which `grid_sample` applies the affine map `theta` `(N, 2, 3)` to images of `size` `(N, C, H, W)`; also
/// `(N, 3, 4)` for volumes.
#[pyfunction]
#[pyo3(signature = (theta, size, align_corners=None))]
fn affine_grid(theta: TensorArgument, size: Integers, align_corners: Option<bool>) -> PyResult<PyTensor> {
    // ShapeError is an error of the value, too.
    let extents = sizes("affine_grid", &size)?;
    wrapped(functional::affine_grid(&theta.0, &extents, align_corners.unwrap_or(false)))
}

/// Adds the functions to the module.
pub(super) fn add_resizing(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(interpolate, module)?)?;
    module.add_function(wrap_pyfunction!(grid_sample, module)?)?;
    module.add_function(wrap_pyfunction!(affine_grid, module)?)
}
