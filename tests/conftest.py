# SPDX-License-Identifier: MIT
"""For the whole suite: Hypothesis draws the same examples in every run, Ctrl-C works, and PyTorch is optional."""

from __future__ import annotations

import signal
from typing import Any

import pytest
from hypothesis import settings

settings.register_profile("rtch", deadline=None, derandomize=True)
settings.load_profile("rtch")

# A shell's background job starts with SIGINT ignored, and so would the children that tests send it to.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def torch() -> Any:
    """PyTorch; a test that asks for it is skipped where it is missing."""
    return pytest.importorskip("torch")
