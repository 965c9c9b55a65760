//! Sorting, searching, and extremes with their index.

use tenfold_ir::kernel::{Reduction, Side, Sort};
use tenfold_ir::{Core, DType, Error, Result, Shape, normalize_axis, promote_types};

use super::Tensor;
use super::indexing::Address;
use crate::autograd::{Context, Derivative, Gradients, Saved, record_gradient};

/// The gradient of values picked along an axis, with their indices as the second result: added where they came from.
#[derive(Debug)]
pub(super) struct PickDerivative {
    pub name: &'static str,
    pub axis: usize,
    pub shape: Shape,
}

impl Derivative for PickDerivative {
    fn name(&self) -> &str {
        self.name
    }

    fn gradients(&self, context: &Context<'_>) -> Result<Gradients> {
        let gradient = context.gradient(0);
        let indices = std::slice::from_ref(context.saved(0));
        let sum = Address::Along(self.axis).sum(&self.shape, indices, gradient)?;
        Ok(Gradients::from_iter([Some(sum)]))
    }
}

impl Tensor {
    /// Records a core with two results: values picked along `axis`, and their indices.
    pub(super) fn record_pick(
        &self,
        name: &'static str,
        core: Core,
        axis: usize,
    ) -> Result<(Tensor, Tensor)> {
        let mut results = Tensor::record_core(core, &[self]).map_err(|error| error.in_operation(name))?;
        let derivative = PickDerivative { name, axis, shape: self.shape().clone() };
        record_gradient(&mut results, &[self], derivative, &[Saved::Output(1)]);
        let indices = results.pop().expect("two results");
        Ok((results.pop().expect("two results"), indices))
    }

    /// The axis of an operation that takes a 0-dimensional tensor as one with one axis.
    pub(super) fn axis_or_zero(&self, operation: &'static str, axis: i64) -> Result<usize> {
        normalize_axis(operation, axis, self.rank().max(1))
    }

    /// Sorted along an axis, and the indices (int64) that sort it. NaN counts as largest.
    ///
    /// Equal elements keep their order in any case, so `stable` asks for nothing more.
    ///
    /// ```
    /// use tenfold::Tensor;
    /// let (values, indices) = Tensor::from_slice(&[3i64, 1, 2], &[3])?.sort(0, false, true)?;
    /// assert_eq!(values.to_vec::<i64>()?, [1, 2, 3]);
    /// assert_eq!(indices.to_vec::<i64>()?, [1, 2, 0]);
    /// # Ok::<(), tenfold::Error>(())
    /// ```
    pub fn sort(&self, axis: i64, descending: bool, _stable: bool) -> Result<(Tensor, Tensor)> {
        let axis = self.axis_or_zero("sort", axis)?;
        if self.rank() == 0 {
            return Ok((self.clone(), Tensor::zeros(&[], DType::Int64)?));
        }
        self.record_pick("sort", Core::Sort(Sort::Sort { axis, descending }), axis)
    }

    /// The indices (int64) that sort along an axis; see [`Tensor::sort`].
    pub fn argsort(&self, axis: i64, descending: bool, stable: bool) -> Result<Tensor> {
        Ok(self.detach().sort(axis, descending, stable).map_err(|error| error.in_operation("argsort"))?.1)
    }

    /// The `count` largest (else smallest) elements along an axis in order, and their indices (int64).
    pub fn topk(&self, count: usize, axis: i64, largest: bool) -> Result<(Tensor, Tensor)> {
        let axis = self.axis_or_zero("topk", axis)?;
        let extent = self.shape().get(axis).copied().unwrap_or(1);
        if count > extent {
            return Err(Error::index(
                "topk",
                format!("asked for {count} elements of axis {axis} of extent {extent}"),
            ));
        }
        if self.rank() == 0 {
            let (values, indices) = self.reshaped(&Shape::from([1]))?.topk(count, 0, largest)?;
            return if count == 1 {
                Ok((values.reshaped(self.shape())?, indices.reshaped(self.shape())?))
            } else {
                Ok((values, indices))
            };
        }
        self.record_pick("topk", Core::Sort(Sort::TopK { axis, count, largest }), axis)
    }

    /// The elements at `indices` (extent 1 along `axis`), with their indices; both with or without that axis.
    fn picked_at(&self, indices: Tensor, axis: usize, keep_axis: bool) -> Result<(Tensor, Tensor)> {
        let values = Address::Along(axis).read(self, std::slice::from_ref(&indices))?;
        if keep_axis {
            return Ok((values, indices));
        }
        Ok((values.squeeze(&[axis as i64])?, indices.squeeze(&[axis as i64])?))
    }

    /// The `k`-th smallest element (from 1) along an axis, and its index (int64).
    pub fn kthvalue(&self, k: usize, axis: i64, keep_axis: bool) -> Result<(Tensor, Tensor)> {
        let axis = self.axis_or_zero("kthvalue", axis)?;
        let extent = self.shape().get(axis).copied().unwrap_or(1);
        if k == 0 || k > extent {
            return Err(Error::index(
                "kthvalue",
                format!("k {k} is out of range for axis {axis} of extent {extent}"),
            ));
        }
        if self.rank() == 0 {
            return Ok((self.clone(), Tensor::zeros(&[], DType::Int64)?));
        }
        let order = self.argsort(axis as i64, false, true)?;
        self.picked_at(order.slice(axis as i64, k - 1, 1, 1)?, axis, keep_axis)
    }

