# SPDX-License-Identifier: MIT
"""Random numbers that are the same on every machine.

Element i of a call comes from Philox4x32-10 with the seed as key and offset + i as counter; a call advances the offset
by its number of elements. docs/numerics.md gives the formulas.
"""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Mapping
from typing import Any

from rtch._c import failure, lib
from rtch.creation import shape_of
from rtch.dtypes import as_dtype, float32
from rtch.errors import ArgumentError, DTypeError
from rtch.tensor import Tensor, wrap

_U64 = 2**64
_reserving = threading.Lock()  # threads that share a generator draw different numbers


def _unlock_in_child() -> None:
    global _reserving
    _reserving = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_unlock_in_child)


def _seed(where: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < _U64:
        raise ArgumentError(f"{where}: an integer from 0 to 2**64 - 1 is needed; got {value!r}", argument=value)
    return value


def _is_real(*values: Any) -> bool:
    """Whether all are Python numbers that a float64 holds."""
    try:
        for value in values:
            if not isinstance(value, (int, float)):
                return False
            float(value)
    except OverflowError:
        return False
    return True


class Generator:
    """A stream of random numbers: a seed and how many numbers were drawn.

    Args:
        seed: names the stream, from 0 to 2**64 - 1.
        offset: numbers to skip.

    Raises:
        ArgumentError: seed or offset out of range.
    """

    __slots__ = ("_offset", "_seed")

    def __init__(self, seed: int = 0, offset: int = 0) -> None:
        self._seed = _seed("Generator seed", seed)
        self._offset = _seed("Generator offset", offset)

    def __repr__(self) -> str:
        return f"Generator(seed={self._seed}, offset={self._offset})"

    @property
    def seed(self) -> int:
        """What names the stream."""
        return self._seed

    @property
    def state(self) -> dict[str, int]:
        """Seed and offset: all there is to the state."""
        return {"seed": self._seed, "offset": self._offset}

    def set_state(self, state: Mapping[str, int]) -> None:
        """Go to a position that `state` gave.

        Raises:
            ArgumentError: a value is missing or out of range.
        """
        if set(state) != {"seed", "offset"}:
            raise ArgumentError(f"Generator: seed and offset make a state; got {sorted(state)}", argument=state)
        seed, offset = _seed("Generator seed", state["seed"]), _seed("Generator offset", state["offset"])
        self._seed, self._offset = seed, offset

    def fold_in(self, number: int) -> Generator:
        """A new stream whose seed is made from this one's seed and a number; this stream does not move.

        The new seed is Philox(key = seed, counter = (number, 1)): streams of different numbers do not meet.

        Raises:
            ArgumentError: number out of range.
        """
        return Generator(int(lib.rt_random_bits(self._seed, _seed("fold_in", number), 1)))

    def _reserve(self, n: int) -> int:
        """Where the next n numbers start; they are nobody else's from now on."""
        with _reserving:
            offset = self._offset
            self._offset = (offset + n) % _U64
        return offset

    def uniform(self, shape: Any = (), low: float = 0.0, high: float = 1.0, *, dtype: Any = None) -> Tensor:
        """Numbers in [low, high): ``low + (high - low) * u`` in float64, rounded to dtype (float32 by default).

        The rounding may reach high itself.

        Raises:
            ArgumentError: bounds that are not finite, or high below low.
            DTypeError: dtype is not floating.
        """
        if not (_is_real(low, high) and low <= high and high - low < float("inf")):
            raise ArgumentError(
                f"uniform: finite bounds, low <= high, are needed; got {low}, {high}", low=low, high=high
            )
        return self._draw("uniform", lib.rt_random_uniform, shape, dtype, low, high)

    def normal(self, shape: Any = (), mean: float = 0.0, std: float = 1.0, *, dtype: Any = None) -> Tensor:
        """Normally distributed numbers: ``mean + std * z`` in float64, rounded to dtype (float32 by default).

        z is the inverse distribution function of a 53-bit uniform number (Wichura, AS 241).

        Raises:
            ArgumentError: std is negative or a parameter is not finite.
            DTypeError: dtype is not floating.
        """
        if not (_is_real(mean, std) and std >= 0 and mean - mean == 0 and std - std == 0):
            raise ArgumentError(f"normal: finite mean and std >= 0 are needed; got {mean}, {std}", mean=mean, std=std)
        return self._draw("normal", lib.rt_random_normal, shape, dtype, mean, std)

    def _draw(self, where: str, call: Any, shape: Any, dtype: Any, a: float, b: float) -> Tensor:
        sizes = shape_of(where, shape)
        made = float32 if dtype is None else as_dtype(dtype)
        if not made.is_floating:
            raise DTypeError(f"{where}: a floating dtype is needed; got {made.name}", dtype=made)
        h = call(made.code, len(sizes), sizes, self._seed, self._reserve(math.prod(sizes)), a, b)
        if not h:
            raise failure(where, list(sizes), made)
        return wrap(h)

    def permutation(self, n: int) -> Tensor:
        """The numbers 0 to n - 1 in random order, (n,) int64: sorted by (64 random bits, number).

        Raises:
            ArgumentError: n is negative.
        """
        if isinstance(n, bool) or not isinstance(n, int) or n < 0:
            raise ArgumentError(f"permutation: a number from 0 up is needed; got {n!r}", argument=n)
        h = lib.rt_random_permutation(n, self._seed, self._reserve(n))
        if not h:
            raise failure("permutation", n)
        return wrap(h)


default_generator = Generator(0)
"""The stream that layers draw their first weights from where they are given none. It starts at seed 0 in every process,
so that a script that is run again draws the same numbers again."""


def manual_seed(seed: int) -> Generator:
    """Put the default generator at the start of the stream that seed names, and return it.

    Raises:
        ArgumentError: seed is not an integer from 0 to 2**64 - 1.
    """
    default_generator.set_state({"seed": seed, "offset": 0})
    return default_generator
