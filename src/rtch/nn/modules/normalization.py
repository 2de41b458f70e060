# SPDX-License-Identifier: MIT
"""Layer, RMS and group normalisation as modules: weights start at 1, biases at 0."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rtch.creation import full, ones, zeros
from rtch.device import check_device
from rtch.errors import ArgumentError
from rtch.nn import functional
from rtch.nn.functional.arguments import need_flag, need_integer, need_number
from rtch.nn.module import Module, set_value
from rtch.nn.parameter import Parameter
from rtch.tensor import Tensor


def _shape(name: str, shape: int | Sequence[int]) -> tuple[int, ...]:
    sizes = tuple(shape) if isinstance(shape, (tuple, list)) else (shape,)
    try:
        return tuple(need_integer(name, "a size", size, 0) for size in sizes or (None,))
    except ArgumentError:
        raise ArgumentError(
            f"{name}: normalized_shape must be one size or more; got {shape!r:.80}", argument=shape
        ) from None


class _Affine(Module):
    """What has a weight that starts at 1 and a bias that starts at 0, or one of them, or neither."""

    weight: Parameter | None
    bias: Parameter | None

    def _start(self, shape: tuple[int, ...], weight: bool, bias: bool, device: Any, dtype: Any) -> None:
        check_device(type(self).__name__, device)
        self.register_parameter("weight", Parameter(ones(shape, dtype=dtype)) if weight else None)
        self.register_parameter("bias", Parameter(zeros(shape, dtype=dtype)) if weight and bias else None)

    def reset_parameters(self) -> None:
        """Set weight and bias to what they started from."""
        for parameter, value in ((self.weight, 1.0), (self._parameters.get("bias"), 0.0)):
            if parameter is not None:
                set_value(parameter, full(parameter.shape, value, dtype=parameter.dtype))


class LayerNorm(_Affine):
    """Normalisation over the last axes; see `functional.layer_norm`.

    Args:
        normalized_shape: sizes of those axes, or the one size.
        eps: added to the variance.
        elementwise_affine: whether there is a weight.
        bias: whether there is a bias too.
        device: the CPU.
        dtype: of the parameters, float32 if left out.

    Raises:
        ArgumentError: no size, one that is no integer of 0 or more, eps below 0, another device, or an argument that is
            none of these.
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        *,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _shape("LayerNorm", normalized_shape)
        self.eps = need_number("LayerNorm", "eps", eps, 0.0)
        self.elementwise_affine = need_flag("LayerNorm", "elementwise_affine", elementwise_affine)
        shifts = need_flag("LayerNorm", "bias", bias)
        self._start(self.normalized_shape, self.elementwise_affine, shifts, device, dtype)

    def forward(self, input: Tensor) -> Tensor:
        """Apply the layer."""
        return functional.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """The arguments."""
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class RMSNorm(_Affine):
    """Division by the root of the mean of squares over the last axes; see `functional.rms_norm`.

    Args:
        normalized_shape: sizes of those axes, or the one size.
        eps: added to the mean of squares; that of the input's dtype if left out.
        elementwise_affine: whether there is a weight.
        device: the CPU.
        dtype: of the weight, float32 if left out.

    Raises:
        ArgumentError: no size, one that is no integer of 0 or more, eps below 0, another device, or an argument that is
            none of these.
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        *,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        check_device("RMSNorm", device)
        self.normalized_shape = shape = _shape("RMSNorm", normalized_shape)
        self.eps = None if eps is None else need_number("RMSNorm", "eps", eps, 0.0)
        self.elementwise_affine = need_flag("RMSNorm", "elementwise_affine", elementwise_affine)
        self.register_parameter("weight", Parameter(ones(shape, dtype=dtype)) if elementwise_affine else None)

    def forward(self, input: Tensor) -> Tensor:
        """Apply the layer."""
        return functional.rms_norm(input, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        """The arguments."""
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class GroupNorm(_Affine):
    """Normalisation over groups of channels; see `functional.group_norm`.

    Args:
        num_groups: a divisor of num_channels.
        num_channels: C of (N, C, *).
        eps: added to the variance.
        affine: whether there are a weight and, with `bias`, a bias, a number per channel each.
        bias: whether an affine layer has a bias too.
        device: the CPU.
        dtype: of the parameters, float32 if left out.

    Raises:
        ArgumentError: num_channels is no multiple of num_groups, eps below 0, another device, or an argument that is
            none of these.
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        *,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.num_groups = need_integer("GroupNorm", "num_groups", num_groups, 1)
        self.num_channels = need_integer("GroupNorm", "num_channels", num_channels, 1)
        if self.num_channels % self.num_groups:
            raise ArgumentError(
                f"GroupNorm: num_channels must be a multiple of num_groups; got {num_channels!r:.40} and "
                f"{num_groups!r:.40}",
                argument=num_channels,
            )
        self.eps = need_number("GroupNorm", "eps", eps, 0.0)
        self.affine = need_flag("GroupNorm", "affine", affine)
        self._start((self.num_channels,), self.affine, need_flag("GroupNorm", "bias", bias), device, dtype)

    def forward(self, input: Tensor) -> Tensor:
        """Apply the layer."""
        return functional.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """The arguments."""
        return f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}"
