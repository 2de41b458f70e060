# SPDX-License-Identifier: MIT
"""Activation functions that take parameters or are made of other ops; those of the op table are used as they are.

At a corner the gradient is PyTorch's: that of the flat side.
"""

from __future__ import annotations

from rtch._c import failure, lib
from rtch.errors import ArgumentError, BroadcastError
from rtch.functions import abs as absolute
from rtch.functions import expm1, sigmoid, tanh
from rtch.functions import gelu as gelu_exact
from rtch.functions import gelu_tanh as gelu_by_tanh
from rtch.functions import hardshrink as shrink_hard
from rtch.functions import hardsigmoid as sigmoid_hard
from rtch.functions import hardswish as swish_hard
from rtch.functions import leaky_relu as leaky
from rtch.functions import softplus as softplus_1
from rtch.functions import softshrink as shrink_soft
from rtch.nn.functional.arguments import need_dtype, need_floating, need_number
from rtch.ops.row import F
from rtch.ops.table import BY_NAME
from rtch.tensor import Tensor, normalize_axis, structure, where

_HARDTANH, _HARDTANH_GRAD, _THRESHOLD = BY_NAME["hardtanh"], BY_NAME["hardtanh_grad"], BY_NAME["threshold"]
_SELU_ALPHA, _SELU_SCALE = 1.6732632423543772, 1.0507009873554805


def leaky_relu(input: Tensor, negative_slope: float = 0.01) -> Tensor:
    """Input where it is above 0, else ``negative_slope * input``."""
    need_floating("leaky_relu", input)
    return leaky(input, need_number("leaky_relu", "negative_slope", negative_slope))


def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """`leaky_relu` with a learnt slope, one for all elements or one for each channel, axis 1.

    Raises:
        BroadcastError: the weight has neither one element nor one for each channel.
        DTypeError: input is not floating, or the weight not of its dtype.
    """
    need_floating("prelu", input)
    need_dtype("prelu", input, weight=weight)
    channels = input.shape[1] if input.ndim > 1 else 1
    if weight.ndim > 1 or weight.size not in (1, channels):
        raise BroadcastError(
            f"prelu: a weight of 1 or {channels} elements is needed; got {list(weight.shape)}",
            shapes=(input.shape, weight.shape),
        )
    if weight.size == 1:
        return leaky(input, weight.reshape(()))
    return leaky(input, weight.reshape((channels,) + (1,) * (input.ndim - 2)))


def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0) -> Tensor:
    """Input moved into [min_val, max_val]; the gradient at both ends is 0.

    Raises:
        ArgumentError: min_val is above max_val.
    """
    need_floating("hardtanh", input)
    low, high = need_number("hardtanh", "min_val", min_val), need_number("hardtanh", "max_val", max_val)
    if not low <= high:
        raise ArgumentError(f"hardtanh: min_val must not be above max_val; got {low:g} and {high:g}", argument=min_val)
    return _cut(input, low, high)


def _cut(input: Tensor, low: float, high: float) -> Tensor:
    h = lib.rt_hardtanh(input._h, low, high)
    if not h:
        raise failure("hardtanh", input)
    return structure(_HARDTANH, h, (input,), {"low": low, "high": high})


def hardtanh_grad(g: Tensor, y: Tensor, low: float, high: float) -> Tensor:
    """g where y lies between low and high, else 0; NaN is no bound."""
    h = lib.rt_hardtanh_grad(g._h, y._h, low, high)
    if not h:
        raise failure("hardtanh_grad", g, y)
    return structure(_HARDTANH_GRAD, h, (g, y), {"low": low, "high": high})


F.hardtanh_grad = hardtanh_grad


def relu6(input: Tensor) -> Tensor:
    """``min(max(0, x), 6)``; the gradient at 0 and at 6 is 0."""
    need_floating("relu6", input)
    return _cut(input, 0.0, 6.0)


def hardsigmoid(input: Tensor) -> Tensor:
    """``relu6(x + 3) / 6``."""
    need_floating("hardsigmoid", input)
    return sigmoid_hard(input)


def hardswish(input: Tensor) -> Tensor:
    """``x * relu6(x + 3) / 6``."""
    need_floating("hardswish", input)
    return swish_hard(input)


def _elu(input: Tensor, scale: float, below: float, inner: float) -> Tensor:
    """``scale * x`` above 0, else ``below * expm1(inner * x)``."""
    low = input <= 0
    curve = expm1(where(low, input, 0) * inner) * below
    return where(low, curve, input if scale == 1 else input * scale)


