# SPDX-License-Identifier: MIT
"""The backward pass: sums over paths, `.grad`, what is kept and freed, and its errors."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rtch
from rtch import autograd
from rtch.autograd import engine
from rtch.errors import (
    ArgumentError,
    AutogradError,
    BroadcastError,
    DTypeError,
    FreedGraphError,
    MissingGradError,
    NonScalarLossError,
)
from rtch.tensor import Tensor
from tensor_draws import assert_same

VALUES = [0.5, -1.25, 2.0, 0.75]


def leaf(values: Any = VALUES, dtype: str = "float64") -> Tensor:
    return rtch.asarray(values, dtype=dtype).requires_grad_()


def grad_of(f: Callable[[Tensor], Tensor], values: Any = VALUES) -> Any:
    x = leaf(values)
    f(x).backward()
    assert x.grad is not None
    return x.grad.tolist()


# Several paths ------------------------------------------------------------------------------------------------------

PATHS = {
    "a leaf as both operands": (lambda x: (x * x).sum(), lambda v: 2 * v),
    "a leaf used three times": (lambda x: (x * x * x + x).sum(), lambda v: 3 * v * v + 1),
    "a diamond": (lambda x: (lambda h: (h * 3 + h * h).sum())(x * 2), lambda v: 6 + 8 * v),
    "a diamond of unequal arms": (
        lambda x: (lambda h: ((h * 2 - h) * -1 + h.square()).sum())(x + 1),
        lambda v: -1 + 2 * (v + 1),
    ),
    "x - x": (lambda x: (x - x).sum(), lambda v: 0.0),
    "x / x": (lambda x: (x / x).sum(), lambda v: 0.0),
    "a node of a node": (lambda x: (lambda h: (h + h * x).sum())(x * x), lambda v: 2 * v + 3 * v * v),
    "joined with itself": (lambda x: rtch.concat([x, x * 2, x]).sum(), lambda v: 4.0),
    "its own index": (lambda x: (x[::-1] * x).sum() + x[0] * 0, lambda v: None),
}


@pytest.mark.parametrize("name", [name for name in PATHS if name != "its own index"])
def test_paths_add_up(name: str) -> None:
    """The gradients of every path to a tensor are added: closed forms."""
    f, derivative = PATHS[name]
    assert [derivative(v) for v in VALUES] == pytest.approx(grad_of(f), rel=1e-14)


def test_reversed_view_of_a_leaf() -> None:
    """A leaf and a view of it in one product: d sum(x_i x_(n-1-i)) is twice the mirrored value."""
    assert [2 * v for v in reversed(VALUES)] == grad_of(lambda x: (x[::-1] * x).sum())


@pytest.mark.parametrize("name", PATHS)
def test_paths_equal_pytorch(name: str) -> None:
    """The same graphs in PyTorch give the same gradients."""
    torch = pytest.importorskip("torch")
    graphs: dict[str, Callable[[Any], Any]] = {
        "joined with itself": lambda x: torch.cat([x, x * 2, x]).sum(),
        "its own index": lambda x: (x.flip(0) * x).sum() + x[0] * 0,
    }
    x = torch.tensor(VALUES, dtype=torch.float64, requires_grad=True)
    graphs.get(name, PATHS[name][0])(x).backward()
    assert x.grad.tolist() == pytest.approx(grad_of(PATHS[name][0]), rel=1e-14)


def test_a_fan_of_many_paths() -> None:
    """A node with 500 consumers gets each of their gradients once."""
    x = leaf([1.0, 2.0])
    h = x * 1
    total = h * 0
    for i in range(1, 501):
        total = total + h * i
    total.sum().backward()
    assert x.grad is not None
    assert [500 * 501 / 2] * 2 == x.grad.tolist()


def test_several_outputs_share_a_graph() -> None:
    """`grad` of two outputs, each with a seed, is the sum of the two gradients."""
    x = leaf()
    h = x * 2
    (g,) = autograd.grad([h * h, h], [x], [rtch.ones((4,), dtype="float64"), rtch.full((4,), 10.0, dtype="float64")])
    assert g is not None
    assert [8 * v + 20 for v in VALUES] == g.tolist()


def test_an_output_that_is_an_input() -> None:
    """The gradient of a tensor towards itself is its seed; further seeds of it add up."""
    x = leaf([3.0])
    y = x * 2
    assert [1.0] == autograd.grad(y, y)[0].tolist()  # type: ignore[union-attr]
    (g,) = autograd.grad([x, x, x * 5], x)
    assert g is not None
    assert [7.0] == g.tolist()


def test_backward_into_some_leaves() -> None:
    """With inputs, those leaves alone get a gradient, added to what they have; the rest of the graph is not freed."""
    x, w, b = leaf([3.0]), leaf([2.0]), leaf([1.0])
    h = x * w
    y = h * h + b
    y.backward(inputs=[x, x])
    assert [24.0] == x.grad.tolist()  # type: ignore[union-attr]
    assert w.grad is None
    assert b.grad is None
    (x * w * 1.0).backward(inputs=x)
    assert [26.0] == x.grad.tolist()  # type: ignore[union-attr]
    y = w * 5 + b
    y.backward(inputs=x)  # on which it does not depend
    assert [26.0] == x.grad.tolist()  # type: ignore[union-attr]
    y.backward()
    assert [5.0] == w.grad.tolist()  # type: ignore[union-attr]
    for wrong in (h, leaf([1.0]).detach()):
        with pytest.raises(MissingGradError, match="input 0"):
            (x * 2).backward(inputs=[wrong])
    with pytest.raises(ArgumentError, match="inputs"):
        (x * 2).backward(inputs=[1.0])  # type: ignore[list-item]


def test_gradients_are_outside_the_graph() -> None:
    """What a pass that is not recorded gives requires no grad, also where it is a seed that does, or a saved value."""

    class Kept(rtch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            ctx.save_for_backward(x)
            return x * 1.0

        @staticmethod
        def backward(ctx: Any, g: Tensor) -> Tensor:
            (x,) = ctx.saved_tensors
            return x  # type: ignore[no-any-return]

    x, seed = leaf([3.0]), leaf([5.0])
    h = x * 1.0
    Kept.apply(h).backward()
    assert [3.0] == x.grad.tolist()  # type: ignore[union-attr]
    assert not x.grad.requires_grad  # type: ignore[union-attr]
    x.grad = None
    x.backward(seed)
    assert [5.0] == x.grad.tolist()  # type: ignore[union-attr]
    assert not x.grad.requires_grad  # type: ignore[union-attr]
    (g,) = autograd.grad(h * h, h, seed, create_graph=True)
    assert g is not None
    assert g.requires_grad


# The order of sums --------------------------------------------------------------------------------------------------


def _awkward_sum(x: Tensor) -> Tensor:
    """Many paths whose gradients round differently in every order of addition."""
    draw = random.Random(0)
    parts = [(x * draw.uniform(-1, 1) * 10 ** draw.uniform(-6, 6)).tanh() for _ in range(3)]
    total = x * 0.1
    for i in range(60):
        h = x * (draw.uniform(-1, 1) * 10 ** draw.uniform(-8, 8))
        if i % 3 == 0:
            h = (h + parts[i % 2]) * 1.0
        if i % 7 == 0:
            h = (h * -1) * -1
        total = total + h
    return total.sum()


def test_sums_do_not_depend_on_the_schedule(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ready nodes taken in twenty other orders give the same bits; the order is that of the graph."""
    values = [0.3, -0.7, 1.9]

    def bits() -> bytes:
        x = leaf(values, "float32")
        _awkward_sum(x).backward()
        assert x.grad is not None
        return x.grad.tobytes()

    expected = bits()
    for seed in range(1, 21):
        monkeypatch.setattr(engine, "_shuffle", seed)
        assert bits() == expected


