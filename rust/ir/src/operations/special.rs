//! Rows: special functions.

/// See [`for_each_operation!`](crate::for_each_operation).
#[macro_export]
macro_rules! special_operations {
    ([$($callback:tt)*] $($before:tt)*) => { $crate::activation_operations! { [$($callback)*] $($before)*
    {
        /// The error function.
        erf(x): Floating -> Same;
        float { fn(x: T) -> T { x.erf() } }
        partial { |x, _out| [(-x.square()).exp() * std::f64::consts::FRAC_2_SQRT_PI] }
        domain { [(-4.0, 4.0)] }
        accuracy { 3.0, 0.0 }
        oracle { "scipy.special.erf" }
        wgsl { "erf(x)" }
    }
    {
        /// One minus the error function, accurate where that is small.
        erfc(x): Floating -> Same;
        float { fn(x: T) -> T { x.erfc() } }
        partial { |x, _out| [(-x.square()).exp() * -std::f64::consts::FRAC_2_SQRT_PI] }
        domain { [(-4.0, 8.0)] }
        accuracy { 4.0, 0.0 }
        oracle { "scipy.special.erfc" }
        wgsl { "erfc(x)" }
    }
    {
        /// The probability of a smaller number in the standard normal distribution; 0 instead of a subnormal float32.
        ndtr(x): Floating -> Same;
        float { fn(x: T) -> T { x.ndtr() } }
        partial { |x, _out| [x.normal_pdf()] }
        domain { [(-3.0, 6.0)] }
        accuracy { 4.0, 0.0, vanishes }
        oracle { "scipy.special.ndtr" }
        wgsl { "0.5 * erfc(-0.70710678 * x)" }
    }
    {
        /// The density of the standard normal distribution; 0 instead of a subnormal float32.
        normal_pdf(x): Floating -> Same;
        float { fn(x: T) -> T { x.normal_pdf() } }
        partial { |x, out| [-(x * out)] }
        domain { [(-8.0, 8.0)] }
        accuracy { 4.0, 0.0, vanishes }
        oracle { "lambda x: numpy.exp(-x * x / 2) / numpy.sqrt(2 * numpy.pi)" }
        wgsl { "0.39894228 * exp(-0.5 * x * x)" }
    }
    {
        /// The inverse of the error function; ±∞ at ±1, NaN beyond.
        erfinv(x): Floating -> Same;
        float { fn(x: T) -> T { x.erfinv() } }
        partial { |_x, out| [out.square().exp() * (1.0 / std::f64::consts::FRAC_2_SQRT_PI)] }
        domain { [(-0.99, 0.99)] }
        accuracy { 4.0, 0.0 }
        oracle { "scipy.special.erfinv" }
        wgsl { "erfinv(x)" }
    }
    {
        /// The logarithm of the magnitude of the gamma function.
        lgamma(x): Floating -> Same;
        float { fn(x: T) -> T { x.lgamma() } }
        partial { |x, _out| [x.digamma()] }
        domain { [(0.1, 50.0)] }
        accuracy { 4.0, 8.0 }
        oracle { "scipy.special.gammaln" }
        wgsl { "lgamma(x)" }
    }
    {
        /// The derivative of `lgamma`.
        digamma(x): Floating -> Same;
        float { fn(x: T) -> T { x.digamma() } }
        partial { |x, _out| [x.trigamma()] }
        domain { [(0.1, 50.0)] }
        accuracy { 4.0, 8.0 }
        oracle { "scipy.special.digamma" }
        wgsl { "digamma(x)" }
    }
    {
        /// The derivative of `digamma`.
        trigamma(x): Floating -> Same;
        float { fn(x: T) -> T { x.trigamma() } }
        partial { |x, _out| [x.tetragamma()] }
        domain { [(0.1, 50.0)] }
        accuracy { 6.0, 0.0 }
        oracle { "lambda x: scipy.special.polygamma(1, x)" }
        wgsl { "trigamma(x)" }
    }
    {
        /// The modified Bessel function of the first kind and order 0.
        i0(x): Floating -> Same;
        float { fn(x: T) -> T { x.i0() } }
        partial { |x, _out| [x.i1()] }
        domain { [(-10.0, 10.0)] }
        accuracy { 4.0, 0.0 }
        oracle { "scipy.special.i0" }
        wgsl { "bessel_i0(x)" }
    }
    {
        /// The modified Bessel function of the first kind and order 1.
        i1(x): Floating -> Same;
        float { fn(x: T) -> T { x.i1() } }
        partial { |x, out| [x.equal(0.0).where_(x.zeros() + 0.5, x.i0() - out / x)] }
        domain { [(0.05, 10.0)] }
        accuracy { 4.0, 0.0 }
        oracle { "scipy.special.i1" }
        wgsl { "bessel_i1(x)" }
    }
    } };
}
