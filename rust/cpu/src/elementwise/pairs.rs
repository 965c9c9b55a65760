//! Two operations of plain arithmetic in one loop, such as `a · b + c` with both of its roundings: what lies between them
//! stays in a register of the processor instead of a tile.

use std::marker::PhantomData;

use smallvec::{SmallVec, smallvec};
use tenfold_ir::expr::Value;
use tenfold_ir::lanes::Lane;
use tenfold_ir::operations::body;
use tenfold_ir::{DType, Expr, Instruction, Operation};

use super::body::{Body, TileFunction, TileValue, function};
use crate::simd::Tier;

/// An operation that may stand in a pair.
trait Plain: Copy {
    /// The operation. Must inline.
    fn of<T: Lane>(left: T, right: T) -> T;
}

/// `outer(inner(a, b), c)`, or where the inner operation is on the right, `outer(c, inner(a, b))`.
struct Both<T, Inner, Outer, const RIGHT: bool>(PhantomData<(T, Inner, Outer)>);

impl<T: Lane + TileValue, Inner: Plain, Outer: Plain, const RIGHT: bool> Body
    for Both<T, Inner, Outer, RIGHT>
{
    type Arguments = (T, T, T);
    type Result = T;
    #[inline(always)]
    fn call((a, b, c): (T, T, T)) -> T {
        let inner = Inner::of(a, b);
        if RIGHT { Outer::of(c, inner) } else { Outer::of(inner, c) }
    }
}

macro_rules! plain {
    ($($operation:ident $name:ident),*) => {
        $(
            #[derive(Clone, Copy)]
            struct $name;
            impl Plain for $name {
                #[inline(always)]
                fn of<T: Lane>(left: T, right: T) -> T {
                    body::$operation::float::<T>(left, right)
                }
            }
        )*

        fn with_inner<T: Lane + TileValue, Outer: Plain>(
            inner: Operation,
            is_right: bool,
            tier: Tier,
        ) -> Option<TileFunction> {
            match inner {
                $(
                    Operation::$operation if is_right => Some(function::<Both<T, $name, Outer, true>>(tier)),
                    Operation::$operation => Some(function::<Both<T, $name, Outer, false>>(tier)),
                )*
                _ => None,
            }
        }

        fn with_outer<T: Lane + TileValue>(
            inner: Operation,
            outer: Operation,
            is_right: bool,
            tier: Tier,
        ) -> Option<TileFunction> {
            match outer {
                $(Operation::$operation => with_inner::<T, $name>(inner, is_right, tier),)*
                _ => None,
            }
        }
    };
}
plain!(add Add, subtract Subtract, multiply Multiply);

/// What becomes of an instruction.
#[derive(Clone, Copy)]
pub enum Role {
    /// A step of its own, or none.
    Alone,
    /// The first operation of a pair: it is computed by the second one's step.
    Inner,
    /// The second operation of a pair: the operands of the first, its own other one, and what computes both.
    Outer { arguments: [Value; 3], function: TileFunction },
}

/// The role of each instruction of an expression; values that `is_taken` are left alone.
pub fn find(
    expr: &Expr,
    wanted: &[Value],
    tier: Tier,
    is_taken: impl Fn(Value) -> bool,
) -> SmallVec<[Role; 16]> {
    let readers = readers(expr, wanted);
    let mut roles: SmallVec<[Role; 16]> = smallvec![Role::Alone; readers.len()];
    for (outer, instruction) in expr.instructions().iter().enumerate() {
        let Instruction::Apply { operation, arguments } = instruction else { continue };
        let &[left, right] = &arguments[..] else { continue };
        if is_taken(outer as Value) {
            continue;
        }
        for (inner, other, is_right) in [(left, right, false), (right, left, true)] {
            let at = usize::from(inner);
            let Instruction::Apply { operation: first, arguments } = &expr.instructions()[at] else {
                continue;
            };
            let &[a, b] = &arguments[..] else { continue };
            if readers[at] != 1 || !matches!(roles[at], Role::Alone) || is_taken(inner) {
                continue;
            }
            let function = match expr.dtypes()[outer] {
                DType::Float32 => with_outer::<f32>(*first, *operation, is_right, tier),
                DType::Float64 => with_outer::<f64>(*first, *operation, is_right, tier),
                _ => None,
            };
            if let Some(function) = function {
                roles[at] = Role::Inner;
                roles[outer] = Role::Outer { arguments: [a, b, other], function };
                break;
            }
        }
    }
    roles
}

