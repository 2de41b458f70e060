# SPDX-License-Identifier: MIT
"""rtch trace, and rtch train --trace."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from rtch.cli import main, tables
from rtch.store import Store
from rtch.tracing import trace

EXAMPLES = Path(__file__).parents[2] / "examples"


def rtch(*arguments: str, runs: Path) -> Result:
    """Run a command over a store."""
    return CliRunner().invoke(main, [*arguments, "--runs-dir", str(runs)])


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A store with a run whose spans cover 2 ms: mul 1.5 ms in two, tanh 0.5 ms in one."""
    t = trace()
    t.add_batch(
        ["mul", "tanh", "mul"],
        [1_000_000, 2_000_000, 1_000_000],
        [1_000_000, 500_000, 500_000],
        [0, 0, 1],
        [((64, 64),)] * 3,
        [0, 1, 0],
    )
    store = Store(tmp_path / "runs")
    with store.start_run("traced") as run:
        run.log_trace(t, step=1)
    return store.path


def test_the_table_shows_the_longest_ops_first(runs: Path) -> None:
    done = rtch("trace", "latest", runs=runs)
    assert (0, "") == (done.exit_code, done.stderr)
    assert [
        ["OP", "CATEGORY", "COUNT", "TOTAL", "MEAN", "LONGEST", "SHARE"],
        ["mul", "backward", "2", "1.50ms", "750us", "1.00ms", "75.0%"],
        ["tanh", "backward", "1", "500us", "500us", "500us", "25.0%"],
    ] == [line.split() for line in done.stdout.splitlines()]


def test_top_limits_the_rows(runs: Path) -> None:
    t = trace()
    t.add_batch([f"op{i:02}" for i in range(30)], range(30), [1] * 30, [2] * 30, [()] * 30, [None] * 30)
    with Store(runs).start_run("many") as run:
        run.log_trace(t)
    one = rtch("trace", "latest", "--top", "1", runs=runs)
    assert (2, "1 of 30 rows; --top 0 shows all\n") == (len(one.stdout.splitlines()), one.stderr)
    assert 21 == len(rtch("trace", "latest", runs=runs).stdout.splitlines())
    every = rtch("trace", "latest", "--top", "0", runs=runs)
    assert (31, "") == (len(every.stdout.splitlines()), every.stderr)
    assert 30 == len(json.loads(rtch("trace", "latest", "--json", runs=runs).stdout)["ops"])
    assert 2 == len(json.loads(rtch("trace", "latest", "--json", "--top", "2", runs=runs).stdout)["ops"])


def test_json_is_for_programs(runs: Path) -> None:
    found = json.loads(rtch("trace", "latest", "--json", runs=runs).stdout)
    assert {
        "run": Store(runs).ids()[0],
        "spans": 3,
        "dropped": 0,
        "ops": [
            {
                "name": "mul",
                "category": "backward",
                "count": 2,
                "total_ns": 1_500_000,
                "mean_ns": 750_000.0,
                "longest_ns": 1_000_000,
                "share": 0.75,
            },
            {
                "name": "tanh",
                "category": "backward",
                "count": 1,
                "total_ns": 500_000,
                "mean_ns": 500_000.0,
                "longest_ns": 500_000,
                "share": 0.25,
            },
        ],
        "threads": [],
    } == found


def test_threads_that_shared_batches_have_a_table(tmp_path: Path) -> None:
    t = trace()
    t.add_batch(["batch"], [0], [100_000], [0], [()], [0], category="batch")
    t.add_batch(["add", "add"], [0, 10_000], [20_000, 90_000], [0, 1], [()] * 2, [0, 0])
    with Store(tmp_path).start_run("wide") as run:
        run.log_trace(t)
        run.log_trace(t)
    done = rtch("trace", "latest", runs=tmp_path)
    assert [
        [],
        ["THREAD", "NODES", "BUSY", "IDLE"],
        ["calling", "thread", "2", "40.0us", "160us"],
        ["worker", "1", "2", "180us", "20.0us"],
    ] == [line.split() for line in done.stdout.splitlines()[3:]]
    found = json.loads(rtch("trace", "latest", "--json", runs=tmp_path).stdout)["threads"]
    assert {"thread": 1, "name": "worker 1", "nodes": 2, "busy_ns": 180_000, "idle_ns": 20_000} == found[1]


def test_the_chrome_file_holds_the_spans(runs: Path, tmp_path: Path) -> None:
    output = tmp_path / "trace.json"
    done = rtch("trace", "latest", "--chrome", str(output), runs=runs)
    assert 0 == done.exit_code
    assert f"3 spans in {output}; ui.perfetto.dev opens it\n" == done.stderr
    assert "mul" in done.stdout
    found = json.loads(output.read_bytes())
    assert [("mul", 1, 0.0), ("mul", 2, 0.0), ("tanh", 1, 1000.0)] == [
        (event["name"], event["tid"], event["ts"]) for event in found["traceEvents"] if event["ph"] == "X"
    ]
    quiet = rtch("trace", "latest", "--json", "--chrome", str(output), runs=runs)
    assert ("", 3) == (quiet.stderr, json.loads(quiet.stdout)["spans"])
    missing = rtch("trace", "latest", "--chrome", str(tmp_path / "no" / "t.json"), runs=runs)
    assert (2, "", 1) == (missing.exit_code, missing.stdout, missing.stderr.count("\n"))
    assert "rtch: error: trace: there is no such folder" in missing.stderr


