//! The graph of pending work.
//!
//! Recording an operation appends a node to the arena of the thread's shard; a tensor holds the slot of an output.
//! Way of the data: `tensor` records a [`node`], [`crate::plan`] turns nodes into kernels, [`crate::run`] executes
//! them and puts buffers into the slots.

mod arena;
mod batch;
mod flush;
mod fork;
mod layouts;
mod node;
mod recording;

use std::cell::OnceCell;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, PoisonError};

use spin::mutex::{SpinMutex, SpinMutexGuard};
use spin::relax::Yield;
use tenfold_ir::{Buffer, Result};

pub(crate) use arena::{Arena, Garbage};
pub(crate) use batch::Batch;
pub use fork::{after_fork_in_child, after_fork_in_parent, before_fork};
pub(crate) use layouts::{LayoutId, Layouts};
pub(crate) use node::{Input, Node, NodeOperation, Output, Slot, Standing};
pub(crate) use recording::{Recorded, give_up};

/// The arena of one thread at a time. Shards are never freed; a thread that ends leaves its shard, with whatever
/// tensors still live there, to a later thread.
///
/// Nearly always its own thread alone asks for the arena, and for a few nanoseconds: giving back a lock that nobody can
/// sleep for is a plain store, and costs a fifth of taking it. Whoever comes meanwhile yields.
#[derive(Default)]
pub(crate) struct Shard {
    arena: SpinMutex<Arena, Yield>,
    /// Threads that wait for the right to run its nodes: see `run::exclusive`.
    pub waiting: AtomicUsize,
}

/// The arena, locked.
pub(crate) type ArenaGuard<'a> = SpinMutexGuard<'a, Arena, Yield>;

impl Shard {
    /// The arena, locked. Nothing that waits for something runs under the lock.
    #[inline(always)]
    pub fn arena(&self) -> ArenaGuard<'_> {
        self.arena.lock()
    }
}

static IDLE_SHARDS: Mutex<Vec<&'static Shard>> = Mutex::new(Vec::new());

/// A shard while a thread records into it.
struct Lease(&'static Shard);

impl Drop for Lease {
    fn drop(&mut self) {
        IDLE_SHARDS.lock().unwrap_or_else(PoisonError::into_inner).push(self.0);
    }
}

thread_local! {
    static LEASE: OnceCell<Lease> = const { OnceCell::new() };
}

/// The shard that this thread records into.
pub(crate) fn current_shard() -> &'static Shard {
    let lease = || {
        let idle = IDLE_SHARDS.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Lease(idle.unwrap_or_else(fork::new_shard))
    };
    // While a thread's locals are being destroyed its lease is gone; any shard serves.
    LEASE.try_with(|cell| cell.get_or_init(lease).0).unwrap_or_else(|_| fork::new_shard())
}

/// A counted reference to a value: a slot of a shard.
pub(crate) struct Handle {
    shard: &'static Shard,
    slot: Slot,
}

impl Handle {
    /// A value that is there already.
    pub fn ready(buffer: Buffer) -> Handle {
        Handle::ready_in(current_shard(), Arc::new(buffer))
    }

    fn ready_in(shard: &'static Shard, buffer: Arc<Buffer>) -> Handle {
        let slot = shard.arena().insert(buffer);
        Handle { shard, slot }
    }

    /// The handle of an output of a node that was just recorded in `shard`.
    pub fn of_output(shard: &'static Shard, slot: Slot) -> Handle {
        Handle { shard, slot }
    }

    /// True where nodes of `shard` can read the value by its slot.
    #[inline]
    pub fn is_of(&self, shard: &'static Shard) -> bool {
        std::ptr::eq(self.shard, shard)
    }

    /// A handle of the same value for nodes of `shard`; runs what is pending of it in its own.
    #[cold]
    pub fn moved_to(&self, shard: &'static Shard) -> Result<Handle> {
        Ok(Handle::ready_in(shard, self.buffer()?))
    }

    /// The slot in its shard.
    #[inline]
    pub fn slot(&self) -> Slot {
        self.slot
    }

