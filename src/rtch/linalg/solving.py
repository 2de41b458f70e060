# SPDX-License-Identifier: MIT
"""Square matrices: determinants, inverses, linear systems, powers."""

from __future__ import annotations

import operator
from typing import NamedTuple

from rtch.dtypes import result_dtype
from rtch.errors import ArgumentError, BroadcastError
from rtch.foreign import from_numpy, recorded
from rtch.grids import eye
from rtch.indexing import broadcast_shapes
from rtch.linalg.matrices import call, factors, need_floating, need_matrices
from rtch.manipulation import astype, broadcast_to, expand_dims, matmul
from rtch.ops.row import F
from rtch.ops.table import BY_NAME
from rtch.tensor import Tensor

_DET, _INV, _SLOGDET, _SOLVE = (BY_NAME[f"linalg_{name}"] for name in ("det", "inv", "slogdet", "solve"))


class SlogdetResult(NamedTuple):
    """What `slogdet` gives."""

    sign: Tensor
    logabsdet: Tensor


def det(x: Tensor, /) -> Tensor:
    """Determinants. Gradients of every order are right for singular matrices too.

    Args:
        x: (..., n, n).

    Raises:
        ArgumentError: the matrices are not square.
        DimensionError: fewer than two dimensions.
        DTypeError: neither floating nor complex.
    """
    import numpy.linalg

    need_matrices("det", x, square=True)
    return recorded(_DET, from_numpy(call("det", "", numpy.linalg.det, x), x.dtype), (x,))


def slogdet(x: Tensor, /) -> SlogdetResult:
    """The sign of determinants, or of complex ones the phase, and the logarithm of their magnitude: 0 and -inf of a
    singular matrix, whose gradient is NaN.

    Args and errors as of `det`.
    """
    import numpy.linalg

    need_matrices("slogdet", x, square=True)
    made = call("slogdet", "", numpy.linalg.slogdet, x)
    return SlogdetResult(*factors(_SLOGDET, x, made, (x.dtype, x.dtype.real), (0, 0)))


def inv(x: Tensor, /) -> Tensor:
    """Inverses.

    Args:
        x: (..., n, n).

    Raises:
        LinAlgError: a matrix is singular.
        ArgumentError: the matrices are not square.
        DimensionError: fewer than two dimensions.
        DTypeError: neither floating nor complex.
    """
    import numpy.linalg

    need_matrices("inv", x, square=True)
    return recorded(_INV, from_numpy(call("inv", "is singular", numpy.linalg.inv, x), x.dtype), (x,))


def solve(x1: Tensor, x2: Tensor, /) -> Tensor:
    """The solutions y of ``x1 @ y = x2``. The batches broadcast.

    Args:
        x1: (..., n, n).
        x2: (n,), one vector for all matrices, or (..., n, k).

    Raises:
        LinAlgError: a matrix is singular.
        ArgumentError: the matrices are not square.
        BroadcastError: the shapes do not fit together.
        DimensionError: x1 has fewer than two dimensions, or x2 none.
        DTypeError: neither floating nor complex.
    """
    need_matrices("solve", x1, square=True)
    need_floating("solve", x2)
    if x2.ndim < 2:
        column = expand_dims(x2, axis=-1) if x2.ndim else x2
        need_matrices("solve", column)
        return _solve(x1, column)[..., 0]
    return _solve(x1, x2)


def _solve(x: Tensor, y: Tensor) -> Tensor:
    import numpy.linalg

    if x.shape[-1] != y.shape[-2]:
        raise BroadcastError(
            f"solve: as many rows on the right as on the left are needed; got {list(x.shape)} and {list(y.shape)}",
            shapes=(x.shape, y.shape),
        )
    broadcast_shapes("solve", x.shape[:-2], y.shape[:-2])
    dtype = result_dtype(x.dtype, y.dtype)
    x, y = astype(x, dtype, copy=False), astype(y, dtype, copy=False)
    return recorded(_SOLVE, from_numpy(call("solve", "is singular", numpy.linalg.solve, x, y), dtype), (x, y))


def matrix_power(x: Tensor, n: int, /) -> Tensor:
    """Matrices multiplied with themselves, n factors; the inverse's power for a negative n, the identity for 0.

    Args:
        x: (..., m, m).
        n: an integer.

    Raises:
        LinAlgError: n is negative and a matrix singular.
        ArgumentError: n is no integer, or the matrices are not square.
        DimensionError: fewer than two dimensions.
        DTypeError: neither floating nor complex.
    """
    need_matrices("matrix_power", x, square=True)
    if isinstance(n, bool) or not hasattr(n, "__index__"):
        raise ArgumentError(f"matrix_power: n must be an integer; got {n!r:.80}", argument=n)
    left = abs(operator.index(n))
    square = inv(x) if operator.index(n) < 0 else x
    out = None
    while left:
        if left & 1:
            out = square if out is None else matmul(out, square)
        left >>= 1
        if left:
            square = matmul(square, square)
    return out if out is not None else broadcast_to(eye(x.shape[-1], dtype=x.dtype), x.shape)


F.linalg_solve = _solve
