# SPDX-License-Identifier: MIT
"""gather, scatter, scatter_add, index_add, index_put, masks and topk against plain-Python models, on any views."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rtch
from rtch.errors import ArgumentError, BroadcastError, DimensionError, DTypeError, TorchError
from rtch.nn import functional
from tensor_draws import COMPLEX, DTYPES, assert_same, awkward, bits, pairs, values, viewed

NUMBERS = tuple(name for name in DTYPES if name != "bool")
REAL = tuple(name for name in DTYPES if name not in COMPLEX)


@st.composite
def lanes(draw: Any, dtypes: tuple[str, ...]) -> Any:
    """A tensor and its array, an axis, and an index that fits them, in any view, as a tensor and an array."""
    t, a = draw(pairs(dtypes, max_side=4).filter(lambda pair: pair[1].ndim > 0))
    axis = draw(st.integers(-a.ndim, a.ndim - 1))
    shape = [draw(st.integers(0, n)) for n in a.shape]
    shape[axis] = draw(st.integers(0, 6)) if a.shape[axis] else 0
    size = max(a.shape[axis], 1)
    made = np.random.default_rng(draw(st.integers(0, 2**16))).integers(-size, size, shape)
    order = draw(st.permutations(range(a.ndim)))
    back = np.argsort(order)
    index = rtch.permute_dims(rtch.asarray(made.transpose(order).copy()), [int(d) for d in back])
    return t, a, axis, index, made


def places(a: np.ndarray, axis: int, index: np.ndarray) -> Any:
    """For each position of the index in row-major order, where it points in a."""
    for at in product(*map(range, index.shape)):
        to = list(at)
        to[axis % a.ndim] = int(index[at])
        yield at, tuple(to)


@given(lanes(tuple(DTYPES)))
@settings(max_examples=150)
def test_gather(drawn: Any) -> None:
    """Element by element."""
    t, a, axis, index, made = drawn
    expected = np.zeros(made.shape, a.dtype)
    for at, source in places(a, axis, made):
        expected[at] = a[source]
    assert_same(expected, t.gather(axis, index))


@given(lanes(tuple(DTYPES)), st.data())
@settings(max_examples=150)
def test_scatter(drawn: Any, data: st.DataObject) -> None:
    """The last write in row-major order stays; x is as it was; what src has beyond the index is left out."""
    t, a, axis, index, made = drawn
    wide = tuple(n + data.draw(st.integers(0, 1)) for n in made.shape)
    src = awkward(a.dtype.name, wide, 5)
    expected = a.copy()
    for at, to in places(a, axis, made):
        expected[to] = src[at]
    before = bits(t).tolist()
    assert_same(expected, t.scatter(axis, index, rtch.asarray(src)))
    assert bits(t).tolist() == before


@given(lanes(NUMBERS))
@settings(max_examples=150)
def test_scatter_add_is_a_chain_in_the_order_of_the_index(drawn: Any) -> None:
    """One addition after another, in the dtype, to the bit."""
    t, a, axis, index, made = drawn
    src = values(a.dtype.name, made.shape, 5, -1e3, 1e3)
    expected = a.copy()
    with np.errstate(all="ignore"):
        for at, to in places(a, axis, made):
            expected[to] = expected[to] + src[at]
    assert_same(expected, t.scatter_add(axis, index, rtch.asarray(src)))


def test_gather_of_an_index_of_no_elements() -> None:
    """As in PyTorch it may have any shape, and writes nothing."""
    x = rtch.ones((3,)).requires_grad_()
    out = x.gather(0, rtch.zeros((2, 0), dtype="int64"))
    assert out.shape == (2, 0)
    out.sum().backward()
    assert x.grad is not None and x.grad.tolist() == [0, 0, 0]
    assert x.scatter(0, rtch.zeros((0,), dtype="int64"), 1.0).tolist() == [1, 1, 1]


@pytest.mark.parametrize("shape", [(40, 1000), (1000, 40), (3, 70, 90), (5000, 3), (9001,)])
def test_lanes_do_not_depend_on_threads(shape: tuple[int, ...]) -> None:
    """Along every axis: 1, 2 and 5 threads give the bits of NumPy's chain."""
    rng = np.random.default_rng(1)
    a, src = (rng.standard_normal(shape).astype("float32") for _ in range(2))
    before = rtch.get_num_threads()
    try:
        for axis, n in enumerate(shape):
            index = rng.integers(0, max(n // 7, 1), shape)
            grid = list(np.indices(shape, sparse=True))
            grid[axis] = index
            added = a.copy()
            np.add.at(added, tuple(grid), src)
            for threads in (1, 2, 5):
                rtch.set_num_threads(threads)
                x, i, y = rtch.asarray(a), rtch.asarray(index), rtch.asarray(src)
                assert_same(np.take_along_axis(a, index, axis), x.gather(axis, i))
                assert_same(added, x.scatter_add(axis, i, y))
                assert_same(a[tuple(grid)], x.scatter(axis, i, 0.0).scatter(axis, i, x.gather(axis, i)).gather(axis, i))
    finally:
        rtch.set_num_threads(before)


@pytest.mark.parametrize("accumulate", [False, True])
@given(drawn=pairs(NUMBERS, max_side=4), data=st.data())
@settings(max_examples=80)
def test_index_put(drawn: Any, data: st.DataObject, accumulate: bool) -> None:
    """As NumPy's assignment and `add.at`, for index tensors, None and masks."""
    t, a = drawn
    if a.ndim == 0 or 0 in a.shape:
        return
    n_axes = data.draw(st.integers(1, a.ndim))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**16)))
    shape = data.draw(st.sampled_from([(3,), (2, 2), (1,), ()]))
    key = [rng.integers(-n, n, shape) for n in a.shape[:n_axes]]
    if n_axes > 1 and data.draw(st.booleans()):
        key[0] = None  # all of the axis
    if data.draw(st.booleans()):
        key[-1] = rng.random(a.shape[n_axes - 1]) < 0.5
        if len(key) > 1:
            key = [None] * (len(key) - 1) + key[-1:]
    numpy_key = tuple(slice(None) if k is None else k for k in key)
    value = values(a.dtype.name, np.shape(a[numpy_key]), 4)
    expected = a.copy()
    with np.errstate(all="ignore"):
        if accumulate:
            np.add.at(expected, numpy_key, value)
        else:
            expected[numpy_key] = value
    ours = tuple(None if k is None else rtch.asarray(k) for k in key)
    assert_same(expected, t.index_put(ours, rtch.asarray(value), accumulate))