def test_the_graph_above_tells_orders_apart() -> None:
    """The test above could fail: its gradients, added in other orders, give other bits."""
    draw = random.Random(0)
    x = leaf([0.3, -0.7, 1.9], "float32")
    parts = [(x * draw.uniform(-1, 1) * 10 ** draw.uniform(-6, 6)).tanh() for _ in range(3)]
    terms = [x * (draw.uniform(-1, 1) * 10 ** draw.uniform(-8, 8)) for _ in range(60)] + parts
    gradients = [rtch.autograd.grad(term.sum(), x)[0] for term in terms]
    sums = set()
    for _ in range(20):
        draw.shuffle(gradients)
        total = rtch.zeros((3,))
        for g in gradients:
            total = total + g
        sums.add(total.tobytes())
    assert len(sums) > 1


def test_later_consumers_come_first() -> None:
    """Graph order, written down: the last consumer's gradient first, then the earlier ones in turn."""
    one, tiny = 1.0, 2.0**-24
    x = leaf([0.0], "float32")
    h = x * 1
    (h * one + h * tiny + h * tiny).sum().backward()  # (tiny + tiny) + one is above one; (one + tiny) + tiny is not
    assert x.grad is not None
    assert [one + 2 * tiny] == x.grad.tolist()
    x = leaf([0.0], "float32")
    h = x * 1
    (h * tiny + h * tiny + h * one).sum().backward()
    assert x.grad is not None
    assert [one] == x.grad.tolist()


