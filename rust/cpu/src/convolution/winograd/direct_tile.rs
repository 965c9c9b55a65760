//! One tile computed as the direct convolution does, in its order.

use super::{Extents, TILE};
use crate::gemm::blocks::DEPTH_BLOCK;
use crate::simd::{Tiered, on_tier};

/// Pixels of a tile's input along an axis.
const REACH: usize = TILE + 2;

/// A channel's inputs of a tile; rows are filled up so that whole vectors may be read.
type Patch = [[f32; 8]; REACH];

/// The outputs of a tile.
pub(super) type Tile = [[f32; TILE]; TILE];

/// The inputs of a tile, all channels.
pub(super) fn patches(image: &[f32], extents: Extents, first: [isize; 2]) -> Vec<Patch> {
    let mut patches = vec![Patch::default(); extents.channels];
    for (channel, patch) in patches.iter_mut().enumerate() {
        for (i, row) in patch.iter_mut().enumerate() {
            for (j, number) in row.iter_mut().enumerate().take(REACH) {
                let (y, x) = (first[0] + i as isize, first[1] + j as isize);
                if (0..extents.height as isize).contains(&y) && (0..extents.width as isize).contains(&x) {
                    *number = image[(channel * extents.height + y as usize) * extents.width + x as usize];
                }
            }
        }
    }
    patches
}

/// The filters of one output channel.
pub(super) struct DirectTile<'a> {
    pub patches: &'a [Patch],
    /// Tap `t` for channel `c` at `c · channel_pitch + t`.
    pub filter: &'a [f32],
    pub channel_pitch: usize,
    /// The filter is applied turned around, its taps still in their own order.
    pub flipped: bool,
}

impl DirectTile<'_> {
    pub fn compute(self) -> Tile {
        on_tier(self)
    }
}

impl Tiered for DirectTile<'_> {
    type Output = Tile;

    #[inline(always)]
    fn run(self) -> Tile {
        let mut total = Tile::default();
        let steps = self.patches.len() * 9;
        for block in (0..steps).step_by(DEPTH_BLOCK) {
            let mut sums = Tile::default();
            for step in block..(block + DEPTH_BLOCK).min(steps) {
                let (channel, tap) = (step / 9, step % 9);
                let place = if self.flipped { 8 - tap } else { tap };
                let factor = self.filter[channel * self.channel_pitch + tap];
                for i in 0..TILE {
                    let row = &self.patches[channel][i + place / 3];
                    for j in 0..TILE {
                        sums[i][j] = factor.mul_add(row[j + place % 3], sums[i][j]);
                    }
                }
            }
            for i in 0..TILE {
                for j in 0..TILE {
                    total[i][j] = if block == 0 { sums[i][j] } else { total[i][j] + sums[i][j] };
                }
            }
        }
        total
    }
}
