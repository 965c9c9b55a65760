//! Random numbers in Python: the same on any number of threads.

use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::prelude::*;
use pyo3::sync::MutexExt;
use pyo3::types::PyTuple;
use tenfold::random::{self, Generator};
use tenfold::{DType, Error, Tensor};

use crate::convert::{Integers, integers_of};
use crate::create::{check_device, finished};
use crate::dtype::DTypeArgument;
use crate::errors::{Named, to_python};
use crate::tensor::PyTensor;

/// A sequence of random numbers of its own (Philox 4×32-10).
#[pyclass(name = "Generator", module = "tenfold", frozen)]
pub struct PyGenerator(Mutex<Generator>);

impl PyGenerator {
    /// Runs `body` with the generator given; without one the engine takes this thread's.
    pub fn with<R>(
        generator: Option<&Bound<'_, PyGenerator>>,
        body: impl FnOnce(Option<&mut Generator>) -> R,
    ) -> R {
        match generator {
            None => body(None),
            Some(generator) => body(Some(&mut generator.get().locked(generator.py()))),
        }
    }

    /// Whoever draws long holds the lock without the interpreter, which who waits must not keep either.
    fn locked<'a>(&'a self, py: Python<'a>) -> MutexGuard<'a, Generator> {
        self.0.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner)
    }
}

/// Seed and offset as a tensor of 16 bytes.
fn state_tensor(state: [u64; 2]) -> PyResult<PyTensor> {
    let bytes: Vec<u8> = state.iter().flat_map(|word| word.to_le_bytes()).collect();
    Ok(Tensor::from_slice(&bytes, &[16]).map_err(to_python)?.into())
}

fn state_of(tensor: &Bound<'_, PyTensor>) -> PyResult<[u64; 2]> {
    let bytes = tensor.get().value()?.to_vec::<u8>().named("set_rng_state")?;
    let word = |start: usize| {
        bytes.get(start..start + 8).and_then(|word| word.try_into().ok()).map(u64::from_le_bytes)
    };
    match (word(0), word(8), bytes.len()) {
        (Some(seed), Some(offset), 16) => Ok([seed, offset]),
        _ => Err(to_python(Error::value(
            "set_rng_state",
            format!("needs a state of 16 bytes; got {}", bytes.len()),
        ))),
    }
}

/// A seed from any Python integer: negative ones count from 2⁶⁴ down.
fn seed_of(seed: i128) -> PyResult<u64> {
    if (i64::MIN as i128..=u64::MAX as i128).contains(&seed) {
        return Ok(seed as u64);
    }
    Err(to_python(Error::overflow("manual_seed", format!("the seed must fit 64 bits; got {seed}"))))
}

#[pymethods]
impl PyGenerator {
    #[new]
    #[pyo3(signature = (device=None))]
    fn new(device: Option<&Bound<'_, PyAny>>) -> PyResult<PyGenerator> {
        check_device("Generator", device)?;
        Ok(PyGenerator(Mutex::new(Generator::from_entropy())))
    }

    /// Begins the sequence of a seed; returns the generator.
    fn manual_seed<'py>(slf: &Bound<'py, Self>, seed: i128) -> PyResult<Bound<'py, Self>> {
        let seed = seed_of(seed)?;
        *slf.get().locked(slf.py()) = Generator::new(seed);
        Ok(slf.clone())
    }

    /// Begins a sequence that nobody can foretell; returns its seed.
    fn seed(&self, py: Python<'_>) -> u64 {
        let generator = Generator::from_entropy();
        let seed = generator.seed();
        *self.locked(py) = generator;
        seed
    }

    /// The seed of the sequence.
    fn initial_seed(&self, py: Python<'_>) -> u64 {
        self.locked(py).seed()
    }

    /// The state, to go on from later.
    fn get_state(&self, py: Python<'_>) -> PyResult<PyTensor> {
        state_tensor(self.locked(py).get_state())
    }

    /// Goes on from a state; returns the generator.
    fn set_state<'py>(
        slf: &Bound<'py, Self>,
        new_state: &Bound<'py, PyTensor>,
    ) -> PyResult<Bound<'py, Self>> {
        let state = state_of(new_state)?;
        slf.get().locked(slf.py()).set_state(state);
        Ok(slf.clone())
    }
}

