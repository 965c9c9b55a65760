//! What a mask adds to the scores, in the order of the scores.

use std::ops::Range;

use tenfold_ir::{DType, Result};

use super::{Matrices, Number, Run};
use crate::backend::view::Input;
use crate::gemm::pack::{Strided, clear_padding};

/// Keys whose part of a mask is written at a time: it is added to the scores while it is in L1.
pub(super) const KEYS_AT_ONCE: usize = 64;

/// A mask over `(queries, keys)` of each head.
pub(super) enum Mask<'a, T> {
    /// Nonzero where a query may look.
    Allowed(Matrices<'a, u8>),
    /// Added to the scores.
    Added(Matrices<'a, T>),
}

impl<'a, T: Number> Mask<'a, T> {
    pub fn new(input: &Input<'a>) -> Result<Mask<'a, T>> {
        Ok(match input.dtype {
            DType::Bool => Mask::Allowed(Matrices::new(input)?),
            _ => Mask::Added(Matrices::new(input)?),
        })
    }

    /// Writes the mask of some columns and keys to `bias`, a row of `width` numbers a key: −∞ where a query may not
    /// look, 0 in the columns beyond. `lines` is scratch memory for as many numbers.
    ///
    /// # Safety
    /// Both have room for `keys.len() · width` numbers, and the runs have at most `width` columns.
    pub unsafe fn write(&self, runs: &[Run], keys: Range<usize>, width: usize, bias: *mut T, lines: *mut T) {
        let mut columns = 0;
        for run in runs {
            columns += run.count;
            // SAFETY: the layouts were checked to lie within their memory; the caller gives the room.
            unsafe {
                let lines = match self {
                    Mask::Added(mask) => {
                        let rows = mask.rows(run.head, run.query).behind(keys.start);
                        match rows.depth_stride {
                            1 => rows,
                            _ => spread(&rows, run.count, keys.len(), lines, |number| number),
                        }
                    }
                    Mask::Allowed(mask) => {
                        let rows = mask.rows(run.head, run.query).behind(keys.start);
                        let bias = |allowed| T::select(allowed != 0, T::constant(0.0), -T::INFINITY);
                        spread(&rows, run.count, keys.len(), lines, bias)
                    }
                };
                lines.write_lines(0..run.count, 0..keys.len(), width, bias.add(run.column));
            }
        }
        // SAFETY: as above.
        unsafe { clear_padding(columns, keys.len(), width, bias) };
    }
}

/// Writes `count` lines of `length` numbers side by side.
///
/// # Safety
/// The rows have them, and `lines` has room.
#[inline(always)]
unsafe fn spread<S: Copy, T: Number>(
    rows: &Strided<S>,
    count: usize,
    length: usize,
    lines: *mut T,
    number: impl Fn(S) -> T,
) -> Strided<T> {
    for line in 0..count {
        for index in 0..length {
            let at = line as isize * rows.line_stride + index as isize * rows.depth_stride;
            // SAFETY: the caller's.
            unsafe { lines.add(line * length + index).write(number(rows.data.offset(at).read())) };
        }
    }
    Strided { data: lines, line_stride: length as isize, depth_stride: 1 }
}
