# SPDX-License-Identifier: MIT
"""``rtch doctor``: what this machine computes with, and whether it gives the bits that rtch promises."""

from __future__ import annotations

import platform
import sys
from typing import TYPE_CHECKING

import click

from rtch.cli import tables
from rtch.cli.group import EXIT_FAILED
from rtch.cli.options import output_options, print_json

if TYPE_CHECKING:
    from rtch._c.tuned import Tuned


@click.command("doctor")
@output_options
def doctor(as_json: bool) -> None:
    """Show what this machine computes with, and test it.

    The self-test runs every kernel on fixed inputs and compares the bits with those recorded for this release.

    \b
    Exit codes:
      0  every kernel gives the recorded bits
      1  one does not: runs made here can't be trusted to replay elsewhere
    """
    from importlib.metadata import version

    from rtch import __version__
    from rtch._c import describe, selftest, tuned

    facts = describe()
    parts = selftest.run()
    wrong = [part for part in parts if part.found != part.expected]
    versions = {name: version(name) for name in ("numpy", "cffi", "click", "msgspec")}
    if as_json:
        print_json(
            {
                "rtch": __version__,
                **facts,
                "python": platform.python_version(),
                "platform": platform.platform(),
                "versions": versions,
                "tuned": {**tuned.state._asdict(), "grains": tuned.grains()},
                "kernels": len(parts),
                "wrong": [part._asdict() for part in wrong],
            }
        )
    else:
        rows = {
            "rtch": f"{__version__}, numerics version {facts['numerics_version']}",
            "instruction set": facts["isa"],
            "threads": str(facts["threads"]),
            "grains": _grains(tuned.state, tuned.grains()),
            "compiler": facts["compiler"],
            "python": f"{platform.python_version()} on {platform.platform()}",
            "libraries": ", ".join(f"{name} {number}" for name, number in versions.items()),
            "self-test": f"{len(parts) - len(wrong)} of {len(parts)} kernels give the recorded bits",
        }
        for name, text in rows.items():
            click.echo(f"{name:<16} {tables.printable(text)}")
        for part in wrong:
            click.echo(f"  {part.name.lower()}: {part.found}, recorded {part.expected or 'nothing'}")
    sys.exit(EXIT_FAILED if wrong else 0)


def _grains(state: Tuned, grains: dict[str, int]) -> str:
    numbers = ", ".join(f"{name} {grain}" for name, grain in grains.items())
    if state.used:
        return f"{numbers}, from {state.path}"
    return f"{numbers}, built in" + (f"; {state.path} is not used: {state.problem}" if state.problem else "")
