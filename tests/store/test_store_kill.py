# SPDX-License-Identifier: MIT
"""What a process acknowledged before it was killed is readable afterwards."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rtch.store import Store

WRITER = """
import os, sys
from rtch.store import Store
with Store(sys.argv[1]).start_run("writer") as run:
    print(run.id, flush=True)
    acknowledged = os.open(sys.argv[2], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for step in range(1, 10_000_000):
        run.log({"loss": step * 0.5, "other": step})
        os.write(acknowledged, b"%d\\n" % step)
"""


def kill_writer(store: Path, acknowledged: Path, seconds: float) -> None:
    """Start a writer at full speed and kill it some time after its first line."""
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(store), str(acknowledged)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        time.sleep(seconds)
        process.kill()
        assert process.wait() == -signal.SIGKILL


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX")
@pytest.mark.parametrize("round_number", range(10))
def test_every_acknowledged_point_survives_sigkill(tmp_path: Path, round_number: int) -> None:
    """A killed writer leaves every point whose log call returned, and a run that is shown as crashed."""
    kill_writer(tmp_path / "runs", tmp_path / "acknowledged", random.Random(round_number).uniform(0, 0.1))
    lines = (tmp_path / "acknowledged").read_text().split("\n") if (tmp_path / "acknowledged").exists() else [""]
    last = int(lines[-2]) if len(lines) > 1 else 0
    view = Store(tmp_path / "runs").run("latest")
    assert view.status == "crashed"
    if last:
        series = view.metric("loss")
        assert last <= len(series) <= last + 1
        assert list(range(1, len(series) + 1)) == series.steps
        assert [step * 0.5 for step in series.steps] == series.values
        assert len(series) == view.summary().metrics["other"].count
    assert ["crashed"] == [record.status for record in Store(tmp_path / "runs").runs()]


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX")
def test_a_killed_run_resumes_where_it_was_killed(tmp_path: Path) -> None:
    """The lock of a killed writer is free, and the resumed run counts on from its last step."""
    kill_writer(tmp_path, tmp_path / "acknowledged", 0.05)
    store = Store(tmp_path)
    killed_at = store.run("latest").metric("loss").steps[-1]
    with store.resume_run("latest") as run:
        run.log({"loss": 0.0})
    view = store.run("latest")
    assert "completed" == view.status
    assert killed_at + 1 == view.metric("loss").steps[-1]


def test_two_processes_write_different_runs_at_once(tmp_path: Path) -> None:
    """Neither loses a point or a line of the registry."""
    script = """
import sys
from rtch.store import Store
for number in range(20):
    with Store(sys.argv[1]).start_run(f"{sys.argv[2]}{number}") as run:
        for step in range(50):
            run.log({"loss": step})
"""
    processes = [subprocess.Popen([sys.executable, "-c", script, str(tmp_path), name]) for name in ("left", "right")]
    assert [0, 0] == [process.wait() for process in processes]
    store = Store(tmp_path)
    expected = sorted(f"{name}{number}" for name in ("left", "right") for number in range(20))
    assert expected == sorted(record.name for record in store.runs(status="completed"))
    assert [] == store.warnings
    assert 1 + 2 * 40 == len((tmp_path / "registry.jsonl").read_text().splitlines())
    assert all(50 == len(store.run(record.id).metric("loss")) for record in store.runs())
