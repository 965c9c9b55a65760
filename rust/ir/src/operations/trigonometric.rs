//! Rows: trigonometric and hyperbolic functions.

/// See [`for_each_operation!`](crate::for_each_operation).
#[macro_export]
macro_rules! trigonometric_operations {
    ([$($callback:tt)*] $($before:tt)*) => { $crate::rounding_operations! { [$($callback)*] $($before)*
    {
        /// The sine of an angle in radians.
        sin(x): Floating -> Same;
        float { fn(x: T) -> T { x.sin() } }
        complex { fn(x: Complex<T>) -> Complex<T> { x.sin() } }
        partial { |x, _out| [x.cos()] }
        domain { [(-10.0, 10.0)] }
        accuracy { 2.0, 0.0 }
        oracle { "numpy.sin" }
        wgsl { "sin(x)" }
    }
    {
        /// The cosine of an angle in radians.
        cos(x): Floating -> Same;
        float { fn(x: T) -> T { x.cos() } }
        complex { fn(x: Complex<T>) -> Complex<T> { x.cos() } }
        partial { |x, _out| [-x.sin()] }
        domain { [(-10.0, 10.0)] }
        accuracy { 2.0, 0.0 }
        oracle { "numpy.cos" }
        wgsl { "cos(x)" }
    }
    {
        /// The tangent of an angle in radians.
        tan(x): Floating -> Same;
        float { fn(x: T) -> T { x.tan() } }
        complex { fn(x: Complex<T>) -> Complex<T> { x.tan() } }
        partial { |_x, out| [1.0 + out.square()] }
        domain { [(-1.5, 1.5)] }
        accuracy { 3.0, 0.0 }
        oracle { "numpy.tan" }
        wgsl { "tan(x)" }
    }
    {
        /// The inverse sine, in radians.
        asin(x): Floating -> Same;
        float { fn(x: T) -> T { x.asin() } }
        complex { fn(x: Complex<T>) -> Complex<T> { x.asin() } }
        partial { |x, _out| [(1.0 - x.square()).rsqrt()] }
        domain { [(-0.99, 0.99)] }
        accuracy { 2.0, 0.0 }
        oracle { "numpy.arcsin" }
        wgsl { "asin(x)" }
        aliases { arcsin }
    }
    {
        /// The inverse cosine, in radians.
        acos(x): Floating -> Same;
        float { fn(x: T) -> T { x.acos() } }
        complex { fn(x: Complex<T>) -> Complex<T> { x.acos() } }
        partial { |x, _out| [-(1.0 - x.square()).rsqrt()] }
        domain { [(-0.99, 0.99)] }
        accuracy { 2.0, 0.0 }
        oracle { "numpy.arccos" }
        wgsl { "acos(x)" }
        aliases { arccos }
    }
    {
        /// The inverse tangent, in radians.
        atan(x): Floating -> Same;
        float { fn(x: T) -> T { x.atan() } }
        complex { fn(x: Complex<T>) -> Complex<T> { x.atan() } }
        partial { |x, _out| [(1.0 + x.square()).reciprocal()] }
        domain { [(-1e2, 1e2)] }
        accuracy { 2.0, 0.0 }
        oracle { "numpy.arctan" }
        wgsl { "atan(x)" }
        aliases { arctan }
    }
    {
        /// The angle of the point (`x`, `y`), in radians from −π to π; the first argument is `y`.
        atan2(y, x): Floating -> Same;
        float { fn(y: T, x: T) -> T { y.atan2(x) } }
        gradient { |y, x, _out, g| [g * (x / (x.square() + y.square())), -(g * (y / (x.square() + y.square())))] }
        domain { [(-1e2, 1e2), (0.01, 1e2)] }
        accuracy { 2.0, 0.0 }
        oracle { "numpy.arctan2" }
        wgsl { "atan2(y, x)" }
        aliases { arctan2 }
    }
    {
        /// The hyperbolic sine.
        sinh(x): Floating -> Same;
        float { fn(x: T) -> T { x.sinh() } }
        complex { fn(x: Complex<T>) -> Complex<T> { x.sinh() } }
        partial { |x, _out| [x.cosh()] }
        domain { [(-10.0, 10.0)] }
        accuracy { 2.5, 0.0 }
        oracle { "numpy.sinh" }
        wgsl { "sinh(x)" }
    }
    {
        /// The hyperbolic cosine.
        cosh(x): Floating -> Same;
        float { fn(x: T) -> T { x.cosh() } }
        complex { fn(x: Complex<T>) -> Complex<T> { x.cosh() } }
        partial { |x, _out| [x.sinh()] }
        domain { [(-10.0, 10.0)] }
        accuracy { 2.5, 0.0 }
        oracle { "numpy.cosh" }
        wgsl { "cosh(x)" }
    }
    {
        /// The hyperbolic tangent.
        tanh(x): Floating -> Same;
        float { fn(x: T) -> T { x.tanh() } }
        complex { fn(x: Complex<T>) -> Complex<T> { x.tanh() } }
        partial { |_x, out| [1.0 - out.square()] }
        domain { [(-9.0, 9.0)] }
        accuracy { 2.5, 0.0 }
        oracle { "numpy.tanh" }
        wgsl { "tanh(x)" }
    }
    {
        /// The inverse hyperbolic sine.
        asinh(x): Floating -> Same;
        float { fn(x: T) -> T { x.asinh() } }
        complex { fn(x: Complex<T>) -> Complex<T> { x.asinh() } }
        partial { |x, _out| [(x.square() + 1.0).rsqrt()] }
        domain { [(-1e2, 1e2)] }
        accuracy { 3.0, 0.0 }
        oracle { "numpy.arcsinh" }
        wgsl { "asinh(x)" }
        aliases { arcsinh }
    }
    {
        /// The inverse hyperbolic cosine.
        acosh(x): Floating -> Same;
        float { fn(x: T) -> T { x.acosh() } }
        complex { fn(x: Complex<T>) -> Complex<T> { x.acosh() } }
        partial { |x, _out| [(x - 1.0).rsqrt() * (x + 1.0).rsqrt()] }
        domain { [(1.01, 1e2)] }
        accuracy { 3.0, 0.0 }
        oracle { "numpy.arccosh" }
        wgsl { "acosh(x)" }
        aliases { arccosh }
    }
    {
        /// The inverse hyperbolic tangent.
        atanh(x): Floating -> Same;
        float { fn(x: T) -> T { x.atanh() } }
        complex { fn(x: Complex<T>) -> Complex<T> { x.atanh() } }
        partial { |x, _out| [(1.0 - x.square()).reciprocal()] }
        domain { [(-0.99, 0.99)] }
        accuracy { 3.0, 0.0 }
        oracle { "numpy.arctanh" }
        wgsl { "atanh(x)" }
        aliases { arctanh }
    }
    {
        /// sin(πx) / (πx), and 1 at 0.
        sinc(x): Floating -> Same;
        float { fn(x: T) -> T {
            let angle = x * T::constant(std::f64::consts::PI);
            T::select(x == T::constant(0.0), T::constant(1.0), angle.sin() / angle)
        } }
        partial { |x, out| [x.equal(0.0).where_(x.zeros(), ((x * std::f64::consts::PI).cos() - out) / x)] }
        domain { [(0.05, 5.0)] }
        accuracy { 4.0, 4.0 }
        oracle { "numpy.sinc" }
        wgsl { "select(sin(3.141592653589793 * x) / (3.141592653589793 * x), 1.0, x == 0.0)" }
    }
    {
        /// An angle in degrees from one in radians.
        rad2deg(x): Floating -> Same;
        float { fn(x: T) -> T { x * T::constant(180.0 / std::f64::consts::PI) } }
        gradient { |_x, _out, g| [g * (180.0 / std::f64::consts::PI)] }
        domain { [(-10.0, 10.0)] }
        accuracy { 1.5, 0.0 }
        oracle { "numpy.rad2deg" }
        wgsl { "degrees(x)" }
    }
    {
        /// An angle in radians from one in degrees.
        deg2rad(x): Floating -> Same;
        float { fn(x: T) -> T { x * T::constant(std::f64::consts::PI / 180.0) } }
        gradient { |_x, _out, g| [g * (std::f64::consts::PI / 180.0)] }
        domain { [(-360.0, 360.0)] }
        accuracy { 1.5, 0.0 }
        oracle { "numpy.deg2rad" }
        wgsl { "radians(x)" }
    }
    } };
}
