# SPDX-License-Identifier: MIT
"""How checkpoint code says what is wrong: one printable line, with path and tensor name as facts.

Names and numbers in a message may come from a hostile file, so they are made printable and cut to length.
"""

from __future__ import annotations

from typing import NamedTuple, NoReturn

from rtch.errors import (
    CheckpointDTypeError,
    CheckpointFormatError,
    CheckpointIOError,
    CheckpointLayoutError,
)

MAX_SHOWN_CHARS = 160


class Site(NamedTuple):
    """The place that an error names: a file and, where there is one, a tensor in it."""

    path: str
    name: str | None = None

    def __str__(self) -> str:
        """Return ``path`` or ``path: tensor 'name'``."""
        path = printable(self.path)
        return path if self.name is None else f"{path}: tensor {one_line(repr(self.name))}"

    def refuse(self, rule: str, got: object) -> NoReturn:
        """Raise a CheckpointFormatError ``site: rule; got X``."""
        raise CheckpointFormatError(f"{self}: {rule}; got {one_line(got)}", path=self.path, name=self.name)

    def refuse_dtype(self, rule: str, dtype: str) -> NoReturn:
        """Raise a CheckpointDTypeError ``site: rule; got 'dtype'``."""
        message = f"{self}: {rule}; got {one_line(repr(dtype))}"
        raise CheckpointDTypeError(message, path=self.path, name=self.name, dtype=dtype)

    def refuse_layout(self, rule: str, strides: tuple[int, ...]) -> NoReturn:
        """Raise a CheckpointLayoutError ``site: rule; got [strides]``."""
        message = f"{self}: {rule}; got {one_line(list(strides))}"
        raise CheckpointLayoutError(message, path=self.path, name=self.name, strides=strides)

    def refuse_io(self, what: str, cause: Exception) -> NoReturn:
        """Raise a CheckpointIOError ``site: what; got the system's reason``, with the system's ``errno``."""
        reason = cause.strerror if isinstance(cause, OSError) and cause.strerror else cause
        error = CheckpointIOError(f"{self}: {what}; got {one_line(reason)}", path=self.path, name=self.name)
        error.errno = getattr(cause, "errno", None)
        raise error from cause


def printable(text: str) -> str:
    """Return the text with every character that a terminal would not show as itself escaped."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def one_line(value: object) -> str:
    """Return the value as printable text of bounded length on one line."""
    try:
        text = str(value)
    except ValueError:  # an integer beyond Python's limit of printable digits
        return "a number too long to show"
    cut = text if len(text) <= MAX_SHOWN_CHARS else f"{text[:MAX_SHOWN_CHARS]}..."
    return printable(cut)
