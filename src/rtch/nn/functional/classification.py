# SPDX-License-Identifier: MIT
"""Losses of classifiers."""

from __future__ import annotations

from rtch.errors import ArgumentError, BroadcastError, DimensionError, DTypeError
from rtch.functions import count_nonzero, logical_and, where
from rtch.manipulation import as_int64, reshape
from rtch.nn.functional.arguments import need_dtype, need_integer, need_number
from rtch.rowwise import log_softmax, pick, softmax_cross_entropy
from rtch.tensor import Tensor, need_tensors


def nll_loss(
    input: Tensor, target: Tensor, weight: Tensor | None = None, ignore_index: int = -100, reduction: str = "mean"
) -> Tensor:
    """Negative log likelihood: ``-weight[target] * input[target]``, the input being logarithms of probabilities.

    Args:
        input: (C,), (N, C) or (N, C, d1, ...).
        target: classes, an integer dtype, of the input's shape without C.
        weight: (C,), a factor per class.
        ignore_index: targets of this value count for nothing.
        reduction: "mean", which divides the sum by that of the factors (NaN where nothing counts); "sum" or "none".

    Raises:
        ArgumentError: an unknown reduction, or an ignore_index that is no integer.
        BroadcastError: the shapes do not fit.
        DimensionError: a target that is no class, or an input without dimensions.
        DTypeError: the input is not floating, the target no integer, or the weight not of the input's dtype.
    """
    axis = _check("nll_loss", input, weight, reduction)
    ignore_index = need_integer("nll_loss", "ignore_index", ignore_index)
    classes = _classes("nll_loss", input, target, axis)
    _check_range("nll_loss", classes, input.shape[axis], ignore_index)
    return _reduce(-pick(input, classes, axis, ignore_index), classes, weight, ignore_index, reduction)


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """Cross entropy of classes or of probabilities with the softmax of the input.

    Args:
        input: (C,), (N, C) or (N, C, d1, ...); any numbers.
        target: classes, an integer dtype, of the input's shape without C; or probabilities, floating, of its shape.
        weight: (C,), a factor per class.
        ignore_index: targets of this value count for nothing; not with probabilities.
        reduction: "mean", "sum" or "none". The mean divides by the sum of the factors of the classes; with
            probabilities, by the number of samples.
        label_smoothing: the part, 0 to 1, of each target that is spread evenly over all classes.

    Raises:
        ArgumentError: an unknown reduction, label_smoothing out of range, ignore_index with probabilities.
        BroadcastError: the shapes do not fit.
        DimensionError: a target that is no class, or an input without dimensions.
        DTypeError: the input is not floating, the target neither, or the weight not of the input's dtype.
    """
    axis = _check("cross_entropy", input, weight, reduction)
    ignore_index = need_integer("cross_entropy", "ignore_index", ignore_index)
    label_smoothing = need_number("cross_entropy", "label_smoothing", label_smoothing)
    if not 0 <= label_smoothing <= 1:
        raise ArgumentError(
            f"cross_entropy: label_smoothing must be in [0, 1]; got {label_smoothing!r:.80}", argument=label_smoothing
        )
    need_tensors("cross_entropy", target)
    if target.shape == input.shape:
        return _of_probabilities(input, target, weight, ignore_index, reduction, label_smoothing, axis)
    classes = _classes("cross_entropy", input, target, axis)
    if label_smoothing == 0:
        try:
            losses = softmax_cross_entropy("cross_entropy", input, classes, axis, ignore_index)
        except DimensionError:
            _check_range("cross_entropy", classes, input.shape[axis], ignore_index)
            raise
        return _reduce(losses, classes, weight, ignore_index, reduction)
    _check_range("cross_entropy", classes, input.shape[axis], ignore_index)
    logs = log_softmax(input, axis)
    weighted = logs if weight is None else logs * _along(weight, input, axis)
    spread = where(classes == ignore_index, 0, -weighted.sum(axis))
    nll = _reduce(-pick(logs, classes, axis, ignore_index), classes, weight, ignore_index, reduction)
    if reduction == "mean":
        spread = spread.sum() / _total(classes, weight, ignore_index)
    elif reduction == "sum":
        spread = spread.sum()
    return nll * (1 - label_smoothing) + spread * (label_smoothing / input.shape[axis])


