# SPDX-License-Identifier: MIT
"""Elementwise rows: arithmetic, comparison, elementary functions, rounding."""

from __future__ import annotations

from typing import Any

from rtch.ops.define import numpy_function, row
from rtch.ops.row import F, Kind, Rule


def _relu_reference() -> Any:
    import numpy

    return lambda x: numpy.maximum(x, x.dtype.type(0))


def _pow_reference() -> Any:
    import numpy

    def power(x: Any, y: Any) -> Any:
        if x.dtype.kind not in "iu":
            return numpy.power(x, y)
        whole = numpy.power(x, numpy.where(y < 0, 0, y).astype(x.dtype))
        below = numpy.where(numpy.abs(x) == 1, numpy.where(y % 2 == 0, 1, x), 0).astype(x.dtype)
        return numpy.where(y < 0, below, whole)

    return power


def _floor_divide_reference() -> Any:
    """The Array API standard's. NumPy takes x // infinity for -1 and rounds large quotients to the nearest."""
    from fractions import Fraction

    import numpy

    def floor_divide(x: Any, y: Any) -> Any:
        if x.dtype.kind != "f":
            return numpy.floor_divide(x, y)

        def one(x: float, y: float, quotient: float) -> Any:
            if not (numpy.isfinite(quotient) and numpy.isfinite(y) and x != 0):
                return quotient
            exact = Fraction(x) // Fraction(y)
            near = dtype(float(exact))
            return numpy.nextafter(near, dtype(-numpy.inf)) if Fraction(float(near)) > exact else near

        dtype = x.dtype.type
        return numpy.vectorize(one, otypes=[dtype])(x, y, x / y)

    return floor_divide


