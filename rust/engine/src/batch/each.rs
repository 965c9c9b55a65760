//! One sample after the other.

use smallvec::SmallVec;
use tenfold_ir::{Error, Result};

use super::Levels;
use crate::Tensor;

/// Calls `body` for each sample of batched tensors and stacks what it gives, gradients included: for what must look at
/// values. Where no tensor is batched, `body` is called once.
pub fn each(
    operation: &'static str,
    tensors: &[&Tensor],
    body: &mut dyn FnMut(&[&Tensor]) -> Result<Vec<Tensor>>,
) -> Result<Vec<Tensor>> {
    let levels = Levels::of(tensors.iter().copied());
    let Some(&level) = levels.iter().next() else { return body(tensors) };
    // What has a gradient has one for each sample, though its values be the same for all.
    let all = |tensor: &&Tensor| {
        let differs = tensor.batch().contains(level) || tensor.requires_grad();
        if differs { tensor.unbatched(level, 0).map(Some) } else { Ok(None) }
    };
    let all = tensors.iter().map(all).collect::<Result<SmallVec<[Option<Tensor>; 4]>>>()?;
    let mut columns: Vec<Vec<Tensor>> = Vec::new();
    for number in 0..level.extent {
        let sample = |(tensor, all): (&&Tensor, &Option<Tensor>)| match all {
            Some(all) => all.select(0, number as i64),
            None => Ok((*tensor).clone()),
        };
        let sample = tensors.iter().zip(&all).map(sample).collect::<Result<SmallVec<[Tensor; 4]>>>()?;
        let sample: SmallVec<[&Tensor; 4]> = sample.iter().collect();
        for (place, result) in each(operation, &sample, body)?.into_iter().enumerate() {
            if place == columns.len() {
                columns.push(Vec::new());
            }
            columns[place].push(result);
        }
    }
    if level.extent == 0 {
        return Err(Error::not_implemented(operation, "has no rule for a batch without samples inside vmap"));
    }
    let stacked =
        |column: &Vec<Tensor>| Tensor::stack(&column.iter().collect::<Vec<_>>(), 0)?.batched(level, 0);
    columns.iter().map(stacked).collect()
}
