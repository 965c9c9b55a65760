//! Packing: operands are copied into micro-panels, in the order in which a micro-kernel reads them.
//!
//! A panel holds `width` lines (rows of A or columns of B) of one depth block: line `l` of step `d`
//! lies at `d · width + l`. Lines beyond the operand's are zero.

use std::ops::Range;

use tenfold_ir::lanes::cast::{bf16_to_f32, f16_to_f32, f32_to_bf16, f32_to_f16};

use super::blocks::even_pieces;
use super::micro_kernel::Real;
use crate::simd::{Tiered, on_tier, prefetch};

/// An operand of a product that can write itself into panels: a matrix, or the pixels of an image.
pub(crate) trait Source<T>: Sync {
    /// Writes the panel of `lines` (at most `width`) for the steps of `depth`.
    ///
    /// # Safety
    /// `panel` has room for `depth.len() · width` numbers; the ranges lie within the operand.
    unsafe fn pack(&self, lines: Range<usize>, depth: Range<usize>, width: usize, panel: *mut T);

    /// Writes lines as panels of at most `most` lines, one behind the other and without padding.
    ///
    /// # Safety
    /// `panels` has room for all of them; the ranges lie within the operand.
    unsafe fn pack_panels(&self, lines: Range<usize>, depth: Range<usize>, most: usize, panels: *mut T) {
        for panel in even_pieces(lines.clone(), most, 1) {
            // SAFETY: the caller's; each panel begins at its first line times the steps.
            unsafe {
                let target = panels.add((panel.start - lines.start) * depth.len());
                self.pack(panel.clone(), depth.clone(), panel.len(), target);
            }
        }
    }

    /// Asks memory for what [`Source::pack`] is going to read, where that pays.
    fn ask(&self, _lines: Range<usize>, _depth: Range<usize>) {}
}

/// A stored number that is widened to `T` while packing.
pub(crate) trait Widen<T>: Copy + Send + Sync + 'static {
    /// The same number as a `T`.
    fn widen(self) -> T;
    /// Numbers that need no widening: a stored `T`.
    fn as_computed(source: *const Self) -> Option<*const T>;
    /// `T` rounded to the stored type.
    fn round(number: T) -> Self;
}

macro_rules! widen_same {
    ($type:ty) => {
        impl Widen<$type> for $type {
            #[inline(always)]
            fn widen(self) -> $type {
                self
            }
            #[inline(always)]
            fn as_computed(source: *const Self) -> Option<*const $type> {
                Some(source)
            }
            #[inline(always)]
            fn round(number: $type) -> Self {
                number
            }
        }
    };
}
widen_same!(f32);
widen_same!(f64);
widen_same!(i32);

macro_rules! widen_half {
    ($type:ty, $widen:ident, $round:ident) => {
        impl Widen<f32> for $type {
            #[inline(always)]
            fn widen(self) -> f32 {
                $widen(self)
            }
            #[inline(always)]
            fn as_computed(_: *const Self) -> Option<*const f32> {
                None
            }
            #[inline(always)]
            fn round(number: f32) -> Self {
                $round(number)
            }
        }
    };
}
widen_half!(half::bf16, bf16_to_f32, f32_to_bf16);
widen_half!(half::f16, f16_to_f32, f32_to_f16);

/// A matrix with arbitrary strides. `line` is its row as A, its column as B.
pub(crate) struct Strided<S> {
    pub data: *const S,
    pub line_stride: isize,
    pub depth_stride: isize,
}

// SAFETY: only reads, of numbers.
unsafe impl<S: Sync> Sync for Strided<S> {}

impl<S: Widen<T>, T: Real> Source<T> for Strided<S> {
    unsafe fn pack(&self, lines: Range<usize>, depth: Range<usize>, width: usize, panel: *mut T) {
        let (count, steps) = (lines.len(), depth.len());
        // SAFETY: the caller's.
        unsafe {
            self.write_lines(lines, depth, width, panel);
            clear_padding(count, steps, width, panel);
        }
    }

    unsafe fn pack_panels(&self, lines: Range<usize>, depth: Range<usize>, most: usize, panels: *mut T) {
        on_tier(WritePanels { source: self, lines, depth, most, panels });
    }

