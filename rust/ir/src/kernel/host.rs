//! Kernels that a user writes in Rust.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use super::{Spec, Specs};
use crate::{Layout, Result};

/// An input of a [`HostFunction`]: bytes of the whole buffer (aligned for the dtype) and where the elements lie.
pub struct HostInput<'a> {
    /// Shape and dtype.
    pub spec: Spec,
    /// Where the elements lie.
    pub layout: Layout,
    /// The buffer.
    pub bytes: &'a [u8],
}

impl<'a> HostInput<'a> {
    /// The elements in logical order, whose dtype the caller knows: where they lie if they lie in that order.
    ///
    /// # Panics
    /// If `T` has another alignment or size than the dtype.
    pub fn elements<T: bytemuck::Pod>(&self) -> Cow<'a, [T]> {
        assert_eq!(
            size_of::<T>(),
            self.spec.dtype.size(),
            "elements of another type than {}",
            self.spec.dtype
        );
        let all: &[T] =
            bytemuck::cast_slice(&self.bytes[..self.bytes.len() / size_of::<T>() * size_of::<T>()]);
        if self.layout.is_contiguous() {
            return Cow::Borrowed(&all[self.layout.offset() as usize..][..self.layout.elements()]);
        }
        self.layout.positions().map(|position| all[position]).collect()
    }
}

/// An output of a [`HostFunction`]: dense and row-major, of the shape and dtype that it promised.
pub struct HostOutput<'a> {
    /// Shape and dtype.
    pub spec: Spec,
    /// The elements, to be written.
    pub bytes: &'a mut [u8],
}

/// A custom kernel: a shape rule and a run on typed strided buffers. The derivative, where there is one, is given to
/// the engine beside it.
pub trait HostFunction: Send + Sync {
    /// The name in messages and reports.
    fn name(&self) -> &str;
    /// Shapes and dtypes of the outputs, or an error in words of the operation.
    fn outputs(&self, inputs: &[Spec]) -> Result<Vec<Spec>>;
    /// Computes the outputs. Must be a pure function of the inputs.
    fn run(&self, inputs: &[HostInput<'_>], outputs: &mut [HostOutput<'_>]) -> Result<()>;
}

/// A [`HostFunction`] as the core of a kernel.
#[derive(Clone)]
pub struct Host(Arc<dyn HostFunction>);

impl Host {
    /// The core that calls `function`.
    pub fn new(function: Arc<dyn HostFunction>) -> Host {
        Host(function)
    }

    /// The function that it calls.
    pub fn function(&self) -> &dyn HostFunction {
        &*self.0
    }

    pub(super) fn results(&self, inputs: &[Spec]) -> Result<Specs> {
        Ok(self.0.outputs(inputs)?.into_iter().collect())
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Host({})", self.0.name())
    }
}
