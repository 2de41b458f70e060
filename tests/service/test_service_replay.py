# SPDX-License-Identifier: MIT
"""Replay: identical with any number of threads, and each way in which a run can differ."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import rtch
from rtch.errors import ConfigError, DataError, DivergedError, ReplayError
from rtch.service import TrainingService, replay, resume
from rtch.service.replay import same_bits
from rtch.store import RunView, Store
from rtch.train import Callback

EXAMPLES = Path(__file__).parents[2] / "examples"


def trained(folder: Path, **sections: Any) -> RunView:
    data = folder / "data.csv"
    if not data.exists():
        shutil.copy(EXAMPLES / "diabetes.csv", data)
    TrainingService(
        data={"path": str(data), "target": "progression"},
        **{"trainer": {"epochs": 3}, "model": {"name": "mlp", "hidden": [8]}, **sections},
    ).run(folder / "runs")
    return Store(folder / "runs").run("latest")


def edit_json(path: Path, change: Any) -> None:
    tree = json.loads(path.read_text())
    change(tree)
    path.write_text(json.dumps(tree))


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_identical_with_any_number_of_threads(tmp_path: Path, threads: int) -> None:
    """The replay has the recorded hash whatever the number of threads, and writes nothing."""
    view = trained(tmp_path)
    before = sorted(path for path in tmp_path.rglob("*"))
    now = rtch.get_num_threads()
    rtch.set_num_threads(threads)
    try:
        result = replay(view)
    finally:
        rtch.set_num_threads(now)
    assert result.verdict == "identical"
    assert result.recorded == result.replayed == view.results["weights_sha256"]
    assert (result.steps, result.threads, result.recorded_threads) == (30, threads, now)
    assert result.difference is None
    assert before == sorted(path for path in tmp_path.rglob("*"))


def test_early_stopped_and_resumed_runs_replay(tmp_path: Path) -> None:
    """Best weights that were restored, and steps that were made twice, don't show."""

    class Stop(Callback):
        def on_step(self, step: int, loss: float) -> None:
            if step == 47:
                raise RuntimeError("the machine failed")

    options = {"trainer": {"epochs": 60, "patience": 4, "checkpoint_every": 3}, "optimizer": {"lr": 0.05}}
    data = {"path": str(EXAMPLES / "diabetes.csv"), "target": "progression"}
    service = TrainingService(data=data, model={"name": "mlp"}, **options)
    with pytest.raises(RuntimeError, match="machine"):
        service.run(tmp_path, callbacks=[Stop()])
    assert Store(tmp_path).run("latest").status == "failed"
    outcome = resume(tmp_path, "latest")
    assert outcome.stopped_early
    assert outcome.first_step == 30
    assert replay(Store(tmp_path).run("latest")).verdict == "identical"


def test_the_first_metric_that_differs_is_named(tmp_path: Path) -> None:
    """A recorded value that was changed in its last bit is found at its step."""
    view = trained(tmp_path)
    path = view.path / "metrics.jsonl"
    lines = path.read_text().splitlines()
    at = next(number for number, line in enumerate(lines) if '"step":13,' in line)
    record = json.loads(lines[at])
    recorded = record["values"]["loss"]
    import math

    record["values"]["loss"] = math.nextafter(recorded, 1e9)
    lines[at] = json.dumps(record)
    path.write_text("\n".join(lines) + "\n")
    result = replay(Store(tmp_path / "runs").run("latest"))
    assert result.verdict == "different"
    assert result.difference is not None
    assert (result.difference.step, result.difference.name) == (13, "loss")
    assert (result.difference.recorded, result.difference.replayed) == (record["values"]["loss"], recorded)
    assert result.steps == 12


@pytest.mark.parametrize(("keep", "step"), [(20, 19), (-1, 30)])
def test_lines_that_are_missing_are_found(tmp_path: Path, keep: int, step: int) -> None:
    """A record that ends too early differs where it ends."""
    view = trained(tmp_path)
    path = view.path / "metrics.jsonl"
    lines = path.read_text().splitlines()[:keep]
    path.write_text("\n".join(lines) + "\n")
    result = replay(Store(tmp_path / "runs").run("latest"))
    assert result.verdict == "different"
    assert result.difference is not None
    assert result.difference.step == step
    assert result.difference.recorded is None


