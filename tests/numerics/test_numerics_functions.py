# SPDX-License-Identifier: MIT
"""tanh and sqrt against mpmath: float32 correctly rounded, float64 tanh within 1 ULP."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest

import rtch
from tensor_draws import assert_same, bits

mpmath.mp.prec = 200


def ulps(found: float, exact: mpmath.mpf) -> float:
    """Distance from the exact value in units of the last place of the float64 nearest to it."""
    return float(abs(mpmath.mpf(found) - exact) / math.ulp(float(exact)))


def nearest(found: np.floating, exact: mpmath.mpf) -> bool:
    """Whether no other number of the dtype is closer, ties to even."""
    error = abs(mpmath.mpf(float(found)) - exact)
    for side in (np.inf, -np.inf):
        beside = np.nextafter(found, found.dtype.type(side))
        other = abs(mpmath.mpf(float(beside)) - exact)
        if other < error or (other == error and int(bits(found)[0]) & 1):
            return False
    return True


def hard_inputs() -> np.ndarray:
    """Where a tanh goes wrong: both ends, the joints of its argument reduction, neighbours of those."""
    rng = np.random.default_rng(1)
    centres = [
        5e-324,
        2.2250738585072014e-308,
        1e-300,
        2.0**-540,
        2.0**-54,
        2.0**-27,
        1e-8,
        1e-3,
        0.5,
        1.0,
        19.0615,
        22.0,
        22.5,
        18.714973875118524,
        *(k * math.log(2) / 4 for k in range(1, 130)),
    ]
    steps = np.arange(-3, 4)
    near = (np.array(centres).view("int64")[:, None] + steps).reshape(-1)
    near = np.abs(near[near >= 0].view("float64"))
    return np.concatenate(
        [near, 10.0 ** rng.uniform(-320, 1.5, 1500), rng.uniform(0, 23, 2500), rng.uniform(0, 0.4, 1000)]
    )


def test_tanh_of_float64_is_within_one_ulp() -> None:
    """Of the exact value; and odd, to the bit."""
    x = hard_inputs()
    y = rtch.asarray(x).tanh().numpy()
    worst = max(ulps(float(b), mpmath.tanh(mpmath.mpf(float(a)))) for a, b in zip(x, y, strict=True) if a)
    assert worst < 0.6  # as csrc/kernels/tanh.h says; 1 is what is promised
    assert_same(-y, rtch.asarray(-x).tanh())
    assert np.all(np.diff(y[np.argsort(x, kind="stable")]) >= -math.ulp(0.5))
    assert np.all(y <= 1.0)


def test_tanh_of_special_values() -> None:
    """Zeros keep their sign, infinities give one, NaN stays, tiny numbers are their own tanh, huge ones give one."""
    for dtype, tiny in (("float32", [1e-45, -1e-38, 1e-20]), ("float64", [5e-324, -2.2e-308, 1e-200, 1e-9])):
        x = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1e30, -1e30, 22.1, *tiny], dtype)
        expected = np.array([0.0, -0.0, 1.0, -1.0, np.nan, 1.0, -1.0, 1.0, *tiny], dtype)
        assert_same(expected, rtch.asarray(x).tanh())
        assert_same(np.repeat(expected, 9), rtch.asarray(np.repeat(x, 9)).tanh())


@pytest.mark.parametrize("name", ["tanh", "sqrt"])
def test_float32_functions_are_correctly_rounded(name: str) -> None:
    """On a sample over all exponents; csrc/tests/exhaustive.c runs all 2^32 inputs."""
    rng = np.random.default_rng(2)
    x = rng.integers(1, 0x7F800000, 4000).astype("uint32").view("float32")
    if name == "tanh":
        x = np.concatenate([x, rng.uniform(0, 10, 3000).astype("float32"), np.array([9.0109, 9.0110], "float32")])
    y = getattr(rtch, name)(rtch.asarray(x)).numpy()
    exact = getattr(mpmath, name)
    wrong = [float(a) for a, b in zip(x, y, strict=True) if not nearest(b, exact(mpmath.mpf(float(a))))]
    assert wrong == []
    if name == "tanh":
        assert_same(-y, rtch.asarray(-x).tanh())
    else:
        assert np.isnan(rtch.asarray(-x).sqrt().numpy()).all()
        assert_same(np.array([0.0, -0.0, np.inf, np.nan], "float32"), rtch.asarray([0.0, -0.0, math.inf, -1.0]).sqrt())


def test_sqrt_of_float64_is_correctly_rounded() -> None:
    """As IEEE 754 asks."""
    x = np.random.default_rng(3).integers(1, 0x7FF0000000000000, 1000).view("float64")
    y = rtch.asarray(x).sqrt().numpy()
    assert all(nearest(b, mpmath.sqrt(mpmath.mpf(float(a)))) for a, b in zip(x, y, strict=True))


def test_the_checks_see_a_wrong_last_bit() -> None:
    """One unit off is not nearest, and is a whole ULP away."""
    exact = mpmath.tanh(mpmath.mpf(0.7))
    right = np.float32(float(exact))
    assert nearest(right, exact)
    assert not nearest(np.nextafter(right, np.float32(2)), exact)
    assert ulps(math.nextafter(float(exact), 2), exact) > 0.5
