# SPDX-License-Identifier: MIT
"""no_grad, enable_grad, set_grad_enabled and inference_mode: blocks, decorators, nesting, errors and threads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import rtch
from rtch.autograd import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from rtch.errors import ArgumentError, AutogradError


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (no_grad, False),
        (enable_grad, True),
        (lambda: set_grad_enabled(False), False),
        (lambda: set_grad_enabled(True), True),
    ],
)
@pytest.mark.parametrize("outer", [True, False])
def test_blocks_and_decorators(make: Callable[[], Any], expected: bool, outer: bool) -> None:
    """Inside, the mode is the asked one; outside, what it was before."""

    @make()  # type: ignore[untyped-decorator]
    def inside() -> bool:
        return is_grad_enabled()

    with set_grad_enabled(outer):
        with make():
            assert expected == is_grad_enabled()
        assert outer == is_grad_enabled()
        assert expected == inside()
        assert outer == is_grad_enabled()
    assert is_grad_enabled()


def test_nothing_is_recorded_under_no_grad() -> None:
    """Results under no_grad require no grad; under enable_grad inside it they do."""
    x = rtch.ones((2,)).requires_grad_()
    with no_grad():
        assert not (x * x).requires_grad
        assert not x[0].requires_grad
        assert not rtch.concat([x, x]).requires_grad
        with enable_grad():
            y = x * x
    assert y.requires_grad
    y.sum().backward()
    assert x.grad is not None
    assert [2.0, 2.0] == x.grad.tolist()


def test_backward_runs_under_no_grad() -> None:
    """A recorded graph is differentiated whatever the mode, and the mode is left as it was."""
    x = rtch.ones((2,)).requires_grad_()
    y = (x * 3).sum()
    with no_grad():
        y.backward()
        assert not is_grad_enabled()
    assert x.grad is not None
    assert [3.0, 3.0] == x.grad.tolist()


def test_an_exception_restores_the_mode() -> None:
    """The mode goes back also where a block or a decorated function raises."""

    @no_grad()
    def fails() -> None:
        raise KeyError("inside")

    with pytest.raises(KeyError), no_grad(), enable_grad():
        raise KeyError("inside")
    assert is_grad_enabled()
    with pytest.raises(KeyError):
        fails()
    assert is_grad_enabled()


def test_one_object_serves_again_and_inside_itself() -> None:
    """The same context object may be entered twice, and a decorated function may call itself."""
    context = no_grad()
    with context, enable_grad():
        with context:
            assert not is_grad_enabled()
        assert is_grad_enabled()
    assert is_grad_enabled()

    @context
    def down(n: int) -> list[bool]:
        return [is_grad_enabled(), *(down(n - 1) if n else [])]

    assert [False] * 4 == down(3)
    assert is_grad_enabled()


def test_the_mode_is_the_threads_own() -> None:
    """no_grad in one thread changes nothing in another; a new thread records."""
    with no_grad(), ThreadPoolExecutor(1) as pool:
        assert pool.submit(is_grad_enabled).result()
    entered, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with no_grad():
            entered.set()
            leave.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    assert entered.wait(10)
    try:
        assert is_grad_enabled()
    finally:
        leave.set()
        thread.join()


def test_one_decorated_function_in_two_threads() -> None:
    """Threads that overlap in one decorated function each get their own mode back."""
    first_in, second_in, first_out = threading.Event(), threading.Event(), threading.Event()

    @no_grad()
    def call(mine: threading.Event, other: threading.Event) -> None:
        mine.set()
        other.wait(10)

    after: dict[str, bool] = {}

    def first() -> None:  # mode True, enters first, leaves first
        call(first_in, second_in)
        after["first"] = is_grad_enabled()
        first_out.set()

    def second() -> None:  # mode False, enters second, leaves second
        with set_grad_enabled(False):
            first_in.wait(10)
            call(second_in, first_out)
            after["second"] = is_grad_enabled()

    threads = [threading.Thread(target=first), threading.Thread(target=second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {"first": True, "second": False} == after


def test_leaves_are_written_under_no_grad_only() -> None:
    """An in-place write to a leaf that requires grad is an error while recording, and fine under no_grad."""
    x = rtch.ones((2,)).requires_grad_()
    with pytest.raises(AutogradError, match=r"under rtch\.no_grad"):
        x += 1
    with no_grad():
        x += 1
        x[0] = 5.0
    assert [5.0, 2.0] == x.tolist()
    assert x.requires_grad
    assert x.is_leaf


def _recorded(m: Any, mode: Callable[[Any], Any]) -> list[bool]:
    """Whether a product is recorded, and inference mode on, at each place of nested blocks."""
    told: list[bool] = []
    x = m.ones((2,)).requires_grad_()

    def tell() -> None:
        told.extend(((x * x).requires_grad, m.is_inference_mode_enabled()))

    with mode(m):
        tell()
        for inner in (m.enable_grad, m.no_grad, m.inference_mode, lambda: m.inference_mode(False)):
            with inner():
                tell()
                with m.enable_grad():
                    tell()
                with m.inference_mode(False):
                    tell()
                tell()
            tell()
    tell()
    return told


@pytest.mark.parametrize(
    "mode",
    [
        lambda m: m.inference_mode(),
        lambda m: m.inference_mode(False),
        lambda m: m.no_grad(),
        lambda m: m.enable_grad(),
    ],
)
def test_inference_mode_is_pytorchs(torch: Any, mode: Callable[[Any], Any]) -> None:
    """What is recorded where modes are nested in each other."""
    assert _recorded(torch, mode) == _recorded(rtch, mode)


def test_nothing_lifts_inference_mode_but_itself() -> None:
    """enable_grad and set_grad_enabled record nothing inside it; inference_mode(False) does."""
    x = rtch.ones((2,)).requires_grad_()
    with inference_mode():
        for mode in (enable_grad(), set_grad_enabled(True)):
            with mode:
                assert not is_grad_enabled()
                assert is_inference_mode_enabled()
                assert not (x * x).requires_grad
        with inference_mode(False):
            assert is_grad_enabled()
            assert not is_inference_mode_enabled()
            assert (x * x).requires_grad
        x += 1  # as under no_grad
    assert is_grad_enabled()
    assert not is_inference_mode_enabled()
    assert [2.0, 2.0] == x.tolist()


def test_what_inference_mode_makes_is_a_value_like_others() -> None:
    """Outside, it may require grad, be written to and be used in recorded calls."""
    x = rtch.ones((2,)).requires_grad_()
    with inference_mode():
        y, made = x * 3, rtch.ones((2,)).requires_grad_()
    y += 1
    (y.requires_grad_() * x * made).sum().backward()
    assert [1.0, 1.0] == y.grad.tolist()
    assert [4.0, 4.0] == x.grad.tolist() == made.grad.tolist()


def test_inference_mode_as_a_decorator() -> None:
    """With and without parentheses; arguments, result and name pass through."""

    @inference_mode
    def bare(x: int, *, y: int) -> tuple[int, bool]:
        """Doc."""
        return x + y, is_inference_mode_enabled()

    @inference_mode()
    def called() -> bool:
        return is_inference_mode_enabled()

    @inference_mode(False)
    def off() -> bool:
        return is_inference_mode_enabled()

    assert ((3, True), True) == (bare(1, y=2), called())
    assert ("bare", "Doc.") == (bare.__name__, bare.__doc__)
    with inference_mode():
        assert not off()
    with pytest.raises(KeyError), inference_mode():
        raise KeyError("inside")
    assert not is_inference_mode_enabled()
    assert is_grad_enabled()
    with pytest.raises(ArgumentError, match="True, False or a function is needed; got 1"):
        inference_mode(1)


def test_backward_runs_in_inference_mode() -> None:
    """A graph recorded outside is differentiated; create_graph records nothing there."""
    x = rtch.ones((2,)).requires_grad_()
    y = (x * x).sum()
    with inference_mode():
        (g,) = rtch.autograd.grad(y, x, retain_graph=True)
        assert not g.requires_grad
        y.backward()
    assert [2.0, 2.0] == g.tolist() == x.grad.tolist()


def test_inference_mode_is_the_threads_own() -> None:
    """Another thread records."""
    with inference_mode(), ThreadPoolExecutor(1) as pool:
        assert not pool.submit(is_inference_mode_enabled).result()
        assert pool.submit(is_grad_enabled).result()
