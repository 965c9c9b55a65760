//! Buffers as the kernels of one family see them: typed, checked once, walked row by row.

use smallvec::SmallVec;
use tenfold_ir::{DType, Element, Error, Layout, Result, Shape};

/// Where an input's elements lie.
#[derive(Clone, Copy, Debug)]
pub enum Memory<'a> {
    /// In bytes of its own, aligned for every dtype.
    Bytes(&'a [u8]),
    /// In the memory of that output, dense: the kernel works in place.
    Output(usize),
}

/// An input of a kernel.
#[derive(Clone, Debug)]
pub struct Input<'a> {
    /// The dtype of the elements.
    pub dtype: DType,
    /// Where they lie, in elements from the start of the memory.
    pub layout: Layout,
    /// The memory.
    pub memory: Memory<'a>,
}

impl<'a> Input<'a> {
    /// An input in bytes of its own.
    pub fn new(dtype: DType, layout: Layout, bytes: &'a [u8]) -> Input<'a> {
        Input { dtype, layout, memory: Memory::Bytes(bytes) }
    }

    /// The extents.
    pub fn shape(&self) -> &Shape {
        self.layout.shape()
    }

    /// True where it lies in the memory of that output.
    pub fn is_in_place(&self, output: usize) -> bool {
        matches!(self.memory, Memory::Output(shared) if shared == output)
    }

    /// Its memory as elements. Every position of the layout is a valid index of them.
    pub fn values<T: Element>(&self) -> Result<&'a [T]> {
        debug_assert_eq!(self.dtype, T::DTYPE);
        self.plain()
    }

    /// Its memory as plain values of the same size as the elements, for moving them.
    pub fn plain<T: bytemuck::Pod>(&self) -> Result<&'a [T]> {
        let Memory::Bytes(bytes) = self.memory else {
            return Err(Error::state("kernel", "an input that must not share an output's memory does"));
        };
        let whole = bytes.len() / size_of::<T>() * size_of::<T>();
        let values = bytemuck::try_cast_slice(&bytes[..whole])
            .map_err(|_| Error::state("kernel", "the memory of an input is not aligned"))?;
        self.layout.check_within("kernel", values.len())?;
        Ok(values)
    }
}

/// An output of a kernel: dense and row-major.
#[derive(Debug)]
pub struct OutputView<'a> {
    /// The dtype of the elements.
    pub dtype: DType,
    /// The extents.
    pub shape: Shape,
    /// The memory, aligned for every dtype; at least as long as the elements.
    pub bytes: &'a mut [u8],
}

impl OutputView<'_> {
    /// Its elements.
    pub fn values<T: Element>(&mut self) -> Result<&mut [T]> {
        debug_assert_eq!(self.dtype, T::DTYPE);
        self.plain()
    }

    /// Its elements as plain values of the same size.
    pub fn plain<T: bytemuck::Pod>(&mut self) -> Result<&mut [T]> {
        bytemuck::try_cast_slice_mut(self.checked_bytes(size_of::<T>())?)
            .map_err(|_| Error::state("kernel", "the memory of an output is not aligned"))
    }

    /// The bytes of its elements of `size` bytes each.
    pub fn checked_bytes(&mut self, size: usize) -> Result<&mut [u8]> {
        let bytes = self.shape.elements() * size;
        let aligned = self.bytes.as_ptr().addr().is_multiple_of(size.min(8));
        self.bytes
            .get_mut(..bytes)
            .filter(|_| aligned)
            .ok_or_else(|| Error::state("kernel", "the memory of an output is too small or not aligned"))
    }
}

/// Rows of elements in memory, as a [`Walk`] comes by them.
#[derive(Clone, Copy, Debug)]
pub struct Rows {
    /// Where the first one begins.
    pub position: i64,
    /// From an element of a row to the next.
    pub stride: i64,
    /// Elements of a row.
    pub length: usize,
    /// From a row to the next.
    pub apart: i64,
    /// How many there are.
    pub count: usize,
}

