# SPDX-License-Identifier: MIT
"""Norms along an axis, and what compares vectors by them."""

from __future__ import annotations

import math

from rtch.composed import clip
from rtch.functions import abs as absolute
from rtch.functions import pow as power
from rtch.functions import sign, sqrt
from rtch.nn.functional.arguments import need_floating, need_number, one_axis
from rtch.shapes import broadcast_arrays
from rtch.tensor import Tensor, normalize_axis, where


def _axis(where_: str, dim: int, ndim: int) -> tuple[int, ...]:
    """The axis to reduce: a 0-d tensor passes for one of one element, as in PyTorch."""
    at = normalize_axis(where_, dim, max(ndim, 1))
    return (at,) if ndim else ()


def _norm(x: Tensor, p: float, dim: tuple[int, ...], keepdim: bool) -> Tensor:
    """The p-norm along an axis, of a 0-d tensor along none; its gradient where it is 0 is 0."""
    if p == math.inf:
        return absolute(x).max(dim, keepdims=keepdim)
    if p == -math.inf:
        return absolute(x).min(dim, keepdims=keepdim)
    if p == 0:
        return where(x == 0, sign(x), 1).sum(dim, keepdims=keepdim)
    if p == 1:
        return absolute(x).sum(dim, keepdims=keepdim)
    if p == 2:
        squares = (x * x).sum(dim, keepdims=keepdim)
        none = squares == 0
        return where(none, 0, sqrt(where(none, 1, squares)))
    size = absolute(x)
    zero = size == 0
    powers = where(zero, 0 if p > 0 else math.inf, power(where(zero, 1, size), p)).sum(dim, keepdims=keepdim)
    none = powers == 0
    return where(none, 0, power(where(none, 1, powers), 1 / p))


def normalize(input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12, *, axis: int | None = None) -> Tensor:
    """Input over its p-norm along an axis, or over eps where that is larger.

    Args:
        input: any shape, floating.
        p: the norm's exponent; 0 counts the elements other than 0, infinities take the extremes.
        dim: the axis.
        eps: the least divisor.
        axis: another name for dim.

    Raises:
        ArgumentError: p or eps is no number, dim no integer, or both names are given.
        DimensionError: the axis is out of range.
        DTypeError: an input that is not floating.
    """
    need_floating("normalize", input)
    size = _norm(
        input,
        need_number("normalize", "p", p),
        _axis("normalize", one_axis("normalize", dim, axis, 1), input.ndim),
        True,
    )
    return input / clip(size, min=need_number("normalize", "eps", eps))


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8, *, axis: int | None = None) -> Tensor:
    """The product of two vectors over that of their lengths, each no shorter than eps.

    Args:
        x1: any shape, floating.
        x2: a shape that broadcasts with it.
        dim: the axis, which the result lacks.
        eps: the least length.
        axis: another name for dim.

    Raises:
        ArgumentError: eps is no number, dim no integer, or both names are given.
        BroadcastError: the shapes do not fit together.
        DimensionError: the axis is out of range.
        DTypeError: an input that is not floating.
    """
    need_floating("cosine_similarity", x1, x2)
    x, y = broadcast_arrays(x1, x2)
    least = need_number("cosine_similarity", "eps", eps)
    at = _axis("cosine_similarity", one_axis("cosine_similarity", dim, axis, 1), x.ndim)
    lengths = [_norm(a, 2, at, True) for a in (x, y)]
    # As in PyTorch the gradient goes through the length even where eps stands for it.
    held = [where(n < least, n + (least - n.detach()), n) for n in lengths]
    return ((x / held[0]) * (y / held[1])).sum(at)


def pairwise_distance(x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Tensor:
    """The p-norm of ``x1 - x2 + eps`` along the last axis.

    Args:
        x1: any shape, floating.
        x2: a shape that broadcasts with it.
        p: the norm's exponent, as in `normalize`.
        eps: added to each difference.
        keepdim: whether the result keeps the axis, with a size of 1.

    Raises:
        ArgumentError: p or eps is no number.
        BroadcastError: the shapes do not fit together.
        DTypeError: an input that is not floating.
    """
    need_floating("pairwise_distance", x1, x2)
    gap = x1 - x2 + need_number("pairwise_distance", "eps", eps)
    return _norm(gap, need_number("pairwise_distance", "p", p), _axis("pairwise_distance", -1, gap.ndim), keepdim)
