# SPDX-License-Identifier: MIT
"""The nearest of a set of known names, for error messages that say "did you mean"."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The name of ``known`` nearest to ``name`` without regard to case, or None when nothing is near."""
    by_folded = {candidate.casefold(): candidate for candidate in known}
    matches = difflib.get_close_matches(name.strip().casefold(), by_folded, n=1, cutoff=0.6)
    return by_folded[matches[0]] if matches else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`` (did you mean 'x'?)``, or an empty string when nothing is near."""
    match = nearest(name, known)
    return f" (did you mean {match!r}?)" if match is not None else ""
