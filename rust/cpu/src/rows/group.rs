//! Rows to and from memory: where they lie, or by way of scratch memory, some neighbours at a time.

use std::ptr;

use tenfold_ir::lanes::Lane;
use tenfold_ir::{Error, Result, Shape};

use super::computed::{Compute, rows_together};
use super::element::RowElement;
use crate::backend::disjoint::Disjoint;
use crate::backend::view::{Input, Memory, RowLayout, Walk};
use crate::elementwise::STREAMED_BYTES;
use crate::simd::{prefetch, stream, stream_fence};

/// Rows that go through scratch memory together, so that neighbouring columns share cache lines.
const GROUP: usize = 16;

/// Elements from a row of scratch memory to the next: off the powers of 2, whose rows would all fall into the same
/// lines of the cache.
fn pitch(length: usize) -> usize {
    length.next_multiple_of(16) + 16
}

/// Elements that a row is worked on at a stretch: a multiple of the sum's block.
pub const STRETCH: usize = 256;

/// Rows up to so many bytes are asked for while the one before is worked on. Longer ones the processor fetches in time.
const LONGEST_AHEAD: usize = 32 << 10;

/// A row, and where the next one lies.
#[derive(Clone, Copy)]
pub struct Row<'a, T> {
    pub values: &'a [T],
    /// Null where nothing is known of the next row.
    next: *const T,
    /// Which of how many parts of the next row a sweep asks for.
    part: usize,
    parts: usize,
}

impl<T> Default for Row<'_, T> {
    fn default() -> Self {
        Row { values: &[], next: ptr::null(), part: 0, parts: 1 }
    }
}

impl<'a, T> Row<'a, T> {
    /// A row of which nobody knows where the next one will lie.
    #[inline(always)]
    pub fn alone(values: &'a [T]) -> Row<'a, T> {
        Row { values, ..Row::default() }
    }

    /// The row for a further sweep: it asks for nothing.
    #[inline(always)]
    pub fn still(self) -> Row<'a, T> {
        Row { next: ptr::null(), ..self }
    }

    /// The row for one of several sweeps, which together ask for the next row.
    #[inline(always)]
    pub fn share(self, part: usize, parts: usize) -> Row<'a, T> {
        Row { part, parts, ..self }
    }

    /// Asks for elements `start .. start + count` of the next row, a stretch, where that is the sweep's.
    #[inline(always)]
    pub fn touch(&self, start: usize, count: usize) {
        if !self.next.is_null() && start / STRETCH % self.parts == self.part {
            prefetch(self.next.wrapping_add(start).cast(), count * size_of::<T>());
        }
    }
}

/// Rows as an input.
pub struct RowSource<'a, E> {
    /// `None`: in the memory of the first output, or nowhere.
    memory: Option<&'a [E]>,
    /// Where they lie.
    pub layout: RowLayout,
}

impl<'a, E: RowElement> RowSource<'a, E> {
    /// The rows of an input along an axis.
    pub fn new(input: &Input<'a>, axis: usize) -> Result<RowSource<'a, E>> {
        let memory = match input.memory {
            Memory::Bytes(_) => Some(input.values()?),
            Memory::Output(0) if input.layout.is_dense() => None,
            Memory::Output(_) => {
                return Err(Error::state("rows", "an operand shares a buffer that it cannot"));
            }
        };
        Ok(RowSource { memory, layout: RowLayout::new(&input.layout, axis) })
    }

    /// Rows along the last axis that have no memory: see [`super::computed`].
    pub fn computed(shape: &Shape, axis: usize) -> RowSource<'a, E> {
        RowSource { memory: None, layout: RowLayout::dense(shape, axis) }
    }

    /// Reads rows `start .. start + count`.
    pub fn reader(&self, start: usize, count: usize) -> Reader<'_, 'a, E> {
        self.reader_of(start, count, None)
    }

