# SPDX-License-Identifier: MIT
"""Anomaly mode: a NaN in the backward pass is an error that names the forward line."""

from __future__ import annotations

import inspect
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import rtch
from rtch import autograd, errors, nn
from rtch.autograd import Function, FunctionCtx, anomaly, detect_anomaly, set_detect_anomaly
from rtch.autograd.places import recorded
from rtch.tensor import Tensor


@pytest.fixture(autouse=True)
def _switched_off() -> Iterator[None]:
    yield
    assert not autograd.is_anomaly_enabled()
    recorded.clear()


def tensor(*values: float) -> Tensor:
    return rtch.asarray(values, dtype="float64").requires_grad_()


class Poison(Function):
    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        return x * y, x + y

    @staticmethod
    def backward(ctx: FunctionCtx, g: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        return g, h * rtch.nan


# Each has its NaN in the backward pass alone, at the call on the line with "HERE".
def elementwise(x: Tensor) -> Tensor:
    y = x * 2
    z = rtch.sqrt(y - 2) * 0  # HERE
    return z * 3 + y


def with_a_number(x: Tensor) -> Tensor:
    return (
        (x - 1) ** 0.5 * 0  # HERE
        + x
    )


def product(x: Tensor) -> Tensor:
    return x @ rtch.full((2,), rtch.inf, dtype="float64") * 0  # HERE


def function(x: Tensor) -> Tensor:
    a, b = Poison.apply(x, x * 2)  # HERE
    return a * b


def a_leaf_at_hand(x: Tensor) -> Tensor:
    return rtch.concat([x, x]).sum() * 0 + ((x - 1) ** 0.3 * 0).sum()  # HERE


def checkpointed(x: Tensor) -> Tensor:
    return autograd.checkpoint(elementwise, x * 1)  # type: ignore[no-any-return]


CASES: dict[str, tuple[Callable[[Tensor], Tensor], str, int, Callable[..., Any]]] = {
    "elementwise": (elementwise, "sqrt", 0, elementwise),
    "with a number": (with_a_number, "pow", 0, with_a_number),
    "product": (product, "matmul", 0, product),
    "function": (function, "Poison", 1, function),
    "a leaf at hand": (a_leaf_at_hand, "pow", 0, a_leaf_at_hand),
    "checkpoint": (checkpointed, "sqrt", 0, elementwise),
}


def line_of(f: Callable[..., Any]) -> int:
    lines, first = inspect.getsourcelines(f)
    return first + next(i for i, line in enumerate(lines) if "HERE" in line)


@pytest.mark.parametrize("create", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_the_line_is_named(case: str, create: bool) -> None:
    """Op, input, file, line and function of the call, and its traceback."""
    f, op, i, at = CASES[case]
    x = tensor(1.0, 1.0)
    for _ in range(3):
        f(x).sum().backward()  # the pass has seen these calls
    x.grad = None
    with detect_anomaly():
        loss = f(x).sum()
        with pytest.raises(errors.AnomalyError) as caught:
            loss.backward(create_graph=create)
    place = f"{__file__}:{line_of(at)} in {at.__name__}"
    assert str(caught.value).startswith(f"backward: {op} gave NaN as the gradient of its input {i}")
    assert str(caught.value).endswith(f"its forward call was at {place}")
    assert (op, i) == (caught.value.op, caught.value.input)
    assert f'File "{__file__}", line {line_of(at)}, in {at.__name__}' in caught.value.forward_traceback
    assert "in test_the_line_is_named\n    loss = f(x).sum()" in caught.value.forward_traceback
    assert x.grad is None


def test_the_same_calls_outside(torch: Any) -> None:
    """The NaN is there without the mode, and PyTorch finds one in the same node."""
    for f, *_ in CASES.values():
        x = tensor(1.0, 1.0)
        f(x).sum().backward()
        assert x.grad is not None
        assert rtch.isnan(x.grad).any()
    x = torch.tensor([1.0, 1.0], requires_grad=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says what it is about to do
        with torch.autograd.detect_anomaly(), pytest.raises(RuntimeError, match="SqrtBackward0"):
            (torch.sqrt(x * 2 - 2) * 0 * 3 + x * 2).sum().backward()


def test_sums_and_seeds() -> None:
    """A NaN that the pass did not compute in a node is not laid to its charge."""
    x = tensor(1.0)
    with detect_anomaly():
        y = x * 2
        with pytest.raises(errors.AnomalyError, match="the gradient that reached multiply has NaN: the seed"):
            y.backward(rtch.full_like(y, rtch.nan))
        y = x * 2
        loss = (y * rtch.inf - y * rtch.inf).sum()
        with pytest.raises(errors.AnomalyError, match="or a sum of gradients gave it"):
            loss.backward()


def test_clean_passes_and_infinities_go_through() -> None:
    """What has no NaN has the same gradient in the mode; an infinity is none."""
    x, signs = tensor(0.0, 0.0, 4.0), rtch.asarray([1.0, -1.0, 1.0], dtype="float64")

    def f() -> Tensor:
        return (rtch.sqrt(x) * signs).sum() + nn.functional.softmax(x[::-1] * x, dim=0)[0]

    (expected,) = autograd.grad(f(), x)
    with detect_anomaly():
        (found,) = autograd.grad(f(), x)
    assert expected is not None
    assert found is not None
    assert expected.numpy().tobytes() == found.numpy().tobytes()
    assert rtch.isinf(found).any()


def test_calls_outside_of_the_mode() -> None:
    """A NaN from a call that was made before is found, without its place."""
    loss = elementwise(tensor(1.0)).sum()
    with detect_anomaly(), pytest.raises(errors.AnomalyError, match=r"sqrt gave NaN.*called outside of anomaly mode"):
        loss.backward()


def test_places_alone() -> None:
    """check_nan=False looks at no gradient."""
    x = tensor(1.0)
    with detect_anomaly(check_nan=False):
        assert not autograd.is_anomaly_check_nan_enabled()
        elementwise(x).sum().backward()
    assert x.grad is not None


def test_errors_of_gradients_have_the_traceback() -> None:
    """An error in a pass, of whatever kind, has a note with the forward call."""
    x = rtch.ones((1024,)).requires_grad_()
    with detect_anomaly():
        loss = (x.exp() * 2).sum()
        rtch.memory.set_limit(rtch.memory.stats().bytes_in_use + 512)
        try:
            with pytest.raises(errors.AllocationError) as caught:
                loss.backward()
        finally:
            rtch.memory.set_limit(None)
    (note,) = caught.value.__notes__
    assert note.startswith("The forward call of ")
    assert "loss = (x.exp() * 2).sum()" in note


def test_switches() -> None:
    """Blocks, nested and as decorators, and calls that last."""
    states = []

    @detect_anomaly()
    def decorated() -> None:
        states.append(autograd.is_anomaly_enabled())

    decorated()
    with detect_anomaly():
        with set_detect_anomaly(False):
            states.append(autograd.is_anomaly_enabled())
        states.append(autograd.is_anomaly_enabled())
    states.append(autograd.is_anomaly_enabled())
    set_detect_anomaly(True)
    states.append(autograd.is_anomaly_enabled())
    set_detect_anomaly(False)
    with pytest.raises(ZeroDivisionError), detect_anomaly():
        raise ZeroDivisionError
    assert [True, False, True, False, True] == states


def test_nothing_is_noted_outside() -> None:
    """Calls leave no trace while the mode is off, and are noted in every thread while it is on."""
    x = tensor(1.0)
    before = dict(recorded._now)
    (x * 2).exp()
    assert before == recorded._now
    with detect_anomaly():
        thread = threading.Thread(target=lambda: (x * 2).exp())
        thread.start()
        thread.join()
    assert len(before) + 2 == len(recorded._now)


def test_what_is_noted_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest places go; the last ones are always known."""
    monkeypatch.setattr(recorded, "MOST", 10)
    x = tensor(1.0)
    with detect_anomaly():
        for _ in range(95):
            y = x * 2
        assert len(recorded._now) + len(recorded._before) <= 20
        z = rtch.sqrt(x - 1)
        for _ in range(8):
            y = x * 2
        with pytest.raises(errors.AnomalyError, match="in test_what_is_noted"):
            (z * 0 + y).sum().backward()


def test_ctrl_c_in_the_middle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C while a call is noted, inside C, is not lost."""
    fresh = iter([True])

    def interrupted(depth: int) -> Any:
        if next(fresh, False):
            raise KeyboardInterrupt
        return ()

    monkeypatch.setattr(anomaly, "capture", interrupted)
    x = tensor(1.0)
    with detect_anomaly():
        y = x * 2
    with pytest.raises(KeyboardInterrupt):
        time.sleep(5)
    assert y.requires_grad
