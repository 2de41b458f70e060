# SPDX-License-Identifier: MIT
"""Convolutions."""

from __future__ import annotations

import math
from typing import Any

from rtch.device import check_device
from rtch.errors import ArgumentError
from rtch.nn import functional
from rtch.nn.functional.arguments import need_flag, need_generator, need_integer, numbers
from rtch.nn.module import Module, set_value
from rtch.nn.parameter import Parameter
from rtch.random import Generator
from rtch.tensor import Tensor

_MODES = ("zeros", "reflect", "replicate", "circular")


class _Conv(Module):
    """What convolutions of one and two axes and their transposes share."""

    _n = 2
    _transposed = False
    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any,
        padding: Any,
        output_padding: Any,
        dilation: Any,
        groups: int,
        bias: bool,
        padding_mode: str,
        device: Any,
        dtype: Any,
        generator: Generator | None,
    ) -> None:
        super().__init__()
        name, n = type(self).__name__, self._n
        check_device(name, device)
        groups = need_integer(name, "groups", groups, 1)
        in_channels = need_integer(name, "in_channels", in_channels, 1)
        out_channels = need_integer(name, "out_channels", out_channels, 1)
        for what, size in (("in_channels", in_channels), ("out_channels", out_channels)):
            if size % groups:
                raise ArgumentError(f"{name}: {what} must be a multiple of groups={groups}; got {size}", argument=size)
        if not isinstance(padding_mode, str) or padding_mode not in (_MODES[:1] if self._transposed else _MODES):
            allowed = "'zeros'" if self._transposed else "'zeros', 'reflect', 'replicate' or 'circular'"
            raise ArgumentError(f"{name}: padding_mode must be {allowed}; got {padding_mode!r:.80}")
        if isinstance(padding, str) and (self._transposed or padding not in ("same", "valid")):
            raise ArgumentError(f"{name}: padding must be 'valid', 'same' or integers; got {padding!r:.80}")
        self.in_channels, self.out_channels = in_channels, out_channels
        self.kernel_size = numbers(name, "kernel_size", kernel_size, n, 1)
        self.stride = numbers(name, "stride", stride, n, 1)
        self.padding = padding if isinstance(padding, str) else numbers(name, "padding", padding, n, 0)
        self.output_padding = numbers(name, "output_padding", output_padding, n, 0)
        self.dilation = numbers(name, "dilation", dilation, n, 1)
        self.groups = groups
        self.padding_mode = padding_mode
        if self.padding == "same" and any(s != 1 for s in self.stride):
            raise ArgumentError(f"{name}: padding='same' needs a stride of 1; got {stride!r:.80}", argument=stride)
        weight, start = self._drawn(generator, dtype, need_flag(name, "bias", bias))
        self.weight = Parameter(weight)
        self.register_parameter("bias", None if start is None else Parameter(start))

    def _drawn(self, generator: Any, dtype: Any, bias: bool) -> tuple[Tensor, Tensor | None]:
        draw = need_generator(type(self).__name__, generator)
        channels = (self.in_channels, self.out_channels)
        first, second = channels if self._transposed else channels[::-1]
        shape = (first, second // self.groups, *self.kernel_size)
        bound = 1 / math.sqrt(math.prod(shape[1:]))
        weight = draw.uniform(shape, -bound, bound, dtype=dtype)
        return weight, draw.uniform((self.out_channels,), -bound, bound, dtype=dtype) if bias else None

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

    def _apply(self, function: Any, x: Tensor) -> Tensor:
        padding: Any = self.padding
        if self.padding_mode != "zeros":
            x = functional.pad(x, self._around(), mode=self.padding_mode)
            padding = 0
        out: Tensor = function(x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)
        return out

    def _around(self) -> tuple[int, ...]:
        """The padding as `functional.pad` takes it."""
        if self.padding == "valid":
            pairs = [(0, 0)] * self._n
        elif self.padding == "same":
            totals = [d * (k - 1) for d, k in zip(self.dilation, self.kernel_size, strict=True)]
            pairs = [(total // 2, total - total // 2) for total in totals]
        else:
            pairs = [(int(p), int(p)) for p in self.padding]
        return tuple(number for pair in reversed(pairs) for number in pair)

    def _apply_transposed(self, function: Any, x: Tensor, output_size: Any) -> Tensor:
        more = self.output_padding if output_size is None else self._output_padding(x, output_size)
        out: Tensor = function(x, self.weight, self.bias, self.stride, self.padding, more, self.groups, self.dilation)
        return out

    def _output_padding(self, x: Tensor, output_size: Any) -> tuple[int, ...]:
        """The output_padding that gives a size."""
        n, name = self._n, type(self).__name__
        try:
            wanted = numbers(name, "output_size", output_size, len(output_size), 0)[-n:]
        except TypeError:
            raise ArgumentError(
                f"{name}: output_size must be a sequence of integers; got {output_size!r:.80}", argument=output_size
            ) from None
        assert not isinstance(self.padding, str)
        least = [
            (size - 1) * s - 2 * p + d * (k - 1) + 1
            for size, s, p, d, k in zip(
                x.shape[-n:], self.stride, self.padding, self.dilation, self.kernel_size, strict=True
            )
        ]
        most = [size + s - 1 for size, s in zip(least, self.stride, strict=True)]
        if len(wanted) != n or any(
            not low <= size <= high for low, size, high in zip(least, wanted, most, strict=True)
        ):
            raise ArgumentError(
                f"{name}: output_size must be between {least} and {most}; got {output_size!r:.80}", argument=output_size
            )
        return tuple(size - low for size, low in zip(wanted, least, strict=True))

    def extra_repr(self) -> str:
        """Channels and what differs from the defaults."""
        parts = [
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}",
            *([f"padding={self.padding!r}"] if isinstance(self.padding, str) or any(self.padding) else []),
            *([f"dilation={self.dilation}"] if any(d != 1 for d in self.dilation) else []),
            *([f"output_padding={self.output_padding}"] if any(self.output_padding) else []),
            *([f"groups={self.groups}"] if self.groups != 1 else []),
            *(["bias=False"] if self.bias is None else []),
            *([f"padding_mode={self.padding_mode}"] if self.padding_mode != "zeros" else []),
        ]
        return ", ".join(parts)


class _Forward(_Conv):
    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, ...],
        stride: int | tuple[int, ...] = 1,
        padding: int | tuple[int, ...] | str = 0,
        dilation: int | tuple[int, ...] = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        *,
        device: Any = None,
        dtype: Any = None,
        generator: Generator | None = None,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            0,
            dilation,
            groups,
            bias,
            padding_mode,
            device,
            dtype,
            generator,
        )