def _of_probabilities(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None,
    ignore_index: int,
    reduction: str,
    label_smoothing: float,
    axis: int,
) -> Tensor:
    if target.dtype is not input.dtype:
        raise DTypeError(
            f"cross_entropy: probabilities of the input's dtype {input.dtype.name} are needed; got {target.dtype.name}",
            dtype=target.dtype,
        )
    if ignore_index >= 0:
        raise ArgumentError(f"cross_entropy: probabilities take no ignore_index; got {ignore_index}")
    n_classes = input.shape[axis]
    if label_smoothing > 0:
        target = target * (1 - label_smoothing) + label_smoothing / n_classes
    products = log_softmax(input, axis) * target
    if weight is not None:
        products = products * _along(weight, input, axis)
    if reduction == "none":
        return -products.sum(axis)
    total = -products.sum()
    return total if reduction == "sum" else total / (input.size / n_classes if n_classes else 0.0)


def _check(where_: str, input: Tensor, weight: Tensor | None, reduction: str) -> int:
    """The axis of the classes."""
    need_tensors(where_, input)
    if reduction not in ("mean", "sum", "none"):
        raise ArgumentError(
            f'{where_}: reduction is "mean", "sum" or "none"; got {reduction!r:.80}', argument=reduction
        )
    if not input.dtype.is_floating:
        raise DTypeError(f"{where_}: a floating input is needed; got {input.dtype.name}", dtype=input.dtype)
    if input.ndim == 0:
        raise DimensionError(f"{where_}: an input of one dimension or more is needed; got a 0-d one", ndim=0)
    axis = 0 if input.ndim == 1 else 1
    need_dtype(where_, input, weight=weight)
    if weight is not None and weight.shape != (input.shape[axis],):
        raise BroadcastError(
            f"{where_}: a weight of shape [{input.shape[axis]}] is needed; got {list(weight.shape)}",
            shapes=(input.shape, weight.shape),
        )
    return axis


def _classes(where_: str, input: Tensor, target: Tensor, axis: int) -> Tensor:
    """The target in int64."""
    need_tensors(where_, target)
    if target.dtype.kind not in "iu":
        raise DTypeError(
            f"{where_}: classes of an integer dtype are needed; got {target.dtype.name}", dtype=target.dtype
        )
    wanted = input.shape[:axis] + input.shape[axis + 1 :]
    if target.shape != wanted:
        raise BroadcastError(
            f"{where_}: a target of shape {list(wanted)} is needed for an input of {list(input.shape)}; "
            f"got {list(target.shape)}",
            shapes=(input.shape, target.shape),
        )
    return as_int64(target)


def _check_range(where_: str, classes: Tensor, n_classes: int, ignore_index: int) -> None:
    bad = logical_and((classes < 0) | (classes >= n_classes), classes != ignore_index)
    if count_nonzero(bad).item():
        first = classes.reshape(-1)[bad.reshape(-1)][0].item()
        raise DimensionError(
            f"{where_}: targets must be in [0, {n_classes}) or {ignore_index}; got {first}", index=first
        )


def _along(weight: Tensor, input: Tensor, axis: int) -> Tensor:
    """(C,) in the shape that broadcasts to the input."""
    return reshape(weight, (-1, *(1,) * (input.ndim - axis - 1)))


def _factors(classes: Tensor, weight: Tensor, ignore_index: int) -> Tensor:
    """The weight of each target; 0 where it is ignored."""
    skip = classes == ignore_index
    return where(skip, 0, weight[where(skip, 0, classes)])


def _total(classes: Tensor, weight: Tensor | None, ignore_index: int) -> Tensor | float:
    """What a mean divides by."""
    if weight is None:
        return float(count_nonzero(classes != ignore_index).item())
    return _factors(classes, weight, ignore_index).sum()


def _reduce(losses: Tensor, classes: Tensor, weight: Tensor | None, ignore_index: int, reduction: str) -> Tensor:
    """Losses that are 0 where the target is ignored, weighted and reduced."""
    if weight is not None:
        losses = losses * _factors(classes, weight, ignore_index)
    if reduction == "none":
        return losses
    return losses.sum() if reduction == "sum" else losses.sum() / _total(classes, weight, ignore_index)
