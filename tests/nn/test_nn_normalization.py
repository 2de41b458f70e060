# SPDX-License-Identifier: MIT
"""The normalising layers: state, running statistics, training and evaluation, what they print and refuse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rtch
from rtch import nn
from rtch import tensor as core
from rtch.errors import ArgumentError, BroadcastError, DimensionError, DTypeError, LayoutError
from rtch.nn import functional

torch = pytest.importorskip("torch")

NORMS: dict[str, tuple[tuple[Any, ...], dict[str, Any], tuple[int, ...]]] = {
    "BatchNorm1d": ((4,), {}, (6, 4)),
    "BatchNorm1d of sequences": ((4,), {"momentum": 0.3, "eps": 0.1}, (6, 4, 5)),
    "BatchNorm1d of means": ((4,), {"momentum": None}, (6, 4)),
    "BatchNorm1d without parameters": ((4,), {"affine": False}, (6, 4)),
    "BatchNorm1d without statistics": ((4,), {"track_running_stats": False}, (6, 4)),
    "BatchNorm2d": ((4,), {}, (3, 4, 2, 5)),
    "InstanceNorm1d": ((4,), {}, (3, 4, 5)),
    "InstanceNorm1d of one sample": ((4,), {"affine": True}, (4, 5)),
    "InstanceNorm2d": ((4,), {"affine": True, "track_running_stats": True}, (3, 4, 2, 5)),
    "LayerNorm": ((5,), {}, (3, 4, 5)),
    "LayerNorm of two axes": (((4, 5),), {"eps": 0.1}, (3, 4, 5)),
    "LayerNorm without bias": ((5,), {"bias": False}, (3, 4, 5)),
    "LayerNorm without parameters": ((5,), {"elementwise_affine": False}, (3, 4, 5)),
    "RMSNorm": ((5,), {}, (3, 4, 5)),
    "RMSNorm without weight": ((5,), {"eps": 0.1, "elementwise_affine": False}, (3, 4, 5)),
    "GroupNorm": ((2, 4), {}, (3, 4, 2, 5)),
    "GroupNorm without parameters": ((4, 4), {"affine": False}, (3, 4, 5)),
}


def pair(name: str) -> tuple[nn.Module, Any, tuple[int, ...]]:
    """A layer and PyTorch's, with the same random state, in float64."""
    arguments, options, shape = NORMS[name]
    kind = name.split()[0]
    ours = getattr(nn, kind)(*arguments, **options, dtype="float64")
    theirs = getattr(torch.nn, kind)(*arguments, **options, dtype=torch.float64)
    rng = np.random.default_rng(0)
    state = {
        key: rng.uniform(0.5, 1.5, tuple(t.shape)) if t.is_floating_point() else t.numpy()
        for key, t in theirs.state_dict().items()
    }
    ours.load_state_dict({key: rtch.asarray(value) for key, value in state.items()})
    theirs.load_state_dict({key: torch.tensor(value) for key, value in state.items()})
    return ours, theirs, shape


@pytest.mark.parametrize("name", NORMS)
def test_as_pytorch(name: str) -> None:
    """Three batches of training, then evaluation: results, gradients, and the state by name, shape, dtype and value."""
    ours, theirs, shape = pair(name)
    for step in range(4):
        if step == 3:
            ours.eval()
            theirs.eval()
        a = np.random.default_rng(step).standard_normal(shape) * 3 + step
        x, y = rtch.asarray(a).requires_grad_(), torch.tensor(a, requires_grad=True)
        out, expected = ours(x), theirs(y)
        np.testing.assert_allclose(out.detach().numpy(), expected.detach().numpy(), rtol=1e-9, atol=1e-9)
        (out * out * out).sum().backward()
        (expected * expected * expected).sum().backward()
        np.testing.assert_allclose(x.grad.numpy(), y.grad.numpy(), rtol=1e-7, atol=1e-8)
        state, wanted = ours.state_dict(), theirs.state_dict()
        assert list(wanted) == list(state)
        for key, value in wanted.items():
            assert (str(value.dtype).removeprefix("torch."), tuple(value.shape)) == (
                state[key].dtype.name,
                state[key].shape,
            )
            np.testing.assert_allclose(state[key].numpy(), value.numpy(), rtol=1e-12, err_msg=key)
    for (key, p), (wanted_key, q) in zip(ours.named_parameters(), theirs.named_parameters(), strict=True):
        assert wanted_key == key
        np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), rtol=1e-7, atol=1e-8, err_msg=key)
    for part in theirs.extra_repr().split(", "):
        assert part in repr(ours) or part.startswith("bias=") or "RMSNorm" in name, part


@pytest.mark.parametrize("name", NORMS)
def test_first_state(name: str) -> None:
    """Weights 1, biases 0, mean 0, variance 1, no batch yet; float32."""
    arguments, options, _ = NORMS[name]
    ours = getattr(nn, name.split()[0])(*arguments, **options)
    for key, value in ours.state_dict().items():
        first = 1 if key in ("weight", "running_var") else 0
        assert (value == first).all().item()
        assert value.dtype.name == ("int64" if key == "num_batches_tracked" else "float32")


def test_running_statistics_are_state_alone() -> None:
    """They take no part in the graph, a result keeps its value when they move, and reset starts them anew."""
    layer = nn.BatchNorm1d(3)
    x = rtch.asarray(np.random.default_rng(0).standard_normal((5, 3)).astype("float32")).requires_grad_()
    layer(x)
    assert not layer.running_mean.requires_grad
    layer.eval()
    out = layer(x)
    before = out.tolist()
    layer.train()
    layer(x)
    assert out.tolist() == before
    assert layer.num_batches_tracked.item() == 2
    layer.reset_running_stats()
    assert (layer.num_batches_tracked.item(), layer.running_mean.tolist()) == (0, [0.0] * 3)
    with rtch.no_grad():
        layer.weight[...] = 5
    layer.reset_parameters()
    assert layer.weight.tolist() == [1.0] * 3


