# SPDX-License-Identifier: MIT
"""vjp, jvp, jacobian, hessian, hvp and vhp: PyTorch's numbers and nesting, closed forms, zeros, strictness, errors."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import rtch
from rtch.autograd import grad, hessian, hvp, inference_mode, jacobian, jvp, no_grad, vhp, vjp
from rtch.errors import (
    ArgumentError,
    AutogradError,
    BroadcastError,
    DTypeError,
    MissingGradError,
    NonScalarLossError,
)
from rtch.tensor import Tensor
from tensor_draws import CLASSES, dense, layout, values

F64 = "float64"


def x64(*shape: int, seed: int = 0) -> Tensor:
    return rtch.asarray(values(F64, shape, seed, -1.0, 1.0))


def same(ours: Any, theirs: Any, **tolerances: float) -> None:
    """Equal nesting, shapes and dtypes, close values."""
    if isinstance(theirs, tuple):
        assert isinstance(ours, tuple)
        assert len(theirs) == len(ours)
        for a, b in zip(ours, theirs, strict=True):
            same(a, b, **tolerances)
        return
    assert isinstance(ours, Tensor)
    theirs = theirs.detach()
    a, b = ours.detach().numpy(), np.asarray(theirs.resolve_conj() if hasattr(theirs, "resolve_conj") else theirs)
    assert (b.shape, b.dtype) == (a.shape, a.dtype)
    np.testing.assert_allclose(a, b, **{"rtol": 1e-12, "atol": 1e-13, **tolerances})


# What runs in rtch and in PyTorch alike (m is the module), and the shapes of its inputs; a bare shape is one tensor.
FUNCTIONS: dict[str, tuple[Callable[..., Any], Any]] = {
    "one to one": (lambda m, x: m.sin(x) * x, (2, 3)),
    "a tuple of one": (lambda m, x: (m.exp(x),), ((3,),)),
    "row sums": (lambda m, x: (x * x).sum(1), (2, 3)),
    "0-d to 0-d": (lambda m, x: m.tanh(x), ()),
    "one to two": (lambda m, x: (m.exp(x), x.sum()), (4,)),
    "two to one": (lambda m, x, y: m.tanh(x @ y), ((2, 3), (3, 2))),
    "two to two": (lambda m, x, y: (m.sin(x) * y, (x * y).sum(0)), ((2, 3), (3,))),
    "a broadcast": (lambda m, x, y: x * x / (2 + y * y), ((3, 1), (1, 2))),
    "an unused input": (lambda m, x, y: (m.cos(x), x.sum()), ((3,), (2, 2))),
    "a constant output": (lambda m, x, y: (x * y, m.ones(2, dtype=m.float64)), ((3,), (3,))),
    "a detached part": (lambda m, x: x * m.sin(x.detach()), (3,)),
    "itself": (lambda m, x: x, (2, 2)),
    "its arguments, swapped": (lambda m, x, y: (y, x), ((2,), (3,))),
    "a slice": (lambda m, x: x[1:, ::2] * x[:-1, ::2], (3, 3)),
    "linear": (lambda m, x: 3 * x.T, (2, 3)),
    "relu": (lambda m, x: m.relu(x), (5,)),
}
SCALARS: dict[str, tuple[Callable[..., Any], Any]] = {
    "cubes": (lambda m, x: (x * x * x).sum(), (2, 2)),
    "one element, two axes": (lambda m, x: m.sin(x), (1, 1)),
    "0-d": (lambda m, x: m.exp(x * x), ()),
    "products": (lambda m, x, y: (m.sin(x) * (y * y)).sum(), ((2, 3), (3,))),
    "a net": (lambda m, x, y: (m.tanh(x @ y) @ y.T).sum(), ((2, 3), (3, 2))),
    "a tuple of one": (lambda m, x: m.exp(x).prod(), ((3,),)),
    "linear in one": (lambda m, x, y: (x * x).sum() + y.sum(), ((2,), (3,))),
    "an unused input": (lambda m, x, y: m.cos(x).sum(), ((2,), (3,))),
    "linear": (lambda m, x: x.sum() * 2, (3,)),
    "relu": (lambda m, x: m.relu(x).sum(), (5,)),
    "a constant": (lambda m, x: m.ones((), dtype=m.float64), (2,)),
}


def inputs_of(shapes: Any, dtype: str = F64) -> list[np.ndarray]:
    many = bool(shapes) and isinstance(shapes[0], tuple)
    return [values(dtype, s, i, -1.0, 1.0) for i, s in enumerate(shapes if many else [shapes])]


def packed(shapes: Any, tensors: list[Any]) -> Any:
    return tuple(tensors) if shapes and isinstance(shapes[0], tuple) else tensors[0]


def both(torch: Any, name: str, f: Callable[..., Any], shapes: Any, dtype: str = F64, **options: Any) -> None:
    """What rtch and PyTorch give for the function named, with the same v."""
    arrays = inputs_of(shapes, dtype)
    results = []
    for m, functional in ((rtch, rtch.autograd), (torch, torch.autograd.functional)):
        xs = packed(shapes, [m.asarray(a) for a in arrays])
        arguments = [xs]
        if name == "vjp":
            out = f(m, *(xs if isinstance(xs, tuple) else (xs,)))
            outs = out if isinstance(out, tuple) else (out,)
            vs = [m.asarray(values(dtype, tuple(o.shape), 10 + i, -1.0, 1.0)) for i, o in enumerate(outs)]
            arguments.append(tuple(vs) if isinstance(out, tuple) else vs[0])
        elif name in ("jvp", "hvp", "vhp"):
            vs = [m.asarray(values(dtype, a.shape, 20 + i, -1.0, 1.0)) for i, a in enumerate(arrays)]
            arguments.append(packed(shapes, vs))
        results.append(getattr(functional, name)(lambda *x, m=m: f(m, *x), *arguments, **options))
    same(*results)


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("product", ["vjp", "jvp", "jacobian"])
def test_first_order_is_pytorchs(torch: Any, product: str, name: str, create_graph: bool) -> None:
    """Values, shapes and nesting of functions of one and several inputs and outputs."""
    both(torch, product, *FUNCTIONS[name], create_graph=create_graph)


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("name", SCALARS)
@pytest.mark.parametrize("product", ["hessian", "hvp", "vhp", "vjp", "jacobian"])
def test_second_order_is_pytorchs(torch: Any, product: str, name: str, create_graph: bool) -> None:
    """Values, shapes and nesting for scalar functions, of the gradient too."""
    both(torch, product, *SCALARS[name], create_graph=create_graph)


COMPLEX: dict[str, tuple[Callable[..., Any], Any]] = {
    "analytic": (lambda m, z: m.exp(z) * z, (3,)),
    "not analytic": (lambda m, z: z * m.conj(z) + m.conj(m.sin(z)), (2, 2)),
    "real": (lambda m, z: m.abs(z) * 2, (3,)),
    "two": (lambda m, z, w: (z @ w, m.conj(w)), ((2, 3), (3,))),
}


@pytest.mark.parametrize("name", COMPLEX)
@pytest.mark.parametrize("product", ["vjp", "jvp"])
def test_complex_products_are_pytorchs(torch: Any, product: str, name: str) -> None:
    """vjp and jvp through complex values, of analytic functions and others."""
    f, shapes = COMPLEX[name]
    if product == "vjp" and name == "real":  # a real v
        z = values("complex128", shapes, 0)
        v = values(F64, shapes, 1)
        ours = vjp(lambda z: f(rtch, z), rtch.asarray(z), rtch.asarray(v))
        same(ours, torch.autograd.functional.vjp(lambda z: f(torch, z), torch.asarray(z), torch.asarray(v)))
    else:
        both(torch, product, f, shapes, "complex128")


@pytest.mark.parametrize("product", ["hvp", "vhp"])
def test_complex_second_order_is_pytorchs(torch: Any, product: str) -> None:
    """Products with the Hessian of a real function of complex values."""

    def f(m: Any, z: Any, w: Any) -> Any:
        return m.real(m.exp(z) * w * m.conj(z)).sum()

    both(torch, product, f, ((3,), (2, 3)), "complex128")


def test_complex_jacobians(torch: Any) -> None:
    """A real function of complex inputs has PyTorch's Jacobian; a complex one is refused, as there."""
    both(torch, "jacobian", lambda m, z: m.abs(z * z).sum(0), (2, 3), "complex128")
    z = rtch.asarray([1j, 2.0])
    with pytest.raises(DTypeError, match="jacobian: output 1 must be real; got complex64"):
        jacobian(lambda z: (rtch.abs(z), z * z), z)
    with pytest.raises(DTypeError, match="hessian: input 0 must be real; got complex64"):
        hessian(lambda z: rtch.abs(z).sum(), z)


