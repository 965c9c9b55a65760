//! Rows: activation functions that are primitive. The others are composites of the functional layers.

/// See [`for_each_operation!`](crate::for_each_operation).
#[macro_export]
macro_rules! activation_operations {
    ([$($callback:tt)*] $($before:tt)*) => { $($callback)*! { $($before)*
    {
        /// The larger of the number and 0; NaN stays NaN. The gradient at 0 is 0.
        relu(x): Promote -> Same;
        float { fn(x: T) -> T { T::select(x <= T::constant(0.0), T::constant(0.0), x) } }
        integer { fn(x: T) -> T { T::select(x < T::ZERO, T::ZERO, x) } }
        gradient { |_x, out, g| [out.greater(0.0).where_(g, g.zeros())] }
        domain { [(-10.0, 10.0)] }
        accuracy { 0.0, 0.0 }
        oracle { "lambda x: numpy.maximum(x, 0)" }
        wgsl { "max(x, 0.0)" }
    }
    {
        /// The logistic function 1 / (1 + exp(−x)).
        sigmoid(x): Floating -> Same;
        float { fn(x: T) -> T { x.sigmoid() } }
        complex { fn(x: Complex<T>) -> Complex<T> { x.sigmoid() } }
        partial { |_x, out| [out * (1.0 - out)] }
        domain { [(-20.0, 20.0)] }
        accuracy { 2.5, 0.0 }
        oracle { "lambda x: 1 / (1 + numpy.exp(-x))" }
        wgsl { "1.0 / (1.0 + exp(-x))" }
        aliases { expit }
    }
    {
        /// The logarithm of the logistic function, without overflow.
        log_sigmoid(x): Floating -> Same;
        float { fn(x: T) -> T {
            let smaller = T::select(x < T::constant(0.0), x, T::constant(0.0));
            let result = smaller - (-x.abs()).exp().log1p();
            T::select(x.is_nan(), x, result)
        } }
        gradient { |x, _out, g| [g * (-x).sigmoid()] }
        domain { [(-20.0, 20.0)] }
        accuracy { 3.0, 0.0 }
        oracle { "scipy.special.log_expit" }
        wgsl { "min(x, 0.0) - log(1.0 + exp(-abs(x)))" }
    }
    {
        /// The number times its logistic function (swish).
        silu(x): Floating -> Same;
        float { fn(x: T) -> T { x * x.sigmoid() } }
        gradient { |x, _out, g| [g * (x.sigmoid() * (1.0 + x * (1.0 - x.sigmoid())))] }
        domain { [(-20.0, 20.0)] }
        accuracy { 4.0, 0.0 }
        oracle { "lambda x: x * scipy.special.expit(x)" }
        wgsl { "x / (1.0 + exp(-x))" }
    }
    } };
}
