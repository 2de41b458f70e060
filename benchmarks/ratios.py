# SPDX-License-Identifier: MIT
"""Prints the table of docs/performance.md: `python benchmarks/ratios.py [PART OF A CASE'S NAME]`.

Each library has a process of its own, since threads that one library keeps spinning slow the next one down. The
processes take turns, round by round, so that a change of the machine's speed meets all of them. Before its turn a
process waits until the threads of the one before have stopped spinning, and makes a call that is not counted. The
figure is the median over the rounds of the peer's time over ours: above 1 means that rtch is faster.
"""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import IO, Any

ROUNDS = 21
SECONDS = 0.02  # a round's length, at least
PAUSE = 0.05  # OpenBLAS was seen to spin for 30 ms after a call
LIBRARIES = ("rtch", "numpy", "torch")


def _round(work: Callable[[], Any], n: int) -> float:
    start = time.perf_counter()
    for _ in range(n):
        work()
    return time.perf_counter() - start


def serve(library: str) -> None:
    """Be one library's process: for every case named on standard input print the time of a call, in seconds."""
    import warnings

    from cases import CASES, torch

    warnings.simplefilter("ignore")
    if torch is not None:
        torch.set_num_threads(int(os.environ["RTCH_NUM_THREADS"]))
    current, work, n = "", None, 1
    for line in sys.stdin:
        name = line.rstrip("\n")
        if name != current:
            current, work, n = name, CASES[name]().get(library), 1
            while work is not None and (spent := _round(work, n)) < SECONDS / 2:
                n = max(2 * n, int(0.7 * n * SECONDS / max(spent, 1e-9)))
        if work is not None:
            time.sleep(PAUSE)
            work()
        print(_round(work, n) / n if work is not None else "none", flush=True)


def _ask(process: subprocess.Popen[str], name: str) -> float | None:
    def pipe(end: IO[str] | None) -> IO[str]:
        assert end is not None
        return end

    print(name, file=pipe(process.stdin), flush=True)
    answer = pipe(process.stdout).readline().strip()
    return None if answer == "none" else float(answer)


def main() -> None:
    """Measure and print."""
    import numpy as np
    from cases import CASES, torch

    from rtch._c import describe

    facts = describe()
    peers = f"NumPy {np.__version__}" + (f", PyTorch {torch.__version__}" if torch is not None else "")
    print(f"rtch on {facts['isa']}, {facts['threads']} threads, {facts['compiler']}; {peers};", end=" ")
    print(f"Python {platform.python_version()}; medians of {ROUNDS} rounds\n")
    print("| case | rtch, us | NumPy / rtch | PyTorch / rtch |")
    print("|---|---|---|---|")
    threads = str(facts["threads"])
    environment = os.environ | dict.fromkeys(("RTCH_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), threads)
    processes = {
        library: subprocess.Popen(
            [sys.executable, __file__, "--serve", library],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        for library in LIBRARIES
        if library != "torch" or torch is not None
    }
    for name in CASES:
        if len(sys.argv) > 1 and sys.argv[1] not in name:
            continue
        rounds = [{library: _ask(process, name) for library, process in processes.items()} for _ in range(ROUNDS + 1)]
        rounds = rounds[1:]  # the first one warmed up
        ours = [r["rtch"] for r in rounds if r["rtch"] is not None]
        cells = [name, f"{statistics.median(ours) * 1e6:,.1f}"]
        for peer in LIBRARIES[1:]:
            theirs = [r[peer] for r in rounds if r.get(peer) is not None]
            ratios = [a / b for a, b in zip(theirs, ours, strict=True)] if theirs else []
            cells.append(f"{statistics.median(ratios):.2f}" if ratios else "")
        print("| " + " | ".join(cells) + " |", flush=True)
    for process in processes.values():
        process.communicate()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        serve(sys.argv[2])
    else:
        main()
