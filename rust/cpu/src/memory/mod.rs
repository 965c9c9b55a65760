//! Memory for tensors: a cache of buffers over allocations of our own.
//!
//! Fresh large buffers cost several times what a kernel does with them (the system clears each page at its first
//! touch), so a dropped [`HostBuffer`] goes to a free list of its size class and comes back from there. Buffers
//! are aligned to [`ALIGNMENT`] and at least [`PADDING`] bytes behind their end may be read and written.
//! Their bytes are always initialized: zeros at first, later what the last owner left.

mod cache;
mod system;

use std::ptr::NonNull;
use std::slice;

use tenfold_ir::{Error, Result, Storage};

use cache::Block;

/// The alignment of every buffer: a cache line, and the widest vector.
pub const ALIGNMENT: usize = 64;

/// Bytes behind a buffer's end that belong to it, so that kernels may run whole vectors past the end.
pub const PADDING: usize = 64;

/// Memory that returns to the cache when it is dropped.
#[derive(Debug)]
pub struct HostBuffer {
    block: Block,
    size: usize,
}

// SAFETY: the buffer owns its memory alone, and plain bytes may be used from any thread.
unsafe impl Send for HostBuffer {}
// SAFETY: shared access only reads.
unsafe impl Sync for HostBuffer {}

impl HostBuffer {
    /// Memory for `bytes` bytes, not set to anything in particular.
    ///
    /// # Errors
    /// `Memory` where the system gives none, after the cache was emptied.
    pub fn new(bytes: usize) -> Result<HostBuffer> {
        let refused = || {
            Error::memory("allocate", format!("no memory left; got a request for {bytes} bytes"))
                .hint("drop tensors that are no longer needed, or compute in smaller batches")
        };
        let capacity = bytes.checked_add(PADDING).ok_or_else(refused)?;
        let block = cache::take(capacity).ok_or_else(refused)?;
        Ok(HostBuffer { block, size: bytes })
    }

    /// The same, filled with zeros.
    pub fn zeroed(bytes: usize) -> Result<HostBuffer> {
        let mut buffer = HostBuffer::new(bytes)?;
        buffer.as_mut_slice().fill(0);
        Ok(buffer)
    }

    /// Bytes asked for.
    pub fn size(&self) -> usize {
        self.size
    }

    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        // SAFETY: the block holds `size` initialized bytes and is owned by this buffer.
        unsafe { slice::from_raw_parts(self.block.pointer.as_ptr(), self.size) }
    }

    /// The bytes, to be written.
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        // SAFETY: as above, and this buffer is borrowed exclusively.
        unsafe { slice::from_raw_parts_mut(self.block.pointer.as_ptr(), self.size) }
    }

    /// The first byte; `size() + PADDING` bytes from there belong to this buffer.
    pub fn pointer(&self) -> NonNull<u8> {
        self.block.pointer
    }
}

impl Drop for HostBuffer {
    fn drop(&mut self) {
        cache::give_back(self.block);
    }
}

impl Storage for HostBuffer {
    fn bytes(&self) -> Option<&[u8]> {
        Some(self.as_slice())
    }

    fn bytes_mut(&mut self) -> Option<&mut [u8]> {
        Some(self.as_mut_slice())
    }

    fn size(&self) -> usize {
        self.size
    }
}

/// Bytes in buffers that are alive, rounded up to size classes.
pub fn allocated_bytes() -> usize {
    cache::statistics().0
}

/// Bytes in buffers that wait in the cache.
pub fn cached_bytes() -> usize {
    cache::statistics().1
}

/// Gives everything in the cache back to the system.
pub fn empty_cache() {
    cache::shrink_to(0);
}

/// Sets the most bytes that the cache may hold; the excess goes back to the system at once.
///
/// At first half of the memory that this process may use (the machine's, or its control group's limit).
pub fn set_cache_limit(bytes: usize) {
    cache::set_limit(bytes);
}

#[cfg(test)]
mod tests;
