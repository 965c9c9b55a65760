//! Register-blocked micro-kernels: a tile of C, `ROWS × (VECTORS · lanes)`, over one depth block.
//!
//! The body is written once over [`Vector`] and compiled for every tier. Each element of C is a
//! chain of `mul_add` in ascending depth that begins at +0, and is then stored, or added to what C
//! holds. The chain does not depend on the tile's shape: that makes all tiers give the same bits.

#[cfg(target_arch = "x86_64")]
pub(crate) mod amx;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
pub(crate) mod grid;
pub(crate) mod lines;
pub(crate) mod patch;
pub(crate) mod portable;
pub(crate) mod stencil;
pub(crate) mod taps;
pub(crate) mod window;
#[cfg(target_arch = "x86_64")]
pub(crate) mod word_vectors;
pub(crate) mod words;

use grid::Grid;
use lines::LineTile;
use patch::PatchTile;
use stencil::Stencil;
use taps::Taps;
use window::{WindowPanel, WindowTile};

use super::pack::Widen;
use crate::simd::{Tier, tier};

/// A SIMD register of numbers. Its methods are sound only where the CPU has the instructions.
pub(crate) trait Vector: Copy {
    /// The number in a lane.
    type Element: Copy;
    /// Which lanes a partial load or store touches.
    type Mask: Copy;
    /// Numbers in a vector.
    const LANES: usize;

    /// +0 in all lanes.
    unsafe fn zero() -> Self;
    /// The number at `source` in all lanes.
    unsafe fn splat(source: *const Self::Element) -> Self;
    /// `LANES` numbers from `source`, of any alignment.
    unsafe fn load(source: *const Self::Element) -> Self;
    /// Stores `LANES` numbers, at any alignment.
    unsafe fn store(self, target: *mut Self::Element);
    /// The first `count` lanes, 1 to `LANES`.
    unsafe fn mask(count: usize) -> Self::Mask;
    /// The lanes from `first` on that lie before `end`, both at most `LANES`.
    unsafe fn mask_between(first: usize, end: usize) -> Self::Mask;
    /// Loads the lanes of the mask, zero elsewhere; other addresses are not read.
    unsafe fn load_masked(source: *const Self::Element, mask: Self::Mask) -> Self;
    /// The same, but its own numbers elsewhere.
    unsafe fn merge_masked(self, source: *const Self::Element, mask: Self::Mask) -> Self;
    /// Stores the lanes of the mask; other addresses are not written.
    unsafe fn store_masked(self, target: *mut Self::Element, mask: Self::Mask);
    /// `self · factor + addend`, rounded once.
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self;
    /// `self + other`.
    unsafe fn add(self, other: Self) -> Self;
}

/// One call of a micro-kernel. Strides are in elements.
pub(crate) struct Tile<T> {
    pub depth: usize,
    /// Element (row, step) lies at `row · a_row_stride + step · a_depth_stride`; a packed panel
    /// (see [`MicroKernels::packed`]) has strides 1 and the tile's number of rows.
    pub a: *const T,
    pub a_row_stride: isize,
    pub a_depth_stride: isize,
    /// Columns of B are contiguous.
    pub b: *const T,
    pub b_depth_stride: isize,
    pub c: *mut T,
    pub c_row_stride: isize,
    /// Columns in the last vector, 1 to the number of lanes.
    pub last_columns: usize,
    /// Add to C instead of storing.
    pub accumulate: bool,
}

/// A micro-kernel; sound where all elements that the tile names are valid.
pub(crate) type MicroKernel<T> = unsafe fn(&Tile<T>);

/// As [`MicroKernel`], for windows of an image.
type WindowKernel<T> = unsafe fn(&WindowTile<T>);

/// As [`MicroKernel`], for the weight gradient of a convolution.
type PatchKernel<T> = unsafe fn(&PatchTile<T>);

