# SPDX-License-Identifier: MIT
"""Rows of activation functions and what they are made of: erf, exp2, sigmoid, gelu, straight pieces and dropout.

Where a backward pass is worth one kernel, the derivative times the incoming gradient is a row of its own,
``f_grad(g, x)``. The others are composed in `rtch.nn.functional`.
"""

from __future__ import annotations

import math
from typing import Any

from rtch.ops.define import row
from rtch.ops.row import F, Kind, Rule


def _each(function: Any) -> Any:
    """A reference from a function of Python floats, for every element."""

    def load() -> Any:
        import numpy

        return lambda *arrays: numpy.vectorize(function, otypes=[arrays[0].dtype])(*arrays)

    return load


def _of_numpy(make: Any) -> Any:
    """A reference from a function of NumPy and arrays."""

    def load() -> Any:
        import numpy

        return lambda *arrays: make(numpy, *arrays)

    return load


def _sigmoid(x: float) -> float:
    e = math.exp(-abs(x))
    return (e if x < 0 else 1.0) / (1 + e)


def _times(x: float, weight: float) -> float:
    """x times a weight that wins where it is 0."""
    return weight * (x if math.isfinite(x) or weight else 0.0)


def _normal(x: float) -> float:
    return math.erfc(-x / math.sqrt(2)) / 2


def _tanh_argument(x: float) -> float:
    return math.sqrt(8 / math.pi) * (x + 0.044715 * x * x * x)


def _gelu_slope(x: float) -> float:
    return _normal(x) + _times(x, math.exp(-x * x / 2) / math.sqrt(2 * math.pi))


def _sigmoid_slope(x: float, z: float, dz: float) -> float:
    s, rest = _sigmoid(z), _sigmoid(-z)
    return s + (x * dz * s * rest if s and rest else 0.0)


def _gelu_tanh_slope(x: float) -> float:
    return _sigmoid_slope(x, _tanh_argument(x), math.sqrt(8 / math.pi) * (1 + 3 * 0.044715 * x * x))


def _binary_cross_entropy(np: Any, x: Any, y: Any) -> Any:
    return (y - 1) * np.maximum(np.log1p(-x), -100) - y * np.maximum(np.log(x), -100)


