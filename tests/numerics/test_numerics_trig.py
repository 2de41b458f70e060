# SPDX-License-Identifier: MIT
"""Trigonometry against mpmath; rounding, remainder and floor_divide against exact fractions and Python's integers."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import pytest

import rtch
from tensor_draws import assert_same, bits

mpmath.mp.prec = 200

UNARY = ("sin", "cos", "tan", "asin", "acos", "atan")
BOUNDS = {"sin": 0.7, "cos": 0.7, "tan": 0.75, "asin": 0.65, "acos": 0.65, "atan": 0.65}  # as the C headers say
INF, NAN = math.inf, math.nan
PI = math.pi


def ulps(found: float, exact: Any) -> float:
    """Distance from the exact value in units of the last place of the float64 nearest to it."""
    return float(abs(mpmath.mpf(found) - exact) / math.ulp(float(exact)))


def nearest(found: Any, exact: Any) -> bool:
    """Whether no other number of the dtype is closer, ties to even. The exact value is an mpf or a Fraction."""
    number = Fraction if isinstance(exact, Fraction) else mpmath.mpf
    error = abs(number(float(found)) - exact)
    for side in (np.inf, -np.inf):
        with np.errstate(over="ignore"):
            beside = np.nextafter(found, found.dtype.type(side))
        if not np.isfinite(beside):
            continue
        other = abs(number(float(beside)) - exact)
        if other < error or (other == error and int(bits(found)[0]) & 1):
            return False
    return True


def multiples_of_half_pi(dtype: str, exponents: int, each: int) -> np.ndarray:
    """The numbers of a dtype closest to multiples of pi / 2 of every size, and their neighbours."""
    rng = np.random.default_rng(5)
    out = []
    with mpmath.workprec(1300):
        for exponent in range(exponents):
            for _ in range(each):
                k = int(mpmath.floor(mpmath.ldexp(1 + float(rng.random()), exponent)))
                near = np.array(float(k * mpmath.pi / 2)).astype(dtype)
                out += [np.nextafter(near, near.dtype.type(0)), near, np.nextafter(near, near.dtype.type(INF))]
    return np.array(out, dtype)


def inputs(name: str, dtype: str) -> np.ndarray:
    """Hard and random inputs in the domain of a function."""
    rng = np.random.default_rng(6)
    kind, top = ("uint32", 0x7F800000) if dtype == "float32" else ("uint64", 0x7FF0000000000000)
    anything = rng.integers(1, top, 700).astype(kind).view(dtype)
    with np.errstate(over="ignore"):
        middle = 2.0 ** rng.uniform(-30, 6, 900)
        if name in ("sin", "cos", "tan"):
            hard = multiples_of_half_pi(dtype, 126 if dtype == "float32" else 1022, 1)
            # The closest float64 of all to a multiple of pi / 2; the float32 that round the wrong way in float64.
            known = [6381956970095103.0 * 2.0**797, 9830.4, float.fromhex("0x1.2b9622p+67"), 2.0**1000, 2.0**30]
            x = np.concatenate([anything, middle, hard, [k for k in known if k < np.finfo(dtype).max]])
        elif name == "atan":
            joints = np.array([math.tan(PI / 8), math.tan(3 * PI / 8), 1.0, float.fromhex("0x1.1ad646p-4")])
            x = np.concatenate([anything, middle, *(joints.astype(dtype) * (1 + k * 2.0**-23) for k in range(-9, 10))])
        else:
            ends = 1 - 2.0 ** -rng.uniform(0, 53, 600)
            known = [0.5, 1.0, float.fromhex("0x1.04c444p-12"), float.fromhex("0x1.110b46p-26")]
            x = np.concatenate(
                [anything[anything < 1], rng.random(1500), ends, known, 0.5 + 2.0**-24 * np.arange(-9, 9)]
            )
        x = x.astype(dtype)
    x = x[np.isfinite(x)]
    return np.concatenate([x, -x])


@pytest.mark.parametrize("name", UNARY)
def test_float32_functions_are_correctly_rounded(name: str) -> None:
    """On a sample; csrc/tests/exhaustive.c runs all 2^32 inputs."""
    x = inputs(name, "float32")
    y = getattr(rtch, name)(rtch.asarray(x)).numpy()
    exact = getattr(mpmath, name)
    wrong = [float(a) for a, b in zip(x, y, strict=True) if not nearest(b, exact(mpmath.mpf(float(a))))]
    assert wrong == []


@pytest.mark.parametrize("name", UNARY)
def test_float64_functions_are_within_one_ulp(name: str) -> None:
    """Of the exact value, in the whole range; and odd or even to the bit."""
    x = inputs(name, "float64")
    y = getattr(rtch, name)(rtch.asarray(x)).numpy()
    exact = getattr(mpmath, name)
    with mpmath.workprec(300):
        worst = max(ulps(float(b), exact(mpmath.mpf(float(a)))) for a, b in zip(x, y, strict=True))
    assert worst < BOUNDS[name]  # 1 is what is promised
    half = len(x) // 2
    if name == "cos":
        assert_same(y[:half], rtch.asarray(y[half:]))
    elif name != "acos":
        assert_same(-y[:half], rtch.asarray(y[half:]))


SPECIAL: dict[str, list[tuple[float, float]]] = {
    "sin": [(0.0, 0.0), (-0.0, -0.0), (INF, NAN), (-INF, NAN), (NAN, NAN)],
    "cos": [(0.0, 1.0), (-0.0, 1.0), (INF, NAN), (-INF, NAN), (NAN, NAN)],
    "tan": [(0.0, 0.0), (-0.0, -0.0), (INF, NAN), (-INF, NAN), (NAN, NAN)],
    "asin": [(0.0, 0.0), (-0.0, -0.0), (1.5, NAN), (-1.5, NAN), (INF, NAN), (NAN, NAN), (1.0, PI / 2), (-1.0, -PI / 2)],
    "acos": [(1.0, 0.0), (1.5, NAN), (-1.5, NAN), (-INF, NAN), (NAN, NAN), (-1.0, PI), (0.0, PI / 2), (-0.0, PI / 2)],
    "atan": [(0.0, 0.0), (-0.0, -0.0), (INF, PI / 2), (-INF, -PI / 2), (NAN, NAN), (1.0, PI / 4)],
    **{
        name: [(0.0, 0.0), (-0.0, -0.0), (INF, INF), (-INF, -INF), (NAN, NAN), (7.0, 7.0), (-1e30, -1e30)]
        for name in ("floor", "ceil", "trunc", "round")
    },
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", SPECIAL)
def test_special_values_of_one_input(name: str, dtype: str) -> None:
    """The Array API standard's, in vectors and in tails, beside inputs of every other kind."""
    pairs = np.array(SPECIAL[name], dtype)
    filled = np.concatenate([pairs] * 9)
    assert_same(pairs[:, 1], getattr(rtch, name)(rtch.asarray(pairs[:, 0].copy())))
    assert_same(filled[:, 1], getattr(rtch, name)(rtch.asarray(filled[:, 0].copy())))
    tiny = np.array([np.nextafter(0, 1, dtype=dtype), np.finfo(dtype).tiny], dtype)
    if name in ("sin", "tan", "asin", "atan"):
        assert_same(tiny, getattr(rtch, name)(rtch.asarray(tiny)))


