# SPDX-License-Identifier: MIT
"""What surrounds a step: gradients dropped or cleared, hooks, names of parameters, and switches without effect."""

from __future__ import annotations

import copy
import inspect
import pickle
from typing import Any

import pytest

import rtch
from rtch import optim
from rtch.errors import OptimizerError
from rtch.tensor import Tensor

FUSED = ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad"]


def leaf(*numbers: float) -> Tensor:
    return rtch.asarray(numbers or [1.0, 2.0], dtype="float32").requires_grad_()


# zero_grad ----------------------------------------------------------------------------------------------------------


def test_gradients_dropped() -> None:
    """As PyTorch's default does."""
    p = leaf()
    (p * p).sum().backward()
    optim.SGD([p]).zero_grad(set_to_none=True)
    assert p.grad is None


def test_gradients_cleared_in_place() -> None:
    """set_to_none=False keeps each gradient's tensor and fills it with zeros; a parameter without one gets none."""
    p, q = leaf(), leaf()
    (p * p).sum().backward()
    before = p.grad
    optim.SGD([p, q]).zero_grad(set_to_none=False)
    assert before is p.grad
    assert ([0.0, 0.0], None) == (before.tolist(), q.grad)


def test_clearing_leaves_what_shares_the_numbers() -> None:
    """A gradient that is a broadcast view, or that a graph holds, is cleared; who else has it keeps its numbers."""
    p = leaf()
    p.sum().backward()
    kept = p.grad.detach()
    optimizer = optim.SGD([p])
    optimizer.zero_grad(set_to_none=False)
    assert ([0.0, 0.0], [1.0, 1.0]) == (p.grad.tolist(), kept.tolist())
    (p * p * p).sum().backward(create_graph=True)
    held = p.grad
    assert held.requires_grad
    optimizer.zero_grad(set_to_none=False)
    assert ([0.0, 0.0], False) == (p.grad.tolist(), p.grad.requires_grad)
    held.sum().backward()
    assert [6.0, 12.0] == p.grad.tolist()


# Hooks --------------------------------------------------------------------------------------------------------------


def recorded(library: Any, p: Any) -> list[Any]:
    """What the hooks of an SGD saw, in order."""
    optimizer = library.SGD([p], lr=1.0)
    seen: list[Any] = []

    def note(what: str) -> Any:
        def hook(own: Any, args: Any, kwargs: Any) -> None:
            seen.append((what, own is optimizer, len(args), args[0] is optimizer, kwargs, p.tolist()))

        return hook

    first = optimizer.register_step_pre_hook(note("before"))
    optimizer.register_step_pre_hook(note("before too"))
    after = optimizer.register_step_post_hook(note("after"))
    p.grad = p.detach() * 1.0
    optimizer.step()
    first.remove()
    optimizer.step(lambda: None)
    with after:
        optimizer.step()
    optimizer.step()
    return seen


def test_hooks_are_pytorchs() -> None:
    """Called in order with optimiser, args and kwargs, before and after the step, until their handles are removed."""
    torch = pytest.importorskip("torch")
    assert recorded(torch.optim, torch.tensor([1.0, 2.0], requires_grad=True)) == recorded(optim, leaf())


def test_a_hook_changes_the_arguments() -> None:
    """What a hook before the step gives takes the place of args and kwargs, of LBFGS too."""
    for kind in ("SGD", "LBFGS"):
        p = leaf()
        optimizer = getattr(optim, kind)([p])

        def loss(p: Tensor = p, optimizer: optim.Optimizer = optimizer) -> Tensor:
            optimizer.zero_grad()
            out = (p * p).sum()
            out.backward()
            return out

        optimizer.register_step_pre_hook(lambda own, args, kwargs, loss=loss: ((own, loss), kwargs))
        assert 5.0 == optimizer.step().item()
        assert [1.0, 2.0] != p.tolist()


def test_what_hooks_may_not_give() -> None:
    """Anything but None or a pair is a typed error before the step."""
    p = leaf()
    p.grad = rtch.ones(2)
    optimizer = optim.SGD([p], lr=1.0)
    for given in (5, (1, 2, 3), ([], {})):
        handle = optimizer.register_step_pre_hook(lambda own, args, kwargs, given=given: given)
        with handle, pytest.raises(OptimizerError, match=r"SGD: a hook must give None or a pair \(args, kwargs\); got"):
            optimizer.step()
    assert [1.0, 2.0] == p.tolist()


