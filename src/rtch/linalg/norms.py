# SPDX-License-Identifier: MIT
"""Norms of vectors and matrices."""

from __future__ import annotations

import math
from typing import Any

from rtch.composed import norm_of
from rtch.errors import ArgumentError
from rtch.functions import abs as magnitude
from rtch.functions import max, min, sum
from rtch.linalg.decompositions import svdvals
from rtch.linalg.matrices import need_floating, need_matrices
from rtch.manipulation import reshape
from rtch.tensor import Tensor, axes_mask


def vector_norm(
    x: Tensor, /, *, axis: int | tuple[int, ...] | None = None, keepdims: bool = False, ord: float = 2
) -> Tensor:
    """Norms of vectors: ``sum(|x|**ord)**(1 / ord)``, the largest or smallest magnitude for inf or -inf, and how many
    elements are not 0 for 0. The gradient at a vector of zeros is 0.

    Args:
        x: floating or complex; the norms are real.
        axis: one axis, a tuple of axes, or None for all.
        keepdims: keep the reduced axes with size one.
        ord: a number.

    Raises:
        ArgumentError: ord is no number, or inf or -inf of no elements.
        DimensionError: an axis out of range.
        DTypeError: neither floating nor complex.
    """
    need_floating("vector_norm", x)
    if isinstance(ord, bool) or not isinstance(ord, (int, float)) or ord != ord:
        raise ArgumentError(f"vector_norm: ord must be a number; got {ord!r:.80}", argument=ord)
    mask = axes_mask("vector_norm", axis, x.ndim)
    axes = tuple(d for d in range(x.ndim) if mask >> d & 1)
    if math.isinf(ord) and not all(x.shape[d] for d in axes):
        raise _none("vector_norm", ord, x)
    return norm_of(x, axes, keepdims, ord)


def _none(where_: str, ord: float, x: Tensor) -> ArgumentError:
    return ArgumentError(
        f"{where_}: ord={ord} of no elements has no value; got shape {list(x.shape)}", argument=ord, shape=x.shape
    )


def matrix_norm(x: Tensor, /, *, keepdims: bool = False, ord: Any = "fro") -> Tensor:
    """Norms of matrices: "fro" the root of the sum of squares, "nuc" the sum of singular values, 2 or -2 the largest or
    smallest of them, 1 or -1 the largest or smallest sum of magnitudes of a column, inf or -inf of a row.

    Args:
        x: (..., m, n), floating or complex; the norms are real.
        keepdims: keep the two axes with size one.
        ord: which norm.

    Raises:
        LinAlgError: 2, -2 and "nuc": a matrix holds NaN or an infinity, or the iteration does not converge.
        ArgumentError: there is no such norm, or a negative one of a matrix that has nothing to take the smallest of.
        DimensionError: fewer than two dimensions.
        DTypeError: neither floating nor complex.
    """
    need_matrices("matrix_norm", x)
    if isinstance(ord, str) and ord == "fro":
        out = norm_of(x, (-2, -1), False, 2)
    elif isinstance(ord, str) and ord == "nuc":
        out = sum(svdvals(x), axis=-1)
    elif not isinstance(ord, (int, float)) or isinstance(ord, bool) or abs(ord) not in (1, 2, math.inf):
        raise ArgumentError(
            f"matrix_norm: ord is one of 'fro', 'nuc', 1, -1, 2, -2, inf, -inf; got {ord!r:.80}", argument=ord
        )
    else:
        sizes = svdvals(x) if abs(ord) == 2 else sum(magnitude(x), axis=-2 if abs(ord) == 1 else -1)
        if ord < 0 and sizes.shape[-1] == 0:
            raise _none("matrix_norm", ord, x)
        # The largest of none is 0.
        out = (max if ord > 0 else min)(sizes, axis=-1) if sizes.shape[-1] else sum(sizes, axis=-1)
    return reshape(out, (*out.shape, 1, 1)) if keepdims else out
