# SPDX-License-Identifier: MIT
"""CSV text to typed columns, with the standard library alone: no tensors here.

What a file may hold:

- UTF-8 with or without a byte order mark (another ``encoding`` can be named), LF, CRLF or CR line ends, any
  one-character delimiter.
- One header line; names are stripped of surrounding spaces and must be present and distinct. Blank lines
  are skipped.
- Quoting as in RFC 4180: a quoted cell may hold delimiters, line breaks and doubled quotes. Broken quoting
  is refused.
- At most 1,048,576 characters in a cell.
"""

from __future__ import annotations

import csv
import hashlib
import io
import stat
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from rtch.data.columns import Categories, Numbers, read_column
from rtch.data.suggest import did_you_mean
from rtch.errors import DataError

MAX_FILE_BYTES = 2**31
MAX_COLUMNS = 100_000
MAX_CELL_CHARS = 2**20


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
    columns = [read_column(header[at], [row[at] for row in rows], lines, path, target) for at in kept]
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
    except (LookupError, ValueError) as error:  # ValueError: a NUL in the encoding's name, or a codec's own refusal
        raise DataError(f"read_csv: {path}: cannot decode as {encoding!r}: {error}", path=path) from None
    return text.removeprefix("\ufeff")


def _records(text: str, path: Path, delimiter: str) -> tuple[list[list[str]], list[int]]:
    """The records that are not blank lines, and the line on which each begins."""
    if csv.field_size_limit() < MAX_CELL_CHARS:
        csv.field_size_limit(MAX_CELL_CHARS)  # of the whole process; only ever raised, so that threads agree
    larger = csv.field_size_limit() > MAX_CELL_CHARS
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    records: list[list[str]] = []
    lines: list[int] = []
    begin = 1
    try:
        for record in reader:
            if record:
                if larger and max(map(len, record)) > MAX_CELL_CHARS:
                    raise _too_long(path, begin)
                records.append(record)
                lines.append(begin)
            begin = reader.line_num + 1
    except csv.Error as error:
        if "field limit" in str(error):
            raise _too_long(path, begin) from None
        raise DataError(
            f"read_csv: {path}, line {begin}: broken CSV: {error}; check the quotes there", path=path
        ) from None
    return records, lines


def _too_long(path: Path, line: int) -> DataError:
    return DataError(
        f"read_csv: {path}, line {line}: a cell has more than {MAX_CELL_CHARS} characters, which is the limit; "
        "close the quote that is open there, or leave such texts out",
        path=path,
    )


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
