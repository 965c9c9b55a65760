//! Distinct elements, counts and quantiles: what sorting tells.

use tenfold_ir::{DType, Error, Result, Shape, normalize_axis};

use crate::Tensor;

/// The distinct elements (or slices along an axis) of a tensor.
pub struct Distinct {
    /// Each of them once.
    pub values: Tensor,
    /// Which of `values` each element is (int64): in the tensor's shape, or one a slice.
    pub inverse: Tensor,
    /// How often each of `values` is there (int64).
    pub counts: Tensor,
}

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
    /// The distinct elements in ascending order; along an axis the distinct slices, in lexicographic order. Each NaN is
    /// distinct from all others. It looks at the elements, and has no gradient.
    ///
    /// ```
    /// use tenfold::Tensor;
    /// let found = Tensor::from_slice(&[3i64, 1, 3], &[3])?.unique(None)?;
    /// assert_eq!(found.values.to_vec::<i64>()?, [1, 3]);
    /// assert_eq!(found.counts.to_vec::<i64>()?, [1, 2]);
    /// # Ok::<(), tenfold::Error>(())
    /// ```
    pub fn unique(&self, axis: Option<i64>) -> Result<Distinct> {
        let rows = self.rows_along("unique", axis)?;
        let mut order = Tensor::arange(0.into(), (rows.shape()[0] as i64).into(), 1.into(), DType::Int64)?;
        for column in (0..rows.shape()[1]).rev() {
            let keys = rows.slice(1, column, 1, 1)?.squeeze(&[1])?.index_select(0, &order)?;
            order = order.index_select(0, &keys.argsort(0, false, true)?)?;
        }
        self.runs(axis, &rows, Some(&order)).map_err(|error| error.in_operation("unique"))
    }

    /// The elements (or slices along an axis) without those that equal the one before.
    pub fn unique_consecutive(&self, axis: Option<i64>) -> Result<Distinct> {
        let rows = self.rows_along("unique_consecutive", axis)?;
        self.runs(axis, &rows, None).map_err(|error| error.in_operation("unique_consecutive"))
    }

    /// The slices along an axis, flattened, as rows; without an axis the elements.
    fn rows_along(&self, name: &'static str, axis: Option<i64>) -> Result<Tensor> {
        let value = self.detach();
        let Some(axis) = axis else { return value.reshape(&[self.elements() as i64, 1]) };
        let axis = normalize_axis(name, axis, self.rank())?;
        let extent = self.shape()[axis];
        let width: usize = self.shape().without(axis).iter().product();
        value.move_axis(axis as i64, 0)?.reshape(&[extent as i64, width as i64])
    }

    /// Runs of equal rows, in an order or as they stand.
    fn runs(&self, axis: Option<i64>, rows: &Tensor, order: Option<&Tensor>) -> Result<Distinct> {
        let count = rows.shape()[0];
        let sorted = match order {
            Some(order) => rows.index_select(0, order)?,
            None => rows.clone(),
        };
        let first = Tensor::full(&[count.min(1)], true, DType::Bool)?;
        let begins = if count > 1 {
            let (here, before) = (sorted.slice(0, 1, 1, count - 1)?, sorted.slice(0, 0, 1, count - 1)?);
            let differs = here.not_equal(&before)?.any(Some(&[1]), false)?;
            Tensor::concatenate(&[&first, &differs], Some(0))?
        } else {
            first
        };
        let places = begins.nonzero()?.squeeze(&[1])?;
        let end = Tensor::full(&[1], count as i64, DType::Int64)?;
        let counts = places.diff(1, 0, None, Some(&end))?;
        let numbers = begins.cumsum(0, Some(DType::Int64))?.subtract(1)?;
        let inverse = match order {
            Some(order) => Tensor::zeros(&[count], DType::Int64)?.index_copy(0, order, &numbers)?,
            None => numbers,
        };
        let kept = match order {
            Some(order) => order.index_select(0, &places)?,
            None => places,
        };
        let value = self.detach();
        Ok(match axis {
            Some(axis) => Distinct { values: value.index_select(axis, &kept)?, inverse, counts },
            None => {
                let values = value.reshape(&[-1])?.index_select(0, &kept)?;
                let extents: Vec<i64> = self.shape().iter().map(|&extent| extent as i64).collect();
                Distinct { values, inverse: inverse.reshape(&extents)?, counts }
            }
        })
    }

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
