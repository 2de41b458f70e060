# SPDX-License-Identifier: MIT
"""``rtch list``: the runs of a store, newest first."""

from __future__ import annotations

import time
from itertools import pairwise
from pathlib import Path

import click

from rtch.cli import tables
from rtch.cli.options import output_options, print_json, print_warnings, runs_dir_option
from rtch.store import RunRecord, Store
from rtch.store.records import STATUSES, utc_seconds
from rtch.store.summary import last_values
from rtch.store.values import Number, stored_float

TABLE_LIMIT = 50
_MIN_ID = 8
_SHOWN_METRICS = 2


@click.command("list")
@click.option("--tag", "tags", multiple=True, help="Only runs with this tag; repeat for several.")
@click.option("--status", type=click.Choice(STATUSES), help="Only runs with this status.")
@click.option(
    "--limit",
    type=click.IntRange(min=0),
    help=f"At most so many runs, 0 for all.  [default: {TABLE_LIMIT} in a table, all with --json]",
)
@output_options
@runs_dir_option
def list_runs(tags: tuple[str, ...], status: str | None, limit: int | None, as_json: bool, runs_dir: Path) -> None:
    """List runs, newest first.

    The table shows the last values of the losses; --json the last values of all metrics.
    """
    store = Store(runs_dir)
    found = store.runs(tag=tags, status=status)
    if limit is None:
        limit = 0 if as_json else TABLE_LIMIT
    shown = found[:limit] if limit else found
    print_warnings(store.warnings)
    if as_json:
        print_json([_as_data(runs_dir, record) for record in shown])
        return
    if not shown:
        what = "no runs" if not tags and status is None else "no such runs"
        click.echo(f"{what} in {tables.printable(str(runs_dir))}")
        return
    click.echo("\n".join(_as_table(store, shown)))
    if len(shown) < len(found):
        click.echo(f"{len(shown)} of {len(found)} runs; --limit 0 shows all", err=True)


def loss_like(values: dict[str, Number]) -> dict[str, Number]:
    """Return the one or two metrics that tell best how a run went: losses first, then errors and scores."""

    def rank(name: str) -> int | None:
        last = name.rpartition("/")[2].lower()
        for place, word in enumerate(("loss", "mse", "rmse", "mae", "r2", "acc")):
            if word in last:
                return place
        return None

    ranked = sorted((place, name) for name in values if (place := rank(name)) is not None)
    return {name: values[name] for _, name in ranked[:_SHOWN_METRICS]}


def _as_data(runs_dir: Path, record: RunRecord) -> dict[str, object]:
    last = last_values(runs_dir / record.id)
    return {
        **record._asdict(),
        "metrics": {name: stored_float(value) if isinstance(value, float) else value for name, value in last.items()},
    }


def _as_table(store: Store, shown: list[RunRecord]) -> list[str]:
    length = _unique_length(store.ids())
    now = time.time()
    rows = []
    for record in shown:
        age = _age(record.created, now)
        last = loss_like(last_values(store.path / record.id))
        rows.append(
            (
                record.id[:length],
                record.name,
                record.status,
                ",".join(record.tags),
                tables.ago(age, record.created),
                tables.seconds_text(age if record.status == "running" else record.seconds),
                " ".join(f"{name}={tables.figure(value)}" for name, value in last.items()),
            )
        )
    return tables.table(
        ("ID", "NAME", "STATUS", "TAGS", "WHEN", "TIME", "LAST"),
        rows,
        tables.terminal_width(),
        right=("TIME",),
        shrink=("NAME", "TAGS", "LAST"),
    )


def _age(created: str, now: float) -> float | None:
    try:
        return now - utc_seconds(created)
    except ValueError:  # from a file that somebody else wrote
        return None


def _unique_length(ids: list[str]) -> int:
    """Return how many characters tell all ids apart, at least 8."""
    length = _MIN_ID
    for before, after in pairwise(ids):
        while before[:length] == after[:length]:
            length += 1
    return length
