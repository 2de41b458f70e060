# SPDX-License-Identifier: MIT
"""Rows of convolutions, pooling and embeddings; their functions are written by hand.

The three products of a convolution are linear in both operands, and each one's gradients are the other two.
"""

from __future__ import annotations

from rtch.ops.define import row
from rtch.ops.row import F, Kind, Rule

row(
    "convolution",
    Kind.STRUCTURE,
    Rule.REAL_FLOAT,
    "Cross-correlation of images with weights, in groups of channels.",
    lambda g, x_shape, weight, groups, axes: F.convolution_transpose(g, weight, None, groups, axes.of(x_shape)),
    lambda g, x, weight_shape, groups, axes: F.convolution_weight(x, g, groups, axes.of(weight_shape)),
    lambda g: F.sum_of_channels(g),
    inputs=("x", "weight", "bias"),
)
row(
    "convolution_transpose",
    Kind.STRUCTURE,
    Rule.REAL_FLOAT,
    "The transpose of a convolution as a map of images.",
    lambda g, x_shape, weight, groups, axes: F.convolution(g, weight, None, groups, axes.of(x_shape)),
    lambda g, x, weight_shape, groups, axes: F.convolution_weight(g, x, groups, axes.of(weight_shape)),
    lambda g: F.sum_of_channels(g),
    inputs=("x", "weight", "bias"),
)
row(
    "convolution_weight",
    Kind.STRUCTURE,
    Rule.REAL_FLOAT,
    "The gradient of a convolution towards its weights, from its images and the gradient of its result.",
    lambda g, x_shape, y, groups, axes: F.convolution_transpose(y, g, None, groups, axes.of(x_shape)),
    lambda g, x, y_shape, groups, axes: F.convolution(x, g, None, groups, axes.of(y_shape)),
    inputs=("x", "y"),
)
row(
    "max_pool_index",
    Kind.STRUCTURE,
    Rule.REAL_FLOAT,
    "Where in its plane each window has its largest element: the last NaN, or the first of the largest.",
)
row(
    "pool_gather",
    Kind.STRUCTURE,
    Rule.REAL_FLOAT,
    "Elements at places of a plane, by the row-major numbers of the places.",
    lambda g, x_shape, index, n: F.pool_scatter(g, index, n, x_shape),
)
row(
    "pool_scatter",
    Kind.STRUCTURE,
    Rule.REAL_FLOAT,
    "Planes of zeros to which elements are added at places, in the order of the elements.",
    lambda g, index, n: F.pool_gather(g, index, n),
)
row(
    "average_pool",
    Kind.STRUCTURE,
    Rule.REAL_FLOAT,
    "Sums of windows of a plane, divided.",
    lambda g, x_shape, windows: F.average_pool_grad(g, windows, x_shape),
)
row(
    "average_pool_grad",
    Kind.STRUCTURE,
    Rule.REAL_FLOAT,
    "The gradient of average_pool: each element, divided, added to all places of its window.",
    lambda g, windows: F.average_pool(g, windows),
)
row(
    "embedding",
    Kind.STRUCTURE,
    Rule.REAL_FLOAT,
    "Rows of a table by index.",
    lambda g, x_shape, index, padding, by_count: F.embedding_grad(g, index, x_shape[0], padding, by_count),
)
row(
    "embedding_grad",
    Kind.STRUCTURE,
    Rule.REAL_FLOAT,
    "The gradient of embedding: rows added, in order, to a table of zeros.",
    lambda g, index, padding, by_count: F.embedding_grad_grad(g, index, padding, by_count),
)
