//! Unsigned keys in the order of the elements.

use std::ops::BitXor;

use bytemuck::Pod;
use tenfold_ir::{Boolean, Element, bf16, f16};

/// An element whose order is that of an unsigned key.
pub trait SortKey: Element {
    /// The key: as wide as the element.
    type Key: Pod + Ord + Into<u64> + BitXor<Output = Self::Key> + Send + Sync;
    /// The largest key that can be: all bits are set.
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
                // All bits of a negative number, none of another: signs are no pattern that a jump could follow.
                let negative = (bits >> ($key::BITS - 1)).wrapping_neg();
                // Negative numbers count downwards from the key of 0, which −0 shares.
                let key = SIGN.wrapping_add((magnitude ^ negative).wrapping_sub(negative));
                // NaN, of either sign.
                if magnitude > $infinity { $key::MAX } else { key }
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
