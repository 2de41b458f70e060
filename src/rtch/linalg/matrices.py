# SPDX-License-Identifier: MIT
"""What the functions over matrices share: checks, the call into LAPACK, factors as one row's result."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from rtch.composed import real
from rtch.dtypes import DType
from rtch.errors import ArgumentError, DimensionError, DTypeError, LinAlgError
from rtch.foreign import from_numpy, recorded, to_numpy
from rtch.functions import conj
from rtch.manipulation import astype, concat, reshape
from rtch.ops.row import Op
from rtch.tensor import Tensor, grad_mode, need_tensors

Shape = tuple[int, ...]


def need_floating(where: str, *tensors: Any) -> None:
    """Raise where one is not a tensor of a floating or complex dtype."""
    need_tensors(where, *tensors)
    for x in tensors:
        if x.dtype.kind not in "fc" or x.dtype.is_storage:
            raise DTypeError(
                f"{where}: float32, float64 or complex is needed; got {x.dtype.name}; use astype", dtype=x.dtype
            )


def need_matrices(where: str, x: Any, square: bool = False) -> None:
    """Raise where x does not hold matrices, square ones if asked for."""
    need_floating(where, x)
    if x.ndim < 2:
        raise DimensionError(f"{where}: two dimensions or more are needed; got shape {list(x.shape)}", ndim=x.ndim)
    if square and x.shape[-1] != x.shape[-2]:
        raise ArgumentError(f"{where}: square matrices are needed; got shape {list(x.shape)}", shape=x.shape)


def call(where: str, trouble: str, function: Callable[..., Any], *operands: Tensor) -> Any:
    """What a function of NumPy's linalg makes of tensors.

    Raises:
        LinAlgError: LAPACK found `trouble` in a matrix of the first operand, which the message names.
    """
    import numpy

    arrays = [to_numpy(x) for x in operands]
    with numpy.errstate(all="ignore"):
        try:
            return function(*arrays)
        except numpy.linalg.LinAlgError:
            at = _first_in_trouble(function, arrays)
    raise _trouble(where, at, trouble, operands[0])


def iterate(where: str, function: Callable[..., Any], x: Tensor) -> Any:
    """`call` of a function that iterates, which NaN and infinities may keep from ending.

    Raises:
        LinAlgError: a matrix is not finite, or the iteration does not converge.
    """
    need_finite(where, x)
    return call(where, "has none that the iteration converges to", function, x)


def need_finite(where: str, x: Tensor) -> None:
    """Raise where a matrix is not finite.

    Raises:
        LinAlgError: the first such matrix.
    """
    import numpy

    finite = numpy.isfinite(to_numpy(x)).all((-2, -1))
    if not finite.all():
        raise _trouble(where, tuple(map(int, numpy.argwhere(~finite)[0])), "holds NaN or an infinity", x)


def _trouble(where: str, at: Shape, trouble: str, x: Tensor) -> LinAlgError:
    index = f" {list(at)}" if at else ""
    got = f"{x.dtype.name}{list(x.shape)}"
    return LinAlgError(f"{where}: matrix{index} {trouble}; got {got}", op=where, index=at, shape=x.shape)


def _first_in_trouble(function: Callable[..., Any], arrays: list[Any]) -> Shape:
    """Where among the first operand's matrices the first one stands that the function fails for on its own."""
    import numpy

    batch = numpy.broadcast_shapes(*(a.shape[:-2] for a in arrays))
    arrays = [numpy.broadcast_to(a, (*batch, *a.shape[-2:])) for a in arrays]
    with numpy.errstate(all="ignore"):
        for at in numpy.ndindex(*batch):
            try:
                function(*(a[at] for a in arrays))
            except numpy.linalg.LinAlgError:
                return at
    return ()


def adjoint(x: Tensor) -> Tensor:
    """The conjugate transpose of matrices."""
    return conj(x.mT) if x.dtype.is_complex else x.mT


# Factors ------------------------------------------------------------------------------------------------------------


def factors(op: Op, x: Tensor, arrays: Sequence[Any], dtypes: Sequence[DType], ranks: Sequence[int]) -> list[Tensor]:
    """The factors that LAPACK gave, as tensors; where x requires grad, parts of one recorded result.

    Args:
        op: the row.
        x: its input.
        arrays: NumPy's.
        dtypes: of the factors; complex beside real ones are packed as complex.
        ranks: how many of a factor's last axes are its own, the others being the batch.
    """
    made = [from_numpy(a, dtype) for a, dtype in zip(arrays, dtypes, strict=True)]
    if not x._h.node or not grad_mode.enabled:
        return made
    shapes = [t.shape[t.ndim - rank :] for t, rank in zip(made, ranks, strict=True)]
    batch = x.shape[:-2]
    parts = [reshape(astype(t, x.dtype), (*batch, math.prod(s))) for t, s in zip(made, shapes, strict=True)]
    packed = recorded(op, concat(parts, axis=-1), (x,), {"shapes": shapes})
    parts = unpacked(packed, shapes)
    return [real(t) if not dtype.is_complex else t for t, dtype in zip(parts, dtypes, strict=True)]


def unpacked(packed: Tensor, shapes: Sequence[Shape]) -> list[Tensor]:
    """The factors in what `factors` packed, all in its dtype."""
    parts, start = [], 0
    for shape in shapes:
        size = math.prod(shape)
        parts.append(reshape(packed[..., start : start + size], (*packed.shape[:-1], *shape)))
        start += size
    return parts
