# SPDX-License-Identifier: MIT
"""The core beside NumPy and, where it is installed, PyTorch: `pytest benchmarks/bench_core.py`, a group per case."""

import pytest
from cases import CASES, torch

import rtch

if torch is not None:
    torch.set_num_threads(rtch.get_num_threads())


@pytest.mark.parametrize("library", ["rtch", "numpy", "torch"])
@pytest.mark.parametrize("name", CASES)
def test_core(benchmark, name, library):
    work = CASES[name]()
    if library not in work:
        pytest.skip(f"{library} is not installed or not a peer here")
    benchmark.group = name
    benchmark(work[library])
