//! Reading and writing by index, and assembling tensors from pieces.
//!
//! Elements that are only moved are handled as plain words of their size. Whatever is written more than once is
//! written in row-major order of the indices, on any number of threads: each thread owns its part of the result.

mod addresses;
mod assemble;
mod combine;
mod framed;
mod gather;
mod nonzero;
mod region;
mod scatter;
#[cfg(test)]
mod tests;

use tenfold_ir::kernel::Index;
use tenfold_ir::{Error, Result};

use crate::backend::view::{Input, OutputView};

/// Work that is handed to a thread at a time.
const CHUNK_NANOSECONDS: u64 = 20_000;

/// Rows at random places are asked for so many rows before they are used: nothing else foresees them.
const ROWS_AHEAD: usize = 2;

/// Single elements at random places are asked for so many elements before they are used.
const ELEMENTS_AHEAD: usize = 64;

/// Memory from so many bytes on is not in the second-level cache: only there it pays to ask ahead for single elements.
const FAR_BYTES: usize = 512 << 10;

/// Of longer rows the processor fetches the rest in time.
const MOST_BYTES_AHEAD: usize = 1024;

/// Binds `T` to a plain word of `size` bytes.
macro_rules! with_word {
    ($size:expr, $T:ident => $body:expr) => {
        match $size {
            1 => {
                type $T = u8;
                $body
            }
            2 => {
                type $T = u16;
                $body
            }
            4 => {
                type $T = u32;
                $body
            }
            8 => {
                type $T = u64;
                $body
            }
            _ => {
                type $T = [u64; 2];
                $body
            }
        }
    };
}

/// Computes an operation by index.
pub fn run(core: &Index, inputs: &[Input<'_>], outputs: &mut [OutputView<'_>]) -> Result<()> {
    let [output] = outputs else {
        return Err(Error::state(core.name(), "needs one output"));
    };
    match core {
        Index::Gather { axes } => {
            with_word!(output.dtype.size(), T => gather::gather::<T>(*axes, inputs, output))
        }
        Index::TakeAlong { axis } => {
            with_word!(output.dtype.size(), T => gather::take_along::<T>(*axis, inputs, output))
        }
        Index::Scatter { axes, mode } => {
            combine::with_combination!(*mode, output.dtype, T, how => {
                scatter::scatter::<T>(how, *axes, inputs, output)
            })
        }
        Index::PutAlong { axis, mode } => {
            combine::with_combination!(*mode, output.dtype, T, how => {
                scatter::put_along::<T>(how, *axis, inputs, output)
            })
        }
        Index::Overlay { region } => {
            with_word!(output.dtype.size(), T => region::overlay::<T>(region, inputs, output))
        }
        Index::Spread { region, .. } => region::spread(region, inputs, output),
        Index::Concatenate { axis } => {
            with_word!(output.dtype.size(), T => assemble::concatenate::<T>(*axis, inputs, output))
        }
        Index::NonZero { count } => nonzero::nonzero(*count, inputs, output),
    }
}

/// True where the operation can have its input `index` in the memory of its output: then only what changes is
/// written.
pub fn can_share(core: &Index, index: usize) -> bool {
    index == 0 && matches!(core, Index::Scatter { .. } | Index::PutAlong { .. } | Index::Overlay { .. })
}
