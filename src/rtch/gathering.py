# SPDX-License-Identifier: MIT
"""Reading and writing by index and by mask, as functions that leave their input as it is.

`gather` and what belongs to it work lane by lane: a lane is what x has along one axis, and an index tensor holds a
position in the lane that it stands beside. Negative positions count from the end. Where positions repeat, the last
write in row-major order of the index stays, and a sum is a chain in that order.
"""

from __future__ import annotations

from typing import Any

from rtch._c import failure, lib
from rtch.creation import asarray, zeros
from rtch.dtypes import DType, bool_, check_bounds, int64, promote, with_python_scalar
from rtch.errors import ArgumentError, DimensionError, DTypeError
from rtch.indexing import broadcast_shapes, index_tensor, positions, scatter_nd, scatter_nd_add, to_selection
from rtch.manipulation import as_index, astype, broadcast_to, reshape, take
from rtch.ops.row import F, method
from rtch.ops.table import BY_NAME
from rtch.ranges import arange
from rtch.tensor import Tensor, need_tensors, normalize_axis, structure, where

_GATHER, _SCATTER, _SCATTER_ADD = BY_NAME["gather"], BY_NAME["scatter"], BY_NAME["scatter_add"]


@method
def gather(x: Tensor, /, axis: int, index: Any) -> Tensor:
    """Elements along an axis, lane by lane: ``out[i, j] = x[index[i, j], j]`` for axis 0.

    Args:
        x: any shape.
        axis: the axis.
        index: integers, with x's number of dimensions and no larger than x but along the axis; or of no elements. The
            result has its shape.

    Raises:
        BroadcastError: the index is larger than x.
        DimensionError: an index or the axis out of range, or another number of dimensions.
        DTypeError: the index is not of integers.
    """
    need_tensors("gather", x)
    at, index = _lanes("gather", x, axis, index)
    if index.size == 0:
        return reshape(reshape(x, (-1,))[:0], index.shape)
    if x.ndim and index.ndim:
        return _gather("gather", x, at, index)
    return reshape(_gather("gather", _one_axis(x), at, _one_axis(index)), index.shape)


def _gather(where_: str, x: Tensor, at: int, index: Tensor) -> Tensor:
    h = lib.rt_gather_along(x._h, at, index._h)
    if not h:
        raise _failure(where_, x, at, index)
    return structure(_GATHER, h, (x,), {"axis": at, "index": index})


def _lanes(where_: str, x: Tensor, axis: int, index: Any) -> tuple[int, Tensor]:
    """The axis and the index, which fits x in dimensions; one of either that has none counts as having one."""
    index = as_index(where_, index)
    at = normalize_axis(where_, axis, max(x.ndim, 1))
    if index.size:
        _need_ndim(where_, "an index", index, x)
    return at, index


def _need_ndim(where_: str, what: str, index: Tensor, x: Tensor) -> None:
    if max(index.ndim, 1) != max(x.ndim, 1):
        raise DimensionError(
            f"{where_}: {what} of as many dimensions as x is needed; got {list(index.shape)} for {list(x.shape)}",
            shape=x.shape,
        )


def _one_axis(x: Tensor) -> Tensor:
    return reshape(x, (1,)) if x.ndim == 0 else x


def _failure(where_: str, x: Tensor, at: int, index: Tensor) -> Exception:
    if lib.rt_last_status() == lib.RT_ERR_INDEX:
        size = x.shape[at]
        wrong = next(i for i in reshape(index, (-1,)).tolist() if not -size <= i < size)
        return DimensionError(
            f"{where_}: {wrong} is out of range for axis {at} of size {size}; got shape {list(x.shape)}",
            axis=at,
            shape=x.shape,
        )
    too_large = lib.rt_last_status() == lib.RT_ERR_BROADCAST
    rule = f"an index is no larger than x but along axis {at}" if too_large else ""
    return failure(where_, x, index, rule=rule)


@method
def scatter(x: Tensor, /, axis: int, index: Any, src: Tensor | complex) -> Tensor:
    """A copy of x with src at an index, lane by lane: ``out[index[i, j], j] = src[i, j]`` for axis 0.

    The last of several writes to an element stays, in row-major order of the index; the others get no gradient.

    Args:
        x: any shape.
        axis: the axis.
        index: integers, with x's number of dimensions and no larger than x but along the axis.
        src: a tensor at least as large as the index, of which the rest is left out, or a number.

    Raises:
        BroadcastError: the index is larger than x or src.
        DimensionError: an index or the axis out of range, or another number of dimensions.
        DTypeError: the index is not of integers, or src does not fit in x's dtype.
    """
    return _scatter(_SCATTER, x, axis, index, src)


