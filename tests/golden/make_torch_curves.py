# SPDX-License-Identifier: MIT
"""Writes torch_curves.json and torch_net_curves.json: PyTorch's loss curves, for where PyTorch is not installed.

Run `python tests/golden/make_torch_curves.py` with PyTorch 2.13.0 (CPU build). For each case the file holds PyTorch's
float64 curve, and how far PyTorch's own float32 curve is from it. Another version of PyTorch, or another CPU, may
change last digits, which the tolerances leave room for.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "optim"))
import torch_curves
import torch_nets


def main() -> None:
    """Write the files."""
    import torch

    for name, runs in (("torch_curves.json", torch_curves), ("torch_net_curves.json", torch_nets)):
        cases = {}
        for case in runs.CASES:
            reference = runs.torch_curve(case, "float64")
            distance = torch_curves.distances(runs.torch_curve(case, "float32"), reference)
            cases[case] = {"float64": reference, "float32_distance": distance}
        path = Path(__file__).with_name(name)
        path.write_text(json.dumps({"torch": torch.__version__, "cases": cases}, indent=0) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
