# SPDX-License-Identifier: MIT
"""Casts, views, joining, taking and the shapes of matrix products, against NumPy on any strides."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rtch
from rtch.errors import ArgumentError, BroadcastError, DimensionError, DTypeError, TorchError
from tensor_draws import DTYPES, INTEGERS, assert_same, awkward, bits, pairs, promoted, promotes, values

NUMBERS = ("int64", "float32", "float64")


def factors(data: st.DataObject, size: int) -> tuple[int, ...]:
    """A random shape of so many elements."""
    if size == 0:
        return data.draw(st.sampled_from([(0,), (3, 0), (0, 2, 5), (1, 0, 1)]))
    shape = []
    while size > 1:
        n = data.draw(st.sampled_from([d for d in range(1, size + 1) if size % d == 0]))
        shape.append(n)
        size //= n
        if len(shape) > 5:
            return (*shape, size)
    return tuple(shape)


@given(pairs(), st.data())
def test_reshape(pair: tuple[rtch.Tensor, np.ndarray], data: st.DataObject) -> None:
    """Row-major order on any strides; a view wherever NumPy has one."""
    t, a = pair
    shape = factors(data, a.size)
    made, expected = rtch.reshape(t, shape), a.reshape(shape)
    assert_same(expected, made)
    assert_same(expected, t.reshape(*shape))
    if a.size > 1:
        assert rtch.shares_storage(t, made) == np.shares_memory(a, expected)
    if a.size and shape:
        hole = data.draw(st.integers(0, len(shape) - 1))
        assert_same(expected, t.reshape([-1 if d == hole else n for d, n in enumerate(shape)]))
    made[...] = 0
    assert_same(a, t)


def test_reshape_of_what_does_not_fit() -> None:
    """An ArgumentError with both shapes."""
    x = rtch.zeros((2, 3))
    for shape in ((4,), (-1, -1), (-2, -3), (0, -1), (5, -1), (), (2, 3, 0), (1,) * 33, (2**62, 2**62)):
        with pytest.raises(ArgumentError, match=r"^reshape: 6 elements do not fill the shape; got \[2, 3\] to \["):
            rtch.reshape(x, shape)
    for other in (2.5, "a", None, (2, "a"), (2.0, 3.0), (2**70, 1), {6}):
        with pytest.raises(ArgumentError, match=r"^reshape: a shape of integers is needed; got "):
            rtch.reshape(x, other)
    assert x.reshape((1,) * 26 + (2, 3)).ndim == 28
    assert x[:0].reshape(0, 2**40).shape == (0, 2**40)
    assert x[0, 0].reshape().shape == ()
    assert x.reshape(np.int64(6)).shape == (6,)


@given(pairs(), st.data())
def test_permute_flip_squeeze_expand(pair: tuple[rtch.Tensor, np.ndarray], data: st.DataObject) -> None:
    """Views, all of them."""
    t, a = pair
    axes = [d - a.ndim * data.draw(st.booleans()) for d in data.draw(st.permutations(range(a.ndim)))]
    made = rtch.permute_dims(t, axes)
    assert_same(a.transpose(axes), made)
    assert rtch.shares_storage(t, made)
    if a.ndim >= 2:
        assert_same(a.swapaxes(-1, -2), t.mT)
    some = tuple(axes[: data.draw(st.integers(0, a.ndim))])
    assert_same(np.flip(a, some), rtch.flip(t, axis=some))
    assert_same(np.flip(a), rtch.flip(t))
    at = data.draw(st.integers(-a.ndim - 1, a.ndim))
    wide = rtch.expand_dims(t, axis=at)
    assert_same(np.expand_dims(a, at), wide)
    assert_same(a, rtch.squeeze(wide, at))
    ones = tuple(d for d, n in enumerate(a.shape) if n == 1)
    assert_same(np.squeeze(a, ones), rtch.squeeze(t, ones))


def test_axes_that_are_none() -> None:
    """Out of range, doubled, missing, or no integers."""
    x = rtch.zeros((2, 1, 3))
    for axes in ((0, 1), (0, 1, 1), (0, 1, 3), (0, 1, 2, 3), (), (0, 1, -4), "abc", 1, (0.0, 1.0, 2.0), None):
        with pytest.raises(DimensionError, match=r"^permute_dims: "):
            rtch.permute_dims(x, axes)
    with pytest.raises(ArgumentError, match=r"^squeeze: only axes of size one go; got axis 0 of shape \[2, 1, 3\]$"):
        rtch.squeeze(x, 0)
    calls = {
        "squeeze": lambda axis: rtch.squeeze(x, axis),
        "flip": lambda axis: rtch.flip(x, axis=axis),
        "concat": lambda axis: rtch.concat([x], axis=axis),
        "take": lambda axis: rtch.take(x, [0], axis=axis),
        "index_add": lambda axis: rtch.index_add(x, axis, [0], x),
        "expand_dims": lambda axis: rtch.expand_dims(x, axis=axis + 1 if isinstance(axis, int) and axis > 0 else axis),
        "stack": lambda axis: rtch.stack([x, x], axis=axis + 1 if isinstance(axis, int) and axis > 0 else axis),
    }
    for name, call in calls.items():
        for axis in (3, -5, 1.0, "a"):
            with pytest.raises(DimensionError, match=rf"^{name}: axis must be in \[-\d, \d\); got "):
                call(axis)


@given(pairs(dtypes=NUMBERS, extremes=False), st.data())
def test_broadcast_to_and_sum_to(pair: tuple[rtch.Tensor, np.ndarray], data: st.DataObject) -> None:
    """sum_to adds over what broadcast_to repeated; it undoes it on one copy."""
    t, a = pair
    lead = tuple(data.draw(st.lists(st.integers(0, 3), max_size=2)))
    shape = (*lead, *(data.draw(st.integers(0, 3)) if n == 1 else n for n in a.shape))
    wide = rtch.broadcast_to(t, shape)
    assert_same(np.broadcast_to(a, shape), wide)
    assert rtch.shares_storage(t, wide)
    back = rtch.sum_to(wide, a.shape)
    times = int(np.prod(shape)) // a.size if a.size else 1
    assert back.shape == a.shape
    if a.dtype.kind == "i" or times in (0, 1, 2, 4):  # else a float sum of equal values is rounded
        np.testing.assert_array_equal(back.numpy(), a * np.array(times, a.dtype))


def test_broadcast_to_and_sum_to_refuse() -> None:
    """Shapes that broadcasting could not have made; more dimensions; bool sums."""
    x = rtch.zeros((2, 3))
    for shape in ((3,), (2,), (2, 4), (0, 3), (3, 2), (), (2, 3, 1)):
        with pytest.raises(BroadcastError, match=r"^broadcast_to: shapes do not fit together; got \[2, 3\] to \["):
            rtch.broadcast_to(x, shape)
        if shape not in ((3,), ()):
            with pytest.raises(BroadcastError, match=r"^sum_to: "):
                rtch.sum_to(x, shape)
    with pytest.raises(ArgumentError, match=r"^broadcast_to: shape is not valid here; got \[4611686018427387904, "):
        rtch.broadcast_to(x[:1, :1], (2**62, 2**62))
    with pytest.raises(DTypeError, match=r"^sum_to: "):
        rtch.sum_to(x > 0, (3,))
    with pytest.raises(ArgumentError, match=r"^broadcast_to: "):
        rtch.broadcast_to(x, (-1, 3))


@given(st.data())
def test_concat_and_stack(data: st.DataObject) -> None:
    """Any number of strided parts of any dtypes; the dtype is the promoted one."""
    ndim, n = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 4))
    axis = data.draw(st.integers(-ndim, ndim - 1))
    shape = [data.draw(st.integers(0, 3)) for _ in range(ndim)]
    tensors, arrays = [], []
    for i in range(n):
        shape[axis] = data.draw(st.integers(0, 3))
        dtypes = [d for d in DTYPES if promotes(d, *(a.dtype.name for a in arrays))]
        wide = awkward(data.draw(st.sampled_from(dtypes)), (*shape[::-1], 2), i)
        tensors.append(rtch.permute_dims(rtch.asarray(wide)[..., 1], range(ndim)[::-1]))
        arrays.append(wide[..., 1].T)
    dtype = promoted(*(a.dtype.name for a in arrays))
    cast = [a.astype(dtype) for a in arrays]
    assert_same(np.concatenate(cast, axis=axis), rtch.concat(tensors, axis=axis))
    assert_same(np.concatenate(cast, axis=None), rtch.concat(tuple(tensors), axis=None))
    twice = [tensors[0], tensors[0], tensors[0]]
    first = arrays[0]
    for at in (axis, 0, ndim, -ndim - 1):
        assert_same(np.stack([first] * 3, axis=at), rtch.stack(twice, axis=at))


def test_concat_and_stack_refuse() -> None:
    """Nothing, other shapes, 0-d tensors, and what is no tensor."""
    x = rtch.zeros((2, 3))
    for function, name in ((rtch.concat, "concat"), (rtch.stack, "stack")):
        with pytest.raises(ArgumentError, match=rf"^{name}: one tensor or more is needed; got none$"):
            function([])
        with pytest.raises(ArgumentError, match=rf"^{name}: a list of tensors is needed; got int$"):
            function(5)
        for bad in ([x, [1.0]], [np.zeros(2)], [1]):
            with pytest.raises(DTypeError, match=rf"^{name}: a Tensor is needed; got "):
                function(bad)
    with pytest.raises(BroadcastError, match=r"^concat: "):
        rtch.concat([x, x.T])
    with pytest.raises(BroadcastError, match=r"^stack: shapes must agree; got \[\[2, 3\], \[3, 2\]\]$"):
        rtch.stack([x, x.T])
    with pytest.raises(DimensionError, match=r"^concat: "):
        rtch.concat([x, x[0]])
    with pytest.raises(DimensionError, match=r"^concat: axis"):
        rtch.concat([rtch.asarray(1)])
    assert_same(np.array([1, 2]), rtch.stack([rtch.asarray(1), rtch.asarray(2)]))
    assert rtch.concat(x).shape == (6,)


@given(pairs(), st.data())
def test_take(pair: tuple[rtch.Tensor, np.ndarray], data: st.DataObject) -> None:
    """Slices in the order of the indices, negative ones from the end, on any strides of either."""
    t, a = pair
    if a.ndim == 0:
        return
    axis = data.draw(st.integers(-a.ndim, a.ndim - 1))
    n = a.shape[axis]
    index = data.draw(st.lists(st.integers(-n, n - 1), max_size=6)) if n else []
    expected = np.take(a, np.array(index, "int64"), axis=axis)
    assert_same(expected, rtch.take(t, index, axis=axis))
    spread = rtch.asarray(np.repeat(np.array(index, "int64"), 2)[::-1])[::-2]
    assert_same(expected, rtch.take(t, spread, axis=axis))
    if a.ndim == 1:
        assert_same(expected, rtch.take(t, tuple(index)))


def test_take_of_rows_whatever_their_stride() -> None:
    """A slice of one row has the stride of where it came from, which is no row's length: also negative, also huge."""
    a = values("float64", (6, 5), 1)
    t = rtch.asarray(a)
    for view, expected in (
        (t[::3][:1], a[:1]),
        (rtch.flip(t, axis=0)[:1], a[5:]),
        (t[::-5][1:], a[:1]),
        (t[None, 2], a[None, 2]),
        (rtch.broadcast_to(t[3], (1, 5)), a[3:4]),
        (t[:1, :], a[:1]),
    ):
        assert_same(np.repeat(expected, 50, axis=0), rtch.take(view, [0] * 50, axis=0))