# Closed forms ---------------------------------------------------------------------------------------------------


def test_jacobian_of_a_matrix_is_the_matrix() -> None:
    """The Jacobian of A x is A, in float32 too, with no rounding."""
    for dtype in ("float32", F64):
        a, x = (rtch.asarray(values(dtype, s, 0)) for s in ((3, 4), (4,)))
        assert a.tolist() == jacobian(lambda x, a=a: a @ x, x).tolist()


def test_hessian_of_a_quadratic_form() -> None:
    """The Hessian of x M x is M + M.T, and hvp multiplies with it."""
    m, x, v = x64(4, 4), x64(4, seed=1), x64(4, seed=2)
    f = lambda x: x @ m @ x  # noqa: E731
    expected = (m + m.T).numpy()
    np.testing.assert_allclose(hessian(f, x).numpy(), expected, rtol=1e-13)
    for product in (hvp, vhp):
        value, got = product(f, x, v)
        assert f(x).item() == value.item()
        np.testing.assert_allclose(got.numpy(), expected @ v.numpy(), rtol=1e-12)


SHAPES = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)


@given(SHAPES, st.integers(0, 2**16), st.data())
def test_jacobians_of_drawn_shapes(shape: tuple[int, ...], seed: int, data: st.DataObject) -> None:
    """f(x, y) = (sin(x) y, sum x over an axis), y broadcasting with x: diagonals, and ones where the axis agrees."""
    y_shape = tuple(data.draw(st.sampled_from([1, n])) for n in shape)
    x, y = values(F64, shape, seed), values(F64, y_shape, seed + 1)
    axis = data.draw(st.integers(0, len(shape) - 1)) if shape else None
    n = math.prod(shape)
    got = jacobian(lambda x, y: (rtch.sin(x) * y, x.sum(axis=axis)), (rtch.asarray(x), rtch.asarray(y)))
    spread = np.broadcast_to(y, shape).reshape(-1)
    np.testing.assert_allclose(
        got[0][0].numpy(), np.diag(np.cos(x).reshape(-1) * spread).reshape(shape * 2), rtol=1e-12
    )
    to_y = np.zeros((n, math.prod(y_shape)))
    places = np.broadcast_to(np.arange(y.size).reshape(y_shape), shape).reshape(-1)
    to_y[np.arange(n), places] = np.sin(x).reshape(-1)
    np.testing.assert_allclose(got[0][1].numpy(), to_y.reshape(shape + y_shape), rtol=1e-12)
    sums = np.eye(n).reshape(shape * 2).sum(axis=axis if shape else ())
    assert sums.shape == got[1][0].shape
    np.testing.assert_array_equal(got[1][0].numpy(), sums)
    np.testing.assert_array_equal(got[1][1].numpy(), np.zeros(sums.shape[: sums.ndim - len(shape)] + y_shape))


