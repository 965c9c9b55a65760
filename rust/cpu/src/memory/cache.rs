//! The free lists of the cache, one a size class, behind one short lock.

use std::cell::UnsafeCell;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, Ordering};

use super::system;

/// The smallest block; smaller requests share its class.
const SMALLEST: usize = 128;

/// Classes a doubling: a block is at most a quarter larger than what was asked for.
const STEPS: usize = 4;

const CLASSES: usize = usize::BITS as usize * STEPS;

/// The cache holds at first the memory of this process divided by this.
const LIMIT_DIVISOR: usize = 2;

/// Memory of one size class.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block {
    pub pointer: NonNull<u8>,
    class: usize,
}

// SAFETY: a block is a piece of plain memory that whoever holds it owns; threads do not matter to it.
unsafe impl Send for Block {}

/// The class of a capacity.
fn class_of(capacity: usize) -> usize {
    let last = capacity.max(SMALLEST) - 1;
    let power = last.ilog2() as usize;
    power * STEPS + ((last >> (power - 2)) & (STEPS - 1))
}

/// The bytes of a block of that class; `None` beyond the address space.
fn bytes_of(class: usize) -> Option<usize> {
    let (power, step) = (class / STEPS, class % STEPS);
    let unit = 1_usize.checked_shl(power as u32 - 2)?;
    unit.checked_mul(STEPS + step + 1)
}

impl Block {
    fn bytes(self) -> usize {
        bytes_of(self.class).unwrap_or(usize::MAX)
    }
}

struct Lists {
    free: [Vec<NonNull<u8>>; CLASSES],
    allocated: usize,
    cached: usize,
    limit: Option<usize>,
}

impl Lists {
    fn limit(&mut self) -> usize {
        *self.limit.get_or_insert_with(|| system::usable_memory() / LIMIT_DIVISOR)
    }

    /// Takes blocks out, largest first, until at most `most` bytes stay. The caller releases them without the lock.
    fn overflow(&mut self, most: usize) -> Vec<Block> {
        let mut out = Vec::new();
        for class in (0..CLASSES).rev() {
            while self.cached > most {
                let Some(pointer) = self.free[class].pop() else { break };
                let block = Block { pointer, class };
                self.cached -= block.bytes();
                out.push(block);
            }
        }
        out
    }
}

/// A lock that the handlers of a fork can hold: taken before, free again on both sides after.
struct Lock {
    taken: AtomicBool,
    lists: UnsafeCell<Lists>,
}

// SAFETY: `lists` is reached only in `with`, while `taken` is held.
unsafe impl Sync for Lock {}

static LOCK: Lock = Lock {
    taken: AtomicBool::new(false),
    lists: UnsafeCell::new(Lists {
        free: [const { Vec::new() }; CLASSES],
        allocated: 0,
        cached: 0,
        limit: None,
    }),
};

impl Lock {
    fn acquire(&self) {
        let mut rounds = 0_u32;
        while self.taken.swap(true, Ordering::Acquire) {
            // Held for some dozen instructions: only a holder that lost its CPU makes others wait longer.
            rounds += 1;
            if rounds.is_multiple_of(128) {
                std::thread::yield_now();
            } else {
                std::hint::spin_loop();
            }
        }
    }

    fn release(&self) {
        self.taken.store(false, Ordering::Release);
    }

    fn with<R>(&self, work: impl FnOnce(&mut Lists) -> R) -> R {
        self.acquire();
        // SAFETY: the lock is held, and no closure given to `with` calls `with`.
        let result = work(unsafe { &mut *self.lists.get() });
        self.release();
        result
    }
}

/// A block for `capacity` bytes, from the cache or the system; `None` where neither has one.
pub(super) fn take(capacity: usize) -> Option<Block> {
    let class = class_of(capacity);
    let bytes = bytes_of(class).filter(|&bytes| bytes <= isize::MAX as usize)?;
    let cached = LOCK.with(|lists| {
        let pointer = lists.free[class].pop()?;
        lists.cached -= bytes;
        lists.allocated += bytes;
        Some(Block { pointer, class })
    });
    cached.or_else(|| take_fresh(class, bytes))
}

#[cold]
fn take_fresh(class: usize, bytes: usize) -> Option<Block> {
    watch_forks();
    // The cache must not drive the process out of memory: what would not fit beside it is made room for.
    let usable = system::usable_memory();
    let room = |lists: &Lists| usable.saturating_sub(lists.allocated).saturating_sub(bytes);
    let crowded =
        LOCK.with(|lists| if lists.cached > room(lists) { lists.overflow(room(lists)) } else { Vec::new() });
    release_all(crowded);
    let pointer = system::allocate(bytes).or_else(|| {
        shrink_to(0);
        system::allocate(bytes)
    })?;
    LOCK.with(|lists| lists.allocated += bytes);
    Some(Block { pointer, class })
}

/// Puts a block into the cache, or gives it back to the system where the cache is full.
pub(super) fn give_back(block: Block) {
    let bytes = block.bytes();
    let over = LOCK.with(|lists| {
        lists.allocated -= bytes;
        lists.cached += bytes;
        lists.free[block.class].push(block.pointer);
        let limit = lists.limit();
        if lists.cached > limit { lists.overflow(limit) } else { Vec::new() }
    });
    release_all(over);
}

/// Gives cached blocks back to the system until at most `most` bytes stay.
pub(super) fn shrink_to(most: usize) {
    release_all(LOCK.with(|lists| lists.overflow(most)));
}

pub(super) fn set_limit(bytes: usize) {
    LOCK.with(|lists| lists.limit = Some(bytes));
    shrink_to(bytes);
}

/// Bytes alive and bytes cached.
pub(super) fn statistics() -> (usize, usize) {
    LOCK.with(|lists| (lists.allocated, lists.cached))
}

fn release_all(blocks: Vec<Block>) {
    for block in blocks {
        // SAFETY: the block came from `system::allocate` with its class's bytes, and has left the lists.
        unsafe { system::release(block.pointer, block.bytes()) };
    }
}

/// Another thread may hold the lock while this one forks; the child would wait for it for ever.
#[cfg(unix)]
fn watch_forks() {
    static WATCHED: AtomicBool = AtomicBool::new(false);
    extern "C" fn before() {
        LOCK.acquire();
    }
    extern "C" fn after() {
        LOCK.release();
    }
    if !WATCHED.swap(true, Ordering::Relaxed) {
        // SAFETY: the handlers only take and free a lock made of one atomic.
        unsafe { libc::pthread_atfork(Some(before), Some(after), Some(after)) };
    }
}

#[cfg(not(unix))]
fn watch_forks() {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_hold_what_was_asked_for_and_at_most_a_quarter_more() {
        let mut capacity = 1_usize;
        while capacity < 1 << 40 {
            for near in [capacity - 1, capacity, capacity + 1] {
                let bytes = bytes_of(class_of(near)).unwrap();
                assert!(bytes >= near);
                assert!(bytes <= SMALLEST || bytes - near <= near / 4, "{near} in {bytes}");
            }
            capacity += capacity.div_ceil(7);
        }
    }
}
