# SPDX-License-Identifier: MIT
"""Products over axes, all of them matrix products with the bits of `matmul`."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

from rtch._c import failure, lib
from rtch.errors import ArgumentError, BroadcastError, DimensionError, DTypeError
from rtch.functions import conj
from rtch.indexing import broadcast_shapes
from rtch.manipulation import broadcast_to, expand_dims, matmul, permute_dims, reshape
from rtch.ops.row import method
from rtch.shapes import moveaxis
from rtch.tensor import Tensor, need_tensors, normalize_axis


def matrix_transpose(x: Tensor, /) -> Tensor:
    """The last two axes swapped; a view.

    Raises:
        DimensionError: fewer than two dimensions.
    """
    need_tensors("matrix_transpose", x)
    return x.mT


def tensordot(x1: Tensor, x2: Tensor, /, *, axes: int | tuple[Sequence[int], Sequence[int]] = 2) -> Tensor:
    """Sum over axes of x1 and x2 of the products of their elements; the other axes of x1, then those of x2, stay.

    Args:
        x1: any shape.
        x2: any shape.
        axes: the axes of x1 and those of x2, in pairs; a number n means the last n of x1 and the first n of x2.

    Raises:
        BroadcastError: axes of a pair differ in size.
        DimensionError: an axis out of range, or named twice.
        ArgumentError: not as many axes of x1 as of x2.
    """
    need_tensors("tensordot", x1, x2)
    left, right = _paired_axes(x1, x2, axes)
    inner = [x1.shape[d] for d in left]
    if inner != [x2.shape[d] for d in right]:
        raise BroadcastError(
            f"tensordot: paired axes must agree in size; got {list(x1.shape)} and {list(x2.shape)} with axes={axes}",
            shapes=(x1.shape, x2.shape),
        )
    rows = [d for d in range(x1.ndim) if d not in left]
    columns = [d for d in range(x2.ndim) if d not in right]
    shape = (*(x1.shape[d] for d in rows), *(x2.shape[d] for d in columns))
    n_rows, n_inner = math.prod(x1.shape[d] for d in rows), math.prod(inner)
    a = reshape(permute_dims(x1, (*rows, *left)), (n_rows, n_inner))
    b = reshape(permute_dims(x2, (*right, *columns)), (n_inner, math.prod(x2.shape[d] for d in columns)))
    return reshape(_product("tensordot", a, b, x1, x2), shape)


def _product(where_: str, a: Tensor, b: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """The matrix product of a and b, which are x and y of the function that a message names."""
    try:
        return matmul(a, b)
    except DTypeError as error:
        raise _refused(where_, x, y) from error


def _refused(where_: str, *operands: Tensor) -> Exception:
    """The error for dtypes that are not multiplied."""
    return failure(where_, *operands, status=lib.RT_ERR_DTYPE)


def _paired_axes(x1: Tensor, x2: Tensor, axes: Any) -> tuple[list[int], list[int]]:
    if hasattr(axes, "__index__"):
        n = operator.index(axes)
        if not 0 <= n <= min(x1.ndim, x2.ndim):
            raise DimensionError(
                f"tensordot: axes must be in [0, {min(x1.ndim, x2.ndim)}]; got {n}", axis=n, ndim=min(x1.ndim, x2.ndim)
            )
        return list(range(x1.ndim - n, x1.ndim)), list(range(n))
    try:
        first, second = axes
        left = [normalize_axis("tensordot", a, x1.ndim) for a in first]
        right = [normalize_axis("tensordot", a, x2.ndim) for a in second]
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"tensordot: two sequences of axes are needed; got {axes!r:.80}", argument=axes) from error
    if len(left) != len(right):
        raise ArgumentError(f"tensordot: as many axes of x1 as of x2 are needed; got {axes!r:.80}", argument=axes)
    if len(set(left)) < len(left) or len(set(right)) < len(right):
        raise DimensionError(f"tensordot: axes must differ; got {axes!r:.80}", axis=axes)
    return left, right


def vecdot(x1: Tensor, x2: Tensor, /, *, axis: int = -1) -> Tensor:
    """Sum over an axis of ``conj(x1) * x2``; the other axes broadcast.

    Args:
        x1: any shape.
        x2: any shape, with the same size along the axis.
        axis: the axis that holds the vectors; counted from the end where x1 and x2 differ in dimensions.

    Raises:
        BroadcastError: the vectors differ in size, or the other axes do not broadcast.
        DimensionError: axis out of range.
    """
    need_tensors("vecdot", x1, x2)
    n = min(x1.ndim, x2.ndim)
    if isinstance(axis, int) and axis >= 0 and x1.ndim != x2.ndim:
        raise DimensionError(
            f"vecdot: axis must be in [{-n}, -1] for {x1.ndim} and {x2.ndim} dimensions; got {axis}", axis=axis, ndim=n
        )
    at = normalize_axis("vecdot", axis, n) - n
    if x1.shape[at] != x2.shape[at]:
        raise BroadcastError(
            f"vecdot: vectors of one size are needed; got {list(x1.shape)} and {list(x2.shape)}",
            shapes=(x1.shape, x2.shape),
        )
    a, b = moveaxis(conj(x1) if x1.dtype.is_complex else x1, at, -1), moveaxis(x2, at, -1)
    if a.ndim == b.ndim == 1:
        return _product("vecdot", a, b, x1, x2)
    shape = broadcast_shapes("vecdot", a.shape[:-1], b.shape[:-1])
    if a.ndim == 1 or b.ndim == 1:
        return _product("vecdot", *((a, b) if b.ndim == 1 else (b, a)), x1, x2)
    n, size = math.prod(shape), a.shape[-1]
    a, b = (reshape(broadcast_to(t, (*shape, size)), (n, size)) for t in (a, b))
    return reshape(_product("vecdot", expand_dims(a, axis=-2), expand_dims(b, axis=-1), x1, x2), shape)


@method
def dot(x: Tensor, y: Tensor, /) -> Tensor:
    """Sum of the products of two vectors' elements.

    Raises:
        BroadcastError: the sizes differ.
        DimensionError: x or y does not have one dimension.
    """
    need_tensors("dot", x, y)
    _need_ndim("dot", 1, x, y)
    if x.shape != y.shape:
        raise BroadcastError(
            f"dot: vectors of one size are needed; got {list(x.shape)} and {list(y.shape)}", shapes=(x.shape, y.shape)
        )
    return _product("dot", x, y, x, y)


@method
def inner(x: Tensor, y: Tensor, /) -> Tensor:
    """Sum over the last axes of x and y of the products of their elements; the other axes of x, then those of y, stay.
    With a 0-d operand, the product.

    Raises:
        BroadcastError: the last axes differ in size.
    """
    need_tensors("inner", x, y)
    if x.ndim and y.ndim and x.shape[-1] != y.shape[-1]:
        raise BroadcastError(
            f"inner: last axes of one size are needed; got {list(x.shape)} and {list(y.shape)}",
            shapes=(x.shape, y.shape),
        )
    try:
        return tensordot(x, y, axes=([-1], [-1])) if x.ndim and y.ndim else x * y
    except DTypeError as error:
        raise _refused("inner", x, y) from error


@method
def outer(x: Tensor, y: Tensor, /) -> Tensor:
    """The products of all elements of one vector with all of another: (n,) and (m,) give (n, m).

    Raises:
        DimensionError: x or y does not have one dimension.
    """
    need_tensors("outer", x, y)
    _need_ndim("outer", 1, x, y)
    try:
        return expand_dims(x, axis=1) * y
    except DTypeError as error:
        raise _refused("outer", x, y) from error


@method
def kron(x: Tensor, y: Tensor, /) -> Tensor:
    """Kronecker product: every element of x times the whole of y. Missing axes of either are ones in front."""
    need_tensors("kron", x, y)
    n = max(x.ndim, y.ndim)
    wide = [(1,) * (n - t.ndim) + t.shape for t in (x, y)]
    a = reshape(x, tuple(size for m in wide[0] for size in (m, 1)))
    b = reshape(y, tuple(size for m in wide[1] for size in (1, m)))
    try:
        out = a * b
    except DTypeError as error:
        raise _refused("kron", x, y) from error
    return reshape(out, tuple(p * q for p, q in zip(*wide, strict=True)))


@method
def addmm(input: Tensor, /, mat1: Tensor, mat2: Tensor, *, beta: complex = 1, alpha: complex = 1) -> Tensor:
    """``beta * input + alpha * (mat1 @ mat2)``; an input that beta = 0 leaves out may hold NaN.

    Shapes: mat1 (m, k), mat2 (k, n), input broadcasts to (m, n).

    Raises:
        BroadcastError: the inner sizes differ, or input does not broadcast.
        DimensionError: mat1 or mat2 does not have two dimensions.
    """
    return _plus_product("addmm", 2, input, mat1, mat2, beta, alpha)


@method
def baddbmm(input: Tensor, /, batch1: Tensor, batch2: Tensor, *, beta: complex = 1, alpha: complex = 1) -> Tensor:
    """``beta * input + alpha * (batch1 @ batch2)``; an input that beta = 0 leaves out may hold NaN.

    Shapes: batch1 (b, m, k), batch2 (b, k, n), input broadcasts to (b, m, n).

    Raises:
        BroadcastError: sizes differ, or input does not broadcast.
        DimensionError: batch1 or batch2 does not have three dimensions.
    """
    return _plus_product("baddbmm", 3, input, batch1, batch2, beta, alpha)


def _plus_product(where_: str, ndim: int, input: Tensor, a: Tensor, b: Tensor, beta: complex, alpha: complex) -> Tensor:
    need_tensors(where_, input, a, b)
    _need_ndim(where_, ndim, a, b)
    left, right = a.shape, b.shape
    if left[:-2] != right[:-2] or left[-1] != right[-2]:
        raise BroadcastError(
            f"{where_}: matrices do not fit together; got {list(left)} and {list(right)}", shapes=(left, right)
        )
    shape = (*left[:-1], right[-1])
    if input.shape != shape and broadcast_shapes(where_, input.shape, shape) != shape:
        raise BroadcastError(
            f"{where_}: an input that broadcasts to {list(shape)} is needed; got {list(input.shape)}",
            shapes=(input.shape, shape),
        )
    try:
        out = matmul(a, b)
        if alpha != 1:
            out = out * alpha
        if beta == 0:
            return out
        return (input if beta == 1 else input * beta) + out
    except DTypeError as error:
        raise _refused(where_, input, a, b) from error


def _need_ndim(where_: str, ndim: int, *tensors: Tensor) -> None:
    for x in tensors:
        if x.ndim != ndim:
            needed = "one dimension is" if ndim == 1 else f"{ndim} dimensions are"
            raise DimensionError(f"{where_}: {needed} needed; got shape {list(x.shape)}", ndim=x.ndim, shape=x.shape)
