# SPDX-License-Identifier: MIT
"""The training loop: epochs of batches, validation, early stopping, checkpoints, and going on from one.

Metrics that are logged, by step:

==============  ========================================================================================
``loss``        each step: the loss of its batch before the step, in the units the model is trained in
``train_loss``  each epoch: the mean of ``loss`` over its rows
``val_mse``     each epoch with a validation part: mean squared error, in the target's own units
``val_mae``     mean absolute error
``val_r2``      coefficient of determination
``test_...``    the same three at the last step, where a test part was given
==============  ========================================================================================

A training that goes on from a checkpoint makes the same steps, to the bit, as one that never stopped: the
order of batches depends on seed and epoch alone, and `Progress`, the states of optimiser and schedule, the model's
buffers and the best weights are in the checkpoint.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Literal, NamedTuple

import rtch
from rtch.autograd import trace
from rtch.data import Dataset, Loader, Preparation
from rtch.errors import ArgumentError, CheckpointFormatError, DivergedError
from rtch.nn import Module
from rtch.nn.functional import mse_loss
from rtch.optim.lr_scheduler import ReduceLROnPlateau
from rtch.tensor import Tensor
from rtch.train.callbacks import Callback, EpochReport, Plan
from rtch.train.metrics import regression_metrics
from rtch.train.protocols import Optimizer, Recorder, Scheduler, TraceRecorder
from rtch.train.settings import Settings
from rtch.train.state import Progress

EVALUATION_ROWS = 65_536
BEST = "best_model"


class _HeldOut(NamedTuple):
    """Rows to evaluate on: what the model sees (N, F), and the target in its own units (N,)."""

    x: Tensor
    y: Tensor


class Trainer:
    """Trains ``model`` on a `Dataset`.

    ``preparation`` turns rows into what the model sees, and its predictions into the target's own units;
    without one, rows are used as they are. ``recorder`` gets metrics and checkpoints. ``loss`` maps
    prediction (B,) and target (B,) to a scalar. ``scheduler``, a schedule of `rtch.optim.lr_scheduler`, is stepped
    after every epoch or every step; a ReduceLROnPlateau, after an epoch, with ``val_mse``, or without a validation part
    with ``train_loss``. Of the first ``trace_steps`` steps of a `fit`, spans are recorded and handed to
    ``recorder.log_trace``, step by step: those of the engine and, in category ``train``, ``step`` and what it consists
    of.
    """

    def __init__(
        self,
        model: Module,
        optimizer: Optimizer,
        settings: Settings,
        *,
        preparation: Preparation | None = None,
        recorder: Recorder | None = None,
        callbacks: Sequence[Callback] = (),
        loss: Callable[[Tensor, Tensor], Tensor] = mse_loss,
        scheduler: Scheduler | None = None,
        schedule_every: Literal["epoch", "step"] = "epoch",
        trace_steps: int = 0,
    ) -> None:
        if schedule_every not in ("epoch", "step"):
            raise ArgumentError(f"Trainer: schedule_every is 'epoch' or 'step'; got {schedule_every!r}")
        if schedule_every == "step" and isinstance(scheduler, ReduceLROnPlateau):
            raise ArgumentError("Trainer: a schedule that follows a metric is stepped every epoch; got 'step'")
        if type(trace_steps) is not int or trace_steps < 0:
            raise ArgumentError(f"Trainer: trace_steps is an integer of at least 0; got {trace_steps!r}")
        if trace_steps and not isinstance(recorder, TraceRecorder):
            raise ArgumentError(f"Trainer: trace_steps needs a recorder with log_trace; got {type(recorder).__name__}")
        self.model = model
        self.optimizer = optimizer
        self.settings = settings
        self.preparation = preparation
        self.recorder = recorder
        self.callbacks = tuple(callbacks)
        self.loss = loss
        self.scheduler = scheduler
        self.schedule_every = schedule_every
        self.trace_steps = trace_steps
        self.progress = Progress()
        self._to_trace = 0
        self._span: Callable[[str, str], AbstractContextManager[None]] = _no_span
        self._best: dict[str, Tensor] | None = None
        self._saved_at = -1
        self._stop_requested = False

    def fit(self, train: Dataset, validation: Dataset | None = None, test: Dataset | None = None) -> Progress:
        """Train from where `progress` stands to the end, evaluate the test part, and return the progress.

        Raises DivergedError when a loss or a validation error is NaN or infinite, and KeyboardInterrupt after
        `request_stop`, with a checkpoint written first.
        """
        if self.settings.patience and validation is None:
            raise ArgumentError("fit: patience needs a validation part; got none", argument="validation")
        prepared = self._prepared(train)
        held_out = None if validation is None else _HeldOut(self._prepared(validation).x, validation.y)
        plan = Plan(self.settings.epochs, self._loader(prepared, 0).n_batches, self.progress.step)
        self._to_trace = self.trace_steps
        try:
            for callback in self.callbacks:
                callback.on_start(plan)
            while not self._is_over():
                self._epoch(prepared)
                self._end_epoch(held_out)
                if self._stop_requested and not self._is_over():
                    self._stop()
            if not self.progress.finished:
                self._finish(test)
        finally:
            for callback in self.callbacks:
                callback.on_end()
        return self.progress

    def predict(self, dataset: Dataset) -> Tensor:
        """The model's predictions for the rows of ``dataset``, (N,) in the target's own units.

        The model is left in the mode it was in.
        """
        return self._predict(self._prepared(dataset).x)

    def evaluate(self, dataset: Dataset) -> dict[str, float]:
        """``mse``, ``mae`` and ``r2`` on the rows of ``dataset``, in the target's own units."""
        return self._score(_HeldOut(self._prepared(dataset).x, dataset.y))

    def request_stop(self) -> None:
        """Stop after the step that is running: write a checkpoint and raise KeyboardInterrupt from `fit`.

        Safe to call from a signal handler.
        """
        self._stop_requested = True

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint needs beside model and optimiser, as JSON-able values."""
        return {
            "progress": self.progress.state_dict(),
            "preparation": None if self.preparation is None else self.preparation.state_dict(),
            **({} if self.scheduler is None else {"scheduler": self.scheduler.state_dict()}),
        }

    def load(self, model: Mapping[str, Tensor], optimizer: Mapping[str, Any], state: Mapping[str, Any]) -> None:
        """Go on from a checkpoint that a trainer wrote; CheckpointFormatError when none did."""
        if "progress" not in state or "preparation" not in state:
            raise CheckpointFormatError(
                "resume: the checkpoint was not written by a Trainer, so it has no progress to go on from"
            )
        if ("scheduler" in state) != (self.scheduler is not None):
            have, has = ("none", "one") if self.scheduler is None else ("one", "none")
            raise CheckpointFormatError(f"resume: the trainer has {have} scheduler, so must the checkpoint; got {has}")
        self.progress = Progress.from_state_dict(state["progress"])
        if state["preparation"] is not None:
            self.preparation = Preparation.from_state_dict(state["preparation"])
        rest = dict(optimizer)
        self._best = rest.pop(BEST, None)
        self.model.load_state_dict(dict(model))
        self.optimizer.load_state_dict(rest)
        if self.scheduler is not None:
            self.scheduler.load_state_dict(state["scheduler"])
        self._saved_at = self.progress.step

    def _prepared(self, dataset: Dataset) -> Dataset:
        return dataset if self.preparation is None else self.preparation.apply(dataset)

    def _predict(self, x: Tensor) -> Tensor:
        training = self.model.training
        self.model.eval()
        try:
            with rtch.no_grad():
                parts = [
                    self.model(x[start : start + EVALUATION_ROWS]) for start in range(0, x.shape[0], EVALUATION_ROWS)
                ]
        finally:
            self.model.train(training)
        prediction = parts[0] if len(parts) == 1 else rtch.concat(parts)
        return prediction if self.preparation is None else self.preparation.target_units(prediction)

    def _score(self, part: _HeldOut) -> dict[str, float]:
        return regression_metrics(self._predict(part.x), part.y)

    def _loader(self, prepared: Dataset, start_batch: int) -> Loader:
        settings = self.settings
        return Loader(
            prepared,
            settings.batch_size,
            seed=settings.seed,
            epoch=self.progress.epoch,
            shuffle=settings.shuffle,
            drop_last=settings.drop_last,
            start_batch=start_batch,
        )

    def _epoch(self, prepared: Dataset) -> None:
        """The batches of the current epoch that are not done yet."""
        progress = self.progress
        self.model.train()
        loader = self._loader(prepared, progress.batch)
        n_batches = loader.n_batches
        for x, y in loader:
            value = self._traced_step(x, y) if self._to_trace else self._step(x, y)
            progress.batch += 1
            progress.loss_sum += value * x.shape[0]
            progress.rows += x.shape[0]
            if self._stop_requested and progress.batch < n_batches:
                self._stop()

    def _step(self, x: Tensor, y: Tensor) -> float:
        """One step of the optimiser; the loss before it."""
        with self._span("forward", "train"):
            loss = self.loss(self.model(x), y)
            value = float(loss.item())
        step = self.progress.step + 1
        if not math.isfinite(value):
            self._log({"loss": value}, step)
            raise _diverged("the loss", value, step)
        self.optimizer.zero_grad()
        with self._span("backward", "train"):
            loss.backward()
        with self._span("optimizer", "train"):
            self.optimizer.step()
        if self.schedule_every == "step":
            self._schedule({})
        self.progress.step = step
        self._log({"loss": value}, step)
        for callback in self.callbacks:
            callback.on_step(step, value)
        return value

    def _traced_step(self, x: Tensor, y: Tensor) -> float:
        """The same step, with its spans recorded."""
        self._to_trace -= 1
        spans = trace()
        self._span = spans.span
        try:
            with spans, spans.span("step", "train", step=self.progress.step + 1):
                value = self._step(x, y)
        finally:
            self._span = _no_span
        assert isinstance(self.recorder, TraceRecorder)
        self.recorder.log_trace(spans, self.progress.step)
        return value

    def _end_epoch(self, held_out: _HeldOut | None) -> None:
        progress, settings = self.progress, self.settings
        metrics = {"train_loss": progress.loss_sum / progress.rows}
        if held_out is not None:
            metrics |= {f"val_{name}": value for name, value in self._score(held_out).items()}
        self._log(metrics, progress.step)
        error = metrics.get("val_mse", 0.0)
        if not math.isfinite(error):
            raise _diverged("val_mse", error, progress.step)
        improved = held_out is not None and self._remember(error)
        if self.schedule_every == "epoch":
            self._schedule(metrics)
        progress.epoch += 1
        progress.batch, progress.loss_sum, progress.rows = 0, 0.0, 0
        progress.stopped_early = 0 < settings.patience <= progress.stale
        for callback in self.callbacks:
            callback.on_epoch(EpochReport(progress.epoch, settings.epochs, progress.step, metrics, improved))
        due = settings.checkpoint_every and progress.epoch % settings.checkpoint_every == 0
        if due and not self._is_over():
            self._checkpoint()

    def _schedule(self, metrics: Mapping[str, float]) -> None:
        """Step the schedule, if there is one."""
        scheduler: Any = self.scheduler
        if isinstance(scheduler, ReduceLROnPlateau):
            scheduler.step(metrics.get("val_mse", metrics["train_loss"]))
        elif scheduler is not None:
            scheduler.step()

    def _remember(self, error: float) -> bool:
        """Keep count for early stopping, and the weights if they are the best so far."""
        progress, settings = self.progress, self.settings
        if progress.best is not None and not error < progress.best - settings.min_delta:
            progress.stale += 1
            return False
        progress.best, progress.best_epoch, progress.stale = error, progress.epoch, 0
        if settings.patience:
            self._best = {name: tensor.detach() for name, tensor in self.model.state_dict().items()}
        return True

    def _is_over(self) -> bool:
        return self.progress.stopped_early or self.progress.epoch >= self.settings.epochs

    def _stop(self) -> None:
        """Leave with a checkpoint at this step. It stands between two epochs or inside one, never between
        the last batch of an epoch and its metrics, so going on from it logs nothing twice."""
        self._checkpoint()
        raise KeyboardInterrupt

    def _finish(self, test: Dataset | None) -> None:
        """Take the best weights, evaluate the test part, and write the last checkpoint."""
        if self._best is not None:
            self.model.load_state_dict(self._best)
        if test is not None:
            found = self.evaluate(test)
            self._log({f"test_{name}": value for name, value in found.items()}, self.progress.step)
            if not math.isfinite(found["mse"]):
                raise _diverged("test_mse", found["mse"], self.progress.step)
            self.progress.test = found
        self.progress.finished = True
        self._checkpoint()

    def _log(self, values: dict[str, float], step: int) -> None:
        if self.recorder is not None:
            self.recorder.log(values, step=step)

    def _checkpoint(self) -> None:
        """Write a checkpoint, if there is none of this step."""
        if self.recorder is None or self._saved_at == self.progress.step:
            return
        optimizer = self.optimizer.state_dict()
        if self._best is not None:
            optimizer = {**optimizer, BEST: self._best}
        self.recorder.checkpoint(
            model=self.model,
            optimizer=optimizer,
            epoch=self.progress.epoch,
            step=self.progress.step,
            **self.state_dict(),
        )
        self._saved_at = self.progress.step


_NOTHING = nullcontext()


def _no_span(name: str, category: str) -> AbstractContextManager[None]:
    return _NOTHING


def _diverged(what: str, value: float, step: int) -> DivergedError:
    return DivergedError(
        f"train: {what} must stay finite; got {value} at step {step}; lower the learning rate",
        step=step,
        loss=value,
    )
