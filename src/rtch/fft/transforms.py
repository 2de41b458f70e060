# SPDX-License-Identifier: MIT
"""The transforms, made of three rows: complex to complex, real to half of the complex values, and back.

An axis that is not as long as was asked for is cut, or filled with zeros at its end, before it is transformed.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

from rtch.creation import ones, zeros
from rtch.dtypes import complex64, complex128, float32, float64
from rtch.errors import ArgumentError, DimensionError, DTypeError
from rtch.foreign import from_numpy, recorded, to_numpy
from rtch.functions import conj
from rtch.manipulation import astype, concat, reshape
from rtch.ops.row import F
from rtch.ops.table import BY_NAME
from rtch.tensor import Tensor, need_tensors, normalize_axis

_C2C, _R2C, _C2R = BY_NAME["fft_c2c"], BY_NAME["fft_r2c"], BY_NAME["fft_c2r"]
# norm: what the sum of a forward and of an inverse transform is divided by
_SCALES = {"backward": ("none", "n"), "ortho": ("sqrt", "sqrt"), "forward": ("n", "none")}
_OPPOSITE = {"backward": "forward", "ortho": "ortho", "forward": "backward"}
# scale: the norm that NumPy's forward and inverse transforms know it by
_NORMS: dict[str, tuple[Any, Any]] = {
    "none": ("backward", "forward"),
    "sqrt": ("ortho", "ortho"),
    "n": ("forward", "backward"),
}


def fft(x: Tensor, /, *, n: int | None = None, axis: int = -1, norm: str = "backward") -> Tensor:
    """Fourier transform along an axis: element k is the sum over j of ``x[j] exp(-2 pi i j k / n)``.

    Args:
        x: real or complex.
        n: length of the axis, which is cut or filled with zeros; x's unless given.
        axis: the axis.
        norm: what divides by n: the "backward" transform, the "forward" one, or "ortho", each by the root of n.

    Raises:
        ArgumentError: n is below 1, or there is no such norm.
        DimensionError: axis out of range.
        DTypeError: float16 or bfloat16.
    """
    return _complex("fft", x, n, axis, norm, True)


def ifft(x: Tensor, /, *, n: int | None = None, axis: int = -1, norm: str = "backward") -> Tensor:
    """The inverse of `fft`: the sum over k of ``x[k] exp(2 pi i j k / n)``, over n. Arguments and errors as there."""
    return _complex("ifft", x, n, axis, norm, False)


def fftn(
    x: Tensor,
    /,
    *,
    s: int | Sequence[int] | None = None,
    axes: int | Sequence[int] | None = None,
    norm: str = "backward",
) -> Tensor:
    """`fft` along several axes.

    Args:
        x: real or complex.
        s: length of each axis; -1 keeps x's. A number is the length of one.
        axes: the axes; all of them unless given, or as many of the last ones as s has lengths. A number is one.
        norm: as of `fft`, with n the product of the lengths.

    Raises:
        ArgumentError: a length below 1, not one per axis, or there is no such norm.
        DimensionError: an axis out of range, or named twice.
        DTypeError: float16 or bfloat16.
    """
    return _complex_n("fftn", x, s, axes, norm, True)


def ifftn(
    x: Tensor,
    /,
    *,
    s: int | Sequence[int] | None = None,
    axes: int | Sequence[int] | None = None,
    norm: str = "backward",
) -> Tensor:
    """The inverse of `fftn`. Arguments and errors as there."""
    return _complex_n("ifftn", x, s, axes, norm, False)


def rfft(x: Tensor, /, *, n: int | None = None, axis: int = -1, norm: str = "backward") -> Tensor:
    """Elements 0 to n // 2 of `fft` of a real x; the others are their conjugates. Arguments and errors as there.

    Raises:
        DTypeError: x is complex.
    """
    return _forward_half("rfft", x, n, axis, norm)


def irfft(x: Tensor, /, *, n: int | None = None, axis: int = -1, norm: str = "backward") -> Tensor:
    """The inverse of `rfft`, real: the imaginary parts of element 0, and for an even n of n / 2, do not count.

    Arguments and errors as of `fft`; n is the length of the result, ``2 * (m - 1)`` unless given, where m is x's.
    """
    return _inverse_half("irfft", x, n, axis, norm)


def rfftn(
    x: Tensor,
    /,
    *,
    s: int | Sequence[int] | None = None,
    axes: int | Sequence[int] | None = None,
    norm: str = "backward",
) -> Tensor:
    """`rfft` along the last of several axes, then `fft` along the others. Arguments and errors as of `fftn`.

    Raises:
        DTypeError: x is complex.
        DimensionError: no axis.
    """
    x = _real_input("rfftn", x)
    found, lengths = _axes("rfftn", x, s, axes)
    scale = _scale("rfftn", norm, True)
    for n, axis in zip(lengths, found, strict=True):
        x = _fit("rfftn", x, axis, n)
    out = _r2c(x, _last("rfftn", x, found), scale)
    return _c2c(out, tuple(found[:-1]), True, scale) if len(found) > 1 else out


def irfftn(
    x: Tensor,
    /,
    *,
    s: int | Sequence[int] | None = None,
    axes: int | Sequence[int] | None = None,
    norm: str = "backward",
) -> Tensor:
    """The inverse of `rfftn`, real. Arguments and errors as of `fftn`; the last length is that of the result.

    Raises:
        DimensionError: no axis.
    """
    x = _complex_input("irfftn", x)
    s = None if s is None else _several("irfftn", "s", s)
    found, lengths = _axes("irfftn", x, s, axes)
    last, scale = _last("irfftn", x, found), _scale("irfftn", norm, False)
    n = _length("irfftn", 2 * (x.shape[last] - 1) if s is None or s[-1] == -1 else lengths[-1])
    for size, axis in zip(lengths[:-1], found[:-1], strict=True):
        x = _fit("irfftn", x, axis, size)
    x = _fit("irfftn", x, last, n // 2 + 1)
    return _c2r(_c2c(x, tuple(found[:-1]), False, scale) if len(found) > 1 else x, n, last, scale)


def hfft(x: Tensor, /, *, n: int | None = None, axis: int = -1, norm: str = "backward") -> Tensor:
    """`fft` of values that are Hermitian, from their first half: real.

    Arguments and errors as of `fft`; n is the length of the result, ``2 * (m - 1)`` unless given, where m is x's.
    """
    need_tensors("hfft", x)
    return _inverse_half("hfft", conj(x) if x.dtype.is_complex else x, n, axis, _opposite("hfft", norm))


def ihfft(x: Tensor, /, *, n: int | None = None, axis: int = -1, norm: str = "backward") -> Tensor:
    """The inverse of `hfft`, of a real x. Arguments and errors as of `fft`.

    Raises:
        DTypeError: x is complex.
    """
    return conj(_forward_half("ihfft", x, n, axis, _opposite("ihfft", norm)))


# Checks -------------------------------------------------------------------------------------------------------------


def _scale(where: str, norm: Any, forward: bool) -> str:
    if not isinstance(norm, str) or norm not in _SCALES:
        raise ArgumentError(f"{where}: norm is one of 'backward', 'ortho', 'forward'; got {norm!r:.80}", argument=norm)
    return _SCALES[norm][not forward]


def _opposite(where: str, norm: Any) -> str:
    _scale(where, norm, True)
    return _OPPOSITE[norm]


def _length(where: str, n: Any) -> int:
    if isinstance(n, bool) or not hasattr(n, "__index__") or operator.index(n) < 1:
        raise ArgumentError(f"{where}: an axis to transform has one element or more; got {n!r:.80}", argument=n)
    return operator.index(n)


def _computed(where: str, x: Tensor) -> Tensor:
    """x in a dtype that is transformed."""
    need_tensors(where, x)
    if x.dtype.is_storage:
        raise DTypeError(
            f"{where}: float16 and bfloat16 are for storage; got {x.dtype.name}; use astype", dtype=x.dtype
        )
    return x if x.dtype.kind in "fc" else astype(x, float32)


def _real_input(where: str, x: Tensor) -> Tensor:
    x = _computed(where, x)
    if x.dtype.is_complex:
        raise DTypeError(f"{where}: a real tensor is needed; got {x.dtype.name}; use real", dtype=x.dtype)
    return x


def _complex_input(where: str, x: Tensor) -> Tensor:
    x = _computed(where, x)
    return x if x.dtype.is_complex else astype(x, complex64 if x.dtype is float32 else complex128)


def _axes(where: str, x: Tensor, s: Any, axes: Any) -> tuple[list[int], list[int]]:
    """The axes to transform, and how long each is to be; a number is one of them.

    Raises:
        ArgumentError: neither a number nor a sequence.
    """
    s, axes = (given if given is None else _several(where, name, given) for name, given in (("s", s), ("axes", axes)))
    if axes is None:
        n = x.ndim if s is None else len(s)
        if n > x.ndim:
            raise ArgumentError(f"{where}: a length per axis is needed; got s={s!r:.80} for shape {list(x.shape)}")
        axes = range(x.ndim - n, x.ndim)
    found = [normalize_axis(where, a, x.ndim) for a in axes]
    if len(set(found)) < len(found):
        raise DimensionError(f"{where}: axes must differ; got {axes!r:.80}", axis=axes, ndim=x.ndim)
    if s is not None and len(s) != len(found):
        raise ArgumentError(f"{where}: a length per axis is needed; got s={s!r:.80} for axes {list(axes)}")
    wanted = [-1] * len(found) if s is None else s
    return found, [_length(where, x.shape[a] if n == -1 else n) for n, a in zip(wanted, found, strict=True)]


def _several(where: str, name: str, given: Any) -> Sequence[Any]:
    if isinstance(given, int):
        return (given,)
    try:
        return tuple(given)
    except TypeError as error:
        raise ArgumentError(f"{where}: {name} is a sequence of integers; got {given!r:.80}", argument=given) from error


def _last(where: str, x: Tensor, axes: list[int]) -> int:
    if not axes:
        raise DimensionError(f"{where}: one axis or more is needed; got shape {list(x.shape)}", ndim=x.ndim)
    return axes[-1]


def _fit(where: str, x: Tensor, axis: int, n: int) -> Tensor:
    """x with n elements along an axis: cut, or zeros behind it."""
    size = x.shape[axis]
    if size == n:
        return x
    if size > n:
        return x[(*(slice(None),) * axis, slice(0, n))]
    return concat([x, zeros((*x.shape[:axis], n - size, *x.shape[axis + 1 :]), dtype=x.dtype)], axis=axis)


# The rows -----------------------------------------------------------------------------------------------------------


def _complex(where: str, x: Tensor, n: int | None, axis: int, norm: str, forward: bool) -> Tensor:
    x = _computed(where, x)
    at, scale = normalize_axis(where, axis, x.ndim), _scale(where, norm, forward)
    return _c2c(_fit(where, x, at, _length(where, x.shape[at] if n is None else n)), (at,), forward, scale)


def _complex_n(where: str, x: Tensor, s: Any, axes: Any, norm: str, forward: bool) -> Tensor:
    x = _computed(where, x)
    found, lengths = _axes(where, x, s, axes)
    scale = _scale(where, norm, forward)
    for n, axis in zip(lengths, found, strict=True):
        x = _fit(where, x, axis, n)
    return _c2c(x, tuple(found), forward, scale) if found else _complex_input(where, x)


def _forward_half(where: str, x: Tensor, n: int | None, axis: int, norm: str) -> Tensor:
    x = _real_input(where, x)
    at, scale = normalize_axis(where, axis, x.ndim), _scale(where, norm, True)
    return _r2c(_fit(where, x, at, _length(where, x.shape[at] if n is None else n)), at, scale)


def _inverse_half(where: str, x: Tensor, n: int | None, axis: int, norm: str) -> Tensor:
    x = _complex_input(where, x)
    at, scale = normalize_axis(where, axis, x.ndim), _scale(where, norm, False)
    length = _length(where, 2 * (x.shape[at] - 1) if n is None else n)
    return _c2r(_fit(where, x, at, length // 2 + 1), length, at, scale)


def _c2c(x: Tensor, axes: tuple[int, ...], forward: bool, scale: str) -> Tensor:
    import numpy.fft

    transform = numpy.fft.fftn if forward else numpy.fft.ifftn
    array = transform(to_numpy(x), axes=axes, norm=_NORMS[scale][not forward])
    dtype = complex64 if x.dtype in (float32, complex64) else complex128
    return recorded(_C2C, from_numpy(array, dtype), (x,), {"axes": axes, "forward": forward, "scale": scale})


def _r2c(x: Tensor, axis: int, scale: str) -> Tensor:
    import numpy.fft

    array = numpy.fft.rfft(to_numpy(x), axis=axis, norm=_NORMS[scale][0])
    dtype = complex64 if x.dtype is float32 else complex128
    return recorded(_R2C, from_numpy(array, dtype), (x,), {"axis": axis, "scale": scale})


def _c2r(x: Tensor, n: int, axis: int, scale: str) -> Tensor:
    import numpy.fft

    array = numpy.fft.irfft(to_numpy(x), n, axis=axis, norm=_NORMS[scale][1])
    dtype = float32 if x.dtype is complex64 else float64
    return recorded(_C2R, from_numpy(array, dtype), (x,), {"n": n, "axis": axis, "scale": scale})


def _weighted(x: Tensor, n: int, axis: int, weight: float) -> Tensor:
    """x, half of a transform of length n, with those elements times a weight that stand for their conjugates too."""
    m = n // 2 + 1
    weights = ones(m, dtype=x.dtype.real)
    weights[1 : m - (n % 2 == 0)] = weight
    return x * reshape(weights, (m, *(1,) * (x.ndim - axis - 1)))


for _name, _function in {"c2c": _c2c, "r2c": _r2c, "c2r": _c2r, "weighted": _weighted}.items():
    setattr(F, f"fft_{_name}", _function)
