# SPDX-License-Identifier: MIT
"""Rows of a table by index, and their gradient; `rtch.nn.functional.embedding` is the function for users."""

from __future__ import annotations

from rtch._c import lib
from rtch.creation import ones, zeros
from rtch.manipulation import expand_dims, index_add, reshape, take
from rtch.ops.row import F
from rtch.ops.table import BY_NAME
from rtch.tensor import Tensor, structure, where

_EMBEDDING, _GRAD = BY_NAME["embedding"], BY_NAME["embedding_grad"]


def embedding(weight: Tensor, index: Tensor, padding: int, by_count: bool) -> Tensor:
    """Rows of weight at index, any shape of int64.

    Args:
        weight: (rows, width).
        index: each in [0, rows).
        padding: the row that gets no gradient, or -1.
        by_count: divide the gradient of a row by how often it was read.
    """
    h = lib.rt_gather(weight._h, 1, [0], [index._h])
    return structure(_EMBEDDING, h, (weight,), {"index": index, "padding": padding, "by_count": by_count})


def embedding_grad(g: Tensor, index: Tensor, n_rows: int, padding: int, by_count: bool) -> Tensor:
    """Rows of g added, in the order of index, to a table of zeros."""
    h = lib.rt_embedding_grad(g._h, index._h, n_rows, padding, by_count)
    return structure(_GRAD, h, (g,), {"index": index, "padding": padding, "by_count": by_count})


def embedding_grad_grad(g: Tensor, index: Tensor, padding: int, by_count: bool) -> Tensor:
    """The gradient of embedding_grad: the rows of g that were added to, divided as they were."""
    out = embedding(g, index, -1, False)
    flat = reshape(index, (-1,))
    if by_count:
        counts = index_add(zeros((g.shape[0],), dtype=g.dtype), 0, flat, ones(flat.shape, dtype=g.dtype))
        out = out / expand_dims(reshape(take(counts, flat, axis=0), index.shape), axis=-1)
    return where(expand_dims(index == padding, axis=-1), 0.0, out) if padding >= 0 else out


for _function in (embedding, embedding_grad, embedding_grad_grad):
    setattr(F, _function.__name__, _function)
