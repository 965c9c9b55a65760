//! Batch axes: the engine's part of `vmap`.
//!
//! Inside a `vmap` a tensor stands for one sample, and has the values of all of them: it carries, beside its layout, batch
//! axes that nobody sees. Shapes, axes, errors and derivatives speak of one sample, so that what is built of operations
//! (and every derivative is) needs to know nothing of batches. Only what records a node does: elementwise nodes run over
//! the batch axes too, movement leaves them alone, and each core has a rule (`rules`) that puts them in front of its own
//! axes, or is run sample by sample and the results stacked.
//!
//! Each `vmap` is a [`Level`] with a number of its own, larger than those of the levels around it. A tensor without an
//! axis of a level is the same for all of its samples.

mod axes;
mod each;
mod rules;
mod stack;

pub(crate) use axes::{BatchAxes, Levels};
pub use each::each;
pub(crate) use rules::record_core;
pub use stack::{Level, Randomness, Scope, Stack, enter, innermost, leave, replace_stack, stack};
pub(crate) use stack::{is_active, levels_of_draw};

use tenfold_ir::{Error, Result, normalize_axis};

use crate::Tensor;
use crate::autograd::{Context, Derivative, Gradients, record_gradient};

/// The gradient of an axis that became a batch axis: it comes back.
#[derive(Debug)]
struct BatchedDerivative {
    level: Level,
    axis: usize,
}

impl Derivative for BatchedDerivative {
    fn name(&self) -> &str {
        "batched"
    }

    fn gradients(&self, context: &Context<'_>) -> Result<Gradients> {
        Ok(Gradients::from_iter([Some(context.gradient(0).unbatched(self.level, self.axis as i64)?)]))
    }
}

/// The gradient of a batch axis that was made an axis: it becomes a batch axis again.
#[derive(Debug)]
struct UnbatchedDerivative {
    level: Level,
    axis: usize,
}

impl Derivative for UnbatchedDerivative {
    fn name(&self) -> &str {
        "unbatched"
    }

    fn gradients(&self, context: &Context<'_>) -> Result<Gradients> {
        Ok(Gradients::from_iter([Some(context.gradient(0).batched(self.level, self.axis as i64)?)]))
    }
}

impl Tensor {
    /// The tensor of one sample, of which `axis` (with the extent of the level) counts the samples.
    ///
    /// ```
    /// use tenfold::batch::{Randomness, Scope};
    /// use tenfold::{DType, Tensor};
    /// let rows = Tensor::from_slice(&[1.0f32, 2.0, 3.0, 4.0], &[2, 2])?;
    /// let scope = Scope::enter(2, Randomness::Error);
    /// let row = rows.batched(scope.level(), 0)?;
    /// assert_eq!(row.shape().to_vec(), [2]);
    /// let sum = row.sum(None, false, None)?;
    /// assert_eq!(sum.unbatched(scope.level(), 0)?.to_vec::<f32>()?, [3.0, 7.0]);
    /// # Ok::<(), tenfold::Error>(())
    /// ```
    pub fn batched(&self, level: Level, axis: i64) -> Result<Tensor> {
        let axis = normalize_axis("vmap", axis, self.rank())?;
        if self.shape()[axis] != level.extent {
            return Err(Error::value(
                "vmap",
                format!(
                    "all mapped axes have one extent; got {} beside {} in shape {}",
                    level.extent,
                    self.shape()[axis],
                    self.shape()
                ),
            ));
        }
        let mut result = self.detach();
        if self.batch().contains(level) {
            return Err(Error::value("vmap", "the tensor has an axis of this level already"));
        }
        result.take_batch_axis(level, axis);
        record_gradient(std::slice::from_mut(&mut result), &[self], BatchedDerivative { level, axis }, &[]);
        Ok(result)
    }

    /// The tensor of all samples of a level, of which a new `axis` counts them: the reverse of [`Tensor::batched`]. What
    /// is the same for all samples is repeated without a copy.
    pub fn unbatched(&self, level: Level, axis: i64) -> Result<Tensor> {
        let axis = normalize_axis("vmap", axis, self.rank() + 1)?;
        let source = self.repeated(level);
        let mut result = source.detach();
        result.give_batch_axis(level, axis);
        let derivative = UnbatchedDerivative { level, axis };
        record_gradient(std::slice::from_mut(&mut result), &[&source], derivative, &[]);
        Ok(result)
    }

    /// True where the tensor has a value a sample of some level.
    pub fn is_batched(&self) -> bool {
        !self.batch().is_empty()
    }

    /// The levels that the tensor has batch axes of.
    pub fn levels(&self) -> Vec<Level> {
        self.batch().levels().iter().copied().collect()
    }

    /// A tensor with the batch axes of `target`: repeated for its levels, and summed over those that only this one has,
    /// but for levels that are active: whoever differentiates inside a `vmap` asks for the gradient of each sample.
    pub(crate) fn fitted_to(&self, target: &BatchAxes) -> Result<Tensor> {
        let mut result = self.clone();
        for level in self.levels() {
            if !target.contains(level) && !is_active(level) {
                result = result.unbatched(level, 0)?.sum_axes(&[0])?;
            }
        }
        for &level in target.levels().iter() {
            result = result.repeated(level);
        }
        Ok(result)
    }

    /// An error for what would have to look at one value where there is one a sample.
    pub(crate) fn check_one_value(&self, operation: &'static str) -> Result<()> {
        if !self.is_batched() {
            return Ok(());
        }
        Err(Error::state(operation, "a tensor inside vmap has a value for each sample, not one to look at").hint(
            "choose between values with where() instead of if, or take the tensor out of vmap as a result",
        ))
    }
}
