//! How many threads compute.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Zero until the first use.
static COUNT: AtomicUsize = AtomicUsize::new(0);

/// The number of threads that one kernel may use, the calling thread included; at least 1.
///
/// At first `TENFOLD_THREADS`, else the CPUs that this process may use: its affinity, lowered by the CPU quota
/// of its control group (version 1 or 2).
#[inline]
pub fn thread_count() -> usize {
    match COUNT.load(Ordering::Relaxed) {
        0 => first_count(),
        count => count,
    }
}

/// Sets the number of threads of kernels that start from now on; 0 counts as 1.
pub fn set_thread_count(count: usize) {
    COUNT.store(count.max(1), Ordering::Relaxed);
    super::helpers::replace_pool();
}

/// The CPUs that this process may use at once.
pub(super) fn available_cpus() -> usize {
    // The standard library reads the affinity mask and the quotas of both versions of control groups.
    std::thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

#[cold]
fn first_count() -> usize {
    let asked = std::env::var("TENFOLD_THREADS").ok().and_then(|text| text.trim().parse::<usize>().ok());
    let count = asked.filter(|&count| count > 0).unwrap_or_else(available_cpus);
    // Another thread may have set a count meanwhile: its choice stands.
    match COUNT.compare_exchange(0, count, Ordering::Relaxed, Ordering::Relaxed) {
        Ok(_) => count,
        Err(current) => current,
    }
}