# Elementwise, one input ------------------------------------------------------------------------------------------
row("positive", Kind.UNARY, Rule.NUMERIC, "+x.", lambda g: g, operator="pos")
row("negative", Kind.UNARY, Rule.NUMERIC, "-x.", lambda g: -g, operator="neg")
row(
    "abs",
    Kind.UNARY,
    Rule.NUMERIC,
    "|x|.",
    lambda g, x: F.abs_grad(g, x),
    detail="The gradient at 0 is 0, as in PyTorch. A complex x gives its magnitude, which is real.",
    operator="abs",
    to_real=True,
    wirtinger=True,
)
row(
    "sign",
    Kind.UNARY,
    Rule.NUMERIC,
    "-1, 0 or 1 as x is below, at or above 0; NaN of NaN; x / |x| of a complex x.",
    lambda g, x, out: F.sign_grad(g, x, out),
    wirtinger=True,
    domain=(0.5, 4.0),
)
row(
    "relu",
    Kind.UNARY,
    Rule.REAL,
    "max(x, 0); NaN stays NaN.",
    lambda g, out: F.relu_grad(g, out),
    detail="The gradient at 0 is 0, as in PyTorch.",
    method=True,
    reference=_relu_reference,
)
row("square", Kind.UNARY, Rule.NUMERIC, "x * x.", lambda g, x: g * (x * 2), method=True)
row(
    "reciprocal",
    Kind.UNARY,
    Rule.FLOAT,
    "1 / x.",
    lambda g, out: -g * out * out,
    method=True,
    costly=True,
    domain=(0.5, 4.0),
)
row(
    "sqrt",
    Kind.UNARY,
    Rule.FLOAT,
    "Square root, correctly rounded; NaN below zero.",
    lambda g, out: g / (out * 2),
    method=True,
    costly=True,
    domain=(0.05, 9.0),
)
_FUNCTION = "float32 is correctly rounded; float64 is within 1 ULP."
row(
    "exp",
    Kind.UNARY,
    Rule.FLOAT,
    "e to the power x.",
    lambda g, out: g * out,
    detail=_FUNCTION,
    method=True,
    costly=True,
)
row(
    "expm1",
    Kind.UNARY,
    Rule.FLOAT,
    "e to the power x, less 1; accurate near 0.",
    lambda g, out: g * (out + 1),
    detail=_FUNCTION,
    method=True,
    costly=True,
)
row(
    "log",
    Kind.UNARY,
    Rule.FLOAT,
    "Natural logarithm; -inf at 0, NaN below.",
    lambda g, x: g / x,
    detail=_FUNCTION,
    method=True,
    costly=True,
    domain=(0.05, 9.0),
)
row(
    "log1p",
    Kind.UNARY,
    Rule.FLOAT,
    "Natural logarithm of 1 + x; accurate near 0.",
    lambda g, x: g / (x + 1),
    detail=_FUNCTION,
    method=True,
    costly=True,
    domain=(-0.9, 9.0),
)
row(
    "log2",
    Kind.UNARY,
    Rule.FLOAT,
    "Logarithm to base 2.",
    lambda g, x: g / (x * 0.6931471805599453),
    detail=_FUNCTION,
    method=True,
    costly=True,
    domain=(0.05, 9.0),
)
row(
    "log10",
    Kind.UNARY,
    Rule.FLOAT,
    "Logarithm to base 10.",
    lambda g, x: g / (x * 2.302585092994046),
    detail=_FUNCTION,
    method=True,
    costly=True,
    domain=(0.05, 9.0),
)
row(
    "sinh",
    Kind.UNARY,
    Rule.FLOAT,
    "Hyperbolic sine.",
    lambda g, x: g * F.cosh(x),
    detail=_FUNCTION,
    method=True,
    costly=True,
)
row(
    "cosh",
    Kind.UNARY,
    Rule.FLOAT,
    "Hyperbolic cosine.",
    lambda g, x: g * F.sinh(x),
    detail=_FUNCTION,
    method=True,
    costly=True,
)
row(
    "tanh",
    Kind.UNARY,
    Rule.FLOAT,
    "Hyperbolic tangent.",
    lambda g, out: g * (1 - out * out),
    detail=_FUNCTION,
    method=True,
    costly=True,
)
row(
    "asinh",
    Kind.UNARY,
    Rule.FLOAT,
    "Inverse hyperbolic sine.",
    lambda g, x: g / F.sqrt(x * x + 1),
    detail=_FUNCTION,
    method=True,
    costly=True,
)
row(
    "acosh",
    Kind.UNARY,
    Rule.FLOAT,
    "Inverse hyperbolic cosine; NaN below 1.",
    lambda g, x: g / (F.sqrt(x - 1) * F.sqrt(x + 1)),
    detail=_FUNCTION,
    method=True,
    costly=True,
    domain=(1.1, 9.0),
)
row(
    "atanh",
    Kind.UNARY,
    Rule.FLOAT,
    "Inverse hyperbolic tangent; NaN beyond -1 and 1.",
    lambda g, x: g / ((1 - x) * (1 + x)),
    detail=_FUNCTION,
    method=True,
    costly=True,
    domain=(-0.9, 0.9),
)
row(
    "conj",
    Kind.UNARY,
    Rule.COMPLEX,
    "The complex conjugate; a real x is itself.",
    lambda g: F.conj(g),
    wirtinger=True,
)
row("bitwise_invert", Kind.UNARY, Rule.BITWISE, "Every bit of x flipped; not x for bool.", operator="invert")
row("logical_not", Kind.UNARY, Rule.LOGICAL, "not x; what is not 0 is true.")
row("isfinite", Kind.PREDICATE, Rule.FLOAT, "Whether x is neither infinite nor NaN.")
row("isinf", Kind.PREDICATE, Rule.FLOAT, "Whether x is an infinity.")
row("isnan", Kind.PREDICATE, Rule.FLOAT, "Whether x is NaN.")
row("signbit", Kind.PREDICATE, Rule.REAL_FLOAT, "Whether the sign bit of x is set, as it is for -0.")

