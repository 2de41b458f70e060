# SPDX-License-Identifier: MIT
"""Activation checkpointing: the same bits as without, in less memory."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rtch
from rtch import autograd, errors, nn
from rtch._c import lib
from rtch._c.objects import node_object
from rtch.autograd import Function, FunctionCtx, checkpoint, checkpoint_sequential, engine
from rtch.tensor import Tensor


def plain(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    return function(*args, **kwargs)


def normal(shape: Any, seed: int, dtype: str = "float64") -> Tensor:
    return rtch.random.Generator(seed).normal(shape, dtype=dtype).requires_grad_()


def bits(*tensors: Tensor | None) -> list[bytes | None]:
    return [None if t is None else t.detach().numpy().tobytes() for t in tensors]


# The same bits --------------------------------------------------------------------------------------------------------

STEPS: list[Callable[[Tensor, Tensor, Tensor], Tensor]] = [
    lambda a, b, w: a * b,
    lambda a, b, w: a @ w,
    lambda a, b, w: (a * 0.3).tanh() + b,
    lambda a, b, w: rtch.softmax(a, axis=1) - b * 0.1,
    lambda a, b, w: rtch.concat([a[:2], b[2:] * 1.7], axis=0),
    lambda a, b, w: nn.functional.dropout(a, 0.3) * w[0],
    lambda a, b, w: nn.functional.layer_norm(a, (4,), w[1], w[2]),
    lambda a, b, w: a[:, ::-1] * b.sum(axis=0),
    lambda a, b, w: rtch.where(a > 0, a, b * 0.2),
    lambda a, b, w: rtch.sort(a, axis=1) / (1.5 + b * b),
    lambda a, b, w: Swap.apply(a, b)[0] + a * Swap.apply(b, a)[1],
]
graphs = st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 99), st.integers(0, 99)), min_size=1, max_size=8)


class Swap(Function):
    """Two results, with saved inputs and a saved result."""

    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        p, q = x * y, rtch.sin(y)
        ctx.save_for_backward(x, y, p)
        return p, q

    @staticmethod
    def backward(ctx: FunctionCtx, g: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        x, y, p = ctx.saved_tensors
        return g * y, g * x + h * rtch.cos(y) + 0 * p  # type: ignore[operator]


def build(steps: list[Any], pool: list[Tensor], w: Tensor) -> list[Tensor]:
    pool = list(pool)
    for step, i, k in steps:
        pool.append(step(pool[i % len(pool)], pool[k % len(pool)], w))
    return pool


def run(call: Any, before: Any, inside: Any, after: Any, nested: int, second: bool, shuffle: int = 0) -> list[Any]:
    """Loss and gradients of a random graph, a part of which is called through `call`."""
    rtch.manual_seed(1)
    w, x = normal((4, 4), 1), normal((3, 4), 2)
    pool = build(before, [x * 1.1, x + 0.3], w)

    def part(given: list[Tensor], w: Tensor, steps: Any, depth: int) -> Any:
        if depth:
            inner = call(part, given, w=w, steps=steps[: len(steps) // 2], depth=depth - 1)
            given = inner["all"] if isinstance(inner, dict) else inner
            return build(steps[len(steps) // 2 :], given, w)
        return {"all": build(steps, given, w)}

    made = call(part, pool, w, inside, nested)
    pool = build(after, made["all"] if isinstance(made, dict) else made, w)
    loss = sum((t * (0.1 + i)).sum() for i, t in enumerate(pool))
    engine._shuffle = shuffle
    try:
        found = autograd.grad(loss, (x, w), create_graph=second, allow_unused=True)  # type: ignore[arg-type]
        if second:
            total = sum((g * g).sum() for g in found if g is not None)
            if isinstance(total, Tensor) and total.requires_grad:
                found += autograd.grad(total, (x, w), allow_unused=True)
    finally:
        engine._shuffle = 0
    return [*bits(loss, *found), rtch.random.default_generator.state]  # type: ignore[arg-type]


@given(graphs, graphs, graphs, st.integers(0, 2), st.booleans(), st.integers(0, 2**30))
def test_random_graphs(before: Any, inside: Any, after: Any, nested: int, second: bool, shuffle: int) -> None:
    """Values used inside and outside the part, several times, nested, with random numbers, to both orders."""
    drawn = before, inside, after, nested, second, shuffle
    assert run(plain, *drawn) == run(checkpoint, *drawn)


def test_nodes_and_generators_are_left_as_they_were(no_collector: None) -> None:
    """A graph that ran, one that was retained and ran twice, one that never ran: nothing is left."""
    rtch.random.default_generator.set_state({"seed": 0, "offset": 0})
    x = normal((3, 4), 1)
    for retain in (None, False, True):
        y = checkpoint(_mixed, x * 1, w=x)
        if retain is not None:
            loss = y.sum()
            loss.backward(retain_graph=retain)
            if retain:
                loss.backward()
            del loss
        del y
    x.grad = None


def _mixed(h: Tensor, w: Tensor) -> Tensor:
    return (nn.functional.dropout(h, 0.4) * w).tanh() + Swap.apply(h, w)[0]


class Model(nn.Module):
    def __init__(self, call: Any, generator: rtch.random.Generator | None = None) -> None:
        super().__init__()
        draw = rtch.random.Generator(7)
        self.first = nn.Linear(6, 6, generator=draw)
        self.second = nn.Linear(6, 6, generator=draw)
        self.norm = nn.BatchNorm1d(6)
        self.count = nn.BatchNorm1d(6, momentum=None)
        self.call, self.generator = call, generator

    def block(self, h: Tensor) -> Tensor:
        h = h + nn.functional.dropout(self.norm(self.first(h)).tanh(), 0.5, generator=self.generator)
        return self.count(self.second(h) * h)

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(3):
            x = self.call(self.block, x)
        return x


@pytest.mark.parametrize("own", [False, True])
def test_a_model(own: bool) -> None:
    """Three steps with shared weights, dropout of either generator and batch normalisation: all state is the same, the
    running statistics moved once per step and the generators where they would be."""

    def train(call: Any) -> list[Any]:
        rtch.manual_seed(3)
        generator = rtch.random.Generator(5) if own else None
        model = Model(call, generator)
        optimizer = rtch.optim.Adam(model.parameters(), lr=0.01)
        x = normal((8, 6), 4, "float32").detach()
        for _ in range(3):
            optimizer.zero_grad()
            loss = (model(x) ** 2).mean()
            loss.backward()
            optimizer.step()
        assert model.norm.num_batches_tracked is not None
        assert model.norm.num_batches_tracked.item() == 9
        states = [g.state for g in (rtch.random.default_generator, generator) if g is not None]
        return [bits(loss, *model.state_dict().values()), states]

    assert train(plain) == train(checkpoint)


def test_other_numbers_where_asked() -> None:
    """Without preserve_rng_state the second run draws further numbers, as in PyTorch."""
    x = rtch.ones((64,), dtype="float64").requires_grad_()
    y = checkpoint(nn.functional.dropout, x, 0.5, preserve_rng_state=False)
    rtch.manual_seed(9)
    with pytest.raises(AssertionError):
        assert autograd.grad((y * y).sum(), x)[0].tolist() == (2 * y * 2 * (y > 0)).tolist()  # type: ignore[union-attr]


def test_arguments_and_results() -> None:
    """Nested arguments by position and name, values that are no tensors, results in a nest."""

    def f(pair: list[Tensor], n: int, *, more: dict[str, Tensor], name: str) -> Any:
        a, b = pair
        return {"x": (a * b, n), "y": [more["c"].exp(), name]}

    a, b, c = normal((3,), 1), normal((3,), 2), normal((3,), 3)
    out = checkpoint(f, [a, b], 4, more={"c": c}, name="name")
    assert (4, "name") == (out["x"][1], out["y"][1])
    found = autograd.grad((out["x"][0] * out["y"][0]).sum(), (a, b, c))
    assert bits(*autograd.grad((a * b * c.exp()).sum(), (a, b, c))) == bits(*found)


def test_arguments_keep_their_values() -> None:
    """A function that writes to its argument, and a later write by the caller: the second run starts where the first
    one did."""

    def f(h: Tensor) -> Tensor:
        h *= 3
        return h * h

    x = normal((4,), 1)
    h = x * 1
    y = checkpoint(f, h)
    assert h.tolist() == (x * 3).tolist()
    h[...] = 0
    (g,) = autograd.grad(y.sum(), x)
    assert g is not None
    np.testing.assert_allclose(g.tolist(), (18 * x).tolist(), rtol=1e-15)


def test_each_function_runs_twice_and_knows(no_collector: None) -> None:
    """Once forward, once for the backward pass, where `is_recomputing`; only where something is recorded."""
    seen: list[bool] = []

    def f(x: Tensor) -> Tensor:
        seen.append(autograd.is_recomputing())
        return x.tanh() * x

    x = normal((3,), 1)
    y = checkpoint(f, x)
    loss = (y * y).sum()
    autograd.grad(loss, x, retain_graph=True)
    autograd.grad(loss, x)
    assert [False, True] == seen
    with rtch.no_grad():
        checkpoint(f, x)
    checkpoint(f, x.detach())
    assert [False, True, False, False] == seen
    assert not autograd.is_recomputing()
    del loss, y, f


def test_inside_inference_mode() -> None:
    """A pass there computes again all the same."""
    x = normal((3,), 1)
    y = checkpoint(lambda x: x.tanh() * x, x).sum()
    with rtch.inference_mode():
        found = autograd.grad(y, x)
        assert not autograd.is_grad_enabled()
    assert bits(*autograd.grad((x.tanh() * x).sum(), x)) == bits(*found)


def test_gradients_inside_the_function() -> None:
    """A function that differentiates itself, with create_graph, can be checkpointed."""

    def f(x: Tensor) -> Tensor:
        (g,) = autograd.grad((x * x * x).sum(), x, create_graph=True)
        assert g is not None
        return g * x

    def run(call: Any) -> Any:
        x = normal((3,), 1)
        return bits(*autograd.grad(call(f, x).sum(), x))

    assert run(plain) == run(checkpoint)


def test_sequential(torch: Any) -> None:
    """The parts are PyTorch's: the first ones run again; values and gradients are those of plain calls."""
    from torch.utils.checkpoint import checkpoint_sequential as theirs

    def counted(call: Any, x: Any, n: int) -> list[int]:
        runs = [0] * 7

        def step(i: int, h: Any) -> Any:
            runs[i] += 1
            return (h * h + i) / 2

        call([partial(step, i) for i in range(7)], n, x * 1).sum().backward()
        return runs

    for n in (1, 2, 3, 7):
        x, t = normal((3,), 1), torch.ones(3, requires_grad=True)
        assert counted(partial(theirs, use_reentrant=False, preserve_rng_state=False), t, n) == counted(
            checkpoint_sequential, x, n
        )
    layers = [layer for i in range(4) for layer in (nn.Linear(5, 5, generator=rtch.random.Generator(i)), nn.Tanh())]
    model, x = nn.Sequential(*layers), normal((2, 5), 1, "float32")
    expected = autograd.grad(model(x).sum(), (x, *model.parameters()))
    assert bits(*expected) == bits(*autograd.grad(checkpoint_sequential(model, 3, x).sum(), (x, *model.parameters())))


