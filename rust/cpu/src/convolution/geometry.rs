//! Shapes of a convolution, and the padded planes in which its windows are found.

use crate::gemm::pack::Widen;

/// One spatial axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Axis {
    /// Extent of the input.
    pub input: usize,
    /// Extent of the filter.
    pub kernel: usize,
    /// Extent of the output.
    pub output: usize,
    /// Step between outputs.
    pub stride: usize,
    /// Zeros before the input. Those after it follow from the output's extent.
    pub before: usize,
    /// Step between elements of the filter.
    pub dilation: usize,
}

impl Axis {
    /// An axis of one element, for convolutions with fewer than three.
    pub const UNIT: Axis = Axis { input: 1, kernel: 1, output: 1, stride: 1, before: 0, dilation: 1 };

    /// The distance from a window's first to its last element.
    fn reach(&self) -> usize {
        (self.kernel.max(1) - 1) * self.dilation
    }
}

/// A convolution of images with dense channels, `(N, C, z, y, x)`. Fewer spatial axes take
/// [`Axis::UNIT`] in front.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Images in the batch.
    pub images: usize,
    /// Groups of channels that are convolved independently.
    pub groups: usize,
    /// Input channels of a group.
    pub input_channels: usize,
    /// Output channels of a group.
    pub output_channels: usize,
    /// The spatial axes.
    pub axes: [Axis; 3],
}

impl Geometry {
    /// Elements of a filter for one channel.
    pub fn taps(&self) -> usize {
        self.axes.iter().map(|axis| axis.kernel).product()
    }

    /// Pixels of a channel of the input.
    pub fn input_pixels(&self) -> usize {
        self.axes.iter().map(|axis| axis.input).product()
    }

    /// Pixels of a channel of the output.
    pub fn output_pixels(&self) -> usize {
        self.axes.iter().map(|axis| axis.output).product()
    }

    /// All taps of the filter, in the order of its elements.
    pub(super) fn all_taps(&self) -> impl Iterator<Item = [usize; 3]> {
        let [z, y, x] = self.axes.map(|axis| axis.kernel);
        (0..z).flat_map(move |z| (0..y).flat_map(move |y| (0..x).map(move |x| [z, y, x])))
    }
}

/// Where the pixels of a channel lie after padding: one plane for each phase of the stride, so that
/// neighbouring outputs find their inputs side by side whatever the stride is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Planes {
    /// Extents of the source.
    pub source: [usize; 3],
    /// Zeros before the source; negative where the planes begin inside of it.
    pub before: [isize; 3],
    /// Pixels of neighbouring elements of a plane are this far apart in the source.
    pub stride: [usize; 3],
    /// Phases that are kept.
    pub phases: [usize; 3],
    /// Extents of a plane.
    pub extents: [usize; 3],
}

impl Planes {
    /// The planes that the outputs of `rows` along axis `split` need of the input.
    pub fn of_input(geometry: &Geometry, split: usize, rows: std::ops::Range<usize>) -> Planes {
        let axes = &geometry.axes;
        let mut before = axes.map(|axis| axis.before as isize);
        let mut extents = axes.map(|axis| axis.output + axis.reach() / axis.stride);
        before[split] -= (rows.start * axes[split].stride) as isize;
        extents[split] -= axes[split].output - rows.len();
        Planes {
            source: axes.map(|axis| axis.input),
            before,
            stride: axes.map(|axis| axis.stride),
            phases: axes.map(|axis| axis.stride.min(axis.reach() + 1)),
            extents,
        }
    }

    /// The planes of the output's gradient that the input's gradient needs: one phase, padded so that
    /// every window that covers an input is within.
    pub fn of_gradient(geometry: &Geometry) -> Planes {
        let axes = &geometry.axes;
        Planes {
            source: axes.map(|axis| axis.output),
            before: axes.map(|axis| (axis.reach() / axis.stride) as isize),
            stride: [1; 3],
            phases: [1; 3],
            extents: axes
                .map(|axis| (axis.input + axis.before).div_ceil(axis.stride) + axis.reach() / axis.stride),
        }
    }

    /// Elements of a channel.
    pub fn channel(&self) -> usize {
        self.phases.iter().chain(&self.extents).product()
    }

    /// Distance of neighbouring rows.
    pub fn row_pitch(&self) -> usize {
        self.extents[2]
    }

    /// Distance of neighbouring slices.
    pub fn slice_pitch(&self) -> usize {
        self.extents[1] * self.extents[2]
    }

