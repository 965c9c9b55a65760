//! Functions whose derivative is written in Python.

use pyo3::prelude::*;
use pyo3::types::PyList;
use tenfold::Tensor;
use tenfold::autograd::{Context, Derivative, Gradients, Saved, record_gradient};

use crate::errors::from_python;
use crate::tensor::PyTensor;

/// A derivative that calls Python: `backward(saved, gradients, needs)` gives the gradients of the inputs.
struct PythonDerivative {
    name: String,
    backward: Py<PyAny>,
    inputs: usize,
    outputs: usize,
    saved: usize,
}

impl PythonDerivative {
    fn call(&self, py: Python<'_>, context: &Context<'_>) -> PyResult<Gradients> {
        let saved = PyList::empty(py);
        for number in 0..self.saved {
            saved.append(PyTensor::from(context.saved(number).clone()))?;
        }
        let gradients: Vec<Option<PyTensor>> = (0..self.outputs)
            .map(|output| context.gradient_if_any(output).cloned().map(PyTensor::from))
            .collect();
        let needs: Vec<bool> = (0..self.inputs).map(|input| context.needs(input)).collect();
        let results: Vec<Option<Py<PyTensor>>> =
            self.backward.bind(py).call1((saved, gradients, needs))?.extract()?;
        results.into_iter().map(|result| result.map(|tensor| tensor.get().value()).transpose()).collect()
    }
}

impl Derivative for PythonDerivative {
    fn name(&self) -> &str {
        &self.name
    }

    fn gradients(&self, context: &Context<'_>) -> tenfold::Result<Gradients> {
        Python::attach(|py| self.call(py, context)).map_err(|error| from_python("backward", error))
    }
}

/// Gives `outputs` a gradient edge to `inputs` whose derivative is `backward(saved, gradients, needs)`.
///
/// `saved` are tensors that the derivative gets back; the edge holds them, and frees them with its other values.
/// Outputs where `differentiable` is false stay without an edge.
#[pyfunction]
#[pyo3(name = "_record_function")]
pub fn record_function(
    name: String,
    inputs: Vec<Py<PyTensor>>,
    outputs: Vec<Py<PyTensor>>,
    differentiable: Vec<bool>,
    saved: Vec<Py<PyTensor>>,
    backward: Py<PyAny>,
) -> PyResult<Vec<PyTensor>> {
    let mut values = inputs.iter().map(|input| input.get().value()).collect::<PyResult<Vec<_>>>()?;
    let mut results =
        outputs.iter().map(|output| Ok(output.get().value()?.detach())).collect::<PyResult<Vec<Tensor>>>()?;
    let mut places = Vec::with_capacity(saved.len());
    for tensor in &saved {
        // An output is saved without its edge, which would keep itself alive.
        places.push(if let Some(output) = outputs.iter().position(|output| output.is(tensor)) {
            Saved::Output(output)
        } else if let Some(input) = inputs.iter().position(|input| input.is(tensor)) {
            Saved::Input(input)
        } else {
            // What is neither has no gradient of its own here: an input that nothing flows to.
            values.push(tensor.get().value()?.detach());
            Saved::Input(values.len() - 1)
        });
    }
    let derivative =
        PythonDerivative { name, backward, inputs: inputs.len(), outputs: outputs.len(), saved: saved.len() };
    record_gradient(&mut results, &values.iter().collect::<Vec<_>>(), derivative, &places);
    Ok(results
        .into_iter()
        .zip(differentiable)
        .map(|(result, differentiable)| if differentiable { result } else { result.detach() }.into())
        .collect())
}
