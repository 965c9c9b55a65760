//! The gradient of group norm: of the rows, and with them, while they are in cache, the sums over each run of a row that
//! has a weight.

use tenfold_ir::lanes::Lane;

use super::element::RowElement;
use super::{CHUNK_NANOSECONDS, Job, arithmetic, next_number};
use crate::backend::disjoint::for_each_range;
use crate::backend::view::{RowLayout, Walk};
use crate::simd::{Tiered, on_tier};

/// Computes the rows of a job and the sums of their runs, which lie as `sums` says.
pub fn run<E: RowElement>(job: &Job<'_, E>, sums: &RowLayout) {
    let cost = 10 + job.first.layout.length as u64 / 2;
    for_each_range(job.first.layout.rows(), cost, CHUNK_NANOSECONDS, &|start, count| {
        on_tier(SomeRows { job, sums, start, count });
    });
}

/// Rows `start .. start + count` of a job.
struct SomeRows<'a, 'b, E: RowElement> {
    job: &'a Job<'b, E>,
    sums: &'a RowLayout,
    start: usize,
    count: usize,
}

impl<E: RowElement> Tiered for SomeRows<'_, '_, E> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let SomeRows { job, sums, start, count } = self;
        let (Some(weights), Some(gradients), Some(target)) = (&job.second, &job.third, &job.rows_out) else {
            return;
        };
        let [Some(products_out), Some(sums_out)] = &job.wide_out else { return };
        let mut numbers =
            job.wide.each_ref().map(|numbers| numbers.as_ref().map(|numbers| numbers.walk(start)));
        let [mut x, mut weight, mut gradient] =
            [&job.first, weights, gradients].map(|source| source.reader(start, count));
        let mut writer = target.writer(start, count);
        let zero = E::Wide::constant(0.0);
        let (mut products, mut totals) = (vec![zero; sums.length], vec![zero; sums.length]);
        let mut places = Walk::new(&sums.outer, start);
        for _ in 0..count {
            let statistics = [0, 1].map(|index| next_number(&mut numbers[index], &job.wide[index]));
            let rows = [&mut x, &mut weight, &mut gradient].map(|reader| reader.next_row(Some(target)));
            let sums_of_runs = [&mut products[..], &mut totals[..]];
            arithmetic::group_norm_gradient(rows, statistics, writer.row(), sums_of_runs);
            writer.end_row();
            let place = places.position() as i64;
            places.advance();
            for (at, (&product, &total)) in products.iter().zip(&totals).enumerate() {
                let index = (place + at as i64 * sums.stride) as usize;
                // SAFETY: each row belongs to one range.
                unsafe {
                    products_out.write(index, product);
                    sums_out.write(index, total);
                }
            }
        }
    }
}
