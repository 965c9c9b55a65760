//! Where a mask is true.

use smallvec::SmallVec;
use tenfold_ir::{Boolean, Error, Result};

use crate::backend::disjoint::Disjoint;
use crate::backend::view::{Input, OutputView, Walk};
use crate::threads::for_each_chunk;

/// Elements of the mask that are handled at a time.
const CHUNK: usize = 16_384;

/// `mask → (count, rank)`: the indices of the true elements in row-major order.
pub fn nonzero(count: usize, inputs: &[Input<'_>], output: &mut OutputView<'_>) -> Result<()> {
    let mask = &inputs[0];
    let memory = mask.values::<Boolean>()?;
    let elements = mask.layout.elements();
    let chunks = elements.div_ceil(CHUNK);
    let beside = mask.layout.is_contiguous().then(|| &memory[mask.layout.offset() as usize..]);
    // First how many are true in each chunk, then where the indices of each chunk begin.
    let mut starts = vec![0usize; chunks + 1];
    let shared = Disjoint::new(&mut starts);
    for_each_chunk(chunks, CHUNK as u64, &|chunk| {
        let range = chunk * CHUNK..elements.min((chunk + 1) * CHUNK);
        let found = if let Some(beside) = beside {
            beside[range].iter().map(|truth| usize::from(truth.get())).sum()
        } else {
            let mut walk = Walk::new(&mask.layout, range.start);
            range.filter(|_| walk.take(memory).get()).count()
        };
        // SAFETY: each chunk is run once.
        unsafe { shared.write(chunk + 1, found) };
    });
    for chunk in 0..chunks {
        starts[chunk + 1] += starts[chunk];
    }
    if starts[chunks] != count {
        return Err(Error::state(
            "nonzero",
            format!("the mask has changed; expected {count} true elements, got {}", starts[chunks]),
        ));
    }
    let shape = mask.shape();
    let rank = shape.rank();
    let out = Disjoint::new(output.values::<i64>()?);
    for_each_chunk(chunks, CHUNK as u64 * 2, &|chunk| {
        let start = chunk * CHUNK;
        // SAFETY: the indices of each chunk are its own.
        let target = unsafe { out.range(starts[chunk] * rank, (starts[chunk + 1] - starts[chunk]) * rank) };
        if let (1, Some(beside)) = (rank, beside) {
            return positions(&beside[start..elements.min(start + CHUNK)], start as i64, target);
        }
        let mut walk = Walk::new(&mask.layout, start);
        let mut rows = target.chunks_exact_mut(rank.max(1));
        for at in start..elements.min(start + CHUNK) {
            if walk.take(memory).get()
                && let Some(row) = rows.next()
            {
                row.copy_from_slice(&coordinates(at, shape));
            }
        }
    });
    Ok(())
}

/// The numbers of the true elements, counted from `first`. Each is written and stays where its element is true: a branch
/// on a mask that nobody can foresee would cost ten times as much.
fn positions(mask: &[Boolean], first: i64, target: &mut [i64]) {
    let mut found = 0;
    for (number, truth) in (first..).zip(mask) {
        if let Some(place) = target.get_mut(found) {
            *place = number;
        }
        found += usize::from(truth.get());
    }
}

fn coordinates(mut at: usize, shape: &[usize]) -> SmallVec<[i64; 4]> {
    let mut result = SmallVec::from_elem(0, shape.len());
    for axis in (0..shape.len()).rev() {
        result[axis] = (at % shape[axis]) as i64;
        at /= shape[axis];
    }
    result
}
