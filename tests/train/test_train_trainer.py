# SPDX-License-Identifier: MIT
"""The training loop: least squares, early stopping, divergence, interruption and going on."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rtch
from rtch import nn, optim
from rtch.checkpoint import load_training, save_training, state_sha256
from rtch.data import Dataset, Loader, Preparation, from_arrays, make_regression, read_csv
from rtch.errors import ArgumentError, CheckpointFormatError, DivergedError
from rtch.random import Generator
from rtch.train import Callback, EpochReport, Plan, Progress, Settings, Trainer, progress
from rtch.train.progress import Bar, Lines

EXAMPLES = Path(__file__).parents[2] / "examples"


class Record:
    """A recorder in memory that writes its checkpoints below a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        self.lines: list[tuple[int | None, dict[str, float]]] = []
        self.checkpoints: list[Path] = []

    def log(self, values: Mapping[str, Any], step: int | None = None) -> None:
        self.lines.append((step, dict(values)))

    def checkpoint(self, *, model: Any, optimizer: Any, epoch: int, step: int, **extra: Any) -> Path:
        folder = self.folder / f"{len(self.checkpoints)}"
        save_training(folder, model=model, optimizer=optimizer, state={"epoch": epoch, "step": step, **extra})
        self.checkpoints.append(folder)
        return folder

    def series(self, name: str) -> list[float]:
        return [values[name] for _, values in self.lines if name in values]


class StopAt(Callback):
    """Asks the trainer to stop after a step."""

    def __init__(self, step: int) -> None:
        self.step = step
        self.trainer: Trainer | None = None

    def on_step(self, step: int, loss: float) -> None:
        if step == self.step and self.trainer is not None:
            self.trainer.request_stop()


def data(n: int = 60) -> Dataset:
    return make_regression(n, 5, noise=0.3, seed=2)


def trainer(
    recorder: Any = None,
    *,
    callbacks: tuple[Callback, ...] = (),
    kind: str = "adam",
    lr: float = 0.01,
    model: nn.Module | None = None,
    preparation: Preparation | None = None,
    **settings: Any,
) -> Trainer:
    if model is None:
        model = nn.MLPRegressor(5, hidden=(8,), generator=Generator(7))
    optimizer: Any
    if kind == "adam":
        optimizer = optim.Adam(model.parameters(), lr=lr)
    else:
        optimizer = optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    return Trainer(
        model,
        optimizer,
        Settings(**settings),
        preparation=preparation,
        recorder=recorder,
        callbacks=callbacks,
    )


def sha256(of: Trainer) -> str:
    return state_sha256(of.model.state_dict())


def test_linear_regression_reaches_least_squares() -> None:
    """Trained to convergence on diabetes, predictions are those of NumPy's lstsq within 1e-3 relative."""
    train, test = read_csv(EXAMPLES / "diabetes.csv", "progression").split(0.8, seed=0)
    preparation = Preparation.fit(train)
    model = nn.LinearRegression(train.n_features, generator=Generator(1))
    run = trainer(
        model=model,
        preparation=preparation,
        kind="sgd",
        lr=0.3,
        epochs=1500,
        batch_size=len(train),
        shuffle=False,
    )
    run.fit(train)

    def design(part: Dataset) -> np.ndarray:
        x = part.x.numpy().astype(np.float64)
        return np.hstack([x, np.ones((len(x), 1))])

    solution, *_ = np.linalg.lstsq(design(train), train.y.numpy().astype(np.float64), rcond=None)
    for part in (train, test):
        expected = design(part) @ solution
        relative = np.abs(run.predict(part).numpy() - expected) / np.abs(expected)
        assert relative.max() < 1e-3