    #[inline(always)]
    fn ask(&self, lines: Range<usize>, depth: Range<usize>) {
        let origin = lines.start as isize * self.line_stride + depth.start as isize * self.depth_stride;
        let origin = self.data.wrapping_offset(origin);
        let (outer, stride, inner) = match (self.line_stride, self.depth_stride) {
            (1, stride) => (depth.len(), stride, lines.len()),
            (stride, 1) => (lines.len(), stride, depth.len()),
            _ => return,
        };
        for index in 0..outer {
            prefetch(origin.wrapping_offset(index as isize * stride).cast(), inner * size_of::<S>());
        }
    }
}

impl<S> Strided<S> {
    /// Lines as the depth, and the depth as lines.
    pub fn turned(&self) -> Strided<S> {
        Strided { data: self.data, line_stride: self.depth_stride, depth_stride: self.line_stride }
    }

    /// What lies behind so many steps.
    pub fn behind(&self, steps: usize) -> Strided<S> {
        let data = self.data.wrapping_offset(steps as isize * self.depth_stride);
        Strided { data, ..*self }
    }

    /// As [`Source::pack`], but leaves what else is in the panel.
    ///
    /// # Safety
    /// As for [`Source::pack`].
    pub unsafe fn write_lines<T: Real>(
        &self,
        lines: Range<usize>,
        depth: Range<usize>,
        width: usize,
        panel: *mut T,
    ) where
        S: Widen<T>,
    {
        on_tier(WriteLines { source: self, lines, depth, width, panel });
    }
}

/// [`Strided::write_lines`] for the tier; made only where it may be called.
struct WriteLines<'a, S, T> {
    source: &'a Strided<S>,
    lines: Range<usize>,
    depth: Range<usize>,
    width: usize,
    panel: *mut T,
}

impl<S: Widen<T>, T: Real> Tiered for WriteLines<'_, S, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let WriteLines { source, lines, depth, width, panel } = self;
        let Strided { data, line_stride, depth_stride } = *source;
        let first = lines.start as isize * line_stride + depth.start as isize * depth_stride;
        // SAFETY: who made it vouches for the ranges and the panel.
        unsafe {
            let origin = data.offset(first);
            if depth_stride == 1 {
                transpose(origin, line_stride, lines.len(), depth.len(), width, panel);
            } else {
                copy_lines(origin, line_stride, depth_stride, lines.len(), depth.len(), width, panel);
            }
        }
    }
}

/// [`Source::pack_panels`] of a matrix for the tier; made only where it may be called.
struct WritePanels<'a, S, T> {
    source: &'a Strided<S>,
    lines: Range<usize>,
    depth: Range<usize>,
    most: usize,
    panels: *mut T,
}

/// Where lines lie side by side, so many steps of all panels are packed before the next ones: panels share lines of the
/// cache, which keeps no more of places a large power of two apart.
const STEPS_OF_ALL: usize = 8;

/// Steps along which lines are read while the next panel's are asked for.
const STEPS_OF_ONE: usize = 64;

impl<S: Widen<T>, T: Real> WritePanels<'_, S, T> {
    /// Writes some steps of a panel, and asks for others: no processor guesses so many short runs.
    #[inline(always)]
    fn write(&self, panel: Range<usize>, steps: Range<usize>, next: [usize; 2]) {
        let WritePanels { source, lines, depth, panels, .. } = self;
        let [line, step] = next;
        Source::<T>::ask(*source, line..line + panel.len(), step..step + steps.len());
        let first = (panel.start - lines.start) * depth.len() + (steps.start - depth.start) * panel.len();
        let target = panels.wrapping_add(first);
        WriteLines { source, width: panel.len(), lines: panel, depth: steps, panel: target }.run();
    }
}

impl<S: Widen<T>, T: Real> Tiered for WritePanels<'_, S, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let panels = || even_pieces(self.lines.clone(), self.most, 1);
        let pieces = |most: usize| {
            let end = self.depth.end;
            self.depth.clone().step_by(most).map(move |start| start..end.min(start + most))
        };
        if self.source.depth_stride == 1 {
            for panel in panels() {
                for steps in pieces(STEPS_OF_ONE) {
                    self.write(panel.clone(), steps.clone(), [panel.end, steps.start]);
                }
            }
        } else {
            for steps in pieces(STEPS_OF_ALL) {
                for panel in panels() {
                    self.write(panel.clone(), steps.clone(), [panel.start, steps.end]);
                }
            }
        }
    }
}

