//! A slice that several threads write, each its own elements.

use std::marker::PhantomData;

use crate::threads::{SPINNING_HELPER_NANOSECONDS, for_each_chunk, thread_count};

/// A mutable slice handed to several threads, which write different elements of it.
pub struct Disjoint<'a, T> {
    pointer: *mut T,
    length: usize,
    borrow: PhantomData<&'a mut [T]>,
}

// SAFETY: it gives out elements only through unsafe functions whose callers promise that no two threads use the
// same element, so it is as sendable as the elements.
unsafe impl<T: Send> Sync for Disjoint<'_, T> {}

impl<'a, T: Copy> Disjoint<'a, T> {
    /// Borrows the slice.
    pub fn new(slice: &'a mut [T]) -> Disjoint<'a, T> {
        Disjoint { pointer: slice.as_mut_ptr(), length: slice.len(), borrow: PhantomData }
    }

    /// The number of elements.
    pub fn elements(&self) -> usize {
        self.length
    }

    /// Elements `start .. start + length`.
    ///
    /// # Panics
    /// Where they reach beyond the slice.
    ///
    /// # Safety
    /// Nobody else uses any of them while the result lives.
    #[allow(clippy::mut_from_ref, reason = "the caller answers for the ranges being disjoint")]
    pub unsafe fn range(&self, start: usize, length: usize) -> &mut [T] {
        assert!(start <= self.length && length <= self.length - start, "a range outside the slice");
        // SAFETY: the range lies within the slice, and the caller promises that nobody else uses it.
        unsafe { std::slice::from_raw_parts_mut(self.pointer.add(start), length) }
    }

    /// A pointer to element `start`, behind which `length` elements lie.
    ///
    /// # Panics
    /// Where they reach beyond the slice.
    pub fn pointer(&self, start: usize, length: usize) -> *mut T {
        assert!(start <= self.length && length <= self.length - start, "a range outside the slice");
        self.pointer.wrapping_add(start)
    }

    /// Writes element `index`.
    ///
    /// # Panics
    /// Where it lies beyond the slice.
    ///
    /// # Safety
    /// Nobody else uses the element meanwhile.
    #[inline(always)]
    pub unsafe fn write(&self, index: usize, value: T) {
        assert!(index < self.length, "an index outside the slice");
        // SAFETY: within the slice, and the caller promises that nobody else uses it.
        unsafe { self.pointer.add(index).write(value) }
    }

    /// Reads element `index`.
    ///
    /// # Panics
    /// Where it lies beyond the slice.
    ///
    /// # Safety
    /// Nobody else writes the element meanwhile.
    #[inline(always)]
    pub unsafe fn read(&self, index: usize) -> T {
        assert!(index < self.length, "an index outside the slice");
        // SAFETY: within the slice, and the caller promises that nobody writes it.
        unsafe { self.pointer.add(index).read() }
    }
}

/// Splits `items` into chunks and runs `body(start, count)` on each, in parallel. Chunks take about `nanoseconds_wanted`, or
/// less where threads would have none or the last ones would wait for one that has one more.
pub fn for_each_range(
    items: usize,
    nanoseconds_per_item: u64,
    nanoseconds_wanted: u64,
    body: &(dyn Fn(usize, usize) + Sync),
) {
    if items == 0 {
        return;
    }
    let total = nanoseconds_per_item.max(1).saturating_mul(items as u64);
    let threads = (total / SPINNING_HELPER_NANOSECONDS).clamp(1, thread_count() as u64) as usize;
    let wanted = total.div_ceil(nanoseconds_wanted).min(items as u64) as usize;
    let per_chunk = items.div_ceil(wanted.next_multiple_of(threads));
    for_each_chunk(items.div_ceil(per_chunk), nanoseconds_per_item * per_chunk as u64, &|chunk| {
        let start = chunk * per_chunk;
        body(start, per_chunk.min(items - start));
    });
}

/// Splits a slice into parts of `part` elements (the last may be shorter) and runs `body(first element, part)` on
/// each, in parallel.
pub fn for_each_part<T: Copy + Send>(
    slice: &mut [T],
    part: usize,
    nanoseconds_per_part: u64,
    body: &(dyn Fn(usize, &mut [T]) + Sync),
) {
    let (length, part) = (slice.len(), part.max(1));
    let shared = Disjoint::new(slice);
    for_each_chunk(length.div_ceil(part), nanoseconds_per_part, &|chunk| {
        let start = chunk * part;
        // SAFETY: each chunk is run once, and chunks do not overlap.
        body(start, unsafe { shared.range(start, part.min(length - start)) });
    });
}
