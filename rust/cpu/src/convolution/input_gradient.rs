//! The gradient of the input.
//!
//! Inputs of one phase of the stride are reached by the same taps: each phase is a convolution with stride 1
//! of the output's gradient, whose products go to every stride-th element.

use std::ops::Range;

use super::Call;
use super::forward::{Task, Tasks, nanoseconds};
use super::geometry::{Axis, Geometry, Planes};
use super::window::{PackedWeights, Shared, Windows};
use crate::gemm::Block;
use crate::gemm::blocks::{FINISHED_COLUMNS, even_pieces};
use crate::gemm::micro_kernel::Real;
use crate::gemm::pack::{Source, Widen};
use crate::gemm::scratch::Scratch;
use crate::threads::for_each_chunk;

/// The weights of a group that reach one phase, as rows of input channels: step `o · taps + t` of row `c`
/// is the weight `(o, c, taps[t])`.
struct PhaseWeights<'a, S> {
    weights: &'a [S],
    input_channels: usize,
    all_taps: usize,
    taps: &'a [usize],
}

impl<S: Widen<T>, T: Real> Source<T> for PhaseWeights<'_, S> {
    unsafe fn pack(&self, lines: Range<usize>, depth: Range<usize>, width: usize, panel: *mut T) {
        for (step, index) in depth.enumerate() {
            let (output, tap) = (index / self.taps.len(), self.taps[index % self.taps.len()]);
            for (line, input) in lines.clone().enumerate() {
                let weight = self.weights[(output * self.input_channels + input) * self.all_taps + tap];
                // SAFETY: the caller gives room for `depth · width` numbers.
                unsafe { panel.add(step * width + line).write(weight.widen()) };
            }
        }
    }
}

/// Inputs of one phase of the stride along each axis, which the same taps reach.
pub(super) struct Phase {
    /// Those taps, in order, and where each finds the first window's element in the planes, less `first_window`.
    pub taps: Vec<usize>,
    pub places: Vec<usize>,
    /// The place of the first window in the planes.
    pub first_window: usize,
    /// The inputs of the phase: first, and how many, along each axis.
    pub first: [usize; 3],
    pub grid: [usize; 3],
}

/// The first input of a phase, and its number of windows before that.
fn first_of_phase(axis: &Axis, phase: usize) -> (usize, usize) {
    let windows = axis.before.saturating_sub(phase).div_ceil(axis.stride);
    (windows * axis.stride + phase - axis.before, windows)
}

impl Phase {
    /// All phases of the stride.
    pub fn all(geometry: &Geometry, planes: &Planes) -> impl Iterator<Item = Phase> {
        let [z, y, x] = geometry.axes.map(|axis| axis.stride);
        (0..z)
            .flat_map(move |z| (0..y).flat_map(move |y| (0..x).map(move |x| [z, y, x])))
            .map(|phase| Phase::new(geometry, planes, phase))
    }

    fn new(geometry: &Geometry, planes: &Planes, phase: [usize; 3]) -> Phase {
        let axes = &geometry.axes;
        let all_taps: Vec<[usize; 3]> = geometry.all_taps().collect();
        let reaches = |tap: &[usize; 3]| {
            (0..3).all(|axis| tap[axis] * axes[axis].dilation % axes[axis].stride == phase[axis])
        };
        let taps: Vec<usize> = (0..all_taps.len()).filter(|&index| reaches(&all_taps[index])).collect();
        let places = taps.iter().map(|&index| {
            let index = std::array::from_fn(|axis| {
                let distance = all_taps[index][axis] * axes[axis].dilation;
                planes.before[axis].unsigned_abs() - distance / axes[axis].stride
            });
            planes.place([0; 3], index)
        });
        let firsts: [(usize, usize); 3] =
            std::array::from_fn(|axis| first_of_phase(&axes[axis], phase[axis]));
        let first = firsts.map(|(input, _)| input);
        Phase {
            places: places.collect(),
            taps,
            first_window: planes.place([0; 3], firsts.map(|(_, windows)| windows)),
            first,
            grid: std::array::from_fn(|axis| {
                axes[axis].input.saturating_sub(first[axis]).div_ceil(axes[axis].stride)
            }),
        }
    }
}

/// A phase with its weights.
struct PhaseProduct<T: 'static> {
    phase: Phase,
    /// One a group.
    weights: Vec<PackedWeights<T>>,
    /// Each step's distance from a window's first element.
    offsets: Vec<usize>,
}

