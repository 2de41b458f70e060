# SPDX-License-Identifier: MIT
"""Norms along an axis, and what compares vectors by them."""

from __future__ import annotations

import math

from rtch.creation import zeros_like
from rtch.functions import abs as absolute
from rtch.functions import maximum, pow, sqrt
from rtch.nn.functional.activations import need_floating, need_number
from rtch.ops.row import F
from rtch.tensor import Tensor, where


def _norm(x: Tensor, p: float, dim: int, keepdim: bool) -> Tensor:
    """The p-norm along an axis; its gradient where it is 0 is 0."""
    if p == math.inf:
        return absolute(x).max(dim, keepdims=keepdim)
    if p == -math.inf:
        return absolute(x).min(dim, keepdims=keepdim)
    if p == 0:
        return (where(x == 0, zeros_like(x), 1) + x.detach() * 0).sum(dim, keepdims=keepdim)
    if p == 1:
        return absolute(x).sum(dim, keepdims=keepdim)
    if p == 2:
        squares = (x * x).sum(dim, keepdims=keepdim)
        none = squares == 0
        return where(none, 0, sqrt(where(none, 1, squares)))
    size = absolute(x)
    zero = size == 0
    powers = where(zero, 0 if p > 0 else math.inf, pow(where(zero, 1, size), p)).sum(dim, keepdims=keepdim)
    none = powers == 0
    return where(none, 0, pow(where(none, 1, powers), 1 / p))


def normalize(input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Tensor:
    """Input over its p-norm along an axis, or over eps where that is larger.

    Raises:
        DimensionError: the axis is out of range.
        DTypeError: an input that is not floating.
    """
    need_floating("normalize", input)
    size = _norm(input, need_number("normalize", "p", p), dim, True)
    return input / F.clip(size, min=need_number("normalize", "eps", eps))


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """The product of two vectors over that of their lengths, each no shorter than eps.

    Shapes: x1 and x2 broadcast; the result lacks the axis.

    Raises:
        BroadcastError: the shapes do not fit together.
        DimensionError: the axis is out of range.
        DTypeError: an input that is not floating.
    """
    need_floating("cosine_similarity", x1, x2)
    x, y = F.broadcast_arrays(x1, x2)
    least = need_number("cosine_similarity", "eps", eps)
    lengths = [_norm(a, 2, dim, True) for a in (x, y)]
    # As in PyTorch the gradient goes through the length even where eps stands for it.
    held = [n + (maximum(n.detach(), least) - n.detach()) for n in lengths]
    return ((x / held[0]) * (y / held[1])).sum(dim)


def pairwise_distance(x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Tensor:
    """The p-norm of ``x1 - x2 + eps`` along the last axis.

    Raises:
        BroadcastError: the shapes do not fit together.
        DimensionError: neither has an axis.
        DTypeError: an input that is not floating.
    """
    need_floating("pairwise_distance", x1, x2)
    gap = x1 - x2 + need_number("pairwise_distance", "eps", eps)
    return _norm(gap, need_number("pairwise_distance", "p", p), -1, keepdim)
