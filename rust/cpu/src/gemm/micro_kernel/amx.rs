//! Products by AMX, which takes 16 × 16 sums at once: `tdpbf16ps` over 32 steps of bfloat16, for which subnormal numbers
//! count as zero, and `tdpbssd` over 64 steps of int8, whose sums wrap.
//!
//! In assembly, because Rust's intrinsics are not stable. Source: Intel, "Architecture Instruction Set Extensions
//! Programming Reference", chapter 3.

use std::arch::asm;
use std::arch::x86_64::__cpuid_count;
use std::marker::PhantomData;
use std::sync::OnceLock;

use super::words::{EDGE, PANEL, TILE_BYTES, Tiles, WordKernel};

/// True where the processor has AMX for bfloat16 and for int8, as all that have it do, and the operating system lets this
/// process use it. It is asked once.
pub(crate) fn is_available() -> bool {
    static AVAILABLE: OnceLock<bool> = OnceLock::new();
    *AVAILABLE.get_or_init(|| {
        let needed = (1 << 22) | (1 << 24) | (1 << 25);
        let has_leaf = __cpuid_count(0, 0).eax >= 7;
        let features = if has_leaf { __cpuid_count(7, 0).edx } else { 0 };
        features & needed == needed && is_permitted()
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
struct Configured(PhantomData<*const ()>);

impl Configured {
    /// # Safety
    /// The processor has AMX, and the process may use it.
    unsafe fn new() -> Configured {
        // SAFETY: the caller vouches for the instruction; the configuration is a valid one.
        unsafe { asm!("ldtilecfg [{}]", in(reg) &raw const CONFIGURATION, options(nostack, preserves_flags)) }
        Configured(PhantomData)
    }
}

impl Drop for Configured {
    fn drop(&mut self) {
        // SAFETY: the processor has the instruction, or there would be no value.
        unsafe { asm!("tilerelease", options(nostack, preserves_flags)) }
    }
}

/// A function that goes over the depth with sums in tmm0 to tmm3, tiles of A in tmm4 and tmm5, of B in tmm6 and tmm7.
/// A comment stands for what does not need an operand, since each must be named.
macro_rules! tiles {
    ($name:ident, $sum:ty, $row_tiles:literal, $column_tiles:literal, clear: [$($clear:expr),*], load: [$($load:expr),*],
     multiply: [$($multiply:expr),*], store: [$($store:expr),*]) => {
        /// # Safety
        /// The tiles of the thread are configured, and all that the tiles name is valid.
        pub(super) unsafe fn $name(tiles: &Tiles<$sum>) {
            if tiles.groups == 0 {
                return;
            }
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
                    accumulate = in(reg) u32::from(tiles.accumulate),
                    a = inout(reg) tiles.a => _,
                    b = inout(reg) tiles.b => _,
                    c = in(reg) tiles.sums,
                    // The second tile of rows, where there is one.
                    below = in(reg) tiles.sums.wrapping_add(EDGE * PANEL),
                    c_row = in(reg) PANEL * size_of::<$sum>(),
                    row = in(reg) 64usize,
                    groups = inout(reg) tiles.groups => _,
                    a_step = const $row_tiles * TILE_BYTES,
                    b_step = const $column_tiles * TILE_BYTES,
                    out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                    out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                    options(nostack),
                );
            }
        }
    };
}

/// The kernel of an instruction.
macro_rules! kernel {
    ($kernel:ident, $module:ident, $dot:literal, $packed:ty, $sum:ty, $products:literal) => {
        #[doc = concat!("`", $dot, "`.")]
        pub(crate) struct $kernel(#[allow(dead_code, reason = "it releases the tiles")] Configured);

        impl WordKernel for $kernel {
            type Packed = $packed;
            type Sum = $sum;
            const PRODUCTS_PER_NANOSECOND: u64 = $products;

            unsafe fn begin() -> $kernel {
                // SAFETY: the caller's.
                $kernel(unsafe { Configured::new() })
            }

            unsafe fn multiply(&self, tiles: &Tiles<$sum>) {
                // SAFETY: the tiles are configured, and the caller vouches for the rest.
                unsafe {
                    match (tiles.row_tiles, tiles.column_tiles) {
                        (1, 1) => $module::one_by_one(tiles),
                        (1, 2) => $module::one_by_two(tiles),
                        (2, 1) => $module::two_by_one(tiles),
                        (2, 2) => $module::two_by_two(tiles),
                        (rows, columns) => unreachable!("1 or 2 tiles a side; got {rows} and {columns}"),
                    }
                }
            }
        }

        mod $module {
            use super::*;

            tiles!(one_by_one, $sum, 1, 1,
                clear: ["tilezero tmm0"],
                load: ["tileloadd tmm0, [{c} + {c_row}*1]"],
                multiply: [
                    "tileloadd tmm4, [{a} + {row}*1]",
                    "tileloadd tmm6, [{b} + {row}*1]",
                    concat!($dot, " tmm0, tmm4, tmm6"),
                    "/* {below} */"
                ],
                store: ["tilestored [{c} + {c_row}*1], tmm0"]);

            tiles!(one_by_two, $sum, 1, 2,
                clear: ["tilezero tmm0", "tilezero tmm1"],
                load: ["tileloadd tmm0, [{c} + {c_row}*1]", "tileloadd tmm1, [{c} + {c_row}*1 + 64]"],
                multiply: [
                    "tileloadd tmm4, [{a} + {row}*1]",
                    "tileloadd tmm6, [{b} + {row}*1]",
                    concat!($dot, " tmm0, tmm4, tmm6"),
                    "tileloadd tmm7, [{b} + {row}*1 + 1024]",
                    concat!($dot, " tmm1, tmm4, tmm7"),
                    "/* {below} */"
                ],
                store: ["tilestored [{c} + {c_row}*1], tmm0", "tilestored [{c} + {c_row}*1 + 64], tmm1"]);

            tiles!(two_by_one, $sum, 2, 1,
                clear: ["tilezero tmm0", "tilezero tmm2"],
                load: ["tileloadd tmm0, [{c} + {c_row}*1]", "tileloadd tmm2, [{below} + {c_row}*1]"],
                multiply: [
                    "tileloadd tmm4, [{a} + {row}*1]",
                    "tileloadd tmm6, [{b} + {row}*1]",
                    concat!($dot, " tmm0, tmm4, tmm6"),
                    "tileloadd tmm5, [{a} + {row}*1 + 1024]",
                    concat!($dot, " tmm2, tmm5, tmm6")
                ],
                store: ["tilestored [{c} + {c_row}*1], tmm0", "tilestored [{below} + {c_row}*1], tmm2"]);

            tiles!(two_by_two, $sum, 2, 2,
                clear: ["tilezero tmm0", "tilezero tmm1", "tilezero tmm2", "tilezero tmm3"],
                load: [
                    "tileloadd tmm0, [{c} + {c_row}*1]",
                    "tileloadd tmm1, [{c} + {c_row}*1 + 64]",
                    "tileloadd tmm2, [{below} + {c_row}*1]",
                    "tileloadd tmm3, [{below} + {c_row}*1 + 64]"
                ],
                multiply: [
                    "tileloadd tmm4, [{a} + {row}*1]",
                    "tileloadd tmm6, [{b} + {row}*1]",
                    concat!($dot, " tmm0, tmm4, tmm6"),
                    "tileloadd tmm7, [{b} + {row}*1 + 1024]",
                    concat!($dot, " tmm1, tmm4, tmm7"),
                    "tileloadd tmm5, [{a} + {row}*1 + 1024]",
                    concat!($dot, " tmm2, tmm5, tmm6"),
                    concat!($dot, " tmm3, tmm5, tmm7")
                ],
                store: [
                    "tilestored [{c} + {c_row}*1], tmm0",
                    "tilestored [{c} + {c_row}*1 + 64], tmm1",
                    "tilestored [{below} + {c_row}*1], tmm2",
                    "tilestored [{below} + {c_row}*1 + 64], tmm3"
                ]);
        }
    };
}

kernel!(AmxBfloat16, bfloat16, "tdpbf16ps", u16, f32, 500);
kernel!(AmxInt8, int8, "tdpbssd", i8, i32, 1000);
