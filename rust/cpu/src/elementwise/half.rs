//! Conversions of half precisions as straight-line code on bits, so that loops over them widen on every tier.

/// float16 → float32, exactly.
#[inline(always)]
pub fn float16_to_float32(bits: u16) -> f32 {
    let sign = u32::from(bits & 0x8000) << 16;
    let magnitude = u32::from(bits & 0x7fff);
    // Exponent and fraction at their new places, then the difference of the biases as an exact product, which
    // makes denormals right as well.
    let scaled = (f32::from_bits(magnitude << 13) * f32::from_bits((127 + 112) << 23)).to_bits();
    let special = (magnitude << 13) | 0x7f80_0000;
    f32::from_bits(sign | if magnitude >= 0x7c00 { special } else { scaled })
}

/// float32 → float16, ties to even; too large becomes infinite.
#[inline(always)]
pub fn float32_to_float16(value: f32) -> u16 {
    let bits = value.to_bits();
    let sign = (bits >> 16) & 0x8000;
    let magnitude = bits & 0x7fff_ffff;
    // Normal results: rebias, then add half a unit less the tie's share.
    let normal = magnitude.wrapping_sub(112 << 23).wrapping_add(0xfff + ((magnitude >> 13) & 1)) >> 13;
    // Denormal results: adding 0.5 puts the unit 2⁻²⁴ at the last place, so the sum rounds as it should.
    let denormal = (f32::from_bits(magnitude) + 0.5).to_bits().wrapping_sub(0.5_f32.to_bits());
    let finite = if magnitude < (113 << 23) { denormal } else { normal };
    let limited = if magnitude >= (143 << 23) { 0x7c00 } else { finite };
    let nan = 0x7e00 | ((magnitude >> 13) & 0x1ff);
    (sign | if magnitude > 0x7f80_0000 { nan } else { limited }) as u16
}

/// bfloat16 → float32, exactly.
#[inline(always)]
pub fn bfloat16_to_float32(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}

/// float32 → bfloat16, ties to even.
#[inline(always)]
pub fn float32_to_bfloat16(value: f32) -> u16 {
    let bits = value.to_bits();
    let rounded = bits.wrapping_add(0x7fff + ((bits >> 16) & 1)) >> 16;
    let nan = (bits >> 16) | 0x40;
    (if bits & 0x7fff_ffff > 0x7f80_0000 { nan } else { rounded }) as u16
}

/// Rounds to what float16 holds.
#[inline(always)]
pub fn round_to_float16(value: f32) -> f32 {
    float16_to_float32(float32_to_float16(value))
}

/// Rounds to what bfloat16 holds.
#[inline(always)]
pub fn round_to_bfloat16(value: f32) -> f32 {
    bfloat16_to_float32(float32_to_bfloat16(value))
}

/// float64 → float32 rounding to odd: of the two neighbours of an inexact value the one with an odd fraction
/// (Boldo and Melquiond 2008). A second rounding to at most 22 bits then errs no more than a single one.
#[inline(always)]
pub fn float64_to_float32_odd(value: f64) -> f32 {
    let nearest = value as f32;
    let bits = nearest.to_bits();
    let back = f64::from(nearest);
    let inexact = back != value && !value.is_nan();
    let outward = value.abs() > back.abs();
    let odd = if outward { bits.wrapping_add(1) } else { bits.wrapping_sub(1) };
    f32::from_bits(if inexact && bits & 1 == 0 { odd } else { bits })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tenfold_ir::{bf16, f16};

    #[test]
    fn every_half_widens_as_the_reference_says_and_comes_back() {
        for bits in 0..=u16::MAX {
            let (wide, reference) = (float16_to_float32(bits), f16::from_bits(bits).to_f32());
            assert!(wide.to_bits() == reference.to_bits() || wide.is_nan() && reference.is_nan());
            assert!(float32_to_float16(wide) == bits || wide.is_nan());
            let (wide, reference) = (bfloat16_to_float32(bits), bf16::from_bits(bits).to_f32());
            assert!(wide.to_bits() == reference.to_bits() || wide.is_nan() && reference.is_nan());
            assert!(float32_to_bfloat16(wide) == bits || wide.is_nan());
        }
    }

    #[test]
    fn narrowing_rounds_to_even_between_all_neighbours() {
        for bits in 0..0x7c00_u16 {
            for neighbour in [f16::from_bits(bits), -f16::from_bits(bits)] {
                let value = neighbour.to_f32();
                for step in [-0x1001_i32, -0x1000, -0xfff, -1, 1, 0xfff, 0x1000, 0x1001] {
                    let near = f32::from_bits(value.to_bits().wrapping_add_signed(step));
                    let (got, expected) = (float32_to_float16(near), f16::from_f32_const(near));
                    assert!(got == expected.to_bits() || near.is_nan(), "{near:e}");
                }
            }
        }
        for bits in (0..0x7f80_0000_u32).step_by(9_973) {
            let value = f32::from_bits(bits);
            assert_eq!(float32_to_float16(value), f16::from_f32_const(value).to_bits(), "{value:e}");
            assert_eq!(float32_to_bfloat16(value), bf16::from_f32(value).to_bits(), "{value:e}");
        }
        assert!(f16::from_bits(float32_to_float16(f32::NAN)).is_nan());
        assert!(bf16::from_bits(float32_to_bfloat16(f32::from_bits(0x7f80_0001))).is_nan());
    }

    #[test]
    fn two_roundings_by_way_of_odd_are_one() {
        // Just above a tie of bfloat16: rounding to float32 first would lose what decides.
        let above = 1.0 + 2.0_f64.powi(-8) + 2.0_f64.powi(-40);
        assert_eq!(float32_to_bfloat16(above as f32), bf16::ONE.to_bits());
        assert_eq!(float32_to_bfloat16(float64_to_float32_odd(above)), bf16::ONE.to_bits() + 1);
        assert_eq!(float64_to_float32_odd(1e300), f32::MAX);
        assert_eq!(float64_to_float32_odd(-0.0).to_bits(), (-0.0_f32).to_bits());
        assert_eq!(float64_to_float32_odd(1e-320).to_bits(), 1);
    }
}
