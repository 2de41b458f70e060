# SPDX-License-Identifier: MIT
"""Reading and writing by integer tensors and masks, against NumPy on any views; what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import rtch
from rtch.autograd import gradcheck, gradgradcheck
from rtch.errors import BroadcastError, DimensionError, DTypeError
from tensor_draws import DTYPES, INTEGERS, assert_same, awkward, pairs, viewed


@st.composite
def keys(draw: Any, shape: tuple[int, ...]) -> tuple[Any, ...]:
    """A key with at least one index array or mask, the others integers, slices, None or Ellipsis."""
    items: list[Any] = []
    axis, arrays, ellipsis = 0, 0, False
    block = draw(hnp.array_shapes(min_dims=0, max_dims=2, min_side=0, max_side=3))
    while axis < len(shape):
        kind = draw(st.sampled_from(["array", "mask", "slice", "int", "none", "ellipsis", "stop"]))
        size = shape[axis]
        if kind == "array" and size:
            low = draw(st.integers(0, len(block)))
            mine = tuple(draw(st.sampled_from([1, n])) for n in block[low:])
            dtype = draw(st.sampled_from(["int64", "int8", "uint16"]))
            bottom = 0 if dtype[0] == "u" else -size
            items.append(draw(hnp.arrays(dtype, mine, elements=st.integers(bottom, max(size - 1, bottom)))))
            axis, arrays = axis + 1, arrays + 1
        elif kind == "mask" and not any(isinstance(i, np.ndarray) for i in items):
            ndim = draw(st.integers(0, len(shape) - axis))
            items.append(draw(hnp.arrays(bool, shape[axis : axis + ndim])))
            axis, arrays = axis + ndim, arrays + 1
            block = (int(items[-1].sum()),)
        elif kind == "slice":
            items.append(draw(st.slices(size)))
            axis += 1
        elif kind == "int" and size:
            items.append(draw(st.integers(-size, size - 1)))
            axis += 1
        elif kind == "none" and len(items) < 5:
            items.append(None)
        elif kind == "ellipsis" and not ellipsis:
            items.append(Ellipsis)
            ellipsis = True
            break
        elif kind == "stop":
            break
    if not arrays:
        items.append(np.array(True))
    return tuple(items)


def as_ours(key: tuple[Any, ...]) -> tuple[Any, ...]:
    """Index arrays as tensors."""
    return tuple(rtch.asarray(item) if isinstance(item, np.ndarray) else item for item in key)


@given(st.data())
@settings(max_examples=300)
def test_reading_equals_numpy(data: st.DataObject) -> None:
    """Any mix of index arrays, masks, slices, integers, None and Ellipsis on any view."""
    t, a = data.draw(pairs(max_side=4))
    key = data.draw(keys(a.shape))
    assert_same(np.asarray(a[key]), t[as_ours(key)])


@given(st.data())
@settings(max_examples=300)
def test_writing_equals_numpy(data: st.DataObject) -> None:
    """Values that broadcast to the selection; no alias of the target sees the write."""
    dtype = data.draw(st.sampled_from(sorted(DTYPES)))
    base = awkward(dtype, data.draw(hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)), 1)
    origin = rtch.asarray(base)
    t, a = viewed(data.draw, origin, base)
    a = np.array(a)
    key = data.draw(keys(a.shape))
    part = np.asarray(a[key])
    shape = tuple(data.draw(st.sampled_from([1, n])) for n in part.shape)[data.draw(st.integers(0, part.ndim)) :]
    value = awkward(dtype, shape, 7)
    a[key] = value
    t[as_ours(key)] = data.draw(st.sampled_from([value, rtch.asarray(value)]))
    assert_same(a, t)
    if t is not origin:
        assert_same(base, origin)


def test_lists_arrays_and_single_keys() -> None:
    """Lists, NumPy arrays, Python bools, single masks, NumPy scalars."""
    a = np.arange(24.0).reshape(2, 3, 4)
    t = rtch.asarray(a)
    mask = a > 11
    for key in (
        [1, 0],
        [True, False],
        np.array([0, -1]),
        mask,
        mask.tolist(),
        mask[:, 0, 0],
        True,
        False,
        np.bool_(True),
        (0, [1, 2]),
        ([0, 1], slice(None), [1, 2]),
        (slice(None), [0, 2], [1, 1]),
        (slice(None), 1, [0, 3]),
        ([1], Ellipsis, 2),
        (Ellipsis, [0, 1], None),
        ([], 0),
        [],
        np.zeros((0, 2), int),
        (np.array([[0], [1]]), np.array([0, 2])),
        (None, [0, 1]),
    ):
        expected = a[key] if not (isinstance(key, list) and key == []) else a[np.array([], int)]
        assert_same(np.asarray(expected), t[key])
    assert t[rtch.asarray([True, False])].shape == (1, 3, 4)


@pytest.mark.parametrize("dtype", ["int8", "float32", "float64", "complex128"])
@pytest.mark.parametrize("shape", [(40, 3), (40, 40), (5, 6, 7)])
def test_columns_and_short_rows_are_written(shape: tuple[int, ...], dtype: str) -> None:
    """What a position selects may be few elements, or lie apart; duplicates and casts included."""
    rng = np.random.default_rng(1)
    for axis in range(len(shape)):
        index = rng.integers(0, shape[axis], 2 * shape[axis])
        key = (slice(None),) * axis + (index,)
        x = np.zeros(shape, dtype)
        value = rng.integers(0, 100, x[key].shape).astype("int8")
        t = rtch.asarray(x)
        t[(slice(None),) * axis + (rtch.asarray(index),)] = rtch.asarray(value)
        x[key] = value
        assert_same(x, t)
        t[key] = 5
        x[key] = 5
        assert_same(x, t)


def test_a_mask_of_all_takes_a_number() -> None:
    """Also of another dtype, under a view and where gradients flow."""
    x = np.arange(12.0).reshape(3, 4)
    t = rtch.asarray(x)
    whole, part = t[...], t[1:]
    t[t > 5] = 7
    part[rtch.asarray([[True] * 4, [False] * 4])] = rtch.asarray(2, dtype=rtch.int8)
    assert whole.tolist() == x.tolist()
    assert t.tolist() == np.where(x > 5, 7, x).tolist()
    assert part.tolist() == [[2.0] * 4, x[2].tolist()]
    with pytest.raises(DTypeError, match=r"^setitem: float64 does not fit in int64"):
        rtch.zeros(2, dtype=rtch.int64)[rtch.asarray([True, False])] = rtch.asarray(1.5, dtype=rtch.float64)
    leaf, value = rtch.asarray(x).requires_grad_(), rtch.asarray(3.0, dtype=rtch.float64).requires_grad_()
    made = leaf * 1
    made[made > 5] = value
    (made * made).sum().backward()
    assert leaf.grad is not None and leaf.grad.tolist() == np.where(x > 5, 0, 2 * x).tolist()
    assert value.grad is not None and value.grad.item() == 6 * 6


def test_duplicates_the_last_write_stays() -> None:
    """In row-major order of the selection."""
    t = rtch.zeros(4)
    t[[1, 1, 2, 1]] = rtch.asarray([1.0, 2.0, 3.0, 4.0])
    assert t.tolist() == [0.0, 4.0, 3.0, 0.0]
    t[rtch.asarray([[0, 3], [3, 0]])] = rtch.asarray([[1.0, 2.0], [3.0, 4.0]])
    assert t.tolist() == [4.0, 4.0, 3.0, 3.0]


def test_a_tensor_written_into_itself() -> None:
    """What is read is what it held before."""
    t = rtch.asarray([1.0, 2.0, 3.0])
    kept = t.detach()
    t[[2, 1, 0]] = t
    assert t.tolist() == [3.0, 2.0, 1.0]
    t[t > 1] = t[t > 1] * 10
    assert t.tolist() == [30.0, 20.0, 1.0]
    assert kept.tolist() == [1.0, 2.0, 3.0]


@pytest.mark.parametrize("dtype", INTEGERS)
def test_every_integer_dtype_indexes(dtype: str) -> None:
    """And 0-d ones are integers."""
    t = rtch.asarray([10, 20, 30])
    assert t[rtch.asarray([2, 0], dtype=dtype)].tolist() == [30, 10]
    assert t[rtch.asarray(1, dtype=dtype)].item() == 20


@pytest.mark.parametrize("index", [2**63, 2**64 - 1, 2**64 - 3])
def test_a_large_uint64_is_no_negative_index(index: int) -> None:
    """Its lower 63 bits, or the number that its bits are as int64, would name a row."""
    t, hostile = rtch.arange(9.0).reshape(3, 3), rtch.asarray([0, index], dtype="uint64")
    for read in (
        lambda: t[hostile],
        lambda: t[:, hostile],
        lambda: rtch.take(t, hostile, axis=0),
        lambda: rtch.take_along_axis(t, rtch.reshape(hostile, (1, 2))),
        lambda: rtch.index_add(t, 0, hostile, t[:2]),
    ):
        with pytest.raises(DimensionError, match="out of range"):
            read()
    with pytest.raises(DimensionError, match="out of range for axis 0 of size 3"):
        t[hostile] = 0.0
    assert t.tolist() == [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0], [6.0, 7.0, 8.0]]


def test_what_is_refused() -> None:
    """Each with its axis, size and shape; the target stays as it was."""
    t = rtch.zeros((3, 4))
    cases: list[tuple[Any, type[Exception], str]] = [
        ([3], DimensionError, r"^index: 3 is out of range for axis 0 of size 3; got shape \[3, 4\]$"),
        ((slice(None), [0, -5]), DimensionError, r"^index: -5 is out of range for axis 1 of size 4"),
        (
            rtch.ones(2, dtype="bool"),
            DimensionError,
            r"^index: a mask must have the shape of the axes it covers, or size 0 there; got \[2\]",
        ),
        (rtch.ones((3, 4, 1), dtype="bool"), DimensionError, r"^index: at most 2 indices are taken; got 3"),
        (([0], [0], [0]), DimensionError, r"^index: at most 2 indices are taken"),
        (([0, 1], [0, 1, 2]), BroadcastError, r"^index: shapes do not fit together; got \[2\] and \[3\]"),
        ([0.5], DTypeError, r"^index: integers or bool are needed; got float32"),
        (rtch.ones(2), DTypeError, r"^index: integers or bool are needed; got float32"),
        ((Ellipsis, Ellipsis, [0]), DimensionError, r"^index: one Ellipsis at most"),
        ("a", DTypeError, r"^index: "),
        (1.5, DTypeError, r"^index: "),
    ]
    for key, error, message in cases:
        with pytest.raises(error, match=message):
            t[key]
        with pytest.raises(error, match=message):
            t[key] = 1.0
    with pytest.raises(
        BroadcastError, match=r"^setitem: the value does not broadcast to the selection; got float32\[3\]"
    ):
        t[[0, 1]] = rtch.ones(3)
    with pytest.raises(DTypeError, match=r"^setitem: float64 does not fit in float32"):
        t[[0]] = rtch.ones(4, dtype="float64")
    assert not t.numpy().any()


def test_gradients_to_second_order() -> None:
    """Of reading and writing, with duplicates, masks and mixed keys."""
    x = rtch.asarray(np.arange(1.0, 13.0).reshape(3, 4) / 7).requires_grad_()
    y = rtch.asarray(np.arange(1.0, 5.0) / 3).requires_grad_()
    mask = rtch.asarray([[True, False, True, False]] * 3)

    def written(x: rtch.Tensor, y: rtch.Tensor, key: Any) -> rtch.Tensor:
        out = x * 1
        out[key] = y
        return out * out

    for f, inputs in (
        (lambda x: x[[0, 0, 2]] * x[0], (x,)),
        (lambda x: x[:, [1, 1, 3]] * 2 * x[:, :3], (x,)),
        (lambda x: x[mask] * x[mask], (x,)),
        (lambda x: x[[0, 1], None, [1, 1]] * x[0, 0], (x,)),
        (lambda x: rtch.take_along_axis(x, rtch.asarray([[0, 0, 3], [1, 2, 2], [3, 3, 3]])) * x[:, :3], (x,)),
        (lambda x, y: written(x, y, [2, 0]), (x, y)),
        (lambda x, y: written(x, y[:2], (slice(None), [1, 3])), (x, y)),
        (lambda x, y: written(x, y[:1], mask), (x, y)),
        (lambda x, y: written(x, rtch.reshape(y, (4, 1)), [1, 1, 0, 1]), (x, y)),  # the last write alone counts
        (lambda x, y: written(x, y, ([0, 0, 2, 0], [1, 1, 3, 2])), (x, y)),
    ):
        assert gradcheck(f, inputs)
        assert gradgradcheck(f, inputs)


@given(st.data())
@settings(max_examples=80)
def test_take_along_axis_equals_numpy(data: st.DataObject) -> None:
    """Any view, any axis, indices of another length along the axis."""
    t, a = data.draw(pairs(max_side=4))
    if a.ndim == 0:
        return
    axis = data.draw(st.integers(-a.ndim, a.ndim - 1))
    shape = list(a.shape)
    shape[axis] = data.draw(st.integers(0, 5)) if a.shape[axis] else 0
    size = a.shape[axis]
    index = data.draw(hnp.arrays("int64", tuple(shape), elements=st.integers(-size, size - 1) if size else st.just(0)))
    assert_same(np.take_along_axis(a, index, axis=axis), rtch.take_along_axis(t, rtch.asarray(index), axis=axis))
    with pytest.raises(DimensionError):
        rtch.take_along_axis(t, rtch.asarray(0), axis=axis)


def test_threads_give_the_same() -> None:
    """Large selections on one and on two threads."""
    a = awkward("float32", (700, 130), 1)
    t, index = rtch.asarray(a), rtch.asarray(np.random.default_rng(2).integers(-700, 700, 3000))
    before = rtch.get_num_threads()
    try:
        for n in (1, 2, 5):
            rtch.set_num_threads(n)
            assert_same(a[index.numpy()], t[index])
            assert_same(a[index.numpy()], rtch.take(t, index, axis=0))
            assert_same(a[:, :50][index.numpy()], t[:, :50][index])
    finally:
        rtch.set_num_threads(before)
