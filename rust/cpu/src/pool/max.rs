//! The largest element of each window, and the gradient.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use tenfold_ir::kernel::{Pool, PoolKind};
use tenfold_ir::{Error, Result};

use super::element::{Ordered, PoolElement};
use super::window::{Windows, fold_window};
use super::{CHUNK_NANOSECONDS, Planes, computed_wide, spatial_extents, widened, windows_of};
use crate::backend::disjoint::{Disjoint, for_each_range};
use crate::backend::view::{Input, OutputView};
use crate::simd::{Tiered, on_tier};

/// `(N, C, spatial…) → maxima, indices`
pub fn forward<E: PoolElement>(
    core: &Pool,
    inputs: &[Input<'_>],
    outputs: &mut [OutputView<'_>],
) -> Result<()> {
    let planes = Planes::<E>::new(&inputs[0])?;
    let [values, indices] = outputs else {
        return Err(Error::state("max_pool", "needs two outputs"));
    };
    let output: Vec<usize> = values.shape[2..].to_vec();
    let input: Vec<usize> = inputs[0].shape()[2..].to_vec();
    let windows = windows_of(core, &input, &output);
    let extents = spatial_extents(&input);
    let size: usize = output.iter().product();
    let (values, indices) = (Disjoint::new(values.values::<E>()?), Disjoint::new(indices.values::<i64>()?));
    // Elements of all windows, those beyond the plane included.
    let elements = windows
        .iter()
        .map(|axis| axis.list.iter().map(|window| window.count).sum::<usize>())
        .product::<usize>();
    let pairs = is_pairs(core, extents, &windows);
    let cost = if pairs { size as u64 / 2 } else { elements as u64 };
    for_each_range(planes.count(), cost, CHUNK_NANOSECONDS, &|start, count| {
        let mut walk = planes.walk(start);
        let (mut dense, mut wide, mut rounded) = (Vec::new(), Vec::new(), Vec::new());
        for plane in start..start + count {
            let x = widened(planes.next(&mut walk, &mut dense), &mut wide);
            // SAFETY: each plane belongs to one range.
            let (out, indices) =
                unsafe { (values.range(plane * size, size), indices.range(plane * size, size)) };
            computed_wide(out, &mut rounded, |best| one_plane(x, extents, &windows, pairs, best, indices));
        }
    });
    Ok(())
}

/// True for windows of 2 × 2 in steps of 2 that all lie within the plane.
fn is_pairs(core: &Pool, extents: [usize; 3], windows: &[Windows; 3]) -> bool {
    let all = |list: &[usize], value: usize| list.iter().all(|&other| other == value);
    core.kind == PoolKind::Max
        && core.window.len() == 2
        && all(&core.window, 2)
        && all(&core.stride, 2)
        && all(&core.padding, 0)
        && all(&core.dilation, 1)
        && windows[1].list.len() * 2 <= extents[1]
        && windows[2].list.len() * 2 <= extents[2]
}

fn one_plane<T: Ordered>(
    x: &[T],
    extents: [usize; 3],
    windows: &[Windows; 3],
    pairs: bool,
    best: &mut [T],
    indices: &mut [i64],
) {
    if pairs {
        on_tier(Pairs { x, width: extents[2], columns: windows[2].list.len(), best, indices });
    } else {
        any_windows(x, extents, windows, best, indices);
    }
}

/// Windows of 2 × 2 in steps of 2.
struct Pairs<'a, T> {
    x: &'a [T],
    width: usize,
    columns: usize,
    best: &'a mut [T],
    indices: &'a mut [i64],
}

impl<T: Ordered> Tiered for Pairs<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Pairs { x, width, columns, best, indices } = self;
        if columns == 0 {
            return;
        }
        let rows = best.chunks_exact_mut(columns).zip(indices.chunks_exact_mut(columns));
        for (row, (best, indices)) in rows.enumerate() {
            let at = 2 * row * width;
            let upper = &x[at..at + 2 * columns];
            let lower = &x[at + width..at + width + 2 * columns];
            for column in 0..columns {
                let candidates = [upper[2 * column + 1], lower[2 * column], lower[2 * column + 1]];
                let offsets = [1, width, width + 1];
                let (mut value, mut offset) = (upper[2 * column], 0);
                for (candidate, candidate_offset) in candidates.into_iter().zip(offsets) {
                    let wins = candidate.wins(value);
                    value = if wins { candidate } else { value };
                    offset = if wins { candidate_offset } else { offset };
                }
                best[column] = value;
                indices[column] = (at + 2 * column + offset) as i64;
            }
        }
    }
}

