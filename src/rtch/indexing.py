# SPDX-License-Identifier: MIT
"""Indexing by integer tensors and boolean masks, by NumPy's rules; basic keys are views and handled by the Tensor.

A mask counts as the index tensors of its true elements. All index tensors of a key broadcast together. What they select
stands where they stood if they stand side by side, else in front. An integer beside an index tensor is one too.
"""

from __future__ import annotations

import math
from typing import Any

from rtch._c import failure, lib
from rtch.creation import asarray, zeros
from rtch.dtypes import bool_, int64, promote
from rtch.errors import BroadcastError, DimensionError, DTypeError
from rtch.manipulation import as_int64, astype, broadcast_to, permute_dims, reshape
from rtch.ops.row import F
from rtch.ops.table import BY_NAME
from rtch.ranges import arange
from rtch.tensor import (
    Tensor,
    basic_spec,
    become,
    getitem,
    grad_mode,
    refuse_leaf_write,
    share,
    snapshot,
    structure,
    where,
    write,
)

_GATHER, _SCATTER, _SCATTER_ADD = BY_NAME["gather_nd"], BY_NAME["scatter_nd"], BY_NAME["scatter_nd_add"]


class _Index:
    """One item of a key: a slice of an axis, a new axis, or an index tensor along an axis (None: of a new axis)."""

    __slots__ = ("axis", "index", "item")

    def __init__(self, item: Any, axis: int | None, index: Tensor | None = None) -> None:
        self.item = item
        self.axis = axis
        self.index = index


def index_tensor(item: Any) -> Tensor:
    """An item of a key as a tensor of int64 or bool."""
    made = snapshot(item) if isinstance(item, Tensor) else asarray(item)
    if made.dtype is bool_ or made.dtype is int64:
        return made
    if made.size and not made.dtype.is_integer:
        raise DTypeError(f"index: integers or bool are needed; got {made.dtype.name}", dtype=made.dtype)
    return as_int64(made)


def _items(t: Tensor, key: Any) -> list[_Index]:
    """The key with masks as index tensors, Ellipsis as slices, and every axis of t accounted for."""
    given = list(key) if isinstance(key, tuple) else [key]
    made: list[Any] = []
    n_axes = 0
    for item in given:
        if item is None or item is Ellipsis or isinstance(item, slice):
            made.append(item)
            n_axes += isinstance(item, slice)
            continue
        index = asarray(item) if isinstance(item, bool) else index_tensor(item)
        made.append(index)
        n_axes += index.ndim if index.dtype is bool_ else 1
    ellipses = sum(item is Ellipsis for item in made)
    if ellipses > 1:
        raise DimensionError("index: one Ellipsis at most; got more", ndim=t.ndim, shape=t.shape)
    if n_axes > t.ndim:
        raise DimensionError(
            f"index: at most {t.ndim} indices are taken; got {n_axes} for shape {list(t.shape)}",
            ndim=t.ndim,
            shape=t.shape,
        )
    if not ellipses:
        made.append(Ellipsis)
    out: list[_Index] = []
    axis = 0
    for item in made:
        if item is None:
            out.append(_Index(None, None))
        elif item is Ellipsis:
            rest = t.ndim - n_axes
            out += [_Index(slice(None), axis + i) for i in range(rest)]
            if rest == 0:
                out.append(_Index(Ellipsis, None))  # separates index tensors all the same
            axis += rest
        elif isinstance(item, slice):
            out.append(_Index(item, axis))
            axis += 1
        elif item.dtype is bool_:
            for found in _of_mask(t, item, axis):
                out.append(_Index(item, axis if item.ndim else None, found))
                axis += item.ndim > 0
        else:
            _check_bounds(t, item, axis)
            out.append(_Index(item, axis, item))
            axis += 1
    if not ellipses and out[-1].item is Ellipsis:
        out.pop()
    return out


def _of_mask(t: Tensor, mask: Tensor, axis: int) -> list[Tensor]:
    """A mask as index tensors; that of a 0-d mask is along a new axis of size one."""
    if mask.ndim == 0:
        return [zeros((int(bool(mask)),), dtype=int64)]
    covered = t.shape[axis : axis + mask.ndim]
    if any(size not in (0, n) for size, n in zip(mask.shape, covered, strict=True)):
        raise DimensionError(
            "index: a mask must have the shape of the axes it covers, or size 0 there; "
            f"got {list(mask.shape)} for {list(covered)}",
            axis=axis,
            shape=t.shape,
        )
    return list(F.indices_of_true(mask))


def _check_bounds(t: Tensor, index: Tensor, axis: int) -> None:
    size = t.shape[axis]
    if index.size and not (-size <= F.min(index).item() and F.max(index).item() < size):
        wrong = next(i for i in reshape(index, (-1,)).tolist() if not -size <= i < size)
        raise DimensionError(
            f"index: {wrong} is out of range for axis {axis} of size {size}; got shape {list(t.shape)}",
            axis=axis,
            shape=t.shape,
        )


