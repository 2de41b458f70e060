# SPDX-License-Identifier: MIT
"""Rows of what reads and writes lanes by index, blends and replaces; their functions are written by hand."""

from __future__ import annotations

from rtch.ops.define import row
from rtch.ops.row import F, Kind, Rule

row(
    "gather",
    Kind.STRUCTURE,
    Rule.ANY,
    "Elements along an axis, lane by lane, at an index of the result's shape.",
    lambda g, x_shape, axis, index: F.scatter_add_zeros(g, x_shape, axis, index),
)
row(
    "scatter",
    Kind.STRUCTURE,
    Rule.ANY,
    "A copy of x in which y stands along an axis, lane by lane, at an index of y's shape.",
    lambda g, axis, index: F.scatter(g, axis, index, 0),
    lambda g, out_shape, axis, index: F.gather_last(g, out_shape, axis, index),
    detail="The last of several writes to an element stays.",
    inputs=("x", "y"),
)
row(
    "scatter_add",
    Kind.STRUCTURE,
    Rule.NUMERIC,
    "A copy of x to which y is added along an axis, lane by lane, at an index of y's shape, in row-major order.",
    lambda g: g,
    lambda g, axis, index: F.gather(g, axis, index),
    inputs=("x", "y"),
)
row(
    "lerp",
    Kind.STRUCTURE,
    Rule.FLOAT,
    "``x + weight * (end - x)``; from a weight of 1/2 on ``end - (end - x) * (1 - weight)``.",
    lambda g, weight: g * (1 - weight),
    lambda g, weight: g * weight,
    lambda g, x, end: g * (end - x),
    inputs=("x", "end", "weight"),
)
row(
    "nan_to_num",
    Kind.STRUCTURE,
    Rule.ROUND,
    "x with numbers for NaN and infinities.",
    lambda g, x: F.where(F.isfinite(x), g, 0),
    detail="What is replaced has no gradient.",
)
