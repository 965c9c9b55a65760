//! Between tensors and the host's memory.

use std::sync::Arc;

use tenfold_ir::{Buffer, DType, Element, Error, Layout, Result, Scalar, Shape, Spec};

use super::Tensor;
use crate::batch::BatchAxes;
use crate::graph::Handle;
use crate::switches;

impl Tensor {
    /// A tensor with a copy of these elements in row-major order.
    pub fn from_slice<T: Element>(elements: &[T], shape: &[usize]) -> Result<Tensor> {
        Tensor::from_bytes(bytemuck::cast_slice(elements), shape, T::DTYPE)
    }

    /// A tensor with a copy of these bytes: the elements in row-major order.
    pub fn from_bytes(bytes: &[u8], shape: &[usize], dtype: DType) -> Result<Tensor> {
        let shape = Shape::checked("from_bytes", shape)?;
        let spec = Spec::new(shape, dtype);
        if spec.bytes() != bytes.len() {
            return Err(Error::shape(
                "from_bytes",
                format!(
                    "{} bytes do not make a tensor of shape {} and dtype {dtype}",
                    bytes.len(),
                    spec.shape
                ),
            ));
        }
        let mut buffer = switches::backend().allocate(bytes.len())?;
        buffer.bytes_mut()?[..bytes.len()].copy_from_slice(bytes);
        Ok(Tensor::from_buffer(buffer, spec))
    }

    /// A tensor over a buffer that holds its elements densely in row-major order.
    pub fn from_buffer(buffer: Buffer, spec: Spec) -> Tensor {
        Tensor::of_handle(Handle::ready(buffer), spec)
    }

    /// A tensor over a buffer with this layout, for memory that somebody else owns.
    pub fn from_strided_buffer(buffer: Buffer, layout: Layout, dtype: DType) -> Result<Tensor> {
        layout.check_within("from_buffer", buffer.size() / dtype.size())?;
        Ok(Tensor::of_layout(Handle::ready(buffer), Arc::new(layout), dtype, BatchAxes::default()))
    }

    /// The elements in row-major order; runs what is needed.
    pub fn to_vec<T: Element>(&self) -> Result<Vec<T>> {
        if T::DTYPE != self.dtype() {
            return Err(Error::dtype(
                "to_vec",
                format!("the tensor has dtype {}; asked for {}", self.dtype(), T::DTYPE),
            ));
        }
        let (buffer, layout) = self.buffer()?;
        let elements: &[T] = bytemuck::cast_slice(whole_elements(buffer.bytes()?, self.dtype()));
        if layout.is_contiguous() && layout.elements() > 0 {
            let start = layout.offset() as usize;
            return Ok(elements[start..start + layout.elements()].to_vec());
        }
        Ok(layout.positions().map(|position| elements[position]).collect())
    }

    /// The only element of a tensor with one element.
    pub fn item(&self) -> Result<Scalar> {
        self.check_one_value("item")?;
        if self.elements() != 1 {
            return Err(Error::value(
                "item",
                format!("needs exactly one element; got shape {}", self.shape()),
            ));
        }
        let (buffer, layout) = self.buffer()?;
        let bytes = whole_elements(buffer.bytes()?, self.dtype());
        let position = layout.offset() as usize;
        Ok(
            tenfold_ir::with_element!(self.dtype(), T => bytemuck::cast_slice::<u8, T>(bytes)[position].to_scalar()),
        )
    }

    /// The buffer and the layout of the elements in it; runs what is needed. An error inside `vmap`.
    pub fn buffer(&self) -> Result<(Arc<Buffer>, &Layout)> {
        self.check_one_value("buffer")?;
        Ok((self.value().buffer()?, self.layout()))
    }
}

/// The bytes without what is left over behind the last whole element.
fn whole_elements(bytes: &[u8], dtype: DType) -> &[u8] {
    &bytes[..bytes.len() / dtype.size() * dtype.size()]
}
