//! Automatic differentiation in Python: backward, grad, modes, hooks.

use std::sync::{Arc, Weak};

use pyo3::prelude::*;
use tenfold::Tensor;
use tenfold::autograd::{self, EdgeRef};

use crate::cell::Gradient;
use crate::dtype::{DTypeArgument, PyDType, dtype_object};
use crate::errors::{from_python, restored, to_python};
use crate::tensor::PyTensor;

/// Adds gradients to the `.grad` of the leaves they arrived at.
fn accumulate(py: Python<'_>, collected: autograd::Collected, create_graph: bool) -> PyResult<()> {
    let _mode = autograd::Guard::new(create_graph);
    for (leaf, gradient) in collected {
        let Some(place) = place_of(&leaf) else { continue };
        if !leaf.is_batched_as(&gradient) {
            return Err(crate::errors::to_python(
                tenfold::Error::state(
                    "backward",
                    "inside vmap the gradient of a tensor from outside differs from sample to sample",
                )
                .hint("use tenfold.func.grad, or call backward on what vmap returns"),
            ));
        }
        match place.get(py) {
            None => {
                // An expanded gradient (of a sum) becomes dense, so that it can be changed in place.
                let gradient = if gradient.layout().is_dense() {
                    gradient
                } else {
                    gradient.copy().map_err(restored)?
                };
                place.set(Some(PyTensor::from(gradient).into_object(py)?.unbind()));
            }
            Some(grad) => {
                let sum = grad.get().value()?.add(&gradient).map_err(restored)?;
                grad.get().cell.set_leaf(sum);
            }
        }
    }
    Ok(())
}

/// The place of the gradient of the tensor whose leaf it is, while somebody holds that.
fn place_of(leaf: &EdgeRef) -> Option<Arc<Gradient>> {
    leaf.owner()?.downcast_ref::<Weak<Gradient>>()?.upgrade()
}

#[pymethods]
impl PyTensor {
    /// Computes the gradients of the tensor at the leaves it depends on, and adds them to their `.grad`.
    ///
    /// `gradient` weights the elements (needed unless there is only one). The graph is freed unless `retain_graph`;
    /// with `create_graph` the gradients can be differentiated again.
    #[pyo3(signature = (gradient=None, retain_graph=None, create_graph=false))]
    fn backward(
        &self,
        py: Python<'_>,
        gradient: Option<&Bound<'_, PyTensor>>,
        retain_graph: Option<bool>,
        create_graph: bool,
    ) -> PyResult<()> {
        let value = self.value()?;
        let gradient = gradient.map(|gradient| gradient.get().value()).transpose()?;
        let retain = retain_graph.unwrap_or(create_graph);
        let collected =
            autograd::backward(&[(&value, gradient.as_ref())], retain, create_graph).map_err(restored)?;
        accumulate(py, collected, create_graph)
    }

    /// Calls `hook(gradient)` when the gradient of this tensor is computed; what it returns (unless None) replaces it.
    fn register_hook(&self, hook: Py<PyAny>) -> PyResult<PyHandle> {
        let value = self.value()?;
        let edge = value.gradient_edge().cloned().ok_or_else(|| {
            crate::errors::to_python(tenfold::Error::state(
                "register_hook",
                "the tensor does not require a gradient",
            ))
        })?;
        let call = move |gradient: &Tensor| -> tenfold::Result<Option<Tensor>> {
            Python::attach(|py| {
                let outcome = hook.call1(py, (PyTensor::from(gradient.clone()),))?;
                if outcome.is_none(py) {
                    return Ok(None);
                }
                Ok(Some(outcome.bind(py).cast::<PyTensor>()?.get().value()?))
            })
            .map_err(|error: PyErr| from_python("hook", error))
        };
        let number = edge.add_hook(Arc::new(call));
        Ok(PyHandle { edge, number })
    }

    /// Keeps the gradient of a tensor that is not a leaf in `.grad`.
    fn retain_grad(&self) -> PyResult<()> {
        let value = self.value()?;
        let Some(edge) = value.gradient_edge().filter(|edge| !edge.is_leaf()) else { return Ok(()) };
        let place = Arc::downgrade(&self.cell.gradient());
        edge.add_hook(Arc::new(move |gradient: &Tensor| {
            let Some(place) = place.upgrade() else { return Ok(None) };
            Python::attach(|py| -> PyResult<()> {
                let sum = match place.get(py) {
                    Some(grad) => grad.get().value()?.add(gradient).map_err(restored)?,
                    None => gradient.clone(),
                };
                place.set(Some(PyTensor::from(sum).into_object(py)?.unbind()));
                Ok(())
            })
            .map_err(|error| from_python("retain_grad", error))?;
            Ok(None)
        }));
        Ok(())
    }

