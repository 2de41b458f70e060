# SPDX-License-Identifier: MIT
"""Batches: every row once, in an order of seed and epoch alone, from any batch on."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtch.data import Dataset, Loader, derive_seed, from_arrays
from rtch.errors import ArgumentError
from rtch.random import Generator


def numbered(n: int) -> Dataset:
    return from_arrays([[float(row), -float(row)] for row in range(n)], [float(row) for row in range(n)])


def batches(loader: Loader) -> list[list[int]]:
    result = []
    for x, y in loader:
        rows = [int(value) for value in y.tolist()]
        assert x.tolist() == [[float(row), -float(row)] for row in rows]
        result.append(rows)
    return result


@given(st.integers(1, 40), st.integers(1, 50), st.integers(0, 5), st.booleans())
def test_each_row_comes_once(n: int, batch_size: int, epoch: int, shuffle: bool) -> None:
    """Batches of the asked size cover every row once; only the last is smaller."""
    loader = Loader(numbered(n), batch_size, seed=1, epoch=epoch, shuffle=shuffle)
    found = batches(loader)
    assert len(found) == len(loader)
    assert sorted(row for batch in found for row in batch) == list(range(n))
    assert all(len(batch) == batch_size for batch in found[:-1])
    assert 0 < len(found[-1]) <= batch_size


@given(st.integers(1, 30), st.integers(1, 10), st.integers(0, 12))
def test_starting_later_gives_the_rest(n: int, batch_size: int, start: int) -> None:
    """A resumed epoch has exactly the batches that were left."""
    whole = batches(Loader(numbered(n), batch_size, seed=5, epoch=2))
    rest = Loader(numbered(n), batch_size, seed=5, epoch=2, start_batch=start)
    assert whole[start:] == batches(rest)
    assert len(whole[start:]) == len(rest)
    assert len(whole) == rest.n_batches


def test_order_is_the_permutation_of_seed_and_epoch() -> None:
    """The order follows the documented key, differs between epochs and seeds, and repeats."""
    rows = {
        (seed, epoch): [row for batch in batches(Loader(numbered(30), 7, seed=seed, epoch=epoch)) for row in batch]
        for seed in (0, 1)
        for epoch in (0, 1)
    }
    for (seed, epoch), order in rows.items():
        assert Generator(derive_seed(seed, "loader", epoch)).permutation(30).tolist() == order
    assert len({tuple(order) for order in rows.values()}) == 4


def test_drop_last_leaves_out_the_rest() -> None:
    """Only full batches are left; a batch larger than the data is refused."""
    found = batches(Loader(numbered(10), 4, drop_last=True))
    assert [len(batch) for batch in found] == [4, 4]
    with pytest.raises(ArgumentError, match="drop_last leaves no batch"):
        Loader(numbered(3), 4, drop_last=True)


def test_iterating_twice_gives_the_same() -> None:
    """A loader holds no position."""
    loader = Loader(numbered(10), 3, seed=8)
    assert batches(loader) == batches(loader)


@pytest.mark.parametrize(
    "wrong",
    [
        {"batch_size": 0},
        {"batch_size": 1.5},
        {"batch_size": True},
        {"epoch": -1},
        {"start_batch": -1},
        {"seed": -1},
    ],
)
def test_values_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    """Sizes, epochs and seeds are checked when the loader is made."""
    with pytest.raises(ArgumentError):
        Loader(numbered(3), **wrong)
