# SPDX-License-Identifier: MIT
"""Elementwise functions made of other ops: clip, diff, closeness, replacing NaN, and the parts of complex numbers."""

from __future__ import annotations

import math
import operator
from typing import Any

from rtch import functions
from rtch._c import failure, lib
from rtch.creation import zeros_like
from rtch.dtype_functions import finfo
from rtch.dtypes import float64, promote
from rtch.errors import ArgumentError, DTypeError
from rtch.manipulation import astype, concat, sum_to
from rtch.ops.row import F, method
from rtch.ops.table import BY_NAME
from rtch.tensor import Tensor, binary, need_tensors, normalize_axis, scalar_like, snapshot, structure, where

_LERP, _NAN_TO_NUM = BY_NAME["lerp"], BY_NAME["nan_to_num"]
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


@method
def nan_to_num(x: Tensor, /, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None) -> Tensor:
    """x with numbers for NaN and infinities, in either part of complex ones. What is replaced has no gradient.

    Args:
        x: any shape.
        nan: for NaN.
        posinf: for infinity; the largest number of the dtype where None.
        neginf: for minus infinity; the smallest number of the dtype where None.

    Dtype: any; the result has the same.

    Raises:
        DTypeError: a storage dtype.
    """
    need_tensors("nan_to_num", x)
    if x.dtype.is_complex:
        parts = (nan_to_num(part, nan, posinf, neginf) for part in (real(x), imag(x)))
        return F.add(next(parts), F.multiply(next(parts), 1j))  # type: ignore[no-any-return]
    if not x.dtype.is_floating:
        if x.dtype.is_storage:
            raise DTypeError(f"nan_to_num: use astype(rtch.float32) first; got {x.dtype.name}", dtype=x.dtype)
        return x
    largest = finfo(x.dtype).max
    high, low = largest if posinf is None else posinf, -largest if neginf is None else neginf
    return structure(_NAN_TO_NUM, lib.rt_nan_to_num(x._h, nan, high, low), (x,))


@method
def isclose(x: Tensor, y: Tensor, /, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> Tensor:
    """Where ``|x - y| <= atol + rtol * |y|``, or x equals y, as infinities do.

    Args:
        x: any shape.
        y: a shape that broadcasts with x's.
        rtol: how far they may be apart relative to y.
        atol: how far they may be apart besides.
        equal_nan: NaN is close to NaN.

    Dtype: any, promoted; integers are compared in float64. The result is bool.

    Raises:
        ArgumentError: rtol or atol is negative or NaN.
        BroadcastError: the shapes do not fit together.
        DTypeError: dtypes that have none together.
    """
    need_tensors("isclose", x, y)
    for name, value in (("rtol", rtol), ("atol", atol)):
        if not value >= 0:
            raise ArgumentError(f"isclose: {name} must be 0 or more; got {value!r:.80}", argument=value)
    x, y = x.detach(), y.detach()
    try:
        close = x == y
    except DTypeError as error:
        raise failure("isclose", x, y, status=lib.RT_ERR_DTYPE) from error
    if equal_nan:
        close = F.logical_or(close, F.logical_and(F.isnan(x), F.isnan(y)))
    if rtol == 0 and atol == 0:
        return close
    x, y = (astype(t, float64) if t.dtype.kind in "biu" else t for t in (x, y))
    apart = abs(x - y)
    return F.logical_or(close, F.logical_and(F.isfinite(apart), apart <= abs(y) * rtol + atol))  # type: ignore[no-any-return]


@method
def allclose(x: Tensor, y: Tensor, /, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> bool:
    """Whether `isclose` holds everywhere. Arguments and errors as there."""
    return bool(isclose(x, y, rtol, atol, equal_nan).all())


@method
def lerp(x: Tensor, /, end: Tensor, weight: Tensor | float) -> Tensor:
    """``x + weight * (end - x)``, or from a weight of 1/2 on ``end - (end - x) * (1 - weight)``, which is end at 1.

    Args:
        x: any shape.
        end: a shape that broadcasts with x's.
        weight: a number, or a tensor whose shape broadcasts with theirs.

    Dtype: floating or complex, promoted.

    Raises:
        BroadcastError: the shapes do not fit together.
        DTypeError: integers or bool.
    """
    need_tensors("lerp", x, end)
    for t in (x, end, weight):
        if isinstance(t, Tensor) and not (t.dtype.is_floating or t.dtype.is_complex):
            raise DTypeError(f"lerp: floating or complex operands are needed; got {t.dtype.name}", dtype=t.dtype)
    w = weight if isinstance(weight, Tensor) else scalar_like(_LERP, weight, x)
    if not (x.dtype.is_complex or end.dtype.is_complex or w.dtype.is_complex):
        return structure(_LERP, lib.rt_lerp(x._h, end._h, w._h), (x, end, w))
    way = end - x
    return where(abs(w) < 0.5, x + way * w, end - way * (1 - w))


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


def norm_of(x: Tensor, axes: tuple[int, ...], keepdims: bool, ord: float) -> Tensor:
    """``sum(|x|**ord)**(1 / ord)`` over axes of floating or complex x; the largest or smallest magnitude for inf or
    -inf, of which there must be one, and how many elements are not 0 for 0. The gradient at zeros is 0.
    """
    if ord == 0:
        return astype(functions.count_nonzero(x, axis=axes, keepdims=keepdims), x.dtype.real)
    if ord == 2:
        squares = real(x * functions.conj(x)) if x.dtype.is_complex else functions.square(x)
        return _root(functions.sum(squares, axis=axes, keepdims=keepdims), 2)
    sizes = functions.abs(x)
    if math.isinf(ord):
        return (functions.max if ord > 0 else functions.min)(sizes, axis=axes, keepdims=keepdims)
    if ord == 1:
        return functions.sum(sizes, axis=axes, keepdims=keepdims)
    total = functions.sum(functions.pow(sizes, ord), axis=axes, keepdims=keepdims)
    return _root(total, ord) if ord > 0 else functions.pow(total, 1 / ord)


def _root(total: Tensor, n: float) -> Tensor:
    """The n-th root, whose gradient at 0 is 0."""
    if not total._h.node:
        return functions.sqrt(total) if n == 2 else functions.pow(total, 1 / n)
    flat = total == 0
    inside = where(flat, 1, total)
    return where(flat, 0, functions.sqrt(inside) if n == 2 else functions.pow(inside, 1 / n))


for _function in (clip_grad_high, clip_grad_low, clip_grad_x, imag, real):
    setattr(F, _function.__name__, _function)
