# SPDX-License-Identifier: MIT
"""The array object: operators on either side and in place, conversion to Python, attributes, pickles, NumPy."""

from __future__ import annotations

import copy
import math
import operator
import pickle
from typing import Any

import numpy as np
import pytest
import standard
from hypothesis import given
from hypothesis import strategies as st

import rtch
from rtch.errors import ArgumentError, ConversionError, DimensionError, DTypeError
from tensor_draws import DTYPES, assert_same, awkward, pairs, promoted, promotes, values

# operator -> function -> kinds of dtype that it takes: bool, integers, floating, complex
BINARY = {
    "add": ("add", "ifc"),
    "sub": ("subtract", "ifc"),
    "mul": ("multiply", "ifc"),
    "truediv": ("divide", "fc"),
    "floordiv": ("floor_divide", "if"),
    "mod": ("remainder", "if"),
    "pow": ("pow", "ifc"),
    "and": ("bitwise_and", "bi"),
    "or": ("bitwise_or", "bi"),
    "xor": ("bitwise_xor", "bi"),
    "lshift": ("bitwise_left_shift", "i"),
    "rshift": ("bitwise_right_shift", "i"),
}
COMPARE = {
    "eq": ("equal", "bifc"),
    "ne": ("not_equal", "bifc"),
    "lt": ("less", "if"),
    "le": ("less_equal", "if"),
    "gt": ("greater", "if"),
    "ge": ("greater_equal", "if"),
}
UNARY = {
    "abs": ("abs", "ifc"),
    "neg": ("negative", "ifc"),
    "pos": ("positive", "ifc"),
    "invert": ("bitwise_invert", "bi"),
}
ALL = {name: getattr(rtch, name) for name in (*standard.DTYPES, "float16", "bfloat16")}


def takes(kinds: str) -> list[str]:
    """The dtypes of those kinds."""
    return [name for name in DTYPES if np.dtype(name).kind.replace("u", "i") in kinds]


def run(name: str) -> Any:
    """The operator, as Python calls it."""
    return getattr(operator, f"__{name}__")


@given(st.sampled_from(list(BINARY)), st.data())
def test_binary_operators(name: str, data: Any) -> None:
    """Equal the function: of two tensors, of a tensor and a scalar on either side, reflected, and in place."""
    function, kinds = getattr(rtch, BINARY[name][0]), BINARY[name][1]
    dtypes = st.sampled_from(takes(kinds))
    a, b = data.draw(st.tuples(dtypes, dtypes).filter(lambda names: promotes(*names)))
    x, y = (
        rtch.asarray(values(dtype, shape, i, 1.0, 4.0)) for i, (dtype, shape) in enumerate(((a, (2, 3)), (b, (3,))))
    )
    expected = function(x, y)
    assert expected.dtype.name == promoted(a, b)
    assert_same(expected.numpy(), run(name)(x, y))
    assert_same(expected.numpy(), getattr(y, f"__r{name}__")(x))
    scalar = {"b": True, "i": 2, "u": 2, "f": 1.5, "c": 1.5 - 1j}[np.dtype(a).kind]
    assert_same(function(x, scalar).numpy(), run(name)(x, scalar))
    assert_same(function(scalar, x).numpy(), run(name)(scalar, x))
    assert run(name)(x, scalar).dtype is x.dtype
    z, view = rtch.asarray(x, copy=True), x.T
    before = view.numpy().copy()
    if promoted(a, b) == a:
        z = run(f"i{name}")(z, y)
        assert_same(expected.numpy(), z)
    else:
        with pytest.raises(DTypeError):
            run(f"i{name}")(z, y)
        assert_same(x.numpy(), z)
    z = run(f"i{name}")(rtch.asarray(x, copy=True), scalar)
    assert_same(function(x, scalar).numpy(), z)
    assert_same(before, view)


@given(st.sampled_from(list(COMPARE)), st.data())
def test_comparisons(name: str, data: Any) -> None:
    """Equal the function and NumPy; scalars may stand on either side."""
    function, kinds = getattr(rtch, COMPARE[name][0]), COMPARE[name][1]
    dtype = data.draw(st.sampled_from(takes(kinds)))
    a, b = awkward(dtype, (3, 4), 1), awkward(dtype, (4,), 2)
    x, y = rtch.asarray(a), rtch.asarray(b)
    assert_same(run(name)(a, b), run(name)(x, y))
    assert_same(run(name)(a, b), function(x, y))
    scalar = b[0].item()
    assert_same(run(name)(a, b[0]), run(name)(x, scalar))
    assert_same(run(name)(b[0], a), run(name)(scalar, x))


