# SPDX-License-Identifier: MIT
"""What the longer gradients in the op table are made of: tensor code, to any order."""

from __future__ import annotations

import math

from rtch.manipulation import concat, flip, inverse_permutation, permute_dims, reshape, spread
from rtch.ops.row import F
from rtch.ops.table import BY_NAME
from rtch.tensor import Tensor, reduce, scan, where


def prod_grad(g: Tensor, x: Tensor, axes: int, keepdims: bool) -> Tensor:
    """The gradient of a product: g times the product of the other elements, those before and those after."""
    shape = x.shape
    kept = tuple(d for d in range(len(shape)) if not axes >> d & 1)
    reduced = tuple(d for d in range(len(shape)) if axes >> d & 1)
    order = kept + reduced
    turned = permute_dims(x, order)
    flat = reshape(turned, (*(shape[d] for d in kept), math.prod(shape[d] for d in reduced)))
    others = _before(flat) * flip(_before(flip(flat, axis=-1)), axis=-1)
    return spread(g, shape, axes, keepdims) * permute_dims(reshape(others, turned.shape), inverse_permutation(order))


def _before(x: Tensor) -> Tensor:
    """The product of the elements before each one, along the last axis."""
    return scan(BY_NAME["cumulative_prod"], x, -1, None, True)[..., :-1]


def var_grad(g: Tensor, x: Tensor, axes: int, keepdims: bool, divisor: float) -> Tensor:
    """The gradient of a variance: 2 (x - mean) / divisor times g."""
    reduced = tuple(d for d in range(x.ndim) if axes >> d & 1)
    deviations = x - reduce(BY_NAME["mean"], x, reduced, True)
    return spread(g * 2 / divisor, x.shape, axes, keepdims) * deviations


def std_grad(g: Tensor, x: Tensor, out: Tensor, axes: int, keepdims: bool, divisor: float) -> Tensor:
    """The gradient of a standard deviation, that of a square root: 0 where it is 0."""
    flat = out == 0
    return var_grad(where(flat, 0, g / (where(flat, 1, out) * 2)), x, axes, keepdims, divisor)


def cumulative_sum_grad(g: Tensor, axis: int, include_initial: bool) -> Tensor:
    """The gradient of a running sum: the running sum of g from the other end."""
    g = _without_initial(g, axis, include_initial)
    return flip(scan(BY_NAME["cumulative_sum"], flip(g, axis=axis), axis, None, False), axis=axis)


def cumulative_prod_grad(g: Tensor, x: Tensor, axis: int, include_initial: bool) -> Tensor:
    """The gradient of a running product, right with zeros in x: the product of what is before element i times s[i],
    where s[i] = g[i] + x[i + 1] s[i + 1]. After a step s[i] holds twice as many terms as before, and a[i] that of
    so many elements after i.
    """
    order = (*(d for d in range(x.ndim) if d != axis), axis)
    x = permute_dims(x, order)
    s = permute_dims(_without_initial(g, axis, include_initial), order)
    n, step = x.shape[-1], 1
    a = x[..., 1:]
    while step < n:
        s = concat([s[..., :-step] + a * s[..., step:], s[..., -step:]], axis=-1)
        a = a[..., : max(n - 2 * step, 0)] * a[..., step : step + max(n - 2 * step, 0)]
        step *= 2
    return permute_dims(_before(x) * s, inverse_permutation(order))


def abs_grad(g: Tensor, x: Tensor) -> Tensor:
    """The gradient of abs: g times the sign of x, which is x / |x| of a complex x; 0 at 0."""
    if x.dtype.is_complex:
        return where(x == 0, 0, g * F.sign(x))
    return where(x > 0, g, where(x < 0, -g, 0))


def sign_grad(g: Tensor, x: Tensor, out: Tensor) -> Tensor:
    """The gradient of sign: 0; of a complex x, what of g is across the ray from 0 to x, over |x|."""
    if not x.dtype.is_complex:
        return F.zeros_like(g)  # type: ignore[no-any-return]
    flat = x == 0
    across = g - F.real(g * F.conj(out)) * out
    return where(flat, 0, across / where(flat, 1, abs(x)))


def pow_grad_y(g: Tensor, x: Tensor | complex, y: Tensor, out: Tensor) -> Tensor:
    """The gradient of pow towards the exponent: g out log(x), with the logarithm in the dtype of the result."""
    base = F.astype(x, out.dtype, copy=False) if isinstance(x, Tensor) else F.asarray(x, dtype=out.dtype)
    return where((base == 0) & (F.real(y) >= 0), 0, g * out * F.log(base))


def _without_initial(g: Tensor, axis: int, include_initial: bool) -> Tensor:
    return g[(*(slice(None),) * axis, slice(1, None))] if include_initial else g


for _function in (
    abs_grad,
    cumulative_prod_grad,
    cumulative_sum_grad,
    pow_grad_y,
    prod_grad,
    sign_grad,
    std_grad,
    var_grad,
):
    setattr(F, _function.__name__, _function)
