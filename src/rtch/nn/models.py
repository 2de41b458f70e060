# SPDX-License-Identifier: MIT
"""Whole models for regression: (N, F) features to (N,) predictions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rtch.errors import ArgumentError
from rtch.manipulation import squeeze
from rtch.nn.module import Module
from rtch.nn.modules import Linear, ReLU, Sequential, Tanh
from rtch.random import Generator
from rtch.tensor import Tensor

ACTIVATIONS: dict[str, type[Module]] = {"relu": ReLU, "tanh": Tanh}


class LinearRegression(Module):
    """``x @ w + b``: (N, in_features) to (N,).

    Args:
        in_features: number of features.
        bias: whether to fit an intercept.
        dtype: float32 (default) or float64.
        generator: where the first weights come from.

    Raises:
        ArgumentError: in_features is no positive integer, or an argument none of these.
    """

    def __init__(
        self, in_features: int, bias: bool = True, *, dtype: Any = None, generator: Generator | None = None
    ) -> None:
        super().__init__()
        self.linear = Linear(in_features, 1, bias, dtype=dtype, generator=generator)

    def forward(self, input: Tensor) -> Tensor:
        """Predictions, (N,)."""
        return squeeze(self.linear(input), -1)


class MLPRegressor(Module):
    """Linear layers with an activation between them: (N, in_features) to (N,).

    Args:
        in_features: number of features.
        hidden: widths of the hidden layers.
        activation: "relu" or "tanh".
        dtype: float32 (default) or float64.
        generator: where the first weights come from.

    Raises:
        ArgumentError: no hidden layer, or an unknown activation.
    """

    def __init__(
        self,
        in_features: int,
        hidden: Sequence[int] = (64,),
        activation: str = "relu",
        *,
        dtype: Any = None,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        if not isinstance(activation, str) or activation not in ACTIVATIONS:
            raise ArgumentError(f"MLPRegressor: activation is one of {', '.join(ACTIVATIONS)}; got {activation!r}")
        if not isinstance(hidden, Sequence) or isinstance(hidden, str):
            raise ArgumentError(f"MLPRegressor: hidden must be a list of widths; got {hidden!r}", argument=hidden)
        if not hidden:
            raise ArgumentError("MLPRegressor: one hidden layer or more is needed; use LinearRegression for none")
        layers: list[Module] = []
        width = in_features
        for size in hidden:
            layers += [Linear(width, size, dtype=dtype, generator=generator), ACTIVATIONS[activation]()]
            width = size
        layers.append(Linear(width, 1, dtype=dtype, generator=generator))
        self.layers = Sequential(*layers)

    def forward(self, input: Tensor) -> Tensor:
        """Predictions, (N,)."""
        return squeeze(self.layers(input), -1)
