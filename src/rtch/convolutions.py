# SPDX-License-Identifier: MIT
"""The three products of a convolution, in one or two dimensions; `rtch.nn.functional` has the functions for users.

images (N, G C, H, W), weights (G O, C, KH, KW) and results (N, G O, OH, OW), for groups G, meet where, along each axis,
image place = result place * stride + tap * dilation - padding.
"""

from __future__ import annotations

from collections.abc import Sequence

from rtch._c import ffi, lib
from rtch.functions import sum as sum_
from rtch.ops.row import F
from rtch.ops.table import BY_NAME
from rtch.tensor import Tensor, structure

_FORWARD, _TRANSPOSE, _WEIGHT = (
    BY_NAME[name] for name in ("convolution", "convolution_transpose", "convolution_weight")
)


class Axes(tuple[int, ...]):
    """For each axis four numbers: the size of what is asked for, stride, dilation, and the zeros in front."""

    __slots__ = ()

    @classmethod
    def make(cls, sizes: Sequence[int], stride: Sequence[int], dilation: Sequence[int], padding: Sequence[int]) -> Axes:
        """From the numbers of each kind."""
        return cls(n for axis in zip(sizes, stride, dilation, padding, strict=True) for n in axis)

    def of(self, shape: Sequence[int]) -> Axes:
        """The same for a tensor of a shape."""
        return Axes(shape[2 + i // 4] if i % 4 == 0 else n for i, n in enumerate(self))


def convolution(x: Tensor, weight: Tensor, bias: Tensor | None, groups: int, axes: Axes) -> Tensor:
    """Images and weights to results, whose size along each axis `axes` says; places outside the image are zeros."""
    h = lib.rt_convolution(x._h, weight._h, _header(bias), groups, axes)
    return structure(_FORWARD, h, (x, weight, bias), {"groups": groups, "axes": axes})


def convolution_transpose(x: Tensor, weight: Tensor, bias: Tensor | None, groups: int, axes: Axes) -> Tensor:
    """Results x and weights to images: what a gradient of results is for the images."""
    h = lib.rt_convolution_transpose(x._h, weight._h, _header(bias), groups, axes)
    return structure(_TRANSPOSE, h, (x, weight, bias), {"groups": groups, "axes": axes})


def convolution_weight(x: Tensor, grad: Tensor, groups: int, axes: Axes) -> Tensor:
    """Images and results to weights: what a gradient of results is for the weights."""
    h = lib.rt_convolution_weight(x._h, grad._h, groups, axes)
    return structure(_WEIGHT, h, (x, grad), {"groups": groups, "axes": axes})


def sum_of_channels(g: Tensor) -> Tensor:
    """The sum over all axes but the second."""
    return sum_(g, axis=(0, *range(2, g.ndim)))


def _header(t: Tensor | None) -> object:
    return t._h if t is not None else ffi.NULL


for _function in (convolution, convolution_transpose, convolution_weight, sum_of_channels):
    setattr(F, _function.__name__, _function)
