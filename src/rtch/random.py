# SPDX-License-Identifier: MIT
"""Random numbers that are the same on every machine.

Element i of a call comes from Philox4x32-10 with the seed as key and offset + i as counter; a call advances the offset
by its number of elements. docs/numerics.md gives the formulas.
"""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rtch import functions
from rtch._c import failure, lib
from rtch.composed import clip
from rtch.creation import asarray, shape_of
from rtch.dtypes import as_dtype, bool_, float32, float64, int64, uint64
from rtch.errors import ArgumentError, DTypeError
from rtch.manipulation import astype, broadcast_to, take
from rtch.searching import argsort, nonzero, searchsorted
from rtch.tensor import Tensor, normalize_axis, wrap

_U64 = 2**64
JUMP = 2**48  # numbers that Generator.jump passes
_MOST = 2**40  # members of which a choice without replacement is made, which draws as many numbers
_reserving = threading.Lock()  # threads that share a generator draw different numbers


def _unlock_in_child() -> None:
    global _reserving
    _reserving = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_unlock_in_child)


class _Notes(threading.local):
    """The states, before they were drawn from, of the generators that this thread used; None: nobody asks."""

    states: dict[Generator, dict[str, int]] | None = None


_notes = _Notes()


@contextmanager
def _noting() -> Iterator[dict[Generator, dict[str, int]]]:
    """In this block, note the state that each generator had before this thread first used it."""
    before = _notes.states
    states: dict[Generator, dict[str, int]] = {}
    _notes.states = states
    try:
        yield states
    finally:
        _notes.states = before
        if before is not None:
            for generator, state in states.items():
                before.setdefault(generator, state)


@contextmanager
def _replaying(states: Mapping[Generator, Mapping[str, int]]) -> Iterator[None]:
    """Go to noted states in this block, and back after it."""
    before = {generator: generator.state for generator in states}
    for generator, state in states.items():
        generator.set_state(state)
    try:
        yield
    finally:
        for generator, state in before.items():
            generator.set_state(state)


