# SPDX-License-Identifier: MIT
"""clip, real, imag, conj, and what elementwise functions do with scalars. The other elementwise functions have their
tests in tests/ops.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import standard
from hypothesis import given
from hypothesis import strategies as st

import rtch
from rtch.errors import ArgumentError, BroadcastError, DTypeError
from tensor_draws import COMPLEX, DTYPES, FLOATS, INTEGERS, assert_same, awkward, pairs, values

REAL = [*INTEGERS, *FLOATS]
BINARY = [name for name, text in standard.FUNCTIONS["elementwise"].items() if text == "x1, x2, /"]


def clipped(x: Any, low: Any, high: Any) -> Any:
    """One element by the standard's text; where min is above max, max."""
    if any(v is not None and v != v for v in (x, low, high)):
        return math.nan
    if low is not None and x < low:
        x = low
    return high if high is not None and x > high else x


@given(pairs(tuple(REAL)), st.data())
def test_clip(pair: Any, data: Any) -> None:
    """Bounds of None, numbers or tensors that broadcast; x's dtype; NaN of NaN."""
    t, a = pair

    def bound() -> tuple[Any, np.ndarray | None]:
        kind = data.draw(st.sampled_from(["none", "number", "tensor", "row"]))
        if kind == "none":
            return None, None
        shape = () if kind == "number" else a.shape if kind == "tensor" else a.shape[-1:]
        made = awkward(a.dtype.name, shape, data.draw(st.integers(0, 2**16)))
        return (made.item() if kind == "number" else rtch.asarray(made)), made

    (low, low_array), (high, high_array) = bound(), bound()
    got = rtch.clip(t, low, high)
    every = [
        np.broadcast_to(v, a.shape).reshape(-1).tolist() if v is not None else [None] * a.size
        for v in (a, low_array, high_array)
    ]
    expected = np.array([clipped(*v) for v in zip(*every, strict=True)], dtype=a.dtype).reshape(a.shape)
    assert got.dtype is t.dtype
    np.testing.assert_array_equal(got.numpy(), expected)
    assert_same(got.numpy(), rtch.clip(t, max=high, min=low))


def test_clip_and_zeros() -> None:
    """-0 lies below +0, as in maximum and minimum."""
    x = rtch.asarray([-0.0, 0.0])
    assert [math.copysign(1, v) for v in rtch.clip(x, 0.0, None).tolist()] == [1, 1]
    assert [math.copysign(1, v) for v in rtch.clip(x, None, -0.0).tolist()] == [-1, -1]
    assert [math.copysign(1, v) for v in rtch.clip(x).tolist()] == [-1, 1]


def test_clip_broadcasts_both_ways() -> None:
    """x may be the smaller one; shapes that don't fit are an error."""
    x, low = rtch.asarray([1.0, 5.0]), rtch.asarray([[2.0], [3.0]])
    assert rtch.clip(x, low).tolist() == [[2.0, 5.0], [3.0, 5.0]]
    assert rtch.clip(x, low, rtch.asarray([4.0, 4.5])).tolist() == [[2.0, 4.5], [3.0, 4.5]]
    with pytest.raises(BroadcastError):
        rtch.clip(x, rtch.ones(3))


def test_clip_refuses() -> None:
    """Dtypes without an order, bounds that would widen x, and numbers that its dtype does not hold."""
    i, f = rtch.asarray([1, 2], dtype="int8"), rtch.asarray([1.0, 2.0])
    assert rtch.clip(f, 1, True).dtype is rtch.float32
    assert rtch.clip(rtch.astype(f, rtch.float64), f, np.float32(2)).dtype is rtch.float64
    for x in (rtch.asarray([True]), rtch.asarray([1j]), rtch.ones(1, dtype=rtch.float16)):
        with pytest.raises(DTypeError, match=r"^clip: integers or floating are needed; got "):
            rtch.clip(x, 0, 1)
    for x, low in (
        (i, 0.5),
        (i, rtch.asarray([1])),
        (f, rtch.ones(2, dtype="float64")),
        (f, 1j),
        (i, rtch.asarray(0.5)),
    ):
        with pytest.raises(DTypeError, match=r"^clip: min must not widen "):
            rtch.clip(x, low)
    with pytest.raises(ArgumentError, match=r"int8 holds -128 to 127; got 300$"):
        rtch.clip(i, max=300)
    for bad in ("1", [1], np.ones(2)):
        with pytest.raises(DTypeError, match=r"^clip: "):
            rtch.clip(f, bad)
    with pytest.raises(DTypeError, match=r"^clip: a Tensor is needed"):
        rtch.clip(1.0, 0, 2)


