"""Writes the tables of expected values, `exact_values.txt` and `complex_values.txt`, with mpmath.

Usage: python generate_exact_values.py (in this folder)

A line holds a function's name, its arguments, and each part of the result as the sum of two floats. Arguments are
exact: every number is the shortest decimal that reads back as the same f64. Arguments of complex functions are also
exact in f32.
"""

import random
import struct

import mpmath
from mpmath import mp, mpc, mpf

mp.prec = 400
random.seed(20260801)


def parts(value):
    high = float(value)
    low = 0.0 if high in (0.0, float("inf"), float("-inf")) else float(value - mpf(high))
    return f"{high!r} {low!r}"


def single(value):
    return struct.unpack("f", struct.pack("f", value))[0]


def between(low, high, count=14):
    return [random.uniform(low, high) for _ in range(count)]


def magnitudes(low, high, count=10, signed=True):
    """Numbers whose decimal exponents are spread evenly."""
    values = [10 ** random.uniform(low, high) for _ in range(count)]
    return [random.choice((-1, 1)) * value if signed else value for value in values]


def erfinv(x):
    if abs(x) < mpf("0.99"):
        return mpmath.erfinv(x)
    with mp.workprec(600):
        guess = mpmath.sqrt(-mpmath.log((1 - abs(x)) * mpmath.sqrt(mpmath.pi)))
        root = mpmath.findroot(lambda y: mpmath.log(mpmath.erfc(y)) - mpmath.log(1 - abs(x)), guess)
    return root * mpmath.sign(x)


def loggamma(x):
    return mpmath.log(abs(mpmath.gamma(x))) if abs(x) < 1e4 else mpmath.loggamma(x).real