/// Begins the sequence of a seed for this thread.
#[pyfunction]
pub fn manual_seed(seed: i128) -> PyResult<()> {
    random::manual_seed(seed_of(seed)?);
    Ok(())
}

/// The seed of this thread's sequence.
#[pyfunction]
pub fn initial_seed() -> u64 {
    random::default_generator().seed()
}

/// The state of this thread's sequence.
#[pyfunction]
pub fn get_rng_state() -> PyResult<PyTensor> {
    state_tensor(random::default_generator().get_state())
}

/// Goes on with this thread's sequence from a state.
#[pyfunction]
pub fn set_rng_state(new_state: &Bound<'_, PyTensor>) -> PyResult<()> {
    let mut generator = random::default_generator();
    generator.set_state(state_of(new_state)?);
    random::set_default(generator);
    Ok(())
}

macro_rules! drawn {
    ($($(#[$doc:meta])* $name:ident $like:ident => $draw:ident;)*) => {
        $(
            $(#[$doc])*
            #[pyfunction]
            #[pyo3(signature = (*size, generator=None, dtype=None, device=None, requires_grad=false))]
            pub fn $name<'py>(
                py: Python<'py>,
                size: &Bound<'py, PyTuple>,
                generator: Option<&Bound<'py, PyGenerator>>,
                dtype: Option<DTypeArgument>,
                device: Option<&Bound<'py, PyAny>>,
                requires_grad: bool,
            ) -> PyResult<Bound<'py, PyTensor>> {
                check_device(stringify!($name), device)?;
                let extents = Integers(integers_of(size)?).extents(stringify!($name))?;
                let dtype = dtype.map_or(DType::Float32, |dtype| dtype.0);
                let value = PyGenerator::with(generator, |generator| Tensor::$draw(&extents, dtype, generator));
                finished(py, stringify!($name), value, requires_grad)
            }

            /// The same in the shape (and, unless given, the dtype) of a tensor.
            #[pyfunction]
            #[pyo3(signature = (input, *, generator=None, dtype=None, device=None, requires_grad=false))]
            pub fn $like<'py>(
                input: &Bound<'py, PyTensor>,
                generator: Option<&Bound<'py, PyGenerator>>,
                dtype: Option<DTypeArgument>,
                device: Option<&Bound<'py, PyAny>>,
                requires_grad: bool,
            ) -> PyResult<Bound<'py, PyTensor>> {
                check_device(stringify!($like), device)?;
                let value = input.get().value()?;
                let dtype = dtype.map_or(value.dtype(), |dtype| dtype.0);
                let value = PyGenerator::with(generator, |generator| Tensor::$draw(value.shape(), dtype, generator));
                finished(input.py(), stringify!($like), value, requires_grad)
            }
        )*
    };
}
drawn! {
    /// Uniform random numbers in [0, 1).
    rand rand_like => rand;
    /// Normal random numbers with mean 0 and variance 1.
    randn randn_like => randn;
}

/// Random whole numbers from `low` (0 unless given) to `high`, which is not among them: `randint(low, high, size)`.
#[pyfunction]
#[pyo3(signature = (*bounds, size=None, generator=None, dtype=None, device=None, requires_grad=false))]
pub fn randint<'py>(
    py: Python<'py>,
    bounds: &Bound<'py, PyTuple>,
    size: Option<Integers>,
    generator: Option<&Bound<'py, PyGenerator>>,
    dtype: Option<DTypeArgument>,
    device: Option<&Bound<'py, PyAny>>,
    requires_grad: bool,
) -> PyResult<Bound<'py, PyTensor>> {
    check_device("randint", device)?;
    let wrong = || to_python(Error::type_("randint", "takes (high, size) or (low, high, size)"));
    let mut numbers: Vec<Bound<'py, PyAny>> = bounds.iter().collect();
    let size = match size {
        Some(size) => size,
        None => numbers.pop().ok_or_else(wrong)?.extract()?,
    };
    let (low, high): (i64, i128) = match numbers.as_slice() {
        [high] => (0, high.extract()?),
        [low, high] => (low.extract()?, high.extract()?),
        _ => return Err(wrong()),
    };
    let extents = size.extents("randint")?;
    let dtype = dtype.map_or(DType::Int64, |dtype| dtype.0);
    let value =
        PyGenerator::with(generator, |generator| Tensor::randint(low, high, &extents, dtype, generator));
    finished(py, "randint", value, requires_grad)
}

