//! Formulas with a loop of their own.
//!
//! A step of a tile program reads and writes whole tiles, which for cheap operations is most of its work. The formulas
//! below are compiled as a whole: what lies between their operands and results stays in registers. They are found in
//! an expression by their form, wherever they stand in it; the bits are the same.

use std::array;
use std::cell::RefCell;
use std::ptr;
use std::sync::OnceLock;

use smallvec::SmallVec;
use tenfold_ir::expr::Value;
use tenfold_ir::formulas::{
    self, AdamNumbers, AdamState, Arithmetic, MomentumNumbers, Recorded, adam, momentum, normalized,
    normalized_gradient,
};
use tenfold_ir::{Expr, Instruction};

use crate::reduction::order::LANES;
use crate::simd::{Tier, prefetch};

/// Computes `count` elements: the tiles of the operands, then those of the scalars (the same number throughout), then
/// those of the results.
///
/// # Safety
/// Each tile holds `count` elements of float32; a result coincides with an operand or does not overlap it.
pub type FormulaFunction = unsafe fn(tiles: &[*mut u8], count: usize);

/// A formula of `N` operands, `S` scalars and `R` results.
trait Formula<const N: usize, const S: usize, const R: usize> {
    fn compute<A: Arithmetic>(operands: [A; N], scalars: [A; S]) -> [A; R];
}

/// A step of Adam: parameter, gradient and state.
struct Adam;

impl Formula<4, 6, 3> for Adam {
    #[inline(always)]
    fn compute<A: Arithmetic>([parameter, gradient, average, squares]: [A; 4], scalars: [A; 6]) -> [A; 3] {
        let [average_fraction, squares_kept, squares_fraction, step_size, correction, eps] = scalars;
        let state = AdamState { average, squares, largest: None };
        let numbers =
            AdamNumbers { average_fraction, squares_kept, squares_fraction, step_size, correction, eps };
        let (parameter, state) = adam(parameter, gradient, state, &numbers);
        [parameter, state.average, state.squares]
    }
}

/// A step of AdamW, which shrinks the parameter first.
struct DecoupledAdam;

impl Formula<4, 7, 3> for DecoupledAdam {
    #[inline(always)]
    fn compute<A: Arithmetic>(operands: [A; 4], scalars: [A; 7]) -> [A; 3] {
        let [parameter, gradient, average, squares] = operands;
        let [kept, average_fraction, squares_kept, squares_fraction, step_size, correction, eps] = scalars;
        let numbers = [average_fraction, squares_kept, squares_fraction, step_size, correction, eps];
        Adam::compute([parameter * kept, gradient, average, squares], numbers)
    }
}

/// A step of gradient descent with momentum: parameter, gradient and direction.
struct Momentum<const NESTEROV: bool>;

impl<const NESTEROV: bool> Formula<3, 3, 2> for Momentum<NESTEROV> {
    #[inline(always)]
    fn compute<A: Arithmetic>([parameter, gradient, direction]: [A; 3], scalars: [A; 3]) -> [A; 2] {
        let [momentum_kept, gradient_fraction, learning_rate] = scalars;
        let numbers =
            MomentumNumbers { momentum: momentum_kept, gradient_fraction, nesterov: NESTEROV, learning_rate };
        let (parameter, direction) = momentum(parameter, gradient, direction, &numbers);
        [parameter, direction]
    }
}

/// Batch and group norm, once the statistics are there.
struct Normalized;

impl Formula<4, 0, 1> for Normalized {
    #[inline(always)]
    fn compute<A: Arithmetic>([x, mean, scale, shift]: [A; 4], _: [A; 0]) -> [A; 1] {
        [normalized(x, mean, scale, shift)]
    }
}

/// Their gradient.
struct NormalizedGradient;

impl Formula<6, 0, 1> for NormalizedGradient {
    #[inline(always)]
    fn compute<A: Arithmetic>([gradient, scale, x, mean, slope, shift]: [A; 6], _: [A; 0]) -> [A; 1] {
        [normalized_gradient(gradient, scale, x, mean, slope, shift)]
    }
}

/// GELU and its gradient, where both are wanted.
struct GeluWithGradient;

impl Formula<2, 0, 2> for GeluWithGradient {
    #[inline(always)]
    fn compute<A: Arithmetic>([x, gradient]: [A; 2], _: [A; 0]) -> [A; 2] {
        let value = formulas::gelu(x);
        [formulas::gelu_gradient(x, gradient), value]
    }
}

/// How many names there are.
const fn count(names: &[&str]) -> usize {
    names.len()
}

