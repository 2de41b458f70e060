# SPDX-License-Identifier: MIT
"""Batches in an order that depends on the seed and the epoch alone.

The order of an epoch is `Generator.permutation` under the key ``derive_seed(seed, "loader", epoch)``. It
does not depend on earlier epochs, so a resumed run begins in the middle of one by skipping batches. The
rows are gathered once per epoch; a batch is a view of them.
"""

from __future__ import annotations

from collections.abc import Iterator

import rtch
from rtch.data.dataset import Dataset
from rtch.data.seeds import check_seed, derive_seed
from rtch.errors import ArgumentError
from rtch.random import Generator
from rtch.tensor import Tensor


class Loader:
    """Yields ``(x, y)`` batches of one epoch: x (B, F) and y (B,), float32.

    The last batch is smaller when ``batch_size`` does not divide the number of rows, and left out with
    ``drop_last``. With ``shuffle=False`` rows come in their own order. ``start_batch`` skips that many
    batches of the epoch. Raises ArgumentError for values out of range, and when ``drop_last`` would leave
    no batch.
    """

    def __init__(
        self,
        dataset: Dataset,
        batch_size: int = 32,
        *,
        seed: int = 0,
        epoch: int = 0,
        shuffle: bool = True,
        drop_last: bool = False,
        start_batch: int = 0,
    ) -> None:
        for name, value, least in (
            ("batch_size", batch_size, 1),
            ("epoch", epoch, 0),
            ("start_batch", start_batch, 0),
        ):
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise ArgumentError(
                    f"Loader: {name} must be an integer of at least {least}; got {value!r}", argument=name
                )
        if drop_last and batch_size > len(dataset):
            raise ArgumentError(
                f"Loader: drop_last leaves no batch of {batch_size} in {len(dataset)} rows; use a smaller batch_size",
                argument="batch_size",
            )
        self.dataset = dataset
        self.batch_size = batch_size
        self.seed = check_seed(seed, "Loader")
        self.epoch = epoch
        self.shuffle = shuffle
        self.drop_last = drop_last
        self.start_batch = start_batch

    @property
    def n_batches(self) -> int:
        """Batches in the whole epoch, those that ``start_batch`` skips included."""
        rows = len(self.dataset)
        return rows // self.batch_size if self.drop_last else -(-rows // self.batch_size)

    def __len__(self) -> int:
        """Batches that iterating yields."""
        return max(self.n_batches - self.start_batch, 0)

    def order(self) -> Tensor:
        """The row numbers of the whole epoch, (N,) int64."""
        if not self.shuffle:
            return rtch.arange(len(self.dataset))
        return Generator(derive_seed(self.seed, "loader", self.epoch)).permutation(len(self.dataset))

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the batches in order."""
        x, y = self.dataset.x, self.dataset.y
        if self.shuffle:
            order = self.order()
            x, y = rtch.take(x, order, axis=0), rtch.take(y, order, axis=0)
        for batch in range(self.start_batch, self.n_batches):
            rows = slice(batch * self.batch_size, (batch + 1) * self.batch_size)
            yield x[rows], y[rows]
