//! How the tile of a source is had: where it lies, or copied together.

use super::Evaluator;
use crate::backend::view::{Rows, Walk};
use crate::elementwise::bands::{Band, Bands};
use crate::elementwise::formulas::AHEAD;
use crate::elementwise::operand::{Access, Operand, gather};
use crate::elementwise::program::{Origin, TILE};

/// Where the walk over a source stands.
#[derive(Clone, Default)]
pub(super) struct Cursor {
    pub walk: Option<Walk>,
    /// The element that the walk stands at.
    pub element: usize,
    /// The tile of this source holds the element at this position so many times, or a run from there on again and again.
    pub filled: Option<(usize, usize)>,
    /// Where in the scratch a band of this source lies, turned around.
    pub panel: Option<usize>,
}

impl Cursor {
    /// The walk at that element, where it mostly stands already.
    #[inline]
    pub fn walk_at(&mut self, operand: &Operand, element: usize) -> &mut Walk {
        let stands = self.walk.is_some() && self.element == element;
        self.element = element;
        let walk = self.walk.get_or_insert_with(|| Walk::new(&operand.layout, element));
        if !stands {
            walk.seek(element);
        }
        walk
    }
}

impl Evaluator<'_> {
    /// Makes a source slot show elements `start .. start + count`.
    pub(super) fn ready(&mut self, source: usize, start: usize, count: usize) {
        let program = self.evaluation.program;
        match program.origins[source] {
            Origin::Coordinate(axis) => {
                let inner: usize = self.evaluation.shape[axis + 1..].iter().product();
                // SAFETY: the slot's own tile holds `TILE` numbers of 8 bytes.
                let tile =
                    unsafe { std::slice::from_raw_parts_mut(self.own_tile(source).cast::<i64>(), count) };
                coordinates(tile, start, inner, self.evaluation.shape[axis]);
                self.slots[source] = tile.as_mut_ptr().cast();
            }
            Origin::Operand(operand) => {
                let operand = &self.evaluation.operands[operand];
                let tile = match operand.access {
                    Access::Linear => {
                        let first = operand.layout.offset();
                        let next = first + self.next.unwrap_or(start + count) as i64;
                        self.look_ahead(source, operand, next, self.next.is_none(), count);
                        operand.address(first + start as i64)
                    }
                    Access::Block => self.block.wrapping_add(start * operand.size),
                    Access::Single => self.fill(source, operand, operand.layout.offset() as usize, count),
                    Access::Strided => self.walk(source, operand, start, count),
                };
                self.slots[source] = tile.cast_mut();
            }
        }
    }

    /// Asks for the next `count` elements of a source, from position `next` on, unless the formula that reads this tile asks
    /// for what `follows` it.
    #[inline]
    fn look_ahead(&mut self, source: usize, operand: &Operand, next: i64, follows: bool, count: usize) {
        if operand.is_far {
            let bytes = match (self.evaluation.program.fetched[source], follows) {
                (true, true) => 0,
                (true, false) => AHEAD.min(count * operand.size),
                (false, _) => count * operand.size,
            };
            self.ahead.push(operand.address(next), bytes);
        }
    }

    /// The tile of the scratch that belongs to a source.
    fn own_tile(&self, source: usize) -> *mut u8 {
        // The scratch holds a tile a slot, and behind them the panels.
        self.scratch.wrapping_add(source * self.evaluation.program.register_bytes)
    }

    /// A tile of one element throughout.
    fn fill(&mut self, source: usize, operand: &Operand, position: usize, count: usize) -> *const u8 {
        let tile = self.own_tile(source);
        let filled = self.cursors[source].filled;
        if filled.is_none_or(|(element, length)| element != position || length < count) {
            // No more than this time: rows of an epilogue's blocks have another element each.
            let rows = Rows { position: position as i64, stride: 0, length: count, apart: 0, count: 1 };
            // SAFETY: the position is one of the layout's, and a tile holds `count` elements.
            unsafe { gather(operand, rows, tile) };
            self.cursors[source].filled = Some((position, count));
        }
        tile
    }

    /// A tile of a run of neighbours, again and again.
    fn repeat(&mut self, source: usize, operand: &Operand, period: usize) -> *const u8 {
        let tile = self.own_tile(source);
        let position = operand.layout.offset();
        let filled = Some((position as usize, TILE / period * period));
        if self.cursors[source].filled != filled {
            let rows = Rows { position, stride: 1, length: period, apart: 0, count: TILE / period };
            // SAFETY: the positions are the layout's, and a tile holds that many elements.
            unsafe { gather(operand, rows, tile) };
            self.cursors[source].filled = filled;
        }
        tile
    }

    fn walk(&mut self, source: usize, operand: &Operand, start: usize, count: usize) -> *const u8 {
        if let Some(period) = operand.period
            && (period + 1..=TILE / period * period).contains(&count)
            && start.is_multiple_of(period)
        {
            return self.repeat(source, operand, period);
        }
        if let Some(position) = operand.stretches.and_then(|stretches| stretches.position(start, count)) {
            return self.fill(source, operand, position as usize, count);
        }
        let cursor = &mut self.cursors[source];
        let walk = cursor.walk_at(operand, start);
        let (stride, left) = walk.run();
        let whole = left >= count && (stride == 0 || stride == 1);
        let position = walk.position();
        if whole {
            walk.skip(count);
        }
        let next = walk.position();
        cursor.element = start + count;
        match whole {
            true if stride == 1 => {
                self.look_ahead(source, operand, next as i64, next == position + count, count);
                operand.address(position as i64)
            }
            true => self.fill(source, operand, position, count),
            false => self.gather_runs(source, operand, count),
        }
    }

    /// Copies the next `count` elements of the walk into the source's own tile, run by run.
    fn gather_runs(&mut self, source: usize, operand: &Operand, count: usize) -> *const u8 {
        let tile = self.own_tile(source);
        let cursor = &mut self.cursors[source];
        cursor.filled = None;
        let Some(walk) = &mut cursor.walk else { unreachable!("a walk that was begun") };
        let mut done = 0;
        while done < count {
            let rows = walk.take_rows(count - done);
            // SAFETY: the positions are the layout's, and the tile holds `count` elements.
            unsafe { gather(operand, rows, tile.add(done * operand.size)) };
            done += rows.length * rows.count;
        }
        tile
    }
}

