//! Products of bfloat16 by AMX: `tdpbf16ps` takes 16 × 16 sums over 32 steps at once.
//!
//! In assembly, because Rust's intrinsics are not stable. Subnormal numbers count as zero. Source: Intel, "Architecture
//! Instruction Set Extensions Programming Reference", chapter 3.

use std::arch::asm;
use std::arch::x86_64::__cpuid_count;
use std::marker::PhantomData;
use std::sync::OnceLock;

use super::pairs::{EDGE, PairKernel, PairTile, TILE};

/// True where the processor has AMX for bfloat16 and the operating system lets this process use it. It is asked once.
pub(crate) fn is_available() -> bool {
    static AVAILABLE: OnceLock<bool> = OnceLock::new();
    *AVAILABLE.get_or_init(|| {
        let (bfloat16, tiles) = (1 << 22, 1 << 24);
        let has_leaf = __cpuid_count(0, 0).eax >= 7;
        let features = if has_leaf { __cpuid_count(7, 0).edx } else { 0 };
        features & bfloat16 != 0 && features & tiles != 0 && is_permitted()
    })
}

/// Asks Linux to save tiles with this process's threads; it refuses where its processor or it itself does not know them.
#[cfg(target_os = "linux")]
fn is_permitted() -> bool {
    const ARCH_REQ_XCOMP_PERM: libc::c_long = 0x1023;
    const XFEATURE_XTILEDATA: libc::c_long = 18;
    // SAFETY: the call has no precondition.
    unsafe { libc::syscall(libc::SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0 }
}

#[cfg(not(target_os = "linux"))]
fn is_permitted() -> bool {
    false
}

/// What `ldtilecfg` reads: 64 bytes.
#[repr(C, align(64))]
struct Configuration {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    /// Bytes in a row of each tile.
    row_bytes: [u16; 16],
    rows: [u8; 16],
}

/// Eight whole tiles.
static CONFIGURATION: Configuration = Configuration {
    palette: 1,
    start_row: 0,
    reserved: [0; 14],
    row_bytes: [64, 64, 64, 64, 64, 64, 64, 64, 0, 0, 0, 0, 0, 0, 0, 0],
    rows: [16, 16, 16, 16, 16, 16, 16, 16, 0, 0, 0, 0, 0, 0, 0, 0],
};

/// While it lives, the tiles of its thread are configured: it stays there.
pub(crate) struct Amx(PhantomData<*const ()>);

impl Drop for Amx {
    fn drop(&mut self) {
        // SAFETY: the processor has the instruction, or there would be no value.
        unsafe { asm!("tilerelease", options(nostack, preserves_flags)) }
    }
}

impl PairKernel for Amx {
    const PRODUCTS_PER_NANOSECOND: u64 = 500;

    unsafe fn begin() -> Amx {
        // SAFETY: the caller vouches for the instruction; the configuration is a valid one.
        unsafe { asm!("ldtilecfg [{}]", in(reg) &raw const CONFIGURATION, options(nostack, preserves_flags)) }
        Amx(PhantomData)
    }

    unsafe fn multiply(&self, tile: &PairTile) {
        // SAFETY: the tiles are configured, and the caller vouches for the elements.
        unsafe {
            match (tile.row_tiles, tile.column_tiles) {
                (1, 1) => one_by_one(tile),
                (1, 2) => one_by_two(tile),
                (2, 1) => two_by_one(tile),
                (2, 2) => two_by_two(tile),
                (rows, columns) => unreachable!("1 or 2 tiles a side; got {rows} and {columns}"),
            }
        }
    }
}

/// A function that goes over the depth with sums in tmm0 to tmm3, tiles of A in tmm4 and tmm5, of B in tmm6 and tmm7.
/// A comment stands for what does not need an operand, since each must be named.
macro_rules! tiles {
    ($name:ident, $row_tiles:literal, $column_tiles:literal, clear: $clear:tt, load: $load:tt, multiply: $multiply:tt, store: $store:tt) => {
        tiles!(@function $name, $row_tiles, $column_tiles, $clear, $load, $multiply, $store);
    };
    (@function $name:ident, $row_tiles:literal, $column_tiles:literal, [$($clear:literal)*], [$($load:literal)*], [$($multiply:literal)*], [$($store:literal)*]) => {
        /// # Safety
        /// The tiles of the thread are configured, and all elements that the tile names are valid.
        unsafe fn $name(tile: &PairTile) {
            if tile.groups == 0 {
                return;
            }
            let row_bytes = tile.c_row_stride * size_of::<f32>() as isize;
            // SAFETY: the caller's. Loads and stores keep to the tiles, and no other register or memory is changed.
            unsafe {
                asm!(
                    "test {accumulate:e}, {accumulate:e}",
                    "jnz 2f",
                    $($clear,)*
                    "jmp 3f",
                    "2:",
                    $($load,)*
                    "3:",
                    $($multiply,)*
                    "add {a}, {a_step}",
                    "add {b}, {b_step}",
                    "dec {groups}",
                    "jnz 3b",
                    $($store,)*
                    accumulate = in(reg) u32::from(tile.accumulate),
                    a = inout(reg) tile.a => _,
                    b = inout(reg) tile.b => _,
                    c = in(reg) tile.c,
                    // The second tile of rows, where there is one.
                    below = in(reg) tile.c.wrapping_byte_offset(EDGE as isize * row_bytes),
                    c_row = in(reg) row_bytes,
                    row = in(reg) 64usize,
                    groups = inout(reg) tile.groups => _,
                    a_step = const $row_tiles * TILE * size_of::<u16>(),
                    b_step = const $column_tiles * TILE * size_of::<u16>(),
                    out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                    out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                    options(nostack),
                );
            }
        }
    };
}

tiles!(one_by_one, 1, 1,
    clear: ["tilezero tmm0"],
    load: ["tileloadd tmm0, [{c} + {c_row}*1]"],
    multiply: [
        "tileloadd tmm4, [{a} + {row}*1]"
        "tileloadd tmm6, [{b} + {row}*1]"
        "tdpbf16ps tmm0, tmm4, tmm6"
        "/* {below} */"
    ],
    store: ["tilestored [{c} + {c_row}*1], tmm0"]);

tiles!(one_by_two, 1, 2,
    clear: ["tilezero tmm0" "tilezero tmm1"],
    load: ["tileloadd tmm0, [{c} + {c_row}*1]" "tileloadd tmm1, [{c} + {c_row}*1 + 64]"],
    multiply: [
        "tileloadd tmm4, [{a} + {row}*1]"
        "tileloadd tmm6, [{b} + {row}*1]"
        "tdpbf16ps tmm0, tmm4, tmm6"
        "tileloadd tmm7, [{b} + {row}*1 + 1024]"
        "tdpbf16ps tmm1, tmm4, tmm7"
        "/* {below} */"
    ],
    store: ["tilestored [{c} + {c_row}*1], tmm0" "tilestored [{c} + {c_row}*1 + 64], tmm1"]);

tiles!(two_by_one, 2, 1,
    clear: ["tilezero tmm0" "tilezero tmm2"],
    load: ["tileloadd tmm0, [{c} + {c_row}*1]" "tileloadd tmm2, [{below} + {c_row}*1]"],
    multiply: [
        "tileloadd tmm4, [{a} + {row}*1]"
        "tileloadd tmm6, [{b} + {row}*1]"
        "tdpbf16ps tmm0, tmm4, tmm6"
        "tileloadd tmm5, [{a} + {row}*1 + 1024]"
        "tdpbf16ps tmm2, tmm5, tmm6"
    ],
    store: ["tilestored [{c} + {c_row}*1], tmm0" "tilestored [{below} + {c_row}*1], tmm2"]);

tiles!(two_by_two, 2, 2,
clear: ["tilezero tmm0" "tilezero tmm1" "tilezero tmm2" "tilezero tmm3"],
load: [
    "tileloadd tmm0, [{c} + {c_row}*1]"
    "tileloadd tmm1, [{c} + {c_row}*1 + 64]"
    "tileloadd tmm2, [{below} + {c_row}*1]"
    "tileloadd tmm3, [{below} + {c_row}*1 + 64]"
],
multiply: [
    "tileloadd tmm4, [{a} + {row}*1]"
    "tileloadd tmm6, [{b} + {row}*1]"
    "tdpbf16ps tmm0, tmm4, tmm6"
    "tileloadd tmm7, [{b} + {row}*1 + 1024]"
    "tdpbf16ps tmm1, tmm4, tmm7"
    "tileloadd tmm5, [{a} + {row}*1 + 1024]"
    "tdpbf16ps tmm2, tmm5, tmm6"
    "tdpbf16ps tmm3, tmm5, tmm7"
],
store: [
    "tilestored [{c} + {c_row}*1], tmm0"
    "tilestored [{c} + {c_row}*1 + 64], tmm1"
    "tilestored [{below} + {c_row}*1], tmm2"
    "tilestored [{below} + {c_row}*1 + 64], tmm3"
]);
