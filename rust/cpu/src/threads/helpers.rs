//! The helpers: jobs on rayon's threads that join open regions and spin a short time for the next one.

use std::ptr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rayon_core::{ThreadPool, ThreadPoolBuilder};

use super::count::available_cpus;
use super::{FloatControl, IN_REGION, WOKEN_HELPER_NANOSECONDS, region, thread_count};

/// How long a helper spins after a region: longer than a program takes between the work of two small steps, or of two tokens.
/// (The helpers of OpenMP spin for milliseconds.)
const SPIN: Duration = Duration::from_micros(500);

/// How long it does where several threads call, which want the CPU as well: about what waking it costs twice.
const SPIN_AMONG_CALLERS: Duration = Duration::from_micros(100);

/// Several threads call for so long after another one did than the time before.
const AMONG_CALLERS: Duration = Duration::from_millis(50);

/// Looks at the shared counter between two looks at the clock.
const LOOKS_PER_CLOCK: u32 = 64;

/// A helper that loses its CPU for so long while it spins concludes that somebody else wants it …
const PREEMPTED: Duration = Duration::from_micros(500);

/// … and for so long no helper spins.
const REST_AFTER_PREEMPTION: Duration = Duration::from_millis(50);

/// The rayon pool, built when the first helper is woken; `None` also where the system gives no more threads.
struct Pool {
    threads: Option<ThreadPool>,
    build: bool,
}

/// Behind a pointer so that the child of a fork can drop it from sight without touching its lock, which a
/// thread that does not exist there may have held.
static POOL: AtomicPtr<Mutex<Pool>> = AtomicPtr::new(ptr::null_mut());

/// Helpers begun or about to begin; helpers that spin; which pool is the present one.
static STARTED: AtomicUsize = AtomicUsize::new(0);
static SPINNING: AtomicUsize = AtomicUsize::new(0);
static GENERATION: AtomicU64 = AtomicU64::new(0);

/// Nanoseconds of work done alone since a helper was woken for such work.
static ALONE: AtomicU64 = AtomicU64::new(0);

/// So much work done alone for want of a helper that spins wakes one.
const ALONE_NANOSECONDS: u64 = 4 * WOKEN_HELPER_NANOSECONDS;

/// Until when no helper spins, as [`milliseconds`] counts.
static REST_UNTIL: AtomicU64 = AtomicU64::new(0);

/// Which thread called last.
static CALLER: AtomicUsize = AtomicUsize::new(0);

/// Until when several threads call, as [`milliseconds`] counts.
static SEVERAL_UNTIL: AtomicU64 = AtomicU64::new(0);

/// Takes note of the thread that calls.
#[inline]
pub(super) fn note_caller() {
    thread_local! {
        static ADDRESS: u8 = const { 0 };
    }
    let caller = ADDRESS.with(|place| ptr::from_ref(place).addr());
    let before = CALLER.load(Ordering::Relaxed);
    if before != caller {
        CALLER.store(caller, Ordering::Relaxed);
        if before != 0 {
            SEVERAL_UNTIL.store(milliseconds(Instant::now() + AMONG_CALLERS), Ordering::Relaxed);
        }
    }
}

/// Helpers that would join a region at once.
#[inline]
pub(super) fn spinning() -> usize {
    SPINNING.load(Ordering::Relaxed)
}

/// True where work that was done alone for want of a spinning helper has cost, with this one, what waking one is worth:
/// work too short to wake a helper for mostly comes in trains.
pub(super) fn has_lost(nanoseconds: u64) -> bool {
    let lost = ALONE.fetch_add(nanoseconds, Ordering::Relaxed) + nanoseconds;
    if lost >= ALONE_NANOSECONDS {
        ALONE.store(0, Ordering::Relaxed);
    }
    lost >= ALONE_NANOSECONDS
}

/// Wakes the helpers that `wanted` asks for beyond those that spin, as far as the work is worth it.
pub(super) fn wake(wanted: usize, total_nanoseconds: u64) {
    let by_work = usize::try_from(total_nanoseconds / WOKEN_HELPER_NANOSECONDS).unwrap_or(usize::MAX);
    let by_work = by_work.max(usize::from(spinning() == 0));
    let missing = wanted.saturating_sub(spinning()).min(by_work);
    if missing == 0 || STARTED.load(Ordering::Relaxed) >= thread_count() - 1 {
        return;
    }
    let mut pool = pool().lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    if pool.build {
        *pool = Pool { threads: build(thread_count() - 1), build: false };
    }
    let Some(threads) = &pool.threads else { return };
    let generation = GENERATION.load(Ordering::Relaxed);
    for _ in 0..missing {
        if STARTED.fetch_add(1, Ordering::Relaxed) >= threads.current_num_threads() {
            STARTED.fetch_sub(1, Ordering::Relaxed);
            break;
        }
        threads.spawn(move || help(generation));
    }
}

