//! Pooling and its gradients, a plane of one batch entry and channel at a time.
//!
//! One to three spatial axes are treated as three (missing ones have extent 1). A plane whose elements do not lie
//! densely, or are half precisions, goes through scratch memory.

mod average;
mod element;
mod max;
#[cfg(test)]
mod tests;
mod window;

use smallvec::SmallVec;
use tenfold_ir::kernel::{Pool, PoolKind};
use tenfold_ir::{DType, Error, Layout, Result, bf16, f16};

use crate::backend::view::{Input, OutputView, Walk};
use element::PoolElement;
use window::Windows;

/// Work that is handed to a thread at a time.
const CHUNK_NANOSECONDS: u64 = 25_000;

/// Computes a pooling.
pub fn run(core: &Pool, inputs: &[Input<'_>], outputs: &mut [OutputView<'_>]) -> Result<()> {
    macro_rules! floating {
        ($($function:ident)::*) => {
            match inputs[0].dtype {
                DType::Float16 => $($function)::*::<f16>(core, inputs, outputs),
                DType::Bfloat16 => $($function)::*::<bf16>(core, inputs, outputs),
                DType::Float32 => $($function)::*::<f32>(core, inputs, outputs),
                DType::Float64 => $($function)::*::<f64>(core, inputs, outputs),
                other => Err(Error::dtype(core.kind.name(), format!("not defined for {other}"))),
            }
        };
    }
    match core.kind {
        PoolKind::Max | PoolKind::AdaptiveMax => match inputs[0].dtype {
            DType::Int8 => max::forward::<i8>(core, inputs, outputs),
            DType::Int16 => max::forward::<i16>(core, inputs, outputs),
            DType::Int32 => max::forward::<i32>(core, inputs, outputs),
            DType::Int64 => max::forward::<i64>(core, inputs, outputs),
            DType::Uint8 => max::forward::<u8>(core, inputs, outputs),
            DType::Uint16 => max::forward::<u16>(core, inputs, outputs),
            DType::Uint32 => max::forward::<u32>(core, inputs, outputs),
            DType::Uint64 => max::forward::<u64>(core, inputs, outputs),
            _ => floating!(max::forward),
        },
        PoolKind::MaxGradient { .. } => floating!(max::gradient),
        PoolKind::Average { .. } => floating!(average::forward),
        PoolKind::AverageGradient { .. } => floating!(average::gradient),
    }
}

/// The planes `(N, C)` of an input whose other axes are spatial.
struct Planes<'a, E> {
    memory: &'a [E],
    outer: Layout,
    inner: Layout,
}

impl<'a, E: tenfold_ir::Element> Planes<'a, E> {
    fn new(input: &Input<'a>) -> Result<Planes<'a, E>> {
        let (shape, strides) = (input.shape(), input.layout.strides());
        let part = |axes: std::ops::Range<usize>, offset: i64| {
            let strides: SmallVec<[i64; 4]> = strides[axes.clone()].into();
            Layout::strided(shape[axes].into(), strides, offset)
        };
        Ok(Planes {
            memory: input.values()?,
            outer: part(0..2, input.layout.offset()),
            inner: part(2..shape.rank(), 0),
        })
    }

    fn count(&self) -> usize {
        self.outer.elements()
    }

    fn walk(&self, start: usize) -> Walk {
        Walk::new(&self.outer, start)
    }

    /// The plane at the walk's position, dense: itself or copied to `scratch`. Steps on.
    fn next<'s>(&self, walk: &mut Walk, scratch: &'s mut Vec<E>) -> &'s [E]
    where
        'a: 's,
    {
        let (position, elements) = (walk.position(), self.inner.elements());
        walk.advance();
        if elements == 0 {
            return &[];
        }
        if self.inner.is_contiguous() {
            return &self.memory[position..position + elements];
        }
        scratch.resize(elements, self.memory[position]);
        let strides = self.inner.strides().into();
        let layout = Layout::strided(self.inner.shape().clone(), strides, position as i64);
        Walk::new(&layout, 0).copy_to(self.memory, scratch);
        scratch
    }
}

/// The plane in the wide dtype: itself or converted in `scratch`.
fn widened<'s, E: PoolElement>(plane: &'s [E], scratch: &'s mut Vec<E::Wide>) -> &'s [E::Wide] {
    match E::as_wide(plane) {
        Some(plane) => plane,
        None => {
            scratch.resize(plane.len(), E::Wide::default());
            E::widen_slice(plane, scratch);
            scratch
        }
    }
}

/// Computes a plane in the wide dtype: where it goes, or in `scratch` and rounded.
fn computed_wide<E: PoolElement>(
    out: &mut [E],
    scratch: &mut Vec<E::Wide>,
    compute: impl FnOnce(&mut [E::Wide]),
) {
    let length = out.len();
    match E::as_wide_mut(out) {
        Some(out) => compute(out),
        None => {
            scratch.resize(length, E::Wide::default());
            compute(scratch);
            E::narrow_slice(scratch, out);
        }
    }
}

/// The spatial extents of a shape `(N, C, spatial…)`, three of them.
fn spatial_extents(spatial: &[usize]) -> [usize; 3] {
    let mut extents = [1; 3];
    extents[3 - spatial.len()..].copy_from_slice(spatial);
    extents
}

/// The windows along each of three axes.
fn windows_of(core: &Pool, input: &[usize], output: &[usize]) -> [Windows; 3] {
    let missing = 3 - core.window.len();
    std::array::from_fn(|axis| match axis.checked_sub(missing) {
        None => Windows::single(),
        Some(axis) => Windows::new(core, axis, input[axis], output[axis]),
    })
}