UNARY = {
    "sqrt": (mpmath.sqrt, between(0, 10) + magnitudes(-307, 308, signed=False)),
    "cbrt": (lambda x: mpmath.sign(x) * mpmath.cbrt(abs(x)), between(-10, 10) + magnitudes(-307, 308)),
    "exp": (mpmath.exp, between(-10, 10) + between(-600, 709) + magnitudes(-20, 0)),
    "exp2": (lambda x: mpf(2) ** x, between(-10, 10) + between(-900, 1023)),
    "expm1": (mpmath.expm1, between(-2, 2) + between(-50, 709) + magnitudes(-200, 0)),
    "log": (mpmath.log, between(0, 3) + magnitudes(-307, 308, signed=False) + [1 + 1e-12, 1 - 1e-14, 5e-324]),
    "log2": (lambda x: mpmath.log(x) / mpmath.log(2), between(0, 3) + magnitudes(-307, 308, signed=False)),
    "log10": (mpmath.log10, between(0, 3) + magnitudes(-307, 308, signed=False) + [1 + 1e-13]),
    "log1p": (mpmath.log1p, between(-1, 3) + magnitudes(-200, 0) + magnitudes(0, 308, signed=False)),
    "sin": (mpmath.sin, between(-10, 10) + magnitudes(-200, 308, 20) + [6381956970095103.0 * 2.0**797]),
    "cos": (mpmath.cos, between(-10, 10) + magnitudes(-200, 308, 20) + [6381956970095103.0 * 2.0**797]),
    "tan": (mpmath.tan, between(-10, 10) + magnitudes(-200, 308, 20) + [6381956970095103.0 * 2.0**797]),
    "asin": (mpmath.asin, between(-1, 1) + magnitudes(-200, 0) + [1 - 1e-15]),
    "acos": (mpmath.acos, between(-1, 1) + [1 - 1e-15, 1e-15 - 1, 1e-300]),
    "atan": (mpmath.atan, between(-10, 10) + magnitudes(-300, 300)),
    "sinh": (mpmath.sinh, between(-3, 3) + between(-700, 700) + magnitudes(-200, 0)),
    "cosh": (mpmath.cosh, between(-3, 3) + between(-700, 700)),
    "tanh": (mpmath.tanh, between(-3, 3) + between(-50, 50) + magnitudes(-200, 0)),
    "asinh": (mpmath.asinh, between(-3, 3) + magnitudes(-200, 308, 20)),
    "acosh": (mpmath.acosh, between(1, 3) + magnitudes(0, 308, 20, signed=False) + [1 + 1e-14]),
    "atanh": (mpmath.atanh, between(-1, 1) + magnitudes(-200, 0) + [1 - 1e-15]),
    "sigmoid": (lambda x: 1 / (1 + mpmath.exp(-x)), between(-10, 10) + between(-600, 50)),
    "erf": (mpmath.erf, between(-3, 3) + between(-6, 6) + magnitudes(-200, 0)),
    "erfc": (mpmath.erfc, between(-6, 3) + between(2, 25) + [1e-10]),
    "erfinv": (erfinv, between(-1, 1) + magnitudes(-200, 0) + [1 - 2.0**-k for k in (10, 20, 30, 40, 53)]),
    "lgamma": (loggamma, between(0, 5) + magnitudes(-200, 300, 20, signed=False) + [1 + 1e-10, 2 - 1e-12, 171.5]),
    "digamma": (mpmath.digamma, between(1.6, 60) + between(0, 1.3) + magnitudes(-200, 300, signed=False)),
    "trigamma": (lambda x: mpmath.polygamma(1, x), between(0, 60) + magnitudes(-140, 3, signed=False)),
    "i0": (lambda x: mpmath.besseli(0, x), between(-10, 10) + between(0, 700) + magnitudes(-200, 0)),
    "i1": (lambda x: mpmath.besseli(1, x), between(-10, 10) + between(0, 700) + magnitudes(-200, 0)),
}
ABSOLUTE = {
    "lgamma_absolute": (loggamma, between(-10, 0, 20)),
    "digamma_absolute": (mpmath.digamma, between(-10, 2, 20)),
    "trigamma_absolute": (lambda x: mpmath.polygamma(1, x), between(-10, 0, 20)),
}
pairs = lambda first, second: list(zip(first, second))
BINARY = {
    "pow": (lambda x, y: x**y, pairs(between(0, 10), between(-20, 20)) + pairs(between(-9, 9), range(-7, 7))
            + pairs(magnitudes(-300, 300, signed=False), between(-1, 1))),
    "atan2": (mpmath.atan2, pairs(between(-5, 5), between(-5, 5)) + pairs(magnitudes(-150, 150), magnitudes(-150, 150))),
    "hypot": (mpmath.hypot, pairs(between(-5, 5), between(-5, 5)) + pairs(magnitudes(-300, 300), magnitudes(-300, 300))),
    "fmod": (lambda x, y: mpmath.sign(x) * (abs(x) % abs(y)), pairs(magnitudes(-5, 15), magnitudes(-5, 5))),
    "divide": (lambda x, y: x / y, pairs(magnitudes(-100, 100), magnitudes(-100, 100))),
    "multiply": (lambda x, y: x * y, pairs(magnitudes(-100, 100), magnitudes(-100, 100))),
}

with open("exact_values.txt", "w") as file:
    for name, (function, arguments) in (UNARY | ABSOLUTE).items():
        for x in arguments:
            file.write(f"{name} {x!r} {parts(function(mpf(x)))}\n")
    for name, (function, arguments) in BINARY.items():
        for x, y in arguments:
            x, y = float(x), float(y)
            file.write(f"{name} {x!r} {y!r} {parts(function(mpf(x), mpf(y)))}\n")


def points(scale, count=14):
    return [(single(random.uniform(-scale, scale)), single(random.uniform(-scale, scale))) for _ in range(count)]


def near_unit_circle(count=10):
    angles = [random.uniform(-3, 3) for _ in range(count)]
    return [(single(float(mpmath.cos(a))), single(float(mpmath.sin(a)))) for a in angles]