/// Scratch memory for the bands of an operand.
pub(super) struct Panel<'a> {
    pub operand: &'a Operand,
    pub memory: *mut u8,
}

impl Panel<'_> {
    /// Reads a band of the operand.
    pub fn turn(&self, bands: &Bands, band: &Band) {
        let Operand { layout, size, .. } = self.operand;
        let last = layout.shape().iter().rposition(|&extent| extent > 1).unwrap_or(0);
        let position = Walk::new(layout, band.first).position() as i64;
        // SAFETY: the band lies within the layout, whose neighbours lie along the band's rows; the panel was made for bands
        // of this operand.
        unsafe {
            bands.turn(band, *size, self.operand.address(position), layout.strides()[last], self.memory)
        }
    }

    /// A row of the band that was read.
    pub fn row(&self, bands: &Bands, row: usize) -> *mut u8 {
        self.memory.wrapping_add(row * bands.pitch(self.operand.size))
    }
}

/// The indices along an axis of `extent` whose steps are `inner` elements apart.
fn coordinates(tile: &mut [i64], start: usize, inner: usize, extent: usize) {
    let mut index = start / inner % extent;
    let mut left = inner - start % inner;
    for value in tile {
        *value = index as i64;
        left -= 1;
        if left == 0 {
            left = inner;
            index = if index + 1 == extent { 0 } else { index + 1 };
        }
    }
}
