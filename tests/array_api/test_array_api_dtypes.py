# SPDX-License-Identifier: MIT
"""Data type functions, dtype objects, and promotion."""

from __future__ import annotations

import copy
import itertools
import pickle
from typing import Any

import numpy as np
import pytest
import standard
from hypothesis import given
from hypothesis import strategies as st

import rtch
from rtch.errors import ArgumentError, DTypeError
from tensor_draws import DTYPES, assert_same, pairs

ALL = {name: getattr(rtch, name) for name in (*standard.DTYPES, "float16", "bfloat16")}
SCALARS = [True, 3, 2.5, 1j]


def kind(name: str) -> str:
    """Its family in the standard's promotion tables."""
    return np.dtype(name).kind.replace("u", "i")


def test_dtype_objects() -> None:
    """One per type: equal to itself alone, a key, and the same after pickle and copy."""
    for name, dtype in ALL.items():
        assert dtype == dtype
        assert [other for other in ALL.values() if other == dtype] == [dtype]
        assert dtype != name
        assert (dtype == 3) is False
        assert (dtype == np.dtype("float32")) is False
        assert {d: d.name for d in ALL.values()}[dtype] == name
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            assert pickle.loads(pickle.dumps(dtype, protocol)) is dtype
        assert copy.copy(dtype) is copy.deepcopy([dtype])[0] is dtype
        assert repr(dtype) == f"rtch.{name}"


@given(pairs(), st.sampled_from(list(DTYPES)))
def test_astype(pair: Any, target: str) -> None:
    """Values as NumPy casts them wherever both know them; a copy unless nothing changes and copy=False."""
    t, a = pair
    if a.dtype.kind == "c" and np.dtype(target).kind not in "cb":
        with pytest.raises(DTypeError, match=r"^astype: "):
            rtch.astype(t, DTYPES[target])
        return
    out = rtch.astype(t, DTYPES[target])
    assert (out.shape, out.dtype.name) == (t.shape, target)
    if np.dtype(target).kind in "iu" and a.dtype.kind == "f":
        safe = np.isfinite(a) & (np.abs(a) < 100) & ((a > -1) | (np.dtype(target).kind == "i"))
        np.testing.assert_array_equal(out.numpy()[safe], np.trunc(a[safe]).astype(target))
        return
    with np.errstate(all="ignore"):
        assert_same(a.astype(target), out)
    same = rtch.astype(t, t.dtype, copy=False)
    assert same is t
    assert rtch.astype(t, t.dtype, copy=True) is not t


def test_astype_of_bool_and_to_bool() -> None:
    """True is 1 or 1 + 0j; anything but zero is true."""
    for name in standard.DTYPES:
        assert rtch.astype(rtch.asarray([False, True]), ALL[name]).tolist() == [0, 1]
        values = [0, 2] if kind(name) in "ib" else [0.0, -0.0, 0.5, float("inf"), float("nan")]
        x = rtch.asarray(values, dtype=ALL[name])
        assert rtch.astype(x, rtch.bool).tolist() == [v != 0 for v in values]
    z = rtch.asarray([0j, 1j, 1 + 0j])
    assert rtch.astype(z, rtch.bool).tolist() == [False, True, True]


@pytest.mark.parametrize("pair", list(itertools.product(standard.DTYPES, repeat=2)), ids="-".join)
def test_promotion_of_dtypes(pair: tuple[str, str]) -> None:
    """result_type, the result of an addition, and can_cast follow the standard's tables within a kind."""
    a, b = pair
    x, y = rtch.ones(2, dtype=ALL[a]), rtch.ones(2, dtype=ALL[b])
    if kind(a) == kind(b) or {kind(a), kind(b)} == {"f", "c"}:
        expected = np.result_type(a, b).name
        if (
            kind(a) == kind(b) == "i" and expected == "float64"
        ):  # uint64 and a signed type, which the standard leaves out
            for call in (lambda: rtch.result_type(ALL[a], ALL[b]), lambda: rtch.where(rtch.ones(2, dtype=bool), x, y)):
                with pytest.raises(DTypeError):
                    call()
            assert rtch.can_cast(ALL[a], ALL[b]) is False
            return
    else:  # open in the standard: the operand of the higher kind decides
        expected = max(pair, key=lambda name: "bifc".index(kind(name)))
    got = rtch.result_type(ALL[a], ALL[b])
    assert got.name == expected
    assert (
        rtch.result_type(x, ALL[b]) is rtch.result_type(y, x) is rtch.where(rtch.ones(2, dtype=bool), x, y).dtype is got
    )
    if "bool" not in pair:
        assert (x + y).dtype is rtch.multiply(x, y).dtype is got
    assert rtch.concat([x, y]).dtype is got
    assert rtch.can_cast(ALL[a], ALL[b]) is (got is ALL[b])
    assert rtch.can_cast(x, ALL[b]) is (got is ALL[b])


