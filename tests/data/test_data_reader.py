# SPDX-License-Identifier: MIT
"""CSV files as datasets: float32 values, one-hot features, filled cells, fingerprints."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtch.data import read_csv
from rtch.errors import DataError

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_diabetes_equals_numpys_reading() -> None:
    """Every value is the float32 that NumPy gives for the same text."""
    path = EXAMPLES / "diabetes.csv"
    data = read_csv(path, "progression")
    expected = np.loadtxt(path, delimiter=",", skiprows=1)
    assert data.x.shape == (442, 10)
    assert data.y.shape == (442,)
    assert (data.x.dtype.name, data.y.dtype.name) == ("float32", "float32")
    np.testing.assert_array_equal(expected[:, :10].astype(np.float32), data.x.numpy())
    np.testing.assert_array_equal(expected[:, 10].astype(np.float32), data.y.numpy())
    assert (len(data), data.n_features, data.target_name) == (442, 10, "progression")
    assert data.feature_names[:3] == ("age", "sex", "bmi")
    assert data.fingerprint == hashlib.sha256(path.read_bytes()).hexdigest()


@given(st.lists(st.floats(width=64, min_value=-1e38, max_value=1e38), min_size=2, max_size=30, unique=True))
def test_text_to_float32_is_rounded_once(tmp_path_factory: pytest.TempPathFactory, values: list[float]) -> None:
    """Text becomes float32 as float64 would be cast, for any value."""
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    path.write_text("x,y\n" + "".join(f"{value!r},1\n" for value in values))
    with np.errstate(under="ignore"):
        expected = np.array(values).astype(np.float32)
    np.testing.assert_array_equal(expected, read_csv(path, "y").x.numpy()[:, 0])


def test_messy_file_is_encoded_as_documented() -> None:
    """One-hot features in order of the categories, zeros for a missing category, means for missing numbers."""
    data = read_csv(EXAMPLES / "houses_messy.csv", "Sale price", ignore=["House id", "Agent's note"])
    assert data.feature_names == (
        "Lot area (m²)",
        "Year built",
        "Heating, main=District",
        "Heating, main=Gas, condensing",
        "Heating, main=Heat\npump",
        "Heating, main=Oil",
        "Bathrooms",
        "Condition=fair",
        "Condition=good",
        "Condition=poor",
        "Country code",
    )
    x = data.x.numpy()
    assert np.isfinite(x).all()
    heating = x[:, 2:6]
    assert set(heating.ravel().tolist()) == {0.0, 1.0}
    assert set(heating.sum(axis=1).tolist()) == {0.0, 1.0}
    assert data.missing is not None
    missing = data.missing.numpy()
    assert missing[:, 2:6].sum() == 0
    year = x[:, 1].astype(np.float64)
    present = missing[:, 1] == 0
    assert not present.all()
    np.testing.assert_allclose(year[~present], year[present].mean(), rtol=1e-7)


def test_all_constant_features_are_refused(tmp_path: Path) -> None:
    """Constant numbers, one category and empty columns teach nothing."""
    path = tmp_path / "a.csv"
    path.write_text("a,b,c,y\n5,same,,1\n5,same,NA,2\n,same,,3\n")
    with pytest.raises(DataError, match="every feature is constant") as caught:
        read_csv(path, "y")
    assert caught.value.path == path


def test_a_category_against_missing_cells_is_not_constant(tmp_path: Path) -> None:
    """Present or missing is information when the column is categorical."""
    path = tmp_path / "a.csv"
    path.write_text("a,y\nyes,1\n,2\n")
    data = read_csv(path, "y")
    assert data.feature_names == ("a=yes",)
    assert data.x.tolist() == [[1.0], [0.0]]


def test_feature_names_that_would_clash_are_refused(tmp_path: Path) -> None:
    """A column may not be named like a category's feature."""
    path = tmp_path / "a.csv"
    path.write_text("a,a=x,y\nx,1,1\nz,2,2\n")
    with pytest.raises(DataError, match="two features would be named 'a=x'"):
        read_csv(path, "y")


def test_missing_file_names_the_path(tmp_path: Path) -> None:
    """The error carries the path that was asked for."""
    with pytest.raises(DataError, match="no such file") as caught:
        read_csv(tmp_path / "no.csv", "y")
    assert caught.value.path == tmp_path / "no.csv"


def test_empty_column_becomes_zero(tmp_path: Path) -> None:
    """A column without any value is filled with 0 and harms nothing."""
    path = tmp_path / "a.csv"
    path.write_text("a,b,y\n1,,1\n2,,2\n")
    assert read_csv(path, "y").x.tolist() == [[1.0, 0.0], [2.0, 0.0]]
