//! The average of each window, and the gradient.

use std::ops::Range;

use tenfold_ir::kernel::{Pool, PoolKind};
use tenfold_ir::lanes::Lane;
use tenfold_ir::{Error, Result};

use super::element::PoolElement;
use super::window::{Tap, Window, Windows};
use super::{CHUNK_NANOSECONDS, Planes, computed_wide, spatial_extents, widened, windows_of};
use crate::backend::disjoint::{Disjoint, for_each_range};
use crate::backend::view::{Input, OutputView};
use crate::simd::{Tiered, on_tier};

/// By what the sum of a window is divided.
#[derive(Clone, Copy)]
struct Divisor {
    count_padding: bool,
    fixed: Option<usize>,
}

impl Divisor {
    fn of<T: Lane>(self, windows: [&Window; 3]) -> T {
        let product = |size: fn(&Window) -> usize| windows.into_iter().map(size).product::<usize>();
        let count = match (self.fixed, self.count_padding) {
            (Some(fixed), _) => fixed,
            (None, true) => product(|window| window.padded),
            (None, false) => product(|window| window.count),
        };
        // A window that lies in the padding alone has the average 0.
        T::constant(count.max(1) as f64)
    }
}

/// `(N, C, spatial…) → averages`; the sum goes through a window in row-major order.
pub fn forward<E: PoolElement>(
    core: &Pool,
    inputs: &[Input<'_>],
    outputs: &mut [OutputView<'_>],
) -> Result<()>
where
    E::Wide: Lane,
{
    let PoolKind::Average { count_padding, divisor } = core.kind else {
        return Err(Error::state("avg_pool", "another kind of pooling was given"));
    };
    let planes = Planes::<E>::new(&inputs[0])?;
    let (input, output) = (inputs[0].shape()[2..].to_vec(), outputs[0].shape[2..].to_vec());
    let work = Windowed::new(core, &input, &output, Divisor { count_padding, fixed: divisor });
    let size: usize = output.iter().product();
    let target = Disjoint::new(outputs[0].values::<E>()?);
    for_each_range(planes.count(), work.estimate(core, size), CHUNK_NANOSECONDS, &|start, count| {
        let mut walk = planes.walk(start);
        let (mut dense, mut wide, mut rounded) = (Vec::new(), Vec::new(), Vec::new());
        for plane in start..start + count {
            let x = widened(planes.next(&mut walk, &mut dense), &mut wide);
            // SAFETY: each plane belongs to one range.
            let out = unsafe { target.range(plane * size, size) };
            computed_wide(out, &mut rounded, |averages| on_tier(Averages { work: &work, x, averages }));
        }
    });
    Ok(())
}

/// `gradient (N, C, out…) → (N, C, spatial…)`; gradients that meet are added in order of the windows.
pub fn gradient<E: PoolElement>(
    core: &Pool,
    inputs: &[Input<'_>],
    outputs: &mut [OutputView<'_>],
) -> Result<()>
where
    E::Wide: Lane,
{
    let PoolKind::AverageGradient { count_padding, divisor, input } = &core.kind else {
        return Err(Error::state("avg_pool_gradient", "another kind of pooling was given"));
    };
    let divisor = Divisor { count_padding: *count_padding, fixed: *divisor };
    let gradients = Planes::<E>::new(&inputs[0])?;
    let work = Windowed::new(core, input, &inputs[0].shape()[2..], divisor);
    let size: usize = input.iter().product();
    let windows = gradients.inner.elements();
    let target = Disjoint::new(outputs[0].values::<E>()?);
    for_each_range(gradients.count(), work.estimate(core, windows), CHUNK_NANOSECONDS, &|start, count| {
        let mut walk = gradients.walk(start);
        let (mut dense, mut wide, mut rounded) = (Vec::new(), Vec::new(), Vec::new());
        let mut shares = vec![E::Wide::default(); windows];
        for plane in start..start + count {
            let gradients = widened(gradients.next(&mut walk, &mut dense), &mut wide);
            // SAFETY: each plane belongs to one range.
            let out = unsafe { target.range(plane * size, size) };
            let shares = &mut shares;
            computed_wide(out, &mut rounded, |sums| on_tier(Shares { work: &work, gradients, shares, sums }));
        }
    });
    Ok(())
}

/// The windows of a plane, a line of them along the last axis at a time.
struct Windowed<T> {
    /// See [`lines`].
    lines: Vec<(usize, usize)>,
    /// Windows and elements of a line.
    widths: [usize; 2],
    taps: Vec<Tap>,
    /// The same from the elements' side, where windows are one apart: which windows' values meet in an element.
    turned: Option<Vec<Tap>>,
    stride: usize,
    /// The windows of a line are neighbours: none shares an element with another.
    are_tiles: bool,
    /// What a sum is divided by.
    divisors: Vec<T>,
}

impl<T: Lane> Windowed<T> {
    fn new(core: &Pool, input: &[usize], output: &[usize], divisor: Divisor) -> Windowed<T> {
        let windows = windows_of(core, input, output);
        let last = input.len() - 1;
        let taps = Tap::all(core, last, input[last], output[last]);
        // Windows ascend where their elements descend.
        let turn =
            |tap: &Tap| Tap { start: tap.first, end: tap.first + tap.end - tap.start, first: tap.start };
        Windowed {
            lines: lines(&windows, spatial_extents(input)),
            widths: [output[last], input[last]],
            turned: (core.stride[last] == 1).then(|| taps.iter().rev().map(turn).collect()),
            taps,
            stride: core.stride[last],
            are_tiles: core.stride[last] == core.window[last] && core.dilation[last] == 1,
            divisors: divisors(&windows, divisor),
        }
    }

    /// The nanoseconds that so many windows take.
    fn estimate(&self, core: &Pool, windows: usize) -> u64 {
        (windows * (4 + core.window.iter().product::<usize>()) / 8) as u64
    }
}

/// Each line of windows with the start of each line of elements that it covers, in row-major order.
fn lines([depths, rows, _]: &[Windows; 3], [_, height, width]: [usize; 3]) -> Vec<(usize, usize)> {
    let mut lines = Vec::new();
    for (depth_index, depth) in depths.list.iter().enumerate() {
        for (row_index, row) in rows.list.iter().enumerate() {
            for d in 0..depth.count {
                for r in 0..row.count {
                    let (d, r) = (depth.first + d * depths.step, row.first + r * rows.step);
                    lines.push((depth_index * rows.list.len() + row_index, (d * height + r) * width));
                }
            }
        }
    }
    lines
}

/// The divisor of each window of a plane.
fn divisors<T: Lane>(windows: &[Windows; 3], divisor: Divisor) -> Vec<T> {
    let [depths, rows, columns] = windows;
    let lines = depths.list.iter().flat_map(|depth| rows.list.iter().map(move |row| (depth, row)));
    lines
        .flat_map(|(depth, row)| columns.list.iter().map(move |column| divisor.of([depth, row, column])))
        .collect()
}

/// The averages of a plane.
struct Averages<'a, T> {
    work: &'a Windowed<T>,
    x: &'a [T],
    averages: &'a mut [T],
}

impl<T: Lane> Tiered for Averages<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Averages { work, x, averages } = self;
        let [windows, extent] = work.widths;
        averages.fill(T::constant(0.0));
        for &(line, start) in &work.lines {
            let (sums, x) = (&mut averages[line * windows..][..windows], &x[start..][..extent]);
            match work.stride {
                // Strides that the compiler knows become loads and shuffles.
                1 => add_taps::<T, 1>(sums, x, &work.taps, 1),
                2 => add_taps::<T, 2>(sums, x, &work.taps, 2),
                stride => add_taps::<T, 0>(sums, x, &work.taps, stride),
            }
        }
        for (average, &divisor) in averages.iter_mut().zip(&work.divisors) {
            *average = *average / divisor;
        }
    }
}

/// The shares of a plane's windows in their gradients, each added to the elements that its window covers.
struct Shares<'a, T> {
    work: &'a Windowed<T>,
    gradients: &'a [T],
    shares: &'a mut [T],
    sums: &'a mut [T],
}

