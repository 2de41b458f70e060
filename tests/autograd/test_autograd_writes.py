# SPDX-License-Identifier: MIT
"""In-place operations and assignment to indices in a graph: they differentiate, and saved values stay."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import rtch
from rtch.autograd import gradcheck, gradgradcheck, no_grad
from rtch.errors import AutogradError, BroadcastError, DTypeError
from rtch.tensor import Tensor

X = [[0.5, -1.25, 2.0], [0.75, 1.5, -0.25]]
Y = [1.5, -2.0, 0.5]


def _iadd(x: Any, y: Any) -> Any:
    h = x * 2
    h += y
    return h * h


def _isub_self(x: Any, y: Any) -> Any:
    h = x * y
    h -= h * h
    return h


def _imul_after_use(x: Any, y: Any) -> Any:
    h = x * 1
    square = h * h  # saves h
    h *= y
    return square + h * h


def _idiv(x: Any, y: Any) -> Any:
    h = y * 1
    h /= 1 + y * y
    h *= 3
    return x * h


def _into_plain(x: Any, y: Any) -> Any:
    h = (x * 0).detach()
    h += y
    h *= x
    return h


def _setitem_slice(x: Any, y: Any) -> Any:
    h = x * x
    h[:, 1:] = y[:2] * 3
    return h * h


def _setitem_broadcast(x: Any, y: Any) -> Any:
    h = x * 2
    h[...] = y
    return h * x


def _setitem_number(x: Any, y: Any) -> Any:
    h = x * y
    h[0] = 7.0
    h[:, 2] = 1.0
    return h * h


def _setitem_twice(x: Any, y: Any) -> Any:
    h = x * 1
    h[0] = y
    h[0, 1:] = h[1, :2] * 2
    return h * h * x


def _setitem_own_values(x: Any, y: Any) -> Any:
    h = x * y
    h[0] = h[1]
    h[:, 0] = h[:, 2] * h[:, 1]
    return h


def _setitem_none_and_steps(x: Any, y: Any) -> Any:
    h = x * 1
    h[:, ::2] = (y[:2] * 5)[None]
    return h * h


PROGRAMS = {
    f.__name__.strip("_"): f
    for f in (
        _iadd,
        _isub_self,
        _imul_after_use,
        _idiv,
        _into_plain,
        _setitem_slice,
        _setitem_broadcast,
        _setitem_number,
        _setitem_twice,
        _setitem_own_values,
        _setitem_none_and_steps,
    )
}


# A write to a value that the backward pass needs; PyTorch has its version counters, we have copy-on-write.
PYTORCH_REFUSES = ("isub_self", "imul_after_use", "setitem_own_values")


def _inputs() -> tuple[Tensor, Tensor]:
    return (
        rtch.asarray(X, dtype="float64").requires_grad_(),
        rtch.asarray(Y, dtype="float64").requires_grad_(),
    )


@pytest.mark.parametrize("name", PROGRAMS)
def test_writes_pass_gradcheck(name: str) -> None:
    """Gradients through writes equal difference quotients, to second order."""
    f: Callable[..., Tensor] = PROGRAMS[name]
    assert gradcheck(f, _inputs())
    assert gradgradcheck(f, _inputs())


@pytest.mark.parametrize("name", [name for name in PROGRAMS if name not in PYTORCH_REFUSES])
def test_writes_equal_pytorch(name: str) -> None:
    """The same programs in PyTorch give the same values and gradients."""
    torch = pytest.importorskip("torch")
    f = PROGRAMS[name]
    x, y = _inputs()
    out = f(x, y)
    out.sum().backward()
    tx, ty = (torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (X, Y))
    tout = f(tx, ty)
    tout.sum().backward()
    assert tout.flatten().tolist() == pytest.approx(out.detach().reshape(-1).tolist(), rel=1e-14)
    for theirs, ours in ((tx, x), (ty, y)):
        assert ours.grad is not None
        assert theirs.grad.flatten().tolist() == pytest.approx(ours.grad.reshape(-1).tolist(), rel=1e-13)


def test_a_saved_value_survives_a_write() -> None:
    """PyTorch refuses this program; here the saved value is the one from before the write: d(h h + (h y)^2)."""
    x, y = _inputs()
    out = _imul_after_use(x, y)
    out.sum().backward()
    assert x.grad is not None
    expected = [[2 * v + 2 * v * w * w for v, w in zip(row, Y, strict=True)] for row in X]
    for got, wanted in zip(x.grad.tolist(), expected, strict=True):
        assert wanted == pytest.approx(got, rel=1e-14)


@pytest.mark.parametrize("write", ["setitem", "iadd", "grad of a step"])
def test_writes_to_an_operand_do_not_reach_the_graph(write: str) -> None:
    """What a graph saved of a leaf and of a plain tensor is as it was, whatever is written to them before backward."""
    x = rtch.asarray([2.0, 3.0], dtype="float64").requires_grad_()
    c = rtch.asarray([5.0, 7.0], dtype="float64")
    view = c[::-1]
    y = (x * x * c).sum() + (x * view).sum()
    with no_grad():
        for t in (x, c, view):
            if write == "setitem":
                t[...] = -100.0
            elif write == "iadd":
                t += 1000.0
            else:
                t -= t * 0.5
    y.backward()
    assert x.grad is not None
    assert [2 * 2 * 5 + 7.0, 2 * 3 * 7 + 5.0] == x.grad.tolist()


def test_writing_to_a_result_after_its_use_keeps_out() -> None:
    """tanh, sqrt and division save their results; overwriting those results changes no gradient."""
    x = rtch.asarray([0.25, 4.0], dtype="float64").requires_grad_()
    for f, derivative in (
        (lambda t: t.sqrt(), [1.0, 0.25]),
        (lambda t: 1 / t, [-16.0, -1 / 16]),
    ):
        x.grad = None
        h = f(x)
        total = (h * 1).sum()
        with no_grad():
            h[...] = 99.0
        total.backward()
        assert x.grad is not None
        assert derivative == x.grad.tolist()


def test_leaves_refuse_writes() -> None:
    """Every way to write to a leaf that requires grad is refused, by name, and changes nothing."""
    x = rtch.ones((2, 2)).requires_grad_()
    for name, write in {
        "setitem": lambda: x.__setitem__((0, 0), 1.0),
        "add": lambda: x.__iadd__(1.0),
        "subtract": lambda: x.__isub__(1.0),
        "multiply": lambda: x.__imul__(2.0),
        "divide": lambda: x.__itruediv__(2.0),
    }.items():
        with pytest.raises(AutogradError, match=f"^{name}: a leaf that requires grad") as caught:
            write()
        assert name == caught.value.op
    assert [[1.0, 1.0], [1.0, 1.0]] == x.tolist()


def test_a_refused_write_leaves_the_graph_alone() -> None:
    """A write that does not fit raises, and the result keeps value and gradient."""
    x = rtch.ones((2, 3), dtype="float64").requires_grad_()
    h = x * 2
    with pytest.raises(BroadcastError):
        h[0] = rtch.ones((4,), dtype="float64")
    with pytest.raises(BroadcastError):
        h += rtch.ones((3, 2, 3), dtype="float64").requires_grad_()
    f = rtch.ones((2,)).requires_grad_() * 1
    with pytest.raises(DTypeError):
        f[0] = rtch.ones((), dtype="float64")
    h.sum().backward()
    assert x.grad is not None
    assert [[2.0] * 3] * 2 == x.grad.tolist()


def test_a_write_moves_only_its_own_tensor() -> None:
    """In-place on a view of a result leaves the result, its gradient and other views as they were."""
    x = rtch.asarray(Y, dtype="float64").requires_grad_()
    h = x * 2
    view = h[1:]
    view *= 10.0
    (h.sum() + view.sum()).backward()
    assert [2 * v for v in Y] == h.tolist()
    assert x.grad is not None
    assert [2.0, 22.0, 22.0] == x.grad.tolist()
