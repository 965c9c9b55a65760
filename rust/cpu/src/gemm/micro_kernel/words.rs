//! Products by instructions that multiply all steps of a word of 32 bits at once and add them to a sum of 32 bits: two
//! bfloat16 or int16, or four int8.
//!
//! All read the same packed operands. A tile of A is 16 rows of 64 bytes along the depth; a tile of B 16 words of steps of
//! 16 columns, the steps of a word side by side. Each takes 1 KB.

/// Rows of a tile of A, columns of a tile of B.
pub(crate) const EDGE: usize = 16;

/// Bytes of a row of a tile.
pub(crate) const ROW_BYTES: usize = 64;

/// Bytes of a tile.
pub(crate) const TILE_BYTES: usize = EDGE * ROW_BYTES;

/// Rows and columns of a panel: two tiles.
pub(crate) const PANEL: usize = 2 * EDGE;

/// Sums of a panel of A times one of B.
pub(crate) const PANEL_SUMS: usize = PANEL * PANEL;

/// A packed number.
pub(crate) trait Packed: Copy + Default + Send + Sync + 'static {
    /// Its bits, as the lowest of a word.
    fn bits(self) -> u32;
}

impl Packed for u16 {
    #[inline(always)]
    fn bits(self) -> u32 {
        u32::from(self)
    }
}

impl Packed for i16 {
    #[inline(always)]
    fn bits(self) -> u32 {
        u32::from(self as u16)
    }
}

impl Packed for i8 {
    #[inline(always)]
    fn bits(self) -> u32 {
        u32::from(self as u8)
    }
}

/// One call: up to two tiles of rows times up to two of columns.
pub(crate) struct Tiles<T> {
    /// Tiles along the depth.
    pub groups: usize,
    /// For each group its tiles of rows.
    pub a: *const u8,
    /// 1 or 2.
    pub row_tiles: usize,
    /// For each group its tiles of columns.
    pub b: *const u8,
    /// 1 or 2.
    pub column_tiles: usize,
    /// [`PANEL`] rows of as many sums, of which those of the tiles are written.
    pub sums: *mut T,
    /// Go on with the sums instead of beginning at zero.
    pub accumulate: bool,
}

/// An instruction for products of words. A value of the type is what a thread holds while it uses it.
pub(crate) trait WordKernel {
    /// Operands as they are packed: two or four in a word.
    type Packed: Packed;
    /// What they are added to.
    type Sum: Copy + Default + Send + Sync + 'static;

    /// Steps of the depth in a tile.
    const STEPS: usize = ROW_BYTES / size_of::<Self::Packed>();

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
    /// All that the tiles name is valid.
    unsafe fn multiply(&self, tiles: &Tiles<Self::Sum>);
}
