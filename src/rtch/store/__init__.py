# SPDX-License-Identifier: MIT
"""Experiment store: runs with metrics, artifacts and summaries in files that a person can read.

::

    with Store("runs").start_run("houses", tags=["mlp"], config={"lr": 0.01}) as run:
        run.log({"loss": 0.25})
    Store("runs").run("latest").metric("loss").values

It works without the tensor library: importing it loads neither NumPy nor the C core.
"""

from __future__ import annotations

from rtch.store.ledger import Checkpoint
from rtch.store.metrics import MetricSeries, Point
from rtch.store.records import ArtifactLine, MetricSummary, RunInfo, Summary
from rtch.store.run import Run
from rtch.store.store import RunRecord, Store
from rtch.store.values import config_sha256
from rtch.store.view import RunView

__all__ = [
    "ArtifactLine",
    "Checkpoint",
    "MetricSeries",
    "MetricSummary",
    "Point",
    "Run",
    "RunInfo",
    "RunRecord",
    "RunView",
    "Store",
    "Summary",
    "config_sha256",
]
