# SPDX-License-Identifier: MIT
"""Layout classes, the exact overlap test, and views of any layout against NumPy and plain Python."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rtch
from rtch.autograd import gradcheck, gradgradcheck
from rtch.errors import (
    ArgumentError,
    AutogradError,
    DimensionError,
    DTypeError,
    InvalidLayoutError,
    OverlappingLayoutError,
)
from tensor_draws import assert_same, awkward, pairs, values


def places(shape: tuple[int, ...], strides: tuple[int, ...], offset: int = 0) -> list[int]:
    """Where each index of a layout lies, in row-major order."""
    return [offset + sum(i * s for i, s in zip(index, strides, strict=True)) for index in np.ndindex(*shape)]


@st.composite
def layouts(draw: Any, n: int = 40) -> tuple[tuple[int, ...], tuple[int, ...], int]:
    """Shape, strides and offset over n elements, most of them inside."""
    shape = tuple(draw(st.lists(st.integers(0, 4), max_size=4)))
    strides = tuple(draw(st.integers(-7, 7)) for _ in shape)
    return shape, strides, draw(st.integers(-2, n + 1))


# Classes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "layout"),
    [
        (lambda x: x, "contiguous"),
        (lambda x: x[2:3, 1], "contiguous"),
        (lambda x: x[:0, ::2], "contiguous"),
        (lambda x: x[0, 0, 0], "contiguous"),
        (lambda x: x[1:], "contiguous"),
        (lambda x: x[::2], "padded"),
        (lambda x: x[:, :, 1:], "padded"),
        (lambda x: x[:, 1:3, 1:], "padded"),
        (lambda x: x.mT, "transposed"),
        (lambda x: rtch.permute_dims(x, (2, 0, 1)), "transposed"),
        (lambda x: x[:, 1:].mT, "strided"),
        (lambda x: x[..., ::2], "strided"),
        (lambda x: x[::-1], "strided"),
        (lambda x: rtch.diagonal(x), "strided"),
        (lambda x: rtch.broadcast_to(x[0, 0], (3, 5)), "broadcast"),
        (lambda x: rtch.broadcast_to(x[0, :, :1], (4, 5)), "broadcast"),
        (lambda x: rtch.sliding_window_view(x, 2, axis=2), "overlapping"),
        (lambda x: rtch.broadcast_to(rtch.sliding_window_view(x, 2, axis=2), (2, 3, 4, 4, 2)), "overlapping"),
    ],
)
def test_layout_names(make: Any, layout: str) -> None:
    """Of a (3, 4, 5) tensor's views."""
    assert make(rtch.ones((3, 4, 5))).layout == layout


@given(layouts())
@settings(max_examples=300)
def test_classes_by_the_list_of_places(drawn: tuple[tuple[int, ...], tuple[int, ...], int]) -> None:
    """The name is what the places of all indices say."""
    shape, strides, _ = drawn
    reached = places(shape, strides)
    offset = -min(reached, default=0)
    x = rtch.arange(max(reached, default=0) + offset + 1)
    layout = rtch.from_strides(x, shape, strides, offset).layout
    twice = len(set(reached)) < len(reached)
    solid = [(n, s) for n, s in zip(shape, strides, strict=True) if s != 0]
    without = places(tuple(n for n, _ in solid), tuple(s for _, s in solid))
    if len(reached) < 2 or reached == list(range(reached[0], reached[0] + len(reached))):
        assert layout == "contiguous"
    elif twice:
        assert layout == ("overlapping" if len(set(without)) < len(without) else "broadcast")
    elif sorted(reached) == list(range(min(reached), max(reached) + 1)) and all(
        s > 0 or n == 1 for n, s in zip(shape, strides, strict=True)
    ):
        assert layout == "transposed"
    else:
        rows = sorted(reached) == reached and reached[1] == reached[0] + 1
        assert layout == ("padded" if rows else "strided")


def test_the_overlap_test_is_exact_where_it_is_hard() -> None:
    """Strides that only number theory tells apart, at sizes where a search by brute force has no chance.

    For coprime strides a and b, i a + j b meets itself once i reaches b and j reaches a.
    """
    big = rtch.zeros(1 << 23, dtype="bool")
    a, b = 1009, 2003
    assert rtch.from_strides(big, (b, a), (a, b), 0).layout == "strided"  # i a + j b, i < b, j < a: one solution each
    assert rtch.from_strides(big, (b + 1, a + 1), (a, b), 0).layout == "overlapping"
    assert rtch.from_strides(big, (b + 1, a), (a, b), 0).layout == "strided"
    three = (15 * 7, 21 * 7, 35 * 7)
    assert rtch.from_strides(big, (7, 5, 3), three, 0).layout == "strided"
    assert rtch.from_strides(big, (8, 6, 3), three, 0).layout == "overlapping"
    start = time.perf_counter()
    sizes, strides = (9, 8, 9, 8, 9, 8), (40503, 60013, 73019, 91009, 100003, 120011)
    layout = rtch.from_strides(big, sizes, strides, 0).layout
    index = np.zeros(1, "int64")
    for size, stride in zip(sizes, strides, strict=True):
        index = (index[:, None] + np.arange(size) * stride).reshape(-1)
    assert layout == ("overlapping" if len(np.unique(index)) < len(index) else "strided")
    assert time.perf_counter() - start < 5