/// As [`MicroKernel`]: packs windows.
type PackKernel<T> = unsafe fn(&WindowPanel<'_, T>);

/// As [`MicroKernel`], for a single row of weights.
type GridKernel<T> = unsafe fn(&Grid<T>);

/// As [`MicroKernel`], for 3×3 weights of a single row.
type StencilKernel<T> = unsafe fn(&Stencil<T>);

/// As [`MicroKernel`], for the weight gradient of a depthwise convolution.
type TapsKernel<T> = unsafe fn(&Taps<T>);

/// As [`MicroKernel`], for a single row and lines of B that are contiguous along the depth.
pub(crate) type LineKernel<T> = unsafe fn(&LineTile<T>);

/// Kernels by rows and vectors of their tiles.
type Table<Kernel> = &'static [&'static [Kernel]];

/// Vectors of a single row's tile: as many sums as hide the latency of a fused multiply-add.
pub(crate) const ROW_VECTORS: usize = 8;

/// The kernels of a tier for one type.
pub(crate) struct MicroKernels<T: 'static> {
    /// Most rows of a tile.
    pub rows: usize,
    /// Most vectors in a row of a tile.
    pub vectors: usize,
    /// Numbers in a vector.
    pub lanes: usize,
    /// Both operands packed; indexed by rows − 1, then vectors − 1.
    packed: Table<MicroKernel<T>>,
    /// A anywhere, B with contiguous rows, never read beyond `last_columns`.
    unpacked: Table<MicroKernel<T>>,
    /// A single row, contiguous along depth, and panels of [`ROW_VECTORS`] vectors.
    pub row: MicroKernel<T>,
    /// A packed, rows of B at offsets of a table.
    window: Table<WindowKernel<T>>,
    /// Packs rows of B at offsets of a table.
    pub pack_windows: PackKernel<T>,
    /// Rows of A at offsets of a table, B packed.
    patch: Table<PatchKernel<T>>,
    /// A grid of windows with a single row of weights.
    pub grid: GridKernel<T>,
    /// Rows of sums of 3×3 weights.
    pub stencil: StencilKernel<T>,
    /// Sums of taps over pixels.
    pub taps: TapsKernel<T>,
}

impl<T> MicroKernels<T> {
    /// Columns of the widest tile.
    pub fn columns(&self) -> usize {
        self.vectors * self.lanes
    }

    /// The vectors that `columns` columns need.
    pub fn vectors_for(&self, columns: usize) -> usize {
        // Lanes are a power of two, and a division would take longer.
        (columns + self.lanes - 1) >> self.lanes.trailing_zeros()
    }

    /// The width of a packed panel of B with that many columns.
    pub fn panel_width(&self, columns: usize) -> usize {
        self.vectors_for(columns) * self.lanes
    }

    /// The kernel for packed panels.
    pub fn packed(&self, rows: usize, vectors: usize) -> MicroKernel<T> {
        self.packed[rows - 1][vectors - 1]
    }

    /// The kernel that reads A in place, and B in place or packed.
    pub fn unpacked(&self, rows: usize, vectors: usize) -> MicroKernel<T> {
        self.unpacked[rows - 1][vectors - 1]
    }

    /// The kernel that reads rows of B through a table of offsets.
    pub fn window(&self, rows: usize, vectors: usize) -> WindowKernel<T> {
        self.window[rows - 1][vectors - 1]
    }

    /// The kernel that reads rows of A through a table of offsets.
    pub fn patch(&self, rows: usize, vectors: usize) -> PatchKernel<T> {
        self.patch[rows - 1][vectors - 1]
    }
}

/// The real numbers that micro-kernels compute with.
pub(crate) trait Real: Widen<Self> + Default + PartialEq + std::ops::Add<Output = Self> {
    /// The kernels of the current tier.
    fn kernels() -> &'static MicroKernels<Self>;

    /// Edge of the block that `transpose_block` transposes.
    const TRANSPOSE_EDGE: usize;

    /// Transposes `TRANSPOSE_EDGE` contiguous steps of at most as many lines in registers: line
    /// `l`, step `s` goes to `target + s · width + l`. False where the tier cannot.
    ///
    /// # Safety
    /// All those elements are valid.
    unsafe fn transpose_block(
        source: *const Self,
        line_stride: isize,
        lines: usize,
        target: *mut Self,
        width: usize,
    ) -> bool;

