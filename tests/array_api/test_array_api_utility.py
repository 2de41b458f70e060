# SPDX-License-Identifier: MIT
"""diff. The other utility functions are reductions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rtch
from rtch.autograd import gradcheck
from rtch.errors import ArgumentError, BroadcastError, DimensionError, DTypeError
from tensor_draws import COMPLEX, FLOATS, INTEGERS, assert_same, awkward, pairs


@given(pairs((*INTEGERS, *FLOATS, *COMPLEX)), st.data())
def test_diff(pair: Any, data: Any) -> None:
    """x[i + 1] - x[i], several times; with values in front and behind. Integers wrap."""
    t, a = pair
    if a.ndim == 0:
        with pytest.raises(DimensionError, match=r"^diff: axis must be in \["):
            rtch.diff(t)
        return
    axis, n = data.draw(st.integers(-a.ndim, a.ndim - 1)), data.draw(st.integers(0, 3))
    expected, arguments = a, {}
    for name in ("prepend", "append"):
        if data.draw(st.booleans()):
            shape = list(a.shape)
            shape[axis] = data.draw(st.integers(0, 2))
            made = awkward(a.dtype.name, tuple(shape), len(name))
            arguments[name] = rtch.asarray(made)
            expected = np.concatenate([made, expected] if name == "prepend" else [expected, made], axis)
    size = expected.shape[axis]
    with np.errstate(all="ignore"):
        for _ in range(n):
            expected = np.take(expected, range(1, expected.shape[axis]), axis) - np.take(
                expected, range(expected.shape[axis] - 1), axis
            )
    got = rtch.diff(t, axis=axis, n=n, **arguments)
    assert_same(expected, got)
    assert got.shape[axis] == max(0, size - n)


def test_diff_has_defaults() -> None:
    """Along the last axis, once."""
    x = rtch.asarray([[1, 4, 9], [0, 1, 3]])
    assert rtch.diff(x).tolist() == [[3, 5], [1, 2]]
    assert rtch.diff(x, n=2).tolist() == [[2], [1]]
    assert rtch.diff(x, n=2**62).shape == (2, 0)
    assert rtch.diff(x, axis=0, append=rtch.asarray([[1, 1, 1]])).tolist() == [[-1, -3, -6], [1, 0, -2]]
    assert rtch.diff(x, prepend=rtch.zeros((2, 1))).dtype is rtch.float32


def test_diff_refuses() -> None:
    """A negative n, bool, other shapes in front, what is no tensor."""
    x = rtch.ones((2, 3))
    for n in (-1, 1.0, None):
        with pytest.raises(ArgumentError, match=r"^diff: n must be an integer of 0 or more; got "):
            rtch.diff(x, n=n)  # type: ignore[arg-type]
    with pytest.raises(DTypeError):
        rtch.diff(rtch.ones(3, dtype="bool"))
    with pytest.raises(BroadcastError):
        rtch.diff(x, prepend=rtch.ones((3, 1)))
    with pytest.raises(DTypeError, match=r"^diff: a Tensor is needed; got int"):
        rtch.diff(x, append=1)  # type: ignore[arg-type]
    with pytest.raises(DimensionError):
        rtch.diff(x, axis=2)


def test_gradients_of_diff() -> None:
    """Towards x and what stands beside it."""
    rng = np.random.default_rng(1)
    x, y = (rtch.asarray(rng.standard_normal(shape)).requires_grad_() for shape in ((2, 4), (2, 1)))
    assert gradcheck(lambda a, b: rtch.diff(a * a, n=2, prepend=b, append=b), (x, y))
