# SPDX-License-Identifier: MIT
"""Running and resuming through the store: what a run records on every way out."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rtch import nn, optim
from rtch.checkpoint import load_training, state_sha256
from rtch.data import Loader, Preparation, derive_seed, read_csv
from rtch.errors import CheckpointError, ConfigError, DataError, DivergedError, ExperimentError, StoreIOError
from rtch.random import Generator
from rtch.service import TrainingService, make_config, resume
from rtch.service.interrupt import Terminated
from rtch.service.job import run_name
from rtch.store import Store
from rtch.train import Callback, regression_metrics

EXAMPLES = Path(__file__).parents[2] / "examples"
DIABETES = {"path": str(EXAMPLES / "diabetes.csv"), "target": "progression"}

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="signals can't be sent to one process there")


class InterruptAt(Callback):
    """Presses Ctrl-C, or sends another signal, after a step."""

    def __init__(self, step: int, number: signal.Signals = signal.SIGINT) -> None:
        self.step = step
        self.number = number

    def on_step(self, step: int, loss: float) -> None:
        if step == self.step:
            os.kill(os.getpid(), self.number)


def diabetes(**sections: Any) -> TrainingService:
    return TrainingService(data=DIABETES, **{"trainer": {"epochs": 4, "checkpoint_every": 1}, **sections})


def test_a_run_records_everything(tmp_path: Path) -> None:
    """Config and hash, data, environment, metrics, results, report and checkpoints are in the run."""
    outcome = diabetes(tags=["a", "b"], seed=3).run(tmp_path)
    view = Store(tmp_path).run("latest")
    assert (view.id, view.status, view.name, view.tags) == (outcome.run, "completed", "diabetes", ["a", "b"])
    assert make_config(view.config) == outcome.config
    assert view.info.config_sha256
    assert view.info.seed == 3
    assert view.info.data["fingerprint"] == outcome.data["fingerprint"]
    assert [view.info.data[part] for part in ("train_rows", "validation_rows", "test_rows")] == [309, 67, 66]
    assert view.info.environment["threads"] >= 1
    assert view.info.environment["numerics_version"] >= 1
    assert outcome.steps == 40
    assert len(view.metric("loss")) == 40
    assert len(view.metric("val_r2")) == 4
    assert view.metric("test_r2").values == [outcome.test["r2"]]
    assert view.results["weights_sha256"] == outcome.weights_sha256
    assert view.results["test"] == outcome.test
    assert (view.path / "summary.json").is_file()
    last = load_training(view.checkpoints[-1].path)
    assert state_sha256(last.model) == outcome.weights_sha256
    assert len(view.checkpoints) == 4
    (report,) = [line for line in view.artifacts if line.kind == "report"]
    assert json.loads((view.path / report.path).read_text()) == json.loads(json.dumps(outcome.report))


def test_reported_weights_are_in_the_datas_own_units(tmp_path: Path) -> None:
    """Raw features times the reported weights give the predictions behind the test metrics."""
    outcome = diabetes().run(tmp_path)
    linear = outcome.report["linear"]
    raw = np.loadtxt(DIABETES["path"], delimiter=",", skiprows=1)
    weights = np.array([row["weight"] for row in linear["features"]])
    prediction = raw[:, :10] @ weights + linear["bias"]
    from rtch.service.job import build

    job = build(outcome.config)
    model = load_training(Store(tmp_path).run("latest").checkpoints[-1].path).model
    job.model.load_state_dict(model)
    expected = job.trainer(None).predict(job.dataset).numpy()  # type: ignore[arg-type]
    np.testing.assert_allclose(prediction, expected, rtol=1e-5)


def test_a_script_by_hand_gives_the_same_weights(tmp_path: Path) -> None:
    """Split, standardisation, initial weights and batches follow the documented keys of one seed."""
    outcome = diabetes(seed=11, model={"name": "mlp", "hidden": [6]}).run(tmp_path)
    train, _, test = read_csv(DIABETES["path"], "progression").split(0.7, 0.15, seed=11)
    preparation = Preparation.fit(train)
    prepared = preparation.apply(train)
    model = nn.MLPRegressor(10, hidden=(6,), generator=Generator(derive_seed(11, "init")))
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    for epoch in range(4):
        for x, y in Loader(prepared, batch_size=32, seed=11, epoch=epoch):
            loss = nn.functional.mse_loss(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    assert state_sha256(model.state_dict()) == outcome.weights_sha256
    prediction = preparation.target_units(model(preparation.apply(test).x).detach())
    assert regression_metrics(prediction, test.y) == outcome.test


def test_synthetic_data_reports_the_true_weights(tmp_path: Path) -> None:
    """Enough epochs find the weights that made the data, and the report shows both."""
    outcome = TrainingService(data={"source": "synthetic", "n_features": 4, "noise": 0.01}, trainer={"epochs": 60}).run(
        tmp_path
    )
    assert Store(tmp_path).run("latest").name == "synthetic"
    for row in outcome.report["linear"]["features"]:
        assert row["weight"] == pytest.approx(row["true_weight"], abs=0.01)
    assert outcome.report["linear"]["bias"] == pytest.approx(outcome.report["linear"]["true_bias"], abs=0.01)
    assert outcome.test["r2"] > 0.999


def test_messy_file_trains_with_an_mlp(tmp_path: Path) -> None:
    """The example configuration with the messy file runs, stops early and learns."""
    outcome = TrainingService(EXAMPLES / "mlp.toml").run(tmp_path)
    assert outcome.test["r2"] > 0.5
    assert "linear" not in outcome.report
    assert outcome.best_epoch is not None


def test_one_fraction_trains_without_validation(tmp_path: Path) -> None:
    """A split with one fraction leaves the rest to testing."""
    outcome = TrainingService(data={**DIABETES, "split": [0.8]}, trainer={"epochs": 1}).run(tmp_path)
    assert outcome.data["validation_rows"] == 0
    assert "val_mse" not in Store(tmp_path).run("latest").metrics


def test_same_config_same_bits_in_any_order_of_runs(tmp_path: Path) -> None:
    """Two runs of one configuration end with one hash; another seed with another."""
    hashes = [diabetes(seed=seed).run(tmp_path).weights_sha256 for seed in (0, 0, 1)]
    assert hashes[0] == hashes[1]
    assert hashes[0] != hashes[2]


@pytest.mark.parametrize("name", ["", "my run"])
def test_run_names(name: str) -> None:
    """A run without a name is named after its data file."""
    assert run_name(make_config(data=DIABETES, name=name)) == (name or "diabetes")
    assert run_name(make_config(data={"source": "synthetic"})) == "synthetic"
    assert run_name(make_config(data={"path": "/a/\n.csv", "target": "y"})) == "run"


def test_bad_data_makes_no_run(tmp_path: Path) -> None:
    """What is wrong with the data is said before anything is written."""
    with pytest.raises(DataError, match="no such file"):
        TrainingService(data={"path": str(tmp_path / "no.csv"), "target": "y"}).run(tmp_path / "runs")
    with pytest.raises(ConfigError, match=r"trainer\.epoch"):
        TrainingService(data=DIABETES, trainer={"epoch": 3})
    assert not (tmp_path / "runs").exists()


def test_a_runs_folder_that_cant_be_written(tmp_path: Path) -> None:
    """A store below a regular file is a StoreIOError."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreIOError):
        diabetes().run(tmp_path / "file" / "runs")


