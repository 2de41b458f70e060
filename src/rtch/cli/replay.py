# SPDX-License-Identifier: MIT
"""``rtch replay``: prove that a run gives the same bits again."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rtch.cli.group import EXIT_FAILED, EXIT_OTHER_NUMERICS
from rtch.cli.options import output_options, print_json, run_argument, runs_dir_option

if TYPE_CHECKING:
    from rtch.service import Replay

EXIT_CODES = {
    "identical": 0,
    "different": EXIT_FAILED,
    "data_changed": EXIT_FAILED,
    "other_numerics": EXIT_OTHER_NUMERICS,
}


@click.command("replay")
@run_argument
@click.option("--data", type=click.Path(path_type=Path), help="The CSV file, where it lies elsewhere now.")
@click.option("--threads", type=click.IntRange(min=1), help="Threads to use.  [default: as this machine has]")
@output_options
@runs_dir_option
def replay(run: str, data: Path | None, threads: int | None, as_json: bool, runs_dir: Path) -> None:
    """Train a run again and compare the weights bit for bit.

    \b
    Exit codes:
      0  identical
      1  different: the first metric that differs is shown; or the data has changed
      2  the run can't be replayed
      4  the run needs another release, with another numerics version
    """
    import rtch
    from rtch.service import replay as train_again
    from rtch.store import Store
    from rtch.train import progress

    view = Store(runs_dir).run(run)
    if threads is not None:
        rtch.set_num_threads(threads)
    result = train_again(view, data=data, callbacks=[] if as_json or not sys.stderr.isatty() else [progress()])
    if as_json:
        print_json({**dataclasses.asdict(result), "exit_code": EXIT_CODES[result.verdict]})
    else:
        for line in lines(result):
            click.echo(line)
    sys.exit(EXIT_CODES[result.verdict])


def lines(result: Replay) -> list[str]:
    """The result for a person."""
    if result.verdict == "other_numerics":
        made, here = result.numerics
        return [
            f"not replayed: run {result.run} has numerics_version {made}, this rtch has {here}",
            f"install the release that made it: pip install rtch=={result.release}",
        ]
    if result.verdict == "data_changed":
        then, now = result.data
        return [f"data changed: the run was trained on data with sha256 {then}, now it is {now}"]
    elsewhere = "" if result.same_host else ", on another machine"
    recorded = f"(recorded with {result.recorded_threads}{elsewhere})"
    how = f"{result.steps:,} steps, {_threads(result.threads)} {recorded}"
    if result.verdict == "identical":
        return [f"identical  sha256 {result.recorded[:6]}..  {how}"]
    text = [f"different  {how}"]
    if result.difference is not None:
        found = result.difference
        text += [
            f"first difference at step {found.step}: {found.name}",
            f"  recorded  {_shown(found.recorded)}",
            f"  replayed  {_shown(found.replayed)}",
        ]
    return text


def _threads(count: int) -> str:
    return "1 thread" if count == 1 else f"{count} threads"


def _shown(value: float | str | None) -> str:
    if value is None:
        return "nothing"
    return value if isinstance(value, str) else f"{value!r}  ({float(value).hex()})"
