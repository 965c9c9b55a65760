//! Layouts: how the elements of a tensor lie in its buffer, and the algebra of movement operations.

use smallvec::SmallVec;

use crate::{Error, Result, Shape, Strides};

/// Shape, strides and offset in elements over a buffer. Strides may be negative or 0.
#[derive(Clone, Debug, Eq, Hash)]
#[allow(
    clippy::derived_hash_with_manual_eq,
    reason = "equal layouts are equal lists, compared in another way"
)]
pub struct Layout {
    shape: Shape,
    strides: Strides,
    offset: i64,
}

impl PartialEq for Layout {
    /// Loops, as those of shapes.
    #[inline]
    fn eq(&self, other: &Layout) -> bool {
        self.shape == other.shape
            && self.offset == other.offset
            && self.strides().iter().zip(other.strides()).all(|(a, b)| a == b)
    }
}

impl Layout {
    /// Dense and row-major from the start of the buffer.
    pub fn dense(shape: Shape) -> Layout {
        let strides = shape.dense_strides();
        Layout { shape, strides, offset: 0 }
    }

    /// A layout with these strides; the caller answers for its staying within the buffer (see [`Layout::span`]).
    pub fn strided(shape: Shape, strides: Strides, offset: i64) -> Layout {
        debug_assert_eq!(shape.rank(), strides.len());
        Layout { shape, strides, offset }
    }

    /// The extents.
    #[inline]
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The strides in elements.
    #[inline]
    pub fn strides(&self) -> &[i64] {
        &self.strides
    }

    /// The index of the first element in the buffer.
    #[inline]
    pub fn offset(&self) -> i64 {
        self.offset
    }

    /// The number of axes.
    #[inline]
    pub fn rank(&self) -> usize {
        self.shape.rank()
    }

    /// The number of elements.
    #[inline]
    pub fn elements(&self) -> usize {
        self.shape.elements()
    }

    /// True where every index has the same element.
    #[must_use]
    pub fn is_single(&self) -> bool {
        self.shape().iter().zip(self.strides()).all(|(&extent, &stride)| extent == 1 || stride == 0)
    }

    /// True where the elements lie densely in row-major order (from any offset). Axes of extent 1 do not count.
    #[inline]
    pub fn is_contiguous(&self) -> bool {
        if self.shape.is_empty_tensor() {
            return true;
        }
        let mut step = 1i64;
        for axis in (0..self.rank()).rev() {
            let extent = self.shape[axis];
            if extent != 1 {
                if self.strides[axis] != step {
                    return false;
                }
                step *= extent as i64;
            }
        }
        true
    }

    /// True for a dense layout from the start of a buffer.
    #[inline]
    pub fn is_dense(&self) -> bool {
        self.offset == 0 && self.is_contiguous()
    }

    /// The smallest and largest index of the buffer that it touches; `None` where it has no elements.
    pub fn span(&self) -> Option<(i64, i64)> {
        if self.shape.is_empty_tensor() {
            return None;
        }
        let (mut low, mut high) = (self.offset, self.offset);
        for (&extent, &stride) in self.shape.iter().zip(&self.strides) {
            let reach = (extent as i64 - 1) * stride;
            if reach < 0 {
                low += reach;
            } else {
                high += reach;
            }
        }
        Some((low, high))
    }

    /// True where no element of the buffer is named twice (sufficient test: strides sorted by size do not overlap).
    pub fn is_injective(&self) -> bool {
        if self.shape.is_empty_tensor() {
            return true;
        }
        let mut axes: SmallVec<[(i64, i64); 4]> = (0..self.rank())
            .filter(|&axis| self.shape[axis] != 1)
            .map(|axis| (self.strides[axis].abs(), self.shape[axis] as i64))
            .collect();
        axes.sort_unstable();
        let mut reach = 0;
        for (stride, extent) in axes {
            if stride <= reach {
                return false;
            }
            reach += stride * (extent - 1);
        }
        true
    }

