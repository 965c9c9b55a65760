//! Running the chunks of a kernel on several threads.
//!
//! [`for_each_chunk`] is the one way in. The calling thread claims chunks itself from a shared counter and
//! helpers join while chunks are left, so a caller never waits for a helper that has not begun. Helpers are
//! jobs on the threads of a rayon pool of our own: waking one costs 30–50 µs, one that still spins after the
//! last region joins in well under a microsecond, which is why the two have different thresholds.

mod count;
mod float_control;
mod helpers;
mod interrupt;
mod region;

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

pub use count::{set_thread_count, thread_count};
pub use float_control::FloatControl;
pub use interrupt::{Interrupted, clear_interrupt, interrupted, request_interrupt, unstoppable};

use region::Region;

/// Work below this is not worth sharing with a helper that still spins.
pub const SPINNING_HELPER_NANOSECONDS: u64 = 5_000;

/// Work below this is not worth waking a parked helper for; each further helper wants as much again.
pub const WOKEN_HELPER_NANOSECONDS: u64 = 100_000;

thread_local! {
    /// True on helpers, and on a caller inside a region: what they start runs inline.
    static IN_REGION: Cell<bool> = const { Cell::new(false) };
}

/// Runs `body(0)`, …, `body(chunks - 1)`, each once, in any order and on any thread, and returns when all have
/// ended. `nanoseconds_per_chunk` is a rough estimate of what a chunk costs on one thread.
///
/// A call from inside a body runs inline on that thread, in order of index.
///
/// # Panics
/// Unwinds with the payload of the first body that panicked, when no body runs any longer. Unwinds with
/// [`Interrupted`] when [`request_interrupt`] was called before every chunk had been claimed, but within [`unstoppable`]:
/// nothing after this call then sees results that were never computed.
pub fn for_each_chunk(chunks: usize, nanoseconds_per_chunk: u64, body: &(dyn Fn(usize) + Sync)) {
    if !IN_REGION.get() {
        helpers::note_caller();
    }
    let helpers = wanted_helpers(chunks, nanoseconds_per_chunk);
    // Within a region the region stops.
    let may_stop = !IN_REGION.get() && interrupt::may_stop();
    if helpers == 0 {
        for chunk in 0..chunks {
            if may_stop {
                interrupt::unwind_if_interrupted();
            }
            body(chunk);
        }
        return;
    }
    let region = Region::new(chunks, may_stop, body);
    IN_REGION.set(true);
    region::open(&region, helpers, || {
        helpers::wake(helpers, chunks as u64 * nanoseconds_per_chunk);
        region.claim_chunks();
    });
    IN_REGION.set(false);
    if let Some(payload) = region.into_panic() {
        resume_unwind(payload);
    }
}

/// How many helpers would gain something, before it is known whether they spin or sleep.
fn wanted_helpers(chunks: usize, nanoseconds_per_chunk: u64) -> usize {
    if chunks < 2 || IN_REGION.get() {
        return 0;
    }
    let total = (chunks as u64).saturating_mul(nanoseconds_per_chunk);
    if total < SPINNING_HELPER_NANOSECONDS {
        return 0;
    }
    let others = thread_count() - 1;
    if others == 0
        || (total < WOKEN_HELPER_NANOSECONDS && helpers::spinning() == 0 && !helpers::has_lost(total))
    {
        return 0;
    }
    let by_work = usize::try_from(total / SPINNING_HELPER_NANOSECONDS).unwrap_or(usize::MAX);
    others.min(chunks - 1).min(by_work)
}

/// Runs `work` and gives back the payload of its panic.
fn payload_of(work: impl FnOnce()) -> Option<Box<dyn Any + Send>> {
    // Whoever catches a payload here passes it on to the caller, who then sees no half-written value but
    // what the unwinding body itself left.
    catch_unwind(AssertUnwindSafe(work)).err()
}

#[cfg(test)]
mod tests;
