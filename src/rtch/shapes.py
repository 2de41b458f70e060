# SPDX-License-Identifier: MIT
"""Functions made of views, joins and takes: what moves, repeats or splits elements. Gradients follow from the parts."""

from __future__ import annotations

import itertools
import math
import operator
from array import array
from collections.abc import Sequence
from typing import Any

from rtch.creation import from_bytes
from rtch.errors import ArgumentError, BroadcastError, DimensionError, DTypeError
from rtch.indexing import broadcast_shapes
from rtch.manipulation import broadcast_to, concat, permute_dims, reshape, take
from rtch.ops.row import method
from rtch.tensor import Tensor, need_tensors, normalize_axis


def integers(where: str, values: Any) -> tuple[int, ...]:
    """One integer or several as a tuple. True and False are none."""
    given = values if isinstance(values, (tuple, list)) else (values,)
    try:
        if not any(isinstance(v, bool) for v in given):
            return tuple([operator.index(v) for v in given])
    except TypeError as error:
        raise ArgumentError(f"{where}: integers are needed; got {values!r:.80}", argument=values) from error
    raise ArgumentError(f"{where}: integers are needed; got {values!r:.80}", argument=values)


def broadcast_arrays(*arrays: Tensor) -> list[Tensor]:
    """All tensors in the shape that they have together; views.

    Raises:
        BroadcastError: the shapes do not fit together.
    """
    need_tensors("broadcast_arrays", *arrays)
    shape: tuple[int, ...] = ()
    for x in arrays:
        shape = broadcast_shapes("broadcast_arrays", shape, x.shape)
    return [broadcast_to(x, shape) for x in arrays]


def moveaxis(x: Tensor, source: int | Sequence[int], destination: int | Sequence[int], /) -> Tensor:
    """Axes of x at other positions, the others in their order; a view.

    Raises:
        DimensionError: an axis out of range or named twice.
        ArgumentError: not as many sources as destinations.
    """
    need_tensors("moveaxis", x)
    sources = [normalize_axis("moveaxis", a, x.ndim) for a in integers("moveaxis", source)]
    targets = [normalize_axis("moveaxis", a, x.ndim) for a in integers("moveaxis", destination)]
    if len(sources) != len(targets):
        raise ArgumentError(f"moveaxis: as many destinations as sources are needed; got {source}, {destination}")
    if len(set(sources)) < len(sources) or len(set(targets)) < len(targets):
        raise DimensionError(f"moveaxis: axes must differ; got {source}, {destination}", axis=source, ndim=x.ndim)
    rest = iter([d for d in range(x.ndim) if d not in sources])
    at = dict(zip(targets, sources, strict=True))
    return permute_dims(x, tuple(at[d] if d in at else next(rest) for d in range(x.ndim)))


@method
def swapaxes(x: Tensor, /, axis0: int, axis1: int) -> Tensor:
    """Two axes in each other's place; a view.

    Raises:
        DimensionError: an axis out of range.
    """
    need_tensors("swapaxes", x)
    first, second = (normalize_axis("swapaxes", a, max(x.ndim, 1)) for a in (axis0, axis1))
    order = list(range(x.ndim))
    if order:
        order[first], order[second] = second, first
    return permute_dims(x, order)


@method
def flatten(x: Tensor, /, start_axis: int = 0, end_axis: int = -1) -> Tensor:
    """The axes from one to another as a single one; a view where strides allow it. A 0-d tensor gets an axis.

    Args:
        x: any shape.
        start_axis: the first of the axes.
        end_axis: the last one.

    Raises:
        DimensionError: an axis out of range, or the first one behind the last.
    """
    need_tensors("flatten", x)
    if start_axis == 0 and end_axis == -1:
        return reshape(x, (x.size,))
    first, last = (normalize_axis("flatten", a, max(x.ndim, 1)) for a in (start_axis, end_axis))
    if first > last:
        raise DimensionError(
            f"flatten: start_axis must not be behind end_axis; got {start_axis} and {end_axis}", axis=start_axis
        )
    return reshape(x, (*x.shape[:first], math.prod(x.shape[first : last + 1]), *x.shape[last + 1 :]))


