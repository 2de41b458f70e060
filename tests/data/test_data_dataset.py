# SPDX-License-Identifier: MIT
"""Datasets: construction, splits, and filling that never looks beyond the first part."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import rtch
from rtch.data import Dataset, derive_seed, from_arrays, make_regression, read_csv
from rtch.errors import ArgumentError, DataError
from rtch.random import Generator


def numbered(n: int) -> Dataset:
    """Rows whose feature and target are the row's number."""
    return from_arrays([[float(row)] for row in range(n)], [float(row) for row in range(n)])


def rows_of(part: Dataset) -> list[int]:
    assert part.x.tolist() == [[value] for value in part.y.tolist()]
    return [int(value) for value in part.y.tolist()]


@given(
    st.integers(1, 60),
    st.lists(st.floats(0.05, 0.9), min_size=1, max_size=4),
    st.integers(0, 2**63 - 1),
)
def test_split_is_a_partition(n: int, fractions: list[float], seed: int) -> None:
    """Each row is in exactly one part, and parts have the documented sizes."""
    total = 0.0
    ends = [0]
    for fraction in fractions:
        total += fraction
        ends.append(int(n * total + 0.5))
    assume(abs(total - 1.0) > 1e-6)
    if total > 1.0:
        with pytest.raises(ArgumentError, match="at most 1"):
            numbered(n).split(*fractions, seed=seed)
        return
    sizes = [b - a for a, b in zip(ends, [*ends[1:], n], strict=True)]
    if min(sizes) <= 0:
        with pytest.raises(DataError, match="would be empty"):
            numbered(n).split(*fractions, seed=seed)
        return
    parts = numbered(n).split(*fractions, seed=seed)
    assert sizes == [len(part) for part in parts]
    assert list(range(n)) == sorted(row for part in parts for row in rows_of(part))


def test_split_follows_the_permutation() -> None:
    """Parts are consecutive pieces of the permutation under the derived key."""
    train, validation, test = numbered(20).split(0.7, 0.15, seed=9)
    order = Generator(derive_seed(9, "split")).permutation(20).tolist()
    assert (len(train), len(validation), len(test)) == (14, 3, 3)
    assert order == rows_of(train) + rows_of(validation) + rows_of(test)


def test_split_depends_on_the_seed_alone() -> None:
    """The same seed gives the same parts, another seed others."""
    first, again, other = (rows_of(numbered(50).split(0.8, seed=seed)[0]) for seed in (1, 1, 2))
    assert first == again
    assert first != other
    assert first != sorted(first)


def test_fractions_that_sum_to_one_give_one_part_each() -> None:
    """0.7, 0.15 and 0.15 give three parts, not four."""
    parts = numbered(100).split(0.7, 0.15, 0.15, seed=0)
    assert [len(part) for part in parts] == [70, 15, 15]


@pytest.mark.parametrize("fractions", [(), (0.0,), (-0.1,), (1.2,), (0.8, 0.3), (float("nan"),), ("a",), (True,)])
def test_wrong_fractions_are_refused(fractions: tuple[float, ...]) -> None:
    """Fractions lie between 0 and 1 and sum to at most 1."""
    with pytest.raises(ArgumentError, match="split"):
        numbered(10).split(*fractions, seed=0)


def test_missing_cells_are_filled_from_the_first_part_alone(tmp_path: Path) -> None:
    """Means come from the present cells of the training part, in every part."""
    path = tmp_path / "a.csv"
    values = [str(float(row * row)) if row % 3 else "NA" for row in range(30)]
    path.write_text("a,b,y\n" + "".join(f"{value},{row},{row}\n" for row, value in enumerate(values)))
    parts = read_csv(path, "y").split(0.5, 0.25, seed=4)
    seen = [row * row for row in (int(value) for value in parts[0].y.tolist()) if row % 3]
    mean = np.float32(np.mean(seen))
    for part in parts:
        for a, row in zip(part.x.numpy()[:, 0], part.y.tolist(), strict=True):
            expected = mean if row % 3 == 0 else np.float32(row * row)
            assert expected == a
    whole = read_csv(path, "y").x.numpy()[0, 0]
    assert whole == np.float32(np.mean([row * row for row in range(30) if row % 3]))
    assert whole != mean


