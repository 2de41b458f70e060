# SPDX-License-Identifier: MIT
"""Progress on a screen: a bar on a terminal, a few plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, TextIO

from rtch.train.callbacks import Callback, EpochReport, Plan

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

LINES = 10
REFRESH_SECONDS = 0.1


def progress(stream: TextIO | None = None) -> Callback:
    """A bar if ``stream`` (standard error when None) is a terminal, else about ten lines per training."""
    stream = sys.stderr if stream is None else stream
    return Bar(stream) if stream.isatty() else Lines(stream)


def describe(report: EpochReport) -> str:
    """``epoch  20/100  train_loss 0.5123  val_mse 3021  val_r2 0.4831``."""
    width = len(str(report.epochs))
    parts = [f"epoch {report.epoch:>{width}}/{report.epochs}"]
    parts += [
        f"{name} {report.metrics[name]:<8.4g}" for name in ("train_loss", "val_mse", "val_r2") if name in report.metrics
    ]
    return "  ".join(parts).rstrip()


class Lines(Callback):
    """A line for the first and the last epoch and at each tenth in between."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._every = 1
        self._pending = ""

    def on_start(self, plan: Plan) -> None:
        """Begin."""
        self._every = max(plan.epochs // LINES, 1)

    def on_epoch(self, report: EpochReport) -> None:
        """Show the epoch."""
        self._pending = describe(report)
        if report.epoch in (1, report.epochs) or report.epoch % self._every == 0:
            self._flush()

    def on_end(self) -> None:
        """Leave the last epoch on the screen."""
        self._flush()

    def _flush(self) -> None:
        if self._pending:
            print(self._pending, file=self._stream, flush=True)
            self._pending = ""


class Bar(Callback):
    """One bar over all epochs, with the latest metrics beside it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._shown = 0.0

    def on_start(self, plan: Plan) -> None:
        """Begin."""
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        self._bar = Progress(
            TextColumn("training"),
            BarColumn(),
            TextColumn("{task.description}"),
            TimeRemainingColumn(),
            console=Console(file=self._stream),
            auto_refresh=False,
        )
        self._task = self._bar.add_task("", total=plan.epochs, completed=plan.done // max(plan.batches, 1))
        self._bar.start()

    def on_epoch(self, report: EpochReport) -> None:
        """Show the epoch."""
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=report.epoch, description=describe(report))
            now = time.monotonic()
            if now - self._shown >= REFRESH_SECONDS:
                self._bar.refresh()
                self._shown = now

    def on_end(self) -> None:
        """Leave the last epoch on the screen."""
        if self._bar is not None:
            self._bar.refresh()
            self._bar.stop()
            self._bar = None
