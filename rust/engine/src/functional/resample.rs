//! Weighted sums along axes, which interpolation and adaptive averages are made of.

use std::sync::Arc;

use smallvec::SmallVec;
use tenfold_ir::kernel::{Resample, WeightTable};
use tenfold_ir::{Core, Result};

use crate::Tensor;
use crate::autograd::{Context, Derivative, Gradients, record_gradient};

/// The gradient of weighted sums: the same with the table transposed.
#[derive(Debug)]
struct ResampleDerivative(Resample);

impl Derivative for ResampleDerivative {
    fn name(&self) -> &str {
        "resample"
    }

    fn gradients(&self, context: &Context<'_>) -> Result<Gradients> {
        let table = Arc::new(self.0.table.transposed());
        let back = resample(context.gradient(0), Resample { axis: self.0.axis, table })?;
        Ok(Gradients::from_iter([Some(back)]))
    }
}

fn resample(x: &Tensor, core: Resample) -> Result<Tensor> {
    let mut results = Tensor::record_core(Core::Resample(core.clone()), &[x])?;
    record_gradient(&mut results, &[x], ResampleDerivative(core), &[]);
    Ok(results.remove(0))
}

/// The last axes replaced by weighted sums of theirs, one table for each (`None`: as it is). Half precisions round
/// once, at the end.
pub(super) fn resample_last(x: &Tensor, tables: Vec<Option<WeightTable>>) -> Result<Tensor> {
    let first = x.rank() - tables.len();
    let mut steps: SmallVec<[(usize, WeightTable); 3]> =
        tables.into_iter().enumerate().filter_map(|(number, table)| Some((first + number, table?))).collect();
    // What shrinks comes first. Sums along the last axis are dearest: there should be as little as possible of them.
    steps.sort_by(|(a, small), (b, large)| {
        let growth = |table: &WeightTable| table.outputs() as f64 / table.inputs().max(1) as f64;
        growth(small).total_cmp(&growth(large)).then(if growth(small) < 1.0 { a.cmp(b) } else { b.cmp(a) })
    });
    let wide = x.cast(x.dtype().compute())?;
    let summed = steps
        .into_iter()
        .try_fold(wide, |wide, (axis, table)| resample(&wide, Resample { axis, table: Arc::new(table) }))?;
    summed.cast(x.dtype())
}
