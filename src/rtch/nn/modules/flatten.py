# SPDX-License-Identifier: MIT
"""Modules that compute nothing: the input, or the input in another shape."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from rtch.errors import ArgumentError
from rtch.nn.functional.arguments import need_integer, one_axis
from rtch.nn.module import Module
from rtch.tensor import Tensor, normalize_axis


class Identity(Module):
    """The input as it is. Arguments are taken and do nothing, so that it can stand in for any layer."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()

    def forward(self, input: Any) -> Any:
        """The input."""
        return input


class Flatten(Module):
    """Axes start_dim to end_dim as one: by default (N, ...) to (N, -1).

    Args:
        start_dim: first axis that is joined.
        end_dim: last axis that is joined.

    Raises:
        ArgumentError: an axis is no integer.
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim = need_integer("Flatten", "start_dim", start_dim)
        self.end_dim = need_integer("Flatten", "end_dim", end_dim)

    def forward(self, input: Tensor) -> Tensor:
        """The input with fewer axes."""
        n = max(input.ndim, 1)
        first, last = (normalize_axis("Flatten", axis, n) for axis in (self.start_dim, self.end_dim))
        if first > last:
            raise ArgumentError(f"Flatten: start_dim must not come after end_dim; got {self.start_dim}, {self.end_dim}")
        shape = input.shape or (1,)
        return input.reshape(*shape[:first], math.prod(shape[first : last + 1]), *shape[last + 1 :])

    def extra_repr(self) -> str:
        """The axes."""
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """One axis as several.

    Args:
        dim: the axis.
        unflattened_size: the sizes it is cut into; one may be -1.
        axis: another name for dim.

    Raises:
        ArgumentError: the axis is no integer, or there are no sizes.
    """

    def __init__(
        self, dim: int | None = None, unflattened_size: Iterable[int] = (), *, axis: int | None = None
    ) -> None:
        super().__init__()
        self.dim = need_integer("Unflatten", "dim", one_axis("Unflatten", dim, axis, None))
        sizes = tuple(unflattened_size) if isinstance(unflattened_size, Iterable) else ()
        if not sizes or isinstance(unflattened_size, str):
            raise ArgumentError(f"Unflatten: sizes are needed; got {unflattened_size!r:.80}", argument=unflattened_size)
        self.unflattened_size = tuple(need_integer("Unflatten", "a size", size) for size in sizes)

    def forward(self, input: Tensor) -> Tensor:
        """The input with more axes."""
        axis = normalize_axis("Unflatten", self.dim, input.ndim)
        sizes = list(self.unflattened_size)
        known = math.prod(n for n in sizes if n != -1)
        if sizes.count(-1) == 1 and known > 0:
            sizes[sizes.index(-1)] = input.shape[axis] // known
        if min(sizes) < 0 or math.prod(sizes) != input.shape[axis]:
            raise ArgumentError(
                f"Unflatten: sizes must make axis {self.dim} of size {input.shape[axis]}; got {self.unflattened_size}",
                argument=self.unflattened_size,
            )
        return input.reshape(*input.shape[:axis], *sizes, *input.shape[axis + 1 :])

    def extra_repr(self) -> str:
        """The axis and its sizes."""
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"