# .grad --------------------------------------------------------------------------------------------------------------


def test_grad_adds_up_over_passes() -> None:
    """Each backward pass adds to what `.grad` holds; None starts again."""
    x = leaf([1.0, 2.0])
    for expected in ([3.0, 3.0], [6.0, 6.0], [9.0, 9.0]):
        (x * 3).sum().backward()
        assert x.grad is not None
        assert expected == x.grad.tolist()
    x.grad = None
    (x * 5).sum().backward()
    assert x.grad is not None
    assert [5.0, 5.0] == x.grad.tolist()


def test_a_held_gradient_stays_as_it_was() -> None:
    """A gradient taken out of `.grad` is a value: later passes don't change it."""
    x = leaf([1.0])
    (x * 3).sum().backward()
    held = x.grad
    (x * 3).sum().backward()
    assert held is not None
    assert [3.0] == held.tolist()


def test_writing_to_a_gradient_reaches_nothing_else() -> None:
    """Gradients that are equal are still separate tensors, from each other and from the seed."""
    x, y, seed = leaf(), leaf(), rtch.ones((4,), dtype="float64")
    a, b = autograd.grad(x + y, [x, y], seed)
    assert a is not None
    assert b is not None
    a *= 7.0
    assert [1.0] * 4 == b.tolist() == seed.tolist()
    (x + y).backward(seed)
    assert x.grad is not None
    assert y.grad is not None
    with rtch.no_grad():
        x.grad += 1.0
    assert [1.0] * 4 == y.grad.tolist() == seed.tolist()
    (first, second) = autograd.grad((x * 2).sum(), [x, x])
    assert first is not None
    assert second is not None
    first += 1.0
    assert [2.0] * 4 == second.tolist()


def test_grad_changes_no_leaf() -> None:
    """`autograd.grad` gives values and leaves `.grad` alone, of its inputs and of every other leaf."""
    x, w = leaf(), leaf()
    autograd.grad((x * w).sum(), x)
    assert x.grad is None
    assert w.grad is None


def test_results_hold_no_grad() -> None:
    """Only leaves collect: a result's `grad` is None."""
    x = leaf()
    y = x * 2
    y.sum().backward()
    assert y.grad is None


def test_gradients_have_the_leaf_dtype() -> None:
    """Where a call promoted its inputs, each leaf still gets a gradient of its own dtype."""
    for call in (
        lambda x, y: x * y,
        lambda x, y: rtch.concat([x, y]),
        lambda x, y: rtch.where(x.detach() > 0, x, y),
        lambda x, y: rtch.reshape(x, (1, 4)) @ rtch.reshape(y, (4, 1)),
    ):
        x, y = leaf(dtype="float32"), leaf(dtype="float64")
        call(x, y).sum().backward()
        assert x.grad is not None
        assert y.grad is not None
        assert (rtch.float32, rtch.float64) == (x.grad.dtype, y.grad.dtype)


def test_the_grad_setter_checks() -> None:
    """`x.grad = g` takes a tensor of x's shape and dtype or None, on leaves that require grad."""
    x = leaf([1.0, 2.0])
    x.grad = rtch.asarray([1.0, 1.0], dtype="float64")
    (x * 3).sum().backward()
    assert x.grad is not None
    assert [4.0, 4.0] == x.grad.tolist()
    with pytest.raises(DTypeError):
        x.grad = [1.0, 2.0]  # type: ignore[assignment]
    with pytest.raises(BroadcastError):
        x.grad = rtch.ones((3,), dtype="float64")
    with pytest.raises(MissingGradError):
        rtch.ones((2,)).grad = rtch.ones((2,))
    rtch.ones((2,)).grad = None
    assert [4.0, 4.0] == x.grad.tolist()


# What a pass keeps and frees ------------------------------------------------------------------------------------------


def test_a_second_pass_needs_retain_graph() -> None:
    """A pass frees the graph: the next one is an error that names the op, and changes no gradient."""
    x = leaf()
    y = (x * x).tanh().sum()
    y.backward()
    assert x.grad is not None
    before = x.grad.tolist()
    with pytest.raises(FreedGraphError, match=r"the graph at sum was freed.*retain_graph=True") as caught:
        y.backward()
    assert caught.value.op == "sum"
    assert before == x.grad.tolist()


