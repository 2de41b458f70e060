# SPDX-License-Identifier: MIT
"""L-BFGS beside PyTorch's: the same points, the same number of evaluations, states that go on."""

from __future__ import annotations

import copy
from itertools import pairwise
from typing import Any

import pytest

import rtch
from rtch import optim
from rtch.errors import OptimizerError
from rtch.tensor import Tensor

CASES: dict[str, dict[str, Any]] = {
    "fixed step": {"lr": 0.1},
    "few iterations": {"lr": 0.05, "max_iter": 3},
    "short memory": {"lr": 0.1, "history_size": 2, "max_iter": 7},
    "wolfe": {"line_search_fn": "strong_wolfe"},
    "wolfe far": {"line_search_fn": "strong_wolfe", "lr": 30.0, "max_iter": 5},
    "wolfe near": {"line_search_fn": "strong_wolfe", "lr": 1e-3, "max_iter": 4},
    "wolfe few": {"line_search_fn": "strong_wolfe", "max_iter": 10, "max_eval": 5},
    "loose": {"line_search_fn": "strong_wolfe", "tolerance_grad": 1e-1, "tolerance_change": 1e-3},
}
STARTS = [[-1.2, 1.0, 0.5], [[0.3, -0.7], [2.0, -1.0]]]


def rosenbrock(params: list[Any]) -> Any:
    """Rosenbrock's valley along all the numbers in a row, for tensors of either library."""
    x = [*(params[0][i] for i in range(3)), *(params[1][i, j] for i in range(2) for j in range(2))]
    total = x[0] * 0.0
    for a, b in pairwise(x):
        total = total + (b - a * a) * (b - a * a) * 10.0 + (1.0 - a) * (1.0 - a)
    return total


def closure(optimizer: Any, params: list[Any], seen: list[float]) -> Any:
    def call() -> Any:
        optimizer.zero_grad()
        loss = rosenbrock(params)
        loss.backward()
        seen.append(loss.item())
        return loss

    return call


def ours(options: dict[str, Any]) -> tuple[optim.LBFGS, list[Tensor]]:
    params = [rtch.asarray(start, dtype="float64").requires_grad_() for start in STARTS]
    return optim.LBFGS(params, **options), params


@pytest.mark.parametrize("name", CASES)
def test_every_evaluation_is_pytorchs(name: str) -> None:
    """Over five steps each loss that the closure sees, each return value and each count are PyTorch's."""
    torch = pytest.importorskip("torch")
    options = CASES[name]
    theirs = [torch.tensor(start, dtype=torch.float64, requires_grad=True) for start in STARTS]
    reference = torch.optim.LBFGS(theirs, **options)
    optimizer, params = ours(options)
    seen: tuple[list[float], list[float]] = ([], [])
    for _ in range(5):
        expected = reference.step(closure(reference, theirs, seen[0]))
        got = optimizer.step(closure(optimizer, params, seen[1]))
        assert expected.item() == pytest.approx(got.item(), rel=1e-7, abs=1e-12)
    assert len(seen[0]) == len(seen[1])
    assert seen[0] == pytest.approx(seen[1], rel=1e-6, abs=1e-10)
    for p, t in zip(params, theirs, strict=True):
        assert t.detach().flatten().tolist() == pytest.approx(p.detach().reshape(-1).tolist(), rel=1e-6, abs=1e-8)
    state, expected_state = optimizer.state_dict()["state"][0], reference.state_dict()["state"][0]
    assert set(expected_state) - {"al"} == set(state)
    for key in ("func_evals", "n_iter"):
        assert expected_state[key] == state[key]
    for key in ("old_dirs", "old_stps", "ro"):
        assert len(expected_state[key]) == len(state[key])


def test_it_finds_a_minimum() -> None:
    """With the line search a few steps reach a point of the valley where it is flat."""
    optimizer, params = ours({"line_search_fn": "strong_wolfe"})
    for _ in range(6):
        optimizer.step(closure(optimizer, params, []))
    optimizer.zero_grad()
    rosenbrock(params).backward()
    assert max(abs(p.grad).max().item() for p in params if p.grad is not None) < 1e-3


