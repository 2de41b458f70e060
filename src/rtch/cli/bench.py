# SPDX-License-Identifier: MIT
"""``rtch bench``: measurements of this machine."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import click

from rtch.cli import tables
from rtch.cli.group import debug_option
from rtch.cli.options import output_options, print_json

if TYPE_CHECKING:
    from rtch.tuning import Finding

_WORK = {
    "cheap": "elements of one pass over memory",
    "costly": "elements, tens of operations each",
    "batch": "nodes of a backward pass",
}


@click.group("bench")
def bench() -> None:
    """Measure this machine."""


@bench.command("tune")
@click.option("--dry-run", is_flag=True, help="Measure and show, but write nothing.")
@click.option(
    "--seconds", type=click.FloatRange(1, 50), default=10.0, show_default=True, help="About how long to measure."
)
@output_options
@debug_option
def tune(dry_run: bool, seconds: float, as_json: bool) -> None:
    """Find out how much work makes another thread worth while.

    The grains that are found are written to the file that rtch reads when it starts: RTCH_TUNE, or rtch/tune.toml in
    $XDG_CONFIG_HOME or ~/.config. They change how fast things run, and no bit of any result. `rtch doctor` shows those
    in use. Run it while the machine has nothing else to do.
    """
    from rtch import tuning

    findings = tuning.tune(seconds)
    path = None if dry_run else str(tuning.save(findings))
    if as_json:
        print_json({"findings": [dataclasses.asdict(finding) for finding in findings], "path": path})
        return
    click.echo("\n".join(_as_table(findings)))
    if path is None:
        click.echo("nothing was written", err=True)
    else:
        click.echo(f"written to {tables.printable(path)}; rtch uses it from its next start on", err=True)


def _as_table(findings: list[Finding]) -> list[str]:
    def ratio(finding: Finding, size: int) -> str:
        timing = next((t for t in finding.timings if t.size == size), None)
        return f"{timing.alone_ns / timing.shared_ns:.2f}" if timing else "-"

    sizes = [timing.size for timing in findings[0].timings][::2]
    return [
        *tables.table(
            ("FAMILY", "GRAIN", "NOW", *(f"x{_short(size)}" for size in sizes)),
            [
                (
                    finding.family,
                    str(finding.grain),
                    str(finding.before),
                    *(ratio(finding, size) for size in sizes),
                )
                for finding in findings
            ],
            tables.terminal_width(),
            right=("GRAIN", "NOW", *(f"x{_short(size)}" for size in sizes)),
        ),
        "",
        "xN: how many times as fast two threads are as one, on N elements.",
        *(f"{finding.family}: {_WORK[finding.family]}" for finding in findings),
    ]


def _short(size: int) -> str:
    return f"{size >> 20}M" if size >= 1 << 20 else f"{size >> 10}k"