impl<T: Lane> Tiered for Shares<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Shares { work, gradients, shares, sums } = self;
        for ((share, &gradient), &divisor) in shares.iter_mut().zip(gradients).zip(&work.divisors) {
            *share = gradient / divisor;
        }
        let [windows, extent] = work.widths;
        sums.fill(T::constant(0.0));
        for &(line, start) in &work.lines {
            let (shares, sums) = (&shares[line * windows..][..windows], &mut sums[start..][..extent]);
            match (&work.turned, work.stride, work.are_tiles) {
                (Some(turned), ..) => add_taps::<T, 1>(sums, shares, turned, 1),
                (None, 2, true) => add_to_tiles::<T, 2>(sums, shares, &work.taps),
                (None, 3, true) => add_to_tiles::<T, 3>(sums, shares, &work.taps),
                (None, stride, _) => {
                    for tap in work.taps.iter().rev() {
                        let elements = sums[tap.first..].iter_mut().step_by(stride);
                        for (sum, &share) in elements.zip(&shares[tap.start..tap.end]) {
                            *sum = *sum + share;
                        }
                    }
                }
            }
        }
    }
}

/// Sums side by side: arrays of them, because a loop over lines of any length is unrolled for long ones and leaves half of a
/// short one to single numbers.
const LANES: usize = 8;