    /// The lower median along an axis (the smaller of the two in the middle; NaN if any is NaN), and its index
    /// (int64). Without an axis, of all elements; the index is then that in row-major order.
    pub fn median(&self, axis: Option<i64>, keep_axis: bool) -> Result<(Tensor, Tensor)> {
        let name = "median";
        let Some(axis) = axis else {
            let (value, index) = self.flat()?.median(Some(0), false)?;
            let shape: Shape = self.shape().iter().map(|_| 1).collect();
            return if keep_axis {
                Ok((value.reshaped(&shape)?, index.reshaped(&shape)?))
            } else {
                Ok((value, index))
            };
        };
        let axis = self.axis_or_zero(name, axis)?;
        if self.rank() == 0 {
            return Ok((self.clone(), Tensor::zeros(&[], DType::Int64)?));
        }
        let extent = self.shape()[axis];
        if extent == 0 {
            return Err(Error::index(name, format!("axis {axis} is empty; got shape {}", self.shape())));
        }
        let along = axis as i64;
        let (sorted, order) = self.detach().sort(along, false, true)?;
        let middle = (extent - 1) / 2;
        let mut place = order.slice(along, middle, 1, 1)?;
        if self.dtype().is_floating() {
            // NaNs are sorted last; the first of them stands behind the numbers.
            let nan = sorted.isnan()?;
            let numbers = nan.logical_not()?.sum(Some(&[along]), true, None)?;
            let first_nan = order.take_along_axis(&numbers.minimum(extent - 1)?, along)?;
            place = nan.slice(along, extent - 1, 1, 1)?.where_(&first_nan, &place)?;
        }
        self.picked_at(place, axis, keep_axis)
    }

    fn extreme_along(&self, operation: Reduction, axis: i64, keep_axis: bool) -> Result<(Tensor, Tensor)> {
        let name = if operation == Reduction::ArgMax { "max" } else { "min" };
        let axis = self.axis_or_zero(name, axis)?;
        if self.rank() == 0 {
            return Ok((self.clone(), Tensor::zeros(&[], DType::Int64)?));
        }
        let indices = self.reduce(operation, &[axis]).map_err(|error| error.in_operation(name))?.remove(0);
        self.picked_at(indices.unsqueeze(axis as i64)?, axis, keep_axis)
    }

    /// The first largest element along an axis (NaN counts as largest), and its index (int64). The gradient flows to
    /// that element alone.
    pub fn max_along(&self, axis: i64, keep_axis: bool) -> Result<(Tensor, Tensor)> {
        self.extreme_along(Reduction::ArgMax, axis, keep_axis)
    }

    /// The first smallest element along an axis (NaN counts as smallest), and its index (int64). The gradient flows
    /// to that element alone.
    pub fn min_along(&self, axis: i64, keep_axis: bool) -> Result<(Tensor, Tensor)> {
        self.extreme_along(Reduction::ArgMin, axis, keep_axis)
    }

    /// Where each of `values` would have to be inserted into its row of this tensor (sorted ascending along the last
    /// axis, or by `sorter`) to keep the order: int64, in the shape of `values`.
    ///
    /// `self (…, n)` and `values (…, m)` have equal leading axes; with one axis, `self` serves values of any shape.
    pub fn searchsorted(&self, values: &Tensor, side: Side, sorter: Option<&Tensor>) -> Result<Tensor> {
        let name = "searchsorted";
        let dtype = promote_types(self.dtype(), values.dtype()).map_err(|error| error.in_operation(name))?;
        if self.rank() == 0 {
            return Err(Error::shape(name, "the sorted tensor needs at least one axis; got shape ()"));
        }
        let sorted = match sorter {
            None => self.detach(),
            Some(sorter) if sorter.shape() != self.shape() => {
                return Err(Error::shape(
                    name,
                    format!("sorter of shape {} for a tensor of shape {}", sorter.shape(), self.shape()),
                ));
            }
            Some(sorter) => self.detach().take_along_axis(sorter, -1)?,
        };
        let flat = self.rank() == 1;
        let leading = |tensor: &Tensor| Shape::new(&tensor.shape()[..tensor.rank() - 1]);
        if !flat && (values.rank() != self.rank() || leading(self) != leading(values)) {
            return Err(Error::shape(
                name,
                format!("leading axes differ; got {} and {}", self.shape(), values.shape()),
            ));
        }
        let queries = if flat { values.detach().flat()? } else { values.detach() };
        let core = Core::Sort(Sort::Search { side });
        let found = Tensor::record_core(core, &[&sorted.cast(dtype)?, &queries.cast(dtype)?])?.remove(0);
        found.reshaped(values.shape())
    }

    /// The bucket of each element among ascending `boundaries` (one axis): how many lie below it, or, with `right`,
    /// at or below it.
    pub fn bucketize(&self, boundaries: &Tensor, right: bool) -> Result<Tensor> {
        if boundaries.rank() != 1 {
            return Err(Error::shape(
                "bucketize",
                format!("boundaries must have one axis; got shape {}", boundaries.shape()),
            ));
        }
        let side = if right { Side::Right } else { Side::Left };
        boundaries.searchsorted(self, side, None).map_err(|error| error.in_operation("bucketize"))
    }

    /// How many elements over axes (none: all of them) are not zero (int64).
    pub fn count_nonzero(&self, axes: Option<&[i64]>, keep_axes: bool) -> Result<Tensor> {
        self.detach()
            .cast(DType::Bool)?
            .sum(axes, keep_axes, None)
            .map_err(|error| error.in_operation("count_nonzero"))
    }
}
