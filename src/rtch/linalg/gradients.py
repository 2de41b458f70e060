# SPDX-License-Identifier: MIT
"""What the gradients in `rtch.ops.linalg` are made of: tensor code, to any order.

Most formulas are in M. Giles, "An extended collection of matrix derivative results for forward and reverse mode
automatic differentiation" (2008); qr in S. Walter and L. Lehmann, "Algorithmic differentiation of linear algebra
functions" (2010); pinv in G. Golub and V. Pereyra, "The differentiation of pseudo-inverses and nonlinear least squares
problems" (1973). Complex ones, and what is done where a factor is not unique, are PyTorch's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from rtch.composed import imag, real
from rtch.creation import zeros_like
from rtch.dtype_functions import finfo
from rtch.errors import AutogradError
from rtch.functions import abs as magnitude
from rtch.functions import conj, count_nonzero, max, where
from rtch.gathering import masked_select
from rtch.grids import eye, tril
from rtch.linalg.decompositions import svd, svdvals
from rtch.linalg.matrices import Shape, adjoint, unpacked
from rtch.linalg.norms import matrix_norm
from rtch.linalg.products import trace
from rtch.linalg.solving import _solve, det, inv
from rtch.manipulation import astype, broadcast_to, concat, expand_dims, index_add, reshape, sum_to, take
from rtch.ops.row import F
from rtch.searching import nonzero
from rtch.tensor import Tensor
from rtch.views import diagonal


def _column(x: Tensor) -> Tensor:
    return expand_dims(x, axis=-1)


def _row(x: Tensor) -> Tensor:
    return expand_dims(x, axis=-2)


def _scalars(x: Tensor) -> Tensor:
    """One number per matrix, to multiply matrices with."""
    return _column(_column(x))


def _diag(x: Tensor) -> Tensor:
    return diagonal(x, 0, -2, -1)


def _with_diagonal(off: Tensor, diagonal: Tensor) -> Tensor:
    return where(eye(off.shape[-1], dtype=bool), _row(diagonal), off)


def _skew(x: Tensor) -> Tensor:
    return x - adjoint(x)


def _quotient(x: Tensor, y: Tensor) -> Tensor:
    """x / y, and 0 / 0 is 0: what a factor does not depend on adds nothing, wherever it is not unique."""
    flat = (x == 0) & (y == 0)
    return where(flat, 0, x / where(flat, 1, y))


def _differences(x: Tensor) -> Tensor:
    """Of all elements, x[j] - x[i] at (i, j); 1 on the diagonal, to divide by."""
    return where(eye(x.shape[-1], dtype=bool), 1, _row(x) - _column(x))


def _check_phase(where: str, vectors: str, diagonal: Tensor) -> None:
    if diagonal.dtype.is_complex and diagonal.size and bool(max(magnitude(imag(diagonal.detach()))) > 1e-2):
        raise AutogradError(
            f"{where}: the phase of {vectors} is arbitrary, and the loss depends on it; use their magnitudes", op=where
        )


def solve_grad_x(g: Tensor, x: Tensor, out: Tensor) -> Tensor:
    """The gradient of solve towards the matrices."""
    return sum_to(-(_solve(x.mT, g) @ out.mT), x.shape)


def det_grad(g: Tensor, x: Tensor, out: Tensor) -> Tensor:
    """The gradient of det: the cofactors, by the inverse, and where there is none, or none in the dtype's precision, by
    `_adjugate`. Right to any order.
    """
    n = x.shape[-1]
    singular = out.detach() == 0
    inverse = inv(_regular(x, singular))
    sizes = matrix_norm(x.detach(), ord=1) * matrix_norm(inverse.detach(), ord=1)
    lost = sizes * (n * finfo(x.dtype).eps) > 0.125
    if bool(lost.any()):
        singular = singular | lost
        inverse = inv(_regular(x, singular))
    if not bool(singular.any()):
        return _scalars(g * out) * inverse.mT
    batch = singular.size
    cofactors = reshape(_scalars(where(singular, 0, out)) * inverse.mT, (batch, n, n))
    flat, (places,) = reshape(x, (batch, n, n)), nonzero(reshape(singular, -1))
    values = svdvals(take(flat.detach(), places, axis=0))
    small = values <= values[:, :1] * (n * finfo(x.dtype).eps)
    nullities = count_nonzero(small, axis=-1)
    for nullity in set(nullities.tolist()):
        these = masked_select(places, nullities == nullity)
        cofactors = index_add(cofactors, 0, these, _adjugate(take(flat, these, axis=0), nullity).mT)
    return _scalars(g) * reshape(cofactors, x.shape)


def _regular(x: Tensor, singular: Tensor) -> Tensor:
    """x with the identity for matrices that have no inverse."""
    return where(_scalars(singular), eye(x.shape[-1], dtype=x.dtype), x) if bool(singular.any()) else x


def _adjugate(x: Tensor, nullity: int) -> Tensor:
    """The transposed cofactors of matrices with so many singular values that are 0, or might be.

    With the singular vectors, taken for constants, x is u [[p, q], [r, t]] vh, of which p has an inverse at x and the
    others are 0. det x is det u det vh det p det z, z = t - r p^-1 q. Nothing divides by z.
    """
    if nullity == 0:
        return _scalars(det(x)) * inv(x)
    u, _, vh = svd(x.detach())
    k = x.shape[-1] - nullity
    turned = adjoint(u) @ x @ adjoint(vh)
    p, t = inv(turned[:, :k, :k]), turned[:, k:, k:]
    right, left = p @ turned[:, :k, k:], turned[:, k:, :k] @ p
    det_z, adj_z = _characteristic(t - turned[:, k:, :k] @ right)
    top = concat([_scalars(det_z) * p + right @ adj_z @ left, -(right @ adj_z)], axis=-1)
    whole = concat([top, concat([-(adj_z @ left), adj_z], axis=-1)], axis=-2)
    return _scalars(det(turned[:, :k, :k]) * det(u) * det(vh)) * (adjoint(vh) @ whole @ adjoint(u))


def _characteristic(x: Tensor) -> tuple[Tensor, Tensor]:
    """Determinants and transposed cofactors, from the characteristic polynomial (Faddeev and LeVerrier)."""
    n = x.shape[-1]
    one = eye(n, dtype=x.dtype)
    adjugate, power = broadcast_to(one, x.shape), x
    coefficient = -trace(x)
    for k in range(2, n + 1):
        adjugate = power + _scalars(coefficient) * one
        power = x @ adjugate
        coefficient = -trace(power) / k
    return (-coefficient, adjugate) if n % 2 else (coefficient, -adjugate)


def slogdet_grad(g: Tensor, x: Tensor, out: Tensor) -> Tensor:
    """The gradient of slogdet: that of the logarithm, and for complex matrices that of the phase; NaN of a singular
    matrix.
    """
    (g_sign, g_log), (sign, _) = unpacked(g, ((), ())), unpacked(out, ((), ()))
    if x.dtype.is_complex:
        g_log = real(g_log) - imag(conj(g_sign) * sign) * 1j
    singular = sign.detach() == 0
    gradient = _scalars(g_log) * adjoint(inv(_regular(x, singular)))
    if bool(singular.any()):
        gradient = gradient + _scalars(where(singular, math.nan, zeros_like(g_log.detach()))) * x
    return gradient


def pinv_grad(g: Tensor, x: Tensor, out: Tensor) -> Tensor:
    """The gradient of pinv, the products in the order that keeps them small."""
    gh, oh = adjoint(g), adjoint(out)
    if x.shape[-2] <= x.shape[-1]:
        k = gh @ out
        kh = k @ oh
        return kh - adjoint(out @ k) - (x @ out) @ kh + (oh @ out) @ (gh - k @ x)
    k = out @ gh
    hk = oh @ k
    return hk - adjoint(k @ out) + (gh - x @ k) @ out @ oh - (hk @ out) @ x


def cholesky_grad(g: Tensor, out: Tensor) -> Tensor:
    """The gradient of cholesky, Hermitian as far as g is real where out is, on the diagonal."""
    left = adjoint(out)
    inner = tril(left @ g)
    once = _solve(left, (inner + adjoint(tril(inner, k=-1))) / 2)
    return adjoint(_solve(left, adjoint(once)))


def qr_grad(g: Tensor, out: Tensor, shapes: Sequence[Shape]) -> Tensor:
    """The gradient of qr. Columns of x beyond the square ones are q times r's: they add to the gradient of q."""
    (q, r), (gq, gr) = unpacked(out, shapes), unpacked(g, shapes)
    m, n = q.shape[-2], r.shape[-1]
    if q.shape[-1] > n:
        raise AutogradError("qr: mode='complete' has no gradient where there are more rows than columns", op="qr")
    if m < n:
        wide, g_wide = r[..., m:], gr[..., m:]
        gq = gq + (q @ wide) @ adjoint(g_wide)
        return concat([_qr_grad(gq, gr[..., :m], q, r[..., :m]), q @ g_wide], axis=-1)
    return _qr_grad(gq, gr, q, r)


