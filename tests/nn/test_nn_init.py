# SPDX-License-Identifier: MIT
"""Initialisers: the bounds and deviations are PyTorch's, the numbers come from our streams, shapes and ranges hold."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rtch
from rtch import nn
from rtch import tensor as core
from rtch.errors import ArgumentError, DTypeError, LayoutError
from rtch.nn import init
from rtch.random import Generator

SHAPES = [(7, 5), (6, 4, 3), (8, 2, 3, 5)]
WEIGHTS: dict[str, dict[str, Any]] = {
    "xavier_uniform_": {},
    "xavier_normal_": {},
    "kaiming_uniform_": {},
    "kaiming_normal_": {},
    "xavier_uniform_ gain": {"gain": 2.5},
    "xavier_normal_ gain": {"gain": 0.5},
    "kaiming_uniform_ slope": {"a": math.sqrt(5)},
    "kaiming_uniform_ out": {"mode": "fan_out", "nonlinearity": "relu"},
    "kaiming_normal_ out": {"mode": "fan_out", "nonlinearity": "tanh"},
}


def _spread(call: Callable[[], Any], theirs: Any) -> tuple[float, float]:
    """What PyTorch's initialiser asks its generator for: the bounds or mean and deviation."""
    seen: list[tuple[float, float]] = []
    original = theirs.Tensor.uniform_, theirs.Tensor.normal_

    def catch(self: Any, first: float, second: float, **options: Any) -> Any:
        seen.append((first, second))
        return self

    theirs.Tensor.uniform_ = theirs.Tensor.normal_ = catch
    try:
        call()
    finally:
        theirs.Tensor.uniform_, theirs.Tensor.normal_ = original
    return seen[0]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", WEIGHTS)
def test_spreads_are_pytorchs(name: str, shape: tuple[int, ...]) -> None:
    """Bounds and deviations are those that PyTorch draws with; the numbers are our generator's."""
    torch = pytest.importorskip("torch")
    function, options = name.partition(" ")[0], WEIGHTS[name]
    first, second = _spread(lambda: getattr(torch.nn.init, function)(torch.empty(shape), **options), torch)
    w = rtch.zeros(shape, dtype="float64")
    assert getattr(init, function)(w, **options, generator=Generator(3)) is w
    draw = Generator(3).uniform if "uniform" in function else Generator(3).normal
    expected = draw(shape, first, second, dtype="float64")
    assert expected.reshape(-1).tolist() == pytest.approx(w.reshape(-1).tolist(), rel=1e-14)


GAINS = [
    *(("linear", None), ("conv1d", None), ("conv2d", None), ("conv_transpose2d", None), ("sigmoid", None)),
    *(("tanh", None), ("relu", None), ("selu", None), ("leaky_relu", None), ("leaky_relu", 0.2), ("leaky_relu", 1)),
]


@pytest.mark.parametrize(("name", "param"), GAINS)
def test_gains_are_pytorchs(name: str, param: float | None) -> None:
    """calculate_gain gives PyTorch's numbers."""
    torch = pytest.importorskip("torch")
    assert torch.nn.init.calculate_gain(name, param) == pytest.approx(init.calculate_gain(name, param), rel=1e-15)


@pytest.mark.parametrize(
    ("call", "shape"),
    [
        (lambda i, w: i.constant_(w, 0.3), (2, 3)),
        (lambda i, w: i.ones_(w), (4,)),
        (lambda i, w: i.zeros_(w), (2, 0)),
        (lambda i, w: i.eye_(w), (3, 5)),
        (lambda i, w: i.eye_(w), (5, 3)),
        (lambda i, w: i.dirac_(w), (3, 4, 3)),
        (lambda i, w: i.dirac_(w), (4, 2, 3, 4)),
        (lambda i, w: i.dirac_(w, 2), (6, 2, 2, 3, 3)),
    ],
)
def test_fixed_values_are_pytorchs(call: Any, shape: tuple[int, ...]) -> None:
    """What is not random equals PyTorch's values."""
    torch = pytest.importorskip("torch")
    assert call(torch.nn.init, torch.full(shape, 9.0)).tolist() == call(init, rtch.full(shape, 9.0)).tolist()


