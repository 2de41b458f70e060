# SPDX-License-Identifier: MIT
"""The op table: one row per op, everything known about it on adjacent lines.

The C dispatch, the public function, the method and operator, the reference page, the parametrised tests and the
graph node are derived from the row. `docs/contributing.md` shows how to add one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rtch.ops.row import F, Kind, Op, Rule

OPS: list[Op] = []
BY_NAME: dict[str, Op] = {}

_INPUTS = {
    Kind.UNARY: ("x",),
    Kind.PREDICATE: ("x",),
    Kind.BINARY: ("x", "y"),
    Kind.COMPARE: ("x", "y"),
    Kind.TERNARY: ("condition", "x", "y"),
    Kind.REDUCE: ("x",),
    Kind.ARGREDUCE: ("x",),
    Kind.SCAN: ("x",),
    Kind.STRUCTURE: ("x",),
}


def _numpy(name: str) -> Callable[[], Any]:
    def load() -> Any:
        import numpy

        return getattr(numpy, name)

    return load


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


def _row(
    name: str,
    kind: Kind,
    rule: Rule,
    summary: str,
    *grads: Callable[..., Any] | None,
    detail: str = "",
    inputs: tuple[str, ...] | None = None,
    operator: str | None = None,
    method: bool = False,
    in_place: bool = False,
    costly: bool = False,
    to_real: bool = False,
    nonempty: bool = False,
    options: tuple[str, ...] = (),
    reference: Callable[[], Any] | None = None,
    domain: tuple[float, float] = (-4.0, 4.0),
) -> Op:
    op = Op(
        id=len(OPS),
        name=name,
        kind=kind,
        rule=rule,
        inputs=inputs or _INPUTS[kind],
        grads=grads,
        summary=summary,
        detail=detail,
        operator=operator,
        method=method,
        in_place=in_place,
        costly=costly,
        to_real=to_real,
        nonempty=nonempty,
        options=options,
        reference=reference or _numpy(name),
        domain=domain,
    )
    OPS.append(op)
    BY_NAME[name] = op
    return op


# Elementwise, one input ------------------------------------------------------------------------------------------
_row("positive", Kind.UNARY, Rule.NUMERIC, "+x.", lambda g: g, operator="pos")
_row("negative", Kind.UNARY, Rule.NUMERIC, "-x.", lambda g: -g, operator="neg")
_row(
    "abs",
    Kind.UNARY,
    Rule.NUMERIC,
    "|x|.",
    lambda g, x: F.where(x > 0, g, F.where(x < 0, -g, 0)),
    detail="The gradient at 0 is 0, as in PyTorch. A complex x gives its magnitude, which is real.",
    operator="abs",
    to_real=True,
)
_row(
    "sign",
    Kind.UNARY,
    Rule.NUMERIC,
    "-1, 0 or 1 as x is below, at or above 0; NaN of NaN; x / |x| of a complex x.",
    lambda g: F.zeros_like(g),
    domain=(0.5, 4.0),
)
_row(
    "relu",
    Kind.UNARY,
    Rule.REAL,
    "max(x, 0); NaN stays NaN.",
    lambda g, out: F.where(out <= 0, 0, g),
    detail="The gradient at 0 is 0, as in PyTorch.",
    method=True,
    reference=_relu_reference,
)
_row("square", Kind.UNARY, Rule.NUMERIC, "x * x.", lambda g, x: g * (x * 2), method=True)
_row(
    "reciprocal",
    Kind.UNARY,
    Rule.FLOAT,
    "1 / x.",
    lambda g, out: -g * out * out,
    method=True,
    costly=True,
    domain=(0.5, 4.0),
)
_row(
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
_row(
    "exp",
    Kind.UNARY,
    Rule.FLOAT,
    "e to the power x.",
    lambda g, out: g * out,
    detail=_FUNCTION,
    method=True,
    costly=True,
)
_row(
    "expm1",
    Kind.UNARY,
    Rule.FLOAT,
    "e to the power x, less 1; accurate near 0.",
    lambda g, out: g * (out + 1),
    detail=_FUNCTION,
    method=True,
    costly=True,
)
_row(
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
_row(
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
_row(
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
_row(
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
_row(
    "sinh",
    Kind.UNARY,
    Rule.FLOAT,
    "Hyperbolic sine.",
    lambda g, x: g * F.cosh(x),
    detail=_FUNCTION,
    method=True,
    costly=True,
)
_row(
    "cosh",
    Kind.UNARY,
    Rule.FLOAT,
    "Hyperbolic cosine.",
    lambda g, x: g * F.sinh(x),
    detail=_FUNCTION,
    method=True,
    costly=True,
)
_row(
    "tanh",
    Kind.UNARY,
    Rule.FLOAT,
    "Hyperbolic tangent.",
    lambda g, out: g * (1 - out * out),
    detail=_FUNCTION,
    method=True,
    costly=True,
)
_row(
    "asinh",
    Kind.UNARY,
    Rule.FLOAT,
    "Inverse hyperbolic sine.",
    lambda g, x: g / F.sqrt(x * x + 1),
    detail=_FUNCTION,
    method=True,
    costly=True,
)
_row(
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
_row(
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
_row("conj", Kind.UNARY, Rule.COMPLEX, "The complex conjugate; a real x is itself.", lambda g: g)
_row("bitwise_invert", Kind.UNARY, Rule.BITWISE, "Every bit of x flipped; not x for bool.", operator="invert")
_row("logical_not", Kind.UNARY, Rule.LOGICAL, "not x; what is not 0 is true.")
_row("isfinite", Kind.PREDICATE, Rule.FLOAT, "Whether x is neither infinite nor NaN.")
_row("isinf", Kind.PREDICATE, Rule.FLOAT, "Whether x is an infinity.")
_row("isnan", Kind.PREDICATE, Rule.FLOAT, "Whether x is NaN.")
_row("signbit", Kind.PREDICATE, Rule.REAL_FLOAT, "Whether the sign bit of x is set, as it is for -0.")

# Elementwise, two inputs -----------------------------------------------------------------------------------------
_row("add", Kind.BINARY, Rule.NUMERIC, "x + y.", lambda g: g, lambda g: g, operator="add", in_place=True)
_row("subtract", Kind.BINARY, Rule.NUMERIC, "x - y.", lambda g: g, lambda g: -g, operator="sub", in_place=True)
_row(
    "multiply",
    Kind.BINARY,
    Rule.NUMERIC,
    "x * y.",
    lambda g, y: g * y,
    lambda g, x: g * x,
    operator="mul",
    in_place=True,
)
_row(
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
_row(
    "pow",
    Kind.BINARY,
    Rule.NUMERIC,
    "x to the power y.",
    lambda g, x, y: F.where(y == 0, 0, g * y * F.pow(x, y - 1)),
    lambda g, x, y, out: F.where((x == 0) & (y >= 0), 0, g * out * F.log(x)),
    detail="float32 is correctly rounded, float64 within 1 ULP. Integers wrap; 1 and -1 alone have negative powers.",
    operator="pow",
    in_place=True,
    costly=True,
    reference=_pow_reference,
    domain=(0.5, 3.0),
)
_row(
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
_row(
    "logaddexp",
    Kind.BINARY,
    Rule.REAL_FLOAT,
    "log(exp(x) + exp(y)) without overflow on the way.",
    lambda g, x, out: g * F.exp(x - out),
    lambda g, y, out: g * F.exp(y - out),
    detail=_FUNCTION,
    costly=True,
)
_row(
    "maximum",
    Kind.BINARY,
    Rule.REAL,
    "The larger of x and y; NaN if either is, and +0 is larger than -0.",
    lambda g, x, y: F.share_between(g, x, y, x > y),
    lambda g, x, y: F.share_between(g, x, y, x < y),
    detail="Equal inputs get half of the gradient each.",
)
_row(
    "minimum",
    Kind.BINARY,
    Rule.REAL,
    "The smaller of x and y; NaN if either is, and -0 is smaller than +0.",
    lambda g, x, y: F.share_between(g, x, y, x < y),
    lambda g, x, y: F.share_between(g, x, y, x > y),
    detail="Equal inputs get half of the gradient each.",
)
_row("bitwise_and", Kind.BINARY, Rule.BITWISE, "x & y, bit by bit.", operator="and", in_place=True)
_row("bitwise_or", Kind.BINARY, Rule.BITWISE, "x | y, bit by bit.", operator="or", in_place=True)
_row("bitwise_xor", Kind.BINARY, Rule.BITWISE, "x ^ y, bit by bit.", operator="xor", in_place=True)
_row(
    "bitwise_left_shift",
    Kind.BINARY,
    Rule.INTEGER,
    "x << y.",
    detail="Shifting by the width or more, or by less than 0, gives 0.",
    operator="lshift",
    in_place=True,
    reference=_numpy("left_shift"),
)
_row(
    "bitwise_right_shift",
    Kind.BINARY,
    Rule.INTEGER,
    "x >> y, filled with the sign.",
    detail="Shifting by the width or more, or by less than 0, leaves the sign alone: 0 or -1.",
    operator="rshift",
    in_place=True,
    reference=_numpy("right_shift"),
)
_row("logical_and", Kind.BINARY, Rule.LOGICAL, "x and y; what is not 0 is true.")
_row("logical_or", Kind.BINARY, Rule.LOGICAL, "x or y; what is not 0 is true.")
_row("logical_xor", Kind.BINARY, Rule.LOGICAL, "Either x or y; what is not 0 is true.")
_row("equal", Kind.COMPARE, Rule.ANY, "x == y.", operator="eq")
_row("not_equal", Kind.COMPARE, Rule.ANY, "x != y.", operator="ne")
_row("less", Kind.COMPARE, Rule.REAL, "x < y.", operator="lt")
_row("less_equal", Kind.COMPARE, Rule.REAL, "x <= y.", operator="le")
_row("greater", Kind.COMPARE, Rule.REAL, "x > y.", operator="gt")
_row("greater_equal", Kind.COMPARE, Rule.REAL, "x >= y.", operator="ge")
_row(
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
_row("sin", Kind.UNARY, Rule.FLOAT, "Sine.", lambda g, x: g * F.cos(x), detail=_CLOSE, costly=True)
_row("cos", Kind.UNARY, Rule.FLOAT, "Cosine.", lambda g, x: -g * F.sin(x), detail=_CLOSE, costly=True)
_row(
    "tan",
    Kind.UNARY,
    Rule.FLOAT,
    "Tangent.",
    lambda g, out: g * (1 + out * out),
    detail=_CLOSE,
    costly=True,
    domain=(-1.4, 1.4),
)
_row(
    "asin",
    Kind.UNARY,
    Rule.FLOAT,
    "Arc sine, in [-pi/2, pi/2]; NaN beyond 1.",
    lambda g, x: g / F.sqrt(1 - x * x),
    detail=_CLOSE,
    costly=True,
    domain=(-0.9, 0.9),
)
_row(
    "acos",
    Kind.UNARY,
    Rule.FLOAT,
    "Arc cosine, in [0, pi]; NaN beyond 1.",
    lambda g, x: -g / F.sqrt(1 - x * x),
    detail=_CLOSE,
    costly=True,
    domain=(-0.9, 0.9),
)
_row(
    "atan",
    Kind.UNARY,
    Rule.FLOAT,
    "Arc tangent, in [-pi/2, pi/2].",
    lambda g, x: g / (x * x + 1),
    detail=_CLOSE,
    costly=True,
)
_row("floor", Kind.UNARY, Rule.ROUNDING, "The largest whole number not above x.", lambda g: F.zeros_like(g))
_row("ceil", Kind.UNARY, Rule.ROUNDING, "The smallest whole number not below x.", lambda g: F.zeros_like(g))
_row("trunc", Kind.UNARY, Rule.ROUNDING, "x without its fraction.", lambda g: F.zeros_like(g))
_row("round", Kind.UNARY, Rule.ROUND, "The nearest whole number; ties go to the even one.", lambda g: F.zeros_like(g))
_row(
    "atan2",
    Kind.BINARY,
    Rule.REAL_FLOAT,
    "The angle of the point (y, x), in [-pi, pi]: atan2(x, y) is the arc tangent of x / y in the right quadrant.",
    lambda g, x, y: g * (y / (x * x + y * y)),
    lambda g, x, y: g * (-x / (x * x + y * y)),
    detail=_CLOSE,
    costly=True,
    reference=_numpy("arctan2"),
    domain=(0.5, 4.0),
)
_row(
    "copysign",
    Kind.BINARY,
    Rule.REAL_FLOAT,
    "|x| with the sign of y.",
    lambda g, x, out: F.where(x == 0, 0, g * (out / x)),
    lambda g: F.zeros_like(g),
)
_row("nextafter", Kind.BINARY, Rule.REAL_FLOAT, "The next number after x towards y; y where they are equal.")
_row(
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
_row(
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

# Reductions ------------------------------------------------------------------------------------------------------
_row(
    "sum",
    Kind.REDUCE,
    Rule.SUM,
    "Sum over axes; the sum of nothing is 0.",
    lambda g, x_shape, axes, keepdims: F.spread(g, x_shape, axes, keepdims),
    detail="Adds in the fixed tree of docs/numerics.md. Integers wrap.",
    method=True,
    options=("dtype",),
)
_row(
    "prod",
    Kind.REDUCE,
    Rule.SUM,
    "Product over axes; the product of nothing is 1.",
    lambda g, x, axes, keepdims: F.prod_grad(g, x, axes, keepdims),
    detail="Multiplies in the tree of sums. Integers wrap.",
    method=True,
    options=("dtype",),
    domain=(0.5, 2.0),
)
_row(
    "mean",
    Kind.REDUCE,
    Rule.FLOAT,
    "Arithmetic mean over axes: the sum, divided once; NaN of nothing.",
    lambda g, x_shape, axes, keepdims, count: F.spread(g / count, x_shape, axes, keepdims),
    detail="Integers and bool give float32.",
    method=True,
)
_row(
    "max",
    Kind.REDUCE,
    Rule.REAL,
    "Largest element over axes; NaN if there is one, and +0 is larger than -0.",
    lambda g, x, out, x_shape, axes, keepdims: F.share_ties(g, x, out, x_shape, axes, keepdims),
    detail="Ties share the gradient equally. An empty reduction is an error.",
    method=True,
    nonempty=True,
)
_row(
    "min",
    Kind.REDUCE,
    Rule.REAL,
    "Smallest element over axes; NaN if there is one, and -0 is smaller than +0.",
    lambda g, x, out, x_shape, axes, keepdims: F.share_ties(g, x, out, x_shape, axes, keepdims),
    detail="Ties share the gradient equally. An empty reduction is an error.",
    method=True,
    nonempty=True,
)
_row(
    "var",
    Kind.REDUCE,
    Rule.REAL_FLOAT,
    "Variance over axes: the squared deviations from the mean, summed and divided once by n - correction.",
    lambda g, x, axes, keepdims, divisor: F.var_grad(g, x, axes, keepdims, divisor),
    detail="Integers and bool give float32. NaN where n is not above the correction.",
    method=True,
    options=("correction",),
)
_row(
    "std",
    Kind.REDUCE,
    Rule.REAL_FLOAT,
    "Standard deviation over axes: the square root of `var`.",
    lambda g, x, out, axes, keepdims, divisor: F.std_grad(g, x, out, axes, keepdims, divisor),
    detail="Integers and bool give float32. The gradient at 0 is 0, as in PyTorch.",
    method=True,
    options=("correction",),
)
_row(
    "any",
    Kind.REDUCE,
    Rule.LOGICAL,
    "Whether an element over axes is not 0; False of nothing.",
    detail="NaN is not 0.",
    method=True,
)
_row(
    "all",
    Kind.REDUCE,
    Rule.LOGICAL,
    "Whether no element over axes is 0; True of nothing.",
    detail="NaN is not 0.",
    method=True,
)
_row(
    "count_nonzero",
    Kind.REDUCE,
    Rule.LOGICAL,
    "How many elements over axes are not 0.",
    detail="The result is int64. NaN is not 0.",
    reference=_numpy("count_nonzero"),
)
_row(
    "argmax",
    Kind.ARGREDUCE,
    Rule.REAL,
    "Position of the first largest element along an axis; of the first NaN if there is one.",
    detail="Zeros of both signs are equal.",
    method=True,
)
_row(
    "argmin",
    Kind.ARGREDUCE,
    Rule.REAL,
    "Position of the first smallest element along an axis; of the first NaN if there is one.",
    detail="Zeros of both signs are equal.",
    method=True,
)
_row(
    "cumulative_sum",
    Kind.SCAN,
    Rule.SUM,
    "Running sum along an axis, one addition after another.",
    lambda g, axis, include_initial: F.cumulative_sum_grad(g, axis, include_initial),
    detail="Integers wrap.",
)
_row(
    "cumulative_prod",
    Kind.SCAN,
    Rule.SUM,
    "Running product along an axis, one multiplication after another.",
    lambda g, x, axis, include_initial: F.cumulative_prod_grad(g, x, axis, include_initial),
    detail="Integers wrap.",
    domain=(0.5, 2.0),
)

# Structure: the functions are in rtch.manipulation and rtch.linear ------------------------------------------------
_row(
    "matmul",
    Kind.STRUCTURE,
    Rule.NUMERIC,
    "Matrix product over the last two axes, the others broadcast.",
    lambda g, x_shape, y: F.matmul_grad_x(g, x_shape, y),
    lambda g, x, y_shape: F.matmul_grad_y(g, x, y_shape),
    inputs=("x", "y"),
    operator="matmul",
)
_row("astype", Kind.STRUCTURE, Rule.ANY, "Cast to a dtype.", lambda g, x_dtype: F.astype(g, x_dtype))
_row("reshape", Kind.STRUCTURE, Rule.ANY, "Same elements, new shape.", lambda g, x_shape: F.reshape(g, x_shape))
_row(
    "broadcast_to",
    Kind.STRUCTURE,
    Rule.ANY,
    "Repeat along axes of size one.",
    lambda g, x_shape: F.sum_to(g, x_shape),
)
_row(
    "sum_to",
    Kind.STRUCTURE,
    Rule.NUMERIC,
    "Sum over the axes that broadcasting added; the inverse of broadcast_to.",
    lambda g, x_shape: F.broadcast_to(g, x_shape),
)
_row(
    "permute_dims",
    Kind.STRUCTURE,
    Rule.ANY,
    "Reorder axes.",
    lambda g, axes: F.permute_dims(g, F.inverse_permutation(axes)),
)
_row(
    "getitem",
    Kind.STRUCTURE,
    Rule.ANY,
    "Basic indexing: integers, slices, None and Ellipsis.",
    lambda g, x_shape, key: F.scatter_slice(g, x_shape, key),
)
_row(
    "setitem",
    Kind.STRUCTURE,
    Rule.ANY,
    "A copy of x in which a slice holds y; what ``x[key] = y`` records.",
    lambda g, key: F.setitem(g, key, 0),
    lambda g, y_shape, key: F.sum_to(F.getitem(g, key), y_shape),
    inputs=("x", "y"),
)
_row(
    "gather_nd",
    Kind.STRUCTURE,
    Rule.ANY,
    "Elements at several index tensors; what ``x[tensor]`` records.",
    lambda g, x_shape, axes, indices: F.scatter_nd_add(g, x_shape, axes, indices),
)
_row(
    "scatter_nd",
    Kind.STRUCTURE,
    Rule.ANY,
    "A copy of x in which y stands at several index tensors; what ``x[tensor] = y`` records.",
    lambda g, axes, indices: F.scatter_nd(g, axes, indices, 0),
    lambda g, x_shape, axes, indices: F.gather_nd_last(g, x_shape, axes, indices),
    detail="The last of several writes to an element stays.",
    inputs=("x", "y"),
)
_row(
    "scatter_nd_add",
    Kind.STRUCTURE,
    Rule.NUMERIC,
    "Zeros to which x is added at several index tensors, in the order of the indices.",
    lambda g, axes, indices: F.gather_nd(g, axes, indices),
)
_row(
    "take",
    Kind.STRUCTURE,
    Rule.ANY,
    "Elements along an axis by integer index.",
    lambda g, x_shape, indices, axis: F.index_add_zeros(g, x_shape, indices, axis),
)
_row(
    "index_add",
    Kind.STRUCTURE,
    Rule.NUMERIC,
    "Add slices of y into a copy of x at indices along an axis, in the order of the indices.",
    lambda g: g,
    lambda g, indices, axis: F.take(g, indices, axis=axis),
    inputs=("x", "y"),
)
_row(
    "concat",
    Kind.STRUCTURE,
    Rule.ANY,
    "Join tensors along an existing axis.",
    lambda g, axis, bounds: F.split_at(g, axis, bounds),
    inputs=("parts",),
)
_row(
    "from_strides",
    Kind.STRUCTURE,
    Rule.ANY,
    "A view of any layout over the same memory.",
    lambda g, x_shape, layout, shape, strides, offset: F.scatter_strides(g, x_shape, layout, shape, strides, offset),
)
_row(
    "sliding_window_view",
    Kind.STRUCTURE,
    Rule.ANY,
    "All windows of a shape, as a view.",
    lambda g, x_shape, window_shape, axes: F.scatter_view(
        g, x_shape, lambda x: F.sliding_window_view(x, window_shape, axes)
    ),
)
_row(
    "diagonal",
    Kind.STRUCTURE,
    Rule.ANY,
    "The diagonal of two axes, as a view.",
    lambda g, x_shape, offset, axis1, axis2: F.scatter_view(g, x_shape, lambda x: F.diagonal(x, offset, axis1, axis2)),
)
_row(
    "clip",
    Kind.STRUCTURE,
    Rule.REAL,
    "Elements moved into [min, max]: ``minimum(maximum(x, min), max)``.",
    lambda g, x, low, high: F.clip_grad_x(g, x, low, high),
    lambda g, x, low, high: F.clip_grad_low(g, x, low, high),
    lambda g, x, low, high: F.clip_grad_high(g, x, low, high),
    detail="The gradient passes at the bounds, as in PyTorch.",
    inputs=("x", "low", "high"),
)