    /// True where the elements of two layouts, each injective, are certainly different ones: pieces of one tensor.
    pub fn is_apart_from(&self, other: &Layout) -> bool {
        if self.strides != other.strides {
            return match (self.span(), other.span()) {
                (Some(own), Some(others)) => own.1 < others.0 || others.1 < own.0,
                _ => true,
            };
        }
        let (first, second) = if self.offset <= other.offset { (self, other) } else { (other, self) };
        let distance = second.offset - first.offset;
        let both: Shape = first.shape.iter().zip(second.shape.iter()).map(|(&a, &b)| a.max(b)).collect();
        let strides = &self.strides;
        let is_injective = |shape, strides| Layout { shape, strides, offset: 0 }.is_injective();
        // Both within one injective layout: one behind the other along an axis, or along one more.
        let behind = (0..self.rank()).any(|axis| {
            let steps = if strides[axis] > 0 { distance / strides[axis] } else { 0 };
            steps >= first.shape[axis] as i64
                && distance % strides[axis] == 0
                && is_injective(both.replaced(axis, steps as usize + second.shape[axis]), strides.clone())
        });
        let mut with_distance = strides.clone();
        with_distance.push(distance);
        behind || (distance > 0 && is_injective(both.with(both.rank(), 2), with_distance))
    }

    /// The buffer index of the element at `index`.
    pub fn position(&self, index: &[usize]) -> i64 {
        self.offset + index.iter().zip(&self.strides).map(|(&i, &stride)| i as i64 * stride).sum::<i64>()
    }

    /// The buffer index of each element, in row-major order of the indices.
    pub fn positions(&self) -> Positions {
        Positions {
            layout: self.clone(),
            index: SmallVec::from_elem(0, self.rank()),
            position: self.offset,
            left: self.elements(),
        }
    }

    /// Axes in a new order: axis `i` of the result is axis `order[i]`.
    pub fn permute(&self, order: &[usize]) -> Layout {
        Layout {
            shape: order.iter().map(|&axis| self.shape[axis]).collect(),
            strides: order.iter().map(|&axis| self.strides[axis]).collect(),
            offset: self.offset,
        }
    }

    /// Two axes exchanged.
    pub fn swap_axes(&self, a: usize, b: usize) -> Layout {
        let mut order: SmallVec<[usize; 4]> = (0..self.rank()).collect();
        order.swap(a, b);
        self.permute(&order)
    }

    /// Broadcast to `shape`: new axes in front and axes of extent 1 get stride 0. `None` where it does not fit.
    pub fn broadcast_to(&self, shape: &Shape) -> Option<Layout> {
        let shift = shape.rank().checked_sub(self.rank())?;
        let mut strides: Strides = SmallVec::from_elem(0, shape.rank());
        for axis in 0..self.rank() {
            let (from, to) = (self.shape[axis], shape[axis + shift]);
            if from == to {
                strides[axis + shift] = self.strides[axis];
            } else if from != 1 {
                return None;
            }
        }
        Some(Layout { shape: shape.clone(), strides, offset: self.offset })
    }

    /// A new axis of extent 1 before `axis`.
    pub fn insert_axis(&self, axis: usize) -> Layout {
        let mut strides = self.strides.clone();
        let stride = if axis < self.rank() { self.strides[axis] * self.shape[axis] as i64 } else { 1 };
        strides.insert(axis, stride);
        Layout { shape: self.shape.with(axis, 1), strides, offset: self.offset }
    }

    /// Without `axis`, at `index` along it.
    pub fn select(&self, axis: usize, index: usize) -> Layout {
        let mut strides = self.strides.clone();
        let stride = strides.remove(axis);
        Layout { shape: self.shape.without(axis), strides, offset: self.offset + index as i64 * stride }
    }

    /// `length` elements along `axis` from `start` in steps of `step` (which may be negative).
    pub fn slice(&self, axis: usize, start: usize, step: i64, length: usize) -> Layout {
        let mut strides = self.strides.clone();
        let offset = if length == 0 { self.offset } else { self.offset + start as i64 * strides[axis] };
        strides[axis] = strides[axis].wrapping_mul(step);
        Layout { shape: self.shape.replaced(axis, length), strides, offset }
    }

