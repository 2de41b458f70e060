# SPDX-License-Identifier: MIT
"""Layer, RMS and group normalisation as modules: weights start at 1, biases at 0."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rtch.creation import ones, zeros
from rtch.errors import ArgumentError
from rtch.nn import functional
from rtch.nn.module import Module
from rtch.nn.parameter import Parameter
from rtch.tensor import Tensor


def _shape(name: str, shape: int | Sequence[int]) -> tuple[int, ...]:
    sizes = (shape,) if isinstance(shape, int) else tuple(shape)
    if not sizes or any(isinstance(size, bool) or not isinstance(size, int) or size < 0 for size in sizes):
        raise ArgumentError(f"{name}: normalized_shape must be one size or more; got {shape!r:.80}", argument=shape)
    return sizes


class LayerNorm(Module):
    """Normalisation over the last axes; see `functional.layer_norm`.

    Args:
        normalized_shape: sizes of those axes, or the one size.
        eps: added to the variance.
        elementwise_affine: whether there is a weight.
        bias: whether there is a bias too.
        dtype: of the parameters, float32 if left out.

    Raises:
        ArgumentError: no size, or one that is no integer of 0 or more.
    """

    weight: Parameter | None
    bias: Parameter | None

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        *,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = shape = _shape("LayerNorm", normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        self.register_parameter("weight", Parameter(ones(shape, dtype=dtype)) if elementwise_affine else None)
        self.register_parameter("bias", Parameter(zeros(shape, dtype=dtype)) if elementwise_affine and bias else None)

    def forward(self, input: Tensor) -> Tensor:
        """Apply the layer."""
        return functional.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """The arguments."""
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class RMSNorm(Module):
    """Division by the root of the mean of squares over the last axes; see `functional.rms_norm`.

    Args:
        normalized_shape: sizes of those axes, or the one size.
        eps: added to the mean of squares; that of the input's dtype if left out.
        elementwise_affine: whether there is a weight.
        dtype: of the weight, float32 if left out.

    Raises:
        ArgumentError: no size, or one that is no integer of 0 or more.
    """

    weight: Parameter | None

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        *,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = shape = _shape("RMSNorm", normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        self.register_parameter("weight", Parameter(ones(shape, dtype=dtype)) if elementwise_affine else None)

    def forward(self, input: Tensor) -> Tensor:
        """Apply the layer."""
        return functional.rms_norm(input, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        """The arguments."""
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class GroupNorm(Module):
    """Normalisation over groups of channels; see `functional.group_norm`.

    Args:
        num_groups: a divisor of num_channels.
        num_channels: C of (N, C, *).
        eps: added to the variance.
        affine: whether there are a weight and a bias, a number per channel each.
        dtype: of the parameters, float32 if left out.

    Raises:
        ArgumentError: num_channels is no multiple of num_groups.
    """

    weight: Parameter | None
    bias: Parameter | None

    def __init__(
        self, num_groups: int, num_channels: int, eps: float = 1e-5, affine: bool = True, *, dtype: Any = None
    ) -> None:
        super().__init__()
        sizes = (num_groups, num_channels)
        if any(isinstance(n, bool) or not isinstance(n, int) or n < 1 for n in sizes) or num_channels % num_groups:
            raise ArgumentError(
                f"GroupNorm: num_channels must be a multiple of num_groups; got {num_channels!r:.40} and "
                f"{num_groups!r:.40}",
                argument=num_channels,
            )
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        self.affine = affine
        self.register_parameter("weight", Parameter(ones((num_channels,), dtype=dtype)) if affine else None)
        self.register_parameter("bias", Parameter(zeros((num_channels,), dtype=dtype)) if affine else None)

    def forward(self, input: Tensor) -> Tensor:
        """Apply the layer."""
        return functional.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """The arguments."""
        return f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}"
