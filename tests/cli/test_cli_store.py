# SPDX-License-Identifier: MIT
"""rtch list, summary and export."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rtch.cli import main, tables
from rtch.store import Store

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="needs pipes with names, and links")


def rtch(*arguments: str, runs: Path | str = "runs") -> Result:
    """Run a command over a store."""
    return CliRunner().invoke(main, [*arguments, "--runs-dir", str(runs)])


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A store with a completed, a failed and a crashed run."""
    store = Store(tmp_path / "runs")
    with store.start_run("first", tags=["mlp", "a"], config={"lr": math.inf}, seed=3) as run:
        for step in range(1, 11):
            run.log({"train/loss": 1 / step, "lr": 0.1})
        run.log({"val_loss": math.nan, "big": 2**63})
        run.log({"val_loss": -math.inf})
        run.save_artifact("report.txt", "hello", kind="text", step=4)
        run.set(weights_sha256="abc", test={"r2": 0.5, "bad": math.nan})
    with pytest.raises(ValueError, match="broke"), store.start_run("second\N{SNOWMAN}", tags=["mlp"]):
        raise ValueError("it broke")
    crashed = store.start_run("third")
    crashed.log({"loss": 0.125})
    crashed.abandon()
    return store.path


def test_list_shows_runs_newest_first(runs: Path) -> None:
    """Id, name, status, tags, when, how long and the last losses, within 80 columns."""
    done = rtch("list", runs=runs)
    assert 0 == done.exit_code
    lines = done.output.splitlines()
    assert ["ID", "NAME", "STATUS", "TAGS", "WHEN", "TIME", "LAST"] == lines[0].split()
    ids = list(reversed(Store(runs).ids()))
    rows = [line.split() for line in lines[1:]]
    assert all(full.startswith(row[0]) for full, row in zip(ids, rows, strict=True))
    assert 3 == len({row[0] for row in rows})
    assert ["third", "second\N{SNOWMAN}", "first"] == [row[1] for row in rows]
    assert ["crashed", "failed", "completed"] == [row[2] for row in rows]
    assert "loss=0.125" == rows[0][-1]
    assert "mlp,a" == rows[2][3]
    assert max(map(len, lines)) <= 80


def test_list_filters_and_limits(runs: Path) -> None:
    """By tags, all of which must be there, by status, by number."""

    def names(*arguments: str) -> list[str]:
        return [run["name"] for run in json.loads(rtch("list", "--json", *arguments, runs=runs).stdout)]

    assert ["third", "second\N{SNOWMAN}", "first"] == names() == names("--limit", "0")
    assert ["first"] == names("--tag", "mlp", "--tag", "a")
    assert ["third"] == names("--status", "crashed") == names("--limit", "1")
    limited = rtch("list", "--limit", "2", runs=runs)
    assert 3 == len(limited.stdout.splitlines())
    assert "2 of 3 runs" in limited.stderr
    assert "no such runs" in rtch("list", "--tag", "zzz", runs=runs).output
    assert 2 == rtch("list", "--status", "done", runs=runs).exit_code


def test_list_json_tells_the_last_values(runs: Path) -> None:
    """All metrics, non-finite ones by name, from a summary and from the metrics of a crashed run alike."""
    third, _, first = json.loads(rtch("list", "--json", runs=runs).stdout)
    assert {"loss": 0.125} == third["metrics"]
    assert {"train/loss": 0.1, "lr": 0.1, "val_loss": "-Infinity", "big": 2**63} == first["metrics"]
    assert ("completed", ["mlp", "a"]) == (first["status"], first["tags"])


def test_list_of_an_empty_store(tmp_path: Path) -> None:
    """A folder that does not exist is a store without runs, and stays absent."""
    done = rtch("list", runs=tmp_path / "none")
    assert (0, f"no runs in {tmp_path / 'none'}\n") == (done.exit_code, done.output)
    assert [] == json.loads(rtch("list", "--json", runs=tmp_path / "none").stdout)
    assert not (tmp_path / "none").exists()


