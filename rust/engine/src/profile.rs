//! What ran, when and for how long: the record of kernels behind `TENFOLD_DEBUG` and the profiler.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

/// One run of a kernel.
#[derive(Clone, Debug)]
pub struct Event {
    /// The core, and the operations that shared its kernel.
    pub name: String,
    /// When it began, in nanoseconds since the first use of the clock.
    pub start: u64,
    /// How long it took, in nanoseconds.
    pub duration: u64,
    /// Bytes read and written, each operand's elements once.
    pub bytes: usize,
    /// Floating-point operations, about.
    pub flops: usize,
    /// The thread that ran it: the address of a thread's own data.
    pub thread: u64,
    /// Who asked for its first node: file and line, where the host language can tell.
    pub site: Option<Arc<str>>,
}

/// Tells who records an operation.
pub type SiteHook = fn() -> Option<Arc<str>>;

static ACTIVE: AtomicBool = AtomicBool::new(false);
static EVENTS: Mutex<Vec<Event>> = Mutex::new(Vec::new());
static SITE_HOOK: OnceLock<SiteHook> = OnceLock::new();

/// Says who can tell where operations come from. The first hook stays.
pub fn set_site_hook(hook: SiteHook) {
    // A second hook would be the same one, set by a module that is imported again.
    let _already_set = SITE_HOOK.set(hook);
}

/// Starts recording kernels; what was recorded before is forgotten.
pub fn start() {
    events().clear();
    ACTIVE.store(true, Ordering::Relaxed);
}

/// Stops recording and hands over what ran.
pub fn stop() -> Vec<Event> {
    ACTIVE.store(false, Ordering::Relaxed);
    std::mem::take(&mut *events())
}

/// True while kernels are recorded.
pub fn is_active() -> bool {
    ACTIVE.load(Ordering::Relaxed)
}

fn events() -> std::sync::MutexGuard<'static, Vec<Event>> {
    EVENTS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Who records an operation now; asked only while kernels are recorded.
pub(crate) fn site() -> Option<Arc<str>> {
    if !is_active() {
        return None;
    }
    SITE_HOOK.get().and_then(|hook| hook())
}

/// The clock of events.
pub(crate) fn now() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_nanos() as u64
}

/// Adds a run.
pub(crate) fn record(event: Event) {
    events().push(event);
}

/// A number for this thread.
pub(crate) fn thread() -> u64 {
    thread_local! {
        static OWN: u8 = const { 0 };
    }
    OWN.try_with(|own| std::ptr::from_ref(own).addr() as u64).unwrap_or(0)
}
