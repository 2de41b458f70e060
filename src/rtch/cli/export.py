# SPDX-License-Identifier: MIT
"""``rtch export``: metrics or rollups of runs, for other programs.

NaN and infinities are written ``NaN``, ``Infinity`` and ``-Infinity``: bare in CSV, as strings in JSON. Times
are seconds since 1970.
"""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import msgspec

from rtch.cli.options import print_warnings, runs_dir_option
from rtch.errors import ExperimentError, StoreIOError
from rtch.store import MetricSummary, RunView, Store
from rtch.store.files import atomic_file
from rtch.store.values import stored_float

METRIC_FIELDS = ("run", "name", "step", "time", "metric", "value")
SUMMARY_FIELDS = ("run", "name", "metric", *MetricSummary.__struct_fields__)


@click.command("export")
@click.argument("runs", metavar="[RUN]...", nargs=-1)
@click.option("--format", "form", type=click.Choice(("csv", "json")), required=True, help="What to write.")
@click.option(
    "--what",
    type=click.Choice(("metrics", "summary")),
    default="metrics",
    show_default=True,
    help="Every value, or one row of rollups per metric.",
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to write, whole or not at all, or a device or pipe.  [default: standard output]",
)
@runs_dir_option
def export(runs: tuple[str, ...], form: str, what: str, output: Path | None, runs_dir: Path) -> None:
    """Export the metrics of runs as CSV or JSON.

    One row per value: run, name, step, time, metric, value. Without RUN all runs are exported, oldest first; what
    can't be read of a damaged one is left out, with a warning, and the exit code stays 0. A damaged run that was named
    is an error.
    """
    store = Store(runs_dir)
    ids = list(dict.fromkeys(store.resolve(run) for run in runs)) if runs else store.ids()
    warnings: list[str] = []
    fields, read = (METRIC_FIELDS, _points) if what == "metrics" else (SUMMARY_FIELDS, _rollups)
    rows = _rows(store, ids, read, warnings, strict=bool(runs))
    chunks = _csv(fields, rows) if form == "csv" else _json(fields, rows)
    if output is None:
        sys.stdout.flush()
        stream = sys.stdout.buffer
        for chunk in chunks:
            stream.write(chunk)
        stream.flush()
    else:
        if not output.parent.is_dir():
            raise StoreIOError(f"export: there is no such folder; got {str(output.parent)!r}", path=str(output))
        with atomic_file(output) as file:
            for chunk in chunks:
                file.write(chunk)
    print_warnings(warnings)


def _rows(
    store: Store,
    ids: list[str],
    read: Callable[[RunView], Iterator[tuple[Any, ...]]],
    warnings: list[str],
    *,
    strict: bool,
) -> Iterator[tuple[Any, ...]]:
    """The rows of all runs; unless strict, a damaged run is a warning and the others go on."""
    for run in ids:
        try:
            view = store.run(run)
            yield from read(view)
            warnings.extend(view.warnings)
        except ExperimentError as error:
            if strict:
                error.add_note("`rtch export` without RUN goes round what is damaged")
                raise
            warnings.append(f"{error}; what could not be read of run {run} is left out")


def _points(view: RunView) -> Iterator[tuple[Any, ...]]:
    for step, time, metric, value in view.points():
        yield view.id, view.name, step, time, metric, stored_float(value) if type(value) is float else value


def _rollups(view: RunView) -> Iterator[tuple[Any, ...]]:
    for name, metric in view.summary().metrics.items():
        yield view.id, view.name, name, *msgspec.structs.astuple(metric)


def _csv(fields: tuple[str, ...], rows: Iterator[tuple[Any, ...]]) -> Iterator[bytes]:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(fields)
    for row in rows:
        writer.writerow(row)
        if text.tell() > 1 << 16:
            yield text.getvalue().encode()
            text.seek(0)
            text.truncate()
    yield text.getvalue().encode()


def _json(fields: tuple[str, ...], rows: Iterator[tuple[Any, ...]]) -> Iterator[bytes]:
    encode = msgspec.json.Encoder().encode
    separator = b"[\n"
    for row in rows:
        yield separator + encode(dict(zip(fields, row, strict=True)))
        separator = b",\n"
    yield b"[]\n" if separator == b"[\n" else b"\n]\n"
