# SPDX-License-Identifier: MIT
"""CSV text to typed columns, with the standard library alone: no tensors here.

What a file may hold:

- UTF-8 with or without a byte order mark (another ``encoding`` can be named), LF, CRLF or CR line ends, any
  one-character delimiter.
- One header line; names are stripped of surrounding spaces and must be present and distinct. Blank lines
  are skipped.
- Quoting as in RFC 4180: a quoted cell may hold delimiters, line breaks and doubled quotes. Broken quoting
  is refused.

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

import csv
import hashlib
import io
import math
import re
import stat
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from rtch.data.suggest import did_you_mean
from rtch.errors import DataError

MAX_FILE_BYTES = 2**31
MAX_COLUMNS = 100_000
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


@dataclass(frozen=True, slots=True)
class Table:
    """The columns of a CSV file in order of the header, and the SHA-256 of its bytes in hexadecimal."""

    columns: list[Numbers | Categories]
    n_rows: int
    sha256: str


def read_bytes(path: Path) -> bytes:
    """All bytes of a regular file; DataError with the reason when it can't be read."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise DataError(f"read_csv: {path} is not a regular file; give the path of a CSV file", path=path)
        if status.st_size > MAX_FILE_BYTES:
            raise DataError(
                f"read_csv: {path} has {status.st_size} bytes, the limit is {MAX_FILE_BYTES}; "
                "train on a sample of its rows",
                path=path,
            )
        return path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"read_csv: no such file: {path}", path=path) from None
    except OSError as error:
        raise DataError(f"read_csv: cannot read {path}: {error.strerror}", path=path) from error


def parse(
    content: bytes,
    path: Path,
    target: str,
    *,
    delimiter: str = ",",
    encoding: str = "utf-8",
    ignore: Collection[str] = (),
) -> Table:
    """The table in ``content``; ``path`` is for messages. Columns named in ``ignore`` are left out.

    Raises DataError, with ``path`` and where they apply ``row`` (1 for the first row of data) and ``column``.
    """
    if len(delimiter) != 1 or delimiter in '"\r\n':
        raise DataError(f"read_csv: delimiter must be one character; got {delimiter!r}", path=path)
    text = _decode(content, path, encoding)
    records, lines = _records(text, path, delimiter)
    if not records:
        raise DataError(f"read_csv: {path} is empty; the first line must name the columns", path=path)
    header = [name.strip() for name in records[0]]
    kept = _check_header(header, path, target, delimiter, ignore)
    rows = records[1:]
    if not rows:
        raise DataError(f"read_csv: {path} has a header and no rows", path=path)
    for number, row in enumerate(rows, start=1):
        if len(row) != len(header):
            raise DataError(
                f"read_csv: {path}, row {number} (line {lines[number]}): "
                f"expected {len(header)} cells as in the header; got {len(row)}",
                path=path,
                row=number,
            )
    columns = [_column(header[at], [row[at] for row in rows], lines, path, target) for at in kept]
    return Table(columns, len(rows), hashlib.sha256(content).hexdigest())


def _decode(content: bytes, path: Path, encoding: str) -> str:
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"read_csv: {path}, line {line}: byte {content[error.start]:#04x} is not {encoding}; "
            "save the file as UTF-8 or name its encoding",
            path=path,
        ) from None
    except (LookupError, UnicodeError) as error:
        raise DataError(f"read_csv: {path}: cannot decode as {encoding!r}: {error}", path=path) from None
    return text.removeprefix("\ufeff")


def _records(text: str, path: Path, delimiter: str) -> tuple[list[list[str]], list[int]]:
    """The records that are not blank lines, and the line on which each begins."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    records: list[list[str]] = []
    lines: list[int] = []
    begin = 1
    try:
        for record in reader:
            if record:
                records.append(record)
                lines.append(begin)
            begin = reader.line_num + 1
    except csv.Error as error:
        raise DataError(
            f"read_csv: {path}, line {begin}: broken CSV: {error}; check the quotes there", path=path
        ) from None
    return records, lines


def _check_header(header: list[str], path: Path, target: str, delimiter: str, ignore: Collection[str]) -> list[int]:
    """The positions of the columns to keep."""
    if len(header) > MAX_COLUMNS:
        raise DataError(f"read_csv: {path} has {len(header)} columns, the limit is {MAX_COLUMNS}", path=path)
    if target not in header:
        hint = did_you_mean(target, header)
        if not hint and len(header) == 1:
            other = next((d for d in ";\t|" if d != delimiter and d in header[0]), None)
            hint = f"; its header holds {other!r}, try it as the delimiter" if other else ""
        names = ", ".join(repr(name) for name in header[:12]) + (", ..." if len(header) > 12 else "")
        raise DataError(f"read_csv: {path} has no column {target!r}{hint}; it has {names}", path=path, column=target)
    for name in ignore:
        if name not in header:
            raise DataError(
                f"read_csv: {path} has no column {name!r} to ignore{did_you_mean(name, header)}",
                path=path,
                column=name,
            )
    if target in ignore:
        raise DataError(f"read_csv: {target!r} is the target and can't be ignored", path=path, column=target)
    kept = [at for at, name in enumerate(header) if name not in ignore]
    seen: set[str] = set()
    for at in kept:
        name = header[at]
        if not name:
            raise DataError(
                f"read_csv: {path}: column {at + 1} of the header has no name; name it, or ignore ''",
                path=path,
            )
        if name in seen:
            raise DataError(
                f"read_csv: {path}: column name {name!r} occurs more than once in the header; rename one",
                path=path,
                column=name,
            )
        seen.add(name)
    if len(kept) < 2:
        raise DataError(
            f"read_csv: {path} has no feature beside the target {target!r}; is {delimiter!r} its delimiter?",
            path=path,
        )
    return kept


def _column(name: str, cells: list[str], lines: list[int], path: Path, target: str) -> Numbers | Categories:
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
