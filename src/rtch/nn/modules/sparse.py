# SPDX-License-Identifier: MIT
"""Embedding."""

from __future__ import annotations

from typing import Any, Self

from rtch.creation import zeros
from rtch.errors import ArgumentError, DimensionError
from rtch.nn import functional
from rtch.nn.functional.sparse import normalize_padding
from rtch.nn.module import Module
from rtch.nn.parameter import Parameter
from rtch.random import Generator, default_generator
from rtch.tensor import Tensor


class Embedding(Module):
    """Rows of a table by their numbers: (*) to (*, embedding_dim); see `functional.embedding`.

    Weight (num_embeddings, embedding_dim) is drawn from the standard normal distribution; the row padding_idx is 0.

    Args:
        num_embeddings: rows.
        embedding_dim: their width.
        padding_idx: a row that is never trained.
        max_norm: not supported.
        norm_type: of max_norm.
        scale_grad_by_freq: divide the gradient of a row by how often it is read.
        sparse: not supported.
        dtype: float32 (default) or float64.
        generator: where the weights come from; `rtch.random.default_generator` if left out.

    Raises:
        ArgumentError: a size that is not a positive integer, no row padding_idx, or max_norm or sparse.
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        *,
        dtype: Any = None,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        for name, size in (("num_embeddings", num_embeddings), ("embedding_dim", embedding_dim)):
            if isinstance(size, bool) or not isinstance(size, int) or size < 1:
                raise ArgumentError(f"Embedding: {name} must be a positive integer; got {size!r:.80}", argument=size)
        for name, value in (("max_norm", max_norm), ("sparse", sparse or None)):
            if value is not None:
                raise ArgumentError(f"Embedding: {name} is not supported; got {value!r:.80}", argument=value)
        self.num_embeddings, self.embedding_dim = num_embeddings, embedding_dim
        self.padding_idx = None if padding_idx is None else normalize_padding("Embedding", padding_idx, num_embeddings)
        self.max_norm, self.norm_type = max_norm, norm_type
        self.scale_grad_by_freq, self.sparse = scale_grad_by_freq, sparse
        draw = generator if generator is not None else default_generator
        table = draw.normal((num_embeddings, embedding_dim), dtype=dtype)
        if self.padding_idx is not None:
            table[self.padding_idx] = zeros((embedding_dim,), dtype=table.dtype)
        self.weight = Parameter(table)

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
    ) -> Self:
        """A layer over a given table.

        Args:
            embeddings: (rows, width).
            freeze: whether the table is left as it is in training.
            padding_idx: as for the class, and so are those below.
            max_norm: not supported.
            norm_type: of max_norm.
            scale_grad_by_freq: divide the gradient of a row by how often it is read.
            sparse: not supported.

        Raises:
            DimensionError: embeddings have not two dimensions.
        """
        if embeddings.ndim != 2:
            raise DimensionError(
                f"Embedding: embeddings must have two dimensions; got shape {list(embeddings.shape)}",
                shape=embeddings.shape,
            )
        rows, width = embeddings.shape
        made = cls(
            rows,
            width,
            padding_idx,
            max_norm,
            norm_type,
            scale_grad_by_freq,
            sparse,
            dtype=embeddings.dtype,
            generator=Generator(0),
        )
        made.weight = Parameter(embeddings.detach(), requires_grad=not freeze)
        return made

    def forward(self, input: Tensor) -> Tensor:
        """Apply the layer."""
        return functional.embedding(
            input,
            self.weight,
            self.padding_idx,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
            self.sparse,
        )

    def extra_repr(self) -> str:
        """Sizes and what differs from the defaults."""
        parts = [
            f"{self.num_embeddings}, {self.embedding_dim}",
            *([f"padding_idx={self.padding_idx}"] if self.padding_idx is not None else []),
            *(["scale_grad_by_freq=True"] if self.scale_grad_by_freq else []),
        ]
        return ", ".join(parts)
