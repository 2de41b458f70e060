# SPDX-License-Identifier: MIT
"""Ops of the kind STRUCTURE: casts, views, joining, taking, and the matrix product; and what their gradients need."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from rtch._c import failure, ffi, lib
from rtch.creation import asarray, shape_of, zeros
from rtch.device import check_device
from rtch.dtypes import as_dtype, bool_, int64, uint64
from rtch.errors import ArgumentError, BroadcastError, DimensionError, DTypeError
from rtch.ops.row import F, method
from rtch.ops.table import BY_NAME
from rtch.tensor import (
    Tensor,
    assign,
    axes_mask,
    getitem,
    need_tensors,
    normalize_axis,
    reduce,
    share,
    snapshot,
    structure,
)

_LINEAR = BY_NAME["linear"]
_MATMUL = BY_NAME["matmul"]
_PERMUTE = BY_NAME["permute_dims"]


def _attrs(**attrs: Any) -> dict[str, Any]:
    return attrs


def astype(x: Tensor, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Tensor:
    """x cast to a dtype. Floating to an integer truncates, saturates out of range, and gives 0 for NaN; an integer to a
    narrower one keeps the low bits; to bool is ``x != 0``. A gradient is cast back; a real x gets the real part.

    Raises:
        DTypeError: there is no such dtype, or x is complex and the dtype is real.
    """
    need_tensors("astype", x)
    check_device("astype", device)
    made = as_dtype(dtype)
    if made is x.dtype:
        if not copy:
            return x
        return structure(BY_NAME["astype"], lib.rt_retain(x._h), (x,))
    if x.dtype.is_complex and not made.is_complex and made is not bool_:
        raise DTypeError(f"astype: {x.dtype.name} does not fit in {made.name}; use real or imag", dtype=made)
    return structure(BY_NAME["astype"], lib.rt_cast(x._h, made.code), (x,))


def reshape(x: Tensor, /, shape: Any, *, copy: bool | None = None) -> Tensor:
    """The same elements in row-major order in another shape; one size may be -1. A view where strides allow it.

    Args:
        x: any shape.
        shape: the shape.
        copy: False for an error where elements would have to be copied. True asks for a copy: no write to the result is
            ever seen in x, nor the other way.

    Raises:
        ArgumentError: the number of elements differs, or copy=False where a copy is needed.
    """
    need_tensors("reshape", x)
    sizes = tuple(shape) if isinstance(shape, (tuple, list)) else (shape,)
    try:
        h = lib.rt_reshape(x._h, len(sizes), sizes) if len(sizes) <= 32 else None
    except (TypeError, OverflowError) as error:
        raise ArgumentError(f"reshape: a shape of integers is needed; got {shape!r:.80}", argument=shape) from error
    if not h and len(sizes) <= 32 and lib.rt_last_status() == lib.RT_ERR_ALLOC:
        raise failure("reshape", x)
    if not h:
        raise ArgumentError(
            f"reshape: {x.size} elements do not fill the shape; got {list(x.shape)} to {list(sizes)}",
            shape=x.shape,
        )
    out = structure(BY_NAME["reshape"], h, (x,))
    if copy is False and out.size and not lib.rt_shares_storage(out._h, x._h):
        raise ArgumentError(f"reshape: a copy is needed; leave out copy=False; got strides {x.strides}", argument=copy)
    return out


def permute_dims(x: Tensor, /, axes: Sequence[int]) -> Tensor:
    """Dimensions in another order; a view.

    Raises:
        DimensionError: axes is not a permutation of the dimensions.
    """
    need_tensors("permute_dims", x)
    n = x.ndim
    try:
        order = tuple(operator.index(a) for a in axes)
    except TypeError as error:
        raise DimensionError(f"permute_dims: a sequence of {n} axes is needed; got {axes!r:.80}", axes=axes) from error
    if sorted(a % n if -n <= a < n else -1 for a in order) != list(range(n)):
        raise DimensionError(f"permute_dims: a permutation of {n} axes is needed; got {order}", axes=order)
    order = tuple(a % n for a in order)
    return structure(_PERMUTE, lib.rt_permute(x._h, len(order), order), (x,), _attrs(axes=order))


def inverse_permutation(axes: Sequence[int]) -> tuple[int, ...]:
    """The permutation that undoes one."""
    return tuple(sorted(range(len(axes)), key=axes.__getitem__))


def broadcast_to(x: Tensor, /, shape: Any) -> Tensor:
    """x repeated along axes of size one, and along new leading axes; a view.

    Raises:
        BroadcastError: the shape can't be had that way.
    """
    need_tensors("broadcast_to", x)
    sizes = shape_of("broadcast_to", shape)
    h = lib.rt_broadcast_to(x._h, len(sizes), sizes)
    if not h and lib.rt_last_status() != lib.RT_ERR_BROADCAST:
        raise failure("broadcast_to", list(sizes), x.dtype)
    if not h:
        raise BroadcastError(f"broadcast_to: shapes do not fit together; got {list(x.shape)} to {list(sizes)}")
    return structure(BY_NAME["broadcast_to"], h, (x,))


def sum_to(x: Tensor, /, shape: Any) -> Tensor:
    """x summed over the axes along which a tensor of `shape` would be broadcast to x.

    Raises:
        BroadcastError: `shape` does not broadcast to x's shape.
    """
    need_tensors("sum_to", x)
    sizes = shape_of("sum_to", shape)
    h = lib.rt_sum_to(x._h, len(sizes), sizes)
    if not h:
        raise failure("sum_to", x)
    return structure(BY_NAME["sum_to"], h, (x,))


def expand_dims(x: Tensor, /, axis: int = 0) -> Tensor:
    """A new axis of size one at position axis; a view.

    Raises:
        DimensionError: axis out of range.
    """
    need_tensors("expand_dims", x)
    at = normalize_axis("expand_dims", axis, x.ndim + 1)
    if x.ndim == 32:
        raise DimensionError("expand_dims: at most 32 dimensions; got 33", axis=axis, ndim=x.ndim)
    return reshape(x, (*x.shape[:at], 1, *x.shape[at:]))


def squeeze(x: Tensor, /, axis: int | tuple[int, ...]) -> Tensor:
    """x without axes of size one; a view.

    Raises:
        DimensionError: axis out of range.
        ArgumentError: an axis whose size is not one.
    """
    need_tensors("squeeze", x)
    mask = axes_mask("squeeze", axis, x.ndim)
    if any(mask >> d & 1 and size != 1 for d, size in enumerate(x.shape)):
        raise ArgumentError(f"squeeze: only axes of size one go; got axis {axis} of shape {list(x.shape)}", axis=axis)
    return reshape(x, tuple(size for d, size in enumerate(x.shape) if not mask >> d & 1))


def flip(x: Tensor, /, *, axis: int | tuple[int, ...] | None = None) -> Tensor:
    """Elements in reverse order along axes, all of them by default; a view with negative strides."""
    need_tensors("flip", x)
    mask = axes_mask("flip", axis, x.ndim)
    return x[tuple(slice(None, None, -1) if mask >> d & 1 else slice(None) for d in range(x.ndim))]


def _parts(where_: str, arrays: Any) -> tuple[Tensor, ...]:
    if not isinstance(arrays, (list, tuple, Tensor)):
        raise ArgumentError(f"{where_}: a list of tensors is needed; got {type(arrays).__name__}", argument=arrays)
    parts = tuple(arrays)
    need_tensors(where_, *parts)
    if not parts:
        raise ArgumentError(f"{where_}: one tensor or more is needed; got none", argument=arrays)
    return parts


def concat(arrays: Sequence[Tensor], /, *, axis: int | None = 0) -> Tensor:
    """Tensors joined along an existing axis; axis=None flattens them first. The dtype is the promoted one.

    Raises:
        ArgumentError: no tensors.
        BroadcastError: the other axes differ.
    """
    parts = _parts("concat", arrays)
    if axis is None:
        parts, axis = tuple(reshape(part, (-1,)) for part in parts), 0
    at = normalize_axis("concat", axis, parts[0].ndim)
    h = lib.rt_concat(len(parts), [part._h for part in parts], at)
    if not h:
        raise failure("concat", *parts)
    bounds = [0]
    for part in parts:
        bounds.append(bounds[-1] + part.shape[at])
    return structure(BY_NAME["concat"], h, parts, _attrs(axis=at, bounds=bounds))


def split_at(x: Tensor, axis: int, bounds: Sequence[int]) -> tuple[Tensor, ...]:
    """Consecutive slices of x along an axis; what concat joined."""
    lead = [number for size in x.shape[:axis] for number in (0, 0, 1, size)]
    return tuple([getitem(x, [*lead, 0, a, 1, b - a]) for a, b in pairwise(bounds)])


def stack(arrays: Sequence[Tensor], /, *, axis: int = 0) -> Tensor:
    """Tensors of one shape joined along a new axis.

    Raises:
        ArgumentError: no tensors.
        BroadcastError: the shapes differ.
    """
    parts = _parts("stack", arrays)
    if any(part.shape != parts[0].shape for part in parts):
        raise BroadcastError(f"stack: shapes must agree; got {[list(part.shape) for part in parts]}")
    at = normalize_axis("stack", axis, parts[0].ndim + 1)
    return concat([expand_dims(part, axis=at) for part in parts], axis=at)


def take(x: Tensor, indices: Any, /, *, axis: int | None = None) -> Tensor:
    """Slices of x at integer indices along an axis, in their order; negative ones count from the end.

    Args:
        x: any shape.
        indices: (n,) tensor of integers, or a list of them.
        axis: may be left out where x has one dimension.

    Raises:
        DimensionError: an index or the axis out of range.
        DTypeError: indices are no integers.
    """
    need_tensors("take", x)
    if axis is None and x.ndim != 1:
        raise DimensionError(f"take: axis is needed for {x.ndim} dimensions", ndim=x.ndim)
    at = normalize_axis("take", axis or 0, x.ndim)
    index = as_index("take", indices)
    h = lib.rt_take(x._h, index._h, at)
    if not h:
        raise failure("take", x, index)
    return structure(BY_NAME["take"], h, (x,), _attrs(indices=index, axis=at))


@method
def index_add(x: Tensor, /, axis: int, index: Any, source: Tensor, *, alpha: complex = 1) -> Tensor:
    """A copy of x to whose slices along axis those of source are added, one after another in the order of the index.

    Args:
        x: any shape.
        axis: the axis.
        index: (n,) integers, may repeat; negative ones count from the end.
        source: x's shape with size n along axis.
        alpha: what source is multiplied with first.

    Raises:
        BroadcastError: source's shape does not fit.
        DimensionError: an index or the axis out of range, or another number of dimensions.
        DTypeError: the dtypes differ or are bool, or the index is not of integers.
    """
    need_tensors("index_add", x, source)
    at, shape = normalize_axis("index_add", axis, max(x.ndim, 1)), x.shape
    index = as_index("index_add", index)
    if index.ndim == 0:
        index = reshape(index, (1,))
    if x.ndim == 0:
        x = reshape(x, (1,))
    if source.ndim == 0 and x.ndim == 1:
        source = reshape(source, (1,))
    if alpha != 1:
        source = F.multiply(source, alpha)
    h = lib.rt_index_add(x._h, at, index._h, source._h)
    if not h:
        raise failure("index_add", x, index, source)
    out = structure(BY_NAME["index_add"], h, (x, source), _attrs(indices=index, axis=at))
    return reshape(out, shape) if not shape else out


def as_index(where_: str, indices: Any) -> Tensor:
    """Integers as an int64 tensor that later writes don't reach.

    Raises:
        DTypeError: they are no integers.
    """
    made = snapshot(indices) if isinstance(indices, Tensor) else asarray(indices)
    if made.dtype is int64:
        return made
    if made.size and not made.dtype.is_integer:
        raise DTypeError(f"{where_}: integer indices are needed; got {made.dtype.name}", dtype=made.dtype)
    return as_int64(made)


def as_int64(indices: Tensor) -> Tensor:
    """Indices as int64. A uint64 beyond its range becomes the largest, which no axis has; cast, it were negative."""
    if indices.dtype is uint64:
        indices = F.minimum(indices, 2**63 - 1)
    return astype(indices, int64)


def matmul(x: Tensor, y: Tensor, /) -> Tensor:
    """Matrix product. Every element is a chain of fused multiply-adds in order of k, in blocks of 256.

    Shapes: (..., m, k) and (..., k, n) give (..., m, n), leading axes broadcast; a 1-d operand is a row on the left or
    a column on the right, whose axis the result lacks. Dtype: int64, float32 or float64, promoted.

    Raises:
        BroadcastError: the inner sizes differ, or leading axes do not broadcast.
        DimensionError: a 0-d operand.
        DTypeError: bool operands.
    """
    try:
        h = lib.rt_matmul(x._h, y._h)
    except AttributeError:
        need_tensors("matmul", x, y)
        raise
    return structure(_MATMUL, h, (x, y))


def affine(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """The row linear."""
    h = lib.rt_linear(x._h, weight._h, ffi.NULL if bias is None else bias._h)
    if not h and lib.rt_last_status() == lib.RT_ERR_BROADCAST:
        raise failure("matmul", x, weight.mT)  # what does not fit is named as the product's
    return structure(_LINEAR, h, (x, weight, bias))


# What gradients need ------------------------------------------------------------------------------------------------


def spread(g: Tensor, shape: tuple[int, ...], axes: int, keepdims: bool) -> Tensor:
    """The gradient of a sum: g repeated along the axes (a bit mask) that were reduced."""
    if not keepdims:
        g = reshape(g, tuple(1 if axes >> d & 1 else n for d, n in enumerate(shape)))
    return broadcast_to(g, shape)


def share_between(g: Tensor, x: Tensor, y: Tensor, mine: Tensor) -> Tensor:
    """The gradient of maximum and minimum towards one input: g where it is `mine`, half of it where x equals y."""
    return g * (astype(mine, g.dtype) + astype(x == y, g.dtype) * 0.5)


def share_ties(g: Tensor, x: Tensor, out: Tensor, shape: tuple[int, ...], axes: int, keepdims: bool) -> Tensor:
    """The gradient of max and min: g, in equal parts to all elements that equal the result; NaN where that is NaN."""
    ties = x == spread(out.detach(), shape, axes, keepdims)
    reduced = tuple(d for d in range(len(shape)) if axes >> d & 1)
    count = reduce(BY_NAME["sum"], astype(ties, g.dtype), reduced, keepdims)
    return spread(g / count, shape, axes, keepdims) * ties


def linear_grad_weight(g: Tensor, x: Tensor) -> Tensor:
    """The gradient of linear towards its weight: one product over all rows."""
    rows = math.prod(x.shape[:-1])
    return matmul(reshape(g, (rows, g.shape[-1])).mT, reshape(x, (rows, x.shape[-1])))


def matmul_grad_x(g: Tensor, x_shape: tuple[int, ...], y: Tensor) -> Tensor:
    """The gradient of matmul towards its left operand."""
    wide_y = reshape(y, (-1, 1)) if y.ndim == 1 else y
    if y.ndim == 1:
        g = expand_dims(g, axis=-1)
    if len(x_shape) == 1:
        g = expand_dims(g, axis=-2)
        return reshape(sum_to(matmul(g, wide_y.mT), (1, *x_shape)), x_shape)
    return sum_to(matmul(g, wide_y.mT), x_shape)


def matmul_grad_y(g: Tensor, x: Tensor, y_shape: tuple[int, ...]) -> Tensor:
    """The gradient of matmul towards its right operand."""
    wide_x = reshape(x, (1, -1)) if x.ndim == 1 else x
    if len(y_shape) == 1:
        g = expand_dims(g, axis=-1)
    if x.ndim == 1:
        g = expand_dims(g, axis=-2)
    if len(y_shape) == 1:
        return reshape(sum_to(matmul(wide_x.mT, g), (*y_shape, 1)), y_shape)
    return sum_to(matmul(wide_x.mT, g), y_shape)


def setitem(x: Tensor, spec: list[int], value: Any) -> Tensor:
    """A copy of x in which the selection holds value."""
    out = astype(x, x.dtype) if x._h.node and x.is_leaf else share(x)
    assign(out, spec, value)
    return out


def scatter_slice(g: Tensor, shape: tuple[int, ...], key: list[int]) -> Tensor:
    """The gradient of basic indexing: zeros with g in the selection."""
    out = zeros(shape, dtype=g.dtype)
    assign(out, key, g)
    return out


def index_add_zeros(g: Tensor, shape: tuple[int, ...], indices: Tensor, axis: int) -> Tensor:
    """The gradient of take."""
    return index_add(broadcast_to(zeros((), dtype=g.dtype), shape), axis, indices, g)


for _function in (
    astype,
    broadcast_to,
    index_add_zeros,
    inverse_permutation,
    matmul,
    linear_grad_weight,
    matmul_grad_x,
    matmul_grad_y,
    permute_dims,
    reshape,
    scatter_slice,
    setitem,
    share_between,
    share_ties,
    split_at,
    spread,
    sum_to,
    take,
):
    setattr(F, _function.__name__, _function)