def test_metrics_are_logged_at_their_steps(tmp_path: Path) -> None:
    """A loss per step; the epoch's metrics at its last step; the test part at the end."""
    record = Record(tmp_path)
    train, validation, test = data().split(0.7, 0.15, seed=0)
    run = trainer(record, epochs=2, batch_size=16)
    result = run.fit(train, validation, test)
    steps = [(step, sorted(values)) for step, values in record.lines]
    epoch = ["train_loss", "val_mae", "val_mse", "val_r2"]
    assert steps == [
        *[(step, ["loss"]) for step in (1, 2, 3)],
        (3, epoch),
        *[(step, ["loss"]) for step in (4, 5, 6)],
        (6, epoch),
        (6, ["test_mae", "test_mse", "test_r2"]),
    ]
    losses = record.series("loss")
    expected = (losses[0] * 16 + losses[1] * 16 + losses[2] * 10) / 42
    assert record.series("train_loss")[0] == pytest.approx(expected, rel=1e-12)
    assert (result.step, result.epoch, result.finished) == (6, 2, True)
    assert result.test == run.evaluate(test)
    assert record.series("test_mse") == [run.evaluate(test)["mse"]]


def test_training_lowers_the_error() -> None:
    """Some epochs bring R2 close to 1 on data that is nearly linear."""
    train, test = data(400).split(0.8, seed=0)
    run = trainer(epochs=60, batch_size=32, lr=0.01, model=nn.LinearRegression(5, generator=Generator(0)))
    before = run.evaluate(test)
    run.fit(train)
    after = run.evaluate(test)
    assert after["r2"] > 0.95 > before["r2"]


