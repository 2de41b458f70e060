# SPDX-License-Identifier: MIT
"""The life of a run: start, log, resume, finish, and how it looks from outside."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
import types
from pathlib import Path
from typing import Any

import msgspec
import pytest

from rtch.errors import ArgumentError, ExperimentError, RunLockedError, StoreIOError
from rtch.store import Store, environment, info, registry
from rtch.store.ids import is_id, new_id


def run_json(store: Store, run: str = "latest") -> dict[str, Any]:
    """Return run.json as plain data."""
    found: dict[str, Any] = msgspec.json.decode((store.path / store.resolve(run) / "run.json").read_bytes())
    return found


def test_a_run_from_start_to_finish(tmp_path: Path) -> None:
    """Everything that was given and logged reads back, and all files of the layout stand."""
    store = Store(tmp_path / "runs")
    assert [] == store.runs()
    assert not store.path.exists()
    with store.start_run(
        "houses", tags=["mlp", "mlp", "a b"], config={"lr": 0.5}, seed=7, entry="m:f", environment={"isa": "avx2"}
    ) as run:
        assert "running" == store.run(run.id).status == store.runs()[0].status
        run.log({"loss": 0.5, "lr": 1})
        run.log({"loss": 0.25}, step=10)
        run.log({"loss": 0.125})
        run.set(weights_sha256="ab", test={"mse": 0.5}, data={"rows": 442}, environment={"threads": 2})
    view = store.run(run.id)
    assert ["loss", "lr"] == view.metrics
    loss = view.metric("loss")
    assert ([1, 10, 11], [0.5, 0.25, 0.125]) == (loss.steps, loss.values)
    assert [(1, 0.5), (10, 0.25), (11, 0.125)] == [(point.step, point.value) for point in loss]
    assert loss.times == sorted(loss.times)
    assert abs(loss.times[0] - time.time()) < 60
    assert ("houses", "completed", ["mlp", "a b"]) == (view.name, view.status, view.tags)
    assert {"lr": 0.5} == view.config
    assert {"weights_sha256": "ab", "test": {"mse": 0.5}} == view.results
    info = view.info
    assert (7, "m:f", {"rows": 442}) == (info.seed, info.entry, info.data)
    assert ("avx2", 2) == (info.environment["isa"], info.environment["threads"])
    assert hashlib.sha256(b'{"lr":0.5}').hexdigest() == info.config_sha256 == run.config_sha256
    expected = {"run.json", "run.lock", "metrics.jsonl", "artifacts.jsonl", "summary.json"}
    assert expected == {path.name for path in view.path.iterdir()}
    assert (view.path / "run.json").read_bytes().startswith(b'{\n  "schema": "rtch.run",\n  "version": 1,')


@pytest.mark.parametrize(
    ("error", "status", "reason"),
    [
        (ValueError("two\nlines"), "failed", "ValueError: two lines"),
        (AssertionError(), "failed", "AssertionError"),
        (RuntimeError("x" * 9999), "failed", ("RuntimeError: " + "x" * 9999)[:500]),
        (KeyboardInterrupt(), "interrupted", "KeyboardInterrupt"),
        (SystemExit(3), "failed", "SystemExit: 3"),
        (SystemExit(0), "completed", None),
    ],
    ids=lambda value: type(value).__name__,
)
def test_leaving_by_an_exception_is_recorded(
    tmp_path: Path, error: BaseException, status: str, reason: str | None
) -> None:
    """The exception goes on, run.json, registry and summary tell how the run ended."""
    store = Store(tmp_path)
    with pytest.raises(type(error)) as caught, store.start_run("fails") as run:
        run.log({"loss": 1.0})
        raise error
    assert error is caught.value
    assert (status, reason) == (run_json(store)["status"], run_json(store)["error"])
    assert [status] == [record.status for record in store.runs()]
    assert (run.path / "summary.json").exists()


def test_a_failure_to_finish_does_not_hide_the_first_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first exception goes on with a note, and the lock is freed."""

    def refuse(*_: Any) -> None:
        raise StoreIOError("disk full")

    with pytest.raises(ValueError, match="first") as caught, Store(tmp_path).start_run("x") as run:
        monkeypatch.setattr(registry, "append", refuse)
        raise ValueError("first")
    assert [f"rtch: run {run.id} could not be finished: disk full"] == caught.value.__notes__
    assert "failed" == Store(tmp_path).run(run.id).status