# Elementwise, two inputs -----------------------------------------------------------------------------------------
row("add", Kind.BINARY, Rule.NUMERIC, "x + y.", lambda g: g, lambda g: g, operator="add", in_place=True)
row("subtract", Kind.BINARY, Rule.NUMERIC, "x - y.", lambda g: g, lambda g: -g, operator="sub", in_place=True)
row(
    "multiply",
    Kind.BINARY,
    Rule.NUMERIC,
    "x * y.",
    lambda g, y: g * y,
    lambda g, x: g * x,
    operator="mul",
    in_place=True,
)
row(
    "divide",
    Kind.BINARY,
    Rule.FLOAT,
    "x / y, true division.",
    lambda g, y: g / y,
    lambda g, y, out: -g * out / y,
    detail="Two integers give float32.",
    operator="truediv",
    in_place=True,
    costly=True,
    domain=(0.5, 4.0),
)
row(
    "pow",
    Kind.BINARY,
    Rule.NUMERIC,
    "x to the power y.",
    lambda g, x, y: F.where(y == 0, 0, g * y * F.pow(x, y - 1)),
    lambda g, x, y, out: F.pow_grad_y(g, x, y, out),
    detail="float32 is correctly rounded, float64 within 1 ULP. Integers wrap; 1 and -1 alone have negative powers.",
    operator="pow",
    in_place=True,
    costly=True,
    reference=_pow_reference,
    domain=(0.5, 3.0),
)
row(
    "hypot",
    Kind.BINARY,
    Rule.REAL_FLOAT,
    "sqrt(x * x + y * y) without overflow on the way; infinite if either is, even beside NaN.",
    lambda g, x, out: g * (x / out),
    lambda g, y, out: g * (y / out),
    detail=_FUNCTION,
    costly=True,
    domain=(0.5, 4.0),
)
row(
    "logaddexp",
    Kind.BINARY,
    Rule.REAL_FLOAT,
    "log(exp(x) + exp(y)) without overflow on the way.",
    lambda g, x, out: g * F.exp(x - out),
    lambda g, y, out: g * F.exp(y - out),
    detail=_FUNCTION,
    costly=True,
)
row(
    "maximum",
    Kind.BINARY,
    Rule.REAL,
    "The larger of x and y; NaN if either is, and +0 is larger than -0.",
    lambda g, x, y: F.share_between(g, x, y, x > y),
    lambda g, x, y: F.share_between(g, x, y, x < y),
    detail="Equal inputs get half of the gradient each.",
)
row(
    "minimum",
    Kind.BINARY,
    Rule.REAL,
    "The smaller of x and y; NaN if either is, and -0 is smaller than +0.",
    lambda g, x, y: F.share_between(g, x, y, x < y),
    lambda g, x, y: F.share_between(g, x, y, x > y),
    detail="Equal inputs get half of the gradient each.",
)
row("bitwise_and", Kind.BINARY, Rule.BITWISE, "x & y, bit by bit.", operator="and", in_place=True)
row("bitwise_or", Kind.BINARY, Rule.BITWISE, "x | y, bit by bit.", operator="or", in_place=True)
row("bitwise_xor", Kind.BINARY, Rule.BITWISE, "x ^ y, bit by bit.", operator="xor", in_place=True)
row(
    "bitwise_left_shift",
    Kind.BINARY,
    Rule.INTEGER,
    "x << y.",
    detail="Shifting by the width or more, or by less than 0, gives 0.",
    operator="lshift",
    in_place=True,
    reference=numpy_function("left_shift"),
)
row(
    "bitwise_right_shift",
    Kind.BINARY,
    Rule.INTEGER,
    "x >> y, filled with the sign.",
    detail="Shifting by the width or more, or by less than 0, leaves the sign alone: 0 or -1.",
    operator="rshift",
    in_place=True,
    reference=numpy_function("right_shift"),
)
row("logical_and", Kind.BINARY, Rule.LOGICAL, "x and y; what is not 0 is true.")
row("logical_or", Kind.BINARY, Rule.LOGICAL, "x or y; what is not 0 is true.")
row("logical_xor", Kind.BINARY, Rule.LOGICAL, "Either x or y; what is not 0 is true.")
row("equal", Kind.COMPARE, Rule.ANY, "x == y.", operator="eq")
row("not_equal", Kind.COMPARE, Rule.ANY, "x != y.", operator="ne")
row("less", Kind.COMPARE, Rule.REAL, "x < y.", operator="lt")
row("less_equal", Kind.COMPARE, Rule.REAL, "x <= y.", operator="le")
row("greater", Kind.COMPARE, Rule.REAL, "x > y.", operator="gt")
row("greater_equal", Kind.COMPARE, Rule.REAL, "x >= y.", operator="ge")
row(
    "where",
    Kind.TERNARY,
    Rule.ANY,
    "x where the condition holds, else y.",
    None,
    lambda g, condition: F.where(condition, g, 0),
    lambda g, condition: F.where(condition, 0, g),
)

