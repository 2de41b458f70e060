# SPDX-License-Identifier: MIT
"""Running and resuming: from a configuration to a run in the store.

A run that the service starts records, before its first step, the resolved configuration and its hash, the
data's fingerprint, the number of threads and the ``numerics_version``; at its end the test metrics, the
SHA-256 of the final weights (`rtch.checkpoint.state_sha256`) and report.json. A failure leaves it
``failed``, Ctrl-C or SIGTERM ``interrupted``, with everything up to then readable.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import rtch
from rtch._c import describe
from rtch.checkpoint import TrainingCheckpoint, load_training, state_sha256
from rtch.errors import DataError, ExperimentError
from rtch.service.config import Config
from rtch.service.interrupt import on_interrupt
from rtch.service.job import Job, build, run_name
from rtch.service.report import encoded, report
from rtch.service.source import load_config, make_config, relocated
from rtch.store import Run, RunView, Store
from rtch.train import Callback, Progress, Trainer

ENTRY = "rtch.service:TrainingService"


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How a training ended.

    ``test`` holds ``mse``, ``mae`` and ``r2`` on the test part in the target's own units. ``best_epoch``
    counts from 1 and is None without early stopping. ``seconds`` is the time that this process trained,
    ``first_step`` the steps that were done before.
    """

    run: str
    path: Path
    config: Config
    data: Mapping[str, Any]
    parameters: int
    steps: int
    first_step: int
    epochs: int
    stopped_early: bool
    best_epoch: int | None
    test: Mapping[str, float]
    weights_sha256: str
    report: Mapping[str, Any]


class TrainingService:
    """Trains what a configuration describes.

    ``TrainingService("houses.toml")``, ``TrainingService(config)`` or ``TrainingService(data={"path":
    "houses.csv", "target": "price"}, model={"name": "mlp"})``. ConfigError when it is wrong.
    """

    def __init__(self, config: Config | Mapping[str, Any] | str | Path | None = None, /, **sections: Any) -> None:
        if isinstance(config, Config):
            config = config.resolved()
        if isinstance(config, str | Path):
            self.config = load_config(config, sections)
        else:
            self.config = make_config(config, **sections)

    def run(
        self,
        store: Store | str | Path,
        *,
        callbacks: Sequence[Callback] = (),
        on_start: Callable[[Run, Job], None] | None = None,
        trace_steps: int = 0,
    ) -> Outcome:
        """Train, in a new run of ``store``.

        Bad data raises DataError before a run exists. ``on_start(run, job)`` is called when it does. The run records
        the spans of its first ``trace_steps`` steps, which changes no bit of the result.
        """
        job = build(self.config)
        run = _store(store).start_run(
            run_name(self.config),
            tags=self.config.tags,
            config=self.config.resolved(),
            seed=self.config.seed,
            entry=ENTRY,
            data=job.data_facts(),
            environment=environment(),
        )
        with run:
            if on_start is not None:
                on_start(run, job)
            return _train(run, job, job.trainer(run, callbacks, trace_steps=trace_steps))


def resume(
    store: Store | str | Path,
    run: str,
    *,
    data: str | Path | None = None,
    callbacks: Sequence[Callback] = (),
    on_start: Callable[[Run, Job], None] | None = None,
) -> Outcome:
    """Go on with a run that was interrupted, failed or killed, from its last checkpoint, or from the start
    if it has none.

    It ends with the same weights, to the bit, as if it had never stopped. Raises ExperimentError when the run
    is completed, was not made by the service, or was made under another ``numerics_version``; DataError
    when its data has changed; CheckpointError when the checkpoint is damaged; RunLockedError when a process
    is writing the run.
    """
    store = _store(store)
    view = store.run(run)
    require_service_run(view, "resume")
    if view.status == "completed":
        raise ExperimentError(f"resume: run {view.id} is completed, so there is nothing to go on with", run=view.id)
    made = view.info.environment.get("numerics_version")
    if made != rtch.numerics_version:
        raise ExperimentError(
            f"resume: run {view.id} was made under numerics_version {made}, this is {rtch.numerics_version}; "
            f"use rtch {view.info.environment.get('rtch')}",
            run=view.id,
        )
    job = build(relocated(make_config(view.config), data))
    if job.dataset.fingerprint != view.info.data.get("fingerprint"):
        raise DataError(
            f"resume: the data of run {view.id} has changed since: its fingerprint was "
            f"{view.info.data.get('fingerprint')}, now {job.dataset.fingerprint}",
            run=view.id,
        )
    checkpoint = last_checkpoint(view)
    step = 0 if checkpoint is None else int(checkpoint.state["step"])
    with store.resume_run(view.id, from_step=step, environment=environment()) as writer:
        trainer = job.trainer(writer, callbacks)
        if checkpoint is not None:
            trainer.load(checkpoint.model, checkpoint.optimizer, checkpoint.state)
        if on_start is not None:
            on_start(writer, job)
        return _train(writer, job, trainer)


def last_checkpoint(view: RunView) -> TrainingCheckpoint | None:
    """The run's last checkpoint; None where it has none, CheckpointError where it is damaged."""
    found = view.checkpoints
    return load_training(found[-1].path) if found else None


def require_service_run(view: RunView, where: str) -> None:
    """ExperimentError unless the service made the run."""
    if view.info.entry != ENTRY:
        raise ExperimentError(
            f"{where}: only runs of `rtch train` and TrainingService can be trained again; "
            f"got {view.id} ({view.name!r}), made by a script",
            run=view.id,
        )


def environment() -> dict[str, Any]:
    """What a run records about how it computes."""
    return describe()


def _store(store: Store | str | Path) -> Store:
    return store if isinstance(store, Store) else Store(store)


def _train(run: Run, job: Job, trainer: Trainer) -> Outcome:
    first = trainer.progress.step
    with on_interrupt(trainer.request_stop):
        progress = trainer.fit(job.train, job.validation, job.test)
    return _conclude(run, job, progress, first)


def _conclude(run: Run, job: Job, progress: Progress, first: int) -> Outcome:
    """Write down how it ended."""
    sha256 = state_sha256(job.model.state_dict())
    tree = report(job, progress, sha256)
    run.save_artifact("report.json", encoded(tree), kind="report", step=progress.step)
    run.set(
        weights_sha256=sha256,
        test=progress.test,
        steps=progress.step,
        epochs=progress.epoch,
        stopped_early=progress.stopped_early,
        best_epoch=tree["best_epoch"],
    )
    return Outcome(
        run=run.id,
        path=run.path,
        config=job.config,
        data=job.data_facts(),
        parameters=tree["parameters"],
        steps=progress.step,
        first_step=first,
        epochs=progress.epoch,
        stopped_early=progress.stopped_early,
        best_epoch=tree["best_epoch"],
        test=progress.test or {},
        weights_sha256=sha256,
        report=tree,
    )
