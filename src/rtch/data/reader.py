# SPDX-License-Identifier: MIT
"""A CSV file as a `Dataset`.

Numeric columns become one feature each. A categorical column becomes one feature of 0 and 1 per category,
named ``column=category``, in order of the categories by code point; a missing cell gives zeros in all of
them. Text becomes float64 as Python reads it, and float32 by our own cast.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import rtch
from rtch.data.dataset import Dataset
from rtch.data.table import Categories, Numbers, Table, parse, read_bytes
from rtch.errors import DataError
from rtch.tensor import Tensor

MAX_CELLS = 2**31


def read_csv(
    path: str | Path,
    target: str,
    *,
    delimiter: str = ",",
    encoding: str = "utf-8",
    ignore: Collection[str] = (),
) -> Dataset:
    """The rows of the CSV file ``path``, with the column ``target`` as the target.

    ``ignore`` names columns to leave out. `rtch.data.table` says what a file may hold and how columns get
    their kind. Missing numbers are filled with the mean of their column (`Dataset.split` fills them anew).
    The fingerprint is that of the file's bytes.

    Raises DataError, with ``path`` and where they apply ``row`` and ``column``, when the file can't be
    read, is empty or broken, has no such target, a target cell that is not a finite number, a NaN or
    infinity, or features that are all constant.
    """
    path = Path(path)
    table = parse(read_bytes(path), path, target, delimiter=delimiter, encoding=encoding, ignore=ignore)
    return _dataset(table, target, path)


def _dataset(table: Table, target: str, path: Path) -> Dataset:
    features = [column for column in table.columns if column.name != target]
    names = [name for column in features for name in _names(column)]
    if len(names) != len(set(names)):
        twice = next(name for at, name in enumerate(names) if name in names[:at])
        raise DataError(
            f"read_csv: {path}: two features would be named {twice!r}; rename one column",
            path=path,
            column=twice,
        )
    if len(names) * table.n_rows > MAX_CELLS:
        raise DataError(
            f"read_csv: {path} has {table.n_rows} rows of {len(names)} features, "
            f"more than {MAX_CELLS} cells; ignore categorical columns with many categories",
            path=path,
        )
    if all(_is_constant(column) for column in features):
        raise DataError(
            f"read_csv: {path}: every feature is constant, so there is nothing to learn from; "
            "check that the file has the right columns",
            path=path,
        )
    x = _matrix([values for column in features for values in _values(column)])
    y = _matrix([values for column in table.columns if column.name == target for values in _values(column)])
    missing = None
    if any(isinstance(column, Numbers) and column.missing for column in features):
        missing = _matrix([flags for column in features for flags in _flags(column)])
    data = Dataset(x, y[:, 0], tuple(names), target, table.sha256, missing)
    return data.filled(data.mean_of_present())


def _names(column: Numbers | Categories) -> list[str]:
    if isinstance(column, Numbers):
        return [column.name]
    return [f"{column.name}={category}" for category in column.categories]


def _values(column: Numbers | Categories) -> list[list[float]]:
    """One list of N values per feature of the column."""
    if isinstance(column, Numbers):
        return [column.values]
    return [[float(code == at) for code in column.codes] for at in range(len(column.categories))]


def _flags(column: Numbers | Categories) -> list[list[float]]:
    """One list of N flags per feature of the column: 1 where the cell is to be filled."""
    flags = [0.0] * len(column.values if isinstance(column, Numbers) else column.codes)
    if isinstance(column, Categories):
        return [flags] * len(column.categories)
    for row in column.missing:
        flags[row] = 1.0
    return [flags]


def _is_constant(column: Numbers | Categories) -> bool:
    if isinstance(column, Categories):
        return len(set(column.codes)) == 1
    absent = set(column.missing)
    return len({value for row, value in enumerate(column.values) if row not in absent}) <= 1


def _matrix(columns: list[list[float]]) -> Tensor:
    """(N, F) float32 of F lists of N numbers."""
    parts = [rtch.astype(rtch.asarray(column, dtype=rtch.float64), rtch.float32) for column in columns]
    return rtch.stack(parts, axis=1)
