# SPDX-License-Identifier: MIT
"""Functions of whole rows, fused in C: softmax, its logarithm, logsumexp; and what `nn.functional` makes cross entropy
and the normalising layers of."""

from __future__ import annotations

from typing import Any, NamedTuple

from rtch._c import failure, ffi, lib
from rtch.creation import checked
from rtch.dtypes import as_dtype, float32
from rtch.errors import DTypeError
from rtch.functions import exp, isfinite, sqrt, square
from rtch.gathering import take_along_axis
from rtch.manipulation import astype, expand_dims, reshape, spread, squeeze, sum_to
from rtch.ops.row import F
from rtch.ops.table import BY_NAME
from rtch.tensor import Tensor, axes_mask, grad_mode, need_tensors, reduce, snapshot, structure, where, wrap

_SOFTMAX, _LOG_SOFTMAX, _LOGSUMEXP = (BY_NAME[name] for name in ("softmax", "log_softmax", "logsumexp"))
_CROSS_ENTROPY, _CROSS_ENTROPY_GRAD = (
    BY_NAME[name] for name in ("softmax_cross_entropy", "softmax_cross_entropy_grad")
)
_STANDARDIZE, _STANDARDIZE_GRAD, _STANDARDIZE_GRAD_WEIGHT = (
    BY_NAME[name] for name in ("standardize", "standardize_grad", "standardize_grad_weight")
)
_SUM, _MEAN, _VAR = (BY_NAME[name] for name in ("sum", "mean", "var"))


def _floating(where_: str, x: Tensor, dtype: Any = None) -> Tensor:
    """x in a dtype asked for, else float32 for bool and integers."""
    need_tensors(where_, x)
    kept = x.dtype.is_floating or x.dtype.is_storage
    wanted = as_dtype(dtype) if dtype is not None else x.dtype if kept else float32
    if x.dtype.is_complex or not wanted.is_floating or wanted.is_storage:
        got = wanted if not x.dtype.is_complex else x.dtype
        raise DTypeError(f"{where_}: float32 or float64 is needed; got {got.name}", op=where_, dtype=got)
    return x if x.dtype is wanted else astype(x, wanted)


def _axes(mask: int, ndim: int) -> tuple[int, ...]:
    return tuple(d for d in range(ndim) if mask >> d & 1)


def _mask(where_: str, axis: int | tuple[int, ...] | None, ndim: int) -> int:
    """The axes of a row; a 0-d tensor, whose one axis may be named as if it were there, has a row of one."""
    return axes_mask(where_, axis, ndim) if ndim else axes_mask(where_, axis, 1) & 0


def softmax(x: Tensor, /, axis: int, *, dtype: Any = None) -> Tensor:
    """e^x divided by its sum along an axis: positive numbers that add up to 1.

    NaN where the row has NaN or an infinity of the sign +, or is -inf throughout.

    Args:
        x: any shape; bool and integers become float32. A 0-d x is a row of one.
        axis: the axis.
        dtype: what x is cast to first.

    Raises:
        DimensionError: axis out of range.
        DTypeError: a dtype that is not real, or is for storage.
    """
    return _softmax(_SOFTMAX, x, axis, dtype)


def log_softmax(x: Tensor, /, axis: int, *, dtype: Any = None) -> Tensor:
    """The logarithm of `softmax`: ``(x - max) - log(sum(exp(x - max)))``. See there for the arguments and errors."""
    return _softmax(_LOG_SOFTMAX, x, axis, dtype)


def _softmax(op: Any, x: Tensor, axis: int, dtype: Any) -> Tensor:
    x = _floating(op.name, x, dtype)
    mask = _mask(op.name, axis, x.ndim)
    return structure(op, lib.rt_softmax(op.id, x._h, mask), (x,), {"axes": mask})