@given(st.data())
def test_index_add_is_a_chain_in_the_order_of_the_indices(data: st.DataObject) -> None:
    """Bit for bit what a loop over the indices gives; x itself stays."""
    dtype = data.draw(st.sampled_from(NUMBERS))
    shape = tuple(data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=3)))
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    index = data.draw(st.lists(st.integers(-shape[axis], shape[axis] - 1), max_size=9))
    part = list(shape)
    part[axis] = len(index)
    x, y = values(dtype, shape[::-1], 1, -1e3, 1e3).T, values(dtype, (*part, 2), 2, -1e3, 1e3)[..., 0]
    t = rtch.asarray(values(dtype, shape[::-1], 1, -1e3, 1e3))
    t = rtch.permute_dims(t, range(len(shape))[::-1])
    made = rtch.index_add(t, axis, index, rtch.asarray(values(dtype, (*part, 2), 2, -1e3, 1e3))[..., 0])
    expected = np.moveaxis(x.copy(), axis, 0)
    for i, row in zip(index, np.moveaxis(y, axis, 0), strict=True):
        expected[i] += row
    assert_same(np.moveaxis(expected, 0, axis), made)
    assert_same(x, t)


@pytest.mark.parametrize("shape", [(7, 3000), (5, 20, 300), (3, 4000, 2)])
def test_index_add_of_wide_rows(shape: tuple[int, ...]) -> None:
    """The same chains, in whatever runs of columns the threads take them; of a source that is dense or transposed."""
    rng, before = np.random.default_rng(0), rtch.get_num_threads()
    try:
        for axis in range(len(shape) - 1):
            index = rng.integers(-shape[axis], shape[axis], 40)
            part = (*shape[:axis], 40, *shape[axis + 1 :])
            a, b = (rng.standard_normal(s).astype("float32") for s in (shape, part))
            wanted = a.copy()
            np.add.at(wanted, (*(slice(None),) * axis, index), b)
            for threads in (1, 2, 3):
                rtch.set_num_threads(threads)
                for source in (rtch.asarray(b), rtch.permute_dims(rtch.asarray(b.T.copy()), range(b.ndim)[::-1])):
                    assert_same(wanted, rtch.asarray(a).index_add(axis, index, source))
    finally:
        rtch.set_num_threads(before)


