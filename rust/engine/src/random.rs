//! Random numbers: generators and draws.
//!
//! A generator is a seed and an offset into its sequence. A draw reserves its part of the sequence when it is
//! recorded, by a count that shape and dtype fix (see [`tenfold_ir::random`]), so that deferred work, work that is
//! never done, and the number of threads change nothing.

use std::cell::RefCell;
use std::hash::{BuildHasher, Hasher};

use tenfold_ir::kernel::{Distribution, Random, Side};
use tenfold_ir::{Complex, Core, DType, Error, Result, Scalar, Shape, random};

use crate::Tensor;
use crate::batch::levels_of_draw;

/// A sequence of random numbers: a value that can be copied, kept and set back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Generator {
    seed: u64,
    offset: u64,
}

thread_local! {
    static DEFAULT: RefCell<Option<Generator>> = const { RefCell::new(None) };
}

impl Generator {
    /// The sequence of that seed, from its start.
    pub fn new(seed: u64) -> Generator {
        Generator { seed, offset: 0 }
    }

    /// A sequence that nobody can foretell.
    pub fn from_entropy() -> Generator {
        // The keys of a new hasher come from the operating system.
        Generator::new(std::collections::hash_map::RandomState::new().build_hasher().finish())
    }

    /// The seed.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Seed and offset.
    pub fn get_state(&self) -> [u64; 2] {
        [self.seed, self.offset]
    }

    /// Goes on from a state.
    pub fn set_state(&mut self, state: [u64; 2]) {
        [self.seed, self.offset] = state;
    }

    /// The generator of a worker: its own sequence, a function of this one's seed and offset and the worker's number.
    pub fn fork(&self, worker: u64) -> Generator {
        // Draws use counters whose upper half is 0, so that no worker's seed is also a draw.
        let key = [self.seed as u32, (self.seed >> 32) as u32];
        let mixed = random::wide(random::block(self.seed, self.offset))[0] ^ worker;
        let words = random::philox([mixed as u32, (mixed >> 32) as u32, worker as u32, 1], key);
        Generator::new(random::wide(words)[0])
    }

    /// The start of the next `blocks` blocks, which nobody else gets.
    fn reserve(&mut self, blocks: u64) -> u64 {
        let start = self.offset;
        self.offset = self.offset.wrapping_add(blocks);
        start
    }

    fn draw(&mut self, distribution: Distribution, shape: &[usize], dtype: DType) -> Result<Tensor> {
        let levels = levels_of_draw(distribution.name())?;
        if levels.is_empty() {
            return self.draw_one(distribution, shape, dtype);
        }
        let wide = levels.before(shape);
        let drawn = if distribution == Distribution::Permutation {
            // Each sample has an order of its own.
            let draw = |_| self.draw_one(distribution, shape, dtype);
            let orders = (0..levels.samples()).map(draw).collect::<Result<Vec<Tensor>>>()?;
            match orders.is_empty() {
                true => Tensor::zeros(&wide, dtype)?,
                false => Tensor::stack(&orders.iter().collect::<Vec<_>>(), 0)?.reshaped(&wide)?,
            }
        } else {
            self.draw_one(distribution, &wide, dtype)?
        };
        Ok(drawn.as_samples(&levels))
    }

    fn draw_one(&mut self, distribution: Distribution, shape: &[usize], dtype: DType) -> Result<Tensor> {
        let shape = Shape::checked(distribution.name(), shape)?;
        let blocks = random::blocks(distribution, shape.elements(), dtype);
        let core = Random { distribution, seed: self.seed, offset: self.offset, shape, dtype };
        let drawn = Tensor::record_core(Core::Random(core), &[])?.remove(0);
        self.reserve(blocks);
        Ok(drawn)
    }
}

/// Runs `body` with the default generator of this thread.
pub fn with_default<R>(body: impl FnOnce(&mut Generator) -> R) -> R {
    // Taken out while the body runs: a body that draws from the default itself must not find it borrowed.
    let mut generator = DEFAULT.with(|cell| *cell.borrow_mut().get_or_insert_with(Generator::from_entropy));
    let result = body(&mut generator);
    DEFAULT.with(|cell| *cell.borrow_mut() = Some(generator));
    result
}

/// Starts the default generator of this thread anew.
pub fn manual_seed(seed: u64) {
    set_default(Generator::new(seed));
}

/// Replaces the default generator of this thread.
pub fn set_default(generator: Generator) {
    DEFAULT.with(|cell| *cell.borrow_mut() = Some(generator));
}

