//! Running a tile program over stretches of its space.

mod plain;
mod sources;

use std::cell::RefCell;
use std::ptr;

use smallvec::{SmallVec, smallvec};
use tenfold_ir::{Scalar, Shape};

use super::ahead::Ahead;
use super::bands::{Band, Bands};
use super::cast;
use super::operand::{Access, Operand};
use super::program::{Origin, Program, Step, TILE};
use super::tiling::{Tiling, run_length};
use crate::memory::ALIGNMENT;
use sources::{Cursor, Panel};

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
    /// The operands that are walked.
    fn strided(&self) -> impl Iterator<Item = &'a Operand> + Clone {
        let operands = self.operands;
        self.program.origins.iter().filter_map(move |origin| match *origin {
            Origin::Operand(operand) => {
                Some(&operands[operand]).filter(|operand| operand.access == Access::Strided)
            }
            Origin::Coordinate(_) => None,
        })
    }

    /// The way through the space where an operand lies transposed in it.
    pub fn bands(&self) -> Option<Bands> {
        Bands::new(self.shape, self.strided())
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
        let runs = self.strided();
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
        let runs = self.strided().map(|operand| run_length(&operand.layout).unwrap_or(columns));
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
                // The next panel is aligned for every dtype.
                let panel_bytes = bands.height() * bands.pitch(self.operands[operand].size);
                bytes += panel_bytes.next_multiple_of(ALIGNMENT);
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