def test_a_loop_by_hand_gives_the_same_weights() -> None:
    """The trainer does what the few lines of a script do: batches by seed and epoch, a step for each."""
    train = data()
    run = trainer(epochs=3, batch_size=16, seed=4, kind="sgd")
    run.fit(train)
    model = nn.MLPRegressor(5, hidden=(8,), generator=Generator(7))
    optimizer = optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    for epoch in range(3):
        for x, y in Loader(train, batch_size=16, seed=4, epoch=epoch):
            loss = nn.functional.mse_loss(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    assert state_sha256(model.state_dict()) == sha256(run)


def test_same_seed_same_weights() -> None:
    """Two trainings agree to the bit; another seed gives other batches and other weights."""
    train = data()
    hashes = []
    for seed in (0, 0, 1):
        run = trainer(epochs=3, batch_size=16, seed=seed)
        run.fit(train)
        hashes.append(sha256(run))
    assert hashes[0] == hashes[1]
    assert hashes[0] != hashes[2]


@pytest.mark.parametrize("kind", ["adam", "sgd"])
@pytest.mark.parametrize("stop", [1, 3, 4, 8, 14])
def test_going_on_after_an_interruption_is_exact(tmp_path: Path, kind: str, stop: int) -> None:
    """Stopped inside or between epochs, a resumed training logs and ends as one that never stopped."""
    train, validation, test = data().split(0.7, 0.15, seed=0)
    settings = {"epochs": 5, "batch_size": 16, "patience": 5, "kind": kind, "lr": 0.05}
    whole = Record(tmp_path / "whole")
    straight = trainer(whole, **settings)
    straight.fit(train, validation, test)
    assert straight.progress.step == 15

    stopper = StopAt(stop)
    first = Record(tmp_path / "first")
    stopped = trainer(first, callbacks=(stopper,), **settings)
    stopper.trainer = stopped
    with pytest.raises(KeyboardInterrupt):
        stopped.fit(train, validation, test)
    assert stopped.progress.step == stop

    second = Record(tmp_path / "second")
    resumed = trainer(second, **settings)
    found = load_training(first.checkpoints[-1])
    resumed.load(found.model, found.optimizer, found.state)
    resumed.fit(train, validation, test)
    assert whole.lines == first.lines + second.lines
    assert sha256(straight) == sha256(resumed)
    assert straight.progress == resumed.progress


class Counting(nn.Module):
    """A model with buffers that move with every call: a running mean, and a count in int64."""

    def __init__(self) -> None:
        super().__init__()
        self.mlp = nn.MLPRegressor(5, hidden=(8,), generator=Generator(7))
        self.register_buffer("mean", rtch.zeros((5,)))
        self.register_buffer("count", rtch.asarray(0))

    def forward(self, x: rtch.Tensor) -> rtch.Tensor:
        if self.training:
            self.mean = self.mean * 0.9 + x.detach().mean(axis=0) * 0.1
            self.count += 1
        return self.mlp(x - self.mean)  # type: ignore[no-any-return]


SCHEDULES: dict[str, Any] = {
    "step": lambda o: {"scheduler": optim.lr_scheduler.StepLR(o, 2)},
    "cycle": lambda o: {"scheduler": optim.lr_scheduler.OneCycleLR(o, 0.05, 15), "schedule_every": "step"},
    "multi": lambda o: {"scheduler": optim.lr_scheduler.MultiStepLR(o, [4, 4, 9]), "schedule_every": "step"},
    "plateau": lambda o: {"scheduler": optim.lr_scheduler.ReduceLROnPlateau(o, patience=0, threshold=0.5)},
    "sequential": lambda o: {
        "scheduler": optim.lr_scheduler.SequentialLR(
            o, [optim.lr_scheduler.ExponentialLR(o, 1.5), optim.lr_scheduler.CosineAnnealingLR(o, 3)], [2]
        )
    },
}


def scheduled(recorder: Any, name: str, optimizer: str, callbacks: tuple[Callback, ...] = ()) -> Trainer:
    model = Counting()
    made = getattr(optim, optimizer)(model.parameters(), lr=0.05, weight_decay=0.01)
    settings = Settings(epochs=5, batch_size=16, patience=5)
    return Trainer(model, made, settings, recorder=recorder, callbacks=callbacks, **SCHEDULES[name](made))


@pytest.mark.parametrize(("name", "optimizer"), [*((name, "AdamW") for name in SCHEDULES), ("step", "RMSprop")])
def test_going_on_with_schedule_and_buffers_is_exact(tmp_path: Path, name: str, optimizer: str) -> None:
    """Resumed inside an epoch and between two, the schedule, the buffers and the optimiser go on to the bit."""
    train, validation, test = data().split(0.7, 0.15, seed=0)
    whole = Record(tmp_path / "whole")
    straight = scheduled(whole, name, optimizer)
    straight.fit(train, validation, test)
    assert 15 == straight.progress.step
    assert straight.model.count.item() in range(3, 16, 3)  # of the best epoch
    assert straight.optimizer.param_groups[0]["lr"] != 0.05  # type: ignore[attr-defined]
    for stop in (4, 9):
        stopper, first = StopAt(stop), Record(tmp_path / f"first{stop}")
        stopped = scheduled(first, name, optimizer, (stopper,))
        stopper.trainer = stopped
        with pytest.raises(KeyboardInterrupt):
            stopped.fit(train, validation, test)
        second = Record(tmp_path / f"second{stop}")
        resumed = scheduled(second, name, optimizer)
        found = load_training(first.checkpoints[-1])
        resumed.load(found.model, found.optimizer, found.state)
        resumed.fit(train, validation, test)
        assert whole.lines == first.lines + second.lines
        assert sha256(straight) == sha256(resumed)
        assert straight.state_dict() == resumed.state_dict()


def test_a_schedule_is_stepped_in_its_time() -> None:
    """Every epoch or every step; what follows a metric, every epoch only; the checkpoint must have one too."""
    train = data()
    for every, expected in (("epoch", 3), ("step", 12)):
        model = nn.LinearRegression(5)
        made = optim.SGD(model.parameters(), lr=0.01)
        schedule = optim.lr_scheduler.ExponentialLR(made, 0.9)
        run = Trainer(model, made, Settings(epochs=3, batch_size=16), scheduler=schedule, schedule_every=every)  # type: ignore[arg-type]
        run.fit(train)
        assert expected == schedule.last_epoch
    with pytest.raises(ArgumentError, match="schedule_every is 'epoch' or 'step'; got 'day'"):
        Trainer(model, made, Settings(), scheduler=schedule, schedule_every="day")  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="follows a metric is stepped every epoch"):
        Trainer(model, made, Settings(), scheduler=optim.lr_scheduler.ReduceLROnPlateau(made), schedule_every="step")
    plain = Trainer(nn.LinearRegression(5), optim.SGD(nn.LinearRegression(5).parameters()), Settings())
    with pytest.raises(CheckpointFormatError, match="the trainer has none scheduler, so must the checkpoint; got one"):
        plain.load({}, {}, run.state_dict())


