# SPDX-License-Identifier: MIT
"""The cells of one column of a CSV file as numbers or categories.

How a column gets its kind, from all of its cells:

- A cell is missing when it is empty, ``NA``, ``N/A``, ``null``, ``none`` or ``?`` after stripping, in any
  case.
- A cell is a number when it is a decimal number in ASCII, with or without sign, fraction and exponent. What
  only Python reads as a number (``1_000``) is text.
- A column whose cells are all numbers or missing is numeric. A cell that spells NaN or infinity there is
  refused, as is a number too large for float32.
- Any other column is categorical: its categories are its distinct stripped texts, sorted by code point.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path

from rtch.errors import DataError

MAX_CATEGORIES = 1_000
MAX_FLOAT32 = 3.4028235677973366e38  # the first float64 that rounds to infinity in float32

_MISSING = frozenset({"", "na", "n/a", "null", "none", "?"})
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?", re.ASCII)
_NON_FINITE = re.compile(r"[+-]?(?:nan|inf|infinity)", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Numbers:
    """A numeric column: the values in order of row, 0.0 where a cell is missing, and the rows of the
    missing cells.
    """

    name: str
    values: list[float]
    missing: list[int]


@dataclass(frozen=True, slots=True)
class Categories:
    """A categorical column: the sorted categories, and for each row the index of its category, -1 where the
    cell is missing.
    """

    name: str
    categories: tuple[str, ...]
    codes: list[int]


def read_column(name: str, cells: list[str], lines: list[int], path: Path, target: str) -> Numbers | Categories:
    """The column ``name`` with these cells, one per row; row i of the data begins on line ``lines[i + 1]``.

    ``path`` is for messages. Raises DataError for a cell that the rules above refuse, a cell of the ``target`` that
    is not a number in range, and more than MAX_CATEGORIES categories.
    """
    plain = _plain_numbers(cells)
    if plain is not None:
        return Numbers(name, plain, [])
    texts = [cell.strip() for cell in cells]
    if name == target:
        return _target(name, texts, lines, path)
    values: list[float] = []
    missing: list[int] = []
    non_finite: int | None = None
    for row, text in enumerate(texts):
        if _NUMBER.fullmatch(text):
            values.append(float(text))
        elif text.lower() in _MISSING:
            values.append(0.0)
            missing.append(row)
        elif _NON_FINITE.fullmatch(text):
            values.append(0.0)
            non_finite = row if non_finite is None else non_finite
        else:
            return _categories(name, texts, path)
    if non_finite is not None:
        raise _cell_error(
            path, non_finite, lines, name, f"{texts[non_finite]!r} is not a finite number",
            "leave the cell empty for a missing value",
        )  # fmt: skip
    _check_range(name, values, texts, lines, path)
    return Numbers(name, values, missing)


def _plain_numbers(cells: list[str]) -> list[float] | None:
    """The values of a column that holds nothing but numbers in range, found faster than cell by cell; else None.

    In ASCII without underscores, what float() takes and is finite is what ``_NUMBER`` matches.
    """
    together = "".join(cells)
    if "_" in together or not together.isascii():
        return None
    try:
        values = list(map(float, cells))
    except ValueError:
        return None
    if not all(map(math.isfinite, values)) or max(values) >= MAX_FLOAT32 or min(values) <= -MAX_FLOAT32:
        return None
    return values


def _target(name: str, texts: list[str], lines: list[int], path: Path) -> Numbers:
    values = []
    for row, text in enumerate(texts):
        if not _NUMBER.fullmatch(text):
            if text.lower() in _MISSING:
                rule = "the target is missing"
            elif _NON_FINITE.fullmatch(text):
                rule = f"the target {text!r} is not a finite number"
            else:
                rule = f"the target {_short(text)} is not a number"
            raise _cell_error(path, row, lines, name, rule, "correct the cell or remove the row")
        values.append(float(text))
    _check_range(name, values, texts, lines, path)
    return Numbers(name, values, [])


def _categories(name: str, texts: list[str], path: Path) -> Categories:
    present = {text for text in texts if text.lower() not in _MISSING}
    if len(present) > MAX_CATEGORIES:
        raise DataError(
            f"read_csv: {path}: column {name!r} holds {len(present)} different texts, "
            f"the limit is {MAX_CATEGORIES}; ignore the column, or correct the cells that should be numbers",
            path=path,
            column=name,
        )
    categories = tuple(sorted(present))
    code = {text: at for at, text in enumerate(categories)}
    return Categories(name, categories, [code.get(text, -1) for text in texts])


def _check_range(name: str, values: list[float], texts: list[str], lines: list[int], path: Path) -> None:
    for row, value in enumerate(values):
        if not -MAX_FLOAT32 < value < MAX_FLOAT32:
            raise _cell_error(
                path, row, lines, name, f"{_short(texts[row])} is too large for float32", "use a larger unit"
            )


def _cell_error(path: Path, row: int, lines: list[int], column: str, rule: str, advice: str) -> DataError:
    return DataError(
        f"read_csv: {path}, row {row + 1} (line {lines[row + 1]}), column {column!r}: {rule}; {advice}",
        path=path,
        row=row + 1,
        column=column,
    )


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:37] + "...")
