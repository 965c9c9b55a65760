//! What the tests of the families share: awkward operands, and the comparison with the reference interpreter.

use smallvec::SmallVec;
use tenfold_ir::backend::PlainStorage;
use tenfold_ir::reference::Reference;
use tenfold_ir::{
    Backend, Buffer, Core, DType, Element, Expr, Kernel, Layout, Operand, Result, Scalar, Shape, Source,
    Spec, Specs, with_element,
};

use super::view::{Input, OutputView};
use crate::simd::{Tier, set_tier};
use crate::threads::set_thread_count;

/// Extents that kernels like least.
const EXTENTS: [usize; 12] = [1, 2, 3, 5, 7, 13, 16, 17, 31, 64, 67, 91];

/// A small generator (SplitMix64), from the seed that a property test hands over.
pub struct Draw(u64);

impl Draw {
    pub fn new(seed: u64) -> Draw {
        Draw(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    pub fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    pub fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    pub fn pick<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())]
    }

    /// A shape of that rank with at most `elements` elements; now and then an empty one.
    pub fn shape(&mut self, rank: usize, elements: usize) -> Shape {
        let mut extents: Vec<usize> = Vec::new();
        for _ in 0..rank {
            let room = elements / extents.iter().product::<usize>().max(1);
            let fitting = EXTENTS.iter().filter(|&&extent| extent <= room).count().max(1);
            extents.push(EXTENTS[self.below(fitting)]);
        }
        if rank > 0 && self.one_in(12) {
            let axis = self.below(rank);
            extents[axis] = 0;
        }
        Shape::new(&extents)
    }

    /// A number of the dtype: small, with ties, now and then special.
    pub fn number(&mut self, dtype: DType, specials: bool) -> Scalar {
        if dtype == DType::Bool {
            return Scalar::Bool(self.one_in(2));
        }
        if let Some((low, _)) = dtype.integer_range() {
            let value = self.below(17) as i128 - if low < 0 { 8 } else { 0 };
            return Scalar::Int(if specials && self.one_in(9) { low } else { value });
        }
        let special = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, -0.0];
        let mut real = || match (specials && self.one_in(9), self.one_in(4)) {
            (true, _) => self.pick(&special),
            (_, true) => self.below(5) as f64 - 2.0,
            _ => (self.next() >> 40) as f64 / (1u64 << 24) as f64 * 6.0 - 3.0,
        };
        if dtype.is_complex() {
            return Scalar::Complex(num_complex::Complex::new(real(), real()));
        }
        Scalar::Float(real())
    }

    /// An operand of random numbers, which may lie in any way.
    pub fn operand(&mut self, shape: &Shape, dtype: DType, specials: bool) -> Given {
        let values: Vec<Scalar> = (0..shape.elements()).map(|_| self.number(dtype, specials)).collect();
        self.lay_out(shape, dtype, &values)
    }

    /// An operand of indices into an axis of that extent.
    pub fn indices(&mut self, shape: &Shape, extent: usize) -> Given {
        let values: Vec<Scalar> = (0..shape.elements())
            .map(|_| Scalar::Int(self.below(2 * extent) as i128 - extent as i128))
            .collect();
        self.lay_out(shape, DType::Int64, &values)
    }

    /// These elements, dense or permuted, reversed, with gaps, or one element for all.
    pub fn lay_out(&mut self, shape: &Shape, dtype: DType, values: &[Scalar]) -> Given {
        let rank = shape.rank();
        let mut strides: SmallVec<[i64; 4]> = shape.dense_strides();
        let (mut offset, mut room) = (0i64, shape.elements().max(1));
        match self.below(5) {
            0 => {
                let mut order: Vec<usize> = (0..rank).collect();
                (1..rank).for_each(|axis| order.swap(axis, self.below(axis + 1)));
                let mut step = 1;
                for &axis in &order {
                    strides[axis] = step;
                    step *= shape[axis].max(1) as i64;
                }
            }
            1 if rank > 0 && !shape.is_empty_tensor() => {
                let axis = self.below(rank);
                offset = strides[axis] * (shape[axis] as i64 - 1);
                strides[axis] = -strides[axis];
            }
            2 => {
                strides.iter_mut().for_each(|stride| *stride *= 3);
                room *= 3;
                offset = 2;
                room += 2;
            }
            3 if self.one_in(2) && rank > 0 => {
                let axis = self.below(rank);
                strides[axis] = 0;
            }
            _ => {}
        }
        let layout = Layout::strided(shape.clone(), strides, offset);
        let size = dtype.size();
        let mut bytes = vec![0xa5u8; room * size];
        for (position, &value) in layout.positions().zip(values) {
            let target = &mut bytes[position * size..(position + 1) * size];
            with_element!(dtype, T => target.copy_from_slice(bytemuck::bytes_of(&T::from_scalar(value))));
        }
        Given { dtype, layout, buffer: buffer_of(&bytes) }
    }
}