def atan2_of_zeros_and_infinities(y: float, x: float) -> float:
    """The standard's list, spelled out."""
    if math.isnan(y) or math.isnan(x):
        return NAN
    left = math.copysign(1, x) < 0
    if math.isinf(y):
        angle = (3 * PI / 4 if left else PI / 4) if math.isinf(x) else PI / 2
    elif y == 0 or math.isinf(x):
        angle = PI if left else 0.0
    else:
        assert x == 0
        angle = PI / 2
    return math.copysign(angle, y)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_special_values_of_atan2(dtype: str) -> None:
    """Signed zeros, infinities and NaN on either side."""
    special = [0.0, -0.0, INF, -INF, NAN]
    pairs = [(y, x) for y, x in itertools.product([*special, 2.0, -3.0], repeat=2) if y in special or x in special]
    pairs = [(y, x) for y, x in pairs if not (math.isfinite(y) and y and math.isfinite(x) and x)]
    y, x = (np.array(side, dtype) for side in zip(*pairs, strict=True))
    expected = np.array([atan2_of_zeros_and_infinities(a, b) for a, b in pairs], dtype)
    assert_same(expected, rtch.atan2(rtch.asarray(y), rtch.asarray(x)))


def atan2_inputs(dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """Random pairs, pairs of one size, joints of the argument reduction, subnormal results beside ties."""
    rng = np.random.default_rng(7)
    kind, top = ("uint32", 0x7F800000) if dtype == "float32" else ("uint64", 0x7FF0000000000000)
    reach = 60 if dtype == "float32" else 500
    y = [rng.integers(1, top, 600).astype(kind).view(dtype), rng.uniform(-1, 1, 600), rng.integers(1, 30, 400)]
    x = [rng.integers(1, top, 600).astype(kind).view(dtype), rng.uniform(-1, 1, 600), rng.integers(1, 30, 400)]
    scale = 2.0 ** rng.integers(-reach, reach, 600)
    x.append(rng.uniform(-1, 1, 600) * scale)
    y.append(
        x[-1] * rng.choice([math.tan(PI / 8), 1.0, math.tan(3 * PI / 8), 1e-9], 600) * (1 + rng.normal(0, 1e-6, 600))
    )
    # Quotients that are subnormal, many of them exactly between two numbers: the arc tangent lies just below the tie.
    digits, smallest = (23, 149) if dtype == "float32" else (52, 1074)
    odd = (2 * rng.integers(1, 2 ** (digits - 2), 500) + 1).astype("float64")
    down = rng.integers(1, 4, 500)
    x.append(2.0 ** rng.integers(smallest // 2, smallest // 2 + 20, 500))
    y.append(np.ldexp(np.ldexp(odd, -smallest // 2 - down), np.log2(x[-1]).astype(int) - smallest + smallest // 2))
    return np.concatenate(y).astype(dtype), np.concatenate(x).astype(dtype)


def test_atan2_of_float32_is_correctly_rounded() -> None:
    """In all quadrants."""
    y, x = atan2_inputs("float32")
    for sign in (1, -1):
        found = rtch.atan2(rtch.asarray(y), rtch.asarray(x * np.float32(sign))).numpy()
        pairs = zip(y, x * np.float32(sign), found, strict=True)
        exact = [(r, mpmath.atan2(mpmath.mpf(float(a)), mpmath.mpf(float(b)))) for a, b, r in pairs]
        assert sum(not nearest(r, e) for r, e in exact) == 0
        assert_same(-found, rtch.atan2(rtch.asarray(-y), rtch.asarray(x * np.float32(sign))))


def test_atan2_of_float64_is_within_one_ulp() -> None:
    """Subnormal results and pairs near overflow too."""
    y, x = atan2_inputs("float64")
    found = rtch.atan2(rtch.asarray(y), rtch.asarray(x)).numpy()
    with mpmath.workprec(300):
        worst = max(
            ulps(float(r), mpmath.atan2(mpmath.mpf(float(a)), mpmath.mpf(float(b))))
            for a, b, r in zip(y, x, found, strict=True)
        )
    assert worst <= 0.65


def numbers(dtype: str) -> list[float]:
    """Whole, half and other numbers of every size, both signs."""
    rng = np.random.default_rng(8)
    digits = np.finfo(dtype).nmant
    x = [
        0.1,
        0.5,
        1.5,
        2.5,
        0.49999997,
        1e-40,
        1.0,
        3.0,
        7.5,
        *rng.uniform(0, 9, 60),
        *2.0 ** rng.uniform(-120, 120, 200),
    ]
    near = [2.0 ** (digits + k) + d for k in (-2, -1, 0, 1) for d in (-1.5, -0.5, 0, 0.5, 1.5, 2.5)]
    out = np.array([*x, *near, np.nextafter(0, 1, dtype=dtype), np.finfo(dtype).max], dtype)
    return [float(v) for v in np.concatenate([out, -out])]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_rounding_to_whole_numbers(dtype: str) -> None:
    """As Python rounds fractions; a zero has the sign of x."""
    x = numbers(dtype)
    for name, whole in (("floor", math.floor), ("ceil", math.ceil), ("trunc", math.trunc), ("round", round)):
        expected = [math.copysign(float(whole(Fraction(v))), v) for v in x]
        assert_same(np.array(expected, dtype), getattr(rtch, name)(rtch.asarray(np.array(x, dtype))))


def division_operands(dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """Pairs with small, huge and nearly whole quotients."""
    rng = np.random.default_rng(9)
    x = rng.permutation(np.array(numbers(dtype) * 3, dtype))
    y = rng.permutation(x)
    info = np.finfo(dtype)
    whole = rng.integers(1, 1000, 300).astype(dtype)
    divisors = np.clip(x[:300], -1e30, 1e30).astype(dtype)
    close = whole * divisors
    steps = np.nextafter(close, rng.choice(np.array([-INF, INF], dtype), 300))
    ends = np.array([info.max, info.max, info.smallest_subnormal, 1, 1, -1, info.max], dtype)
    others = np.array([info.smallest_subnormal, info.tiny * 3, info.max, info.tiny, 3, 1e30, 0.7], dtype)
    return np.concatenate([x, close, steps, ends]), np.concatenate([y, divisors, divisors, others])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_remainder_is_exact_and_rounded_once(dtype: str) -> None:
    """x - y floor(x / y) in fractions; a zero has the sign of y; Python's own % agrees in float64."""
    x, y = division_operands(dtype)
    found = rtch.remainder(rtch.asarray(x), rtch.asarray(y)).numpy()
    for a, b, r in zip(x, y, found, strict=True):
        exact = Fraction(float(a)) % Fraction(float(b))
        assert nearest(r, exact), (a, b, r)
        assert math.copysign(1, r) == math.copysign(1, b)
        assert dtype != "float64" or r == float(a) % float(b)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_floor_divide_is_the_largest_whole_number_not_above(dtype: str) -> None:
    """Of the dtype; infinite where x / y is, with the sign of the quotient where it is 0."""
    x, y = division_operands(dtype)
    with np.errstate(over="ignore"):
        quotient = x / y
    found = rtch.floor_divide(rtch.asarray(x), rtch.asarray(y)).numpy()
    for a, b, q, r in zip(x, y, quotient, found, strict=True):
        if np.isinf(q):
            assert r == q
            continue
        exact = Fraction(float(a)) // Fraction(float(b))
        above = np.nextafter(r, r.dtype.type(INF))
        assert math.isinf(r) or Fraction(float(r)) <= exact, (a, b, r)
        assert math.isinf(above) or math.floor(Fraction(float(above))) > exact or above != np.floor(above), (a, b, r)
        assert r == math.floor(r) if math.isfinite(r) else r < 0
        assert r != 0 or not np.signbit(r)


DIVISION: list[tuple[float, float, float, float]] = [
    # x, y, x // y, x % y, by the Array API standard
    (0.0, 0.0, NAN, NAN),
    (-0.0, 0.0, NAN, NAN),
    (0.0, 3.0, 0.0, 0.0),
    (-0.0, 3.0, -0.0, 0.0),
    (0.0, -3.0, -0.0, -0.0),
    (-0.0, -3.0, 0.0, -0.0),
    (2.0, 0.0, INF, NAN),
    (2.0, -0.0, -INF, NAN),
    (-2.0, 0.0, -INF, NAN),
    (-2.0, -0.0, INF, NAN),
    (INF, 2.0, INF, NAN),
    (INF, -2.0, -INF, NAN),
    (-INF, 2.0, -INF, NAN),
    (-INF, -2.0, INF, NAN),
    (2.0, INF, 0.0, 2.0),
    (2.0, -INF, -0.0, -INF),
    (-2.0, INF, -0.0, INF),
    (-2.0, -INF, 0.0, -2.0),
    (INF, INF, NAN, NAN),
    (INF, -INF, NAN, NAN),
    (NAN, 2.0, NAN, NAN),
    (2.0, NAN, NAN, NAN),
    (-7.0, 2.0, -4.0, 1.0),
    (7.0, -2.0, -4.0, -1.0),
    (6.0, -2.0, -3.0, -0.0),
    (-6.0, 2.0, -3.0, 0.0),
    (1e-30, -1.0, -1.0, -1.0),
]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_special_values_of_division(dtype: str) -> None:
    """The Array API standard's, also by the operators."""
    x, y, quotient, rest = (np.array(column, dtype) for column in zip(*DIVISION, strict=True))
    assert_same(quotient, rtch.floor_divide(rtch.asarray(x), rtch.asarray(y)))
    assert_same(rest, rtch.remainder(rtch.asarray(x), rtch.asarray(y)))
    assert_same(quotient, rtch.asarray(x) // rtch.asarray(y))
    assert_same(rest, rtch.asarray(x) % rtch.asarray(y))


@pytest.mark.parametrize("dtype", [f"{sign}int{size}" for sign in ("", "u") for size in (8, 16, 32, 64)])
def test_division_of_integers(dtype: str) -> None:
    """Python's, but 0 for a divisor of 0, and the smallest integer // -1 wraps."""
    info = np.iinfo(dtype)
    rng = np.random.default_rng(10)
    edge = [
        info.min,
        info.min + 1,
        info.max,
        info.max - 1,
        0,
        1,
        2,
        3,
        info.max // 2,
        *([-1, -2, -3] if info.min else []),
    ]
    some = [int(v) for v in rng.integers(info.min, info.max, 20, dtype=dtype, endpoint=True)]
    pairs = list(itertools.product([*edge, *some], repeat=2))
    x, y = (np.array(side, dtype) for side in zip(*pairs, strict=True))
    quotient = np.array([a // b if b and a // b <= info.max else (info.min if b else 0) for a, b in pairs], dtype)
    rest = np.array([a % b if b else 0 for a, b in pairs], dtype)
    assert_same(quotient, rtch.floor_divide(rtch.asarray(x), rtch.asarray(y)))
    assert_same(rest, rtch.remainder(rtch.asarray(x), rtch.asarray(y)))
    for name in ("floor", "ceil", "trunc", "round"):
        assert_same(x, getattr(rtch, name)(rtch.asarray(x)))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_nextafter_and_copysign(dtype: str) -> None:
    """All pairs of zeros, subnormals, powers of two, ends, infinities and NaN; NumPy's are IEEE 754's too."""
    info = np.finfo(dtype)
    some = [0.0, info.smallest_subnormal, info.tiny, 0.5, 1.0, 1.5, 4.0, info.max, INF]
    pairs = list(itertools.product([*some, *(-float(v) for v in some), NAN], repeat=2))
    x, y = (np.array(side, dtype) for side in zip(*pairs, strict=True))
    with np.errstate(all="ignore"):
        assert_same(np.nextafter(x, y), rtch.nextafter(rtch.asarray(x), rtch.asarray(y)))
    assert_same(np.copysign(x, y), rtch.copysign(rtch.asarray(x), rtch.asarray(y)))
    negative_nan = rtch.copysign(rtch.asarray([1.0]), -rtch.asarray([NAN])).item()
    assert abs(negative_nan) == 1


def test_gradients_are_pytorchs() -> None:
    """Where a function jumps or is flat the gradient is 0; of a remainder it is 1 and -floor(x / y)."""
    for name in ("floor", "ceil", "trunc", "round"):
        x = rtch.asarray([-1.5, 0.0, 2.3]).requires_grad_()
        getattr(rtch, name)(x).sum().backward()
        assert x.grad is not None
        assert_same(np.zeros(3, "float32"), x.grad)
    x, y = rtch.asarray([-7.5, 7.5]).requires_grad_(), rtch.asarray([2.0, -2.0]).requires_grad_()
    (x % y).sum().backward()
    assert x.grad is not None
    assert y.grad is not None
    assert x.grad.tolist() == [1.0, 1.0]
    assert y.grad.tolist() == [4.0, 4.0]
    x, y = rtch.asarray([-3.0, 2.0, 0.0]).requires_grad_(), rtch.asarray([1.0, -1.0, 1.0]).requires_grad_()
    rtch.copysign(x, y).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [-1.0, -1.0, 0.0]
