//! The levels that are active on a thread, and what random numbers are inside them.

use std::cell::{Cell, RefCell};
use std::cmp::Ordering;
use std::sync::atomic::{AtomicU64, Ordering as Atomic};

use tenfold_ir::{Error, Result};

use super::Levels;

/// A `vmap`: its number, and how many samples it has.
#[derive(Clone, Copy, Debug)]
pub struct Level {
    pub(super) number: u64,
    pub(super) extent: usize,
}

impl Level {
    /// Larger than that of every level that was entered before.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// How many samples there are.
    pub fn extent(&self) -> usize {
        self.extent
    }
}

// A number belongs to one level only.
impl PartialEq for Level {
    fn eq(&self, other: &Level) -> bool {
        self.number == other.number
    }
}
impl Eq for Level {}
impl PartialOrd for Level {
    fn partial_cmp(&self, other: &Level) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Level {
    fn cmp(&self, other: &Level) -> Ordering {
        self.number.cmp(&other.number)
    }
}

/// What drawing random numbers does inside a `vmap`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Randomness {
    /// Is an error.
    Error,
    /// Draws for each sample.
    Different,
    /// Draws once for all samples.
    Same,
}

/// The active levels of a thread, the innermost last.
pub type Stack = Vec<(Level, Randomness)>;

thread_local! {
    static ACTIVE: RefCell<Stack> = const { RefCell::new(Vec::new()) };
    /// The number of the innermost one, which every new tensor object asks for: without a destructor, it is read at once.
    static INNERMOST: Cell<u64> = const { Cell::new(0) };
}

/// Changes the active levels.
fn with_stack<R>(change: impl FnOnce(&mut Stack) -> R) -> R {
    ACTIVE.with_borrow_mut(|active| {
        let result = change(active);
        INNERMOST.set(active.last().map_or(0, |entry| entry.0.number));
        result
    })
}

/// Begins a level on this thread, inside those that are active.
pub fn enter(extent: usize, randomness: Randomness) -> Level {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let level = Level { number: NEXT.fetch_add(1, Atomic::Relaxed), extent };
    with_stack(|active| active.push((level, randomness)));
    level
}

/// Ends a level, and what was entered inside it.
pub fn leave(level: Level) {
    with_stack(|active| {
        if let Some(place) = active.iter().position(|entry| entry.0 == level) {
            active.truncate(place);
        }
    });
}

/// The active levels of this thread.
pub fn stack() -> Stack {
    ACTIVE.with_borrow(Clone::clone)
}

/// Sets the active levels of this thread, to compute something again as it was computed first; gives those before.
pub fn replace_stack(stack: Stack) -> Stack {
    with_stack(|active| std::mem::replace(active, stack))
}

/// The number of the innermost active level; 0 outside of all.
#[inline]
pub fn innermost() -> u64 {
    INNERMOST.get()
}

/// True between entering and leaving a level.
pub(crate) fn is_active(level: Level) -> bool {
    ACTIVE.with_borrow(|active| active.iter().any(|entry| entry.0 == level))
}

/// The levels for each of whose samples random numbers are drawn.
pub(crate) fn levels_of_draw(operation: &'static str) -> Result<Levels> {
    ACTIVE.with_borrow(|active| {
        if active.iter().any(|entry| entry.1 == Randomness::Error) {
            return Err(Error::state(operation, "random numbers are drawn inside vmap")
                .hint("give vmap randomness=\"different\" (for each sample) or \"same\" (for all)"));
        }
        let different = active.iter().filter(|entry| entry.1 == Randomness::Different);
        Ok(Levels::ascending(different.map(|entry| entry.0)))
    })
}

/// A level that is left when the scope is dropped.
pub struct Scope(Level);

impl Scope {
    /// Begins a level.
    pub fn enter(extent: usize, randomness: Randomness) -> Scope {
        Scope(enter(extent, randomness))
    }

    /// The level.
    pub fn level(&self) -> Level {
        self.0
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        leave(self.0);
    }
}
