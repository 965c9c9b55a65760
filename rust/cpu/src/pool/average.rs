//! The average of each window, and the gradient.

use tenfold_ir::kernel::{Pool, PoolKind};
use tenfold_ir::lanes::Lane;
use tenfold_ir::{Error, Result};

use super::element::PoolElement;
use super::window::{Window, Windows, fold_window, for_each_window};
use super::{CHUNK_NANOSECONDS, Planes, spatial_extents, widened, windows_of};
use crate::backend::disjoint::{Disjoint, for_each_range};
use crate::backend::view::{Input, OutputView};

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
    let divisor = Divisor { count_padding, fixed: divisor };
    let planes = Planes::<E>::new(&inputs[0])?;
    let (input, output) = (inputs[0].shape()[2..].to_vec(), outputs[0].shape[2..].to_vec());
    let windows = windows_of(core, &input, &output);
    let extents = spatial_extents(&input);
    let size: usize = output.iter().product();
    let divisors = divisors::<E::Wide>(&windows, divisor);
    let target = Disjoint::new(outputs[0].values::<E>()?);
    let cost = (size * (2 + core.window.iter().product::<usize>())) as u64;
    for_each_range(planes.count(), cost, CHUNK_NANOSECONDS, &|start, count| {
        let mut walk = planes.walk(start);
        let (mut dense, mut wide) = (Vec::new(), Vec::new());
        let mut averages = vec![E::Wide::default(); size];
        for plane in start..start + count {
            let x = widened(planes.next(&mut walk, &mut dense), &mut wide);
            average_windows(x, extents, &windows, &divisors, &mut averages);
            // SAFETY: each plane belongs to one range.
            E::narrow_slice(&averages, unsafe { target.range(plane * size, size) });
        }
    });
    Ok(())
}

/// The divisor of each window of a plane.
fn divisors<T: Lane>(windows: &[Windows; 3], divisor: Divisor) -> Vec<T> {
    let [depths, rows, columns] = windows;
    let lines = depths.list.iter().flat_map(|depth| rows.list.iter().map(move |row| (depth, row)));
    lines
        .flat_map(|(depth, row)| columns.list.iter().map(move |column| divisor.of([depth, row, column])))
        .collect()
}

/// The averages of one plane.
fn average_windows<T: Lane>(
    x: &[T],
    extents: [usize; 3],
    windows: &[Windows; 3],
    divisors: &[T],
    averages: &mut [T],
) {
    for_each_window(extents, windows, |out, first, window| {
        let zero = T::constant(0.0);
        let sum = fold_window(x, extents, windows, first, window, zero, |sum, _, value| sum + value);
        averages[out] = sum / divisors[out];
    });
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
    let windows = windows_of(core, input, &inputs[0].shape()[2..]);
    let extents = spatial_extents(input);
    let size: usize = input.iter().product();
    let divisors = divisors::<E::Wide>(&windows, divisor);
    let target = Disjoint::new(outputs[0].values::<E>()?);
    let cost = (size + gradients.inner.elements() * (2 + core.window.iter().product::<usize>())) as u64;
    for_each_range(gradients.count(), cost, CHUNK_NANOSECONDS, &|start, count| {
        let mut walk = gradients.walk(start);
        let (mut dense, mut wide) = (Vec::new(), Vec::new());
        let mut sums = vec![E::Wide::default(); size];
        let mut shares = vec![E::Wide::default(); gradients.inner.elements()];
        for plane in start..start + count {
            let g = widened(gradients.next(&mut walk, &mut dense), &mut wide);
            for ((share, &g), &divisor) in shares.iter_mut().zip(g).zip(&divisors) {
                *share = g / divisor;
            }
            spread_shares(&shares, extents, &windows, &mut sums);
            // SAFETY: each plane belongs to one range.
            E::narrow_slice(&sums, unsafe { target.range(plane * size, size) });
        }
    });
    Ok(())
}

/// Adds the share of each window to the elements that it covers.
fn spread_shares<T: Lane>(shares: &[T], extents: [usize; 3], windows: &[Windows; 3], sums: &mut [T]) {
    sums.fill(T::constant(0.0));
    for_each_window(extents, windows, |out, first, [depth, row, column]| {
        for d in 0..depth.count {
            for r in 0..row.count {
                let line = (d * windows[0].step * extents[1] + r * windows[1].step) * extents[2];
                for c in 0..column.count {
                    let sum = &mut sums[first + line + c * windows[2].step];
                    *sum = *sum + shares[out];
                }
            }
        }
    });
}
