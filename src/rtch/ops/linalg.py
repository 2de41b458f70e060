# SPDX-License-Identifier: MIT
"""Rows of linear algebra, whose functions are in `rtch.linalg`.

A decomposition is one row: its factors lie behind one another along the last axis of the result, so that a gradient
sees all of them. `shapes` are those of the factors.
"""

from __future__ import annotations

from rtch.ops.define import row
from rtch.ops.row import F, Kind, Rule

row(
    "linalg_inv",
    Kind.STRUCTURE,
    Rule.FLOAT,
    "Inverse of square matrices.",
    lambda g, out: -(out.mT @ g @ out.mT),
    detail="See `rtch.linalg.inv`.",
)
row(
    "linalg_solve",
    Kind.STRUCTURE,
    Rule.FLOAT,
    "The solution of x @ out = y for square matrices.",
    lambda g, x, out: F.linalg_solve_grad_x(g, x, out),
    lambda g, x, y_shape: F.sum_to(F.linalg_solve(x.mT, g), y_shape),
    detail="See `rtch.linalg.solve`.",
    inputs=("x", "y"),
)
row(
    "linalg_det",
    Kind.STRUCTURE,
    Rule.FLOAT,
    "Determinant of square matrices.",
    lambda g, x, out: F.linalg_det_grad(g, x, out),
    detail="See `rtch.linalg.det`.",
)
row(
    "linalg_slogdet",
    Kind.STRUCTURE,
    Rule.FLOAT,
    "Sign of the determinant, and the logarithm of its magnitude.",
    lambda g, x, out: F.linalg_slogdet_grad(g, x, out),
    detail="See `rtch.linalg.slogdet`.",
    wirtinger=True,
)
row(
    "linalg_pinv",
    Kind.STRUCTURE,
    Rule.FLOAT,
    "Pseudo-inverse of matrices.",
    lambda g, x, out: F.linalg_pinv_grad(g, x, out),
    detail="See `rtch.linalg.pinv`.",
    wirtinger=True,
)
row(
    "linalg_cholesky",
    Kind.STRUCTURE,
    Rule.FLOAT,
    "Lower triangular factor of Hermitian, positive definite matrices.",
    lambda g, out: F.linalg_cholesky_grad(g, out),
    detail="See `rtch.linalg.cholesky`.",
    wirtinger=True,
)
row(
    "linalg_qr",
    Kind.STRUCTURE,
    Rule.FLOAT,
    "Factors q with orthonormal columns and r upper triangular.",
    lambda g, out, shapes: F.linalg_qr_grad(g, out, shapes),
    detail="See `rtch.linalg.qr`.",
    wirtinger=True,
)
row(
    "linalg_eigh",
    Kind.STRUCTURE,
    Rule.FLOAT,
    "Eigenvalues and eigenvectors of Hermitian matrices.",
    lambda g, out, shapes: F.linalg_eigh_grad(g, out, shapes),
    detail="See `rtch.linalg.eigh`.",
    wirtinger=True,
)
row(
    "linalg_svd",
    Kind.STRUCTURE,
    Rule.FLOAT,
    "Singular values and vectors.",
    lambda g, out, shapes: F.linalg_svd_grad(g, out, shapes),
    detail="See `rtch.linalg.svd`.",
    wirtinger=True,
)
