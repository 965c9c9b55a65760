//! Inputs for kernels that need them dense.

use tenfold_ir::{Element, Error, Expr, Result};

use super::view::{Input, OutputView};
use crate::elementwise;
use crate::memory::HostBuffer;

/// The elements of an input in row-major order: where they are, or a copy.
pub enum Dense<'a> {
    /// The input's own memory, from its first element on.
    Own(&'a [u8]),
    /// A copy in that order.
    Copied(HostBuffer),
}

impl<'a> Dense<'a> {
    /// Copies only what does not lie densely.
    pub fn new(input: &Input<'a>) -> Result<Dense<'a>> {
        let size = input.dtype.size();
        let bytes = input.layout.elements() * size;
        if bytes == 0 {
            return Ok(Dense::Own(&[]));
        }
        if input.layout.is_contiguous() {
            let memory = input.plain::<u8>()?;
            let start = input.layout.offset() as usize * size;
            let own = memory.get(start..start + bytes);
            return own
                .map(Dense::Own)
                .ok_or_else(|| Error::state("kernel", "an input reaches outside its memory"));
        }
        let mut buffer = HostBuffer::new(bytes)?;
        let expr = Expr::load_of(0, input.dtype);
        let view =
            OutputView { dtype: input.dtype, shape: input.shape().clone(), bytes: buffer.as_mut_slice() };
        elementwise::map(&expr, expr.outputs(), 1, &[], std::slice::from_ref(input), &mut [view])?;
        Ok(Dense::Copied(buffer))
    }

    /// The elements.
    pub fn values<T: Element>(&self) -> Result<&[T]> {
        let bytes = match self {
            Dense::Own(bytes) => bytes,
            Dense::Copied(buffer) => buffer.as_slice(),
        };
        // An empty slice may lie anywhere.
        if bytes.is_empty() {
            return Ok(&[]);
        }
        bytemuck::try_cast_slice(bytes)
            .map_err(|_| Error::state("kernel", "the memory of an input is not aligned"))
    }
}
