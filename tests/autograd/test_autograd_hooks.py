# SPDX-License-Identifier: MIT
"""Hooks on tensors and nodes: when they run, what they see and change, as in PyTorch; and how they end."""

from __future__ import annotations

import copy
import gc
import threading

import numpy as np
import pytest

import rtch
from rtch._c import lib
from rtch.errors import ArgumentError, AutogradError, BackwardError, BroadcastError, MissingGradError


def leaf(*values):
    return rtch.asarray(list(values), dtype=rtch.float32).requires_grad_()


def numbers(grads):
    return [None if g is None else g.tolist() for g in grads]


def make_torch(torch):
    return torch.tensor([1.0, 2.0], requires_grad=True)


def hooked(x, log):
    """A graph on x with every kind of hook, all of which change what they get."""
    y = x * 2.0
    z = y * y
    y.register_hook(lambda g: (log.append(("y", g.tolist())), g * 10)[1])
    y.retain_grad()
    y.register_hook(lambda g: (log.append(("y2", g.tolist())), g + 1)[1])
    y.register_hook(lambda g: log.append(("y3", g.tolist())))
    y.grad_fn.register_prehook(lambda grads: (log.append(("before", numbers(grads))), (grads[0] * 2,))[1])
    y.grad_fn.register_hook(
        lambda inputs, outputs: (
            log.append(("after", numbers(inputs), numbers(outputs))),
            (inputs[0] + 5, None),
        )[1]
    )
    x.register_hook(lambda g: (log.append(("x", g.tolist())), g * 3)[1])
    end = y.grad_fn.next_functions[0][0]
    end.register_prehook(lambda grads: (log.append(("end before", numbers(grads), x.grad)), (grads[0] + 100,))[1])
    end.register_hook(
        lambda inputs, outputs: log.append(("end after", numbers(inputs), numbers(outputs), x.grad.tolist()))
    )
    x.register_post_accumulate_grad_hook(lambda t: log.append(("accumulated", t is x, t.grad.tolist())))
    return y, z


def test_order_and_values_are_pytorchs(torch):
    """All hooks, in order, with the same values; twice over, since gradients add up."""
    logs = []
    for x in (leaf(1, 2), make_torch(torch)):
        log = []
        y, z = hooked(x, log)
        z.sum().backward(retain_graph=True)
        log.append(("grads", x.grad.tolist(), y.grad.tolist()))
        x.grad = None
        z.sum().backward(retain_graph=True)
        log.append(("grads", x.grad.tolist(), y.grad.tolist()))
        logs.append(log)

    assert logs[1] == logs[0]
    assert [entry[0] for entry in logs[0]][:9] == [
        *["y", "y2", "y3", "before", "after", "x", "end before", "accumulated", "end after"]
    ]


@pytest.mark.parametrize("inputs", ["x", "y"])
def test_grad_runs_the_hooks_that_pytorch_runs(torch, inputs):
    """`grad` gives what tensor hooks make of the gradient, and leaves out what belongs to `.grad` of leaves."""
    logs = []
    for x, grad in ((leaf(1, 2), rtch.autograd.grad), (make_torch(torch), torch.autograd.grad)):
        log = []
        y, z = hooked(x, log)
        (found,) = grad(z.sum(), {"x": x, "y": y}[inputs])
        logs.append([*log, found.tolist(), x.grad, y.grad.tolist()])

    assert logs[1] == logs[0]


def test_grad_towards_a_tensor_does_not_depend_on_what_else_is_asked_for():
    """A gradient is what the tensor's hooks make of it, also where the pass goes on below it, after prehooks."""
    y, z = hooked(x := leaf(1, 2), [])
    alone = rtch.autograd.grad(z.sum(), [y], retain_graph=True)[0]
    both = rtch.autograd.grad(z.sum(), [x, y])[1]

    assert alone.tolist() == both.tolist() == [41, 81]


def test_a_removed_hook_is_not_called_and_its_node_is_native_again():
    """By `remove`, once or often, or by `with`; and with no hook left, nothing stands at the node."""
    x = leaf(1, 2)
    y = x * 2.0
    calls = []
    first = y.register_hook(lambda g: calls.append("first"))
    with y.grad_fn.register_prehook(lambda grads: calls.append("before")):
        y.sum().backward(retain_graph=True)
        first.remove()
        y.sum().backward(retain_graph=True)
    first.remove()
    y.sum().backward(retain_graph=True)

    assert calls == ["first", "before", "before"]
    assert rtch.autograd.last_stats().python_nodes == 0
    assert x.grad.tolist() == [6, 6]