def test_retain_graph_keeps_it() -> None:
    """With retain_graph a graph gives the same gradient again and again, until a pass without it."""
    x = leaf()
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad is not None
    assert [6 * v for v in VALUES] == x.grad.tolist()
    with pytest.raises(FreedGraphError):
        y.backward()


def test_a_freed_part_stops_the_whole_pass() -> None:
    """A graph whose lower half an earlier pass freed is refused before any of it runs: no gradient, nothing freed."""
    x, w = leaf(), leaf()
    h = x * x
    h.sum().backward()
    loss = (h + w * w).sum()
    with pytest.raises(FreedGraphError, match="at multiply"):
        loss.backward()
    assert w.grad is None
    with pytest.raises(FreedGraphError, match="at multiply"):
        autograd.grad(loss, [w, x])
    (g,) = autograd.grad(loss, w)
    assert g is not None
    assert [2 * v for v in VALUES] == g.tolist()


def test_grad_runs_only_what_it_needs() -> None:
    """`grad` towards a result neither runs nor frees what lies below it, nor branches beside it."""
    x, w = leaf(), leaf()
    h = x * x
    side = w * w
    (g,) = autograd.grad((h * 3 + side).sum(), h)
    assert g is not None
    h.backward(g)
    side.sum().backward()
    assert x.grad is not None
    assert w.grad is not None
    assert [6 * v for v in VALUES] == x.grad.tolist()
    assert [2 * v for v in VALUES] == w.grad.tolist()


def test_grad_goes_on_below_an_input_that_is_a_result() -> None:
    """Inputs may lie on one path: the gradient towards the upper one flows on to the lower one."""
    x = leaf([3.0])
    h = x * x
    g_h, g_x = autograd.grad((h * h).sum(), [h, x])
    assert g_h is not None
    assert g_x is not None
    assert ([18.0], [108.0]) == (g_h.tolist(), g_x.tolist())


# Errors -------------------------------------------------------------------------------------------------------------


def test_a_loss_of_several_elements_needs_a_seed() -> None:
    """Without a seed only one element can be differentiated, of whatever shape."""
    x = leaf()
    for shape_of_loss in (x * 1, x[:0] * 1):
        with pytest.raises(NonScalarLossError, match=r"needs a seed gradient; got shape \[") as caught:
            shape_of_loss.backward()
        assert shape_of_loss.shape == caught.value.shape
    with pytest.raises(NonScalarLossError):
        autograd.grad([x.sum(), x * 1], x)
    (x.sum(keepdims=True) * 2).reshape(1, 1).backward()
    assert x.grad is not None
    assert [2.0] * 4 == x.grad.tolist()


def test_a_tensor_outside_the_graph_has_no_gradient() -> None:
    """`backward` of a value that depends on no leaf, and `grad` towards one, say so."""
    x = leaf()
    for outside in (rtch.ones(()), x.detach().sum(), (x > 0).astype("float64").sum()):
        with pytest.raises(MissingGradError, match="does not depend on anything that requires grad"):
            outside.backward()
    with pytest.raises(MissingGradError, match="input 1 does not require grad") as caught:
        autograd.grad(x.sum(), [x, rtch.ones((2,))])
    assert caught.value.input == 1


def test_unused_inputs_are_named() -> None:
    """An input that no output depends on is an error, or None with allow_unused."""
    x, other = leaf(), leaf()
    with pytest.raises(MissingGradError, match="no output depends on input 1"):
        autograd.grad(x.sum(), [x, other])
    g, nothing = autograd.grad(x.sum(), [x, other], allow_unused=True)
    assert g is not None
    assert nothing is None


def test_seeds_must_fit() -> None:
    """A seed of another shape or dtype, or no tensor at all, is refused, and nothing has been freed."""
    x = leaf()
    y = x * x
    with pytest.raises(BroadcastError, match=r"got \[1\] for \[4\]"):
        y.backward(rtch.ones((1,), dtype="float64"))
    with pytest.raises(DTypeError, match="must be a float64 tensor"):
        y.backward(rtch.ones((4,)))
    with pytest.raises(DTypeError, match="must be a float64 tensor"):
        y.backward([1.0] * 4)  # type: ignore[arg-type]
    with pytest.raises(AutogradError, match="one seed per output"):
        autograd.grad([y, y], x, [rtch.ones((4,), dtype="float64")])
    y.backward(rtch.asarray([1.0, 0.0, 2.0, 0.0], dtype="float64"))
    assert x.grad is not None
    assert [1.0, 0.0, 8.0, 0.0] == x.grad.tolist()


