//! Rows: exponentials and logarithms.

/// See [`for_each_operation!`](crate::for_each_operation).
#[macro_export]
macro_rules! exponential_operations {
    ([$($callback:tt)*] $($before:tt)*) => { $crate::trigonometric_operations! { [$($callback)*] $($before)*
    {
        /// e to the power `x`.
        exp(x): Floating -> Same;
        float { fn(x: T) -> T { x.exp() } }
        complex { fn(x: Complex<T>) -> Complex<T> { x.exp() } }
        partial { |_x, out| [out] }
        domain { [(-10.0, 10.0)] }
        accuracy { 1.5, 0.0 }
        oracle { "numpy.exp" }
        wgsl { "exp(x)" }
    }
    {
        /// 2 to the power `x`.
        exp2(x): Floating -> Same;
        float { fn(x: T) -> T { x.exp2() } }
        complex { fn(x: Complex<T>) -> Complex<T> { x.exp2() } }
        partial { |_x, out| [out * std::f64::consts::LN_2] }
        domain { [(-10.0, 10.0)] }
        accuracy { 1.5, 0.0 }
        oracle { "numpy.exp2" }
        wgsl { "exp2(x)" }
    }
    {
        /// e to the power `x`, minus 1, accurate near 0.
        expm1(x): Floating -> Same;
        float { fn(x: T) -> T { x.expm1() } }
        complex { fn(x: Complex<T>) -> Complex<T> { x.expm1() } }
        partial { |_x, out| [out + 1.0] }
        domain { [(-10.0, 10.0)] }
        accuracy { 2.0, 0.0 }
        oracle { "numpy.expm1" }
        wgsl { "exp(x) - 1.0" }
    }
    {
        /// The natural logarithm.
        log(x): Floating -> Same;
        float { fn(x: T) -> T { x.log() } }
        complex { fn(x: Complex<T>) -> Complex<T> { x.log() } }
        partial { |x, _out| [x.reciprocal()] }
        domain { [(0.01, 1e3)] }
        accuracy { 1.5, 0.0 }
        oracle { "numpy.log" }
        wgsl { "log(x)" }
    }
    {
        /// The logarithm to base 2.
        log2(x): Floating -> Same;
        float { fn(x: T) -> T { x.log2() } }
        complex { fn(x: Complex<T>) -> Complex<T> { x.log2() } }
        partial { |x, _out| [std::f64::consts::LOG2_E / x] }
        domain { [(0.01, 1e3)] }
        accuracy { 2.0, 0.0 }
        oracle { "numpy.log2" }
        wgsl { "log2(x)" }
    }
    {
        /// The logarithm to base 10.
        log10(x): Floating -> Same;
        float { fn(x: T) -> T { x.log10() } }
        complex { fn(x: Complex<T>) -> Complex<T> { x.log10() } }
        partial { |x, _out| [std::f64::consts::LOG10_E / x] }
        domain { [(0.01, 1e3)] }
        accuracy { 2.0, 0.0 }
        oracle { "numpy.log10" }
        wgsl { "log(x) * 0.4342944819032518" }
    }
    {
        /// The natural logarithm of 1 + `x`, accurate near 0.
        log1p(x): Floating -> Same;
        float { fn(x: T) -> T { x.log1p() } }
        complex { fn(x: Complex<T>) -> Complex<T> { x.log1p() } }
        partial { |x, _out| [(x + 1.0).reciprocal()] }
        domain { [(-0.9, 1e3)] }
        accuracy { 2.0, 0.0 }
        oracle { "numpy.log1p" }
        wgsl { "log(1.0 + x)" }
    }
    {
        /// `log(exp(x) + exp(y))` without overflow.
        logaddexp(x, y): Floating -> Same;
        float { fn(x: T, y: T) -> T {
            let larger = T::select(x > y, x, y);
            let distance = (x - y).abs();
            // Equal infinities have no distance (it would be NaN).
            let sum = T::select(x == y, x + T::constant(std::f64::consts::LN_2), larger + (-distance).exp().log1p());
            T::select(x.is_nan() || y.is_nan(), T::NAN, sum)
        } }
        gradient { |x, y, out, g| [g * (x - out).exp(), g * (y - out).exp()] }
        domain { [(-20.0, 20.0), (-20.0, 20.0)] }
        accuracy { 3.0, 4.0 }
        oracle { "numpy.logaddexp" }
        wgsl { "max(x, y) + log(1.0 + exp(-abs(x - y)))" }
    }
    {
        /// `log2(exp2(x) + exp2(y))` without overflow.
        logaddexp2(x, y): Floating -> Same;
        float { fn(x: T, y: T) -> T {
            let larger = T::select(x > y, x, y);
            let distance = (x - y).abs();
            let added = (-distance).exp2().log1p() * T::constant(std::f64::consts::LOG2_E);
            // Equal infinities have no distance (it would be NaN).
            let sum = T::select(x == y, x + T::constant(1.0), larger + added);
            T::select(x.is_nan() || y.is_nan(), T::NAN, sum)
        } }
        gradient { |x, y, out, g| [g * (x - out).exp2(), g * (y - out).exp2()] }
        domain { [(-20.0, 20.0), (-20.0, 20.0)] }
        accuracy { 3.0, 4.0 }
        oracle { "numpy.logaddexp2" }
        wgsl { "max(x, y) + log2(1.0 + exp2(-abs(x - y)))" }
    }
    {
        /// `x * log(y)`, and 0 where `x` is 0 (but NaN where `y` is NaN).
        xlogy(x, y): Floating -> Same;
        float { fn(x: T, y: T) -> T {
            let product = x * y.log();
            let zero = T::select(x == T::constant(0.0), T::constant(0.0), product);
            T::select(y.is_nan(), T::NAN, zero)
        } }
        gradient { |x, y, _out, g| [x.equal(0.0).logical_and(y.less_equal(0.0)).where_(g.zeros(), g * y.log()), g * (x / y)] }
        domain { [(0.0, 10.0), (0.01, 10.0)] }
        accuracy { 3.0, 0.0 }
        oracle { "scipy.special.xlogy" }
        wgsl { "x * log(y)" }
    }
    } };
}
