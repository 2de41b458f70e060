# SPDX-License-Identifier: MIT
"""Layers and losses as functions, with PyTorch's names, argument order and defaults."""

from __future__ import annotations

from rtch.errors import ArgumentError, BroadcastError
from rtch.functions import relu, tanh
from rtch.tensor import Tensor

__all__ = ["linear", "mse_loss", "relu", "tanh"]


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """``input @ weight.T + bias``.

    Shapes: input (*, in_features), weight (out_features, in_features), bias (out_features,); gives (*, out_features).

    Raises:
        BroadcastError: the sizes do not fit.
    """
    out = input @ weight.mT
    if bias is None:
        return out
    total = out + bias
    if total._h.bcast & 1:  # the sum is larger than the product
        raise BroadcastError(
            f"linear: a bias of shape [{weight.shape[0]}] is needed; got {list(bias.shape)}",
            shapes=(weight.shape, bias.shape),
        )
    return total


def mse_loss(input: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Squared error ``(input - target)**2``, averaged ("mean"), added up ("sum") or as it is ("none").

    Shapes: input and target the same; unequal shapes that would broadcast are an error, since they are nearly always a
    mistake ((N,) against (N, 1) gives (N, N)).

    Raises:
        BroadcastError: the shapes differ.
        ArgumentError: an unknown reduction.
    """
    if input.shape != target.shape:
        raise BroadcastError(
            f"mse_loss: input and target must have one shape; got {list(input.shape)} and {list(target.shape)}",
            shapes=(input.shape, target.shape),
        )
    squares = (input - target).square()
    if reduction == "mean":
        return squares.mean()
    if reduction == "sum":
        return squares.sum()
    if reduction == "none":
        return squares
    raise ArgumentError(f'mse_loss: reduction is "mean", "sum" or "none"; got {reduction!r}', argument=reduction)
