# SPDX-License-Identifier: MIT
"""Activation functions.

At a corner the gradient is PyTorch's: that of the flat side. Where the input is NaN, `hardtanh`, `relu6`,
`hardsigmoid`, `hardshrink` and `softshrink` pass the gradient on, and that of `hardswish` is NaN; PyTorch's depends on
whether its vector code or its scalar code meets the element.

`inplace=True` writes the result into the input, as ``input[...] = result`` does, and gives the input.
"""

from __future__ import annotations

from typing import Any

from rtch._c import failure, lib
from rtch.errors import ArgumentError, BroadcastError
from rtch.functions import abs as absolute
from rtch.functions import expm1
from rtch.functions import gelu as gelu_exact
from rtch.functions import gelu_tanh as gelu_by_tanh
from rtch.functions import hardshrink as shrink_hard
from rtch.functions import hardsigmoid as sigmoid_hard
from rtch.functions import hardswish as swish_hard
from rtch.functions import leaky_relu as leaky
from rtch.functions import softplus as softplus_1
from rtch.functions import softshrink as shrink_soft
from rtch.nn.functional.arguments import need_dtype, need_floating, need_number, one_axis, written
from rtch.ops.row import F
from rtch.ops.table import BY_NAME
from rtch.tensor import Tensor, normalize_axis, structure, unary, where

_RELU, _SIGMOID, _SILU, _TANH = (BY_NAME[name] for name in ("relu", "sigmoid", "silu", "tanh"))
_HARDTANH, _HARDTANH_GRAD, _THRESHOLD = BY_NAME["hardtanh"], BY_NAME["hardtanh_grad"], BY_NAME["threshold"]
_SELU_ALPHA, _SELU_SCALE = 1.6732632423543772, 1.0507009873554805


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """``max(x, 0)``; the gradient at 0 is 0.

    Args:
        input: integers or floating, any shape; the result has both.
        inplace: write the result into the input.

    Raises:
        AutogradError: in place of a leaf that requires grad.
        DTypeError: a dtype that the op does not take.
    """
    out = unary(_RELU, input)
    return written("relu", input, out) if inplace else out


def sigmoid(input: Tensor) -> Tensor:
    """``1 / (1 + exp(-x))``.

    Args:
        input: any shape; integers count as float32.

    Raises:
        DTypeError: a dtype that the op does not take.
    """
    return unary(_SIGMOID, input)


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """``x * sigmoid(x)``.

    Args:
        input: any shape; integers count as float32.
        inplace: write the result into the input.

    Raises:
        AutogradError: in place of a leaf that requires grad.
        DTypeError: a dtype that the op does not take.
    """
    out = unary(_SILU, input)
    return written("silu", input, out) if inplace else out


def tanh(input: Tensor) -> Tensor:
    """Hyperbolic tangent.

    Args:
        input: any shape; integers count as float32.

    Raises:
        DTypeError: a dtype that the op does not take.
    """
    return unary(_TANH, input)


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """Input where it is above 0, else ``negative_slope * input``.

    Args:
        input: floating, any shape; the result has both.
        negative_slope: the slope below 0, and the gradient at 0.
        inplace: write the result into the input.

    Raises:
        ArgumentError: a parameter that is no number.
        AutogradError: in place of a leaf that requires grad.
        DTypeError: an input that is not floating.
    """
    need_floating("leaky_relu", input)
    out = leaky(input, need_number("leaky_relu", "negative_slope", negative_slope))
    return written("leaky_relu", input, out) if inplace else out


