# SPDX-License-Identifier: MIT
"""Losses, each averaged ("mean"), added up ("sum") or as it is ("none").

Input and target have one shape: unequal shapes that would broadcast are nearly always a mistake ((N,) against (N, 1)
gives (N, N)).
"""

from __future__ import annotations

from rtch.composed import clip
from rtch.errors import ArgumentError, BroadcastError
from rtch.functions import abs as absolute
from rtch.functions import binary_cross_entropy as cross_entropy_of_two
from rtch.functions import exp, log, softplus
from rtch.manipulation import astype
from rtch.nn.functional.arguments import need_floating, need_number
from rtch.tensor import Tensor, where

REDUCTIONS = ("mean", "sum", "none")


def check_reduction(where_: str, reduction: str, known: tuple[str, ...] = REDUCTIONS) -> str:
    """The reduction, if it is a known one.

    Raises:
        ArgumentError: it is not.
    """
    if reduction not in known:
        names = ", ".join(f'"{name}"' for name in known[:-1]) + f' or "{known[-1]}"'
        raise ArgumentError(f"{where_}: reduction is {names}; got {reduction!r:.80}", argument=reduction)
    return reduction


def reduced(loss: Tensor, reduction: str, weight: Tensor | None = None) -> Tensor:
    """The loss of every element, reduced; the mean of weighted ones over the sum of the weights where one is given."""
    if reduction == "none":
        return loss
    if reduction == "sum":
        return loss.sum()
    return loss.mean() if weight is None else loss.sum() / weight.sum()


def _check(where_: str, reduction: str, input: Tensor, target: Tensor, **others: Tensor | None) -> None:
    check_reduction(where_, reduction)
    given = {name: x for name, x in others.items() if x is not None}
    need_floating(where_, input, target, *given.values())
    for name, x in {"target": target, **given}.items():
        if x.shape != input.shape:
            raise BroadcastError(
                f"{where_}: input and {name} must have one shape; got {list(input.shape)} and {list(x.shape)}",
                shapes=(input.shape, x.shape),
            )


def _real(target: Tensor, input: Tensor) -> Tensor:
    """Integers and bools in the input's dtype; they are numbers as any others."""
    if isinstance(target, Tensor) and isinstance(input, Tensor) and target.dtype.kind in "biu":
        return astype(target, input.dtype)
    return target


def mse_loss(input: Tensor, target: Tensor, reduction: str = "mean", weight: Tensor | None = None) -> Tensor:
    """Squared error ``(input - target)**2``.

    Args:
        input: any shape, floating.
        target: the same shape; integers and bools are cast to the input's dtype.
        reduction: "mean", "sum" or "none".
        weight: what each element counts, of the same shape; the mean is then over the sum of the weights.

    Raises:
        BroadcastError: the shapes differ.
        ArgumentError: an unknown reduction.
        DTypeError: an input that is not floating.
    """
    target = _real(target, input)
    _check("mse_loss", reduction, input, target, weight=weight)
    squares = (input - target).square()
    return reduced(squares if weight is None else squares * weight, reduction, weight)


def l1_loss(input: Tensor, target: Tensor, reduction: str = "mean", weight: Tensor | None = None) -> Tensor:
    """``|input - target|``; the gradient where they are equal is 0.

    Args:
        input: any shape, floating.
        target: the same shape; integers and bools are cast to the input's dtype.
        reduction: "mean", "sum" or "none".
        weight: what each element counts, of the same shape; the mean is then over the sum of the weights.

    Raises:
        ArgumentError: an unknown reduction.
        BroadcastError: the shapes differ.
        DTypeError: an input that is not floating.
    """
    target = _real(target, input)
    _check("l1_loss", reduction, input, target, weight=weight)
    sizes = absolute(input - target)
    return reduced(sizes if weight is None else sizes * weight, reduction, weight)


def _bent(input: Tensor, target: Tensor, bend: float, over: float) -> Tensor:
    """d^2 / 2 where d = |input - target| is below the bend, else bend (d - bend / 2); all of it over a number."""
    gap = input - target
    near = clip(gap, -bend, bend)
    return (near if over == 1 else near / over) * (gap - near * 0.5)


def smooth_l1_loss(input: Tensor, target: Tensor, reduction: str = "mean", beta: float = 1.0) -> Tensor:
    """``d**2 / (2 beta)`` where d = |input - target| is below beta, else ``d - beta / 2``; `l1_loss` for beta 0.

    Args:
        input: any shape, floating.
        target: the same shape; integers and bools are cast to the input's dtype.
        reduction: "mean", "sum" or "none".
        beta: where the square ends.

    Raises:
        ArgumentError: beta is below 0, or an unknown reduction.
        BroadcastError: the shapes differ.
        DTypeError: an input that is not floating.
    """
    target = _real(target, input)
    _check("smooth_l1_loss", reduction, input, target)
    bend = need_number("smooth_l1_loss", "beta", beta, 0.0)
    return l1_loss(input, target, reduction) if bend == 0 else reduced(_bent(input, target, bend, bend), reduction)


def huber_loss(
    input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0, weight: Tensor | None = None
) -> Tensor:
    """``d**2 / 2`` where d = |input - target| is below delta, else ``delta * (d - delta / 2)``.

    Args:
        input: any shape, floating.
        target: the same shape; integers and bools are cast to the input's dtype.
        reduction: "mean", "sum" or "none".
        delta: where the square ends.
        weight: a factor for each element, of the same shape; as in PyTorch the mean is over the number of elements.

    Raises:
        ArgumentError: delta is not above 0, or an unknown reduction.
        BroadcastError: the shapes differ.
        DTypeError: an input that is not floating.
    """
    target = _real(target, input)
    _check("huber_loss", reduction, input, target, weight=weight)
    bend = need_number("huber_loss", "delta", delta)
    if not bend > 0:
        raise ArgumentError(f"huber_loss: delta must be above 0; got {delta!r}", argument=delta)
    loss = _bent(input, target, bend, 1.0)
    return reduced(loss if weight is None else loss * weight, reduction)


