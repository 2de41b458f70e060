# SPDX-License-Identifier: MIT
"""Regression data whose true answer is known."""

from __future__ import annotations

import dataclasses

import rtch
from rtch.data.dataset import Dataset, fingerprint, need_finite
from rtch.data.seeds import check_seed, derive_seed
from rtch.errors import ArgumentError
from rtch.random import Generator
from rtch.tensor import Tensor


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class SyntheticDataset(Dataset):
    """A dataset with the weights (F,) float32 and the bias that made it: ``y = x @ true_weights + true_bias
    + noise``.
    """

    true_weights: Tensor
    true_bias: float


def make_regression(
    n_samples: int = 1000, n_features: int = 10, *, noise: float = 0.1, seed: int = 0
) -> SyntheticDataset:
    """Rows ``x`` ~ Normal(0, 1), weights and bias ~ Uniform(-2, 2), and ``y`` with Normal(0, ``noise``)
    added.

    ``noise`` is a standard deviation in the units of ``y``. All draws come, in the order weights, bias, x,
    noise, from one `Generator` with the key ``derive_seed(seed, "synthetic")``. Raises ArgumentError for
    sizes below 1 or a negative noise, DataError for a noise whose values do not fit in float32.
    """
    for name, size in (("n_samples", n_samples), ("n_features", n_features)):
        if isinstance(size, bool) or not isinstance(size, int) or size < 1:
            raise ArgumentError(f"make_regression: {name} must be a positive integer; got {size!r}", argument=name)
    if not 0.0 <= noise < float("inf"):
        raise ArgumentError(f"make_regression: noise must be finite and not negative; got {noise!r}", argument="noise")
    generator = Generator(derive_seed(check_seed(seed, "make_regression"), "synthetic"))
    weights = generator.uniform((n_features,), low=-2.0, high=2.0)
    bias = generator.uniform((1,), low=-2.0, high=2.0)
    x = generator.normal((n_samples, n_features))
    y = rtch.matmul(x, weights) + bias + generator.normal((n_samples,)) * noise
    need_finite("make_regression", x, y)
    return SyntheticDataset(
        x,
        y,
        tuple(f"x{at}" for at in range(n_features)),
        "y",
        fingerprint(x, y),
        true_weights=weights,
        true_bias=float(bias.item()),
    )
