# SPDX-License-Identifier: MIT
"""Embedding."""

from __future__ import annotations

from typing import Any, Self

from rtch.creation import zeros
from rtch.device import check_device
from rtch.errors import ArgumentError, BroadcastError, DimensionError
from rtch.nn import functional
from rtch.nn.functional.arguments import need_flag, need_floating, need_generator, need_integer, need_number
from rtch.nn.functional.sparse import normalize_padding
from rtch.nn.module import Module, set_value
from rtch.nn.parameter import Parameter
from rtch.random import Generator
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
        _weight: the table, instead of one that is drawn.
        _freeze: whether the table is left as it is in training.
        device: the CPU.
        dtype: float32 (default) or float64.
        generator: where the weights come from; `rtch.random.default_generator` if left out.

    Raises:
        ArgumentError: a size that is not a positive integer, no row padding_idx, max_norm or sparse, another device, or
            an argument that is none of these.
        BroadcastError: the table has another shape.
        DTypeError: the table is neither float32 nor float64.
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
        _weight: Tensor | None = None,
        _freeze: bool = False,
        *,
        device: Any = None,
        dtype: Any = None,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        check_device("Embedding", device)
        rows = self.num_embeddings = need_integer("Embedding", "num_embeddings", num_embeddings, 1)
        width = self.embedding_dim = need_integer("Embedding", "embedding_dim", embedding_dim, 1)
        for name, value in (("max_norm", max_norm), ("sparse", need_flag("Embedding", "sparse", sparse) or None)):
            if value is not None:
                raise ArgumentError(f"Embedding: {name} is not supported; got {value!r:.80}", argument=value)
        if padding_idx is not None:
            padding_idx = normalize_padding("Embedding", need_integer("Embedding", "padding_idx", padding_idx), rows)
        self.padding_idx = padding_idx
        self.max_norm, self.norm_type = max_norm, need_number("Embedding", "norm_type", norm_type)
        self.scale_grad_by_freq = need_flag("Embedding", "scale_grad_by_freq", scale_grad_by_freq)
        self.sparse = False
        if _weight is None:
            table = self._drawn(generator, dtype)
        else:
            need_floating("Embedding", _weight)
            table = _weight.detach()
            if table.shape != (rows, width):
                raise BroadcastError(
                    f"Embedding: a table of shape [{rows}, {width}] is needed; got {list(table.shape)}",
                    shapes=((rows, width), table.shape),
                )
        self.weight = Parameter(table, requires_grad=not need_flag("Embedding", "_freeze", _freeze))

    def _drawn(self, generator: Any, dtype: Any) -> Tensor:
        draw = need_generator("Embedding", generator)
        table = draw.normal((self.num_embeddings, self.embedding_dim), dtype=dtype)
        if self.padding_idx is not None:
            table[self.padding_idx] = zeros((self.embedding_dim,), dtype=table.dtype)
        return table

    def reset_parameters(self, generator: Generator | None = None) -> None:
        """Draw the table anew.

        Args:
            generator: where it comes from; `rtch.random.default_generator` if left out.

        Raises:
            ArgumentError: no generator.
        """
        set_value(self.weight, self._drawn(generator, self.weight.dtype))

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
            ArgumentError: an argument that is none of these.
            DimensionError: embeddings have not two dimensions.
            DTypeError: embeddings are no tensor of float32 or float64.
        """
        need_floating("Embedding", embeddings)
        if embeddings.ndim != 2:
            raise DimensionError(
                f"Embedding: embeddings must have two dimensions; got shape {list(embeddings.shape)}",
                shape=embeddings.shape,
            )
        rows, width = embeddings.shape
        return cls(
            rows, width, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse, embeddings, _freeze=freeze
        )

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
