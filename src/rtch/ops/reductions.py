# SPDX-License-Identifier: MIT
"""Rows of reductions and scans."""

from __future__ import annotations

from rtch.ops.define import numpy_function, row
from rtch.ops.row import F, Kind, Rule

row(
    "sum",
    Kind.REDUCE,
    Rule.SUM,
    "Sum over axes; the sum of nothing is 0.",
    lambda g, x_shape, axes, keepdims: F.spread(g, x_shape, axes, keepdims),
    detail="Adds in the fixed tree of docs/numerics.md. Integers wrap.",
    method=True,
    options=("dtype",),
)
row(
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
row(
    "mean",
    Kind.REDUCE,
    Rule.FLOAT,
    "Arithmetic mean over axes: the sum, divided once; NaN of nothing.",
    lambda g, x_shape, axes, keepdims, count: F.spread(g / count, x_shape, axes, keepdims),
    detail="Integers and bool give float32.",
    method=True,
)
row(
    "max",
    Kind.REDUCE,
    Rule.REAL,
    "Largest element over axes; NaN if there is one, and +0 is larger than -0.",
    lambda g, x, out, x_shape, axes, keepdims: F.share_ties(g, x, out, x_shape, axes, keepdims),
    detail="Ties share the gradient equally. An empty reduction is an error.",
    method=True,
    nonempty=True,
)
row(
    "min",
    Kind.REDUCE,
    Rule.REAL,
    "Smallest element over axes; NaN if there is one, and -0 is smaller than +0.",
    lambda g, x, out, x_shape, axes, keepdims: F.share_ties(g, x, out, x_shape, axes, keepdims),
    detail="Ties share the gradient equally. An empty reduction is an error.",
    method=True,
    nonempty=True,
)
row(
    "var",
    Kind.REDUCE,
    Rule.REAL_FLOAT,
    "Variance over axes: the squared deviations from the mean, summed and divided once by n - correction.",
    lambda g, x, axes, keepdims, divisor: F.var_grad(g, x, axes, keepdims, divisor),
    detail="Integers and bool give float32. NaN where n is not above the correction.",
    method=True,
    options=("correction",),
)
row(
    "std",
    Kind.REDUCE,
    Rule.REAL_FLOAT,
    "Standard deviation over axes: the square root of `var`.",
    lambda g, x, out, axes, keepdims, divisor: F.std_grad(g, x, out, axes, keepdims, divisor),
    detail="Integers and bool give float32. The gradient at 0 is 0, as in PyTorch.",
    method=True,
    options=("correction",),
)
row(
    "any",
    Kind.REDUCE,
    Rule.LOGICAL,
    "Whether an element over axes is not 0; False of nothing.",
    detail="NaN is not 0.",
    method=True,
)
row(
    "all",
    Kind.REDUCE,
    Rule.LOGICAL,
    "Whether no element over axes is 0; True of nothing.",
    detail="NaN is not 0.",
    method=True,
)
row(
    "count_nonzero",
    Kind.REDUCE,
    Rule.LOGICAL,
    "How many elements over axes are not 0.",
    detail="The result is int64. NaN is not 0.",
    reference=numpy_function("count_nonzero"),
)
row(
    "argmax",
    Kind.ARGREDUCE,
    Rule.REAL,
    "Position of the first largest element along an axis; of the first NaN if there is one.",
    detail="Zeros of both signs are equal.",
    method=True,
)
row(
    "argmin",
    Kind.ARGREDUCE,
    Rule.REAL,
    "Position of the first smallest element along an axis; of the first NaN if there is one.",
    detail="Zeros of both signs are equal.",
    method=True,
)
row(
    "cumulative_sum",
    Kind.SCAN,
    Rule.SUM,
    "Running sum along an axis, one addition after another.",
    lambda g, axis, include_initial: F.cumulative_sum_grad(g, axis, include_initial),
    detail="Integers wrap.",
)
row(
    "cumulative_prod",
    Kind.SCAN,
    Rule.SUM,
    "Running product along an axis, one multiplication after another.",
    lambda g, x, axis, include_initial: F.cumulative_prod_grad(g, x, axis, include_initial),
    detail="Integers wrap.",
    domain=(0.5, 2.0),
)