/// Formulas that are functions of their operands and scalars.
macro_rules! plain_formulas {
    ($($name:ident [$($operand:ident)*] [$($scalar:ident)*] => $value:expr;)*) => {
        $(
            struct $name;

            impl Formula<{ count(&[$(stringify!($operand)),*]) }, { count(&[$(stringify!($scalar)),*]) }, 1>
                for $name
            {
                #[inline(always)]
                fn compute<A: Arithmetic>(
                    [$($operand),*]: [A; count(&[$(stringify!($operand)),*])],
                    [$($scalar),*]: [A; count(&[$(stringify!($scalar)),*])],
                ) -> [A; 1] {
                    [$value]
                }
            }
        )*
    };
}
plain_formulas! {
    GeluGradient [x gradient] [] => formulas::gelu_gradient(x, gradient);
    SiluGradient [x gradient] [one other] => formulas::silu_gradient(x, gradient, [one, other]);
    NormalizedProduct [gradient x mean r] [] => formulas::normalized_product(gradient, x, mean, r);
    Hardtanh [x] [low high] => formulas::hardtanh(x, low, high);
    HardtanhGradient [x gradient] [high zero low] => formulas::hardtanh_gradient(x, gradient, low, high, zero);
    Hardsigmoid [x] [a b c d] => formulas::hardsigmoid(x, [a, b, c, d]);
    HardsigmoidGradient [x gradient] [a b c] => formulas::hardsigmoid_gradient(x, gradient, [a, b, c]);
    Hardswish [x] [a b c d least] => formulas::hardswish(x, [a, b, c, d], least);
    HardswishGradient [x gradient] [a b c d] => formulas::hardswish_gradient(x, gradient, [a, b, c, d]);
    Softshrink [x] [low high] => formulas::softshrink(x, low, high);
    SoftshrinkGradient [x gradient] [distance zero] =>
        formulas::softshrink_gradient(x, gradient, distance, zero);
}

/// A formula that is looked for.
pub struct Known {
    /// Its form: operands are loads, its results the outputs, the first of them the last instruction.
    form: Expr,
    functions: [FormulaFunction; 3],
}

/// All of them.
fn known() -> &'static [Known] {
    static KNOWN: OnceLock<[Known; 18]> = OnceLock::new();
    KNOWN.get_or_init(|| {
        [
            // Before the form that is within it.
            Known::new::<DecoupledAdam, 4, 7, 3>(),
            Known::new::<Adam, 4, 6, 3>(),
            Known::new::<Momentum<false>, 3, 3, 2>(),
            Known::new::<Momentum<true>, 3, 3, 2>(),
            Known::new::<Normalized, 4, 0, 1>(),
            Known::new::<NormalizedGradient, 6, 0, 1>(),
            Known::new::<NormalizedProduct, 4, 0, 1>(),
            Known::new::<GeluWithGradient, 2, 0, 2>(),
            Known::new::<GeluGradient, 2, 0, 1>(),
            Known::new::<SiluGradient, 2, 2, 1>(),
            Known::new::<Hardswish, 1, 5, 1>(),
            Known::new::<HardswishGradient, 2, 4, 1>(),
            Known::new::<Hardsigmoid, 1, 4, 1>(),
            Known::new::<HardsigmoidGradient, 2, 3, 1>(),
            Known::new::<Softshrink, 1, 2, 1>(),
            Known::new::<SoftshrinkGradient, 2, 2, 1>(),
            Known::new::<Hardtanh, 1, 2, 1>(),
            Known::new::<HardtanhGradient, 2, 3, 1>(),
        ]
    })
}

impl Known {
    fn new<F: Formula<N, S, R>, const N: usize, const S: usize, const R: usize>() -> Known {
        let expr = RefCell::new(Expr::new());
        let operands = array::from_fn(|at| Recorded::load(&expr, at));
        let scalars = array::from_fn(|at| Recorded::scalar(&expr, at));
        let results = F::compute(operands, scalars).map(|result| result.value);
        let mut form = expr.into_inner();
        results.into_iter().for_each(|result| form.output(result));
        debug_assert_eq!(usize::from(results[0]) + 1, form.instructions().len());
        #[cfg(target_arch = "x86_64")]
        let functions = [portable::<F, N, S, R>, avx2::<F, N, S, R>, avx512::<F, N, S, R>];
        #[cfg(not(target_arch = "x86_64"))]
        let functions = [portable::<F, N, S, R>; 3];
        Known { form, functions }
    }

