# SPDX-License-Identifier: MIT
"""Options that several commands share, and what they print with."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def runs_dir_option(command: F) -> F:
    """Add ``--runs-dir``: the store's folder, as the argument ``runs_dir`` (a Path)."""
    return click.option(
        "--runs-dir",
        type=click.Path(path_type=Path),
        envvar="RTCH_RUNS",
        default="runs",
        show_default=True,
        show_envvar=True,
        help="Folder of the runs.",
    )(command)


def run_argument(command: F) -> F:
    """Add the argument RUN, as ``run``."""
    return click.argument("run", metavar="RUN")(command)


def output_options(command: F) -> F:
    """Add ``--json``: the answer for programs instead of a table, as the argument ``as_json``."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")(command)


def print_json(value: Any) -> None:
    """Print plain data or records as indented JSON."""
    import msgspec

    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def print_warnings(warnings: Iterable[str]) -> None:
    """Print what the library worked around, a line each, to stderr."""
    for warning in warnings:
        click.echo(f"rtch: warning: {' '.join(warning.split())}", err=True)
