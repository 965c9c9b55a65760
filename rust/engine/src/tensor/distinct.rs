//! Distinct elements.

use tenfold_ir::kernel::ScatterMode;
use tenfold_ir::{DType, Result, Shape, normalize_axis};

use crate::Tensor;

/// Distinct integers are found in a list of all numbers between the least and the greatest where it is at most so many
/// times as long as the tensor.
const MOST_NUMBERS_PER_ELEMENT: i128 = 4;

/// The distinct elements (or slices along an axis) of a tensor. What else is known of them is computed when asked for.
pub struct Distinct {
    /// Each of them once.
    pub values: Tensor,
    found: Found,
}

/// How they were found.
enum Found {
    /// In a list of numbers: `places (n)`, where each element stands in the list; `there (m)`, true where any does;
    /// `numbers`, where `there` is true; the shape of the tensor.
    Listed { places: Tensor, there: Tensor, numbers: Tensor, shape: Shape },
    /// As runs of equal neighbours: `begins (n)`, true where one begins; `starts`, where `begins` is true; `order (n)`,
    /// which brought them together; the shape of what has an inverse.
    Runs { begins: Tensor, starts: Tensor, order: Option<Tensor>, shape: Shape },
}

impl Distinct {
    /// Which of `values` each element is (int64): in the tensor's shape, or one a slice.
    pub fn inverse(&self) -> Result<Tensor> {
        match &self.found {
            Found::Listed { places, there, shape, .. } => {
                ranks_of(there)?.index_select(0, places)?.reshaped(shape)
            }
            Found::Runs { begins, order: None, shape, .. } => ranks_of(begins)?.reshaped(shape),
            Found::Runs { begins, order: Some(order), shape, .. } => {
                order.zeros_like()?.index_copy(0, order, &ranks_of(begins)?)?.reshaped(shape)
            }
        }
    }

    /// How often each of `values` is there (int64).
    pub fn counts(&self) -> Result<Tensor> {
        match &self.found {
            Found::Listed { places, there, numbers, .. } => {
                let (none, ones) = (Tensor::zeros(there.shape(), DType::Int64)?, places.ones_like()?);
                none.scatter(0, places, &ones, ScatterMode::Add)?.index_select(0, numbers)
            }
            Found::Runs { begins, starts, .. } => {
                let end = Tensor::full(&[1], begins.elements() as i64, DType::Int64)?;
                starts.diff(1, 0, None, Some(&end))
            }
        }
    }
}

/// How many elements up to each are true, but for the first of them.
fn ranks_of(marks: &Tensor) -> Result<Tensor> {
    marks.cumsum(0, Some(DType::Int64))?.subtract(1)
}

impl Tensor {
    /// The distinct elements in ascending order; along an axis the distinct slices, in lexicographic order. Each NaN is
    /// distinct from all others. It looks at the elements, and has no gradient.
    ///
    /// ```
    /// use tenfold::Tensor;
    /// let found = Tensor::from_slice(&[3i64, 1, 3], &[3])?.unique(None)?;
    /// assert_eq!(found.values.to_vec::<i64>()?, [1, 3]);
    /// assert_eq!(found.counts()?.to_vec::<i64>()?, [1, 2]);
    /// # Ok::<(), tenfold::Error>(())
    /// ```
    pub fn unique(&self, axis: Option<i64>) -> Result<Distinct> {
        self.distinct(axis).map_err(|error| error.in_operation("unique"))
    }

    /// The elements (or slices along an axis) without those that equal the one before.
    pub fn unique_consecutive(&self, axis: Option<i64>) -> Result<Distinct> {
        let rows = self.rows_along("unique_consecutive", axis)?;
        self.runs(axis, &rows, None).map_err(|error| error.in_operation("unique_consecutive"))
    }

    fn distinct(&self, axis: Option<i64>) -> Result<Distinct> {
        let whole = self.dtype().is_integer() || self.dtype() == DType::Bool;
        let listed = axis.is_none() && whole && self.elements() > 0;
        if listed && let Some(distinct) = self.detach().distinct_in_list()? {
            return Ok(distinct);
        }
        let rows = self.rows_along("unique", axis)?;
        let mut order: Option<Tensor> = None;
        for column in (0..rows.shape()[1]).rev() {
            let keys = rows.slice(1, column, 1, 1)?.squeeze(&[1])?;
            order = Some(match order {
                None => keys.argsort(0, false, true)?,
                Some(order) => {
                    order.index_select(0, &keys.index_select(0, &order)?.argsort(0, false, true)?)?
                }
            });
        }
        self.runs(axis, &rows, order)
    }

    /// The distinct elements of integers that lie closely enough.
    fn distinct_in_list(&self) -> Result<Option<Distinct>> {
        let least = self.amin(None, false)?;
        let (low, high) = (least.item()?.to_i128(), self.amax(None, false)?.item()?.to_i128());
        let length = high - low + 1;
        if length > MOST_NUMBERS_PER_ELEMENT * self.elements() as i128 {
            return Ok(None);
        }
        // Numbers above those of int64 wrap round here, and back at the end.
        let least = least.cast(DType::Int64)?;
        let places = self.flat()?.cast(DType::Int64)?.subtract(&least)?;
        let (none, marks) = (
            Tensor::zeros(&Shape::checked("unique", &[length as usize])?, DType::Bool)?,
            Tensor::ones(places.shape(), DType::Bool)?,
        );
        let there = none.scatter(0, &places, &marks, ScatterMode::Assign)?;
        let numbers = there.nonzero()?.squeeze(&[1])?;
        let values = numbers.add(&least)?.cast(self.dtype())?;
        let shape = self.shape().clone();
        Ok(Some(Distinct { values, found: Found::Listed { places, there, numbers, shape } }))
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
    fn runs(&self, axis: Option<i64>, rows: &Tensor, order: Option<Tensor>) -> Result<Distinct> {
        let count = rows.shape()[0];
        let sorted = match &order {
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
        let starts = begins.nonzero()?.squeeze(&[1])?;
        let kept = match &order {
            Some(order) => order.index_select(0, &starts)?,
            None => starts.clone(),
        };
        let (values, shape) = match axis {
            Some(axis) => (self.detach().index_select(axis, &kept)?, Shape::new(&[count])),
            None => (self.detach().flat()?.index_select(0, &kept)?, self.shape().clone()),
        };
        Ok(Distinct { values, found: Found::Runs { begins, starts, order, shape } })
    }
}
