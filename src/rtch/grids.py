# SPDX-License-Identifier: MIT
"""Grids and triangles: eye, meshgrid, tril, triu."""

from __future__ import annotations

import operator
from typing import Any, Literal

from rtch.creation import shape_of, zeros
from rtch.device import check_device
from rtch.dtypes import as_dtype, float32
from rtch.errors import ArgumentError, DimensionError
from rtch.manipulation import astype, broadcast_to, reshape
from rtch.ranges import arange
from rtch.tensor import Tensor, need_tensors, where


def _diagonal_number(where_: str, k: Any) -> int:
    try:
        return operator.index(k)
    except TypeError as error:
        raise ArgumentError(f"{where_}: k must be an integer; got {k!r:.80}", argument=k) from error


def _beside_diagonal(rows: int, columns: int, k: int) -> tuple[Tensor, Tensor]:
    """Column numbers, and the number of the column in which diagonal k meets each row; they broadcast."""
    k = max(-rows, min(k, columns))  # beyond that the matrix has no such diagonal either
    return reshape(arange(columns), (1, columns)), reshape(arange(k, rows + k), (rows, 1))


def eye(n_rows: int, n_cols: int | None = None, /, *, k: int = 0, dtype: Any = None, device: Any = None) -> Tensor:
    """A matrix of zeros with ones on diagonal k; float32 unless dtype says otherwise.

    Args:
        n_rows: number of rows.
        n_cols: number of columns; as many as rows by default.
        k: 0 the main diagonal, above it positive, below it negative.
        dtype: the dtype.
        device: "cpu", the one there is.

    Raises:
        ArgumentError: a negative size.
    """
    check_device("eye", device)
    made = float32 if dtype is None else as_dtype(dtype)
    rows, columns = shape_of("eye", (n_rows, n_rows if n_cols is None else n_cols))
    column, diagonal = _beside_diagonal(rows, columns, _diagonal_number("eye", k))
    return astype(column == diagonal, made, copy=False)


def meshgrid(*arrays: Tensor, indexing: Literal["xy", "ij"] = "xy") -> list[Tensor]:
    """Coordinates of a grid, one tensor per axis, each of the grid's shape; views.

    Args:
        arrays: the coordinates along each axis, of one dimension.
        indexing: "ij" puts the axes in the order of the arrays, "xy" exchanges the first two.

    Raises:
        DimensionError: a tensor that does not have one dimension.
        ArgumentError: another indexing.
    """
    need_tensors("meshgrid", *arrays)
    if indexing not in ("xy", "ij"):
        raise ArgumentError(f"meshgrid: indexing is 'xy' or 'ij'; got {indexing!r:.80}", argument=indexing)
    for x in arrays:
        if x.ndim != 1:
            raise DimensionError(f"meshgrid: one dimension is needed; got shape {list(x.shape)}", shape=x.shape)
    n = len(arrays)
    axes = list(range(n))
    if indexing == "xy" and n > 1:
        axes[:2] = 1, 0
    shape = [0] * n
    for x, at in zip(arrays, axes, strict=True):
        shape[at] = x.size
    return [
        broadcast_to(reshape(x, tuple(x.size if d == at else 1 for d in range(n))), tuple(shape))
        for x, at in zip(arrays, axes, strict=True)
    ]


def tril(x: Tensor, /, *, k: int = 0) -> Tensor:
    """Matrices whose elements above diagonal k are zero.

    Shape: (..., m, n) to (..., m, n). Dtype: any that is computed.

    Raises:
        DimensionError: fewer than two dimensions.
    """
    column, diagonal = _matrix_positions("tril", x, k)
    return where(column <= diagonal, x, zeros((), dtype=x.dtype))


def triu(x: Tensor, /, *, k: int = 0) -> Tensor:
    """Matrices whose elements below diagonal k are zero.

    Shape: (..., m, n) to (..., m, n). Dtype: any that is computed.

    Raises:
        DimensionError: fewer than two dimensions.
    """
    column, diagonal = _matrix_positions("triu", x, k)
    return where(column >= diagonal, x, zeros((), dtype=x.dtype))


def _matrix_positions(where_: str, x: Tensor, k: Any) -> tuple[Tensor, Tensor]:
    need_tensors(where_, x)
    if x.ndim < 2:
        raise DimensionError(f"{where_}: two dimensions or more are needed; got shape {list(x.shape)}", shape=x.shape)
    return _beside_diagonal(x.shape[-2], x.shape[-1], _diagonal_number(where_, k))
