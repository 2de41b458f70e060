# SPDX-License-Identifier: MIT
"""Sorting, searching and sets.

The order: NaN is the largest value, and all NaNs are equal; -0 equals +0. Sorting is stable in both directions.
"""

from __future__ import annotations

import operator
from typing import Literal, NamedTuple

from rtch._c import failure, lib
from rtch.creation import asarray, ones, zeros
from rtch.dtypes import bool_, int64, with_python_scalar
from rtch.errors import ArgumentError, DimensionError
from rtch.gathering import gather, take_along_axis
from rtch.manipulation import astype, concat, reshape, take
from rtch.ops.row import F, method
from rtch.tensor import Tensor, need_tensors, normalize_axis, wrap


def argsort(x: Tensor, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
    """Positions along an axis in the order of the elements; equal ones keep their order, whatever `stable` says.

    Shape: (*) to (*). Dtype: bool, integers or floating; the result is int64.

    Raises:
        DimensionError: axis out of range, or a 0-d tensor.
        DTypeError: complex, or a storage dtype.
    """
    need_tensors("argsort", x)
    h = lib.rt_argsort(x._h, normalize_axis("argsort", axis, x.ndim), bool(descending))
    if not h:
        raise failure("argsort", x)
    return wrap(h)


def sort(x: Tensor, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
    """Elements along an axis in order; equal ones keep their order, whatever `stable` says.

    Shape: (*) to (*). Dtype: bool, integers or floating; the result has the same.

    Raises:
        DimensionError: axis out of range, or a 0-d tensor.
        DTypeError: complex, or a storage dtype.
    """
    need_tensors("sort", x)
    if x._h.node:
        return take_along_axis(x, argsort(x, axis=axis, descending=descending), axis=axis)
    h = lib.rt_sort(x._h, normalize_axis("sort", axis, x.ndim), bool(descending))
    if not h:
        raise failure("sort", x)
    return wrap(h)


class TopK(NamedTuple):
    """What `topk` gives."""

    values: Tensor
    indices: Tensor


@method
def topk(x: Tensor, /, k: int, axis: int = -1, largest: bool = True, sorted: bool = True) -> TopK:
    """The k largest or smallest elements along an axis, in their order, and where they stand.

    They are the first k of the stable sort: NaN is the largest value, and of equal elements the first ones are taken.

    Args:
        x: any shape.
        k: how many.
        axis: the axis.
        largest: the largest, in descending order; else the smallest, in ascending order.
        sorted: they are in order whatever it says.

    Raises:
        ArgumentError: k is negative or larger than the axis.
        DimensionError: axis out of range.
        DTypeError: complex, or a storage dtype.
    """
    need_tensors("topk", x)
    at = normalize_axis("topk", axis, max(x.ndim, 1))
    wide = reshape(x, (1,)) if x.ndim == 0 else x
    if not hasattr(k, "__index__") or not 0 <= operator.index(k) <= wide.shape[at]:
        raise ArgumentError(f"topk: k must be in [0, {wide.shape[at]}]; got {k!r:.80}", argument=k)
    h = lib.rt_topk(wide._h, at, operator.index(k), bool(largest))
    if not h:
        raise failure("topk", x)
    indices = wrap(h)
    values = gather(wide, at, indices)
    return TopK(reshape(values, ()), reshape(indices, ())) if x.ndim == 0 and k else TopK(values, indices)


def searchsorted(
    x1: Tensor, x2: Tensor | float, /, *, side: Literal["left", "right"] = "left", sorter: Tensor | None = None
) -> Tensor:
    """Where elements of x2 belong in the sorted x1, so that it stays sorted.

    Args:
        x1: (n,), ascending; or in any order with `sorter`.
        x2: any shape; the result has it. A Python number counts as a 0-d tensor.
        side: before ("left") or after ("right") equal elements.
        sorter: (n,) integers that put x1 in order, such as `argsort` gives.

    Raises:
        ArgumentError: another side.
        DimensionError: x1 does not have one dimension.
        DTypeError: complex, or dtypes that have none together.
    """
    need_tensors("searchsorted", x1)
    if isinstance(x2, (bool, int, float, complex)):
        x2 = asarray(x2, dtype=with_python_scalar(x1.dtype, x2))
    need_tensors("searchsorted", x2)
    if side not in ("left", "right"):
        raise ArgumentError(f"searchsorted: side must be 'left' or 'right'; got {side!r:.80}", argument=side)
    if x1.ndim != 1:
        raise DimensionError(f"searchsorted: x1 must have one dimension; got shape {list(x1.shape)}", shape=x1.shape)
    if sorter is not None:
        x1 = take(x1.detach(), sorter, axis=0)
    h = lib.rt_searchsorted(x1._h, x2._h, side == "right")
    if not h:
        raise failure("searchsorted", x1, x2)
    return wrap(h)


def nonzero(x: Tensor, /) -> tuple[Tensor, ...]:
    """The indices of the elements that are not 0, a tensor of int64 per dimension, in row-major order. NaN is not 0.

    Raises:
        DimensionError: a 0-d tensor.
        DTypeError: a storage dtype.
    """
    need_tensors("nonzero", x)
    if x.ndim == 0:
        raise DimensionError("nonzero: one dimension or more is needed; got a 0-d tensor", shape=())
    return indices_of_true(x)


def indices_of_true(x: Tensor) -> tuple[Tensor, ...]:
    """`nonzero`, also of a 0-d tensor, for which it is empty."""
    h = lib.rt_nonzero(x._h)
    if not h:
        raise failure("nonzero", x)
    found = wrap(h)
    return tuple(found[d] for d in range(x.ndim))


class UniqueAll(NamedTuple):
    """What `unique_all` gives."""

    values: Tensor
    indices: Tensor
    inverse_indices: Tensor
    counts: Tensor


class UniqueCounts(NamedTuple):
    """What `unique_counts` gives."""

    values: Tensor
    counts: Tensor


class UniqueInverse(NamedTuple):
    """What `unique_inverse` gives."""

    values: Tensor
    inverse_indices: Tensor


def _order(flat: Tensor) -> Tensor:
    """`argsort`; complex numbers by real, then by imaginary part."""
    if not flat.dtype.is_complex:
        return argsort(flat)
    by_imaginary = argsort(wrap(lib.rt_part(flat._h, 1)))
    by_real = argsort(take(wrap(lib.rt_part(flat._h, 0)), by_imaginary, axis=0))
    return take(by_imaginary, by_real, axis=0)


def _runs(values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Of values in order: where a new one starts, the positions of these, and how many equal ones follow."""
    n = values.size
    starts = concat([ones((min(n, 1),), dtype=bool_), values[1:] != values[: max(n - 1, 0)]])
    first = indices_of_true(starts)[0]
    ends = concat([first[1:], asarray([n] * min(n, 1), dtype=int64)])
    return starts, first, ends - first


def _sorted_runs(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The elements in order, the position of each distinct one among them, and their counts."""
    need_tensors("unique", x)
    flat = reshape(x.detach(), (-1,))
    values = take(flat, _order(flat), axis=0) if x.dtype.is_complex else sort(flat)
    _, first, counts = _runs(values)
    return values, first, counts


def unique_all(x: Tensor, /) -> UniqueAll:
    """The distinct elements, in order; where each first occurs in the flattened x; for every element of x the position
    of its value; and how often each value occurs. Every NaN is a value of its own, since it equals no other; -0 and +0
    are one value, the first of them.

    Raises:
        DTypeError: a storage dtype.
    """
    need_tensors("unique", x)
    flat = reshape(x.detach(), (-1,))
    n = flat.size
    order = _order(flat)
    values = take(flat, order, axis=0)
    starts, first, counts = _runs(values)
    group = F.cumulative_sum(astype(starts, int64), axis=0) - 1
    inverse = zeros((n,), dtype=int64)
    inverse[order] = group
    return UniqueAll(take(values, first, axis=0), take(order, first, axis=0), reshape(inverse, x.shape), counts)


def unique_counts(x: Tensor, /) -> UniqueCounts:
    """`unique_all` without the indices."""
    values, first, counts = _sorted_runs(x)
    return UniqueCounts(take(values, first, axis=0), counts)


def unique_inverse(x: Tensor, /) -> UniqueInverse:
    """`unique_all` without the first indices and the counts."""
    found = unique_all(x)
    return UniqueInverse(found.values, found.inverse_indices)


def unique_values(x: Tensor, /) -> Tensor:
    """The distinct elements, in order; see `unique_all`."""
    values, first, _ = _sorted_runs(x)
    return take(values, first, axis=0)


F.indices_of_true = indices_of_true