class _Backward(_Conv):
    _transposed = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, ...],
        stride: int | tuple[int, ...] = 1,
        padding: int | tuple[int, ...] = 0,
        output_padding: int | tuple[int, ...] = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: int | tuple[int, ...] = 1,
        padding_mode: str = "zeros",
        *,
        device: Any = None,
        dtype: Any = None,
        generator: Generator | None = None,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            output_padding,
            dilation,
            groups,
            bias,
            padding_mode,
            device,
            dtype,
            generator,
        )


class Conv1d(_Forward):
    """Convolution of sequences (N, C, L); see `Conv2d` for the arguments and errors, and `functional.conv1d`."""

    _n = 1

    def forward(self, input: Tensor) -> Tensor:
        """Apply the layer."""
        return self._apply(functional.conv1d, input)


class Conv2d(_Forward):
    """Convolution of images (N, C, H, W); see `functional.conv2d`.

    Weight (out_channels, in_channels / groups, *kernel_size) and bias (out_channels,) are drawn uniformly from
    +-1 / sqrt(in_channels / groups * taps), as in PyTorch.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the result.
        kernel_size: taps along each axis; one number or one for each axis, as stride, padding and dilation.
        stride: places between neighbouring results.
        padding: places added on both sides, or "valid" or "same".
        dilation: places between neighbouring taps.
        groups: parts that the channels are split in.
        bias: whether to add a bias.
        padding_mode: what is added: "zeros", "reflect", "replicate" or "circular"; see `functional.pad`.
        device: the CPU.
        dtype: float32 (default) or float64.
        generator: where the weights come from; `rtch.random.default_generator` if left out.

    Raises:
        ArgumentError: a number out of range, channels that groups do not divide, another device, or an argument that is
            none of these.
    """

    _n = 2

    def forward(self, input: Tensor) -> Tensor:
        """Apply the layer."""
        return self._apply(functional.conv2d, input)


class ConvTranspose1d(_Backward):
    """The transpose of a convolution of sequences; see `ConvTranspose2d` for the arguments and errors, and
    `functional.conv_transpose1d`."""

    _n = 1

    def forward(self, input: Tensor, output_size: tuple[int, ...] | None = None) -> Tensor:
        """Apply the layer; output_size chooses the output_padding."""
        return self._apply_transposed(functional.conv_transpose1d, input, output_size)


class ConvTranspose2d(_Backward):
    """The transpose of a convolution of images; see `functional.conv_transpose2d`.

    Weight (in_channels, out_channels / groups, *kernel_size) and bias (out_channels,) are drawn uniformly from
    +-1 / sqrt(out_channels / groups * taps), as in PyTorch.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the result.
        kernel_size: taps along each axis; one number or one for each axis, as the others.
        stride: places between neighbouring inputs in the result.
        padding: places cut off on both sides.
        output_padding: places that the result has more at its end, fewer than stride or dilation.
        groups: parts that the channels are split in.
        bias: whether to add a bias.
        dilation: places between neighbouring taps.
        padding_mode: "zeros".
        device: the CPU.
        dtype: float32 (default) or float64.
        generator: where the weights come from; `rtch.random.default_generator` if left out.

    Raises:
        ArgumentError: a number out of range, channels that groups do not divide, another device, or an argument that is
            none of these.
    """

    _n = 2

    def forward(self, input: Tensor, output_size: tuple[int, ...] | None = None) -> Tensor:
        """Apply the layer; output_size chooses the output_padding."""
        return self._apply_transposed(functional.conv_transpose2d, input, output_size)
