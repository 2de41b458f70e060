# SPDX-License-Identifier: MIT
"""RunView: the reading side of one run. It changes nothing, and reads runs that are being written."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rtch.errors import ArgumentError
from rtch.store import info, ledger, summary, traces
from rtch.store.locks import is_locked
from rtch.store.metrics import MetricSeries, MetricsReader, collect
from rtch.store.records import CRASHED, RUNNING, ArtifactLine, RunInfo, Summary
from rtch.store.values import Number, from_plain_json, number

if TYPE_CHECKING:
    from rtch.tracing import Trace


class RunView:
    """One run as its files tell it.

    ``warnings`` gathers what was worked around while reading, such as a torn last line; nothing is printed
    and Python's warnings are not used. run.json is read once, metrics again whenever they have grown.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder
        self.info: RunInfo = info.read(folder)
        self.warnings: list[str] = []
        self._metrics: dict[str, MetricSeries] = {}
        self._metrics_size = -1

    @property
    def id(self) -> str:
        """The run's id."""
        return self.info.id

    @property
    def name(self) -> str:
        """The run's name."""
        return self.info.name

    @property
    def tags(self) -> list[str]:
        """The run's tags."""
        return self.info.tags

    @cached_property
    def status(self) -> str:
        """``running``, ``crashed`` (its process is gone), ``completed``, ``failed`` or ``interrupted``."""
        return live_status(self.info, self.path)

    @cached_property
    def config(self) -> dict[str, Any]:
        """The config as it was given, with NaN and infinities as floats."""
        return dict(from_plain_json(self.info.config))

    @cached_property
    def results(self) -> dict[str, Any]:
        """The facts recorded with ``Run.set``."""
        return dict(from_plain_json(self.info.results))

    @property
    def duration(self) -> float | None:
        """Seconds that the run's processes worked on it; None while that isn't known (running, crashed)."""
        return None if self.info.finished is None else self.info.seconds

    @property
    def metrics(self) -> list[str]:
        """The names of the metrics, in order of first appearance."""
        return list(self._columns())

    def metric(self, name: str) -> MetricSeries:
        """Return all values of a metric; ArgumentError where there is none of that name."""
        columns = self._columns()
        if name not in columns:
            known = ", ".join(columns) or "none"
            raise ArgumentError(f"metric: run {self.id} has {known}; got {name!r}", argument="name")
        return columns[name]

    def points(self) -> Iterator[tuple[int, float, str, Number]]:
        """Yield ``(step, time, name, value)`` in the order they were logged, in bounded memory."""
        reader = MetricsReader(self.path / "metrics.jsonl")
        for lines in reader:
            for line in lines:
                for name, value in line.values.items():
                    yield line.step, line.time, name, number(value)
        self._warn(reader.torn)

    def summary(self) -> Summary:
        """Return the rollups: summary.json where it is fresh, else made now. Nothing is written."""
        fresh = summary.read_fresh(self.path)
        if fresh is not None:
            return fresh
        made, torn = summary.compute(self.path, self.id)
        self._warn(*torn)
        return made

    def trace(self, max_spans: int | None = None) -> Trace:
        """Return the spans that ``Run.log_trace`` recorded, on one clock; none where nothing was recorded.

        It holds at most a million, or ``max_spans``; those beyond count as dropped.
        """
        found, torn = traces.read(self.path / "telemetry.jsonl", max_spans)
        self._warn(torn)
        return found

    @property
    def artifacts(self) -> list[ArtifactLine]:
        """The ledger's lines that count, checkpoints among them, in the order they were registered."""
        found = ledger.read_ledger(self.path / "artifacts.jsonl")
        self._warn(found.torn)
        return found.lines

    @property
    def checkpoints(self) -> list[ledger.Checkpoint]:
        """The checkpoints that count, in the order they were made; the last one is where to resume."""
        return ledger.checkpoints(self.path, self.artifacts)

    def __repr__(self) -> str:
        return f"RunView({self.id}, {self.name!r}, {self.status})"

    def _columns(self) -> dict[str, MetricSeries]:
        path = self.path / "metrics.jsonl"
        size = path.stat().st_size if path.exists() else 0
        if size != self._metrics_size:
            reader = MetricsReader(path)
            self._metrics = collect(reader)
            self._metrics_size = size
            self._warn(reader.torn)
        return self._metrics

    def _warn(self, *warnings: str | None) -> None:
        """Keep each warning once; half a line of a live writer is no tear."""
        self.warnings += [
            warning for warning in warnings if warning and self.status != RUNNING and warning not in self.warnings
        ]


def live_status(record: RunInfo, folder: Path) -> str:
    """Return the status of a run, told crashed from running by the run's lock."""
    if record.status != RUNNING or is_locked(folder / "run.lock"):
        return record.status
    again = info.read(folder)  # it may have finished between our reading and our looking at the lock
    return CRASHED if again.status == RUNNING else again.status