    /// Reversed along `axis`.
    pub fn flip(&self, axis: usize) -> Layout {
        match self.shape[axis] {
            0 => self.clone(),
            extent => self.slice(axis, extent - 1, -1, extent),
        }
    }

    /// The diagonal of axes `a` and `b`, as a new last axis.
    pub fn diagonal(&self, offset: i64, a: usize, b: usize) -> Layout {
        let (rows, columns) = (self.shape[a] as i64, self.shape[b] as i64);
        let length =
            if offset >= 0 { rows.min(columns - offset) } else { (rows + offset).min(columns) }.max(0);
        let start = if length == 0 {
            0
        } else if offset >= 0 {
            offset * self.strides[b]
        } else {
            -offset * self.strides[a]
        };
        let mut shape: Shape =
            (0..self.rank()).filter(|&axis| axis != a && axis != b).map(|axis| self.shape[axis]).collect();
        let mut strides: Strides =
            (0..self.rank()).filter(|&axis| axis != a && axis != b).map(|axis| self.strides[axis]).collect();
        shape = shape.with(shape.rank(), length as usize);
        strides.push(self.strides[a] + self.strides[b]);
        Layout { shape, strides, offset: self.offset + start }
    }

    /// All windows of `size` along `axis` in steps of `step`; the window becomes a new last axis.
    pub fn unfold(&self, axis: usize, size: usize, step: usize) -> Layout {
        let windows = (self.shape[axis] - size) / step + 1;
        let mut strides = self.strides.clone();
        let stride = strides[axis];
        strides[axis] = stride * step as i64;
        strides.push(stride);
        let shape = self.shape.replaced(axis, windows);
        Layout { shape: shape.with(shape.rank(), size), strides, offset: self.offset }
    }

    /// The same elements in row-major order under another shape, where no copy is needed.
    ///
    /// `shape` has the same number of elements. Runs of axes that lie evenly in memory are regrouped.
    pub fn reshape(&self, shape: &Shape) -> Option<Layout> {
        debug_assert_eq!(self.elements(), shape.elements());
        if self.shape.is_empty_tensor() {
            return Some(Layout {
                shape: shape.clone(),
                strides: shape.dense_strides(),
                offset: self.offset,
            });
        }
        // Runs (extent, stride of the innermost element) of the old axes, without those of extent 1.
        let mut runs: SmallVec<[(usize, i64); 4]> = SmallVec::new();
        for axis in 0..self.rank() {
            let (extent, stride) = (self.shape[axis], self.strides[axis]);
            if extent == 1 {
                continue;
            }
            match runs.last_mut() {
                Some((run, inner)) if *inner == stride * extent as i64 => {
                    *run *= extent;
                    *inner = stride;
                }
                _ => runs.push((extent, stride)),
            }
        }
        let mut strides: Strides = SmallVec::from_elem(1, shape.rank());
        let mut axis = shape.rank();
        for &(run, stride) in runs.iter().rev() {
            let (mut filled, mut step) = (1usize, stride);
            while filled < run {
                axis = axis.checked_sub(1)?;
                strides[axis] = step;
                filled *= shape[axis];
                step *= shape[axis] as i64;
            }
            if filled != run {
                return None;
            }
        }
        // What is left in front has extent 1; any stride will do, a dense one reads best.
        for left in (0..shape.rank()).rev() {
            if shape[left] == 1 {
                strides[left] =
                    if left + 1 < shape.rank() { strides[left + 1] * shape[left + 1] as i64 } else { 1 };
            }
        }
        Some(Layout { shape: shape.clone(), strides, offset: self.offset })
    }

