# SPDX-License-Identifier: MIT
"""``rtch trace``: where the time of a run's traced steps went."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rtch.cli import tables
from rtch.cli.options import output_options, print_json, print_warnings, run_argument, runs_dir_option
from rtch.errors import ExperimentError, StoreIOError
from rtch.store import Store

if TYPE_CHECKING:
    from rtch.tracing import SpanTotal, ThreadTotal

TOP = 20


@click.command("trace")
@run_argument
@click.option(
    "--top",
    type=click.IntRange(min=0),
    help=f"At most so many rows, 0 for all.  [default: {TOP} in a table, all with --json]",
)
@click.option(
    "--chrome",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Also write the spans as a Chrome trace, for ui.perfetto.dev.",
)
@output_options
@runs_dir_option
def trace(run: str, top: int | None, chrome: Path | None, as_json: bool, runs_dir: Path) -> None:
    """Show the longest ops of a run's traced steps.

    `rtch train --trace N` and Run.log_trace record spans. SHARE is the part of the time that spans cover, on all
    threads together; a span also counts in the rows of those around it, as forward does in step.

    Where backward passes shared nodes out among threads, a second table shows how long each thread was busy with them,
    and how long it ran none until the others were done.
    """
    view = Store(runs_dir).run(run)
    spans = view.trace()
    if not len(spans):
        print_warnings(view.warnings)
        raise ExperimentError(
            f"trace: run {view.id} has no spans; `rtch train --trace N` records those of its first N steps, "
            "and Run.log_trace those of a script",
            run=view.id,
        )
    if chrome is not None:
        if not chrome.parent.is_dir():
            raise StoreIOError(f"trace: there is no such folder; got {str(chrome.parent)!r}", path=str(chrome))
        spans.save_chrome(chrome)
    rows = spans.summary()
    if top is None:
        top = 0 if as_json else TOP
    shown = rows[:top] if top else rows
    if as_json:
        print_json(
            {
                "run": view.id,
                "spans": len(spans),
                "dropped": spans.dropped,
                "ops": [dataclasses.asdict(row) for row in shown],
                "threads": [dataclasses.asdict(row) for row in spans.threads()],
            }
        )
    else:
        click.echo("\n".join(_as_table(shown)))
        threads = spans.threads()
        if threads:
            click.echo("\n" + "\n".join(_threads_table(threads)))
        if len(shown) < len(rows):
            click.echo(f"{len(shown)} of {len(rows)} rows; --top 0 shows all", err=True)
        if spans.dropped:
            click.echo(f"{spans.dropped} more spans were dropped", err=True)
        if chrome is not None:
            click.echo(f"{len(spans)} spans in {tables.printable(str(chrome))}; ui.perfetto.dev opens it", err=True)
    print_warnings(view.warnings)


def _threads_table(rows: list[ThreadTotal]) -> list[str]:
    return tables.table(
        ("THREAD", "NODES", "BUSY", "IDLE"),
        [
            (row.name, str(row.nodes), tables.nanoseconds_text(row.busy_ns), tables.nanoseconds_text(row.idle_ns))
            for row in rows
        ],
        tables.terminal_width(),
        right=("NODES", "BUSY", "IDLE"),
    )


def _as_table(rows: list[SpanTotal]) -> list[str]:
    return tables.table(
        ("OP", "CATEGORY", "COUNT", "TOTAL", "MEAN", "LONGEST", "SHARE"),
        [
            (
                row.name,
                row.category,
                str(row.count),
                tables.nanoseconds_text(row.total_ns),
                tables.nanoseconds_text(row.mean_ns),
                tables.nanoseconds_text(row.longest_ns),
                f"{100 * row.share:.1f}%",
            )
            for row in rows
        ],
        tables.terminal_width(),
        right=("COUNT", "TOTAL", "MEAN", "LONGEST", "SHARE"),
        shrink=("OP", "CATEGORY"),
    )
