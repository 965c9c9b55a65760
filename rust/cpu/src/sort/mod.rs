//! Sorting and searching along an axis.
//!
//! Each element becomes an unsigned key of the same order (NaN above all, −0 as 0); the bits of a key that differ within
//! the row and the index of its element are one word, so that no two words are equal and every algorithm sorts stably.

mod key;
mod long;
pub(crate) mod order;
mod radix;
pub(crate) mod row;
mod search;
mod select;
#[cfg(test)]
mod tests;
pub(crate) mod words;

use std::sync::OnceLock;

use tenfold_ir::kernel::Sort;
use tenfold_ir::{Boolean, DType, Error, Result, bf16, f16};

use crate::backend::disjoint::{Disjoint, for_each_range};
use crate::backend::view::{Input, OutputView, RowLayout, Walk, copy_strided};
use crate::threads::thread_count;
use key::SortKey;
use order::{Scratch, in_order};
use row::Row;
use select::{SELECT_ONE_OF, select};
use words::index_of;

/// Work that is handed to a thread at a time.
const CHUNK_NANOSECONDS: u64 = 30_000;

/// Computes a sort or a search.
pub fn run(core: &Sort, inputs: &[Input<'_>], outputs: &mut [OutputView<'_>]) -> Result<()> {
    macro_rules! typed {
        ($function:path $(, $argument:expr)*) => {
            match inputs[0].dtype {
                DType::Bool => $function(typed::<Boolean>(), $($argument,)* inputs, outputs),
                DType::Int8 => $function(typed::<i8>(), $($argument,)* inputs, outputs),
                DType::Int16 => $function(typed::<i16>(), $($argument,)* inputs, outputs),
                DType::Int32 => $function(typed::<i32>(), $($argument,)* inputs, outputs),
                DType::Int64 => $function(typed::<i64>(), $($argument,)* inputs, outputs),
                DType::Uint8 => $function(typed::<u8>(), $($argument,)* inputs, outputs),
                DType::Uint16 => $function(typed::<u16>(), $($argument,)* inputs, outputs),
                DType::Uint32 => $function(typed::<u32>(), $($argument,)* inputs, outputs),
                DType::Uint64 => $function(typed::<u64>(), $($argument,)* inputs, outputs),
                DType::Float16 => $function(typed::<f16>(), $($argument,)* inputs, outputs),
                DType::Bfloat16 => $function(typed::<bf16>(), $($argument,)* inputs, outputs),
                DType::Float32 => $function(typed::<f32>(), $($argument,)* inputs, outputs),
                DType::Float64 => $function(typed::<f64>(), $($argument,)* inputs, outputs),
                other => Err(Error::dtype(core.name(), format!("not defined for {other}"))),
            }
        };
    }
    match *core {
        Sort::Sort { axis, descending } => {
            let count = inputs[0].shape().get(axis).copied().unwrap_or(1);
            typed!(rows, Order { axis, count, descending })
        }
        Sort::TopK { axis, count, largest } => typed!(rows, Order { axis, count, descending: largest }),
        Sort::Search { side } => typed!(search::search, side),
    }
}

/// Names an element type as an argument.
struct Typed<E>(std::marker::PhantomData<E>);

fn typed<E>() -> Typed<E> {
    Typed(std::marker::PhantomData)
}

/// What is wanted of each row: its first `count` elements in order.
#[derive(Clone, Copy)]
struct Order {
    axis: usize,
    count: usize,
    descending: bool,
}

fn rows<E: SortKey>(
    _: Typed<E>,
    order: Order,
    inputs: &[Input<'_>],
    outputs: &mut [OutputView<'_>],
) -> Result<()> {
    let memory = inputs[0].values::<E>()?;
    let from = RowLayout::new(&inputs[0].layout, order.axis);
    let [values, indices] = outputs else {
        return Err(Error::state("sort", "needs two outputs"));
    };
    let to = RowLayout::dense(&values.shape.clone(), order.axis);
    if to.length != order.count || order.count > from.length {
        return Err(Error::value(
            "topk",
            format!("{} elements were asked of rows of {}", order.count, from.length),
        ));
    }
    let (values, indices) = (Disjoint::new(values.values::<E>()?), Disjoint::new(indices.values::<i64>()?));
    let selects = order.count <= from.length / SELECT_ONE_OF || u32::try_from(from.length).is_err();
    let failure = OnceLock::new();
    let sort_rows = |start: usize, count: usize| {
        let (mut source, mut place) = (Walk::new(&from.outer, start), Walk::new(&to.outer, start));
        let mut copy: Vec<E> = Vec::new();
        let mut scratch = match Scratch::new(if selects { 0 } else { from.length }) {
            Ok(scratch) => scratch,
            Err(error) => return drop(failure.set(error)),
        };
        for _ in 0..count {
            let elements = row_at(memory, source.position(), &from, &mut copy);
            let begin = place.position() as i64;
            let target = Target { elements, begin, stride: to.stride, values: &values, indices: &indices };
            let row = Row::new(elements, order.descending);
            if selects {
                for (place, (_, index)) in select(row, order.count).into_iter().enumerate() {
                    // SAFETY: each place of each row is written once.
                    unsafe { target.write(place, index) };
                }
            } else {
                in_order(row, &mut scratch, &|start, words| {
                    let wanted = order.count.saturating_sub(start).min(words.len());
                    // SAFETY: as above.
                    unsafe { target.write_words(start, &words[..wanted]) };
                });
            }
            source.advance();
            place.advance();
        }
    };
    // Few rows are sorted one after the other, each by all threads.
    if from.rows() < thread_count() {
        sort_rows(0, from.rows());
    } else {
        let logarithm = u64::from(usize::BITS - from.length.leading_zeros());
        let cost = 20 + from.length as u64 * (1 + logarithm);
        for_each_range(from.rows(), cost, CHUNK_NANOSECONDS, &sort_rows);
    }
    failure.into_inner().map_or(Ok(()), Err)
}

/// A row, and where its sorted elements and their indices go.
struct Target<'a, 'o, E> {
    elements: &'a [E],
    begin: i64,
    stride: i64,
    values: &'a Disjoint<'o, E>,
    indices: &'a Disjoint<'o, i64>,
}

impl<E: Copy> Target<'_, '_, E> {
    /// # Safety
    /// Nobody else writes at this place.
    #[inline(always)]
    unsafe fn write(&self, place: usize, index: usize) {
        let position = (self.begin + place as i64 * self.stride) as usize;
        // SAFETY: the caller answers for the place.
        unsafe { self.values.write(position, self.elements[index]) };
        // SAFETY: as above.
        unsafe { self.indices.write(position, index as i64) };
    }

    /// # Safety
    /// Nobody else writes at as many places from `start` on.
    unsafe fn write_words(&self, start: usize, words: &[u64]) {
        for (place, &word) in (start..).zip(words) {
            // SAFETY: the caller answers for the place.
            unsafe { self.write(place, index_of(word)) };
        }
    }
}

/// The row that begins at `position`, as neighbours: copied where they are none.
fn row_at<'a, E: SortKey>(
    memory: &'a [E],
    position: usize,
    layout: &RowLayout,
    copy: &'a mut Vec<E>,
) -> &'a [E] {
    if layout.length > 0 && layout.is_unit() {
        return &memory[position..][..layout.length];
    }
    copy.resize(layout.length, E::zeroed());
    if layout.length > 0 {
        copy_strided(memory, position, layout.stride, copy);
    }
    copy
}
