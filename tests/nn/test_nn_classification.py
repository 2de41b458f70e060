# SPDX-License-Identifier: MIT
"""Losses of classifiers and softmax modules: every combination of options against PyTorch, state, refusals."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rtch
from rtch import nn
from rtch.errors import ArgumentError, BroadcastError, DimensionError, DTypeError
from rtch.nn import functional

torch = pytest.importorskip("torch")
SHAPES = ((4,), (7, 4), (3, 4, 5), (2, 4, 3, 2))
REDUCTIONS = ("mean", "sum", "none")
RNG = np.random.default_rng(0)
cross_entropy = torch.nn.functional.cross_entropy


def given(f: Callable[..., Any], *fixed: Any, **options: Any) -> Callable[..., Any]:
    """f of its arguments, then the fixed ones and the options."""
    return lambda *xs: f(*xs, *fixed, **options)


def compare(ours: Callable[..., rtch.Tensor], theirs: Callable[..., Any], *arrays: np.ndarray) -> None:
    """Values and gradients of a function of float64 arrays."""
    xs = [rtch.asarray(a).requires_grad_() for a in arrays]
    ys = [torch.tensor(a, requires_grad=True) for a in arrays]
    out, expected = ours(*xs), theirs(*ys)
    np.testing.assert_allclose(out.detach().numpy(), expected.detach().numpy(), rtol=1e-10, atol=1e-12)
    (out * out).sum().backward()
    (expected * expected).sum().backward()
    for x, y in zip(xs, ys, strict=True):
        np.testing.assert_allclose(x.grad.numpy(), y.grad.numpy(), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_classes(shape: tuple[int, ...], reduction: str) -> None:
    """With and without weight, ignored targets (a class or none) and smoothing; any integer dtype."""
    a = RNG.standard_normal(shape) * 3
    target = np.asarray(RNG.integers(0, 4, shape[:0] if len(shape) == 1 else (shape[0], *shape[2:])))
    weight = RNG.uniform(0.1, 2, 4)
    for w, ignored, smoothing in itertools.product((None, weight), (-100, 2), (0.0, 0.1, 1.0)):
        t = target.copy()
        if t.size > 2:
            t.flat[1] = ignored
        pw = {"weight": None if w is None else torch.tensor(w), "ignore_index": ignored, "reduction": reduction}
        rw = {**pw, "weight": None if w is None else rtch.asarray(w)}
        target_here = rtch.asarray(t.astype("int32"))
        there = torch.tensor(t)
        compare(
            given(functional.cross_entropy, target_here, label_smoothing=smoothing, **rw),
            given(cross_entropy, there, label_smoothing=smoothing, **pw),
            a,
        )
        compare(given(functional.nll_loss, target_here, **rw), given(torch.nn.functional.nll_loss, there, **pw), a)


@pytest.mark.parametrize(
    "view",
    [
        lambda t: t[:, 1],
        lambda t: t[0, ::-1],
        lambda t: t[0, ::2],
        lambda t: t[:, :2].T,
        lambda t: (np if isinstance(t, np.ndarray) else rtch).broadcast_to(t[0, 0], (5,)),
    ],
    ids=("column", "backwards", "every second", "transposed", "broadcast"),
)
@pytest.mark.parametrize("dtype", ["int64", "int32"])
def test_classes_in_any_layout(dtype: str, view: Callable[[Any], Any]) -> None:
    """Views are targets, whatever their strides."""
    table = RNG.integers(0, 4, (5, 6)).astype(dtype)
    expected, target = view(table).copy(), view(rtch.asarray(table))
    a = RNG.standard_normal((expected.shape[0], 4, *expected.shape[1:]))
    for ours, theirs in (
        (functional.cross_entropy, cross_entropy),
        (functional.nll_loss, torch.nn.functional.nll_loss),
    ):
        for smoothing in ({}, {"label_smoothing": 0.1}) if ours is functional.cross_entropy else ({},):
            there = torch.tensor(expected.astype("int64"))
            compare(given(ours, target, **smoothing), given(theirs, there, **smoothing), a)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_probabilities(shape: tuple[int, ...], reduction: str) -> None:
    """Gradients flow to them too."""
    a, p, weight = RNG.standard_normal(shape) * 3, RNG.uniform(0, 1, shape), RNG.uniform(0.1, 2, 4)
    for w, smoothing in itertools.product((None, weight), (0.0, 0.2)):
        options = {"reduction": reduction, "label_smoothing": smoothing}
        ours = {"weight": None if w is None else rtch.asarray(w), **options}
        theirs = {"weight": None if w is None else torch.tensor(w), **options}
        compare(given(functional.cross_entropy, **ours), given(cross_entropy, **theirs), a, p)


def test_where_nothing_counts() -> None:
    """A mean over nothing is NaN, a sum 0; so with an empty batch. Ignored rows have no gradient, even with NaN."""
    x = rtch.asarray([[1.0, float("nan")], [2.0, 3.0]]).requires_grad_()
    skipped = rtch.asarray([-100, -100])
    for f in (functional.cross_entropy, functional.nll_loss):
        assert np.isnan(f(x, skipped).item())
        assert f(x, skipped, reduction="sum").item() == 0.0
        assert np.isnan(f(rtch.zeros((0, 2)), rtch.zeros((0,), dtype="int64")).item())
        assert f(rtch.zeros((0, 2)), rtch.zeros((0,), dtype="int64"), reduction="none").shape == (0,)
    functional.cross_entropy(x, rtch.asarray([-100, 0])).backward()
    assert x.grad is not None
    assert x.grad[0].tolist() == [0.0, 0.0]
    assert functional.cross_entropy(rtch.zeros((2, 0)), skipped, reduction="none").tolist() == [0.0, 0.0]


def test_a_sure_wrong_answer_is_finite() -> None:
    """No logarithm of 0: the loss is the distance of the logits, and the gradient 1."""
    x = rtch.asarray([[1000.0, 0.0]]).requires_grad_()
    loss = functional.cross_entropy(x, rtch.asarray([1]))
    loss.backward()
    assert x.grad is not None
    assert (loss.item(), x.grad.tolist()) == (1000.0, [[1.0, -1.0]])


def test_modules() -> None:
    """They call the functions; the weight is a buffer under PyTorch's name."""
    x, target = rtch.asarray(RNG.standard_normal((5, 3))), rtch.asarray([0, 1, 2, 1, 0])
    weight = rtch.asarray([0.2, 1.0, 3.0], dtype="float64")
    loss = nn.CrossEntropyLoss(weight, ignore_index=1, reduction="sum", label_smoothing=0.1)
    assert list(loss.state_dict()) == ["weight"]
    assert loss(x, target).item() == functional.cross_entropy(x, target, weight, 1, "sum", 0.1).item()
    assert nn.NLLLoss(weight)(x, target).item() == functional.nll_loss(x, target, weight).item()
    assert nn.NLLLoss().state_dict() == {}
    assert nn.Softmax(1)(x).tolist() == rtch.softmax(x, 1).tolist()
    assert nn.LogSoftmax(0)(x).tolist() == rtch.log_softmax(x, 0).tolist()
    for shape, axis in (((3,), 0), ((2, 3), 1), ((2, 3, 4), 0), ((2, 3, 4, 5), 1)):
        y = rtch.asarray(RNG.standard_normal(shape))
        assert nn.Softmax()(y).tolist() == rtch.softmax(y, axis).tolist()
    assert repr(nn.Softmax(1)) == "Softmax(dim=1)"
    assert "ignore_index=1" in repr(loss)
    assert "label_smoothing=0.1" in repr(loss)


