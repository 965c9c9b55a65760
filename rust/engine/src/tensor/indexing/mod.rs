//! Indexing as in NumPy and PyTorch: reading `x[items]` and writing `x[items] = values`.

mod address;
mod along;
mod basic;
mod mask;
mod select;

use smallvec::SmallVec;
use tenfold_ir::kernel::ScatterMode;
use tenfold_ir::{DType, Error, Layout, Result, Shape, broadcast_shapes};

pub(crate) use address::Address;
pub use along::ScatterReduce;
pub use basic::IndexItem;
use basic::Split;

use super::Tensor;

impl Split {
    /// The axes of the part with the indexed ones in front.
    fn order(&self, rank: usize) -> SmallVec<[usize; 4]> {
        let indexed = self.advanced.iter().map(|advanced| advanced.axis);
        let others = (0..rank).filter(|axis| !self.advanced.iter().any(|advanced| advanced.axis == *axis));
        indexed.chain(others).collect()
    }

    /// The index tensors, broadcast to their common shape.
    fn indices(&self, operation: &'static str) -> Result<SmallVec<[Tensor; 3]>> {
        let shapes = || self.advanced.iter().map(|advanced| advanced.indices.shape());
        let shape = broadcast_shapes(operation, shapes()).map_err(|_| {
            let list: Vec<String> = shapes().map(Shape::to_string).collect();
            Error::index(operation, format!("index tensors do not broadcast; got {}", list.join(" and ")))
        })?;
        let broadcast = |indices: &Tensor| indices.broadcast(&shape).expect("shapes broadcast");
        Ok(self.advanced.iter().map(|advanced| broadcast(&advanced.indices)).collect())
    }

    /// The axes of what is read, `(index…, rest…)`, in the order of the result; `index` is the rank of the indices.
    fn result_order(&self, index: usize, rank: usize) -> SmallVec<[usize; 4]> {
        let before = index..index + self.place;
        before.chain(0..index).chain(index + self.place..rank).collect()
    }
}

fn inverse(order: &[usize]) -> SmallVec<[usize; 4]> {
    let mut inverse = SmallVec::from_elem(0, order.len());
    for (to, &from) in order.iter().enumerate() {
        inverse[from] = to;
    }
    inverse
}

impl Tensor {
    /// The elements that an index expression names, as `x[items]` in NumPy.
    ///
    /// Integers, slices, new axes and an ellipsis move the layout (a view). Index tensors broadcast together to
    /// shape B and read element by element; a mask reads its true places. The axes B stand where the only block of
    /// index tensors (and integers beside them) stood, or in front where there are several blocks. An index out of
    /// range, or a mask of another shape, is an `Index` error.
    ///
    /// ```
    /// use tenfold::{IndexItem, Tensor};
    /// let x = Tensor::from_slice(&[1i64, 2, 3, 4, 5, 6], &[2, 3])?;
    /// let backwards = IndexItem::Slice { start: None, stop: None, step: Some(-1) };
    /// assert_eq!(x.index(&[IndexItem::Integer(-1), backwards])?.to_vec::<i64>()?, [6, 5, 4]);
    /// let columns = Tensor::from_slice(&[2i64, 0], &[2])?;
    /// let picked = x.index(&[IndexItem::Ellipsis, IndexItem::Tensor(columns)])?;
    /// assert_eq!(picked.to_vec::<i64>()?, [3, 1, 6, 4]);
    /// # Ok::<(), tenfold::Error>(())
    /// ```
    pub fn index(&self, items: &[IndexItem]) -> Result<Tensor> {
        let split = Split::new("index", self.shape(), items)?;
        let part = if split.is_whole() { self.clone() } else { self.strided(|layout| split.apply(layout)) };
        if split.advanced.is_empty() {
            return Ok(part);
        }
        let indices = split.indices("index")?;
        let order = split.order(part.rank());
        let read = Address::Leading(indices.len()).read(&part.permuted(&order)?, &indices)?;
        read.permuted(&split.result_order(indices[0].rank(), read.rank()))
    }

    /// The part of a layout that an index expression names; `None` where it has index tensors.
    pub fn index_layout(layout: &Layout, items: &[IndexItem]) -> Result<Option<Layout>> {
        if items.iter().any(|item| matches!(item, IndexItem::Tensor(_))) {
            return Ok(None);
        }
        Ok(Some(Split::new("index", layout.shape(), items)?.apply(layout)))
    }