def test_a_stop_in_the_last_step_lets_the_training_end(tmp_path: Path) -> None:
    """Where nothing is left to do, nothing is interrupted."""
    stopper = StopAt(8)
    run = trainer(Record(tmp_path), callbacks=(stopper,), epochs=2, batch_size=16)
    stopper.trainer = run
    assert run.fit(data()).finished


def test_going_on_from_each_checkpoint_is_exact(tmp_path: Path) -> None:
    """Every checkpoint, the last one included, leads to the same end."""
    train, validation = data().split(0.8, seed=0)
    settings = {"epochs": 6, "batch_size": 16, "checkpoint_every": 2, "preparation": Preparation.fit(train)}
    record = Record(tmp_path / "a")
    straight = trainer(record, **settings)
    straight.fit(train, validation)
    assert len(record.checkpoints) == 3
    for number, folder in enumerate(record.checkpoints):
        again = Record(tmp_path / f"b{number}")
        resumed = trainer(again, **{**settings, "preparation": None})
        found = load_training(folder)
        resumed.load(found.model, found.optimizer, found.state)
        resumed.fit(train, validation)
        assert sha256(straight) == sha256(resumed)
        assert record.lines[len(record.lines) - len(again.lines) :] == again.lines


def test_early_stopping_restores_the_best_weights(tmp_path: Path) -> None:
    """Training stops after `patience` epochs without improvement, with the weights of the best epoch."""
    rng = np.random.default_rng(0)
    noise = from_arrays(rng.normal(size=(40, 5)), rng.normal(size=40))
    train, validation = noise.split(0.5, seed=0)
    record = Record(tmp_path)
    run = trainer(record, epochs=300, batch_size=8, patience=3, lr=0.05)
    result = run.fit(train, validation)
    errors = record.series("val_mse")
    assert result.stopped_early
    assert result.epoch < 300
    assert len(errors) == result.epoch
    assert errors[result.best_epoch] == min(errors)
    assert result.epoch - 1 - result.best_epoch == 3
    assert run.evaluate(validation)["mse"] == min(errors)
    assert errors[-1] > min(errors)


def test_min_delta_counts_small_improvements_as_none(tmp_path: Path) -> None:
    """An improvement below min_delta does not reset the patience."""
    train, validation = data().split(0.8, seed=0)
    record = Record(tmp_path)
    result = trainer(record, epochs=50, batch_size=16, patience=2, min_delta=1e9).fit(train, validation)
    assert (result.epoch, result.best_epoch, result.stopped_early) == (3, 0, True)


def test_divergence_is_said_with_its_step(tmp_path: Path) -> None:
    """A loss that is not finite stops the training, is logged, and names step and advice."""
    record = Record(tmp_path)
    run = trainer(record, epochs=200, batch_size=16, kind="sgd", lr=1e6)
    with pytest.raises(DivergedError, match="lower the learning rate") as caught:
        run.fit(data())
    step, values = record.lines[-1]
    assert caught.value.step == step
    assert not math.isfinite(caught.value.loss)
    assert not math.isfinite(values["loss"])
    assert all(math.isfinite(loss) for loss in record.series("loss")[:-1])