def test_the_status_is_that_of_run_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where run.json can't be replaced the run stays running, and its readers call it crashed."""

    def refuse(*_: Any) -> None:
        raise StoreIOError("disk full")

    store = Store(tmp_path)
    with pytest.raises(ValueError, match="first"), store.start_run("x") as run:
        monkeypatch.setattr(info, "write", refuse)
        raise ValueError("first")
    assert ("running", "crashed") == (run.status, store.run(run.id).status)


def test_a_finished_run_takes_nothing_more(tmp_path: Path) -> None:
    """Every way to write raises, a second finish changes nothing."""
    store = Store(tmp_path)
    with store.start_run("done") as run:
        run.finish("failed", "gave up")
        for write in (
            lambda: run.log({"loss": 1}),
            lambda: run.set(a=1),
            lambda: run.save_artifact("a", b""),
            lambda: run.checkpoint(model=None),
        ):
            with pytest.raises(ExperimentError, match="takes no more records"):
                write()
    assert ("failed", "gave up") == (run_json(store)["status"], run_json(store)["error"])


@pytest.mark.parametrize("fact", ["id", "status", "config", "results", "git", "schema"])
def test_what_the_store_keeps_can_not_be_set(tmp_path: Path, fact: str) -> None:
    """Run.set refuses the fields of run.json that belong to the store."""
    with Store(tmp_path).start_run("x") as run, pytest.raises(ArgumentError, match=fact):
        run.set(**{fact: "y"})


@pytest.mark.parametrize(
    "arguments",
    [
        {"name": ""},
        {"name": "a\x1b[31m"},
        {"name": 3},
        {"name": "x", "tags": "mlp"},
        {"name": "x", "tags": [""]},
        {"name": "x", "seed": 1.5},
        {"name": "x", "seed": 2**64},
        {"name": "x", "entry": "module"},
    ],
    ids=repr,
)
def test_bad_arguments_start_no_run(tmp_path: Path, arguments: dict[str, Any]) -> None:
    """A typed error, and no folder."""
    with pytest.raises(ArgumentError):
        Store(tmp_path / "runs").start_run(**arguments)
    assert not (tmp_path / "runs").exists()


def test_resume_drops_later_records_and_counts_on(tmp_path: Path) -> None:
    """Readers see the run as if it had never gone past the step it was resumed from."""
    store = Store(tmp_path)
    with pytest.raises(RuntimeError), store.start_run("r") as run:
        for step in range(1, 7):
            run.log({"loss": step, "early": step} if step < 4 else {"loss": step, "late": step})
        raise RuntimeError
    run = store.resume_run(run.id, from_step=3, environment={"threads": 4})
    assert "running" == store.run("latest").status
    assert 3 == run.step
    run.log({"loss": 40})
    run.finish()
    with store.resume_run("latest") as again:
        assert 4 == again.step
        again.log({"loss": 50})
    with store.resume_run("latest", from_step=4) as again:
        again.log({"loss": 51})
    view = store.run("latest")
    assert ([1, 2, 3, 4, 5], [1, 2, 3, 40, 51]) == (view.metric("loss").steps, view.metric("loss").values)
    assert ["loss", "early"] == view.metrics
    assert "completed" == view.status
    assert (5, 5, 51) == (
        view.summary().steps,
        view.summary().metrics["loss"].count,
        view.summary().metrics["loss"].last,
    )
    resumes = run_json(store)["resumes"]
    assert [(3, "failed"), (4, "completed"), (4, "completed")] == [(r["from_step"], r["was"]) for r in resumes]
    assert {"threads": 4} == resumes[0]["environment"]


