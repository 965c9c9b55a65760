//! Stopping a long computation between two chunks (Ctrl-C).

use std::cell::Cell;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, Ordering};

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// True while this thread runs what must not be stopped halfway.
    static UNSTOPPABLE: Cell<bool> = const { Cell::new(false) };
}

/// The payload with which [`for_each_chunk`](super::for_each_chunk) unwinds after [`request_interrupt`].
///
/// The backend catches it and reports an error; no panic message is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interrupted;

/// Asks all running computations to stop after the chunks they have begun. Safe in a signal handler.
pub fn request_interrupt() {
    INTERRUPTED.store(true, Ordering::Relaxed);
}

/// Takes the request back: computations run again.
pub fn clear_interrupt() {
    INTERRUPTED.store(false, Ordering::Relaxed);
}

/// True from [`request_interrupt`] until [`clear_interrupt`].
#[inline]
pub fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}

/// Runs `body` to its end: what it starts on this thread takes no notice of a request.
pub fn unstoppable<R>(body: impl FnOnce() -> R) -> R {
    struct Before(bool);
    impl Drop for Before {
        fn drop(&mut self) {
            UNSTOPPABLE.set(self.0);
        }
    }
    let _before = Before(UNSTOPPABLE.replace(true));
    body()
}

/// True where what this thread starts may be stopped.
pub(super) fn may_stop() -> bool {
    !UNSTOPPABLE.get()
}

/// Leaves the computation if it is to stop; unwinds without running the panic hook.
#[inline]
pub(super) fn unwind_if_interrupted() {
    if interrupted() {
        resume_unwind(Box::new(Interrupted));
    }
}