@given(SHAPES, st.integers(0, 2**16))
def test_products_agree_with_the_jacobian(shape: tuple[int, ...], seed: int) -> None:
    """v J and J u are those of the full matrix, and second derivatives agree among themselves."""

    def f(x: Tensor) -> Tensor:
        return rtch.tanh(x) * x.sum()

    x, u, v = (rtch.asarray(values(F64, shape, seed + i, -1.0, 1.0)) for i in range(3))
    n = x.size
    full = jacobian(f, x).numpy().reshape(n, n)
    np.testing.assert_allclose(vjp(f, x, v)[1].numpy().reshape(-1), v.numpy().reshape(-1) @ full, atol=1e-12)
    np.testing.assert_allclose(jvp(f, x, u)[1].numpy().reshape(-1), full @ u.numpy().reshape(-1), atol=1e-12)
    second = hessian(lambda x: f(x).sum(), x).numpy().reshape(n, n)
    np.testing.assert_allclose(second, second.T, atol=1e-12)
    np.testing.assert_allclose(
        hvp(lambda x: f(x).sum(), x, u)[1].numpy().reshape(-1), second @ u.numpy().reshape(-1), atol=1e-12
    )


@pytest.mark.parametrize("kind", CLASSES)
def test_layouts(kind: str) -> None:
    """Inputs and v of every layout give what dense copies give, to the bit."""
    shape = (4, 6)
    t, w = (layout(kind, rtch.asarray(values(F64, dense(kind, shape), i)), shape) for i in (0, 1))
    f = lambda x: rtch.sin(x) * x  # noqa: E731
    for derivative in (
        lambda x, v: vjp(f, x, v),
        lambda x, v: jvp(f, x, v),
        lambda x, v: hvp(lambda x: f(x).sum(), x, v),
        lambda x, v: (jacobian(f, x), hessian(lambda x: f(x).sum(), x)),
    ):
        same(
            derivative(t, w),
            derivative(rtch.asarray(t.numpy().copy()), rtch.asarray(w.numpy().copy())),
            rtol=0,
            atol=0,
        )


