//! Shapes of a convolution, and the padded planes in which its windows are found.

use std::ops::Range;

use crate::gemm::pack::Widen;
use crate::simd::{Tiered, on_tier};

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
    pub fn of_input(geometry: &Geometry, split: usize, rows: Range<usize>) -> Planes {
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

    /// Writes the planes of one channel; with `zeros_stay` the padding keeps what the last call left there.
    ///
    /// # Safety
    /// `source` holds a channel, and `target` has room for [`Planes::channel`] elements. Padding that stays was written
    /// by these planes.
    pub unsafe fn fill<S: Widen<T>, T: Copy + Default>(
        &self,
        source: *const S,
        target: *mut T,
        zeros_stay: bool,
    ) {
        on_tier(Fill { planes: self, source, target, zeros_stay });
    }

    /// The indices along an axis of a phase's plane that are not padding.
    fn inside(&self, axis: usize, phase: usize) -> Range<usize> {
        let skipped = self.before[axis] - phase as isize;
        let reached =
            |index: isize| (index.max(0) as usize).div_ceil(self.stride[axis]).min(self.extents[axis]);
        let first = reached(skipped);
        first..reached(self.source[axis] as isize + skipped).max(first)
    }

    /// The index in the source of such an index.
    fn source_index(&self, axis: usize, phase: usize, index: usize) -> usize {
        ((index * self.stride[axis] + phase) as isize - self.before[axis]) as usize
    }
}

/// [`Planes::fill`], whose caller alone makes one.
struct Fill<'a, S, T> {
    planes: &'a Planes,
    source: *const S,
    target: *mut T,
    zeros_stay: bool,
}

impl<S: Widen<T>, T: Copy + Default> Tiered for Fill<'_, S, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Fill { planes, source, target, zeros_stay } = self;
        if !zeros_stay {
            // SAFETY: the promise of the caller of `fill`.
            unsafe { std::slice::from_raw_parts_mut(target, planes.channel()) }.fill(T::default());
        }
        let ([_, height, width], [_, stride_y, stride]) = (planes.source, planes.stride);
        let [phases_z, phases_y, phases_x] = planes.phases;
        for phase_z in 0..phases_z {
            for phase_y in 0..phases_y {
                for phase_x in 0..phases_x {
                    let (rows, columns) = (planes.inside(1, phase_y), planes.inside(2, phase_x));
                    if rows.is_empty() || columns.is_empty() {
                        continue;
                    }
                    let row = planes.source_index(1, phase_y, rows.start);
                    let column = planes.source_index(2, phase_x, columns.start);
                    for z in planes.inside(0, phase_z) {
                        let slice = planes.source_index(0, phase_z, z);
                        let mut source = source.wrapping_add((slice * height + row) * width + column);
                        let place = planes.place([phase_z, phase_y, phase_x], [z, rows.start, columns.start]);
                        let mut target = target.wrapping_add(place);
                        for _ in rows.clone() {
                            // SAFETY: these pixels are within the source, and their places within the planes.
                            unsafe { fill_row(source, target, columns.len(), stride) };
                            source = source.wrapping_add(stride_y * width);
                            target = target.wrapping_add(planes.row_pitch());
                        }
                    }
                }
            }
        }
    }
}

/// # Safety
/// `target` has room for `count` pixels, and `source` holds them, a stride apart.
#[inline(always)]
unsafe fn fill_row<S: Widen<T>, T: Copy>(source: *const S, target: *mut T, count: usize, stride: usize) {
    // SAFETY: the caller's.
    unsafe {
        match S::as_computed(source) {
            Some(source) if stride == 1 => copy_row(source, target, count),
            Some(source) if stride == 2 && count > COPIED => copy_every_other(source, target, count),
            _ => {
                for index in 0..count {
                    target.add(index).write(source.add(index * stride).read().widen());
                }
            }
        }
    }
}

/// Pixels that are copied at a time: rows are short, and a call for each of them costs more than the copy.
const COPIED: usize = 8;

/// # Safety
/// Both hold `count` pixels and do not overlap.
#[inline(always)]
pub(super) unsafe fn copy_row<T: Copy>(source: *const T, target: *mut T, count: usize) {
    // SAFETY: the caller's.
    unsafe {
        if !(COPIED..16 * COPIED).contains(&count) {
            return std::ptr::copy_nonoverlapping(source, target, count);
        }
        let piece = |at: usize| {
            let pixels = source.add(at).cast::<[T; COPIED]>().read_unaligned();
            target.add(at).cast::<[T; COPIED]>().write_unaligned(pixels);
        };
        for at in (0..count - COPIED).step_by(COPIED) {
            piece(at);
        }
        // The last ones once more, rather than one by one.
        piece(count - COPIED);
    }
}

/// Copies pixels that lie two apart, more than [`COPIED`] of them.
///
/// # Safety
/// `target` has room for `count` pixels, and `source` holds them, and those between them.
#[inline(always)]
unsafe fn copy_every_other<T: Copy>(source: *const T, target: *mut T, count: usize) {
    // SAFETY: each piece of the source begins and ends between the first pixel and the last, so that the last piece begins
    // with what lies before its first pixel.
    unsafe {
        for at in (0..count - COPIED).step_by(COPIED) {
            let pairs = source.add(2 * at).cast::<[[T; 2]; COPIED]>().read_unaligned();
            target.add(at).cast::<[T; COPIED]>().write_unaligned(pairs.map(|[pixel, _]| pixel));
        }
        let last = count - COPIED;
        let pairs = source.add(2 * last - 1).cast::<[[T; 2]; COPIED]>().read_unaligned();
        target.add(last).cast::<[T; COPIED]>().write_unaligned(pairs.map(|[_, pixel]| pixel));
    }
}
