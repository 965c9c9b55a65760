//! Cumulative reductions, one element after the other along an axis.
//!
//! An addition waits for the one before it, so that a row alone leaves most of a core idle: rows are scanned side by side,
//! which changes no row's order.

mod block;
mod places;
mod side_by_side;
mod step;
#[cfg(test)]
mod tests;

use std::marker::PhantomData;

use tenfold_ir::kernel::{Scan, ScanOperation};
use tenfold_ir::{Boolean, Complex, DType, Element, Error, Result, bf16, f16};

use crate::backend::disjoint::{Disjoint, for_each_range};
use crate::backend::view::{Input, Memory, OutputView};
use crate::elementwise::STREAMED_BYTES;
use crate::simd::{Tiered, on_tier, stream_fence};
use crate::threads::thread_count;
use places::Places;
use side_by_side::{Rows, SideBySide};
use step::{Extreme, LogSumExp, Product, Step, Sum};

/// Work that is handed to a thread at a time.
const CHUNK_NANOSECONDS: u64 = 25_000;

/// Computes a scan.
pub fn run(core: &Scan, inputs: &[Input<'_>], outputs: &mut [OutputView<'_>]) -> Result<()> {
    let name = core.operation.name();
    let dtype = inputs[0].dtype;
    let refuse = || Err(Error::dtype(name, format!("not defined for {dtype}")));
    macro_rules! dispatch {
        ($step:ty: $($dtype:pat => $type:ty),*) => {
            match dtype {
                $($dtype => running::<$type, $step>(core, inputs, outputs),)*
                _ => refuse(),
            }
        };
    }
    // Sums and products wrap, so that signed integers have the bits of unsigned ones.
    macro_rules! wrapping {
        ($step:ty) => {
            dispatch!($step:
                DType::Int8 | DType::Uint8 => u8, DType::Int16 | DType::Uint16 => u16,
                DType::Int32 | DType::Uint32 => u32, DType::Int64 | DType::Uint64 => u64,
                DType::Float16 => f16, DType::Bfloat16 => bf16, DType::Float32 => f32, DType::Float64 => f64,
                DType::Complex64 => Complex<f32>, DType::Complex128 => Complex<f64>)
        };
    }
    macro_rules! ordered {
        ($step:ty) => {
            dispatch!($step:
                DType::Int8 => i8, DType::Int16 => i16, DType::Int32 => i32, DType::Int64 => i64,
                DType::Uint8 => u8, DType::Uint16 => u16, DType::Uint32 => u32, DType::Uint64 => u64,
                DType::Float16 => f16, DType::Bfloat16 => bf16, DType::Float32 => f32, DType::Float64 => f64,
                DType::Bool => Boolean)
        };
    }
    match core.operation {
        ScanOperation::Sum => wrapping!(Sum),
        ScanOperation::Product => wrapping!(Product),
        ScanOperation::Max => ordered!(Extreme<true>),
        ScanOperation::Min => ordered!(Extreme<false>),
        ScanOperation::LogSumExp => dispatch!(LogSumExp:
            DType::Float16 => f16, DType::Bfloat16 => bf16, DType::Float32 => f32, DType::Float64 => f64),
    }
}

/// True where the scan can have its input in the memory of its first output: each element is read before it is
/// written.
pub fn can_share(index: usize, output: usize) -> bool {
    index == 0 && output == 0
}

/// True for elements whose scans are compiled for each tier: for all of them it would be a tenth of the library.
const fn is_tiered<E: Element>() -> bool {
    matches!(E::DTYPE, DType::Float32 | DType::Float64)
}

/// Elements of the input, which may be those of the output.
fn memory_of<'a, E: Element>(input: &Input<'a>) -> Result<Option<&'a [E]>> {
    match input.memory {
        Memory::Output(0) if input.layout.is_dense() => Ok(None),
        _ => input.plain().map(Some),
    }
}

fn running<E: Element, S: Step<E>>(
    core: &Scan,
    inputs: &[Input<'_>],
    outputs: &mut [OutputView<'_>],
) -> Result<()> {
    let places = &Places::new(core, &inputs[0]);
    let memory = memory_of::<E>(&inputs[0])?;
    let bytes: usize = outputs.iter().map(|output| output.bytes.len()).sum();
    let streamed = is_tiered::<E>() && memory.is_some() && bytes >= STREAMED_BYTES;
    let (out, found) = match outputs {
        [values] if !S::PLACES => (values.plain::<E>()?, Default::default()),
        [values, found] if S::PLACES => (values.plain::<E>()?, found.values::<i64>()?),
        _ => return Err(Error::state(core.operation.name(), "has not as many outputs as it needs")),
    };
    let (out, found) = (&Disjoint::new(out), &Disjoint::new(found));
    let all = Rows::<E, S> { places, memory, out, found, streamed, step: PhantomData };
    let (rows, cost) = (places.from.rows(), 5 + S::NANOSECONDS * places.from.length as u64);
    let together = places.rows_together(size_of::<E>(), thread_count());
    for_each_range(rows.div_ceil(together), cost * together as u64, CHUNK_NANOSECONDS, &|start, count| {
        let (start, end) = (start * together, rows.min((start + count) * together));
        places.for_each_group(start, end - start, together, &mut |group| {
            let some = SideBySide { rows: &all, group };
            if is_tiered::<E>() { on_tier(some) } else { some.run() }
        });
        if streamed {
            stream_fence();
        }
    });
    Ok(())
}