@method
def unflatten(x: Tensor, /, axis: int, sizes: int | Sequence[int]) -> Tensor:
    """An axis as several; a view.

    Args:
        x: one dimension or more.
        axis: the axis.
        sizes: of the axes in its place, whose product is its size; one may be -1.

    Raises:
        DimensionError: axis out of range.
        ArgumentError: no sizes, or such as do not fill the axis.
    """
    need_tensors("unflatten", x)
    at, made = normalize_axis("unflatten", axis, x.ndim), integers("unflatten", sizes)
    rest = math.prod(n for n in made if n != -1)
    if made.count(-1) == 1 and rest > 0 and x.shape[at] % rest == 0:
        made = tuple(x.shape[at] // rest if n == -1 else n for n in made)
    if not made or min(made) < 0 or math.prod(made) != x.shape[at]:
        raise ArgumentError(
            f"unflatten: sizes must multiply to {x.shape[at]}, the size of axis {at}; got {sizes!r:.80}", argument=sizes
        )
    return reshape(x, (*x.shape[:at], *made, *x.shape[at + 1 :]))


def repeat(x: Tensor, repeats: int | Tensor, /, *, axis: int | None = None) -> Tensor:
    """Every element, or slice along an axis, several times in a row.

    Args:
        x: any shape.
        repeats: how many times; a tensor of integers gives a number for each slice.
        axis: the axis; None flattens x first.

    Raises:
        ArgumentError: a negative number.
        BroadcastError: not one number per slice.
        DTypeError: repeats are not integers.
        DimensionError: axis out of range.
    """
    need_tensors("repeat", x)
    if axis is None:
        x, axis = reshape(x, (x.size,)), 0
    at = normalize_axis("repeat", axis, x.ndim)
    size = x.shape[at]
    if isinstance(repeats, Tensor):
        if not repeats.dtype.is_integer:
            raise DTypeError(f"repeat: integers are needed; got {repeats.dtype.name}", dtype=repeats.dtype)
        if repeats.ndim > 1 or repeats.size not in (1, size):
            raise BroadcastError(f"repeat: {size} numbers or one are needed; got shape {list(repeats.shape)}")
        counts = reshape(repeats, (-1,)).tolist()
    else:
        counts = list(integers("repeat", repeats))
        if len(counts) != 1 or isinstance(repeats, (list, tuple)):
            raise ArgumentError(f"repeat: an integer or a tensor is needed; got {repeats!r:.80}", argument=repeats)
    if any(n < 0 for n in counts):
        raise ArgumentError(f"repeat: numbers of 0 or more are needed; got {min(counts)}", argument=repeats)
    if len(counts) == 1:
        return _spread(x, at + 1, counts[0], (*x.shape[:at], size * counts[0], *x.shape[at + 1 :]))
    index = array("q", itertools.chain.from_iterable(map(itertools.repeat, range(size), counts)))
    return take(x, from_bytes(memoryview(index), "int64", (len(index),)), axis=at)


def _spread(x: Tensor, at: int, n: int, shape: tuple[int, ...]) -> Tensor:
    """x with every block of its axes from `at` on n times in a row, in another shape."""
    blocks, length = math.prod(x.shape[:at]), math.prod(x.shape[at:])
    return reshape(broadcast_to(reshape(x, (blocks, 1, length)), (blocks, n, length)), shape)


def tile(x: Tensor, repetitions: Sequence[int], /) -> Tensor:
    """x several times along each axis. Missing axes of x, or missing repetitions, are ones in front.

    Raises:
        ArgumentError: a negative number.
    """
    need_tensors("tile", x)
    times = integers("tile", repetitions)
    if any(n < 0 for n in times):
        raise ArgumentError(f"tile: numbers of 0 or more are needed; got {repetitions!r:.80}", argument=repetitions)
    times = (1,) * (x.ndim - len(times)) + times
    out = reshape(x, (1,) * (len(times) - x.ndim) + x.shape)
    for d, n in reversed(list(enumerate(times))):
        if n != 1:
            out = _spread(out, d, n, (*out.shape[:d], out.shape[d] * n, *out.shape[d + 1 :]))
    return out


def roll(x: Tensor, /, shift: int | Sequence[int], *, axis: int | Sequence[int] | None = None) -> Tensor:
    """Elements moved along axes, towards larger indices; those that leave at the end come back at the start.

    Args:
        x: any shape.
        shift: by how many places; a tuple goes with a tuple of axes.
        axis: one axis or several; None moves the flattened elements and gives them back their shape.

    Raises:
        ArgumentError: not as many shifts as axes.
        DimensionError: an axis out of range.
    """
    need_tensors("roll", x)
    shifts = integers("roll", shift)
    if axis is None:
        if len(shifts) != 1:
            raise ArgumentError(f"roll: one shift is needed without an axis; got {shift!r:.80}", argument=shift)
        return reshape(_rolled(reshape(x, (x.size,)), shifts[0], 0), x.shape)
    axes = [normalize_axis("roll", a, x.ndim) for a in integers("roll", axis)]
    if not isinstance(shift, (tuple, list)):
        shifts *= len(axes)
    if len(shifts) != len(axes):
        raise ArgumentError(f"roll: as many shifts as axes are needed; got {shift}, {axis}", argument=shift)
    for n, at in zip(shifts, axes, strict=True):
        x = _rolled(x, n, at)
    return x


def _rolled(x: Tensor, n: int, at: int) -> Tensor:
    size = x.shape[at]
    n = n % size if size else 0
    if n == 0:
        return x
    lead = (slice(None),) * at
    return concat([x[(*lead, slice(size - n, None))], x[(*lead, slice(None, size - n))]], axis=at)


def unstack(x: Tensor, /, *, axis: int = 0) -> tuple[Tensor, ...]:
    """The slices along an axis, which they lack; views.

    Raises:
        DimensionError: axis out of range.
    """
    need_tensors("unstack", x)
    at = normalize_axis("unstack", axis, x.ndim)
    lead = (slice(None),) * at
    return tuple(x[(*lead, i)] for i in range(x.shape[at]))
