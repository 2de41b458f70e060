# SPDX-License-Identifier: MIT
"""Questions about dtypes: limits, kinds, and what promotes to what. The answers for tensors are those for dtypes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from rtch.dtypes import ALL, DType, as_dtype, bounds, promote, result_dtype, with_python_scalar
from rtch.errors import ArgumentError, DTypeError
from rtch.tensor import Tensor

_KINDS = {
    "bool": "b",
    "signed integer": "i",
    "unsigned integer": "u",
    "integral": "iu",
    "real floating": "f",
    "complex floating": "c",
    "numeric": "iufc",
}
# name: bits of the fraction, largest exponent
_FORMATS = {"float16": (10, 15), "bfloat16": (7, 127), "float32": (23, 127), "float64": (52, 1023)}


@dataclass(frozen=True, slots=True)
class FInfo:
    """Limits of a real floating dtype, as Python floats.

    eps is the distance from 1 to the next larger number, smallest_normal the smallest positive number of full
    precision.
    """

    bits: int
    eps: float
    max: float
    min: float
    smallest_normal: float
    dtype: DType


@dataclass(frozen=True, slots=True)
class IInfo:
    """Limits of an integer dtype."""

    bits: int
    max: int
    min: int
    dtype: DType


def _dtype_of(value: Any) -> DType:
    return value.dtype if isinstance(value, Tensor) else as_dtype(value)


def finfo(type: Any, /) -> FInfo:
    """Limits of a floating dtype or a tensor's; of a complex one, those of its real and imaginary parts.

    Raises:
        DTypeError: the dtype is not floating.
    """
    dtype = _dtype_of(type).real
    if dtype.kind != "f":
        raise DTypeError(f"finfo: a floating dtype is needed; got {dtype.name}", dtype=dtype)
    fraction, exponent = _FORMATS[dtype.name]
    eps = math.ldexp(1.0, -fraction)
    largest = math.ldexp(2.0 - eps, exponent)
    return FInfo(dtype.bits, eps, largest, -largest, math.ldexp(1.0, 1 - exponent), dtype)


def iinfo(type: Any, /) -> IInfo:
    """Limits of an integer dtype or a tensor's.

    Raises:
        DTypeError: the dtype is not an integer type.
    """
    dtype = _dtype_of(type)
    if not dtype.is_integer:
        raise DTypeError(f"iinfo: an integer dtype is needed; got {dtype.name}", dtype=dtype)
    low, high = bounds(dtype)
    return IInfo(dtype.bits, high, low, dtype)


def of_kind(where: str, kind: Any) -> frozenset[DType]:
    """The dtypes of a kind: its name, a dtype, or a tuple of these.

    Raises:
        ArgumentError: there is no such kind.
    """
    if isinstance(kind, tuple):
        return frozenset[DType]().union(*(of_kind(where, one) for one in kind))
    if isinstance(kind, DType):
        return frozenset((kind,))
    if not isinstance(kind, str) or kind not in _KINDS:
        raise ArgumentError(f"{where}: kind is one of {', '.join(map(repr, _KINDS))}; got {kind!r:.80}", argument=kind)
    return frozenset(dtype for dtype in ALL if dtype.kind in _KINDS[kind])


def isdtype(dtype: Any, kind: Any) -> bool:
    """Whether a dtype is of a kind.

    Args:
        dtype: the dtype.
        kind: a dtype, 'bool', 'signed integer', 'unsigned integer', 'integral', 'real floating' (float16 and bfloat16
            too), 'complex floating' or 'numeric', or a tuple of these.

    Raises:
        ArgumentError: there is no such kind.
    """
    return as_dtype(dtype) in of_kind("isdtype", kind)


def can_cast(from_: Any, to: Any, /) -> bool:
    """Whether promotion takes a dtype, or a tensor's, to another: ``result_type(from_, to)`` is `to`."""
    target = as_dtype(to)
    return promote(_dtype_of(from_), target) is target


def result_type(*arrays_and_dtypes: Any) -> DType:
    """The dtype that an operation on tensors, dtypes and Python scalars computes in.

    Raises:
        ArgumentError: neither a tensor nor a dtype among them.
        DTypeError: uint64 meets a signed integer.
    """
    scalars = [v for v in arrays_and_dtypes if isinstance(v, (bool, int, float, complex))]
    dtypes = [_dtype_of(v) for v in arrays_and_dtypes if not isinstance(v, (bool, int, float, complex))]
    if not dtypes:
        raise ArgumentError(f"result_type: a tensor or dtype is needed; got {arrays_and_dtypes!r:.80}")
    out = result_dtype(*dtypes)
    for scalar in scalars:
        out = with_python_scalar(out, scalar)
    return out
