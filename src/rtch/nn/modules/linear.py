# SPDX-License-Identifier: MIT
"""Linear."""

from __future__ import annotations

import math
from typing import Any

from rtch.device import check_device
from rtch.nn import functional
from rtch.nn.functional.arguments import need_flag, need_generator, need_integer
from rtch.nn.module import Module, set_value
from rtch.nn.parameter import Parameter
from rtch.random import Generator
from rtch.tensor import Tensor


class Linear(Module):
    """``x @ weight.T + bias``: (*, in_features) to (*, out_features).

    Weight (out_features, in_features) and bias (out_features,) are drawn uniformly from +-1 / sqrt(in_features), as in
    PyTorch.

    Args:
        in_features: size of the last axis of the input.
        out_features: size of the last axis of the result.
        bias: whether to add a bias.
        device: the CPU.
        dtype: float32 (default) or float64.
        generator: where the weights come from; `rtch.random.default_generator` if left out.

    Raises:
        ArgumentError: a size that is not a positive integer, another device, or an argument that is none of these.
    """

    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        device: Any = None,
        dtype: Any = None,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        check_device("Linear", device)
        self.in_features = need_integer("Linear", "in_features", in_features, 1)
        self.out_features = need_integer("Linear", "out_features", out_features, 1)
        weight, start = self._drawn(generator, dtype, need_flag("Linear", "bias", bias))
        self.weight = Parameter(weight)
        self.register_parameter("bias", None if start is None else Parameter(start))

    def _drawn(self, generator: Any, dtype: Any, bias: bool) -> tuple[Tensor, Tensor | None]:
        draw = need_generator("Linear", generator)
        bound = 1 / math.sqrt(self.in_features)
        weight = draw.uniform((self.out_features, self.in_features), -bound, bound, dtype=dtype)
        return weight, draw.uniform((self.out_features,), -bound, bound, dtype=dtype) if bias else None

    def reset_parameters(self, generator: Generator | None = None) -> None:
        """Draw weight and bias anew.

        Args:
            generator: where they come from; `rtch.random.default_generator` if left out.

        Raises:
            ArgumentError: no generator.
        """
        weight, bias = self._drawn(generator, self.weight.dtype, self.bias is not None)
        set_value(self.weight, weight)
        if self.bias is not None and bias is not None:
            set_value(self.bias, bias)

    def forward(self, input: Tensor) -> Tensor:
        """Apply the layer."""
        return functional.linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        """Sizes."""
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"
