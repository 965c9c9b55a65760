//! Running a tile program over stretches of its space.

use std::cell::RefCell;
use std::ptr;

use smallvec::{SmallVec, smallvec};
use tenfold_ir::{Scalar, Shape};

use super::ahead::Ahead;
use super::bands::{Band, Bands};
use super::cast;
use super::formulas::AHEAD;
use super::operand::{Access, Operand, gather};
use super::program::{Origin, Program, Step, TILE};
use super::tiling::{Tiling, run_length};
use crate::backend::view::{Rows, Walk};
use crate::memory::ALIGNMENT;
use crate::simd::prefetch;

/// Bytes of the next run of neighbours that are asked for: of longer ones the processor fetches the rest in time.
const RUN_AHEAD: usize = 4096;

/// A program with its operands over a space, to be run by any number of threads.
pub struct Evaluation<'a> {
    program: &'a Program,
    scalars: &'a [Scalar],
    operands: &'a [Operand],
    shape: &'a Shape,
    elements: usize,
    /// Outputs come from so far that they are asked for before they are written.
    outputs_are_far: bool,
}

impl<'a> Evaluation<'a> {
    /// The way through the space where an operand lies transposed in it.
    pub fn bands(&self) -> Option<Bands> {
        let strided = self.program.origins.iter().filter_map(|origin| match *origin {
            Origin::Operand(operand) => Some(&self.operands[operand]),
            Origin::Coordinate(_) => None,
        });
        Bands::new(self.shape, strided.filter(|operand| operand.access == Access::Strided))
    }