def test_plain_draws() -> None:
    """uniform_ and normal_ give the stream's numbers, in the tensor's dtype; the default stream moves on."""
    for dtype in ("float32", "float64"):
        w = rtch.zeros((3, 4), dtype=dtype)
        init.uniform_(w, -2.0, 5.0, Generator(1))
        assert Generator(1).uniform((3, 4), -2.0, 5.0, dtype=dtype).tolist() == w.tolist()
        init.normal_(w, 1.0, 0.1, Generator(1))
        assert Generator(1).normal((3, 4), 1.0, 0.1, dtype=dtype).tolist() == w.tolist()
    before = rtch.random.default_generator.state
    try:
        rtch.manual_seed(5)
        first, second = init.normal_(rtch.zeros((3,))).tolist(), init.normal_(rtch.zeros((3,))).tolist()
        rtch.manual_seed(5)
        assert first + second == rtch.random.normal((6,)).tolist()
    finally:
        rtch.random.default_generator.set_state(before)


def test_parameters_are_filled_in_place() -> None:
    """A parameter that collects gradients stays itself and a leaf; its memory's other holders keep their values."""
    layer = nn.Linear(3, 2)
    before, weight = layer.weight.detach(), layer.weight
    values = before.tolist()
    init.zeros_(layer.weight)
    assert layer.weight is weight
    assert weight.is_leaf
    assert weight.requires_grad
    assert [[0.0] * 3] * 2 == weight.tolist()
    assert values == before.tolist()


@pytest.mark.skipif(not core._ARGUMENT, reason="this interpreter does not count references to arguments")
def test_a_write_into_a_temporary_view_is_an_error() -> None:
    """It would be lost. The parameter is as before, however often it is tried."""
    layer = nn.Linear(3, 2)
    before = layer.weight.tolist(), layer.bias.tolist()

    def row() -> None:
        init.constant_(layer.weight[0], 5.0)

    def part() -> None:
        init.zeros_(tensor=layer.bias[1:])

    def detached() -> None:
        init.zeros_(layer.bias.detach())

    def drawn() -> None:
        init.xavier_uniform_(layer.weight.T)

    for write in (row, part, detached, drawn):
        for _ in range(100):  # also once the interpreter has specialised the code
            with pytest.raises(
                LayoutError, match=r"_: this writes into a temporary view .*; give the view a name, v = "
            ):
                write()
    assert (layer.weight.tolist(), layer.bias.tolist()) == before


@pytest.mark.skipif(not core._ARGUMENT, reason="this interpreter does not count references to arguments")
@pytest.mark.parametrize("name", sorted(n for n in vars(init) if n.endswith("_") and n[0] != "_" and n != "constant_"))
def test_every_initialiser_refuses_temporary_views(name: str) -> None:
    """And none refuses one that has a name, or a temporary that is no view. See above for constant_."""
    fill = getattr(init, name)
    w = rtch.zeros((2, 3, 3, 3) if name == "dirac_" else (2, 3, 3))
    with pytest.raises(LayoutError, match=f"^{name}: "):
        fill(w[0])
    view = w[0]
    assert fill(view) is view
    fill(rtch.zeros(view.shape))
    assert not w.any().item()


def test_writes_that_somebody_can_read_are_no_error() -> None:
    """Names, attributes, items of containers, loops, comprehensions, generators, lambdas; also hot code."""
    for _ in range(50):
        layer, x = nn.Linear(3, 2), rtch.zeros((2, 3))
        held = layer.weight.detach()  # so that every write is one into shared memory
        init.zeros_(layer.weight)
        init.normal_(tensor=layer.bias)
        init.ones_(nn.Linear(3, 2).weight)
        named, table, rows = x[0], {"x": x}, [x[0], x[1]]
        init.ones_(named)
        init.ones_(table["x"])
        for row in x:
            init.ones_(row)
        assert [init.ones_(row).sum().item() for row in rows] == [3.0, 3.0]
        assert [t.sum().item() for t in map(init.ones_, rows)] == [3.0, 3.0]
        layer.apply(lambda m: (init.zeros_(m.weight), init.zeros_(m.bias)))
        assert held.shape == (2, 3)


