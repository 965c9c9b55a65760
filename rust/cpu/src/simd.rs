//! The SIMD tier that kernels run on: found once, lowered by `TENFOLD_SIMD` or in the process.
//!
//! Every kernel gives the same bits on every tier, so a tier is a matter of speed alone.

use std::fmt;
use std::sync::atomic::{AtomicU8, Ordering};

/// A set of instructions that kernels are compiled for; a higher tier includes the lower ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Tier {
    /// What the compilation target promises, widened by the compiler.
    Portable = 0,
    /// 256-bit vectors: AVX2 and FMA.
    Avx2 = 1,
    /// 512-bit vectors: AVX-512 F, BW, DQ and VL, and all of [`Tier::Avx2`].
    Avx512 = 2,
}

impl Tier {
    /// All tiers, lowest first.
    pub const ALL: [Tier; 3] = [Tier::Portable, Tier::Avx2, Tier::Avx512];

    /// The name used by `TENFOLD_SIMD`.
    pub fn name(self) -> &'static str {
        match self {
            Tier::Portable => "portable",
            Tier::Avx2 => "avx2",
            Tier::Avx512 => "avx512",
        }
    }

    /// The tier of that name.
    pub fn from_name(name: &str) -> Option<Tier> {
        Tier::ALL.into_iter().find(|tier| tier.name() == name)
    }

    /// The tiers that this CPU can run, lowest first.
    pub fn available() -> &'static [Tier] {
        &Tier::ALL[..=detected() as usize]
    }

    fn from_index(index: u8) -> Option<Tier> {
        Tier::ALL.get(usize::from(index)).copied()
    }
}

/// A tier was asked for that this CPU does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnsupportedTier {
    /// What was asked for.
    pub requested: Tier,
    /// The highest tier of this CPU.
    pub detected: Tier,
}

impl fmt::Display for UnsupportedTier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "set_tier: this CPU lacks the instructions; got {}. Hint: the highest tier here is {}",
            self.requested.name(),
            self.detected.name()
        )
    }
}

impl std::error::Error for UnsupportedTier {}

/// No tier has been chosen yet.
const UNSET: u8 = u8::MAX;

static CURRENT: AtomicU8 = AtomicU8::new(UNSET);
static DETECTED: AtomicU8 = AtomicU8::new(UNSET);

/// The tier that kernels use now.
#[inline]
pub fn tier() -> Tier {
    match Tier::from_index(CURRENT.load(Ordering::Relaxed)) {
        Some(tier) => tier,
        None => first_tier(),
    }
}

/// The highest tier that this CPU (and its operating system) can run.
pub fn detected() -> Tier {
    match Tier::from_index(DETECTED.load(Ordering::Relaxed)) {
        Some(tier) => tier,
        None => {
            let tier = detect();
            DETECTED.store(tier as u8, Ordering::Relaxed);
            tier
        }
    }
}

/// Chooses the tier of kernels that start from now on, in all threads.
///
/// # Errors
/// [`UnsupportedTier`] when the CPU cannot run it; the tier then stays as it was.
pub fn set_tier(tier: Tier) -> Result<(), UnsupportedTier> {
    if tier > detected() {
        return Err(UnsupportedTier { requested: tier, detected: detected() });
    }
    CURRENT.store(tier as u8, Ordering::Relaxed);
    Ok(())
}

/// Reads `TENFOLD_SIMD` at the first use. Unknown names are warned of by the switches' one place.
#[cold]
fn first_tier() -> Tier {
    let wanted = std::env::var("TENFOLD_SIMD").ok().and_then(|name| Tier::from_name(&name));
    let tier = wanted.map_or(detected(), |wanted| wanted.min(detected()));
    // Another thread may have set a tier meanwhile: its choice stands.
    match CURRENT.compare_exchange(UNSET, tier as u8, Ordering::Relaxed, Ordering::Relaxed) {
        Ok(_) => tier,
        Err(current) => Tier::from_index(current).unwrap_or(tier),
    }
}

