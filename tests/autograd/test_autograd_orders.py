# SPDX-License-Identifier: MIT
"""Gradients of gradients, against closed forms."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

import rtch
from rtch import autograd
from rtch.errors import FreedGraphError, MissingGradError
from rtch.tensor import Tensor

POINTS = [0.3, 0.9, 1.7]


def _tanh(v: float) -> list[float]:
    t = math.tanh(v)
    s = 1 - t * t
    return [s, -2 * t * s, s * (6 * t * t - 2)]


# name: function, its first three derivatives
FORMS: dict[str, tuple[Callable[[Tensor], Tensor], Callable[[float], list[float]]]] = {
    "x**5": (lambda x: x * x * x * x * x, lambda v: [5 * v**4, 20 * v**3, 60 * v**2]),
    "square of square": (lambda x: x.square().square(), lambda v: [4 * v**3, 12 * v**2, 24 * v]),
    "tanh": (lambda x: x.tanh(), _tanh),
    "sqrt": (lambda x: x.sqrt(), lambda v: [0.5 * v**-0.5, -0.25 * v**-1.5, 0.375 * v**-2.5]),
    "1 / x": (lambda x: 1 / x, lambda v: [-(v**-2), 2 * v**-3, -6 * v**-4]),
    "x / (1 + x)": (lambda x: x / (1 + x), lambda v: [(1 + v) ** -2, -2 * (1 + v) ** -3, 6 * (1 + v) ** -4]),
    "relu(x) x": (lambda x: x.relu() * x, lambda v: [2 * v, 2.0, 0.0]),
    "where": (lambda x: rtch.where(x > 1, x * x * x, x), lambda v: [3 * v * v, 6 * v, 6.0] if v > 1 else [1.0, 0, 0]),
    "moved about": (
        lambda x: rtch.concat([x[1:], x[:1]]).reshape(3, 1).mT.square().reshape(3),
        lambda v: [2 * v, 2.0, 0.0],
    ),
    "taken": (lambda x: rtch.take(x, [2, 0, 1]).square() / 2, lambda v: [v, 1.0, 0.0]),
}


@pytest.mark.parametrize("name", FORMS)
def test_three_orders(name: str) -> None:
    """First, second and third derivatives by repeated `grad` with create_graph equal the closed forms."""
    f, forms = FORMS[name]
    x = rtch.asarray(POINTS, dtype="float64").requires_grad_()
    value = f(x).sum()
    for order in range(3):
        (g,) = autograd.grad(value, x, create_graph=True, allow_unused=True)
        g = rtch.zeros_like(x) if g is None else g
        assert [forms(v)[order] for v in POINTS] == pytest.approx(g.tolist(), rel=1e-13, abs=1e-13), order
        value = g.sum()
        if not value.requires_grad:  # constant from here on
            assert all(later == 0 for v in POINTS for later in forms(v)[order + 1 :])
            break


def test_mixed_partials_are_symmetric() -> None:
    """d2f / dx dy equals d2f / dy dx, and both the closed form, for f = x^2 y^3 / (x + y)."""

    def f(x: Tensor, y: Tensor) -> Tensor:
        return x * x * y * y * y / (x + y)

    x, y = (rtch.asarray(v, dtype="float64").requires_grad_() for v in (1.3, 0.7))
    gx, gy = autograd.grad(f(x, y), [x, y], create_graph=True)
    assert gx is not None
    assert gy is not None
    (xy,) = autograd.grad(gx, y, retain_graph=True)
    (yx,) = autograd.grad(gy, x)
    a, b, s = 1.3, 0.7, 2.0
    closed = 6 * a * b**2 / s - 2 * a * b**3 / s**2 - 3 * a**2 * b**2 / s**2 + 2 * a**2 * b**3 / s**3
    assert xy is not None
    assert yx is not None
    assert closed == pytest.approx(xy.item(), rel=1e-13)
    assert closed == pytest.approx(yx.item(), rel=1e-13)


def test_hessian_of_a_matrix_product() -> None:
    """The Hessian of x' A x, row by row, is A + A'."""
    a = rtch.random.Generator(3).normal((4, 4), dtype="float64")
    x = rtch.random.Generator(4).normal((4,), dtype="float64").requires_grad_()
    (g,) = autograd.grad(x @ a @ x, x, create_graph=True)
    assert g is not None
    rows = [autograd.grad(g[i], x, retain_graph=True)[0] for i in range(4)]
    expected = (a + a.mT).tolist()
    for row, wanted in zip(rows, expected, strict=True):
        assert row is not None
        assert wanted == pytest.approx(row.tolist(), rel=1e-13)


def test_backward_with_create_graph_records_grad() -> None:
    """`backward(create_graph=True)` leaves gradients that can be differentiated again, and keeps the graph."""
    x = rtch.asarray([2.0], dtype="float64").requires_grad_()
    y = (x * x * x).sum()
    y.backward(create_graph=True)
    g = x.grad
    assert g is not None
    assert g.requires_grad
    x.grad = None
    g.sum().backward()
    assert x.grad is not None
    assert [12.0] == x.grad.tolist()
    x.grad = None


def test_gradients_are_outside_the_graph_by_default() -> None:
    """Without create_graph a gradient requires no grad, and differentiating it is an error."""
    x = rtch.asarray([2.0], dtype="float64").requires_grad_()
    (g,) = autograd.grad((x * x).sum(), x)
    assert g is not None
    assert not g.requires_grad
    with pytest.raises(MissingGradError):
        autograd.grad(g, x)


def test_create_graph_with_retain_graph_false_frees() -> None:
    """retain_graph=False frees the first graph even with create_graph; what needs it then says so."""
    x = rtch.asarray([2.0], dtype="float64").requires_grad_()
    y = (x * x * x).sum()
    (g,) = autograd.grad(y, x, create_graph=True, retain_graph=False)
    assert g is not None
    assert [12.0] == g.tolist()
    with pytest.raises(FreedGraphError):
        y.backward()


def test_a_gradient_penalty_equals_pytorch() -> None:
    """A loss with the squared norm of a gradient in it trains as in PyTorch: float64, one MLP layer."""
    torch = pytest.importorskip("torch")
    draw = rtch.random.Generator(5)
    x0, w0, v0 = (draw.normal(s, dtype="float64") for s in ((6, 3), (3, 4), (4, 1)))

    x, w, v = (t.detach().requires_grad_() for t in (x0, w0, v0))
    out = ((x @ w).tanh() @ v).square().sum()
    (g,) = autograd.grad(out, x, create_graph=True)
    assert g is not None
    (out + g.square().sum()).backward()

    tx, tw, tv = (torch.tensor(t.tolist(), dtype=torch.float64, requires_grad=True) for t in (x0, w0, v0))
    tout = ((tx @ tw).tanh() @ tv).square().sum()
    (tg,) = torch.autograd.grad(tout, tx, create_graph=True)
    (tout + tg.square().sum()).backward()
    for ours, theirs in ((x, tx), (w, tw), (v, tv)):
        assert ours.grad is not None
        assert theirs.grad.flatten().tolist() == pytest.approx(ours.grad.reshape(-1).tolist(), rel=1e-11, abs=1e-11)