# from_strides -------------------------------------------------------------------------------------------------------


@given(layouts(), st.integers(0, 39))
@settings(max_examples=300)
def test_from_strides_is_what_the_places_say(drawn: tuple[Any, Any, int], first: int) -> None:
    """Over a view that begins at `first`: the elements there, or an error where a place lies outside."""
    shape, strides, offset = drawn
    memory = np.arange(40) * 3
    x = rtch.asarray(memory)[first:]
    reached = places(shape, strides, first + offset)
    if all(0 <= p < 40 for p in reached):
        view = rtch.from_strides(x, shape, strides, offset)
        assert_same(memory[np.array(reached, "int64")].reshape(shape), view)
        assert rtch.shares_storage(x, view)
        assert view.strides == strides
        assert_same(memory[first:], x)
    else:
        with pytest.raises(
            InvalidLayoutError, match=r"^from_strides: shape .* must stay inside the memory of x; got int64"
        ) as caught:
            rtch.from_strides(x, shape, strides, offset)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("shape", "strides", "offset"),
    [
        ((2**62, 2**62), (0, 0), 0),
        ((2**40, 2**40), (1, 1), 0),
        ((2,), (2**62,), 0),
        ((2,), (-(2**63),), 0),
        ((2, 2), (2**60, -(2**60)), 0),
        ((1,), (1,), 2**63 - 1),
        ((1,), (1,), -(2**63)),
        ((1,), (1,), 4),
        ((1,), (1,), -1),
        ((5,), (1,), 0),
        ((2**63 - 1, 0, 2**63 - 1), (1, 1, 1), 0),
    ],
)
def test_from_strides_beyond_memory(shape: Any, strides: Any, offset: int) -> None:
    """Sizes, strides and offsets that overflow, or just miss."""
    with pytest.raises(InvalidLayoutError):
        rtch.from_strides(rtch.zeros(4), shape, strides, offset)


def test_from_strides_arguments() -> None:
    """What is no layout at all."""
    x = rtch.zeros(4)
    for shape, strides in (
        ((2,), (1, 1)),
        ((-1,), (1,)),
        (("a",), (1,)),
        ((2,), (1.5,)),
        ((2,), (2**64,)),
        ((1,) * 33, (1,) * 33),
    ):
        with pytest.raises(ArgumentError, match=r"^from_strides: "):
            rtch.from_strides(x, shape, strides)
    with pytest.raises(DTypeError, match=r"^from_strides: a Tensor is needed"):
        rtch.from_strides(np.zeros(3), (3,), (1,))  # type: ignore[arg-type]
    assert rtch.from_strides(x, 4, 1).shape == (4,)
    assert rtch.from_strides(x, (), (), 2).shape == ()
    assert rtch.from_strides(x, (0, 2**50), (2**40, 5), 10**6).shape == (0, 2**50)


def test_a_write_to_shared_elements_is_an_error() -> None:
    """Of one tensor, by any way to write, alone with its memory or not; a broadcast view gets memory of its own."""
    x = rtch.arange(6, dtype="float32")
    for windows in (rtch.sliding_window_view(x, 3), rtch.sliding_window_view(rtch.arange(6, dtype="float32"), 3)):
        with pytest.raises(OverlappingLayoutError, match=r"^setitem: indices share elements"):
            windows[0, 0] = 1.0
        with pytest.raises(OverlappingLayoutError, match=r"^add: indices share elements"):
            windows += 1
        with pytest.raises(OverlappingLayoutError):
            windows += rtch.ones((), dtype="float32").requires_grad_()
        assert windows.tolist() == [[0, 1, 2], [1, 2, 3], [2, 3, 4], [3, 4, 5]]
    repeated = rtch.from_strides(x, (2, 6), (0, 1))
    repeated[0] = 7.0
    assert repeated.tolist() == [[7.0] * 6, [0, 1, 2, 3, 4, 5]]
    assert x.tolist() == [0, 1, 2, 3, 4, 5]


# Windows and diagonals ----------------------------------------------------------------------------------------------


@given(pairs(), st.data())
@settings(max_examples=200)
def test_sliding_windows(pair: tuple[rtch.Tensor, np.ndarray], data: st.DataObject) -> None:
    """As NumPy's, along drawn axes, of drawn layouts."""
    t, a = pair
    axes = data.draw(st.lists(st.sampled_from(range(a.ndim)), max_size=3) if a.ndim else st.just([]))
    axes = [ax for ax in axes if a.shape[ax] > 0]
    window = tuple(data.draw(st.integers(1, a.shape[ax])) for ax in axes)
    left = list(a.shape)
    for size, ax in zip(window, axes, strict=True):
        left[ax] -= size - 1
    if any(n < 1 for n, m in zip(left, a.shape, strict=True) if m):
        with pytest.raises(ArgumentError, match=r"^sliding_window_view: windows of 1 to "):
            rtch.sliding_window_view(t, window, axis=tuple(axes))
        return
    out = rtch.sliding_window_view(t, window, axis=tuple(axes))
    assert_same(np.lib.stride_tricks.sliding_window_view(a, window, axis=tuple(axes)), out)
    assert rtch.shares_storage(t, out)