@method
def scatter_add(x: Tensor, /, axis: int, index: Any, src: Tensor | complex) -> Tensor:
    """A copy of x with src added at an index, lane by lane: ``out[index[i, j], j] += src[i, j]`` for axis 0.

    Additions to an element follow each other in row-major order of the index, after what x has there.

    Args:
        x: any shape.
        axis: the axis.
        index: integers, with x's number of dimensions and no larger than x but along the axis.
        src: a tensor at least as large as the index, of which the rest is left out, or a number.

    Raises:
        BroadcastError: the index is larger than x or src.
        DimensionError: an index or the axis out of range, or another number of dimensions.
        DTypeError: the index is not of integers, src does not fit in x's dtype, or that is bool.
    """
    return _scatter(_SCATTER_ADD, x, axis, index, src)


def _scatter(op: Any, x: Tensor, axis: int, index: Any, src: Any) -> Tensor:
    need_tensors(op.name, x)
    at, index = _lanes(op.name, x, axis, index)
    if index.size == 0:
        return x
    shape, index, x, value = x.shape, _one_axis(index), _one_axis(x), of_dtype(op.name, src, x.dtype)
    if not isinstance(src, Tensor):
        value = broadcast_to(value, index.shape)
    value = _one_axis(value)
    _need_ndim(op.name, "a src", value, x)
    if value.shape != index.shape and all(n <= m for n, m in zip(index.shape, value.shape, strict=True)):
        value = value[tuple(slice(n) for n in index.shape)]
    h = lib.rt_scatter_along(x._h, at, index._h, value._h, op is _SCATTER_ADD)
    if not h:
        if lib.rt_last_status() == lib.RT_ERR_DTYPE:
            raise failure(op.name, x, value)
        fits = lib.rt_last_status() != lib.RT_ERR_BROADCAST or value.shape == index.shape
        raise _failure(op.name, x, at, index) if fits else failure(op.name, index, value, rule="src is too small")
    out = structure(op, h, (x, value), {"axis": at, "index": index})
    return out if shape else reshape(out, shape)


def of_dtype(where_: str, value: Any, dtype: DType) -> Tensor:
    """A number or a tensor as a tensor of a dtype that it does not widen.

    Raises:
        DTypeError: it would.
        ArgumentError: an integer out of the dtype's range.
    """
    if isinstance(value, Tensor):
        if promote(value.dtype, dtype) is not dtype:
            raise DTypeError(f"{where_}: {value.dtype.name} does not fit in {dtype.name}; use astype", dtype=dtype)
        return value if value.dtype is dtype else astype(value, dtype)
    if not isinstance(value, (bool, int, float, complex)):
        raise DTypeError(f"{where_}: a Tensor or a number is needed; got {type(value).__name__}", dtype=dtype)
    if with_python_scalar(dtype, value) is not dtype:
        raise DTypeError(f"{where_}: {value!r} does not fit in {dtype.name}; use astype", dtype=dtype)
    if isinstance(value, int):
        check_bounds(where_, value, dtype)
    return asarray(value, dtype=dtype)


def scatter_add_zeros(g: Tensor, shape: tuple[int, ...], axis: int, index: Tensor) -> Tensor:
    """The gradient of gather: zeros of a shape, to which g is added at the index."""
    return scatter_add(broadcast_to(zeros((), dtype=g.dtype), shape), axis, index, g)


def gather_last(g: Tensor, shape: tuple[int, ...], axis: int, index: Tensor) -> Tensor:
    """The gradient of scatter towards src: g at the index, 0 where a later write came to the element."""
    numbers = reshape(arange(index.size), index.shape)
    last = scatter(broadcast_to(zeros((), dtype=int64), shape), axis, index, numbers)
    return where(gather(last, axis, index) == numbers, gather(g, axis, index), 0)