/// Walks positions of a layout in row-major order, from any element on, without end checks.
#[derive(Clone, Debug)]
pub struct Walk {
    extents: SmallVec<[usize; 4]>,
    strides: SmallVec<[i64; 4]>,
    index: SmallVec<[usize; 4]>,
    position: i64,
    /// The position of element 0.
    offset: i64,
}

impl Walk {
    /// At element `start` of `layout`. Neighbouring axes that lie evenly are joined.
    pub fn new(layout: &Layout, start: usize) -> Walk {
        let mut extents: SmallVec<[usize; 4]> = SmallVec::new();
        let mut strides: SmallVec<[i64; 4]> = SmallVec::new();
        for (&extent, &stride) in layout.shape().iter().zip(layout.strides()) {
            if extent == 1 {
                continue;
            }
            match (extents.last_mut(), strides.last_mut()) {
                (Some(outer), Some(step)) if *step == stride * extent as i64 => {
                    *outer *= extent;
                    *step = stride;
                }
                _ => {
                    extents.push(extent);
                    strides.push(stride);
                }
            }
        }
        let index: SmallVec<[usize; 4]> = SmallVec::from_elem(0, extents.len());
        let mut walk = Walk { extents, strides, index, position: 0, offset: layout.offset() };
        walk.seek(start);
        walk
    }

    /// The extents and strides of the axes, those that lie evenly joined.
    pub fn axes(&self) -> (&[usize], &[i64]) {
        (&self.extents, &self.strides)
    }

    /// Goes to element `element` of the layout.
    #[inline]
    pub fn seek(&mut self, element: usize) {
        self.position = self.offset;
        let mut left = element;
        for axis in (0..self.index.len()).rev() {
            let extent = self.extents[axis].max(1);
            // The outermost digit is what is left.
            (self.index[axis], left) = if axis == 0 { (left, 0) } else { (left % extent, left / extent) };
            self.position += self.index[axis] as i64 * self.strides[axis];
        }
        debug_assert!(self.index.first().is_none_or(|&first| first <= self.extents[0]));
    }

    /// The position of the current element in the memory.
    #[inline]
    pub fn position(&self) -> usize {
        self.position as usize
    }

    /// Moves everything by `distance` elements of the memory.
    #[inline]
    pub fn shift(&mut self, distance: i64) {
        self.offset += distance;
        self.position += distance;
    }

    /// Steps to the next element; behind the last one comes the first.
    #[inline(always)]
    pub fn advance(&mut self) {
        let Some(last) = self.index.len().checked_sub(1) else { return };
        self.index[last] += 1;
        self.position += self.strides[last];
        if self.index[last] >= self.extents[last] {
            self.carry();
        }
    }

    /// Steps from behind the end of the innermost axis to where the next element is: apart, for it is rare.
    #[inline(never)]
    fn carry(&mut self) {
        for axis in (0..self.index.len()).rev() {
            if self.index[axis] < self.extents[axis] {
                return;
            }
            self.position -= self.strides[axis] * self.extents[axis] as i64;
            self.index[axis] = 0;
            if axis > 0 {
                self.index[axis - 1] += 1;
                self.position += self.strides[axis - 1];
            }
        }
    }

    /// The stride of the innermost axis and how many elements are left along it, the current one included.
    #[inline]
    pub fn run(&self) -> (i64, usize) {
        match self.index.len() {
            0 => (1, 1),
            rank => (self.strides[rank - 1], self.extents[rank - 1] - self.index[rank - 1]),
        }
    }

    /// Steps over `count` elements, at most what [`Walk::run`] says is left.
    #[inline]
    pub fn skip(&mut self, count: usize) {
        if let Some(last) = self.index.len().checked_sub(1) {
            self.index[last] += count - 1;
            self.position += self.strides[last] * (count as i64 - 1);
            if self.index[last] + 1 < self.extents[last] {
                self.index[last] += 1;
                self.position += self.strides[last];
                return;
            }
        }
        self.advance();
    }