def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """`leaky_relu` with a learnt slope, one for all elements or one for each channel, axis 1.

    Args:
        input: floating, any shape; the result has both.
        weight: the slopes, of the input's dtype: one, or as many as axis 1 has elements.

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


def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Tensor:
    """Input moved into [min_val, max_val]; the gradient at both ends is 0.

    Args:
        input: floating, any shape; the result has both.
        min_val: the least result.
        max_val: the greatest result.
        inplace: write the result into the input.

    Raises:
        ArgumentError: min_val is above max_val, or one of them no number.
        AutogradError: in place of a leaf that requires grad.
        DTypeError: an input that is not floating.
    """
    need_floating("hardtanh", input)
    low, high = need_number("hardtanh", "min_val", min_val), need_number("hardtanh", "max_val", max_val)
    if not low <= high:
        raise ArgumentError(f"hardtanh: min_val must not be above max_val; got {low:g} and {high:g}", argument=min_val)
    out = _cut(input, low, high)
    return written("hardtanh", input, out) if inplace else out


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


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """``min(max(0, x), 6)``; the gradient at 0 and at 6 is 0.

    Args:
        input: floating, any shape; the result has both.
        inplace: write the result into the input.

    Raises:
        AutogradError: in place of a leaf that requires grad.
        DTypeError: an input that is not floating.
    """
    need_floating("relu6", input)
    out = _cut(input, 0.0, 6.0)
    return written("relu6", input, out) if inplace else out


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """``relu6(x + 3) / 6``; the gradient at -3 and at 3 is 0.

    Args:
        input: floating, any shape; the result has both.
        inplace: write the result into the input.

    Raises:
        AutogradError: in place of a leaf that requires grad.
        DTypeError: an input that is not floating.
    """
    need_floating("hardsigmoid", input)
    out = sigmoid_hard(input)
    return written("hardsigmoid", input, out) if inplace else out


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """``x * relu6(x + 3) / 6``; the gradient at -3 is 0 and at 3 is 1.

    Args:
        input: floating, any shape; the result has both.
        inplace: write the result into the input.

    Raises:
        AutogradError: in place of a leaf that requires grad.
        DTypeError: an input that is not floating.
    """
    need_floating("hardswish", input)
    out = swish_hard(input)
    return written("hardswish", input, out) if inplace else out


def _elu(input: Tensor, scale: float, below: float, inner: float) -> Tensor:
    """``scale * x`` above 0, else ``below * expm1(inner * x)``."""
    low = input <= 0
    curve = expm1(where(low, input, 0) * inner) * below
    return where(low, curve, input if scale == 1 else input * scale)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """Input where it is above 0, else ``alpha * expm1(input)``.

    Args:
        input: floating, any shape; the result has both.
        alpha: minus the limit far below 0.
        inplace: write the result into the input.

    Raises:
        ArgumentError: a parameter that is no number.
        AutogradError: in place of a leaf that requires grad.
        DTypeError: an input that is not floating.
    """
    need_floating("elu", input)
    out = _elu(input, 1.0, need_number("elu", "alpha", alpha), 1.0)
    return written("elu", input, out) if inplace else out


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """Input where it is above 0, else ``alpha * expm1(input / alpha)``.

    Args:
        input: floating, any shape; the result has both.
        alpha: minus the limit far below 0; not 0.
        inplace: write the result into the input.

    Raises:
        ArgumentError: alpha is 0, or no number.
        AutogradError: in place of a leaf that requires grad.
        DTypeError: an input that is not floating.
    """
    need_floating("celu", input)
    number = need_number("celu", "alpha", alpha)
    if number == 0:
        raise ArgumentError("celu: alpha must not be 0; got 0", argument=alpha)
    out = _elu(input, 1.0, number, 1 / number)
    return written("celu", input, out) if inplace else out


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """``scale * elu(input, alpha)`` with the two constants that keep mean 0 and variance 1.

    Args:
        input: floating, any shape; the result has both.
        inplace: write the result into the input.

    Raises:
        AutogradError: in place of a leaf that requires grad.
        DTypeError: an input that is not floating.
    """
    need_floating("selu", input)
    out = _elu(input, _SELU_SCALE, _SELU_SCALE * _SELU_ALPHA, 1.0)
    return written("selu", input, out) if inplace else out


def need_approximation(where_: str, approximate: Any) -> str:
    """How `gelu` is computed, if that is known.

    Raises:
        ArgumentError: it is not.
    """
    if not isinstance(approximate, str) or approximate not in ("none", "tanh"):
        raise ArgumentError(f'{where_}: approximate is "none" or "tanh"; got {approximate!r:.80}', argument=approximate)
    return approximate


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """Input times the normal distribution function.

    Args:
        input: floating, any shape; the result has both.
        approximate: "none" for the function itself, "tanh" for one close to it.

    Raises:
        ArgumentError: an unknown approximation.
        DTypeError: an input that is not floating.
    """
    need_floating("gelu", input)
    return gelu_by_tanh(input) if need_approximation("gelu", approximate) == "tanh" else gelu_exact(input)


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """``x * tanh(softplus(x))``.

    Args:
        input: floating, any shape; the result has both.
        inplace: write the result into the input.

    Raises:
        AutogradError: in place of a leaf that requires grad.
        DTypeError: an input that is not floating.
    """
    need_floating("mish", input)
    out = input * unary(_TANH, softplus_1(input))
    return written("mish", input, out) if inplace else out


def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """``log(1 + exp(beta * x)) / beta``, and x where ``beta * x`` is above the threshold.

    Args:
        input: floating, any shape; the result has both.
        beta: how fast it bends; not 0.
        threshold: where it becomes a line.

    Raises:
        ArgumentError: beta is 0, or a parameter no number.
        DTypeError: an input that is not floating.
    """
    need_floating("softplus", input)
    by, above = need_number("softplus", "beta", beta), need_number("softplus", "threshold", threshold)
    if by == 0:
        raise ArgumentError("softplus: beta must not be 0; got 0", argument=beta)
    scaled = input if by == 1 else input * by
    curve = softplus_1(scaled) if by == 1 else softplus_1(scaled) / by
    return where(scaled > above, input, curve)


def logsigmoid(input: Tensor) -> Tensor:
    """``log(sigmoid(x))``.

    Args:
        input: floating, any shape; the result has both.

    Raises:
        DTypeError: an input that is not floating.
    """
    need_floating("logsigmoid", input)
    return -softplus_1(-input)


def softsign(input: Tensor) -> Tensor:
    """``x / (1 + |x|)``.

    Args:
        input: floating, any shape; the result has both.

    Raises:
        DTypeError: an input that is not floating.
    """
    need_floating("softsign", input)
    return input / (absolute(input) + 1)


def tanhshrink(input: Tensor) -> Tensor:
    """``x - tanh(x)``.

    Args:
        input: floating, any shape; the result has both.

    Raises:
        DTypeError: an input that is not floating.
    """
    need_floating("tanhshrink", input)
    return input - unary(_TANH, input)


def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """Input where it is above the threshold, else the value.

    Args:
        input: floating, any shape; the result has both.
        threshold: what the input is compared with.
        value: what stands where it is not above.
        inplace: write the result into the input.

    Raises:
        ArgumentError: a parameter that is no number.
        AutogradError: in place of a leaf that requires grad.
        DTypeError: an input that is not floating.
    """
    need_floating("threshold", input)
    at, low = need_number("threshold", "threshold", threshold), need_number("threshold", "value", value)
    h = lib.rt_threshold(input._h, at, low)
    if not h:
        raise failure("threshold", input)
    out = structure(_THRESHOLD, h, (input,), {"threshold": at})
    return written("threshold", input, out) if inplace else out


def hardshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """0 where the input lies in [-lambd, lambd], else the input.

    Args:
        input: floating, any shape; the result has both.
        lambd: the bound; below 0 nothing is changed.

    Raises:
        ArgumentError: a parameter that is no number.
        DTypeError: an input that is not floating.
    """
    need_floating("hardshrink", input)
    bound = need_number("hardshrink", "lambd", lambd)
    return shrink_hard(input, bound) if bound >= 0 else where(False, 0, input)


def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """Input moved towards 0 by lambd, 0 where it lies in [-lambd, lambd].

    Args:
        input: floating, any shape; the result has both.
        lambd: by how much, 0 or more.

    Raises:
        ArgumentError: lambd is below 0, or no number.
        DTypeError: an input that is not floating.
    """
    need_floating("softshrink", input)
    return shrink_soft(input, need_number("softshrink", "lambd", lambd, 0.0))


def glu(input: Tensor, dim: int = -1, *, axis: int | None = None) -> Tensor:
    """The first half of the input along an axis times the sigmoid of the second.

    Args:
        input: floating, any shape; the result is half as long along the axis.
        dim: the axis.
        axis: another name for dim.

    Raises:
        ArgumentError: the axis is no integer.
        DimensionError: the axis is out of range.
        BroadcastError: its size is odd.
        DTypeError: an input that is not floating.
    """
    need_floating("glu", input)
    at = normalize_axis("glu", one_axis("glu", dim, axis, -1), input.ndim)
    size = input.shape[at]
    if size % 2:
        raise BroadcastError(f"glu: an even size is needed; got {list(input.shape)}, axis {at}", shapes=(input.shape,))
    lead = (slice(None),) * at
    return input[(*lead, slice(0, size // 2))] * unary(_SIGMOID, input[(*lead, slice(size // 2, size))])
