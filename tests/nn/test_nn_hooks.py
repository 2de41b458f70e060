# SPDX-License-Identifier: MIT
"""Forward hooks: when they run, in what order, what they change, and how they go; beside PyTorch's."""

from __future__ import annotations

import copy
from typing import Any

import pytest

import rtch
from rtch import nn


class Scale(nn.Module):
    def forward(self, x: Any, by: float = 2.0) -> Any:
        if by == 0.0:
            raise ZeroDivisionError("by")
        return x * by


def _story(module: Any, one: Any) -> list[Any]:
    """What a sequence of registrations and calls does, told in numbers, for rtch's or PyTorch's module."""
    told: list[Any] = []

    def tell(name: str, result: Any = None) -> Any:
        def hook(*seen: Any) -> Any:
            told.append((name, len(seen), *[float(x[0]) for x in seen[1:] if isinstance(x, tuple) and x]))
            return result(*seen) if result else None

        return hook

    handles = [
        module.register_forward_pre_hook(tell("before 1")),
        module.register_forward_pre_hook(tell("before 2", lambda m, args: args[0] + 1.0)),
        module.register_forward_pre_hook(tell("before 3", lambda m, args: (args[0] * 3.0,)), prepend=True),
        module.register_forward_pre_hook(
            tell("before 4", lambda m, args, kwargs: (args, {"by": kwargs.get("by", 5.0)})), with_kwargs=True
        ),
        module.register_forward_hook(tell("after 1", lambda m, args, out: out + 0.5)),
        module.register_forward_hook(tell("after 2")),
        module.register_forward_hook(tell("after 3", lambda m, args, out: -out), prepend=True),
        module.register_forward_hook(
            tell("after 4", lambda m, args, kwargs, out: out * kwargs["by"]), with_kwargs=True
        ),
        module.register_forward_hook(tell("always"), always_call=True),
    ]
    told.append(float(module(one)))
    told.append(float(module(one, by=7.0)))
    for i in (2, 4):
        handles[i].remove()
    handles[2].remove()
    told.append(float(module(one)))
    with pytest.raises(ZeroDivisionError):
        module(one, by=0.0)
    for handle in handles:
        handle.remove()
    told.append(float(module(one)))
    with module.register_forward_hook(tell("inside")):
        module(one)
    module(one)
    return told


def test_hooks_are_pytorchs() -> None:
    """Order, arguments, replaced inputs and outputs, handles, and hooks of a failed forward are as PyTorch's."""
    torch = pytest.importorskip("torch")

    class Theirs(torch.nn.Module):  # type: ignore[misc]
        forward = Scale.forward

    assert _story(Theirs(), torch.tensor([1.0])) == _story(Scale(), rtch.asarray([1.0]))


def test_hooks_by_hand() -> None:
    """A hook before changes the input, one after the result; the handle takes it away."""
    module = Scale()
    before = module.register_forward_pre_hook(lambda m, args: args[0] + 1.0)
    after = module.register_forward_hook(lambda m, args, out: out - args[0])
    assert [2.0] == module(rtch.asarray([1.0])).tolist()  # (1 + 1) * 2 - 2
    before.remove()
    assert [1.0] == module(rtch.asarray([1.0])).tolist()
    after.remove()
    assert [2.0] == module(rtch.asarray([1.0])).tolist()


def test_a_hook_may_remove_itself() -> None:
    """A hook that goes while hooks run does not disturb the others."""
    module, seen = Scale(), []
    handle = module.register_forward_hook(lambda *_: (seen.append(1), handle.remove())[1])
    module.register_forward_hook(lambda *_: seen.append(2))
    module(rtch.ones(1))
    module(rtch.ones(1))
    assert [1, 2, 2] == seen


def test_gradients_flow_through_hooks() -> None:
    """What hooks put in the place of input and result is part of the graph."""
    module = Scale()
    module.register_forward_pre_hook(lambda m, args: args[0] * args[0])
    module.register_forward_hook(lambda m, args, out: out * 3.0)
    x = rtch.asarray([2.0]).requires_grad_()
    module(x).sum().backward()
    assert x.grad is not None
    assert [24.0] == x.grad.tolist()


def test_copies_have_hooks_of_their_own() -> None:
    """A copy's hooks come along; removing the original's leaves them."""
    module = Scale()
    handle = module.register_forward_hook(lambda m, args, out: out * 2.0)
    other = copy.deepcopy(module)
    handle.remove()
    assert [2.0] == module(rtch.ones(1)).tolist()
    assert [4.0] == other(rtch.ones(1)).tolist()
