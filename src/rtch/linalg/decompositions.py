# SPDX-License-Identifier: MIT
"""Decompositions of matrices into factors."""

from __future__ import annotations

from typing import Any, NamedTuple

from rtch.errors import ArgumentError
from rtch.foreign import from_numpy, recorded
from rtch.grids import tril
from rtch.linalg.matrices import adjoint, call, factors, iterate, need_finite, need_matrices
from rtch.ops.table import BY_NAME
from rtch.tensor import Tensor, grad_mode

_CHOLESKY, _EIGH, _QR, _SVD = (BY_NAME[f"linalg_{name}"] for name in ("cholesky", "eigh", "qr", "svd"))


class EighResult(NamedTuple):
    """What `eigh` gives."""

    eigenvalues: Tensor
    eigenvectors: Tensor


class QRResult(NamedTuple):
    """What `qr` gives."""

    Q: Tensor
    R: Tensor


class SVDResult(NamedTuple):
    """What `svd` gives."""

    U: Tensor
    S: Tensor
    Vh: Tensor


def cholesky(x: Tensor, /, *, upper: bool = False) -> Tensor:
    """The lower triangular l with ``x = l @ conj(l.mT)``, of Hermitian, positive definite matrices.

    Only the lower triangle of x is read. Its gradient is Hermitian.

    Args:
        x: (..., n, n).
        upper: give ``conj(l.mT)`` instead.

    Raises:
        LinAlgError: a matrix is not positive definite, or its lower triangle holds NaN or an infinity.
        ArgumentError: the matrices are not square.
        DimensionError: fewer than two dimensions.
        DTypeError: neither floating nor complex.
    """
    import numpy.linalg

    need_matrices("cholesky", x, square=True)
    need_finite("cholesky", tril(x.detach()))
    made = call("cholesky", "is not positive definite", numpy.linalg.cholesky, x)
    out = recorded(_CHOLESKY, from_numpy(made, x.dtype), (x,))
    return adjoint(out) if upper else out


def qr(x: Tensor, /, *, mode: str = "reduced") -> QRResult:
    """q with orthonormal columns and r upper triangular, with ``x = q @ r``.

    The gradient needs the first min(m, n) columns of x to be independent; there is none for mode "complete" with m > n.

    Args:
        x: (..., m, n).
        mode: "reduced" gives q min(m, n) columns, "complete" m.

    Raises:
        ArgumentError: there is no such mode.
        DimensionError: fewer than two dimensions.
        DTypeError: neither floating nor complex.
    """
    import numpy.linalg

    need_matrices("qr", x)
    if mode not in ("reduced", "complete"):
        raise ArgumentError(f"qr: mode is 'reduced' or 'complete'; got {mode!r:.80}", argument=mode)
    lapack: Any = numpy.linalg.qr
    made = call("qr", "", lambda a: lapack(a, mode), x)
    return QRResult(*factors(_QR, x, made, (x.dtype, x.dtype), (2, 2)))


def eigh(x: Tensor, /) -> EighResult:
    """Eigenvalues, rising, and eigenvectors, as columns of length 1, of Hermitian matrices.

    Only the lower triangle of x is read. The gradient of eigenvectors needs eigenvalues that differ. Of complex
    eigenvectors the phase is arbitrary: a loss that depends on it has no gradient.

    Args:
        x: (..., n, n).

    Raises:
        LinAlgError: a matrix holds NaN or an infinity, or the iteration does not converge.
        ArgumentError: the matrices are not square.
        DimensionError: fewer than two dimensions.
        DTypeError: neither floating nor complex.
    """
    return _eigh("eigh", x)


def _eigh(where: str, x: Tensor) -> EighResult:
    import numpy.linalg

    need_matrices(where, x, square=True)
    made = iterate(where, numpy.linalg.eigh, x)
    return EighResult(*factors(_EIGH, x, made, (x.dtype.real, x.dtype), (1, 2)))


def eigvalsh(x: Tensor, /) -> Tensor:
    """The eigenvalues that `eigh` gives. Arguments and errors as there."""
    import numpy.linalg

    need_matrices("eigvalsh", x, square=True)
    if x._h.node and grad_mode.enabled:
        return _eigh("eigvalsh", x).eigenvalues
    return from_numpy(iterate("eigvalsh", numpy.linalg.eigvalsh, x), x.dtype.real)


def svd(x: Tensor, /, *, full_matrices: bool = True) -> SVDResult:
    """U and Vh with orthonormal columns and rows and S, falling, with ``x = U[..., :k] @ diag(S) @ Vh[..., :k, :]``.

    The gradient of U and Vh needs singular values that differ, and are not 0; columns of U and rows of Vh beyond the
    first k = min(m, n) have none. Of complex singular vectors the phase of a pair is arbitrary: a loss that depends on
    it has no gradient.

    Args:
        x: (..., m, n).
        full_matrices: give U m columns and Vh n rows, not k.

    Raises:
        LinAlgError: a matrix holds NaN or an infinity, or the iteration does not converge.
        DimensionError: fewer than two dimensions.
        DTypeError: neither floating nor complex.
    """
    return _svd("svd", x, full_matrices)


def _svd(where: str, x: Tensor, full_matrices: bool) -> SVDResult:
    import numpy.linalg

    need_matrices(where, x)
    made = iterate(where, lambda a: numpy.linalg.svd(a, full_matrices), x)
    return SVDResult(*factors(_SVD, x, made, (x.dtype, x.dtype.real, x.dtype), (2, 1, 2)))


def svdvals(x: Tensor, /) -> Tensor:
    """The singular values that `svd` gives. Arguments and errors as there."""
    import numpy.linalg

    need_matrices("svdvals", x)
    if x._h.node and grad_mode.enabled:
        return _svd("svdvals", x, False).S
    return from_numpy(iterate("svdvals", lambda a: numpy.linalg.svd(a, compute_uv=False), x), x.dtype.real)
