# SPDX-License-Identifier: MIT
"""Layers, losses and models: first weights, shapes, values and errors."""

from __future__ import annotations

import math
from typing import Any

import pytest

import rtch
from rtch import nn
from rtch.autograd import gradcheck
from rtch.errors import ArgumentError, BroadcastError, DimensionError, DTypeError
from rtch.nn import functional
from rtch.random import Generator

# Linear -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_linear_first_weights(dtype: str) -> None:
    """Weights and bias fill +-1/sqrt(in_features) evenly, from the generator alone, in the order weight, bias."""
    layer = nn.Linear(100, 200, dtype=dtype, generator=Generator(7))
    assert ((200, 100), (200,)) == (layer.weight.shape, layer.bias.shape)
    assert dtype == layer.weight.dtype.name == layer.bias.dtype.name
    bound = 1 / math.sqrt(100)
    values = layer.weight.detach().reshape(-1).tolist()
    assert -bound <= min(values) < -0.999 * bound
    assert 0.999 * bound < max(values) <= bound
    assert abs(sum(values) / len(values)) < 0.001
    assert bound**2 / 3 == pytest.approx(sum(v * v for v in values) / len(values), rel=0.03)
    draw = Generator(7)
    assert draw.uniform((200, 100), -bound, bound, dtype=dtype).tobytes() == layer.weight.tobytes()
    assert draw.uniform((200,), -bound, bound, dtype=dtype).tobytes() == layer.bias.tobytes()


def test_linear_is_determined_by_its_generator() -> None:
    """The same stream gives the same bits, another stream others, and one generator moves on from layer to layer."""
    one, same, other = (nn.Linear(3, 2, generator=Generator(seed)) for seed in (1, 1, 2))
    assert one.weight.tobytes() == same.weight.tobytes()
    assert one.weight.tobytes() != other.weight.tobytes()
    draw = Generator(1)
    first, second = nn.Linear(3, 2, generator=draw), nn.Linear(3, 2, generator=draw)
    assert one.weight.tobytes() == first.weight.tobytes() != second.weight.tobytes()
    assert {"seed": 1, "offset": 16} == draw.state


def test_linear_draws_from_the_default_generator() -> None:
    """Without a generator, layers draw one after another from the process's stream, which manual_seed restarts."""
    rtch.manual_seed(3)
    first, second = nn.Linear(3, 2), nn.Linear(3, 2)
    draw = Generator(3)
    assert first.weight.tobytes() == nn.Linear(3, 2, generator=draw).weight.tobytes()
    assert second.weight.tobytes() == nn.Linear(3, 2, generator=draw).weight.tobytes() != first.weight.tobytes()
    assert rtch.random.default_generator is rtch.manual_seed(0)
    assert {"seed": 0, "offset": 0} == rtch.random.default_generator.state


def test_linear_without_bias() -> None:
    """bias=False has one parameter and adds nothing."""
    layer = nn.Linear(2, 1, bias=False)
    assert layer.bias is None
    assert ["weight"] == list(layer.state_dict())
    layer.weight = nn.Parameter([[2.0, 3.0]])
    assert [[5.0]] == layer(rtch.ones((1, 2))).tolist()


@pytest.mark.parametrize("shape", [(3,), (5, 3), (2, 5, 3), (0, 3)])
def test_linear_shapes(shape: tuple[int, ...]) -> None:
    """(*, in) to (*, out), with x @ weight.T + bias as value."""
    layer = nn.Linear(3, 2)
    x = Generator(1).normal(shape)
    out = layer(x)
    assert (*shape[:-1], 2) == out.shape
    assert (x @ layer.weight.T + layer.bias).tobytes() == out.tobytes()


@pytest.mark.parametrize("sizes", [(0, 1), (1, 0), (-1, 1), (1.0, 1), ("3", 1), (True, 1), (None, 1)])
def test_linear_sizes(sizes: Any) -> None:
    """Sizes are positive integers."""
    with pytest.raises(ArgumentError, match="must be a positive integer"):
        nn.Linear(*sizes)