def test_indices_are_checked() -> None:
    """Their range, dtype and dimensions."""
    x, i = rtch.zeros((3, 2)), rtch.asarray([1.0, 2.0, 3.0])
    calls = {
        "take": lambda index: rtch.take(x, index, axis=0),
        "index_add": lambda index: rtch.index_add(x, 0, index, x[:1]),
    }
    for name, call in calls.items():
        for index in ([3], [-4], [2**62]):
            with pytest.raises(DimensionError, match=rf"^{name}: index out of range; got float32"):
                call(index)
        for index in ([0.0], [True], np.array([1.5]), rtch.asarray([0.0]), rtch.asarray([False])):
            with pytest.raises(DTypeError, match=rf"^{name}: integer indices are needed; got "):
                call(index)
        for index in (["a"], None, "ab", [None], [[0], [1, 2]]):
            with pytest.raises(ArgumentError, match=r"^asarray: "):
                call(index)
    for index in ([[0]], 0):
        with pytest.raises(DimensionError, match=r"^take: "):
            calls["take"](index)
    with pytest.raises(DimensionError, match=r"^take: axis is needed for 2 dimensions"):
        rtch.take(x, [0])
    assert rtch.take(i, []).shape == (0,)
    with pytest.raises(BroadcastError, match=r"^index_add: "):
        rtch.index_add(x, 0, [0, 1], x[:1])
    with pytest.raises(DTypeError, match=r"^index_add: "):
        rtch.index_add(x, 0, [0], x[:1].astype("float64"))
    with pytest.raises(DimensionError, match=r"^index_add: "):
        rtch.index_add(x, 0, [0], x[0])


