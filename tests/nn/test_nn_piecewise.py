# SPDX-License-Identifier: MIT
"""Activations of straight pieces: values and gradients at the corners are PyTorch's, in every layout."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import rtch
from rtch.autograd import grad
from rtch.errors import ArgumentError
from rtch.nn import functional
from tensor_draws import assert_same, values

CALLS: list[tuple[str, tuple[float, ...]]] = [
    ("hardtanh", ()),
    ("hardtanh", (-0.5, 2.0)),
    ("hardtanh", (-math.inf, 0.25)),
    ("relu6", ()),
    ("hardsigmoid", ()),
    ("hardswish", ()),
    ("hardshrink", ()),
    ("hardshrink", (-1.0,)),
    ("softshrink", (0.25,)),
    ("softshrink", (0.0,)),
    ("threshold", (0.5, 9.0)),
    ("threshold", (-3.0, -math.inf)),
]
CORNERS = [-6, -3, -1, -0.5, -0.25, 0, 0.25, 0.5, 1, 2, 3, 6]


def inputs(dtype: str) -> np.ndarray:
    """Every corner, its neighbours, zeros, subnormals and infinities."""
    corners = np.array(CORNERS, dtype)
    around = [np.nextafter(corners, np.array(end, dtype)) for end in (-np.inf, np.inf)]
    return np.concatenate([corners, *around, np.array([-0.0, 1e-45, -1e-45, 7, -7, np.inf, -np.inf], dtype)])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("name", "arguments"), CALLS)
def test_values_and_gradients_are_pytorchs(name: str, arguments: Any, dtype: str, torch: Any) -> None:
    """To a rounding; NaN stays, and passes the gradient on."""
    a = inputs(dtype)
    function, peer = getattr(functional, name), getattr(torch.nn.functional, name)
    both = np.append(a, a.dtype.type(np.nan))
    eps = np.finfo(dtype).eps
    expected = peer(torch.from_numpy(both), *arguments).numpy()
    np.testing.assert_allclose(function(rtch.asarray(both), *arguments).numpy(), expected, rtol=2 * eps)
    weights = np.arange(1, len(a) + 1).astype(dtype)
    x, t = rtch.asarray(a).requires_grad_(), torch.from_numpy(a).requires_grad_()
    (function(x, *arguments) * rtch.asarray(weights)).sum().backward()
    (peer(t, *arguments) * torch.from_numpy(weights)).sum().backward()
    assert x.grad is not None
    close = max(1e-7, 2 * eps) if name == "hardsigmoid" else 2 * eps  # PyTorch's 1 / 6 is a float32
    np.testing.assert_allclose(x.grad.numpy(), t.grad.numpy(), rtol=close)
    nan = rtch.asarray(np.array([np.nan], dtype)).requires_grad_()
    function(nan, *arguments).sum().backward()
    assert nan.grad is not None
    slope = {"hardsigmoid": 1 / 6, "hardswish": math.nan}.get(name, 1.0)
    np.testing.assert_allclose(nan.grad.numpy(), np.array([slope], dtype), rtol=2 * eps)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("name", "arguments"), CALLS)
def test_layouts_do_not_matter(name: str, arguments: Any, dtype: str) -> None:
    """Transposed, reversed, strided, broadcast and empty inputs and gradients give the bits of dense ones."""
    function = getattr(functional, name)
    x, g = values(dtype, (67, 45), 1), values(dtype, (67, 45), 2)

    def run(a: rtch.Tensor, b: rtch.Tensor) -> tuple[np.ndarray, np.ndarray]:
        leaf = a.requires_grad_()
        out = function(leaf, *arguments)
        (slope,) = grad(out, leaf, b)
        return out.detach().numpy(), slope.numpy()

    dense = run(rtch.asarray(x), rtch.asarray(g))
    swapped = run(rtch.asarray(x.T.copy()).T, rtch.asarray(g))
    turned = run(rtch.asarray(x[::-1, ::-1].copy())[::-1, ::-1], rtch.asarray(g.T.copy()).T)
    every_second = np.repeat(x, 2, axis=1)
    strided = run(rtch.asarray(every_second)[:, ::2], rtch.asarray(g))
    for found in (swapped, turned, strided):
        assert_same(dense[0], rtch.asarray(found[0]))
        assert_same(dense[1], rtch.asarray(found[1]))
    row = np.broadcast_to(g[:1], g.shape)
    spread = run(rtch.asarray(x), rtch.broadcast_to(rtch.asarray(g[:1]), g.shape))
    assert_same(run(rtch.asarray(x), rtch.asarray(row.copy()))[1], rtch.asarray(spread[1]))
    number = run(rtch.asarray(x), rtch.broadcast_to(rtch.asarray(g[0, 0]), g.shape))
    assert_same(run(rtch.asarray(x), rtch.asarray(np.full_like(g, g[0, 0])))[1], rtch.asarray(number[1]))
    assert (0, 3) == function(rtch.zeros((0, 3)), *arguments).shape


def test_a_pair_of_bounds_is_needed() -> None:
    """NaN is below nothing, so it is no bound."""
    for low, high in ((2.0, 1.0), (math.nan, 1.0), (0.0, math.nan)):
        with pytest.raises(ArgumentError, match="hardtanh: min_val must not be above max_val"):
            functional.hardtanh(rtch.ones(3), low, high)