# Memory ---------------------------------------------------------------------------------------------------------------


def test_the_peak_falls() -> None:
    """Of 36 layers in 6 parts no more is alive than the borders and one part: forward, a third of the memory; backward,
    beside the gradients of the parameters, likewise."""
    n, x = 36, rtch.random.Generator(0).normal((512, 256))
    layers = [nn.Linear(256, 256, generator=rtch.random.Generator(i)) for i in range(n)]

    def part(start: int, end: int, h: Tensor) -> Tensor:
        for layer in layers[start:end]:
            h = layer(h).tanh()
        return h

    def peaks(call: Any) -> tuple[float, float, Any]:
        """Bytes forward and in all, as so many activations."""
        for layer in layers:
            layer.zero_grad()
        gc.collect()
        before = rtch.memory.stats().bytes_in_use
        rtch.memory.reset_peak()
        h = x
        for at in range(0, n, 6):
            h = call(part, at, at + 6, h)
        loss = (h * h).sum()
        forward = rtch.memory.stats().peak - before
        loss.backward()
        total = rtch.memory.stats().peak - before
        return forward / (4 * x.size), total / (4 * x.size), bits(*[layer.weight.grad for layer in layers])

    forward, total, expected = peaks(plain)
    less_forward, less, found = peaks(checkpoint)
    gradients = n * 256 * 257 / x.size
    assert expected == found
    assert forward >= n
    assert less_forward <= 6 + 6 + 3
    assert less <= gradients + 6 + 4
    assert less < 0.7 * total