/// Adds to each sum what stands at its taps, ascending; `STRIDE` is the stride or 0.
#[inline(always)]
fn add_taps<T: Lane, const STRIDE: usize>(sums: &mut [T], x: &[T], taps: &[Tap], stride: usize) {
    let (threes, rest) = taps.as_chunks::<3>();
    for taps in threes {
        add_some_taps::<T, STRIDE, 3>(sums, x, taps, stride);
    }
    match *rest {
        [one] => add_some_taps::<T, STRIDE, 1>(sums, x, &[one], stride),
        [one, two] => add_some_taps::<T, STRIDE, 2>(sums, x, &[one, two], stride),
        _ => {}
    }
}

/// As [`add_taps`]: the sums that all of the taps reach take them in one loop.
#[inline(always)]
fn add_some_taps<T: Lane, const STRIDE: usize, const TAPS: usize>(
    sums: &mut [T],
    x: &[T],
    taps: &[Tap; TAPS],
    stride: usize,
) {
    let common = reached_by_all(taps);
    for tap in taps {
        for output in tap.outside(&common) {
            sums[output] = sums[output] + x[tap.first + (output - tap.start) * stride];
        }
    }
    if common.is_empty() {
        return;
    }
    let from: [&[T]; TAPS] =
        std::array::from_fn(|tap| &x[taps[tap].first + (common.start - taps[tap].start) * stride..]);
    let sums = &mut sums[common];
    let (blocks, _) = sums.as_chunks_mut::<LANES>();
    let mut done = 0;
    match STRIDE {
        1 => {
            let from: [&[[T; LANES]]; TAPS] = std::array::from_fn(|tap| from[tap].as_chunks().0);
            for (block, sums) in blocks.iter_mut().enumerate() {
                let mut totals = *sums;
                for x in from {
                    for (total, &x) in totals.iter_mut().zip(&x[block]) {
                        *total = *total + x;
                    }
                }
                *sums = totals;
                done += LANES;
            }
        }
        2 => {
            // The neighbour of the last one may lie beyond the line.
            let pairs: [&[[[T; 2]; LANES]]; TAPS] =
                std::array::from_fn(|tap| from[tap].as_chunks().0.as_chunks().0);
            let whole = pairs.iter().fold(blocks.len(), |whole, pairs| whole.min(pairs.len()));
            for (block, sums) in blocks[..whole].iter_mut().enumerate() {
                let mut totals = *sums;
                for x in pairs {
                    for (total, &[x, _]) in totals.iter_mut().zip(&x[block]) {
                        *total = *total + x;
                    }
                }
                *sums = totals;
                done += LANES;
            }
        }
        _ => {}
    }
    for (output, sum) in sums.iter_mut().enumerate().skip(done) {
        *sum = from.iter().fold(*sum, |total, x| total + x[output * stride]);
    }
}

/// Adds a number to each of the `WIDTH` elements of its tile.
#[inline(always)]
fn add_to_tiles<T: Lane, const WIDTH: usize>(sums: &mut [T], numbers: &[T], taps: &[Tap]) {
    let common = reached_by_all(taps);
    for tap in taps {
        for tile in tap.outside(&common) {
            let sum = &mut sums[tap.first + (tile - tap.start) * WIDTH];
            *sum = *sum + numbers[tile];
        }
    }
    if common.is_empty() {
        return;
    }
    let first = taps[0].first + (common.start - taps[0].start) * WIDTH;
    let (blocks, tiles) = sums[first..].as_chunks_mut::<WIDTH>().0[..common.len()].as_chunks_mut::<LANES>();
    let (numbers, rest) = numbers[common].as_chunks::<LANES>();
    for (block, numbers) in blocks.iter_mut().zip(numbers) {
        for (tile, &number) in block.iter_mut().zip(numbers) {
            *tile = tile.map(|sum| sum + number);
        }
    }
    for (tile, &number) in tiles.iter_mut().zip(rest) {
        *tile = tile.map(|sum| sum + number);
    }
}

/// The outputs of all of the taps; 0..0 where there are none.
#[inline(always)]
fn reached_by_all(taps: &[Tap]) -> Range<usize> {
    let start = taps.iter().fold(0, |start, tap| start.max(tap.start));
    let end = taps.iter().fold(usize::MAX, |end, tap| end.min(tap.end));
    if start < end { start..end } else { 0..0 }
}
