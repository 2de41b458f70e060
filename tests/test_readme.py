# SPDX-License-Identifier: MIT
"""What the README shows works as it stands there."""

import re
import shlex
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from rtch.cli import main
from rtch.store import Store

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """A folder that looks like a clone to a user's command."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RTCH_RUNS", raising=False)
    return tmp_path


def test_script_trains(clone):
    """The training script is 20 lines or so, runs, and its loss falls."""
    (script,) = (text for language, text in BLOCKS if language == "python")
    assert len([line for line in script.splitlines() if line]) <= 22
    exec(compile(script, "README.md", "exec"), {})
    run = Store(clone / "runs").run("latest")
    losses = run.metric("loss").values
    assert sum(losses[-10:]) < 0.7 * sum(losses[:10])
    assert 20 == len(run.checkpoints)


def test_commands_work(clone):
    """Every rtch command of the README runs, its run and files put in the place of the examples'."""
    runner = CliRunner()
    shutil.copy("examples/diabetes.csv", "FILE.csv")
    lines = [line.split("   ")[0] for _, text in BLOCKS for line in text.splitlines() if line.startswith("rtch ")]
    assert len(lines) >= 8
    for line in lines:
        line = line.replace("--target COLUMN", "--target progression")
        if "01J8" in line:
            line = line.replace("01J8", Store("runs").runs()[0].id[:20])
        result = runner.invoke(main, shlex.split(line)[1:])
        assert 0 == result.exit_code, f"{line}: {result.output}"


def test_main_job_is_the_commands_tail():
    """The two shell commands of the README are one line each, and the first ends with the main job."""
    commands = [text.strip() for _, text in BLOCKS if text.startswith("python3 -m venv")]
    first, second = commands
    assert "\n" not in first + second
    assert first.endswith(".venv/bin/rtch train --data examples/diabetes.csv --target progression")
    assert second.endswith(".venv/bin/python -m pytest")


def test_links_lead_somewhere():
    """Every relative link of the README and the docs leads to a file."""
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), ROOT / "examples" / "README.md"]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