# Errors ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change", [lambda x: x.tanh(), lambda x: x.exp().tanh() * 2, lambda x: x, lambda x: x.exp().exp()]
)
def test_another_graph(change: Callable[[Tensor], Tensor]) -> None:
    """A function that does something else the second time is refused, with the place of the call."""

    def f(x: Tensor) -> Tensor:
        return change(x) if autograd.is_recomputing() else x.exp().tanh()

    x = normal((3,), 1)
    y = checkpoint(f, x).sum()
    with pytest.raises(errors.AutogradError, match=r"checkpoint of .*f: run again, .* test_another_graph") as caught:
        y.backward()
    assert "checkpoint(f, x)" in caught.value.forward_traceback
    assert x.grad is None


def test_other_shapes() -> None:
    """So is one whose values have other shapes."""
    sizes = iter([3, 2])
    x = normal((3,), 1)
    y = checkpoint(lambda x: x[: next(sizes)].exp().sum(), x)
    with pytest.raises(errors.AutogradError, match="made another graph"):
        y.backward()


def failing(error: type[BaseException], x: Tensor) -> Tensor:
    if autograd.is_recomputing():
        raise error("the second time")
    return x.exp()


def test_an_exception_in_the_second_run() -> None:
    """It is the cause of an error that names the function and the call; the graph can be run again."""
    x = normal((3,), 1)
    fails = iter([False, True, False])

    def f(x: Tensor) -> Tensor:
        if next(fails):
            raise ZeroDivisionError("the second time")
        return x.exp()

    y = checkpoint(f, x).sum()
    with pytest.raises(
        errors.BackwardError, match=r"checkpoint of .*f: raised ZeroDivisionError: the second"
    ) as caught:
        y.backward(retain_graph=True)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert "checkpoint(f, x)" in caught.value.forward_traceback
    assert not autograd.is_recomputing()
    assert autograd.is_grad_enabled()
    assert bits(x.exp()) == bits(*autograd.grad(y, x))


