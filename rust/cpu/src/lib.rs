//! CPU kernels of Tenfold.

pub mod simd;
pub mod threads;
