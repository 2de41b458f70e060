# SPDX-License-Identifier: MIT
"""What further workers bring to a backward pass: `python benchmarks/workers.py [WORKERS]`, 2 by default.

Prints the median over rounds of the time on one thread over that on several, in turn; the gradients must be the same
bits.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable

import rtch

ROUNDS = 11


def _wide() -> tuple[rtch.Tensor, Callable[[], rtch.Tensor]]:
    """64 branches of a product of 256 x 256, summed."""
    draw = rtch.random.Generator(0)
    x = draw.normal((256, 256)).requires_grad_()
    weights = [draw.normal((256, 256)) for _ in range(64)]

    def loss() -> rtch.Tensor:
        total = x @ weights[0]
        for w in weights[1:]:
            total = total + x @ w
        return total.sum()

    return x, loss


def _long() -> tuple[rtch.Tensor, Callable[[], rtch.Tensor]]:
    """A chain of 8 products of 1024 x 1024."""
    draw = rtch.random.Generator(0)
    x = draw.normal((1024, 1024)).requires_grad_()
    w = draw.normal((1024, 1024)) / 32

    def loss() -> rtch.Tensor:
        h = x
        for _ in range(8):
            h = h @ w
        return h.sum()

    return x, loss


def main() -> None:
    """Measure and print."""
    workers = int(sys.argv[1]) if len(sys.argv) > 1 else 2
    for make in (_wide, _long):
        x, loss = make()
        ratios, bits = [], set()
        for _ in range(ROUNDS):
            spent = []
            for n in (1, workers):
                rtch.set_num_threads(n)
                made = loss()
                start = time.perf_counter()
                made.backward()
                spent.append(time.perf_counter() - start)
                assert x.grad is not None
                bits.add(x.grad.tobytes())
                x.grad = None
            ratios.append(spent[0] / spent[1])
        assert len(bits) == 1
        print(f"{make.__doc__} 1 thread / {workers}: {statistics.median(ratios[1:]):.2f}; equal bits")


if __name__ == "__main__":
    main()
