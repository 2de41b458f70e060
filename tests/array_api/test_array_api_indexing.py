# SPDX-License-Identifier: MIT
"""Masks of every shape that the standard takes, and slices whose bounds are tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rtch
from rtch.errors import DimensionError
from tensor_draws import DTYPES, assert_same, pairs


@given(pairs(tuple(DTYPES), max_side=4), st.data())
@settings(max_examples=200)
def test_masks_with_axes_of_size_zero(pair: Any, data: Any) -> None:
    """Select nothing, whatever the size of the axes that they cover; a write by them changes nothing."""
    t, a = pair
    n = data.draw(st.integers(0, a.ndim))
    sizes = [data.draw(st.sampled_from([size, 0])) for size in a.shape[:n]]
    mask = np.ones(sizes, "bool")
    assert_same(a[mask], t[rtch.asarray(mask)])
    if 0 in sizes:
        copied = rtch.asarray(t, copy=True)
        copied[rtch.asarray(mask)] = 1
        assert_same(a, copied)
        assert t[rtch.asarray(mask)].shape == (0, *a.shape[n:])


@given(st.lists(st.integers(0, 3), min_size=1, max_size=3), st.data())
def test_masks_of_another_shape(shape: list[int], data: Any) -> None:
    """IndexError, for reading and writing, unless the size that differs is 0."""
    x = rtch.zeros(shape)
    sizes = [data.draw(st.integers(0, 4)) for _ in shape] + data.draw(st.sampled_from([[], [0], [1]]))
    mask = rtch.zeros(sizes, dtype="bool")
    if len(sizes) == len(shape) and all(size in (0, n) for size, n in zip(sizes, shape, strict=True)):
        assert x[mask].shape == (0,)
        return
    with pytest.raises(DimensionError, match=r"^index: "):
        x[mask]
    with pytest.raises(IndexError):
        x[mask] = 1


@pytest.mark.parametrize("dtype", ["int8", "int64", "uint8", "uint64"])
def test_slices_by_tensors(dtype: str) -> None:
    """Integer tensors of one element as bounds and step, and what arithmetic with Python integers makes of them."""
    x = rtch.arange(10)
    start, length = rtch.asarray([2, 5], dtype=dtype)
    assert x[start : start + length].tolist() == [2, 3, 4, 5, 6]
    assert x[0 + start :: start].tolist() == [2, 4, 6, 8]
    x[: start - 1] = int(length)
    assert x.tolist() == [5, *range(1, 10)]
    assert list(range(10))[start:length] == [2, 3, 4]
