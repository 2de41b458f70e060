# SPDX-License-Identifier: MIT
"""Sorting, searching and sets against NumPy and a plain-Python model of the order, on any views and dtypes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rtch
from rtch.autograd import gradcheck, gradgradcheck
from rtch.errors import ArgumentError, DimensionError, DTypeError
from tensor_draws import COMPLEX, DTYPES, assert_same, awkward, bits, pairs, special, values

REAL = [name for name in DTYPES if name not in COMPLEX]


def place(value: Any) -> tuple[bool, Any]:
    """NaN last, -0 as +0."""
    return (value != value, 0 if value != value else value)


def model(row: list[Any], descending: bool) -> list[int]:
    """Positions in order: stable also when descending."""
    return sorted(range(len(row)), key=lambda i: place(row[i]), reverse=descending)


@given(pairs(tuple(REAL), max_side=6), st.data())
@settings(max_examples=150)
def test_any_view_along_any_axis(pair: tuple[rtch.Tensor, np.ndarray], data: st.DataObject) -> None:
    """Positions by the model; sort is the elements at them, to the bit."""
    t, a = pair
    if a.ndim == 0:
        for function in (rtch.sort, rtch.argsort):
            with pytest.raises(DimensionError):
                function(t)
        return
    axis, descending = data.draw(st.integers(-a.ndim, a.ndim - 1)), data.draw(st.booleans())
    expected = (
        np.apply_along_axis(lambda row: model(row.tolist(), descending), axis, a) if a.size else a.astype("int64")
    )
    got = rtch.argsort(t, axis=axis, descending=descending)
    assert_same(expected.astype("int64"), got)
    assert_same(np.take_along_axis(a, expected.astype("int64"), axis), rtch.sort(t, axis=axis, descending=descending))


@pytest.mark.parametrize("n", [1, 2, 7, 48, 49, 63, 64, 65, 127, 128, 256, 257, 1000, 2048, 2049])
@pytest.mark.parametrize("dtype", REAL)
def test_long_rows(dtype: str, n: int) -> None:
    """On both sides of the lengths at which the method changes, with many ties, zeros of both signs and NaN."""
    for make in (awkward, lambda d, shape, seed: values(d, shape, seed, -3, 3)):
        a = make(dtype, (3, n), n)
        t = rtch.asarray(a)
        for descending in (False, True):
            expected = np.array([model(row.tolist(), descending) for row in a])
            assert_same(expected, rtch.argsort(t, descending=descending))
            assert_same(np.take_along_axis(a, expected, -1), rtch.sort(t, descending=descending))


CHUNK = 16384  # of csrc/runtime/sort.c: longer rows are sorted in chunks, which are merged


def stable(a: np.ndarray, descending: bool) -> np.ndarray:
    """The order of a long row: NumPy's stable sort has the same."""
    return len(a) - 1 - np.argsort(a[::-1], kind="stable")[::-1] if descending else np.argsort(a, kind="stable")


