//! The batch axes of a tensor, and the way between one sample and all of them.

use std::sync::Arc;

use smallvec::SmallVec;
use tenfold_ir::{Layout, Shape};

use super::Level;
use crate::Tensor;

/// A batch axis: how far apart in memory the samples of a level are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BatchAxis {
    level: Level,
    stride: i64,
}

/// The batch axes of a tensor, by ascending level. Nearly all tensors have none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct BatchAxes(Option<Box<SmallVec<[BatchAxis; 2]>>>);

impl BatchAxes {
    fn new(axes: SmallVec<[BatchAxis; 2]>) -> BatchAxes {
        BatchAxes((!axes.is_empty()).then(|| Box::new(axes)))
    }

    /// True where there is none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    fn as_slice(&self) -> &[BatchAxis] {
        self.0.as_ref().map_or(&[], |axes| axes.as_slice())
    }

    /// True where there is an axis of that level.
    pub fn contains(&self, level: Level) -> bool {
        self.as_slice().iter().any(|axis| axis.level == level)
    }

    /// The levels.
    pub fn levels(&self) -> Levels {
        Levels(self.as_slice().iter().map(|axis| axis.level).collect())
    }

    fn with(&self, level: Level, stride: i64) -> BatchAxes {
        let mut axes = SmallVec::from_slice(self.as_slice());
        let place = axes.partition_point(|axis: &BatchAxis| axis.level < level);
        axes.insert(place, BatchAxis { level, stride });
        BatchAxes::new(axes)
    }

    fn without(&self, level: Level) -> BatchAxes {
        BatchAxes::new(self.as_slice().iter().copied().filter(|axis| axis.level != level).collect())
    }
}

/// Levels in ascending order, whose axes come in front of those of a sample.
#[derive(Clone, Debug, Default)]
pub(crate) struct Levels(Vec<Level>);

impl Levels {
    /// The levels of several tensors together.
    #[inline]
    pub fn of<'a>(tensors: impl IntoIterator<Item = &'a Tensor>) -> Levels {
        let mut levels = Levels::default();
        for tensor in tensors {
            if !tensor.batch().is_empty() {
                levels.add(tensor.batch());
            }
        }
        levels
    }

    /// Those of a list in ascending order.
    pub fn ascending(levels: impl IntoIterator<Item = Level>) -> Levels {
        Levels(levels.into_iter().collect())
    }

    #[cold]
    fn add(&mut self, axes: &BatchAxes) {
        for axis in axes.as_slice() {
            if let Err(place) = self.0.binary_search(&axis.level) {
                self.0.insert(place, axis.level);
            }
        }
    }

    /// True where there is none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many axes stand in front.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// How many samples there are.
    pub fn samples(&self) -> usize {
        self.extents().product()
    }

    /// The extents of the axes in front.
    pub fn extents(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().map(|level| level.extent)
    }

    /// The levels, in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Level> {
        self.0.iter()
    }

    /// The shape of all samples.
    #[inline]
    pub fn before(&self, shape: &[usize]) -> Shape {
        if self.is_empty() {
            return Shape::new(shape);
        }
        self.extents().chain(shape.iter().copied()).collect()
    }

    /// The batch axes of a result whose samples lie densely one after the other.
    #[inline]
    pub fn dense_axes(&self, shape: &Shape) -> BatchAxes {
        if self.is_empty() {
            return BatchAxes::default();
        }
        let strides = self.before(shape).dense_strides();
        BatchAxes::new(
            self.0.iter().zip(strides).map(|(&level, stride)| BatchAxis { level, stride }).collect(),
        )
    }
}

impl Tensor {
    /// The layout of all samples of these levels, which contain the tensor's own: their axes in front.
    #[inline]
    pub(crate) fn layout_of_all(&self, levels: &Levels) -> Arc<Layout> {
        if levels.is_empty() { self.shared_layout().clone() } else { self.layout_with_axes(levels) }
    }

    #[cold]
    fn layout_with_axes(&self, levels: &Levels) -> Arc<Layout> {
        let layout = self.layout();
        let own = self.batch().as_slice();
        let stride =
            |level: &Level| own.iter().find(|axis| axis.level == *level).map_or(0, |axis| axis.stride);
        let strides = levels.iter().map(stride).chain(layout.strides().iter().copied()).collect();
        Arc::new(Layout::strided(levels.before(layout.shape()), strides, layout.offset()))
    }

    /// All samples of these levels, with their axes in front: an ordinary tensor without gradient.
    pub(crate) fn all_samples(&self, levels: &Levels) -> Tensor {
        let mut result = self.detach();
        result.replace_layout(self.layout_of_all(levels), BatchAxes::default());
        result
    }

    /// All samples that the tensor has, for checks that all must pass.
    pub(crate) fn every_sample(&self) -> Tensor {
        if self.is_batched() { self.all_samples(&self.batch().levels()) } else { self.clone() }
    }

    /// The tensor of one sample, from all of them with the axes of these levels in front. Without gradient.
    pub(crate) fn as_samples(&self, levels: &Levels) -> Tensor {
        let mut result = self.detach();
        for &level in levels.iter() {
            result.take_batch_axis(level, 0);
        }
        result
    }

    /// The same for each sample of a level that the tensor has no axis of; itself where it has one.
    pub(crate) fn repeated(&self, level: Level) -> Tensor {
        if self.batch().contains(level) {
            return self.clone();
        }
        let mut result = self.clone();
        result.replace_layout(self.shared_layout().clone(), self.batch().with(level, 0));
        result
    }

    /// Makes an axis one of a level that the tensor has none of.
    pub(super) fn take_batch_axis(&mut self, level: Level, axis: usize) {
        let batch = self.batch().with(level, self.layout().strides()[axis]);
        let rest = self.layout().select(axis, 0);
        self.replace_layout(Arc::new(rest), batch);
    }

    /// Makes the axis of a level an ordinary one.
    pub(super) fn give_batch_axis(&mut self, level: Level, axis: usize) {
        let own = self.batch().as_slice().iter().find(|own| own.level == level);
        let stride = own.expect("the tensor has an axis of the level").stride;
        let mut strides = SmallVec::from_slice(self.layout().strides());
        strides.insert(axis, stride);
        let shape = self.shape().with(axis, level.extent);
        let layout = Layout::strided(shape, strides, self.layout().offset());
        let batch = self.batch().without(level);
        self.replace_layout(Arc::new(layout), batch);
    }
}