def test_divergence_leaves_a_failed_run(tmp_path: Path) -> None:
    """The run is failed with its reason, and everything up to then is readable."""
    service = diabetes(optimizer={"name": "sgd", "lr": 1e8})
    with pytest.raises(DivergedError, match="lower the learning rate"):
        service.run(tmp_path)
    view = Store(tmp_path).run("latest")
    assert view.status == "failed"
    assert view.info.error is not None
    assert "lower the learning rate" in view.info.error
    losses = view.metric("loss").values
    assert len(losses) > 1
    assert not np.isfinite(losses[-1])
    assert (view.path / "summary.json").is_file()


@posix_only
@pytest.mark.parametrize("step", [1, 10, 25])
def test_ctrl_c_and_resume_end_as_if_it_never_happened(tmp_path: Path, step: int) -> None:
    """Interrupted inside or between epochs, the run is readable, resumes, and ends with the same hash and
    metrics.
    """
    straight = diabetes().run(tmp_path / "straight")
    with pytest.raises(KeyboardInterrupt):
        diabetes().run(tmp_path / "stopped", callbacks=[InterruptAt(step)])
    store = Store(tmp_path / "stopped")
    view = store.run("latest")
    assert view.status == "interrupted"
    assert (view.path / "summary.json").is_file()
    assert max(view.metric("loss").steps) == step
    outcome = resume(store, view.id)
    assert outcome.run == view.id
    assert (outcome.first_step, outcome.steps) == (step, 40)
    assert straight.weights_sha256 == outcome.weights_sha256
    assert straight.test == outcome.test
    assert logged(tmp_path / "straight") == logged(tmp_path / "stopped")
    assert store.run("latest").status == "completed"