    /// The kernel for lines that are contiguous along the depth, where the tier has one.
    fn line_kernel() -> Option<LineKernel<Self>> {
        None
    }

    /// `self · factor + addend`, rounded once.
    fn mul_add(self, factor: Self, addend: Self) -> Self;
}

macro_rules! real {
    ($type:ty, $module:ident, $edge:expr $(, $line_kernel:item)?) => {
        impl Real for $type {
            const TRANSPOSE_EDGE: usize = $edge;

            fn kernels() -> &'static MicroKernels<Self> {
                match tier() {
                    #[cfg(target_arch = "x86_64")]
                    Tier::Avx512 => &avx512::$module::KERNELS,
                    #[cfg(target_arch = "x86_64")]
                    Tier::Avx2 => &avx2::$module::KERNELS,
                    _ => &portable::$module::KERNELS,
                }
            }

            #[inline]
            unsafe fn transpose_block(
                source: *const Self,
                line_stride: isize,
                lines: usize,
                target: *mut Self,
                width: usize,
            ) -> bool {
                #[cfg(target_arch = "x86_64")]
                if tier() >= Tier::Avx2 {
                    // SAFETY: the tier has AVX2; the caller vouches for the addresses.
                    unsafe { avx2::$module::transpose(source, line_stride, lines, target, width) };
                    return true;
                }
                let _ = (source, line_stride, lines, target, width);
                false
            }

            $($line_kernel)?

            #[inline(always)]
            fn mul_add(self, factor: Self, addend: Self) -> Self {
                <$type>::mul_add(self, factor, addend)
            }
        }
    };
}

real!(
    f32,
    single,
    8,
    fn line_kernel() -> Option<LineKernel<f32>> {
        match tier() {
            #[cfg(target_arch = "x86_64")]
            Tier::Avx512 => Some(avx512::multiply_lines),
            #[cfg(target_arch = "x86_64")]
            Tier::Avx2 => Some(avx2::multiply_lines),
            _ => None,
        }
    }
);
real!(f64, double, 4);

/// Steps of the depth in one turn of a loop: a core may be shared with another thread, and a turn's end takes as much of
/// what it decodes as two sums.
const TURN: usize = 4;

/// Runs a block for each step of the depth, so many of them in a turn.
macro_rules! for_each_step {
    ($depth:expr, $turn:expr, $step:block) => {
        for _ in 0..$depth / $turn {
            for _ in 0..$turn $step
        }
        for _ in 0..$depth % $turn $step
    };
}
use for_each_step;

/// The body of all micro-kernels.
///
/// # Safety
/// The CPU has `V`'s instructions, and all elements that the tile names are valid.
#[inline(always)]
unsafe fn micro_kernel<V: Vector, const ROWS: usize, const VECTORS: usize, const PACKED: bool>(
    tile: &Tile<V::Element>,
) {
    // SAFETY: the caller's.
    unsafe {
        let mut sums = [[V::zero(); VECTORS]; ROWS];
        let whole = tile.last_columns == V::LANES;
        // A distance of 1 is part of the instructions that load; with two distances in registers, or a mask, there is
        // nothing to gain by long turns.
        match (tile.a_row_stride, tile.a_depth_stride) {
            _ if PACKED => add_steps::<V, ROWS, VECTORS, false, TURN>(&mut sums, tile, 1, ROWS as isize),
            (rows, 1) if whole => add_steps::<V, ROWS, VECTORS, false, TURN>(&mut sums, tile, rows, 1),
            (1, steps) if whole => add_steps::<V, ROWS, VECTORS, false, TURN>(&mut sums, tile, 1, steps),
            (rows, steps) => add_steps::<V, ROWS, VECTORS, true, 1>(&mut sums, tile, rows, steps),
        }
        store_sums(&sums, tile.c, tile.c_row_stride, tile.last_columns, tile.accumulate);
    }
}

