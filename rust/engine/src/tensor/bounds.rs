//! Keeping values within bounds, and comparing whole tensors.

use tenfold_ir::{Error, Result, Scalar};

use super::{Argument, Tensor};

/// The largest and smallest finite number of a floating dtype.
fn largest_finite(dtype: tenfold_ir::DType) -> f64 {
    match dtype.real() {
        tenfold_ir::DType::Float16 => tenfold_ir::f16::MAX.to_f64(),
        tenfold_ir::DType::Bfloat16 => tenfold_ir::bf16::MAX.to_f64(),
        tenfold_ir::DType::Float32 => f64::from(f32::MAX),
        _ => f64::MAX,
    }
}

impl Tensor {
    /// Not below `min` and not above `max` (numbers or tensors that broadcast; at least one is given; `max` wins where
    /// they cross). NaN stays. The gradient flows where the element is within, bounds included, else to the bound.
    ///
    /// ```
    /// use tenfold::{Argument, Tensor};
    /// let x = Tensor::from_slice(&[-2.0f32, 0.5, 9.0], &[3])?;
    /// let y = x.clamp(Some(Argument::from(0.0)), Some(Argument::from(1.0)))?;
    /// assert_eq!(y.to_vec::<f32>()?, [0.0, 0.5, 1.0]);
    /// # Ok::<(), tenfold::Error>(())
    /// ```
    pub fn clamp(&self, min: Option<Argument<'_>>, max: Option<Argument<'_>>) -> Result<Tensor> {
        if min.is_none() && max.is_none() {
            return Err(Error::value("clamp", "needs min or max"));
        }
        let mut result = self.clone();
        if let Some(min) = min {
            result = Tensor::apply(
                tenfold_ir::Operation::where_,
                &[(&result.less(min)?).into(), min, (&result).into()],
            )?;
        }
        if let Some(max) = max {
            result = Tensor::apply(
                tenfold_ir::Operation::where_,
                &[(&result.greater(max)?).into(), max, (&result).into()],
            )?;
        }
        Ok(result)
    }

    /// True where `|self − other| ≤ absolute + relative · |other|`; equal infinities are close, NaNs with `equal_nan`.
    pub fn isclose(&self, other: &Tensor, relative: f64, absolute: f64, equal_nan: bool) -> Result<Tensor> {
        if relative < 0.0 || absolute < 0.0 {
            return Err(Error::value(
                "isclose",
                format!("tolerances must not be negative; got {relative} and {absolute}"),
            ));
        }
        let (a, b) = (self.detach(), other.detach());
        let equal = a.equal(&b)?;
        let dtype =
            tenfold_ir::promote_types(a.dtype(), b.dtype()).map_err(|error| error.in_operation("isclose"))?;
        let mut close = equal.clone();
        if dtype.is_differentiable() || relative != 0.0 || absolute != 0.0 {
            // Differences of integers may wrap: they are taken in float64.
            let wide = if dtype.is_differentiable() { dtype.compute() } else { tenfold_ir::DType::Float64 };
            let (a, b) = (a.cast(wide)?, b.cast(wide)?);
            let distance = a.subtract(&b)?.abs()?;
            let allowed = b.abs()?.multiply(relative)?.add(absolute)?;
            let within = distance.less_equal(&allowed)?.logical_and(&distance.isfinite()?)?;
            close = close.logical_or(&within)?;
            if equal_nan {
                close = close.logical_or(&a.isnan()?.logical_and(&b.isnan()?)?)?;
            }
        }
        Ok(close)
    }

    /// True where all elements are close, see [`Tensor::isclose`]. Looks at the values.
    pub fn allclose(&self, other: &Tensor, relative: f64, absolute: f64, equal_nan: bool) -> Result<bool> {
        let close = self
            .isclose(other, relative, absolute, equal_nan)
            .map_err(|error| error.in_operation("allclose"))?;
        Ok(close.all(None, false)?.item()?.to_bool())
    }

    /// True where both have the same shape and equal elements (`torch.equal`). Looks at the values.
    pub fn is_equal(&self, other: &Tensor) -> Result<bool> {
        if self.shape() != other.shape() {
            return Ok(false);
        }
        Ok(self.detach().equal(&other.detach())?.all(None, false)?.item()?.to_bool())
    }

    /// NaN replaced by `nan`, infinities by `positive` and `negative` (by default the largest and smallest finite
    /// number of the dtype). Complex numbers part by part; other dtypes stay as they are.
    pub fn nan_to_num(&self, nan: f64, positive: Option<f64>, negative: Option<f64>) -> Result<Tensor> {
        if !self.dtype().is_differentiable() {
            return Ok(self.clone());
        }
        if self.dtype().is_complex() {
            let real = self.real()?.nan_to_num(nan, positive, negative)?;
            let imaginary = self.imag()?.nan_to_num(nan, positive, negative)?;
            let i = Scalar::Complex(tenfold_ir::Complex::new(0.0, 1.0));
            return real.cast(self.dtype())?.add(&imaginary.cast(self.dtype())?.multiply(i)?);
        }
        let largest = largest_finite(self.dtype());
        let result = self.isnan()?.where_(nan, self)?;
        let result = self.isposinf()?.where_(positive.unwrap_or(largest), &result)?;
        self.isneginf()?.where_(negative.unwrap_or(-largest), &result)
    }
}
