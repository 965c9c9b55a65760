//! Writing to a region of a dense tensor: the value and the gradient of assigning to a view.

use bytemuck::Pod;
use tenfold_ir::{Boolean, DType, Layout, Result, Shape, bf16, f16};

use super::CHUNK_NANOSECONDS;
use super::assemble::copy_base;
use super::combine::{Add, Combine};
use super::framed::Framed;
use crate::backend::disjoint::{Disjoint, for_each_part, for_each_range};
use crate::backend::view::{Input, OutputView, Walk};

/// How many leading parts of a region can be written at a time: parts of equal index along the leading axes whose
/// elements lie apart from those of the other parts. The number of axes, and of parts.
fn independent_parts(region: &Layout) -> (usize, usize) {
    if region.is_injective() {
        return (region.rank(), region.elements());
    }
    let (shape, strides) = (region.shape(), region.strides());
    let mut best = 0;
    for axes in (1..=region.rank()).rev() {
        // The axes within a part, told from the others as one run as long as all that they reach.
        let reach: i64 =
            (axes..region.rank()).map(|axis| (shape[axis] as i64 - 1) * strides[axis].abs()).sum();
        let mut extents: Vec<usize> = shape[..axes].to_vec();
        extents.push(reach as usize + 1);
        let mut steps: smallvec::SmallVec<[i64; 4]> = strides[..axes].into();
        steps.push(1);
        if Layout::strided(Shape::new(&extents), steps, 0).is_injective() {
            best = axes;
            break;
        }
    }
    (best, shape[..best].iter().product())
}