def test_hooks_may_remove_and_register_others():
    """A hook that removes itself, or a later one, or adds one: what stands when the node's turn comes is called."""
    x = leaf(1, 2)
    calls = []

    def once(g):
        calls.append("once")
        handle.remove()

    handle = x.register_hook(once)
    x.register_hook(lambda g: calls.append("always"))
    y = x * 3.0
    other = x.register_post_accumulate_grad_hook(lambda t: calls.append("never"))
    y.register_hook(lambda g: other.remove())
    y.register_hook(lambda g: calls.append(x.register_hook(lambda g: calls.append("new")) and "added"))
    y.sum().backward()
    (x * 3.0).sum().backward()

    assert calls == ["added", "once", "always", "new", "always", "new"]


def test_hooks_see_the_sum_of_all_paths_once(torch):
    """A tensor that is used several times: one call, with the sum."""
    seen = []
    for x, sqrt in ((leaf(1, 4), rtch.sqrt), (torch.tensor([1.0, 4.0], requires_grad=True), torch.sqrt)):
        log = []
        y = sqrt(x)
        y.register_hook(lambda g, log=log: log.append(g.tolist()))
        x.register_hook(lambda g, log=log: log.append(g.tolist()))
        (y * y + y * 3.0 + x[0] * y[1] + x).sum().backward()
        seen.append([*log, x.grad.tolist()])

    assert len(seen[0]) == 3
    np.testing.assert_allclose(seen[1], seen[0], rtol=1e-6)


@pytest.mark.parametrize("kind", ["tensor", "before", "after"])
def test_a_hook_that_only_looks_changes_no_bit(kind):
    """On slices, sums, products and branches: equal bits with a looking hook on every node, and without."""

    def gradient(looks):
        x = rtch.random.Generator(3).normal((6, 5)).requires_grad_()
        parts = [x[1:4, ::2], x[::3], x.T @ x, x.tanh()]
        for part in parts if looks else ():
            if kind == "tensor":
                part.register_hook(lambda g: None)
            elif kind == "before":
                part.grad_fn.register_prehook(lambda grads: None)
            else:
                part.grad_fn.register_hook(lambda inputs, outputs: None)
        sum((part * part).sum() for part in parts).backward()
        return x.grad.tobytes()

    assert gradient(False) == gradient(True)


def test_a_replacement_may_stop_or_tie_in_gradients():
    """None from a node's hook stops a gradient; one with a graph of its own counts where the pass is recorded only."""
    x = leaf(1, 2)
    y = x * 2.0
    y.grad_fn.register_hook(lambda inputs, outputs: (None, None))
    (y + x * 5.0).sum().backward()
    assert x.grad.tolist() == [5, 5]

    w = leaf(3, 4)
    y = x * 2.0
    y.register_hook(lambda g: g * w)
    (g,) = rtch.autograd.grad(y.sum(), x, create_graph=True)
    assert rtch.autograd.grad(g.sum(), w)[0].tolist() == [2, 2]

    y = x * 2.0
    y.register_hook(lambda g: w)
    (g,) = rtch.autograd.grad(y.sum(), x)
    assert not g.requires_grad
    assert g.tolist() == [6, 8]


def test_retained_gradients_follow_pytorch(torch):
    """They add up; None resets them; they follow a tensor through writes; leaves retain theirs anyway."""
    results = []
    for x in (leaf(1, 2), make_torch(torch)):
        y = x * 2.0
        found = [y.retains_grad]
        y.retain_grad()
        y.retain_grad()
        z = y * y
        z.sum().backward(retain_graph=True)
        z.sum().backward(retain_graph=True)
        found.append(y.grad.tolist())
        y.grad = None
        z.sum().backward()
        found += [y.grad.tolist(), y.retains_grad]
        x.retain_grad()
        found.append(x.retains_grad)
        y = x * 2.0
        y.retain_grad()
        y *= 3.0
        y[0] = 7.0
        (y * y).sum().backward()
        found += [y.retains_grad, y.grad.tolist()]
        results.append(found)

    assert results[1] == results[0]


def test_a_tensor_that_does_not_retain_has_no_grad():
    """Reading gives None, writing is refused, and a hook does not change that."""
    y = leaf(1, 2) * 2.0
    y.register_hook(lambda g: None)
    y.sum().backward(retain_graph=True)

    assert y.grad is None
    with pytest.raises(MissingGradError):
        y.grad = y.detach()
    y.retain_grad()
    y.grad = rtch.asarray([1.0, 1.0])
    y.sum().backward()
    assert y.grad.tolist() == [2, 2]
    with pytest.raises(BroadcastError):
        y.grad = rtch.asarray([1.0])


