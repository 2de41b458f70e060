#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Prints the version: from PKG-INFO in an sdist, else from the git tag, else 0+unknown."""

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
    command = ["git", "-C", str(ROOT), "describe", "--tags", "--long", "--match", "v[0-9]*"]
    try:
        described = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "0+unknown"
    tag, n_commits, commit = described.removeprefix("v").rsplit("-", 2)
    return tag if n_commits == "0" else f"{tag}.post{n_commits}+{commit}"


if __name__ == "__main__":
    print(version())
