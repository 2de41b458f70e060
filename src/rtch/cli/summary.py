# SPDX-License-Identifier: MIT
"""``rtch summary``: one run on one screen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
import msgspec

from rtch.cli import tables
from rtch.cli.options import output_options, print_json, print_warnings, run_argument, runs_dir_option
from rtch.store import RunView, Store, Summary
from rtch.store.ledger import CHECKPOINT

_OPTIONAL = ("p95", "p50", "std")


@click.command("summary")
@run_argument
@output_options
@runs_dir_option
def summary(run: str, as_json: bool, runs_dir: Path) -> None:
    """Show a run: facts, metrics and artifacts.

    Figures are of the values that are not NaN; std divides by the count.
    """
    view = Store(runs_dir).run(run)
    if as_json:
        print_json(as_data(view))
    else:
        print_summary(view)
    print_warnings(view.warnings)


def as_data(view: RunView) -> dict[str, object]:
    """Return everything about a run as plain data: run.json, rollups and ledger."""
    facts = msgspec.to_builtins(view.info)
    return {
        **facts,
        "status": view.status,
        "summary": view.summary(),
        "artifacts": view.artifacts,
    }


def print_summary(view: RunView) -> None:
    """Print the screen of a run; the training command ends with it."""
    rollups = view.summary()
    width = tables.terminal_width()
    facts = [(tables.printable(name), tables.printable(text)) for name, text in _facts(view, rollups)]
    label = min(max(len(name) for name, _ in facts), 16)
    lines = [tables.cut(f"{tables.cut(name, label):<{label}}  {text}", width) for name, text in facts]
    if rollups.metrics:
        lines += ["", *_metrics(rollups, width)]
    if view.artifacts:
        lines += ["", *_artifacts(view, width)]
    click.echo("\n".join(lines))


def _facts(view: RunView, rollups: Summary) -> Iterator[tuple[str, str]]:
    record = view.info
    environment = record.environment
    yield "run", view.id
    yield "name", view.name
    yield "status", view.status + (f": {record.error}" if record.error else "")
    if record.tags:
        yield "tags", ", ".join(record.tags)
    yield "created", record.created
    yield "time", f"{tables.seconds_text(view.duration)}, {rollups.steps} steps"
    if record.resumes:
        yield "resumed", ", ".join(f"from step {resume.get('from_step')}" for resume in record.resumes)
    if record.seed is not None:
        yield "seed", str(record.seed)
    yield "config", f"sha256 {record.config_sha256[:12]}"
    if record.data:
        yield "data", _flat(record.data)
    if record.git:
        yield "git", f"{record.git.get('commit', '')}{' (changed files)' if record.git.get('dirty') else ''}"
    shown = [
        f"{label} {environment[key]}"
        for key, label in (
            ("rtch", "rtch"),
            ("numerics_version", "numerics"),
            ("python", "python"),
            ("machine", ""),
            ("isa", ""),
            ("threads", "threads"),
        )
        if environment.get(key) is not None
    ]
    yield "with", ", ".join(text.strip() for text in shown)
    for name, value in record.results.items():
        yield name, _flat(value)


def _flat(value: object) -> str:
    """Return plain data on one line, with short figures."""
    if isinstance(value, dict):
        if set(value) == {"$float"}:
            return tables.figure(value["$float"])
        return ", ".join(f"{key} {_flat(item)}" for key, item in value.items())
    if isinstance(value, list):
        return " ".join(_flat(item) for item in value)
    if isinstance(value, float):
        return tables.figure(value)
    return str(value)


def _metrics(rollups: Summary, width: int) -> list[str]:
    names = ["count", "last", "min", "max", "mean", "std", "p50", "p95"]
    if any(metric.nan_count for metric in rollups.metrics.values()):
        names.insert(1, "nan")
    for optional in (*_OPTIONAL, None):
        rows = [
            (name, *(tables.figure(getattr(metric, "nan_count" if key == "nan" else key)) for key in names))
            for name, metric in rollups.metrics.items()
        ]
        lines = tables.table(("metric", *names), rows, width, right=names)
        if max(map(tables.cell_width, lines)) <= width:
            return lines
        if optional is not None:
            names.remove(optional)
    return tables.table(("metric", *names), rows, width, right=names, shrink=("metric",))


def _artifacts(view: RunView, width: int) -> list[str]:
    checkpoints = view.checkpoints
    rows = [
        (line.kind, line.path, str(line.size), line.sha256[:12], "-" if line.step is None else str(line.step))
        for line in view.artifacts
        if line.kind != CHECKPOINT
    ]
    if checkpoints:
        last = checkpoints[-1]
        rows += [(CHECKPOINT, line.path, str(line.size), line.sha256[:12], str(last.step)) for line in last.files]
    lines = tables.table(
        ("artifact", "path", "bytes", "sha256", "step"),
        rows,
        width,
        right=("bytes", "step"),
        shrink=("path",),
    )
    if len(checkpoints) > 1:
        lines.append(f"{len(checkpoints) - 1} earlier checkpoints, `--json` lists them")
    return lines
