//! CPU kernels of Tenfold.
