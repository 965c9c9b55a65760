//! The gradient of the input.
//!
//! Inputs of one phase of the stride are reached by the same taps: each phase is a convolution with stride 1
//! of the output's gradient, whose products go to every stride-th element.

use std::ops::Range;

use super::Call;
use super::bands::Bands;
use super::forward::{Task, Tasks, nanoseconds};
use super::geometry::{Axis, Geometry, Planes};
use super::window::{PackedWeights, Shared, Windows};
use crate::gemm::Block;
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
        let (mut output, mut tap) = (depth.start / self.taps.len(), depth.start % self.taps.len());
        for step in 0..depth.len() {
            let first = (output * self.input_channels + lines.start) * self.all_taps + self.taps[tap];
            let weights = self.weights[first..].iter().step_by(self.all_taps);
            for (line, weight) in weights.take(lines.len()).enumerate() {
                // SAFETY: the caller gives room for `depth · width` numbers.
                unsafe { panel.add(step * width + line).write(weight.widen()) };
            }
            tap += 1;
            if tap == self.taps.len() {
                (output, tap) = (output + 1, 0);
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

/// What all phases of a task share: a group's weights, of which some panels, and padded planes of the output's gradient.
pub(super) struct PaddedWindows<'a, T> {
    pub group: usize,
    pub planes: &'a Planes,
    pub padded: *const T,
    pub panels: &'a [Range<usize>],
}

/// A phase with its weights.
pub(super) struct PhaseProduct<T: 'static> {
    pub phase: Phase,
    /// One a group.
    weights: Vec<PackedWeights<T>>,
    /// Each step's distance from a window's first element.
    offsets: Vec<usize>,
}

impl<T: Real> PhaseProduct<T> {
    /// The phases, of weights as they lie.
    fn all<S: Widen<T>>(geometry: &Geometry, planes: &Planes, weights: &[S]) -> Vec<PhaseProduct<T>> {
        let Geometry { groups, input_channels, output_channels, .. } = *geometry;
        let (channel, all_taps) = (planes.channel(), geometry.taps());
        let group_weights = input_channels * output_channels * all_taps;
        let phases: Vec<Phase> = Phase::all(geometry, planes).collect();
        let sources: Vec<PhaseWeights<'_, S>> = phases
            .iter()
            .flat_map(|phase| (0..groups).map(move |group| (phase, group)))
            .map(|(phase, group)| PhaseWeights {
                weights: &weights[group * group_weights..(group + 1) * group_weights],
                input_channels,
                all_taps,
                taps: &phase.taps,
            })
            .collect();
        let sources: Vec<(&dyn Source<T>, usize)> = sources
            .iter()
            .map(|source| (source as &dyn Source<T>, output_channels * source.taps.len()))
            .collect();
        // SAFETY: the sources check their indices.
        let mut packed = unsafe { PackedWeights::all(T::kernels(), input_channels, &sources) }.into_iter();
        let product = |phase: Phase| {
            let places = &phase.places;
            let offsets = (0..output_channels)
                .flat_map(|index| places.iter().map(move |place| index * channel + place))
                .collect();
            PhaseProduct { weights: packed.by_ref().take(groups).collect(), offsets, phase }
        };
        phases.into_iter().map(product).collect()
    }

    /// The windows of the phase, whose products go to `output`: rows (channels) and windows along each axis are so far apart.
    ///
    /// # Safety
    /// The padded planes are there.
    pub unsafe fn windows<'a, S>(
        &'a self,
        of: &PaddedWindows<'a, T>,
        (output, channel_stride, strides): (*mut S, usize, [usize; 3]),
    ) -> Windows<'a, S, T> {
        Windows {
            weights: &self.weights[of.group],
            offsets: &self.offsets,
            // SAFETY: the first window lies within the planes.
            planes: unsafe { of.padded.add(self.phase.first_window) },
            row_pitch: of.planes.row_pitch(),
            slice_pitch: of.planes.slice_pitch(),
            grid: self.phase.grid,
            output,
            channel_stride,
            strides,
            panels: of.panels,
        }
    }
}

pub(super) fn run<S: Widen<T>, T: Real>(call: Call<'_, S>) {
    let geometry = &call.geometry;
    let planes = Planes::of_gradient(geometry);
    let phases = PhaseProduct::<T>::all(geometry, &planes, call.second);
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
    let bands = Bands::new(geometry, phases, high.end - low.start);
    let mut scratch = Scratch::take((tile_numbers + channels * channel + bands.numbers()) * size_of::<T>());
    let tile = scratch.as_mut_ptr::<T>();
    let pixels = geometry.input_pixels();
    // SAFETY: the scratch has room for the tile, the planes and the products of a band; the rest is the caller's.
    unsafe {
        let padded = tile.add(tile_numbers);
        for index in 0..channels {
            planes.fill(source.add(index * geometry.output_pixels()), padded.add(index * channel), false);
        }
        let first = (batch * geometry.input_channels + low.start) * pixels;
        let mut finish = |columns: Range<usize>| {
            if let Some(epilogue) = call.epilogue {
                let start = first + columns.start;
                epilogue(&mut Block::new(batch, (low.start..high.end, columns), output, start, pixels));
            }
        };
        let output = output.add(first);
        let windows = PaddedWindows { group: task.group, planes, padded, panels };
        match phases {
            // It finishes pixels in their order.
            [single] => {
                let [_, y, x] = geometry.axes.map(|axis| axis.input);
                single.windows(&windows, (output, pixels, [y * x, x, 1])).multiply(tile, &mut finish);
            }
            _ => {
                let products = padded.add(channels * channel);
                bands.run(&windows, tile, products, output, &mut finish);
            }
        }
    }
    scratch.give_back();
}
