# SPDX-License-Identifier: MIT
"""Spans in a run: what comes back, what older readers see, and what stands in damaged files."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rtch.errors import ArgumentError, ExperimentError, SchemaError
from rtch.store import Store, jsonl, traces
from rtch.store.records import TelemetryLine
from rtch.tracing import Trace, trace


def passes(n: int = 3, start: int = 10**15) -> Trace:
    """A trace with n spans of the engine and one of the program."""
    t = trace()
    t.add_batch(
        ["tanh", "mul"] * n,
        range(start, start + 20 * n, 10),
        [7, 9] * n,
        [0, 1] * n,
        [((64, 64),), ((64, 64), ())] * n,
        [i // 2 for i in range(2 * n)],
    )
    with t.span("pass", step=3, rate=math.nan):
        pass
    return t


def telemetry(tmp_path: Path) -> Path:
    return Store(tmp_path).run("latest").path / "telemetry.jsonl"


def test_spans_come_back_as_they_were(tmp_path: Path) -> None:
    t = passes()
    with Store(tmp_path).start_run("r") as run:
        run.log_trace(t, step=3)
        assert repr(list(t)) == repr(list(Store(tmp_path).run("latest").trace()))
    view = Store(tmp_path).run("latest")
    found = view.trace()
    assert repr(list(t)) == repr(list(found))  # by their text, since a NaN is not equal to itself
    assert (t.pid, t.epoch_offset_ns, 0) == (found.pid, found.epoch_offset_ns, found.dropped)
    assert [] == view.warnings
    assert 2 == len(telemetry(tmp_path).read_bytes().splitlines())


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_spans_come_back(tmp_path: Path, data: st.DataObject) -> None:
    name = st.text(st.characters(categories=("L", "N", "P", "S")), min_size=1, max_size=256)
    n = data.draw(st.integers(0, 8))

    def column(element: st.SearchStrategy[Any]) -> Any:
        return data.draw(st.lists(element, min_size=n, max_size=n))

    size = st.integers(0, 2**63 - 1)
    t = trace()
    t.add_batch(
        column(name),
        column(st.integers(-(2**62), 2**62)),
        column(size),
        column(st.integers(0, 2**31 - 1)),
        column(st.lists(st.lists(size, max_size=3).map(tuple), max_size=3).map(tuple)),
        column(st.none() | size),
        category=data.draw(name),
    )
    value = st.text(st.characters(exclude_categories=["Cs"])) | st.floats(allow_nan=False) | st.booleans() | size
    facts = data.draw(st.dictionaries(name.filter(lambda text: text not in ("shapes", "batch", "name")), value))
    facts = {key: fact for key, fact in facts.items() if key.isidentifier() and key not in ("self", "category")}
    with t.span(data.draw(name), **facts):
        pass
    with Store(tmp_path).start_run("r") as run:
        run.log_trace(t)
    assert list(t) == list(Store(tmp_path).run(run.id).trace())


def test_traces_of_a_run_add_up(tmp_path: Path) -> None:
    """Also over a resumed run, whose process had another clock: its spans stand where they were in time."""
    first, second, third = passes(1), passes(2), passes(1)
    second.epoch_offset_ns = first.epoch_offset_ns + 999  # the same clock, read off a little later
    third.epoch_offset_ns = first.epoch_offset_ns + 5 * 10**9
    store = Store(tmp_path)
    with store.start_run("r") as run:
        run.log({"loss": 1})
        run.log_trace(first, step=1)
        run.log_trace(second)
    with store.resume_run("latest", from_step=0) as again:
        again.log_trace(third)
    found = store.run("latest").trace()
    expected = [span.start_ns for t in (first, second) for span in t]
    expected += [span.start_ns + 5 * 10**9 for span in third]
    assert expected == [span.start_ns for span in found]
    spans = store.run("latest").summary().spans
    assert {"count": 4, "seconds": pytest.approx(28e-9)} == spans["tanh"]
    assert {"count": 4, "seconds": pytest.approx(36e-9)} == spans["mul"]
    assert 3 == spans["pass"]["count"]


def test_what_was_dropped_is_counted(tmp_path: Path) -> None:
    t = trace(max_spans=2)
    t.add_batch(["a"] * 5, range(5), [1] * 5, [0] * 5, [()] * 5, [None] * 5)
    with Store(tmp_path).start_run("r") as run:
        run.log_trace(t)
        run.log_trace(t)
    view = Store(tmp_path).run("latest")
    assert (4, 6) == (len(view.trace()), view.trace().dropped)
    assert (3, 7) == (len(view.trace(max_spans=3)), view.trace(max_spans=3).dropped)
    with pytest.raises(ArgumentError, match="max_spans"):
        view.trace(max_spans=0)
    with Store(tmp_path).start_run("attributes") as run:
        run.log_trace(passes(1))
    assert [{}, {"step": 3}] == [
        {
            key: fact
            for key, fact in Store(tmp_path).run(run.id).trace(n)._columns.attributes.get(2, {}).items()
            if key == "step"
        }
        for n in (2, 3)
    ]


def test_a_run_without_spans_has_an_empty_trace(tmp_path: Path) -> None:
    with Store(tmp_path).start_run("none") as run:
        run.log_trace(trace())
    assert not (run.path / "telemetry.jsonl").exists()
    with Store(tmp_path).start_run("counters") as run:
        run.finish(telemetry={"layout": {"contiguous": 3}})
    assert [0, 0] == [len(Store(tmp_path).run(run).trace()) for run in Store(tmp_path).ids()]


def test_a_trace_stands_beside_totals(tmp_path: Path) -> None:
    with Store(tmp_path).start_run("r") as run:
        run.log_trace(passes(1))
        run.finish(telemetry={"layout": {"contiguous": 3}, "spans": {"tanh": {"count": 1, "seconds": 1.0}}})
    view = Store(tmp_path).run("latest")
    assert {"contiguous": 3} == view.summary().layout
    assert {"count": 2, "seconds": 1.000000007} == view.summary().spans["tanh"]
    assert 3 == len(view.trace())


def test_readers_that_know_no_traces_go_on(tmp_path: Path) -> None:
    """Lines read as TelemetryLine, which had these fields before there were traces, and give the totals."""
    assert ("time", "layout", "spans") == TelemetryLine.__struct_fields__
    with Store(tmp_path).start_run("r") as run:
        run.log_trace(passes(1))
    lines = telemetry(tmp_path).read_bytes().splitlines()
    old = msgspec.json.decode(lines[1], type=TelemetryLine)
    assert ({}, {"count": 1, "seconds": 7e-9}) == (old.layout, old.spans["tanh"])


def test_the_bytes_are_those_of_the_documentation(tmp_path: Path) -> None:
    t = trace()
    t.add_batch(["mul", "mul"], [5000, 6500], [1000, 2000], [0, 1], [((64, 64),)] * 2, [0, None])
    t.epoch_offset_ns, t.pid = 1782907190000000000, 4711
    t._columns.attributes[1] = {"note": math.inf}
    with Store(tmp_path).start_run("r") as run:
        run.log_trace(t, step=3)
    line = json.loads(telemetry(tmp_path).read_bytes().splitlines()[1])
    assert {"time", "spans", "trace"} == set(line)
    assert {"mul": {"count": 2, "seconds": 3e-6}} == line["spans"]
    assert {
        "clock": 1782907190000000000,
        "pid": 4711,
        "ops": [["mul", "backward", [[64, 64]]]],
        "op": [0, 0],
        "start": [5000, 1500],
        "duration": [1000, 2000],
        "thread": [0, 1],
        "batch": [0, None],
        "attributes": {"1": {"note": {"$float": "Infinity"}}},
        "step": 3,
    } == line["trace"]


def test_many_spans_take_several_lines_of_bounded_length(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At most 65,536 spans and 8 MiB; about 30 bytes a span."""
    n = 150_000
    t = trace()
    t.add_batch(["mul", "add"] * (n // 2), range(n), [5] * n, [0] * n, [((8, 8),)] * n, list(range(n)))
    with Store(tmp_path).start_run("r") as run:
        run.log_trace(t)
    lines = telemetry(tmp_path).read_bytes().splitlines()
    assert 4 == len(lines)
    assert telemetry(tmp_path).stat().st_size < 30 * n
    assert list(t) == list(Store(tmp_path).run("latest").trace())
    monkeypatch.setattr(traces, "MAX_LINE", 2000)
    t = passes(200)
    with Store(tmp_path).start_run("short") as run:
        run.log_trace(t)
    lines = telemetry(tmp_path).read_bytes().splitlines()[1:]
    assert len(lines) > 4
    assert max(map(len, lines)) <= 2000
    assert repr(list(t)) == repr(list(Store(tmp_path).run("latest").trace()))
    with Store(tmp_path).start_run("long") as run, pytest.raises(ArgumentError, match="at most 2000 bytes"):
        with t.span("x", note="y" * 3000):
            pass
        run.log_trace(t)


def test_a_finished_run_takes_no_trace(tmp_path: Path) -> None:
    with Store(tmp_path).start_run("r") as run:
        for step in (-1, 1.5, "1", True):
            with pytest.raises(ArgumentError, match="log_trace: a step"):
                run.log_trace(passes(1), step=step)  # type: ignore[arg-type]
    for late in (passes(1), trace()):
        with pytest.raises(ExperimentError, match="log_trace: the run takes no more"):
            run.log_trace(late)


def test_a_torn_line_is_left_out_and_cut_by_the_next_writer(tmp_path: Path) -> None:
    """At each byte of its end: the spans before it are whole, and those after it too."""
    store = Store(tmp_path)
    with store.start_run("r") as run:
        run.log_trace(passes(1))
        run.log_trace(passes(2))
    path = telemetry(tmp_path)
    whole = path.read_bytes()
    second = whole.rindex(b"\n", 0, -1) + 1
    for end in (second, second + 1, second + 100, len(whole) - 1):
        path.write_bytes(whole[:end])
        view = store.run("latest")
        assert 3 == len(view.trace())
        assert view.warnings == (
            [f"{path}: line 3: torn last line of {end - second} bytes ignored"] if end > second else []
        )
    with store.resume_run("latest") as again:
        again.log_trace(passes(3))
    assert 3 + 7 == len(store.run("latest").trace())
    assert [] == store.run("latest").warnings


RECORD = (
    b'{"time":"t","trace":{"clock":0,"pid":1,"ops":[["a","b",[[1]]]],'
    b'"op":[0],"start":[1],"duration":[1],"thread":[0],"batch":[0]}}\n'
)
DAMAGE = {
    "no time": RECORD.replace(b'"time":"t",', b""),
    "an op beyond": RECORD.replace(b'"op":[0]', b'"op":[1]'),
    "a negative op": RECORD.replace(b'"op":[0]', b'"op":[-1]'),
    "columns of two lengths": RECORD.replace(b'"start":[1]', b'"start":[1,2]'),
    "no column": RECORD.replace(b'"start":[1],', b""),
    "no op": RECORD.replace(b'"op":[0]', b'"op":[]'),
    "a time as text": RECORD.replace(b'"start":[1]', b'"start":["1"]'),
    "a fraction": RECORD.replace(b'"start":[1]', b'"start":[1.5]'),
    "a huge time": RECORD.replace(b'"start":[1]', b'"start":[9223372036854775808]'),
    "a time of 10,000 digits": RECORD.replace(b'"start":[1]', b'"start":[' + b"9" * 10_000 + b"]"),
    "a sum of times beyond 64 bits": RECORD.replace(b"[0]", b"[0,0]").replace(
        b'"start":[1],"duration":[1]', b'"start":[9223372036854775807,9223372036854775807],"duration":[1,1]'
    ),
    "a negative duration": RECORD.replace(b'"duration":[1]', b'"duration":[-1]'),
    "a negative thread": RECORD.replace(b'"thread":[0]', b'"thread":[-1]'),
    "a huge thread": RECORD.replace(b'"thread":[0]', b'"thread":[2147483648]'),
    "a batch as text": RECORD.replace(b'"batch":[0]', b'"batch":["x"]'),
    "a negative size": RECORD.replace(b"[[1]]", b"[[-1]]"),
    "no name": RECORD.replace(b'"a"', b'""'),
    "a name that steers": RECORD.replace(b'"a"', b'"\\u001b[31m"'),
    "attributes of no span": RECORD.replace(b'"op"', b'"attributes":{"1":{}},"op"'),
    "attributes of no number": RECORD.replace(b'"op"', b'"attributes":{"x":{}},"op"'),
    "null": RECORD.replace(b'"op":[0]', b'"op":null'),
    "nesting": b'{"time":"t","trace":' + b"[" * 100_000 + b"]" * 100_000 + b"}\n",
    "no JSON": b"garbage\n",
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_damage_names_file_and_line(tmp_path: Path, damage: bytes) -> None:
    with Store(tmp_path).start_run("r") as run:
        run.log_trace(passes(1))
    path = telemetry(tmp_path)
    path.write_bytes(path.read_bytes() + damage + RECORD)
    with pytest.raises(SchemaError, match=r"telemetry\.jsonl: line 3: ") as caught:
        Store(tmp_path).run("latest").trace()
    assert (str(path), 3) == (caught.value.path, caught.value.line)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "line",
    [
        b'{"time":"t"}\n',
        b'{"time":"t","kind":"later","values":[1]}\n',
        b'{"time":"t","trace":null}\n',
        RECORD.replace(b'"pid"', b'"host":"x","pid"'),
    ],
)
def test_lines_and_fields_of_later_versions_are_ignored(tmp_path: Path, line: bytes) -> None:
    with Store(tmp_path).start_run("r") as run:
        run.log_trace(passes(1))
    path = telemetry(tmp_path)
    path.write_bytes(path.read_bytes() + line)
    view = Store(tmp_path).run("latest")
    assert 3 + line.count(b'"ops"') == len(view.trace())
    assert 1 == view.summary().spans["tanh"]["count"]


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_change_of_bytes_gives_spans_or_a_schema_error(tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "telemetry.jsonl"
    if not path.exists():
        path.write_bytes(jsonl.header_line("rtch.telemetry") + b"".join(traces.encode(passes(2), 1)))
    whole = path.read_bytes()
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(start, min(start + 30, len(whole))))
    path.write_bytes(whole[:start] + data.draw(st.binary(max_size=5) | st.just(b"9" * 30)) + whole[end:])
    try:
        found, _ = traces.read(path, None)
        found.summary()
        json.dumps(found.to_chrome())
    except SchemaError as error:
        assert str(path) in str(error)
    finally:
        path.write_bytes(whole)


WRITER = """
import os, sys
from rtch.store import Store
from rtch.tracing import trace
acknowledged = os.open(sys.argv[2], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
with Store(sys.argv[1]).start_run("writer") as run:
    print(run.id, flush=True)
    for step in range(1, 10_000_000):
        t = trace()
        t.add_batch(["mul"] * 50, range(50), [1] * 50, [0] * 50, [((8, 8),)] * 50, range(50))
        run.log_trace(t, step)
        os.write(acknowledged, b"%d\\n" % step)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX")
@pytest.mark.parametrize("wait_for", [1, 20, 100])
def test_every_trace_that_was_acknowledged_survives_sigkill(tmp_path: Path, wait_for: int) -> None:
    acknowledged = tmp_path / "acknowledged"
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path / "runs"), str(acknowledged)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        while not acknowledged.exists() or acknowledged.read_bytes().count(b"\n") < wait_for:
            assert process.poll() is None
        process.kill()
        assert process.wait() == -signal.SIGKILL
    last = acknowledged.read_bytes().count(b"\n")
    view = Store(tmp_path / "runs").run("latest")
    assert "crashed" == view.status
    found = len(view.trace())
    assert found % 50 == 0
    assert 50 * last <= found <= 50 * (last + 1)
    assert found == view.summary().spans["mul"]["count"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_can_not_log(tmp_path: Path) -> None:
    with Store(tmp_path).start_run("r") as run:
        pid = os.fork()
        if pid == 0:  # pragma: no cover
            try:
                run.log_trace(passes(1))
            except ExperimentError:
                os._exit(0)
            finally:
                os._exit(1)
        assert 0 == os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert 0 == len(Store(tmp_path).run("latest").trace())