/// How often each value is read, outputs included.
fn readers(expr: &Expr, wanted: &[Value]) -> SmallVec<[u8; 16]> {
    let mut readers: SmallVec<[u8; 16]> = smallvec![0; expr.instructions().len()];
    for &value in expr.instructions().iter().flat_map(Instruction::reads).chain(wanted) {
        let readers = &mut readers[usize::from(value)];
        *readers = readers.saturating_add(1);
    }
    readers
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: [Operation; 3] = [Operation::add, Operation::subtract, Operation::multiply];

    /// `outer(inner(a, b), c)` or `outer(c, inner(a, b))` of operands 0 to 2, with the value of the inner operation.
    fn expression(dtype: DType, inner: Operation, outer: Operation, is_right: bool) -> (Expr, Value) {
        let mut expr = Expr::new();
        let [a, b, c] = [0, 1, 2].map(|operand| expr.load(operand, dtype));
        let first = expr.apply(inner, &[a, b]);
        let second = expr.apply(outer, &if is_right { [c, first] } else { [first, c] });
        expr.output(second);
        (expr, first)
    }

    fn plain<T: Lane>(operation: Operation, left: T, right: T) -> T {
        match operation {
            Operation::add => left + right,
            Operation::subtract => left - right,
            _ => left * right,
        }
    }

    /// Holds a pair's function against its two operations, on numbers whose products and sums are rounded.
    fn check<T: Lane + std::fmt::Debug>(dtype: DType, bits: impl Fn(T) -> u64) {
        let special = [0.0, -0.0, f64::INFINITY, f64::NEG_INFINITY, 1e-40, 3e38, -1.0].map(T::constant);
        let draw = |seed: usize| {
            let number = move |at: usize| ((at * 37 + seed * 101) % 1999) as f64 / 300.0 - 3.1;
            let numbers = (0..61).map(move |at| T::constant(number(at)));
            numbers.chain((0..7).map(move |at| special[(at * (seed + 1)) % 7])).collect::<Vec<T>>()
        };
        let [a, b, c] = [0, 1, 2].map(draw);
        for tier in Tier::available() {
            for (inner, outer, is_right) in PLAIN.iter().flat_map(|&inner| {
                PLAIN.iter().flat_map(move |&outer| [(inner, outer, false), (inner, outer, true)])
            }) {
                let (expr, _) = expression(dtype, inner, outer, is_right);
                let roles = find(&expr, expr.outputs(), *tier, |_| false);
                let Role::Outer { arguments, function } = roles[4] else { panic!("{inner:?} in {outer:?}") };
                assert_eq!(arguments, [0, 1, 2]);
                assert!(matches!(roles[3], Role::Inner));
                let mut results = vec![T::constant(7.0); a.len()];
                let tile = |numbers: &[T]| numbers.as_ptr().cast::<u8>();
                // SAFETY: the tiles are of the function's type and as long as is said.
                unsafe { function(tile(&a), tile(&b), tile(&c), results.as_mut_ptr().cast(), a.len()) };
                for at in 0..a.len() {
                    let first = plain(inner, a[at], b[at]);
                    let expected =
                        if is_right { plain(outer, c[at], first) } else { plain(outer, first, c[at]) };
                    let same =
                        bits(results[at]) == bits(expected) || results[at].is_nan() && expected.is_nan();
                    assert!(same, "{inner:?} in {outer:?} of {:?}", (a[at], b[at], c[at], results[at]));
                }
            }
        }
    }

    #[test]
    fn a_pair_rounds_twice() {
        check::<f32>(DType::Float32, |number| number.to_bits().into());
        check::<f64>(DType::Float64, f64::to_bits);
    }

    #[test]
    fn only_what_nobody_else_reads_is_paired() {
        let is_paired = |expr: &Expr, wanted: &[Value]| {
            let roles = find(expr, wanted, Tier::Portable, |_| false);
            roles.iter().any(|role| matches!(role, Role::Inner))
        };
        let (mut expr, first) = expression(DType::Float32, Operation::multiply, Operation::add, false);
        let sum = expr.outputs()[0];
        assert!(is_paired(&expr, &[sum]));
        assert!(!is_paired(&expr, &[sum, first]));
        let _reader = expr.apply(Operation::negative, &[first]);
        assert!(!is_paired(&expr, &[sum]));
        // Half precisions are rounded after each operation, and integers have other functions.
        for dtype in [DType::Bfloat16, DType::Float16, DType::Int32, DType::Complex64] {
            let (expr, _) = expression(dtype, Operation::multiply, Operation::add, false);
            assert!(!is_paired(&expr, expr.outputs()), "{dtype}");
        }
        let mut expr = Expr::new();
        let x = expr.load(0, DType::Float32);
        let y = expr.apply(Operation::add, &[x, x]);
        let square = expr.apply(Operation::multiply, &[y, y]);
        assert!(!is_paired(&expr, &[square]));
    }

    #[test]
    fn a_chain_takes_half_as_many_steps() {
        let mut expr = Expr::new();
        let loads = [0, 1, 2, 3, 4].map(|operand| expr.load(operand, DType::Float32));
        let last = loads[1..].iter().fold(loads[0], |sum, &load| expr.apply(Operation::add, &[sum, load]));
        let roles = find(&expr, &[last], Tier::Portable, |_| false);
        assert_eq!(roles.iter().filter(|role| matches!(role, Role::Outer { .. })).count(), 2);
    }
}