@pytest.mark.parametrize("name", ["matmul", "take", "index_add", "reshape", "permute_dims", "broadcast_to", "sum_to"])
@pytest.mark.parametrize("other", [[1.0], np.ones((2, 2)), None, 2.0, "a"])
def test_what_is_no_tensor_is_refused(name: str, other: Any) -> None:
    """With the function's name and what to do."""
    calls = {
        "matmul": lambda: rtch.matmul(rtch.ones((2, 2)), other),
        "take": lambda: rtch.take(other, [0], axis=0),
        "index_add": lambda: rtch.index_add(rtch.ones((2, 2)), 0, [0], other),
        "reshape": lambda: rtch.reshape(other, (1,)),
        "permute_dims": lambda: rtch.permute_dims(other, (0,)),
        "broadcast_to": lambda: rtch.broadcast_to(other, (1,)),
        "sum_to": lambda: rtch.sum_to(other, ()),
    }
    with pytest.raises(
        DTypeError, match=rf"^{name}: a Tensor is needed; got {type(other).__name__}; use rtch.asarray$"
    ):
        calls[name]()


def nearest(value: Any, dtype: str) -> Any:
    """What a Python number becomes in a dtype, by the written definitions, in Python's own arithmetic."""
    kind = np.dtype(dtype).kind
    if kind == "b":
        return value != 0
    if kind in "iu":
        low, high = int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)
        if isinstance(value, float):
            return 0 if value != value else low if value <= low else high if value >= high else int(value)
        return (int(value) - low) % (high - low + 1) + low
    if isinstance(value, int) and dtype in ("float16", "float32"):  # a float64 on the way could round twice
        return np.int64(value).astype(dtype) if value < 2**63 else np.uint64(value).astype(dtype)
    return value


