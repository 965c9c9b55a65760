//! Where the rows of a scan lie, and which of them are scanned side by side.

use tenfold_ir::Layout;
use tenfold_ir::kernel::Scan;

use super::block;
use crate::backend::view::{Input, RowLayout, Walk};

/// Bytes of a line, an element of each of neighbouring rows, at most: a page, for the processor's own fetching stops at
/// its end.
const LINE_BYTES: usize = 4096;

/// Elements of a line at most.
const MOST_ROWS: usize = 1024;

/// The rows of the input and of the outputs, from the end where the scan runs backwards.
pub struct Places {
    pub from: RowLayout,
    pub to: RowLayout,
    pub reverse: bool,
    /// True where neighbouring rows are neighbours in memory, which is then walked line by line.
    pub by_lines: bool,
}

impl Places {
    /// Those of an input and of dense outputs of its shape.
    pub fn new(core: &Scan, input: &Input<'_>) -> Places {
        let turned = |mut rows: RowLayout| {
            if core.reverse && rows.length > 0 {
                let distance = (rows.length as i64 - 1) * rows.stride;
                let outer = &rows.outer;
                rows.outer =
                    Layout::strided(outer.shape().clone(), outer.strides().into(), outer.offset() + distance);
                rows.stride = -rows.stride;
            }
            rows
        };
        let from = turned(RowLayout::new(&input.layout, core.axis));
        let to = turned(RowLayout::dense(input.shape(), core.axis));
        let are_neighbours = |rows: &RowLayout| {
            let (step, run) = Walk::new(&rows.outer, 0).run();
            step == 1 && run >= block::ROWS
        };
        let by_lines = are_neighbours(&from) && are_neighbours(&to);
        Places { from, to, reverse: core.reverse, by_lines }
    }

    /// How many rows are scanned side by side, at most.
    pub fn rows_together(&self, element_bytes: usize, threads: usize) -> usize {
        if !self.by_lines {
            return block::ROWS;
        }
        // Each thread should find some lines, even if they are shorter then.
        let share = self.from.rows().max(1).div_ceil(2 * threads).next_multiple_of(64);
        share.min(LINE_BYTES / element_bytes).min(MOST_ROWS)
    }

    /// The index along the axis of the element that comes after `done` others.
    pub fn index(&self, done: usize) -> i64 {
        if self.reverse { self.from.length as i64 - 1 - done as i64 } else { done as i64 }
    }

    /// Calls `body` for rows `start .. start + count`, at most `together` neighbours at a time.
    pub fn for_each_group(&self, start: usize, count: usize, together: usize, body: &mut dyn FnMut(Group)) {
        if self.from.length == 0 {
            return;
        }
        let (mut from, mut to) = (Walk::new(&self.from.outer, start), Walk::new(&self.to.outer, start));
        let mut left = count;
        while left > 0 {
            let ((from_step, from_run), (to_step, to_run)) = (from.run(), to.run());
            let rows = from_run.min(to_run).min(left).min(together);
            body(Group { from: from.position() as i64, from_step, to: to.position() as i64, to_step, rows });
            from.skip(rows);
            to.skip(rows);
            left -= rows;
        }
    }
}

/// Some rows whose beginnings lie evenly.
#[derive(Clone, Copy)]
pub struct Group {
    pub from: i64,
    pub from_step: i64,
    pub to: i64,
    pub to_step: i64,
    pub rows: usize,
}