def test_empty_tensors() -> None:
    """No elements, no passes: the shapes are there."""
    x = rtch.ones((0, 2), dtype=F64)
    assert (0, 2, 0, 2) == jacobian(lambda x: x * x, x, strict=True).shape
    assert (2, 0, 2) == jacobian(lambda x: x.sum(axis=0), x).shape
    assert (0, 2, 0, 2) == hessian(lambda x: (x * x).sum(), x).shape
    assert (0, 2) == jvp(lambda x: x * x, x, x)[1].shape
    assert (0, 2) == vjp(lambda x: x * x, x, x)[1].shape
    assert (0, 2) == hvp(lambda x: (x * x).sum(), x, x)[1].shape


# Higher orders --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("product", ["vjp", "jvp", "jacobian", "hessian", "hvp", "vhp"])
def test_results_are_differentiable(torch: Any, product: str) -> None:
    """With create_graph, gradients flow from values and derivatives to the inputs and to v, and are PyTorch's."""
    scalar = product in ("hessian", "hvp", "vhp")
    vector = product not in ("jacobian", "hessian")
    found = []
    for m, functional in ((rtch, rtch.autograd), (torch, torch.autograd.functional)):
        x, y = (m.asarray(a).requires_grad_() for a in inputs_of(((2, 3), (3,))))

        def f(x: Any, y: Any, m: Any = m) -> Any:
            out = m.sin(x) * m.exp(y * x)
            return out.sum() if scalar else (out, (x * y * y).sum(0))

        shapes = ((2, 3), (3,))
        vs = tuple(m.asarray(a).requires_grad_() for a in inputs_of(shapes)) if vector else ()
        got = getattr(functional, product)(f, (x, y), *([vs] if vector else []), create_graph=True)
        parts: list[Any] = []

        def flat(part: Any, parts: list[Any] = parts) -> None:
            for item in part:
                flat(item) if isinstance(item, tuple) else parts.append(item)

        flat(got)
        total = sum(((p * p * (i + 1)).sum() for i, p in enumerate(parts)), m.zeros((), dtype=m.float64))
        found.append(tuple((torch.autograd.grad if m is torch else grad)(total, [x, y, *vs], allow_unused=True)))
    same(*found)


