//! Every core and every row of the operation table, on operands of many layouts, against the reference interpreter.

mod common;
mod elementwise;
mod indexing;
mod pools;
mod products;
mod reductions;
mod rows;
mod sequences;
mod sorting;
