# SPDX-License-Identifier: MIT
"""Derived seeds and name suggestions."""

from __future__ import annotations

import hashlib

import pytest

from rtch.data.seeds import MAX_SEED, derive_seed
from rtch.data.suggest import did_you_mean, nearest
from rtch.errors import ArgumentError


def test_derived_seed_follows_the_written_rule() -> None:
    """The key is the first 8 bytes of SHA-256 of the written text, top bit cleared."""
    digest = hashlib.sha256(b"rtch:loader/3:7").digest()
    assert int.from_bytes(digest[:8], "little") & (2**63 - 1) == derive_seed(7, "loader", 3)


def test_derived_seeds_are_pinned() -> None:
    """A change of the rule would change every run."""
    assert derive_seed(0, "split") == 3113520040762321870
    assert derive_seed(0, "init") == 2154375727628129082


def test_streams_differ() -> None:
    """No two purposes, epochs or seeds share a key."""
    keys = {derive_seed(seed, "loader", epoch) for seed in range(50) for epoch in range(50)}
    keys |= {derive_seed(seed, purpose) for seed in range(50) for purpose in ("split", "init")}
    assert len(keys) == 2600


@pytest.mark.parametrize("seed", [-1, MAX_SEED + 1, 1.0, "1", True, None])
def test_seed_must_be_an_integer_in_range(seed: object) -> None:
    """Anything but an int from 0 to 2**63 - 1 is refused."""
    with pytest.raises(ArgumentError, match="seed must be an integer"):
        derive_seed(seed, "split")  # type: ignore[arg-type]


def test_nearest_ignores_case_and_refuses_far_names() -> None:
    """A near name is found in its own spelling; a far one gives no suggestion."""
    assert nearest("Epoch ", ["epochs", "lr"]) == "epochs"
    assert nearest("BMI", ["bmi"]) == "bmi"
    assert nearest("xyz", ["epochs", "lr"]) is None
    assert did_you_mean("epoch", ["epochs"]) == " (did you mean 'epochs'?)"
    assert did_you_mean("xyz", ["epochs"]) == ""
