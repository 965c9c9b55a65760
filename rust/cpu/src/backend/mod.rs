//! From the kernel form to the families of kernels.

pub mod disjoint;
pub mod view;
