# SPDX-License-Identifier: MIT
"""Padding; see `functional.pad`. One number pads every side of the last one, two or three axes.

All take `padding`: that number, or two for each axis, the last axis first. A number below 0 takes away where the mode
is constant.
"""

from __future__ import annotations

from rtch.nn import functional
from rtch.nn.functional.arguments import need_number, numbers
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
        self.value = need_number(type(self).__name__, "value", value)

    def forward(self, input: Tensor) -> Tensor:
        """Apply the layer."""
        return functional.pad(input, self.padding, value=self.value)

    def extra_repr(self) -> str:
        """The sides and the value."""
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(_ConstantPad):
    """A value around sequences.

    Args:
        padding: one number for every side, or two for each axis, the last axis first.
        value: what stands there.

    Raises:
        ArgumentError: padding is neither, or value no number.
    """


class ConstantPad2d(_ConstantPad):
    """A value around images.

    Args:
        padding: one number for every side, or two for each axis, the last axis first.
        value: what stands there.

    Raises:
        ArgumentError: padding is neither, or value no number.
    """

    _n = 2


class ConstantPad3d(_ConstantPad):
    """A value around volumes.

    Args:
        padding: one number for every side, or two for each axis, the last axis first.
        value: what stands there.

    Raises:
        ArgumentError: padding is neither, or value no number.
    """

    _n = 3


class ZeroPad1d(_Pad):
    """Zeros around sequences.

    Args:
        padding: one number for every side, or two for each axis, the last axis first.

    Raises:
        ArgumentError: padding is neither.
    """


class ZeroPad2d(_Pad):
    """Zeros around images.

    Args:
        padding: one number for every side, or two for each axis, the last axis first.

    Raises:
        ArgumentError: padding is neither.
    """

    _n = 2


class ZeroPad3d(_Pad):
    """Zeros around volumes.

    Args:
        padding: one number for every side, or two for each axis, the last axis first.

    Raises:
        ArgumentError: padding is neither.
    """

    _n = 3


class ReflectionPad1d(_Pad):
    """Sequences seen in a mirror on their outermost elements.

    Args:
        padding: one number for every side, or two for each axis, the last axis first.

    Raises:
        ArgumentError: padding is neither.
    """

    _mode = "reflect"


class ReflectionPad2d(_Pad):
    """Images seen in a mirror on their outermost elements.

    Args:
        padding: one number for every side, or two for each axis, the last axis first.

    Raises:
        ArgumentError: padding is neither.
    """

    _n, _mode = 2, "reflect"


class ReflectionPad3d(_Pad):
    """Volumes seen in a mirror on their outermost elements.

    Args:
        padding: one number for every side, or two for each axis, the last axis first.

    Raises:
        ArgumentError: padding is neither.
    """

    _n, _mode = 3, "reflect"


class ReplicationPad1d(_Pad):
    """The outermost elements of sequences, repeated.

    Args:
        padding: one number for every side, or two for each axis, the last axis first.

    Raises:
        ArgumentError: padding is neither.
    """

    _mode = "replicate"


class ReplicationPad2d(_Pad):
    """The outermost elements of images, repeated.

    Args:
        padding: one number for every side, or two for each axis, the last axis first.

    Raises:
        ArgumentError: padding is neither.
    """

    _n, _mode = 2, "replicate"


class ReplicationPad3d(_Pad):
    """The outermost elements of volumes, repeated.

    Args:
        padding: one number for every side, or two for each axis, the last axis first.

    Raises:
        ArgumentError: padding is neither.
    """

    _n, _mode = 3, "replicate"


class CircularPad1d(_Pad):
    """The elements of the other end around sequences.

    Args:
        padding: one number for every side, or two for each axis, the last axis first.

    Raises:
        ArgumentError: padding is neither.
    """

    _mode = "circular"


class CircularPad2d(_Pad):
    """The elements of the other end around images.

    Args:
        padding: one number for every side, or two for each axis, the last axis first.

    Raises:
        ArgumentError: padding is neither.
    """

    _n, _mode = 2, "circular"


class CircularPad3d(_Pad):
    """The elements of the other end around volumes.

    Args:
        padding: one number for every side, or two for each axis, the last axis first.

    Raises:
        ArgumentError: padding is neither.
    """

    _n, _mode = 3, "circular"
