# SPDX-License-Identifier: MIT
"""What PyTorch's scripts pass to modules and activations, and what is refused when a module is made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rtch
from rtch import nn
from rtch.errors import ArgumentError, AutogradError, BroadcastError, DimensionError, DTypeError, OverlappingLayoutError
from rtch.nn import functional
from rtch.random import Generator

X = np.linspace(-4, 4, 24, dtype="float32").reshape(4, 6)

# In place -------------------------------------------------------------------------------------------------------------

IN_PLACE: list[tuple[str, tuple[Any, ...]]] = [
    ("relu", ()),
    ("relu6", ()),
    ("leaky_relu", (0.1,)),
    ("elu", (0.5,)),
    ("celu", (0.5,)),
    ("selu", ()),
    ("silu", ()),
    ("mish", ()),
    ("hardswish", ()),
    ("hardsigmoid", ()),
    ("hardtanh", (-1.0, 2.0)),
    ("threshold", (0.1, 20.0)),
]
MODULES = {
    "relu": "ReLU",
    "relu6": "ReLU6",
    "leaky_relu": "LeakyReLU",
    "elu": "ELU",
    "celu": "CELU",
    "selu": "SELU",
    "silu": "SiLU",
    "mish": "Mish",
    "hardswish": "Hardswish",
    "hardsigmoid": "Hardsigmoid",
    "hardtanh": "Hardtanh",
    "threshold": "Threshold",
}


@pytest.mark.parametrize(("name", "options"), IN_PLACE)
def test_in_place_activations_write_into_their_input(name: str, options: tuple[Any, ...], torch: Any) -> None:
    """As function and as module, by position and by name; gradients flow through as in PyTorch."""
    function, peer = getattr(functional, name), getattr(torch.nn.functional, name)
    expected = peer(torch.tensor(X), *options).numpy()
    module = getattr(nn, MODULES[name])
    for call in (
        lambda x: function(x, *options, True),
        lambda x: function(input=x, **dict(zip(_names(function), options, strict=False)), inplace=True),
        module(*options, True),
        module(*options, inplace=True),
    ):
        x = rtch.asarray(X)
        assert call(x) is x
        np.testing.assert_allclose(x.numpy(), expected, rtol=1e-5, atol=1e-6)
    assert "inplace=True" in repr(module(*options, True))
    assert "inplace" not in repr(module(*options))
    leaf, other = rtch.asarray(X).requires_grad_(), torch.tensor(X, requires_grad=True)
    hidden, theirs = leaf * 1.5, other * 1.5
    function(hidden, *options, inplace=True)
    peer(theirs, *options, inplace=True)
    (hidden * hidden).sum().backward()
    (theirs * theirs).sum().backward()
    assert leaf.grad is not None
    np.testing.assert_allclose(leaf.grad.numpy(), other.grad.numpy(), rtol=1e-4, atol=1e-5)
    with pytest.raises(AutogradError, match=r"a leaf that requires grad is written under rtch.no_grad\(\) only"):
        function(leaf, *options, True)
    with rtch.no_grad():
        assert function(leaf, *options, True) is leaf
    assert leaf.requires_grad


def _names(function: Callable[..., Any]) -> list[str]:
    return list(function.__annotations__)[1:]


def test_in_place_results_keep_values_apart() -> None:
    """What shared the input's memory keeps its value; an overlapping input and another dtype are refused."""
    x = rtch.asarray(X)
    view = x[0]
    functional.relu(x, inplace=True)
    assert X[0].tolist() == view.tolist()
    with pytest.raises(OverlappingLayoutError):
        functional.relu(rtch.sliding_window_view(rtch.ones(4), 2, axis=0), True)
    with pytest.raises(DTypeError, match="silu: an in-place result must keep the dtype int64"):
        functional.silu(rtch.asarray([1, 2]), True)


def test_dropout_in_place() -> None:
    """The mask of the call that gives a new tensor; evaluation leaves the input."""
    expected = functional.dropout(rtch.asarray(X), 0.5, generator=Generator(3)).tolist()
    x = rtch.asarray(X)
    module = nn.Dropout(0.5, True, generator=Generator(3))
    assert module(x) is x
    assert expected == x.tolist()
    assert "Dropout(p=0.5, inplace=True)" == repr(module)
    y = rtch.asarray(X)
    assert module.eval()(y) is y
    assert X.tolist() == y.tolist()


