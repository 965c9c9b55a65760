//! Folding more memory than the caches hold: a thread reads several chunks in turns.

use tenfold_ir::Result;

use super::accumulate::{accumulators, has_short_code, take_block};
use super::fold::Fold;
use super::order::{Accumulators, BLOCK, CHUNK, join_lanes};
use super::sweep::{CHUNK_NANOSECONDS, Sweep};
use crate::backend::disjoint::{Disjoint, for_each_range};
use crate::elementwise::program::TILE;
use crate::simd::{Tiered, on_tier};

/// Chunks that are read side by side. A core fetches more lines ahead of several streams than of one: 64 MB took two
/// threads of a Zen 3 1.2 ms with one stream each, 0.9 with two and 0.8 with four to sixteen.
const STREAMS: usize = 4;

/// Elements of a chunk that are taken before the next one's turn comes.
const TURN: usize = 4 * BLOCK;

/// Bytes from which most of the elements come from memory.
const LEAST_BYTES: usize = 8 << 20;

/// True where most of the elements, which lie somewhere, come from memory.
pub(super) fn exceeds_caches<T>(sweep: &Sweep) -> bool {
    sweep.results * sweep.reduced * size_of::<T>() >= LEAST_BYTES
}

/// The states of all results and chunks as [`Sweep::states`] gives them, where the elements are many and lie side by side.
pub(super) fn fold<T: Copy + Sync, F: Fold<T>>(sweep: &Sweep) -> Result<Option<Vec<F::State>>> {
    let elements = sweep.results * sweep.reduced;
    if !has_short_code::<T, F>() || sweep.by_columns || sweep.reduced <= TILE || !exceeds_caches::<T>(sweep) {
        return Ok(None);
    }
    let mut states = sweep.untouched(F::identity())?;
    let pieces = states.len();
    let target = Disjoint::new(&mut states);
    let evaluation = sweep.evaluation();
    let nanoseconds = CHUNK.min(sweep.reduced) as u64 * STREAMS as u64 / 8;
    let is_done = evaluation.with(|evaluator| {
        let Some(values) = evaluator.neighbours::<T>(0, elements) else { return false };
        for_each_range(pieces.div_ceil(STREAMS), nanoseconds, CHUNK_NANOSECONDS, &|start, count| {
            for group in start..start + count {
                let first = group * STREAMS;
                let count = STREAMS.min(pieces - first);
                // SAFETY: each piece belongs to one group.
                let states = unsafe { target.range(first, count) };
                on_tier(Streams::<T, F> { values, sweep, first, states });
            }
        });
        true
    });
    Ok(is_done.then_some(states))
}

/// Some neighbouring pieces: chunks of results.
struct Streams<'a, T, F: Fold<T>> {
    values: &'a [T],
    sweep: &'a Sweep,
    first: usize,
    states: &'a mut [F::State],
}

impl<T: Copy, F: Fold<T>> Tiered for Streams<'_, T, F> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Streams { values, sweep, first, states } = self;
        let chunks = sweep.chunks();
        let mut pieces: [&[T]; STREAMS] = [&[]; STREAMS];
        let mut begins = [0; STREAMS];
        for stream in 0..states.len() {
            let (result, chunk) = ((first + stream) / chunks, (first + stream) % chunks);
            begins[stream] = chunk * CHUNK;
            let length = CHUNK.min(sweep.reduced - begins[stream]);
            pieces[stream] = &values[result * sweep.reduced + begins[stream]..][..length];
        }
        let mut sums: [Accumulators<F::State>; STREAMS] = [accumulators::<T, F>(); STREAMS];
        let longest = pieces.iter().map(|piece| piece.len()).max().unwrap_or(0);
        let mut done = 0;
        while done < longest {
            for stream in 0..STREAMS {
                let rest = pieces[stream].get(done..).unwrap_or(&[]);
                let turn = &rest[..TURN.min(rest.len())];
                take_block::<T, F>(&mut sums[stream], turn, begins[stream] + done, |element| element);
            }
            done += TURN;
        }
        for (state, sums) in states.iter_mut().zip(&sums) {
            *state = join_lanes(sums, F::join);
        }
    }
}
