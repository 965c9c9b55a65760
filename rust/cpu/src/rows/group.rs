//! Rows to and from memory: where they lie, or by way of scratch memory, some neighbours at a time.

use tenfold_ir::lanes::Lane;
use tenfold_ir::{Error, Result};

use super::element::RowElement;
use crate::backend::disjoint::Disjoint;
use crate::backend::view::{Input, Memory, RowLayout, Walk};

/// Rows that go through scratch memory together, so that neighbouring columns share cache lines.
const GROUP: usize = 16;

/// Rows as an input.
pub struct RowSource<'a, E> {
    /// `None`: in the memory of the first output.
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

    /// Reads rows `start .. start + count`.
    pub fn reader(&self, start: usize, count: usize) -> Reader<'_, 'a, E> {
        let direct = self.memory.filter(|_| self.layout.is_unit());
        let grouped = if self.layout.is_unit() { 1 } else { GROUP.min(count) };
        let in_place = direct.is_some_and(|memory| E::as_wide(&memory[..0]).is_some());
        let scratch = if in_place { 0 } else { grouped * self.layout.length };
        Reader {
            source: self,
            walk: Walk::new(&self.layout.outer, start),
            left: count,
            scratch: vec![E::Wide::constant(0.0); scratch],
            narrow: Vec::new(),
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
}

impl<'a, E: RowElement> RowTarget<'a, E> {
    /// Rows of that layout over the memory.
    pub fn new(memory: &'a mut [E], layout: RowLayout) -> RowTarget<'a, E> {
        RowTarget { memory: Disjoint::new(memory), layout }
    }

    /// Writes rows `start .. start + count`.
    pub fn writer(&self, start: usize, count: usize) -> Writer<'_, 'a, E> {
        let grouped = if self.layout.is_unit() { 1 } else { GROUP.min(count) };
        let direct = self.layout.is_unit() && E::as_wide(&[]).is_some();
        let scratch = if direct { 0 } else { grouped * self.layout.length };
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
    /// Rows that have not been loaded.
    left: usize,
    scratch: Vec<E::Wide>,
    narrow: Vec<E>,
    in_scratch: usize,
    grouped: usize,
    next: usize,
}

impl<E: RowElement> Reader<'_, '_, E> {
    /// The next row. `output` is where rows that share its memory lie.
    #[inline(always)]
    pub fn next_row(&mut self, output: Option<&RowTarget<'_, E>>) -> &[E::Wide] {
        let RowLayout { length, .. } = self.source.layout;
        if self.source.layout.is_unit()
            && let Some(memory) = self.source.memory
        {
            let start = self.walk.position();
            let row = if length == 0 { &[] } else { &memory[start..start + length] };
            self.walk.advance();
            if let Some(row) = E::as_wide(row) {
                return row;
            }
            E::widen_slice(row, &mut self.scratch);
            return &self.scratch;
        }
        if self.next == self.in_scratch {
            self.load_group(output);
        }
        self.next += 1;
        &self.scratch[(self.next - 1) * length..self.next * length]
    }

    /// Loads the next rows that lie evenly into scratch memory.
    #[inline(never)]
    fn load_group(&mut self, output: Option<&RowTarget<'_, E>>) {
        let RowLayout { length, stride, .. } = self.source.layout;
        let (step, neighbours) = self.walk.run();
        let rows = neighbours.min(self.grouped).min(self.left).max(1);
        let start = self.walk.position() as i64;
        let position = |row: usize, at: usize| (start + row as i64 * step + at as i64 * stride) as usize;
        self.narrow.resize(rows * length, E::narrow(E::Wide::constant(0.0)));
        match (self.source.memory, output) {
            (Some(memory), _) => {
                for at in 0..length {
                    for row in 0..rows {
                        self.narrow[row * length + at] = memory[position(row, at)];
                    }
                }
            }
            (None, Some(output)) => {
                for at in 0..length {
                    for row in 0..rows {
                        // SAFETY: the rows of the output that this thread writes, read before it writes them.
                        self.narrow[row * length + at] = unsafe { output.memory.read(position(row, at)) };
                    }
                }
            }
            (None, None) => {}
        }
        E::widen_slice(&self.narrow, &mut self.scratch[..rows * length]);
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
        &mut self.scratch[self.filled * length..(self.filled + 1) * length]
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

    #[inline(never)]
    fn store_group(&mut self) {
        let RowLayout { length, stride, .. } = self.target.layout;
        let (step, _) = self.walk.run();
        let start = self.walk.position() as i64;
        let rows = self.group;
        if self.target.layout.is_unit() {
            // SAFETY: each row belongs to one range of one thread.
            let row =
                unsafe { self.target.memory.range(if length == 0 { 0 } else { start as usize }, length) };
            E::narrow_slice(&self.scratch, row);
        } else {
            for at in 0..length {
                for row in 0..rows {
                    let position = start + row as i64 * step + at as i64 * stride;
                    let value = E::narrow(self.scratch[row * length + at]);
                    // SAFETY: each row belongs to one range of one thread.
                    unsafe { self.target.memory.write(position as usize, value) };
                }
            }
        }
        self.walk.skip(rows);
        self.left -= rows;
        self.filled = 0;
    }
}
