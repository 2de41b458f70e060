# SPDX-License-Identifier: MIT
"""Functions with a backward of their own: values and gradients as PyTorch's, errors, and nothing left behind."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rtch
from rtch import autograd, errors
from rtch.autograd import Function, FunctionCtx, engine, once_differentiable
from rtch.tensor import Tensor


class Cube(Function):
    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x * x * x

    @staticmethod
    def backward(ctx: FunctionCtx, g: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return 3 * x * x * g


class Exp(Function):
    """Saves its result, and has the style with setup_context."""

    @staticmethod
    def forward(x: Tensor, factor: float = 1.0) -> Tensor:
        return (x * factor).exp()

    @staticmethod
    def setup_context(ctx: FunctionCtx, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.factor = inputs[1]
        ctx.save_for_backward(output)

    @staticmethod
    def backward(ctx: FunctionCtx, g: Tensor) -> tuple[Tensor, None]:
        (y,) = ctx.saved_tensors
        return g * y * ctx.factor, None


class Parts(Function):
    """Several results, some without a gradient; keeps an input, two results and an intermediate."""

    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor, n: int, y: Tensor, mode: str) -> tuple[Any, ...]:
        product, square, order = x * y, x * x, rtch.argsort(x)
        sign = x * 0 + n
        ctx.save_for_backward(x, None, product, square, sign)
        ctx.mode, ctx.y = mode, y
        ctx.mark_non_differentiable(sign)
        return product, order, square * n, square, sign, "text"

    @staticmethod
    def backward(ctx: FunctionCtx, *grads: Any) -> tuple[Any, ...]:
        x, nothing, product, square, sign = ctx.saved_tensors
        assert nothing is None
        assert grads[5] is None
        assert (ctx.mode, (True, False, True, False)) == ("mode", ctx.needs_input_grad)
        # As product / y = x and square / x = x: each saved value takes part.
        for_x = grads[0] * ctx.y + 2 * grads[2] * (product / ctx.y) * sign + 2 * grads[3] * square / x
        return for_x, None, grads[0] * x, None


def tensor(*values: float) -> Tensor:
    return rtch.asarray(values, dtype="float64").requires_grad_()


# Values -------------------------------------------------------------------------------------------------------------


def test_gradients() -> None:
    """Both styles give their own gradients, in `backward` and in `grad`."""
    x = tensor(1.0, -2.0, 3.0)
    Cube.apply(x).sum().backward()
    assert x.grad is not None
    assert [3.0, 12.0, 27.0] == x.grad.tolist()
    (g,) = autograd.grad(Exp.apply(x, factor=2.0).sum(), x)
    assert g is not None
    np.testing.assert_allclose(g.numpy(), 2 * np.exp(2 * x.detach().numpy()), rtol=1e-15)


@pytest.mark.parametrize("f", [Cube.apply, Exp.apply, lambda x: Parts.apply(x, 3, x * 2 + 1, "mode")[2]])
def test_orders_one_and_two(f: Callable[..., Any]) -> None:
    """Inputs and results that were saved carry second gradients."""
    x = tensor(0.5, -0.7, 1.3)
    assert autograd.gradcheck(f, x)
    assert autograd.gradgradcheck(f, x)


@pytest.mark.parametrize("picked", [(0,), (2,), (3,), (0, 2), (2, 3), (0, 2, 3)])
def test_several_results(picked: tuple[int, ...]) -> None:
    """Whichever results a loss uses, and through whichever saved value: all orders against central differences."""

    def f(x: Tensor, y: Tensor) -> Tensor:
        out = Parts.apply(x, 3, y, "mode")
        return sum(((k + 1) * rtch.sin(out[k]) for k in picked), start=x * 0)  # type: ignore[no-any-return]

    x, y = tensor(0.5, -0.7, 1.3), tensor(1.5, 0.4, -2.0)
    assert autograd.gradcheck(f, (x, y))
    assert autograd.gradgradcheck(f, (x, y))


def test_third_order() -> None:
    """A cube's third derivative is 6, and that of exp is exp."""
    for f, expected in ((Cube.apply, 6.0), (Exp.apply, float(np.exp(0.25)))):
        x = tensor(0.25)
        g: Any = f(x)
        for _ in range(3):
            (g,) = autograd.grad(g, x, create_graph=True)
        assert expected == pytest.approx(g.item(), rel=1e-14)


