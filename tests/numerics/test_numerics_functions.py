# SPDX-License-Identifier: MIT
"""sqrt, the exponential, logarithmic and hyperbolic functions, erf, sigmoid and others of the kind against mpmath.

float32 results are correctly rounded, float64 ones within 1 ULP (the square root of float64 correctly rounded too).
`csrc/tests/exhaustive.c` runs the unary ones over all float32 inputs; here is a sample of them with the hardest.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest

import rtch
from tensor_draws import assert_same

mpmath.mp.prec = 300
mpf = mpmath.mpf
INF, NAN = math.inf, math.nan
LARGEST = {"float32": mpf(2) ** 128 * (1 - mpf(2) ** -25), "float64": mpf(2) ** 1024 * (1 - mpf(2) ** -54)}

# Domain, then bits of the float32 inputs whose exact results lie nearest to the middle between two floats.
UNARY: dict[str, tuple[tuple[float, float], list[int]]] = {
    "sqrt": ((0, INF), []),
    "exp": ((-INF, INF), [0xC16912CD, 0xBBF0EDF1, 0x377EFF81, 0xBAE0E25C]),
    "expm1": ((-INF, INF), [0x3DC252DD, 0x3A254E7A, 0x34CA62C1, 0xB675CBFC]),
    "log": ((0, INF), [0x65D890D3, 0x4C5D65A5, 0x4D604EBE, 0x41178FEB]),
    "log1p": ((-1, INF), [0x35400003, 0xB53FFFFD, 0x65D890D3, 0x3EFD81AD]),
    "log2": ((0, INF), [0x3EA07AB9, 0x40207AB9, 0x5F914A90, 0x60114A90]),
    "log10": ((0, INF), [0x610567E4, 0x62A6C1DD, 0x45BDEDC8, 0x604DF02C]),
    "sinh": ((-INF, INF), [0xBA1285FF, 0x3A1285FF, 0xBB36AA1F, 0x3B36AA1F]),
    "cosh": ((-INF, INF), [0xBA6F7750, 0x3A6F7750, 0xBD609528, 0x3D609528]),
    "tanh": ((-INF, INF), [0xBAC37DE2, 0x3AC37DE2, 0xBEEE0566, 0x3EEE0566]),
    "asinh": ((-INF, INF), [0xE55890D3, 0x655890D3, 0xCCE04EBE, 0x4CE04EBE]),
    "acosh": ((1, INF), [0x655890D3, 0x4BDD65A5, 0x4CE04EBE, 0x6628C860]),
    "atanh": ((-1, 1), [0xBA71E7A1, 0x3A71E7A1, 0xB9B89BA2, 0x39B89BA2]),
    "rsqrt": ((0, INF), []),
    "exp2": ((-INF, INF), []),
    "erf": ((-INF, INF), []),
    "sigmoid": ((-INF, INF), [0x36BC0000, 0xB6BC0000]),
    "softplus": ((-INF, INF), []),
}


def log1p(x: Any) -> Any:
    """Of any size; mpmath's own loses what is far below 1."""
    return mpmath.log1p(x) if abs(x) > 1e-30 else x - x * x / 2 + x**3 / 3


