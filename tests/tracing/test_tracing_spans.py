# SPDX-License-Identifier: MIT
"""Traces: which one records, what they hold, how they add up."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import rtch
from rtch import tracing
from rtch.autograd import Span, Trace, spans, trace
from rtch.errors import ArgumentError


def batch(n: int = 2, **changed: Any) -> dict[str, Any]:
    """Arguments of add_batch for n spans."""
    return {
        "names": ["mul"] * n,
        "starts": range(0, 10 * n, 10),
        "durations": [5] * n,
        "threads": [0] * n,
        "shapes": [((2, 3), ())] * n,
        "batches": [7] * n,
        **changed,
    }


def test_the_innermost_open_trace_of_the_thread_is_active() -> None:
    assert spans.active() is None
    with trace() as outer:
        assert spans.active() is outer
        with trace() as inner:
            assert spans.active() is inner
        assert spans.active() is outer
        with outer:
            assert spans.active() is outer
        assert spans.active() is outer
    assert spans.active() is None


def test_a_trace_closes_when_an_exception_leaves_it() -> None:
    with pytest.raises(ZeroDivisionError), trace():
        raise ZeroDivisionError
    assert spans.active() is None


def test_traces_may_close_in_any_order() -> None:
    first, second = trace(), trace()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert spans.active() is second
    second.__exit__(None, None, None)
    assert spans.active() is None
    with pytest.raises(ArgumentError, match="closed by the thread that opened it"):
        first.__exit__(None, None, None)


def test_other_threads_have_traces_of_their_own() -> None:
    seen: list[Trace | None] = []

    def look() -> None:
        seen.append(spans.active())
        with trace() as own:
            seen.append(spans.active())
            seen.append(own)

    with trace():
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
    assert seen[0] is None
    assert seen[1] is seen[2] is not None


def test_a_batch_becomes_spans() -> None:
    with trace() as t:
        t.add_batch(["mul", "add"], [30, 10], [5, 7], [0, 2], [((2, 3), ()), ()], [0, None])
        t.add_batch(["batch"], [10], [30], [0], [()], [-1], category="batch")
    assert [
        Span("mul", "backward", 30, 5, 0, ((2, 3), ()), 0),
        Span("add", "backward", 10, 7, 2, (), None),
        Span("batch", "batch", 10, 30, 0, (), None),
    ] == list(t)
    assert (3, 0, "Trace(3 spans, 0 dropped)") == (len(t), t.dropped, repr(t))


def test_a_span_is_frozen_and_hashable() -> None:
    span = Span("mul", "backward", 30, 5, 0, (), 0, {"k": 1})
    assert 1 == len({span, Span("mul", "backward", 30, 5, 0, (), 0, {"k": 1})})
    with pytest.raises(AttributeError):
        span.name = "add"  # type: ignore[misc]
    assert not hasattr(span, "__dict__")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"starts": [1]}, "2 names, 1 starts, 2 durations"),
        ({"shapes": []}, "0 shapes"),
        ({"durations": [1, -1]}, "not negative"),
        ({"threads": [-1, 0]}, "not negative"),
        ({"threads": [2**31, 0]}, "integers"),
        ({"starts": [0, 2**63]}, "integers"),
        ({"starts": [0, 1.5]}, "integers"),
        ({"batches": [0, "1"]}, "integers"),
        ({"shapes": [((2,),), [[2]]]}, "integers|shapes"),
        ({"shapes": [((2,),), ((-2,),)]}, "shapes are"),
        ({"shapes": [((2,),), ((2.5,),)]}, "shapes are"),
        ({"names": ["mul", ""]}, "name"),
        ({"names": ["mul", "\ud800"]}, "name"),
        ({"category": "\n"}, "name"),
    ],
)
def test_what_can_not_be_stored_is_refused_as_a_whole(changed: dict[str, Any], message: str) -> None:
    t = trace()
    with pytest.raises(ArgumentError, match=message):
        t.add_batch(**batch(**changed))
    assert [] == list(t)
    t.add_batch(**batch())
    assert 2 == len(t)


def test_spans_of_the_program_nest_in_time() -> None:
    with trace() as t, t.span("outer", "train", step=3, rate=0.5, note="x", on=True), t.span("inner"):
        time.sleep(0.001)
    inner, outer = t
    assert ("inner", "custom", 0, (), None, {}) == (
        inner.name,
        inner.category,
        inner.thread,
        inner.shapes,
        inner.batch,
        inner.attributes,
    )
    assert ("outer", "train", {"step": 3, "rate": 0.5, "note": "x", "on": True}) == (
        outer.name,
        outer.category,
        outer.attributes,
    )
    assert inner.duration_ns >= 1_000_000
    assert outer.start_ns <= inner.start_ns
    assert inner.start_ns + inner.duration_ns <= outer.start_ns + outer.duration_ns


def test_a_span_that_an_exception_leaves_names_it() -> None:
    t = trace()
    with pytest.raises(ZeroDivisionError), t.span("work"):
        raise ZeroDivisionError
    (span,) = t
    assert {"error": "ZeroDivisionError"} == span.attributes


@pytest.mark.parametrize(
    "attributes", [{"a": None}, {"a": [1]}, {"a": {}}, {"shapes": 1}, {"batch": 1}, {"a": 2**64}, {"a": "\ud800"}]
)
def test_attributes_are_plain(attributes: dict[str, Any]) -> None:
    with pytest.raises(ArgumentError):
        trace().span("x", **attributes)
    for name, category in (("", "c"), ("a", ""), (3, "c")):
        with pytest.raises(ArgumentError, match="name"):
            trace().span(name, category)  # type: ignore[arg-type]


def test_spans_of_other_threads_get_numbers_of_their_own() -> None:
    t = trace()

    def work() -> None:
        with t.span("there"):
            t.add_batch(**batch(threads=[0, 3]))

    with t.span("here"):
        for _ in range(2):
            thread = threading.Thread(target=work)
            thread.start()
            thread.join()
    by_name = [(span.name, span.thread) for span in t]
    first = by_name[0][1]
    assert first >= 256
    assert [("mul", first), ("mul", 3), ("there", first)] == by_name[:3]
    assert ("here", 0) == by_name[-1]
    assert ["calling thread", "worker 1", "worker 255", "other thread 1"] == [
        tracing.thread_name(number) for number in (0, 1, 255, 256)
    ]


def test_threads_may_append_at_once() -> None:
    t = trace(max_spans=10_000)

    def work(name: str) -> None:
        for _ in range(1000):
            t.add_batch(**batch(3, names=[name] * 3))
            with t.span(name):
                pass

    threads = [threading.Thread(target=work, args=(f"t{i}",)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (10_000, 6_000) == (len(t), t.dropped)
    assert all((span.shapes == ()) == (span.category == "custom") for span in t)


def test_times_are_those_of_the_monotonic_clock_and_of_the_day() -> None:
    before, day = time.perf_counter_ns(), time.time_ns()
    t = trace()
    with t.span("x"):
        pass
    (span,) = t
    assert before <= span.start_ns <= time.perf_counter_ns()
    assert day - 10**9 <= span.start_ns + t.epoch_offset_ns <= time.time_ns() + 10**9
    assert os.getpid() == t.pid


def test_what_is_beyond_max_spans_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "rtch")
    t = trace(max_spans=3)
    t.add_batch(**batch(2, starts=[1, 2]))
    t.add_batch(**batch(2, starts=[3, 4]))
    with t.span("x"):
        pass
    t.add_batch(**batch(5))
    assert ([1, 2, 3], 7) == ([span.start_ns for span in t], t.dropped)
    assert {3} == {len(column) for column in t._columns[:-1]}
    (record,) = caplog.records
    assert ("rtch.tracing", "WARNING") == (record.name, record.levelname)
    assert "max_spans=3" in record.getMessage()
    for bad in (0, -1, 1.0, True, "3"):
        with pytest.raises(ArgumentError, match="max_spans"):
            trace(max_spans=bad)  # type: ignore[arg-type]


def test_a_million_spans_take_bounded_memory() -> None:
    """At most 80 bytes a span, and nothing for those that are dropped."""
    n = 100_000
    arguments = batch(n, names=["mul", "add"] * (n // 2), starts=range(n), batches=[i // 4 for i in range(n)])
    t = trace()
    tracemalloc.start()
    try:
        for _ in range(10):
            t.add_batch(**arguments)
        full = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        for i in range(10):
            t.add_batch(**{**arguments, "shapes": [((i, j),) for j in range(n)]})
        after = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert (1_000_000, 1_000_000) == (len(t), t.dropped)
    assert full < 80 * 10**6
    assert after - full < 20 * 10**6  # the shapes of the first that were dropped


def test_summary_by_hand() -> None:
    t = trace()
    t.add_batch(["a", "b", "a", "c"], [0, 10, 100, 0], [10, 40, 30, 20], [0, 0, 0, 1], [()] * 4, [0] * 4)
    t.add_batch(["a"], [0], [130], [0], [()], [0], category="batch")
    assert [
        ("a", "batch", 1, 130, 130.0, 130, 130 / 150),
        ("a", "backward", 2, 40, 20.0, 30, 40 / 150),
        ("b", "backward", 1, 40, 40.0, 40, 40 / 150),
        ("c", "backward", 1, 20, 20.0, 20, 20 / 150),
    ] == [
        (row.name, row.category, row.count, row.total_ns, row.mean_ns, row.longest_ns, row.share) for row in t.summary()
    ]
    assert [] == trace().summary()
    instant = trace()
    instant.add_batch(["a"], [5], [0], [0], [()], [0])
    assert [(0, 0.0)] == [(row.total_ns, row.share) for row in instant.summary()]


@given(st.lists(st.tuples(st.integers(-20, 40), st.integers(0, 15), st.integers(0, 2), st.sampled_from("abc"))))
def test_summary_against_counting_nanoseconds(drawn: list[tuple[int, int, int, str]]) -> None:
    """Shares are of the nanoseconds of each thread in which something ran; that of a name is its total over them."""
    t = trace()
    t.add_batch(
        [name for *_, name in drawn],
        [start for start, *_ in drawn],
        [duration for _, duration, _, _ in drawn],
        [thread for *_, thread, _ in drawn],
        [()] * len(drawn),
        [None] * len(drawn),
    )
    covered = {(thread, ns) for start, duration, thread, _ in drawn for ns in range(start, start + duration)}
    rows = {row.name: row for row in t.summary()}
    assert {name for *_, name in drawn} == set(rows)
    for name, row in rows.items():
        durations = [duration for _, duration, _, other in drawn if other == name]
        assert (len(durations), sum(durations), max(durations)) == (row.count, row.total_ns, row.longest_ns)
        assert row.mean_ns == sum(durations) / len(durations)
        assert row.share == (sum(durations) / len(covered) if covered else 0.0)
    assert sorted(-row.total_ns for row in t.summary()) == [-row.total_ns for row in t.summary()]


def test_a_trace_changes_no_gradient() -> None:
    def gradient() -> Any:
        x = rtch.arange(12, dtype=rtch.float32).reshape(3, 4).requires_grad_()
        (x.T @ x).tanh().sum().backward()
        return x.grad.numpy().tobytes()

    expected = gradient()
    with trace() as t, t.span("pass"):
        assert expected == gradient()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_goes_on_alone() -> None:
    """Also where the fork fell into an append: the lock is new in the child."""
    t = trace()
    with tracing.spans._lock:
        pid = os.fork()
        if pid == 0:  # pragma: no cover
            try:
                with t.span("child"):
                    pass
                os._exit(0 if len(t) == 1 else 1)
            finally:
                os._exit(2)
    assert 0 == os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert 0 == len(t)


def test_logging_is_silent_until_the_program_asks() -> None:
    """Python's handler of last resort would print warnings to stderr."""
    script = """
from rtch.tracing import trace
t = trace(max_spans=1)
t.add_batch(["a"] * 2, [1] * 2, [1] * 2, [0] * 2, [()] * 2, [0] * 2)
assert 1 == t.dropped
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ("", "") == (done.stdout, done.stderr)
    loud = "import logging; logging.basicConfig(level='DEBUG')\n" + script
    done = subprocess.run([sys.executable, "-c", loud], capture_output=True, text=True, check=True)
    assert "WARNING:rtch.tracing:" in done.stderr
