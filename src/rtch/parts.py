# SPDX-License-Identifier: MIT
"""Cutting a tensor into parts, which are views, and joining such along an axis that is counted from the front."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from rtch.errors import ArgumentError
from rtch.manipulation import concat, reshape, split_at
from rtch.ops.row import method
from rtch.shapes import integers
from rtch.tensor import Tensor, need_tensors, normalize_axis


@method
def split(x: Tensor, /, split_size_or_sections: int | Sequence[int], axis: int = 0) -> tuple[Tensor, ...]:
    """Consecutive parts along an axis; views.

    Args:
        x: one dimension or more.
        split_size_or_sections: the size of every part, of which the last may be smaller; or the sizes of all parts.
        axis: the axis.

    Raises:
        ArgumentError: a negative size, the size 0 of an axis that is not empty, or sizes that do not fill the axis.
        DimensionError: axis out of range.
    """
    need_tensors("split", x)
    at = normalize_axis("split", axis, x.ndim)
    n, sizes = x.shape[at], integers("split", split_size_or_sections)
    if not isinstance(split_size_or_sections, (tuple, list)):
        (size,) = sizes
        if size < 0 or (size == 0 and n > 0):
            raise ArgumentError(f"split: a size above 0 is needed for {n} elements; got {size}", argument=size)
        sizes = (*(size for _ in range(n // size if size else 0)), *((n % size,) if size and n % size else ()))
        sizes = sizes or (0,)
    if any(size < 0 for size in sizes) or sum(sizes) != n:
        raise ArgumentError(f"split: sizes that add up to {n} are needed; got {list(sizes)}", argument=sizes)
    return split_at(x, at, (0, *accumulate(sizes)))


@method
def chunk(x: Tensor, /, chunks: int, axis: int = 0) -> tuple[Tensor, ...]:
    """At most so many parts of one size along an axis, of which the last may be smaller; views.

    Args:
        x: one dimension or more.
        chunks: how many; there are fewer where the size, rounded up, fills the axis sooner.
        axis: the axis.

    Raises:
        ArgumentError: not one chunk or more.
        DimensionError: axis out of range.
    """
    need_tensors("chunk", x)
    at = normalize_axis("chunk", axis, x.ndim)
    (n,) = integers("chunk", chunks)
    if n < 1:
        raise ArgumentError(f"chunk: one chunk or more is needed; got {n}", argument=chunks)
    total = x.shape[at]
    size = -(-total // n)
    return split_at(x, at, (*range(0, total, size), total) if size else (0,) * (n + 1))


def hstack(tensors: Sequence[Tensor], /) -> Tensor:
    """Tensors joined along their second axis, or along the only one they have; 0-d ones count as of one element.

    Raises:
        ArgumentError: no tensors.
        BroadcastError: the other axes differ.
        DimensionError: the numbers of dimensions differ.
    """
    parts = _parts("hstack", tensors, 1)
    return concat(parts, axis=0 if parts and parts[0].ndim == 1 else 1)


def vstack(tensors: Sequence[Tensor], /) -> Tensor:
    """Tensors joined along their first axis; those of fewer than two dimensions count as rows.

    Raises:
        ArgumentError: no tensors.
        BroadcastError: the other axes differ.
        DimensionError: the numbers of dimensions differ.
    """
    return concat(_parts("vstack", tensors, 2), axis=0)


def _parts(where_: str, tensors: Any, ndim: int) -> list[Tensor]:
    """Tensors with axes of size one in front where they have fewer dimensions."""
    if not isinstance(tensors, (list, tuple, Tensor)):
        raise ArgumentError(f"{where_}: a list of tensors is needed; got {type(tensors).__name__}", argument=tensors)
    parts = list(tensors)
    need_tensors(where_, *parts)
    if not parts:
        raise ArgumentError(f"{where_}: one tensor or more is needed; got none", argument=tensors)
    return [reshape(x, (1,) * (ndim - x.ndim) + x.shape) if x.ndim < ndim else x for x in parts]