def test_what_results_are() -> None:
    """Results that carry a gradient, and others, in their places."""
    out = Parts.apply(tensor(3.0, 1.0, 2.0), 3, tensor(1.0, 1.0, 1.0), "mode")
    assert [True, False, True, True, False] == [y.requires_grad for y in out[:5]]
    assert [1, 2, 0] == out[1].tolist()
    assert out[5] == "text"


@given(st.lists(st.sampled_from([0, 2, 3]), min_size=1, max_size=6), st.integers(0, 2**31))
def test_random_uses_of_results(uses: list[int], seed: int) -> None:
    """Results used several times, in nodes run in any order: the gradient of plain calls, equal bits in every order."""

    def loss(out: tuple[Any, ...]) -> Tensor:
        return sum(
            ((out[k] * (i + 0.1)).tanh().sum() for i, k in enumerate(uses)), start=rtch.zeros((), dtype="float64")
        )  # type: ignore[no-any-return]

    def gradients(shuffle: int, custom: bool) -> list[bytes | np.ndarray]:
        x, y = tensor(0.5, -0.7, 1.3), tensor(1.5, 0.4, -2.0)
        out = Parts.apply(x, 3, y, "mode") if custom else (x * y, None, x * x * 3, x * x)
        engine._shuffle = shuffle
        try:
            loss(out).backward()
        finally:
            engine._shuffle = 0
        return [t.grad.numpy() if t.grad is not None else np.zeros(3) for t in (x, y)]

    one, other, plain = gradients(0, True), gradients(seed + 1, True), gradients(0, False)
    for a, b, c in zip(one, other, plain, strict=True):
        assert a.tobytes() == b.tobytes()
        np.testing.assert_allclose(a, c, rtol=1e-12)


class Crossed(Function):
    """The gradient of one result is the other result."""

    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor) -> tuple[Tensor, Tensor]:
        a, b = x * 3, x * x
        ctx.save_for_backward(b)
        return a, b

    @staticmethod
    def backward(ctx: FunctionCtx, g: Tensor, h: Tensor) -> Tensor:
        return g * ctx.saved_tensors[0] + h


def test_a_result_with_several_nodes() -> None:
    """A saved result that no gradient had reached comes back with a node of its own; what reaches its nodes is added in
    the order of the graph, whatever the order in which they run."""

    def gradient(shuffle: int) -> bytes:
        x = tensor(0.1, 0.7, -1.3)
        a, b = Crossed.apply(x)
        loss = b * 0.3
        for i in range(5):
            (g,) = autograd.grad(a.sum(), x, create_graph=True)
            assert g is not None
            loss = loss + g * (0.1 + 10.0**-i)
        engine._shuffle = shuffle
        try:
            (g,) = autograd.grad((loss * x.detach()).sum(), x)
        finally:
            engine._shuffle = 0
        assert g is not None
        np.testing.assert_allclose(g.tolist(), [(0.3 + 0.5 + 1.1111) * v for v in x.tolist()], rtol=1e-13)
        return g.numpy().tobytes()

    assert {gradient(0)} == {gradient(shuffle) for shuffle in range(1, 30)}


class Pair(NamedTuple):
    first: Any
    second: Any


