//! From index tensors to positions.

use std::sync::atomic::{AtomicUsize, Ordering};

use smallvec::SmallVec;
use tenfold_ir::{Error, Result};

use crate::backend::view::{Input, Walk};

/// The index counted from the front, or `None` where it is out of range.
#[inline(always)]
pub fn normalized(index: i64, extent: usize) -> Option<usize> {
    let counted = if index < 0 { index.wrapping_add(extent as i64) } else { index };
    if (counted as u64) < extent as u64 { Some(counted as usize) } else { None }
}

/// The error for an index out of range.
pub fn out_of_range(operation: &'static str, index: i64, axis: usize, extent: usize) -> Error {
    Error::index(operation, format!("index {index} is out of range for axis {axis} of size {extent}"))
}

/// Index tensors of one shape that address the leading axes of something.
pub struct Addresses<'a> {
    operation: &'static str,
    tensors: SmallVec<[(&'a [i64], &'a Input<'a>); 2]>,
    extents: SmallVec<[usize; 2]>,
    strides: SmallVec<[i64; 2]>,
}

impl<'a> Addresses<'a> {
    /// Index tensors into axes of these extents, which are these strides apart.
    pub fn new(
        operation: &'static str,
        tensors: &'a [Input<'a>],
        extents: &[usize],
        strides: &[i64],
    ) -> Result<Addresses<'a>> {
        let tensors =
            tensors.iter().map(|input| Ok((input.values::<i64>()?, input))).collect::<Result<_>>()?;
        Ok(Addresses {
            operation,
            tensors,
            extents: SmallVec::from_slice(extents),
            strides: SmallVec::from_slice(strides),
        })
    }

    /// The number of addresses.
    pub fn count(&self) -> usize {
        self.tensors.first().map_or(1, |(_, input)| input.layout.elements())
    }

    /// The indices, the extent and the stride of the axis, where there is one index tensor and it lies densely.
    pub fn single_dense(&self) -> Option<(&'a [i64], usize, i64)> {
        match &self.tensors[..] {
            [(memory, input)] if input.layout.is_contiguous() && !input.shape().is_empty_tensor() => {
                let start = input.layout.offset() as usize;
                let indices = &memory[start..start + input.layout.elements()];
                Some((indices, self.extents[0], self.strides[0]))
            }
            _ => None,
        }
    }

    /// Addresses from number `start` on.
    pub fn walk(&self, start: usize) -> AddressWalk<'_, 'a> {
        let walks = self.tensors.iter().map(|(_, input)| Walk::new(&input.layout, start)).collect();
        AddressWalk { addresses: self, walks }
    }

    /// The error for address `number`.
    pub fn error_at(&self, number: usize) -> Error {
        for (axis, ((memory, input), &extent)) in self.tensors.iter().zip(&self.extents).enumerate() {
            let index = Walk::new(&input.layout, number).take(memory);
            if normalized(index, extent).is_none() {
                return out_of_range(self.operation, index, axis, extent);
            }
        }
        Error::index(self.operation, "an index is out of range")
    }
}

/// Walks over addresses.
pub struct AddressWalk<'w, 'a> {
    addresses: &'w Addresses<'a>,
    walks: SmallVec<[Walk; 2]>,
}

impl AddressWalk<'_, '_> {
    /// The next position, relative to the first element; `None` where an index is out of range.
    #[inline]
    pub fn next_position(&mut self) -> Option<i64> {
        let mut position = Some(0);
        for (axis, walk) in self.walks.iter_mut().enumerate() {
            let index = walk.take(self.addresses.tensors[axis].0);
            position = match (position, normalized(index, self.addresses.extents[axis])) {
                (Some(sum), Some(index)) => Some(sum + index as i64 * self.addresses.strides[axis]),
                _ => None,
            };
        }
        position
    }
}

/// The first failure that any thread met.
pub struct FirstFailure(AtomicUsize);

impl FirstFailure {
    /// None yet.
    pub fn none() -> FirstFailure {
        FirstFailure(AtomicUsize::new(usize::MAX))
    }

    /// Item `number` failed.
    pub fn report(&self, number: usize) {
        self.0.fetch_min(number, Ordering::Relaxed);
    }

    /// The first item that failed.
    pub fn get(&self) -> Option<usize> {
        Some(self.0.load(Ordering::Relaxed)).filter(|&number| number != usize::MAX)
    }
}