def test_third_and_fourth_derivatives() -> None:
    """Jacobians of Hessians of x**5, nested and by grad."""
    x = rtch.asarray([1.5, -2.0], dtype=F64)
    f = lambda x: (x**5).sum()  # noqa: E731
    second = lambda x: hessian(f, x, create_graph=True)  # noqa: E731
    third = jacobian(second, x).numpy()
    fourth = jacobian(lambda x: jacobian(second, x, create_graph=True), x).numpy()
    for i in range(2):
        np.testing.assert_allclose(third[i, i, i], 60 * x.numpy()[i] ** 2, rtol=1e-12)
        np.testing.assert_allclose(fourth[i, i, i, i], 120 * x.numpy()[i], rtol=1e-12)
    assert 2 == np.count_nonzero(third) == np.count_nonzero(fourth)
    live = x.requires_grad_()
    (g,) = grad(second(live).sum(), live)
    np.testing.assert_allclose(g.numpy(), 60 * x.detach().numpy() ** 2, rtol=1e-12)


def test_jvp_of_jvp() -> None:
    """Directions of directions: the second derivative of exp(3 x)."""
    x, one = rtch.asarray(0.3, dtype=F64), rtch.ones((), dtype=F64)
    f = lambda x: rtch.exp(3 * x)  # noqa: E731
    _, d2 = jvp(lambda x: jvp(f, x, one, create_graph=True)[1], x, one)
    assert d2.item() == pytest.approx(9 * math.exp(0.9), rel=1e-13)


def test_create_graph_leads_to_inputs_that_require_grad_only() -> None:
    """Gradients add up in the leaf that was passed; inputs and v that are constants get none."""
    x, y = x64(3).requires_grad_(), x64(3, seed=1)
    v = x64(3, seed=2)
    out, got = vjp(lambda x, y: x * x * y, (x, y), v, create_graph=True)
    assert out.requires_grad
    got[0].sum().backward()
    assert x.grad is not None
    np.testing.assert_allclose(x.grad.numpy(), (2 * y * v).numpy(), rtol=1e-14)
    assert not y.requires_grad
    assert not v.requires_grad


# What is left alone ---------------------------------------------------------------------------------------------


def every(f: Callable[..., Tensor], x: Tensor, v: Tensor, **options: bool) -> list[Any]:
    return [
        vjp(f, x, v, **options),
        jvp(f, x, v, **options),
        jacobian(f, x, **options),
        hessian(lambda x: f(x).sum(), x, **options),
        hvp(lambda x: f(x).sum(), x, v, **options),
        vhp(lambda x: f(x).sum(), x, v, **options),
    ]


def leaves(results: Any) -> list[Tensor]:
    return [t for r in results for t in leaves(r)] if isinstance(results, (list, tuple)) else [results]


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("live", [False, True])
def test_inputs_stay_as_they_are(live: bool, create_graph: bool) -> None:
    """No `.grad`, no other requires_grad, the same values, also where the function writes to its arguments."""
    x, w = x64(3), x64(3, seed=1).requires_grad_()
    before = x.tolist()
    x.requires_grad_(live)

    def f(x: Tensor) -> Tensor:
        x *= 2
        x[0] = x[0] * x[1]
        return rtch.sin(x) * w

    v = x64(3, seed=2).requires_grad_()
    results = every(f, x, v, create_graph=create_graph)
    assert before == x.tolist()
    assert live == x.requires_grad
    assert x.is_leaf
    assert x.grad is None
    assert w.grad is None
    assert v.grad is None
    assert not vjp(lambda x: x, x, v)[1].requires_grad
    assert create_graph == any(t.requires_grad for t in leaves(results))
    expected = jacobian(lambda x: rtch.sin(rtch.stack([x[0] * x[1] * 4, x[1] * 2, x[2] * 2])) * w, x)
    same(results[2], expected)


def test_captured_tensors_are_constants() -> None:
    """A function of x that closes over the same x: only the argument counts."""
    x = x64(3).requires_grad_()
    for create_graph in (False, True):
        got = jacobian(lambda a: a * x, x, create_graph=create_graph)
        np.testing.assert_array_equal(got.detach().numpy(), np.diag(x.detach().numpy()))


