//! Whole slices by index.

use smallvec::SmallVec;
use tenfold_ir::kernel::ScatterMode;
use tenfold_ir::{Error, Result, Scalar, Shape, normalize_axis};

use super::Address;
use crate::Tensor;
use crate::autograd::{Context, Derivative, Gradients, Saved, record_gradient};

/// The gradient of an embedding: added up by row, without the padding row.
#[derive(Debug)]
struct EmbeddingDerivative {
    shape: Shape,
    padding: Option<usize>,
}

impl Derivative for EmbeddingDerivative {
    fn name(&self) -> &str {
        "embedding"
    }

    fn gradients(&self, context: &Context<'_>) -> Result<Gradients> {
        let (indices, gradient) = (context.saved(0), context.gradient(0));
        let gradient = match self.padding {
            None => gradient.clone(),
            Some(padding) => {
                // Indices may count from the end.
                let rows = self.shape[0];
                let padded = indices.remainder(rows)?.equal(padding)?;
                padded.unsqueeze(-1)?.where_(0, gradient)?
            }
        };
        let sum = Address::Leading(1).sum(&self.shape, std::slice::from_ref(indices), &gradient)?;
        Ok(Gradients::from_iter([Some(sum)]))
    }
}

impl Tensor {
    /// With `axis` in front.
    fn with_axis_first(&self, axis: usize) -> Result<Tensor> {
        self.move_axis(axis as i64, 0)
    }

    /// The slices at `indices` along `axis`: `(…, n, …)` and indices of shape B give `(…, B…, …)`. Without an axis,
    /// elements of the flattened tensor.
    pub fn take(&self, indices: &Tensor, axis: Option<i64>) -> Result<Tensor> {
        let Some(axis) = axis else {
            return self.reshaped(&Shape::from([self.elements()]))?.take(indices, Some(0));
        };
        let axis = normalize_axis("take", axis, self.rank())?;
        let indices = indices.as_indices("take", axis, self.shape()[axis])?;
        let index_rank = indices.rank();
        let read = Address::Leading(1).read(&self.with_axis_first(axis)?, &[indices])?;
        let rank = read.rank();
        let before = index_rank..index_rank + axis;
        let order: SmallVec<[usize; 4]> =
            before.chain(0..index_rank).chain(index_rank + axis..rank).collect();
        read.permuted(&order)
    }

    /// An index tensor with one axis (a 0-dimensional one counts as such), checked.
    fn as_index_list(&self, operation: &'static str, axis: usize, of: &Tensor) -> Result<Tensor> {
        let list = if self.rank() == 0 { self.reshaped(&Shape::from([1]))? } else { self.clone() };
        if list.rank() != 1 {
            return Err(Error::shape(
                operation,
                format!("the index must have one axis; got shape {}", self.shape()),
            ));
        }
        list.as_indices(operation, axis, of.shape()[axis])
    }

    /// The slices at `index` (one axis) along `axis`.
    pub fn index_select(&self, axis: i64, index: &Tensor) -> Result<Tensor> {
        if self.rank() == 0 {
            return self.reshaped(&Shape::from([1]))?.index_select(axis, index)?.reshaped(self.shape());
        }
        let axis = normalize_axis("index_select", axis, self.rank())?;
        let index = index.as_index_list("index_select", axis, self)?;
        let read = Address::Leading(1).read(&self.with_axis_first(axis)?, &[index])?;
        read.move_axis(0, axis as i64)
    }

    /// Writes the slices of `source` to `index` along `axis`.
    fn index_write(
        &self,
        operation: &'static str,
        axis: i64,
        index: &Tensor,
        source: impl FnOnce(&Shape) -> Result<Tensor>,
        mode: ScatterMode,
    ) -> Result<Tensor> {
        let base = if self.rank() == 0 { self.reshaped(&Shape::from([1]))? } else { self.clone() };
        let axis = normalize_axis(operation, axis, base.rank())?;
        let index = index.as_index_list(operation, axis, &base)?;
        let source = source(&base.shape().replaced(axis, index.elements()))?;
        if index.elements() == 0 {
            return Ok(self.clone());
        }
        let (base, source) = (base.with_axis_first(axis)?, source.with_axis_first(axis)?);
        Address::Leading(1)
            .write(&base, &[index], &source, mode)?
            .move_axis(0, axis as i64)?
            .reshaped(self.shape())
    }