def test_the_store_is_named_by_option_then_environment_then_default(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """--runs-dir wins over RTCH_RUNS, which wins over ./runs."""
    monkeypatch.chdir(runs.parent)
    assert 3 == len(json.loads(CliRunner().invoke(main, ["list", "--json"]).stdout))
    monkeypatch.setenv("RTCH_RUNS", str(tmp_path / "other"))
    assert 0 == len(json.loads(CliRunner().invoke(main, ["list", "--json"]).stdout))
    assert 3 == len(json.loads(rtch("list", "--json", runs=runs).stdout))


def test_summary_shows_facts_metrics_and_artifacts(runs: Path) -> None:
    """Everything fits 80 columns, and a prefix names the run."""
    first = Store(runs).ids()[0]
    done = rtch("summary", first[:25], runs=runs)
    assert 0 == done.exit_code
    lines = done.stdout.splitlines()
    facts = dict(line.split(maxsplit=1) for line in lines[: lines.index("")])
    assert (first, "first", "completed", "mlp, a", "3") == tuple(
        facts[name] for name in ("run", "name", "status", "tags", "seed")
    )
    assert ("abc", "r2 0.5, bad nan") == (facts["weights_sha256"], facts["test"])
    rows = [line.split() for line in lines]
    assert ["train/loss", "10", "0", "0.1", "0.1", "1"] == next(row[:6] for row in rows if row[:1] == ["train/loss"])
    assert ["val_loss", "2", "1", "-inf"] == next(row[:4] for row in rows if row[:1] == ["val_loss"])
    assert ["text", "artifacts/report.txt", "5", "2cf24dba5fb0", "4"] in rows
    assert max(map(len, lines)) <= 80


def test_summary_of_failed_and_crashed_runs(runs: Path) -> None:
    """The reason is on the screen; a crashed run's rollups are made from its metrics."""
    third, second = (Store(runs).ids()[index] for index in (2, 1))
    assert "failed: ValueError: it broke" in rtch("summary", second, runs=runs).stdout
    latest = rtch("summary", "latest", runs=runs).stdout
    assert third in latest
    assert "crashed" in latest
    assert "0.125" in latest


def test_summary_json_is_the_whole_run(runs: Path) -> None:
    """run.json, rollups and ledger in one document."""
    found = json.loads(rtch("summary", Store(runs).ids()[0], "--json", runs=runs).stdout)
    assert {"lr": {"$float": "Infinity"}} == found["config"]
    assert 0.1 == found["summary"]["metrics"]["train/loss"]["last"]
    assert "artifacts/report.txt" == found["artifacts"][0]["path"]
    assert "crashed" == json.loads(rtch("summary", "latest", "--json", runs=runs).stdout)["status"]


def test_export_of_metrics(runs: Path) -> None:
    """CSV and JSON hold the same rows: run, name, step, time, metric, value in the order they were logged."""
    first = Store(runs).ids()[0]
    table = list(csv.DictReader(io.StringIO(rtch("export", "--format", "csv", runs=runs).stdout)))
    data = json.loads(rtch("export", "--format", "json", runs=runs).stdout)
    assert 24 == len(table) == len(data)
    assert [{name: str(value) for name, value in row.items()} for row in data] == table
    assert ["run", "name", "step", "time", "metric", "value"] == list(table[0])
    assert (first, 1, "train/loss", 1.0) == tuple(data[0][name] for name in ("run", "step", "metric", "value"))
    assert ["NaN", 2**63, "-Infinity"] == [row["value"] for row in data[20:23]]
    latest = json.loads(rtch("export", "latest", "latest", "--format", "json", runs=runs).stdout)
    assert [0.125] == [row["value"] for row in latest]


def test_export_of_rollups(runs: Path) -> None:
    """One row per run and metric."""
    data = json.loads(rtch("export", "--what", "summary", "--format", "json", runs=runs).stdout)
    assert ["train/loss", "lr", "val_loss", "big", "loss"] == [row["metric"] for row in data]
    assert (10, 0.1, 1.0) == tuple(data[0][name] for name in ("count", "min", "max"))
    table = rtch("export", "--what", "summary", "--format", "csv", runs=runs).stdout
    assert "run,name,metric,count,nan_count,min,min_step" == table[:44]


def test_export_goes_round_a_damaged_run(runs: Path) -> None:
    """Without RUN a damaged run is left out, with a warning; named, it is an error."""
    damaged = Store(runs).run("latest").id
    with (runs / damaged / "metrics.jsonl").open("ab") as file:
        file.write(b"garbage\n" * 2)
    done = rtch("export", "--format", "csv", runs=runs)
    assert 0 == done.exit_code
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert {"first"} == {row["name"] for row in rows}
    assert damaged in done.stderr
    assert "line 3" in done.stderr
    named = rtch("export", "--format", "csv", damaged, runs=runs)
    assert 2 == named.exit_code
    assert f"{damaged}/metrics.jsonl: line 3" in Path(named.stderr).as_posix()
    assert "`rtch export` without RUN goes round what is damaged" in named.stderr


def test_export_of_nothing(tmp_path: Path) -> None:
    """An empty store gives a header or an empty list."""
    assert [] == json.loads(rtch("export", "--format", "json", runs=tmp_path).stdout)
    assert "run,name,step,time,metric,value\n" == rtch("export", "--format", "csv", runs=tmp_path).stdout


def test_export_to_a_file_is_whole_or_absent(runs: Path, tmp_path: Path) -> None:
    """The file equals standard output; a damaged run leaves the earlier file alone."""
    output = tmp_path / "out.csv"
    expected = rtch("export", "--format", "csv", runs=runs).stdout
    done = rtch("export", "--format", "csv", "--output", str(output), runs=runs)
    assert (0, "") == (done.exit_code, done.output)
    assert expected.encode() == output.read_bytes()
    damaged = Store(runs).ids()[2]
    metrics = runs / damaged / "metrics.jsonl"
    metrics.write_bytes(metrics.read_bytes() + b"rubbish\n")
    done = rtch("export", "--format", "json", damaged, "--output", str(output), runs=runs)
    assert 2 == done.exit_code
    assert f"rtch: error: {metrics}: line 3: " in done.stderr
    assert expected.encode() == output.read_bytes()
    assert [output, runs] == sorted(tmp_path.iterdir())
    missing = rtch("export", "--format", "csv", "--output", str(tmp_path / "no" / "x.csv"), runs=runs)
    assert (2, True) == (missing.exit_code, "no such folder" in missing.stderr)


@posix_only
def test_export_writes_through_links_and_into_pipes(runs: Path, tmp_path: Path) -> None:
    """A link stays and its target is replaced; a pipe stays a pipe and gets the bytes."""
    expected = rtch("export", "--format", "csv", runs=runs).stdout.encode()
    link, target, pipe = (tmp_path / name for name in ("link", "target", "pipe"))
    link.symlink_to(target)
    target.write_bytes(b"old")
    assert 0 == rtch("export", "--format", "csv", "--output", str(link), runs=runs).exit_code
    assert (True, expected) == (link.is_symlink(), target.read_bytes())
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        assert 0 == rtch("export", "--format", "csv", "--output", str(pipe), runs=runs).exit_code
        assert (True, expected) == (pipe.is_fifo(), os.read(reader, 1 << 16))
    finally:
        os.close(reader)
    assert [link, pipe, runs, target] == sorted(tmp_path.iterdir())


def test_a_torn_tail_is_a_warning_on_stderr(runs: Path) -> None:
    """The answer on standard output is as if the fragment were not there."""
    metrics = runs / Store(runs).ids()[2] / "metrics.jsonl"
    metrics.write_bytes(metrics.read_bytes() + b'{"step":9')
    for command in (["export", "latest", "--format", "csv"], ["summary", "latest"]):
        done = rtch(*command, runs=runs)
        assert (0, True) == (done.exit_code, "0.125" in done.stdout)
        assert f"rtch: warning: {metrics}: line 3: torn last line of 9 bytes ignored\n" == done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["summary", "zzz"], "begins with 'zzz'"),
        (["summary", "0"], "3 runs begin with '0'"),
        (["export", "zzz", "--format", "csv"], "begins with 'zzz'"),
        (["export"], "Missing option '--format'"),
        (["summary"], "Missing argument 'RUN'"),
        (["list", "--frob"], "No such option"),
        (["frob"], "No such command 'frob'"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(runs: Path, arguments: list[str], message: str) -> None:
    """Nothing on standard output, one line on stderr."""
    done = rtch(*arguments, runs=runs) if arguments != ["frob"] else CliRunner().invoke(main, arguments)
    assert (2, "") == (done.exit_code, done.stdout)
    assert done.stderr.startswith("rtch: error: ")
    assert message in done.stderr
    assert 1 == done.stderr.count("\n")


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_change_of_bytes_ends_in_an_answer_or_one_line(runs: Path, data: st.DataObject) -> None:
    """Whatever stands in the files, no command ends in a traceback."""
    run = runs / Store(runs).ids()[0]
    names = ["metrics.jsonl", "artifacts.jsonl", "run.json", "summary.json", "../registry.jsonl"]
    path = run / data.draw(st.sampled_from(names))
    whole = path.read_bytes()
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(start, min(start + 30, len(whole))))
    path.write_bytes(whole[:start] + data.draw(st.binary(max_size=5) | st.just(b"9" * 30)) + whole[end:])
    try:
        for command in (["list"], ["list", "--json"], ["summary", run.name], ["export", "--format", "csv"]):
            done = rtch(*command, runs=runs)
            assert done.exit_code in (0, 2), done.exception
            assert (done.exit_code == 2) == ("rtch: error: " in done.stderr)
    finally:
        path.write_bytes(whole)


