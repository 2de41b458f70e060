# SPDX-License-Identifier: MIT
"""A table of numbers with a target, and how it is split.

A `Dataset` never holds NaN: where a cell was missing, ``missing`` holds 1 and ``x`` holds the fill value of
its feature. Fill values are means. They are computed from all rows when a file is read, and anew by
`Dataset.split` from the rows of its first part alone, so that nothing of the other parts reaches training.
The rows of a missing category are all 0.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from itertools import pairwise
from typing import Self

import rtch
from rtch.data.seeds import check_seed, derive_seed
from rtch.errors import ArgumentError, DataError
from rtch.random import Generator
from rtch.tensor import Tensor


@dataclasses.dataclass(frozen=True, eq=False)
class Dataset:
    """Features ``x`` (N, F) float32 and the target ``y`` (N,) float32, both finite.

    ``fingerprint`` is the SHA-256, in hexadecimal, of the source that the rows come from; the parts of a
    split share it. ``missing`` (N, F) float32 holds 1 where a cell was missing and 0 elsewhere, and is None
    where nothing is missing; ``fill`` (F,) float32 then holds what ``x`` has in those cells.
    """

    x: Tensor
    y: Tensor
    feature_names: tuple[str, ...]
    target_name: str
    fingerprint: str
    missing: Tensor | None = None
    fill: Tensor | None = None

    def __len__(self) -> int:
        """The number of rows, N."""
        return self.x.shape[0]

    @property
    def n_features(self) -> int:
        """The number of features, F."""
        return self.x.shape[1]

    def rows(self, indices: Tensor) -> Self:
        """The rows at ``indices`` (n,) int64, in that order."""
        missing = None if self.missing is None else rtch.take(self.missing, indices, axis=0)
        return dataclasses.replace(
            self, x=rtch.take(self.x, indices, axis=0), y=rtch.take(self.y, indices, axis=0), missing=missing
        )

    def split(self, *fractions: float, seed: int) -> tuple[Self, ...]:
        """Parts of the rows, drawn without replacement by ``seed``.

        ``split(0.8, seed=0)`` gives two parts, ``split(0.7, 0.15, seed=0)`` three: one per fraction, and
        the rest. Fractions that sum to 1 give one part each. With N rows, part i ends at row floor(N * (f1
        + ... + fi) + 0.5) of the permutation that `Generator.permutation` draws under the key
        ``derive_seed(seed, "split")``; parts keep its order.

        Raises ArgumentError for a wrong fraction or seed, and DataError when a part would be empty.
        """
        bounds = _bounds(len(self), fractions)
        order = Generator(derive_seed(check_seed(seed, "split"), "split")).permutation(len(self))
        parts = [self.rows(order[a:b]) for a, b in pairwise(bounds)]
        if self.missing is None:
            return tuple(parts)
        fill = parts[0].mean_of_present()
        return tuple(part.filled(fill) for part in parts)

    def mean_of_present(self) -> Tensor:
        """The mean of each feature over the cells that are not missing, (F,) float32; 0 where all are
        missing.
        """
        x = rtch.astype(self.x, rtch.float64)
        if self.missing is None:
            return rtch.astype(rtch.mean(x, axis=0), rtch.float32)
        present = 1.0 - rtch.astype(self.missing, rtch.float64)
        count = rtch.sum(present, axis=0)
        total = rtch.sum(x * present, axis=0)
        return rtch.astype(total / (count + rtch.astype(count == 0.0, rtch.float64)), rtch.float32)

    def filled(self, fill: Tensor) -> Self:
        """This data with ``fill`` (F,) float32 in its missing cells."""
        if self.missing is None:
            return self
        return dataclasses.replace(self, x=rtch.where(self.missing == 1.0, fill, self.x), fill=fill)


def from_arrays(
    x: object,
    y: object,
    *,
    feature_names: Sequence[str] | None = None,
    target_name: str = "y",
) -> Dataset:
    """A dataset of values that rtch.asarray takes: ``x`` (N, F) and ``y`` (N,), cast to float32.

    The fingerprint is that of the values. Features are named ``x0``, ``x1`` ... unless named. Raises
    DataError for other shapes, no rows, no features, or a value that is not finite in float32.
    """
    features = rtch.astype(rtch.asarray(x), rtch.float32).detach()
    target = rtch.astype(rtch.asarray(y), rtch.float32).detach()
    if features.ndim != 2 or target.ndim != 1 or features.shape[0] != target.shape[0]:
        raise DataError(f"from_arrays: x must be (N, F) and y (N,); got {features.shape} and {target.shape}")
    if not features.size:
        raise DataError(f"from_arrays: x needs at least one row and one feature; got {features.shape}")
    need_finite("from_arrays", features, target)
    names = tuple(feature_names) if feature_names is not None else _numbered(features.shape[1])
    if len(names) != features.shape[1]:
        raise DataError(f"from_arrays: {features.shape[1]} features need as many names; got {len(names)}")
    return Dataset(features, target, names, target_name, fingerprint(features, target))


def need_finite(where: str, x: Tensor, y: Tensor) -> None:
    """Raise DataError where a feature or a target is NaN or infinite."""
    for name, tensor in (("x", x), ("y", y)):
        if rtch.sum(tensor * 0.0).item() != 0.0:
            raise DataError(f"{where}: {name} holds NaN, infinity or a value too large for float32")


def fingerprint(x: Tensor, y: Tensor) -> str:
    """SHA-256, in hexadecimal, of ``rtch-data-1``, N and F as decimal text, and the little-endian values of
    x, then y.
    """
    digest = hashlib.sha256(f"rtch-data-1 {x.shape[0]} {x.shape[1]}\n".encode())
    for tensor in (x, y):
        digest.update(tensor.numpy().astype("<f4", copy=False).tobytes())
    return digest.hexdigest()


def _numbered(count: int) -> tuple[str, ...]:
    return tuple(f"x{at}" for at in range(count))


def _bounds(n: int, fractions: tuple[float, ...]) -> list[int]:
    """Where the parts begin and end, from 0 to n."""
    total = 0.0
    bounds = [0]
    for fraction in fractions:
        if isinstance(fraction, bool) or not isinstance(fraction, int | float) or not 0.0 < fraction <= 1.0:
            raise ArgumentError(
                f"split: each fraction must lie between 0 and 1; got {fractions!r}", argument="fractions"
            )
        total += fraction
        bounds.append(int(n * total + 0.5))
    if not fractions or total > 1.0 + 1e-9:
        raise ArgumentError(f"split: needs fractions that sum to at most 1; got {fractions!r}", argument="fractions")
    if total < 1.0 - 1e-9:
        bounds.append(n)
    bounds[-1] = n
    for part, (a, b) in enumerate(pairwise(bounds), start=1):
        if a >= b:
            raise DataError(
                f"split: part {part} of {len(bounds) - 1} would be empty: {n} rows split by {fractions!r}; "
                "use more rows or larger fractions"
            )
    return bounds