/// Adds all steps of a tile whose A has these strides, so many in a turn of the loop.
///
/// # Safety
/// As for [`micro_kernel`].
#[inline(always)]
unsafe fn add_steps<
    V: Vector,
    const ROWS: usize,
    const VECTORS: usize,
    const MASKED: bool,
    const AT_ONCE: usize,
>(
    sums: &mut [[V; VECTORS]; ROWS],
    tile: &Tile<V::Element>,
    row_stride: isize,
    depth_stride: isize,
) {
    // SAFETY: the caller vouches for every element of the tile; steps beyond the last are not read.
    unsafe {
        let mask = V::mask(tile.last_columns);
        let (mut a, mut b) = (tile.a, tile.b);
        for_each_step!(tile.depth, AT_ONCE, {
            let factor = |row: usize| a.offset(row as isize * row_stride);
            add_step::<V, ROWS, VECTORS, MASKED>(sums, factor, b, mask);
            a = a.wrapping_offset(depth_stride);
            b = b.wrapping_offset(tile.b_depth_stride);
        });
    }
}

/// Adds a step: the number of each row times a row of B, whose last vector may be cut by a mask.
///
/// # Safety
/// As for [`micro_kernel`].
#[expect(clippy::needless_range_loop, reason = "iterators are calls that keep the sums out of registers")]
#[inline(always)]
unsafe fn add_step<V: Vector, const ROWS: usize, const VECTORS: usize, const MASKED: bool>(
    sums: &mut [[V; VECTORS]; ROWS],
    factor: impl Fn(usize) -> *const V::Element,
    b: *const V::Element,
    mask: V::Mask,
) {
    // SAFETY: the caller's.
    unsafe {
        let mut factors = [V::zero(); VECTORS];
        for vector in 0..VECTORS {
            let source = b.add(vector * V::LANES);
            let whole = !MASKED || vector + 1 < VECTORS;
            factors[vector] = if whole { V::load(source) } else { V::load_masked(source, mask) };
        }
        for row in 0..ROWS {
            let factor = V::splat(factor(row));
            for vector in 0..VECTORS {
                sums[row][vector] = factor.mul_add(factors[vector], sums[row][vector]);
            }
        }
    }
}

/// Stores the sums of a tile, or adds them to C.
///
/// # Safety
/// The CPU has `V`'s instructions, and C has room for the tile.
#[expect(clippy::needless_range_loop, reason = "iterators are calls that keep the sums out of registers")]
#[inline(always)]
unsafe fn store_sums<V: Vector, const ROWS: usize, const VECTORS: usize>(
    sums: &[[V; VECTORS]; ROWS],
    c: *mut V::Element,
    c_row_stride: isize,
    last_columns: usize,
    accumulate: bool,
) {
    let whole = last_columns == V::LANES;
    // SAFETY: the caller vouches for C; the mask keeps to its columns.
    unsafe {
        let mask = V::mask(last_columns);
        for row in 0..ROWS {
            let c = c.offset(row as isize * c_row_stride);
            for vector in 0..VECTORS {
                let sum = sums[row][vector];
                let target = c.add(vector * V::LANES);
                if whole || vector + 1 < VECTORS {
                    let sum = if accumulate { V::load(target).add(sum) } else { sum };
                    sum.store(target);
                } else {
                    let sum = if accumulate { V::load_masked(target, mask).add(sum) } else { sum };
                    sum.store_masked(target, mask);
                }
            }
        }
    }
}

/// A table of kernels: `kernel_table!(function, vector, [arguments…], [rows…], [vectors…])`.
macro_rules! kernel_table {
    ($run:ident, $vector:ty, $arguments:tt, [$($rows:literal)*], $vectors:tt) => {
        &[$(kernel_table!(@row $run, $vector, $arguments, $rows, $vectors)),*]
    };
    (@row $run:ident, $vector:ty, $arguments:tt, $rows:literal, [$($vectors:literal)*]) => {
        &[$(kernel_table!(@one $run, $vector, $arguments, $rows, $vectors)),*]
    };
    (@one $run:ident, $vector:ty, [$($argument:literal)*], $rows:literal, $vectors:literal) => {
        $run::<$vector, $rows, $vectors $(, $argument)*>
    };
}
use kernel_table;

