# SPDX-License-Identifier: MIT
"""Linear."""

from __future__ import annotations

import math
from typing import Any

from rtch.errors import ArgumentError
from rtch.nn import functional
from rtch.nn.module import Module
from rtch.nn.parameter import Parameter
from rtch.random import Generator, default_generator
from rtch.tensor import Tensor


class Linear(Module):
    """``x @ weight.T + bias``: (*, in_features) to (*, out_features).

    Weight (out_features, in_features) and bias (out_features,) are drawn uniformly from +-1 / sqrt(in_features), as in
    PyTorch.

    Args:
        in_features: size of the last axis of the input.
        out_features: size of the last axis of the result.
        bias: whether to add a bias.
        dtype: float32 (default) or float64.
        generator: where the weights come from; `rtch.random.default_generator` if left out.

    Raises:
        ArgumentError: a size that is not a positive integer.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        dtype: Any = None,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        for name, size in (("in_features", in_features), ("out_features", out_features)):
            if isinstance(size, bool) or not isinstance(size, int) or size < 1:
                raise ArgumentError(f"Linear: {name} must be a positive integer; got {size!r}", argument=size)
        self.in_features = in_features
        self.out_features = out_features
        draw = generator if generator is not None else default_generator
        bound = 1 / math.sqrt(in_features)
        self.weight = Parameter(draw.uniform((out_features, in_features), -bound, bound, dtype=dtype))
        self.bias = Parameter(draw.uniform((out_features,), -bound, bound, dtype=dtype)) if bias else None

    def forward(self, input: Tensor) -> Tensor:
        """Apply the layer."""
        return functional.linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        """Sizes."""
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"
