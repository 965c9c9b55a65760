//! Python bindings of Tenfold: the module `tenfold._core`.

use pyo3::prelude::*;

mod blocking;
mod cell;
mod convert;
mod copying;
mod counting;
mod create;
mod dlpack;
mod dtype;
mod elementwise;
mod errors;
mod function;
mod functional;
mod functions;
mod gradient;
mod indexing;
mod init;
mod interchange;
mod matrix;
mod methods;
mod optim;
mod profile;
mod random;
mod reductions;
mod repr;
mod safetensors;
mod switches;
mod tensor;
mod transforms;
mod views;

/// The core of Tenfold.
// The interpreter's lock guards what changes in a tensor: see `cell`.
#[pymodule(gil_used = true)]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    blocking::add_blocking();
    errors::add_exceptions(module)?;
    dtype::add_dtypes(module)?;
    module.add_class::<tensor::PyTensor>()?;
    elementwise::add_operations(module)?;
    create::add_creation(module)?;
    functions::add_functions(module)?;
    switches::add_switches(module)?;
    random::add_random(module)?;
    interchange::add_interchange(module)?;
    repr::add_printing(module)?;
    copying::add_copying(module)?;
    dlpack::add_dlpack(module)?;
    gradient::add_gradient(module)?;
    module.add_function(wrap_pyfunction!(function::record_function, module)?)?;
    transforms::add_transforms(module)?;
    functional::add_functional(module)?;
    optim::add_optim(module)?;
    matrix::add_matrix(module)?;
    init::add_init(module)?;
    profile::add_profile(module)?;
    safetensors::add_safetensors(module)
}