def test_names_can_not_steer_the_terminal(runs: Path) -> None:
    """Control characters in files that others wrote are replaced."""
    run = runs / Store(runs).ids()[2]
    info = (run / "run.json").read_text("utf-8").replace("third", "\\u001b[31mred\\n")
    (run / "run.json").write_text(info, "utf-8")
    for command in (["list"], ["summary", "latest"]):
        done = rtch(*command, runs=runs)
        assert "\x1b" not in done.stdout
        assert "\N{REPLACEMENT CHARACTER}[31mred\N{REPLACEMENT CHARACTER}" in done.stdout


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0.821, "0.82s"), (9.99, "9.99s"), (42.4, "42s"), (59.6, "1m00s"), (185, "3m05s"), (7620, "2h07m"), (None, "-")],
)
def test_durations(seconds: float | None, expected: str) -> None:
    """Short, with the unit."""
    assert expected == tables.seconds_text(seconds)


def test_tables_cut_what_may_shrink_and_align_wide_characters() -> None:
    """A table fits its width, counted in columns of the terminal."""
    lines = tables.table(("NAME", "N"), [("日本語" * 5, "1"), ("x" * 40, "22")], 20, right=("N",), shrink=("NAME",))
    assert [20] * 3 == [tables.cell_width(line) for line in lines]
    assert lines[1].startswith("日本語日本語日…")
    assert lines[2].endswith("…  22")
