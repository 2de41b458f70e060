# SPDX-License-Identifier: MIT
"""What functions of layers take as arguments, and the typed error that each of the others is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rtch
from rtch.errors import ArgumentError, AutogradError, BroadcastError, DimensionError, DTypeError
from rtch.nn import functional as fn

X, W, V = rtch.ones((2, 3)), rtch.ones((4, 3)), rtch.ones(3)
DTYPES = ("float64", "float16", "int64", "int32", "bool")
MIXED: dict[str, Callable[[Any], Any]] = {
    "linear weight": lambda c: fn.linear(X, c(W)),
    "linear bias": lambda c: fn.linear(X, W, c(rtch.ones(4))),
    "prelu": lambda c: fn.prelu(X, c(V)),
    "batch_norm weight": lambda c: fn.batch_norm(X, None, None, c(V), None, True),
    "batch_norm bias": lambda c: fn.batch_norm(X, V, V, None, c(V)),
    "batch_norm mean, evaluated": lambda c: fn.batch_norm(X, c(V), V),
    "batch_norm var, evaluated": lambda c: fn.batch_norm(X, V, c(V)),
    "batch_norm mean": lambda c: fn.batch_norm(X, c(V), V, None, None, True),
    "instance_norm var": lambda c: fn.instance_norm(X[..., None] * V, None, c(V)),
    "group_norm weight": lambda c: fn.group_norm(X, 3, c(V)),
    "layer_norm bias": lambda c: fn.layer_norm(X, (3,), None, c(V)),
    "rms_norm weight": lambda c: fn.rms_norm(X, (3,), c(V)),
    "conv1d weight": lambda c: fn.conv1d(X, c(W[..., None])[:, :2]),
    "conv1d bias": lambda c: fn.conv1d(X, W[:, :2, None], c(rtch.ones(4))),
    "cross_entropy weight": lambda c: fn.cross_entropy(X, rtch.asarray([0, 1]), c(V)),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", MIXED)
def test_mixed_dtypes_are_refused(name: str, dtype: str) -> None:
    """A parameter or running statistic has the input's dtype."""
    with pytest.raises(DTypeError, match=rf"must have the input's dtype float32; got {dtype}"):
        MIXED[name](lambda t: t.astype(dtype))
    MIXED[name](lambda t: t)