def test_both_names_of_an_axis() -> None:
    """`axis` does what `dim` does; both at once, and what is no integer, are refused."""
    x = rtch.asarray(X)
    for by_axis, by_dim in (
        (nn.Softmax(axis=0), nn.Softmax(0)),
        (nn.LogSoftmax(axis=1), nn.LogSoftmax(1)),
        (nn.GLU(axis=0), nn.GLU(0)),
        (nn.Unflatten(axis=1, unflattened_size=(2, 3)), nn.Unflatten(1, (2, 3))),
    ):
        assert by_dim(x).tolist() == by_axis(x).tolist()
        assert repr(by_dim) == repr(by_axis)
    assert nn.CosineSimilarity(axis=0)(x, x).shape == (6,)
    assert functional.glu(x, axis=0).tolist() == functional.glu(x, 0).tolist()
    for call in (lambda: nn.Softmax(1, axis=0), lambda: functional.glu(x, 0, axis=1)):
        with pytest.raises(ArgumentError, match="dim and axis are one argument"):
            call()


def test_inputs_may_be_named(torch: Any) -> None:
    """As in PyTorch."""
    for name in ("relu", "sigmoid", "silu", "tanh"):
        found = getattr(functional, name)(input=rtch.asarray(X)).numpy()
        expected = getattr(torch.nn.functional, name)(input=torch.tensor(X)).numpy()
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7)


# Construction ---------------------------------------------------------------------------------------------------------

NEW: dict[str, Callable[..., nn.Module]] = {
    "Linear": lambda **options: nn.Linear(2, 3, **options),
    "Conv1d": lambda **options: nn.Conv1d(2, 4, 3, **options),
    "Conv2d": lambda **options: nn.Conv2d(2, 4, 3, **options),
    "ConvTranspose1d": lambda **options: nn.ConvTranspose1d(2, 4, 3, **options),
    "ConvTranspose2d": lambda **options: nn.ConvTranspose2d(2, 4, 3, **options),
    "Embedding": lambda **options: nn.Embedding(4, 2, padding_idx=1, **options),
    "LayerNorm": lambda **options: nn.LayerNorm(3, **options),
    "RMSNorm": lambda **options: nn.RMSNorm(3, **options),
    "GroupNorm": lambda **options: nn.GroupNorm(2, 4, **options),
    "BatchNorm1d": lambda **options: nn.BatchNorm1d(3, **options),
    "BatchNorm2d": lambda **options: nn.BatchNorm2d(3, **options),
    "InstanceNorm1d": lambda **options: nn.InstanceNorm1d(3, affine=True, **options),
    "InstanceNorm2d": lambda **options: nn.InstanceNorm2d(3, affine=True, **options),
    "PReLU": lambda **options: nn.PReLU(3, **options),
}


@pytest.mark.parametrize("name", NEW)
def test_the_cpu_is_a_device_and_parameters_can_be_reset(name: str) -> None:
    """reset_parameters gives what a new layer has, in the same objects, and so optimisers keep them."""
    rtch.manual_seed(3)
    layer = NEW[name](device="cpu")
    start = {key: value.tolist() for key, value in layer.state_dict().items()}
    kept = dict(layer.named_parameters())
    with rtch.no_grad():
        for parameter in layer.parameters():
            parameter[...] = 7.0
    rtch.manual_seed(3)
    layer.reset_parameters()
    assert start == {key: value.tolist() for key, value in layer.state_dict().items()}
    assert all(kept[key] is parameter and parameter.requires_grad for key, parameter in layer.named_parameters())
    with pytest.raises(ArgumentError, match=f"{name}: the one device is 'cpu'; got 'cuda'"):
        NEW[name](device="cuda")


@pytest.mark.parametrize("name", ["BatchNorm1d", "InstanceNorm2d", "GroupNorm", "LayerNorm"])
def test_a_norm_without_a_bias(name: str) -> None:
    """It has a weight alone."""
    layer = NEW[name](bias=False)
    assert layer.bias is None
    assert ["weight"] == [key for key, _ in layer.named_parameters()]
    layer.reset_parameters()


def test_an_embedding_over_a_table() -> None:
    """`_weight` and `_freeze`, as PyTorch's from_pretrained passes them."""
    table = rtch.asarray(X)
    layer = nn.Embedding(4, 6, _weight=table, _freeze=True)
    assert X.tolist() == layer.weight.tolist()
    assert not layer.weight.requires_grad
    with pytest.raises(BroadcastError, match=r"Embedding: a table of shape \[6, 4\] is needed; got \[4, 6\]"):
        nn.Embedding(6, 4, _weight=table)


def test_numbers_of_numpy_are_numbers() -> None:
    """Sizes and parameters."""
    n, x = np.int64(3), rtch.asarray(X)
    assert (3, 2) == nn.Linear(np.int32(2), n).weight.shape
    assert (3, 3, 3) == nn.Conv1d(n, n, n).weight.shape
    assert (3,) == nn.LayerNorm(n).weight.shape == nn.PReLU(n).weight.shape
    assert nn.LeakyReLU(np.float32(0.5))(x).tolist() == functional.leaky_relu(x, 0.5).tolist()
    assert functional.leaky_relu(x, np.float32(0.5)).tolist() == functional.leaky_relu(x, 0.5).tolist()


