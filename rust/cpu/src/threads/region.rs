//! A region: the chunks of one kernel, and the slots where helpers find open regions.
//!
//! A region lives on its caller's stack. A slot makes it reachable: its state holds the free seats (high half)
//! and the helpers inside (low half). A helper enters by taking a seat and is counted inside with the same
//! exchange; closing takes all seats away, after which the caller waits for those inside alone. So nobody
//! holds a pointer to a region whose caller has returned.

use std::any::Any;
use std::ptr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering};

use super::interrupt::unwind_if_interrupted;
use super::payload_of;

/// Callers that can share their work at the same time; further ones run inline.
const SLOTS: usize = 16;

/// Rounds of spinning for helpers inside before the caller offers its CPU to them.
const ROUNDS_BEFORE_YIELD: u32 = 10_000;

const ONE_SEAT: u64 = 1 << 32;
const INSIDE: u64 = ONE_SEAT - 1;

/// The chunks of one kernel.
pub(super) struct Region<'body> {
    chunks: usize,
    may_stop: bool,
    next: AtomicUsize,
    body: &'body (dyn Fn(usize) + Sync),
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

impl<'body> Region<'body> {
    /// A region that an interrupt stops between two chunks, if it may be stopped.
    pub(super) fn new(chunks: usize, may_stop: bool, body: &'body (dyn Fn(usize) + Sync)) -> Region<'body> {
        Region { chunks, may_stop, next: AtomicUsize::new(0), body, panic: Mutex::new(None) }
    }

    /// Claims and runs chunks until none is left; keeps the payload if one panics. True if it ran any.
    pub(super) fn claim_chunks(&self) -> bool {
        let mut ran = false;
        let payload = payload_of(|| {
            loop {
                let chunk = self.next.fetch_add(1, Ordering::Relaxed);
                if chunk >= self.chunks {
                    break;
                }
                if self.may_stop {
                    unwind_if_interrupted();
                }
                ran = true;
                (self.body)(chunk);
            }
        });
        if let Some(payload) = payload {
            // What nobody has claimed yet need not run. Helpers overshoot the end by one each at most.
            self.next.store(self.chunks, Ordering::Relaxed);
            let mut first = self.panic.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            first.get_or_insert(payload);
        }
        ran
    }

    /// The payload of the first chunk that panicked.
    pub(super) fn into_panic(self) -> Option<Box<dyn Any + Send>> {
        self.panic.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

#[repr(align(128))]
struct Slot {
    taken: AtomicBool,
    state: AtomicU64,
    region: AtomicPtr<Region<'static>>,
}

impl Slot {
    const fn new() -> Slot {
        Slot {
            taken: AtomicBool::new(false),
            state: AtomicU64::new(0),
            region: AtomicPtr::new(ptr::null_mut()),
        }
    }

    /// Takes a seat and counts this helper as inside.
    fn enter(&self) -> bool {
        let mut state = self.state.load(Ordering::Relaxed);
        while state >= ONE_SEAT {
            let entered = state - ONE_SEAT + 1;
            match self.state.compare_exchange_weak(state, entered, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(current) => state = current,
            }
        }
        false
    }

    /// Joins the region of this slot if it is open; true if a chunk was run.
    fn help(&self) -> bool {
        if !self.enter() {
            return false;
        }
        // SAFETY: this helper is counted as inside, and the caller keeps the region alive and in place until
        // nobody is inside. The pointer was stored before the seats were, and taking a seat acquires it.
        let region = unsafe { &*self.region.load(Ordering::Relaxed) };
        let ran = region.claim_chunks();
        // Only the static slot is touched from here on.
        self.state.fetch_sub(1, Ordering::Release);
        ran
    }

    /// Takes the seats away and waits for the helpers inside.
    fn close(&self) {
        self.state.fetch_and(INSIDE, Ordering::Relaxed);
        let mut rounds = 0_u32;
        while self.state.load(Ordering::Acquire) != 0 {
            rounds = rounds.saturating_add(1);
            if rounds < ROUNDS_BEFORE_YIELD {
                std::hint::spin_loop();
            } else {
                std::thread::yield_now();
            }
        }
        self.taken.store(false, Ordering::Release);
    }
}

static ALL_SLOTS: [Slot; SLOTS] = [const { Slot::new() }; SLOTS];

/// Grows with each region that is opened; spinning helpers watch it.
static OPENED: AtomicU64 = AtomicU64::new(0);

/// Opens `region` to at most `seats` helpers while `work` runs. `work` must not unwind.
pub(super) fn open(region: &Region<'_>, seats: usize, work: impl FnOnce()) {
    let free = ALL_SLOTS.iter().find(|slot| !slot.taken.swap(true, Ordering::Acquire));
    let Some(slot) = free else {
        work();
        return;
    };
    struct Close(&'static Slot);
    impl Drop for Close {
        fn drop(&mut self) {
            self.0.close();
        }
    }
    slot.region.store(ptr::from_ref(region).cast_mut().cast(), Ordering::Relaxed);
    slot.state.store(seats as u64 * ONE_SEAT, Ordering::Release);
    // Closed on every way out: helpers must not outlive the region.
    let _close = Close(slot);
    OPENED.fetch_add(1, Ordering::Release);
    work();
}

/// Joins open regions until there is none with chunks left; true if a chunk was run.
pub(super) fn help_all() -> bool {
    let mut ran = false;
    for slot in &ALL_SLOTS {
        ran |= slot.help();
    }
    ran
}

/// The number of regions opened so far.
pub(super) fn opened() -> u64 {
    OPENED.load(Ordering::Acquire)
}

/// In the child of a fork: regions of threads that do not exist here are gone.
pub(super) fn forget_all_after_fork() {
    for slot in &ALL_SLOTS {
        slot.state.store(0, Ordering::Relaxed);
        slot.taken.store(false, Ordering::Relaxed);
    }
}
