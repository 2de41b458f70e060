# SPDX-License-Identifier: MIT
"""Peak memory of a training step, a process per library: `python benchmarks/peak.py`.

A perceptron of 50 layers of 512, a batch of 1,024, Adam. The figure is how far the peak of resident memory (VmHWM of
/proc/self/status) in the third step lies above what was resident before the first.
"""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path
from typing import Any

LAYERS, WIDTH, BATCH = 50, 512, 1024


def _status(key: str) -> float:
    with Path("/proc/self/status").open() as file:
        return next(int(line.split()[1]) for line in file if line.startswith(key)) / 1024


def measure(name: str) -> float:
    """MiB of one library."""
    library: Any = importlib.import_module(name)
    nn, optim = importlib.import_module(f"{name}.nn"), importlib.import_module(f"{name}.optim")
    layers: list[Any] = []
    for _ in range(LAYERS):
        layers += [nn.Linear(WIDTH, WIDTH), nn.ReLU()]
    model = nn.Sequential(*layers)
    optimizer = optim.Adam(model.parameters(), lr=1e-3)
    x = library.ones((BATCH, WIDTH))
    before = _status("VmRSS")
    for _ in range(3):
        loss = nn.functional.mse_loss(model(x), x)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        del loss
    return _status("VmHWM") - before


def main() -> None:
    """Measure and print."""
    if len(sys.argv) > 1:
        print(measure(sys.argv[1]))
        return
    figures = {}
    for name in ("rtch", "torch"):
        done = subprocess.run([sys.executable, __file__, name], capture_output=True, text=True)
        if done.returncode == 0:
            figures[name] = float(done.stdout)
            print(f"{name}: {figures[name]:.0f} MiB")
        else:
            print(f"{name}: not measured: {done.stderr.strip().splitlines()[-1]}")
    if len(figures) == 2:
        print(f"PyTorch / rtch: {figures['torch'] / figures['rtch']:.2f}")


if __name__ == "__main__":
    main()
