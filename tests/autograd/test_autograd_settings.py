# SPDX-License-Identifier: MIT
"""How passes run: no bit depends on workers, modes, grains, the order of what is ready, or on hooks that only look;
passes of several threads, and of a child process, don't disturb each other."""

from __future__ import annotations

import os
import threading
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rtch
from rtch import autograd
from rtch._c import lib
from rtch.autograd import engine
from rtch.errors import ArgumentError
from rtch.random import Generator
from rtch.tensor import Tensor

SIZE = 5
STEPS = ["tanh", "exp", "add", "multiply", "matmul", "row", "rows", "transpose", "sum", "softmax", "where"]
HOOKS = ["none", "tensor", "before", "after"]


@pytest.fixture(autouse=True)
def eight_threads() -> Any:
    """Also where the machine has fewer CPUs."""
    before = rtch.get_num_threads()
    rtch.set_num_threads(8)
    yield
    rtch.set_num_threads(before)


def apply(step: str, x: Tensor, y: Tensor) -> Tensor:
    """Each step takes and gives SIZE by SIZE."""
    if step == "tanh":
        return rtch.tanh(x)
    if step == "exp":
        return rtch.exp(x * 0.01)
    if step == "add":
        return x + y
    if step == "multiply":
        return x * y * 0.1
    if step == "matmul":
        return x @ y * 0.1
    if step == "row":
        return x[1] + y
    if step == "rows":
        return x[::-1] - y[:1]
    if step == "transpose":
        return x.T * 0.5
    if step == "sum":
        return x.sum(axis=0) * 0.1 + y
    if step == "softmax":
        return rtch.nn.functional.softmax(x, 1)
    return rtch.where(x > 0.0, x, y)


@st.composite
def graphs(draw: st.DrawFn) -> list[tuple[str, int, int, str]]:
    """Steps on what was made before, and where to look."""
    n = draw(st.integers(1, 40))
    return [
        (
            draw(st.sampled_from(STEPS)),
            draw(st.integers(0, i + 2)),
            draw(st.integers(0, i + 2)),
            draw(st.sampled_from(HOOKS)),
        )
        for i in range(n)
    ]


def build(graph: list[tuple[str, int, int, str]], seed: int, looks: bool) -> tuple[list[Tensor], Tensor]:
    leaves = [Generator(seed + i).normal((SIZE, SIZE)).requires_grad_() for i in range(3)]
    values = list(leaves)
    for step, i, j, look in graph:
        values.append(apply(step, values[i], values[j]))
        if not looks:
            continue
        if look == "tensor":
            values[-1].register_hook(lambda g: None)
        elif look == "before":
            values[-1].grad_fn.register_prehook(lambda grads: None)
        elif look == "after":
            values[-1].grad_fn.register_hook(lambda inputs, outputs: None)
    loss = values[-1]
    for value in values[3:-1:2]:
        loss = loss + value
    return leaves, loss.sum()


def gradients(
    graph: list[tuple[str, int, int, str]], seed: int, looks: bool = False, create_graph: bool = False
) -> list[bytes | None]:
    leaves, loss = build(graph, seed, looks)
    found = autograd.grad(loss, leaves, allow_unused=True, create_graph=create_graph)
    return [None if g is None else g.tobytes() for g in found]


@settings(max_examples=120)
@given(graphs(), st.integers(0, 2**20), st.data())
def test_bits_depend_on_nothing_but_the_graph(graph: Any, seed: int, data: st.DataObject) -> None:
    """Over modes, 1 to 8 workers, grains, shuffles, recorded passes and looking hooks; and no node is left."""
    gradients(graph, seed)  # templates are derived
    n_nodes = lib.rt_live_nodes()
    with autograd.settings(mode="serial", workers=1):
        expected = gradients(graph, seed)
    for _ in range(3):
        workers, grain = data.draw(st.integers(1, 8)), data.draw(st.sampled_from([0, 1, 100, 10**9]))
        mode = data.draw(st.sampled_from(["deterministic", "serial"]))
        engine._shuffle = data.draw(st.sampled_from([0, 0, 1, 2, 3]))
        try:
            with autograd.settings(workers=workers, mode=mode, grain=grain):
                assert expected == gradients(graph, seed, data.draw(st.booleans()), data.draw(st.booleans()))
        finally:
            engine._shuffle = 0
    assert lib.rt_live_nodes() == n_nodes


