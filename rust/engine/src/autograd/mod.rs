//! Automatic differentiation in reverse.
//!
//! A tensor that depends on one that requires a gradient holds an [`Edge`]: a plain record of the operation with the
//! values that its derivative needs. [`backward`] walks the edges from a result to the leaves; derivatives are
//! written with tensor operations, so their results can be differentiated again.

mod apply;
mod backward;
mod checkpoint;
mod edge;
mod recompute;
mod term;

use std::cell::Cell;

pub(crate) use apply::ApplyDerivative;
pub(crate) use backward::gradients_through;
pub use backward::{Collected, backward, depend_on_others, gradients};
pub use checkpoint::{Checkpoint, Recompute};
pub use edge::{Context, Derivative, EdgeRef, Gradients, Hook, Saved, record_gradient};
pub(crate) use recompute::recomputed;

thread_local! {
    static ENABLED: Cell<bool> = const { Cell::new(true) };
}

/// True where operations of this thread record gradients.
pub fn is_enabled() -> bool {
    ENABLED.get()
}

/// Records gradients on this thread or not; gives the state before.
pub fn set_enabled(on: bool) -> bool {
    ENABLED.replace(on)
}

/// Sets the state of this thread until dropped.
pub struct Guard(bool);

impl Guard {
    /// Records gradients or not, until the guard is dropped.
    pub fn new(on: bool) -> Guard {
        Guard(set_enabled(on))
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        set_enabled(self.0);
    }
}

/// Runs `body` without recording gradients.
pub fn no_grad<R>(body: impl FnOnce() -> R) -> R {
    let _guard = Guard::new(false);
    body()
}