def test_named_tuples_and_complex() -> None:
    """A named tuple of results stays one; complex gradients pass through."""

    class Split(Function):
        @staticmethod
        def forward(ctx: FunctionCtx, z: Tensor) -> Pair:
            return Pair(rtch.real(z), rtch.imag(z))

        @staticmethod
        def backward(ctx: FunctionCtx, a: Tensor, b: Tensor) -> Tensor:
            return a + b * 1j

    z = rtch.asarray([1 + 2j, 3 - 1j], dtype="complex128").requires_grad_()
    out = Split.apply(z)
    assert isinstance(out, Pair)
    assert autograd.gradcheck(lambda z: Split.apply(z).first * 2 + Split.apply(z).second, z)


def test_an_input_as_the_result(torch: Any) -> None:
    """A function that gives its input back makes another tensor, with the function's gradient, as in PyTorch."""

    def scaled(base: type, kind: Any) -> list[Any]:
        class Scaled(base):  # type: ignore[misc]
            @staticmethod
            def forward(ctx: Any, x: Any) -> Any:
                return x

            @staticmethod
            def backward(ctx: Any, g: Any) -> Any:
                return g * 5

        x = kind([1.0, 2.0])
        x.requires_grad_()
        y = Scaled.apply(x)
        y.sum().backward()
        assert y is not x
        return x.grad.tolist()  # type: ignore[no-any-return]

    assert scaled(torch.autograd.Function, torch.tensor) == scaled(Function, rtch.asarray)


@pytest.mark.parametrize("materialize", [True, False])
@pytest.mark.parametrize("reached", [0, 1])
def test_results_without_a_gradient(torch: Any, materialize: bool, reached: int) -> None:
    """`backward` sees zeros or None for what no gradient reached, as in PyTorch."""

    def seen(base: type, tensor: Any) -> list[Any]:
        found: list[Any] = []

        class Two(base):  # type: ignore[misc]
            @staticmethod
            def forward(ctx: Any, x: Any) -> Any:
                ctx.set_materialize_grads(materialize)
                return x * 1, x[:2] * 2

            @staticmethod
            def backward(ctx: Any, *grads: Any) -> Any:
                found.extend(g if g is None else g.tolist() for g in grads)
                return None

        x = tensor([1.0, 2.0, 3.0])
        x.requires_grad_()
        out = Two.apply(x * 1)
        (out[reached] * 1).sum().backward()
        return found

    assert seen(torch.autograd.Function, torch.tensor) == seen(Function, rtch.asarray)


def test_nothing_is_recorded_inside() -> None:
    """forward runs without recording, on inputs that require grad; under no_grad the result does not."""
    modes = []

    class Look(Function):
        @staticmethod
        def forward(ctx: FunctionCtx, x: Tensor) -> Tensor:
            modes.append((autograd.is_grad_enabled(), x.requires_grad, (x * 2).requires_grad, ctx.needs_input_grad))
            return x * 2

    x = tensor(1.0)
    assert Look.apply(x).requires_grad
    with rtch.no_grad():
        assert not Look.apply(x).requires_grad
    assert not Look.apply(x.detach()).requires_grad
    assert [(False, True, False, (True,))] * 2 + [(False, False, False, (False,))] == modes
    assert autograd.is_grad_enabled()


def test_saved_values_stay(no_collector: None) -> None:
    """What was saved has the values of the end of forward, whatever is written later."""
    x = tensor(2.0)
    h = x * 1
    y = Cube.apply(h)
    h += 100
    y.backward()
    assert x.grad is not None
    assert [12.0] == x.grad.tolist()


def test_a_gradient_that_is_a_saved_input() -> None:
    """What backward gives is a value: a leaf's gradient does not require grad."""

    class Half(Function):
        @staticmethod
        def forward(ctx: FunctionCtx, x: Tensor) -> Tensor:
            ctx.save_for_backward(x)
            return (x * x).sum() / 2

        @staticmethod
        def backward(ctx: FunctionCtx, g: Tensor) -> Tensor:
            return ctx.saved_tensors[0]  # type: ignore[return-value]

    x = tensor(3.0)
    Half.apply(x).backward()
    assert x.grad is not None
    assert not x.grad.requires_grad
    assert [3.0] == x.grad.tolist()


