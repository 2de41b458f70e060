# SPDX-License-Identifier: MIT
"""A pass that is watched: its spans for the open trace, its events for observers."""

from __future__ import annotations

import time
from collections.abc import Sequence
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
        for name, start, duration, thread, of, shape in self._spans(run, first):
            tell("node_run", name, NodeRun(name, shape, start, duration, thread, of), self._observers)
        tell("batch_ended", "backward", ended, self._observers)

    def end(self, run: Any) -> None:
        """The pass is over, by itself or by an error: the trace gets a span per batch and one per node."""
        trace = self._trace
        rows = self._spans(run, 0) if trace is not None else []
        if trace is None or not rows:
            return
        first = trace.number_batches(rows[-1][4] + 1)
        names, starts, durations, threads, within, shapes = zip(*rows, strict=True)
        batches = [first + batch for batch in within]
        _add_batches(trace, starts, durations, threads, batches)  # first: they stand around the others
        trace.add_batch(names, starts, durations, threads, [(shape,) for shape in shapes], batches)

    def _spans(self, run: Any, first: int) -> list[_Row]:
        """The nodes that ran, batch after batch, from a number on."""
        n = lib.rt_pass_spans(run, first, ffi.NULL)
        out = ffi.new("int64_t[]", n)
        lib.rt_pass_spans(run, first, out)
        numbers = ffi.unpack(out, n)
        rows = []
        at = 0
        while at < n:
            op, start, duration, thread, batch, seq, ndim = numbers[at : at + _N_FACTS]
            at += _N_FACTS + ndim
            name = OPS[op].name if op >= 0 else self._names.get(seq, "a custom function")
            rows.append((name, start, duration, thread, batch, tuple(numbers[at - ndim : at])))
        return rows


def _add_batches(
    trace: Trace, starts: Sequence[int], durations: Sequence[int], threads: Sequence[int], batches: Sequence[int]
) -> None:
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
    trace.add_batch(["batch"] * n, begins, lengths, [0] * n, [()] * n, numbers, category="batch", attributes=facts)
