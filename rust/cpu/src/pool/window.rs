//! Which elements of an axis each window covers.

use tenfold_ir::kernel::Pool;

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
