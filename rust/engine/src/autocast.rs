//! Products in half precision, where the user asks for it: `autocast`.
//!
//! While a dtype is set, matrix products, convolutions, attention and recurrent layers of this thread convert operands of
//! less than 64 bits to it, and losses convert half precisions to float32; everything else promotes as ever. These are the
//! lists that PyTorch has for its CPU. Gradients flow through the conversions: those of a float32 weight are float32.

use std::borrow::Cow;
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};

use tenfold_ir::kernel::Precision;
use tenfold_ir::{DType, Error, Result};

use crate::Tensor;

thread_local! {
    static LOWER: Cell<Option<DType>> = const { Cell::new(None) };
}

/// Whether matrix products of float32 may round their operands to bfloat16.
static ROUNDS_FLOAT32: AtomicBool = AtomicBool::new(false);

/// Permits matrix products of float32, in all threads, to round their operands to bfloat16, or takes it back. They do so
/// where the processor multiplies bfloat16 faster; sums and results stay float32. What is recorded already keeps the
/// permission of its time, and so do its gradients.
pub fn allow_bfloat16_products_of_float32(allowed: bool) {
    ROUNDS_FLOAT32.store(allowed, Ordering::Relaxed);
}

/// What matrix products of operands of that dtype may give up, from all that this thread is allowed now.
pub(crate) fn precision(dtype: DType) -> Precision {
    match dtype {
        DType::Bfloat16 if LOWER.get() == Some(DType::Bfloat16) => Precision::Bfloat16,
        DType::Float32 if ROUNDS_FLOAT32.load(Ordering::Relaxed) => Precision::Bfloat16,
        _ => Precision::Exact,
    }
}

/// The dtype of products on this thread, where one is set.
pub fn dtype() -> Option<DType> {
    LOWER.get()
}

/// Sets the dtype of products on this thread (float16 or bfloat16), or none; gives the one before.
///
/// ```
/// use tenfold::{DType, Tensor, autocast};
/// let x = Tensor::ones(&[2, 2], DType::Float32)?;
/// let before = autocast::set(Some(DType::Bfloat16))?;
/// assert_eq!(x.matmul(&x)?.dtype(), DType::Bfloat16);
/// autocast::set(before)?;
/// # tenfold::Result::Ok(())
/// ```
pub fn set(dtype: Option<DType>) -> Result<Option<DType>> {
    match dtype {
        None | Some(DType::Float16 | DType::Bfloat16) => Ok(LOWER.replace(dtype)),
        Some(other) => {
            Err(Error::dtype("autocast", format!("only float16 and bfloat16 are offered; got {other}")))
        }
    }
}

/// No dtype is set while this lives.
pub(crate) struct Off(Option<DType>);

impl Off {
    pub fn enter() -> Off {
        Off(LOWER.replace(None))
    }
}

impl Drop for Off {
    fn drop(&mut self) {
        LOWER.set(self.0);
    }
}

fn is_low(dtype: DType) -> bool {
    matches!(dtype, DType::Float16 | DType::Bfloat16)
}

/// An operand of a product, in the dtype that is set.
#[inline]
pub(crate) fn lowered(tensor: &Tensor) -> Result<Cow<'_, Tensor>> {
    match dtype() {
        Some(dtype) if tensor.dtype() == DType::Float32 || is_low(tensor.dtype()) => {
            tensor.cast(dtype).map(Cow::Owned)
        }
        _ => Ok(Cow::Borrowed(tensor)),
    }
}

/// The same, of what may be left out.
#[inline]
pub(crate) fn lowered_option(tensor: Option<&Tensor>) -> Result<Option<Cow<'_, Tensor>>> {
    tensor.map(lowered).transpose()
}

/// An operand of a loss: in float32, while a dtype is set and where it has less.
#[inline]
pub(crate) fn raised(tensor: &Tensor) -> Result<Cow<'_, Tensor>> {
    match dtype() {
        Some(_) if is_low(tensor.dtype()) => tensor.cast(DType::Float32).map(Cow::Owned),
        _ => Ok(Cow::Borrowed(tensor)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_may_be_rounded_only_where_that_was_asked_for() {
        let all = || [DType::Bfloat16, DType::Float32, DType::Float16, DType::Float64].map(precision);
        let (exact, low) = (Precision::Exact, Precision::Bfloat16);
        assert_eq!(all(), [exact; 4]);
        set(Some(DType::Bfloat16)).unwrap();
        assert_eq!(all(), [low, exact, exact, exact]);
        {
            let _off = Off::enter();
            assert_eq!(all(), [exact; 4]);
        }
        set(Some(DType::Float16)).unwrap();
        assert_eq!(all(), [exact; 4]);
        set(None).unwrap();
        allow_bfloat16_products_of_float32(true);
        assert_eq!(all(), [exact, low, exact, exact]);
        allow_bfloat16_products_of_float32(false);
        assert_eq!(all(), [exact; 4]);
    }
}