    /// This layout seen through another one that was made over the dense layout of the same shape.
    ///
    /// `view` describes a movement of a dense tensor of shape `self.shape()`; the result is the same movement of
    /// this layout, where it can be had with strides (always for a dense one).
    pub fn compose(&self, view: &Layout) -> Option<Layout> {
        if self.is_contiguous() {
            return Some(Layout {
                shape: view.shape.clone(),
                strides: view.strides.clone(),
                offset: view.offset + self.offset,
            });
        }
        if view.shape.is_empty_tensor() {
            return Some(Layout { offset: self.offset, ..view.clone() });
        }
        // The dense index of an element has one digit a run of joined axes. What is a stride for each of them is one for
        // all, as long as no step carries from one digit into the next.
        let mut runs: SmallVec<[(i64, i64); 4]> = SmallVec::new();
        for (&extent, &stride) in self.shape.iter().zip(&self.strides).filter(|axis| *axis.0 != 1) {
            match runs.last_mut() {
                Some((joined, inner)) if *inner == stride * extent as i64 => {
                    (*joined, *inner) = (*joined * extent as i64, stride);
                }
                _ => runs.push((extent as i64, stride)),
            }
        }
        let mut offset = self.offset;
        let mut strides: Strides = SmallVec::from_elem(0, view.rank());
        let (mut at, mut steps) = (view.offset, view.strides.clone());
        for (run, &(extent, stride)) in runs.iter().enumerate().rev() {
            // The first digit is what is left: it never overflows into another.
            let digit = |index: i64| if run == 0 { index } else { index % extent };
            let first = digit(at);
            let (mut low, mut high) = (first, first);
            for axis in 0..view.rank() {
                let step = digit(steps[axis]);
                let reach = step * (view.shape[axis] as i64 - 1);
                (low, high) = (low + reach.min(0), high + reach.max(0));
                strides[axis] += step * stride;
                steps[axis] = (steps[axis] - step) / extent;
            }
            if low < 0 || high >= extent {
                return None;
            }
            offset += first * stride;
            at = (at - first) / extent;
        }
        Some(Layout { shape: view.shape.clone(), strides, offset })
    }

    /// An error where some element would lie outside a buffer of `elements`.
    pub fn check_within(&self, operation: &'static str, elements: usize) -> Result<()> {
        match self.span() {
            Some((low, high)) if low < 0 || high >= elements as i64 => Err(Error::value(
                operation,
                format!(
                    "shape {}, strides {:?} and offset {} reach outside the storage of {elements} elements",
                    self.shape,
                    self.strides.as_slice(),
                    self.offset
                ),
            )),
            _ => Ok(()),
        }
    }
}

/// Iterator over buffer indices, see [`Layout::positions`].
pub struct Positions {
    layout: Layout,
    index: SmallVec<[usize; 4]>,
    position: i64,
    left: usize,
}

impl Iterator for Positions {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        if self.left == 0 {
            return None;
        }
        self.left -= 1;
        let here = self.position as usize;
        for axis in (0..self.index.len()).rev() {
            self.index[axis] += 1;
            self.position += self.layout.strides[axis];
            if self.index[axis] < self.layout.shape[axis] {
                break;
            }
            self.position -= self.layout.strides[axis] * self.index[axis] as i64;
            self.index[axis] = 0;
        }
        Some(here)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dense(extents: &[usize]) -> Layout {
        Layout::dense(Shape::new(extents))
    }

    #[test]
    fn reshape_of_a_transposed_layout_needs_a_copy_where_axes_do_not_join() {
        let transposed = dense(&[2, 3, 4]).permute(&[1, 0, 2]);
        assert!(transposed.reshape(&Shape::from([6, 4])).is_none());
        let split = transposed.reshape(&Shape::from([3, 2, 2, 2])).unwrap();
        assert_eq!(split.strides(), &[4, 12, 2, 1]);
    }

    #[test]
    fn reshape_with_ones_and_broadcast_axes() {
        let wide = dense(&[1, 3]).broadcast_to(&Shape::from([5, 3])).unwrap();
        assert!(wide.reshape(&Shape::from([15])).is_none());
        let ones = wide.reshape(&Shape::from([5, 1, 3, 1])).unwrap();
        assert_eq!(ones.positions().collect::<Vec<_>>(), wide.positions().collect::<Vec<_>>());
    }

