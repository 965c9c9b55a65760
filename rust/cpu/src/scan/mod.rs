//! Cumulative reductions, one element after the other along an axis.
//!
//! Rows along the last axis are scanned one by one; along other axes, where neighbouring rows are neighbours in
//! memory, some of them side by side.

mod step;
#[cfg(test)]
mod tests;

use tenfold_ir::kernel::{Scan, ScanOperation};
use tenfold_ir::{Boolean, Complex, DType, Element, Error, Result, bf16, f16};

use crate::backend::disjoint::{Disjoint, for_each_range};
use crate::backend::view::{Input, Memory, OutputView, RowLayout, Walk};
use crate::simd::{Tiered, on_tier};
use step::{Extreme, LogSumExp, Product, Step, Sum};

/// Work that is handed to a thread at a time.
const CHUNK_NANOSECONDS: u64 = 25_000;

/// Rows that are scanned side by side.
const SIDE_BY_SIDE: usize = 16;

/// Computes a scan.
pub fn run(core: &Scan, inputs: &[Input<'_>], outputs: &mut [OutputView<'_>]) -> Result<()> {
    let name = core.operation.name();
    let dtype = inputs[0].dtype;
    let refuse = || Err(Error::dtype(name, format!("not defined for {dtype}")));
    macro_rules! real {
        ($call:ident, $other:expr) => {
            match dtype {
                DType::Int8 => $call!(i8),
                DType::Int16 => $call!(i16),
                DType::Int32 => $call!(i32),
                DType::Int64 => $call!(i64),
                DType::Uint8 => $call!(u8),
                DType::Uint16 => $call!(u16),
                DType::Uint32 => $call!(u32),
                DType::Uint64 => $call!(u64),
                DType::Float16 => $call!(f16),
                DType::Bfloat16 => $call!(bf16),
                DType::Float32 => $call!(f32),
                DType::Float64 => $call!(f64),
                _ => $other,
            }
        };
    }
    macro_rules! sum {
        ($type:ty) => {
            running::<$type, Sum>(core, inputs, outputs)
        };
    }
    macro_rules! product {
        ($type:ty) => {
            running::<$type, Product>(core, inputs, outputs)
        };
    }
    macro_rules! largest {
        ($type:ty) => {
            extremes::<$type, true>(core, inputs, outputs)
        };
    }
    macro_rules! smallest {
        ($type:ty) => {
            extremes::<$type, false>(core, inputs, outputs)
        };
    }
    match core.operation {
        ScanOperation::Sum => match dtype {
            DType::Complex64 => sum!(Complex<f32>),
            DType::Complex128 => sum!(Complex<f64>),
            _ => real!(sum, refuse()),
        },
        ScanOperation::Product => match dtype {
            DType::Complex64 => product!(Complex<f32>),
            DType::Complex128 => product!(Complex<f64>),
            _ => real!(product, refuse()),
        },
        ScanOperation::Max if dtype == DType::Bool => largest!(Boolean),
        ScanOperation::Min if dtype == DType::Bool => smallest!(Boolean),
        ScanOperation::Max => real!(largest, refuse()),
        ScanOperation::Min => real!(smallest, refuse()),
        ScanOperation::LogSumExp => match dtype {
            DType::Float16 => running::<f16, LogSumExp>(core, inputs, outputs),
            DType::Bfloat16 => running::<bf16, LogSumExp>(core, inputs, outputs),
            DType::Float32 => running::<f32, LogSumExp>(core, inputs, outputs),
            DType::Float64 => running::<f64, LogSumExp>(core, inputs, outputs),
            _ => refuse(),
        },
    }
}

/// True where the scan can have its input in the memory of its first output: each element is read before it is
/// written.
pub fn can_share(index: usize, output: usize) -> bool {
    index == 0 && output == 0
}

/// The rows of the input and of the outputs, from the end where the scan runs backwards.
struct Places {
    from: RowLayout,
    to: RowLayout,
}

impl Places {
    fn new(core: &Scan, input: &Input<'_>) -> Places {
        let turned = |mut rows: RowLayout| {
            if core.reverse && rows.length > 0 {
                let distance = (rows.length as i64 - 1) * rows.stride;
                let outer = &rows.outer;
                rows.outer = tenfold_ir::Layout::strided(
                    outer.shape().clone(),
                    outer.strides().into(),
                    outer.offset() + distance,
                );
                rows.stride = -rows.stride;
            }
            rows
        };
        let shape = input.shape().clone();
        Places {
            from: turned(RowLayout::new(&input.layout, core.axis)),
            to: turned(RowLayout::dense(&shape, core.axis)),
        }
    }

