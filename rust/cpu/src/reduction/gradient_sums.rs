//! The sums that the gradients of a normalisation's bias and weight are: `Σ g` and `Σ g·((x − m)·r)`.

use tenfold_ir::expr::Value;
use tenfold_ir::lanes::Lane;
use tenfold_ir::{Element, Expr, Instruction, Operation, Result};

use smallvec::SmallVec;

use super::accumulate::{accumulators, column_accumulators, join_columns, lines, short_row, take, take_line};
use super::fold::{Fold, Sum};
use super::order::{BLOCK, join_lanes};
use super::sweep::{Sweep, Unit, columns_together, join_chunks};
use crate::backend::disjoint::{Disjoint, for_each_part};
use crate::backend::view::OutputView;
use crate::elementwise::evaluate::Evaluator;
use crate::elementwise::program::TILE;
use crate::simd::{Tiered, on_tier};

/// The terms of both sums from the prologues of g, x, m and r, in the compute dtype.
pub fn terms(prologues: &[Expr]) -> Expr {
    let mut expr = Expr::new();
    let values: SmallVec<[Value; 4]> = prologues
        .iter()
        .map(|prologue| {
            let value = append(&mut expr, prologue);
            let wide = expr.dtypes()[usize::from(value)].compute();
            expr.cast(value, wide)
        })
        .collect();
    let centered = expr.apply(Operation::subtract, &values[1..3]);
    let normalized = expr.apply(Operation::multiply, &[centered, values[3]]);
    let product = expr.apply(Operation::multiply, &[values[0], normalized]);
    expr.output(values[0]);
    expr.output(product);
    expr
}

/// The operands g, x, m and r where the terms are of nothing else.
fn plain_operands(terms: &Expr) -> Option<[usize; 4]> {
    use Instruction::{Apply, Load};
    match *terms.instructions() {
        [
            Load { operand: g },
            Load { operand: x },
            Load { operand: m },
            Load { operand: r },
            Apply { .. },
            Apply { .. },
            Apply { .. },
        ] => Some([g, x, m, r].map(usize::from)),
        _ => None,
    }
}

/// Appends the instructions of a prologue and gives the value that comes out.
fn append(expr: &mut Expr, prologue: &Expr) -> Value {
    let mut values: SmallVec<[Value; 8]> = SmallVec::new();
    for (instruction, &dtype) in prologue.instructions().iter().zip(prologue.dtypes()) {
        let value = match instruction {
            Instruction::Load { operand } => expr.load(*operand, dtype),
            Instruction::Result { index } => expr.result(*index, dtype),
            Instruction::Scalar { index } => expr.scalar(*index, dtype),
            Instruction::Coordinate { axis } => expr.coordinate(*axis),
            Instruction::Apply { operation, arguments } => {
                expr.apply(*operation, &arguments.map(|argument| values[usize::from(argument)]))
            }
            Instruction::Cast { from } => expr.cast(values[usize::from(*from)], dtype),
        };
        values.push(value);
    }
    values[usize::from(prologue.outputs()[0])]
}