REFUSED: list[Callable[[], Any]] = [
    lambda: nn.BatchNorm1d(3, eps="a"),
    lambda: nn.BatchNorm1d(3, eps=-1.0),
    lambda: nn.BatchNorm1d(3, momentum="a"),
    lambda: nn.BatchNorm1d("3"),
    lambda: nn.InstanceNorm1d(3, affine="yes"),
    lambda: nn.LayerNorm(None),
    lambda: nn.LayerNorm(3, eps="a"),
    lambda: nn.RMSNorm(3, eps="a"),
    lambda: nn.GroupNorm(2, 3),
    lambda: nn.GroupNorm(2, 4, eps=None),
    lambda: nn.MaxPool2d("a"),
    lambda: nn.MaxPool2d(2, 0),
    lambda: nn.MaxPool1d(2, ceil_mode=3),
    lambda: nn.AvgPool2d(None),
    lambda: nn.AvgPool2d(2, divisor_override=0),
    lambda: nn.AvgPool2d(2, divisor_override=2**2000),
    lambda: nn.AdaptiveAvgPool2d("a"),
    lambda: nn.AdaptiveAvgPool1d(-1),
    lambda: nn.ConstantPad1d(1, "a"),
    lambda: nn.ConstantPad1d("a", 1),
    lambda: nn.GELU("a"),
    lambda: nn.GELU([]),
    lambda: nn.LeakyReLU("a"),
    lambda: nn.LeakyReLU(2**2000),
    lambda: nn.ELU(None),
    lambda: nn.CELU(0),
    lambda: nn.Softplus(0),
    lambda: nn.Softshrink(-1),
    lambda: nn.Threshold(1, "a"),
    lambda: nn.Hardtanh("a", 1),
    lambda: nn.ReLU("yes"),
    lambda: nn.ReLU(1),
    lambda: nn.GLU("a"),
    lambda: nn.Softmax((0, 1)),
    lambda: nn.Softmax(True),
    lambda: nn.PReLU(1, "a"),
    lambda: nn.Flatten("a"),
    lambda: nn.Unflatten(0, 5),
    lambda: nn.Unflatten(0, "ab"),
    lambda: nn.HuberLoss(delta=0),
    lambda: nn.SmoothL1Loss(beta=-1),
    lambda: nn.KLDivLoss(log_target=1),
    lambda: nn.HingeEmbeddingLoss("a"),
    lambda: nn.CrossEntropyLoss(ignore_index="a"),
    lambda: nn.CrossEntropyLoss(ignore_index=2**70),
    lambda: nn.CrossEntropyLoss(label_smoothing="a"),
    lambda: nn.NLLLoss(ignore_index=1.5),
    lambda: nn.CosineSimilarity(dim="a"),
    lambda: nn.PairwiseDistance(p="a"),
    lambda: nn.Linear(2, 3, generator=5),
    lambda: nn.Linear(2, 3, bias=5),
    lambda: nn.Linear(2, 2**70),
    lambda: nn.Conv1d(2, 4, 3, groups=0),
    lambda: nn.Conv2d(2, 4, 3, padding_mode=[]),
    lambda: nn.ConvTranspose1d(2, 4, 3)(rtch.ones((1, 2, 5)), output_size=10),
    lambda: nn.ConvTranspose1d(2, 4, 3)(rtch.ones((1, 2, 5)), output_size=["a"]),
    lambda: nn.Embedding(3, 2, padding_idx="a"),
    lambda: nn.Dropout(0.5, generator=5),
    lambda: nn.MLPRegressor(3, activation=[]),
    lambda: functional.leaky_relu(rtch.ones(2), 2**2000),
]


@pytest.mark.parametrize("call", REFUSED)
def test_nonsense_is_refused_when_a_module_is_made(call: Callable[[], Any]) -> None:
    """With one typed error of one line."""
    with pytest.raises(ArgumentError) as raised:
        call()
    assert "\n" not in str(raised.value)


def test_other_errors() -> None:
    """Tensors that are none or of another dtype."""
    with pytest.raises(DTypeError, match="Embedding: a tensor of float32 or float64 is needed; got ndarray"):
        nn.Embedding.from_pretrained(X)
    with pytest.raises(DTypeError, match="prelu: weight must have the input's dtype float32; got float64"):
        functional.prelu(rtch.asarray(X), rtch.ones((), dtype="float64"))
    with pytest.raises(DimensionError):
        nn.Embedding.from_pretrained(rtch.ones(3))
