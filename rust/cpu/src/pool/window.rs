//! Which elements of an axis each window covers.

use std::ops::Range;

use tenfold_ir::kernel::{Pool, PoolKind};

/// The part of a window that lies within the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The first element.
    pub first: usize,
    /// How many elements, `step` apart.
    pub count: usize,
    /// How many elements of the window lie within the input or its padding.
    pub padded: usize,
}

/// All windows along one axis.
#[derive(Clone, Debug)]
pub struct Windows {
    /// One an output.
    pub list: Vec<Window>,
    /// From an element of a window to the next.
    pub step: usize,
}

impl Windows {
    /// One window over one element.
    pub fn single() -> Windows {
        Windows { list: vec![Window { first: 0, count: 1, padded: 1 }], step: 1 }
    }

    /// The windows along a spatial axis of these extents.
    pub fn new(core: &Pool, axis: usize, input: usize, output: usize) -> Windows {
        if core.kind == PoolKind::AdaptiveMax {
            let window = |index: usize| {
                let range = core.adaptive_window(axis, input, index);
                Window { first: range.start, count: range.len(), padded: range.len() }
            };
            return Windows { list: (0..output).map(window).collect(), step: 1 };
        }
        let (window, step) = (core.window[axis] as i64, core.dilation[axis] as i64);
        let (padding, input) = (core.padding[axis] as i64, input as i64);
        let list = (0..output as i64)
            .map(|out| {
                let start = out * core.stride[axis] as i64 - padding;
                // Elements of the window before position `end`, at most all of them.
                let before = |end: i64| ((end - start).max(0) + step - 1).div_euclid(step).min(window);
                let skipped = before(0);
                let count = (before(input) - skipped).max(0);
                let first = if count == 0 { 0 } else { start + skipped * step };
                Window {
                    first: first as usize,
                    count: count as usize,
                    padded: before(input + padding) as usize,
                }
            })
            .collect();
        Windows { list, step: step as usize }
    }
}

/// The outputs along an axis whose windows have their element of one number within the input: from `start` to before
/// `end`, with that of the first of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tap {
    pub start: usize,
    pub end: usize,
    pub first: usize,
}

impl Tap {
    /// The elements of windows along a spatial axis of these extents, ascending.
    pub fn all(core: &Pool, axis: usize, input: usize, output: usize) -> Vec<Tap> {
        let (stride, padding) = (core.stride[axis], core.padding[axis]);
        (0..core.window[axis])
            .map(|number| {
                // Output `o` finds it at `o · stride + place - padding`.
                let place = number * core.dilation[axis];
                let start = padding.saturating_sub(place).div_ceil(stride).min(output);
                let end = (input + padding).saturating_sub(place).div_ceil(stride).clamp(start, output);
                let first = if start < end { start * stride + place - padding } else { 0 };
                Tap { start, end, first }
            })
            .collect()
    }

    /// Its outputs but those of a range.
    #[inline(always)]
    pub fn outside(&self, range: &Range<usize>) -> impl Iterator<Item = usize> + use<> {
        (self.start..range.start.min(self.end)).chain(range.end.max(self.start)..self.end)
    }
}

/// Calls `visit(total, element)` for each element of a window in row-major order. `total` goes from call to call;
/// the usual sizes are unrolled.
#[inline(always)]
pub fn fold_window<T: Copy, A>(
    x: &[T],
    extents: [usize; 3],
    windows: &[Windows; 3],
    first: usize,
    [depth, row, column]: [&Window; 3],
    start: A,
    mut visit: impl FnMut(A, usize, T) -> A,
) -> A {
    let (row_step, step) = (windows[1].step * extents[2], windows[2].step);
    let mut total = start;
    macro_rules! unrolled {
        ($rows:literal, $columns:literal) => {
            for r in 0..$rows {
                let at = first + r * row_step;
                for (c, &value) in x[at..at + $columns].iter().enumerate() {
                    total = visit(total, at + c, value);
                }
            }
        };
    }
    match (depth.count, row.count, column.count, step) {
        (1, 3, 3, 1) => unrolled!(3, 3),
        (1, 2, 2, 1) => unrolled!(2, 2),
        _ => {
            for d in 0..depth.count {
                for r in 0..row.count {
                    let at = first + d * windows[0].step * extents[1] * extents[2] + r * row_step;
                    for c in 0..column.count {
                        total = visit(total, at + c * step, x[at + c * step]);
                    }
                }
            }
        }
    }
    total
}
