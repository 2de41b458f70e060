# SPDX-License-Identifier: MIT
"""Windows over planes, the last one or two axes of a tensor; `rtch.nn.functional` has the functions for users."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rtch._c import lib
from rtch.ops.row import F
from rtch.ops.table import BY_NAME
from rtch.tensor import Tensor, structure

_INDEX, _GATHER, _SCATTER, _AVERAGE, _AVERAGE_GRAD = (
    BY_NAME[name] for name in ("max_pool_index", "pool_gather", "pool_scatter", "average_pool", "average_pool_grad")
)


class Windows(NamedTuple):
    """What is averaged: for each axis where every window begins and ends, and what it counts towards the divisor."""

    sizes: tuple[int, ...]  # windows along each axis
    numbers: tuple[int, ...]  # for each axis begins and ends in turn, then counts
    divisor: float  # of a sum; 0 for the product of the axes' counts

    @classmethod
    def make(cls, axes: Sequence[Sequence[tuple[int, int, int]]], divisor: float = 0.0) -> Windows:
        """From (begin, end, count) of every window of each axis."""
        numbers: list[int] = []
        for axis in axes:
            numbers += [place for begin, end, _ in axis for place in (begin, end)]
            numbers += [count for _, _, count in axis]
        return cls(tuple(len(axis) for axis in axes), tuple(numbers), divisor)


def max_pool_index(x: Tensor, axes: Sequence[Sequence[int]]) -> Tensor:
    """Where each window's largest element stands in its plane. For every axis: the result's size, window, stride,
    dilation and padding."""
    return structure(_INDEX, lib.rt_max_pool_index(x._h, len(axes), [n for axis in axes for n in axis]), (x,))


def pool_gather(x: Tensor, index: Tensor, n: int) -> Tensor:
    """Elements of the planes of x, its last n axes, at the places that the planes of index name."""
    return structure(_GATHER, lib.rt_pool_gather(x._h, index._h, n), (x,), {"index": index, "n": n})


def pool_scatter(x: Tensor, index: Tensor, n: int, shape: Sequence[int]) -> Tensor:
    """Planes of zeros of a shape to which elements of x are added at the places that index names."""
    h = lib.rt_pool_scatter(x._h, index._h, n, shape[len(shape) - n :])
    return structure(_SCATTER, h, (x,), {"index": index, "n": n})


def average_pool(x: Tensor, windows: Windows) -> Tensor:
    """The sum of every window, divided."""
    n = len(windows.sizes)
    h = lib.rt_average_pool(x._h, n, windows.sizes, windows.numbers, windows.divisor)
    return structure(_AVERAGE, h, (x,), {"windows": windows})


def average_pool_grad(g: Tensor, windows: Windows, shape: Sequence[int]) -> Tensor:
    """Every element of g, divided, added to all places of its window."""
    n = len(windows.sizes)
    h = lib.rt_average_pool_grad(g._h, n, shape[len(shape) - n :], windows.numbers, windows.divisor)
    return structure(_AVERAGE_GRAD, h, (g,), {"windows": windows})


for _function in (average_pool, average_pool_grad, pool_gather, pool_scatter):
    setattr(F, _function.__name__, _function)