@pytest.mark.parametrize("name", ["fixed step", "wolfe", "short memory"])
def test_loading_continues_bit_for_bit(name: str) -> None:
    """Two steps, the state into a new optimiser over copied parameters, two more: the bits of four in one go."""
    optimizer, params = ours(CASES[name])
    for _ in range(2):
        optimizer.step(closure(optimizer, params, []))
    state = copy.deepcopy(optimizer.state_dict())
    others = [p.detach().requires_grad_() for p in params]
    resumed = optim.LBFGS(others, lr=7.0)
    resumed.load_state_dict(state)
    for _ in range(2):
        optimizer.step(closure(optimizer, params, []))
        resumed.step(closure(resumed, others, []))
    assert [p.tobytes() for p in params] == [p.tobytes() for p in others]


def test_pytorchs_state_continues() -> None:
    """PyTorch's state_dict, its tensors made ours, loads, and both go on alike."""
    torch = pytest.importorskip("torch")
    options = CASES["wolfe near"]
    theirs = [torch.tensor(start, dtype=torch.float64, requires_grad=True) for start in STARTS]
    reference = torch.optim.LBFGS(theirs, **options)
    for _ in range(2):
        reference.step(closure(reference, theirs, []))

    def turn(value: Any) -> Any:
        if isinstance(value, list):
            return [turn(item) for item in value if item is not None]
        return rtch.asarray(value.numpy()) if isinstance(value, torch.Tensor) else value

    saved = reference.state_dict()
    state = {key: turn(value) for key, value in saved["state"][0].items()}
    params = [rtch.asarray(t.detach().numpy()).requires_grad_() for t in theirs]
    optimizer = optim.LBFGS(params)
    optimizer.load_state_dict({"state": {0: state}, "param_groups": saved["param_groups"]})
    for _ in range(2):
        expected = reference.step(closure(reference, theirs, []))
        got = optimizer.step(closure(optimizer, params, []))
        assert expected.item() == pytest.approx(got.item(), rel=1e-7)


def test_missing_gradients_are_zero() -> None:
    """A parameter that the loss does not depend on stays."""
    used, unused = rtch.asarray([3.0]).requires_grad_(), rtch.asarray([5.0]).requires_grad_()
    optimizer = optim.LBFGS([used, unused], lr=0.5)

    def call() -> Tensor:
        optimizer.zero_grad()
        loss = (used * used).sum()
        loss.backward()
        return loss

    optimizer.step(call)
    assert [0.0] == pytest.approx(used.tolist(), abs=1e-3)
    assert [5.0] == unused.tolist()


def test_what_it_refuses() -> None:
    """No closure, several groups or dtypes, and states that do not fit are typed errors; nothing changes."""
    optimizer, params = ours({})
    with pytest.raises(OptimizerError, match="LBFGS: step needs a closure"):
        optimizer.step()
    with pytest.raises(OptimizerError, match="LBFGS: one group of parameters is needed"):
        optim.LBFGS([{"params": params[:1]}, {"params": params[1:]}])
    with pytest.raises(OptimizerError, match="LBFGS: parameters must have one dtype; got float32, float64"):
        optim.LBFGS([params[0], rtch.ones(2).requires_grad_()])
    optimizer.step(closure(optimizer, params, []))
    for change, message in (
        (lambda s: s.update(d=rtch.ones((3,), dtype="float64")), r"d must be a Tensor like .*float64\[7\]"),
        (lambda s: s.update(old_dirs=5), "old_dirs must be a list; got int"),
        (lambda s: s["ro"].pop(), "old_dirs, old_stps and ro must have one length"),
        (lambda s: s.update(t="x"), "t must be a number; got 'x'"),
        (lambda s: s.update(n_iter=-1), "n_iter must be a whole number"),
        (lambda s: s.pop("H_diag"), "the state lacks 'H_diag'"),
    ):
        state = optimizer.state_dict()
        change(state["state"][0])
        with pytest.raises(OptimizerError, match=message):
            optimizer.load_state_dict(state)
    state = optimizer.state_dict()
    state["state"][1] = state["state"].pop(0)
    with pytest.raises(OptimizerError, match="the state stands with parameter 0"):
        optimizer.load_state_dict(state)