def tiny_safe(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """An odd function that is x + O(x^2), with precision to spare for the smallest x."""

    def exact(x: Any) -> Any:
        with mpmath.workprec(300 - 2 * min(0, int(mpmath.mag(x)) if x else 0)):
            return f(x)

    return exact


EXACT: dict[str, Callable[..., Any]] = {
    **{name: tiny_safe(getattr(mpmath, name)) for name in UNARY if hasattr(mpmath, name) and name != "log1p"},
    "log2": lambda x: mpmath.log(x, 2),
    "log1p": log1p,
    "rsqrt": lambda x: 1 / mpmath.sqrt(x),
    "exp2": lambda x: mpmath.exp(x * mpmath.log(2)),
    "sigmoid": lambda x: mpmath.exp(-log1p(mpmath.exp(-x))),
    "softplus": lambda x: log1p(mpmath.exp(x)),
    "pow": lambda x, y: mpmath.power(x, int(y)) if y == int(y) and abs(y) < 1e4 else mpmath.power(x, y),
    "hypot": mpmath.hypot,
    "logaddexp": lambda x, y: max(x, y) + log1p(mpmath.exp(min(x, y) - max(x, y))),
}


def rounded(exact: Any, dtype: str) -> float:
    """The nearest number of the dtype, ties to even, subnormals and infinities included."""
    if exact == 0:
        return 0.0
    if abs(exact) >= LARGEST[dtype]:
        return math.copysign(INF, float(mpmath.sign(exact)))
    digits, smallest = (24, -149) if dtype == "float32" else (53, -1074)
    unit = max(int(mpmath.mag(exact)) - digits, smallest)
    return math.ldexp(int(mpmath.nint(mpmath.ldexp(exact, -unit))), unit)


def ulps(found: float, exact: Any) -> float:
    """Distance from the exact value in units of the last place of the float64 nearest to it."""
    nearest = rounded(exact, "float64")
    if math.isinf(nearest) or math.isinf(found):
        return 0.0 if nearest == found else INF
    return float(abs(mpf(found) - exact) / mpf(math.ulp(nearest)))


def inside(name: str, x: np.ndarray) -> np.ndarray:
    """Those strictly inside the function's domain, without zeros."""
    low, high = UNARY[name][0]
    return x[(x > low) & (x < high) & (x != 0)]


def sample(name: str, dtype: str, n: int) -> np.ndarray:
    """Bit patterns of any exponent, moderate numbers, neighbours of 1, of small powers of two, of multiples of ln 2."""
    rng = np.random.default_rng(sum(map(ord, name)))
    word = {"float32": "uint32", "float64": "uint64"}[dtype]
    patterns = rng.integers(0, np.iinfo(word).max, n, word).view(dtype)
    low, high = UNARY[name][0]
    moderate = rng.uniform(max(low, -20), min(high, 20), n).astype(dtype)
    centres = np.array(
        [1, 2, 0.5, 40, 22, 19.0615, 88.7, 103.9, 709.78, 745.1, 37.4, 0.7071, 1.4142, *(2.0 ** -np.arange(0, 60, 3))],
        dtype,
    )
    joints = (np.arange(1, 40) * (math.log(2) / 4)).astype(dtype)
    centres = np.concatenate([centres, joints, np.ldexp(centres, -1000 if dtype == "float64" else -120)])
    near = (centres.view(word)[:, None] + np.arange(-2, 3).astype(word)).reshape(-1).view(dtype)
    both = np.concatenate([patterns, moderate, near, -near])
    return inside(name, both[np.isfinite(both)])


@pytest.mark.parametrize("name", UNARY)
def test_unary_float32_is_correctly_rounded(name: str) -> None:
    """Also in vectors that mix hard inputs with any others, special ones among them."""
    hard = np.array(UNARY[name][1], "uint32").view("float32")
    x = np.concatenate([sample(name, "float32", 1200), hard])
    expected = np.array([rounded(EXACT[name](mpf(float(a))), "float32") for a in x])
    assert_same(expected.astype("float32"), getattr(rtch, name)(rtch.asarray(x)))
    order = np.random.default_rng(0).integers(0, x.size + 3, 20 * x.size)
    order[::7] = x.size - 1
    mixed = np.concatenate([x, np.array([NAN, INF, -0.0], "float32")])
    values = getattr(rtch, name)(rtch.asarray(mixed)).numpy()
    assert_same(values[order], getattr(rtch, name)(rtch.asarray(mixed[order])))


@pytest.mark.parametrize("name", UNARY)
def test_unary_float64_is_within_one_ulp(name: str) -> None:
    """Of the exact value; the largest errors seen are 0.67 of an ULP, of subnormal results of exp, and 0.77, of erf."""
    x = sample(name, "float64", 700)
    y = getattr(rtch, name)(rtch.asarray(x)).numpy()
    worst = max(ulps(float(b), EXACT[name](mpf(float(a)))) for a, b in zip(x, y, strict=True))
    assert worst <= {"sqrt": 0.5, "erf": 0.8}.get(name, 0.7)


SPECIAL = {  # of 0, -0, inf, -inf, NaN, 1, -1, then of any other arguments
    "sqrt": ([0.0, -0.0, INF, NAN, NAN, 1.0, NAN], {}),
    "exp": ([1.0, 1.0, INF, 0.0, NAN, rounded(mpmath.e, "float64"), None], {800.0: INF, -800.0: 0.0}),
    "expm1": ([0.0, -0.0, INF, -1.0, NAN, None, None], {800.0: INF, -800.0: -1.0, 1e-40: 1e-40}),
    "log": ([-INF, -INF, INF, NAN, NAN, 0.0, NAN], {-1e-40: NAN}),
    "log1p": ([0.0, -0.0, INF, NAN, NAN, None, -INF], {-1.5: NAN, -1e-40: -1e-40}),
    "log2": ([-INF, -INF, INF, NAN, NAN, 0.0, NAN], {8.0: 3.0, 2.0**-126: -126.0, 2.0**-149: -149.0}),
    "log10": ([-INF, -INF, INF, NAN, NAN, 0.0, NAN], {1000.0: 3.0, 1e10: 10.0}),
    "sinh": ([0.0, -0.0, INF, -INF, NAN, None, None], {800.0: INF, -800.0: -INF, 1e-40: 1e-40}),
    "cosh": ([1.0, 1.0, INF, INF, NAN, None, None], {800.0: INF, -800.0: INF, 1e-40: 1.0}),
    "tanh": ([0.0, -0.0, 1.0, -1.0, NAN, None, None], {1e30: 1.0, -1e30: -1.0, 22.1: 1.0, 1e-40: 1e-40}),
    "asinh": ([0.0, -0.0, INF, -INF, NAN, None, None], {1e-40: 1e-40}),
    "acosh": ([NAN, NAN, INF, NAN, NAN, 0.0, NAN], {0.5: NAN}),
    "atanh": ([0.0, -0.0, NAN, NAN, NAN, INF, -INF], {1.5: NAN, -2.0: NAN, 1e-40: 1e-40}),
    "rsqrt": ([INF, -INF, 0.0, NAN, NAN, 1.0, NAN], {4.0: 0.5, 2.0**-148: 2.0**74}),
    "exp2": ([1.0, 1.0, INF, 0.0, NAN, 2.0, 0.5], {2000.0: INF, -2000.0: 0.0, -149.0: 2.0**-149}),
    "erf": ([0.0, -0.0, 1.0, -1.0, NAN, None, None], {10.0: 1.0, -1e30: -1.0}),
    "sigmoid": ([0.5, 0.5, 1.0, 0.0, NAN, None, None], {800.0: 1.0, -800.0: 0.0}),
    "softplus": ([math.log(2), math.log(2), INF, 0.0, NAN, None, None], {1e30: 1e30, -800.0: 0.0}),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", UNARY)
def test_unary_special_values(name: str, dtype: str) -> None:
    """Zeros and their signs, infinities, NaN, the ends of the domain, overflow; the Array API's list."""
    first, more = SPECIAL[name]
    pairs = dict(zip([0.0, INF, -INF, 1.0, -1.0], [first[0], first[2], first[3], first[5], first[6]], strict=True))
    pairs |= more
    x = [a for a, b in pairs.items() if b is not None] + [-0.0, NAN]
    expected = [b for b in pairs.values() if b is not None] + [first[1], NAN]
    for times in (1, 9):
        found = getattr(rtch, name)(rtch.asarray(np.repeat(np.array(x, dtype), times)))
        assert_same(np.repeat(np.array(expected, dtype), times), found)


APPROXIMATE: dict[str, Callable[[Any], Any]] = {
    "gelu": lambda x: x * mpmath.erfc(min(-x, 10**9) / mpmath.sqrt(2)) / 2 if x < 10**9 else x,
    "gelu_tanh": lambda x: x * EXACT["sigmoid"](mpmath.sqrt(8 / mpmath.pi) * (x + mpf("0.044715") * x**3)),
    "silu": lambda x: x * EXACT["sigmoid"](x),
}


@pytest.mark.parametrize("name", APPROXIMATE)
def test_smooth_activations(name: str) -> None:
    """float64 within 2 ULP, float32 0.501 ULP (gelu 5) of the exact value, down to where it vanishes."""
    rng = np.random.default_rng(5)
    x = np.concatenate([rng.uniform(-8, 8, 1000), rng.uniform(-40, 40, 300), [-800.0, -37.5, 1e300, -1e300, 1e-300]])
    with mpmath.workprec(200):
        exact = [APPROXIMATE[name](mpf(float(a))) for a in x]
        found = getattr(rtch, name)(rtch.asarray(x)).numpy()
        assert max(ulps(float(b), e) for b, e in zip(found, exact, strict=True)) <= 2
        single = x[np.abs(x) < 1e30].astype("float32")
        for a, b in zip(single, getattr(rtch, name)(rtch.asarray(single)).numpy(), strict=True):
            e = APPROXIMATE[name](mpf(float(a)))
            unit = mpf(float(np.spacing(np.float32(abs(rounded(e, "float32"))))))
            assert abs(mpf(float(b)) - e) <= (5 if name == "gelu" else 0.501) * unit


def test_odd_and_even() -> None:
    """To the bit, in both dtypes."""
    for dtype in ("float32", "float64"):
        x = sample("tanh", dtype, 2000)
        for name in ("sinh", "tanh", "asinh"):
            f = getattr(rtch, name)
            assert_same(-f(rtch.asarray(x)).numpy(), f(rtch.asarray(-x)))
        assert_same(rtch.cosh(rtch.asarray(x)).numpy(), rtch.cosh(rtch.asarray(-x)))


def operands(name: str, dtype: str, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Patterns, moderate numbers; exact powers and those midway; near overflow and underflow; cancellation."""
    rng = np.random.default_rng(sum(map(ord, name)))
    word = {"float32": "uint32", "float64": "uint64"}[dtype]
    any_x, any_y = (rng.integers(0, np.iinfo(word).max, n, word).view(dtype) for _ in range(2))
    x, y = rng.uniform(0, 10, n), rng.uniform(-20, 20, n)
    if name == "pow":
        any_x = np.abs(any_x)
        few = [2, 3, 0.5, -1, -2, 1.5, 0.25, -0.5, 4, 5, 7, 11, 13, 16, 0.125, -3, 1, 0.75, 2.5, 17]
        whole = rng.integers(1, 9000, n) * 2.0 ** rng.integers(-8, 8, n)
        edge = np.exp(rng.uniform(-90, 90, n))
        reach = (rng.uniform(-110, 110, n) if dtype == "float32" else rng.uniform(-760, 720, n)) / np.log(edge)
        twos = 2.0 ** rng.integers(-20, 20, n)
        parts = [(whole, rng.choice(few, n)), (edge, reach), (twos, rng.integers(-300, 300, n) / 2)]
        parts += [(1 + rng.uniform(-1, 1, n) * 2.0**-20, rng.uniform(-1, 1, n) * 2.0**26)]
    elif name == "hypot":
        legs = rng.integers(1, 9000, n)
        parts = [(legs * 3, legs * 4), (legs, legs[::-1] * 0.25), (x * 1e-30, y * 1e-30)]
        top = float(np.finfo(dtype).max)
        parts += [(x / 10 * top, y / 20 * top), (np.ldexp(x, -1074 if dtype == "float64" else -149), x * 0)]
    else:
        minus = -rng.uniform(1e-4, 3, n)
        parts = [(minus, np.log(-np.expm1(minus))), (-(10.0 ** rng.uniform(-30, 0, n)), -rng.uniform(0, 110, n))]
    with np.errstate(all="ignore"):
        xs = np.concatenate([any_x, *(np.asarray(p).astype(dtype) for p, _ in [(x, y), *parts])])
        ys = np.concatenate([any_y, *(np.asarray(q).astype(dtype) for _, q in [(x, y), *parts])])
    fine = np.isfinite(xs) & np.isfinite(ys)
    if name == "logaddexp":  # beyond, the result is the larger operand and mpmath slow
        fine &= np.abs(xs - ys) < 2000
    if name == "pow":
        fine &= (xs > 0) & (np.abs(ys * np.log(np.where(xs > 0, xs, 1).astype("float64"))) < 2000)
    return xs[fine], ys[fine]


@pytest.mark.parametrize("name", ["pow", "hypot", "logaddexp"])
def test_binary_float32_is_correctly_rounded(name: str) -> None:
    """On exact results, results midway between two floats, subnormal ones, and at the border of infinity."""
    x, y = operands(name, "float32", 600)
    exact = EXACT[name]
    expected = [rounded(exact(mpf(float(a)), mpf(float(b))), "float32") for a, b in zip(x, y, strict=True)]
    found = getattr(rtch, name)(rtch.asarray(x), rtch.asarray(y))
    assert_same(np.array(expected, "float32") + np.float32(0), found + 0)


@pytest.mark.parametrize("name", ["pow", "hypot", "logaddexp"])
def test_binary_float64_is_within_one_ulp(name: str) -> None:
    """Of the exact value."""
    x, y = operands(name, "float64", 500)
    found = getattr(rtch, name)(rtch.asarray(x), rtch.asarray(y)).numpy()
    exact = EXACT[name]
    errors = [ulps(float(c), exact(mpf(float(a)), mpf(float(b)))) for a, b, c in zip(x, y, found, strict=True)]
    assert max(errors) <= 0.8


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_pow_follows_the_rules_of_ieee_754(dtype: str) -> None:
    """Every pair of special values: C's pow, which Python's math.pow gives, has the same rules."""
    values = [0.0, -0.0, 1.0, -1.0, INF, -INF, NAN, 2.0, -2.0, 0.5, -0.5, 3.0, -3.0, 2.0**25, 2.0**54, 1e30, -1e30]
    values.append(float(np.finfo(dtype).smallest_subnormal))

    def power(x: float, y: float) -> float:
        if x == 0 and y < 0:
            return math.copysign(INF, math.pow(x, -y))
        try:
            return math.pow(x, y)
        except OverflowError:
            return -INF if x < 0 and math.fmod(y, 2) else INF
        except ValueError:
            return NAN

    x, y = (a.ravel() for a in np.meshgrid(np.array(values, dtype), np.array(values, dtype)))
    with np.errstate(over="ignore"):
        expected = np.array([power(float(a), float(b)) for a, b in zip(x, y, strict=True)]).astype(dtype)
    assert_same(expected, rtch.pow(rtch.asarray(x), rtch.asarray(y)))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_hypot_and_logaddexp_of_special_values(dtype: str) -> None:
    """An infinity wins against NaN in hypot; -inf is the neutral element of logaddexp."""
    cases = {
        "hypot": [(INF, NAN, INF), (NAN, -INF, INF), (-INF, 1, INF), (NAN, 1, NAN), (0, -0.0, 0), (-3, 4, 5)],
        "logaddexp": [(-INF, 5, 5), (-3, -INF, -3), (-INF, -INF, -INF), (INF, -INF, INF), (INF, 5, INF), (1e3, 0, 1e3)],
    }
    cases["logaddexp"] += [(NAN, INF, NAN), (NAN, 1, NAN), (-1e30, 1e30, 1e30)]
    for name, rows in cases.items():
        x, y, expected = (np.array(column, dtype) for column in zip(*rows, strict=True))
        assert_same(expected, getattr(rtch, name)(rtch.asarray(x), rtch.asarray(y)))
        assert_same(expected, getattr(rtch, name)(rtch.asarray(y), rtch.asarray(x)))


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "int64", "uint64"])
def test_integer_powers_wrap(dtype: str) -> None:
    """As Python's integers modulo the width; a negative power of 1 and -1 is that, of others 0."""
    info = np.iinfo(dtype)
    rng = np.random.default_rng(4)
    x = np.concatenate([rng.integers(info.min, info.max, 300, dtype), np.array([0, 1, 2, 3, 7], dtype)])
    y = np.concatenate([rng.integers(0, 9, 200), rng.integers(max(info.min, -5), 64, 105)]).astype(dtype)
    x[::5] = 1
    if info.min < 0:
        x[1::5] = -1
    size = 1 << info.bits

    def power(a: int, b: int) -> int:
        exact = a**b if b >= 0 else (a ** (b % 2) if abs(a) == 1 else 0)
        return (exact - info.min) % size + info.min

    expected = np.array([power(int(a), int(b)) for a, b in zip(x, y, strict=True)], dtype)
    assert_same(expected, rtch.asarray(x) ** rtch.asarray(y))


def test_sqrt_of_float64_is_correctly_rounded() -> None:
    """As IEEE 754 asks."""
    x = np.random.default_rng(3).integers(1, 0x7FF0000000000000, 1000).view("float64")
    expected = np.array([rounded(mpmath.sqrt(mpf(float(a))), "float64") for a in x])
    assert_same(expected, rtch.asarray(x).sqrt())


def test_the_checks_see_a_wrong_last_bit() -> None:
    """One unit off is not the rounded value, and is more than half an ULP away; ties go to even."""
    exact = mpmath.tanh(mpf(0.7))
    assert rounded(exact, "float64") == float(exact)
    assert ulps(math.nextafter(float(exact), 2), exact) > 0.5
    assert rounded(1 + mpf(2) ** -24, "float32") == 1
    assert rounded(1 + 3 * mpf(2) ** -24, "float32") == 1 + 2.0**-22
    assert rounded(mpf(2) ** -150, "float32") == 0
    assert rounded(LARGEST["float32"], "float32") == INF
