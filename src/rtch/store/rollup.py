# SPDX-License-Identifier: MIT
"""Rolling up one metric in bounded memory, with the same bits however the values arrive.

Finite values gather in a buffer. When a value comes to a buffer of ``BLOCK`` values, the block is folded into
the moments and into a t-digest, and the buffer starts again; so the state depends on the sequence of values
alone, and a rollup that is continued equals one made at once.

- mean and standard deviation: in a block, two passes with exact sums (``math.fsum``); blocks are joined in
  order by Chan's formula. The deviation is the population's (divided by n), right for values with a large
  common offset.
- quantiles of up to ``BLOCK`` finite values are exact: at position q * (n - 1) of the sorted values, linear
  between two neighbours (NumPy's default rule). Beyond that they come from datasketches' t-digest with k =
  200, rank error under 1 %. Infinities keep their places at both ends.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from rtch.store.records import MetricSummary
from rtch.store.values import Number, StoredNumber, stored_float

BLOCK = 65_536
DIGEST_K = 200
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
        self._folded = 0
        self._mean = self._squares = 0.0
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
        self._mean, self._squares = _join(self._folded, self._mean, self._squares, self._buffer)
        self._folded += len(self._buffer)
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
        total = self._folded + len(self._buffer)
        if not total:
            return math.nan, math.nan
        mean, squares = _join(self._folded, self._mean, self._squares, self._buffer)
        return mean, math.sqrt(squares / total)

    def _quantiles(self, ranks: tuple[float, ...]) -> list[StoredNumber | None]:
        finite = self._folded + len(self._buffer)
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


def _join(count: int, mean: float, squares: float, block: list[Number]) -> tuple[float, float]:
    """Return mean and sum of squared deviations of ``count`` values and a block behind them."""
    size = len(block)
    if not size:
        return mean, squares
    block_mean = _mean(block)
    deviations = [value - block_mean for value in block]
    block_squares = _sum([deviation * deviation for deviation in deviations])
    if not count:
        return block_mean, block_squares
    delta = block_mean - mean
    total = count + size
    return mean + delta * (size / total), squares + block_squares + delta * delta * (count * (size / total))


def _mean(block: list[Number]) -> float:
    try:
        return math.fsum(block) / len(block)
    except OverflowError:
        return math.fsum(value / len(block) for value in block)


def _sum(values: list[float]) -> float:
    try:
        return math.fsum(values)
    except OverflowError:
        return math.inf


def _feed(digest: Any, values: list[Number]) -> None:
    if values:
        import numpy

        digest.update(numpy.array(values, dtype=numpy.float64))
        digest.compress()
