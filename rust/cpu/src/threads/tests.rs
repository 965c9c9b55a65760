use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Barrier, Mutex};
use std::time::{Duration, Instant};

use super::*;

const MILLISECOND: u64 = 1_000_000;

/// The count of threads belongs to the process: tests that set it take turns.
static COUNT_LOCK: Mutex<()> = Mutex::new(());

fn with_threads<R>(count: usize, work: impl FnOnce() -> R) -> R {
    let _turn = COUNT_LOCK.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let before = thread_count();
    set_thread_count(count);
    let result = work();
    set_thread_count(before);
    result
}

fn assert_each_runs_once(chunks: usize, nanoseconds: u64) {
    let runs: Vec<AtomicU32> = (0..chunks).map(|_| AtomicU32::new(0)).collect();
    for_each_chunk(chunks, nanoseconds, &|chunk| {
        runs[chunk].fetch_add(1, Ordering::Relaxed);
    });
    assert!(runs.iter().all(|run| run.load(Ordering::Relaxed) == 1));
}

#[test]
fn each_chunk_runs_once() {
    for count in [1, 2, 3, 5] {
        with_threads(count, || {
            for chunks in [0, 1, 2, 7, 100] {
                for nanoseconds in [1, 1_000, MILLISECOND] {
                    assert_each_runs_once(chunks, nanoseconds);
                }
            }
        });
    }
}

#[test]
fn a_helper_joins_a_long_region() {
    with_threads(2, || {
        let caller = std::thread::current().id();
        let deadline = Instant::now() + Duration::from_secs(10);
        let helped = AtomicUsize::new(0);
        while helped.load(Ordering::Relaxed) == 0 && Instant::now() < deadline {
            for_each_chunk(20, MILLISECOND, &|_| {
                if std::thread::current().id() != caller {
                    helped.fetch_add(1, Ordering::Relaxed);
                }
                std::thread::sleep(Duration::from_millis(1));
            });
        }
        assert!(helped.load(Ordering::Relaxed) > 0);
    });
}

#[test]
fn a_train_of_work_too_short_to_wake_a_helper_wakes_one() {
    with_threads(2, || {
        let caller = std::thread::current().id();
        let deadline = Instant::now() + Duration::from_secs(10);
        let helped = AtomicUsize::new(0);
        while helped.load(Ordering::Relaxed) == 0 && Instant::now() < deadline {
            for_each_chunk(8, WOKEN_HELPER_NANOSECONDS / 10, &|_| {
                if std::thread::current().id() != caller {
                    helped.fetch_add(1, Ordering::Relaxed);
                }
                let begin = Instant::now();
                while begin.elapsed() < Duration::from_micros(10) {}
            });
        }
        assert!(helped.load(Ordering::Relaxed) > 0);
    });
}

#[test]
fn nested_regions_run_inline() {
    with_threads(3, || {
        let runs = AtomicUsize::new(0);
        for_each_chunk(8, MILLISECOND, &|_| {
            let thread = std::thread::current().id();
            for_each_chunk(8, MILLISECOND, &|_| {
                assert_eq!(std::thread::current().id(), thread);
                runs.fetch_add(1, Ordering::Relaxed);
            });
        });
        assert_eq!(runs.load(Ordering::Relaxed), 64);
    });
}

#[test]
fn several_callers_share_the_helpers() {
    with_threads(3, || {
        let barrier = Barrier::new(20);
        std::thread::scope(|scope| {
            for _ in 0..20 {
                scope.spawn(|| {
                    barrier.wait();
                    for _ in 0..50 {
                        assert_each_runs_once(9, MILLISECOND);
                    }
                });
            }
        });
    });
}

#[test]
fn a_panic_reaches_the_caller_and_the_pool_goes_on() {
    with_threads(2, || {
        for _ in 0..20 {
            let payload = catch_unwind(|| {
                for_each_chunk(16, MILLISECOND, &|chunk| {
                    if chunk == 7 {
                        resume_unwind(Box::new("seventh"));
                    }
                });
            })
            .unwrap_err();
            assert_eq!(payload.downcast_ref::<&str>(), Some(&"seventh"));
            assert_each_runs_once(16, MILLISECOND);
        }
    });
}

#[test]
fn small_work_stays_on_the_caller() {
    let caller = std::thread::current().id();
    for_each_chunk(4, 100, &|_| assert_eq!(std::thread::current().id(), caller));
}

#[test]
fn the_count_can_change_between_regions() {
    for round in 0..30 {
        with_threads(1 + round % 4, || assert_each_runs_once(32, MILLISECOND));
    }
}
