# SPDX-License-Identifier: MIT
"""Activations: the functions with arguments that are checked when a module is made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from rtch.creation import full
from rtch.device import check_device
from rtch.errors import ArgumentError
from rtch.nn import functional
from rtch.nn.functional.activations import need_approximation
from rtch.nn.functional.arguments import need_flag, need_integer, need_number, one_axis
from rtch.nn.module import Module, set_value
from rtch.nn.parameter import Parameter
from rtch.tensor import Tensor


class Activation(Module):
    """Base of those without parameters to learn: `function` of the input and of the attributes in `options`."""

    function: ClassVar[Callable[..., Tensor]]
    options: ClassVar[tuple[str, ...]] = ()

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function."""
        return type(self).function(input, *[getattr(self, name) for name in self.options])

    def extra_repr(self) -> str:
        """The options; `inplace` where it is set."""
        return ", ".join(
            f"{name}={getattr(self, name)!r}" for name in self.options if name != "inplace" or self.__dict__[name]
        )

    def _number(self, name: str, value: Any, low: float | None = None) -> float:
        return need_number(type(self).__name__, name, value, low)


class InPlaceActivation(Activation):
    """Base of those whose one argument is whether the result is written into the input."""

    options = ("inplace",)

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = need_flag(type(self).__name__, "inplace", inplace)


class ReLU(InPlaceActivation):
    """``max(x, 0)``, elementwise.

    Args:
        inplace: write the result into the input.

    Raises:
        ArgumentError: inplace is neither True nor False.
    """

    function = staticmethod(functional.relu)


class Tanh(Activation):
    """Hyperbolic tangent, elementwise."""

    function = staticmethod(functional.tanh)


class Sigmoid(Activation):
    """See `functional.sigmoid`."""

    function = staticmethod(functional.sigmoid)


class SiLU(InPlaceActivation):
    """See `functional.silu`.

    Args:
        inplace: write the result into the input.

    Raises:
        ArgumentError: inplace is neither True nor False.
    """

    function = staticmethod(functional.silu)


class Mish(InPlaceActivation):
    """See `functional.mish`.

    Args:
        inplace: write the result into the input.

    Raises:
        ArgumentError: inplace is neither True nor False.
    """

    function = staticmethod(functional.mish)


class Hardswish(InPlaceActivation):
    """See `functional.hardswish`.

    Args:
        inplace: write the result into the input.

    Raises:
        ArgumentError: inplace is neither True nor False.
    """

    function = staticmethod(functional.hardswish)


class Hardsigmoid(InPlaceActivation):
    """See `functional.hardsigmoid`.

    Args:
        inplace: write the result into the input.

    Raises:
        ArgumentError: inplace is neither True nor False.
    """

    function = staticmethod(functional.hardsigmoid)


class ReLU6(InPlaceActivation):
    """See `functional.relu6`.

    Args:
        inplace: write the result into the input.

    Raises:
        ArgumentError: inplace is neither True nor False.
    """

    function = staticmethod(functional.relu6)


class SELU(InPlaceActivation):
    """See `functional.selu`.

    Args:
        inplace: write the result into the input.

    Raises:
        ArgumentError: inplace is neither True nor False.
    """

    function = staticmethod(functional.selu)


class LogSigmoid(Activation):
    """See `functional.logsigmoid`."""

    function = staticmethod(functional.logsigmoid)


class Softsign(Activation):
    """See `functional.softsign`."""

    function = staticmethod(functional.softsign)


class Tanhshrink(Activation):
    """See `functional.tanhshrink`."""

    function = staticmethod(functional.tanhshrink)


class LeakyReLU(Activation):
    """See `functional.leaky_relu`.

    Args:
        negative_slope: the slope below 0.
        inplace: write the result into the input.

    Raises:
        ArgumentError: an argument that is none of these.
    """

    function = staticmethod(functional.leaky_relu)
    options = ("negative_slope", "inplace")

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        super().__init__()
        self.negative_slope = self._number("negative_slope", negative_slope)
        self.inplace = need_flag(type(self).__name__, "inplace", inplace)


class ELU(Activation):
    """See `functional.elu`.

    Args:
        alpha: minus the limit far below 0.
        inplace: write the result into the input.

    Raises:
        ArgumentError: an argument that is none of these.
    """

    function = staticmethod(functional.elu)
    options = ("alpha", "inplace")

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.alpha = self._number("alpha", alpha)
        self.inplace = need_flag(type(self).__name__, "inplace", inplace)


class CELU(Activation):
    """See `functional.celu`.

    Args:
        alpha: minus the limit far below 0; not 0.
        inplace: write the result into the input.

    Raises:
        ArgumentError: alpha is 0, or an argument none of these.
    """

    function = staticmethod(functional.celu)
    options = ("alpha", "inplace")

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.alpha = self._number("alpha", alpha)
        if self.alpha == 0:
            raise ArgumentError("CELU: alpha must not be 0; got 0", argument=alpha)
        self.inplace = need_flag(type(self).__name__, "inplace", inplace)


