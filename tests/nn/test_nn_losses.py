# SPDX-License-Identifier: MIT
"""Losses and distances where PyTorch's own samples do not go: weights, limits, NaN, classes as targets."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rtch
from rtch.errors import DTypeError
from rtch.nn import functional

torch = pytest.importorskip("torch")
INF, NAN = float("inf"), float("nan")


def compare(name: str, *arrays: Any, dtype: str = "float64", **options: Any) -> None:
    """Value and gradients of a function, called with arrays and options, in both libraries."""
    xs = [rtch.asarray(np.asarray(a, dtype)).requires_grad_() for a in arrays]
    ys = [torch.tensor(np.asarray(a, dtype), requires_grad=True) for a in arrays]
    given = {k: v for k, v in options.items() if not isinstance(v, np.ndarray)}
    extra = {k: v for k, v in options.items() if isinstance(v, np.ndarray)}
    out = getattr(functional, name)(*xs, **given, **{k: rtch.asarray(v) for k, v in extra.items()})
    theirs = getattr(torch.nn.functional, name)(*ys, **given, **{k: torch.tensor(v) for k, v in extra.items()})
    rtol = 1e-12 if dtype == "float64" else 1e-6
    np.testing.assert_allclose(out.detach().numpy(), theirs.detach().numpy(), rtol=rtol)
    out.sum().backward()
    if theirs.requires_grad:
        theirs.sum().backward()
    for x, y in zip(xs, ys, strict=True):
        expected = np.zeros_like(x.detach().numpy()) if y.grad is None else y.grad.numpy()
        np.testing.assert_allclose(x.grad.numpy(), expected, rtol=rtol, atol=1e-15)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("name", ["mse_loss", "l1_loss", "huber_loss"])
def test_weights(name: str, reduction: str) -> None:
    """The mean divides by the sum of the weights, that of huber_loss by the number of elements."""
    rng = np.random.default_rng(0)
    x, y, weight = rng.standard_normal((3, 2, 4)) * 3
    compare(name, x, y, weight=np.abs(weight), reduction=reduction)


def test_similarity_of_vectors_whose_length_overflows() -> None:
    """It is 0, with a gradient of 0, as the quotient by infinity is; NaN and infinite elements give NaN."""
    x, y = [[1e25, 1e25, 0.0], [1.0, 2.0, 2.0], [NAN, 1.0, 2.0]], [[1.0, 2.0, 3.0]] * 3
    compare("cosine_similarity", x, y, dtype="float32")
    compare("cosine_similarity", y, x, dtype="float32")
    compare("cosine_similarity", [[INF, 1.0, 2.0], [0.0, 0.0, 0.0]], [[1.0, 2.0, 3.0]] * 2)


def test_numbers_of_elements_as_norms() -> None:
    """p = 0 counts all but 0, infinity and NaN too; the gradient of the count is 0."""
    x = [[INF, 1.0, 2.0], [0.0, -0.0, 3.0], [NAN, 0.0, 1.0], [INF, 0.0, -INF]]
    compare("normalize", x, p=0.0)
    compare("pairwise_distance", x, [[0.0, 1.0, 0.0]] * 4, p=0.0, eps=0.0)
    compare("pairwise_distance", x, [[0.0, 1.0, 0.0]] * 4, p=0.0, keepdim=True)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("bend", [0.5, 1.0, 3, 1e30, INF])
def test_bent_losses(bend: float, dtype: str) -> None:
    """At NaN the gradient is NaN, so that it is seen; at the bend it is that of both sides; without one, as of none."""
    x = [NAN, 0.0, 0.5, -0.5, 1.0, -1.0, 3.0, -3.0, 7.0, -1e8]
    for y in (0.0, 0.25):
        compare("smooth_l1_loss", x, [y] * 10, beta=bend, reduction="none", dtype=dtype)
        compare("huber_loss", x, [y] * 10, delta=bend, reduction="none", dtype=dtype)
    compare("smooth_l1_loss", [INF, -INF, NAN], [0.0] * 3, beta=2.0, reduction="none", dtype=dtype)
    compare("huber_loss", [INF, -INF, NAN], [0.0] * 3, delta=2.0, reduction="none", dtype=dtype)


@pytest.mark.parametrize("target", [[1, -1, 1], [True, False, True]], ids=("integers", "bools"))
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_whole_targets(dtype: str, target: list[Any]) -> None:
    """They are taken as numbers of the input's dtype; PyTorch gives their losses in that dtype too."""
    whole, real = np.asarray(target), np.asarray(target, dtype)
    x = np.asarray([0.5, -2.0, 3.0], dtype)
    ours, theirs = rtch.asarray(x), torch.tensor(x)
    for name in ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "soft_margin_loss", "hinge_embedding_loss"):
        loss = getattr(functional, name)(ours, rtch.asarray(whole))
        assert loss.dtype.name == dtype
        assert loss.item() == getattr(functional, name)(ours, rtch.asarray(real)).item()
        if whole.dtype != bool or name not in ("l1_loss", "soft_margin_loss"):  # which PyTorch refuses
            expected = getattr(torch.nn.functional, name)(theirs, torch.tensor(whole))
            assert loss.item() == pytest.approx(expected.item(), rel=1e-6)
    other = rtch.asarray(x[::-1].copy())
    expected = functional.margin_ranking_loss(ours, other, rtch.asarray(real), 0.5)
    assert expected.item() == functional.margin_ranking_loss(ours, other, rtch.asarray(whole), 0.5).item()
    for name in ("binary_cross_entropy_with_logits", "binary_cross_entropy", "kl_div"):
        with pytest.raises(DTypeError):  # as in PyTorch
            getattr(functional, name)(ours, rtch.asarray(whole))
    with pytest.raises(DTypeError, match="mse_loss: a tensor of float32 or float64 is needed; got int64"):
        functional.mse_loss(rtch.asarray([1, 2]), rtch.asarray([1, 2]))
    with pytest.raises(DTypeError, match=r"mse_loss: .*; got complex64"):
        functional.mse_loss(ours, rtch.asarray([1j] * 3))