@posix_only
def test_sigterm_is_as_ctrl_c(tmp_path: Path) -> None:
    """The run is interrupted with a checkpoint at that step, its reason names the signal, and it resumes."""
    straight = diabetes().run(tmp_path / "straight")
    with pytest.raises(Terminated):
        diabetes().run(tmp_path / "stopped", callbacks=[InterruptAt(15, signal.SIGTERM)])
    view = Store(tmp_path / "stopped").run("latest")
    assert ("interrupted", "Terminated") == (view.status, view.info.error)
    assert 15 == view.checkpoints[-1].step
    assert straight.weights_sha256 == resume(tmp_path / "stopped", view.id).weights_sha256


@posix_only
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_handlers_are_put_back(tmp_path: Path, number: signal.Signals) -> None:
    """After a training both signals do what they did before."""
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt):
        diabetes().run(tmp_path, callbacks=[InterruptAt(2, number)])
    assert before == (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM))
    diabetes().run(tmp_path)
    assert before == (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM))


@posix_only
def test_an_ignored_signal_stays_ignored(tmp_path: Path) -> None:
    """A training that was told to ignore SIGTERM goes on to its end."""
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        assert 40 == diabetes().run(tmp_path, callbacks=[InterruptAt(2, signal.SIGTERM)]).steps
    finally:
        signal.signal(signal.SIGTERM, before)


KILLED = """
import os, signal, sys
from rtch.service import TrainingService, resume
from rtch.train import Callback

class Kill(Callback):
    def on_step(self, step, loss):
        if step == int(sys.argv[4]):
            os.kill(os.getpid(), signal.SIGKILL)

verb, data, store = sys.argv[1:4]
if verb == "run":
    data = {"path": data, "target": "progression"}
    TrainingService(data=data, trainer={"epochs": 4, "checkpoint_every": 2}).run(store, callbacks=[Kill()])
else:
    resume(store, "latest", callbacks=[Kill()])
"""


def killed(verb: str, store: Path, step: int) -> None:
    """Run or resume in another process that is killed after a step."""
    process = subprocess.run([sys.executable, "-c", KILLED, verb, DIABETES["path"], str(store), str(step)], check=False)
    assert process.returncode == -signal.SIGKILL


def logged(store: Path) -> list[tuple[int, str, float]]:
    return [(step, name, value) for step, _, name, value in Store(store).run("latest").points()]