def test_requests_to_end_pass_through() -> None:
    """Ctrl-C is no error of the function."""
    y = checkpoint(failing, KeyboardInterrupt, normal((3,), 1)).sum()
    with pytest.raises(KeyboardInterrupt, match="the second time"):
        y.backward()
    assert not autograd.is_recomputing()


def test_an_exception_in_the_first_run() -> None:
    """It is the function's own."""
    with pytest.raises(ZeroDivisionError):
        checkpoint(lambda x: x / (1 // 0), normal((3,), 1))


def test_wrong_arguments() -> None:
    """Reentrant checkpoints, and parts that are more than the functions."""
    with pytest.raises(errors.ArgumentError, match="no reentrant"):
        checkpoint(rtch.exp, normal((3,), 1), use_reentrant=True)
    for n in (0, 3, True, 1.5):
        with pytest.raises(errors.ArgumentError, match="1 to 2 segments"):
            checkpoint_sequential([rtch.exp, rtch.exp], n, normal((3,), 1))  # type: ignore[arg-type]


def test_a_freed_graph() -> None:
    """A second pass is refused as of any graph."""
    y = checkpoint(lambda x: x.exp(), normal((3,), 1)).sum()
    y.backward()
    with pytest.raises(errors.FreedGraphError):
        y.backward()


def test_the_collector_may_come_in_any_order() -> None:
    """A call that the collector ends before its place in the graph leaves no dangling one."""
    x = normal((3,), 1)
    y = checkpoint(lambda x: x.exp().tanh(), x).sum()
    autograd.grad(y, x, retain_graph=True)
    tanh = lib.rt_node_edge(y._h.node, 0)
    held = node_object(tanh, False)
    held.segment.__del__()
    held.segment.roots.clear()
    held.__del__()
    del held, y
    assert bits(*autograd.grad(checkpoint(rtch.exp, x).sum(), x)) == bits(x.exp())


def test_threads() -> None:
    """Threads that run one retained graph at once compute it again once, and find the same."""
    runs: list[int] = []

    def f(x: Tensor) -> Tensor:
        runs.append(1)
        if autograd.is_recomputing():
            time.sleep(0.05)  # the others come here meanwhile
        return (x.tanh() * x + Swap.apply(x, x.exp())[0]).tanh()

    x = normal((200,), 1)
    y = checkpoint(f, x).sum()
    expected = bits(*autograd.grad(f(x).sum(), x))
    found: list[Any] = []
    threads = [
        threading.Thread(target=lambda: found.append(bits(*autograd.grad(y, x, retain_graph=True)))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [expected] * 8 == found
    assert len(runs) == 3
