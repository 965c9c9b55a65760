//! Rows: arithmetic.

/// See [`for_each_operation!`](crate::for_each_operation).
#[macro_export]
macro_rules! arithmetic_operations {
    ([$($callback:tt)*] $($before:tt)*) => { $crate::exponential_operations! { [$($callback)*] $($before)*
    {
        /// The sum `x + y`. On bool the logical or.
        add(x, y): Promote -> Same;
        float { fn(x: T, y: T) -> T { x + y } }
        complex { fn(x: Complex<T>, y: Complex<T>) -> Complex<T> { x + y } }
        integer { fn(x: T, y: T) -> T { x.add(y) } }
        boolean { fn(x: bool, y: bool) -> bool { x | y } }
        gradient { |_x, _y, _out, g| [g, g] }
        domain { [(-1e3, 1e3), (-1e3, 1e3)] }
        accuracy { 0.5, 0.0 }
        oracle { "numpy.add" }
        wgsl { "x + y" }
    }
    {
        /// The difference `x - y`.
        subtract(x, y): Promote -> Same;
        float { fn(x: T, y: T) -> T { x - y } }
        complex { fn(x: Complex<T>, y: Complex<T>) -> Complex<T> { x - y } }
        integer { fn(x: T, y: T) -> T { x.subtract(y) } }
        gradient { |_x, _y, _out, g| [g, -g] }
        domain { [(-1e3, 1e3), (-1e3, 1e3)] }
        accuracy { 0.5, 0.0 }
        oracle { "numpy.subtract" }
        wgsl { "x - y" }
        aliases { sub }
    }
    {
        /// The product `x * y`. On bool the logical and.
        multiply(x, y): Promote -> Same;
        float { fn(x: T, y: T) -> T { x * y } }
        complex { fn(x: Complex<T>, y: Complex<T>) -> Complex<T> { x * y } }
        integer { fn(x: T, y: T) -> T { x.multiply(y) } }
        boolean { fn(x: bool, y: bool) -> bool { x & y } }
        partial { |x, y, _out| [y, x] }
        domain { [(-1e3, 1e3), (-1e3, 1e3)] }
        accuracy { 0.5, 0.0 }
        oracle { "numpy.multiply" }
        wgsl { "x * y" }
        aliases { mul }
    }
    {
        /// The true quotient `x / y`; integers give floating point.
        divide(x, y): Floating -> Same;
        float { fn(x: T, y: T) -> T { x / y } }
        complex { fn(x: Complex<T>, y: Complex<T>) -> Complex<T> { x / y } }
        gradient { |_x, y, out, g| [g / y.conjugate(), -(g * (out / y).conjugate())] }
        domain { [(-1e3, 1e3), (0.1, 1e2)] }
        accuracy { 0.5, 0.0 }
        oracle { "numpy.divide" }
        wgsl { "x / y" }
        aliases { div, true_divide }
    }
    {
        /// The quotient rounded down to a whole number. For integers x // 0 is 0.
        floor_divide(x, y): Promote -> Same;
        float { fn(x: T, y: T) -> T {
            // The exact remainder first: rounding x / y could step over a whole number.
            let rest = x.fmod(y);
            let shifted = T::select(rest != T::constant(0.0) && rest.sign_bit() != y.sign_bit(), rest + y, rest);
            let quotient = (x - shifted) / y;
            let whole = quotient.round();
            let finite = T::select(whole == T::constant(0.0), T::constant(0.0).copysign(x / y), whole);
            // Where there is no remainder (division by 0 or of infinities) the quotient itself decides.
            let plain = (x / y).floor();
            T::select(rest.is_nan() || !x.is_finite() || !y.is_finite(), plain, finite)
        } }
        integer { fn(x: T, y: T) -> T { x.floor_divide(y) } }
        gradient { |_x, _y, _out, g| [g.zeros(), g.zeros()] }
        domain { [(-1e3, 1e3), (0.1, 1e2)] }
        accuracy { 0.5, 0.0 }
        oracle { "numpy.floor_divide" }
        wgsl { "floor(x / y)" }
    }
    {
        /// The remainder of floor division, with the sign of `y`. For integers x % 0 is 0.
        remainder(x, y): Promote -> Same;
        float { fn(x: T, y: T) -> T {
            let rest = x.fmod(y);
            let zero = rest == T::constant(0.0);
            let shifted = T::select(!zero && rest.sign_bit() != y.sign_bit(), rest + y, rest);
            T::select(zero, rest.copysign(y), shifted)
        } }
        integer { fn(x: T, y: T) -> T { x.remainder(y) } }
        gradient { |x, y, _out, g| [g, -(g * x.floor_divide(y))] }
        domain { [(-1e3, 1e3), (0.1, 1e2)] }
        accuracy { 0.5, 0.0 }
        oracle { "numpy.remainder" }
        wgsl { "x - y * floor(x / y)" }
    }
    {
        /// The remainder of division rounded towards zero, with the sign of `x`. For integers fmod(x, 0) is 0.
        fmod(x, y): Promote -> Same;
        float { fn(x: T, y: T) -> T { x.fmod(y) } }
        integer { fn(x: T, y: T) -> T { x.fmod(y) } }
        gradient { |x, y, _out, g| [g, -(g * (x / y).trunc())] }
        domain { [(-1e3, 1e3), (0.1, 1e2)] }
        accuracy { 0.0, 0.0 }
        oracle { "numpy.fmod" }
        wgsl { "x % y" }
    }
    {
        /// `x` to the power `y`. A negative power of an integer is truncated.
        pow(x, y): Promote -> Same;
        float { fn(x: T, y: T) -> T { x.pow(y) } }
        complex { fn(x: Complex<T>, y: Complex<T>) -> Complex<T> { x.pow(y) } }
        integer { fn(x: T, y: T) -> T { x.pow(y) } }
        gradient { |x, y, out, g| [
            y.equal(0.0).where_(g.zeros(), g * (y * x.pow(y - 1.0)).conjugate()),
            x.equal(0.0).where_(g.zeros(), g * (out * x.log()).conjugate())
        ] }
        domain { [(0.1, 10.0), (-3.0, 3.0)] }
        accuracy { 2.0, 0.0 }
        oracle { "numpy.power" }
        wgsl { "pow(x, y)" }
        aliases { power }
    }
    {
        /// The number with its sign changed.
        negative(x): Promote -> Same;
        float { fn(x: T) -> T { -x } }
        complex { fn(x: Complex<T>) -> Complex<T> { -x } }
        integer { fn(x: T) -> T { x.negative() } }
        gradient { |_x, _out, g| [-g] }
        domain { [(-1e3, 1e3)] }
        accuracy { 0.0, 0.0 }
        oracle { "numpy.negative" }
        wgsl { "-x" }
        aliases { neg }
    }
    {
        /// The number itself.
        positive(x): Promote -> Same;
        float { fn(x: T) -> T { x } }
        complex { fn(x: Complex<T>) -> Complex<T> { x } }
        integer { fn(x: T) -> T { x } }
        gradient { |_x, _out, g| [g] }
        domain { [(-1e3, 1e3)] }
        accuracy { 0.0, 0.0 }
        oracle { "numpy.positive" }
        wgsl { "x" }
    }
    {
        /// The magnitude. The smallest signed integer wraps to itself.
        abs(x): Promote -> Real;
        float { fn(x: T) -> T { x.abs() } }
        complex { fn(x: Complex<T>) -> T { x.abs() } }
        integer { fn(x: T) -> T { x.abs() } }
        gradient { |x, _out, g| [g * x.sign()] }
        domain { [(-1e3, 1e3)] }
        accuracy { 0.0, 0.0 }
        oracle { "numpy.abs" }
        wgsl { "abs(x)" }
        aliases { absolute }
    }
    {
        /// −1, 0 (also for −0) or 1 by the sign; x / |x| for a complex number; NaN stays NaN.
        sign(x): Promote -> Same;
        float { fn(x: T) -> T {
            let unit = T::constant(1.0).copysign(x);
            let zero = T::constant(0.0);
            T::select(x.is_nan(), x, T::select(x == zero, zero, unit))
        } }
        complex { fn(x: Complex<T>) -> Complex<T> { x.sign() } }
        integer { fn(x: T) -> T { x.sign() } }
        gradient { |x, out, g| [x.sign_gradient(out, g)] }
        domain { [(-1e3, 1e3)] }
        accuracy { 0.0, 0.0 }
        oracle { "numpy.sign" }
        wgsl { "sign(x)" }
        aliases { sgn }
    }
    {
        /// The square `x * x`.
        square(x): Promote -> Same;
        float { fn(x: T) -> T { x * x } }
        complex { fn(x: Complex<T>) -> Complex<T> { x.square() } }
        integer { fn(x: T) -> T { x.multiply(x) } }
        partial { |x, _out| [x * 2.0] }
        domain { [(-1e3, 1e3)] }
        accuracy { 0.5, 0.0 }
        oracle { "numpy.square" }
        wgsl { "x * x" }
    }
    {
        /// One divided by the number.
        reciprocal(x): Floating -> Same;
        float { fn(x: T) -> T { T::constant(1.0) / x } }
        complex { fn(x: Complex<T>) -> Complex<T> { x.reciprocal() } }
        partial { |_x, out| [-out.square()] }
        domain { [(0.01, 1e3)] }
        accuracy { 0.5, 0.0 }
        oracle { "numpy.reciprocal" }
        wgsl { "1.0 / x" }
    }
    {
        /// The square root, correctly rounded.
        sqrt(x): Floating -> Same;
        float { fn(x: T) -> T { x.sqrt() } }
        complex { fn(x: Complex<T>) -> Complex<T> { x.sqrt() } }
        partial { |_x, out| [0.5 / out] }
        domain { [(1e-3, 1e3)] }
        accuracy { 0.5, 0.0 }
        oracle { "numpy.sqrt" }
        wgsl { "sqrt(x)" }
    }
    {
        /// One divided by the square root.
        rsqrt(x): Floating -> Same;
        float { fn(x: T) -> T { T::constant(1.0) / x.sqrt() } }
        complex { fn(x: Complex<T>) -> Complex<T> { x.sqrt().reciprocal() } }
        partial { |_x, out| [-0.5 * (out * out.square())] }
        domain { [(1e-3, 1e3)] }
        accuracy { 1.5, 0.0 }
        oracle { "lambda x: 1 / numpy.sqrt(x)" }
        wgsl { "inverseSqrt(x)" }
    }
    {
        /// The cube root.
        cbrt(x): Floating -> Same;
        float { fn(x: T) -> T { x.cbrt() } }
        partial { |_x, out| [(1.0 / 3.0) / out.square()] }
        domain { [(0.01, 1e3)] }
        accuracy { 2.0, 0.0 }
        oracle { "numpy.cbrt" }
        wgsl { "sign(x) * pow(abs(x), 1.0 / 3.0)" }
    }
    {
        /// The length `sqrt(x² + y²)`, without overflow on the way.
        hypot(x, y): Floating -> Same;
        float { fn(x: T, y: T) -> T { x.hypot(y) } }
        gradient { |x, y, out, g| [g * (x / out), g * (y / out)] }
        domain { [(-1e3, 1e3), (0.01, 1e3)] }
        accuracy { 2.0, 0.0 }
        oracle { "numpy.hypot" }
        wgsl { "length(vec2(x, y))" }
    }
    {
        /// The larger of two numbers; NaN if either is NaN.
        maximum(x, y): Promote -> Same;
        float { fn(x: T, y: T) -> T {
            let larger = T::select(x > y, x, y);
            T::select(x.is_nan(), x, larger)
        } }
        integer { fn(x: T, y: T) -> T { T::select(x > y, x, y) } }
        boolean { fn(x: bool, y: bool) -> bool { x | y } }
        gradient { |x, y, _out, g| [
            x.greater(y).where_(g, x.equal(y).where_(g * 0.5, g.zeros())),
            y.greater(x).where_(g, x.equal(y).where_(g * 0.5, g.zeros()))
        ] }
        domain { [(-1e3, 1e3), (-1e3, 1e3)] }
        accuracy { 0.0, 0.0 }
        oracle { "numpy.maximum" }
        wgsl { "max(x, y)" }
    }
    {
        /// The smaller of two numbers; NaN if either is NaN.
        minimum(x, y): Promote -> Same;
        float { fn(x: T, y: T) -> T {
            let smaller = T::select(x < y, x, y);
            T::select(x.is_nan(), x, smaller)
        } }
        integer { fn(x: T, y: T) -> T { T::select(x < y, x, y) } }
        boolean { fn(x: bool, y: bool) -> bool { x & y } }
        gradient { |x, y, _out, g| [
            x.less(y).where_(g, x.equal(y).where_(g * 0.5, g.zeros())),
            y.less(x).where_(g, x.equal(y).where_(g * 0.5, g.zeros()))
        ] }
        domain { [(-1e3, 1e3), (-1e3, 1e3)] }
        accuracy { 0.0, 0.0 }
        oracle { "numpy.minimum" }
        wgsl { "min(x, y)" }
    }
    {
        /// The larger of two numbers; the other one where one is NaN.
        fmax(x, y): Promote -> Same;
        float { fn(x: T, y: T) -> T {
            let larger = T::select(x > y, x, y);
            T::select(y.is_nan(), x, larger)
        } }
        integer { fn(x: T, y: T) -> T { T::select(x > y, x, y) } }
        gradient { |x, y, _out, g| [
            x.greater_equal(y).logical_or(y.isnan()).where_(g, g.zeros()),
            x.greater_equal(y).logical_or(y.isnan()).where_(g.zeros(), g)
        ] }
        domain { [(-1e3, 1e3), (-1e3, 1e3)] }
        accuracy { 0.0, 0.0 }
        oracle { "numpy.fmax" }
        wgsl { "max(x, y)" }
    }
    {
        /// The smaller of two numbers; the other one where one is NaN.
        fmin(x, y): Promote -> Same;
        float { fn(x: T, y: T) -> T {
            let smaller = T::select(x < y, x, y);
            T::select(y.is_nan(), x, smaller)
        } }
        integer { fn(x: T, y: T) -> T { T::select(x < y, x, y) } }
        gradient { |x, y, _out, g| [
            x.less_equal(y).logical_or(y.isnan()).where_(g, g.zeros()),
            x.less_equal(y).logical_or(y.isnan()).where_(g.zeros(), g)
        ] }
        domain { [(-1e3, 1e3), (-1e3, 1e3)] }
        accuracy { 0.0, 0.0 }
        oracle { "numpy.fmin" }
        wgsl { "min(x, y)" }
    }
    {
        /// `x + weight * (y - x)`, from the end that is nearer.
        lerp(x, y, weight): Floating -> Same;
        float { fn(x: T, y: T, weight: T) -> T {
            let span = y - x;
            T::select(weight.abs() < T::constant(0.5), x + weight * span, y - span * (T::constant(1.0) - weight))
        } }
        gradient { |x, y, weight, _out, g| [g * (1.0 - weight), g * weight, g * (y - x)] }
        domain { [(-10.0, 10.0), (-10.0, 10.0), (0.0, 1.0)] }
        accuracy { 4.0, 32.0 }
        oracle { "lambda x, y, w: x + w * (y - x)" }
        wgsl { "mix(x, y, weight)" }
    }
    {
        /// `x` where the condition holds, else `y`.
        where_(condition, x, y): Choose -> Same;
        float { fn(condition: bool, x: T, y: T) -> T { T::select(condition, x, y) } }
        complex { fn(condition: bool, x: Complex<T>, y: Complex<T>) -> Complex<T> { if condition { x } else { y } } }
        integer { fn(condition: bool, x: T, y: T) -> T { T::select(condition, x, y) } }
        boolean { fn(condition: bool, x: bool, y: bool) -> bool { if condition { x } else { y } } }
        gradient { |condition, _x, _y, _out, g| [
            g.zeros(), condition.where_(g, g.zeros()), condition.where_(g.zeros(), g)
        ] }
        domain { [(0.0, 1.0), (-1e3, 1e3), (-1e3, 1e3)] }
        accuracy { 0.0, 0.0 }
        oracle { "numpy.where" }
        wgsl { "select(y, x, condition)" }
    }
    } };
}