    /// Rows of `length` elements of a run that follow one another evenly from here on: how far apart they begin, and how
    /// many there are (none where the run ends within the first).
    #[inline]
    pub fn rows(&self, length: usize) -> (i64, usize) {
        let ((stride, left), rank) = (self.run(), self.index.len());
        match left == length && rank > 1 && self.index[rank - 1] == 0 {
            true => (self.strides[rank - 2], self.extents[rank - 2] - self.index[rank - 2]),
            false => (stride * length as i64, left / length),
        }
    }

    /// Steps over `count` rows, at most what [`Walk::rows`] says.
    #[inline]
    pub fn skip_rows(&mut self, length: usize, count: usize) {
        let rank = self.index.len();
        if self.run().1 == length && rank > 1 && self.index[rank - 1] == 0 {
            self.index[rank - 2] += count - 1;
            self.position += self.strides[rank - 2] * (count as i64 - 1);
            self.skip(length);
        } else {
            self.skip(length * count);
        }
    }

    /// The next elements, at most `most` (one or more), as rows: whole ones of the innermost axis where the walk stands at
    /// the beginning of one, else what is left of it. Steps over them.
    #[inline]
    pub fn take_rows(&mut self, most: usize) -> Rows {
        let (position, (stride, left)) = (self.position, self.run());
        let length = left.min(most);
        let (apart, count) = self.rows(length);
        let count = count.min(most / length);
        self.skip_rows(length, count);
        Rows { position, stride, length, apart, count }
    }

    /// Hands out the next element of `memory`.
    #[inline]
    pub fn take<T: Copy>(&mut self, memory: &[T]) -> T {
        let value = memory[self.position()];
        self.advance();
        value
    }

    /// Copies the next elements of `memory` to `target`, runs of neighbours at once.
    pub fn copy_to<T: Copy>(&mut self, memory: &[T], mut target: &mut [T]) {
        while !target.is_empty() {
            let (stride, left) = self.run();
            let count = left.min(target.len());
            let (head, tail) = target.split_at_mut(count);
            copy_strided(memory, self.position(), stride, head);
            self.skip(count);
            target = tail;
        }
    }
}

/// Copies elements `start`, `start + stride`, … of `memory` to `target`.
#[inline]
pub fn copy_strided<T: Copy>(memory: &[T], start: usize, stride: i64, target: &mut [T]) {
    match stride {
        1 => target.copy_from_slice(&memory[start..start + target.len()]),
        0 => target.fill(memory[start]),
        _ => {
            let mut position = start as i64;
            for value in target {
                *value = memory[position as usize];
                position += stride;
            }
        }
    }
}

/// A layout as rows along one axis: where each row begins, and the step within it.
#[derive(Clone, Debug)]
pub struct RowLayout {
    /// Where the rows begin, in row-major order of the other axes.
    pub outer: Layout,
    /// Elements of a row.
    pub length: usize,
    /// From an element of a row to the next.
    pub stride: i64,
}

impl RowLayout {
    /// The rows of `layout` along `axis`; a 0-dimensional one has a single row of one element.
    pub fn new(layout: &Layout, axis: usize) -> RowLayout {
        if layout.rank() == 0 {
            return RowLayout { outer: layout.clone(), length: 1, stride: 1 };
        }
        let outer = Layout::strided(
            layout.shape().without(axis),
            layout
                .strides()
                .iter()
                .enumerate()
                .filter(|&(at, _)| at != axis)
                .map(|(_, &step)| step)
                .collect(),
            layout.offset(),
        );
        RowLayout { outer, length: layout.shape()[axis], stride: layout.strides()[axis] }
    }

    /// The rows of a dense tensor of `shape` along `axis`.
    pub fn dense(shape: &Shape, axis: usize) -> RowLayout {
        RowLayout::new(&Layout::dense(shape.clone()), axis)
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.outer.elements()
    }

    /// True where each row's elements are neighbours.
    pub fn is_unit(&self) -> bool {
        self.stride == 1 || self.length <= 1
    }
}