    /// Reads rows `start .. start + count`, or computes them.
    #[inline(always)]
    pub fn reader_of<'s>(
        &'s self,
        start: usize,
        count: usize,
        compute: Option<&'s mut Compute<'s, E::Wide>>,
    ) -> Reader<'s, 'a, E> {
        let length = self.layout.length;
        let direct = self.memory.filter(|_| self.layout.is_unit());
        let (grouped, pitch) = match compute {
            Some(_) => (rows_together(length, count), length),
            None if self.layout.is_unit() => (1, pitch(length)),
            None => (GROUP.min(count), pitch(length)),
        };
        let borrowed = direct.is_some_and(|memory| E::as_wide(&memory[..0]).is_some());
        let scratch = if borrowed { 0 } else { grouped * pitch };
        Reader {
            source: self,
            walk: Walk::new(&self.layout.outer, start),
            first: start,
            left: count,
            compute,
            scratch: vec![E::Wide::constant(0.0); scratch],
            pitch,
            in_scratch: 0,
            grouped,
            next: 0,
        }
    }
}

/// Rows as an output, dense along some axis.
pub struct RowTarget<'a, E> {
    memory: Disjoint<'a, E>,
    layout: RowLayout,
    /// See [`STREAMED_BYTES`].
    is_streamed: bool,
}

impl<'a, E: RowElement> RowTarget<'a, E> {
    /// Rows of that layout over the memory.
    pub fn new(memory: &'a mut [E], layout: RowLayout) -> RowTarget<'a, E> {
        let is_streamed = size_of_val(memory) >= STREAMED_BYTES && layout.is_unit();
        RowTarget { memory: Disjoint::new(memory), layout, is_streamed }
    }

    /// Writes rows `start .. start + count`.
    pub fn writer(&self, start: usize, count: usize) -> Writer<'_, 'a, E> {
        let grouped = if self.layout.is_unit() { 1 } else { GROUP.min(count) };
        let direct = self.layout.is_unit() && E::as_wide(&[]).is_some() && !self.is_streamed;
        let scratch = if direct { 0 } else { grouped * pitch(self.layout.length) };
        Writer {
            target: self,
            walk: Walk::new(&self.layout.outer, start),
            left: count,
            scratch: vec![E::Wide::constant(0.0); scratch],
            grouped,
            group: 0,
            filled: 0,
        }
    }
}

/// Hands out rows in the wide dtype.
pub struct Reader<'s, 'a, E: RowElement> {
    source: &'s RowSource<'a, E>,
    walk: Walk,
    /// The first of the rows that have not been loaded, and how many there are.
    first: usize,
    left: usize,
    compute: Option<&'s mut Compute<'s, E::Wide>>,
    scratch: Vec<E::Wide>,
    /// From a row of the scratch memory to the next.
    pitch: usize,
    in_scratch: usize,
    grouped: usize,
    next: usize,
}

impl<E: RowElement> Reader<'_, '_, E> {
    /// The next row. `output` is where rows that share its memory lie.
    #[inline(always)]
    pub fn next_row(&mut self, output: Option<&RowTarget<'_, E>>) -> Row<'_, E::Wide> {
        let RowLayout { length, .. } = self.source.layout;
        if self.source.layout.is_unit()
            && let Some(memory) = self.source.memory
        {
            let start = self.walk.position();
            let row = if length == 0 { &[] } else { &memory[start..start + length] };
            self.walk.advance();
            if let Some(values) = E::as_wide(row) {
                let is_short = size_of_val(values) <= LONGEST_AHEAD;
                let next = memory.as_ptr().wrapping_add(self.walk.position()).cast();
                return Row { values, next: if is_short { next } else { ptr::null() }, ..Row::default() };
            }
            let wide = &mut self.scratch[..length];
            E::widen_slice(row, wide);
            return Row::alone(wide);
        }
        if self.source.layout.is_unit()
            && self.compute.is_none()
            && let Some(output) = output
        {
            let start = if length == 0 { 0 } else { self.walk.position() };
            // SAFETY: a row of the output that this thread writes, read before it writes it.
            let row = unsafe { output.memory.range(start, length) };
            self.walk.advance();
            let wide = &mut self.scratch[..length];
            E::widen_slice(row, wide);
            return Row::alone(wide);
        }
        if self.next == self.in_scratch {
            match &mut self.compute {
                None => self.load_group(output),
                Some(compute) => {
                    let rows = self.grouped.min(self.left);
                    compute(self.first, &mut self.scratch[..rows * length]);
                    (self.first, self.left) = (self.first + rows, self.left - rows);
                    (self.in_scratch, self.next) = (rows, 0);
                }
            }
        }
        let start = self.next * self.pitch;
        self.next += 1;
        Row::alone(&self.scratch[start..start + length])
    }

    /// Loads the next rows that lie evenly into scratch memory.
    #[inline(always)]
    fn load_group(&mut self, output: Option<&RowTarget<'_, E>>) {
        let RowLayout { length, stride, .. } = self.source.layout;
        let (step, neighbours) = self.walk.run();
        let rows = neighbours.min(self.grouped).min(self.left).max(1);
        let start = self.walk.position() as i64;
        let pitch = self.pitch;
        for at in 0..length {
            let first = start + at as i64 * stride;
            let column = self.scratch[at..].iter_mut().step_by(pitch).take(rows);
            match (self.source.memory, output) {
                (Some(memory), _) if step == 1 => {
                    let first = first as usize;
                    for (wide, value) in column.zip(&memory[first..first + rows]) {
                        *wide = value.widen();
                    }
                }
                (Some(memory), _) => {
                    for (row, wide) in column.enumerate() {
                        *wide = memory[(first + row as i64 * step) as usize].widen();
                    }
                }
                (None, Some(output)) => {
                    for (row, wide) in column.enumerate() {
                        let position = (first + row as i64 * step) as usize;
                        // SAFETY: a row of the output that this thread writes, read before it writes it.
                        *wide = unsafe { output.memory.read(position) }.widen();
                    }
                }
                (None, None) => {}
            }
        }
        self.walk.skip(rows);
        self.left -= rows;
        self.in_scratch = rows;
        self.next = 0;
    }
}

/// Takes rows in the wide dtype.
pub struct Writer<'s, 'a, E: RowElement> {
    target: &'s RowTarget<'a, E>,
    walk: Walk,
    left: usize,
    scratch: Vec<E::Wide>,
    grouped: usize,
    /// Rows of the group that is being filled, 0 before the first.
    group: usize,
    filled: usize,
}

impl<E: RowElement> Writer<'_, '_, E> {
    /// Where the next row is to be written.
    #[inline(always)]
    pub fn row(&mut self) -> &mut [E::Wide] {
        let length = self.target.layout.length;
        if self.scratch.is_empty() && self.target.layout.is_unit() {
            let start = if length == 0 { 0 } else { self.walk.position() };
            // SAFETY: each row belongs to one range of one thread.
            let row = unsafe { self.target.memory.range(start, length) };
            return E::as_wide_mut(row).unwrap_or(&mut []);
        }
        if self.filled == 0 {
            let (_, neighbours) = self.walk.run();
            self.group = neighbours.min(self.grouped).min(self.left).max(1);
        }
        let start = self.filled * pitch(length);
        &mut self.scratch[start..start + length]
    }

