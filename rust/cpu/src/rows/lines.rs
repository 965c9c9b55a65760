//! Softmax, its logarithm and their gradients along an axis that is not the last: neighbouring rows side by side, line
//! by line, each with accumulators of its own. Nothing is turned around, and sums are in the order of rows.

use smallvec::SmallVec;
use tenfold_ir::kernel::{RowOperation, Rows};
use tenfold_ir::lanes::Lane;
use tenfold_ir::{Element, Result};

use super::CHUNK_NANOSECONDS;
use super::arithmetic::larger;
use super::element::RowElement;
use crate::backend::disjoint::{Disjoint, for_each_range};
use crate::backend::view::{Input, Memory, OutputView};
use crate::reduction::accumulate::{join_columns, take_line};
use crate::reduction::fold::{Fold, Sum};
use crate::reduction::order::{BLOCK, CHUNK};
use crate::simd::{Tiered, on_tier};

/// Rows side by side, at most: their accumulators fill half of a small first-level cache.
const WIDTH: usize = 64;

/// Fewer neighbours than this go through scratch memory.
const FEWEST_NEIGHBOURS: usize = 16;

/// True where the rows of all inputs lie side by side in the order of the tensor, each within one chunk of its sum.
pub fn suits<E: RowElement>(core: &Rows, inputs: &[Input<'_>]) -> bool {
    let operation = matches!(
        core.operation,
        RowOperation::Softmax
            | RowOperation::LogSoftmax
            | RowOperation::SoftmaxGradient
            | RowOperation::LogSoftmaxGradient
    );
    let shape = inputs[0].shape();
    let lies_well =
        |input: &Input<'_>| matches!(input.memory, Memory::Bytes(_)) && input.layout.is_contiguous();
    operation
        && E::as_wide(&[]).is_some()
        && shape.rank() > 0
        && shape[core.axis + 1..].iter().product::<usize>() >= FEWEST_NEIGHBOURS
        && (1..=CHUNK).contains(&shape[core.axis])
        && inputs.iter().all(lies_well)
}

/// Computes what [`suits`].
pub fn run<E: RowElement>(core: &Rows, inputs: &[Input<'_>], output: &mut OutputView<'_>) -> Result<()>
where
    Sum<E::Wide>: Fold<E::Wide, State = E::Wide>,
{
    let shape = inputs[0].shape();
    let (length, inner) = (shape[core.axis], shape[core.axis + 1..].iter().product::<usize>());
    let elements = shape.elements();
    let x = values::<E>(&inputs[0])?;
    let g = inputs.get(1).map_or(Ok(&[][..]), values::<E>)?;
    let out = Disjoint::new(E::as_wide_mut(output.values::<E>()?).unwrap_or(&mut []));
    let blocks = inner.div_ceil(WIDTH);
    let nanoseconds = (length * WIDTH.min(inner)) as u64 / 2;
    for_each_range(elements / (length * inner) * blocks, nanoseconds, CHUNK_NANOSECONDS, &|start, count| {
        for unit in start..start + count {
            let first = unit / blocks * length * inner + unit % blocks * WIDTH;
            let width = WIDTH.min(inner - unit % blocks * WIDTH);
            on_tier(Lines { operation: core.operation, x, g, out: &out, first, width, length, inner });
        }
    });
    Ok(())
}

/// The elements of an input that lies in order.
fn values<'a, E: RowElement>(input: &Input<'a>) -> Result<&'a [E::Wide]> {
    let start = input.layout.offset() as usize;
    Ok(E::as_wide(&input.values::<E>()?[start..start + input.layout.elements()]).unwrap_or(&[]))
}

/// Rows side by side: element `i` of row `c` at `first + i · inner + c`.
struct Lines<'a, T> {
    operation: RowOperation,
    x: &'a [T],
    g: &'a [T],
    out: &'a Disjoint<'a, T>,
    first: usize,
    width: usize,
    length: usize,
    inner: usize,
}

