//! Cheap functions of one tensor whose values are computed again for the gradient.
//!
//! An elementwise function made of several operations would keep what lies between them until the gradient is computed:
//! several times the memory of its argument. Computing it again costs nothing but arithmetic, for the gradient's kernel
//! takes it in; where function and gradient run together, equal values are computed once anyway. What is kept does not
//! depend on that, and neither do the bits.

use tenfold_ir::Result;

use super::edge::{Context, Derivative, Gradients, Saved, record_gradient};
use super::{Guard, backward, is_enabled, no_grad};
use crate::Tensor;

type Function = dyn Fn(&Tensor) -> Result<Tensor> + Send + Sync;

/// The derivative of a function whose argument alone is kept.
struct Recomputed {
    name: &'static str,
    function: Box<Function>,
}

impl Derivative for Recomputed {
    fn name(&self) -> &str {
        self.name
    }

    fn gradients(&self, context: &Context<'_>) -> Result<Gradients> {
        let create_graph = is_enabled();
        let x = context.saved(0);
        let result = {
            let _mode = Guard::new(true);
            (self.function)(x)?
        };
        Ok(Gradients::from_iter([backward::gradient_at(&result, context.gradient(0), x, create_graph)?]))
    }
}

/// `function(input)`, of which only the input is kept for the gradient.
pub(crate) fn recomputed(
    name: &'static str,
    input: &Tensor,
    function: impl Fn(&Tensor) -> Result<Tensor> + Send + Sync + 'static,
) -> Result<Tensor> {
    let mut results = [no_grad(|| function(input))?];
    let derivative = Recomputed { name, function: Box::new(function) };
    record_gradient(&mut results, &[input], derivative, &[Saved::Input(0)]);
    let [result] = results;
    Ok(result)
}
