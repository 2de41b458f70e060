# SPDX-License-Identifier: MIT
"""A trace in Chrome's trace event format: https://ui.perfetto.dev and chrome://tracing open it.

The JSON object form: `traceEvents` holds one complete event ("X") per span, ordered by start, and metadata events ("M")
that name process and threads. Times are microseconds since the earliest start; `otherData` says when that was. Viewers
turn them into whole nanoseconds, by rounding or by cutting off, and drop spans that are not nested then: `microseconds`
gives numbers of which both make the nanoseconds that were measured. A `tid` is the thread's number plus 1:
thread 0 can stand for the idle one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from rtch.store.files import atomic_file
from rtch.store.records import utc_text, writer_name
from rtch.store.values import stored_float
from rtch.tracing.spans import Trace, thread_name

_AT_ONCE = 4096


def as_chrome(trace: Trace) -> dict[str, Any]:
    """The whole file as one object."""
    return {"traceEvents": list(_events(trace)), **_rest(trace)}


def save(trace: Trace, path: Path) -> None:
    """Write the file some events at a time, whole or not at all."""
    encode = msgspec.json.Encoder().encode
    events = _events(trace)
    with atomic_file(path) as file:
        file.write(b'{"traceEvents":[\n')
        separator = b""
        while some := list(islice(events, _AT_ONCE)):
            file.write(separator + b",\n".join(map(encode, some)))
            separator = b",\n"
        file.write(b"\n]," + encode(_rest(trace))[1:] + b"\n")


def microseconds(ns: int) -> float:
    """A number that is `ns` again, rounded or cut off, when it is multiplied by 1000."""
    us = ns / 1000
    return us if us * 1000 >= ns else math.nextafter(us, math.inf)


def _events(trace: Trace) -> Iterator[dict[str, Any]]:
    columns = trace._columns
    starts, durations = columns.starts, columns.durations
    n = len(trace)
    yield _named("process_name", trace.pid, 0, f"rtch {trace.pid}")
    for thread in sorted(set(columns.threads)):
        yield _named("thread_name", trace.pid, thread + 1, thread_name(thread))
    origin = min(starts, default=0)
    for i in sorted(range(n), key=lambda i: (starts[i], -durations[i])):
        batch = columns.batches[i]
        yield {
            "name": columns.names[i],
            "cat": columns.categories[i],
            "ph": "X",
            "ts": microseconds(starts[i] - origin),
            "dur": microseconds(durations[i]),
            "pid": trace.pid,
            "tid": columns.threads[i] + 1,
            "args": {
                "shapes": [list(shape) for shape in columns.shapes[i]],
                "batch": None if batch < 0 else batch,
                **{
                    name: stored_float(value) if isinstance(value, float) else value
                    for name, value in columns.attributes.get(i, {}).items()
                },
            },
        }


def _named(what: str, pid: int, tid: int, name: str) -> dict[str, Any]:
    return {"name": what, "ph": "M", "pid": pid, "tid": tid, "args": {"name": name}}


def _rest(trace: Trace) -> dict[str, Any]:
    origin = min(trace._columns.starts, default=0) + trace.epoch_offset_ns
    return {
        "displayTimeUnit": "ns",
        "otherData": {"writer": writer_name(), "origin": utc_text(origin / 1e9), "dropped": trace.dropped},
    }
