# SPDX-License-Identifier: MIT
"""Regression metrics against NumPy, and their special cases."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rtch
from rtch.errors import ArgumentError
from rtch.train import regression_metrics

values = st.floats(-1e4, 1e4, width=32)


@given(st.lists(st.tuples(values, values), min_size=2, max_size=50))
def test_metrics_agree_with_numpy(pairs: list[tuple[float, float]]) -> None:
    """mse, mae and r2 are NumPy's in float64."""
    prediction = np.array([pair[0] for pair in pairs], dtype=np.float32)
    target = np.array([pair[1] for pair in pairs], dtype=np.float32)
    found = regression_metrics(rtch.asarray(prediction), rtch.asarray(target))
    error = prediction.astype(np.float64) - target
    spread = ((target.astype(np.float64) - target.astype(np.float64).mean()) ** 2).sum()
    assert found["mse"] == pytest.approx((error**2).mean(), rel=1e-12, abs=1e-300)
    assert found["mae"] == pytest.approx(np.abs(error).mean(), rel=1e-12, abs=1e-300)
    if spread > 1e-6:
        assert found["r2"] == pytest.approx(1 - (error**2).sum() / spread, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(
    ("prediction", "target", "expected"),
    [
        ([1.0, 2.0], [1.0, 2.0], 1.0),
        ([1.5, 1.5], [1.0, 2.0], 0.0),
        ([5.0, 5.0], [5.0, 5.0], 1.0),
        ([5.0, 6.0], [5.0, 5.0], 0.0),
        ([3.0], [3.0], 1.0),
    ],
)
def test_r2_of_simple_cases(prediction: list[float], target: list[float], expected: float) -> None:
    """Perfect is 1, the mean is 0, and a constant target gives 1 or 0."""
    found = regression_metrics(rtch.asarray(prediction), rtch.asarray(target))
    assert expected == found["r2"]


def test_non_finite_predictions_show() -> None:
    """A NaN among the predictions makes every metric NaN, also for a constant target."""
    for target in ([1.0, 2.0], [1.0, 1.0]):
        found = regression_metrics(rtch.asarray([math.nan, 1.0]), rtch.asarray(target))
        assert all(math.isnan(value) for value in found.values())


def test_other_shapes_are_refused() -> None:
    """Shapes must be equal, one-dimensional and not empty."""
    for prediction, target in [([1.0], [1.0, 2.0]), ([[1.0]], [[1.0]]), ([], [])]:
        with pytest.raises(ArgumentError, match="regression_metrics"):
            regression_metrics(rtch.asarray(prediction), rtch.asarray(target))