    /// This tensor with `values` written to the elements that an index expression names, as `x[items] = values` in
    /// NumPy, or added to them with `accumulate` (once for each time that an element is named).
    ///
    /// Values broadcast to the shape of `x[items]` and are converted to this tensor's dtype. Without `accumulate`, of
    /// several values for one element the last in row-major order stays.
    ///
    /// ```
    /// use tenfold::{IndexItem, Tensor};
    /// let x = Tensor::from_slice(&[1.0f32, 2.0, 3.0], &[3])?;
    /// let places = IndexItem::Tensor(Tensor::from_slice(&[0i64, 0, -1], &[3])?);
    /// let one = Tensor::from_slice(&[10.0f32], &[])?;
    /// assert_eq!(x.index_put(&[places], &one, true)?.to_vec::<f32>()?, [21.0, 2.0, 13.0]);
    /// # Ok::<(), tenfold::Error>(())
    /// ```
    pub fn index_put(&self, items: &[IndexItem], values: &Tensor, accumulate: bool) -> Result<Tensor> {
        let values = values.cast(self.dtype())?;
        if let ([IndexItem::Tensor(mask)], false, 1) = (items, accumulate, values.elements())
            && mask.dtype() == DType::Bool
            && self.shape().starts_with(mask.shape())
            && values.rank() <= 1
        {
            // One number under a mask needs no look at the mask.
            let ones = std::iter::repeat_n(1, self.rank() - mask.rank());
            let shape: Shape = mask.shape().iter().copied().chain(ones).collect();
            return mask.reshaped(&shape)?.where_(&values.reshaped(&Shape::default())?, self);
        }
        if let Some(place) = items.iter().position(|item| item.is_batched_mask()) {
            return self.index_put_each(items, place, &values, accumulate);
        }
        let split = Split::new("index_put", self.shape(), items)?;
        let region = split.apply(&Layout::dense(self.shape().clone()));
        if split.advanced.is_empty() {
            let values = values.broadcast_values(region.shape())?;
            if region.shape().is_empty_tensor() {
                return Ok(self.clone());
            }
            let values = if accumulate { self.region(&region)?.add(&values)? } else { values };
            return self.overlay(&region, &values);
        }
        let part = if split.is_whole() { self.clone() } else { self.strided(|layout| split.apply(layout)) };
        let indices = split.indices("index_put")?;
        let order = split.order(part.rank());
        let part = part.permuted(&order)?;
        let written: Shape =
            indices[0].shape().iter().chain(&part.shape()[indices.len()..]).copied().collect();
        let result_order = split.result_order(indices[0].rank(), written.rank());
        let result_shape: Shape = result_order.iter().map(|&axis| written[axis]).collect();
        let values = values.broadcast_values(&result_shape)?.permuted(&inverse(&result_order))?;
        if written.is_empty_tensor() {
            return Ok(self.clone());
        }
        let mode = if accumulate { ScatterMode::Add } else { ScatterMode::Assign };
        let part = Address::Leading(indices.len()).write(&part, &indices, &values, mode)?;
        let part = part.permuted(&inverse(&order))?;
        if split.is_whole() { Ok(part) } else { self.overlay(&region, &part) }
    }

    /// Sample by sample, for a mask at `place` of which each has its own: how many elements it names differs.
    fn index_put_each(
        &self,
        items: &[IndexItem],
        place: usize,
        values: &Tensor,
        accumulate: bool,
    ) -> Result<Tensor> {
        let IndexItem::Tensor(mask) = &items[place] else { unreachable!("the item is a mask") };
        let mut of_one = |sample: &[&Tensor]| {
            let mut items = items.to_vec();
            items[place] = IndexItem::Tensor(sample[1].clone());
            Ok(vec![sample[0].index_put(&items, sample[2], accumulate)?])
        };
        Ok(crate::batch::each("index_put", &[self, mask, values], &mut of_one)?.remove(0))
    }

    /// Values of an assignment in the shape that is written; axes of extent 1 in front may be too many.
    fn broadcast_values(&self, shape: &Shape) -> Result<Tensor> {
        let surplus = self.rank().saturating_sub(shape.rank());
        let fitting = if surplus > 0 && self.shape()[..surplus].iter().all(|&extent| extent == 1) {
            self.reshaped(&Shape::new(&self.shape()[surplus..]))?
        } else {
            self.clone()
        };
        fitting.broadcast(shape).ok_or_else(|| {
            Error::shape(
                "index_put",
                format!("values of shape {} do not broadcast to the indexed shape {shape}", self.shape()),
            )
        })
    }
}
