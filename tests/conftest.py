# SPDX-License-Identifier: MIT
"""Settings of the whole suite: Hypothesis draws the same examples in every run."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("rtch", deadline=None, derandomize=True)
settings.load_profile("rtch")
