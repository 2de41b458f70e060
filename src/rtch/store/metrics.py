# SPDX-License-Identifier: MIT
"""Metrics: one line of metrics.jsonl per call of ``log``.

::

    {"schema":"rtch.metrics","version":1,"writer":"rtch 0.1.0","created":"2026-07-01T12:00:00.123Z"}
    {"step":1,"time":1782907200.5,"values":{"loss":0.25,"lr":0.001}}
    {"step":2,"time":1782907200.6,"values":{"loss":"NaN"}}
    {"resumed_from_step":1}

A call is one record and one ``write``: a reader sees all of its values or none, and once ``log`` has returned
they are with the kernel and survive SIGKILL.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from rtch.errors import ArgumentError
from rtch.store.files import cut_torn_tail, open_for_append, store_io, write_whole
from rtch.store.jsonl import MAX_LINE, JsonLines, damage, encode_line, header_line
from rtch.store.records import METRICS, MetricsLine, PointLine, ResumeLine
from rtch.store.values import INT_MAX, INT_MIN, Number, StoredNumber, check_name, metric_value, number

MAX_STEP = 2**63 - 1
_TAIL = 1 << 16
_decoder = msgspec.json.Decoder(MetricsLine)
_encode = msgspec.json.Encoder().encode


class Point(NamedTuple):
    """One value of a metric: its step, the wall time in seconds since 1970, and the value."""

    step: int
    time: float
    value: Number


class MetricSeries:
    """All values of one metric as they were logged: the lists ``steps``, ``times`` and ``values``."""

    __slots__ = ("name", "steps", "times", "values")

    def __init__(self, name: str) -> None:
        self.name = name
        self.steps: list[int] = []
        self.times: list[float] = []
        self.values: list[Number] = []

    def __len__(self) -> int:
        return len(self.values)

    def __iter__(self) -> Iterator[Point]:
        return map(Point, self.steps, self.times, self.values)

    def __repr__(self) -> str:
        return f"MetricSeries({self.name!r}, {len(self)} values)"


class MetricsWriter:
    """The one writer of a run's metrics.jsonl; ``last_step`` is the largest step that counts."""

    def __init__(self, path: Path, *, new: bool) -> None:
        self.path = path
        self.last_step = 0
        self._names: set[str] = set()
        if not new:
            self.last_step = max((line.step for lines in MetricsReader(path) for line in lines), default=0)
        self._handle = open_for_append(path, new=new)
        if not new:
            cut_torn_tail(self._handle, path)
        if os.fstat(self._handle).st_size == 0:
            write_whole(self._handle, header_line(METRICS), path)

    def append(self, values: Mapping[str, Any], step: int | None) -> None:
        """Write one record; or nothing, and ArgumentError, where a name, value or step can't be stored."""
        if step is None:
            step = self.last_step + 1
        elif type(step) is not int or not 0 <= step <= MAX_STEP:
            step = check_step("log", step)
        plain: dict[str, StoredNumber] = {}
        known = self._names
        try:
            items = values.items()
        except AttributeError:
            raise ArgumentError(
                f"log: values are given as a mapping of names to numbers; got {type(values).__name__}",
                argument="values",
            ) from None
        for name, value in items:
            kind = type(value)
            if not (
                (kind is float and value - value == 0.0) or (kind is int and INT_MIN <= value <= INT_MAX)
            ):  # the common kinds first: a call is a few hundred nanoseconds
                value = metric_value(name, value)
            if name not in known:
                known.add(check_name("log", name))
            plain[name] = value
        line = _encode(PointLine(step, time.time(), plain)) + b"\n"
        if not plain or len(line) > MAX_LINE:
            raise ArgumentError(
                f"log: a call takes at least one value and at most {MAX_LINE} bytes; got {len(plain)} values",
                argument="values",
            )
        write_whole(self._handle, line, self.path)
        if step > self.last_step:
            self.last_step = step

    def resume(self, step: int) -> None:
        """Declare that every earlier record with a step beyond ``step`` no longer counts."""
        write_whole(self._handle, encode_line(ResumeLine(step)), self.path)
        self.last_step = step

    def close(self) -> None:
        """Close the file."""
        os.close(self._handle)


class MetricsReader:
    """One reading of a metrics.jsonl: iterating yields its records that count, by block.

    Afterwards ``consumed`` and ``torn`` are as in JsonLines. SchemaError where a line is damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.consumed = 0
        self.torn: str | None = None

    def __iter__(self) -> Iterator[list[MetricsLine]]:
        size = self.path.stat().st_size if self.path.exists() else 0
        if not size:
            return
        limits = self._limits(size)
        lines = JsonLines(self.path, METRICS, _decoder, size)
        limit = next(limits)
        for first, records in lines:
            kept = []
            for index, record in enumerate(records):
                if record.step >= 0:
                    if record.step <= limit:
                        kept.append(record)
                elif record.resumed_from_step >= 0:
                    limit = next(limits)
                else:
                    raise damage(self.path, first + index, "a record has a step of at least 0; got none")
            yield kept
        self.consumed, self.torn = lines.consumed, lines.torn

    def _limits(self, size: int) -> Iterator[int]:
        """Yield the greatest step that counts before the first resume line, before the second, and so on."""
        resumed = [
            record.resumed_from_step
            for first, block in JsonLines(self.path, METRICS, _decoder, size).blocks()
            if b'"resumed_from_step"' in block
            for record in JsonLines.decode_block(_decoder, block, self.path, first)
            if record.step < 0 and record.resumed_from_step >= 0
        ]
        limits = [MAX_STEP]
        for step in reversed(resumed):
            limits.append(min(limits[-1], step))
        return reversed(limits)


def collect(records: Iterable[list[MetricsLine]]) -> dict[str, MetricSeries]:
    """Return the series of every metric, in order of first appearance."""
    series: dict[str, MetricSeries] = {}
    for lines in records:
        for line in lines:
            for name, value in line.values.items():
                one = series.get(name)
                if one is None:
                    one = series[name] = MetricSeries(name)
                one.steps.append(line.step)
                one.times.append(line.time)
                one.values.append(number(value))
    return series


def tail_values(path: Path) -> dict[str, Number]:
    """Return the last value of each metric in the last 64 KiB of a metrics.jsonl, damaged lines left out."""
    if not path.exists():
        return {}
    with store_io("read", path), path.open("rb") as file:
        start = max(0, path.stat().st_size - _TAIL)
        file.seek(start)
        lines = file.read().split(b"\n")[1:-1]  # the first is a header or begins in the middle, the last is torn
    last: dict[str, tuple[int, Number]] = {}
    for data in lines:
        try:
            line = _decoder.decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            continue
        if line.step < 0:
            last = {name: point for name, point in last.items() if point[0] <= line.resumed_from_step}
        last |= {name: (line.step, number(value)) for name, value in line.values.items()}
    return {name: value for name, (_, value) in last.items()}


def check_step(where: str, step: Any) -> int:
    """Return a step: a whole number of 63 bits; ArgumentError for anything else."""
    if hasattr(type(step), "__index__") and not isinstance(step, bool) and 0 <= step.__index__() <= MAX_STEP:
        return int(step.__index__())
    raise ArgumentError(f"{where}: a step is a whole number from 0 to 2^63-1; got {step!r}", argument="step")
