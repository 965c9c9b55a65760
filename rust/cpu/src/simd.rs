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

#[cfg(test)]
mod tests {
    use super::*;

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
