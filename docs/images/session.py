# SPDX-License-Identifier: MIT
"""Draws docs/images/session.svg: runs the commands and keeps what a terminal would show."""

from __future__ import annotations

import io
import os
import re
import subprocess
import tempfile
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

ROOT = Path(__file__).resolve().parent.parent.parent
COMMANDS = [
    ("rtch train --data examples/diabetes.csv --target progression", {}),
    ("RTCH_NUM_THREADS=1 RTCH_ISA=baseline rtch replay latest", {"RTCH_NUM_THREADS": "1", "RTCH_ISA": "baseline"}),
    ("rtch list", {}),
]


def main() -> None:
    """Run and draw."""
    console = Console(record=True, width=100, file=io.StringIO(), force_terminal=True)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        (Path(folder) / "examples").symlink_to(ROOT / "examples")
        for line, extra in COMMANDS:
            words = [word for word in line.split() if "=" not in word]
            done = subprocess.run(
                words, env=os.environ | extra, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True
            )
            console.print(Text(f"$ {line}", style="bold green"))
            console.print(Text(done.stdout.replace(folder + os.sep, "")))
    drawing = console.export_svg(title="rtch", theme=MONOKAI)
    drawing = re.sub(r"@font-face \{.*?\}", "", drawing, flags=re.DOTALL)  # the viewer's own monospace font will do
    (ROOT / "docs" / "images" / "session.svg").write_text(drawing, encoding="utf-8")


if __name__ == "__main__":
    main()