/// Windows of any sort.
fn any_windows<T: Ordered>(
    x: &[T],
    extents: [usize; 3],
    windows: &[Windows; 3],
    best: &mut [T],
    indices: &mut [i64],
) {
    let [depths, rows, columns] = windows;
    let even = even_columns(columns).filter(|_| x.len() <= u32::MAX as usize);
    let width = columns.list.len();
    if width == 0 {
        return;
    }
    let outputs = best.chunks_exact_mut(width).zip(indices.chunks_exact_mut(width));
    let lines = depths.list.iter().flat_map(|depth| rows.list.iter().map(move |row| (depth, row)));
    for ((best, indices), (depth, row)) in outputs.zip(lines) {
        let line = (depth.first * extents[1] + row.first) * extents[2];
        let mut one = |column: usize| {
            let window = &columns.list[column];
            // What nothing has surpassed is the first element; a window that lies in the padding alone keeps 0.
            let any = depth.count * row.count * window.count > 0;
            let first = line + window.first;
            let start = (T::LOWEST, if any { first } else { 0 });
            let shape = [depth, row, window];
            let (value, index) =
                fold_window(x, extents, windows, first, shape, start, |(best, index), at, value| {
                    let wins = value.wins(best);
                    (if wins { value } else { best }, if wins { at } else { index })
                });
            best[column] = value;
            indices[column] = index as i64;
        };
        let Some(EvenColumns { range, stride, count }) = &even else {
            (0..width).for_each(one);
            continue;
        };
        (0..range.start).chain(range.end..width).for_each(&mut one);
        if depth.count * row.count == 0 {
            range.clone().for_each(one);
            continue;
        }
        T::largest_side_by_side(SideBySide {
            x,
            first: line + columns.list[range.start].first,
            stride: *stride,
            counts: [depth.count, row.count, *count],
            steps: [windows[0].step * extents[1] * extents[2], windows[1].step * extents[2], windows[2].step],
            best: &mut best[range.clone()],
            indices: &mut indices[range.clone()],
        });
    }
}

/// Neighbouring windows of equally many elements that begin at even distances.
struct EvenColumns {
    range: Range<usize>,
    stride: usize,
    count: usize,
}

/// The even windows that begin with the first of the largest, where they are enough to be taken side by side.
fn even_columns(columns: &Windows) -> Option<EvenColumns> {
    let count = columns.list.iter().map(|window| window.count).max().filter(|&count| count > 0)?;
    let start = columns.list.iter().position(|window| window.count == count)?;
    let stride = columns.list.get(start + 1)?.first.checked_sub(columns.list[start].first)?;
    let even = columns.list[start..]
        .iter()
        .zip((columns.list[start].first..).step_by(stride.max(1)))
        .take_while(|(window, first)| window.count == count && window.first == *first)
        .count();
    (stride > 0 && even >= LANES).then_some(EvenColumns { range: start..start + even, stride, count })
}

/// Windows that are compared side by side.
const LANES: usize = 8;

/// The windows of one row of outputs, [`LANES`] or more, all of the same shape.
pub struct SideBySide<'a, T> {
    x: &'a [T],
    /// The first element of the first window.
    first: usize,
    /// From a window to the next.
    stride: usize,
    /// Elements of a window along each axis, and the distances of neighbours.
    counts: [usize; 3],
    steps: [usize; 3],
    best: &'a mut [T],
    indices: &'a mut [i64],
}