@pytest.mark.parametrize("name", UNARY)
def test_unary_operators(name: str) -> None:
    """Equal the function."""
    function, kinds = UNARY[name]
    for dtype in takes(kinds):
        x = rtch.asarray(awkward(dtype, (3, 4), 1))
        assert_same(getattr(rtch, function)(x).numpy(), run(name)(x))


@pytest.mark.parametrize("name", [*BINARY, *COMPARE])
def test_operators_refuse_other_kinds(name: str) -> None:
    """A dtype that the standard leaves out is an error, or, where division and powers make floats, gives a float."""
    kinds = (BINARY | COMPARE)[name][1]
    for dtype in DTYPES:
        if dtype in takes(kinds) or (name == "truediv"):
            continue
        x = rtch.ones(2, dtype=dtype)
        with pytest.raises(DTypeError):
            run(name)(x, x)


@pytest.mark.parametrize("name", standard.DTYPES[1:9])
def test_integer_scalars_out_of_bounds(name: str) -> None:
    """Are an error beside an integer tensor, on either side, in place, and compared."""
    x = rtch.ones(2, dtype=name)
    info = np.iinfo(name)
    for value in (int(info.max) + 1, int(info.min) - 1):
        for call in (
            lambda v: x + v,
            lambda v: v - x,
            lambda v: x == v,
            lambda v: v < x,
            lambda v: x.__iadd__(v),
            lambda v: rtch.where(x == 1, x, v),
            lambda v: x.__setitem__(0, v),
        ):
            with pytest.raises(ArgumentError):
                call(value)
        assert x.tolist() == [1, 1]
    assert (x * 0 + int(info.max)).tolist() == [info.max] * 2


@pytest.mark.parametrize("name", ["float32", "float64", "complex64", "complex128"])
@pytest.mark.parametrize("value", [2**64, -(2**63) - 1, 2**77 + 2**53, 2**100 + 2**76 + 1, -(10**30)])
def test_large_integers_beside_floats(name: str, value: int) -> None:
    """An integer of more than 64 bits counts as the nearest number of the dtype, rounded once."""
    x = rtch.asarray([1, -2], dtype=name)
    scalar = rtch.asarray(value, dtype=name)
    exact = np.float32(fraction_to_float32(value)) if name in ("float32", "complex64") else np.float64(value)
    assert complex(scalar) == exact
    for way in (operator.add, operator.mul, operator.truediv, operator.eq):
        assert way(x, value).tolist() == way(x, scalar).tolist()
        assert way(value, x).tolist() == way(scalar, x).tolist()
    x += value
    assert x.tolist() == (rtch.asarray([1, -2], dtype=name) + scalar).tolist()
    with pytest.raises(ArgumentError, match=r"^add: an integer too large for a float"):
        x + 10**400


def fraction_to_float32(value: int) -> float:
    """The nearest float32, ties to even, by integers alone."""
    spare = value.bit_length() - 24
    quotient, rest = divmod(abs(value), 2**spare)
    up = 2 * rest > 2**spare or (2 * rest == 2**spare and quotient % 2 == 1)
    return float((quotient + up) * 2**spare) * (1 if value > 0 else -1)


def test_scalars_of_another_kind() -> None:
    """A float beside integers, a complex number beside floats: the default dtype of the higher kind."""
    i, f = rtch.asarray([1, 2], dtype="int8"), rtch.asarray([1.0, 2.0])
    assert_same(np.array([1.5, 2.5], "float32"), i + 0.5)
    assert_same(np.array([True, False]), i == 1.0)
    assert_same(np.array([False, True]), 1.5 < i)
    assert_same(np.array([1 + 1j, 2 + 1j], "complex64"), f + 1j)
    assert_same(np.array([True, False]), f == 1 + 0j)
    assert (rtch.asarray([True, False]) + 1).dtype is rtch.int64
    with pytest.raises(DTypeError):
        i += 0.5
    for other in (None, "1", [1]):
        assert (i == other) is False
        assert (i != other) is True


CONVERSIONS = {"bool": bool, "int": int, "float": float, "complex": complex, "index": operator.index}


@pytest.mark.parametrize("name", [*standard.DTYPES, "float16", "bfloat16"])
def test_conversion_to_python(name: str) -> None:
    """Of 0-d tensors: complex to int or float, and what is no integer to an index, is a TypeError."""
    kind = {"f": "f", "c": "c", "b": "b"}.get(ALL[name].kind, "i")
    for value in (0, 1, *([2] if kind != "b" else [])):
        x = rtch.asarray(value, dtype=name)
        assert bool(x) is bool(value)
        assert (complex(x), type(complex(x))) == (complex(value), complex)
        for convert in (int, float):
            if kind == "c":
                with pytest.raises(TypeError, match=r": a real tensor is needed; got complex"):
                    convert(x)
            else:
                assert (convert(x), type(convert(x))) == (convert(value), convert)
        if kind == "i":
            assert [10, 11, 12][x] == 10 + value
        else:
            with pytest.raises(TypeError, match=r"^index: an integer tensor is needed; got "):
                operator.index(x)