impl<T: Lane + Element> Lines<'_, T>
where
    Sum<T>: Fold<T, State = T>,
{
    #[inline(always)]
    fn line<'s>(&self, values: &'s [T], line: usize) -> &'s [T] {
        &values[self.first + line * self.inner..][..self.width]
    }

    /// Each line through `map`: from lines of x and g to a line of the output.
    #[inline(always)]
    fn write(&self, map: impl Fn(&[T], &[T], &mut [T])) {
        for line in 0..self.length {
            // SAFETY: rows belong to one unit of one thread.
            let out = unsafe { self.out.range(self.first + line * self.inner, self.width) };
            let g = if self.g.is_empty() { &[] } else { self.line(self.g, line) };
            map(self.line(self.x, line), g, out);
        }
    }

    /// The largest element of each row.
    #[inline(always)]
    fn largest(&self) -> [T; WIDTH] {
        let mut largest = [-T::INFINITY; WIDTH];
        for line in 0..self.length {
            for (largest, &x) in largest.iter_mut().zip(self.line(self.x, line)) {
                *largest = larger(*largest, x);
            }
        }
        largest
    }

    /// The sum of each row of what `map` writes of a line of x and g.
    #[inline(always)]
    fn sums(&self, map: impl Fn(&[T], &[T], &mut [T])) -> SmallVec<[T; WIDTH]> {
        let mut sums: SmallVec<[T; WIDTH]> =
            SmallVec::from_elem(T::constant(0.0), self.length.min(BLOCK) * self.width);
        let mut mapped = [T::constant(0.0); WIDTH];
        let mapped = &mut mapped[..self.width];
        for line in 0..self.length {
            let g = if self.g.is_empty() { &[] } else { self.line(self.g, line) };
            map(self.line(self.x, line), g, mapped);
            take_line::<T, Sum<T>>(&mut sums[line % BLOCK * self.width..][..self.width], mapped, line);
        }
        join_columns::<T, Sum<T>>(&mut sums, self.width, self.length.min(BLOCK));
        sums.truncate(self.width);
        sums
    }
}

impl<T: Lane + Element> Tiered for Lines<'_, T>
where
    Sum<T>: Fold<T, State = T>,
{
    type Output = ();

    #[inline(always)]
    fn run(self) {
        match self.operation {
            RowOperation::Softmax | RowOperation::LogSoftmax => {
                let largest = self.largest();
                let exponentials = |x: &[T], _: &[T], out: &mut [T]| {
                    for ((out, &x), &largest) in out.iter_mut().zip(x).zip(&largest) {
                        *out = (x - largest).exp_decay();
                    }
                };
                let mut sums = self.sums(exponentials);
                if self.operation == RowOperation::LogSoftmax {
                    sums.iter_mut().for_each(|sum| *sum = sum.log());
                    self.write(|x, _, out| {
                        for (((out, &x), &largest), &log) in out.iter_mut().zip(x).zip(&largest).zip(&sums) {
                            *out = x - largest - log;
                        }
                    });
                } else {
                    sums.iter_mut().for_each(|sum| *sum = T::constant(1.0) / *sum);
                    self.write(|x, _, out| {
                        for (((out, &x), &largest), &share) in out.iter_mut().zip(x).zip(&largest).zip(&sums)
                        {
                            *out = (x - largest).exp_decay() * share;
                        }
                    });
                }
            }
            RowOperation::SoftmaxGradient => {
                let sums = self.sums(|y, g, out| {
                    for ((out, &y), &g) in out.iter_mut().zip(y).zip(g) {
                        *out = g * y;
                    }
                });
                self.write(|y, g, out| {
                    for (((out, &y), &g), &sum) in out.iter_mut().zip(y).zip(g).zip(&sums) {
                        *out = y * (g - sum);
                    }
                });
            }
            _ => {
                let sums = self.sums(|_, g, out| out.copy_from_slice(g));
                self.write(|y, g, out| {
                    for (((out, &y), &g), &sum) in out.iter_mut().zip(y).zip(g).zip(&sums) {
                        *out = g - y.exp_decay() * sum;
                    }
                });
            }
        }
    }
}
