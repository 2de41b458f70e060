# SPDX-License-Identifier: MIT
"""Rows of what moves elements, changes the view or multiplies matrices; their functions are written by hand."""

from __future__ import annotations

from rtch.ops.define import row
from rtch.ops.row import F, Kind, Rule

row(
    "matmul",
    Kind.STRUCTURE,
    Rule.NUMERIC,
    "Matrix product over the last two axes, the others broadcast.",
    lambda g, x_shape, y: F.matmul_grad_x(g, x_shape, y),
    lambda g, x, y_shape: F.matmul_grad_y(g, x, y_shape),
    inputs=("x", "y"),
    operator="matmul",
)
row(
    "linear",
    Kind.STRUCTURE,
    Rule.NUMERIC,
    "x @ weight.T + bias.",
    lambda g, weight: F.matmul(g, weight),
    lambda g, x: F.linear_grad_weight(g, x),
    lambda g, bias_shape: F.sum_to(g, bias_shape),
    detail="Of a weight with two dimensions; the bias may be left out.",
    inputs=("x", "weight", "bias"),
)
row("astype", Kind.STRUCTURE, Rule.ANY, "Cast to a dtype.", lambda g: g)  # the engine casts back
row("reshape", Kind.STRUCTURE, Rule.ANY, "Same elements, new shape.", lambda g, x_shape: F.reshape(g, x_shape))
row(
    "broadcast_to",
    Kind.STRUCTURE,
    Rule.ANY,
    "Repeat along axes of size one.",
    lambda g, x_shape: F.sum_to(g, x_shape),
)
row(
    "sum_to",
    Kind.STRUCTURE,
    Rule.NUMERIC,
    "Sum over the axes that broadcasting added; the inverse of broadcast_to.",
    lambda g, x_shape: F.broadcast_to(g, x_shape),
)
row(
    "permute_dims",
    Kind.STRUCTURE,
    Rule.ANY,
    "Reorder axes.",
    lambda g, axes: F.permute_dims(g, F.inverse_permutation(axes)),
)
row(
    "getitem",
    Kind.STRUCTURE,
    Rule.ANY,
    "Basic indexing: integers, slices, None and Ellipsis.",
    lambda g, x_shape, key: F.scatter_slice(g, x_shape, key),
)
row(
    "setitem",
    Kind.STRUCTURE,
    Rule.ANY,
    "A copy of x in which a slice holds y; what ``x[key] = y`` records.",
    lambda g, key: F.setitem(g, key, 0),
    lambda g, y_shape, key: F.sum_to(F.getitem(g, key), y_shape),
    inputs=("x", "y"),
)
row(
    "setitem_add",
    Kind.STRUCTURE,
    Rule.NUMERIC,
    "A copy of x in which y is added to a slice; how the gradients of several slices of one tensor add up.",
    lambda g: g,
    lambda g, key: F.getitem(g, key),
    inputs=("x", "y"),
)
row(
    "gather_nd",
    Kind.STRUCTURE,
    Rule.ANY,
    "Elements at several index tensors; what ``x[tensor]`` records.",
    lambda g, x_shape, axes, indices: F.scatter_nd_add_zeros(g, x_shape, axes, indices),
)
row(
    "scatter_nd",
    Kind.STRUCTURE,
    Rule.ANY,
    "A copy of x in which y stands at several index tensors; what ``x[tensor] = y`` records.",
    lambda g, axes, indices: F.scatter_nd(g, axes, indices, 0),
    lambda g, out_shape, axes, indices: F.gather_nd_last(g, out_shape, axes, indices),
    detail="The last of several writes to an element stays.",
    inputs=("x", "y"),
)
row(
    "scatter_nd_add",
    Kind.STRUCTURE,
    Rule.NUMERIC,
    "A copy of x to which y is added at several index tensors, in the order of the indices.",
    lambda g: g,
    lambda g, axes, indices: F.gather_nd(g, axes, indices),
    inputs=("x", "y"),
)
row(
    "take",
    Kind.STRUCTURE,
    Rule.ANY,
    "Elements along an axis by integer index.",
    lambda g, x_shape, indices, axis: F.index_add_zeros(g, x_shape, indices, axis),
)
row(
    "index_add",
    Kind.STRUCTURE,
    Rule.NUMERIC,
    "Add slices of y into a copy of x at indices along an axis, in the order of the indices.",
    lambda g: g,
    lambda g, indices, axis: F.take(g, indices, axis=axis),
    inputs=("x", "y"),
)
row(
    "concat",
    Kind.STRUCTURE,
    Rule.ANY,
    "Join tensors along an existing axis.",
    lambda g, axis, bounds: F.split_at(g, axis, bounds),
    inputs=("parts",),
)
row(
    "from_strides",
    Kind.STRUCTURE,
    Rule.ANY,
    "A view of any layout over the same memory.",
    lambda g, x_shape, layout, shape, strides, offset: F.scatter_strides(g, x_shape, layout, shape, strides, offset),
)
row(
    "sliding_window_view",
    Kind.STRUCTURE,
    Rule.ANY,
    "All windows of a shape, as a view.",
    lambda g, x_shape, window_shape, axes: F.scatter_view(
        g, x_shape, lambda x: F.sliding_window_view(x, window_shape, axes)
    ),
)
row(
    "diagonal",
    Kind.STRUCTURE,
    Rule.ANY,
    "The diagonal of two axes, as a view.",
    lambda g, x_shape, offset, axis1, axis2: F.scatter_view(g, x_shape, lambda x: F.diagonal(x, offset, axis1, axis2)),
)
row(
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
row(
    "real",
    Kind.STRUCTURE,
    Rule.COMPLEX,
    "The real part of a complex x, a view; a real x is itself.",
    lambda g, x_dtype: F.astype(g, x_dtype),
    wirtinger=True,
)
row(
    "imag",
    Kind.STRUCTURE,
    Rule.COMPLEX,
    "The imaginary part of a complex x, a view; zeros for a real x.",
    lambda g, x_dtype: F.astype(g, x_dtype) * 1j,
    wirtinger=True,
)
