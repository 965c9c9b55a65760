//! How a space is cut into tiles.

use tenfold_ir::Layout;

use super::program::TILE;

/// Where tiles end. A tile across the end of a run would be copied together from its parts, so tiles end there too,
/// unless runs are short.
#[derive(Clone, Copy, Debug)]
pub struct Tiling {
    run: usize,
    tile: usize,
}

/// Runs shorter than this are copied together: a tile for each takes some 50 ns more, in which about 500 elements are
/// copied.
const SHORTEST_RUN: usize = 512;

impl Tiling {
    pub(super) fn new(run: usize) -> Tiling {
        if !(SHORTEST_RUN..16 * TILE).contains(&run) {
            return Tiling { run: usize::MAX, tile: TILE };
        }
        Tiling { run, tile: even_share(run, TILE) }
    }

    /// Whole periods, so that a tile of them serves everywhere.
    pub(super) fn of_period(period: usize) -> Tiling {
        Tiling { run: usize::MAX, tile: TILE / period * period }
    }

    /// Elements of the tile that begins at `start`, at most up to `end`.
    pub fn count(&self, start: usize, end: usize) -> usize {
        let at = start % self.run;
        (self.tile - at % self.tile).min(self.run - at).min(end - start)
    }

    /// True where every tile begins at a multiple of [`TILE`].
    pub fn is_even(&self) -> bool {
        self.run == usize::MAX && self.tile == TILE
    }
}

/// How long pieces of at most `most` of so many elements are, all about equally long, of whole vectors but for the last.
pub fn even_share(count: usize, most: usize) -> usize {
    let pieces = count.div_ceil(most.max(1)).max(1);
    count.div_ceil(pieces).next_multiple_of(16).min(most).max(1)
}

/// The length of the stretches of the space in which an operand's elements are neighbours, or all one; `None` where
/// they are neither.
pub(super) fn run_length(layout: &Layout) -> Option<usize> {
    let mut run: Option<(i64, usize)> = None;
    for (&extent, &stride) in layout.shape().iter().zip(layout.strides()).rev() {
        match run {
            _ if extent == 1 => {}
            None if stride == 0 || stride == 1 => run = Some((stride, extent)),
            None => return None,
            Some((step, length)) if stride == step * length as i64 => run = Some((step, length * extent)),
            Some((_, length)) => return Some(length),
        }
    }
    run.map(|(_, length)| length)
}