    /// Calls `body(from, from_step, to, to_step, rows)` for rows `start .. start + count`, neighbours together.
    fn for_each_group(&self, start: usize, count: usize, body: &mut dyn FnMut(Group)) {
        if self.from.length == 0 {
            return;
        }
        let (mut from, mut to) = (Walk::new(&self.from.outer, start), Walk::new(&self.to.outer, start));
        let mut left = count;
        while left > 0 {
            let ((from_step, from_run), (to_step, to_run)) = (from.run(), to.run());
            let rows = from_run.min(to_run).min(left).min(SIDE_BY_SIDE);
            body(Group { from: from.position() as i64, from_step, to: to.position() as i64, to_step, rows });
            from.skip(rows);
            to.skip(rows);
            left -= rows;
        }
    }
}

/// Some rows whose beginnings lie evenly.
#[derive(Clone, Copy)]
struct Group {
    from: i64,
    from_step: i64,
    to: i64,
    to_step: i64,
    rows: usize,
}

/// Elements of the input, which may be those of the output.
fn memory_of<'a, E: Element>(input: &Input<'a>) -> Result<Option<&'a [E]>> {
    match input.memory {
        Memory::Output(0) if input.layout.is_dense() => Ok(None),
        _ => input.values().map(Some),
    }
}

fn running<E: Element, S: Step<E>>(
    core: &Scan,
    inputs: &[Input<'_>],
    outputs: &mut [OutputView<'_>],
) -> Result<()> {
    let places = Places::new(core, &inputs[0]);
    let memory = memory_of::<E>(&inputs[0])?;
    let out = Disjoint::new(outputs[0].values::<E>()?);
    let cost = 5 + S::NANOSECONDS * places.from.length as u64;
    for_each_range(places.from.rows(), cost, CHUNK_NANOSECONDS, &|start, count| {
        places.for_each_group(start, count, &mut |group| {
            on_tier(Running::<E, S> {
                group,
                places: &places,
                memory,
                out: &out,
                step: std::marker::PhantomData,
            });
        });
    });
    Ok(())
}

/// The running results of a group of rows.
struct Running<'a, E, S> {
    group: Group,
    places: &'a Places,
    memory: Option<&'a [E]>,
    out: &'a Disjoint<'a, E>,
    step: std::marker::PhantomData<S>,
}

impl<E: Element, S: Step<E>> Tiered for Running<'_, E, S> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Running { group, places, memory, out, .. } = self;
        let read = |position: i64| match memory {
            Some(memory) => memory[position as usize],
            // SAFETY: this row's own element, which nobody else touches.
            None => unsafe { out.read(position as usize) },
        };
        let mut totals = [S::START; SIDE_BY_SIDE];
        for at in 0..places.from.length as i64 {
            let (from, to) = (group.from + at * places.from.stride, group.to + at * places.to.stride);
            for (row, total) in totals[..group.rows].iter_mut().enumerate() {
                let value = read(from + row as i64 * group.from_step);
                *total = if at == 0 { S::first(value) } else { S::next(*total, value) };
                // SAFETY: each row belongs to one range.
                unsafe { out.write((to + row as i64 * group.to_step) as usize, S::result(*total)) };
            }
        }
    }
}

fn extremes<E: Extreme, const LARGEST: bool>(
    core: &Scan,
    inputs: &[Input<'_>],
    outputs: &mut [OutputView<'_>],
) -> Result<()> {
    let places = Places::new(core, &inputs[0]);
    let memory = memory_of::<E>(&inputs[0])?;
    let [values, indices] = outputs else {
        return Err(Error::state(core.operation.name(), "needs two outputs"));
    };
    let (values, indices) = (Disjoint::new(values.values::<E>()?), Disjoint::new(indices.values::<i64>()?));
    let length = places.from.length as i64;
    let cost = 5 + 2 * length as u64;
    for_each_range(places.from.rows(), cost, CHUNK_NANOSECONDS, &|start, count| {
        places.for_each_group(start, count, &mut |group| {
            for row in 0..group.rows as i64 {
                let mut best: Option<(E, i64)> = None;
                for at in 0..length {
                    let from = (group.from + at * places.from.stride + row * group.from_step) as usize;
                    // SAFETY: this row's own element, which nobody else touches.
                    let value = memory.map_or_else(|| unsafe { values.read(from) }, |memory| memory[from]);
                    let index = if core.reverse { length - 1 - at } else { at };
                    let chosen = match best {
                        Some(best) if !E::replaces::<LARGEST>(value, best.0) => best,
                        _ => (value, index),
                    };
                    best = Some(chosen);
                    let to = (group.to + at * places.to.stride + row * group.to_step) as usize;
                    // SAFETY: each row belongs to one range.
                    unsafe { values.write(to, chosen.0) };
                    // SAFETY: as above.
                    unsafe { indices.write(to, chosen.1) };
                }
            }
        });
    });
    Ok(())
}
