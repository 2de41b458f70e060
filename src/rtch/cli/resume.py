# SPDX-License-Identifier: MIT
"""``rtch resume``: go on with a run that was interrupted, failed or killed."""

from __future__ import annotations

from pathlib import Path

import click

from rtch.cli.options import output_options, print_json, run_argument, runs_dir_option
from rtch.cli.training import Session, print_outcome


@click.command("resume")
@run_argument
@click.option("--data", type=click.Path(path_type=Path), help="The CSV file, where it lies elsewhere now.")
@output_options
@runs_dir_option
def resume(run: str, data: Path | None, as_json: bool, runs_dir: Path) -> None:
    """Continue a run from its last checkpoint.

    It ends with the same weights, to the bit, as if it had never stopped. A run without a checkpoint begins
    anew; a completed one is left as it is.
    """
    from rtch.service import resume as go_on
    from rtch.store import Store

    store = Store(runs_dir)
    view = store.run(run)
    if view.status == "completed":
        if as_json:
            print_json({"run": view.id, "path": str(view.path), "status": view.status, **view.results})
        else:
            click.echo(f"run {view.id} is completed already; `rtch summary {view.id}` shows it")
        return
    session = Session(runs_dir, quiet=as_json)
    outcome = session.train(
        lambda: go_on(store, view.id, data=data, callbacks=session.callbacks(), on_start=session.started)
    )
    print_outcome(outcome, runs_dir, as_json=as_json)