def test_accumulated_hooks_may_step_and_drop():
    """With the very tensor, after all leaves have their gradients; it may be written, and its gradient dropped."""
    x, w = leaf(1, 2), leaf(3, 4)
    seen = []

    def step(t):
        seen.append((t is x, w.grad.tolist()))
        t -= t.grad
        t.grad = None

    x.register_post_accumulate_grad_hook(step)
    for _ in range(2):
        (x * w).sum().backward()

    assert seen == [(True, [1, 2]), (True, [-1, 0])]  # 1 2, and then those plus -2 -2
    assert x.tolist() == [-5, -6]
    assert x.grad is None


def test_nodes_are_compared_by_what_they_stand_for():
    """Views of one node are equal and hash alike; names, inputs and repr say what it is."""
    x = leaf(1, 2)
    y = x * 2.0
    z = (y + x).sum()
    add = z.grad_fn.next_functions[0][0]

    assert x.grad_fn is None
    assert x.detach().grad_fn is None
    assert [node.name() for node, _ in add.next_functions] == ["multiply", "leaf"]
    assert y.grad_fn == add.next_functions[0][0]
    assert len({y.grad_fn, add.next_functions[0][0], add}) == 2
    assert y.grad_fn != 3
    assert y.grad_fn.next_functions[1] == (None, 0)
    assert repr(y.grad_fn) == "<Node multiply: float32[2]>"
    z.backward()
    assert repr(y.grad_fn) == "<Node multiply: float32[2], freed>"
    with pytest.raises(TypeError):
        rtch.autograd.Node()


@pytest.mark.parametrize(
    "register",
    [
        lambda y, hook: y.register_hook(lambda g: hook()),
        lambda y, hook: y.grad_fn.register_prehook(lambda grads: hook()),
        lambda y, hook: y.grad_fn.register_hook(lambda inputs, outputs: hook()),
    ],
)
@pytest.mark.parametrize(
    ("hook", "says"),
    [
        (lambda: 1 / 0, "raised ZeroDivisionError: division by zero"),
        (lambda: 3, "must return None or a t"),
        (lambda: (), "must return None or a t"),
        (lambda: (3,) * 2, "must return None or a t"),
    ],
)
def test_what_a_hook_does_wrong_names_hook_op_and_place(register, hook, says):
    """As one typed error; no gradient has changed, and everything goes on working."""
    x, w = leaf(1, 2), leaf(3, 4)
    w.grad = rtch.asarray([5.0, 6.0])
    y = x * w
    y.retain_grad()
    handle = register(y, hook)
    with pytest.raises(BackwardError) as caught:
        (y * w).sum().backward(retain_graph=True)

    assert str(caught.value).startswith("multiply: hook '<lambda>.<locals>.<lambda>' ")
    assert says in str(caught.value)
    assert caught.value.op == "multiply"
    assert __file__ in caught.value.forward_traceback
    assert "register_" in caught.value.forward_traceback
    assert isinstance(caught.value.__cause__, ZeroDivisionError) == ("raised" in says)
    assert (x.grad, w.grad.tolist(), y.grad) == (None, [5, 6], None)
    handle.remove()
    (y * w).sum().backward()
    assert x.grad.tolist() == [9, 16]


@pytest.mark.parametrize(
    "change",
    [lambda g: g[:1], lambda g: g.astype(rtch.float64), lambda g: g.reshape(1, 2)],
)
def test_a_replacement_keeps_shape_and_dtype(change):
    """Anything else is an error, also on leaves."""
    for make in (lambda x: x, lambda x: x * 2.0):
        x = leaf(1, 2)
        y = make(x)
        y.register_hook(change)
        with pytest.raises(BackwardError, match="must keep the gradient's shape and dtype, float32"):
            (y * y).sum().backward()
        assert x.grad is None


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit])
def test_the_program_s_own_end_passes_through(stop):
    """Ctrl-C in a hook is Ctrl-C."""
    x = leaf(1, 2)

    def hook(g):
        raise stop

    x.register_hook(hook)
    with pytest.raises(stop):
        (x * x).sum().backward()
    assert x.grad is None


