//! Reading and writing along one axis, with an index for each element.

use tenfold_ir::kernel::ScatterMode;
use tenfold_ir::{DType, Error, Result, Scalar, Shape, broadcast_shapes, normalize_axis};

use super::Address;
use crate::Tensor;

/// How [`Tensor::scatter_reduce`] joins what is written to one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScatterReduce {
    /// The sum.
    Sum,
    /// The product.
    Product,
    /// The mean; integers round down.
    Mean,
    /// The largest; NaN wins.
    Max,
    /// The smallest; NaN wins.
    Min,
}

impl Tensor {
    /// A 0-dimensional tensor as one with one axis: PyTorch lets it be indexed along axis 0.
    fn at_least_one_axis(&self) -> Result<Tensor> {
        if self.rank() == 0 { self.reshaped(&Shape::from([1])) } else { Ok(self.clone()) }
    }

    /// The normalized axis and the checked index of an operation along it. `values` is what the index is as long as
    /// or shorter along each axis.
    fn along(
        &self,
        operation: &'static str,
        axis: i64,
        index: &Tensor,
        values: Option<&Tensor>,
    ) -> Result<(usize, Tensor)> {
        let axis = normalize_axis(operation, axis, self.rank())?;
        let fits = |other: &Shape, free: Option<usize>| {
            other.rank() == index.rank()
                && (0..other.rank()).all(|axis| Some(axis) == free || index.shape()[axis] <= other[axis])
        };
        if index.rank() != self.rank() || (index.elements() > 0 && !fits(self.shape(), Some(axis))) {
            return Err(Error::shape(
                operation,
                format!(
                    "index of shape {} must not exceed {} but along axis {axis}",
                    index.shape(),
                    self.shape()
                ),
            ));
        }
        if let Some(values) = values {
            if index.elements() > 0 && !fits(values.shape(), None) {
                return Err(Error::shape(
                    operation,
                    format!("index of shape {} exceeds values of shape {}", index.shape(), values.shape()),
                ));
            }
            if values.dtype() != self.dtype() {
                return Err(Error::dtype(
                    operation,
                    format!("values must have dtype {}; got {}", self.dtype(), values.dtype()),
                ));
            }
        }
        Ok((axis, index.as_indices(operation, axis, self.shape()[axis])?))
    }

    /// `out[i, …, j, …] = self[i, …, index[i, …, j, …], …]` with the index along `axis`; the result has the shape of
    /// `index`, which along other axes may be shorter.
    ///
    /// ```
    /// use tenfold::Tensor;
    /// let x = Tensor::from_slice(&[1.0f32, 2.0, 3.0, 4.0], &[2, 2])?;
    /// let index = Tensor::from_slice(&[0i64, 0, 1, 0], &[2, 2])?;
    /// assert_eq!(x.gather(1, &index)?.to_vec::<f32>()?, [1.0, 1.0, 4.0, 3.0]);
    /// # Ok::<(), tenfold::Error>(())
    /// ```
    pub fn gather(&self, axis: i64, index: &Tensor) -> Result<Tensor> {
        let shape = index.shape().clone();
        let (x, index) = (self.at_least_one_axis()?, index.at_least_one_axis()?);
        let (axis, index) = x.along("gather", axis, &index, None)?;
        Address::Along(axis).read(&x, &[index])?.reshaped(&shape)
    }

    /// As [`Tensor::gather`], with tensor and indices broadcast together along the other axes.
    pub fn take_along_axis(&self, indices: &Tensor, axis: i64) -> Result<Tensor> {
        let name = "take_along_axis";
        if indices.rank() != self.rank() {
            return Err(Error::shape(
                name,
                format!("indices need {} axes; got shape {}", self.rank(), indices.shape()),
            ));
        }
        let axis = normalize_axis(name, axis, self.rank())?;
        let one = |tensor: &Tensor| tensor.shape().replaced(axis, 1);
        let shape = broadcast_shapes(name, [&one(self), &one(indices)].into_iter())?;
        let fit = |tensor: &Tensor| {
            tensor.broadcast(&shape.replaced(axis, tensor.shape()[axis])).expect("shapes broadcast")
        };
        let x = fit(self);
        let indices = indices.as_indices(name, axis, self.shape()[axis])?;
        Address::Along(axis).read(&x, &[fit(&indices)])
    }

