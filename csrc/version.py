#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Prints the version: from PKG-INFO in an sdist, else from the git tag, else from the commit, else 0+unknown."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def version() -> str:
    """The version of this tree as PEP 440 writes it."""
    info = ROOT / "PKG-INFO"
    if info.exists():
        found = re.search(r"^Version: (.+)$", info.read_text(encoding="utf-8"), re.MULTILINE)
        if found:
            return found.group(1)
    described = _git("describe", "--tags", "--long", "--match", "v[0-9]*")
    if described:
        tag, n_commits, commit = described.removeprefix("v").rsplit("-", 2)
        return tag if n_commits == "0" else f"{tag}.post{n_commits}+{commit}"
    commit = _git("rev-parse", "--short", "HEAD")
    return f"0+g{commit}" if commit else "0+unknown"


def _git(*arguments: str) -> str:
    """What git prints, or nothing where it can't answer."""
    try:
        done = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()


if __name__ == "__main__":
    print(version())
