# SPDX-License-Identifier: MIT
"""Attention."""

from __future__ import annotations

import math
from typing import Any

from rtch.creation import ones
from rtch.dtypes import bool_
from rtch.errors import ArgumentError, BroadcastError, DimensionError, DTypeError
from rtch.functions import max as max_
from rtch.grids import tril
from rtch.nn.functional.arguments import need_number
from rtch.nn.functional.dropout import check_probability, dropout
from rtch.random import Generator
from rtch.rowwise import softmax
from rtch.shapes import repeat
from rtch.tensor import Tensor, need_tensors, where


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
    *,
    generator: Generator | None = None,
) -> Tensor:
    """``softmax(scale query @ key.T + mask) @ value``; zeros where a query may see no key.

    Shapes: query (..., L, E), key (..., S, E), value (..., S, V), leading axes broadcast; gives (..., L, V).

    Args:
        query: what is asked for.
        key: what it is compared with.
        value: what is averaged.
        attn_mask: broadcasts to (..., L, S): bool, True where a query sees a key; or floating, added to the scores.
        dropout_p: the probability of dropping a weight, as by `dropout` in training; there is no training flag.
        is_causal: query i sees the keys up to i; not together with attn_mask.
        scale: 1 / sqrt(E) if left out.
        enable_gqa: repeat each head of key and value, axis -3, so that there are as many as of query.
        generator: where the mask of dropout comes from; `rtch.random.default_generator` if left out.

    Raises:
        ArgumentError: attn_mask and is_causal, dropout_p that is no probability, a scale that is no number, or heads
            that do not divide.
        BroadcastError: shapes do not fit together.
        DimensionError: fewer than two dimensions, or three with enable_gqa.
        DTypeError: not all float32 or all float64, or a mask that is neither bool nor of the same dtype.
    """
    name = "scaled_dot_product_attention"
    need_tensors(name, query, key, value)
    for t in (query, key, value):
        if not t.dtype.is_floating or t.dtype.is_storage or t.dtype is not query.dtype:
            raise DTypeError(f"{name}: all must be float32 or all float64; got {t.dtype.name}", dtype=t.dtype)
        if t.ndim < 2 + bool(enable_gqa):
            raise DimensionError(
                f"{name}: at least {2 + bool(enable_gqa)} dimensions are needed; got shape {list(t.shape)}", ndim=t.ndim
            )
    check_probability(name, dropout_p)
    if enable_gqa:
        key, value = (_with_heads(name, t, query.shape[-3]) for t in (key, value))
    if query.shape[-1] != key.shape[-1] or key.shape[-2] != value.shape[-2]:
        raise BroadcastError(
            f"{name}: query and key must agree in their last size, key and value in the one before; "
            f"got {list(query.shape)}, {list(key.shape)} and {list(value.shape)}",
            shapes=(query.shape, key.shape, value.shape),
        )
    width = query.shape[-1]
    factor = (1 / math.sqrt(width) if width else 1.0) if scale is None else need_number(name, "scale", scale)
    scores = (query * factor) @ key.mT
    mask = _mask(name, attn_mask, is_causal, query, key)
    if mask is not None:
        shape = scores.shape
        scores = where(mask, scores, -math.inf) if mask.dtype is bool_ else scores + mask
        if scores.shape != shape:
            raise BroadcastError(
                f"{name}: a mask must broadcast to {list(shape)}; got {list(mask.shape)}", shapes=(mask.shape, shape)
            )
    if key.shape[-2] == 0:
        return scores @ value
    if mask is None or is_causal:  # every query sees a key
        weights = softmax(scores, -1)
    else:
        blind = max_(scores.detach(), axis=-1, keepdims=True) == -math.inf
        weights = where(blind, 0.0, softmax(where(blind, 0.0, scores), -1))
    return dropout(weights, dropout_p, generator=generator) @ value


def _mask(name: str, given: Any, is_causal: bool, query: Tensor, key: Tensor) -> Tensor | None:
    if is_causal:
        if given is not None:
            raise ArgumentError(f"{name}: attn_mask and is_causal can't both be set", argument=is_causal)
        return tril(ones((query.shape[-2], key.shape[-2]), dtype=bool_))
    if given is None:
        return None
    need_tensors(name, given)
    if given.dtype is not bool_ and given.dtype is not query.dtype:
        raise DTypeError(
            f"{name}: attn_mask must be bool or {query.dtype.name}; got {given.dtype.name}", dtype=given.dtype
        )
    return given  # type: ignore[no-any-return]


def _with_heads(name: str, t: Tensor, heads: int) -> Tensor:
    """Each head of t as often as makes so many."""
    n = t.shape[-3]
    if n == 0 or heads % n:
        raise ArgumentError(f"{name}: {heads} heads of query must be a multiple of those of key and value; got {n}")
    return repeat(t, heads // n, axis=-3)
