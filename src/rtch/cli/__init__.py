# SPDX-License-Identifier: MIT
"""The ``rtch`` command. Commands are imported when they are called, so that help and listings stay fast.

A new command is one row in ``COMMANDS`` and one file. A command parses, calls the library and prints; errors
of the library become one line and an exit code in ``group``.
"""

from __future__ import annotations

import click

from rtch.cli.group import LazyGroup, debug_option, version_option

# name: (where the command is, its help on one line as the command itself has it)
COMMANDS = {
    "train": ("rtch.cli.train:train", "Train a model from a configuration or a CSV file."),
    "resume": ("rtch.cli.resume:resume", "Continue a run from its last checkpoint."),
    "replay": ("rtch.cli.replay:replay", "Train a run again and compare the weights bit for bit."),
    "list": ("rtch.cli.listing:list_runs", "List runs, newest first."),
    "summary": ("rtch.cli.summary:summary", "Show a run: facts, metrics and artifacts."),
    "trace": ("rtch.cli.trace:trace", "Show the longest ops of a run's traced steps."),
    "export": ("rtch.cli.export:export", "Export the metrics of runs as CSV or JSON."),
    "bench": ("rtch.cli.bench:bench", "Measure this machine."),
    "doctor": ("rtch.cli.doctor:doctor", "Show what this machine computes with, and test it."),
}

EPILOG = """\b
RUN is a run's id, an unambiguous prefix of it, or `latest`.

\b
Exit codes:
  0    done
  1    the training diverged, or a replay differs
  2    bad input or usage, or store, data or output can't be read or written
  4    a replay needs another numerics version
  130  interrupted with Ctrl-C; `rtch resume` goes on with a training
  143  the same with SIGTERM
"""


@click.group(
    cls=LazyGroup,
    lazy_commands=COMMANDS,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@version_option
@debug_option
def main() -> None:
    """Train models whose runs replay bit for bit, and look at the runs."""