def test_sliding_window_arguments() -> None:
    """Windows that don't fit."""
    x = rtch.ones((3, 4))
    assert rtch.sliding_window_view(x, (2, 3)).shape == (2, 2, 2, 3)
    for window, axis, error in (
        (0, 0, ArgumentError),
        (4, 0, ArgumentError),
        (2, None, ArgumentError),
        ((2, 2), 0, ArgumentError),
        (1.5, 0, ArgumentError),
        (2, 2, DimensionError),
    ):
        with pytest.raises(error, match=r"^sliding_window_view: "):
            rtch.sliding_window_view(x, window, axis=axis)
    with pytest.raises(DimensionError, match=r"at most 32 dimensions"):
        rtch.sliding_window_view(x, (1,) * 31, axis=(0,) * 31)


@given(pairs(), st.integers(-6, 6), st.data())
@settings(max_examples=200)
def test_diagonals(pair: tuple[rtch.Tensor, np.ndarray], offset: int, data: st.DataObject) -> None:
    """As NumPy's, of drawn axes and layouts."""
    t, a = pair
    if a.ndim < 2:
        with pytest.raises(DimensionError):
            rtch.diagonal(t)
        return
    axis1, axis2 = data.draw(st.permutations(range(-a.ndim, 0)))[:2]
    out = rtch.diagonal(t, offset, axis1, axis2)
    assert_same(np.diagonal(a, offset, axis1, axis2), out)
    assert rtch.shares_storage(t, out)
    with pytest.raises(DimensionError, match=r"^diagonal: two axes are needed"):
        rtch.diagonal(t, 0, axis1, axis1 + a.ndim)


# Gradients ----------------------------------------------------------------------------------------------------------


@given(layouts(12), st.booleans(), st.integers(0, 99))
@settings(max_examples=60)
def test_gradients_of_from_strides(drawn: tuple[Any, Any, int], turned: bool, seed: int) -> None:
    """The sum of what reaches each element of x, wherever x's own elements lie."""
    shape, strides, offset = drawn
    x = rtch.asarray(values("float64", (4, 3), seed)).requires_grad_()
    memory = x.T if turned else x
    reached = places(shape, strides, offset)
    if not all(0 <= p < 12 for p in reached):
        return
    weight = values("float64", shape, seed + 1)
    (rtch.from_strides(memory, shape, strides, offset) * rtch.asarray(weight)).sum().backward()
    expected = np.zeros(12)
    for place, w in zip(reached, weight.reshape(-1), strict=True):
        expected[place] += w
    assert_same(expected.reshape(4, 3), x.grad)


def test_second_order_gradients_of_views() -> None:
    """Against differences."""
    x = rtch.asarray(values("float64", (4, 5), 1)).requires_grad_()
    calls = [
        lambda x: rtch.from_strides(x, (3, 4), (2, 3), 1).square(),
        lambda x: rtch.from_strides(x[:, 1:], (3,), (-5,), 10).square(),
        lambda x: rtch.sliding_window_view(x, (2, 3)).square(),
        lambda x: rtch.sliding_window_view(x[::-1], (2, 2), axis=(1, 1)).square(),
        lambda x: rtch.diagonal(x, 1).square(),
        lambda x: rtch.diagonal(x.T, -2).square(),
    ]
    for call in calls:
        assert gradcheck(call, (x,))
        assert gradgradcheck(call, (x,))
    assert rtch.from_strides(x, (2, 0), (1, 1)).requires_grad


def test_gradients_of_memory_that_x_shares_with_itself_are_refused() -> None:
    """They would have no one definition; windows and diagonals of such an x have, and work."""
    w = rtch.ones(3).requires_grad_()
    wide = rtch.broadcast_to(w, (2, 3))
    with pytest.raises(AutogradError, match=r"^from_strides: the gradient of an x whose indices share elements"):
        rtch.from_strides(wide, (3,), (1,))
    rtch.diagonal(wide).sum().backward()
    assert w.grad is not None
    assert w.grad.tolist() == [1.0, 1.0, 0.0]
    with rtch.no_grad():
        assert rtch.from_strides(wide.detach(), (3,), (1,)).tolist() == [1.0] * 3


def test_special_values_pass_through_views() -> None:
    """Bits are moved, not computed with."""
    a = awkward("float32", (6, 6), 3)
    assert_same(np.lib.stride_tricks.sliding_window_view(a, (2, 2)), rtch.sliding_window_view(rtch.asarray(a), (2, 2)))