def test_linear_shape_errors() -> None:
    """An input of the wrong width, a 0-d input, and weights or a bias that don't fit are refused."""
    layer = nn.Linear(3, 2)
    for shape in ((2,), (5, 4), (5, 3, 2)):
        with pytest.raises(BroadcastError):
            layer(rtch.ones(shape))
    with pytest.raises(DimensionError):
        layer(rtch.ones(()))
    with pytest.raises(BroadcastError, match=r"a bias of shape \[1\] is needed; got \[5\]"):
        functional.linear(rtch.ones((4, 3)), rtch.ones((1, 3)), rtch.ones((5,)))
    with pytest.raises(BroadcastError, match=r"a bias of shape \[2\] is needed; got \[4, 1, 2\]"):
        functional.linear(rtch.ones((4, 3)), rtch.ones((2, 3)), rtch.ones((4, 1, 2)))
    with pytest.raises(DimensionError, match="one or two dimensions"):
        functional.linear(rtch.ones((4, 3)), rtch.ones((2, 4, 3)))
    with pytest.raises(DTypeError):
        nn.Linear(3, 2, dtype="int64")


def test_linear_gradients() -> None:
    """Gradients of input, weight and bias pass gradcheck."""
    draw = Generator(1)
    inputs = [draw.normal(shape, dtype="float64").requires_grad_() for shape in ((4, 3), (2, 3), (2,))]
    assert gradcheck(functional.linear, inputs)


# Sequential ---------------------------------------------------------------------------------------------------------


def test_sequential() -> None:
    """Modules run in order; len, index, slice and iteration see them; only modules are taken."""
    modules = [nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1)]
    model = nn.Sequential(*modules)
    x = Generator(1).normal((4, 2))
    assert modules[2](modules[1](modules[0](x))).tobytes() == model(x).tobytes()
    assert 3 == len(model)
    assert modules == list(model)  # type: ignore[call-overload]
    assert modules[-1] is model[-1]
    tail = model[1:]
    assert isinstance(tail, nn.Sequential)
    assert modules[1:] == [tail[0], tail[1]]
    with pytest.raises(IndexError):
        model[3]
    assert x is nn.Sequential()(x)
    with pytest.raises(ArgumentError, match="item 1 must be a Module; got function"):
        nn.Sequential(nn.ReLU(), lambda x: x)  # type: ignore[arg-type]


def test_activations() -> None:
    """ReLU and Tanh are the functions of those names."""
    x = rtch.asarray([-1.0, 0.0, 0.5])
    assert [0.0, 0.0, 0.5] == nn.ReLU()(x).tolist() == functional.relu(x).tolist()
    assert rtch.tanh(x).tobytes() == nn.Tanh()(x).tobytes() == functional.tanh(x).tobytes()


# Loss ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("reduction", "expected"), [("mean", 7.5), ("sum", 30.0), ("none", [[1.0, 4.0], [9.0, 16.0]])])
def test_mse_loss_reductions(reduction: str, expected: Any) -> None:
    """Squared errors as they are, added up, or averaged; mean is the default."""
    x, target = rtch.asarray([[1.0, 2.0], [3.0, 4.0]]), rtch.zeros((2, 2))
    assert expected == functional.mse_loss(x, target, reduction).tolist()
    assert expected == nn.MSELoss(reduction)(x, target).tolist()
    assert 7.5 == functional.mse_loss(x, target).item() == nn.MSELoss()(x, target).item()