/// The default generator of this thread, as it stands.
pub fn default_generator() -> Generator {
    with_default(|generator| *generator)
}

/// Runs `body` with the generator given, or this thread's.
fn with<R>(generator: Option<&mut Generator>, body: impl FnOnce(&mut Generator) -> R) -> R {
    match generator {
        Some(generator) => body(generator),
        None => with_default(body),
    }
}

/// Draws. Each takes a generator; without one, the default of the thread.
impl Tensor {
    /// Uniform in [0, 1).
    ///
    /// ```
    /// use tenfold::{DType, Tensor, random::Generator};
    /// let draw = |seed| Tensor::rand(&[5], DType::Float32, Some(&mut Generator::new(seed)));
    /// assert!(draw(1)?.is_equal(&draw(1)?)?);
    /// # Ok::<(), tenfold::Error>(())
    /// ```
    pub fn rand(shape: &[usize], dtype: DType, generator: Option<&mut Generator>) -> Result<Tensor> {
        with(generator, |generator| {
            if dtype.is_complex() {
                return complex_parts(dtype, || generator.draw(Distribution::Uniform, shape, dtype.real()));
            }
            generator.draw(Distribution::Uniform, shape, dtype)
        })
    }

    /// Normal with mean 0 and variance 1; for complex dtypes, of the variance half belongs to each part.
    pub fn randn(shape: &[usize], dtype: DType, generator: Option<&mut Generator>) -> Result<Tensor> {
        with(generator, |generator| {
            if dtype.is_complex() {
                return complex_parts(dtype, || generator.draw(Distribution::Normal, shape, dtype.real()))?
                    .multiply(std::f64::consts::FRAC_1_SQRT_2);
            }
            generator.draw(Distribution::Normal, shape, dtype)
        })
    }

    /// Whole numbers from `low` to `high` (exclusive), each equally likely.
    pub fn randint(
        low: i64,
        high: i128,
        shape: &[usize],
        dtype: DType,
        generator: Option<&mut Generator>,
    ) -> Result<Tensor> {
        with(generator, |generator| generator.draw(Distribution::Integer { low, high }, shape, dtype))
    }

    /// 0 … n − 1 in random order, int64.
    pub fn randperm(n: usize, generator: Option<&mut Generator>) -> Result<Tensor> {
        with(generator, |generator| generator.draw(Distribution::Permutation, &[n], DType::Int64))
    }

    /// Uniform from `low` (inclusive) to `high` (exclusive, unless they are equal).
    pub fn uniform(
        low: f64,
        high: f64,
        shape: &[usize],
        dtype: DType,
        generator: Option<&mut Generator>,
    ) -> Result<Tensor> {
        if low > high || !(high - low).is_finite() {
            return Err(Error::state(
                "uniform",
                format!("low must be finite and not above high; got {low} and {high}"),
            ));
        }
        let unit = Tensor::rand(shape, dtype, generator).map_err(|error| error.in_operation("uniform"))?;
        if (low, high) == (0.0, 1.0) {
            return Ok(unit);
        }
        let drawn = unit.multiply(high - low)?.add(low)?;
        // Rounding may reach the upper bound.
        drawn.greater_equal(high)?.where_(low, &drawn)
    }

    /// Normal with that mean and standard deviation.
    pub fn normal(
        mean: f64,
        deviation: f64,
        shape: &[usize],
        dtype: DType,
        generator: Option<&mut Generator>,
    ) -> Result<Tensor> {
        if deviation.is_nan() || deviation < 0.0 {
            return Err(Error::state(
                "normal",
                format!("the standard deviation must not be negative; got {deviation}"),
            ));
        }
        let drawn = Tensor::randn(shape, dtype, generator).map_err(|error| error.in_operation("normal"))?;
        if (mean, deviation) == (0.0, 1.0) { Ok(drawn) } else { drawn.multiply(deviation)?.add(mean) }
    }

    /// 1 with the given probability, else 0.
    pub fn bernoulli(
        probability: f64,
        shape: &[usize],
        dtype: DType,
        generator: Option<&mut Generator>,
    ) -> Result<Tensor> {
        with(generator, |generator| generator.draw(Distribution::Bernoulli { probability }, shape, dtype))
    }