    /// This tensor with `values` (which broadcast to the indices) written where [`Tensor::take_along_axis`] would
    /// read; of several values for one place the last stays.
    pub fn put_along(&self, indices: &Tensor, values: &Tensor, axis: i64) -> Result<Tensor> {
        let name = "put_along";
        if indices.rank() != self.rank() {
            return Err(Error::shape(
                name,
                format!("indices need {} axes; got shape {}", self.rank(), indices.shape()),
            ));
        }
        let axis = normalize_axis(name, axis, self.rank())?;
        let shape = self.shape().replaced(axis, indices.shape()[axis]);
        let wrong = |what: &str, tensor: &Tensor| {
            Error::shape(name, format!("{what} of shape {} do not broadcast to {shape}", tensor.shape()))
        };
        let indices = indices.as_indices(name, axis, self.shape()[axis])?;
        let indices = indices.broadcast(&shape).ok_or_else(|| wrong("indices", &indices))?;
        let values = values.cast(self.dtype())?;
        let values = values.broadcast(&shape).ok_or_else(|| wrong("values", &values))?;
        Address::Along(axis).write(self, &[indices], &values, ScatterMode::Assign)
    }

    /// The leading part of the values that belongs to the index.
    fn cut_to(&self, shape: &Shape) -> Result<Tensor> {
        let mut part = self.clone();
        for (axis, &extent) in shape.iter().enumerate() {
            part = part.slice(axis as i64, 0, 1, extent)?;
        }
        Ok(part)
    }

    /// This tensor with `src` written along `axis`: the reverse of [`Tensor::gather`]. Index and `src` have as many
    /// axes as the tensor; the index is at most as long as `src`, and as the tensor but along `axis`.
    ///
    /// `Assign` lets the last of several writes in row-major order stay, the other modes join them with what is
    /// there in that order.
    ///
    /// ```
    /// use tenfold::{Tensor, ir::kernel::ScatterMode};
    /// let counts = Tensor::from_slice(&[0i64, 0, 0], &[3])?;
    /// let index = Tensor::from_slice(&[2i64, 0, 2], &[3])?;
    /// let counts = counts.scatter(0, &index, &index.ones_like()?, ScatterMode::Add)?;
    /// assert_eq!(counts.to_vec::<i64>()?, [1, 0, 2]);
    /// # Ok::<(), tenfold::Error>(())
    /// ```
    pub fn scatter(&self, axis: i64, index: &Tensor, src: &Tensor, mode: ScatterMode) -> Result<Tensor> {
        let (x, index, src) =
            (self.at_least_one_axis()?, index.at_least_one_axis()?, src.at_least_one_axis()?);
        let name = match mode {
            ScatterMode::Assign => "scatter",
            ScatterMode::Add => "scatter_add",
            ScatterMode::Multiply | ScatterMode::Max | ScatterMode::Min => "scatter_reduce",
        };
        let (axis, index) = x.along(name, axis, &index, Some(&src))?;
        if index.elements() == 0 {
            return Ok(self.clone());
        }
        let values = src.cut_to(index.shape())?;
        Address::Along(axis).write(&x, &[index], &values, mode)?.reshaped(self.shape())
    }

    /// As [`Tensor::scatter`], joined by `reduce`; without `include_self` what was there before does not count where
    /// something is written.
    pub fn scatter_reduce(
        &self,
        axis: i64,
        index: &Tensor,
        src: &Tensor,
        reduce: ScatterReduce,
        include_self: bool,
    ) -> Result<Tensor> {
        let mode = match reduce {
            ScatterReduce::Sum | ScatterReduce::Mean => ScatterMode::Add,
            ScatterReduce::Product => ScatterMode::Multiply,
            ScatterReduce::Max => ScatterMode::Max,
            ScatterReduce::Min => ScatterMode::Min,
        };
        let base = if include_self {
            self.clone()
        } else {
            // What leaves the others as they are.
            let neutral = match mode {
                ScatterMode::Multiply => Scalar::Int(1),
                ScatterMode::Max => lowest(self.dtype()),
                ScatterMode::Min => highest(self.dtype()),
                ScatterMode::Assign | ScatterMode::Add => Scalar::Int(0),
            };
            let blank = Tensor::full(index.shape(), neutral, self.dtype())?;
            self.scatter(axis, index, &blank, ScatterMode::Assign)
                .map_err(|error| error.in_operation("scatter_reduce"))?
        };
        let joined = base.scatter(axis, index, src, mode)?;
        if reduce != ScatterReduce::Mean {
            return Ok(joined);
        }
        let ones = Tensor::ones(index.shape(), self.dtype())?;
        let start = self.full_like(i64::from(include_self))?;
        let count = start.detach().scatter(axis, index, &ones, ScatterMode::Add)?;
        let count = count.equal(0)?.where_(1, &count)?;
        if self.dtype().is_differentiable() { joined.divide(&count) } else { joined.floor_divide(&count) }
    }
}

/// The smallest number of a dtype.
pub(crate) fn lowest(dtype: DType) -> Scalar {
    dtype.integer_range().map_or(Scalar::Float(f64::NEG_INFINITY), |(low, _)| Scalar::Int(low))
}

/// The largest number of a dtype.
pub(crate) fn highest(dtype: DType) -> Scalar {
    dtype.integer_range().map_or(Scalar::Float(f64::INFINITY), |(_, high)| Scalar::Int(high))
}