/// An operand.
pub struct Given {
    pub dtype: DType,
    pub layout: Layout,
    buffer: Buffer,
}

impl Given {
    /// A dense operand of these elements.
    pub fn dense<T: Element>(shape: &[usize], values: &[T]) -> Given {
        let layout = Layout::dense(Shape::new(shape));
        Given { dtype: T::DTYPE, layout, buffer: buffer_of(bytemuck::cast_slice(values)) }
    }

    /// The same operand once more.
    pub fn again(&self) -> Given {
        let buffer = buffer_of(self.buffer.bytes().unwrap());
        Given { dtype: self.dtype, layout: self.layout.clone(), buffer }
    }

    fn input(&self) -> Input<'_> {
        Input::new(self.dtype, self.layout.clone(), self.buffer.bytes().unwrap())
    }
}

fn buffer_of(bytes: &[u8]) -> Buffer {
    let mut buffer = Buffer::new(PlainStorage::zeros(bytes.len()).unwrap());
    buffer.bytes_mut().unwrap().copy_from_slice(bytes);
    buffer
}

/// The elements of an output.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub spec: Spec,
    pub values: Vec<Scalar>,
}

impl Outcome {
    /// The elements in memory.
    fn buffer(&self) -> Buffer {
        let mut bytes = Vec::with_capacity(self.spec.bytes());
        for &value in &self.values {
            with_element!(self.spec.dtype, T => bytes.extend_from_slice(bytemuck::bytes_of(&T::from_scalar(value))));
        }
        buffer_of(&bytes)
    }
}

fn outcome(spec: &Spec, bytes: &[u8]) -> Outcome {
    let values = bytes[..spec.bytes()]
        .chunks_exact(spec.dtype.size())
        .map(|element| with_element!(spec.dtype, T => bytemuck::pod_read_unaligned::<T>(element).to_scalar()))
        .collect();
    Outcome { spec: spec.clone(), values }
}

fn same_number(a: f64, b: f64) -> bool {
    a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan()
}

/// True for equal bits, or NaN and NaN.
fn same(a: Scalar, b: Scalar) -> bool {
    match (a, b) {
        (Scalar::Float(a), Scalar::Float(b)) => same_number(a, b),
        (Scalar::Complex(a), Scalar::Complex(b)) => same_number(a.re, b.re) && same_number(a.im, b.im),
        (a, b) => a == b,
    }
}

fn specs(core: &Core, operands: &[Given]) -> Result<Specs> {
    let inputs: Vec<Spec> =
        operands.iter().map(|given| Spec::new(given.layout.shape().clone(), given.dtype)).collect();
    core.results(&inputs)
}

