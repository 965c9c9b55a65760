//! Random numbers by counter: whole stretches of blocks at a time, in parallel.
//!
//! What each element is stands in [`tenfold_ir::random`].

mod make;
#[cfg(test)]
mod tests;

use tenfold_ir::kernel::{Distribution, Random};
use tenfold_ir::random::{block, per_block, uniform_bits};
use tenfold_ir::{Boolean, DType, Element, Error, Result, bf16, f16};

use crate::backend::disjoint::{Disjoint, for_each_range};
use crate::backend::view::{Input, OutputView};
use crate::memory::HostBuffer;
use crate::simd::{Tiered, on_tier};
use crate::sort::order::{Scratch, in_order};
use crate::sort::row::Row;
use crate::sort::words::index_of;
use make::{Bernoulli, Integers, Keys, Make, Normal, Uniform, WideIntegers};

/// Work that is handed to a thread at a time.
const CHUNK_NANOSECONDS: u64 = 25_000;

/// Blocks that are made before they are turned into elements.
const STRETCH: usize = 256;

/// Draws random numbers. There are no inputs.
pub fn run(core: &Random, inputs: &[Input<'_>], outputs: &mut [OutputView<'_>]) -> Result<()> {
    let name = core.distribution.name();
    let ([], [output]) = (inputs, outputs) else {
        return Err(Error::state(name, "needs no input and one output"));
    };
    macro_rules! draw {
        ($type:ty, $make:expr) => {
            draw::<$type, _>(core, output, 4, $make)
        };
    }
    let uniform = Uniform { bits: uniform_bits(core.dtype) };
    match (core.distribution, core.dtype) {
        (Distribution::Uniform, DType::Float16) => draw!(f16, uniform),
        (Distribution::Uniform, DType::Bfloat16) => draw!(bf16, uniform),
        (Distribution::Uniform, DType::Float32) => draw!(f32, uniform),
        (Distribution::Uniform, DType::Float64) => draw!(f64, uniform),
        (Distribution::Normal, DType::Float16) => draw!(f16, Normal),
        (Distribution::Normal, DType::Bfloat16) => draw!(bf16, Normal),
        (Distribution::Normal, DType::Float32) => draw!(f32, Normal),
        (Distribution::Normal, DType::Float64) => draw!(f64, Normal),
        (Distribution::Integer { low, high }, dtype) => {
            let span = (high - i128::from(low)) as u128;
            let (narrow, wide) = (Integers { low, span: span as u64 }, WideIntegers { low, span });
            match dtype {
                DType::Int8 => draw!(i8, narrow),
                DType::Int16 => draw!(i16, narrow),
                DType::Int32 => draw!(i32, narrow),
                DType::Uint8 => draw!(u8, narrow),
                DType::Uint16 => draw!(u16, narrow),
                DType::Uint32 => draw!(u32, narrow),
                DType::Int64 => draw!(i64, wide),
                DType::Uint64 => draw!(u64, wide),
                DType::Float16 => draw!(f16, wide),
                DType::Bfloat16 => draw!(bf16, wide),
                DType::Float32 => draw!(f32, wide),
                DType::Float64 => draw!(f64, wide),
                _ => Err(Error::dtype(name, format!("not defined for {dtype}"))),
            }
        }
        (Distribution::Bernoulli { probability }, dtype) => {
            let make = Bernoulli::new(probability);
            match dtype {
                DType::Bool => draw!(Boolean, make),
                DType::Int8 => draw!(i8, make),
                DType::Int16 => draw!(i16, make),
                DType::Int32 => draw!(i32, make),
                DType::Int64 => draw!(i64, make),
                DType::Uint8 => draw!(u8, make),
                DType::Uint16 => draw!(u16, make),
                DType::Uint32 => draw!(u32, make),
                DType::Uint64 => draw!(u64, make),
                DType::Float16 => draw!(f16, make),
                DType::Bfloat16 => draw!(bf16, make),
                DType::Float32 => draw!(f32, make),
                DType::Float64 => draw!(f64, make),
                _ => Err(Error::dtype(name, format!("not defined for {dtype}"))),
            }
        }
        (Distribution::Permutation, _) => permutation(core, output),
        (_, dtype) => Err(Error::dtype(name, format!("not defined for {dtype}"))),
    }
}

fn draw<E: Element, M: Make<E> + Copy + Sync>(
    core: &Random,
    output: &mut OutputView<'_>,
    nanoseconds_per_block: u64,
    make: M,
) -> Result<()> {
    fill(core, output.values::<E>()?, nanoseconds_per_block, make);
    Ok(())
}

/// Elements of the blocks from the offset on.
fn fill<E: Element, M: Make<E> + Copy + Sync>(
    core: &Random,
    out: &mut [E],
    nanoseconds_per_block: u64,
    make: M,
) {
    let each = per_block(core.distribution, core.dtype);
    let out = Disjoint::new(out);
    let stretches = out.elements().div_ceil(each * STRETCH);
    let cost = nanoseconds_per_block * STRETCH as u64;
    for_each_range(stretches, cost, CHUNK_NANOSECONDS, &|start, count| {
        let first = start * STRETCH;
        let elements = (count * STRETCH * each).min(out.elements() - first * each);
        // SAFETY: each stretch belongs to one range.
        let out = unsafe { out.range(first * each, elements) };
        let offset = core.offset.wrapping_add(first as u64);
        on_tier(Blocks { seed: core.seed, offset, each, make, out });
    });
}

/// Elements of consecutive blocks.
struct Blocks<'a, E, M> {
    seed: u64,
    offset: u64,
    each: usize,
    make: M,
    out: &'a mut [E],
}

impl<E: Element, M: Make<E>> Tiered for Blocks<'_, E, M> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Blocks { seed, mut offset, each, make, out } = self;
        let mut words = [[0u32; 4]; STRETCH];
        let mut last = [<E as bytemuck::Zeroable>::zeroed(); 4 * STRETCH];
        for part in out.chunks_mut(each * STRETCH) {
            for (at, words) in words.iter_mut().enumerate() {
                *words = block(seed, offset.wrapping_add(at as u64));
            }
            offset = offset.wrapping_add(STRETCH as u64);
            if part.len() == each * STRETCH {
                make.make(&words, part);
            } else {
                // The rest of the last stretch is made and dropped.
                let whole = &mut last[..each * STRETCH];
                make.make(&words, whole);
                part.copy_from_slice(&whole[..part.len()]);
            }
        }
    }
}

/// The order of random keys; equal keys by index.
fn permutation(core: &Random, output: &mut OutputView<'_>) -> Result<()> {
    let out = output.values::<i64>()?;
    if u32::try_from(out.len()).is_err() {
        out.copy_from_slice(&tenfold_ir::random::permutation(core.seed, core.offset, out.len()));
        return Ok(());
    }
    let mut memory = HostBuffer::new(size_of_val(out))?;
    let keys: &mut [u64] = bytemuck::cast_slice_mut(memory.as_mut_slice());
    fill(core, keys, 4, Keys);
    let mut scratch = Scratch::new(keys.len())?;
    let out = Disjoint::new(out);
    in_order(Row::new(keys, false), &mut scratch, &|start, words| {
        // SAFETY: stretches of the sorted row do not overlap.
        let out = unsafe { out.range(start, words.len()) };
        for (out, &word) in out.iter_mut().zip(words) {
            *out = index_of(word) as i64;
        }
    });
    Ok(())
}