impl<T: Ordered> SideBySide<'_, T> {
    /// Takes the largest of each window.
    #[inline(always)]
    pub fn compare(self) {
        match self.stride {
            // Strides that the compiler knows become loads and shuffles.
            1 => self.strided::<1>(),
            2 => self.strided::<2>(),
            _ => self.strided::<0>(),
        }
    }

    /// With windows `STRIDE` apart, or [`SideBySide::stride`] where that is 0.
    #[inline(always)]
    pub fn strided<const STRIDE: usize>(self) {
        let SideBySide { x, stride, counts, steps, best, indices, .. } = self;
        let (stride, width) = (if STRIDE == 0 { stride } else { STRIDE }, best.len());
        for column in (0..width).step_by(LANES) {
            // The last ones of a row are taken twice rather than one by one.
            let column = column.min(width - LANES);
            let first = self.first + column * stride;
            let (mut values, mut offsets) = ([T::LOWEST; LANES], [0u32; LANES]);
            for depth in 0..counts[0] {
                for row in 0..counts[1] {
                    for tap in 0..counts[2] {
                        let offset = depth * steps[0] + row * steps[1] + tap * steps[2];
                        let elements = &x[first + offset..];
                        let mut taken = [T::LOWEST; LANES];
                        match elements.first_chunk::<{ 2 * LANES }>() {
                            Some(chunk) if STRIDE == 1 || STRIDE == 2 => {
                                for lane in 0..LANES {
                                    taken[lane] = chunk[lane * STRIDE];
                                }
                            }
                            _ => {
                                for lane in 0..LANES {
                                    taken[lane] = elements[lane * stride];
                                }
                            }
                        }
                        for lane in 0..LANES {
                            let wins = taken[lane].wins(values[lane]);
                            values[lane] = if wins { taken[lane] } else { values[lane] };
                            offsets[lane] = if wins { offset as u32 } else { offsets[lane] };
                        }
                    }
                }
            }
            best[column..column + LANES].copy_from_slice(&values);
            for (lane, index) in indices[column..column + LANES].iter_mut().enumerate() {
                *index = (first + lane * stride) as i64 + i64::from(offsets[lane]);
            }
        }
    }
}

/// [`SideBySide`] of f32 on the tier; other dtypes share the code of the portable one.
impl Tiered for SideBySide<'_, f32> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        self.compare();
    }
}

/// `gradient (N, C, out…), indices → (N, C, spatial…)`; gradients that meet are added in order.
pub fn gradient<E: PoolElement>(
    core: &Pool,
    inputs: &[Input<'_>],
    outputs: &mut [OutputView<'_>],
) -> Result<()>
where
    E::Wide: std::ops::Add<Output = E::Wide>,
{
    let PoolKind::MaxGradient { input } = &core.kind else {
        return Err(Error::state("max_pool_gradient", "another kind of pooling was given"));
    };
    let size: usize = input.iter().product();
    let gradients = Planes::<E>::new(&inputs[0])?;
    let indices = Planes::<i64>::new(&inputs[1])?;
    let target = Disjoint::new(outputs[0].values::<E>()?);
    let failed = AtomicBool::new(false);
    let cost = (size / 4 + gradients.inner.elements()) as u64;
    for_each_range(gradients.count(), cost, CHUNK_NANOSECONDS, &|start, count| {
        let (mut gradient_walk, mut index_walk) = (gradients.walk(start), indices.walk(start));
        let (mut dense, mut wide, mut dense_indices) = (Vec::new(), Vec::new(), Vec::new());
        let mut rounded = Vec::new();
        for plane in start..start + count {
            let g = widened(gradients.next(&mut gradient_walk, &mut dense), &mut wide);
            let places = indices.next(&mut index_walk, &mut dense_indices);
            // SAFETY: each plane belongs to one range.
            let out = unsafe { target.range(plane * size, size) };
            computed_wide(out, &mut rounded, |sums| {
                if !add_at(sums, g, places) {
                    failed.store(true, Ordering::Relaxed);
                }
            });
        }
    });
    match failed.into_inner() {
        true => Err(out_of_range(&indices, size)),
        false => Ok(()),
    }
}

/// Zeros, with the gradients added at their places; false where one has no place.
fn add_at<T: Ordered + std::ops::Add<Output = T>>(out: &mut [T], g: &[T], places: &[i64]) -> bool {
    out.fill(T::default());
    let mut all_within = true;
    for (&g, &place) in g.iter().zip(places) {
        match usize::try_from(place).ok().and_then(|place| out.get_mut(place)) {
            Some(sum) => *sum = *sum + g,
            None => all_within = false,
        }
    }
    all_within
}

/// The error for the first index that lies outside its plane.
fn out_of_range(indices: &Planes<'_, i64>, size: usize) -> Error {
    let mut walk = indices.walk(0);
    let mut dense = Vec::new();
    for _ in 0..indices.count() {
        let outside = |index: &&i64| usize::try_from(**index).map_or(true, |index| index >= size);
        if let Some(index) = indices.next(&mut walk, &mut dense).iter().find(outside) {
            return Error::index(
                "max_pool_gradient",
                format!("index {index} is out of range for a plane of size {size}"),
            );
        }
    }
    Error::index("max_pool_gradient", "an index is out of range")
}