def shaped(kind: str, dtype: str, n: int, seed: int) -> np.ndarray:
    """A row of a kind that is hard on networks, merges, or samples and pivots."""
    rng = np.random.default_rng(seed)
    a, i, edges = awkward(dtype, (n,), seed), np.arange(n), special(dtype)
    if kind == "equal":
        return np.full(n, rng.choice(edges))
    if kind == "few":
        return rng.choice(rng.choice(edges, 3), n)
    if kind == "extremes":  # the largest key is also what fills up
        return rng.choice(np.sort(edges)[[0, -1]], n)
    if kind == "random":
        return a
    up, parts = np.sort(i.astype(dtype)), -(-n // CHUNK)
    return {
        "sorted": lambda: np.sort(a),
        "reversed": lambda: np.sort(a)[::-1],
        "turned": lambda: np.roll(up, int(rng.integers(1, n))),  # one chunk both begins and ends the order
        "dealt": lambda: np.concatenate([up[c::parts] for c in range(parts)]),  # runs that alternate
        "chunks reversed": lambda: np.concatenate([up[c : c + CHUNK] for c in range(0, n, CHUNK)][::-1]),
        "every 64th": lambda: np.where(i % 64 == 0, edges[0], np.sort(a)),  # a strided sample of one value
    }[kind]()


@given(
    st.sampled_from(
        ["equal", "few", "extremes", "random", "sorted", "reversed", "turned", "dealt", "chunks reversed", "every 64th"]
    ),
    st.sampled_from(REAL),
    st.integers(1, 5),
    st.integers(-130, 130),
    st.booleans(),
    st.integers(0, 2**16),
)
@settings(max_examples=120, deadline=None)
def test_long_rows_of_any_shape(kind: str, dtype: str, chunks: int, more: int, descending: bool, seed: int) -> None:
    """Any number of chunks, full or not; ties, zeros of both signs and NaN on both sides of every cut."""
    a = np.ascontiguousarray(shaped(kind, dtype, chunks * CHUNK + more, seed))
    expected, t = stable(a, descending), rtch.asarray(a)
    assert_same(expected, rtch.argsort(t, descending=descending))
    assert_same(a[expected], rtch.sort(t, descending=descending))


@pytest.mark.parametrize("n", [65535, 65537, 131073, 300001])
@pytest.mark.parametrize(
    "dtype", ["bool", "int8", "uint16", "int32", "uint32", "float32", "int64", "uint64", "float64"]
)
def test_one_long_row_on_any_number_of_threads(dtype: str, n: int) -> None:
    """A row that threads share: in chunks that are merged, or by bytes."""
    a = awkward(dtype, (n,), n)
    t, before = rtch.asarray(a), rtch.get_num_threads()
    up, down = stable(a, False), stable(a, True)
    try:
        for threads in (1, 2, 5):
            rtch.set_num_threads(threads)
            for descending, expected in ((False, up), (True, down)):
                assert_same(expected, rtch.argsort(t, descending=descending))
                assert_same(a[expected], rtch.sort(t, descending=descending))
    finally:
        rtch.set_num_threads(before)


def test_threads_give_the_same() -> None:
    """Rows are shared out."""
    a = awkward("float32", (300, 200), 1)
    t, before = rtch.asarray(a), rtch.get_num_threads()
    try:
        results = []
        for n in (1, 2, 8):
            rtch.set_num_threads(n)
            results.append((bits(rtch.sort(t)).tolist(), rtch.argsort(t, axis=0).tolist()))
        assert results[0] == results[1] == results[2]
    finally:
        rtch.set_num_threads(before)


@given(pairs(tuple(REAL), max_side=6), st.data())
@settings(max_examples=100)
def test_searchsorted(pair: tuple[rtch.Tensor, np.ndarray], data: st.DataObject) -> None:
    """Between equal elements by side, with a sorter, on views; dtypes are promoted."""
    t, a = pair
    n = data.draw(st.integers(0, 9))
    row = awkward(a.dtype.name, (n,), 4)
    order = np.array(model(row.tolist(), False), "int64")
    keys = [place(v) for v in row[order].tolist()]
    for side in ("left", "right"):
        found = [sum(k < place(v) or (side == "right" and k == place(v)) for k in keys) for v in a.reshape(-1).tolist()]
        expected = np.array(found, "int64").reshape(a.shape)
        assert_same(expected, rtch.searchsorted(rtch.asarray(row[order]), t, side=side))
        assert_same(expected, rtch.searchsorted(rtch.asarray(row), t, side=side, sorter=rtch.asarray(order)))


def test_searchsorted_of_scalars() -> None:
    """A Python number counts as a 0-d tensor of the dtype that it takes beside x1."""
    x = rtch.asarray([1, 2, 2, 3])
    for value, left, right in ((2, 1, 3), (2.5, 3, 3), (True, 0, 1), (-1, 0, 0)):
        for side, place in (("left", left), ("right", right)):
            found = rtch.searchsorted(x, value, side=side)
            assert (found.item(), found.shape, found.dtype) == (place, (), rtch.int64)
    assert rtch.searchsorted(rtch.asarray([0.1], dtype="float32"), 0.1).item() == 0
    for wrong in ("2", None, 1j):
        with pytest.raises(DTypeError, match=r"^searchsorted: "):
            rtch.searchsorted(x, wrong)


@given(pairs(tuple(DTYPES), max_side=5))
@settings(max_examples=100)
def test_nonzero(pair: tuple[rtch.Tensor, np.ndarray]) -> None:
    """The indices in row-major order."""
    t, a = pair
    if a.ndim == 0:
        with pytest.raises(DimensionError, match=r"^nonzero: "):
            rtch.nonzero(t)
        return
    got = rtch.nonzero(t)
    assert len(got) == a.ndim
    for expected, index in zip(np.nonzero(a), got, strict=True):
        assert_same(expected, index)


@given(pairs(tuple(DTYPES), max_side=6))
@settings(max_examples=150)
def test_unique(pair: tuple[rtch.Tensor, np.ndarray]) -> None:
    """Every NaN is its own value; the four functions agree; inverse and first positions lead back."""
    t, a = pair
    out = rtch.unique_all(t)
    flat = a.reshape(-1)
    distinct = list(dict.fromkeys(v for v in flat.tolist() if v == v))
    nans = sum(v != v for v in flat.tolist())
    assert out.values.shape == (len(distinct) + nans,)
    assert set(distinct) == {v for v in out.values.tolist() if v == v}
    assert out.inverse_indices.shape == a.shape
    assert out.counts.tolist() == [1 if v != v else flat.tolist().count(v) for v in out.values.tolist()]
    back = rtch.take(out.values, out.inverse_indices.reshape(-1), axis=0).tolist()
    assert all(x == y or (x != x and y != y) for x, y in zip(back, flat.tolist(), strict=True))
    for v, i in zip(out.values.tolist(), out.indices.tolist(), strict=True):
        assert v != v or flat.tolist().index(v) == i
    if a.dtype.kind not in "c":
        assert out.values.tolist()[: len(distinct)] == sorted(distinct)
    assert_same(out.values.numpy(), rtch.unique_values(t))
    assert [x.tolist() for x in rtch.unique_counts(t)][1] == out.counts.tolist()
    assert [x.tolist() for x in rtch.unique_inverse(t)][1] == out.inverse_indices.tolist()
    assert out._fields == ("values", "indices", "inverse_indices", "counts")


def test_gradients() -> None:
    """Sorting sends each gradient back to where its element came from."""
    x = rtch.asarray([[3.0, 1.0, 2.0], [0.5, 0.7, 0.1]], dtype="float64").requires_grad_()
    for axis in (0, 1):
        for descending in (False, True):
            assert gradcheck(lambda x, a=axis, d=descending: rtch.sort(x, axis=a, descending=d) ** 2, (x,))
            assert gradgradcheck(lambda x, a=axis, d=descending: rtch.sort(x, axis=a, descending=d) ** 3, (x,))


def test_what_is_refused() -> None:
    """Axes, dtypes and sides."""
    x = rtch.zeros((2, 3))
    for function in (rtch.sort, rtch.argsort):
        with pytest.raises(DimensionError, match=rf"^{function.__name__}: axis must be in"):
            function(x, axis=2)
        for dtype in ("complex64", "float16"):
            with pytest.raises(DTypeError, match=rf"^{function.__name__}: "):
                function(rtch.zeros(3, dtype=dtype))
    with pytest.raises(ArgumentError, match=r"^searchsorted: side must be"):
        rtch.searchsorted(x[0], x, side="middle")
    with pytest.raises(DimensionError, match=r"^searchsorted: x1 must have one dimension"):
        rtch.searchsorted(x, x)
    with pytest.raises(DTypeError, match=r"^searchsorted: "):
        rtch.searchsorted(rtch.zeros(2, dtype="uint64"), rtch.zeros(2, dtype="int8"))
    assert math.isnan(rtch.sort(rtch.asarray([math.nan, 1.0]), descending=True)[0].item())