impl Sweep {
    /// Sums the first two values of the expression, which are `terms`, in one pass.
    pub fn two_sums<T: Lane + Element>(&self, terms: &Expr, outputs: [&mut OutputView<'_>; 2]) -> Result<()>
    where
        Sum<T>: Fold<T, State = T>,
    {
        let lines = plain_operands(terms).filter(|_| self.by_columns).and_then(|operands| {
            let lines = operands.map(|operand| self.operands[operand].lines::<T>(self.results));
            lines.iter().all(Option::is_some).then(|| lines.map(Option::unwrap_or_default))
        });
        let nothing = [T::constant(0.0); 2];
        let states = self.states(
            nothing,
            columns_together(&nothing),
            self.rows_per_tile(),
            |evaluator, unit, target| {
                on_tier(TwoSumsUnit::<T> { evaluator, sweep: self, unit, lines, target });
            },
        )?;
        let chunks = self.chunks();
        for (which, output) in outputs.into_iter().enumerate() {
            for_each_part(output.values::<T>()?, 4_096, 4_096 * 4, &|start, part| {
                for (index, value) in part.iter_mut().enumerate() {
                    let states = &states[(start + index) * chunks..][..chunks];
                    let add = |a: [T; 2], b: [T; 2]| [a[0] + b[0], a[1] + b[1]];
                    *value = join_chunks(states, nothing, add)[which];
                }
            });
        }
        Ok(())
    }
}

/// One unit of both sums.
struct TwoSumsUnit<'a, 'e, T> {
    evaluator: &'a mut Evaluator<'e>,
    sweep: &'a Sweep,
    unit: &'a Unit,
    /// g, x, m and r line by line, with how far apart lines begin, where they lie so.
    lines: Option<[(&'a [T], usize); 4]>,
    target: &'a Disjoint<'a, [T; 2]>,
}

impl<T: Lane + Element> Tiered for TwoSumsUnit<'_, '_, T>
where
    Sum<T>: Fold<T, State = T>,
{
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let TwoSumsUnit { evaluator, sweep, unit, lines: in_memory, target } = self;
        let chunks = sweep.chunks();
        // SAFETY: the states of a unit are its own.
        let put =
            |index: usize, state| unsafe { target.write((unit.first + index) * chunks + unit.chunk, state) };
        if sweep.by_columns {
            let width = unit.width;
            let mut sums = [0, 1].map(|_| column_accumulators::<T, Sum<T>>(unit));
            match in_memory {
                Some(in_memory) => {
                    for line in 0..unit.length {
                        let place = line % BLOCK * width;
                        let [of_bias, of_weight] = &mut sums;
                        let sums = [&mut of_bias[place..][..width], &mut of_weight[place..][..width]];
                        take_terms(sums, in_memory, unit.begin + line, unit.first);
                    }
                }
                None => lines::<T, 2>(evaluator, sweep, unit, |line, values| {
                    for (sums, values) in sums.iter_mut().zip(values) {
                        take_line::<T, Sum<T>>(&mut sums[line % BLOCK * width..][..width], values, line);
                    }
                }),
            }
            for sums in &mut sums {
                join_columns::<T, Sum<T>>(sums, width, unit.length.min(BLOCK));
            }
            (0..width).for_each(|column| put(column, [sums[0][column], sums[1][column]]));
        } else if sweep.reduced <= TILE {
            let rows: [&[T]; 2] = evaluator.views(unit.first * sweep.reduced, unit.width * sweep.reduced);
            for row in 0..unit.width {
                // A loop, and not a closure for each: that would not be compiled for the tier.
                let mut sums = [T::constant(0.0); 2];
                for which in 0..2 {
                    let row = &rows[which][row * sweep.reduced..][..sweep.reduced];
                    sums[which] = short_row::<T, Sum<T>>(row, |element| element);
                }
                put(row, sums);
            }
        } else {
            let start = unit.first * sweep.reduced + unit.begin;
            let mut sums = [accumulators::<T, Sum<T>>(); 2];
            let mut done = 0;
            while done < unit.length {
                let count = unit.count(start + done, unit.length - done);
                let values: [&[T]; 2] = evaluator.views(start + done, count);
                for (sums, values) in sums.iter_mut().zip(values) {
                    take::<T, Sum<T>>(sums, values, unit.begin + done, |element| element);
                }
                done += count;
            }
            put(0, sums.map(|sums| join_lanes(&sums, |a, b| a + b)));
        }
    }
}

/// Takes the terms of a line, of columns from the first one on, computed as [`terms`] says. One line: several together are not
/// widened by the compiler, which took twice as long.
#[inline(always)]
fn take_terms<T: Lane>(
    [of_bias, of_weight]: [&mut [T]; 2],
    [g, x, m, r]: [(&[T], usize); 4],
    line: usize,
    first: usize,
) {
    let width = of_bias.len();
    let (g, x) = (&g.0[line * g.1 + first..][..width], &x.0[line * x.1 + first..][..width]);
    let (m, r) = (&m.0[line * m.1 + first..][..width], &r.0[line * r.1 + first..][..width]);
    for column in 0..width {
        of_bias[column] = of_bias[column] + g[column];
        of_weight[column] = of_weight[column] + g[column] * ((x[column] - m[column]) * r[column]);
    }
}