#[cfg(target_arch = "x86_64")]
fn detect() -> Tier {
    let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
    let avx512 = is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl");
    match (avx2, avx512) {
        (true, true) => Tier::Avx512,
        (true, false) => Tier::Avx2,
        _ => Tier::Portable,
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn detect() -> Tier {
    Tier::Portable
}

/// Code that is compiled once for each tier by [`on_tier`]: `run` and all that it calls must be
/// `#[inline(always)]`, so that the compiler widens their loops with the tier's instructions.
pub trait Tiered {
    /// What the code gives.
    type Output;

    /// The code.
    fn run(self) -> Self::Output;
}

/// Runs the code as compiled for the current tier.
#[inline]
pub fn on_tier<Body: Tiered>(body: Body) -> Body::Output {
    #[cfg(target_arch = "x86_64")]
    match tier() {
        // SAFETY: a tier is never above what the CPU has.
        Tier::Avx512 => return unsafe { on_avx512(body) },
        // SAFETY: as above.
        Tier::Avx2 => return unsafe { on_avx2(body) },
        Tier::Portable => {}
    }
    body.run()
}

/// # Safety
/// The CPU has AVX-512 F, BW, DQ and VL, and FMA.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
unsafe fn on_avx512<Body: Tiered>(body: Body) -> Body::Output {
    body.run()
}

/// # Safety
/// The CPU has AVX2 and FMA.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn on_avx2<Body: Tiered>(body: Body) -> Body::Output {
    body.run()
}

/// Asks for that many bytes from an address on, whatever lies there.
#[inline(always)]
pub fn prefetch(start: *const u8, bytes: usize) {
    #[cfg(target_arch = "x86_64")]
    request::<{ std::arch::x86_64::_MM_HINT_T0 }>(start, bytes);
    #[cfg(not(target_arch = "x86_64"))]
    let _no_hint_here = (start, bytes);
}

/// As [`prefetch`], into the second-level cache: that has room for what is asked for long before it is read.
#[inline(always)]
pub fn prefetch_early(start: *const u8, bytes: usize) {
    #[cfg(target_arch = "x86_64")]
    request::<{ std::arch::x86_64::_MM_HINT_T1 }>(start, bytes);
    #[cfg(not(target_arch = "x86_64"))]
    let _no_hint_here = (start, bytes);
}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn request<const HINT: i32>(start: *const u8, bytes: usize) {
    for line in (0..bytes).step_by(64) {
        // SAFETY: a prefetch is a hint and faults at no address.
        unsafe { std::arch::x86_64::_mm_prefetch::<HINT>(start.wrapping_add(line).cast()) };
    }
}

/// Copies past the caches: the lines are neither read before they are written nor kept. A [`stream_fence`] must follow
/// before other threads look at them.
#[inline(always)]
pub fn stream<T: Copy>(from: &[T], to: &mut [T]) {
    assert_eq!(from.len(), to.len(), "a stream between slices of one length");
    // SAFETY: both slices hold so many elements, and cannot overlap.
    unsafe { stream_to(from.as_ptr(), to.as_mut_ptr(), from.len()) }
}

/// The same between addresses.
///
/// # Safety
/// `from` can be read and `to` written for `count` elements, and the two do not overlap.
#[inline(always)]
pub unsafe fn stream_to<T: Copy>(from: *const T, to: *mut T, count: usize) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_mm_loadu_si128, _mm_stream_si128};
        let bytes = count * size_of::<T>();
        let (source, target) = (from.cast::<u8>(), to.cast::<u8>());
        // Up to a whole line, so that lines leave as a whole.
        let head = target.align_offset(64).min(bytes);
        let body = (bytes - head) & !63;
        // SAFETY: the caller's promise; each part lies within the bytes, and the body begins at a whole line.
        unsafe {
            // Whole lines alone are the rule, and calling a function for nothing takes longer than a line.
            if head > 0 {
                std::ptr::copy_nonoverlapping(source, target, head);
            }
            // A whole line a turn: how fast a loop of a few instructions is depends on where it happens to lie.
            for line in (head..head + body).step_by(64) {
                for at in [line, line + 16, line + 32, line + 48] {
                    _mm_stream_si128(target.add(at).cast(), _mm_loadu_si128(source.add(at).cast()));
                }
            }
            let done = head + body;
            if done < bytes {
                std::ptr::copy_nonoverlapping(source.add(done), target.add(done), bytes - done);
            }
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    // SAFETY: the caller's promise.
    unsafe {
        std::ptr::copy_nonoverlapping(from, to, count)
    }
}

/// Whatever this thread has streamed is seen by those that see what it stores from now on.
#[inline]
pub fn stream_fence() {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a fence has no precondition.
    unsafe {
        std::arch::x86_64::_mm_sfence()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_copies_every_byte_and_no_other() {
        let from: Vec<u16> = (0..1000).collect();
        for (start, count) in [(0, 0), (1, 1), (3, 31), (5, 900), (64, 128), (999, 1)] {
            let mut to = vec![0u16; 1000];
            stream(&from[..count], &mut to[start..start + count]);
            stream_fence();
            let wanted =
                |at: usize| if (start..start + count).contains(&at) { (at - start) as u16 } else { 0 };
            assert!(to.iter().enumerate().all(|(at, &value)| value == wanted(at)));
        }
    }

    #[test]
    fn names_and_tiers_agree() {
        for tier in Tier::ALL {
            assert_eq!(Tier::from_name(tier.name()), Some(tier));
        }
        assert_eq!(Tier::from_name("sse"), None);
    }

    #[test]
    fn only_what_the_cpu_has_can_be_set() {
        for candidate in Tier::ALL {
            assert_eq!(set_tier(candidate).is_ok(), candidate <= detected());
        }
        set_tier(detected()).unwrap();
        assert_eq!(tier(), detected());
        assert_eq!(Tier::available().last(), Some(&detected()));
    }
}
