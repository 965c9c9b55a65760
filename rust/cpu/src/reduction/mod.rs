//! Reductions over axes.

pub mod order;
