# SPDX-License-Identifier: MIT
"""Softmax and its logarithm."""

from __future__ import annotations

from typing import Any

from rtch import rowwise
from rtch.nn.functional.arguments import one_axis
from rtch.tensor import Tensor, need_tensors


def _dim(where_: str, input: Tensor, dim: int | None, axis: int | None) -> int:
    """One axis: the one that PyTorch takes where none is given."""
    need_tensors(where_, input)
    at = one_axis(where_, dim, axis, None)
    return at if at is not None else 0 if input.ndim in (0, 1, 3) else 1


def softmax(input: Tensor, dim: int | None = None, *, dtype: Any = None, axis: int | None = None) -> Tensor:
    """See `rtch.softmax`.

    Args:
        input: any shape.
        dim: the axis; if left out, the first of 0, 1 or 3 dimensions, the second of others, as in PyTorch.
        dtype: what the input is cast to first.
        axis: another name for dim.

    Raises:
        ArgumentError: dim is no integer, or both names are given.
        DimensionError: dim out of range.
        DTypeError: a dtype that is not real, or is for storage.
    """
    return rowwise.softmax(input, _dim("softmax", input, dim, axis), dtype=dtype)


def log_softmax(input: Tensor, dim: int | None = None, *, dtype: Any = None, axis: int | None = None) -> Tensor:
    """See `rtch.log_softmax`.

    Args:
        input: any shape.
        dim: the axis; if left out, as in `softmax`.
        dtype: what the input is cast to first.
        axis: another name for dim.

    Raises:
        ArgumentError: dim is no integer, or both names are given.
        DimensionError: dim out of range.
        DTypeError: a dtype that is not real, or is for storage.
    """
    return rowwise.log_softmax(input, _dim("log_softmax", input, dim, axis), dtype=dtype)