def test_index_put_of_a_number_and_of_no_dimensions() -> None:
    """A 0-d x takes 0-d masks; numbers take x's dtype; repeated indices add up."""
    x, true = rtch.asarray(5, dtype="int8"), rtch.asarray(True)
    assert x.index_put((true,), 7).tolist() == 7
    assert x.index_put((rtch.asarray(False),), 7).tolist() == 5
    assert x.index_put((true,), 7, accumulate=True).tolist() == 12
    assert rtch.zeros((3,)).index_put(([1, 1, 1],), 0.5, accumulate=True).tolist() == [0, 1.5, 0]
    assert rtch.zeros((3,))[::-1].index_put(([0, -1],), rtch.asarray([1.0, 2.0])).tolist() == [1, 0, 2]


@given(pairs(tuple(DTYPES)), st.data())
@settings(max_examples=100)
def test_masks(drawn: Any, data: st.DataObject) -> None:
    """masked_fill is where in x's dtype, masked_select NumPy's selection, of operands that broadcast."""
    t, a = drawn
    shape = tuple(data.draw(st.sampled_from([n, 1])) for n in a.shape[data.draw(st.integers(0, a.ndim)) :])
    m = np.random.default_rng(3).random(shape) < 0.5
    mask, m = viewed(data.draw, rtch.asarray(m), m) if data.draw(st.booleans()) else (rtch.asarray(m), m)
    try:
        wide, wide_m = np.broadcast_arrays(a, m)
    except ValueError:
        for function in (lambda: t.masked_select(mask), lambda: t.masked_fill(mask, True)):
            with pytest.raises(BroadcastError):
                function()
        return
    value = awkward(a.dtype.name, (), 8)
    assert_same(np.where(m, value, a), t.masked_fill(mask, rtch.asarray(value)))
    assert_same(wide[wide_m], t.masked_select(mask))


@given(pairs(REAL, max_side=6), st.data())
@settings(max_examples=150)
def test_topk(drawn: Any, data: st.DataObject) -> None:
    """The first k of the stable order, NaN the largest value."""
    t, a = drawn
    if a.ndim == 0:
        found = t.topk(1)
        assert (found.values.shape, found.indices.tolist()) == ((), 0)
        return
    axis, largest = data.draw(st.integers(-a.ndim, a.ndim - 1)), data.draw(st.booleans())
    k = data.draw(st.integers(0, a.shape[axis]))
    order = rtch.argsort(t, axis=axis, descending=largest).numpy()
    expected = np.take(order, range(k), axis)
    found = t.topk(k, axis, largest)
    assert_same(expected, found.indices)
    assert_same(np.take_along_axis(a, expected, axis), found.values)