def test_a_captured_graph_is_not_freed() -> None:
    """The graph behind a tensor that the function closes over can still run."""
    w = x64(3).requires_grad_()
    outer = rtch.exp(w)
    every(lambda x: x * outer, x64(3), x64(3))
    outer.sum().backward()
    assert w.grad is not None


def test_modes() -> None:
    """Everything works under no_grad, with the same result; inference_mode is refused, and gradcheck there too."""
    x, v = x64(3), x64(3, seed=1)
    f = lambda x: rtch.sin(x) * x  # noqa: E731
    outside = every(f, x, v)
    with no_grad():
        same(tuple(leaves(every(f, x, v))), tuple(leaves(outside)), rtol=0, atol=0)
        live = x.detach().requires_grad_()
        assert all(t.requires_grad for t in leaves(every(f, live, v, create_graph=True)))
    with inference_mode():
        for call in (
            lambda: vjp(f, x, v),
            lambda: jvp(f, x, v),
            lambda: jacobian(f, x),
            lambda: hessian(f, x),
            lambda: hvp(f, x, v),
            lambda: rtch.autograd.gradcheck(f, x),
        ):
            with pytest.raises(AutogradError, match="nothing is recorded in inference_mode"):
                call()


def test_a_call_per_derivative() -> None:
    """The function runs once."""
    calls = 0

    def f(x: Tensor) -> Tensor:
        nonlocal calls
        calls += 1
        return (x * x).sum()

    x = x64(3)
    for derivative in (vjp, jacobian, hessian):
        calls = 0
        derivative(f, x)
        assert calls == 1


# Zeros and strictness -------------------------------------------------------------------------------------------


def test_second_derivatives_of_piecewise_linear_functions() -> None:
    """relu, abs and max are linear where they are differentiable: zeros, and an error where strict."""
    x = rtch.asarray([-1.0, 2.0, 3.0], dtype=F64)
    for f in (lambda x: rtch.relu(x).sum(), lambda x: rtch.abs(x).sum(), lambda x: x.max(), lambda x: x.sum()):
        np.testing.assert_array_equal(hessian(f, x).numpy(), np.zeros((3, 3)))
        np.testing.assert_array_equal(hvp(f, x, x)[1].numpy(), np.zeros(3))
    for product in (hessian, lambda f, x, strict: hvp(f, x, x, strict=strict)):
        with pytest.raises(MissingGradError, match="strict=True, and derivative 0 does not depend on the inputs"):
            product(lambda x: x.sum(), x, strict=True)


STRICT: list[tuple[str, Callable[..., Any]]] = [
    ("vjp: .* output 1 does not depend", lambda x, y: vjp(lambda x, y: (x, y.detach()), (x, y), (x, y), strict=True)),
    ("vjp: .* no output depends on input 1", lambda x, y: vjp(lambda x, y: x, (x, y), x, strict=True)),
    ("vjp: .* derivative 0", lambda x, y: vjp(lambda x: x * 2, x, x, strict=True, create_graph=True)),
    ("jvp: .* output 0 does not depend", lambda x, y: jvp(lambda x: y, x, x, strict=True)),
    ("jvp: .* no output depends on input 0", lambda x, y: jvp(lambda x, y: y, (x, y), (x, y), strict=True)),
    ("jvp: .* derivative 0", lambda x, y: jvp(lambda x: x * 2, x, x, strict=True, create_graph=True)),
    ("jacobian: .* output 1 does not", lambda x, y: jacobian(lambda x, y: (x * y, x), (x, y), strict=True)),
    ("jacobian: .* derivative 0", lambda x, y: jacobian(lambda x: x * 2, x, strict=True, create_graph=True)),
    ("hessian: .* not depend on input 1", lambda x, y: hessian(lambda x, y: (x**3).sum(), (x, y), strict=True)),
    (
        "hessian: .* gradient towards input 0 does not depend on input 1",
        lambda x, y: hessian(lambda x, y: (x**3).sum() + (y**3).sum(), (x, y), strict=True),
    ),
    ("hvp: .* result does not depend on input 1", lambda x, y: hvp(lambda x, y: x.sum(), (x, y), (x, y), strict=True)),
    (
        "hvp: .* derivative 1 does not depend",
        lambda x, y: hvp(lambda x, y: (x**3).sum() + y.sum(), (x, y), (x, y), strict=True),
    ),
]


