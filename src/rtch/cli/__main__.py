# SPDX-License-Identifier: MIT
"""``python -m rtch.cli``: the command where no script is installed."""

from __future__ import annotations

from rtch.cli import main

main(prog_name="rtch")