@pytest.mark.parametrize("wrong", [3, None, [1.0], "x", {"a": 1}])
def test_grad_takes_tensors(wrong: Any) -> None:
    """Outputs and inputs that are no tensors are a typed error."""
    x = leaf()
    with pytest.raises(ArgumentError, match="outputs must be a tensor"):
        autograd.grad(wrong, x)
    with pytest.raises(ArgumentError, match="inputs must be a tensor"):
        autograd.grad(x.sum(), wrong)


@pytest.mark.parametrize("dtype", ["int64", "bool"])
def test_only_floats_require_grad(dtype: str) -> None:
    """Gradients exist for floating dtypes alone, and integer results end a graph."""
    with pytest.raises(DTypeError, match=f"a floating or complex dtype is needed; got {dtype}"):
        rtch.ones((2,), dtype=dtype).requires_grad_()
    assert not leaf().astype(dtype).requires_grad
    assert not (leaf() > 0).requires_grad


def test_requires_grad_is_a_leafs_own() -> None:
    """A result's requires_grad can't be set; a leaf's can, both ways, and dropping it drops the gradient."""
    x = leaf()
    y = x * 2
    for value in (True, False):
        with pytest.raises(AutogradError, match="only a leaf's can be set"):
            y.requires_grad_(value)
    with pytest.raises(AutogradError, match="only a leaf's can be set"):
        y.requires_grad = False
    x.sum().backward()
    x.requires_grad = False
    assert x.grad is None
    assert not (x * 2).requires_grad
    x.requires_grad = True
    assert x.grad is None
    assert x.is_leaf
    assert not y.is_leaf


def test_detach_ends_the_path() -> None:
    """A detached value is a constant: (x * x.detach()) has the gradient x, and the value is the same."""
    x = leaf()
    y = x.detach()
    assert not y.requires_grad
    assert x.tolist() == y.tolist()
    assert VALUES == grad_of(lambda x: (x * x.detach()).sum())
    y += 1.0
    assert VALUES == x.tolist()


def test_a_leaf_is_its_own_loss() -> None:
    """Backward on a leaf of one element gives it the gradient 1."""
    x = leaf([2.0])
    x.backward()
    assert x.grad is not None
    assert [1.0] == x.grad.tolist()


@pytest.mark.parametrize("dtype", ["float32", "complex128"])
def test_slices_add_up_in_graph_order(dtype: str) -> None:
    """Parts, slices that overlap and the whole: a chain from last call to first, to the bit, recorded or not."""
    rng = np.random.default_rng(0)
    draw = lambda *shape: (rng.standard_normal(shape) * 10.0 ** rng.integers(-4, 4, shape)).astype(dtype)  # noqa: E731
    keys = [
        np.s_[:2],
        np.s_[2:],
        np.s_[::-2, 1],
        np.s_[...],
        np.s_[3, None, 1:],
        np.s_[1:3, ::2],
        np.s_[:0],
        np.s_[...],
    ]
    for order in range(len(keys)):
        turned = keys[order:] + keys[:order]
        x = leaf(draw(4, 3), dtype)
        parts = [x * 1 if key is ... else x[key] for key in turned]
        seeds = [draw(*part.shape) for part in parts]
        wanted = np.zeros((4, 3), dtype)
        for key, seed in zip(turned[::-1], seeds[::-1], strict=True):
            wanted[key] += seed
        for create in (False, True):
            tensors = [rtch.asarray(seed) for seed in seeds]
            (g,) = autograd.grad(parts, x, tensors, retain_graph=True, create_graph=create)
            assert_same(wanted, g)
            assert all(np.array_equal(seed, t.numpy()) for seed, t in zip(seeds, tensors, strict=True))


def test_a_seed_that_overlaps_itself_is_added_to() -> None:
    """Windows share elements, and the sum of gradients gets memory of its own."""
    x = leaf([[1.0, 2.0], [3.0, 4.0]])
    y = x * 1
    seed = rtch.sliding_window_view(rtch.asarray([1.0, 2.0, 4.0], dtype="float64"), 2)
    (g,) = autograd.grad([y[0], y], x, [rtch.asarray([8.0, 8.0], dtype="float64"), seed])
    assert (g.tolist(), seed.tolist()) == ([[9.0, 10.0], [2.0, 4.0]], [[1.0, 2.0], [2.0, 4.0]])