def elu(input: Tensor, alpha: float = 1.0) -> Tensor:
    """Input where it is above 0, else ``alpha * expm1(input)``."""
    need_floating("elu", input)
    return _elu(input, 1.0, need_number("elu", "alpha", alpha), 1.0)


def celu(input: Tensor, alpha: float = 1.0) -> Tensor:
    """Input where it is above 0, else ``alpha * expm1(input / alpha)``.

    Raises:
        ArgumentError: alpha is 0.
    """
    need_floating("celu", input)
    if need_number("celu", "alpha", alpha) == 0:
        raise ArgumentError("celu: alpha must not be 0; got 0", argument=alpha)
    return _elu(input, 1.0, float(alpha), 1 / alpha)


def selu(input: Tensor) -> Tensor:
    """``scale * elu(input, alpha)`` with the two constants that keep mean 0 and variance 1."""
    need_floating("selu", input)
    return _elu(input, _SELU_SCALE, _SELU_SCALE * _SELU_ALPHA, 1.0)


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """Input times the normal distribution function, exactly ("none") or by "tanh".

    Raises:
        ArgumentError: an unknown approximation.
    """
    need_floating("gelu", input)
    if approximate not in ("none", "tanh"):
        raise ArgumentError(f'gelu: approximate is "none" or "tanh"; got {approximate!r:.80}', argument=approximate)
    return gelu_by_tanh(input) if approximate == "tanh" else gelu_exact(input)


def mish(input: Tensor) -> Tensor:
    """``x * tanh(softplus(x))``."""
    need_floating("mish", input)
    return input * tanh(softplus_1(input))


def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """``log(1 + exp(beta * x)) / beta``, and x where ``beta * x`` is above the threshold.

    Raises:
        ArgumentError: beta is 0.
    """
    need_floating("softplus", input)
    if need_number("softplus", "beta", beta) == 0:
        raise ArgumentError("softplus: beta must not be 0; got 0", argument=beta)
    scaled = input if beta == 1 else input * float(beta)
    curve = softplus_1(scaled) if beta == 1 else softplus_1(scaled) / float(beta)
    return where(scaled > need_number("softplus", "threshold", threshold), input, curve)


def logsigmoid(input: Tensor) -> Tensor:
    """``log(sigmoid(x))``."""
    need_floating("logsigmoid", input)
    return -softplus_1(-input)


def softsign(input: Tensor) -> Tensor:
    """``x / (1 + |x|)``."""
    need_floating("softsign", input)
    return input / (absolute(input) + 1)


def tanhshrink(input: Tensor) -> Tensor:
    """``x - tanh(x)``."""
    need_floating("tanhshrink", input)
    return input - tanh(input)


def threshold(input: Tensor, threshold: float, value: float) -> Tensor:
    """Input where it is above the threshold, else the value."""
    need_floating("threshold", input)
    at, low = need_number("threshold", "threshold", threshold), need_number("threshold", "value", value)
    h = lib.rt_threshold(input._h, at, low)
    if not h:
        raise failure("threshold", input)
    return structure(_THRESHOLD, h, (input,), {"threshold": at})


def hardshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """0 where the input lies in [-lambd, lambd], else the input."""
    need_floating("hardshrink", input)
    bound = need_number("hardshrink", "lambd", lambd)
    return shrink_hard(input, bound) if bound >= 0 else where(False, 0, input)  # which the result would not tell from 0


def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """Input moved towards 0 by lambd, 0 where it lies in [-lambd, lambd].

    Raises:
        ArgumentError: lambd is below 0.
    """
    need_floating("softshrink", input)
    return shrink_soft(input, need_number("softshrink", "lambd", lambd, 0.0))


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """The first half of the input along an axis times the sigmoid of the second.

    Raises:
        DimensionError: the axis is out of range.
        BroadcastError: its size is odd.
    """
    need_floating("glu", input)
    at = normalize_axis("glu", dim, input.ndim)
    size = input.shape[at]
    if size % 2:
        raise BroadcastError(f"glu: an even size is needed; got {list(input.shape)}, axis {at}", shapes=(input.shape,))
    lead = (slice(None),) * at
    return input[(*lead, slice(0, size // 2))] * sigmoid(input[(*lead, slice(size // 2, size))])
