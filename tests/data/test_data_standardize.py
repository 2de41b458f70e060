# SPDX-License-Identifier: MIT
"""Standardisation against NumPy in float64, and its state."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

import rtch
from rtch.data import Preparation, Standardizer, from_arrays, read_csv
from rtch.errors import ArgumentError, DataError

EXAMPLES = Path(__file__).parents[2] / "examples"
matrices = arrays(
    np.float32,
    array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12),
    elements=st.floats(-1e6, 1e6, width=32),
)


@given(matrices)
def test_fit_and_transform_agree_with_numpy(x: np.ndarray) -> None:
    """Mean, population standard deviation and the standardised values are NumPy's in float64."""
    standardizer = Standardizer.fit(rtch.asarray(x))
    wide = x.astype(np.float64)
    mean, std = wide.mean(axis=0), wide.std(axis=0)
    constant = (x == x[0]).all(axis=0)
    np.testing.assert_allclose(standardizer.mean.numpy(), mean, rtol=1e-12, atol=1e-9)
    scale = standardizer.scale.numpy()
    np.testing.assert_allclose(scale[~constant], std[~constant], rtol=1e-9)
    assert (scale[constant] == 1.0).all()
    z = standardizer.transform(rtch.asarray(x))
    assert z.dtype.name == "float32"
    np.testing.assert_array_equal(z.numpy(), ((wide - standardizer.mean.numpy()) / scale).astype(np.float32))
    np.testing.assert_allclose(standardizer.inverse(z).numpy(), wide, rtol=1e-5, atol=1e-5 * np.abs(wide).max())


@pytest.mark.parametrize("value", [0.1, 1e-30, 3e38, -7.3, 0.0])
def test_constant_column_becomes_zero(value: float) -> None:
    """A constant feature has scale 1 and transforms to 0, whatever its value and the number of rows."""
    x = rtch.asarray(np.full((7, 1), value, dtype=np.float32))
    standardizer = Standardizer.fit(x)
    assert standardizer.scale.tolist() == [1.0]
    np.testing.assert_allclose(standardizer.transform(x).numpy(), 0.0, atol=abs(value) * 1e-15)


def test_state_survives_json() -> None:
    """The state is JSON and gives the same bits again."""
    train = read_csv(EXAMPLES / "diabetes.csv", "progression").split(0.7, seed=0)[0]
    before = Preparation.fit(train)
    after = Preparation.from_state_dict(json.loads(json.dumps(before.state_dict())))
    assert after.features is not None
    assert before.features is not None
    assert before.features.scale.tolist() == after.features.scale.tolist()
    assert before.apply(train).x.tolist() == after.apply(train).x.tolist()
    assert before.apply(train).y.tolist() == after.apply(train).y.tolist()


@pytest.mark.parametrize("state", [{}, {"mean": 1.0}, {"mean": [1.0], "scale": [1.0, 2.0]}, {"mean": "a", "scale": 1}])
def test_other_states_are_refused(state: dict[str, object]) -> None:
    """What is no state of a Standardizer is an ArgumentError."""
    with pytest.raises(ArgumentError):
        Standardizer.from_state_dict(state)


def test_preparation_is_fitted_on_the_training_part_alone() -> None:
    """Mean and scale are those of the training rows; the other part is transformed by them."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(5.0, 3.0, (40, 2)).astype(np.float32), rng.normal(size=40).astype(np.float32)
    train, test = from_arrays(x, y).split(0.5, seed=1)
    preparation = Preparation.fit(train)
    assert preparation.features is not None
    assert preparation.target is not None
    np.testing.assert_allclose(preparation.features.mean.numpy(), train.x.numpy().mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(preparation.target.mean.item(), train.y.numpy().astype(np.float64).mean(), rtol=1e-12)
    prepared = preparation.apply(train)
    np.testing.assert_allclose(prepared.x.numpy().mean(axis=0), 0.0, atol=1e-6)
    np.testing.assert_allclose(prepared.x.numpy().std(axis=0), 1.0, rtol=1e-6)
    np.testing.assert_allclose(prepared.y.numpy().std(), 1.0, rtol=1e-6)
    assert abs(preparation.apply(test).x.numpy().mean()) > 1e-4
    back = preparation.target_units(prepared.y)
    assert back.dtype.name == "float64"
    np.testing.assert_allclose(back.numpy(), train.y.numpy(), rtol=1e-5, atol=1e-6)


def test_standardising_can_be_left_out() -> None:
    """Without it values pass as they are."""
    data = from_arrays([[1.0], [2.0]], [10.0, 20.0])
    preparation = Preparation.fit(data, standardize=False, standardize_target=False)
    assert preparation.apply(data).x.tolist() == [[1.0], [2.0]]
    assert preparation.apply(data).y.tolist() == [10.0, 20.0]
    assert preparation.target_units(data.y).tolist() == [10.0, 20.0]
    again = Preparation.from_state_dict(preparation.state_dict())
    assert (again.features, again.target) == (None, None)


def test_missing_cells_of_new_rows_get_the_training_mean(tmp_path: Path) -> None:
    """Rows that come later are filled with what the training part had, not with their own mean."""
    (tmp_path / "train.csv").write_text("a,b,y\n1,0,1\n3,1,2\nNA,2,3\n")
    (tmp_path / "new.csv").write_text("a,b,y\n100,0,1\nNA,1,2\n")
    preparation = Preparation.fit(read_csv(tmp_path / "train.csv", "y"), standardize=False)
    new = preparation.apply(read_csv(tmp_path / "new.csv", "y"))
    assert new.x.tolist() == [[100.0, 0.0], [2.0, 1.0]]


def test_constant_training_part_is_refused() -> None:
    """Features that vary in the file but not in the training part are found before training."""
    data = from_arrays([[1.0, 2.0], [1.0, 2.0]], [1.0, 2.0])
    with pytest.raises(DataError, match="every feature is constant in its 2 rows"):
        Preparation.fit(data)
