//! Products of bfloat16 by instructions that multiply pairs of steps and add to float32: AMX and AVX512-BF16.
//!
//! Both read the same packed operands: a tile of A is 16 rows of [`STEPS`] steps, a tile of B 16 pairs of steps of 16
//! columns, the two numbers of a pair side by side. Each takes 1 KB.

/// Rows of a tile of A, columns of a tile of B.
pub(crate) const EDGE: usize = 16;

/// Steps of the depth in a tile.
pub(crate) const STEPS: usize = 32;

/// Numbers of a tile.
pub(crate) const TILE: usize = EDGE * STEPS;

/// One call: up to 2 × 2 tiles of C over at most a depth block.
pub(crate) struct PairTile {
    /// Tiles along the depth.
    pub groups: usize,
    /// For each group its tiles of rows.
    pub a: *const u16,
    /// 1 or 2.
    pub row_tiles: usize,
    /// For each group its tiles of columns.
    pub b: *const u16,
    /// 1 or 2.
    pub column_tiles: usize,
    /// All elements of the tiles.
    pub c: *mut f32,
    pub c_row_stride: isize,
    /// Go on with the sums in C instead of beginning at zero.
    pub accumulate: bool,
}

/// An instruction for products of pairs. A value of the type is what a thread holds while it uses it.
pub(crate) trait PairKernel {
    /// About how many numbers a core multiplies in that time.
    const PRODUCTS_PER_NANOSECOND: u64;

    /// Makes the thread ready.
    ///
    /// # Safety
    /// The processor and the operating system have the instruction.
    unsafe fn begin() -> Self;

    /// Multiplies the tiles.
    ///
    /// # Safety
    /// All elements that the tile names are valid.
    unsafe fn multiply(&self, tile: &PairTile);
}
