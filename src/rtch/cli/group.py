# SPDX-License-Identifier: MIT
"""The command group: lazy commands, and the one place where errors become a line and an exit code."""

from __future__ import annotations

import contextlib
import errno
import importlib
import os
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn, TypeVar

import click

from rtch.errors import TorchError, TrainingError
from rtch.version import __version__

EXIT_FAILED = 1
EXIT_BAD_INPUT = 2
EXIT_OTHER_NUMERICS = 4
EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 143

_DEBUG = "rtch.debug"
F = TypeVar("F", bound=Callable[..., Any])


def _set_debug(context: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        context.meta[_DEBUG] = True


def _print_version(context: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        click.echo(f"rtch {__version__}")
        context.exit()


def debug_option(command: F) -> F:
    """Add ``--debug``; every command has it, before or after its name."""
    return click.option(
        "--debug",
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=_set_debug,
        help="Show the traceback of an error.",
    )(command)


def version_option(command: F) -> F:
    """Add ``--version``."""
    return click.option(
        "--version",
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=_print_version,
        help="Show the version and exit.",
    )(command)


class LazyGroup(click.Group):
    """A group that knows its commands' names and help, and imports a command when it is called."""

    def __init__(self, *args: Any, lazy_commands: Mapping[str, tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lazy_commands = lazy_commands

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the table."""
        return list(self.lazy_commands)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command; None where there is none of that name."""
        if cmd_name not in self.lazy_commands:
            return None
        module, _, attribute = self.lazy_commands[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        if all(parameter.name != "debug" for parameter in command.params):
            debug_option(command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in self.lazy_commands.items()])

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Parse the arguments, which may print the help or the version."""
        try:
            return super().make_context(info_name, args, parent, **extra)
        except OSError as error:
            _fail_to_write(error)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; an error that rtch raised on purpose ends it with one line."""
        try:
            return super().invoke(ctx)
        except TorchError as error:
            if ctx.meta.get(_DEBUG):
                traceback.print_exc()
            notes = getattr(error, "__notes__", [])
            fail(
                "; ".join([str(error), *notes]),
                EXIT_FAILED if isinstance(error, TrainingError) else EXIT_BAD_INPUT,
            )
        except OSError as error:
            if ctx.meta.get(_DEBUG):
                traceback.print_exc()
            _fail_to_write(error)

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run with ``args`` and exit; usage errors are one line, Ctrl-C is 130."""
        if not standalone_mode:
            return super().main(args, prog_name, complete_var, False, **extra)
        try:
            code = super().main(args, prog_name, complete_var, False, **extra)
        except click.exceptions.NoArgsIsHelpError as error:
            error.show()
            sys.exit(EXIT_BAD_INPUT)
        except click.ClickException as error:
            context = getattr(error, "ctx", None)
            hint = f" (`{context.command_path} -h` shows the usage)" if context else ""
            fail(error.format_message().rstrip(".") + hint, EXIT_BAD_INPUT)
        except click.Abort:
            fail("interrupted", EXIT_INTERRUPTED)
        sys.exit(code if isinstance(code, int) else 0)


def fail(message: str, code: int) -> NoReturn:
    """Print ``rtch: error: message`` on one line of stderr and exit."""
    with contextlib.suppress(OSError):
        click.echo(f"rtch: error: {' '.join(message.split())}", err=True)
    sys.exit(code)


def _fail_to_write(error: OSError) -> NoReturn:
    """End after the system refused the answer; a reader that has gone, such as ``head``, has seen enough.

    The library turns the system's errors into its own, so what gets here comes from standard output. What is left in
    its buffer is dropped, or else Python would fail once more at its exit.
    """
    with contextlib.suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)
    if error.errno == errno.EPIPE:
        sys.exit(EXIT_BAD_INPUT)
    where = "standard output" if error.filename is None else repr(error.filename)
    fail(f"{where}: {error.strerror or error}", EXIT_BAD_INPUT)