@pytest.mark.parametrize(("message", "call"), STRICT, ids=[message for message, _ in STRICT])
def test_strict(message: str, call: Callable[..., Any]) -> None:
    """What is a zero otherwise is an error that says which."""
    with pytest.raises(MissingGradError, match=message) as caught:
        call(x64(3), x64(3, seed=1))
    assert isinstance(caught.value.index, int)


def test_strict_functions_that_depend_on_everything() -> None:
    """strict changes no result."""
    x, y = x64(3), x64(3, seed=1)
    f = lambda x, y: rtch.sin(x) * rtch.exp(x * y)  # noqa: E731
    g = lambda x, y: f(x, y).sum()  # noqa: E731
    for create_graph in (False, True):
        options = {"create_graph": create_graph}
        same(vjp(f, (x, y), x, strict=True, **options), vjp(f, (x, y), x))
        same(jvp(f, (x, y), (x, y), strict=True, **options), jvp(f, (x, y), (x, y)))
        same(jacobian(f, (x, y), strict=True, **options), jacobian(f, (x, y)))
        same(hessian(g, (x, y), strict=True, **options), hessian(g, (x, y)))
        same(hvp(g, (x, y), (x, y), strict=True, **options), hvp(g, (x, y), (x, y)))


def test_dependence_through_captured_tensors_only() -> None:
    """An output that requires grad for another reason than the inputs has the derivative zero; strict says so."""
    w = x64(3).requires_grad_()
    x = x64(2)
    np.testing.assert_array_equal(jacobian(lambda x: w * 2, x).numpy(), np.zeros((3, 2)))
    np.testing.assert_array_equal(jvp(lambda x: (w * 2, x), x, x)[1][0].numpy(), np.zeros(3))
    with pytest.raises(MissingGradError, match="output 0 does not depend on the inputs"):
        jvp(lambda x: (w * 2, x), x, x, strict=True)


def test_integer_outputs_are_constants() -> None:
    """An output that carries no gradient has zeros for derivatives."""
    x = x64(3)
    f = lambda x: (x * x, rtch.argmax(x))  # noqa: E731
    (_, at), (_, towards) = jvp(f, x, x)
    assert (at.dtype, towards.item()) == (rtch.int64, 0)
    assert [0.0, 0.0, 0.0] == jacobian(f, x)[1].tolist()


# Bad input ------------------------------------------------------------------------------------------------------

ONE, TWO = rtch.ones((3,)), rtch.ones((2,))