/// The whole numbers from 0 to n − 1 in random order.
#[pyfunction]
#[pyo3(signature = (n, *, generator=None, dtype=None, device=None))]
pub fn randperm<'py>(
    py: Python<'py>,
    n: usize,
    generator: Option<&Bound<'py, PyGenerator>>,
    dtype: Option<DTypeArgument>,
    device: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyTensor>> {
    check_device("randperm", device)?;
    let dtype = dtype.map_or(DType::Int64, |dtype| dtype.0);
    let order = PyGenerator::with(generator, |generator| Tensor::randperm(n, generator));
    finished(py, "randperm", order.and_then(|order| order.cast(dtype)), false)
}

/// Normal random numbers with the given mean and standard deviation.
#[pyfunction]
#[pyo3(signature = (mean=0.0, std=1.0, size=None, *, generator=None, dtype=None, requires_grad=false))]
pub fn normal<'py>(
    py: Python<'py>,
    mean: f64,
    std: f64,
    size: Option<Integers>,
    generator: Option<&Bound<'py, PyGenerator>>,
    dtype: Option<DTypeArgument>,
    requires_grad: bool,
) -> PyResult<Bound<'py, PyTensor>> {
    let size = size.ok_or_else(|| to_python(Error::type_("normal", "needs size")))?;
    let extents = size.extents("normal")?;
    let dtype = dtype.map_or(DType::Float32, |dtype| dtype.0);
    let value =
        PyGenerator::with(generator, |generator| Tensor::normal(mean, std, &extents, dtype, generator));
    finished(py, "normal", value, requires_grad)
}

#[pymethods]
impl PyTensor {
    /// 1 with the probability that each element gives, or with probability `p`, else 0; in the dtype.
    #[pyo3(signature = (p=None, *, generator=None))]
    fn bernoulli(&self, p: Option<f64>, generator: Option<&Bound<'_, PyGenerator>>) -> PyResult<PyTensor> {
        let value = self.value()?;
        let drawn = PyGenerator::with(generator, |generator| match p {
            None => value.bernoulli_of(generator),
            Some(p) => Tensor::bernoulli(p, value.shape(), value.dtype(), generator),
        });
        Ok(drawn.named("bernoulli")?.into())
    }

    /// Indices drawn with the probabilities that each row gives, or in proportion to them.
    #[pyo3(signature = (num_samples, replacement=false, *, generator=None))]
    fn multinomial(
        &self,
        num_samples: usize,
        replacement: bool,
        generator: Option<&Bound<'_, PyGenerator>>,
    ) -> PyResult<PyTensor> {
        let value = self.value()?;
        let drawn =
            PyGenerator::with(generator, |generator| value.multinomial(num_samples, replacement, generator));
        Ok(drawn.named("multinomial")?.into())
    }
}

/// Adds the functions and the class to the module.
pub fn add_random(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PyGenerator>()?;
    module.add_function(wrap_pyfunction!(manual_seed, module)?)?;
    module.add_function(wrap_pyfunction!(initial_seed, module)?)?;
    module.add_function(wrap_pyfunction!(get_rng_state, module)?)?;
    module.add_function(wrap_pyfunction!(set_rng_state, module)?)?;
    module.add_function(wrap_pyfunction!(rand, module)?)?;
    module.add_function(wrap_pyfunction!(rand_like, module)?)?;
    module.add_function(wrap_pyfunction!(randn, module)?)?;
    module.add_function(wrap_pyfunction!(randn_like, module)?)?;
    module.add_function(wrap_pyfunction!(randint, module)?)?;
    module.add_function(wrap_pyfunction!(randperm, module)?)?;
    module.add_function(wrap_pyfunction!(normal, module)?)
}