    /// The place of a plane's element within the channel.
    pub fn place(&self, phase: [usize; 3], index: [usize; 3]) -> usize {
        let phase = (phase[0] * self.phases[1] + phase[1]) * self.phases[2] + phase[2];
        ((phase * self.extents[0] + index[0]) * self.extents[1] + index[1]) * self.extents[2] + index[2]
    }

    /// The place at which a tap of the filter finds the first output's input.
    pub fn tap(&self, geometry: &Geometry, tap: [usize; 3]) -> usize {
        let distance: [usize; 3] = std::array::from_fn(|axis| tap[axis] * geometry.axes[axis].dilation);
        let phase = std::array::from_fn(|axis| distance[axis] % self.stride[axis]);
        let index = std::array::from_fn(|axis| distance[axis] / self.stride[axis]);
        self.place(phase, index)
    }

    /// Planes that need no copy: the source itself, possibly from a later row on.
    pub fn source_offset(&self) -> Option<usize> {
        let rows_only = self.before[0] <= 0 && self.before[1] <= 0 && self.before[2] == 0;
        let fits =
            (0..3).all(|axis| self.extents[axis] as isize - self.before[axis] <= self.source[axis] as isize);
        let whole = self.stride == [1; 3] && self.extents[2] <= self.source[2];
        let [_, y, x] = self.source;
        (rows_only && fits && whole)
            .then(|| (self.before[0].unsigned_abs() * y + self.before[1].unsigned_abs()) * x)
    }

    /// The same planes within the source, which then sets the distances of rows and channels.
    pub fn in_source(&self) -> Planes {
        Planes { extents: self.source, ..*self }
    }

    /// Writes the planes of one channel.
    ///
    /// # Safety
    /// `source` holds a channel, and `target` has room for [`Planes::channel`] elements.
    pub unsafe fn fill<S: Widen<T>, T: Copy + Default>(&self, source: *const S, target: *mut T) {
        let mut row_target = target;
        let [phases_z, phases_y, phases_x] = self.phases;
        for phase_z in 0..phases_z {
            for phase_y in 0..phases_y {
                for phase_x in 0..phases_x {
                    for z in 0..self.extents[0] {
                        for y in 0..self.extents[1] {
                            let z = self.source_index(0, phase_z, z);
                            let y = self.source_index(1, phase_y, y);
                            // SAFETY: the row is within the source, and rows of the target follow each
                            // other.
                            unsafe {
                                let row = z
                                    .zip(y)
                                    .map(|(z, y)| source.add((z * self.source[1] + y) * self.source[2]));
                                self.fill_row(row, phase_x, row_target);
                                row_target = row_target.add(self.extents[2]);
                            }
                        }
                    }
                }
            }
        }
    }

    /// The index in the source of a plane's index along an axis, if it is not padding.
    fn source_index(&self, axis: usize, phase: usize, index: usize) -> Option<usize> {
        let index = (index * self.stride[axis] + phase) as isize - self.before[axis];
        usize::try_from(index).ok().filter(|&index| index < self.source[axis])
    }

    /// # Safety
    /// `row` is a row of the source, and `target` has room for a row of a plane.
    unsafe fn fill_row<S: Widen<T>, T: Copy + Default>(
        &self,
        row: Option<*const S>,
        phase: usize,
        target: *mut T,
    ) {
        let (width, stride, before) = (self.extents[2], self.stride[2], self.before[2]);
        // Elements from `first` to `end` are not padding.
        let skipped = before - phase as isize;
        let first = if skipped > 0 { (skipped as usize).div_ceil(stride).min(width) } else { 0 };
        let beyond = self.source[2] as isize + skipped;
        let end = if beyond > 0 { (beyond as usize).div_ceil(stride).clamp(first, width) } else { first };
        // SAFETY: the indices stay within the row of the source and of the plane.
        unsafe {
            let Some(row) = row.filter(|_| end > first) else {
                std::slice::from_raw_parts_mut(target, width).fill(T::default());
                return;
            };
            std::slice::from_raw_parts_mut(target, first).fill(T::default());
            std::slice::from_raw_parts_mut(target.add(end), width - end).fill(T::default());
            let source = row.offset((first * stride) as isize - skipped);
            match S::as_computed(source) {
                Some(source) if stride == 1 => source.copy_to_nonoverlapping(target.add(first), end - first),
                // A stride that the compiler knows becomes shuffles.
                Some(source) if stride == 2 => {
                    for index in 0..end - first {
                        target.add(first + index).write(source.add(index * 2).read());
                    }
                }
                _ => {
                    for index in 0..end - first {
                        target.add(first + index).write(source.add(index * stride).read().widen());
                    }
                }
            }
        }
    }
}