def test_lines_that_are_too_many_are_found(tmp_path: Path) -> None:
    """A recorded value beyond the end of the replay differs."""
    view = trained(tmp_path)
    with (view.path / "metrics.jsonl").open("a") as file:
        file.write('{"step":31,"time":1.0,"values":{"loss":1.0}}\n')
    difference = replay(Store(tmp_path / "runs").run("latest")).difference
    assert difference is not None
    assert (difference.step, difference.name, difference.recorded, difference.replayed) == (
        31,
        "loss",
        1.0,
        None,
    )


def test_weights_that_differ_are_found(tmp_path: Path) -> None:
    """Equal metrics with another recorded hash are different."""
    view = trained(tmp_path)
    edit_json(view.path / "run.json", lambda tree: tree["results"].update(weights_sha256="0" * 64))
    result = replay(Store(tmp_path / "runs").run("latest"))
    assert result.verdict == "different"
    assert result.difference is not None
    assert result.difference.name == "weights_sha256"
    assert result.difference.recorded == "0" * 64
    assert result.replayed == view.results["weights_sha256"]


def test_another_seed_is_different(tmp_path: Path) -> None:
    """The comparison is real: a changed seed in the recorded config shows at the first step."""
    view = trained(tmp_path)
    edit_json(view.path / "run.json", lambda tree: tree["config"].update(seed=1))
    result = replay(Store(tmp_path / "runs").run("latest"))
    assert result.verdict == "different"
    assert result.difference is not None
    assert result.difference.step == 1


def test_divergence_in_the_replay_is_a_difference(tmp_path: Path) -> None:
    """A replay that diverges where the record did not is different, not an error."""
    view = trained(tmp_path, model={"name": "linear"}, optimizer={"name": "sgd", "lr": 0.01})
    edit_json(view.path / "run.json", lambda tree: tree["config"]["optimizer"].update(lr=1e30))
    assert replay(Store(tmp_path / "runs").run("latest")).verdict == "different"


def test_changed_data_is_reported_as_such(tmp_path: Path) -> None:
    """Other bytes in the file are changed data; the same bytes elsewhere are the data."""
    view = trained(tmp_path)
    data = tmp_path / "data.csv"
    moved = tmp_path / "moved.csv"
    shutil.move(data, moved)
    with pytest.raises(DataError, match="no such file"):
        replay(view)
    assert replay(view, data=moved).verdict == "identical"
    data.write_text(moved.read_text().replace("151", "152", 1))
    result = replay(view)
    assert result.verdict == "data_changed"
    assert result.data[0] == view.info.data["fingerprint"]
    assert result.data[1] not in (None, result.data[0])


def test_synthetic_runs_replay(tmp_path: Path) -> None:
    """Made-up data is made again."""
    TrainingService(data={"source": "synthetic", "n_samples": 50}, trainer={"epochs": 2}).run(tmp_path)
    view = Store(tmp_path).run("latest")
    assert replay(view).verdict == "identical"
    with pytest.raises(ConfigError, match="this data is synthetic"):
        replay(view, data="a.csv")


def test_another_numerics_version_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is trained, and the release that made the run is named."""
    view = trained(tmp_path)
    made = rtch.numerics_version
    monkeypatch.setattr(rtch, "numerics_version", 99, raising=False)
    result = replay(view)
    assert result.verdict == "other_numerics"
    assert result.numerics == (made, 99)
    assert result.release == view.info.environment["rtch"]
    assert result.replayed is None


def test_runs_that_cannot_be_replayed_say_why(tmp_path: Path) -> None:
    """Scripts' runs and runs that did not complete are refused."""
    store = Store(tmp_path)
    with store.start_run("script") as run:
        run.log({"loss": 1.0})
    with pytest.raises(ReplayError, match="made by a script"):
        replay(store.run("latest"))
    data = {"path": str(EXAMPLES / "diabetes.csv"), "target": "progression"}
    with pytest.raises(DivergedError):
        TrainingService(data=data, optimizer={"name": "sgd", "lr": 1e8}).run(store)
    with pytest.raises(ReplayError, match="only completed runs"):
        replay(store.run("latest"))


def test_same_bits() -> None:
    """All NaNs are one value; the two zeros and neighbours are not."""
    nan = float("nan")
    assert same_bits(nan, -nan)
    assert same_bits(1.5, 1.5)
    assert same_bits(float("inf"), float("inf"))
    assert not same_bits(0.0, -0.0)
    assert not same_bits(1.0, 1.0000000000000002)
    assert not same_bits(nan, 1.0)