@pytest.mark.parametrize("shapes", [((4,), (4, 1)), ((4, 1), (4,)), ((3, 2), (1, 2)), ((), (1,)), ((0,), (0, 1))])
def test_mse_loss_refuses_unequal_shapes(shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    """Shapes that would broadcast are refused: (N,) against (N, 1) would average N x N differences."""
    with pytest.raises(BroadcastError, match="input and target must have one shape") as caught:
        functional.mse_loss(rtch.ones(shapes[0]), rtch.ones(shapes[1]))
    assert shapes == caught.value.shapes


def test_mse_loss_reduction_names() -> None:
    """An unknown reduction is refused, by the loss when it is made."""
    with pytest.raises(ArgumentError, match='reduction is "mean", "sum" or "none"; got \'avg\''):
        functional.mse_loss(rtch.ones((1,)), rtch.ones((1,)), "avg")
    with pytest.raises(ArgumentError, match="MSELoss"):
        nn.MSELoss("avg")


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_mse_loss_gradients(reduction: str) -> None:
    """Gradients of input and target pass gradcheck."""
    draw = Generator(2)
    inputs = [draw.normal((3, 2), dtype="float64").requires_grad_() for _ in range(2)]
    assert gradcheck(lambda x, t: functional.mse_loss(x, t, reduction), inputs)


# Models -------------------------------------------------------------------------------------------------------------


def test_linear_regression() -> None:
    """(N, F) to (N,), by the layer `linear`; the intercept is optional."""
    model = nn.LinearRegression(3, generator=Generator(4))
    assert ["linear.weight", "linear.bias"] == list(model.state_dict())
    model.load_state_dict({"linear.weight": rtch.asarray([[1.0, 2.0, 3.0]]), "linear.bias": rtch.asarray([0.5])})
    assert [6.5, 0.5] == model(rtch.asarray([[1.0, 1.0, 1.0], [0.0, 0.0, 0.0]])).tolist()
    assert (0,) == model(rtch.zeros((0, 3))).shape
    assert ["linear.weight"] == list(nn.LinearRegression(3, bias=False).state_dict())
    assert rtch.float64 is nn.LinearRegression(3, dtype="float64").linear.weight.dtype
    with pytest.raises(BroadcastError):
        model(rtch.ones((2, 4)))


@pytest.mark.parametrize(("activation", "layer"), [("relu", nn.ReLU), ("tanh", nn.Tanh)])
def test_mlp_regressor(activation: str, layer: type[nn.Module]) -> None:
    """Linear layers of the widths asked for with the activation between them; (N, F) to (N,)."""
    model = nn.MLPRegressor(3, (5, 4), activation, generator=Generator(1))
    shapes = {name: value.shape for name, value in model.state_dict().items()}
    assert {
        "layers.0.weight": (5, 3),
        "layers.0.bias": (5,),
        "layers.2.weight": (4, 5),
        "layers.2.bias": (4,),
        "layers.4.weight": (1, 4),
        "layers.4.bias": (1,),
    } == shapes
    assert [layer, layer] == [type(model.layers[i]) for i in (1, 3)]
    x = Generator(2).normal((6, 3))
    assert (6,) == model(x).shape
    assert model.layers(x).reshape(-1).tobytes() == model(x).tobytes()


def test_mlp_layers_differ() -> None:
    """Layers of one size draw from one stream, one after another: their weights differ."""
    model = nn.MLPRegressor(4, (4, 4))
    a, b = model.layers[0].weight, model.layers[2].weight
    assert a.tobytes() != b.tobytes()
    assert (64,) == nn.MLPRegressor(4).layers[0].bias.shape


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hidden": ()}, "one hidden layer or more"),
        ({"hidden": 64}, "hidden must be a list of widths; got 64"),
        ({"hidden": "64"}, "hidden must be a list of widths; got '64'"),
        ({"hidden": (4, 0)}, "out_features must be a positive integer; got 0"),
        ({"hidden": (4.5,)}, "out_features must be a positive integer; got 4.5"),
        ({"activation": "gelu"}, "activation is one of relu, tanh; got 'gelu'"),
        ({"in_features": 0}, "in_features must be a positive integer; got 0"),
    ],
)
def test_mlp_arguments(options: dict[str, Any], message: str) -> None:
    """What does not make a model is refused, with the rule."""
    with pytest.raises(ArgumentError, match=message):
        nn.MLPRegressor(**{"in_features": 3, **options})