def binary_cross_entropy(
    input: Tensor, target: Tensor, weight: Tensor | None = None, reduction: str = "mean"
) -> Tensor:
    """``-(t log(x) + (1 - t) log(1 - x))`` of probabilities x, the logarithms no lower than -100.

    Args:
        input: probabilities, any shape.
        target: the same shape.
        weight: what each element counts; it broadcasts.
        reduction: "mean", "sum" or "none".

    Raises:
        ArgumentError: an input outside [0, 1], or an unknown reduction.
        BroadcastError: the shapes differ.
        DTypeError: an input that is not floating.
    """
    _check("binary_cross_entropy", reduction, input, target)
    if input.size and not ((input >= 0) & (input <= 1)).all().item():
        raise ArgumentError("binary_cross_entropy: inputs in [0, 1] are needed; got others", argument=input)
    return reduced(_weighted("binary_cross_entropy", cross_entropy_of_two(input, target), weight), reduction)


def _weighted(where_: str, loss: Tensor, weight: Tensor | None) -> Tensor:
    if weight is None:
        return loss
    need_floating(where_, weight)
    out = loss * weight
    if out.shape != loss.shape:
        raise BroadcastError(
            f"{where_}: weight must broadcast to {list(loss.shape)}; got {list(weight.shape)}",
            shapes=(loss.shape, weight.shape),
        )
    return out


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """`binary_cross_entropy` of ``sigmoid(input)``, without loss of accuracy where that is close to 0 or 1.

    Args:
        input: logits, any shape.
        target: the same shape.
        weight: what each element counts; it broadcasts.
        reduction: "mean", "sum" or "none".
        pos_weight: what the positive part of each element counts; it broadcasts.

    Raises:
        ArgumentError: an unknown reduction.
        BroadcastError: the shapes differ.
        DTypeError: an input that is not floating.
    """
    name = "binary_cross_entropy_with_logits"
    _check(name, reduction, input, target)
    tail = softplus(-input)
    if pos_weight is not None:
        need_floating(name, pos_weight)
        tail = _weighted(name, tail, (pos_weight - 1) * target + 1)
    return reduced(_weighted(name, (1 - target) * input + tail, weight), reduction)


def kl_div(input: Tensor, target: Tensor, reduction: str = "mean", log_target: bool = False) -> Tensor:
    """The terms of the Kullback-Leibler divergence, ``t (log(t) - input)``; input is a logarithm of probabilities.

    Args:
        input: any shape.
        target: the same shape; 0 log(0) is 0.
        reduction: "mean", "sum", "none", or "batchmean", the sum over the size of the first axis.
        log_target: whether target is a logarithm too.

    Raises:
        ArgumentError: an unknown reduction.
        BroadcastError: the shapes differ.
        DTypeError: an input that is not floating.
    """
    check_reduction("kl_div", reduction, ("mean", "sum", "none", "batchmean"))
    _check("kl_div", "sum", input, target)
    if log_target:
        loss = exp(target) * (target - input)
    else:
        empty = target == 0
        loss = where(empty, 0, target * log(where(empty, 1, target))) - target * input
    if reduction == "batchmean":
        return loss.sum() / (input.shape[0] if input.ndim else 1)
    return reduced(loss, reduction)


def soft_margin_loss(input: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """``log(1 + exp(-target * input))``.

    Args:
        input: any shape, floating.
        target: the same shape, -1 or 1; integers are cast to the input's dtype.
        reduction: "mean", "sum" or "none".

    Raises:
        ArgumentError: an unknown reduction.
        BroadcastError: the shapes differ.
        DTypeError: an input that is not floating.
    """
    target = _real(target, input)
    _check("soft_margin_loss", reduction, input, target)
    return reduced(softplus(-target * input), reduction)


def hinge_embedding_loss(input: Tensor, target: Tensor, margin: float = 1.0, reduction: str = "mean") -> Tensor:
    """Input where the target is 1, ``max(0, margin - input)`` where it is -1.

    Args:
        input: distances, any shape, floating.
        target: the same shape, -1 or 1; integers are cast to the input's dtype.
        margin: the distance from which on a target of -1 costs nothing.
        reduction: "mean", "sum" or "none".

    Raises:
        ArgumentError: an unknown reduction, or a margin that is no number.
        BroadcastError: the shapes differ.
        DTypeError: an input that is not floating.
    """
    target = _real(target, input)
    _check("hinge_embedding_loss", reduction, input, target)
    distance = clip(need_number("hinge_embedding_loss", "margin", margin) - input, min=0)
    return reduced(where(target == -1, 0, input) + where(target == 1, 0, distance), reduction)


def margin_ranking_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0, reduction: str = "mean"
) -> Tensor:
    """``max(0, -target * (input1 - input2) + margin)``.

    Args:
        input1: any shape, floating.
        input2: the same shape, floating.
        target: the same shape, 1 where input1 should be the larger one, else -1; integers are cast to the dtype of
            input1.
        margin: how much larger.
        reduction: "mean", "sum" or "none".

    Raises:
        ArgumentError: an unknown reduction, or a margin that is no number.
        BroadcastError: the shapes differ.
        DTypeError: an input that is not floating.
    """
    target = _real(target, input1)
    _check("margin_ranking_loss", reduction, input1, target, input2=input2)
    lead = -target * (input1 - input2) + need_number("margin_ranking_loss", "margin", margin)
    return reduced(clip(lead, min=0), reduction)
