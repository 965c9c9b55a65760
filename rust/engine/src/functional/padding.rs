//! Padding the last axes.

use tenfold_ir::kernel::WeightTable;
use tenfold_ir::{Error, Result};

use super::resample::resample_last;
use crate::{Padding, Tensor};

/// The ranks that `count` axes can be padded in from the input itself: `(C, spatial…)` and `(N, C, spatial…)`.
fn check_rank(input: &Tensor, count: usize) -> Result<()> {
    if (1..=3).contains(&count) && (count + 1..=count + 2).contains(&input.rank()) {
        return Ok(());
    }
    Err(Error::not_implemented(
        "pad",
        format!(
            "modes other than constant take one to three axes behind channels; got {count} of shape {}",
            input.shape()
        ),
    ))
}

/// Which element of an axis each element of the padded one is; `None` where the widths do not fit.
fn sources(extent: usize, before: i64, after: i64, padding: Padding) -> Option<Vec<usize>> {
    let (last, count) = (extent as i64 - 1, extent as i64);
    let most = match padding {
        Padding::Reflect => last,
        Padding::Circular => count,
        Padding::Replicate | Padding::Constant(_) => i64::MAX,
    };
    // Wider than any table need be.
    const WIDEST: i64 = i32::MAX as i64;
    let fits = before.max(after) <= most && before.min(0) + after.min(0) + count >= 0;
    if last < 0 || !fits || count + before + after > WIDEST {
        return None;
    }
    let source = |place: i64| match padding {
        Padding::Reflect => {
            let mirrored = if place < 0 { -place } else { place };
            if mirrored > last { 2 * last - mirrored } else { mirrored }
        }
        Padding::Circular => place.rem_euclid(count),
        Padding::Replicate | Padding::Constant(_) => place.clamp(0, last),
    };
    Some((-before..count + after).map(|place| source(place) as usize).collect())
}

/// Elements added before and after the last axes: `widths` counts from the last one, `(left, right, top, bottom, …)`;
/// negative numbers crop. Anything but a constant pads `(C, spatial…)` and `(N, C, spatial…)`, one to three axes.
///
/// ```
/// use tenfold::{Padding, Tensor, functional};
/// let x = Tensor::from_slice(&[1.0f32, 2.0, 3.0], &[1, 3])?;
/// let y = functional::pad(&x, &[2, 1], Padding::Reflect)?;
/// assert_eq!(y.to_vec::<f32>()?, [3.0, 2.0, 1.0, 2.0, 3.0, 2.0]);
/// # tenfold::Result::Ok(())
/// ```
pub fn pad(input: &Tensor, widths: &[i64], padding: Padding) -> Result<Tensor> {
    let rank = input.rank();
    if !widths.len().is_multiple_of(2) || widths.len() / 2 > rank {
        return Err(Error::shape(
            "pad",
            format!("needs two numbers for each of at most {rank} axes; got {widths:?}"),
        ));
    }
    if !matches!(padding, Padding::Constant(_)) {
        check_rank(input, widths.len() / 2)?;
    }
    // More than any memory holds, and far from overflow.
    const LARGEST: i64 = 1 << 48;
    if let Some(wrong) = widths.iter().find(|width| !(-LARGEST..=LARGEST).contains(width)) {
        return Err(Error::shape("pad", format!("widths are at most {LARGEST}; got {wrong}")));
    }
    if !matches!(padding, Padding::Constant(_)) && input.dtype().is_floating() {
        let first = rank - widths.len() / 2;
        let pairs = widths.chunks(2).rev().map(|pair| (pair[0], pair[1]));
        let tables: Option<Vec<_>> = input.shape()[first..]
            .iter()
            .zip(pairs)
            .map(|(&extent, (before, after))| sources(extent, before, after, padding))
            .collect();
        // What does not fit is told below.
        if let Some(sources) = tables {
            let table = |(sources, &extent): (Vec<usize>, &usize)| {
                let kept =
                    sources.len() == extent && sources.iter().enumerate().all(|(at, &from)| at == from);
                let rows = sources.into_iter().map(|source| [(source, 1.0)]);
                (!kept).then(|| WeightTable::new(extent, rows)).transpose()
            };
            let tables = sources.into_iter().zip(&input.shape()[first..]).map(table);
            return resample_last(input, tables.collect::<Result<_>>()?);
        }
    }
    let mut all = vec![(0, 0); rank];
    for (pair, axis) in widths.chunks(2).zip((0..rank).rev()) {
        all[axis] = (pair[0], pair[1]);
    }
    input.pad(&all, padding)
}