/// `base` with `values` written where `region` points; the last of overlapping writes stays.
pub fn overlay<T: Pod + Send + Sync>(
    region: &Layout,
    inputs: &[Input<'_>],
    output: &mut OutputView<'_>,
) -> Result<()> {
    let (base, values) = (&inputs[0], &inputs[1]);
    if let Some(number) = number_everywhere::<T>(base)?
        && let Some(framed) = Framed::new(region, &values.layout, &output.shape)
    {
        framed.write(number, values.plain::<T>()?, output.plain::<T>()?, |_, value| value);
        return Ok(());
    }
    copy_base::<T>(base, output)?;
    write_region(region, values, output.plain::<T>()?, |_, value| value)
}

/// The one number that an operand is.
fn number_everywhere<T: Pod>(input: &Input<'_>) -> Result<Option<T>> {
    let layout = &input.layout;
    if !layout.is_single() || input.is_in_place(0) {
        return Ok(None);
    }
    Ok(input.plain::<T>()?.get(layout.offset() as usize).copied())
}

/// Zeros of the output's shape with `values` added where `region` points, in row-major order. Half precisions round
/// after each addition.
pub fn spread(region: &Layout, inputs: &[Input<'_>], output: &mut OutputView<'_>) -> Result<()> {
    macro_rules! typed {
        ($type:ty, $add:expr) => {{ add_region(region, &inputs[0], output, |output| output.values::<$type>(), $add) }};
    }
    match output.dtype {
        DType::Bool => typed!(Boolean, |there, value| Boolean::from(there.get() | value.get())),
        DType::Float16 => typed!(f16, |there, value| Add.combine(there, value)),
        DType::Bfloat16 => typed!(bf16, |there, value| Add.combine(there, value)),
        dtype if dtype.is_integer() => match dtype.size() {
            1 => spread_words::<u8>(region, inputs, output, u8::wrapping_add),
            2 => spread_words::<u16>(region, inputs, output, u16::wrapping_add),
            4 => spread_words::<u32>(region, inputs, output, u32::wrapping_add),
            _ => spread_words::<u64>(region, inputs, output, u64::wrapping_add),
        },
        DType::Float32 => typed!(f32, |there, value| Add.combine(there, value)),
        DType::Float64 => typed!(f64, |there, value| Add.combine(there, value)),
        DType::Complex64 => typed!(tenfold_ir::Complex<f32>, |there, value| Add.combine(there, value)),
        _ => typed!(tenfold_ir::Complex<f64>, |there, value| Add.combine(there, value)),
    }
}

/// Integers of a size: sums wrap, signed or not.
fn spread_words<T: Pod + Send + Sync>(
    region: &Layout,
    inputs: &[Input<'_>],
    output: &mut OutputView<'_>,
    add: fn(T, T) -> T,
) -> Result<()> {
    add_region(region, &inputs[0], output, |output| output.plain::<T>(), add)
}

/// Zeros with values added where `region` points.
fn add_region<T: Pod + Send + Sync>(
    region: &Layout,
    values: &Input<'_>,
    output: &mut OutputView<'_>,
    elements: impl for<'a> Fn(&'a mut OutputView<'_>) -> Result<&'a mut [T]>,
    add: impl Fn(T, T) -> T + Sync,
) -> Result<()> {
    let framed = Framed::new(region, &values.layout, &output.shape);
    let out = elements(output)?;
    match framed {
        Some(framed) => framed.write(T::zeroed(), values.plain::<T>()?, out, add),
        None => {
            clear(out);
            write_region(region, values, out, add)?;
        }
    }
    Ok(())
}

fn clear<T: Pod + Send + Sync>(out: &mut [T]) {
    let part = 65_536 / size_of::<T>();
    for_each_part(out, part, 4_000, &|_, part| part.fill(T::zeroed()));
}

/// Combines the values with what is there, in row-major order; parts that lie apart on several threads.
fn write_region<T: Pod + Send + Sync>(
    region: &Layout,
    values: &Input<'_>,
    out: &mut [T],
    combine: impl Fn(T, T) -> T + Sync,
) -> Result<()> {
    region.check_within("overlay", out.len())?;
    let elements = region.elements();
    if elements == 0 {
        return Ok(());
    }
    let memory = values.plain::<T>()?;
    let (_, parts) = independent_parts(region);
    let length = elements / parts;
    let out = Disjoint::new(out);
    for_each_range(parts, 1 + length as u64, CHUNK_NANOSECONDS, &|start, count| {
        let (mut from, mut to) =
            (Walk::new(&values.layout, start * length), Walk::new(region, start * length));
        let mut left = count * length;
        while left > 0 {
            let ((from_step, from_run), (to_step, to_run)) = (from.run(), to.run());
            let run = from_run.min(to_run).min(left);
            let (source, target) = (from.position() as i64, to.position() as i64);
            let ((from_pitch, from_rows), (to_pitch, to_rows)) = (from.rows(run), to.rows(run));
            let rows = from_rows.min(to_rows).min(left / run);
            if from_step == 1 && to_step == 1 && rows > 1 {
                for row in 0..rows as i64 {
                    let values = &memory[(source + row * from_pitch) as usize..][..run];
                    // SAFETY: parts lie apart, and each belongs to one range.
                    let there = unsafe { out.range((target + row * to_pitch) as usize, run) };
                    for (there, &value) in there.iter_mut().zip(values) {
                        *there = combine(*there, value);
                    }
                }
                from.skip_rows(run, rows);
                to.skip_rows(run, rows);
                left -= rows * run;
                continue;
            }
            if from_step == 1 && to_step == 1 {
                // SAFETY: parts lie apart, and each belongs to one range.
                let there = unsafe { out.range(target as usize, run) };
                for (there, &value) in there.iter_mut().zip(&memory[source as usize..]) {
                    *there = combine(*there, value);
                }
            } else {
                for at in 0..run as i64 {
                    let position = (target + at * to_step) as usize;
                    let value = memory[(source + at * from_step) as usize];
                    // SAFETY: parts lie apart, and each belongs to one range.
                    unsafe { out.write(position, combine(out.read(position), value)) };
                }
            }
            from.skip(run);
            to.skip(run);
            left -= run;
        }
    });
    Ok(())
}