/// What the family of the core gives.
pub fn computed(core: &Core, operands: &[Given]) -> Result<Vec<Outcome>> {
    let specs = specs(core, operands)?;
    let inputs: Vec<Input<'_>> = operands.iter().map(Given::input).collect();
    let mut buffers: Vec<Buffer> = specs.iter().map(|spec| buffer_of(&vec![0x5a; spec.bytes()])).collect();
    let mut outputs: Vec<OutputView<'_>> = specs
        .iter()
        .zip(&mut buffers)
        .map(|(spec, buffer)| OutputView {
            dtype: spec.dtype,
            shape: spec.shape.clone(),
            bytes: buffer.bytes_mut().unwrap(),
        })
        .collect();
    match core {
        Core::Rows(core) => crate::rows::run(core, &inputs, &mut outputs, None)?,
        Core::Recurrent(core) => crate::recurrent::run(core, &inputs, &mut outputs)?,
        Core::Attention(core) => crate::attention::run(core, &inputs, &mut outputs, None)?,
        Core::Pool(core) => crate::pool::run(core, &inputs, &mut outputs)?,
        Core::Resample(core) => crate::resample::run(core, &inputs, &mut outputs)?,
        Core::Index(core) => crate::index::run(core, &inputs, &mut outputs)?,
        Core::Sort(core) => crate::sort::run(core, &inputs, &mut outputs)?,
        Core::Scan(core) => crate::scan::run(core, &inputs, &mut outputs)?,
        Core::Random(core) => crate::random::run(core, &inputs, &mut outputs)?,
        other => panic!("{} is tested elsewhere", other.name()),
    }
    Ok(specs.iter().zip(&buffers).map(|(spec, buffer)| outcome(spec, buffer.bytes().unwrap())).collect())
}

/// What the family gives with the operand `shared` in the memory of its first output.
pub fn computed_in_place(core: &Core, operands: &[Given], shared: usize) -> Vec<Outcome> {
    use super::view::Memory;
    let specs = specs(core, operands).unwrap();
    let mut inputs: Vec<Input<'_>> = operands.iter().map(Given::input).collect();
    let mut buffers: Vec<Buffer> = specs.iter().map(|spec| buffer_of(&vec![0x5a; spec.bytes()])).collect();
    let size = specs[0].dtype.size();
    let bytes = buffers[0].bytes_mut().unwrap();
    for (place, position) in inputs[shared].layout.positions().enumerate() {
        let Memory::Bytes(from) = inputs[shared].memory else { unreachable!() };
        bytes[place * size..(place + 1) * size]
            .copy_from_slice(&from[position * size..(position + 1) * size]);
    }
    inputs[shared].layout = Layout::dense(specs[0].shape.clone());
    inputs[shared].memory = Memory::Output(0);
    let mut outputs: Vec<OutputView<'_>> = specs
        .iter()
        .zip(&mut buffers)
        .map(|(spec, buffer)| OutputView {
            dtype: spec.dtype,
            shape: spec.shape.clone(),
            bytes: buffer.bytes_mut().unwrap(),
        })
        .collect();
    match core {
        Core::Rows(core) => crate::rows::run(core, &inputs, &mut outputs, None).unwrap(),
        Core::Index(core) => crate::index::run(core, &inputs, &mut outputs).unwrap(),
        Core::Scan(core) => crate::scan::run(core, &inputs, &mut outputs).unwrap(),
        other => panic!("{} does not work in place", other.name()),
    }
    specs.iter().zip(&buffers).map(|(spec, buffer)| outcome(spec, buffer.bytes().unwrap())).collect()
}

/// A kernel that runs the core on the operands as they are.
fn kernel_of(core: &Core, operands: &[Given], outputs: Specs) -> Kernel {
    Kernel {
        core: core.clone(),
        prologues: (0..operands.len())
            .map(|index| Expr::load_of(index as u16, operands[index].dtype))
            .collect(),
        epilogue: None,
        operands: operands
            .iter()
            .map(|given| Operand { dtype: given.dtype, layout: given.layout.clone() })
            .collect(),
        scalars: SmallVec::new(),
        outputs,
    }
}

/// What the reference interpreter gives.
pub fn expected(core: &Core, operands: &[Given]) -> Result<Vec<Outcome>> {
    let specs = specs(core, operands)?;
    let kernel = kernel_of(core, operands, specs.clone());
    let sources: Vec<Source<'_>> = operands.iter().map(|given| Source::Buffer(&given.buffer)).collect();
    let mut buffers: Vec<Buffer> = specs.iter().map(|spec| buffer_of(&vec![0; spec.bytes()])).collect();
    Reference.run(&kernel, &sources, &mut buffers)?;
    Ok(specs.iter().zip(&buffers).map(|(spec, buffer)| outcome(spec, buffer.bytes().unwrap())).collect())
}

