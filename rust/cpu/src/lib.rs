//! CPU kernels of Tenfold.

pub mod simd;
