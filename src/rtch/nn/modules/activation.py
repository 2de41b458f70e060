# SPDX-License-Identifier: MIT
"""Activations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from rtch.creation import full
from rtch.errors import ArgumentError
from rtch.nn import functional
from rtch.nn.module import Module
from rtch.nn.parameter import Parameter
from rtch.tensor import Tensor


class Activation(Module):
    """Base of those without parameters to learn: `function` of the input and of the attributes in `options`."""

    function: ClassVar[Callable[..., Tensor]]
    options: ClassVar[tuple[str, ...]] = ()

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function."""
        return type(self).function(input, *(getattr(self, name) for name in self.options))

    def extra_repr(self) -> str:
        """The options."""
        return ", ".join(f"{name}={getattr(self, name)!r}" for name in self.options)


class ReLU(Activation):
    """``max(x, 0)``, elementwise."""

    function = staticmethod(functional.relu)


class Tanh(Activation):
    """Hyperbolic tangent, elementwise."""

    function = staticmethod(functional.tanh)


class Sigmoid(Activation):
    """See `functional.sigmoid`."""

    function = staticmethod(functional.sigmoid)


class SiLU(Activation):
    """See `functional.silu`."""

    function = staticmethod(functional.silu)


class Mish(Activation):
    """See `functional.mish`."""

    function = staticmethod(functional.mish)


class Hardswish(Activation):
    """See `functional.hardswish`."""

    function = staticmethod(functional.hardswish)


class Hardsigmoid(Activation):
    """See `functional.hardsigmoid`."""

    function = staticmethod(functional.hardsigmoid)


class ReLU6(Activation):
    """See `functional.relu6`."""

    function = staticmethod(functional.relu6)


class SELU(Activation):
    """See `functional.selu`."""

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
    """See `functional.leaky_relu`."""

    function = staticmethod(functional.leaky_relu)
    options = ("negative_slope",)

    def __init__(self, negative_slope: float = 0.01) -> None:
        super().__init__()
        self.negative_slope = negative_slope


class ELU(Activation):
    """See `functional.elu`."""

    function = staticmethod(functional.elu)
    options = ("alpha",)

    def __init__(self, alpha: float = 1.0) -> None:
        super().__init__()
        self.alpha = alpha


class CELU(Activation):
    """See `functional.celu`."""

    function = staticmethod(functional.celu)
    options = ("alpha",)

    def __init__(self, alpha: float = 1.0) -> None:
        super().__init__()
        self.alpha = alpha


class GELU(Activation):
    """See `functional.gelu`."""

    function = staticmethod(functional.gelu)
    options = ("approximate",)

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        self.approximate = approximate


class Hardtanh(Activation):
    """See `functional.hardtanh`.

    Raises:
        ArgumentError: min_val is not below max_val.
    """

    function = staticmethod(functional.hardtanh)
    options = ("min_val", "max_val")

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0) -> None:
        super().__init__()
        if not min_val < max_val:
            raise ArgumentError(
                f"Hardtanh: min_val must be below max_val; got {min_val!r:.80} and {max_val!r:.80}", argument=min_val
            )
        self.min_val, self.max_val = min_val, max_val


class Softplus(Activation):
    """See `functional.softplus`."""

    function = staticmethod(functional.softplus)
    options = ("beta", "threshold")

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        self.beta, self.threshold = beta, threshold


class Threshold(Activation):
    """See `functional.threshold`."""

    function = staticmethod(functional.threshold)
    options = ("threshold", "value")

    def __init__(self, threshold: float, value: float) -> None:
        super().__init__()
        self.threshold, self.value = threshold, value


class Hardshrink(Activation):
    """See `functional.hardshrink`."""

    function = staticmethod(functional.hardshrink)
    options = ("lambd",)

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = lambd


class Softshrink(Activation):
    """See `functional.softshrink`."""

    function = staticmethod(functional.softshrink)
    options = ("lambd",)

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = lambd


class GLU(Activation):
    """See `functional.glu`."""

    function = staticmethod(functional.glu)
    options = ("dim",)

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim = dim


class PReLU(Module):
    """`functional.prelu` with a learnt slope for all elements, or one for each channel.

    Args:
        num_parameters: 1, or the size of axis 1.
        init: what the slopes start from.
        dtype: float32 (default) or float64.

    Raises:
        ArgumentError: num_parameters is not a positive integer.
    """

    def __init__(self, num_parameters: int = 1, init: float = 0.25, *, dtype: Any = None) -> None:
        super().__init__()
        if isinstance(num_parameters, bool) or not isinstance(num_parameters, int) or num_parameters < 1:
            raise ArgumentError(
                f"PReLU: num_parameters must be a positive integer; got {num_parameters!r:.80}", argument=num_parameters
            )
        self.num_parameters = num_parameters
        self.weight = Parameter(full((num_parameters,), float(init), dtype=dtype or "float32"))

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function."""
        return functional.prelu(input, self.weight)

    def extra_repr(self) -> str:
        """Their number."""
        return f"num_parameters={self.num_parameters}"
