# SPDX-License-Identifier: MIT
"""What functions of layers take as arguments, and the typed error that each of the others is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import rtch
from rtch.errors import DTypeError
from rtch.nn import functional

X, W, V = rtch.ones((2, 3)), rtch.ones((4, 3)), rtch.ones(3)
DTYPES = ("float64", "float16", "int64", "int32", "bool")
MIXED: dict[str, Callable[[Any], Any]] = {
    "linear weight": lambda c: functional.linear(X, c(W)),
    "linear bias": lambda c: functional.linear(X, W, c(rtch.ones(4))),
    "prelu": lambda c: functional.prelu(X, c(V)),
    "batch_norm weight": lambda c: functional.batch_norm(X, None, None, c(V), None, True),
    "batch_norm bias": lambda c: functional.batch_norm(X, V, V, None, c(V)),
    "batch_norm mean, evaluated": lambda c: functional.batch_norm(X, c(V), V),
    "batch_norm var, evaluated": lambda c: functional.batch_norm(X, V, c(V)),
    "batch_norm mean": lambda c: functional.batch_norm(X, c(V), V, None, None, True),
    "instance_norm var": lambda c: functional.instance_norm(X[..., None] * V, None, c(V)),
    "group_norm weight": lambda c: functional.group_norm(X, 3, c(V)),
    "layer_norm bias": lambda c: functional.layer_norm(X, (3,), None, c(V)),
    "rms_norm weight": lambda c: functional.rms_norm(X, (3,), c(V)),
    "conv1d weight": lambda c: functional.conv1d(X, c(W[..., None])[:, :2]),
    "conv1d bias": lambda c: functional.conv1d(X, W[:, :2, None], c(rtch.ones(4))),
    "cross_entropy weight": lambda c: functional.cross_entropy(X, rtch.asarray([0, 1]), c(V)),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", MIXED)
def test_mixed_dtypes_are_refused(name: str, dtype: str) -> None:
    """A parameter or running statistic has the input's dtype."""
    with pytest.raises(DTypeError, match=rf"must have the input's dtype float32; got {dtype}"):
        MIXED[name](lambda t: t.astype(dtype))
    MIXED[name](lambda t: t)
