# SPDX-License-Identifier: MIT
"""Spans in telemetry.jsonl: a trace is one line, or several of at most 65,536 spans and 8 MiB each.

::

    {"time":"2026-07-01T12:00:00.123Z","spans":{"mul":{"count":2,"seconds":3e-6}},"trace":{"clock":1782907190000000000,
     "pid":4711,"ops":[["mul","backward",[[64,64]]]],"op":[0,0],"start":[5000,1500],"duration":[1000,2000],
     "thread":[0,1],"batch":[0,0]}}

The trace's own totals stand in ``spans``, where every reader adds them up; readers that know no ``trace`` ignore it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from rtch.errors import ArgumentError
from rtch.store.jsonl import MAX_LINE, JsonLines, damage, encode_line
from rtch.store.records import TELEMETRY, utc_now
from rtch.store.values import from_plain_json, plain_json

if TYPE_CHECKING:
    from rtch.tracing import Trace

MAX_SPANS_OF_LINE = 65_536
_SAME_CLOCK = 1_000_000_000

_Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
_Time = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
_Thread = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
_Op = tuple[str, str, list[list[_Count]]]


class TraceRecord(msgspec.Struct, omit_defaults=True, kw_only=True):
    """Spans, column by column: element i of each column belongs to span i.

    ``clock`` is the nanoseconds since 1970 at 0 of the clock of the spans' times. ``ops`` are name, category and
    shapes, to which ``op`` points. ``start`` is the difference to the span before, in nanoseconds, for the first one
    the time itself. ``attributes`` go by position. ``dropped`` spans were not kept.
    """

    clock: _Time
    pid: _Count
    ops: list[_Op]
    op: list[_Count]
    start: list[_Time]
    duration: list[_Count]
    thread: list[_Thread]
    batch: list[_Count | None]
    attributes: dict[_Count, dict[str, Any]] = {}
    step: int | None = None
    dropped: _Count = 0


class TraceLine(msgspec.Struct):
    """A line of telemetry.jsonl that holds a trace, or not."""

    time: str
    spans: dict[str, Any] = {}
    trace: TraceRecord | None = None


_decoder = msgspec.json.Decoder(TraceLine)


def encode(trace: Trace, step: int | None) -> Iterator[bytes]:
    """Yield a trace's lines; ArgumentError where a single span is too much for one."""
    done, count, size = 0, len(trace), MAX_SPANS_OF_LINE
    dropped = trace.dropped
    while done < count or dropped:
        stop = min(done + size, count)
        line = encode_line(_line(trace, range(done, stop), step, dropped))
        if len(line) > MAX_LINE:
            if stop - done == 1:
                raise ArgumentError(f"log_trace: a span takes at most {MAX_LINE} bytes; got {len(line)}")
            size = (stop - done) // 2
            continue
        yield line
        done, dropped = stop, 0


def read(path: Path, max_spans: int | None) -> tuple[Trace, str | None]:
    """Return all spans of a run, on the clock of the first, and what was torn; SchemaError where a line is damaged."""
    from rtch.tracing import Trace

    found = Trace() if max_spans is None else Trace(max_spans=max_spans)
    lines = JsonLines(path, TELEMETRY, _decoder)
    if not path.exists():
        return found, None
    is_first = True
    for first, records in lines:
        for number, record in enumerate(records, first):
            if record.trace is None:
                continue
            if is_first:
                found.epoch_offset_ns, found.pid = record.trace.clock, record.trace.pid
                is_first = False
            try:
                _add(found, record.trace)
            except (ArgumentError, ValueError, OverflowError) as error:
                raise damage(path, number, f"{error}") from error
    return found, lines.torn


def _line(trace: Trace, which: range, step: int | None, dropped: int) -> TraceLine:
    columns = trace._columns
    part = slice(which.start, which.stop)
    names, durations = columns.names[part], columns.durations[part]
    ops: dict[tuple[str, str, Any], int] = {}
    op = [
        ops.setdefault(key, len(ops)) for key in zip(names, columns.categories[part], columns.shapes[part], strict=True)
    ]
    starts = columns.starts[part]
    nanoseconds: dict[str, list[int]] = {}
    for name, duration in zip(names, durations, strict=True):
        of_name = nanoseconds.setdefault(name, [0, 0])
        of_name[0] += 1
        of_name[1] += duration
    return TraceLine(
        utc_now(),
        {name: {"count": count, "seconds": total / 1e9} for name, (count, total) in nanoseconds.items()},
        TraceRecord(
            clock=trace.epoch_offset_ns,
            pid=trace.pid,
            ops=list(ops),
            op=op,
            start=_differences(starts),
            duration=list(durations),
            thread=list(columns.threads[part]),
            batch=[None if batch < 0 else batch for batch in columns.batches[part]],
            attributes={
                i - which.start: plain_json(columns.attributes[i], "log_trace")
                for i in (which if columns.attributes else ())
                if i in columns.attributes
            },
            step=step,
            dropped=dropped,
        ),
    )


def _differences(times: Sequence[int]) -> list[int]:
    return [time - before for before, time in zip([0, *times], times, strict=False)]


def _add(found: Trace, record: TraceRecord) -> None:
    """Append the spans of a line; ValueError where its columns contradict each other."""
    columns = (record.op, record.start, record.duration, record.thread, record.batch)
    if len({len(column) for column in columns}) > 1:
        raise ValueError(f"all columns have one length; got {[len(column) for column in columns]}")
    ops = [(name, category, tuple(map(tuple, shapes))) for name, category, shapes in record.ops]
    if any(op >= len(ops) for op in record.op):
        raise ValueError(f"op points into {len(ops)} ops; got {max(record.op)}")
    if any(position >= len(record.op) for position in record.attributes):
        raise ValueError(f"attributes belong to one of {len(record.op)} spans; got {max(record.attributes)}")
    named = [ops[op] for op in record.op]
    shift = record.clock - found.epoch_offset_ns
    if abs(shift) < _SAME_CLOCK:  # they are read off the system's clocks, and differ a little each time
        shift = 0
    found._append(
        [name for name, _, _ in named],
        [category for _, category, _ in named],
        [start + shift for start in accumulate(record.start)],
        record.duration,
        record.thread,
        [shapes for _, _, shapes in named],
        record.batch,
        {position: from_plain_json(facts) for position, facts in record.attributes.items()},
    )
    found.dropped += record.dropped
