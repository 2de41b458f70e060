# SPDX-License-Identifier: MIT
"""Long graphs, memory that stays flat, gradients dropped once used, and errors in the middle of a pass."""

from __future__ import annotations

import gc
import subprocess
import sys
from typing import Any

import pytest

import rtch
from rtch import autograd, nn, optim
from rtch._c import lib
from rtch.ops.row import Kind, Op, Rule
from rtch.tensor import Tensor, structure


def run_python(code: str) -> str:
    """Output of a program; its failure, a signal included, fails the test."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


CHAIN = """
import gc, sys, threading
import rtch
from rtch._c import lib
N = {n}

def peak():  # KiB; not of getrusage, which a child inherits from its parent
    if sys.platform != "linux":
        return 0
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM"))

def chain():
    sys.setrecursionlimit(120)
    x = rtch.asarray([1.0], dtype="float64").requires_grad_()
    before = peak()
    global leaves
    leaves = lib.rt_live_nodes()
    h = x
    for i in range(N):
        h = h + 1.0 if i % 8 else -h
    loss = h.sum()
    loss.backward()
    expected = 1.0 if N // 8 % 2 == 0 else -1.0
    assert x.grad.tolist() == [expected], x.grad
    h = loss = None             # frees a graph that ran
    assert nodes() == 0
    h = x
    for i in range(N // 8):
        h = h * 1.0
    assert nodes() == N // 8
    h = None                    # frees one that never ran
    assert nodes() == 0
    print(peak() - before)

def nodes():
    return lib.rt_live_nodes() - leaves

gc.disable()                    # counted references free a graph
threading.stack_size(256 * 1024)
thread = threading.Thread(target=chain)
failed = []
threading.excepthook = lambda args: failed.append(args)
thread.start()
thread.join()
assert not failed, failed
"""


def test_a_million_nodes() -> None:
    """A chain of a million nodes is built, differentiated and freed, ran or not, in a stack of 256 KiB.

    With Python's recursion limit at 120 no part of it recurses, and with the collector off no node is left. Memory is
    under 600 bytes a node at its peak, and linear: an eighth of the nodes take about an eighth of it.
    """
    large = int(run_python(CHAIN.format(n=1_000_000)))
    small = int(run_python(CHAIN.format(n=125_000)))
    assert large < 600_000
    assert 6 * small <= large <= 10 * small


def test_a_wide_and_deep_graph_is_not_walked_twice() -> None:
    """Sixty doublings make 2**60 paths but sixty nodes: the pass is over at once, with the exact gradient."""
    x = rtch.asarray([1.0], dtype="float64").requires_grad_()
    h = x
    for _ in range(60):
        h = h + h
    h.sum().backward()
    assert x.grad is not None
    assert [2.0**60] == x.grad.tolist()


# Cycles -------------------------------------------------------------------------------------------------------------


def live_tensors() -> int:
    return sum(issubclass(type(thing), Tensor) for thing in gc.get_objects())


@pytest.mark.parametrize("optimizer", ["SGD", "Adam"])
def test_training_makes_no_garbage(no_collector: None, optimizer: str) -> None:
    """With the collector off, fifty training steps leave as many tensors as ten did, and no cycle to collect."""

    def run() -> tuple[int, int]:
        model = nn.MLPRegressor(4, (8, 8), "tanh")
        draw = rtch.random.Generator(1)
        x, y = draw.normal((16, 4)), draw.normal((16,))
        stepper = getattr(optim, optimizer)(model.parameters(), lr=0.01)
        counts = []
        for steps in (10, 50):
            for _ in range(steps):
                loss = nn.functional.mse_loss(model(x), y)
                stepper.zero_grad()
                loss.backward()
                stepper.step()
            counts.append(live_tensors())
        return counts[0], counts[1]

    before = live_tensors()
    after_ten, after_sixty = run()
    assert after_ten == after_sixty
    assert before == live_tensors()
    assert gc.collect() == 0


def test_higher_orders_make_no_garbage(no_collector: None) -> None:
    """`grad` with create_graph, freed and unfreed graphs, in-place writes and refused passes leave no cycles."""
    before = live_tensors()
    x = rtch.ones((3,), dtype="float64").requires_grad_()
    for _ in range(3):
        h = x * x
        h[0] = 2.0
        h += x
        (g,) = autograd.grad((h * h).tanh().sum(), x, create_graph=True)
        assert g is not None
        (g2,) = autograd.grad(g.sum(), x, create_graph=True)
        unused = (x * x).sum()
    del h, g, g2, unused, x, _
    assert before == live_tensors()
    assert gc.collect() == 0


# Gradients in flight ------------------------------------------------------------------------------------------------

SIZE = 1024
alive: list[int] = []


def _count_alive(g: Tensor) -> Tensor:
    alive.append(rtch.memory.stats().bytes_in_use)
    return g * 1.0


def _fail(g: Tensor) -> Tensor:
    raise ZeroDivisionError("in a gradient")


def op(name: str, *grads: Any, inputs: tuple[str, ...] = ("x",)) -> Op:
    """A row outside the table."""
    return Op(
        id=10_000,
        name=name,
        kind=Kind.STRUCTURE,
        rule=Rule.ANY,
        inputs=inputs,
        grads=grads,
        summary="",
        detail="",
        operator=None,
        method=False,
        reference=lambda: None,
        domain=(0.0, 1.0),
    )


COUNTING = op("counting", _count_alive)
FAILING = op("failing", _fail)


def apply(row: Op, x: Tensor) -> Tensor:
    return structure(row, lib.rt_copy(x._h), (x,))


def test_gradients_are_dropped_once_used(no_collector: None) -> None:
    """In a chain, however long, the same few gradients are alive at every step of the pass."""
    counts = {}
    for length in (5, 40):
        alive.clear()
        x = rtch.ones((SIZE,)).requires_grad_()
        h = x
        for _ in range(length):
            h = apply(COUNTING, h)
        h.sum().backward()
        assert length == len(alive)
        counts[length] = max(alive)
        del h
    assert counts[5] == counts[40]


def test_saved_values_are_dropped_once_used(no_collector: None) -> None:
    """A node that has run lets go of what it saved while the pass goes on, also where the loss is kept."""
    alive.clear()
    x = rtch.ones((SIZE,)).requires_grad_()
    h = x
    for _ in range(20):
        h = apply(COUNTING, h).tanh()
    loss = h.sum()
    loss.backward()
    assert alive[0] - alive[-1] >= 18 * 4 * SIZE
    assert loss.requires_grad


def test_freed_nodes_hold_nothing() -> None:
    """After a pass the graph is let go of with the loss: its nodes are gone."""
    x = rtch.ones((3,)).requires_grad_()
    h = x * x
    before = lib.rt_live_nodes()
    loss = h.sum()
    del h
    loss.backward()
    assert lib.rt_live_nodes() == before + 1
    del loss
    assert lib.rt_live_nodes() == before - 1


def test_an_error_in_a_gradient_leaves_everything_usable() -> None:
    """A gradient that raises stops the pass: no `.grad` has changed, the mode is as before, other graphs work."""
    x, w = rtch.ones((3,)).requires_grad_(), rtch.ones((3,)).requires_grad_()
    loss = (apply(FAILING, x) + w * 2).sum()
    with pytest.raises(ZeroDivisionError):
        loss.backward(retain_graph=True)
    assert autograd.is_grad_enabled()
    assert x.grad is None
    assert w.grad is None
    with rtch.no_grad(), pytest.raises(ZeroDivisionError):
        autograd.grad(loss, x, retain_graph=True)
    assert autograd.is_grad_enabled()
    (g,) = autograd.grad(loss, w)
    assert g is not None
    assert [2.0] * 3 == g.tolist()
    (x * w).sum().backward()
    assert x.grad is not None
    assert [1.0] * 3 == x.grad.tolist()


def test_parts_cost_what_they_hold() -> None:
    """The gradients of 64 parts take the memory of the whole, not 64 times that; recorded, too."""
    x = rtch.ones((64, 4096)).requires_grad_()
    for create in (False, True):
        loss = sum((part * part).sum() for part in x.split(1))
        rtch.memory.reset_peak()
        before = rtch.memory.stats().bytes_in_use
        autograd.grad(loss, x, create_graph=create)
        assert rtch.memory.stats().peak - before < 8 * 64 * 4096 * 4
