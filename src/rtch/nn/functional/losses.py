# SPDX-License-Identifier: MIT
"""Losses."""

from __future__ import annotations

from rtch.errors import ArgumentError, BroadcastError
from rtch.tensor import Tensor


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