    /// True where the value lies in memory that somebody else may write to.
    pub fn is_borrowed(&self) -> Result<bool> {
        Ok(self.shard.arena().buffer(self.slot)?.is_some_and(|buffer| buffer.is_borrowed()))
    }

    /// The buffer; runs what is pending where it is not there yet.
    pub fn buffer(&self) -> Result<Arc<Buffer>> {
        loop {
            if let Some(buffer) = self.shard.arena().buffer(self.slot)? {
                return Ok(buffer.clone());
            }
            crate::run::flush(self.shard, Some(self.slot))?;
        }
    }

    /// What looking at the value would run.
    pub fn explain(&self) -> crate::Explanation {
        crate::run::explain_pending(self.shard, self.slot)
    }

    /// True where the value is computed.
    pub fn is_ready(&self) -> bool {
        matches!(self.shard.arena().buffer(self.slot), Ok(Some(_)))
    }

    /// The remembered index range, or what `compute` finds.
    pub fn index_range(&self, compute: impl FnOnce() -> Result<(i64, i64)>) -> Result<(i64, i64)> {
        if let Some(range) = *self.shard.arena().index_range(self.slot) {
            return Ok(range);
        }
        let range = compute()?;
        *self.shard.arena().index_range(self.slot) = Some(range);
        Ok(range)
    }

    /// True for the same value.
    pub fn is_same(&self, other: &Handle) -> bool {
        std::ptr::eq(self.shard, other.shard) && self.slot == other.slot
    }
}

impl Clone for Handle {
    fn clone(&self) -> Handle {
        self.shard.arena().retain(self.slot);
        Handle { shard: self.shard, slot: self.slot }
    }
}

impl Drop for Handle {
    #[inline]
    fn drop(&mut self) {
        let mut arena = self.shard.arena();
        if arena.release(self.slot) {
            let mut garbage = Garbage::default();
            arena.collect(self.slot, &mut garbage);
            // The garbage is dropped after it.
            drop(arena);
        }
    }
}

#[cfg(test)]
pub(crate) mod testing {
    use crate::switches;

    /// Runs `body` on a thread of its own (so with a shard that nobody else records into) in deferred mode.
    pub(crate) fn deferred(body: impl FnOnce() + Send) {
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let before = switches::is_immediate();
                switches::set_immediate(false);
                body();
                switches::set_immediate(before);
            });
        });
    }
}

#[cfg(test)]
mod tests {
    use super::current_shard;
    use super::testing::deferred;
    use crate::{DType, Tensor, synchronize};

    #[test]
    fn values_that_nobody_holds_free_their_slots_and_are_never_run() {
        deferred(|| {
            let start = current_shard().arena().live_slots();
            let x = Tensor::ones(&[4], DType::Float32).unwrap();
            let mut y = x.clone();
            for _ in 0..500 {
                y = y.add(1).unwrap();
            }
            assert!(!y.is_ready());
            drop(y);
            // Only x is left; the chain is gone without having been run.
            assert_eq!(current_shard().arena().live_slots(), start + 1);
            drop(x);
            assert_eq!(current_shard().arena().live_slots(), start);
        });
    }

    #[test]
    fn a_chain_of_a_million_nodes_is_run_in_bounded_memory() {
        deferred(|| {
            let start = current_shard().arena().live_slots();
            let mut total = Tensor::zeros(&[], DType::Float64).unwrap();
            for _ in 0..1_000_000 {
                total = total.add(1).unwrap();
            }
            assert!(current_shard().arena().live_slots() < start + 2_000);
            assert_eq!(total.item().unwrap().to_f64(), 1e6);
        });
    }

    #[test]
    fn a_value_of_another_thread_is_run_before_it_is_read() {
        deferred(|| {
            let x = Tensor::ones(&[3], DType::Float32).unwrap().multiply(2).unwrap();
            let y = std::thread::scope(|scope| {
                scope.spawn(|| x.add(1).unwrap().multiply(&x).unwrap()).join().unwrap()
            });
            assert_eq!(y.to_vec::<f32>().unwrap(), [6.0; 3]);
            synchronize().unwrap();
        });
    }
}
