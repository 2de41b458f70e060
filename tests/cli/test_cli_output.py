# SPDX-License-Identifier: MIT
"""Standard output that takes no more: a full disk, and a reader that has gone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest

from rtch.store import Store

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs limits on the size of files, and SIGPIPE")

ANSWERS = [["list"], ["list", "--json"], ["summary", "latest", "--json"], ["export", "--format", "csv"], ["--help"]]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with a run."""
    store = Store(tmp_path_factory.mktemp("runs"))
    with store.start_run("one") as run:
        run.log({"loss": 1.0})
    return store.path


def answered(arguments: list[str], runs: Path, stdout: IO[bytes] | int, limit: str = "") -> tuple[int, str]:
    """Run the command as a process with this standard output; return its exit code and standard error."""
    code = f"import sys\nfrom rtch.cli import main\n{limit}\nmain(sys.argv[1:], prog_name='rtch')"
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, "RTCH_RUNS": str(runs)},
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize("arguments", ANSWERS, ids=" ".join)
def test_an_answer_that_the_disk_does_not_take_is_one_line(runs: Path, tmp_path: Path, arguments: list[str]) -> None:
    """A limit on the size of files stands for a full disk."""
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))"
    with (tmp_path / "full").open("wb") as full:
        found = answered(arguments, runs, full, limit)
    assert (2, "rtch: error: standard output: File too large\n") == found


@pytest.mark.parametrize("arguments", ANSWERS, ids=" ".join)
def test_a_reader_that_has_gone_is_no_error_to_talk_about(runs: Path, arguments: list[str]) -> None:
    """As in ``rtch list | true``."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        assert (2, "") == answered(arguments, runs, writer)
    finally:
        os.close(writer)