# Trigonometry, rounding and division with a floor ----------------------------------------------------------------
_CLOSE = "float32 is correctly rounded; float64 is within 1 ULP."
row("sin", Kind.UNARY, Rule.FLOAT, "Sine.", lambda g, x: g * F.cos(x), detail=_CLOSE, costly=True)
row("cos", Kind.UNARY, Rule.FLOAT, "Cosine.", lambda g, x: -g * F.sin(x), detail=_CLOSE, costly=True)
row(
    "tan",
    Kind.UNARY,
    Rule.FLOAT,
    "Tangent.",
    lambda g, out: g * (1 + out * out),
    detail=_CLOSE,
    costly=True,
    domain=(-1.4, 1.4),
)
row(
    "asin",
    Kind.UNARY,
    Rule.FLOAT,
    "Arc sine, in [-pi/2, pi/2]; NaN beyond 1.",
    lambda g, x: g / F.sqrt(1 - x * x),
    detail=_CLOSE,
    costly=True,
    domain=(-0.9, 0.9),
)
row(
    "acos",
    Kind.UNARY,
    Rule.FLOAT,
    "Arc cosine, in [0, pi]; NaN beyond 1.",
    lambda g, x: -g / F.sqrt(1 - x * x),
    detail=_CLOSE,
    costly=True,
    domain=(-0.9, 0.9),
)
row(
    "atan",
    Kind.UNARY,
    Rule.FLOAT,
    "Arc tangent, in [-pi/2, pi/2].",
    lambda g, x: g / (x * x + 1),
    detail=_CLOSE,
    costly=True,
)
row("floor", Kind.UNARY, Rule.ROUNDING, "The largest whole number not above x.", lambda g: F.zeros_like(g))
row("ceil", Kind.UNARY, Rule.ROUNDING, "The smallest whole number not below x.", lambda g: F.zeros_like(g))
row("trunc", Kind.UNARY, Rule.ROUNDING, "x without its fraction.", lambda g: F.zeros_like(g))
row("round", Kind.UNARY, Rule.ROUND, "The nearest whole number; ties go to the even one.", lambda g: F.zeros_like(g))
row(
    "atan2",
    Kind.BINARY,
    Rule.REAL_FLOAT,
    "The angle of the point (y, x), in [-pi, pi]: atan2(x, y) is the arc tangent of x / y in the right quadrant.",
    lambda g, x, y: g * (y / (x * x + y * y)),
    lambda g, x, y: g * (-x / (x * x + y * y)),
    detail=_CLOSE,
    costly=True,
    reference=numpy_function("arctan2"),
    domain=(0.5, 4.0),
)
row(
    "copysign",
    Kind.BINARY,
    Rule.REAL_FLOAT,
    "|x| with the sign of y.",
    lambda g, x, out: F.where(x == 0, 0, g * (out / x)),
    lambda g: F.zeros_like(g),
)
row("nextafter", Kind.BINARY, Rule.REAL_FLOAT, "The next number after x towards y; y where they are equal.")
row(
    "remainder",
    Kind.BINARY,
    Rule.REAL,
    "x % y.",
    lambda g: g,
    lambda g, x, y: -g * F.floor_divide(x, y),
    detail="As in Python, with the sign of y; computed exactly and rounded once. An integer by 0 gives 0.",
    operator="mod",
    in_place=True,
    costly=True,
    domain=(0.5, 4.0),
)
row(
    "floor_divide",
    Kind.BINARY,
    Rule.REAL,
    "x // y.",
    detail="The largest whole number not above x / y. An integer by 0 gives 0.",
    operator="floordiv",
    in_place=True,
    costly=True,
    reference=_floor_divide_reference,
    domain=(0.5, 4.0),
)
