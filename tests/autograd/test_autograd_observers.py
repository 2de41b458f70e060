# SPDX-License-Identifier: MIT
"""What passes tell: observers, the last pass in numbers, spans in a trace."""

from __future__ import annotations

import gc
import json
import threading
import time
from typing import Any

import pytest

import rtch
from rtch import autograd
from rtch._c import lib
from rtch.errors import ArgumentError, BackwardError
from rtch.random import Generator


def graph() -> Any:
    """Nodes: sum; two adds; three multiplies, of which a batch has two or three; a leaf."""
    x = rtch.asarray([1.0, 2.0]).requires_grad_()
    return x, ((x * 2.0 + x * 3.0) + x * 4.0).sum()


def test_observers_see_batches_and_nodes() -> None:
    """In order, numbered within the pass; ops, shapes and times of every node that is no leaf; not after removal."""
    _, loss = graph()
    seen: list[Any] = []
    start = time.perf_counter_ns()
    with autograd.observe(seen.append, seen.append, seen.append):
        loss.backward()
    end = time.perf_counter_ns()
    n = len(seen)
    graph()[1].backward()

    assert len(seen) == n
    started = [event for event in seen if isinstance(event, autograd.BatchStarted)]
    nodes = [event for event in seen if isinstance(event, autograd.NodeRun)]
    ended = [event for event in seen if isinstance(event, autograd.BatchEnded)]
    assert [event.batch for event in started] == [event.batch for event in ended] == list(range(len(started)))
    assert [event.nodes for event in started] == [sum(node.batch == event.batch for node in nodes) for event in started]
    assert sorted(node.op for node in nodes) == ["add", "add", "multiply", "multiply", "multiply", "sum"]
    assert {node.shape for node in nodes if node.op != "sum"} == {(2,)}
    assert [node.shape for node in nodes if node.op == "sum"] == [()]
    assert all(start <= node.start_ns <= node.start_ns + node.duration_ns <= end for node in nodes)
    kinds = [type(event).__name__ for event in seen]
    assert kinds[:3] == ["BatchStarted", "NodeRun", "BatchEnded"]
    assert kinds.count("NodeRun") == 6
    with pytest.raises(AttributeError):
        nodes[0].op = "other"


def test_observers_are_of_the_process_and_share_passes() -> None:
    """Several at once, each for what it asked; also of passes in other threads."""
    ops: list[str] = []
    batches: list[int] = []
    with (
        autograd.observe(node_run=lambda event: ops.append(event.op)),
        autograd.observe(batch_ended=lambda event: batches.append(event.batch)),
    ):
        thread = threading.Thread(target=lambda: graph()[1].backward())
        thread.start()
        thread.join()
    assert len(ops) == 6
    assert batches == list(range(len(batches)))
    assert batches


@pytest.mark.parametrize("kind", ["batch_started", "node_run", "batch_ended"])
def test_an_observer_that_raises_ends_the_pass(kind: str) -> None:
    """With the typed error, and no gradient changed; the next pass runs."""
    x, loss = graph()
    with autograd.observe(**{kind: lambda event: 1 / 0}), pytest.raises(BackwardError, match="ZeroDivisionError") as e:
        loss.backward(retain_graph=True)
    assert "autograd.observe(" in e.value.forward_traceback
    assert e.value.op == ("sum" if kind == "node_run" else "backward")
    assert x.grad is None
    loss.backward()
    assert x.grad.tolist() == [9, 9]


def test_observers_are_checked() -> None:
    """Functions, at least one."""
    with pytest.raises(ArgumentError, match="at least one function"):
        autograd.observe()
    with pytest.raises(ArgumentError, match="a function is needed; got 3"):
        autograd.observe(node_run=3)  # type: ignore[arg-type]