def _together(indices: list[Tensor]) -> tuple[int, ...]:
    shape: tuple[int, ...] = ()
    for index in indices:
        shape = broadcast_shapes("index", shape, index.shape)
    return shape


def broadcast_shapes(where_: str, a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of two shapes together.

    Raises:
        BroadcastError: they do not fit.
    """
    n = max(len(a), len(b))
    wide = [(1,) * (n - len(s)) + s for s in (a, b)]
    if any(x != y and 1 not in (x, y) for x, y in zip(*wide, strict=True)):
        raise BroadcastError(f"{where_}: shapes do not fit together; got {list(a)} and {list(b)}", shapes=(a, b))
    return tuple(y if x == 1 else x for x, y in zip(*wide, strict=True))


def _split(items: list[_Index]) -> tuple[list[_Index], int]:
    """The items but for an Ellipsis of no axes, and how many stand before what the index tensors select."""
    at = [i for i, item in enumerate(items) if item.index is not None]
    adjacent = at[-1] - at[0] == len(at) - 1
    kept = [item for item in items if item.item is not Ellipsis]
    return kept, next(i for i, item in enumerate(kept) if item.index is not None) if adjacent else 0


def get(t: Tensor, key: Any) -> Tensor:
    """``t[key]`` for a key with index tensors or masks; a copy."""
    if isinstance(key, Tensor) and key.dtype is int64 and t.ndim:  # rows, at once
        index = snapshot(key)
        h = lib.rt_gather(t._h, 1, [0], [index._h])
        if h:
            return structure(_GATHER, h, (t,), {"axes": [0], "indices": [index]})
    items, before = _split(_items(t, key))
    basic = tuple(
        (None if item.axis is None else slice(None)) if item.index is not None else item.item for item in items
    )
    spec = basic_spec(t, basic)
    assert spec is not None
    view = getitem(t, spec)
    axes = [d for d, item in enumerate(items) if item.index is not None]
    indices = [item.index for item in items if item.index is not None]
    shape = _together(indices)
    out = gather_nd(view, axes, [broadcast_to(index, shape) for index in indices])
    if before:
        lead = len(shape)
        out = permute_dims(out, (*range(lead, lead + before), *range(lead), *range(lead + before, out.ndim)))
    return out


def positions(t: Tensor, key: Any) -> tuple[list[int], list[Tensor], tuple[int, ...]]:
    """The axes that a key selects along, their index tensors, all of one shape, and the shape of the selection."""
    items, before = _split(_items(t, key))
    if any(item.axis is None and item.index is not None for item in items):
        return _numbered_positions(t, key)
    block = _together([item.index for item in items if item.index is not None])
    others = [item for item in items if item.index is None]
    sizes = [1 if item.axis is None else len(range(*item.item.indices(t.shape[item.axis]))) for item in others]
    selection = (*sizes[:before], *block, *sizes[before:])
    # Whole axes at the end of both are left alone.
    kept = 0
    while kept < len(others) - before and others[-1 - kept].axis == t.ndim - 1 - kept:
        if others[-1 - kept].item != slice(None):
            break
        kept += 1
    shape = selection[: len(selection) - kept]

    def spread(index: Tensor, n_after: int) -> Tensor:
        return broadcast_to(reshape(index, (*index.shape, *(1,) * n_after)), shape)

    axes, tensors = [], []
    for item in items:
        if item.axis is None:
            continue
        if item.index is not None:
            axes.append(item.axis)
            tensors.append(spread(item.index, len(shape) - before - len(block)))
        else:
            at = others.index(item) + (len(block) if others.index(item) >= before else 0)
            if at < len(shape):
                axes.append(item.axis)
                start, stop, step = item.item.indices(t.shape[item.axis])
                tensors.append(spread(arange(start, stop, step), len(shape) - at - 1))
    return axes, tensors, selection


def _numbered_positions(t: Tensor, key: Any) -> tuple[list[int], list[Tensor], tuple[int, ...]]:
    """`positions` for the rare keys with a mask of no dimensions: reads the number of every element by the key."""
    numbers = get(reshape(arange(t.size), t.shape), key)
    indices = []
    for d, size in enumerate(t.shape):
        step = max(1, math.prod(t.shape[d + 1 :]))
        indices.append(F.remainder(F.floor_divide(numbers, step), max(1, size)))
    return list(range(t.ndim)), indices, numbers.shape


def put(t: Tensor, key: Any, value: Any) -> None:
    """``t[key] = value`` for a key with index tensors or masks. Of several writes to one element the last stays, in
    row-major order of the selection.
    """
    if value is t:
        value = snapshot(value)
    if not isinstance(value, Tensor):
        value = asarray(value, dtype=t.dtype)
    elif promote(value.dtype, t.dtype) is not t.dtype:
        raise DTypeError(f"setitem: {value.dtype.name} does not fit in {t.dtype.name}; use astype first")
    refuse_leaf_write("setitem", t)
    if value.ndim == 0 and _is_mask_of(t, key):
        become(t, where(asarray(key), value, t))
        return
    if t.ndim == 0:  # a mask of no dimensions: everything or nothing
        if get(t, key).size:
            t[...] = reshape(value, ())
        return
    axes, indices, selection = positions(t, key)
    value = to_selection("setitem", value, selection)
    if (t._h.node or value._h.node) and grad_mode.enabled:
        become(t, scatter_nd(share(t), axes, indices, value))
        return
    _scatter_into(t, axes, indices, value, False)


def _is_mask_of(t: Tensor, key: Any) -> bool:
    """Whether a key is one mask over all of t."""
    dtype, shape = getattr(key, "dtype", None), getattr(key, "shape", None)
    return t.ndim > 0 and shape == t.shape and (dtype is bool_ or getattr(dtype, "name", "") == "bool")


def to_selection(where_: str, value: Tensor, selection: tuple[int, ...]) -> Tensor:
    """A value in the shape of a selection; leading axes of size one may be left out.

    Raises:
        BroadcastError: it does not fit.
    """
    while value.ndim > len(selection) and value.shape[0] == 1:
        value = reshape(value, value.shape[1:])
    try:
        return broadcast_to(value, selection)
    except BroadcastError as error:
        raise BroadcastError(
            f"{where_}: the value does not broadcast to the selection; got "
            f"{value.dtype.name}{list(value.shape)} and {list(selection)}",
            shapes=(value.shape, selection),
        ) from error


def _scatter_into(t: Tensor, axes: list[int], indices: list[Tensor], value: Tensor, accumulate: bool) -> None:
    if value.size == 0:
        return
    handles = [index._h for index in indices]

    def call(h: Any) -> Any:
        return lib.rt_scatter(h, len(axes), axes, handles, value._h, accumulate)

    write("setitem", t, call, lambda: (t, value))


def gather_nd(x: Tensor, axes: list[int], indices: list[Tensor]) -> Tensor:
    """Elements of x at index tensors of one shape B along axes: shape B, then the axes of x that are left."""
    h = lib.rt_gather(x._h, len(axes), axes, [index._h for index in indices])
    if not h:
        raise failure("gather_nd", x, *indices)
    return structure(_GATHER, h, (x,), {"axes": axes, "indices": indices})


def scatter_nd(x: Tensor, axes: list[int], indices: list[Tensor], y: Tensor | float) -> Tensor:
    """A copy of x in which y, which has the shape that `gather_nd` gives or broadcasts to it, stands at the indices."""
    shape = (*indices[0].shape, *(n for d, n in enumerate(x.shape) if d not in axes))
    value = broadcast_to(y if isinstance(y, Tensor) else asarray(y, dtype=x.dtype), shape)
    out = snapshot(x)
    _scatter_into(out, axes, indices, value, False)
    return structure(_SCATTER, lib.rt_retain(out._h), (x, value), {"axes": axes, "indices": indices})


def gather_nd_last(g: Tensor, shape: tuple[int, ...], axes: list[int], indices: list[Tensor]) -> Tensor:
    """The gradient of scatter_nd towards y: g at the indices, 0 where a later write came to the element."""
    numbers = reshape(arange(indices[0].size), indices[0].shape)
    last = zeros(tuple(shape[axis] for axis in axes), dtype=int64)
    every = list(range(len(axes)))
    _scatter_into(last, every, indices, numbers, False)
    stays = gather_nd(last, every, indices) == numbers
    n_kept = len(shape) - len(axes)
    return F.where(reshape(stays, (*stays.shape, *(1,) * n_kept)), gather_nd(g, axes, indices), 0)  # type: ignore[no-any-return]


def scatter_nd_add(x: Tensor, axes: list[int], indices: list[Tensor], y: Tensor) -> Tensor:
    """A copy of x to which y, of the shape that `gather_nd` gives, is added at the indices, in row-major order."""
    out = snapshot(x)
    y = astype(y, x.dtype)
    _scatter_into(out, axes, indices, y, True)
    return structure(_SCATTER_ADD, lib.rt_retain(out._h), (x, y), {"axes": axes, "indices": indices})


def scatter_nd_add_zeros(g: Tensor, shape: tuple[int, ...], axes: list[int], indices: list[Tensor]) -> Tensor:
    """The gradient of gather_nd."""
    return scatter_nd_add(zeros(shape, dtype=g.dtype), axes, indices, g)


F.gather_nd = gather_nd
F.gather_nd_last = gather_nd_last
F.scatter_nd = scatter_nd
F.scatter_nd_add = scatter_nd_add
F.scatter_nd_add_zeros = scatter_nd_add_zeros
F.read_at = get
F.write_at = put