def test_divergence_in_the_last_step_is_found(tmp_path: Path) -> None:
    """Weights that became infinite in the very last step show in the test error."""
    train, test = data().split(0.5, seed=0)
    record = Record(tmp_path)
    run = trainer(record, epochs=1, batch_size=100, kind="sgd", lr=1e38)
    with pytest.raises(DivergedError, match="test_mse"):
        run.fit(train, None, test)


def test_patience_needs_validation() -> None:
    """Early stopping without anything to watch is refused."""
    with pytest.raises(ArgumentError, match="validation"):
        trainer(patience=1).fit(data())


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": 0},
        {"epochs": 1.5},
        {"batch_size": 0},
        {"patience": -1},
        {"checkpoint_every": -1},
        {"min_delta": -0.1},
    ],
)
def test_settings_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    """Counts are checked when the settings are made."""
    with pytest.raises(ArgumentError, match="Settings"):
        Settings(**wrong)


def test_checkpoints_of_scripts_are_refused(tmp_path: Path) -> None:
    """A checkpoint without a trainer's progress can't be gone on from, and says so."""
    run = trainer()
    with pytest.raises(CheckpointFormatError, match="progress"):
        run.load({}, {}, {"step": 3})
    with pytest.raises(CheckpointFormatError, match="must have"):
        Progress.from_state_dict({"step": 3})
    with pytest.raises(CheckpointFormatError, match="step must be a count"):
        Progress.from_state_dict({**Progress().state_dict(), "step": -1})


def test_evaluating_keeps_the_mode_and_the_graph() -> None:
    """Predicting leaves the model training and records no gradients."""
    run = trainer()
    run.model.train()
    prediction = run.predict(data())
    assert run.model.training
    assert not prediction.requires_grad
    run.model.eval()
    run.predict(data())
    assert not run.model.training


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def report(epoch: int, epochs: int = 100) -> EpochReport:
    return EpochReport(epoch, epochs, epoch * 10, {"train_loss": 0.5, "val_mse": 3021.25, "val_r2": 0.4831}, True)


def test_plain_lines_are_few() -> None:
    """Away from a terminal about ten lines are printed, the last epoch among them."""
    stream = io.StringIO()
    shown = progress(stream)
    assert isinstance(shown, Lines)
    shown.on_start(Plan(100, 10, 0))
    for epoch in range(1, 98):
        shown.on_epoch(report(epoch))
    shown.on_end()
    lines = stream.getvalue().splitlines()
    assert len(lines) == 11
    assert lines[0] == "epoch   1/100  train_loss 0.5       val_mse 3021      val_r2 0.4831"
    assert lines[-1].startswith("epoch  97/100")


def test_a_terminal_gets_a_bar() -> None:
    """On a terminal a bar shows the latest epoch, and stays when training ends."""
    stream = Terminal()
    shown = progress(stream)
    assert isinstance(shown, Bar)
    shown.on_start(Plan(3, 10, 0))
    for epoch in (1, 2, 3):
        shown.on_epoch(report(epoch, 3))
    shown.on_end()
    shown.on_end()
    assert "3/3" in stream.getvalue()


def test_callbacks_see_the_whole_training() -> None:
    """Start, each step, each epoch and the end are reported, the end also after an error."""
    seen: list[Any] = []

    class Watch(Callback):
        def on_start(self, plan: Plan) -> None:
            seen.append(plan)

        def on_step(self, step: int, loss: float) -> None:
            seen.append(step)

        def on_epoch(self, report: EpochReport) -> None:
            seen.append((report.epoch, report.step, report.improved))

        def on_end(self) -> None:
            seen.append("end")

    train, validation = data().split(0.5, seed=0)
    trainer(callbacks=(Watch(),), epochs=1, batch_size=15).fit(train, validation)
    assert seen == [Plan(1, 2, 0), 1, 2, (1, 2, True), "end"]
    seen.clear()
    with pytest.raises(DivergedError):
        trainer(callbacks=(Watch(),), epochs=99, batch_size=15, kind="sgd", lr=1e9).fit(train)
    assert seen[-1] == "end"
