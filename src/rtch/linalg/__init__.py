# SPDX-License-Identifier: MIT
"""Linear algebra over batches of matrices, with gradients: the extension `linalg` of the Array API standard, `lstsq`.

Products and norms are made of rtch's own kernels, save the norms 2, -2 and "nuc" of matrices. The rest is LAPACK's,
through NumPy: its bits depend on the machine, and stand outside the promise of docs/numerics.md. So do signs and phases
of singular vectors and eigenvectors.

Matrices are the last two axes, floating or complex. A matrix that has no answer raises `rtch.errors.LinAlgError`.
"""

from rtch.contractions import matrix_transpose, tensordot, vecdot
from rtch.linalg import gradients  # noqa: F401 - what the rows' gradients call
from rtch.linalg.decompositions import (
    EighResult,
    QRResult,
    SVDResult,
    cholesky,
    eigh,
    eigvalsh,
    qr,
    svd,
    svdvals,
)
from rtch.linalg.least_squares import LstsqResult, lstsq, matrix_rank, pinv
from rtch.linalg.norms import matrix_norm, vector_norm
from rtch.linalg.products import cross, diagonal, outer, trace
from rtch.linalg.solving import SlogdetResult, det, inv, matrix_power, slogdet, solve
from rtch.manipulation import matmul

__all__ = [
    "EighResult",
    "LstsqResult",
    "QRResult",
    "SVDResult",
    "SlogdetResult",
    "cholesky",
    "cross",
    "det",
    "diagonal",
    "eigh",
    "eigvalsh",
    "inv",
    "lstsq",
    "matmul",
    "matrix_norm",
    "matrix_power",
    "matrix_rank",
    "matrix_transpose",
    "outer",
    "pinv",
    "qr",
    "slogdet",
    "solve",
    "svd",
    "svdvals",
    "tensordot",
    "trace",
    "vecdot",
    "vector_norm",
]
