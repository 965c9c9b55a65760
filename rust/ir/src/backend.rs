//! What runs kernels.

use std::any::Any;
use std::fmt;

use crate::{Error, Kernel, Result};

/// Memory of a backend.
pub trait Storage: Any + Send + Sync {
    /// The memory, where the host can read it (aligned for every dtype).
    fn bytes(&self) -> Option<&[u8]>;
    /// The memory, where the host can write it.
    fn bytes_mut(&mut self) -> Option<&mut [u8]>;
    /// Its size in bytes.
    fn size(&self) -> usize;
    /// True where it belongs to somebody else, who may change it: never written, read at once.
    fn is_borrowed(&self) -> bool {
        false
    }
}

/// A piece of memory, owned.
pub struct Buffer {
    storage: Box<dyn Storage>,
    /// What the storage says once and for all: every node that reads it asks.
    is_borrowed: bool,
}

impl Buffer {
    /// Wraps memory.
    pub fn new(storage: impl Storage) -> Buffer {
        Buffer { is_borrowed: storage.is_borrowed(), storage: Box::new(storage) }
    }

    /// The bytes, or an error where they are not in the host's memory.
    pub fn bytes(&self) -> Result<&[u8]> {
        self.storage.bytes().ok_or_else(|| Error::state("buffer", "not in the host's memory"))
    }

    /// The bytes, to be written.
    pub fn bytes_mut(&mut self) -> Result<&mut [u8]> {
        self.storage.bytes_mut().ok_or_else(|| Error::state("buffer", "not writable by the host"))
    }

    /// Its size in bytes.
    pub fn size(&self) -> usize {
        self.storage.size()
    }

    /// See [`Storage::is_borrowed`].
    #[inline]
    pub fn is_borrowed(&self) -> bool {
        self.is_borrowed
    }

    /// The storage, for the backend that made it.
    pub fn storage(&self) -> &dyn Storage {
        &*self.storage
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Buffer({} bytes)", self.size())
    }
}

/// Where a kernel's operand lies.
#[derive(Clone, Copy, Debug)]
pub enum Source<'a> {
    /// In a buffer of its own.
    Buffer(&'a Buffer),
    /// In the buffer of that output, which it shares because nobody reads it afterwards: it is overwritten in place.
    Output(usize),
}

/// Runs kernels on buffers of its own. The reference interpreter and the CPU are its two implementations.
pub trait Backend: Send + Sync {
    /// The name in messages.
    fn name(&self) -> &'static str;

    /// Memory for `bytes` bytes, not initialized to anything in particular.
    fn allocate(&self, bytes: usize) -> Result<Buffer>;

    /// True where `kernel` can have operand `operand` in the buffer of output `output`.
    ///
    /// The planner asks this only for operands that nobody reads afterwards, of the output's shape and dtype and
    /// dense, and loaded once.
    fn can_share(&self, kernel: &Kernel, operand: usize, output: usize) -> bool;

    /// Computes the outputs of `kernel`. `sources` are its operands in order.
    fn run(&self, kernel: &Kernel, sources: &[Source<'_>], outputs: &mut [Buffer]) -> Result<()>;
}

/// Plain memory of the host, for the reference interpreter and for tests. Aligned to 16 bytes.
pub struct PlainStorage {
    words: Vec<u128>,
    size: usize,
}

impl PlainStorage {
    /// Zeros.
    pub fn zeros(bytes: usize) -> Result<PlainStorage> {
        let mut words = Vec::new();
        let count = bytes.div_ceil(16);
        words
            .try_reserve_exact(count)
            .map_err(|_| Error::memory("allocate", format!("{bytes} bytes cannot be had")))?;
        words.resize(count, 0);
        Ok(PlainStorage { words, size: bytes })
    }
}

impl Storage for PlainStorage {
    fn bytes(&self) -> Option<&[u8]> {
        Some(&bytemuck::cast_slice(&self.words)[..self.size])
    }

    fn bytes_mut(&mut self) -> Option<&mut [u8]> {
        Some(&mut bytemuck::cast_slice_mut(&mut self.words)[..self.size])
    }

    fn size(&self) -> usize {
        self.size
    }
}