def test_stats_of_the_last_pass() -> None:
    """Counts that follow from the graph; of this thread alone."""
    x, loss = graph()
    loss.backward(retain_graph=True)
    x.grad = None
    loss.backward(retain_graph=True)
    stats = autograd.last_stats()
    assert stats is not None
    assert (stats.nodes, stats.edges) == (6, 8)
    assert stats.batches >= 4
    assert stats.widest_batch >= 2
    assert stats.accumulations == 2
    assert 0 <= stats.copies_avoided <= 2
    assert 8 <= stats.peak_gradient_bytes <= 5 * 8
    assert stats.python_nodes == 0
    assert 0 < stats.seconds < 10

    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(autograd.last_stats()))
    thread.start()
    thread.join()
    assert found == [None]

    with pytest.raises(BackwardError):
        x.register_hook(lambda g: 1 / 0)
        loss.backward()
    assert autograd.last_stats().python_nodes == 1  # type: ignore[union-attr]


def test_a_trace_has_the_spans_of_its_passes() -> None:
    """A span per node and one around each batch, which is numbered through all passes; names also of custom nodes."""
    gc.collect()
    n_nodes = lib.rt_live_nodes()
    seen = rtch.nn.Identity()
    seen.register_full_backward_hook(lambda module, inputs, outputs: None)
    with autograd.trace() as t:
        for _ in range(2):
            x, loss = graph()
            (seen(x) * loss).sum().backward()
    spans = list(t)
    nodes = [span for span in spans if span.category == "backward"]
    batches = [span for span in spans if span.category == "batch"]
    by_name = {row.name: row.count for row in t.summary() if row.category == "backward"}

    assert by_name["multiply"] == 8
    assert by_name["module_hook"] == 4  # custom nodes
    assert [span.batch for span in batches] == list(range(len(batches)))
    for span in batches:
        inside = [node for node in nodes if node.batch == span.batch]
        assert span.start_ns == min(node.start_ns for node in inside)
        assert span.start_ns + span.duration_ns == max(node.start_ns + node.duration_ns for node in inside)
        assert span.attributes.get("nodes", 1) == len(inside)
    events = [event for event in t.to_chrome()["traceEvents"] if event["ph"] == "X"]
    assert len(events) == len(spans)
    json.dumps(events)
    del x, loss, spans, nodes
    gc.collect()
    assert lib.rt_live_nodes() == n_nodes


def test_a_trace_of_a_pass_that_failed_has_what_ran() -> None:
    """Up to the hook that raised."""
    x, loss = graph()
    x.register_hook(lambda g: 1 / 0)
    with autograd.trace() as t, pytest.raises(BackwardError):
        loss.backward()
    assert sorted(span.name for span in t if span.category == "backward") == [
        *["add", "add", "multiply", "multiply", "multiply", "sum"]
    ]


def test_idle_time_of_threads() -> None:
    """Of the batches that several threads shared, all is busy or idle; none without such a batch."""
    from rtch.tracing import Trace

    t = Trace()
    for batches, spans in (
        ([(0, 100)], [(0, 0, 60), (0, 1, 100), (60, 0, 30)]),
        ([(200, 50)], [(200, 0, 50)]),
        ([(300, 40)], [(300, 0, 10), (300, 2, 40)]),
    ):
        t.add_batch(["batch"], *zip(*batches, strict=True), [0], [()], [0], category="batch")  # type: ignore[misc]
        starts, threads, durations = zip(*spans, strict=True)
        n = len(spans)
        t.add_batch(["add"] * n, starts, durations, threads, [()] * n, [0] * n)

    assert [(row.thread, row.nodes, row.busy_ns, row.idle_ns) for row in t.threads()] == [
        (0, 3, 100, 40),
        (1, 1, 100, 40),
        (2, 1, 40, 100),
    ]
    assert [row.name for row in t.threads()] == ["calling thread", "worker 1", "worker 2"]
    assert Trace().threads() == []


def test_tracing_and_observing_change_no_bit() -> None:
    """The same gradient, watched or not."""

    def gradient() -> bytes:
        x = Generator(1).normal((64, 64)).requires_grad_()
        loss = sum((rtch.tanh(x * float(i)) @ x for i in range(8)), x).sum()
        return autograd.grad(loss, x)[0].tobytes()

    expected = gradient()
    with autograd.trace(), autograd.observe(node_run=lambda event: None):
        assert gradient() == expected
