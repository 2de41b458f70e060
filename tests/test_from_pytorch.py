# SPDX-License-Identifier: MIT
"""The table of docs/from_pytorch.md: what stands on the right runs, and gives what the left gives in PyTorch."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rtch

PAGE = Path(__file__).parents[1] / "docs" / "from_pytorch.md"
ROWS = re.findall(r"^\| `(.+?)` \| `(.+?)` \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)


def arrays() -> dict[str, np.ndarray]:
    """What the expressions call x, y, i and a."""
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, 3, 4)).astype("float32")
    return {"x": x, "y": y, "i": np.array([2, 0, 2]), "a": rng.standard_normal(3)}


def plain(value: Any) -> Any:
    """The arrays of one or several tensors, as a list."""
    return [np.asarray(part) for part in (value if isinstance(value, (tuple, list)) else [value])]


def evaluate(code: str, make: Any, **names: Any) -> Any:
    values = arrays()
    return plain(eval(code, names, {**{k: make(v) for k, v in values.items() if k != "a"}, "a": values["a"]}))


def test_the_page_has_rows() -> None:
    """The pattern finds the table."""
    assert len(ROWS) > 30


@pytest.mark.parametrize(("theirs", "ours"), ROWS)
def test_row(theirs: str, ours: str) -> None:
    """Both sides agree; without PyTorch the right one runs."""
    got = evaluate(ours, rtch.asarray, rtch=rtch)
    torch = pytest.importorskip("torch")
    expected = evaluate(theirs, torch.tensor, torch=torch)
    assert len(got) == len(expected)
    for a, b in zip(got, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-6)
        assert np.asarray(a).dtype.kind == np.asarray(b).dtype.kind
