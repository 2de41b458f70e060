# SPDX-License-Identifier: MIT
"""Pooling."""

from __future__ import annotations

from typing import Any

from rtch.errors import ArgumentError
from rtch.nn import functional
from rtch.nn.functional.arguments import need_flag, need_integer, numbers
from rtch.nn.module import Module
from rtch.tensor import Tensor

_Size = int | tuple[int, ...]


class _Windows(Module):
    """What windows are made of; the numbers are kept as they are given."""

    _n = 1

    def _set(self, least: dict[str, int], values: dict[str, Any]) -> None:
        name = type(self).__name__
        if values["stride"] is None:
            values["stride"] = values["kernel_size"]
        for what, value in values.items():
            if what in least:
                numbers(name, what, value, self._n, least[what])
            else:
                need_flag(name, what, value)
            setattr(self, what, value)


class _MaxPool(_Windows):
    kernel_size: _Size
    stride: _Size
    padding: _Size
    dilation: _Size
    return_indices: bool
    ceil_mode: bool

    def __init__(
        self,
        kernel_size: _Size,
        stride: _Size | None = None,
        padding: _Size = 0,
        dilation: _Size = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self._set(
            {"kernel_size": 1, "stride": 1, "padding": 0, "dilation": 1},
            {
                "kernel_size": kernel_size,
                "stride": stride,
                "padding": padding,
                "dilation": dilation,
                "return_indices": return_indices,
                "ceil_mode": ceil_mode,
            },
        )

    def _arguments(self) -> tuple[Any, ...]:
        return self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode, self.return_indices

    def extra_repr(self) -> str:
        """The numbers."""
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, dilation={self.dilation}, "
            f"ceil_mode={self.ceil_mode}"
        )


class MaxPool1d(_MaxPool):
    """The largest element of windows of sequences; see `functional.max_pool1d`.

    Args:
        kernel_size: elements of a window along each axis; one number or one for each, as below.
        stride: places between windows; kernel_size if left out.
        padding: places on both sides that no element is taken from; at most half a window.
        dilation: places between neighbouring elements of a window.
        return_indices: give (values, places).
        ceil_mode: also a last window that is not all inside.

    Raises:
        ArgumentError: a number out of range, or an argument that is none of these.
    """

    def forward(self, input: Tensor) -> Any:
        """Apply the layer."""
        return functional.max_pool1d(input, *self._arguments())


class MaxPool2d(_MaxPool):
    """The largest element of windows of images; see `functional.max_pool2d`.

    Args:
        kernel_size: elements of a window along each axis; one number or one for each, as below.
        stride: places between windows; kernel_size if left out.
        padding: places on both sides that no element is taken from; at most half a window.
        dilation: places between neighbouring elements of a window.
        return_indices: give (values, places).
        ceil_mode: also a last window that is not all inside.

    Raises:
        ArgumentError: a number out of range, or an argument that is none of these.
    """

    _n = 2

    def forward(self, input: Tensor) -> Any:
        """Apply the layer."""
        return functional.max_pool2d(input, *self._arguments())


class AvgPool1d(_Windows):
    """The mean of windows of sequences; see `functional.avg_pool1d`.

    Args:
        kernel_size: elements of a window along each axis; one number or one for each, as below.
        stride: places between windows; kernel_size if left out.
        padding: zeros on both sides; at most half a window.
        ceil_mode: also a last window that is not all inside.
        count_include_pad: whether the zeros count towards the divisor.

    Raises:
        ArgumentError: a number out of range, or an argument that is none of these.
    """

    kernel_size: _Size
    stride: _Size
    padding: _Size
    ceil_mode: bool
    count_include_pad: bool

    def __init__(
        self,
        kernel_size: _Size,
        stride: _Size | None = None,
        padding: _Size = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__()
        self._set(
            {"kernel_size": 1, "stride": 1, "padding": 0},
            {
                "kernel_size": kernel_size,
                "stride": stride,
                "padding": padding,
                "ceil_mode": ceil_mode,
                "count_include_pad": count_include_pad,
            },
        )

    def forward(self, input: Tensor) -> Tensor:
        """Apply the layer."""
        return functional.avg_pool1d(
            input, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad
        )

    def extra_repr(self) -> str:
        """The numbers."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool2d(_Windows):
    """The mean of windows of images; see `functional.avg_pool2d`.

    Args:
        kernel_size: elements of a window along each axis; one number or one for each, as below.
        stride: places between windows; kernel_size if left out.
        padding: zeros on both sides; at most half a window.
        ceil_mode: also a last window that is not all inside.
        count_include_pad: whether the zeros count towards the divisor.
        divisor_override: the divisor, instead of the number of elements.

    Raises:
        ArgumentError: a number out of range, or an argument that is none of these.
    """

    _n = 2
    kernel_size: _Size
    stride: _Size
    padding: _Size
    ceil_mode: bool
    count_include_pad: bool

    def __init__(
        self,
        kernel_size: _Size,
        stride: _Size | None = None,
        padding: _Size = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__()
        self._set(
            {"kernel_size": 1, "stride": 1, "padding": 0},
            {
                "kernel_size": kernel_size,
                "stride": stride,
                "padding": padding,
                "ceil_mode": ceil_mode,
                "count_include_pad": count_include_pad,
            },
        )
        if divisor_override is not None and need_integer("AvgPool2d", "divisor_override", divisor_override) == 0:
            raise ArgumentError("AvgPool2d: divisor_override must not be 0; got 0", argument=divisor_override)
        self.divisor_override = divisor_override

    def forward(self, input: Tensor) -> Tensor:
        """Apply the layer."""
        return functional.avg_pool2d(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )

    def extra_repr(self) -> str:
        """The numbers."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AdaptiveAvgPool1d(Module):
    """Means of as many windows of sequences as are asked for; see `functional.adaptive_avg_pool1d`.

    Args:
        output_size: results along each axis.

    Raises:
        ArgumentError: no integer of 0 or more.
    """

    def __init__(self, output_size: _Size) -> None:
        super().__init__()
        numbers("AdaptiveAvgPool1d", "output_size", output_size, 1, 0)
        self.output_size = output_size

    def forward(self, input: Tensor) -> Tensor:
        """Apply the layer."""
        return functional.adaptive_avg_pool1d(input, self.output_size)

    def extra_repr(self) -> str:
        """The size."""
        return f"output_size={self.output_size}"


class AdaptiveAvgPool2d(Module):
    """Means of as many windows of images as are asked for; see `functional.adaptive_avg_pool2d`.

    Args:
        output_size: results along each axis; None for the input's size.

    Raises:
        ArgumentError: no integer of 0 or more.
    """

    def __init__(self, output_size: int | tuple[int | None, ...] | None) -> None:
        super().__init__()
        sizes = output_size if isinstance(output_size, (tuple, list)) else (output_size, output_size)
        numbers("AdaptiveAvgPool2d", "output_size", tuple(0 if size is None else size for size in sizes), 2, 0)
        self.output_size = output_size

    def forward(self, input: Tensor) -> Tensor:
        """Apply the layer."""
        return functional.adaptive_avg_pool2d(input, self.output_size)

    def extra_repr(self) -> str:
        """The size."""
        return f"output_size={self.output_size}"