impl<T: Real> PhaseProduct<T> {
    fn new<S: Widen<T>>(geometry: &Geometry, planes: &Planes, weights: &[S], phase: Phase) -> Self {
        let (channel, outputs, all_taps) = (planes.channel(), geometry.output_channels, geometry.taps());
        let places = &phase.places;
        let offsets =
            (0..outputs).flat_map(|index| places.iter().map(move |place| index * channel + place)).collect();
        let group_weights = geometry.input_channels * outputs * all_taps;
        let weights = (0..geometry.groups)
            .map(|group| {
                let source = PhaseWeights {
                    weights: &weights[group * group_weights..(group + 1) * group_weights],
                    input_channels: geometry.input_channels,
                    all_taps,
                    taps: &phase.taps,
                };
                let depth = outputs * phase.taps.len();
                // SAFETY: the source checks its indices.
                unsafe { PackedWeights::new(T::kernels(), &source, geometry.input_channels, depth) }
            })
            .collect();
        PhaseProduct { phase, weights, offsets }
    }
}

pub(super) fn run<S: Widen<T>, T: Real>(call: Call<'_, S>) {
    let geometry = &call.geometry;
    let planes = Planes::of_gradient(geometry);
    let phases: Vec<PhaseProduct<T>> = Phase::all(geometry, &planes)
        .map(|phase| PhaseProduct::new(geometry, &planes, call.second, phase))
        .collect();
    let panels: Vec<Range<usize>> = phases[0].weights[0].panels().collect();
    let tasks = Tasks::new((geometry.images, geometry.groups), 1, 1, panels.len());
    let output = Shared(call.output.as_mut_ptr());
    let time = nanoseconds(geometry) / tasks.count() as u64;
    for_each_chunk(tasks.count(), time, &|index| {
        let task = tasks.get(index);
        // SAFETY: the operands were checked; tasks write different parts of the output.
        unsafe { run_task(&call, &planes, &phases, &panels[task.panels.clone()], &task, output.get()) }
    });
}

/// # Safety
/// The operands have the elements of the geometry, and nothing else writes the task's part of the output.
unsafe fn run_task<S: Widen<T>, T: Real>(
    call: &Call<'_, S>,
    planes: &Planes,
    phases: &[PhaseProduct<T>],
    panels: &[Range<usize>],
    task: &Task,
    output: *mut S,
) {
    let geometry = &call.geometry;
    let (Some(low), Some(high)) = (panels.first(), panels.last()) else { return };
    let (channels, channel) = (geometry.output_channels, planes.channel());
    let batch = task.image * geometry.groups + task.group;
    let source = call.first[batch * channels * geometry.output_pixels()..].as_ptr();
    let tile_numbers = phases.iter().map(|phase| Windows::<S, T>::scratch(&phase.weights[task.group])).max();
    let tile_numbers = tile_numbers.unwrap_or(0);
    let mut scratch = Scratch::take((tile_numbers + channels * channel) * size_of::<T>());
    let tile = scratch.as_mut_ptr::<T>();
    let pixels = geometry.input_pixels();
    let [_, y, x] = geometry.axes.map(|axis| axis.input);
    let [stride_z, stride_y, stride_x] = geometry.axes.map(|axis| axis.stride);
    // SAFETY: the scratch has room for the tile and the planes; the rest is the caller's.
    unsafe {
        let target = tile.add(tile_numbers);
        for index in 0..channels {
            planes.fill(source.add(index * geometry.output_pixels()), target.add(index * channel), false);
        }
        let index = |row: usize, pixel: usize| (batch * geometry.input_channels + row) * pixels + pixel;
        let finish = |columns: Range<usize>| {
            if let Some(epilogue) = call.epilogue {
                let start = index(low.start, columns.start);
                epilogue(&mut Block::new(batch, (low.start..high.end, columns), output, start, pixels));
            }
        };
        for PhaseProduct { phase, weights, offsets } in phases {
            if phase.grid.contains(&0) {
                continue;
            }
            let windows = Windows {
                weights: &weights[task.group],
                offsets,
                planes: target.add(phase.first_window),
                row_pitch: planes.row_pitch(),
                slice_pitch: planes.slice_pitch(),
                grid: phase.grid,
                output: output
                    .add(index(low.start, (phase.first[0] * y + phase.first[1]) * x + phase.first[2])),
                channel_stride: pixels,
                strides: [stride_z * y * x, stride_y * x, stride_x],
                panels,
            };
            windows.multiply(tile, &mut |done| {
                // A single phase finishes pixels in their order.
                if phases.len() == 1 {
                    finish(done);
                }
            });
        }
        if phases.len() > 1 {
            even_pieces(0..pixels, FINISHED_COLUMNS, 1).for_each(finish);
        }
    }
    scratch.give_back();
}