@pytest.mark.parametrize("shape", [(4, 4), (3, 8), (8, 3), (5, 2, 4), (1, 6), (6, 1), (40, 30)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_orthogonal(shape: tuple[int, ...], dtype: str) -> None:
    """The fewer of rows and columns are orthonormal, times the gain."""
    w = init.orthogonal_(rtch.zeros(shape, dtype=dtype), 1.5, Generator(2))
    m = w.reshape(shape[0], -1)
    small = m @ m.T if m.shape[0] <= m.shape[1] else m.T @ m
    identity = rtch.eye(small.shape[0], dtype=dtype) * 2.25
    assert abs(small - identity).max().item() < (1e-14 if dtype == "float64" else 1e-6)
    w2 = init.orthogonal_(rtch.zeros(shape, dtype=dtype), 1.5, Generator(2))
    assert w.tobytes() == w2.tobytes()


def test_orthogonal_matrices_are_evenly_spread() -> None:
    """The angle of the first column of 2 x 2 matrices is uniform, and half of them are reflections."""
    draw, angles, reflections = Generator(4), [], 0
    for _ in range(400):
        (a, b), (c, d) = init.orthogonal_(rtch.zeros((2, 2), dtype="float64"), 1.0, draw).tolist()
        angles.append((math.atan2(c, a) / math.tau) % 1)
        reflections += a * d - b * c < 0
    angles.sort()
    distance = max(max((i + 1) / 400 - x, x - i / 400) for i, x in enumerate(angles))
    assert distance * 20 < 1.95
    assert abs(reflections - 200) < 40


TRUNCATED = [
    (0.0, 1.0, -2.0, 2.0),
    (1.0, 3.0, -1.0, 2.0),
    (0.0, 1.0, 3.0, 5.0),
    (0.0, 1.0, -9.0, -4.0),
    (5.0, 0.5, -2.0, float("inf")),
    (0.0, 1.0, 30.0, 31.0),
]


@pytest.mark.parametrize(("mean", "std", "low", "high"), TRUNCATED)
def test_truncated_normal_has_its_distribution(mean: float, std: float, low: float, high: float) -> None:
    """Numbers lie within the bounds, and follow the normal distribution there (Kolmogorov's distance, mpmath)."""
    mpmath = pytest.importorskip("mpmath")
    n = 4000
    x = sorted(Generator(6).truncated_normal((n,), mean, std, low, high, dtype="float64").tolist())
    assert low <= x[0] < x[-1] <= high
    with mpmath.workdps(400):

        def below(t: float) -> Any:
            return mpmath.ncdf((mpmath.mpf(t) - mean) / std) if t != float("inf") else mpmath.mpf(1)

        first, width = below(low), below(high) - below(low)
        distance = 0.0
        for i in range(0, n, 40):
            cdf = float((below(x[i]) - first) / width)
            distance = max(distance, abs((i + 0.5) / n - cdf))
    assert distance * math.sqrt(n) < 1.95


def test_normal_below_is_exact() -> None:
    """The distribution function is within 1e-14 relative of mpmath's, in both tails."""
    mpmath = pytest.importorskip("mpmath")
    with mpmath.workdps(60):
        for i in range(-740, 200):
            x = i / 20 + 0.013
            exact = mpmath.ncdf(x)
            assert abs(rtch.random.normal_below(x) - exact) <= 1e-14 * exact, x
    assert (0.0, 1.0) == (rtch.random.normal_below(-float("inf")), rtch.random.normal_below(float("inf")))


def test_trunc_normal_fills() -> None:
    """trunc_normal_ gives the generator's numbers, by default within two of 0."""
    w = init.trunc_normal_(rtch.zeros((500,)), generator=Generator(1))
    assert Generator(1).truncated_normal((500,)).tolist() == w.tolist()
    assert abs(w).max().item() <= 2.0
    assert Generator(1).truncated_normal((3,), 1.0, 2.0, 1.5, 1.5).tolist() == [1.5] * 3


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: init.xavier_uniform_(rtch.ones((3,))),
            r"xavier_uniform_: a weight of 2 axes or more .* got shape \[3\]",
        ),
        (lambda: init.kaiming_normal_(rtch.ones((3,))), "kaiming_normal_: a weight of 2 axes or more"),
        (lambda: init.kaiming_normal_(rtch.ones((3, 3)), mode="in"), "mode is 'fan_in' or 'fan_out'; got 'in'"),
        (lambda: init.kaiming_normal_(rtch.ones((3, 3)), nonlinearity="x"), "calculate_gain: nonlinearity is one of"),
        (lambda: init.calculate_gain("leaky_relu", "x"), "calculate_gain: the slope must be a number; got 'x'"),
        (lambda: init.eye_(rtch.ones((3,))), r"eye_: a matrix is needed; got shape \[3\]"),
        (lambda: init.dirac_(rtch.ones((3, 3))), "dirac_: a weight of 3, 4 or 5 axes"),
        (lambda: init.dirac_(rtch.ones((3, 3, 3)), 2), "dirac_: groups must divide 3 outputs; got 2"),
        (lambda: init.orthogonal_(rtch.ones((3,))), "orthogonal_: a weight of 2 axes or more"),
        (lambda: init.trunc_normal_(rtch.ones((2,)), std=0.0), "truncated_normal: finite mean, std > 0"),
        (lambda: init.trunc_normal_(rtch.ones((2,)), a=2.0, b=1.0), "low <= high are needed"),
        (lambda: init.trunc_normal_(rtch.ones((2,)), a=50.0, b=60.0), "no number lies within 50.0 and 60.0"),
        (lambda: init.kaiming_uniform_(rtch.ones((3, 3)), mode=[]), r"mode is 'fan_in' or 'fan_out'; got \[\]"),
        (lambda: init.kaiming_uniform_(rtch.ones((3, 3)), nonlinearity=[]), "calculate_gain: nonlinearity is one of"),
        (lambda: init.calculate_gain("leaky_relu", 10**400), "the slope must be a number; got 1000"),
        (lambda: init.xavier_uniform_(rtch.ones((3, 3)), gain="a"), "xavier_uniform_: gain must be a number; got 'a'"),
        (lambda: init.xavier_normal_(rtch.ones((3, 3)), gain=None), "xavier_normal_: gain must be a number; got None"),
        (lambda: init.orthogonal_(rtch.ones((3, 3)), gain="a"), "orthogonal_: gain must be a number; got 'a'"),
        (lambda: init.uniform_(rtch.ones(2), "a"), "uniform_: a must be a number; got 'a'"),
        (lambda: init.normal_(rtch.ones(2), 0.0, True), "normal_: std must be a number; got True"),
        (
            lambda: init.normal_(rtch.ones(2), generator=5),
            "normal_: generator must be a .*Generator; got int",
        ),
        (lambda: init.uniform_(rtch.ones(2), generator=0), "uniform_: generator must be .*; got int"),
        (lambda: init.orthogonal_(rtch.ones((2, 2)), generator="a"), "orthogonal_: generator must be .*; got str"),
        (lambda: init.constant_(rtch.ones(2), "a"), "numbers, lists or an array are needed; got str"),
    ],
)
def test_what_is_refused(call: Any, message: str) -> None:
    """Shapes, modes and ranges that do not fit are typed errors."""
    with pytest.raises(ArgumentError, match=message):
        call()


