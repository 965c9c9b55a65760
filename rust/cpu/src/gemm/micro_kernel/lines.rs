//! A single row of A times lines of B that are contiguous along the depth: a matrix in rows times a vector.
//!
//! Lines are transposed in registers and multiplied at once. Sums have the order of [`super::micro_kernel`].

/// One call: at most a depth block.
pub(crate) struct LineTile<T> {
    pub depth: usize,
    /// Step `s` of the row lies at `s · a_stride`.
    pub a: *const T,
    pub a_stride: isize,
    /// Line `l` begins at `l · line_stride`.
    pub b: *const T,
    pub line_stride: isize,
    /// 1 to [`LINES`].
    pub lines: usize,
    /// Lines behind these that are multiplied next and come from memory: far ahead is asked for them.
    pub following: usize,
    /// A sum a line.
    pub c: *mut T,
    /// Add to C instead of storing.
    pub accumulate: bool,
}

/// Lines of a tile: two vectors of sums, so that one is worked on while the other waits for its additions.
pub(crate) const LINES: usize = 16;