/// The kernels of a tier for one type: the functions of the module that uses it, see [`tier_functions`], for tiles of up
/// to those rows and vectors.
macro_rules! all_kernels {
    ($vector:ty, $rows:tt, $most_rows:literal, $vectors:tt, $most_vectors:literal) => {
        MicroKernels {
            rows: $most_rows,
            vectors: $most_vectors,
            lanes: <$vector>::LANES,
            packed: kernel_table!(run, $vector, [true], $rows, $vectors),
            unpacked: kernel_table!(run, $vector, [false], $rows, $vectors),
            row: run::<$vector, 1, ROW_VECTORS, true>,
            window: kernel_table!(run_window, $vector, [], $rows, $vectors),
            pack_windows: run_pack_windows::<$vector>,
            patch: kernel_table!(run_patch, $vector, [], $rows, $vectors),
            grid: run_grid::<$vector>,
            stencil: run_stencil::<$vector>,
            taps: run_taps::<$vector, { taps::SUMS / <$vector>::LANES }>,
        }
    };
}
use all_kernels;

/// Functions that compile the bodies of kernels with instructions of a tier.
macro_rules! tier_functions {
    ($(#[$feature:meta])*) => {
        /// # Safety
        /// The CPU has the tier's instructions; the rest as for [`micro_kernel`].
        $(#[$feature])*
        unsafe fn run<V: Vector, const ROWS: usize, const VECTORS: usize, const PACKED: bool>(
            tile: &Tile<V::Element>,
        ) {
            // SAFETY: the caller's.
            unsafe { micro_kernel::<V, ROWS, VECTORS, PACKED>(tile) }
        }

        /// # Safety
        /// The CPU has the tier's instructions; the rest as for [`window_kernel`].
        $(#[$feature])*
        unsafe fn run_window<V: Vector, const ROWS: usize, const VECTORS: usize>(
            tile: &WindowTile<V::Element>,
        ) {
            // SAFETY: the caller's.
            unsafe { window_kernel::<V, ROWS, VECTORS>(tile) }
        }

        /// # Safety
        /// The CPU has the tier's instructions; the rest as for [`pack_windows`].
        $(#[$feature])*
        unsafe fn run_pack_windows<V: Vector>(tile: &WindowPanel<'_, V::Element>) {
            // SAFETY: the caller's.
            unsafe { pack_windows::<V>(tile) }
        }

        /// # Safety
        /// The CPU has the tier's instructions; the rest as for [`patch_kernel`].
        $(#[$feature])*
        unsafe fn run_patch<V: Vector, const ROWS: usize, const VECTORS: usize>(
            tile: &PatchTile<V::Element>,
        ) {
            // SAFETY: the caller's.
            unsafe { patch_kernel::<V, ROWS, VECTORS>(tile) }
        }

        /// # Safety
        /// The CPU has the tier's instructions; the rest as for [`grid_kernel`].
        $(#[$feature])*
        unsafe fn run_grid<V: Vector>(grid: &Grid<V::Element>) {
            // SAFETY: the caller's.
            unsafe { grid_kernel::<V>(grid) }
        }

        /// # Safety
        /// The CPU has the tier's instructions; the rest as for [`stencil_kernel`].
        $(#[$feature])*
        unsafe fn run_stencil<V: Vector>(stencil: &Stencil<V::Element>) {
            // SAFETY: the caller's.
            unsafe { stencil_kernel::<V>(stencil) }
        }

        /// # Safety
        /// The CPU has the tier's instructions; the rest as for [`taps_kernel`].
        $(#[$feature])*
        unsafe fn run_taps<V: Vector, const VECTORS: usize>(taps: &Taps<V::Element>) {
            // SAFETY: the caller's.
            unsafe { taps_kernel::<V, VECTORS>(taps) }
        }
    };
}
use tier_functions;
