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
from rtch.data.columns import Categories, Numbers
from rtch.data.dataset import Dataset
from rtch.data.table import Table, parse, read_bytes
from rtch.errors import DataError
from rtch.tensor import Tensor

MAX_CELLS = 2**30


def read_csv(
    path: str | Path,
    target: str,
    *,
    delimiter: str = ",",
    encoding: str = "utf-8",
    ignore: Collection[str] = (),
) -> Dataset:
    """The rows of the CSV file ``path``, with the column ``target`` as the target.

    ``ignore`` names columns to leave out. `rtch.data.table` says what a file may hold, and `rtch.data.columns` how a
    column gets its kind. Missing numbers are filled with the mean of their column; `Dataset.split` fills them anew. The
    fingerprint is that of the file's bytes. The file is read whole: allow 15 times its size in memory.

    Raises DataError, with ``path`` and where they apply ``row`` and ``column``, when the file can't be read, is empty
    or broken, has no such target, a target cell that is not a finite number, a NaN or infinity, or features all
    constant.
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
    x = rtch.concat([_block(column) for column in features], axis=1)
    (y,) = (_column(column.values) for column in table.columns if column.name == target and isinstance(column, Numbers))
    missing = None
    if any(isinstance(column, Numbers) and column.missing for column in features):
        missing = rtch.concat([_flags(column) for column in features], axis=1)
    data = Dataset(x, y, tuple(names), target, table.sha256, missing)
    return data.filled(data.mean_of_present())


def _names(column: Numbers | Categories) -> list[str]:
    if isinstance(column, Numbers):
        return [column.name]
    return [f"{column.name}={category}" for category in column.categories]


def _block(column: Numbers | Categories) -> Tensor:
    """The features of one column: (N, 1) or (N, categories) float32."""
    if isinstance(column, Numbers):
        return rtch.expand_dims(_column(column.values), axis=1)
    codes = rtch.expand_dims(rtch.asarray(column.codes, dtype=rtch.int64), axis=1)
    return rtch.astype(codes == rtch.arange(len(column.categories)), rtch.float32)


def _flags(column: Numbers | Categories) -> Tensor:
    """1 where a cell of the block is to be filled, else 0."""
    if isinstance(column, Categories):
        return rtch.zeros((len(column.codes), len(column.categories)))
    flags = [0.0] * len(column.values)
    for row in column.missing:
        flags[row] = 1.0
    return rtch.expand_dims(_column(flags), axis=1)


def _is_constant(column: Numbers | Categories) -> bool:
    if isinstance(column, Categories):
        return len(set(column.codes)) == 1
    absent = set(column.missing)
    return len({value for row, value in enumerate(column.values) if row not in absent}) <= 1


def _column(values: list[float]) -> Tensor:
    """(N,) float32, each value rounded once."""
    return rtch.astype(rtch.asarray(values, dtype=rtch.float64), rtch.float32)
