# SPDX-License-Identifier: MIT
"""Where a run was made: interpreter, platform, versions and git commit."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rtch.store.values import plain_json
from rtch.version import __version__, numerics_version

GIT_SECONDS = 2.0


def capture(extra: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the environment as JSON data, with ``extra`` (threads, isa ...) merged over it."""
    import platform

    facts: dict[str, Any] = {
        "rtch": __version__,
        "numerics_version": numerics_version,
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "platform": f"{platform.system()}-{platform.release()}",
        "machine": platform.machine(),
        "cpu_count": os.cpu_count(),
        "host": platform.node(),
        "pid": os.getpid(),
        "argv": [argument.encode(errors="replace").decode() for argument in sys.argv],
    }
    facts.update(plain_json(extra or {}, "environment"))
    return facts


def git_state(folder: Path, seconds: float = GIT_SECONDS) -> dict[str, Any] | None:
    """Return the commit that is checked out in ``folder`` and whether tracked files differ from it.

    None where there is no git, no repository or no commit; ``dirty`` is None where the answer took too long.
    All of it takes at most ``seconds``.
    """
    deadline = time.monotonic() + seconds
    commit = _git(folder, deadline, "rev-parse", "--verify", "HEAD")
    if not commit:
        return None
    changes = _git(folder, deadline, "status", "--porcelain", "--untracked-files=no")
    return {"commit": commit.strip(), "dirty": None if changes is None else bool(changes.strip())}


def _git(folder: Path, deadline: float, *arguments: str) -> str | None:
    import subprocess

    remaining = deadline - time.monotonic()
    if remaining <= 0:
        return None
    try:
        done = subprocess.run(
            ["git", "-c", "core.fsmonitor=false", *arguments],
            cwd=folder,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=remaining,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.decode(errors="replace") if done.returncode == 0 else None
