//! Switches, threads and memory in Python.

use pyo3::prelude::*;
use tenfold::switches;

use crate::errors::to_python;

/// True where each operation runs when it is called; false where it is recorded and runs at a look.
#[pyfunction]
fn is_eager() -> bool {
    switches::is_immediate()
}

/// Runs each operation when it is called, or records and runs at a look. Switch of the environment: TENFOLD_EAGER.
#[pyfunction]
fn set_eager(on: bool) -> PyResult<()> {
    tenfold::synchronize().map_err(to_python)?;
    switches::set_immediate(on);
    Ok(())
}

/// True where operations share kernels.
#[pyfunction]
fn is_fused() -> bool {
    switches::fuse()
}

/// Lets operations share kernels, or runs one kernel an operation. Switch of the environment: TENFOLD_FUSE.
#[pyfunction]
fn set_fused(on: bool) -> PyResult<()> {
    tenfold::synchronize().map_err(to_python)?;
    switches::set_fuse(on);
    Ok(())
}

/// How much is printed of what runs, 0 to 5.
#[pyfunction]
fn get_debug() -> u8 {
    switches::debug()
}

/// Prints what runs on standard error: 0 nothing, 1 a line a kernel, 2 what was fused and why not, 3 expressions too, 5 the
/// recorded graph too. Switch of the environment: TENFOLD_DEBUG.
#[pyfunction]
fn set_debug(level: u8) -> PyResult<()> {
    if level > 5 {
        return Err(to_python(tenfold::Error::value("set_debug", format!("levels are 0 to 5; got {level}"))));
    }
    switches::set_debug(level);
    Ok(())
}

/// True where each kernel is held against the reference interpreter.
#[pyfunction]
fn is_checked() -> bool {
    switches::check()
}

/// Holds each kernel against the reference interpreter (slow). Switch of the environment: TENFOLD_CHECK.
#[pyfunction]
fn set_checked(on: bool) {
    switches::set_check(on);
}

/// What runs kernels: "cpu", or "reference" (slow and exact). Switch of the environment: TENFOLD_DEVICE.
#[pyfunction]
fn set_backend(name: &str) -> PyResult<()> {
    switches::set_backend(name).map_err(to_python)
}

/// The SIMD tier that kernels use: "portable", "avx2" or "avx512".
#[pyfunction]
fn simd() -> &'static str {
    switches::simd()
}

/// Chooses the SIMD tier. Switch of the environment: TENFOLD_SIMD.
#[pyfunction]
fn set_simd(tier: &str) -> PyResult<()> {
    switches::set_simd(tier).map_err(to_python)
}

/// How convolutions are computed: "auto" or "direct".
#[pyfunction]
fn get_convolution() -> &'static str {
    switches::convolution()
}

/// Chooses how convolutions are computed: "auto" takes Winograd's tiles in float32 for many channels and filters of two to
/// five elements along both axes or the last one (longer ones with a stride of half or a third of their length, or less),
/// which is up to several times as fast and rounds about ten times as coarsely; "direct" computes all by their definition.
/// Switch of the environment: TENFOLD_CONV.
#[pyfunction]
fn set_convolution(algorithm: &str) -> PyResult<()> {
    tenfold::synchronize().map_err(to_python)?;
    switches::set_convolution(algorithm).map_err(to_python)
}

/// The number of threads that kernels use.
#[pyfunction]
fn get_num_threads() -> usize {
    switches::thread_count()
}

/// Sets the number of threads that kernels use. Switch of the environment: TENFOLD_THREADS.
#[pyfunction]
fn set_num_threads(threads: usize) -> PyResult<()> {
    if threads == 0 {
        return Err(to_python(tenfold::Error::value("set_num_threads", "needs at least 1 thread; got 0")));
    }
    switches::set_thread_count(threads);
    Ok(())
}

/// Gives memory that is cached for later tensors back to the system.
#[pyfunction]
fn empty_cache() {
    switches::empty_cache();
}

/// Bytes that live tensors take.
#[pyfunction]
fn memory_allocated() -> usize {
    switches::memory().0
}

/// Bytes that are kept for later tensors.
#[pyfunction]
fn memory_cached() -> usize {
    switches::memory().1
}

/// Adds the functions to the module.
pub fn add_switches(module: &Bound<'_, PyModule>) -> PyResult<()> {
    macro_rules! add {
        ($($name:ident)*) => { $(module.add_function(wrap_pyfunction!($name, module)?)?;)* };
    }
    add! {
        is_eager set_eager is_fused set_fused get_debug set_debug is_checked set_checked set_backend simd set_simd get_convolution set_convolution get_num_threads set_num_threads
        empty_cache memory_allocated memory_cached
    }
    Ok(())
}