_FUNCTION = "float32 is correctly rounded; float64 is within 1 ULP."
_CLOSE = "float32 is within 0.501 ULP, float64 within 2. At infinities the limit."
_SLOPE = "Within some units in the last place of x. At infinities the limit."
row(
    "rsqrt",
    Kind.UNARY,
    Rule.REAL_FLOAT,
    "1 / sqrt(x); infinite at 0, NaN below.",
    lambda g, out: g * (out * out * out) * -0.5,
    detail=_FUNCTION,
    costly=True,
    reference=_of_numpy(lambda np, x: 1 / np.sqrt(x)),
    domain=(0.2, 9.0),
)
row(
    "exp2",
    Kind.UNARY,
    Rule.REAL_FLOAT,
    "2 to the power x.",
    lambda g, out: g * out * 0.6931471805599453,
    detail=_FUNCTION,
    costly=True,
)
row(
    "erf",
    Kind.UNARY,
    Rule.REAL_FLOAT,
    "The error function.",
    lambda g, x: g * (F.exp(-(x * x)) * 1.1283791670955126),
    detail=_FUNCTION,
    costly=True,
    reference=_each(math.erf),
    domain=(-2.0, 2.0),
)
row(
    "sigmoid",
    Kind.UNARY,
    Rule.REAL_FLOAT,
    "1 / (1 + exp(-x)).",
    lambda g, out: F.sigmoid_grad(g, out),
    detail=_FUNCTION,
    method=True,
    costly=True,
    reference=_of_numpy(lambda np, x: 1 / (1 + np.exp(-x))),
)
row(
    "softplus",
    Kind.UNARY,
    Rule.REAL_FLOAT,
    "log(1 + exp(x)) without overflow on the way.",
    lambda g, x: g * F.sigmoid(x),
    detail=_FUNCTION,
    costly=True,
    reference=_of_numpy(lambda np, x: np.logaddexp(x, x.dtype.type(0))),
)
row(
    "gelu",
    Kind.UNARY,
    Rule.REAL_FLOAT,
    "x times the normal distribution function, (1 + erf(x / sqrt(2))) / 2.",
    lambda g, x: F.gelu_grad(g, x),
    detail=_CLOSE,
    costly=True,
    reference=_each(lambda x: _times(x, _normal(x))),
)
row(
    "gelu_tanh",
    Kind.UNARY,
    Rule.REAL_FLOAT,
    "gelu by its approximation, x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2.",
    lambda g, x: F.gelu_tanh_grad(g, x),
    detail=_CLOSE,
    costly=True,
    reference=_each(lambda x: _times(x, _sigmoid(_tanh_argument(x)))),
)
row(
    "silu",
    Kind.UNARY,
    Rule.REAL_FLOAT,
    "x sigmoid(x).",
    lambda g, x: F.silu_grad(g, x),
    detail=_CLOSE,
    costly=True,
    reference=_each(lambda x: _times(x, _sigmoid(x))),
)
row(
    "leaky_relu",
    Kind.BINARY,
    Rule.REAL_FLOAT,
    "x where it is above 0, else x y.",
    lambda g, x, y: g * F.leaky_relu_slope(x, y),
    lambda g, x: F.where(x > 0, 0, g * x),
    detail="The gradient at 0 is that of the left side, as in PyTorch.",
    reference=_of_numpy(lambda np, x, y: np.where(x > 0, x, x * y)),
)
row(
    "leaky_relu_slope",
    Kind.BINARY,
    Rule.REAL_FLOAT,
    "1 where x is above 0, else y: the derivative of leaky_relu.",
    None,
    lambda g, x: F.where(x > 0, 0, g),
    reference=_of_numpy(lambda np, x, y: np.where(x > 0, x.dtype.type(1), y)),
)
row(
    "relu_grad",
    Kind.BINARY,
    Rule.REAL_FLOAT,
    "x where y is not 0 or below, else 0: relu's gradient from its result y.",
    lambda g, y: F.relu_grad(g, y),
    None,
    reference=_of_numpy(lambda np, x, y: np.where(y <= 0, x.dtype.type(0), x)),
)
row(
    "sigmoid_grad",
    Kind.BINARY,
    Rule.REAL_FLOAT,
    "x (1 - y) y: sigmoid's gradient from its result y.",
    lambda g, y: F.sigmoid_grad(g, y),
    lambda g, x, y: g * x * (1 - y * 2),
    reference=_of_numpy(lambda np, x, y: x * (1 - y) * y),
)
row(
    "gelu_grad",
    Kind.BINARY,
    Rule.REAL_FLOAT,
    "x times the derivative of gelu at y.",
    lambda g, y: F.gelu_grad(g, y),
    lambda g, x, y: g * x * (F.exp(y * y * -0.5) * (2 - y * y) * 0.3989422804014327),
    detail=_SLOPE,
    costly=True,
    reference=_each(lambda x, y: x * _gelu_slope(y)),
)


def _gelu_tanh_curve(y: Any) -> Any:
    """The second derivative of gelu_tanh: that of y s(w), w = k y (1 + 0.044715 y^2)."""
    k = 1.5957691216057308
    s = F.sigmoid(y * (y * y * (0.044715 * k) + k))
    dw = y * y * (3 * 0.044715 * k) + k
    return s * (1 - s) * (dw * 2 + y * ((1 - s * 2) * dw * dw + y * (6 * 0.044715 * k)))


row(
    "gelu_tanh_grad",
    Kind.BINARY,
    Rule.REAL_FLOAT,
    "x times the derivative of gelu_tanh at y.",
    lambda g, y: F.gelu_tanh_grad(g, y),
    lambda g, x, y: g * x * _gelu_tanh_curve(y),
    detail=_SLOPE,
    costly=True,
    reference=_each(lambda x, y: x * _gelu_tanh_slope(y)),
)


def _silu_curve(y: Any) -> Any:
    """The second derivative of silu."""
    s = F.sigmoid(y)
    return s * (1 - s) * (2 + y * (1 - s * 2))