    /// A source of slices, which must have this shape and dtype.
    fn as_slices(&self, operation: &'static str, shape: &Shape, of: &Tensor) -> Result<Tensor> {
        let source = if self.rank() == 0 && shape.rank() == 1 {
            self.reshaped(&Shape::from([1]))?
        } else {
            self.clone()
        };
        if source.shape() != shape {
            return Err(Error::shape(
                operation,
                format!("source must have shape {shape}; got {}", self.shape()),
            ));
        }
        if source.dtype() != of.dtype() {
            return Err(Error::dtype(
                operation,
                format!("source must have dtype {}; got {}", of.dtype(), self.dtype()),
            ));
        }
        Ok(source)
    }

    /// This tensor with `alpha` times the slices of `source` added at `index` along `axis`, in order of the index.
    pub fn index_add(
        &self,
        axis: i64,
        index: &Tensor,
        source: &Tensor,
        alpha: impl Into<Scalar>,
    ) -> Result<Tensor> {
        let (name, alpha) = ("index_add", alpha.into());
        let slices = |shape: &Shape| {
            let source = source.as_slices(name, shape, self)?;
            if alpha.to_complex() == 1.0.into() {
                Ok(source)
            } else {
                source.multiply(alpha)?.cast(self.dtype())
            }
        };
        self.index_write(name, axis, index, slices, ScatterMode::Add)
    }

    /// This tensor with the slices of `source` written at `index` along `axis`; the last write stays.
    pub fn index_copy(&self, axis: i64, index: &Tensor, source: &Tensor) -> Result<Tensor> {
        let name = "index_copy";
        let slices = |shape: &Shape| source.as_slices(name, shape, self);
        self.index_write(name, axis, index, slices, ScatterMode::Assign)
    }

    /// This tensor with `value` written to the slices at `index` along `axis`.
    pub fn index_fill(&self, axis: i64, index: &Tensor, value: impl Into<Scalar>) -> Result<Tensor> {
        let value = value.into();
        let number = |shape: &Shape| {
            let number = Tensor::full(&[], value, self.dtype())?;
            Ok(number.broadcast(shape).expect("a number broadcasts"))
        };
        self.index_write("index_fill", axis, index, number, ScatterMode::Assign)
    }

    /// The rows of `self` (`(V, D)`) at `indices` (shape B): `(B…, D)`. No gradient flows to row `padding_idx`, which
    /// may be negative.
    ///
    /// ```
    /// use tenfold::Tensor;
    /// let weight = Tensor::from_slice(&[0.0f32, 0.5, 1.0, 1.5], &[2, 2])?;
    /// let tokens = Tensor::from_slice(&[1i64, 1, 0], &[3])?;
    /// assert_eq!(weight.embedding(&tokens, None)?.shape().to_vec(), [3, 2]);
    /// # Ok::<(), tenfold::Error>(())
    /// ```
    pub fn embedding(&self, indices: &Tensor, padding_idx: Option<i64>) -> Result<Tensor> {
        let name = "embedding";
        if self.rank() != 2 {
            return Err(Error::shape(
                name,
                format!("the weight must be a matrix; got shape {}", self.shape()),
            ));
        }
        let rows = self.shape()[0];
        let padding = match padding_idx {
            None => None,
            Some(index) if (-(rows as i64)..rows as i64).contains(&index) => {
                Some(index.rem_euclid(rows as i64) as usize)
            }
            Some(index) => {
                return Err(Error::index(
                    name,
                    format!("padding_idx {index} is out of range for {rows} rows"),
                ));
            }
        };
        let indices = indices.as_indices(name, 0, rows)?;
        let mut result = [Address::Leading(1).read(&self.detach(), std::slice::from_ref(&indices))?];
        let derivative = EmbeddingDerivative { shape: self.shape().clone(), padding };
        record_gradient(&mut result, &[self, &indices], derivative, &[Saved::Input(1)]);
        let [result] = result;
        Ok(result)
    }
}