    /// The name of the operation that made the tensor, or None for a leaf.
    #[getter]
    fn grad_fn(&self) -> PyResult<Option<String>> {
        let value = self.value()?;
        Ok(value.gradient_edge().and_then(EdgeRef::name).map(str::to_string))
    }
}

/// What `register_hook` returns: `remove()` takes the hook away again.
#[pyclass(name = "RemovableHandle", module = "tenfold", frozen)]
pub struct PyHandle {
    edge: EdgeRef,
    number: u64,
}

#[pymethods]
impl PyHandle {
    /// Takes the hook away.
    fn remove(&self) {
        self.edge.remove_hook(self.number);
    }
}

/// True where operations of this thread record gradients.
#[pyfunction]
pub fn is_grad_enabled() -> bool {
    autograd::is_enabled()
}

/// Records gradients on this thread or not; returns the state before.
#[pyfunction]
#[pyo3(name = "_set_grad_enabled")]
pub fn set_grad_enabled(on: bool) -> bool {
    autograd::set_enabled(on)
}

/// Sets the dtype of products on this thread, or none; returns the one before. See `tenfold.autocast`.
#[pyfunction]
#[pyo3(name = "_set_autocast", signature = (dtype, /))]
pub fn set_autocast(py: Python<'_>, dtype: Option<DTypeArgument>) -> PyResult<Option<Py<PyDType>>> {
    let before = tenfold::autocast::set(dtype.map(|dtype| dtype.0)).map_err(to_python)?;
    before.map(|dtype| dtype_object(py, dtype)).transpose()
}

/// Permits matrix products of float32 to round their operands to bfloat16, or takes it back. See
/// `tenfold.set_float32_matmul_precision`.
#[pyfunction]
#[pyo3(name = "_allow_bfloat16_products", signature = (allowed, /))]
pub fn allow_bfloat16_products(allowed: bool) {
    tenfold::autocast::allow_bfloat16_products_of_float32(allowed);
}

/// The dtype of products on this thread, where one is set.
#[pyfunction]
#[pyo3(name = "_autocast_dtype")]
pub fn autocast_dtype(py: Python<'_>) -> PyResult<Option<Py<PyDType>>> {
    tenfold::autocast::dtype().map(|dtype| dtype_object(py, dtype)).transpose()
}

/// The gradients of `outputs` at `inputs`, in order; None at an input that they do not depend on.
#[pyfunction]
#[pyo3(name = "_grad")]
pub fn grad(
    outputs: Vec<Py<PyTensor>>,
    inputs: Vec<Py<PyTensor>>,
    grad_outputs: Vec<Option<Py<PyTensor>>>,
    retain_graph: bool,
    create_graph: bool,
) -> PyResult<Vec<Option<PyTensor>>> {
    let values = |tensors: &[Py<PyTensor>]| {
        tensors.iter().map(|tensor| tensor.get().value()).collect::<PyResult<Vec<_>>>()
    };
    let (outputs, inputs) = (values(&outputs)?, values(&inputs)?);
    let weights = grad_outputs
        .iter()
        .map(|weight| weight.as_ref().map(|weight| weight.get().value()).transpose())
        .collect::<PyResult<Vec<_>>>()?;
    let roots: Vec<(&Tensor, Option<&Tensor>)> =
        outputs.iter().zip(&weights).map(|(output, weight)| (output, weight.as_ref())).collect();
    let inputs: Vec<&Tensor> = inputs.iter().collect();
    let found = autograd::gradients(&roots, &inputs, retain_graph, create_graph).map_err(restored)?;
    Ok(found.into_iter().map(|gradient| gradient.map(PyTensor::from)).collect())
}

/// Adds the functions and classes to the module.
pub fn add_gradient(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PyHandle>()?;
    module.add_function(wrap_pyfunction!(is_grad_enabled, module)?)?;
    module.add_function(wrap_pyfunction!(set_grad_enabled, module)?)?;
    module.add_function(wrap_pyfunction!(set_autocast, module)?)?;
    module.add_function(wrap_pyfunction!(allow_bfloat16_products, module)?)?;
    module.add_function(wrap_pyfunction!(autocast_dtype, module)?)?;
    module.add_function(wrap_pyfunction!(grad, module)?)
}
