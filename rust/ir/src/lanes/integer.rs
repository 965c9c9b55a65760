//! Integer lanes: the table of corner cases of integer arithmetic, equal on every backend.

/// An integer of any dtype. Everything wraps; nothing panics.
pub trait Integer: Copy + Eq + Ord {
    /// Zero.
    const ZERO: Self;
    /// One.
    const ONE: Self;
    /// Bits in the type.
    const BITS: u32;
    /// `self + other`, wrapped.
    fn add(self, other: Self) -> Self;
    /// `self - other`, wrapped.
    fn subtract(self, other: Self) -> Self;
    /// `self * other`, wrapped.
    fn multiply(self, other: Self) -> Self;
    /// `-self`, wrapped.
    fn negative(self) -> Self;
    /// The magnitude; that of the smallest signed value wraps to itself.
    fn abs(self) -> Self;
    /// −1, 0 or 1.
    fn sign(self) -> Self;
    /// The quotient rounded down; x // 0 = 0, MIN // −1 = MIN.
    fn floor_divide(self, divisor: Self) -> Self;
    /// `self - floor_divide(self, divisor) * divisor`, sign of the divisor; x % 0 = 0.
    fn remainder(self, divisor: Self) -> Self;
    /// The remainder with the sign of `self`; fmod(x, 0) = 0.
    fn fmod(self, divisor: Self) -> Self;
    /// The power by squaring; a negative exponent gives the truncated reciprocal (0 but for bases ±1; 0 for base 0).
    fn pow(self, exponent: Self) -> Self;
    /// Shift left; 0 where the amount is negative or too wide.
    fn shift_left(self, amount: Self) -> Self;
    /// Arithmetic shift right; the sign (0 or −1) where the amount is negative or too wide.
    fn shift_right(self, amount: Self) -> Self;
    /// Bitwise and.
    fn and(self, other: Self) -> Self;
    /// Bitwise or.
    fn or(self, other: Self) -> Self;
    /// Bitwise exclusive or.
    fn xor(self, other: Self) -> Self;
    /// Bitwise complement.
    fn not(self) -> Self;
    /// `if condition { yes } else { no }`, written so that it compiles to a blend.
    #[inline(always)]
    fn select(condition: bool, yes: Self, no: Self) -> Self {
        if condition { yes } else { no }
    }
}

macro_rules! integer {
    ($signed:tt: $($type:ident),*) => {
        $(impl Integer for $type {
            const ZERO: $type = 0;
            const ONE: $type = 1;
            const BITS: u32 = $type::BITS;
            #[inline(always)]
            fn add(self, other: $type) -> $type { self.wrapping_add(other) }
            #[inline(always)]
            fn subtract(self, other: $type) -> $type { self.wrapping_sub(other) }
            #[inline(always)]
            fn multiply(self, other: $type) -> $type { self.wrapping_mul(other) }
            #[inline(always)]
            fn negative(self) -> $type { self.wrapping_neg() }
            #[inline(always)]
            fn floor_divide(self, divisor: $type) -> $type {
                if divisor == 0 {
                    return 0;
                }
                let quotient = self.wrapping_div(divisor);
                let rest = self.wrapping_rem(divisor);
                if rest != 0 && ((rest < 0) != (divisor < 0)) { quotient - 1 } else { quotient }
            }
            #[inline(always)]
            fn remainder(self, divisor: $type) -> $type {
                if divisor == 0 {
                    return 0;
                }
                let rest = self.wrapping_rem(divisor);
                if rest != 0 && ((rest < 0) != (divisor < 0)) { rest.wrapping_add(divisor) } else { rest }
            }
            #[inline(always)]
            fn fmod(self, divisor: $type) -> $type {
                if divisor == 0 { 0 } else { self.wrapping_rem(divisor) }
            }
            #[inline(always)]
            fn pow(self, exponent: $type) -> $type {
                if exponent < 0 {
                    return match self {
                        1 => 1,
                        _ if self.wrapping_add(1) == 0 => if exponent & 1 == 0 { 1 } else { self },
                        _ => 0,
                    };
                }
                let (mut result, mut base, mut left) = (1 as $type, self, exponent);
                while left > 0 {
                    if left & 1 == 1 {
                        result = result.wrapping_mul(base);
                    }
                    base = base.wrapping_mul(base);
                    left >>= 1;
                }
                result
            }
            #[inline(always)]
            fn shift_left(self, amount: $type) -> $type {
                let wide = amount < 0 || amount as u64 >= $type::BITS as u64;
                if wide { 0 } else { self.wrapping_shl(amount as u32) }
            }
            #[inline(always)]
            fn shift_right(self, amount: $type) -> $type {
                let wide = amount < 0 || amount as u64 >= $type::BITS as u64;
                if wide { if self < 0 { !0 } else { 0 } } else { self.wrapping_shr(amount as u32) }
            }
            #[inline(always)]
            fn and(self, other: $type) -> $type { self & other }
            #[inline(always)]
            fn or(self, other: $type) -> $type { self | other }
            #[inline(always)]
            fn xor(self, other: $type) -> $type { self ^ other }
            #[inline(always)]
            fn not(self) -> $type { !self }
            integer!(@$signed $type);
        })*
    };
    (@signed $type:ident) => {
        #[inline(always)]
        fn abs(self) -> $type { self.wrapping_abs() }
        #[inline(always)]
        fn sign(self) -> $type { (self > 0) as $type - (self < 0) as $type }
    };
    (@unsigned $type:ident) => {
        #[inline(always)]
        fn abs(self) -> $type { self }
        #[inline(always)]
        fn sign(self) -> $type { (self > 0) as $type }
    };
}
#[allow(unused_comparisons, reason = "one body serves signed and unsigned types")]
mod implementations {
    use super::Integer;
    integer!(signed: i8, i16, i32, i64);
    integer!(unsigned: u8, u16, u32, u64);
}

#[cfg(test)]
mod tests {
    use super::Integer;

    #[test]
    fn corner_cases_are_defined() {
        assert_eq!(Integer::floor_divide(7i8, 0), 0);
        assert_eq!(Integer::floor_divide(i32::MIN, -1), i32::MIN);
        assert_eq!(Integer::floor_divide(-7i64, 2), -4);
        assert_eq!(Integer::remainder(-7i64, 2), 1);
        assert_eq!(Integer::remainder(7i64, -2), -1);
        assert_eq!(Integer::remainder(i8::MIN, -1), 0);
        assert_eq!(Integer::shift_left(1u8, 8), 0);
        assert_eq!(Integer::shift_right(-3i16, 99), -1);
        assert_eq!(Integer::shift_right(-3i16, -1), -1);
        assert_eq!(Integer::pow(-1i32, -3), -1);
        assert_eq!(Integer::pow(2i32, -3), 0);
        assert_eq!(Integer::pow(3u8, 6), 217);
        assert_eq!(Integer::abs(i8::MIN), i8::MIN);
    }
}
