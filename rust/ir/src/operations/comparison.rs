//! Rows: comparison, predicates and logic.

/// See [`for_each_operation!`](crate::for_each_operation).
#[macro_export]
macro_rules! comparison_operations {
    ([$($callback:tt)*] $($before:tt)*) => { $crate::bitwise_operations! { [$($callback)*] $($before)*
    {
        /// True where `x` equals `y`; NaN equals nothing.
        equal(x, y): Promote -> Bool;
        float { fn(x: T, y: T) -> bool { x == y } }
        complex { fn(x: Complex<T>, y: Complex<T>) -> bool { x == y } }
        integer { fn(x: T, y: T) -> bool { x == y } }
        boolean { fn(x: bool, y: bool) -> bool { x == y } }
        domain { [(-2.0, 2.0), (-2.0, 2.0)] }
        accuracy { 0.0, 0.0 }
        oracle { "numpy.equal" }
        wgsl { "x == y" }
        aliases { eq }
    }
    {
        /// True where `x` differs from `y`; NaN differs from everything.
        not_equal(x, y): Promote -> Bool;
        float { fn(x: T, y: T) -> bool { x != y } }
        complex { fn(x: Complex<T>, y: Complex<T>) -> bool { x != y } }
        integer { fn(x: T, y: T) -> bool { x != y } }
        boolean { fn(x: bool, y: bool) -> bool { x != y } }
        domain { [(-2.0, 2.0), (-2.0, 2.0)] }
        accuracy { 0.0, 0.0 }
        oracle { "numpy.not_equal" }
        wgsl { "x != y" }
        aliases { ne }
    }
    {
        /// True where `x` is smaller than `y`.
        less(x, y): Promote -> Bool;
        float { fn(x: T, y: T) -> bool { x < y } }
        integer { fn(x: T, y: T) -> bool { x < y } }
        boolean { fn(x: bool, y: bool) -> bool { x < y } }
        domain { [(-2.0, 2.0), (-2.0, 2.0)] }
        accuracy { 0.0, 0.0 }
        oracle { "numpy.less" }
        wgsl { "x < y" }
        aliases { lt }
    }
    {
        /// True where `x` is at most `y`.
        less_equal(x, y): Promote -> Bool;
        float { fn(x: T, y: T) -> bool { x <= y } }
        integer { fn(x: T, y: T) -> bool { x <= y } }
        boolean { fn(x: bool, y: bool) -> bool { x <= y } }
        domain { [(-2.0, 2.0), (-2.0, 2.0)] }
        accuracy { 0.0, 0.0 }
        oracle { "numpy.less_equal" }
        wgsl { "x <= y" }
        aliases { le }
    }
    {
        /// True where `x` is larger than `y`.
        greater(x, y): Promote -> Bool;
        float { fn(x: T, y: T) -> bool { x > y } }
        integer { fn(x: T, y: T) -> bool { x > y } }
        boolean { fn(x: bool, y: bool) -> bool { x > y } }
        domain { [(-2.0, 2.0), (-2.0, 2.0)] }
        accuracy { 0.0, 0.0 }
        oracle { "numpy.greater" }
        wgsl { "x > y" }
        aliases { gt }
    }
    {
        /// True where `x` is at least `y`.
        greater_equal(x, y): Promote -> Bool;
        float { fn(x: T, y: T) -> bool { x >= y } }
        integer { fn(x: T, y: T) -> bool { x >= y } }
        boolean { fn(x: bool, y: bool) -> bool { x >= y } }
        domain { [(-2.0, 2.0), (-2.0, 2.0)] }
        accuracy { 0.0, 0.0 }
        oracle { "numpy.greater_equal" }
        wgsl { "x >= y" }
        aliases { ge }
    }
    {
        /// True where both are true (not zero).
        logical_and(x, y): Logical -> Bool;
        boolean { fn(x: bool, y: bool) -> bool { x & y } }
        domain { [(0.0, 1.0), (0.0, 1.0)] }
        accuracy { 0.0, 0.0 }
        oracle { "numpy.logical_and" }
        wgsl { "x && y" }
    }
    {
        /// True where one is true (not zero).
        logical_or(x, y): Logical -> Bool;
        boolean { fn(x: bool, y: bool) -> bool { x | y } }
        domain { [(0.0, 1.0), (0.0, 1.0)] }
        accuracy { 0.0, 0.0 }
        oracle { "numpy.logical_or" }
        wgsl { "x || y" }
    }
    {
        /// True where exactly one is true (not zero).
        logical_xor(x, y): Logical -> Bool;
        boolean { fn(x: bool, y: bool) -> bool { x ^ y } }
        domain { [(0.0, 1.0), (0.0, 1.0)] }
        accuracy { 0.0, 0.0 }
        oracle { "numpy.logical_xor" }
        wgsl { "x != y" }
    }
    {
        /// True where `x` is false (zero).
        logical_not(x): Logical -> Bool;
        boolean { fn(x: bool) -> bool { !x } }
        domain { [(0.0, 1.0)] }
        accuracy { 0.0, 0.0 }
        oracle { "numpy.logical_not" }
        wgsl { "!x" }
    }
    {
        /// True where the number is NaN (a complex one: either part).
        isnan(x): Promote -> Bool;
        float { fn(x: T) -> bool { x.is_nan() } }
        complex { fn(x: Complex<T>) -> bool { x.is_nan() } }
        integer { fn(_x: T) -> bool { false } }
        boolean { fn(_x: bool) -> bool { false } }
        domain { [(-2.0, 2.0)] }
        accuracy { 0.0, 0.0 }
        oracle { "numpy.isnan" }
        wgsl { "x != x" }
    }
    {
        /// True where the number is infinite (a complex one: either part).
        isinf(x): Promote -> Bool;
        float { fn(x: T) -> bool { !x.is_finite() && !x.is_nan() } }
        complex { fn(x: Complex<T>) -> bool { x.is_infinite() } }
        integer { fn(_x: T) -> bool { false } }
        boolean { fn(_x: bool) -> bool { false } }
        domain { [(-2.0, 2.0)] }
        accuracy { 0.0, 0.0 }
        oracle { "numpy.isinf" }
        wgsl { "abs(x) > 3.4028234e38" }
    }
    {
        /// True where the number is neither infinite nor NaN.
        isfinite(x): Promote -> Bool;
        float { fn(x: T) -> bool { x.is_finite() } }
        complex { fn(x: Complex<T>) -> bool { x.is_finite() } }
        integer { fn(_x: T) -> bool { true } }
        boolean { fn(_x: bool) -> bool { true } }
        domain { [(-2.0, 2.0)] }
        accuracy { 0.0, 0.0 }
        oracle { "numpy.isfinite" }
        wgsl { "abs(x) <= 3.4028234e38" }
    }
    {
        /// True where the number is positive infinity.
        isposinf(x): Promote -> Bool;
        float { fn(x: T) -> bool { x == T::INFINITY } }
        integer { fn(_x: T) -> bool { false } }
        boolean { fn(_x: bool) -> bool { false } }
        domain { [(-2.0, 2.0)] }
        accuracy { 0.0, 0.0 }
        oracle { "numpy.isposinf" }
        wgsl { "x > 3.4028234e38" }
    }
    {
        /// True where the number is negative infinity.
        isneginf(x): Promote -> Bool;
        float { fn(x: T) -> bool { x == -T::INFINITY } }
        integer { fn(_x: T) -> bool { false } }
        boolean { fn(_x: bool) -> bool { false } }
        domain { [(-2.0, 2.0)] }
        accuracy { 0.0, 0.0 }
        oracle { "numpy.isneginf" }
        wgsl { "x < -3.4028234e38" }
    }
    {
        /// True where the sign bit is set, of −0 and NaN too (of a computed NaN the processor's choice); negative integers.
        signbit(x): Promote -> Bool;
        float { fn(x: T) -> bool { x.sign_bit() } }
        integer { fn(x: T) -> bool { x < T::ZERO } }
        boolean { fn(_x: bool) -> bool { false } }
        domain { [(-2.0, 2.0)] }
        accuracy { 0.0, 0.0 }
        oracle { "numpy.signbit" }
        wgsl { "(bitcast<u32>(x) >> 31u) != 0u" }
    }
    } };
}
