//! Rows: bits of integers and bool.

/// See [`for_each_operation!`](crate::for_each_operation).
#[macro_export]
macro_rules! bitwise_operations {
    ([$($callback:tt)*] $($before:tt)*) => { $crate::special_operations! { [$($callback)*] $($before)*
    {
        /// Bitwise and; logical and of bool.
        bitwise_and(x, y): Promote -> Same;
        integer { fn(x: T, y: T) -> T { x.and(y) } }
        boolean { fn(x: bool, y: bool) -> bool { x & y } }
        domain { [(-128.0, 127.0), (-128.0, 127.0)] }
        accuracy { 0.0, 0.0 }
        oracle { "numpy.bitwise_and" }
        wgsl { "x & y" }
    }
    {
        /// Bitwise or; logical or of bool.
        bitwise_or(x, y): Promote -> Same;
        integer { fn(x: T, y: T) -> T { x.or(y) } }
        boolean { fn(x: bool, y: bool) -> bool { x | y } }
        domain { [(-128.0, 127.0), (-128.0, 127.0)] }
        accuracy { 0.0, 0.0 }
        oracle { "numpy.bitwise_or" }
        wgsl { "x | y" }
    }
    {
        /// Bitwise exclusive or; logical exclusive or of bool.
        bitwise_xor(x, y): Promote -> Same;
        integer { fn(x: T, y: T) -> T { x.xor(y) } }
        boolean { fn(x: bool, y: bool) -> bool { x ^ y } }
        domain { [(-128.0, 127.0), (-128.0, 127.0)] }
        accuracy { 0.0, 0.0 }
        oracle { "numpy.bitwise_xor" }
        wgsl { "x ^ y" }
    }
    {
        /// Bitwise complement; logical not of bool.
        bitwise_invert(x): Promote -> Same;
        integer { fn(x: T) -> T { x.not() } }
        boolean { fn(x: bool) -> bool { !x } }
        domain { [(-128.0, 127.0)] }
        accuracy { 0.0, 0.0 }
        oracle { "numpy.invert" }
        wgsl { "~x" }
        aliases { bitwise_not }
    }
    {
        /// `x` shifted left by `y` bits; 0 where the amount is negative or too wide.
        bitwise_left_shift(x, y): Promote -> Same;
        integer { fn(x: T, y: T) -> T { x.shift_left(y) } }
        domain { [(-128.0, 127.0), (0.0, 7.0)] }
        accuracy { 0.0, 0.0 }
        oracle { "numpy.left_shift" }
        wgsl { "x << u32(y)" }
    }
    {
        /// `x` shifted right by `y` bits, keeping the sign; the sign alone where the amount is negative or too wide.
        bitwise_right_shift(x, y): Promote -> Same;
        integer { fn(x: T, y: T) -> T { x.shift_right(y) } }
        domain { [(-128.0, 127.0), (0.0, 7.0)] }
        accuracy { 0.0, 0.0 }
        oracle { "numpy.right_shift" }
        wgsl { "x >> u32(y)" }
    }
    } };
}