def test_gradients_of_clip() -> None:
    """They pass at the bounds, and go to the bound that was taken. The numbers are what PyTorch 2.13 gives."""
    x = [-2.0, -1.0, 0.0, 1.0, 3.0, 2.0, 5.0]
    bounds = [-1.0, -1.0, 0.5, 2.0, 4.0, 2.0, 4.0], [1.0, 1.0, 1.0, 1.0, 3.5, 2.0, 4.0]
    leaves = [rtch.asarray(v).requires_grad_() for v in (x, *bounds)]
    rtch.clip(*leaves).backward(rtch.asarray([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]))
    assert [t.grad.tolist() for t in leaves if t.grad is not None] == [
        [0.0, 2.0, 0.0, 0.0, 0.0, 6.0, 0.0],
        [1.0, 0.0, 3.0, 0.0, 0.0, 0.0, 0.0],
        [0.0, 0.0, 0.0, 4.0, 5.0, 0.0, 7.0],
    ]
    for low, high, expected in (
        (-1.0, 1.0, [0.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0]),
        (None, 1.0, [1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0]),
        (-1.0, None, [0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]),
        (None, None, [1.0] * 7),
    ):
        leaf = rtch.asarray(x).requires_grad_()
        rtch.clip(leaf, low, high).sum().backward()
        assert leaf.grad is not None
        assert leaf.grad.tolist() == expected


@given(pairs((*REAL, *COMPLEX)))
def test_parts_of_complex_numbers(pair: Any) -> None:
    """Views of the real dtype of the same precision; of a real x itself and zeros."""
    t, a = pair
    assert_same(np.real(a), rtch.real(t))
    assert_same(np.imag(a), rtch.imag(t))
    assert_same(np.conj(a), rtch.conj(t))
    if a.dtype.kind == "c":
        assert rtch.shares_storage(rtch.real(t), t) or t.size == 0
        assert_same(np.imag(a[..., ::-1] if a.ndim else a), rtch.imag(t[..., ::-1] if t.ndim else t))
    else:
        assert rtch.real(t) is not t  # a value of its own


def test_parts_are_values() -> None:
    """A write to a part leaves the complex tensor alone; bool has no parts; gradients of a real x pass."""
    z = rtch.asarray([1 + 2j, 3 + 4j])
    part = rtch.imag(z)
    part[0] = 9
    assert (z.tolist(), part.tolist()) == ([1 + 2j, 3 + 4j], [9.0, 4.0])
    for function in (rtch.real, rtch.imag):
        with pytest.raises(DTypeError, match=r"a numeric dtype is needed; got bool$"):
            function(rtch.asarray([True]))
    x = rtch.ones(2).requires_grad_()
    rtch.real(x).sum().backward()
    assert x.grad is not None


@pytest.mark.parametrize("name", BINARY)
def test_scalars_on_either_side(name: str) -> None:
    """A Python scalar of the tensor's kind equals a 0-d tensor of its dtype, and keeps the dtype."""
    function = getattr(rtch, name)
    for dtype in DTYPES:
        x = rtch.asarray(values(dtype, (2, 3), 1, 1.0, 4.0))
        scalar = {"b": True, "i": 2, "u": 2, "f": 1.5, "c": 1 + 1j}[np.dtype(dtype).kind]
        zero_d = rtch.asarray(scalar, dtype=dtype)
        try:
            expected = function(x, zero_d), function(zero_d, x)
        except DTypeError:
            for call in (lambda f=function, x=x, s=scalar: f(x, s), lambda f=function, x=x, s=scalar: f(s, x)):
                with pytest.raises(DTypeError):
                    call()
            continue
        assert_same(expected[0].numpy(), function(x, scalar))
        assert_same(expected[1].numpy(), function(scalar, x))