@pytest.mark.parametrize("name", standard.DTYPES)
@pytest.mark.parametrize("scalar", SCALARS)
def test_promotion_of_scalars(name: str, scalar: Any) -> None:
    """A Python scalar of the dtype's kind, or of a lower one, leaves the dtype; else it takes the kind's default."""
    rank = {bool: 0, int: 1, float: 2, complex: 3}[type(scalar)]
    if rank <= "bifc".index(kind(name)):
        expected = name
    else:
        expected = ["", "int64", "float32", "complex128" if name == "float64" else "complex64"][rank]
    x = rtch.ones(2, dtype=ALL[name])
    assert rtch.result_type(x, scalar).name == rtch.result_type(scalar, ALL[name]).name == expected
    assert rtch.where(rtch.ones(2, dtype=bool), x, scalar).dtype.name == expected
    if not (name == "bool" and scalar is True):
        assert (x + scalar).dtype.name == (scalar + x).dtype.name == expected
        assert rtch.add(scalar, x).dtype.name == expected
    assert (x == scalar).tolist() == [bool(scalar == 1)] * 2


@given(st.permutations([*SCALARS, rtch.int8, rtch.uint8, rtch.float32]))
def test_result_type_knows_no_order(values: list[Any]) -> None:
    """Of any number of arguments; `1j` beside float32 is complex64."""
    assert rtch.result_type(*values) is rtch.complex64
    rest = [v for v in values if not isinstance(v, complex)]
    assert rtch.result_type(*rest) is rtch.float32


def test_result_type_needs_a_dtype() -> None:
    """Scalars alone are an error, as is what is no dtype; storage dtypes promote to what computes."""
    for arguments in ((), (1,), (1.0, 2)):
        with pytest.raises(ArgumentError, match=r"^result_type: a tensor or dtype is needed"):
            rtch.result_type(*arguments)
    with pytest.raises(DTypeError):
        rtch.result_type(None, rtch.int8)
    assert rtch.result_type(rtch.float16, rtch.bfloat16) is rtch.float32
    assert rtch.result_type(rtch.float16, 1.0) is rtch.float16


@pytest.mark.parametrize("name", ["float16", "float32", "float64", "complex64", "complex128"])
def test_finfo(name: str) -> None:
    """NumPy's numbers, as Python floats; of a complex dtype its parts'; of a tensor its dtype's."""
    expected = np.finfo(name)
    for given_ in (ALL[name], rtch.zeros(2, dtype=ALL[name]), name):
        got = rtch.finfo(given_)
        for attribute in ("eps", "max", "min", "smallest_normal"):
            value = getattr(got, attribute)
            assert type(value) is float
            assert value == float(getattr(expected, attribute))
        assert (got.bits, got.dtype.name) == (expected.bits, expected.dtype.name)
    one = rtch.asarray(1.0, dtype=got.dtype)
    if not got.dtype.is_storage:
        assert (one + got.eps).item() > 1
        assert (one + got.eps / 2).item() == 1


def test_finfo_of_bfloat16_and_what_is_not_floating() -> None:
    """8 bits of precision and the range of float32."""
    got = rtch.finfo(rtch.bfloat16)
    assert (got.bits, got.eps, got.max, got.min) == (16, 2.0**-7, 1.9921875 * 2.0**127, -1.9921875 * 2.0**127)
    assert (got.smallest_normal, got.dtype) == (2.0**-126, rtch.bfloat16)
    assert rtch.asarray(got.max, dtype=rtch.bfloat16).item() == got.max
    for bad in (rtch.int8, rtch.bool, rtch.ones(1, dtype=rtch.uint8)):
        with pytest.raises(DTypeError, match=r"^finfo: a floating dtype is needed; got "):
            rtch.finfo(bad)
    with pytest.raises(AttributeError):
        got.eps = 1.0


@pytest.mark.parametrize("name", [name for name in standard.DTYPES if kind(name) == "i"])
def test_iinfo(name: str) -> None:
    """NumPy's numbers, as Python integers."""
    expected = np.iinfo(name)
    for given_ in (ALL[name], rtch.zeros(2, dtype=ALL[name])):
        got = rtch.iinfo(given_)
        assert (got.bits, got.max, got.min, got.dtype) == (expected.bits, expected.max, expected.min, ALL[name])
        assert type(got.max) is type(got.min) is int
    assert rtch.asarray(got.max, dtype=got.dtype).item() == got.max
    for bad in (rtch.float32, rtch.bool, rtch.complex64):
        with pytest.raises(DTypeError, match=r"^iinfo: an integer dtype is needed; got "):
            rtch.iinfo(bad)


def test_isdtype() -> None:
    """By kind, by dtype, and by tuples of both; float16 and bfloat16 count as real floating."""
    kinds = ["bool", "signed integer", "unsigned integer", "integral", "real floating", "complex floating", "numeric"]
    for name, one in itertools.product(standard.DTYPES, kinds):
        expected = np.isdtype(np.dtype(name), one)
        assert rtch.isdtype(ALL[name], one) is expected
        assert rtch.isdtype(ALL[name], (one,)) is expected
        assert rtch.isdtype(ALL[name], ("bool", ALL["int8"], one)) is (expected or name in ("bool", "int8"))
    for name, other in itertools.product(ALL, repeat=2):
        assert rtch.isdtype(ALL[name], ALL[other]) is (name == other)
    for dtype in (rtch.float16, rtch.bfloat16):
        assert rtch.isdtype(dtype=dtype, kind="real floating")
    assert rtch.isdtype(rtch.int8, ()) is False
    for bad in ("float32", "floating", None, 3, ["bool"], ("bool", "x")):
        with pytest.raises(ArgumentError, match=r"^isdtype: kind is one of "):
            rtch.isdtype(rtch.int8, bad)