ROW, IMAGE, FILTER = rtch.ones((1, 2, 8)), rtch.ones((1, 2, 8, 8)), rtch.ones((2, 2, 3))
CLASSES, Q = rtch.asarray([0, 1]), rtch.ones((2, 4, 3))
HUGE = rtch.asarray(np.array([2**64 - 100, 0], dtype="uint64"))
AXIS = "dim must be an integer"
BELOW = r"below 2\*\*31; got "
EPS = "eps must be a number; got "
REFUSED: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: fn.conv1d(ROW, FILTER, stride=2**70), ArgumentError, BELOW),
    (lambda: fn.conv1d(ROW, FILTER, stride=2**62), ArgumentError, BELOW),
    (lambda: fn.conv1d(ROW, FILTER, padding=2**62), ArgumentError, BELOW),
    (
        lambda: fn.conv1d(ROW, FILTER, padding=2**31 - 1),
        ArgumentError,
        "along an axis are needed; got 4294967300",
    ),
    (lambda: fn.conv1d(ROW, FILTER, groups="a"), ArgumentError, "groups must be an integer from 1 to 2147483647"),
    (lambda: fn.conv_transpose1d(ROW, FILTER, stride=2**61), ArgumentError, BELOW),
    (lambda: fn.conv_transpose1d(ROW, FILTER, stride=2**31 - 1), ArgumentError, "axis are needed; got 15032385532"),
    (lambda: fn.max_pool1d(ROW, 2, stride=2**70), ArgumentError, BELOW),
    (lambda: fn.max_pool1d(ROW, 2**70), ArgumentError, BELOW),
    (lambda: fn.avg_pool2d(IMAGE, 2, divisor_override=2**2000), ArgumentError, "divisor_override must be an integer"),
    (lambda: fn.avg_pool2d(IMAGE, 2, divisor_override=True), ArgumentError, "divisor_override must be an integer"),
    (lambda: fn.adaptive_avg_pool2d(IMAGE, 2**40), ArgumentError, "from 0 to 65536; got 1099511627776"),
    (lambda: fn.adaptive_avg_pool2d(IMAGE, True), ArgumentError, "output_size must be an integer"),
    (lambda: fn.cross_entropy(X, CLASSES, ignore_index=2**70), ArgumentError, "ignore_index must be an integer"),
    (lambda: fn.cross_entropy(X, CLASSES, ignore_index=1.5), ArgumentError, "ignore_index .*; got 1.5"),
    (lambda: fn.cross_entropy(X, X, ignore_index=None), ArgumentError, "ignore_index .*; got None"),
    (lambda: fn.nll_loss(X, CLASSES, ignore_index="a"), ArgumentError, "ignore_index .*; got 'a'"),
    (lambda: fn.cross_entropy(X, CLASSES, label_smoothing="a"), ArgumentError, "label_smoothing must be a number"),
    (lambda: fn.cross_entropy(X, CLASSES, label_smoothing=float("nan")), ArgumentError, r"in \[0, 1\]; got nan"),
    (lambda: fn.cross_entropy(X, HUGE), DimensionError, r"targets must be in \[0, 3\) or -100; got 922337203685"),
    (lambda: fn.nll_loss(X, HUGE), DimensionError, r"targets must be in \[0, 3\) or -100; got 922337203685"),
    (lambda: fn.softmax(X, (0, 1)), ArgumentError, AXIS),
    (lambda: fn.softmax(X, True), ArgumentError, AXIS),
    (lambda: fn.log_softmax(X, 1.0), ArgumentError, AXIS),
    (lambda: fn.log_softmax(X, 5), DimensionError, "axis must be in"),
    (lambda: fn.softmax([1.0], 0), DTypeError, "a Tensor is needed; got list"),
    (lambda: fn.normalize(X, dim=True), ArgumentError, AXIS),
    (lambda: fn.cosine_similarity(X, X, "a"), ArgumentError, AXIS),
    (lambda: fn.softmax(X, 0, axis=1), ArgumentError, "dim and axis are one argument; got 0 and 1"),
    (lambda: fn.normalize(X, dim=0, axis=1), ArgumentError, "dim and axis are one argument; got 0 and 1"),
    (lambda: fn.log_softmax(X, axis=(0, 1)), ArgumentError, AXIS),
    (lambda: fn.dropout(rtch.ones(3).requires_grad_(), inplace=True), AutogradError, "dropout: a leaf"),
    (lambda: fn.layer_norm(X, 5), ArgumentError, "layer_norm: normalized_shape must be a sequence of integers; got 5"),
    (lambda: fn.rms_norm(X, (3.0,)), ArgumentError, "rms_norm: normalized_shape must be a sequence of integers"),
    (lambda: fn.layer_norm(X, (3,), eps="a"), ArgumentError, "layer_norm: " + EPS),
    (lambda: fn.rms_norm(X, (3,), eps="a"), ArgumentError, "rms_norm: " + EPS),
    (lambda: fn.group_norm(X, 3, eps=None), ArgumentError, "group_norm: " + EPS),
    (lambda: fn.group_norm(X, "a"), ArgumentError, "num_groups must be an integer"),
    (
        lambda: fn.batch_norm(X, None, None, training=True, eps="x"),
        ArgumentError,
        "batch_norm: eps must be a number of 0 or more",
    ),
    (
        lambda: fn.batch_norm(X, V, V, eps=-1.0),
        ArgumentError,
        "eps must be a number of 0 or more; got -1.0",
    ),
    (lambda: fn.batch_norm(X, V, V, eps=None), ArgumentError, "batch_norm: eps must be a number of 0"),
    (lambda: fn.batch_norm(X, V, V, None, None, True, None), ArgumentError, "momentum must be a number; got None"),
    (lambda: fn.instance_norm(ROW, momentum="a"), ArgumentError, "momentum must be a number; got 'a'"),
    (lambda: fn.instance_norm(ROW, eps="a"), ArgumentError, "instance_norm: " + EPS),
    (lambda: fn.linear(np.ones((2, 3)), W), DTypeError, "linear: a Tensor is needed; got ndarray"),
    (lambda: fn.linear(X, W, 1.0), DTypeError, "linear: a Tensor is needed; got float"),
    (lambda: fn.linear(X, W, rtch.asarray(1.0)), BroadcastError, r"a bias of shape \[4\] is needed; got \[\]"),
    (lambda: fn.linear(X, W, rtch.ones(1)), BroadcastError, r"a bias of shape \[4\] is needed; got \[1\]"),
    (lambda: fn.linear(X, W, rtch.ones((2, 4))), BroadcastError, r"a bias of shape \[4\] is needed; got \[2, 4\]"),
    (lambda: fn.linear(X, V, rtch.ones(1)), BroadcastError, r"a bias of shape \[\] is needed; got \[1\]"),
    (lambda: fn.linear(X, rtch.ones((2, 4, 3))), DimensionError, "weight must have one or two dimensions"),
    (lambda: fn.scaled_dot_product_attention(Q, Q, Q, rtch.ones((3, 2, 4, 4))), BroadcastError, r"to \[2, 4, 4\]"),
    (lambda: fn.scaled_dot_product_attention(Q, Q, Q, rtch.ones((3, 1, 1, 1)) > 0), BroadcastError, r"to \[2, 4, 4\]"),
    (lambda: fn.scaled_dot_product_attention(Q, Q, Q, scale="a"), ArgumentError, "scale must be a number; got 'a'"),
    (lambda: fn.dropout(X, "a"), ArgumentError, "p must be a number; got 'a'"),
    (lambda: fn.dropout(X, generator=5), ArgumentError, "generator must be a .*Generator; got int"),
    (lambda: fn.smooth_l1_loss(X, X, beta=10**400), ArgumentError, "beta must be a number of 0 or more; got 10000"),
    (lambda: fn.one_hot(CLASSES, 2**70), ArgumentError, "num_classes must be an integer"),
    (lambda: fn.embedding(CLASSES, X, padding_idx="a"), ArgumentError, "padding_idx must be an integer from -2 to 1"),
]