class GELU(Activation):
    """See `functional.gelu`.

    Args:
        approximate: "none" for the function itself, "tanh" for one close to it.

    Raises:
        ArgumentError: an unknown approximation.
    """

    function = staticmethod(functional.gelu)
    options = ("approximate",)

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        self.approximate = need_approximation("GELU", approximate)


class Hardtanh(Activation):
    """See `functional.hardtanh`.

    Args:
        min_val: the least result.
        max_val: the greatest result.
        inplace: write the result into the input.
        min_value: an older name for min_val.
        max_value: an older name for max_val.

    Raises:
        ArgumentError: min_val is not below max_val, or an argument none of these.
    """

    function = staticmethod(functional.hardtanh)
    options = ("min_val", "max_val", "inplace")

    def __init__(
        self,
        min_val: float = -1.0,
        max_val: float = 1.0,
        inplace: bool = False,
        min_value: float | None = None,
        max_value: float | None = None,
    ) -> None:
        super().__init__()
        self.min_val = self._number("min_val", min_val if min_value is None else min_value)
        self.max_val = self._number("max_val", max_val if max_value is None else max_value)
        if not self.min_val < self.max_val:
            raise ArgumentError(
                f"Hardtanh: min_val must be below max_val; got {self.min_val!r} and {self.max_val!r}", argument=min_val
            )
        self.inplace = need_flag("Hardtanh", "inplace", inplace)


class Softplus(Activation):
    """See `functional.softplus`.

    Args:
        beta: how fast it bends; not 0.
        threshold: where it becomes a line.

    Raises:
        ArgumentError: beta is 0, or an argument no number.
    """

    function = staticmethod(functional.softplus)
    options = ("beta", "threshold")

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        self.beta, self.threshold = self._number("beta", beta), self._number("threshold", threshold)
        if self.beta == 0:
            raise ArgumentError("Softplus: beta must not be 0; got 0", argument=beta)


class Threshold(Activation):
    """See `functional.threshold`.

    Args:
        threshold: what the input is compared with.
        value: what stands where it is not above.
        inplace: write the result into the input.

    Raises:
        ArgumentError: an argument that is none of these.
    """

    function = staticmethod(functional.threshold)
    options = ("threshold", "value", "inplace")

    def __init__(self, threshold: float, value: float, inplace: bool = False) -> None:
        super().__init__()
        self.threshold, self.value = self._number("threshold", threshold), self._number("value", value)
        self.inplace = need_flag(type(self).__name__, "inplace", inplace)


class Hardshrink(Activation):
    """See `functional.hardshrink`.

    Args:
        lambd: up to where the result is 0.

    Raises:
        ArgumentError: lambd is no number.
    """

    function = staticmethod(functional.hardshrink)
    options = ("lambd",)

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = self._number("lambd", lambd)


class Softshrink(Activation):
    """See `functional.softshrink`.

    Args:
        lambd: by how much the input moves, 0 or more.

    Raises:
        ArgumentError: lambd is below 0, or no number.
    """

    function = staticmethod(functional.softshrink)
    options = ("lambd",)

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = self._number("lambd", lambd, 0.0)


class GLU(Activation):
    """See `functional.glu`.

    Args:
        dim: the axis that is halved.
        axis: another name for dim.

    Raises:
        ArgumentError: the axis is no integer.
    """

    function = staticmethod(functional.glu)
    options = ("dim",)

    def __init__(self, dim: int = -1, *, axis: int | None = None) -> None:
        super().__init__()
        self.dim = one_axis("GLU", dim, axis, -1)


class PReLU(Module):
    """`functional.prelu` with a learnt slope for all elements, or one for each channel.

    Args:
        num_parameters: 1, or the size of axis 1.
        init: what the slopes start from.
        device: the CPU.
        dtype: float32 (default) or float64.

    Raises:
        ArgumentError: num_parameters is not a positive integer, init no number, or another device.
    """

    weight: Parameter

    def __init__(self, num_parameters: int = 1, init: float = 0.25, *, device: Any = None, dtype: Any = None) -> None:
        super().__init__()
        check_device("PReLU", device)
        self.num_parameters = need_integer("PReLU", "num_parameters", num_parameters, 1)
        self.init = need_number("PReLU", "init", init)
        self.weight = Parameter(full((self.num_parameters,), self.init, dtype=dtype or "float32"))

    def reset_parameters(self) -> None:
        """Set the slopes to what they started from."""
        set_value(self.weight, full(self.weight.shape, self.init, dtype=self.weight.dtype))

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function."""
        return functional.prelu(input, self.weight)

    def extra_repr(self) -> str:
        """Their number."""
        return f"num_parameters={self.num_parameters}"
