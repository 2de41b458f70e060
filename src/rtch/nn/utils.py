# SPDX-License-Identifier: MIT
"""Clipping of gradients by norm and by value, between ``backward()`` and an optimiser's step."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable
from types import GeneratorType
from typing import Any

from rtch.autograd import no_grad
from rtch.composed import norm_of
from rtch.creation import asarray
from rtch.dtypes import float32, float64
from rtch.errors import ArgumentError, AutogradError, DTypeError
from rtch.ops.table import BY_NAME
from rtch.tensor import Tensor, inplace

_MAXIMUM, _MINIMUM = BY_NAME["maximum"], BY_NAME["minimum"]


def _listed(where: str, what: str, given: Any) -> list[Tensor]:
    """Tensors in an order that is the same in every run."""
    parts = [given] if isinstance(given, Tensor) else given
    if isinstance(parts, (set, frozenset)) or not isinstance(parts, Iterable):
        raise ArgumentError(
            f"{where}: {what} must be a tensor or several in order; got {type(given).__name__}", argument=given
        )
    parts = list(parts)
    for t in parts:
        if not isinstance(t, Tensor):
            raise ArgumentError(f"{where}: {what} must be tensors; got {type(t).__name__}", argument=t)
    if not parts and isinstance(given, GeneratorType):
        warnings.warn(f"{where}: the generator of {what} is used up: there is nothing to clip", stacklevel=3)
    return parts


def _number(where: str, what: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value >= 0:
        raise ArgumentError(f"{where}: {what} must be a number of 0 or more; got {value!r:.80}", argument=value)
    return float(value)


def _check_foreach(where: str, foreach: Any) -> None:
    if foreach is not None and not isinstance(foreach, bool):
        raise ArgumentError(f"{where}: foreach must be True, False or None; got {foreach!r:.80}", argument=foreach)


def _gradients(parameters: list[Tensor]) -> list[Tensor]:
    found = [p.grad for p in parameters]
    return [g for g in found if g is not None]


def _total_norm(where: str, tensors: list[Tensor], norm_type: Any, error_if_nonfinite: bool) -> Tensor:
    try:
        order = math.nan if isinstance(norm_type, bool) else float(norm_type)
    except (TypeError, ValueError):
        order = math.nan
    if math.isnan(order):
        raise ArgumentError(f"{where}: norm_type must be a number or 'inf'; got {norm_type!r:.80}", argument=norm_type)
    for i, t in enumerate(tensors):
        if not (t.dtype.is_floating or t.dtype.is_complex):
            raise DTypeError(f"{where}: floating or complex is needed; got {t.dtype.name} for {i}", dtype=t.dtype)
    wide = any(t.dtype.real is float64 for t in tensors)
    norms = [norm_of(t, tuple(range(t.ndim)), False, order).item() if t.size else 0.0 for t in tensors]
    parts = asarray([n for n, t in zip(norms, tensors, strict=True) if t.size], dtype=float64 if wide else float32)
    # Counts are added up, so that the whole is always the norm of one long vector. One of no elements is 0.
    total = parts.sum() if order == 0 or not parts.size else norm_of(parts, (0,), False, order)
    if error_if_nonfinite and not math.isfinite(total.item()):
        bad = [i for i, n in enumerate(norms) if not math.isfinite(n)]
        place = f" from gradient {bad[0]}" if bad else ""
        raise AutogradError(
            f"{where}: the norm of order {order} must be finite; got {total.item()}{place}", norm=total.item()
        )
    return total


@no_grad()
def get_total_norm(
    tensors: Tensor | Iterable[Tensor],
    norm_type: float | str = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """The norm of tensors as if they were one vector: 0-d, real, of the widest dtype among them; 0 for none.

    Args:
        tensors: one or several, floating or complex; those without elements count for nothing.
        norm_type: the order, as in `rtch.linalg.vector_norm`; "inf" is `rtch.inf`.
        error_if_nonfinite: refuse a norm that is NaN or infinite.
        foreach: means nothing here.

    Raises:
        ArgumentError: tensors are none, or in no order, or norm_type is no number.
        AutogradError: error_if_nonfinite, and the norm is not.
        DTypeError: a tensor is neither floating nor complex.
    """
    _check_foreach("get_total_norm", foreach)
    return _total_norm("get_total_norm", _listed("get_total_norm", "tensors", tensors), norm_type, error_if_nonfinite)


@no_grad()
def clip_grads_with_norm_(
    parameters: Tensor | Iterable[Tensor], max_norm: float, total_norm: Tensor, foreach: bool | None = None
) -> None:
    """Multiply every gradient, in place, with ``max_norm / (total_norm + 1e-6)`` where that is less than 1.

    Args:
        parameters: tensors; those without a gradient are passed over.
        max_norm: not negative.
        total_norm: what `get_total_norm` gave.
        foreach: means nothing here.

    Raises:
        ArgumentError: parameters are no tensors, or in no order, or a norm is no number.
    """
    where = "clip_grads_with_norm_"
    _check_foreach(where, foreach)
    _scale(
        where, _gradients(_listed(where, "parameters", parameters)), _number(where, "max_norm", max_norm), total_norm
    )


def _scale(where: str, gradients: list[Tensor], max_norm: float, total_norm: Any) -> None:
    if not isinstance(total_norm, Tensor) or total_norm.size != 1 or not total_norm.dtype.is_floating:
        raise ArgumentError(
            f"{where}: total_norm must be a floating tensor of one element; got {total_norm!r:.80}", argument=total_norm
        )
    factor = (max_norm / (total_norm + 1e-6)).item()
    if factor >= 1:  # a factor of NaN makes all NaN
        return
    factors = {t: asarray(factor, dtype=t) for t in {g.dtype for g in gradients}}
    for g in gradients:
        g *= factors[g.dtype]


@no_grad()
def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float | str = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scale all gradients down together, in place, so that their norm as one vector is at most max_norm.

    The same as `get_total_norm` of the gradients and then `clip_grads_with_norm_`. The norms are taken in the order of
    the parameters, with the same bits for any number of threads.

    Args:
        parameters: tensors; those without a gradient are passed over.
        max_norm: not negative.
        norm_type: the order, as in `rtch.linalg.vector_norm`; "inf" is `rtch.inf`.
        error_if_nonfinite: refuse a norm that is NaN or infinite, before any gradient is changed. Otherwise gradients
            become NaN by a norm of NaN, and 0, or NaN where they were infinite, by an infinite one.
        foreach: means nothing here.

    Returns:
        The norm that the gradients had.

    Raises:
        ArgumentError: parameters are no tensors, or in no order, max_norm is negative or no number, or norm_type none.
        AutogradError: error_if_nonfinite, and the norm is not.
    """
    where = "clip_grad_norm_"
    _check_foreach(where, foreach)
    limit = _number(where, "max_norm", max_norm)
    gradients = _gradients(_listed(where, "parameters", parameters))
    total = _total_norm(where, gradients, norm_type, error_if_nonfinite)
    _scale(where, gradients, limit, total)
    return total


@no_grad()
def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float, foreach: bool | None = None) -> None:
    """Move every element of the gradients into [-clip_value, clip_value], in place. NaN stays.

    Args:
        parameters: tensors, not complex; those without a gradient are passed over.
        clip_value: not negative.
        foreach: means nothing here.

    Raises:
        ArgumentError: parameters are no tensors, or in no order, or clip_value is negative or no number.
        DTypeError: a gradient is complex; no gradient has changed.
    """
    where = "clip_grad_value_"
    _check_foreach(where, foreach)
    limit = _number(where, "clip_value", clip_value)
    gradients = _gradients(_listed(where, "parameters", parameters))
    for g in gradients:
        if g.dtype.is_complex:
            raise DTypeError(f"{where}: complex gradients have no order; got {g.dtype.name}", dtype=g.dtype)
    bounds = {t: (asarray(-limit, dtype=t), asarray(limit, dtype=t)) for t in {g.dtype for g in gradients}}
    for g in gradients:
        low, high = bounds[g.dtype]
        inplace(_MAXIMUM, g, low)
        inplace(_MINIMUM, g, high)
