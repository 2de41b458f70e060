# SPDX-License-Identifier: MIT
"""Rank, pseudo-inverse and least squares: what cuts off small singular values."""

from __future__ import annotations

from typing import Any, NamedTuple

from rtch.creation import zeros
from rtch.dtype_functions import finfo
from rtch.dtypes import int64, result_dtype
from rtch.errors import ArgumentError, BroadcastError
from rtch.foreign import from_numpy, recorded
from rtch.functions import abs as magnitude
from rtch.functions import sum as sum_
from rtch.linalg.decompositions import svdvals
from rtch.linalg.matrices import iterate, need_floating, need_matrices
from rtch.manipulation import astype, expand_dims, matmul
from rtch.ops.table import BY_NAME
from rtch.tensor import Tensor

_PINV = BY_NAME["linalg_pinv"]


class LstsqResult(NamedTuple):
    """What `lstsq` gives."""

    solution: Tensor
    residuals: Tensor
    rank: Tensor
    singular_values: Tensor


def _cutoff(where: str, x: Tensor, rtol: Any) -> Any:
    """rtol as something to multiply (..., 1) with."""
    if rtol is None:
        return max(x.shape[-2:]) * finfo(x.dtype).eps
    if isinstance(rtol, Tensor):
        need_floating(where, rtol)
        return astype(expand_dims(rtol.detach(), axis=-1), x.dtype.real)
    if isinstance(rtol, bool) or not isinstance(rtol, (int, float)):
        raise ArgumentError(f"{where}: rtol must be a number or a tensor; got {rtol!r:.80}", argument=rtol)
    return rtol


def matrix_rank(x: Tensor, /, *, rtol: float | Tensor | None = None) -> Tensor:
    """How many singular values are above rtol times the largest, as int64.

    Args:
        x: (..., m, n).
        rtol: a number or a tensor that broadcasts with the batch; max(m, n) times the dtype's eps unless given.

    Raises:
        LinAlgError: a matrix holds NaN or an infinity, or the iteration does not converge.
        ArgumentError: rtol is no number.
        DimensionError: fewer than two dimensions.
        DTypeError: neither floating nor complex.
    """
    need_matrices("matrix_rank", x)
    return _rank(svdvals(x.detach()), _cutoff("matrix_rank", x, rtol))


def _rank(s: Tensor, cutoff: Any) -> Tensor:
    if s.shape[-1] == 0:
        return zeros(s.shape[:-1], dtype=int64)
    return sum_(astype(s > s[..., :1] * cutoff, int64), axis=-1)


def pinv(x: Tensor, /, *, rtol: float | Tensor | None = None) -> Tensor:
    """Moore-Penrose pseudo-inverses. The gradient holds where the rank does not change.

    Args:
        x: (..., m, n).
        rtol: singular values of at most rtol times the largest count as 0; a number or a tensor that broadcasts with
            the batch; max(m, n) times the dtype's eps unless given.

    Raises:
        LinAlgError: a matrix holds NaN or an infinity, or the iteration does not converge.
        ArgumentError: rtol is no number.
        DimensionError: fewer than two dimensions.
        DTypeError: neither floating nor complex.
    """
    need_matrices("pinv", x)
    return _pinv("pinv", x, _cutoff("pinv", x, rtol))[0]


def _pinv(where: str, x: Tensor, cutoff: Any) -> tuple[Tensor, Tensor]:
    """The pseudo-inverse, and the singular values."""
    import numpy

    u, s, vh = iterate(where, lambda a: numpy.linalg.svd(a, full_matrices=False), x)
    bound = cutoff.numpy() if isinstance(cutoff, Tensor) else cutoff
    kept = s > s[..., :1] * bound
    with numpy.errstate(all="ignore"):
        small = numpy.where(kept, 1 / s, 0)
    left = numpy.swapaxes(vh.conj(), -1, -2) * small[..., None, :]
    made = from_numpy(left @ numpy.swapaxes(u.conj(), -1, -2), x.dtype)
    return recorded(_PINV, made, (x,)), from_numpy(s, x.dtype.real)


def lstsq(a: Tensor, b: Tensor, /, rcond: float | None = None) -> LstsqResult:
    """Least squares: of all y that minimise the norm of ``a @ y - b`` the smallest, through the pseudo-inverse.

    Residuals are the sums of ``|a @ y - b|**2`` for m > n where all ranks are n, and empty otherwise; rank and singular
    values have no gradient.

    Args:
        a: (..., m, n).
        b: (..., m, k), or (m,), one vector for all matrices. The batches broadcast.
        rcond: singular values of at most rcond times the largest count as 0; as rtol of `pinv` unless given.

    Raises:
        LinAlgError: a matrix holds NaN or an infinity, or the iteration does not converge.
        ArgumentError: rcond is no number.
        BroadcastError: the shapes do not fit together.
        DimensionError: a has fewer than two dimensions, or b none.
        DTypeError: neither floating nor complex.
    """
    need_matrices("lstsq", a)
    need_floating("lstsq", b)
    vector = b.ndim == 1
    y = expand_dims(b, axis=-1) if vector else b
    need_matrices("lstsq", y)
    if a.shape[-2] != y.shape[-2]:
        raise BroadcastError(
            f"lstsq: as many rows on the right as on the left are needed; got {list(a.shape)} and {list(b.shape)}",
            shapes=(a.shape, b.shape),
        )
    dtype = result_dtype(a.dtype, b.dtype)
    a, y = astype(a, dtype, copy=False), astype(y, dtype, copy=False)
    if rcond is not None and (isinstance(rcond, bool) or not isinstance(rcond, (int, float))):
        raise ArgumentError(f"lstsq: rcond must be a number; got {rcond!r:.80}", argument=rcond)
    cutoff = _cutoff("lstsq", a, rcond)
    inverse, s = _pinv("lstsq", a, cutoff)
    solution, rank = matmul(inverse, y), _rank(s, cutoff)
    m, n = a.shape[-2:]
    residuals = zeros(0, dtype=dtype.real)
    if m > n and bool((rank == n).all()):
        residuals = sum_(magnitude(matmul(a, solution) - y).square(), axis=-2)
    if vector:
        solution, residuals = (t[..., 0] if t.ndim > 1 else t for t in (solution, residuals))
    return LstsqResult(solution, residuals, rank, s)