def test_the_callers_statistics_are_written() -> None:
    """The tensors that were handed in move; views of them keep what they had."""
    mean, var = rtch.zeros(2), rtch.ones(2)
    seen = mean[:1]
    x = rtch.asarray([[1.0, 2.0], [3.0, 6.0]])
    functional.batch_norm(x, mean, var, training=True, momentum=0.5)
    assert (mean.tolist(), var.tolist(), seen.tolist()) == ([1.0, 2.0], [1.5, 4.5], [0.0])


X = rtch.zeros((4, 6, 5))
ONES = rtch.ones(6)
REFUSED: list[tuple[type[Exception], str, Callable[[], Any]]] = [
    (DimensionError, "two dimensions or more", lambda: functional.batch_norm(ONES, None, None, training=True)),
    (ArgumentError, "more than 1 value", lambda: functional.batch_norm(X[:1, :, 0], None, None, training=True)),
    (ArgumentError, "running_mean and running_var are needed", lambda: functional.batch_norm(X, None, None)),
    (BroadcastError, r"weight must have shape \[6\]", lambda: functional.batch_norm(X, ONES, ONES, rtch.ones(5))),
    (BroadcastError, r"running_var must have shape", lambda: functional.batch_norm(X, ONES, rtch.ones(7))),
    (DTypeError, "float32 or float64", lambda: functional.batch_norm(rtch.ones((2, 6), dtype="int64"), ONES, ONES)),
    (DTypeError, "batch_norm", lambda: functional.batch_norm(X, None, None, rtch.ones(6, dtype="float64"), None, True)),
    (DTypeError, "float32 or float64", lambda: functional.layer_norm(X.astype("float16"), (5,))),
    (DimensionError, "three dimensions", lambda: functional.instance_norm(X[..., 0])),
    (ArgumentError, "more than 1 value", lambda: functional.instance_norm(X[..., :1])),
    (ArgumentError, "running_mean", lambda: functional.instance_norm(X, use_input_stats=False)),
    (BroadcastError, r"shape \[\*, 6\] is needed", lambda: functional.layer_norm(X, (6,))),
    (BroadcastError, "is needed", lambda: functional.layer_norm(X, ())),
    (BroadcastError, "bias must have shape", lambda: functional.layer_norm(X, (5,), None, ONES)),
    (BroadcastError, "weight must have shape", lambda: functional.rms_norm(X, (6, 5), ONES)),
    (DTypeError, "complex64", lambda: functional.rms_norm(rtch.zeros((2, 5), dtype="complex64"), (5,))),
    (ArgumentError, "num_groups must divide", lambda: functional.group_norm(X, 4)),
    (ArgumentError, "num_groups must be an integer from 1 to 6; got 0", lambda: functional.group_norm(X, 0)),
    (ArgumentError, "more than 1 value", lambda: functional.group_norm(X[:1, :, :1], 6)),
    (BroadcastError, "bias must have shape", lambda: functional.group_norm(X, 2, ONES, rtch.ones(5))),
    (DTypeError, "a tensor of float32 or float64 is needed; got list", lambda: functional.layer_norm([1.0], (1,))),  # type: ignore[arg-type]
    (ArgumentError, "positive integer", lambda: nn.BatchNorm1d(0)),
    (ArgumentError, "one size or more", lambda: nn.LayerNorm(())),
    (ArgumentError, "one size or more", lambda: nn.RMSNorm((-1,))),
    (ArgumentError, "multiple of num_groups", lambda: nn.GroupNorm(4, 6)),
    (DimensionError, "2 or 3 dimensions", lambda: nn.BatchNorm1d(6)(rtch.zeros((2, 6, 3, 3)))),
    (DimensionError, "4 dimensions", lambda: nn.BatchNorm2d(6)(X)),
    (DimensionError, "3 or 4 dimensions", lambda: nn.InstanceNorm2d(6)(X[0])),
]


@pytest.mark.parametrize(("error", "words", "call"), REFUSED)
def test_refusals(error: type[Exception], words: str, call: Callable[[], Any]) -> None:
    """One typed error each."""
    with pytest.raises(error, match=words):
        call()


@pytest.mark.skipif(not core._ARGUMENT, reason="this interpreter does not count references to arguments")
@pytest.mark.parametrize("norm", [functional.batch_norm, functional.instance_norm])
def test_running_statistics_that_nobody_holds(norm: Callable[..., Any]) -> None:
    """Moving a temporary view is an error, since the move would be lost; reading one is none."""
    x, table = rtch.asarray(np.arange(12.0).reshape(2, 2, 3) ** 2), rtch.ones((2, 2), dtype="float64")
    mean = rtch.zeros(2, dtype="float64")
    for _ in range(100):
        with pytest.raises(LayoutError, match=f"^{norm.__name__}: .* temporary view"):
            norm(x, table[0], mean, None, None, True)
        with pytest.raises(LayoutError, match=f"^{norm.__name__}: .* temporary view"):
            norm(x, None, table[1], None, None, True)
    norm(x, table[0], table[1], None, None, False)
    row = table[0]
    norm(x, mean, row, None, None, True)
    assert row.tolist() != [1.0, 1.0]
    assert table.tolist() == [[1.0, 1.0]] * 2
