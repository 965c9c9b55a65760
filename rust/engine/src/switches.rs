//! Switches: read from the environment once, settable in the process.
//!
//! | variable | value | meaning |
//! |---|---|---|
//! | `TENFOLD_EAGER` | 0 (default), 1 | record operations and run them at a look, or run each when it is called |
//! | `TENFOLD_FUSE` | 1 (default), 0 | let operations share kernels, or run one kernel an operation |
//! | `TENFOLD_DEBUG` | 0 (default) to 5 | print on standard error: 1 a line a kernel, 2 what was fused and why not, 3 expressions, 5 the graph |
//! | `TENFOLD_PROFILE` | a file | write a trace of all kernels there at the end (read by the Python package) |
//! | `TENFOLD_DATA` | a folder | where data sets are kept (read by the Python package) |
//! | `TENFOLD_CHECK` | 0 (default), 1 | hold each kernel's results against the reference interpreter |
//! | `TENFOLD_DEVICE` | `cpu` (default), `reference` | what runs kernels |
//! | `TENFOLD_THREADS` | a number | threads of the CPU backend (default: by affinity and quota) |
//! | `TENFOLD_SIMD` | `portable`, `avx2`, `avx512` | the highest SIMD tier (default: what the processor has) |
//! | `TENFOLD_CONV` | `auto` (default), `direct` | convolutions by the algorithm that suits their shape, or all by their definition |
//!
//! An unknown variable `TENFOLD_*` is warned of on standard error.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use tenfold_cpu::simd::Tier;
use tenfold_ir::reference::Reference;
use tenfold_ir::{Backend, Error, Result};

const NAMES: [&str; 10] = [
    "TENFOLD_EAGER",
    "TENFOLD_FUSE",
    "TENFOLD_DEBUG",
    "TENFOLD_PROFILE",
    "TENFOLD_DATA",
    "TENFOLD_CHECK",
    "TENFOLD_DEVICE",
    "TENFOLD_THREADS",
    "TENFOLD_SIMD",
    "TENFOLD_CONV",
];

struct Switches {
    immediate: AtomicBool,
    fuse: AtomicBool,
    debug: AtomicU8,
    check: AtomicBool,
    reference: AtomicBool,
}

fn switches() -> &'static Switches {
    static SWITCHES: OnceLock<Switches> = OnceLock::new();
    SWITCHES.get_or_init(|| {
        for (name, _) in std::env::vars_os() {
            if let Some(name) = name.to_str()
                && name.starts_with("TENFOLD_")
                && !NAMES.contains(&name)
            {
                eprintln!("tenfold: unknown switch {name}. Hint: the switches are {}", NAMES.join(", "));
            }
        }
        let on = |name: &str, default: bool| match std::env::var(name).as_deref() {
            Ok("1") => true,
            Ok("0") => false,
            Ok(other) => {
                eprintln!("tenfold: {name} must be 0 or 1; got {other}");
                default
            }
            Err(_) => default,
        };
        let reference = match std::env::var("TENFOLD_DEVICE").as_deref() {
            Ok("reference") => true,
            Ok("cpu") | Err(_) => false,
            Ok(other) => {
                eprintln!("tenfold: TENFOLD_DEVICE must be cpu or reference; got {other}");
                false
            }
        };
        if let Ok(other) = std::env::var("TENFOLD_CONV")
            && !["auto", "direct"].contains(&other.as_str())
        {
            eprintln!("tenfold: TENFOLD_CONV must be auto or direct; got {other}");
        }
        Switches {
            immediate: AtomicBool::new(on("TENFOLD_EAGER", false)),
            fuse: AtomicBool::new(on("TENFOLD_FUSE", true)),
            debug: AtomicU8::new(debug_from_environment()),
            check: AtomicBool::new(on("TENFOLD_CHECK", false)),
            reference: AtomicBool::new(reference),
        }
    })
}

/// True where each operation runs when it is called.
pub fn is_immediate() -> bool {
    switches().immediate.load(Ordering::Relaxed)
}

/// Runs each operation when it is called (`true`), or records and runs at a look (`false`).
pub fn set_immediate(on: bool) {
    switches().immediate.store(on, Ordering::Relaxed);
}

fn debug_from_environment() -> u8 {
    let Ok(text) = std::env::var("TENFOLD_DEBUG") else { return 0 };
    match text.parse() {
        Ok(level @ 0..=5) => level,
        _ => {
            eprintln!("tenfold: TENFOLD_DEBUG must be 0 to 5; got {text}");
            0
        }
    }
}

