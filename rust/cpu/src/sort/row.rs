//! A row in the order that is wanted.

use bytemuck::Zeroable;

use super::key::SortKey;
use crate::simd::{Tiered, on_tier};

/// The elements of a row, with keys that ascend in the order that is wanted.
pub struct Row<'a, E: SortKey> {
    pub elements: &'a [E],
    /// Turns the order of keys round, where it is to descend.
    pub flip: E::Key,
}

impl<E: SortKey> Clone for Row<'_, E> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E: SortKey> Copy for Row<'_, E> {}

impl<'a, E: SortKey> Row<'a, E> {
    pub fn new(elements: &'a [E], descending: bool) -> Row<'a, E> {
        Row { elements, flip: if descending { E::LAST_KEY } else { E::Key::zeroed() } }
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        self.elements.len()
    }

    /// The keys of the elements.
    #[inline(always)]
    pub fn keys(self) -> impl Iterator<Item = E::Key> + use<'a, E> {
        self.elements.iter().map(move |element| element.key() ^ self.flip)
    }

    /// The key of element `index`.
    #[inline(always)]
    pub fn key(&self, index: usize) -> E::Key {
        self.elements[index].key() ^ self.flip
    }

    /// At most `count` elements from `start` on.
    pub fn part(&self, start: usize, count: usize) -> Row<'a, E> {
        let end = self.len().min(start.saturating_add(count));
        Row { elements: &self.elements[start..end], flip: self.flip }
    }

    /// The smallest and the largest key; of no elements, the largest and the smallest that can be.
    pub fn range(self) -> (E::Key, E::Key) {
        on_tier(Range(self))
    }
}

struct Range<'a, E: SortKey>(Row<'a, E>);

impl<E: SortKey> Tiered for Range<'_, E> {
    type Output = (E::Key, E::Key);

    #[inline(always)]
    fn run(self) -> Self::Output {
        let (mut least, mut greatest) = (E::LAST_KEY, E::Key::zeroed());
        for element in self.0.elements {
            let key = element.key() ^ self.0.flip;
            least = least.min(key);
            greatest = greatest.max(key);
        }
        (least, greatest)
    }
}
