//! A child of `fork` has none of its parent's threads and must build its own.
#![cfg(unix)]

use std::sync::atomic::{AtomicUsize, Ordering};

use tenfold_cpu::threads::{for_each_chunk, set_thread_count};

fn count_chunks() -> usize {
    let runs = AtomicUsize::new(0);
    for_each_chunk(64, 1_000_000, &|_| {
        std::thread::sleep(std::time::Duration::from_micros(50));
        runs.fetch_add(1, Ordering::Relaxed);
    });
    runs.load(Ordering::Relaxed)
}

#[test]
fn a_forked_child_computes() {
    set_thread_count(2);
    assert_eq!(count_chunks(), 64);
    for _ in 0..20 {
        // SAFETY: the child runs the code under test and leaves at once, without returning to the harness.
        let child = unsafe { libc::fork() };
        if child == 0 {
            // SAFETY: `alarm` ends a child that hangs; `_exit` has no conditions.
            unsafe {
                libc::alarm(10);
                libc::_exit(if count_chunks() == 64 { 0 } else { 1 });
            }
        }
        let mut status = -1;
        // SAFETY: `status` outlives the call and `child` is a child of this process.
        unsafe { libc::waitpid(child, &mut status, 0) };
        assert_eq!(status, 0, "the child failed or hung");
        assert_eq!(count_chunks(), 64);
    }
}
