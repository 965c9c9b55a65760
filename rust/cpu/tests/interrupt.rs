//! The request to stop belongs to the whole process, so it is tested in a process of its own.

use std::panic::catch_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};

use tenfold_cpu::threads::{
    Interrupted, clear_interrupt, for_each_chunk, interrupted, request_interrupt, set_thread_count,
    unstoppable,
};

#[test]
fn a_request_stops_a_computation_between_chunks() {
    for threads in [1, 2] {
        set_thread_count(threads);
        let runs = AtomicUsize::new(0);
        let stopped = catch_unwind(|| {
            for_each_chunk(1_000, 1_000_000, &|_| {
                if runs.fetch_add(1, Ordering::Relaxed) == 3 {
                    request_interrupt();
                }
            });
        });
        assert_eq!(stopped.unwrap_err().downcast_ref::<Interrupted>(), Some(&Interrupted));
        assert!(interrupted());
        assert!((4..1_000).contains(&runs.load(Ordering::Relaxed)));
        // What cannot be stopped runs to its end, also the parts of its parts, and leaves the request to others.
        runs.store(0, Ordering::Relaxed);
        unstoppable(|| {
            for_each_chunk(10, 1_000_000, &|_| {
                for_each_chunk(10, 1_000_000, &|_| {
                    runs.fetch_add(1, Ordering::Relaxed);
                });
            });
        });
        assert_eq!(runs.load(Ordering::Relaxed), 100);
        assert!(interrupted() && catch_unwind(|| for_each_chunk(1, 1, &|_| {})).is_err());
        clear_interrupt();
        runs.store(0, Ordering::Relaxed);
        for_each_chunk(10, 1_000_000, &|_| {
            runs.fetch_add(1, Ordering::Relaxed);
        });
        assert_eq!(runs.load(Ordering::Relaxed), 10);
    }
}
