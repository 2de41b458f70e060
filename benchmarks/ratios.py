# SPDX-License-Identifier: MIT
"""Prints the table of docs/performance.md: `python benchmarks/ratios.py [PART OF A CASE'S NAME]`.

The libraries take turns within one process, round by round, so that a change of the machine's speed meets all of them;
the figure is the median over the rounds of peer's time over ours, so above 1 means that rtch is faster.
"""

from __future__ import annotations

import platform
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from cases import CASES, torch

import rtch
from rtch._c import describe

ROUNDS = 31
SECONDS = 0.01  # a round's length per library, at least


def _repeats(work: Callable[[], Any]) -> int:
    n = 1
    while True:
        start = time.perf_counter()
        for _ in range(n):
            work()
        spent = time.perf_counter() - start
        if spent > SECONDS / 2:
            return max(1, int(n * SECONDS / spent))
        n *= 2


def _round(work: Callable[[], Any], n: int) -> float:
    start = time.perf_counter()
    for _ in range(n):
        work()
    return (time.perf_counter() - start) / n


def main() -> None:
    """Measure and print."""
    if torch is not None:
        torch.set_num_threads(rtch.get_num_threads())
    facts = describe()
    peers = f"NumPy {np.__version__}" + (f", PyTorch {torch.__version__}" if torch is not None else "")
    print(f"rtch on {facts['isa']}, {facts['threads']} threads, {facts['compiler']}; {peers};", end=" ")
    print(f"Python {platform.python_version()}; {ROUNDS} rounds in turn, medians\n")
    print("| case | rtch, us | NumPy / rtch | PyTorch / rtch |")
    print("|---|---|---|---|")
    for name, make in CASES.items():
        if len(sys.argv) > 1 and sys.argv[1] not in name:
            continue
        work = make()
        n = {library: _repeats(call) for library, call in work.items()}
        rounds = [{library: _round(call, n[library]) for library, call in work.items()} for _ in range(ROUNDS)]
        cells = [name, f"{statistics.median(r['rtch'] for r in rounds) * 1e6:,.1f}"]
        for peer in ("numpy", "torch"):
            ratios = [r[peer] / r["rtch"] for r in rounds if peer in r]
            cells.append(f"{statistics.median(ratios):.2f}" if ratios else "")
        print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