# Once only ------------------------------------------------------------------------------------------------------------


class Once(Function):
    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, g: Tensor) -> Tensor:
        assert not autograd.is_grad_enabled()
        return 2 * g * ctx.saved_tensors[0]


def test_once_differentiable(no_collector: None) -> None:
    """The first order works, recorded or not; the second is an error that names the function and the call."""
    x = tensor(3.0)
    assert [6.0] == autograd.grad(Once.apply(x), x)[0].tolist()  # type: ignore[union-attr]
    (g,) = autograd.grad(Once.apply(x), x, create_graph=True)
    assert g is not None
    assert [6.0] == g.tolist()
    with pytest.raises(
        errors.AutogradError, match=r"Once\.backward: it is once_differentiable.*test_autograd_function"
    ):
        autograd.grad(g, x)


# Errors ---------------------------------------------------------------------------------------------------------------


def giving(make: Callable[[Tensor], Any]) -> type[Function]:
    class Bad(Function):
        @staticmethod
        def forward(ctx: FunctionCtx, x: Tensor, n: int) -> Tensor:
            return x * n

        @staticmethod
        def backward(ctx: FunctionCtx, g: Tensor) -> Any:
            return make(g)

    return Bad


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda g: g, errors.AutogradError, "a gradient for each of 2 inputs"),
        (lambda g: (g, None, g), errors.AutogradError, "each of 2 inputs, or None, is needed; got 3"),
        (lambda g: (g, 1.0), errors.AutogradError, "input 1 is no tensor: None is needed"),
        (lambda g: (2.0, None), errors.DTypeError, "the gradient for input 0 must be a Tensor or None; got float"),
        (lambda g: (g[:1], None), errors.BroadcastError, r"the gradient for input 0 must have shape \[2\]; got \[1\]"),
        (lambda g: (g.sum(), None), errors.BroadcastError, r"input 0 must have shape \[2\]; got \[\]"),
        (lambda g: (g.astype("float32"), None), errors.DTypeError, "input 0 must be float64; got float32"),
    ],
)
def test_wrong_gradients(make: Any, error: type[Exception], message: str) -> None:
    """Each is a typed error that names function, input and the forward call; no gradient has changed."""
    x, w = tensor(1.0, 2.0), tensor(1.0, 2.0)
    loss = (giving(make).apply(x, 2) * w).sum()
    with pytest.raises(
        error, match=rf"Bad\.backward: .*{message}.*at .*test_autograd_function\.py:\d+ in test_wrong"
    ) as e:
        loss.backward()
    assert "giving(make).apply(x, 2)" in e.value.forward_traceback  # type: ignore[attr-defined]
    assert x.grad is None
    assert w.grad is None
    assert autograd.is_grad_enabled()


def test_more_nones_than_inputs() -> None:
    """Further gradients may be None, as in PyTorch."""
    x = tensor(1.0, 2.0)
    giving(lambda g: (g, None, None)).apply(x, 2).sum().backward()
    assert x.grad is not None


def fail(error: type[BaseException]) -> Any:
    def make(g: Tensor) -> Any:
        raise error("on purpose")

    return giving(make)


def test_an_exception_in_backward() -> None:
    """It becomes the cause of an error that names the function and the forward call, and shows its traceback."""
    loss = fail(ZeroDivisionError).apply(tensor(1.0), 2)
    with pytest.raises(errors.BackwardError) as caught:
        loss.backward()
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    message = str(caught.value)
    assert message.startswith("Bad.backward: raised ZeroDivisionError: on purpose; the forward call was at ")
    assert "test_autograd_function.py" in message
    assert "in test_an_exception_in_backward" in message
    assert "fail(ZeroDivisionError).apply(tensor(1.0), 2)" in caught.value.forward_traceback
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (type(copy), str(copy)) == (errors.BackwardError, message)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_requests_to_end_pass_through(error: type[BaseException]) -> None:
    """They are no errors of the function."""
    with pytest.raises(error, match="on purpose"):
        fail(error).apply(tensor(1.0), 2).backward()
    assert autograd.is_grad_enabled()


