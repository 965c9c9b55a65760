//! `fork` while other threads record and run: the locks of the graph are held across it, and the child goes on without
//! the threads that do not exist there. Whoever embeds the engine registers the functions (`pthread_atfork`).

use std::cell::RefCell;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tenfold_ir::Error;

use super::{ArenaGuard, Garbage, IDLE_SHARDS, Shard};

/// All shards ever made.
static SHARDS: Mutex<Vec<&'static Shard>> = Mutex::new(Vec::new());

/// Every lock of the graph, while the process forks.
struct Held {
    arenas: Vec<ArenaGuard<'static>>,
    _idle: MutexGuard<'static, Vec<&'static Shard>>,
    shards: MutexGuard<'static, Vec<&'static Shard>>,
}

thread_local! {
    static HELD: RefCell<Option<Held>> = const { RefCell::new(None) };
}

fn locked(shards: &'static Mutex<Vec<&'static Shard>>) -> MutexGuard<'static, Vec<&'static Shard>> {
    shards.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A shard that nobody records into yet.
pub(super) fn new_shard() -> &'static Shard {
    let shard: &'static Shard = Box::leak(Box::default());
    locked(&SHARDS).push(shard);
    shard
}

/// Takes every lock of the graph: what the thread that forks calls before.
///
/// Nobody holds one of these locks while waiting for another, nor for anything that the forking thread may hold.
pub fn before_fork() {
    // A thread whose locals are gone forks without the locks; nothing better can be done.
    let _gone = HELD.try_with(|held| {
        let (shards, idle) = (locked(&SHARDS), locked(&IDLE_SHARDS));
        let arenas = shards.iter().map(|shard| shard.arena()).collect();
        *held.borrow_mut() = Some(Held { arenas, _idle: idle, shards });
    });
}

fn taken() -> Option<Held> {
    HELD.try_with(|held| held.borrow_mut().take()).ok().flatten()
}

/// Gives the locks back: what the thread that forked calls in the parent.
pub fn after_fork_in_parent() {
    drop(taken());
}

/// Gives the locks back, and lets what other threads were computing fail: what the child's only thread calls first.
pub fn after_fork_in_child() {
    let Some(mut held) = taken() else { return };
    crate::run::forget_flushes_after_fork();
    held.shards.iter().for_each(|shard| shard.waiting.store(0, Ordering::SeqCst));
    // A function called by a flush of this very thread may fork: that flush goes on in the child.
    if crate::run::is_flushing() {
        return;
    }
    let mut garbage = Garbage::default();
    for arena in &mut held.arenas {
        let lost =
            Error::state("fork", "the value was being computed by a thread that the child does not have")
                .hint("run what is pending, with synchronize(), before the process forks");
        arena.abandon(&lost, &mut garbage);
    }
    drop(held);
    // The memory pool may still hold its own lock for the fork: what the lost work kept alive is not given back.
    std::mem::forget(garbage);
}