def on_axes():
    """Near branch points, and tiny parts beside ordinary ones."""
    return [(1.0, 1e-3), (-1.0, 1e-3), (single(0.999999), 2.0**-40), (single(1.000001), -(2.0**-40)), (2.0**-40, 0.75),
            (-(2.0**-45), 3.0), (3.5, 2.0**-45), (-3.5, 2.0**-45), (2.0**-30, 2.0**-34), (2.0**-3, 1.0), (2.0**30, 2.0**28)]


def wide(count=16):
    """Magnitudes whose squares overflow or vanish in f32."""
    return [(single(a), single(b)) for a, b in zip(magnitudes(-36, 37, count), magnitudes(-36, 37, count))]


ordinary = points(2) + points(6)
everywhere = ordinary + near_unit_circle() + on_axes() + wide()
COMPLEX = {
    "sqrt": (mpmath.sqrt, everywhere), "exp": (mpmath.exp, ordinary), "exp2": (lambda z: mpf(2) ** z, ordinary),
    "log": (mpmath.log, everywhere), "log2": (lambda z: mpmath.log(z) / mpmath.log(2), everywhere),
    "log10": (lambda z: mpmath.log(z) / mpmath.log(10), everywhere),
    "log1p": (lambda z: mpmath.log(1 + z), everywhere + points(1e-3)),
    "expm1": (lambda z: mpmath.exp(z) - 1, points(1e-3) + [(single(a), single(b)) for a, b in points(0.5)]),
    "sin": (mpmath.sin, ordinary), "cos": (mpmath.cos, ordinary), "tan": (mpmath.tan, ordinary),
    "sinh": (mpmath.sinh, ordinary), "cosh": (mpmath.cosh, ordinary), "tanh": (mpmath.tanh, ordinary),
    "asin": (mpmath.asin, everywhere), "acos": (mpmath.acos, everywhere), "atan": (mpmath.atan, everywhere),
    "asinh": (mpmath.asinh, everywhere), "acosh": (mpmath.acosh, everywhere), "atanh": (mpmath.atanh, everywhere),
    "sigmoid": (lambda z: 1 / (1 + mpmath.exp(-z)), ordinary), "reciprocal": (lambda z: 1 / z, everywhere),
    "sign": (lambda z: z / abs(z), everywhere),
}
COMPLEX_BINARY = {
    "divide": (lambda z, w: z / w, list(zip(points(3, 20), points(3, 20))) + list(zip(wide(), reversed(wide())))),
    "pow": (lambda z, w: z**w, list(zip(points(2, 20), points(3, 20))) + list(zip(points(2, 7), [(n, 0.0) for n in (-3.0, -2.0, -1.0, 2.0, 3.0, 5.0, 0.5)]))),
}
# The cubes and quotients of the table are computed from the exact points: a few hundred bits leave no doubt.
mp.prec = 500
with open("complex_values.txt", "w") as file:
    for name, (function, arguments) in COMPLEX.items():
        for a, b in arguments:
            value = mpc(function(mpc(a, b)))
            file.write(f"{name} {a!r} {b!r} {parts(value.real)} {parts(value.imag)}\n")
    for name, (function, arguments) in COMPLEX_BINARY.items():
        for (a, b), (c, d) in arguments:
            value = mpc(function(mpc(a, b), mpc(c, d)))
            file.write(f"{name} {a!r} {b!r} {c!r} {d!r} {parts(value.real)} {parts(value.imag)}\n")

# Drawn last, so that the values above stay what they are.
NORMAL = {
    "ndtr": (mpmath.ncdf, between(-3, 3) + between(-36, 8) + magnitudes(-200, 0)),
    "normal_pdf": (mpmath.npdf, between(-3, 3) + between(-37, 37) + magnitudes(-200, 0)),
}
with open("exact_values.txt", "a") as file:
    for name, (function, arguments) in NORMAL.items():
        for x in arguments:
            file.write(f"{name} {x!r} {parts(function(mpf(x)))}\n")