@pytest.mark.parametrize("source", [*DTYPES, "float16"])
@pytest.mark.parametrize("target", [*DTYPES, "float16"])
def test_astype(source: str, target: str) -> None:
    """The written definitions: truncation, saturation, NaN to 0, nearest even, `x != 0` for bool; on any strides."""
    edge = [2.0**63, -(2.0**63), -(2.0**63) * 1.0000001, 1e300, -1e300, 9.3e18, 0.9999, -0.9999, 2.5, -2.5, 1e-320]
    edge += [
        127.9,
        -128.9,
        255.5,
        65519.9,
        65520.0,
        2.0**-25,
        2.0**-25 * 1.0001,
        6.1e-5,
        4294967295.5,
        1.8446744073709552e19,
    ]
    start = awkward("float32" if source == "float16" else source, (64,), 1)
    with np.errstate(all="ignore"):
        a = np.concatenate([start.astype(source), np.array(edge if source[0] == "f" else [0]).astype(source)])
        if np.dtype(source).kind == "c" and np.dtype(target).kind not in "cb":
            with pytest.raises(DTypeError, match=rf"^astype: {source} does not fit in {target}; use real or imag"):
                rtch.asarray(a).astype(target)
            return
        if np.dtype(source).kind in "fc" and np.dtype(target).kind in "fc":
            expected = a.astype(target)
        else:
            expected = np.array([nearest(v, target) for v in a.tolist()], dtype=target)
    assert_same(expected, rtch.astype(rtch.asarray(a), target))
    assert_same(np.repeat(expected, 3)[::-3], rtch.asarray(np.repeat(a, 3))[::-3].astype(target))
    assert_same(expected[:0], rtch.asarray(a[:0]).astype(target))


