//! Functions of the host's.

use super::tensor::Tensor;
use crate::backend::{PlainStorage, Storage};
use crate::kernel::{Host, HostInput, HostOutput, Specs};
use crate::{Error, Layout, Result};

pub(super) fn host(core: &Host, inputs: &[Tensor], results: &Specs) -> Result<Vec<Tensor>> {
    let mut given = inputs
        .iter()
        .map(|input| {
            let mut storage = PlainStorage::zeros(input.spec.bytes())?;
            input.write(writable(&mut storage)?);
            Ok(storage)
        })
        .collect::<Result<Vec<_>>>()?;
    let mut taken =
        results.iter().map(|spec| PlainStorage::zeros(spec.bytes())).collect::<Result<Vec<_>>>()?;
    let mut host_inputs = Vec::new();
    for (input, storage) in inputs.iter().zip(&mut given) {
        host_inputs.push(HostInput {
            spec: input.spec.clone(),
            layout: Layout::dense(input.shape().clone()),
            bytes: writable(storage)?,
        });
    }
    let mut host_outputs = Vec::new();
    for (spec, storage) in results.iter().zip(&mut taken) {
        host_outputs.push(HostOutput { spec: spec.clone(), bytes: writable(storage)? });
    }
    core.function().run(&host_inputs, &mut host_outputs)?;
    host_outputs
        .into_iter()
        .map(|output| Tensor::read(output.spec.clone(), &Layout::dense(output.spec.shape), output.bytes))
        .collect()
}

fn writable(storage: &mut PlainStorage) -> Result<&mut [u8]> {
    storage.bytes_mut().ok_or_else(|| Error::state("host", "memory is not writable"))
}
