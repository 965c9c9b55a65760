//! Counts, quantiles and the trace.

use tenfold_ir::{DType, Error, Result, Shape, normalize_axis};

use crate::Tensor;

/// Which element [`Tensor::quantile`] takes where a quantile lies between two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Between {
    /// Between both, by the distance to each.
    Linear,
    /// The lower one.
    Lower,
    /// The higher one.
    Higher,
    /// The nearer one; at the same distance the one at the even place.
    Nearest,
    /// Their mean.
    Midpoint,
}

impl Tensor {
    /// How often each number from 0 to the largest is in a vector of integers (int64), or the sum of its weights (in their
    /// dtype where that is float32, else float64); at least `least` bins. It looks at the numbers.
    pub fn bincount(&self, weights: Option<&Tensor>, least: usize) -> Result<Tensor> {
        let name = "bincount";
        if !self.dtype().is_integer() {
            return Err(Error::dtype(name, format!("needs integers; got {}", self.dtype())));
        }
        if self.rank() != 1 || weights.is_some_and(|weights| weights.shape() != self.shape()) {
            let weights =
                weights.map_or(String::new(), |weights| format!(" and weights of {}", weights.shape()));
            return Err(Error::shape(
                name,
                format!("needs a vector, and weights of its shape; got shape {}{weights}", self.shape()),
            ));
        }
        let mut bins = least;
        if self.elements() > 0 {
            let lowest = self.amin(None, false)?.item()?.to_f64();
            if lowest < 0.0 {
                return Err(Error::state(name, format!("the numbers must not be negative; got {lowest}")));
            }
            let highest = self.amax(None, false)?.cast(DType::Uint64)?.to_vec::<u64>()?[0];
            bins = bins.max((highest as usize).saturating_add(1));
        }
        let weights = match weights {
            None => Tensor::ones(self.shape(), DType::Int64)?,
            Some(weights) if weights.dtype() == DType::Float32 => weights.detach(),
            Some(weights) => weights.detach().cast(DType::Float64)?,
        };
        let shape = Shape::checked(name, &[bins])?;
        Tensor::zeros(&shape, weights.dtype())?.index_add(0, &self.cast(DType::Int64)?, &weights, 1)
    }

    /// The quantiles `q` (a number or a vector, from 0 to 1) along an axis, or of all elements; NaN where any element is
    /// NaN. Those of a vector stand along a new first axis. It looks at `q`.
    pub fn quantile(
        &self,
        q: &Tensor,
        axis: Option<i64>,
        keep_axis: bool,
        between: Between,
    ) -> Result<Tensor> {
        let name = "quantile";
        if !matches!(self.dtype(), DType::Float32 | DType::Float64) || q.dtype() != self.dtype() {
            return Err(Error::dtype(
                name,
                format!(
                    "needs float32 or float64, and q of the same; got {} and {}",
                    self.dtype(),
                    q.dtype()
                ),
            ));
        }
        if q.rank() > 1 {
            return Err(Error::shape(
                name,
                format!("q must be a number or a vector; got shape {}", q.shape()),
            ));
        }
        let inside = q.detach().greater_equal(0.0)?.logical_and(&q.detach().less_equal(1.0)?)?;
        if !inside.all(None, false)?.item()?.to_bool() {
            return Err(Error::state(name, "q must be between 0 and 1"));
        }
        let Some(axis) = axis else {
            let all = self.reshape(&[-1])?.quantile(q, Some(0), false, between)?;
            let kept = if keep_axis { self.rank() } else { 0 };
            return (0..kept).try_fold(all, |result, _| result.unsqueeze(q.rank() as i64));
        };
        if self.rank() == 0 {
            normalize_axis(name, axis, 1)?;
            return self.unsqueeze(0)?.quantile(q, Some(0), false, between);
        }
        let axis = normalize_axis(name, axis, self.rank())?;
        let extent = self.shape()[axis];
        if extent == 0 {
            return Err(Error::shape(name, format!("nothing to rank; got shape {}", self.shape())));
        }
        let sorted = self.sort(axis as i64, false, true)?.0.move_axis(axis as i64, -1)?;
        let ranks = q.reshape(&[-1])?.multiply((extent - 1) as f64)?;
        let ranks = match between {
            Between::Lower => ranks.floor()?,
            Between::Higher => ranks.ceil()?,
            Between::Nearest => ranks.round()?,
            Between::Linear | Between::Midpoint => ranks,
        };
        let low = ranks.floor()?;
        let pick = |places: &Tensor| sorted.index_select(-1, &places.cast(DType::Int64)?);
        let (below, above) = (pick(&low)?, pick(&ranks.ceil()?)?);
        let weight =
            if between == Between::Midpoint { low.zeros_like()?.add(0.5)? } else { ranks.subtract(&low)? };
        // An infinity that is met exactly stays, where ∞ + 0 · (∞ − ∞) would not.
        let same = below.equal(&above)?;
        let mixed = same.where_(&below, &below.lerp(&above, &weight)?)?;
        let unordered = self.isnan()?.any(Some(&[axis as i64]), true)?.move_axis(axis as i64, -1)?;
        let mut result = unordered.where_(f64::NAN, &mixed)?;
        if q.rank() == 0 {
            result = result.squeeze(&[-1])?;
            return if keep_axis { result.unsqueeze(axis as i64) } else { Ok(result) };
        }
        result = result.move_axis(-1, 0)?;
        if keep_axis { result.unsqueeze(axis as i64 + 1) } else { Ok(result) }
    }

    /// The sum of the diagonal of a matrix.
    pub fn trace(&self) -> Result<Tensor> {
        if self.rank() != 2 {
            return Err(Error::shape("trace", format!("needs a matrix; got shape {}", self.shape())));
        }
        self.diagonal(0, 0, 1)?.sum(None, false, None).map_err(|error| error.in_operation("trace"))
    }
}