X, T = rtch.zeros((2, 3)), rtch.asarray([0, 1])
BOTH = (functional.cross_entropy, functional.nll_loss)
REFUSED: list[tuple[type[Exception], str, Callable[[Any], Any], tuple[Any, ...]]] = [
    (ArgumentError, "reduction", lambda f: f(X, T, reduction="max"), BOTH),
    (DimensionError, r"in \[0, 3\) or -100; got 3", lambda f: f(X, T + 2), BOTH),
    (DimensionError, r"in \[0, 3\) or 7; got -100", lambda f: f(X, rtch.asarray([7, -100]), ignore_index=7), BOTH),
    (DimensionError, "one dimension or more", lambda f: f(rtch.asarray(1.0), T[0]), BOTH),
    (BroadcastError, r"target of shape \[2\]", lambda f: f(X, T[:1]), BOTH),
    (BroadcastError, r"weight of shape \[3\]", lambda f: f(X, T, rtch.ones(2)), BOTH),
    (DTypeError, "weight must have the input's dtype", lambda f: f(X, T, rtch.ones(3, dtype="float64")), BOTH),
    (DTypeError, "classes of an integer dtype", lambda f: f(X, T.astype("float32")), BOTH),
    (DTypeError, "classes of an integer dtype", lambda f: f(X, T == 0), BOTH),
    (DTypeError, "a floating input", lambda f: f(X.astype("int64"), T), BOTH),
    (DTypeError, "a floating input", lambda f: f(X.astype("float16"), T), BOTH[:1]),
    (DTypeError, "a Tensor is needed", lambda f: f(X, [0, 1]), BOTH),
    (DTypeError, "probabilities of the input's dtype", lambda f: f(X, X.astype("float64")), BOTH[:1]),
    (ArgumentError, "no ignore_index", lambda f: f(X, X, ignore_index=1), BOTH[:1]),
    (ArgumentError, "label_smoothing", lambda f: f(X, T, label_smoothing=1.5), BOTH[:1]),
    (ArgumentError, "label_smoothing", lambda f: nn.CrossEntropyLoss(label_smoothing=-0.1), BOTH[:1]),
    (ArgumentError, "reduction", lambda f: nn.NLLLoss(reduction="all"), BOTH[:1]),
    (DimensionError, "softmax: axis", lambda f: rtch.softmax(X, 2), BOTH[:1]),
    (DimensionError, "logsumexp: axis", lambda f: rtch.logsumexp(X, axis=(0, 5)), BOTH[:1]),
    (DimensionError, "axes must differ", lambda f: rtch.logsumexp(X, axis=(0, 0)), BOTH[:1]),
    (DTypeError, "complex64", lambda f: rtch.softmax(X.astype("complex64"), 1), BOTH[:1]),
    (DTypeError, "int32", lambda f: rtch.log_softmax(X, 1, dtype="int32"), BOTH[:1]),
    (DTypeError, "float32 or float64", lambda f: rtch.logsumexp(X.astype("bfloat16")), BOTH[:1]),
]


@pytest.mark.parametrize(("error", "words", "call", "functions"), REFUSED)
def test_refusals(
    error: type[Exception], words: str, call: Callable[[Any], Any], functions: tuple[Callable[..., Any], ...]
) -> None:
    """One typed error each."""
    for f in functions:
        with pytest.raises(error, match=words):
            call(f)
