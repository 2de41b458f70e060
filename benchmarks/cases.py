# SPDX-License-Identifier: MIT
"""What is measured: one function per case that makes the same work for each library that is installed.

Used by bench_core.py (pytest-benchmark) and by ratios.py (the table of docs/performance.md).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import rtch
from rtch import nn, optim

try:
    import torch
except ImportError:
    torch = None

Work = dict[str, Callable[[], Any]]
CASES: dict[str, Callable[[], Work]] = {}


def case(name: str) -> Callable[[Callable[[], Work]], Callable[[], Work]]:
    def enter(make: Callable[[], Work]) -> Callable[[], Work]:
        CASES[name] = make
        return make

    return enter


def _arrays(*shapes: tuple[int, ...]) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.standard_normal(shape).astype(np.float32) for shape in shapes]


def _elementwise(
    shapes: list[tuple[int, ...]],
    ours: Callable[..., Any],
    numpy: Callable[..., Any],
    torchs: Callable[..., Any],
    positive: bool = False,
) -> Work:
    arrays = _arrays(*shapes)
    if positive:
        arrays = [np.abs(a) for a in arrays]
    tensors = [rtch.asarray(a) for a in arrays]
    work: Work = {"rtch": lambda: ours(*tensors), "numpy": lambda: numpy(*arrays)}
    if torch is not None:
        peers = [torch.from_numpy(a.copy()) for a in arrays]
        work["torch"] = lambda: torchs(*peers)
    return work


def _simple(name: str, shapes: list[tuple[int, ...]], call: Callable[..., Any]) -> None:
    """A case whose call reads the same for every library."""
    CASES[name] = lambda: _elementwise(shapes, call, call, call)


def _named(name: str, shapes: list[tuple[int, ...]], function: str, positive: bool = False) -> None:
    """A case of a function that has the same name in every library; of numbers above 0 where asked for."""

    def make() -> Work:
        return _elementwise(
            shapes, getattr(rtch, function), getattr(np, function), getattr(torch, function, None), positive
        )

    CASES[name] = make


_simple("x + y, 8 floats", [(8,), (8,)], lambda x, y: x + y)
_simple("x * 2, 8 floats", [(8,)], lambda x: x * 2.0)
_simple("add 1024 x 1024", [(1024, 1024), (1024, 1024)], lambda x, y: x + y)
_simple("a * b + a - b 1024 x 1024", [(1024, 1024), (1024, 1024)], lambda a, b: a * b + a - b)
_simple("row broadcast 1024 x 1024", [(1024, 1024), (1024,)], lambda x, y: x * y)
_simple("column broadcast 1024 x 1024", [(1024, 1024), (1024, 1)], lambda x, y: x * y)
_simple("divide 1024 x 1024", [(1024, 1024), (1024, 1024)], lambda x, y: x / y)
_simple("add 16 M", [(4096, 4096), (4096, 4096)], lambda x, y: x + y)
_simple("add, one operand transposed 1024 x 1024", [(1024, 1024), (1024, 1024)], lambda x, y: x + y.T)
_simple("add, both operands transposed 1024 x 1024", [(1024, 1024), (1024, 1024)], lambda x, y: x.T + y.T)
_simple("copy of a transpose 1024 x 1024", [(1024, 1024)], lambda x: x.T.reshape(-1))
_simple("add, every second element of 2 M", [(1 << 21,), (1 << 21,)], lambda x, y: x[::2] + y[::2])
_simple("add, columns cut off 1024 x 1024", [(1024, 1027), (1024, 1027)], lambda x, y: x[:, 1:-2] + y[:, 1:-2])
_simple("sum 1024 x 1024", [(1024, 1024)], lambda x: x.sum())
_simple("sum axis 0 1024 x 1024", [(1024, 1024)], lambda x: x.sum(0))
_simple("sum axis 1 1024 x 1024", [(1024, 1024)], lambda x: x.sum(1))
for _n in (32, 64, 128, 512, 1024):
    _simple(f"matmul {_n} x {_n}", [(_n, _n), (_n, _n)], lambda x, y: x @ y)
for _n in (32, 64, 128, 512, 1024):
    _simple(f"matmul x.T @ y, {_n} x {_n}", [(_n, _n), (_n, _n)], lambda x, y: x.T @ y)
    _simple(f"matmul x @ y.T, {_n} x {_n}", [(_n, _n), (_n, _n)], lambda x, y: x @ y.T)
_simple("matmul batch 64 of 64 x 64", [(64, 64, 64), (64, 64, 64)], lambda x, y: x @ y)
_simple("matmul matrix times vector 1024 x 1024", [(1024, 1024), (1024,)], lambda x, y: x @ y)
_simple("matmul vector times matrix 1024 x 1024", [(1024,), (1024, 1024)], lambda x, y: x @ y)


@case("where 1024 x 1024")
def _where() -> Work:
    return _elementwise(
        [(1024, 1024), (1024, 1024)],
        lambda x, y: rtch.where(x > y, x, y),
        lambda x, y: np.where(x > y, x, y),
        lambda x, y: x.where(x > y, y),
    )


@case("max axis 1 1024 x 1024")
def _max() -> Work:
    return _elementwise([(1024, 1024)], lambda x: x.max(1), lambda x: x.max(1), lambda x: x.amax(1))


@case("argmax 1024 x 1024")
def _argmax() -> Work:
    return _elementwise([(1024, 1024)], lambda x: x.argmax(), lambda x: x.argmax(), lambda x: x.argmax())


@case("argmax axis 1 1024 x 1024")
def _argmax_rows() -> Work:
    return _elementwise([(1024, 1024)], lambda x: x.argmax(1), lambda x: x.argmax(1), lambda x: x.argmax(1))


def _running(axis: int) -> Work:
    def theirs(x: Any) -> Any:
        return x.cumsum(axis)

    return _elementwise([(1024, 1024)], lambda x: rtch.cumulative_sum(x, axis=axis), theirs, theirs)


CASES["cumulative sum axis 1 1024 x 1024"] = lambda: _running(1)
CASES["cumulative sum axis 0 1024 x 1024"] = lambda: _running(0)


for _name in ("exp", "tanh", "sin"):
    _named(f"{_name} 1024 x 1024", [(1024, 1024)], _name)
for _name in ("log", "sqrt"):
    _named(f"{_name} 1024 x 1024", [(1024, 1024)], _name, positive=True)
_named("pow 1024 x 1024", [(1024, 1024), (1024, 1024)], "pow", positive=True)


def _sorting(shape: tuple[int, ...], positions: bool) -> Work:
    if positions:
        return _elementwise([shape], rtch.argsort, np.argsort, lambda x: x.argsort())
    return _elementwise([shape], rtch.sort, np.sort, lambda x: x.sort())


CASES["sort 1024 x 1024"] = lambda: _sorting((1024, 1024), False)
CASES["sort 1 M"] = lambda: _sorting((2**20,), False)
CASES["argsort 1024 x 1024"] = lambda: _sorting((1024, 1024), True)
CASES["argsort 1 M"] = lambda: _sorting((2**20,), True)


def _rows(ours: Callable[..., Any], numpy: Callable[..., Any], torchs: Callable[..., Any]) -> Work:
    """1,024 rows of a 1024 x 1024 matrix, in random order."""
    (x,) = _arrays((1024, 1024))
    index = np.random.default_rng(1).integers(0, 1024, 1024)
    tx, tindex = rtch.asarray(x), rtch.asarray(index)
    work: Work = {"rtch": lambda: ours(tx, tindex), "numpy": lambda: numpy(x, index)}
    if torch is not None:
        px, pindex = torch.from_numpy(x.copy()), torch.from_numpy(index)
        work["torch"] = lambda: torchs(px, pindex)
    return work


@case("take 1024 rows")
def _take() -> Work:
    return _rows(
        lambda x, i: rtch.take(x, i, axis=0), lambda x, i: np.take(x, i, axis=0), lambda x, i: x.index_select(0, i)
    )


@case("x[rows], 1024 rows")
def _rows_by_key() -> Work:
    return _rows(lambda x, i: x[i], lambda x, i: x[i], lambda x, i: x[i])


def _forward_backward(ours: Callable[[Any], Any], theirs: Callable[[Any], Any]) -> Work:
    """A function of 1024 x 1024 numbers and its gradient."""
    x, g = _arrays((1024, 1024), (1024, 1024))
    leaf, seed = rtch.asarray(x).requires_grad_(), rtch.asarray(g)
    work: Work = {"rtch": lambda: rtch.autograd.grad(ours(leaf), [leaf], seed)}
    if torch is not None:
        peer, peer_seed = torch.tensor(x, requires_grad=True), torch.tensor(g)
        work["torch"] = lambda: torch.autograd.grad(theirs(peer), [peer], peer_seed)
    return work


def _activation(name: str, **options: Any) -> None:
    title = f"{name} {' '.join(map(str, options.values()))}".strip()

    def make() -> Work:
        def theirs(x: Any) -> Any:
            return getattr(torch.nn.functional, name)(x, **options)

        return _forward_backward(lambda x: getattr(nn.functional, name)(x, **options), theirs)

    CASES[f"{title} and its gradient 1024 x 1024"] = make


for _name in ("relu", "leaky_relu", "silu", "sigmoid", "gelu", "elu", "softplus", "mish", "dropout"):
    _activation(_name)
for _name in ("hardsigmoid", "hardswish", "hardtanh", "hardshrink", "softshrink"):
    _activation(_name)
_activation("gelu", approximate="tanh")
_activation("threshold", threshold=0.1, value=20.0)


@case("x * y recorded, 8 floats")
def _recorded() -> Work:
    x, y = _arrays((8,), (8,))
    leaf, other = rtch.asarray(x).requires_grad_(), rtch.asarray(y)
    work: Work = {"rtch": lambda: leaf * other}
    if torch is not None:
        peer, peer_other = torch.tensor(x, requires_grad=True), torch.tensor(y)
        work["torch"] = lambda: peer * peer_other
    return work


def _step(ours: nn.Module, make_peer: Callable[[], Any], n: int, features: int, name: str, lr: float) -> Work:
    x, y = _arrays((n, features), (n, 1))
    tx, ty = rtch.asarray(x), rtch.asarray(y)
    optimizer = getattr(optim, name)(ours.parameters(), lr=lr)

    def step() -> None:
        loss = nn.functional.mse_loss(ours(tx), ty)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    work: Work = {"rtch": step}
    if torch is not None:
        peer = make_peer()
        px, py = torch.tensor(x), torch.tensor(y)
        peer_optimizer = getattr(torch.optim, name)(peer.parameters(), lr=lr)

        def peer_step() -> None:
            loss = torch.nn.functional.mse_loss(peer(px), py)
            peer_optimizer.zero_grad()
            loss.backward()
            peer_optimizer.step()

        work["torch"] = peer_step
    return work


@case("training step, linear regression 32 x 13, SGD")
def _linear_step() -> Work:
    return _step(nn.Linear(13, 1), lambda: torch.nn.Linear(13, 1), 32, 13, "SGD", 1e-3)


@case("training step, MLP 64-64-1 batch 32, Adam")
def _mlp_step() -> Work:
    ours = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))

    def peer() -> Any:
        return torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 1))

    return _step(ours, peer, 32, 64, "Adam", 1e-3)


def _chain(n: int) -> Work:
    """Forward and backward of n multiplications of 8 floats, one after the other."""

    def make(library: Any) -> Callable[[], None]:
        x = library.ones(8).requires_grad_()

        def work() -> None:
            y = x
            for _ in range(n):
                y = y * x
            y.sum().backward()
            x.grad = None

        return work

    return {"rtch": make(rtch)} | ({"torch": make(torch)} if torch is not None else {})


@case("chain of 10 multiplications, 8 floats, forward and backward")
def _short_chain() -> Work:
    return _chain(10)


@case("chain of 1,000 multiplications, 8 floats, forward and backward")
def _long_chain() -> Work:
    return _chain(1000)


@case("64 branches of tanh 64 x 64, summed, forward and backward")
def _branches() -> Work:
    (a,) = _arrays((64, 64))

    def make(library: Any) -> Callable[[], None]:
        x = library.asarray(a).requires_grad_()

        def work() -> None:
            total = (x * 0.0).tanh()
            for i in range(1, 64):
                total = total + (x * (i / 64)).tanh()
            total.sum().backward()
            x.grad = None

        return work

    return {"rtch": make(rtch)} | ({"torch": make(torch)} if torch is not None else {})


def _classifier(sizes: tuple[int, int, int], n: int) -> Work:
    """A training step of a perceptron with one hidden layer, cross entropy and Adam."""
    x, _ = _arrays((n, sizes[0]), (1,))
    labels = [i % sizes[2] for i in range(n)]

    def make(library: Any, layers: Any, optimizers: Any) -> Callable[[], None]:
        model = layers.Sequential(layers.Linear(sizes[0], sizes[1]), layers.ReLU(), layers.Linear(sizes[1], sizes[2]))
        optimizer = optimizers.Adam(model.parameters(), lr=1e-3)
        inputs, targets = library.asarray(x), library.asarray(labels, dtype=library.int64)

        def step() -> None:
            loss = layers.functional.cross_entropy(model(inputs), targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

        return step

    return {"rtch": make(rtch, nn, optim)} | (
        {"torch": make(torch, torch.nn, torch.optim)} if torch is not None else {}
    )


@case("training step, MLP 64-64-10 batch 32, Adam")
def _small_classifier() -> Work:
    return _classifier((64, 64, 10), 32)


@case("training step, MLP 784-256-10 batch 128, Adam")
def _digit_classifier() -> Work:
    return _classifier((784, 256, 10), 128)


@case("Adam step, 200,000 parameters in 6 tensors")
def _adam_step() -> Work:
    shapes = [(64, 256), (256,), (256, 512), (512,), (512, 100), (100,)]
    arrays, gradients = _arrays(*shapes), _arrays(*shapes)
    params = [rtch.asarray(a).requires_grad_() for a in arrays]
    for p, g in zip(params, gradients, strict=True):
        p.grad = rtch.asarray(g)
    work: Work = {"rtch": optim.Adam(params).step}
    if torch is not None:
        peers = [torch.tensor(a, requires_grad=True) for a in arrays]
        for peer, g in zip(peers, gradients, strict=True):
            peer.grad = torch.tensor(g)
        work["torch"] = torch.optim.Adam(peers).step
    return work


def _differentiated(shapes: list[tuple[int, ...]], ours: Callable[..., Any], torchs: Callable[..., Any]) -> Work:
    """A function of tensors and the gradients towards all of them, from a gradient that is drawn like them."""
    arrays = _arrays(*shapes)
    tensors = [rtch.asarray(a).requires_grad_() for a in arrays]
    seed = rtch.asarray(_arrays(ours(*tensors).shape)[0])
    work: Work = {"rtch": lambda: rtch.autograd.grad(ours(*tensors), tensors, seed)}
    if torch is not None:
        peers = [torch.tensor(a, requires_grad=True) for a in arrays]
        peer_seed = torch.from_numpy(seed.numpy().copy())
        work["torch"] = lambda: torch.autograd.grad(torchs(*peers), peers, peer_seed)
    return work


@case("conv2d 32 x 16 x 28 x 28, 32 filters 3 x 3, padding 1")
def _convolution() -> Work:
    x, w, b = _arrays((32, 16, 28, 28), (32, 16, 3, 3), (32,))
    tensors = [rtch.asarray(a) for a in (x, w, b)]
    work: Work = {"rtch": lambda: nn.functional.conv2d(*tensors, padding=1)}
    if torch is not None:
        peers = [torch.from_numpy(a.copy()) for a in (x, w, b)]
        work["torch"] = lambda: torch.nn.functional.conv2d(*peers, padding=1)
    return work


def _convolution_step(padding: int) -> Work:
    return _differentiated(
        [(32, 16, 28, 28), (32, 16, 3, 3), (32,)],
        lambda x, w, b: nn.functional.conv2d(x, w, b, padding=padding),
        lambda x, w, b: torch.nn.functional.conv2d(x, w, b, padding=padding),
    )


CASES["conv2d forward and backward 32 x 16 x 28 x 28, 32 filters 3 x 3"] = lambda: _convolution_step(0)
CASES["conv2d forward and backward 32 x 16 x 28 x 28, 32 filters 3 x 3, padding 1"] = lambda: _convolution_step(1)


@case("max_pool2d forward and backward 32 x 32 x 28 x 28")
def _pooling() -> Work:
    return _differentiated(
        [(32, 32, 28, 28)],
        lambda x: nn.functional.max_pool2d(x, 2),
        lambda x: torch.nn.functional.max_pool2d(x, 2),
    )


@case("avg_pool2d forward and backward 32 x 32 x 28 x 28")
def _averages() -> Work:
    return _differentiated(
        [(32, 32, 28, 28)],
        lambda x: nn.functional.avg_pool2d(x, 2),
        lambda x: torch.nn.functional.avg_pool2d(x, 2),
    )


@case("embedding forward and backward 10,000 x 64, 4,096 indices")
def _embedding() -> Work:
    index = np.random.default_rng(1).integers(0, 10000, 4096)
    ours, theirs = rtch.asarray(index), torch.from_numpy(index) if torch is not None else None
    return _differentiated(
        [(10000, 64)],
        lambda w: nn.functional.embedding(ours, w),
        lambda w: torch.nn.functional.embedding(theirs, w),
    )


@case("scaled_dot_product_attention forward and backward 8 x 4 x 128 x 32")
def _attention() -> Work:
    return _differentiated(
        [(8, 4, 128, 32)] * 3,
        nn.functional.scaled_dot_product_attention,
        getattr(torch, "nn", nn).functional.scaled_dot_product_attention,
    )


def _layer(title: str, n_parameters: int, ours: Callable[..., Any], theirs: Callable[..., Any], classes: bool) -> None:
    """Cases of a function of 1024 x 1024 numbers and parameters of 1024, or classes: forward, and with backward."""

    def work(backward: bool) -> Work:
        *arrays, seed = _arrays((1024, 1024), *[(1024,)] * n_parameters, (1024, 1024))
        labels = np.random.default_rng(1).integers(0, 1024, 1024)

        def side(make: Callable[..., Any], call: Callable[..., Any]) -> Callable[[], Any]:
            leaves = [make(a) for a in arrays]
            inputs = [*leaves, make(labels)] if classes else leaves
            g = None if classes else make(seed)
            for leaf in leaves:
                leaf.requires_grad_(backward)

            def run() -> None:
                out = call(*inputs)
                if backward:
                    for leaf in leaves:
                        leaf.grad = None
                    out.backward(g)

            return run

        made: Work = {"rtch": side(rtch.asarray, ours)}
        if torch is not None:
            made["torch"] = side(torch.tensor, theirs)
        return made

    CASES[f"{title} 1024 x 1024"] = lambda: work(False)
    CASES[f"{title} 1024 x 1024, forward and backward"] = lambda: work(True)


def _layers() -> None:
    def cases(library: Any, functional: Any) -> dict[str, tuple[int, Callable[..., Any]]]:
        mean, var = library.zeros(1024), library.ones(1024)
        return {
            "softmax": (0, lambda x: functional.softmax(x, 1)),
            "softmax axis 0": (0, lambda x: functional.softmax(x, 0)),
            "log_softmax": (0, lambda x: functional.log_softmax(x, 1)),
            "layer_norm": (2, lambda x, w, b: functional.layer_norm(x, (1024,), w, b)),
            "rms_norm": (1, lambda x, w: functional.rms_norm(x, (1024,), w)),
            "batch_norm": (2, lambda x, w, b: functional.batch_norm(x, mean, var, w, b, True)),
            "cross_entropy": (0, functional.cross_entropy),
        }

    ours = cases(rtch, nn.functional)
    theirs = cases(torch, torch.nn.functional) if torch is not None else ours
    for title, (n_parameters, call) in ours.items():
        _layer(title, n_parameters, call, theirs[title][1], title == "cross_entropy")


_layers()
