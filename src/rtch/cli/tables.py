# SPDX-License-Identifier: MIT
"""Plain tables that fit the terminal, without importing a table library: listings should be instant."""

from __future__ import annotations

import os
import sys
import unicodedata
from collections.abc import Sequence

import click

from rtch.store.values import Number

GAP = "  "
STATUS_COLOURS = {
    "running": "blue",
    "completed": "green",
    "failed": "red",
    "crashed": "red",
    "interrupted": "yellow",
}


def terminal_width() -> int:
    """Return the width to fit: the terminal's, or 80 where output is no terminal."""
    if not sys.stdout.isatty():
        return 80
    import shutil

    return shutil.get_terminal_size().columns


def printable(text: str) -> str:
    """Return ``text`` with everything that could steer a terminal replaced."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def cell_width(text: str) -> int:
    """Return how many columns a terminal needs for ``text``."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def cut(text: str, width: int) -> str:
    """Return ``text`` in at most ``width`` columns, with an ellipsis where it was cut."""
    if cell_width(text) <= width:
        return text
    while text and cell_width(text) > width - 1:
        text = text[:-1]
    return text + "…"


def figure(value: Number | str | None) -> str:
    """Return a number for a table: whole numbers up to 9 digits in full, others with 4 digits."""
    if value is None:
        return "-"
    if isinstance(value, str):
        return {"NaN": "nan", "Infinity": "inf", "-Infinity": "-inf"}[value]
    return str(value) if isinstance(value, int) and abs(value) < 10**9 else f"{value:.4g}"


def seconds_text(seconds: float | None) -> str:
    """Return a duration as ``0.82s``, ``42s``, ``3m05s`` or ``2h07m``."""
    if seconds is None:
        return "-"
    if seconds < 10:
        return f"{max(seconds, 0.0):.2f}s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02d}m"


def nanoseconds_text(nanoseconds: float) -> str:
    """Return a short time with 3 digits: ``812ns``, ``1.50us``, ``42.0ms`` or ``1.25s``, longer ones as seconds do."""
    for unit, size in (("ns", 1), ("us", 1_000), ("ms", 1_000_000)):
        value = nanoseconds / size
        if value < 999.5:
            digits = 0 if unit == "ns" or value >= 99.95 else 1 if value >= 9.995 else 2
            return f"{value:.{digits}f}{unit}"
    return seconds_text(nanoseconds / 1e9)


def ago(seconds: float | None, date: str) -> str:
    """Return how long ago something was, or its date where that was more than a month ago or isn't known."""
    for unit, size, limit in (("s", 1, 60), ("min", 60, 3600), ("h", 3600, 86400), ("d", 86400, 30 * 86400)):
        if seconds is not None and seconds < limit:
            return f"{max(int(seconds), 0) // size} {unit} ago"
    return date[:10]


def colour_status(text: str) -> str:
    """Return a padded status in its colour, on a terminal that wants colours."""
    colour = STATUS_COLOURS.get(text.strip())
    if colour is None or "NO_COLOR" in os.environ or not sys.stdout.isatty():
        return text
    return click.style(text, fg=colour)


def table(
    headers: Sequence[str],
    rows: Sequence[Sequence[str]],
    width: int,
    *,
    right: Sequence[str] = (),
    shrink: Sequence[str] = (),
) -> list[str]:
    """Return the lines of a table.

    Columns named in ``right`` are aligned right. Where the table is wider than ``width``, the columns named
    in ``shrink`` are cut, widest first, down to 8 characters.
    """
    cells = [list(headers), *([printable(cell) for cell in row] for row in rows)]
    widths = [max(cell_width(row[column]) for row in cells) for column in range(len(headers))]
    elastic = [index for index, header in enumerate(headers) if header in shrink]
    while sum(widths) + len(GAP) * (len(widths) - 1) > width and elastic:
        widest = max(elastic, key=lambda index: widths[index])
        if widths[widest] <= 8:
            break
        widths[widest] -= 1
    lines = []
    for number, row in enumerate(cells):
        line = []
        for header, cell, column in zip(headers, row, widths, strict=True):
            text = cut(cell, column)
            padding = " " * (column - cell_width(text))
            text = padding + text if header in right else text + padding
            line.append(colour_status(text) if header == "STATUS" and number else text)
        lines.append(GAP.join(line).rstrip())
    return lines