def _qr_grad(gq: Tensor, gr: Tensor, q: Tensor, r: Tensor) -> Tensor:
    lower = tril(r @ adjoint(gr) - adjoint(gq) @ q)
    diagonal = _diag(lower)
    symmetric = lower + adjoint(tril(lower, k=-1))
    if lower.dtype.is_complex:
        symmetric = _with_diagonal(symmetric, astype(real(diagonal), lower.dtype))
    return adjoint(_solve(r, adjoint(gq + q @ symmetric)))


def eigh_grad(g: Tensor, out: Tensor, shapes: Sequence[Shape]) -> Tensor:
    """The gradient of eigh, Hermitian."""
    (values, vectors), (g_values, g_vectors) = unpacked(out, shapes), unpacked(g, shapes)
    inner = _skew(adjoint(vectors) @ g_vectors) / 2
    _check_phase("eigh", "eigenvectors", _diag(inner))
    values = real(values)
    gaps = _differences(values)
    return vectors @ _with_diagonal(_quotient(inner, gaps), astype(real(g_values), g.dtype)) @ adjoint(vectors)


def svd_grad(g: Tensor, out: Tensor, shapes: Sequence[Shape]) -> Tensor:
    """The gradient of svd; columns of u and rows of vh beyond the singular values have none."""
    (u, s, vh), (gu, gs, gvh) = unpacked(out, shapes), unpacked(g, shapes)
    m, k, n = u.shape[-2], s.shape[-1], vh.shape[-1]
    u, gu, vh, gvh, s = u[..., :k], gu[..., :k], vh[..., :k, :], gvh[..., :k, :], real(s)
    of_u, of_v = _skew(adjoint(u) @ gu), _skew(vh @ adjoint(gvh))
    _check_phase("svd", "singular vectors", _diag(of_u) + _diag(of_v))
    inner = _quotient(of_u * _row(s) + _column(s) * of_v, _differences(s * s))
    on = astype(real(gs), g.dtype)
    if g.dtype.is_complex:
        on = on + _quotient(_diag(of_u), s * 2)
    total = u @ _with_diagonal(inner, on) @ vh
    if m > k:
        across = _quotient(gu, _row(s))
        total = total + (across - u @ (adjoint(u) @ across)) @ vh
    if n > k:
        across = _quotient(gvh, _column(s))
        total = total + u @ (across - (across @ adjoint(vh)) @ vh)
    return total


for _name, _function in {
    "solve_grad_x": solve_grad_x,
    "det_grad": det_grad,
    "slogdet_grad": slogdet_grad,
    "pinv_grad": pinv_grad,
    "cholesky_grad": cholesky_grad,
    "qr_grad": qr_grad,
    "eigh_grad": eigh_grad,
    "svd_grad": svd_grad,
}.items():
    setattr(F, f"linalg_{_name}", _function)
