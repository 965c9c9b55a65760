//! The floating-point control register: round to nearest, denormals kept.
//!
//! Another library may have set flush-to-zero or another rounding in the calling thread, which changes
//! results. A [`FloatControl`] sets what IEEE asks for and puts the old value back when it is dropped.

use std::marker::PhantomData;

/// Keeps IEEE's defaults set on this thread while it lives.
#[must_use = "the register is put back when the guard is dropped"]
pub struct FloatControl {
    #[cfg(target_arch = "x86_64")]
    saved: Option<u32>,
    /// The register belongs to one thread.
    not_send: PhantomData<*const ()>,
}

#[cfg(target_arch = "x86_64")]
mod mxcsr {
    use std::arch::asm;

    /// Rounding (bits 13–14), flush-to-zero (15) and denormals-are-zero (6): all zero by default.
    pub const MODES: u32 = 0b1110_0000_0100_0000;
    /// All exceptions masked.
    pub const MASKS: u32 = 0b0001_1111_1000_0000;

    pub fn read() -> u32 {
        let mut value = 0_u32;
        // SAFETY: stores the register to the local variable and changes nothing else.
        unsafe { asm!("stmxcsr [{}]", in(reg) &mut value, options(nostack, preserves_flags)) };
        value
    }

    pub fn write(value: u32) {
        // SAFETY: `value` is what the register held, or that with masks set and modes at their defaults;
        // neither sets a reserved bit.
        unsafe { asm!("ldmxcsr [{}]", in(reg) &value, options(nostack, readonly, preserves_flags)) };
    }
}

impl FloatControl {
    /// Sets round-to-nearest without flush-to-zero, if that is not what is set already.
    #[cfg(target_arch = "x86_64")]
    #[inline]
    pub fn set_default() -> FloatControl {
        let now = mxcsr::read();
        let wanted = (now & !mxcsr::MODES) | mxcsr::MASKS;
        let changes = (now ^ wanted) & (mxcsr::MODES | mxcsr::MASKS) != 0;
        if changes {
            mxcsr::write(wanted);
        }
        FloatControl { saved: changes.then_some(now), not_send: PhantomData }
    }

    /// Does nothing: the register of this CPU is not known here.
    #[cfg(not(target_arch = "x86_64"))]
    #[inline]
    pub fn set_default() -> FloatControl {
        FloatControl { not_send: PhantomData }
    }
}

#[cfg(target_arch = "x86_64")]
impl Drop for FloatControl {
    #[inline]
    fn drop(&mut self) {
        if let Some(saved) = self.saved {
            mxcsr::write(saved);
        }
    }
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::*;
    use std::hint::black_box;

    #[test]
    fn denormals_survive_under_the_guard_and_the_old_mode_comes_back() {
        let before = mxcsr::read();
        let halve = || black_box(f32::MIN_POSITIVE) * black_box(0.5);
        mxcsr::write(before | 0x8040);
        let flushed = halve();
        let kept = {
            let _guard = FloatControl::set_default();
            halve()
        };
        let flushed_again = halve();
        mxcsr::write(before);
        assert_eq!([flushed, flushed_again], [0.0, 0.0]);
        assert_eq!(kept, f32::MIN_POSITIVE / 2.0);
    }
}
