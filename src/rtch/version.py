# SPDX-License-Identifier: MIT
"""Versions: of the package, of the numbers it computes, and of the standard that it follows."""

from __future__ import annotations

from rtch._version import __version__ as __version__

numerics_version = 2
"""Raised whenever any bit of any result changes; equal to RT_NUMERICS_VERSION of the C core (a test checks)."""

ARRAY_API_VERSIONS = ("2021.12", "2022.12", "2023.12", "2024.12")
"""Versions of the Python Array API standard that code may have been written for."""

__array_api_version__ = ARRAY_API_VERSIONS[-1]
