//! Binary search in sorted rows.

use tenfold_ir::kernel::Side;
use tenfold_ir::{Layout, Result};

use super::key::SortKey;
use super::{CHUNK_NANOSECONDS, Typed};
use crate::backend::disjoint::{Disjoint, for_each_range};
use crate::backend::view::{Input, OutputView, RowLayout, Walk};

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
    let cost = 5 + 4 * u64::from(usize::BITS - rows.length.leading_zeros());
    for_each_range(out.elements(), cost, CHUNK_NANOSECONDS, &|start, count| {
        let (mut begin, mut walk) = (Walk::new(&begins, start), Walk::new(&values.layout, start));
        // SAFETY: each value belongs to one range.
        for place in unsafe { out.range(start, count) } {
            let key = walk.take(wanted).key();
            let row = begin.position() as i64;
            begin.advance();
            let (mut low, mut high) = (0, rows.length);
            while low < high {
                let middle = low + (high - low) / 2;
                let there = memory[(row + middle as i64 * rows.stride) as usize].key();
                let before = match side {
                    Side::Left => there < key,
                    Side::Right => there <= key,
                };
                if before { low = middle + 1 } else { high = middle }
            }
            *place = low as i64;
        }
    });
    Ok(())
}
