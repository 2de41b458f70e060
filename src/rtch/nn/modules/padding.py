# SPDX-License-Identifier: MIT
"""Padding; see `functional.pad`. One number pads every side of the last one, two or three axes."""

from __future__ import annotations

from rtch.nn import functional
from rtch.nn.functional.arguments import numbers
from rtch.nn.module import Module
from rtch.tensor import Tensor

_Sides = int | tuple[int, ...]
_ANY = -(2**62)


class _Pad(Module):
    _n = 1
    _mode = "constant"

    def __init__(self, padding: _Sides) -> None:
        super().__init__()
        self.padding = numbers(type(self).__name__, "padding", padding, 2 * self._n, _ANY)

    def forward(self, input: Tensor) -> Tensor:
        """Apply the layer."""
        return functional.pad(input, self.padding, mode=self._mode)

    def extra_repr(self) -> str:
        """The sides."""
        return f"{self.padding}"


class _ConstantPad(_Pad):
    def __init__(self, padding: _Sides, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        """Apply the layer."""
        return functional.pad(input, self.padding, value=self.value)

    def extra_repr(self) -> str:
        """The sides and the value."""
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(_ConstantPad):
    """A value around sequences."""


class ConstantPad2d(_ConstantPad):
    """A value around images."""

    _n = 2


class ConstantPad3d(_ConstantPad):
    """A value around volumes."""

    _n = 3


class ZeroPad1d(_Pad):
    """Zeros around sequences."""


class ZeroPad2d(_Pad):
    """Zeros around images."""

    _n = 2


class ZeroPad3d(_Pad):
    """Zeros around volumes."""

    _n = 3


class ReflectionPad1d(_Pad):
    """Sequences seen in a mirror on their outermost elements."""

    _mode = "reflect"


class ReflectionPad2d(_Pad):
    """Images seen in a mirror on their outermost elements."""

    _n, _mode = 2, "reflect"


class ReflectionPad3d(_Pad):
    """Volumes seen in a mirror on their outermost elements."""

    _n, _mode = 3, "reflect"


class ReplicationPad1d(_Pad):
    """The outermost elements of sequences, repeated."""

    _mode = "replicate"


class ReplicationPad2d(_Pad):
    """The outermost elements of images, repeated."""

    _n, _mode = 2, "replicate"


class ReplicationPad3d(_Pad):
    """The outermost elements of volumes, repeated."""

    _n, _mode = 3, "replicate"


class CircularPad1d(_Pad):
    """The elements of the other end around sequences."""

    _mode = "circular"


class CircularPad2d(_Pad):
    """The elements of the other end around images."""

    _n, _mode = 2, "circular"


class CircularPad3d(_Pad):
    """The elements of the other end around volumes."""

    _n, _mode = 3, "circular"