    /// The operands are broadcast to `shape`; the program refers to them and to the run-time scalars by their index.
    pub fn new(
        program: &'a Program,
        scalars: &'a [Scalar],
        operands: &'a [Operand],
        shape: &'a Shape,
    ) -> Evaluation<'a> {
        debug_assert!(program.origins.iter().all(|origin| match *origin {
            Origin::Operand(operand) => operands[operand].layout.shape() == shape,
            Origin::Coordinate(axis) => axis < shape.rank(),
        }));
        Evaluation { program, scalars, operands, shape, elements: shape.elements(), outputs_are_far: false }
    }

    /// The same where tiles are written one behind the other into dense outputs that no cache holds.
    pub fn with_far_outputs(mut self, are_far: bool) -> Evaluation<'a> {
        self.outputs_are_far = are_far;
        self
    }

    /// The elements of the space.
    pub fn elements(&self) -> usize {
        self.elements
    }

    /// How the space is cut into tiles.
    pub fn tiling(&self) -> Tiling {
        let strided = self.program.origins.iter().filter_map(|origin| match *origin {
            Origin::Operand(operand) => Some(&self.operands[operand]),
            Origin::Coordinate(_) => None,
        });
        let runs = strided.filter(|operand| operand.access == Access::Strided);
        let mut periods = runs.clone().map(|operand| operand.period);
        if let Some(Some(period)) = periods.next()
            && periods.all(|other| other == Some(period))
        {
            return Tiling::of_period(period);
        }
        Tiling::new(runs.filter_map(|operand| run_length(&operand.layout)).min().unwrap_or(self.elements))
    }

    /// Of columns that are gone through side by side, so many in a line: how many at a time are neighbours in memory in all
    /// operands. All of them where it pays to copy shorter runs together, as for programs with steps.
    pub fn run_of_columns(&self, columns: usize) -> usize {
        const SHORTEST_RUN_OF_STEPS: usize = 128;
        let strided = self.program.origins.iter().filter_map(|origin| match *origin {
            Origin::Operand(operand) => Some(&self.operands[operand]),
            Origin::Coordinate(_) => None,
        });
        let strided = strided.filter(|operand| operand.access == Access::Strided);
        let runs = strided.map(|operand| run_length(&operand.layout).unwrap_or(columns));
        let run = runs.min().unwrap_or(columns);
        let is_long = self.program.steps.is_empty() || run >= SHORTEST_RUN_OF_STEPS;
        if is_long && run > 1 && run < columns && columns.is_multiple_of(run) { run } else { columns }
    }

    /// True where one loop reads operands where they lie and writes all outputs: tiles would only interrupt it.
    pub fn is_one_loop(&self) -> bool {
        let program = self.program;
        let [Step::Formula { operands, slots, .. }] = &program.steps[..] else { return false };
        let (operands, others) = slots.split_at(*operands);
        let is_linear = |origin: &Origin| match *origin {
            Origin::Operand(operand) => self.operands[operand].access == Access::Linear,
            Origin::Coordinate(_) => false,
        };
        let registers = program.first_register()..program.first_output();
        program.origins.iter().all(is_linear)
            && operands.iter().all(|&slot| usize::from(slot) < program.first_constant())
            && !others.iter().any(|&slot| registers.contains(&slot.into()))
    }

    /// What an element costs, roughly, in picoseconds.
    pub fn picoseconds_per_element(&self) -> u64 {
        let bytes: usize = self.program.origins.iter().map(|origin| self.bytes_read(*origin)).sum();
        // About 10 GB/s and thread, for what is read and for as much written.
        self.program.picoseconds + 100 * (bytes + 4 * self.program.outputs.len()) as u64
    }

    fn bytes_read(&self, origin: Origin) -> usize {
        match origin {
            Origin::Operand(operand) => match self.operands[operand].access {
                Access::Linear | Access::Block => self.operands[operand].size,
                Access::Single => 0,
                Access::Strided => self.operands[operand].size * 2,
            },
            Origin::Coordinate(_) => 4,
        }
    }

    /// Gives `work` an evaluator of this thread.
    pub fn with<R>(&self, work: impl FnOnce(&mut Evaluator<'_>) -> R) -> R {
        self.with_scratch(self.tile_bytes(), work)
    }

    /// Gives `work` an evaluator for an epilogue's block: element 0 of the result is at `block`, or would be if the
    /// memory held more than the block.
    pub fn with_block<R>(&self, block: *const u8, work: impl FnOnce(&mut Evaluator<'_>) -> R) -> R {
        self.with(|evaluator| {
            evaluator.block = block;
            work(evaluator)
        })
    }

    /// Gives `work` an evaluator that goes through the space in bands.
    pub fn with_bands<R>(&self, bands: &Bands, work: impl FnOnce(&mut Evaluator<'_>) -> R) -> R {
        let mut panels: SmallVec<[Option<usize>; 4]> = smallvec![None; self.program.origins.len()];
        let mut bytes = self.tile_bytes();
        for (origin, panel) in self.program.origins.iter().zip(&mut panels) {
            if let Origin::Operand(operand) = *origin
                && self.operands[operand].access == Access::Strided
                && bands.suits(&self.operands[operand].layout)
            {
                *panel = Some(bytes);
                bytes += bands.height() * bands.pitch(self.operands[operand].size);
            }
        }
        self.with_scratch(bytes, |evaluator| {
            for (cursor, panel) in evaluator.cursors.iter_mut().zip(panels) {
                cursor.panel = panel;
            }
            work(evaluator)
        })
    }

    /// Bytes of the tiles that a program has of its own.
    fn tile_bytes(&self) -> usize {
        self.program.first_output() * self.program.register_bytes
    }

    /// An evaluator with so many bytes of scratch memory, its tiles first.
    fn with_scratch<R>(&self, bytes: usize, work: impl FnOnce(&mut Evaluator<'_>) -> R) -> R {
        let program = self.program;
        let tiles = program.first_output();
        with_scratch(bytes, |scratch| {
            let slots = (0..program.slots()).map(|slot| {
                if slot < tiles {
                    // SAFETY: the scratch holds that many tiles.
                    unsafe { scratch.add(slot * program.register_bytes) }
                } else {
                    ptr::null_mut()
                }
            });
            let mut evaluator = Evaluator {
                evaluation: self,
                slots: slots.collect(),
                cursors: smallvec![Cursor::default(); program.origins.len()],
                next: None,
                ahead: Ahead::default(),
                scratch,
                block: ptr::null(),
            };
            evaluator.begin();
            work(&mut evaluator)
        })
    }
}

/// Where the walk over a source stands.
#[derive(Clone, Default)]
struct Cursor {
    walk: Option<Walk>,
    /// The element that the walk stands at.
    element: usize,
    /// The tile of this source holds the element at this position so many times, or a run from there on again and again.
    filled: Option<(usize, usize)>,
    /// Where in the scratch a band of this source lies, turned around.
    panel: Option<usize>,
}

impl Cursor {
    /// The walk at that element, where it mostly stands already.
    #[inline]
    fn walk_at(&mut self, operand: &Operand, element: usize) -> &mut Walk {
        let stands = self.walk.is_some() && self.element == element;
        self.element = element;
        let walk = self.walk.get_or_insert_with(|| Walk::new(&operand.layout, element));
        if !stands {
            walk.seek(element);
        }
        walk
    }
}

/// The state of one thread that runs a program.
pub struct Evaluator<'a> {
    evaluation: &'a Evaluation<'a>,
    slots: SmallVec<[*mut u8; 16]>,
    cursors: SmallVec<[Cursor; 4]>,
    scratch: *mut u8,
    /// Where element 0 of the result of an epilogue's core would be.
    block: *const u8,
    /// Where the next tile begins, if not behind this one.
    next: Option<usize>,
    /// What the next tile will touch.
    ahead: Ahead,
}

impl<'a> Evaluator<'a> {
    /// How the space is cut into tiles.
    pub fn tiling(&self) -> Tiling {
        self.evaluation.tiling()
    }

    /// Fills what is the same for every tile.
    fn begin(&mut self) {
        let program = self.evaluation.program;
        let count = self.evaluation.elements.min(TILE);
        for (index, &(scalar, dtype)) in program.constants.iter().enumerate() {
            let scalar = self.evaluation.scalars[usize::from(scalar)];
            // SAFETY: a slot of the scratch holds a tile of every dtype of the program.
            unsafe { cast::fill(scalar, dtype, self.slots[program.first_constant() + index], count) };
        }
    }

    /// Says where the tile after the next one begins, `None` for behind it: formulas ask for what follows, and not for the next
    /// row of an epilogue's block.
    pub fn expect(&mut self, next: Option<usize>) {
        self.next = next;
    }

    /// Computes elements `start .. start + count` of the space in row-major order into `outputs`.
    ///
    /// # Safety
    /// Each output is aligned and holds `count` elements, which nobody else uses meanwhile; with a program that
    /// was not compiled to work in place they overlap no operand.
    pub unsafe fn run(&mut self, start: usize, count: usize, outputs: &[*mut u8]) {
        debug_assert!(count <= TILE || self.evaluation.is_one_loop());
        debug_assert!(start + count <= self.evaluation.elements);
        for source in 0..self.evaluation.program.origins.len() {
            self.ready(source, start, count);
        }
        // SAFETY: the caller's promise; the sources are ready.
        unsafe { self.compute(count, outputs) };
    }

    /// Computes a band, some rows of it at a time into `outputs(start)`.
    ///
    /// # Safety
    /// As for [`Evaluator::run`], for those rows.
    pub unsafe fn run_band(
        &mut self,
        bands: &Bands,
        band: &Band,
        outputs: impl Fn(usize) -> SmallVec<[*mut u8; 2]>,
    ) {
        for source in 0..self.cursors.len() {
            if let Some(panel) = self.panel(source) {
                panel.turn(bands, band);
            }
        }
        let at_once = bands.rows_at_once();
        for row in (0..band.rows).step_by(at_once) {
            let start = band.first + row * band.row_step;
            let count = at_once.min(band.rows - row) * band.columns;
            self.expect(Some(start + at_once * band.row_step));
            for source in 0..self.cursors.len() {
                match self.panel(source) {
                    Some(panel) => self.slots[source] = panel.row(bands, row),
                    None => self.ready(source, start, count),
                }
            }
            // SAFETY: the caller's promise; the sources are ready.
            unsafe { self.compute(count, &outputs(start)) };
        }
    }

    /// Where a band of a source is turned around, if it is.
    fn panel(&self, source: usize) -> Option<Panel<'a>> {
        let at = self.cursors[source].panel?;
        let Origin::Operand(operand) = self.evaluation.program.origins[source] else { return None };
        Some(Panel { operand: &self.evaluation.operands[operand], memory: self.scratch.wrapping_add(at) })
    }

    /// Runs the steps on sources that are ready.
    ///
    /// # Safety
    /// As for [`Evaluator::run`].
    unsafe fn compute(&mut self, count: usize, outputs: &[*mut u8]) {
        let program = self.evaluation.program;
        self.slots[program.first_output()..].copy_from_slice(outputs);
        if self.evaluation.outputs_are_far {
            for (output, size) in outputs.iter().zip(&program.outputs) {
                self.ahead.push(output.wrapping_add(count * size), count * size);
            }
        }
        // The steps leave the time to fetch the next tile.
        let all = program.shares * count as u64;
        let mut done = 0;
        for step in &program.steps {
            match step {
                Step::Operation { function, arguments, target, share, pieces } => {
                    let arguments = arguments.map(|slot| self.slots[usize::from(slot)].cast_const());
                    let target = self.slots[usize::from(*target)];
                    let mut start = 0;
                    while start < count {
                        let piece = pieces.elements.min(count - start);
                        done += share * piece as u64;
                        self.ahead.ask(done, all);
                        let argument = |at: usize| arguments[at].wrapping_add(start * pieces.arguments[at]);
                        let target = target.wrapping_add(start * pieces.target);
                        // SAFETY: every slot holds a tile of the type that the program's compiler gave it, in which the
                        // piece lies, and a step's target is none of its arguments.
                        unsafe { function(argument(0), argument(1), argument(2), target, piece) };
                        start += piece;
                    }
                }
                Step::Formula { function, slots, share, .. } => {
                    done += share * count as u64;
                    self.ahead.ask(done, all);
                    let tiles: SmallVec<[*mut u8; 14]> =
                        slots.iter().map(|&slot| self.slots[usize::from(slot)]).collect();
                    // SAFETY: as above.
                    unsafe { function(&tiles, count) };
                }
            }
        }
        self.ahead.ask(1, 1);
        self.ahead.clear();
    }

    /// Computes elements `start .. start + count` of a program that was compiled to be looked at, and gives the tile
    /// of its first value. `T` is the type of that value's tile.
    pub fn view<T: Copy>(&mut self, start: usize, count: usize) -> &[T] {
        let [values] = self.views(start, count);
        values
    }

    /// The same for its first `N` values.
    pub fn views<T: Copy, const N: usize>(&mut self, start: usize, count: usize) -> [&[T]; N] {
        // SAFETY: such a program has no outputs.
        unsafe { self.run(start, count, &[]) };
        std::array::from_fn(|value| {
            let slot = usize::from(self.evaluation.program.views[value]);
            // SAFETY: the slot shows `count` elements that stay until the next run, which borrows exclusively.
            unsafe { std::slice::from_raw_parts(self.slots[slot].cast::<T>(), count) }
        })
    }

    /// The operand that the only value is, and its source.
    fn plain_operand<T>(&self) -> Option<(usize, &'a Operand)> {
        let Evaluation { program, operands, .. } = self.evaluation;
        let source = usize::from(*program.views.first()?);
        let Origin::Operand(operand) = *program.origins.get(source)? else { return None };
        let operand = &operands[operand];
        (program.steps.is_empty() && operand.size == size_of::<T>()).then_some((source, operand))
    }

    /// Elements `start .. start + count` of the only value, any number of them, where they are an operand's that lie
    /// in this order.
    pub fn neighbours<T: Copy>(&self, start: usize, count: usize) -> Option<&[T]> {
        let (_, operand) = self.plain_operand::<T>()?;
        debug_assert!(start + count <= self.evaluation.elements);
        // SAFETY: the layout was checked to lie within the memory, which nobody writes: a program that is looked at
        // has no outputs.
        (operand.access == Access::Linear).then(|| unsafe {
            let first = operand.address(operand.layout.offset() + start as i64);
            std::slice::from_raw_parts(first.cast::<T>(), count)
        })
    }

    /// So many lines of `width` elements of the only value, the first from element `start` on, where they are an operand's that
    /// lie evenly apart; a line of the whole space has `columns`. From the first element on, and the distance of lines.
    pub fn lines<T: Copy>(
        &mut self,
        start: usize,
        width: usize,
        lines: usize,
        columns: usize,
    ) -> Option<(&[T], usize)> {
        let (source, operand) = self.plain_operand::<T>()?;
        let (position, pitch) = match operand.access {
            Access::Linear => (operand.layout.offset() + start as i64, columns),
            Access::Single | Access::Block => return None,
            Access::Strided => {
                let walk = self.cursors[source].walk_at(operand, start);
                let (stride, left) = walk.run();
                let are_neighbours = stride == 1 && left >= width;
                (walk.position() as i64, operand.distance_of_lines(columns).filter(|_| are_neighbours)?)
            }
        };
        let count = lines.saturating_sub(1) * pitch + width;
        // SAFETY: the first and the last element are the layout's, which was checked to lie within the memory; nobody writes it.
        unsafe { Some((std::slice::from_raw_parts(operand.address(position).cast::<T>(), count), pitch)) }
    }

    /// True where the only value is an operand's, whose elements from `start` on lie in this order: at least `least` of
    /// them or all `count`.
    pub fn has_neighbours<T: Copy>(&mut self, start: usize, least: usize, count: usize) -> bool {
        self.plain_operand::<T>().is_some_and(|(source, operand)| match operand.access {
            Access::Linear => true,
            Access::Single | Access::Block => false,
            Access::Strided => {
                let (stride, left) = self.cursors[source].walk_at(operand, start).run();
                stride == 1 && left >= least.min(count)
            }
        })
    }

    /// Elements from `start` on, at most `count`, of the only value, where they are an operand's that lie in this order
    /// up to there.
    pub fn run_of_neighbours<T: Copy>(&mut self, start: usize, count: usize) -> Option<&[T]> {
        let (source, operand) = self.plain_operand::<T>()?;
        if operand.access != Access::Strided {
            return self.neighbours(start, count);
        }
        let cursor = &mut self.cursors[source];
        let walk = cursor.walk_at(operand, start);
        let (stride, left) = walk.run();
        if stride != 1 {
            return None;
        }
        let (position, count) = (walk.position() as i64, count.min(left));
        walk.skip(count);
        let next = walk.position() as i64;
        cursor.element = start + count;
        if operand.is_far && next != position + count as i64 {
            // The processor foresees what follows, but not where the next run begins.
            prefetch(operand.address(next), (count * operand.size).min(RUN_AHEAD));
        }
        // SAFETY: the positions are the layout's, which was checked to lie within the memory; nobody writes it.
        unsafe { Some(std::slice::from_raw_parts(operand.address(position).cast::<T>(), count)) }
    }

    /// Makes a source slot show elements `start .. start + count`.
    fn ready(&mut self, source: usize, start: usize, count: usize) {
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
struct Panel<'a> {
    operand: &'a Operand,
    memory: *mut u8,
}

impl Panel<'_> {
    /// Reads a band of the operand.
    fn turn(&self, bands: &Bands, band: &Band) {
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
    fn row(&self, bands: &Bands, row: usize) -> *mut u8 {
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

thread_local! {
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Hands `work` `bytes` aligned bytes that stay with this thread for the next time.
fn with_scratch<R>(bytes: usize, work: impl FnOnce(*mut u8) -> R) -> R {
    // Taken out meanwhile: a nested evaluation gets memory of its own.
    let mut scratch = SCRATCH.take();
    if scratch.len() < bytes + ALIGNMENT {
        scratch.resize(bytes + ALIGNMENT, 0);
    }
    let start = scratch.as_mut_ptr();
    // The vector is at least as long as the address of its first aligned byte may lie behind its start.
    let result = work(start.wrapping_add(start.align_offset(ALIGNMENT)));
    SCRATCH.replace(scratch);
    result
}
