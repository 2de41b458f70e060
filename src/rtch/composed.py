# SPDX-License-Identifier: MIT
"""Elementwise functions made of other ops: clip, diff, and the parts of complex numbers."""

from __future__ import annotations

import operator
from typing import Any

from rtch._c import lib
from rtch.creation import zeros_like
from rtch.dtypes import promote
from rtch.errors import ArgumentError, DTypeError
from rtch.manipulation import concat, sum_to
from rtch.ops.row import F
from rtch.ops.table import BY_NAME
from rtch.tensor import Tensor, binary, need_tensors, normalize_axis, scalar_like, snapshot, structure, where

_CLIP, _MAXIMUM, _MINIMUM, _SUBTRACT = (BY_NAME[name] for name in ("clip", "maximum", "minimum", "subtract"))
_REAL, _IMAG = BY_NAME["real"], BY_NAME["imag"]


def clip(x: Tensor, /, min: Any = None, max: Any = None) -> Tensor:
    """x moved into [min, max]; max where min is above max. NaN if x or a bound is.

    The gradient passes where x equals a bound.

    Args:
        x: any shape.
        min: a number, a tensor that broadcasts with x, or None for no bound.
        max: as min.

    Dtype: integers or floating; the result has that of x, and so a bound of a wider dtype or a higher kind is refused.

    Raises:
        ArgumentError: a number that an integer dtype does not hold.
        BroadcastError: the shapes do not fit together.
        DTypeError: a dtype that the op does not take.
    """
    need_tensors("clip", x)
    if x.dtype.is_complex or x.dtype.kind == "b" or x.dtype.is_storage:
        raise DTypeError(f"clip: integers or floating are needed; got {x.dtype.name}", dtype=x.dtype)
    low, high = _bound("min", min, x), _bound("max", max, x)
    out = snapshot(x)
    if low is not None:
        out = binary(_MAXIMUM, out, snapshot(low))
    if high is not None:
        out = binary(_MINIMUM, out, snapshot(high))
    return structure(_CLIP, lib.rt_retain(out._h), (x, low, high))


def _bound(name: str, value: Any, x: Tensor) -> Tensor | None:
    """A bound as a tensor whose dtype leaves that of x as it is."""
    if value is None:
        return None
    bound = value if isinstance(value, Tensor) else scalar_like(_CLIP, value, x)
    if promote(bound.dtype, x.dtype) is not x.dtype:
        raise DTypeError(
            f"clip: {name} must not widen {x.dtype.name}; got {bound.dtype.name}; use astype", dtype=bound.dtype
        )
    return bound


def clip_grad_x(g: Tensor, x: Tensor, low: Tensor | None, high: Tensor | None) -> Tensor:
    """The gradient of clip towards x: g where x is within the bounds."""
    if low is not None:
        g = where(x >= low, g, 0)
    if high is not None:
        g = where(x <= high, g, 0)
    return sum_to(g, x.shape)


def clip_grad_low(g: Tensor, x: Tensor, low: Tensor, high: Tensor | None) -> Tensor:
    """The gradient of clip towards min: g where x lies below it, and it not above max."""
    g = where(x < low, g, 0)
    if high is not None:
        g = where(low < high, g, 0)
    return sum_to(g, low.shape)


def clip_grad_high(g: Tensor, x: Tensor, low: Tensor | None, high: Tensor) -> Tensor:
    """The gradient of clip towards max: g where what min leaves of x lies above it."""
    above = x > high
    if low is not None:
        above = F.logical_or(above, low > high)
    return sum_to(where(above, g, 0), high.shape)


def diff(
    x: Tensor, /, *, axis: int = -1, n: int = 1, prepend: Tensor | None = None, append: Tensor | None = None
) -> Tensor:
    """Differences of neighbours along an axis, ``x[i + 1] - x[i]``, n times over.

    Args:
        x: any shape but 0-d, of a numeric dtype.
        axis: the axis.
        n: how many times.
        prepend: what stands before x along the axis.
        append: what stands behind it.

    Raises:
        ArgumentError: n is negative or no integer.
        BroadcastError: prepend or append does not fit.
        DimensionError: axis out of range.
        DTypeError: bool or a storage dtype.
    """
    parts = [part for part in (prepend, x, append) if part is not None]
    need_tensors("diff", *parts)
    at = normalize_axis("diff", axis, x.ndim)
    if not hasattr(n, "__index__") or operator.index(n) < 0:
        raise ArgumentError(f"diff: n must be an integer of 0 or more; got {n!r:.80}", argument=n)
    out = concat(parts, axis=at) if len(parts) > 1 else F.positive(x)
    lead = (slice(None),) * at
    for _ in range(min(operator.index(n), max(out.shape[at], 1))):
        out = binary(_SUBTRACT, out[(*lead, slice(1, None))], out[(*lead, slice(None, -1))])
    return out


def real(x: Tensor, /) -> Tensor:
    """The real part of a complex x, a view; of a real x its value.

    Raises:
        DTypeError: bool.
    """
    _need_number("real", x)
    return structure(_REAL, lib.rt_part(x._h, 0), (x,)) if x.dtype.is_complex else F.positive(x)


def imag(x: Tensor, /) -> Tensor:
    """The imaginary part of a complex x, a view; zeros for a real x.

    Raises:
        DTypeError: bool.
    """
    _need_number("imag", x)
    return structure(_IMAG, lib.rt_part(x._h, 1), (x,)) if x.dtype.is_complex else zeros_like(x)


def _need_number(where_: str, x: Tensor) -> None:
    need_tensors(where_, x)
    if x.dtype.kind == "b":
        raise DTypeError(f"{where_}: a numeric dtype is needed; got bool", dtype=x.dtype)


for _function in (clip_grad_high, clip_grad_low, clip_grad_x, imag, real):
    setattr(F, _function.__name__, _function)