/// Writes lines that are contiguous along depth.
///
/// # Safety
/// `source` has those lines, `panel` room for `depth · width` numbers.
#[inline(always)]
pub(crate) unsafe fn transpose<S: Widen<T>, T: Real>(
    source: *const S,
    line_stride: isize,
    lines: usize,
    depth: usize,
    width: usize,
    panel: *mut T,
) {
    let edge = T::TRANSPOSE_EDGE;
    // SAFETY: every index stays below `lines`, `depth` and `width`.
    unsafe {
        for line in (0..lines).step_by(edge) {
            let group = edge.min(lines - line);
            let line_source = source.offset(line as isize * line_stride);
            let target = panel.add(line);
            let mut step = 0;
            if let Some(computed) = S::as_computed(line_source) {
                while step + edge <= depth {
                    let target = target.add(step * width);
                    if !T::transpose_block(computed.add(step), line_stride, group, target, width) {
                        break;
                    }
                    step += edge;
                }
            }
            for step in step..depth {
                for index in 0..group {
                    let number = line_source.offset(index as isize * line_stride).add(step).read();
                    target.add(step * width + index).write(number.widen());
                }
            }
        }
    }
}

/// Writes lines with any strides; fast where lines lie side by side.
///
/// # Safety
/// `source` has those elements, `panel` room for `depth · width` numbers.
#[inline(always)]
unsafe fn copy_lines<S: Widen<T>, T: Real>(
    source: *const S,
    line_stride: isize,
    depth_stride: isize,
    lines: usize,
    depth: usize,
    width: usize,
    panel: *mut T,
) {
    // SAFETY: every index stays below `lines`, `depth` and `width`.
    unsafe {
        if let (1, Some(computed)) = (line_stride, S::as_computed(source)) {
            match lines {
                64 => return copy_steps::<T, 64>(computed, depth_stride, depth, width, panel),
                32 => return copy_steps::<T, 32>(computed, depth_stride, depth, width, panel),
                16 => return copy_steps::<T, 16>(computed, depth_stride, depth, width, panel),
                8 => return copy_steps::<T, 8>(computed, depth_stride, depth, width, panel),
                6 => return copy_steps::<T, 6>(computed, depth_stride, depth, width, panel),
                _ => {}
            }
        }
        for step in 0..depth {
            let from = source.offset(step as isize * depth_stride);
            let to = panel.add(step * width);
            if line_stride != 1 {
                for line in 0..lines {
                    to.add(line).write(from.offset(line as isize * line_stride).read().widen());
                }
            } else if let Some(computed) = S::as_computed(from) {
                computed.copy_to_nonoverlapping(to, lines);
            } else {
                for line in 0..lines {
                    to.add(line).write(from.add(line).read().widen());
                }
            }
        }
    }
}

/// Copies `N` lines that lie side by side: a function called for each step would take longer than the copy.
///
/// # Safety
/// `source` has those elements, `panel` room for `depth · width` numbers.
#[inline(always)]
unsafe fn copy_steps<T: Copy, const N: usize>(
    source: *const T,
    depth_stride: isize,
    depth: usize,
    width: usize,
    panel: *mut T,
) {
    for step in 0..depth {
        // SAFETY: the caller's.
        unsafe {
            let lines = source.offset(step as isize * depth_stride).cast::<[T; N]>().read_unaligned();
            panel.add(step * width).cast::<[T; N]>().write_unaligned(lines);
        }
    }
}

/// Zeroes the lines beyond `lines`.
///
/// # Safety
/// `panel` has room for `depth · width` numbers.
pub(crate) unsafe fn clear_padding<T: Real>(lines: usize, depth: usize, width: usize, panel: *mut T) {
    if lines == width {
        return;
    }
    for step in 0..depth {
        for line in lines..width {
            // SAFETY: both indices are in range.
            unsafe { panel.add(step * width + line).write(T::default()) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_precision_widens_every_number_exactly() {
        for bits in 0..=u16::MAX {
            let number = half::f16::from_bits(bits);
            let widened: f32 = number.widen();
            assert!(widened.to_bits() == number.to_f32().to_bits() || widened.is_nan() && number.is_nan());
        }
    }
}
