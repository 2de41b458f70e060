# SPDX-License-Identifier: MIT
"""Products of vectors, diagonals and traces, made of other ops."""

from __future__ import annotations

from typing import Any

from rtch import views
from rtch.errors import BroadcastError, DimensionError
from rtch.functions import multiply, sum
from rtch.manipulation import expand_dims, stack
from rtch.shapes import broadcast_arrays
from rtch.tensor import Tensor, need_tensors, normalize_axis


def cross(x1: Tensor, x2: Tensor, /, *, axis: int = -1) -> Tensor:
    """Cross products of vectors of three elements. The shapes broadcast, but for the vectors' axis.

    Args:
        x1: any numeric dtype.
        x2: likewise.
        axis: the axis that holds the vectors, of the shape that both have together.

    Raises:
        BroadcastError: a vector has not three elements, or the shapes do not fit together.
        DimensionError: axis out of range.
        DTypeError: bool.
    """
    need_tensors("cross", x1, x2)
    a, b = broadcast_arrays(x1, x2)
    at = normalize_axis("cross", axis, a.ndim)
    for x in (x1, x2):
        if (a.ndim - at > x.ndim) or x.shape[at - a.ndim] != 3:
            raise BroadcastError(
                f"cross: vectors of three elements are needed; got {list(x1.shape)} and {list(x2.shape)}, axis {axis}",
                shapes=(x1.shape, x2.shape),
            )
    lead = (slice(None),) * at
    (a0, a1, a2), (b0, b1, b2) = ([x[(*lead, i)] for i in range(3)] for x in (a, b))
    return stack([a1 * b2 - a2 * b1, a2 * b0 - a0 * b2, a0 * b1 - a1 * b0], axis=at)


def diagonal(x: Tensor, /, *, offset: int = 0) -> Tensor:
    """The diagonals of matrices, a view.

    Args:
        x: (..., m, n).
        offset: above the main diagonal where positive, below it where negative.

    Raises:
        DimensionError: fewer than two dimensions.
    """
    need_tensors("diagonal", x)
    if x.ndim < 2:
        raise DimensionError(f"diagonal: two dimensions or more are needed; got shape {list(x.shape)}", ndim=x.ndim)
    return views.diagonal(x, offset, -2, -1)


def outer(x1: Tensor, x2: Tensor, /) -> Tensor:
    """The products of each element of one vector with each of another, (m,) and (n,) to (m, n).

    Raises:
        DimensionError: not one dimension each.
        DTypeError: bool.
    """
    need_tensors("outer", x1, x2)
    if x1.ndim != 1 or x2.ndim != 1:
        raise DimensionError(f"outer: two vectors are needed; got {list(x1.shape)} and {list(x2.shape)}")
    return multiply(expand_dims(x1, axis=-1), x2)


def trace(x: Tensor, /, *, offset: int = 0, dtype: Any = None) -> Tensor:
    """The sums of the diagonals of matrices.

    Args:
        x: (..., m, n).
        offset: above the main diagonal where positive, below it where negative.
        dtype: what the diagonal is cast to first, and the result's dtype; as of `rtch.sum`.

    Raises:
        DimensionError: fewer than two dimensions.
    """
    need_tensors("trace", x)
    if x.ndim < 2:
        raise DimensionError(f"trace: two dimensions or more are needed; got shape {list(x.shape)}", ndim=x.ndim)
    return sum(views.diagonal(x, offset, -2, -1), axis=-1, dtype=dtype)
