//! Sorting and searching along an axis.
//!
//! Each element becomes an unsigned key of the same order (NaN above all, −0 as 0); a key and the index of its element
//! are one word, so that no two words are equal and every algorithm sorts stably.

mod key;
mod radix;
mod search;
#[cfg(test)]
mod tests;
pub(crate) mod words;

use tenfold_ir::kernel::Sort;
use tenfold_ir::{Boolean, DType, Error, Result, bf16, f16};

use crate::backend::disjoint::{Disjoint, for_each_range};
use crate::backend::view::{Input, OutputView, RowLayout, Walk, copy_strided};
use key::SortKey;
use words::Word;

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
    let length = inputs[0].shape().get(order.axis).copied().unwrap_or(1);
    // The index must fit into the word beside the key.
    match (size_of::<E::Key>(), u32::try_from(length)) {
        (1 | 2 | 4, Ok(_)) => rows_by::<E, u64>(order, inputs, outputs),
        _ => rows_by::<E, u128>(order, inputs, outputs),
    }
}

fn rows_by<E: SortKey, W: Word>(
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
    let logarithm = u64::from(usize::BITS - from.length.leading_zeros());
    let cost = 20 + from.length as u64 * (1 + logarithm);
    for_each_range(from.rows(), cost, CHUNK_NANOSECONDS, &|start, count| {
        let (mut source, mut target) = (Walk::new(&from.outer, start), Walk::new(&to.outer, start));
        let mut row: Vec<E> = vec![<E as bytemuck::Zeroable>::zeroed(); from.length];
        let (mut words, mut spare) = (vec![W::default(); from.length], Vec::new());
        for _ in 0..count {
            if from.length > 0 {
                copy_strided(memory, source.position(), from.stride, &mut row);
            }
            for ((index, word), &value) in words.iter_mut().enumerate().zip(&row) {
                let key = value.key().into();
                let key = if order.descending { E::LAST_KEY.into() - key } else { key };
                *word = W::pack(key, index);
            }
            words::first_in_order(&mut words, order.count, 8 * size_of::<E::Key>() as u32, &mut spare);
            for (at, word) in words[..order.count].iter().enumerate() {
                let position = (target.position() as i64 + at as i64 * to.stride) as usize;
                // SAFETY: each row belongs to one range.
                unsafe { values.write(position, row[word.index()]) };
                // SAFETY: as above.
                unsafe { indices.write(position, word.index() as i64) };
            }
            source.advance();
            target.advance();
        }
    });
    Ok(())
}
