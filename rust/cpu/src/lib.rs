//! CPU kernels of Tenfold.
#![expect(
    clippy::needless_range_loop,
    reason = "kernels count with indices: iterators keep loops from being widened"
)]

pub mod attention;
pub mod backend;
pub mod convolution;
pub mod elementwise;
pub mod gemm;
pub mod index;
pub mod memory;
pub mod pool;
pub mod random;
pub mod recurrent;
pub mod reduction;
pub mod resample;
pub mod rows;
pub mod scan;
pub mod simd;
pub mod sort;
pub mod threads;

/// The CPU backend.
pub fn backend() -> &'static dyn tenfold_ir::Backend {
    &backend::Cpu
}