    /// The formula where `root` is its first result.
    fn find(&'static self, expr: &Expr, wanted: &[Value], root: Value) -> Option<Found> {
        let operation = |expr: &Expr, value: Value| match expr.instructions()[usize::from(value)] {
            Instruction::Apply { operation, .. } => Some(operation),
            _ => None,
        };
        if operation(expr, root) != operation(&self.form, self.form.outputs()[0]) {
            return None;
        }
        let mut values: SmallVec<[Option<Value>; 32]> =
            SmallVec::from_elem(None, self.form.instructions().len());
        if !self.agrees(self.form.outputs()[0], expr, root, &mut values) {
            return None;
        }
        // Results that the first one is not made of stand anywhere.
        for &output in &self.form.outputs()[1..] {
            if values[usize::from(output)].is_none() {
                values = (0..expr.instructions().len() as Value).find_map(|value| {
                    let mut tried = values.clone();
                    self.agrees(output, expr, value, &mut tried).then_some(tried)
                })?;
            }
        }
        let computed = |at: &usize| matches!(self.form.instructions()[*at], Instruction::Apply { .. });
        let is_leaf = |at: &usize| !computed(at);
        let places = || 0..self.form.instructions().len();
        let value_of = |at: usize| values[at];
        let inner: Option<SmallVec<[Value; 16]>> = places().filter(computed).map(value_of).collect();
        let leaves: Option<SmallVec<[Value; 16]>> = places().filter(is_leaf).map(value_of).collect();
        let results: Option<SmallVec<[Value; 4]>> =
            self.form.outputs().iter().map(|&output| value_of(usize::from(output))).collect();
        let (inner, leaves, results) = (inner?, leaves?, results?);
        // Nobody else needs what stays in registers, nor a result before all of them are there.
        let is_exclusive = |value: Value| {
            let is_result = results.contains(&value);
            let mut readers = (0..)
                .zip(expr.instructions())
                .filter(|(_, instruction)| instruction.reads().contains(&value));
            (is_result || !wanted.contains(&value))
                && readers.all(|(reader, _)| inner.contains(&reader) || is_result && reader > root)
        };
        let fits =
            inner.iter().all(|&value| is_exclusive(value)) && !leaves.iter().any(|leaf| inner.contains(leaf));
        fits.then_some(Found { known: self, inner, leaves, results })
    }

    /// True where value `own` of the form is value `value` of the expression; notes what its parts are.
    fn agrees(&self, own: Value, expr: &Expr, value: Value, values: &mut [Option<Value>]) -> bool {
        if let Some(known) = values[usize::from(own)] {
            return known == value;
        }
        let there = &expr.instructions()[usize::from(value)];
        let fits = expr.dtypes()[usize::from(value)] == self.form.dtypes()[usize::from(own)]
            && match (&self.form.instructions()[usize::from(own)], there) {
                (Instruction::Load { .. }, _) | (Instruction::Scalar { .. }, Instruction::Scalar { .. }) => {
                    true
                }
                (
                    Instruction::Apply { operation, arguments },
                    Instruction::Apply { operation: other, arguments: given },
                ) => {
                    operation == other
                        && arguments
                            .iter()
                            .zip(given)
                            .all(|(&own, &value)| self.agrees(own, expr, value, values))
                }
                _ => false,
            };
        if fits {
            values[usize::from(own)] = Some(value);
        }
        fits
    }
}

/// A formula within an expression.
pub struct Found {
    known: &'static Known,
    /// The values that it computes.
    pub inner: SmallVec<[Value; 16]>,
    /// Its operands and scalars, in order.
    pub leaves: SmallVec<[Value; 16]>,
    /// Its results; the first is the last one that is computed.
    pub results: SmallVec<[Value; 4]>,
}

impl Found {
    /// How many of the leaves are operands.
    pub fn operands(&self) -> usize {
        let instructions = self.known.form.instructions();
        instructions.iter().filter(|instruction| matches!(instruction, Instruction::Load { .. })).count()
    }

    /// The function on a tier.
    pub fn function(&self, tier: Tier) -> FormulaFunction {
        self.known.functions[tier as usize]
    }
}

/// The formulas in an expression.
pub fn find(expr: &Expr, wanted: &[Value]) -> SmallVec<[Found; 1]> {
    let mut found: SmallVec<[Found; 1]> = SmallVec::new();
    // From the end, so that a formula is found before those within it.
    for root in (0..expr.instructions().len() as Value).rev() {
        if !found.iter().any(|outer| outer.inner.contains(&root)) {
            found.extend(known().iter().find_map(|known| known.find(expr, wanted, root)));
        }
    }
    found
}

/// How far in front of what it reads a formula fetches, in bytes.
pub(super) const AHEAD: usize = 1024;