@pytest.mark.parametrize("name", sorted(n for n in vars(init) if n.endswith("_") and n[0] != "_"))
def test_tensors_alone_are_filled(name: str) -> None:
    """What is none is refused, and a dtype that has no fractions where the numbers do."""
    others = (5.0,) if name == "constant_" else ()
    for value in (np.ones((3, 3)), [1.0], 2.0, None):
        with pytest.raises(DTypeError, match=f"^{name}: .*; got {type(value).__name__}"):
            getattr(init, name)(value, *others)
    whole = rtch.zeros((3, 3, 3) if name == "dirac_" else (3, 3), dtype="int64")
    if name in ("constant_", "ones_", "zeros_", "eye_", "dirac_"):
        value = {"constant_": 5, "zeros_": 0}.get(name, 1)
        assert value == getattr(init, name)(whole, *map(int, others)).max().item()
    else:
        with pytest.raises(DTypeError, match=f"^{name}: a tensor of float32 or float64 is needed; got int64"):
            getattr(init, name)(whole)


def test_numbers_of_numpy() -> None:
    """They do as Python's do."""
    for make in (float, np.float32, np.float64):
        for call in (
            lambda f: init.uniform_(rtch.ones(3), f(0.25), f(0.5), Generator(1)),
            lambda f: init.normal_(rtch.ones(3), f(0.25), f(0.5), Generator(1)),
            lambda f: init.trunc_normal_(rtch.ones(3), f(0), f(1), f(-1), f(2), Generator(1)),
            lambda f: init.xavier_normal_(rtch.ones((3, 2)), f(0.5), Generator(1)),
            lambda f: init.kaiming_uniform_(rtch.ones((3, 2)), f(0.5), generator=Generator(1)),
            lambda f: init.orthogonal_(rtch.ones((3, 2)), f(0.5), Generator(1)),
        ):
            assert call(float).tolist() == call(make).tolist()
    assert init.dirac_(rtch.ones((4, 2, 3)), np.int64(2)).tolist() == init.dirac_(rtch.ones((4, 2, 3)), 2).tolist()


def test_empty_weights() -> None:
    """Weights of size 0 are left as they are."""
    for function in (init.kaiming_uniform_, init.kaiming_normal_, init.orthogonal_):
        assert (0, 3) == function(rtch.zeros((0, 3))).shape
    for function in (init.xavier_uniform_, init.xavier_normal_, init.kaiming_uniform_):
        assert (0, 0) == function(rtch.zeros((0, 0))).shape
