# SPDX-License-Identifier: MIT
"""A pass that is watched: its spans for the open trace, its events for observers."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import groupby
from typing import Any, TypeAlias

from rtch._c import ffi, lib
from rtch.autograd.graph import CUSTOM, name_of
from rtch.autograd.observers import BatchEnded, BatchStarted, NodeRun, Observer, registered, tell
from rtch.autograd.spans import Attribute, Trace
from rtch.ops.table import OPS

_N_FACTS = 7  # of a span, before its shape
_Row: TypeAlias = tuple[str, int, int, int, int, tuple[int, ...]]  # name, start, duration, thread, batch, shape


class Watch:
    """What looks at one pass. `flags` are those that the pass runs with."""

    __slots__ = ("_names", "_observers", "_started", "_told", "_trace", "flags")

    def __init__(self, trace: Trace | None) -> None:
        self._trace = trace
        self._observers: tuple[Observer, ...] = tuple(registered.values())
        self._names: dict[int, str] = {}  # of custom nodes, which forget theirs when they are freed; by seq
        self._told = 0
        self._started = 0
        self.flags = lib.RT_PASS_TRACE | (lib.RT_PASS_OBSERVE if self._observers else 0)

    def at_node(self, run: Any) -> None:
        """The pass has come to a node in Python."""
        node = lib.rt_pass_node(run)
        if lib.rt_node_op(node) == CUSTOM:
            self._names[lib.rt_node_seq(node)] = name_of(node)

    def at_batch(self, run: Any, state: int) -> None:
        """A batch is about to run, or has run."""
        n_nodes = ffi.new("int64_t *")
        batch = int(lib.rt_pass_batch(run, n_nodes))
        if state == lib.RT_PASS_BATCH:
            tell("batch_started", "backward", BatchStarted(batch, n_nodes[0]), self._observers)
            self._started = time.perf_counter_ns()
            return
        ended = BatchEnded(batch, time.perf_counter_ns() - self._started)
        first, self._told = self._told, int(lib.rt_pass_n_spans(run))
        for name, start, duration, thread, of, shape in _rows(_numbers(run, first), self._names):
            tell("node_run", name, NodeRun(name, shape, start, duration, thread, of), self._observers)
        tell("batch_ended", "backward", ended, self._observers)

    def end(self, run: Any) -> None:
        """The pass is over, by itself or by an error: the trace gets a span per batch and one per node."""
        if self._trace is not None and lib.rt_pass_n_spans(run):
            self._trace.add_later(partial(_for_trace, self._trace, _numbers(run, 0), self._names))


def _numbers(run: Any, first: int) -> Any:
    """What the C core noted of the nodes that ran, from a number on."""
    n = lib.rt_pass_spans(run, first, ffi.NULL)
    out = ffi.new("int64_t[]", n)
    lib.rt_pass_spans(run, first, out)
    return out


def _rows(noted: Any, names: dict[int, str]) -> list[_Row]:
    """The nodes that ran, batch after batch."""
    numbers = ffi.unpack(noted, len(noted))
    rows = []
    at = 0
    while at < len(numbers):
        op, start, duration, thread, batch, seq, ndim = numbers[at : at + _N_FACTS]
        at += _N_FACTS + ndim
        name = OPS[op].name if op >= 0 else names.get(seq, "a custom function")
        rows.append((name, start, duration, thread, batch, tuple(numbers[at - ndim : at])))
    return rows


def _for_trace(trace: Trace, noted: Any, custom: dict[int, str]) -> Iterator[dict[str, Any]]:
    """A span per batch, then, since those stand around them, one per node."""
    rows = _rows(noted, custom)
    names, starts, durations, threads, within, shapes = zip(*rows, strict=True)
    first = trace.number_batches(within[-1] + 1)
    batches = [first + batch for batch in within]
    yield _batches(starts, durations, threads, batches)
    yield {
        "names": names,
        "starts": starts,
        "durations": durations,
        "threads": threads,
        "shapes": [(shape,) for shape in shapes],
        "batches": batches,
    }


def _batches(
    starts: Sequence[int], durations: Sequence[int], threads: Sequence[int], batches: Sequence[int]
) -> dict[str, Any]:
    """A span per batch, from its first node's start to its last one's end; those of several nodes say how many they
    have, and on how many threads."""
    numbers: list[int] = []
    begins: list[int] = []
    lengths: list[int] = []
    facts: dict[int, dict[str, Attribute]] = {}
    at = 0
    for batch, nodes in groupby(batches):
        end = at + sum(1 for _ in nodes)
        begin = min(starts[at:end])
        if end - at > 1:
            facts[len(numbers)] = {"nodes": end - at, "threads": len(set(threads[at:end]))}
        numbers.append(batch)
        begins.append(begin)
        lengths.append(max(starts[i] + durations[i] for i in range(at, end)) - begin)
        at = end
    n = len(numbers)
    return {
        "names": ["batch"] * n,
        "starts": begins,
        "durations": lengths,
        "threads": [0] * n,
        "shapes": [()] * n,
        "batches": numbers,
        "category": "batch",
        "attributes": facts,
    }