def test_errors_of_passes_inside() -> None:
    """A backward that runs a pass itself shows the error of the inner function."""

    class Outer(Function):
        @staticmethod
        def forward(ctx: FunctionCtx, x: Tensor) -> Tensor:
            return x * 2

        @staticmethod
        def backward(ctx: FunctionCtx, g: Tensor) -> Any:
            with rtch.enable_grad():
                fail(ZeroDivisionError).apply(tensor(1.0), 2).backward()

    with pytest.raises(errors.BackwardError, match=r"Bad\.backward"):
        Outer.apply(tensor(1.0)).backward()


@pytest.mark.parametrize("result", [None, 3, (), (1, "a"), [rtch.ones((2,))]])
def test_no_tensor_in_the_result(result: Any) -> None:
    """forward must give a tensor."""

    class Nothing(Function):
        @staticmethod
        def forward(ctx: FunctionCtx, x: Tensor) -> Any:
            return result

    with pytest.raises(errors.AutogradError, match=r"Nothing\.forward: a Tensor or a tuple with one is needed"):
        Nothing.apply(tensor(1.0))


def test_other_errors() -> None:
    """Undefined methods, arguments that do not fit, and late calls on ctx."""

    class Empty(Function):
        pass

    class OnlyForward(Function):
        @staticmethod
        def forward(ctx: FunctionCtx, x: Tensor) -> Tensor:
            return x * 2

    kept = []

    class Late(OnlyForward):
        @staticmethod
        def backward(ctx: FunctionCtx, g: Tensor) -> Any:
            kept.append(ctx)
            ctx.save_for_backward(g)

    with pytest.raises(errors.AutogradError, match="forward is not defined"):
        Empty.apply(tensor(1.0))
    with pytest.raises(errors.BackwardError, match="backward is not defined"):
        OnlyForward.apply(tensor(1.0)).backward()
    with pytest.raises(errors.BackwardError, match="save_for_backward is for forward"):
        Late.apply(tensor(1.0)).backward()
    assert kept[0].saved_tensors == ()
    with pytest.raises(errors.ArgumentError, match="need a setup_context"):
        Cube.apply(x=tensor(1.0))
    with pytest.raises(errors.ArgumentError, match="missing a required argument"):
        Exp.apply()

    class SavesNumbers(OnlyForward):
        @staticmethod
        def forward(ctx: FunctionCtx, x: Tensor) -> Tensor:
            ctx.save_for_backward(x, 3)  # type: ignore[arg-type]
            return x * 2

    with pytest.raises(errors.DTypeError, match="save_for_backward takes tensors and None; got int for 1"):
        SavesNumbers.apply(tensor(1.0))


def test_a_freed_graph() -> None:
    """A second pass names the function; with retain_graph it runs as often as asked."""
    x = tensor(1.0, 2.0)
    for out in (Cube.apply(x), Parts.apply(x, 3, tensor(1.0, 1.0), "mode")[0]):
        out.sum().backward()
        with pytest.raises(errors.FreedGraphError, match=r"the graph at (Cube|Parts) was freed"):
            out.sum().backward()
    y = Cube.apply(x).sum()
    x.grad = None
    for _ in range(3):
        y.backward(retain_graph=True)
    assert x.grad is not None
    assert [9.0, 36.0] == x.grad.tolist()  # type: ignore[attr-defined]


# What is left behind --------------------------------------------------------------------------------------------------


class Hoarder(Function):
    """Keeps its result as an attribute, which in PyTorch never goes."""

    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor) -> tuple[Tensor, Tensor]:
        a, b = x * 2, x * 3
        ctx.save_for_backward(x, a, b)
        ctx.a, ctx.b, ctx.x = a, [b], x
        return a, b

    @staticmethod
    def backward(ctx: FunctionCtx, g: Tensor, h: Tensor) -> Tensor:
        return g * 2 + h * 3 + 0 * sum(ctx.saved_tensors)  # type: ignore[arg-type, no-any-return]