@pytest.mark.parametrize("name", ["float16", "bfloat16", "float32", "float64"])
def test_special_floats_to_python(name: str) -> None:
    """As the standard says: NaN and infinities are true; int of them is an error; NaN is NaN + NaN j."""
    inf, nan = rtch.asarray(math.inf, dtype=name), rtch.asarray(math.nan, dtype=name)
    assert bool(inf) is bool(-inf if name in DTYPES else inf) is bool(nan) is True
    assert bool(rtch.asarray(-0.0, dtype=name)) is False
    assert (int(rtch.asarray(-0.0, dtype=name)), int(rtch.asarray(-1.75, dtype=name))) == (0, -1)
    with pytest.raises(OverflowError):
        int(inf)
    with pytest.raises(ValueError, match="NaN"):
        int(nan)
    assert (float(inf), math.isnan(float(nan))) == (math.inf, True)
    assert complex(inf) == complex(math.inf, 0)
    assert (math.isnan(complex(nan).real), math.isnan(complex(nan).imag)) == (True, True)


def test_complex_to_python() -> None:
    """Both parts, signs of zeros too; true where either is."""
    for value in (complex(0.0, -0.0), complex(math.nan, 1), complex(-0.0, math.inf), 1 - 2j):
        for name in ("complex64", "complex128"):
            x = rtch.asarray(value, dtype=name)
            assert repr(complex(x)) == repr(value)
            assert bool(x) is bool(value)


def test_several_elements_are_no_number() -> None:
    """The error is a ValueError and a TypeError, whichever a caller looks for."""
    for x in (rtch.ones(2, dtype="int64"), rtch.zeros((0,), dtype="int64")):
        for convert in CONVERSIONS.values():
            for cls in (ConversionError, TypeError, ValueError):
                with pytest.raises(cls, match=r"exactly one element is needed; got shape \["):
                    convert(x)
    with pytest.raises(TypeError):
        [1, 2][rtch.ones(2, dtype="int64")]  # type: ignore[call-overload]


@given(pairs())
def test_attributes(pair: Any) -> None:
    """shape, ndim, size, dtype; T of matrices alone; mT of stacks."""
    t, a = pair
    assert (t.shape, t.ndim, t.size, t.dtype.name) == (a.shape, a.ndim, a.size, a.dtype.name)
    assert isinstance(t.shape, tuple)
    if a.ndim == 2:
        assert_same(a.T, t.T)
    else:
        with pytest.raises(DimensionError):
            t.T  # noqa: B018
    if a.ndim >= 2:
        assert_same(np.swapaxes(a, -1, -2), t.mT)
    else:
        with pytest.raises(DimensionError):
            t.mT  # noqa: B018
    if a.ndim == 1:
        assert [x.ndim for x in t] == [0] * a.size


@pytest.mark.parametrize("name", ALL)
def test_pickles_copies_and_numpy(name: str) -> None:
    """Every dtype keeps its values; bfloat16 is none of NumPy's, and says so."""
    numbers = [0, 1, 2, 3] if ALL[name].kind in "bu" else [0, 1, -2, 3]
    t = rtch.reshape(rtch.asarray(numbers, dtype=name), (2, 2)).T
    for other in (copy.copy(t), copy.deepcopy(t), *(pickle.loads(pickle.dumps(t, p)) for p in range(6))):
        assert (other.dtype, other.shape, other.tolist()) == (t.dtype, t.shape, t.tolist())
    if name == "bfloat16":
        for call in (np.asarray, np.array, lambda x: x.numpy()):
            with pytest.raises(DTypeError, match=r"^numpy: NumPy has no bfloat16; use astype\(rtch.float32\) first$"):
                call(t)
        return
    a = np.asarray(t)
    assert (a.dtype.name, a.tolist()) == (name, t.tolist())
    assert_same(a, rtch.asarray(a)) if name in DTYPES else None
    assert rtch.asarray(a).dtype is t.dtype
    assert rtch.asarray(a).tobytes() == t.tobytes()
    for order in (">", "<"):
        swapped = a.astype(a.dtype.newbyteorder(order))
        assert rtch.asarray(swapped).tobytes() == t.tobytes()