def test_dropped_spans_are_mentioned(tmp_path: Path) -> None:
    t = trace(max_spans=1)
    t.add_batch(["a"] * 4, range(4), [1] * 4, [0] * 4, [()] * 4, [None] * 4)
    with Store(tmp_path).start_run("r") as run:
        run.log_trace(t)
    assert "3 more spans were dropped\n" == rtch("trace", "latest", runs=tmp_path).stderr
    assert 3 == json.loads(rtch("trace", "latest", "--json", runs=tmp_path).stdout)["dropped"]


def test_a_run_without_spans_says_how_to_record_them(tmp_path: Path) -> None:
    with Store(tmp_path / "runs").start_run("r") as run:
        run.log({"loss": 1})
    output = tmp_path / "trace.json"
    for extra in ([], ["--json"], ["--chrome", str(output)]):
        done = rtch("trace", "latest", *extra, runs=tmp_path / "runs")
        assert (2, "", 1) == (done.exit_code, done.stdout, done.stderr.count("\n"))
        assert f"rtch: error: trace: run {run.id} has no spans; `rtch train --trace N` records" in done.stderr
    assert not output.exists()


def test_bad_input_is_one_line(runs: Path) -> None:
    for arguments in (
        ["trace"],
        ["trace", "zzz"],
        ["trace", "latest", "--top", "-1"],
        ["trace", "latest", "--top", "x"],
    ):
        done = rtch(*arguments, runs=runs)
        assert (2, "", 1) == (done.exit_code, done.stdout, done.stderr.count("\n")), arguments


def test_torn_and_damaged_spans(runs: Path) -> None:
    """A torn end is a warning; damage is an error with file and line."""
    path = runs / Store(runs).ids()[0] / "telemetry.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"time":')
    done = rtch("trace", "latest", runs=runs)
    assert (0, True) == (done.exit_code, "1.50ms" in done.stdout)
    assert f"rtch: warning: {path}: line 3: torn last line of 8 bytes ignored\n" == done.stderr
    path.write_bytes(whole[:-1])
    done = rtch("trace", "latest", runs=runs)
    assert 2 == done.exit_code
    assert "line 2: torn last line" in done.stderr
    assert "has no spans" in done.stderr
    path.write_bytes(whole + b"rubbish\n")
    done = rtch("trace", "latest", runs=runs)
    assert (2, "") == (done.exit_code, done.stdout)
    assert f"rtch: error: {path}: line 3: " in done.stderr


def test_training_with_a_trace_gives_the_same_weights(tmp_path: Path) -> None:
    """The first three steps are recorded: what each consists of, nested in it."""
    arguments = ["train", "--data", str(EXAMPLES / "diabetes.csv"), "--target", "progression", "--epochs", "1"]
    plain, traced = (
        json.loads(rtch(*arguments, "--json", *extra, runs=tmp_path).stdout) for extra in ([], ["--trace", "3"])
    )
    assert plain["weights_sha256"] == traced["weights_sha256"]
    assert plain["config"] == traced["config"]
    view = Store(tmp_path).run(traced["run"])
    spans = list(view.trace())
    steps = [span for span in spans if span.name == "step"]
    assert [1, 2, 3] == [span.attributes["step"] for span in steps]
    for step in steps:
        inside = [
            span.name
            for span in spans
            if span.category == "train"
            and span is not step
            and step.start_ns <= span.start_ns
            and span.start_ns + span.duration_ns <= step.start_ns + step.duration_ns
        ]
        assert ["forward", "backward", "optimizer"] == inside
    for backward in (span for span in spans if span.name == "backward"):
        within = [
            span
            for span in spans
            if span.category in ("backward", "batch")
            and backward.start_ns <= span.start_ns
            and span.start_ns + span.duration_ns <= backward.start_ns + backward.duration_ns
        ]
        ops = [span.name for span in within if span.category == "backward"]
        assert ops[0] == "mean"
        assert ops.count("linear") == 1 + ops.count("relu")
        assert {span.batch for span in within} == set(range(len([s for s in within if s.category == "batch"])))
    rows = json.loads(rtch("trace", traced["run"], "--json", runs=tmp_path).stdout)["ops"]
    assert ("step", 3, 1.0) == (rows[0]["name"], rows[0]["count"], rows[0]["share"])
    assert {"forward", "backward", "optimizer"} < {row["name"] for row in rows}
    assert 0 == len(Store(tmp_path).run(plain["run"]).trace())
    assert 0 == rtch("replay", traced["run"], runs=tmp_path).exit_code
    for bad in ("0", "-1", "x"):
        assert 2 == rtch(*arguments, "--trace", bad, runs=tmp_path).exit_code


@pytest.mark.parametrize(
    ("nanoseconds", "expected"),
    [
        (0, "0ns"),
        (999, "999ns"),
        (999.4, "999ns"),
        (999.6, "1.00us"),
        (1000, "1.00us"),
        (9_994, "9.99us"),
        (9_996, "10.0us"),
        (99_940, "99.9us"),
        (99_960, "100us"),
        (999_400, "999us"),
        (999_600, "1.00ms"),
        (42_000_000, "42.0ms"),
        (1_250_000_000, "1.25s"),
        (90_000_000_000, "1m30s"),
    ],
)
def test_short_times(nanoseconds: float, expected: str) -> None:
    """Three digits, in the unit that suits them."""
    assert expected == tables.nanoseconds_text(nanoseconds)
