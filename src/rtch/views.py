# SPDX-License-Identifier: MIT
"""Views that reach elements in an order of their own: any strides, sliding windows, diagonals. Each costs O(1).

Where indices share elements (windows that overlap), the view can be read like any other and not be written to: a write
raises OverlappingLayoutError. A view made by broadcasting is a value whose elements repeat; a write to it first gives
it memory of its own.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

from rtch._c import failure, lib
from rtch.creation import shape_of, zeros
from rtch.errors import ArgumentError, AutogradError, DimensionError
from rtch.manipulation import index_add, reshape
from rtch.ops.row import F
from rtch.ops.table import BY_NAME
from rtch.ranges import arange
from rtch.tensor import Tensor, need_tensors, normalize_axis, structure

__all__ = ["diagonal", "from_strides", "sliding_window_view"]


def _integers(where: str, what: str, values: Any) -> tuple[int, ...]:
    try:
        made = tuple(operator.index(v) for v in (values if isinstance(values, (tuple, list)) else (values,)))
    except TypeError as error:
        raise ArgumentError(f"{where}: {what} of integers is needed; got {values!r:.80}", argument=values) from error
    if not all(-(2**63) <= v < 2**63 for v in made):
        raise ArgumentError(f"{where}: {what} of 64 bits is needed; got {values!r:.80}", argument=values)
    return made


def from_strides(x: Tensor, /, shape: Any, strides: Any, offset: int = 0) -> Tensor:
    """A view of any layout over x's memory: element (i, j, ...) is the one at offset + i * strides[0] + j * strides[1]
    + ..., counted in elements of memory from x's first one.

    What it reaches depends on where x's elements lie, which `x.strides` shows; `rtch.concat([x])` is row-major. Strides
    may be zero or negative. A layout whose indices share elements can be read, not written to.

    The gradient adds up, in row-major order of the view, what reaches each element of x; elements that x does not have
    get none.

    Args:
        x: any shape.
        shape: sizes of 0 or more.
        strides: as many integers.
        offset: of the first element; may be negative where x is itself a view.

    Raises:
        ArgumentError: not as many strides as sizes, or a negative size.
        InvalidLayoutError: the layout reaches outside x's memory, or its size overflows.
        AutogradError: x requires grad and its own indices share elements.
    """
    need_tensors("from_strides", x)
    sizes, steps = shape_of("from_strides", shape), _integers("from_strides", "a tuple", strides)
    (start,) = _integers("from_strides", "an offset", offset)
    if len(sizes) != len(steps):
        raise ArgumentError(f"from_strides: a stride per size is needed; got {list(sizes)} and {list(steps)}")
    if x.requires_grad and x.layout in ("broadcast", "overlapping"):
        raise AutogradError(
            "from_strides: the gradient of an x whose indices share elements is not defined; use x + 0; "
            f"got strides {list(x.strides)}"
        )
    attrs = {"layout": x.strides, "shape": sizes, "strides": steps, "offset": start} if x.requires_grad else None
    return structure(BY_NAME["from_strides"], _view("from_strides", x, sizes, steps, start), (x,), attrs)


def _view(where: str, x: Tensor, shape: Sequence[int], strides: Sequence[int], offset: int) -> Any:
    h = lib.rt_from_strides(x._h, len(shape), shape, strides, offset)
    if not h:
        layout = f"shape {list(shape)}, strides {list(strides)} and offset {offset}"
        rule = f"{layout} must stay inside the memory of x" if lib.rt_last_status() == lib.RT_ERR_BOUNDS else ""
        raise failure(where, x, rule=rule)
    return h


def sliding_window_view(x: Tensor, /, window_shape: Any, axis: int | tuple[int, ...] | None = None) -> Tensor:
    """All windows of a shape that slide over x by one element: a view with the windows' axes appended.

    ``sliding_window_view(x, 3)[i]`` is ``x[i : i + 3]`` for one dimension. As in NumPy.

    Args:
        x: any shape.
        window_shape: a size per axis, from 1 to x's.
        axis: the axes to slide along, repeated ones in turn; None: all of them, one size each.

    Raises:
        ArgumentError: a window of no elements, one larger than x, or not one size per axis.
        DimensionError: an axis out of range.
    """
    need_tensors("sliding_window_view", x)
    sizes = _integers("sliding_window_view", "a window shape", window_shape)
    given = range(x.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    axes = tuple(normalize_axis("sliding_window_view", a, x.ndim) for a in given)
    if len(axes) != len(sizes):
        raise ArgumentError(f"sliding_window_view: a size per axis is needed; got {list(sizes)} for axes {list(axes)}")
    shape, strides = list(x.shape), list(x.strides)
    for size, a in zip(sizes, axes, strict=True):
        if not 1 <= size <= shape[a]:
            raise ArgumentError(
                f"sliding_window_view: windows of 1 to {shape[a]} are needed along axis {a}; got {size}", argument=size
            )
        shape[a] -= size - 1
    if len(shape) + len(sizes) > lib.RT_MAX_NDIM:
        raise DimensionError(
            f"sliding_window_view: at most {lib.RT_MAX_NDIM} dimensions; got {len(shape) + len(sizes)}"
        )
    shape, strides = [*shape, *sizes], [*strides, *(x.strides[a] for a in axes)]
    h = _view("sliding_window_view", x, shape, strides, 0)
    return structure(BY_NAME["sliding_window_view"], h, (x,), {"window_shape": sizes, "axes": axes})


def diagonal(x: Tensor, /, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """The diagonal of two axes, as a new last axis in their place: a view. As in NumPy.

    Args:
        x: two dimensions or more.
        offset: above the main diagonal where positive, below it where negative.
        axis1: the axis of rows.
        axis2: the axis of columns.

    Raises:
        DimensionError: an axis out of range, or twice the same.
    """
    need_tensors("diagonal", x)
    (above,) = _integers("diagonal", "an offset", offset)
    rows, columns = (normalize_axis("diagonal", a, x.ndim) for a in (axis1, axis2))
    if rows == columns:
        raise DimensionError(f"diagonal: two axes are needed; got {axis1} and {axis2}", axis=axis1, ndim=x.ndim)
    kept = [d for d in range(x.ndim) if d not in (rows, columns)]
    shape, strides = x.shape, x.strides
    n = max(0, min(shape[rows] + min(above, 0), shape[columns] - max(above, 0)))
    start = max(-above, 0) * strides[rows] + max(above, 0) * strides[columns] if n else 0
    h = _view(
        "diagonal",
        x,
        [*(shape[d] for d in kept), n],
        [*(strides[d] for d in kept), strides[rows] + strides[columns]],
        start,
    )
    return structure(BY_NAME["diagonal"], h, (x,), {"offset": above, "axis1": rows, "axis2": columns})


# What gradients need ------------------------------------------------------------------------------------------------


def scatter_view(g: Tensor, shape: tuple[int, ...], view: Callable[[Tensor], Tensor]) -> Tensor:
    """The gradient of a view that picks elements of a tensor of `shape`: g added up where the view reads, in row-major
    order of g.
    """
    n = 1
    for size in shape:
        n *= size
    places = view(reshape(arange(n), shape))
    return reshape(index_add(zeros(n, dtype=g.dtype), 0, reshape(places, -1), reshape(g, -1)), shape)


def scatter_strides(
    g: Tensor, x_shape: tuple[int, ...], layout: tuple[int, ...], shape: tuple[int, ...], strides: Any, offset: int
) -> Tensor:
    """The gradient of from_strides towards x, which had x_shape and the strides `layout`."""
    if not all(x_shape) or not all(shape):
        return zeros(x_shape, dtype=g.dtype)
    corners = [0, 0]  # the lowest and highest place that either reaches, from x's first element
    for sizes, steps, start in ((x_shape, layout, 0), (shape, strides, offset)):
        spans = [(n - 1) * s for n, s in zip(sizes, steps, strict=True)]
        corners[0] = min(corners[0], start + sum(s for s in spans if s < 0))
        corners[1] = max(corners[1], start + sum(s for s in spans if s > 0))
    low, n = corners[0], corners[1] - corners[0] + 1
    places = from_strides(arange(n), shape, strides, offset - low)
    memory = index_add(zeros(n, dtype=g.dtype), 0, reshape(places, -1), reshape(g, -1))
    return from_strides(memory, x_shape, layout, -low)


for _function in (diagonal, from_strides, scatter_strides, scatter_view, sliding_window_view):
    setattr(F, _function.__name__, _function)
