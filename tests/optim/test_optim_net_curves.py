# SPDX-License-Identifier: MIT
"""Layers, losses, optimisers and schedules together: PyTorch's loss curves over 200 steps of real data.

The measure is that of test_optim_curves: float64 within 1e-9 relative, float32 no farther from PyTorch's float64 curve
than twice PyTorch's float32 curve is.
"""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import pytest
from torch_curves import STEPS, distances
from torch_nets import CASES, data, rtch_curve, torch_curve

import rtch

GOLDEN = Path(__file__).parents[1] / "golden" / "torch_net_curves.json"
ours = functools.cache(rtch_curve)
theirs = functools.cache(torch_curve)


@functools.cache
def golden() -> Any:
    return json.loads(GOLDEN.read_text(encoding="utf-8"))["cases"]


def test_golden_holds_every_case() -> None:
    """The saved curves are those of the cases, and they fall."""
    assert sorted(CASES) == sorted(golden())
    for case in CASES:
        curve = golden()[case]["float64"]
        assert len(curve) == STEPS + 1
        assert sum(curve[-15:-1]) < 0.75 * sum(curve[:14])
        assert curve[-1] < 0.75 * curve[0]


def test_digits_are_scikit_learns() -> None:
    """The file holds what load_digits gives."""
    datasets = pytest.importorskip("sklearn.datasets")
    images, digits = datasets.load_digits(return_X_y=True)
    inputs, targets = data("digits")
    assert digits.tolist() == targets
    assert (images / 16).tolist() == inputs


@pytest.mark.parametrize("case", CASES)
def test_float64_follows_the_saved_curve(case: str) -> None:
    """float64 losses equal PyTorch's saved ones within 1e-9 relative at every step and in evaluation."""
    assert distances(ours(case, "float64"), golden()[case]["float64"])["max"] <= 1e-9


@pytest.mark.parametrize("case", CASES)
def test_float32_is_as_near_as_the_saved_float32(case: str) -> None:
    """float32 losses are no farther from PyTorch's saved float64 losses than twice PyTorch's float32 losses were."""
    got = distances(ours(case, "float32"), golden()[case]["float64"])
    for what, theirs_distance in golden()[case]["float32_distance"].items():
        assert got[what] <= 2 * theirs_distance, what


@pytest.mark.parametrize("case", CASES)
def test_float64_follows_pytorch(case: str) -> None:
    """float64 losses equal PyTorch's within 1e-9 relative at every step and in evaluation."""
    pytest.importorskip("torch")
    assert distances(ours(case, "float64"), theirs(case, "float64"))["max"] <= 1e-9


@pytest.mark.parametrize("case", CASES)
def test_float32_is_as_near_as_pytorch(case: str) -> None:
    """float32 losses are no farther from PyTorch's float64 losses than twice PyTorch's float32 losses are."""
    pytest.importorskip("torch")
    reference = theirs(case, "float64")
    got = distances(ours(case, "float32"), reference)
    for what, theirs_distance in distances(theirs(case, "float32"), reference).items():
        assert got[what] <= 2 * theirs_distance, what


@pytest.mark.parametrize("case", CASES)
def test_threads_do_not_change_a_curve(case: str) -> None:
    """One thread and two give the same losses, to the bit."""
    before = rtch.get_num_threads()
    try:
        rtch.set_num_threads(1)
        one = rtch_curve(case, "float32")
        rtch.set_num_threads(2)
        assert one == rtch_curve(case, "float32")
    finally:
        rtch.set_num_threads(before)
