//! Custom kernels: functions of the host's as operations.

use std::sync::Arc;

use smallvec::SmallVec;
use tenfold_ir::kernel::{Host, HostFunction};
use tenfold_ir::{Core, Result};

use super::{Tensor, Tensors};
use crate::autograd::{Context, Derivative, Gradients, Saved, record_gradient};

/// The derivative of a [`HostFunction`], written with tensor operations (then it can be differentiated again) or with
/// other host functions.
pub trait HostDerivative: Send + Sync {
    /// The gradients of the inputs, one each (`None` where none flows), from inputs, outputs and the gradients of the
    /// outputs (`None` where nothing depends on one).
    fn gradients(
        &self,
        inputs: &[Tensor],
        outputs: &[Tensor],
        gradients: &[Option<Tensor>],
    ) -> Result<Vec<Option<Tensor>>>;
}

struct HostRecord {
    function: Arc<dyn HostFunction>,
    derivative: Arc<dyn HostDerivative>,
    inputs: usize,
    outputs: usize,
}

impl Derivative for HostRecord {
    fn name(&self) -> &str {
        self.function.name()
    }

    fn gradients(&self, context: &Context<'_>) -> Result<Gradients> {
        let saved = |range: std::ops::Range<usize>| -> Vec<Tensor> {
            range.map(|index| context.saved(index).clone()).collect()
        };
        let inputs = saved(0..self.inputs);
        let outputs = saved(self.inputs..self.inputs + self.outputs);
        let gradients: Vec<Option<Tensor>> =
            (0..self.outputs).map(|output| context.gradient_if_any(output).cloned()).collect();
        Ok(self.derivative.gradients(&inputs, &outputs, &gradients)?.into_iter().collect())
    }
}

impl Tensor {
    /// The results of a custom kernel. Without a derivative no gradient flows through it.
    ///
    /// Shapes and dtypes come from the function's shape rule when it is recorded; it runs with the other pending work,
    /// and must not look at tensors itself.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use tenfold::ir::kernel::{HostFunction, HostInput, HostOutput};
    /// use tenfold::{HostDerivative, Result, Tensor, autograd, ir::Spec};
    ///
    /// /// The cube of each element of a float32 tensor.
    /// struct Cube;
    ///
    /// impl HostFunction for Cube {
    ///     fn name(&self) -> &str {
    ///         "cube"
    ///     }
    ///     fn outputs(&self, inputs: &[Spec]) -> Result<Vec<Spec>> {
    ///         Ok(inputs.to_vec())
    ///     }
    ///     fn run(&self, inputs: &[HostInput<'_>], outputs: &mut [HostOutput<'_>]) -> Result<()> {
    ///         let input = &inputs[0];
    ///         for (position, cube) in input.layout.positions().zip(outputs[0].bytes.chunks_exact_mut(4)) {
    ///             let bytes = &input.bytes[position * 4..position * 4 + 4];
    ///             let x = f32::from_ne_bytes(bytes.try_into().expect("four bytes"));
    ///             cube.copy_from_slice(&(x * x * x).to_ne_bytes());
    ///         }
    ///         Ok(())
    ///     }
    /// }
    ///
    /// impl HostDerivative for Cube {
    ///     fn gradients(
    ///         &self,
    ///         inputs: &[Tensor],
    ///         _outputs: &[Tensor],
    ///         gradients: &[Option<Tensor>],
    ///     ) -> Result<Vec<Option<Tensor>>> {
    ///         let slope = inputs[0].square()?.multiply(3.0)?;
    ///         Ok(vec![gradients[0].as_ref().map(|gradient| gradient.multiply(&slope)).transpose()?])
    ///     }
    /// }
    ///
    /// let x = Tensor::from_slice(&[1.0f32, 2.0], &[2])?.requires_gradient()?;
    /// let y = Tensor::host(Arc::new(Cube), Some(Arc::new(Cube)), &[&x])?.remove(0);
    /// assert_eq!(y.to_vec::<f32>()?, [1.0, 8.0]);
    /// let gradients = autograd::backward(&[(&y.sum(None, false, None)?, None)], false, false)?;
    /// assert_eq!(gradients[0].1.to_vec::<f32>()?, [3.0, 12.0]);
    /// # Ok::<(), tenfold::Error>(())
    /// ```
    pub fn host(
        function: Arc<dyn HostFunction>,
        derivative: Option<Arc<dyn HostDerivative>>,
        inputs: &[&Tensor],
    ) -> Result<Tensors> {
        let mut results = Tensor::record_core(Core::Host(Host::new(function.clone())), inputs)?;
        if let Some(derivative) = derivative {
            let saved: SmallVec<[Saved; 4]> =
                (0..inputs.len()).map(Saved::Input).chain((0..results.len()).map(Saved::Output)).collect();
            let record = HostRecord { function, derivative, inputs: inputs.len(), outputs: results.len() };
            record_gradient(&mut results, inputs, record, &saved);
        }
        Ok(results)
    }
}