/// Lets the present helpers go; the next region that needs some builds a pool of the size set then.
pub(super) fn replace_pool() {
    let mut pool = pool().lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    GENERATION.fetch_add(1, Ordering::Relaxed);
    *pool = Pool { threads: None, build: true };
}

fn pool() -> &'static Mutex<Pool> {
    let present = POOL.load(Ordering::Acquire);
    let mutex = if present.is_null() { first_pool() } else { present };
    // SAFETY: the pointer comes from `Box::into_raw` in `first_pool` and is never freed.
    unsafe { &*mutex }
}

#[cold]
fn first_pool() -> *mut Mutex<Pool> {
    watch_forks();
    let fresh = Box::into_raw(Box::new(Mutex::new(Pool { threads: None, build: true })));
    match POOL.compare_exchange(ptr::null_mut(), fresh, Ordering::AcqRel, Ordering::Acquire) {
        Ok(_) => fresh,
        Err(present) => {
            // SAFETY: `fresh` was made above and nobody else has seen it.
            drop(unsafe { Box::from_raw(fresh) });
            present
        }
    }
}

fn build(threads: usize) -> Option<ThreadPool> {
    let named = ThreadPoolBuilder::new().thread_name(|index| format!("tenfold-{index}"));
    named.num_threads(threads).build().ok()
}

/// The life of a helper: join what is open, spin for the next region, give the thread back.
fn help(generation: u64) {
    let _float_control = FloatControl::set_default();
    IN_REGION.set(true);
    loop {
        let seen = region::opened();
        if region::help_all() {
            continue;
        }
        if !spin(seen, generation) {
            break;
        }
    }
    STARTED.fetch_sub(1, Ordering::Relaxed);
}

/// Spins until a region is opened (true) or it is time to give the thread back.
fn spin(seen: u64, generation: u64) -> bool {
    let begin = Instant::now();
    if thread_count() > available_cpus_once() || milliseconds(begin) < REST_UNTIL.load(Ordering::Relaxed) {
        return false;
    }
    SPINNING.fetch_add(1, Ordering::Relaxed);
    let found = spin_until_opened(seen, generation, begin);
    SPINNING.fetch_sub(1, Ordering::Relaxed);
    found
}

fn spin_until_opened(seen: u64, generation: u64, begin: Instant) -> bool {
    let several = milliseconds(begin) < SEVERAL_UNTIL.load(Ordering::Relaxed);
    let longest = if several { SPIN_AMONG_CALLERS } else { SPIN };
    let mut before = begin;
    loop {
        for _ in 0..LOOKS_PER_CLOCK {
            if region::opened() != seen {
                return true;
            }
            std::hint::spin_loop();
        }
        let now = Instant::now();
        if now - before > PREEMPTED {
            REST_UNTIL.store(milliseconds(now + REST_AFTER_PREEMPTION), Ordering::Relaxed);
            return false;
        }
        if now - begin > longest || GENERATION.load(Ordering::Relaxed) != generation {
            return false;
        }
        before = now;
    }
}

/// Asked once: the answer takes system calls and reads files.
fn available_cpus_once() -> usize {
    static CPUS: AtomicUsize = AtomicUsize::new(0);
    match CPUS.load(Ordering::Relaxed) {
        0 => {
            let cpus = available_cpus();
            CPUS.store(cpus, Ordering::Relaxed);
            cpus
        }
        cpus => cpus,
    }
}

fn milliseconds(time: Instant) -> u64 {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    let since = time.saturating_duration_since(*START.get_or_init(Instant::now));
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// After a fork only the forking thread exists in the child: the child starts without helpers and builds its
/// own pool. Only atomics are touched, as the rules for such handlers ask.
#[cfg(unix)]
fn watch_forks() {
    static WATCHED: AtomicBool = AtomicBool::new(false);
    extern "C" fn in_child() {
        POOL.store(ptr::null_mut(), Ordering::Relaxed);
        STARTED.store(0, Ordering::Relaxed);
        SPINNING.store(0, Ordering::Relaxed);
        region::forget_all_after_fork();
    }
    if !WATCHED.swap(true, Ordering::Relaxed) {
        // SAFETY: the handler only stores to atomics, which is allowed in the child of a fork.
        unsafe { libc::pthread_atfork(None, None, Some(in_child)) };
    }
}

#[cfg(not(unix))]
fn watch_forks() {}