@pytest.mark.parametrize("source", DTYPES)
def test_bfloat16_keeps_the_upper_half_of_a_float32_rounded_once(source: str) -> None:
    """Against exact rationals: the nearest bfloat16, ties to even."""
    if np.dtype(source).kind == "c":
        return
    a = np.concatenate([awkward(source, (300,), 1), values(source, (200,), 2, -60, 60)])
    if source[0] == "f":
        a = np.concatenate(
            [a, np.array([1 + 2.0**-8, 1 + 3 * 2.0**-8, 1 + 2.0**-8 + 2.0**-22, 3.39e38, 1e-40, 4.6e-41])]
        )
    got = rtch.asarray(a).astype("bfloat16")
    back = got.astype("float64").tolist()
    for value, made in zip(a.tolist(), back, strict=True):
        if value != value or value in (math.inf, -math.inf):
            assert made == value or made != made
            continue
        exact = Fraction(value)
        unit = Fraction(2) ** (max(math.frexp(float(value))[1] - 1, -126) - 7) if value else Fraction(1)
        if abs(exact) >= Fraction(2) ** 128 - Fraction(2) ** 119:
            assert abs(made) == math.inf
        else:
            assert Fraction(made) == round(exact / unit) * unit
    assert_same(got.astype("float32").numpy(), got.astype("float32"))
    assert rtch.asarray([1.5]).astype("bfloat16").tolist() == [1.5]
    with pytest.raises(DTypeError, match=r"^numpy: NumPy has no bfloat16"):
        got.numpy()


def test_astype_of_the_same_dtype() -> None:
    """A copy that shares until a write, or with copy=False the tensor itself; unknown dtypes are refused."""
    x = rtch.ones(3)
    same = rtch.astype(x, "float32")
    assert same is not x
    assert rtch.astype(x, "float32", copy=False) is x
    same[0] = 5.0
    assert x.tolist() == [1.0] * 3
    for bad in ("float128", None, [1], 3):
        with pytest.raises(DTypeError, match=r"^dtype: one of bool, int8, .* is needed; got "):
            x.astype(bad)


@given(st.data())
def test_matmul_shapes(data: st.DataObject) -> None:
    """Vectors, matrices and batches that broadcast; integers exactly, on any strides."""
    m, k, n = (data.draw(st.integers(0, 5)) for _ in range(3))
    batch = [data.draw(st.integers(0, 3)) for _ in range(data.draw(st.integers(0, 2)))]

    def operand(last: tuple[int, int], seed: int) -> tuple[rtch.Tensor, np.ndarray]:
        lead = [data.draw(st.sampled_from([1, b])) for b in batch][data.draw(st.integers(0, len(batch))) :]
        dense = values("int64", (last[1], *lead, 2 * last[0]), seed, -(2**40), 2**40)
        axes = (*range(1, len(lead) + 1), len(lead) + 1, 0)
        return rtch.permute_dims(rtch.asarray(dense)[..., ::2], axes), dense[..., ::2].transpose(axes)

    (x, a), (y, b) = operand((m, k), 1), operand((k, n), 2)
    assert_same(np.matmul(a, b), x @ y)
    if m and a.ndim == 2:
        assert_same(np.matmul(a[0], b), rtch.matmul(x[0], y))
    if n and b.ndim == 2:
        assert_same(np.matmul(a, b[:, -1]), x @ y[:, -1])
    if m and n and a.ndim == b.ndim == 2:
        assert_same(np.matmul(a[-1], b[:, 0]), x[-1] @ y[:, 0])
    with np.errstate(all="ignore"):
        expected = np.matmul(a.astype("float32"), b.astype("float32"))
    mixed = rtch.astype(x, "float32") @ y
    assert (mixed.shape, mixed.dtype.name) == (expected.shape, "float32")


def test_matmul_of_every_pair_of_dtypes() -> None:
    """Integers wrap in their own dtype; complex is four real products; strided, batched and of vectors."""
    for x in DTYPES:
        for y in DTYPES:
            for left, right in (((4, 3), (3, 5)), ((3,), (3,)), ((2, 4, 3), (3,)), ((3,), (2, 3, 5)), ((2, 0), (0, 2))):
                make = awkward if x in INTEGERS and y in INTEGERS else values
                a, b = make(x, left[::-1], 1).T, make(y, right, 2)
                t = rtch.permute_dims(rtch.asarray(a.T), range(a.ndim)[::-1])
                u = rtch.asarray(b)
                if not promotes(x, y) or promoted(x, y) == "bool":
                    with pytest.raises(DTypeError, match=r"^matmul: "):
                        rtch.matmul(t, u)
                    continue
                made = promoted(x, y)
                expected, out = a.astype(made) @ b.astype(made), rtch.matmul(t, u)
                assert (expected.shape, expected.dtype.name) == (out.shape, out.dtype.name)
                if made in INTEGERS:
                    assert_same(expected, out)
                else:
                    np.testing.assert_allclose(out.numpy(), expected, rtol=2e-5, atol=2e-5)


