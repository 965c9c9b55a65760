//! Depthwise convolutions: one channel a group on either side, forward and the input's gradient.
//!
//! A plane is little work, so a task takes many that follow each other: they share offsets, and padded planes whose
//! zeros are written once. 3×3 weights with neighbouring pixels read planes where they lie. The order of each sum is that of
//! the general kernels.

use super::Call;
use super::geometry::{Axis, Geometry, Planes};
use super::input_gradient::Phase;
use super::single::SingleRow;
use super::window::Shared;
use crate::backend::disjoint::for_each_range;
use crate::gemm::Block;
use crate::gemm::blocks::{DEPTH_BLOCK, FINISHED_COLUMNS, even_pieces};
use crate::gemm::micro_kernel::Real;
use crate::gemm::micro_kernel::stencil::{Stencil, TAPS};
use crate::gemm::pack::Widen;
use crate::gemm::scratch::Scratch;
use crate::threads::thread_count;

/// What a task should take, in nanoseconds.
const TASK_NANOSECONDS: u64 = 50_000;

/// Planes of results that are finished together should stay within this, half of a usual first-level cache.
const FINISHED_BYTES: usize = 16 << 10;

/// True where whole planes are tasks enough.
pub(super) fn serves(geometry: &Geometry) -> bool {
    let Geometry { images, groups, input_channels, output_channels, .. } = *geometry;
    input_channels == 1
        && output_channels == 1
        && (1..=DEPTH_BLOCK).contains(&geometry.taps())
        && images * groups >= 2 * thread_count()
}

/// Windows of a plane that the same taps reach.
struct Pass {
    /// The taps, and each one's distance from a window's first element.
    taps: Vec<usize>,
    offsets: Vec<usize>,
    /// The place of the first window in the padded planes, and that of its result.
    first_window: usize,
    first_result: usize,
    /// Windows along each axis, and distances of neighbours' results.
    grid: [usize; 3],
    strides: [usize; 3],
}

/// The convolution.
pub(super) fn forward<S: Widen<T>, T: Real>(call: Call<'_, S>) {
    let geometry = call.geometry;
    let planes = Planes::of_input(&geometry, 1, 0..geometry.axes[1].output);
    let grid = geometry.axes.map(|axis| axis.output);
    let pass = Pass {
        taps: (0..geometry.taps()).collect(),
        offsets: geometry.all_taps().map(|tap| planes.tap(&geometry, tap)).collect(),
        first_window: 0,
        first_result: 0,
        grid,
        strides: [grid[1] * grid[2], grid[2], 1],
    };
    let direct =
        Direct::new(geometry.axes, |axis| (axis.input, axis.output), |axis, tap| tap - axis.before as isize);
    run(call, &planes, &[pass], direct, [geometry.input_pixels(), geometry.output_pixels()]);
}

/// The gradient of the input: a pass for each phase of the stride.
pub(super) fn input_gradient<S: Widen<T>, T: Real>(call: Call<'_, S>) {
    let geometry = call.geometry;
    let planes = Planes::of_gradient(&geometry);
    let [_, y, x] = geometry.axes.map(|axis| axis.input);
    let [stride_z, stride_y, stride_x] = geometry.axes.map(|axis| axis.stride);
    let passes: Vec<Pass> = Phase::all(&geometry, &planes)
        .map(|phase| Pass {
            first_result: (phase.first[0] * y + phase.first[1]) * x + phase.first[2],
            taps: phase.taps,
            offsets: phase.places,
            first_window: phase.first_window,
            grid: phase.grid,
            strides: [stride_z * y * x, stride_y * x, stride_x],
        })
        .filter(|pass| !pass.grid.contains(&0))
        .collect();
    let direct =
        Direct::new(geometry.axes, |axis| (axis.output, axis.input), |axis, tap| axis.before as isize - tap);
    run(call, &planes, &passes, direct, [geometry.output_pixels(), geometry.input_pixels()]);
}

