# SPDX-License-Identifier: MIT
"""Dropout, whose mask is a function of the generator's seed and offset and of an element's position."""

from __future__ import annotations

from rtch._c import failure, lib
from rtch.errors import ArgumentError
from rtch.nn.functional.arguments import need_floating, need_generator, need_number, written
from rtch.ops.row import F
from rtch.ops.table import BY_NAME
from rtch.random import Generator
from rtch.tensor import Tensor, structure, where

_DROPOUT = BY_NAME["dropout"]


def dropout(
    input: Tensor,
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,
    *,
    generator: Generator | None = None,
) -> Tensor:
    """In training, 0 in place of each element with probability p, and the others times ``1 / (1 - p)``.

    Which they are depends on the generator's seed and offset and on positions alone, on no number of threads;
    docs/numerics.md has the formula. A call takes 16 numbers of the generator for every 64 elements begun.

    Args:
        input: any shape, floating.
        p: from 0 to 1.
        training: without it the result is the input.
        inplace: write the result into the input, and give that.
        generator: where the mask comes from; `rtch.random.default_generator` if left out.

    Raises:
        ArgumentError: p is out of range, or generator is none.
        AutogradError: in place of a leaf that requires grad.
        DTypeError: an input that is not floating.
    """
    need_floating("dropout", input)
    p = check_probability("dropout", p)
    if not training or p == 0:
        return input
    if p == 1:
        out = where(False, input, 0)
    else:
        draw = need_generator("dropout", generator)
        offset = draw._reserve((input.size + 63) // 64 * 16)
        out = dropout_at(input, p, 1 / (1 - p), draw.seed, offset)
    return written("dropout", input, out) if inplace else out


def check_probability(where_: str, p: float) -> float:
    """A probability as a float.

    Raises:
        ArgumentError: it is none.
    """
    number = need_number(where_, "p", p)
    if not 0 <= number <= 1:
        raise ArgumentError(f"{where_}: p must be from 0 to 1; got {p!r}", argument=p)
    return number


def dropout_at(x: Tensor, p: float, scale: float, seed: int, offset: int) -> Tensor:
    """`dropout` by the words of a stream from an offset on; its gradient is the same of the gradient."""
    h = lib.rt_dropout(x._h, min(round(p * 2**32), 2**32 - 1), scale, seed, offset)
    if not h:
        raise failure("dropout", x)
    return structure(_DROPOUT, h, (x,), {"p": p, "scale": scale, "seed": seed, "offset": offset})


F.dropout_at = dropout_at