def test_copies_have_no_hooks() -> None:
    """Hooks are not copied nor pickled, as in PyTorch."""
    optimizer = optim.SGD([leaf()])
    optimizer.register_step_pre_hook(lambda *args: 5)
    copy.deepcopy(optimizer).step()
    pickle.loads(pickle.dumps(optimizer)).step()


@pytest.mark.parametrize("kind", ["SGD", "LBFGS"])
def test_a_closure_is_a_function(kind: str) -> None:
    """Anything else is a typed error."""
    with pytest.raises(OptimizerError, match=f"{kind}: a closure must be a function; got 5"):
        getattr(optim, kind)([leaf()]).step(5)


def test_a_loss_is_a_number() -> None:
    """LBFGS refuses a closure that gives none, and its state stays as it was."""
    optimizer = optim.LBFGS([leaf()])
    with pytest.raises(OptimizerError, match="LBFGS: the closure must give the loss, a number; got None"):
        optimizer.step(lambda: None)
    assert 0 == optimizer.state_dict()["state"][0]["func_evals"]


# Names --------------------------------------------------------------------------------------------------------------


def test_named_parameters_are_pytorchs() -> None:
    """Pairs of name and parameter step as parameters do; the names are in the groups and in the state, as PyTorch's."""
    torch = pytest.importorskip("torch")
    p, t = leaf(), torch.tensor([1.0, 2.0], requires_grad=True)
    optimizer, reference = optim.SGD([("a", p)], lr=0.5), torch.optim.SGD([("a", t)], lr=0.5)
    p.grad, t.grad = rtch.ones(2), torch.ones(2)
    optimizer.step()
    reference.step()
    assert t.tolist() == p.tolist()
    optimizer.add_param_group({"params": [("b", leaf()), ("c", leaf())]})
    reference.add_param_group({"params": [(name, torch.ones(2, requires_grad=True)) for name in "bc"]})
    names = [group["param_names"] for group in reference.state_dict()["param_groups"]]
    assert names == [group["param_names"] for group in optimizer.state_dict()["param_groups"]]
    other = optim.SGD([{"params": [("x", leaf())]}, {"params": [("y", leaf()), ("z", leaf())]}])
    other.load_state_dict(reference.state_dict())
    assert names == [group["param_names"] for group in other.param_groups]
    plain = optim.SGD([{"params": [leaf()]}, {"params": [leaf(), leaf()]}]).state_dict()
    other.load_state_dict(plain)
    assert names == [group["param_names"] for group in other.param_groups]
    assert "param_names" not in repr(other)


def test_a_modules_named_parameters() -> None:
    """What a module gives is taken as it is."""
    layer = rtch.nn.Linear(2, 1)
    assert ["weight", "bias"] == optim.Adam(layer.named_parameters()).param_groups[0]["param_names"]


# Switches -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", FUSED)
def test_switches_of_pytorchs_change_nothing(kind: str) -> None:
    """foreach and fused may have any of PyTorch's values, for an optimiser or a group, and are not kept."""
    results = set()
    for foreach in (None, True, False):
        p = leaf()
        p.grad = rtch.asarray([0.5, -3.0])
        options: dict[str, Any] = {} if kind == "RMSprop" else {"fused": foreach}
        optimizer = getattr(optim, kind)([{"params": [p], "fused": foreach}], foreach=foreach, **options)
        assert not {"foreach", "fused"} & set(optimizer.param_groups[0])
        optimizer.step()
        results.add(p.tobytes())
    assert 1 == len(results)


@pytest.mark.parametrize("kind", FUSED)
def test_every_keyword_of_pytorchs_is_taken(kind: str) -> None:
    """The constructor has PyTorch's keywords, with its defaults."""
    torch = pytest.importorskip("torch")
    theirs = inspect.signature(getattr(torch.optim, kind)).parameters
    ours = inspect.signature(getattr(optim, kind)).parameters
    assert {name: p.default for name, p in theirs.items()} == {
        name: p.default for name, p in ours.items() if name in theirs
    }
