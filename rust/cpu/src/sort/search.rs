//! Binary search in sorted rows, of several values side by side: each step waits for memory.

use std::hint::select_unpredictable;

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
    let sample = match rows.outer.elements() {
        1 => Sample::new(memory, &rows, begins.offset() as usize, begins.elements()),
        _ => None,
    };
    let out = Disjoint::new(outputs[0].values::<i64>()?);
    let cost = 5 + 2 * u64::from(usize::BITS - rows.length.leading_zeros());
    for_each_range(out.elements(), cost, CHUNK_NANOSECONDS, &|start, count| {
        let (mut begin, mut walk) = (Walk::new(&begins, start), Walk::new(&values.layout, start));
        // SAFETY: each value belongs to one range.
        for places in unsafe { out.range(start, count) }.chunks_mut(LANES) {
            // Lanes beyond the last value repeat the first one.
            let mut lanes = Lanes {
                begins: [begin.position() as i64; LANES],
                keys: [wanted[walk.position()].key(); LANES],
            };
            for lane in 0..places.len() {
                lanes.begins[lane] = begin.position() as i64;
                lanes.keys[lane] = walk.take(wanted).key();
                begin.advance();
            }
            let found = match side {
                Side::Left => lanes.search::<false>(memory, &rows, sample.as_ref()),
                Side::Right => lanes.search::<true>(memory, &rows, sample.as_ref()),
            };
            places.copy_from_slice(&found[..places.len()]);
        }
    });
    Ok(())
}

/// Elements of a group in a [`Sample`], one or two cache lines.
const GROUP: usize = 16;

/// A row of fewer bytes stays in a usual second-level cache by itself.
const SAMPLED_BYTES: usize = 256 << 10;

/// The key of the last element of each whole group of a row: with them a search waits for memory that is farther than the
/// second-level cache in its last steps alone, which stay within a group.
struct Sample<K>(Vec<K>);

impl<K: Copy + Send> Sample<K> {
    /// The sample of a row that begins at `begin`, where it is long and searched often enough to be worth it.
    fn new<E: SortKey<Key = K>>(
        memory: &[E],
        rows: &RowLayout,
        begin: usize,
        searches: usize,
    ) -> Option<Sample<K>> {
        let groups = rows.length / GROUP;
        if rows.length * size_of::<E>() < SAMPLED_BYTES || searches < groups {
            return None;
        }
        let last = |group: usize| {
            let place = (group * GROUP + GROUP - 1) as i64;
            memory[(begin as i64 + place * rows.stride) as usize].key()
        };
        let mut keys = Vec::new();
        keys.try_reserve_exact(groups).ok()?;
        keys.extend((0..groups).map(last));
        Some(Sample(keys))
    }
}

/// What is searched for side by side: keys, each in the row that begins there.
struct Lanes<K> {
    begins: [i64; LANES],
    keys: [K; LANES],
}

impl<K: Copy + Ord> Lanes<K> {
    /// For each lane the number of elements that are less than the key, or equal to it where these count too.
    fn search<const EQUAL_TOO: bool>(
        &self,
        memory: &[impl SortKey<Key = K>],
        rows: &RowLayout,
        sample: Option<&Sample<K>>,
    ) -> [i64; LANES] {
        let element =
            |lane: usize, place: i64| memory[(self.begins[lane] + place * rows.stride) as usize].key();
        let length = rows.length as i64;
        let Some(Sample(last)) = sample else { return self.count::<EQUAL_TOO>(length, element) };
        let groups = self.count::<EQUAL_TOO>(last.len() as i64, |_, group| last[group as usize]);
        let first = groups.map(|group| group * GROUP as i64);
        // Of a group that is not whole, the last element stands for those it lacks.
        let within = self.count::<EQUAL_TOO>(GROUP as i64 - 1, |lane, place| {
            element(lane, (first[lane] + place).min(length - 1))
        });
        std::array::from_fn(|lane| (first[lane] + within[lane]).min(length))
    }

    /// The same among `length` keys in ascending order. All lanes take as many steps, none of them a jump.
    #[inline(always)]
    fn count<const EQUAL_TOO: bool>(&self, mut length: i64, at: impl Fn(usize, i64) -> K) -> [i64; LANES] {
        let mut found = [0i64; LANES];
        // The place is among `length + 1` from `found` on.
        while length > 0 {
            let step = (length + 1) / 2;
            for lane in 0..LANES {
                let there = at(lane, found[lane] + step - 1);
                let before = if EQUAL_TOO { there <= self.keys[lane] } else { there < self.keys[lane] };
                found[lane] += select_unpredictable(before, step, 0);
            }
            length -= step;
        }
        found
    }
}
