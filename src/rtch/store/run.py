# SPDX-License-Identifier: MIT
"""Run: the writing side of one run.

A run holds the lock on its ``run.lock`` from start to finish. Whoever finds the lock free and run.json still
``running`` knows that the process died. The order of writing on the way out is: run.json,
summary.json, registry, lock; each step leaves a store that reads well when the process dies before the next.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import msgspec

from rtch.errors import ArgumentError, ExperimentError
from rtch.store import info, registry, summary, traces
from rtch.store.files import replace_file, store_io
from rtch.store.jsonl import encode_line, header_line
from rtch.store.ledger import CHECKPOINT, LedgerWriter
from rtch.store.locks import FileLock
from rtch.store.metrics import MetricsWriter, check_step
from rtch.store.records import (
    COMPLETED,
    FAILED,
    FINAL_STATUSES,
    INTERRUPTED,
    RUNNING,
    TELEMETRY,
    ArtifactLine,
    RegistryLine,
    RunInfo,
    TelemetryLine,
    utc_now,
)
from rtch.store.values import plain_json

if TYPE_CHECKING:
    from rtch.tracing import Trace

_MAX_REASON = 500
_open_runs: weakref.WeakSet[Run] = weakref.WeakSet()


class Run:
    """A run that is being written; made by ``Store.start_run`` and ``Store.resume_run``.

    As a context manager it finishes as ``completed``, or as ``failed`` or ``interrupted`` where an exception
    or Ctrl-C leaves the block; the exception goes on. Several threads may log. A forked child may not: the
    run stays its parent's.
    """

    def __init__(self, folder: Path, lock: FileLock, record: RunInfo, *, new: bool) -> None:
        self.path = folder
        self._lock = lock
        self._info = record
        self._mutex = threading.Lock()
        self._started = time.monotonic()
        self._metrics: MetricsWriter | None = MetricsWriter(folder / "metrics.jsonl", new=new)
        self._ledger = LedgerWriter(folder, new=new)
        _open_runs.add(self)

    @property
    def id(self) -> str:
        """The run's id."""
        return self._info.id

    @property
    def name(self) -> str:
        """The run's name."""
        return self._info.name

    @property
    def status(self) -> str:
        """``running``, or how the run was finished."""
        return self._info.status

    @property
    def config_sha256(self) -> str:
        """The SHA-256 of the config's canonical JSON."""
        return self._info.config_sha256

    @property
    def step(self) -> int:
        """The largest step logged so far that counts; 0 before the first."""
        return self._open("step").last_step

    def log(self, values: Mapping[str, Any], step: int | None = None) -> None:
        """Record values of metrics at one step; when it returns they survive the death of the process.

        ``values`` maps names to Python numbers or to anything of one element with ``.item()``. Without
        ``step`` it is one more than the largest step so far; the first is 1. ArgumentError for what can't be
        stored, StoreIOError where the system refuses to write.
        """
        with self._mutex:
            metrics = self._metrics
            if metrics is None:
                raise self._not_open("log")
            metrics.append(values, step)

    def checkpoint(
        self,
        *,
        model: Any,
        optimizer: Any = None,
        epoch: int | None = None,
        step: int | None = None,
        **extra: Any,
    ) -> Path:
        """Save model, optimiser and training state in a new checkpoint folder, and return it.

        The state is ``{"step": ..., "epoch": ..., **extra}``; ``step`` is the last one logged unless given.
        The files are registered as artifacts of kind ``checkpoint``. CheckpointError where they can't be
        written.
        """
        last_step = self._open("checkpoint").last_step
        from rtch.checkpoint import save_training

        at = last_step if step is None else step
        with store_io("checkpoint", self.path):
            folder = self._ledger.checkpoint_folder(at)
        state = {"step": at, "epoch": epoch, **extra}
        written = save_training(folder, model=model, optimizer=optimizer, state=state)
        self._register([_inside(folder, file) for file in written], CHECKPOINT, at)
        return folder

    def artifact(self, path: str | Path, kind: str = "file", name: str | None = None, step: int | None = None) -> Path:
        """Copy a file into the run, register it in the ledger, and return where the copy is.

        ``name`` is its path under ``artifacts/``, by default the file's own name. An earlier artifact of that
        name stays: the new one gets a number.
        """
        source = Path(path)
        self._open("artifact")
        with self._mutex, store_io("artifact", source):
            line = self._ledger.copy_in(source, source.name if name is None else name, kind, step)
        return self.path / line.path

    def save_artifact(self, name: str, data: bytes | str, kind: str = "file", step: int | None = None) -> Path:
        """Write bytes or UTF-8 text as an artifact, register it, and return where it is."""
        self._open("save_artifact")
        content = data.encode() if isinstance(data, str) else data
        with self._mutex, store_io("artifact", self.path):
            line = self._ledger.write_in(content, name, kind, step)
        return self.path / line.path

    def log_trace(self, trace: Trace, step: int | None = None) -> None:
        """Record the spans of a trace, in telemetry.jsonl; when it returns they survive the death of the process.

        ``trace`` is what ``rtch.autograd.trace`` gave. Every call adds to the run's spans, which are not taken back
        when it is resumed from an earlier step. A trace is written in parts of 65,536 spans, each of them whole or
        absent. ArgumentError where ``step`` is not a step.
        """
        self._open("log_trace")
        if step is not None:
            check_step("log_trace", step)
        for line in traces.encode(trace, step):
            with self._mutex:
                self._open("log_trace")
                info.append_line(self.path / "telemetry.jsonl", header_line(TELEMETRY), line)

    def set(self, **facts: Any) -> None:
        """Record facts in run.json, at once.

        ``data`` and ``environment`` (mappings) are merged into those fields, ``seed`` and ``entry`` replace
        theirs; every other name goes into ``results``: ``run.set(weights_sha256=..., test={"mse": 0.1})``.
        """
        self._open("set")
        with self._mutex:
            for name, value in facts.items():
                info.set_fact(self._info, name, value)
            self._write_info()

    def finish(
        self, status: str = COMPLETED, error: str | None = None, telemetry: Mapping[str, Any] | None = None
    ) -> None:
        """End the run: record its status, write summary.json, free the lock. A finished run is left as it is.

        ``status`` is ``completed``, ``failed`` or ``interrupted``; ``error`` the reason on one line.
        ``telemetry`` may hold ``layout`` (counters) and ``spans`` (totals by name), which are added up over
        resumed parts.
        """
        if status not in FINAL_STATUSES:
            raise ArgumentError(
                f"finish: the status must be one of {', '.join(FINAL_STATUSES)}; got {status!r}",
                argument="status",
            )
        with self._mutex:
            if self._metrics is None:
                return
            line = _telemetry_line(telemetry) if telemetry else b""
            try:
                self._finish(status, error, line)
            finally:
                self.abandon()

    def abandon(self) -> None:
        """Close the files and free the lock, and nothing else: as if the process had died here."""
        self._close()
        self._lock.release()

    def __enter__(self) -> Run:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None or (isinstance(error, SystemExit) and error.code in (None, 0)):
            self.finish()
            return
        interrupted = isinstance(error, KeyboardInterrupt)
        try:
            self.finish(INTERRUPTED if interrupted else FAILED, reason(error))
        except ExperimentError as second:
            error.add_note(f"rtch: run {self.id} could not be finished: {second}")

    def __repr__(self) -> str:
        return f"Run({self.id}, {self.name!r}, {self.status})"

    def begin_again(self, from_step: int | None, environment: dict[str, Any]) -> None:
        """Mark a run as running again.

        The registry goes first: a run that it calls running is looked up, one that it calls finished is not.
        """
        metrics = self._open("resume")
        step = metrics.last_step if from_step is None else from_step
        if type(step) is not int or not 0 <= step <= metrics.last_step:
            raise ArgumentError(
                f"resume_run: from_step lies between 0 and the last step {metrics.last_step}; got {step!r}",
                argument="from_step",
            )
        now = utc_now()
        registry.append(self.path.parent, RegistryLine(now, "resumed", self.id, RUNNING))
        self._info.resumes.append(
            {"time": now, "from_step": step, "was": self._info.status, "environment": environment}
        )
        self._info.status, self._info.error, self._info.finished = RUNNING, None, None
        self._write_info()
        metrics.resume(step)
        self._ledger.resume(step)

    def _finish(self, status: str, error: str | None, telemetry: bytes) -> None:
        if telemetry:
            info.append_line(self.path / "telemetry.jsonl", header_line(TELEMETRY), telemetry)
        finished = utc_now()
        seconds = round(self._info.seconds + time.monotonic() - self._started, 3)
        ended = msgspec.structs.replace(self._info, status=status, error=error, finished=finished, seconds=seconds)
        info.write(self.path, ended)
        self._info = ended  # not before it is on the disk, so that `status` never tells more than run.json
        with store_io("summary", self.path):
            rollups, _ = summary.compute(self.path, self.id)
            replace_file(self.path / "summary.json", summary.encode(rollups))
        registry.append(self.path.parent, RegistryLine(finished, "finished", self.id, status, seconds=seconds))

    def _write_info(self) -> None:
        info.write(self.path, self._info)

    def _register(self, files: Sequence[Path], kind: str, step: int | None) -> list[ArtifactLine]:
        with self._mutex, store_io("artifact", self.path):
            return self._ledger.register(files, kind, step)

    def _open(self, where: str) -> MetricsWriter:
        metrics = self._metrics
        if metrics is None:
            raise self._not_open(where)
        return metrics

    def _not_open(self, where: str) -> ExperimentError:
        return ExperimentError(f"{where}: the run takes no more records; got one for {self.id} ({self.status})")

    def _close(self) -> None:
        metrics, self._metrics = self._metrics, None
        if metrics is not None:
            metrics.close()
            self._ledger.close()

    def _leave_to_parent(self) -> None:
        """In a forked child: let go of the files and of the lock without freeing it."""
        self._mutex = threading.Lock()
        self._close()
        self._lock.forget()


def _telemetry_line(telemetry: Mapping[str, Any]) -> bytes:
    unknown = sorted(set(telemetry) - {"layout", "spans"})
    if unknown:
        raise ArgumentError(f"finish: telemetry has layout and spans; got {unknown}", argument="telemetry")
    plain = plain_json(telemetry, "telemetry")
    return encode_line(TelemetryLine(utc_now(), plain.get("layout", {}), plain.get("spans", {})))


def _inside(folder: Path, file: str | Path) -> Path:
    return Path(file) if Path(file).is_relative_to(folder) else folder / file


def reason(error: BaseException) -> str:
    """Return an exception on one line of at most 500 characters."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}"[:_MAX_REASON] if text else type(error).__name__


def _after_fork_in_child() -> None:
    for run in list(_open_runs):
        run._leave_to_parent()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