def logsumexp(x: Tensor, /, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Tensor:
    """The logarithm of the sum of e^x over axes, ``max + log(sum(exp(x - max)))``; -inf of nothing.

    Args:
        x: any shape; bool and integers become float32.
        axis: one axis, a tuple of axes, or None for all.
        keepdims: keep the reduced axes with size one.

    Raises:
        DimensionError: an axis out of range.
        DTypeError: a dtype that is not real, or is for storage.
    """
    x = _floating("logsumexp", x)
    mask = _mask("logsumexp", axis, x.ndim)
    attrs = {"axes": mask, "keepdims": keepdims}
    return structure(_LOGSUMEXP, lib.rt_logsumexp(x._h, mask, keepdims), (x,), attrs)


def softmax_grad(name: str, dy: Tensor, y: Tensor, axes: int) -> Tensor:
    """The row softmax_grad or log_softmax_grad."""
    op = BY_NAME[name]
    return structure(op, lib.rt_softmax_grad(op.id, dy._h, y._h, axes), (dy, y), {"axes": axes})


def _sum(x: Tensor, axes: int) -> Tensor:
    return reduce(_SUM, x, _axes(axes, x.ndim), True)


def softmax_grad_y(g: Tensor, dy: Tensor, y: Tensor, axes: int) -> Tensor:
    """The gradient of softmax_grad towards y."""
    return g * (dy - _sum(dy * y, axes)) - dy * _sum(g * y, axes)


def log_softmax_grad_dy(g: Tensor, y: Tensor, axes: int) -> Tensor:
    """The gradient of log_softmax_grad towards dy."""
    return g - _sum(g * exp(y), axes)


def log_softmax_grad_y(g: Tensor, dy: Tensor, y: Tensor, axes: int) -> Tensor:
    """The gradient of log_softmax_grad towards y."""
    return -(g * exp(y) * _sum(dy, axes))


def logsumexp_grad(g: Tensor, x: Tensor, out: Tensor, axes: int, keepdims: bool) -> Tensor:
    """The gradient of logsumexp: g times the softmax; 0 at -inf, also where nothing else is there."""
    whole = where(isfinite(out), out, 0)
    return spread(g, x.shape, axes, keepdims) * exp(x - spread(whole, x.shape, axes, keepdims))


class Target(NamedTuple):
    """What cross entropy keeps: the classes, int64 and dense, their axis, the class that is ignored, and per row the
    maximum and the logarithm of the sum."""

    classes: Tensor
    axis: int
    ignored: int
    stats: Tensor


def softmax_cross_entropy(where_: str, x: Tensor, classes: Tensor, axis: int, ignored: int) -> Tensor:
    """``-log_softmax(x, axis)`` at the classes; 0 where they are `ignored`.

    The caller has checked shapes and dtypes.

    Raises:
        DimensionError: a class out of range.
    """
    classes = wrap(checked(where_, lib.rt_contiguous(classes._h), classes.shape))
    stats = ffi.new("rt_tensor **")
    h = lib.rt_cross_entropy(x._h, axis, classes._h, ignored, stats)
    if not h:
        raise failure(where_, x, classes)
    at = Target(classes, axis, ignored, wrap(stats[0]))
    return structure(_CROSS_ENTROPY, h, (x,), {"at": at})


def softmax_cross_entropy_grad(dy: Tensor, x: Tensor, at: Target) -> Tensor:
    """The row softmax_cross_entropy_grad."""
    h = lib.rt_cross_entropy_grad(dy._h, x._h, at.axis, at.classes._h, at.ignored, at.stats._h)
    return structure(_CROSS_ENTROPY_GRAD, h, (dy, x), {"at": at})


def pick(x: Tensor, classes: Tensor, axis: int, ignored: int) -> Tensor:
    """Elements of x at the classes along an axis; 0 where they are `ignored`."""
    skip = classes == ignored
    index = expand_dims(where(skip, 0, classes), axis=axis)
    return where(skip, 0, squeeze(take_along_axis(x, index, axis=axis), axis=axis))


def softmax_cross_entropy_grad_dy(g: Tensor, x: Tensor, at: Target) -> Tensor:
    """The gradient of softmax_cross_entropy_grad towards dy."""
    mean = reduce(_SUM, g * softmax(x, at.axis), at.axis, False)
    return where(at.classes == at.ignored, 0, mean) - pick(g, at.classes, at.axis, at.ignored)


def softmax_cross_entropy_grad_x(g: Tensor, dy: Tensor, x: Tensor, at: Target) -> Tensor:
    """The gradient of softmax_cross_entropy_grad towards x."""
    dy = where(at.classes == at.ignored, 0, dy)
    return softmax_grad("softmax_grad", g * expand_dims(dy, axis=at.axis), softmax(x, at.axis), 1 << at.axis)


class Standardized(NamedTuple):
    """What standardising keeps: the axes of a row, what it was called with, and per row mean, variance and
    1 / sqrt(variance + eps)."""

    axes: int
    eps: float
    centered: bool
    stats: Tensor
    weight_shape: tuple[int, ...]
    bias_shape: tuple[int, ...]
    sums: list[Tensor]
    """A gradient of the result, and over each row the sums of it times the standardised x, and of it alone: what the
    gradient towards x needs, and what those towards weight and bias may be. Empty where they are not known."""


def standardize(
    where_: str, x: Tensor, weight: Tensor | None, bias: Tensor | None, axes: int, eps: float, centered: bool = True
) -> tuple[Tensor, Standardized]:
    """``(x - mean) / sqrt(variance + eps) * weight + bias``, and what was kept.

    Args:
        where_: who asks, for errors.
        x: float32 or float64.
        weight: broadcasts to x, or None.
        bias: likewise.
        axes: bit d is set where dimension d is part of a row.
        eps: added to the variance.
        centered: False takes the mean to be 0.
    """
    stats = ffi.new("rt_tensor **")
    w = ffi.NULL if weight is None else weight._h
    b = ffi.NULL if bias is None else bias._h
    h = lib.rt_standardize(x._h, w, b, axes, eps, centered, stats)
    if not h:
        raise failure(where_, *(t for t in (x, weight, bias) if t is not None))
    weight_shape, bias_shape = (() if t is None else t.shape for t in (weight, bias))
    by = Standardized(axes, eps, centered, wrap(stats[0]), weight_shape, bias_shape, [])
    return structure(_STANDARDIZE, h, (x, weight, bias), {"by": by}), by


def standardized(x: Tensor, by: Standardized) -> Tensor:
    """x standardised without weight and bias."""
    return standardize("standardize", x, None, None, by.axes, by.eps, by.centered)[0]


def standardize_grad(dy: Tensor, x: Tensor, weight: Tensor | None, by: Standardized) -> Tensor:
    """The row standardize_grad."""
    sums = ffi.new("rt_tensor **")
    w = ffi.NULL if weight is None else weight._h
    h = lib.rt_standardize_grad(dy._h, x._h, w, by.stats._h, by.axes, by.centered, sums)
    if not h:
        raise failure("standardize_grad", dy, x)
    added = wrap(sums[0])
    if not grad_mode.enabled and (weight is None or _is_by_row(weight.shape, x.shape, by.axes)):
        by.sums[:] = (snapshot(dy), added)
    return structure(_STANDARDIZE_GRAD, h, (dy, x, weight), {"by": by})


def _is_by_row(shape: tuple[int, ...], x_shape: tuple[int, ...], axes: int, every: bool = False) -> bool:
    """Whether a shape that broadcasts to x's is one number for each row; every: for each row a number of its own."""
    sizes = (1,) * (len(x_shape) - len(shape)) + shape
    return all(
        size == 1 if axes >> d & 1 else not every or size == n
        for d, (size, n) in enumerate(zip(sizes, x_shape, strict=True))
    )


def _known_sum(which: int, dy: Tensor, shape: tuple[int, ...], by: Standardized) -> Tensor | None:
    """A sum in `by.sums` in the shape of a weight or bias, if that is what it is and no graph is recorded."""
    if grad_mode.enabled or not by.sums or by.sums[0]._h != dy._h:
        return None
    if not _is_by_row(shape, dy.shape, by.axes, every=True):
        return None
    return reshape(by.sums[1][which], shape)


def standardize_grad_weight(dy: Tensor, x: Tensor, by: Standardized, shape: tuple[int, ...]) -> Tensor:
    """The row standardize_grad_weight."""
    known = _known_sum(0, dy, shape, by)
    if known is not None:
        return known
    h = lib.rt_standardize_grad_weight(dy._h, x._h, by.stats._h, by.axes, len(shape), shape)
    return structure(_STANDARDIZE_GRAD_WEIGHT, h, (dy, x), {"by": by})


def standardize_grad_bias(dy: Tensor, by: Standardized) -> Tensor:
    """The gradient of standardize towards the bias: the sum of dy."""
    known = _known_sum(1, dy, by.bias_shape, by) if by.centered else None
    return sum_to(dy, by.bias_shape) if known is None else known


def standardize_grad_dy(g: Tensor, x: Tensor, weight: Tensor | None, by: Standardized) -> Tensor:
    """The gradient of standardize_grad towards dy; the map from dy times weight is symmetric."""
    out = standardize_grad(g, x, None, by)
    return out if weight is None else out * weight


def standardize_grad_x(g: Tensor, dy: Tensor, x: Tensor, weight: Tensor | None, by: Standardized) -> Tensor:
    """The gradient of standardize_grad towards x.

    With v = dy weight, z the standardised x, s = 1 / sqrt(variance + eps) and P(v) = s (v - mean(v) - z mean(v z)),
    that of <g, P(v)> is ``-s^2 a z - s (mean(v z) P(g) + mean(g z) P(v))``, a = mean(g v) - mean(g) mean(v) -
    mean(g z) mean(v z).
    """
    axes = _axes(by.axes, x.ndim)
    v = dy if weight is None else dy * weight
    z = standardized(x, by)
    variance = reduce(_VAR, x, axes, True, correction=0.0) if by.centered else _mean(square(x), axes)
    s = 1 / sqrt(variance + by.eps)
    gz, vz = _mean(g * z, axes), _mean(v * z, axes)
    a = _mean(g * v, axes) - gz * vz
    if by.centered:
        a = a - _mean(g, axes) * _mean(v, axes)
    return -(s * s * a * z + s * (vz * standardize_grad(g, x, None, by) + gz * standardize_grad(v, x, None, by)))


def _mean(x: Tensor, axes: tuple[int, ...]) -> Tensor:
    return reduce(_MEAN, x, axes, True)


for _function in (
    log_softmax_grad_dy,
    log_softmax_grad_y,
    logsumexp_grad,
    softmax_cross_entropy_grad,
    softmax_cross_entropy_grad_dy,
    softmax_cross_entropy_grad_x,
    softmax_grad,
    softmax_grad_y,
    standardize_grad,
    standardize_grad_bias,
    standardize_grad_dy,
    standardize_grad_weight,
    standardize_grad_x,
    standardized,
):
    setattr(F, _function.__name__, _function)