def test_matmul_refuses() -> None:
    """0-d operands, bool, sizes that differ."""
    x = rtch.ones((2, 3))
    with pytest.raises(DimensionError, match=r"^matmul: .*; got float32\[2, 3\] and float32\[\]$"):
        x @ rtch.asarray(1.0)
    with pytest.raises(DTypeError, match=r"^matmul: .*; got bool\[2, 3\] and bool\[2, 3\]$"):
        (x > 0) @ (x > 0)
    for y in (x, rtch.ones(2), rtch.ones((2, 2, 3)), rtch.ones((2, 4, 3))):
        with pytest.raises(BroadcastError, match=r"^matmul: shapes do not fit together; got "):
            x @ y
    with pytest.raises(BroadcastError):
        rtch.ones((2, 2, 3)) @ rtch.ones((3, 3, 2))
    with pytest.raises(TypeError):
        x @ 2  # type: ignore[operator]
    assert (rtch.ones((2, 0)) @ rtch.ones((0, 3))).tolist() == [[0.0] * 3] * 2


def test_int64_arithmetic_wraps() -> None:
    """In two's complement, in every kernel."""
    big = rtch.asarray([2**63 - 1, -(2**63)])
    assert (big + big).tolist() == [-2, 0]
    assert (-big).tolist() == [-(2**63) + 1, -(2**63)]
    assert (big * 3).tolist() == [2**63 - 3, -(2**63)]
    assert rtch.square(big).tolist() == [1, 0]
    assert (big @ big).item() == 1
    assert rtch.index_add(big, 0, [0], rtch.asarray([1])).tolist() == [-(2**63)] * 2


def test_every_error_is_one_line_with_its_facts() -> None:
    """`where: rule; got X`, also where a repr has several lines; facts are attributes and survive pickling."""
    import pickle

    x, wide = rtch.ones((3, 4)), rtch.zeros((5, 5))
    calls = [
        lambda: x + wide,
        lambda: rtch.matmul(x, wide),
        lambda: rtch.concat([x, wide]),
        lambda: rtch.where(x, x, wide),
        lambda: rtch.reshape(x, (5, 5)),
        lambda: rtch.take(x, wide, axis=0),
        lambda: rtch.index_add(x, 0, [0], wide),
        lambda: x.__setitem__(0, wide),
        lambda: x.__iadd__(wide),
        lambda: x[wide],
        lambda: x[wide : wide + 1],
        lambda: x[:: rtch.ones((2, 2))],
        lambda: rtch.asarray([wide]),
        lambda: rtch.full(2, wide),
        lambda: rtch.arange(wide),
        lambda: rtch.zeros(wide),
        lambda: rtch.reshape(x, wide),
        lambda: rtch.permute_dims(x, wide),
        lambda: x.sum(axis=wide),
        lambda: x.astype(wide),
        lambda: rtch.broadcast_to(x, wide),
        lambda: rtch.squeeze(x, wide),
    ]
    for call in calls:
        with pytest.raises(TorchError, match=r"^\w+: [^\n]+$") as caught:
            call()
        again = pickle.loads(pickle.dumps(caught.value))
        assert (type(again), str(again)) == (type(caught.value), str(caught.value))
        assert len(str(caught.value)) < 200
    with pytest.raises(BroadcastError) as caught_broadcast:
        x + wide
    assert caught_broadcast.value.shapes == ((3, 4), (5, 5))
    assert caught_broadcast.value.dtypes == (rtch.float32, rtch.float32)
    with pytest.raises(AttributeError, match=r"no fact 'colour'"):
        caught_broadcast.value.colour  # noqa: B018
    assert bits(x).size == 12