/// Asserts that the family stays within the reference interpreter's bounds, and gives the same bits on all tiers and on
/// one thread and two.
pub fn check_within_bounds(core: &Core, operands: &[Given]) {
    let what = describe(core, operands);
    let got = computed(core, operands).unwrap_or_else(|error| panic!("{what}: {error}"));
    let buffers: Vec<Buffer> = got.iter().map(Outcome::buffer).collect();
    let kernel = kernel_of(core, operands, specs(core, operands).unwrap());
    let sources: Vec<Source<'_>> = operands.iter().map(|given| Source::Buffer(&given.buffer)).collect();
    tenfold_ir::reference::check(&kernel, &sources, &buffers)
        .unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_same_everywhere(core, operands, &got, &what);
}

/// Asserts the same bits on all tiers and on one thread and two.
fn assert_same_everywhere(core: &Core, operands: &[Given], got: &[Outcome], what: &str) {
    for &tier in Tier::available() {
        set_tier(tier).unwrap();
        for threads in [1, 2] {
            set_thread_count(threads);
            assert_same(&computed(core, operands).unwrap(), got, &format!("{what} on {tier:?}"));
        }
    }
}

/// Asserts equal bits.
pub fn assert_same(got: &[Outcome], wanted: &[Outcome], what: &str) {
    assert_eq!(got.len(), wanted.len(), "{what}");
    for (output, (got, wanted)) in got.iter().zip(wanted).enumerate() {
        assert_eq!(got.spec, wanted.spec, "{what}");
        for (index, (&a, &b)) in got.values.iter().zip(&wanted.values).enumerate() {
            assert!(same(a, b), "{what}: output {output}, element {index}: got {a:?}, wanted {b:?}");
        }
    }
}

/// Asserts that an output differs by at most `epsilons` times the dtype's epsilon, relative to its largest number.
fn assert_near(got: &[Outcome], wanted: &[Outcome], epsilons: f64, what: &str) {
    let largest = wanted
        .iter()
        .flat_map(|outcome| &outcome.values)
        .map(|value| value.to_f64().abs())
        .filter(|value| value.is_finite())
        .fold(1.0, f64::max);
    for (output, (got, wanted)) in got.iter().zip(wanted).enumerate() {
        let epsilon = match got.spec.dtype {
            DType::Float16 => 1.0 / 1024.0,
            DType::Bfloat16 => 1.0 / 128.0,
            DType::Float32 | DType::Complex64 => f64::from(f32::EPSILON),
            DType::Float64 | DType::Complex128 => f64::EPSILON,
            _ => 0.0,
        };
        for (index, (&a, &b)) in got.values.iter().zip(&wanted.values).enumerate() {
            let (x, y) = (a.to_complex(), b.to_complex());
            let near = same(a, b)
                || [(x.re, y.re), (x.im, y.im)].into_iter().all(|(x, y)| {
                    x == y || x.is_nan() && y.is_nan() || (x - y).abs() <= epsilons * epsilon * largest
                });
            assert!(near, "{what}: output {output}, element {index}: got {a:?}, wanted {b:?}");
        }
    }
}

/// Asserts that the family agrees with the reference interpreter, and gives the same bits on all tiers and on one
/// thread and two. `epsilons` is the error allowed, see [`assert_near`]; 0 asks for equality.
pub fn check(core: &Core, operands: &[Given], epsilons: f64) {
    let what = describe(core, operands);
    let wanted = expected(core, operands).unwrap_or_else(|error| panic!("{what}: {error}"));
    let got = computed(core, operands).unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_near(&got, &wanted, epsilons, &what);
    assert_same_everywhere(core, operands, &got, &what);
}

fn describe(core: &Core, operands: &[Given]) -> String {
    format!("{core:?} of {:?}", operands.iter().map(|given| &given.layout).collect::<Vec<_>>())
}
