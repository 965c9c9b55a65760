//! CPU kernels of Tenfold.

pub mod memory;
pub mod simd;
pub mod threads;
