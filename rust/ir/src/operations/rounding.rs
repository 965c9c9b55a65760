//! Rows: rounding, and the parts of numbers.

/// See [`for_each_operation!`](crate::for_each_operation).
#[macro_export]
macro_rules! rounding_operations {
    ([$($callback:tt)*] $($before:tt)*) => { $crate::comparison_operations! { [$($callback)*] $($before)*
    {
        /// The largest whole number that is not larger.
        floor(x): Promote -> Same;
        float { fn(x: T) -> T { x.floor() } }
        integer { fn(x: T) -> T { x } }
        gradient { |_x, _out, g| [g.zeros()] }
        domain { [(-1e3, 1e3)] }
        accuracy { 0.0, 0.0 }
        oracle { "numpy.floor" }
        wgsl { "floor(x)" }
    }
    {
        /// The smallest whole number that is not smaller.
        ceil(x): Promote -> Same;
        float { fn(x: T) -> T { x.ceil() } }
        integer { fn(x: T) -> T { x } }
        gradient { |_x, _out, g| [g.zeros()] }
        domain { [(-1e3, 1e3)] }
        accuracy { 0.0, 0.0 }
        oracle { "numpy.ceil" }
        wgsl { "ceil(x)" }
    }
    {
        /// The whole number next to `x` in the direction of zero.
        trunc(x): Promote -> Same;
        float { fn(x: T) -> T { x.trunc() } }
        integer { fn(x: T) -> T { x } }
        gradient { |_x, _out, g| [g.zeros()] }
        domain { [(-1e3, 1e3)] }
        accuracy { 0.0, 0.0 }
        oracle { "numpy.trunc" }
        wgsl { "trunc(x)" }
        aliases { fix }
    }
    {
        /// The nearest whole number; halves go to the even one.
        round(x): Promote -> Same;
        float { fn(x: T) -> T { x.round() } }
        complex { fn(x: Complex<T>) -> Complex<T> { Complex::new(x.re.round(), x.im.round()) } }
        integer { fn(x: T) -> T { x } }
        gradient { |_x, _out, g| [g.zeros()] }
        domain { [(-1e3, 1e3)] }
        accuracy { 0.0, 0.0 }
        oracle { "numpy.round" }
        wgsl { "round(x)" }
    }
    {
        /// The part behind the point, with the sign of `x`.
        frac(x): Floating -> Same;
        float { fn(x: T) -> T { x - x.trunc() } }
        gradient { |_x, _out, g| [g] }
        domain { [(-1e3, 1e3)] }
        accuracy { 0.0, 0.0 }
        oracle { "lambda x: x - numpy.trunc(x)" }
        wgsl { "x - trunc(x)" }
    }
    {
        /// The real part.
        real(x): Promote -> Real;
        float { fn(x: T) -> T { x } }
        complex { fn(x: Complex<T>) -> T { x.re } }
        integer { fn(x: T) -> T { x } }
        gradient { |x, _out, g| [g.cast_like(x)] }
        domain { [(-1e3, 1e3)] }
        accuracy { 0.0, 0.0 }
        oracle { "numpy.real" }
        wgsl { "x" }
    }
    {
        /// The imaginary part; 0 for real numbers.
        imag(x): Promote -> Real;
        float { fn(_x: T) -> T { T::constant(0.0) } }
        complex { fn(x: Complex<T>) -> T { x.im } }
        integer { fn(x: T) -> T { x.subtract(x) } }
        gradient { |x, _out, g| [g.times_i_like(x)] }
        domain { [(-1e3, 1e3)] }
        accuracy { 0.0, 0.0 }
        oracle { "numpy.imag" }
        wgsl { "0.0" }
    }
    {
        /// The complex conjugate; the number itself where it is real.
        conj(x): Promote -> Same;
        float { fn(x: T) -> T { x } }
        complex { fn(x: Complex<T>) -> Complex<T> { x.conj() } }
        integer { fn(x: T) -> T { x } }
        gradient { |_x, _out, g| [g.conj()] }
        domain { [(-1e3, 1e3)] }
        accuracy { 0.0, 0.0 }
        oracle { "numpy.conj" }
        wgsl { "x" }
    }
    {
        /// The angle in the complex plane: 0 or π for real numbers, NaN for NaN.
        angle(x): Floating -> Real;
        float { fn(x: T) -> T {
            let angle = T::select(x.sign_bit() && x != T::constant(0.0), T::constant(std::f64::consts::PI), T::constant(0.0));
            T::select(x.is_nan(), x, angle)
        } }
        complex { fn(x: Complex<T>) -> T { x.angle() } }
        gradient { |x, _out, g| [x.angle_gradient(g)] }
        domain { [(-1e3, 1e3)] }
        accuracy { 2.0, 0.0 }
        oracle { "numpy.angle" }
        wgsl { "select(0.0, 3.141592653589793, x < 0.0)" }
    }
    {
        /// The magnitude of `x` with the sign of `y`, of −0 too; a NaN, whose sign may be the processor's choice, is positive.
        copysign(x, y): Floating -> Same;
        float { fn(x: T, y: T) -> T { x.copysign(T::select(y.is_nan(), T::constant(1.0), y)) } }
        gradient { |x, _y, out, g| [x.equal(0.0).where_(g.zeros(), g * (out / x)), g.zeros()] }
        domain { [(0.01, 1e3), (-1e3, 1e3)] }
        accuracy { 0.0, 0.0 }
        oracle { "numpy.copysign" }
        wgsl { "select(abs(x), -abs(x), y < 0.0)" }
    }
    {
        /// The next representable number after `x` in the direction of `y`.
        nextafter(x, y): Floating -> Same;
        float { fn(x: T, y: T) -> T { x.nextafter(y) } }
        domain { [(-1e3, 1e3), (-1e3, 1e3)] }
        accuracy { 0.0, 0.0 }
        oracle { "numpy.nextafter" }
        wgsl { "bitcast<f32>(bitcast<u32>(x) + select(0xffffffffu, 1u, (y > x) == (x > 0.0)))" }
    }
    {
        /// 0 for negative numbers, 1 for positive ones, `y` at 0.
        heaviside(x, y): Promote -> Same;
        float { fn(x: T, y: T) -> T {
            let step = T::select(x < T::constant(0.0), T::constant(0.0), T::constant(1.0));
            T::select(x.is_nan(), x, T::select(x == T::constant(0.0), y, step))
        } }
        integer { fn(x: T, y: T) -> T { T::select(x == T::ZERO, y, T::select(x < T::ZERO, T::ZERO, T::ONE)) } }
        gradient { |x, _y, _out, g| [g.zeros(), x.equal(0.0).where_(g, g.zeros())] }
        domain { [(-1e3, 1e3), (0.0, 1.0)] }
        accuracy { 0.0, 0.0 }
        oracle { "numpy.heaviside" }
        wgsl { "select(select(1.0, 0.0, x < 0.0), y, x == 0.0)" }
    }
    } };
}