@posix_only
@pytest.mark.parametrize("step", [3, 25, 39])
def test_kill_9_and_resume_end_as_if_it_never_happened(tmp_path: Path, step: int) -> None:
    """Killed before, between or after checkpoints, the store reads well and resume ends with the same hash."""
    straight = diabetes(trainer={"epochs": 4, "checkpoint_every": 2}).run(tmp_path / "straight")
    killed("run", tmp_path / "killed", step)
    store = Store(tmp_path / "killed")
    view = store.run("latest")
    assert view.status == "crashed"
    assert [record.status for record in store.runs()] == ["crashed"]
    assert max(view.metric("loss").steps) == step
    assert view.summary().steps == step
    outcome = resume(store, "latest")
    assert straight.weights_sha256 == outcome.weights_sha256
    assert outcome.first_step == (0 if step < 20 else 20)
    assert logged(tmp_path / "straight") == logged(tmp_path / "killed")


@posix_only
def test_killed_again_and_again(tmp_path: Path) -> None:
    """Killed three times, also while going on, and interrupted once, the run ends with the same record."""
    straight = diabetes(trainer={"epochs": 4, "checkpoint_every": 2}).run(tmp_path / "straight")
    killed("run", tmp_path / "killed", 15)
    killed("resume", tmp_path / "killed", 28)
    killed("resume", tmp_path / "killed", 22)
    with pytest.raises(KeyboardInterrupt):
        resume(tmp_path / "killed", "latest", callbacks=[InterruptAt(33)])
    killed("resume", tmp_path / "killed", 36)
    outcome = resume(tmp_path / "killed", "latest")
    assert outcome.first_step == 33
    assert straight.weights_sha256 == outcome.weights_sha256
    assert logged(tmp_path / "straight") == logged(tmp_path / "killed")


@posix_only
def test_resume_refuses_what_it_cannot_continue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Completed runs, scripts' runs, another numerics version and changed data are refused."""
    import rtch

    store = Store(tmp_path / "runs")
    done = diabetes().run(store)
    with pytest.raises(ExperimentError, match="is completed"):
        resume(store, done.run)
    with store.start_run("script") as script:
        script.log({"loss": 1.0})
    with pytest.raises(ExperimentError, match="made by a script"):
        resume(store, script.id)
    data = tmp_path / "d.csv"
    data.write_bytes(Path(DIABETES["path"]).read_bytes())
    service = TrainingService(data={**DIABETES, "path": str(data)}, trainer={"epochs": 4})
    with pytest.raises(KeyboardInterrupt):
        service.run(store, callbacks=[InterruptAt(15)])
    with monkeypatch.context() as patch:
        patch.setattr(rtch, "numerics_version", 99, raising=False)
        with pytest.raises(ExperimentError, match="numerics_version"):
            resume(store, "latest")
    data.write_text(data.read_text().replace("151", "152", 1))
    with pytest.raises(DataError, match="has changed"):
        resume(store, "latest")
    assert store.run("latest").status == "interrupted"
    assert resume(store, "latest", data=DIABETES["path"]).weights_sha256 == done.weights_sha256


@posix_only
@pytest.mark.parametrize("file", ["model.rtch", "optimizer.rtch", "state.json"])
def test_a_truncated_checkpoint_is_refused_and_the_run_left_alone(tmp_path: Path, file: str) -> None:
    """Resume names the damaged file, and the run stays as it was."""
    with pytest.raises(KeyboardInterrupt):
        diabetes().run(tmp_path, callbacks=[InterruptAt(15)])
    view = Store(tmp_path).run("latest")
    path = view.checkpoints[-1].path / file
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(CheckpointError, match=file) as caught:
        resume(tmp_path, "latest")
    assert "\n" not in str(caught.value)
    assert Store(tmp_path).run("latest").status == "interrupted"


@posix_only
def test_a_second_writer_is_refused(tmp_path: Path) -> None:
    """A run that is being written can't be resumed by another process."""
    code = KILLED.replace("os.kill(os.getpid(), signal.SIGKILL)", "print('here', flush=True); signal.pause()")
    with subprocess.Popen(
        [sys.executable, "-c", code, "run", DIABETES["path"], str(tmp_path), "3"], stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"here\n"
        with pytest.raises(ExperimentError, match="is writing"):
            resume(tmp_path, "latest")
        other.kill()
    assert Store(tmp_path).run("latest").status == "crashed"
    assert resume(tmp_path, "latest").steps == 40