@pytest.mark.parametrize("step", [-1, 3, 1.0, True])
def test_resume_from_a_step_that_was_not_reached(tmp_path: Path, step: Any) -> None:
    """The run stays as it was, and its lock is free afterwards."""
    store = Store(tmp_path)
    with store.start_run("r") as run:
        run.log({"loss": 1})
        run.log({"loss": 1})
    before = run_json(store)
    with pytest.raises(ArgumentError, match="from_step"):
        store.resume_run(run.id, from_step=step)
    assert before == run_json(store)
    store.resume_run(run.id).finish()


def test_a_run_has_one_writer(tmp_path: Path) -> None:
    """A run that is being written can't be resumed; when it is finished it can."""
    store = Store(tmp_path)
    with store.start_run("r") as run, pytest.raises(RunLockedError, match=run.id):
        store.resume_run(run.id)
    store.resume_run(run.id).finish()


def test_threads_share_a_run(tmp_path: Path) -> None:
    """Every call gets a step of its own and no line is torn."""
    store = Store(tmp_path)
    with store.start_run("threads") as run:
        threads = [threading.Thread(target=lambda: [run.log({"x": 1}) for _ in range(500)]) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert list(range(1, 2001)) == store.run("latest").metric("x").steps


@pytest.mark.skipif(not hasattr(os, "fork"), reason="fork is POSIX")
def test_a_forked_child_leaves_the_run_to_its_parent(tmp_path: Path) -> None:
    """A child that leaves the block by an exception neither finishes the run nor frees its lock."""
    script = """
import os, sys
from rtch.errors import ExperimentError
from rtch.store import Store
store = Store(sys.argv[1])
with store.start_run("parent") as run:
    child = os.fork()
    if child == 0:
        try:
            run.log({"loss": 1})
        except ExperimentError:
            sys.exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    assert store.run(run.id).status == "running"
    run.log({"loss": 2})
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", script, str(tmp_path)], check=True)
    view = Store(tmp_path).run("latest")
    assert ("completed", [2]) == (view.status, view.metric("loss").values)


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")
def test_ctrl_c_marks_a_run_interrupted(tmp_path: Path) -> None:
    """A real SIGINT in the middle of logging leaves a readable run."""
    script = """
import sys
from rtch.store import Store
with Store(sys.argv[1]).start_run("loop") as run:
    print("go", flush=True)
    while True:
        run.log({"loss": 1.0})
"""
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) != 0
    view = Store(tmp_path).run("latest")
    assert "interrupted" == view.status
    assert view.summary().metrics["loss"].count == len(view.metric("loss")) > 0


def test_artifacts_are_copied_hashed_and_never_overwritten(tmp_path: Path) -> None:
    """The ledger names kind, path, size, hash and step of each file."""
    source = tmp_path / "plot.png"
    source.write_bytes(b"pixels")
    store = Store(tmp_path / "runs")
    with store.start_run("a") as run:
        first = run.artifact(source, kind="image", step=3)
        second = run.artifact(str(source))
        third = run.save_artifact("text/report.txt", "grüße", kind="text")
    assert [run.path / "artifacts" / name for name in ("plot.png", "plot-2.png")] == [first, second]
    assert "grüße" == third.read_text("utf-8")
    lines = store.run("latest").artifacts
    assert [
        ("image", "artifacts/plot.png", 6, hashlib.sha256(b"pixels").hexdigest(), 3),
        ("file", "artifacts/plot-2.png", 6, hashlib.sha256(b"pixels").hexdigest(), None),
    ] == [(line.kind, line.path, line.size, line.sha256, line.step) for line in lines[:2]]
    assert {"image": 1, "file": 1, "text": 1} == store.run("latest").summary().artifacts


@pytest.mark.parametrize("name", ["", "/etc/x", "../x", "a/../../x", "a//b", "C:x", "a\\b", "a\x00b", "."])
def test_artifact_names_stay_inside_the_run(tmp_path: Path, name: str) -> None:
    """Names that lead elsewhere are refused and nothing is written."""
    with Store(tmp_path / "runs").start_run("a") as run:
        with pytest.raises(ArgumentError, match="relative path"):
            run.save_artifact(name, b"x")
        assert not (run.path / "artifacts").exists()


def test_a_missing_artifact_file_is_a_store_error(tmp_path: Path) -> None:
    """The message names the file."""
    with Store(tmp_path).start_run("a") as run, pytest.raises(StoreIOError, match=r"gone\.png"):
        run.artifact(tmp_path / "gone.png")


def test_checkpoints_are_registered_and_follow_a_resume(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of a checkpoint enter the ledger together; those after the resumed step no longer count."""
    states = []

    def save_training(folder: Path, *, model: Any, optimizer: Any, state: dict[str, Any]) -> list[Path]:
        folder.mkdir()
        states.append(state)
        for name in ("model.rtch", "state.json"):
            (folder / name).write_text(f"{model} {optimizer}")
        return [folder / "model.rtch", folder / "state.json"]

    stand_in = types.ModuleType("rtch.checkpoint")
    stand_in.save_training = save_training  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "rtch.checkpoint", stand_in)  # the real one needs the C core
    store = Store(tmp_path)
    with store.start_run("c") as run:
        for _ in range(2):
            run.log({"loss": 1})
            run.checkpoint(model="m", optimizer="o", epoch=1, rng=[1, 2])
    assert {"step": 1, "epoch": 1, "rng": [1, 2]} == states[0]
    with store.resume_run("latest", from_step=1) as run:
        run.log({"loss": 2})
        run.checkpoint(model="m", step=2)
    found = store.run("latest").checkpoints
    names = ["step-00000001", "step-00000002-2"]
    assert [(1, names[0]), (2, names[1])] == [(checkpoint.step, checkpoint.path.name) for checkpoint in found]
    assert [f"checkpoints/{names[1]}/{name}" for name in ("model.rtch", "state.json")] == [
        line.path for line in found[1].files
    ]
    assert {"checkpoint": 4} == store.run("latest").summary().artifacts