@pytest.mark.parametrize(
    ("error", "message", "call"),
    [
        (ArgumentError, "vjp: inputs must be one tensor or a tuple", lambda: vjp(lambda x: x, [1.0], ONE)),
        (ArgumentError, "jacobian: inputs must be", lambda: jacobian(lambda x: x, 1.0)),
        (ArgumentError, "jacobian: inputs must be .* got \\(\\)", lambda: jacobian(lambda: ONE, ())),
        (ArgumentError, "jvp: what the function gives must be", lambda: jvp(lambda x: 1.0, ONE, ONE)),
        (ArgumentError, "jacobian: what the function gives must be", lambda: jacobian(lambda x: None, ONE)),
        (ArgumentError, "hessian: what the function gives must be", lambda: hessian(lambda x: x.tolist(), ONE)),
        (ArgumentError, "hessian: the function must give one tensor", lambda: hessian(lambda x: (x.sum(),), ONE)),
        (ArgumentError, "vjp: v must be one tensor; got 2", lambda: vjp(lambda x: x, ONE, (ONE, ONE))),
        (ArgumentError, "vjp: v must be a tuple of 2 tensors; got 1", lambda: vjp(lambda x: (x, x), ONE, ONE)),
        (ArgumentError, "jvp: v must be one tensor or a tuple", lambda: jvp(lambda x: x, ONE, 1.0)),
        (BroadcastError, r"vjp: v must have shape \[3\]; got \[2\]", lambda: vjp(lambda x: x, ONE, TWO)),
        (BroadcastError, r"jvp: v\[1\] must have shape", lambda: jvp(lambda x, y: x, (ONE, ONE), (ONE, TWO))),
        (BroadcastError, "hvp: v must have shape", lambda: hvp(lambda x: x.sum(), ONE, TWO)),
        (DTypeError, "vjp: v must be float32; got float64", lambda: vjp(lambda x: x, ONE, ONE.astype("float64"))),
        (DTypeError, r"vjp: v\[0\] must be float32", lambda: vjp(lambda x: (x,), ONE, (ONE.astype("int64"),))),
        (DTypeError, "jvp: inputs must be .* got int64 for input 1", lambda: jvp(rtch.add, (ONE, ONE.astype("int64")))),
        (DTypeError, "got float16", lambda: jacobian(lambda x: x, ONE.astype("float16"))),
        (NonScalarLossError, r"vjp: v is needed .* \[\[3\]\]", lambda: vjp(lambda x: x, ONE)),
        (NonScalarLossError, "vjp: v is needed", lambda: vjp(lambda x: (x.sum(), x.sum()), ONE)),
        (NonScalarLossError, "vjp: v is needed", lambda: vjp(lambda x: x.sum(), ONE.astype("complex64"))),
        (NonScalarLossError, "jvp: v is needed", lambda: jvp(lambda x: x.sum(), ONE)),
        (NonScalarLossError, "hvp: v is needed", lambda: hvp(lambda x: x.sum(), ONE)),
        (NonScalarLossError, r"hessian: .* one real element; got float32, shape \[3\]", lambda: hessian(rtch.sin, ONE)),
        (NonScalarLossError, "hvp: .* one real element", lambda: hvp(rtch.sin, ONE, ONE)),
        (
            NonScalarLossError,
            "vhp: .* one real element; got complex64",
            lambda: vhp(lambda x: (x * 1j).sum(), ONE, ONE),
        ),
    ],
)
def test_bad_input(error: type[Exception], message: str, call: Callable[[], Any]) -> None:
    """Each is refused with the class for it, and the message names function, rule and what came."""
    with pytest.raises(error, match=message):
        call()


def test_v_may_be_left_out() -> None:
    """Where there is one real element."""
    x = rtch.asarray([[2.0]], dtype=F64)
    f = lambda x: x**3  # noqa: E731
    assert 12.0 == vjp(f, x)[1].item() == jvp(f, x)[1].item() == hvp(f, x)[1].item()


@settings(max_examples=20)
@given(st.sampled_from(["float32", F64, "complex64", "complex128"]), st.sampled_from(["float32", F64]))
def test_dtypes(a: str, b: str) -> None:
    """Derivatives have the dtype of what they are towards, whatever the call promoted."""
    x, y = rtch.ones((2,), dtype=a), rtch.ones((2,), dtype=b)
    out, towards = vjp(lambda x, y: x * y, (x, y), rtch.ones((2,), dtype=rtch.result_type(x, y)))
    assert (out.dtype, towards[0].dtype, towards[1].dtype) == (rtch.result_type(x, y), x.dtype, y.dtype)
    out, along = jvp(lambda x, y: x * y, (x, y), (x, y))
    assert out.dtype is along.dtype is rtch.result_type(x, y)


def test_exceptions_pass_through() -> None:
    """What the function raises arrives, and recording is as before."""

    def f(x: Tensor) -> Tensor:
        raise KeyError("inside")

    with no_grad():
        with pytest.raises(KeyError):
            jacobian(f, ONE)
        assert not rtch.is_grad_enabled()