class Failing(Function):
    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor) -> Tensor:
        return x * 1

    @staticmethod
    def backward(ctx: FunctionCtx, g: Tensor) -> Tensor:
        raise ZeroDivisionError("on purpose")


@pytest.mark.parametrize("create", [False, True])
@pytest.mark.parametrize("ran", [False, True])
def test_nothing_is_left(no_collector: None, create: bool, ran: bool) -> None:
    """Neither a node nor a cycle: of graphs that ran, that did not, and in recorded passes."""
    x = tensor(1.0, 2.0)
    for _ in range(3):
        a, b = Hoarder.apply(x * 1)
        loss = (Cube.apply(a) * Exp.apply(b)).sum()
        if ran:
            (g,) = autograd.grad(loss, x, create_graph=create)
            del g
        del a, b, loss


def test_a_failed_pass_lets_go(no_collector: None) -> None:
    """Gradients that waited for the other results of a function are gone with the pass that failed."""
    x = tensor(*range(1000))
    a, b = Hoarder.apply(x)
    loss = (a * a).sum() + (((Failing.apply(b) * 1) * 1) * 1).sum()  # a's gradient waits when the other fails
    before = rtch.memory.stats().bytes_in_use
    try:
        loss.backward()
    except errors.BackwardError as error:
        caught = error
    assert rtch.memory.stats().bytes_in_use <= before + 12_000  # the traceback holds the 8,000 bytes that were passed
    assert x.grad is None
    cause = caught.__cause__
    assert cause is not None
    caught.__traceback__ = cause.__traceback__ = cause.__context__ = None


def test_threads() -> None:
    """Eight threads differentiate one retained graph at once; each sees its own pass."""
    x = tensor(0.5, -0.7, 1.3)
    a, _, b, c, *_ = Parts.apply(x, 3, tensor(1.5, 0.4, -2.0), "mode")
    loss = (a * b * c + Cube.apply(b)).sum()
    expected = autograd.grad(loss, x, retain_graph=True)[0].tolist()  # type: ignore[union-attr]
    found: list[Any] = []

    def run() -> None:
        for _ in range(20):
            (g,) = autograd.grad(loss, x, retain_graph=True, create_graph=len(found) % 2 == 0)
            found.append(g.tolist())  # type: ignore[union-attr]

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [expected] * 160 == found


def test_against_pytorch(torch: Any) -> None:
    """One source of a function with two inputs, two results and all of ctx, in both libraries: orders one and two."""

    def orders(base: type, tensor: Any, grad: Any) -> list[list[float]]:
        class Polar(base):  # type: ignore[misc]
            @staticmethod
            def forward(ctx: Any, x: Any, y: Any) -> Any:
                r = (x * x + y * y) ** 0.5
                ctx.save_for_backward(x, y, r)
                return r, x / r

            @staticmethod
            def backward(ctx: Any, g: Any, h: Any) -> Any:
                x, y, r = ctx.saved_tensors
                return g * x / r + h * y * y / (r * r * r), g * y / r - h * x * y / (r * r * r)

        x, y = tensor([0.3, -1.2, 2.0]), tensor([1.1, 0.4, -0.6])
        r, c = Polar.apply(x, y)
        first = grad((r * r * c).sum(), (x, y), create_graph=True)
        second = grad((first[0] * first[1]).sum(), (x, y))
        return [t.tolist() for t in (r.detach(), c.detach(), *first, *second)]

    theirs = orders(
        torch.autograd.Function,
        lambda v: torch.tensor(v, dtype=torch.float64, requires_grad=True),
        torch.autograd.grad,
    )
    ours = orders(Function, lambda v: tensor(*v), autograd.grad)
    np.testing.assert_allclose(ours, theirs, rtol=1e-13)