def test_from_arrays_checks_shapes_and_values() -> None:
    """Wrong shapes, no rows, wrong names and values that are not finite are refused."""
    assert from_arrays([[1, 2]], [3]).feature_names == ("x0", "x1")
    named = from_arrays(np.ones((2, 1)), np.ones(2), feature_names=["a"], target_name="t")
    assert (named.feature_names, named.target_name) == (("a",), "t")
    for x, y, part in [
        ([1.0], [1.0], "must be"),
        ([[1.0]], [1.0, 2.0], "must be"),
        ([[1.0]], [[1.0]], "must be"),
        (np.ones((0, 2)), np.ones(0), "at least one row"),
        ([[float("nan")]], [1.0], "x holds NaN"),
        ([[1.0]], [float("inf")], "y holds NaN"),
        (np.full((1, 1), 1e39), [1.0], "too large"),
    ]:
        with pytest.raises(DataError, match=part):
            from_arrays(x, y)
    with pytest.raises(DataError, match="as many names"):
        from_arrays([[1.0]], [1.0], feature_names=["a", "b"])


def test_fingerprint_is_that_of_the_values() -> None:
    """Another program can compute it, and a split keeps it."""
    x, y = np.array([[1.5, 2.0]], dtype="<f4"), np.array([3.0], dtype="<f4")
    data = from_arrays(x, y)
    expected = hashlib.sha256(b"rtch-data-1 1 2\n" + x.tobytes() + y.tobytes()).hexdigest()
    assert expected == data.fingerprint
    assert numbered(4).split(0.5, seed=0)[1].fingerprint == numbered(4).fingerprint
    assert numbered(4).fingerprint != numbered(5).fingerprint


def test_make_regression_is_its_equation() -> None:
    """y is x @ weights + bias + noise, and noise has the standard deviation that was asked for."""
    data = make_regression(5000, 4, noise=0.25, seed=3)
    exact = data.x.numpy().astype(np.float64) @ data.true_weights.numpy() + data.true_bias
    residual = data.y.numpy() - exact
    assert residual.std() == pytest.approx(0.25, rel=0.05)
    assert abs(residual.mean()) < 0.02
    clean = make_regression(50, 4, noise=0.0, seed=3)
    np.testing.assert_allclose(
        clean.y.numpy(),
        clean.x.numpy().astype(np.float64) @ clean.true_weights.numpy() + clean.true_bias,
        rtol=1e-5,
        atol=1e-5,
    )
    assert np.abs(data.true_weights.numpy()).max() <= 2.0
    assert data.x.numpy().std() == pytest.approx(1.0, rel=0.02)


def test_make_regression_depends_on_its_seed() -> None:
    """Equal seeds give equal bits; a split keeps the true weights."""
    first, again, other = (make_regression(20, 3, seed=seed) for seed in (0, 0, 1))
    assert first.fingerprint == again.fingerprint
    assert first.fingerprint != other.fingerprint
    part = first.split(0.5, seed=0)[0]
    assert first.true_weights.tolist() == part.true_weights.tolist()
    for wrong in (
        {"n_samples": 0},
        {"n_features": 0},
        {"noise": -1.0},
        {"noise": float("nan")},
        {"seed": -1},
    ):
        with pytest.raises(ArgumentError):
            make_regression(**wrong)


def test_rows_keep_their_order() -> None:
    """Rows come in the order of the indices."""
    assert rows_of(numbered(5).rows(rtch.asarray([3, 0, 3]))) == [3, 0, 3]


def test_make_regression_refuses_what_float32_does_not_hold() -> None:
    """An infinity in the target is said where it is made."""
    with pytest.raises(DataError, match="make_regression: y holds NaN, infinity"):
        make_regression(10, 2, noise=1e300)
