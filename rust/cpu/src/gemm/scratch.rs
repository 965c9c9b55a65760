//! Scratch memory of a thread: kept between calls, so that hot paths do not allocate.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::cell::Cell;

/// A cache line, and the widest vector.
const ALIGNMENT: usize = 64;

/// More than this is given back after use instead of being kept by the thread.
const KEPT_BYTES: usize = 16 << 20;

/// Uninitialised memory aligned to [`ALIGNMENT`].
pub(crate) struct Scratch {
    pointer: *mut u8,
    bytes: usize,
}

thread_local! {
    static KEPT: Cell<Option<Scratch>> = const { Cell::new(None) };
}

impl Scratch {
    /// At least `bytes` bytes, with anything in them.
    pub fn take(bytes: usize) -> Scratch {
        match KEPT.take() {
            Some(kept) if kept.bytes >= bytes => kept,
            _ => Scratch::allocate(bytes.next_multiple_of(1 << 12)),
        }
    }

    fn allocate(bytes: usize) -> Scratch {
        let bytes = bytes.max(ALIGNMENT);
        let Ok(layout) = Layout::from_size_align(bytes, ALIGNMENT) else {
            panic!("scratch of {bytes} bytes exceeds the address space")
        };
        // SAFETY: the layout is not empty.
        let pointer = unsafe { alloc(layout) };
        if pointer.is_null() {
            handle_alloc_error(layout)
        }
        Scratch { pointer, bytes }
    }

    /// The first element, at a cache line's beginning.
    pub fn as_mut_ptr<T>(&mut self) -> *mut T {
        self.pointer.cast()
    }

    /// Keeps the memory for the thread's next call, unless it is too much.
    pub fn give_back(self) {
        if self.bytes <= KEPT_BYTES {
            KEPT.set(Some(self));
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout, which was valid then.
        unsafe { dealloc(self.pointer, Layout::from_size_align_unchecked(self.bytes, ALIGNMENT)) }
    }
}

/// `count` elements of `T` rounded up to whole cache lines, in bytes.
pub(crate) fn aligned_bytes<T>(count: usize) -> usize {
    (count * size_of::<T>()).next_multiple_of(ALIGNMENT)
}