def take_along_axis(x: Tensor, indices: Tensor, /, *, axis: int = -1) -> Tensor:
    """`gather` of operands that broadcast but along the axis.

    Args:
        x: any shape.
        indices: integers, of x's shape but along the axis, or broadcast to it; negative ones count from the end.
        axis: the axis.

    Raises:
        DimensionError: an index or the axis out of range, or another number of dimensions.
        BroadcastError: the shapes do not fit but along the axis.
        DTypeError: indices are no integers.
    """
    need_tensors("take_along_axis", x, indices)
    at = normalize_axis("take_along_axis", axis, x.ndim)
    index = as_index("take_along_axis", indices)
    if index.ndim != x.ndim:
        raise DimensionError(
            f"take_along_axis: as many dimensions are needed; got {list(index.shape)} for {list(x.shape)}",
            shape=x.shape,
        )
    without = [tuple(1 if d == at else n for d, n in enumerate(s)) for s in (x.shape, index.shape)]
    if without[0] != without[1]:
        common = broadcast_shapes("take_along_axis", *without)
        x, index = (broadcast_to(t, (*common[:at], t.shape[at], *common[at + 1 :])) for t in (x, index))
    return _gather("take_along_axis", x, at, index)


@method
def index_put(x: Tensor, /, indices: Any, values: Tensor | complex, accumulate: bool = False) -> Tensor:
    """A copy of x with values at ``x[indices]``, or added to it there.

    Where indices repeat, the last value in row-major order of the selection stays; with accumulate, additions to an
    element follow each other in that order, after what x has there.

    Args:
        x: any shape.
        indices: a tuple of index tensors and masks, by the rules of ``x[indices]``; None takes all of an axis.
        values: a number or a tensor that broadcasts to the selection.
        accumulate: add.

    Raises:
        ArgumentError: indices are not a tuple or a list, or none of them is a tensor.
        BroadcastError: indices do not fit together, or values do not fit the selection.
        DimensionError: an index out of range, too many indices, or a mask of another shape than the axes it covers.
        DTypeError: an index that is neither of integers nor bool, or values that do not fit in x's dtype.
    """
    need_tensors("index_put", x)
    if not isinstance(indices, (tuple, list)) or not any(i is not None for i in indices):
        raise ArgumentError(f"index_put: a tuple of index tensors is needed; got {indices!r:.80}", argument=indices)
    key = tuple(slice(None) if i is None else index_tensor(i) for i in indices)
    value = of_dtype("index_put", values, x.dtype)
    if x.ndim == 0:  # a mask of no dimensions, as one of one element
        key = tuple(reshape(i, (1,)) if isinstance(i, Tensor) and i.ndim == 0 else i for i in key)
        return reshape(index_put(reshape(x, (1,)), key, value, accumulate), ())
    axes, tensors, selection = positions(x, key)
    value = to_selection("index_put", value, selection)
    return (scatter_nd_add if accumulate else scatter_nd)(x, axes, tensors, value)


@method
def masked_fill(x: Tensor, /, mask: Tensor, value: Tensor | complex) -> Tensor:
    """x with a value where the mask holds: ``where(mask, value, x)`` in x's dtype.

    Args:
        x: any shape.
        mask: bool, of a shape that broadcasts with x's.
        value: a number, or a tensor of one.

    Raises:
        BroadcastError: the shapes do not fit together.
        DimensionError: the value is a tensor of dimensions.
        DTypeError: the mask is not bool, or the value does not fit in x's dtype.
    """
    need_tensors("masked_fill", x, mask)
    _need_mask("masked_fill", mask)
    if isinstance(value, Tensor) and value.ndim:
        raise DimensionError(f"masked_fill: a 0-d value is needed; got shape {list(value.shape)}", shape=value.shape)
    return where(mask, of_dtype("masked_fill", value, x.dtype), x)


@method
def masked_select(x: Tensor, /, mask: Tensor) -> Tensor:
    """The elements of x where the mask holds, in row-major order, as one dimension; both broadcast.

    Args:
        x: any shape.
        mask: bool, of a shape that broadcasts with x's.

    Raises:
        BroadcastError: the shapes do not fit together.
        DTypeError: the mask is not bool.
    """
    need_tensors("masked_select", x, mask)
    _need_mask("masked_select", mask)
    shape = broadcast_shapes("masked_select", x.shape, mask.shape)
    (true,) = F.indices_of_true(reshape(broadcast_to(mask, shape), (-1,)))
    return take(reshape(broadcast_to(x, shape), (-1,)), true, axis=0)


def _need_mask(where_: str, mask: Tensor) -> None:
    if mask.dtype is not bool_:
        raise DTypeError(f"{where_}: a mask of bool is needed; got {mask.dtype.name}", dtype=mask.dtype)


for _function in (gather_last, scatter_add_zeros):
    setattr(F, _function.__name__, _function)