/// How much is printed of what runs.
pub fn debug() -> u8 {
    switches().debug.load(Ordering::Relaxed)
}

/// Prints what runs on standard error: 0 nothing, 1 a line a kernel, 2 what was fused and why not, 3 expressions too,
/// 5 the recorded graph too.
pub fn set_debug(level: u8) {
    switches().debug.store(level, Ordering::Relaxed);
}

/// True where operations share kernels.
pub fn fuse() -> bool {
    switches().fuse.load(Ordering::Relaxed)
}

/// Lets operations share kernels (`true`), or runs one kernel an operation (`false`).
pub fn set_fuse(on: bool) {
    switches().fuse.store(on, Ordering::Relaxed);
}

/// True where each kernel is held against the reference interpreter.
pub fn check() -> bool {
    switches().check.load(Ordering::Relaxed)
}

/// Holds each kernel against the reference interpreter.
pub fn set_check(on: bool) {
    switches().check.store(on, Ordering::Relaxed);
}

/// What runs kernels.
pub fn backend() -> &'static dyn Backend {
    if switches().reference.load(Ordering::Relaxed) { &Reference } else { tenfold_cpu::backend() }
}

/// Chooses what runs kernels: `cpu` or `reference`.
pub fn set_backend(name: &str) -> Result<()> {
    let reference = match name {
        "cpu" => false,
        "reference" => true,
        other => return Err(Error::value("set_backend", format!("got {other}")).hint("cpu or reference")),
    };
    switches().reference.store(reference, Ordering::Relaxed);
    Ok(())
}

/// Stops the flushes that run now, soon: they give an `Interrupted` error, and the request ends with the last of them. Safe to
/// call in a signal handler.
pub fn request_interrupt() {
    tenfold_cpu::threads::request_interrupt();
}

/// True while such a request stands.
pub(crate) fn interrupted() -> bool {
    tenfold_cpu::threads::interrupted()
}

/// Takes back a request that no kernel has noticed.
pub fn clear_interrupt() {
    tenfold_cpu::threads::clear_interrupt();
}

/// Threads of the CPU backend.
pub fn thread_count() -> usize {
    tenfold_cpu::threads::thread_count()
}

/// Sets the threads of the CPU backend (at least 1).
pub fn set_thread_count(threads: usize) {
    tenfold_cpu::threads::set_thread_count(threads);
}

/// The SIMD tier that kernels use: `portable`, `avx2` or `avx512`.
pub fn simd() -> &'static str {
    tier_name(tenfold_cpu::simd::tier())
}

/// Chooses the SIMD tier; one that the processor does not have is an error.
pub fn set_simd(name: &str) -> Result<()> {
    let tier = [Tier::Portable, Tier::Avx2, Tier::Avx512].into_iter().find(|&tier| tier_name(tier) == name);
    let tier = tier.ok_or_else(|| {
        Error::value("set_simd", format!("no such tier; got {name}")).hint("portable, avx2 or avx512")
    })?;
    tenfold_cpu::simd::set_tier(tier)
        .map_err(|_| Error::value("set_simd", format!("this processor does not have {name}")))
}

fn tier_name(tier: Tier) -> &'static str {
    match tier {
        Tier::Portable => "portable",
        Tier::Avx2 => "avx2",
        Tier::Avx512 => "avx512",
    }
}

/// How convolutions are computed: `auto` or `direct`.
pub fn convolution() -> &'static str {
    if tenfold_cpu::convolution::is_direct() { "direct" } else { "auto" }
}

/// Computes convolutions by the algorithm that suits their shape (`auto`), or all by their definition (`direct`).
pub fn set_convolution(algorithm: &str) -> Result<()> {
    let direct = match algorithm {
        "auto" => false,
        "direct" => true,
        other => return Err(Error::value("set_convolution", format!("got {other}")).hint("auto or direct")),
    };
    tenfold_cpu::convolution::set_direct(direct);
    Ok(())
}

/// Gives memory that is cached for later tensors back to the system.
pub fn empty_cache() {
    tenfold_cpu::memory::empty_cache();
}

/// Bytes that live tensors take, and bytes that are kept for later ones.
pub fn memory() -> (usize, usize) {
    (tenfold_cpu::memory::allocated_bytes(), tenfold_cpu::memory::cached_bytes())
}
