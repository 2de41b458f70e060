# SPDX-License-Identifier: MIT
"""Every record of the store, as it stands in the files.

::

    registry.jsonl    Header, then RegistryLine ...
    <run>/run.json    RunInfo
    metrics.jsonl     Header, then PointLine or ResumeLine ... (read as MetricsLine)
    telemetry.jsonl   Header, then TelemetryLine ..., or TraceLine of ``traces``, which reads as one
    artifacts.jsonl   Header, then ArtifactLine or ResumeLine ... (read as LedgerLine)
    summary.json      Summary

Each file names its schema and version first. A reader takes its own version and older ones, ignores fields
that it does not know, and refuses a newer version. Times are ISO 8601 in UTC, in metrics seconds since 1970.
"""

from __future__ import annotations

import time
from typing import Any

import msgspec

from rtch.store.values import StoredNumber
from rtch.version import __version__

VERSION = 1
REGISTRY, RUN, METRICS = "rtch.registry", "rtch.run", "rtch.metrics"
TELEMETRY, ARTIFACTS, SUMMARY = "rtch.telemetry", "rtch.artifacts", "rtch.summary"

RUNNING, COMPLETED, FAILED, INTERRUPTED = "running", "completed", "failed", "interrupted"
CRASHED = "crashed"  # never stored: running by run.json, with nobody holding the lock
FINAL_STATUSES = (COMPLETED, FAILED, INTERRUPTED)
STATUSES = (RUNNING, CRASHED, *FINAL_STATUSES)


class Header(msgspec.Struct):
    """The first line of every JSONL file."""

    schema: str
    version: int
    writer: str = ""
    created: str = ""


class PointLine(msgspec.Struct):
    """One call of ``log``: its values share a step and a wall time, and are readable all or none."""

    step: int
    time: float
    values: dict[str, StoredNumber]


class ResumeLine(msgspec.Struct):
    """The run goes on from here: records before this one with a greater step no longer count."""

    resumed_from_step: int


class MetricsLine(msgspec.Struct, gc=False):
    """A PointLine, or a ResumeLine where ``step`` is absent (-1)."""

    step: int = -1
    time: float = 0.0
    values: dict[str, StoredNumber] = {}
    resumed_from_step: int = -1


class TelemetryLine(msgspec.Struct):
    """Layout counters and span totals that one process of the run gathered."""

    time: str
    layout: dict[str, Any] = {}
    spans: dict[str, Any] = {}


class ArtifactLine(msgspec.Struct, frozen=True):
    """One file of the run: ``path`` is relative to the run's folder, with forward slashes."""

    kind: str
    path: str
    size: int
    sha256: str
    time: str
    step: int | None = None


class LedgerLine(msgspec.Struct):
    """An ArtifactLine, or a ResumeLine where ``path`` is absent."""

    kind: str = ""
    path: str = ""
    size: int = -1
    sha256: str = ""
    time: str = ""
    step: int | None = None
    resumed_from_step: int = -1


class RegistryLine(msgspec.Struct, omit_defaults=True):
    """What happened to a run; ``created`` carries its name and tags, ``finished`` the seconds worked."""

    time: str
    event: str
    run: str
    status: str
    name: str = ""
    tags: list[str] = []
    seconds: float = 0.0


class RunInfo(msgspec.Struct, kw_only=True):
    """run.json, the truth about a run. Free mappings stand in the free encoding of ``values``."""

    schema: str = RUN
    version: int = VERSION
    writer: str = ""
    id: str
    name: str
    status: str
    created: str
    tags: list[str] = []
    finished: str | None = None
    seconds: float = 0.0
    error: str | None = None
    entry: str | None = None
    seed: int | None = None
    config: dict[str, Any] = {}
    config_sha256: str = ""
    data: dict[str, Any] = {}
    environment: dict[str, Any] = {}
    git: dict[str, Any] | None = None
    results: dict[str, Any] = {}
    resumes: list[dict[str, Any]] = []


class MetricSummary(msgspec.Struct):
    """The rollup of one metric.

    NaNs count in ``count``, ``nan_count``, ``first`` and ``last`` alone. A figure that has no value (all NaN)
    is None, one that is not finite is a name such as ``"Infinity"``.
    """

    count: int
    nan_count: int
    min: StoredNumber | None
    min_step: int | None
    max: StoredNumber | None
    max_step: int | None
    mean: StoredNumber | None
    std: StoredNumber | None
    p50: StoredNumber | None
    p95: StoredNumber | None
    p99: StoredNumber | None
    first: StoredNumber
    last: StoredNumber
    last_step: int


class Summary(msgspec.Struct, kw_only=True):
    """summary.json: rollups of all metrics, and how many bytes of each file they were made from."""

    schema: str = SUMMARY
    version: int = VERSION
    run: str
    source: dict[str, int]
    steps: int = 0
    metrics: dict[str, MetricSummary] = {}
    layout: dict[str, Any] = {}
    spans: dict[str, Any] = {}
    artifacts: dict[str, int] = {}


def utc_now() -> str:
    """Return the time as ``2026-07-01T12:00:00.123Z``."""
    return utc_text(time.time())


def utc_text(seconds: float) -> str:
    """Return seconds since 1970 as ISO 8601 in UTC, cut to milliseconds."""
    milliseconds = int(seconds * 1000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(milliseconds // 1000)) + f".{milliseconds % 1000:03d}Z"


def utc_seconds(text: str) -> float:
    """Return the seconds since 1970 of a time in ISO 8601; ValueError where it isn't one."""
    from datetime import datetime

    return datetime.fromisoformat(text).timestamp()


def writer_name() -> str:
    """Return who writes: ``rtch`` and its version."""
    return f"rtch {__version__}"
