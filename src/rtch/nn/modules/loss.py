# SPDX-License-Identifier: MIT
"""Losses."""

from __future__ import annotations

from rtch.errors import ArgumentError
from rtch.nn import functional
from rtch.nn.module import Module
from rtch.tensor import Tensor


class MSELoss(Module):
    """Mean squared error; see `functional.mse_loss`."""

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__()
        if reduction not in ("mean", "sum", "none"):
            raise ArgumentError(f'MSELoss: reduction is "mean", "sum" or "none"; got {reduction!r}', argument=reduction)
        self.reduction = reduction

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss."""
        return functional.mse_loss(input, target, self.reduction)

    def extra_repr(self) -> str:
        """The reduction."""
        return f"reduction={self.reduction!r}"
