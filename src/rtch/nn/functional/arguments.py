# SPDX-License-Identifier: MIT
"""How functions and layers read their arguments."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from numbers import Real
from typing import Any

from rtch._c import failure, lib
from rtch.errors import ArgumentError, DimensionError, DTypeError
from rtch.manipulation import reshape
from rtch.random import Generator, default_generator
from rtch.tensor import Tensor, become, grad_mode, need_tensors, refuse_leaf_write, replace_header

MOST = 2**31 - 1
"""The largest size or number of an axis of images."""


def need_floating(where_: str, *inputs: Any) -> None:
    """Raise where an input is not a floating tensor.

    Raises:
        DTypeError: it is not.
    """
    for x in inputs:
        if not isinstance(x, Tensor) or not x.dtype.is_floating or x.dtype.is_storage:
            got = x.dtype.name if isinstance(x, Tensor) else type(x).__name__
            raise DTypeError(f"{where_}: a tensor of float32 or float64 is needed; got {got}", op=where_)


def need_dtype(where_: str, input: Tensor, **tensors: Tensor | None) -> None:
    """Raise where one of the tensors, by name, does not have the input's dtype.

    Raises:
        DTypeError: it has not, or is no tensor.
    """
    for name, t in tensors.items():
        if t is not None:
            need_tensors(where_, t)
            if t.dtype is not input.dtype:
                raise DTypeError(
                    f"{where_}: {name} must have the input's dtype {input.dtype.name}; got {t.dtype.name}",
                    dtype=t.dtype,
                )


def need_number(where_: str, name: str, value: Any, low: float | None = None) -> float:
    """A parameter as a float, not below `low`.

    Raises:
        ArgumentError: it is no number, or below.
    """
    try:
        number = float(value) if isinstance(value, (float, int, Real)) and not isinstance(value, bool) else None
    except OverflowError:
        number = None
    if number is None or (low is not None and not number >= low):
        least = "" if low is None else f" of {low:g} or more"
        raise ArgumentError(f"{where_}: {name} must be a number{least}; got {value!r:.80}", argument=value)
    return number


def need_integer(where_: str, name: str, value: Any, low: int = -(2**63), high: int = 2**63 - 1) -> int:
    """A parameter as an integer from `low` to `high`.

    Raises:
        ArgumentError: it is none.
    """
    try:
        number = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = None
    if number is None or not low <= number <= high:
        any_high = high == 2**63 - 1
        span = {-(2**63): "an integer of 64 bits", 0: "an integer of 0 or more", 1: "a positive integer"}.get(low)
        span = span if span and any_high else f"an integer from {low} to {high}"
        raise ArgumentError(f"{where_}: {name} must be {span}; got {value!r:.80}", argument=value)
    return number


def need_generator(where_: str, generator: Any) -> Generator:
    """A generator; the default one for None.

    Raises:
        ArgumentError: it is none.
    """
    if generator is None:
        return default_generator
    if not isinstance(generator, Generator):
        raise ArgumentError(
            f"{where_}: generator must be a rtch.random.Generator; got {type(generator).__name__}", argument=generator
        )
    return generator


def numbers(where: str, name: str, value: Any, n: int, least: int) -> tuple[int, ...]:
    """An integer for all of n axes, or a sequence of one or n of them, none below `least` or above `MOST`."""
    try:
        given = tuple(value) if isinstance(value, (tuple, list)) else (value,)
        made = tuple(operator.index(number) for number in given if not isinstance(number, bool))
    except TypeError:
        made = ()
    if len(made) == 1:
        made *= n
    if len(made) != n or min(made) < least or max(made) > MOST:
        raise ArgumentError(
            f"{where}: {name} must be an integer of at least {least}{f', or {n} of them' if n > 1 else ''}, "
            f"below 2**31; got {value!r:.80}",
            argument=value,
        )
    return made


def images(where: str, x: Any, n: int) -> Tensor:
    """x as a batch of images with n axes: one image becomes a batch of one."""
    need_tensors(where, x)
    if x.ndim not in (n + 1, n + 2):
        shapes = "(C, L) or (N, C, L)" if n == 1 else "(C, H, W) or (N, C, H, W)"
        raise DimensionError(f"{where}: input must be {shapes}; got shape {list(x.shape)}", ndim=x.ndim, shape=x.shape)
    if not x.dtype.is_floating or x.dtype.is_storage:
        raise DTypeError(f"{where}: input must be float32 or float64; got {x.dtype.name}", dtype=x.dtype)
    return reshape(x, (1, *x.shape)) if x.ndim == n + 1 else x


def like(out: Tensor, x: Tensor) -> Tensor:
    """The result without the axis that `images` gave x."""
    return out if out.ndim == x.ndim else reshape(out, out.shape[1:])


def sizes_text(sizes: Sequence[int]) -> str:
    """Sizes along the axes of an image, for a message."""
    return " x ".join(map(str, sizes))


def need_flag(where: str, name: str, value: Any) -> bool:
    """True or False, NumPy's too.

    Raises:
        ArgumentError: it is neither.
    """
    if type(value).__name__ not in ("bool", "bool_"):
        raise ArgumentError(f"{where}: {name} must be True or False; got {value!r:.80}", argument=value)
    return bool(value)


def one_axis(where: str, dim: Any, axis: Any, default: Any) -> Any:
    """The axis, which may be given under either name; None where it may be left out.

    Raises:
        ArgumentError: both names are given, or no integer.
    """
    if axis is not None:
        if dim != default:
            raise ArgumentError(f"{where}: dim and axis are one argument; got {dim!r:.40} and {axis!r:.40}")
        dim = axis
    return None if dim is None and default is None else need_integer(where, "dim", dim)


def written(where: str, x: Tensor, out: Tensor) -> Tensor:
    """x with the value of out, as ``x[...] = out`` leaves it: what `inplace=True` gives.

    Raises:
        AutogradError: x is a leaf that requires grad.
        DTypeError: out has another dtype than x.
        OverlappingLayoutError: several elements of x are one.
    """
    need_tensors(where, x)
    refuse_leaf_write(where, x)
    if lib.rt_layout(x._h) == lib.RT_LAYOUT_OVERLAPPING:
        raise failure(where, x, status=lib.RT_ERR_OVERLAP)
    if out.dtype is not x.dtype:
        raise DTypeError(f"{where}: an in-place result must keep the dtype {x.dtype.name}; got {out.dtype.name}")
    if grad_mode.enabled:
        become(x, out)
    else:
        replace_header(x, lib.rt_with_node(out._h, x._h.node))
    return x