def test_shared_out_batches_run_on_several_threads_or_not() -> None:
    """Wide graphs of slow nodes use the workers that settings allow: their number shows in the spans."""

    def n_threads(**options: Any) -> int:
        x = Generator(1).normal((256, 256)).requires_grad_()
        loss = sum(((x * float(i)) @ x for i in range(16)), x).sum()
        loss.backward(retain_graph=True)
        for _ in range(20):  # workers must get their chance to join
            with autograd.trace() as t, autograd.settings(**options):
                loss.backward(retain_graph=True)
            most = max(span.attributes.get("threads", 1) for span in t if span.category == "batch")
            if most > 1:
                break
            time.sleep(0.01)
        return most

    assert n_threads(workers=1) == 1
    assert n_threads(mode="serial") == 1
    assert n_threads(grain=10**9) == 1
    assert n_threads(workers=2) == 2
    assert n_threads() >= 2


def test_settings_nest_and_belong_to_their_thread() -> None:
    """Inner blocks change what they name; an exception leaves them; other threads have their own."""
    from rtch.autograd.settings import local

    seen = []
    both = autograd.settings(workers=3, mode="serial")
    with both:
        with autograd.settings(grain=7), both:
            assert local.now == (3, lib.RT_PASS_SERIAL, 7)
            thread = threading.Thread(target=lambda: seen.append(local.now))
            thread.start()
            thread.join()
        with pytest.raises(ZeroDivisionError), autograd.settings(mode="deterministic", workers=2):
            assert local.now == (2, 0, -1)
            raise ZeroDivisionError
        assert local.now == (3, lib.RT_PASS_SERIAL, -1)
        x = rtch.ones((3,)).requires_grad_()
        (x * x).sum().backward()
    assert (local.now, seen) == (None, [None])
    assert lib.rt_limit_threads(0) == 0


@pytest.mark.parametrize(
    "wrong",
    [
        *[{"workers": n} for n in (0, 257, 1.0, True, "2")],
        *[{"mode": mode} for mode in ("fast", 0, ["serial"])],
        *[{"grain": n} for n in (-1, 2**70, 1.5, True)],
    ],
)
def test_settings_are_checked(wrong: dict[str, Any]) -> None:
    """The error names argument and value."""
    (name,) = wrong
    with pytest.raises(ArgumentError, match=f"settings: {name} is ") as caught:
        autograd.settings(**wrong)
    assert caught.value.argument == name


def test_threads_run_passes_at_once_on_their_own_and_on_one_graph() -> None:
    """Equal bits in each, with hooks, settings and shuffles of their own; nothing is left behind."""
    n_nodes = lib.rt_live_nodes()

    def wide(x: Tensor) -> Tensor:
        return sum((rtch.tanh(x * float(i + 1)) @ x for i in range(12)), x)

    def check() -> None:
        x = Generator(5).normal((64, 64)).requires_grad_()
        loss = wide(x).sum()
        (expected,) = autograd.grad(loss, x, retain_graph=True)
        errors: list[BaseException] = []
        start = threading.Barrier(6)

        def run(number: int) -> None:
            try:
                start.wait()
                own = Generator(5).normal((64, 64)).requires_grad_()
                with autograd.settings(workers=1 + number % 3, grain=number * 1000):
                    for _ in range(6):
                        (g,) = autograd.grad(loss, x, retain_graph=True)
                        assert g.tobytes() == expected.tobytes()
                        y = wide(own)
                        y.register_hook(lambda g: None)
                        own.grad = None
                        y.sum().backward()
                        assert own.grad is not None
                        assert own.grad.tobytes() == expected.tobytes()
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=run, args=(i,)) for i in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []

    check()
    assert lib.rt_live_nodes() == n_nodes


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_fork_in_the_middle_of_a_training_loop() -> None:
    """Parent and child go on to the same weights, with hooks, while the parent's workers are at work."""

    def steps(w: Tensor, n: int) -> None:
        for _ in range(n):
            w.grad = None
            h = sum((rtch.tanh(x @ w * float(i)) for i in range(8)), x)
            h.register_hook(lambda g: g * 0.5)
            (h * h).mean().backward()
            with rtch.no_grad():
                assert w.grad is not None
                w -= 0.1 * w.grad

    x = Generator(1).normal((64, 64))
    w = Generator(2).normal((64, 64)).requires_grad_()
    alone = Generator(2).normal((64, 64)).requires_grad_()
    steps(alone, 8)
    with autograd.settings(grain=0):
        steps(w, 4)
        for _ in range(3):
            reading, writing = os.pipe()
            child = os.fork()
            if child == 0:
                code = 1
                try:
                    steps(w, 4)
                    code = 0 if w.tobytes() == alone.tobytes() else 2
                finally:
                    os.write(writing, bytes([code]))
                    os._exit(0)
            os.close(writing)
            assert os.read(reading, 1) == b"\0"
            os.close(reading)
            os.waitpid(child, 0)
        steps(w, 4)
    assert w.tobytes() == alone.tobytes()