    /// The row has been written.
    #[inline(always)]
    pub fn end_row(&mut self) {
        if self.scratch.is_empty() && self.target.layout.is_unit() {
            self.walk.advance();
            return;
        }
        self.filled += 1;
        if self.filled == self.group {
            self.store_group();
        }
    }

    #[inline(always)]
    fn store_group(&mut self) {
        let RowLayout { length, stride, .. } = self.target.layout;
        let (step, _) = self.walk.run();
        let start = self.walk.position() as i64;
        let (rows, pitch) = (self.group, pitch(length));
        if self.target.layout.is_unit() {
            // SAFETY: each row belongs to one range of one thread.
            let row =
                unsafe { self.target.memory.range(if length == 0 { 0 } else { start as usize }, length) };
            match E::as_wide_mut(row) {
                Some(row) => stream(&self.scratch[..length], row),
                None => E::narrow_slice(&self.scratch[..length], row),
            }
        } else {
            for at in 0..length {
                let first = start + at as i64 * stride;
                let column = self.scratch[at..].iter().step_by(pitch).take(rows);
                if step == 1 {
                    // SAFETY: each row belongs to one range of one thread.
                    let line = unsafe { self.target.memory.range(first as usize, rows) };
                    for (value, &wide) in line.iter_mut().zip(column) {
                        *value = E::narrow(wide);
                    }
                } else {
                    for (row, &wide) in column.enumerate() {
                        let position = (first + row as i64 * step) as usize;
                        // SAFETY: each row belongs to one range of one thread.
                        unsafe { self.target.memory.write(position, E::narrow(wide)) };
                    }
                }
            }
        }
        self.walk.skip(rows);
        self.left -= rows;
        self.filled = 0;
    }
}

impl<E: RowElement> Drop for Writer<'_, '_, E> {
    fn drop(&mut self) {
        if self.target.is_streamed {
            stream_fence();
        }
    }
}
