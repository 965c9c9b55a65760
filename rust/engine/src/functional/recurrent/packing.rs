//! Sequences of different lengths as rows sorted by time.

use tenfold_ir::{Error, Result, Scalar, Shape};

use crate::Tensor;

/// Rows of several sequences by time, the longest sequence first.
pub struct Packed {
    /// `(ΣN, …)`.
    pub data: Tensor,
    /// The number of sequences that are still running, by step.
    pub batch_sizes: Vec<usize>,
}

/// The sizes, if they are positive, do not grow and add up to the number of rows.
pub(super) fn checked_sizes(name: &'static str, sizes: &[usize], rows: usize) -> Result<Vec<usize>> {
    let falling = sizes.windows(2).all(|pair| pair[0] >= pair[1]);
    if sizes.is_empty() || !falling || sizes.last() == Some(&0) {
        return Err(Error::state(name, format!("batch sizes must be positive and not grow; got {sizes:?}")));
    }
    if sizes.iter().copied().fold(0, usize::saturating_add) != rows {
        return Err(Error::shape(name, format!("batch sizes {sizes:?} do not add up to {rows} rows")));
    }
    Ok(sizes.to_vec())
}

fn with_time_first(name: &'static str, tensor: &Tensor, batch_first: bool) -> Result<Tensor> {
    if tensor.rank() < 2 {
        return Err(Error::shape(name, format!("needs at least two axes; got shape {}", tensor.shape())));
    }
    if batch_first { tensor.transpose(0, 1) } else { Ok(tensor.clone()) }
}

/// The rows of padded sequences `(T, N, …)`, or `(N, T, …)` where `batch_first`, without the padding. `lengths` must not
/// grow.
pub fn pack_padded_sequence(input: &Tensor, lengths: &[usize], batch_first: bool) -> Result<Packed> {
    let name = "pack_padded_sequence";
    let input = with_time_first(name, input, batch_first)?;
    let (steps, batch) = (input.shape()[0], input.shape()[1]);
    if lengths.len() != batch {
        return Err(Error::shape(
            name,
            format!("{batch} sequences need as many lengths; got {}", lengths.len()),
        ));
    }
    if lengths.is_empty() || lengths.contains(&0) {
        return Err(Error::state(name, format!("every length must be positive; got {lengths:?}")));
    }
    if !lengths.windows(2).all(|pair| pair[0] >= pair[1]) {
        return Err(Error::state(name, format!("lengths must be sorted, longest first; got {lengths:?}"))
            .hint("give enforce_sorted=False"));
    }
    if lengths[0] > steps {
        return Err(Error::shape(
            name,
            format!("length {} exceeds the {steps} steps of the input", lengths[0]),
        ));
    }
    let mut batch_sizes = Vec::with_capacity(lengths[0]);
    let mut places: Vec<i64> = Vec::with_capacity(lengths.iter().sum());
    for time in 0..lengths[0] {
        let size = lengths.iter().take_while(|&&length| length > time).count();
        places.extend((0..size).map(|sequence| (time * batch + sequence) as i64));
        batch_sizes.push(size);
    }
    let shape: Shape = std::iter::once(steps * batch).chain(input.shape()[2..].iter().copied()).collect();
    let rows = input.reshaped(&shape)?;
    let data = rows.index_select(0, &Tensor::from_slice(&places, &[places.len()])?)?;
    Ok(Packed { data, batch_sizes })
}

/// The opposite of [`pack_padded_sequence`]: sequences `(T, N, …)`, or `(N, T, …)`, filled up with `padding_value` to the
/// longest or to `total_length`; and their lengths.
pub fn pad_packed_sequence(
    packed: &Packed,
    batch_first: bool,
    padding_value: Scalar,
    total_length: Option<usize>,
) -> Result<(Tensor, Vec<usize>)> {
    let name = "pad_packed_sequence";
    if packed.data.rank() == 0 {
        return Err(Error::shape(name, "the data needs at least one axis; got shape ()"));
    }
    let sizes = checked_sizes(name, &packed.batch_sizes, packed.data.shape()[0])?;
    let (longest, batch) = (sizes.len(), sizes[0]);
    let steps = total_length.unwrap_or(longest);
    if steps < longest {
        return Err(Error::value(
            name,
            format!("total_length must be at least the longest sequence, {longest}; got {steps}"),
        ));
    }
    let lengths: Vec<usize> =
        (0..batch).map(|sequence| sizes.iter().take_while(|&&size| size > sequence).count()).collect();
    let places: Vec<i64> = sizes
        .iter()
        .enumerate()
        .flat_map(|(time, &size)| (0..size).map(move |sequence| (time * batch + sequence) as i64))
        .collect();
    let inner = &packed.data.shape()[1..];
    let rows: Shape = std::iter::once(steps * batch).chain(inner.iter().copied()).collect();
    let padding = Tensor::full(&rows, padding_value, packed.data.dtype())?;
    let filled = padding.index_copy(0, &Tensor::from_slice(&places, &[places.len()])?, &packed.data)?;
    let shape: Shape = [steps, batch].into_iter().chain(inner.iter().copied()).collect();
    let padded = filled.reshaped(&shape)?;
    Ok((if batch_first { padded.transpose(0, 1)? } else { padded }, lengths))
}