def test_telemetry_adds_up_over_resumed_parts(tmp_path: Path) -> None:
    """Totals given at each finish are summed; unknown groups are refused before anything is written."""
    store = Store(tmp_path)
    run = store.start_run("t")
    with pytest.raises(ArgumentError, match="layout and spans"):
        run.finish(telemetry={"other": {}})
    assert "running" == run.status
    run.finish()
    for _ in range(2):
        run = store.resume_run("latest")
        run.finish(telemetry={"layout": {"contiguous": 3}, "spans": {"forward": {"count": 2, "seconds": 0.5}}})
    made = store.run("latest").summary()
    assert {"contiguous": 6} == made.layout
    assert {"forward": {"count": 4, "seconds": 1.0}} == made.spans


def test_ids_sort_by_creation() -> None:
    """Ids of one process increase strictly, also within a millisecond."""
    made = [new_id() for _ in range(5000)]
    assert made == sorted(set(made))
    assert all(map(is_id, made))


def test_git_state_never_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No git, no repository, and a git that hangs all give None in time."""
    assert environment.git_state(tmp_path) is None
    slow = tmp_path / "bin" / "git"
    slow.parent.mkdir()
    slow.write_text("#!/bin/sh\nexec sleep 60\n")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", str(slow.parent), prepend=os.pathsep)
    begin = time.monotonic()
    assert environment.git_state(tmp_path, 0.2) is None
    assert time.monotonic() - begin < 2
    monkeypatch.setenv("PATH", str(tmp_path))
    assert environment.git_state(tmp_path) is None
