//! The order of floating sums along one axis, the same for every kernel, tier and thread count.
//!
//! The elements are cut into chunks of [`CHUNK`]. Within a chunk element `i` is added to accumulator `i mod 64`, in
//! ascending order from 0: [`GROUPS`] groups of [`LANES`] lanes. The groups are joined as `(0 + 1) + (2 + 3)`, then
//! the lanes by halves: `i` with `i + 8`, `i + 4`, `i + 2`, `i + 1`. The sums of chunks are joined as a pairwise
//! tree: neighbours first, an odd last one goes up alone.

use tenfold_ir::lanes::Lane;

/// Lanes of an accumulator.
pub const LANES: usize = 16;
/// Accumulators.
pub const GROUPS: usize = 4;
/// Elements that are added, one to each lane of each accumulator, before the first lane's turn comes again.
pub const BLOCK: usize = LANES * GROUPS;
/// Elements that are summed at a stretch.
pub const CHUNK: usize = 16_384;

/// The accumulators of a chunk.
pub type Accumulators<T> = [[T; LANES]; GROUPS];

/// Joins the accumulators of a chunk.
#[inline(always)]
pub fn join_lanes<T: Copy>(accumulators: &Accumulators<T>, join: impl Fn(T, T) -> T) -> T {
    join_used(accumulators, BLOCK, join)
}

/// The same where so many elements were taken: groups that none reached hold identities, which change nothing.
#[inline(always)]
pub fn join_used<T: Copy>(accumulators: &Accumulators<T>, taken: usize, join: impl Fn(T, T) -> T) -> T {
    join_one(join_groups(accumulators, taken, &join), &join)
}

/// Joins lanes by halves.
#[inline(always)]
pub fn join_one<T: Copy>(mut lanes: [T; LANES], join: impl Fn(T, T) -> T) -> T {
    let mut half = LANES / 2;
    while half > 0 {
        for lane in 0..half {
            lanes[lane] = join(lanes[lane], lanes[lane + half]);
        }
        half /= 2;
    }
    lanes[0]
}

/// Joins the groups of a chunk of which so many elements were taken.
#[inline(always)]
pub fn join_groups<T: Copy>(
    accumulators: &Accumulators<T>,
    taken: usize,
    join: impl Fn(T, T) -> T,
) -> [T; LANES] {
    let [first, second, third, fourth] = accumulators;
    let mut lanes = *first;
    if taken > 2 * LANES {
        for lane in 0..LANES {
            lanes[lane] = join(join(first[lane], second[lane]), join(third[lane], fourth[lane]));
        }
    } else if taken > LANES {
        for lane in 0..LANES {
            lanes[lane] = join(first[lane], second[lane]);
        }
    }
    lanes
}

/// Joins the lanes of some chunks by halves: lane `i` of chunk `c` is `lanes[i][c]`.
#[inline(always)]
pub fn join_halves<T: Copy, const CHUNKS: usize>(
    lanes: &mut [[T; CHUNKS]; LANES],
    join: impl Fn(T, T) -> T,
) -> [T; CHUNKS] {
    // One loop for all pairs of a step: of two, the compiler would widen the outer one.
    let mut half = LANES / 2;
    while half > 0 {
        let (first, second) = lanes[..2 * half].as_flattened_mut().split_at_mut(half * CHUNKS);
        for (first, &second) in first.iter_mut().zip(second.iter()) {
            *first = join(*first, second);
        }
        half /= 2;
    }
    lanes[0]
}

/// Joins results of chunks, given in order, as a pairwise tree.
#[derive(Clone, Debug)]
pub struct PairwiseTree<T> {
    /// The root of a full tree of 2^i results where bit i of `count` is set.
    levels: [Option<T>; usize::BITS as usize],
    count: usize,
}

impl<T: Copy> Default for PairwiseTree<T> {
    fn default() -> PairwiseTree<T> {
        PairwiseTree { levels: [None; usize::BITS as usize], count: 0 }
    }
}

impl<T: Copy> PairwiseTree<T> {
    /// Adds the next result.
    pub fn push(&mut self, result: T, join: impl Fn(T, T) -> T) {
        let mut carry = result;
        let mut level = 0;
        while let Some(left) = self.levels[level].take() {
            carry = join(left, carry);
            level += 1;
        }
        self.levels[level] = Some(carry);
        self.count += 1;
    }

    /// The root, `None` where nothing was added.
    pub fn finish(&self, join: impl Fn(T, T) -> T) -> Option<T> {
        let used = (usize::BITS - self.count.leading_zeros()) as usize;
        let mut root = None;
        for &left in self.levels[..used].iter().flatten() {
            root = Some(match root {
                None => left,
                Some(right) => join(left, right),
            });
        }
        root
    }
}

/// A running sum in the documented order. Elements come in blocks whose lengths are multiples of [`BLOCK`] (all but
/// the last) and divide [`CHUNK`] together.
pub struct LaneSum<T> {
    accumulators: Accumulators<T>,
    in_chunk: usize,
    /// Apart from the sum, which is then small enough to be moved: hardly any row has several chunks.
    chunks: Option<Box<PairwiseTree<T>>>,
}

