# SPDX-License-Identifier: MIT
"""Input that can't be trained on is refused before a run exists."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from rtch.cli import main
from rtch.store import Store

DIABETES = Path(__file__).parents[2] / "examples" / "diabetes.csv"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--set", "data.source=synthetic", "--set", "data.noise=1e300"], "data.noise must be at most 1e+15"),
        (
            [
                "--data",
                str(DIABETES),
                "--target",
                "progression",
                "--batch-size",
                "400",
                "--set",
                "trainer.drop_last=true",
            ],
            "trainer.batch_size: with drop_last it may be at most the 309 training rows; got 400",
        ),
    ],
)
def test_no_run_is_made(tmp_path: Path, arguments: list[str], words: str) -> None:
    """One line, exit code 2, and nothing in the store."""
    runs = tmp_path / "runs"
    done = CliRunner().invoke(main, ["train", *arguments, "--runs-dir", str(runs)])
    assert 2 == done.exit_code
    assert words in done.stderr
    assert 1 == len(done.stderr.splitlines())
    assert [] == Store(runs).ids()
