# SPDX-License-Identifier: MIT
"""A row has the same bits whatever batch it is in."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rtch
from rtch.ops.row import Kind, Op
from rtch.ops.table import OPS
from tensor_draws import bits, values

WEIGHT = {dtype: rtch.asarray(values(dtype, (300, 40), 9)) for dtype in ("float32", "float64")}


def of_row(op: Op) -> Callable[[rtch.Tensor], rtch.Tensor]:
    """An elementwise op or reduction as a function of rows."""
    function = getattr(rtch, op.name)
    if op.kind is Kind.REDUCE:
        return lambda x: function(x, axis=-1)
    return function if len(op.inputs) == 1 else lambda x: function(x, x[..., ::-1] * 0.75)


KINDS = (Kind.UNARY, Kind.PREDICATE, Kind.BINARY, Kind.COMPARE, Kind.REDUCE)
ROWWISE: dict[str, Callable[[rtch.Tensor], rtch.Tensor]] = {
    **{op.name: of_row(op) for op in OPS if op.kind in KINDS and op.rule.computes("f32")},
    "where": lambda x: rtch.where(x > 0, x, -x),
    "matmul": lambda x: x @ WEIGHT[x.dtype.name],
    "matmul with a vector": lambda x: x @ WEIGHT[x.dtype.name][:, 0],
    "linear": lambda x: (x @ WEIGHT[x.dtype.name] + WEIGHT[x.dtype.name][0]).relu(),
    "row scaling": lambda x: x / (x * x).sum(axis=-1, keepdims=True),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ROWWISE)
def test_rows_alone_and_in_batches(name: str, dtype: str) -> None:
    """f(x)[i:i+1] == f(x[i:i+1]) for single rows and for slices, dense and strided."""
    f = ROWWISE[name]
    a = values(dtype, (67, 300), 1)
    x = rtch.asarray(a)
    with np.errstate(all="ignore"):
        whole = f(x)
    for start, stop in ((0, 1), (1, 2), (33, 34), (66, 67), (0, 32), (5, 37), (10, 67)):
        np.testing.assert_array_equal(bits(whole[start:stop]), bits(f(x[start:stop])))
    np.testing.assert_array_equal(bits(whole[::7]), bits(f(x[::7])))
    np.testing.assert_array_equal(bits(whole), bits(f(rtch.asarray(a.T.copy()).T)))
    np.testing.assert_array_equal(bits(whole[4]), bits(f(x[4])))


@given(st.integers(1, 200), st.data())
@settings(max_examples=30)
def test_any_batch_size_and_place(n: int, data: st.DataObject) -> None:
    """A row of a linear layer, wherever it stands in a batch of any size."""
    row = values("float32", (1, 300), 1)
    alone = bits(ROWWISE["linear"](rtch.asarray(row)))
    batch = values("float32", (n, 300), 2)
    at = data.draw(st.integers(0, n - 1))
    batch[at] = row
    np.testing.assert_array_equal(alone, bits(ROWWISE["linear"](rtch.asarray(batch))[at]))
