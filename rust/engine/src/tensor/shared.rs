//! A counted reference whose last owner lets it go without an atomic operation.
//!
//! Most tensors are made, read and dropped by one thread, without a second owner. `Arc` takes two counts down then, each
//! by an atomic operation, which is 5 ns on a recent Xeon; recording an operation is some 100.

use std::ops::Deref;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering, fence};

/// A value that several owners share, on any thread.
pub(crate) struct Shared<T>(NonNull<Counted<T>>);

struct Counted<T> {
    owners: AtomicUsize,
    value: T,
}

// SAFETY: as with `Arc`: owners on several threads see the value, and any of them may drop it.
unsafe impl<T: Send + Sync> Send for Shared<T> {}
// SAFETY: the same, for a reference to an owner can be copied into another one.
unsafe impl<T: Send + Sync> Sync for Shared<T> {}

impl<T> Shared<T> {
    /// A value with one owner. It is put together where it stays: one that is moved there right after it was written by words
    /// is waited for.
    #[inline(always)]
    pub fn new(value: impl FnOnce() -> T) -> Shared<T> {
        let mut memory = Box::<Counted<T>>::new_uninit();
        memory.write(Counted { owners: AtomicUsize::new(1), value: value() });
        // SAFETY: written just now.
        let counted = unsafe { memory.assume_init() };
        Shared(NonNull::from(Box::leak(counted)))
    }

    #[inline]
    fn counted(&self) -> &Counted<T> {
        // SAFETY: it is freed by its last owner, and this is one.
        unsafe { self.0.as_ref() }
    }

    /// True for two owners of one value.
    #[inline]
    pub fn is_same(&self, other: &Shared<T>) -> bool {
        self.0 == other.0
    }

    /// The value, where nobody shares it.
    #[inline]
    pub fn get_mut(&mut self) -> Option<&mut T> {
        // Acquire: what others did with the value before they let it go is done.
        if self.counted().owners.load(Ordering::Acquire) != 1 {
            return None;
        }
        // SAFETY: the only owner is borrowed alone, so nobody can make another.
        Some(unsafe { &mut self.0.as_mut().value })
    }
}

impl<T> Deref for Shared<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.counted().value
    }
}

impl<T> Clone for Shared<T> {
    #[inline]
    fn clone(&self) -> Shared<T> {
        // Relaxed: the new owner comes from one that keeps the value alive.
        let before = self.counted().owners.fetch_add(1, Ordering::Relaxed);
        if before > usize::MAX / 2 {
            // So many owners can only have been forgotten; one more could make the count wrap to none.
            std::process::abort();
        }
        Shared(self.0)
    }
}

impl<T> Drop for Shared<T> {
    #[inline]
    fn drop(&mut self) {
        let owners = &self.counted().owners;
        // One owner is this one: there is nobody to tell. Acquire, and below Release: what others did with the value, they
        // did before it is dropped.
        if owners.load(Ordering::Acquire) != 1 {
            if owners.fetch_sub(1, Ordering::Release) != 1 {
                return;
            }
            fence(Ordering::Acquire);
        }
        // SAFETY: it came from a box, and the last owner is going.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::Shared;

    struct Counting<'a>(&'a AtomicUsize, u64);

    impl Drop for Counting<'_> {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn the_last_owner_drops_the_value_once() {
        let drops = AtomicUsize::new(0);
        let mut first = Shared::new(|| Counting(&drops, 7));
        assert!(first.get_mut().is_some());
        let second = first.clone();
        assert!(first.get_mut().is_none());
        drop(first);
        assert_eq!((drops.load(Ordering::Relaxed), second.1), (0, 7));
        drop(second);
        assert_eq!(drops.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn owners_on_several_threads_come_and_go() {
        let drops = AtomicUsize::new(0);
        for _ in 0..200 {
            let value = Shared::new(|| Counting(&drops, 7));
            std::thread::scope(|scope| {
                for _ in 0..4 {
                    let own = value.clone();
                    scope.spawn(move || (0..50).map(|_| own.clone().1).sum::<u64>());
                }
                drop(value);
            });
        }
        assert_eq!(drops.load(Ordering::Relaxed), 200);
    }
}
