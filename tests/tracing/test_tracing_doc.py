# SPDX-License-Identifier: MIT
"""What docs/tracing.md shows works as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rtch.store import Store

DOC = (Path(__file__).parents[2] / "docs" / "tracing.md").read_text(encoding="utf-8")


def test_the_script_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    script, watched = re.findall(r"^```python\n(.*?)^```$", DOC, re.MULTILINE | re.DOTALL)
    scope: dict[str, object] = {}
    exec(compile(script, "tracing.md", "exec"), scope)
    names = {line.split()[0] for line in capsys.readouterr().out.splitlines()}
    assert {"forward", "backward"} <= names
    assert (tmp_path / "trace.json").stat().st_size > 100
    assert names == {span.name for span in Store(tmp_path / "runs").run("latest").trace()}
    exec("loss = (x @ x).tanh().sum()\n" + watched, scope)
    lines = capsys.readouterr().out.splitlines()
    assert {line.partition("(")[0] for line in lines} == {"NodeRun", "BatchEnded", "PassStats"}
