# SPDX-License-Identifier: MIT
"""Look-ups in tables."""

from __future__ import annotations

from typing import Any

from rtch.embeddings import embedding as rows_at
from rtch.errors import ArgumentError, DimensionError, DTypeError
from rtch.functions import max as max_
from rtch.functions import min as min_
from rtch.manipulation import as_int64
from rtch.nn.functional.arguments import need_integer
from rtch.tensor import Tensor, need_tensors


def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """Rows of a table: (*) integers and weight (rows, width) give (*, width). The gradient of a row is a sum in the
    order of the indices.

    Args:
        input: numbers of rows, from 0 on.
        weight: the table.
        padding_idx: a row that gets no gradient; a negative number counts from the end.
        max_norm: not supported: it would change weight; scale its rows beforehand.
        norm_type: of max_norm.
        scale_grad_by_freq: divide the gradient of a row by how often it is read.
        sparse: not supported: gradients are dense.

    Raises:
        ArgumentError: max_norm or sparse is asked for, or there is no row padding_idx.
        DimensionError: weight has not two dimensions, or a number of a row out of range.
        DTypeError: input has no integers, or weight is neither float32 nor float64.
    """
    need_tensors("embedding", input, weight)
    if max_norm is not None:
        raise ArgumentError(
            f"embedding: max_norm is not supported, since it changes weight; got {max_norm!r:.80}", argument=max_norm
        )
    if sparse:
        raise ArgumentError("embedding: gradients are dense; got sparse=True", argument=sparse)
    if weight.ndim != 2:
        raise DimensionError(
            f"embedding: weight must have two dimensions; got shape {list(weight.shape)}", shape=weight.shape
        )
    if not input.dtype.is_integer:
        raise DTypeError(f"embedding: input must have integers; got {input.dtype.name}", dtype=input.dtype)
    if not weight.dtype.is_floating or weight.dtype.is_storage:
        raise DTypeError(f"embedding: weight must be float32 or float64; got {weight.dtype.name}", dtype=weight.dtype)
    n = weight.shape[0]
    padding = -1 if padding_idx is None else normalize_padding("embedding", padding_idx, n)
    index = as_int64(input.detach())
    if index.size and not (min_(index).item() >= 0 and max_(index).item() < n):
        low, high = min_(index).item(), max_(index).item()
        raise DimensionError(
            f"embedding: rows are numbered from 0 to {n - 1}; got {low if low < 0 else high}", shape=weight.shape
        )
    return rows_at(weight, index, padding, bool(scale_grad_by_freq))


def normalize_padding(where: str, padding_idx: Any, n: int) -> int:
    """The number of the padding row of n, counted from the front.

    Raises:
        ArgumentError: there is no such row.
    """
    return need_integer(where, "padding_idx", padding_idx, -n, n - 1) % n
