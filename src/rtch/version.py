# SPDX-License-Identifier: MIT
"""Versions: of the package, and of the numbers it computes."""

from __future__ import annotations

from rtch._version import __version__ as __version__

numerics_version = 2
"""Raised whenever any bit of any result changes; equal to RT_NUMERICS_VERSION of the C core (a test checks)."""