@pytest.mark.parametrize(("call", "error", "message"), REFUSED)
def test_what_is_refused(call: Callable[[], Any], error: type[Exception], message: str) -> None:
    """Numbers out of range, of another kind or beyond what C holds: one typed error each, which names them."""
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize(
    "call",
    [
        lambda i, f: fn.conv1d(ROW, FILTER, stride=i(2), padding=i(1), groups=i(1)),
        lambda i, f: fn.max_pool2d(IMAGE, i(2), (i(1), i(2))),
        lambda i, f: fn.avg_pool2d(IMAGE, 2, divisor_override=i(3)),
        lambda i, f: fn.cross_entropy(X, CLASSES, ignore_index=i(1), label_smoothing=f(0.25)),
        lambda i, f: fn.softmax(X, i(0)),
        lambda i, f: fn.layer_norm(X, (i(3),), eps=f(0.25)),
        lambda i, f: fn.group_norm(X, i(3), eps=f(0.25)),
        lambda i, f: fn.batch_norm(X, V, V, momentum=f(0.25), eps=f(0.25)),
        lambda i, f: fn.normalize(X, f(3), i(0), f(0.25)),
        lambda i, f: fn.scaled_dot_product_attention(Q, Q, Q, scale=f(0.25)),
        lambda i, f: fn.dropout(X, f(0.25), generator=rtch.random.Generator(1)),
        lambda i, f: fn.one_hot(CLASSES, i(3)),
        lambda i, f: fn.embedding(CLASSES, X, padding_idx=i(1)),
        lambda i, f: fn.huber_loss(X, X * 3, delta=f(0.25)),
        lambda i, f: fn.leaky_relu(-X, f(0.25)),
    ],
)
def test_numbers_of_numpy(call: Callable[..., Any]) -> None:
    """Sizes and numbers that NumPy computed do as Python's do."""
    expected = call(int, float)
    for i, f in ((np.int64, np.float64), (np.int32, np.float32), (np.uint8, np.float16)):
        actual = call(i, f)
        assert expected.dtype is actual.dtype
        assert expected.tolist() == actual.tolist()


def test_a_weight_of_one_row() -> None:
    """As in PyTorch, the axis of the outputs is missing then."""
    torch = pytest.importorskip("torch")
    x, w = np.arange(24.0).reshape(2, 4, 3), np.asarray([0.5, -1.0, 2.0])
    for bias in (None, 0.25):
        b = {} if bias is None else {"bias": torch.tensor(bias, dtype=torch.float64)}
        expected = torch.nn.functional.linear(torch.tensor(x), torch.tensor(w), **b)
        ours = None if bias is None else rtch.asarray(bias, dtype="float64")
        assert expected.tolist() == fn.linear(rtch.asarray(x), rtch.asarray(w), ours).tolist()


def test_axis_is_dim() -> None:
    """Both names are taken."""
    x = rtch.asarray(np.arange(6.0).reshape(2, 3) - 2)
    for f in (fn.softmax, fn.log_softmax, fn.normalize):
        for axis in (0, 1, -2):
            assert f(x, dim=axis).tolist() == f(x, axis=axis).tolist()
    assert fn.cosine_similarity(x, x * x, 0).tolist() == fn.cosine_similarity(x, x * x, axis=0).tolist()


@pytest.mark.parametrize("p", [0.0, 0.25, 1.0])
def test_dropout_in_place(p: float) -> None:
    """The input gets the result and its place in the graph; PyTorch's order of arguments."""
    leaf = rtch.asarray(np.arange(100.0)).requires_grad_()
    x = leaf * 2
    assert fn.dropout(x, p, True, True, generator=rtch.random.Generator(1)) is x
    expected = fn.dropout(leaf * 2, p, True, generator=rtch.random.Generator(1))
    assert expected.tolist() == x.tolist()
    (slope,) = rtch.autograd.grad(x.sum(), [leaf])
    (wanted,) = rtch.autograd.grad(expected.sum(), [leaf])
    assert wanted.tolist() == slope.tolist()
