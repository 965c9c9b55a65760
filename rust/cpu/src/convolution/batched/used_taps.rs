//! Taps that meet padding alone are left out.

use std::borrow::Cow;
use std::ops::Range;

use super::MOVED;
use crate::backend::disjoint::for_each_part;
use crate::convolution::geometry::{Axis, Geometry};

/// The taps along each axis that meet a pixel in any window.
pub(super) struct UsedTaps([Range<usize>; 3]);

impl UsedTaps {
    pub fn of(geometry: &Geometry) -> UsedTaps {
        UsedTaps(geometry.axes.each_ref().map(|axis| {
            let meets = |tap: usize| {
                (0..axis.output).any(|window| {
                    let place = window * axis.stride + tap * axis.dilation;
                    (axis.before..axis.before + axis.input).contains(&place)
                })
            };
            let Some(first) = (0..axis.kernel).find(|&tap| meets(tap)) else { return 0..axis.kernel };
            let last = (first..axis.kernel).rfind(|&tap| meets(tap)).unwrap_or(first);
            first.min(axis.before / axis.dilation)..last + 1
        }))
    }

    /// The convolution by these taps alone.
    pub fn trim(&self, geometry: &Geometry) -> Geometry {
        let axes = std::array::from_fn(|index| {
            let (axis, taps) = (geometry.axes[index], &self.0[index]);
            Axis { kernel: taps.len(), before: axis.before - taps.start * axis.dilation, ..axis }
        });
        Geometry { axes, ..*geometry }
    }

    /// Their indices among all taps.
    fn indices(&self, geometry: &Geometry) -> impl Iterator<Item = usize> {
        let [z, y, x] = self.0.clone();
        let [_, rows, columns] = geometry.axes.map(|axis| axis.kernel);
        z.flat_map(move |z| {
            let x = x.clone();
            y.clone().flat_map(move |y| x.clone().map(move |x| (z * rows + y) * columns + x))
        })
    }

    /// Their weights.
    pub fn weights<'a, S: Copy + Send + Sync>(&self, geometry: &Geometry, weights: &'a [S]) -> Cow<'a, [S]> {
        let used: Vec<usize> = self.indices(geometry).collect();
        let all = geometry.taps();
        let Some(&any) = weights.first().filter(|_| used.len() < all) else { return Cow::Borrowed(weights) };
        let mut kept = vec![any; weights.len() / all * used.len()];
        let filters = (MOVED / used.len().max(1)).max(1);
        for_each_part(&mut kept, filters * used.len(), MOVED as u64, &|first, part| {
            let from = &weights[first / used.len() * all..];
            for (kept, weights) in part.chunks_exact_mut(used.len()).zip(from.chunks_exact(all)) {
                kept.iter_mut().zip(&used).for_each(|(kept, &tap)| *kept = weights[tap]);
            }
        });
        Cow::Owned(kept)
    }

    /// Their numbers among those of all taps, the others being 0.
    pub fn spread<S: Copy>(&self, geometry: &Geometry, numbers: &[S], zero: S, all: &mut [S]) {
        let used: Vec<usize> = self.indices(geometry).collect();
        for (all, numbers) in all.chunks_exact_mut(geometry.taps()).zip(numbers.chunks_exact(used.len())) {
            all.fill(zero);
            used.iter().zip(numbers).for_each(|(&tap, &number)| all[tap] = number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Taps that meet padding alone at either end, and more taps than a task moves numbers.
    #[test]
    fn weights_of_used_taps_are_kept_and_come_back() {
        let spread = |input, kernel, output, before| Axis { input, kernel, output, before, ..Axis::UNIT };
        for axes in [
            [spread(1, 7, 7, 6), spread(1, 7, 7, 6), spread(392, 394, 1, 1)],
            [Axis::UNIT, spread(1, 3, 1, 1), spread(2, 5, 2, 2)],
        ] {
            let geometry = Geometry { images: 2, groups: 1, input_channels: 1, output_channels: 3, axes };
            let taps = UsedTaps::of(&geometry);
            let used: Vec<usize> = taps.indices(&geometry).collect();
            assert_eq!(used.len(), taps.trim(&geometry).taps());
            assert!(used.len() < geometry.taps());
            let weights: Vec<usize> = (0..3 * geometry.taps()).collect();
            let kept = taps.weights(&geometry, &weights);
            let filters = (0..3).map(|filter| filter * geometry.taps());
            let wanted: Vec<usize> =
                filters.flat_map(|first| used.iter().map(move |tap| first + tap)).collect();
            assert_eq!(*kept, wanted);
            let mut all = vec![7; weights.len()];
            taps.spread(&geometry, &kept, 0, &mut all);
            let left: Vec<usize> = all.iter().copied().filter(|&number| number > 0).collect();
            assert_eq!(left, wanted.into_iter().filter(|&number| number > 0).collect::<Vec<_>>());
        }
    }
}
