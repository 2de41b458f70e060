# SPDX-License-Identifier: MIT
"""Writes torch_curves.json: the loss curves of PyTorch that ours are held against where PyTorch is not installed.

Run `python tests/golden/make_torch_curves.py` with PyTorch 2.13.0 (CPU build). For each case the file holds PyTorch's
float64 curve, and how far PyTorch's own float32 curve is from it. Another version of PyTorch, or another CPU, may
change last digits, which the tolerances leave room for.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "optim"))
from torch_curves import CASES, distances, torch_curve


def main() -> None:
    """Write the file."""
    import torch

    cases = {}
    for case in CASES:
        reference = torch_curve(case, "float64")
        cases[case] = {"float64": reference, "float32_distance": distances(torch_curve(case, "float32"), reference)}
    path = Path(__file__).with_name("torch_curves.json")
    path.write_text(json.dumps({"torch": torch.__version__, "cases": cases}, indent=0) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
