# SPDX-License-Identifier: MIT
"""Softmax and its logarithm as modules."""

from __future__ import annotations

from rtch.nn import functional
from rtch.nn.functional.arguments import one_axis
from rtch.nn.module import Module
from rtch.tensor import Tensor


class Softmax(Module):
    """e^x divided by its sum along an axis; see `functional.softmax`.

    Args:
        dim: the axis; None for the one that PyTorch takes.
        axis: another name for dim.

    Raises:
        ArgumentError: the axis is no integer.
    """

    def __init__(self, dim: int | None = None, *, axis: int | None = None) -> None:
        super().__init__()
        self.dim = one_axis("Softmax", dim, axis, None)

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function."""
        return functional.softmax(input, self.dim)

    def extra_repr(self) -> str:
        """The axis."""
        return f"dim={self.dim}"


class LogSoftmax(Module):
    """The logarithm of `Softmax`; see `functional.log_softmax`.

    Args:
        dim: the axis; None for the one that PyTorch takes.
        axis: another name for dim.

    Raises:
        ArgumentError: the axis is no integer.
    """

    def __init__(self, dim: int | None = None, *, axis: int | None = None) -> None:
        super().__init__()
        self.dim = one_axis("LogSoftmax", dim, axis, None)

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function."""
        return functional.log_softmax(input, self.dim)

    def extra_repr(self) -> str:
        """The axis."""
        return f"dim={self.dim}"
