//! Unsigned keys in the order of the elements.

use bytemuck::Pod;
use tenfold_ir::{Boolean, Element, bf16, f16};

/// An element whose order is that of an unsigned key.
pub trait SortKey: Element {
    /// The key: as wide as the element.
    type Key: Pod + Ord + Into<u64>;
    /// The largest key that can be.
    const LAST_KEY: Self::Key;
    /// The key of an element; equal for elements that count as equal.
    fn key(self) -> Self::Key;
}

macro_rules! unsigned {
    ($($type:ident),*) => {
        $(impl SortKey for $type {
            type Key = $type;
            const LAST_KEY: $type = $type::MAX;
            #[inline(always)]
            fn key(self) -> $type {
                self
            }
        })*
    };
}
unsigned!(u8, u16, u32, u64);

macro_rules! signed {
    ($($type:ident => $key:ident),*) => {
        $(impl SortKey for $type {
            type Key = $key;
            const LAST_KEY: $key = $key::MAX;
            #[inline(always)]
            fn key(self) -> $key {
                // The smallest becomes 0.
                (self as $key) ^ (1 << ($key::BITS - 1))
            }
        })*
    };
}
signed!(i8 => u8, i16 => u16, i32 => u32, i64 => u64);

macro_rules! floats {
    ($($type:ident => $key:ident, $infinity:expr);*) => {
        $(impl SortKey for $type {
            type Key = $key;
            const LAST_KEY: $key = $key::MAX;
            #[inline(always)]
            fn key(self) -> $key {
                const SIGN: $key = 1 << ($key::BITS - 1);
                let bits = self.to_bits();
                let magnitude = bits & !SIGN;
                if magnitude > $infinity {
                    // NaN, of either sign.
                    $key::MAX
                } else if bits & SIGN == 0 {
                    magnitude | SIGN
                } else {
                    // Negative numbers count downwards from 0, which −0 shares.
                    SIGN - magnitude
                }
            }
        })*
    };
}
floats!(f16 => u16, 0x7c00; bf16 => u16, 0x7f80; f32 => u32, 0x7f80_0000; f64 => u64, 0x7ff0_0000_0000_0000);

impl SortKey for Boolean {
    type Key = u8;
    const LAST_KEY: u8 = u8::MAX;
    #[inline(always)]
    fn key(self) -> u8 {
        self.get().into()
    }
}
