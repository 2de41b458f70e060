# SPDX-License-Identifier: MIT
"""Rolling up one metric in bounded memory, with the same bits however the values arrive.

Finite values gather in a buffer. When a value comes to a buffer of ``BLOCK`` values, the block is folded into
the moments and into a t-digest, and the buffer starts again; so the state depends on the sequence of values
alone, and a rollup that is continued equals one made at once.

- mean and standard deviation: in a block, two passes with exact sums (``math.fsum``) and what rounding the mean
  left; blocks are joined in order by Chan's formula. The deviation is the population's (divided by n), right for
  values with a large common offset.
- quantiles of up to ``BLOCK`` finite values are exact: at position q * (n - 1) of the sorted values, linear
  between two neighbours (NumPy's default rule). Beyond that they come from datasketches' t-digest with
  k = 1000, rank error under 0.5 %. Infinities keep their places at both ends.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from rtch.store.records import MetricSummary
from rtch.store.values import Number, StoredNumber, stored_float

BLOCK = 65_536
DIGEST_K = 1000
_SLICE = 8_192


class Rollup:
    """Count, extremes, moments and quantiles of the values given so far."""

    def __init__(self) -> None:
        self._count = self._nan_count = self._negative = self._positive = 0
        self._min: tuple[Number, int] | None = None
        self._max: tuple[Number, int] | None = None
        self._first: Number = math.nan
        self._last: tuple[Number, int] = (math.nan, 0)
        self._buffer: list[Number] = []
        self._folded = _Moments(0, 0.0, 0.0, 0.0)
        self._digest: Any = None

    def add(self, steps: Sequence[int], values: Sequence[Number]) -> None:
        """Take values and their steps, in order."""
        for start in range(0, len(values), _SLICE):
            self._add_slice(steps[start : start + _SLICE], values[start : start + _SLICE])

    def summary(self) -> MetricSummary:
        """Return the rollup of the values so far; at least one."""
        mean, deviation = self._moments()
        low, high = self._min, self._max
        empty = low is None
        return MetricSummary(
            count=self._count,
            nan_count=self._nan_count,
            min=_stored(low[0]) if low else None,
            min_step=low[1] if low else None,
            max=_stored(high[0]) if high else None,
            max_step=high[1] if high else None,
            mean=None if empty else stored_float(mean),
            std=None if empty else stored_float(deviation),
            **dict(zip(("p50", "p95", "p99"), self._quantiles((0.5, 0.95, 0.99)), strict=True)),
            first=_stored(self._first),
            last=_stored(self._last[0]),
            last_step=self._last[1],
        )

    def _add_slice(self, steps: Sequence[int], values: Sequence[Number]) -> None:
        if not self._count:
            self._first = values[0]
        self._count += len(values)
        self._last = (values[-1], steps[-1])
        pairs = [(value, step) for value, step in zip(values, steps, strict=True) if value == value]
        self._nan_count += len(values) - len(pairs)
        if not pairs:
            return
        low = min(pairs, key=_value)
        high = max(pairs, key=_value)
        if self._min is None or low[0] < self._min[0]:
            self._min = low
        if self._max is None or high[0] > self._max[0]:
            self._max = high
        finite = [value for value, _ in pairs if value - value == 0]
        if len(finite) != len(pairs):
            self._positive += sum(value == math.inf for value, _ in pairs)
            self._negative += sum(value == -math.inf for value, _ in pairs)
        while len(self._buffer) + len(finite) > BLOCK:
            room = BLOCK - len(self._buffer)
            self._buffer += finite[:room]
            finite = finite[room:]
            self._fold()
        self._buffer += finite

    def _fold(self) -> None:
        self._folded = self._folded.join(self._buffer)
        if self._digest is None:
            from datasketches import tdigest_double  # type: ignore[import-untyped]

            self._digest = tdigest_double(DIGEST_K)
        _feed(self._digest, self._buffer)
        self._buffer = []

    def _moments(self) -> tuple[float, float]:
        if self._positive or self._negative:
            if self._positive and self._negative:
                return math.nan, math.nan
            return (math.inf if self._positive else -math.inf), math.nan
        moments = self._folded.join(self._buffer)
        if not moments.number:
            return math.nan, math.nan
        return moments.base + moments.rest, math.sqrt(moments.squares / moments.number)

    def _quantiles(self, ranks: tuple[float, ...]) -> list[StoredNumber | None]:
        finite = self._folded.number + len(self._buffer)
        total = self._negative + finite + self._positive
        if not total:
            return [None] * len(ranks)
        if self._digest is None:
            ordered = sorted(self._buffer)
            return [_stored(_between(ordered, self._negative, finite, rank * (total - 1))) for rank in ranks]
        digest = type(self._digest).deserialize(self._digest.serialize())
        _feed(digest, self._buffer)
        found: list[StoredNumber | None] = []
        for rank in ranks:
            place = (rank * (total - 1) - self._negative) / (finite - 1)
            value = -math.inf if place < 0 else math.inf if place > 1 else float(digest.get_quantile(place))
            found.append(stored_float(value))
        return found


def _value(pair: tuple[Number, int]) -> Number:
    return pair[0]


def _stored(value: Number) -> StoredNumber:
    return stored_float(value) if isinstance(value, float) else value


def _between(ordered: list[Number], negative: int, finite: int, position: float) -> Number:
    """Interpolate at ``position`` of ``negative`` times -inf, the ordered values, and +inf beyond."""

    def at(index: int) -> Number:
        index -= negative
        return -math.inf if index < 0 else math.inf if index >= finite else ordered[index]

    index = math.floor(position)
    weight = position - index
    low = at(index)
    if not weight:
        return low
    high = at(index + 1)
    if low == high:
        return low
    if low == -math.inf or high == math.inf:
        return low + high
    return min(max(low * (1 - weight) + high * weight, low), high)


class _Moments(NamedTuple):
    """Of ``number`` values: the mean as ``base + rest``, and the sum of squared deviations from it."""

    number: int
    base: float
    rest: float
    squares: float

    def join(self, block: list[Number]) -> _Moments:
        """Return the moments of these values and a block behind them."""
        size = len(block)
        if not size:
            return self
        base = _mean(block)
        deviations = [value - base for value in block]
        rest = _sum(deviations) / size  # what the rounding of the mean left
        if rest - rest != 0.0:
            rest = 0.0
        squares = max(_sum([deviation * deviation for deviation in deviations]) - size * rest * rest, 0.0)
        if not self.number:
            return _Moments(size, base, rest, squares)
        delta = (base - self.base) + (rest - self.rest)
        total = self.number + size
        return _Moments(
            total,
            self.base,
            self.rest + delta * (size / total),
            self.squares + squares + delta * delta * (self.number * (size / total)),
        )


def _mean(block: list[Number]) -> float:
    try:
        return math.fsum(block) / len(block)
    except OverflowError:
        half = math.fsum(value / (2 * len(block)) for value in block)
        return float(min(max(2 * half, min(block)), max(block)))


def _sum(values: list[float]) -> float:
    try:
        return math.fsum(values)
    except (OverflowError, ValueError):  # beyond the largest float
        return sum(values)


def _feed(digest: Any, values: list[Number]) -> None:
    if values:
        import numpy

        digest.update(numpy.array(values, dtype=numpy.float64))
        digest.compress()