row(
    "silu_grad",
    Kind.BINARY,
    Rule.REAL_FLOAT,
    "x times the derivative of silu at y.",
    lambda g, y: F.silu_grad(g, y),
    lambda g, x, y: g * x * _silu_curve(y),
    detail=_SLOPE,
    costly=True,
    reference=_each(lambda x, y: x * _sigmoid_slope(y, y, 1.0)),
)
row(
    "binary_cross_entropy",
    Kind.BINARY,
    Rule.REAL_FLOAT,
    "-(y log(x) + (1 - y) log(1 - x)) of probabilities x; the logarithms are no lower than -100.",
    lambda g, x, y: g * (x - y) / F.maximum((1 - x) * x, 1e-12),
    lambda g, x: g * (F.maximum(F.log1p(-x), -100) - F.maximum(F.log(x), -100)),
    detail="As written, each step rounded. The gradient is that of PyTorch, (x - y) / max(x (1 - x), 1e-12).",
    costly=True,
    reference=_of_numpy(_binary_cross_entropy),
    domain=(0.05, 0.95),
)
row(
    "dropout",
    Kind.STRUCTURE,
    Rule.REAL_FLOAT,
    "x times `scale`, or 0 with probability p, as the random word of the element's position says.",
    lambda g, p, scale, seed, offset: F.dropout_at(g, p, scale, seed, offset),
)
row(
    "hardsigmoid",
    Kind.UNARY,
    Rule.REAL_FLOAT,
    "(x + 3) / 6 moved into [0, 1].",
    lambda g, x: F.hardsigmoid_grad(g, x),
    detail="The gradient at -3 and 3 is 0, as in PyTorch.",
    reference=_of_numpy(lambda np, x: np.clip(x + 3, 0, 6) / x.dtype.type(6)),
)
row(
    "hardsigmoid_grad",
    Kind.BINARY,
    Rule.REAL_FLOAT,
    "x / 6 where y lies between -3 and 3, else 0: x times the derivative of hardsigmoid at y.",
    lambda g, y: F.hardsigmoid_grad(g, y),
    None,
    reference=_of_numpy(lambda np, x, y: np.where((y <= -3) | (y >= 3), x.dtype.type(0), x / x.dtype.type(6))),
)
row(
    "hardswish",
    Kind.UNARY,
    Rule.REAL_FLOAT,
    "x times x + 3 moved into [0, 6], over 6.",
    lambda g, x: F.hardswish_grad(g, x),
    detail="The gradient at -3 is 0 and at 3 is 1, as in PyTorch.",
    reference=_of_numpy(lambda np, x: x * np.clip(x + 3, 0, 6) / x.dtype.type(6)),
)
row(
    "hardswish_grad",
    Kind.BINARY,
    Rule.REAL_FLOAT,
    "x times the derivative of hardswish at y: 0, (y + 1.5) / 3 or 1.",
    lambda g, y: F.hardswish_grad(g, y),
    lambda g, x, y: F.where((y <= -3) | (y >= 3), 0, g * x / 3),
    reference=_of_numpy(
        lambda np, x, y: np.where(y <= -3, 0, np.where(y >= 3, x, x * ((y + x.dtype.type(1.5)) / x.dtype.type(3))))
    ),
)
row(
    "hardshrink",
    Kind.BINARY,
    Rule.REAL_FLOAT,
    "0 where x lies in [-y, y], else x.",
    lambda g, out: F.shrink_grad(g, out),
    None,
    reference=_of_numpy(lambda np, x, y: np.where((x >= -y) & (x <= y), x.dtype.type(0), x)),
)
row(
    "softshrink",
    Kind.BINARY,
    Rule.REAL_FLOAT,
    "x moved towards 0 by y, 0 where it lies in [-y, y].",
    lambda g, out: F.shrink_grad(g, out),
    lambda g, out: -g * F.sign(out),
    reference=_of_numpy(
        lambda np, x, y: np.where((x >= -y) & (x <= y), x.dtype.type(0), np.where(x < 0, x + y, x - y))
    ),
)
row(
    "shrink_grad",
    Kind.BINARY,
    Rule.REAL_FLOAT,
    "x where y is not 0, else 0: the gradient of hardshrink and softshrink from their result y.",
    lambda g, y: F.shrink_grad(g, y),
    None,
    reference=_of_numpy(lambda np, x, y: np.where(y == 0, x.dtype.type(0), x)),
)
row(
    "hardtanh",
    Kind.STRUCTURE,
    Rule.REAL_FLOAT,
    "x moved into [low, high].",
    lambda g, out, low, high: F.hardtanh_grad(g, out, low, high),
    detail="The gradient at low and at high is 0, as in PyTorch.",
)
row(
    "hardtanh_grad",
    Kind.STRUCTURE,
    Rule.REAL_FLOAT,
    "x where y lies between low and high, else 0; NaN is no bound.",
    lambda g, y, low, high: F.hardtanh_grad(g, y, low, high),
    None,
    inputs=("x", "y"),
)
row(
    "threshold",
    Kind.STRUCTURE,
    Rule.REAL_FLOAT,
    "x where it is above `threshold`, else `value`.",
    lambda g, x, threshold: F.hardtanh_grad(g, x, threshold, math.nan),
)
