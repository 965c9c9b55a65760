//! Padding the last axes.

use tenfold_ir::{Error, Result};

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
    let mut all = vec![(0, 0); rank];
    for (pair, axis) in widths.chunks(2).zip((0..rank).rev()) {
        all[axis] = (pair[0], pair[1]);
    }
    input.pad(&all, padding)
}
