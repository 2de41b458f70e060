# SPDX-License-Identifier: MIT
"""Dropout."""

from __future__ import annotations

from rtch.nn import functional
from rtch.nn.functional.dropout import check_probability
from rtch.nn.module import Module
from rtch.random import Generator
from rtch.tensor import Tensor


class Dropout(Module):
    """`functional.dropout` while in training mode; evaluation gives the input.

    Args:
        p: the probability that an element becomes 0.
        generator: where masks come from; `rtch.random.default_generator` if left out.

    Raises:
        ArgumentError: p is out of range.
    """

    def __init__(self, p: float = 0.5, *, generator: Generator | None = None) -> None:
        super().__init__()
        check_probability("Dropout", p)
        self.p = p
        self.generator = generator

    def forward(self, input: Tensor) -> Tensor:
        """Drop elements, in training mode."""
        return functional.dropout(input, self.p, self.training, generator=self.generator)

    def extra_repr(self) -> str:
        """The probability."""
        return f"p={self.p}"
