//! CPU kernels of Tenfold.

pub mod backend;
pub mod memory;
pub mod reduction;
pub mod gemm;
pub mod simd;
pub mod threads;
