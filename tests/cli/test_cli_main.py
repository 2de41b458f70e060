# SPDX-License-Identifier: MIT
"""The command group: help, laziness, errors and exit codes."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from rtch.cli import COMMANDS, main
from rtch.cli.group import LazyGroup
from rtch.errors import ArgumentError, DivergedError
from rtch.store import Store
from rtch.version import __version__

HEAVY = {"numpy", "cffi", "_cffi_backend", "rtch._c", "rtch.tensor", "datasketches", "rich"}


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_lists_every_command_with_its_help(flag: str) -> None:
    """-h works, and the epilog has the exit codes."""
    done = CliRunner().invoke(main, [flag])
    assert 0 == done.exit_code
    for name, (_, text) in COMMANDS.items():
        assert f"  {name:<9}{text}" in done.output
    assert "130  interrupted" in done.output


@pytest.mark.parametrize("name", COMMANDS)
def test_the_table_has_the_commands_own_help(name: str) -> None:
    """The help in the table, which spares the import, is what the command says of itself; -h works there too."""
    module, _, attribute = COMMANDS[name][0].partition(":")
    command = getattr(importlib.import_module(module), attribute)
    assert name == command.name
    assert COMMANDS[name][1].rstrip(".") == command.get_short_help_str(limit=200).rstrip(".")
    done = CliRunner().invoke(main, [name, "-h"])
    assert 0 == done.exit_code
    assert COMMANDS[name][1] in done.output
    assert "--debug" in done.output


def test_version() -> None:
    """One line for programs."""
    assert f"rtch {__version__}\n" == CliRunner().invoke(main, ["--version"]).output


def loaded(code: str, *arguments: str) -> set[str]:
    """Return the modules that a fresh interpreter has after ``code``."""
    script = f"import sys\n{code}\nprint(*sys.modules, sep='\\n')"
    done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines())


RUN_CLI = """
from rtch.cli import main
try:
    main(sys.argv[1:])
except SystemExit as error:
    assert not error.code
"""


def test_help_list_and_the_store_stay_light(tmp_path: Path) -> None:
    """Neither NumPy, nor cffi and the C core, nor datasketches or rich are loaded, also not by logging."""
    log = """
from rtch.store import Store
from rtch.tracing import trace
with Store(sys.argv[1]).start_run("x") as r, trace() as t:
    with t.span("x"):
        r.log({"loss": 1.5})
    r.log_trace(t)
"""
    cases = (
        ("import rtch.store", []),
        (log, [str(tmp_path)]),
        (RUN_CLI, ["--help"]),
        (RUN_CLI, ["list", "-h"]),
        (RUN_CLI, ["list", "--runs-dir", str(tmp_path)]),
        (RUN_CLI, ["summary", "latest", "--runs-dir", str(tmp_path)]),
        (RUN_CLI, ["trace", "latest", "--runs-dir", str(tmp_path)]),
    )
    modules = [loaded(code, *arguments) for code, arguments in cases]
    assert [set()] * len(cases) == [HEAVY & names for names in modules]
    assert not {"rtch.store", "msgspec"} & modules[2]  # --help
    assert 1 == len(Store(tmp_path).runs())


@click.group(cls=LazyGroup, lazy_commands={"raise": ("test_cli_main:raiser", "Raise.")})
def group() -> None:
    """Stand for the main group."""


@click.command("raise")
@click.argument("what")
@click.pass_context
def raiser(context: click.Context, what: str) -> None:
    """Raise."""
    if what == "exit":
        context.exit(4)
    if what == "noted":
        error = ArgumentError("first\nline")
        error.add_note("second")
        raise error
    raise {"bad": ArgumentError("x: bad"), "diverged": DivergedError("lost"), "ctrl-c": KeyboardInterrupt()}[what]


@pytest.mark.parametrize(
    ("what", "code", "message"),
    [
        ("bad", 2, "rtch: error: x: bad\n"),
        ("diverged", 1, "rtch: error: lost\n"),
        ("noted", 2, "rtch: error: first line; second\n"),
        ("ctrl-c", 130, "\nrtch: error: interrupted\n"),
        ("exit", 4, ""),
    ],
)
def test_errors_become_a_line_and_an_exit_code(
    monkeypatch: pytest.MonkeyPatch, what: str, code: int, message: str
) -> None:
    """One place turns the library's errors into what a shell sees."""
    monkeypatch.setitem(sys.modules, "test_cli_main", sys.modules[__name__])
    done = CliRunner().invoke(group, ["raise", what])
    assert (code, message, "") == (done.exit_code, done.stderr, done.stdout)


def test_debug_shows_the_traceback_before_or_after_the_command(tmp_path: Path) -> None:
    """The line is still the last one."""
    for arguments in (["--debug", "summary", "x"], ["summary", "x", "--debug"]):
        done = CliRunner().invoke(main, [*arguments, "--runs-dir", str(tmp_path)])
        assert 2 == done.exit_code
        assert done.stderr.startswith("Traceback")
        assert done.stderr.splitlines()[-1].startswith("rtch: error: ")
    done = CliRunner().invoke(main, ["summary", "x", "--runs-dir", str(tmp_path)])
    assert "Traceback" not in done.stderr


def test_without_a_command_the_help_is_shown() -> None:
    """And the exit code is that of bad usage."""
    done = CliRunner().invoke(main, [])
    assert 2 == done.exit_code
    assert "Commands:" in done.stderr


def test_the_command_as_a_process(tmp_path: Path) -> None:
    """python -m rtch.cli works like the script, and says so in its usage."""
    done = subprocess.run(
        [sys.executable, "-m", "rtch.cli", "list", "--json", "--runs-dir", str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert [] == json.loads(done.stdout)
    assert "" == done.stderr
