# SPDX-License-Identifier: MIT
"""``rtch train``: from a configuration, a CSV file or both to a run in the store."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import click

from rtch.cli.options import output_options, runs_dir_option
from rtch.cli.training import Session, print_outcome


def _widths(context: click.Context, parameter: click.Parameter, value: str | None) -> list[int] | None:
    if value is None:
        return None
    try:
        return [int(width) for width in value.split(",")]
    except ValueError:
        raise click.BadParameter(f"whole numbers with commas between them, as in 64,32; got {value!r}") from None


@click.command("train")
@click.argument("config", required=False, metavar="[CONFIG.toml]", type=click.Path(path_type=Path))
@click.option("--data", type=click.Path(path_type=Path), help="CSV file to train on.")
@click.option("--target", help="Column to predict.")
@click.option("--ignore", multiple=True, metavar="COLUMN", help="Column to leave out; repeat for several.")
@click.option("--delimiter", help="Character between cells.  [default: ,]")
@click.option("--model", type=click.Choice(["linear", "mlp"]), help="Model.  [default: linear]")
@click.option("--hidden", callback=_widths, metavar="N,N", help="Widths of the mlp's hidden layers.  [default: 64]")
@click.option("--optimizer", type=click.Choice(["adam", "sgd"]), help="Optimizer.  [default: adam]")
@click.option("--lr", type=float, help="Learning rate.  [default: 0.01]")
@click.option("--epochs", type=int, help="Passes over the training rows.  [default: 100]")
@click.option("--batch-size", type=int, help="Rows per step.  [default: 32]")
@click.option("--patience", type=int, help="Stop after so many epochs without improvement.  [default: never]")
@click.option("--checkpoint-every", type=int, help="Epochs between checkpoints, 0 for the last only.  [default: 10]")
@click.option("--seed", type=int, help="Seed of the split, the batches and the weights.  [default: 0]")
@click.option("--name", help="Name of the run.  [default: that of the data file]")
@click.option("--tag", "tags", multiple=True, help="Tag of the run; repeat for several.")
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="Any other key, as in trainer.drop_last=true.",
)
@click.option(
    "--trace",
    "trace_steps",
    type=click.IntRange(min=1),
    metavar="N",
    help="Record the spans of the first N steps; `rtch trace` shows them. The weights stay the same.",
)
@output_options
@runs_dir_option
def train(config: Path | None, runs_dir: Path, as_json: bool, trace_steps: int | None, **options: Any) -> None:
    """Train a model from a configuration or a CSV file.

    \b
      rtch train houses.toml
      rtch train --data houses.csv --target price --model mlp --hidden 64,32

    Options override the keys of CONFIG.toml. The seed splits the rows: 70% for training, 15% for validation, 15% for
    testing. Exit code 1 when the training diverges.
    """
    overrides = _overrides(options)
    if config is None and options["data"] is None and "data" not in overrides:
        raise click.UsageError("give a CONFIG.toml, or --data FILE.csv with --target COLUMN")
    if options["data"] is not None:
        overrides["data"]["path"] = str(options["data"].absolute())
    from rtch.service import TrainingService

    service = TrainingService(config, **overrides)
    session = Session(runs_dir, quiet=as_json)
    outcome = session.train(
        lambda: service.run(
            runs_dir, callbacks=session.callbacks(), on_start=session.started, trace_steps=trace_steps or 0
        )
    )
    print_outcome(outcome, runs_dir, as_json=as_json)


def _overrides(options: dict[str, Any]) -> dict[str, Any]:
    """The options that were given, as a tree of configuration keys."""
    tree: dict[str, Any] = {}
    for option, key in (
        ("target", "data.target"),
        ("ignore", "data.ignore"),
        ("delimiter", "data.delimiter"),
        ("data", "data.source"),
        ("model", "model.name"),
        ("hidden", "model.hidden"),
        ("optimizer", "optimizer.name"),
        ("lr", "optimizer.lr"),
        ("epochs", "trainer.epochs"),
        ("batch_size", "trainer.batch_size"),
        ("patience", "trainer.patience"),
        ("checkpoint_every", "trainer.checkpoint_every"),
        ("seed", "seed"),
        ("name", "name"),
        ("tags", "tags"),
    ):
        value = options[option]
        if value is None or value == ():
            continue
        _put(tree, key, "csv" if option == "data" else list(value) if isinstance(value, tuple) else value)
    for setting in options["settings"]:
        key, equals, text = setting.partition("=")
        if not equals or not all(part for part in key.split(".")):
            raise click.UsageError(f"--set takes KEY=VALUE, as in trainer.drop_last=true; got {setting!r}")
        _put(tree, key.strip(), _value(key, text))
    if "hidden" in tree.get("model", {}) and "name" not in tree["model"]:
        tree["model"]["name"] = "mlp"
    return tree


def _put(tree: dict[str, Any], key: str, value: Any) -> None:
    """Set ``tree["a"]["b"]`` for the key ``a.b``."""
    *sections, last = key.split(".")
    for section in sections:
        below = tree.setdefault(section, {})
        if not isinstance(below, dict):
            raise click.UsageError(f"--set: {section} is a value already, so {key} can't be set")
        tree = below
    tree[last] = value


def _value(key: str, text: str) -> Any:
    """``text`` as a TOML value, or as it is where it is none."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except ValueError:  # TOMLDecodeError is one; so is what an integer of 5000 digits gives
        return text
    except RecursionError:
        raise click.UsageError(f"--set: the value of {key} nests too deeply; no key needs a list in a list") from None