def test_refusals_when_registering():
    """What can't have a hook, and what can't be one."""
    x = leaf(1, 2)
    y = x * 2.0
    for register in (x.register_hook, x.register_post_accumulate_grad_hook, y.grad_fn.register_hook):
        with pytest.raises(ArgumentError, match="a function is needed; got 3"):
            register(3)
    with pytest.raises(AutogradError, match="a leaf that requires grad is needed"):
        y.register_post_accumulate_grad_hook(print)
    with pytest.raises(AutogradError, match="register_hook: a tensor that requires grad is needed"):
        y.detach().register_hook(print)
    with pytest.raises(AutogradError, match="retain_grad: a tensor that requires grad is needed"):
        y.detach().retain_grad()


def test_hooks_end_with_their_node_and_nodes_with_their_tensors():
    """No node stays behind, the collector being off: hooks that hold their own tensor, freed graphs, kept handles."""
    gc.collect()
    before = lib.rt_live_nodes()
    handles, fates = [], []

    def run():
        class Fate:
            def __del__(self):
                fates.append(1)

        x = leaf(1, 2)
        y = x * 2.0
        fate, other = Fate(), Fate()
        handles.append(
            y.register_hook(lambda g: g if y.ndim and fate else None)
        )  # a cycle, until the pass frees y's node
        handles.append(y.grad_fn.register_hook(lambda inputs, outputs: inputs if y.ndim else None))
        y.retain_grad()
        (y * y).sum().backward()
        z = x * 3.0
        handles.append(z.register_hook(lambda g: g if other else None))  # never run
        handles.append(x.register_hook(lambda g: g if x.ndim else None))  # a cycle, until it is removed
        handles[-1].remove()
        (x * 2.0).register_hook(lambda g: 1 / 0)

    gc.disable()
    try:
        run()
        assert lib.rt_live_nodes() == before
    finally:
        gc.enable()
    assert fates == [1, 1]
    for handle in handles:
        handle.remove()


def test_a_failed_pass_keeps_nothing_alive():
    """Nor does its error, once it is gone."""
    gc.collect()
    before = lib.rt_live_nodes()

    def run():
        x = leaf(1, 2)
        y = x * 2.0
        y.register_hook(lambda g: 1 / 0)
        with pytest.raises(BackwardError) as caught:
            (y * y).sum().backward()
        return y.register_hook(lambda g: None), str(caught.value)

    handle, _ = run()
    handle.remove()
    gc.collect()  # the error and the frames in its traceback
    assert lib.rt_live_nodes() == before


def test_copies_have_no_hooks():
    """A copy is a leaf of its own."""
    x = leaf(1, 2)
    x.register_hook(lambda g: 1 / 0)
    y = copy.deepcopy(x)
    (y * y).sum().backward()
    assert y.grad.tolist() == [2, 4]


def test_a_hook_may_run_passes_of_its_own():
    """Backward inside of backward, in the same thread."""
    x, w = leaf(1, 2), leaf(3, 4)
    y = x * 2.0
    inner = w * w

    def hook(g):
        inner.sum().backward()  # of no graph: the pass around it records nothing

    y.register_hook(hook)
    with pytest.raises(BackwardError, match="raised MissingGradError"):
        (y * y).sum().backward(retain_graph=True)
    (y * y).sum().backward(create_graph=True)

    assert w.grad.tolist() == [6, 8]
    assert x.grad.tolist() == [8, 16]


def test_hooks_come_and_go_in_threads_while_passes_run():
    """Registering, removing and running on shared leaves and graphs from several threads at once."""
    x = rtch.ones((4,)).requires_grad_()
    y = x * 2.0
    stop = threading.Event()
    errors = []

    def churn():
        try:
            while not stop.is_set():
                handles = [
                    x.register_hook(lambda g: None),
                    y.register_hook(lambda g: g * 1),
                    (x * 2.0).register_hook(id),
                ]
                with y.grad_fn.register_prehook(lambda grads: None), y.grad_fn.register_hook(lambda i, o: None):
                    pass
                for handle in handles:
                    handle.remove()
        except BaseException as error:
            errors.append(error)

    def run():
        try:
            for _ in range(60):
                (g,) = rtch.autograd.grad((y * y).sum(), x, retain_graph=True)
                assert g.tolist() == [8, 8, 8, 8]
        except BaseException as error:
            errors.append(error)

    churners = [threading.Thread(target=churn) for _ in range(2)]
    runners = [threading.Thread(target=run) for _ in range(2)]
    for thread in churners + runners:
        thread.start()
    for thread in runners:
        thread.join()
    stop.set()
    for thread in churners:
        thread.join()

    assert errors == []
