# SPDX-License-Identifier: MIT
"""Activations."""

from __future__ import annotations

from rtch.nn import functional
from rtch.nn.module import Module
from rtch.tensor import Tensor


class ReLU(Module):
    """``max(x, 0)``, elementwise."""

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function."""
        return functional.relu(input)


class Tanh(Module):
    """Hyperbolic tangent, elementwise."""

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function."""
        return functional.tanh(input)
