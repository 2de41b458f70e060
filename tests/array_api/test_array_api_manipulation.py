# SPDX-License-Identifier: MIT
"""Manipulation functions, on every layout and dtype, against NumPy's of the same rules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import rtch
from rtch.autograd import gradcheck
from rtch.errors import ArgumentError, BroadcastError, DimensionError, DTypeError
from tensor_draws import DTYPES, assert_same, awkward, pairs, promoted, promotes


def an_axis(data: Any, ndim: int) -> int:
    """Counted from either end."""
    return data.draw(st.integers(-ndim, ndim - 1))


@given(hnp.mutually_broadcastable_shapes(num_shapes=3, min_side=0, max_side=3), st.data())
def test_broadcasting(shapes: Any, data: Any) -> None:
    """broadcast_arrays gives a list of views of one shape, each of its own dtype; broadcast_to one of them."""
    arrays = [
        awkward(data.draw(st.sampled_from(list(DTYPES))), shape, i) for i, shape in enumerate(shapes.input_shapes)
    ]
    tensors = [rtch.asarray(a) for a in arrays]
    got = rtch.broadcast_arrays(*tensors)
    assert isinstance(got, list)
    for a, t, out in zip(arrays, tensors, got, strict=True):
        assert_same(np.broadcast_to(a, shapes.result_shape), out)
        assert_same(out.numpy(), rtch.broadcast_to(t, shapes.result_shape))
        assert rtch.shares_storage(out, t) or t.size == 0


def test_broadcasting_refuses() -> None:
    """Shapes that do not fit; a shape that x is larger than."""
    assert rtch.broadcast_arrays() == []
    with pytest.raises(BroadcastError, match=r"^broadcast_arrays: shapes do not fit together; got \[2\] and \[3\]$"):
        rtch.broadcast_arrays(rtch.ones(2), rtch.ones(3))
    for shape in ((3,), (), (2, 1)):
        with pytest.raises(BroadcastError, match=r"^broadcast_to: "):
            rtch.broadcast_to(rtch.ones((1, 2)), shape)


@given(st.data())
def test_concat_and_stack(data: Any) -> None:
    """Joined along an axis, old or new, in the promoted dtype; axis=None flattens."""
    names = data.draw(st.lists(st.sampled_from(list(DTYPES)), min_size=1, max_size=3).filter(lambda n: promotes(*n)))
    shape = data.draw(hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3))
    arrays = [awkward(name, shape, i).astype(promoted(*names)) for i, name in enumerate(names)]
    tensors = [rtch.astype(rtch.asarray(awkward(name, shape, i)), DTYPES[name]) for i, name in enumerate(names)]
    at = an_axis(data, len(shape) + 1)
    assert_same(np.stack(arrays, at), rtch.stack(tensors, axis=at))
    assert_same(np.concatenate(arrays, None), rtch.concat(tuple(tensors), axis=None))
    if shape:
        at = an_axis(data, len(shape))
        assert_same(np.concatenate(arrays, at), rtch.concat(tensors, axis=at))
        longer = np.concatenate([arrays[0], arrays[0]], at)
        both = rtch.concat([tensors[0], tensors[0]], axis=at)
        assert_same(np.concatenate([longer, *arrays], at), rtch.concat([both, *tensors], axis=at))


def test_joins_refuse() -> None:
    """Nothing at all, shapes that differ, axes out of range."""
    x, y = rtch.ones((2, 3)), rtch.ones((2, 2))
    for function in (rtch.concat, rtch.stack):
        with pytest.raises(ArgumentError):
            function([])
        with pytest.raises(DimensionError):
            function([x, x], axis=4)
    with pytest.raises(BroadcastError):
        rtch.stack([x, y])
    with pytest.raises(BroadcastError):
        rtch.concat([x, y])
    with pytest.raises(DimensionError):
        rtch.concat([rtch.ones(()), rtch.ones(())])


@given(pairs(), st.data())
def test_expand_dims_and_squeeze(pair: Any, data: Any) -> None:
    """Undo each other; axis -1 stands behind the last one."""
    t, a = pair
    at = an_axis(data, a.ndim + 1)
    wide = rtch.expand_dims(t, axis=at)
    assert_same(np.expand_dims(a, at), wide)
    assert_same(wide.numpy(), rtch.expand_dims(t, at))
    assert_same(a, rtch.squeeze(wide, at))
    assert_same(a, rtch.squeeze(rtch.expand_dims(wide, axis=0), (0, at if at < 0 else at + 1)))
    for bad in (a.ndim + 1, -a.ndim - 2):
        with pytest.raises(IndexError, match=r"^expand_dims: axis must be in \["):
            rtch.expand_dims(t, axis=bad)


def test_squeeze_refuses() -> None:
    """Axes whose size is not one, or that are named twice or not there."""
    x = rtch.ones((1, 2, 1))
    for axis in (1, (0, 1)):
        with pytest.raises(ValueError, match=r"^squeeze: only axes of size one go"):
            rtch.squeeze(x, axis)
    for bad in (3, (0, 0), (0, -3)):
        with pytest.raises(DimensionError):
            rtch.squeeze(x, bad)
    with pytest.raises(ValueError, match=r"^squeeze: "):
        rtch.squeeze(rtch.ones((0,)), 0)


@given(pairs(), st.data())
def test_flip_and_roll(pair: Any, data: Any) -> None:
    """Along one axis, several, or all."""
    t, a = pair
    axis = data.draw(st.none() | st.lists(st.integers(0, a.ndim - 1), unique=True).map(tuple) if a.ndim else st.none())
    if axis and data.draw(st.booleans()):
        axis = axis[0] - a.ndim
    assert_same(np.flip(a, axis), rtch.flip(t, axis=axis))
    shift = data.draw(st.integers(-9, 9) | st.sampled_from([2**40, -(2**70)]))
    small = shift % max(1, a.size)  # every size divides it
    assert_same(np.roll(a, small, axis), rtch.roll(t, shift, axis=axis))
    if isinstance(axis, tuple) and axis:
        shifts = tuple(data.draw(st.integers(-5, 5)) for _ in axis)
        assert_same(np.roll(a, shifts, axis), rtch.roll(t, shifts, axis=axis))


def test_roll_refuses() -> None:
    """Shifts that do not go with the axes."""
    x = rtch.ones((2, 3))
    for shift, axis in (((1, 2), None), ((1, 2), 0), ((1,), (0, 1)), (1.5, 0), (None, None)):
        with pytest.raises(ArgumentError, match=r"^roll: "):
            rtch.roll(x, shift, axis=axis)  # type: ignore[arg-type]
    with pytest.raises(DimensionError):
        rtch.roll(x, 1, axis=2)


@given(pairs(), st.data())
def test_permute_dims_and_moveaxis(pair: Any, data: Any) -> None:
    """Axes in another order; views."""
    t, a = pair
    order = data.draw(st.permutations(range(a.ndim)))
    assert_same(a.transpose(order), rtch.permute_dims(t, tuple(order)))
    n = data.draw(st.integers(0, a.ndim))
    source, destination = (tuple(data.draw(st.permutations(range(a.ndim)))[:n]) for _ in range(2))
    signed = tuple(s - a.ndim for s in source)
    got = rtch.moveaxis(t, signed, destination)
    assert_same(np.moveaxis(a, source, destination), got)
    assert rtch.shares_storage(got, t) or t.size == 0
    if a.ndim:
        assert_same(np.moveaxis(a, 0, -1), rtch.moveaxis(t, 0, -1))


def test_moveaxis_refuses() -> None:
    """Axes that are not there, named twice, or not paired."""
    x = rtch.ones((2, 3, 4))
    for source, destination in ((3, 0), (0, -4), ((0, 0), (1, 2)), ((0, 1), (2, -1))):
        with pytest.raises(DimensionError, match=r"^moveaxis: "):
            rtch.moveaxis(x, source, destination)
    for source, destination in (((0, 1), 0), (0.5, 0), (None, 0)):
        with pytest.raises(ArgumentError, match=r"^moveaxis: "):
            rtch.moveaxis(x, source, destination)  # type: ignore[arg-type]
    for axes in ((0, 1), (0, 1, 1), (0, 1, 3)):
        with pytest.raises(DimensionError, match=r"^permute_dims: a permutation of 3 axes is needed"):
            rtch.permute_dims(x, axes)


@given(pairs(max_side=4), st.data())
def test_repeat(pair: Any, data: Any) -> None:
    """By one number, by a tensor of one, and by a number for each slice, in any integer dtype."""
    t, a = pair
    assume(a.size < 200)
    axis = data.draw(st.none() | st.integers(-a.ndim, a.ndim - 1) if a.ndim else st.none())
    size = a.size if axis is None else a.shape[axis]
    n = data.draw(st.integers(0, 3))
    assert_same(np.repeat(a, n, axis), rtch.repeat(t, n, axis=axis))
    assert_same(np.repeat(a, n, axis), rtch.repeat(t, rtch.asarray([n], dtype=rtch.uint8), axis=axis))
    counts = np.random.default_rng(n).integers(0, 4, size)
    dtype = data.draw(st.sampled_from(["int8", "uint64", "int64", "uint16"]))
    assert_same(np.repeat(a, counts, axis), rtch.repeat(t, rtch.asarray(counts.astype(dtype)), axis=axis))


def test_repeat_refuses() -> None:
    """Numbers below zero, of another kind, or of another count."""
    x = rtch.ones((2, 3))
    for repeats in (rtch.asarray([1, 2]), rtch.ones((3, 1), dtype="int64")):
        with pytest.raises(BroadcastError, match=r"^repeat: 3 numbers or one are needed; got shape \["):
            rtch.repeat(x, repeats, axis=1)
    for repeats in (-1, rtch.asarray([1, -1, 2])):
        with pytest.raises(ArgumentError, match=r"^repeat: numbers of 0 or more are needed; got -1$"):
            rtch.repeat(x, repeats, axis=1)
    for repeats in (rtch.ones(3), rtch.asarray([True, False, True])):
        with pytest.raises(DTypeError, match=r"^repeat: integers are needed; got "):
            rtch.repeat(x, repeats, axis=1)
    for bad in (1.5, [1, 2, 3], (2,), None, "2"):
        with pytest.raises(ArgumentError, match=r"^repeat: "):
            rtch.repeat(x, bad, axis=1)  # type: ignore[arg-type]
    with pytest.raises(DimensionError):
        rtch.repeat(x, 2, axis=2)


@given(pairs(max_side=3), st.lists(st.integers(0, 3), max_size=4))
def test_tile(pair: Any, repetitions: list[int]) -> None:
    """Fewer and more repetitions than axes."""
    t, a = pair
    assume(a.size < 100)
    assert_same(np.tile(a, repetitions), rtch.tile(t, tuple(repetitions)))


def test_tile_of_many_axes() -> None:
    """Up to 32, the most there are."""
    assert rtch.tile(rtch.ones((1,) * 31), (2,) * 3 + (1,) * 29).shape == (2, 2, 2) + (1,) * 29
    for bad in ((-1,), (1.5,), None):
        with pytest.raises(ArgumentError, match=r"^tile: "):
            rtch.tile(rtch.ones(2), bad)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError):
        rtch.tile(rtch.ones(2), (1,) * 33)


@given(pairs(), st.data())
def test_reshape(pair: Any, data: Any) -> None:
    """Row-major, with one size left open; copy=False is an error where there is no view, copy=True never is."""
    t, a = pair
    shape = list(data.draw(st.permutations(a.shape)))
    expected = a.reshape(shape)
    if shape and a.size and data.draw(st.booleans()):
        shape[data.draw(st.integers(0, len(shape) - 1))] = -1
    assert_same(expected, rtch.reshape(t, tuple(shape)))
    copied = rtch.reshape(t, tuple(shape), copy=True)
    assert_same(expected, copied)
    try:
        view = rtch.reshape(t, tuple(shape), copy=False)
    except ValueError:
        assert not rtch.shares_storage(rtch.reshape(t, tuple(shape)), t)
    else:
        assert rtch.shares_storage(view, t) or t.size == 0
    if copied.size:
        copied[...] = 0
        assert_same(a, t)


def test_reshape_without_a_copy() -> None:
    """Is refused for a transposed matrix, and for another number of elements."""
    x = rtch.ones((2, 3))
    assert rtch.shares_storage(rtch.reshape(x, (3, 2), copy=False), x)
    with pytest.raises(ValueError, match=r"^reshape: a copy is needed; leave out copy=False"):
        rtch.reshape(x.T, (6,), copy=False)
    for shape in ((4,), (-1, -1), (-1, 4), (2, 3.0)):
        with pytest.raises(ArgumentError, match=r"^reshape: "):
            rtch.reshape(x, shape)


@given(pairs(), st.data())
def test_unstack(pair: Any, data: Any) -> None:
    """A tuple of views, which stack joins again; a 0-d tensor has no axis."""
    t, a = pair
    if a.ndim == 0:
        with pytest.raises(DimensionError, match=r"^unstack: axis must be in \["):
            rtch.unstack(t)
        return
    at = an_axis(data, a.ndim)
    got = rtch.unstack(t, axis=at)
    assert isinstance(got, tuple)
    assert len(got) == a.shape[at]
    for expected, actual in zip(np.moveaxis(a, at, 0), got, strict=True):
        assert_same(expected, actual)
    if got:
        assert_same(a, rtch.stack(got, axis=at))
    with pytest.raises(DimensionError):
        rtch.unstack(t, axis=a.ndim)


GRADIENTS: dict[str, Callable[[Any], Any]] = {
    "broadcast_arrays": lambda x: rtch.broadcast_arrays(x[0, 0], rtch.ones((3, 4)))[0],
    "moveaxis": lambda x: rtch.moveaxis(x, 0, 2) * x[0, 0, 0],
    "repeat": lambda x: rtch.repeat(x, 3, axis=1) * rtch.repeat(x, 3, axis=1),
    "repeat by a tensor": lambda x: rtch.repeat(x, rtch.asarray([2, 0, 1]), axis=1) * 2,
    "repeat flat": lambda x: rtch.repeat(x, 2),
    "reshape": lambda x: rtch.reshape(x, (4, 6), copy=True) * 2,
    "roll": lambda x: rtch.roll(x, (1, -1), axis=(0, 2)) * x,
    "roll flat": lambda x: rtch.roll(x, 5) * x,
    "tile": lambda x: rtch.tile(x[0], (2, 1, 3)) * x[0, 0, 0],
    "unstack": lambda x: rtch.unstack(x, axis=-1)[1] * rtch.unstack(x, axis=-1)[2],
}


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients(name: str) -> None:
    """Pass through views and copies alike."""
    x = rtch.asarray(np.random.default_rng(1).standard_normal((2, 3, 4))).requires_grad_()
    assert gradcheck(GRADIENTS[name], (x,))