@pytest.mark.parametrize("n", [4, 1023, 1024, 1025, 2047, 2048, 2049, 10000])
@pytest.mark.parametrize("dtype", REAL)
def test_topk_of_long_rows(dtype: str, n: int) -> None:
    """Rows of many pieces: ties, both zeros and NaN among them, rising, falling and in no order."""
    rows = [awkward(dtype, (n,), n), values(dtype, (n,), n, -3, 3), np.arange(n).astype(dtype)]
    a = np.stack([*rows, rows[2][::-1]])
    for k in (1, 3, n // 5, n // 4 + 1, n):
        for largest in (False, True):
            expected = rtch.argsort(rtch.asarray(a), descending=largest)[:, :k]
            found = rtch.asarray(a).topk(k, largest=largest)
            assert_same(expected.numpy(), found.indices)
            assert_same(np.take_along_axis(a, expected.numpy(), -1), found.values)


def test_one_hot() -> None:
    """NumPy's rows of the identity, of any shape and integer dtype."""
    classes = np.array([[0, 2], [1, 2]])
    for dtype in ("int64", "uint8", "int16"):
        made = functional.one_hot(rtch.asarray(classes.astype(dtype)))
        assert_same(np.eye(3, dtype="int64")[classes], made)
    assert functional.one_hot(rtch.zeros((0,), dtype="int64"), 4).shape == (0, 4)
    assert functional.one_hot(rtch.asarray(1), 5).tolist() == [0, 1, 0, 0, 0]


X, I = rtch.ones((2, 3)), rtch.zeros((2, 3), dtype="int64")  # noqa: E741
REFUSED: list[tuple[str, type[TorchError], Callable[[], Any]]] = [
    ("gather", DimensionError, lambda: X.gather(2, I)),
    ("gather", DimensionError, lambda: X.gather(0, I + 2)),
    ("gather", DimensionError, lambda: X.gather(0, I - 3)),
    ("gather", DimensionError, lambda: X.gather(0, I[0])),
    ("gather", BroadcastError, lambda: X.gather(0, rtch.zeros((2, 4), dtype="int64"))),
    ("gather", DTypeError, lambda: X.gather(0, X)),
    ("gather", DTypeError, lambda: rtch.gather([1.0], 0, I)),
    ("scatter", DimensionError, lambda: X.scatter(0, I, X[0])),
    ("scatter", BroadcastError, lambda: X.scatter(0, I, X[:1])),
    ("scatter", BroadcastError, lambda: X[:, :1].scatter(0, I, X)),
    ("scatter", DimensionError, lambda: X.scatter(0, I + 2, X)),
    ("scatter", DTypeError, lambda: X.scatter(0, I, X.astype("float64"))),
    ("scatter", DTypeError, lambda: I.scatter(0, I, 0.5)),
    ("scatter", DTypeError, lambda: X.scatter(0, I, "a")),
    ("scatter", ArgumentError, lambda: I.astype("int8").scatter(0, I, 1000)),
    ("scatter_add", DTypeError, lambda: (X > 0).scatter_add(0, I, X > 0)),
    ("scatter_add", DimensionError, lambda: X.scatter_add(0, I + 2, X)),
    ("index_put", ArgumentError, lambda: X.index_put(I, 1.0)),
    ("index_put", ArgumentError, lambda: X.index_put((), 1.0)),
    ("index_put", ArgumentError, lambda: X.index_put((None,), 1.0)),
    ("index_put", BroadcastError, lambda: X.index_put(([0, 1],), X[:, :2])),
    ("index_put", DTypeError, lambda: X.index_put(([0],), 1j)),
    ("index", DimensionError, lambda: X.index_put(([2],), 1.0)),
    ("index", DimensionError, lambda: X.index_put(([0], [0], [0]), 1.0)),
    ("index", DTypeError, lambda: X.index_put((X,), 1.0)),
    ("masked_fill", DTypeError, lambda: X.masked_fill(I, 0.0)),
    ("masked_fill", DTypeError, lambda: I.masked_fill(X > 0, 0.5)),
    ("masked_fill", DimensionError, lambda: X.masked_fill(X > 0, X[0])),
    ("masked_select", DTypeError, lambda: X.masked_select(I)),
    ("topk", ArgumentError, lambda: X.topk(4)),
    ("topk", ArgumentError, lambda: X.topk(-1)),
    ("topk", ArgumentError, lambda: X.topk(1.5)),  # type: ignore[arg-type]
    ("topk", DimensionError, lambda: X.topk(1, 2)),
    ("topk", DTypeError, lambda: X.astype("complex64").topk(1)),
    ("index_add", DTypeError, lambda: I.index_add(0, [0], I[:1], alpha=0.5)),
    ("one_hot", DTypeError, lambda: functional.one_hot(X)),
    ("one_hot", DimensionError, lambda: functional.one_hot(I - 1)),
    ("one_hot", DimensionError, lambda: functional.one_hot(I + 3, 3)),
    ("one_hot", ArgumentError, lambda: functional.one_hot(I, 0)),
    ("one_hot", ArgumentError, lambda: functional.one_hot(I[:0])),
]


def test_dtypes_that_do_not_add_are_named() -> None:
    """Those of x and src, not of the index."""
    with pytest.raises(DTypeError, match=r"^scatter_add: .*; got bool\[\d+(, \d+)*\] and bool\["):
        (X > 0).scatter_add(0, I, X > 0)


@pytest.mark.parametrize(("name", "error", "call"), REFUSED)
def test_what_is_refused(name: str, error: type[TorchError], call: Callable[[], Any]) -> None:
    """One line that begins with the function's name."""
    with pytest.raises(error, match=rf"^{name}: .*[^\n]$"):
        call()