/// # Safety
/// As for a [`FormulaFunction`].
#[inline(always)]
unsafe fn run<F: Formula<N, S, R>, const N: usize, const S: usize, const R: usize>(
    tiles: &[*mut u8],
    count: usize,
) {
    // SAFETY: the caller's promise; a block is read before it is written.
    unsafe {
        // Apart from the tiles, whose addresses would be read again after each result.
        let (mut sources, mut targets) = ([ptr::null::<f32>(); N], [ptr::null_mut::<f32>(); R]);
        for at in 0..N {
            sources[at] = tiles[at].cast::<f32>().cast_const();
        }
        for at in 0..R {
            targets[at] = tiles[N + S + at].cast::<f32>();
        }
        let mut scalars = [0.0; S];
        for at in 0..S {
            scalars[at] = tiles[N + at].cast::<f32>().read();
        }
        let blocks = count / LANES;
        for block in 0..blocks {
            let (mut operands, mut results) = ([[0.0; LANES]; N], [[0.0; LANES]; R]);
            for at in 0..N {
                let place = sources[at].cast::<[f32; LANES]>().add(block);
                // A line at a time between the steps: asked for all at once, lines wait for each other.
                prefetch(place.cast::<u8>().wrapping_add(AHEAD), 64);
                operands[at] = place.read_unaligned();
            }
            // A loop that is widened.
            for lane in 0..LANES {
                let mut own = [0.0; N];
                for at in 0..N {
                    own[at] = operands[at][lane];
                }
                let computed = F::compute(own, scalars);
                for at in 0..R {
                    results[at][lane] = computed[at];
                }
            }
            for at in 0..R {
                targets[at].cast::<[f32; LANES]>().add(block).write_unaligned(results[at]);
            }
        }
        for element in blocks * LANES..count {
            let mut operands = [0.0; N];
            for at in 0..N {
                operands[at] = sources[at].add(element).read();
            }
            let results = F::compute(operands, scalars);
            for at in 0..R {
                targets[at].add(element).write(results[at]);
            }
        }
    }
}

unsafe fn portable<F: Formula<N, S, R>, const N: usize, const S: usize, const R: usize>(
    tiles: &[*mut u8],
    count: usize,
) {
    // SAFETY: the caller's promise.
    unsafe { run::<F, N, S, R>(tiles, count) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn avx2<F: Formula<N, S, R>, const N: usize, const S: usize, const R: usize>(
    tiles: &[*mut u8],
    count: usize,
) {
    // SAFETY: the caller's promise.
    unsafe { run::<F, N, S, R>(tiles, count) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
unsafe fn avx512<F: Formula<N, S, R>, const N: usize, const S: usize, const R: usize>(
    tiles: &[*mut u8],
    count: usize,
) {
    // SAFETY: the caller's promise.
    unsafe { run::<F, N, S, R>(tiles, count) }
}

#[cfg(test)]
mod tests {
    use tenfold_ir::Operation;

    use super::*;

    /// The form of Adam within a longer expression: its gradient is scaled first. Gives it with its results.
    fn scaled_adam() -> (Expr, [Value; 3]) {
        let expr = RefCell::new(Expr::new());
        let loads = [0, 1, 2, 3].map(|at| Recorded::load(&expr, at));
        let scalars = [0, 1, 2, 3, 4, 5].map(|at| Recorded::scalar(&expr, at));
        let gradient = loads[1] * Recorded::scalar(&expr, 6);
        let results = Adam::compute([loads[0], gradient, loads[2], loads[3]], scalars);
        let results = results.map(|result| result.value);
        (expr.into_inner(), results)
    }

    #[test]
    fn a_formula_is_found_wherever_it_stands() {
        let (expr, results) = scaled_adam();
        let found = find(&expr, &results);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].results.as_slice(), results);
        assert_eq!(found[0].leaves.len(), 10);
    }

    #[test]
    fn every_formula_is_found_as_a_whole() {
        for known in known() {
            let found = find(&known.form, known.form.outputs());
            assert_eq!(found.len(), 1, "{:?}", known.form);
            assert!(std::ptr::eq(found[0].known, known), "{:?}", known.form);
        }
    }

    #[test]
    fn a_formula_is_not_taken_where_something_else_needs_what_lies_within() {
        let (mut expr, results) = scaled_adam();
        let root = &expr.instructions()[usize::from(results[0])];
        let Instruction::Apply { arguments, .. } = root else { panic!("a difference") };
        let step = arguments[1];
        let with_step: Vec<Value> = results.into_iter().chain([step]).collect();
        assert!(find(&expr, &with_step).is_empty());
        let _reader = expr.apply(Operation::negative, &[step]);
        assert!(find(&expr, &results).is_empty());
    }
}
