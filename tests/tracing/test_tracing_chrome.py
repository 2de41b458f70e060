# SPDX-License-Identifier: MIT
"""Chrome trace files: valid, and as exact as the spans."""

from __future__ import annotations

import itertools
import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rtch.autograd import Trace, trace
from rtch.errors import StoreIOError
from rtch.tracing.chrome import microseconds


def check(found: dict[str, Any]) -> list[dict[str, Any]]:
    """Hold a file against the trace event format, and return its complete events."""
    assert {"traceEvents", "displayTimeUnit", "otherData"} == set(found)
    assert found["displayTimeUnit"] in ("ms", "ns")
    complete = [event for event in found["traceEvents"] if event["ph"] == "X"]
    named = [event for event in found["traceEvents"] if event["ph"] == "M"]
    assert len(complete) + len(named) == len(found["traceEvents"])
    for event in complete:
        assert {"name", "cat", "ph", "ts", "dur", "pid", "tid", "args"} == set(event)
        assert all(isinstance(event[key], str) and event[key] for key in ("name", "cat"))
        assert all(isinstance(event[key], float) and event[key] >= 0 for key in ("ts", "dur"))
        assert all(type(event[key]) is int and event[key] > 0 for key in ("pid", "tid"))
        assert isinstance(event["args"]["shapes"], list)
        assert all(type(size) is int for shape in event["args"]["shapes"] for size in shape)
        assert event["args"]["batch"] is None or type(event["args"]["batch"]) is int
    assert sorted(event["ts"] for event in complete) == [event["ts"] for event in complete]
    assert {(event["pid"], event["tid"]) for event in complete} == {
        (event["pid"], event["tid"]) for event in named if event["name"] == "thread_name"
    }
    assert all(isinstance(event["args"]["name"], str) for event in named)
    assert {"process_name", "thread_name"} >= {event["name"] for event in named}
    return complete


def nanoseconds(us: float) -> int:
    """What Perfetto makes of a time: it cuts off."""
    return int(us * 1000)


@pytest.fixture
def passes() -> Trace:
    """Two workers' ops in a batch, inside a span of the program."""
    t = trace()
    start = 1_000_000_000_001
    t.add_batch(
        ["tanh", "mul", "add"],
        [start + 1101, start + 1207, start + 2303],
        [1001, 3003, 501],
        [0, 1, 0],
        [((64, 64),), ((64, 64), ()), ()],
        [0, 0, 1],
    )
    t.add_batch(["batch 0"], [start + 1101], [3109], [0], [()], [0], category="batch")
    t.add_batch(["backward"], [start], [9999], [0], [()], [None], category="train")
    return t


def test_the_events_are_those_of_the_spans(passes: Trace) -> None:
    complete = check(passes.to_chrome())
    assert ["backward", "batch 0", "tanh", "mul", "add"] == [event["name"] for event in complete]
    assert [0, 1101, 1101, 1207, 2303] == [nanoseconds(event["ts"]) for event in complete]
    assert [9999, 3109, 1001, 3003, 501] == [nanoseconds(event["dur"]) for event in complete]
    assert [1, 1, 1, 2, 1] == [event["tid"] for event in complete]
    assert [None, 0, 0, 0, 1] == [event["args"]["batch"] for event in complete]
    assert [[64, 64], []] == complete[3]["args"]["shapes"]
    names = {event["tid"]: event["args"]["name"] for event in passes.to_chrome()["traceEvents"] if event["ph"] == "M"}
    assert "calling thread" == names[1]
    assert "worker 1" == names[2]


def nested(complete: list[dict[str, Any]]) -> bool:
    """Whether events of one thread lie in each other or apart, in the order in which they stand."""
    open_until: dict[int, list[int]] = {}
    for event in complete:
        ends = open_until.setdefault(event["tid"], [])
        start = nanoseconds(event["ts"])
        end = start + nanoseconds(event["dur"])
        while ends and ends[-1] <= start:
            ends.pop()
        if ends and end > ends[-1]:
            return False
        ends.append(end)
    return True


@given(st.lists(st.integers(0, 10**12), min_size=4, max_size=40))
def test_what_was_nested_is_nested_to_the_nanosecond(cuts: list[int]) -> None:
    """Spans between neighbouring cuts of one stretch, all inside one around them; no rounding makes them overlap."""
    t = trace()
    cuts = sorted(cuts)
    pairs = list(itertools.pairwise(cuts))
    n = len(pairs)
    t.add_batch(["x"] * n, [a for a, _ in pairs], [b - a for a, b in pairs], [0] * n, [()] * n, [0] * n)
    t.add_batch(["around"], [cuts[0]], [cuts[-1] - cuts[0]], [0], [()], [None], category="custom")
    complete = check(json.loads(json.dumps(t.to_chrome())))
    assert nested(complete)
    assert sorted((a - cuts[0], b - a) for a, b in [*pairs, (cuts[0], cuts[-1])]) == sorted(
        (nanoseconds(event["ts"]), nanoseconds(event["dur"])) for event in complete
    )


@given(st.integers(0, 2**53))
@example(1001)
def test_microseconds_are_exact_rounded_or_cut_off(ns: int) -> None:
    us = microseconds(ns)
    assert ns == int(us * 1000) == round(us * 1000)
    assert math.isclose(us, ns / 1000, rel_tol=1e-15)


def test_the_file_is_what_the_object_says(passes: Trace, tmp_path: Path) -> None:
    with passes.span("odd", nan=math.nan, inf=-math.inf, text='"\\\N{SNOWMAN}', big=2**64 - 1):
        pass
    passes.save_chrome(tmp_path / "trace.json")
    found = json.loads((tmp_path / "trace.json").read_bytes(), parse_constant=lambda name: pytest.fail(name))
    assert found == json.loads(json.dumps(passes.to_chrome()))
    (odd,) = [event["args"] for event in check(found) if event["name"] == "odd"]
    assert ("NaN", "-Infinity", '"\\\N{SNOWMAN}', 2**64 - 1) == (odd["nan"], odd["inf"], odd["text"], odd["big"])
    assert [tmp_path / "trace.json"] == list(tmp_path.iterdir())


@pytest.mark.parametrize("n", [0, 1, 4096, 4097, 9000])
def test_files_of_any_number_of_spans(n: int, tmp_path: Path) -> None:
    t = trace(max_spans=max(n, 1))
    t.add_batch(["x"] * n, range(n), [1] * n, [0] * n, [()] * n, [None] * n)
    t.save_chrome(str(tmp_path / "trace.json"))
    found = json.loads((tmp_path / "trace.json").read_bytes())
    assert n == len(check(found))
    assert 0 == found["otherData"]["dropped"]


def test_a_file_that_can_not_be_written_leaves_the_old_one(passes: Trace, tmp_path: Path) -> None:
    path = tmp_path / "trace.json"
    path.write_text("old")
    passes._columns.names[-1] = object()  # type: ignore[call-overload]
    with pytest.raises(TypeError):
        passes.save_chrome(path)
    assert "old" == path.read_text()
    assert [path] == list(tmp_path.iterdir())
    with pytest.raises(StoreIOError):
        trace().save_chrome(tmp_path / "no" / "trace.json")
