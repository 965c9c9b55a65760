//! Masks: bool tensors that choose elements.

use tenfold_ir::kernel::{Index, ScatterMode};
use tenfold_ir::{Core, DType, Error, Result, Shape, broadcast_shapes};

use super::{Address, IndexItem};
use crate::batch;
use crate::tensor::{Argument, Tensor};

impl Tensor {
    /// The indices of the elements other than zero, `(count, rank)` int64, in row-major order. Looks at the values.
    pub fn nonzero(&self) -> Result<Tensor> {
        if self.is_batched() {
            return Err(Error::not_implemented(
                "nonzero",
                "how many elements there are would differ between the samples of a vmap",
            )
            .hint("choose between values with where()"));
        }
        let mask = self.detach().cast(DType::Bool)?;
        let count = mask.sum(None, false, None)?.item()?.to_i128() as usize;
        Ok(Tensor::record_core(Core::Index(Index::NonZero { count }), &[&mask])?.remove(0))
    }

    fn check_mask(&self, operation: &'static str) -> Result<()> {
        if self.dtype() == DType::Bool {
            return Ok(());
        }
        Err(Error::dtype(operation, format!("the mask must be bool; got {}", self.dtype())))
    }

    /// `value` (a number or a tensor with one element) where `mask` (bool, broadcasts) is true, else this tensor.
    ///
    /// The dtype stays; a number of a higher sort (a float for integers) is a `DType` error.
    pub fn masked_fill<'a>(&self, mask: &Tensor, value: impl Into<Argument<'a>>) -> Result<Tensor> {
        mask.check_mask("masked_fill")?;
        match value.into() {
            Argument::Scalar(value) => {
                if value.category() > self.dtype().category() {
                    return Err(Error::dtype(
                        "masked_fill",
                        format!("{value:?} does not fit a tensor of dtype {}", self.dtype()),
                    ));
                }
                mask.where_(value, self)
            }
            Argument::Tensor(value) => {
                if value.elements() != 1 {
                    return Err(Error::shape(
                        "masked_fill",
                        format!("the value must have one element; got shape {}", value.shape()),
                    ));
                }
                mask.where_(&value.reshaped(&Shape::default())?.cast(self.dtype())?, self)
            }
        }
    }

    /// The elements where `mask` is true, in row-major order, `(count)`; both broadcast. Looks at the mask.
    pub fn masked_select(&self, mask: &Tensor) -> Result<Tensor> {
        mask.check_mask("masked_select")?;
        let shape = broadcast_shapes("masked_select", [self.shape(), mask.shape()].into_iter())?;
        let both = |tensor: &Tensor| tensor.broadcast(&shape).expect("shapes broadcast");
        both(self).index(&[IndexItem::Tensor(both(mask))])
    }

    /// This tensor with the first elements of `source` written, in row-major order, where `mask` (bool, broadcasts to
    /// this shape) is true. Looks at the mask.
    pub fn masked_scatter(&self, mask: &Tensor, source: &Tensor) -> Result<Tensor> {
        mask.check_mask("masked_scatter")?;
        if source.dtype() != self.dtype() {
            return Err(Error::dtype(
                "masked_scatter",
                format!("source must have dtype {}; got {}", self.dtype(), source.dtype()),
            ));
        }
        let mask = mask.broadcast(self.shape()).ok_or_else(|| {
            Error::shape(
                "masked_scatter",
                format!("a mask of shape {} does not broadcast to {}", mask.shape(), self.shape()),
            )
        })?;
        if mask.is_batched() {
            let mut of_one = |sample: &[&Tensor]| Ok(vec![sample[0].masked_scatter(sample[1], sample[2])?]);
            return Ok(batch::each("masked_scatter", &[self, &mask, source], &mut of_one)?.remove(0));
        }
        let flat = Shape::from([self.elements()]);
        let places = mask.reshaped(&flat)?.nonzero()?.select(1, 0)?;
        let count = places.elements();
        if source.elements() < count {
            return Err(Error::shape(
                "masked_scatter",
                format!("source has {} elements for {count} true places", source.elements()),
            ));
        }
        if count == 0 {
            return Ok(self.clone());
        }
        let values = source.reshaped(&Shape::from([source.elements()]))?.slice(0, 0, 1, count)?;
        Address::Leading(1)
            .write(&self.reshaped(&flat)?, &[places], &values, ScatterMode::Assign)?
            .reshaped(self.shape())
    }
}
