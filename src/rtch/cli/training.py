# SPDX-License-Identifier: MIT
"""What ``rtch train`` and ``rtch resume`` have in common: the lines around a training."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rtch.cli import tables
from rtch.cli.group import EXIT_INTERRUPTED, EXIT_TERMINATED
from rtch.cli.options import print_json
from rtch.errors import TorchError
from rtch.store.records import FINAL_STATUSES

if TYPE_CHECKING:
    from rtch.service import Outcome
    from rtch.service.job import Job
    from rtch.store import Run
    from rtch.train import Callback

MAX_WEIGHTS = 12


class Session:
    """One training on the screen: progress on standard error, the result on standard output."""

    def __init__(self, runs_dir: Path, *, quiet: bool) -> None:
        """With ``quiet`` nothing but the result is printed."""
        self.runs_dir = runs_dir
        self.quiet = quiet
        self.run: Run | None = None

    def callbacks(self) -> list[Callback]:
        """The progress display."""
        from rtch.train import progress

        return [] if self.quiet else [progress()]

    def started(self, run: Run, job: Job) -> None:
        """Say what is about to happen."""
        self.run = run
        if not self.quiet:
            click.echo(f"run {run.id}  {describe(job)}", err=True)

    def train(self, call: Callable[[], Outcome]) -> Outcome:
        """Call it; Ctrl-C or SIGTERM ends with one line that says how to go on."""
        try:
            return call()
        except KeyboardInterrupt as signalled:
            if self.run is None:
                raise
            click.echo(
                f"rtch: interrupted at step {self.run_step()}; `{self.command('resume')}` goes on from there",
                err=True,
            )
            from rtch.service.interrupt import Terminated

            sys.exit(EXIT_TERMINATED if isinstance(signalled, Terminated) else EXIT_INTERRUPTED)
        except TorchError as error:
            if self.run is not None:
                error.add_note(self._how_it_was_left(self.run))
            raise

    def _how_it_was_left(self, run: Run) -> str:
        if run.status in FINAL_STATUSES:
            return f"run {run.id} is marked {run.status}"
        return f"run {run.id} is left unfinished; `{self.command('resume')}` goes on"

    def run_step(self) -> int:
        """The last step that was logged."""
        from rtch.store import Store

        assert self.run is not None
        return Store(self.runs_dir).run(self.run.id).summary().steps

    def command(self, name: str) -> str:
        """The command line that applies ``name`` to this run."""
        assert self.run is not None
        return f"{program()} {name} {self.run.id}{runs_dir_argument(self.runs_dir)}"


def program() -> str:
    """How to call this command again: its name, or the path it was called by where a shell would not find that one."""
    import shutil
    import sys

    script = Path(sys.argv[0])
    if script.stem != "rtch" or not script.exists():
        return "rtch"
    found = shutil.which("rtch")
    return "rtch" if found is not None and Path(found).samefile(script) else str(script)


def runs_dir_argument(runs_dir: Path) -> str:
    """What to add to a command line so that it finds the same store."""
    context = click.get_current_context()
    given = context.get_parameter_source("runs_dir")
    if given is click.core.ParameterSource.COMMANDLINE:
        return f" --runs-dir {runs_dir}"
    return ""


def describe(job: Job) -> str:
    """``linear model, 10 features of diabetes.csv; 309 rows to train, 66 to validate, 67 to test``."""
    data = job.config.resolved()["data"]
    source = Path(data["path"]).name if data["source"] == "csv" else "synthetic data"
    model = job.config.resolved()["model"]
    hidden = "-".join(str(width) for width in model.get("hidden", []))
    name = f"mlp {hidden}" if model["name"] == "mlp" else "linear model"
    validation = 0 if job.validation is None else len(job.validation)
    parts = f"{len(job.train)} rows to train" + (f", {validation} to validate" if validation else "")
    return tables.printable(f"{name}, {job.dataset.n_features} features of {source}; {parts}, {len(job.test)} to test")


def as_data(outcome: Outcome) -> dict[str, Any]:
    """The result for programs."""
    return {
        "run": outcome.run,
        "path": str(outcome.path),
        "status": "completed",
        "steps": outcome.steps,
        "first_step": outcome.first_step,
        "epochs": outcome.epochs,
        "stopped_early": outcome.stopped_early,
        "best_epoch": outcome.best_epoch,
        "test": dict(outcome.test),
        "weights_sha256": outcome.weights_sha256,
        "data": dict(outcome.data),
        "config": outcome.config.resolved(),
    }


def print_outcome(outcome: Outcome, runs_dir: Path, *, as_json: bool) -> None:
    """Print how a training ended, for a person or for a program."""
    if as_json:
        print_json(as_data(outcome))
        return
    for line in outcome_lines(outcome, runs_dir_argument(runs_dir)):
        click.echo(line)


def outcome_lines(outcome: Outcome, argument: str) -> list[str]:
    """The screen at the end of a training; ``argument`` is added to the commands that it suggests."""
    data = outcome.data
    target = tables.printable(str(data["target"]))
    test = outcome.test
    lines = ["", _ending(outcome), ""]
    lines.append(f"{target} of {data['test_rows']} test rows that training never saw")
    lines.append(f"  R2   {test['r2']:<10.4f} {_in_words(test['r2'])}")
    lines.append(f"  MAE  {test['mae']:<10.5g} predictions are off by this much on average")
    lines.append(f"  MSE  {test['mse']:<10.5g} mean squared error")
    linear = outcome.report.get("linear")
    if linear is not None:
        lines += ["", *_weights(linear, target)]
    lines += [
        "",
        f"weights sha256 {outcome.weights_sha256}",
        f"files          {outcome.path}",
        "",
        f"  {program()} summary latest{argument}    metrics, checkpoints and environment of this run",
        f"  {program()} replay latest{argument}     train again and compare bit for bit",
    ]
    return lines


def _ending(outcome: Outcome) -> str:
    text = f"trained {outcome.steps:,} steps in {outcome.epochs:,} epochs"
    if outcome.first_step:
        text = f"trained steps {outcome.first_step + 1:,} to {outcome.steps:,}, {outcome.epochs:,} epochs in all"
    if outcome.stopped_early:
        text += f", stopped early; the weights are those of epoch {outcome.best_epoch}"
    elif outcome.best_epoch is not None:
        text += f"; the weights are those of epoch {outcome.best_epoch}, the best"
    return text


def _in_words(r2: float) -> str:
    if r2 <= 0:
        return "no better than always predicting the mean"
    return f"{100 * r2:.0f} % of the variance is explained"


def _weights(linear: Mapping[str, Any], target: str) -> list[str]:
    """The largest weights of a linear model, in the data's own units."""
    rows = sorted(linear["features"], key=lambda row: -abs(row["weight"]))
    shown = rows[:MAX_WEIGHTS]
    true = "true_weight" in rows[0]
    width = max(tables.cell_width(tables.printable(row["feature"])) for row in shown)
    width = max(min(width, 40), len("(bias)"))
    lines = [f"change in {target} per unit of each feature" + (", learned and true" if true else "")]
    table = [(row["feature"], row["weight"], row.get("true_weight")) for row in shown]
    table.append(("(bias)", linear["bias"], linear.get("true_bias")))
    for name, weight, truth in table:
        text = tables.cut(tables.printable(name), width)
        padding = " " * (width - tables.cell_width(text))
        lines.append(f"  {text}{padding}  {weight:>10.4g}" + (f"  {truth:>10.4g}" if true else ""))
    if len(rows) > len(shown):
        lines.append(f"  ... and {len(rows) - len(shown)} more in report.json")
    return lines
