//! What each argument of a scalar operation has: a short list without a heap.

use std::hash::{Hash, Hasher};
use std::ops::{Deref, DerefMut};

/// Arguments of a scalar operation, at most.
const MOST: usize = 3;

/// One entry an argument. A plain value: expressions are copied and planned by the thousand.
#[derive(Clone, Copy, Debug)]
pub struct PerArgument<T> {
    entries: [T; MOST],
    count: u8,
}

impl<T: Copy> PerArgument<T> {
    /// The same entry for `count` arguments.
    #[inline]
    pub fn repeat(entry: T, count: usize) -> PerArgument<T> {
        debug_assert!((1..=MOST).contains(&count), "scalar operations have one to three arguments");
        PerArgument { entries: [entry; MOST], count: count as u8 }
    }

    /// The entries of a slice of one to three.
    #[inline]
    pub fn from_slice(slice: &[T]) -> PerArgument<T> {
        let mut list = PerArgument::repeat(slice[0], slice.len());
        list.entries[..slice.len()].copy_from_slice(slice);
        list
    }

    /// The same list of other things.
    #[inline]
    pub fn map<U: Copy>(&self, mut body: impl FnMut(T) -> U) -> PerArgument<U> {
        let mut list = PerArgument::repeat(body(self.entries[0]), self.len());
        for index in 1..self.len() {
            list.entries[index] = body(self.entries[index]);
        }
        list
    }
}

impl<T: PartialEq> PartialEq for PerArgument<T> {
    fn eq(&self, other: &PerArgument<T>) -> bool {
        **self == **other
    }
}

impl<T: Eq> Eq for PerArgument<T> {}

impl<T: Hash> Hash for PerArgument<T> {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        (**self).hash(hasher);
    }
}

impl<T> Deref for PerArgument<T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        &self.entries[..usize::from(self.count).min(MOST)]
    }
}

impl<'a, T> IntoIterator for &'a PerArgument<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<T> DerefMut for PerArgument<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.entries[..usize::from(self.count).min(MOST)]
    }
}
