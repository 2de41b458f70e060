# SPDX-License-Identifier: MIT
"""The same weights and batch order give PyTorch's loss curve over 200 steps of real data.

In float64 every step is within 1e-9 relative. In float32 the curve is no farther from PyTorch's float64 curve than
twice what PyTorch's own float32 curve is, by the largest and by the mean difference. Once against curves that were
saved, once against PyTorch itself where it is installed.
"""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import pytest
from torch_curves import CASES, STEPS, distances, rtch_curve, torch_curve

GOLDEN = Path(__file__).parents[1] / "golden" / "torch_curves.json"
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
        assert len(curve) == STEPS
        assert sum(curve[-14:]) < 0.75 * sum(curve[:14])


@pytest.mark.parametrize("case", CASES)
def test_float64_follows_the_saved_curve(case: str) -> None:
    """float64 losses equal PyTorch's saved ones within 1e-9 relative at every step."""
    assert distances(ours(case, "float64"), golden()[case]["float64"])["max"] <= 1e-9


@pytest.mark.parametrize("case", CASES)
def test_float32_is_as_near_as_the_saved_float32(case: str) -> None:
    """float32 losses are no farther from PyTorch's saved float64 losses than twice PyTorch's float32 losses were."""
    got = distances(ours(case, "float32"), golden()[case]["float64"])
    for what, theirs_distance in golden()[case]["float32_distance"].items():
        assert got[what] <= 2 * theirs_distance, what


@pytest.mark.parametrize("case", CASES)
def test_float64_follows_pytorch(case: str) -> None:
    """float64 losses equal PyTorch's within 1e-9 relative at every step."""
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
