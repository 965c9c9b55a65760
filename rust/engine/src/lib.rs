//! Tenfold: train, fine-tune and run neural networks.
//!
//! The way of the data: [`tensor`] records operations in the graph, a plan turns them into kernels, a run executes
//! them on a backend; [`autograd`] records what depends on what and walks it back.

pub mod autocast;
pub mod autograd;
pub mod batch;
mod formula;
pub mod functional;
mod graph;
pub mod init;
pub mod matrix;
pub mod optim;
mod plan;
pub mod profile;
pub mod random;
mod run;
pub mod safetensors;
pub mod switches;
pub mod tensor;

pub use graph::{after_fork_in_child, after_fork_in_parent, before_fork};
pub use plan::{Explanation, KernelReport};
pub use run::{BlockingHook, set_blocking_hook, synchronize};
pub use tenfold_ir as ir;
pub use tenfold_ir::{
    Complex, DType, Element, Error, ErrorKind, Layout, Operation, Result, Scalar, Shape, bf16, f16,
    promote_types,
};
pub use tensor::{
    Argument, Between, Distinct, HostDerivative, IndexItem, Padding, Repeats, ScatterReduce, Tensor,
};