    /// 1 with the probability that each element gives, else 0, in the same shape and dtype. Looks at the values: an
    /// element outside 0 to 1 is a `State` error.
    pub fn bernoulli_of(&self, generator: Option<&mut Generator>) -> Result<Tensor> {
        let name = "bernoulli";
        if !self.dtype().is_floating() {
            return Err(Error::dtype(name, format!("probabilities must be floating; got {}", self.dtype())));
        }
        let probabilities = self.detach();
        let inside = probabilities.greater_equal(0)?.logical_and(&probabilities.less_equal(1)?)?;
        if !inside.every_sample().all(None, false)?.item()?.to_bool() {
            return Err(Error::state(name, "probabilities must be from 0 to 1"));
        }
        let wide = self.dtype().compute();
        let unit = Tensor::rand(self.shape(), wide, generator)?;
        unit.less(&probabilities.cast(wide)?)?.cast(self.dtype())
    }

    /// A mask (bool) for dropout: false with probability `p`.
    pub fn dropout_mask(shape: &[usize], p: f64, generator: Option<&mut Generator>) -> Result<Tensor> {
        if !(0.0..=1.0).contains(&p) {
            return Err(Error::value("dropout", format!("p must be from 0 to 1; got {p}")));
        }
        Tensor::bernoulli(1.0 - p, shape, DType::Bool, generator)
    }

    /// Exponential with that rate: `−log(1 − u) / rate`.
    pub fn exponential(
        rate: f64,
        shape: &[usize],
        dtype: DType,
        generator: Option<&mut Generator>,
    ) -> Result<Tensor> {
        if rate.is_nan() || rate <= 0.0 {
            return Err(Error::state("exponential", format!("the rate must be positive; got {rate}")));
        }
        let unit =
            Tensor::rand(shape, dtype, generator).map_err(|error| error.in_operation("exponential"))?;
        unit.negative()?.log1p()?.divide(-rate)
    }

    /// `count` indices (int64) for each row of weights `(n)` or `(rows, n)`, drawn with probabilities in proportion to
    /// the weights. Looks at the weights: they must be finite and not negative, and each row must have enough that are
    /// not zero (one, or `count` without replacement).
    ///
    /// With replacement by inversion of the running sums; without, the largest `weight / e` with exponential e
    /// (Efraimidis and Spirakis 2006), which draws in the order of drawing one after the other.
    pub fn multinomial(
        &self,
        count: usize,
        replacement: bool,
        generator: Option<&mut Generator>,
    ) -> Result<Tensor> {
        let name = "multinomial";
        if !self.dtype().is_floating() || !(1..=2).contains(&self.rank()) {
            return Err(Error::shape(
                name,
                format!(
                    "weights must be floating with one or two axes; got {} and shape {}",
                    self.dtype(),
                    self.shape()
                ),
            ));
        }
        if count == 0 {
            return Err(Error::state(name, "the number of draws must be positive; got 0"));
        }
        let weights = self.detach().cast(DType::Float64)?;
        let valid = weights.greater_equal(0)?.logical_and(&weights.isfinite()?)?;
        if !valid.every_sample().all(None, false)?.item()?.to_bool() {
            return Err(Error::state(name, "weights must be finite and not negative"));
        }
        let needed = if replacement { 1 } else { count };
        let enough = weights.count_nonzero(Some(&[-1]), false)?.greater_equal(needed)?;
        if !enough.every_sample().all(None, false)?.item()?.to_bool() {
            return Err(Error::state(name, format!("a row has fewer than {needed} weights other than zero")));
        }
        if replacement {
            let sums = weights.cumsum(-1, None)?;
            let total = sums.slice(-1, self.shape()[self.rank() - 1] - 1, 1, 1)?;
            let shape = self.shape().replaced(self.rank() - 1, count);
            // A 53-bit fraction of the total, rounded, stays below the total.
            let places = Tensor::rand(&shape, DType::Float64, generator)?.multiply(&total)?;
            return sums.searchsorted(&places, Side::Right, None);
        }
        let unit = Tensor::rand(self.shape(), DType::Float64, generator)?;
        // Exponential, and not 0 (where u is): a weight of 0 must stay behind all others.
        let waiting = unit.subtract(1)?.negative()?.log()?.negative()?.maximum(f64::MIN_POSITIVE)?;
        Ok(weights.divide(&waiting)?.topk(count, -1, true)?.1)
    }
}

/// A complex tensor whose parts are drawn one after the other.
fn complex_parts(dtype: DType, mut draw: impl FnMut() -> Result<Tensor>) -> Result<Tensor> {
    let (real, imaginary) = (draw()?.cast(dtype)?, draw()?.cast(dtype)?);
    real.add(&imaginary.multiply(Scalar::Complex(Complex::new(0.0, 1.0)))?)
}
