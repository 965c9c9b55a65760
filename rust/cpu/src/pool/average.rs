//! The average of each window, and the gradient.

use tenfold_ir::kernel::{Pool, PoolKind};
use tenfold_ir::lanes::Lane;
use tenfold_ir::{Error, Result};

use super::element::PoolElement;
use super::window::{Window, Windows};
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
    let target = Disjoint::new(outputs[0].values::<E>()?);
    let cost = (size * (2 + core.window.iter().product::<usize>())) as u64;
    for_each_range(planes.count(), cost, CHUNK_NANOSECONDS, &|start, count| {
        let mut walk = planes.walk(start);
        let (mut dense, mut wide) = (Vec::new(), Vec::new());
        let mut averages = vec![E::Wide::default(); size];
        for plane in start..start + count {
            let x = widened(planes.next(&mut walk, &mut dense), &mut wide);
            average_windows(x, extents, &windows, divisor, &mut averages);
            // SAFETY: each plane belongs to one range.
            E::narrow_slice(&averages, unsafe { target.range(plane * size, size) });
        }
    });
    Ok(())
}

/// Calls `visit(output, divisor, line, count)` for each line of each window, in order: `count` elements from element
/// `line` of the plane on, a step apart. A window without elements is not visited.
#[inline(always)]
fn each_line<T: Lane>(
    extents: [usize; 3],
    windows: &[Windows; 3],
    divisor: Divisor,
    mut visit: impl FnMut(usize, T, usize, usize),
) {
    let [depths, rows, columns] = windows;
    let mut out = 0;
    for depth in &depths.list {
        for row in &rows.list {
            for column in &columns.list {
                let by = divisor.of([depth, row, column]);
                for d in 0..depth.count {
                    let slab = (depth.first + d * depths.step) * extents[1];
                    for r in 0..row.count {
                        let line = (slab + row.first + r * rows.step) * extents[2] + column.first;
                        visit(out, by, line, column.count);
                    }
                }
                out += 1;
            }
        }
    }
}

fn average_windows<T: Lane>(
    x: &[T],
    extents: [usize; 3],
    windows: &[Windows; 3],
    divisor: Divisor,
    averages: &mut [T],
) {
    let step = windows[2].step;
    averages.fill(T::constant(0.0));
    each_line(extents, windows, divisor, |out, _: T, line, count| {
        for at in 0..count {
            averages[out] = averages[out] + x[line + at * step];
        }
    });
    let [depths, rows, columns] = windows;
    let all = depths.list.iter().flat_map(|depth| {
        rows.list.iter().flat_map(move |row| columns.list.iter().map(move |column| [depth, row, column]))
    });
    for (average, window) in averages.iter_mut().zip(all) {
        *average = *average / divisor.of(window);
    }
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
    let target = Disjoint::new(outputs[0].values::<E>()?);
    let cost = (size + gradients.inner.elements() * (2 + core.window.iter().product::<usize>())) as u64;
    for_each_range(gradients.count(), cost, CHUNK_NANOSECONDS, &|start, count| {
        let mut walk = gradients.walk(start);
        let (mut dense, mut wide) = (Vec::new(), Vec::new());
        let mut sums = vec![E::Wide::default(); size];
        let step = windows[2].step;
        for plane in start..start + count {
            let g = widened(gradients.next(&mut walk, &mut dense), &mut wide);
            sums.fill(E::Wide::constant(0.0));
            each_line(extents, &windows, divisor, |out, by: E::Wide, line, count| {
                let share = g[out] / by;
                for at in 0..count {
                    let sum = &mut sums[line + at * step];
                    *sum = *sum + share;
                }
            });
            // SAFETY: each plane belongs to one range.
            E::narrow_slice(&sums, unsafe { target.range(plane * size, size) });
        }
    });
    Ok(())
}
