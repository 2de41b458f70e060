# SPDX-License-Identifier: MIT
"""Rows of softmax and its kin, of cross entropy, and of standardising, which the normalising layers are made of.

`axes` has bit d set where dimension d is part of a row. The gradients are rows with kernels of their own; theirs are
made of other ops.
"""

from __future__ import annotations

from rtch.ops.define import row
from rtch.ops.row import F, Kind, Rule

row(
    "softmax",
    Kind.STRUCTURE,
    Rule.REAL_FLOAT,
    "e^x divided by its sum along an axis.",
    lambda g, out, axes: F.softmax_grad("softmax_grad", g, out, axes),
)
row(
    "log_softmax",
    Kind.STRUCTURE,
    Rule.REAL_FLOAT,
    "Logarithm of the softmax along an axis.",
    lambda g, out, axes: F.softmax_grad("log_softmax_grad", g, out, axes),
)
row(
    "softmax_grad",
    Kind.STRUCTURE,
    Rule.REAL_FLOAT,
    "Gradient of softmax from its result y: (dy - sum(dy y)) y.",
    lambda g, y, axes: F.softmax_grad("softmax_grad", g, y, axes),
    lambda g, dy, y, axes: F.softmax_grad_y(g, dy, y, axes),
    inputs=("dy", "y"),
)
row(
    "log_softmax_grad",
    Kind.STRUCTURE,
    Rule.REAL_FLOAT,
    "Gradient of log_softmax from its result y: dy - e^y sum(dy).",
    lambda g, y, axes: F.log_softmax_grad_dy(g, y, axes),
    lambda g, dy, y, axes: F.log_softmax_grad_y(g, dy, y, axes),
    inputs=("dy", "y"),
)
row(
    "logsumexp",
    Kind.STRUCTURE,
    Rule.REAL_FLOAT,
    "Logarithm of the sum of e^x over axes.",
    lambda g, x, out, axes, keepdims: F.logsumexp_grad(g, x, out, axes, keepdims),
)
row(
    "softmax_cross_entropy",
    Kind.STRUCTURE,
    Rule.REAL_FLOAT,
    "-log_softmax(x) at a target class; 0 where the target is ignored.",
    lambda g, x, at: F.softmax_cross_entropy_grad(g, x, at),
)
row(
    "softmax_cross_entropy_grad",
    Kind.STRUCTURE,
    Rule.REAL_FLOAT,
    "Gradient of softmax_cross_entropy: dy (softmax(x) - [at the target]).",
    lambda g, x, at: F.softmax_cross_entropy_grad_dy(g, x, at),
    lambda g, dy, x, at: F.softmax_cross_entropy_grad_x(g, dy, x, at),
    inputs=("dy", "x"),
)
row(
    "standardize",
    Kind.STRUCTURE,
    Rule.REAL_FLOAT,
    "(x - mean) / sqrt(variance + eps) * weight + bias, mean and variance over axes.",
    lambda g, x, weight, by: F.standardize_grad(g, x, weight, by),
    lambda g, x, by: F.standardize_grad_weight(g, x, by, by.weight_shape),
    lambda g, by: F.standardize_grad_bias(g, by),
    detail="Without centering the mean is taken to be 0.",
    inputs=("x", "weight", "bias"),
)
row(
    "standardize_grad",
    Kind.STRUCTURE,
    Rule.REAL_FLOAT,
    "Gradient of standardize towards x.",
    lambda g, x, weight, by: F.standardize_grad_dy(g, x, weight, by),
    lambda g, dy, x, weight, by: F.standardize_grad_x(g, dy, x, weight, by),
    lambda g, dy, x, by: F.sum_to(dy * F.standardize_grad(g, x, None, by), by.weight_shape),
    inputs=("dy", "x", "weight"),
)
row(
    "standardize_grad_weight",
    Kind.STRUCTURE,
    Rule.REAL_FLOAT,
    "Gradient of standardize towards the weight: the sum of dy (x - mean) / sqrt(variance + eps).",
    lambda g, x, by: F.broadcast_to(g, x.shape) * F.standardized(x, by),
    lambda g, dy, x, by: F.standardize_grad(F.broadcast_to(g, x.shape) * dy, x, None, by),
    inputs=("dy", "x"),
)
