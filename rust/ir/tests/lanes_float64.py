"""Writes lanes_float64.txt: arguments and values of functions to 20 digits beyond f64, with mpmath 1.3."""

import random
from pathlib import Path

import mpmath as mp

mp.mp.dps = 60
random.seed(1)

FUNCTIONS = {
    "exp": (mp.exp, -744, 709.7),
    "exp2": (lambda x: mp.mpf(2) ** x, -1073, 1023.9),
    "expm1": (mp.expm1, -40, 709.7),
    "log": (mp.log, 0, None),
    "log2": (lambda x: mp.log(x) / mp.log(2), 0, None),
    "log10": (lambda x: mp.log(x) / mp.log(10), 0, None),
    "log1p": (mp.log1p, -1, None),
    "sinh": (mp.sinh, -710, 710),
    "cosh": (mp.cosh, -710, 710),
    "tanh": (mp.tanh, -20, 20),
    "asinh": (mp.asinh, None, None),
    "acosh": (mp.acosh, 1, None),
    "atanh": (mp.atanh, -1, 1),
    "sigmoid": (lambda x: 1 / (1 + mp.exp(-x)), -744, 40),
    "erfinv": (mp.erfinv, -1, 1),
    "digamma": (mp.digamma, 0, None),
    "trigamma": (lambda x: mp.psi(1, x), 0, None),
    "i0": (lambda x: mp.besseli(0, x), -700, 700),
    "i1": (lambda x: mp.besseli(1, x), -700, 700),
    "ndtr": (mp.ncdf, -37, 9),
    "normal_pdf": (mp.npdf, -37, 37),
}


def arguments(low, high, count=60):
    """Log-uniform magnitudes, uniform values and values around 1, within (low, high)."""
    found = []
    while len(found) < count:
        x = random.choice([
            random.choice([-1, 1]) * 10 ** random.uniform(-12, 12),
            random.choice([-1, 1]) * 10 ** random.uniform(-2, 2),
            random.uniform(-2, 2),
            1 + random.uniform(-0.5, 0.5),
            random.uniform(low if low is not None else -50, high if high is not None else 50),
        ])
        if (low is None or x > low) and (high is None or x < high):
            found.append(x)
    return found


lines = []
for name, (function, low, high) in FUNCTIONS.items():
    for x in arguments(low, high):
        value = function(mp.mpf(x))
        rounded = float(value)
        # The rest is what rounding to f64 lost.
        lines.append(f"{name} {x!r} {rounded!r} {float(value - mp.mpf(rounded))!r}")
Path(__file__).with_suffix(".txt").write_text("\n".join(lines) + "\n")