    #[test]
    fn positions_follow_row_major_order_of_the_view() {
        let view = dense(&[2, 3]).flip(1).permute(&[1, 0]);
        assert_eq!(view.positions().collect::<Vec<_>>(), [2, 5, 1, 4, 0, 3]);
        assert_eq!(dense(&[]).positions().collect::<Vec<_>>(), [0]);
        assert_eq!(dense(&[0, 3]).positions().count(), 0);
    }

    #[test]
    fn diagonals_above_and_below() {
        let square = dense(&[3, 4]);
        assert_eq!(square.diagonal(1, 0, 1).positions().collect::<Vec<_>>(), [1, 6, 11]);
        assert_eq!(square.diagonal(-2, 0, 1).positions().collect::<Vec<_>>(), [8]);
        assert_eq!(square.diagonal(9, 0, 1).elements(), 0);
    }

    #[test]
    fn a_layout_seen_through_another_shows_the_same_elements() {
        let shape = Shape::from([4, 6, 5]);
        let whole = dense(&[4, 6, 5]);
        let sources = [
            dense(&[4, 6, 9]).slice(2, 3, 1, 5),
            dense(&[5, 6, 4]).permute(&[2, 1, 0]),
            dense(&[6, 5]).broadcast_to(&shape).unwrap(),
            dense(&[4, 1, 1]).broadcast_to(&shape).unwrap(),
            dense(&[4, 6, 5]).flip(1),
        ];
        let views = [
            (whole.permute(&[1, 2, 0]), 5),
            (whole.reshape(&Shape::from([4, 30])).unwrap(), 2),
            (whole.reshape(&Shape::from([2, 2, 3, 2, 5])).unwrap(), 5),
            (whole.slice(1, 4, -2, 2).select(0, 3), 5),
            (whole.diagonal(1, 0, 1), 5),
            (whole.unfold(1, 3, 2), 5),
            (whole.slice(2, 0, 1, 0), 5),
        ];
        for (view, fitting) in &views {
            let mut fit = 0;
            for source in &sources {
                let of_elements: Vec<usize> = source.positions().collect();
                let expected: Vec<usize> = view.positions().map(|index| of_elements[index]).collect();
                if let Some(composed) = source.compose(view) {
                    assert_eq!(composed.positions().collect::<Vec<_>>(), expected, "{source:?} {view:?}");
                    fit += 1;
                }
            }
            assert_eq!(fit, *fitting, "{view:?}");
        }
    }

    #[test]
    fn pieces_of_a_tensor_lie_apart() {
        let whole = dense(&[4, 6]);
        let left = whole.slice(1, 0, 1, 3);
        assert!(left.is_apart_from(&whole.slice(1, 3, 1, 3)));
        assert!(left.is_apart_from(&whole.slice(1, 4, 1, 2)));
        assert!(!left.is_apart_from(&whole.slice(1, 2, 1, 3)));
        assert!(whole.slice(0, 0, 1, 2).is_apart_from(&whole.slice(0, 2, 1, 2)));
        assert!(whole.select(0, 0).is_apart_from(&whole.select(0, 3)));
        assert!(whole.select(1, 2).is_apart_from(&whole.select(1, 0)));
        assert!(!whole.select(0, 0).is_apart_from(&whole.select(0, 0)));
        assert!(!whole.select(0, 0).is_apart_from(&whole.select(1, 0)));
    }

    #[test]
    fn injective_layouts_are_told_from_overlapping_ones() {
        assert!(dense(&[3, 4]).permute(&[1, 0]).flip(0).is_injective());
        assert!(!dense(&[1, 4]).broadcast_to(&Shape::from([3, 4])).unwrap().is_injective());
        assert!(!dense(&[5]).unfold(0, 3, 1).is_injective());
    }
}