/// Runs the passes on all planes, of so many pixels before and after.
fn run<S: Widen<T>, T: Real>(
    call: Call<'_, S>,
    planes: &Planes,
    passes: &[Pass],
    direct: Option<Direct>,
    pixels: [usize; 2],
) {
    let geometry = &call.geometry;
    let (count, taps) = (geometry.images * geometry.groups, geometry.taps());
    // The weights of each group, those of a pass side by side in the order of the passes.
    let used: usize = passes.iter().map(|pass| pass.taps.len()).sum();
    let weights: Vec<T> = (0..geometry.groups)
        .flat_map(|group| passes.iter().flat_map(move |pass| pass.taps.iter().map(move |tap| (group, tap))))
        .map(|(group, tap)| call.second[group * taps + tap].widen())
        .collect();
    let output = Shared(call.output.as_mut_ptr());
    let [before, after] = pixels;
    // A pixel takes about a nanosecond for eight taps, and one more to be moved.
    let time = (after * (8 + taps) / 8) as u64;
    let finished = (FINISHED_BYTES / (after * size_of::<S>()).max(1)).max(1);
    for_each_range(count, time, TASK_NANOSECONDS, &|start, length| {
        let zeros = direct.as_ref().map_or(0, |direct| direct.pixels[1]);
        let mut scratch = Scratch::take(planes.channel().max(zeros) * size_of::<T>());
        let padded = scratch.as_mut_ptr::<T>();
        // SAFETY: the scratch has room for them.
        let zeros = direct.as_ref().map(|direct| unsafe { direct.zeros(padded) });
        for some in even_pieces(start..start + length, finished, 1) {
            for plane in some.clone() {
                let mut weights = &weights[plane % geometry.groups * used..][..used];
                // SAFETY: the operands were checked, the scratch has room for the planes, whose zeros the first
                // plane of the task leaves; tasks write different planes of the output.
                unsafe {
                    let source = call.first.as_ptr().add(plane * before);
                    let result = output.get().add(plane * after);
                    if let (Some(direct), Some(zeros), Some(pixels), Some(sums)) =
                        (&direct, zeros, S::as_computed(source), S::as_computed(result))
                    {
                        direct.run(weights, pixels, zeros, sums.cast_mut());
                        continue;
                    }
                    planes.fill(source, padded, plane > start);
                    for pass in passes {
                        let (own, rest) = weights.split_at(pass.taps.len());
                        weights = rest;
                        pass.run::<S, T>(planes, own, padded, result.add(pass.first_result));
                    }
                }
            }
            if let Some(epilogue) = call.epilogue {
                finish(epilogue, some, output.get(), after);
            }
        }
        scratch.give_back();
    });
}

/// 3×3 weights with neighbouring pixels, read where they lie.
struct Direct {
    /// Rows and columns of pixels, and of sums.
    pixels: [usize; 2],
    sums: [usize; 2],
    /// How far behind a sum's row and column each of the weights' finds its pixels.
    shifts: [[isize; TAPS]; 2],
}

impl Direct {
    /// Where it serves: the extents of pixels and of sums along an axis, and how far apart the weight's are.
    fn new(
        axes: [Axis; 3],
        extents: impl Fn(&Axis) -> (usize, usize),
        shift: impl Fn(&Axis, isize) -> isize,
    ) -> Option<Direct> {
        let [z, y, x] = &axes;
        let is_alone = z.input == 1 && z.output == 1 && z.kernel == 1;
        let neighbours =
            [y, x].into_iter().all(|axis| (axis.kernel, axis.stride, axis.dilation) == (TAPS, 1, 1));
        let ((rows, row_sums), (columns, column_sums)) = (extents(y), extents(x));
        (is_alone && neighbours).then(|| Direct {
            pixels: [rows, columns],
            sums: [row_sums, column_sums],
            shifts: [y, x].map(|axis| [0, 1, 2].map(|tap| shift(axis, tap))),
        })
    }

    /// Writes the row of zeros that stands above and below the pixels.
    ///
    /// # Safety
    /// There is room for the columns of pixels.
    unsafe fn zeros<T: Real>(&self, target: *mut T) -> *const T {
        // SAFETY: the caller's.
        unsafe { std::slice::from_raw_parts_mut(target, self.pixels[1]) }.fill(T::default());
        target
    }

    /// Sums a plane.
    ///
    /// # Safety
    /// There are nine weights, a plane of pixels and a row of zeros, and room for the sums.
    unsafe fn run<T: Real>(&self, weights: &[T], pixels: *const T, zeros: *const T, sums: *mut T) {
        let stencil = Stencil {
            weights: weights.as_ptr(),
            pixels,
            extents: self.pixels,
            zeros,
            shifts: self.shifts,
            sums,
            counts: self.sums,
        };
        // SAFETY: the caller's; the kernels are those of this CPU.
        unsafe { (T::kernels().stencil)(&stencil) };
    }
}

/// Hands planes of results to the epilogue: all at once, or each in parts.
fn finish<S>(
    epilogue: &crate::gemm::Epilogue<'_, S>,
    planes: std::ops::Range<usize>,
    output: *mut S,
    pixels: usize,
) {
    if planes.len() > 1 || pixels <= FINISHED_COLUMNS {
        let start = planes.start * pixels;
        epilogue(&mut Block::new(planes.start, (0..planes.len(), 0..pixels), output, start, pixels));
        return;
    }
    for plane in planes {
        for columns in even_pieces(0..pixels, FINISHED_COLUMNS, 1) {
            let start = plane * pixels + columns.start;
            epilogue(&mut Block::new(plane, (0..1, columns), output, start, pixels));
        }
    }
}

impl Pass {
    /// # Safety
    /// The padded planes hold the windows, and the result has room for their sums.
    unsafe fn run<S: Widen<T>, T: Real>(
        &self,
        planes: &Planes,
        weights: &[T],
        padded: *const T,
        result: *mut S,
    ) {
        for slice in 0..self.grid[0] {
            // SAFETY: the caller's.
            unsafe {
                let single = SingleRow {
                    weights,
                    offsets: &self.offsets,
                    planes: padded.add(self.first_window + slice * planes.slice_pitch()),
                    row_pitch: planes.row_pitch(),
                    grid: [self.grid[1], self.grid[2]],
                    output: result.add(slice * self.strides[0]),
                    strides: [self.strides[1], self.strides[2]],
                };
                single.multiply();
            }
        }
    }
}
