# SPDX-License-Identifier: MIT
"""What tests of the graph's life share."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from rtch._c import lib


@pytest.fixture
def no_collector() -> Iterator[None]:
    """The garbage collector off, and afterwards as many nodes as before and no cycle."""
    gc.collect()
    gc.freeze()
    gc.disable()
    before = lib.rt_live_nodes()
    try:
        yield
        assert lib.rt_live_nodes() == before
        assert gc.collect() == 0
    finally:
        gc.enable()
        gc.unfreeze()
