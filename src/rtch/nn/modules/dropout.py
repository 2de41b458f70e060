# SPDX-License-Identifier: MIT
"""Dropout."""

from __future__ import annotations

from rtch.nn import functional
from rtch.nn.functional.arguments import need_flag, need_generator, written
from rtch.nn.functional.dropout import check_probability
from rtch.nn.module import Module
from rtch.random import Generator
from rtch.tensor import Tensor


class Dropout(Module):
    """`functional.dropout` while in training mode; evaluation gives the input.

    Args:
        p: the probability that an element becomes 0.
        inplace: write the result into the input.
        generator: where masks come from; `rtch.random.default_generator` if left out.

    Raises:
        ArgumentError: p is out of range, or an argument none of these.
    """

    def __init__(self, p: float = 0.5, inplace: bool = False, *, generator: Generator | None = None) -> None:
        super().__init__()
        check_probability("Dropout", p)
        self.p = float(p)
        self.inplace = need_flag("Dropout", "inplace", inplace)
        self.generator = None if generator is None else need_generator("Dropout", generator)

    def forward(self, input: Tensor) -> Tensor:
        """Drop elements, in training mode."""
        out = functional.dropout(input, self.p, self.training, generator=self.generator)
        return written("dropout", input, out) if self.inplace and self.training else out

    def extra_repr(self) -> str:
        """The probability, and `inplace` where it is set."""
        return f"p={self.p}, inplace=True" if self.inplace else f"p={self.p}"