def _seed(where: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < _U64:
        raise ArgumentError(f"{where}: an integer from 0 to 2**64 - 1 is needed; got {value!r}", argument=value)
    return value


def _is_real(*values: Any) -> bool:
    """Whether all are Python numbers that a float64 holds."""
    try:
        for value in values:
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                return False
            float(value)
    except OverflowError:
        return False
    return True


def _sizes(where: str, shape: Any) -> tuple[int, ...]:
    """A shape, in which True is no 1."""
    if any(isinstance(n, bool) for n in (shape if isinstance(shape, (tuple, list)) else (shape,))):
        raise ArgumentError(f"{where}: a shape of integers is needed; got {shape!r:.80}", argument=shape)
    return shape_of(where, shape)


def _count(where: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ArgumentError(f"{where}: a number from 0 up is needed; got {value!r:.60}", argument=value)
    return value


def _weights(p: Any, n: int) -> tuple[Tensor | None, int]:
    """Weights in float64, and how many members have one above 0."""
    if p is None:
        return None, n
    weights = astype(p.detach(), float64) if isinstance(p, Tensor) else asarray(p, dtype=float64)
    if weights.shape != (n,):
        raise ArgumentError(f"choice: {n} weights are needed; got shape {list(weights.shape)}", p=p)
    if n and not (functions.all(weights >= 0.0) and weights.sum().item() < float("inf")):
        raise ArgumentError("choice: weights must not be negative, and have a finite sum", p=p)
    return weights, int(functions.count_nonzero(weights).item())


def normal_below(x: float) -> float:
    """The chance of a normal number below x, by + - * / and `rtch.exp` alone.

    Within 2 of the mean by Marsaglia's series (2004), beyond by Laplace's continued fraction.
    """
    if x > 0:
        return 1.0 - normal_below(-x)
    if x < -38:
        return 0.0
    near = int(x * 16) / 16  # its square is exact
    halves = asarray([-0.5 * near * near, -0.5 * (x - near) * (x + near)], dtype=float64)
    density = 0.3989422804014327 * float(functions.prod(functions.exp(halves)).item())
    if x > -2:
        total, term, n = x, x, 1
        while abs(term) > 1e-18 * abs(total):
            n += 2
            term = term * x * x / n
            total += term
        return 0.5 + density * total
    tail = -x
    for n in range(150, 0, -1):
        tail = -x + n / tail
    return density / tail


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
        if not isinstance(state, Mapping) or set(state) != {"seed", "offset"}:
            got = sorted(map(str, state)) if isinstance(state, Mapping) else type(state).__name__
            raise ArgumentError(f"Generator: seed and offset make a state; got {got}", argument=state)
        seed, offset = _seed("Generator seed", state["seed"]), _seed("Generator offset", state["offset"])
        if _notes.states is not None:
            _notes.states.setdefault(self, self.state)
        self._seed, self._offset = seed, offset

    def fold_in(self, number: int) -> Generator:
        """A new stream whose seed is made from this one's seed and a number; this stream does not move.

        The new seed is Philox(key = seed, counter = (number, 1)), whatever the offset. Two streams meet only where
        their seeds are equal, a chance of 2**-64.

        Raises:
            ArgumentError: number out of range.
        """
        return Generator(int(lib.rt_random_bits(self._seed, _seed("fold_in", number), 1)))

    def spawn(self, n: int) -> list[Generator]:
        """n new streams; this one moves on by n numbers, so that the next call gives others.

        The seed of number i is Philox(key = seed, counter = (offset + i, 2)): no counter is shared with the numbers of
        this stream or with `fold_in`, and two streams meet only where their seeds are equal, a chance of 2**-64.

        Raises:
            ArgumentError: n is negative.
        """
        _count("spawn", n)
        offset = self._reserve(n)
        return [Generator(int(lib.rt_random_bits(self._seed, (offset + i) % _U64, 2))) for i in range(n)]

    def jump(self, n: int = 1) -> Generator:
        """The same stream n * 2**48 numbers further on; this one does not move.

        The 65,536 streams that jumps lead to share no number as long as each draws fewer than 2**48.

        Raises:
            ArgumentError: n is negative.
        """
        return Generator(self._seed, (self._offset + _count("jump", n) * JUMP) % _U64)

    def _reserve(self, n: int) -> int:
        """Where the next n numbers start; they are nobody else's from now on."""
        with _reserving:
            offset = self._offset
            if _notes.states is not None:
                _notes.states.setdefault(self, {"seed": self._seed, "offset": offset})
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

    def truncated_normal(
        self,
        shape: Any = (),
        mean: float = 0.0,
        std: float = 1.0,
        low: float = -2.0,
        high: float = 2.0,
        *,
        dtype: Any = None,
    ) -> Tensor:
        """Normally distributed numbers within [low, high]: ``mean + std * z``, rounded to dtype and clipped.

        z is the inverse distribution function at ``P(a) + (P(b) - P(a)) u``, u as in `normal`, for the bounds a and b
        of z; where both lie above 0, its mirror image.

        Raises:
            ArgumentError: std not above 0, a parameter not finite, high below low, or both bounds more than 37 standard
                deviations above or below the mean.
            DTypeError: dtype is not floating.
        """
        if not (_is_real(mean, std, low, high) and std > 0 and mean - mean == 0 and std - std == 0 and low <= high):
            raise ArgumentError(
                f"truncated_normal: finite mean, std > 0 and low <= high are needed; got {mean}, {std}, {low}, {high}",
                mean=mean,
                std=std,
            )
        made = float32 if dtype is None else as_dtype(dtype)
        a, b = (low - mean) / std, (high - mean) / std
        mirrored = a > 0
        if mirrored:
            a, b = -b, -a
        below, up_to = normal_below(a), normal_below(b)
        if up_to <= 0.0:
            raise ArgumentError(f"truncated_normal: no number lies within {low} and {high}", low=low, high=high)

        def call(*to: Any) -> Any:
            return lib.rt_random_normal_between(*to, below, up_to - below)

        drawn = self._draw("truncated_normal", call, shape, made, mean, -std if mirrored else std)
        return clip(drawn, low, high)

    def _draw(self, where: str, call: Any, shape: Any, dtype: Any, a: float, b: float) -> Tensor:
        sizes = _sizes(where, shape)
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
        return self._permutation("permutation", _count("permutation", n), n)

    def _permutation(self, where: str, n: int, k: int) -> Tensor:
        """The first k of a permutation."""
        h = lib.rt_random_permutation(n, k, self._seed, self._reserve(n))
        if not h:
            raise failure(where, n)
        return wrap(h)

    def integers(
        self, low: int, high: int | None = None, shape: Any = (), *, dtype: Any = None, endpoint: bool = False
    ) -> Tensor:
        """Whole numbers from low up to high, which is left out unless endpoint; from 0 up to low where high is None.

        Each is as likely as any other: of 64 random bits times their number the upper word, drawn again where the lower
        word falls into the uneven rest.

        Args:
            low: lowest number, or without high the bound.
            high: the bound.
            shape: shape of the result.
            dtype: int64 (default) or another integer dtype that holds the bounds.
            endpoint: whether high itself is drawn.

        Raises:
            ArgumentError: no number in the range, or the dtype does not hold all of them.
            DTypeError: dtype is not an integer dtype.
        """
        if high is None:
            low, high = 0, low
        sizes = _sizes("integers", shape)
        made = int64 if dtype is None else as_dtype(dtype)
        if not made.is_integer:
            raise DTypeError(f"integers: an integer dtype is needed; got {made.name}", dtype=made)
        if not all(isinstance(n, int) and not isinstance(n, bool) for n in (low, high)):
            raise ArgumentError(f"integers: whole bounds are needed; got {low!r}, {high!r}", low=low, high=high)
        last = high if endpoint else high - 1
        highest = (1 << made.bits - (made.kind == "i")) - 1
        lowest = -highest - 1 if made.kind == "i" else 0
        if not lowest <= low <= last <= highest:
            raise ArgumentError(
                f"integers: a range of {made.name} that is not empty is needed; got {low} to {last}", low=low, high=high
            )
        wide = made if made is uint64 else int64
        n = (last - low + 1) % _U64
        offset = self._reserve(math.prod(sizes))
        h = lib.rt_random_integers(wide.code, len(sizes), sizes, self._seed, offset, low % _U64, n)
        if not h:
            raise failure("integers", list(sizes), made)
        return astype(wrap(h), made)

    def bernoulli(self, p: float | Tensor = 0.5, shape: Any = None, *, dtype: Any = None) -> Tensor:
        """Whether ``u < p``, u a number of `uniform` in float64.

        Args:
            p: the probability, or a tensor of them.
            shape: shape of the result, to which p is broadcast; p's own if left out.
            dtype: bool (default), or a dtype for 0 and 1.

        Raises:
            ArgumentError: a probability outside [0, 1].
            BroadcastError: p does not broadcast to the shape.
        """
        if isinstance(p, Tensor):
            chance = astype(p.detach(), float64)
            inside = bool(functions.all(functions.logical_and(chance >= 0.0, chance <= 1.0)))
        else:
            inside = _is_real(p) and 0 <= p <= 1
            chance = asarray(float(p) if inside else 0.0, dtype=float64)
        if not inside:
            raise ArgumentError(f"bernoulli: probabilities from 0 to 1 are needed; got {p!r:.60}", p=p)
        sizes = chance.shape if shape is None else _sizes("bernoulli", shape)
        made = bool_ if dtype is None else as_dtype(dtype)
        wide = broadcast_to(chance, sizes)
        return astype(self.uniform(sizes, dtype=float64) < wide, made)

    def choice(self, a: int | Tensor, shape: Any = (), replace: bool = True, p: Any = None, *, axis: int = 0) -> Tensor:
        """Members of a population at random.

        With weights p and replacement: the first position whose running sum of p, in float64, is above ``u * total``.
        Without replacement: the positions of the smallest keys, in their order; a key is the member's random bits, or
        with p ``-log1p(-u) / p``, so that they come as if drawn one after another from what is left. The call draws as
        many numbers as the population has members.

        Args:
            a: the population: the numbers 0 to a - 1, or the parts of a tensor along an axis.
            shape: shape of the result.
            replace: whether a member may come more than once.
            p: weights of the members, of any sum; all alike if left out.
            axis: along which the parts of a lie; the result has the shape in its place.

        Raises:
            ArgumentError: no population, too few members without replacement, or weights that are negative, not finite,
                of another number or all 0.
        """
        sizes = _sizes("choice", shape)
        k = math.prod(sizes)
        if isinstance(a, Tensor):
            axis = normalize_axis("choice", axis, a.ndim)
            n = a.shape[axis]
        else:
            n = _count("choice", a)
        weights, members = _weights(p, n)
        if k > 0 and (members == 0 or (not replace and k > members)):
            raise ArgumentError(f"choice: {k if not replace else 1} members are needed; got {members}", n=members)
        if not replace and n > _MOST:
            raise ArgumentError(f"choice: without replacement up to 2**40 members can be drawn from; got {n}", n=n)
        if not replace:
            if weights is None:
                index = self._permutation("choice", n, k)
            else:
                index = argsort(-functions.log1p(-self.uniform((n,), dtype=float64)) / weights)[:k]
        elif weights is None or k == 0:
            index = self.integers(0, max(n, 1), (k,))
        else:
            running = functions.cumulative_sum(weights)
            drawn = self.uniform((k,), dtype=float64) * running[-1]
            index = functions.minimum(searchsorted(running, drawn, side="right"), nonzero(weights)[0][-1])
        if not isinstance(a, Tensor):
            return index.reshape(sizes)
        return take(a, index, axis=axis).reshape((*a.shape[:axis], *sizes, *a.shape[axis + 1 :]))


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


uniform = default_generator.uniform
normal = default_generator.normal
integers = default_generator.integers
bernoulli = default_generator.bernoulli
choice = default_generator.choice
permutation = default_generator.permutation
truncated_normal = default_generator.truncated_normal
