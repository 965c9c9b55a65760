//! Binary search in sorted rows, of several values side by side: each step waits for memory.

use tenfold_ir::kernel::Side;
use tenfold_ir::{Layout, Result};

use super::key::SortKey;
use super::{CHUNK_NANOSECONDS, Typed};
use crate::backend::disjoint::{Disjoint, for_each_range};
use crate::backend::view::{Input, OutputView, RowLayout, Walk};

/// Values that are searched for side by side.
const LANES: usize = 16;

/// `sorted (…, n), values (…, m) → int64 (…, m)`; a single sorted row serves all values.
pub fn search<E: SortKey>(
    _: Typed<E>,
    side: Side,
    inputs: &[Input<'_>],
    outputs: &mut [OutputView<'_>],
) -> Result<()> {
    let (sorted, values) = (&inputs[0], &inputs[1]);
    let (memory, wanted) = (sorted.values::<E>()?, values.values::<E>()?);
    let rank = sorted.layout.rank();
    let rows = RowLayout::new(&sorted.layout, rank.saturating_sub(1));
    // Where the sorted row of each value begins.
    let mut shape = values.shape().clone();
    let (strides, offset) = if rank <= 1 {
        (smallvec::SmallVec::from_elem(0, shape.rank()), rows.outer.offset())
    } else {
        let mut strides: smallvec::SmallVec<[i64; 4]> = rows.outer.strides().into();
        strides.push(0);
        (strides, rows.outer.offset())
    };
    if rank > 1 {
        shape = rows.outer.shape().with(rank - 1, values.shape()[rank - 1]);
    }
    let begins = Layout::strided(shape, strides, offset);
    let out = Disjoint::new(outputs[0].values::<i64>()?);
    let cost = 5 + 2 * u64::from(usize::BITS - rows.length.leading_zeros());
    for_each_range(out.elements(), cost, CHUNK_NANOSECONDS, &|start, count| {
        let (mut begin, mut walk) = (Walk::new(&begins, start), Walk::new(&values.layout, start));
        // SAFETY: each value belongs to one range.
        for places in unsafe { out.range(start, count) }.chunks_mut(LANES) {
            // Lanes beyond the last value repeat the first one.
            let mut lanes = [(begin.position() as i64, wanted[walk.position()].key()); LANES];
            for lane in &mut lanes[..places.len()] {
                *lane = (begin.position() as i64, walk.take(wanted).key());
                begin.advance();
            }
            let found = match side {
                Side::Left => search_lanes::<E, false>(memory, &rows, lanes),
                Side::Right => search_lanes::<E, true>(memory, &rows, lanes),
            };
            places.copy_from_slice(&found[..places.len()]);
        }
    });
    Ok(())
}

/// For each lane (where its row begins, a key) the number of elements that are less than the key, or equal to it where
/// these count too.
fn search_lanes<E: SortKey, const EQUAL_TOO: bool>(
    memory: &[E],
    rows: &RowLayout,
    lanes: [(i64, E::Key); LANES],
) -> [i64; LANES] {
    let mut found = [0i64; LANES];
    let mut length = rows.length as i64;
    // The place is among `length + 1` from `found` on. All lanes take as many steps, none of them a jump.
    while length > 0 {
        let step = (length + 1) / 2;
        for (found, (row, key)) in found.iter_mut().zip(lanes) {
            let there = memory[(row + (*found + step - 1) * rows.stride) as usize].key();
            let before = if EQUAL_TOO { there <= key } else { there < key };
            *found += if before { step } else { 0 };
        }
        length -= step;
    }
    found
}
