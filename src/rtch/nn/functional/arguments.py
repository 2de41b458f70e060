# SPDX-License-Identifier: MIT
"""How layers over images read their arguments."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

from rtch.errors import ArgumentError, DimensionError, DTypeError
from rtch.manipulation import reshape
from rtch.tensor import Tensor, need_tensors


def numbers(where: str, name: str, value: Any, n: int, least: int) -> tuple[int, ...]:
    """An integer for all of n axes, or a sequence of one or n of them, none below `least`."""
    try:
        given = tuple(value) if isinstance(value, (tuple, list)) else (value,)
        made = tuple(operator.index(number) for number in given if not isinstance(number, bool))
    except TypeError:
        made = ()
    if len(made) == 1:
        made *= n
    if len(made) != n or min(made) < least:
        raise ArgumentError(
            f"{where}: {name} must be an integer of at least {least}{f', or {n} of them' if n > 1 else ''}; "
            f"got {value!r:.80}",
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