/// Methods that add what `map` makes of blocks of equal length. Written out for each number of them: arrays of slices that
/// are mapped are calls which are not compiled for the tier.
macro_rules! add_mapped {
    ($($(#[$doc:meta])* $name:ident($first:ident $(, $other:ident)*);)*) => {$(
        $(#[$doc])*
        #[inline(always)]
        pub fn $name(&mut self, $first: &[T] $(, $other: &[T])*, map: impl Fn(T $(, add_mapped!(@type $other))*) -> T) {
            if self.in_chunk == CHUNK {
                self.end_chunk();
            }
            let length = $first.len();
            $(let $other = &$other[..length];)*
            let mut accumulators = self.accumulators;
            // Pieces of a fixed length, so that no index is checked and the loops are widened.
            for block in 0..length / BLOCK {
                let $first = &$first.as_chunks::<BLOCK>().0[block];
                $(let $other = &$other.as_chunks::<BLOCK>().0[block];)*
                // Mapped and added in two loops, which are widened; one is now and then not.
                let mut mapped = [T::constant(0.0); BLOCK];
                for at in 0..BLOCK {
                    mapped[at] = map($first[at] $(, $other[at])*);
                }
                for group in 0..GROUPS {
                    for lane in 0..LANES {
                        accumulators[group][lane] = accumulators[group][lane] + mapped[group * LANES + lane];
                    }
                }
            }
            self.accumulators = accumulators;
            let whole = length - length % BLOCK;
            $(let $other = &$other[whole..];)*
            let $first = &$first[whole..];
            for (group, sums) in self.accumulators.iter_mut().enumerate().take($first.len() / LANES) {
                let $first = &$first.as_chunks::<LANES>().0[group];
                $(let $other = &$other.as_chunks::<LANES>().0[group];)*
                let mut local = *sums;
                for lane in 0..LANES {
                    local[lane] = local[lane] + map($first[lane] $(, $other[lane])*);
                }
                *sums = local;
            }
            for at in $first.len() / LANES * LANES..$first.len() {
                let sum = &mut self.accumulators[at / LANES][at % LANES];
                *sum = *sum + map($first[at] $(, $other[at])*);
            }
            self.in_chunk += length;
        }
    )*};
    (@type $other:ident) => { T };
}

impl<T: Lane> LaneSum<T> {
    /// Nothing yet.
    #[inline(always)]
    pub fn new() -> LaneSum<T> {
        LaneSum { accumulators: [[T::constant(0.0); LANES]; GROUPS], in_chunk: 0, chunks: None }
    }

    /// Adds the next block.
    #[inline(always)]
    pub fn add(&mut self, block: &[T]) {
        self.add_of(block, |value| value);
    }

    add_mapped! {
        /// Adds what a few cheap operations make of the next block.
        add_of(x);
        /// The same of elements at one place of two blocks.
        add_of_two(x, y);
        /// The same of three.
        add_of_three(x, y, z);
    }

    /// The accumulators, for whoever adds the next block itself, of that many elements.
    #[inline(always)]
    pub fn accumulators_for(&mut self, length: usize) -> &mut Accumulators<T> {
        if self.in_chunk == CHUNK {
            self.end_chunk();
        }
        self.in_chunk += length;
        &mut self.accumulators
    }

    fn end_chunk(&mut self) {
        let sum = join_lanes(&self.accumulators, |a, b| a + b);
        self.chunks.get_or_insert_default().push(sum, |a, b| a + b);
        self.accumulators = [[T::constant(0.0); LANES]; GROUPS];
        self.in_chunk = 0;
    }

    /// The sum; of nothing 0.
    #[inline(always)]
    pub fn finish(&mut self) -> T {
        if self.chunks.is_none() {
            return join_used(&self.accumulators, self.in_chunk, |a, b| a + b);
        }
        self.end_chunk();
        let root = self.chunks.as_ref().and_then(|chunks| chunks.finish(|a, b| a + b));
        root.unwrap_or(T::constant(0.0))
    }
}

impl<T: Lane> Default for LaneSum<T> {
    fn default() -> LaneSum<T> {
        LaneSum::new()
    }
}

/// The sum of the elements in the documented order.
#[inline(always)]
pub fn sum<T: Lane>(values: &[T]) -> T {
    let mut sum = LaneSum::new();
    for chunk in values.chunks(CHUNK) {
        sum.add(chunk);
    }
    sum.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_joins_neighbours_first_and_an_odd_last_one_goes_up_alone() {
        let mut tree = PairwiseTree::<(usize, usize)>::default();
        assert_eq!(tree.finish(|_, right| right), None);
        for count in 1..=70usize {
            let join = |left: (usize, usize), right: (usize, usize)| {
                assert_eq!(left.1, right.0);
                assert!((left.1 - left.0).is_power_of_two() && left.1 - left.0 >= right.1 - right.0);
                (left.0, right.1)
            };
            tree.push((count - 1, count), join);
            assert_eq!(tree.finish(join), Some((0, count)));
        }
    }
}
