# SPDX-License-Identifier: MIT
"""Times of a trace by name."""

from __future__ import annotations

import dataclasses

from rtch.tracing.spans import Columns, thread_name


@dataclasses.dataclass(frozen=True, slots=True)
class SpanTotal:
    """The spans of one name and category.

    `share` is the total over the time that any span covers, summed over threads. A span counts in its own row and, as
    part of their time, in those of the spans around it; shares of spans that do not overlap add up to at most 1.
    """

    name: str
    category: str
    count: int
    total_ns: int
    mean_ns: float
    longest_ns: int
    share: float


@dataclasses.dataclass(frozen=True, slots=True)
class ThreadTotal:
    """A thread in those batches of backward passes that were shared out.

    `idle_ns` is the time of these batches in which it ran none of their nodes; it may have worked on parts of the large
    kernels of others. `busy_ns` is the rest, `nodes` how many it ran.
    """

    thread: int
    name: str
    nodes: int
    busy_ns: int
    idle_ns: int


def threads(columns: Columns) -> list[ThreadTotal]:
    """The rows of a trace, by thread."""
    batches: list[tuple[int, dict[int, list[int]]]] = []  # how long, and durations by thread
    by_number: dict[int, dict[int, list[int]]] = {}
    for category, duration, thread, batch in zip(
        columns.categories, columns.durations, columns.threads, columns.batches, strict=False
    ):
        if category == "batch":
            by_number[batch] = {}  # a run has traces of several steps, each with a batch 0
            batches.append((duration, by_number[batch]))
        elif category == "backward" and batch in by_number:
            by_number[batch].setdefault(thread, []).append(duration)
    shared = [(duration, of) for duration, of in batches if len(of) > 1]
    whole = sum(duration for duration, _ in shared)
    rows = []
    for thread in sorted({thread for _, of in shared for thread in of}):
        spent = [duration for _, of in shared for duration in of.get(thread, ())]
        rows.append(ThreadTotal(thread, thread_name(thread), len(spent), sum(spent), max(whole - sum(spent), 0)))
    return rows


def totals(columns: Columns) -> list[SpanTotal]:
    """The rows of a trace, the largest total first."""
    found: dict[tuple[str, str], list[int]] = {}
    # Another thread may be appending, so that columns differ in length.
    for name, category, duration in zip(columns.names, columns.categories, columns.durations, strict=False):
        row = found.get((name, category))
        if row is None:
            found[name, category] = [1, duration, duration]
            continue
        row[0] += 1
        row[1] += duration
        if duration > row[2]:
            row[2] = duration
    whole = covered_ns(columns)
    rows = [
        SpanTotal(name, category, count, total, total / count, longest, total / whole if whole else 0.0)
        for (name, category), (count, total, longest) in found.items()
    ]
    return sorted(rows, key=lambda row: (-row.total_ns, row.name, row.category))


def covered_ns(columns: Columns) -> int:
    """The time in which at least one span ran, on each thread for itself, summed over threads."""
    covered = end = 0
    running = -1
    for thread, start, duration in sorted(zip(columns.threads, columns.starts, columns.durations, strict=False)):
        if thread != running:
            running, end = thread, start
        stop = start + duration
        if stop > end:
            covered += stop - max(start, end)
            end = stop
    return covered
